/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What goes to standard error. Everything that was said by somebody else is escaped on the way.
 */

/* One line "PROGRAM: SUBJECT: MESSAGE"; @subject NULL: without it. */
void report(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line of advice after an error. */
void report_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line of news that is no error, "tap1 exists already". */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where to read on after a mistake on the command line; @verb may be NULL. Returns TAPCTL_EXIT_USAGE. */
int report_usage(const char *verb);

/* Tells that memory ran out; returns TAPCTL_EXIT_FAILED. */
int report_no_memory(void);
