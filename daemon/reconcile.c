/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reconcile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A record, and its device once it is met. Two records have one mark where tapd died while it gave a TAP another name.
 */
typedef struct Pair {
        struct Pair *same; /* of the same mark */
        Record record;
        char mark[RECORD_MARK_SIZE];
        Link *link;
        UT_hash_handle hh; /* by mark */
} Pair;

typedef struct Reconcile {
        const ReconcileHandlers *handlers;
        void *userdata;
        Pair *pairs;
        int *remains; /* devices that are marked as thrown away */
        size_t n_remains;
        int r;
} Reconcile;

static void reconcile_on_record(const Record *record, void *userdata) {
        Reconcile *reconcile = userdata;
        Pair *pair = calloc(1, sizeof(*pair)), *first;

        if (!pair) {
                reconcile->r = -ENOMEM;
                return;
        }

        pair->record = *record;
        (void) record_mark(record, pair->mark);
        HASH_FIND_STR(reconcile->pairs, pair->mark, first);
        if (first) {
                pair->same = first->same;
                first->same = pair;
                return;
        }

        HASH_ADD_STR(reconcile->pairs, mark, pair);
        if (!pair->hh.tbl) {
                free(pair);
                reconcile->r = -ENOMEM;
        }
}

static void reconcile_on_broken(const char *name, void *userdata) {
        Reconcile *reconcile = userdata;

        reconcile->handlers->broken(name, reconcile->userdata);
}

static void note_remains(Reconcile *reconcile, int ifindex) {
        int *grown;

        /* A dump that is repeated shows it again. */
        for (size_t i = 0; i < reconcile->n_remains; i++)
                if (reconcile->remains[i] == ifindex)
                        return;

        grown = reallocarray(reconcile->remains, reconcile->n_remains + 1, sizeof(*grown));
        if (!grown) {
                reconcile->r = -ENOMEM;
                return;
        }

        reconcile->remains = grown;
        reconcile->remains[reconcile->n_remains++] = ifindex;
}

/* The record that a device belongs to: of several the one of its name. */
static Pair *choose_pair(Pair *pairs, const Link *link) {
        Pair *found = NULL;

        for (Pair *pair = pairs; pair; pair = pair->same)
                if (tap_owns(&pair->record, link) && (!found || strcmp(pair->record.name, link->name) == 0))
                        found = pair;

        return found;
}

static void reconcile_take_link(Reconcile *reconcile, const Link *link) {
        Pair *pair;

        HASH_FIND_STR(reconcile->pairs, link->alias, pair);
        pair = choose_pair(pair, link);
        if (!pair || pair->link)
                return;

        pair->link = malloc(sizeof(*link));
        if (pair->link)
                *pair->link = *link;
        else
                reconcile->r = -ENOMEM;
}

static void reconcile_on_link(const Link *link, void *userdata) {
        Reconcile *reconcile = userdata;

        if (strcmp(link->alias, TAP_DISCARD_MARK) == 0)
                note_remains(reconcile, link->ifindex);

        reconcile_take_link(reconcile, link);
}

static bool is_met(const Pair *pairs) {
        for (const Pair *pair = pairs; pair; pair = pair->same)
                if (pair->link)
                        return true;

        return false;
}

/* Looks for a device that the dump did not show: links that come and go make it skip others, and who loses his record
 * loses his TAP. */
static int reconcile_look_again(Reconcile *reconcile, Rtnl *rtnl, const Pair *pairs) {
        Link link;
        int r;

        for (const Pair *pair = pairs; pair && !is_met(pairs); pair = pair->same) {
                if (pair->record.ifindex > 0)
                        r = link_get(rtnl, pair->record.ifindex, &link);
                else
                        r = link_get_by_name(rtnl, pair->record.name, &link);
                if (r == 0)
                        reconcile_take_link(reconcile, &link);
                else if (r != -ENODEV)
                        return r;
        }

        return 0;
}

static int reconcile_match(Reconcile *reconcile, Rtnl *rtnl) {
        int r;

        r = link_dump(rtnl, reconcile_on_link, reconcile);
        if (r == -EINTR)
                r = 0;

        for (Pair *pair = reconcile->pairs; pair && r == 0; pair = pair->hh.next)
                r = reconcile_look_again(reconcile, rtnl, pair);

        return r;
}

static void reconcile_pair(Reconcile *reconcile, Pair *pair) {
        const ReconcileHandlers *handlers = reconcile->handlers;
        RecordStage stage = pair->record.stage;

        if (!pair->link) {
                handlers->drop(pair->record.name, stage == RECORD_COMPLETE, reconcile->userdata);
                return;
        }

        /* Persistent is the last step of a creation: without it the device is not complete, and lives only because
         * somebody else has a queue of it. */
        if (stage == RECORD_DELETING || (stage == RECORD_INTENT && !pair->link->persistent)) {
                handlers->discard(pair->link->ifindex, reconcile->userdata);
                handlers->drop(pair->record.name, /* was_complete= */ false, reconcile->userdata);
                return;
        }

        pair->record.stage = RECORD_COMPLETE;
        pair->record.ifindex = pair->link->ifindex;
        handlers->take(&pair->record, pair->link, stage == RECORD_INTENT, reconcile->userdata);
}

int reconcile(RecordStore *records, Rtnl *rtnl, const ReconcileHandlers *handlers, void *userdata) {
        Reconcile run = { .handlers = handlers, .userdata = userdata };
        Pair *pair, *next;
        int r;

        r = record_store_load(records, reconcile_on_record, reconcile_on_broken, &run);
        if (r == 0)
                r = reconcile_match(&run, rtnl);
        if (r == 0)
                r = run.r;

        for (size_t i = 0; r == 0 && i < run.n_remains; i++)
                handlers->discard(run.remains[i], userdata);

        HASH_ITER(hh, run.pairs, pair, next) {
                HASH_DEL(run.pairs, pair);
                while (pair) {
                        Pair *same = pair->same;

                        if (r == 0)
                                reconcile_pair(&run, pair);
                        free(pair->link);
                        free(pair);
                        pair = same;
                }
        }

        free(run.remains);
        return r;
}
