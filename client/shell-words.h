/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * The little of sh(1) that a line of interfaces(5) needs: words, quotes, backslashes, and commands with "&&" or ";"
 * between them. Nothing is executed or looked up.
 */
typedef struct ShellCommand {
        char *text; /* as it was written */
        char **words;
        size_t n_words; /* one at least */
} ShellCommand;

typedef struct ShellLine {
        ShellCommand *commands;
        size_t n_commands;
} ShellLine;

/* Splits @text. $IFACE becomes @iface, which may be NULL where there is none. What goes to /dev/null, and "|| true"
 * after a command, change nothing that matters here and are left out. -EINVAL where the line needs more of a shell than
 * that; *ret_reason, a constant, then says what. */
int shell_split(ShellLine *line, const char *text, const char *iface, const char **ret_reason);

void shell_line_done(ShellLine *line);
