/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "names.h"
#include "scratch.h"
#include "settings.h"

/* What stands in an output before a call, and after one that failed. */
#define UNTOUCHED 77

typedef struct BooleanCase {
        const char *text;
        int r;
        bool value;
} BooleanCase;

static const BooleanCase boolean_cases[] = {
        { "yes", 0, true },          { "true", 0, true },
        { "on", 0, true },           { "1", 0, true },
        { "no", 0, false },          { "false", 0, false },
        { "off", 0, false },         { "0", 0, false },
        { "", -EINVAL, false },      { "y", -EINVAL, false },
        { "n", -EINVAL, false },     { "2", -EINVAL, false },
        { "01", -EINVAL, false },    { " yes", -EINVAL, false },
        { "yes ", -EINVAL, false },  { "maybe", -EINVAL, false },
        { "yesno", -EINVAL, false },
};

static void test_boolean(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(boolean_cases); i++) {
                const BooleanCase *row = &boolean_cases[i];

                /* Once from each side: a value that is not set shows. */
                for (int before = 0; before <= 1; before++) {
                        bool value = before;

                        g_assert_cmpint(parse_boolean(row->text, &value), ==, row->r);
                        g_assert_cmpint(value, ==, row->r < 0 ? before : row->value);
                }
        }
}

typedef struct DecimalCase {
        const char *text;
        uint64_t max;
        int r;
        uint64_t value;
} DecimalCase;

static const DecimalCase decimal_cases[] = {
        { "0", 10000, 0, 0 },
        { "1500", 10000, 0, 1500 },
        { "10000", 10000, 0, 10000 },
        { "10001", 10000, -ERANGE, 0 },
        { "0", 0, 0, 0 },
        { "1", 0, -ERANGE, 0 },
        { "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
        { "18446744073709551620", UINT64_MAX, -ERANGE, 0 },
        { "99999999999999999999", UINT64_MAX, -ERANGE, 0 },
        { "184467440737095516160", UINT64_MAX, -ERANGE, 0 },
        { "99999999999999999999", 10000, -ERANGE, 0 },
        { "", 10000, -EINVAL, 0 },
        { "abc", 10000, -EINVAL, 0 },
        { "1e3", 10000, -EINVAL, 0 },
        { "0x10", 10000, -EINVAL, 0 },
        { " 1500", 10000, -EINVAL, 0 },
        { "1500 ", 10000, -EINVAL, 0 },
        { "15 00", 10000, -EINVAL, 0 },
        { "+1500", 10000, -EINVAL, 0 },
        { "-1", 10000, -EINVAL, 0 },
        { "-0", 10000, -EINVAL, 0 },
        { "01500", 10000, -EINVAL, 0 },
        { "00", 10000, -EINVAL, 0 },
        { "1.0", 10000, -EINVAL, 0 },
        { "1\n", 10000, -EINVAL, 0 },
        { "\xd9\xa1", 10000, -EINVAL, 0 }, /* ARABIC-INDIC DIGIT ONE */
};

static void test_decimal(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(decimal_cases); i++) {
                const DecimalCase *row = &decimal_cases[i];
                uint64_t value = UNTOUCHED;

                g_assert_cmpint(parse_decimal(row->text, row->max, &value), ==, row->r);
                g_assert_cmpuint(value, ==, row->r < 0 ? UNTOUCHED : row->value);
        }
}

typedef int (*parse_id_t)(const char *text, uint32_t *ret);

/* Of users and of groups alike; the first line of passwd(5) and of group(5) is root's everywhere. */
typedef struct IdCase {
        const char *label, *text;
        int r;
        uint32_t id;
} IdCase;

static const IdCase id_cases[] = {
        { "root", "root", 0, 0 },
        { "zero", "0", 0, 0 },
        { "number", "1000", 0, 1000 },
        { "before-65535", "65534", 0, 65534 },
        { "65535", "65535", -EINVAL, 0 },
        { "after-65535", "65536", 0, 65536 },
        { "highest", "4294967294", 0, 4294967294 },
        { "4294967295", "4294967295", -EINVAL, 0 },
        { "4294967296", "4294967296", -EINVAL, 0 },
        { "overflow-to-1000", "4294968296", -EINVAL, 0 },
        { "overflow", "99999999999999999999", -EINVAL, 0 },
        { "empty", "", -EINVAL, 0 },
        { "letter-behind", "65536x", -EINVAL, 0 },
        { "leading-zero", "01000", -EINVAL, 0 },
        { "hexadecimal", "0x3e8", -EINVAL, 0 },
        { "blank-behind", "1000 ", -EINVAL, 0 },
        { "nosuch", "nosuch-tapd-test", -ESRCH, 0 },
};

static void check_id(const IdCase *row, parse_id_t parse) {
        uint32_t id = UNTOUCHED;

        g_assert_cmpint(parse(row->text, &id), ==, row->r);
        g_assert_cmpuint(id, ==, row->r < 0 ? UNTOUCHED : row->id);
}

static void test_user(const void *data) {
        check_id(data, parse_user);
}

static void test_group(const void *data) {
        check_id(data, parse_group);
}

/* A sign or a blank makes no number: it can only be a name, and nobody has it. */
static void test_id_signs(void) {
        static const char *const texts[] = { "+0", "-1", " 0", "+1000", "-4294966296" };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                uint32_t id = UNTOUCHED;

                g_assert_cmpint(parse_user(texts[i], &id), <, 0);
                g_assert_cmpint(parse_group(texts[i], &id), <, 0);
                g_assert_cmpuint(id, ==, UNTOUCHED);
        }
}

static void test_id_long(void) {
        g_autofree char *name = repeat("u", 100000);
        uint32_t id;

        g_assert_cmpint(parse_user(name, &id), <, 0);
        g_assert_cmpint(parse_group(name, &id), <, 0);
}

static void test_names(void) {
        Scratch *scratch = scratch_enter();
        uint32_t id = UNTOUCHED;

        if (!scratch)
                return;

        g_assert_cmpint(parse_user("alice", &id), ==, 0);
        g_assert_cmpuint(id, ==, SCRATCH_ALICE);
        g_assert_cmpint(parse_group("kvm", &id), ==, 0);
        g_assert_cmpuint(id, ==, SCRATCH_KVM);
        g_assert_cmpint(parse_user("kvm", &id), ==, -ESRCH);
        g_assert_cmpint(parse_group("alice", &id), ==, -ESRCH);
        scratch_free(scratch);
}

/* A university has groups of 100,000 members. */
static void test_large_group(void) {
        Scratch *scratch = scratch_enter();
        g_autofree char *members = repeat("somebody,", 100000),
                        *group = g_strdup_printf("all:x:4000:%salice\n", members);
        uint32_t id = UNTOUCHED;

        if (!scratch)
                return;

        put_text("/etc/group", group);
        g_assert_cmpint(parse_group("all", &id), ==, 0);
        g_assert_cmpuint(id, ==, 4000);
        scratch_free(scratch);
}

/* Accounts that mean "none" mean it under their names as well. */
static void test_reserved_by_name(void) {
        Scratch *scratch = scratch_enter();
        uint32_t id = UNTOUCHED;

        if (!scratch)
                return;

        put_text("/etc/passwd", "ghost:x:65535:65535::/:/bin/sh\nphantom:x:4294967295:0::/:/bin/sh\n");
        put_text("/etc/group", "ghost:x:65535:\nphantom:x:4294967295:\n");
        g_assert_cmpint(parse_user("ghost", &id), <, 0);
        g_assert_cmpint(parse_user("phantom", &id), <, 0);
        g_assert_cmpint(parse_group("ghost", &id), <, 0);
        g_assert_cmpint(parse_group("phantom", &id), <, 0);
        g_assert_cmpuint(id, ==, UNTOUCHED);
        scratch_free(scratch);
}

/* As the API has them: key and type. */
typedef struct TableCase {
        SettingId id;
        const char *key, *type;
} TableCase;

static const TableCase table_cases[] = {
        { SETTING_KIND, "Kind", "s" },
        { SETTING_USER, "User", "u" },
        { SETTING_GROUP, "Group", "u" },
        { SETTING_SHARED, "Shared", "b" },
        { SETTING_MULTI_QUEUE, "MultiQueue", "b" },
        { SETTING_VNET_HEADER, "VNetHeader", "b" },
        { SETTING_PACKET_INFO, "PacketInfo", "b" },
        { SETTING_UP, "Up", "b" },
        { SETTING_DESCRIPTION, "Description", "s" },
        { SETTING_MAC_ADDRESS, "MACAddress", "s" },
        { SETTING_MTU_BYTES, "MTUBytes", "u" },
        { SETTING_TRANSMIT_QUEUE_LENGTH, "TransmitQueueLength", "u" },
        { SETTING_SWITCH, "Switch", "s" },
        { SETTING_VLAN, "VLAN", "q" },
        { SETTING_TRUNK, "Trunk", "a(qq)" },
        { SETTING_ISOLATED, "Isolated", "b" },
        { SETTING_INTERFACE_ID, "InterfaceID", "s" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(table_cases) == _SETTING_MAX);

static void test_table_contract(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(table_cases); i++) {
                const TableCase *row = &table_cases[i];
                const Setting *setting = setting_find(row->key);

                g_assert_true(setting == &settings_table[row->id]);
                g_assert_cmpstr(settings_table[row->id].type, ==, row->type);
        }
}

static const char *type_of_form(SettingForm form) {
        switch (form) {
        case SETTING_FORM_STRING:
                return "s";
        case SETTING_FORM_BOOL:
                return "b";
        case SETTING_FORM_NUMBER:
        case SETTING_FORM_USER:
        case SETTING_FORM_GROUP:
                return "u";
        case SETTING_FORM_VLAN:
                return "q";
        case SETTING_FORM_TRUNK:
                return "a(qq)";
        }

        return NULL;
}

static void check_words(const Setting *setting) {
        g_assert_nonnull(setting->key);
        g_assert_nonnull(setting->argument);
        g_assert_cmpuint(strspn(setting->option, "abcdefghijklmnopqrstuvwxyz-"), ==, strlen(setting->option));
        g_assert_cmpuint(strlen(setting->option), >, 0);
        g_assert_cmpuint(strlen(setting->help), >, 0);
        g_assert_null(strchr(setting->help, '\n'));
}

static void test_table(void) {
        g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);
        g_autoptr(GHashTable) options = g_hash_table_new(g_str_hash, g_str_equal);

        for (size_t i = 0; i < _SETTING_MAX; i++) {
                const Setting *setting = &settings_table[i];

                g_assert_cmpuint(setting->id, ==, i);
                g_assert_cmpstr(setting->type, ==, type_of_form(setting->form));
                check_words(setting);
                g_assert_true(g_hash_table_add(keys, (char *) setting->key));
                g_assert_true(g_hash_table_add(options, (char *) setting->option));
        }
}

static void test_find(void) {
        static const char *const unknown[] = { "", "x", "kind", "KIND", "Kind ", "Kin", "Kinds", "multi-queue" };

        for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
                g_assert_null(setting_find(unknown[i]));
}

static void test_parse_trunk(void) {
        static const struct {
                const char *text;
                int r;
                size_t n_ranges;
                VlanRange last;
        } cases[] = {
                { "20", 0, 1, { 20, 20 } },
                { "1-4094", 0, 1, { 1, 4094 } },
                { "10,20-29", 0, 2, { 20, 29 } },
                { " 10  20-29\t31 ", 0, 3, { 31, 31 } },
                { "", -EINVAL, 0, {} },
                { ",", -EINVAL, 0, {} },
                { "0", -EINVAL, 0, {} },
                { "4095", -EINVAL, 0, {} },
                { "1-4095", -EINVAL, 0, {} },
                { "29-20", -EINVAL, 0, {} },
                { "20-", -EINVAL, 0, {} },
                { "-20", -EINVAL, 0, {} },
                { "20-29-30", -EINVAL, 0, {} },
                { "020", -EINVAL, 0, {} },
                { "all", -EINVAL, 0, {} },
                { "+20", -EINVAL, 0, {} },
                { "99999999999999999999", -EINVAL, 0, {} },
        };
        g_autoptr(GString) many = g_string_new(NULL);
        Trunk trunk;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpint(parse_trunk(cases[i].text, &trunk), ==, cases[i].r);
                if (cases[i].r < 0)
                        continue;
                g_assert_cmpuint(trunk.n_ranges, ==, cases[i].n_ranges);
                g_assert_cmpuint(trunk.ranges[trunk.n_ranges - 1].first, ==, cases[i].last.first);
                g_assert_cmpuint(trunk.ranges[trunk.n_ranges - 1].last, ==, cases[i].last.last);
        }

        for (unsigned i = 1; i <= TRUNK_RANGES_MAX; i++)
                g_string_append_printf(many, "%u,", 2 * i);
        g_assert_cmpint(parse_trunk(many->str, &trunk), ==, 0);
        g_string_append(many, "4000");
        g_assert_cmpint(parse_trunk(many->str, &trunk), ==, -E2BIG);
}

static void test_format_trunk(void) {
        Trunk trunk = {}, longest = { .n_ranges = TRUNK_RANGES_MAX };
        char text[TRUNK_TEXT_SIZE];

        g_assert_cmpstr(trunk_format(&trunk, ',', text), ==, "");
        trunk = (Trunk){ .ranges = { { 10, 10 }, { 20, 29 }, { 4094, 4094 } }, .n_ranges = 3 };
        g_assert_cmpstr(trunk_format(&trunk, ',', text), ==, "10,20-29,4094");
        g_assert_cmpstr(trunk_format(&trunk, ' ', text), ==, "10 20-29 4094");

        for (size_t i = 0; i < TRUNK_RANGES_MAX; i++)
                longest.ranges[i] = (VlanRange){ 4000, 4094 };
        g_assert_true(g_str_has_suffix(trunk_format(&longest, ' ', text), " 4000-4094"));
        g_assert_cmpuint(strlen(text), ==, TRUNK_RANGES_MAX * strlen("4000-4094 ") - 1);
}

typedef struct ParseCase {
        SettingId id;
        const char *text;
        int r;
        uint32_t number;
} ParseCase;

static void test_parse_numbers(void) {
        static const ParseCase cases[] = {
                { SETTING_USER, "root", 0, 0 },
                { SETTING_USER, "1000", 0, 1000 },
                { SETTING_USER, "", -EINVAL, 0 },
                { SETTING_USER, "4294967295", -EINVAL, 0 },
                { SETTING_USER, "nosuch-tapd-test", -ESRCH, 0 },
                { SETTING_GROUP, "root", 0, 0 },
                { SETTING_GROUP, "", 0, TAPD_ID_UNSET }, /* no group */
                { SETTING_GROUP, "4294967295", -EINVAL, 0 },
                { SETTING_GROUP, "65535", -EINVAL, 0 },
                { SETTING_GROUP, "nosuch-tapd-test", -ESRCH, 0 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                SettingValue value = { .number = UNTOUCHED };

                g_assert_cmpint(setting_parse(&settings_table[cases[i].id], cases[i].text, &value), ==, cases[i].r);
                g_assert_cmpuint(value.number, ==, cases[i].r < 0 ? UNTOUCHED : cases[i].number);
        }
}

static void test_parse_others(void) {
        static const char text[] = "any text, \033 too: its range is for another to judge";
        SettingValue value = {};

        g_assert_cmpint(setting_parse(&settings_table[SETTING_DESCRIPTION], text, &value), ==, 0);
        g_assert_true(value.string == text);

        for (size_t i = 0; i < G_N_ELEMENTS(boolean_cases); i++) {
                const BooleanCase *row = &boolean_cases[i];

                g_assert_cmpint(setting_parse(&settings_table[SETTING_UP], row->text, &value), ==, row->r);
                if (row->r == 0)
                        g_assert_cmpint(value.boolean, ==, row->value);
        }
}

static void add_ids(const char *folder, GTestDataFunc test) {
        for (size_t i = 0; i < G_N_ELEMENTS(id_cases); i++) {
                g_autofree char *path = g_strconcat(folder, id_cases[i].label, NULL);

                g_test_add_data_func(path, &id_cases[i], test);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/settings/boolean", test_boolean);
        g_test_add_func("/settings/decimal", test_decimal);
        add_ids("/settings/user/", test_user);
        add_ids("/settings/group/", test_group);
        g_test_add_func("/settings/id-signs", test_id_signs);
        g_test_add_func("/settings/id-long", test_id_long);
        g_test_add_func("/settings/names", test_names);
        g_test_add_func("/settings/large-group", test_large_group);
        g_test_add_func("/settings/reserved-by-name", test_reserved_by_name);
        g_test_add_func("/settings/table-contract", test_table_contract);
        g_test_add_func("/settings/table", test_table);
        g_test_add_func("/settings/find", test_find);
        g_test_add_func("/settings/parse-numbers", test_parse_numbers);
        g_test_add_func("/settings/parse-trunk", test_parse_trunk);
        g_test_add_func("/settings/format-trunk", test_format_trunk);
        g_test_add_func("/settings/parse-others", test_parse_others);

        return g_test_run();
}
