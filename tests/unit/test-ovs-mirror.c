/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the updates of ovsdb-server(7), 4.1.12 to 4.1.14, are understood as. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "ovs-mirror.h"

#define ID "0123456789abcdef0123456789abcdef"
/* As many rows as a test needs. */
#define ROW(n) "'00000000-0000-4000-8000-00000000000" #n "'"
#define KEYS "'external_ids':['map',[['tapd-id','" ID "'],['tapd-port','yes'],['tapd-switch','br0']]]"

/* JSON with single quotes, to be read in a source. */
static json_t *parse(const char *text) {
        g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
        json_error_t error;
        json_t *value;

        value = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        if (!value)
                g_error("%s: %s", error.text, text);

        return value;
}

static int try_apply(OvsMirror *mirror, OvsMonitor monitor, const char *text) {
        json_t *updates = parse(text);
        int r;

        r = ovs_mirror_apply(mirror, monitor, updates);
        json_decref(updates);
        return r;
}

static void apply(OvsMirror *mirror, OvsMonitor monitor, const char *text) {
        g_assert_cmpint(try_apply(mirror, monitor, text), ==, 0);
}

static OvsMirror *mirror_new(void) {
        OvsMirror *mirror = NULL;

        g_assert_cmpint(ovs_mirror_new(&mirror), ==, 0);
        return mirror;
}

/* A mirror with a bridge and a port of its own that a TAP is plugged into as VLAN 10. */
static OvsMirror *mirror_with_port(void) {
        OvsMirror *mirror = mirror_new();

        apply(mirror, OVS_MONITOR_OTHERS,
              "{'Bridge':{" ROW(1) ":{'initial':{'name':'br0'}}},"
                                   " 'Port':{" ROW(2) ":{'initial':{'name':'br0'}}},"
                                                      " 'Interface':{" ROW(3) ":{'initial':{'name':'br0'}}}}");
        apply(mirror, OVS_MONITOR_OWN,
              "{'Port':{" ROW(4) ":{'initial':{'name':'tap1','vlan_mode':'access','tag':10," KEYS "}}},"
                                 " 'Interface':{" ROW(5) ":{'initial':{'name':'tap1','ofport':7,'ifindex':12," KEYS
                                                         "}}}}");
        ovs_mirror_tell(mirror, NULL, NULL, NULL);
        return mirror;
}

static void append_name(const char *name, void *userdata) {
        g_string_append_printf(userdata, "%s ", name);
}

/* The ports that are told of. */
static void expect_told(OvsMirror *mirror, const char *names) {
        g_autoptr(GString) told = g_string_new(NULL);

        ovs_mirror_tell(mirror, NULL, append_name, told);
        g_assert_cmpstr(told->str, ==, names);
}

static OvsPort expect_port(const OvsMirror *mirror, const char *name) {
        OvsPort port;

        g_assert_true(ovs_mirror_find_port(mirror, name, &port));
        return port;
}

static void expect_foreign(const OvsMirror *mirror, const char *name) {
        OvsPort port = expect_port(mirror, name);

        g_assert_false(port.is_own);
        g_assert_false(ovs_port_is_plugged(&port));
}

static void expect_none(const OvsMirror *mirror, const char *name) {
        OvsPort port;

        g_assert_false(ovs_mirror_find_port(mirror, name, &port));
}

static void expect_vlans(const OvsMirror *mirror, const char *name, uint16_t vlan, const char *trunk, bool is_exact) {
        g_autoptr(GString) ranges = g_string_new(NULL);
        OvsPort port = expect_port(mirror, name);

        for (size_t i = 0; i < port.spec.trunk.n_ranges; i++)
                g_string_append_printf(ranges, "%u-%u ", port.spec.trunk.ranges[i].first,
                                       port.spec.trunk.ranges[i].last);
        g_assert_cmpuint(port.spec.vlan, ==, vlan);
        g_assert_cmpstr(ranges->str, ==, trunk);
        g_assert_cmpint(port.is_exact, ==, is_exact);
}

static void test_initial(void) {
        OvsMirror *mirror = mirror_with_port();
        OvsPort port = expect_port(mirror, "tap1");
        char id[SD_ID128_STRING_MAX];

        g_assert_true(ovs_mirror_has_bridge(mirror, "br0"));
        g_assert_false(ovs_mirror_has_bridge(mirror, "tap1"));
        g_assert_false(ovs_mirror_has_bridge(mirror, "br1"));
        expect_foreign(mirror, "br0");
        expect_none(mirror, "tap2");

        g_assert_true(port.is_own);
        g_assert_true(port.is_exact);
        g_assert_cmpstr(port.name, ==, "tap1");
        g_assert_cmpstr(sd_id128_to_string(port.id, id), ==, ID);
        g_assert_cmpstr(port.spec.switch_name, ==, "br0");
        g_assert_cmpuint(port.spec.vlan, ==, 10);
        g_assert_cmpuint(port.spec.trunk.n_ranges, ==, 0);
        g_assert_false(port.spec.isolated);
        g_assert_cmpstr(port.spec.interface_id, ==, "");
        g_assert_cmpint(port.ofport, ==, 7);
        g_assert_cmpint(port.ifindex, ==, 12);
        g_assert_cmpstr(port.error, ==, "");
        g_assert_true(ovs_port_is_plugged(&port));
        g_assert_cmpuint(ovs_mirror_count_bridges(mirror), ==, 1);
        g_assert_cmpuint(ovs_mirror_count_rows(mirror), ==, 5);
        ovs_mirror_free(mirror);
}

/* A value that is one is new; of a set or a map it is what changed. */
static void test_modify(void) {
        OvsMirror *mirror = mirror_with_port();
        OvsPort port;

        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'tag':20}}}}");
        expect_vlans(mirror, "tap1", 20, "", true);
        apply(mirror, OVS_MONITOR_OWN,
              "{'Port':{" ROW(4) ":{'modify':{'tag':['set',[]],'vlan_mode':'trunk','trunks':['set',[1,2,3]]}}}}");
        expect_vlans(mirror, "tap1", 0, "1-3 ", true);
        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':['set',[2,5]]}}}}");
        expect_vlans(mirror, "tap1", 0, "1-1 3-3 5-5 ", true);
        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':4}}}}");
        expect_vlans(mirror, "tap1", 0, "1-1 3-5 ", true);
        apply(mirror, OVS_MONITOR_OWN,
              "{'Port':{" ROW(4) ":{'modify':{'tag':['set',[9]],'vlan_mode':'native-untagged','protected':true}}}}");
        expect_vlans(mirror, "tap1", 9, "1-1 3-5 ", true);
        port = expect_port(mirror, "tap1");
        g_assert_true(port.spec.isolated);

        apply(mirror, OVS_MONITOR_OWN,
              "{'Port':{" ROW(4) ":{'modify':{'external_ids':['map',[['tapd-switch','br1'],['other','x']]]}}},"
                                 " 'Interface':{" ROW(
                                         5) ":{'modify':{'external_ids':['map',[['iface-id','vm1']]],'ofport':-1,"
                                            "'error':'no \\u001b device'}}}}");
        port = expect_port(mirror, "tap1");
        g_assert_cmpstr(port.spec.switch_name, ==, "br1");
        g_assert_cmpstr(port.spec.interface_id, ==, "vm1");
        g_assert_cmpint(port.ofport, ==, -1);
        g_assert_cmpstr(port.error, ==, "no \\x1b device");
        g_assert_false(ovs_port_is_plugged(&port));

        /* A pair that was there and comes again is gone. */
        apply(mirror, OVS_MONITOR_OWN,
              "{'Interface':{" ROW(5) ":{'modify':{'external_ids':['map',[['iface-id','vm1']]],"
                                      "'ofport':['set',[]],'ifindex':0,'error':['set',[]]}}}}");
        port = expect_port(mirror, "tap1");
        g_assert_cmpstr(port.spec.interface_id, ==, "");
        g_assert_cmpint(port.ofport, ==, 0);
        g_assert_cmpint(port.ifindex, ==, 0);
        g_assert_cmpstr(port.error, ==, "");
        ovs_mirror_free(mirror);
}

/* A change of somebody else's row is told without what changed, and is none for us. */
static void test_modify_other(void) {
        OvsMirror *mirror = mirror_with_port();

        apply(mirror, OVS_MONITOR_OTHERS, "{'Port':{" ROW(2) ":{'modify':{}}}}");
        expect_told(mirror, "");
        ovs_mirror_free(mirror);
}

static void test_delete(void) {
        OvsMirror *mirror = mirror_with_port();

        apply(mirror, OVS_MONITOR_OWN,
              "{'Port':{" ROW(4) ":{'delete':null}},'Interface':{" ROW(5) ":{'delete':null}}}");
        expect_none(mirror, "tap1");
        expect_told(mirror, "tap1 ");
        apply(mirror, OVS_MONITOR_OTHERS, "{'Bridge':{" ROW(1) ":{'delete':null}}}");
        g_assert_false(ovs_mirror_has_bridge(mirror, "br0"));
        expect_foreign(mirror, "br0");
        ovs_mirror_free(mirror);
}

/* How far ovs-vswitchd has got. */
static void test_applied(void) {
        OvsMirror *mirror = mirror_new();

        apply(mirror, OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(1) ":{'initial':{}}}}");
        g_assert_cmpint(ovs_mirror_applied(mirror), ==, 0);
        apply(mirror, OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(1) ":{'modify':{'cur_cfg':7}}}}");
        g_assert_cmpint(ovs_mirror_applied(mirror), ==, 7);
        apply(mirror, OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(1) ":{'modify':{}}}}");
        g_assert_cmpint(ovs_mirror_applied(mirror), ==, 7);
        expect_told(mirror, "");
        ovs_mirror_free(mirror);

        mirror = mirror_new();
        apply(mirror, OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(1) ":{'initial':{'cur_cfg':5}}}}");
        g_assert_cmpint(ovs_mirror_applied(mirror), ==, 5);
        apply(mirror, OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(1) ":{'delete':null}}}");
        apply(mirror, OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(2) ":{'insert':{'cur_cfg':6}}}}");
        g_assert_cmpint(ovs_mirror_applied(mirror), ==, 6);
        ovs_mirror_free(mirror);
}

static void test_told(void) {
        g_autoptr(GString) bridges = g_string_new(NULL);
        OvsMirror *mirror = mirror_with_port();

        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'tag':20}}}}");
        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'tag':30}}}}");
        expect_told(mirror, "tap1 ");
        expect_told(mirror, "");

        apply(mirror, OVS_MONITOR_OTHERS, "{'Bridge':{" ROW(6) ":{'insert':{'name':'br1'}}}}");
        ovs_mirror_tell(mirror, append_name, append_name, bridges);
        g_assert_cmpstr(bridges->str, ==, "br1 ");

        /* What came and went in between is told once, and is not there. */
        apply(mirror, OVS_MONITOR_OTHERS, "{'Port':{" ROW(7) ":{'insert':{'name':'eth0'}}}}");
        apply(mirror, OVS_MONITOR_OTHERS, "{'Port':{" ROW(7) ":{'delete':null}}}");
        expect_none(mirror, "eth0");
        expect_told(mirror, "eth0 ");
        expect_told(mirror, "");
        ovs_mirror_free(mirror);
}

/* A row gets the mark: the two monitors tell of it by themselves, in either order. */
static void test_marked(void) {
        static const char gone[] = "{'Port':{" ROW(8) ":{'delete':null}}}";
        static const char ours[] = "{'Port':{" ROW(8) ":{'insert':{'name':'tap2','vlan_mode':'trunk'," KEYS "}}}}";

        for (unsigned order = 0; order < 2; order++) {
                OvsMirror *mirror = mirror_with_port();
                OvsPort port;

                apply(mirror, OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'insert':{'name':'tap2'}}}}");
                expect_foreign(mirror, "tap2");
                apply(mirror, order ? OVS_MONITOR_OTHERS : OVS_MONITOR_OWN, order ? gone : ours);
                apply(mirror, order ? OVS_MONITOR_OWN : OVS_MONITOR_OTHERS, order ? ours : gone);
                port = expect_port(mirror, "tap2");
                g_assert_true(port.is_own);
                g_assert_cmpint(port.ofport, ==, 0);

                /* And loses it. */
                apply(mirror, OVS_MONITOR_OWN, gone);
                apply(mirror, OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'insert':{'name':'tap2'}}}}");
                expect_foreign(mirror, "tap2");
                ovs_mirror_free(mirror);
        }
}

/* Within one update a name goes from one row to the next; an object has no order. */
static void test_handed_on(void) {
        static const char *const updates[] = {
                "{'Port':{" ROW(4) ":{'delete':null}," ROW(8) ":{'insert':{'name':'tap1','vlan_mode':'trunk'," KEYS
                                                              "}}}}",
                "{'Port':{" ROW(8) ":{'insert':{'name':'tap1','vlan_mode':'trunk'," KEYS
                                   "}}," ROW(4) ":{'delete':null}}}",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(updates); i++) {
                OvsMirror *mirror = mirror_with_port();
                char row[SD_ID128_UUID_STRING_MAX];
                OvsPort port;

                apply(mirror, OVS_MONITOR_OWN, updates[i]);
                port = expect_port(mirror, "tap1");
                g_assert_cmpstr(sd_id128_to_uuid_string(port.row, row), ==, "00000000-0000-4000-8000-000000000008");
                expect_vlans(mirror, "tap1", 0, "", true);
                ovs_mirror_free(mirror);
        }
}

/* The mark alone does not make a row a TAP's. */
static void test_bad_id(void) {
        static const char *const keys[] = {
                "['tapd-port','yes']",
                "['tapd-port','yes'],['tapd-id','']",
                "['tapd-port','yes'],['tapd-id','0123']",
                "['tapd-port','yes'],['tapd-id','00000000000000000000000000000000']",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                g_autofree char *update = g_strdup_printf(
                        "{'Port':{" ROW(8) ":{'insert':{'name':'tap2','external_ids':['map',[%s]]}}}}", keys[i]);
                OvsMirror *mirror = mirror_new();

                apply(mirror, OVS_MONITOR_OWN, update);
                expect_foreign(mirror, "tap2");
                ovs_mirror_free(mirror);
        }
}

/* What no PortSpec says; vlan_mode of ovs-vswitchd.conf.db(5). */
static void test_inexact(void) {
        static const char *const columns[] = {
                "'tag':10",
                "'vlan_mode':'access'",
                "'vlan_mode':'trunk','tag':10",
                "'vlan_mode':'access','tag':10,'trunks':['set',[1,2]]",
                "'vlan_mode':'native-tagged','tag':10,'trunks':['set',[1,2]]",
                "'vlan_mode':'native-untagged','tag':10",
                "'vlan_mode':'dot1q-tunnel','tag':10",
                "'vlan_mode':'access','tag':0",
                "'vlan_mode':'access','tag':4095",
                "'vlan_mode':'trunk','trunks':['set',[0,10]]",
                "'vlan_mode':'trunk','trunks':4095",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
                g_autofree char *update =
                        g_strdup_printf("{'Port':{" ROW(8) ":{'insert':{'name':'tap2',%s," KEYS "}}},"
                                                           "'Interface':{" ROW(9) ":{'insert':{'name':'tap2'}}}}",
                                        columns[i]);
                OvsMirror *mirror = mirror_new();
                OvsPort port;

                apply(mirror, OVS_MONITOR_OWN, update);
                port = expect_port(mirror, "tap2");
                g_assert_true(port.is_own);
                g_assert_false(port.is_exact);
                g_assert_false(ovs_port_matches(&port, &port.spec));
                ovs_mirror_free(mirror);
        }
}

/* More ranges than a Trunk has room for. */
static void test_many_ranges(void) {
        g_autoptr(GString) update = g_string_new("{'Port':{" ROW(4) ":{'modify':{'tag':['set',[]],'vlan_mode':'trunk',"
                                                                    "'trunks':['set',[");
        OvsMirror *mirror = mirror_with_port();
        OvsPort port;

        for (unsigned i = 0; i <= TRUNK_RANGES_MAX; i++)
                g_string_append_printf(update, "%s%u", i > 0 ? "," : "", 2 * i + 1);
        g_string_append(update, "]]}}}}");
        apply(mirror, OVS_MONITOR_OWN, update->str);
        port = expect_port(mirror, "tap1");
        g_assert_false(port.is_exact);

        /* And what is taken off it again still counts. */
        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':['set',[1,3]]}}}}");
        port = expect_port(mirror, "tap1");
        g_assert_true(port.is_exact);
        g_assert_cmpuint(port.spec.trunk.n_ranges, ==, TRUNK_RANGES_MAX - 1);
        ovs_mirror_free(mirror);
}

static void test_long_texts(void) {
        g_autofree char *id = g_strnfill(PORT_INTERFACE_ID_MAX + 1, 'x'), *error = g_strnfill(5000, 'e');
        g_autofree char *update = g_strdup_printf(
                "{'Port':{" ROW(4) ":{'modify':{'external_ids':['map',["
                                   "['tapd-switch','a-bridge-with-a-long-name']]]}}},"
                                   "'Interface':{" ROW(5) ":{'modify':{'error':'%s',"
                                                          "'external_ids':['map',[['iface-id','%s']]]}}}}",
                error, id);
        OvsMirror *mirror = mirror_with_port();
        OvsPort port;

        apply(mirror, OVS_MONITOR_OWN, update);
        port = expect_port(mirror, "tap1");
        g_assert_true(port.is_own);
        g_assert_false(port.is_exact);
        g_assert_cmpstr(port.spec.interface_id, ==, "");
        g_assert_cmpstr(port.spec.switch_name, ==, "");
        g_assert_cmpuint(strlen(port.error), <, sizeof(port.error));
        g_assert_true(g_str_has_prefix(port.error, "eeee"));

        /* A name that no TAP has, and another one that begins like it. */
        apply(mirror, OVS_MONITOR_OWN, "{'Port':{" ROW(8) ":{'insert':{'name':'tap1-of-a-long-name'," KEYS "}}}}");
        expect_foreign(mirror, "tap1-of-a-long-name");
        expect_none(mirror, "tap1-of-a-long-");
        ovs_mirror_free(mirror);
}

static void count_port(const OvsPort *port, void *userdata) {
        g_string_append_printf(userdata, "%s ", port->name);
}

static void test_each(void) {
        g_autoptr(GString) names = g_string_new(NULL);
        OvsMirror *mirror = mirror_with_port();

        apply(mirror, OVS_MONITOR_OWN,
              "{'Port':{" ROW(8) ":{'insert':{'name':'tap2'," KEYS "}}," ROW(9) ":{'insert':{'name':'tap3'}}}}");
        ovs_mirror_each_port(mirror, count_port, names);
        g_assert_cmpstr(names->str, ==, "tap1 tap2 ");
        ovs_mirror_free(mirror);
}

/* The VLANs count, not how they were divided. */
static void test_matches(void) {
        PortSpec spec = { .switch_name = "br0", .trunk = { .ranges = { { 10, 19 }, { 20, 29 } }, .n_ranges = 2 } },
                 other;
        OvsPort port = { .is_own = true, .is_exact = true, .spec = spec };

        port.spec.trunk = (Trunk){ .ranges = { { 10, 29 } }, .n_ranges = 1 };
        g_assert_true(ovs_port_matches(&port, &spec));

        other = spec;
        other.trunk.ranges[1].last = 28;
        g_assert_false(ovs_port_matches(&port, &other));
        other = spec;
        other.vlan = 1;
        g_assert_false(ovs_port_matches(&port, &other));
        other = spec;
        other.isolated = true;
        g_assert_false(ovs_port_matches(&port, &other));
        other = spec;
        strcpy(other.interface_id, "vm1");
        g_assert_false(ovs_port_matches(&port, &other));
        other = spec;
        strcpy(other.switch_name, "br1");
        g_assert_false(ovs_port_matches(&port, &other));

        port.is_exact = false;
        g_assert_false(ovs_port_matches(&port, &spec));
        port.is_exact = true;
        port.is_own = false;
        g_assert_false(ovs_port_matches(&port, &spec));
}

static void test_bad_updates(void) {
        static const struct {
                OvsMonitor monitor;
                const char *updates;
        } rows[] = {
                { OVS_MONITOR_OTHERS, "null" },
                { OVS_MONITOR_OTHERS, "[]" },
                { OVS_MONITOR_OTHERS, "{'Controller':{}}" },
                { OVS_MONITOR_OTHERS, "{'Port':[]}" },
                { OVS_MONITOR_OWN, "{'Bridge':{}}" },
                { OVS_MONITOR_OWN, "{'Open_vSwitch':{}}" },
                { OVS_MONITOR_OTHERS, "{'Open_vSwitch':{" ROW(9) ":{'initial':{'cur_cfg':'1'}}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{'7':{'insert':{'name':'a'}}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":[]}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'insert':[]}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'insert':{'name':7}}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'insert':{'name':'a'},'delete':null}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'replace':{'name':'a'}}}}" },
                /* rows that are there already, or not there */
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(2) ":{'insert':{'name':'a'}}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(8) ":{'delete':null}}}" },
                { OVS_MONITOR_OTHERS, "{'Port':{" ROW(1) ":{'delete':null}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(2) ":{'modify':{'tag':1}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(8) ":{'insert':{'name':'tap1'}}}}" },
                { OVS_MONITOR_OWN, "{'Interface':{" ROW(8) ":{'insert':{'name':'tap1'}}}}" },
                /* columns that are not of their type */
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'tag':'1'}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'tag':['set',[1,2]]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'tag':['map',[]]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':['set',[4096]]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':['set',[-1]]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':['set',['1']]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'trunks':{}}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'protected':1}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'vlan_mode':1}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'external_ids':['set',[]]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'external_ids':['map',[['tapd-id']]]}}}}" },
                { OVS_MONITOR_OWN, "{'Port':{" ROW(4) ":{'modify':{'external_ids':['map',[['tapd-id',7]]]}}}}" },
                { OVS_MONITOR_OWN, "{'Interface':{" ROW(5) ":{'modify':{'ofport':1.5}}}}" },
                { OVS_MONITOR_OWN, "{'Interface':{" ROW(5) ":{'modify':{'error':['set',[7]]}}}}" },
                { OVS_MONITOR_OWN, "{'Interface':{" ROW(5) ":{'modify':{'external_ids':'x'}}}}" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                OvsMirror *mirror = mirror_with_port();

                if (try_apply(mirror, rows[i].monitor, rows[i].updates) != -EBADMSG)
                        g_error("taken: %s", rows[i].updates);
                ovs_mirror_tell(mirror, NULL, NULL, NULL);
                ovs_mirror_free(mirror);
        }
}

/* Each row is in exactly one of the monitors, and Bridge.ports in none: an update of it names every port there is. */
static void test_requests(void) {
        json_t *expected, *request;

        request = ovs_monitor_request(OVS_MONITOR_OTHERS);
        expected = parse("['Open_vSwitch','others',"
                         "{'Open_vSwitch':[{'columns':['cur_cfg']}],'Bridge':[{'columns':['name']}],"
                         "'Port':[{'columns':['name','external_ids'],"
                         "'where':[['external_ids','excludes',['map',[['tapd-port','yes']]]]]}],"
                         "'Interface':[{'columns':['name'],"
                         "'where':[['external_ids','excludes',['map',[['tapd-port','yes']]]]]}]}]");
        g_assert_true(json_equal(request, expected));
        g_assert_cmpint(ovs_monitor_of(json_array_get(request, 1)), ==, OVS_MONITOR_OTHERS);
        json_decref(request);
        json_decref(expected);

        request = ovs_monitor_request(OVS_MONITOR_OWN);
        expected = parse("['external_ids','includes',['map',[['tapd-port','yes']]]]");
        g_assert_cmpint(ovs_monitor_of(json_array_get(request, 1)), ==, OVS_MONITOR_OWN);
        for (unsigned i = 0; i < 2; i++) {
                const json_t *tables = json_array_get(request, 2);
                const json_t *one = json_array_get(json_object_get(tables, i ? "Port" : "Interface"), 0);

                g_assert_cmpuint(json_object_size(tables), ==, 2);
                g_assert_true(json_equal(json_array_get(json_object_get(one, "where"), 0), expected));
        }
        json_decref(request);
        json_decref(expected);
        g_assert_cmpint(ovs_monitor_of(NULL), ==, _OVS_MONITOR_MAX);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/ovs-mirror/initial", test_initial);
        g_test_add_func("/ovs-mirror/modify", test_modify);
        g_test_add_func("/ovs-mirror/modify-other", test_modify_other);
        g_test_add_func("/ovs-mirror/delete", test_delete);
        g_test_add_func("/ovs-mirror/applied", test_applied);
        g_test_add_func("/ovs-mirror/told", test_told);
        g_test_add_func("/ovs-mirror/marked", test_marked);
        g_test_add_func("/ovs-mirror/handed-on", test_handed_on);
        g_test_add_func("/ovs-mirror/bad-id", test_bad_id);
        g_test_add_func("/ovs-mirror/inexact", test_inexact);
        g_test_add_func("/ovs-mirror/many-ranges", test_many_ranges);
        g_test_add_func("/ovs-mirror/long-texts", test_long_texts);
        g_test_add_func("/ovs-mirror/each", test_each);
        g_test_add_func("/ovs-mirror/matches", test_matches);
        g_test_add_func("/ovs-mirror/bad-updates", test_bad_updates);
        g_test_add_func("/ovs-mirror/requests", test_requests);

        return g_test_run();
}
