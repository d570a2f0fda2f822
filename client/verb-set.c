/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "verbs.h"

static int set_one(Caller *caller, const char *name, void *userdata) {
        const Settings *settings = userdata;
        sd_bus_message *call = NULL;
        int r, status;

        status = call_new_tap(caller, name, TAPD_TAP_INTERFACE, "Set", &call);
        if (status == 0) {
                r = settings_append(settings, call);
                status = r < 0 ? call_report_build(r) : call_perform(caller, name, call, NULL);
        }

        sd_bus_message_unref(call);
        return status;
}

static int check(const Options *options) {
        if (options->given & OPTIONS_SETTINGS)
                return names_check(options->arguments, options->n_arguments, "set");

        report(NULL, "\"set\" needs a setting to change, \"--mtu=9000\" for one");
        return report_usage("set");
}

int verb_set(const Options *options) {
        Caller caller = {};
        Settings settings;
        int status;

        status = check(options);
        if (status == 0)
                status = settings_read(&settings, options);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = call_each(&caller, options->arguments, options->n_arguments, set_one, &settings);

        call_close(&caller);
        return status;
}
