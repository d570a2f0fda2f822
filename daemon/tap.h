/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "port.h"
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
        TAP_CHANGED_DESCRIPTION = 1 << 14,
        TAP_CHANGED_IDLE_SINCE = 1 << 15,
        TAP_CHANGED_STATE_REASON = 1 << 16,
        TAP_CHANGED_LIFETIME = 1 << 17,
        TAP_CHANGED_SOURCE = 1 << 18,
        TAP_CHANGED_SWITCH = 1 << 19,
        TAP_CHANGED_SWITCH_KIND = 1 << 20,
        TAP_CHANGED_VLAN = 1 << 21,
        TAP_CHANGED_TRUNK = 1 << 22,
        TAP_CHANGED_ISOLATED = 1 << 23,
        TAP_CHANGED_INTERFACE_ID = 1 << 24,
} TapChange;

/* What a program that holds a queue can change without any capability, and what is compared for that; a bit each. The
 * header flags are not: every opener sets them in the ordinary course. */
typedef enum TapTamper {
        TAP_TAMPERED_USER = 1 << 0,
        TAP_TAMPERED_GROUP = 1 << 1,
        TAP_TAMPERED_PERSISTENCE = 1 << 2,
        TAP_TAMPERED_MAC_ADDRESS = 1 << 3,
        TAP_TAMPERED_CARRIER = 1 << 4,
} TapTamper;

typedef enum TapState {
        TAP_READY,
        TAP_WAITING,  /* declared with a switch that it is not plugged into */
        TAP_BLOCKED,  /* declared, and something that is not tapd's has its name */
        TAP_DRIFTED,  /* declared, and not as it was declared or asked last */
        TAP_TAMPERED, /* something of TapTamper is not as it should be */
        TAP_LEAVING,  /* declared no more: it goes with its last queue */
        TAP_DELETING, /* it is being deleted */
        TAP_BROKEN,   /* declared, and cannot be made just now */
        _TAP_STATE_MAX,
} TapState;

#define TAP_REASON_SIZE 256

/* What may be done so often a minute. */
typedef struct TapBudget {
        unsigned n;          /* in the minute that began then */
        uint64_t began_usec; /* CLOCK_MONOTONIC; 0: none yet */
} TapBudget;

/* One TAP of tapd's: what was asked for, and what the kernel says. One that is declared and has no device, because it
 * is blocked or broken, has no link: record.ifindex is 0. */
typedef struct Tap {
        Record record;
        Link link;
        Port port; /* where it is plugged in */
        TapState state;
        char reason[TAP_REASON_SIZE];  /* why it is not ready, a sentence; "" */
        char pending[TAP_REASON_SIZE]; /* what of its declaration could not be applied; "": nothing */
        char waiting[TAP_REASON_SIZE]; /* why it is not plugged in as it is declared, and down; "" */
        bool is_plugging;              /* it is being plugged in, or off */
        bool is_intruded;              /* Open vSwitch has a port of its name that is another's: it is kept down */
        uint64_t raise_until_usec;     /* CLOCK_MONOTONIC: until then it goes up again where it goes down */
        bool has_moved;                /* out of its switch, or into another: its port is to be looked up */
        bool is_undeclared;            /* its file is gone, and a program has it open */
        bool is_gone;                  /* the device is no more; the TAP goes at the end of this turn of the loop */
        const char *why_gone;          /* what the journal says of that */
        bool was_seen;                 /* by the dump under way */
        unsigned changes;              /* TapChange, not yet told */
        unsigned tampered;             /* TapTamper */
        unsigned reported;             /* TapTamper that was told of already */
        TapBudget link_repairs;        /* of address and carrier */
        TapBudget access_repairs;      /* of user, group and persistence */
        TapBudget reports;
        uint64_t retry_usec; /* when what no budget was left for is tried again (CLOCK_MONOTONIC); 0: nothing is */
        UT_hash_handle hh;   /* by record.name */
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
#define TAP_DISCARD_MARK RECORD_MARK_PREFIX "discard"

/* Descriptors of queues, O_CLOEXEC, as many as fit into one message of dbus-daemon (max_message_unix_fds). */
#define TAP_QUEUES_MAX 16
typedef struct TapQueues {
        size_t n_fds;
        int fds[TAP_QUEUES_MAX];
} TapQueues;

void tap_queues_close(TapQueues *queues);

/* A TAP whose creation is under way: its device lives by a descriptor of ours, is down, marked and closed to strangers,
 * and its record is an intent. */
typedef struct TapDraft {
        TapWorkshop *workshop;
        Record record;
        Link link;
        int fd;
} TapDraft;

/* Begins one. @record has name, lifetime, creator and a complete spec; an ephemeral one belongs to tapd's own user, so
 * that nobody opens it by name. NameInUse, InUse, NotSupported, Degraded, LimitsExceeded. */
int tap_draft_new(TapWorkshop *workshop, const Record *record, TapDraft **ret, Fault *fault);

/* Throws it away, device and record. */
TapDraft *tap_draft_free(TapDraft *draft);

/* Makes it a TAP, or nothing; the draft is gone in both cases. @up: whether it goes up. An ephemeral device lives by
 * its queues: @queues is filled with queues->n_fds of them (1 to TAP_QUEUES_MAX); any other is persistent, and @queues
 * is NULL. */
int tap_draft_finish(TapDraft *draft, bool up, TapQueues *queues, Tap **ret, Fault *fault);

/* Attaches queues->n_fds more queues to a TAP and proves that they are its own: Stale where the device turned out to be
 * another one. InUse, Conflict, LimitsExceeded, NoSuchTap. */
int tap_open_queues(TapWorkshop *workshop, const Tap *tap, TapQueues *queues, Fault *fault);

/* Sets user, group and persistence of a device as the record has them, by a queue of its own; only where nobody has one
 * (InUse): on a multi-queue device it would draw frames away. */
int tap_restore_access(TapWorkshop *workshop, const Tap *tap, Fault *fault);

/* Gives @spec the address that a TAP of this name has where nobody asked for one. */
void tap_default_mac(const TapWorkshop *workshop, const char *name, TapSpec *spec);

/* Makes a record of a device that somebody else made: its settings are what the kernel says. */
int tap_adopt_record(const TapWorkshop *workshop, const Link *link, uid_t creator, Record *ret);

/* A TAP of a record whose device is there already. */
int tap_new(const Record *record, const Link *link, Tap **ret);
Tap *tap_free(Tap *tap);

/* A declared TAP without a device. */
int tap_new_absent(const Record *record, TapState state, const char *reason, Tap **ret);
bool tap_is_absent(const Tap *tap);

/* Whether a link is the record's device: its kind, its mark, and its ifindex where the record knows one. */
bool tap_owns(const Record *record, const Link *link);

/* Takes over what the kernel says now; what changed is added to tap->changes. */
void tap_update(Tap *tap, const Link *link);

/* The same for where it is plugged in. */
void tap_set_port(Tap *tap, const Port *port);

/* Whether it is kept down, although it is to be up: until it is plugged in, or a port of its name is gone. */
bool tap_is_held(const Tap *tap);

/* Whether it is plugged in where, and as, it was asked last. */
bool tap_is_in_place(const Tap *tap);

/* Whether what is known of the device hints at tampering. Events show moments: while a queue is attached it has no
 * carrier yet. Look at the link again before it is judged. */
bool tap_is_suspicious(const Tap *tap);

/* Sets tap->tampered and the state by what is known of the device. */
void tap_judge(Tap *tap);

/* Whether a user or group was set where there is to be none: the kernel overwrites an id, and never unsets one. */
bool tap_is_beyond_repair(const Tap *tap);

/* The names of TapTamper bits as Tampered tells them, NULL-terminated, into @names with room for 6. */
void tap_tamper_names(unsigned tampered, const char **names);

/* Whether a program has a queue of it open, as far as it shows. */
bool tap_is_used(const Tap *tap);

/* The same for who is about to destroy it: 1 where a program has it open, 0 where none has, negative errno where that
 * cannot be found out. Of a single-queue device the kernel counts no queues, and a holder can take the carrier away by
 * which it shows: one is opened to see. */
int tap_probe(const Tap *tap);

/* Sets state and reason, and the changes. @reason NULL: none. */
void tap_set_state(Tap *tap, TapState state, const char *reason);

const char *tap_state_name(TapState state);
