/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "names.h"
#include "output.h"
#include "report.h"
#include "selection.h"
#include "text.h"
#include "verbs.h"

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
static int print_list(const TapList *list, const Options *options, const Selection *selection, const Columns *columns) {
        int status = 0, absent;

        if (options->given & OPTION_JSON)
                print_json(list, columns);
        else if (list->n > 0)
                status = output_table(list->taps, list->n, columns, !(options->given & OPTION_NO_HEADINGS));

        absent = tap_list_report_absent(list, selection, /* patterns= */ false);
        if (list->n == 0 && absent == 0 && !(options->given & OPTION_JSON))
                report_note("No TAPs.");

        return status != 0 ? status : absent;
}

static int read_and_print(sd_bus_message *reply, const Options *options, const Selection *selection,
                          const Columns *columns) {
        TapList list;
        int status;

        status = tap_list_read(&list, selection, reply);
        if (status == 0)
                status = print_list(&list, options, selection, columns);

        tap_list_done(&list);
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
        Selection selection;
        sd_bus_message *call = NULL, *reply = NULL;
        int status;

        if (options->columns && strcmp(options->columns, "help") == 0) {
                columns_print_help();
                return 0;
        }

        status = choose_columns(&columns, options);
        if (status == 0)
                status = selection_init(&selection, options, text_now_usec(), "list");
        if (status == 0)
                status = call_open(&caller, /* may_ask= */ false);
        if (status == 0)
                status = call_new_manager(&caller, TAPD_MANAGER_INTERFACE, "ListTaps", &call);
        if (status == 0)
                status = call_perform(&caller, NULL, call, &reply);
        if (status == 0)
                status = read_and_print(reply, options, &selection, &columns);

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        call_close(&caller);
        return status;
}
