/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may plug what into which switch, and what polkit is asked, and told, about it. */
#include <signal.h>
#include <string.h>

#include "files.h"
#include "ports.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

#define DENIED STANDARD_ERROR("AccessDenied")

/* Members have br0; bob alone has br1 as well, for other names. */
static const char config[] = "[Defaults]\nGroup=12100\n"
                             "[Grant lab]\nUsers=@12100\nNames=tap*\nTapsPerUser=10\nSwitches=br0\n"
                             "[Grant bob]\nUsers=12002\nNames=lab*\nTapsPerUser=10\nSwitches=br1 dsw-*\n";

static Lab *lab_with_bridges(void) {
        Lab *lab = lab_new(config);

        port_add_bridge("br0");
        port_add_bridge("br1");
        return lab;
}

static void set_mode(Lab *lab, PolkitMode mode, const char *yes_to) {
        lab->polkit->mode = mode;
        lab->polkit->yes_to = yes_to;
        polkit_forget(lab->polkit);
}

/* ---- what is asked ---- */

typedef struct Question {
        const char *action, *tap, *switch_name, *vlan, *creator, *grant;
} Question;

static void check_question(PolkitQuestion *asked, const Question *expected) {
        g_assert_cmpstr(asked->action, ==, expected->action);
        g_assert_cmpstr(polkit_detail(asked, "tap"), ==, expected->tap);
        g_assert_cmpstr(polkit_detail(asked, "switch"), ==, expected->switch_name);
        g_assert_cmpstr(polkit_detail(asked, "vlan"), ==, expected->vlan);
        g_assert_cmpstr(polkit_detail(asked, "creator"), ==, expected->creator);
        g_assert_cmpstr(polkit_detail(asked, "grant"), ==, expected->grant);
}

static void expect_questions(Lab *lab, const Question *expected, guint n) {
        GPtrArray *asked = lab->polkit->questions;

        for (guint i = 0; i < asked->len && i < n; i++)
                check_question(asked->pdata[i], &expected[i]);
        g_assert_cmpuint(asked->len, ==, n);
        polkit_forget(lab->polkit);
}

#define expect_asked(lab, ...)                                                                                         \
        do {                                                                                                           \
                static const Question questions[] = { __VA_ARGS__ };                                                   \
                                                                                                                       \
                expect_questions(lab, questions, G_N_ELEMENTS(questions));                                             \
        } while (0)

#define CREATE "org.tapd1.create"
#define PLUG "org.tapd1.plug"
#define OTHERS "org.tapd1.manage-others"
#define OVERRIDE "org.tapd1.override"

static void test_create(void) {
        Lab *lab = lab_with_bridges();

        /* To have one is one thing, to be on that switch another. */
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        expect_asked(lab, { CREATE, "tap1", "br0", "", "12001", "lab" }, { PLUG, "tap1", "br0", "", "12001", "lab" });
        lab_create(lab, lab->alice, "tap2", NULL);
        expect_asked(lab, { CREATE, "tap2", NULL, NULL, "12001", "lab" });
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap3", 1, "Switch", "s", "br0", 1),
                   NULL, NULL);
        expect_asked(lab, { CREATE, "tap3", "br0", "", "12001", "lab" }, { PLUG, "tap3", "br0", "", "12001", "lab" });

        /* A no to either is a no. */
        set_mode(lab, POLKIT_NO, CREATE);
        lab_expect(port_create(lab, lab->alice, "tap4", "br0", false), DENIED, PLUG);
        expect_asked(lab, { CREATE, "tap4", "br0", "", "12001", "lab" }, { PLUG, "tap4", "br0", "", "12001", "lab" });
        set_mode(lab, POLKIT_NO, PLUG);
        lab_expect(port_create(lab, lab->alice, "tap4", "br0", false), DENIED, CREATE);
        expect_asked(lab, { CREATE, "tap4", "br0", "", "12001", "lab" });
        g_assert_false(lab_link_exists("tap4"));

        lab_expect(port_create(lab, lab->root, "tap4", "br1", false), NULL, NULL);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
        lab_free(lab);
}

static void test_create_outside(void) {
        Lab *lab = lab_with_bridges();

        /* One question, for all that is outside. */
        set_mode(lab, POLKIT_NO, CREATE);
        lab_expect(port_create(lab, lab->alice, "tap1", "br1", false), DENIED,
                   "Switch=: \"br1\" is not in Switches= of grant lab");
        expect_asked(lab, { OVERRIDE, "tap1", "br1", "", "12001", NULL });
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateEphemeral", "sa{sv}u", "tap1", 1, "Switch", "s", "br1", 1),
                   DENIED, "br1");
        expect_asked(lab, { OVERRIDE, "tap1", "br1", "", "12001", NULL });
        lab_expect(port_create(lab, lab->mallory, "tap1", "br0", false), DENIED, "no grant");
        expect_asked(lab, { OVERRIDE, "tap1", "br0", "", "12003", NULL });
        set_mode(lab, POLKIT_CHALLENGE, NULL);
        lab_expect(port_create(lab, lab->alice, "tap1", "br1", false),
                   STANDARD_ERROR("InteractiveAuthorizationRequired"), "br1");
        g_assert_false(lab_link_exists("tap1"));

        /* The name of one grant and the switch of another are together in none. */
        set_mode(lab, POLKIT_NO, NULL);
        lab_expect(port_create(lab, lab->bob, "lab1", "br0", false), DENIED,
                   "Switch=: \"br0\" is not in Switches= of grant bob");
        lab_expect(port_create(lab, lab->bob, "tap1", "br1", false), DENIED,
                   "Switch=: \"br1\" is not in Switches= of grant lab");
        g_assert_false(lab_link_exists("lab1") || lab_link_exists("tap1"));

        set_mode(lab, POLKIT_YES, NULL);
        lab_expect(port_create(lab, lab->bob, "lab1", "br1", false), NULL, NULL);
        expect_asked(lab, { CREATE, "lab1", "br1", "", "12002", "bob" }, { PLUG, "lab1", "br1", "", "12002", "bob" });
        g_free(lab_run("ip link add dsw-host type bridge"));
        lab_expect(port_create(lab, lab->bob, "lab2", "dsw-host", false), NULL, NULL);
        set_mode(lab, POLKIT_NO, OVERRIDE);
        lab_expect(port_create(lab, lab->alice, "tap1", "br1", false), NULL, NULL);
        expect_asked(lab, { OVERRIDE, "tap1", "br1", "", "12001", NULL });
        port_expect("tap1", "br1", false);
        lab_free(lab);
}

static LabReply create_two(Lab *lab, const char *one, const char *two) {
        sd_bus_message *call = lab_begin_create_taps(lab->alice);
        LabReply reply;

        port_append(call, "tap1", one);
        port_append(call, "tap2", two);
        lab_send_create_taps(lab, lab->alice, call, &reply);
        lab_wait_reply(lab, &reply);
        return reply;
}

static void test_create_many(void) {
        Lab *lab = lab_with_bridges();

        /* One of them is enough to have it asked. */
        set_mode(lab, POLKIT_NO, CREATE);
        lab_expect(create_two(lab, "br0", "br1"), DENIED, "br1");
        g_assert_cmpuint(lab->polkit->questions->len, ==, 1);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, OVERRIDE);
        g_assert_cmpstr(polkit_detail(polkit_last(lab->polkit), "tap"), ==, "tap1 tap2");
        g_assert_cmpstr(polkit_detail(polkit_last(lab->polkit), "switch"), ==, "*");
        g_assert_cmpstr(polkit_detail(polkit_last(lab->polkit), "grant"), ==, NULL);
        g_assert_false(lab_link_exists("tap1") || lab_link_exists("tap2"));

        set_mode(lab, POLKIT_YES, NULL);
        lab_expect(create_two(lab, "br0", "br0"), NULL, NULL);
        expect_asked(lab, { CREATE, "tap1 tap2", "br0", "", "12001", "lab" },
                     { PLUG, "tap1 tap2", "br0", "", "12001", "lab" });
        lab_free(lab);
}

static void test_plug(void) {
        Lab *lab = lab_with_bridges();

        lab_create(lab, lab->alice, "tap1", NULL);
        polkit_forget(lab->polkit);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        expect_asked(lab, { PLUG, "tap1", "br0", "", "12001", "lab" });
        lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        expect_asked(lab, { PLUG, "tap1", "br0", "", "12001", "lab" });
        /* Into none, out of none: there is no switch to name. */
        lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        expect_asked(lab, { PLUG, "tap1", NULL, NULL, "12001", "lab" });

        set_mode(lab, POLKIT_NO, "org.tapd1.configure");
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), DENIED, PLUG);
        port_expect("tap1", "", false);
        set_mode(lab, POLKIT_NO, PLUG);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br1", false), DENIED,
                   "Switch=: \"br1\" is not in Switches= of grant lab");
        expect_asked(lab, { OVERRIDE, "tap1", "br1", "", "12001", NULL });
        port_expect("tap1", "", false);
        set_mode(lab, POLKIT_NO, OVERRIDE);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br1", false), NULL, NULL);
        port_expect("tap1", "br1", false);
        lab_free(lab);
}

/* Another's: leave for that first, and then for what is outside. */
static void test_others(void) {
        Lab *lab = lab_with_bridges();

        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        set_mode(lab, POLKIT_NO, PLUG);
        lab_expect(port_plug(lab, lab->bob, "tap1", "br0", true), DENIED, "tap1 belongs to uid 12001");
        expect_asked(lab, { OTHERS, "tap1", "br0", "", "12001", "lab" });
        lab_expect(port_unplug(lab, lab->bob, "tap1"), DENIED, "tap1 belongs to uid 12001");
        expect_asked(lab, { OTHERS, "tap1", "br0", "", "12001", "lab" });
        lab_expect(port_unplug(lab, lab->mallory, "tap1"), DENIED, "tap1 belongs to uid 12001");
        expect_asked(lab, { OTHERS, "tap1", "br0", "", "12001", NULL });
        lab_expect(port_plug(lab, lab->daemon, "tap1", "br0", true), DENIED, "system account");
        lab_expect(port_unplug(lab, lab->daemon, "tap1"), DENIED, "system account");
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
        port_expect("tap1", "br0", false);

        set_mode(lab, POLKIT_NO, OTHERS);
        lab_expect(port_plug(lab, lab->bob, "tap1", "br1", true), DENIED, "Switch=: \"br1\"");
        expect_asked(lab, { OTHERS, "tap1", "br1", "", "12001", NULL }, { OVERRIDE, "tap1", "br1", "", "12001", NULL });
        port_expect("tap1", "br0", false);
        lab_expect(port_plug(lab, lab->bob, "tap1", "br0", true), NULL, NULL);
        port_expect("tap1", "br0", true);
        lab_expect(port_unplug(lab, lab->bob, "tap1"), NULL, NULL);
        port_expect("tap1", "", false);

        /* Its user is one of its managers, within his own grants. */
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap2", 1, "User", "u", LAB_BOB), NULL,
                   NULL);
        set_mode(lab, POLKIT_NO, PLUG);
        lab_expect(port_plug(lab, lab->bob, "tap2", "br0", false), NULL, NULL);
        lab_expect(port_plug(lab, lab->bob, "tap2", "br1", false), DENIED, "br1");
        lab_expect(port_plug(lab, lab->alice, "tap2", "br0", false), DENIED, "tap2 belongs to uid 0");
        port_expect("tap2", "br0", false);
        lab_free(lab);
}

/* Somebody put it where he may not: he does not take it away from there either. */
static void test_move(void) {
        Lab *lab = lab_with_bridges();

        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        lab_expect(port_plug(lab, lab->root, "tap1", "br1", false), NULL, NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        g_free(lab_run("ip link set tap2 master br1"));
        lab_wait_property(lab, "tap2", "Switch", "br1");

        for (unsigned i = 1; i <= 2; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                set_mode(lab, POLKIT_NO, PLUG);
                lab_expect(port_plug(lab, lab->alice, name, "br0", false), DENIED,
                           "it is plugged into \"br1\", which is not in Switches= of grant lab");
                g_assert_cmpuint(lab->polkit->questions->len, ==, 1);
                check_question(polkit_last(lab->polkit), &(Question){ OVERRIDE, name, "br0", "", "12001", NULL });
                port_expect(name, "br1", false);
                set_mode(lab, POLKIT_NO, OVERRIDE);
                lab_expect(port_plug(lab, lab->alice, name, "br0", false), NULL, NULL);
                port_expect(name, "br0", false);
        }
        lab_free(lab);
}

/* ---- what changed while a person typed ---- */

static bool was_asked(Lab *lab, void *userdata) {
        return lab->polkit->questions->len >= *(guint *) userdata;
}

static void wait_questions(Lab *lab, guint n) {
        lab_run_until(lab, was_asked, &n);
}

static void begin_plug(Lab *lab, LabReply *reply) {
        set_mode(lab, POLKIT_HOLD, NULL);
        lab_send(lab, lab->alice, reply, TAPD_TAP_PREFIX "/tap1", TAPD_TAP_INTERFACE, "Plug", "sa{sv}", "br0", 0);
        wait_questions(lab, 1);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, PLUG);
}

static void test_second_look(void) {
        Lab *lab = lab_with_bridges();
        g_autofree char *before = NULL, *after = NULL;
        LabReply reply;

        lab_create(lab, lab->alice, "tap1", NULL);

        /* It was put elsewhere: that is another question. */
        begin_plug(lab, &reply);
        g_free(lab_run("ip link set tap1 master br1"));
        lab_wait_property(lab, "tap1", "Switch", "br1");
        polkit_answer(lab->polkit, true);
        wait_questions(lab, 2);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, OVERRIDE);
        polkit_answer(lab->polkit, false);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, DENIED, "it is plugged into \"br1\"");
        port_expect("tap1", "br1", false);
        g_free(lab_run("ip link set tap1 nomaster"));
        lab_wait_property(lab, "tap1", "Switch", "");

        /* The switch went. */
        before = port_snapshot(lab);
        begin_plug(lab, &reply);
        g_free(lab_run("ip link set br0 name br9"));
        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, OWN_ERROR("NoSuchSwitch"), "br0");
        g_free(lab_run("ip link set br9 name br0"));
        after = port_snapshot(lab);
        port_expect_same(before, after);

        /* The grant went. */
        begin_plug(lab, &reply);
        files_write(lab, "etc/tapd/tapd.conf", "[Defaults]\nGroup=12100\n[Grant lab]\nUsers=@12100\nNames=tap*\n");
        files_reload(lab);
        polkit_answer(lab->polkit, true);
        wait_questions(lab, 2);
        g_assert_cmpstr(polkit_last(lab->polkit)->action, ==, OVERRIDE);
        polkit_answer(lab->polkit, false);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, DENIED, "Switch=: \"br0\" is not in Switches= of grant lab");
        port_expect("tap1", "", false);

        /* The TAP went. */
        files_write(lab, "etc/tapd/tapd.conf", config);
        files_reload(lab);
        begin_plug(lab, &reply);
        lab_delete(lab, lab->root, "tap1", false, NULL);
        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, OWN_ERROR("NoSuchTap"), "tap1");
        lab_free(lab);
}

static void test_always_ask(void) {
        Lab *lab = lab_with_bridges();

        lab_create(lab, lab->root, "tap1", NULL);
        lab_restart_with(lab, "--always-ask");
        set_mode(lab, POLKIT_NO, NULL);
        lab_expect(port_plug(lab, lab->root, "tap1", "br1", false), DENIED, PLUG);
        expect_asked(lab, { PLUG, "tap1", "br1", "", "0", NULL });
        port_expect("tap1", "", false);
        lab_free(lab);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/plug-gate/create", test_create);
        g_test_add_func("/plug-gate/create/outside", test_create_outside);
        g_test_add_func("/plug-gate/create/many", test_create_many);
        g_test_add_func("/plug-gate/plug", test_plug);
        g_test_add_func("/plug-gate/others", test_others);
        g_test_add_func("/plug-gate/move", test_move);
        g_test_add_func("/plug-gate/second-look", test_second_look);
        g_test_add_func("/plug-gate/always-ask", test_always_ask);
        return g_test_run();
}
