/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can change of a live TAP, what cannot, and who may. */
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

static LabReply set_number(Lab *lab, sd_bus *as, const char *key, const char *type, uint32_t value) {
        g_autofree char *path = lab_path("tap1");

        return lab_call(lab, as, path, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, key, type, value);
}

static LabReply set_string(Lab *lab, sd_bus *as, const char *key, const char *value) {
        g_autofree char *path = lab_path("tap1");

        return lab_call(lab, as, path, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, key, "s", value);
}

static void test_changes(Lab *lab) {
        g_autofree char *link = NULL;

        lab_create(lab, lab->root, "tap1", NULL);
        lab_watch(lab);
        lab_expect(set_number(lab, lab->root, "MTUBytes", "u", 1400), NULL, NULL);
        lab_expect(set_number(lab, lab->root, "TransmitQueueLength", "u", 77), NULL, NULL);
        lab_expect(set_number(lab, lab->root, "Up", "b", 0), NULL, NULL);
        lab_expect(set_string(lab, lab->root, "MACAddress", "52:54:00:12:34:56"), NULL, NULL);
        lab_expect(set_string(lab, lab->root, "Description", "another"), NULL, NULL);
        lab_wait_signal(lab, "changed tap1 Description=another");

        link = lab_run("ip -d link show tap1");
        lab_assert_contains(link, "mtu 1400");
        lab_assert_contains(link, "qlen 77");
        lab_assert_contains(link, "52:54:00:12:34:56");
        g_assert_null(strstr(link, ",UP"));

        /* What was asked last is what a start finds. */
        lab_stop_tapd(lab, SIGKILL);
        lab_start_tapd(lab);
        lab_expect_property(lab, "tap1", "Description", "another");
        lab_expect_property(lab, "tap1", "State", "ready");
        lab_expect_property(lab, "tap1", "MACAddress", "52:54:00:12:34:56");
}

static void test_access(Lab *lab) {
        g_autofree char *link = NULL;
        int fd;

        lab_create(lab, lab->alice, "tap1", NULL);
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        lab_settle(lab);
        lab_expect(set_number(lab, lab->root, "User", "u", LAB_BOB), OWN_ERROR("InUse"), "tap1");
        close(fd);
        lab_settle(lab);
        lab_expect(set_number(lab, lab->root, "User", "u", LAB_BOB), NULL, NULL);
        link = lab_run("ip -d link show tap1");
        lab_assert_contains(link, "user lab-bob");
        lab_expect_property(lab, "tap1", "State", "ready");

        /* Both manage it now: who made it, and who uses it. */
        lab->polkit->mode = POLKIT_NO;
        lab->polkit->yes_to = "org.tapd1.configure";
        lab_expect(set_number(lab, lab->bob, "MTUBytes", "u", 1300), NULL, NULL);
        lab_expect(set_number(lab, lab->alice, "MTUBytes", "u", 1301), NULL, NULL);
        lab_expect(set_number(lab, lab->mallory, "MTUBytes", "u", 1302), STANDARD_ERROR("AccessDenied"), "belongs to");
        /* What he could not have made he does not make of it. */
        lab_expect(set_number(lab, lab->alice, "User", "u", LAB_MALLORY), STANDARD_ERROR("AccessDenied"), "User=");
        lab_expect(set_number(lab, lab->alice, "Group", "u", 4242), STANDARD_ERROR("AccessDenied"), "Group=");
        lab_expect_property(lab, "tap1", "MTUBytes", "1301");
        lab_expect_property(lab, "tap1", "User", "12002");
}

static void test_refused(Lab *lab) {
        static const struct {
                const char *key, *type;
                uint32_t value;
                const char *error, *text;
        } rows[] = {
                { "MultiQueue", "b", 0, STANDARD_ERROR("NotSupported"), "MultiQueue=" },
                { "VNetHeader", "b", 1, STANDARD_ERROR("NotSupported"), "VNetHeader=" },
                { "PacketInfo", "b", 1, STANDARD_ERROR("NotSupported"), "PacketInfo=" },
                { "Shared", "b", 0, STANDARD_ERROR("NotSupported"), "Shared=" },
                { "Group", "u", UINT32_MAX, STANDARD_ERROR("NotSupported"), "Group=" },
                { "MTUBytes", "u", 0, STANDARD_ERROR("InvalidArgs"), "MTUBytes=: 0, not in 68..65521" },
                { "MTUBytes", "u", 67, STANDARD_ERROR("InvalidArgs"), "MTUBytes=: 67, not in 68..65521" },
                { "MTUBytes", "u", 65522, STANDARD_ERROR("InvalidArgs"), "not in 68..65521" },
                { "MTUBytes", "u", UINT32_MAX, STANDARD_ERROR("InvalidArgs"), "not in 68..65521" },
                { "TransmitQueueLength", "u", 10001, STANDARD_ERROR("InvalidArgs"), "not in 0..10000" },
                { "TransmitQueueLength", "u", UINT32_MAX, STANDARD_ERROR("InvalidArgs"), "not in 0..10000" },
                { "MTUBytes", "i", 1500, STANDARD_ERROR("InvalidArgs"), "expected u, got i" },
        };
        static const char *const addresses[] = { "",
                                                 "xx:00:00:00:00:00",
                                                 "52:54:00:12:34",
                                                 "52:54:00:12:34:56:78",
                                                 "5254.0000.0001",
                                                 "00:00:00:00:00:00",
                                                 "ff:ff:ff:ff:ff:ff",
                                                 "01:00:5e:00:00:01",
                                                 " 2:54:00:12:34:56",
                                                 "+2:54:00:12:34:56" };
        g_autofree char *before = NULL, *after = NULL;

        lab_create(lab, lab->root, "tap1", NULL);
        before = lab_run("ip -d link show tap1");
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                lab_expect(set_number(lab, lab->root, rows[i].key, rows[i].type, rows[i].value), rows[i].error,
                           rows[i].text);
        for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++)
                lab_expect(set_string(lab, lab->root, "MACAddress", addresses[i]), STANDARD_ERROR("InvalidArgs"),
                           "MACAddress=");
        lab_expect(set_string(lab, lab->root, "Kind", "tun"), STANDARD_ERROR("NotSupported"), "Kind=");
        after = lab_run("ip -d link show tap1");
        g_assert_cmpstr(before, ==, after);
}

static LabReply create_with_address(Lab *lab, const char *name, const char *address) {
        return lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", name, 1,
                        "MACAddress", "s", address);
}

static void test_same_address(Lab *lab) {
        lab_create(lab, lab->root, "tap1", NULL);
        lab_expect(create_with_address(lab, "tap2", "52:54:00:00:00:07"), NULL, NULL);
        lab_expect(create_with_address(lab, "tap3", "52:54:00:00:00:07"), OWN_ERROR("Conflict"), "tap2");
        lab_expect(set_string(lab, lab->root, "MACAddress", "52:54:00:00:00:07"), OWN_ERROR("Conflict"), "tap2");
        g_assert_false(lab_link_exists("tap3"));
}

static void test_addresses(Lab *lab) {
        g_autofree char *first = NULL, *second = NULL, *guest = NULL;

        /* The same at every making, and never the guest's. */
        lab_create(lab, lab->root, "tap1", NULL);
        first = lab_property(lab, "tap1", "MACAddress");
        guest = lab_property(lab, "tap1", "GuestMACAddress");
        g_assert_true(g_str_has_prefix(first, "fe:"));
        g_assert_true(g_str_has_prefix(guest, "52:"));
        lab_delete(lab, lab->root, "tap1", false, NULL);
        lab_create(lab, lab->root, "tap1", NULL);
        second = lab_property(lab, "tap1", "MACAddress");
        g_assert_cmpstr(first, ==, second);
        lab_expect_property(lab, "tap1", "GuestMACAddress", guest);

        /* What is a guest's is no host side's: of no TAP that is there, and not of the one that is to be. */
        lab_expect(set_string(lab, lab->root, "MACAddress", guest), OWN_ERROR("Conflict"), "is for the guest of tap1");
        lab_expect(create_with_address(lab, "tap2", guest), OWN_ERROR("Conflict"), "is for the guest of tap1");
        lab_delete(lab, lab->root, "tap1", false, NULL);
        lab_expect(create_with_address(lab, "tap1", guest), OWN_ERROR("Conflict"), "is for the guest of tap1");
        g_assert_false(lab_link_exists("tap1"));
        lab_expect(create_with_address(lab, "tap2", guest), NULL, NULL);
}

static void test_statistics(Lab *lab) {
        unsigned char frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0, 0, 0, 0, 1, 0x88, 0xb5 };
        g_autofree char *path = lab_path("tap1");
        uint64_t value, packets = 0, bytes = 0;
        LabReply reply;
        const char *key;
        int fd;

        lab_create(lab, lab->alice, "tap1", NULL);
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpint(write(fd, frame, sizeof(frame)), ==, sizeof(frame));

        reply = lab_call(lab, lab->mallory, path, TAPD_TAP_INTERFACE, "GetStatistics", NULL);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "{st}"));
        while (sd_bus_message_read(reply.message, "{st}", &key, &value) > 0) {
                if (g_str_equal(key, "ReceivedPackets"))
                        packets = value;
                if (g_str_equal(key, "ReceivedBytes"))
                        bytes = value;
        }
        g_assert_cmpuint(packets, ==, 3);
        g_assert_cmpuint(bytes, >=, 3 * (sizeof(frame) - 14));
        lab_reply_done(&reply);
        close(fd);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/set/changes", test_changes);
        lab_add_test("/set/access", test_access);
        lab_add_test("/set/refused", test_refused);
        lab_add_test("/set/same-address", test_same_address);
        lab_add_test("/set/addresses", test_addresses);
        lab_add_test("/set/statistics", test_statistics);
        return g_test_run();
}
