/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A record, and its device once it is met. */
typedef struct Pair {
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
        Pair *pair = calloc(1, sizeof(*pair));

        if (pair) {
                pair->record = *record;
                (void) record_mark(record, pair->mark);
                HASH_ADD_STR(reconcile->pairs, mark, pair);
        }

        if (!pair || !pair->hh.tbl) {
                free(pair);
                reconcile->r = -ENOMEM;
        }
}

static void reconcile_on_broken(const char *name, void *userdata) {
        Reconcile *reconcile = userdata;

        reconcile->handlers->broken(name, reconcile->userdata);
}

static void note_remains(Reconcile *reconcile, int ifindex) {
        int *grown = reallocarray(reconcile->remains, reconcile->n_remains + 1, sizeof(*grown));

        if (!grown) {
                reconcile->r = -ENOMEM;
                return;
        }

        reconcile->remains = grown;
        reconcile->remains[reconcile->n_remains++] = ifindex;
}

static void reconcile_on_link(const Link *link, void *userdata) {
        Reconcile *reconcile = userdata;
        Pair *pair;

        if (strcmp(link->alias, TAP_DISCARD_MARK) == 0)
                note_remains(reconcile, link->ifindex);

        HASH_FIND_STR(reconcile->pairs, link->alias, pair);
        if (!pair || pair->link || !tap_owns(&pair->record, link))
                return;

        pair->link = malloc(sizeof(*link));
        if (pair->link)
                *pair->link = *link;
        else
                reconcile->r = -ENOMEM;
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
                r = link_dump(rtnl, reconcile_on_link, &run);
        if (r == 0)
                r = run.r;

        for (size_t i = 0; r == 0 && i < run.n_remains; i++)
                handlers->discard(run.remains[i], userdata);

        HASH_ITER(hh, run.pairs, pair, next) {
                if (r == 0)
                        reconcile_pair(&run, pair);
                HASH_DEL(run.pairs, pair);
                free(pair->link);
                free(pair);
        }

        free(run.remains);
        return r;
}
