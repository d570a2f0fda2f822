/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "link.h"
#include "portspec.h"

/* Switches and the ports on them, whichever kind they are. */
typedef enum SwitchKind {
        SWITCH_NONE,
        SWITCH_BRIDGE,      /* Linux: net/bridge of the kernel */
        SWITCH_OPENVSWITCH, /* a Bridge of its database */
        _SWITCH_KIND_MAX,
} SwitchKind;

/* "bridge", "openvswitch" or "". */
const char *switch_kind_name(SwitchKind kind);

/* A switch that is there. */
typedef struct Switch {
        SwitchKind kind;
        char name[PORT_SWITCH_SIZE];
        bool filters_vlans;
        Link link; /* the bridge, or the local port of Open vSwitch's; ifindex 0: it has none */
} Switch;

/* Where a TAP is plugged in, and how; kind SWITCH_NONE: nowhere. */
typedef struct Port {
        SwitchKind kind;
        bool is_exact; /* false: somebody changed it into what no spec can say */
        PortSpec spec;
} Port;

/* What a TAP brings along that its switch may not take. */
typedef struct PortGuest {
        const uint8_t *mac; /* NULL: one that the switch knows already */
        uint32_t mtu;       /* asked for; LINK_UNSET: the switch's will do */
} PortGuest;

/* Refuses what the switch cannot do: VLANNotSupported, NotSupported; and what would do it harm: Conflict. */
int port_check(const Switch *where, const PortSpec *spec, const PortGuest *guest, Fault *fault);

/* The VLANs of a port in one line: "20", "10 20-29", "1 10 20-29" with the untagged one first, or "". */
#define PORT_VLANS_SIZE (TRUNK_TEXT_SIZE + sizeof("4094 "))
const char *port_format_vlans(const PortSpec *spec, char text[static PORT_VLANS_SIZE]);
