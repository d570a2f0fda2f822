/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "settings.h"

/* Where a TAP is to be plugged in, and which VLANs it gets there. Pure. */

/* IFNAMSIZ of <linux/if.h>. */
#define PORT_SWITCH_SIZE 16

/* Most bytes of InterfaceID. */
#define PORT_INTERFACE_ID_MAX 63

typedef struct PortSpec {
        char switch_name[PORT_SWITCH_SIZE]; /* "": into none */
        uint16_t vlan;                      /* untagged for the guest: access or native; 0: none */
        Trunk trunk;                        /* tagged for the guest; in ascending order, a gap between two ranges */
        bool isolated;
        char interface_id[PORT_INTERFACE_ID_MAX + 1];
} PortSpec;

/* Takes one setting of SETTING_PORT_FIRST and up. InvalidArgs. */
int portspec_set(PortSpec *port, const Setting *setting, const SettingValue *value, Fault *fault);

/* Refuses what does not go together: VLANs without a switch, one of a trunk that is the untagged one too. */
int portspec_check(const PortSpec *port, bool is_tun, Fault *fault);

bool trunk_equals(const Trunk *a, const Trunk *b);
bool portspec_equals(const PortSpec *a, const PortSpec *b);
