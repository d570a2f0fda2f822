/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "errors.h"

/*
 * The error contract of the daemon. A function returns 0 when it is done, a negative errno when it is not, and
 * something positive only where its header says what that means. A function that can tell the caller on the bus what
 * was wrong takes a Fault as well and fills it before it returns the negative errno.
 */
typedef struct Fault {
        TapdError error;
        char text[480]; /* a sentence without a final period; bytes of the caller's are escaped */
} Fault;

/* Fills @fault, which may be NULL, and returns the negative errno that stands for @error. */
int fault_set(Fault *fault, TapdError error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The one place that gives names to errno: fills @fault from the errno @r (either sign) unless it says something
 * already, with @what as the subject of the sentence. Returns the negative errno. */
int fault_set_errno(Fault *fault, int r, const char *what);
