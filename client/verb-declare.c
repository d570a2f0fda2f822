/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "arguments.h"
#include "call.h"
#include "names.h"
#include "report.h"
#include "verbs.h"

static int declare_one(Caller *caller, const char *name, void *userdata) {
        const Settings *settings = userdata;
        sd_bus_message *call = NULL, *reply = NULL;
        const char *note;
        int r, status;

        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "Declare", &call);
        if (status == 0) {
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, name);
                if (r >= 0)
                        r = settings_append(settings, call);
                status = r < 0 ? call_report_build(r) : call_perform(caller, name, call, &reply);
        }
        if (status == 0) {
                puts(name);
                if (sd_bus_message_read_basic(reply, SD_BUS_TYPE_STRING, &note) > 0 && *note)
                        report_note("%s: %s", name, note);
        }

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

int verb_declare(const Options *options) {
        Caller caller = {};
        Settings settings;
        int status;

        status = names_check(options->arguments, options->n_arguments, "declare");
        if (status == 0)
                status = settings_read(&settings, options);
        if (status == 0)
                status = settings_check_one(&settings, options->n_arguments, "declare");
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        caller.plugs_into = options->settings[SETTING_SWITCH];
        if (status == 0)
                status = call_each(&caller, options->arguments, options->n_arguments, declare_one, &settings);

        call_close(&caller);
        return status;
}
