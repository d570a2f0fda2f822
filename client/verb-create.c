/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "advice.h"
#include "arguments.h"
#include "call.h"
#include "names.h"
#include "report.h"
#include "verbs.h"

static int print_made(sd_bus_message *reply) {
        const char *name, *path;
        int created, r;

        r = sd_bus_message_read(reply, "sob", &name, &path, &created);
        if (r <= 0)
                return r;

        puts(name);
        if (!created)
                report_note("%s exists already", name);

        return 1;
}

static int print_all_made(sd_bus_message *reply) {
        int r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(sob)");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, "sob")) > 0) {
                r = print_made(reply);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }

        return r < 0 ? call_report_reply(r) : 0;
}

static int append_tap(sd_bus_message *call, const char *name, const Settings *settings) {
        int r;

        r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, name);
        return r < 0 ? r : settings_append(settings, call);
}

static int append_taps(sd_bus_message *call, const char *const *names, size_t n, const Settings *settings) {
        int r;

        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "(sa{sv})");
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = sd_bus_message_open_container(call, SD_BUS_TYPE_STRUCT, "sa{sv}");
                if (r >= 0)
                        r = append_tap(call, names[i], settings);
                if (r >= 0)
                        r = sd_bus_message_close_container(call);
        }

        return r < 0 ? r : sd_bus_message_close_container(call);
}

static int create_any(Caller *caller, const Settings *settings) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r, status;

        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "CreateTap", &call);
        if (status == 0) {
                r = append_tap(call, "", settings);
                status = r < 0 ? call_report_build(r) : call_perform(caller, NULL, call, &reply);
        }
        if (status == 0) {
                r = print_made(reply);
                status = r < 0 ? call_report_reply(r) : 0;
        }

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

/* All in one call: all are made or none, and polkit asks once. */
static int create_named(Caller *caller, const char *const *names, size_t n, const Settings *settings) {
        sd_bus_message *call = NULL, *reply = NULL;
        char progress[64];
        int r, status;

        snprintf(progress, sizeof(progress), "creating %zu %s...", n, n == 1 ? "TAP" : "TAPs");
        caller->progress = progress;
        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "CreateTaps", &call);
        if (status == 0) {
                r = append_taps(call, names, n, settings);
                status = r < 0 ? call_report_build(r) : call_perform(caller, n == 1 ? names[0] : NULL, call, &reply);
        }
        if (status == 0)
                status = print_all_made(reply);

        caller->progress = NULL;
        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static int create_all(Caller *caller, const Options *options, const Settings *settings) {
        int status = 0;

        if (options->n_arguments == 0)
                return create_any(caller, settings);

        for (size_t i = 0; i < options->n_arguments && status == 0; i += NAMES_MAX) {
                size_t n = options->n_arguments - i;

                status = create_named(caller, options->arguments + i, n < NAMES_MAX ? n : NAMES_MAX, settings);
        }

        return status;
}

int verb_create(const Options *options) {
        Caller caller = {};
        Settings settings;
        int status;

        if (options->given & OPTION_FOR_UNIT)
                return create_for_unit(options);

        status = names_check(options->arguments, options->n_arguments, "create");
        if (status == 0)
                status = settings_read(&settings, options);
        if (status == 0)
                status = settings_check_one(&settings, options->n_arguments, "create");
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        caller.plugs_into = options->settings[SETTING_SWITCH];
        /* No group plugs anything in without a grant. */
        caller.advise = caller.plugs_into ? NULL : advice_on_group;
        if (status == 0)
                status = create_all(&caller, options, &settings);

        call_close(&caller);
        return status;
}
