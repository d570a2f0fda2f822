/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A process that has queues of a TAP open. */
typedef struct Holder {
        char tap[16];     /* name of the interface */
        char command[16]; /* as the kernel has it, cut */
        pid_t pid;
        unsigned n_queues;
        bool elsewhere; /* its network namespace is another: it may be an interface of that one, of the same name */
} Holder;

typedef struct Holders {
        Holder *holders;
        size_t n;
} Holders;

/* Looks through /proc; of the processes of others only root sees anything. An interface is known by its name alone.
 * 0, or -ENOMEM, or the -errno of opening /proc; holders_done() in any case. */
int holders_find(Holders *holders);
void holders_done(Holders *holders);

/* Takes the interface's name out of a /proc/PID/fdinfo file of /dev/net/tun. @ret has room for 16. 0, or -ENOENT where
 * the descriptor has none. */
int holders_parse_fdinfo(const char *text, char *ret);
