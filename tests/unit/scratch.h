/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A folder of a test's own, which goes with it. It can be made the root directory of the process for as long as the
 * test takes: then nothing that is on the host, and no folder above the test's own, has a say.
 */
typedef struct Scratch {
        char *path;
        int fd;
        int outside; /* the host's root directory while this one is entered, else -1 */
} Scratch;

Scratch *scratch_new(void);

/* The same, entered, with /dev/null and the users and groups below. NULL, and the test is skipped, where that takes
 * privileges which are not there. */
Scratch *scratch_enter(void);

/* Leaves it where it was entered; takes NULL. */
void scratch_free(Scratch *scratch);

/* In an entered one: users and groups that NSS finds. */
#define SCRATCH_ALICE 1000
#define SCRATCH_BOB 1001
#define SCRATCH_QEMU 105 /* a system account */
#define SCRATCH_KVM 104
#define SCRATCH_STUDENTS 1500

/* These take a path below the working directory, or an absolute one, and make the folders on the way. */
void put_text(const char *path, const char *text);
void put_bytes(const char *path, const void *bytes, size_t size);
void put_link(const char *target, const char *path);
void put_folder(const char *path);

/* @count times @text; the caller's to free. */
char *repeat(const char *text, size_t count);

/* Makes a file alice's; false, and the test is skipped, in a user namespace with one user. */
bool give_away(const char *path);
