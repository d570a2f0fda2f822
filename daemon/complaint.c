/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complaint.h"

#include <stdarg.h>
#include <stdio.h>

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
