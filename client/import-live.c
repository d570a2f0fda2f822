/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "id-names.h"
#include "import.h"
#include "names.h"

/* sysfs shows each in a page. */
#define ATTRIBUTE_MAX 4096

/* tapd's mark, an alias that begins with it. */
#define MARK "tapd:"

/* linux/netdevice.h, NET_ADDR_SET: somebody gave the device its address. */
#define ADDRESS_SET 3

typedef struct Device {
        ImportPlan *plan;
        IdNames *names;
        int folder;
        const char *name;
        ImportPlace place;
} Device;

/* An attribute without the end of its line; "" where there is none. */
static void device_read(const Device *device, const char *attribute, char value[static ATTRIBUTE_MAX]) {
        char *data;
        size_t size;

        *value = '\0';
        if (file_read(device->folder, attribute, ATTRIBUTE_MAX - 1, &data, &size) < 0)
                return;

        data[strcspn(data, "\n")] = '\0';
        (void) strcpy(value, data);
        free(data);
}

static unsigned long device_number(const Device *device, const char *attribute) {
        char value[ATTRIBUTE_MAX];

        device_read(device, attribute, value);
        return strtoul(value, NULL, 0);
}

/* Who may open it, by name where there is one; "" where nobody is set, which the kernel shows as -1. */
static const char *device_id(const Device *device, const char *attribute,
                             const char *(*name)(IdNames *names, uint32_t id)) {
        char value[ATTRIBUTE_MAX];
        const char *text;

        device_read(device, attribute, value);
        if (!*value || *value == '-')
                return "";

        text = name(device->names, (uint32_t) strtoul(value, NULL, 10));
        device->plan->is_broken |= !text;
        return text ? text : "";
}

static void refuse(const Device *device, const char *reason) {
        import_plan_refuse(device->plan, &device->place, device->name, reason);
}

static void device_set(const Device *device, ImportTap *tap, unsigned id, const char *text) {
        Fault fault = {};

        if (import_tap_set(device->plan, tap, id, text, IMPORT_LIVE, device->place, &fault) < 0)
                refuse(device, fault.text);
}

/* A number that is not the kernel's own choice (drivers/net/tun.c). */
static void device_set_number(const Device *device, ImportTap *tap, SettingId id, const char *attribute,
                              unsigned long usual) {
        char value[ATTRIBUTE_MAX];

        device_read(device, attribute, value);
        if (*value && strtoul(value, NULL, 10) != usual)
                device_set(device, tap, id, value);
}

/* sysfs knows all of a bridge's port but its VLANs. */
static void device_set_port(const Device *device, ImportTap *tap, const char *bridge) {
        device_set(device, tap, SETTING_SWITCH, bridge);
        if (!tap->values[SETTING_SWITCH].text)
                return;

        if (device_number(device, "brport/isolated") == 1)
                device_set(device, tap, SETTING_ISOLATED, "yes");
        if (device_number(device, "master/bridge/vlan_filtering") == 1 && !tap->values[SETTING_VLAN].text &&
            !tap->values[SETTING_TRUNK].text)
                refuse(device, "its bridge filters VLANs; \"bridge vlan show\" tells which it gets: say them with "
                               "VLAN= and Trunk=");
}

/* The switch that it is a port of: a bridge is seen here, the ports of Open vSwitch are known to its database alone. */
static void device_set_switch(const Device *device, ImportTap *tap) {
        char target[PATH_MAX];
        const char *slash;
        ssize_t n = readlinkat(device->folder, "master", target, sizeof(target) - 1);

        if (n <= 0)
                return;

        target[n] = '\0';
        slash = strrchr(target, '/');
        if (faccessat(device->folder, "master/bridge", F_OK, 0) == 0)
                device_set_port(device, tap, slash ? slash + 1 : target);
        else if (tap->values[SETTING_SWITCH].text)
                return;
        else if (strcmp(slash ? slash + 1 : target, "ovs-system") == 0)
                refuse(device, "it is a port of Open vSwitch; \"ovs-vsctl port-to-br\" tells of which bridge, "
                               "\"ovs-vsctl list port\" its tag and trunks: say them with Switch=, VLAN= and Trunk=");
        else
                refuse(device, "what it belongs to is no bridge");
}

/* Where a file made it nobody chose the address: it is the kernel's, or udev's. */
static void device_set_address(const Device *device, ImportTap *tap, bool is_tun) {
        char value[ATTRIBUTE_MAX];

        if (is_tun || tap->source != IMPORT_LIVE || device_number(device, "addr_assign_type") != ADDRESS_SET)
                return;

        device_read(device, "address", value);
        device_set(device, tap, SETTING_MAC_ADDRESS, value);
}

static void device_take(const Device *device, unsigned long flags) {
        const bool is_tun = flags & IFF_TUN;
        const ImportMaking making = {
                .tun = is_tun,
                .multi_queue = flags & IFF_MULTI_QUEUE,
                .vnet_header = flags & IFF_VNET_HDR,
                .packet_info = !(flags & IFF_NO_PI),
                .user = device_id(device, "owner", id_names_user),
                .group = device_id(device, "group", id_names_group),
        };
        char alias[ATTRIBUTE_MAX];
        Fault fault = {};
        ImportTap *tap;

        if (import_plan_make(device->plan, device->name, IMPORT_LIVE, device->place, &making, &fault) < 0) {
                refuse(device, fault.text);
                return;
        }

        tap = import_plan_find(device->plan, device->name);
        if (!tap)
                return;

        tap->is_live = true;
        device_set(device, tap, SETTING_UP, device_number(device, "flags") & IFF_UP ? "yes" : "no");
        device_set_number(device, tap, SETTING_MTU_BYTES, "mtu", 1500);
        device_set_number(device, tap, SETTING_TRANSMIT_QUEUE_LENGTH, "tx_queue_len", is_tun ? 500 : 1000);
        device_set_address(device, tap, is_tun);
        device_read(device, "ifalias", alias);
        if (*alias)
                device_set(device, tap, SETTING_DESCRIPTION, alias);
        device_set_switch(device, tap);
}

static void device_look(const Device *device) {
        unsigned long flags = device_number(device, "tun_flags");
        char alias[ATTRIBUTE_MAX];

        if (flags == 0)
                return;
        device_read(device, "ifalias", alias);
        if (strncmp(alias, MARK, strlen(MARK)) == 0)
                return;

        if (flags & IFF_PERSIST)
                device_take(device, flags);
        else
                refuse(device, "it belongs to a program that runs, and goes with it");
}

static void look_at(ImportPlan *plan, IdNames *names, int net, const char *name) {
        Device device = { .plan = plan, .names = names, .name = name };
        char path[PATH_MAX];

        /* Entries are links into the tree of devices; bonding_masters is a file. */
        device.folder = openat(net, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (device.folder < 0)
                return;

        (void) snprintf(path, sizeof(path), "/sys/class/net/%s", name);
        device.place.path = import_plan_keep(plan, path);
        device_look(&device);
        (void) close(device.folder);
}

void import_live(ImportPlan *plan) {
        struct dirent **entries;
        char path[PATH_MAX];
        IdNames names = {};
        int net, n;

        (void) snprintf(path, sizeof(path), "%s/sys/class/net", plan->root);
        net = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (net < 0)
                return;

        n = scandirat(net, ".", &entries, NULL, versionsort);
        if (n < 0)
                plan->is_broken |= errno == ENOMEM;

        for (int i = 0; i < n; i++) {
                if (*entries[i]->d_name != '.')
                        look_at(plan, &names, net, entries[i]->d_name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);

        id_names_done(&names);
        (void) close(net);
}
