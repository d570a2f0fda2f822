/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

static int log_level = LOG_INFO;

void log_set_level(int priority) {
        log_level = priority;
}

static void log_write(int priority, const char *name, const char *sentence) {
        if (priority > log_level)
                return;

        /* Without a journal sd_journal_send() returns 0 and loses the text, so it is not asked whether there is one. */
        if (!getenv("JOURNAL_STREAM"))
                (void) fprintf(stderr, "%s%s%s\n", name ? name : "", name ? ": " : "", sentence);
        else if (name)
                (void) sd_journal_send("MESSAGE=%s: %s", name, sentence, "PRIORITY=%i", priority, "TAP=%s", name, NULL);
        else
                (void) sd_journal_send("MESSAGE=%s", sentence, "PRIORITY=%i", priority, NULL);
}

void log_message(int priority, const char *format, ...) {
        char sentence[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);

        log_write(priority, NULL, sentence);
}

void log_tap(int priority, const char *name, const char *format, ...) {
        char sentence[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);

        log_write(priority, name, sentence);
}
