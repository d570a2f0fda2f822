/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "scratch.h"
#include "text.h"

typedef struct EscapeCase {
        const char *text, *shown;
} EscapeCase;

static void test_escape(void) {
        static const EscapeCase cases[] = {
                { "", "" },
                { "tap1", "tap1" },
                { " ~", " ~" }, /* the first and the last printable one */
                { "\x01tap", "\\x01tap" },
                { "\033[2J", "\\x1b[2J" },
                { "a\tb\nc\rd", "a\\x09b\\x0ac\\x0dd" },
                { "\177", "\\x7f" },
                { "say \"hi\"", "say \\x22hi\\x22" },
                { "a\\x41", "a\\x5cx41" },
                { "tap\xc3\xa9", "tap\\xc3\\xa9" },
                { "\xff\xfe", "\\xff\\xfe" },
        };
        char buffer[TEXT_ESCAPED_SIZE];

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_true(text_escape(cases[i].text, buffer) == buffer);
                g_assert_cmpstr(buffer, ==, cases[i].shown);
        }
}

/* A quoted value is cut at 64 bytes, of the value, not of what is shown. */
static void test_escape_length(void) {
        static const EscapeCase cases[] = { { "a", "a" }, { "\xff", "\\xff" }, { "\"", "\\x22" } };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *fits = repeat(cases[i].text, 64), *too_long = repeat(cases[i].text, 65),
                                *huge = repeat(cases[i].text, 100000), *shown = repeat(cases[i].shown, 64),
                                *cut = g_strconcat(shown, "...", NULL);
                char buffer[TEXT_ESCAPED_SIZE];

                g_assert_cmpstr(text_escape(fits, buffer), ==, shown);
                g_assert_cmpstr(text_escape(too_long, buffer), ==, cut);
                g_assert_cmpstr(text_escape(huge, buffer), ==, cut);
        }
}

typedef struct PrintableCase {
        const char *text;
        bool printable;
} PrintableCase;

static void test_printable(void) {
        static const PrintableCase cases[] = {
                { "", true },
                { "port 4 of the lab", true },
                { "tap\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x8c", true }, /* 2, 3 and 4 bytes */
                { "a\x1f", false },
                { "a\x7f", false },
                { "two\nlines", false },
                { "\xc2\x9b[2J", false },              /* CSI of C1 */
                { "\xe2\x80\xa8", false },             /* LINE SEPARATOR: no longer one line */
                { "abc\xe2\x80\xae", false },          /* RIGHT-TO-LEFT OVERRIDE */
                { "\xe2\x81\xa6 abc", false },         /* LEFT-TO-RIGHT ISOLATE */
                { "\xd8\x9c", false },                 /* ARABIC LETTER MARK */
                { "\xd7\xa9\xd7\x9c", true },          /* letters that are written from the right are letters */
                { "\x80", false },                     /* a continuation of nothing */
                { "\xc0\xaf", false },                 /* overlong '/' */
                { "\xc1\xbf", false },                 /* overlong DEL */
                { "\xe0\x80\xaf", false },             /* overlong in three bytes */
                { "\xe0\x9f\xbf", false },             /* the highest overlong of three */
                { "\xf0\x8f\xbf\xbf", false },         /* the highest overlong of four */
                { "\xed\x9f\xbf", true },              /* the last before the surrogates */
                { "\xed\xa0\x80", false },             /* the first surrogate */
                { "\xed\xbf\xbf", false },             /* the last one */
                { "\xed\xa0\xbd\xed\xb4\x8c", false }, /* a pair of them (CESU-8) */
                { "\xf4\x8f\xbf\xbf", true },          /* U+10FFFF */
                { "\xf4\x90\x80\x80", false },         /* U+110000 */
                { "\xf8\x88\x80\x80\x80", false },
                { "\xfe", false },
                { "\xff", false },
                { "a\xc3", false }, /* cut off after 1 of 2, 2 of 3, 3 of 4 */
                { "a\xe2\x82", false },
                { "a\xf0\x9f\x94", false },
                { "\xe2\x82"
                  "a\x82",
                  false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                if (text_is_printable(cases[i].text) != cases[i].printable) {
                        g_autofree char *shown = g_strescape(cases[i].text, NULL);

                        g_test_message("\"%s\" must be %s", shown, cases[i].printable ? "printable" : "refused");
                        g_test_fail();
                }
}

/* The formatting characters of UAX #9, 2.1 to 2.6, and the two separators that end a line. */
static bool changes_the_line(gunichar c) {
        return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

static void test_printable_all(void) {
        for (gunichar c = 1; c <= 0x10ffff; c++) {
                char text[7] = "";
                bool printable = g_unichar_type(c) != G_UNICODE_CONTROL && g_unichar_type(c) != G_UNICODE_SURROGATE &&
                                 !changes_the_line(c);

                (void) g_unichar_to_utf8(c, text);
                if (text_is_printable(text) != printable) {
                        g_test_message("U+%04X must be %s", c, printable ? "printable" : "refused");
                        g_test_fail();
                }
        }
}

/* What is no UTF-8 to GLib is not printable. */
static void test_printable_garbage(void) {
        GRand *random = g_rand_new_with_seed(9293);

        for (unsigned i = 0; i < 500000; i++) {
                char text[5] = "";

                for (size_t k = 0; k < 4; k++)
                        text[k] = (char) g_rand_int_range(random, k == 0 ? 0x01 : 0x70, 0x100);
                if (!g_utf8_validate(text, -1, NULL))
                        g_assert_false(text_is_printable(text));
        }

        g_rand_free(random);
}

typedef struct HashCase {
        const char *text;
        uint64_t hash;
} HashCase;

/* The vectors of the FNV reference implementation (test_fnv.c, fnv1a_64). */
static void test_hash(void) {
        static const HashCase cases[] = {
                { "", UINT64_C(0xcbf29ce484222325) },      { "a", UINT64_C(0xaf63dc4c8601ec8c) },
                { "b", UINT64_C(0xaf63df4c8601f1a5) },     { "fo", UINT64_C(0x08985907b541d342) },
                { "foo", UINT64_C(0xdcb27518fed9d577) },   { "foob", UINT64_C(0xdd120e790c2512af) },
                { "fooba", UINT64_C(0xcac165afa2fef40a) }, { "foobar", UINT64_C(0x85944171f73967e8) },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmphex(text_hash(TEXT_HASH_INIT, cases[i].text, strlen(cases[i].text)), ==, cases[i].hash);

        /* In pieces. */
        g_assert_cmphex(text_hash(text_hash(TEXT_HASH_INIT, "foo", 3), "bar", 3), ==, cases[7].hash);
        g_assert_cmphex(text_hash(cases[7].hash, "", 0), ==, cases[7].hash);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/text/escape", test_escape);
        g_test_add_func("/text/escape-length", test_escape_length);
        g_test_add_func("/text/printable", test_printable);
        g_test_add_func("/text/printable-all", test_printable_all);
        g_test_add_func("/text/printable-garbage", test_printable_garbage);
        g_test_add_func("/text/hash", test_hash);

        return g_test_run();
}
