/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "name.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static int check_characters(const char *name, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        for (const char *p = name; *p; p++) {
                if ((unsigned char) *p >= 0x80)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: \"%s\", ASCII only",
                                         text_escape(name, shown));
                if (!is_letter(*p) && !is_digit(*p) && *p != '_' && *p != '-')
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: \"%s\", illegal character at byte %zu",
                                         text_escape(name, shown), (size_t) (p - name) + 1);
        }

        if (is_digit(*name))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                 "Name=: \"%s\", a numeric name; it must start with a letter",
                                 text_escape(name, shown));
        if (!is_letter(*name))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: \"%s\" must start with a letter",
                                 text_escape(name, shown));

        return 0;
}

int name_check(const char *name, Fault *fault) {
        /* The kernel's own (/proc/sys/net, /sys/class/net); libvirt's, which deletes what it finds; systemd-nspawn's,
         * which 80-vm-vt.network gives a DHCP server. */
        static const char *const reserved[] = { "all", "default", "bonding_masters", "lo", "vnet*", "vt-*" };
        size_t length = strlen(name);
        int r;

        if (length == 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: empty");
        if (length > TAPD_NAME_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: %zu bytes, at most %d", length, TAPD_NAME_MAX);

        r = check_characters(name, fault);
        if (r < 0)
                return r;

        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
                if (fnmatch(reserved[i], name, 0) == 0)
                        return fault_set(fault, TAPD_ERROR_NAME_NOT_ALLOWED,
                                         "Name=: \"%s\" belongs to others (%s); take another name", name, reserved[i]);

        return 0;
}

bool name_is_template(const char *wish) {
        return !*wish || strstr(wish, "%d");
}

int name_expand(const char *wish, unsigned number, char name[static NAME_SIZE]) {
        const char *mark;
        int n;

        if (!*wish)
                wish = "tap%d";

        mark = strstr(wish, "%d");
        if (!mark)
                n = snprintf(name, NAME_SIZE, "%s", wish);
        else
                n = snprintf(name, NAME_SIZE, "%.*s%u%s", (int) (mark - wish), wish, number, mark + 2);

        return n < 0 || n >= NAME_SIZE ? -ENAMETOOLONG : 0;
}

int name_check_wish(const char *wish, Fault *fault) {
        char name[NAME_SIZE];

        if (!name_is_template(wish) || strlen(wish) > TAPD_NAME_MAX + 1)
                return name_check(wish, fault);

        if (name_expand(wish, 0, name) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: too long, at most %d bytes", TAPD_NAME_MAX);

        /* A second "%" is still in there and illegal, as everything else is that is. */
        return name_check(name, fault);
}

void name_to_mac(const char *name, uint64_t key, uint8_t mac[static 6]) {
        uint64_t hash = text_hash(text_hash(TEXT_HASH_INIT, &key, sizeof(key)), name, strlen(name));

        /* The low bits of FNV-1a know little of the last letters. */
        hash ^= hash >> 32;
        hash *= UINT64_C(0x9e3779b97f4a7c15);

        mac[0] = 0xfe;
        for (unsigned i = 1; i < 6; i++)
                mac[i] = (uint8_t) (hash >> (64 - 8 * i));
}

void name_to_guest_mac(const char *name, uint64_t key, uint8_t mac[static 6]) {
        /* Another key, so that the two sides share no more than chance would have it. */
        name_to_mac(name, ~key, mac);
        mac[0] = 0x52;
}
