/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tapd needs is not there, or no more of it: a clear error, nothing half-made, and it goes on. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define NODE "/dev/net/tun"

static void expect_create(Lab *lab, const char *error, const char *text) {
        g_autofree char *record = g_build_filename(lab->folder, "run/taps/tap1", NULL);
        g_autofree char *path = lab_path("tap0");

        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", "tap1", 0), error, text);
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap1", 0, 1), error, text);
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTaps", "a(sa{sv})", 1, "tap1", 0), error, text);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "OpenQueues", "u", 2), error, text);
        g_assert_false(lab_link_exists("tap1"));
        g_assert_false(g_file_test(record, G_FILE_TEST_EXISTS));
        lab_settle(lab);
        lab_expect_property(lab, "tap0", "QueuesAttached", "0");
        lab_expect_property(lab, "tap0", "State", "ready");
}

/* What was done for the want of nothing else. */
static void expect_recovery(Lab *lab) {
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_delete(lab, lab->alice, "tap1", false, NULL);
}

static void make_node(mode_t kind, unsigned major_number, unsigned minor_number) {
        (void) unlink(NODE);
        if (kind != 0) {
                g_assert_cmpint(mknod(NODE, kind | 0666, makedev(major_number, minor_number)), ==, 0);
                g_assert_cmpint(chmod(NODE, 0666), ==, 0);
        }
}

static void test_node(Lab *lab) {
        static const struct {
                const char *what;
                mode_t kind;
                unsigned major_number, minor_number;
                unsigned long flags; /* of the mount it is on */
        } rows[] = {
                { "no node", 0, 0, 0, 0 },
                { "a node that no driver is behind", S_IFCHR, 10, 254, 0 },
                { "a node that may not be opened", S_IFCHR, 10, 200, MS_NODEV },
        };

        lab_create(lab, lab->alice, "tap0", NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_test_message("%s", rows[i].what);
                make_node(rows[i].kind, rows[i].major_number, rows[i].minor_number);
                g_assert_cmpint(mount(NULL, "/dev/net", NULL, MS_REMOUNT | rows[i].flags, NULL), ==, 0);
                expect_create(lab, STANDARD_ERROR("NotSupported"), "TUN/TAP not available");
                g_assert_cmpint(mount(NULL, "/dev/net", NULL, MS_REMOUNT, NULL), ==, 0);
                make_node(S_IFCHR, 10, 200);
                expect_recovery(lab);
        }
}

static bool is_gone(Lab *lab, void *userdata) {
        return !lab_link_exists("tap1");
}

static void test_abandoned(Lab *lab) {
        LabReply reply;
        int fd;

        /* An ephemeral TAP whose holder had it outlive him is deleted, where it cannot be put right either. */
        reply = lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap1", 0, 1);
        lab_ok(sd_bus_message_skip(reply.message, "so"));
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "h"));
        lab_ok(sd_bus_message_read(reply.message, "h", &fd));
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        g_assert_cmpint(fd, >=, 0);
        lab_reply_done(&reply);
        g_assert_cmpint(ioctl(fd, TUNSETPERSIST, 1), ==, 0);
        lab_settle(lab);
        g_assert_true(lab_link_exists("tap1"));
        make_node(0, 0, 0);
        close(fd);
        lab_run_until(lab, is_gone, NULL);
        make_node(S_IFCHR, 10, 200);
        expect_recovery(lab);
}

/* The first number that tapd would give to a descriptor. */
static rlim_t lowest_free_descriptor(Lab *lab) {
        rlim_t n = 0;

        for (;; n++) {
                g_autofree char *path = g_strdup_printf("/proc/%d/fd/%lu", lab->tapd_pid, (unsigned long) n);
                char target[8];

                if (readlink(path, target, sizeof(target)) < 0)
                        return n;
        }
}

static void test_descriptors(Lab *lab) {
        struct rlimit before, limit;

        lab_create(lab, lab->alice, "tap0", NULL);
        lab_settle(lab);
        g_assert_cmpint(prlimit(lab->tapd_pid, RLIMIT_NOFILE, NULL, &before), ==, 0);

        /* None at all, and fewer than it takes. */
        for (rlim_t room = 0; room < 2; room++) {
                limit = (struct rlimit){ lowest_free_descriptor(lab) + room, before.rlim_max };
                g_assert_cmpint(prlimit(lab->tapd_pid, RLIMIT_NOFILE, &limit, NULL), ==, 0);
                expect_create(lab, STANDARD_ERROR("LimitsExceeded"), NULL);
        }

        g_assert_cmpint(prlimit(lab->tapd_pid, RLIMIT_NOFILE, &before, NULL), ==, 0);
        expect_recovery(lab);
}

/* What the kernel answers when it is short of something, at the node and at the device. */
static void test_kernel(void) {
        static const struct {
                const char *call, *error, *name;
        } rows[] = {
                { "openat", "ENFILE", STANDARD_ERROR("LimitsExceeded") },
                { "openat", "ENOMEM", STANDARD_ERROR("NoMemory") },
                { "ioctl", "ENOMEM", STANDARD_ERROR("NoMemory") },
                { "ioctl", "ENOBUFS", STANDARD_ERROR("NoMemory") },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *inject = g_strdup_printf("inject=%s:error=%s", rows[i].call, rows[i].error);
                g_autofree char *trace = g_strdup_printf("trace=%s", rows[i].call);
                Lab *lab = lab_new(NULL);

                lab_create(lab, lab->alice, "tap0", NULL);
                lab_stop_tapd(lab, SIGTERM);
                lab->tapd_wrapper =
                        g_strdupv((char *[]){ (char *) "strace", (char *) "-f", (char *) "-D", (char *) "-qq",
                                              (char *) "-o", (char *) "/dev/null", (char *) "-P", (char *) NODE,
                                              (char *) "-e", trace, (char *) "-e", inject, NULL });
                lab_start_tapd(lab);
                g_test_message("%s at %s", rows[i].error, rows[i].call);
                expect_create(lab, rows[i].name, NULL);
                lab_free(lab);
        }
}

static void test_full(Lab *lab) {
        g_autofree char *run = g_build_filename(lab->folder, "run", NULL), *filler = g_build_filename(run, "f", NULL);
        g_autofree char *path = lab_path("tap0");

        /* The records have a file system of their own, and somebody filled it. */
        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(mount("tmpfs", run, "tmpfs", 0, "size=256k,mode=0755"), ==, 0);
        lab_start_tapd(lab);
        lab_create(lab, lab->alice, "tap0", NULL);
        lab_fill(filler);

        lab_create(lab, lab->alice, "tap1", OWN_ERROR("Degraded"));
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), OWN_ERROR("Degraded"), NULL);
        lab_delete(lab, lab->alice, "tap0", false, OWN_ERROR("Degraded"));
        g_assert_false(lab_link_exists("tap1"));

        /* Reading goes on, and so does what was there, over a death as well. */
        lab_expect_property(lab, "tap0", "AdministrativeState", "up");
        lab_stop_tapd(lab, SIGKILL);
        lab_start_tapd(lab);
        lab_expect_property(lab, "tap0", "CreatorUID", "12001");
        lab_expect_property(lab, "tap0", "State", "ready");

        g_assert_cmpint(unlink(filler), ==, 0);
        expect_recovery(lab);
        lab_delete(lab, lab->alice, "tap0", false, NULL);
        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(umount(run), ==, 0);
        lab_start_tapd(lab);
}

static void test_full_meanwhile(Lab *lab) {
        g_autofree char *links = NULL;
        sd_bus_message *call = NULL;
        LabReply reply;

        /* Only the first twenty of its writes come through: all go again, though nothing can be written about it. */
        lab_stop_tapd(lab, SIGTERM);
        lab->tapd_wrapper =
                g_strdupv((char *[]){ (char *) "strace", (char *) "-f", (char *) "-D", (char *) "-qq", (char *) "-o",
                                      (char *) "/dev/null", (char *) "-e", (char *) "trace=/^rename", (char *) "-e",
                                      (char *) "inject=/^rename:error=ENOSPC:when=21+", NULL });
        lab_start_tapd(lab);
        lab_ok(sd_bus_message_new_method_call(lab->root, &call, TAPD_BUS_NAME, MANAGER, "CreateTaps"));
        lab_ok(sd_bus_message_open_container(call, 'a', "(sa{sv})"));
        for (unsigned i = 0; i < 30; i++)
                lab_ok(sd_bus_message_append(call, "(sa{sv})", "lab%d", 0));
        lab_ok(sd_bus_message_close_container(call));
        lab_send_message(lab, lab->root, &reply, call);
        sd_bus_message_unref(call);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, OWN_ERROR("Degraded"), NULL);
        links = lab_run("ip -o link show type tun");
        g_assert_cmpstr(links, ==, "");
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/shortage/node", test_node);
        lab_add_test("/shortage/abandoned", test_abandoned);
        lab_add_test("/shortage/descriptors", test_descriptors);
        g_test_add_func("/shortage/kernel", test_kernel);
        lab_add_test("/shortage/full", test_full);
        lab_add_test("/shortage/full-meanwhile", test_full_meanwhile);
        return g_test_run();
}
