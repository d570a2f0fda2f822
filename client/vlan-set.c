/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vlan-set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

static int parse_vlan(const char *text, size_t length, unsigned *ret) {
        char number[8];
        uint64_t value;

        if (length >= sizeof(number))
                return -EINVAL;

        memcpy(number, text, length);
        number[length] = '\0';
        if (parse_decimal(number, VLAN_MAX, &value) < 0 || value < VLAN_MIN)
                return -EINVAL;

        *ret = (unsigned) value;
        return 0;
}

int vlan_set_add(VlanSet *set, const char *text) {
        size_t length = strcspn(text, "-");
        unsigned first, last;

        if (parse_vlan(text, length, &first) < 0)
                return -EINVAL;

        last = first;
        if (text[length] && parse_vlan(text + length + 1, strlen(text + length + 1), &last) < 0)
                return -EINVAL;
        if (last < first)
                return -EINVAL;

        while (first <= last)
                set->has[first++] = true;

        return 0;
}

bool vlan_set_is_empty(const VlanSet *set) {
        for (unsigned vlan = VLAN_MIN; vlan <= VLAN_MAX; vlan++)
                if (set->has[vlan])
                        return false;

        return true;
}

char *vlan_set_format(const VlanSet *set) {
        char *text = NULL;
        const char *blank = "";
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                return NULL;

        for (unsigned vlan = VLAN_MIN; vlan <= VLAN_MAX; vlan++) {
                unsigned first = vlan;

                if (!set->has[vlan])
                        continue;
                while (vlan < VLAN_MAX && set->has[vlan + 1])
                        vlan++;

                fprintf(out, "%s%u", blank, first);
                if (vlan > first)
                        fprintf(out, "-%u", vlan);
                blank = " ";
        }

        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }

        return text;
}
