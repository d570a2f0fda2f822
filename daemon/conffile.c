/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conffile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "table.h"

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static char *strip(char *text) {
        size_t length;

        while (is_blank(*text))
                text++;

        for (length = strlen(text); length > 0 && is_blank(text[length - 1]); length--)
                ;
        text[length] = '\0';
        return text;
}

static int conffile_add(ConfFile *file, const ConfLine *line) {
        /* Doubled at each power of two: 100,000 lines are no reason to copy for each. */
        if ((file->n_lines & (file->n_lines - 1)) == 0) {
                size_t room = file->n_lines ? file->n_lines * 2 : 1;
                ConfLine *grown = reallocarray(file->lines, room, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                file->lines = grown;
        }

        file->lines[file->n_lines++] = *line;
        return 0;
}

/* A section, or a section and a key, that was met. */
typedef struct Seen {
        UT_hash_handle hh;
        char text[];
} Seen;

/* Remembers a line; 1 where it is a repetition. */
static int seen_add(Seen **seen, const ConfLine *line) {
        const char *key = line->type == CONF_SECTION ? "" : line->key;
        size_t length = strlen(line->section) + 1 + strlen(key);
        Seen *entry, *found;

        entry = malloc(sizeof(*entry) + length + 1);
        if (!entry)
                return -ENOMEM;

        (void) stpcpy(stpcpy(stpcpy(entry->text, line->section), "]"), key);
        HASH_FIND(hh, *seen, entry->text, length, found);
        if (!found)
                HASH_ADD(hh, *seen, text, length, entry);
        if (found || !entry->hh.tbl) {
                free(entry);
                return found ? 1 : -ENOMEM;
        }

        return 0;
}

static int mark_repetitions(ConfFile *file) {
        Seen *seen = NULL, *entry, *next;
        int r = 0;

        for (size_t i = 0; i < file->n_lines && r >= 0; i++)
                if (file->lines[i].type != CONF_STRAY) {
                        r = seen_add(&seen, &file->lines[i]);
                        file->lines[i].is_repeated = r > 0;
                }

        HASH_ITER(hh, seen, entry, next) {
                HASH_DELETE(hh, seen, entry);
                free(entry);
        }

        return r < 0 ? r : 0;
}

/* Reads one line without its end; @section is the section that it stands in, and the next ones stand in. */
static int conffile_parse_line(ConfFile *file, char *text, unsigned number, const char **section) {
        ConfLine line = { .number = number, .section = *section };
        char *equals;

        text = strip(text);
        if (!*text || *text == '#' || *text == ';')
                return 0;

        if (*text == '[') {
                size_t length = strlen(text);

                if (text[length - 1] == ']') {
                        text[length - 1] = '\0';
                        *section = line.section = text + 1;
                        line.type = CONF_SECTION;
                } else {
                        /* What follows belongs to a section whose name nobody knows, not to the one before. */
                        *section = line.section = text;
                        line.type = CONF_STRAY;
                        line.value = "a section without its ]";
                }

                return conffile_add(file, &line);
        }

        equals = strchr(text, '=');
        if (!equals || equals == text) {
                line.type = CONF_STRAY;
                line.value = "neither a section nor Key=Value";
                return conffile_add(file, &line);
        }

        *equals = '\0';
        line.type = CONF_ASSIGNMENT;
        line.key = strip(text);
        line.value = strip(equals + 1);
        return conffile_add(file, &line);
}

static bool is_comment(const char *line, const char *end) {
        while (line < end && is_blank(*line))
                line++;

        return line < end && (*line == '#' || *line == ';');
}

/* The backslash that a line ends with, NULL where it ends with none. */
static char *find_continuation(char *line, char *end) {
        while (end > line && end[-1] == '\r')
                end--;

        return end > line && end[-1] == '\\' ? end - 1 : NULL;
}

/* Makes one line, with its NUL, of a line and those that continue it: each backslash becomes a blank, and comments in
 * between are left out. Returns where the next one begins, or the end of the text. */
static char *join(char *line, unsigned *number) {
        char *end = strchrnul(line, '\n'), *next = end, *backslash;

        backslash = is_comment(line, end) ? NULL : find_continuation(line, end);
        while (backslash && *next) {
                char *more = next + 1;

                next = strchrnul(more, '\n');
                (*number)++;
                if (is_comment(more, next))
                        continue;

                *backslash = ' ';
                (void) memmove(backslash + 1, more, (size_t) (next - more));
                end = backslash + 1 + (next - more);
                backslash = find_continuation(backslash + 1, end);
        }

        /* A backslash behind which the file ends continues nothing. */
        if (backslash)
                end = backslash;
        if (end != next)
                *end = '\0';

        return next;
}

int conffile_parse(ConfFile *file, char *text, size_t size, unsigned *ret_line) {
        const char *section = "";
        char *line = text, *end;
        int r;

        *file = (ConfFile){ .text = text };

        /* The byte order mark that editors of another system write. */
        if (size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
                line += 3;

        for (unsigned number = 1;; number++) {
                unsigned first = number;
                bool last;

                end = join(line, &number);
                if (end - line > CONF_LINE_MAX || (!*end && end != text + size)) {
                        *ret_line = first;
                        return -EBADMSG;
                }

                last = !*end;
                *end = '\0';
                r = conffile_parse_line(file, line, first, &section);
                if (r < 0)
                        return r;
                if (last)
                        return mark_repetitions(file);

                line = end + 1;
        }
}

int conffile_read(ConfFile *file, const char *path, uid_t also, unsigned *ret_line) {
        char *text;
        size_t size;
        int r;

        *file = (ConfFile){};
        *ret_line = 0;

        r = file_read_trusted(path, also, CONF_FILE_MAX, &text, &size);
        if (r < 0)
                return r;

        return conffile_parse(file, text, size, ret_line);
}

void conffile_done(ConfFile *file) {
        free(file->lines);
        free(file->text);
        *file = (ConfFile){};
}
