/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define PATIENCE_USEC UINT64_C(1000000)

typedef struct Progress {
        const char *text;
        uint64_t due_usec; /* UINT64_MAX: it is shown */
        sd_bus_message *reply;
} Progress;

static int progress_on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Progress *progress = userdata;

        progress->reply = sd_bus_message_ref(reply);
        return 0;
}

static void progress_show(Progress *progress) {
        fputs(progress->text, stderr);
        progress->due_usec = UINT64_MAX;
}

/* Not every terminal knows how to clear a line; all know how to overwrite one. */
static void progress_erase(Progress *progress) {
        if (progress->due_usec == UINT64_MAX)
                fprintf(stderr, "\r%*s\r", (int) strlen(progress->text), "");
}

static int progress_wait(Progress *progress, sd_bus *bus) {
        while (!progress->reply) {
                uint64_t now;
                int r;

                r = sd_bus_process(bus, NULL);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;

                now = text_clock_usec();
                if (progress->due_usec <= now)
                        progress_show(progress);
                r = sd_bus_wait(bus, progress->due_usec == UINT64_MAX ? UINT64_MAX : progress->due_usec - now);
                if (r < 0 && r != -EINTR)
                        return r;
        }

        return 0;
}

int progress_call(sd_bus *bus, sd_bus_message *call, const char *text, sd_bus_error *error,
                  sd_bus_message **ret_reply) {
        Progress progress = { .text = text, .due_usec = text_clock_usec() + PATIENCE_USEC };
        sd_bus_slot *slot = NULL;
        int r;

        r = sd_bus_call_async(bus, &slot, call, progress_on_reply, &progress, 0);
        if (r >= 0)
                r = progress_wait(&progress, bus);
        progress_erase(&progress);
        if (r >= 0 && sd_bus_message_is_method_error(progress.reply, NULL)) {
                sd_bus_error_copy(error, sd_bus_message_get_error(progress.reply));
                r = -sd_bus_message_get_errno(progress.reply);
        }
        if (r >= 0)
                *ret_reply = sd_bus_message_ref(progress.reply);

        sd_bus_message_unref(progress.reply);
        sd_bus_slot_unref(slot);
        return r;
}
