/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "declaration.h"
#include "errors.h"
#include "place.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

/* The files that are printed, one after the other. */
typedef struct Print {
        Place place;
        ConfDirs dirs;
        Config config;
        size_t n_printed;
} Print;

static int report_reading(const char *path, int r) {
        report(path, "%s", strerror(-r));
        return TAPCTL_EXIT_FAILED;
}

static int print_file(Print *print, const char *path) {
        char buffer[4096];
        char last = '\n';
        size_t n;
        FILE *file;
        int r = 0;

        file = fopen(path, "re");
        if (!file)
                return report_reading(path, -errno);

        printf("%s# %s\n", print->n_printed++ > 0 ? "\n" : "", path);
        while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0) {
                (void) fwrite(buffer, 1, n, stdout);
                last = buffer[n - 1];
        }
        if (ferror(file))
                r = report_reading(path, -EIO);
        if (last != '\n')
                putchar('\n');

        (void) fclose(file);
        return r;
}

static void print_on_unreadable(const char *path, int r, void *userdata) {
        (void) report_reading(path, r);
}

/* A file and what changes it. */
static int print_declaration(Print *print, const char *path) {
        ConfPaths paths;
        int r, status;

        status = print_file(print, path);
        r = declarations_list_drop_ins(&print->dirs, basename(path), print_on_unreadable, NULL, &paths);
        if (r < 0)
                return report_no_memory();

        for (size_t i = 0; i < paths.n_items && status == 0; i++)
                status = print_file(print, paths.items[i].path);

        confpaths_done(&paths);
        return status;
}

/* Whether a file is called @name, with its ".tap" or without. */
static bool file_is_called(const char *path, const char *name) {
        const char *base = basename(path);
        size_t length = strlen(name);

        return strncmp(base, name, length) == 0 && (!base[length] || strcmp(base + length, ".tap") == 0);
}

/* A TAP's name comes first: which of several files declares it is what one does not know. */
static const char *find_path(const Print *print, const char *name) {
        const Declarations *declared = &print->config.declared;
        const Declaration *declaration = declarations_find(declared, name);

        if (declaration)
                return declaration->file->path;

        for (const DeclarationFile *file = declared->files; file; file = file->next)
                if (file_is_called(file->path, name))
                        return file->path;

        return NULL;
}

static int print_named(Print *print, const char *name) {
        const char *path = find_path(print, name);

        if (path)
                return print_declaration(print, path);

        report(name, "no file declares it");
        if (print->config.declared.n_bad > 0 || print->config.declared.is_unreadable)
                report_hint("not every file is understood; \"tapctl verify\" says why.");
        return TAPCTL_EXIT_NO_SUCH_TAP;
}

int verb_cat(const Options *options) {
        Print print = {};
        int first, r;

        first = place_init(&print.place, options);
        if (first != 0)
                return first;

        r = config_load_as(print.place.own, print.place.root, print.place.state, /* tell= */ NULL, NULL, &print.config);
        if (r < 0)
                return report_reading("the configuration", r);

        confdirs_init(&print.dirs, print.place.root, print.place.state, print.place.own);
        for (size_t i = 0; i < options->n_arguments; i++) {
                int status = print_named(&print, options->arguments[i]);

                if (first == 0)
                        first = status;
        }

        config_done(&print.config);
        return first;
}
