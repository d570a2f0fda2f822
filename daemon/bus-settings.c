/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* a{sv} of settings, read into a TapSpec. */
#include <string.h>

#include "bus.h"
#include "text.h"

/* a(qq); more ranges than a trunk may have are read and counted, for spec_set() to refuse. */
static int read_trunk(sd_bus_message *message, Trunk *ret) {
        uint16_t first, last;
        Trunk trunk = {};
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(qq)");
        while (r >= 0 && (r = sd_bus_message_read(message, "(qq)", &first, &last)) > 0) {
                if (trunk.n_ranges < TRUNK_RANGES_MAX)
                        trunk.ranges[trunk.n_ranges] = (VlanRange){ first, last };
                trunk.n_ranges++;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;

        *ret = trunk;
        return 0;
}

static int read_value(sd_bus_message *message, const Setting *setting, SettingValue *ret) {
        uint16_t vlan = 0;
        int boolean, r;

        r = sd_bus_message_enter_container(message, 'v', setting->type);
        if (r < 0)
                return r;

        switch (setting->form) {
        case SETTING_FORM_STRING:
                r = sd_bus_message_read_basic(message, 's', &ret->string);
                break;
        case SETTING_FORM_BOOL:
                r = sd_bus_message_read_basic(message, 'b', &boolean);
                ret->boolean = r >= 0 && boolean;
                break;
        case SETTING_FORM_NUMBER:
        case SETTING_FORM_USER:
        case SETTING_FORM_GROUP:
                r = sd_bus_message_read_basic(message, 'u', &ret->number);
                break;
        case SETTING_FORM_VLAN:
                r = sd_bus_message_read_basic(message, 'q', &vlan);
                ret->number = vlan;
                break;
        case SETTING_FORM_TRUNK:
                r = read_trunk(message, &ret->trunk);
                break;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

/* One {sv}, inside of its container. */
static int read_setting(sd_bus_message *message, TapSpec *spec, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];
        const char *key, *type;
        const Setting *setting;
        SettingValue value = {};
        int r;

        r = sd_bus_message_read_basic(message, 's', &key);
        if (r < 0)
                return bus_bad_message(fault, r);

        setting = setting_find(key);
        if (!setting)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown option \"%s\"", text_escape(key, shown));

        /* Reading a variant as another type would leave as System.Error.ENXIO. */
        r = sd_bus_message_peek_type(message, NULL, &type);
        if (r < 0)
                return bus_bad_message(fault, r);
        if (strcmp(type, setting->type) != 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: expected %s, got %s", key, setting->type,
                                 text_escape(type, shown));

        r = read_value(message, setting, &value);
        if (r < 0)
                return bus_bad_message(fault, r);

        return spec_set(spec, setting, &value, fault);
}

int bus_read_settings(sd_bus_message *message, TapSpec *spec, Fault *fault) {
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_setting(message, spec, fault);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);

        return r < 0 ? bus_bad_message(fault, r) : 0;
}
