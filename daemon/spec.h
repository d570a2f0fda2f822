/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fault.h"
#include "portspec.h"
#include "settings.h"
#include "tun.h"

/* What an interface may have (<linux/if_ether.h>: ETH_MIN_MTU; drivers/net/tun.c: TUN_MAX less the header). */
#define SPEC_MTU_MIN 68
#define SPEC_MTU_MAX 65521
#define SPEC_TRANSMIT_QUEUE_LENGTH_MAX 10000

/* A number that nobody asked for: the kernel's own is right. */
#define SPEC_UNSET UINT32_MAX

/* Most bytes of Description. */
#define SPEC_DESCRIPTION_MAX 255

/* What a TAP is to be: the settings, each with a value once spec_complete() has seen it. Pure. */
typedef struct TapSpec {
        TunMode mode;
        uid_t user;  /* TAPD_ID_UNSET: every member of the group */
        gid_t group; /* TAPD_ID_UNSET: no group */
        bool shared;
        bool up;
        bool has_mac;                   /* mac was asked for; else it is derived from the name, once */
        uint8_t mac[6];                 /* of the host's side; all zero for a tun */
        uint32_t mtu;                   /* bytes; SPEC_UNSET */
        uint32_t transmit_queue_length; /* packets; SPEC_UNSET */
        char description[SPEC_DESCRIPTION_MAX + 1];
        PortSpec port;
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
        {                                                                                                              \
                .user = TAPD_ID_UNSET, .group = TAPD_ID_UNSET, .up = true, .mtu = SPEC_UNSET,                          \
                .transmit_queue_length = SPEC_UNSET                                                                    \
        }

/* Takes one setting; InvalidArgs where it was given before or its value is outside its range. */
int spec_set(TapSpec *spec, const Setting *setting, const SettingValue *value, Fault *fault);

/* Gives a value to each setting that was not named, and refuses what does not go together. */
int spec_complete(TapSpec *spec, const SpecDefaults *defaults, const SpecOwner *owner, Fault *fault);

/* The same for one that is handed out as @n_queues descriptors: nobody opens it by name, so that User, Group and Shared
 * are no settings of it; it carries virtio-net headers unless it was said that it does not. After spec_complete(). */
int spec_complete_ephemeral(TapSpec *spec, unsigned n_queues, Fault *fault);

/* The first setting in which two complete specs differ, NULL where they are the same. */
const Setting *spec_compare(const TapSpec *a, const TapSpec *b);

/* Takes the settings of @change into @spec, a live TAP's: those that a device can change while it is one. NotSupported
 * names the first that it cannot. */
int spec_change(TapSpec *spec, const TapSpec *change, bool is_ephemeral, Fault *fault);

/* Whether a setting was named. */
bool spec_is_given(const TapSpec *spec, SettingId id);

/* Lets a setting be named anew. */
void spec_forget(TapSpec *spec, SettingId id);

/* A setting as files write it (setting_parse() reads it back); "" for a number or id that is not set. */
#define SPEC_VALUE_SIZE TRUNK_TEXT_SIZE
const char *spec_format(const TapSpec *spec, SettingId id, char value[static SPEC_VALUE_SIZE]);

/* An address as aa:bb:cc:dd:ee:ff, and back; -EINVAL for every other form. */
#define SPEC_MAC_SIZE sizeof("aa:bb:cc:dd:ee:ff")
const char *spec_mac_format(const uint8_t mac[static 6], char text[static SPEC_MAC_SIZE]);
int spec_mac_parse(const char *text, uint8_t mac[static 6]);

/* "tap" or "tun". */
const char *spec_kind_name(const TapSpec *spec);
