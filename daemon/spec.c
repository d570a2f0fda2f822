/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

const char *spec_mac_format(const uint8_t mac[static 6], char text[static SPEC_MAC_SIZE]) {
        (void) snprintf(text, SPEC_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                        mac[5]);
        return text;
}

int spec_mac_parse(const char *text, uint8_t mac[static 6]) {
        /* sscanf(3) would take blanks and signs. */
        if (strlen(text) != SPEC_MAC_SIZE - 1)
                return -EINVAL;

        for (size_t i = 0; i < SPEC_MAC_SIZE - 1; i++)
                if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char) text[i]))
                        return -EINVAL;

        for (size_t i = 0; i < 6; i++)
                mac[i] = (uint8_t) strtoul(text + 3 * i, NULL, 16);

        return 0;
}

static int set_mac(TapSpec *spec, const char *value, Fault *fault) {
        static const uint8_t zero[6];
        char shown[TEXT_ESCAPED_SIZE];

        if (spec_mac_parse(value, spec->mac) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                 "MACAddress=: \"%s\", not of the form aa:bb:cc:dd:ee:ff", text_escape(value, shown));
        if (spec->mac[0] & 1)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "MACAddress=: %s is a multicast address", value);
        if (memcmp(spec->mac, zero, sizeof(zero)) == 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "MACAddress=: %s is zero", value);

        spec->has_mac = true;
        return 0;
}

static int set_number(uint32_t *number, const Setting *setting, uint32_t value, uint32_t min, uint32_t max,
                      Fault *fault) {
        if (value < min || value > max)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: %u, not in %u..%u", setting->key, value, min,
                                 max);

        *number = value;
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
        case SETTING_MAC_ADDRESS:
                return set_mac(spec, value->string, fault);
        case SETTING_MTU_BYTES:
                return set_number(&spec->mtu, setting, value->number, SPEC_MTU_MIN, SPEC_MTU_MAX, fault);
        case SETTING_TRANSMIT_QUEUE_LENGTH:
                return set_number(&spec->transmit_queue_length, setting, value->number, 0,
                                  SPEC_TRANSMIT_QUEUE_LENGTH_MAX, fault);
        case SETTING_SWITCH:
        case SETTING_VLAN:
        case SETTING_TRUNK:
        case SETTING_ISOLATED:
        case SETTING_INTERFACE_ID:
                return portspec_set(&spec->port, setting, value, fault);
        case _SETTING_MAX:
                break;
        }

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown setting");
}

bool spec_is_given(const TapSpec *spec, SettingId id) {
        return spec->given & UINT32_C(1) << id;
}

void spec_forget(TapSpec *spec, SettingId id) {
        spec->given &= ~(UINT32_C(1) << id);
        if (id == SETTING_MAC_ADDRESS)
                spec->has_mac = false;
}

static const char *format_number(uint32_t number, char value[static SPEC_VALUE_SIZE]) {
        if (number == SPEC_UNSET)
                return "";

        (void) snprintf(value, SPEC_VALUE_SIZE, "%u", number);
        return value;
}

static const char *format_flag(bool flag) {
        return flag ? "yes" : "no";
}

const char *spec_format(const TapSpec *spec, SettingId id, char value[static SPEC_VALUE_SIZE]) {
        switch (id) {
        case SETTING_KIND:
                return spec_kind_name(spec);
        case SETTING_USER:
                return format_number(spec->user, value);
        case SETTING_GROUP:
                return format_number(spec->group, value);
        case SETTING_SHARED:
                return format_flag(spec->shared);
        case SETTING_MULTI_QUEUE:
                return format_flag(spec->mode.multi_queue);
        case SETTING_VNET_HEADER:
                return format_flag(spec->mode.vnet_header);
        case SETTING_PACKET_INFO:
                return format_flag(spec->mode.packet_info);
        case SETTING_UP:
                return format_flag(spec->up);
        case SETTING_DESCRIPTION:
                return spec->description;
        case SETTING_MAC_ADDRESS:
                return spec->has_mac ? spec_mac_format(spec->mac, value) : "";
        case SETTING_MTU_BYTES:
                return format_number(spec->mtu, value);
        case SETTING_TRANSMIT_QUEUE_LENGTH:
                return format_number(spec->transmit_queue_length, value);
        case SETTING_SWITCH:
                return spec->port.switch_name;
        case SETTING_VLAN:
                return format_number(spec->port.vlan ? spec->port.vlan : SPEC_UNSET, value);
        case SETTING_TRUNK:
                return trunk_format(&spec->port.trunk, ' ', value);
        case SETTING_ISOLATED:
                return format_flag(spec->port.isolated);
        case SETTING_INTERFACE_ID:
                return spec->port.interface_id;
        case _SETTING_MAX:
                break;
        }

        return "";
}

int spec_set(TapSpec *spec, const Setting *setting, const SettingValue *value, Fault *fault) {
        if (spec_is_given(spec, setting->id))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: given twice", setting->key);

        spec->given |= UINT32_C(1) << setting->id;
        return set_value(spec, setting, value, fault);
}

int spec_complete(TapSpec *spec, const SpecDefaults *defaults, const SpecOwner *owner, Fault *fault) {
        if (spec->shared && spec_is_given(spec, SETTING_USER))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Shared=: not together with User=");

        /* Root makes TAPs for others, and the seed's two lines were root's. */
        if (!spec_is_given(spec, SETTING_SHARED))
                spec->shared = owner->uid == 0 && !spec_is_given(spec, SETTING_USER);
        if (!spec_is_given(spec, SETTING_USER) && !spec->shared)
                spec->user = owner->uid;

        /* The kernel wants user and group both: with a group that he is not in, his own TAP would be closed to him. */
        if (!spec_is_given(spec, SETTING_GROUP) &&
            (spec->user != owner->uid || owner->in_default_group || owner->uid == 0))
                spec->group = defaults->group;

        if (!spec_is_given(spec, SETTING_MULTI_QUEUE))
                spec->mode.multi_queue = defaults->multi_queue;

        if (spec->mode.tun && spec->has_mac)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "MACAddress=: needs Kind=tap");

        if (spec->user == TAPD_ID_UNSET && spec->group == TAPD_ID_UNSET)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                 "Group=: with neither User nor Group it would be open to every user");

        return portspec_check(&spec->port, spec->mode.tun, fault);
}

int spec_complete_ephemeral(TapSpec *spec, unsigned n_queues, Fault *fault) {
        static const SettingId none[] = { SETTING_USER, SETTING_GROUP, SETTING_SHARED };

        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                if (spec_is_given(spec, none[i]))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                         "%s=: nobody opens by name what is handed out as descriptors",
                                         settings_table[none[i]].key);

        if (!spec->mode.multi_queue && n_queues > 1)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "MultiQueue=: no, but %u queues", n_queues);

        if (!spec_is_given(spec, SETTING_VNET_HEADER))
                spec->mode.vnet_header = true;

        /* Whoever it is for: what the gate looks at is the caller's own. */
        spec->shared = false;
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
                [SETTING_MAC_ADDRESS] = a->has_mac != b->has_mac || (a->has_mac && memcmp(a->mac, b->mac, 6) != 0),
                [SETTING_MTU_BYTES] = a->mtu != b->mtu,
                [SETTING_TRANSMIT_QUEUE_LENGTH] = a->transmit_queue_length != b->transmit_queue_length,
                [SETTING_SWITCH] = strcmp(a->port.switch_name, b->port.switch_name) != 0,
                [SETTING_VLAN] = a->port.vlan != b->port.vlan,
                [SETTING_TRUNK] = !trunk_equals(&a->port.trunk, &b->port.trunk),
                [SETTING_ISOLATED] = a->port.isolated != b->port.isolated,
                [SETTING_INTERFACE_ID] = strcmp(a->port.interface_id, b->port.interface_id) != 0,
        };

        for (size_t i = 0; i < _SETTING_MAX; i++)
                if (differs[i])
                        return &settings_table[i];

        return NULL;
}

/* What a device is made with, and why it stays so; NULL: it can change. */
static const char *why_fixed(const TapSpec *spec, bool is_ephemeral, SettingId id) {
        switch (id) {
        case SETTING_KIND:
        case SETTING_MULTI_QUEUE:
                return "is fixed when the device is made";
        case SETTING_VNET_HEADER:
        case SETTING_PACKET_INFO:
                return "is fixed by who opens the first queue";
        case SETTING_SHARED:
                return "the kernel cannot unset the user of a device";
        case SETTING_MAC_ADDRESS:
                return spec->mode.tun ? "needs Kind=tap" : NULL;
        case SETTING_SWITCH:
        case SETTING_VLAN:
        case SETTING_TRUNK:
        case SETTING_ISOLATED:
        case SETTING_INTERFACE_ID:
                return "is where it is plugged in: that changes with Plug and Unplug";
        case SETTING_USER:
        case SETTING_GROUP:
                return is_ephemeral ? "nobody opens by name what was handed out as descriptors" : NULL;
        case SETTING_UP:
        case SETTING_DESCRIPTION:
        case SETTING_MTU_BYTES:
        case SETTING_TRANSMIT_QUEUE_LENGTH:
        case _SETTING_MAX:
                break;
        }

        return NULL;
}

static void take_setting(TapSpec *spec, const TapSpec *change, SettingId id) {
        switch (id) {
        case SETTING_USER:
                spec->user = change->user;
                spec->shared = false;
                break;
        case SETTING_GROUP:
                spec->group = change->group;
                break;
        case SETTING_UP:
                spec->up = change->up;
                break;
        case SETTING_DESCRIPTION:
                memcpy(spec->description, change->description, sizeof(spec->description));
                break;
        case SETTING_MAC_ADDRESS:
                spec->has_mac = true;
                memcpy(spec->mac, change->mac, sizeof(spec->mac));
                break;
        case SETTING_MTU_BYTES:
                spec->mtu = change->mtu;
                break;
        case SETTING_TRANSMIT_QUEUE_LENGTH:
                spec->transmit_queue_length = change->transmit_queue_length;
                break;
        case SETTING_KIND:
        case SETTING_MULTI_QUEUE:
        case SETTING_VNET_HEADER:
        case SETTING_PACKET_INFO:
        case SETTING_SHARED:
        case SETTING_SWITCH:
        case SETTING_VLAN:
        case SETTING_TRUNK:
        case SETTING_ISOLATED:
        case SETTING_INTERFACE_ID:
        case _SETTING_MAX:
                break;
        }
}

int spec_change(TapSpec *spec, const TapSpec *change, bool is_ephemeral, Fault *fault) {
        for (SettingId id = 0; id < _SETTING_MAX; id++) {
                const char *why = spec_is_given(change, id) ? why_fixed(spec, is_ephemeral, id) : NULL;

                if (why)
                        return fault_set(fault, TAPD_ERROR_NOT_SUPPORTED, "%s=: %s%s", settings_table[id].key, why,
                                         id < SETTING_PORT_FIRST ? "; delete the TAP and create it anew" : "");
        }

        if (spec_is_given(change, SETTING_GROUP) && change->group == TAPD_ID_UNSET && spec->group != TAPD_ID_UNSET)
                return fault_set(
                        fault, TAPD_ERROR_NOT_SUPPORTED,
                        "Group=: the kernel cannot unset the group of a device; delete the TAP and create it anew");

        for (SettingId id = 0; id < _SETTING_MAX; id++)
                if (spec_is_given(change, id))
                        take_setting(spec, change, id);

        return 0;
}

const char *spec_kind_name(const TapSpec *spec) {
        return spec->mode.tun ? "tun" : "tap";
}
