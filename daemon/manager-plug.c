/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The switch of a declared TAP. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "manager-wants.h"
#include "plugging.h"

/* What failed is tried again, later each time; what was done is looked at again. */
static void want_on_plugged(int r, const Fault *fault, const char *name, void *userdata) {
        Manager *manager = userdata;
        Want *want = manager_find_want(manager, name);

        if (!want)
                return;

        if (want->is_awaited)
                manager_note_plugged(manager);
        want->is_awaited = false;
        if (!want->tap)
                return;

        if (r < 0) {
                want_set_back(want, want_now());
                (void) snprintf(want->tap->waiting, sizeof(want->tap->waiting), "%.250s", fault->text);
                want_judge(manager, want->tap);
        }
        manager_want_later(manager, want);
}

static int want_begin_plug(Manager *manager, Want *want, Tap *tap, const Switch *where, Fault *fault) {
        const PortSpec spec = tap->record.spec.port;
        int r;

        want->made_usec = want_now();
        r = plugging_begin(manager, tap, &spec, where, want_on_plugged, manager, /* ret= */ NULL, fault);
        if (r == 0) {
                want->is_awaited = manager_await_plug(manager);
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "it is on its way into %s", where->name);
        }

        return r;
}

/* What keeps it from being plugged in; 0: nothing. */
static int want_check_port(Manager *manager, const Tap *tap, Switch *ret, Fault *fault) {
        const PortSpec *spec = &tap->record.spec.port;
        Link link;
        int r;

        r = manager_find_switch(manager, spec->switch_name, ret, fault);
        if (r < 0 && fault->error == TAPD_ERROR_NO_SUCH_SWITCH &&
            link_get_by_name(manager->rtnl, spec->switch_name, &link) < 0)
                (void) snprintf(fault->text, sizeof(fault->text), "its switch %s is absent", spec->switch_name);
        if (r < 0)
                return r;

        /* One that was taken over may be where its administrator put it; what we plugged in ourselves is put back. */
        if (tap->port.kind != SWITCH_NONE && !tap->record.is_plugged &&
            strcmp(tap->port.spec.switch_name, spec->switch_name) != 0)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "it is plugged into another switch than %s",
                                 spec->switch_name);

        return manager_check_port(manager, tap->record.name, &tap->record.spec, ret, fault);
}

/* Plugs it in where it is not; one that somebody took out, or changed, is put back, later each time. */
static void want_plug_in(Manager *manager, Want *want, Tap *tap) {
        uint64_t now = want_now();
        Fault fault = {};
        Switch where = {};
        int r;

        r = want_check_port(manager, tap, &where, &fault);
        if (r == 0 && tap->record.is_plugged && want->retry_usec == 0)
                want_set_back(want, now);
        if (r == 0 && want->retry_usec > now) {
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "somebody changed its port on %s %u times in a row",
                                where.name, want->n_setbacks);
                manager_want_later(manager, want);
                return;
        }

        want->retry_usec = 0;
        if (r == 0)
                r = want_begin_plug(manager, want, tap, &where, &fault);
        if (r < 0)
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "%.250s", fault.text);
}

/* One that is declared with a switch stays down until it is plugged in. */
void want_plug(Manager *manager, Want *want, Tap *tap) {
        const PortSpec *spec = &tap->record.spec.port;

        /* Its end has it looked at again. */
        if (tap->is_plugging)
                return;

        tap->waiting[0] = '\0';
        if (tap->has_moved)
                manager_find_port(manager, tap);
        if (*spec->switch_name && !(tap->record.is_plugged && tap_is_in_place(tap)))
                want_plug_in(manager, want, tap);

        want_judge(manager, tap);
}
