/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spec.h"

#include <stdio.h>
#include <string.h>

#include "names.h"
#include "text.h"

static int set_kind(TapSpec *spec, const char *value, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        if (strcmp(value, "tap") != 0 && strcmp(value, "tun") != 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Kind=: \"%s\", tap or tun",
                                 text_escape(value, shown));

        spec->mode.tun = strcmp(value, "tun") == 0;
        return 0;
}

static int set_description(TapSpec *spec, const char *value, Fault *fault) {
        size_t length = strlen(value);
        char shown[TEXT_ESCAPED_SIZE];

        if (length > SPEC_DESCRIPTION_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Description=: %zu bytes, at most %d", length,
                                 SPEC_DESCRIPTION_MAX);
        if (!text_is_printable(value))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Description=: \"%s\", control characters",
                                 text_escape(value, shown));

        (void) snprintf(spec->description, sizeof(spec->description), "%s", value);
        return 0;
}

static int set_id(uint32_t *id, const Setting *setting, uint32_t value, Fault *fault) {
        bool none_is_a_value = setting->form == SETTING_FORM_GROUP;

        if (value == UINT16_MAX || (value == TAPD_ID_UNSET && !none_is_a_value))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: %u means nobody", setting->key, value);

        *id = value;
        return 0;
}

static int set_value(TapSpec *spec, const Setting *setting, const SettingValue *value, Fault *fault) {
        switch (setting->id) {
        case SETTING_KIND:
                return set_kind(spec, value->string, fault);
        case SETTING_USER:
                return set_id(&spec->user, setting, value->number, fault);
        case SETTING_GROUP:
                return set_id(&spec->group, setting, value->number, fault);
        case SETTING_SHARED:
                spec->shared = value->boolean;
                return 0;
        case SETTING_MULTI_QUEUE:
                spec->mode.multi_queue = value->boolean;
                return 0;
        case SETTING_VNET_HEADER:
                spec->mode.vnet_header = value->boolean;
                return 0;
        case SETTING_PACKET_INFO:
                spec->mode.packet_info = value->boolean;
                return 0;
        case SETTING_UP:
                spec->up = value->boolean;
                return 0;
        case SETTING_DESCRIPTION:
                return set_description(spec, value->string, fault);
        case _SETTING_MAX:
                break;
        }

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown setting");
}

static bool is_given(const TapSpec *spec, SettingId id) {
        return spec->given & UINT32_C(1) << id;
}

int spec_set(TapSpec *spec, const Setting *setting, const SettingValue *value, Fault *fault) {
        if (is_given(spec, setting->id))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: given twice", setting->key);

        spec->given |= UINT32_C(1) << setting->id;
        return set_value(spec, setting, value, fault);
}

int spec_complete(TapSpec *spec, const SpecDefaults *defaults, const SpecOwner *owner, Fault *fault) {
        if (spec->shared && is_given(spec, SETTING_USER))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Shared=: not together with User=");

        /* Root makes TAPs for others, and the seed's two lines were root's. */
        if (!is_given(spec, SETTING_SHARED))
                spec->shared = owner->uid == 0 && !is_given(spec, SETTING_USER);
        if (!is_given(spec, SETTING_USER) && !spec->shared)
                spec->user = owner->uid;

        /* The kernel wants user and group both: with a group that he is not in, his own TAP would be closed to him. */
        if (!is_given(spec, SETTING_GROUP) && (spec->user != owner->uid || owner->in_default_group || owner->uid == 0))
                spec->group = defaults->group;

        if (!is_given(spec, SETTING_MULTI_QUEUE))
                spec->mode.multi_queue = defaults->multi_queue;

        if (spec->user == TAPD_ID_UNSET && spec->group == TAPD_ID_UNSET)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                 "Group=: with neither User nor Group it would be open to every user");

        return 0;
}

const Setting *spec_compare(const TapSpec *a, const TapSpec *b) {
        const bool differs[_SETTING_MAX] = {
                [SETTING_KIND] = a->mode.tun != b->mode.tun,
                [SETTING_USER] = a->user != b->user,
                [SETTING_GROUP] = a->group != b->group,
                [SETTING_SHARED] = a->shared != b->shared,
                [SETTING_MULTI_QUEUE] = a->mode.multi_queue != b->mode.multi_queue,
                [SETTING_VNET_HEADER] = a->mode.vnet_header != b->mode.vnet_header,
                [SETTING_PACKET_INFO] = a->mode.packet_info != b->mode.packet_info,
                [SETTING_UP] = a->up != b->up,
                [SETTING_DESCRIPTION] = strcmp(a->description, b->description) != 0,
        };

        for (size_t i = 0; i < _SETTING_MAX; i++)
                if (differs[i])
                        return &settings_table[i];

        return NULL;
}

const char *spec_kind_name(const TapSpec *spec) {
        return spec->mode.tun ? "tun" : "tap";
}
