/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

/* Runs an event loop of a test's until something is so; fails the test where that never comes. */
void loop_until_at(const char *file, int line, sd_event *event, bool (*is_so)(void *userdata), void *userdata);
#define loop_until(event, is_so, userdata) loop_until_at(__FILE__, __LINE__, event, is_so, userdata)

/* Runs it for as long as there is something to do at once. */
void loop_settle(sd_event *event);

/* Whether this process has a timer that is going to wake it up. */
bool loop_has_timer(sd_event *event);
