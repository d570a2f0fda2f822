/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "call.h"
#include "names.h"
#include "report.h"
#include "verbs.h"

/* Thousands of TAPs may have to be made, and names of users to be looked up on a slow directory server. */
#define PATIENCE_SECONDS 600

/* The declared TAPs that are not as their file says are no failure of the reload. */
static int print_notes(sd_bus_message *reply) {
        const char *name, *reason;
        int r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &name, &reason)) > 0)
                report_note("%s: %s", name, reason);

        return r < 0 ? call_report_reply(r) : 0;
}

static int reload(Caller *caller, bool recreate) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r, status;

        caller->progress = "reading the configuration...";
        status = call_set_patience(caller, PATIENCE_SECONDS);
        if (status == 0)
                status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "Reload", &call);
        if (status == 0) {
                r = sd_bus_message_append(call, "b", (int) recreate);
                status = r < 0 ? call_report_build(r) : call_perform(caller, NULL, call, &reply);
        }
        if (status == 0)
                status = print_notes(reply);

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

int verb_reload(const Options *options) {
        Caller caller = {};
        int status;

        status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = reload(&caller, options->given & OPTION_RECREATE);

        call_close(&caller);
        return status;
}
