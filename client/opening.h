/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "id-names.h"
#include "tap-info.h"

/* Who wants to open a TAP by its name. */
typedef struct OpeningWho {
        uid_t uid;
        bool in_group;    /* of the TAP */
        bool joins_group; /* at his next login */
} OpeningWho;

#define OPENING_NOTES_MAX 4

/* How QEMU opens a TAP by its name, and which of its errors comes from what. */
typedef struct Opening {
        char *netdev; /* argument of -netdev; NULL: there is none with which it opens this one */
        char *device; /* argument of -device that goes with it */
        char *notes[OPENING_NOTES_MAX];
        size_t n_notes;
} Opening;

/* 0 or -ENOMEM; opening_done() in both cases. */
int opening_init(Opening *opening, const TapInfo *info, IdNames *names, const OpeningWho *who);
void opening_done(Opening *opening);
