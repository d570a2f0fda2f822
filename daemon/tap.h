/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "link.h"
#include "record.h"
#include "table.h"

/* What of a TAP can change, and is told when it did; a bit each. */
typedef enum TapChange {
        TAP_CHANGED_USER = 1 << 0,
        TAP_CHANGED_GROUP = 1 << 1,
        TAP_CHANGED_SHARED = 1 << 2,
        TAP_CHANGED_VNET_HEADER = 1 << 3,
        TAP_CHANGED_PACKET_INFO = 1 << 4,
        TAP_CHANGED_QUEUES_ATTACHED = 1 << 5,
        TAP_CHANGED_QUEUES_DETACHED = 1 << 6,
        TAP_CHANGED_MAC_ADDRESS = 1 << 7,
        TAP_CHANGED_MTU = 1 << 8,
        TAP_CHANGED_TRANSMIT_QUEUE_LENGTH = 1 << 9,
        TAP_CHANGED_ADMINISTRATIVE_STATE = 1 << 10,
        TAP_CHANGED_OPERATIONAL_STATE = 1 << 11,
        TAP_CHANGED_CARRIER = 1 << 12,
        TAP_CHANGED_STATE = 1 << 13,
} TapChange;

typedef enum TapState {
        TAP_READY,
        TAP_TAMPERED, /* a holder of a queue changed owner, group or persistence */
        TAP_LEAVING,  /* it is being deleted */
        _TAP_STATE_MAX,
} TapState;

/* One TAP of tapd's: what was asked for, and what the kernel says. */
typedef struct Tap {
        Record record;
        Link link;
        TapState state;
        bool is_gone;      /* the device is no more; the TAP goes at the end of this turn of the loop */
        bool was_seen;     /* by the dump under way */
        unsigned changes;  /* TapChange, not yet told */
        UT_hash_handle hh; /* by record.name */
        UT_hash_handle hh_ifindex;
        struct Tap *prev, *next; /* in the list of those with something to tell */
} Tap;

/* Where a creation takes place. */
typedef struct TapWorkshop {
        Rtnl *rtnl;
        RecordStore *records;
        /* Gets a link, renamed already, that is to be deleted. */
        void (*discard)(int ifindex, void *userdata);
        void *userdata;
        uint64_t mac_key;
        uint64_t n_intrusions; /* how many devices were thrown away because somebody had got in */
} TapWorkshop;

/* The alias of a device that somebody had got into: start deletes what is left of them. */
#define TAP_DISCARD_MARK "tapd:discard"

/* Makes the device and its record, complete and persistent, or nothing. @record has name, creator and a complete spec.
 * NameInUse, InUse, NotSupported, Degraded. */
int tap_create(TapWorkshop *workshop, const Record *record, Tap **ret, Fault *fault);

/* A TAP of a record whose device is there already. */
int tap_new(const Record *record, const Link *link, Tap **ret);
Tap *tap_free(Tap *tap);

/* Whether a link is the record's device: its kind, its mark, and its ifindex where the record knows one. */
bool tap_owns(const Record *record, const Link *link);

/* Takes over what the kernel says now; what changed is added to tap->changes. */
void tap_update(Tap *tap, const Link *link);

/* Sets tap->state, and the change. */
void tap_set_state(Tap *tap, TapState state);

const char *tap_state_name(TapState state);
