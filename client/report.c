/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "errors.h"
#include "text.h"

static void print_line(const char *prefix, const char *subject, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));

static void print_line(const char *prefix, const char *subject, const char *format, va_list arguments) {
        char *message = NULL, *shown = NULL, *shown_subject = NULL;

        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;

        if (message && text_make_safe(message, &shown) >= 0 &&
            (!subject || text_make_safe(subject, &shown_subject) >= 0))
                fprintf(stderr, "%s%s%s%s\n", prefix, subject ? shown_subject : "", subject ? ": " : "", shown);
        else
                fprintf(stderr, "%s%s\n", prefix, format);

        free(shown_subject);
        free(shown);
        free(message);
}

void report(const char *subject, const char *format, ...) {
        char prefix[64];
        va_list arguments;

        (void) snprintf(prefix, sizeof(prefix), "%s: ", program_invocation_short_name);
        va_start(arguments, format);
        print_line(prefix, subject, format, arguments);
        va_end(arguments);
}

void report_hint(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        print_line("Hint: ", NULL, format, arguments);
        va_end(arguments);
}

void report_note(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        print_line("", NULL, format, arguments);
        va_end(arguments);
}

int report_usage(const char *verb) {
        if (verb)
                report_hint("\"tapctl %s --help\" says more.", verb);
        else
                report_hint("\"tapctl --help\" says more.");

        return TAPCTL_EXIT_USAGE;
}

int report_no_memory(void) {
        report(NULL, "out of memory");
        return TAPCTL_EXIT_FAILED;
}
