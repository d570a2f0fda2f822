/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues as descriptors: TAPs that live by them, and more of them for those that are there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define EPHEMERAL MANAGER, "CreateEphemeral", "sa{sv}u"

/* Takes the descriptors out of an answer. */
static unsigned take_descriptors(sd_bus_message *message, int *fds, unsigned room) {
        unsigned n = 0;
        int fd;

        lab_ok(sd_bus_message_enter_container(message, 'a', "h"));
        while (sd_bus_message_read_basic(message, 'h', &fd) > 0) {
                g_assert_cmpuint(n, <, room);
                g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
                fds[n++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        }

        return n;
}

static void close_all(int *fds, unsigned n) {
        while (n > 0)
                close(fds[--n]);
}

static unsigned create_ephemeral(Lab *lab, sd_bus *as, const char *wish, uint32_t n, int *fds) {
        LabReply reply = lab_call(lab, as, EPHEMERAL, wish, 0, n);
        const char *name, *path;
        unsigned got;

        if (reply.error)
                g_error("%s", reply.text);
        lab_ok(sd_bus_message_read(reply.message, "so", &name, &path));
        if (*wish)
                g_assert_cmpstr(name, ==, wish);
        got = take_descriptors(reply.message, fds, 16);
        lab_reply_done(&reply);
        return got;
}

static bool is_gone(Lab *lab, void *userdata) {
        g_autofree char *record = g_build_filename(lab->folder, "run/taps", userdata, NULL);

        return !lab_link_exists(userdata) && !g_file_test(record, G_FILE_TEST_EXISTS);
}

static void wait_gone(Lab *lab, const char *name) {
        lab_run_until(lab, is_gone, (void *) name);
}

static void test_ephemeral(Lab *lab) {
        static const uint32_t counts[] = { 1, 2, 8, 16 };

        lab_watch(lab);
        for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
                g_autofree char *link = NULL, *queues = g_strdup_printf("numqueues %u ", counts[i]);
                int fds[16];

                g_ptr_array_set_size(lab->signals, 0);
                g_assert_cmpuint(create_ephemeral(lab, lab->alice, "tap1", counts[i], fds), ==, counts[i]);
                link = lab_run("ip -d link show tap1");
                lab_assert_contains(link, queues);
                lab_assert_contains(link, "persist off");
                lab_assert_contains(link, "vnet_hdr on");
                lab_assert_contains(link, ",UP");
                lab_expect_property(lab, "tap1", "Lifetime", "ephemeral");
                lab_expect_property(lab, "tap1", "CreatorUID", "12001");
                lab_expect_property(lab, "tap1", "State", "ready");

                /* Nobody opens it by name, not even who has it. */
                g_assert_cmpint(lab_open_queue("tap1", IFF_MULTI_QUEUE | IFF_VNET_HDR, LAB_ALICE, LAB_GROUP), ==,
                                -EPERM);
                /* It is never repeated silently. */
                lab_expect(lab_call(lab, lab->alice, EPHEMERAL, "tap1", 0, 1), OWN_ERROR("NameInUse"), "tap1");
                lab_create(lab, lab->alice, "tap1", OWN_ERROR("Conflict"));

                close_all(fds, counts[i]);
                lab_wait_signal(lab, "removed tap1");
                wait_gone(lab, "tap1");
        }
}

static void test_frames(Lab *lab) {
        /* A virtio-net header of 10 bytes, then a frame from the one to the other over a bridge. */
        unsigned char frame[10 + 60] = { [10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0, 0, 0, 0, 1, 0x88, 0xb5 };
        unsigned char read_back[2048];
        int one[16], two[16];

        create_ephemeral(lab, lab->alice, "tap1", 16, one);
        create_ephemeral(lab, lab->alice, "tap2", 1, two);
        g_free(lab_run("ip link add br0 type bridge"));
        g_free(lab_run("ip link set br0 up"));
        g_free(lab_run("ip link set tap1 master br0"));
        g_free(lab_run("ip link set tap2 master br0"));

        for (unsigned i = 0; i < 16; i++) {
                struct pollfd poll_fd = { .fd = two[0], .events = POLLIN };
                bool found = false;

                frame[30] = (unsigned char) i;
                g_assert_cmpint(write(one[i], frame, sizeof(frame)), ==, sizeof(frame));
                while (!found) {
                        ssize_t n;

                        g_assert_cmpint(poll(&poll_fd, 1, 60000), >, 0);
                        n = read(two[0], read_back, sizeof(read_back));
                        found = n >= 14 + 10 && read_back[22] == 0x88 && read_back[23] == 0xb5 && read_back[30] == i;
                }
        }

        close_all(one, 16);
        close_all(two, 1);
        wait_gone(lab, "tap1");
        wait_gone(lab, "tap2");
}

static void test_settings(Lab *lab) {
        static const struct {
                const char *key, *type;
                uint32_t value;
                uint32_t queues;
                const char *text;
        } rows[] = {
                { "User", "u", LAB_ALICE, 1, "User=" },
                { "Group", "u", LAB_GROUP, 1, "Group=" },
                { "Shared", "b", 1, 1, "Shared=" },
                { "MultiQueue", "b", 0, 2, "MultiQueue=" },
                { "MultiQueue", "b", 1, 0, "not in 1..16" },
                { "MultiQueue", "b", 1, 17, "not in 1..16" },
                { "MultiQueue", "b", 1, 257, "not in 1..16" },
        };
        g_autofree char *link = NULL;
        int fds[16];

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                lab_expect(lab_call(lab, lab->alice, EPHEMERAL, "tap1", 1, rows[i].key, rows[i].type, rows[i].value,
                                    rows[i].queues),
                           STANDARD_ERROR("InvalidArgs"), rows[i].text);
                g_assert_false(lab_link_exists("tap1"));
        }

        /* A single queue, without the header. */
        {
                LabReply reply =
                        lab_call(lab, lab->alice, EPHEMERAL, "tap1", 2, "MultiQueue", "b", 0, "VNetHeader", "b", 0, 1);

                lab_ok(sd_bus_message_skip(reply.message, "so"));
                g_assert_cmpuint(take_descriptors(reply.message, fds, 16), ==, 1);
                lab_reply_done(&reply);
        }
        link = lab_run("ip -d link show tap1");
        lab_assert_contains(link, "vnet_hdr off persist off");
        close(fds[0]);
        wait_gone(lab, "tap1");
}

static void test_made_persistent(Lab *lab) {
        static const bool multi_queue[] = { true, false };

        /* Who makes it outlive its queues gains nothing, with and without the carrier. */
        for (size_t i = 0; i < G_N_ELEMENTS(multi_queue); i++) {
                LabReply reply =
                        lab_call(lab, lab->alice, EPHEMERAL, "tap1", 1, "MultiQueue", "b", (int) multi_queue[i], 1);
                int fd, off = 0;

                lab_ok(sd_bus_message_skip(reply.message, "so"));
                take_descriptors(reply.message, &fd, 1);
                lab_reply_done(&reply);

                g_assert_cmpint(ioctl(fd, TUNSETPERSIST, 1), ==, 0);
                g_assert_cmpint(ioctl(fd, TUNSETCARRIER, &off), ==, 0);
                lab_settle(lab);
                lab_settle(lab);
                g_assert_true(lab_link_exists("tap1"));
                close(fd);
                wait_gone(lab, "tap1");
        }
}

static void test_made_persistent_while_down(Lab *lab) {
        static const bool multi_queue[] = { true, false };
        g_autofree char *path = lab_path("tap1");

        /* The kernel tells nothing of it, and nobody asks. */
        for (size_t i = 0; i < G_N_ELEMENTS(multi_queue); i++) {
                LabReply reply =
                        lab_call(lab, lab->alice, EPHEMERAL, "tap1", 1, "MultiQueue", "b", (int) multi_queue[i], 1);
                int fd;

                lab_ok(sd_bus_message_skip(reply.message, "so"));
                take_descriptors(reply.message, &fd, 1);
                lab_reply_done(&reply);

                lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
                g_assert_cmpint(ioctl(fd, TUNSETPERSIST, 1), ==, 0);
                lab_expect_rest(lab);
                g_assert_true(lab_link_exists("tap1"));
                close(fd);
                wait_gone(lab, "tap1");
        }
}

static void test_restart(Lab *lab) {
        int fds[16];

        /* tapd dies and comes back: the TAP goes on as long as its queues do. */
        create_ephemeral(lab, lab->alice, "tap1", 2, fds);
        lab_stop_tapd(lab, SIGKILL);
        g_assert_true(lab_link_exists("tap1"));
        lab_start_tapd(lab);
        lab_expect_property(lab, "tap1", "Lifetime", "ephemeral");
        close_all(fds, 2);
        wait_gone(lab, "tap1");

        /* The holder goes while tapd is away, and leaves it persistent or not. */
        for (unsigned persist = 0; persist < 2; persist++) {
                create_ephemeral(lab, lab->alice, "tap1", 2, fds);
                lab_stop_tapd(lab, SIGKILL);
                g_assert_cmpint(ioctl(fds[0], TUNSETPERSIST, persist), ==, 0);
                close_all(fds, 2);
                lab_start_tapd(lab);
                wait_gone(lab, "tap1");
        }
}

/* What a virtualization manager of alice's does: asks for an ephemeral TAP and is killed somewhere on the way. */
static void be_killed(Lab *lab, unsigned moment_usec) {
        static const gid_t group = LAB_GROUP;
        sd_bus *bus = lab_connect(lab, LAB_ALICE, &group, 1);
        LabReply reply;

        lab_send(lab, bus, &reply, EPHEMERAL, "tap1", 0, 2);
        lab_ok(sd_bus_flush(bus));
        g_usleep(moment_usec);
        sd_bus_close(bus);
        sd_bus_unref(bus);
        if (reply.message)
                lab_reply_done(&reply);
}

static void test_undeliverable(Lab *lab) {
        for (unsigned i = 0; i < 100; i++) {
                be_killed(lab, i * 50);
                lab_settle(lab);
                lab_run_until(lab, is_gone, (void *) "tap1");
        }

        /* Nothing was left behind that counts. */
        for (unsigned i = 1; i <= 4; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_create(lab, lab->alice, name, NULL);
        }
}

static unsigned open_queues(Lab *lab, sd_bus *as, const char *name, uint32_t n, int *fds) {
        g_autofree char *path = lab_path(name);
        LabReply reply = lab_call(lab, as, path, TAPD_TAP_INTERFACE, "OpenQueues", "u", n);
        unsigned got;

        if (reply.error)
                g_error("%s", reply.text);
        got = take_descriptors(reply.message, fds, n);
        lab_reply_done(&reply);
        return got;
}

static void expect_open(Lab *lab, sd_bus *as, const char *name, uint32_t n, const char *error, const char *text) {
        g_autofree char *path = lab_path(name);

        lab_expect(lab_call(lab, as, path, TAPD_TAP_INTERFACE, "OpenQueues", "u", n), error, text);
}

static void test_open_queues(Lab *lab) {
        int fds[256];

        lab_create(lab, lab->alice, "tap1", NULL);
        expect_open(lab, lab->alice, "tap1", 0, STANDARD_ERROR("InvalidArgs"), "not in 1..16");
        expect_open(lab, lab->alice, "tap1", 17, STANDARD_ERROR("InvalidArgs"), "not in 1..16");
        expect_open(lab, lab->alice, "tap1", 257, STANDARD_ERROR("InvalidArgs"), "not in 1..16");

        /* 32 by two calls, all 256 by sixteen, and not one more. */
        for (unsigned i = 0; i < 16; i++)
                g_assert_cmpuint(open_queues(lab, lab->alice, "tap1", 16, fds + 16 * i), ==, 16);
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "QueuesAttached", "256");
        expect_open(lab, lab->alice, "tap1", 1, STANDARD_ERROR("LimitsExceeded"), "256");
        close_all(fds, 256);

        lab->polkit->mode = POLKIT_NO;
        expect_open(lab, lab->bob, "tap1", 1, STANDARD_ERROR("AccessDenied"), "tap1 belongs to uid 12001");
        lab->polkit->yes_to = "org.tapd1.open";
        g_assert_cmpuint(open_queues(lab, lab->alice, "tap1", 1, fds), ==, 1);
        close(fds[0]);
}

static void test_open_single_queue(Lab *lab) {
        int fd;

        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, "MultiQueue", "b", 0), NULL,
                   NULL);
        expect_open(lab, lab->alice, "tap1", 2, OWN_ERROR("Conflict"), "MultiQueue=");
        open_queues(lab, lab->alice, "tap1", 1, &fd);
        expect_open(lab, lab->alice, "tap1", 1, OWN_ERROR("InUse"), "tap1");
        close(fd);
}

static void test_quota(Lab *lab) {
        int fds[4][16];

        for (unsigned i = 0; i < 4; i++)
                create_ephemeral(lab, lab->alice, "", 1, fds[i]);
        lab->polkit->mode = POLKIT_NO;
        lab_expect(lab_call(lab, lab->alice, EPHEMERAL, "", 0, 1), STANDARD_ERROR("LimitsExceeded"), "4 of 4");
        for (unsigned i = 0; i < 4; i++)
                close(fds[i][0]);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/queues/ephemeral", test_ephemeral);
        lab_add_test("/queues/ephemeral/frames", test_frames);
        lab_add_test("/queues/ephemeral/settings", test_settings);
        lab_add_test("/queues/ephemeral/made-persistent", test_made_persistent);
        lab_add_test("/queues/ephemeral/made-persistent-while-down", test_made_persistent_while_down);
        lab_add_test("/queues/ephemeral/restart", test_restart);
        lab_add_test("/queues/ephemeral/undeliverable", test_undeliverable);
        lab_add_test("/queues/ephemeral/quota", test_quota);
        lab_add_test("/queues/open", test_open_queues);
        lab_add_test("/queues/open/single-queue", test_open_single_queue);
        return g_test_run();
}
