/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a switch takes of a TAP, whichever kind of switch it is, and how a port's VLANs are told. */
#include <glib.h>
#include <string.h>

#include "port.h"
#include "text.h"

static const uint8_t bridge_mac[6] = { 2, 0, 0, 0, 0, 0xb0 }, guest_mac[6] = { 0xfe, 0, 0, 0, 0, 1 };

typedef struct CheckCase {
        SwitchKind kind;
        bool filters_vlans;
        PortSpec spec;
        const uint8_t *mac;
        uint32_t mtu;
        TapdError error; /* TAPD_ERROR_NONE: taken */
        const char *says;
} CheckCase;

#define BRIDGE SWITCH_BRIDGE, false
#define FILTERING SWITCH_BRIDGE, true
#define OPENVSWITCH SWITCH_OPENVSWITCH, true
#define GUEST guest_mac, LINK_UNSET
#define TRUNK .trunk = { .ranges = { { 20, 29 } }, .n_ranges = 1 }
#define TAKEN TAPD_ERROR_NONE, NULL

static const CheckCase check_cases[] = {
        { BRIDGE, {}, GUEST, TAKEN },
        { BRIDGE, { .isolated = true }, GUEST, TAKEN },
        { FILTERING, {}, GUEST, TAKEN },
        { FILTERING, { .vlan = 20 }, GUEST, TAKEN },
        { FILTERING, { TRUNK }, GUEST, TAKEN },
        { FILTERING, { .vlan = 5, TRUNK }, GUEST, TAKEN },
        { OPENVSWITCH, {}, GUEST, TAKEN },
        { OPENVSWITCH, { .vlan = 20, .interface_id = "vm-1" }, GUEST, TAKEN },
        { OPENVSWITCH, { TRUNK }, GUEST, TAKEN },

        /* Tags of its guest would pass through such a bridge as they are. */
        { BRIDGE, { .vlan = 20 }, GUEST, TAPD_ERROR_VLAN_NOT_SUPPORTED, "VLAN=: the bridge br0 filters no VLANs" },
        { BRIDGE, { TRUNK }, GUEST, TAPD_ERROR_VLAN_NOT_SUPPORTED, "Trunk=: the bridge br0 filters no VLANs" },
        { BRIDGE, { .vlan = 5, TRUNK }, GUEST, TAPD_ERROR_VLAN_NOT_SUPPORTED, "VLAN=: the bridge br0" },
        { BRIDGE, { .interface_id = "vm-1" }, GUEST, TAPD_ERROR_NOT_SUPPORTED, "InterfaceID=: br0 is not of Open" },
        { FILTERING, { .vlan = 20, .interface_id = "x" }, GUEST, TAPD_ERROR_NOT_SUPPORTED, "InterfaceID=: br0" },

        /* The switch has 1500 bytes, and an address. */
        { BRIDGE, {}, guest_mac, 1500, TAKEN },
        { BRIDGE, {}, guest_mac, 1501, TAKEN },
        { BRIDGE, {}, guest_mac, 65521, TAKEN },
        { BRIDGE, {}, guest_mac, 1499, TAPD_ERROR_CONFLICT, "MTUBytes=: 1499, and the switch br0 has 1500" },
        { OPENVSWITCH, {}, guest_mac, 68, TAPD_ERROR_CONFLICT, "MTUBytes=: 68, and the switch br0 has 1500" },
        { BRIDGE, {}, bridge_mac, LINK_UNSET, TAPD_ERROR_CONFLICT, "MACAddress=: is that of the switch br0" },
        { OPENVSWITCH, {}, bridge_mac, 1500, TAPD_ERROR_CONFLICT, "MACAddress=: is that of the switch br0" },
        { BRIDGE, {}, NULL, LINK_UNSET, TAKEN },
};

static Switch switch_of(const CheckCase *row) {
        Switch where = {
                .kind = row->kind,
                .name = "br0",
                .filters_vlans = row->filters_vlans,
                .link = { .ifindex = 7, .name = "br0", .has_mac = true, .mtu = 1500 },
        };

        memcpy(where.link.mac, bridge_mac, sizeof(bridge_mac));
        return where;
}

static void check(const CheckCase *row, const Switch *where, TapdError error, const char *says) {
        const PortGuest guest = { .mac = row->mac, .mtu = row->mtu };
        Fault fault = {};
        int r = port_check(where, &row->spec, &guest, &fault);

        g_assert_true(error == TAPD_ERROR_NONE ? r == 0 : r < 0);
        g_assert_cmpint(fault.error, ==, error);
        g_assert_true(text_is_printable(fault.text));
        if (says && !strstr(fault.text, says)) {
                g_test_message("\"%s\" must say \"%s\"", fault.text, says);
                g_test_fail();
        }
}

static void test_check(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(check_cases); i++) {
                const CheckCase *row = &check_cases[i];
                const Switch where = switch_of(row);

                check(row, &where, row->error, row->says);
        }
}

/* One of Open vSwitch's may have no link, as with a datapath in user space: nothing is known that could be in the way.
 */
static void test_no_link(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(check_cases); i++) {
                const CheckCase *row = &check_cases[i];
                bool is_of_link = row->error == TAPD_ERROR_CONFLICT;
                Switch where = switch_of(row);

                where.link = (Link){};
                check(row, &where, is_of_link ? TAPD_ERROR_NONE : row->error, is_of_link ? NULL : row->says);
        }
}

/* A device without an address of six bytes has none to compare. */
static void test_no_address(void) {
        const CheckCase row = { BRIDGE, {}, bridge_mac, LINK_UNSET, TAKEN };
        Switch where = switch_of(&row);

        where.link.has_mac = false;
        check(&row, &where, TAPD_ERROR_NONE, NULL);
}

static void test_vlans(void) {
        static const struct {
                PortSpec spec;
                const char *text;
        } rows[] = {
                { {}, "" },
                { { .isolated = true, .interface_id = "x" }, "" },
                { { .vlan = 20 }, "20" },
                { { .vlan = 4094 }, "4094" },
                { { .trunk = { .ranges = { { 10, 10 } }, .n_ranges = 1 } }, "10" },
                { { .trunk = { .ranges = { { 10, 10 }, { 20, 29 } }, .n_ranges = 2 } }, "10 20-29" },
                { { .vlan = 1, .trunk = { .ranges = { { 10, 10 }, { 20, 29 } }, .n_ranges = 2 } }, "1 10 20-29" },
                { { .vlan = 30, .trunk = { .ranges = { { 10, 10 }, { 20, 29 } }, .n_ranges = 2 } }, "30 10 20-29" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                char text[PORT_VLANS_SIZE];

                g_assert_true(port_format_vlans(&rows[i].spec, text) == text);
                g_assert_cmpstr(text, ==, rows[i].text);
        }
}

/* The longest there is. */
static void test_vlans_most(void) {
        g_autoptr(GString) expected = g_string_new("4094");
        PortSpec spec = { .vlan = 4094 };
        char text[PORT_VLANS_SIZE];

        for (unsigned i = 0; i < TRUNK_RANGES_MAX; i++) {
                spec.trunk.ranges[i] = (VlanRange){ (uint16_t) (1000 + 10 * i), (uint16_t) (1009 + 10 * i) };
                g_string_append_printf(expected, " %u-%u", 1000 + 10 * i, 1009 + 10 * i);
        }
        spec.trunk.n_ranges = TRUNK_RANGES_MAX;
        g_assert_cmpstr(port_format_vlans(&spec, text), ==, expected->str);
}

static void test_kinds(void) {
        g_assert_cmpstr(switch_kind_name(SWITCH_NONE), ==, "");
        g_assert_cmpstr(switch_kind_name(SWITCH_BRIDGE), ==, "bridge");
        g_assert_cmpstr(switch_kind_name(SWITCH_OPENVSWITCH), ==, "openvswitch");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/port/check", test_check);
        g_test_add_func("/port/check/no-link", test_no_link);
        g_test_add_func("/port/check/no-address", test_no_address);
        g_test_add_func("/port/vlans", test_vlans);
        g_test_add_func("/port/vlans/most", test_vlans_most);
        g_test_add_func("/port/kinds", test_kinds);
        return g_test_run();
}
