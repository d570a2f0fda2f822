/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "conffile.h"
#include "file.h"
#include "names.h"
#include "text.h"

/* Higher ones first. */
static const char *const config_folders[] = { "/etc/tapd", "/run/tapd", "/usr/lib/tapd" };

/* One reading of all files. */
typedef struct Loader {
        Config config;
        config_complain_t complain;
        void *userdata;
        const char *path; /* of the file being read */
        bool is_broken;   /* a file that could not be read may have narrowed any grant */
} Loader;

static void complain(Loader *loader, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void complain(Loader *loader, unsigned line, const char *format, ...) {
        char text[512];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);

        loader->complain(loader->path, line, text, loader->userdata);
}

static int list_add(IdList *list, uint32_t id) {
        uint32_t *grown = reallocarray(list->ids, list->n_ids + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;

        list->ids = grown;
        list->ids[list->n_ids++] = id;
        return 0;
}

static void list_done(IdList *list) {
        free(list->ids);
        *list = (IdList){};
}

static void words_free(char **words) {
        for (char **word = words; word && *word; word++)
                free(*word);
        free(words);
}

/* Splits @text at blanks. */
static int words_split(const char *text, char ***ret) {
        char **words = NULL;
        size_t n = 0;

        do {
                size_t length;
                char **grown;

                text += strspn(text, " \t");
                length = strcspn(text, " \t");

                grown = reallocarray(words, n + 1, sizeof(*words));
                if (!grown) {
                        words_free(words);
                        return -ENOMEM;
                }
                words = grown;
                words[n] = length > 0 ? strndup(text, length) : NULL;
                if (length > 0 && !words[n]) {
                        words_free(words);
                        return -ENOMEM;
                }

                text += length;
        } while (words[n++]);

        *ret = words;
        return 0;
}

/* More than anybody writes by hand; what stands in more is more likely a mistake than wanted. */
#define GRANTS_MAX 1000

static Grant *find_grant(Loader *loader, const char *name) {
        for (size_t i = 0; i < loader->config.n_grants; i++)
                if (strcmp(loader->config.grants[i].name, name) == 0)
                        return &loader->config.grants[i];

        return NULL;
}

static int add_grant(Loader *loader, const char *name, Grant **ret) {
        Config *config = &loader->config;
        Grant *grown;

        *ret = find_grant(loader, name);
        if (*ret)
                return 0;
        if (config->n_grants >= GRANTS_MAX)
                return -E2BIG;

        grown = reallocarray(config->grants, config->n_grants + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        config->grants = grown;

        grown[config->n_grants] = (Grant){ .name = strdup(name) };
        if (!grown[config->n_grants].name)
                return -ENOMEM;

        *ret = &grown[config->n_grants++];
        return 0;
}

static const char *explain_id(int r) {
        return r == -ESRCH ? "no such user or group" : "not the name or number of a user or group";
}

/* A user or group that does not exist names nobody: the rest of the line counts (it may come later, with a directory).
 */
static int read_ids(Loader *loader, const ConfLine *line, IdList *users, IdList *groups) {
        char **words, shown[TEXT_ESCAPED_SIZE];
        int r;

        r = words_split(line->value, &words);
        if (r < 0)
                return r;

        for (char **word = words; *word && r != -ENOMEM && r != -EINVAL; word++) {
                bool is_group = !users || **word == '@';
                uint32_t id;

                r = is_group ? parse_group(*word + (users ? 1 : 0), &id) : parse_user(*word, &id);
                if (r >= 0)
                        r = list_add(is_group ? groups : users, id);
                else
                        complain(loader, line->number, "%s=: \"%s\", %s", line->key, text_escape(*word, shown),
                                 explain_id(r));
        }

        words_free(words);
        return r == -EINVAL || r == -ENOMEM ? r : 0;
}

static int check_pattern(const char *pattern) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        size_t length = strspn(pattern, allowed);

        /* A "*" ends a pattern; anywhere else it would say more than it looks like. */
        return pattern[length] == '\0' || strcmp(pattern + length, "*") == 0 ? 0 : -EINVAL;
}

static int grant_set_names(Loader *loader, Grant *grant, const ConfLine *line) {
        char **words, shown[TEXT_ESCAPED_SIZE];
        int r;

        r = words_split(line->value, &words);
        if (r < 0)
                return r;

        for (char **word = words; *word && r == 0; word++) {
                r = check_pattern(*word);
                if (r < 0)
                        complain(loader, line->number, "Names=: \"%s\", letters, digits, '_', '-' and a '*' at the end",
                                 text_escape(*word, shown));
        }

        if (r < 0) {
                words_free(words);
                return r;
        }

        words_free(grant->names);
        grant->names = words;
        return 0;
}

static int grant_set_number(Loader *loader, Grant *grant, const ConfLine *line) {
        char shown[TEXT_ESCAPED_SIZE];
        uint64_t value;

        if (parse_decimal(line->value, 10000, &value) < 0) {
                complain(loader, line->number, "TapsPerUser=: \"%s\", not in 0..10000",
                         text_escape(line->value, shown));
                return -EINVAL;
        }

        grant->taps_per_user = (unsigned) value;
        return 0;
}

static int read_boolean(Loader *loader, const ConfLine *line, bool *value) {
        char shown[TEXT_ESCAPED_SIZE];

        if (parse_boolean(line->value, value) < 0) {
                complain(loader, line->number, "%s=: \"%s\", yes or no", line->key, text_escape(line->value, shown));
                return -EINVAL;
        }

        return 0;
}

/* -EINVAL where the line says something that cannot be understood; it was complained of. A later file's value takes the
 * place of an earlier one's. */
static int grant_set(Loader *loader, Grant *grant, const ConfLine *line) {
        char shown[TEXT_ESCAPED_SIZE];

        if (strcmp(line->key, "Users") == 0) {
                list_done(&grant->users);
                list_done(&grant->user_groups);
                return read_ids(loader, line, &grant->users, &grant->user_groups);
        }
        if (strcmp(line->key, "Groups") == 0) {
                list_done(&grant->groups);
                return read_ids(loader, line, NULL, &grant->groups);
        }
        if (strcmp(line->key, "Names") == 0)
                return grant_set_names(loader, grant, line);
        if (strcmp(line->key, "TapsPerUser") == 0)
                return grant_set_number(loader, grant, line);
        if (strcmp(line->key, "Shared") == 0)
                return read_boolean(loader, line, &grant->shared);

        complain(loader, line->number, "unknown key \"%s\" in [Grant %s]", text_escape(line->key, shown), grant->name);
        return -EINVAL;
}

static int defaults_set(Loader *loader, const ConfLine *line) {
        SpecDefaults *defaults = &loader->config.defaults;
        char shown[TEXT_ESCAPED_SIZE];

        if (strcmp(line->key, "MultiQueue") == 0)
                return read_boolean(loader, line, &defaults->multi_queue);
        if (strcmp(line->key, "IdleSec") == 0) {
                /* Not deleting is the safe reading of what nobody understands. */
                if (parse_duration(line->value, &loader->config.idle_usec) < 0) {
                        loader->config.idle_usec = 0;
                        complain(loader, line->number, "IdleSec=: \"%s\", no time span; TAPs are kept",
                                 text_escape(line->value, shown));
                }
                return 0;
        }
        if (strcmp(line->key, "Group") == 0) {
                int r = parse_group(line->value, &defaults->group);

                if (r < 0)
                        complain(loader, line->number, "Group=: \"%s\", %s", text_escape(line->value, shown),
                                 explain_id(r));
                return 0;
        }

        complain(loader, line->number, "unknown key \"%s\" in [Defaults], ignoring", text_escape(line->key, shown));
        return 0;
}

/* A name goes into messages and to polkit as it is. */
static const char grant_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

/* The name behind "Grant ", NULL where the section is another. */
static const char *grant_name(const char *section) {
        if (strncmp(section, "Grant", strlen("Grant")) != 0)
                return NULL;

        section += strlen("Grant");
        if (*section != ' ' || !section[1] || section[1 + strspn(section + 1, grant_letters)])
                return NULL;

        return section + 1;
}

/* A key that only a grant has: where it stands elsewhere, the head of the grant is mistyped. */
static bool is_grant_key(const char *key) {
        static const char *const keys[] = { "Users", "Groups", "Names", "TapsPerUser" };

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(keys[i], key) == 0)
                        return true;

        return false;
}

/* Whether somebody meant a grant: "[Grant lab", "[Grant  lab]", "[grant lab]". */
static bool is_like_grant(const char *section) {
        section += *section == '[';
        return strncasecmp(section, "Grant ", strlen("Grant ")) == 0;
}

static int load_grant_line(Loader *loader, const ConfLine *line, const char *name) {
        char shown[TEXT_ESCAPED_SIZE];
        Grant *grant;
        int r;

        r = add_grant(loader, name, &grant);
        if (r == -E2BIG) {
                complain(loader, line->number, "more than %d grants, ignoring this one", GRANTS_MAX);
                return 0;
        }
        if (r < 0)
                return r;

        if (line->type == CONF_STRAY) {
                complain(loader, line->number, "%s", line->value);
                r = -EINVAL;
        } else if (line->is_repeated) {
                complain(loader, line->number, "\"%s\" stands here twice",
                         text_escape(line->type == CONF_SECTION ? line->section : line->key, shown));
                r = -EINVAL;
        } else if (line->type == CONF_ASSIGNMENT) {
                r = grant_set(loader, grant, line);
        }

        if (r == -EINVAL && !grant->is_off) {
                grant->is_off = true;
                complain(loader, line->number, "[Grant %s] is off until this is mended", text_escape(name, shown));
        }

        return r == -EINVAL ? 0 : r;
}

static int load_line(Loader *loader, const ConfLine *line) {
        const char *name = grant_name(line->section);
        char shown[TEXT_ESCAPED_SIZE];
        int r = 0;

        if (name)
                return load_grant_line(loader, line, name);

        /* Nobody knows which grant it was to narrow. */
        if (line->type != CONF_ASSIGNMENT && is_like_grant(line->section)) {
                loader->is_broken = true;
                complain(loader, line->number, "\"%s\" is no head of a grant; every grant is off until this is mended",
                         text_escape(line->section + (*line->section == '['), shown));
                return 0;
        }

        if (line->type == CONF_ASSIGNMENT && is_grant_key(line->key)) {
                loader->is_broken = true;
                complain(loader, line->number, "\"%s\" stands in no grant; every grant is off until this is mended",
                         line->key);
                return 0;
        }

        if (line->type == CONF_STRAY)
                complain(loader, line->number, "%s, ignoring", line->value);
        else if (line->is_repeated)
                complain(loader, line->number, "\"%s\" stands here twice, ignoring",
                         text_escape(line->type == CONF_SECTION ? line->section : line->key, shown));
        else if (strcmp(line->section, "Defaults") == 0)
                r = line->type == CONF_ASSIGNMENT ? defaults_set(loader, line) : 0;
        else if (line->type == CONF_SECTION)
                complain(loader, line->number, "unknown section [%s], ignoring", text_escape(line->section, shown));
        else if (!*line->section)
                complain(loader, line->number, "\"%s\" stands before the first section, ignoring",
                         text_escape(line->key, shown));

        return r == -EINVAL ? 0 : r;
}

static const char *explain_file(int r) {
        switch (r) {
        case -EPERM:
                return "it, or a folder on the way to it, is not root's alone";
        case -ENOTTY:
                return "not a regular file";
        case -ENOTDIR:
                return "it, or something on the way to it, is not a folder";
        case -EFBIG:
                return "larger than 1 MiB";
        case -EBADMSG:
                return "a NUL, or a line of more than 4096 bytes";
        default:
                return strerror(-r);
        }
}

static int load_file(Loader *loader, const char *path) {
        unsigned line;
        ConfFile file;
        int r;

        loader->path = path;
        r = conffile_read(&file, path, &line);
        for (size_t i = 0; r == 0 && i < file.n_lines; i++)
                r = load_line(loader, &file.lines[i]);
        conffile_done(&file);

        if (r == -ENODATA || r == -ENOMEM)
                return r == -ENODATA ? 0 : r;
        if (r < 0) {
                /* Nobody knows which grant it was to narrow. */
                loader->is_broken = true;
                complain(loader, line, "%s; every grant is off until this is mended", explain_file(r));
        }

        return 0;
}

/* systemd makes /run/tapd for tapd's user (RuntimeDirectory=). What tapd could do to itself there it can do anyway; the
 * files in it must be root's all the same. */
static bool is_own(const char *folder) {
        static const char own[] = "/run/tapd";
        size_t length = strlen(folder);

        return length >= strlen(own) && strcmp(folder + length - strlen(own), own) == 0;
}

/* What cannot be looked into may have narrowed any grant. */
static void complain_unreadable(Loader *loader, const char *path, int r) {
        loader->is_broken = true;
        loader->path = path;
        complain(loader, 0, "%s; every grant is off until this is mended", explain_file(r));
}

/* Whether there is such a file or folder in a folder that may be believed; one that may not is complained of. */
static bool is_there(Loader *loader, const char *folder, const char *path) {
        struct stat st;
        int r;

        if (lstat(path, &st) < 0) {
                if (errno != ENOENT)
                        complain_unreadable(loader, path, -errno);
                return false;
        }

        r = file_check_folder(folder, is_own(folder));
        if (r < 0)
                complain_unreadable(loader, folder, r);

        return r > 0;
}

static int load_main(Loader *loader, const char *root) {
        for (size_t i = 0; i < sizeof(config_folders) / sizeof(config_folders[0]); i++) {
                char folder[PATH_MAX], path[PATH_MAX + 16];

                (void) snprintf(folder, sizeof(folder), "%s%s", root, config_folders[i]);
                (void) snprintf(path, sizeof(path), "%s/tapd.conf", folder);
                if (is_there(loader, folder, path))
                        return load_file(loader, path);
        }

        return 0;
}

typedef struct DropIn {
        char path[PATH_MAX];
        const char *name;
} DropIn;

typedef struct DropIns {
        DropIn **items;
        size_t n_items;
} DropIns;

static bool is_drop_in(const char *name) {
        size_t length = strlen(name);

        return *name != '.' && length > strlen(".conf") && strcmp(name + length - strlen(".conf"), ".conf") == 0;
}

static bool drop_ins_have(const DropIns *drop_ins, const char *name) {
        for (size_t i = 0; i < drop_ins->n_items; i++)
                if (strcmp(drop_ins->items[i]->name, name) == 0)
                        return true;

        return false;
}

static int drop_ins_add(DropIns *drop_ins, const char *folder, const char *name) {
        DropIn **grown, *item;

        /* Folders come from the highest to the lowest: the first of a name counts. */
        if (!is_drop_in(name) || drop_ins_have(drop_ins, name))
                return 0;

        grown = reallocarray(drop_ins->items, drop_ins->n_items + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        drop_ins->items = grown;

        item = malloc(sizeof(*item));
        if (!item)
                return -ENOMEM;

        if (snprintf(item->path, sizeof(item->path), "%s/%s", folder, name) >= (int) sizeof(item->path)) {
                free(item);
                return 0;
        }
        item->name = strrchr(item->path, '/') + 1;
        grown[drop_ins->n_items++] = item;
        return 0;
}

static int drop_ins_list(Loader *loader, DropIns *drop_ins, const char *folder) {
        struct dirent *entry;
        DIR *dir;
        int r;

        r = file_check_folder(folder, is_own(folder));
        dir = r > 0 ? opendir(folder) : NULL;
        if (!dir) {
                if (r != 0)
                        complain_unreadable(loader, folder, r < 0 ? r : -errno);
                return 0;
        }

        r = 0;

        while (r == 0 && (entry = readdir(dir)))
                r = drop_ins_add(drop_ins, folder, entry->d_name);

        (void) closedir(dir);
        return r;
}

static int drop_in_compare(const void *a, const void *b) {
        return strcmp((*(DropIn *const *) a)->name, (*(DropIn *const *) b)->name);
}

static int load_drop_ins(Loader *loader, const char *root) {
        DropIns drop_ins = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(config_folders) / sizeof(config_folders[0]); i++) {
                char parent[PATH_MAX], folder[PATH_MAX + 16];

                (void) snprintf(parent, sizeof(parent), "%s%s", root, config_folders[i]);
                (void) snprintf(folder, sizeof(folder), "%s/tapd.conf.d", parent);
                if (is_there(loader, parent, folder))
                        r = drop_ins_list(loader, &drop_ins, folder);
        }

        if (drop_ins.n_items > 0)
                qsort(drop_ins.items, drop_ins.n_items, sizeof(*drop_ins.items), drop_in_compare);

        for (size_t i = 0; i < drop_ins.n_items; i++) {
                if (r == 0)
                        r = load_file(loader, drop_ins.items[i]->path);
                free(drop_ins.items[i]);
        }

        free(drop_ins.items);
        return r;
}

static void ignore_complaint(const char *path, unsigned line, const char *text, void *userdata) {
}

int config_load(const char *root, config_complain_t complain_function, void *userdata, Config *ret) {
        Loader loader = {
                .config.defaults = { .group = TAPD_ID_UNSET, .multi_queue = true },
                .complain = complain_function ? complain_function : ignore_complaint,
                .userdata = userdata,
        };
        int r;

        r = load_main(&loader, root);
        if (r == 0)
                r = load_drop_ins(&loader, root);
        if (r < 0) {
                config_done(&loader.config);
                return r;
        }

        for (size_t i = 0; loader.is_broken && i < loader.config.n_grants; i++)
                loader.config.grants[i].is_off = true;

        *ret = loader.config;
        return 0;
}

void config_done(Config *config) {
        for (size_t i = 0; i < config->n_grants; i++) {
                Grant *grant = &config->grants[i];

                free(grant->name);
                list_done(&grant->users);
                list_done(&grant->user_groups);
                list_done(&grant->groups);
                words_free(grant->names);
        }

        free(config->grants);
        *config = (Config){};
}
