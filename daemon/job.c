/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "table.h"

struct Jobs {
        sd_event *event;
        Job *list;
        size_t n_jobs;
        uint64_t last_id;
        uint64_t deadline_usec;
};

int jobs_new(sd_event *event, Jobs **ret) {
        Jobs *jobs;

        jobs = calloc(1, sizeof(*jobs));
        if (!jobs)
                return -ENOMEM;

        jobs->event = sd_event_ref(event);
        jobs->deadline_usec = JOB_DEADLINE_USEC;
        *ret = jobs;
        return 0;
}

Jobs *jobs_free(Jobs *jobs) {
        if (!jobs)
                return NULL;

        while (jobs->list)
                job_free(jobs->list);

        sd_event_unref(jobs->event);
        free(jobs);
        return NULL;
}

void jobs_set_deadline(Jobs *jobs, uint64_t usec) {
        jobs->deadline_usec = usec;
}

size_t jobs_count_of(const Jobs *jobs, uid_t uid) {
        size_t n = 0;

        for (const Job *job = jobs->list; job; job = job->next)
                n += job->caller && job->caller->uid == uid;

        return n;
}

void jobs_drop_sender(Jobs *jobs, const char *sender) {
        Job *job, *next;

        DL_FOREACH_SAFE(jobs->list, job, next) {
                if (strcmp(sd_bus_message_get_sender(job->message), sender) != 0)
                        continue;

                /* There is nobody to read an answer. */
                job->is_answered = true;
                job_free(job);
        }
}

static int job_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;
        Fault fault = {};

        (void) fault_set(&fault, TAPD_ERROR_TIMEOUT, "no answer within %" PRIu64 " s",
                         job->jobs->deadline_usec / 1000000);
        job_answer_fault(job, &fault);
        job_free(job);
        return 0;
}

int job_new(Jobs *jobs, sd_bus_message *message, job_run_t run, void *userdata, Job **ret, Fault *fault) {
        Job *job;
        int r;

        if (jobs->n_jobs >= JOBS_MAX)
                return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "%d requests are pending, try again later",
                                 JOBS_MAX);

        job = calloc(1, sizeof(*job));
        if (!job)
                return fault_set_errno(fault, -ENOMEM, "request");

        *job = (Job){ .jobs = jobs, .run = run, .userdata = userdata, .id = ++jobs->last_id };
        job->message = sd_bus_message_ref(message);
        DL_APPEND(jobs->list, job);
        jobs->n_jobs++;

        r = sd_event_add_time_relative(jobs->event, &job->deadline, CLOCK_MONOTONIC, jobs->deadline_usec,
                                       /* accuracy= */ 1000000, job_on_deadline, job);
        if (r < 0) {
                job->is_answered = true;
                job_free(job);
                return fault_set_errno(fault, r, "request");
        }

        *ret = job;
        return 0;
}

Job *job_free(Job *job) {
        const Fault fault = { .error = TAPD_ERROR_FAILED, .text = "tapd is stopping" };

        if (!job)
                return NULL;

        if (!job->is_answered)
                job_answer_fault(job, &fault);

        if (job->cancel)
                job->cancel(job);
        deletion_forget(job->deletion);
        creation_forget(job->creation);
        making_forget(job->making);
        plugging_forget(job->plugging);
        sd_bus_slot_unref(job->slot);
        sd_event_source_disable_unref(job->deadline);

        DL_DELETE(job->jobs->list, job);
        job->jobs->n_jobs--;
        for (size_t i = 0; i < job->n_granted; i++)
                free(job->granted[i]);
        free(job->granted);
        free(job->caller);
        sd_bus_message_unref(job->message);
        free(job);
        return NULL;
}

void job_step(Job *job) {
        Fault fault = {};
        int r;

        r = sd_bus_message_rewind(job->message, /* complete= */ true);
        if (r >= 0)
                r = job->run(job, job->userdata, &fault);
        if (r < 0) {
                (void) fault_set_errno(&fault, r, "request");
                job_answer_fault(job, &fault);
        }

        if (job->is_answered)
                job_free(job);
}

/* A peer that is gone or does not read is no reason to fail: what was asked for is done. */
static void note_reply(int r) {
        if (r < 0)
                log_message(LOG_DEBUG, "cannot answer: %s, ignoring", strerror(-r));
}

void job_answer_message(Job *job, sd_bus_message *reply) {
        if (job->is_answered)
                return;

        job->is_answered = true;
        if (sd_bus_message_get_expect_reply(job->message))
                note_reply(sd_bus_send(NULL, reply, NULL));
}

void job_answer(Job *job, const char *types, ...) {
        sd_bus_message *reply = NULL;
        va_list arguments;
        int r;

        r = sd_bus_message_new_method_return(job->message, &reply);
        if (r >= 0 && types) {
                va_start(arguments, types);
                r = sd_bus_message_appendv(reply, types, arguments);
                va_end(arguments);
        }
        if (r >= 0)
                job_answer_message(job, reply);
        else
                job_answer_fault(job, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });

        sd_bus_message_unref(reply);
}

int reply_fault(sd_bus_message *message, const Fault *fault) {
        return sd_bus_reply_method_errorf(message, tapd_error_name(fault->error), "%s", fault->text);
}

void job_answer_fault(Job *job, const Fault *fault) {
        if (job->is_answered)
                return;

        job->is_answered = true;
        note_reply(reply_fault(job->message, fault));
}
