/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "tap-info.h"

/*
 * Which TAPs are meant: by name or shell pattern, by who created them, by how long nobody has had them open.
 */
typedef struct Selection {
        const char *const *names; /* names and patterns; a TAP has to match one of them, if there are any */
        size_t n_names;
        uint32_t creator;    /* uid; TAPD_ID_UNSET: anybody's */
        bool only_idle;      /* only those that fell idle at @idle_until or before */
        uint64_t idle_until; /* microseconds since the epoch */
} Selection;

/* Strings are those of @options; @now in microseconds since the epoch. 0, or an exit status after it was reported. */
int selection_init(Selection *selection, const Options *options, uint64_t now, const char *verb);

/* Whether a TAP is meant. */
bool selection_has(const Selection *selection, const TapInfo *info);

/* Whether it is a shell pattern, and no name. */
bool selection_is_pattern(const char *text);

/* The TAPs that are meant. */
typedef struct TapList {
        TapInfo *taps;
        size_t n, n_allocated;
        bool *matched; /* for each of the selection's names whether a TAP has it, be it meant or not */
} TapList;

/* Reads the answer of ListTaps; the strings in @list are those of @reply. tap_list_done() in any case. 0, or an exit
 * status after it was reported. */
int tap_list_read(TapList *list, const Selection *selection, sd_bus_message *reply);
void tap_list_done(TapList *list);

/* Reports each name, and if @patterns each pattern, that matched nothing. 0, or TAPCTL_EXIT_NO_SUCH_TAP. */
int tap_list_report_absent(const TapList *list, const Selection *selection, bool patterns);
