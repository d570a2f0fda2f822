/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where TAPs are plugged in: which switches there are, what is found of their ports, and the rows of Open vSwitch that
 * are ours and nobody's any more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "making.h"
#include "manager-internal.h"
#include "manager-wants.h"
#include "plugging.h"

static void switch_init(Switch *where, SwitchKind kind, const char *name, const Link *link) {
        *where = (Switch){ .kind = kind };
        (void) snprintf(where->name, sizeof(where->name), "%s", name);
        if (link)
                where->link = *link;
        where->filters_vlans = kind == SWITCH_OPENVSWITCH || (link && link->filters_vlans);
}

int manager_find_switch(Manager *manager, const char *name, Switch *ret, Fault *fault) {
        Link link;
        bool has_link;

        /* Altnames are no names of switches: grants and records say the one that it has. */
        has_link = link_get_by_name(manager->rtnl, name, &link) == 0 && strcmp(link.name, name) == 0;
        if (has_link && link.is_bridge) {
                switch_init(ret, SWITCH_BRIDGE, name, &link);
                return 0;
        }

        if (ovs_has_bridge(manager->ovs, name)) {
                /* Where it does not answer, it is for the call itself to say so: it may be just starting. */
                switch_init(ret, SWITCH_OPENVSWITCH, name, has_link ? &link : NULL);
                return 0;
        }

        if (ovs_is_expected(manager->ovs) && !ovs_was_read(manager->ovs))
                return fault_set(fault, TAPD_ERROR_SWITCH_UNAVAILABLE,
                                 "Switch=: there is no bridge \"%s\", and Open vSwitch does not answer", name);
        if (has_link)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_SWITCH, "Switch=: \"%s\" is no switch but %s", name,
                                 *link.kind ? link.kind : "a network card");

        return fault_set(fault, TAPD_ERROR_NO_SUCH_SWITCH, "Switch=: there is no switch \"%s\"", name);
}

/* Our own row of this TAP. */
static bool find_row(Manager *manager, const Tap *tap, OvsPort *ret) {
        return ovs_find_port(manager->ovs, tap->record.name, ret) && ret->is_own &&
               sd_id128_equal(ret->id, tap->record.id);
}

/* What the kernel does not tell of a port is what was asked for, where it was plugged in there by us. */
static void fill_bridge_port(const Tap *tap, const Link *bridge, Port *port) {
        const PortSpec *asked = &tap->record.spec.port;

        port->kind = SWITCH_BRIDGE;
        if (strcmp(asked->switch_name, bridge->name) == 0)
                port->spec = *asked;
        (void) snprintf(port->spec.switch_name, sizeof(port->spec.switch_name), "%s", bridge->name);
        port->spec.isolated = tap->link.is_isolated;
}

void manager_find_port(Manager *manager, Tap *tap) {
        Port port = { .is_exact = true };
        OvsPort row;
        Link bridge;

        if (find_row(manager, tap, &row)) {
                port = (Port){ .kind = SWITCH_OPENVSWITCH, .is_exact = row.is_exact, .spec = row.spec };
        } else if (tap->link.master != 0 && link_get(manager->rtnl, tap->link.master, &bridge) == 0 &&
                   bridge.is_bridge) {
                fill_bridge_port(tap, &bridge, &port);
                /* One that was plugged in by an earlier run of ours is guarded as well. */
                (void) bridges_meet(&manager->bridges, manager->rtnl, &bridge);
        } else if (ovs_find_port(manager->ovs, tap->record.name, &row) && !row.is_own) {
                /* Somebody plugged it in by hand; on which bridge no row says. */
                port = (Port){ .kind = SWITCH_OPENVSWITCH };
        }

        tap_set_port(tap, &port);
        if (tap->changes)
                manager_touch(manager, tap);
}

void manager_withdraw(Manager *manager, const Tap *tap) {
        if (tap->port.kind == SWITCH_OPENVSWITCH || tap->is_plugging)
                (void) ovs_unplug(manager->ovs, tap->record.name, tap->record.id, /* done= */ NULL,
                                  /* userdata= */ NULL, /* ret= */ NULL);
}

/* Of a row that is marked as ours: that of a TAP which is to have it, or a left-over. */
static void manager_judge_own_row(Manager *manager, const OvsPort *row) {
        Tap *tap = manager_find(manager, row->name);

        if (tap && sd_id128_equal(tap->record.id, row->id)) {
                /* What is under way looks after itself. */
                if (tap->is_plugging || tap->state == TAP_DELETING)
                        return;

                /* A request that was given up, and carried out by a server that hung, put it there; or somebody plugged
                 * the TAP into something else. */
                if (strcmp(tap->record.spec.port.switch_name, row->spec.switch_name) == 0)
                        return;
        } else if (making_has_id(manager, row->id)) {
                return;
        }

        log_tap(LOG_INFO, row->name, "its port on %s is nobody's any more, withdrawing it", row->spec.switch_name);
        (void) ovs_unplug(manager->ovs, row->name, row->id, /* done= */ NULL, /* userdata= */ NULL, /* ret= */ NULL);
}

/* How long ovs-vswitchd may take to let go of a device: with that it writes the flags that it had read before, and they
 * say that the device is down (netdev_linux_update_flags() of lib/netdev-linux.c). */
#define RAISE_USEC 5000000

void manager_let_up(Manager *manager, Tap *tap) {
        if (tap->raise_until_usec < want_now() || tap->link.is_up)
                return;

        if (tap->record.spec.up && !tap_is_held(tap))
                (void) link_set_up(manager->rtnl, tap->record.ifindex, true);
}

/*
 * A TAP that was made while Open vSwitch could not be asked, and whose name turns out to be that of a port there: its
 * guest would be in whatever VLANs that port has. It is kept down until the port is gone.
 */
static void manager_check_intrusion(Manager *manager, Tap *tap) {
        bool was_intruded = tap->is_intruded, is_intruded;
        OvsPort row;

        if (!tap->record.is_unchecked || !ovs_was_read(manager->ovs))
                return;

        is_intruded = ovs_find_port(manager->ovs, tap->record.name, &row) && !find_row(manager, tap, &row);
        if (is_intruded && !was_intruded) {
                log_tap(LOG_ERR, tap->record.name,
                        "Open vSwitch has a port of this name already, in VLANs that are another's; setting it down");
                (void) link_set_up(manager->rtnl, tap->record.ifindex, false);
        }

        tap->is_intruded = is_intruded;
        if (!is_intruded) {
                tap->record.is_unchecked = false;
                (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        }
        /* One that somebody else took down stays so. */
        if (was_intruded && !is_intruded) {
                tap->raise_until_usec = want_now() + RAISE_USEC;
                manager_let_up(manager, tap);
        }
        (void) manager_look_at(manager, tap);
        tap_judge(tap);
        manager_touch(manager, tap);
}

static void manager_on_own_row(const OvsPort *row, void *userdata) {
        manager_judge_own_row(userdata, row);
}

/* What is known of it may have changed: its own port, and what keeps it waiting. */
static void manager_look_at_port(Manager *manager, Tap *tap) {
        OvsPort row;

        if (tap_is_absent(tap) || tap->state == TAP_DELETING)
                return;

        manager_check_intrusion(manager, tap);
        if (tap->port.kind == SWITCH_OPENVSWITCH || ovs_find_port(manager->ovs, tap->record.name, &row))
                manager_find_port(manager, tap);
}

/* How long a start waits for Open vSwitch to say what ports it has, where it runs. */
#define AWAIT_USEC 1000000

void manager_await_ports(Manager *manager, sd_event *event) {
        uint64_t end = want_now() + AWAIT_USEC;

        for (uint64_t now = want_now(); now < end && ovs_is_coming(manager->ovs); now = want_now())
                if (sd_event_run(event, end - now) < 0)
                        break;
}

void manager_judge_ports(Manager *manager) {
        /* While it is not known which TAPs there are every row would seem to be nobody's. */
        if (manager->is_blind || !ovs_was_read(manager->ovs))
                return;

        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                manager_look_at_port(manager, tap);

        ovs_each_port(manager->ovs, manager_on_own_row, manager);
        manager_finish_plugs(manager);
        manager_want_ports(manager);
}

static void manager_on_ovs_read(void *userdata) {
        manager_judge_ports(userdata);
}

/* What is plugged in goes on, and what is known of it stays: ovs-vswitchd does its work without its database. */
static void manager_on_ovs_lost(void *userdata) {
}

static void manager_on_ovs_bridge(const char *name, void *userdata) {
        manager_want_ports(userdata);
}

static void manager_on_ovs_port(const char *name, void *userdata) {
        Manager *manager = userdata;
        Tap *tap = manager_find(manager, name);
        OvsPort row;

        if (manager->is_blind)
                return;
        if (tap)
                manager_look_at_port(manager, tap);
        if (tap && *tap->record.declared)
                manager_want_look_again(manager, tap);
        if (ovs_find_port(manager->ovs, name, &row) && row.is_own)
                manager_judge_own_row(manager, &row);
}

const OvsHandlers manager_ovs_handlers = {
        .on_read = manager_on_ovs_read,
        .on_lost = manager_on_ovs_lost,
        .on_bridge = manager_on_ovs_bridge,
        .on_port = manager_on_ovs_port,
};

/* tapd died while it plugged this one in, or off. */
static void manager_finish_plug(Manager *manager, Tap *tap) {
        const PortSpec spec = tap->record.spec.port;
        bool is_unplug = !*spec.switch_name;
        Fault fault = {};
        Switch where;
        int r = 0;

        if (!is_unplug)
                r = manager_find_switch(manager, spec.switch_name, &where, &fault);
        if (r == 0 && !is_unplug)
                r = manager_check_port(manager, tap->record.name, &tap->record.spec, &where, &fault);
        if (r == 0)
                r = plugging_begin(manager, tap, is_unplug ? NULL : &spec, is_unplug ? NULL : &where, /* done= */ NULL,
                                   /* userdata= */ NULL, /* ret= */ NULL, &fault);
        if (r < 0)
                log_tap(LOG_WARNING, tap->record.name, "is not plugged in as it was asked: %s", fault.text);
}

static bool is_on_its_way(const Tap *tap) {
        const Record *record = &tap->record;
        bool has_switch = *record->spec.port.switch_name;

        /* A declared one with a switch is looked after anyway. */
        return has_switch != record->is_plugged && !(has_switch && record->lifetime == LIFETIME_DECLARED);
}

void manager_finish_plugs(Manager *manager) {
        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                if (is_on_its_way(tap) && !tap->is_plugging && !tap_is_absent(tap) && tap->state != TAP_DELETING)
                        manager_finish_plug(manager, tap);
}
