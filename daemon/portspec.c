/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portspec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "text.h"
#include "words.h"

static int set_switch(PortSpec *port, const char *text, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];
        size_t length = strlen(text);

        if (length == 0 || length >= PORT_SWITCH_SIZE)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: %zu bytes, not in 1..%d", length,
                                 PORT_SWITCH_SIZE - 1);

        /* What the kernel takes as a name (dev_valid_name() of net/core/dev.c), less what no terminal should get. */
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p >= 0x7f || strchr("/:*?[]\"'\\", *p))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                         "Switch=: \"%s\", illegal character at byte %zu", text_escape(text, shown),
                                         (size_t) (p - text) + 1);
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: \"%s\" is no name", text);

        strcpy(port->switch_name, text);
        return 0;
}

static int parse_vlan(const char *text, uint16_t *ret) {
        uint64_t value;

        if (parse_decimal(text, PORT_VLAN_MAX, &value) < 0 || value < PORT_VLAN_MIN)
                return -EINVAL;

        *ret = (uint16_t) value;
        return 0;
}

static int set_vlan(PortSpec *port, const char *text, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        if (parse_vlan(text, &port->vlan) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "VLAN=: \"%s\", not in %d..%d",
                                 text_escape(text, shown), PORT_VLAN_MIN, PORT_VLAN_MAX);

        return 0;
}

/* "20" or "20-29". */
static int parse_range(const char *text, VlanRange *ret) {
        char first[8];
        const char *dash = strchr(text, '-');
        size_t length = dash ? (size_t) (dash - text) : strlen(text);
        VlanRange range;

        if (length >= sizeof(first))
                return -EINVAL;
        memcpy(first, text, length);
        first[length] = '\0';

        if (parse_vlan(first, &range.first) < 0 || parse_vlan(dash ? dash + 1 : first, &range.last) < 0 ||
            range.first > range.last)
                return -EINVAL;

        *ret = range;
        return 0;
}

/* Keeps the ranges in order; -EEXIST where a VLAN is in two. */
static int add_range(PortSpec *port, const VlanRange *range) {
        size_t i = port->n_trunk;

        if (port->n_trunk >= PORT_TRUNK_MAX)
                return -E2BIG;

        while (i > 0 && port->trunk[i - 1].first > range->first)
                i--;
        if ((i > 0 && port->trunk[i - 1].last >= range->first) ||
            (i < port->n_trunk && port->trunk[i].first <= range->last))
                return -EEXIST;

        memmove(&port->trunk[i + 1], &port->trunk[i], (port->n_trunk - i) * sizeof(*port->trunk));
        port->trunk[i] = *range;
        port->n_trunk++;
        return 0;
}

static int add_trunk_word(PortSpec *port, const char *word, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];
        VlanRange range;
        int r;

        if (parse_range(word, &range) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                 "Trunk=: \"%s\", neither a VLAN of %d..%d nor FIRST-LAST", text_escape(word, shown),
                                 PORT_VLAN_MIN, PORT_VLAN_MAX);

        r = add_range(port, &range);
        if (r == -EEXIST)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: \"%s\", a VLAN is named twice",
                                 text_escape(word, shown));
        if (r < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: more than %d ranges", PORT_TRUNK_MAX);

        return 0;
}

static int set_trunk(PortSpec *port, const char *text, Fault *fault) {
        char **words;
        int r;

        r = words_split(text, &words);
        if (r < 0)
                return fault_set_errno(fault, r, "Trunk=");

        port->n_trunk = 0;
        if (!*words)
                r = fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: names no VLAN");
        for (char **word = words; *word && r == 0; word++)
                r = add_trunk_word(port, *word, fault);

        words_free(words);
        return r;
}

static int set_isolated(PortSpec *port, const char *text, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        if (parse_boolean(text, &port->isolated) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Isolated=: \"%s\", yes or no",
                                 text_escape(text, shown));

        return 0;
}

static int set_interface_id(PortSpec *port, const char *text, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];
        size_t length = strlen(text);

        if (length == 0 || length > PORT_INTERFACE_ID_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "InterfaceID=: %zu bytes, not in 1..%d", length,
                                 PORT_INTERFACE_ID_MAX);
        if (!text_is_printable(text))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "InterfaceID=: \"%s\", control characters",
                                 text_escape(text, shown));

        strcpy(port->interface_id, text);
        return 0;
}

int portspec_set(PortSpec *port, const char *key, const char *text, Fault *fault) {
        static const struct {
                const char *key;
                int (*set)(PortSpec *port, const char *text, Fault *fault);
        } table[] = {
                { "Switch", set_switch },
                { "VLAN", set_vlan },
                { "Trunk", set_trunk },
                { "Isolated", set_isolated },
                { "InterfaceID", set_interface_id },
        };

        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                if (strcmp(table[i].key, key) == 0) {
                        int r = table[i].set(port, text, fault);

                        port->is_given = true;
                        return r < 0 ? r : 1;
                }

        return 0;
}

int portspec_complete(const PortSpec *port, bool is_tun, Fault *fault) {
        if (port->is_given && !*port->switch_name)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: is missing in [Port]");
        if (port->is_given && is_tun)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: needs Kind=tap");

        for (size_t i = 0; i < port->n_trunk; i++)
                if (port->vlan >= port->trunk[i].first && port->vlan <= port->trunk[i].last)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: %u is VLAN= as well", port->vlan);

        return 0;
}
