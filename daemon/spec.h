/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fault.h"
#include "settings.h"
#include "tun.h"

/* Most bytes of Description. */
#define SPEC_DESCRIPTION_MAX 255

/* What a TAP is to be: the settings, each with a value once spec_complete() has seen it. Pure. */
typedef struct TapSpec {
        TunMode mode;
        uid_t user;  /* TAPD_ID_UNSET: every member of the group */
        gid_t group; /* TAPD_ID_UNSET: no group */
        bool shared;
        bool up;
        char description[SPEC_DESCRIPTION_MAX + 1];
        uint32_t given; /* a bit for each SettingId that the caller named */
} TapSpec;

/* What the administrator says for settings that nobody names; [Defaults] of tapd.conf(5). */
typedef struct SpecDefaults {
        gid_t group; /* TAPD_ID_UNSET: none */
        bool multi_queue;
} SpecDefaults;

/* Whose the TAP is to be. */
typedef struct SpecOwner {
        uid_t uid;
        bool in_default_group;
} SpecOwner;

#define SPEC_INIT                                                                                                      \
        { .user = TAPD_ID_UNSET, .group = TAPD_ID_UNSET, .up = true }

/* Takes one setting; InvalidArgs where it was given before or its value is outside its range. */
int spec_set(TapSpec *spec, const Setting *setting, const SettingValue *value, Fault *fault);

/* Gives a value to each setting that was not named, and refuses what does not go together. */
int spec_complete(TapSpec *spec, const SpecDefaults *defaults, const SpecOwner *owner, Fault *fault);

/* The first setting in which two complete specs differ, NULL where they are the same. */
const Setting *spec_compare(const TapSpec *a, const TapSpec *b);

/* "tap" or "tun". */
const char *spec_kind_name(const TapSpec *spec);
