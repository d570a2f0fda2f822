/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TAPs that files declare: made at start, true to their files after a reload, back when somebody deletes them. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define TAPS "etc/tapd/taps.d/"

static char *in_lab(Lab *lab, const char *file) {
        return g_build_filename(lab->folder, file, NULL);
}

static void write_file(Lab *lab, const char *file, const char *text) {
        g_autofree char *path = in_lab(lab, file), *folder = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_file(Lab *lab, const char *file) {
        g_autofree char *path = in_lab(lab, file);

        g_assert_cmpint(unlink(path), ==, 0);
}

static LabReply reload_as(Lab *lab, sd_bus *as, bool recreate) {
        return lab_call(lab, as, MANAGER, "Reload", "b", (int) recreate);
}

static void reload(Lab *lab) {
        lab_expect(reload_as(lab, lab->root, false), NULL, NULL);
}

static void restart(Lab *lab, int signal_number) {
        lab_stop_tapd(lab, signal_number);
        lab_start_tapd(lab);
}

/* As after a boot: neither records nor devices. */
static void reboot_host(Lab *lab, const char *const *names) {
        g_autofree char *records = in_lab(lab, "run/taps");

        lab_stop_tapd(lab, SIGKILL);
        for (; *names; names++)
                if (lab_link_exists(*names))
                        g_free(lab_run("ip link del %s", *names));
        g_free(lab_run("rm -rf %s", records));
        lab_start_tapd(lab);
}

static bool tap_is_there(Lab *lab, const char *name) {
        LabReply reply = lab_call(lab, lab->root, MANAGER, "GetTap", "s", name);
        bool is_there = !reply.error;

        lab_reply_done(&reply);
        return is_there;
}

typedef struct Expected {
        const char *name, *property, *value;
} Expected;

static bool has_property(Lab *lab, void *userdata) {
        const Expected *expected = userdata;
        g_autofree char *value =
                tap_is_there(lab, expected->name) ? lab_property(lab, expected->name, expected->property) : NULL;

        return g_strcmp0(value, expected->value) == 0;
}

static void wait_property(Lab *lab, const char *name, const char *property, const char *value) {
        lab_run_until(lab, has_property, &(Expected){ name, property, value });
}

static bool link_is_gone(Lab *lab, void *userdata) {
        return !lab_link_exists(userdata) && !tap_is_there(lab, userdata);
}

static void expect_reason(Lab *lab, const char *name, const char *part) {
        g_autofree char *reason = lab_property(lab, name, "StateReason");

        lab_assert_contains(reason, part);
}

static void test_start(Lab *lab) {
        static const char *const names[] = { "tap5", "vm3", "vm4", "vm5", "tun1", NULL };
        g_autofree char *link = NULL, *other = NULL, *source = NULL;

        write_file(lab, TAPS "a.tap",
                   "[Tap]\nName=tap5\nMTUBytes=1400\nMACAddress=02:00:00:00:00:05\nDescription=of the file\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=vm%d\nFirst=3\nCount=3\nUser=12001\n");
        write_file(lab, TAPS "c.tap", "[Tap]\nName=tun1\nKind=tun\nMultiQueue=no\nUp=no\n");
        restart(lab, SIGTERM);

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

        reboot_host(lab, names);
        g_assert_true(lab_link_exists("tap5"));
        g_assert_true(lab_link_exists("vm5"));
}

static void test_reload(Lab *lab) {
        unsigned ifindex;

        reload(lab);
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        reload(lab);
        g_assert_true(lab_link_exists("tap5") && lab_link_exists("tap6"));
        ifindex = if_nametoindex("tap5");

        /* What the kernel changes on a live device changes there; what is not said any more is the kernel's again. */
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1300\nTransmitQueueLength=9\nUp=no\nUser=12002\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        lab_expect_property(lab, "tap5", "TransmitQueueLength", "9");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_property(lab, "tap5", "User", "12002");
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12002\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1500");
        lab_expect_property(lab, "tap5", "TransmitQueueLength", "1000");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
        lab_expect_property(lab, "tap5", "State", "ready");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);

        /* A file that is gone takes its TAP along. */
        remove_file(lab, TAPS "b.tap");
        reload(lab);
        g_assert_false(lab_link_exists("tap6"));
        g_assert_false(tap_is_there(lab, "tap6"));
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);

        /* And so it does while tapd is not there to see it go. */
        remove_file(lab, TAPS "a.tap");
        restart(lab, SIGKILL);
        lab_run_until(lab, link_is_gone, "tap5");
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

                write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12001\n");
                lab_expect(reload_as(lab, lab->root, true), NULL, NULL);
                ifindex = if_nametoindex("tap5");
                lab_expect_property(lab, "tap5", "State", "ready");

                write_file(lab, TAPS "a.tap", text);
                reload(lab);
                lab_expect_property(lab, "tap5", "State", "drifted");
                expect_reason(lab, "tap5", rows[i].reason);
                expect_reason(lab, "tap5", "reload --recreate");
                lab_expect_rest(lab);
                g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
                restart(lab, SIGKILL);
                lab_expect_property(lab, "tap5", "State", "drifted");

                /* Not while a program has it open. */
                fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
                g_assert_cmpint(fd, >=, 0);
                lab_expect(reload_as(lab, lab->root, true), NULL, NULL);
                g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
                close(fd);
                wait_property(lab, "tap5", "QueuesAttached", "0");

                lab_expect(reload_as(lab, lab->root, true), NULL, NULL);
                lab_expect_property(lab, "tap5", "State", "ready");
                g_assert_cmpuint(if_nametoindex("tap5"), !=, ifindex);
        }
}

/* Who may open it by name cannot change while it is open: then it changes when it is not. */
static void test_busy(Lab *lab) {
        int fd;

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12001\n");
        reload(lab);
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        wait_property(lab, "tap5", "QueuesAttached", "1");

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12002\nMTUBytes=1400\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "User", "12001");
        lab_expect_property(lab, "tap5", "State", "drifted");
        expect_reason(lab, "tap5", "User=");
        close(fd);
        wait_property(lab, "tap5", "User", "12002");
        wait_property(lab, "tap5", "State", "ready");
}

static void test_removed_in_use(Lab *lab) {
        int fd;

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        reload(lab);
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        wait_property(lab, "tap5", "QueuesAttached", "1");

        remove_file(lab, TAPS "a.tap");
        reload(lab);
        lab_expect_property(lab, "tap5", "State", "leaving");
        g_assert_true(lab_link_exists("tap5"));
        lab_expect_rest(lab);

        /* Also by a tapd that only finds it so. */
        restart(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "leaving");
        close(fd);
        lab_run_until(lab, link_is_gone, "tap5");

        /* Declared again before it went it stays. */
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        reload(lab);
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        wait_property(lab, "tap5", "QueuesAttached", "1");
        remove_file(lab, TAPS "a.tap");
        reload(lab);
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "State", "ready");
        close(fd);
        wait_property(lab, "tap5", "QueuesAttached", "0");
        g_assert_true(lab_link_exists("tap5"));
}

static bool link_is_there(Lab *lab, void *userdata) {
        return lab_link_exists(userdata);
}

static void test_deleted_by_root(Lab *lab) {
        bool was_broken = false;

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        reload(lab);
        for (unsigned i = 0; i < 7; i++) {
                unsigned ifindex = if_nametoindex("tap5");

                g_free(lab_run("ip link del tap5"));
                lab_settle(lab);
                if (!lab_link_exists("tap5") && tap_is_there(lab, "tap5")) {
                        g_autofree char *state = lab_property(lab, "tap5", "State");

                        if (g_str_equal(state, "broken")) {
                                g_autofree char *path = lab_path("tap5");

                                was_broken = true;
                                lab_expect_rest(lab);
                                expect_reason(lab, "tap5", "in a row");
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
                lab_run_until(lab, link_is_there, "tap5");
                g_assert_cmpuint(if_nametoindex("tap5"), !=, ifindex);
        }

        g_assert_true(was_broken);
        wait_property(lab, "tap5", "State", "ready");
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

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\nTransmitQueueLength=70\n");
        reload(lab);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_free(lab_run("%s", rows[i].command));
                wait_property(lab, "tap5", "State", "drifted");
                expect_reason(lab, "tap5", rows[i].reason);
                lab_expect_rest(lab);
                /* Only root can have done that: it is not fought over, not even by a reload. */
                reload(lab);
                lab_expect_property(lab, "tap5", "State", "drifted");
                g_free(lab_run("%s", rows[i].undo));
                wait_property(lab, "tap5", "State", "ready");
        }

        /* Renamed it is drifted too, and its name is not made anew beside it. */
        g_free(lab_run("ip link set tap5 down"));
        g_free(lab_run("ip link set tap5 name tap9"));
        g_free(lab_run("ip link set tap9 up"));
        wait_property(lab, "tap9", "State", "drifted");
        expect_reason(lab, "tap9", "declared as tap5");
        reload(lab);
        g_assert_false(lab_link_exists("tap5"));
        g_free(lab_run("ip link set tap9 down"));
        g_free(lab_run("ip link set tap9 name tap5"));
        g_free(lab_run("ip link set tap5 up"));
        wait_property(lab, "tap5", "State", "ready");
}

static void test_set_lasts(Lab *lab) {
        g_autofree char *path = lab_path("tap5");

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        reload(lab);
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        reload(lab);
        restart(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_property(lab, "tap5", "State", "ready");

        /* A word about it in the file is no change of what it declares; a change is, and a boot. */
        write_file(lab, TAPS "a.tap", "# ours\n[Tap]\nName=tap5\nMTUBytes=1400\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1450\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1450");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Set", "a{sv}", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        reboot_host(lab, (const char *const[]){ "tap5", NULL });
        lab_expect_property(lab, "tap5", "MTUBytes", "1450");
}

static void test_blocked(Lab *lab) {
        unsigned ifindex;

        g_free(lab_run("ip tuntap add tap5 mode tap group 12100 multi_queue"));
        ifindex = if_nametoindex("tap5");
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        reload(lab);
        g_assert_true(lab_link_exists("tap6"));
        lab_expect_property(lab, "tap5", "State", "blocked");
        lab_expect_property(lab, "tap5", "Ifindex", "0");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect_rest(lab);
        restart(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "blocked");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);

        /* Out of the way, by deletion or by another name, it makes room at once. */
        g_free(lab_run("ip link del tap5"));
        wait_property(lab, "tap5", "State", "ready");
        g_assert_cmpuint(if_nametoindex("tap5"), !=, ifindex);

        remove_file(lab, TAPS "a.tap");
        reload(lab);
        g_free(lab_run("ip tuntap add tap5 mode tap group 12100 multi_queue"));
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "State", "blocked");
        g_free(lab_run("ip link set tap5 name other0"));
        wait_property(lab, "tap5", "State", "ready");
        g_free(lab_run("ip link del other0"));
}

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
        g_assert_false(tap_is_there(lab, "tap5"));

        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "tap5"), NULL, NULL);
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "QueuesAttached", "1");
        lab_expect_property(lab, "tap5", "User", "12001");
        lab_expect_property(lab, "tap5", "Description", "uplink");
        lab_expect_property(lab, "tap5", "Lifetime", "runtime");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "tap5"), OWN_ERROR("Conflict"), "already");
        restart(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "ready");
        close(fd);
        wait_property(lab, "tap5", "QueuesAttached", "0");
        lab_delete(lab, lab->root, "tap5", false, NULL);

        /* Where a file declares it, it becomes what the file says, with its queue untouched. */
        g_free(lab_run("ip tuntap add tap6 mode tap group 12100 multi_queue"));
        ifindex = if_nametoindex("tap6");
        fd = lab_open_queue("tap6", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap6\nMTUBytes=1400\n");
        reload(lab);
        lab_expect_property(lab, "tap6", "State", "blocked");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Adopt", "s", "tap6"), NULL, NULL);
        wait_property(lab, "tap6", "State", "ready");
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

static void test_bad_file(Lab *lab) {
        unsigned ifindex5, ifindex6;

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        write_file(lab, TAPS "d.tap", "[Tap]\nName=tap8\n");
        reload(lab);
        ifindex5 = if_nametoindex("tap5");
        ifindex6 = if_nametoindex("tap6");

        /* One is broken, one changes, one goes, one comes: only what is new is done. */
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUByte=1400\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\nMTUBytes=1400\n");
        write_file(lab, TAPS "c.tap", "[Tap]\nName=tap7\n");
        remove_file(lab, TAPS "d.tap");
        lab_expect(reload_as(lab, lab->root, true), STANDARD_ERROR("Failed"), "a.tap:3: unknown key \"MTUByte\"");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex5);
        g_assert_cmpuint(if_nametoindex("tap6"), ==, ifindex6);
        g_assert_true(lab_link_exists("tap7") && lab_link_exists("tap8"));
        lab_expect_property(lab, "tap6", "MTUBytes", "1500");
        lab_expect_property(lab, "tap5", "State", "drifted");
        expect_reason(lab, "tap5", "its file cannot be read");
        restart(lab, SIGKILL);
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex5);
        g_assert_true(lab_link_exists("tap8"));
        lab_expect_property(lab, "tap6", "MTUBytes", "1500");

        /* Mended, it all counts. */
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap6", "MTUBytes", "1400");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex5);
        g_assert_false(lab_link_exists("tap8"));
}

static void test_declare(Lab *lab) {
        g_autofree char *path = in_lab(lab, "state/taps.d/tap5.tap");
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
        reboot_host(lab, (const char *const[]){ "tap5", NULL });
        lab_expect_property(lab, "tap5", "Description", "of the bus # and = more");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        ifindex = if_nametoindex("tap5");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1300");
        lab_expect_property(lab, "tap5", "Description", "");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        reload(lab);
        lab_expect_property(lab, "tap5", "State", "ready");

        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap5"), NULL, NULL);
        lab_run_until(lab, link_is_gone, "tap5");
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap5"), OWN_ERROR("NoSuchTap"), "tap5");
}

static void test_declare_refused(Lab *lab) {
        g_autofree char *folder = in_lab(lab, "state/taps.d");

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap6\n");
        reload(lab);
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
        g_assert_false(tap_is_there(lab, "tap5"));
        g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
        g_free(lab_run("ip link del br0"));
}

/* A TAP that was there before a file declared it is the file's from then on. */
static void test_take_over(Lab *lab) {
        unsigned ifindex;
        int fd;

        lab_create(lab, lab->alice, "tap5", NULL);
        ifindex = if_nametoindex("tap5");
        fd = lab_open_queue("tap5", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        wait_property(lab, "tap5", "QueuesAttached", "1");
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nUser=12001\nMTUBytes=1400\n");
        reload(lab);
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        lab_expect_property(lab, "tap5", "Lifetime", "declared");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        lab_expect_property(lab, "tap5", "State", "ready");
        close(fd);

        /* An ephemeral one is waited for. */
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap6", 0, 1), NULL, NULL);
        lab_settle(lab);
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        reload(lab);
        wait_property(lab, "tap6", "Lifetime", "declared");
}

static void test_managers(Lab *lab) {
        g_autofree char *path5 = lab_path("tap5"), *path6 = lab_path("tap6");

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nManagers=@12100 12003\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\nManagers=12002\n");
        reload(lab);
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
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nManagers=12002\n");
        reload(lab);
        lab_expect(lab_call(lab, lab->alice, path5, TAPD_TAP_INTERFACE, "OpenQueues", "u", 1),
                   STANDARD_ERROR("AccessDenied"), "belongs to");
}

static void test_for_unit(Lab *lab) {
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMultiQueue=no\n");
        reload(lab);
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap5"), NULL, NULL);
        lab_expect_property(lab, "tap5", "Lifetime", "declared");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap6"), NULL, NULL);
        lab_expect_property(lab, "tap6", "Source", "unit");
        lab_expect_property(lab, "tap6", "Lifetime", "runtime");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateForUnit", "s", "tap6"), NULL, NULL);
        restart(lab, SIGKILL);
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
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        for (unsigned i = 0; i < 1000; i++)
                g_assert_cmpint(kill(lab->tapd_pid, SIGHUP), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
                lab_wait_reply(lab, &replies[i]);
                lab_expect(replies[i], NULL, NULL);
        }
        lab_run_until(lab, link_is_there, "tap5");

        lab->polkit->mode = POLKIT_NO;
        lab_expect(reload_as(lab, lab->alice, false), STANDARD_ERROR("AccessDenied"), NULL);
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

        write_file(lab, "etc/tapd/tapd.conf",
                   "[Defaults]\nGroup=12100\n[Grant lab]\nUsers=12002\nNames=tap*\n"
                   "TapsPerUser=4\n");
        lab_expect(reload_as(lab, lab->root, false), NULL, NULL);
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

/* Which bridge a TAP is a port of; "" of none. */
static char *master_of(const char *name) {
        g_autofree char *out = lab_run("ip -o link show %s", name);
        char *at = strstr(out, " master ");

        return at ? g_strndup(at + strlen(" master "), strcspn(at + strlen(" master "), " ")) : g_strdup("");
}

static void expect_master(const char *name, const char *expected) {
        g_autofree char *master = master_of(name);

        g_assert_cmpstr(master, ==, expected);
}

static void test_switch(Lab *lab) {
        g_autofree char *port = NULL, *path = lab_path("tap5");
        unsigned ifindex;

        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n[Port]\nSwitch=br9\nIsolated=yes\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "State", "waiting");
        expect_reason(lab, "tap5", "br9 is absent");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_property(lab, "tap6", "State", "ready");
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Up", NULL), OWN_ERROR("Conflict"), "plugged in");
        restart(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "waiting");
        lab_expect_property(lab, "tap5", "AdministrativeState", "down");
        lab_expect_rest(lab);
        ifindex = if_nametoindex("tap5");

        /* It comes, with an MTU of its own, which stays its own. */
        g_free(lab_run("ip link add br9 mtu 1400 type bridge"));
        wait_property(lab, "tap5", "State", "ready");
        lab_expect_property(lab, "tap5", "AdministrativeState", "up");
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
        expect_master("tap5", "br9");
        port = lab_run("ip -d link show tap5");
        lab_assert_contains(port, "isolated on");
        lab_assert_contains(port, "mtu 1400");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        restart(lab, SIGKILL);
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect_rest(lab);

        /* Taken out, or moved, it is put back. */
        g_free(lab_run("ip link set tap5 nomaster"));
        lab_settle(lab);
        wait_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");
        g_free(lab_run("ip link add br8 type bridge"));
        g_free(lab_run("ip link set tap5 master br8"));
        lab_settle(lab);
        wait_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");

        /* The switch goes: the TAP stays, and waits for it. */
        g_free(lab_run("ip link del br9"));
        wait_property(lab, "tap5", "State", "waiting");
        g_assert_cmpuint(if_nametoindex("tap5"), ==, ifindex);
        g_free(lab_run("ip link add br9 type bridge"));
        wait_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");

        /* Another switch in the file, and none. */
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n[Port]\nSwitch=br8\n");
        reload(lab);
        expect_master("tap5", "br8");
        lab_expect_property(lab, "tap5", "State", "ready");
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        reload(lab);
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
                { "Switch=lo\n", "no bridge" },
                { "Switch=tap6\n", "no bridge" },
                { "Switch=br9\nVLAN=20\n", "VLANs" },
                { "Switch=br9\nTrunk=20-29\n", "VLANs" },
                { "Switch=br9\nInterfaceID=vm-1\n", "InterfaceID=" },
        };

        g_free(lab_run("ip link add br9 type bridge"));
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *text = g_strdup_printf("[Tap]\nName=tap5\n[Port]\n%s", rows[i].port);

                write_file(lab, TAPS "a.tap", text);
                reload(lab);
                lab_expect_property(lab, "tap5", "State", "waiting");
                expect_reason(lab, "tap5", rows[i].reason);
                lab_expect_property(lab, "tap5", "AdministrativeState", "down");
                expect_master("tap5", "");
                lab_expect_rest(lab);
        }

        /* Smaller than the bridge's, it would become the bridge's. */
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n[Port]\nSwitch=br9\n");
        reload(lab);
        expect_reason(lab, "tap5", "MTUBytes=");
        expect_master("tap5", "");
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1500\n[Port]\nSwitch=br9\n");
        reload(lab);
        lab_expect_property(lab, "tap5", "State", "ready");
        expect_master("tap5", "br9");
}

static void fill(const char *path) {
        static const char zeros[4096];
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        g_assert_cmpint(fd, >=, 0);
        while (write(fd, zeros, sizeof(zeros)) > 0)
                ;
        close(fd);
}

/* The records cannot be written: nothing is half done, it is told, and done when there is room again. */
static void test_full(Lab *lab) {
        g_autofree char *run = in_lab(lab, "run"), *filler = in_lab(lab, "run/filler");

        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(mount("tmpfs", run, "tmpfs", 0, "size=256k,mode=0755"), ==, 0);
        lab_start_tapd(lab);
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\n");
        reload(lab);

        fill(filler);
        remove_file(lab, TAPS "a.tap");
        write_file(lab, TAPS "b.tap", "[Tap]\nName=tap6\nMTUBytes=1400\n");
        write_file(lab, TAPS "c.tap", "[Tap]\nName=tap7\n");
        lab_expect(reload_as(lab, lab->root, false), STANDARD_ERROR("Failed"), "3 of the TAPs");
        g_assert_true(lab_link_exists("tap5") && lab_link_exists("tap6"));
        g_assert_false(lab_link_exists("tap7"));
        lab_expect_property(lab, "tap5", "State", "drifted");
        expect_reason(lab, "tap5", "cannot be deleted");
        lab_expect_property(lab, "tap6", "State", "drifted");
        lab_expect_property(lab, "tap6", "MTUBytes", "1500");
        lab_expect_property(lab, "tap7", "State", "broken");

        g_assert_cmpint(unlink(filler), ==, 0);
        lab_run_until(lab, link_is_gone, "tap5");
        wait_property(lab, "tap7", "State", "ready");
        wait_property(lab, "tap6", "MTUBytes", "1400");
        wait_property(lab, "tap6", "State", "ready");
        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(umount(run), ==, 0);
        lab_start_tapd(lab);
}

/* No thread can be had to read the files on: everything stays as it was, and the next reload is as any other. */
static void test_no_memory(Lab *lab) {
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\n");
        reload(lab);
        lab_stop_tapd(lab, SIGTERM);
        /* The first thread is the one that deletes. */
        lab->tapd_wrapper =
                g_strdupv((char *[]){ (char *) "strace", (char *) "-f", (char *) "-D", (char *) "-qq", (char *) "-o",
                                      (char *) "/dev/null", (char *) "-e", (char *) "trace=clone,clone3", (char *) "-e",
                                      (char *) "inject=clone,clone3:error=ENOMEM:when=2..3", NULL });
        lab_start_tapd(lab);
        write_file(lab, TAPS "a.tap", "[Tap]\nName=tap5\nMTUBytes=1400\n");
        lab_expect(reload_as(lab, lab->root, false), STANDARD_ERROR("NoMemory"), NULL);
        lab_expect_property(lab, "tap5", "MTUBytes", "1500");
        lab_expect_property(lab, "tap5", "State", "ready");
        lab_expect(reload_as(lab, lab->root, false), STANDARD_ERROR("NoMemory"), NULL);
        reload(lab);
        lab_expect_property(lab, "tap5", "MTUBytes", "1400");
}

/* What is declared over the bus stands in no other file: a bad one keeps nobody from changing it. */
static void test_declare_beside_bad(Lab *lab) {
        LabReply reply;
        const char *note;
        int fd;

        write_file(lab, TAPS "bad.tap", "[Tap]\nName=tap9\nNonsense=1\n");
        lab_expect(reload_as(lab, lab->root, false), STANDARD_ERROR("Failed"), "bad.tap:3");
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
        wait_property(lab, "tap5", "QueuesAttached", "1");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Undeclare", "s", "tap5"), NULL, NULL);
        wait_property(lab, "tap5", "State", "leaving");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap5", 0), OWN_ERROR("NameInUse"),
                   "last queue");
        close(fd);
        lab_run_until(lab, link_is_gone, "tap5");
}

/* The administrator says more of what was declared over the bus. */
static void test_declare_drop_in(Lab *lab) {
        write_file(lab, TAPS "tap5.tap.d/mtu.conf", "[Tap]\nMTUBytes=1400\n");
        lab_expect(lab_call(lab, lab->root, MANAGER, "Declare", "sa{sv}", "tap5", 1, "MTUBytes", "u", 1300), NULL,
                   NULL);
        wait_property(lab, "tap5", "MTUBytes", "1400");
        wait_property(lab, "tap5", "State", "ready");
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/declared/start", test_start);
        lab_add_test("/declared/reload", test_reload);
        lab_add_test("/declared/recreate", test_recreate);
        lab_add_test("/declared/busy", test_busy);
        lab_add_test("/declared/removed-in-use", test_removed_in_use);
        lab_add_test("/declared/deleted-by-root", test_deleted_by_root);
        lab_add_test("/declared/drift", test_drift);
        lab_add_test("/declared/set-lasts", test_set_lasts);
        lab_add_test("/declared/blocked", test_blocked);
        lab_add_test("/declared/adopt", test_adopt);
        lab_add_test("/declared/not-adopted", test_not_adopted);
        lab_add_test("/declared/bad-file", test_bad_file);
        lab_add_test("/declared/declare", test_declare);
        lab_add_test("/declared/declare-refused", test_declare_refused);
        lab_add_test("/declared/take-over", test_take_over);
        lab_add_test("/declared/managers", test_managers);
        lab_add_test("/declared/for-unit", test_for_unit);
        lab_add_test("/declared/many-reloads", test_many_reloads);
        lab_add_test("/declared/grant-withdrawn", test_grant_withdrawn);
        lab_add_test("/declared/full", test_full);
        lab_add_test("/declared/no-memory", test_no_memory);
        lab_add_test("/declared/declare-beside-bad", test_declare_beside_bad);
        lab_add_test("/declared/declare-drop-in", test_declare_drop_in);
        lab_add_test("/declared/switch", test_switch);
        lab_add_test("/declared/no-switch", test_no_switch);

        return g_test_run();
}
