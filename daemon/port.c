/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port.h"

#include <stdio.h>
#include <string.h>

const char *switch_kind_name(SwitchKind kind) {
        static const char *const names[_SWITCH_KIND_MAX] = {
                [SWITCH_NONE] = "",
                [SWITCH_BRIDGE] = "bridge",
                [SWITCH_OPENVSWITCH] = "openvswitch",
        };

        return names[kind];
}

int port_check(const Switch *where, const PortSpec *spec, const PortGuest *guest, Fault *fault) {
        bool names_vlans = spec->vlan != 0 || spec->trunk.n_ranges > 0;

        /* Such a bridge passes tags through as the guest makes them. */
        if (names_vlans && !where->filters_vlans)
                return fault_set(fault, TAPD_ERROR_VLAN_NOT_SUPPORTED,
                                 "%s=: the bridge %s filters no VLANs (vlan_filtering is off)",
                                 spec->vlan != 0 ? "VLAN" : "Trunk", where->name);
        if (*spec->interface_id && where->kind != SWITCH_OPENVSWITCH)
                return fault_set(fault, TAPD_ERROR_NOT_SUPPORTED, "InterfaceID=: %s is not of Open vSwitch",
                                 where->name);
        if (where->link.ifindex == 0)
                return 0;

        /* A switch takes the smallest MTU of its ports as its own. */
        if (guest->mtu != LINK_UNSET && guest->mtu < where->link.mtu)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "MTUBytes=: %u, and the switch %s has %u", guest->mtu,
                                 where->name, where->link.mtu);
        if (guest->mac && where->link.has_mac && memcmp(guest->mac, where->link.mac, sizeof(where->link.mac)) == 0)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "MACAddress=: is that of the switch %s", where->name);

        return 0;
}

const char *port_format_vlans(const PortSpec *spec, char text[static PORT_VLANS_SIZE]) {
        char trunk[TRUNK_TEXT_SIZE];

        trunk_format(&spec->trunk, ' ', trunk);
        if (spec->vlan == 0)
                (void) snprintf(text, PORT_VLANS_SIZE, "%s", trunk);
        else
                (void) snprintf(text, PORT_VLANS_SIZE, "%u%s%s", spec->vlan, *trunk ? " " : "", trunk);

        return text;
}
