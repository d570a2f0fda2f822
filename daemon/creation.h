/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager.h"

/*
 * Many TAPs made by one request: all of them or none. They are made in pieces, so that others are served in between;
 * when one cannot be made, those before it are deleted again.
 */
typedef struct Creation Creation;

typedef struct CreationItem {
        char name[NAME_SIZE];
        TapSpec spec;
        bool exists; /* the caller has it already, as he wants it */
} CreationItem;

/* How many are made in one turn of the loop: about 10 ms. */
#define CREATION_PIECE 32

/* How many may be on their way into Open vSwitch at once. */
#define CREATION_PENDING 64

/* Called once from the loop; @items are borrowed for the call. */
typedef void (*creation_done_t)(int r, const Fault *fault, const CreationItem *items, size_t n_items, void *userdata);

/* Takes @items over, also on failure. @quota: how many TAPs @creator may have; other requests of his may take places of
 * them meanwhile. */
int creation_begin(sd_event *event, Manager *manager, CreationItem *items, size_t n_items, uid_t creator,
                   unsigned quota, creation_done_t done, void *userdata, Creation **ret);

/* Whoever waited is gone; it goes on. NULL is fine. */
void creation_forget(Creation *creation);
