/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "confdir.h"
#include "idlist.h"
#include "name.h"
#include "portspec.h"
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

typedef struct DeclarationFile {
        char path[DECLARATION_PATH_MAX + 1];
        IdList managers;       /* Managers=alice */
        IdList manager_groups; /* Managers=@students */
        bool is_state;         /* written by tapd for who declared it over the bus */
        bool is_bad;           /* it declares nothing */
        struct DeclarationFile *next;
} DeclarationFile;

typedef struct Declaration {
        char name[NAME_SIZE];
        TapSpec spec; /* complete */
        PortSpec port;
        uint64_t hash; /* of spec and port: what is declared; a word about it in a comment changes nothing */
        const DeclarationFile *file;
        UT_hash_handle hh;
} Declaration;

typedef struct Declarations {
        DeclarationFile *files;
        Declaration *table; /* by name, in the order of the files */
        size_t n_bad;       /* files that declare nothing because of what is wrong in them */
        bool is_unreadable; /* a folder could not be read: what it holds is not known */
} Declarations;

/* Reads all files. Names are looked up with NSS, which may wait. Negative errno only where there is no memory. */
int declarations_load(const ConfDirs *dirs, const SpecDefaults *defaults, Complaints *complaints, Declarations *ret);

/* Reads one .tap file as if it were the only one, for verification; @ret is filled in any case. */
int declarations_load_file(const ConfDirs *dirs, const char *path, const SpecDefaults *defaults, Complaints *complaints,
                           Declarations *ret);
void declarations_done(Declarations *declarations);

/* NULL where no file declares it. Until declarations_done(). */
const Declaration *declarations_find(const Declarations *declarations, const char *name);

/* Whether there is such a file, and it declares nothing because of what is wrong in it; what it declared before is not
 * to be taken back for that. */
bool declarations_have_bad(const Declarations *declarations, const char *path);

/* The text of a .tap file that declares this TAP with the settings that @spec was given; NULL: no memory. */
char *declaration_format(const char *name, const TapSpec *spec);
