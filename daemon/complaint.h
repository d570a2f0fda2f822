/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is wrong in a configuration file, and where: one call a complaint, in the order of the lines. The journal of a
 * start, the answer to a reload and tapctl verify hear the same words.
 */

/* @line 0: the file as such. */
typedef void (*complain_t)(const char *path, unsigned line, const char *text, void *userdata);

typedef struct Complaints {
        complain_t tell; /* NULL: nobody hears them */
        void *userdata;
        const char *path; /* of the file being read */
} Complaints;

/* A complain_t: into the log, as a warning. */
void complaint_log(const char *path, unsigned line, const char *text, void *userdata);

void complain(const Complaints *complaints, unsigned line, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
