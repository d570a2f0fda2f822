/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "file.h"

/*
 * Which configuration files count (UAPI configuration files specification): of one name the one in the highest folder,
 * also where it is empty or a link to /dev/null, which masks those below. The folders are /etc/tapd, /run/tapd, tapd's
 * own state, where what was declared over the bus is kept, and /usr/lib/tapd.
 */
typedef struct ConfDir {
        char path[PATH_MAX];
        uid_t also;       /* whose it may be besides root's: systemd makes some tapd's (RuntimeDirectory=) */
        uid_t also_files; /* and the files in it */
        bool is_state;    /* tapd writes it */
} ConfDir;

#define CONFDIRS_MAX 4
typedef struct ConfDirs {
        ConfDir dirs[CONFDIRS_MAX]; /* the highest first */
        size_t n_dirs;
} ConfDirs;

/* One file that counts. */
typedef struct ConfPath {
        char *path;
        const char *name; /* its last component */
        const ConfDir *dir;
} ConfPath;

typedef struct ConfPaths {
        ConfPath *items;
        size_t n_items;
} ConfPaths;

/* Told of what is there and cannot be looked into, or may not be believed. */
typedef void (*confdir_unreadable_t)(const char *path, int r, void *userdata);

/* tapd's state, as the shipped unit has it. */
#define CONFDIR_STATE "/var/lib/tapd"

/* The folders below @root ("" for the host's own), and @state_path, tapd's state; NULL: without it. What may be tapd's
 * own is @own's; FILE_ANYBODY: whose they are is not asked. */
void confdirs_init(ConfDirs *dirs, const char *root, const char *state_path, uid_t own);

/* The one that counts of the files @name. 1 and *ret (a path of PATH_MAX bytes), 0 where there is none. */
int confdirs_find(const ConfDirs *dirs, const char *name, confdir_unreadable_t unreadable, void *userdata,
                  char ret[static PATH_MAX]);

/* The files whose names end with @suffix in @folder of all folders, sorted by name. Names that begin with a dot are
 * none. Negative errno where there is no memory. */
int confdirs_list(const ConfDirs *dirs, const char *folder, const char *suffix, confdir_unreadable_t unreadable,
                  void *userdata, ConfPaths *ret);
void confpaths_done(ConfPaths *paths);

/* What reading a file or folder of the configuration found wrong, in words. */
const char *confdir_explain(int r);
