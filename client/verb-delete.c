/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "selection.h"
#include "text.h"
#include "verbs.h"

static int append_arguments(sd_bus_message *call, const char *const *names, size_t n, bool force) {
        int r;

        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, names[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        if (r >= 0)
                r = sd_bus_message_append(call, "b", (int) force);

        return r < 0 ? call_report_build(r) : 0;
}

/* All in one call: all are deleted or none, and polkit asks once. */
static int delete_some(Caller *caller, const char *const *names, size_t n, bool force) {
        sd_bus_message *call = NULL;
        char progress[64];
        int status;

        snprintf(progress, sizeof(progress), "deleting %zu %s...", n, n == 1 ? "TAP" : "TAPs");
        caller->progress = progress;
        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "DeleteTaps", &call);
        if (status == 0)
                status = append_arguments(call, names, n, force);
        if (status == 0)
                status = call_perform(caller, n == 1 ? names[0] : NULL, call, NULL);

        caller->progress = NULL;
        sd_bus_message_unref(call);
        return status;
}

static int delete_names(Caller *caller, const char *const *names, size_t n, const Options *options) {
        int status = 0;

        for (size_t i = 0; i < n && status == 0; i += NAMES_MAX)
                status = delete_some(caller, names + i, n - i < NAMES_MAX ? n - i : NAMES_MAX,
                                     options->given & OPTION_FORCE);

        return status;
}

static int delete_listed(Caller *caller, const TapList *list, const Options *options) {
        const char **names;
        int status;

        if (list->n == 0) {
                report_note("No TAPs.");
                return 0;
        }

        names = calloc(list->n, sizeof(*names));
        if (!names)
                return report_no_memory();

        for (size_t i = 0; i < list->n; i++)
                names[i] = list->taps[i].name;

        status = delete_names(caller, names, list->n, options);
        free(names);
        return status;
}

/* Somebody who names a pattern, other than for a list, means that there is something. */
static int delete_selected(Caller *caller, const Selection *selection, const Options *options) {
        sd_bus_message *call = NULL, *reply = NULL;
        TapList list = {};
        int status;

        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "ListTaps", &call);
        if (status == 0)
                status = call_perform(caller, NULL, call, &reply);
        if (status == 0)
                status = tap_list_read(&list, selection, reply);
        if (status == 0)
                status = tap_list_report_absent(&list, selection, /* patterns= */ true);
        if (status == 0)
                status = delete_listed(caller, &list, options);

        tap_list_done(&list);
        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static bool needs_list(const Options *options) {
        for (size_t i = 0; i < options->n_arguments; i++)
                if (selection_is_pattern(options->arguments[i]))
                        return true;

        return options->given & OPTIONS_FILTERS;
}

static int check(const Options *options) {
        if (options->n_arguments > 0 || options->given & OPTIONS_FILTERS)
                return names_check(options->arguments, options->n_arguments, "delete");

        report(NULL, "\"delete\" needs the name of a TAP, a pattern, or one of --mine, --user and --idle");
        return report_usage("delete");
}

int verb_delete(const Options *options) {
        Caller caller = {};
        Selection selection;
        int status;

        if (options->given & OPTION_FOR_UNIT)
                return delete_for_unit(options);

        status = check(options);
        if (status == 0)
                status = selection_init(&selection, options, text_now_usec(), "delete");
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = needs_list(options) ? delete_selected(&caller, &selection, options)
                                             : delete_names(&caller, options->arguments, options->n_arguments, options);

        call_close(&caller);
        return status;
}
