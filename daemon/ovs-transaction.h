/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "ovs-mirror.h"

/*
 * The transactions (RFC 7047, 4.1.3) by which tapd puts a port on a bridge of Open vSwitch, changes it there and takes
 * it away. Each is all or nothing, and holds what must be true when it is carried out: what the mirror says may be
 * history by then. VLANs are always written out: a port with neither tag nor trunks carries every one of them. Pure.
 */

/* What an operation of a transaction is for. */
typedef enum OvsStep {
        OVS_STEP_BRIDGE, /* fails where the bridge is absent */
        OVS_STEP_OURS,   /* fails where the row is no longer the one that is meant */
        OVS_STEP_FREE,   /* fails where another row has the name */
        OVS_STEP_WRITE,
} OvsStep;

#define OVS_STEPS_MAX 12

typedef struct OvsTransaction {
        json_t *params; /* of transact; NULL: no memory */
        OvsStep steps[OVS_STEPS_MAX];
        size_t n_steps;
} OvsTransaction;

/* New rows for the TAP @id of this name, in the place of @old, which may be NULL: rows of ours on another bridge. On
 * the same one ovs-vswitchd would take the new rows for the old ones, and never open the device that has the name now.
 */
void ovs_transaction_make(OvsTransaction *transaction, const char *name, sd_id128_t id, const PortSpec *spec,
                          const OvsPort *old);

/* Changes the rows that are there: the port stays on its bridge and keeps its number, and no frame is lost. */
void ovs_transaction_change(OvsTransaction *transaction, const OvsPort *port, const PortSpec *spec);

/* The server drops rows that belong to no bridge any more. @bridge: one that has to be there, NULL: none. */
void ovs_transaction_remove(OvsTransaction *transaction, const OvsPort *port, const char *bridge);

/* The next_cfg of a change or removal that was carried out: when ovs_mirror_applied() has got there, ovs-vswitchd does
 * as it says. -EBADMSG. */
int ovs_transaction_number(const OvsTransaction *transaction, const json_t *result, int64_t *ret);

/* The parameters for the call, which takes them over. */
json_t *ovs_transaction_take(OvsTransaction *transaction);

/* What became of it by the server's @result: 0 when it was carried out. -EREMOTEIO where it was not: the step that
 * failed, and what the server says of it, escaped. -EBADMSG: the result makes no sense. */
int ovs_transaction_check(const OvsTransaction *transaction, const json_t *result, OvsStep *ret_step,
                          char text[static TEXT_ESCAPED_SIZE]);

/* The server's own words of an error object (RFC 7047, 3.1), escaped. Returns @text. */
const char *ovs_error_text(const json_t *error, char text[static TEXT_ESCAPED_SIZE]);
