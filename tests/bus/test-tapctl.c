/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real tapctl: where its output goes nowhere, where there is no bus, and who it talks to. */
#include <errno.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "lab.h"

/* tapctl as root or as somebody of the lab, by way of a shell, in which $tapctl is it. */
typedef struct CommandRow {
        const char *command;
        int status;
        const char *out, *err; /* a part of it; NULL: nothing at all */
} CommandRow;

static void run_command(Lab *lab, uid_t uid, const CommandRow *row) {
        g_autofree char *id = g_strdup_printf("%u", uid);
        const char *arguments[] = { "setpriv", "--reuid", id,   "--regid",    id,  "--clear-groups",
                                    "--",      "sh",      "-c", row->command, NULL };
        g_auto(GStrv) environment = g_get_environ();
        g_autofree char *out = NULL, *err = NULL;
        int status;

        environment = g_environ_setenv(environment, "tapctl", g_getenv("TAPCTL"), true);
        environment = g_environ_setenv(environment, "DBUS_SYSTEM_BUS_ADDRESS", lab->address, true);
        g_assert_true(g_spawn_sync(NULL, (char **) arguments, environment, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err,
                                   &status, NULL));

        g_test_message("%s: %s%s", row->command, out, err);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, row->status);
        if (row->out)
                lab_assert_contains(out, row->out);
        else
                g_assert_cmpstr(out, ==, "");
        if (row->err)
                lab_assert_contains(err, row->err);
        else
                g_assert_cmpstr(err, ==, "");
}

static void test_output(Lab *lab) {
        static const CommandRow rows[] = {
                { "$tapctl list >/dev/full", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                { "$tapctl list --json >/dev/full", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                { "$tapctl status tap1 >/dev/full", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                { "$tapctl create tap2 >/dev/full", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                { "$tapctl --help >/dev/full", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                { "$tapctl list >&-", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                { "$tapctl create tap3 >&-", TAPCTL_EXIT_FAILED, NULL, "cannot write to standard output" },
                /* Who stopped reading knows it. */
                { "(trap '' PIPE; until ! echo x 2>/dev/null; do :; done; $tapctl list; echo \"status $?\" >&2) | true",
                  TAPCTL_EXIT_DONE, NULL, "status 1\n" },
                { "$tapctl nonsense 2>&-", TAPCTL_EXIT_USAGE, NULL, NULL },
                { "$tapctl nonsense 2>/dev/full", TAPCTL_EXIT_USAGE, NULL, NULL },
                { "$tapctl list <&-", TAPCTL_EXIT_DONE, "tap1", NULL },
                /* A terminal of no width, and none; what is not ASCII where the locale is. */
                { "COLUMNS=0 $tapctl list", TAPCTL_EXIT_DONE, "tap1", NULL },
                { "COLUMNS=x $tapctl list", TAPCTL_EXIT_DONE, "tap1", NULL },
                { "COLUMNS=-1 $tapctl list", TAPCTL_EXIT_DONE, "tap1", NULL },
                { "TERM= $tapctl list", TAPCTL_EXIT_DONE, "tap1", NULL },
                { "LC_ALL=C $tapctl list -o NAME,DESCRIPTION", TAPCTL_EXIT_DONE, "tap1", NULL },
                { "LC_ALL=C $tapctl status tap1", TAPCTL_EXIT_DONE, "tap1", NULL },
                { "LC_ALL=C $tapctl status --json tap1", TAPCTL_EXIT_DONE, "b\xc3\xbcro", NULL }, /* JSON is UTF-8 */
        };

        lab_expect(lab_call(lab, lab->root, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap1", 1,
                            "Description", "s", "b\xc3\xbcro"),
                   NULL, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, 0, &rows[i]);

        /* What could not be said was done all the same. */
        g_assert_true(lab_link_exists("tap2"));
        g_assert_true(lab_link_exists("tap3"));
}

static void test_usage(Lab *lab) {
        static const CommandRow rows[] = {
                { "$tapctl delete", TAPCTL_EXIT_USAGE, NULL, "delete" },
                { "$tapctl up", TAPCTL_EXIT_USAGE, NULL, "needs the name of a TAP" },
                { "$tapctl create -rf", TAPCTL_EXIT_USAGE, NULL, "-r" },
                { "$tapctl create -- -rf", TAPCTL_EXIT_USAGE, NULL, "must start with a letter" },
                { "$tapctl create -- --help", TAPCTL_EXIT_USAGE, NULL, "must start with a letter" },
                { "$tapctl create --nonsense tap1", TAPCTL_EXIT_USAGE, NULL, "nonsense" },
                { "$tapctl create --mtu=abc tap1", TAPCTL_EXIT_USAGE, NULL, "abc" },
                { "$tapctl create --mtu=1e3 tap1", TAPCTL_EXIT_USAGE, NULL, "1e3" },
                { "$tapctl create '--mtu= 1500' tap1", TAPCTL_EXIT_USAGE, NULL, " 1500" },
                { "$tapctl create --mtu=+1500 tap1", TAPCTL_EXIT_USAGE, NULL, "+1500" },
                { "$tapctl create --mtu=01500 tap1", TAPCTL_EXIT_USAGE, NULL, "01500" },
                { "$tapctl create --mtu=99999999999999999999 tap1", TAPCTL_EXIT_USAGE, NULL, "99999999999999999999" },
                { "$tapctl create --user= tap1", TAPCTL_EXIT_USAGE, NULL, "ser" },
                { "$tapctl create --user=nosuchuser tap1", TAPCTL_EXIT_USAGE, NULL, "nosuchuser" },
                { "$tapctl create --user=65536x tap1", TAPCTL_EXIT_USAGE, NULL, "65536x" },
                { "$tapctl create --user=4294967295 tap1", TAPCTL_EXIT_USAGE, NULL, "4294967295" },
                { "$tapctl create --user=65535 tap1", TAPCTL_EXIT_USAGE, NULL, "65535" },
                { "$tapctl create \"$(printf 'a\\033[31mb')\"", TAPCTL_EXIT_USAGE, NULL, "a\\x1b[31mb" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, 0, &rows[i]);
        g_assert_false(lab_link_exists("tap1"));
}

static void test_words(Lab *lab) {
        static const CommandRow rows[] = {
                { "$tapctl create tap5", TAPCTL_EXIT_IN_USE, NULL, "tap5: a network interface that is not" },
                { "$tapctl run tap5 -- true", 125, NULL, "tap5: a network interface that is not" },
                { "$tapctl run tap1 -- true", 125, NULL, "tap1: exists" },
                { "$tapctl create tap6", TAPCTL_EXIT_IN_USE, NULL, "tap6: belongs to lab-alice" },
                { "$tapctl status tap5", TAPCTL_EXIT_NO_SUCH_TAP, NULL, "\"tapctl adopt tap5\" takes over a TAP" },
                { "$tapctl status tap7", TAPCTL_EXIT_NO_SUCH_TAP, NULL, "\"tapctl create tap7\" makes it" },
                /* What never changes, and what tapctl run has no use for: the command line is wrong. */
                { "$tapctl set tap1 --multi-queue=no", TAPCTL_EXIT_USAGE, NULL, "MultiQueue=" },
                { "$tapctl set tap1 --kind=tun", TAPCTL_EXIT_USAGE, NULL, "Kind=" },
                { "$tapctl run --user=root -- true", 125, NULL, "\"run\" takes no option --user" },
                { "$tapctl run --group=kvm -- true", 125, NULL, "\"run\" takes no option --group" },
                { "$tapctl run --mtu=1400 --shared -- true", 125, NULL, "\"run\" takes no option --shared" },
                { "$tapctl run --queues=2 -- true {fd}", 125, NULL, "--queues=2 has 2 of them: {fds}" },
                { "$tapctl run -- sh -c 'test -e /proc/self/fd/$1 && echo yes' sh {fd}", 0, "yes", NULL },
                { "$tapctl run --help | grep -e --user -e --group -e --shared", 1, NULL, NULL },
                { "$tapctl run --help | grep -e --mtu", 0, "--mtu", NULL },
                { "$tapctl create --help | grep -e --user", 0, "--user", NULL },
        };

        lab_create(lab, lab->root, "tap1", NULL);
        lab_create(lab, lab->alice, "tap6", NULL);
        g_free(lab_run("ip tuntap add mode tap dev tap5"));
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, 0, &rows[i]);
}

/* What status says that an open will bring is what it brings. */
static void test_open_with(Lab *lab) {
        static const CommandRow for_alice = { "$tapctl status tap1", 0,
                                              "Open with: -netdev tap,id=n0,ifname=tap1,queues=2,", NULL },
                                mismatch = { "$tapctl status tap1", 0, "else \"Invalid argument\"", NULL },
                                /* setpriv has her without the group that she is in by /etc/group. */
                later = { "$tapctl status tap1", 0,
                          "you are in lab-group at your next login: \"Operation not permitted\"", NULL },
                                not_bob = { "$tapctl status tap1", 0,
                                            "not by you, who are not lab-alice: \"Operation not permitted\"", NULL },
                                single = { "$tapctl status tap2", 0,
                                           "Open with: -netdev tap,id=n0,ifname=tap2,script=no,", NULL },
                                busy = { "$tapctl status tap2", 0, "\"Device or resource busy\"", NULL },
                                free_again = { "$tapctl status tap2 | grep busy", 1, NULL, NULL };
        int fd;

        lab_watch(lab);
        lab_create(lab, lab->alice, "tap1", NULL);
        run_command(lab, LAB_ALICE, &for_alice);
        run_command(lab, LAB_ALICE, &mismatch);
        g_assert_cmpint(lab_open_queue("tap1", 0, LAB_ALICE, LAB_GROUP), ==, -EINVAL);
        run_command(lab, LAB_ALICE, &later);
        g_assert_cmpint(lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_ALICE, 0), ==, -EPERM);
        run_command(lab, LAB_BOB, &not_bob);
        g_assert_cmpint(lab_open_queue("tap1", IFF_MULTI_QUEUE, LAB_BOB, LAB_GROUP), ==, -EPERM);

        lab_expect(lab_call(lab, lab->alice, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", "tap2", 1,
                            "MultiQueue", "b", 0),
                   NULL, NULL);
        run_command(lab, LAB_ALICE, &single);
        run_command(lab, LAB_ALICE, &free_again);
        fd = lab_open_queue("tap2", 0, LAB_ALICE, LAB_GROUP);
        g_assert_cmpint(fd, >=, 0);
        lab_wait_signal(lab, "changed tap2 Carrier=true");
        run_command(lab, LAB_ALICE, &busy);
        g_assert_cmpint(lab_open_queue("tap2", 0, LAB_ALICE, LAB_GROUP), ==, -EBUSY);
        close(fd);
        lab_wait_signal(lab, "changed tap2 Carrier=false");
        run_command(lab, LAB_ALICE, &free_again);
}

static void test_descriptors(Lab *lab) {
        static const CommandRow rows[] = {
                { "ulimit -n 30; $tapctl run --queues=16 -- true", 125, NULL, "ulimit -n" },
                { "ulimit -n 200; $tapctl run --queues=16 -- true", 0, NULL, NULL },
        };

        /* It is tapctl's own shortage, and none of tapd's. */
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, 0, &rows[i]);
}

static void test_no_bus(Lab *lab) {
        static const CommandRow rows[] = {
                { "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent $tapctl list", TAPCTL_EXIT_NO_SERVICE, NULL,
                  "cannot talk to the system bus" },
                { "DBUS_SYSTEM_BUS_ADDRESS=nonsense $tapctl create tap1", TAPCTL_EXIT_NO_SERVICE, NULL,
                  "cannot talk to the system bus" },
                { "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent $tapctl delete tap1", TAPCTL_EXIT_NO_SERVICE, NULL,
                  "systemctl status dbus" },
                { "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent $tapctl run -- true", 125, NULL,
                  "cannot talk to the system bus" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, LAB_ALICE, &rows[i]);
}

static void test_no_service(Lab *lab) {
        static const CommandRow rows[] = {
                { "$tapctl list", TAPCTL_EXIT_NO_SERVICE, NULL, "is tapd installed?" },
                { "$tapctl create tap1", TAPCTL_EXIT_NO_SERVICE, NULL, "is tapd installed?" },
                { "$tapctl monitor", TAPCTL_EXIT_NO_SERVICE, NULL, "is tapd installed?" },
        };

        /* A bus on which nobody has the name, and that has nothing to start for it. */
        lab_stop_tapd(lab, SIGTERM);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, LAB_ALICE, &rows[i]);
        lab_start_tapd(lab);
}

static void test_impostor(Lab *lab) {
        static const CommandRow rows[] = {
                { "$tapctl list", TAPCTL_EXIT_FAILED, NULL, "refusing: org.tapd1" },
                { "$tapctl create tap1", TAPCTL_EXIT_FAILED, NULL, "owned by uid 12003, not by user tapd" },
                { "$tapctl delete tap1", TAPCTL_EXIT_FAILED, NULL, "refusing" },
                { "$tapctl monitor", TAPCTL_EXIT_FAILED, NULL, "refusing" },
                { "$tapctl run -- true", 125, NULL, "refusing" },
        };

        lab_stop_tapd(lab, SIGTERM);
        lab_ok(sd_bus_request_name(lab->mallory, TAPD_BUS_NAME, 0));
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                run_command(lab, LAB_ALICE, &rows[i]);
        lab_ok(sd_bus_release_name(lab->mallory, TAPD_BUS_NAME));
        lab_start_tapd(lab);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/tapctl/output", test_output);
        lab_add_test("/tapctl/open-with", test_open_with);
        lab_add_test("/tapctl/descriptors", test_descriptors);
        lab_add_test("/tapctl/usage", test_usage);
        lab_add_test("/tapctl/words", test_words);
        lab_add_test("/tapctl/no-bus", test_no_bus);
        lab_add_test("/tapctl/no-service", test_no_service);
        lab_add_test("/tapctl/impostor", test_impostor);
        return g_test_run();
}
