/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tap.h"

/*
 * What tapd finds when it starts: records on one side, devices on the other. A death at any moment leaves nothing, an
 * intent, or a complete TAP; each pair has one answer, and a second run finds nothing to do.
 */
typedef struct ReconcileHandlers {
        /* A TAP: its record and its device. @record is new to the store where @is_finished: tapd died after the device
         * was complete and before it could say so. */
        void (*take)(const Record *record, const Link *link, bool is_finished, void *userdata);
        /* A device that is to go. */
        void (*discard)(int ifindex, void *userdata);
        /* A record without a device that is to go; @was_complete: there was one. */
        void (*drop)(const char *name, bool was_complete, void *userdata);
        /* A record that cannot be read, and was put aside. */
        void (*broken)(const char *name, void *userdata);
} ReconcileHandlers;

/* 0, or negative errno where records or devices could not be read: nothing is dropped or discarded then. */
int reconcile(RecordStore *records, Rtnl *rtnl, const ReconcileHandlers *handlers, void *userdata);
