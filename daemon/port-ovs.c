/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port-ovs.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "ovs-transaction.h"
#include "ovsdb.h"
#include "table.h"

/* What is left of OVS_ANSWER_USEC for taking back what ovs-vswitchd did not take. */
#define WITHDRAW_USEC (UINT64_C(500) * 1000)

/* So many transactions are on their way at once: the time of a call does not go by while thousands are before it. */
#define WINDOW 256

/* How often a call looks anew where its row was another one than it had seen. */
#define ATTEMPTS 4

/* What has arrived is looked at before a deadline counts, however late the loop is. */
#define DEADLINE_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

typedef enum CallState {
        CALL_WAITING,     /* for its turn, for the database, or for an earlier call of its name */
        CALL_TRANSACTING, /* for the answer to its transaction */
        CALL_CLEARING,    /* for ovs-vswitchd to let go of what was there before */
        CALL_SETTLING,    /* for ovs-vswitchd */
        CALL_WITHDRAWING, /* for its rows to be gone again; the fault is known */
        CALL_ENDED,       /* to be told */
} CallState;

struct OvsCall {
        Ovs *ovs;
        char name[IF_NAMESIZE];
        sd_id128_t id;
        bool is_plug;
        PortSpec spec;
        CallState state;
        bool is_change;    /* of rows that are plugged */
        int64_t number;    /* of a change: what ovs-vswitchd has to get to */
        bool is_removal;   /* of rows that are in the way, or that were to be removed */
        bool is_overtaken; /* by a later call of its name */
        unsigned n_attempts;
        OvsTransaction transaction;
        OvsdbRequest *request;
        uint64_t end_usec; /* of the time that it has, CLOCK_MONOTONIC */
        sd_event_source *deadline;
        bool is_late;            /* it is over */
        OvsCall *before, *after; /* what it overtook and cannot call back, and the other way round */
        int r;
        Fault fault;
        ovs_done_t done; /* NULL: nobody waits */
        void *userdata;
        UT_hash_handle hh; /* by name, the latest one of each */
        OvsCall **list;    /* that it is in */
        OvsCall *prev, *next;
};

/* A name whose rows were removed, and of which ovs-vswitchd may not know yet. */
typedef struct Removed {
        char name[IF_NAMESIZE];
        int64_t number; /* of the transaction, see ovs_transaction_number() */
        UT_hash_handle hh;
} Removed;

/* One of the monitors while the database is being read. */
typedef struct Reading {
        Ovs *ovs;
        OvsMonitor monitor;
        bool is_answered;
} Reading;

struct Ovs {
        sd_event *event;
        Ovsdb *ovsdb;      /* NULL: there is to be none */
        OvsMirror *mirror; /* what is known; NULL: it was never read */
        OvsMirror *coming; /* what is being read; NULL: nothing is */
        Reading readings[_OVS_MONITOR_MAX];
        bool is_current; /* mirror follows the database */
        bool is_silent;
        bool is_connected; /* as told */
        bool is_fat;       /* from reading it */
        const OvsHandlers *handlers;
        void *userdata;

        Removed *removed;
        OvsCall *calls; /* by name */
        OvsCall *ready; /* those to begin, or to begin anew */
        OvsCall *busy;  /* those that wait for something */
        OvsCall *ended; /* those to be told */
        unsigned n_transacting;
        sd_event_source *turn;
};

/* Has the lists looked at in the next turn of the loop. */
static void ovs_wake(Ovs *ovs) {
        (void) sd_event_source_set_enabled(ovs->turn, SD_EVENT_ONESHOT);
}

/* ---- what ovs-vswitchd may still have open ---- */

static void ovs_note_removed(Ovs *ovs, const char *name, int64_t number) {
        Removed *removed;

        HASH_FIND_STR(ovs->removed, name, removed);
        if (!removed) {
                removed = calloc(1, sizeof(*removed));
                if (!removed)
                        return;

                strcpy(removed->name, name);
                HASH_ADD_STR(ovs->removed, name, removed);
                if (!removed->hh.tbl) {
                        free(removed);
                        return;
                }
        }

        removed->number = number;
}

/* Forgets the removals up to this one. */
static void ovs_forget_removed(Ovs *ovs, int64_t number) {
        Removed *removed, *next;

        HASH_ITER(hh, ovs->removed, removed, next) {
                if (removed->number > number)
                        continue;
                HASH_DEL(ovs->removed, removed);
                free(removed);
        }
}

static bool ovs_is_clear(const Ovs *ovs, const char *name) {
        const Removed *removed;

        HASH_FIND_STR(ovs->removed, name, removed);
        return !removed || removed->number <= ovs_mirror_applied(ovs->mirror);
}

/* ---- where a call stands ---- */

static void call_move(OvsCall *call, OvsCall **list) {
        if (call->list)
                DL_DELETE(*call->list, call);
        DL_APPEND(*list, call);
        call->list = list;
}

static void call_wait(OvsCall *call, CallState state) {
        call->state = state;
        call_move(call, &call->ovs->busy);
}

/* Has it begin in the next turn of the loop: whoever made the call may still be inside it. */
static void call_begin(OvsCall *call) {
        call->state = CALL_WAITING;
        call_move(call, &call->ovs->ready);
        ovs_wake(call->ovs);
}

static uint64_t call_left_usec(const OvsCall *call) {
        uint64_t now = clock_now_usec();

        return call->end_usec > now ? call->end_usec - now : 0;
}

static void call_free(OvsCall *call) {
        ovsdb_request_forget(call->request);
        sd_event_source_disable_unref(call->deadline);
        json_decref(call->transaction.params);
        free(call);
}

/* Has it told in the next turn of the loop, and the call that waits for this one begin. */
static void call_end(OvsCall *call, int r) {
        Ovs *ovs = call->ovs;
        OvsCall *latest;

        HASH_FIND_STR(ovs->calls, call->name, latest);
        if (latest == call)
                HASH_DEL(ovs->calls, call);
        if (call->before)
                call->before->after = NULL;
        if (call->after) {
                call->after->before = NULL;
                call_begin(call->after);
        }

        call->before = call->after = NULL;
        call->deadline = sd_event_source_disable_unref(call->deadline);
        call->state = CALL_ENDED;
        call->r = r;
        call_move(call, &ovs->ended);
        ovs_wake(ovs);
}

static void call_fail(OvsCall *call, int r) {
        call_end(call, fault_set_errno(&call->fault, r, "Open vSwitch"));
}

static void call_yield(OvsCall *call) {
        call_end(call, fault_set(&call->fault, TAPD_ERROR_CONFLICT,
                                 "Name=: another request plugged or unplugged \"%s\" meanwhile", call->name));
}

/* ---- ovs-vswitchd ---- */

/* The rows of the call's TAP, as they are now. */
static bool call_find_own(const OvsCall *call, OvsPort *ret) {
        return ovs_mirror_find_port(call->ovs->mirror, call->name, ret) && ret->is_own &&
               sd_id128_equal(ret->id, call->id);
}

static int call_note_removed(const OvsCall *call, const json_t *result) {
        int64_t number;
        int r;

        r = ovs_transaction_number(&call->transaction, result, &number);
        if (r == 0)
                ovs_note_removed(call->ovs, call->name, number);
        return r;
}

static int call_on_withdrawn(int r, const json_t *result, void *userdata) {
        OvsCall *call = userdata;
        char text[TEXT_ESCAPED_SIZE] = "";
        OvsStep step = OVS_STEP_WRITE;

        call->request = NULL;
        if (r == 0)
                r = ovs_transaction_check(&call->transaction, result, &step, text);
        else if (r == -EREMOTEIO)
                (void) ovs_error_text(result, text);
        if (r == 0)
                r = call_note_removed(call, result);
        /* A row that is no longer the same one is somebody else's business. */
        if (r < 0 && !(r == -EREMOTEIO && step == OVS_STEP_OURS))
                log_tap(LOG_WARNING, call->name, "its port cannot be taken back from Open vSwitch: %s, ignoring",
                        *text ? text : strerror(-r));

        call_end(call, call->r);
        return 0;
}

/* Takes the rows back; the call ends with the fault that it has. */
static void call_withdraw(OvsCall *call, int fault_r) {
        OvsPort port;
        int r = -ENODATA;

        call->r = fault_r;
        if (call_find_own(call, &port)) {
                ovs_transaction_remove(&call->transaction, &port, /* bridge= */ NULL);
                r = ovsdb_call(call->ovs->ovsdb, "transact", ovs_transaction_take(&call->transaction), WITHDRAW_USEC,
                               call_on_withdrawn, call, &call->request);
        }

        if (r == 0)
                call_wait(call, CALL_WITHDRAWING);
        else
                call_end(call, fault_r);
}

static int call_set_late(OvsCall *call) {
        return fault_set(&call->fault, TAPD_ERROR_SWITCH_UNAVAILABLE,
                         "Switch=: ovs-vswitchd did not take \"%s\" in time; is it running?", call->name);
}

/* Looks whether ovs-vswitchd has taken the port, or has said that it cannot. */
/* A port that is there goes on as it was until ovs-vswitchd has read what was changed. It is not withdrawn where that
 * takes too long: whoever asked may have it changed back. */
static void call_look_at_change(OvsCall *call) {
        if (ovs_mirror_applied(call->ovs->mirror) >= call->number)
                call_end(call, 0);
        else if (call->is_late)
                call_end(call, call_set_late(call));
}

static void call_look(OvsCall *call) {
        OvsPort port;

        if (!call_find_own(call, &port))
                call_end(call,
                         fault_set(&call->fault, TAPD_ERROR_SWITCH_UNAVAILABLE,
                                   "Switch=: somebody removed the port \"%s\" of Open vSwitch meanwhile", call->name));
        else if (call->is_change)
                call_look_at_change(call);
        else if (ovs_port_is_plugged(&port))
                call_end(call, 0);
        else if (port.ofport < 0 || *port.error)
                call_withdraw(call, fault_set(&call->fault, TAPD_ERROR_SWITCH_UNAVAILABLE,
                                              "Switch=: Open vSwitch did not take \"%s\": %s", call->name,
                                              *port.error ? port.error : "it does not say why"));
        else if (call->is_late)
                call_withdraw(call, call_set_late(call));
}

/* ---- the transaction of a call ---- */

/* What the database held against it. */
static int call_explain(OvsCall *call, OvsStep step, const char *text) {
        switch (step) {
        case OVS_STEP_BRIDGE:
                return fault_set(&call->fault, TAPD_ERROR_NO_SUCH_SWITCH, "Switch=: Open vSwitch has no bridge \"%s\"",
                                 call->spec.switch_name);
        case OVS_STEP_FREE:
                return fault_set(&call->fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", Open vSwitch has a port of this name that is not tapd's "
                                 "(ovs-vsctl del-port %s)",
                                 call->name, call->name);
        case OVS_STEP_OURS:
                return fault_set(&call->fault, TAPD_ERROR_SWITCH_UNAVAILABLE,
                                 "Switch=: somebody keeps changing the port \"%s\" of Open vSwitch", call->name);
        case OVS_STEP_WRITE:
                break;
        }

        return fault_set(&call->fault, TAPD_ERROR_SWITCH_UNAVAILABLE, "Switch=: Open vSwitch refuses \"%s\": %s",
                         call->name, text);
}

static void call_on_refused(OvsCall *call, OvsStep step, const char *text) {
        OvsPort port;
        bool is_own = ovs_mirror_find_port(call->ovs->mirror, call->name, &port) && port.is_own;

        /* The rows were not those that it had seen. Where they are tapd's own after all, they can be dealt with. */
        if (call->n_attempts < ATTEMPTS && !call->is_overtaken &&
            (step == OVS_STEP_OURS || (step == OVS_STEP_FREE && is_own)))
                call_begin(call);
        else
                call_end(call, call_explain(call, step, text));
}

static void call_on_done(OvsCall *call) {
        if (!call->is_plug) {
                call_end(call, 0);
        } else if (call->is_overtaken) {
                call_yield(call);
        } else if (call->is_removal && call->n_attempts < ATTEMPTS) {
                call_begin(call);
        } else if (call->is_removal) {
                call_end(call, call_explain(call, OVS_STEP_OURS, /* text= */ ""));
        } else {
                /* The server has sent what it wrote before it answered. */
                call_wait(call, CALL_SETTLING);
                call_look(call);
        }
}

/* Because of the session, not of what was asked. */
static void call_end_unreachable(OvsCall *call, int r) {
        const char *why = "cannot be reached; is it running?";

        if (r == -ETIMEDOUT)
                why = "did not answer in time; it may carry the request out later";
        else if (r == -EBADMSG)
                why = "answers nonsense";
        else if (call->ovs->is_silent)
                why = "does not answer";

        call_end(call, fault_set(&call->fault, TAPD_ERROR_SWITCH_UNAVAILABLE,
                                 "Switch=: the database of Open vSwitch %s", why));
}

static int call_on_answer(int r, const json_t *answer, void *userdata) {
        OvsCall *call = userdata;
        char text[TEXT_ESCAPED_SIZE] = "";
        OvsStep step = OVS_STEP_WRITE;

        call->request = NULL;
        call->ovs->n_transacting--;
        ovs_wake(call->ovs);
        if (r == -EREMOTEIO)
                (void) ovs_error_text(answer, text);
        else if (r == 0)
                r = ovs_transaction_check(&call->transaction, answer, &step, text);
        if (r == 0 && call->is_removal)
                r = call_note_removed(call, answer);
        if (r == 0 && call->is_change)
                r = ovs_transaction_number(&call->transaction, answer, &call->number);

        if (r == 0)
                call_on_done(call);
        else if (r == -EREMOTEIO)
                call_on_refused(call, step, text);
        else if (r == -ECONNRESET && call->is_overtaken)
                call_yield(call);
        else if (r == -ECONNRESET && !call->is_late)
                /* Whether it was carried out will show when the database is read anew. */
                call_wait(call, CALL_WAITING);
        else
                call_end_unreachable(call, r);

        return r == -EBADMSG ? r : 0;
}

/* Chooses what is to be written in the place of rows of ours. In place only where ovs-vswitchd has the port: rows that
 * never worked, or whose device went, are nothing to it any more. Moved at once only from another bridge: those that
 * are in the way on the same one, a TAP's that is gone for example, have to be seen to go. */
static void call_prepare_over(OvsCall *call, const OvsPort *port) {
        const PortSpec *spec = &call->spec;
        bool is_plugged = sd_id128_equal(port->id, call->id) && ovs_port_is_plugged(port) && port->ifindex != 0;
        bool is_there = strcmp(port->spec.switch_name, spec->switch_name) == 0;

        call->is_change = is_plugged && is_there;
        call->is_removal = !is_plugged;
        if (call->is_change)
                ovs_transaction_change(&call->transaction, port, spec);
        else if (call->is_removal)
                ovs_transaction_remove(&call->transaction, port, spec->switch_name);
        else
                ovs_transaction_make(&call->transaction, call->name, call->id, spec, port);
}

/* The next transaction of a call, by what stands there. False: none is needed. */
static bool call_prepare(OvsCall *call) {
        OvsPort port;
        bool is_there = ovs_mirror_find_port(call->ovs->mirror, call->name, &port) && port.is_own;

        call->is_change = call->is_removal = false;
        if (call->is_plug && is_there) {
                call_prepare_over(call, &port);
        } else if (call->is_plug) {
                ovs_transaction_make(&call->transaction, call->name, call->id, &call->spec, /* old= */ NULL);
        } else if (is_there && sd_id128_equal(port.id, call->id)) {
                call->is_removal = true;
                ovs_transaction_remove(&call->transaction, &port, /* bridge= */ NULL);
        } else {
                return false;
        }

        return true;
}

static void call_transact(OvsCall *call) {
        int r;

        call->n_attempts++;
        if (!call_prepare(call)) {
                call_end(call, 0);
                return;
        }

        r = ovsdb_call(call->ovs->ovsdb, "transact", ovs_transaction_take(&call->transaction), call_left_usec(call),
                       call_on_answer, call, &call->request);
        if (r < 0) {
                call_fail(call, r);
                return;
        }

        call->ovs->n_transacting++;
        call_wait(call, CALL_TRANSACTING);
}

static int call_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        OvsCall *call = userdata;

        call->is_late = true;
        /* A transaction has its own deadline. */
        if (call->state == CALL_WAITING)
                call_end_unreachable(call, -ENOTCONN);
        else if (call->state == CALL_CLEARING)
                call_end(call, call_set_late(call));
        else if (call->state == CALL_SETTLING)
                call_look(call);

        return 0;
}

/* Its time begins when its turn comes. */
static int call_set_deadline(OvsCall *call) {
        int r;

        if (call->deadline)
                return 0;

        call->end_usec = clock_now_usec() + OVS_ANSWER_USEC - (call->is_plug ? WITHDRAW_USEC : 0);
        r = sd_event_add_time(call->ovs->event, &call->deadline, CLOCK_MONOTONIC, call->end_usec, CLOCK_ACCURACY_USEC,
                              call_on_deadline, call);
        return r < 0 ? r : sd_event_source_set_priority(call->deadline, DEADLINE_PRIORITY);
}

static void call_go(OvsCall *call) {
        int r;

        r = call_set_deadline(call);
        if (r < 0)
                call_fail(call, r);
        else if (ovs_is_connected(call->ovs) && call->is_plug && !ovs_is_clear(call->ovs, call->name))
                call_wait(call, CALL_CLEARING);
        else if (ovs_is_connected(call->ovs))
                call_transact(call);
        else if (call->ovs->ovsdb && ovsdb_is_promising(call->ovs->ovsdb))
                call_wait(call, CALL_WAITING);
        else
                call_end_unreachable(call, -ENOTCONN);
}

/* ---- the loop ---- */

/* Nothing in here adds to the lists but call_begin(), which comes to an end. */
static int ovs_on_turn(sd_event_source *source, void *userdata) {
        Ovs *ovs = userdata;

        while (ovs->ready && ovs->n_transacting < WINDOW)
                call_go(ovs->ready);

        while (ovs->ended) {
                OvsCall *call = ovs->ended;

                DL_DELETE(ovs->ended, call);
                if (call->done)
                        call->done(call->r, &call->fault, call->userdata);
                call_free(call);
        }

        /* A heap keeps what it had for a message of megabytes. */
        if (ovs->is_fat)
                (void) malloc_trim(0);
        ovs->is_fat = false;
        return 0;
}

/* Those that wait for this, and for no other call, begin. */
static void ovs_begin_calls(Ovs *ovs, CallState state) {
        OvsCall *call, *next;

        DL_FOREACH_SAFE(ovs->busy, call, next)
                if (call->state == state && !call->before)
                        call_begin(call);
}

static void ovs_on_bridge(const char *name, void *userdata) {
        Ovs *ovs = userdata;

        if (ovs->handlers->on_bridge)
                ovs->handlers->on_bridge(name, ovs->userdata);
}

static void ovs_on_port(const char *name, void *userdata) {
        Ovs *ovs = userdata;
        OvsCall *call;

        HASH_FIND_STR(ovs->calls, name, call);
        if (call && call->state == CALL_SETTLING)
                call_look(call);
        if (ovs->handlers->on_port)
                ovs->handlers->on_port(name, ovs->userdata);
}

/* ovs-vswitchd has got a bit further. */
static void ovs_on_applied(Ovs *ovs) {
        OvsCall *call, *next;

        ovs_forget_removed(ovs, ovs_mirror_applied(ovs->mirror));
        ovs_begin_calls(ovs, CALL_CLEARING);
        DL_FOREACH_SAFE(ovs->busy, call, next) {
                if (call->state == CALL_SETTLING && call->is_change)
                        call_look(call);
        }
}

/* ---- the session ---- */

static void ovs_tell_connected(Ovs *ovs) {
        bool is_connected = ovs_is_connected(ovs);

        if (is_connected == ovs->is_connected)
                return;

        ovs->is_connected = is_connected;
        if (is_connected && ovs->handlers->on_read)
                ovs->handlers->on_read(ovs->userdata);
        else if (!is_connected && ovs->handlers->on_lost)
                ovs->handlers->on_lost(ovs->userdata);
}

/* The database was read. */
static void ovs_take_over(Ovs *ovs) {
        ovs_mirror_tell(ovs->coming, /* on_bridge= */ NULL, /* on_port= */ NULL, /* userdata= */ NULL);
        ovs_mirror_free(ovs->mirror);
        ovs->mirror = ovs->coming;
        ovs->coming = NULL;
        ovs->is_current = ovs->is_fat = true;
        ovs_wake(ovs);
        log_message(LOG_INFO, "Open vSwitch: %zu bridges, %zu ports and interfaces",
                    ovs_mirror_count_bridges(ovs->mirror), ovs_mirror_count_rows(ovs->mirror));

        ovs_tell_connected(ovs);
        ovs_begin_calls(ovs, CALL_WAITING);
}

static int reading_on_answer(int r, const json_t *answer, void *userdata) {
        Reading *reading = userdata;
        Ovs *ovs = reading->ovs;
        char text[TEXT_ESCAPED_SIZE];

        if (r == -EREMOTEIO) {
                log_message(LOG_WARNING, "Open vSwitch: its database cannot be read: %s, trying again later",
                            ovs_error_text(answer, text));
                return -EPROTO;
        }
        if (r < 0)
                return r;

        r = ovs_mirror_apply(ovs->coming, reading->monitor, answer);
        if (r < 0)
                return r;

        reading->is_answered = true;
        if (ovs->readings[OVS_MONITOR_OTHERS].is_answered && ovs->readings[OVS_MONITOR_OWN].is_answered)
                ovs_take_over(ovs);
        return 0;
}

static int ovs_on_open(void *userdata) {
        Ovs *ovs = userdata;
        int r;

        r = ovs_mirror_new(&ovs->coming);
        for (int i = 0; i < _OVS_MONITOR_MAX && r == 0; i++) {
                ovs->readings[i] = (Reading){ .ovs = ovs, .monitor = (OvsMonitor) i };
                /* However long a large database takes: a call that waits for it has a deadline. */
                r = ovsdb_call(ovs->ovsdb, "monitor_cond", ovs_monitor_request((OvsMonitor) i), UINT64_MAX,
                               reading_on_answer, &ovs->readings[i], /* ret= */ NULL);
        }

        return r;
}

static void ovs_on_closed(void *userdata) {
        Ovs *ovs = userdata;
        OvsCall *call;

        if (ovs->is_current)
                log_message(LOG_WARNING, "Open vSwitch: its database is gone; ports stay as they are");

        ovs->is_current = ovs->is_silent = false;
        ovs->coming = ovs_mirror_free(ovs->coming);
        DL_FOREACH(ovs->busy, call)
                if (call->state == CALL_SETTLING || call->state == CALL_CLEARING)
                        call->state = CALL_WAITING;
        /* Another database counts from another number. */
        ovs_forget_removed(ovs, INT64_MAX);
        ovs_tell_connected(ovs);
}

static void ovs_on_silent(bool is_silent, void *userdata) {
        Ovs *ovs = userdata;

        log_message(is_silent ? LOG_WARNING : LOG_INFO, "Open vSwitch: its database %s",
                    is_silent ? "does not answer" : "answers again");
        ovs->is_silent = is_silent;
        ovs_tell_connected(ovs);
}

static int ovs_on_notification(const char *method, const json_t *params, void *userdata) {
        Ovs *ovs = userdata;
        OvsMonitor monitor = ovs_monitor_of(json_array_get(params, 0));
        int64_t applied;
        int r;

        /* The schema is being replaced, or the database taken away (ovsdb-server(7), 4.1.7). */
        if (strcmp(method, "monitor_canceled") == 0)
                return -EPROTO;
        if (strcmp(method, "update2") != 0)
                return 0;
        if (monitor == _OVS_MONITOR_MAX)
                return -EBADMSG;
        if (ovs->coming)
                return ovs_mirror_apply(ovs->coming, monitor, json_array_get(params, 1));

        applied = ovs_mirror_applied(ovs->mirror);
        r = ovs_mirror_apply(ovs->mirror, monitor, json_array_get(params, 1));
        if (r < 0)
                return r;

        ovs_mirror_tell(ovs->mirror, ovs_on_bridge, ovs_on_port, ovs);
        if (ovs_mirror_applied(ovs->mirror) != applied)
                ovs_on_applied(ovs);
        return 0;
}

int ovs_new(sd_event *event, const char *socket_path, const char *server_path, const OvsHandlers *handlers,
            void *userdata, Ovs **ret) {
        static const OvsdbHandlers session = {
                .on_open = ovs_on_open,
                .on_closed = ovs_on_closed,
                .on_notification = ovs_on_notification,
                .on_silent = ovs_on_silent,
        };
        Ovs *ovs;
        int r;

        ovs = calloc(1, sizeof(*ovs));
        if (!ovs)
                return -ENOMEM;

        *ovs = (Ovs){ .handlers = handlers, .userdata = userdata };
        ovs->event = sd_event_ref(event);
        r = sd_event_add_defer(event, &ovs->turn, ovs_on_turn, ovs);
        if (r >= 0)
                r = sd_event_source_set_enabled(ovs->turn, SD_EVENT_OFF);
        if (r >= 0 && *socket_path)
                r = ovsdb_new(event, socket_path, server_path, &session, ovs, &ovs->ovsdb);
        if (r < 0) {
                ovs_free(ovs);
                return r;
        }

        *ret = ovs;
        return 0;
}

static void calls_free(OvsCall *list) {
        OvsCall *call, *next;

        DL_FOREACH_SAFE(list, call, next)
                call_free(call);
}

Ovs *ovs_free(Ovs *ovs) {
        if (!ovs)
                return NULL;

        HASH_CLEAR(hh, ovs->calls);
        ovs_forget_removed(ovs, INT64_MAX);
        calls_free(ovs->ready);
        calls_free(ovs->busy);
        calls_free(ovs->ended);
        ovsdb_free(ovs->ovsdb);
        ovs_mirror_free(ovs->mirror);
        ovs_mirror_free(ovs->coming);
        sd_event_source_disable_unref(ovs->turn);
        sd_event_unref(ovs->event);
        free(ovs);
        return NULL;
}

/* ---- what others ask ---- */

bool ovs_is_connected(const Ovs *ovs) {
        return ovs->is_current && !ovs->is_silent;
}

bool ovs_is_coming(const Ovs *ovs) {
        return !ovs->mirror && ovs->ovsdb && ovsdb_is_promising(ovs->ovsdb);
}

bool ovs_is_expected(const Ovs *ovs) {
        return ovs->mirror || (ovs->ovsdb && ovsdb_is_expected(ovs->ovsdb));
}

bool ovs_was_read(const Ovs *ovs) {
        return ovs->mirror;
}

bool ovs_has_bridge(const Ovs *ovs, const char *name) {
        return ovs->mirror && ovs_mirror_has_bridge(ovs->mirror, name);
}

bool ovs_find_port(const Ovs *ovs, const char *name, OvsPort *ret) {
        return ovs->mirror && ovs_mirror_find_port(ovs->mirror, name, ret);
}

void ovs_each_port(const Ovs *ovs, void (*callback)(const OvsPort *port, void *userdata), void *userdata) {
        if (ovs->mirror)
                ovs_mirror_each_port(ovs->mirror, callback, userdata);
}

/* ---- calls ---- */

/* Takes the place of an earlier call of the same name: it ends, or where a transaction of it is on its way it is waited
 * for. */
static void call_overtake(OvsCall *call, OvsCall *earlier) {
        OvsCall *before = earlier;

        if (earlier->state == CALL_TRANSACTING || earlier->state == CALL_WITHDRAWING) {
                earlier->is_overtaken = true;
        } else {
                before = earlier->before;
                call_yield(earlier);
        }

        call->before = before;
        if (before)
                before->after = call;
}

static int ovs_add(Ovs *ovs, OvsCall *call) {
        OvsCall *earlier;

        HASH_FIND_STR(ovs->calls, call->name, earlier);
        if (earlier)
                HASH_DEL(ovs->calls, earlier);
        HASH_ADD_STR(ovs->calls, name, call);
        if (!call->hh.tbl) {
                if (earlier)
                        HASH_ADD_STR(ovs->calls, name, earlier);
                return -ENOMEM;
        }

        if (earlier)
                call_overtake(call, earlier);
        if (call->before)
                call_wait(call, CALL_WAITING);
        else
                call_begin(call);
        return 0;
}

static int ovs_call(Ovs *ovs, const char *name, sd_id128_t id, const PortSpec *spec, ovs_done_t done, void *userdata,
                    OvsCall **ret) {
        OvsCall *call;
        int r;

        if (strlen(name) >= sizeof(call->name))
                return -EINVAL;

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;

        *call = (OvsCall){ .ovs = ovs, .id = id, .is_plug = spec, .done = done, .userdata = userdata };
        strcpy(call->name, name);
        if (spec)
                call->spec = *spec;
        r = ovs_add(ovs, call);
        if (r < 0) {
                call_free(call);
                return r;
        }

        if (ret)
                *ret = call;
        return 0;
}

int ovs_plug(Ovs *ovs, const char *name, sd_id128_t id, const PortSpec *spec, ovs_done_t done, void *userdata,
             OvsCall **ret) {
        return ovs_call(ovs, name, id, spec, done, userdata, ret);
}

int ovs_unplug(Ovs *ovs, const char *name, sd_id128_t id, ovs_done_t done, void *userdata, OvsCall **ret) {
        return ovs_call(ovs, name, id, /* spec= */ NULL, done, userdata, ret);
}

void ovs_call_forget(OvsCall *call) {
        if (call)
                call->done = NULL;
}
