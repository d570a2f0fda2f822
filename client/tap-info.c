/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tap-info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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
        [FIELD_SWITCH] = { "Switch", "SWITCH", FIELD_FORM_OPTIONAL_TEXT, offsetof(TapInfo, switch_name),
                           "Switch that it is plugged into" },
        [FIELD_VLAN] = { "VLAN", "VLAN", FIELD_FORM_VLAN, offsetof(TapInfo, vlan),
                         "Its VLANs there: untagged, and behind \"+\" tagged" },
        [FIELD_TRUNK] = { "Trunk", "TRUNK", FIELD_FORM_TRUNK, offsetof(TapInfo, trunk), "VLANs that it gets tagged" },
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
        [FIELD_SWITCH_KIND] = { "SwitchKind", "SWITCH-KIND", FIELD_FORM_OPTIONAL_TEXT, offsetof(TapInfo, switch_kind),
                                NULL },
        [FIELD_ISOLATED] = { "Isolated", "ISOLATED", FIELD_FORM_BOOLEAN, offsetof(TapInfo, isolated), NULL },
        [FIELD_INTERFACE_ID] = { "InterfaceID", "INTERFACE-ID", FIELD_FORM_OPTIONAL_TEXT,
                                 offsetof(TapInfo, interface_id), NULL },
};

FieldId field_find_column(const char *column, size_t length) {
        for (FieldId id = 0; id < _FIELD_LISTED; id++)
                if (strlen(field_table[id].column) == length &&
                    strncasecmp(field_table[id].column, column, length) == 0)
                        return id;

        return _FIELD_MAX;
}

/* Its signature as a property. */
static const char *form_signature(FieldForm form) {
        switch (form) {
        case FIELD_FORM_TEXT:
        case FIELD_FORM_OPTIONAL_TEXT:
                return "s";
        case FIELD_FORM_BOOLEAN:
                return "b";
        case FIELD_FORM_SIGNED:
                return "i";
        case FIELD_FORM_UNSIGNED:
        case FIELD_FORM_USER:
        case FIELD_FORM_GROUP:
                return "u";
        case FIELD_FORM_LONG:
        case FIELD_FORM_IDLE:
                return "t";
        case FIELD_FORM_VLAN:
                return "q";
        case FIELD_FORM_TRUNK:
                return "a(qq)";
        }

        return "";
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

static bool is_trunk(FieldId id) {
        return field_table[id].form == FIELD_FORM_TRUNK;
}

/* As a property. */
static int read_trunk(TapInfo *info, sd_bus_message *message) {
        VlanRange range;
        int r;

        info->trunk.n_ranges = 0;
        info->trunk_is_long = false;
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "(qq)");
        while (r >= 0 && (r = sd_bus_message_read(message, "(qq)", &range.first, &range.last)) > 0)
                if (range.first < VLAN_MIN || range.last > VLAN_MAX)
                        r = -EBADMSG;
                else if (info->trunk.n_ranges < TRUNK_RANGES_MAX)
                        info->trunk.ranges[info->trunk.n_ranges++] = range;
                else
                        info->trunk_is_long = true;
        if (info->trunk_is_long)
                info->trunk.n_ranges = 0;

        return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* In the list, as files write it. */
static int read_listed_trunk(TapInfo *info, sd_bus_message *message) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &text);
        if (r <= 0 || !*text)
                return r;

        r = parse_trunk(text, &info->trunk);
        info->trunk_is_long = r == -E2BIG;
        return r < 0 && r != -E2BIG ? -EBADMSG : 1;
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
                if (is_trunk(id))
                        r = read_listed_trunk(info, message);
                else
                        r = sd_bus_message_read_basic(message, *form_signature(field_table[id].form),
                                                      member_of(info, id));
                if (r <= 0)
                        return r < 0 ? r : -EBADMSG;
                info->told |= FIELD_BIT(id);
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
        const char *key, *signature;
        FieldId id;
        int r;

        r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &key);
        if (r < 0)
                return r;

        id = field_find_key(key);
        if (id == _FIELD_MAX)
                return sd_bus_message_skip(message, "v");

        signature = form_signature(field_table[id].form);
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_VARIANT, signature);
        if (r >= 0)
                r = is_trunk(id) ? read_trunk(info, message)
                                 : sd_bus_message_read_basic(message, *signature, member_of(info, id));
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r >= 0)
                info->told |= FIELD_BIT(id);

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
        return info->told & FIELD_BIT(FIELD_IFINDEX) && info->ifindex == 0;
}

uint32_t tap_info_count_queues(const TapInfo *info) {
        uint32_t n = info->queues_attached + info->queues_detached;

        return n == 0 && info->carrier ? 1 : n;
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
        case FIELD_SWITCH:
        case FIELD_SWITCH_KIND:
        case FIELD_VLAN:
        case FIELD_TRUNK:
        case FIELD_ISOLATED:
        case FIELD_INTERFACE_ID:
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

static const char *format_trunk(const TapInfo *info, char text[static TRUNK_TEXT_SIZE]) {
        if (info->trunk_is_long)
                return strcpy(text, "...");
        if (info->trunk.n_ranges == 0)
                return strcpy(text, "-");

        return trunk_format(&info->trunk, ',', text);
}

/* Leaves as many whole ranges as fit. */
static void shorten_list(char *list) {
        static const char rest[] = ",...";
        char *end = list;

        if (strlen(list) <= VLANS_SHOWN_MAX)
                return;

        for (char *comma = list; comma && comma - list <= VLANS_SHOWN_MAX - (int) strlen(rest);
             comma = strchr(comma + 1, ','))
                end = comma;
        (void) strcpy(end, rest);
}

void tap_info_format_vlans(const TapInfo *info, char text[static VLANS_SHOWN_SIZE]) {
        bool has_trunk = info->trunk.n_ranges > 0 || info->trunk_is_long;
        char list[TRUNK_TEXT_SIZE], vlan[sizeof("65535")] = "";

        (void) format_trunk(info, list);
        shorten_list(list);
        if (info->vlan > 0)
                (void) snprintf(vlan, sizeof(vlan), "%" PRIu16, info->vlan);

        if (is_missing(info, FIELD_VLAN) || (info->vlan == 0 && !has_trunk))
                (void) strcpy(text, "-");
        else
                (void) snprintf(text, VLANS_SHOWN_SIZE, "%s%s%s", vlan, has_trunk ? "+" : "", has_trunk ? list : "");
}

int tap_info_format(const TapInfo *info, FieldId id, IdNames *names, char **ret) {
        const char *text = NULL;
        char number[TRUNK_TEXT_SIZE];

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
        case FIELD_FORM_VLAN:
                snprintf(number, sizeof(number), "%" PRIu16, info->vlan);
                text = info->vlan > 0 ? number : "-";
                break;
        case FIELD_FORM_TRUNK:
                text = format_trunk(info, number);
                break;
        }

        return text ? text_make_safe(text, ret) : -ENOMEM;
}

static void write_trunk_json(const TapInfo *info, Json *json) {
        if (info->trunk_is_long) {
                json_null(json);
                return;
        }

        json_begin_array(json);
        for (size_t i = 0; i < info->trunk.n_ranges; i++) {
                json_begin_array(json);
                json_unsigned(json, info->trunk.ranges[i].first);
                json_unsigned(json, info->trunk.ranges[i].last);
                json_end_array(json);
        }
        json_end_array(json);
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
        case FIELD_FORM_VLAN:
                if (info->vlan == 0)
                        json_null(json);
                else
                        json_unsigned(json, info->vlan);
                break;
        case FIELD_FORM_TRUNK:
                write_trunk_json(info, json);
                break;
        }
}
