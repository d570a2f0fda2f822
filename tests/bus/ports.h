/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>

#include "lab.h"

/* Bridges and the ports on them: what the kernel says, read by no code of tapd's, and the calls that plug. */
typedef struct PortLink {
        char name[IF_NAMESIZE];
        int ifindex;
        bool is_gone; /* of an event */
        bool is_up;
        int master; /* ifindex of its bridge; 0: none */
        bool is_isolated;
        unsigned mtu;
        uint8_t mac[6];
} PortLink;

/* Fails the test where there is no such link. */
PortLink port_link(const char *name);
char *port_mac(const char *name);

/* The bridge that a link is a port of; "" of none. */
char *port_switch(const char *name);
void port_expect(const char *name, const char *bridge, bool is_isolated);

/* What the bus says of it, all of it; bridge "": it is on none. */
void port_expect_told(Lab *lab, const char *name, const char *bridge, bool is_isolated);

/* All links with what is stable of them, and all records: what a refusal leaves as it was. */
char *port_snapshot(Lab *lab);

/* Fails the test where the two are not the same, and shows the first line that is not. */
void port_expect_same(const char *before, const char *after);

/* Hears of links from now on, or of this one alone; what was heard since the last time, an array of PortLink. */
int port_events_open(const char *only);
GArray *port_events_read(int fd);

/* The calls. */
LabReply port_create(Lab *lab, sd_bus *as, const char *name, const char *bridge, bool is_isolated);
LabReply port_plug(Lab *lab, sd_bus *as, const char *name, const char *bridge, bool is_isolated);
LabReply port_unplug(Lab *lab, sd_bus *as, const char *name);
/* Appends (sa{sv}) to a call of CreateTaps. */
void port_append(sd_bus_message *call, const char *name, const char *bridge);

/* A bridge, up; and one more with an uplink, the name of whose other end is the same with an "x". */
void port_add_bridge(const char *name);
void port_add_uplink(const char *name, const char *mac);

/* Opens a queue as alice, who may. */
int port_open_queue(const char *name);

/* What a holder of a queue may do, without any capability: it gives its TAP another address. */
void port_set_mac(int queue, const char *name, const uint8_t mac[static 6]);
