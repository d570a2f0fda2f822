/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may do what: the gate, then polkit, which says yes, no, "with a password", later, never, or is not there. */
#include <string.h>
#include <unistd.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define CREATE MANAGER, "CreateTap", "sa{sv}"

static void set_mode(Lab *lab, PolkitMode mode) {
        lab->polkit->mode = mode;
        lab->polkit->yes_to = NULL;
        polkit_forget(lab->polkit);
}

static void expect_question(Lab *lab, const char *action, const char *tap, const char *creator, const char *grant) {
        PolkitQuestion *question = polkit_last(lab->polkit);

        g_assert_cmpuint(lab->polkit->questions->len, ==, 1);
        g_assert_cmpstr(question->action, ==, action);
        g_assert_cmpstr(polkit_detail(question, "tap"), ==, tap);
        g_assert_cmpstr(polkit_detail(question, "creator"), ==, creator);
        g_assert_cmpstr(polkit_detail(question, "grant"), ==, grant);
        polkit_forget(lab->polkit);
}

static void test_questions(Lab *lab) {
        g_autofree char *path = lab_path("tap1");
        const char *sender;

        /* One question a request, with what a rule may look at. */
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_ok(sd_bus_get_unique_name(lab->alice, &sender));
        g_assert_cmpstr(polkit_last(lab->polkit)->subject, ==, sender);
        g_assert_cmpuint(polkit_last(lab->polkit)->flags, ==, 0);
        expect_question(lab, "org.tapd1.create", "tap1", "12001", "lab");

        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        expect_question(lab, "org.tapd1.configure", "tap1", "12001", "lab");
        lab_expect(lab_call(lab, lab->bob, path, TAPD_TAP_INTERFACE, "Up", NULL), NULL, NULL);
        expect_question(lab, "org.tapd1.manage-others", "tap1", "12001", "lab");
        lab_expect(lab_call(lab, lab->mallory, path, TAPD_TAP_INTERFACE, "Up", NULL), NULL, NULL);
        expect_question(lab, "org.tapd1.manage-others", "tap1", "12001", NULL);

        lab_delete(lab, lab->alice, "tap1", false, NULL);
        expect_question(lab, "org.tapd1.delete", "tap1", "12001", "lab");

        /* Outside of every grant. */
        lab_create(lab, lab->alice, "eth7", NULL);
        expect_question(lab, "org.tapd1.override", "eth7", "12001", NULL);
        lab_create(lab, lab->mallory, "tap2", NULL);
        expect_question(lab, "org.tapd1.override", "tap2", "12003", NULL);

        /* Root needs none, nor who only reads. */
        lab_create(lab, lab->root, "tap3", NULL);
        lab_delete(lab, lab->root, "eth7", false, NULL);
        lab_expect(lab_call(lab, lab->mallory, MANAGER, "ListTaps", NULL), NULL, NULL);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
}

static void test_one_question_for_many(Lab *lab) {
        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        polkit_forget(lab->polkit);
        lab_expect(lab_call(lab, lab->alice, MANAGER, "DeleteTaps", "asb", 2, "tap2", "tap1", 0), NULL, NULL);
        expect_question(lab, "org.tapd1.delete", "tap1 tap2", "12001", "lab");
}

static void test_only_the_creator_deletes(Lab *lab) {
        g_autofree char *path = lab_path("tap1");

        lab_expect(lab_call(lab, lab->root, CREATE, "tap1", 1, "User", "u", LAB_BOB), NULL, NULL);
        set_mode(lab, POLKIT_NO);
        lab->polkit->yes_to = "org.tapd1.configure";

        /* The user of a TAP manages it; deleting it is for who made it. */
        lab_expect(lab_call(lab, lab->bob, path, TAPD_TAP_INTERFACE, "Down", NULL), NULL, NULL);
        lab_expect(lab_call(lab, lab->alice, path, TAPD_TAP_INTERFACE, "Up", NULL), STANDARD_ERROR("AccessDenied"),
                   "tap1 belongs to uid 0");
        lab_delete(lab, lab->bob, "tap1", false, STANDARD_ERROR("AccessDenied"));
        lab_expect_property(lab, "tap1", "AdministrativeState", "down");
        g_assert_true(lab_link_exists("tap1"));
}

static void test_refusals(Lab *lab) {
        static const struct {
                PolkitMode mode;
                bool interactive;
                const char *error;
        } rows[] = {
                { POLKIT_NO, false, STANDARD_ERROR("AccessDenied") },
                { POLKIT_NO, true, STANDARD_ERROR("AccessDenied") },
                { POLKIT_CHALLENGE, false, STANDARD_ERROR("InteractiveAuthorizationRequired") },
                { POLKIT_CHALLENGE, true, STANDARD_ERROR("AccessDenied") },
                { POLKIT_FAIL, false, STANDARD_ERROR("AccessDenied") },
                { POLKIT_NONSENSE, false, STANDARD_ERROR("AccessDenied") },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                LabReply reply;

                set_mode(lab, rows[i].mode);
                reply = rows[i].interactive ? lab_call_interactive(lab, lab->alice, CREATE, "tap1", 0)
                                            : lab_call(lab, lab->alice, CREATE, "tap1", 0);
                g_assert_cmpuint(polkit_last(lab->polkit)->flags, ==, rows[i].interactive ? 1 : 0);
                lab_expect(reply, rows[i].error, NULL);
                g_assert_false(lab_link_exists("tap1"));
        }
}

static void test_password(Lab *lab) {
        set_mode(lab, POLKIT_CHALLENGE);
        lab->polkit->password_is_right = true;

        lab_create(lab, lab->mallory, "tap1", STANDARD_ERROR("InteractiveAuthorizationRequired"));
        g_assert_false(lab_link_exists("tap1"));
        lab_expect(lab_call_interactive(lab, lab->mallory, CREATE, "tap1", 0), NULL, NULL);
        lab_expect_property(lab, "tap1", "CreatorUID", "12003");
}

static void test_absent(Lab *lab) {
        polkit_free(lab->polkit);
        lab->polkit = NULL;

        lab_expect(lab_call(lab, lab->alice, CREATE, "tap1", 0), STANDARD_ERROR("AccessDenied"),
                   "authorization service");
        g_assert_false(lab_link_exists("tap1"));
        /* Root does not depend on it. */
        lab_create(lab, lab->root, "tap1", NULL);
        lab->polkit = polkit_new(lab->address, lab->event);
        lab_create(lab, lab->alice, "tap2", NULL);
}

static bool was_asked(Lab *lab, void *userdata) {
        return lab->polkit->questions->len >= *(guint *) userdata;
}

static void wait_questions(Lab *lab, guint n) {
        lab_run_until(lab, was_asked, &n);
}

static bool was_cancelled(Lab *lab, void *userdata) {
        return polkit_last(lab->polkit)->is_cancelled;
}

static void test_later(Lab *lab) {
        LabReply reply;

        set_mode(lab, POLKIT_HOLD);
        lab_send(lab, lab->alice, &reply, CREATE, "tap1", 0);
        wait_questions(lab, 1);

        /* Others are served meanwhile, and nothing is done without a yes. */
        lab_create(lab, lab->root, "tap2", NULL);
        lab_settle(lab);
        g_assert_false(lab_has_reply(&reply));
        g_assert_false(lab_link_exists("tap1"));

        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, NULL, NULL);
        g_assert_true(lab_link_exists("tap1"));
}

static void test_disappears(Lab *lab) {
        LabReply reply;

        /* The bus answers in its place. */
        set_mode(lab, POLKIT_HOLD);
        lab_send(lab, lab->alice, &reply, CREATE, "tap1", 0);
        wait_questions(lab, 1);
        polkit_free(lab->polkit);
        lab->polkit = NULL;
        lab_wait_reply(lab, &reply);
        g_assert_nonnull(reply.error);
        g_assert_true(g_str_equal(reply.error, STANDARD_ERROR("AccessDenied")) ||
                      g_str_equal(reply.error, STANDARD_ERROR("Timeout")));
        lab_reply_done(&reply);
        g_assert_false(lab_link_exists("tap1"));
}

static void test_sender_leaves(Lab *lab) {
        static const gid_t group = LAB_GROUP;
        sd_bus *guest = lab_connect(lab, LAB_ALICE, &group, 1);
        LabReply reply;

        set_mode(lab, POLKIT_HOLD);
        lab_send(lab, guest, &reply, CREATE, "tap1", 0);
        wait_questions(lab, 1);
        sd_bus_flush_close_unref(guest);
        if (reply.message)
                lab_reply_done(&reply);

        /* Nobody types a password for a request that nobody waits for. */
        lab_run_until(lab, was_cancelled, NULL);
        polkit_answer(lab->polkit, true);
        lab_settle(lab);
        g_assert_false(lab_link_exists("tap1"));
}

static void test_second_look(Lab *lab) {
        g_autofree char *before = NULL, *after = NULL;
        LabReply reply;

        /* While a person typed, somebody else took the name. */
        set_mode(lab, POLKIT_HOLD);
        lab_send(lab, lab->alice, &reply, CREATE, "tap1", 0);
        wait_questions(lab, 1);
        g_free(lab_run("ip tuntap add mode tap dev tap1"));
        before = lab_run("ip -d link show tap1");
        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, OWN_ERROR("NameInUse"), "tap1");
        after = lab_run("ip -d link show tap1");
        g_assert_cmpstr(before, ==, after);

        /* The TAP went, and another one with its name is not meant. */
        lab_create(lab, lab->root, "tap2", NULL);
        set_mode(lab, POLKIT_HOLD);
        lab_send(lab, lab->alice, &reply, MANAGER, "DeleteTaps", "asb", 1, "tap2", 0);
        wait_questions(lab, 1);
        lab_delete(lab, lab->root, "tap2", false, NULL);
        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, OWN_ERROR("NoSuchTap"), "tap2");
}

static void test_second_look_identity(Lab *lab) {
        g_autofree char *path = lab_path("tap1");
        const struct {
                const char *verb;
                sd_bus *creator;
        } rows[] = {
                { "Down", lab->alice },
                { "Delete", lab->alice },
                { "Down", lab->root },
                { "Delete", lab->root },
        };

        /* A yes for one TAP is none for another that has its name by then, whoever made the two. */
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                LabReply reply;

                set_mode(lab, POLKIT_YES);
                lab_create(lab, rows[i].creator, "tap1", NULL);
                set_mode(lab, POLKIT_HOLD);
                if (g_str_equal(rows[i].verb, "Down"))
                        lab_send(lab, lab->bob, &reply, path, TAPD_TAP_INTERFACE, rows[i].verb, NULL);
                else
                        lab_send(lab, lab->bob, &reply, path, TAPD_TAP_INTERFACE, rows[i].verb, "b", 0);
                wait_questions(lab, 1);
                lab_delete(lab, lab->root, "tap1", false, NULL);
                lab_create(lab, lab->root, "tap1", NULL);
                polkit_answer(lab->polkit, true);

                /* It is asked again, about the other one. */
                wait_questions(lab, 2);
                g_assert_cmpstr(polkit_detail(polkit_last(lab->polkit), "creator"), ==, "0");
                polkit_answer(lab->polkit, false);
                lab_wait_reply(lab, &reply);
                lab_expect(reply, STANDARD_ERROR("AccessDenied"), "tap1 belongs to uid 0");
                lab_expect_property(lab, "tap1", "AdministrativeState", "up");
                lab_delete(lab, lab->root, "tap1", false, NULL);
        }
}

static char *read_name(LabReply *reply) {
        const char *name;

        g_assert_null(reply->error);
        lab_ok(sd_bus_message_read(reply->message, "s", &name));
        return g_strdup(name);
}

static void test_second_look_number(Lab *lab) {
        g_autofree char *first_name = NULL, *second_name = NULL;
        LabReply first, second;

        /* Both wish for the lowest free number and are asked about tap0; a yes to tap0 is none to tap1. Whose request
         * comes first is the bus's to say. */
        set_mode(lab, POLKIT_HOLD);
        lab_send(lab, lab->alice, &first, CREATE, "", 0);
        lab_send(lab, lab->bob, &second, CREATE, "", 0);
        wait_questions(lab, 2);
        polkit_answer(lab->polkit, true);
        wait_questions(lab, 3);
        g_assert_cmpstr(polkit_detail(polkit_last(lab->polkit), "tap"), ==, "tap1");
        polkit_answer(lab->polkit, true);
        lab_wait_reply(lab, &first);
        lab_wait_reply(lab, &second);

        first_name = read_name(&first);
        second_name = read_name(&second);
        g_assert_cmpstr(first_name, !=, second_name);
        g_assert_true(lab_link_exists("tap0") && lab_link_exists("tap1"));
        lab_reply_done(&first);
        lab_reply_done(&second);
}

static void test_quota(Lab *lab) {
        for (unsigned i = 1; i <= 4; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_create(lab, lab->alice, name, NULL);
        }

        set_mode(lab, POLKIT_CHALLENGE);
        lab_expect(lab_call(lab, lab->alice, CREATE, "tap5", 0), STANDARD_ERROR("LimitsExceeded"), "4 of 4 TAPs");
        g_assert_false(lab_link_exists("tap5"));

        /* Others have their own, and one that goes makes room. */
        set_mode(lab, POLKIT_YES);
        lab_create(lab, lab->bob, "tap6", NULL);
        lab_delete(lab, lab->alice, "tap1", false, NULL);
        polkit_forget(lab->polkit);
        lab_create(lab, lab->alice, "tap5", NULL);
        expect_question(lab, "org.tapd1.create", "tap5", "12001", "lab");
}

static void test_outside_of_grants(Lab *lab) {
        static const struct {
                const char *name, *key, *type;
                uint32_t value;
                const char *text;
        } rows[] = {
                { "eth0", NULL, NULL, 0, "tap* vm* lab*" },    { "enp3s0", NULL, NULL, 0, "tap* vm* lab*" },
                { "br0", NULL, NULL, 0, "tap* vm* lab*" },     { "virbr0", NULL, NULL, 0, "tap* vm* lab*" },
                { "docker0", NULL, NULL, 0, "tap* vm* lab*" }, { "veth1", NULL, NULL, 0, "tap* vm* lab*" },
                { "TAP1", NULL, NULL, 0, "tap* vm* lab*" },    { "tap1", "User", "u", LAB_BOB, "User=" },
                { "tap1", "Group", "u", 4242, "Group=" },
        };

        set_mode(lab, POLKIT_NO);
        lab->polkit->yes_to = "org.tapd1.create";
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                LabReply reply;

                reply = rows[i].key ? lab_call(lab, lab->alice, CREATE, rows[i].name, 1, rows[i].key, rows[i].type,
                                               rows[i].value)
                                    : lab_call(lab, lab->alice, CREATE, rows[i].name, 0);
                lab_expect(reply, STANDARD_ERROR("AccessDenied"), rows[i].text);
                g_assert_false(lab_link_exists(rows[i].name));
        }

        /* With an administrator's yes he may; the case of a name is kept. */
        lab->polkit->yes_to = "org.tapd1.override";
        lab_create(lab, lab->alice, "TAP1", NULL);
        g_assert_true(lab_link_exists("TAP1"));
}

static void test_system_account(Lab *lab) {
        /* A member of the group like any other, and yet: it may be a guest that broke out. */
        lab_expect(lab_call(lab, lab->daemon, CREATE, "tap1", 0), STANDARD_ERROR("AccessDenied"), "system account");
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
        g_assert_false(lab_link_exists("tap1"));
}

static void test_system_account_named(void) {
        Lab *lab = lab_new("[Defaults]\nGroup=12100\n[Grant vmm]\nUsers=998\nNames=vmm*\nTapsPerUser=1\n");

        lab_create(lab, lab->daemon, "vmm1", NULL);
        expect_question(lab, "org.tapd1.create", "vmm1", "998", "vmm");
        lab_free(lab);
}

static void test_one_grant_covers_all(void) {
        Lab *lab = lab_new("[Defaults]\nGroup=12100\n"
                           "[Grant a]\nUsers=12001\nNames=tap*\nTapsPerUser=1\nShared=yes\n"
                           "[Grant b]\nUsers=12001\nNames=lab*\nTapsPerUser=2\nGroups=4242\n");

        set_mode(lab, POLKIT_NO);
        lab->polkit->yes_to = "org.tapd1.create";
        lab_expect(lab_call(lab, lab->alice, CREATE, "lab1", 1, "Shared", "b", 1), STANDARD_ERROR("AccessDenied"),
                   "Shared=");
        lab_expect(lab_call(lab, lab->alice, CREATE, "tap1", 1, "Group", "u", 4242), STANDARD_ERROR("AccessDenied"),
                   "Group=");

        /* The quota is the largest of his grants, and all his TAPs count. */
        lab_expect(lab_call(lab, lab->alice, CREATE, "tap1", 1, "Shared", "b", 1), NULL, NULL);
        lab_expect(lab_call(lab, lab->alice, CREATE, "lab1", 1, "Group", "u", 4242), NULL, NULL);
        lab_create(lab, lab->alice, "tap2", STANDARD_ERROR("LimitsExceeded"));
        lab_free(lab);
}

static void test_always_ask(void) {
        Lab *lab = lab_new(NULL);

        lab_restart_with(lab, "--always-ask");
        set_mode(lab, POLKIT_NO);
        lab_create(lab, lab->root, "tap1", STANDARD_ERROR("AccessDenied"));
        expect_question(lab, "org.tapd1.create", "tap1", "0", NULL);
        lab_free(lab);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/polkit/questions", test_questions);
        lab_add_test("/polkit/one-question-for-many", test_one_question_for_many);
        lab_add_test("/polkit/only-the-creator-deletes", test_only_the_creator_deletes);
        lab_add_test("/polkit/refusals", test_refusals);
        lab_add_test("/polkit/password", test_password);
        lab_add_test("/polkit/absent", test_absent);
        lab_add_test("/polkit/later", test_later);
        lab_add_test("/polkit/disappears", test_disappears);
        lab_add_test("/polkit/sender-leaves", test_sender_leaves);
        lab_add_test("/polkit/second-look", test_second_look);
        lab_add_test("/polkit/second-look/identity", test_second_look_identity);
        lab_add_test("/polkit/second-look/number", test_second_look_number);
        lab_add_test("/gate/quota", test_quota);
        lab_add_test("/gate/outside-of-grants", test_outside_of_grants);
        lab_add_test("/gate/system-account", test_system_account);
        g_test_add_func("/gate/system-account/named", test_system_account_named);
        g_test_add_func("/gate/one-grant-covers-all", test_one_grant_covers_all);
        g_test_add_func("/polkit/always-ask", test_always_ask);
        return g_test_run();
}
