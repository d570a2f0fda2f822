/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "arguments.h"
#include "names.h"

/* Long enough for a tapd that is started, a rule of polkit that thinks (15 s) and a switch that does (5 s). */
#define BRIDGE_REQUEST_TIMEOUT 30
#define BRIDGE_REQUEST_TIMEOUT_MAX 3600

/* What a program asks of its bridge helper. */
typedef struct BridgeRequest {
        char switch_name[TAPD_NAME_MAX + 1];
        Settings settings; /* of the TAP; its Switch is the one above */
        int fd;            /* the socket that the TAP goes to */
        unsigned timeout;  /* seconds */
        bool wants_help, wants_version;
} BridgeRequest;

/*
 * Reads the command line of a bridge helper: --br=SWITCH[:[VLAN][:TRUNK]] and --fd=N, both also with a blank for "=",
 * --use-vnet and --timeout=SECONDS, in any order. The VLANs of a trunk have dots in between, "20.21.30-39": QEMU takes
 * what is behind a comma for an option of its own. Strict: nothing is guessed, and but for --use-vnet nothing may be
 * there twice. 0, or an exit status after it was reported, in one line.
 */
int bridge_request_parse(BridgeRequest *request, int argc, char **argv);
