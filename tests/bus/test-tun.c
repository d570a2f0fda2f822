/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who was in a new device before its owner was set may have left again: what he left there is put back. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab.h"
#include "tun.h"

/* Everything that a program with a queue can do to a device that is down. */
static void sabotage(int fd) {
        /* A struct tun_filter with one address. */
        struct {
                uint16_t flags, count;
                unsigned char address[6];
        } only = { .count = 1, .address = { 2, 0, 0, 0, 0, 99 } };
        struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
        struct sock_fprog program = { .len = 1, .filter = &nothing };
        int header = 20, on = 1, off = 0, small = 1;

        g_assert_cmpint(ioctl(fd, TUNSETTXFILTER, &only), >=, 0);
        g_assert_cmpint(ioctl(fd, TUNATTACHFILTER, &program), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETVNETHDRSZ, &header), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETVNETLE, &on), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETSNDBUF, &small), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETCARRIER, &off), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETLINK, ARPHRD_LOOPBACK), ==, 0);
}

/* Whether a frame of this kind, for an address of the guest's, comes out of the queue. */
static bool comes_through(int fd) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        unsigned char frame[2048];
        ssize_t n;

        g_free(lab_run("ip address replace 192.0.2.1/24 dev tap1"));
        g_free(lab_run("ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev tap1"));
        g_free(lab_run("sh -c 'echo hello >/dev/udp/192.0.2.2/9 2>/dev/null || "
                       "bash -c \"echo hello >/dev/udp/192.0.2.2/9\"'"));

        while (poll(&poll_fd, 1, 2000) > 0 && (n = read(fd, frame, sizeof(frame))) > 0)
                if (n >= 14 && frame[0] == 2 && frame[5] == 2)
                        return true;

        return false;
}

static void test_reset(void) {
        const TunMode mode = { .multi_queue = true };
        g_autofree char *link = NULL;
        int fd, intruder, header = 0, offload = 0;

        g_assert_cmpint(tun_open(&fd), ==, 0);
        g_assert_cmpint(tun_create(fd, "tap1", &mode), ==, 0);
        g_assert_cmpint(tun_open(&intruder), ==, 0);
        g_assert_cmpint(tun_attach(intruder, "tap1", &mode), ==, 0);
        sabotage(intruder);
        close(intruder);

        tun_reset(fd, &mode);
        g_free(lab_run("ip link set tap1 address 02:00:00:00:00:01 up"));
        link = lab_run("ip -d link show tap1");
        lab_assert_contains(link, "link/ether 02:00:00:00:00:01");
        g_assert_null(strstr(link, "NO-CARRIER"));
        g_assert_cmpint(ioctl(fd, TUNGETVNETHDRSZ, &header), ==, 0);
        g_assert_cmpint(header, ==, 10);
        g_assert_cmpint(ioctl(fd, TUNGETVNETLE, &offload), ==, 0);
        g_assert_cmpint(offload, ==, 0);
        g_assert_true(comes_through(fd));
        close(fd);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/tun/reset", test_reset);
        return g_test_run();
}
