/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "job.h"

/* dbus-daemon lets a connection wait for 128 answers (max_replies_per_connection), fewer than there are people who may
 * be looking for their passwords: more connections are opened when they are needed. Each question may have to be
 * cancelled as well, which is a call of its own. */
#define AUTHZ_LANE_QUESTIONS 60
#define AUTHZ_LANES ((JOBS_MAX + AUTHZ_LANE_QUESTIONS - 1) / AUTHZ_LANE_QUESTIONS)

typedef struct AuthzLane {
        sd_bus *bus; /* NULL: not needed yet */
        unsigned n_questions;
} AuthzLane;

/*
 * polkit, asked without waiting (polkit(8), org.freedesktop.PolicyKit1.Authority). The subject is the sender's bus
 * name, never a pid. Only a clear yes is one: a polkit that is absent, hangs or fails is a refusal.
 */
typedef struct Authz {
        sd_event *event;
        bool always_ask; /* root too: for tests, where every caller is root */
        AuthzLane lanes[AUTHZ_LANES];
} Authz;

/* @bus is tapd's own connection, and the first lane. */
void authz_init(Authz *authz, sd_event *event, sd_bus *bus, bool always_ask);
/* Every job is gone by then. */
void authz_done(Authz *authz);

/* What it is about. */
typedef struct AuthzTarget {
        const char *names;       /* detail "tap": the TAPs, separated by blanks */
        uid_t creator;           /* detail "creator": whose they are */
        uint64_t identity;       /* made of their records' ids; 0 of those that are yet to be made */
        const char *switch_name; /* detail "switch": what they are to be plugged into, or taken off; "*" where that is
                                    not the same for all; NULL: nothing */
        const char *vlans;       /* detail "vlan": their VLANs there, "*" as before; NULL where there is no switch */
} AuthzTarget;

/* One question. The strings are borrowed for the call. */
typedef struct AuthzQuestion {
        const char *action;
        AuthzTarget target;
        const char *grant;    /* detail "grant"; NULL: none covers the request */
        const Fault *refusal; /* what the caller reads instead of polkit's no; NULL: that no */
} AuthzQuestion;

/*
 * May the job's caller do this? 1 when he may, 0 when polkit was asked: the step returns, and the job is run anew with
 * the answer; a no is answered here. Negative errno with @fault when it cannot be asked.
 */
int authz_require(Authz *authz, Job *job, const AuthzQuestion *question, Fault *fault);

/* The same for all that a verdict of the gate needs, and stops at the first no: manage-others, override, and the verb's
 * own action where neither is needed, and that of plugging where a new TAP names a switch. */
int authz_require_verdict(Authz *authz, Job *job, const char *action, const AuthzTarget *target,
                          const GateVerdict *verdict, Fault *fault);

/* Has the bus start polkit, so that the first caller need not wait for it. */
void authz_wake(Authz *authz);
