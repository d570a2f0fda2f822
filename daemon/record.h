/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <systemd/sd-id128.h>

#include "name.h"
#include "spec.h"

/*
 * What the kernel cannot tell of a TAP, in one small file each below /run/tapd: it lives as long as the devices do. A
 * record is written before its device is made and removed after its device is gone, so that a device with a mark
 * always has one, whenever tapd dies.
 */
typedef enum RecordStage {
        RECORD_INTENT,   /* a device with this mark may exist and is not complete */
        RECORD_COMPLETE, /* the device was complete and somebody may know of it */
        RECORD_DELETING, /* the device is to go */
        _RECORD_STAGE_MAX,
} RecordStage;

/* How long the device lives. */
typedef enum Lifetime {
        LIFETIME_RUNTIME,   /* until it is deleted or the host reboots */
        LIFETIME_EPHEMERAL, /* as long as a queue of it is open */
        LIFETIME_DECLARED,  /* whenever tapd runs and a file says so */
        _LIFETIME_MAX,
} Lifetime;

/* Who had it made. */
#define RECORD_SOURCE_SIZE 256
#define RECORD_SOURCE_BUS "dbus"
#define RECORD_SOURCE_UNIT "unit" /* a unit that needs it: tap@NAME.service */

typedef struct Record {
        char name[NAME_SIZE];
        sd_id128_t id;
        RecordStage stage;
        Lifetime lifetime;
        int ifindex; /* 0 in an intent */
        uid_t creator;
        char source[RECORD_SOURCE_SIZE]; /* RECORD_SOURCE_*, or the path of the file that declares it */
        char declared[NAME_SIZE];        /* the name by which a file declares it; "": none does */
        uint64_t declared_hash;          /* what of the file was applied last (Declaration.hash) */
        uint64_t created_usec;           /* CLOCK_REALTIME */
        uint8_t guest_mac[6];            /* recommended for the guest's side; all zero for a tun */
        uint64_t idle_usec;              /* when its last queue was closed, or it was made; 0 while a queue is open */
        bool is_plugged;                 /* tapd plugged it in, and it is to be so; with a switch and not so, or without
                                            one and so: it is on its way */
        bool is_unchecked; /* it was made while Open vSwitch could not say what ports it has, or has one of its name */
        TapSpec spec;      /* what was asked last */
} Record;

/* The mark of the record's device, its alias (IFLA_IFALIAS). */
#define RECORD_MARK_PREFIX "tapd:"
#define RECORD_MARK_SIZE (sizeof(RECORD_MARK_PREFIX) - 1 + SD_ID128_STRING_MAX)
const char *record_mark(const Record *record, char mark[static RECORD_MARK_SIZE]);

/* "runtime", "ephemeral" or "declared". */
const char *lifetime_name(Lifetime lifetime);

/* A record as text, and back. record_parse: -EBADMSG where it is damaged, cut, of a newer version or not for @name. */
int record_format(const Record *record, char **ret);
int record_parse(const char *name, const char *text, size_t size, Record *ret);

/* The folder of the records. */
typedef struct RecordStore RecordStore;

/* Opens, and makes, the folder "taps" in @path; where that fails, each write tries again. */
int record_store_new(const char *path, RecordStore **ret);
RecordStore *record_store_free(RecordStore *store);

/* Writes or removes one. Negative errno where the folder cannot be written. */
int record_store_save(RecordStore *store, const Record *record);

/* Says of a write that failed with @r what the caller can do about it: Degraded, or of what tapd is short for the
 * moment. Returns the negative errno. */
int record_write_fault(int r, Fault *fault);
int record_store_remove(RecordStore *store, const char *name);

/* Calls @loaded for each record, and @broken for each that is damaged, which is then renamed to NAME.corrupt. Negative
 * errno where the folder or a record cannot be read now. */
int record_store_load(RecordStore *store, void (*loaded)(const Record *record, void *userdata),
                      void (*broken)(const char *name, void *userdata), void *userdata);
