/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <systemd/sd-id128.h>

#include "portspec.h"
#include "text.h"

/*
 * What stands in the database of Open vSwitch (ovs-vswitchd.conf.db(5)), as far as tapd needs it: the names of bridges,
 * ports and interfaces, of the rows that tapd made what it wrote there and what ovs-vswitchd answered, and how far
 * ovs-vswitchd has got. Kept by the
 * updates of two monitors (monitor_cond of ovsdb-server(7)), one for the rows with tapd's mark and one for all others:
 * of those only the name is sent, and the external_ids of a Port, where one without the mark may have a TAP's id.
 * Bridge.ports is in neither of them, because each update of it names all ports of the bridge. Pure.
 */
typedef struct OvsMirror OvsMirror;

/* What tapd writes into external_ids of its Port and Interface rows: that they are its own, and which TAP they are of;
 * of a Port also the bridge, which no row says of itself. */
#define OVS_KEY_MARK "tapd-port"
#define OVS_VALUE_MARK "yes"
#define OVS_KEY_ID "tapd-id"
#define OVS_KEY_SWITCH "tapd-switch"
/* What controllers know the interface by, OVN's among them (the same manual page, Virtual Machine Identifiers). */
#define OVS_KEY_INTERFACE_ID "iface-id"

/* Whatever has a name that a TAP could have. */
typedef struct OvsPort {
        char name[IF_NAMESIZE];
        bool is_own; /* false: a row of somebody else's, and nothing below is known */
        sd_id128_t id;
        sd_id128_t row, interface_row; /* its Port, and its Interface, which may be missing */
        PortSpec spec;
        bool is_exact; /* false: somebody changed it into what no PortSpec can say, and spec is only near */
        int ofport;    /* of ovs-vswitchd; 0: none yet, -1: it failed */
        int ifindex;   /* the device that ovs-vswitchd has there, 0 where that has gone; -1: it has not said */
        char error[TEXT_ESCAPED_SIZE]; /* what ovs-vswitchd says is wrong, escaped; "": nothing */
} OvsPort;

/* Whether ovs-vswitchd has it in its bridge. */
bool ovs_port_is_plugged(const OvsPort *port);

/* Whether it is as this says; the VLANs of a trunk count, not how they are divided into ranges. */
bool ovs_port_matches(const OvsPort *port, const PortSpec *spec);

int ovs_mirror_new(OvsMirror **ret);
OvsMirror *ovs_mirror_free(OvsMirror *mirror);

/* The two monitors: what is somebody else's, and tapd's own. */
typedef enum OvsMonitor {
        OVS_MONITOR_OTHERS,
        OVS_MONITOR_OWN,
        _OVS_MONITOR_MAX,
} OvsMonitor;

/* Parameters of monitor_cond. NULL without memory. */
json_t *ovs_monitor_request(OvsMonitor monitor);

/* The monitor that an update2 notification belongs to; _OVS_MONITOR_MAX: to none. */
OvsMonitor ovs_monitor_of(const json_t *id);

/* Takes over what the server said at first, or what has changed since (<table-updates2>). -EBADMSG where it makes no
 * sense, -ENOMEM; then the mirror is not to be trusted any more. */
int ovs_mirror_apply(OvsMirror *mirror, OvsMonitor monitor, const json_t *updates);

/* Calls back for each name that came, went or changed since this was called last. @on_bridge and @on_port may be NULL
 * for nobody, and change nothing here. */
typedef void (*ovs_name_t)(const char *name, void *userdata);
void ovs_mirror_tell(OvsMirror *mirror, ovs_name_t on_bridge, ovs_name_t on_port, void *userdata);

bool ovs_mirror_has_bridge(const OvsMirror *mirror, const char *name);

/* Whether there is a Port or an Interface of this name. */
bool ovs_mirror_find_port(const OvsMirror *mirror, const char *name, OvsPort *ret);

/* Own rows only. */
void ovs_mirror_each_port(const OvsMirror *mirror, void (*callback)(const OvsPort *port, void *userdata),
                          void *userdata);

/* Open_vSwitch.cur_cfg: ovs-vswitchd has done all that was asked of it in transactions up to this next_cfg. */
int64_t ovs_mirror_applied(const OvsMirror *mirror);

/* How many there are, for the journal. */
size_t ovs_mirror_count_bridges(const OvsMirror *mirror);
size_t ovs_mirror_count_rows(const OvsMirror *mirror);
