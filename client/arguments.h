/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

#include "options.h"

/*
 * What the command line says, in the form in which it goes over the bus.
 */

/* The longest list of names that tapd takes in one call. */
#define NAMES_MAX 10000

/* The settings that were given, read. */
typedef struct Settings {
        SettingValue values[_SETTING_MAX];
        bool given[_SETTING_MAX];
} Settings;

/* 0, or an exit status after it was reported which value is none. */
int settings_read(Settings *settings, const Options *options);

/* Whether @n TAPs may have these settings at once. 0, or an exit status after it was reported. */
int settings_check_one(const Settings *settings, size_t n, const char *verb);

/* Appends them as a{sv}. 0 or -errno. */
int settings_append(const Settings *settings, sd_bus_message *call);

/* Whether a name, or each of them, can be sent as one at all; what a name may be is tapd's business. @what it is for: a
 * "TAP" or a "switch". 0, or an exit status after it was reported. */
int name_check_sendable(const char *name, const char *what, const char *verb);
int names_check(const char *const *names, size_t n, const char *verb);
