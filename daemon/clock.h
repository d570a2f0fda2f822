/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* The time by which deadlines are kept, CLOCK_MONOTONIC. */
uint64_t clock_now_usec(void);

/* A timer of the loop's with accuracy 0 would mean 250 ms. */
#define CLOCK_ACCURACY_USEC 10000
