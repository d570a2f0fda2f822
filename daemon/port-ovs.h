/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>

#include "port.h"

typedef struct Ovs Ovs;
typedef struct OvsCall OvsCall;

typedef struct OvsHandlers {
        void (*on_read)(void *userdata);
        void (*on_lost)(void *userdata);
        void (*on_bridge)(const char *name, void *userdata);
        void (*on_port)(const char *name, void *userdata);
} OvsHandlers;

typedef struct OvsPort {
        char name[16];
        bool is_own;
        sd_id128_t id;
        PortSpec spec;
        bool is_exact;
} OvsPort;

bool ovs_port_matches(const OvsPort *port, const PortSpec *spec);

typedef void (*ovs_done_t)(int r, const Fault *fault, void *userdata);

int ovs_new(sd_event *event, const char *socket_path, const char *server_path, const OvsHandlers *handlers,
            void *userdata, Ovs **ret);
Ovs *ovs_free(Ovs *ovs);
bool ovs_is_connected(const Ovs *ovs);
/* Whether its server, or the folder of it, is on this host. */
bool ovs_is_expected(const Ovs *ovs);
bool ovs_was_read(const Ovs *ovs);
bool ovs_has_bridge(const Ovs *ovs, const char *name);
bool ovs_find_port(const Ovs *ovs, const char *name, OvsPort *ret);
void ovs_each_port(const Ovs *ovs, void (*callback)(const OvsPort *port, void *userdata), void *userdata);
int ovs_plug(Ovs *ovs, const char *name, sd_id128_t id, const PortSpec *spec, ovs_done_t done, void *userdata,
             OvsCall **ret);
int ovs_unplug(Ovs *ovs, const char *name, sd_id128_t id, ovs_done_t done, void *userdata, OvsCall **ret);
void ovs_call_forget(OvsCall *call);
