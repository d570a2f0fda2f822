/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "table.h"

/* One connection. */
typedef struct Known {
        Caller *caller;
        UT_hash_handle hh;
        char name[];
} Known;

struct Callers {
        sd_bus *bus;
        Jobs *jobs;
        sd_bus_slot *match;
        Known *known;
};

static Caller *caller_copy(const Caller *caller) {
        size_t size = sizeof(*caller) + caller->n_groups * sizeof(caller->groups[0]);
        Caller *copy = malloc(size);

        return copy ? memcpy(copy, caller, size) : NULL;
}

static void known_free(Callers *callers, Known *known) {
        HASH_DEL(callers->known, known);
        free(known->caller);
        free(known);
}

/* Remembers a connection; without memory it is asked for again the next time. */
static void callers_remember(Callers *callers, const char *name, const Caller *caller) {
        Known *known;

        HASH_FIND_STR(callers->known, name, known);
        if (known)
                return;

        known = calloc(1, sizeof(*known) + strlen(name) + 1);
        if (!known)
                return;

        strcpy(known->name, name);
        known->caller = caller_copy(caller);
        if (known->caller)
                HASH_ADD_STR(callers->known, name, known);
        if (!known->caller || !known->hh.tbl) {
                free(known->caller);
                free(known);
        }
}

static int callers_on_left(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Callers *callers = userdata;
        const char *name;
        Known *known;

        if (sd_bus_message_read_basic(message, 's', &name) < 0 || *name != ':')
                return 0;

        jobs_drop_sender(callers->jobs, name);

        HASH_FIND_STR(callers->known, name, known);
        if (known)
                known_free(callers, known);

        return 0;
}

int callers_new(sd_bus *bus, Jobs *jobs, Callers **ret) {
        Callers *callers;
        int r;

        callers = calloc(1, sizeof(*callers));
        if (!callers)
                return -ENOMEM;

        callers->bus = sd_bus_ref(bus);
        callers->jobs = jobs;
        r = sd_bus_add_match_async(bus, &callers->match,
                                   "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                   "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                                   callers_on_left, /* install_callback= */ NULL, callers);
        if (r < 0) {
                callers_free(callers);
                return r;
        }

        *ret = callers;
        return 0;
}

Callers *callers_free(Callers *callers) {
        Known *known, *next;

        if (!callers)
                return NULL;

        HASH_ITER(hh, callers->known, known, next) {
                known_free(callers, known);
        }

        sd_bus_slot_unref(callers->match);
        sd_bus_unref(callers->bus);
        free(callers);
        return NULL;
}

static int read_groups(sd_bus_message *message, Caller **caller) {
        const gid_t *groups;
        Caller *grown;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(message, 'v', "au");
        if (r < 0)
                return r;

        r = sd_bus_message_read_array(message, 'u', (const void **) &groups, &size);
        if (r < 0)
                return r;

        grown = realloc(*caller, sizeof(*grown) + size);
        if (!grown)
                return -ENOMEM;

        *caller = grown;
        grown->n_groups = size / sizeof(groups[0]);
        memcpy(grown->groups, groups, size);
        return sd_bus_message_exit_container(message);
}

static int read_entry(sd_bus_message *message, Caller **caller, bool *has_uid) {
        const char *key, *contents;
        char type;
        int r;

        r = sd_bus_message_read_basic(message, 's', &key);
        if (r < 0)
                return r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;

        if (strcmp(key, "UnixUserID") == 0 && strcmp(contents, "u") == 0) {
                *has_uid = true;
                return sd_bus_message_read(message, "v", "u", &(*caller)->uid);
        }
        if (strcmp(key, "UnixGroupIDs") == 0 && strcmp(contents, "au") == 0)
                return read_groups(message, caller);

        return sd_bus_message_skip(message, "v");
}

/* Reads a{sv}. Without a uid nobody is known, and nobody is not root: -ENODATA. */
static int read_credentials(sd_bus_message *message, Caller **ret) {
        Caller *caller;
        bool has_uid = false;
        int r;

        caller = calloc(1, sizeof(*caller));
        if (!caller)
                return -ENOMEM;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_entry(message, &caller, &has_uid);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }

        if (r >= 0 && !has_uid)
                r = -ENODATA;
        if (r < 0) {
                free(caller);
                return r;
        }

        *ret = caller;
        return 0;
}

static void callers_run(Callers *callers, Job *job) {
        Fault fault = {};

        /* The job itself is one of them. */
        if (jobs_count_of(callers->jobs, job->caller->uid) > JOBS_MAX_PER_USER) {
                (void) fault_set(&fault, TAPD_ERROR_LIMITS_EXCEEDED, "uid %u has %d requests pending, try again later",
                                 job->caller->uid, JOBS_MAX_PER_USER);
                job_answer_fault(job, &fault);
                job_free(job);
                return;
        }

        job_step(job);
}

/* A question to the bus; it belongs to the slot of its call. */
typedef struct Question {
        Callers *callers;
        Job *job;
} Question;

static int callers_on_credentials(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Question question = *(Question *) userdata;
        Job *job = question.job;
        Fault fault = {};
        int r;

        /* The question goes with the slot. */
        job->slot = sd_bus_slot_unref(job->slot);

        r = sd_bus_message_is_method_error(message, NULL) ? -EACCES : read_credentials(message, &job->caller);
        if (r < 0) {
                (void) fault_set(&fault, TAPD_ERROR_ACCESS_DENIED, "the bus does not say who is asking");
                job_answer_fault(job, &fault);
                job_free(job);
                return 0;
        }

        callers_remember(question.callers, sd_bus_message_get_sender(job->message), job->caller);
        callers_run(question.callers, job);
        return 0;
}

static int callers_ask(Callers *callers, Job *job) {
        Question *question;
        int r;

        question = malloc(sizeof(*question));
        if (!question)
                return -ENOMEM;

        *question = (Question){ .callers = callers, .job = job };
        r = sd_bus_call_method_async(callers->bus, &job->slot, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetConnectionCredentials", callers_on_credentials,
                                     question, "s", sd_bus_message_get_sender(job->message));
        if (r < 0) {
                free(question);
                return r;
        }

        return sd_bus_slot_set_destroy_callback(job->slot, free);
}

void callers_introduce(Callers *callers, Job *job) {
        const char *sender = sd_bus_message_get_sender(job->message);
        Fault fault = {};
        Known *known;
        int r = 0;

        HASH_FIND_STR(callers->known, sender, known);
        if (known) {
                job->caller = caller_copy(known->caller);
                if (job->caller) {
                        callers_run(callers, job);
                        return;
                }
                r = -ENOMEM;
        }

        if (r == 0)
                r = callers_ask(callers, job);
        if (r < 0) {
                (void) fault_set_errno(&fault, r, "request");
                job_answer_fault(job, &fault);
                job_free(job);
        }
}
