/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

/* The group that the shipped configuration and polkit rule speak of. */
#define SHIPPED_GROUP "kvm"

typedef struct Settings {
        SettingValue values[_SETTING_MAX];
        bool given[_SETTING_MAX];
} Settings;

static const char *form_description(SettingForm form) {
        switch (form) {
        case SETTING_FORM_STRING:
                return "text in UTF-8";
        case SETTING_FORM_BOOL:
                return "a boolean (yes or no)";
        case SETTING_FORM_USER:
                return "a user's name or number";
        case SETTING_FORM_GROUP:
                return "a group's name or number";
        }

        return "";
}

static int report_value(const Setting *setting, const char *text, int r) {
        char option[64];

        snprintf(option, sizeof(option), "--%s", setting->option);
        if (r == -ESRCH)
                report(option, "no such %s \"%s\"", setting->form == SETTING_FORM_USER ? "user" : "group", text);
        else if (r == -EINVAL || r == -ERANGE)
                report(option, "\"%s\" is not %s", text, form_description(setting->form));
        else {
                report(option, "cannot look up \"%s\": %s", text, strerror(-r));
                return TAPCTL_EXIT_FAILED;
        }

        return TAPCTL_EXIT_USAGE;
}

static int read_settings(Settings *settings, const Options *options) {
        for (size_t i = 0; i < _SETTING_MAX; i++) {
                const char *text = options->settings[i];
                int r;

                if (!text)
                        continue;

                r = text_is_utf8(text) ? setting_parse(&settings_table[i], text, &settings->values[i]) : -EINVAL;
                if (r < 0)
                        return report_value(&settings_table[i], text, r);
                settings->given[i] = true;
        }

        return 0;
}

static int check_names(const Options *options) {
        for (size_t i = 0; i < options->n_arguments; i++) {
                const char *name = options->arguments[i];

                /* To tapd it means "any name". On a command line it is a variable of a script that is not set. */
                if (!*name || !text_is_utf8(name)) {
                        report(NULL, "\"%s\" is not a name for a TAP", name);
                        return report_usage("create");
                }
        }

        return 0;
}

static int append_setting(sd_bus_message *call, const Setting *setting, const SettingValue *value) {
        switch (setting->form) {
        case SETTING_FORM_STRING:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, value->string);
        case SETTING_FORM_BOOL:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, (int) value->boolean);
        case SETTING_FORM_USER:
        case SETTING_FORM_GROUP:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, value->number);
        }

        return -EINVAL;
}

static int append_arguments(sd_bus_message *call, const char *name, const Settings *settings) {
        int r;

        r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, name);
        if (r >= 0)
                r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");
        for (size_t i = 0; i < _SETTING_MAX && r >= 0; i++)
                if (settings->given[i])
                        r = append_setting(call, &settings_table[i], &settings->values[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call);

        return r < 0 ? call_report_build(r) : 0;
}

static int print_reply(sd_bus_message *reply) {
        const char *name, *path;
        int created, r;

        r = sd_bus_message_read(reply, "sob", &name, &path, &created);
        if (r < 0)
                return call_report_reply(r);

        puts(name);
        if (!created)
                report_note("%s exists already", name);

        return 0;
}

static int create_one(Caller *caller, const char *name, void *userdata) {
        const Settings *settings = userdata;
        sd_bus_message *call = NULL, *reply = NULL;
        int status;

        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "CreateTap", &call);
        if (status == 0)
                status = append_arguments(call, name, settings);
        if (status == 0)
                status = call_perform(caller, *name ? name : NULL, call, &reply);
        if (status == 0)
                status = print_reply(reply);

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static bool is_member(const struct passwd *user, const struct group *group) {
        for (char **member = group->gr_mem; *member; member++)
                if (strcmp(*member, user->pw_name) == 0)
                        return true;

        return user->pw_gid == group->gr_gid;
}

/* Most who are refused are people who are not in the group that may. */
static char *advise_on_group(void) {
        struct group *group = getgrnam(SHIPPED_GROUP);
        struct passwd *user = getpwuid(geteuid());
        char *advice = NULL;
        int n;

        /* Accounts of services are refused also as members of it. */
        if (geteuid() < 1000 || !group || !user || group_member(group->gr_gid))
                return NULL;

        if (is_member(user, group))
                n = asprintf(&advice, "you became a member of %s after you logged in: log in again", SHIPPED_GROUP);
        else
                n = asprintf(&advice, "members of %s may: an administrator adds you with \"usermod -aG %s %s\"",
                             SHIPPED_GROUP, SHIPPED_GROUP, user->pw_name);

        return n < 0 ? NULL : advice;
}

int verb_create(const Options *options) {
        Caller caller = {};
        Settings settings = {};
        int status;

        status = check_names(options);
        if (status == 0)
                status = read_settings(&settings, options);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        caller.advise = advise_on_group;
        if (status == 0)
                status = options->n_arguments == 0
                                 ? create_one(&caller, "", &settings)
                                 : call_each(&caller, options->arguments, options->n_arguments, create_one, &settings);

        call_close(&caller);
        return status;
}
