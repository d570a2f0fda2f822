/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "import-command.h"
#include "import-file.h"
#include "shell-words.h"

/*
 * interfaces(5) as it is written: stanzas, their lines, and the commands in these. What they mean for TAPs is
 * import-interfaces.c's business, which notes it beside them.
 */
typedef enum StanzaLineType {
        STANZA_LINE_AUTO,   /* auto and allow-*: names behind it */
        STANZA_LINE_IFACE,  /* the head of a stanza */
        STANZA_LINE_OPTION, /* a line of one */
} StanzaLineType;

/* A command of a line, or an option with its words. */
typedef struct StanzaPiece {
        const char *text;
        char *const *words; /* NULL: the line is not one that can be read */
        size_t n_words;
        ImportVerdict verdict;
        bool is_made; /* it made a TAP */
        char *reason; /* why it was not translated */
        char *part;   /* what of it may go where it does something else besides */
} StanzaPiece;

typedef struct StanzaLine {
        StanzaLineType type;
        ImportPlace place;
        char *text;
        size_t stanza; /* its index */
        bool is_command, is_down, is_pre_up;
        ShellLine shell;
        StanzaPiece *pieces;
        size_t n_pieces;
} StanzaLine;

/* All that is said of an interface stands in one or more of them. */
typedef struct Stanza {
        const char *name, *method, *parent; /* words of its head; parent: what it inherits */
        bool is_template;                   /* another one inherits it */
        bool is_unclean;                    /* something in it has to stay */
} Stanza;

typedef struct Interfaces {
        ImportPlan *plan;
        const char *root;
        ImportPaths files; /* all that are to be read: those that were named, and what is found on the way */
        StanzaLine *lines;
        size_t n_lines;
        Stanza *stanzas;
        size_t n_stanzas;
        bool in_stanza;
} Interfaces;

/* Reads the files and what they include, each once. @must_exist: those that are named have to be there. What cannot be
 * read is said to be not translated. */
void interfaces_read(Interfaces *interfaces, ImportPlan *plan, const char *root, const ImportPaths *paths,
                     bool must_exist);
void interfaces_done(Interfaces *interfaces);

/* The stanza that a line stands in. */
Stanza *interfaces_stanza(const Interfaces *interfaces, const StanzaLine *line);

/* A word of a line that is no command; "" behind its end. */
const char *line_word(const StanzaLine *line, size_t i);

/* Says why a piece is not translated, unless that is said already. */
void piece_refuse(Interfaces *interfaces, StanzaPiece *piece, const char *reason);
