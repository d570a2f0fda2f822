/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "port.h"
#include "table.h"

/*
 * The Linux bridges that TAPs were plugged into. Each gets its address pinned once it has a port that is no tun device,
 * an uplink: until then it has whatever address its lowest port has, and whoever holds a queue could choose it. Before
 * that it is not pinned: the random address that it was born with would stay, and the host get another lease.
 */
typedef struct Bridge {
        int ifindex;
        char name[IF_NAMESIZE];
        bool is_pinned;
        bool has_new_uplink; /* an event said so */
        UT_hash_handle hh;
} Bridge;

typedef struct Bridges {
        Bridge *table;
        bool is_waiting; /* for bridges_pin_new() */
} Bridges;

void bridges_done(Bridges *bridges);

/* Takes a link message in; makes no call. True where bridges_pin_new() has something to do. */
bool bridges_note_link(Bridges *bridges, const Link *link, bool exists);

/* Whether a link message gives one of them another name. */
bool bridges_note_name(Bridges *bridges, const Link *link);

/* Gets to know a bridge, before its first port of ours or at start: where it has an uplink, the address that it has
 * without our TAPs is pinned. */
int bridges_meet(Bridges *bridges, Rtnl *rtnl, const Link *bridge);

/* Pins those that have an uplink since, to the lowest address of their uplinks: the one that they have without TAPs. */
void bridges_pin_new(Bridges *bridges, Rtnl *rtnl);

/*
 * Makes a link, as it is now, a port of a bridge, or changes the port that it is, all of it or nothing; a port of
 * another bridge is moved. @mtu: what the TAP is to have, LINK_UNSET: the bridge's. Only what differs is changed.
 * SwitchFull with 1,023 ports.
 */
int port_bridge_plug(Bridges *bridges, Rtnl *rtnl, const Link *link, const Switch *where, const PortSpec *spec,
                     uint32_t mtu, Fault *fault);

/* Takes a link out of its bridge. */
int port_bridge_unplug(Rtnl *rtnl, const Link *link, Fault *fault);

/* Whether a port is as asked for, VLANs and all; negative errno where that cannot be found out. */
int port_bridge_matches(Rtnl *rtnl, const Link *link, const Switch *where, const PortSpec *spec);
