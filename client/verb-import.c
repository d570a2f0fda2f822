/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "import.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

/* What the paths that are read fall into: each kind has its own reader. */
typedef struct Sources {
        ImportPaths interfaces, netdev, sudoers;
} Sources;

static void sources_done(Sources *sources) {
        import_paths_done(&sources->interfaces);
        import_paths_done(&sources->netdev);
        import_paths_done(&sources->sudoers);
}

static bool is_sudoers(const char *path) {
        return strncmp(basename(path), "sudoers", strlen("sudoers")) == 0 || strstr(path, "sudoers.d/");
}

static int sources_add(Sources *sources, const char *path) {
        if (text_ends_with(path, ".netdev") || text_ends_with(path, ".network"))
                return import_paths_add(&sources->netdev, path);

        return import_paths_add(is_sudoers(path) ? &sources->sudoers : &sources->interfaces, path);
}

/* sudo passes over names with a dot or a tilde at the end. */
static int sources_add_sudoers(Sources *sources, const char *root) {
        ImportPaths found = {};
        int r;

        r = import_paths_add(&sources->sudoers, "/etc/sudoers");
        if (r == 0)
                r = import_paths_glob(&found, root, "/etc/sudoers.d/*");
        for (size_t i = 0; i < found.n && r == 0; i++)
                if (!strchr(basename(found.items[i]), '.') && !text_ends_with(found.items[i], "~"))
                        r = import_paths_add(&sources->sudoers, found.items[i]);

        import_paths_done(&found);
        return r;
}

static int sources_add_netdev(Sources *sources, const char *root) {
        /* The higher ones hide the lower ones. */
        static const char *const folders[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };
        static const char *const suffixes[] = { "netdev", "network" };
        int r = 0;

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
                for (size_t j = 0; j < sizeof(suffixes) / sizeof(suffixes[0]) && r == 0; j++) {
                        char pattern[64];

                        (void) snprintf(pattern, sizeof(pattern), "%s/systemd/network/*.%s", folders[i], suffixes[j]);
                        r = import_paths_glob(&sources->netdev, root, pattern);
                }

        return r;
}

static int sources_find(Sources *sources, const char *root) {
        int r;

        r = import_paths_add(&sources->interfaces, "/etc/network/interfaces");
        if (r == 0)
                r = sources_add_netdev(sources, root);
        if (r == 0)
                r = sources_add_sudoers(sources, root);

        return r;
}

static int sources_take(Sources *sources, const Options *options) {
        int r = 0;

        for (size_t i = 0; i < options->n_from && r == 0; i++)
                r = sources_add(sources, options->from[i]);

        return r;
}

/* glob(3) finds nothing in a folder that it may not read. */
static void check_folder(ImportPlan *plan, const char *path) {
        ImportPlace place = { .path = path };
        char whole[PATH_MAX];

        (void) snprintf(whole, sizeof(whole), "%s%s", plan->root, path);
        if (access(whole, R_OK | X_OK) < 0 && errno == EACCES)
                import_plan_refuse(plan, &place, "the folder", import_file_explain(-EACCES));
}

/* From the source that has most to say to the one that has least. */
static void read_all(ImportPlan *plan, const Options *options) {
        bool is_named = options->n_from > 0;
        /* What is named on the command line is what its user sees. */
        const char *root = is_named ? "" : plan->root;
        Sources sources = {};
        int r;

        r = is_named ? sources_take(&sources, options) : sources_find(&sources, root);
        if (r < 0)
                plan->is_broken = true;

        import_interfaces(plan, root, &sources.interfaces, is_named);
        import_netdev(plan, root, &sources.netdev);
        if (!is_named) {
                import_live(plan);
                check_folder(plan, "/etc/sudoers.d");
        }
        import_sudoers(plan, root, &sources.sudoers, is_named);
        import_plan_finish(plan);
        sources_done(&sources);
}

static void report_notes(const ImportNotes *notes) {
        for (size_t i = 0; i < notes->n; i++)
                report_note("%s", notes->items[i].text);
}

static int print_files(const ImportPlan *plan) {
        ImportTap *tap, *next;
        const char *separator = "";

        HASH_ITER(hh, plan->taps, tap, next) {
                char *text = import_tap_format(tap);

                if (!text)
                        return report_no_memory();

                printf("%s# %s/%s.tap\n%s", separator, IMPORT_FOLDER, tap->name, text);
                free(text);
                separator = "\n";
        }

        /* On a terminal the lines below are to come after these. */
        fflush(stdout);
        return 0;
}

static void report_removable(const ImportPlan *plan, bool is_written) {
        if (plan->removable.n == 0)
                return;

        /* Where there are no files nothing is to be waited for. */
        if (is_written || !plan->taps)
                report_note("Lines you may delete now:");
        else
                report_note("Lines you may delete now, once tapd has the files:");
        report_notes(&plan->removable);
}

/* The names of the TAPs that are there and can be adopted, each with a blank before it; NULL where there are none. */
static char *join_live(const ImportPlan *plan) {
        ImportTap *tap, *next;
        char *names = NULL;
        size_t size, n = 0;
        FILE *out;

        out = open_memstream(&names, &size);
        if (!out)
                return NULL;

        HASH_ITER(hh, plan->taps, tap, next)
        if (tap->is_live) {
                fprintf(out, " %s", tap->name);
                n++;
        }

        if (fclose(out) != 0 || n == 0) {
                free(names);
                return NULL;
        }

        return names;
}

static void report_next(const ImportPlan *plan, bool is_written) {
        char *live = join_live(plan);

        if (is_written)
                report_note("Next: \"tapctl verify\", then \"tapctl reload\".");
        if (live)
                report_note("\"tapctl adopt%s\" takes over what is there, with its queues untouched.", live);

        free(live);
}

static int show(const ImportPlan *plan, const Options *options) {
        bool writes = options->given & OPTION_WRITE;
        int status;

        report_notes(&plan->notes);
        if (!plan->taps && plan->removable.n == 0) {
                report_note("%s", import_plan_has_failures(plan) ? "Nothing could be imported." : "Nothing to import.");
                return 0;
        }

        status = print_files(plan);
        if (status == 0 && writes && plan->taps)
                status = import_plan_write(plan, options->given & OPTION_FORCE);
        if (status != 0)
                return status;

        report_removable(plan, writes);
        report_next(plan, writes && plan->taps);
        return 0;
}

int verb_import(const Options *options) {
        ImportPlan plan;
        int status;

        if (options->given & OPTION_FORCE && !(options->given & OPTION_WRITE)) {
                report(NULL, "--force needs --write");
                return report_usage("import");
        }

        import_plan_init(&plan, options->root ? options->root : "");
        read_all(&plan, options);
        status = import_plan_is_whole(&plan) ? show(&plan, options) : report_no_memory();
        if (status == 0 && import_plan_has_failures(&plan))
                status = TAPCTL_EXIT_FAILED;

        import_plan_done(&plan);
        return status;
}
