/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager.h"

/* A creation that has to wait for Open vSwitch: nobody sees its TAP until it is complete, plugged in and up. */
struct Making;

/* Whoever waited is gone; it goes on. NULL is fine. */
void making_forget(Making *making);

/* Whether one of this record's id, or of this name, is under way; and how many of a creator. */
bool making_has_id(const Manager *manager, sd_id128_t id);
bool making_has_name(const Manager *manager, const char *name);
size_t making_count_of(const Manager *manager, uid_t creator);

/* Drops them all, at the end. */
void makings_done(Manager *manager);
