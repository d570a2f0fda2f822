/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "id-names.h"
#include "json.h"
#include "settings.h"

typedef enum FieldId {
        FIELD_NAME,
        FIELD_KIND,
        FIELD_LIFETIME,
        FIELD_CREATOR_UID,
        FIELD_USER,
        FIELD_GROUP,
        FIELD_SHARED,
        FIELD_MULTI_QUEUE,
        FIELD_QUEUES_ATTACHED,
        FIELD_QUEUES_DETACHED,
        FIELD_MAC_ADDRESS,
        FIELD_MTU_BYTES,
        FIELD_ADMINISTRATIVE_STATE,
        FIELD_OPERATIONAL_STATE,
        FIELD_STATE,
        FIELD_DESCRIPTION,
        FIELD_IFINDEX,
        FIELD_IDLE_SINCE_USEC,
        FIELD_SWITCH,
        FIELD_VLAN,
        FIELD_TRUNK,
        _FIELD_LISTED, /* those before are in ListTaps, in this order */
        FIELD_VNET_HEADER = _FIELD_LISTED,
        FIELD_PACKET_INFO,
        FIELD_TRANSMIT_QUEUE_LENGTH,
        FIELD_CARRIER,
        FIELD_GUEST_MAC_ADDRESS,
        FIELD_SOURCE,
        FIELD_CREATED_USEC,
        FIELD_STATE_REASON,
        FIELD_SWITCH_KIND,
        FIELD_ISOLATED,
        FIELD_INTERFACE_ID,
        _FIELD_MAX,
} FieldId;

/* A bit for each of them. */
typedef uint64_t FieldSet;
#define FIELD_BIT(id) (UINT64_C(1) << (id))

/* What tapd tells about a TAP. Strings are the message's; NULL where it was not told. */
typedef struct TapInfo {
        const char *name, *kind, *lifetime, *state, *administrative_state, *operational_state;
        const char *mac_address, *guest_mac_address, *description, *source, *state_reason;
        const char *switch_name, *switch_kind, *interface_id;
        uint32_t creator_uid, user, group;
        uint32_t queues_attached, queues_detached, mtu_bytes, transmit_queue_length;
        int32_t ifindex;
        int shared, multi_queue, vnet_header, packet_info, carrier, isolated;
        uint16_t vlan;
        Trunk trunk;
        bool trunk_is_long; /* it has more ranges than a Trunk holds: somebody else plugged it in; @trunk is empty */
        uint64_t created_usec, idle_since_usec;
        FieldSet told; /* this message told it */
} TapInfo;

typedef enum FieldForm {
        FIELD_FORM_TEXT,
        FIELD_FORM_OPTIONAL_TEXT, /* empty means that there is none: null in JSON */
        FIELD_FORM_BOOLEAN,
        FIELD_FORM_SIGNED,   /* 32 bits */
        FIELD_FORM_UNSIGNED, /* 32 bits */
        FIELD_FORM_LONG,     /* unsigned, 64 bits */
        FIELD_FORM_IDLE,     /* the same, microseconds since the epoch; 0: it is not idle */
        FIELD_FORM_USER,     /* uid */
        FIELD_FORM_GROUP,    /* gid */
        FIELD_FORM_VLAN,     /* 0: none, null in JSON */
        FIELD_FORM_TRUNK,    /* in JSON an array of [first, last] */
} FieldForm;

typedef struct Field {
        const char *key;    /* the property's name on the bus, and the key in JSON */
        const char *column; /* its heading in a table, and in small letters its name where changes are told */
        FieldForm form;
        size_t offset;    /* in TapInfo */
        const char *help; /* NULL where it is not in ListTaps */
} Field;

extern const Field field_table[_FIELD_MAX];

/* The field with that heading, case does not count; _FIELD_MAX where there is none. */
FieldId field_find_column(const char *column, size_t length);

/* Enters the array that ListTaps returns. 0 or -errno. */
int tap_info_enter_list(sd_bus_message *message);

/* Reads one element of it. 1, 0 at the end of the array, or -errno. */
int tap_info_read_listed(TapInfo *info, sd_bus_message *message);

/* The field that is this property; _FIELD_MAX where there is none. */
FieldId field_find_key(const char *key);

/* Reads the a{sv} that Properties.GetAll returns and PropertiesChanged brings; properties unknown here are skipped. 0
 * or -errno. */
int tap_info_read_all(TapInfo *info, sd_bus_message *message);

/* Whether it is declared and has no device just now. */
bool tap_info_is_absent(const TapInfo *info);

/* How many queues programs have open. The kernel does not count the one queue of a single-queue TAP; it is told by the
 * carrier. */
uint32_t tap_info_count_queues(const TapInfo *info);

/* Makes the text of a field, safe to print. 0 or -ENOMEM. */
int tap_info_format(const TapInfo *info, FieldId id, IdNames *names, char **ret);

/* What a table shows of both kinds of VLANs: "20" untagged, "+10,20-29" tagged, "1+10" both, "-" neither. Of a list of
 * more than VLANS_SHOWN_MAX characters the rest is "...". */
#define VLANS_SHOWN_MAX 20
#define VLANS_SHOWN_SIZE (sizeof("65535+") + VLANS_SHOWN_MAX)
void tap_info_format_vlans(const TapInfo *info, char text[static VLANS_SHOWN_SIZE]);

/* Writes a field as a pair of key and value. */
void tap_info_write_json(const TapInfo *info, FieldId id, Json *json);
