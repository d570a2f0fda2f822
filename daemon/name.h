/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "names.h"

/* Names of TAPs. What the kernel takes is no measure (net/core/dev.c, dev_valid_name): it takes escape sequences. */

#define NAME_SIZE (TAPD_NAME_MAX + 1)

/* ASCII letters, digits, '_' and '-', a letter first, 1 to 15 bytes, and none that belongs to others. Pure. */
int name_check(const char *name, Fault *fault);

/* The same for what a creation may ask for: a name, a name with one "%d", or "" for "tap%d". */
int name_check_wish(const char *wish, Fault *fault);

/* Whether tapd is to choose the number. */
bool name_is_template(const char *wish);

/* The name for this number. -ENAMETOOLONG where the result is no name any more. */
int name_expand(const char *wish, unsigned number, char name[static NAME_SIZE]);

/* A locally administered unicast address that is the same for this name on this host at every boot, fe:xx:xx:xx:xx:xx:
 * high, so that no bridge takes it for its own. @key: the host's, any 8 bytes. */
void name_to_mac(const char *name, uint64_t key, uint8_t mac[static 6]);

/* The same for the guest's side, 52:xx:xx:xx:xx:xx, which is never the host's. */
void name_to_guest_mac(const char *name, uint64_t key, uint8_t mac[static 6]);
