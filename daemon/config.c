/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "confdir.h"
#include "conffile.h"
#include "names.h"
#include "text.h"
#include "words.h"

/* One reading of all files. */
typedef struct Loader {
        Config config;
        Complaints complaints;
        uid_t also;     /* whose the files may be besides root's */
        bool is_broken; /* a file that could not be read may have narrowed any grant */
} Loader;

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

static int check_pattern(const char *pattern, const char *allowed) {
        size_t length = strspn(pattern, allowed);

        /* A "*" ends a pattern; anywhere else it would say more than it looks like. */
        return pattern[length] == '\0' || strcmp(pattern + length, "*") == 0 ? 0 : -EINVAL;
}

/* Letters of names; of those of switches and OVN's ports, which are other people's, some more. */
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define OTHER_LETTERS NAME_LETTERS ".+@"

static int grant_set_patterns(Loader *loader, char ***patterns, const ConfLine *line, const char *letters) {
        char **words, shown[TEXT_ESCAPED_SIZE];
        int r;

        r = words_split(line->value, &words);
        if (r < 0)
                return r;

        for (char **word = words; *word && r == 0; word++) {
                r = check_pattern(*word, letters);
                if (r < 0)
                        complain(&loader->complaints, line->number,
                                 "%s=: \"%s\", letters, digits, '_', '-'%s and a '*' at the end", line->key,
                                 text_escape(*word, shown), strchr(letters, '@') ? ", '.', '+', '@'" : "");
        }

        if (r < 0) {
                words_free(words);
                return r;
        }

        words_free(*patterns);
        *patterns = words;
        return 0;
}

static int grant_set_vlans(Loader *loader, Grant *grant, const ConfLine *line) {
        char shown[TEXT_ESCAPED_SIZE];

        if (strcmp(line->value, "all") == 0) {
                grant->vlans = GRANT_VLANS_ALL;
                return 0;
        }

        if (parse_trunk(line->value, &grant->vlan_ranges) < 0) {
                complain(&loader->complaints, line->number,
                         "VLANs=: \"%s\", neither \"all\" nor VLANs of %d..%d and FIRST-LAST, at most %d",
                         text_escape(line->value, shown), VLAN_MIN, VLAN_MAX, TRUNK_RANGES_MAX);
                return -EINVAL;
        }

        grant->vlans = GRANT_VLANS_LISTED;
        return 0;
}

static int grant_set_number(Loader *loader, Grant *grant, const ConfLine *line) {
        char shown[TEXT_ESCAPED_SIZE];
        uint64_t value;

        if (parse_decimal(line->value, 10000, &value) < 0) {
                complain(&loader->complaints, line->number, "TapsPerUser=: \"%s\", not in 0..10000",
                         text_escape(line->value, shown));
                return -EINVAL;
        }

        grant->taps_per_user = (unsigned) value;
        return 0;
}

static int read_boolean(Loader *loader, const ConfLine *line, bool *value) {
        char shown[TEXT_ESCAPED_SIZE];

        if (parse_boolean(line->value, value) < 0) {
                complain(&loader->complaints, line->number, "%s=: \"%s\", yes or no", line->key,
                         text_escape(line->value, shown));
                return -EINVAL;
        }

        return 0;
}

/* -EINVAL where the line says something that cannot be understood; it was complained of. A later file's value takes the
 * place of an earlier one's. */
static int grant_set(Loader *loader, Grant *grant, const ConfLine *line) {
        char shown[TEXT_ESCAPED_SIZE];

        if (strcmp(line->key, "Users") == 0) {
                idlist_done(&grant->users);
                idlist_done(&grant->user_groups);
                return idlist_read(&loader->complaints, line, &grant->users, &grant->user_groups);
        }
        if (strcmp(line->key, "Groups") == 0) {
                idlist_done(&grant->groups);
                return idlist_read(&loader->complaints, line, NULL, &grant->groups);
        }
        if (strcmp(line->key, "Names") == 0)
                return grant_set_patterns(loader, &grant->names, line, NAME_LETTERS);
        if (strcmp(line->key, "Switches") == 0)
                return grant_set_patterns(loader, &grant->switches, line, OTHER_LETTERS);
        if (strcmp(line->key, "InterfaceIDs") == 0)
                return grant_set_patterns(loader, &grant->interface_ids, line, OTHER_LETTERS);
        if (strcmp(line->key, "VLANs") == 0)
                return grant_set_vlans(loader, grant, line);
        if (strcmp(line->key, "Trunk") == 0)
                return read_boolean(loader, line, &grant->trunk);
        if (strcmp(line->key, "TapsPerUser") == 0)
                return grant_set_number(loader, grant, line);
        if (strcmp(line->key, "Shared") == 0)
                return read_boolean(loader, line, &grant->shared);

        complain(&loader->complaints, line->number, "unknown key \"%s\" in [Grant %s]", text_escape(line->key, shown),
                 grant->name);
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
                        complain(&loader->complaints, line->number, "IdleSec=: \"%s\", no time span; TAPs are kept",
                                 text_escape(line->value, shown));
                }
                return 0;
        }
        if (strcmp(line->key, "Group") == 0) {
                int r = parse_group(line->value, &defaults->group);

                if (r < 0)
                        complain(&loader->complaints, line->number, "Group=: \"%s\", %s",
                                 text_escape(line->value, shown), idlist_explain(r));
                return 0;
        }

        complain(&loader->complaints, line->number, "unknown key \"%s\" in [Defaults], ignoring",
                 text_escape(line->key, shown));
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
        static const char *const keys[] = { "Users",    "Groups",       "Names", "TapsPerUser",
                                            "Switches", "InterfaceIDs", "VLANs", "Trunk" };

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
                complain(&loader->complaints, line->number, "more than %d grants, ignoring this one", GRANTS_MAX);
                return 0;
        }
        if (r < 0)
                return r;

        if (line->type == CONF_STRAY) {
                complain(&loader->complaints, line->number, "%s", line->value);
                r = -EINVAL;
        } else if (line->is_repeated) {
                complain(&loader->complaints, line->number, "\"%s\" stands here twice",
                         text_escape(line->type == CONF_SECTION ? line->section : line->key, shown));
                r = -EINVAL;
        } else if (line->type == CONF_ASSIGNMENT) {
                r = grant_set(loader, grant, line);
        }

        if (r == -EINVAL && !grant->is_off) {
                grant->is_off = true;
                complain(&loader->complaints, line->number, "[Grant %s] is off until this is mended",
                         text_escape(name, shown));
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
                complain(&loader->complaints, line->number,
                         "\"%s\" is no head of a grant; every grant is off until this is mended",
                         text_escape(line->section + (*line->section == '['), shown));
                return 0;
        }

        if (line->type == CONF_ASSIGNMENT && is_grant_key(line->key)) {
                loader->is_broken = true;
                complain(&loader->complaints, line->number,
                         "\"%s\" stands in no grant; every grant is off until this is mended", line->key);
                return 0;
        }

        if (line->type == CONF_STRAY)
                complain(&loader->complaints, line->number, "%s, ignoring", line->value);
        else if (line->is_repeated)
                complain(&loader->complaints, line->number, "\"%s\" stands here twice, ignoring",
                         text_escape(line->type == CONF_SECTION ? line->section : line->key, shown));
        else if (strcmp(line->section, "Defaults") == 0)
                r = line->type == CONF_ASSIGNMENT ? defaults_set(loader, line) : 0;
        else if (line->type == CONF_SECTION)
                complain(&loader->complaints, line->number, "unknown section [%s], ignoring",
                         text_escape(line->section, shown));
        else if (!*line->section)
                complain(&loader->complaints, line->number, "\"%s\" stands before the first section, ignoring",
                         text_escape(line->key, shown));

        return r == -EINVAL ? 0 : r;
}

static int load_file(Loader *loader, const char *path) {
        unsigned line;
        ConfFile file;
        int r;

        loader->complaints.path = path;
        r = conffile_read(&file, path, loader->also, &line);
        for (size_t i = 0; r == 0 && i < file.n_lines; i++)
                r = load_line(loader, &file.lines[i]);
        conffile_done(&file);

        if (r == -ENODATA || r == -ENOMEM)
                return r == -ENODATA ? 0 : r;
        if (r == 0)
                loader->config.n_read++;
        if (r < 0) {
                /* Nobody knows which grant it was to narrow. */
                loader->is_broken = true;
                complain(&loader->complaints, line, "%s; every grant is off until this is mended", confdir_explain(r));
        }

        return 0;
}

/* What cannot be looked into may have narrowed any grant. */
static void loader_on_unreadable(const char *path, int r, void *userdata) {
        Loader *loader = userdata;

        loader->is_broken = true;
        loader->complaints.path = path;
        complain(&loader->complaints, 0, "%s; every grant is off until this is mended", confdir_explain(r));
}

/* tapd.conf and its drop-ins. */
static int load_files(Loader *loader, const ConfDirs *dirs) {
        char path[PATH_MAX];
        ConfPaths paths;
        int r = 0;

        if (confdirs_find(dirs, "tapd.conf", loader_on_unreadable, loader, path) > 0)
                r = load_file(loader, path);
        if (r == 0)
                r = confdirs_list(dirs, "tapd.conf.d", ".conf", loader_on_unreadable, loader, &paths);
        if (r < 0)
                return r;

        for (size_t i = 0; i < paths.n_items && r == 0; i++)
                r = load_file(loader, paths.items[i].path);

        confpaths_done(&paths);
        return r;
}

static void loader_init(Loader *loader, uid_t also, complain_t tell, void *userdata) {
        *loader = (Loader){
                .config.defaults = { .group = TAPD_ID_UNSET, .multi_queue = true },
                .complaints = { .tell = tell, .userdata = userdata },
                .also = also,
        };
}

/* Hands over what was read, or frees it. */
static int loader_finish(Loader *loader, int r, Config *ret) {
        if (r < 0) {
                config_done(&loader->config);
                return r;
        }

        for (size_t i = 0; loader->is_broken && i < loader->config.n_grants; i++)
                loader->config.grants[i].is_off = true;

        *ret = loader->config;
        return 0;
}

int config_load_as(uid_t own, const char *root, const char *state_path, complain_t tell, void *userdata, Config *ret) {
        Loader loader;
        ConfDirs dirs;
        int r;

        loader_init(&loader, own == FILE_ANYBODY ? FILE_ANYBODY : FILE_NOBODY_ELSE, tell, userdata);

        /* What was declared over the bus is TAPs; grants are the administrator's alone. */
        confdirs_init(&dirs, root, /* state_path= */ NULL, own);
        r = load_files(&loader, &dirs);
        if (r == 0) {
                confdirs_init(&dirs, root, state_path, own);
                r = declarations_load(&dirs, &loader.config.defaults, &loader.complaints, &loader.config.declared);
        }

        return loader_finish(&loader, r, ret);
}

int config_load(const char *root, const char *state_path, complain_t tell, void *userdata, Config *ret) {
        return config_load_as(geteuid(), root, state_path, tell, userdata, ret);
}

int config_load_file(const char *path, uid_t also, complain_t tell, void *userdata, Config *ret) {
        Loader loader;

        loader_init(&loader, also, tell, userdata);
        return loader_finish(&loader, load_file(&loader, path), ret);
}

void config_done(Config *config) {
        for (size_t i = 0; i < config->n_grants; i++) {
                Grant *grant = &config->grants[i];

                free(grant->name);
                idlist_done(&grant->users);
                idlist_done(&grant->user_groups);
                idlist_done(&grant->groups);
                words_free(grant->names);
                words_free(grant->switches);
                words_free(grant->interface_ids);
        }

        declarations_done(&config->declared);
        free(config->grants);
        *config = (Config){};
}
