/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports: Plug and Unplug of a TAP. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "log.h"
#include "names.h"

int bus_find_switch(Bus *bus, const char *name, const TapSpec *spec, Switch *ret, Fault *fault) {
        int r;

        if (!*spec->port.switch_name)
                return 0;

        r = manager_find_switch(bus->manager, spec->port.switch_name, ret, fault);
        if (r == 0)
                r = manager_check_port(bus->manager, name, spec, ret, fault);

        return r < 0 ? r : 1;
}

static void bus_on_plugged(int r, const Fault *fault, const char *name, void *userdata) {
        Job *job = userdata;

        job->plugging = NULL;
        if (r < 0)
                job_answer_fault(job, fault);
        else
                job_answer(job, NULL);
        job_free(job);
}

/* Plugs it in or off, and answers now or later. */
static int plug(Bus *bus, Job *job, Tap *tap, const PortSpec *spec, const Switch *where, Fault *fault) {
        int r;

        r = plugging_begin(bus->manager, tap, spec, where, bus_on_plugged, job, &job->plugging, fault);
        if (r < 0)
                return r;

        log_tap(LOG_INFO, tap->record.name, "%s by uid %u", spec ? "plugged in" : "unplugged", job->caller->uid);
        if (r > 0)
                job_answer(job, NULL);
        return 0;
}

/* The switch is an argument; of the settings only those of a port are taken. */
static int read_port(sd_bus_message *message, TapSpec *spec, Fault *fault) {
        const Setting *setting = setting_find("Switch");
        TapSpec port = SPEC_INIT;
        SettingValue value = {};
        int r;

        r = sd_bus_message_read_basic(message, 's', &value.string);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = bus_read_settings(message, &port, fault);
        if (r < 0)
                return r;

        for (SettingId id = 0; id < _SETTING_MAX; id++)
                if (spec_is_given(&port, id) && id <= SETTING_PORT_FIRST)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: is no setting of a port",
                                         settings_table[id].key);

        r = portspec_set(&port.port, setting, &value, fault);
        if (r == 0)
                r = portspec_check(&port.port, /* is_tun= */ false, fault);
        if (r == 0)
                spec->port = port.port;

        return r;
}

int bus_plug(Job *job, void *userdata, Fault *fault) {
        TapSpec wanted = SPEC_INIT, spec;
        char vlans[PORT_VLANS_SIZE];
        Bus *bus = userdata;
        GateVerdict verdict;
        AuthzTarget target;
        GateTap subject;
        Switch where;
        Tap *tap;
        int r;

        r = read_port(job->message, &wanted, fault);
        if (r == 0)
                r = bus_find_subject(bus, job, &tap, fault);
        if (r < 0)
                return r;

        spec = tap->record.spec;
        spec.port = wanted.port;
        r = portspec_check(&spec.port, spec.mode.tun, fault);
        if (r == 0)
                r = manager_check_unique(bus->manager, &spec, tap->record.name, fault);
        if (r == 0)
                r = bus_find_switch(bus, tap->record.name, &spec, &where, fault);
        if (r < 0)
                return r;

        subject = bus_gate_tap(bus, tap);
        r = gate_plug(manager_config(bus->manager), job->caller, &subject, tap->port.spec.switch_name, &spec.port,
                      &(const GateSwitch){ where.filters_vlans }, &verdict, fault);
        if (r < 0)
                return r;

        target = (AuthzTarget){
                .names = tap->record.name,
                .creator = tap->record.creator,
                .identity = bus_identity(0, tap),
                .switch_name = spec.port.switch_name,
                .vlans = port_format_vlans(&spec.port, vlans),
        };
        r = authz_require_verdict(&bus->authz, job, TAPD_ACTION_PLUG, &target, &verdict, fault);
        if (r <= 0)
                return r;

        return plug(bus, job, tap, &spec.port, &where, fault);
}

int bus_unplug(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        GateVerdict verdict;
        AuthzTarget target;
        GateTap subject;
        bool is_on_none;
        Tap *tap;
        int r;

        r = bus_find_subject(bus, job, &tap, fault);
        if (r < 0)
                return r;

        is_on_none = tap->port.kind == SWITCH_NONE;
        subject = bus_gate_tap(bus, tap);
        r = gate_use(manager_config(bus->manager), job->caller, GATE_CONFIGURE, &subject, &verdict, fault);
        if (r < 0)
                return r;

        target = (AuthzTarget){
                .names = tap->record.name,
                .creator = tap->record.creator,
                .identity = bus_identity(0, tap),
                .switch_name = is_on_none ? NULL : tap->port.spec.switch_name,
                .vlans = is_on_none ? NULL : "",
        };
        r = authz_require_verdict(&bus->authz, job, TAPD_ACTION_PLUG, &target, &verdict, fault);
        if (r <= 0)
                return r;

        return plug(bus, job, tap, /* spec= */ NULL, /* where= */ NULL, fault);
}
