/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* What somebody who may not create TAPs can do about it, to be freed; NULL where nothing is known that would help. */
char *advice_on_group(void);

/* Whether this user is a member of the group according to the user database, in which case he is one at his next login
 * at the latest. */
bool advice_joins_group(gid_t gid);

/* What can be done where plugging into a switch failed with this D-Bus error, to be freed; NULL where nothing is known
 * that would help. */
char *advice_on_switch(const char *error, const char *switch_name);
