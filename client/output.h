/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tap-info.h"

/*
 * What goes to standard output.
 */

/* Which columns a table of TAPs has, in order. */
typedef struct Columns {
        FieldId ids[_FIELD_LISTED];
        size_t n;
} Columns;

typedef enum Colour {
        COLOUR_NONE,
        COLOUR_GOOD,
        COLOUR_WARNING,
        COLOUR_BAD,
        COLOUR_OFF, /* back to normal */
} Colour;

/* Reads the argument of --output: columns separated by commas; NULL: the default, which fits 80 columns; a "+" in
 * front: in addition to the default. One that is named again is not shown again. 0, or an exit status after it was
 * reported. */
int columns_parse(Columns *columns, const char *text);

/* Prints what columns there are. */
void columns_print_help(void);

/* Whether standard output is a terminal that has colours and a user who wants them (NO_COLOR). */
bool output_has_colours(void);

/* The escape sequence, or "" where there are no colours. */
const char *output_colour(Colour colour, bool has_colours);

/* How well it is that a TAP has this State. */
Colour output_state_colour(const char *state);

/* Prints a table of TAPs. 0, or an exit status after it was reported. */
int output_table(const TapInfo *taps, size_t n, const Columns *columns, bool headings);

/* Writes out what is still in memory. Returns @status, or an exit status of its own where @status is 0 and not
 * everything could be written; says so, but of a pipe that nobody reads. */
int output_finish(int status);
