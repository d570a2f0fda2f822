/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "confdir.h"
#include "idlist.h"
#include "name.h"
#include "spec.h"
#include "table.h"

/*
 * .tap files: TAPs that are to exist whenever tapd runs. A file is taps.d/NAME.tap in one of the configuration's
 * folders; its drop-ins, taps.d/NAME.tap.d/ *.conf in all of them, come after it, sorted by name. It declares one TAP,
 * or, with Name=tap%d, Count= of them from First= on. What is wrong in a file disables the TAPs of that file alone.
 */

/* Most TAPs that all files together declare. */
#define DECLARATIONS_MAX 10000

/* Longest path of a file: it stands in the record. */
#define DECLARATION_PATH_MAX 255
#define DECLARATION_WHY_SIZE 512

typedef struct DeclarationFile {
        char path[DECLARATION_PATH_MAX + 1];
        IdList managers;                    /* Managers=alice */
        IdList manager_groups;              /* Managers=@students */
        bool is_state;                      /* written by tapd for who declared it over the bus */
        bool is_bad;                        /* it declares nothing */
        char why_bad[DECLARATION_WHY_SIZE]; /* the first thing that is wrong: "PATH:LINE: TEXT" */
        struct DeclarationFile *next;
} DeclarationFile;

typedef struct Declaration {
        char name[NAME_SIZE];
        TapSpec spec;  /* complete */
        uint64_t hash; /* of the spec: what is declared; a word about it in a comment changes nothing */
        const DeclarationFile *file;
        UT_hash_handle hh;
} Declaration;

typedef struct Declarations {
        DeclarationFile *files;
        Declaration *table; /* by name, in the order of the files */
        size_t n_bad;       /* files that declare nothing because of what is wrong in them */
        bool is_unreadable; /* a folder could not be read: what it holds is not known */
        size_t n_read;      /* files, with their drop-ins */
} Declarations;

/* Reads all files. Names are looked up with NSS, which may wait. Negative errno only where there is no memory. */
int declarations_load(const ConfDirs *dirs, const SpecDefaults *defaults, Complaints *complaints, Declarations *ret);

/* Reads one .tap file as if it were the only one, for verification. Where it is in @dir, one of @dirs, it has the
 * drop-ins of all of them; where it is a draft (@dir NULL), those beside it, and whose they are is not asked. */
int declarations_load_file(const ConfDirs *dirs, const ConfDir *dir, const char *path, const SpecDefaults *defaults,
                           Complaints *complaints, Declarations *ret);

/* The same of a drop-in without its file: what can be said of its lines. @dir as before. */
int declarations_check_drop_in(const ConfDir *dir, const char *path, const SpecDefaults *defaults,
                               Complaints *complaints);

/* The drop-ins of the file @name ("lab.tap"), as confdirs_list() has them. */
int declarations_list_drop_ins(const ConfDirs *dirs, const char *name, confdir_unreadable_t unreadable, void *userdata,
                               ConfPaths *ret);
void declarations_done(Declarations *declarations);

/* NULL where no file declares it. Until declarations_done(). */
const Declaration *declarations_find(const Declarations *declarations, const char *name);

/* What is wrong in a file that declares nothing because of that (what it declared before is not to be taken back for
 * it), or in the first such file (@path NULL). NULL where nothing is. */
const char *declarations_why_bad(const Declarations *declarations, const char *path);

/* Adds a TAP with the settings that @spec was given, or gives it these settings, as if declaration_write() had been
 * before declarations_load(). InvalidArgs where they do not go together. */
int declarations_put(Declarations *declarations, const SpecDefaults *defaults, const char *state_path, const char *name,
                     const TapSpec *spec, Fault *fault);

/* Takes one that was put there back. */
void declarations_take(Declarations *declarations, const char *name);

/* Writes the file of a TAP that is declared over the bus, with the settings that @spec was given; removes it.
 * InvalidArgs where a value cannot stand in a file; Degraded where the folder cannot be written. */
int declaration_write(const char *state_path, const char *name, const TapSpec *spec, Fault *fault);
int declaration_remove(const char *state_path, const char *name, Fault *fault);
