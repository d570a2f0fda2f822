/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "idle.h"

#include <time.h>

/* A timer of accuracy 0 would mean 250 ms. */
#define ACCURACY_USEC 100000

uint64_t idle_now(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000 + 1;
}

static void idle_arm(Idle *idle, uint64_t delay_usec) {
        (void) sd_event_source_set_time_relative(idle->timer, delay_usec);
        (void) sd_event_source_set_enabled(idle->timer, SD_EVENT_ONESHOT);
}

static int idle_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Idle *idle = userdata;
        uint64_t now = idle_now();

        idle->earliest_usec = UINT64_MAX;
        idle->on_due(now > idle->usec ? now - idle->usec : 0, idle->userdata);

        if (idle->earliest_usec != UINT64_MAX) {
                uint64_t due = idle->earliest_usec + idle->usec;

                idle_arm(idle, due > now ? due - now : 0);
        }

        return 0;
}

int idle_init(Idle *idle, sd_event *event, void (*on_due)(uint64_t limit_usec, void *userdata), void *userdata) {
        int r;

        *idle = (Idle){ .on_due = on_due, .userdata = userdata };
        r = sd_event_add_time_relative(event, &idle->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC, idle_on_timer, idle);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);
}

void idle_done(Idle *idle) {
        idle->timer = sd_event_source_disable_unref(idle->timer);
}

void idle_set(Idle *idle, uint64_t usec) {
        idle->usec = usec;
        if (usec > 0)
                /* Those that are there already may be due. */
                idle_arm(idle, 0);
        else
                (void) sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);
}

void idle_wake(Idle *idle) {
        int enabled;

        /* A timer that runs is due before anything that falls idle now. */
        if (idle->usec > 0 && sd_event_source_get_enabled(idle->timer, &enabled) >= 0 && enabled == SD_EVENT_OFF)
                idle_arm(idle, idle->usec);
}

void idle_note(Idle *idle, uint64_t since_usec) {
        if (since_usec < idle->earliest_usec)
                idle->earliest_usec = since_usec;
}
