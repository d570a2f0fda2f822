/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "advice.h"
#include "arguments.h"
#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "verbs.h"

/* How TAPs are plugged in: all alike. */
typedef struct Plug {
        const char *switch_name;
        Settings settings;
} Plug;

static int plug_one(Caller *caller, const char *name, void *userdata) {
        const Plug *plug = userdata;
        sd_bus_message *call = NULL;
        int r, status;

        status = call_new_tap(caller, name, TAPD_TAP_INTERFACE, "Plug", &call);
        if (status == 0) {
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, plug->switch_name);
                if (r >= 0)
                        r = settings_append(&plug->settings, call);
                status = r < 0 ? call_report_build(r) : call_perform(caller, name, call, NULL);
        }

        sd_bus_message_unref(call);
        return status;
}

/* brctl(8) and ovs-vsctl(8) have the switch first. */
static void hint_at_order(Caller *caller, const char *switch_name) {
        caller->expects_absence = true;
        if (call_get_all(caller, switch_name, NULL) == 0)
                report_hint("%s is a TAP; the switch comes last: \"tapctl plug TAP... SWITCH\".", switch_name);
}

static int plug_all(Caller *caller, const char *const *names, size_t n, Plug *plug) {
        int status;

        caller->plugs_into = plug->switch_name;
        status = call_each(caller, names, n, plug_one, plug);
        if (status == TAPCTL_EXIT_NO_SUCH_TAP)
                hint_at_order(caller, plug->switch_name);

        return status;
}

static int check(const Options *options) {
        size_t n = options->n_arguments - 1;
        int status;

        if (n == 0) {
                report(NULL, "\"plug\" needs a switch behind the TAPs: \"tapctl plug %s SWITCH\"",
                       options->arguments[0]);
                return report_usage("plug");
        }

        status = names_check(options->arguments, n, "plug");
        return status == 0 ? name_check_sendable(options->arguments[n], "switch", "plug") : status;
}

/* As cp(1) has it: what is last is where the others go. */
int verb_plug(const Options *options) {
        size_t n = options->n_arguments - 1;
        Plug plug = { .switch_name = options->arguments[n] };
        Caller caller = {};
        int status;

        status = check(options);
        if (status == 0)
                status = settings_read(&plug.settings, options);
        if (status == 0)
                status = settings_check_one(&plug.settings, n, "plug");
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = plug_all(&caller, options->arguments, n, &plug);

        call_close(&caller);
        return status;
}

static int unplug_one(Caller *caller, const char *name, void *userdata) {
        return call_tap(caller, name, "Unplug");
}

int verb_unplug(const Options *options) {
        Caller caller = {};
        int status;

        status = names_check(options->arguments, options->n_arguments, "unplug");
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = call_each(&caller, options->arguments, options->n_arguments, unplug_one, NULL);

        call_close(&caller);
        return status;
}
