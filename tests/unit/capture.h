/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

/* What is written to a stream, instead of where it went. */
typedef struct Capture {
        FILE *stream, *file;
        int before; /* a duplicate of the stream's descriptor */
} Capture;

void capture_begin(Capture *capture, FILE *stream);

/* What was written meanwhile; to be freed. */
char *capture_end(Capture *capture);
