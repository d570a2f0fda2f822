/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TAPs that files declare: made at start, true to their files after a reload, back when somebody deletes them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "ports.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

static void test_start(Lab *lab) {
        static const char *const names[] = { "tap5", "vm3", "vm4", "vm5", "tun1", NULL };
        g_autofree char *link = NULL, *other = NULL, *source = NULL;

        files_write(lab, TAPS "a.tap",
                    "[Tap]\nName=tap5\nMTUBytes=1400\nMACAddress=02:00:00:00:00:05\nDescription=of the file\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=vm%d\nFirst=3\nCount=3\nUser=12001\n");
        files_write(lab, TAPS "c.tap", "[Tap]\nName=tun1\nKind=tun\nMultiQueue=no\nUp=no\n");
        lab_restart_tapd(lab, SIGTERM);

        /* It has its name on the bus, so it is ready: so is all that is declared. */
        for (size_t i = 0; names[i]; i++)
                g_assert_true(lab_link_exists(names[i]));
        link = lab_run("ip -d link show tap5");
        lab_assert_contains(link, "mtu 1400");
        lab_assert_contains(link, "02:00:00:00:00:05");
        lab_assert_contains(link, "multi_queue numqueues 0");
        lab_assert_contains(link, "group lab-group");
        lab_assert_contains(link, ",UP");
        g_assert_null(strstr(link, " user "));
        other = lab_run("ip -d link show tun1");
        lab_assert_contains(other, "tun type tun");
        g_assert_null(strstr(other, ",UP"));

        lab_expect_property(lab, "tap5", "Lifetime", "declared");
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "StateReason", "");
        lab_expect_property(lab, "tap5", "Description", "of the file");
        lab_expect_property(lab, "vm4", "User", "12001");
        source = lab_property(lab, "vm5", "Source");
        g_assert_true(g_str_has_suffix(source, "/etc/tapd/taps.d/b.tap"));
        g_assert_false(lab_link_exists("vm6"));

        /* A name that a file declares is never free, and is not made or deleted by anybody. */
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", "tap5", 0), OWN_ERROR("Conflict"),
                   "a.tap");
        lab_expect(lab_call(lab, lab->root, MANAGER, "DeleteTaps", "asb", 1, "tap5", 1), OWN_ERROR("Conflict"),
                   "a.tap");

        lab_reboot(lab, names);
        g_assert_true(lab_link_exists("tap5"));
        g_assert_true(lab_link_exists("vm5"));
}

static void test_reload(Lab *lab) {
        unsigned ifindex;

        files_reload(lab);
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        files_reload(lab);
        g_assert_true(lab_link_exists("tap5") && lab_link_exists("tap6"));
        ifindex = if_nametoindex("tap5");

        /* What the kernel changes on a live device changes there; what is not said any more is the kernel's again. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1300\nTransmitQueueLength=9\nUp=no\nUser=12002\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        lab_expect_property(lab, "tap5", "TransmitQueueLength", "9");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_property(lab, "tap5", "User", "12002");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12002\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1500");
        lab_expect_property(lab, "tap5", "TransmitQueueLength", "1000");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
        lab_expect_property(lab, "tap5", "State", "ready");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);

        /* A file that is gone takes its TAP along. */
        files_remove(lab, TAPS "b.tap");
        files_reload(lab);
        g_assert_false(lab_link_exists("tap6"));
        g_assert_false(lab_tap_exists(lab, "tap6"));
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);

        /* And so it does while tapd is not there to see it go. */
        files_remove(lab, TAPS "a.tap");
        lab_restart_tapd(lab, SIGKILL);
        lab_run_until(lab, lab_tap_is_gone, "tap5");
}

static void test_recreate(Lab *lab) {
        static const struct {
                const char *text, *reason;
        } rows[] = {
                { "MultiQueue=no", "MultiQueue=" },
                { "Kind=tun", "Kind=" },
                { "Shared=yes", "Shared=" },
                { "VNetHeader=yes", "VNetHeader=" },
        };
        unsigned ifindex;
        int fd;

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *text = g_strdup_printf("[Tap]\nName=tap5\n%s\n", rows[i].text);

                files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12001\n");
                lab_expect(files_reload_as(lab, lab->root, true), NULL, NULL);
                ifindex = if_nametoindex("tap5");
                lab_expect_property(lab, "tap5", "State", "ready");

                files_write(lab, TAPS "a.tap", text);
                files_reload(lab);
                lab_expect_property(lab, "tap5", "State", "drifted");
                lab_expect_reason(lab, "tap5", rows[i].reason);
                lab_expect_reason(lab, "tap5", "reload --recreate");
                lab_expect_rest(lab);
                g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
                lab_restart_tapd(lab, SIGKILL);
                lab_expect_property(lab, "tap5", "State", "drifted");

                /* Not while a program has it open. */
                fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
                g_assert_cmpint(fd, >=, 0);
                lab_expect(files_reload_as(lab, lab->root, true), NULL, NULL);
                g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
                close(fd);
                lab_wait_property(lab, "tap5", "QueuesAttached", "0");

                lab_expect(files_reload_as(lab, lab->root, true), NULL, NULL);
                lab_expect_property(lab, "tap5", "State", "ready");
                g_assert_cmpuint(if_nametoindex("tap5"), !=, ifindex);
        }
}

/* Who may open it by name cannot change while it is open: then it changes when it is not. */
static void test_busy(Lab *lab) {
        int fd;

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12001\n");
        files_reload(lab);
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_wait_property(lab, "tap5", "QueuesAttached", "1");

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12002\nMTUBytes=1400\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "User", "12001");
        lab_expect_property(lab, "tap5", "State", "drifted");
        lab_expect_reason(lab, "tap5", "User=");
        close(fd);
        lab_wait_property(lab, "tap5", "User", "12002");
        lab_wait_property(lab, "tap5", "State", "ready");
}

static void test_removed_in_use(Lab *lab) {
        int fd;

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_reload(lab);
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_wait_property(lab, "tap5", "QueuesAttached", "1");

        files_remove(lab, TAPS "a.tap");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "leaving");
        g_assert_true(lab_link_exists("tap5"));
        lab_expect_rest(lab);

        /* Also by a tapd that only finds it so. */
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "leaving");
        close(fd);
        lab_run_until(lab, lab_tap_is_gone, "tap5");

        /* Declared again before it went it stays. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_reload(lab);
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        lab_wait_property(lab, "tap5", "QueuesAttached", "1");
        files_remove(lab, TAPS "a.tap");
        files_reload(lab);
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "ready");
        close(fd);
        lab_wait_property(lab, "tap5", "QueuesAttached", "0");
        g_assert_true(lab_link_exists("tap5"));
}

/* The one queue of a single-queue TAP shows by its carrier, and who has it open can take that away. */
static void test_removed_without_carrier(Lab *lab) {
        int fd, off = 0;

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMultiQueue=no\n");
        files_reload(lab);
        fd = lab_open_queue("tap5", 0, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(ioctl(fd, TUNSETCARRIER, &off), ==, 0);
        /* The kernel tells of a carrier up to a second later (net/core/link_watch.c). */
        lab_wait_property(lab, "tap5", "QueuesAttached", "0");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        lab_expect(files_reload_as(lab, lab->root, true), NULL, NULL);
        lab_expect_property(lab, "tap5", "State", "drifted");
        files_remove(lab, TAPS "a.tap");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "leaving");
        lab_expect_rest(lab);
        close(fd);
        lab_run_until(lab, lab_tap_is_gone, "tap5");
}

static void test_deleted_by_root(Lab *lab) {
        bool was_broken = false;

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        files_reload(lab);
        for (unsigned i = 0; i < 7; i++) {
                unsigned ifindex = if_nametoindex("tap5");

                g_free(lab_run("ip link del tap5"));
                lab_settle(lab);
                if (!lab_link_exists("tap5") && lab_tap_exists(lab, "tap5")) {
                        g_autofree char *state = lab_property(lab, "tap5", "State");

                        if (g_str_equal(state, "broken")) {
                                g_autofree char *path = lab_path("tap5");

                                was_broken = true;
                                lab_expect_rest(lab);
                                lab_expect_reason(lab, "tap5", "in a row");
                                lab_expect_property(lab, "tap5", "Ifindex", "0");
                                lab_expect_property(lab, "tap5", "Lifetime", "declared");
                                lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Up", NULL),
                                           OWN_ERROR("Conflict"), "has no device");
                                lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "OpenQueues", "u", 1),
                                           OWN_ERROR("Conflict"), "has no device");
                                lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "GetStatistics", NULL),
                                           OWN_ERROR("Conflict"), "has no device");
                                lab_expect(lab_call(lab, lab->root, MANAGER, "ListTaps", NULL), NULL, NULL);
                        }
                }
                lab_run_until(lab, lab_link_is_there, "tap5");
                g_assert_cmpuint(if_nametoindex("tap5"), !=, ifindex);
        }

        g_assert_true(was_broken);
        lab_wait_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
}

static void test_drift(Lab *lab) {
        static const struct {
                const char *command, *undo, *reason;
        } rows[] = {
                { "ip link set tap5 down", "ip link set tap5 up", "down" },
                { "ip link set tap5 mtu 1300", "ip link set tap5 mtu 1400", "MTU" },
                { "ip link set tap5 txqueuelen 7", "ip link set tap5 txqueuelen 70", "queue length" },
        };

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\nTransmitQueueLength=70\n");
        files_reload(lab);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_free(lab_run("%s", rows[i].command));
                lab_wait_property(lab, "tap5", "State", "drifted");
                lab_expect_reason(lab, "tap5", rows[i].reason);
                lab_expect_rest(lab);
                /* Only root can have done that: it is not fought over, not even by a reload. */
                files_reload(lab);
                lab_expect_property(lab, "tap5", "State", "drifted");
                g_free(lab_run("%s", rows[i].undo));
                lab_wait_property(lab, "tap5", "State", "ready");
        }

        /* Renamed it is drifted too, and its name is not made anew beside it. */
        g_free(lab_run("ip link set tap5 down"));
        g_free(lab_run("ip link set tap5 name tap9"));
        g_free(lab_run("ip link set tap9 up"));
        lab_wait_property(lab, "tap9", "State", "drifted");
        lab_expect_reason(lab, "tap9", "declared as tap5");
        files_reload(lab);
        g_assert_false(lab_link_exists("tap5"));
        g_free(lab_run("ip link set tap9 down"));
        g_free(lab_run("ip link set tap9 name tap5"));
        g_free(lab_run("ip link set tap5 up"));
        lab_wait_property(lab, "tap5", "State", "ready");
}

static void test_set_lasts(Lab *lab) {
        g_autofree char *path = lab_path("tap5");

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        files_reload(lab);
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        files_reload(lab);
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_property(lab, "tap5", "State", "ready");

        /* A word about it in the file is no change of what it declares; a change is, and a boot. */
        files_write(lab, TAPS "a.tap", "# ours\n[Tap]\nName=tap5\nMTUBytes=1400\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1450\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1450");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        lab_reboot(lab, (const char *const[]){ "tap5", NULL });
        lab_expect_property(lab, "tap5", "MTUBytes", "1450");
}

static void test_blocked(Lab *lab) {
        unsigned ifindex;

        g_free(lab_run("ip tuntap add tap5 mode tap group 12100 multi_queue"));
        ifindex = if_nametoindex("tap5");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        files_reload(lab);
        g_assert_true(lab_link_exists("tap6"));
        lab_expect_property(lab, "tap5", "State", "blocked");
        lab_expect_property(lab, "tap5", "Ifindex", "0");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect_rest(lab);
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "blocked");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);

        /* Out of the way, by deletion or by another name, it makes room at once. */
        g_free(lab_run("ip link del tap5"));
        lab_wait_property(lab, "tap5", "State", "ready");
        g_assert_cmpuint(if_nametoindex("tap5"), !=, ifindex);

        files_remove(lab, TAPS "a.tap");
        files_reload(lab);
        g_free(lab_run("ip tuntap add tap5 mode tap group 12100 multi_queue"));
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "blocked");
        g_free(lab_run("ip link set tap5 name other0"));
        lab_wait_property(lab, "tap5", "State", "ready");
        g_free(lab_run("ip link del other0"));
}

static void test_bad_file(Lab *lab) {
        unsigned ifindex5, ifindex6;

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        files_write(lab, TAPS "d.tap", "[Tap]\nName=tap8\n");
        files_reload(lab);
        ifindex5 = if_nametoindex("tap5");
        ifindex6 = if_nametoindex("tap6");

        /* One is broken, one changes, one goes, one comes: only what is new is done. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUByte=1400\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\nMTUBytes=1400\n");
        files_write(lab, TAPS "c.tap", "[Tap]\nName=tap7\n");
        files_remove(lab, TAPS "d.tap");
        lab_expect(files_reload_as(lab, lab->root, true), STANDARD_ERROR("Failed"), "a.tap:3: unknown key \"MTUByte\"");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex5);
        g_assert_cmpuint(if_nametoindex("tap6"), ==, ifindex6);
        g_assert_true(lab_link_exists("tap7") && lab_link_exists("tap8"));
        lab_expect_property(lab, "tap6", "MTUBytes", "1500");
        lab_expect_property(lab, "tap5", "State", "drifted");
        lab_expect_reason(lab, "tap5", "its file cannot be read");
        lab_restart_tapd(lab, SIGKILL);
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex5);
        g_assert_true(lab_link_exists("tap8"));
        lab_expect_property(lab, "tap6", "MTUBytes", "1500");

        /* Mended, it all counts. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap6", "MTUBytes", "1400");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex5);
        g_assert_false(lab_link_exists("tap8"));
}

/* A TAP that was there before a file declared it is the file's from then on. */
static void test_take_over(Lab *lab) {
        unsigned ifindex;
        int fd;

        lab_create(lab, lab->alice, "tap5", NULL);
        ifindex = if_nametoindex("tap5");
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        lab_wait_property(lab, "tap5", "QueuesAttached", "1");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12001\nMTUBytes=1400\n");
        files_reload(lab);
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect_property(lab, "tap5", "Lifetime", "declared");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "State", "ready");
        close(fd);

        /* An ephemeral one is waited for. */
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap6", 0, 1), NULL, NULL);
        lab_settle(lab);
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        files_reload(lab);
        lab_wait_property(lab, "tap6", "Lifetime", "declared");
}

static void expect_master(const char *name, const char *expected) {
        g_autofree char *found = port_switch(name);

        g_assert_cmpstr(found, ==, expected);
}

static void test_switch(Lab *lab) {
        g_autofree char *port = NULL, *path = lab_path("tap5");
        unsigned ifindex;

        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n[Port]\nSwitch=br9\nIsolated=yes\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "waiting");
        lab_expect_reason(lab, "tap5", "br9 is absent");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_property(lab, "tap6", "State", "ready");
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Up", NULL), OWN_ERROR("Conflict"), "plugged in");
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "waiting");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_rest(lab);
        ifindex = if_nametoindex("tap5");

        /* It comes, with an MTU of its own, which stays its own. */
        g_free(lab_run("ip link add br9 mtu 1400 type bridge"));
        lab_wait_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        expect_master("tap5", "br9");
        port = lab_run("ip -d link show tap5");
        lab_assert_contains(port, "isolated on");
        lab_assert_contains(port, "mtu 1400");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_restart_tapd(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_rest(lab);

        /* Taken out, or moved, it is put back. */
        g_free(lab_run("ip link set tap5 nomaster"));
        lab_settle(lab);
        lab_wait_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");
        g_free(lab_run("ip link add br8 type bridge"));
        g_free(lab_run("ip link set tap5 master br8"));
        lab_settle(lab);
        lab_wait_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");

        /* The switch goes: the TAP stays, and waits for it. */
        g_free(lab_run("ip link del br9"));
        lab_wait_property(lab, "tap5", "State", "waiting");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        g_free(lab_run("ip link add br9 type bridge"));
        lab_wait_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");

        /* Another switch in the file, and none. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n[Port]\nSwitch=br8\n");
        files_reload(lab);
        expect_master("tap5", "br8");
        lab_expect_property(lab, "tap5", "State", "ready");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_reload(lab);
        expect_master("tap5", "");
        lab_expect_property(lab, "tap5", "State", "ready");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect_rest(lab);
}

/* What it cannot be plugged into as it says it is not plugged into at all. */
static void test_no_switch(Lab *lab) {
        static const struct {
                const char *port, *reason;
        } rows[] = {
                { "Switch=lo\n", "no switch" },
                { "Switch=tap6\n", "no switch but tun" },
                { "Switch=br9\nVLAN=20\n", "VLANs" },
                { "Switch=br9\nTrunk=20-29\n", "VLANs" },
                { "Switch=br9\nInterfaceID=vm-1\n", "InterfaceID=" },
        };

        g_free(lab_run("ip link add br9 type bridge"));
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *text = g_strdup_printf("[Tap]\nName=tap5\n[Port]\n%s", rows[i].port);

                files_write(lab, TAPS "a.tap", text);
                files_reload(lab);
                lab_expect_property(lab, "tap5", "State", "waiting");
                lab_expect_reason(lab, "tap5", rows[i].reason);
                lab_expect_property(lab, "tap5", "AdministrativeState", "down");
                expect_master("tap5", "");
                lab_expect_rest(lab);
        }

        /* Smaller than the bridge's, it would become the bridge's. */
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n[Port]\nSwitch=br9\n");
        files_reload(lab);
        lab_expect_reason(lab, "tap5", "MTUBytes=");
        expect_master("tap5", "");
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1500\n[Port]\nSwitch=br9\n");
        files_reload(lab);
        lab_expect_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");
}

/* The records cannot be written: nothing is half done, it is told, and done when there is room again. */
static void test_full(Lab *lab) {
        g_autofree char *run = files_path(lab, "run"), *filler = files_path(lab, "run/filler");

        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(mount("tmpfs", run, "tmpfs", 0, "size=256k,mode=0755"), ==, 0);
        lab_start_tapd(lab);
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        files_reload(lab);

        lab_fill(filler);
        files_remove(lab, TAPS "a.tap");
        files_write(lab, TAPS "b.tap", "[Tap]\nName=tap6\nMTUBytes=1400\n");
        files_write(lab, TAPS "c.tap", "[Tap]\nName=tap7\n");
        lab_expect(files_reload_as(lab, lab->root, false), STANDARD_ERROR("Failed"), "3 of the TAPs");
        g_assert_true(lab_link_exists("tap5") && lab_link_exists("tap6"));
        g_assert_false(lab_link_exists("tap7"));
        lab_expect_property(lab, "tap5", "State", "drifted");
        lab_expect_reason(lab, "tap5", "cannot be deleted");
        lab_expect_property(lab, "tap6", "State", "drifted");
        lab_expect_property(lab, "tap6", "MTUBytes", "1500");
        lab_expect_property(lab, "tap7", "State", "broken");

        g_assert_cmpint(unlink(filler), ==, 0);
        lab_run_until(lab, lab_tap_is_gone, "tap5");
        lab_wait_property(lab, "tap7", "State", "ready");
        lab_wait_property(lab, "tap6", "MTUBytes", "1400");
        lab_wait_property(lab, "tap6", "State", "ready");
        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(umount(run), ==, 0);
        lab_start_tapd(lab);
}

/* No thread can be had to read the files on: everything stays as it was, and the next reload is as any other. */
static void test_no_memory(Lab *lab) {
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        files_reload(lab);
        lab_stop_tapd(lab, SIGTERM);
        /* The first thread is the one that deletes. */
        lab->tapd_wrapper =
                g_strdupv((char *[]){ (char *) "strace", (char *) "-f", (char *) "-D", (char *) "-qq", (char *) "-o",
                                      (char *) "/dev/null", (char *) "-e", (char *) "trace=clone,clone3", (char *) "-e",
                                      (char *) "inject=clone,clone3:error=ENOMEM:when=2..3", NULL });
        lab_start_tapd(lab);
        files_write(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        lab_expect(files_reload_as(lab, lab->root, false), STANDARD_ERROR("NoMemory"), NULL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1500");
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect(files_reload_as(lab, lab->root, false), STANDARD_ERROR("NoMemory"), NULL);
        files_reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/declared/start", test_start);
        lab_add_test("/declared/reload", test_reload);
        lab_add_test("/declared/recreate", test_recreate);
        lab_add_test("/declared/busy", test_busy);
        lab_add_test("/declared/removed-in-use", test_removed_in_use);
        lab_add_test("/declared/removed-without-carrier", test_removed_without_carrier);
        lab_add_test("/declared/deleted-by-root", test_deleted_by_root);
        lab_add_test("/declared/drift", test_drift);
        lab_add_test("/declared/set-lasts", test_set_lasts);
        lab_add_test("/declared/blocked", test_blocked);
        lab_add_test("/declared/bad-file", test_bad_file);
        lab_add_test("/declared/take-over", test_take_over);
        lab_add_test("/declared/full", test_full);
        lab_add_test("/declared/no-memory", test_no_memory);
        lab_add_test("/declared/switch", test_switch);
        lab_add_test("/declared/no-switch", test_no_switch);

        return g_test_run();
}
