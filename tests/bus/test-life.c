/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TAP from its creation to its deletion, as the kernel shows it (iproute2) and as the bus does. */
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "files.h"

static char *show(const char *name) {
        return lab_run("ip -d link show dev %s", name);
}

static void test_member_defaults(Lab *lab) {
        g_autofree char *link = NULL, *ipv6 = NULL, *qdisc = NULL;

        lab_create(lab, lab->alice, "tap1", NULL);

        /* The two lines of the seed, and the caller as user. */
        link = show("tap1");
        lab_assert_contains(link, "tun type tap pi off vnet_hdr off multi_queue");
        lab_assert_contains(link, "numqueues 0");
        lab_assert_contains(link, "persist on");
        lab_assert_contains(link, "user lab-alice");
        lab_assert_contains(link, "group lab-group");
        lab_assert_contains(link, ",UP>");
        lab_assert_contains(link, "link/ether fe:");
        lab_assert_contains(link, "alias tapd:");

        /* What keeps the kernel's memory small, and the guest's Router Advertisements out. */
        qdisc = lab_run("tc qdisc show dev tap1");
        g_assert_true(g_str_has_prefix(qdisc, "qdisc noqueue"));
        g_assert_null(strchr(strchr(qdisc, '\n') + 1, '\n'));
        ipv6 = lab_run("cat /proc/sys/net/ipv6/conf/tap1/disable_ipv6");
        g_assert_cmpstr(ipv6, ==, "1\n");

        lab_expect_property(lab, "tap1", "CreatorUID", "12001");
        lab_expect_property(lab, "tap1", "User", "12001");
        lab_expect_property(lab, "tap1", "Group", "12100");
        lab_expect_property(lab, "tap1", "Shared", "false");
        lab_expect_property(lab, "tap1", "MultiQueue", "true");
        lab_expect_property(lab, "tap1", "PacketInfo", "false");
        lab_expect_property(lab, "tap1", "VNetHeader", "false");
        lab_expect_property(lab, "tap1", "AdministrativeState", "up");
        lab_expect_property(lab, "tap1", "Carrier", "false");
        lab_expect_property(lab, "tap1", "State", "ready");
        lab_expect_property(lab, "tap1", "Lifetime", "runtime");
}

static void test_root_defaults(Lab *lab) {
        g_autofree char *link = NULL;

        /* Root's are the seed's exactly: any member of the group. */
        lab_create(lab, lab->root, "tap1", NULL);
        link = show("tap1");
        lab_assert_contains(link, "group lab-group");
        g_assert_null(strstr(link, "user "));
        lab_expect_property(lab, "tap1", "Shared", "true");
        lab_expect_property(lab, "tap1", "User", "4294967295");
}

static void test_outsider_defaults(Lab *lab) {
        g_autofree char *link = NULL;

        /* Not in the group, but let by an administrator: with the group he could not open his own. */
        lab_create(lab, lab->mallory, "tap1", NULL);
        link = show("tap1");
        lab_assert_contains(link, "user lab-mallory");
        g_assert_null(strstr(link, "group lab-group"));
        lab_expect_property(lab, "tap1", "Group", "4294967295");
}

typedef struct SettingsRow {
        const char *key, *type, *text;
        uint32_t number;
        const char *expected; /* in ip -d link show */
        const char *property, *value;
} SettingsRow;

static const SettingsRow settings_rows[] = {
        { "Kind", "s", "tap", 0, "tun type tap", "Kind", "tap" },
        { "Kind", "s", "tun", 0, "tun type tun", "Kind", "tun" },
        { "User", "u", NULL, 4242, "user 4242", "User", "4242" },
        { "Group", "u", NULL, 4343, "group 4343", "Group", "4343" },
        { "Shared", "b", NULL, 1, "group lab-group", "Shared", "true" },
        { "Shared", "b", NULL, 0, "user root", "Shared", "false" },
        { "MultiQueue", "b", NULL, 0, "vnet_hdr off persist on", "MultiQueue", "false" },
        { "MultiQueue", "b", NULL, 1, "multi_queue", "MultiQueue", "true" },
        { "VNetHeader", "b", NULL, 1, "vnet_hdr on", "VNetHeader", "true" },
        { "PacketInfo", "b", NULL, 1, "pi on", "PacketInfo", "true" },
        { "Up", "b", NULL, 0, "<BROADCAST,MULTICAST>", "AdministrativeState", "down" },
        { "Description", "s", "the lab's \xc3\xa9", 0, "tap1", "Description", "the lab's \xc3\xa9" },
};

static void test_settings(Lab *lab) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings_rows); i++) {
                const SettingsRow *row = &settings_rows[i];
                g_autofree char *link = NULL;

                g_test_message("%s", row->key);
                if (row->text)
                        lab_expect(lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap",
                                            "sa{sv}", "tap1", 1, row->key, row->type, row->text),
                                   NULL, NULL);
                else
                        lab_expect(lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap",
                                            "sa{sv}", "tap1", 1, row->key, row->type, row->number),
                                   NULL, NULL);

                link = show("tap1");
                lab_assert_contains(link, row->expected);
                lab_expect_property(lab, "tap1", row->property, row->value);
                lab_delete(lab, lab->root, "tap1", false, NULL);
        }
}

static void test_delete(Lab *lab) {
        g_autofree char *records = g_build_filename(lab->folder, "run/taps/tap1", NULL);

        lab_create(lab, lab->alice, "tap1", NULL);
        g_assert_true(g_file_test(records, G_FILE_TEST_EXISTS));
        lab_delete(lab, lab->alice, "tap1", false, NULL);

        /* When the answer is there the name is free, and nothing is left. */
        g_assert_false(lab_link_exists("tap1"));
        g_assert_false(g_file_test(records, G_FILE_TEST_EXISTS));
        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("NoSuchTap"));
        lab_create(lab, lab->bob, "tap1", NULL);
}

static void test_delete_all_or_none(Lab *lab) {
        LabReply reply;

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->alice, "tap2", NULL);

        reply = lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "DeleteTaps", "asb", 3, "tap1",
                         "tap2", "tap9", 0);
        lab_expect(reply, OWN_ERROR("NoSuchTap"), "tap9");
        reply = lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "DeleteTaps", "asb", 3, "tap1",
                         "tap2", "tap1", 0);
        lab_expect(reply, STANDARD_ERROR("InvalidArgs"), "tap1");
        reply = lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "DeleteTaps", "asb", 0, 0);
        lab_expect(reply, STANDARD_ERROR("InvalidArgs"), NULL);
        g_assert_true(lab_link_exists("tap1"));
        g_assert_true(lab_link_exists("tap2"));

        reply = lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "DeleteTaps", "asb", 2, "tap1",
                         "tap2", 0);
        lab_expect(reply, NULL, NULL);
        g_assert_false(lab_link_exists("tap1"));
        g_assert_false(lab_link_exists("tap2"));
}

static void test_delete_in_use(Lab *lab) {
        g_autofree char *path = lab_path("tap1");
        int fd;

        lab_create(lab, lab->alice, "tap1", NULL);
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "QueuesAttached", "1");

        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("InUse"));
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Delete", "b", 0), OWN_ERROR("InUse"), "tap1");
        g_assert_true(lab_link_exists("tap1"));

        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Delete", "b", 1), NULL, NULL);
        g_assert_false(lab_link_exists("tap1"));
        close(fd);
}

static void test_delete_in_use_while_down(Lab *lab) {
        g_autofree char *path = lab_path("tap1");
        int fd;

        /* Of a device that is down the kernel does not even tell that a queue was opened. */
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("InUse"));
        lab_expect_property(lab, "tap1", "QueuesAttached", "1");
        close(fd);
        lab_delete(lab, lab->alice, "tap1", false, NULL);
}

static void test_delete_in_use_without_carrier(Lab *lab) {
        int fd, off = 0;

        /* The one queue of a single-queue TAP shows by its carrier, and who has it open can take that away. */
        lab_expect(lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 1,
                            "MultiQueue", "b", 0),
                   NULL, NULL);
        fd = lab_open_queue("tap1", 0, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(ioctl(fd, TUNSETCARRIER, &off), ==, 0);
        /* The kernel tells of a carrier up to a second later (net/core/link_watch.c). */
        lab_wait_property(lab, "tap1", "QueuesAttached", "0");
        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("InUse"));
        g_assert_true(lab_link_exists("tap1"));
        close(fd);
        lab_delete(lab, lab->alice, "tap1", false, NULL);
        g_assert_false(lab_link_exists("tap1"));
}

static void test_up_down(Lab *lab) {
        g_autofree char *path = lab_path("tap1"), *link = NULL;

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        /* The property is true when the answer is there. */
        lab_expect_property(lab, "tap1", "AdministrativeState", "down");
        link = show("tap1");
        g_assert_null(strstr(link, ",UP"));

        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Up", NULL), NULL, NULL);
        lab_expect_property(lab, "tap1", "AdministrativeState", "up");
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Up", NULL), NULL, NULL);
}

static void test_repeated(Lab *lab) {
        LabReply reply;
        const char *name, *path;
        int created;

        lab_create(lab, lab->alice, "tap1", NULL);
        reply = lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 0);
        lab_ok(sd_bus_message_read(reply.message, "sob", &name, &path, &created));
        g_assert_cmpstr(name, ==, "tap1");
        g_assert_cmpstr(path, ==, "/org/tapd1/tap/tap1");
        g_assert_false(created);
        lab_reply_done(&reply);

        reply = lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 2,
                         "VNetHeader", "b", 1, "Description", "s", "x");
        lab_expect(reply, OWN_ERROR("Conflict"), "VNetHeader=");
        lab_create(lab, lab->bob, "tap1", OWN_ERROR("NameInUse"));
}

static void test_chosen_names(Lab *lab) {
        static const struct {
                const char *wish, *name;
        } rows[] = { { "", "tap0" }, { "", "tap2" }, { "vm%d", "vm0" }, { "lab%d-x", "lab0-x" } };

        /* tap1 is not tapd's, and not free for all that. */
        g_free(lab_run("ip tuntap add mode tap dev tap1"));
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                LabReply reply = lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap",
                                          "sa{sv}", rows[i].wish, 0);
                const char *name;

                lab_ok(sd_bus_message_read(reply.message, "s", &name));
                g_assert_cmpstr(name, ==, rows[i].name);
                lab_reply_done(&reply);
        }
}

static void test_foreign(Lab *lab) {
        static const char *const makers[] = { "ip tuntap add mode tap dev tap1 multi_queue",
                                              "ip link add tap1 type bridge",
                                              "ip link add tap1 type veth peer name other0",
                                              "ip tuntap add mode tun dev tap1" };

        for (size_t i = 0; i < G_N_ELEMENTS(makers); i++) {
                g_autofree char *before = NULL, *after = NULL;

                g_free(lab_run("%s", makers[i]));
                before = show("tap1");
                lab_create(lab, lab->alice, "tap1", OWN_ERROR("NameInUse"));
                lab_create(lab, lab->root, "tap1", OWN_ERROR("NameInUse"));
                lab_delete(lab, lab->root, "tap1", true, OWN_ERROR("NoSuchTap"));
                after = show("tap1");
                g_assert_cmpstr(before, ==, after);
                g_free(lab_run("ip link del tap1"));
        }
}

static void test_altname(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;

        g_free(lab_run("ip tuntap add mode tap dev other0 multi_queue"));
        g_free(lab_run("ip link property add dev other0 altname tap1"));
        before = show("other0");
        lab_create(lab, lab->alice, "tap1", OWN_ERROR("NameInUse"));
        after = show("other0");
        g_assert_cmpstr(before, ==, after);
}

static void test_list(Lab *lab) {
        LabReply reply;
        const char *name;
        static const char *const expected[] = { "lab1", "tap2", "tap10" };

        lab_create(lab, lab->root, "tap10", NULL);
        lab_create(lab, lab->root, "tap2", NULL);
        lab_create(lab, lab->root, "lab1", NULL);

        reply = lab_call(lab, lab->mallory, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "ListTaps", NULL);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "(sssuuubbuusussssitsqs)"));
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
                g_assert_cmpint(sd_bus_message_enter_container(reply.message, 'r', "sssuuubbuusussssitsqs"), >, 0);
                lab_ok(sd_bus_message_read(reply.message, "s", &name));
                g_assert_cmpstr(name, ==, expected[i]);
                lab_ok(sd_bus_message_skip(reply.message, "ssuuubbuusussssitsqs"));
                lab_ok(sd_bus_message_exit_container(reply.message));
        }
        g_assert_cmpint(sd_bus_message_at_end(reply.message, false), >, 0);
        lab_reply_done(&reply);
}

static void test_open_by_name(Lab *lab) {
        int alice, bob;

        lab_create(lab, lab->alice, "tap1", NULL);
        alice = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(alice, >=, 0);
        g_assert_cmpint(lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_BOB, LAB_GROUP), ==, -EPERM);
        g_assert_cmpint(lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_MALLORY, 0), ==, -EPERM);
        close(alice);

        lab_expect(lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap2", 1,
                            "Shared", "b", 1),
                   NULL, NULL);
        bob = lab_open_queue("tap2", IFF_MULTI_QUEUE, LAB_BOB, LAB_GROUP);
        g_assert_cmpint(bob, >=, 0);
        g_assert_cmpint(lab_open_queue("tap2", IFF_MULTI_QUEUE, LAB_MALLORY, 0), ==, -EPERM);
        close(bob);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/life/defaults/member", test_member_defaults);
        lab_add_test("/life/defaults/root", test_root_defaults);
        lab_add_test("/life/defaults/outsider", test_outsider_defaults);
        lab_add_test("/life/settings", test_settings);
        lab_add_test("/life/delete", test_delete);
        lab_add_test("/life/delete/all-or-none", test_delete_all_or_none);
        lab_add_test("/life/delete/in-use", test_delete_in_use);
        lab_add_test("/life/delete/in-use-while-down", test_delete_in_use_while_down);
        lab_add_test("/life/delete/in-use-without-carrier", test_delete_in_use_without_carrier);
        lab_add_test("/life/up-down", test_up_down);
        lab_add_test("/life/repeated", test_repeated);
        lab_add_test("/life/chosen-names", test_chosen_names);
        lab_add_test("/life/foreign", test_foreign);
        lab_add_test("/life/altname", test_altname);
        lab_add_test("/life/list", test_list);
        lab_add_test("/life/open-by-name", test_open_by_name);
        return g_test_run();
}
