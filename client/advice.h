/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What somebody who may not create TAPs can do about it, to be freed; NULL where nothing is known that would help. */
char *advice_on_group(void);

/* What can be done where plugging into a switch failed with this D-Bus error, to be freed; NULL where nothing is known
 * that would help. */
char *advice_on_switch(const char *error, const char *switch_name);
