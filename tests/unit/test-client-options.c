/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "known.h"
#include "names.h"
#include "options.h"
#include "output.h"
#include "selection.h"

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
                { "tapctl create tap1 --shared tap2", 0, OPTION_ACCESS, "create tap1 tap2" },
                { "tapctl create --mtu=1400 --group=kvm", 0, OPTION_SETTINGS | OPTION_ACCESS, "create" },
                { "tapctl plug tap1 dsw-host --vlan 20", 0, OPTION_PORT, "plug tap1 dsw-host" },
                { "tapctl plug --trunk 10,20-29 --isolated tap1 br0", 0, OPTION_PORT, "plug tap1 br0" },
                { "tapctl create --switch br0 --interface-id=x", 0, OPTION_SWITCH | OPTION_PORT, "create" },
                { "tapctl plug tap1 br0 --vlan", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl plug tap1 br0 --vlan 1 --vlan 2", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl -oNAME", 0, OPTION_OUTPUT, "" },
                { "tapctl -no NAME", 0, OPTION_OUTPUT | OPTION_NO_HEADINGS, "" },
                { "tapctl create -- -rf --help", 0, 0, "create -rf --help" },
                { "tapctl delete --force -- --force", 0, OPTION_FORCE, "delete --force" },
                { "tapctl list --mine --idle 1h", 0, OPTION_MINE | OPTION_IDLE, "list" },
                { "tapctl create --for-unit tap1", 0, OPTION_FOR_UNIT, "create tap1" },
                { "tapctl reload --recreate", 0, OPTION_RECREATE, "reload" },
                { "tapctl verify --root=/x a.tap", 0, OPTION_ROOT, "verify a.tap" },
                { "tapctl verify --root=/x --root=/y", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl list --user a", 0, OPTION_USER, "list" },
                { "tapctl run --queues=2 tap1 -- sh -c x", 0, OPTION_QUEUES, "run tap1 sh -c x" },
                { "tapctl import --from a --write --from=b", 0, OPTION_FROM | OPTION_WRITE, "import" },
                { "tapctl import --root a --root b", TAPCTL_EXIT_USAGE, 0, NULL },
                { "tapctl run --queues 2 --queues 2", TAPCTL_EXIT_USAGE, 0, NULL },
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

static void test_repeated(void) {
        g_auto(GStrv) words = NULL;
        Options options;

        g_assert_cmpint(parse(&options, "tapctl --from a import --from=b --from -", &words), ==, 0);
        g_assert_cmpuint(options.n_from, ==, 3);
        g_assert_cmpstr(options.from[0], ==, "a");
        g_assert_cmpstr(options.from[1], ==, "b");
        g_assert_cmpstr(options.from[2], ==, "-");
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
        g_assert_cmpint(options_check(&options, OPTIONS_SETTINGS, "create"), ==, 0);
        g_assert_cmpint(options_check(&options, OPTION_SETTINGS, "run"), ==, TAPCTL_EXIT_USAGE);
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

static void test_dashes(void) {
        g_auto(GStrv) words = NULL, others = NULL;
        Options options;

        g_assert_cmpint(parse(&options, "tapctl run tap1 -- sh -- x", &words), ==, 0);
        g_assert_cmpuint(options.n_before_dashes, ==, 2);
        g_assert_cmpuint(options.n_arguments, ==, 5);
        g_assert_null(options.arguments[5]);
        options_done(&options);

        g_assert_cmpint(parse(&options, "tapctl run tap1 sh", &others), ==, 0);
        g_assert_cmpuint(options.n_before_dashes, ==, options.n_arguments);
        options_done(&options);
}

/* At 20 s. */
static const TapInfo taps[] = {
        { .name = "tap1", .creator_uid = 1000, .idle_since_usec = 5000000 },
        { .name = "tap2", .creator_uid = 1000, .idle_since_usec = 10000000 },
        { .name = "vm1", .creator_uid = 1001, .idle_since_usec = 0 },
};

static void test_selection(void) {
        static const struct {
                const char *line;
                bool selected[G_N_ELEMENTS(taps)];
        } cases[] = {
                { "", { true, true, true } },
                { "tap1", { true, false, false } },
                { "tap* vm1", { true, true, true } },
                { "*1", { true, false, true } },
                { "[tv]?p2", { false, true, false } },
                { "--user=1000", { true, true, false } },
                { "--user=1001 tap*", { false, false, false } },
                { "--idle=15s", { true, false, false } },
                { "--idle=10", { true, true, false } },
                { "--idle=1h", { false, false, false } },
                { "--idle=0 --user=1000 *2", { false, true, false } },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = NULL;
                g_autofree char *line = g_strdup_printf("tapctl%s%s", *cases[i].line ? " " : "", cases[i].line);
                Selection selection;
                Options options;

                g_assert_cmpint(parse(&options, line, &words), ==, 0);
                g_assert_cmpint(selection_init(&selection, &options, 20000000, "list"), ==, 0);
                for (size_t j = 0; j < G_N_ELEMENTS(taps); j++)
                        g_assert_cmpint(selection_has(&selection, &taps[j]), ==, cases[i].selected[j]);
                options_done(&options);
        }
}

static void test_selection_mistakes(void) {
        static const char *const lines[] = { "tapctl --mine --user=0", "tapctl --idle=12x", "tapctl --idle=_",
                                             "tapctl --user=4294967295", "tapctl --idle=-1" };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                g_auto(GStrv) words = NULL;
                Selection selection;
                Options options;

                g_assert_cmpint(parse(&options, lines[i], &words), ==, 0);
                g_assert_cmpint(selection_init(&selection, &options, 0, "list"), ==, TAPCTL_EXIT_USAGE);
                options_done(&options);
        }
}

/* What only a device has is not told of a declared TAP without one; what its file says is. */
static void test_absent(void) {
        static const struct {
                FieldId id;
                const char *absent, *present;
        } cases[] = {
                { FIELD_NAME, "tap1", "tap1" },
                { FIELD_LIFETIME, "declared", "declared" },
                { FIELD_STATE_REASON, "why", "why" },
                { FIELD_STATE, "blocked", "blocked" },
                { FIELD_MULTI_QUEUE, "yes", "yes" },
                { FIELD_IFINDEX, "-", "7" },
                { FIELD_MTU_BYTES, "-", "1500" },
                { FIELD_QUEUES_ATTACHED, "-", "0" },
                { FIELD_ADMINISTRATIVE_STATE, "-", "down" },
                { FIELD_OPERATIONAL_STATE, "-", "unknown" },
                { FIELD_MAC_ADDRESS, "-", "-" },
        };
        TapInfo info = {
                .name = "tap1",
                .lifetime = "declared",
                .state = "blocked",
                .state_reason = "why",
                .administrative_state = "down",
                .operational_state = "unknown",
                .multi_queue = true,
                .mtu_bytes = 1500,
        };
        IdNames names = {};

        /* A change alone does not tell the number. */
        g_assert_false(tap_info_is_absent(&info));
        info.told = FIELD_BIT(FIELD_IFINDEX);
        g_assert_true(tap_info_is_absent(&info));

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *absent = NULL, *present = NULL;

                info.ifindex = 0;
                g_assert_cmpint(tap_info_format(&info, cases[i].id, &names, &absent), ==, 0);
                g_assert_cmpstr(absent, ==, cases[i].absent);
                info.ifindex = 7;
                g_assert_cmpint(tap_info_format(&info, cases[i].id, &names, &present), ==, 0);
                g_assert_cmpstr(present, ==, cases[i].present);
        }
        id_names_done(&names);
}

static void test_known(void) {
        static const char *const names[] = { "tap2", "tap10", "vm1", "a" };
        Known known = {};
        KnownTap *tap;

        g_assert_null(known_find(&known, "a"));
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                g_assert_cmpint(known_add(&known, names[i], &tap), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                g_assert_cmpstr(known_find(&known, names[i])->name, ==, names[i]);

        tap = known_find(&known, "tap2");
        g_assert_null(known_exchange(tap, FIELD_STATE, g_strdup("ready")));
        g_free(known_exchange(tap, FIELD_STATE, NULL));
        known_remove(&known, tap);
        g_assert_null(known_find(&known, "tap2"));
        g_assert_nonnull(known_find(&known, "tap10"));
        g_assert_cmpuint(known.n, ==, 3);
        known_done(&known);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/client/options/lines", test_lines);
        g_test_add_func("/client/options/posixly-correct", test_posixly_correct);
        g_test_add_func("/client/options/repeated", test_repeated);
        g_test_add_func("/client/options/settings", test_settings);
        g_test_add_func("/client/options/check", test_check);
        g_test_add_func("/client/columns", test_columns);

        g_test_add_func("/client/options/dashes", test_dashes);
        g_test_add_func("/client/selection/cases", test_selection);
        g_test_add_func("/client/selection/mistakes", test_selection_mistakes);
        g_test_add_func("/client/absent", test_absent);
        g_test_add_func("/client/known", test_known);

        return g_test_run();
}
