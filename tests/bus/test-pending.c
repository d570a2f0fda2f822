/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests that wait for polkit: each ends with exactly one answer, and nothing is done without a yes. */
#include <signal.h>
#include <string.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define CREATE MANAGER, "CreateTap", "sa{sv}"
#define MAX_PER_USER 64
#define MAX_OF_ALL 512

static const char config[] = "[Defaults]\nGroup=12100\n[Grant lab]\nUsers=@12100\nNames=tap* vm*\nTapsPerUser=100\n";

/* ---- a witness: what everybody asks of tapd, and what it answers, as the bus itself sees it ---- */

typedef struct Witness {
        sd_bus *bus;
        char *tapd;          /* its unique name */
        GHashTable *answers; /* "SENDER COOKIE" of a call, to how many answers it got */
} Witness;

static void witness_note(Witness *witness, const char *peer, uint64_t cookie, unsigned n) {
        g_autofree char *key = g_strdup_printf("%s %" G_GUINT64_FORMAT, peer, cookie);
        unsigned before = GPOINTER_TO_UINT(g_hash_table_lookup(witness->answers, key));

        g_hash_table_insert(witness->answers, g_steal_pointer(&key), GUINT_TO_POINTER(before + n));
}

static int witness_on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *destination = sd_bus_message_get_destination(message), *sender = sd_bus_message_get_sender(message);
        Witness *witness = userdata;
        uint64_t cookie;
        uint8_t type;

        lab_ok(sd_bus_message_get_type(message, &type));
        if (type == SD_BUS_MESSAGE_METHOD_CALL && g_strcmp0(destination, TAPD_BUS_NAME) == 0) {
                lab_ok(sd_bus_message_get_cookie(message, &cookie));
                witness_note(witness, sender, cookie, 0);
        } else if ((type == SD_BUS_MESSAGE_METHOD_RETURN || type == SD_BUS_MESSAGE_METHOD_ERROR) &&
                   g_strcmp0(sender, witness->tapd) == 0) {
                lab_ok(sd_bus_message_get_reply_cookie(message, &cookie));
                witness_note(witness, destination, cookie, 1);
        }

        /* Not to be answered: who does is no monitor for long. */
        return 1;
}

static char *tapd_unique_name(Lab *lab) {
        sd_bus_message *reply = NULL;
        const char *name;
        char *copy;

        lab_ok(sd_bus_call_method(lab->root, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetNameOwner", NULL,
                                  &reply, "s", TAPD_BUS_NAME));
        lab_ok(sd_bus_message_read(reply, "s", &name));
        copy = g_strdup(name);
        sd_bus_message_unref(reply);
        return copy;
}

static Witness *witness_new(Lab *lab) {
        Witness *witness = g_new0(Witness, 1);

        witness->tapd = tapd_unique_name(lab);
        witness->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        lab_ok(sd_bus_new(&witness->bus));
        lab_ok(sd_bus_set_address(witness->bus, lab->address));
        lab_ok(sd_bus_set_bus_client(witness->bus, true));
        lab_ok(sd_bus_set_monitor(witness->bus, true));
        lab_ok(sd_bus_start(witness->bus));
        lab_ok(sd_bus_call_method(witness->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus.Monitoring", "BecomeMonitor", NULL, NULL, "asu", 0, 0));
        lab_ok(sd_bus_add_filter(witness->bus, NULL, witness_on_message, witness));
        lab_ok(sd_bus_attach_event(witness->bus, lab->event, SD_EVENT_PRIORITY_NORMAL));
        return witness;
}

static unsigned witness_count(const Witness *witness, unsigned n_answers) {
        GHashTableIter iter;
        gpointer value;
        unsigned n = 0;

        g_hash_table_iter_init(&iter, witness->answers);
        while (g_hash_table_iter_next(&iter, NULL, &value))
                n += GPOINTER_TO_UINT(value) == n_answers;

        return n;
}

typedef struct Expectation {
        const Witness *witness;
        unsigned n_unanswered;
} Expectation;

static bool is_all_answered(Lab *lab, void *userdata) {
        const Expectation *expectation = userdata;

        return witness_count(expectation->witness, 0) == expectation->n_unanswered;
}

/* Each call that the bus saw got one answer, but for this many, which got none; ends the witness. */
static void witness_testify(Lab *lab, Witness *witness, unsigned n_unanswered) {
        /* What tapd sent before its answer to a ping has been seen before that. */
        lab_settle(lab);
        lab_run_until(lab, is_all_answered, &(Expectation){ witness, n_unanswered });
        g_assert_cmpuint(witness_count(witness, 1) + n_unanswered, ==, g_hash_table_size(witness->answers));

        sd_bus_flush_close_unref(witness->bus);
        g_hash_table_unref(witness->answers);
        g_free(witness->tapd);
        g_free(witness);
}

/* ---- */

static bool was_asked(Lab *lab, void *userdata) {
        return lab->polkit->questions->len >= *(guint *) userdata;
}

static void wait_questions(Lab *lab, guint n) {
        lab_run_until(lab, was_asked, &n);
}

static guint count_cancelled(Lab *lab) {
        guint n = 0;

        for (guint i = 0; i < lab->polkit->questions->len; i++)
                n += ((PolkitQuestion *) lab->polkit->questions->pdata[i])->is_cancelled;

        return n;
}

static bool was_cancelled(Lab *lab, void *userdata) {
        return count_cancelled(lab) >= *(guint *) userdata;
}

static void wait_cancelled(Lab *lab, guint n) {
        lab_run_until(lab, was_cancelled, &n);
}

static unsigned count_links(void) {
        g_autofree char *links = lab_run("ip -o link show");
        unsigned n = 0;

        for (const char *p = links; (p = strchr(p, '\n')); p++)
                n++;

        return n - 1;
}

static sd_bus *connect_guest(Lab *lab, unsigned guest) {
        static const gid_t group = LAB_GROUP;

        return lab_connect(lab, LAB_GUEST + guest, &group, 1);
}

/* One of the three hundred. */
typedef struct Request {
        sd_bus *as;
        char name[16];
        LabReply reply;
} Request;

#define GUESTS 6
#define STAYING 40
#define LEAVING 10

typedef struct Crowd {
        sd_bus *staying[GUESTS], *leaving[GUESTS];
        Request requests[GUESTS * (STAYING + LEAVING)];
} Crowd;

static unsigned crowd_guest(unsigned i) {
        return i / (STAYING + LEAVING);
}

static bool crowd_stays(unsigned i) {
        return i % (STAYING + LEAVING) < STAYING;
}

/* Every second one gets a yes. */
static bool crowd_may(unsigned i) {
        return i % 2 == 0;
}

static void crowd_send(Lab *lab, Crowd *crowd) {
        for (unsigned guest = 0; guest < GUESTS; guest++) {
                crowd->staying[guest] = connect_guest(lab, guest);
                crowd->leaving[guest] = connect_guest(lab, guest);
        }

        for (unsigned i = 0; i < G_N_ELEMENTS(crowd->requests); i++) {
                Request *request = &crowd->requests[i];
                sd_bus **buses = crowd_stays(i) ? crowd->staying : crowd->leaving;

                (void) g_snprintf(request->name, sizeof(request->name), "vm%u", i);
                lab_send(lab, buses[crowd_guest(i)], &request->reply, CREATE, request->name, 0);
        }

        wait_questions(lab, G_N_ELEMENTS(crowd->requests));
}

static void crowd_leave(Crowd *crowd) {
        for (unsigned guest = 0; guest < GUESTS; guest++)
                crowd->leaving[guest] = sd_bus_flush_close_unref(crowd->leaving[guest]);
}

static void crowd_answer(Lab *lab) {
        for (guint i = 0; i < lab->polkit->questions->len; i++) {
                PolkitQuestion *question = lab->polkit->questions->pdata[i];
                unsigned number;

                if (sscanf(polkit_detail(question, "tap"), "vm%u", &number) == 1)
                        polkit_answer_question(question, question->is_cancelled || crowd_may(number));
        }
}

static void crowd_check(Lab *lab, Crowd *crowd) {
        for (unsigned i = 0; i < G_N_ELEMENTS(crowd->requests); i++) {
                Request *request = &crowd->requests[i];
                bool expected = crowd_stays(i) && crowd_may(i);

                if (crowd_stays(i)) {
                        lab_wait_reply(lab, &request->reply);
                        lab_expect(request->reply, expected ? NULL : STANDARD_ERROR("AccessDenied"), NULL);
                }
                g_assert_cmpint(lab_link_exists(request->name), ==, expected);
                if (expected) {
                        g_autofree char *uid = g_strdup_printf("%u", LAB_GUEST + crowd_guest(i));

                        lab_expect_property(lab, request->name, "CreatorUID", uid);
                }
        }

        for (unsigned guest = 0; guest < GUESTS; guest++)
                sd_bus_flush_close_unref(crowd->staying[guest]);
}

static void test_three_hundred(void) {
        Lab *lab = lab_new(config);
        Witness *witness = witness_new(lab);
        g_autofree Crowd *crowd = g_new0(Crowd, 1);

        lab->polkit->mode = POLKIT_HOLD;
        crowd_send(lab, crowd);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 300);

        /* Everybody else is served meanwhile: who reads, root, and who gets his answer. */
        lab_expect(lab_call(lab, lab->mallory, MANAGER, "ListTaps", NULL), NULL, NULL);
        lab_create(lab, lab->root, "tap1", NULL);
        lab->polkit->mode = POLKIT_YES;
        lab_create(lab, lab->alice, "tap2", NULL);
        g_assert_cmpuint(count_links(), ==, 2);

        /* Nobody types a password for those who leave, and a yes comes too late for them. */
        crowd_leave(crowd);
        wait_cancelled(lab, GUESTS * LEAVING);
        crowd_answer(lab);
        crowd_check(lab, crowd);
        g_assert_cmpuint(count_cancelled(lab), ==, GUESTS * LEAVING);
        g_assert_cmpuint(count_links(), ==, 2 + GUESTS * STAYING / 2);
        witness_testify(lab, witness, GUESTS * LEAVING);
        lab_free(lab);
}

static void test_deadline(Lab *lab) {
        LabReply create, delete, set, open;
        g_autofree char *path = lab_path("tap2");
        Witness *witness;

        lab_create(lab, lab->alice, "tap2", NULL);
        lab_restart_with(lab, "--pending-sec=1");
        witness = witness_new(lab);
        lab->polkit->mode = POLKIT_HOLD;
        polkit_forget(lab->polkit);
        lab_send(lab, lab->alice, &create, CREATE, "tap1", 0);
        lab_send(lab, lab->alice, &delete, MANAGER, "DeleteTaps", "asb", 1, "tap2", 0);
        lab_send(lab, lab->alice, &set, path, TAPD_TAP_INTERFACE, "Down", NULL);
        lab_send(lab, lab->alice, &open, path, TAPD_TAP_INTERFACE, "OpenQueues", "u", 1);
        wait_questions(lab, 4);
        lab_create(lab, lab->root, "tap3", NULL);

        lab_wait_reply(lab, &create);
        lab_wait_reply(lab, &delete);
        lab_wait_reply(lab, &set);
        lab_wait_reply(lab, &open);
        lab_expect(create, STANDARD_ERROR("Timeout"), "no answer within 1 s");
        lab_expect(delete, STANDARD_ERROR("Timeout"), "no answer within 1 s");
        lab_expect(set, STANDARD_ERROR("Timeout"), "no answer within 1 s");
        lab_expect(open, STANDARD_ERROR("Timeout"), "no answer within 1 s");
        wait_cancelled(lab, 4);

        /* Who gave up is not surprised by a late yes. */
        polkit_answer(lab->polkit, true);
        lab_settle(lab);
        g_assert_false(lab_link_exists("tap1"));
        lab_expect_property(lab, "tap2", "AdministrativeState", "up");
        lab_expect_property(lab, "tap2", "QueuesAttached", "0");
        witness_testify(lab, witness, 0);

        lab->polkit->mode = POLKIT_YES;
        lab_create(lab, lab->alice, "tap1", NULL);
}

static void send_without_reply(Lab *lab, const char *name) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(lab->alice, &call, TAPD_BUS_NAME, MANAGER, "CreateTap"));
        lab_ok(sd_bus_message_append(call, "sa{sv}", name, 0));
        lab_ok(sd_bus_message_set_allow_interactive_authorization(call, true));
        lab_ok(sd_bus_message_set_expect_reply(call, false));
        lab_ok(sd_bus_send(lab->alice, call, NULL));
        sd_bus_message_unref(call);
}

static bool exists(Lab *lab, void *userdata) {
        return lab_link_exists(userdata);
}

static void test_no_reply(Lab *lab) {
        Witness *witness = witness_new(lab);

        /* Nobody is asked for a password by who does not wait for what comes of it. */
        lab->polkit->mode = POLKIT_CHALLENGE;
        lab->polkit->password_is_right = true;
        send_without_reply(lab, "tap1");
        wait_questions(lab, 1);
        g_assert_cmpuint(polkit_last(lab->polkit)->flags, ==, 0);
        lab_settle(lab);
        g_assert_false(lab_link_exists("tap1"));

        lab->polkit->mode = POLKIT_YES;
        send_without_reply(lab, "tap2");
        lab_run_until(lab, exists, (void *) "tap2");
        send_without_reply(lab, "not a name");
        witness_testify(lab, witness, 3);
        g_assert_cmpuint(count_links(), ==, 1);
}

/* Held answers are a yes, and what is asked from then on gets a no. */
static void answer_yes_once(Lab *lab) {
        lab->polkit->mode = POLKIT_NO;
        polkit_answer(lab->polkit, true);
}

static unsigned count_successes(Lab *lab, LabReply *replies, size_t n, const char *error, const char *text) {
        unsigned n_successes = 0;

        for (size_t i = 0; i < n; i++) {
                lab_wait_reply(lab, &replies[i]);
                if (!replies[i].error) {
                        n_successes++;
                        lab_reply_done(&replies[i]);
                } else {
                        lab_expect(replies[i], error, text);
                }
        }

        return n_successes;
}

static void test_last_place(Lab *lab) {
        static const char *const methods[] = { "CreateTap", "CreateTaps", "CreateEphemeral" };
        LabReply replies[G_N_ELEMENTS(methods)];

        lab_create(lab, lab->alice, "tap1", NULL);
        lab_create(lab, lab->alice, "tap2", NULL);
        lab_create(lab, lab->alice, "tap3", NULL);

        /* Three find the last place free and get a yes for it; one gets the place. */
        lab->polkit->mode = POLKIT_HOLD;
        polkit_forget(lab->polkit);
        lab_send(lab, lab->alice, &replies[0], MANAGER, methods[0], "sa{sv}", "vm0", 0);
        lab_send(lab, lab->alice, &replies[1], MANAGER, methods[1], "a(sa{sv})", 1, "vm1", 0);
        lab_send(lab, lab->alice, &replies[2], MANAGER, methods[2], "sa{sv}u", "vm2", 0, 1);
        wait_questions(lab, 3);
        answer_yes_once(lab);
        g_assert_cmpuint(
                count_successes(lab, replies, G_N_ELEMENTS(replies), STANDARD_ERROR("LimitsExceeded"), "4 of 4"), ==,
                1);
        g_assert_cmpuint(count_links(), <=, 4);
}

static void send_many(Lab *lab, sd_bus *as, const char *prefix, unsigned n, LabReply *reply) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(as, &call, TAPD_BUS_NAME, MANAGER, "CreateTaps"));
        lab_ok(sd_bus_message_open_container(call, 'a', "(sa{sv})"));
        for (unsigned i = 0; i < n; i++) {
                g_autofree char *name = g_strdup_printf("%s%u", prefix, i);

                lab_ok(sd_bus_message_append(call, "(sa{sv})", name, 0));
        }
        lab_ok(sd_bus_message_close_container(call));
        lab_send_message(lab, as, reply, call);
        sd_bus_message_unref(call);
}

/* Two of these are more than the quota, also where one piece of the first is made before the second is judged. */
#define PART 64

static void test_last_places_of_many(void) {
        Lab *lab = lab_new(config);
        LabReply replies[2];

        /* Each of them has places enough, and both together have not; they are made in pieces, in turns. */
        lab->polkit->mode = POLKIT_HOLD;
        send_many(lab, lab->alice, "tap", PART, &replies[0]);
        send_many(lab, lab->alice, "vm", PART, &replies[1]);
        wait_questions(lab, 2);
        g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
        answer_yes_once(lab);
        g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
        g_assert_cmpuint(count_successes(lab, replies, 2, STANDARD_ERROR("LimitsExceeded"), "100 of 100"), <=, 1);
        g_assert_cmpuint(count_links() % PART, ==, 0);
        g_assert_cmpuint(count_links(), <=, PART);
        lab_free(lab);
}

/* The one that has its answer while the others wait. Whose turn comes first is the bus's to say. */
static unsigned find_answered(const LabReply *replies, unsigned n) {
        unsigned found = n;

        for (unsigned i = 0; i < n; i++)
                if (lab_has_reply(&replies[i])) {
                        g_assert_cmpuint(found, ==, n);
                        found = i;
                }

        return found;
}

static bool has_answered(Lab *lab, void *userdata) {
        return find_answered(userdata, MAX_PER_USER + 1) <= MAX_PER_USER;
}

static void test_limit_of_user(Lab *lab) {
        LabReply replies[MAX_PER_USER + 1];
        unsigned refused;

        lab->polkit->mode = POLKIT_HOLD;
        for (unsigned i = 0; i < G_N_ELEMENTS(replies); i++)
                lab_send(lab, lab->alice, &replies[i], CREATE, "tap1", 0);
        wait_questions(lab, MAX_PER_USER);

        /* The 65th of one user is one too many; another one is not in his way. */
        lab_run_until(lab, has_answered, replies);
        lab_settle(lab);
        refused = find_answered(replies, G_N_ELEMENTS(replies));
        lab_expect(replies[refused], STANDARD_ERROR("LimitsExceeded"), "64 requests pending");
        g_assert_cmpuint(lab->polkit->questions->len, ==, MAX_PER_USER);
        lab_create(lab, lab->root, "tap2", NULL);
        lab->polkit->mode = POLKIT_YES;
        lab_create(lab, lab->bob, "tap3", NULL);

        polkit_answer(lab->polkit, false);
        for (unsigned i = 0; i < G_N_ELEMENTS(replies); i++)
                if (i != refused) {
                        lab_wait_reply(lab, &replies[i]);
                        lab_expect(replies[i], STANDARD_ERROR("AccessDenied"), NULL);
                }
        g_assert_false(lab_link_exists("tap1"));
        lab_create(lab, lab->alice, "tap1", NULL);
}

static void test_limit_of_all(Lab *lab) {
        g_autofree LabReply *replies = g_new0(LabReply, MAX_OF_ALL);
        sd_bus *guests[LAB_GUESTS];

        lab->polkit->mode = POLKIT_HOLD;
        for (unsigned i = 0; i < MAX_OF_ALL; i++) {
                unsigned guest = i / MAX_PER_USER;

                if (i % MAX_PER_USER == 0)
                        guests[guest] = connect_guest(lab, guest);
                lab_send(lab, guests[guest], &replies[i], CREATE, "tap1", 0);
        }
        wait_questions(lab, MAX_OF_ALL);

        /* The 513th of all; who reads is served. */
        lab_expect(lab_call(lab, lab->alice, CREATE, "tap2", 0), STANDARD_ERROR("LimitsExceeded"),
                   "512 requests are pending");
        lab_expect(lab_call(lab, lab->mallory, MANAGER, "ListTaps", NULL), NULL, NULL);
        g_assert_cmpuint(count_links(), ==, 0);

        polkit_answer(lab->polkit, false);
        for (unsigned i = 0; i < MAX_OF_ALL; i++) {
                lab_wait_reply(lab, &replies[i]);
                lab_expect(replies[i], STANDARD_ERROR("AccessDenied"), NULL);
        }
        lab->polkit->mode = POLKIT_YES;
        lab_create(lab, lab->alice, "tap2", NULL);
        for (unsigned guest = 0; guest < LAB_GUESTS; guest++)
                sd_bus_flush_close_unref(guests[guest]);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/pending/three-hundred", test_three_hundred);
        lab_add_test("/pending/deadline", test_deadline);
        lab_add_test("/pending/no-reply", test_no_reply);
        lab_add_test("/pending/last-place", test_last_place);
        g_test_add_func("/pending/last-places-of-many", test_last_places_of_many);
        lab_add_test("/pending/limit-of-user", test_limit_of_user);
        lab_add_test("/pending/limit-of-all", test_limit_of_all);
        return g_test_run();
}
