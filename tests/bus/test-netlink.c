/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tapd hears from the kernel: less than everything (ENOBUFS), or what is not from the kernel at all. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define FOREIGN 500

static char *trace_path(Lab *lab) {
        return g_build_filename(lab->folder, "trace", NULL);
}

/* strace refuses tapd every enlargement of its receive buffer: it has the kernel's default one. The tracer is a
 * grandchild (-D), so that the process that was started is tapd. */
static void restart_with_small_buffer(Lab *lab) {
        g_autofree char *path = trace_path(lab);

        lab_stop_tapd(lab, SIGTERM);
        lab->tapd_wrapper = g_strdupv((char *[]){
                (char *) "strace", (char *) "-f", (char *) "-D", (char *) "-qq", (char *) "-o", path, (char *) "-e",
                (char *) "trace=setsockopt,recvmsg", (char *) "-e", (char *) "inject=setsockopt:error=EPERM", NULL });
        lab_start_tapd(lab);
}

static bool trace_has(Lab *lab, const char *text) {
        g_autofree char *path = trace_path(lab), *trace = NULL;

        return g_file_get_contents(path, &trace, NULL, NULL) && strstr(trace, text);
}

static bool has_overrun(Lab *lab, void *userdata) {
        return trace_has(lab, "ENOBUFS");
}

/* Links of others come and go, while tapd cannot read a word of it. */
static void storm(Lab *lab) {
        g_autofree char *path = g_build_filename(lab->folder, "storm", NULL);
        g_autoptr(GString) batch = g_string_new(NULL);

        /* Each with a peer. */
        for (unsigned i = 0; i < FOREIGN / 2; i++)
                g_string_append_printf(batch, "link add foreign%u group 77 type veth\n", i);
        g_string_append(batch, "link del group 77\n");
        g_assert_true(g_file_set_contents(path, batch->str, -1, NULL));
        g_free(lab_run("ip -batch %s", path));
}

static int compare_lines(gconstpointer a, gconstpointer b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The kernel's TAPs with tapd's mark, a line each, as list() writes them. */
static char *kernel_list(void) {
        g_autofree char *out = lab_run("ip -d -o link show type tun");
        g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
        g_autoptr(GPtrArray) taps = g_ptr_array_new_with_free_func(g_free);

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, ": ", 3);
                const char *mtu = strstr(*line, " mtu ");

                if (mtu && strstr(*line, "alias tapd:"))
                        g_ptr_array_add(taps, g_strdup_printf("%s %s %d %s", words[0], words[1], atoi(mtu + 5),
                                                              strstr(words[2], ",UP") ? "up" : "down"));
        }

        g_ptr_array_sort(taps, compare_lines);
        g_ptr_array_add(taps, NULL);
        return g_strjoinv("\n", (char **) taps->pdata);
}

/* The same of tapd's answer: ifindex, name, MTU, up or down. */
static char *list(Lab *lab) {
        LabReply reply = lab_call(lab, lab->mallory, MANAGER, "ListTaps", NULL);
        g_autoptr(GPtrArray) taps = g_ptr_array_new_with_free_func(g_free);
        const char *name, *up;
        uint32_t mtu;
        int ifindex;

        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "(sssuuubbuusussssitsqs)"));
        while (sd_bus_message_enter_container(reply.message, 'r', "sssuuubbuusussssitsqs") > 0) {
                lab_ok(sd_bus_message_read(reply.message, "s", &name));
                lab_ok(sd_bus_message_skip(reply.message, "ssuuubbuus"));
                lab_ok(sd_bus_message_read(reply.message, "us", &mtu, &up));
                lab_ok(sd_bus_message_skip(reply.message, "sss"));
                lab_ok(sd_bus_message_read(reply.message, "i", &ifindex));
                lab_ok(sd_bus_message_skip(reply.message, "tsqs"));
                lab_ok(sd_bus_message_exit_container(reply.message));
                g_ptr_array_add(taps, g_strdup_printf("%d %s %u %s", ifindex, name, mtu, up));
        }
        lab_reply_done(&reply);

        g_ptr_array_sort(taps, compare_lines);
        g_ptr_array_add(taps, NULL);
        return g_strjoinv("\n", (char **) taps->pdata);
}

static bool is_equal(Lab *lab, void *userdata) {
        g_autofree char *kernel = kernel_list(), *tapd = list(lab);

        return g_str_equal(kernel, tapd);
}

/* What root does to tapd's own while it hears nothing: there is no room left to keep the news for it. */
static void change_behind_its_back(void) {
        g_free(lab_run("ip link set tap1 mtu 1400"));
        g_free(lab_run("ip link set tap2 down"));
        g_free(lab_run("ip link set tap2 name lab2"));
        g_free(lab_run("ip link del tap3"));
        g_free(lab_run("ip link del tap4"));
        g_free(lab_run("ip tuntap add mode tap dev tap4 multi_queue"));
}

static void test_list(Lab *lab) {
        g_autofree char *kernel = NULL, *tapd = NULL;
        LabReply reply;

        restart_with_small_buffer(lab);
        for (unsigned i = 1; i <= 4; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_create(lab, lab->alice, name, NULL);
        }
        g_assert_true(trace_has(lab, "SO_RCVBUFFORCE"));

        g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
        storm(lab);
        change_behind_its_back();
        lab_send(lab, lab->bob, &reply, MANAGER, "CreateTap", "sa{sv}", "vm1", 0);
        lab_ok(sd_bus_flush(lab->bob));
        g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);

        /* Who asks just then is served and hears nothing of it. */
        lab_wait_reply(lab, &reply);
        lab_expect(reply, NULL, NULL);
        lab_run_until(lab, has_overrun, NULL);
        lab_run_until(lab, is_equal, NULL);

        kernel = kernel_list();
        tapd = list(lab);
        g_assert_cmpstr(tapd, ==, kernel);
        lab_assert_contains(tapd, " tap1 1400 up");
        lab_assert_contains(tapd, " lab2 1500 down");
        lab_assert_contains(tapd, " vm1 1500 up");
        g_assert_null(strstr(tapd, "tap3"));
        g_assert_null(strstr(tapd, "tap4"));
}

static void test_signals(Lab *lab) {
        restart_with_small_buffer(lab);
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        lab_watch(lab);

        /* Those who watch are told of what tapd itself was not told. */
        g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
        storm(lab);
        g_free(lab_run("ip link set tap1 mtu 1400"));
        g_free(lab_run("ip link del tap2"));
        g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
        lab_wait_signal(lab, "changed tap1 MTUBytes=1400");
        lab_wait_signal(lab, "removed tap2");
        lab_run_until(lab, has_overrun, NULL);
}

/* Ports of rtnetlink sockets that are not this program's; in this network they are tapd's. */
static unsigned find_ports(struct mnl_socket *own, uint32_t *ports, unsigned room) {
        g_autofree char *table = lab_run("cat /proc/net/netlink");
        g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
        unsigned n = 0;

        for (char **line = lines + 1; *line; line++) {
                unsigned protocol, port;

                if (sscanf(*line, "%*s %u %u", &protocol, &port) == 2 && protocol == NETLINK_ROUTE && port != 0 &&
                    port != mnl_socket_get_portid(own) && n < room)
                        ports[n++] = port;
        }

        return n;
}

/* A message as the kernel would send it, from a process that is as good as root here. */
static void forge(uint16_t type, int ifindex, const char *name) {
        struct mnl_socket *own = mnl_socket_open(NETLINK_ROUTE);
        char buffer[512] = {};
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct ifinfomsg *info;
        uint32_t ports[16];
        unsigned n;

        g_assert_nonnull(own);
        g_assert_cmpint(mnl_socket_bind(own, 0, MNL_SOCKET_AUTOPID), ==, 0);
        message->nlmsg_type = type;
        info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
        info->ifi_index = ifindex;
        mnl_attr_put_strz(message, IFLA_IFNAME, name);

        n = find_ports(own, ports, G_N_ELEMENTS(ports));
        g_assert_cmpuint(n, >, 0);
        for (unsigned i = 0; i < n; i++) {
                const struct sockaddr_nl port = { .nl_family = AF_NETLINK, .nl_pid = ports[i] };

                /* A socket that tapd had for a moment may be gone. */
                if (sendto(mnl_socket_get_fd(own), message, message->nlmsg_len, 0, (const struct sockaddr *) &port,
                           sizeof(port)) < 0)
                        g_assert_cmpint(errno, ==, ECONNREFUSED);
        }
        mnl_socket_close(own);
}

static void test_forged(Lab *lab) {
        static const struct {
                uint16_t type;
                const char *name;
        } rows[] = { { RTM_DELLINK, "tap1" }, { RTM_NEWLINK, "lab7" }, { RTM_NEWLINK, "tap1" } };
        g_autofree char *record = g_build_filename(lab->folder, "run/taps/tap1", NULL);

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_watch(lab);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                forge(rows[i].type, (int) if_nametoindex("tap1"), rows[i].name);
                lab_settle(lab);
                lab_expect_property(lab, "tap1", "State", "ready");
                lab_expect_property(lab, "tap1", "CreatorUID", "12001");
                g_assert_true(g_file_test(record, G_FILE_TEST_EXISTS));
                g_assert_cmpuint(lab->signals->len, ==, 0);
        }
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/netlink/overrun/list", test_list);
        lab_add_test("/netlink/overrun/signals", test_signals);
        lab_add_test("/netlink/forged", test_forged);
        return g_test_run();
}
