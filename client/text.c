/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wctype.h>

#define WORD_MAX 31

static size_t sequence_length(unsigned char lead) {
        if (lead < 0x80)
                return 1;
        if (lead >= 0xc2 && lead < 0xe0)
                return 2;
        if (lead >= 0xe0 && lead < 0xf0)
                return 3;
        if (lead >= 0xf0 && lead < 0xf5)
                return 4;

        return 0;
}

size_t text_decode(const char *text, uint32_t *ret_code) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const unsigned char *bytes = (const unsigned char *) text;
        size_t length = sequence_length(bytes[0]);
        uint32_t code;

        if (length <= 1) {
                *ret_code = bytes[0];
                return length;
        }

        code = bytes[0] & (0xffU >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                /* The NUL at the end is no continuation either, so this never reads past it. */
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (bytes[i] & 0x3f);
        }

        if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
                return 0;

        *ret_code = code;
        return length;
}

bool text_is_utf8(const char *text) {
        while (*text) {
                uint32_t code;
                size_t length = text_decode(text, &code);

                if (length == 0)
                        return false;
                text += length;
        }

        return true;
}

bool text_locale_is_utf8(void) {
        setlocale(LC_CTYPE, "");

        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static bool byte_is_plain(char byte) {
        return byte >= 0x20 && byte < 0x7f;
}

static bool text_is_plain(const char *text) {
        while (byte_is_plain(*text))
                text++;

        return !*text;
}

/* Invisible, or turning the text around it: a name that holds one can look like another name. */
static bool code_deceives(uint32_t code) {
        return code == 0x61c || (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
               (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

/* Length of the character at @text if it may be shown as it is, else 0. */
static size_t printable_length(const char *text, bool utf8) {
        uint32_t code;
        size_t length;

        if (byte_is_plain(*text))
                return 1;
        if (!utf8)
                return 0;

        length = text_decode(text, &code);
        return length > 0 && iswprint((wint_t) code) && !code_deceives(code) ? length : 0;
}

int text_make_safe(const char *text, char **ret) {
        bool utf8;
        char *copy, *end;

        if (text_is_plain(text)) {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;

                *ret = copy;
                return 0;
        }

        copy = end = malloc(strlen(text) * strlen("\\xNN") + 1);
        if (!copy)
                return -ENOMEM;

        utf8 = text_locale_is_utf8();
        while (*text) {
                size_t length = printable_length(text, utf8);

                if (length > 0) {
                        end = mempcpy(end, text, length);
                        text += length;
                } else
                        end += sprintf(end, "\\x%02x", (unsigned char) *text++);
        }
        *end = 0;

        *ret = copy;
        return 0;
}

bool text_is(const char *text, const char *other) {
        return strcmp(text, other) == 0;
}

bool text_ends_with(const char *text, const char *end) {
        size_t length = strlen(text), end_length = strlen(end);

        return length >= end_length && text_is(text + length - end_length, end);
}

static unsigned smaller(unsigned a, unsigned b) {
        return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b);
        unsigned cost[WORD_MAX + 1][WORD_MAX + 1];

        if (n > WORD_MAX || m > WORD_MAX)
                return UINT_MAX;

        for (unsigned i = 0; i <= n; i++)
                for (unsigned j = 0; j <= m; j++) {
                        if (i == 0 || j == 0) {
                                cost[i][j] = i + j;
                                continue;
                        }

                        cost[i][j] = smaller(smaller(cost[i - 1][j], cost[i][j - 1]) + 1,
                                             cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                cost[i][j] = smaller(cost[i][j], cost[i - 2][j - 2] + 1);
                }

        return cost[n][m];
}

bool text_is_nearer(const char *word, const char *other, unsigned *distance) {
        unsigned d = text_distance(word, other);

        if (d > 2 || d >= strlen(word) || d >= *distance)
                return false;

        *distance = d;
        return true;
}

static uint64_t read_clock(clockid_t clock) {
        struct timespec now;

        clock_gettime(clock, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

uint64_t text_now_usec(void) {
        return read_clock(CLOCK_REALTIME);
}

uint64_t text_clock_usec(void) {
        return read_clock(CLOCK_MONOTONIC);
}

void text_format_span(uint64_t seconds, char *buffer, size_t size) {
        static const struct {
                uint64_t seconds;
                const char *one, *many;
        } units[] = {
                { 365 * 24 * 3600, "year", "years" },
                { 30 * 24 * 3600, "month", "months" },
                { 24 * 3600, "day", "days" },
                { 3600, "h", "h" },
                { 60, "min", "min" },
                { 1, "s", "s" },
        };
        size_t i = 0;

        while (seconds < units[i].seconds && units[i].seconds > 1)
                i++;
        seconds /= units[i].seconds;
        snprintf(buffer, size, "%" PRIu64 " %s", seconds, seconds == 1 ? units[i].one : units[i].many);
}

void text_format_age(uint64_t seconds, char *buffer, size_t size) {
        char span[32];

        text_format_span(seconds, span, sizeof(span));
        if (seconds == 0)
                snprintf(buffer, size, "just now");
        else
                snprintf(buffer, size, "%s ago", span);
}
