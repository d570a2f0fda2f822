/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complaint.h"

#include <stdarg.h>
#include <stdio.h>

#include "log.h"
#include "text.h"

void complain(const Complaints *complaints, unsigned line, const char *format, ...) {
        char text[512];
        va_list arguments;

        if (!complaints->tell)
                return;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);

        complaints->tell(complaints->path, line, text, complaints->userdata);
}

void complaint_log(const char *path, unsigned line, const char *text, void *userdata) {
        char shown[TEXT_ESCAPED_SIZE];

        if (line > 0)
                log_message(LOG_WARNING, "%s:%u: %s", text_escape(path, shown), line, text);
        else
                log_message(LOG_WARNING, "%s: %s", text_escape(path, shown), text);
}
