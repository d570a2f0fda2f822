/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tap-info.h"

/*
 * What was told about TAPs so far, to tell what is new.
 */
typedef struct KnownTap {
        char *name;
        char *texts[_FIELD_MAX]; /* of each field, safe to print; NULL: it was not told yet */
        bool seen;               /* by the list that is being read */
} KnownTap;

typedef struct Known {
        KnownTap **taps; /* sorted by name */
        size_t n;
} Known;

void known_done(Known *known);

/* NULL where there is none of that name. */
KnownTap *known_find(const Known *known, const char *name);

/* There must be none of that name. 0 or -ENOMEM. */
int known_add(Known *known, const char *name, KnownTap **ret);
void known_remove(Known *known, KnownTap *tap);

/* Sets the text of a field, which the TAP owns from then on, and hands over the one before, to be freed. */
char *known_exchange(KnownTap *tap, FieldId id, char *text);
