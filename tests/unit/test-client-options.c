/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "options.h"
#include "output.h"

/* Words are separated by blanks; "_" stands for an empty one. */
static int parse(Options *options, const char *line, char ***ret_words) {
        char **words;

        words = g_strsplit(line, " ", 0);
        for (char **word = words; *word; word++)
                if (strcmp(*word, "_") == 0)
                        **word = 0;

        /* glibc: 0 begins anew, with what it remembers of the line before thrown away. */
        optind = 0;
        *ret_words = words;
        return options_parse(options, (int) g_strv_length(words), words);
}

typedef struct LineCase {
        const char *line;
        int status;
        unsigned given;
        const char *arguments; /* joined by blanks */
} LineCase;

static void test_lines(void) {
        static const LineCase cases[] = {
                { "tapctl", 0, 0, "" },
                { "tapctl list", 0, 0, "list" },
                { "tapctl --json list tap1 -n tap2", 0, OPTION_JSON | OPTION_NO_HEADINGS, "list tap1 tap2" },
                { "tapctl list --json --json", 0, OPTION_JSON, "list" },
                { "tapctl create tap1 --shared tap2", 0, OPTION_SETTINGS, "create tap1 tap2" },
                { "tapctl -oNAME", 0, OPTION_OUTPUT, "" },
                { "tapctl -no NAME", 0, OPTION_OUTPUT | OPTION_NO_HEADINGS, "" },
                { "tapctl create -- -rf --help", 0, 0, "create -rf --help" },
                { "tapctl delete --force -- --force", 0, OPTION_FORCE, "delete --force" },
                { "tapctl create -rf", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl --nonsense", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl --json=yes", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl create --user", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl create --user=a --user=a", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl create --up --up=no", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl -o", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl -o A -o B", TAPCTL_EXIT_USAGE, 0, NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = NULL;
                g_autofree char *joined = NULL;
                Options options;
                int status;

                status = parse(&options, cases[i].line, &words);
                g_assert_cmpint(status, ==, cases[i].status);
                if (status == 0) {
                        joined = g_strjoinv(" ", (char **) options.arguments);
                        g_assert_cmpuint(options.given, ==, cases[i].given);
                        g_assert_cmpstr(joined, ==, cases[i].arguments);
                }
                options_done(&options);
        }
}

static void test_posixly_correct(void) {
        g_auto(GStrv) words = NULL;
        Options options;

        g_setenv("POSIXLY_CORRECT", "1", true);
        g_assert_cmpint(parse(&options, "tapctl list --json", &words), ==, 0);
        g_unsetenv("POSIXLY_CORRECT");

        g_assert_cmpuint(options.given, ==, OPTION_JSON);
        options_done(&options);
}

static void test_settings(void) {
        g_auto(GStrv) words = NULL;
        Options options;

        g_assert_cmpint(parse(&options, "tapctl create --user alice --shared=no --up --description=", &words), ==, 0);
        g_assert_cmpstr(options.settings[SETTING_USER], ==, "alice");
        g_assert_cmpstr(options.settings[SETTING_SHARED], ==, "no");
        g_assert_cmpstr(options.settings[SETTING_UP], ==, "yes");
        g_assert_cmpstr(options.settings[SETTING_DESCRIPTION], ==, "");
        g_assert_null(options.settings[SETTING_GROUP]);
        options_done(&options);
}

static void test_check(void) {
        g_auto(GStrv) words = NULL;
        Options options;

        g_assert_cmpint(parse(&options, "tapctl list --shared", &words), ==, 0);
        g_assert_cmpint(options_check(&options, OPTION_SETTINGS, "create"), ==, 0);
        g_assert_cmpint(options_check(&options, OPTION_JSON, "list"), ==, TAPCTL_EXIT_USAGE);
        options_done(&options);
}

static void test_columns(void) {
        Columns columns;
        size_t n;

        g_assert_cmpint(columns_parse(&columns, NULL), ==, 0);
        n = columns.n;
        g_assert_cmpint(columns.ids[0], ==, FIELD_NAME);

        g_assert_cmpint(columns_parse(&columns, "+mtu,NAME,Mtu"), ==, 0);
        g_assert_cmpuint(columns.n, ==, n + 1);
        g_assert_cmpint(columns.ids[n], ==, FIELD_MTU_BYTES);

        g_assert_cmpint(columns_parse(&columns, "QUEUES,name"), ==, 0);
        g_assert_cmpuint(columns.n, ==, 2);
        g_assert_cmpint(columns.ids[0], ==, FIELD_QUEUES_ATTACHED);

        g_assert_cmpint(columns_parse(&columns, ""), ==, TAPCTL_EXIT_USAGE);
        g_assert_cmpint(columns_parse(&columns, "NAME,"), ==, TAPCTL_EXIT_USAGE);
        g_assert_cmpint(columns_parse(&columns, "+"), ==, TAPCTL_EXIT_USAGE);
        g_assert_cmpint(columns_parse(&columns, "NAM"), ==, TAPCTL_EXIT_USAGE);
        g_assert_cmpint(columns_parse(&columns, "NAMES"), ==, TAPCTL_EXIT_USAGE);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/client/options/lines", test_lines);
        g_test_add_func("/client/options/posixly-correct", test_posixly_correct);
        g_test_add_func("/client/options/settings", test_settings);
        g_test_add_func("/client/options/check", test_check);
        g_test_add_func("/client/columns", test_columns);

        return g_test_run();
}
