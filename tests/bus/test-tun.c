/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who was in a device may have left again: what he left there is put back. And that a queue is one of the device that
 * was meant. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab.h"
#include "tap.h"
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

/* tap1 as its record has it, and as the kernel does now. */
static Tap craft(Rtnl *rtnl) {
        Tap tap = { .record = { .name = "tap1", .spec = { .mode.multi_queue = true, .user = 0, .group = 0 } } };
        char mark[RECORD_MARK_SIZE];

        lab_ok(sd_id128_randomize(&tap.record.id));
        g_free(lab_run("ip tuntap add dev tap1 mode tap multi_queue user 0 group 0"));
        g_free(lab_run("ip link set tap1 alias %s", record_mark(&tap.record, mark)));
        lab_ok(link_get_by_name(rtnl, "tap1", &tap.link));
        tap.record.ifindex = tap.link.ifindex;
        g_assert_true(tap_owns(&tap.record, &tap.link));
        return tap;
}

static void expect_queues(Rtnl *rtnl, const Tap *tap, TapdError error) {
        TapWorkshop workshop = { .rtnl = rtnl };
        TapQueues queues = { .n_fds = 1 };
        Fault fault = {};
        int r;

        r = tap_open_queues(&workshop, tap, &queues, &fault);
        g_assert_cmpint(fault.error, ==, error);
        g_assert_cmpint(r < 0, ==, error != TAPD_ERROR_NONE);
        g_assert_cmpuint(queues.n_fds, ==, r == 0);
        tap_queues_close(&queues);
}

static void test_prove_queue(void) {
        char mark[RECORD_MARK_SIZE];
        Rtnl *rtnl = NULL;
        Link other;
        Tap tap;

        lab_ok(rtnl_new(/* event= */ NULL, /* handlers= */ NULL, /* userdata= */ NULL, &rtnl));
        tap = craft(rtnl);
        expect_queues(rtnl, &tap, TAPD_ERROR_NONE);

        /* Somebody took the mark away. */
        g_free(lab_run("ip link set tap1 alias mine"));
        expect_queues(rtnl, &tap, TAPD_ERROR_STALE);
        g_free(lab_run("ip link set tap1 alias %s", record_mark(&tap.record, mark)));
        expect_queues(rtnl, &tap, TAPD_ERROR_NONE);

        /* It was renamed, and another device has its name: as its own, or as another name. */
        g_free(lab_run("ip link set tap1 down name tap2"));
        g_free(lab_run("ip tuntap add dev tap1 mode tap multi_queue"));
        expect_queues(rtnl, &tap, TAPD_ERROR_STALE);
        g_free(lab_run("ip link set tap1 down name tap3"));
        g_free(lab_run("ip link property add dev tap3 altname tap1"));
        expect_queues(rtnl, &tap, TAPD_ERROR_STALE);
        g_free(lab_run("ip link del tap3"));

        /* Nobody has it: the kernel makes one anew, which must not stay. */
        expect_queues(rtnl, &tap, TAPD_ERROR_STALE);
        g_assert_cmpint(link_get_by_name(rtnl, "tap1", &other), ==, -ENODEV);

        /* It is gone, and another of its name and mark was made. */
        g_free(lab_run("ip link del tap2"));
        g_free(lab_run("ip tuntap add dev tap1 mode tap multi_queue"));
        g_free(lab_run("ip link set tap1 alias %s", record_mark(&tap.record, mark)));
        expect_queues(rtnl, &tap, TAPD_ERROR_NO_SUCH_TAP);
        g_free(lab_run("ip link del tap1"));
        rtnl_free(rtnl);
}

static void test_no_heritage(void) {
        TapWorkshop workshop = {};
        TapQueues queues = { .n_fds = 2 };
        int fd, header = 0;
        Tap tap;

        /* Who had it before leaves nothing to who has it now: the device lived on. */
        lab_ok(rtnl_new(/* event= */ NULL, /* handlers= */ NULL, /* userdata= */ NULL, &workshop.rtnl));
        tap = craft(workshop.rtnl);
        tap.record.spec.mode.vnet_header = true;
        g_assert_cmpint(tun_open(&fd), ==, 0);
        g_assert_cmpint(tun_attach(fd, "tap1", &tap.record.spec.mode), ==, 0);
        sabotage(fd);
        close(fd);

        g_assert_cmpint(tap_open_queues(&workshop, &tap, &queues, /* fault= */ NULL), ==, 0);
        g_assert_cmpuint(queues.n_fds, ==, 2);
        for (size_t i = 0; i < queues.n_fds; i++) {
                g_assert_cmpint(ioctl(queues.fds[i], TUNGETVNETHDRSZ, &header), ==, 0);
                g_assert_cmpint(header, ==, sizeof(struct virtio_net_hdr));
        }
        tap_queues_close(&queues);
        g_free(lab_run("ip link del tap1"));
        rtnl_free(workshop.rtnl);
}

static void test_close_on_exec(void) {
        int fd;

        /* No program that tapd or tapctl starts gets a queue by accident. */
        g_assert_cmpint(tun_open(&fd), ==, 0);
        g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
        close(fd);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/tun/reset", test_reset);
        g_test_add_func("/tun/prove-queue", test_prove_queue);
        g_test_add_func("/tun/no-heritage", test_no_heritage);
        g_test_add_func("/tun/close-on-exec", test_close_on_exec);
        return g_test_run();
}
