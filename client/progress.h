/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* As sd_bus_call(3), and shows @text on standard error from the second second on until the reply is there. */
int progress_call(sd_bus *bus, sd_bus_message *call, const char *text, sd_bus_error *error, sd_bus_message **ret_reply);
