/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "settings.h"

/* The options of tapctl. Which of them a verb takes is in its line of the table in tapctl.c. */
typedef enum OptionFlag {
        OPTION_HELP = 1 << 0,
        OPTION_VERSION = 1 << 1,
        OPTION_NO_ASK_PASSWORD = 1 << 2,
        OPTION_JSON = 1 << 3,
        OPTION_OUTPUT = 1 << 4,
        OPTION_NO_HEADINGS = 1 << 5,
        OPTION_FORCE = 1 << 6,
        OPTION_SETTINGS = 1 << 7, /* those of the table of settings that no other flag is for */
        OPTION_USER = 1 << 8,     /* a setting, and a filter of list and delete */
        OPTION_MINE = 1 << 9,
        OPTION_IDLE = 1 << 10,
        OPTION_QUEUES = 1 << 11,
        OPTION_ACCESS = 1 << 12, /* --group and --shared: who else may open it by its name */
        OPTION_FOR_UNIT = 1 << 13,
        OPTION_RECREATE = 1 << 14,
        OPTION_ROOT = 1 << 15,
        OPTION_FROM = 1 << 16,
        OPTION_WRITE = 1 << 17,
        OPTION_SWITCH = 1 << 18,
        OPTION_PORT = 1 << 19, /* what else says how it is plugged in: --vlan and those behind it */

        /* What every verb takes. */
        OPTIONS_GLOBAL = OPTION_HELP | OPTION_VERSION | OPTION_NO_ASK_PASSWORD,
        OPTIONS_SETTINGS = OPTION_SETTINGS | OPTION_USER | OPTION_ACCESS,
        OPTIONS_PLUGGED = OPTION_SWITCH | OPTION_PORT,
        OPTIONS_FILTERS = OPTION_USER | OPTION_MINE | OPTION_IDLE,
} OptionFlag;

/* A command line, taken apart. Strings are those of argv. */
typedef struct Options {
        unsigned given;      /* OptionFlag */
        const char *columns; /* of --output; NULL: not given */
        const char *idle;    /* of --idle; the same */
        const char *queues;  /* of --queues; the same */
        const char *root;    /* of --root; the same */
        const char **from;   /* of each --from, in their order */
        size_t n_from;
        const char *settings[_SETTING_MAX]; /* values as they were written; NULL: not given */
        const char **arguments; /* everything that is no option, then NULL; options_parse() puts the verb first */
        size_t n_arguments;
        size_t n_before_dashes; /* how many of them stand before "--"; n_arguments where there is none */
} Options;

/* Takes a command line apart. Options may stand anywhere before "--". 0, or an exit status after it was reported;
 * options_done() in both cases. */
int options_parse(Options *options, int argc, char **argv);
void options_done(Options *options);

/* Whether all that were given are among @accepted; if not, reports the first that is not, and for those of plugging in
 * what plugs in, and returns an exit status. */
int options_check(const Options *options, unsigned accepted, const char *verb);

/* Prints the lines of the help that describe @flags. */
void options_print(unsigned flags);
