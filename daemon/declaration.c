/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "declaration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conffile.h"
#include "file.h"
#include "names.h"
#include "text.h"

/* Where files are, and how they are called. */
#define FOLDER "taps.d"
#define SUFFIX ".tap"

/* The reading of all files; what belongs to one file is in Draft. */
typedef struct Reader {
        const ConfDirs *dirs;
        const char *folder; /* below each of them, with its slash */
        const SpecDefaults *defaults;
        Complaints *complaints;
        Declarations declarations;
} Reader;

/* What one file and its drop-ins have said so far. */
typedef struct Draft {
        Reader *reader;
        DeclarationFile *file;
        TapSpec spec;
        char name[NAME_SIZE + 8]; /* what the last Name= said; "" where none did */
        unsigned name_line;
        uint64_t first, count;
        bool has_first, has_count;
        bool is_bad;
} Draft;

static void draft_complain(Draft *draft, unsigned line, const char *text) {
        char shown[TEXT_ESCAPED_SIZE];

        (void) text_escape(draft->reader->complaints->path, shown);
        if (!draft->is_bad && line > 0)
                (void) snprintf(draft->file->why_bad, sizeof(draft->file->why_bad), "%s:%u: %s", shown, line, text);
        else if (!draft->is_bad)
                (void) snprintf(draft->file->why_bad, sizeof(draft->file->why_bad), "%s: %s", shown, text);

        draft->is_bad = true;
        complain(draft->reader->complaints, line, "%s", text);
}

/* A value that the table of settings does not take as text. */
static void explain_value(const Setting *setting, const char *value, int r, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];
        const char *words = "";

        switch (setting->form) {
        case SETTING_FORM_STRING:
                break;
        case SETTING_FORM_BOOL:
                words = "yes or no";
                break;
        case SETTING_FORM_NUMBER:
                words = "not a decimal number that is small enough";
                break;
        case SETTING_FORM_USER:
        case SETTING_FORM_GROUP:
                words = idlist_explain(r);
                break;
        case SETTING_FORM_VLAN:
                words = "not in 1..4094";
                break;
        case SETTING_FORM_TRUNK:
                words = "not VLANs of 1..4094 and FIRST-LAST, at most 64";
                break;
        }

        (void) fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: \"%s\", %s", setting->key, text_escape(value, shown),
                         words);
}

static int draft_set_setting(Draft *draft, const Setting *setting, const char *text, Fault *fault) {
        SettingValue value;
        int r;

        r = setting_parse(setting, text, &value);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                explain_value(setting, text, r, fault);
                return -EINVAL;
        }

        /* A drop-in's takes the place of what the file said; twice in one file was refused before. */
        spec_forget(&draft->spec, setting->id);
        return spec_set(&draft->spec, setting, &value, fault);
}

static int draft_set_name(Draft *draft, const ConfLine *line, Fault *fault) {
        int r;

        r = name_check_wish(line->value, fault);
        if (r < 0)
                return r;
        if (!*line->value)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: is empty");

        (void) snprintf(draft->name, sizeof(draft->name), "%s", line->value);
        draft->name_line = line->number;
        return 0;
}

static int set_number(const ConfLine *line, uint64_t min, uint64_t max, uint64_t *number, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        if (parse_decimal(line->value, max, number) < 0 || *number < min)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: \"%s\", not in %llu..%llu", line->key,
                                 text_escape(line->value, shown), (unsigned long long) min, (unsigned long long) max);

        return 0;
}

static int draft_set_managers(Draft *draft, const ConfLine *line, Fault *fault) {
        int r;

        idlist_done(&draft->file->managers);
        idlist_done(&draft->file->manager_groups);
        r = idlist_read(draft->reader->complaints, line, &draft->file->managers, &draft->file->manager_groups);

        /* A user who does not exist manages nothing; what is no user's name is a mistake. */
        return r == -EINVAL ? fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Managers=: is not understood") : r;
}

static int unknown_key(const ConfLine *line, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown key \"%s\" in [%s]", text_escape(line->key, shown),
                         line->section);
}

static int draft_set_port(Draft *draft, const ConfLine *line, Fault *fault) {
        const Setting *setting = setting_find(line->key);

        return setting && setting->id >= SETTING_PORT_FIRST ? draft_set_setting(draft, setting, line->value, fault)
                                                            : unknown_key(line, fault);
}

static int draft_set_tap(Draft *draft, const ConfLine *line, Fault *fault) {
        const Setting *setting = setting_find(line->key);

        if (setting && setting->id < SETTING_PORT_FIRST)
                return draft_set_setting(draft, setting, line->value, fault);
        if (strcmp(line->key, "Name") == 0)
                return draft_set_name(draft, line, fault);
        if (strcmp(line->key, "Managers") == 0)
                return draft_set_managers(draft, line, fault);
        if (strcmp(line->key, "First") == 0) {
                draft->has_first = true;
                return set_number(line, 0, 65535, &draft->first, fault);
        }
        if (strcmp(line->key, "Count") == 0) {
                draft->has_count = true;
                return set_number(line, 1, DECLARATIONS_MAX, &draft->count, fault);
        }

        return unknown_key(line, fault);
}

/* -ENOMEM only: everything else is complained of. */
static int draft_read_line(Draft *draft, const ConfLine *line) {
        bool is_tap = strcmp(line->section, "Tap") == 0, is_port = strcmp(line->section, "Port") == 0;
        char shown[TEXT_ESCAPED_SIZE];
        Fault fault = {};
        int r = 0;

        if (line->type == CONF_STRAY)
                (void) fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "%s", line->value);
        else if (line->is_repeated)
                (void) fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "\"%s\" stands here twice",
                                 text_escape(line->type == CONF_SECTION ? line->section : line->key, shown));
        else if (line->type == CONF_SECTION && !is_tap && !is_port)
                (void) fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "unknown section [%s]",
                                 text_escape(line->section, shown));
        else if (line->type == CONF_ASSIGNMENT && !*line->section)
                (void) fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "\"%s\" stands before the first section",
                                 text_escape(line->key, shown));
        else if (line->type == CONF_ASSIGNMENT && is_tap)
                r = draft_set_tap(draft, line, &fault);
        else if (line->type == CONF_ASSIGNMENT && is_port)
                r = draft_set_port(draft, line, &fault);

        if (fault.error != TAPD_ERROR_NONE && fault.error != TAPD_ERROR_NO_MEMORY)
                draft_complain(draft, line->number, fault.text);

        return r == -ENOMEM ? r : 0;
}

/* 1 when it was read, 0 where it is masked or cannot be. */
static int draft_read(Draft *draft, const char *path, uid_t also) {
        unsigned line;
        ConfFile file;
        int r;

        draft->reader->complaints->path = path;
        r = conffile_read(&file, path, also, &line);
        for (size_t i = 0; r == 0 && i < file.n_lines; i++)
                r = draft_read_line(draft, &file.lines[i]);
        conffile_done(&file);

        if (r == 0) {
                draft->reader->declarations.n_read++;
                return 1;
        }
        if (r == -ENOMEM || r == -ENODATA)
                return r == -ENOMEM ? r : 0;

        draft_complain(draft, line, confdir_explain(r));
        return 0;
}

static void draft_on_unreadable(const char *path, int r, void *userdata) {
        Draft *draft = userdata;

        draft->reader->complaints->path = path;
        draft_complain(draft, 0, confdir_explain(r));
}

static int list_drop_ins(const ConfDirs *dirs, const char *folder, const char *name, confdir_unreadable_t unreadable,
                         void *userdata, ConfPaths *ret) {
        char path[sizeof(FOLDER "/") + NAME_MAX + sizeof(".d")];

        (void) snprintf(path, sizeof(path), "%s%.*s.d", folder, NAME_MAX, name);
        return confdirs_list(dirs, path, ".conf", unreadable, userdata, ret);
}

int declarations_list_drop_ins(const ConfDirs *dirs, const char *name, confdir_unreadable_t unreadable, void *userdata,
                               ConfPaths *ret) {
        return list_drop_ins(dirs, FOLDER "/", name, unreadable, userdata, ret);
}

static int draft_read_drop_ins(Draft *draft, const char *name) {
        const Reader *reader = draft->reader;
        ConfPaths paths;
        int r;

        r = list_drop_ins(reader->dirs, reader->folder, name, draft_on_unreadable, draft, &paths);
        if (r < 0)
                return r;

        for (size_t i = 0; i < paths.n_items && r >= 0; i++)
                r = draft_read(draft, paths.items[i].path, paths.items[i].dir->also_files);

        confpaths_done(&paths);
        return r;
}

/* What can be said only when all is read. */
static int draft_complete(Draft *draft, Fault *fault) {
        static const SpecOwner root = { .uid = 0, .in_default_group = true };
        bool is_template = name_is_template(draft->name);

        if (!*draft->name)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: is missing in [Tap]");
        if (is_template && !draft->has_count)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Count=: is missing; Name= has a %%d");
        if (!is_template && (draft->has_count || draft->has_first))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: needs a Name= with %%d",
                                 draft->has_count ? "Count" : "First");
        if (draft->has_count && draft->spec.has_mac)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "MACAddress=: would be that of all %llu TAPs",
                                 (unsigned long long) draft->count);
        if (draft->has_count && *draft->spec.port.interface_id)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "InterfaceID=: would be that of all %llu TAPs",
                                 (unsigned long long) draft->count);

        return spec_complete(&draft->spec, draft->reader->defaults, &root, fault);
}

static uint64_t declaration_hash(const TapSpec *spec) {
        char value[SPEC_VALUE_SIZE];
        uint64_t hash = TEXT_HASH_INIT;

        for (SettingId id = 0; id < _SETTING_MAX; id++) {
                const char *text = spec_format(spec, id, value);

                hash = text_hash(hash, text, strlen(text) + 1);
        }

        return hash;
}

static int reader_add(Reader *reader, const Declaration *template, const char *name) {
        Declaration *declaration = malloc(sizeof(*declaration));

        if (!declaration)
                return -ENOMEM;

        *declaration = *template;
        strcpy(declaration->name, name);
        HASH_ADD_STR(reader->declarations.table, name, declaration);
        if (declaration->hh.tbl)
                return 0;

        free(declaration);
        return -ENOMEM;
}

/* All names that the draft stands for, by turns: 1 and the name, 0 where there are no more. */
static int draft_name(const Draft *draft, uint64_t i, char name[static NAME_SIZE], Fault *fault) {
        if (!name_is_template(draft->name)) {
                (void) snprintf(name, NAME_SIZE, "%.*s", TAPD_NAME_MAX, draft->name);
                return i == 0;
        }
        if (i >= draft->count)
                return 0;
        if (name_expand(draft->name, (unsigned) (draft->first + i), name) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: \"%s\" becomes too long with %llu",
                                 draft->name, (unsigned long long) (draft->first + i));

        return 1;
}

/* Refuses the whole file for one name that is taken: which of them its author meant is not known. */
static int draft_check_names(const Draft *draft, Fault *fault) {
        const Declarations *declarations = &draft->reader->declarations;
        char name[NAME_SIZE];
        uint64_t i = 0;
        int r;

        for (; (r = draft_name(draft, i, name, fault)) > 0; i++) {
                const Declaration *other = declarations_find(declarations, name);

                r = name_check(name, fault);
                if (r < 0)
                        return r;
                if (other)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: \"%s\" is declared already, in %s",
                                         name, other->file->path);
        }
        if (r < 0)
                return r;

        if (HASH_COUNT(declarations->table) + i > DECLARATIONS_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "more than %d TAPs are declared", DECLARATIONS_MAX);

        return 0;
}

static int draft_add_all(const Draft *draft) {
        const Declaration template = {
                .spec = draft->spec,
                .hash = declaration_hash(&draft->spec),
                .file = draft->file,
        };
        char name[NAME_SIZE];
        int r = 0;

        for (uint64_t i = 0; r == 0 && draft_name(draft, i, name, /* fault= */ NULL) > 0; i++)
                r = reader_add(draft->reader, &template, name);

        return r;
}

/* Judges what was read, and takes it or says that it is not taken. */
static int draft_finish(Draft *draft) {
        Fault fault = {};
        int r = 0;

        draft->reader->complaints->path = draft->file->path;
        if (!draft->is_bad) {
                r = draft_complete(draft, &fault);
                if (r == 0)
                        r = draft_check_names(draft, &fault);
                if (r < 0)
                        draft_complain(draft, draft->name_line, fault.text);
        }

        if (draft->is_bad) {
                complain(draft->reader->complaints, 0, "it declares nothing until this is mended");
                draft->file->is_bad = true;
                draft->reader->declarations.n_bad++;
                return 0;
        }

        return draft_add_all(draft);
}

static int reader_add_file(Reader *reader, const char *path, bool is_state, DeclarationFile **ret) {
        DeclarationFile *file;

        file = calloc(1, sizeof(*file));
        if (!file)
                return -ENOMEM;

        (void) snprintf(file->path, sizeof(file->path), "%s", path);
        file->is_state = is_state;
        LL_PREPEND(reader->declarations.files, file);
        *ret = file;
        return 0;
}

static int reader_read(Reader *reader, const char *path, const ConfDir *dir) {
        Draft draft = { .reader = reader, .spec = SPEC_INIT };
        int r;

        r = reader_add_file(reader, path, dir->is_state, &draft.file);
        if (r < 0)
                return r;

        if (strlen(path) > DECLARATION_PATH_MAX || !text_is_printable(path)) {
                reader->complaints->path = path;
                draft_complain(&draft, 0, "its path has more than 255 bytes, or control characters");
                return draft_finish(&draft);
        }

        r = draft_read(&draft, path, dir->also_files);
        /* Drop-ins change a file; they mend none, and make none of one that is masked. */
        if (r > 0)
                r = draft_read_drop_ins(&draft, basename(path));
        else if (r == 0 && !draft.is_bad)
                return 0;

        return r < 0 ? r : draft_finish(&draft);
}

static void reader_on_unreadable(const char *path, int r, void *userdata) {
        Reader *reader = userdata;

        reader->declarations.is_unreadable = true;
        reader->complaints->path = path;
        complain(reader->complaints, 0, "%s; what it declares is not known", confdir_explain(r));
}

static int reader_read_all(Reader *reader) {
        ConfPaths paths;
        int r;

        r = confdirs_list(reader->dirs, FOLDER, SUFFIX, reader_on_unreadable, reader, &paths);
        if (r < 0)
                return r;

        for (size_t i = 0; i < paths.n_items && r == 0; i++)
                r = reader_read(reader, paths.items[i].path, paths.items[i].dir);

        confpaths_done(&paths);
        return r;
}

int declarations_load(const ConfDirs *dirs, const SpecDefaults *defaults, Complaints *complaints, Declarations *ret) {
        Reader reader = { .dirs = dirs, .folder = FOLDER "/", .defaults = defaults, .complaints = complaints };
        int r;

        r = reader_read_all(&reader);
        if (r < 0) {
                declarations_done(&reader.declarations);
                return r;
        }

        *ret = reader.declarations;
        return 0;
}

/* The folder of a draft: the one that it is in. */
static void draft_dirs_init(ConfDirs *dirs, const char *path) {
        const char *slash = strrchr(path, '/');
        ConfDir *dir = &dirs->dirs[0];

        *dirs = (ConfDirs){ .n_dirs = 1 };
        dir->also = dir->also_files = FILE_ANYBODY;
        if (slash)
                (void) snprintf(dir->path, sizeof(dir->path), "%.*s", slash == path ? 1 : (int) (slash - path), path);
        else
                strcpy(dir->path, ".");
}

int declarations_load_file(const ConfDirs *dirs, const ConfDir *dir, const char *path, const SpecDefaults *defaults,
                           Complaints *complaints, Declarations *ret) {
        Reader reader = { .dirs = dirs, .folder = FOLDER "/", .defaults = defaults, .complaints = complaints };
        ConfDirs draft;
        int r;

        if (!dir) {
                draft_dirs_init(&draft, path);
                dir = draft.dirs;
                reader.dirs = &draft;
                reader.folder = "";
        }

        r = reader_read(&reader, path, dir);
        if (r < 0) {
                declarations_done(&reader.declarations);
                return r;
        }

        *ret = reader.declarations;
        return 0;
}

int declarations_check_drop_in(const ConfDir *dir, const char *path, const SpecDefaults *defaults,
                               Complaints *complaints) {
        Reader reader = { .defaults = defaults, .complaints = complaints };
        Draft draft = { .reader = &reader, .spec = SPEC_INIT };
        int r;

        r = reader_add_file(&reader, path, /* is_state= */ false, &draft.file);
        if (r == 0)
                r = draft_read(&draft, path, dir ? dir->also_files : FILE_ANYBODY);

        declarations_done(&reader.declarations);
        return r < 0 ? r : 0;
}

void declarations_done(Declarations *declarations) {
        Declaration *declaration, *next;
        DeclarationFile *file, *next_file;

        HASH_ITER(hh, declarations->table, declaration, next) {
                HASH_DEL(declarations->table, declaration);
                free(declaration);
        }

        LL_FOREACH_SAFE(declarations->files, file, next_file) {
                idlist_done(&file->managers);
                idlist_done(&file->manager_groups);
                free(file);
        }

        *declarations = (Declarations){};
}

const Declaration *declarations_find(const Declarations *declarations, const char *name) {
        Declaration *declaration;

        HASH_FIND_STR(declarations->table, name, declaration);
        return declaration;
}

const char *declarations_why_bad(const Declarations *declarations, const char *path) {
        const char *why = declarations->is_unreadable ? "a folder cannot be read" : NULL;

        /* The last in the list was read first. */
        for (const DeclarationFile *file = declarations->files; file; file = file->next)
                if (file->is_bad && (!path || strcmp(file->path, path) == 0))
                        why = file->why_bad;

        return why;
}

/* The file of a TAP that is declared over the bus. */
static DeclarationFile *find_state_file(Declarations *declarations, const char *path) {
        DeclarationFile *file;

        LL_FOREACH(declarations->files, file) {
                if (strcmp(file->path, path) == 0)
                        return file;
        }

        file = calloc(1, sizeof(*file));
        if (!file)
                return NULL;

        (void) snprintf(file->path, sizeof(file->path), "%s", path);
        file->is_state = true;
        LL_PREPEND(declarations->files, file);
        return file;
}

int declarations_put(Declarations *declarations, const SpecDefaults *defaults, const char *state_path, const char *name,
                     const TapSpec *spec, Fault *fault) {
        static const SpecOwner root = { .uid = 0, .in_default_group = true };
        Declaration *declaration, *before;
        char path[DECLARATION_PATH_MAX + 1];
        int r;

        if (snprintf(path, sizeof(path), "%s/" FOLDER "/%s" SUFFIX, state_path, name) >= (int) sizeof(path))
                return fault_set_errno(fault, -ENAMETOOLONG, name);

        declaration = calloc(1, sizeof(*declaration));
        if (!declaration)
                return fault_set_errno(fault, -ENOMEM, name);

        *declaration = (Declaration){ .spec = *spec, .file = find_state_file(declarations, path) };
        (void) snprintf(declaration->name, sizeof(declaration->name), "%s", name);
        r = declaration->file ? spec_complete(&declaration->spec, defaults, &root, fault)
                              : fault_set_errno(fault, -ENOMEM, name);
        if (r < 0) {
                free(declaration);
                return r;
        }

        declaration->hash = declaration_hash(&declaration->spec);
        HASH_REPLACE_STR(declarations->table, name, declaration, before);
        free(before);
        if (declaration->hh.tbl)
                return 0;

        free(declaration);
        return fault_set_errno(fault, -ENOMEM, name);
}

void declarations_take(Declarations *declarations, const char *name) {
        Declaration *declaration;

        HASH_FIND_STR(declarations->table, name, declaration);
        if (declaration)
                HASH_DEL(declarations->table, declaration);
        free(declaration);
}

static char *declaration_format(const char *name, const TapSpec *spec) {
        char value[SPEC_VALUE_SIZE], *text = NULL;
        size_t size;
        FILE *stream;

        stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;

        (void) fprintf(stream, "# Declared over the bus; \"tapctl undeclare %s\" takes it back.\n[Tap]\nName=%s\n",
                       name, name);
        for (SettingId id = 0; id < _SETTING_MAX; id++) {
                if (id == SETTING_PORT_FIRST && *spec->port.switch_name)
                        (void) fputs("[Port]\n", stream);
                if (spec_is_given(spec, id))
                        (void) fprintf(stream, "%s=%s\n", settings_table[id].key, spec_format(spec, id, value));
        }

        if (fclose(stream) == EOF) {
                free(text);
                return NULL;
        }

        return text;
}

/* What the syntax of files takes for its own: blanks at the ends, and a backslash at the end of a line. */
static bool stands_in_file(const char *text) {
        size_t length = strlen(text);

        return length == 0 || !(strchr(" \t", text[0]) || strchr(" \t\\", text[length - 1]));
}

/* Opens the folder in tapd's state; everybody may read it, as what is in /etc. */
static int open_folder(const char *state_path) {
        int parent, fd, r;

        parent = open(state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                return -errno;

        fd = mkdirat(parent, FOLDER, 0755) < 0 && errno != EEXIST
                     ? -1
                     : openat(parent, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && fchmod(fd, 0755) < 0) {
                r = -errno;
                (void) close(fd);
                fd = r;
        } else if (fd < 0) {
                fd = -errno;
        }

        (void) close(parent);
        return fd;
}

static int explain_state(int r, const char *state_path, Fault *fault) {
        return fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write %s: %s", state_path, strerror(-r));
}

int declaration_write(const char *state_path, const char *name, const TapSpec *spec, Fault *fault) {
        char *text, file[NAME_SIZE + sizeof(SUFFIX)];
        int fd, r;

        if (!stands_in_file(spec->description))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                 "Description=: begins or ends with a blank, or ends with a backslash; that cannot "
                                 "stand in a file");

        text = declaration_format(name, spec);
        if (!text)
                return fault_set_errno(fault, -ENOMEM, name);

        (void) snprintf(file, sizeof(file), "%s" SUFFIX, name);
        fd = r = open_folder(state_path);
        if (fd >= 0) {
                r = file_write(fd, file, 0644, text, strlen(text));
                (void) close(fd);
        }

        free(text);
        return r < 0 ? explain_state(r, state_path, fault) : 0;
}

int declaration_remove(const char *state_path, const char *name, Fault *fault) {
        char file[NAME_SIZE + sizeof(SUFFIX)];
        int fd, r;

        (void) snprintf(file, sizeof(file), "%s" SUFFIX, name);
        fd = r = open_folder(state_path);
        if (fd >= 0) {
                r = file_remove(fd, file);
                (void) close(fd);
        }

        return r < 0 ? explain_state(r, state_path, fault) : 0;
}
