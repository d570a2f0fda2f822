/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Into a bridge, into another, and out: at creation, on demand, by root's hand, and as files declare it. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "ports.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

/* ---- creation ---- */

/* A port has the bridge's MTU from its first moment on, and is up only after that; and the bridge's never changes. */
static void expect_order(int events, const char *name, const char *bridge, unsigned mtu, bool is_up) {
        g_autoptr(GArray) heard = port_events_read(events);
        int ifindex = (int) if_nametoindex(name), master = (int) if_nametoindex(bridge);
        bool was_port_while_down = false, went_up = false;

        for (guint i = 0; i < heard->len; i++) {
                const PortLink *link = &g_array_index(heard, PortLink, i);

                if (link->ifindex == master)
                        g_assert_cmpuint(link->mtu, ==, mtu);
                if (link->ifindex != ifindex)
                        continue;

                if (link->master != 0) {
                        g_assert_cmpint(link->master, ==, master);
                        g_assert_cmpuint(link->mtu, ==, mtu);
                }
                if (link->is_up)
                        g_assert_cmpint(link->master, ==, master);
                was_port_while_down |= link->master != 0 && !link->is_up && !went_up;
                went_up |= link->is_up;
        }

        g_assert_true(was_port_while_down);
        g_assert_cmpint(went_up, ==, is_up);
}

typedef struct CreateCase {
        unsigned mtu; /* the bridge's, as its uplink has it */
        bool is_isolated, is_up;
} CreateCase;

static void create(Lab *lab, const CreateCase *row) {
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", "tap1", 3, "Switch", "s", "br0",
                            "Isolated", "b", (int) row->is_isolated, "Up", "b", (int) row->is_up),
                   NULL, NULL);
}

static void test_create(Lab *lab) {
        static const CreateCase rows[] = {
                { 1500, false, true },
                { 1400, true, true },
                { 9000, false, true },
                { 1400, true, false },
        };
        int events = port_events_open(NULL);

        port_add_bridge("br0");
        port_add_uplink("up0", "02:00:00:00:00:77");
        g_free(lab_run("ip link set up0 master br0"));
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                const CreateCase *row = &rows[i];
                g_autofree char *mtu = g_strdup_printf("%u", row->mtu);

                g_free(lab_run("ip link set up0 mtu %s", mtu));
                g_array_unref(port_events_read(events));
                create(lab, row);
                expect_order(events, "tap1", "br0", row->mtu, row->is_up);
                g_assert_cmpuint(port_link("br0").mtu, ==, row->mtu);
                port_expect("tap1", "br0", row->is_isolated);
                port_expect_told(lab, "tap1", "br0", row->is_isolated);
                lab_expect_property(lab, "tap1", "MTUBytes", mtu);
                lab_expect_property(lab, "tap1", "AdministrativeState", row->is_up ? "up" : "down");
                lab_expect_property(lab, "tap1", "State", "ready");
                lab_delete(lab, lab->alice, "tap1", false, NULL);
        }
        close(events);
}

/* What is larger than the bridge's MTU is nobody's harm while another port holds that down. */
static void test_create_mtu(Lab *lab) {
        port_add_bridge("br0");
        port_add_uplink("up0", "02:00:00:00:00:77");
        g_free(lab_run("ip link set up0 master br0"));
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 2, "Switch", "s", "br0", "MTUBytes",
                            "u", 9000),
                   NULL, NULL);
        lab_expect_property(lab, "tap1", "MTUBytes", "9000");
        g_assert_cmpuint(port_link("br0").mtu, ==, 1500);
}

static void test_create_again(Lab *lab) {
        const char *name, *path;
        LabReply reply;
        int created;

        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", true), NULL, NULL);

        reply = port_create(lab, lab->alice, "tap1", "br0", true);
        lab_ok(sd_bus_message_read(reply.message, "sob", &name, &path, &created));
        g_assert_false(created);
        lab_reply_done(&reply);
        lab_expect(port_create(lab, lab->alice, "tap1", "br1", true), OWN_ERROR("Conflict"), "Switch=");
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), OWN_ERROR("Conflict"), "Isolated=");
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", "tap1", 0), OWN_ERROR("Conflict"),
                   "Switch=");
        port_expect("tap1", "br0", true);
}

/* A bridge that is down is a bridge. */
static void test_create_down(Lab *lab) {
        g_free(lab_run("ip link add br0 type bridge"));
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        port_expect("tap1", "br0", false);
        lab_expect_property(lab, "tap1", "AdministrativeState", "up");
}

static int take_descriptor(LabReply *reply) {
        const char *name, *path;
        int fd;

        g_assert_null(reply->error);
        lab_ok(sd_bus_message_read(reply->message, "so", &name, &path));
        lab_ok(sd_bus_message_enter_container(reply->message, 'a', "h"));
        lab_ok(sd_bus_message_read_basic(reply->message, 'h', &fd));
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        lab_reply_done(reply);
        return fd;
}

static void test_ephemeral(Lab *lab) {
        int events = port_events_open(NULL), fd;
        LabReply reply;

        port_add_bridge("br0");
        port_add_uplink("up0", "02:00:00:00:00:77");
        g_free(lab_run("ip link set up0 mtu 1400"));
        g_free(lab_run("ip link set up0 master br0"));
        g_array_unref(port_events_read(events));
        reply = lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap1", 2, "Switch", "s", "br0",
                         "Isolated", "b", 1, 1);
        fd = take_descriptor(&reply);
        expect_order(events, "tap1", "br0", 1400, true);
        port_expect("tap1", "br0", true);
        port_expect_told(lab, "tap1", "br0", true);

        /* It is plugged like any other, and goes like any other. */
        port_add_bridge("br1");
        lab_expect(port_plug(lab, lab->alice, "tap1", "br1", false), NULL, NULL);
        port_expect("tap1", "br1", false);
        lab_restart_tapd(lab, SIGKILL);
        port_expect("tap1", "br1", false);
        port_expect_told(lab, "tap1", "br1", false);
        close(fd);
        lab_run_until(lab, lab_tap_is_gone, (void *) "tap1");
        close(events);
}

static void test_get_all(Lab *lab) {
        static const struct {
                const char *key, *type;
        } rows[] = {
                { "Switch", "s" },    { "SwitchKind", "s" }, { "VLAN", "q" },
                { "Trunk", "a(qq)" }, { "Isolated", "b" },   { "InterfaceID", "s" },
        };
        LabReply reply;
        unsigned n = 0;

        port_add_bridge("br0");
        lab_expect(port_create(lab, lab->root, "tap1", "br0", true), NULL, NULL);
        reply = lab_call(lab, lab->mallory, TAPD_TAP_PREFIX "/tap1", "org.freedesktop.DBus.Properties", "GetAll", "s",
                         TAPD_TAP_INTERFACE);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "{sv}"));
        while (sd_bus_message_enter_container(reply.message, 'e', "sv") > 0) {
                const char *key, *type;

                lab_ok(sd_bus_message_read(reply.message, "s", &key));
                lab_ok(sd_bus_message_peek_type(reply.message, NULL, &type));
                for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                        if (g_str_equal(rows[i].key, key)) {
                                g_assert_cmpstr(type, ==, rows[i].type);
                                n++;
                        }
                lab_ok(sd_bus_message_skip(reply.message, "v"));
                lab_ok(sd_bus_message_exit_container(reply.message));
        }
        g_assert_cmpuint(n, ==, G_N_ELEMENTS(rows));
        lab_reply_done(&reply);
}

static void test_list(Lab *lab) {
        static const struct {
                const char *name, *bridge;
        } expected[] = { { "tap1", "br0" }, { "tap2", "" }, { "tap3", "br1" } };
        LabReply reply;

        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_expect(port_create(lab, lab->root, "tap3", "br1", true), NULL, NULL);
        lab_create(lab, lab->root, "tap2", NULL);
        lab_expect(port_create(lab, lab->root, "tap1", "br0", false), NULL, NULL);

        reply = lab_call(lab, lab->mallory, MANAGER, "ListTaps", NULL);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "(sssuuubbuusussssitsqs)"));
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
                const char *name, *bridge, *trunk;
                uint16_t vlan;

                lab_ok(sd_bus_message_enter_container(reply.message, 'r', "sssuuubbuusussssitsqs"));
                lab_ok(sd_bus_message_read(reply.message, "s", &name));
                lab_ok(sd_bus_message_skip(reply.message, "ssuuubbuusussssit"));
                lab_ok(sd_bus_message_read(reply.message, "sqs", &bridge, &vlan, &trunk));
                lab_ok(sd_bus_message_exit_container(reply.message));
                g_assert_cmpstr(name, ==, expected[i].name);
                g_assert_cmpstr(bridge, ==, expected[i].bridge);
                g_assert_cmpuint(vlan, ==, 0);
                g_assert_cmpstr(trunk, ==, "");
        }
        lab_reply_done(&reply);
}

static void test_create_many(Lab *lab) {
        sd_bus_message *call = lab_begin_create_taps(lab->root);
        g_autofree char *before = NULL, *after = NULL;
        LabReply reply;

        port_add_bridge("br0");
        port_add_bridge("br1");
        port_append(call, "tap1", "br0");
        port_append(call, "tap2", "br1");
        lab_ok(sd_bus_message_append(call, "(sa{sv})", "tap3", 0));
        lab_send_create_taps(lab, lab->root, call, &reply);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, NULL, NULL);
        port_expect("tap1", "br0", false);
        port_expect("tap2", "br1", false);
        port_expect("tap3", "", false);

        /* One names a switch that is none: none of them is made. */
        before = port_snapshot(lab);
        call = lab_begin_create_taps(lab->root);
        port_append(call, "tap4", "br0");
        port_append(call, "tap5", "br9");
        port_append(call, "tap6", "br1");
        lab_send_create_taps(lab, lab->root, call, &reply);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, OWN_ERROR("NoSuchSwitch"), "br9");
        after = port_snapshot(lab);
        port_expect_same(before, after);
}

/* ---- Plug and Unplug ---- */

/* While it was plugged the device was always there, always up, and always as large as its bridge. */
static void expect_smooth(int events, const char *name, unsigned mtu) {
        g_autoptr(GArray) heard = port_events_read(events);
        int ifindex = (int) if_nametoindex(name);

        for (guint i = 0; i < heard->len; i++) {
                const PortLink *link = &g_array_index(heard, PortLink, i);

                if (link->ifindex != ifindex)
                        continue;
                g_assert_false(link->is_gone);
                g_assert_true(link->is_up);
                if (link->master != 0)
                        g_assert_cmpuint(link->mtu, ==, mtu);
        }
}

static void expect_mtu(int events, const char *bridge, unsigned mtu) {
        g_autoptr(GArray) heard = port_events_read(events);
        PortLink now = port_link(bridge);

        g_array_append_val(heard, now);
        for (guint i = 0; i < heard->len; i++) {
                const PortLink *link = &g_array_index(heard, PortLink, i);

                if (link->ifindex == now.ifindex)
                        g_assert_cmpuint(link->mtu, ==, mtu);
        }
}

static void test_plug(Lab *lab) {
        int events = port_events_open(NULL);
        unsigned ifindex;

        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_create(lab, lab->alice, "tap1", NULL);
        ifindex = if_nametoindex("tap1");
        port_expect_told(lab, "tap1", "", false);
        lab_watch(lab);
        g_array_unref(port_events_read(events));

        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        port_expect("tap1", "br0", false);
        port_expect_told(lab, "tap1", "br0", false);
        lab_wait_signal(lab, "changed tap1 Switch=br0");
        lab_wait_signal(lab, "changed tap1 SwitchKind=bridge");

        /* The same switch: only the flag changes, while it runs. */
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        port_expect("tap1", "br0", true);
        lab_wait_signal(lab, "changed tap1 Isolated=true");
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        port_expect("tap1", "br0", false);
        lab_wait_signal(lab, "changed tap1 Isolated=false");
        expect_smooth(events, "tap1", 1500);

        /* Another, and none. What is not named is not kept. */
        lab_expect(port_plug(lab, lab->alice, "tap1", "br1", true), NULL, NULL);
        port_expect("tap1", "br1", true);
        lab_wait_signal(lab, "changed tap1 Switch=br1");
        lab_expect(lab_call(lab, lab->alice, TAPD_TAP_PREFIX "/tap1", TAPD_TAP_INTERFACE, "Plug", "sa{sv}", "br1", 0),
                   NULL, NULL);
        port_expect("tap1", "br1", false);
        lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        port_expect("tap1", "", false);
        port_expect_told(lab, "tap1", "", false);
        lab_wait_signal(lab, "changed tap1 Switch=");
        lab_wait_signal(lab, "changed tap1 SwitchKind=");
        expect_smooth(events, "tap1", 1500);
        g_assert_cmpuint(if_nametoindex("tap1"), ==, ifindex);
        close(events);
}

static void test_nothing_to_do(Lab *lab) {
        g_autofree char *unplugged = NULL, *plugged = NULL;
        unsigned n;

        port_add_bridge("br0");
        lab_create(lab, lab->root, "tap1", NULL);
        unplugged = port_snapshot(lab);
        lab_watch(lab);
        for (n = 0; n < 3; n++) {
                g_autofree char *after = NULL;

                lab_expect(port_unplug(lab, lab->root, "tap1"), NULL, NULL);
                after = port_snapshot(lab);
                port_expect_same(unplugged, after);
        }

        lab_expect(port_plug(lab, lab->root, "tap1", "br0", true), NULL, NULL);
        lab_wait_signal(lab, "changed tap1 Isolated=true");
        lab_settle(lab);
        plugged = port_snapshot(lab);
        g_ptr_array_set_size(lab->signals, 0);
        for (n = 0; n < 3; n++) {
                g_autofree char *after = NULL;

                lab_expect(port_plug(lab, lab->root, "tap1", "br0", true), NULL, NULL);
                after = port_snapshot(lab);
                port_expect_same(plugged, after);
        }
        lab_settle(lab);
        g_assert_cmpuint(lab->signals->len, ==, 0);
}

/* Its size follows the switch, and nothing else of it. */
static void test_plug_mtu(Lab *lab) {
        int events = port_events_open(NULL);

        port_add_bridge("br0");
        port_add_bridge("br1");
        port_add_uplink("up0", "02:00:00:00:00:70");
        port_add_uplink("up1", "02:00:00:00:00:71");
        g_free(lab_run("ip link set up0 mtu 1400"));
        g_free(lab_run("ip link set up0 master br0"));
        g_free(lab_run("ip link set up1 mtu 9000"));
        g_free(lab_run("ip link set up1 master br1"));
        lab_create(lab, lab->alice, "tap1", NULL);
        g_array_unref(port_events_read(events));

        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        expect_smooth(events, "tap1", 1400);
        lab_expect_property(lab, "tap1", "MTUBytes", "1400");
        lab_expect(port_plug(lab, lab->alice, "tap1", "br1", false), NULL, NULL);
        lab_expect_property(lab, "tap1", "MTUBytes", "9000");
        g_array_unref(port_events_read(events));
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        lab_expect_property(lab, "tap1", "MTUBytes", "1400");
        g_assert_cmpuint(port_link("br0").mtu, ==, 1400);
        /* Not for a moment. */
        expect_mtu(events, "br1", 9000);
        close(events);
}

/* One that is down stays so. */
static void test_plug_down(Lab *lab) {
        port_add_bridge("br0");
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, "Up", "b", 0), NULL, NULL);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        port_expect("tap1", "br0", true);
        port_expect_told(lab, "tap1", "br0", true);
        lab_expect_property(lab, "tap1", "AdministrativeState", "down");
        lab_expect(lab_call(lab, lab->alice, TAPD_TAP_PREFIX "/tap1", TAPD_TAP_INTERFACE, "Up", NULL), NULL, NULL);
        port_expect("tap1", "br0", true);
        lab_expect_property(lab, "tap1", "AdministrativeState", "up");
}

/* A port of what is no switch is left to who made it that. */
static void test_foreign_master(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        g_free(lab_run("sh -c 'ip link add vrf0 type vrf table 10 || true'"));
        if (!lab_link_exists("vrf0")) {
                g_test_skip("this kernel has no VRF");
                return;
        }

        port_add_bridge("br0");
        lab_create(lab, lab->root, "tap1", NULL);
        g_free(lab_run("ip link set tap1 master vrf0"));
        lab_settle(lab);
        port_expect_told(lab, "tap1", "", false);
        before = port_snapshot(lab);
        lab_expect(port_plug(lab, lab->root, "tap1", "br0", false), OWN_ERROR("Conflict"), "vrf0");
        lab_expect(port_unplug(lab, lab->root, "tap1"), OWN_ERROR("Conflict"), "vrf0");
        after = port_snapshot(lab);
        port_expect_same(before, after);
}

/* ---- root's hand ---- */

static void test_moved(Lab *lab) {
        port_add_bridge("br0");
        port_add_bridge("br1");
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        lab_watch(lab);

        /* It is told, and left where it is: also by a tapd that only finds it so. */
        g_free(lab_run("ip link set tap1 master br1"));
        lab_wait_signal(lab, "changed tap1 Switch=br1");
        lab_wait_signal(lab, "changed tap1 Isolated=false");
        g_free(lab_run("ip link set tap2 master br1"));
        lab_wait_signal(lab, "changed tap2 Switch=br1");
        lab_wait_signal(lab, "changed tap2 SwitchKind=bridge");
        g_free(lab_run("ip link set tap2 type bridge_slave isolated on"));
        lab_wait_signal(lab, "changed tap2 Isolated=true");
        g_free(lab_run("bridge link set dev tap2 isolated off"));
        lab_wait_signal(lab, "changed tap2 Isolated=false");
        g_free(lab_run("bridge link set dev tap2 isolated on"));
        lab_expect_rest(lab);
        for (unsigned i = 0; i < 2; i++) {
                port_expect("tap1", "br1", false);
                port_expect_told(lab, "tap1", "br1", false);
                lab_expect_property(lab, "tap1", "State", "ready");
                port_expect("tap2", "br1", true);
                port_expect_told(lab, "tap2", "br1", true);
                lab_restart_tapd(lab, SIGKILL);
        }

        g_free(lab_run("ip link set tap2 nomaster"));
        lab_wait_signal(lab, "changed tap2 Switch=");
        lab_wait_signal(lab, "changed tap2 SwitchKind=");
        port_expect_told(lab, "tap2", "", false);

        /* Asked for anew it goes where it was asked. */
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        port_expect("tap1", "br0", true);
        lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        port_expect("tap1", "", false);
}

static void test_bridge_goes(Lab *lab) {
        unsigned ifindex;

        port_add_bridge("br0");
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        ifindex = if_nametoindex("tap1");
        lab_watch(lab);
        g_free(lab_run("ip link del br0"));
        lab_wait_signal(lab, "changed tap1 Switch=");
        port_expect_told(lab, "tap1", "", false);
        lab_expect_property(lab, "tap1", "AdministrativeState", "up");

        /* A new one of that name is another. */
        port_add_bridge("br0");
        lab_settle(lab);
        port_expect("tap1", "", false);
        lab_restart_tapd(lab, SIGKILL);
        port_expect("tap1", "", false);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        port_expect("tap1", "br0", true);
        g_assert_cmpuint(if_nametoindex("tap1"), ==, ifindex);
}

static void test_bridge_renamed(Lab *lab) {
        g_free(lab_run("ip link add br0 type bridge"));
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        lab_watch(lab);
        g_free(lab_run("ip link set br0 name br7"));
        lab_wait_signal(lab, "changed tap1 Switch=br7");
        port_expect_told(lab, "tap1", "br7", false);
}

/* ---- death ---- */

/* All is known again, and nothing is done to any link. */
static void test_restart(Lab *lab) {
        static const int signals[] = { SIGKILL, SIGTERM, SIGKILL };
        g_autofree char *before = NULL;
        int events;

        port_add_bridge("br0");
        port_add_uplink("up0", "02:00:00:00:00:77");
        g_free(lab_run("ip link set up0 master br0"));
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        lab_expect(port_plug(lab, lab->alice, "tap2", "br0", false), NULL, NULL);
        lab_expect(port_create(lab, lab->alice, "tap3", "br0", false), NULL, NULL);
        lab_expect(port_unplug(lab, lab->alice, "tap3"), NULL, NULL);
        before = port_snapshot(lab);

        for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
                g_autofree char *after = NULL;

                lab_stop_tapd(lab, signals[i]);
                events = port_events_open(NULL);
                lab_start_tapd(lab);
                lab_settle(lab);
                after = port_snapshot(lab);
                port_expect_same(before, after);
                port_expect_told(lab, "tap1", "br0", true);
                port_expect_told(lab, "tap2", "br0", false);
                port_expect_told(lab, "tap3", "", false);

                {
                        g_autoptr(GArray) heard = port_events_read(events);

                        for (guint j = 0; j < heard->len; j++)
                                g_assert_cmpstr(g_array_index(heard, PortLink, j).name, ==, "br0");
                }
                close(events);
        }
}

/* ---- declared ---- */

static const char manager_config[] = "[Defaults]\nGroup=12100\n"
                                     "[Grant lab]\nUsers=@12100\nNames=tap*\nTapsPerUser=4\nSwitches=br*\n";

static void expect_place(Lab *lab, const char *bridge, bool is_isolated) {
        port_expect("tap5", bridge, is_isolated);
        port_expect_told(lab, "tap5", bridge, is_isolated);
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
}

#define DECLARED "[Tap]\nName=tap5\nManagers=12001\n"

static void test_declared_manager(void) {
        Lab *lab = lab_new(manager_config);
        g_autofree char *before = NULL;

        port_add_bridge("br0");
        port_add_bridge("br1");
        files_write(lab, TAPS "a.tap", DECLARED "[Port]\nSwitch=br0\n");
        files_reload(lab);
        expect_place(lab, "br0", false);

        /* Who manages it by its file plugs it, within his grants, and is asked nothing more. */
        polkit_forget(lab->polkit);
        lab_expect(port_plug(lab, lab->alice, "tap5", "br1", true), NULL, NULL);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 1);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, "org.tapd1.plug");
        expect_place(lab, "br1", true);

        /* What was asked last counts, across deaths, reloads, and a word about it in the file. */
        before = port_snapshot(lab);
        for (unsigned i = 0; i < 3; i++) {
                g_autofree char *after = NULL;

                if (i == 1)
                        lab_restart_tapd(lab, SIGKILL);
                if (i == 2)
                        files_write(lab, TAPS "a.tap", "# ours\n" DECLARED "[Port]\nSwitch=br0\n");
                files_reload(lab);
                lab_expect_rest(lab);
                after = port_snapshot(lab);
                port_expect_same(before, after);
                expect_place(lab, "br1", true);
        }

        /* There it is put back. */
        g_free(lab_run("ip link set tap5 master br0"));
        lab_settle(lab);
        lab_wait_property(lab, "tap5", "Switch", "br1");
        lab_wait_property(lab, "tap5", "State", "ready");
        expect_place(lab, "br1", true);

        /* A file that changed is followed, whatever it says now. */
        files_write(lab, TAPS "a.tap", DECLARED "Description=another\n[Port]\nSwitch=br0\n");
        files_reload(lab);
        expect_place(lab, "br0", false);
        lab_expect(port_plug(lab, lab->alice, "tap5", "br1", false), NULL, NULL);
        lab_reboot(lab, (const char *const[]){ "tap5", NULL });
        expect_place(lab, "br0", false);
        lab_free(lab);
}

static void test_declared_unplugged(Lab *lab) {
        port_add_bridge("br0");
        files_write(lab, TAPS "a.tap", DECLARED "[Port]\nSwitch=br0\n");
        files_reload(lab);
        lab_expect(port_unplug(lab, lab->root, "tap5"), NULL, NULL);
        for (unsigned i = 0; i < 3; i++) {
                lab_expect_rest(lab);
                expect_place(lab, "", false);
                lab_restart_tapd(lab, SIGKILL);
                files_reload(lab);
        }
        files_write(lab, TAPS "a.tap", DECLARED "[Port]\nSwitch=br0\nIsolated=yes\n");
        files_reload(lab);
        expect_place(lab, "br0", true);
}

/* Its MTU changes together with its switch, and is neither's for a moment. */
static void test_declared_mtu(Lab *lab) {
        int events = port_events_open(NULL);

        port_add_bridge("br0");
        port_add_bridge("br1");
        port_add_uplink("up0", "02:00:00:00:00:70");
        port_add_uplink("up1", "02:00:00:00:00:71");
        g_free(lab_run("ip link set up0 master br0"));
        g_free(lab_run("ip link set up1 mtu 1400"));
        g_free(lab_run("ip link set up1 master br1"));
        files_write(lab, TAPS "a.tap", DECLARED "MTUBytes=1500\n[Port]\nSwitch=br0\n");
        files_reload(lab);
        expect_place(lab, "br0", false);
        g_array_unref(port_events_read(events));

        files_write(lab, TAPS "a.tap", DECLARED "MTUBytes=1400\n[Port]\nSwitch=br1\n");
        files_reload(lab);
        expect_place(lab, "br1", false);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        expect_mtu(events, "br0", 1500);

        files_write(lab, TAPS "a.tap", DECLARED "MTUBytes=1300\n");
        files_reload(lab);
        expect_place(lab, "", false);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        expect_mtu(events, "br1", 1400);
        close(events);
}

/* What waits for its switch is let up by who plugs it elsewhere, or unplugs it. */
static void test_declared_waiting(Lab *lab) {
        port_add_bridge("br1");
        for (unsigned i = 0; i < 2; i++) {
                files_write(lab, TAPS "a.tap", DECLARED "[Port]\nSwitch=br0\n");
                files_reload(lab);
                lab_expect_property(lab, "tap5", "State", "waiting");
                lab_expect_property(lab, "tap5", "AdministrativeState", "down");
                lab_expect(i == 0 ? port_plug(lab, lab->root, "tap5", "br1", false)
                                  : port_unplug(lab, lab->root, "tap5"),
                           NULL, NULL);
                lab_wait_property(lab, "tap5", "State", "ready");
                expect_place(lab, i == 0 ? "br1" : "", false);
                files_remove(lab, TAPS "a.tap");
                files_reload(lab);
                lab_run_until(lab, lab_tap_is_gone, (void *) "tap5");
        }
}

/* The flag of its port is part of where it is plugged in, whoever changes it. */
static void test_declared_isolated(Lab *lab) {
        port_add_bridge("br0");
        files_write(lab, TAPS "a.tap", DECLARED "[Port]\nSwitch=br0\nIsolated=yes\n");
        files_reload(lab);
        expect_place(lab, "br0", true);
        lab_watch(lab);
        g_free(lab_run("ip link set tap5 type bridge_slave isolated off"));
        lab_wait_signal(lab, "changed tap5 Isolated=false");
        lab_wait_signal(lab, "changed tap5 Isolated=true");
        g_ptr_array_set_size(lab->signals, 0);
        g_free(lab_run("bridge link set dev tap5 isolated off"));
        lab_wait_signal(lab, "changed tap5 Isolated=true");
        lab_wait_property(lab, "tap5", "State", "ready");
        expect_place(lab, "br0", true);
}

/* ---- frames ---- */

#define TYPE_HIGH 0x88
#define TYPE_LOW 0xb5

static void send_frame(int queue, uint8_t number) {
        const uint8_t frame[60] = {
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0, 0, 0, 0, 1, TYPE_HIGH, TYPE_LOW, number
        };

        g_assert_cmpint(write(queue, frame, sizeof(frame)), ==, sizeof(frame));
}

/* The number of the next frame of ours, or -1 where none comes for a moment. */
static int receive_frame(int queue) {
        struct pollfd ready = { .fd = queue, .events = POLLIN };
        uint8_t frame[2048];
        ssize_t n;

        while (poll(&ready, 1, 20) > 0) {
                n = read(queue, frame, sizeof(frame));
                if (n >= 60 && frame[12] == TYPE_HIGH && frame[13] == TYPE_LOW)
                        return frame[14];
        }

        return -1;
}

typedef struct Passage {
        int from, to;
        uint8_t number;
} Passage;

static bool passes(Lab *lab, void *userdata) {
        const Passage *passage = userdata;
        int number;

        /* A port takes part when the kernel has looked at its carrier, up to a second later. */
        send_frame(passage->from, passage->number);
        do
                number = receive_frame(passage->to);
        while (number >= 0 && number != passage->number);

        return number == passage->number;
}

static void expect_passage(Lab *lab, int from, int to, uint8_t number) {
        lab_run_until(lab, passes, &(Passage){ from, to, number });
}

static void drain(int queue) {
        while (receive_frame(queue) >= 0)
                ;
}

/* A frame of @from reaches @witness and not @to: what is sent by the witness after that is the next that @to gets. */
static void expect_no_passage(int from, int to, int witness, uint8_t number) {
        int got;

        drain(to);
        drain(witness);
        send_frame(from, number);
        do
                got = receive_frame(witness);
        while (got < 0);
        g_assert_cmpint(got, ==, number);

        send_frame(witness, (uint8_t) (number + 1));
        do
                got = receive_frame(to);
        while (got < 0);
        g_assert_cmpint(got, ==, number + 1);
}

static void test_frames(Lab *lab) {
        static const char *const names[] = { "tap1", "tap2", "tap3" };
        int queues[3];

        g_free(lab_run("ip link add br0 type bridge mcast_snooping 0"));
        g_free(lab_run("ip link set br0 up"));
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                lab_expect(port_create(lab, lab->alice, names[i], "br0", false), NULL, NULL);
                queues[i] = port_open_queue(names[i]);
        }

        for (unsigned i = 0; i < 3; i++)
                for (unsigned j = 0; j < 3; j++)
                        if (i != j)
                                expect_passage(lab, queues[i], queues[j], (uint8_t) (10 + 3 * i + j));

        /* Two that are isolated do not hear each other, and both hear the third. */
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", true), NULL, NULL);
        lab_expect(port_plug(lab, lab->alice, "tap2", "br0", true), NULL, NULL);
        expect_no_passage(queues[0], queues[1], queues[2], 30);
        expect_no_passage(queues[1], queues[0], queues[2], 40);

        lab_expect(port_plug(lab, lab->alice, "tap2", "br0", false), NULL, NULL);
        expect_passage(lab, queues[0], queues[1], 50);
        expect_passage(lab, queues[1], queues[0], 51);

        /* On another bridge it hears nobody of this one. */
        port_add_bridge("br1");
        lab_expect(port_plug(lab, lab->alice, "tap3", "br1", false), NULL, NULL);
        drain(queues[2]);
        expect_passage(lab, queues[0], queues[1], 60);
        g_assert_cmpint(receive_frame(queues[2]), ==, -1);

        for (size_t i = 0; i < G_N_ELEMENTS(queues); i++)
                close(queues[i]);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/plug/create", test_create);
        lab_add_test("/plug/create/mtu", test_create_mtu);
        lab_add_test("/plug/create/again", test_create_again);
        lab_add_test("/plug/create/down", test_create_down);
        lab_add_test("/plug/create/ephemeral", test_ephemeral);
        lab_add_test("/plug/create/many", test_create_many);
        lab_add_test("/plug/get-all", test_get_all);
        lab_add_test("/plug/list", test_list);
        lab_add_test("/plug/plug", test_plug);
        lab_add_test("/plug/nothing-to-do", test_nothing_to_do);
        lab_add_test("/plug/mtu", test_plug_mtu);
        lab_add_test("/plug/down", test_plug_down);
        lab_add_test("/plug/foreign-master", test_foreign_master);
        lab_add_test("/plug/moved", test_moved);
        lab_add_test("/plug/bridge-goes", test_bridge_goes);
        lab_add_test("/plug/bridge-renamed", test_bridge_renamed);
        lab_add_test("/plug/restart", test_restart);
        g_test_add_func("/plug/declared/manager", test_declared_manager);
        lab_add_test("/plug/declared/unplugged", test_declared_unplugged);
        lab_add_test("/plug/declared/waiting", test_declared_waiting);
        lab_add_test("/plug/declared/mtu", test_declared_mtu);
        lab_add_test("/plug/declared/isolated", test_declared_isolated);
        lab_add_test("/plug/frames", test_frames);
        return g_test_run();
}
