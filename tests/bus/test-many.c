/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many TAPs by one request: all or none, and others are served meanwhile. */
#include <linux/if_tun.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define MANY 400

static const char config[] = "[Defaults]\nGroup=12100\n[Grant lab]\nUsers=@12100\nNames=tap* lab*\nTapsPerUser=500\n";

static void append_many(sd_bus_message *call, unsigned first, unsigned last) {
        for (unsigned i = first; i <= last; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_ok(sd_bus_message_append(call, "(sa{sv})", name, 0));
        }
}

static unsigned count_links(void) {
        g_autofree char *links = lab_run("ip -o link show");
        unsigned n = 0;

        for (const char *p = links; (p = strchr(p, '\n')); p++)
                n++;

        return n - 1;
}

static void delete_many(Lab *lab, LabReply *reply) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(lab->alice, &call, TAPD_BUS_NAME, TAPD_OBJECT_PATH,
                                              TAPD_MANAGER_INTERFACE, "DeleteTaps"));
        lab_ok(sd_bus_message_open_container(call, 'a', "s"));
        for (unsigned i = 1; i <= MANY; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_ok(sd_bus_message_append(call, "s", name));
        }
        lab_ok(sd_bus_message_close_container(call));
        lab_ok(sd_bus_message_append(call, "b", 0));
        lab_send_message(lab, lab->alice, reply, call);
        sd_bus_message_unref(call);
}

static void test_many(void) {
        Lab *lab = lab_new(config);
        sd_bus_message *call = lab_begin_create_taps(lab->alice);
        LabReply reply;
        const char *name, *path;
        int created;

        append_many(call, 1, MANY);
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_wait_reply(lab, &reply);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "(sob)"));
        for (unsigned i = 1; i <= MANY; i++) {
                g_autofree char *expected = g_strdup_printf("tap%u", i);

                lab_ok(sd_bus_message_read(reply.message, "(sob)", &name, &path, &created));
                g_assert_cmpstr(name, ==, expected);
                g_assert_true(created);
        }
        lab_reply_done(&reply);
        g_assert_cmpuint(count_links(), ==, MANY);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 1);

        /* Again: nothing to do, and nobody is asked. */
        call = lab_begin_create_taps(lab->alice);
        append_many(call, 1, 3);
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_wait_reply(lab, &reply);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "(sob)"));
        lab_ok(sd_bus_message_read(reply.message, "(sob)", &name, &path, &created));
        g_assert_false(created);
        lab_reply_done(&reply);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 1);

        delete_many(lab, &reply);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, NULL, NULL);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 2);
        g_assert_cmpuint(count_links(), ==, 0);
        lab_free(lab);
}

static bool is_begun(Lab *lab, void *userdata) {
        return count_links() > 0;
}

static void test_meanwhile(void) {
        Lab *lab = lab_new(config);
        sd_bus_message *call = lab_begin_create_taps(lab->alice);
        LabReply reply, meanwhile;

        append_many(call, 1, MANY);
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_run_until(lab, is_begun, NULL);
        g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
        if (count_links() < MANY - 100) {
                /* The answers come in the order in which they were sent. */
                lab_send(lab, lab->alice, &meanwhile, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "ListTaps", NULL);
                lab_ok(sd_bus_flush(lab->alice));
                g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
                lab_wait_reply(lab, &meanwhile);
                g_assert_false(lab_has_reply(&reply));
                lab_expect(meanwhile, NULL, NULL);
        } else {
                g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
                g_test_skip("this machine was too slow to see it begin");
        }
        lab_wait_reply(lab, &reply);
        lab_expect(reply, NULL, NULL);
        lab_free(lab);
}

static void expect_none(Lab *lab, sd_bus_message *call, const char *error, const char *text) {
        unsigned before = count_links();
        LabReply reply;

        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, error, text);
        g_assert_cmpuint(count_links(), ==, before);
}

static void test_none(void) {
        Lab *lab = lab_new(config);
        sd_bus_message *call;

        call = lab_begin_create_taps(lab->alice);
        append_many(call, 1, 50);
        lab_ok(sd_bus_message_append(call, "(sa{sv})", "bad name", 0));
        expect_none(lab, call, STANDARD_ERROR("InvalidArgs"), "bad name");

        call = lab_begin_create_taps(lab->alice);
        append_many(call, 1, 50);
        append_many(call, 50, 50);
        expect_none(lab, call, STANDARD_ERROR("InvalidArgs"), "\"tap50\" is named twice");

        g_free(lab_run("ip tuntap add mode tap dev tap40"));
        call = lab_begin_create_taps(lab->alice);
        append_many(call, 1, 50);
        expect_none(lab, call, OWN_ERROR("NameInUse"), "tap40");

        call = lab_begin_create_taps(lab->alice);
        expect_none(lab, call, STANDARD_ERROR("InvalidArgs"), "no TAP");

        /* Above the quota as a whole. */
        lab->polkit->mode = POLKIT_NO;
        call = lab_begin_create_taps(lab->alice);
        append_many(call, 100, 601);
        expect_none(lab, call, STANDARD_ERROR("LimitsExceeded"), "500 of 500");
        lab_free(lab);
}

static bool has_links(Lab *lab, void *userdata) {
        return count_links() >= 33;
}

static void test_rolled_back(void) {
        Lab *lab = lab_new(config);
        sd_bus_message *call = lab_begin_create_taps(lab->alice);
        LabReply reply;

        /* A name is taken while the pieces are made: what was made goes again. */
        append_many(call, 1, MANY);
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_run_until(lab, has_links, NULL);
        if (!lab_link_exists("tap400"))
                g_free(lab_run("ip link add tap400 type bridge"));
        lab_wait_reply(lab, &reply);
        if (reply.error) {
                lab_expect(reply, OWN_ERROR("NameInUse"), "tap400");
                g_assert_cmpuint(count_links(), ==, 1);
        } else {
                g_test_skip("this machine was too fast to take a name in between");
                lab_reply_done(&reply);
        }
        lab_free(lab);
}

static void test_numbers(void) {
        Lab *lab = lab_new(config);
        sd_bus_message *call = lab_begin_create_taps(lab->alice);
        static const char *const expected[] = { "tap0", "tap2", "tap3", "lab0" };
        LabReply reply;
        const char *name, *path;
        int created;

        /* Each wish gets a number of its own. */
        g_free(lab_run("ip tuntap add mode tap dev tap1"));
        lab_ok(sd_bus_message_append(call, "(sa{sv})(sa{sv})(sa{sv})(sa{sv})", "", 0, "tap%d", 0, "", 0, "lab%d", 0));
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_wait_reply(lab, &reply);
        lab_ok(sd_bus_message_enter_container(reply.message, 'a', "(sob)"));
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
                lab_ok(sd_bus_message_read(reply.message, "(sob)", &name, &path, &created));
                g_assert_cmpstr(name, ==, expected[i]);
        }
        lab_reply_done(&reply);
        lab_free(lab);
}

/* Each of the first MANY that is there is whole and known, and no other is. */
static void expect_whole(Lab *lab) {
        unsigned n = 0;

        for (unsigned i = 1; i <= MANY; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);
                g_autofree char *record = g_build_filename(lab->folder, "run/taps", name, NULL);

                g_assert_cmpint(lab_link_exists(name), ==, g_file_test(record, G_FILE_TEST_EXISTS));
                if (!lab_link_exists(name))
                        continue;
                lab_expect_property(lab, name, "State", "ready");
                lab_expect_property(lab, name, "AdministrativeState", "up");
                n++;
        }
        g_assert_cmpuint(count_links(), ==, n);
}

static void test_terminated(void) {
        Lab *lab = lab_new(config);
        sd_bus_message *call = lab_begin_create_taps(lab->alice);
        LabReply reply;
        int status;

        /* Told to end in the middle of it: one answer, a clean end, and nothing half-made. */
        append_many(call, 1, MANY);
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_run_until(lab, is_begun, NULL);
        status = lab_stop_tapd(lab, SIGTERM);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        lab_wait_reply(lab, &reply);
        lab_reply_done(&reply);

        lab_start_tapd(lab);
        expect_whole(lab);
        lab_free(lab);
}

static void test_hangups(Lab *lab) {
        pid_t pid = lab->tapd_pid;

        for (unsigned i = 0; i < 1000; i++) {
                g_assert_cmpint(kill(pid, SIGHUP), ==, 0);
                if (i % 100 == 0) {
                        g_autofree char *name = g_strdup_printf("tap%u", i);

                        lab_create(lab, lab->root, name, NULL);
                }
        }
        lab_settle(lab);
        g_assert_cmpuint(count_links(), ==, 10);
}

static bool is_idle_gone(Lab *lab, void *userdata) {
        return !lab_link_exists("tap1");
}

static void test_idle(void) {
        Lab *lab = lab_new("[Defaults]\nGroup=12100\nIdleSec=300ms\n");
        int fd;

        lab_create(lab, lab->root, "tap1", NULL);
        lab_create(lab, lab->root, "tap2", NULL);
        fd = lab_open_queue("tap2", IFF_MULTI_QUEUE, LAB_BOB, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_run_until(lab, is_idle_gone, NULL);

        /* One that is open stays, however long; a death does not make it young again. */
        lab_settle(lab);
        g_assert_true(lab_link_exists("tap2"));
        lab_expect_property(lab, "tap2", "IdleSinceUSec", "0");
        lab_stop_tapd(lab, SIGKILL);
        lab_start_tapd(lab);
        g_assert_true(lab_link_exists("tap2"));
        lab_watch(lab);
        close(fd);
        lab_wait_signal(lab, "removed tap2");
        lab_free(lab);
}

static bool is_looked_at(Lab *lab, void *userdata) {
        return !lab_link_exists("tap2");
}

static void test_idle_without_carrier(void) {
        Lab *lab = lab_new("[Defaults]\nGroup=12100\nIdleSec=300ms\n");
        int fd, off = 0;

        /* It seems idle, and is not: it outlives one that fell idle later. */
        lab_expect(lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 1,
                            "MultiQueue", "b", 0),
                   NULL, NULL);
        fd = lab_open_queue("tap1", 0, LAB_BOB, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(ioctl(fd, TUNSETCARRIER, &off), ==, 0);
        lab_settle(lab);
        lab_create(lab, lab->root, "tap2", NULL);
        lab_run_until(lab, is_looked_at, NULL);
        lab_settle(lab);
        g_assert_true(lab_link_exists("tap1"));
        lab_expect_rest(lab);

        close(fd);
        lab_run_until(lab, is_idle_gone, NULL);
        lab_free(lab);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/many/many", test_many);
        g_test_add_func("/many/meanwhile", test_meanwhile);
        g_test_add_func("/many/none", test_none);
        g_test_add_func("/many/rolled-back", test_rolled_back);
        g_test_add_func("/many/numbers", test_numbers);
        g_test_add_func("/many/terminated", test_terminated);
        lab_add_test("/many/hangups", test_hangups);
        g_test_add_func("/many/idle", test_idle);
        g_test_add_func("/many/idle/without-carrier", test_idle_without_carrier);
        return g_test_run();
}
