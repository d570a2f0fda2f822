/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others do to the device, told by signals. */
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab.h"

static void forget_signals(Lab *lab) {
        g_ptr_array_set_size(lab->signals, 0);
}

static void test_added_removed(Lab *lab) {
        lab_watch(lab);
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_wait_signal(lab, "added tap1");
        lab_delete(lab, lab->alice, "tap1", false, NULL);
        lab_wait_signal(lab, "changed tap1 State=leaving");
        lab_wait_signal(lab, "removed tap1");
}

static void test_managed_objects(Lab *lab) {
        const char *path, *interface;
        LabReply reply;
        unsigned n = 0;

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->alice, "lab-1", NULL);
        reply = lab_call(lab, lab->mallory, TAPD_OBJECT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                         NULL);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "{oa{sa{sv}}}"));
        while (sd_bus_message_enter_container(reply.message, 'e', "oa{sa{sv}}") > 0) {
                bool has_tap = false;

                lab_ok(sd_bus_message_read(reply.message, "o", &path));
                lab_ok(sd_bus_message_enter_container(reply.message, 'a', "{sa{sv}}"));
                while (sd_bus_message_enter_container(reply.message, 'e', "sa{sv}") > 0) {
                        lab_ok(sd_bus_message_read(reply.message, "s", &interface));
                        has_tap |= g_str_equal(interface, TAPD_TAP_INTERFACE);
                        lab_ok(sd_bus_message_skip(reply.message, "a{sv}"));
                        lab_ok(sd_bus_message_exit_container(reply.message));
                }
                lab_ok(sd_bus_message_exit_container(reply.message));
                lab_ok(sd_bus_message_exit_container(reply.message));
                g_assert_true(has_tap);
                g_assert_true(g_str_equal(path, "/org/tapd1/tap/tap1") || g_str_equal(path, "/org/tapd1/tap/lab_2d1"));
                n++;
        }
        g_assert_cmpuint(n, ==, 2);
        lab_reply_done(&reply);
}

static void test_ip_link_set(Lab *lab) {
        static const struct {
                const char *command, *signal, *property, *value;
        } rows[] = {
                { "ip link set tap1 down", "changed tap1 AdministrativeState=down", "AdministrativeState", "down" },
                { "ip link set tap1 up", "changed tap1 AdministrativeState=up", "AdministrativeState", "up" },
                { "ip link set tap1 mtu 1400", "changed tap1 MTUBytes=1400", "MTUBytes", "1400" },
                { "ip link set tap1 txqueuelen 77", "changed tap1 TransmitQueueLength=77", "TransmitQueueLength",
                  "77" },
        };

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_free(lab_run("%s", rows[i].command));
                lab_wait_signal(lab, rows[i].signal);
                lab_expect_property(lab, "tap1", rows[i].property, rows[i].value);
        }
}

static void test_ip_link_del(Lab *lab) {
        g_autofree char *record = g_build_filename(lab->folder, "run/taps/tap1", NULL);

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        g_free(lab_run("ip link del tap1"));
        lab_wait_signal(lab, "removed tap1");
        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("NoSuchTap"));
        g_assert_false(g_file_test(record, G_FILE_TEST_EXISTS));
        /* His place in the quota is free again as well. */
        for (unsigned i = 1; i <= 4; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_create(lab, lab->alice, name, NULL);
        }
}

static void test_queues(Lab *lab) {
        int first, second;

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        first = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(first, >=, 0);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=1");
        lab_wait_signal(lab, "changed tap1 Carrier=true");
        lab_wait_signal(lab, "changed tap1 OperationalState=up");

        second = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(second, >=, 0);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=2");

        g_assert_cmpint(ioctl(second, TUNSETQUEUE, &(struct ifreq){ .ifr_flags = IFF_DETACH_QUEUE }), ==, 0);
        lab_wait_signal(lab, "changed tap1 QueuesDetached=1");

        forget_signals(lab);
        close(second);
        lab_wait_signal(lab, "changed tap1 QueuesDetached=0");
        close(first);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=0");
        lab_wait_signal(lab, "changed tap1 Carrier=false");
}

static void test_single_queue(Lab *lab) {
        int fd;

        /* The kernel counts no queues here; the carrier tells. */
        lab_expect(lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 1,
                            "MultiQueue", "b", 0),
                   NULL, NULL);
        lab_watch(lab);
        fd = lab_open_queue("tap1", 0, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=1");
        g_assert_cmpint(lab_open_queue("tap1", 0, LAB_ALICE, LAB_GROUP), ==, -EBUSY);
        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("InUse"));
        close(fd);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=0");
        lab_delete(lab, lab->alice, "tap1", false, NULL);
}

static void test_owner_changed(Lab *lab) {
        int fd;

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(ioctl(fd, TUNSETOWNER, 4242), ==, 0);
        lab_wait_signal(lab, "changed tap1 User=4242");
        lab_wait_signal(lab, "changed tap1 State=tampered");
        g_assert_cmpint(ioctl(fd, TUNSETOWNER, LAB_ALICE), ==, 0);
        lab_wait_signal(lab, "changed tap1 State=ready");
        close(fd);
}

static void test_renamed(Lab *lab) {
        g_autofree char *ifindex = NULL, *after = NULL;

        lab_create(lab, lab->alice, "tap1", NULL);
        ifindex = lab_property(lab, "tap1", "Ifindex");
        lab_watch(lab);
        g_free(lab_run("ip link set tap1 name lab7"));
        lab_wait_signal(lab, "removed tap1");
        lab_wait_signal(lab, "added lab7");
        after = lab_property(lab, "lab7", "Ifindex");
        g_assert_cmpstr(ifindex, ==, after);
        lab_expect_property(lab, "lab7", "CreatorUID", "12001");

        /* The record went along. */
        lab_stop_tapd(lab, SIGKILL);
        lab_start_tapd(lab);
        lab_expect_property(lab, "lab7", "CreatorUID", "12001");
        lab_delete(lab, lab->alice, "lab7", false, NULL);
}

static void test_swapped(Lab *lab) {
        g_autofree char *first = NULL, *second = NULL;

        /* The names of two are swapped, and tapd sees it when it is done. */
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->bob, "tap2", NULL);
        first = lab_property(lab, "tap1", "Ifindex");
        second = lab_property(lab, "tap2", "Ifindex");
        for (unsigned i = 0; i < 2; i++) {
                if (i == 0)
                        g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
                else
                        lab_stop_tapd(lab, SIGKILL);
                g_free(lab_run("ip link set tap1 down"));
                g_free(lab_run("ip link set tap2 down"));
                g_free(lab_run("ip link set tap1 name tmp0"));
                g_free(lab_run("ip link set tap2 name tap1"));
                g_free(lab_run("ip link set tmp0 name tap2"));
                if (i == 0)
                        g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
                else
                        lab_start_tapd(lab);
                lab_settle(lab);
                lab_settle(lab);
                lab_expect_property(lab, "tap1", "Ifindex", i == 0 ? second : first);
                lab_expect_property(lab, "tap2", "Ifindex", i == 0 ? first : second);
                lab_expect_property(lab, "tap2", "CreatorUID", i == 0 ? "12001" : "12002");
        }

        /* And the records know it. */
        lab_stop_tapd(lab, SIGKILL);
        lab_start_tapd(lab);
        lab_expect_property(lab, "tap1", "CreatorUID", "12001");
        lab_expect_property(lab, "tap2", "CreatorUID", "12002");
}

static void test_renamed_away(Lab *lab) {
        /* A name that no TAP may have: root took it. */
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        g_free(lab_run("ip link set tap1 name vnet0"));
        lab_wait_signal(lab, "removed tap1");
        lab_delete(lab, lab->root, "vnet0", true, OWN_ERROR("NoSuchTap"));
        g_assert_true(lab_link_exists("vnet0"));
}

static void test_mark_removed(Lab *lab) {
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        g_free(lab_run("ip link set tap1 alias mine"));
        lab_wait_signal(lab, "removed tap1");
        lab_delete(lab, lab->root, "tap1", true, OWN_ERROR("NoSuchTap"));
        g_assert_true(lab_link_exists("tap1"));
}

static void test_recreated_by_root(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL, *path = lab_path("tap1");

        /* Same name, another device: not tapd's. */
        lab_create(lab, lab->alice, "tap1", NULL);
        g_free(lab_run("ip link del tap1"));
        g_free(lab_run("ip tuntap add mode tap dev tap1"));
        before = lab_run("ip -d link show tap1");
        lab_settle(lab);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Up", NULL), STANDARD_ERROR("UnknownObject"),
                   NULL);
        after = lab_run("ip -d link show tap1");
        g_assert_cmpstr(before, ==, after);
}

static void test_moved_to_another_namespace(Lab *lab) {
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        /* To the namespace of a process that lives as long as this line. */
        g_free(lab_run("unshare --net --fork sh -c 'nsenter --net=/proc/%d/ns/net ip link set tap1 netns $$'",
                       getpid()));
        lab_wait_signal(lab, "removed tap1");
        g_assert_false(lab_link_exists("tap1"));
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/events/added-removed", test_added_removed);
        lab_add_test("/events/managed-objects", test_managed_objects);
        lab_add_test("/events/ip-link-set", test_ip_link_set);
        lab_add_test("/events/ip-link-del", test_ip_link_del);
        lab_add_test("/events/queues", test_queues);
        lab_add_test("/events/single-queue", test_single_queue);
        lab_add_test("/events/owner-changed", test_owner_changed);
        lab_add_test("/events/renamed", test_renamed);
        lab_add_test("/events/swapped", test_swapped);
        lab_add_test("/events/renamed-away", test_renamed_away);
        lab_add_test("/events/mark-removed", test_mark_removed);
        lab_add_test("/events/recreated-by-root", test_recreated_by_root);
        lab_add_test("/events/moved-to-another-namespace", test_moved_to_another_namespace);
        return g_test_run();
}
