/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "settings.h"

bool caller_in_group(const Caller *caller, gid_t gid) {
        for (size_t i = 0; i < caller->n_groups; i++)
                if (caller->groups[i] == gid)
                        return true;

        return false;
}

static bool grant_names_user(const Grant *grant, const Caller *caller) {
        return !grant->is_off && idlist_has(&grant->users, caller->uid);
}

static bool grant_names_caller(const Grant *grant, const Caller *caller) {
        if (grant_names_user(grant, caller))
                return true;

        for (size_t i = 0; !grant->is_off && i < grant->user_groups.n_ids; i++)
                if (caller_in_group(caller, grant->user_groups.ids[i]))
                        return true;

        return false;
}

/* A service that was broken into is no member of kvm that should have a network cord: libvirt-qemu is one on Debian. */
static int check_account(const Config *config, const Caller *caller, Fault *fault) {
        if (caller->uid == 0 || !user_is_system(caller->uid))
                return 0;

        for (size_t i = 0; i < config->n_grants; i++)
                if (grant_names_user(&config->grants[i], caller))
                        return 0;

        return fault_set(fault, TAPD_ERROR_ACCESS_DENIED,
                         "system account not enabled: uid %u needs a grant that names it in Users=", caller->uid);
}

static bool patterns_match(char **patterns, const char *text) {
        for (char **pattern = patterns; pattern && *pattern; pattern++)
                if (fnmatch(*pattern, text, 0) == 0)
                        return true;

        return false;
}

static bool grant_has_name(const Grant *grant, const char *name) {
        return patterns_match(grant->names, name);
}

static bool grant_has_vlan(const Grant *grant, unsigned vlan) {
        for (size_t i = 0; i < grant->vlan_ranges.n_ranges; i++)
                if (vlan >= grant->vlan_ranges.ranges[i].first && vlan <= grant->vlan_ranges.ranges[i].last)
                        return true;

        return false;
}

/* The first VLAN of a trunk that the grant does not list; 0: it lists all. */
static unsigned find_foreign_vlan(const Grant *grant, const Trunk *trunk) {
        for (size_t i = 0; i < trunk->n_ranges; i++)
                for (unsigned vlan = trunk->ranges[i].first; vlan <= trunk->ranges[i].last; vlan++)
                        if (!grant_has_vlan(grant, vlan))
                                return vlan;

        return 0;
}

/* VLANs= and Trunk= of a grant. What it does not say it does not give. */
static bool grant_covers_vlans(const Grant *grant, const PortSpec *port, const GateSwitch *where, Fault *reason) {
        bool names_none = port->vlan == 0 && port->trunk.n_ranges == 0;
        unsigned foreign;

        if (port->trunk.n_ranges > 0 && !grant->trunk) {
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "Trunk=: grant %s has no Trunk=yes", grant->name);
                return false;
        }

        switch (grant->vlans) {
        case GRANT_VLANS_ALL:
                return true;
        case GRANT_VLANS_NONE:
                if (names_none && !where->filters_vlans)
                        return true;
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED,
                                 "VLAN=: grant %s has no VLANs=, which a plug into %s needs", grant->name,
                                 port->switch_name);
                return false;
        case GRANT_VLANS_LISTED:
                break;
        }

        foreign = find_foreign_vlan(grant, &port->trunk);
        if (names_none)
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED,
                                 "VLAN=: one of those in VLANs= of grant %s is needed", grant->name);
        else if (!where->filters_vlans)
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED,
                                 "VLAN=: %s filters no VLANs, and grant %s is for some of them", port->switch_name,
                                 grant->name);
        else if (port->vlan != 0 && !grant_has_vlan(grant, port->vlan))
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "VLAN=: %u is not in VLANs= of grant %s", port->vlan,
                                 grant->name);
        else if (foreign != 0)
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "Trunk=: %u is not in VLANs= of grant %s", foreign,
                                 grant->name);
        else
                return true;

        return false;
}

static bool grant_covers_port(const Grant *grant, const PortSpec *port, const GateSwitch *where, Fault *reason) {
        if (!*port->switch_name)
                return true;

        if (!patterns_match(grant->switches, port->switch_name))
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "Switch=: \"%s\" is not in Switches= of grant %s",
                                 port->switch_name, grant->name);
        else if (*port->interface_id && !patterns_match(grant->interface_ids, port->interface_id))
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED,
                                 "InterfaceID=: \"%s\" is not in InterfaceIDs= of grant %s", port->interface_id,
                                 grant->name);
        else
                return grant_covers_vlans(grant, port, where, reason);

        return false;
}

/* Whether this one grant covers all of the request; @reason says what it does not. */
static bool grant_covers(const Grant *grant, const Config *config, const Caller *caller, const char *name,
                         const TapSpec *spec, const GateSwitch *where, Fault *reason) {
        if (!grant_has_name(grant, name))
                return false; /* the names of all grants are named together */

        if (spec->shared && !grant->shared)
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "Shared=: grant %s has no Shared=yes", grant->name);
        else if (spec->user != TAPD_ID_UNSET && spec->user != caller->uid)
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "User=: %u is another user", spec->user);
        else if (spec->group != TAPD_ID_UNSET && spec->group != config->defaults.group &&
                 !idlist_has(&grant->groups, spec->group))
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "Group=: %u is not in Groups= of grant %s",
                                 spec->group, grant->name);
        else
                return grant_covers_port(grant, &spec->port, where, reason);

        return false;
}

/* Why he does not get it, of several grants: what the one says that is for the switch he asked for. */
typedef struct Refusal {
        Fault fault;
        bool is_near;
} Refusal;

static void refusal_note(Refusal *refusal, const Grant *grant, const PortSpec *port, const Fault *why) {
        bool is_near = !*port->switch_name || patterns_match(grant->switches, port->switch_name);

        if (why->error == TAPD_ERROR_NONE ||
            (refusal->fault.error != TAPD_ERROR_NONE && (refusal->is_near || !is_near)))
                return;

        *refusal = (Refusal){ .fault = *why, .is_near = is_near };
}

/* Names the patterns of all grants that name the caller. */
static void explain_names(const Config *config, const Caller *caller, const char *name, Fault *reason) {
        char patterns[256] = "";
        size_t length = 0;

        for (size_t i = 0; i < config->n_grants; i++) {
                const Grant *grant = &config->grants[i];

                for (char **pattern = grant->names; grant_names_caller(grant, caller) && pattern && *pattern; pattern++)
                        if (length < sizeof(patterns))
                                length += (size_t) snprintf(patterns + length, sizeof(patterns) - length, " %s",
                                                            *pattern);
        }

        if (length == 0)
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "no grant of tapd.conf names uid %u", caller->uid);
        else
                (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED, "Name=: \"%s\" is not granted; granted are%s", name,
                                 patterns);
}

int gate_check_quota(unsigned quota, size_t n_taps, Fault *fault) {
        if (n_taps < quota)
                return 0;

        return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED,
                         "%zu of %u TAPs: delete one, or ask the administrator for TapsPerUser=", n_taps, quota);
}

static void check_grants(const Config *config, const Caller *caller, const char *name, const TapSpec *spec,
                         const GateSwitch *where, size_t n_taps, GateVerdict *verdict) {
        Refusal refusal = {};

        verdict->quota = 0;
        for (size_t i = 0; i < config->n_grants; i++) {
                const Grant *grant = &config->grants[i];
                Fault why = {};

                if (!grant_names_caller(grant, caller))
                        continue;
                if (grant->taps_per_user > verdict->quota)
                        verdict->quota = grant->taps_per_user;
                if (!verdict->grant && grant_covers(grant, config, caller, name, spec, where, &why))
                        verdict->grant = grant;
                refusal_note(&refusal, grant, &spec->port, &why);
        }

        if (!verdict->grant) {
                verdict->needs_override = true;
                verdict->override_reason = refusal.fault;
                if (verdict->override_reason.error == TAPD_ERROR_NONE)
                        explain_names(config, caller, name, &verdict->override_reason);
        } else if (gate_check_quota(verdict->quota, n_taps, &verdict->override_reason) < 0) {
                verdict->needs_override = true;
                verdict->grant = NULL;
        }

        /* Who has leave to go beyond his grants has it for all that he asked for. */
        if (verdict->needs_override)
                verdict->quota = GATE_NO_QUOTA;
}

void gate_join(GateVerdict *verdict, const GateVerdict *more) {
        if (more->needs_manage_others && !verdict->needs_manage_others) {
                verdict->needs_manage_others = true;
                verdict->others_reason = more->others_reason;
        }
        if (more->needs_override && !verdict->needs_override) {
                verdict->needs_override = true;
                verdict->override_reason = more->override_reason;
        }

        verdict->grant = verdict->needs_override ? NULL : more->grant;
        verdict->quota = verdict->needs_override ? GATE_NO_QUOTA : more->quota;
}

int gate_create(const Config *config, const Caller *caller, const char *name, const TapSpec *spec,
                const GateSwitch *where, size_t n_taps, GateVerdict *ret, Fault *fault) {
        GateVerdict verdict = { .quota = GATE_NO_QUOTA };
        int r;

        r = check_account(config, caller, fault);
        if (r < 0)
                return r;

        if (caller->uid != 0)
                check_grants(config, caller, name, spec, where, n_taps, &verdict);

        *ret = verdict;
        return 0;
}

/* @switch_name: where the TAP is plugged in, ""; a grant for another switch gives it no group. */
static bool any_grant_has_group(const Config *config, const Caller *caller, gid_t group, const char *switch_name) {
        if (group == config->defaults.group)
                return true;

        for (size_t i = 0; i < config->n_grants; i++) {
                const Grant *grant = &config->grants[i];

                if (grant_names_caller(grant, caller) && idlist_has(&grant->groups, group) &&
                    (!*switch_name || patterns_match(grant->switches, switch_name)))
                        return true;
        }

        return false;
}

static bool file_names_caller(const DeclarationFile *file, const Caller *caller) {
        if (!file)
                return false;
        if (idlist_has(&file->managers, caller->uid))
                return true;

        for (size_t i = 0; i < file->manager_groups.n_ids; i++)
                if (caller_in_group(caller, file->manager_groups.ids[i]))
                        return true;

        return false;
}

static bool is_manager(const Caller *caller, GateVerb verb, const GateTap *tap) {
        const Record *record = tap->record;

        switch (verb) {
        case GATE_CONFIGURE:
        case GATE_OPEN:
                return caller->uid == 0 || caller->uid == record->creator || caller->uid == record->spec.user ||
                       file_names_caller(tap->file, caller);
        case GATE_DELETE:
                return caller->uid == 0 || caller->uid == record->creator;
        }

        return false;
}

int gate_use(const Config *config, const Caller *caller, GateVerb verb, const GateTap *tap, GateVerdict *ret,
             Fault *fault) {
        GateVerdict verdict = {};
        int r;

        r = check_account(config, caller, fault);
        if (r < 0)
                return r;

        for (size_t i = 0; i < config->n_grants && !verdict.grant; i++)
                if (grant_names_caller(&config->grants[i], caller))
                        verdict.grant = &config->grants[i];

        if (!is_manager(caller, verb, tap)) {
                verdict.needs_manage_others = true;
                (void) fault_set(&verdict.others_reason, TAPD_ERROR_ACCESS_DENIED, "%s belongs to uid %u",
                                 tap->record->name, tap->record->creator);
        }

        *ret = verdict;
        return 0;
}

int gate_change(const Config *config, const Caller *caller, const GateTap *tap, const TapSpec *spec, GateVerdict *ret,
                Fault *fault) {
        const TapSpec *before = &tap->record->spec;
        GateVerdict verdict;
        int r;

        r = gate_use(config, caller, GATE_CONFIGURE, tap, &verdict, fault);
        if (r < 0)
                return r;

        /* Only what he changes is his to answer for. */
        if (caller->uid != 0 && spec->user != before->user && spec->user != caller->uid) {
                verdict.needs_override = true;
                (void) fault_set(&verdict.override_reason, TAPD_ERROR_ACCESS_DENIED, "User=: %u is another user",
                                 spec->user);
        } else if (caller->uid != 0 && spec->group != before->group &&
                   !any_grant_has_group(config, caller, spec->group, before->port.switch_name)) {
                verdict.needs_override = true;
                (void) fault_set(&verdict.override_reason, TAPD_ERROR_ACCESS_DENIED,
                                 "Group=: %u is not in Groups= of a grant of yours", spec->group);
        }

        *ret = verdict;
        return 0;
}

/* Whether a TAP may be moved by who has this grant: off the switch that it is on, onto another. */
static bool grant_covers_move(const Grant *grant, const char *from, const PortSpec *port, Fault *reason) {
        if (!*from || strcmp(from, port->switch_name) == 0 || patterns_match(grant->switches, from))
                return true;

        (void) fault_set(reason, TAPD_ERROR_ACCESS_DENIED,
                         "Switch=: it is plugged into \"%s\", which is not in Switches= of grant %s", from,
                         grant->name);
        return false;
}

int gate_plug(const Config *config, const Caller *caller, const GateTap *tap, const char *from, const PortSpec *port,
              const GateSwitch *where, GateVerdict *ret, Fault *fault) {
        TapSpec spec = tap->record->spec;
        /* Nobody opens an ephemeral one by name: its user and group are tapd's own. */
        bool is_creator = caller->uid == tap->record->creator && tap->record->lifetime != LIFETIME_EPHEMERAL;
        const Grant *covering = NULL;
        Refusal refusal = {};
        GateVerdict verdict;
        int r;

        r = gate_use(config, caller, GATE_CONFIGURE, tap, &verdict, fault);
        if (r < 0)
                return r;

        spec.port = *port;
        /* Whom it was made for was asked then, and where it goes is none of that. */
        if (spec.user != TAPD_ID_UNSET)
                spec.user = caller->uid;
        for (size_t i = 0; i < config->n_grants && !covering; i++) {
                const Grant *grant = &config->grants[i];
                Fault why = {};
                bool covers;

                if (!grant_names_caller(grant, caller) || !grant_has_name(grant, tap->record->name))
                        continue;

                /* What he may not make at once he may not make in two steps; of one that an administrator gave him to
                 * manage it is the administrator who says who opens it. */
                covers = is_creator ? grant_covers(grant, config, caller, tap->record->name, &spec, where, &why)
                                    : grant_covers_port(grant, port, where, &why);
                if (covers && grant_covers_move(grant, from, port, &why))
                        covering = grant;
                refusal_note(&refusal, grant, port, &why);
        }

        verdict.grant = covering;
        if (!covering && caller->uid != 0) {
                verdict.needs_override = true;
                if (refusal.fault.error == TAPD_ERROR_NONE)
                        explain_names(config, caller, tap->record->name, &refusal.fault);
                verdict.override_reason = refusal.fault;
        }

        *ret = verdict;
        return 0;
}
