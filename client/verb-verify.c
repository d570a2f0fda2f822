/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "declaration.h"
#include "errors.h"
#include "place.h"
#include "report.h"
#include "verbs.h"

/* What is read, and what was found. */
typedef struct Check {
        Place place;
        ConfDirs dirs;
        SpecDefaults defaults; /* for files that are read one by one */
        size_t n_complaints, n_files, n_taps;
} Check;

static void check_on_complaint(const char *path, unsigned line, const char *text, void *userdata) {
        Check *check = userdata;

        check->n_complaints++;
        if (line > 0)
                report_note("%s:%u: %s", path, line, text);
        else
                report_note("%s: %s", path, text);
}

static Complaints check_complaints(Check *check) {
        return (Complaints){ .tell = check_on_complaint, .userdata = check };
}

static int report_reading(const char *path, int r) {
        report(path, "%s", strerror(-r));
        return TAPCTL_EXIT_FAILED;
}

static bool has_suffix(const char *text, const char *suffix) {
        size_t length = strlen(text), suffix_length = strlen(suffix);

        return length > suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

/* The folder of a path, to be freed; "." where it has none. */
static char *folder_of(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash)
                return strdup(".");

        return strndup(path, slash == path ? 1 : (size_t) (slash - path));
}

/* Whether two paths lead to the same folder. */
static bool is_same_folder(const char *one, const char *other) {
        char *left = realpath(one, NULL), *right = realpath(other, NULL);
        bool is_same = left && right && strcmp(left, right) == 0;

        free(right);
        free(left);
        return is_same;
}

/* Which folder of the configuration a file is in, @below it; NULL: in none, it is a draft. */
static const ConfDir *find_dir(const Check *check, const char *path, const char *below) {
        const ConfDir *found = NULL;
        char *folder = folder_of(path);

        for (size_t i = 0; folder && i < check->dirs.n_dirs && !found; i++) {
                char *place;

                if (asprintf(&place, "%s%s", check->dirs.dirs[i].path, below) < 0)
                        continue;
                if (is_same_folder(folder, place))
                        found = &check->dirs.dirs[i];
                free(place);
        }

        free(folder);
        return found;
}

static int check_tap(Check *check, const char *path) {
        Complaints complaints = check_complaints(check);
        Declarations declarations;
        int r;

        r = declarations_load_file(&check->dirs, find_dir(check, path, "/taps.d"), path, &check->defaults, &complaints,
                                   &declarations);
        if (r < 0)
                return report_reading(path, r);

        check->n_files += declarations.n_read;
        check->n_taps += HASH_COUNT(declarations.table);
        declarations_done(&declarations);
        return 0;
}

/* Nothing to say: what cannot be looked into is found when it is read. */
static void ignore_unreadable(const char *path, int r, void *userdata) {
}

/* The .tap file that a drop-in changes, "x/lab.tap" of "x/lab.tap.d/10.conf"; to be freed. NULL: there is none. */
static char *find_changed(const Check *check, const char *path) {
        char *changed = folder_of(path), found[PATH_MAX], name[NAME_MAX + sizeof("taps.d/")];

        if (!changed)
                return NULL;

        changed[strlen(changed) - strlen(".d")] = '\0';
        if (access(changed, F_OK) == 0)
                return changed;

        /* It may lie in another folder than its drop-in. */
        (void) snprintf(name, sizeof(name), "taps.d/%.*s", NAME_MAX, basename(changed));
        if (find_dir(check, changed, "/taps.d") && confdirs_find(&check->dirs, name, ignore_unreadable, NULL, found)) {
                free(changed);
                return strdup(found);
        }

        free(changed);
        return NULL;
}

static bool is_drop_in(const char *path) {
        char *folder = folder_of(path);
        bool is = folder && has_suffix(folder, ".tap.d") && has_suffix(path, ".conf");

        free(folder);
        return is;
}

static int check_drop_in(Check *check, const char *path) {
        char *changed = find_changed(check, path), *folder;
        Complaints complaints = check_complaints(check);
        const ConfDir *dir = NULL;
        int r, status;

        if (changed) {
                status = check_tap(check, changed);
                free(changed);
                return status;
        }

        folder = folder_of(path);
        if (folder)
                dir = find_dir(check, folder, "/taps.d");
        free(folder);

        r = declarations_check_drop_in(dir, path, &check->defaults, &complaints);
        check->n_files++;
        return r < 0 ? report_reading(path, r) : 0;
}

static int check_conf(Check *check, const char *path) {
        const ConfDir *dir = find_dir(check, path, "");
        Config config;
        int r;

        if (!dir)
                dir = find_dir(check, path, "/tapd.conf.d");

        r = config_load_file(path, dir ? dir->also_files : FILE_ANYBODY, check_on_complaint, check, &config);
        if (r < 0)
                return report_reading(path, r);

        check->n_files += config.n_read;
        config_done(&config);
        return 0;
}

static int check_file(Check *check, const char *path) {
        if (access(path, F_OK) < 0)
                return report_reading(path, -errno);

        if (has_suffix(path, ".tap"))
                return check_tap(check, path);
        if (is_drop_in(path))
                return check_drop_in(check, path);
        if (has_suffix(path, ".conf"))
                return check_conf(check, path);

        report(path, "is neither a .tap file nor a .conf file");
        return report_usage("verify");
}

/* What a file leaves open tapd.conf says. */
static int read_defaults(Check *check) {
        Config config;
        int r;

        r = config_load_as(check->place.own, check->place.root, /* state_path= */ NULL, /* tell= */ NULL, NULL,
                           &config);
        if (r < 0)
                return report_reading("tapd.conf", r);

        check->defaults = config.defaults;
        config_done(&config);
        return 0;
}

static int check_files(Check *check, const char *const *paths, size_t n) {
        int first = read_defaults(check);

        for (size_t i = 0; i < n; i++) {
                int status = check_file(check, paths[i]);

                if (first == 0)
                        first = status;
        }

        return first;
}

static int check_all(Check *check) {
        Config config;
        int r;

        r = config_load_as(check->place.own, check->place.root, check->place.state, check_on_complaint, check, &config);
        if (r < 0)
                return report_reading("the configuration", r);

        check->n_files = config.n_read + config.declared.n_read;
        check->n_taps = HASH_COUNT(config.declared.table);
        config_done(&config);
        return 0;
}

static int conclude(const Check *check) {
        if (check->n_complaints > 0)
                return TAPCTL_EXIT_FAILED;

        /* A script reads the exit status. */
        if (isatty(STDOUT_FILENO))
                printf("%zu %s, %zu %s declared: no complaint\n", check->n_files,
                       check->n_files == 1 ? "file" : "files", check->n_taps, check->n_taps == 1 ? "TAP" : "TAPs");
        return 0;
}

int verb_verify(const Options *options) {
        Check check = {};
        int status;

        status = place_init(&check.place, options);
        if (status != 0)
                return status;

        confdirs_init(&check.dirs, check.place.root, check.place.state, check.place.own);
        status = options->n_arguments > 0 ? check_files(&check, options->arguments, options->n_arguments)
                                          : check_all(&check);
        return status == 0 ? conclude(&check) : status;
}
