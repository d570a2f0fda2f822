/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
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

/* Most fields of an event besides its own four. */
#define FIELDS_MAX 8

static void send_event(int priority, sd_id128_t id, const char *name, const char *const *fields, const char *sentence) {
        char texts[4][1152], id_text[SD_ID128_STRING_MAX];
        struct iovec iov[4 + FIELDS_MAX];
        int n = 0;

        (void) snprintf(texts[0], sizeof(texts[0]), "MESSAGE=%s: %s", name, sentence);
        (void) snprintf(texts[1], sizeof(texts[1]), "PRIORITY=%i", priority);
        (void) snprintf(texts[2], sizeof(texts[2]), "TAP=%s", name);
        (void) snprintf(texts[3], sizeof(texts[3]), "MESSAGE_ID=%s", sd_id128_to_string(id, id_text));
        for (; n < 4; n++)
                iov[n] = (struct iovec){ texts[n], strlen(texts[n]) };
        for (size_t i = 0; fields[i] && i < FIELDS_MAX; i++)
                iov[n++] = (struct iovec){ (char *) fields[i], strlen(fields[i]) };

        (void) sd_journal_sendv(iov, n);
}

void log_tap_event(int priority, sd_id128_t id, const char *name, const char *const *fields, const char *format, ...) {
        char sentence[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);

        if (getenv("JOURNAL_STREAM") && priority <= log_level)
                send_event(priority, id, name, fields, sentence);
        else
                log_write(priority, name, sentence);
}

void log_tap(int priority, const char *name, const char *format, ...) {
        char sentence[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);

        log_write(priority, name, sentence);
}
