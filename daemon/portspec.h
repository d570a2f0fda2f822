/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* Where a TAP is to be plugged in: [Port] of a .tap file. Pure. */

/* IFNAMSIZ of <linux/if.h>, and the numbers of IEEE 802.1Q that are a VLAN's. */
#define PORT_SWITCH_SIZE 16
#define PORT_VLAN_MIN 1
#define PORT_VLAN_MAX 4094

/* Most ranges of Trunk=, and bytes of InterfaceID=. */
#define PORT_TRUNK_MAX 64
#define PORT_INTERFACE_ID_MAX 63

typedef struct VlanRange {
        uint16_t first, last;
} VlanRange;

typedef struct PortSpec {
        char switch_name[PORT_SWITCH_SIZE]; /* "": plugged into none */
        uint16_t vlan;                      /* untagged for the guest: access or native; 0: none */
        VlanRange trunk[PORT_TRUNK_MAX];    /* tagged for the guest, in ascending order, apart from each other */
        size_t n_trunk;
        bool isolated;
        char interface_id[PORT_INTERFACE_ID_MAX + 1];
        bool is_given; /* something of it was named */
} PortSpec;

/* Takes one setting as files write it: Switch=, VLAN=, Trunk=, Isolated=, InterfaceID=. 1 when it did, 0 where @key is
 * none of them, InvalidArgs. */
int portspec_set(PortSpec *port, const char *key, const char *text, Fault *fault);

/* Refuses what does not go together: a port without a switch, or of a device that carries no Ethernet frames. */
int portspec_complete(const PortSpec *port, bool is_tun, Fault *fault);
