/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <glib.h>
#include <string.h>

/* A hang guard, not a measure. */
#define PATIENCE_USEC (120 * G_USEC_PER_SEC)

void loop_until_at(const char *file, int line, sd_event *event, bool (*is_so)(void *userdata), void *userdata) {
        gint64 end = g_get_monotonic_time() + PATIENCE_USEC;

        while (!is_so(userdata)) {
                g_assert_cmpint(sd_event_run(event, 20000), >=, 0);
                if (g_get_monotonic_time() > end)
                        g_error("%s:%d: waited in vain", file, line);
        }
}

void loop_settle(sd_event *event) {
        int r;

        while ((r = sd_event_run(event, 0)) > 0)
                ;
        g_assert_cmpint(r, ==, 0);
}

/* The loop has a timerfd for each clock (timerfd_create(2), /proc/pid/fdinfo). */
bool loop_has_timer(sd_event *event) {
        g_autoptr(GDir) folder = g_dir_open("/proc/self/fdinfo", 0, NULL);
        const char *name;

        loop_settle(event);
        g_assert_nonnull(folder);
        while ((name = g_dir_read_name(folder))) {
                g_autofree char *path = g_build_filename("/proc/self/fdinfo", name, NULL);
                g_autofree char *text = NULL;
                const char *value;

                if (!g_file_get_contents(path, &text, NULL, NULL))
                        continue;
                value = strstr(text, "it_value: ");
                if (value && !g_str_has_prefix(value, "it_value: (0, 0)"))
                        return true;
        }

        return false;
}
