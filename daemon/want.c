/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "want.h"

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
