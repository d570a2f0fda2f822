/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-internal.h"

typedef enum Step {
        STEP_LEAVE, /* the switch that it is on, where that is of another kind */
        STEP_ENTER,
        STEP_DONE,
} Step;

struct Plugging {
        Manager *manager;
        char name[NAME_SIZE];
        sd_id128_t id;
        PortSpec before;
        bool was_plugged, was_held;
        bool is_resumed; /* begun by an earlier life of tapd's */
        bool has_waited; /* what was known of the switch may have changed */
        Port found;      /* where it was, whoever had plugged it in there */
        uint32_t mtu;
        PortSpec spec;
        Switch where; /* kind SWITCH_NONE: into none */
        Step step;
        ovs_done_t resume; /* what Open vSwitch calls when it has answered */
        OvsCall *call;
        plugging_done_t done;
        void *userdata;
        Plugging *prev, *next;
};

static Plugging *plugging_free(Plugging *plugging) {
        DL_DELETE(plugging->manager->pluggings, plugging);
        ovs_call_forget(plugging->call);
        free(plugging);
        return NULL;
}

void pluggings_done(Manager *manager) {
        while (manager->pluggings)
                plugging_free(manager->pluggings);
}

void plugging_forget(Plugging *plugging) {
        if (plugging)
                plugging->done = NULL;
}

/* The TAP may be gone since, and another have its name. */
static Tap *plugging_find(const Plugging *plugging) {
        Tap *tap = manager_find(plugging->manager, plugging->name);

        return tap && sd_id128_equal(tap->record.id, plugging->id) && !tap_is_absent(tap) ? tap : NULL;
}

static int plugging_leave(Plugging *plugging, Tap *tap, Fault *fault) {
        Manager *manager = plugging->manager;

        if (tap->port.kind == SWITCH_NONE || tap->port.kind == plugging->where.kind)
                return 1;
        if (tap->port.kind == SWITCH_BRIDGE) {
                int r = port_bridge_unplug(manager->rtnl, &tap->link, fault);

                return r < 0 ? r : 1;
        }

        return ovs_unplug(manager->ovs, plugging->name, plugging->id, plugging->resume, plugging, &plugging->call);
}

/* The switch's own, where none was asked for: it would become as small as the TAP's. */
int manager_fit_mtu(Manager *manager, const Link *link, const Switch *where, uint32_t asked) {
        const LinkChange change = { .mtu = where->link.mtu, .transmit_queue_length = LINK_UNSET };

        if (asked != SPEC_UNSET || where->link.ifindex == 0 || where->link.mtu == link->mtu)
                return 0;

        return link_change(manager->rtnl, link->ifindex, &change);
}

static int plugging_enter(Plugging *plugging, Tap *tap, Fault *fault) {
        Manager *manager = plugging->manager;
        int r = 0;

        if (plugging->has_waited && plugging->where.kind != SWITCH_NONE)
                r = manager_find_switch(manager, plugging->spec.switch_name, &plugging->where, fault);
        if (r == 0 && plugging->has_waited && plugging->where.kind != SWITCH_NONE)
                r = manager_check_port(manager, plugging->name, &tap->record.spec, &plugging->where, fault);
        if (r < 0)
                return r;

        switch (plugging->where.kind) {
        case SWITCH_BRIDGE:
                r = port_bridge_plug(&manager->bridges, manager->rtnl, &tap->link, &plugging->where, &plugging->spec,
                                     tap->record.spec.mtu, fault);
                return r < 0 ? r : 1;
        case SWITCH_OPENVSWITCH:
                r = manager_fit_mtu(manager, &tap->link, &plugging->where, tap->record.spec.mtu);
                if (r < 0)
                        return r;
                return ovs_plug(manager->ovs, plugging->name, plugging->id, &plugging->spec, plugging->resume, plugging,
                                &plugging->call);
        case SWITCH_NONE:
        case _SWITCH_KIND_MAX:
                break;
        }

        return 1;
}

/* Goes on until it has to wait, which is 0, or is done, which is 1. */
static int plugging_run(Plugging *plugging, Fault *fault) {
        int r = 1;

        while (r > 0 && plugging->step != STEP_DONE) {
                Tap *tap = plugging_find(plugging);

                if (!tap || tap->state == TAP_DELETING)
                        return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "%s: is being deleted", plugging->name);

                r = plugging->step == STEP_LEAVE ? plugging_leave(plugging, tap, fault)
                                                 : plugging_enter(plugging, tap, fault);
                plugging->step++;
                (void) manager_look_at(plugging->manager, tap);
        }

        return r < 0 ? fault_set_errno(fault, r, plugging->name) : r;
}

/* Back to where it was taken from, as far as that can be. */
static void plugging_go_back(const Plugging *plugging, Tap *tap) {
        const Port *found = &plugging->found;
        Manager *manager = plugging->manager;
        Fault fault = {};
        Switch where;

        /* What an earlier life left half done is no place to go back to. */
        manager_find_port(manager, tap);
        if (found->kind == SWITCH_NONE || plugging->is_resumed || portspec_equals(&tap->port.spec, &found->spec) ||
            (tap->port.kind != SWITCH_NONE && tap->port.kind != found->kind) ||
            manager_find_switch(manager, found->spec.switch_name, &where, &fault) < 0)
                return;

        if (where.kind == SWITCH_BRIDGE)
                (void) port_bridge_plug(&manager->bridges, manager->rtnl, &tap->link, &where, &found->spec,
                                        plugging->mtu, &fault);
        else if (where.kind == SWITCH_OPENVSWITCH)
                (void) ovs_plug(manager->ovs, plugging->name, plugging->id, &found->spec, /* done= */ NULL,
                                /* userdata= */ NULL, /* ret= */ NULL);
        (void) manager_look_at(manager, tap);
}

/* One that waited for this goes up now: a guest sees no link before the path is ready. */
static void plugging_raise(const Plugging *plugging, Tap *tap) {
        int r = 0;

        if (plugging->was_held && tap->record.spec.up && !tap->link.is_up)
                r = link_set_up(plugging->manager->rtnl, tap->record.ifindex, true);
        if (r < 0)
                log_tap(LOG_WARNING, tap->record.name, "cannot be set up: %s", strerror(-r));
}

/* Takes its end down, however it went, and says so. */
static void plugging_settle(Plugging *plugging, int r, const Fault *fault) {
        Manager *manager = plugging->manager;
        Tap *tap = plugging_find(plugging);

        if (!tap || tap->state == TAP_DELETING)
                return;

        tap->is_plugging = false;
        if (r < 0) {
                plugging_go_back(plugging, tap);
                tap->record.spec.port = plugging->before;
                tap->record.is_plugged = plugging->was_plugged;
                log_tap(LOG_WARNING, plugging->name, "cannot be plugged: %s", fault->text);
        } else {
                tap->record.is_plugged = plugging->where.kind != SWITCH_NONE;
                /* What it waited for it was not asked for last. */
                tap->waiting[0] = '\0';
                plugging_raise(plugging, tap);
                if (plugging->where.kind != SWITCH_NONE)
                        log_tap(LOG_INFO, plugging->name, "plugged into %s", plugging->where.name);
                else
                        log_tap(LOG_INFO, plugging->name, "unplugged");
        }

        (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        (void) manager_look_at(manager, tap);
        manager_find_port(manager, tap);
        manager_touch(manager, tap);
}

static void plugging_finish(Plugging *plugging, int r, const Fault *fault) {
        plugging_settle(plugging, r, fault);
        if (plugging->done)
                plugging->done(r < 0 ? r : 0, fault, plugging->name, plugging->userdata);

        plugging_free(plugging);
}

static void plugging_on_ovs(int r, const Fault *fault, void *userdata) {
        Plugging *plugging = userdata;
        Fault more = {};

        plugging->call = NULL;
        plugging->has_waited = true;
        if (r < 0) {
                plugging_finish(plugging, r, fault);
                return;
        }

        r = plugging_run(plugging, &more);
        if (r != 0)
                plugging_finish(plugging, r, &more);
}

static int check_plug(Manager *manager, Tap *tap, Fault *fault) {
        OvsPort row;
        Link master;
        int r;

        r = manager_check_device(manager, tap, fault);
        if (r < 0)
                return r;
        if (tap->is_plugging)
                return fault_set(fault, TAPD_ERROR_IN_USE, "%s: is on its way into a switch already", tap->record.name);

        manager_find_port(manager, tap);
        if (ovs_find_port(manager->ovs, tap->record.name, &row) && !row.is_own)
                return fault_set(fault, TAPD_ERROR_CONFLICT,
                                 "%s: Open vSwitch has a port of this name that is not tapd's (ovs-vsctl del-port %s)",
                                 tap->record.name, tap->record.name);
        if (tap->link.master != 0 && tap->port.kind == SWITCH_NONE)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s: is part of %s, which is no switch", tap->record.name,
                                 link_get(manager->rtnl, tap->link.master, &master) == 0 ? master.name
                                                                                         : "another interface");

        return 0;
}

int plugging_begin(Manager *manager, Tap *tap, const PortSpec *spec, const Switch *where, plugging_done_t done,
                   void *userdata, Plugging **ret, Fault *fault) {
        bool is_resumed = *tap->record.spec.port.switch_name && !tap->record.is_plugged;
        Plugging *plugging;
        int r;

        r = check_plug(manager, tap, fault);
        if (r < 0)
                return r;

        plugging = calloc(1, sizeof(*plugging));
        if (!plugging)
                return fault_set_errno(fault, -ENOMEM, tap->record.name);

        *plugging = (Plugging){
                .manager = manager,
                .resume = plugging_on_ovs,
                .id = tap->record.id,
                .before = tap->record.spec.port,
                .was_plugged = tap->record.is_plugged,
                .was_held = tap_is_held(tap) || is_resumed,
                .is_resumed = is_resumed,
                .found = tap->port,
                .mtu = tap->link.mtu,
                .done = done,
                .userdata = userdata,
        };
        strcpy(plugging->name, tap->record.name);
        if (spec)
                plugging->spec = *spec;
        if (where)
                plugging->where = *where;
        DL_APPEND(manager->pluggings, plugging);

        /* The record first: what cannot be recorded is not done. */
        tap->record.spec.port = plugging->spec;
        tap->record.is_plugged = plugging->where.kind == SWITCH_NONE;
        r = manager_note_write(manager, record_store_save(manager->records, &tap->record));
        if (r < 0) {
                tap->record.spec.port = plugging->before;
                tap->record.is_plugged = plugging->was_plugged;
                plugging_free(plugging);
                return record_write_fault(r, fault);
        }

        tap->is_plugging = true;
        r = plugging_run(plugging, fault);
        if (r == 0) {
                if (ret)
                        *ret = plugging;
                return 0;
        }

        plugging_settle(plugging, r, fault);
        plugging_free(plugging);
        return r;
}
