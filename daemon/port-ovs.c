/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port-ovs.h"

#include <errno.h>

int ovs_new(sd_event *event, const char *socket_path, const char *server_path, const OvsHandlers *handlers,
            void *userdata, Ovs **ret) {
        *ret = NULL;
        return 0;
}
Ovs *ovs_free(Ovs *ovs) {
        return NULL;
}
bool ovs_is_connected(const Ovs *ovs) {
        return false;
}
bool ovs_is_expected(const Ovs *ovs) {
        return false;
}
bool ovs_was_read(const Ovs *ovs) {
        return false;
}
bool ovs_has_bridge(const Ovs *ovs, const char *name) {
        return false;
}
bool ovs_port_matches(const OvsPort *port, const PortSpec *spec) {
        return false;
}
bool ovs_find_port(const Ovs *ovs, const char *name, OvsPort *ret) {
        return false;
}
void ovs_each_port(const Ovs *ovs, void (*callback)(const OvsPort *port, void *userdata), void *userdata) {
}
int ovs_plug(Ovs *ovs, const char *name, sd_id128_t id, const PortSpec *spec, ovs_done_t done, void *userdata,
             OvsCall **ret) {
        return -EOPNOTSUPP;
}
int ovs_unplug(Ovs *ovs, const char *name, sd_id128_t id, ovs_done_t done, void *userdata, OvsCall **ret) {
        return -EOPNOTSUPP;
}
void ovs_call_forget(OvsCall *call) {
}
