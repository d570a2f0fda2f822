/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "creation.h"
#include "gate.h"
#include "making.h"
#include "plugging.h"

/*
 * One request in flight. It owns the message, and whatever happens it is answered exactly once: by whoever finishes it,
 * or by its destructor. Between its steps it holds names and numbers only, never a pointer to a TAP: what it stands for
 * may be gone when its answer comes (CVE-2020-1712).
 */
typedef struct Job Job;
typedef struct Jobs Jobs;

/*
 * Carries a request out, from the message on. It is called anew after each wait, looks everything up afresh, and begins
 * with sd_bus_message_rewind() done. 0 when it has answered or waits for something, negative errno with @fault filled.
 */
typedef int (*job_run_t)(Job *job, void *userdata, Fault *fault);

struct Job {
        Jobs *jobs;
        Job *prev, *next;
        sd_bus_message *message;
        job_run_t run;
        void *userdata;
        Caller *caller; /* NULL until the bus has said who it is */
        bool is_answered;

        /* What it waits for; freed with the job, and so cancelled. */
        sd_bus_slot *slot;
        Deletion *deletion;
        Creation *creation;
        Making *making;
        Plugging *plugging;
        void (*cancel)(Job *job); /* called before the slot is dropped; may be NULL */
        sd_event_source *deadline;
        uint64_t id;

        char **granted; /* what polkit said yes to, see authz.c */
        size_t n_granted;
};

/* Most requests in flight of one user, and of all. */
#define JOBS_MAX_PER_USER 64
#define JOBS_MAX 512

/* How long a person may take to find a password. */
#define JOB_DEADLINE_USEC (UINT64_C(120) * 1000000)

/* None in flight yet. -ENOMEM. jobs_free() answers those that are left with Failed. */
int jobs_new(sd_event *event, Jobs **ret);
Jobs *jobs_free(Jobs *jobs);

/* Another deadline than JOB_DEADLINE_USEC for the requests that come from now on. */
void jobs_set_deadline(Jobs *jobs, uint64_t usec);

/* Jobs of this user whose caller is known. */
size_t jobs_count_of(const Jobs *jobs, uid_t uid);

/* Drops the jobs of a connection that is gone, unanswered. */
void jobs_drop_sender(Jobs *jobs, const char *sender);

/* LimitsExceeded with JOBS_MAX in flight. Takes a reference to @message. */
int job_new(Jobs *jobs, sd_bus_message *message, job_run_t run, void *userdata, Job **ret, Fault *fault);
Job *job_free(Job *job);

/* Runs the next step; the job may be gone afterwards. */
void job_step(Job *job);

/* Answers. The job goes when the step returns, or at once where none is under way: by job_finish(). */
void job_answer(Job *job, const char *types, ...);
void job_answer_message(Job *job, sd_bus_message *reply);
void job_answer_fault(Job *job, const Fault *fault);

/* Answers a message with a fault; for those that became no job. */
int reply_fault(sd_bus_message *message, const Fault *fault);
