/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a TAP is plugged in, for people.
 */
typedef struct PortWords {
        char *switch_name; /* "-": nowhere */
        char *vlans;       /* "20", "10,20-29 tagged", "1, and 10,20-29 tagged"; "none" */
} PortWords;

/* Each as tap_info_format() makes it; NULL: it was not told. 0 or -ENOMEM. port_words_done() in any case. */
int port_words_init(PortWords *words, const char *switch_name, const char *vlan, const char *trunk);
void port_words_done(PortWords *words);

/* What happened in between, "plugged into dsw-host, VLAN 20"; "" where nothing did. @arrow stands between an old and a
 * new value. To be freed; NULL where memory ran out. */
char *port_words_compare(const PortWords *before, const PortWords *now, const char *arrow);
