/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

/* When to look for TAPs that nobody used for IdleSec=: one timer, for whichever is due first. */
typedef struct Idle {
        uint64_t usec; /* 0: never */
        sd_event_source *timer;
        void (*on_due)(uint64_t limit_usec, void *userdata);
        void *userdata;
        uint64_t earliest_usec; /* of those told by idle_note() */
} Idle;

/* @on_due is called with the time before which a TAP must have fallen idle to be deleted; it calls idle_note() for each
 * that is idle and not due. */
int idle_init(Idle *idle, sd_event *event, void (*on_due)(uint64_t limit_usec, void *userdata), void *userdata);
void idle_done(Idle *idle);

/* Microseconds; 0: never. */
void idle_set(Idle *idle, uint64_t usec);

/* Something is idle from now on. */
void idle_wake(Idle *idle);

/* Something is idle since then (CLOCK_REALTIME). */
void idle_note(Idle *idle, uint64_t since_usec);

/* CLOCK_REALTIME, never 0. */
uint64_t idle_now(void);
