/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "declaration.h"
#include "idlist.h"
#include "spec.h"

/*
 * tapd.conf(5): the defaults, and the grants that say who may have which TAP. The main file is the first of
 * tapd.conf in /etc/tapd, /run/tapd and /usr/lib/tapd; its drop-ins, *.conf in tapd.conf.d of all three, come after it,
 * sorted by name, where the same name in a higher folder hides the lower one (UAPI configuration files specification).
 */

/* What VLANs= of a grant says. */
typedef enum GrantVlans {
        GRANT_VLANS_NONE,   /* it is absent: only a plug without a VLAN, where the switch filters none */
        GRANT_VLANS_LISTED, /* those that it lists, and one must be asked for */
        GRANT_VLANS_ALL,
} GrantVlans;

typedef struct Grant {
        char *name;
        IdList users;         /* Users=alice */
        IdList user_groups;   /* Users=@kvm */
        IdList groups;        /* Groups=: what Group may be besides the default */
        char **names;         /* Names=: patterns of fnmatch(3), NULL-terminated */
        char **switches;      /* Switches=: the same */
        char **interface_ids; /* InterfaceIDs=: the same */
        GrantVlans vlans;     /* VLANs= */
        Trunk vlan_ranges;    /* where it lists some */
        bool trunk;           /* Trunk= */
        unsigned taps_per_user;
        bool shared;
        bool is_off; /* something in it could not be read: it grants nothing */
} Grant;

typedef struct Config {
        SpecDefaults defaults;
        uint64_t idle_usec; /* IdleSec=: runtime TAPs that nobody used for so long are deleted; 0: never */
        Grant *grants;
        size_t n_grants;
        Declarations declared; /* .tap files */
        size_t n_read;         /* files, without those */
} Config;

/* Reads the files below @root ("" for the host's own), and what was declared over the bus below @state_path (NULL:
 * not). Names of users and groups are looked up with NSS, which may wait for a directory server: never call it inside
 * the loop. What cannot be read is complained of and left out; negative errno only where there is no memory. */
int config_load(const char *root, const char *state_path, complain_t tell, void *userdata, Config *ret);

/* The same for somebody else than tapd: what may be tapd's own is @own's (confdirs_init()). */
int config_load_as(uid_t own, const char *root, const char *state_path, complain_t tell, void *userdata, Config *ret);

/* Reads one file, tapd.conf or a drop-in of it, as if it were the only one, for verification; @also: whose it may be
 * besides root's. */
int config_load_file(const char *path, uid_t also, complain_t tell, void *userdata, Config *ret);

/* Frees all of it; what was borrowed from it (GateVerdict.grant, a Declaration) goes with it. */
void config_done(Config *config);
