/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The switch that a declared TAP is plugged into. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "manager-wants.h"

/* What keeps it from being plugged in, as @reason; 0: nothing. */
static int check_switch(const Tap *tap, const Declaration *declaration, const Link *where, char *reason) {
        const PortSpec *port = &declaration->port;

        if (!where->is_bridge)
                (void) snprintf(reason, TAP_REASON_SIZE, "%s is no bridge; this version plugs into nothing else",
                                port->switch_name);
        else if (port->vlan || port->n_trunk > 0 || *port->interface_id)
                (void) snprintf(reason, TAP_REASON_SIZE, "this version sets neither VLANs nor InterfaceID=");
        else if (where->filters_vlans)
                (void) snprintf(reason, TAP_REASON_SIZE, "%s filters VLANs, and this version sets none",
                                port->switch_name);
        else if (tap->record.spec.mtu < where->mtu)
                /* It would become the bridge's own. */
                (void) snprintf(reason, TAP_REASON_SIZE, "MTUBytes= is smaller than the %u of %s", where->mtu,
                                port->switch_name);
        else if (tap->link.master != 0 && tap->link.master != where->ifindex && !tap->was_plugged)
                /* The kernel would move it silently; what we plugged in ourselves is put back. */
                (void) snprintf(reason, TAP_REASON_SIZE, "it is plugged into another switch than %s",
                                port->switch_name);
        else
                return 0;

        return -EINVAL;
}

/* Plugs it in, and then up: a guest sees no link before the path is ready. */
static int plug(Manager *manager, Tap *tap, const Declaration *declaration, const Link *where) {
        TapSpec spec = tap->record.spec;
        LinkChange change = { .mtu = where->mtu, .transmit_queue_length = LINK_UNSET };
        Fault fault = {};
        int r = 0;

        if (tap->link.master != where->ifindex) {
                /* A smaller one would become the bridge's; a larger one that was asked for stays. */
                if (spec.mtu == SPEC_UNSET && tap->link.mtu != where->mtu)
                        r = link_change(manager->rtnl, tap->record.ifindex, &change);
                if (r == 0)
                        r = link_set_master(manager->rtnl, tap->record.ifindex, where->ifindex,
                                            declaration->spec.port.isolated);
                if (r < 0)
                        return r;
                log_tap(LOG_INFO, tap->record.name, "plugged into %s", declaration->spec.port.switch_name);
                spec.up = declaration->spec.up;
        }

        /* An adopted one was in it already. */
        return spec.up != tap->record.spec.up ? manager_set(manager, tap, &spec, &fault) : 0;
}

/* Plugs it in where it is not; one that somebody took out is put back, later each time. */
static void want_plug_into(Manager *manager, Want *want, Tap *tap, const Declaration *declaration, const Link *where) {
        const char *name = declaration->spec.port.switch_name;
        bool is_out = tap->link.master != where->ifindex;
        uint64_t now = want_now();
        int r;

        if (is_out && tap->was_plugged && want->retry_usec == 0)
                want_set_back(want, now);
        if (is_out && want->retry_usec > now) {
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "somebody took it out of %s %u times in a row",
                                name, want->n_setbacks);
                manager_want_later(manager, want);
                return;
        }

        want->retry_usec = 0;
        if (is_out)
                want->made_usec = now;
        r = plug(manager, tap, declaration, where);
        if (r < 0)
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "it cannot be plugged into %s: %s", name,
                                r == -EXFULL ? "it has 1,023 ports" : strerror(-r));
        else
                tap->was_plugged = true;
}

/* Its file names no switch, or no more. */
static void want_unplug(Manager *manager, Tap *tap) {
        int r = 0;

        if (tap->was_plugged && tap->link.master != 0)
                r = link_set_master(manager->rtnl, tap->record.ifindex, /* master= */ 0, /* isolated= */ false);
        if (r < 0)
                log_tap(LOG_WARNING, tap->record.name, "cannot be unplugged: %s, ignoring", strerror(-r));
        tap->was_plugged = false;
}

/* One that is declared with a switch stays down until it is plugged in. */
void want_plug(Manager *manager, Want *want, Tap *tap, const Declaration *declaration) {
        const char *name = declaration->spec.port.switch_name;
        Link where;

        tap->waiting[0] = '\0';
        if (!*name)
                want_unplug(manager, tap);
        else if (link_get_by_name(manager->rtnl, name, &where) < 0)
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "its switch %s is absent", name);
        else if (check_switch(tap, declaration, &where, tap->waiting) == 0)
                want_plug_into(manager, want, tap, declaration, &where);

        want_judge(manager, tap);
}
