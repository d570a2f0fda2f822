/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>
#include <systemd/sd-id128.h>

/*
 * One human sentence, and the structured fields that go with it. Goes to the journal where standard error is connected
 * to it (JOURNAL_STREAM, systemd.exec(5)), else to standard error. A function logs or returns its error, never both;
 * who drops an error logs it and says "ignoring".
 */

/* @priority: of syslog(3). */
void log_message(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same about a TAP: adds the field TAP=@name and begins the sentence with it. */
void log_tap(int priority, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for what has a text in the journal's catalog (systemd/tapd.catalog): @id is its MESSAGE_ID, @fields more
 * fields as "KEY=value", NULL-terminated. */
void log_tap_event(int priority, sd_id128_t id, const char *name, const char *const *fields, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

/* Least important priority that is still logged; LOG_INFO unless set. The only file-scope state of the daemon. */
void log_set_level(int priority);
