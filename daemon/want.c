/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "want.h"

#include <time.h>

uint64_t want_now(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

void want_set_back(Want *want, uint64_t now_usec) {
        uint64_t delay = 0;

        if (want->made_usec > 0 && now_usec - want->made_usec > WANT_STABLE_USEC)
                want->n_setbacks = 0;

        want->made_usec = 0;
        want->n_setbacks++;
        if (want->n_setbacks > 1)
                /* 2^10 of the unit is above the bound: larger shifts say nothing more. */
                delay = WANT_DELAY_USEC << (want->n_setbacks - 2 < 10 ? want->n_setbacks - 2 : 10);

        want->retry_usec = now_usec + (delay < WANT_DELAY_MAX_USEC ? delay : WANT_DELAY_MAX_USEC);
}
