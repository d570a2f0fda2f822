/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "arguments.h"
#include "call.h"

/* The most queues that a TAP has (MAX_TAP_QUEUES of drivers/net/tun.c). */
#define EPHEMERAL_QUEUES_MAX 256

/* A TAP that lives as long as one of these descriptors is open. */
typedef struct Ephemeral {
        char *name;
        char *mac; /* for the guest, "" of a tun; NULL until it was asked for */
        int fds[EPHEMERAL_QUEUES_MAX];
        size_t n_fds;
} Ephemeral;

/* Creates one with @n_queues of 1 to EPHEMERAL_QUEUES_MAX; @name as of CreateEphemeral. 0, or an exit status after it
 * was reported; ephemeral_done() in any case. */
int ephemeral_create(Ephemeral *tap, Caller *caller, const char *name, const Settings *settings, size_t n_queues);

/* Asks for the address. 0, or an exit status after it was reported. */
int ephemeral_get_mac(Ephemeral *tap, Caller *caller);

/* Closes what is open of it. */
void ephemeral_done(Ephemeral *tap);
