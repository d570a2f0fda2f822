/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a TAP is to be plugged in: what may be said of it, and what goes together. */
#include <glib.h>
#include <string.h>

#include "portspec.h"
#include "scratch.h"
#include "text.h"

static int set(PortSpec *port, SettingId id, const SettingValue *value, Fault *fault) {
        return portspec_set(port, &settings_table[id], value, fault);
}

/* InvalidArgs, a sentence about the key, and nothing of it is taken. */
static void check_refused(SettingId id, const SettingValue *value, const char *says) {
        g_autofree char *key = g_strconcat(settings_table[id].key, "=: ", NULL);
        PortSpec port = { .switch_name = "before", .vlan = 7, .interface_id = "id" }, before;
        Fault fault = {};

        before = port;
        g_assert_cmpint(set(&port, id, value, &fault), <, 0);
        g_assert_cmpint(fault.error, ==, TAPD_ERROR_INVALID_ARGS);
        g_assert_true(text_is_printable(fault.text));
        if (!g_str_has_prefix(fault.text, key) || !strstr(fault.text, says)) {
                g_test_message("\"%s\" must begin with \"%s\" and say \"%s\"", fault.text, key, says);
                g_test_fail();
        }
        g_assert_true(portspec_equals(&port, &before));
}

static void test_switch(void) {
        static const char *const taken[] = { "b",       "br0", "BR0", "dsw-host",        "vmbr0.10",
                                             "a_b+c@d", "0",   "...", "fifteen-letters", "\x7e" };
        static const struct {
                const char *name, *says;
        } refused[] = {
                { "", "0 bytes, not in 1..15" },
                { "sixteen--letters", "16 bytes, not in 1..15" },
                { ".", "\".\" is no name" },
                { "..", "\"..\" is no name" },
                { "a/b", "illegal character at byte 2" },
                { "/", "illegal character at byte 1" },
                { "a:b", "illegal character at byte 2" },
                { "a b", "illegal character at byte 2" },
                { "ab\t", "illegal character at byte 3" },
                { "\n", "illegal character at byte 1" },
                { "a\x1b[2J", "\\x1b" },
                { "a\x7f", "illegal character at byte 2" },
                { "br\xc3\xa9", "illegal character at byte 3" },
                { "\xff", "illegal character at byte 1" },
                { "br*", "illegal character at byte 3" },
                { "br?", "illegal character at byte 3" },
                { "br[0]", "illegal character at byte 3" },
                { "a\"b", "illegal character at byte 2" },
                { "a'b", "illegal character at byte 2" },
                { "a\\b", "illegal character at byte 2" },
        };
        g_autofree char *huge = repeat("a", 1024 * 1024);

        for (size_t i = 0; i < G_N_ELEMENTS(taken); i++) {
                PortSpec port = {};

                g_assert_cmpint(set(&port, SETTING_SWITCH, &(SettingValue){ .string = taken[i] }, NULL), ==, 0);
                g_assert_cmpstr(port.switch_name, ==, taken[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
                check_refused(SETTING_SWITCH, &(SettingValue){ .string = refused[i].name }, refused[i].says);
        check_refused(SETTING_SWITCH, &(SettingValue){ .string = huge }, "1048576 bytes");
}

static void test_vlan(void) {
        static const uint32_t taken[] = { 1, 2, 4093, 4094 };
        static const uint32_t refused[] = { 0, 4095, 4096, 65535, 65536 + 20, UINT32_MAX };

        for (size_t i = 0; i < G_N_ELEMENTS(taken); i++) {
                PortSpec port = {};

                g_assert_cmpint(set(&port, SETTING_VLAN, &(SettingValue){ .number = taken[i] }, NULL), ==, 0);
                g_assert_cmpuint(port.vlan, ==, taken[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
                check_refused(SETTING_VLAN, &(SettingValue){ .number = refused[i] }, "not in 1..4094");
}

typedef struct TrunkCase {
        VlanRange ranges[4]; /* those that are asked for, up to 0-0 */
        const char *trunk;   /* what it is; NULL: refused */
        const char *says;
} TrunkCase;

static const TrunkCase trunk_cases[] = {
        { { { 20, 20 } }, "20", NULL },
        { { { 1, 4094 } }, "1-4094", NULL },
        { { { 30, 39 }, { 10, 10 }, { 20, 29 } }, "10 20-39", NULL },
        { { { 10, 20 }, { 21, 30 } }, "10-30", NULL },
        { { { 21, 30 }, { 10, 20 } }, "10-30", NULL },
        { { { 4094, 4094 }, { 1, 1 } }, "1 4094", NULL },

        { { { 20, 19 } }, NULL, "20-19, no range of 1..4094" },
        { { { 1, 4095 } }, NULL, "1-4095, no range of 1..4094" },
        { { { 4095, 4095 } }, NULL, "4095-4095, no range of 1..4094" },
        { { { 65535, 65535 } }, NULL, "no range of 1..4094" },
        { { { 20, 20 }, { 20, 20 } }, NULL, "20-20, a VLAN is named twice" },
        { { { 20, 29 }, { 29, 40 } }, NULL, "29-40, a VLAN is named twice" },
        { { { 29, 40 }, { 20, 29 } }, NULL, "20-29, a VLAN is named twice" },
        { { { 20, 40 }, { 30, 30 } }, NULL, "30-30, a VLAN is named twice" },
        { { { 30, 30 }, { 20, 40 } }, NULL, "20-40, a VLAN is named twice" },
        { { { 10, 10 }, { 30, 30 }, { 5, 12 } }, NULL, "5-12, a VLAN is named twice" },
        { { { 10, 10 }, { 30, 30 }, { 25, 35 } }, NULL, "25-35, a VLAN is named twice" },
};

static SettingValue trunk_of(const VlanRange *ranges, size_t n) {
        SettingValue value = {};

        for (size_t i = 0; i < n && ranges[i].first + ranges[i].last > 0; i++)
                value.trunk.ranges[value.trunk.n_ranges++] = ranges[i];

        return value;
}

static void test_trunk(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(trunk_cases); i++) {
                const TrunkCase *row = &trunk_cases[i];
                const SettingValue value = trunk_of(row->ranges, G_N_ELEMENTS(row->ranges));
                char text[TRUNK_TEXT_SIZE];
                PortSpec port = {};

                if (!row->trunk) {
                        check_refused(SETTING_TRUNK, &value, row->says);
                        continue;
                }

                g_assert_cmpint(set(&port, SETTING_TRUNK, &value, NULL), ==, 0);
                g_assert_cmpstr(trunk_format(&port.trunk, ' ', text), ==, row->trunk);
        }

        check_refused(SETTING_TRUNK, &(SettingValue){ .trunk.n_ranges = 0 }, "names no VLAN");
        check_refused(SETTING_TRUNK, &(SettingValue){ .trunk = { .ranges = { { 0, 0 } }, .n_ranges = 1 } },
                      "0-0, no range of 1..4094");
        check_refused(SETTING_TRUNK, &(SettingValue){ .trunk = { .ranges = { { 0, 9 } }, .n_ranges = 1 } },
                      "0-9, no range of 1..4094");
}

/* As many as there may be, from the last to the first, and their text at its longest. */
static void test_trunk_most(void) {
        g_autoptr(GString) expected = g_string_new(NULL);
        char text[TRUNK_TEXT_SIZE];
        SettingValue value = {};
        PortSpec port = {};

        for (unsigned i = 0; i < TRUNK_RANGES_MAX; i++) {
                uint16_t first = (uint16_t) (1000 + 10 * i), last = (uint16_t) (first + 8);

                value.trunk.ranges[TRUNK_RANGES_MAX - 1 - i] = (VlanRange){ first, last };
                g_string_append_printf(expected, "%s%u-%u", i > 0 ? "," : "", first, last);
        }

        value.trunk.n_ranges = TRUNK_RANGES_MAX;
        g_assert_cmpint(set(&port, SETTING_TRUNK, &value, NULL), ==, 0);
        g_assert_cmpuint(port.trunk.n_ranges, ==, TRUNK_RANGES_MAX);
        g_assert_cmpstr(trunk_format(&port.trunk, ',', text), ==, expected->str);

        /* More were counted, and not kept. */
        value.trunk.n_ranges = TRUNK_RANGES_MAX + 1;
        check_refused(SETTING_TRUNK, &value, "65 ranges, at most 64");
        value.trunk.n_ranges = 1000000;
        check_refused(SETTING_TRUNK, &value, "1000000 ranges, at most 64");
}

static void test_interface_id(void) {
        g_autofree char *longest = repeat("a", PORT_INTERFACE_ID_MAX), *too_long = repeat("a", 64);
        const char *const taken[] = { "vm-1", "6d2f0f0e-8d0a-4a0e-9a0c-0f6f3c2f7a11", "a b/c:d*", "\xc3\xa9", longest };
        static const char *const refused[] = { "a\nb", "\x1b[2J", "\x7f", "\xe2\x80\xae" };

        for (size_t i = 0; i < G_N_ELEMENTS(taken); i++) {
                PortSpec port = {};

                g_assert_cmpint(set(&port, SETTING_INTERFACE_ID, &(SettingValue){ .string = taken[i] }, NULL), ==, 0);
                g_assert_cmpstr(port.interface_id, ==, taken[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
                check_refused(SETTING_INTERFACE_ID, &(SettingValue){ .string = refused[i] }, "control characters");
        check_refused(SETTING_INTERFACE_ID, &(SettingValue){ .string = "" }, "0 bytes, not in 1..63");
        check_refused(SETTING_INTERFACE_ID, &(SettingValue){ .string = too_long }, "64 bytes, not in 1..63");
}

static void test_isolated(void) {
        PortSpec port = {};

        g_assert_cmpint(set(&port, SETTING_ISOLATED, &(SettingValue){ .boolean = true }, NULL), ==, 0);
        g_assert_true(port.isolated);
        g_assert_cmpint(set(&port, SETTING_ISOLATED, &(SettingValue){ .boolean = false }, NULL), ==, 0);
        g_assert_false(port.isolated);
}

static void test_other_settings(void) {
        for (SettingId id = 0; id < SETTING_PORT_FIRST; id++) {
                PortSpec port = {};
                Fault fault = {};

                g_assert_cmpint(set(&port, id, &(SettingValue){}, &fault), <, 0);
                g_assert_cmpint(fault.error, ==, TAPD_ERROR_INVALID_ARGS);
        }
}

/* ---- what goes together ---- */

typedef struct CheckCase {
        PortSpec port;
        bool is_tun;
        const char *says; /* NULL: it does */
} CheckCase;

#define TRUNK(...)                                                                                                     \
        .trunk = { .ranges = { __VA_ARGS__ }, .n_ranges = sizeof((VlanRange[]){ __VA_ARGS__ }) / sizeof(VlanRange) }

static const CheckCase check_cases[] = {
        { {}, false, NULL },
        { {}, true, NULL },
        { { .switch_name = "br0" }, false, NULL },
        { { .switch_name = "br0", .isolated = true, .interface_id = "x", .vlan = 5 }, false, NULL },
        { { .switch_name = "br0", .vlan = 9, TRUNK({ 10, 20 }) }, false, NULL },
        { { .switch_name = "br0", .vlan = 21, TRUNK({ 10, 20 }, { 22, 30 }) }, false, NULL },

        { { .vlan = 20 }, false, "Switch=: is missing" },
        { { TRUNK({ 10, 20 }) }, false, "Switch=: is missing" },
        { { .isolated = true }, false, "Switch=: is missing" },
        { { .interface_id = "x" }, false, "Switch=: is missing" },
        { { .switch_name = "br0" }, true, "Switch=: needs Kind=tap" },
        { { .switch_name = "br0", .vlan = 10, TRUNK({ 10, 20 }) }, false, "Trunk=: 10 is VLAN= as well" },
        { { .switch_name = "br0", .vlan = 15, TRUNK({ 1, 5 }, { 10, 20 }) }, false, "Trunk=: 15 is VLAN= as well" },
        { { .switch_name = "br0", .vlan = 20, TRUNK({ 10, 20 }) }, false, "Trunk=: 20 is VLAN= as well" },
};

static void test_check(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(check_cases); i++) {
                const CheckCase *row = &check_cases[i];
                Fault fault = {};
                int r = portspec_check(&row->port, row->is_tun, &fault);

                if (!row->says) {
                        g_assert_cmpint(r, ==, 0);
                        continue;
                }

                g_assert_cmpint(r, <, 0);
                g_assert_cmpint(fault.error, ==, TAPD_ERROR_INVALID_ARGS);
                g_assert_true(g_str_has_prefix(fault.text, row->says));
        }
}

static void test_equals(void) {
        static const PortSpec ports[] = {
                {},
                { .switch_name = "br0" },
                { .switch_name = "br1" },
                { .switch_name = "br0", .vlan = 20 },
                { .switch_name = "br0", .vlan = 21 },
                { .switch_name = "br0", .isolated = true },
                { .switch_name = "br0", .interface_id = "x" },
                { .switch_name = "br0", TRUNK({ 10, 20 }) },
                { .switch_name = "br0", TRUNK({ 10, 21 }) },
                { .switch_name = "br0", TRUNK({ 11, 20 }) },
                { .switch_name = "br0", TRUNK({ 10, 20 }, { 30, 30 }) },
        };
        PortSpec one = { .switch_name = "br0", TRUNK({ 10, 20 }) }, other = one;

        for (size_t i = 0; i < G_N_ELEMENTS(ports); i++)
                for (size_t j = 0; j < G_N_ELEMENTS(ports); j++)
                        g_assert_cmpint(portspec_equals(&ports[i], &ports[j]), ==, i == j);

        /* What lies behind the last range, or the end of a name, is nothing. */
        other.trunk.ranges[1] = (VlanRange){ 30, 30 };
        other.switch_name[5] = 'x';
        g_assert_true(trunk_equals(&one.trunk, &other.trunk));
        g_assert_true(portspec_equals(&one, &other));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/portspec/switch", test_switch);
        g_test_add_func("/portspec/vlan", test_vlan);
        g_test_add_func("/portspec/trunk", test_trunk);
        g_test_add_func("/portspec/trunk/most", test_trunk_most);
        g_test_add_func("/portspec/interface-id", test_interface_id);
        g_test_add_func("/portspec/isolated", test_isolated);
        g_test_add_func("/portspec/other-settings", test_other_settings);
        g_test_add_func("/portspec/check", test_check);
        g_test_add_func("/portspec/equals", test_equals);
        return g_test_run();
}
