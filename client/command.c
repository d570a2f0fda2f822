/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define FD_DIGITS_MAX 11

/* What stands for the token at @text, and the token's length; NULL where none begins there. */
static const char *find_token(const char *text, const CommandTap *tap, size_t *ret_length) {
        const struct {
                const char *token, *value;
        } tokens[] = { { "{name}", tap->name }, { "{fds}", tap->fds }, { "{fd}", tap->fd }, { "{mac}", tap->mac } };

        for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
                size_t length = strlen(tokens[i].token);

                if (tokens[i].value && strncmp(text, tokens[i].token, length) == 0) {
                        *ret_length = length;
                        return tokens[i].value;
                }
        }

        return NULL;
}

static void expand_into(FILE *out, const char *text, const CommandTap *tap) {
        char before = '\0';

        while (*text) {
                size_t length = 1;
                const char *value = before == '$' ? NULL : find_token(text, tap, &length);

                if (value)
                        fputs(value, out);
                else
                        fputc(*text, out);
                before = text[length - 1];
                text += length;
        }
}

static bool has_token(const char *text, const char *token) {
        const char *found = strstr(text, token);

        while (found && found > text && found[-1] == '$')
                found = strstr(found + 1, token);

        return found;
}

bool command_has_token(const char *const *words, const char *token) {
        for (size_t i = 1; words[0] && words[i]; i++)
                if (has_token(words[i], token))
                        return true;

        return false;
}

char *command_expand(const char *text, const CommandTap *tap) {
        char *expanded = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&expanded, &size);
        if (!out)
                return NULL;

        expand_into(out, text, tap);
        if (fclose(out) != 0) {
                free(expanded);
                return NULL;
        }

        return expanded;
}

char *command_join_fds(const int *fds, size_t n) {
        char *joined, *end;

        joined = end = malloc(n * (FD_DIGITS_MAX + 1) + 1);
        if (!joined)
                return NULL;

        *end = '\0';
        for (size_t i = 0; i < n; i++)
                end += sprintf(end, "%s%d", i > 0 ? ":" : "", fds[i]);

        return joined;
}

static bool set_environment(const CommandTap *tap) {
        return setenv("TAPD_NAME", tap->name, true) == 0 && setenv("TAPD_FDS", tap->fds, true) == 0 &&
               setenv("TAPD_MAC", tap->mac, true) == 0;
}

static void words_free(char **words) {
        for (char **word = words; word && *word; word++)
                free(*word);
        free(words);
}

/* The command itself is taken as it is. */
static char **expand_words(const char *const *words, const CommandTap *tap) {
        size_t n = 0;
        char **expanded;

        while (words[n])
                n++;

        expanded = calloc(n + 1, sizeof(*expanded));
        if (!expanded)
                return NULL;

        for (size_t i = 0; i < n; i++) {
                expanded[i] = i == 0 ? strdup(words[i]) : command_expand(words[i], tap);
                if (!expanded[i]) {
                        words_free(expanded);
                        return NULL;
                }
        }

        return expanded;
}

static int execute(char **words, const int *fds, size_t n_fds) {
        int error;

        for (size_t i = 0; i < n_fds; i++)
                if (fcntl(fds[i], F_SETFD, 0) < 0) {
                        report(NULL, "cannot hand over descriptor %d: %s", fds[i], strerror(errno));
                        return COMMAND_EXIT_FAILED;
                }

        execvp(words[0], words);
        error = errno;
        report(words[0], "%s", error == ENOENT ? "command not found" : strerror(error));
        return error == ENOENT ? COMMAND_EXIT_NOT_FOUND : COMMAND_EXIT_CANNOT_EXECUTE;
}

int command_execute(const char *const *words, const CommandTap *tap, const int *fds, size_t n_fds) {
        char **expanded;
        int status;

        expanded = expand_words(words, tap);
        if (!expanded || !set_environment(tap)) {
                words_free(expanded);
                report_no_memory();
                return COMMAND_EXIT_FAILED;
        }

        status = execute(expanded, fds, n_fds);
        words_free(expanded);
        return status;
}
