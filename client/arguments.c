/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "report.h"
#include "text.h"

static const char *form_description(SettingForm form) {
        switch (form) {
        case SETTING_FORM_STRING:
                return "text in UTF-8";
        case SETTING_FORM_BOOL:
                return "a boolean (yes or no)";
        case SETTING_FORM_NUMBER:
                return "a decimal number";
        case SETTING_FORM_USER:
                return "a user's name or number";
        case SETTING_FORM_GROUP:
                return "a group's name or number";
        case SETTING_FORM_VLAN:
                return "a VLAN, 1 to 4094";
        case SETTING_FORM_TRUNK:
                return "a list of VLANs (10,20-29), 1 to 4094";
        }

        return "";
}

static int report_value(const Setting *setting, const char *text, int r) {
        char option[64];

        snprintf(option, sizeof(option), "--%s", setting->option);
        if (r == -E2BIG)
                report(option, "more than %d VLANs and ranges of them", TRUNK_RANGES_MAX);
        else if (r == -ESRCH)
                report(option, "no such %s \"%s\"", setting->form == SETTING_FORM_USER ? "user" : "group", text);
        else if (r == -EINVAL || r == -ERANGE)
                report(option, "\"%s\" is not %s", text, form_description(setting->form));
        else {
                report(option, "cannot look up \"%s\": %s", text, strerror(-r));
                return TAPCTL_EXIT_FAILED;
        }

        return TAPCTL_EXIT_USAGE;
}

static int read_value(const Setting *setting, const char *text, SettingValue *ret) {
        int r;

        if (!text_is_utf8(text))
                return -EINVAL;

        r = setting_parse(setting, text, ret);
        if (r == 0 && setting->form == SETTING_FORM_VLAN && (ret->number < VLAN_MIN || ret->number > VLAN_MAX))
                return -ERANGE;

        return r;
}

int settings_read(Settings *settings, const Options *options) {
        *settings = (Settings){};

        for (size_t i = 0; i < _SETTING_MAX; i++) {
                const char *text = options->settings[i];
                int r;

                if (!text)
                        continue;

                r = read_value(&settings_table[i], text, &settings->values[i]);
                if (r < 0)
                        return report_value(&settings_table[i], text, r);
                settings->given[i] = true;
        }

        return 0;
}

static int append_trunk(sd_bus_message *call, const Setting *setting, const Trunk *trunk) {
        int r;

        r = sd_bus_message_open_container(call, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(call, 's', setting->key);
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'v', setting->type);
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "(qq)");
        for (size_t i = 0; i < trunk->n_ranges && r >= 0; i++)
                r = sd_bus_message_append(call, "(qq)", (int) trunk->ranges[i].first, (int) trunk->ranges[i].last);
        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(call);

        return r;
}

static int append_setting(sd_bus_message *call, const Setting *setting, const SettingValue *value) {
        switch (setting->form) {
        case SETTING_FORM_STRING:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, value->string);
        case SETTING_FORM_BOOL:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, (int) value->boolean);
        case SETTING_FORM_NUMBER:
        case SETTING_FORM_USER:
        case SETTING_FORM_GROUP:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, value->number);
        case SETTING_FORM_VLAN:
                return sd_bus_message_append(call, "{sv}", setting->key, setting->type, (int) value->number);
        case SETTING_FORM_TRUNK:
                return append_trunk(call, setting, &value->trunk);
        }

        return -EINVAL;
}

int settings_check_one(const Settings *settings, size_t n, const char *verb) {
        if (n <= 1 || !settings->given[SETTING_INTERFACE_ID])
                return 0;

        report("--interface-id", "a logical port is one TAP's, and %zu are named", n);
        return report_usage(verb);
}

int settings_append(const Settings *settings, sd_bus_message *call) {
        int r;

        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");
        for (size_t i = 0; i < _SETTING_MAX && r >= 0; i++)
                if (settings->given[i])
                        r = append_setting(call, &settings_table[i], &settings->values[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call);

        return r < 0 ? r : 0;
}

int name_check_sendable(const char *name, const char *what, const char *verb) {
        /* To tapd "" means "any name". On a command line it is a variable of a script that is not set. */
        if (*name && text_is_utf8(name))
                return 0;

        report(NULL, "\"%s\" is not a name for a %s", name, what);
        return report_usage(verb);
}

int names_check(const char *const *names, size_t n, const char *verb) {
        int status = 0;

        for (size_t i = 0; i < n && status == 0; i++)
                status = name_check_sendable(names[i], "TAP", verb);

        return status;
}
