/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The command of "tapctl run", and what it is told about its TAP.
 */

/* Exit statuses as env(1) has them. */
enum {
        COMMAND_EXIT_FAILED = 125, /* tapctl itself failed */
        COMMAND_EXIT_CANNOT_EXECUTE = 126,
        COMMAND_EXIT_NOT_FOUND = 127,
};

typedef struct CommandTap {
        const char *name; /* {name} */
        const char *fds;  /* {fds}, "3:4" */
        const char *fd;   /* {fd}, "3"; NULL where there are several: the token stays */
        const char *mac;  /* {mac}, of the guest's side; "" where it has none */
} CommandTap;

/* Whether a token, "{fd}", stands in the command's arguments and would be replaced. */
bool command_has_token(const char *const *words, const char *token);

/* A copy of @text with the tokens replaced, wherever in it they stand. "${name}" is the shell's and stays. NULL where
 * memory ran out. */
char *command_expand(const char *text, const CommandTap *tap);

/* The numbers with colons between them. NULL where memory ran out. */
char *command_join_fds(const int *fds, size_t n);

/* Becomes the command, with the descriptors open in it. Returns only when that failed, with an exit status, after it
 * was reported. @words: the command and its arguments, NULL at the end. */
int command_execute(const char *const *words, const CommandTap *tap, const int *fds, size_t n_fds);
