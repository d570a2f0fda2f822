/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * One configuration file, read strictly: the syntax of systemd.syntax(7) (sections, Key=Value, '#' and ';' comments on
 * lines of their own, a backslash at the end continues a line), and nothing that is not in it goes unnoticed. What the
 * keys mean is for the reader of the lines.
 */
typedef enum ConfLineType {
        CONF_SECTION,    /* section: "Grant lab" */
        CONF_ASSIGNMENT, /* key, value; section: where it stands, "" before the first */
        CONF_STRAY,      /* neither; value: what is wrong with it */
} ConfLineType;

typedef struct ConfLine {
        ConfLineType type;
        unsigned number; /* of the line, from 1 */
        const char *section;
        const char *key;
        const char *value;
        bool is_repeated; /* the same section, or the same key of the same section, stood in this file before */
} ConfLine;

typedef struct ConfFile {
        ConfLine *lines;
        size_t n_lines;
        char *text;
} ConfFile;

/* Largest file, and longest line, in bytes. */
#define CONF_FILE_MAX (1024 * 1024)
#define CONF_LINE_MAX 4096

/* Takes @text, @size bytes and a NUL, over, also on failure. -EBADMSG where it cannot be read at all: a NUL, or a line
 * above CONF_LINE_MAX; *ret_line is then its number. */
int conffile_parse(ConfFile *file, char *text, size_t size, unsigned *ret_line);

/* file_read_trusted() and conffile_parse() in one; their errors. */
int conffile_read(ConfFile *file, const char *path, uid_t also, unsigned *ret_line);

/* Frees what the lines point to; fine on one that could not be read. */
void conffile_done(ConfFile *file);
