/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For the begin of main(): where one of 0 to 2 is closed, the next file that is opened would take its number and get
 * what is printed. */
void streams_fill(void);
