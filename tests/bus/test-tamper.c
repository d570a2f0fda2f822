/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A holder of a queue can change more than it should: noticed, told, and put right where it can be. */
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"
#include "repair.h"

static int on_tampered(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Lab *lab = userdata;
        const char *field;

        lab_ok(sd_bus_message_enter_container(message, 'a', "s"));
        while (sd_bus_message_read(message, "s", &field) > 0)
                g_ptr_array_add(lab->signals, g_strdup_printf("tampered %s", field));
        return 0;
}

static void watch(Lab *lab) {
        lab_watch(lab);
        lab_ok(sd_bus_add_match(lab->root, NULL, "type='signal',interface='org.tapd1.Tap',member='Tampered'",
                                on_tampered, lab));
}

static unsigned count_signals(Lab *lab, const char *line) {
        unsigned n = 0;

        for (guint i = 0; i < lab->signals->len; i++)
                n += g_str_equal(lab->signals->pdata[i], line);

        return n;
}

/* What is said of it must help: it is all that a person sees. */
static void expect_outlook(Lab *lab, const char *text) {
        g_autofree char *reason = lab_property(lab, "tap1", "StateReason");

        lab_assert_contains(reason, text);
}

static int hold(Lab *lab, const char *name) {
        int fd = lab_open_queue(name, IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);

        g_assert_cmpint(fd, >=, 0);
        lab_settle(lab);
        return fd;
}

static void set_address(int fd, unsigned char last) {
        struct ifreq request = { .ifr_hwaddr = { .sa_family = ARPHRD_ETHER,
                                                 .sa_data = { 0, 0, 0, 0, 0, (char) last } } };

        g_assert_cmpint(ioctl(fd, SIOCSIFHWADDR, &request), ==, 0);
}

static void test_ordinary(Lab *lab) {
        int first, second;

        /* Opening it in the ordinary way, with a header or without, raises no alarm. */
        lab_create(lab, lab->alice, "tap1", NULL);
        watch(lab);
        first = lab_open_queue("tap1", IFF_MULTI_QUEUE | IFF_VNET_HDR, LAB_ALICE, LAB_GROUP);
        second = lab_open_queue("tap1", IFF_MULTI_QUEUE | IFF_VNET_HDR, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(first, >=, 0);
        g_assert_cmpint(second, >=, 0);
        lab_wait_signal(lab, "changed tap1 VNetHeader=true");
        g_assert_cmpint(ioctl(second, TUNSETQUEUE, &(struct ifreq){ .ifr_flags = IFF_DETACH_QUEUE }), ==, 0);
        lab_wait_signal(lab, "changed tap1 QueuesDetached=1");
        close(second);
        close(first);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=0");
        lab_settle(lab);
        for (guint i = 0; i < lab->signals->len; i++) {
                g_assert_false(g_str_has_prefix(lab->signals->pdata[i], "tampered"));
                g_assert_null(strstr(lab->signals->pdata[i], " State="));
        }
}

static void test_address(Lab *lab) {
        g_autofree char *address = NULL, *restored = NULL;
        int fd;

        lab_create(lab, lab->alice, "tap1", NULL);
        address = lab_property(lab, "tap1", "MACAddress");
        fd = hold(lab, "tap1");
        watch(lab);
        set_address(fd, 1);
        lab_wait_signal(lab, "tampered MACAddress");
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "MACAddress", address);
        lab_expect_property(lab, "tap1", "State", "ready");
        restored = lab_run("ip link show tap1");
        lab_assert_contains(restored, address);
        close(fd);
}

static void test_carrier(Lab *lab) {
        int fd, off = 0;

        lab_create(lab, lab->alice, "tap1", NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        g_assert_cmpint(ioctl(fd, TUNSETCARRIER, &off), ==, 0);
        lab_wait_signal(lab, "tampered Carrier");
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "Carrier", "true");
        lab_expect_property(lab, "tap1", "State", "ready");
        close(fd);
}

static void test_three_a_minute(Lab *lab) {
        int fd;

        /* Nobody keeps tapd busy: three repairs, and then it stays as it is and is only told. */
        lab_create(lab, lab->alice, "tap1", NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        for (unsigned char i = 1; i <= 20; i++) {
                set_address(fd, i);
                lab_settle(lab);
        }
        lab_expect_property(lab, "tap1", "MACAddress", "00:00:00:00:00:14");
        lab_expect_property(lab, "tap1", "State", "tampered");
        expect_outlook(lab, "changed MACAddress; put right, but not more than three times a minute");
        g_assert_cmpuint(count_signals(lab, "tampered MACAddress"), ==, 4);
        close(fd);
}

static void use_up_repairs(Lab *lab, int fd) {
        for (unsigned char i = 1; i <= 10; i++) {
                set_address(fd, i);
                lab_settle(lab);
        }
        lab_expect_property(lab, "tap1", "MACAddress", "00:00:00:00:00:0a");
}

static void test_two_budgets(Lab *lab) {
        int fd;

        /* Who uses up the repairs of the address keeps the group from nothing. */
        lab_create(lab, lab->alice, "tap1", NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        use_up_repairs(lab, fd);
        g_assert_cmpint(ioctl(fd, TUNSETGROUP, 4343), ==, 0);
        lab_wait_signal(lab, "tampered Group");
        close(fd);
        lab_wait_signal(lab, "changed tap1 Group=12100");
}

static void test_minute_over(Lab *lab) {
        g_autofree char *address = NULL, *line = NULL;
        int fd;

        /* Nobody touches it any more, and yet it is put right when the minute is over. */
        lab_create(lab, lab->alice, "tap1", NULL);
        address = lab_property(lab, "tap1", "MACAddress");
        line = g_strdup_printf("changed tap1 MACAddress=%s", address);
        fd = hold(lab, "tap1");
        use_up_repairs(lab, fd);
        close(fd);
        lab_settle(lab);
        lab_expect_rest(lab);
        lab_expect_property(lab, "tap1", "State", "tampered");
        watch(lab);
        lab_wait_signal(lab, line);
        lab_wait_signal(lab, "changed tap1 State=ready");
        lab_expect_rest(lab);
}

static void test_reports_a_minute(Lab *lab) {
        int fd;

        /* Back and forth fills no journal, and no bus. */
        lab_create(lab, lab->alice, "tap1", NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        for (unsigned i = 0; i < 20; i++) {
                g_assert_cmpint(ioctl(fd, TUNSETOWNER, 4242), ==, 0);
                lab_settle(lab);
                g_assert_cmpint(ioctl(fd, TUNSETOWNER, LAB_ALICE), ==, 0);
                lab_settle(lab);
        }
        g_assert_cmpuint(count_signals(lab, "tampered User"), ==, REPORTS_A_MINUTE);
        close(fd);
}

static void test_owner(Lab *lab) {
        int fd;

        lab_create(lab, lab->alice, "tap1", NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        g_assert_cmpint(ioctl(fd, TUNSETOWNER, 4242), ==, 0);
        g_assert_cmpint(ioctl(fd, TUNSETGROUP, 4343), ==, 0);
        lab_wait_signal(lab, "tampered User");
        lab_wait_signal(lab, "tampered Group");
        lab_wait_signal(lab, "changed tap1 State=tampered");

        /* Not while somebody has it open: it would draw frames away. It is told once. */
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "User", "4242");
        expect_outlook(lab, "changed User Group; put right once no program has it open");
        g_assert_cmpuint(count_signals(lab, "tampered User"), ==, 1);

        /* Whatever else happens meanwhile. */
        g_free(lab_run("ip link set tap1 mtu 1400"));
        lab_settle(lab);
        close(fd);
        lab_wait_signal(lab, "changed tap1 User=12001");
        lab_wait_signal(lab, "changed tap1 State=ready");
        lab_expect_property(lab, "tap1", "Group", "12100");
}

static void keep_journal(Lab *lab, const char *path) {
        lab_stop_tapd(lab, SIGTERM);
        lab->tapd_wrapper = g_strdupv(
                (char *[]){ (char *) "sh", (char *) "-c", (char *) "exec \"$@\" 2>\"$0\"", (char *) path, NULL });
        lab_start_tapd(lab);
}

static void test_persistence(Lab *lab) {
        g_autofree char *path = g_build_filename(lab->folder, "journal", NULL), *journal = NULL;
        int fd;

        keep_journal(lab, path);
        lab_create(lab, lab->alice, "tap1", NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        g_assert_cmpint(ioctl(fd, TUNSETPERSIST, 0), ==, 0);
        lab_wait_signal(lab, "tampered Persistence");
        expect_outlook(lab, "changed Persistence; it is deleted when its last queue is closed");
        g_assert_cmpint(ioctl(fd, TUNSETPERSIST, 1), ==, 0);
        lab_wait_signal(lab, "changed tap1 State=ready");

        /* Without it the device goes with its last queue, and tapd says so. */
        g_assert_cmpint(ioctl(fd, TUNSETPERSIST, 0), ==, 0);
        close(fd);
        lab_wait_signal(lab, "removed tap1");
        lab_settle(lab);
        g_assert_true(g_file_get_contents(path, &journal, NULL, NULL));
        lab_assert_contains(journal, "tap1: a program that held a queue had it go with its last queue");
        g_assert_null(strstr(journal, "somebody else deleted"));
}

static void test_taken_over(Lab *lab) {
        int fd;

        /* A shared one has no user; the kernel never unsets one that somebody set. */
        lab_create(lab, lab->root, "tap1", NULL);
        fd = lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_BOB, LAB_GROUP);
        lab_settle(lab);
        watch(lab);
        g_assert_cmpint(ioctl(fd, TUNSETOWNER, LAB_BOB), ==, 0);
        lab_wait_signal(lab, "tampered User");
        close(fd);
        lab_wait_signal(lab, "changed tap1 QueuesAttached=0");
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "State", "tampered");
        lab_expect_property(lab, "tap1", "User", "12002");
        expect_outlook(lab, "changed User; nothing can unset it: delete the TAP and create it anew");

        /* And a start knows it as well. */
        lab_stop_tapd(lab, SIGKILL);
        lab_start_tapd(lab);
        lab_settle(lab);
        lab_expect_property(lab, "tap1", "State", "tampered");
        lab_delete(lab, lab->root, "tap1", false, NULL);
}

static void test_while_down(Lab *lab) {
        g_autofree char *path = lab_path("tap1");
        int fd;

        /* The kernel tells nothing of a device that is down: its next event does, or who looks. */
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        fd = hold(lab, "tap1");
        watch(lab);
        g_assert_cmpint(ioctl(fd, TUNSETOWNER, 4242), ==, 0);
        lab_expect(lab_call(lab, lab->mallory, path, TAPD_TAP_INTERFACE, "GetStatistics", NULL), NULL, NULL);
        lab_wait_signal(lab, "tampered User");
        lab_expect_property(lab, "tap1", "State", "tampered");
        lab_expect_property(lab, "tap1", "User", "4242");
        close(fd);
        lab_expect(lab_call(lab, lab->mallory, path, TAPD_TAP_INTERFACE, "GetStatistics", NULL), NULL, NULL);
        lab_wait_signal(lab, "changed tap1 User=12001");
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/tamper/ordinary", test_ordinary);
        lab_add_test("/tamper/address", test_address);
        lab_add_test("/tamper/carrier", test_carrier);
        lab_add_test("/tamper/three-a-minute", test_three_a_minute);
        lab_add_test("/tamper/two-budgets", test_two_budgets);
        lab_add_test("/tamper/reports-a-minute", test_reports_a_minute);
        lab_add_test("/tamper/minute-over", test_minute_over);
        lab_add_test("/tamper/owner", test_owner);
        lab_add_test("/tamper/persistence", test_persistence);
        lab_add_test("/tamper/taken-over", test_taken_over);
        lab_add_test("/tamper/while-down", test_while_down);
        return g_test_run();
}
