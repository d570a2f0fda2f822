/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one table of the settings of a TAP. A setting has the same name on the bus (the key in a{sv}) and in
 * files (the key before '='), spelled as systemd.netdev(5) spells it, and one long option of tapctl.
 * What a value may be beyond its type is spec.h's business.
 */
typedef enum SettingId {
        SETTING_KIND,
        SETTING_USER,
        SETTING_GROUP,
        SETTING_SHARED,
        SETTING_MULTI_QUEUE,
        SETTING_VNET_HEADER,
        SETTING_PACKET_INFO,
        SETTING_UP,
        SETTING_DESCRIPTION,
        SETTING_MAC_ADDRESS,
        SETTING_MTU_BYTES,
        SETTING_TRANSMIT_QUEUE_LENGTH,
        SETTING_SWITCH,
        SETTING_VLAN,
        SETTING_TRUNK,
        SETTING_ISOLATED,
        SETTING_INTERFACE_ID,
        _SETTING_MAX,
} SettingId;

/* Those from here on say where it is plugged in: [Port] of a file, and what Plug takes. */
#define SETTING_PORT_FIRST SETTING_SWITCH

/* How a setting is written as text, and with which type it goes over the bus. */
typedef enum SettingForm {
        SETTING_FORM_STRING, /* s */
        SETTING_FORM_BOOL,   /* b; text: yes/no, true/false, on/off, 1/0 */
        SETTING_FORM_USER,   /* u, a uid; text: a user's name or a decimal uid */
        SETTING_FORM_NUMBER, /* u; text: decimal, without sign, blank or leading zero */
        SETTING_FORM_GROUP,  /* u, a gid; text: a group's name or a decimal gid; empty for no group */
        SETTING_FORM_VLAN,   /* q; text: decimal */
        SETTING_FORM_TRUNK,  /* a(qq); text: "10 20-29", with commas or blanks in between */
} SettingForm;

/* VLANs from one number to another, both included (IEEE 802.1Q, 12 bits). */
typedef struct VlanRange {
        uint16_t first, last;
} VlanRange;

/* The numbers that are a VLAN's, and the most ranges of one trunk. */
#define VLAN_MIN 1
#define VLAN_MAX 4094
#define TRUNK_RANGES_MAX 64

typedef struct Trunk {
        VlanRange ranges[TRUNK_RANGES_MAX];
        size_t n_ranges;
} Trunk;

typedef struct Setting {
        SettingId id;
        SettingForm form;
        const char *key;      /* "MultiQueue" */
        const char *type;     /* D-Bus signature, "b" */
        const char *option;   /* tapctl's long option without dashes, "multi-queue" */
        const char *argument; /* what stands for the argument in the help, "BOOL" */
        const char *help;     /* one line for tapctl's help */
} Setting;

/* A value of one of the forms above; which member counts is the form's to say. Strings are borrowed. */
typedef struct SettingValue {
        union {
                const char *string;
                bool boolean;
                uint32_t number;
                Trunk trunk;
        };
} SettingValue;

extern const Setting settings_table[_SETTING_MAX];

/* The setting with this key, case counts; NULL where there is none. */
const Setting *setting_find(const char *key);

/*
 * Reads a value as files and command lines write it. Numbers are strictly decimal: no sign, no blank, no leading
 * zero. Names of users and groups are looked up with getpwnam_r(3) and getgrnam_r(3), which may ask a directory
 * server: never call this inside the daemon's loop. On success 0 and *ret; -EINVAL where the text is no value of the
 * form, -ESRCH where no such user or group exists. A string in *ret is @text itself.
 */
int setting_parse(const Setting *setting, const char *text, SettingValue *ret);

/* "yes", "true", "on", "1" and their opposites, nothing else. 0 and *ret, or -EINVAL. */
int parse_boolean(const char *text, bool *ret);

/* A decimal number of at most @max; no sign, no blank, no leading zero. 0 and *ret, or -EINVAL, or -ERANGE. */
int parse_decimal(const char *text, uint64_t max, uint64_t *ret);

/* "20" or "20-29", both of VLAN_MIN..VLAN_MAX and in this order. 0 and *ret, or -EINVAL. */
int parse_vlan_range(const char *text, VlanRange *ret);

/* Such words with blanks or commas in between. 0 and *ret, or -EINVAL, or -E2BIG above TRUNK_RANGES_MAX. */
int parse_trunk(const char *text, Trunk *ret);

/* The ranges as parse_trunk() reads them, with @separator in between; returns @text. */
#define TRUNK_TEXT_SIZE (TRUNK_RANGES_MAX * sizeof("4094-4094,"))
const char *trunk_format(const Trunk *trunk, char separator, char text[static TRUNK_TEXT_SIZE]);

/* A time span as systemd.time(7) writes it: "12h", "1h 30min", "90" (seconds); units us, ms, s, min, h, d, w and their
 * long forms. 0 and *ret in microseconds, or -EINVAL, or -ERANGE. */
int parse_duration(const char *text, uint64_t *ret);

/* A uid or gid by name or in decimal, not 65535 and not 4294967295 (systemd's UIDS-GIDS.md: both mean "none"). 0 and
 * *ret, or -EINVAL, or -ESRCH where no such user or group exists. */
int parse_user(const char *text, uint32_t *ret);
int parse_group(const char *text, uint32_t *ret);

/* Whether it is an account of the system, which a membership in a group gives nothing. */
bool user_is_system(uint32_t uid);
