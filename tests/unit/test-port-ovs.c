/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports on the bridges of a real Open vSwitch, and what becomes of them while it is ill. */
#include <errno.h>
#include <glib.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "loop.h"
#include "port-ovs.h"
#include "vswitch.h"

typedef struct Fixture {
        Vswitch *vswitch;
        sd_event *event;
        Ovs *ovs;
        unsigned n_read, n_lost;
        GString *bridges, *ports; /* that were told of */
} Fixture;

/* What a call was answered. */
typedef struct Answer {
        Fixture *fixture;
        unsigned n;
        int r;
        Fault fault;
} Answer;

static const sd_id128_t id_a = { .bytes = { 0xa, 1, 2, 3 } }, id_b = { .bytes = { 0xb, 1, 2, 3 } };

/* ---- the fixture ---- */

static void on_read(void *userdata) {
        Fixture *fixture = userdata;

        g_assert_true(ovs_is_connected(fixture->ovs));
        fixture->n_read++;
}

static void on_lost(void *userdata) {
        Fixture *fixture = userdata;

        g_assert_false(ovs_is_connected(fixture->ovs));
        fixture->n_lost++;
}

static void on_bridge(const char *name, void *userdata) {
        g_string_append_printf(((Fixture *) userdata)->bridges, "%s ", name);
}

static void on_port(const char *name, void *userdata) {
        g_string_append_printf(((Fixture *) userdata)->ports, "%s ", name);
}

static const OvsHandlers handlers = {
        .on_read = on_read,
        .on_lost = on_lost,
        .on_bridge = on_bridge,
        .on_port = on_port,
};

static bool is_connected(void *userdata) {
        return ovs_is_connected(((Fixture *) userdata)->ovs);
}

static bool is_lost(void *userdata) {
        return !is_connected(userdata);
}

static void fixture_connect(Fixture *fixture) {
        const char *path = fixture->vswitch->socket_path;

        g_assert_cmpint(ovs_new(fixture->event, path, path, &handlers, fixture, &fixture->ovs), ==, 0);
}

/* Nothing runs yet. */
static void fixture_init(Fixture *fixture) {
        *fixture = (Fixture){ .vswitch = vswitch_new(), .bridges = g_string_new(NULL), .ports = g_string_new(NULL) };
        g_assert_cmpint(sd_event_new(&fixture->event), ==, 0);
}

/* All of it, with the bridges br0 and br1 and the TAPs tap1 and tap2. */
static void fixture_begin(Fixture *fixture) {
        fixture_init(fixture);
        vswitch_add_tap("tap1");
        vswitch_add_tap("tap2");
        vswitch_start_server(fixture->vswitch);
        vswitch_start_switch(fixture->vswitch);
        g_free(vswitch_ctl(fixture->vswitch, "add-br br0 -- set bridge br0 datapath_type=netdev "
                                             "-- add-br br1 -- set bridge br1 datapath_type=netdev"));
        fixture_connect(fixture);
        loop_until(fixture->event, is_connected, fixture);
}

static void stop_for_now(Fixture *fixture) {
        GPid pid = fixture->vswitch->server_pid;

        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, WUNTRACED), ==, pid);
}

static void go_on(Fixture *fixture) {
        g_assert_cmpint(kill(fixture->vswitch->server_pid, SIGCONT), ==, 0);
}

static void fixture_end(Fixture *fixture) {
        ovs_free(fixture->ovs);
        vswitch_free(fixture->vswitch);
        vswitch_delete_tap("tap1");
        vswitch_delete_tap("tap2");
        sd_event_unref(fixture->event);
        g_string_free(fixture->bridges, true);
        g_string_free(fixture->ports, true);
}

/* ---- calls ---- */

static void on_done(int r, const Fault *fault, void *userdata) {
        Answer *answer = userdata;

        answer->n++;
        answer->r = r;
        answer->fault = *fault;
}

static bool is_answered(void *userdata) {
        return ((Answer *) userdata)->n > 0;
}

/* The error that it was answered with; of TAPD_ERROR_NONE there is neither errno nor text. */
static void expect_answer(Fixture *fixture, Answer *answer, TapdError error) {
        loop_until(fixture->event, is_answered, answer);
        loop_settle(fixture->event);
        if (answer->fault.error != error)
                g_error("error %d and not %d: %s", answer->fault.error, error, answer->fault.text);
        g_assert_cmpuint(answer->n, ==, 1);
        g_assert_cmpint(answer->r < 0, ==, error != TAPD_ERROR_NONE);
}

static void begin_plug(Fixture *fixture, Answer *answer, const char *name, sd_id128_t id, const PortSpec *spec) {
        *answer = (Answer){};
        g_assert_cmpint(ovs_plug(fixture->ovs, name, id, spec, on_done, answer, NULL), ==, 0);
        g_assert_cmpuint(answer->n, ==, 0);
}

static void begin_unplug(Fixture *fixture, Answer *answer, const char *name, sd_id128_t id) {
        *answer = (Answer){};
        g_assert_cmpint(ovs_unplug(fixture->ovs, name, id, on_done, answer, NULL), ==, 0);
        g_assert_cmpuint(answer->n, ==, 0);
}

static Fault plug(Fixture *fixture, const char *name, sd_id128_t id, const PortSpec *spec, TapdError error) {
        Answer answer;

        begin_plug(fixture, &answer, name, id, spec);
        expect_answer(fixture, &answer, error);
        return answer.fault;
}

static Fault unplug(Fixture *fixture, const char *name, sd_id128_t id, TapdError error) {
        Answer answer;

        begin_unplug(fixture, &answer, name, id);
        expect_answer(fixture, &answer, error);
        return answer.fault;
}

static OvsPort expect_port(Fixture *fixture, const char *name) {
        OvsPort port;

        g_assert_true(ovs_find_port(fixture->ovs, name, &port));
        return port;
}

/* Neither here nor there. */
static void expect_no_port(Fixture *fixture, const char *name) {
        OvsPort port;

        g_assert_false(ovs_find_port(fixture->ovs, name, &port));
        g_assert_false(vswitch_has(fixture->vswitch, "Port", name));
        g_assert_false(vswitch_has(fixture->vswitch, "Interface", name));
}

/* Waits until what is known of a port is so. */
typedef struct Wish {
        Fixture *fixture;
        const char *name;
        bool (*is_so)(const OvsPort *port); /* NULL: there is to be none */
} Wish;

static bool wish_is_granted(void *userdata) {
        const Wish *wish = userdata;
        OvsPort port;

        if (!ovs_find_port(wish->fixture->ovs, wish->name, &port))
                return !wish->is_so;

        return wish->is_so && wish->is_so(&port);
}

static void wait_for_port(Fixture *fixture, const char *name, bool (*is_so)(const OvsPort *port)) {
        Wish wish = { fixture, name, is_so };

        loop_until(fixture->event, wish_is_granted, &wish);
}

static bool is_own(const OvsPort *port) {
        return port->is_own;
}

static bool is_foreign(const OvsPort *port) {
        return !port->is_own;
}

/* What ovs-vsctl says to this. */
static void expect_ctl(Fixture *fixture, const char *command, const char *value) {
        g_autofree char *out = vswitch_ctl(fixture->vswitch, "%s", command);

        g_assert_cmpstr(out, ==, value);
}

static void expect_frames_both_ways(void) {
        vswitch_expect_frames("tap1", "tap2");
        vswitch_expect_frames("tap2", "tap1");
}

static bool is_inexact(const OvsPort *port) {
        return !port->is_exact;
}

static const PortSpec on_br0 = { .switch_name = "br0", .vlan = 10 };

/* ---- what is there ---- */

typedef struct HasBridge {
        Fixture *fixture;
        const char *name;
        bool has;
} HasBridge;

static bool bridge_is_so(void *userdata) {
        const HasBridge *wish = userdata;

        return ovs_has_bridge(wish->fixture->ovs, wish->name) == wish->has;
}

static void wait_for_bridge(Fixture *fixture, const char *name, bool has) {
        HasBridge wish = { fixture, name, has };

        loop_until(fixture->event, bridge_is_so, &wish);
}

static void test_read(void) {
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        g_assert_cmpuint(fixture.n_read, ==, 1);
        g_assert_true(ovs_was_read(fixture.ovs));
        g_assert_true(ovs_has_bridge(fixture.ovs, "br0"));
        g_assert_false(ovs_has_bridge(fixture.ovs, "br2"));
        g_assert_false(ovs_find_port(fixture.ovs, "tap1", &port));
        port = expect_port(&fixture, "br0");
        g_assert_false(port.is_own);

        g_free(vswitch_ctl(fixture.vswitch, "add-br br2 -- set bridge br2 datapath_type=netdev"));
        wait_for_bridge(&fixture, "br2", true);
        g_assert_nonnull(strstr(fixture.bridges->str, "br2 "));
        g_free(vswitch_ctl(fixture.vswitch, "del-br br2"));
        wait_for_bridge(&fixture, "br2", false);

        g_free(vswitch_ctl(fixture.vswitch, "add-port br0 tap1"));
        wait_for_port(&fixture, "tap1", is_foreign);
        g_assert_nonnull(strstr(fixture.ports->str, "tap1 "));
        g_free(vswitch_ctl(fixture.vswitch, "del-port tap1"));
        wait_for_port(&fixture, "tap1", NULL);
        g_assert_cmpuint(fixture.n_read, ==, 1);
        g_assert_cmpuint(fixture.n_lost, ==, 0);
        fixture_end(&fixture);
}

/* ---- plugging ---- */

typedef struct Mode {
        PortSpec spec;
        const char *vlan_mode, *tag, *trunks;
} Mode;

static void test_modes(void) {
        static const Mode modes[] = {
                { { .switch_name = "br0", .vlan = 10 }, "access", "10", "[]" },
                { { .switch_name = "br0", .trunk = { { { 20, 22 }, { 30, 30 } }, 2 } },
                  "trunk",
                  "[]",
                  "[20, 21, 22, 30]" },
                { { .switch_name = "br0", .trunk = { { { 4094, 4094 } }, 1 } }, "trunk", "[]", "[4094]" },
                { { .switch_name = "br0", .vlan = 1, .trunk = { { { 2, 4 } }, 1 } },
                  "native-untagged",
                  "1",
                  "[2, 3, 4]" },
                { { .switch_name = "br0" }, "trunk", "[]", "[]" },
        };
        Fixture fixture;

        fixture_begin(&fixture);
        for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
                OvsPort port;

                plug(&fixture, "tap1", id_a, &modes[i].spec, TAPD_ERROR_NONE);
                vswitch_expect(fixture.vswitch, "port", "tap1", "vlan_mode", modes[i].vlan_mode);
                vswitch_expect(fixture.vswitch, "port", "tap1", "tag", modes[i].tag);
                vswitch_expect(fixture.vswitch, "port", "tap1", "trunks", modes[i].trunks);
                port = expect_port(&fixture, "tap1");
                g_assert_true(ovs_port_matches(&port, &modes[i].spec));
                g_assert_true(ovs_port_is_plugged(&port));
                g_assert_true(sd_id128_equal(port.id, id_a));
                unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
                expect_no_port(&fixture, "tap1");
        }
        fixture_end(&fixture);
}

/* All VLANs by number, in both directions. */
static void test_all_vlans(void) {
        PortSpec spec = { .switch_name = "br0", .trunk = { { { VLAN_MIN, VLAN_MAX } }, 1 } };
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &spec));
        spec.trunk.ranges[0].last = VLAN_MAX - 1;
        g_assert_false(ovs_port_matches(&port, &spec));
        fixture_end(&fixture);
}

static void test_settings(void) {
        PortSpec spec = { .switch_name = "br0", .vlan = 10, .isolated = true, .interface_id = "vm \"1\" é" };
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        vswitch_expect(fixture.vswitch, "port", "tap1", "protected", "true");
        vswitch_expect(fixture.vswitch, "interface", "tap1", "external_ids:iface-id", "\"vm \\\"1\\\" é\"");
        vswitch_expect(fixture.vswitch, "port", "tap1", "external_ids:tapd-switch", "br0");
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &spec));

        /* What others write beside it is theirs. */
        g_free(vswitch_ctl(fixture.vswitch, "set interface tap1 external_ids:ovn-installed=true "
                                            "-- set port tap1 external_ids:note=mine"));
        strcpy(spec.interface_id, "vm2");
        spec.isolated = false;
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        vswitch_expect(fixture.vswitch, "port", "tap1", "protected", "false");
        vswitch_expect(fixture.vswitch, "interface", "tap1", "external_ids:iface-id", "vm2");
        vswitch_expect(fixture.vswitch, "interface", "tap1", "external_ids:ovn-installed", "\"true\"");
        vswitch_expect(fixture.vswitch, "port", "tap1", "external_ids:note", "mine");
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &spec));

        *spec.interface_id = '\0';
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        vswitch_expect(fixture.vswitch, "interface", "tap1", "external_ids:ovn-installed", "\"true\"");
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &spec));
        fixture_end(&fixture);
}

/* A guest goes on meanwhile: the rows are the same ones, and so is the port. */
static void test_retag(void) {
        PortSpec spec = on_br0;
        g_autofree char *row = NULL, *interface_row = NULL, *ofport = NULL;
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        row = vswitch_ctl(fixture.vswitch, "get port tap1 _uuid");
        interface_row = vswitch_ctl(fixture.vswitch, "get interface tap1 _uuid");
        ofport = vswitch_ctl(fixture.vswitch, "get interface tap1 ofport");

        spec.vlan = 20;
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        vswitch_expect(fixture.vswitch, "port", "tap1", "tag", "20");
        spec = (PortSpec){ .switch_name = "br0", .trunk = { { { 5, 6 } }, 1 } };
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        vswitch_expect(fixture.vswitch, "port", "tap1", "tag", "[]");
        vswitch_expect(fixture.vswitch, "port", "tap1", "vlan_mode", "trunk");
        vswitch_expect(fixture.vswitch, "port", "tap1", "trunks", "[5, 6]");
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &spec));

        vswitch_expect(fixture.vswitch, "port", "tap1", "_uuid", row);
        vswitch_expect(fixture.vswitch, "interface", "tap1", "_uuid", interface_row);
        vswitch_expect(fixture.vswitch, "interface", "tap1", "ofport", ofport);
        fixture_end(&fixture);
}

/* It needs nobody but the database. */
static void test_retag_without_switch(void) {
        PortSpec spec = on_br0;
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_NONE);
        vswitch_stop_switch(fixture.vswitch, SIGKILL);
        spec.vlan = 20;
        plug(&fixture, "tap1", id_a, &spec, TAPD_ERROR_SWITCH_UNAVAILABLE);
        fixture_end(&fixture);
}

static void test_unplug(void) {
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);

        /* Not his. */
        unplug(&fixture, "tap1", id_b, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_is_plugged(&port));

        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        expect_no_port(&fixture, "tap1");
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap2");
        g_assert_true(ovs_port_is_plugged(&port));

        g_free(vswitch_ctl(fixture.vswitch, "add-port br0 tap1"));
        wait_for_port(&fixture, "tap1", is_foreign);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        g_assert_true(vswitch_has(fixture.vswitch, "Port", "tap1"));
        fixture_end(&fixture);
}

static void test_move(void) {
        const PortSpec on_br1 = { .switch_name = "br1", .vlan = 11 };
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        plug(&fixture, "tap1", id_a, &on_br1, TAPD_ERROR_NONE);
        expect_ctl(&fixture, "list-ports br0", "");
        expect_ctl(&fixture, "list-ports br1", "tap1");
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &on_br1));
        g_assert_true(ovs_port_is_plugged(&port));
        plug(&fixture, "tap2", id_b, &on_br1, TAPD_ERROR_NONE);
        expect_frames_both_ways();
        fixture_end(&fixture);
}

/* Somebody's own. Neither it nor anything else is changed. */
static void test_foreign(void) {
        Fixture fixture;
        Fault fault;

        fixture_begin(&fixture);
        g_free(vswitch_ctl(fixture.vswitch, "add-port br1 tap1 tag=99"));
        fault = plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NAME_IN_USE);
        g_assert_nonnull(strstr(fault.text, "tap1"));
        vswitch_expect(fixture.vswitch, "port", "tap1", "tag", "99");
        vswitch_expect(fixture.vswitch, "port", "tap1", "external_ids", "{}");
        expect_ctl(&fixture, "list-ports br0", "");

        /* An interface has the name, and no port has. */
        g_free(vswitch_ctl(fixture.vswitch, "del-port tap1 -- add-bond br1 bond0 tap1 tap2"));
        plug(&fixture, "tap2", id_a, &on_br0, TAPD_ERROR_NAME_IN_USE);
        wait_for_port(&fixture, "tap2", is_foreign);
        expect_ctl(&fixture, "list-ports br0", "");
        fixture_end(&fixture);
}

static void test_no_bridge(void) {
        const PortSpec nowhere = { .switch_name = "br9" };
        const PortSpec not_a_bridge = { .switch_name = "tap2" };
        Fixture fixture;
        OvsPort port;
        Fault fault;

        fixture_begin(&fixture);
        fault = plug(&fixture, "tap1", id_a, &nowhere, TAPD_ERROR_NO_SUCH_SWITCH);
        g_assert_nonnull(strstr(fault.text, "br9"));
        expect_no_port(&fixture, "tap1");
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        plug(&fixture, "tap1", id_a, &not_a_bridge, TAPD_ERROR_NO_SUCH_SWITCH);
        expect_no_port(&fixture, "tap1");

        /* One that is plugged stays where it is. */
        plug(&fixture, "tap2", id_b, &nowhere, TAPD_ERROR_NO_SUCH_SWITCH);
        port = expect_port(&fixture, "tap2");
        g_assert_true(ovs_port_matches(&port, &on_br0));
        g_assert_true(ovs_port_is_plugged(&port));
        expect_ctl(&fixture, "list-ports br0", "tap2");
        fixture_end(&fixture);
}

/* ovs-vswitchd's own words, and nothing stays behind. */
static void test_no_device(void) {
        Fixture fixture;
        Fault fault;

        fixture_begin(&fixture);
        fault = plug(&fixture, "tap3", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_nonnull(strstr(fault.text, "No such device"));
        expect_no_port(&fixture, "tap3");
        fixture_end(&fixture);
}

/* Rows that were left behind by a TAP that is long gone are listed, and make room for the next one of the name. */
static void collect(const OvsPort *port, void *userdata) {
        char id[SD_ID128_STRING_MAX];

        g_string_append_printf(userdata, "%s %s ", port->name, sd_id128_to_string(port->id, id));
}

static void test_stale(void) {
        g_autoptr(GString) ports = g_string_new(NULL);
        g_autofree char *row = NULL, *new_row = NULL;
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "add-port br0 tap2"));
        fixture.ovs = ovs_free(fixture.ovs);

        fixture_connect(&fixture);
        loop_until(fixture.event, is_connected, &fixture);
        ovs_each_port(fixture.ovs, collect, ports);
        g_assert_cmpstr(ports->str, ==, "tap1 0a010203000000000000000000000000 ");

        /* What cannot be done anyway leaves them alone. */
        row = vswitch_ctl(fixture.vswitch, "get port tap1 _uuid");
        plug(&fixture, "tap1", id_b, &(PortSpec){ .switch_name = "br9" }, TAPD_ERROR_NO_SUCH_SWITCH);
        vswitch_expect(fixture.vswitch, "port", "tap1", "_uuid", row);

        plug(&fixture, "tap1", id_b, &(PortSpec){ .switch_name = "br0", .vlan = 20 }, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(sd_id128_equal(port.id, id_b));
        g_assert_true(ovs_port_is_plugged(&port));
        new_row = vswitch_ctl(fixture.vswitch, "get port tap1 _uuid");
        g_assert_cmpstr(new_row, !=, row);
        expect_ctl(&fixture, "list-ports br0", "tap1\ntap2");
        fixture_end(&fixture);
}

static bool has_no_device(const OvsPort *port) {
        return port->ifindex == 0;
}

/* The device is another one of the same TAP: what ovs-vswitchd has open is dead, whatever its number says. */
static void test_new_device(void) {
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        expect_frames_both_ways();
        vswitch_delete_tap("tap1");
        wait_for_port(&fixture, "tap1", has_no_device);
        vswitch_add_tap("tap1");
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_is_plugged(&port));
        expect_frames_both_ways();
        fixture_end(&fixture);
}

/* Rows that a TAP left behind when its device went, and a new one of the name in the same place: nobody told
 * ovs-vswitchd in between. */
static void test_new_tap(void) {
        static const sd_id128_t id_c = { .bytes = { 0xc } };
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        vswitch_delete_tap("tap1");
        vswitch_add_tap("tap1");
        plug(&fixture, "tap1", id_c, &on_br0, TAPD_ERROR_NONE);
        expect_frames_both_ways();
        fixture_end(&fixture);
}

/* A TAP that is deleted and made again as fast as can be. */
static void test_made_again(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        for (unsigned i = 0; i < 10; i++) {
                const sd_id128_t id = { .bytes = { 0xd, (uint8_t) i } };

                plug(&fixture, "tap1", id, &on_br0, TAPD_ERROR_NONE);
                vswitch_expect_frames("tap1", "tap2");
                unplug(&fixture, "tap1", id, TAPD_ERROR_NONE);
                vswitch_delete_tap("tap1");
                vswitch_add_tap("tap1");
        }
        fixture_end(&fixture);
}

/* While ovs-vswitchd does not see them go, rows of the name are not made. */
static void test_cleared_in_vain(void) {
        Fixture fixture;
        Fault fault;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        vswitch_stop_switch(fixture.vswitch, SIGKILL);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        g_string_truncate(fixture.ports, 0);
        fault = plug(&fixture, "tap1", id_b, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_nonnull(strstr(fault.text, "ovs-vswitchd"));
        expect_no_port(&fixture, "tap1");
        g_assert_cmpstr(fixture.ports->str, ==, "");

        vswitch_start_switch(fixture.vswitch);
        plug(&fixture, "tap1", id_b, &on_br0, TAPD_ERROR_NONE);
        fixture_end(&fixture);
}

/* Between two looks somebody else took the rows: they are his. */
static void test_taken_meanwhile(void) {
        const PortSpec other = { .switch_name = "br0", .vlan = 20 }, on_br1 = { .switch_name = "br1" };
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "clear port tap1 external_ids -- clear interface tap1 external_ids"));
        plug(&fixture, "tap1", id_a, &other, TAPD_ERROR_NAME_IN_USE);
        vswitch_expect(fixture.vswitch, "port", "tap1", "tag", "10");

        plug(&fixture, "tap2", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "clear port tap2 external_ids -- clear interface tap2 external_ids"));
        plug(&fixture, "tap2", id_a, &on_br1, TAPD_ERROR_NAME_IN_USE);
        expect_ctl(&fixture, "list-ports br0", "tap1\ntap2");
        fixture_end(&fixture);

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "clear port tap1 external_ids -- clear interface tap1 external_ids"));
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        g_assert_true(vswitch_has(fixture.vswitch, "Port", "tap1"));
        fixture_end(&fixture);
}

/* Its rows go with it, and there is nothing left to take away. */
static void test_bridge_deleted(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_string_truncate(fixture.ports, 0);
        g_free(vswitch_ctl(fixture.vswitch, "del-br br0"));
        wait_for_port(&fixture, "tap1", NULL);
        g_assert_nonnull(strstr(fixture.ports->str, "tap1 "));
        wait_for_bridge(&fixture, "br0", false);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NO_SUCH_SWITCH);
        fixture_end(&fixture);
}

/* By hand, without touching its row: it goes back to where it was asked to be. */
static void test_moved_by_hand(void) {
        g_autofree char *row = NULL;
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        row = vswitch_ctl(fixture.vswitch, "get port tap1 _uuid");
        g_free(vswitch_ctl(fixture.vswitch, "remove bridge br0 ports %s -- add bridge br1 ports %s", row, row));
        expect_ctl(&fixture, "list-ports br1", "tap1");
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        expect_ctl(&fixture, "list-ports br1", "");
        expect_ctl(&fixture, "list-ports br0", "tap1");
        fixture_end(&fixture);
}

/* The id is enough: what an older tapd made, or somebody wrote by hand, is cleaned up as well. */
static void test_id_alone(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "remove port tap1 external_ids tapd-port -- "
                                            "remove interface tap1 external_ids tapd-port"));
        wait_for_port(&fixture, "tap1", is_inexact);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        expect_no_port(&fixture, "tap1");
        fixture_end(&fixture);
}

/* Somebody else takes the row over: it is his, and he keeps it. */
static void test_mark_removed(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "clear port tap1 external_ids -- clear interface tap1 external_ids"));
        wait_for_port(&fixture, "tap1", is_foreign);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NAME_IN_USE);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        g_assert_true(vswitch_has(fixture.vswitch, "Port", "tap1"));
        fixture_end(&fixture);
}

/* Of its Interface alone: the Port is still tapd's, and the Interface goes with it. */
static void test_interface_taken(void) {
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "remove interface tap1 external_ids tapd-port"));
        wait_for_port(&fixture, "tap1", is_inexact);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &on_br0));

        g_free(vswitch_ctl(fixture.vswitch, "remove interface tap1 external_ids tapd-port"));
        wait_for_port(&fixture, "tap1", is_inexact);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        expect_no_port(&fixture, "tap1");
        fixture_end(&fixture);
}

/* Changed by hand into what tapd did not ask for: it shows, and the next change puts it right. */
static void test_changed_by_hand(void) {
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        g_free(vswitch_ctl(fixture.vswitch, "set port tap1 tag=66 trunks=1,2,3 vlan_mode=native-tagged"));
        wait_for_port(&fixture, "tap1", is_inexact);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &on_br0));
        vswitch_expect(fixture.vswitch, "port", "tap1", "trunks", "[]");
        fixture_end(&fixture);
}

/* ---- several calls at once ---- */

static void test_overtaken(void) {
        const PortSpec on_br1 = { .switch_name = "br1", .vlan = 11 };
        Answer first, second, third;
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);

        /* Before its transaction is sent. */
        begin_plug(&fixture, &first, "tap1", id_a, &on_br0);
        begin_plug(&fixture, &second, "tap1", id_a, &on_br1);
        expect_answer(&fixture, &first, TAPD_ERROR_CONFLICT);
        expect_answer(&fixture, &second, TAPD_ERROR_NONE);
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &on_br1));

        begin_plug(&fixture, &first, "tap1", id_a, &on_br0);
        begin_unplug(&fixture, &second, "tap1", id_a);
        expect_answer(&fixture, &first, TAPD_ERROR_CONFLICT);
        expect_answer(&fixture, &second, TAPD_ERROR_NONE);
        expect_no_port(&fixture, "tap1");

        /* Once it is on its way. */
        begin_plug(&fixture, &first, "tap1", id_a, &on_br0);
        g_assert_cmpint(sd_event_run(fixture.event, UINT64_MAX), >, 0);
        begin_plug(&fixture, &second, "tap1", id_a, &on_br1);
        begin_unplug(&fixture, &third, "tap1", id_a);
        expect_answer(&fixture, &first, TAPD_ERROR_CONFLICT);
        expect_answer(&fixture, &second, TAPD_ERROR_CONFLICT);
        expect_answer(&fixture, &third, TAPD_ERROR_NONE);
        expect_no_port(&fixture, "tap1");
        fixture_end(&fixture);
}

/* While it waits for an ovs-vswitchd that is not there. */
static void test_overtaken_while_settling(void) {
        Answer first, second;
        Fixture fixture;

        fixture_begin(&fixture);
        vswitch_stop_switch(fixture.vswitch, SIGKILL);
        begin_plug(&fixture, &first, "tap1", id_a, &on_br0);
        wait_for_port(&fixture, "tap1", is_own);
        begin_unplug(&fixture, &second, "tap1", id_a);
        expect_answer(&fixture, &second, TAPD_ERROR_NONE);
        expect_answer(&fixture, &first, TAPD_ERROR_CONFLICT);
        expect_no_port(&fixture, "tap1");
        fixture_end(&fixture);
}

static bool is_plugged(const OvsPort *port) {
        return ovs_port_is_plugged(port);
}

static void test_forget(void) {
        Answer answer = {};
        Fixture fixture;
        OvsCall *call;

        fixture_begin(&fixture);
        g_assert_cmpint(ovs_plug(fixture.ovs, "tap1", id_a, &on_br0, on_done, &answer, &call), ==, 0);
        ovs_call_forget(call);
        ovs_call_forget(NULL);
        wait_for_port(&fixture, "tap1", is_plugged);
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        g_assert_cmpuint(answer.n, ==, 0);

        /* And nobody is called when all of it ends. */
        begin_plug(&fixture, &answer, "tap1", id_a, &on_br0);
        fixture.ovs = ovs_free(fixture.ovs);
        g_assert_cmpuint(answer.n, ==, 0);
        fixture_end(&fixture);
}

static void test_many(void) {
        enum { N = 24 };
        g_autofree Answer *answers = g_new0(Answer, N);
        Fixture fixture;

        fixture_begin(&fixture);
        for (unsigned i = 0; i < N; i++) {
                g_autofree char *name = g_strdup_printf("many%u", i);

                vswitch_add_tap(name);
                begin_plug(&fixture, &answers[i], name, id_a, &on_br0);
        }
        for (unsigned i = 0; i < N; i++)
                expect_answer(&fixture, &answers[i], TAPD_ERROR_NONE);
        for (unsigned i = 0; i < N; i++) {
                g_autofree char *name = g_strdup_printf("many%u", i);

                begin_unplug(&fixture, &answers[i], name, id_a);
        }
        for (unsigned i = 0; i < N; i++)
                expect_answer(&fixture, &answers[i], TAPD_ERROR_NONE);
        expect_ctl(&fixture, "list-ports br0", "");
        for (unsigned i = 0; i < N; i++) {
                g_autofree char *name = g_strdup_printf("many%u", i);

                vswitch_delete_tap(name);
        }
        fixture_end(&fixture);
}

/* More than are sent to the server at once. */
static void begin_plugs(Fixture *fixture, Answer *answers, unsigned n, const PortSpec *spec) {
        for (unsigned i = 0; i < n; i++) {
                g_autofree char *name = g_strdup_printf("many%u", i);

                begin_plug(fixture, &answers[i], name, id_a, spec);
        }
}

static void test_very_many(void) {
        enum { N = 1000 };
        const PortSpec nowhere = { .switch_name = "br9" };
        g_autofree Answer *answers = g_new0(Answer, N);
        Fixture fixture;

        fixture_begin(&fixture);
        begin_plugs(&fixture, answers, N, &nowhere);
        for (unsigned i = 0; i < N; i++)
                expect_answer(&fixture, &answers[i], TAPD_ERROR_NO_SUCH_SWITCH);

        /* None of them waits for those before it where nothing comes. */
        stop_for_now(&fixture);
        begin_plugs(&fixture, answers, N, &nowhere);
        for (unsigned i = 0; i < N; i++)
                expect_answer(&fixture, &answers[i], TAPD_ERROR_SWITCH_UNAVAILABLE);
        fixture_end(&fixture);
}

/* Whoever wants to know nothing. */
static void test_no_handlers(void) {
        static const OvsHandlers none = {};
        Fixture fixture;

        fixture_begin(&fixture);
        ovs_free(fixture.ovs);
        g_assert_cmpint(ovs_new(fixture.event, fixture.vswitch->socket_path, fixture.vswitch->socket_path, &none, NULL,
                                &fixture.ovs),
                        ==, 0);
        loop_until(fixture.event, is_connected, &fixture);
        g_assert_true(ovs_is_expected(fixture.ovs));
        g_free(vswitch_ctl(fixture.vswitch, "add-port br0 tap1 -- add-br br2"));
        wait_for_port(&fixture, "tap1", is_foreign);
        wait_for_bridge(&fixture, "br2", true);
        vswitch_stop_server(fixture.vswitch, SIGTERM);
        loop_until(fixture.event, is_lost, &fixture);
        fixture_end(&fixture);
}

static void test_long_name(void) {
        Answer answer = {};
        Fixture fixture;

        fixture_begin(&fixture);
        g_assert_cmpint(ovs_plug(fixture.ovs, "a-name-of-16-bytes", id_a, &on_br0, on_done, &answer, NULL), ==,
                        -EINVAL);
        loop_settle(fixture.event);
        g_assert_cmpuint(answer.n, ==, 0);
        fixture_end(&fixture);
}

/* ---- an Open vSwitch that is ill ---- */

/* The rows are taken back where ovs-vswitchd does not take them, and the answer comes. */
static void test_without_switch(void) {
        Answer answer;
        Fixture fixture;
        Fault fault;

        fixture_begin(&fixture);
        vswitch_stop_switch(fixture.vswitch, SIGKILL);
        fault = plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_nonnull(strstr(fault.text, "ovs-vswitchd"));
        expect_no_port(&fixture, "tap1");
        g_assert_cmpuint(fixture.n_lost, ==, 0);

        /* It may have taken them before they went: new ones wait until it has seen that. */
        g_string_truncate(fixture.ports, 0);
        begin_plug(&fixture, &answer, "tap1", id_a, &on_br0);
        loop_settle(fixture.event);
        expect_no_port(&fixture, "tap1");
        loop_settle(fixture.event);
        g_assert_cmpstr(fixture.ports->str, ==, "");
        vswitch_start_switch(fixture.vswitch);
        expect_answer(&fixture, &answer, TAPD_ERROR_NONE);
        fixture_end(&fixture);
}

static void test_absent(void) {
        Fixture fixture;
        Fault fault;
        OvsPort port;

        fixture_init(&fixture);
        vswitch_add_tap("tap1");
        vswitch_add_tap("tap2");
        fixture_connect(&fixture);
        fault = plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_nonnull(strstr(fault.text, "database"));
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_false(ovs_was_read(fixture.ovs));
        g_assert_false(ovs_has_bridge(fixture.ovs, "br0"));
        g_assert_false(ovs_find_port(fixture.ovs, "tap1", &port));
        ovs_each_port(fixture.ovs, collect, NULL);
        g_assert_false(loop_has_timer(fixture.event));

        /* It comes later. */
        vswitch_start_server(fixture.vswitch);
        vswitch_start_switch(fixture.vswitch);
        loop_until(fixture.event, is_connected, &fixture);
        g_assert_cmpuint(fixture.n_read, ==, 1);
        g_assert_cmpuint(fixture.n_lost, ==, 0);
        g_free(vswitch_ctl(fixture.vswitch, "add-br br0 -- set bridge br0 datapath_type=netdev"));
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        fixture_end(&fixture);
}

/* Nobody waits for what is known not to come. */
static void expect_refused_at_once(Fixture *fixture) {
        Answer answer;

        begin_plug(fixture, &answer, "tap2", id_b, &on_br0);
        loop_settle(fixture->event);
        g_assert_cmpuint(answer.n, ==, 1);
        g_assert_cmpint(answer.fault.error, ==, TAPD_ERROR_SWITCH_UNAVAILABLE);
}

/* On a host that is to have none nothing is looked for, and nothing found. */
static void test_none(void) {
        Fixture fixture;
        OvsPort port;

        fixture_init(&fixture);
        vswitch_add_tap("tap1");
        vswitch_add_tap("tap2");
        g_assert_cmpint(ovs_new(fixture.event, "", "", &handlers, &fixture, &fixture.ovs), ==, 0);
        g_assert_false(loop_has_timer(fixture.event));
        g_assert_false(ovs_is_expected(fixture.ovs));
        g_assert_false(ovs_is_connected(fixture.ovs));
        g_assert_false(ovs_has_bridge(fixture.ovs, "br0"));
        g_assert_false(ovs_find_port(fixture.ovs, "tap1", &port));
        expect_refused_at_once(&fixture);
        fixture_end(&fixture);
}

/* At boot, and while it is upgraded: who asks in between is served when it is back. */
static void test_waits(void) {
        Answer plugged, unplugged, second;
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        vswitch_stop_server(fixture.vswitch, SIGTERM);
        begin_plug(&fixture, &plugged, "tap1", id_a, &on_br0);
        begin_unplug(&fixture, &unplugged, "tap2", id_b);
        loop_until(fixture.event, is_lost, &fixture);
        begin_plug(&fixture, &second, "tap3", id_a, &on_br0);
        loop_settle(fixture.event);
        g_assert_cmpuint(plugged.n + unplugged.n + second.n, ==, 0);

        vswitch_start_server(fixture.vswitch);
        expect_answer(&fixture, &plugged, TAPD_ERROR_NONE);
        expect_answer(&fixture, &unplugged, TAPD_ERROR_NONE);
        expect_answer(&fixture, &second, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_nonnull(strstr(second.fault.text, "No such device"));
        port = expect_port(&fixture, "tap1");
        g_assert_true(ovs_port_matches(&port, &on_br0));
        expect_no_port(&fixture, "tap2");
        g_assert_cmpuint(fixture.n_read, ==, 2);
        g_assert_cmpuint(fixture.n_lost, ==, 1);
        fixture_end(&fixture);
}

/* And is told in time where it does not come back. */
static void test_waits_in_vain(void) {
        Answer answer;
        Fixture fixture;
        OvsPort port;

        fixture_begin(&fixture);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        vswitch_stop_server(fixture.vswitch, SIGKILL);
        begin_plug(&fixture, &answer, "tap1", id_a, &on_br0);
        expect_answer(&fixture, &answer, TAPD_ERROR_SWITCH_UNAVAILABLE);

        /* What was last known still is. */
        g_assert_true(ovs_was_read(fixture.ovs));
        g_assert_true(ovs_has_bridge(fixture.ovs, "br0"));
        port = expect_port(&fixture, "tap2");
        g_assert_true(port.is_own);
        fixture_end(&fixture);
}

/* With another database: what is known is what it says now, and ovs-vswitchd counts from the beginning. */
static void test_other_database(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        vswitch_stop_switch(fixture.vswitch, SIGKILL);
        for (unsigned i = 0; i < 3; i++)
                g_free(vswitch_ctl(fixture.vswitch, "--no-wait set port tap2 tag=%u", 1 + i));
        unplug(&fixture, "tap2", id_b, TAPD_ERROR_NONE);
        vswitch_stop_server(fixture.vswitch, SIGKILL);
        loop_until(fixture.event, is_lost, &fixture);
        g_assert_true(ovs_has_bridge(fixture.ovs, "br0"));

        vswitch_make_database(fixture.vswitch);
        vswitch_start_server(fixture.vswitch);
        loop_until(fixture.event, is_connected, &fixture);
        g_assert_false(ovs_has_bridge(fixture.ovs, "br0"));
        expect_no_port(&fixture, "tap1");

        vswitch_start_switch(fixture.vswitch);
        g_free(vswitch_ctl(fixture.vswitch, "add-br br0 -- set bridge br0 datapath_type=netdev"));
        plug(&fixture, "tap2", id_b, &on_br0, TAPD_ERROR_NONE);
        fixture_end(&fixture);
}

/* A server that hangs leaves the call that finds out without an answer, and nobody after it waits for one. When it goes
 * on it carries out what it was told: that shows like any other change. */
static void test_hung(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        stop_for_now(&fixture);
        g_assert_true(ovs_is_connected(fixture.ovs));
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_false(ovs_is_connected(fixture.ovs));
        g_assert_cmpuint(fixture.n_lost, ==, 1);
        expect_refused_at_once(&fixture);
        g_assert_true(ovs_has_bridge(fixture.ovs, "br0"));

        go_on(&fixture);
        loop_until(fixture.event, is_connected, &fixture);
        g_assert_cmpuint(fixture.n_read, ==, 2);
        wait_for_port(&fixture, "tap1", is_plugged);
        g_assert_nonnull(strstr(fixture.ports->str, "tap1 "));
        unplug(&fixture, "tap1", id_a, TAPD_ERROR_NONE);
        expect_no_port(&fixture, "tap1");
        expect_no_port(&fixture, "tap2");
        fixture_end(&fixture);
}

/* From the beginning: who asks first waits, because it might just be starting. */
static void test_hung_at_start(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        stop_for_now(&fixture);
        ovs_free(fixture.ovs);
        fixture_connect(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        expect_refused_at_once(&fixture);
        g_assert_false(ovs_was_read(fixture.ovs));

        go_on(&fixture);
        loop_until(fixture.event, is_connected, &fixture);
        expect_no_port(&fixture, "tap1");
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_NONE);
        fixture_end(&fixture);
}

/* A server that has another database: it is no Open vSwitch, and may become one. */
static void test_no_open_vswitch(void) {
        Fixture fixture;

        fixture_init(&fixture);
        vswitch_add_tap("tap1");
        vswitch_add_tap("tap2");
        vswitch_make_other_database(fixture.vswitch);
        vswitch_start_server(fixture.vswitch);
        fixture_connect(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);
        g_assert_false(ovs_was_read(fixture.ovs));

        vswitch_stop_server(fixture.vswitch, SIGTERM);
        vswitch_make_database(fixture.vswitch);
        vswitch_start_server(fixture.vswitch);
        loop_until(fixture.event, is_connected, &fixture);
        fixture_end(&fixture);
}

/* One that hangs and is replaced: nobody waits for the old one any more. */
static void test_hung_and_replaced(void) {
        GPid old;
        Fixture fixture;

        fixture_begin(&fixture);
        stop_for_now(&fixture);
        plug(&fixture, "tap1", id_a, &on_br0, TAPD_ERROR_SWITCH_UNAVAILABLE);

        old = vswitch_abandon_server(fixture.vswitch);
        vswitch_make_database(fixture.vswitch);
        vswitch_start_server(fixture.vswitch);
        loop_until(fixture.event, is_connected, &fixture);
        g_assert_false(ovs_has_bridge(fixture.ovs, "br0"));
        g_assert_cmpint(kill(old, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(old, NULL, 0), ==, old);
        loop_settle(fixture.event);
        g_assert_true(ovs_is_connected(fixture.ovs));
        fixture_end(&fixture);
}

int main(int argc, char **argv) {
        vswitch_init(&argc, &argv);

        g_test_add_func("/port-ovs/read", test_read);
        g_test_add_func("/port-ovs/modes", test_modes);
        g_test_add_func("/port-ovs/all-vlans", test_all_vlans);
        g_test_add_func("/port-ovs/settings", test_settings);
        g_test_add_func("/port-ovs/retag", test_retag);
        g_test_add_func("/port-ovs/retag-without-switch", test_retag_without_switch);
        g_test_add_func("/port-ovs/unplug", test_unplug);
        g_test_add_func("/port-ovs/move", test_move);
        g_test_add_func("/port-ovs/foreign", test_foreign);
        g_test_add_func("/port-ovs/no-bridge", test_no_bridge);
        g_test_add_func("/port-ovs/no-device", test_no_device);
        g_test_add_func("/port-ovs/stale", test_stale);
        g_test_add_func("/port-ovs/new-device", test_new_device);
        g_test_add_func("/port-ovs/new-tap", test_new_tap);
        g_test_add_func("/port-ovs/made-again", test_made_again);
        g_test_add_func("/port-ovs/cleared-in-vain", test_cleared_in_vain);
        g_test_add_func("/port-ovs/taken-meanwhile", test_taken_meanwhile);
        g_test_add_func("/port-ovs/bridge-deleted", test_bridge_deleted);
        g_test_add_func("/port-ovs/moved-by-hand", test_moved_by_hand);
        g_test_add_func("/port-ovs/id-alone", test_id_alone);
        g_test_add_func("/port-ovs/mark-removed", test_mark_removed);
        g_test_add_func("/port-ovs/interface-taken", test_interface_taken);
        g_test_add_func("/port-ovs/changed-by-hand", test_changed_by_hand);
        g_test_add_func("/port-ovs/overtaken", test_overtaken);
        g_test_add_func("/port-ovs/overtaken-while-settling", test_overtaken_while_settling);
        g_test_add_func("/port-ovs/forget", test_forget);
        g_test_add_func("/port-ovs/many", test_many);
        g_test_add_func("/port-ovs/very-many", test_very_many);
        g_test_add_func("/port-ovs/no-handlers", test_no_handlers);
        g_test_add_func("/port-ovs/long-name", test_long_name);
        g_test_add_func("/port-ovs/without-switch", test_without_switch);
        g_test_add_func("/port-ovs/absent", test_absent);
        g_test_add_func("/port-ovs/none", test_none);
        g_test_add_func("/port-ovs/waits", test_waits);
        g_test_add_func("/port-ovs/waits-in-vain", test_waits_in_vain);
        g_test_add_func("/port-ovs/other-database", test_other_database);
        g_test_add_func("/port-ovs/hung", test_hung);
        g_test_add_func("/port-ovs/hung-at-start", test_hung_at_start);
        g_test_add_func("/port-ovs/no-open-vswitch", test_no_open_vswitch);
        g_test_add_func("/port-ovs/hung-and-replaced", test_hung_and_replaced);

        return g_test_run();
}
