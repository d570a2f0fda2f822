/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "tap.h"

/*
 * One name that a file declares, or declared: its TAP, and how often it was lost. It outlives its TAP and a reload, so
 * that somebody who deletes a declared device over and over does not keep tapd busy.
 */
typedef struct Want {
        char name[NAME_SIZE];
        Tap *tap;            /* with or without a device; NULL: none yet */
        unsigned n_setbacks; /* losses and failures in a row */
        uint64_t made_usec;  /* CLOCK_MONOTONIC, as the next */
        uint64_t retry_usec; /* it is not made before */
        bool is_due;         /* to be looked at; in the list */
        bool is_awaited;     /* a reload waits for it to be plugged in */
        struct Want *prev, *next;
        UT_hash_handle hh;
} Want;

/* A TAP that lasted so long was not lost in a row with the one before. */
#define WANT_STABLE_USEC (UINT64_C(60) * 1000000)

/* The first time it is made again at once, then after 100 ms, doubled each time up to a minute. */
#define WANT_DELAY_USEC UINT64_C(100000)
#define WANT_DELAY_MAX_USEC (UINT64_C(60) * 1000000)

/* CLOCK_MONOTONIC, in microseconds. */
uint64_t want_now(void);

/* Notes that its TAP was lost, or could not be made, at @now_usec; sets when it is to be tried next. */
void want_set_back(Want *want, uint64_t now_usec);
