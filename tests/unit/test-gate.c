/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "gate.h"
#include "names.h"
#include "scratch.h"
#include "text.h"

#define ALICE 1000
#define BOB 1001
#define CAROL 1002 /* in no grant that stands */
#define DAVE 1003  /* in nothing at all */
#define TUTOR 1004
#define SERVICE 64055 /* a system account that a grant names */
#define FALLEN 998    /* one that only a grant names that is off */
#define KVM 104
#define STUDENTS 1500
#define WHEEL 27
#define NONE TAPD_ID_UNSET

#define IDS(...)                                                                                                       \
        { .ids = (uint32_t[]){ __VA_ARGS__ }, .n_ids = G_N_ELEMENTS(((uint32_t[]){ __VA_ARGS__ })) }
#define NAMES(...)                                                                                                     \
        (char *[]) {                                                                                                   \
                __VA_ARGS__, NULL                                                                                      \
        }

static Grant grants[] = {
        { .name = (char *) "kvm",
          .user_groups = IDS(KVM),
          .names = NAMES((char *) "tap*", (char *) "vm*"),
          .taps_per_user = 32,
          .shared = true },
        { .name = (char *) "alice",
          .users = IDS(ALICE),
          .groups = IDS(STUDENTS, 1501),
          .names = NAMES((char *) "alice*"),
          .taps_per_user = 2 },
        { .name = (char *) "off",
          .users = IDS(CAROL, FALLEN),
          .user_groups = IDS(KVM),
          .names = NAMES((char *) "*"),
          .taps_per_user = 1000,
          .shared = true,
          .is_off = true },
        { .name = (char *) "tutor", .users = IDS(TUTOR), .names = NAMES((char *) "lab1"), .taps_per_user = 2 },
        { .name = (char *) "service", .users = IDS(SERVICE), .names = NAMES((char *) "q*"), .taps_per_user = 1 },
        { .name = (char *) "zero", .users = IDS(BOB), .names = NAMES((char *) "zero*") },
        { .name = (char *) "nameless", .users = IDS(TUTOR), .taps_per_user = 1 },
};

static const Config config = {
        .defaults = { .group = KVM, .multi_queue = true },
        .grants = grants,
        .n_grants = G_N_ELEMENTS(grants),
};

/* A caller in none, one or two groups (0: none). */
static Caller *caller_new(uid_t uid, gid_t group1, gid_t group2) {
        Caller *caller = g_malloc0(sizeof(*caller) + 2 * sizeof(caller->groups[0]));

        caller->uid = uid;
        if (group1 != 0)
                caller->groups[caller->n_groups++] = group1;
        if (group2 != 0)
                caller->groups[caller->n_groups++] = group2;
        return caller;
}

static TapSpec spec_of(uid_t user, gid_t group, bool shared) {
        TapSpec spec = SPEC_INIT;

        spec.user = user;
        spec.group = group;
        spec.shared = shared;
        return spec;
}

typedef struct AccountCase {
        uid_t uid;
        bool passes;
} AccountCase;

/* Below UID_MIN of login.defs(5), and 61184 to 65535; no upper bound. Each is a member of kvm, as libvirt-qemu is. */
static const AccountCase account_cases[] = {
        { 0, true },          { 1, false },     { 105, false },    { FALLEN, false },
        { 999, false },       { 1000, true },   { 1001, true },    { 60000, true },
        { 60001, true },      { 61183, true },  { 61184, false },  { 64055, true /* named */ },
        { 64056, false },     { 65519, false }, { 65534, false },  { 65535, false },
        { 65536, true },      { 100000, true }, { 4000000, true }, { 2147483648, true },
        { 4294967294, true },
};

static void check_account(int r, const Fault *fault, bool passes) {
        if (passes) {
                g_assert_cmpint(r, ==, 0);
                return;
        }

        g_assert_cmpint(r, <, 0);
        g_assert_cmpint(fault->error, ==, TAPD_ERROR_ACCESS_DENIED);
        g_assert_nonnull(strstr(fault->text, "system account not enabled"));
}

static void test_accounts(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(account_cases); i++) {
                const AccountCase *row = &account_cases[i];
                g_autofree Caller *caller = caller_new(row->uid, KVM, 0);
                const TapSpec spec = spec_of(row->uid, KVM, false);
                const Record record = { .name = "tap1", .creator = row->uid, .spec = spec };
                GateVerdict verdict;
                Fault fault = {};

                check_account(gate_create(&config, caller, "tap1", &spec, NULL, 0, &verdict, &fault), &fault,
                              row->passes);

                /* Its own TAP, of a time when it was enabled. */
                fault = (Fault){};
                check_account(
                        gate_use(&config, caller, GATE_CONFIGURE, &(GateTap){ .record = &record }, &verdict, &fault),
                        &fault, row->passes);
                fault = (Fault){};
                check_account(gate_use(&config, caller, GATE_DELETE, &(GateTap){ .record = &record }, &verdict, &fault),
                              &fault, row->passes);
        }
}

/* Without any grant: nobody is let in by an empty file. */
static void test_no_grants(void) {
        const Config empty = { .defaults = { .group = NONE, .multi_queue = true } };
        const TapSpec spec = spec_of(ALICE, NONE, false);
        g_autofree Caller *alice = caller_new(ALICE, KVM, 0), *root = caller_new(0, 0, 0),
                          *qemu = caller_new(64055, KVM, 0);
        GateVerdict verdict;
        Fault fault = {};

        g_assert_cmpint(gate_create(&empty, alice, "tap1", &spec, NULL, 0, &verdict, &fault), ==, 0);
        g_assert_true(verdict.needs_override);
        g_assert_null(verdict.grant);
        g_assert_cmpint(verdict.override_reason.error, ==, TAPD_ERROR_ACCESS_DENIED);

        g_assert_cmpint(gate_create(&empty, root, "tap1", &spec, NULL, 0, &verdict, &fault), ==, 0);
        g_assert_false(verdict.needs_override);
        check_account(gate_create(&empty, qemu, "tap1", &spec, NULL, 0, &verdict, &fault), &fault, false);
}

typedef struct CreateCase {
        const char *label;
        uid_t uid;
        gid_t group1, group2;
        const char *name;
        uid_t user;
        gid_t group;
        bool shared;
        size_t n_taps;

        const char *grant; /* that covers it; NULL: none does */
        TapdError error;   /* why an override is needed */
        const char *says;
} CreateCase;

#define YES .error = TAPD_ERROR_NONE
#define DENIED .error = TAPD_ERROR_ACCESS_DENIED
#define LIMIT .error = TAPD_ERROR_LIMITS_EXCEEDED

static const CreateCase create_cases[] = {
        /* The caller: by his uid or by a group, never by a grant that is off. */
        { "member", BOB, KVM, 0, "tap1", BOB, KVM, false, 0, "kvm", YES },
        { "member-second-group", BOB, STUDENTS, KVM, "tap1", BOB, KVM, false, 0, "kvm", YES },
        { "by-uid", ALICE, 0, 0, "alice1", ALICE, NONE, false, 0, "alice", YES },
        { "by-uid-and-group", ALICE, KVM, 0, "vm1", ALICE, KVM, false, 0, "kvm", YES },
        { "named-service", SERVICE, 0, 0, "q1", SERVICE, NONE, false, 0, "service", YES },
        { "no-member", DAVE, STUDENTS, 0, "tap1", DAVE, NONE, false, 0, NULL, DENIED },
        { "no-groups", DAVE, 0, 0, "tap1", DAVE, NONE, false, 0, NULL, DENIED },
        { "uid-is-no-gid", 1500, 0, 0, "tap1", 1500, NONE, false, 0, NULL, DENIED },
        { "gid-is-no-uid", DAVE, ALICE, 0, "alice1", DAVE, NONE, false, 0, NULL, DENIED },
        { "grant-off", CAROL, 0, 0, "tap1", CAROL, NONE, false, 0, NULL, DENIED },
        { "grant-off-by-group", DAVE, KVM, 0, "other1", DAVE, KVM, false, 0, NULL, DENIED, "tap* vm*" },

        /* Names. */
        { "pattern-bare", BOB, KVM, 0, "tap", BOB, KVM, false, 0, "kvm", YES },
        { "pattern-long", BOB, KVM, 0, "tapabcdefghijkl", BOB, KVM, false, 0, "kvm", YES },
        { "pattern-second", BOB, KVM, 0, "vm7", BOB, KVM, false, 0, "kvm", YES },
        { "pattern-none", TUTOR, 0, 0, "lab1", TUTOR, NONE, false, 0, "tutor", YES },
        { "pattern-none-longer", TUTOR, 0, 0, "lab11", TUTOR, NONE, false, 0, NULL, DENIED, "lab1" },
        { "pattern-inside", BOB, KVM, 0, "mytap1", BOB, KVM, false, 0, NULL, DENIED, "tap* vm*" },
        { "pattern-case", BOB, KVM, 0, "TAP1", BOB, KVM, false, 0, NULL, DENIED, "tap* vm*" },
        { "name-of-system", BOB, KVM, 0, "eth0", BOB, KVM, false, 0, NULL, DENIED, "tap* vm*" },
        { "name-of-bridge", BOB, KVM, 0, "virbr0", BOB, KVM, false, 0, NULL, DENIED, "\"virbr0\"" },
        { "name-of-other-grant", BOB, KVM, 0, "alice1", BOB, KVM, false, 0, NULL, DENIED, "tap* vm*" },
        { "names-of-all-grants", ALICE, KVM, 0, "eth0", ALICE, KVM, false, 0, NULL, DENIED, "tap* vm* alice*" },
        { "no-names-of-others", ALICE, 0, 0, "tap1", ALICE, NONE, false, 0, NULL, DENIED, "alice*" },

        /* Shared. */
        { "shared", BOB, KVM, 0, "tap1", NONE, KVM, true, 0, "kvm", YES },
        { "shared-not-granted", ALICE, 0, 0, "alice1", NONE, KVM, true, 0, NULL, DENIED, "Shared=" },
        { "shared-of-other-grant", ALICE, KVM, 0, "alice1", NONE, KVM, true, 0, NULL, DENIED, "Shared=" },

        /* User. */
        { "user-other", BOB, KVM, 0, "tap1", ALICE, KVM, false, 0, NULL, DENIED, "User=" },
        { "user-root", BOB, KVM, 0, "tap1", 0, KVM, false, 0, NULL, DENIED, "User=" },
        { "user-other-of-grant", ALICE, 0, 0, "alice1", BOB, NONE, false, 0, NULL, DENIED, "User=" },

        /* Group: the default, Groups= of this grant, or none. */
        { "group-none", BOB, KVM, 0, "tap1", BOB, NONE, false, 0, "kvm", YES },
        { "group-default-of-outsider", ALICE, 0, 0, "alice1", ALICE, KVM, false, 0, "alice", YES },
        { "group-granted", ALICE, 0, 0, "alice1", ALICE, STUDENTS, false, 0, "alice", YES },
        { "group-granted-second", ALICE, 0, 0, "alice1", ALICE, 1501, false, 0, "alice", YES },
        { "group-other", ALICE, 0, 0, "alice1", ALICE, WHEEL, false, 0, NULL, DENIED, "Group=" },
        { "group-root", BOB, KVM, 0, "tap1", BOB, 0, false, 0, NULL, DENIED, "Group=" },
        { "group-of-his-own", BOB, KVM, STUDENTS, "tap1", BOB, STUDENTS, false, 0, NULL, DENIED, "Group=" },
        { "group-of-other-grant", ALICE, KVM, 0, "tap1", ALICE, STUDENTS, false, 0, NULL, DENIED, "Group=" },
        { "group-and-shared-of-two", ALICE, KVM, 0, "alice1", NONE, STUDENTS, true, 0, NULL, DENIED, "Shared=" },
        { "group-shared-other", BOB, KVM, 0, "tap1", NONE, STUDENTS, true, 0, NULL, DENIED, "Group=" },

        /* TapsPerUser: the largest of all grants that name him, and all his TAPs count. */
        { "quota-last", BOB, KVM, 0, "tap1", BOB, KVM, false, 31, "kvm", YES },
        { "quota-full", BOB, KVM, 0, "tap1", BOB, KVM, false, 32, NULL, LIMIT, "32 of 32 TAPs" },
        { "quota-above", BOB, KVM, 0, "tap1", BOB, KVM, false, 100000, NULL, LIMIT, "100000 of 32 TAPs" },
        { "quota-small", ALICE, 0, 0, "alice1", ALICE, NONE, false, 1, "alice", YES },
        { "quota-small-full", ALICE, 0, 0, "alice1", ALICE, NONE, false, 2, NULL, LIMIT, "2 of 2 TAPs" },
        { "quota-largest", ALICE, KVM, 0, "alice1", ALICE, NONE, false, 2, "alice", YES },
        { "quota-largest-last", ALICE, KVM, 0, "alice1", ALICE, NONE, false, 31, "alice", YES },
        { "quota-largest-full", ALICE, KVM, 0, "alice1", ALICE, NONE, false, 32, NULL, LIMIT, "32 of 32 TAPs" },
        { "quota-of-grant-off", CAROL, KVM, 0, "tap1", CAROL, KVM, false, 32, NULL, LIMIT, "32 of 32 TAPs" },
        { "quota-zero", BOB, 0, 0, "zero1", BOB, NONE, false, 0, NULL, LIMIT, "0 of 0 TAPs" },

        /* uid 0 passes. */
        { "root", 0, 0, 0, "tap1", NONE, KVM, true, 0, NULL, YES },
        { "root-anything", 0, 0, 0, "eth0", ALICE, WHEEL, false, 100000, NULL, YES },
};

static void test_create(const void *data) {
        const CreateCase *row = data;
        g_autofree Caller *caller = caller_new(row->uid, row->group1, row->group2);
        const TapSpec spec = spec_of(row->user, row->group, row->shared);
        GateVerdict verdict;
        Fault fault = {};

        g_assert_cmpint(gate_create(&config, caller, row->name, &spec, NULL, row->n_taps, &verdict, &fault), ==, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_NONE);
        g_assert_false(verdict.needs_manage_others);
        g_assert_cmpint(verdict.needs_override, ==, row->error != TAPD_ERROR_NONE);
        g_assert_cmpstr(verdict.grant ? verdict.grant->name : NULL, ==, row->grant);
        if (row->error == TAPD_ERROR_NONE)
                return;

        g_assert_cmpint(verdict.override_reason.error, ==, row->error);
        g_assert_true(text_is_printable(verdict.override_reason.text));
        if (row->says && !strstr(verdict.override_reason.text, row->says)) {
                g_test_message("\"%s\" must say \"%s\"", verdict.override_reason.text, row->says);
                g_test_fail();
        }
}

/* The grants are asked one by one, whatever their order. */
static void test_order(void) {
        Grant two[] = {
                { .name = (char *) "names", .users = IDS(ALICE), .names = NAMES((char *) "tap*"), .taps_per_user = 1 },
                { .name = (char *) "shared",
                  .users = IDS(ALICE),
                  .names = NAMES((char *) "tap1"),
                  .taps_per_user = 9,
                  .shared = true },
        };
        const Config forth = { .defaults.group = KVM, .grants = two, .n_grants = 2 };
        g_autofree Caller *caller = caller_new(ALICE, 0, 0);
        const TapSpec shared = spec_of(NONE, KVM, true);

        for (unsigned i = 0; i < 2; i++) {
                const Grant first = two[0];
                GateVerdict verdict;

                g_assert_cmpint(gate_create(&forth, caller, "tap1", &shared, NULL, 8, &verdict, NULL), ==, 0);
                g_assert_false(verdict.needs_override);
                g_assert_cmpstr(verdict.grant ? verdict.grant->name : NULL, ==, "shared");
                g_assert_cmpint(gate_create(&forth, caller, "tap2", &shared, NULL, 8, &verdict, NULL), ==, 0);
                g_assert_true(verdict.needs_override);

                two[0] = two[1];
                two[1] = first;
        }
}

/* What others are granted, and what is off, is not his to read. */
static void test_patterns_of_others(void) {
        g_autofree Caller *caller = caller_new(TUTOR, 0, 0);
        const TapSpec spec = spec_of(TUTOR, NONE, false);
        GateVerdict verdict;

        g_assert_cmpint(gate_create(&config, caller, "eth0", &spec, NULL, 0, &verdict, NULL), ==, 0);
        g_assert_true(verdict.needs_override);
        g_assert_nonnull(strstr(verdict.override_reason.text, "lab1"));
        g_assert_null(strchr(verdict.override_reason.text, '*'));
}

/* More patterns than a message holds: it is cut, and still a message. */
static void test_many_patterns(void) {
        char *names[1001] = {};
        Grant grant = { .name = (char *) "many", .users = IDS(ALICE), .names = names, .taps_per_user = 1 };
        const Config many = { .defaults.group = KVM, .grants = &grant, .n_grants = 1 };
        g_autofree Caller *caller = caller_new(ALICE, 0, 0);
        const TapSpec spec = spec_of(ALICE, NONE, false);
        GateVerdict verdict;

        for (size_t i = 0; i < 1000; i++)
                names[i] = (char *) (i == 0 ? "first*" : "abcdefghijklmn*");

        g_assert_cmpint(gate_create(&many, caller, "tap1", &spec, NULL, 0, &verdict, NULL), ==, 0);
        g_assert_true(verdict.needs_override);
        g_assert_nonnull(strstr(verdict.override_reason.text, "first*"));
        g_assert_cmpuint(strnlen(verdict.override_reason.text, sizeof(verdict.override_reason.text)), <,
                         sizeof(verdict.override_reason.text));
}

/* The quota that a verdict carries is the one to hold a long creation to: none for root, and none for who was given
 * leave to go beyond his grants. */
static void test_quota(void) {
        g_autofree Caller *root = caller_new(0, 0, 0), *caller = caller_new(ALICE, KVM, 0);
        const TapSpec spec = spec_of(ALICE, KVM, false);
        GateVerdict all = { .quota = GATE_NO_QUOTA }, verdict;
        Fault fault = {};

        g_assert_cmpint(gate_create(&config, root, "tap1", &spec, NULL, 100000, &verdict, NULL), ==, 0);
        g_assert_cmpuint(verdict.quota, ==, GATE_NO_QUOTA);

        g_assert_cmpint(gate_create(&config, caller, "tap1", &spec, NULL, 31, &verdict, NULL), ==, 0);
        g_assert_cmpuint(verdict.quota, ==, 32);
        gate_join(&all, &verdict);
        g_assert_cmpuint(all.quota, ==, 32);
        g_assert_cmpint(gate_check_quota(all.quota, 31, &fault), ==, 0);
        g_assert_cmpint(gate_check_quota(all.quota, 32, &fault), <, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_LIMITS_EXCEEDED);

        g_assert_cmpint(gate_create(&config, caller, "eth0", &spec, NULL, 31, &verdict, NULL), ==, 0);
        gate_join(&all, &verdict);
        g_assert_cmpuint(all.quota, ==, GATE_NO_QUOTA);
        g_assert_cmpint(gate_check_quota(0, 0, NULL), <, 0);
}

static void test_in_group(void) {
        g_autofree Caller *caller = caller_new(ALICE, KVM, STUDENTS), *lonely = caller_new(ALICE, 0, 0);

        g_assert_true(caller_in_group(caller, KVM));
        g_assert_true(caller_in_group(caller, STUDENTS));
        g_assert_false(caller_in_group(caller, ALICE));
        g_assert_false(caller_in_group(caller, 0));
        g_assert_false(caller_in_group(caller, NONE));
        g_assert_false(caller_in_group(lonely, 0));
}

typedef struct UseCase {
        const char *label;
        uid_t uid;
        bool configures, deletes; /* without manage-others */
} UseCase;

/* A TAP that ALICE made for BOB. */
static const UseCase use_cases[] = {
        { "creator", ALICE, true, true },     { "user", BOB, true, false },
        { "other", CAROL, false, false },     { "other-without-grant", DAVE, false, false },
        { "service", SERVICE, false, false }, { "root", 0, true, true },
};

static void check_use(const UseCase *row, const Record *record, GateVerb verb, bool is_manager) {
        g_autofree Caller *caller = caller_new(row->uid, row->uid == DAVE ? 0 : KVM, 0);
        GateVerdict verdict;
        Fault fault = {};

        g_assert_cmpint(gate_use(&config, caller, verb, &(GateTap){ .record = record }, &verdict, &fault), ==, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_NONE);
        g_assert_cmpint(verdict.needs_manage_others, ==, !is_manager);
        g_assert_false(verdict.needs_override);
        if (!is_manager) {
                g_assert_cmpint(verdict.others_reason.error, ==, TAPD_ERROR_ACCESS_DENIED);
                g_assert_nonnull(strstr(verdict.others_reason.text, "tap1"));
        }
}

static void test_use(const void *data) {
        const Record record = { .name = "tap1", .creator = ALICE, .spec = spec_of(BOB, KVM, false) };
        const UseCase *row = data;

        check_use(row, &record, GATE_CONFIGURE, row->configures);
        check_use(row, &record, GATE_DELETE, row->deletes);
}

/* Who may open a shared TAP, or is in its group, does not manage it for that. */
static void test_use_shared(void) {
        static const UseCase rows[] = { { NULL, ALICE, true, true },
                                        { NULL, BOB, false, false },
                                        { NULL, 0, true, true } };
        const Record record = { .name = "tap1", .creator = ALICE, .spec = spec_of(NONE, KVM, true) };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                check_use(&rows[i], &record, GATE_CONFIGURE, rows[i].configures);
                check_use(&rows[i], &record, GATE_DELETE, rows[i].deletes);
        }
}

/* The grant of a use is any that names the caller, and never one that is off. */
static void test_use_grant(void) {
        static const struct {
                uid_t uid;
                gid_t group;
                const char *grant;
        } rows[] = { { ALICE, 0, "alice" }, { ALICE, KVM, "kvm" }, { CAROL, 0, NULL }, { DAVE, STUDENTS, NULL } };
        const Record record = { .name = "tap1", .creator = ALICE, .spec = spec_of(ALICE, KVM, false) };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree Caller *caller = caller_new(rows[i].uid, rows[i].group, 0);
                GateVerdict verdict;

                g_assert_cmpint(
                        gate_use(&config, caller, GATE_CONFIGURE, &(GateTap){ .record = &record }, &verdict, NULL), ==,
                        0);
                g_assert_cmpstr(verdict.grant ? verdict.grant->name : NULL, ==, rows[i].grant);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/gate/accounts", test_accounts);
        g_test_add_func("/gate/no-grants", test_no_grants);
        for (size_t i = 0; i < G_N_ELEMENTS(create_cases); i++) {
                g_autofree char *path = g_strconcat("/gate/create/", create_cases[i].label, NULL);

                g_test_add_data_func(path, &create_cases[i], test_create);
        }
        g_test_add_func("/gate/order", test_order);
        g_test_add_func("/gate/patterns-of-others", test_patterns_of_others);
        g_test_add_func("/gate/many-patterns", test_many_patterns);
        g_test_add_func("/gate/quota", test_quota);
        g_test_add_func("/gate/in-group", test_in_group);
        for (size_t i = 0; i < G_N_ELEMENTS(use_cases); i++) {
                g_autofree char *path = g_strconcat("/gate/use/", use_cases[i].label, NULL);

                g_test_add_data_func(path, &use_cases[i], test_use);
        }
        g_test_add_func("/gate/use-shared", test_use_shared);
        g_test_add_func("/gate/use-grant", test_use_grant);

        return g_test_run();
}
