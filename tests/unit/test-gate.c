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

/* ---- ports ---- */

#define ERIN 1005  /* may do a good deal */
#define FRANK 1006 /* has no switch */

static Grant port_grants[] = {
        { .name = (char *) "lab",
          .user_groups = IDS(STUDENTS),
          .names = NAMES((char *) "tap*"),
          .switches = NAMES((char *) "dsw-host"),
          .vlans = GRANT_VLANS_LISTED,
          .vlan_ranges = { .ranges = { { 400, 449 } }, .n_ranges = 1 },
          .taps_per_user = 8 },
        { .name = (char *) "trunks",
          .users = IDS(TUTOR),
          .names = NAMES((char *) "tap*"),
          .switches = NAMES((char *) "dsw-*"),
          .interface_ids = NAMES((char *) "ovn-*", (char *) "vm-1"),
          .vlans = GRANT_VLANS_LISTED,
          .vlan_ranges = { .ranges = { { 400, 449 }, { 20, 20 } }, .n_ranges = 2 },
          .trunk = true,
          .taps_per_user = 8 },
        { .name = (char *) "plain",
          .users = IDS(BOB),
          .names = NAMES((char *) "tap*"),
          .switches = NAMES((char *) "br0", (char *) "br1"),
          .taps_per_user = 8 },
        { .name = (char *) "all",
          .users = IDS(ALICE),
          .names = NAMES((char *) "tap*"),
          .switches = NAMES((char *) "*"),
          .interface_ids = NAMES((char *) "*"),
          .vlans = GRANT_VLANS_ALL,
          .taps_per_user = 8 },
        { .name = (char *) "all-trunks",
          .users = IDS(ERIN),
          .names = NAMES((char *) "tap*"),
          .switches = NAMES((char *) "*"),
          .vlans = GRANT_VLANS_ALL,
          .trunk = true,
          .taps_per_user = 8 },
        { .name = (char *) "none", .users = IDS(FRANK), .names = NAMES((char *) "tap*"), .taps_per_user = 8 },
        { .name = (char *) "off",
          .users = IDS(FRANK),
          .names = NAMES((char *) "*"),
          .switches = NAMES((char *) "*"),
          .vlans = GRANT_VLANS_ALL,
          .trunk = true,
          .taps_per_user = 8,
          .is_off = true },
        { .name = (char *) "one",
          .users = IDS(CAROL),
          .names = NAMES((char *) "one*"),
          .taps_per_user = 8,
          .switches = NAMES((char *) "br0") },
        { .name = (char *) "two",
          .users = IDS(CAROL),
          .names = NAMES((char *) "two*"),
          .taps_per_user = 8,
          .switches = NAMES((char *) "br1") },
};

static const Config port_config = {
        .defaults = { .group = KVM, .multi_queue = true },
        .grants = port_grants,
        .n_grants = G_N_ELEMENTS(port_grants),
};

typedef struct PlugCase {
        const char *label;
        uid_t uid;
        const char *name, *switch_name;
        bool filters_vlans;
        uint16_t vlan; /* 0: none */
        VlanRange ranges[2];
        const char *interface_id, *from; /* the switch that it is on; NULL: none */

        const char *grant; /* that covers it; NULL: none does */
        const char *says;  /* why not */
} PlugCase;

#define STUDENT 2000 /* of the group alone */
#define FILTERS true
#define PASSES false

static const PlugCase plug_cases[] = {
        /* VLANs=400-449 */
        { "first", STUDENT, "tap1", "dsw-host", FILTERS, 400, .grant = "lab" },
        { "middle", STUDENT, "tap1", "dsw-host", FILTERS, 425, .grant = "lab" },
        { "last", STUDENT, "tap1", "dsw-host", FILTERS, 449, .grant = "lab" },
        { "before-first", STUDENT, "tap1", "dsw-host", FILTERS, 399,
          .says = "VLAN=: 399 is not in VLANs= of grant lab" },
        { "after-last", STUDENT, "tap1", "dsw-host", FILTERS, 450, .says = "VLAN=: 450 is not in VLANs= of grant lab" },
        { "lowest", STUDENT, "tap1", "dsw-host", FILTERS, 1, .says = "VLAN=: 1" },
        { "highest", STUDENT, "tap1", "dsw-host", FILTERS, 4094, .says = "VLAN=: 4094" },
        { "none-named", STUDENT, "tap1", "dsw-host", FILTERS, .says = "one of those in VLANs= of grant lab is needed" },
        { "second-range", TUTOR, "tap1", "dsw-host", FILTERS, 20, .grant = "trunks" },
        { "between-ranges", TUTOR, "tap1", "dsw-host", FILTERS, 21, .says = "VLAN=: 21" },

        /* Where none is filtered a VLAN keeps nobody apart. */
        { "unfiltered", STUDENT, "tap1", "dsw-host", PASSES, 400, .says = "dsw-host filters no VLANs" },
        { "unfiltered-none", STUDENT, "tap1", "dsw-host", PASSES, .says = "VLANs=" },

        /* Trunks: Trunk=yes, and each of their VLANs. */
        { "trunk-no-leave", STUDENT, "tap1", "dsw-host", FILTERS, .ranges = { { 400, 410 } },
          .says = "Trunk=: grant lab has no Trunk=yes" },
        { "trunk-no-leave-beside", STUDENT, "tap1", "dsw-host", FILTERS, 400, .ranges = { { 401, 401 } },
          .says = "Trunk=: grant lab has no Trunk=yes" },
        { "trunk", TUTOR, "tap1", "dsw-host", FILTERS, .ranges = { { 400, 449 } }, .grant = "trunks" },
        { "trunk-two", TUTOR, "tap1", "dsw-host", FILTERS, .ranges = { { 20, 20 }, { 410, 420 } }, .grant = "trunks" },
        { "trunk-native", TUTOR, "tap1", "dsw-host", FILTERS, 20, .ranges = { { 400, 449 } }, .grant = "trunks" },
        { "trunk-native-outside", TUTOR, "tap1", "dsw-host", FILTERS, 1, .ranges = { { 400, 449 } },
          .says = "VLAN=: 1 is not" },
        { "trunk-below", TUTOR, "tap1", "dsw-host", FILTERS, .ranges = { { 399, 449 } }, .says = "Trunk=: 399 is not" },
        { "trunk-above", TUTOR, "tap1", "dsw-host", FILTERS, .ranges = { { 400, 450 } }, .says = "Trunk=: 450 is not" },
        { "trunk-around", TUTOR, "tap1", "dsw-host", FILTERS, .ranges = { { 1, 4094 } }, .says = "Trunk=: 1 is not" },
        { "trunk-second-outside", TUTOR, "tap1", "dsw-host", FILTERS, .ranges = { { 20, 20 }, { 450, 450 } },
          .says = "Trunk=: 450 is not" },
        { "trunk-beside", TUTOR, "tap1", "dsw-host", FILTERS, 400, .ranges = { { 450, 450 } },
          .says = "Trunk=: 450 is not" },
        { "trunk-unfiltered", TUTOR, "tap1", "dsw-host", PASSES, .ranges = { { 400, 449 } },
          .says = "filters no VLANs" },

        /* VLANs= absent: no VLAN, where there is none. */
        { "plain", BOB, "tap1", "br0", PASSES, .grant = "plain" },
        { "plain-second", BOB, "tap1", "br1", PASSES, .grant = "plain" },
        { "plain-filtering", BOB, "tap1", "br0", FILTERS, .says = "grant plain has no VLANs=" },
        { "plain-vlan", BOB, "tap1", "br0", FILTERS, 1, .says = "grant plain has no VLANs=" },
        { "plain-vlan-unfiltered", BOB, "tap1", "br0", PASSES, 1, .says = "grant plain has no VLANs=" },
        { "plain-trunk", BOB, "tap1", "br0", FILTERS, .ranges = { { 1, 4094 } }, .says = "has no Trunk=yes" },

        /* VLANs=all */
        { "all-none", ALICE, "tap1", "br0", PASSES, .grant = "all" },
        { "all-none-filtering", ALICE, "tap1", "br0", FILTERS, .grant = "all" },
        { "all-lowest", ALICE, "tap1", "br0", FILTERS, 1, .grant = "all" },
        { "all-highest", ALICE, "tap1", "dsw-host", FILTERS, 4094, .grant = "all" },
        { "all-trunk-no-leave", ALICE, "tap1", "br0", FILTERS, .ranges = { { 20, 20 } },
          .says = "Trunk=: grant all has no Trunk=yes" },
        { "all-trunk", ERIN, "tap1", "br0", FILTERS, 5, .ranges = { { 1, 4 }, { 6, 4094 } }, .grant = "all-trunks" },

        /* Switches= */
        { "switch-other", STUDENT, "tap1", "br0", FILTERS, 400,
          .says = "Switch=: \"br0\" is not in Switches= of grant lab" },
        { "switch-longer", STUDENT, "tap1", "dsw-host2", FILTERS, 400, .says = "\"dsw-host2\"" },
        { "switch-shorter", STUDENT, "tap1", "dsw-hos", FILTERS, 400, .says = "\"dsw-hos\"" },
        { "switch-case", STUDENT, "tap1", "DSW-HOST", FILTERS, 400, .says = "\"DSW-HOST\"" },
        { "switch-pattern", TUTOR, "tap1", "dsw-other", FILTERS, 400, .grant = "trunks" },
        { "switch-pattern-other", TUTOR, "tap1", "xdsw-host", FILTERS, 400, .says = "\"xdsw-host\"" },
        { "switch-none", FRANK, "tap1", "br0", PASSES, .says = "\"br0\" is not in Switches= of grant none" },

        /* One grant covers all of it. */
        { "name-one", CAROL, "one1", "br0", PASSES, .grant = "one" },
        { "name-two", CAROL, "two1", "br1", PASSES, .grant = "two" },
        { "name-of-one-switch-of-two", CAROL, "one1", "br1", PASSES,
          .says = "\"br1\" is not in Switches= of grant one" },
        { "name-of-two-switch-of-one", CAROL, "two1", "br0", PASSES,
          .says = "\"br0\" is not in Switches= of grant two" },
        { "name-of-none", CAROL, "tap1", "br0", PASSES, .says = "granted are one* two*" },
        { "nobody", DAVE, "tap1", "br0", PASSES, .says = "no grant" },

        /* InterfaceIDs= */
        { "interface-pattern", TUTOR, "tap1", "dsw-host", FILTERS, 400, .interface_id = "ovn-web", .grant = "trunks" },
        { "interface-name", TUTOR, "tap1", "dsw-host", FILTERS, 400, .interface_id = "vm-1", .grant = "trunks" },
        { "interface-longer", TUTOR, "tap1", "dsw-host", FILTERS, 400, .interface_id = "vm-12",
          .says = "InterfaceID=: \"vm-12\" is not in InterfaceIDs= of grant trunks" },
        { "interface-inside", TUTOR, "tap1", "dsw-host", FILTERS, 400, .interface_id = "xovn-web", .says = "xovn-web" },
        { "interface-none-granted", STUDENT, "tap1", "dsw-host", FILTERS, 400, .interface_id = "ovn-web",
          .says = "InterfaceIDs= of grant lab" },
        { "interface-any", ALICE, "tap1", "dsw-host", FILTERS, 400, .interface_id = "a b/c", .grant = "all" },

        /* From one to another: both. */
        { "move", BOB, "tap1", "br0", PASSES, .from = "br1", .grant = "plain" },
        { "move-same", BOB, "tap1", "br0", PASSES, .from = "br0", .grant = "plain" },
        { "move-from-outside", BOB, "tap1", "br0", PASSES, .from = "dsw-host",
          .says = "it is plugged into \"dsw-host\", which is not in Switches= of grant plain" },
        { "move-to-outside", BOB, "tap1", "dsw-host", PASSES, .from = "br0", .says = "Switch=: \"dsw-host\"" },
        { "move-between-grants", CAROL, "one1", "br0", PASSES, .from = "br1", .says = "it is plugged into \"br1\"" },

        /* uid 0 passes. */
        { "root", 0, "eth0", "br0", FILTERS, 4094, .ranges = { { 1, 4093 } }, .interface_id = "x", .from = "other" },
};

static PortSpec port_of(const PlugCase *row) {
        PortSpec port = { .vlan = row->vlan };

        g_strlcpy(port.switch_name, row->switch_name, sizeof(port.switch_name));
        if (row->interface_id)
                g_strlcpy(port.interface_id, row->interface_id, sizeof(port.interface_id));
        for (size_t i = 0; i < G_N_ELEMENTS(row->ranges) && row->ranges[i].first > 0; i++)
                port.trunk.ranges[port.trunk.n_ranges++] = row->ranges[i];

        return port;
}

static void check_verdict(const PlugCase *row, const GateVerdict *verdict) {
        g_assert_cmpint(verdict->needs_override, ==, row->says != NULL);
        g_assert_cmpstr(verdict->grant ? verdict->grant->name : NULL, ==, row->grant);
        if (!row->says)
                return;

        g_assert_cmpint(verdict->override_reason.error, ==, TAPD_ERROR_ACCESS_DENIED);
        g_assert_true(text_is_printable(verdict->override_reason.text));
        if (!strstr(verdict->override_reason.text, row->says)) {
                g_test_message("\"%s\" must say \"%s\"", verdict->override_reason.text, row->says);
                g_test_fail();
        }
}

/* What may be made may be plugged, and the other way round, but for where it comes from. */
static void test_plug(const void *data) {
        const PlugCase *row = data;
        g_autofree Caller *caller = caller_new(row->uid, row->uid == STUDENT ? STUDENTS : 0, 0);
        const GateSwitch where = { .filters_vlans = row->filters_vlans };
        Record record = { .creator = row->uid, .spec = spec_of(row->uid, NONE, false) };
        TapSpec wanted = record.spec;
        GateVerdict verdict;
        Fault fault = {};

        g_strlcpy(record.name, row->name, sizeof(record.name));
        wanted.port = port_of(row);
        g_assert_cmpint(gate_plug(&port_config, caller, &(GateTap){ .record = &record }, row->from ? row->from : "",
                                  &wanted.port, &where, &verdict, &fault),
                        ==, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_NONE);
        g_assert_false(verdict.needs_manage_others);
        check_verdict(row, &verdict);
        if (row->from)
                return;

        g_assert_cmpint(gate_create(&port_config, caller, row->name, &wanted, &where, 0, &verdict, &fault), ==, 0);
        check_verdict(row, &verdict);
}

/* Whose it is is one thing, and where it goes another. */
static void test_plug_others(void) {
        static const struct {
                uid_t uid;
                const char *switch_name;
                bool others, override;
        } rows[] = {
                { BOB, "br0", false, false },    { BOB, "dsw-host", false, true }, { ALICE, "br0", true, false },
                { FRANK, "br0", true, true },    { DAVE, "br0", true, true },      { ERIN, "br0", false, false },
                { 0, "dsw-host", false, false },
        };
        const Record record = { .name = "tap1", .creator = BOB, .spec = spec_of(ERIN, KVM, false) };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree Caller *caller = caller_new(rows[i].uid, 0, 0);
                PortSpec port = {};
                GateVerdict verdict;

                g_strlcpy(port.switch_name, rows[i].switch_name, sizeof(port.switch_name));
                g_assert_cmpint(gate_plug(&port_config, caller, &(GateTap){ .record = &record }, "", &port,
                                          &(const GateSwitch){ PASSES }, &verdict, NULL),
                                ==, 0);
                g_assert_cmpint(verdict.needs_manage_others, ==, rows[i].others);
                g_assert_cmpint(verdict.needs_override, ==, rows[i].override);
                if (rows[i].others)
                        g_assert_nonnull(strstr(verdict.others_reason.text, "tap1 belongs to uid 1001"));
        }
}

/* Whom its file names manages it, within his own grants. */
static void test_plug_managers(void) {
        const DeclarationFile file = { .managers = IDS(BOB), .manager_groups = IDS(STUDENTS) };
        const Record record = { .name = "tap1", .creator = 0, .declared = "tap1", .spec = spec_of(NONE, KVM, true) };
        const GateTap tap = { .record = &record, .file = &file };
        g_autofree Caller *bob = caller_new(BOB, 0, 0), *student = caller_new(STUDENT, STUDENTS, 0),
                          *alice = caller_new(ALICE, 0, 0);
        const PortSpec br0 = { .switch_name = "br0" }, lab = { .switch_name = "dsw-host", .vlan = 400 };
        const GateSwitch passes = { PASSES }, filters = { FILTERS };
        GateVerdict verdict;

        g_assert_cmpint(gate_plug(&port_config, bob, &tap, "", &br0, &passes, &verdict, NULL), ==, 0);
        g_assert_false(verdict.needs_manage_others || verdict.needs_override);
        g_assert_cmpint(gate_plug(&port_config, bob, &tap, "", &lab, &filters, &verdict, NULL), ==, 0);
        g_assert_true(!verdict.needs_manage_others && verdict.needs_override);
        g_assert_cmpint(gate_plug(&port_config, student, &tap, "", &lab, &filters, &verdict, NULL), ==, 0);
        g_assert_false(verdict.needs_manage_others || verdict.needs_override);
        g_assert_cmpint(gate_plug(&port_config, alice, &tap, "", &br0, &passes, &verdict, NULL), ==, 0);
        g_assert_true(verdict.needs_manage_others && !verdict.needs_override);
}

static void test_plug_accounts(void) {
        g_autofree Caller *fallen = caller_new(FALLEN, STUDENTS, 0);
        const Record record = { .name = "tap1", .creator = FALLEN, .spec = spec_of(FALLEN, KVM, false) };
        const PortSpec port = { .switch_name = "dsw-host", .vlan = 400 };
        GateVerdict verdict;
        Fault fault = {};

        check_account(gate_plug(&port_config, fallen, &(GateTap){ .record = &record }, "", &port,
                                &(const GateSwitch){ FILTERS }, &verdict, &fault),
                      &fault, false);
}

/* No switch is nobody's. */
static void test_no_port(void) {
        g_autofree Caller *frank = caller_new(FRANK, 0, 0);
        const TapSpec spec = spec_of(FRANK, NONE, false);
        GateVerdict verdict;

        g_assert_cmpint(gate_create(&port_config, frank, "tap1", &spec, NULL, 0, &verdict, NULL), ==, 0);
        g_assert_false(verdict.needs_override);
        g_assert_cmpstr(verdict.grant->name, ==, "none");
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
        for (size_t i = 0; i < G_N_ELEMENTS(plug_cases); i++) {
                g_autofree char *path = g_strconcat("/gate/plug/", plug_cases[i].label, NULL);

                g_test_add_data_func(path, &plug_cases[i], test_plug);
        }
        g_test_add_func("/gate/plug-others", test_plug_others);
        g_test_add_func("/gate/plug-managers", test_plug_managers);
        g_test_add_func("/gate/plug-accounts", test_plug_accounts);
        g_test_add_func("/gate/no-port", test_no_port);

        return g_test_run();
}
