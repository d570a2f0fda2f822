/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tap.h"

/*
 * Tampering: a program with a queue changed what the record says. Address and carrier are put right at once; user,
 * group and persistence need a queue of one's own and are put right only while nobody has one; three repairs a minute
 * of either group, and then only reports until the minute is over, so that nobody can keep tapd busy. Each is reported
 * once, in the journal with MESSAGE_ID REPAIR_MESSAGE_ID and the fields TAP=, TAPD_FIELDS=, TAPD_USER=, TAPD_GROUP=.
 */
#define REPAIR_MESSAGE_ID SD_ID128_MAKE(3b, 5c, 0d, 4c, 9f, 8e, 4c, 56, 8b, 7b, 0e, 6d, 2f, 5d, 41, a7)

#define REPAIRS_A_MINUTE 3

/* And so many reports of one TAP: a holder that flips a field back and forth fills no journal. */
#define REPORTS_A_MINUTE 10

/* Reports and repairs what tap->tampered names, and looks at the link again; sets tap->retry_usec. Returns the
 * TapTamper bits to tell of. */
unsigned repair_tap(TapWorkshop *workshop, Tap *tap);

/* The clock of tap->retry_usec. */
uint64_t repair_now(void);
