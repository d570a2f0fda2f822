/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config.h"
#include "fault.h"
#include "record.h"

/*
 * The gate: what the grants and the owners say of a request, before anybody is asked for a password. Pure: it looks at
 * nothing but its arguments, so that it can be asked again when the answer of polkit is there.
 */

/* Who asks, as the bus says (GetConnectionCredentials). */
typedef struct Caller {
        uid_t uid;
        size_t n_groups;
        gid_t groups[];
} Caller;

/* Whether the bus counts this gid among the caller's. */
bool caller_in_group(const Caller *caller, gid_t gid);

/* Of root, and of who may go beyond his grants. */
#define GATE_NO_QUOTA UINT_MAX

/* What a request needs besides its verb's own action; nothing where all is false. */
typedef struct GateVerdict {
        bool needs_manage_others;
        bool needs_override;
        unsigned quota;     /* of a creation: how many TAPs the caller may have */
        const Grant *grant; /* the one that covers the request, or any that names the caller; NULL: none. Borrowed. */
        /* Why: what the caller reads where he does not get it. */
        Fault others_reason;
        Fault override_reason;
} GateVerdict;

/* Adds what @more needs to @verdict: one request may be about many TAPs, and is asked for by one question. */
void gate_join(GateVerdict *verdict, const GateVerdict *more);

/* LimitsExceeded where somebody who has @n_taps TAPs may have no more. */
int gate_check_quota(unsigned quota, size_t n_taps, Fault *fault);

/* What a switch does with VLANs, as far as the gate asks. */
typedef struct GateSwitch {
        bool filters_vlans; /* a bridge with vlan_filtering, or Open vSwitch */
} GateSwitch;

/* May @caller create a TAP of this name? @n_taps: how many he has. @spec is complete; @where: the switch that it is to
 * be plugged into, NULL where it is into none. Refuses system accounts (AccessDenied); everything else is a verdict. */
int gate_create(const Config *config, const Caller *caller, const char *name, const TapSpec *spec,
                const GateSwitch *where, size_t n_taps, GateVerdict *ret, Fault *fault);

/* What is done to a TAP that exists. */
typedef enum GateVerb {
        GATE_CONFIGURE, /* its creator, its user, and whom its file names */
        GATE_DELETE,    /* its creator */
        GATE_OPEN,      /* as GATE_CONFIGURE */
} GateVerb;

/* A TAP that exists, as far as the gate looks at it. */
typedef struct GateTap {
        const Record *record;
        const DeclarationFile *file; /* that declares it; NULL: none */
} GateTap;

/* May @caller change this TAP into @spec? What he may not have made he may not make of one. */
int gate_change(const Config *config, const Caller *caller, const GateTap *tap, const TapSpec *spec, GateVerdict *ret,
                Fault *fault);

/* May @caller plug this TAP in as @port says? @from: the switch that it is on now, "": none. */
int gate_plug(const Config *config, const Caller *caller, const GateTap *tap, const char *from, const PortSpec *port,
              const GateSwitch *where, GateVerdict *ret, Fault *fault);

/* May @caller do this to this TAP? Refuses system accounts; everything else is a verdict. */
int gate_use(const Config *config, const Caller *caller, GateVerb verb, const GateTap *tap, GateVerdict *ret,
             Fault *fault);
