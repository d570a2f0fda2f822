/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "confdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void confdirs_init(ConfDirs *dirs, const char *root, const char *state_path, uid_t own) {
        const uid_t roots = own == FILE_ANYBODY ? FILE_ANYBODY : FILE_NOBODY_ELSE;
        const struct {
                const char *root, *path;
                uid_t also, also_files;
                bool is_state;
        } table[CONFDIRS_MAX] = {
                { root, "/etc/tapd", roots, roots, false },
                /* What tapd could do to itself there it can do anyway; the files are root's all the same. */
                { root, "/run/tapd", own, roots, false },
                { "", state_path, own, own, true },
                { root, "/usr/lib/tapd", roots, roots, false },
        };

        *dirs = (ConfDirs){};
        for (size_t i = 0; i < CONFDIRS_MAX; i++) {
                ConfDir *dir = &dirs->dirs[dirs->n_dirs];

                if (!table[i].path)
                        continue;

                (void) snprintf(dir->path, sizeof(dir->path), "%s%s", table[i].root, table[i].path);
                dir->also = table[i].also;
                dir->also_files = table[i].also_files;
                dir->is_state = table[i].is_state;
                dirs->n_dirs++;
        }
}

/* Whether there is such a file or folder in a folder that may be believed. */
static bool is_there(const ConfDir *dir, const char *path, confdir_unreadable_t unreadable, void *userdata) {
        struct stat st;
        int r;

        if (lstat(path, &st) < 0) {
                if (errno != ENOENT)
                        unreadable(path, -errno, userdata);
                return false;
        }

        r = file_check_folder(dir->path, dir->also);
        if (r < 0)
                unreadable(dir->path, r, userdata);

        return r > 0;
}

int confdirs_find(const ConfDirs *dirs, const char *name, confdir_unreadable_t unreadable, void *userdata,
                  char ret[static PATH_MAX]) {
        for (size_t i = 0; i < dirs->n_dirs; i++) {
                char path[PATH_MAX];

                if (snprintf(path, sizeof(path), "%s/%s", dirs->dirs[i].path, name) >= (int) sizeof(path))
                        continue;

                if (is_there(&dirs->dirs[i], path, unreadable, userdata)) {
                        strcpy(ret, path);
                        return 1;
                }
        }

        return 0;
}

static bool has_suffix(const char *name, const char *suffix) {
        size_t length = strlen(name), suffix_length = strlen(suffix);

        return *name != '.' && length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static int confpaths_add(ConfPaths *paths, const char *folder, const char *name, const ConfDir *dir) {
        ConfPath *item;

        /* Doubled at each power of two. */
        if ((paths->n_items & (paths->n_items - 1)) == 0) {
                size_t room = paths->n_items ? paths->n_items * 2 : 1;
                ConfPath *grown = reallocarray(paths->items, room, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                paths->items = grown;
        }

        item = &paths->items[paths->n_items];
        if (asprintf(&item->path, "%s/%s", folder, name) < 0)
                return -ENOMEM;

        item->name = strrchr(item->path, '/') + 1;
        item->dir = dir;
        paths->n_items++;
        return 0;
}

static int confdir_list(const ConfDir *dir, const char *folder, const char *suffix, confdir_unreadable_t unreadable,
                        void *userdata, ConfPaths *paths) {
        struct dirent *entry;
        DIR *stream;
        int r;

        r = file_check_folder(folder, dir->also);
        stream = r > 0 ? opendir(folder) : NULL;
        if (!stream) {
                if (r != 0)
                        unreadable(folder, r < 0 ? r : -errno, userdata);
                return 0;
        }

        r = 0;
        while (r == 0 && (entry = readdir(stream)))
                if (has_suffix(entry->d_name, suffix))
                        r = confpaths_add(paths, folder, entry->d_name, dir);

        (void) closedir(stream);
        return r;
}

/* Of one name the higher folder's comes first: all are in one array, the highest first. */
static int compare(const void *a, const void *b) {
        const ConfPath *left = a, *right = b;
        int r = strcmp(left->name, right->name);

        return r != 0 ? r : (left->dir > right->dir) - (left->dir < right->dir);
}

/* Sorts by name and keeps the first of each. */
static void confpaths_settle(ConfPaths *paths) {
        size_t n = 0;

        if (paths->n_items == 0)
                return;

        qsort(paths->items, paths->n_items, sizeof(*paths->items), compare);

        for (size_t i = 0; i < paths->n_items; i++) {
                if (n > 0 && strcmp(paths->items[n - 1].name, paths->items[i].name) == 0)
                        free(paths->items[i].path);
                else
                        paths->items[n++] = paths->items[i];
        }

        paths->n_items = n;
}

int confdirs_list(const ConfDirs *dirs, const char *folder, const char *suffix, confdir_unreadable_t unreadable,
                  void *userdata, ConfPaths *ret) {
        ConfPaths paths = {};
        int r = 0;

        for (size_t i = 0; i < dirs->n_dirs && r == 0; i++) {
                char path[PATH_MAX];

                if (snprintf(path, sizeof(path), "%s/%s", dirs->dirs[i].path, folder) >= (int) sizeof(path))
                        continue;
                if (is_there(&dirs->dirs[i], path, unreadable, userdata))
                        r = confdir_list(&dirs->dirs[i], path, suffix, unreadable, userdata, &paths);
        }
        if (r < 0) {
                confpaths_done(&paths);
                return r;
        }

        confpaths_settle(&paths);
        *ret = paths;
        return 0;
}

void confpaths_done(ConfPaths *paths) {
        for (size_t i = 0; i < paths->n_items; i++)
                free(paths->items[i].path);

        free(paths->items);
        *paths = (ConfPaths){};
}

const char *confdir_explain(int r) {
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
