/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "selection.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"

bool selection_is_pattern(const char *text) {
        return strpbrk(text, "*?[") != NULL;
}

static int read_creator(Selection *selection, const Options *options, const char *verb) {
        const char *user = options->settings[SETTING_USER];
        int r;

        if (options->given & OPTION_MINE && user) {
                report(NULL, "--mine and --user exclude each other");
                return report_usage(verb);
        }

        selection->creator = options->given & OPTION_MINE ? getuid() : TAPD_ID_UNSET;
        r = user ? parse_user(user, &selection->creator) : 0;
        if (r == 0)
                return 0;

        if (r == -EINVAL)
                report("--user", "\"%s\" is not a user's name or number", user);
        else
                report("--user", "no such user \"%s\"", user);
        return TAPCTL_EXIT_USAGE;
}

static int read_idle(Selection *selection, const Options *options, uint64_t now, const char *verb) {
        uint64_t span;

        if (!options->idle)
                return 0;

        if (parse_duration(options->idle, &span) < 0) {
                report("--idle", "\"%s\" is not a time span, as \"12h\" or \"1h 30min\" is", options->idle);
                return report_usage(verb);
        }

        selection->only_idle = true;
        selection->idle_until = span < now ? now - span : 0;
        return 0;
}

int selection_init(Selection *selection, const Options *options, uint64_t now, const char *verb) {
        int status;

        *selection = (Selection){ .names = options->arguments, .n_names = options->n_arguments };
        status = read_creator(selection, options, verb);
        return status == 0 ? read_idle(selection, options, now, verb) : status;
}

static bool is_named(const Selection *selection, const char *name, bool *matched) {
        bool found = false;

        for (size_t i = 0; i < selection->n_names; i++)
                if (fnmatch(selection->names[i], name, 0) == 0) {
                        found = true;
                        if (matched)
                                matched[i] = true;
                }

        return found || selection->n_names == 0;
}

static bool passes_filters(const Selection *selection, const TapInfo *info) {
        if (selection->creator != TAPD_ID_UNSET && info->creator_uid != selection->creator)
                return false;

        return !selection->only_idle || (info->idle_since_usec > 0 && info->idle_since_usec <= selection->idle_until);
}

bool selection_has(const Selection *selection, const TapInfo *info) {
        return passes_filters(selection, info) && is_named(selection, info->name, NULL);
}

static int tap_list_add(TapList *list, const TapInfo *info) {
        if (list->n == list->n_allocated) {
                size_t n = list->n_allocated ? list->n_allocated * 2 : 64;
                TapInfo *grown = reallocarray(list->taps, n, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;

                list->taps = grown;
                list->n_allocated = n;
        }

        list->taps[list->n++] = *info;
        return 0;
}

static int read_all(TapList *list, const Selection *selection, sd_bus_message *reply) {
        TapInfo info;
        int r;

        list->matched = calloc(selection->n_names + 1, sizeof(*list->matched));
        if (!list->matched)
                return -ENOMEM;

        r = tap_info_enter_list(reply);
        while (r >= 0 && (r = tap_info_read_listed(&info, reply)) > 0)
                if (is_named(selection, info.name, list->matched) && passes_filters(selection, &info))
                        r = tap_list_add(list, &info);

        return r;
}

int tap_list_read(TapList *list, const Selection *selection, sd_bus_message *reply) {
        int r;

        *list = (TapList){};
        r = read_all(list, selection, reply);
        if (r == -ENOMEM)
                return report_no_memory();

        return r < 0 ? call_report_reply(r) : 0;
}

void tap_list_done(TapList *list) {
        free(list->taps);
        free(list->matched);
        *list = (TapList){};
}

int tap_list_report_absent(const TapList *list, const Selection *selection, bool patterns) {
        int status = 0;

        for (size_t i = 0; i < selection->n_names; i++) {
                bool pattern = selection_is_pattern(selection->names[i]);

                if (list->matched[i] || (pattern && !patterns))
                        continue;
                report(selection->names[i], "%s", pattern ? "no TAP has such a name" : "no such TAP");
                status = TAPCTL_EXIT_NO_SUCH_TAP;
        }

        return status;
}
