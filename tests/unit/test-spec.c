/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "names.h"
#include "scratch.h"
#include "spec.h"
#include "text.h"

#define ALICE 1000
#define OTHER 1002
#define KVM 104
#define STUDENTS 1500

static int set_text(TapSpec *spec, SettingId id, const char *text, Fault *fault) {
        const SettingValue value = { .string = text };

        return spec_set(spec, &settings_table[id], &value, fault);
}

static int set_number(TapSpec *spec, SettingId id, uint32_t number, Fault *fault) {
        const SettingValue value = { .number = number };

        return spec_set(spec, &settings_table[id], &value, fault);
}

static int set_bool(TapSpec *spec, SettingId id, bool boolean, Fault *fault) {
        const SettingValue value = { .boolean = boolean };

        return spec_set(spec, &settings_table[id], &value, fault);
}

/* InvalidArgs, and a sentence about the key. */
static void check_refused(int r, const Fault *fault, SettingId id, const char *form) {
        g_autofree char *key = g_strconcat(settings_table[id].key, "=: ", NULL);

        g_assert_cmpint(r, <, 0);
        g_assert_cmpint(fault->error, ==, TAPD_ERROR_INVALID_ARGS);
        g_assert_true(text_is_printable(fault->text));
        if (!g_str_has_prefix(fault->text, key) || (form && !strstr(fault->text, form))) {
                g_test_message("\"%s\" must begin with \"%s\" and say \"%s\"", fault->text, key, form ? form : "");
                g_test_fail();
        }
}

static void test_kind(void) {
        static const char *const refused[] = { "macvtap", "", "TAP", "tap ", "tapx", "\033[2J", "ta" };
        TapSpec spec = SPEC_INIT;

        g_assert_cmpstr(spec_kind_name(&spec), ==, "tap");

        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                TapSpec wrong = SPEC_INIT;
                Fault fault = {};

                check_refused(set_text(&wrong, SETTING_KIND, refused[i], &fault), &fault, SETTING_KIND, "tap or tun");
        }

        g_assert_cmpint(set_text(&spec, SETTING_KIND, "tun", NULL), ==, 0);
        g_assert_cmpstr(spec_kind_name(&spec), ==, "tun");
}

typedef struct IdCase {
        SettingId id;
        uint32_t number;
        bool refused;
} IdCase;

static void test_ids(void) {
        static const IdCase cases[] = {
                { SETTING_USER, 0, false },           { SETTING_USER, ALICE, false },
                { SETTING_USER, 65534, false },       { SETTING_USER, 65535, true },
                { SETTING_USER, 65536, false },       { SETTING_USER, 4294967294, false },
                { SETTING_USER, 4294967295, true },   { SETTING_GROUP, 0, false },
                { SETTING_GROUP, 65535, true },       { SETTING_GROUP, KVM, false },
                { SETTING_GROUP, 4294967295, false }, /* none */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                TapSpec spec = SPEC_INIT;
                Fault fault = {};
                int r = set_number(&spec, cases[i].id, cases[i].number, &fault);

                if (cases[i].refused)
                        check_refused(r, &fault, cases[i].id, NULL);
                else
                        g_assert_cmpint(r, ==, 0);
        }
}

/* A description that is not refused is kept as it is. */
static void check_description(const char *text, bool refused, const char *form) {
        TapSpec spec = SPEC_INIT;
        Fault fault = {};
        int r = set_text(&spec, SETTING_DESCRIPTION, text, &fault);

        if (refused) {
                check_refused(r, &fault, SETTING_DESCRIPTION, form);
        } else {
                g_assert_cmpint(r, ==, 0);
                g_assert_cmpstr(spec.description, ==, text);
        }
}

static void test_description(void) {
        g_autofree char *longest = repeat("a", 255), *too_long = repeat("a", 256),
                        *huge = repeat("a", 10 * 1024 * 1024), *euros = repeat("\xe2\x82\xac", 85),
                        *too_many_euros = repeat("\xe2\x82\xac", 86);

        check_description("", false, NULL);
        check_description("port 4 of the lab", false, NULL);
        check_description("\xc3\xa9t\xc3\xa9 \"2024\" \\ %s", false, NULL);
        check_description(longest, false, NULL);
        check_description(euros, false, NULL);
        check_description(too_long, true, "255");
        check_description(too_many_euros, true, "255");
        check_description(huge, true, "255");
        check_description("two\nlines", true, "\\x0a");
        check_description("\033[2J", true, "\\x1b[2J");
        check_description("\x7f", true, "\\x7f");
        check_description("\xc2\x9b", true, "\\xc2\\x9b");
        check_description("abc\xe2\x80\xae", true, "abc\\xe2\\x80\\xae");
        check_description("\xff", true, "\\xff");
}

/* The same key twice: the last would win elsewhere. */
static void test_twice(void) {
        for (size_t i = 0; i < _SETTING_MAX; i++) {
                SettingValue value = {};
                TapSpec spec = SPEC_INIT;
                Fault fault = {};

                if (settings_table[i].form == SETTING_FORM_STRING)
                        value.string = i == SETTING_MAC_ADDRESS ? "52:54:00:00:00:01" : "tap";
                if (settings_table[i].form == SETTING_FORM_NUMBER)
                        value.number = 1000;
                if (settings_table[i].form == SETTING_FORM_VLAN)
                        value.number = 20;
                if (settings_table[i].form == SETTING_FORM_TRUNK)
                        value.trunk = (Trunk){ .ranges = { { 10, 12 } }, .n_ranges = 1 };
                g_assert_cmpint(spec_set(&spec, &settings_table[i], &value, &fault), ==, 0);
                check_refused(spec_set(&spec, &settings_table[i], &value, &fault), &fault, (SettingId) i, NULL);
        }
}

/* Not named. */
#define NOT_NAMED (-1)

typedef struct DefaultsCase {
        const char *label;
        SpecOwner owner;
        SpecDefaults defaults;
        int64_t user, group, shared, multi_queue; /* what is asked for */
        uint32_t made_user, made_group;           /* what comes of it */
        bool made_shared, made_multi_queue;
} DefaultsCase;

#define ROOT                                                                                                           \
        { 0, false }
#define ROOT_IN_KVM                                                                                                    \
        { 0, true }
#define MEMBER                                                                                                         \
        { ALICE, true }
#define OUTSIDER                                                                                                       \
        { ALICE, false }
#define SHIPPED                                                                                                        \
        { KVM, true }
#define NONE TAPD_ID_UNSET

static const DefaultsCase defaults_cases[] = {
        { "root", ROOT, SHIPPED, -1, -1, -1, -1, NONE, KVM, true, true },
        { "root-in-kvm", ROOT_IN_KVM, SHIPPED, -1, -1, -1, -1, NONE, KVM, true, true },
        { "root-for-alice", ROOT, SHIPPED, ALICE, -1, -1, -1, ALICE, KVM, false, true },
        { "root-for-students", ROOT, SHIPPED, -1, STUDENTS, -1, -1, NONE, STUDENTS, true, true },
        { "root-private", ROOT, SHIPPED, -1, -1, false, -1, 0, KVM, false, true },
        { "root-for-alice-alone", ROOT, SHIPPED, ALICE, NONE, -1, -1, ALICE, NONE, false, true },
        { "member", MEMBER, SHIPPED, -1, -1, -1, -1, ALICE, KVM, false, true },
        { "member-himself", MEMBER, SHIPPED, ALICE, -1, -1, -1, ALICE, KVM, false, true },
        { "member-shared", MEMBER, SHIPPED, -1, -1, true, -1, NONE, KVM, true, true },
        { "member-private", MEMBER, SHIPPED, -1, -1, false, -1, ALICE, KVM, false, true },
        { "member-students", MEMBER, SHIPPED, -1, STUDENTS, -1, -1, ALICE, STUDENTS, false, true },
        { "member-no-group", MEMBER, SHIPPED, -1, NONE, -1, -1, ALICE, NONE, false, true },
        { "outsider", OUTSIDER, SHIPPED, -1, -1, -1, -1, ALICE, NONE, false, true },
        { "outsider-himself", OUTSIDER, SHIPPED, ALICE, -1, -1, -1, ALICE, NONE, false, true },
        { "outsider-shared", OUTSIDER, SHIPPED, -1, -1, true, -1, NONE, KVM, true, true },
        { "outsider-kvm", OUTSIDER, SHIPPED, -1, KVM, -1, -1, ALICE, KVM, false, true },
        { "single-queue", MEMBER, SHIPPED, -1, -1, -1, false, ALICE, KVM, false, false },
        { "single-queue-default", MEMBER, { KVM, false }, -1, -1, -1, -1, ALICE, KVM, false, false },
        { "multi-queue", MEMBER, { KVM, false }, -1, -1, -1, true, ALICE, KVM, false, true },
        { "no-default-group", OUTSIDER, { NONE, true }, -1, -1, -1, -1, ALICE, NONE, false, true },
};

static void ask_for(TapSpec *spec, const DefaultsCase *row) {
        if (row->user != NOT_NAMED)
                g_assert_cmpint(set_number(spec, SETTING_USER, (uint32_t) row->user, NULL), ==, 0);
        if (row->group != NOT_NAMED)
                g_assert_cmpint(set_number(spec, SETTING_GROUP, (uint32_t) row->group, NULL), ==, 0);
        if (row->shared != NOT_NAMED)
                g_assert_cmpint(set_bool(spec, SETTING_SHARED, row->shared, NULL), ==, 0);
        if (row->multi_queue != NOT_NAMED)
                g_assert_cmpint(set_bool(spec, SETTING_MULTI_QUEUE, row->multi_queue, NULL), ==, 0);
}

static void test_defaults(const void *data) {
        const DefaultsCase *row = data;
        TapSpec spec = SPEC_INIT;
        Fault fault = {};

        ask_for(&spec, row);
        g_assert_cmpint(spec_complete(&spec, &row->defaults, &row->owner, &fault), ==, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_NONE);

        g_assert_cmpuint(spec.user, ==, row->made_user);
        g_assert_cmpuint(spec.group, ==, row->made_group);
        g_assert_cmpint(spec.shared, ==, row->made_shared);
        g_assert_cmpint(spec.mode.multi_queue, ==, row->made_multi_queue);

        /* The same for all: tap, no packet information, frames as they are, up. */
        g_assert_cmpstr(spec_kind_name(&spec), ==, "tap");
        g_assert_false(spec.mode.packet_info);
        g_assert_false(spec.mode.vnet_header);
        g_assert_true(spec.up);
        g_assert_cmpstr(spec.description, ==, "");
}

static void test_other_settings(void) {
        const SpecDefaults defaults = SHIPPED;
        const SpecOwner owner = MEMBER;
        TapSpec spec = SPEC_INIT;

        g_assert_cmpint(set_bool(&spec, SETTING_UP, false, NULL), ==, 0);
        g_assert_cmpint(set_bool(&spec, SETTING_PACKET_INFO, true, NULL), ==, 0);
        g_assert_cmpint(set_bool(&spec, SETTING_VNET_HEADER, true, NULL), ==, 0);
        g_assert_cmpint(spec_complete(&spec, &defaults, &owner, NULL), ==, 0);
        g_assert_false(spec.up);
        g_assert_true(spec.mode.packet_info);
        g_assert_true(spec.mode.vnet_header);
}

typedef struct RefusedCase {
        const char *label;
        SpecOwner owner;
        SpecDefaults defaults;
        int64_t user, group, shared;
} RefusedCase;

/* Open to every user of the host, or two contrary wishes. */
static const RefusedCase refused_cases[] = {
        { "root-no-group", ROOT, SHIPPED, -1, NONE, -1 },
        { "root-no-default-group", ROOT, { NONE, true }, -1, -1, -1 },
        { "shared-no-group", MEMBER, SHIPPED, -1, NONE, true },
        { "shared-no-default-group", OUTSIDER, { NONE, true }, -1, -1, true },
        { "shared-and-user", MEMBER, SHIPPED, ALICE, -1, true },
        { "shared-and-other-user", MEMBER, SHIPPED, OTHER, STUDENTS, true },
        { "root-shared-and-user", ROOT, SHIPPED, ALICE, -1, true },
};

static void test_refused(const void *data) {
        const RefusedCase *row = data;
        const DefaultsCase asked = {
                .user = row->user, .group = row->group, .shared = row->shared, .multi_queue = NOT_NAMED
        };
        TapSpec spec = SPEC_INIT;
        Fault fault = {};

        ask_for(&spec, &asked);
        g_assert_cmpint(spec_complete(&spec, &row->defaults, &row->owner, &fault), <, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_INVALID_ARGS);
        if (row->user == NOT_NAMED)
                g_assert_nonnull(strstr(fault.text, "would be open to every user"));
}

static TapSpec make_complete(void) {
        const SpecDefaults defaults = SHIPPED;
        const SpecOwner owner = MEMBER;
        TapSpec spec = SPEC_INIT;

        g_assert_cmpint(spec_complete(&spec, &defaults, &owner, NULL), ==, 0);
        return spec;
}

static void change(TapSpec *spec, size_t id) {
        switch ((SettingId) id) {
        case SETTING_KIND:
                spec->mode.tun = !spec->mode.tun;
                break;
        case SETTING_USER:
                spec->user++;
                break;
        case SETTING_GROUP:
                spec->group++;
                break;
        case SETTING_SHARED:
                spec->shared = !spec->shared;
                break;
        case SETTING_MULTI_QUEUE:
                spec->mode.multi_queue = !spec->mode.multi_queue;
                break;
        case SETTING_VNET_HEADER:
                spec->mode.vnet_header = !spec->mode.vnet_header;
                break;
        case SETTING_PACKET_INFO:
                spec->mode.packet_info = !spec->mode.packet_info;
                break;
        case SETTING_UP:
                spec->up = !spec->up;
                break;
        case SETTING_DESCRIPTION:
                strcpy(spec->description, "another");
                break;
        case SETTING_MAC_ADDRESS:
                spec->has_mac = true;
                spec->mac[0] = 0x52;
                break;
        case SETTING_MTU_BYTES:
                spec->mtu = 1400;
                break;
        case SETTING_TRANSMIT_QUEUE_LENGTH:
                spec->transmit_queue_length = 7;
                break;
        case SETTING_SWITCH:
                strcpy(spec->port.switch_name, "br0");
                break;
        case SETTING_VLAN:
                spec->port.vlan = 20;
                break;
        case SETTING_TRUNK:
                spec->port.trunk = (Trunk){ .ranges = { { 30, 39 } }, .n_ranges = 1 };
                break;
        case SETTING_ISOLATED:
                spec->port.isolated = true;
                break;
        case SETTING_INTERFACE_ID:
                strcpy(spec->port.interface_id, "vm-1");
                break;
        case _SETTING_MAX:
                break;
        }
}

/* The first one that differs, in the order of the table, whatever differs behind it. */
static void test_compare(void) {
        const TapSpec spec = make_complete();

        for (size_t first = 0; first < _SETTING_MAX; first++) {
                TapSpec other = spec;

                change(&other, first);
                g_assert_true(spec_compare(&spec, &other) == &settings_table[first]);
                g_assert_true(spec_compare(&other, &spec) == &settings_table[first]);

                for (size_t id = first + 1; id < _SETTING_MAX; id++)
                        change(&other, id);
                g_assert_true(spec_compare(&spec, &other) == &settings_table[first]);
        }
}

/* What is the same is the same, said or not. */
static void test_compare_same(void) {
        const SpecDefaults defaults = SHIPPED;
        const SpecOwner owner = MEMBER;
        const TapSpec spec = make_complete();
        TapSpec said = SPEC_INIT;

        g_assert_null(spec_compare(&spec, &spec));

        g_assert_cmpint(set_text(&said, SETTING_KIND, "tap", NULL), ==, 0);
        g_assert_cmpint(set_number(&said, SETTING_USER, ALICE, NULL), ==, 0);
        g_assert_cmpint(set_number(&said, SETTING_GROUP, KVM, NULL), ==, 0);
        g_assert_cmpint(set_bool(&said, SETTING_MULTI_QUEUE, true, NULL), ==, 0);
        g_assert_cmpint(set_bool(&said, SETTING_UP, true, NULL), ==, 0);
        g_assert_cmpint(set_text(&said, SETTING_DESCRIPTION, "", NULL), ==, 0);
        g_assert_cmpint(spec_complete(&said, &defaults, &owner, NULL), ==, 0);
        g_assert_null(spec_compare(&spec, &said));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/spec/kind", test_kind);
        g_test_add_func("/spec/ids", test_ids);
        g_test_add_func("/spec/description", test_description);
        g_test_add_func("/spec/twice", test_twice);
        for (size_t i = 0; i < G_N_ELEMENTS(defaults_cases); i++) {
                g_autofree char *path = g_strconcat("/spec/defaults/", defaults_cases[i].label, NULL);

                g_test_add_data_func(path, &defaults_cases[i], test_defaults);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(refused_cases); i++) {
                g_autofree char *path = g_strconcat("/spec/refused/", refused_cases[i].label, NULL);

                g_test_add_data_func(path, &refused_cases[i], test_refused);
        }
        g_test_add_func("/spec/other-settings", test_other_settings);
        g_test_add_func("/spec/compare", test_compare);
        g_test_add_func("/spec/compare-same", test_compare_same);

        return g_test_run();
}
