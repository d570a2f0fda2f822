/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

/* ---- what the kernel says ---- */

static const struct nlattr *find_nested(const struct nlattr *nest, int type) {
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, nest) {
                if (mnl_attr_get_type(attribute) == type)
                        return attribute;
        }

        return NULL;
}

static bool read_isolated(const struct nlattr *linkinfo) {
        const struct nlattr *kind = find_nested(linkinfo, IFLA_INFO_SLAVE_KIND);
        const struct nlattr *data = find_nested(linkinfo, IFLA_INFO_SLAVE_DATA), *isolated;

        if (!kind || !data || !g_str_equal(mnl_attr_get_str(kind), "bridge"))
                return false;

        isolated = find_nested(data, IFLA_BRPORT_ISOLATED);
        return isolated && mnl_attr_get_u8(isolated);
}

static void read_attribute(const struct nlattr *attribute, PortLink *link) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
                g_strlcpy(link->name, mnl_attr_get_str(attribute), sizeof(link->name));
                break;
        case IFLA_MTU:
                link->mtu = mnl_attr_get_u32(attribute);
                break;
        case IFLA_MASTER:
                link->master = (int) mnl_attr_get_u32(attribute);
                break;
        case IFLA_ADDRESS:
                if (mnl_attr_get_payload_len(attribute) == sizeof(link->mac))
                        memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof(link->mac));
                break;
        case IFLA_LINKINFO:
                link->is_isolated = read_isolated(attribute);
                break;
        }
}

static int on_message(const struct nlmsghdr *message, void *userdata) {
        const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
        PortLink link = { .is_gone = message->nlmsg_type == RTM_DELLINK };
        const struct nlattr *attribute;

        /* Bridges tell of their ports in a family of their own as well. */
        if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) || info->ifi_family != AF_UNSPEC)
                return MNL_CB_OK;

        link.ifindex = info->ifi_index;
        link.is_up = info->ifi_flags & IFF_UP;
        mnl_attr_for_each(attribute, message, sizeof(*info)) {
                read_attribute(attribute, &link);
        }
        g_array_append_val((GArray *) userdata, link);
        return MNL_CB_OK;
}

static GArray *read_links(void) {
        struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
        GArray *links = g_array_new(false, false, sizeof(PortLink));
        char buffer[65536];
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        ssize_t n;
        int r = MNL_CB_OK;

        request->nlmsg_type = RTM_GETLINK;
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
        g_assert_nonnull(socket);
        g_assert_cmpint(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID), ==, 0);
        g_assert_cmpint(mnl_socket_sendto(socket, request, request->nlmsg_len), >, 0);
        while (r > MNL_CB_STOP) {
                n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
                g_assert_cmpint(n, >, 0);
                r = mnl_cb_run(buffer, (size_t) n, 0, 0, on_message, links);
                g_assert_cmpint(r, >=, MNL_CB_STOP);
        }

        mnl_socket_close(socket);
        return links;
}

static const PortLink *find_link(const GArray *links, const char *name, int ifindex) {
        for (guint i = 0; i < links->len; i++) {
                const PortLink *link = &g_array_index(links, PortLink, i);

                if (name ? g_str_equal(link->name, name) : link->ifindex == ifindex)
                        return link;
        }

        return NULL;
}

PortLink port_link(const char *name) {
        g_autoptr(GArray) links = read_links();
        const PortLink *link = find_link(links, name, 0);

        if (!link)
                g_error("there is no link %s", name);
        return *link;
}

static char *format_mac(const uint8_t *mac) {
        return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

char *port_mac(const char *name) {
        PortLink link = port_link(name);

        return format_mac(link.mac);
}

char *port_switch(const char *name) {
        g_autoptr(GArray) links = read_links();
        const PortLink *link = find_link(links, name, 0), *bridge;

        if (!link)
                g_error("there is no link %s", name);
        bridge = link->master ? find_link(links, NULL, link->master) : NULL;
        return g_strdup(bridge ? bridge->name : "");
}

void port_expect(const char *name, const char *bridge, bool is_isolated) {
        g_autofree char *found = port_switch(name);
        PortLink link = port_link(name);

        if (!g_str_equal(found, bridge) || link.is_isolated != is_isolated)
                g_error("%s: expected on \"%s\"%s, found on \"%s\"%s", name, bridge, is_isolated ? ", isolated" : "",
                        found, link.is_isolated ? ", isolated" : "");
}

void port_expect_told(Lab *lab, const char *name, const char *bridge, bool is_isolated) {
        lab_expect_property(lab, name, "Switch", bridge);
        lab_expect_property(lab, name, "SwitchKind", *bridge ? "bridge" : "");
        lab_expect_property(lab, name, "VLAN", "0");
        lab_expect_property(lab, name, "Trunk", "");
        lab_expect_property(lab, name, "Isolated", is_isolated ? "true" : "false");
        lab_expect_property(lab, name, "InterfaceID", "");
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void append_records(Lab *lab, GString *text) {
        g_autofree char *path = g_build_filename(lab->folder, "run/taps", NULL);
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        const char *name;

        while (folder && (name = g_dir_read_name(folder)))
                g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_sort(names, compare_names);
        for (guint i = 0; i < names->len; i++) {
                g_autofree char *file = g_build_filename(path, names->pdata[i], NULL), *content = NULL;

                g_assert_true(g_file_get_contents(file, &content, NULL, NULL));
                g_string_append_printf(text, "record %s: %s", (char *) names->pdata[i], content);
        }
}

char *port_snapshot(Lab *lab) {
        g_autoptr(GArray) links = read_links();
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < links->len; i++) {
                const PortLink *link = &g_array_index(links, PortLink, i);
                g_autofree char *mac = format_mac(link->mac);

                g_string_append_printf(text, "link %d %s %s %u %s on %d%s\n", link->ifindex, link->name,
                                       link->is_up ? "up" : "down", link->mtu, mac, link->master,
                                       link->is_isolated ? " isolated" : "");
        }
        append_records(lab, text);
        return g_string_free(text, false);
}

void port_expect_same(const char *before, const char *after) {
        g_auto(GStrv) old = g_strsplit(before, "\n", -1), new = g_strsplit(after, "\n", -1);

        for (char **a = old, **b = new; *a || *b; a++, b++)
                if (g_strcmp0(*a, *b) != 0)
                        g_error("changed: \"%s\" is now \"%s\"", *a ? *a : "", *b ? *b : "");
}

/* ---- events ---- */

/* Lets only messages about this link through: others may be more than the socket takes. */
static void attach_filter(int fd, unsigned ifindex) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NLMSG_HDRLEN + offsetof(struct ifinfomsg, ifi_index)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(ifindex), 0, 1),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        struct sock_fprog filter = { .len = G_N_ELEMENTS(code), .filter = code };

        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), ==, 0);
}

int port_events_open(const char *only) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), size = 64 * 1024 * 1024;

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), ==, 0);
        if (only)
                attach_filter(fd, if_nametoindex(only));
        g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
        return fd;
}

GArray *port_events_read(int fd) {
        GArray *events = g_array_new(false, false, sizeof(PortLink));
        char buffer[65536];
        ssize_t n;

        while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
                g_assert_cmpint(mnl_cb_run(buffer, (size_t) n, 0, 0, on_message, events), >=, MNL_CB_STOP);
        /* Not ENOBUFS: what was lost could be what is looked for. */
        g_assert_cmpint(errno, ==, EAGAIN);
        return events;
}

/* ---- calls ---- */

LabReply port_create(Lab *lab, sd_bus *as, const char *name, const char *bridge, bool is_isolated) {
        return lab_call(lab, as, MANAGER, "CreateTap", "sa{sv}", name, 2, "Switch", "s", bridge, "Isolated", "b",
                        (int) is_isolated);
}

LabReply port_plug(Lab *lab, sd_bus *as, const char *name, const char *bridge, bool is_isolated) {
        g_autofree char *path = lab_path(name);

        return lab_call(lab, as, path, TAPD_TAP_INTERFACE, "Plug", "sa{sv}", bridge, 1, "Isolated", "b",
                        (int) is_isolated);
}

LabReply port_unplug(Lab *lab, sd_bus *as, const char *name) {
        g_autofree char *path = lab_path(name);

        return lab_call(lab, as, path, TAPD_TAP_INTERFACE, "Unplug", NULL);
}

void port_append(sd_bus_message *call, const char *name, const char *bridge) {
        lab_ok(sd_bus_message_append(call, "(sa{sv})", name, 1, "Switch", "s", bridge));
}

/* ---- links ---- */

void port_add_bridge(const char *name) {
        g_free(lab_run("ip link add %s type bridge", name));
        g_free(lab_run("ip link set %s up", name));
}

void port_add_uplink(const char *name, const char *mac) {
        g_free(lab_run("ip link add %s address %s type veth peer name %sx", name, mac, name));
        g_free(lab_run("ip link set %s up", name));
        g_free(lab_run("ip link set %sx up", name));
}

int port_open_queue(const char *name) {
        int fd = lab_open_queue(name, IFF_MULTI_QUEUE, LAB_ALICE, LAB_GROUP);

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

void port_set_mac(int queue, const char *name, const uint8_t mac[static 6]) {
        struct ifreq request = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

        g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
        memcpy(request.ifr_hwaddr.sa_data, mac, 6);
        g_assert_cmpint(ioctl(queue, SIOCSIFHWADDR, &request), ==, 0);
}
