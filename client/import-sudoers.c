/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

/* What of a list of commands is for TAPs, and what is not. */
typedef struct Parts {
        char *ours;
        bool has_others;
        bool plug; /* some of ours are for plugging in */
} Parts;

/* Where the first of @characters stands outside of quotes and not behind a backslash; the end where there is none. */
static const char *find_plain(const char *p, const char *characters) {
        bool is_quoted = false;

        for (; *p; p++) {
                if (*p == '\\' && p[1])
                        p++;
                else if (*p == '"')
                        is_quoted = !is_quoted;
                else if (!is_quoted && strchr(characters, *p))
                        break;
        }

        return p;
}

static const char *skip_blanks(const char *p) {
        return p + strspn(p, IMPORT_BLANKS);
}

/* Behind what may stand before a command: (user:group), and tags and options, each with its end. */
static const char *skip_prefix(const char *p, const char *end) {
        p = skip_blanks(p);
        if (*p == '(') {
                const char *close = memchr(p, ')', (size_t) (end - p));

                p = close ? skip_blanks(close + 1) : end;
        }

        for (;;) {
                size_t length = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

                if (length == 0 || p[length] != ':')
                        return p;
                p = skip_blanks(p + length + 1);
        }
}

/* Whether a command is one of those that TAPs are made or plugged in with. */
static bool is_ours(const char *command, size_t length, bool *plugs) {
        static const struct {
                const char *name;
                bool plugs;
        } programs[] = { { "ip", false },   { "ovs-vsctl", true }, { "bridge", true },
                         { "brctl", true }, { "tunctl", false },   { "openvpn", false } };
        const char *name = command;

        for (size_t i = 0; i < length && !strchr(IMPORT_BLANKS, command[i]); i++)
                if (command[i] == '/')
                        name = command + i + 1;
        /* "!" takes a command away from a list. */
        if (name == command || *command == '!')
                return false;

        length = strcspn(name, IMPORT_BLANKS ",:\\");
        for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
                if (strlen(programs[i].name) == length && strncmp(programs[i].name, name, length) == 0) {
                        *plugs |= programs[i].plugs;
                        return true;
                }

        return false;
}

static int parts_add(Parts *parts, const char *command, size_t length) {
        char *ours;

        while (length > 0 && strchr(IMPORT_BLANKS, command[length - 1]))
                length--;

        if (!is_ours(command, length, &parts->plug)) {
                parts->has_others = true;
                return 0;
        }

        if (asprintf(&ours, "%s%s%.*s", parts->ours ? parts->ours : "", parts->ours ? ", " : "", (int) length,
                     command) < 0)
                return -ENOMEM;

        free(parts->ours);
        parts->ours = ours;
        return 0;
}

/* The commands behind each "=": what is behind a ":" names hosts again. */
static int parts_read(Parts *parts, const char *text) {
        const char *p = find_plain(text, "=");
        int r = 0;

        while (*p && r == 0) {
                const char *end;

                p = skip_prefix(p + 1, p + strlen(p));
                end = find_plain(p, ",:");
                r = parts_add(parts, p, (size_t) (end - p));
                /* The next command of the list is behind a comma just as the first is behind the "=". */
                p = *end == ':' ? find_plain(end, "=") : end;
        }

        return r;
}

/* A word that sudoers(5) begins another kind of line with. */
static bool is_no_rule(const char *text) {
        static const char *const words[] = { "Defaults", "User_Alias", "Runas_Alias", "Host_Alias", "@" };

        /* "#1000" is a user. */
        if (*text == '#' && (text[1] < '0' || text[1] > '9'))
                return true;

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strncmp(text, words[i], strlen(words[i])) == 0)
                        return true;

        return false;
}

static void read_rule(ImportPlan *plan, ImportPlace place, const char *text, bool *plugs) {
        bool is_alias = strncmp(text, "Cmnd_Alias", strlen("Cmnd_Alias")) == 0 ||
                        strncmp(text, "Cmd_Alias", strlen("Cmd_Alias")) == 0;
        Parts parts = {};

        if (is_no_rule(text))
                return;

        if (parts_read(&parts, text) < 0)
                plan->is_broken = true;
        if (parts.ours)
                import_plan_remove(plan, &place, text, parts.has_others || is_alias ? parts.ours : NULL);
        if (parts.ours && is_alias)
                import_plan_note(plan, &place,
                                 "a list without commands is an error to sudo: where nothing is left in "
                                 "it, it goes, and its name wherever it stands");

        *plugs |= parts.plug;
        free(parts.ours);
}

/* "@include" and "#include" of anything but the folder that is read anyway. */
static void read_include(ImportPlan *plan, ImportPlace place, const char *text) {
        const char *path;

        if ((*text != '@' && *text != '#') || strncmp(text + 1, "include", strlen("include")) != 0)
                return;

        path = text + strcspn(text, IMPORT_BLANKS);
        if (strcmp(skip_blanks(path), "/etc/sudoers.d") != 0)
                import_plan_refuse(plan, &place, text, "not followed; name the file with --from");
}

static void read_text(ImportPlan *plan, const char *path, char *text, bool *plugs) {
        ImportLines lines = import_lines_of(text);
        const char *line;

        while ((line = import_lines_next(&lines))) {
                ImportPlace place = { .path = path, .line = lines.number };

                read_include(plan, place, line);
                read_rule(plan, place, line, plugs);
        }
}

void import_sudoers(ImportPlan *plan, const char *root, const ImportPaths *paths, bool must_exist) {
        bool plugs = false;

        for (size_t i = 0; i < paths->n; i++) {
                char *text;
                size_t size;

                if (!import_file_open(plan, root, paths->items[i], must_exist, &text, &size))
                        continue;

                read_text(plan, import_plan_keep(plan, paths->items[i]), text, &plugs);
                free(text);
        }

        if (plugs)
                import_plan_note(plan, NULL,
                                 "what was plugged in with sudo \"tapctl plug\" plugs in, where a grant of "
                                 "tapd.conf(5) has Switches= and VLANs=");
}
