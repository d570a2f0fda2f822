/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "names.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define ALLOW_USER_INTERACTION 1u

/* A question under way; it belongs to the slot of its call. */
typedef struct Asked {
        Job *job;
        AuthzLane *lane; /* NULL: not under way yet */
        char *key;       /* what is granted when the answer is yes */
        bool is_interactive;
        Fault refusal;
} Asked;

static void asked_free(void *userdata) {
        Asked *asked = userdata;

        if (asked->lane)
                asked->lane->n_questions--;
        free(asked->key);
        free(asked);
}

void authz_init(Authz *authz, sd_event *event, sd_bus *bus, bool always_ask) {
        *authz = (Authz){ .event = sd_event_ref(event), .always_ask = always_ask };
        authz->lanes[0].bus = sd_bus_ref(bus);
}

void authz_done(Authz *authz) {
        /* The first one is closed by who opened it. */
        sd_bus_unref(authz->lanes[0].bus);
        for (size_t i = 1; i < AUTHZ_LANES; i++)
                sd_bus_flush_close_unref(authz->lanes[i].bus);

        sd_event_unref(authz->event);
        *authz = (Authz){};
}

static int lane_open(AuthzLane *lane, sd_event *event) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system_with_description(&bus, "tapd-polkit");
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(bus, true);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                sd_bus_unref(bus);
                return r;
        }

        lane->bus = bus;
        return 0;
}

/* A connection with room for one more question. */
static int authz_find_lane(Authz *authz, AuthzLane **ret) {
        AuthzLane *lane = authz->lanes;
        int r;

        while (lane->n_questions >= AUTHZ_LANE_QUESTIONS)
                if (++lane == authz->lanes + AUTHZ_LANES)
                        return -EDQUOT;

        r = lane->bus ? 0 : lane_open(lane, authz->event);
        if (r == 0)
                *ret = lane;

        return r;
}

/* A yes counts for the action and for the TAPs it was asked for: another number may be free by now, and another TAP may
 * have the name. */
static char *make_key(const AuthzQuestion *question) {
        char *key;

        return asprintf(&key, "%s %u %" PRIx64 " %s", question->action, question->target.creator,
                        question->target.identity, question->target.names) < 0
                       ? NULL
                       : key;
}

static bool job_has_grant(const Job *job, const char *key) {
        for (size_t i = 0; i < job->n_granted; i++)
                if (strcmp(job->granted[i], key) == 0)
                        return true;

        return false;
}

static int job_add_grant(Job *job, char *key) {
        char **grown = reallocarray(job->granted, job->n_granted + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;

        job->granted = grown;
        grown[job->n_granted++] = key;
        return 0;
}

static int polkit_call(sd_bus *bus, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(bus, ret, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, member);
}

static int ignore_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return 0;
}

/* Sends a call whose answer nobody needs. It is asked for all the same: polkit answers in any case, and the bus logs
 * each answer that nobody asked for. */
static int polkit_send(sd_bus *bus, sd_bus_message *call) {
        return sd_bus_call_async(bus, /* ret_slot= */ NULL, call, ignore_answer, /* userdata= */ NULL,
                                 JOB_DEADLINE_USEC);
}

static void authz_on_cancel(Job *job) {
        sd_bus_message *call = NULL;
        sd_bus *bus;
        char id[32];

        if (!job->slot)
                return;

        /* polkit knows a question by its number and by who asked it. */
        bus = sd_bus_slot_get_bus(job->slot);
        (void) snprintf(id, sizeof(id), "tapd-%" PRIu64, job->id);
        if (polkit_call(bus, "CancelCheckAuthorization", &call) >= 0 && sd_bus_message_append(call, "s", id) >= 0)
                (void) polkit_send(bus, call);

        sd_bus_message_unref(call);
}

/* What the caller reads after a no. */
static void explain_no(const Asked *asked, bool is_challenge, Fault *ret) {
        bool may_ask = is_challenge && !asked->is_interactive;

        if (asked->refusal.error == TAPD_ERROR_LIMITS_EXCEEDED)
                *ret = asked->refusal;
        else if (may_ask)
                (void) fault_set(ret, TAPD_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                 "%s%san administrator's password is needed", asked->refusal.text,
                                 *asked->refusal.text ? "; " : "");
        else if (*asked->refusal.text)
                *ret = asked->refusal;
        else
                (void) fault_set(ret, TAPD_ERROR_ACCESS_DENIED, "not authorized (%.*s)", (int) strcspn(asked->key, " "),
                                 asked->key);
}

static void explain_failure(const sd_bus_error *error, Fault *ret) {
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) || sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT))
                (void) fault_set(ret, TAPD_ERROR_TIMEOUT, "authorization service (polkit) does not answer");
        else
                (void) fault_set(ret, TAPD_ERROR_ACCESS_DENIED, "authorization service (polkit) unavailable");

        log_message(LOG_WARNING, "polkit: %s", error->message ? error->message : error->name);
}

/* 1 yes, 0 no with @ret filled. */
static int read_verdict(sd_bus_message *message, const Asked *asked, Fault *ret) {
        int is_authorized, is_challenge, r;

        if (sd_bus_message_is_method_error(message, NULL)) {
                explain_failure(sd_bus_message_get_error(message), ret);
                return 0;
        }

        r = sd_bus_message_enter_container(message, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(message, "bb", &is_authorized, &is_challenge);
        if (r < 0) {
                (void) fault_set(ret, TAPD_ERROR_ACCESS_DENIED, "authorization service (polkit) gave no clear answer");
                return 0;
        }

        if (!is_authorized)
                explain_no(asked, is_challenge, ret);

        return is_authorized;
}

static int authz_on_verdict(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Asked *asked = userdata;
        Job *job = asked->job;
        Fault fault = {};
        int yes;

        yes = read_verdict(message, asked, &fault);
        if (yes && job_add_grant(job, asked->key) >= 0)
                asked->key = NULL;
        else if (yes)
                (void) fault_set_errno(&fault, -ENOMEM, "request");

        /* The answer is here: nothing to cancel any more. What was asked goes with the slot. */
        job->cancel = NULL;
        job->slot = sd_bus_slot_unref(job->slot);

        if (fault.error == TAPD_ERROR_NONE) {
                job_step(job);
        } else {
                job_answer_fault(job, &fault);
                job_free(job);
        }

        return 0;
}

static int append_detail(sd_bus_message *call, const char *key, const char *value) {
        return value ? sd_bus_message_append(call, "{ss}", key, value) : 0;
}

static int append_question(sd_bus_message *call, const Job *job, const AuthzQuestion *question, bool is_interactive) {
        char creator[16], id[32];
        int r;

        (void) snprintf(creator, sizeof(creator), "%u", question->target.creator);
        (void) snprintf(id, sizeof(id), "tapd-%" PRIu64, job->id);

        r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(job->message), question->action);
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "{ss}");
        if (r >= 0)
                r = append_detail(call, TAPD_DETAIL_TAP, question->target.names);
        if (r >= 0)
                r = append_detail(call, TAPD_DETAIL_SWITCH, question->target.switch_name);
        if (r >= 0)
                r = append_detail(call, TAPD_DETAIL_VLAN, question->target.vlans);
        if (r >= 0)
                r = append_detail(call, TAPD_DETAIL_CREATOR, creator);
        if (r >= 0)
                r = append_detail(call, TAPD_DETAIL_GRANT, question->grant);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        if (r >= 0)
                r = sd_bus_message_append(call, "us", is_interactive ? ALLOW_USER_INTERACTION : 0u, id);

        return r;
}

static int asked_new(Job *job, const AuthzQuestion *question, char *key, Asked **ret) {
        Asked *asked;

        asked = calloc(1, sizeof(*asked));
        if (!asked)
                return -ENOMEM;

        asked->job = job;
        asked->key = key;
        /* Who does not wait for an answer will not see a dialog through. */
        asked->is_interactive = sd_bus_message_get_allow_interactive_authorization(job->message) > 0 &&
                                sd_bus_message_get_expect_reply(job->message) > 0;
        if (question->refusal)
                asked->refusal = *question->refusal;

        *ret = asked;
        return 0;
}

static int authz_ask(Authz *authz, Job *job, const AuthzQuestion *question, Asked *asked) {
        sd_bus_message *call = NULL;
        AuthzLane *lane;
        int r;

        r = authz_find_lane(authz, &lane);
        if (r < 0)
                return r;

        r = polkit_call(lane->bus, "CheckAuthorization", &call);
        if (r >= 0)
                r = append_question(call, job, question, asked->is_interactive);
        if (r >= 0)
                /* Longer than the job's own deadline, which is the one that counts. */
                r = sd_bus_call_async(lane->bus, &job->slot, call, authz_on_verdict, asked, JOB_DEADLINE_USEC * 2);
        sd_bus_message_unref(call);
        if (r < 0)
                return r;

        asked->lane = lane;
        lane->n_questions++;
        job->cancel = authz_on_cancel;
        return sd_bus_slot_set_destroy_callback(job->slot, asked_free);
}

int authz_require(Authz *authz, Job *job, const AuthzQuestion *question, Fault *fault) {
        Asked *asked;
        char *key;
        int r;

        if (job->caller->uid == 0 && !authz->always_ask)
                return 1;

        key = make_key(question);
        if (!key)
                return fault_set_errno(fault, -ENOMEM, "request");

        if (job_has_grant(job, key)) {
                free(key);
                return 1;
        }

        r = asked_new(job, question, key, &asked);
        if (r < 0) {
                free(key);
                return fault_set_errno(fault, r, "request");
        }

        r = authz_ask(authz, job, question, asked);
        if (r < 0) {
                asked_free(asked);
                return fault_set_errno(fault, r, "request");
        }

        return 0;
}

int authz_require_verdict(Authz *authz, Job *job, const char *action, const AuthzTarget *target,
                          const GateVerdict *verdict, Fault *fault) {
        AuthzQuestion question = {
                .action = action,
                .target = *target,
                .grant = verdict->grant ? verdict->grant->name : NULL,
        };
        int r = 1;

        if (!verdict->needs_manage_others && !verdict->needs_override) {
                r = authz_require(authz, job, &question, fault);
                if (r <= 0 || !target->switch_name || strcmp(action, TAPD_ACTION_CREATE) != 0)
                        return r;

                question.action = TAPD_ACTION_PLUG;
                return authz_require(authz, job, &question, fault);
        }

        if (verdict->needs_manage_others) {
                question.action = TAPD_ACTION_MANAGE_OTHERS;
                question.refusal = &verdict->others_reason;
                r = authz_require(authz, job, &question, fault);
        }
        if (r > 0 && verdict->needs_override) {
                question.action = TAPD_ACTION_OVERRIDE;
                question.refusal = &verdict->override_reason;
                r = authz_require(authz, job, &question, fault);
        }

        return r;
}

void authz_wake(Authz *authz) {
        sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(authz->lanes[0].bus, &call, POLKIT_NAME, POLKIT_PATH,
                                           "org.freedesktop.DBus.Peer", "Ping");
        if (r >= 0)
                r = polkit_send(authz->lanes[0].bus, call);
        if (r < 0)
                log_message(LOG_DEBUG, "cannot wake polkit: %s, ignoring", strerror(-r));

        sd_bus_message_unref(call);
}
