/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "names.h"

const Setting settings_table[_SETTING_MAX] = {
        [SETTING_KIND] = { SETTING_KIND, SETTING_FORM_STRING, "Kind", "s", "kind", "tap|tun",
                           "Ethernet frames (tap) or IP packets (tun)" },
        [SETTING_USER] = { SETTING_USER, SETTING_FORM_USER, "User", "u", "user", "USER",
                           "Only this user may open it by name" },
        [SETTING_GROUP] = { SETTING_GROUP, SETTING_FORM_GROUP, "Group", "u", "group", "GROUP",
                            "Only members of this group may open it by name" },
        [SETTING_SHARED] = { SETTING_SHARED, SETTING_FORM_BOOL, "Shared", "b", "shared", "BOOL",
                             "Every member of the group may open it" },
        [SETTING_MULTI_QUEUE] = { SETTING_MULTI_QUEUE, SETTING_FORM_BOOL, "MultiQueue", "b", "multi-queue", "BOOL",
                                  "Allow several queues" },
        [SETTING_VNET_HEADER] = { SETTING_VNET_HEADER, SETTING_FORM_BOOL, "VNetHeader", "b", "vnet-header", "BOOL",
                                  "Frames carry a virtio-net header" },
        [SETTING_PACKET_INFO] = { SETTING_PACKET_INFO, SETTING_FORM_BOOL, "PacketInfo", "b", "packet-info", "BOOL",
                                  "Frames carry four bytes of protocol information" },
        [SETTING_UP] = { SETTING_UP, SETTING_FORM_BOOL, "Up", "b", "up", "BOOL", "Bring it up" },
        [SETTING_DESCRIPTION] = { SETTING_DESCRIPTION, SETTING_FORM_STRING, "Description", "s", "description", "TEXT",
                                  "What it is for" },
        [SETTING_MAC_ADDRESS] = { SETTING_MAC_ADDRESS, SETTING_FORM_STRING, "MACAddress", "s", "mac-address", "ADDRESS",
                                  "Address of the host's side" },
        [SETTING_MTU_BYTES] = { SETTING_MTU_BYTES, SETTING_FORM_NUMBER, "MTUBytes", "u", "mtu", "BYTES",
                                "Largest packet, 68 to 65521" },
        [SETTING_TRANSMIT_QUEUE_LENGTH] = { SETTING_TRANSMIT_QUEUE_LENGTH, SETTING_FORM_NUMBER, "TransmitQueueLength",
                                            "u", "transmit-queue-length", "PACKETS",
                                            "Packets that wait for a program to read them" },
        [SETTING_SWITCH] = { SETTING_SWITCH, SETTING_FORM_STRING, "Switch", "s", "switch", "SWITCH",
                             "Plug it into this bridge or Open vSwitch" },
        [SETTING_VLAN] = { SETTING_VLAN, SETTING_FORM_VLAN, "VLAN", "q", "vlan", "VLAN",
                           "VLAN of the frames without a tag, 1 to 4094" },
        [SETTING_TRUNK] = { SETTING_TRUNK, SETTING_FORM_TRUNK, "Trunk", "a(qq)", "trunk", "VLAN,...",
                            "VLANs of the frames with a tag: 10,20-29" },
        [SETTING_ISOLATED] = { SETTING_ISOLATED, SETTING_FORM_BOOL, "Isolated", "b", "isolated", "BOOL",
                               "No frames to and from other isolated ports" },
        [SETTING_INTERFACE_ID] = { SETTING_INTERFACE_ID, SETTING_FORM_STRING, "InterfaceID", "s", "interface-id", "ID",
                                   "By which OVN binds it (external_ids:iface-id)" },
};

const Setting *setting_find(const char *key) {
        for (size_t i = 0; i < _SETTING_MAX; i++)
                if (strcmp(settings_table[i].key, key) == 0)
                        return &settings_table[i];

        return NULL;
}

int parse_boolean(const char *text, bool *ret) {
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
                if (strcasecmp(text, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }

                if (strcasecmp(text, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        }

        return -EINVAL;
}

int parse_decimal(const char *text, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (!*text || (text[0] == '0' && text[1]))
                return -EINVAL;

        for (const char *p = text; *p; p++) {
                unsigned digit;

                if (*p < '0' || *p > '9')
                        return -EINVAL;

                digit = (unsigned) (*p - '0');
                if (value > (UINT64_MAX - digit) / 10)
                        return -ERANGE;

                value = value * 10 + digit;
        }

        if (value > max)
                return -ERANGE;

        *ret = value;
        return 0;
}

int parse_vlan_range(const char *text, VlanRange *ret) {
        const char *dash = strchr(text, '-');
        size_t length = dash ? (size_t) (dash - text) : strlen(text);
        uint64_t first, last;
        char number[8];

        if (length >= sizeof(number))
                return -EINVAL;
        memcpy(number, text, length);
        number[length] = '\0';

        if (parse_decimal(number, VLAN_MAX, &first) < 0 ||
            parse_decimal(dash ? dash + 1 : number, VLAN_MAX, &last) < 0 || first < VLAN_MIN || first > last)
                return -EINVAL;

        *ret = (VlanRange){ .first = (uint16_t) first, .last = (uint16_t) last };
        return 0;
}

int parse_trunk(const char *text, Trunk *ret) {
        static const char separators[] = " \t,";
        Trunk trunk = {};

        for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
                size_t length = strcspn(text, separators);
                char word[16];

                if (trunk.n_ranges >= TRUNK_RANGES_MAX)
                        return -E2BIG;
                if (length >= sizeof(word))
                        return -EINVAL;
                memcpy(word, text, length);
                word[length] = '\0';
                if (parse_vlan_range(word, &trunk.ranges[trunk.n_ranges++]) < 0)
                        return -EINVAL;
                text += length;
        }

        *ret = trunk;
        return trunk.n_ranges > 0 ? 0 : -EINVAL;
}

const char *trunk_format(const Trunk *trunk, char separator, char text[static TRUNK_TEXT_SIZE]) {
        size_t length = 0;

        text[0] = '\0';
        for (size_t i = 0; i < trunk->n_ranges; i++) {
                const VlanRange *range = &trunk->ranges[i];

                if (i > 0)
                        text[length++] = separator;
                length += (size_t) snprintf(text + length, TRUNK_TEXT_SIZE - length,
                                            range->first == range->last ? "%u" : "%u-%u", range->first, range->last);
        }

        return text;
}

/* Microseconds of a unit, 0 where it is none. */
static uint64_t unit_usec(const char *unit, size_t length) {
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                { "us", 1 },
                { "usec", 1 },
                { "ms", 1000 },
                { "msec", 1000 },
                { "", 1000000 },
                { "s", 1000000 },
                { "sec", 1000000 },
                { "second", 1000000 },
                { "seconds", 1000000 },
                { "m", UINT64_C(60) * 1000000 },
                { "min", UINT64_C(60) * 1000000 },
                { "minute", UINT64_C(60) * 1000000 },
                { "minutes", UINT64_C(60) * 1000000 },
                { "h", UINT64_C(3600) * 1000000 },
                { "hr", UINT64_C(3600) * 1000000 },
                { "hour", UINT64_C(3600) * 1000000 },
                { "hours", UINT64_C(3600) * 1000000 },
                { "d", UINT64_C(86400) * 1000000 },
                { "day", UINT64_C(86400) * 1000000 },
                { "days", UINT64_C(86400) * 1000000 },
                { "w", UINT64_C(604800) * 1000000 },
                { "week", UINT64_C(604800) * 1000000 },
                { "weeks", UINT64_C(604800) * 1000000 },
        };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (strlen(units[i].name) == length && strncmp(units[i].name, unit, length) == 0)
                        return units[i].usec;

        return 0;
}

/* One number and its unit at *text, which is moved behind it and the blanks that follow. */
static int parse_span(const char **text, uint64_t *ret) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
        size_t digits = strspn(*text, "0123456789"), length;
        char number[24];
        uint64_t value, usec;
        int r;

        if (digits == 0 || digits >= sizeof(number))
                return digits == 0 ? -EINVAL : -ERANGE;
        memcpy(number, *text, digits);
        number[digits] = '\0';
        r = parse_decimal(number, UINT64_MAX, &value);
        if (r < 0)
                return r;

        *text += digits;
        *text += strspn(*text, " ");
        length = strspn(*text, letters);
        usec = unit_usec(*text, length);
        if (usec == 0)
                return -EINVAL;

        *text += length;
        *text += strspn(*text, " ");
        return __builtin_mul_overflow(value, usec, ret) ? -ERANGE : 0;
}

int parse_duration(const char *text, uint64_t *ret) {
        uint64_t sum = 0, span;
        int r;

        do {
                r = parse_span(&text, &span);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(sum, span, &sum))
                        return -ERANGE;
        } while (*text);

        *ret = sum;
        return 0;
}

static bool id_is_valid(uint64_t id) {
        /* (uid_t) -1 is "no change" to the kernel, and 65535 is the same to everything with 16 bit ids. */
        return id != UINT16_MAX && id < TAPD_ID_UNSET;
}

static int parse_id(const char *text, uint32_t *ret) {
        uint64_t value;

        if (parse_decimal(text, TAPD_ID_UNSET, &value) < 0 || !id_is_valid(value))
                return -EINVAL;

        *ret = (uint32_t) value;
        return 0;
}

int parse_user(const char *text, uint32_t *ret) {
        char buffer[16384];
        struct passwd entry, *found;
        int r;

        if (!*text)
                return -EINVAL;

        /* useradd(8) allows no name that starts with a digit, so a digit decides for a number. */
        if (*text >= '0' && *text <= '9')
                return parse_id(text, ret);

        r = getpwnam_r(text, &entry, buffer, sizeof(buffer), &found);
        if (r == 0 && !found)
                return -ESRCH;
        if (r != 0)
                return r == ENOENT ? -ESRCH : -r;

        if (!id_is_valid(found->pw_uid))
                return -EINVAL;

        *ret = found->pw_uid;
        return 0;
}

static int find_group(const char *name, gid_t *ret) {
        struct group entry, *found;
        char *buffer = NULL;
        int r;

        /* A group's entry lists its members: no size is large enough for every directory. */
        for (size_t size = 16384;; size *= 2) {
                char *grown = realloc(buffer, size);

                if (!grown) {
                        r = ENOMEM;
                        break;
                }
                buffer = grown;

                r = getgrnam_r(name, &entry, buffer, size, &found);
                if (r != ERANGE || size >= 64 * 1024 * 1024)
                        break;
        }

        if (r == 0 && found)
                *ret = found->gr_gid;
        else if (r == 0 || r == ENOENT)
                r = ESRCH;

        free(buffer);
        return -r;
}

int parse_group(const char *text, uint32_t *ret) {
        gid_t gid = 0;
        int r;

        if (!*text)
                return -EINVAL;

        if (*text >= '0' && *text <= '9')
                return parse_id(text, ret);

        r = find_group(text, &gid);
        if (r < 0)
                return r;

        if (!id_is_valid(gid))
                return -EINVAL;

        *ret = gid;
        return 0;
}

int setting_parse(const Setting *setting, const char *text, SettingValue *ret) {
        SettingValue value = {};
        uint64_t number = 0;
        int r = 0;

        switch (setting->form) {
        case SETTING_FORM_STRING:
                value.string = text;
                break;
        case SETTING_FORM_BOOL:
                r = parse_boolean(text, &value.boolean);
                break;
        case SETTING_FORM_NUMBER:
        case SETTING_FORM_VLAN:
                r = parse_decimal(text, setting->form == SETTING_FORM_VLAN ? UINT16_MAX : UINT32_MAX, &number);
                value.number = (uint32_t) number;
                break;
        case SETTING_FORM_TRUNK:
                r = parse_trunk(text, &value.trunk);
                break;
        case SETTING_FORM_USER:
                r = parse_user(text, &value.number);
                break;
        case SETTING_FORM_GROUP:
                if (*text)
                        r = parse_group(text, &value.number);
                else
                        value.number = TAPD_ID_UNSET;
                break;
        }

        if (r < 0)
                return r;

        *ret = value;
        return 0;
}

/* Below UID_MIN of login.defs(5) accounts are the system's, and 61184 to 65535 are systemd's (UIDS-GIDS.md). There is
 * no upper bound: a directory's users have the highest numbers. */
bool user_is_system(uint32_t uid) {
        return uid < 1000 || (uid >= 61184 && uid <= 65535);
}
