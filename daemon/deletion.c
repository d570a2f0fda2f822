/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deletion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "reaper.h"
#include "table.h"

struct Deletion {
        deletion_done_t done;
        void *userdata;
        size_t n_left;
        int r;
        Fault fault;
};

/* A link that is to go. */
typedef struct Doomed {
        int ifindex;
        Deletion *deletion;
        UT_hash_handle hh;
} Doomed;

struct Deletions {
        Reaper *reaper;
        Doomed *doomed;
        void (*failed)(int ifindex, void *userdata);
        void *userdata;
};

static void deletion_count_down(Deletion *deletion) {
        if (--deletion->n_left > 0)
                return;

        if (deletion->done)
                deletion->done(deletion->r, &deletion->fault, deletion->userdata);
        free(deletion);
}

void deletion_forget(Deletion *deletion) {
        if (deletion)
                deletion->done = NULL;
}

static Doomed *deletions_find(Deletions *deletions, int ifindex) {
        Doomed *doomed;

        HASH_FIND_INT(deletions->doomed, &ifindex, doomed);
        return doomed;
}

static Deletion *deletions_take(Deletions *deletions, int ifindex) {
        Doomed *doomed = deletions_find(deletions, ifindex);
        Deletion *deletion;

        if (!doomed)
                return NULL;

        deletion = doomed->deletion;
        HASH_DEL(deletions->doomed, doomed);
        free(doomed);
        return deletion;
}

void deletions_note_gone(Deletions *deletions, int ifindex) {
        Deletion *deletion = deletions_take(deletions, ifindex);

        if (deletion)
                deletion_count_down(deletion);
}

static void deletions_on_failed(int ifindex, int error, void *userdata) {
        Deletions *deletions = userdata;
        Deletion *deletion;

        /* Somebody else was quicker, and its RTM_DELLINK is on its way or was here already. */
        if (error == -ENODEV) {
                deletions_note_gone(deletions, ifindex);
                return;
        }

        deletion = deletions_take(deletions, ifindex);
        if (!deletion)
                return;

        log_message(LOG_ERR, "cannot delete link %d: %s", ifindex, strerror(-error));
        deletions->failed(ifindex, deletions->userdata);
        deletion->r = fault_set_errno(&deletion->fault, error, "deleting");
        deletion_count_down(deletion);
}

int deletions_new(sd_event *event, void (*failed)(int ifindex, void *userdata), void *userdata, Deletions **ret) {
        Deletions *deletions;
        int r;

        deletions = calloc(1, sizeof(*deletions));
        if (!deletions)
                return -ENOMEM;

        deletions->failed = failed;
        deletions->userdata = userdata;
        r = reaper_new(event, deletions_on_failed, deletions, &deletions->reaper);
        if (r < 0) {
                deletions_free(deletions);
                return r;
        }

        *ret = deletions;
        return 0;
}

Deletions *deletions_free(Deletions *deletions) {
        Doomed *doomed, *next;

        if (!deletions)
                return NULL;

        reaper_free(deletions->reaper);
        HASH_ITER(hh, deletions->doomed, doomed, next) {
                Deletion *deletion = doomed->deletion;

                HASH_DEL(deletions->doomed, doomed);
                free(doomed);
                if (--deletion->n_left == 0)
                        free(deletion);
        }

        free(deletions);
        return NULL;
}

static int deletions_add(Deletions *deletions, int ifindex, Deletion *deletion) {
        Doomed *doomed;

        doomed = calloc(1, sizeof(*doomed));
        if (!doomed)
                return -ENOMEM;

        doomed->ifindex = ifindex;
        doomed->deletion = deletion;
        HASH_ADD_INT(deletions->doomed, ifindex, doomed);
        if (!doomed->hh.tbl) {
                free(doomed);
                return -ENOMEM;
        }

        deletion->n_left++;
        return 0;
}

int deletions_prepare(Deletions *deletions, const int *ifindexes, size_t n_ifindexes, deletion_done_t done,
                      void *userdata, Deletion **ret) {
        Deletion *deletion;
        size_t n = 0;
        int r = 0;

        deletion = calloc(1, sizeof(*deletion));
        if (!deletion)
                return -ENOMEM;

        for (; n < n_ifindexes && r == 0; n++)
                r = deletions_add(deletions, ifindexes[n], deletion);
        if (r < 0) {
                while (n > 0)
                        (void) deletions_take(deletions, ifindexes[--n]);
                free(deletion);
                return r;
        }

        deletion->done = done;
        deletion->userdata = userdata;
        if (ret)
                *ret = deletion;
        return 0;
}

void deletions_go(Deletions *deletions, const int *ifindexes, size_t n_ifindexes) {
        int *left = reallocarray(NULL, n_ifindexes, sizeof(*left)), r = left ? 0 : -ENOMEM;
        size_t n = 0;

        /* Somebody else may have deleted some meanwhile, and the kernel given their numbers away. */
        for (size_t i = 0; left && i < n_ifindexes; i++)
                if (deletions_find(deletions, ifindexes[i]))
                        left[n++] = ifindexes[i];

        if (n > 0)
                r = reaper_add(deletions->reaper, left, n);
        for (size_t i = 0; r < 0 && i < n_ifindexes; i++)
                deletions_on_failed(ifindexes[i], r, deletions);

        free(left);
}

int deletions_begin(Deletions *deletions, const int *ifindexes, size_t n_ifindexes, deletion_done_t done,
                    void *userdata, Deletion **ret) {
        Deletion *deletion;
        int r;

        r = deletions_prepare(deletions, ifindexes, n_ifindexes, done, userdata, &deletion);
        if (r < 0)
                return r;

        r = reaper_add(deletions->reaper, ifindexes, n_ifindexes);
        if (r < 0) {
                for (size_t i = 0; i < n_ifindexes; i++)
                        (void) deletions_take(deletions, ifindexes[i]);
                free(deletion);
                return r;
        }

        if (ret)
                *ret = deletion;
        return 0;
}
