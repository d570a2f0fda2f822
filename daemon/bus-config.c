/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What files declare: Reload, Declare, Undeclare, Adopt. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "loading.h"
#include "log.h"
#include "names.h"

/* How long reading may take: names are asked of a directory server. */
#define LOADING_SECONDS 60

/* A request that waits for a reload. */
typedef struct Waiter {
        Job *job;
        unsigned turn; /* of the reload that began after it asked */
        bool recreate;
        struct Waiter *prev, *next;
} Waiter;

/* One reload runs at a time; who asks meanwhile waits for one more, for the files may have changed since they were
 * read.
 */
struct BusReload {
        Bus *bus;
        char *root, *state_path;
        Loading *loading;
        sd_event_source *source; /* begins one, from the loop */
        sd_event_source *deadline;
        bool is_running;
        bool is_wanted; /* one more */
        unsigned turn;
        Waiter *waiters;
        Fault fault; /* what was wrong in the files */
};

/* Why a TAP is not as its file says, for those that are not. */
static int append_notes(sd_bus_message *reply, Manager *manager) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        for (Tap *tap = manager_next(manager, NULL); tap && r >= 0; tap = manager_next(manager, tap))
                if (*tap->record.declared && *tap->reason)
                        r = sd_bus_message_append(reply, "(ss)", tap->record.name, tap->reason);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r;
}

static void answer_reloaded(Job *job, const BusReload *reload) {
        sd_bus_message *reply = NULL;
        int r;

        if (reload->fault.error != TAPD_ERROR_NONE) {
                job_answer_fault(job, &reload->fault);
                return;
        }

        r = sd_bus_message_new_method_return(job->message, &reply);
        if (r >= 0)
                r = append_notes(reply, reload->bus->manager);
        if (r >= 0)
                job_answer_message(job, reply);
        else
                job_answer_fault(job, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });
        sd_bus_message_unref(reply);
}

/* The one place where a reload ends, from the loop, however it went: what systemd was told is taken back, and who waits
 * is answered. */
static void bus_reload_finish(BusReload *reload) {
        Waiter *waiter, *next;

        reload->is_running = false;
        (void) sd_notify(0, "READY=1");

        DL_FOREACH_SAFE(reload->waiters, waiter, next) {
                Job *job = waiter->job;

                if (waiter->turn != reload->turn)
                        continue;

                answer_reloaded(job, reload);
                /* Takes the waiter out. */
                job_free(job);
        }

        if (reload->is_wanted)
                (void) sd_event_source_set_enabled(reload->source, SD_EVENT_ONESHOT);
}

static void bus_reload_on_done(size_t n_failures, void *userdata) {
        BusReload *reload = userdata;

        if (n_failures > 0 && reload->fault.error == TAPD_ERROR_NONE)
                (void) fault_set(&reload->fault, TAPD_ERROR_FAILED,
                                 "%zu of the TAPs could not be made as their files say, and are tried again: tapctl "
                                 "list, systemctl status tapd",
                                 n_failures);
        bus_reload_finish(reload);
}

static bool reload_recreates(const BusReload *reload) {
        for (const Waiter *waiter = reload->waiters; waiter; waiter = waiter->next)
                if (waiter->turn == reload->turn && waiter->recreate)
                        return true;

        return false;
}

/* What was declared before stays as it is. */
static void note_bad_files(BusReload *reload, const Declarations *declared) {
        const char *why = declarations_why_bad(declared, /* path= */ NULL);

        if (why)
                (void) fault_set(&reload->fault, TAPD_ERROR_FAILED,
                                 "%.300s; new TAPs of other files are made, and all that exist stay as they are", why);
}

/* Systemd waits for the end of a reload, and so do callers: a directory server that does not answer ends it. */
static int bus_reload_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        BusReload *reload = userdata;

        if (!reload->loading)
                return 0;

        loading_forget(reload->loading);
        reload->loading = NULL;
        log_message(LOG_ERR, "cannot reload: a name of a user or group was not found in time; everything stays as it "
                             "was");
        (void) fault_set(&reload->fault, TAPD_ERROR_TIMEOUT, "looking up users and groups takes more than %d s",
                         LOADING_SECONDS);
        bus_reload_finish(reload);
        return 0;
}

static void bus_reload_on_loaded(LoadingResult *result, void *userdata) {
        BusReload *reload = userdata;
        int r = result->r;

        reload->loading = NULL;
        (void) sd_event_source_set_enabled(reload->deadline, SD_EVENT_OFF);
        for (size_t i = 0; i < result->n_complaints; i++)
                complaint_log(result->complaints[i].path, result->complaints[i].line, result->complaints[i].text, NULL);

        if (r >= 0) {
                note_bad_files(reload, &result->config.declared);
                r = manager_reload(reload->bus->manager, &result->config, reload_recreates(reload), bus_reload_on_done,
                                   reload);
        }
        if (r < 0) {
                log_message(LOG_ERR, "cannot reload: %s; everything stays as it was", strerror(-r));
                (void) fault_set_errno(&reload->fault, r, "reload");
                bus_reload_finish(reload);
        }
}

static int bus_reload_on_start(sd_event_source *source, void *userdata) {
        BusReload *reload = userdata;
        int r;

        reload->is_wanted = false;
        reload->is_running = true;
        reload->turn++;
        reload->fault = (Fault){};
        log_message(LOG_INFO, "reading the configuration");
        (void) sd_notify(0, "RELOADING=1");

        r = loading_begin(reload->bus->event, reload->root, reload->state_path, bus_reload_on_loaded, reload,
                          &reload->loading);
        if (r >= 0) {
                (void) sd_event_source_set_time_relative(reload->deadline, LOADING_SECONDS * UINT64_C(1000000));
                (void) sd_event_source_set_enabled(reload->deadline, SD_EVENT_ONESHOT);
        } else {
                (void) fault_set_errno(&reload->fault, r, "reload");
                bus_reload_finish(reload);
        }

        return 0;
}

void bus_reload(Bus *bus) {
        bus->reload->is_wanted = true;
        if (!bus->reload->is_running)
                (void) sd_event_source_set_enabled(bus->reload->source, SD_EVENT_ONESHOT);
}

int bus_reload_new(Bus *bus, const char *root, const char *state_path, BusReload **ret) {
        BusReload *reload;
        int r;

        reload = calloc(1, sizeof(*reload));
        if (!reload)
                return -ENOMEM;

        reload->bus = bus;
        reload->root = strdup(root);
        reload->state_path = strdup(state_path);
        r = reload->root && reload->state_path ? 0 : -ENOMEM;
        if (r == 0)
                r = sd_event_add_defer(bus->event, &reload->source, bus_reload_on_start, reload);
        if (r >= 0)
                r = sd_event_source_set_enabled(reload->source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(bus->event, &reload->deadline, CLOCK_MONOTONIC, 0,
                                               /* accuracy= */ 1000000, bus_reload_on_deadline, reload);
        if (r >= 0)
                r = sd_event_source_set_enabled(reload->deadline, SD_EVENT_OFF);
        if (r < 0) {
                bus_reload_free(reload);
                return r;
        }

        *ret = reload;
        return 0;
}

BusReload *bus_reload_free(BusReload *reload) {
        if (!reload)
                return NULL;

        loading_forget(reload->loading);
        sd_event_source_disable_unref(reload->source);
        sd_event_source_disable_unref(reload->deadline);
        free(reload->root);
        free(reload->state_path);
        free(reload);
        return NULL;
}

static void waiter_on_cancel(Job *job) {
        Bus *bus = job->userdata;
        Waiter *waiter, *next;

        DL_FOREACH_SAFE(bus->reload->waiters, waiter, next) {
                if (waiter->job == job) {
                        DL_DELETE(bus->reload->waiters, waiter);
                        free(waiter);
                }
        }
}

/* For what is the administrator's: no grant covers it, and polkit decides. */
static int authorize(Bus *bus, Job *job, const char *action, const char *name, Fault *fault) {
        const AuthzQuestion question = {
                .action = action,
                .target = { .names = name, .creator = job->caller->uid },
        };

        return authz_require(&bus->authz, job, &question, fault);
}

int bus_reload_config(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        BusReload *reload = bus->reload;
        int recreate, r;
        Waiter *waiter;

        r = sd_bus_message_read_basic(job->message, 'b', &recreate);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = authorize(bus, job, TAPD_ACTION_RELOAD, "", fault);
        if (r <= 0)
                return r;

        waiter = calloc(1, sizeof(*waiter));
        if (!waiter)
                return fault_set_errno(fault, -ENOMEM, "request");

        *waiter = (Waiter){ .job = job, .turn = reload->turn + 1, .recreate = recreate };
        DL_APPEND(reload->waiters, waiter);
        job->cancel = waiter_on_cancel;
        log_message(LOG_INFO, "reload asked for by uid %u", job->caller->uid);
        bus_reload(bus);
        return 0;
}

static void ignore_unreadable(const char *path, int r, void *userdata) {
}

/* Whether the administrator says something of a TAP that is declared over the bus. */
static bool has_drop_ins(const BusReload *reload, const char *name) {
        char file[NAME_SIZE + sizeof(".tap")];
        ConfPaths paths = {};
        ConfDirs dirs;
        bool found;

        (void) snprintf(file, sizeof(file), "%s.tap", name);
        confdirs_init(&dirs, reload->root, reload->state_path, geteuid());
        found = declarations_list_drop_ins(&dirs, file, ignore_unreadable, NULL, &paths) == 0 && paths.n_items > 0;
        confpaths_done(&paths);
        return found;
}

int bus_declare(Job *job, void *userdata, Fault *fault) {
        char note[TAP_REASON_SIZE];
        TapSpec spec = SPEC_INIT;
        Bus *bus = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read_basic(job->message, 's', &name);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = name_check(name, fault);
        if (r == 0)
                r = bus_read_settings(job->message, &spec, fault);
        if (r == 0)
                r = authorize(bus, job, TAPD_ACTION_DECLARE, name, fault);
        if (r <= 0)
                return r;

        r = manager_declare(bus->manager, name, &spec, note, fault);
        if (r < 0)
                return r;

        job_answer(job, "s", note);
        /* They say more than who declares it, and names in them take their time. */
        if (has_drop_ins(bus->reload, name))
                bus_reload(bus);
        return 0;
}

int bus_undeclare(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read_basic(job->message, 's', &name);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = name_check(name, fault);
        if (r == 0)
                r = authorize(bus, job, TAPD_ACTION_DECLARE, name, fault);
        if (r <= 0)
                return r;

        r = manager_undeclare(bus->manager, name, fault);
        if (r < 0)
                return r;

        job_answer(job, NULL);
        return 0;
}

int bus_adopt(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        const char *name;
        Tap *tap;
        int r;

        r = sd_bus_message_read_basic(job->message, 's', &name);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = name_check(name, fault);
        if (r == 0)
                r = authorize(bus, job, TAPD_ACTION_ADOPT, name, fault);
        if (r <= 0)
                return r;

        r = manager_adopt(bus->manager, name, job->caller->uid, &tap, fault);
        if (r < 0)
                return r;

        job_answer(job, NULL);
        return 0;
}
