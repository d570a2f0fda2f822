/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * Every name of the contract that daemon, client and tests share: bus name, object paths, interfaces,
 * polkit actions and the details that go with them. Error names are in errors.h, settings in settings.h.
 */

#define TAPD_BUS_NAME "org.tapd1"
#define TAPD_OBJECT_PATH "/org/tapd1"
/* A TAP's object is TAPD_TAP_PREFIX "/" and its name as sd_bus_path_encode(3) writes it. */
#define TAPD_TAP_PREFIX "/org/tapd1/tap"

#define TAPD_MANAGER_INTERFACE "org.tapd1.Manager"
#define TAPD_TAP_INTERFACE "org.tapd1.Tap"

/* polkit actions: one a verb, and two for what the gate does not cover. */
#define TAPD_ACTION_CREATE "org.tapd1.create"
#define TAPD_ACTION_DELETE "org.tapd1.delete"
#define TAPD_ACTION_CONFIGURE "org.tapd1.configure"
#define TAPD_ACTION_OPEN "org.tapd1.open"
#define TAPD_ACTION_PLUG "org.tapd1.plug"
#define TAPD_ACTION_DECLARE "org.tapd1.declare"
#define TAPD_ACTION_ADOPT "org.tapd1.adopt"
#define TAPD_ACTION_RELOAD "org.tapd1.reload"
#define TAPD_ACTION_MANAGE_OTHERS "org.tapd1.manage-others"
#define TAPD_ACTION_OVERRIDE "org.tapd1.override"

/* The details that a polkit rule and a prompt may look at (polkit passes them as a{ss}). */
#define TAPD_DETAIL_TAP "tap"       /* the TAP's name; several are separated by blanks */
#define TAPD_DETAIL_SWITCH "switch" /* the switch it is to be plugged into, or taken off; absent: none */
#define TAPD_DETAIL_VLAN "vlan"     /* its VLANs there, "20" or "1 10 20-29", the untagged one first; "": none named */
#define TAPD_DETAIL_CREATOR "creator" /* its creator's uid, decimal */
#define TAPD_DETAIL_GRANT "grant"     /* the grant that covers the request; absent where none does */

/* The user that owns the bus name; tapctl refuses to talk to anybody else but root under it. */
#define TAPD_USER "tapd"

/* Longest name of a network interface, in bytes without the NUL (IFNAMSIZ - 1, <linux/if.h>). */
#define TAPD_NAME_MAX 15

/* uid_t and gid_t that mean "not set", as the kernel's INVALID_UID (<linux/uidgid.h>). */
#define TAPD_ID_UNSET UINT32_MAX
