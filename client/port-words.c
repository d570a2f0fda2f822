/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port-words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static char *describe_vlans(const char *vlan, const char *trunk) {
        bool has_vlan = vlan && !text_is(vlan, "-"), has_trunk = trunk && !text_is(trunk, "-");
        char *text;
        int n;

        if (has_vlan && has_trunk)
                n = asprintf(&text, "%s, and %s tagged", vlan, trunk);
        else if (has_trunk)
                n = asprintf(&text, "%s tagged", trunk);
        else
                n = asprintf(&text, "%s", has_vlan ? vlan : "none");

        return n < 0 ? NULL : text;
}

int port_words_init(PortWords *words, const char *switch_name, const char *vlan, const char *trunk) {
        *words = (PortWords){
                .switch_name = strdup(switch_name ? switch_name : "-"),
                .vlans = describe_vlans(vlan, trunk),
        };

        return words->switch_name && words->vlans ? 0 : -ENOMEM;
}

void port_words_done(PortWords *words) {
        free(words->switch_name);
        free(words->vlans);
        *words = (PortWords){};
}

char *port_words_compare(const PortWords *before, const PortWords *now, const char *arrow) {
        bool has_vlans = !text_is(now->vlans, "none");
        const char *comma = has_vlans ? ", VLAN " : "", *vlans = has_vlans ? now->vlans : "";
        char *text;
        int n;

        if (text_is(before->switch_name, now->switch_name) && text_is(before->vlans, now->vlans))
                return strdup("");

        if (text_is(before->switch_name, now->switch_name))
                n = asprintf(&text, "vlan %s %s %s", before->vlans, arrow, now->vlans);
        else if (text_is(now->switch_name, "-"))
                n = asprintf(&text, "unplugged from %s", before->switch_name);
        else if (text_is(before->switch_name, "-"))
                n = asprintf(&text, "plugged into %s%s%s", now->switch_name, comma, vlans);
        else
                n = asprintf(&text, "moved from %s to %s%s%s", before->switch_name, now->switch_name, comma, vlans);

        return n < 0 ? NULL : text;
}
