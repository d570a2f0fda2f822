/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/* polkit's text agent, pkttyagent(1): asks for passwords on the terminal on behalf of this process. */
typedef struct Agent {
        pid_t pid; /* 0: none was started */
} Agent;

/* Starts it and returns once polkit knows it. 0, or -errno; -ESRCH where it ended at once, having said why. */
int agent_start(Agent *agent);

/* Ends it, if it was started. */
void agent_stop(Agent *agent);
