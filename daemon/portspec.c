/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portspec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static int set_switch(PortSpec *port, const char *name, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];
        size_t length = strlen(name);

        if (length == 0 || length >= PORT_SWITCH_SIZE)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: %zu bytes, not in 1..%d", length,
                                 PORT_SWITCH_SIZE - 1);

        /* What the kernel takes as a name (dev_valid_name() of net/core/dev.c), less what no terminal should get, and
         * what a pattern would mean. */
        for (const char *p = name; *p; p++)
                if (*p <= ' ' || *p >= 0x7f || strchr("/:*?[]\"'\\", *p))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS,
                                         "Switch=: \"%s\", illegal character at byte %zu", text_escape(name, shown),
                                         (size_t) (p - name) + 1);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: \"%s\" is no name", name);

        strcpy(port->switch_name, name);
        return 0;
}

static int set_vlan(PortSpec *port, uint32_t vlan, Fault *fault) {
        if (vlan < VLAN_MIN || vlan > VLAN_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "VLAN=: %u, not in %d..%d", vlan, VLAN_MIN, VLAN_MAX);

        port->vlan = (uint16_t) vlan;
        return 0;
}

/* Puts a range where it belongs; InvalidArgs where one of its VLANs is there already. */
static int add_range(Trunk *trunk, const VlanRange *range, Fault *fault) {
        size_t i = trunk->n_ranges;

        if (range->first < VLAN_MIN || range->last > VLAN_MAX || range->first > range->last)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: %u-%u, no range of %d..%d", range->first,
                                 range->last, VLAN_MIN, VLAN_MAX);

        while (i > 0 && trunk->ranges[i - 1].first > range->first)
                i--;
        if ((i > 0 && trunk->ranges[i - 1].last >= range->first) ||
            (i < trunk->n_ranges && trunk->ranges[i].first <= range->last))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: %u-%u, a VLAN is named twice", range->first,
                                 range->last);

        memmove(&trunk->ranges[i + 1], &trunk->ranges[i], (trunk->n_ranges - i) * sizeof(trunk->ranges[0]));
        trunk->ranges[i] = *range;
        trunk->n_ranges++;
        return 0;
}

/* Ranges that touch are one: what is asked for is compared with what a switch says. */
static void merge_ranges(Trunk *trunk) {
        size_t n = 1;

        for (size_t i = 1; i < trunk->n_ranges; i++)
                if (trunk->ranges[n - 1].last + 1 == trunk->ranges[i].first)
                        trunk->ranges[n - 1].last = trunk->ranges[i].last;
                else
                        trunk->ranges[n++] = trunk->ranges[i];

        trunk->n_ranges = n;
}

static int set_trunk(PortSpec *port, const Trunk *wanted, Fault *fault) {
        Trunk trunk = {};
        int r = 0;

        if (wanted->n_ranges == 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: names no VLAN");
        if (wanted->n_ranges > TRUNK_RANGES_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: %zu ranges, at most %d", wanted->n_ranges,
                                 TRUNK_RANGES_MAX);

        for (size_t i = 0; i < wanted->n_ranges && r == 0; i++)
                r = add_range(&trunk, &wanted->ranges[i], fault);
        if (r == 0) {
                merge_ranges(&trunk);
                port->trunk = trunk;
        }

        return r;
}

static int set_interface_id(PortSpec *port, const char *id, Fault *fault) {
        size_t length = strlen(id);
        char shown[TEXT_ESCAPED_SIZE];

        if (length == 0 || length > PORT_INTERFACE_ID_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "InterfaceID=: %zu bytes, not in 1..%d", length,
                                 PORT_INTERFACE_ID_MAX);
        if (!text_is_printable(id))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "InterfaceID=: \"%s\", control characters",
                                 text_escape(id, shown));

        strcpy(port->interface_id, id);
        return 0;
}

int portspec_set(PortSpec *port, const Setting *setting, const SettingValue *value, Fault *fault) {
        switch (setting->id) {
        case SETTING_SWITCH:
                return set_switch(port, value->string, fault);
        case SETTING_VLAN:
                return set_vlan(port, value->number, fault);
        case SETTING_TRUNK:
                return set_trunk(port, &value->trunk, fault);
        case SETTING_ISOLATED:
                port->isolated = value->boolean;
                return 0;
        case SETTING_INTERFACE_ID:
                return set_interface_id(port, value->string, fault);
        case SETTING_KIND:
        case SETTING_USER:
        case SETTING_GROUP:
        case SETTING_SHARED:
        case SETTING_MULTI_QUEUE:
        case SETTING_VNET_HEADER:
        case SETTING_PACKET_INFO:
        case SETTING_UP:
        case SETTING_DESCRIPTION:
        case SETTING_MAC_ADDRESS:
        case SETTING_MTU_BYTES:
        case SETTING_TRANSMIT_QUEUE_LENGTH:
        case _SETTING_MAX:
                break;
        }

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown setting");
}

int portspec_check(const PortSpec *port, bool is_tun, Fault *fault) {
        bool is_plugged = *port->switch_name;

        if (!is_plugged && (port->vlan || port->trunk.n_ranges > 0 || port->isolated || *port->interface_id))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: is missing; VLANs are those of a switch");
        if (is_plugged && is_tun)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Switch=: needs Kind=tap");

        for (size_t i = 0; i < port->trunk.n_ranges; i++)
                if (port->vlan >= port->trunk.ranges[i].first && port->vlan <= port->trunk.ranges[i].last)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Trunk=: %u is VLAN= as well", port->vlan);

        return 0;
}

bool trunk_equals(const Trunk *a, const Trunk *b) {
        return a->n_ranges == b->n_ranges && memcmp(a->ranges, b->ranges, a->n_ranges * sizeof(a->ranges[0])) == 0;
}

bool portspec_equals(const PortSpec *a, const PortSpec *b) {
        return strcmp(a->switch_name, b->switch_name) == 0 && a->vlan == b->vlan && a->isolated == b->isolated &&
               strcmp(a->interface_id, b->interface_id) == 0 && trunk_equals(&a->trunk, &b->trunk);
}
