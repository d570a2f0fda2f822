/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus says of declared TAPs: declare, adopt, reload, and who may. */
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

static void test_adopt(Lab *lab) {
        unsigned ifindex;
        int fd;

        g_free(lab_run("ip tuntap add tap5 mode tap user 12001 multi_queue"));
        g_free(lab_run("ip link set tap5 alias uplink up"));
        ifindex = if_nametoindex("tap5");
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);

        lab->polkit->mode = POLKIT_NO;
        lab_expect(lab_call(lab, lab->alice, MANAGER, "Adopt", "s", "tap5"), STANDARD_ERROR("AccessDenied"), NULL);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, "org.tapd1.adopt");
        g_assert_false(lab_tap_exists(lab, "tap5"));

        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "tap5"), NULL, NULL);
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "QueuesAttached", "1");
        lab_expect_property(lab, "tap5", "User", "12001");
        lab_expect_property(lab, "tap5", "Description", "uplink");
        lab_expect_property(lab, "tap5", "Lifetime", "runtime");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "tap5"), OWN_ERROR("Conflict"), "already");
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "ready");
        close(fd);
        lab_wait_property(lab, "tap5", "QueuesAttached", "0");
        lab_delete(lab, lab->root, "tap5", false, NULL);

        /* Where a file declares it, it becomes what the file says, with its queue untouched. */
        g_free(lab_run("ip tuntap add tap6 mode tap group 12100 multi_queue"));
        ifindex = if_nametoindex("tap6");
        fd = lab_open_queue("tap6", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap6\nMTUBytes=1400\n");
        files_reload(lab);
        lab_expect_property(lab, "tap6", "State", "blocked");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "tap6"), NULL, NULL);
        lab_wait_property(lab, "tap6", "State", "ready");
        lab_expect_property(lab, "tap6", "Lifetime", "declared");
        lab_expect_property(lab, "tap6", "MTUBytes", "1400");
        lab_expect_property(lab, "tap6", "AdministrativeState", "up");
        lab_expect_property(lab, "tap6", "QueuesAttached", "1");
        g_assert_cmpuint(if_nametoindex("tap6"), ==, ifindex);
        close(fd);
}

static void test_not_adopted(Lab *lab) {
        int fd;

        g_free(lab_run("ip link add br0 type bridge"));
        g_free(lab_run("ip tuntap add open0 mode tap multi_queue"));
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "absent"), OWN_ERROR("NoSuchTap"), "absent");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "br0"), OWN_ERROR("Conflict"), "br0");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "-rf"), STANDARD_ERROR("InvalidArgs"), NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "lo"), OWN_ERROR("NameNotAllowed"), NULL);

        /* One that lives by a program's queue. */
        fd = lab_open_queue("mine0", IFF_MULTI_QUEUE, 0, 0);
        g_assert_cmpint(fd, >=, 0);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "mine0"), OWN_ERROR("Conflict"), "not persistent");
        close(fd);

        /* Open to everybody: closed while nobody has it open, and not taken over while somebody has. */
        fd = lab_open_queue("open0", IFF_MULTI_QUEUE, LAB_MALLORY, LAB_MALLORY);
        g_assert_cmpint(fd, >=, 0);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "open0"), OWN_ERROR("InUse"), "every user");
        close(fd);
        lab_settle(lab);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "open0"), NULL, NULL);
        lab_expect_property(lab, "open0", "Group", "12100");
        lab_expect_property(lab, "open0", "State", "ready");
        g_free(lab_run("ip link del br0"));
}

static void test_declare(Lab *lab) {
        g_autofree char *path = files_path(lab, "state/taps.d/tap5.tap");
        unsigned ifindex;

        lab->polkit->mode = POLKIT_NO;
        lab_expect(lab_call(lab, lab->alice, MANAGER, "Declare", "sa{sv}", "tap5", 0), STANDARD_ERROR("AccessDenied"),
                   NULL);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, "org.tapd1.declare");
        lab->polkit->mode = POLKIT_YES;
        lab_expect(lab_call(lab, lab->alice, MANAGER, "Declare", "sa{sv}", "tap5", 2, "MTUBytes", "u", 1400,
                            "Description", "s", "of the bus # and = more"),
                   NULL, NULL);
        lab_expect_property(lab, "tap5", "Lifetime", "declared");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "CreatorUID", "0");
        g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
        lab_expect(lab_call(lab, lab->root, MANAGER, "DeleteTaps", "asb", 1, "tap5", 1), OWN_ERROR("Conflict"),
                   "undeclare");

        /* It is there after a boot, and follows the next Declare. */
        lab_reboot(lab, (const char *const[]){ "tap5", NULL });
        lab_expect_property(lab, "tap5", "Description", "of the bus # and = more");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        ifindex = if_nametoindex("tap5");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        lab_expect_property(lab, "tap5", "Description", "");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "ready");

        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap5"), NULL, NULL);
        lab_run_until(lab, lab_tap_is_gone, "tap5");
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap5"), OWN_ERROR("NoSuchTap"), "tap5");
}

static void test_declare_refused(Lab *lab) {
        g_autofree char *folder = files_path(lab, "state/taps.d");

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap6\n");
        files_reload(lab);
        g_free(lab_run("ip link add br0 type bridge"));
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap6", 0), OWN_ERROR("Conflict"), "a.tap");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap6"), OWN_ERROR("Conflict"), "a.tap");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "br0", 0), OWN_ERROR("NameInUse"), "br0");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap%d", 0), STANDARD_ERROR("InvalidArgs"),
                   NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "", 0), STANDARD_ERROR("InvalidArgs"), NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "Description", "s", "ends in \\"),
                   STANDARD_ERROR("InvalidArgs"), "Description=");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "Nonsense", "s", ""),
                   STANDARD_ERROR("InvalidArgs"), "Nonsense");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "Group", "u", UINT32_MAX),
                   STANDARD_ERROR("InvalidArgs"), "every user");
        g_assert_false(lab_link_exists("tap5"));
        g_assert_false(lab_tap_exists(lab, "tap5"));
        g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
        g_free(lab_run("ip link del br0"));
}

static void test_managers(Lab *lab) {
        g_autofree char *path5 = lab_path("tap5"), *path6 = lab_path("tap6");

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nManagers=@12100 12003\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\nManagers=12002\n");
        files_reload(lab);
        lab->polkit->mode = POLKIT_NO;
        lab->polkit->yes_to = "org.tapd1.configure";
        lab_expect(lab_call(lab, lab->alice, path5, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1400), NULL,
                   NULL);
        lab_expect(lab_call(lab, lab->mallory, path5, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        lab_expect(lab_call(lab, lab->alice, path6, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1400),
                   STANDARD_ERROR("AccessDenied"), "belongs to");
        lab_expect(lab_call(lab, lab->bob, path6, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1400), NULL,
                   NULL);
        lab->polkit->yes_to = "org.tapd1.open";
        lab_expect(lab_call(lab, lab->alice, path5, TAPD_TAP_INTERFACE, "OpenQueues", "u", 1), NULL, NULL);
        lab_expect(lab_call(lab, lab->alice, path6, TAPD_TAP_INTERFACE, "OpenQueues", "u", 1),
                   STANDARD_ERROR("AccessDenied"), "belongs to");

        /* No longer, as soon as the file says so. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nManagers=12002\n");
        files_reload(lab);
        lab_expect(lab_call(lab, lab->alice, path5, TAPD_TAP_INTERFACE, "OpenQueues", "u", 1),
                   STANDARD_ERROR("AccessDenied"), "belongs to");
}

static void test_for_unit(Lab *lab) {
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMultiQueue=no\n");
        files_reload(lab);
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap5"), NULL, NULL);
        lab_expect_property(lab, "tap5", "Lifetime", "declared");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap6"), NULL, NULL);
        lab_expect_property(lab, "tap6", "Source", "unit");
        lab_expect_property(lab, "tap6", "Lifetime", "runtime");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap6"), NULL, NULL);
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap6", "Source", "unit");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap%d"), STANDARD_ERROR("InvalidArgs"),
                   NULL);
        lab_create(lab, lab->alice, "tap7", NULL);
        lab_expect_property(lab, "tap7", "Source", "dbus");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap7"), OWN_ERROR("NameInUse"), "tap7");
}

/* Many at once are all answered, and each by what the files say when it asks or later. */
static void test_many_reloads(Lab *lab) {
        LabReply replies[50] = {};

        for (size_t i = 0; i < G_N_ELEMENTS(replies); i++)
                lab_send(lab, lab->root, &replies[i], MANAGER, "Reload", "b", 0);
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        for (unsigned i = 0; i < 1000; i++)
                g_assert_cmpint(kill(lab->tapd_pid, SIGHUP), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
                lab_wait_reply(lab, &replies[i]);
                lab_expect(replies[i], NULL, NULL);
        }
        lab_run_until(lab, lab_link_is_there, "tap5");

        lab->polkit->mode = POLKIT_NO;
        lab_expect(files_reload_as(lab, lab->alice, false), STANDARD_ERROR("AccessDenied"), NULL);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, "org.tapd1.reload");
}

static bool is_asked(Lab *lab, void *userdata) {
        return lab->polkit->questions->len >= GPOINTER_TO_UINT(userdata);
}

/* While a person types his password the administrator takes the grant away: what he types counts for nothing. */
static void test_grant_withdrawn(Lab *lab) {
        LabReply reply = {};

        lab->polkit->mode = POLKIT_HOLD;
        lab_send(lab, lab->alice, &reply, MANAGER, "CreateTap", "sa{sv}", "tap5", 0);
        lab_run_until(lab, is_asked, GUINT_TO_POINTER(1));
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, "org.tapd1.create");

        files_write(lab, "etc/tapd/tapd.conf",
                    "[Defaults]\nGroup=12100\n[Grant lab]\nUsers=12002\nNames=tap*\n"
                    "TapsPerUser=4\n");
        lab_expect(files_reload_as(lab, lab->root, false), NULL, NULL);
        lab->polkit->mode = POLKIT_NO;
        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &reply);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, "org.tapd1.override");
        lab_expect(reply, STANDARD_ERROR("AccessDenied"), "no grant");
        g_assert_false(lab_link_exists("tap5"));

        /* Who was not meant is not touched by it. */
        lab->polkit->mode = POLKIT_YES;
        lab_create(lab, lab->bob, "tap6", NULL);
}

/* What is declared over the bus stands in no other file: a bad one keeps nobody from changing it. */
static void test_declare_beside_bad(Lab *lab) {
        LabReply reply;
        const char *note;
        int fd;

        files_write(lab, TAPS "bad.tap", "[Tap]\nName=tap9\nNonsense=1\n");
        lab_expect(files_reload_as(lab, lab->root, false), STANDARD_ERROR("Failed"), "bad.tap:3");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 0), NULL, NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "MTUBytes", "u", 1400), NULL,
                   NULL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "State", "ready");

        /* What a live device cannot become is told at once. */
        reply = lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "MultiQueue", "b", 0);
        g_assert_null(reply.error);
        lab_ok(sd_bus_message_read(reply.message, "s", &note));
        lab_assert_contains(note, "MultiQueue=");
        lab_reply_done(&reply);

        /* Until its last queue is closed it is nobody's to make. */
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        lab_wait_property(lab, "tap5", "QueuesAttached", "1");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap5"), NULL, NULL);
        lab_wait_property(lab, "tap5", "State", "leaving");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap5", 0), OWN_ERROR("NameInUse"),
                   "last queue");
        close(fd);
        lab_run_until(lab, lab_tap_is_gone, "tap5");
}

/* The administrator says more of what was declared over the bus. */
static void test_declare_drop_in(Lab *lab) {
        files_write(lab, TAPS "tap5.tap.d/mtu.conf", "[Tap]\nMTUBytes=1400\n");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        lab_wait_property(lab, "tap5", "MTUBytes", "1400");
        lab_wait_property(lab, "tap5", "State", "ready");
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/declare/adopt", test_adopt);
        lab_add_test("/declare/not-adopted", test_not_adopted);
        lab_add_test("/declare/declare", test_declare);
        lab_add_test("/declare/declare-refused", test_declare_refused);
        lab_add_test("/declare/managers", test_managers);
        lab_add_test("/declare/for-unit", test_for_unit);
        lab_add_test("/declare/many-reloads", test_many_reloads);
        lab_add_test("/declare/grant-withdrawn", test_grant_withdrawn);
        lab_add_test("/declare/declare-beside-bad", test_declare_beside_bad);
        lab_add_test("/declare/declare-drop-in", test_declare_drop_in);

        return g_test_run();
}
