/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#define VLAN_MIN 1
#define VLAN_MAX 4094

/* A set of VLANs. */
typedef struct VlanSet {
        bool has[VLAN_MAX + 1];
} VlanSet;

/* Adds one number or a range: "10", "20-29". -EINVAL where it is neither, the set is then as it was. */
int vlan_set_add(VlanSet *set, const char *text);

bool vlan_set_is_empty(const VlanSet *set);

/* The set as Trunk= writes it, "10 20-29"; the caller's to free, NULL where memory ran out. */
char *vlan_set_format(const VlanSet *set);
