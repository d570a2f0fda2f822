/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void known_tap_free(KnownTap *tap) {
        if (!tap)
                return;

        for (FieldId id = 0; id < _FIELD_MAX; id++)
                free(tap->texts[id]);
        free(tap->name);
        free(tap);
}

void known_done(Known *known) {
        for (size_t i = 0; i < known->n; i++)
                known_tap_free(known->taps[i]);
        free(known->taps);
        *known = (Known){};
}

/* The index of the first whose name is not less. */
static size_t known_index(const Known *known, const char *name) {
        size_t low = 0, high = known->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(known->taps[middle]->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

KnownTap *known_find(const Known *known, const char *name) {
        size_t i = known_index(known, name);

        return i < known->n && strcmp(known->taps[i]->name, name) == 0 ? known->taps[i] : NULL;
}

int known_add(Known *known, const char *name, KnownTap **ret) {
        size_t i = known_index(known, name);
        KnownTap **grown, *tap;

        grown = reallocarray(known->taps, known->n + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        known->taps = grown;

        tap = calloc(1, sizeof(*tap));
        if (tap)
                tap->name = strdup(name);
        if (!tap || !tap->name) {
                known_tap_free(tap);
                return -ENOMEM;
        }

        memmove(grown + i + 1, grown + i, (known->n - i) * sizeof(*grown));
        grown[i] = tap;
        known->n++;
        *ret = tap;
        return 0;
}

void known_remove(Known *known, KnownTap *tap) {
        size_t i = known_index(known, tap->name);

        memmove(known->taps + i, known->taps + i + 1, (known->n - i - 1) * sizeof(*known->taps));
        known->n--;
        known_tap_free(tap);
}

char *known_exchange(KnownTap *tap, FieldId id, char *text) {
        char *before = tap->texts[id];

        tap->texts[id] = text;
        return before;
}
