/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real bridge helper, run as QEMU and libvirt run it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "lab.h"

/* The group may plug into br0 without a VLAN, and into nothing else. */
static const char config[] = "[Defaults]\n"
                             "Group=12100\n"
                             "[Grant lab]\n"
                             "Users=@12100\n"
                             "Names=tap*\n"
                             "Switches=br0\n"
                             "TapsPerUser=2\n";

/* One run of it. */
typedef struct Run {
        int socket; /* the end of who called it */
        GPid pid;   /* 0: it has ended */
        int err;
        int status;
        char said[1024]; /* on standard error */
} Run;

/* @arguments: with "{}" for the number of the socket. */
static Run run_begin(Lab *lab, uid_t uid, const char *arguments) {
        g_autofree char *number = NULL, *line = NULL;
        g_auto(GStrv) parts = g_strsplit(arguments, "{}", 0), given = NULL, words = NULL;
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        int sockets[2];
        Run run = {};

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
        g_assert_cmpint(fcntl(sockets[0], F_SETFD, FD_CLOEXEC), ==, 0);
        run.socket = sockets[0];

        number = g_strdup_printf("%d", sockets[1]);
        line = g_strjoinv(number, parts);
        given = g_strsplit(line, " ", 0);
        g_strv_builder_add(builder, g_getenv("BRIDGE_HELPER"));
        g_strv_builder_addv(builder, (const char **) given);
        words = g_strv_builder_end(builder);
        run.pid = lab_spawn_as(lab, uid, (const char *const *) words, /* ret_out= */ NULL, &run.err);

        close(sockets[1]);
        return run;
}

static void run_end(Run *run, int status) {
        ssize_t n = read(run->err, run->said, sizeof(run->said) - 1);

        g_assert_cmpint(n, >=, 0);
        g_assert_true(WIFEXITED(status));
        run->status = WEXITSTATUS(status);
        run->pid = 0;
        close(run->err);
}

static bool has_ended(Lab *lab, void *userdata) {
        Run *run = userdata;
        int status;

        if (waitpid(run->pid, &status, WNOHANG) == 0)
                return false;

        run_end(run, status);
        return true;
}

static Run run_helper(Lab *lab, uid_t uid, const char *arguments) {
        Run run = run_begin(lab, uid, arguments);

        lab_run_until(lab, has_ended, &run);
        return run;
}

/* What it sent, as its caller reads it: -1 where that was nothing. */
static int run_receive(Run *run) {
        char byte = 'x', control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(sizeof(long))));
        struct iovec data = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        ssize_t n = recvmsg(run->socket, &message, MSG_CMSG_CLOEXEC);
        struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
        int fd;

        if (n == 0) {
                close(run->socket);
                return -1;
        }

        g_assert_cmpint(n, ==, 1);
        g_assert_cmpint(byte, ==, 0);
        g_assert_nonnull(header);
        g_assert_cmpint(header->cmsg_level, ==, SOL_SOCKET);
        g_assert_cmpint(header->cmsg_type, ==, SCM_RIGHTS);
        g_assert_cmpuint(header->cmsg_len, ==, CMSG_LEN(sizeof(int)));
        g_assert_null(CMSG_NXTHDR(&message, header));
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));

        /* And that was all. */
        g_assert_cmpint(recv(run->socket, &byte, 1, 0), ==, 0);
        close(run->socket);
        return fd;
}

static int expect_tap(Lab *lab, uid_t uid, const char *arguments) {
        Run run = run_helper(lab, uid, arguments);
        int fd = run_receive(&run);

        g_test_message("%s: %s", arguments, run.said);
        g_assert_cmpstr(run.said, ==, "");
        g_assert_cmpint(run.status, ==, 0);
        g_assert_cmpint(fd, >=, 0);
        return fd;
}

static void check_refusal(Run *run, int status, const char *text) {
        g_test_message("%s", run->said);
        g_assert_cmpint(run_receive(run), ==, -1);
        g_assert_cmpint(run->status, ==, status);
        lab_assert_contains(run->said, text);
        /* QEMU's user gets one line. */
        g_assert_true(g_str_has_prefix(run->said, "tapd-bridge-helper: "));
        g_assert_true(strchr(run->said, '\n') == run->said + strlen(run->said) - 1);
        g_assert_false(lab_link_exists("tap0"));
}

static void expect_refusal(Lab *lab, uid_t uid, const char *arguments, int status, const char *text) {
        Run run = run_helper(lab, uid, arguments);

        check_refusal(&run, status, text);
}

static void make_bridge(void) {
        g_free(lab_run("ip link add br0 type bridge mcast_snooping 0"));
        g_free(lab_run("ip link set br0 up"));
}

static bool is_gone(Lab *lab, void *userdata) {
        g_autofree char *record = g_build_filename(lab->folder, "run/taps", userdata, NULL);

        return !lab_link_exists(userdata) && !g_file_test(record, G_FILE_TEST_EXISTS);
}

static void close_tap(Lab *lab, int fd, const char *name) {
        close(fd);
        lab_run_until(lab, is_gone, (void *) name);
}

/* TUNGETIFF, as QEMU asks what it was given. */
static unsigned flags_of(int fd, char name[static IFNAMSIZ]) {
        struct ifreq request = {};

        g_assert_cmpint(ioctl(fd, TUNGETIFF, &request), ==, 0);
        memcpy(name, request.ifr_name, IFNAMSIZ);
        return (unsigned short) request.ifr_flags & (IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
}

static void test_tap(Lab *lab) {
        static const struct {
                const char *arguments;
                bool header;
        } rows[] = {
                { "--use-vnet --fd={} --br=br0", true }, /* QEMU */
                { "--use-vnet --br=br0 --fd={}", true }, /* libvirt, for virtio */
                { "--br=br0 --fd={}", false },           /* and for others */
                { "--fd {} --br br0", false },
        };

        make_bridge();
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                int fd = expect_tap(lab, LAB_ALICE, rows[i].arguments);
                g_autofree char *link = lab_run("ip -d link show tap0");
                char name[IFNAMSIZ];

                g_assert_cmpuint(flags_of(fd, name), ==, IFF_TAP | IFF_NO_PI | (rows[i].header ? IFF_VNET_HDR : 0));
                g_assert_cmpstr(name, ==, "tap0");
                lab_assert_contains(link, "master br0");
                lab_assert_contains(link, ",UP");
                lab_assert_contains(link, "persist off");
                lab_expect_property(lab, "tap0", "Lifetime", "ephemeral");
                lab_expect_property(lab, "tap0", "CreatorUID", G_STRINGIFY(LAB_ALICE));
                lab_expect_property(lab, "tap0", "Switch", "br0");
                lab_expect_property(lab, "tap0", "State", "ready");
                close_tap(lab, fd, "tap0");
        }
}

/* A frame from one to the other over the bridge, of which the one has the header. */
static void test_frames(Lab *lab) {
        enum { HEADER = 10, FRAME = 60 };
        unsigned char frame[HEADER + FRAME] = {
                [HEADER] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0, 0, 0, 0, 1, 0x88, 0xb5, 'T'
        };
        unsigned char got[2048] = {};
        int one, two;

        make_bridge();
        one = expect_tap(lab, LAB_ALICE, "--use-vnet --fd={} --br=br0");
        two = expect_tap(lab, LAB_ALICE, "--fd={} --br=br0");

        g_assert_cmpint(write(one, frame, sizeof(frame)), ==, sizeof(frame));
        while (memcmp(got, frame + HEADER, FRAME) != 0) {
                struct pollfd ready = { .fd = two, .events = POLLIN };

                g_assert_cmpint(poll(&ready, 1, 60000), >, 0);
                g_assert_cmpint(read(two, got, sizeof(got)), >, 0);
        }

        close_tap(lab, one, "tap0");
        close_tap(lab, two, "tap1");
}

/* What it asks for, as a tapd would hear it. */
typedef struct Hearing {
        GString *heard;
        int fd; /* what is answered */
} Hearing;

static void hear_setting(sd_bus_message *call, GString *heard) {
        const char *key, *contents, *text;
        uint16_t first, last;
        int flag;

        lab_ok(sd_bus_message_read(call, "s", &key));
        lab_ok(sd_bus_message_peek_type(call, NULL, &contents));
        g_string_append_printf(heard, " %s=", key);
        if (g_str_equal(contents, "s")) {
                lab_ok(sd_bus_message_read(call, "v", "s", &text));
                g_string_append(heard, text);
        } else if (g_str_equal(contents, "b")) {
                lab_ok(sd_bus_message_read(call, "v", "b", &flag));
                g_string_append(heard, flag ? "yes" : "no");
        } else if (g_str_equal(contents, "q")) {
                lab_ok(sd_bus_message_read(call, "v", "q", &first));
                g_string_append_printf(heard, "%u", first);
        } else {
                g_assert_cmpstr(contents, ==, "a(qq)");
                lab_ok(sd_bus_message_enter_container(call, 'v', "a(qq)"));
                lab_ok(sd_bus_message_enter_container(call, 'a', "(qq)"));
                while (sd_bus_message_read(call, "(qq)", &first, &last) > 0)
                        g_string_append_printf(heard, "[%u-%u]", first, last);
                lab_ok(sd_bus_message_exit_container(call));
                lab_ok(sd_bus_message_exit_container(call));
        }
}

static int hear_create(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        Hearing *hearing = userdata;
        const char *name;
        uint32_t queues;

        lab_ok(sd_bus_message_read(call, "s", &name));
        g_string_append_printf(hearing->heard, "\"%s\"", name);
        lab_ok(sd_bus_message_enter_container(call, 'a', "{sv}"));
        while (sd_bus_message_enter_container(call, 'e', "sv") > 0) {
                hear_setting(call, hearing->heard);
                lab_ok(sd_bus_message_exit_container(call));
        }
        lab_ok(sd_bus_message_exit_container(call));
        lab_ok(sd_bus_message_read(call, "u", &queues));
        g_string_append_printf(hearing->heard, " %u", queues);
        if (sd_bus_message_get_allow_interactive_authorization(call))
                g_string_append(hearing->heard, " interactive");

        return sd_bus_reply_method_return(call, "soah", "tap0", "/org/tapd1/tap/tap0", 1, hearing->fd);
}

static const sd_bus_vtable hearing_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("CreateEphemeral", "sa{sv}u", "soah", hear_create, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void test_request(Lab *lab) {
        static const struct {
                const char *arguments, *heard;
        } rows[] = {
                { "--use-vnet --fd={} --br=dsw-host", "\"\" MultiQueue=no VNetHeader=yes Switch=dsw-host 1" },
                { "--fd={} --br=dsw-host:60", "\"\" MultiQueue=no VNetHeader=no Switch=dsw-host VLAN=60 1" },
                { "--use-vnet --fd={} --br=dsw-host::20.21.30-39",
                  "\"\" MultiQueue=no VNetHeader=yes Switch=dsw-host Trunk=[20-20][21-21][30-39] 1" },
                { "--use-vnet --fd={} --br=dsw-host:1:20.21",
                  "\"\" MultiQueue=no VNetHeader=yes Switch=dsw-host VLAN=1 Trunk=[20-20][21-21] 1" },
        };
        Hearing hearing = { .heard = g_string_new(NULL) };
        struct stat sent, received;
        sd_bus_slot *slot = NULL;
        int ends[2];

        g_assert_cmpint(pipe(ends), ==, 0);
        g_assert_cmpint(fstat(ends[0], &sent), ==, 0);
        hearing.fd = ends[0];
        lab_stop_tapd(lab, SIGTERM);
        lab_ok(sd_bus_add_object_vtable(lab->root, &slot, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, hearing_vtable,
                                        &hearing));
        lab_ok(sd_bus_request_name(lab->root, TAPD_BUS_NAME, 0));

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                int fd;

                g_string_truncate(hearing.heard, 0);
                fd = expect_tap(lab, LAB_ALICE, rows[i].arguments);
                g_assert_cmpstr(hearing.heard->str, ==, rows[i].heard);
                g_assert_cmpint(fstat(fd, &received), ==, 0);
                g_assert_cmpuint(received.st_ino, ==, sent.st_ino);
                g_assert_cmpuint(received.st_dev, ==, sent.st_dev);
                close(fd);
        }

        lab_ok(sd_bus_release_name(lab->root, TAPD_BUS_NAME));
        sd_bus_slot_unref(slot);
        close(ends[0]);
        close(ends[1]);
        g_string_free(hearing.heard, true);
        lab_start_tapd(lab);
}

static void test_refused(Lab *lab) {
        make_bridge();
        expect_refusal(lab, 0, "--fd={} --br=br9", TAPCTL_EXIT_FAILED, "there is no switch \"br9\"; ");
        expect_refusal(lab, 0, "--fd={} --br=lo", TAPCTL_EXIT_FAILED, "lo");
        expect_refusal(lab, 0, "--fd={} --br=br0:60", TAPCTL_EXIT_FAILED, "vlan_filtering");
        expect_refusal(lab, 0, "--fd={} --br=br0::20.30-39", TAPCTL_EXIT_FAILED, "vlan_filtering");
        expect_refusal(lab, 0, "--fd={} --br=a/b", TAPCTL_EXIT_USAGE, "Switch=");
        expect_refusal(lab, 0, "--fd={} --br=br0::20.20", TAPCTL_EXIT_USAGE, "Trunk=");

        /* What no grant covers: at once, whether or not a password would help. */
        g_free(lab_run("ip link add br1 type bridge"));
        lab->polkit->mode = POLKIT_NO;
        lab->polkit->yes_to = TAPD_ACTION_CREATE;
        expect_refusal(lab, LAB_ALICE, "--fd={} --br=br1", TAPCTL_EXIT_DENIED, "br1");
        expect_refusal(lab, LAB_MALLORY, "--fd={} --br=br0", TAPCTL_EXIT_DENIED, "grant");
        expect_refusal(lab, LAB_DAEMON, "--fd={} --br=br0", TAPCTL_EXIT_DENIED, "system account");
        lab->polkit->mode = POLKIT_CHALLENGE;
        lab->polkit->password_is_right = true;
        expect_refusal(lab, LAB_ALICE, "--fd={} --br=br1", TAPCTL_EXIT_DENIED, "password is needed");
}

static void test_quota(Lab *lab) {
        int first, second;
        Run run;

        make_bridge();
        first = expect_tap(lab, LAB_ALICE, "--fd={} --br=br0");
        second = expect_tap(lab, LAB_ALICE, "--fd={} --br=br0");
        lab->polkit->mode = POLKIT_NO;
        lab->polkit->yes_to = TAPD_ACTION_CREATE;
        run = run_helper(lab, LAB_ALICE, "--fd={} --br=br0");
        close_tap(lab, first, "tap0");
        check_refusal(&run, TAPCTL_EXIT_LIMITS, "2 of 2");
        close_tap(lab, second, "tap1");
}

static void test_arguments(Lab *lab) {
        expect_refusal(lab, 0, "--br=br0", TAPCTL_EXIT_USAGE, "--fd=NUMBER is missing");
        expect_refusal(lab, 0, "--fd={}", TAPCTL_EXIT_USAGE, "--br=SWITCH is missing");
        expect_refusal(lab, 0, "--fd={} --br=br0: ", TAPCTL_EXIT_USAGE, "unknown argument \"\"");
        expect_refusal(lab, 0, "--fd={} --br=br0:", TAPCTL_EXIT_USAGE, "a VLAN is missing");
        expect_refusal(lab, 0, "--fd=1000000 --br=br0", TAPCTL_EXIT_USAGE, "1000000: Bad file descriptor");
        expect_refusal(lab, 0, "--fd=0 --br=br0", TAPCTL_EXIT_USAGE, "descriptor 0");
}

/* Who asked is gone: what was made for him goes. */
static void test_nobody_listens(Lab *lab) {
        Run run;

        make_bridge();
        run = run_begin(lab, LAB_ALICE, "--fd={} --br=br0");
        g_assert_cmpint(shutdown(run.socket, SHUT_RDWR), ==, 0);
        lab_run_until(lab, has_ended, &run);
        lab_run_until(lab, is_gone, (void *) "tap0");
        check_refusal(&run, TAPCTL_EXIT_FAILED, "cannot hand the TAP over: Broken pipe");
}

static bool is_asked(Lab *lab, void *userdata) {
        return lab->polkit->questions->len > 0;
}

static void test_nobody_answers(Lab *lab) {
        int status;
        Run run;

        make_bridge();

        /* One that hangs. What it is asked meanwhile it does not do for who has gone. */
        g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
        run = run_helper(lab, LAB_ALICE, "--timeout=5 --fd={} --br=br0");
        g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
        check_refusal(&run, TAPCTL_EXIT_NO_SERVICE, "tapd did not answer within 5 s; ");
        lab_settle(lab);
        g_assert_false(lab_link_exists("tap0"));

        /* A bus that hangs; it is the test's as well, which must not ask it anything. */
        g_assert_cmpint(kill(lab->bus_pid, SIGSTOP), ==, 0);
        run = run_begin(lab, LAB_ALICE, "--timeout=1 --fd={} --br=br0");
        g_assert_cmpint(waitpid(run.pid, &status, 0), ==, run.pid);
        run_end(&run, status);
        g_assert_cmpint(kill(lab->bus_pid, SIGCONT), ==, 0);
        check_refusal(&run, TAPCTL_EXIT_NO_SERVICE, "cannot talk to the system bus: Connection timed out; ");

        /* One that dies over it. */
        lab->polkit->mode = POLKIT_HOLD;
        run = run_begin(lab, LAB_ALICE, "--fd={} --br=br0");
        lab_run_until(lab, is_asked, NULL);
        lab_stop_tapd(lab, SIGKILL);
        lab_run_until(lab, has_ended, &run);
        check_refusal(&run, TAPCTL_EXIT_FAILED, "tapd ended before it answered; ");

        /* None, and somebody else under its name. */
        expect_refusal(lab, LAB_ALICE, "--fd={} --br=br0", TAPCTL_EXIT_NO_SERVICE, "tapd does not answer: ");
        lab_ok(sd_bus_request_name(lab->mallory, TAPD_BUS_NAME, 0));
        expect_refusal(lab, LAB_ALICE, "--fd={} --br=br0", TAPCTL_EXIT_FAILED, "refusing: org.tapd1");
        lab_ok(sd_bus_release_name(lab->mallory, TAPD_BUS_NAME));
        lab_start_tapd(lab);
}

static void test_no_bus(Lab *lab) {
        g_autofree char *address = g_steal_pointer(&lab->address);

        lab->address = g_strdup("unix:path=/nonexistent");
        expect_refusal(lab, LAB_ALICE, "--fd={} --br=br0", TAPCTL_EXIT_NO_SERVICE, "cannot talk to the system bus: ");
        g_free(lab->address);
        lab->address = g_steal_pointer(&address);
}

static void run_test(gconstpointer data) {
        void (*test)(Lab *) = (void (*)(Lab *)) data;
        Lab *lab = lab_new(config);

        test(lab);
        lab_free(lab);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_data_func("/bridge-helper/tap", (gconstpointer) test_tap, run_test);
        g_test_add_data_func("/bridge-helper/frames", (gconstpointer) test_frames, run_test);
        g_test_add_data_func("/bridge-helper/request", (gconstpointer) test_request, run_test);
        g_test_add_data_func("/bridge-helper/refused", (gconstpointer) test_refused, run_test);
        g_test_add_data_func("/bridge-helper/quota", (gconstpointer) test_quota, run_test);
        g_test_add_data_func("/bridge-helper/arguments", (gconstpointer) test_arguments, run_test);
        g_test_add_data_func("/bridge-helper/nobody-listens", (gconstpointer) test_nobody_listens, run_test);
        g_test_add_data_func("/bridge-helper/nobody-answers", (gconstpointer) test_nobody_answers, run_test);
        g_test_add_data_func("/bridge-helper/no-bus", (gconstpointer) test_no_bus, run_test);
        return g_test_run();
}
