/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What no switch takes, and what no switch is: each is refused with its reason, nobody is asked, and nothing changes.
 */
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "ports.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define TAP(name) TAPD_TAP_PREFIX "/" name, TAPD_TAP_INTERFACE

#define INVALID STANDARD_ERROR("InvalidArgs")
#define NO_SWITCH OWN_ERROR("NoSuchSwitch")
#define NO_VLANS OWN_ERROR("VLANNotSupported")
#define CONFLICT OWN_ERROR("Conflict")

static const char config[] =
        "[Defaults]\nGroup=12100\n"
        "[Grant lab]\nUsers=@12100\nNames=tap*\nTapsPerUser=100\nSwitches=*\nVLANs=all\nTrunk=yes\n"
        "InterfaceIDs=*\n";

/* ---- a port, as it is asked for ---- */

typedef struct PortCase {
        const char *switch_name;
        int vlan; /* -1: not given */
        unsigned n_ranges;
        uint16_t ranges[3][2]; /* those beyond are like the last */
        const char *interface_id;
        const char *error, *text;
} PortCase;

#define NO_VLAN .vlan = -1
#define IS(error_, text_) .error = error_, .text = text_
#define LONG_ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const PortCase port_cases[] = {
        /* Names that are none. */
        { "", NO_VLAN, IS(INVALID, "Switch=: 0 bytes, not in 1..15") },
        { "abcdefghijklmnop", NO_VLAN, IS(INVALID, "Switch=: 16 bytes, not in 1..15") },
        { "a/b", NO_VLAN, IS(INVALID, "illegal character at byte 2") },
        { "../br0", NO_VLAN, IS(INVALID, "illegal character at byte 3") },
        { "a b", NO_VLAN, IS(INVALID, "illegal character at byte 2") },
        { "br0\n", NO_VLAN, IS(INVALID, "\"br0\\x0a\"") },
        { "br\x1b[31m", NO_VLAN, IS(INVALID, "\\x1b") },
        { "br0:1", NO_VLAN, IS(INVALID, "illegal character at byte 4") },
        { "br*", NO_VLAN, IS(INVALID, "illegal character at byte 3") },
        { "br\xc3\xa9", NO_VLAN, IS(INVALID, "illegal character at byte 3") },
        { ".", NO_VLAN, IS(INVALID, "Switch=: \".\"") },
        { "..", NO_VLAN, IS(INVALID, "Switch=: \"..\"") },

        /* Names of what is none; the last one is br0's as well, and not the one by which grants know it. */
        { "nosuch", NO_VLAN, IS(NO_SWITCH, "no switch \"nosuch\"") },
        { "BR0", NO_VLAN, IS(NO_SWITCH, "no switch \"BR0\"") },
        { "up0", NO_VLAN, IS(NO_SWITCH, "\"up0\" is no switch but veth") },
        { "lo", NO_VLAN, IS(NO_SWITCH, "\"lo\" is no switch") },
        { "tap1", NO_VLAN, IS(NO_SWITCH, "\"tap1\" is no switch but tun") },
        { "tap2", NO_VLAN, IS(NO_SWITCH, "\"tap2\" is no switch but tun") },
        { "elsewhere0", NO_VLAN, IS(NO_SWITCH, "no switch \"elsewhere0\"") },
        { "other-name", NO_VLAN, IS(NO_SWITCH, "no switch \"other-name\"") },

        /* Numbers that are no VLAN. */
        { "br0", .vlan = 0, IS(INVALID, "VLAN=: 0, not in 1..4094") },
        { "br0", .vlan = 4095, IS(INVALID, "VLAN=: 4095, not in 1..4094") },
        { "br0", .vlan = 4096, IS(INVALID, "VLAN=: 4096, not in 1..4094") },
        { "br0", .vlan = 65535, IS(INVALID, "VLAN=: 65535, not in 1..4094") },
        { "br0", NO_VLAN, 1, { { 0, 5 } }, IS(INVALID, "Trunk=: 0-5, no range of 1..4094") },
        { "br0", NO_VLAN, 1, { { 4090, 4095 } }, IS(INVALID, "Trunk=: 4090-4095, no range of 1..4094") },
        { "br0", NO_VLAN, 1, { { 0, 65535 } }, IS(INVALID, "Trunk=: 0-65535") },
        { "br0", NO_VLAN, 1, { { 20, 10 } }, IS(INVALID, "Trunk=: 20-10, no range of 1..4094") },
        { "br0", NO_VLAN, 2, { { 10, 10 }, { 10, 10 } }, IS(INVALID, "named twice") },
        { "br0", NO_VLAN, 2, { { 20, 30 }, { 10, 20 } }, IS(INVALID, "named twice") },
        { "br0", NO_VLAN, 3, { { 10, 20 }, { 30, 40 }, { 15, 16 } }, IS(INVALID, "named twice") },
        { "br0",
          NO_VLAN,
          4095,
          { { 10, 10 }, { 20, 20 }, { 30, 30 } },
          IS(INVALID, "Trunk=: 4095 ranges, at most 64") },
        { "br0", .vlan = 15, 1, { { 10, 20 } }, IS(INVALID, "Trunk=: 15 is VLAN= as well") },

        /* This bridge filters none: what it does not keep apart is not taken for kept apart. */
        { "br0", .vlan = 1, IS(NO_VLANS, "VLAN=: the bridge br0 filters no VLANs") },
        { "br0", .vlan = 4094, IS(NO_VLANS, "VLAN=: the bridge br0 filters no VLANs") },
        { "br0", NO_VLAN, 1, { { 10, 20 } }, IS(NO_VLANS, "Trunk=: the bridge br0 filters no VLANs") },
        { "br0", .vlan = 1, 2, { { 10, 20 }, { 30, 30 } }, IS(NO_VLANS, "filters no VLANs") },

        /* What only Open vSwitch has. */
        { "br0", NO_VLAN, .interface_id = "vm-1",
          IS(STANDARD_ERROR("NotSupported"), "InterfaceID=: br0 is not of Open") },
        { "br0", NO_VLAN, .interface_id = "", IS(INVALID, "InterfaceID=: 0 bytes, not in 1..63") },
        { "br0", NO_VLAN, .interface_id = LONG_ID, IS(INVALID, "InterfaceID=: 64 bytes, not in 1..63") },
        { "br0", NO_VLAN, .interface_id = "a\x1b[2J", IS(INVALID, "\\x1b") },
};

static void append_trunk(sd_bus_message *call, const PortCase *row) {
        lab_ok(sd_bus_message_open_container(call, 'e', "sv"));
        lab_ok(sd_bus_message_append(call, "s", "Trunk"));
        lab_ok(sd_bus_message_open_container(call, 'v', "a(qq)"));
        lab_ok(sd_bus_message_open_container(call, 'a', "(qq)"));
        for (unsigned i = 0; i < row->n_ranges; i++) {
                const uint16_t *range = row->ranges[MIN(i, G_N_ELEMENTS(row->ranges) - 1)];

                lab_ok(sd_bus_message_append(call, "(qq)", (int) range[0], (int) range[1]));
        }
        lab_ok(sd_bus_message_close_container(call));
        lab_ok(sd_bus_message_close_container(call));
        lab_ok(sd_bus_message_close_container(call));
}

static void append_port(sd_bus_message *call, const PortCase *row, bool with_switch) {
        lab_ok(sd_bus_message_open_container(call, 'a', "{sv}"));
        if (with_switch)
                lab_ok(sd_bus_message_append(call, "{sv}", "Switch", "s", row->switch_name));
        if (row->vlan >= 0)
                lab_ok(sd_bus_message_append(call, "{sv}", "VLAN", "q", row->vlan));
        if (row->n_ranges > 0)
                append_trunk(call, row);
        if (row->interface_id)
                lab_ok(sd_bus_message_append(call, "{sv}", "InterfaceID", "s", row->interface_id));
        lab_ok(sd_bus_message_close_container(call));
}

static void expect_refusal(Lab *lab, sd_bus_message *call, const PortCase *row) {
        LabReply reply;

        lab_send_message(lab, lab->alice, &reply, call);
        sd_bus_message_unref(call);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, row->error, row->text);
}

static void ask_to_plug(Lab *lab, const PortCase *row) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(lab->alice, &call, TAPD_BUS_NAME, TAP("tap1"), "Plug"));
        lab_ok(sd_bus_message_append(call, "s", row->switch_name));
        append_port(call, row, /* with_switch= */ false);
        expect_refusal(lab, call, row);
}

static void ask_to_create(Lab *lab, const PortCase *row, const char *member) {
        sd_bus_message *call = NULL;
        bool is_ephemeral = g_str_equal(member, "CreateEphemeral"), is_many = g_str_equal(member, "CreateTaps");

        lab_ok(sd_bus_message_new_method_call(lab->alice, &call, TAPD_BUS_NAME, MANAGER, member));
        if (is_many) {
                lab_ok(sd_bus_message_open_container(call, 'a', "(sa{sv})"));
                lab_ok(sd_bus_message_open_container(call, 'r', "sa{sv}"));
        }
        lab_ok(sd_bus_message_append(call, "s", "tap3"));
        append_port(call, row, /* with_switch= */ true);
        if (is_ephemeral)
                lab_ok(sd_bus_message_append(call, "u", 1));
        if (is_many) {
                lab_ok(sd_bus_message_close_container(call));
                lab_ok(sd_bus_message_close_container(call));
        }
        expect_refusal(lab, call, row);
}

/* A bridge that is there, but not for tapd: in a network of its own, which lives as long as this process. */
static GPid add_bridge_elsewhere(void) {
        int pipe_fds[2];
        pid_t pid;
        char byte;

        g_assert_cmpint(pipe(pipe_fds), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (unshare(CLONE_NEWNET) < 0 || system("ip link add elsewhere0 type bridge") != 0 ||
                    write(pipe_fds[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        (void) pause();
        }

        close(pipe_fds[1]);
        g_assert_cmpint(read(pipe_fds[0], &byte, 1), ==, 1);
        close(pipe_fds[0]);
        return pid;
}

static void test_ports(void) {
        static const char *const members[] = { "CreateTap", "CreateTaps", "CreateEphemeral" };
        Lab *lab = lab_new(config);
        g_autofree char *before = NULL;
        GPid elsewhere = add_bridge_elsewhere();

        port_add_bridge("br0");
        port_add_bridge("br1");
        port_add_uplink("up0", "02:00:00:00:00:77");
        g_free(lab_run("ip link property add dev br0 altname other-name"));
        lab_expect(port_create(lab, lab->alice, "tap1", "br1", true), NULL, NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        polkit_forget(lab->polkit);
        before = port_snapshot(lab);
        lab_watch(lab);

        for (size_t i = 0; i < G_N_ELEMENTS(port_cases); i++) {
                g_autofree char *after = NULL;

                g_test_message("row %zu", i);
                for (size_t j = 0; j < G_N_ELEMENTS(members); j++)
                        ask_to_create(lab, &port_cases[i], members[j]);
                ask_to_plug(lab, &port_cases[i]);
                after = port_snapshot(lab);
                port_expect_same(before, after);
        }

        lab_settle(lab);
        g_assert_cmpuint(lab->signals->len, ==, 0);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
        g_assert_cmpint(kill(elsewhere, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(elsewhere, NULL, 0), ==, elsewhere);
        lab_free(lab);
}

/* ---- messages ---- */

static LabReply create_with(Lab *lab, const char *key, const char *type, const char *value) {
        return lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap3", 1, key, type, value);
}

static void test_messages(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_expect(port_create(lab, lab->root, "tap1", "br1", true), NULL, NULL);
        before = port_snapshot(lab);

        /* Types. */
        lab_expect(create_with(lab, "VLAN", "s", "20"), INVALID, "VLAN=: expected q, got s");
        lab_expect(create_with(lab, "Trunk", "s", "20-29"), INVALID, "Trunk=: expected a(qq), got s");
        lab_expect(create_with(lab, "Isolated", "s", "yes"), INVALID, "Isolated=: expected b, got s");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap3", 2, "Switch", "s", "br0", "VLAN",
                            "u", 20),
                   INVALID, "VLAN=: expected q, got u");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap3", 2, "Switch", "s", "br0", "Trunk",
                            "a(qq)", 0),
                   INVALID, "Trunk=: names no VLAN");

        /* What says something of a port, and no switch. */
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap3", 1, "VLAN", "q", 20), INVALID,
                   "Switch=: is missing");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap3", 1, "Isolated", "b", 1), INVALID,
                   "Switch=: is missing");
        lab_expect(create_with(lab, "InterfaceID", "s", "vm-1"), INVALID, "Switch=: is missing");

        /* What is none of a port's. */
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Plug", "sa{sv}", "br0", 1, "MTUBytes", "u", 1500), INVALID,
                   "MTUBytes=: is no setting of a port");
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Plug", "sa{sv}", "br0", 1, "Switch", "s", "br0"), INVALID,
                   "Switch=: is no setting of a port");
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Plug", "sa{sv}", "br0", 1, "PVID", "q", 1), INVALID,
                   "unknown option \"PVID\"");
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Plug", "sa{sv}", "br0", 2, "Isolated", "b", 1, "Isolated",
                            "b", 0),
                   INVALID, "Isolated=: given twice");
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Plug", "s", "br0"), INVALID, NULL);
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Unplug", "s", "br0"), INVALID, NULL);
        lab_expect(lab_call(lab, lab->root, TAP("tap9"), "Plug", "sa{sv}", "br0", 0), STANDARD_ERROR("UnknownObject"),
                   NULL);
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Set", "a{sv}", 1, "Switch", "s", "br0"),
                   STANDARD_ERROR("NotSupported"), "changes with Plug and Unplug");
        lab_expect(lab_call(lab, lab->root, TAP("tap1"), "Set", "a{sv}", 1, "VLAN", "q", 20),
                   STANDARD_ERROR("NotSupported"), "changes with Plug and Unplug");

        after = port_snapshot(lab);
        port_expect_same(before, after);
}

static void test_tun(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        /* No Ethernet, no switch. */
        port_add_bridge("br0");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, "Kind", "s", "tun"), NULL, NULL);
        before = port_snapshot(lab);
        lab_expect(port_plug(lab, lab->root, "tap1", "br0", false), INVALID, "Switch=: needs Kind=tap");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap2", 2, "Kind", "s", "tun", "Switch",
                            "s", "br0"),
                   INVALID, "Switch=: needs Kind=tap");
        after = port_snapshot(lab);
        port_expect_same(before, after);
}

/* ---- what would do a switch harm ---- */

static LabReply create_sized(Lab *lab, const char *name, uint32_t mtu) {
        return lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", name, 2, "Switch", "s", "br0", "MTUBytes", "u",
                        mtu);
}

static LabReply set_mtu(Lab *lab, uint32_t mtu) {
        return lab_call(lab, lab->root, TAP("tap1"), "Set", "a{sv}", 1, "MTUBytes", "u", mtu);
}

static LabReply set_address(Lab *lab, const char *mac) {
        return lab_call(lab, lab->root, TAP("tap1"), "Set", "a{sv}", 1, "MACAddress", "s", mac);
}

static void test_mtu(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        port_add_bridge("br0");
        port_add_uplink("up0", "02:00:00:00:00:77");
        g_free(lab_run("ip link set up0 master br0"));
        lab_expect(port_create(lab, lab->root, "tap1", "br0", false), NULL, NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap2", 1, "MTUBytes", "u", 1499), NULL,
                   NULL);
        before = port_snapshot(lab);
        lab_expect(create_sized(lab, "tap3", 1499), CONFLICT, "MTUBytes=: 1499, and the switch br0 has 1500");
        lab_expect(create_sized(lab, "tap3", 68), CONFLICT, "MTUBytes=: 68");
        lab_expect(port_plug(lab, lab->root, "tap2", "br0", false), CONFLICT, "MTUBytes=: 1499");
        lab_expect(set_mtu(lab, 1499), CONFLICT, "MTUBytes=: 1499, and the switch br0 has 1500");
        lab_expect(set_mtu(lab, 68), CONFLICT, "MTUBytes=: 68");
        after = port_snapshot(lab);
        port_expect_same(before, after);

        lab_expect(set_mtu(lab, 1501), NULL, NULL);
        lab_expect(create_sized(lab, "tap3", 1500), NULL, NULL);
        g_assert_cmpuint(port_link("br0").mtu, ==, 1500);

        /* Off the switch it is nobody's but its own. */
        lab_expect(port_unplug(lab, lab->root, "tap1"), NULL, NULL);
        lab_expect(set_mtu(lab, 68), NULL, NULL);
}

/* Who plugged it in does not matter to the bridge. */
static void test_mtu_moved(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_expect(port_create(lab, lab->root, "tap1", "br1", false), NULL, NULL);
        g_free(lab_run("ip link set tap1 master br0"));
        lab_wait_property(lab, "tap1", "Switch", "br0");
        before = port_snapshot(lab);
        lab_expect(set_mtu(lab, 1400), CONFLICT, "MTUBytes=: 1400, and the switch br0 has 1500");
        after = port_snapshot(lab);
        port_expect_same(before, after);
}

static void test_address(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        g_free(lab_run("ip link add br0 address 02:00:00:00:00:b0 type bridge"));
        g_free(lab_run("ip link set br0 up"));
        g_free(lab_run("ip link add br1 address 02:00:00:00:00:b1 type bridge"));
        lab_expect(port_create(lab, lab->root, "tap1", "br0", false), NULL, NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap2", 1, "MACAddress", "s",
                            "02:00:00:00:00:b0"),
                   NULL, NULL);
        before = port_snapshot(lab);
        lab_expect(set_address(lab, "02:00:00:00:00:b0"), CONFLICT, NULL);
        lab_expect(port_plug(lab, lab->root, "tap2", "br0", false), CONFLICT, "MACAddress=: is that of the switch br0");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap3", 2, "Switch", "s", "br1",
                            "MACAddress", "s", "02:00:00:00:00:b1"),
                   CONFLICT, "MACAddress=: is that of the switch br1");
        after = port_snapshot(lab);
        port_expect_same(before, after);

        /* What is that of a switch that it is not on, and of no TAP, is its own affair. */
        lab_expect(set_address(lab, "02:00:00:00:00:b1"), NULL, NULL);
        lab_expect(port_plug(lab, lab->root, "tap1", "br1", false), CONFLICT, "MACAddress=: is that of the switch br1");
        port_expect("tap1", "br0", false);

        lab_delete(lab, lab->root, "tap2", false, NULL);
        lab_expect(set_address(lab, "02:00:00:00:00:b0"), CONFLICT, "MACAddress=: is that of the switch br0");
}

/* ---- files ---- */

static void test_files(Lab *lab) {
        static const struct {
                const char *lines, *text;
        } rows[] = {
                { "[Port]\nSwitch=a/b\n", "a.tap:4: Switch=: \"a/b\", illegal character at byte 2" },
                { "[Port]\nSwitch=br0\nVLAN=4095\n", "a.tap:5: VLAN=: 4095, not in 1..4094" },
                { "[Port]\nSwitch=br0\nTrunk=20-10\n", "a.tap:5: Trunk=: \"20-10\"" },
                { "[Port]\nSwitch=br0\nTrunk=10 10\n", "a.tap:5: Trunk=" },
                { "[Port]\nSwitch=br0\nVLAN=15\nTrunk=10-20\n", "15 is VLAN= as well" },
                { "[Port]\nSwitch=br0\nBridge=br1\n", "a.tap:5: unknown key \"Bridge\"" },
                { "[Port]\nIsolated=yes\n", "Switch=: is missing" },
                { "Kind=tun\n[Port]\nSwitch=br0\n", "Switch=: needs Kind=tap" },
        };
        g_autofree char *before = NULL;

        port_add_bridge("br0");
        before = port_snapshot(lab);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *text = g_strdup_printf("[Tap]\nName=tap5\n%s", rows[i].lines), *after = NULL;

                files_write(lab, TAPS "a.tap", text);
                lab_expect(files_reload_as(lab, lab->root, false), STANDARD_ERROR("Failed"), rows[i].text);
                after = port_snapshot(lab);
                port_expect_same(before, after);
        }

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n[Port]\nSwitch=br0\nIsolated=yes\n");
        files_reload(lab);
        port_expect("tap5", "br0", true);
}

/* ---- a bridge that is full ---- */

/* Most ports of a bridge: BR_MAX_PORTS less the number 0 (net/bridge/br_private.h). */
#define PORTS_MAX 1023

static LabReply fill(Lab *lab, unsigned first, unsigned n) {
        sd_bus_message *call = lab_begin_create_taps(lab->root);
        LabReply reply;

        for (unsigned i = first; i < first + n; i++) {
                g_autofree char *name = g_strdup_printf("lab%u", i);

                port_append(call, name, "full0");
        }
        lab_send_create_taps(lab, lab->root, call, &reply);
        lab_wait_reply(lab, &reply);
        return reply;
}

static void expect_full(Lab *lab, LabReply reply, const char *before) {
        g_autofree char *after = NULL;

        lab_expect(reply, OWN_ERROR("SwitchFull"), "full0 has 1,023 ports");
        after = port_snapshot(lab);
        port_expect_same(before, after);
}

static void try_full(Lab *lab) {
        g_autofree char *before = port_snapshot(lab);
        sd_bus_message *call = lab_begin_create_taps(lab->root);
        LabReply reply;

        expect_full(lab, port_create(lab, lab->root, "tap9", "full0", true), before);
        expect_full(
                lab,
                lab_call(lab, lab->root, MANAGER, "CreateEphemeral", "sa{sv}u", "tap9", 1, "Switch", "s", "full0", 1),
                before);

        /* Those that are there stay as they are, and where they are: on none, on another by tapd, or by root. */
        expect_full(lab, port_plug(lab, lab->root, "tap1", "full0", false), before);
        expect_full(lab, port_plug(lab, lab->root, "tap2", "full0", false), before);
        expect_full(lab, port_plug(lab, lab->root, "tap3", "full0", false), before);
        expect_full(lab, port_plug(lab, lab->root, "tap4", "full0", false), before);
        port_expect_told(lab, "tap1", "", false);
        port_expect_told(lab, "tap2", "br0", true);
        port_expect_told(lab, "tap3", "br0", true);
        port_expect_told(lab, "tap4", "br1", false);

        /* All or none. */
        port_append(call, "tap8", "br0");
        port_append(call, "tap9", "full0");
        lab_send_create_taps(lab, lab->root, call, &reply);
        lab_wait_reply(lab, &reply);
        expect_full(lab, reply, before);
        lab_expect_property(lab, "tap2", "State", "ready");
}

static void test_full(Lab *lab) {
        g_autofree char *run = files_path(lab, "run"), *before = NULL;

        /* A thousand records are written faster where no disk is waited for. */
        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(mount("tmpfs", run, "tmpfs", 0, "mode=0755"), ==, 0);
        lab_start_tapd(lab);

        /* Smaller than usual: who was made to fit and then did not get in would show it. */
        g_free(lab_run("ip link add full0 mtu 1400 type bridge"));
        g_free(lab_run("ip link set full0 up"));
        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_create(lab, lab->root, "tap1", NULL);
        lab_expect(port_create(lab, lab->root, "tap2", "br0", true), NULL, NULL);
        lab_create(lab, lab->root, "tap3", NULL);
        g_free(lab_run("ip link set tap3 master br0"));
        g_free(lab_run("ip link set tap3 type bridge_slave isolated on"));
        lab_expect(port_create(lab, lab->root, "tap4", "br0", true), NULL, NULL);
        g_free(lab_run("ip link set tap4 master br1"));
        lab_wait_property(lab, "tap4", "Switch", "br1");
        lab_expect(fill(lab, 0, PORTS_MAX - 2), NULL, NULL);

        /* Room for two of five. */
        before = port_snapshot(lab);
        expect_full(lab, fill(lab, PORTS_MAX, 5), before);
        lab_expect(fill(lab, PORTS_MAX, 2), NULL, NULL);
        try_full(lab);

        /* A declared one waits for room, and is told why. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n[Port]\nSwitch=full0\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "waiting");
        lab_expect_reason(lab, "tap5", "1,023 ports");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        port_expect("tap5", "", false);
        lab_expect_rest(lab);

        /* One that leaves makes room. */
        lab_delete(lab, lab->root, "lab7", false, NULL);
        files_reload(lab);
        lab_wait_property(lab, "tap5", "State", "ready");
        port_expect("tap5", "full0", false);
        lab_expect(port_plug(lab, lab->root, "tap2", "full0", false), OWN_ERROR("SwitchFull"), NULL);
        lab_delete(lab, lab->root, "lab8", false, NULL);
        lab_expect(port_plug(lab, lab->root, "tap2", "full0", false), NULL, NULL);
        port_expect("tap2", "full0", false);
        lab_expect_property(lab, "tap2", "MTUBytes", "1400");

        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(umount(run), ==, 0);
        lab_start_tapd(lab);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/plug-refused/ports", test_ports);
        lab_add_test("/plug-refused/messages", test_messages);
        lab_add_test("/plug-refused/tun", test_tun);
        lab_add_test("/plug-refused/mtu", test_mtu);
        lab_add_test("/plug-refused/mtu/moved", test_mtu_moved);
        lab_add_test("/plug-refused/address", test_address);
        lab_add_test("/plug-refused/files", test_files);
        lab_add_test("/plug-refused/full", test_full);
        return g_test_run();
}
