/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "fault.h"

/* The deletions in flight: what was handed to the reaper, and who waits for it. */
typedef struct Deletions Deletions;

/* One request that waits for one or many links to be gone. */
typedef struct Deletion Deletion;

/* Called once: 0 when all links are gone, else a negative errno and what went wrong. */
typedef void (*deletion_done_t)(int r, const Fault *fault, void *userdata);

/* @failed is called for each link that could not be deleted and is still there. */
int deletions_new(sd_event *event, void (*failed)(int ifindex, void *userdata), void *userdata, Deletions **ret);
Deletions *deletions_free(Deletions *deletions);

/* Has links deleted by one request of the kernel. @done NULL: nobody waits. *ret lives until @done is called. */
int deletions_begin(Deletions *deletions, const int *ifindexes, size_t n_ifindexes, deletion_done_t done,
                    void *userdata, Deletion **ret);

/* Whoever waited is gone; the deletion goes on. NULL is fine. */
void deletion_forget(Deletion *deletion);

/* The same in two steps: whoever waits does from here on, and the links go with deletions_go(), those that are still
 * there; where that cannot be, @done hears of it. */
int deletions_prepare(Deletions *deletions, const int *ifindexes, size_t n_ifindexes, deletion_done_t done,
                      void *userdata, Deletion **ret);
void deletions_go(Deletions *deletions, const int *ifindexes, size_t n_ifindexes);

/* A link is gone, by whatever hand. Calls the @done of a deletion that waited for it alone. */
void deletions_note_gone(Deletions *deletions, int ifindex);
