/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "creation.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "gate.h"

struct Creation {
        Manager *manager;
        CreationItem *items;
        size_t n_items;
        size_t n_made;    /* or on their way */
        size_t n_pending; /* on their way into Open vSwitch */
        uid_t creator;
        unsigned quota;
        creation_done_t done;
        void *userdata;
        sd_event_source *source;
        int r;
        Fault fault;
};

static Creation *creation_free(Creation *creation) {
        sd_event_source_disable_unref(creation->source);
        free(creation->items);
        free(creation);
        return NULL;
}

static void creation_finish(Creation *creation) {
        if (creation->done)
                creation->done(creation->r, &creation->fault, creation->items, creation->n_items, creation->userdata);

        creation_free(creation);
}

static void creation_on_rolled_back(int r, const Fault *fault, void *userdata) {
        /* Why it was rolled back is what the caller wants to know. */
        creation_finish(userdata);
}

/* The TAPs of the first n_made items that this request made, and that nobody took since. */
static size_t creation_collect(const Creation *creation, Tap **taps) {
        size_t n = 0;

        for (size_t i = 0; i < creation->n_made; i++) {
                Tap *tap = creation->items[i].exists ? NULL : manager_find(creation->manager, creation->items[i].name);

                if (tap && tap->record.creator == creation->creator && tap->state != TAP_DELETING)
                        taps[n++] = tap;
        }

        return n;
}

static void creation_roll_back(Creation *creation) {
        Tap **taps = reallocarray(NULL, creation->n_made + 1, sizeof(Tap *));
        size_t n = taps ? creation_collect(creation, taps) : 0;

        if (n == 0 || manager_take_back(creation->manager, taps, n, creation_on_rolled_back, creation) < 0)
                creation_finish(creation);

        free(taps);
}

/* After one turn, or the end of one that had to be waited for. */
static void creation_go_on(Creation *creation) {
        bool is_over = creation->r < 0 || creation->n_made == creation->n_items;

        if (!is_over && creation->n_pending < CREATION_PENDING)
                (void) sd_event_source_set_enabled(creation->source, SD_EVENT_ONESHOT);
        if (!is_over || creation->n_pending > 0)
                return;

        if (creation->r < 0)
                creation_roll_back(creation);
        else
                creation_finish(creation);
}

static void creation_on_made(int r, const Fault *fault, Tap *tap, TapQueues *queues, const char *name, void *userdata) {
        Creation *creation = userdata;

        creation->n_pending--;
        if (r < 0 && creation->r >= 0) {
                creation->r = r;
                creation->fault = *fault;
        }

        creation_go_on(creation);
}

/* @n_taps: how many TAPs the creator has. */
static int creation_make(Creation *creation, const CreationItem *item, size_t *n_taps) {
        const ManagerOrder order = {
                .name = item->name,
                .spec = &item->spec,
                .creator = creation->creator,
                .lifetime = LIFETIME_RUNTIME,
        };
        Making *making;
        Tap *tap;
        int r;

        if (item->exists)
                return 0;

        /* In between somebody may have made one of tapd's by that name. */
        if (manager_find(creation->manager, item->name))
                return fault_set(&creation->fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" was taken meanwhile",
                                 item->name);

        r = gate_check_quota(creation->quota, (*n_taps)++, &creation->fault);
        if (r < 0)
                return r;

        r = manager_create(creation->manager, &order, /* queues= */ NULL, creation_on_made, creation, &making, &tap,
                           &creation->fault);
        creation->n_pending += r == 0;
        return r < 0 ? r : 0;
}

static int creation_on_turn(sd_event_source *source, uint64_t usec, void *userdata) {
        Creation *creation = userdata;
        size_t n_taps = manager_count_of(creation->manager, creation->creator);

        for (unsigned i = 0; i < CREATION_PIECE && creation->n_made < creation->n_items && creation->r >= 0 &&
                             creation->n_pending < CREATION_PENDING;
             i++) {
                int r = creation_make(creation, &creation->items[creation->n_made], &n_taps);

                if (r < 0)
                        creation->r = r;
                else
                        creation->n_made++;
        }

        creation_go_on(creation);
        return 0;
}

int creation_begin(sd_event *event, Manager *manager, CreationItem *items, size_t n_items, uid_t creator,
                   unsigned quota, creation_done_t done, void *userdata, Creation **ret) {
        Creation *creation;
        int r;

        creation = calloc(1, sizeof(*creation));
        if (!creation) {
                free(items);
                return -ENOMEM;
        }

        *creation = (Creation){
                .manager = manager,
                .items = items,
                .n_items = n_items,
                .creator = creator,
                .quota = quota,
        };
        /* A timer that is due at once takes turns with everybody else; a deferred source stays first in the line. */
        r = sd_event_add_time(event, &creation->source, CLOCK_MONOTONIC, /* usec= */ 0, /* accuracy= */ 1,
                              creation_on_turn, creation);
        if (r < 0) {
                creation_free(creation);
                return r;
        }

        creation->done = done;
        creation->userdata = userdata;
        *ret = creation;
        return 0;
}

void creation_forget(Creation *creation) {
        if (creation)
                creation->done = NULL;
}
