/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "import-plan.h"

/*
 * The files that "tapctl import" reads and writes. Unlike tapd it reads also what is not root's: nothing comes of it
 * before an administrator has seen it.
 */

/* The one name of a source that is no file. */
#define IMPORT_STDIN "-"

/* What may stand between words, and around lines. */
#define IMPORT_BLANKS " \t\r\f\v"

/* Where the files go. */
#define IMPORT_FOLDER "/etc/tapd/taps.d"

/* Reads a file whole, at most 1 MiB, below @root; @data has a NUL behind it and is the caller's to free. What cannot be
 * read is said to be not translated, also what is not there where it has to be. False where there is nothing to read:
 * an empty file, or /dev/null, which masks one, is not worth a word. */
bool import_file_open(ImportPlan *plan, const char *root, const char *path, bool must_exist, char **ret_data,
                      size_t *ret_size);

/* What kept a file from being read, in words. */
const char *import_file_explain(int r);

/* The lines of a text, which is changed on the way: without the blanks around them, those that end with a backslash
 * joined with what follows. @number: where the one that was returned begins. */
typedef struct ImportLines {
        char *rest;
        unsigned number, next_number;
} ImportLines;

/* Begins with the first line of @text. */
ImportLines import_lines_of(char *text);

/* The next line, also one that is empty or a comment, which nothing continues; NULL at the end. */
char *import_lines_next(ImportLines *lines);

/* glob(3) below @root; the paths are those without it. No pattern of the shell's but * ? and [] is known. 0 also where
 * nothing matches; import_paths_done() in any case. */
typedef struct ImportPaths {
        char **items;
        size_t n;
} ImportPaths;

int import_paths_glob(ImportPaths *paths, const char *root, const char *pattern);

/* Adds a copy of @path. */
int import_paths_add(ImportPaths *paths, const char *path);
void import_paths_done(ImportPaths *paths);

/* Writes the .tap files: all, or none where one is there that differs and @force was not given. 0, or an exit status
 * after it was reported. */
int import_plan_write(const ImportPlan *plan, bool force);
