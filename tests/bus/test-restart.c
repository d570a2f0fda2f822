/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Death and return: what the kernel and the records hold is all there is. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports.h"

static char *record_path(Lab *lab, const char *name) {
        return g_build_filename(lab->folder, "run/taps", name, NULL);
}

static void restart(Lab *lab, int signal_number) {
        lab_stop_tapd(lab, signal_number);
        lab_start_tapd(lab);
}

static void test_restart(Lab *lab) {
        static const char *const properties[] = {
                "Ifindex",     "CreatorUID",          "User",      "Group", "CreatedUSec",
                "Description", "AdministrativeState", "MACAddress"
        };
        static const int signals[] = { SIGKILL, SIGTERM, SIGKILL };
        g_autofree char *before = NULL, *path = lab_path("tap1");
        GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
        int fd;

        lab_expect(lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 1,
                            "Description", "s", "the first"),
                   NULL, NULL);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(properties); i++)
                g_ptr_array_add(values, lab_property(lab, "tap1", properties[i]));
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);
        before = lab_run("ip -d link show");

        for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
                g_autofree char *after = NULL;

                restart(lab, signals[i]);
                after = lab_run("ip -d link show");
                g_assert_cmpstr(before, ==, after);
                for (size_t j = 0; j < G_N_ELEMENTS(properties); j++)
                        lab_expect_property(lab, "tap1", properties[j], values->pdata[j]);
                lab_expect_property(lab, "tap1", "QueuesAttached", "1");
        }

        /* The quota counts what was made before. */
        for (unsigned i = 2; i <= 4; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_create(lab, lab->alice, name, NULL);
        }
        lab->polkit->mode = POLKIT_NO;
        lab_create(lab, lab->alice, "tap5", STANDARD_ERROR("LimitsExceeded"));
        close(fd);
        g_ptr_array_unref(values);
}

static void test_deleted_meanwhile(Lab *lab) {
        g_autofree char *record = record_path(lab, "tap1");

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_stop_tapd(lab, SIGKILL);
        g_free(lab_run("ip link del tap1"));
        /* Another one with its name is not taken for it. */
        g_free(lab_run("ip tuntap add mode tap dev tap1"));
        lab_start_tapd(lab);
        lab_delete(lab, lab->root, "tap1", true, OWN_ERROR("NoSuchTap"));
        g_assert_true(lab_link_exists("tap1"));
        g_assert_false(g_file_test(record, G_FILE_TEST_EXISTS));
}

static void test_renamed_meanwhile(Lab *lab) {
        g_autofree char *old = record_path(lab, "tap1");

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_stop_tapd(lab, SIGTERM);
        g_free(lab_run("ip link set tap1 down"));
        g_free(lab_run("ip link set tap1 name lab7"));
        lab_start_tapd(lab);
        lab_settle(lab);
        lab_expect_property(lab, "lab7", "CreatorUID", "12001");
        g_assert_false(g_file_test(old, G_FILE_TEST_EXISTS));
}

static void write_record(Lab *lab, const char *name, const char *content, gssize size) {
        g_autofree char *path = record_path(lab, name);

        g_assert_true(g_file_set_contents(path, content, size, NULL));
}

static void expect_degraded(Lab *lab, bool is_degraded) {
        LabReply reply = lab_call(lab, lab->mallory, TAPD_OBJECT_PATH, "org.freedesktop.DBus.Properties", "Get", "ss",
                                  TAPD_MANAGER_INTERFACE, "Degraded");

        lab_ok(sd_bus_message_enter_container(reply.message, 'v', "as"));
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "s"));
        g_assert_true((sd_bus_message_at_end(reply.message, false) == 0) == is_degraded);
        lab_reply_done(&reply);
}

static void test_broken_records(Lab *lab) {
        g_autofree char *record = record_path(lab, "tap1"), *content = NULL, *aside = record_path(lab, "tap1.corrupt");
        static const char *const broken[] = { "", "nonsense\n", "tapd-record 2\nname=tap1\n" };
        gsize size;

        expect_degraded(lab, false);
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        g_assert_true(g_file_get_contents(record, &content, &size, NULL));

        for (size_t i = 0; i <= G_N_ELEMENTS(broken); i++) {
                lab_stop_tapd(lab, SIGKILL);
                if (i < G_N_ELEMENTS(broken))
                        write_record(lab, "tap1", broken[i], -1);
                else
                        write_record(lab, "tap1", content, (gssize) size - 20);
                lab_start_tapd(lab);

                /* That TAP alone is off; its device is left alone, and the others are as they were. */
                expect_degraded(lab, true);
                lab_delete(lab, lab->root, "tap1", true, OWN_ERROR("NoSuchTap"));
                g_assert_true(lab_link_exists("tap1"));
                lab_expect_property(lab, "tap2", "CreatorUID", "12001");
                g_assert_true(g_file_test(aside, G_FILE_TEST_EXISTS));
                unlink(aside);
        }

        /* A record for another's name is none either. */
        lab_stop_tapd(lab, SIGKILL);
        write_record(lab, "tap3", content, (gssize) size);
        lab_start_tapd(lab);
        lab_delete(lab, lab->root, "tap3", true, OWN_ERROR("NoSuchTap"));

        /* And the right one brings the TAP back. */
        lab_stop_tapd(lab, SIGKILL);
        write_record(lab, "tap1", content, (gssize) size);
        lab_start_tapd(lab);
        lab_expect_property(lab, "tap1", "CreatorUID", "12001");
}

static void test_folder_not_readable(Lab *lab) {
        g_autofree char *taps = g_build_filename(lab->folder, "run/taps", NULL),
                        *away = g_strconcat(taps, ".away", NULL);

        /* Nobody knows which TAPs there are: nothing is made beside them, nothing torn down, and it is over by itself.
         */
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_stop_tapd(lab, SIGKILL);
        g_assert_cmpint(rename(taps, away), ==, 0);
        g_assert_true(g_file_set_contents(taps, "", 0, NULL));
        lab_start_tapd(lab);
        expect_degraded(lab, true);
        lab_create(lab, lab->alice, "tap2", OWN_ERROR("Degraded"));
        g_assert_false(lab_link_exists("tap2"));
        g_assert_true(lab_link_exists("tap1"));

        g_assert_cmpint(unlink(taps), ==, 0);
        g_assert_cmpint(rename(away, taps), ==, 0);
        lab_create(lab, lab->alice, "tap2", NULL);
        lab_expect_property(lab, "tap1", "CreatorUID", "12001");
        expect_degraded(lab, false);
}

static void test_folder_not_writable(Lab *lab) {
        g_autofree char *run = g_build_filename(lab->folder, "run", NULL);

        lab_create(lab, lab->alice, "tap1", NULL);
        g_assert_cmpint(mount(run, run, NULL, MS_BIND, NULL), ==, 0);
        lab_stop_tapd(lab, SIGKILL);
        g_assert_cmpint(mount(NULL, run, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
        lab_start_tapd(lab);

        /* Reading goes on, nothing is torn down, and what would have to be recorded is refused. */
        lab_expect_property(lab, "tap1", "CreatorUID", "12001");
        lab_create(lab, lab->alice, "tap2", OWN_ERROR("Degraded"));
        g_assert_false(lab_link_exists("tap2"));
        lab_delete(lab, lab->alice, "tap1", false, OWN_ERROR("Degraded"));
        g_assert_true(lab_link_exists("tap1"));
        expect_degraded(lab, true);

        /* It sees by itself when it can write again. */
        g_assert_cmpint(mount(NULL, run, NULL, MS_BIND | MS_REMOUNT, NULL), ==, 0);
        lab_create(lab, lab->alice, "tap2", NULL);
        expect_degraded(lab, false);
        lab_delete(lab, lab->alice, "tap1", false, NULL);
        lab_stop_tapd(lab, SIGTERM);
        g_assert_cmpint(umount(run), ==, 0);
        lab_start_tapd(lab);
}

static void test_no_capability(Lab *lab) {
        g_autofree char *command =
                g_strdup_printf("setpriv --bounding-set=-net_admin --inh-caps=-net_admin %s", g_getenv("TAPD"));
        g_autofree char *err = NULL;
        int status;

        g_assert_true(g_spawn_command_line_sync(command, NULL, &err, &status, NULL));
        g_assert_true(WIFEXITED(status));
        /* EX_CONFIG: the unit does not start it again. */
        g_assert_cmpint(WEXITSTATUS(status), ==, 78);
        lab_assert_contains(err, "CAP_NET_ADMIN");
        g_assert_null(strchr(strchr(err, '\n') + 1, '\n'));
}

/* Milliseconds that it has to notice the end of whom it traces. */
#define STRACE_PATIENCE 10000

/* Has strace send SIGKILL to tapd at the n-th time from now on that it makes this system call. */
static GPid kill_at(Lab *lab, const char *call, unsigned n) {
        g_autofree char *inject = g_strdup_printf("inject=%s:signal=SIGKILL:when=%u", call, n);
        g_autofree char *pid = g_strdup_printf("%d", lab->tapd_pid);
        const char *arguments[] = { "strace", "-f", "-o", "/dev/null", "-e", inject, "-p", pid, NULL };
        char line[128] = "";
        GPid strace;
        int err;

        g_assert_true(g_spawn_async_with_pipes(NULL, (char **) arguments, NULL,
                                               G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, NULL, NULL, &strace,
                                               NULL, NULL, &err, NULL));
        /* "Process N attached": it counts from here on. */
        g_assert_cmpint(read(err, line, sizeof(line) - 1), >, 0);
        lab_assert_contains(line, "attached");
        close(err);
        return strace;
}

/* strace ends with whom it traces, but for the rare time that one of the threads is just being made when all are
 * killed: then it waits for that one for ever, and nobody gets to see that tapd is dead. */
static void wait_for_strace(GPid strace) {
        int status;

        for (unsigned i = 0; waitpid(strace, &status, WNOHANG) == 0; i++) {
                if (i == STRACE_PATIENCE)
                        (void) kill(strace, SIGKILL);
                g_usleep(1000);
        }
}

/* Something that is asked of tapd while it is killed; afterwards tap1 is as it was, or as it was asked for. */
typedef struct Scene {
        void (*prepare)(Lab *lab); /* NULL: nothing */
        LabReply (*act)(Lab *lab);
        bool (*is_done)(Lab *lab); /* fails the test where it is neither */
} Scene;

/* The request, during which tapd is killed at this moment; true where it came through. */
static bool act_and_die(Lab *lab, const Scene *scene, const char *call, unsigned n) {
        GPid strace = kill_at(lab, call, n);
        LabReply reply;
        bool is_promised;

        reply = scene->act(lab);
        is_promised = !reply.error;
        lab_reply_done(&reply);

        /* Where it has come through, tapd lives. */
        if (is_promised)
                (void) kill(strace, SIGTERM);
        wait_for_strace(strace);
        lab_stop_tapd(lab, is_promised ? SIGKILL : 0);
        return is_promised;
}

typedef struct Sweep {
        unsigned before, after; /* how often it was as before, and as asked, without an answer */
} Sweep;

static bool sweep_moment(Lab *lab, const Scene *scene, const char *call, unsigned n, Sweep *sweep) {
        bool is_promised, is_done;

        if (scene->prepare)
                scene->prepare(lab);
        is_promised = act_and_die(lab, scene, call, n);
        lab_start_tapd(lab);
        lab_settle(lab);

        is_done = scene->is_done(lab);
        g_assert_true(is_done || !is_promised);
        sweep->before += !is_done;
        sweep->after += is_done && !is_promised;
        if (lab_link_exists("tap1"))
                lab_delete(lab, lab->root, "tap1", false, NULL);
        return is_promised;
}

/* More often than that no request makes one of them. */
#define TIMES_MAX 200

static Sweep sweep_calls(Lab *lab, const Scene *scene) {
        /* All that a request does, to the kernel and to its records. */
        static const char *const calls[] = { "ioctl", "sendto", "recvmsg",  "openat",  "write",
                                             "fsync", "close",  "renameat", "sendmsg", "getrandom" };
        Sweep sweep = {};

        for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
                unsigned n = 1;

                while (n < TIMES_MAX && !sweep_moment(lab, scene, calls[i], n, &sweep))
                        n++;
                g_assert_cmpuint(n, <, TIMES_MAX);
        }

        g_test_message("killed at %u moments: %u times it was as before, %u times as asked", sweep.before + sweep.after,
                       sweep.before, sweep.after);
        return sweep;
}

/* Nothing is left of it, or what is there is whole. */
static bool is_created(Lab *lab) {
        g_autofree char *record = record_path(lab, "tap1"), *link = NULL;

        if (!lab_link_exists("tap1")) {
                g_assert_false(g_file_test(record, G_FILE_TEST_EXISTS));
                return false;
        }

        link = lab_run("ip -d link show tap1");
        lab_assert_contains(link, "persist on");
        lab_assert_contains(link, "group lab-group");
        lab_assert_contains(link, ",UP>");
        lab_assert_contains(link, "numqueues 0");
        lab_expect_property(lab, "tap1", "State", "ready");
        return true;
}

static LabReply create(Lab *lab) {
        return lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 0);
}

static void test_killed_anywhere(Lab *lab) {
        Sweep sweep = sweep_calls(lab, &(const Scene){ .act = create, .is_done = is_created });

        g_assert_cmpuint(sweep.before, >, 20);
        g_assert_cmpuint(sweep.after, >, 3);
}

/* Its record, the kernel and the bus are of one mind. */
static void expect_place(Lab *lab, const char *bridge, bool is_isolated, unsigned mtu) {
        g_autofree char *path = record_path(lab, "tap1"), *record = NULL;
        g_autofree char *line = g_strdup_printf("\nswitch=%s\n", bridge);

        port_expect("tap1", bridge, is_isolated);
        port_expect_told(lab, "tap1", bridge, is_isolated);
        g_assert_cmpuint(port_link("tap1").mtu, ==, mtu);
        g_assert_true(port_link("tap1").is_up);
        lab_expect_property(lab, "tap1", "State", "ready");
        g_assert_true(g_file_get_contents(path, &record, NULL, NULL));
        lab_assert_contains(record, line);
        lab_assert_contains(record, *bridge ? "\nplugged=1\n" : "\nplugged=0\n");
}

static LabReply create_plugged(Lab *lab) {
        return port_create(lab, lab->root, "tap1", "br1", true);
}

static bool is_created_plugged(Lab *lab) {
        if (!is_created(lab))
                return false;

        expect_place(lab, "br1", true, 1400);
        return true;
}

static void prepare_plugged(Lab *lab) {
        lab_expect(port_create(lab, lab->root, "tap1", "br0", false), NULL, NULL);
}

static LabReply plug(Lab *lab) {
        return port_plug(lab, lab->root, "tap1", "br1", true);
}

static bool is_replugged(Lab *lab) {
        g_autofree char *bridge = port_switch("tap1");
        bool is_moved = g_str_equal(bridge, "br1");

        expect_place(lab, is_moved ? "br1" : "br0", is_moved, is_moved ? 1400 : 1500);
        return is_moved;
}

static LabReply unplug(Lab *lab) {
        return port_unplug(lab, lab->root, "tap1");
}

static bool is_unplugged(Lab *lab) {
        g_autofree char *bridge = port_switch("tap1");

        expect_place(lab, *bridge ? "br0" : "", false, 1500);
        return !*bridge;
}

static void add_bridges(void) {
        port_add_bridge("br0");
        port_add_bridge("br1");
        port_add_uplink("up1", "02:00:00:00:00:77");
        g_free(lab_run("ip link set up1 mtu 1400"));
        g_free(lab_run("ip link set up1 master br1"));
}

static void test_killed_while_plugging(Lab *lab) {
        static const Scene scenes[] = {
                { .act = create_plugged, .is_done = is_created_plugged },
                { prepare_plugged, plug, is_replugged },
                { prepare_plugged, unplug, is_unplugged },
        };

        add_bridges();
        for (size_t i = 0; i < G_N_ELEMENTS(scenes); i++) {
                Sweep sweep = sweep_calls(lab, &scenes[i]);

                g_assert_cmpuint(sweep.before, >, 3);
                g_assert_cmpuint(sweep.after, >, 3);
        }
}

static void test_killed_while_deleting(Lab *lab) {
        g_autofree char *record = record_path(lab, "tap1");

        /* A record that says deleting, and its device: the death came somewhere between the two. */
        for (unsigned i = 0; i < 20; i++) {
                LabReply reply;

                lab_create(lab, lab->root, "tap1", NULL);
                lab_send(lab, lab->root, &reply, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "DeleteTaps", "asb", 1,
                         "tap1", 0);
                lab_ok(sd_bus_flush(lab->root));
                g_usleep(i * 100);
                lab_stop_tapd(lab, SIGKILL);
                lab_wait_reply(lab, &reply);
                lab_start_tapd(lab);
                lab_settle(lab);
                /* Either it was not yet asked for, or it is finished now. */
                if (g_file_test(record, G_FILE_TEST_EXISTS))
                        lab_delete(lab, lab->root, "tap1", false, NULL);
                while (lab_link_exists("tap1"))
                        g_usleep(1000);
                lab_reply_done(&reply);
        }
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/restart/restart", test_restart);
        lab_add_test("/restart/deleted-meanwhile", test_deleted_meanwhile);
        lab_add_test("/restart/renamed-meanwhile", test_renamed_meanwhile);
        lab_add_test("/restart/broken-records", test_broken_records);
        lab_add_test("/restart/folder-not-writable", test_folder_not_writable);
        lab_add_test("/restart/folder-not-readable", test_folder_not_readable);
        lab_add_test("/restart/no-capability", test_no_capability);
        lab_add_test("/restart/killed-anywhere", test_killed_anywhere);
        lab_add_test("/restart/killed-while-plugging", test_killed_while_plugging);
        lab_add_test("/restart/killed-while-deleting", test_killed_while_deleting);
        return g_test_run();
}
