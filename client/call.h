/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "agent.h"

/*
 * Calls to tapd. Every function that returns int returns 0, or the exit status of tapctl once the error was printed.
 */
typedef struct Caller {
        sd_bus *bus;
        bool may_ask;           /* a person may be asked for a password */
        bool is_terse;          /* what would help goes into the line of the error, for nobody reads another */
        bool pending;           /* the bus has not yet said who owns tapd's name */
        bool verified;          /* the owner may own it */
        bool expects_absence;   /* that there is no such TAP is told by the exit status alone */
        const char *progress;   /* to show on a terminal while a call takes long; NULL: nothing */
        char *(*advise)(void);  /* what somebody who was refused can do, to be freed, or NULL; may be NULL */
        const char *plugs_into; /* the switch that the calls name; NULL: none */
        bool hinted;            /* what to do about that switch was said */
        int error;              /* of that question, -errno */
        uint32_t owner;         /* uid, where the name has an owner */
        uint64_t deadline_usec; /* of all of it, CLOCK_MONOTONIC; 0: each call has its time */
        bool owned;
        Agent agent;
} Caller;

/* Connects to the system bus. call_close() in any case. */
int call_open(Caller *caller, bool may_ask);

/* The same for a program that another one waits for: it asks for no password, an error is one line, and after so many
 * seconds it has failed, whoever does not answer. */
int call_open_unattended(Caller *caller, unsigned seconds);
void call_close(Caller *caller);

/* A call to the manager or to the TAP of that name. The caller appends arguments and unrefs it. */
int call_new_manager(Caller *caller, const char *interface, const char *member, sd_bus_message **ret);
int call_new_tap(Caller *caller, const char *name, const char *interface, const char *member, sd_bus_message **ret);

/* How long a call may take, 130 s if nothing is said. */
int call_set_patience(Caller *caller, uint64_t seconds);

/* Sends a call and waits for its reply, at most so long: tapd gives a person 120 s to type a password. Where tapd says
 * that one would help, and a person is at the terminal, starts polkit's text agent and sends the call again.
 * @subject is what an error is about, usually a TAP's name; NULL: the message says it. @ret_reply may be NULL. */
int call_perform(Caller *caller, const char *subject, sd_bus_message *call, sd_bus_message **ret_reply);

/* Calls a method of the manager that takes a name and nothing else. @subject and @ret_reply as in call_perform(). */
int call_with_name(Caller *caller, const char *subject, const char *member, const char *name,
                   sd_bus_message **ret_reply);

/* Calls a method of a TAP that takes nothing and returns nothing. */
int call_tap(Caller *caller, const char *name, const char *member);

/* All properties of a TAP, or of the manager (@name NULL). */
int call_get_all(Caller *caller, const char *name, sd_bus_message **ret_reply);

/* Calls @each for every name, also when it failed for one before; but once there is no tapd to ask, no more. Returns
 * the first exit status that is not 0. */
typedef int (*CallEach)(Caller *caller, const char *name, void *userdata);
int call_each(Caller *caller, const char *const *names, size_t n, CallEach each, void *userdata);

/* Reports that a message could not be built or read. */
int call_report_build(int r);
int call_report_reply(int r);
