/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "settings.h"

/* A set of VLANs. */
typedef struct VlanSet {
        bool has[VLAN_MAX + 1];
} VlanSet;

/* Adds one number or a range: "10", "20-29". -EINVAL where it is neither, the set is then as it was. */
int vlan_set_add(VlanSet *set, const char *text);

bool vlan_set_is_empty(const VlanSet *set);

/* The set as Trunk= writes it, "10 20-29". 0, or -E2BIG where it is more ranges than one may have. */
int vlan_set_format(const VlanSet *set, char text[static TRUNK_TEXT_SIZE]);
