/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tap-info.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "names.h"
#include "text.h"

/* Of one element of ListTaps, see org.tapd1.Manager.xml. */
#define LISTED_SIGNATURE "sssuuubbuusussssitsqs"

const Field field_table[_FIELD_MAX] = {
        [FIELD_NAME] = { "Name", "NAME", FIELD_FORM_TEXT, offsetof(TapInfo, name), "Name of the interface" },
        [FIELD_KIND] = { "Kind", "KIND", FIELD_FORM_TEXT, offsetof(TapInfo, kind), "tap or tun" },
        [FIELD_LIFETIME] = { "Lifetime", "LIFETIME", FIELD_FORM_TEXT, offsetof(TapInfo, lifetime),
                             "How long it lives" },
        [FIELD_CREATOR_UID] = { "CreatorUID", "CREATOR", FIELD_FORM_USER, offsetof(TapInfo, creator_uid),
                                "User who asked for it" },
        [FIELD_USER] = { "User", "USER", FIELD_FORM_USER, offsetof(TapInfo, user), "User who may open it by name" },
        [FIELD_GROUP] = { "Group", "GROUP", FIELD_FORM_GROUP, offsetof(TapInfo, group),
                          "Group whose members may open it by name" },
        [FIELD_SHARED] = { "Shared", "SHARED", FIELD_FORM_BOOLEAN, offsetof(TapInfo, shared),
                           "Whether every member of the group may open it" },
        [FIELD_MULTI_QUEUE] = { "MultiQueue", "MULTI-QUEUE", FIELD_FORM_BOOLEAN, offsetof(TapInfo, multi_queue),
                                "Whether it takes several queues" },
        [FIELD_QUEUES_ATTACHED] = { "QueuesAttached", "QUEUES", FIELD_FORM_UNSIGNED, offsetof(TapInfo, queues_attached),
                                    "Queues that programs have open" },
        [FIELD_QUEUES_DETACHED] = { "QueuesDetached", "DETACHED", FIELD_FORM_UNSIGNED,
                                    offsetof(TapInfo, queues_detached), "Queues that are open and switched off" },
        [FIELD_MAC_ADDRESS] = { "MACAddress", "MAC", FIELD_FORM_OPTIONAL_TEXT, offsetof(TapInfo, mac_address),
                                "MAC address of the host's side" },
        [FIELD_MTU_BYTES] = { "MTUBytes", "MTU", FIELD_FORM_UNSIGNED, offsetof(TapInfo, mtu_bytes),
                              "Largest packet in bytes" },
        [FIELD_ADMINISTRATIVE_STATE] = { "AdministrativeState", "ADMIN", FIELD_FORM_TEXT,
                                         offsetof(TapInfo, administrative_state), "Whether it was brought up" },
        [FIELD_OPERATIONAL_STATE] = { "OperationalState", "OPER", FIELD_FORM_TEXT, offsetof(TapInfo, operational_state),
                                      "Whether frames pass: up only while a program has it open" },
        [FIELD_STATE] = { "State", "STATE", FIELD_FORM_TEXT, offsetof(TapInfo, state), "What tapd thinks of it" },
        [FIELD_DESCRIPTION] = { "Description", "DESCRIPTION", FIELD_FORM_TEXT, offsetof(TapInfo, description),
                                "What it is for" },
        [FIELD_IFINDEX] = { "Ifindex", "IFINDEX", FIELD_FORM_SIGNED, offsetof(TapInfo, ifindex),
                            "The kernel's number of the interface" },
        [FIELD_IDLE_SINCE_USEC] = { "IdleSinceUSec", "IDLE", FIELD_FORM_IDLE, offsetof(TapInfo, idle_since_usec),
                                    "For how long no program has had it open" },
        [FIELD_VNET_HEADER] = { "VNetHeader", "VNET-HEADER", FIELD_FORM_BOOLEAN, offsetof(TapInfo, vnet_header), NULL },
        [FIELD_PACKET_INFO] = { "PacketInfo", "PACKET-INFO", FIELD_FORM_BOOLEAN, offsetof(TapInfo, packet_info), NULL },
        [FIELD_TRANSMIT_QUEUE_LENGTH] = { "TransmitQueueLength", "TRANSMIT-QUEUE-LENGTH", FIELD_FORM_UNSIGNED,
                                          offsetof(TapInfo, transmit_queue_length), NULL },
        [FIELD_CARRIER] = { "Carrier", "CARRIER", FIELD_FORM_BOOLEAN, offsetof(TapInfo, carrier), NULL },
        [FIELD_GUEST_MAC_ADDRESS] = { "GuestMACAddress", "GUEST-MAC", FIELD_FORM_OPTIONAL_TEXT,
                                      offsetof(TapInfo, guest_mac_address), NULL },
        [FIELD_SOURCE] = { "Source", "SOURCE", FIELD_FORM_TEXT, offsetof(TapInfo, source), NULL },
        [FIELD_CREATED_USEC] = { "CreatedUSec", "CREATED", FIELD_FORM_LONG, offsetof(TapInfo, created_usec), NULL },
        [FIELD_STATE_REASON] = { "StateReason", "REASON", FIELD_FORM_OPTIONAL_TEXT, offsetof(TapInfo, state_reason),
                                 NULL },
};

FieldId field_find_column(const char *column, size_t length) {
        for (FieldId id = 0; id < _FIELD_LISTED; id++)
                if (strlen(field_table[id].column) == length &&
                    strncasecmp(field_table[id].column, column, length) == 0)
                        return id;

        return _FIELD_MAX;
}

static char form_type(FieldForm form) {
        switch (form) {
        case FIELD_FORM_TEXT:
        case FIELD_FORM_OPTIONAL_TEXT:
                return SD_BUS_TYPE_STRING;
        case FIELD_FORM_BOOLEAN:
                return SD_BUS_TYPE_BOOLEAN;
        case FIELD_FORM_SIGNED:
                return SD_BUS_TYPE_INT32;
        case FIELD_FORM_UNSIGNED:
        case FIELD_FORM_USER:
        case FIELD_FORM_GROUP:
                return SD_BUS_TYPE_UINT32;
        case FIELD_FORM_LONG:
        case FIELD_FORM_IDLE:
                return SD_BUS_TYPE_UINT64;
        }

        return SD_BUS_TYPE_STRING;
}

static void tap_info_init(TapInfo *info) {
        *info = (TapInfo){ .creator_uid = TAPD_ID_UNSET, .user = TAPD_ID_UNSET, .group = TAPD_ID_UNSET };
}

static void *member_of(TapInfo *info, FieldId id) {
        return (char *) info + field_table[id].offset;
}

static const void *value_of(const TapInfo *info, FieldId id) {
        return (const char *) info + field_table[id].offset;
}

static uint32_t number_of(const TapInfo *info, FieldId id) {
        return *(const uint32_t *) value_of(info, id);
}

static const char *text_of(const TapInfo *info, FieldId id) {
        return *(const char *const *) value_of(info, id);
}

int tap_info_enter_list(sd_bus_message *message) {
        int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "(" LISTED_SIGNATURE ")");

        return r < 0 ? r : 0;
}

int tap_info_read_listed(TapInfo *info, sd_bus_message *message) {
        int r;

        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_STRUCT, LISTED_SIGNATURE);
        if (r <= 0)
                return r;

        tap_info_init(info);
        for (FieldId id = 0; id < _FIELD_LISTED; id++) {
                r = sd_bus_message_read_basic(message, form_type(field_table[id].form), member_of(info, id));
                if (r <= 0)
                        return r < 0 ? r : -EBADMSG;
                info->told |= UINT32_C(1) << id;
        }

        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 1;
}

FieldId field_find_key(const char *key) {
        for (FieldId id = 0; id < _FIELD_MAX; id++)
                if (strcmp(field_table[id].key, key) == 0)
                        return id;

        return _FIELD_MAX;
}

static int read_property(TapInfo *info, sd_bus_message *message) {
        const char *key;
        char signature[2] = {};
        FieldId id;
        int r;

        r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &key);
        if (r < 0)
                return r;

        id = field_find_key(key);
        if (id == _FIELD_MAX)
                return sd_bus_message_skip(message, "v");

        signature[0] = form_type(field_table[id].form);
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_VARIANT, signature);
        if (r >= 0)
                r = sd_bus_message_read_basic(message, signature[0], member_of(info, id));
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r >= 0)
                info->told |= UINT32_C(1) << id;

        return r;
}

int tap_info_read_all(TapInfo *info, sd_bus_message *message) {
        int r;

        tap_info_init(info);
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_property(info, message);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

bool tap_info_is_absent(const TapInfo *info) {
        return info->told & UINT32_C(1) << FIELD_IFINDEX && info->ifindex == 0;
}

/* What only a device has: where there is none, tapd tells no value that means something. */
static bool is_missing(const TapInfo *info, FieldId id) {
        switch (id) {
        case FIELD_QUEUES_ATTACHED:
        case FIELD_QUEUES_DETACHED:
        case FIELD_MAC_ADDRESS:
        case FIELD_MTU_BYTES:
        case FIELD_ADMINISTRATIVE_STATE:
        case FIELD_OPERATIONAL_STATE:
        case FIELD_IFINDEX:
        case FIELD_IDLE_SINCE_USEC:
        case FIELD_TRANSMIT_QUEUE_LENGTH:
        case FIELD_CARRIER:
        case FIELD_GUEST_MAC_ADDRESS:
        case FIELD_CREATED_USEC:
                return tap_info_is_absent(info);
        default:
                return false;
        }
}

/* A clock that was set back makes it idle for nothing. */
static void format_idle(uint64_t since, char *buffer, size_t size) {
        uint64_t now = text_now_usec();

        if (since == 0)
                snprintf(buffer, size, "-");
        else
                text_format_span(now > since ? (now - since) / 1000000 : 0, buffer, size);
}

int tap_info_format(const TapInfo *info, FieldId id, IdNames *names, char **ret) {
        const char *text = NULL;
        char number[24];

        if (is_missing(info, id))
                return text_make_safe("-", ret);

        switch (field_table[id].form) {
        case FIELD_FORM_TEXT:
                text = text_of(info, id) ? text_of(info, id) : "";
                break;
        case FIELD_FORM_OPTIONAL_TEXT:
                text = text_of(info, id) && *text_of(info, id) ? text_of(info, id) : "-";
                break;
        case FIELD_FORM_BOOLEAN:
                text = *(const int *) value_of(info, id) ? "yes" : "no";
                break;
        case FIELD_FORM_USER:
                text = id_names_user(names, number_of(info, id));
                break;
        case FIELD_FORM_GROUP:
                text = id_names_group(names, number_of(info, id));
                break;
        case FIELD_FORM_SIGNED:
                snprintf(number, sizeof(number), "%" PRId32, *(const int32_t *) value_of(info, id));
                text = number;
                break;
        case FIELD_FORM_UNSIGNED:
                snprintf(number, sizeof(number), "%" PRIu32, number_of(info, id));
                text = number;
                break;
        case FIELD_FORM_LONG:
                snprintf(number, sizeof(number), "%" PRIu64, *(const uint64_t *) value_of(info, id));
                text = number;
                break;
        case FIELD_FORM_IDLE:
                format_idle(*(const uint64_t *) value_of(info, id), number, sizeof(number));
                text = number;
                break;
        }

        return text ? text_make_safe(text, ret) : -ENOMEM;
}

void tap_info_write_json(const TapInfo *info, FieldId id, Json *json) {
        json_key(json, field_table[id].key);
        if (is_missing(info, id)) {
                json_null(json);
                return;
        }

        switch (field_table[id].form) {
        case FIELD_FORM_TEXT:
                json_string(json, text_of(info, id));
                break;
        case FIELD_FORM_OPTIONAL_TEXT:
                json_string(json, text_of(info, id) && *text_of(info, id) ? text_of(info, id) : NULL);
                break;
        case FIELD_FORM_BOOLEAN:
                json_boolean(json, *(const int *) value_of(info, id));
                break;
        case FIELD_FORM_USER:
        case FIELD_FORM_GROUP:
                if (number_of(info, id) == TAPD_ID_UNSET)
                        json_null(json);
                else
                        json_unsigned(json, number_of(info, id));
                break;
        case FIELD_FORM_SIGNED:
                json_signed(json, *(const int32_t *) value_of(info, id));
                break;
        case FIELD_FORM_UNSIGNED:
                json_unsigned(json, number_of(info, id));
                break;
        case FIELD_FORM_LONG:
        case FIELD_FORM_IDLE:
                json_unsigned(json, *(const uint64_t *) value_of(info, id));
                break;
        }
}
