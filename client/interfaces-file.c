/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interfaces-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "text.h"

/* Room for one more item, doubled at each power of two. */
static void *grow(Interfaces *interfaces, void *items, size_t n, size_t size) {
        void *grown;

        if (n & (n - 1))
                return items;

        grown = reallocarray(items, n ? n * 2 : 1, size);
        if (!grown)
                interfaces->plan->is_broken = true;
        return grown;
}

static StanzaLine *add_line(Interfaces *interfaces, StanzaLineType type, ImportPlace place, const char *text) {
        StanzaLine *grown = grow(interfaces, interfaces->lines, interfaces->n_lines, sizeof(*grown)), *line;

        if (!grown)
                return NULL;

        interfaces->lines = grown;
        line = &grown[interfaces->n_lines];
        *line = (StanzaLine){ .type = type, .place = place, .text = strdup(text), .stanza = interfaces->n_stanzas - 1 };
        if (!line->text) {
                interfaces->plan->is_broken = true;
                return NULL;
        }

        interfaces->n_lines++;
        return line;
}

static void line_done(StanzaLine *line) {
        for (size_t i = 0; i < line->n_pieces; i++) {
                free(line->pieces[i].reason);
                free(line->pieces[i].part);
        }

        free(line->pieces);
        free(line->text);
        shell_line_done(&line->shell);
}

void interfaces_done(Interfaces *interfaces) {
        for (size_t i = 0; i < interfaces->n_lines; i++)
                line_done(&interfaces->lines[i]);

        free(interfaces->lines);
        free(interfaces->stanzas);
        import_paths_done(&interfaces->files);
}

/* The words of a line that are no shell's: an option and what follows it. */
static int split_plain(Interfaces *interfaces, StanzaLine *line) {
        const char *p = line->text;
        ShellCommand *command = calloc(1, sizeof(*command));

        if (!command) {
                interfaces->plan->is_broken = true;
                return -ENOMEM;
        }

        line->shell = (ShellLine){ .commands = command, .n_commands = 1 };
        for (size_t length; p += strspn(p, IMPORT_BLANKS), (length = strcspn(p, IMPORT_BLANKS)) > 0; p += length) {
                char **grown = grow(interfaces, command->words, command->n_words, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                command->words = grown;
                grown[command->n_words] = strndup(p, length);
                if (!grown[command->n_words]) {
                        interfaces->plan->is_broken = true;
                        return -ENOMEM;
                }
                command->n_words++;
        }

        return 0;
}

static StanzaPiece *add_pieces(Interfaces *interfaces, StanzaLine *line, size_t n) {
        line->pieces = calloc(n, sizeof(*line->pieces));
        if (!line->pieces) {
                interfaces->plan->is_broken = true;
                return NULL;
        }

        line->n_pieces = n;
        return line->pieces;
}

void piece_refuse(Interfaces *interfaces, StanzaPiece *piece, const char *reason) {
        if (piece->reason)
                return;

        piece->reason = strdup(reason);
        interfaces->plan->is_broken |= !piece->reason;
}

/* A command of "up" and the like: one piece for each command that can be read, or one that says why none can. */
static void read_command_line(Interfaces *interfaces, StanzaLine *line, const char *text) {
        const char *iface = interfaces->stanzas[line->stanza].name, *reason;
        ShellLine shell;
        StanzaPiece *pieces;
        int r;

        line->is_command = true;
        /* Nothing is gained by copying a name that is none into every command. */
        r = shell_split(&shell, text, strlen(iface) <= TAPD_NAME_MAX ? iface : NULL, &reason);
        if (r == -ENOMEM) {
                interfaces->plan->is_broken = true;
                return;
        }

        pieces = add_pieces(interfaces, line, r < 0 ? 1 : shell.n_commands);
        if (r < 0 && pieces) {
                pieces[0].text = text;
                piece_refuse(interfaces, &pieces[0], reason);
        }
        if (r < 0)
                return;

        shell_line_done(&line->shell);
        line->shell = shell;
        for (size_t i = 0; i < line->n_pieces; i++)
                pieces[i] = (StanzaPiece){ .text = shell.commands[i].text,
                                           .words = shell.commands[i].words,
                                           .n_words = shell.commands[i].n_words };
}

static void read_option(Interfaces *interfaces, ImportPlace place, const char *text) {
        static const struct {
                const char *word;
                bool is_pre_up, is_down;
        } phases[] = {
                { "pre-up", true, false },   { "up", false, false },  { "post-up", false, false },
                { "pre-down", false, true }, { "down", false, true }, { "post-down", false, true },
        };
        StanzaLine *line = add_line(interfaces, STANZA_LINE_OPTION, place, text);
        size_t length = strcspn(text, IMPORT_BLANKS);
        StanzaPiece *piece;

        if (!line)
                return;

        for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
                if (strlen(phases[i].word) == length && strncmp(phases[i].word, text, length) == 0) {
                        line->is_pre_up = phases[i].is_pre_up;
                        line->is_down = phases[i].is_down;
                        read_command_line(interfaces, line, line->text + length + strspn(text + length, IMPORT_BLANKS));
                        return;
                }

        if (split_plain(interfaces, line) < 0)
                return;
        piece = add_pieces(interfaces, line, 1);
        if (piece)
                *piece = (StanzaPiece){ .text = line->text,
                                        .words = line->shell.commands[0].words,
                                        .n_words = line->shell.commands[0].n_words };
}

const char *line_word(const StanzaLine *line, size_t i) {
        const ShellCommand *command = line->shell.commands;

        return i < command->n_words ? command->words[i] : "";
}

/* iface NAME [FAMILY METHOD] [inherits NAME] */
static void read_iface(Interfaces *interfaces, ImportPlace place, const char *text) {
        Stanza *grown = grow(interfaces, interfaces->stanzas, interfaces->n_stanzas, sizeof(*grown)), *stanza;
        StanzaLine *line;

        if (!grown)
                return;

        interfaces->stanzas = grown;
        stanza = &grown[interfaces->n_stanzas++];
        *stanza = (Stanza){ .name = "", .method = "", .parent = "" };
        line = add_line(interfaces, STANZA_LINE_IFACE, place, text);
        if (!line || split_plain(interfaces, line) < 0)
                return;

        interfaces->in_stanza = true;
        stanza->name = line_word(line, 1);
        for (size_t i = 2; i < line->shell.commands->n_words; i++) {
                if (text_is(line_word(line, i), "inherits"))
                        stanza->parent = line_word(line, ++i);
                else if (i == 3)
                        stanza->method = line_word(line, i);
        }
}

/* A file that is included again, by itself or by another, is read once. */
static void add_file(Interfaces *interfaces, const char *path) {
        for (size_t i = 0; i < interfaces->files.n; i++)
                if (text_is(interfaces->files.items[i], path))
                        return;

        if (import_paths_add(&interfaces->files, path) < 0)
                interfaces->plan->is_broken = true;
}

static void add_files(Interfaces *interfaces, const char *pattern, bool is_folder) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        ImportPaths found = {};

        if (import_paths_glob(&found, interfaces->root, pattern) < 0)
                interfaces->plan->is_broken = true;

        for (size_t i = 0; i < found.n; i++) {
                const char *name = basename(found.items[i]);

                if (!is_folder || !name[strspn(name, letters)])
                        add_file(interfaces, found.items[i]);
        }

        import_paths_done(&found);
}

/* source PATTERN, source-directory PATTERN. interfaces(5) has wordexp(3) for them, which runs commands. */
static void read_source(Interfaces *interfaces, ImportPlace place, const char *text) {
        bool is_folder = strncmp(text, "source-", strlen("source-")) == 0;
        const char *pattern = text + strcspn(text, IMPORT_BLANKS), *slash = strrchr(place.path, '/');
        size_t length = slash ? (size_t) (slash + 1 - place.path) : 0;
        char *whole;

        pattern += strspn(pattern, IMPORT_BLANKS);
        if (!*pattern || pattern[strcspn(pattern, IMPORT_BLANKS "$`~\"'\\(){};&|<>")]) {
                import_plan_refuse(interfaces->plan, &place, text, "more of a shell than * ? and []");
                return;
        }
        if (*pattern != '/' && text_is(place.path, IMPORT_STDIN)) {
                import_plan_refuse(interfaces->plan, &place, text, "nobody knows which folder it starts from");
                return;
        }

        if (asprintf(&whole, "%.*s%s%s", *pattern == '/' ? 0 : (int) length, place.path, pattern,
                     is_folder ? "/*" : "") < 0) {
                interfaces->plan->is_broken = true;
                return;
        }

        add_files(interfaces, whole, is_folder);
        free(whole);
}

static void read_logical_line(Interfaces *interfaces, ImportPlace place, const char *text) {
        size_t length = strcspn(text, IMPORT_BLANKS);
        char word[32];

        (void) snprintf(word, sizeof(word), "%.*s", length < sizeof(word) ? (int) length : 0, text);
        if (text_is(word, "iface")) {
                read_iface(interfaces, place, text);
        } else if (text_is(word, "source") || text_is(word, "source-directory") || text_is(word, "source-dir")) {
                interfaces->in_stanza = false;
                read_source(interfaces, place, text);
        } else if (text_is(word, "auto") || strncmp(word, "allow-", strlen("allow-")) == 0) {
                StanzaLine *line = add_line(interfaces, STANZA_LINE_AUTO, place, text);

                interfaces->in_stanza = false;
                if (line)
                        (void) split_plain(interfaces, line);
        } else if (text_is(word, "mapping") || text_is(word, "rename") || text_is(word, "no-auto-down") ||
                   text_is(word, "no-scripts")) {
                interfaces->in_stanza = false;
        } else if (interfaces->in_stanza) {
                read_option(interfaces, place, text);
        }
}

static void read_text(Interfaces *interfaces, const char *path, char *text) {
        ImportLines lines = import_lines_of(text);
        const char *line;

        while ((line = import_lines_next(&lines))) {
                ImportPlace place = { .path = path, .line = lines.number };

                if (*line && *line != '#')
                        read_logical_line(interfaces, place, line);
        }
}

static void read_file(Interfaces *interfaces, const char *path, bool must_exist) {
        const char *name = import_plan_keep(interfaces->plan, path);
        char *text;
        size_t size;

        if (!import_file_open(interfaces->plan, interfaces->root, path, must_exist, &text, &size))
                return;

        interfaces->in_stanza = false;
        read_text(interfaces, name, text);
        interfaces->in_stanza = false;
        free(text);
}

void interfaces_read(Interfaces *interfaces, ImportPlan *plan, const char *root, const ImportPaths *paths,
                     bool must_exist) {
        *interfaces = (Interfaces){ .plan = plan, .root = root };

        for (size_t i = 0; i < paths->n; i++)
                add_file(interfaces, paths->items[i]);
        /* What they include comes behind them. */
        for (size_t i = 0; i < interfaces->files.n; i++)
                read_file(interfaces, interfaces->files.items[i], must_exist || i >= paths->n);
}

Stanza *interfaces_stanza(const Interfaces *interfaces, const StanzaLine *line) {
        return &interfaces->stanzas[line->stanza];
}
