/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "fault.h"
#include "ovs-mirror.h"

/*
 * Open vSwitch: what its database has, and the ports that tapd puts on its bridges. A port that tapd made is a Port and
 * an Interface row with its mark in external_ids (ovs-mirror.h), and those are the only ones that it ever changes or
 * removes. The rows outlive the device and tapd, and a device that is made anew under the same name gets what stands in
 * them: who makes a TAP looks for rows of its name first, and who deletes one deletes the rows before the device.
 */
typedef struct Ovs Ovs;

/* Called from the loop; none of them may free @ovs. NULL: nobody wants to know. */
typedef struct OvsHandlers {
        /* ovs_is_connected() became true: the database was read, or is no longer silent. Everything may have changed,
         * and on_bridge and on_port do not tell of it. */
        void (*on_read)(void *userdata);
        /* ovs_is_connected() became false. */
        void (*on_lost)(void *userdata);
        /* A bridge came or went. */
        void (*on_bridge)(const char *name, void *userdata);
        /* A Port or Interface of this name came, went or changed, tapd's own or somebody else's. A transaction that
         * was given up and carried out all the same shows here, too. */
        void (*on_port)(const char *name, void *userdata);
} OvsHandlers;

/* @socket_path and @server_path: those of ovsdb_new(); "": there is to be no Open vSwitch. Where there is none nothing
 * ever happens. */
int ovs_new(sd_event *event, const char *socket_path, const char *server_path, const OvsHandlers *handlers,
            void *userdata, Ovs **ret);
/* Calls that were not answered never are. */
Ovs *ovs_free(Ovs *ovs);

/* Whether its database is read and answers. One that left a call unanswered does not, until it says anything again. */
bool ovs_is_connected(const Ovs *ovs);

/* Whether there is an Open vSwitch on this host, as far as that can be told: it was read, or the folder of its server's
 * socket is there. */
bool ovs_is_expected(const Ovs *ovs);

/* Whether it ever was read: what is told below is then true, or was when the connection was lost. */
bool ovs_was_read(const Ovs *ovs);

/* Whether it is worth waiting a moment for it to be read for the first time. */
bool ovs_is_coming(const Ovs *ovs);

bool ovs_has_bridge(const Ovs *ovs, const char *name);

/* Whether there is a Port or an Interface of this name, whoever made it. */
bool ovs_find_port(const Ovs *ovs, const char *name, OvsPort *ret);

/* Calls back for each port that is tapd's own, also for those whose TAP is long gone. */
void ovs_each_port(const Ovs *ovs, void (*callback)(const OvsPort *port, void *userdata), void *userdata);

/* The longest that a call below takes to be answered, whatever Open vSwitch does, from its turn on: of hundreds that
 * are made at once each has to wait for it. */
#define OVS_ANSWER_USEC (UINT64_C(4500) * 1000)

/* A call that was not answered yet. */
typedef struct OvsCall OvsCall;

/* Called once and from the loop, never from inside ovs_plug() or ovs_unplug(): 0, or negative errno and a fault. The
 * call is gone afterwards. */
typedef void (*ovs_done_t)(int r, const Fault *fault, void *userdata);

/*
 * Puts the TAP @id of this name on a bridge as @spec says, or changes it there; the device is there already. It is done
 * when ovs-vswitchd has taken the port, and where it does not, the rows are gone again. One that is plugged there
 * already is changed in place and keeps its number, which is done when ovs-vswitchd goes by it; one that is on another
 * bridge is moved by one transaction, and plugged nowhere if that fails.
 *
 * Rows of another TAP that had the name are removed first, and rows are not made before ovs-vswitchd has seen earlier
 * ones of the name go: it would go on with the device that it has open, and nothing from the new one would come through
 * (netdev datapath). A device that was made anew therefore has a new @id, or its rows are removed before.
 *
 * NoSuchSwitch: there is no such bridge. NameInUse: a row of that name is not tapd's. Conflict: another call for the
 * same name came after this one, and counts. SwitchUnavailable: anything else, a database that cannot be reached
 * included. For one that has just been lost or is just starting the call waits, because that is what an upgrade of
 * Open vSwitch and a boot look like; where it has been silent or away for longer the answer comes at once.
 *
 * ovs-vswitchd needs milliseconds for each port, and more the more there are: who has thousands goes in pieces.
 */
int ovs_plug(Ovs *ovs, const char *name, sd_id128_t id, const PortSpec *spec, ovs_done_t done, void *userdata,
             OvsCall **ret);

/* Removes the rows of the TAP @id of this name. Where there are none, or other ones, it is done. */
int ovs_unplug(Ovs *ovs, const char *name, sd_id128_t id, ovs_done_t done, void *userdata, OvsCall **ret);

/* Nobody waits any more; the call goes on. NULL is fine. */
void ovs_call_forget(OvsCall *call);
