/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fault.h"
#include "settings.h"
#include "table.h"

/*
 * What "tapctl import" found: the TAPs that .tap files are to declare, and what there is to say about where they came
 * from. The readers (import.h) fill it, from the source that has most to say to the one that has least.
 *
 * Where memory runs out in here the plan remembers it, as a stream remembers an error, and the call does nothing; who
 * prints the plan looks (import_plan_is_whole()).
 */

/* Where something was said. @path lives as long as the plan; @line 0: the file as such. */
typedef struct ImportPlace {
        const char *path;
        unsigned line;
} ImportPlace;

typedef enum ImportSource {
        IMPORT_INTERFACES,
        IMPORT_NETDEV,
        IMPORT_LIVE,
} ImportSource;

/* What there is to know: the settings that a .tap file may say, by their SettingId, and this. */
enum {
        IMPORT_VLAN_MODE =
                _SETTING_MAX, /* of a port of Open vSwitch, "" where it is not set: what VLAN and Trunk mean */
        _IMPORT_MAX,
};

typedef struct ImportValue {
        char *text; /* NULL: nobody said anything; "": said to be unset */
        ImportSource source;
        ImportPlace place;
} ImportValue;

typedef struct ImportTap {
        UT_hash_handle hh;
        char *name;
        ImportSource source; /* the first that had it */
        ImportPlace place;
        bool is_live;                         /* a device of this name is there, and can be adopted */
        bool has_stanza, is_unclean, is_auto; /* in interfaces(5): it has stanzas, of which something has to stay */
        ImportValue values[_IMPORT_MAX];
} ImportTap;

/* What a TAP is made with. "" for no user or group. */
typedef struct ImportMaking {
        bool tun, multi_queue, vnet_header, packet_info;
        const char *user, *group;
} ImportMaking;

/* One line for standard error. */
typedef struct ImportNote {
        char *text;
        bool is_failure; /* something was not translated */
} ImportNote;

typedef struct ImportNotes {
        ImportNote *items;
        size_t n;
} ImportNotes;

typedef struct ImportPlan {
        const char *root; /* in front of every path but those on the command line; "": the host's own */
        ImportTap *taps;  /* a hash table, in the order in which they were found */
        ImportNotes notes;
        ImportNotes removable; /* lines of files that tapd makes superfluous */
        char **paths;
        size_t n_paths;
        bool is_trial;  /* import_tap_set() looks at values and takes none */
        bool is_broken; /* memory ran out */
} ImportPlan;

void import_plan_init(ImportPlan *plan, const char *root);
void import_plan_done(ImportPlan *plan);

/* False where memory ran out. */
bool import_plan_is_whole(const ImportPlan *plan);

/* A copy of @path that lives as long as the plan, for a place. */
const char *import_plan_keep(ImportPlan *plan, const char *path);

ImportTap *import_plan_find(const ImportPlan *plan, const char *name);

/* Adds a TAP, or finds it where another source or line made it before. -EINVAL or -EPERM and the reason where the name
 * or a value is none that tapd takes. */
int import_plan_make(ImportPlan *plan, const char *name, ImportSource source, ImportPlace place,
                     const ImportMaking *making, Fault *fault);

/* Says a setting of a TAP (a SettingId, or IMPORT_VLAN_MODE). Of one source the last word counts, of several the
 * first's; that they differ is noted. -EINVAL and the reason where tapd does not take the value. */
int import_tap_set(ImportPlan *plan, ImportTap *tap, unsigned id, const char *text, ImportSource source,
                   ImportPlace place, Fault *fault);

/* Takes back what was said of a setting. */
void import_tap_unset(ImportTap *tap, unsigned id);

/* Says a thing that is no failure. @place: NULL where it is nowhere. */
void import_plan_note(ImportPlan *plan, const ImportPlace *place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Says that @text, which stands at @place, was not translated, and why. */
void import_plan_refuse(ImportPlan *plan, const ImportPlace *place, const char *text, const char *reason);

/* Says that @text at @place may go; @part: only this of it, NULL for all. */
void import_plan_remove(ImportPlan *plan, const ImportPlace *place, const char *text, const char *part);

/* Once every source was read: what the sum of it means, and what is said about it. */
void import_plan_finish(ImportPlan *plan);

/* Whether something could not be translated. */
bool import_plan_has_failures(const ImportPlan *plan);

/* The .tap file of a TAP; the caller's to free, NULL where memory ran out. */
char *import_tap_format(const ImportTap *tap);
