/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vlan-set.h"

#include <errno.h>

int vlan_set_add(VlanSet *set, const char *text) {
        VlanRange range;
        int r;

        r = parse_vlan_range(text, &range);
        if (r < 0)
                return r;

        for (unsigned vlan = range.first; vlan <= range.last; vlan++)
                set->has[vlan] = true;

        return 0;
}

bool vlan_set_is_empty(const VlanSet *set) {
        for (unsigned vlan = VLAN_MIN; vlan <= VLAN_MAX; vlan++)
                if (set->has[vlan])
                        return false;

        return true;
}

int vlan_set_format(const VlanSet *set, char text[static TRUNK_TEXT_SIZE]) {
        Trunk trunk = {};

        for (unsigned vlan = VLAN_MIN; vlan <= VLAN_MAX; vlan++) {
                uint16_t first = (uint16_t) vlan;

                if (!set->has[vlan])
                        continue;
                while (vlan < VLAN_MAX && set->has[vlan + 1])
                        vlan++;

                if (trunk.n_ranges == TRUNK_RANGES_MAX)
                        return -E2BIG;
                trunk.ranges[trunk.n_ranges++] = (VlanRange){ .first = first, .last = (uint16_t) vlan };
        }

        (void) trunk_format(&trunk, ' ', text);
        return 0;
}
