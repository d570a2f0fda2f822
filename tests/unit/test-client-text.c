/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <limits.h>
#include <locale.h>

#include "command.h"
#include "holders.h"
#include "id-names.h"
#include "text.h"

typedef struct Utf8Case {
        const char *text;
        bool valid;
} Utf8Case;

static void test_utf8(void) {
        static const Utf8Case cases[] = {
                { "", true },
                { "tap1", true },
                { "\x7f", true },
                { "\xc2\x80", true },         /* the lowest of two bytes */
                { "\xed\x9f\xbf", true },     /* the last before the surrogates */
                { "\xf4\x8f\xbf\xbf", true }, /* U+10FFFF */
                { "\xff", false },
                { "\x80", false },             /* a continuation of nothing */
                { "\xc0\xaf", false },         /* overlong '/' */
                { "\xe0\x80\xaf", false },     /* the same in three bytes */
                { "\xf0\x80\x80\xaf", false }, /* and in four */
                { "\xed\xa0\x80", false },     /* a surrogate */
                { "\xf4\x90\x80\x80", false }, /* U+110000 */
                { "a\xe2\x82", false },        /* cut off */
                { "\xf5\x80\x80\x80", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(text_is_utf8(cases[i].text), ==, cases[i].valid);
}

typedef struct EscapeCase {
        const char *text, *plain, *utf8;
} EscapeCase;

static const EscapeCase escape_cases[] = {
        { "", "", "" },
        { "tap1", "tap1", "tap1" },
        { "\033[2J", "\\x1b[2J", "\\x1b[2J" },
        { "a\nb\tc\177", "a\\x0ab\\x09c\\x7f", "a\\x0ab\\x09c\\x7f" },
        { "b\xc3\xb6se", "b\\xc3\\xb6se", "b\xc3\xb6se" },
        { "\xc2\x9b", "\\xc2\\x9b", "\\xc2\\x9b" },                     /* CSI of C1 */
        { "a\xe2\x80\xaez", "a\\xe2\\x80\\xaez", "a\\xe2\\x80\\xaez" }, /* right-to-left override */
        { "\xff\xfe", "\\xff\\xfe", "\\xff\\xfe" },
};

static void test_escape_plain(void) {
        g_setenv("LC_ALL", "C", true);

        for (size_t i = 0; i < G_N_ELEMENTS(escape_cases); i++) {
                g_autofree char *shown = NULL;

                g_assert_cmpint(text_make_safe(escape_cases[i].text, &shown), ==, 0);
                g_assert_cmpstr(shown, ==, escape_cases[i].plain);
        }
}

static void test_escape_utf8(void) {
        g_setenv("LC_ALL", "C.UTF-8", true);
        if (!text_locale_is_utf8()) {
                g_test_skip("there is no locale C.UTF-8");
                return;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(escape_cases); i++) {
                g_autofree char *shown = NULL;

                g_assert_cmpint(text_make_safe(escape_cases[i].text, &shown), ==, 0);
                g_assert_cmpstr(shown, ==, escape_cases[i].utf8);
        }
}

static void test_distance(void) {
        g_assert_cmpuint(text_distance("", ""), ==, 0);
        g_assert_cmpuint(text_distance("list", "list"), ==, 0);
        g_assert_cmpuint(text_distance("lsit", "list"), ==, 1);
        g_assert_cmpuint(text_distance("lis", "list"), ==, 1);
        g_assert_cmpuint(text_distance("crete", "create"), ==, 1);
        g_assert_cmpuint(text_distance("", "list"), ==, 4);
        g_assert_cmpuint(text_distance("abcdefghijklmnopqrstuvwxyzabcdefg", "list"), ==, UINT_MAX);
}

static void test_nearer(void) {
        unsigned distance = UINT_MAX;

        g_assert_false(text_is_nearer("-", "up", &distance)); /* as far away as it is long */
        g_assert_false(text_is_nearer("frobnicate", "create", &distance));
        g_assert_true(text_is_nearer("stats", "status", &distance));
        g_assert_false(text_is_nearer("stats", "status", &distance)); /* not nearer than that */
}

static void test_age(void) {
        static const struct {
                uint64_t seconds;
                const char *text;
        } cases[] = {
                { 0, "just now" },
                { 1, "1 s ago" },
                { 59, "59 s ago" },
                { 60, "1 min ago" },
                { 3599, "59 min ago" },
                { 3600, "1 h ago" },
                { 86400, "1 day ago" },
                { 172800, "2 days ago" },
                { 31 * 86400, "1 month ago" },
                { 366 * 86400, "1 year ago" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                char buffer[32];

                text_format_age(cases[i].seconds, buffer, sizeof(buffer));
                g_assert_cmpstr(buffer, ==, cases[i].text);
        }
}

static void test_span(void) {
        static const struct {
                uint64_t seconds;
                const char *text;
        } cases[] = { { 0, "0 s" }, { 1, "1 s" }, { 119, "1 min" }, { 7200, "2 h" }, { 86400, "1 day" } };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                char buffer[32];

                text_format_span(cases[i].seconds, buffer, sizeof(buffer));
                g_assert_cmpstr(buffer, ==, cases[i].text);
        }
}

static void test_tokens(void) {
        static const CommandTap tap = { .name = "tap1", .fds = "3:4", .mac = "{name}" };
        static const struct {
                const char *text, *expanded;
        } cases[] = {
                { "", "" },
                { "{name}", "tap1" },
                { "tap,id=n0,fds={fds}", "tap,id=n0,fds=3:4" },
                { "{fds}{fds}", "3:43:4" },
                { "{mac}", "{name}" }, /* what was put in is not looked at again */
                { "{names}", "{names}" },
                { "{Name}", "{Name}" },
                { "{name", "{name" },
                { "{{name}}", "{tap1}" },
                { "${name} $ {name}", "${name} $ tap1" },
                { "{}", "{}" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *expanded = command_expand(cases[i].text, &tap);

                g_assert_cmpstr(expanded, ==, cases[i].expanded);
        }
}

/* Of several descriptors none is the one. */
static void test_one_fd(void) {
        static const CommandTap one = { .name = "tap1", .fds = "3", .fd = "3", .mac = "" },
                                several = { .name = "tap1", .fds = "3:4", .mac = "" };
        static const struct {
                const char *text, *one, *several;
                bool has_it;
        } cases[] = {
                { "tap,id=n0,fd={fd}", "tap,id=n0,fd=3", "tap,id=n0,fd={fd}", true },
                { "{fds}", "3", "3:4", false },
                { "${fd}", "${fd}", "${fd}", false },
                { "${fd}{fd}", "${fd}3", "${fd}{fd}", true },
                { "{fd", "{fd", "{fd", false },
                { "", "", "", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const char *const words[] = { "sh", "-c", cases[i].text, NULL };
                g_autofree char *of_one = command_expand(cases[i].text, &one),
                                *of_several = command_expand(cases[i].text, &several);

                g_assert_cmpstr(of_one, ==, cases[i].one);
                g_assert_cmpstr(of_several, ==, cases[i].several);
                g_assert_cmpint(command_has_token(words, "{fd}"), ==, cases[i].has_it);
        }

        /* The command itself is taken as it is. */
        g_assert_false(command_has_token((const char *const[]){ "{fd}", "x", NULL }, "{fd}"));
        g_assert_false(command_has_token((const char *const[]){ NULL }, "{fd}"));
}

static void test_fds(void) {
        static const int fds[] = { 3, 10, 2147483647 };
        g_autofree char *none = command_join_fds(fds, 0), *one = command_join_fds(fds, 1),
                        *all = command_join_fds(fds, 3);

        g_assert_cmpstr(none, ==, "");
        g_assert_cmpstr(one, ==, "3");
        g_assert_cmpstr(all, ==, "3:10:2147483647");
}

static void test_fdinfo(void) {
        static const struct {
                const char *text, *name; /* NULL: none */
        } cases[] = {
                { "pos:\t0\nflags:\t0104002\nmnt_id:\t359\nino:\t2\niff:\ttap1\n", "tap1" },
                { "iff:\tabcdefghijklmno", "abcdefghijklmno" },
                { "pos:\t0\n", NULL },
                { "iff:\t\n", NULL },
                { "iff:\tabcdefghijklmnop\n", NULL },
                { "xiff:\ttap1\n", NULL },
                { "", NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                char name[16] = "";

                g_assert_cmpint(holders_parse_fdinfo(cases[i].text, name) == 0, ==, cases[i].name != NULL);
                g_assert_cmpstr(name, ==, cases[i].name ? cases[i].name : "");
        }
}

static void test_users_in_message(void) {
        static const struct {
                const char *message, *expected;
        } rows[] = {
                { "tap1 belongs to uid 0", "tap1 belongs to root" },
                { "uid 0: uid 0", "root: root" },
                { "uid 4294967294 is nobody's", "uid 4294967294 is nobody's" },
                { "uid 99999999999999999999", "uid 99999999999999999999" },
                { "druid 0, uid x, uid ", "druid 0, uid x, uid " },
                { "", "" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *text = id_names_in_message(rows[i].message);

                g_assert_cmpstr(text, ==, rows[i].expected);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        setlocale(LC_CTYPE, "C");

        g_test_add_func("/client/text/utf8", test_utf8);
        g_test_add_func("/client/text/escape/plain", test_escape_plain);
        g_test_add_func("/client/text/escape/utf8", test_escape_utf8);
        g_test_add_func("/client/text/distance", test_distance);
        g_test_add_func("/client/text/nearer", test_nearer);
        g_test_add_func("/client/text/age", test_age);

        g_test_add_func("/client/text/span", test_span);
        g_test_add_func("/client/command/tokens", test_tokens);
        g_test_add_func("/client/command/one-fd", test_one_fd);
        g_test_add_func("/client/command/fds", test_fds);
        g_test_add_func("/client/holders/fdinfo", test_fdinfo);

        g_test_add_func("/client/text/users-in-message", test_users_in_message);

        return g_test_run();
}
