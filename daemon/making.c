/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "making.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-internal.h"

typedef enum Step {
        STEP_CLEAR, /* a port of Open vSwitch's that another TAP of ours left */
        STEP_DRAFT,
        STEP_PLUG,
        STEP_DONE,
} Step;

struct Making {
        Manager *manager;
        Record wanted;
        bool plugs; /* before it goes up; a declared one is plugged in when it is there */
        Switch where;
        TapDraft *draft;
        Step step;
        ovs_done_t resume; /* what Open vSwitch calls when it has answered */
        OvsCall *call;
        size_t n_queues; /* 0: none are handed out */
        manager_made_t done;
        void *userdata;
        Making *prev, *next;
};

static Making *making_free(Making *making) {
        DL_DELETE(making->manager->makings, making);
        ovs_call_forget(making->call);
        tap_draft_free(making->draft);
        free(making);
        return NULL;
}

void making_forget(Making *making) {
        if (making)
                making->done = NULL;
}

bool making_has_id(const Manager *manager, sd_id128_t id) {
        for (const Making *making = manager->makings; making; making = making->next)
                if (making->draft && sd_id128_equal(making->draft->record.id, id))
                        return true;

        return false;
}

bool making_has_name(const Manager *manager, const char *name) {
        for (const Making *making = manager->makings; making; making = making->next)
                if (strcmp(making->wanted.name, name) == 0)
                        return true;

        return false;
}

size_t making_count_of(const Manager *manager, uid_t creator) {
        size_t n = 0;

        for (const Making *making = manager->makings; making; making = making->next)
                n += making->wanted.creator == creator;

        return n;
}

void makings_done(Manager *manager) {
        while (manager->makings)
                making_free(manager->makings);
}

/* A device under the name of a port that is there would be in that port's VLANs. */
static int making_clear(Making *making, Fault *fault) {
        Manager *manager = making->manager;
        const char *name = making->wanted.name;
        OvsPort row;

        if (!ovs_find_port(manager->ovs, name, &row))
                return 1;
        if (!row.is_own)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", Open vSwitch has a port of this name that is not tapd's "
                                 "(ovs-vsctl del-port %s)",
                                 name, name);

        return ovs_unplug(manager->ovs, name, row.id, making->resume, making, &making->call);
}

static void log_intrusions(const Manager *manager, const char *name, uint64_t before) {
        uint64_t n = manager->workshop.n_intrusions - before;

        if (n > 0)
                log_tap(LOG_WARNING, name,
                        "another program got into %" PRIu64
                        " of the new devices before their owner was set; thrown away",
                        n);
}

static int making_draft(Making *making, Fault *fault) {
        Manager *manager = making->manager;
        uint64_t n_intrusions = manager->workshop.n_intrusions;
        int r;

        r = tap_draft_new(&manager->workshop, &making->wanted, &making->draft, fault);
        log_intrusions(manager, making->wanted.name, n_intrusions);
        return r < 0 ? manager_note_fault(manager, r, fault) : 1;
}

static int making_plug(Making *making, Fault *fault) {
        Manager *manager = making->manager;
        const TapSpec *spec = &making->wanted.spec;
        Link *link;
        int r;

        if (!making->plugs)
                return 1;

        link = &making->draft->link;
        r = link_get(manager->rtnl, link->ifindex, link);
        if (r < 0)
                return r;

        if (making->where.kind == SWITCH_BRIDGE) {
                r = port_bridge_plug(&manager->bridges, manager->rtnl, link, &making->where, &spec->port, spec->mtu,
                                     fault);
                return r < 0 ? r : 1;
        }

        r = manager_fit_mtu(manager, link, &making->where, spec->mtu);
        if (r < 0)
                return r;

        return ovs_plug(manager->ovs, making->wanted.name, making->draft->record.id, &spec->port, making->resume,
                        making, &making->call);
}

/* Goes on until it has to wait, which is 0, or is done, which is 1. */
static int making_run(Making *making, Fault *fault) {
        static int (*const steps[STEP_DONE])(Making *, Fault *) = {
                [STEP_CLEAR] = making_clear,
                [STEP_DRAFT] = making_draft,
                [STEP_PLUG] = making_plug,
        };
        int r = 1;

        while (r > 0 && making->step != STEP_DONE)
                r = steps[making->step++](making, fault);

        return r < 0 ? fault_set_errno(fault, r, making->wanted.name) : r;
}

static int making_add(Making *making, Tap *tap, TapQueues *queues, Fault *fault) {
        Manager *manager = making->manager;
        int r;

        r = manager_add(manager, tap);
        /* udev gives new devices addresses, and may have been between ours and now. */
        if (r == 0 && tap_is_suspicious(tap))
                manager_touch(manager, tap);
        if (r < 0) {
                tap_queues_close(queues);
                manager_discard(tap->link.ifindex, manager);
                manager_drop_record(manager, tap->record.name);
                tap_free(tap);
                return fault_set_errno(fault, r, making->wanted.name);
        }

        return 0;
}

/* Up, complete and known; or gone. */
static int making_complete(Making *making, TapQueues *queues, Tap **ret, Fault *fault) {
        Manager *manager = making->manager;
        const Record *wanted = &making->wanted;
        TapDraft *draft = making->draft;
        Tap *tap;
        int r;

        making->draft = NULL;
        queues->n_fds = making->n_queues;
        draft->record.is_plugged = making->plugs;
        draft->record.is_unchecked = manager->has_ovs && !ovs_was_read(manager->ovs);
        r = tap_draft_finish(draft, wanted->spec.up && (making->plugs || !*wanted->spec.port.switch_name),
                             making->n_queues > 0 ? queues : NULL, &tap, fault);
        if (r < 0) {
                queues->n_fds = 0;
                return manager_note_fault(manager, r, fault);
        }

        if (making->plugs)
                manager_find_port(manager, tap);
        tap->changes = 0;
        r = making_add(making, tap, queues, fault);
        if (r < 0)
                return r;

        (void) manager_note_write(manager, 0);
        manager_forget_broken(manager, wanted->name);
        idle_wake(&manager->idle);
        if (*wanted->declared)
                log_tap(LOG_INFO, wanted->name, "created as %s declares it", wanted->source);
        else
                log_tap(LOG_INFO, wanted->name, "created for uid %u", wanted->creator);
        *ret = tap;
        return 0;
}

/* Its row goes before its device does. */
static void making_withdraw(const Making *making) {
        if (making->draft && making->where.kind == SWITCH_OPENVSWITCH)
                (void) ovs_unplug(making->manager->ovs, making->wanted.name, making->draft->record.id,
                                  /* done= */ NULL, /* userdata= */ NULL, /* ret= */ NULL);
}

static void making_finish(Making *making, int r, const Fault *why) {
        Fault fault = *why;
        TapQueues queues = {};
        Tap *tap = NULL;

        if (r > 0)
                r = making_complete(making, &queues, &tap, &fault);
        if (r < 0)
                making_withdraw(making);

        if (making->done)
                making->done(r < 0 ? r : 0, &fault, tap, &queues, making->wanted.name, making->userdata);
        /* Nobody took them: an ephemeral one goes with them. */
        tap_queues_close(&queues);
        making_free(making);
}

static void making_on_ovs(int r, const Fault *fault, void *userdata) {
        Making *making = userdata;
        Fault more = {};

        making->call = NULL;
        if (r < 0) {
                making_finish(making, r, fault);
                return;
        }

        r = making_run(making, &more);
        if (r != 0)
                making_finish(making, r, &more);
}

static int making_prepare(Making *making, const ManagerOrder *order, Fault *fault) {
        Manager *manager = making->manager;
        Record *wanted = &making->wanted;
        const PortSpec *port = &order->spec->port;
        int r;

        *wanted = (Record){ .creator = order->creator, .lifetime = order->lifetime, .spec = *order->spec };
        (void) snprintf(wanted->name, sizeof(wanted->name), "%s", order->name);
        (void) snprintf(wanted->source, sizeof(wanted->source), "%s",
                        order->source ? order->source : RECORD_SOURCE_BUS);
        if (order->declaration) {
                (void) snprintf(wanted->source, sizeof(wanted->source), "%s", order->declaration->file->path);
                (void) snprintf(wanted->declared, sizeof(wanted->declared), "%s", order->declaration->name);
                wanted->declared_hash = order->declaration->hash;
        }

        r = manager_check_sight(manager, fault);
        if (r == 0)
                r = manager_check_unique(manager, order->spec, order->name, fault);
        if (r < 0)
                return r;

        making->plugs = *port->switch_name && order->lifetime != LIFETIME_DECLARED;
        if (!making->plugs)
                return 0;

        r = manager_find_switch(manager, port->switch_name, &making->where, fault);
        return r < 0 ? r : manager_check_port(manager, order->name, order->spec, &making->where, fault);
}

int manager_create(Manager *manager, const ManagerOrder *order, TapQueues *queues, manager_made_t done, void *userdata,
                   Making **ret_making, Tap **ret, Fault *fault) {
        TapQueues none = {};
        Making *making;
        int r;

        making = calloc(1, sizeof(*making));
        if (!making)
                return fault_set_errno(fault, -ENOMEM, order->name);

        *making = (Making){
                .manager = manager,
                .resume = making_on_ovs,
                .n_queues = queues ? queues->n_fds : 0,
                .done = done,
                .userdata = userdata,
        };
        if (queues)
                queues->n_fds = 0;
        DL_APPEND(manager->makings, making);

        r = making_prepare(making, order, fault);
        if (r == 0)
                r = making_run(making, fault);
        if (r == 0) {
                *ret_making = making;
                return 0;
        }

        if (r > 0)
                r = making_complete(making, queues ? queues : &none, ret, fault);
        if (r < 0)
                making_withdraw(making);
        making_free(making);
        return r < 0 ? r : 1;
}
