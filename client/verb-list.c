/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "errors.h"
#include "names.h"
#include "output.h"
#include "report.h"
#include "verbs.h"

typedef struct TapList {
        TapInfo *taps;
        size_t n, n_allocated;
} TapList;

static bool is_pattern(const char *text) {
        return strpbrk(text, "*?[") != NULL;
}

static bool is_wanted(const Options *options, const char *name) {
        for (size_t i = 0; i < options->n_arguments; i++)
                if (fnmatch(options->arguments[i], name, 0) == 0)
                        return true;

        return options->n_arguments == 0;
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

/* The strings of the list are those of @reply. */
static int tap_list_read(TapList *list, const Options *options, sd_bus_message *reply) {
        TapInfo info;
        int r;

        r = tap_info_enter_list(reply);
        if (r < 0)
                return r;

        while ((r = tap_info_read_listed(&info, reply)) > 0)
                if (is_wanted(options, info.name)) {
                        r = tap_list_add(list, &info);
                        if (r < 0)
                                return r;
                }

        return r;
}

static void print_json(const TapList *list, const Columns *columns) {
        Json json;

        json_init(&json, stdout);
        json_begin_array(&json);
        for (size_t i = 0; i < list->n; i++) {
                json_begin_object(&json);
                for (size_t j = 0; j < columns->n; j++)
                        tap_info_write_json(&list->taps[i], columns->ids[j], &json);
                json_end_object(&json);
        }
        json_end_array(&json);
        json_finish(&json);
}

/* Somebody who names a TAP wants to know that it is not there; a pattern may match nothing. */
static int report_absent(const TapList *list, const Options *options) {
        int status = 0;

        for (size_t i = 0; i < options->n_arguments; i++) {
                const char *name = options->arguments[i];
                bool found = is_pattern(name);

                for (size_t j = 0; j < list->n && !found; j++)
                        found = strcmp(list->taps[j].name, name) == 0;
                if (!found) {
                        report(name, "no such TAP");
                        status = TAPCTL_EXIT_NO_SUCH_TAP;
                }
        }

        return status;
}

static int print_list(const TapList *list, const Options *options, const Columns *columns) {
        int status = 0, absent;

        if (options->given & OPTION_JSON)
                print_json(list, columns);
        else if (list->n > 0)
                status = output_table(list->taps, list->n, columns, !(options->given & OPTION_NO_HEADINGS));

        absent = report_absent(list, options);
        if (list->n == 0 && absent == 0 && !(options->given & OPTION_JSON))
                report_note("No TAPs.");

        return status != 0 ? status : absent;
}

static int read_and_print(sd_bus_message *reply, const Options *options, const Columns *columns) {
        TapList list = {};
        int r, status;

        r = tap_list_read(&list, options, reply);
        if (r == -ENOMEM)
                status = report_no_memory();
        else if (r < 0)
                status = call_report_reply(r);
        else
                status = print_list(&list, options, columns);

        free(list.taps);
        return status;
}

/* JSON has everything unless it was asked for less. */
static int choose_columns(Columns *columns, const Options *options) {
        if (options->columns || !(options->given & OPTION_JSON))
                return columns_parse(columns, options->columns);

        for (columns->n = 0; columns->n < _FIELD_LISTED; columns->n++)
                columns->ids[columns->n] = (FieldId) columns->n;

        return 0;
}

int verb_list(const Options *options) {
        Caller caller = {};
        Columns columns;
        sd_bus_message *call = NULL, *reply = NULL;
        int status;

        if (options->columns && strcmp(options->columns, "help") == 0) {
                columns_print_help();
                return 0;
        }

        status = choose_columns(&columns, options);
        if (status == 0)
                status = call_open(&caller, /* may_ask= */ false);
        if (status == 0)
                status = call_new_manager(&caller, TAPD_MANAGER_INTERFACE, "ListTaps", &call);
        if (status == 0)
                status = call_perform(&caller, NULL, call, &reply);
        if (status == 0)
                status = read_and_print(reply, options, &columns);

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        call_close(&caller);
        return status;
}
