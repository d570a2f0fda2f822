/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lab.h"

/* The lab's configuration files, and what becomes of TAPs by them. */
#define TAPS "etc/tapd/taps.d/"

/* A path below the lab's folder; the caller frees it. */
char *files_path(Lab *lab, const char *file);

void files_write(Lab *lab, const char *file, const char *text);
void files_remove(Lab *lab, const char *file);

/* Reload; files_reload() is root's, and must succeed. */
LabReply files_reload_as(Lab *lab, sd_bus *as, bool recreate);
void files_reload(Lab *lab);

void lab_restart_tapd(Lab *lab, int signal_number);

/* As after a boot: neither records nor the devices of these names, NULL-terminated. */
void lab_reboot(Lab *lab, const char *const *names);

bool lab_tap_exists(Lab *lab, const char *name);

/* Waits until a property has this value; a TAP that is not there has none. */
void lab_wait_property(Lab *lab, const char *name, const char *property, const char *value);

/* StateReason must contain @part. */
void lab_expect_reason(Lab *lab, const char *name, const char *part);

/* For lab_run_until(); @userdata: the name. */
bool lab_tap_is_gone(Lab *lab, void *userdata);
bool lab_link_is_there(Lab *lab, void *userdata);
