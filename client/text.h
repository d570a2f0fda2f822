/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text that comes from elsewhere: from the bus, from the user database, from the command line.
 */

/* Length in bytes of the UTF-8 character at @text and its code point, or 0 where none starts there: overlong forms,
 * surrogates and what lies above U+10FFFF are no characters. */
size_t text_decode(const char *text, uint32_t *ret_code);

/* Whether all of it is UTF-8. sd-bus sends anything else all the same, and the bus then drops the connection. */
bool text_is_utf8(const char *text);

/* Whether the user's locale has UTF-8. Sets LC_CTYPE, which costs 0.3 ms: call it only where it matters. */
bool text_locale_is_utf8(void);

/* Makes a copy that is safe to print on a terminal: control characters, what the locale cannot show and characters
 * that change the order of the others become \xNN, byte by byte. 0 or -ENOMEM. */
int text_make_safe(const char *text, char **ret);

/* Whether @text is @other, or ends with it. */
bool text_is(const char *text, const char *other);
bool text_ends_with(const char *text, const char *end);

/* Whether two words are so near to each other that one may be a slip for the other. *@distance is how far apart the
 * nearest pair so far was, UINT_MAX at first; nearer than that is updated. */
bool text_is_nearer(const char *word, const char *other, unsigned *distance);

/* How many insertions, deletions, replacements and swaps of neighbours lie between two words; words of more than 31
 * bytes are infinitely far away (UINT_MAX). */
unsigned text_distance(const char *a, const char *b);

/* The time of day, microseconds since the epoch. */
uint64_t text_now_usec(void);

/* Microseconds of a clock that nobody sets. */
uint64_t text_clock_usec(void);

/* Writes a span of time in its largest unit, "5 min", into @buffer. */
void text_format_span(uint64_t seconds, char *buffer, size_t size);

/* Writes how long ago something was, "5 min ago", into @buffer. */
void text_format_age(uint64_t seconds, char *buffer, size_t size);
