/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shell-words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r"

typedef struct Splitter {
        ShellLine *line;
        const char *p;
        const char *begin; /* of the command that is being read */
        const char *iface;
        char *word, *end; /* room for the longest word that can come, and where the next byte goes */
        const char *reason;
} Splitter;

static int refuse(Splitter *splitter, const char *reason) {
        splitter->reason = reason;
        return -EINVAL;
}

static void put(Splitter *splitter, char c) {
        *splitter->end++ = c;
}

/* At a "$". */
static int read_variable(Splitter *splitter) {
        const char *p = splitter->p + 1, *name = *p == '{' ? p + 1 : p;
        size_t length = strlen("IFACE");

        if (*p == '(')
                return refuse(splitter, "a command in a command");
        if (strncmp(name, "IFACE", length) != 0 || isalnum((unsigned char) name[length]) || name[length] == '_' ||
            (*p == '{' && name[length] != '}') || !splitter->iface)
                return refuse(splitter, "a variable");

        splitter->end = stpcpy(splitter->end, splitter->iface);
        splitter->p = name + length + (*p == '{');
        return 0;
}

/* In double quotes, at anything. */
static int read_quoted(Splitter *splitter) {
        switch (*splitter->p) {
        case '`':
                return refuse(splitter, "a command in a command");
        case '$':
                return read_variable(splitter);
        case '\\':
                /* Before other characters it stands for itself (POSIX, Shell Command Language 2.2.3). */
                if (splitter->p[1] && strchr("$`\"\\", splitter->p[1]))
                        splitter->p++;
        }

        put(splitter, *splitter->p++);
        return 0;
}

static int read_quotes(Splitter *splitter, char quote) {
        int r = 0;

        splitter->p++;
        while (r == 0 && *splitter->p != quote) {
                if (!*splitter->p)
                        return refuse(splitter, "a quote without its end");
                if (quote == '"')
                        r = read_quoted(splitter);
                else
                        put(splitter, *splitter->p++);
        }

        splitter->p++;
        return r;
}

/* One or more bytes of a word. */
static int read_piece(Splitter *splitter) {
        switch (*splitter->p) {
        case '"':
        case '\'':
                return read_quotes(splitter, *splitter->p);
        case '$':
                return read_variable(splitter);
        case '`':
                return refuse(splitter, "a command in a command");
        case '*':
        case '?':
                return refuse(splitter, "a pattern of file names");
        case '\\':
                splitter->p++;
                if (!*splitter->p)
                        return refuse(splitter, "a backslash at the end");
        }

        put(splitter, *splitter->p++);
        return 0;
}

static int add_word(Splitter *splitter) {
        ShellCommand *command = &splitter->line->commands[splitter->line->n_commands - 1];
        char **grown;

        *splitter->end = '\0';
        grown = reallocarray(command->words, command->n_words + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;

        command->words = grown;
        grown[command->n_words] = strdup(splitter->word);
        if (!grown[command->n_words])
                return -ENOMEM;

        command->n_words++;
        return 0;
}

static int read_word(Splitter *splitter) {
        int r = 0;

        splitter->end = splitter->word;
        while (r == 0 && *splitter->p && !strchr(BLANKS ";&|<>()", *splitter->p))
                r = read_piece(splitter);

        return r < 0 ? r : add_word(splitter);
}

/* The length of a redirection that changes nothing but what is seen; 0: none, or another. */
static size_t quiet_length(const char *p) {
        const char *begin = p;

        p += *p == '1' || *p == '2' || *p == '&';
        if (*p++ != '>')
                return 0;

        if (strncmp(p, "&1", 2) == 0 || strncmp(p, "&2", 2) == 0)
                return (size_t) (p - begin) + 2;

        p += *p == '>';
        p += strspn(p, BLANKS);
        if (strncmp(p, "/dev/null", strlen("/dev/null")) != 0)
                return 0;

        p += strlen("/dev/null");
        return !*p || strchr(BLANKS ";&|<>()", *p) ? (size_t) (p - begin) : 0;
}

/* Behind "||": the length of a command that does nothing. */
static size_t nothing_length(const char *p) {
        size_t blanks = strspn(p, BLANKS), length = strcspn(p + blanks, BLANKS ";&|<>()#");

        if ((length == 1 && p[blanks] == ':') || (length == 4 && strncmp(p + blanks, "true", 4) == 0))
                return blanks + length;

        return 0;
}

static bool is_one_of(const char *word, const char *const *list) {
        while (*list && strcmp(*list, word) != 0)
                list++;

        return *list;
}

static int check_command(Splitter *splitter, const ShellCommand *command) {
        static const char *const loops[] = { "for", "while", "until", NULL };
        static const char *const others[] = { "if",   "then", "else", "fi", "case", "esac",     "do",
                                              "done", "{",    "}",    "!",  "elif", "function", NULL };
        const char *word, *equals;

        if (command->n_words == 0)
                return refuse(splitter, "an empty command");

        word = command->words[0];
        equals = strchr(word, '=');
        if (is_one_of(word, loops))
                return refuse(splitter, "a loop");
        if (is_one_of(word, others))
                return refuse(splitter, "more of a shell than one command after the other");
        if (equals && !memchr(word, '/', (size_t) (equals - word)))
                return refuse(splitter, "a variable is set");

        return 0;
}

static int end_command(Splitter *splitter) {
        ShellCommand *command = &splitter->line->commands[splitter->line->n_commands - 1];
        size_t length = (size_t) (splitter->p - splitter->begin);

        while (length > 0 && strchr(BLANKS, splitter->begin[length - 1]))
                length--;

        command->text = strndup(splitter->begin, length);
        return command->text ? check_command(splitter, command) : -ENOMEM;
}

static int begin_command(Splitter *splitter) {
        ShellLine *line = splitter->line;
        ShellCommand *grown;

        grown = reallocarray(line->commands, line->n_commands + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;

        line->commands = grown;
        grown[line->n_commands++] = (ShellCommand){};
        splitter->p += strspn(splitter->p, BLANKS);
        splitter->begin = splitter->p;
        return 0;
}

/* "||" and what follows it. */
static int read_or(Splitter *splitter) {
        size_t length;

        if (splitter->p[1] != '|')
                return refuse(splitter, "a pipe");

        length = nothing_length(splitter->p + 2);
        if (length == 0)
                return refuse(splitter, "a condition");

        splitter->p += 2 + length;
        return 0;
}

/* At something that is no blank and belongs to a command. */
static int read_token(Splitter *splitter) {
        size_t length = quiet_length(splitter->p);

        if (length > 0) {
                splitter->p += length;
                return 0;
        }

        switch (*splitter->p) {
        case '|':
                return read_or(splitter);
        case '&':
                return refuse(splitter, "a command in the background");
        case '<':
        case '>':
                return refuse(splitter, "a redirection");
        case '(':
        case ')':
                return refuse(splitter, "a shell in a shell");
        default:
                return read_word(splitter);
        }
}

static bool ends_command(const char *p) {
        return !*p || *p == '#' || *p == ';' || strncmp(p, "&&", 2) == 0;
}

static int read_command(Splitter *splitter) {
        int r;

        r = begin_command(splitter);
        while (r == 0) {
                splitter->p += strspn(splitter->p, BLANKS);
                if (ends_command(splitter->p))
                        return end_command(splitter);
                r = read_token(splitter);
        }

        return r;
}

static int read_commands(Splitter *splitter) {
        int r;

        for (;;) {
                bool follows;

                r = read_command(splitter);
                if (r < 0 || !*splitter->p || *splitter->p == '#')
                        return r;

                follows = *splitter->p == '&';
                splitter->p += follows ? 2 : 1;
                splitter->p += strspn(splitter->p, BLANKS);
                /* A ";" may end a line, "&&" may not. */
                if (!follows && (!*splitter->p || *splitter->p == '#'))
                        return 0;
        }
}

/* Each "$" may become the name. */
static size_t word_room(const char *text, const char *iface) {
        size_t n = 0, longest = strlen(text) + 1;

        for (const char *p = text; *p; p++)
                n += *p == '$';

        return longest + n * (iface ? strlen(iface) : 0);
}

int shell_split(ShellLine *line, const char *text, const char *iface, const char **ret_reason) {
        Splitter splitter = { .line = line, .p = text, .iface = iface };
        int r;

        *line = (ShellLine){};
        splitter.word = malloc(word_room(text, iface));
        if (!splitter.word)
                return -ENOMEM;

        r = read_commands(&splitter);
        free(splitter.word);
        if (r < 0) {
                shell_line_done(line);
                if (r == -EINVAL)
                        *ret_reason = splitter.reason;
        }

        return r;
}

void shell_line_done(ShellLine *line) {
        for (size_t i = 0; i < line->n_commands; i++) {
                ShellCommand *command = &line->commands[i];

                for (size_t j = 0; j < command->n_words; j++)
                        free(command->words[j]);
                free(command->words);
                free(command->text);
        }

        free(line->commands);
        *line = (ShellLine){};
}
