/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "options.h"

/*
 * Where the configuration is that verify and cat read, without tapd.
 */
typedef struct Place {
        char root[PATH_MAX];  /* what stands before the paths; "" for the host's own */
        char state[PATH_MAX]; /* tapd's state */
        uid_t own;            /* as of confdirs_init() */
} Place;

/* The one that --root names, or the host's. 0, or an exit status after it was reported that there is none. */
int place_init(Place *place, const Options *options);
