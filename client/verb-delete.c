/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

static int append_arguments(sd_bus_message *call, const Options *options) {
        int r;

        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; i < options->n_arguments && r >= 0; i++)
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, options->arguments[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        if (r >= 0)
                r = sd_bus_message_append(call, "b", !!(options->given & OPTION_FORCE));

        return r < 0 ? call_report_build(r) : 0;
}

static int check_names(const Options *options) {
        for (size_t i = 0; i < options->n_arguments; i++)
                if (!text_is_utf8(options->arguments[i])) {
                        report(options->arguments[i], "not a name: not UTF-8");
                        return TAPCTL_EXIT_USAGE;
                }

        return 0;
}

/* All in one call: all are deleted or none, and polkit asks once. */
int verb_delete(const Options *options) {
        Caller caller = {};
        sd_bus_message *call = NULL;
        int status;

        status = check_names(options);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = call_new_manager(&caller, TAPD_MANAGER_INTERFACE, "DeleteTaps", &call);
        if (status == 0)
                status = append_arguments(call, options);
        if (status == 0)
                status = call_perform(&caller, options->n_arguments == 1 ? options->arguments[0] : NULL, call, NULL);

        sd_bus_message_unref(call);
        call_close(&caller);
        return status;
}
