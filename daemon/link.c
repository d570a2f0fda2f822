/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "names.h"
#include "settings.h"

static void parse_tun(const struct nlattr *data, Link *link) {
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, data) {
                switch (mnl_attr_get_type(attribute)) {
                case IFLA_TUN_OWNER:
                        link->user = mnl_attr_get_u32(attribute);
                        break;
                case IFLA_TUN_GROUP:
                        link->group = mnl_attr_get_u32(attribute);
                        break;
                case IFLA_TUN_TYPE:
                        link->is_ip = mnl_attr_get_u8(attribute) == IFF_TUN;
                        break;
                case IFLA_TUN_PI:
                        link->packet_info = mnl_attr_get_u8(attribute);
                        break;
                case IFLA_TUN_VNET_HDR:
                        link->vnet_header = mnl_attr_get_u8(attribute);
                        break;
                case IFLA_TUN_PERSIST:
                        link->persistent = mnl_attr_get_u8(attribute);
                        break;
                case IFLA_TUN_MULTI_QUEUE:
                        link->multi_queue = mnl_attr_get_u8(attribute);
                        break;
                case IFLA_TUN_NUM_QUEUES:
                        link->queues = mnl_attr_get_u32(attribute);
                        break;
                case IFLA_TUN_NUM_DISABLED_QUEUES:
                        link->queues_detached = mnl_attr_get_u32(attribute);
                        break;
                }
        }
}

static void parse_bridge(const struct nlattr *data, Link *link) {
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, data) {
                if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_FILTERING)
                        link->filters_vlans = mnl_attr_get_u8(attribute);
                else if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_DEFAULT_PVID)
                        link->default_vlan = mnl_attr_get_u16(attribute);
        }
}

static void parse_bridge_port(const struct nlattr *data, Link *link) {
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, data) {
                if (mnl_attr_get_type(attribute) == IFLA_BRPORT_ISOLATED)
                        link->is_isolated = mnl_attr_get_u8(attribute);
        }
}

static void copy_string(const struct nlattr *attribute, char *buffer, size_t size) {
        if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
                (void) snprintf(buffer, size, "%s", mnl_attr_get_str(attribute));
}

static bool attribute_is(const struct nlattr *attribute, const char *text) {
        return attribute && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0 &&
               strcmp(mnl_attr_get_str(attribute), text) == 0;
}

static void parse_kind(const struct nlattr *linkinfo, Link *link) {
        const struct nlattr *attribute, *found[IFLA_INFO_SLAVE_DATA + 1] = {};

        mnl_attr_for_each_nested(attribute, linkinfo) {
                if (mnl_attr_get_type(attribute) <= IFLA_INFO_SLAVE_DATA)
                        found[mnl_attr_get_type(attribute)] = attribute;
        }

        if (found[IFLA_INFO_KIND])
                copy_string(found[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
        link->is_tun = attribute_is(found[IFLA_INFO_KIND], "tun");
        link->is_bridge = attribute_is(found[IFLA_INFO_KIND], "bridge");
        if (link->is_tun && found[IFLA_INFO_DATA])
                parse_tun(found[IFLA_INFO_DATA], link);
        if (link->is_bridge && found[IFLA_INFO_DATA])
                parse_bridge(found[IFLA_INFO_DATA], link);
        if (attribute_is(found[IFLA_INFO_SLAVE_KIND], "bridge") && found[IFLA_INFO_SLAVE_DATA])
                parse_bridge_port(found[IFLA_INFO_SLAVE_DATA], link);
}

static void parse_attribute(const struct nlattr *attribute, Link *link) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
                copy_string(attribute, link->name, sizeof(link->name));
                break;
        case IFLA_IFALIAS:
                copy_string(attribute, link->alias, sizeof(link->alias));
                break;
        case IFLA_ADDRESS:
                link->has_mac = mnl_attr_get_payload_len(attribute) == sizeof(link->mac);
                if (link->has_mac)
                        memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof(link->mac));
                break;
        case IFLA_CARRIER:
                link->has_carrier = mnl_attr_get_u8(attribute);
                break;
        case IFLA_OPERSTATE:
                link->operational_state = mnl_attr_get_u8(attribute);
                break;
        case IFLA_MTU:
                link->mtu = mnl_attr_get_u32(attribute);
                break;
        case IFLA_TXQLEN:
                link->transmit_queue_length = mnl_attr_get_u32(attribute);
                break;
        case IFLA_MASTER:
                link->master = (int) mnl_attr_get_u32(attribute);
                break;
        case IFLA_LINKINFO:
                parse_kind(attribute, link);
                break;
        }
}

int link_parse(const struct nlmsghdr *message, Link *ret) {
        Link link = { .user = TAPD_ID_UNSET, .group = TAPD_ID_UNSET };
        const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;

        if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
                return -EBADMSG;
        if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) || info->ifi_index <= 0)
                return -EBADMSG;

        link.ifindex = info->ifi_index;
        link.type = info->ifi_type;
        link.is_up = info->ifi_flags & IFF_UP;
        mnl_attr_for_each(attribute, message, sizeof(*info))
                parse_attribute(attribute, &link);

        /* The driver counts the queues of a multi-queue device only; the one queue of another shows as its carrier. */
        if (link.is_tun && !link.multi_queue)
                link.queues = link.has_carrier;

        *ret = link;
        return message->nlmsg_type == RTM_NEWLINK;
}

int link_parse_port(const struct nlmsghdr *message, int *ret_ifindex, bool *ret_isolated) {
        const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute, *found = NULL;
        Link link = {};

        if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*info))
                return -EBADMSG;

        mnl_attr_for_each(attribute, message, sizeof(*info)) {
                if (mnl_attr_get_type(attribute) == IFLA_PROTINFO)
                        found = attribute;
        }
        if (!found)
                return -EBADMSG;

        parse_bridge_port(found, &link);
        *ret_ifindex = info->ifi_index;
        *ret_isolated = link.is_isolated;
        return 0;
}

/* Takes the one link of an answer; ifindex 0 is none. */
static void link_on_reply(const struct nlmsghdr *message, void *userdata) {
        (void) link_parse(message, userdata);
}

static struct nlmsghdr *link_begin(void *buffer, uint16_t type, uint16_t flags, int ifindex) {
        struct nlmsghdr *request = rtnl_begin(buffer, type, flags);
        struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

        info->ifi_family = AF_UNSPEC;
        info->ifi_index = ifindex;
        return request;
}

static int link_query(Rtnl *rtnl, int ifindex, const char *name, Link *ret) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_GETLINK, 0, ifindex);
        Link link = {};
        int r;

        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        if (name)
                mnl_attr_put_strz(request, IFLA_IFNAME, name);

        r = rtnl_call(rtnl, request, link_on_reply, &link);
        if (r < 0)
                return r;
        if (link.ifindex <= 0)
                return -ENODEV;

        *ret = link;
        return 0;
}

int link_get(Rtnl *rtnl, int ifindex, Link *ret) {
        return link_query(rtnl, ifindex, NULL, ret);
}

int link_get_by_name(Rtnl *rtnl, const char *name, Link *ret) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_GETLINK, 0, 0);
        Link link = {};
        int r;

        r = link_query(rtnl, 0, name, ret);
        if (r != -ENODEV)
                return r;

        /* Only this attribute is looked up among the altnames by every kernel that has them (5.5). */
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        mnl_attr_put_strz(request, IFLA_ALT_IFNAME, name);
        r = rtnl_call(rtnl, request, link_on_reply, &link);
        if (r < 0 || link.ifindex <= 0)
                return -ENODEV;

        *ret = link;
        return 0;
}

/* A number in /sys/class/net. */
static int read_attribute_file(const char *name, const char *attribute, uint64_t *ret) {
        char path[64 + IF_NAMESIZE], text[16] = "";
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, attribute);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        n = read(fd, text, sizeof(text) - 1);
        (void) close(fd);
        if (n < 0)
                return -errno;

        text[strcspn(text, "\n")] = '\0';
        return parse_decimal(text, INT_MAX, ret);
}

/* NET_ADDR_SET of <linux/netdevice.h>, which cannot be included beside <net/if.h>. */
#define ADDRESS_SET 3

int link_address_is_given(const Link *link) {
        uint64_t ifindex, type;
        int r;

        r = read_attribute_file(link->name, "addr_assign_type", &type);
        if (r == 0)
                r = read_attribute_file(link->name, "ifindex", &ifindex);
        if (r < 0)
                return r;

        return ifindex == (uint64_t) link->ifindex ? type == ADDRESS_SET : -ENODEV;
}

typedef struct Dump {
        int master; /* of ports; 0: of tun devices */
        void (*callback)(const Link *link, void *userdata);
        void *userdata;
} Dump;

static void link_on_dump(const struct nlmsghdr *message, void *userdata) {
        const Dump *dump = userdata;
        Link link;

        /* A filter is a wish: a kernel without the driver ignores it. */
        if (link_parse(message, &link) >= 0 && (dump->master ? link.master == dump->master : link.is_tun))
                dump->callback(&link, dump->userdata);
}

int link_dump(Rtnl *rtnl, void (*callback)(const Link *link, void *userdata), void *userdata) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_GETLINK, NLM_F_DUMP, 0);
        Dump dump = { .callback = callback, .userdata = userdata };
        struct nlattr *nest;

        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        nest = mnl_attr_nest_start(request, IFLA_LINKINFO);
        mnl_attr_put_str(request, IFLA_INFO_KIND, "tun");
        mnl_attr_nest_end(request, nest);

        return rtnl_call(rtnl, request, link_on_dump, &dump);
}

int link_dump_ports(Rtnl *rtnl, int master, void (*callback)(const Link *link, void *userdata), void *userdata) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_GETLINK, NLM_F_DUMP, 0);
        Dump dump = { .master = master, .callback = callback, .userdata = userdata };

        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        mnl_attr_put_u32(request, IFLA_MASTER, (uint32_t) master);
        return rtnl_call(rtnl, request, link_on_dump, &dump);
}

int link_change(Rtnl *rtnl, int ifindex, const LinkChange *change) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_NEWLINK, 0, ifindex);

        if (change->name)
                mnl_attr_put_strz(request, IFLA_IFNAME, change->name);
        if (change->alias)
                mnl_attr_put_str(request, IFLA_IFALIAS, change->alias);
        if (change->mac)
                mnl_attr_put(request, IFLA_ADDRESS, ETH_ALEN, change->mac);
        if (change->mtu != LINK_UNSET)
                mnl_attr_put_u32(request, IFLA_MTU, change->mtu);
        if (change->transmit_queue_length != LINK_UNSET)
                mnl_attr_put_u32(request, IFLA_TXQLEN, change->transmit_queue_length);
        if (change->raise_carrier)
                mnl_attr_put_u8(request, IFLA_CARRIER, 1);

        return rtnl_call(rtnl, request, NULL, NULL);
}

int link_set_up(Rtnl *rtnl, int ifindex, bool up) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_NEWLINK, 0, ifindex);
        struct ifinfomsg *info = mnl_nlmsg_get_payload(request);

        info->ifi_change = IFF_UP;
        info->ifi_flags = up ? IFF_UP : 0;
        return rtnl_call(rtnl, request, NULL, NULL);
}

int link_set_isolated(Rtnl *rtnl, int ifindex, bool isolated) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_NEWLINK, 0, ifindex);
        struct nlattr *info, *data;

        info = mnl_attr_nest_start(request, IFLA_LINKINFO);
        mnl_attr_put_strz(request, IFLA_INFO_SLAVE_KIND, "bridge");
        data = mnl_attr_nest_start(request, IFLA_INFO_SLAVE_DATA);
        mnl_attr_put_u8(request, IFLA_BRPORT_ISOLATED, isolated);
        mnl_attr_nest_end(request, data);
        mnl_attr_nest_end(request, info);
        return rtnl_call(rtnl, request, NULL, NULL);
}

int link_set_master(Rtnl *rtnl, int ifindex, int master) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_NEWLINK, 0, ifindex);

        mnl_attr_put_u32(request, IFLA_MASTER, (uint32_t) master);
        return rtnl_call(rtnl, request, NULL, NULL);
}

int link_set_noqueue(Rtnl *rtnl, int ifindex) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = rtnl_begin(buffer, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
        struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));

        tc->tcm_family = AF_UNSPEC;
        tc->tcm_ifindex = ifindex;
        tc->tcm_parent = TC_H_ROOT;
        mnl_attr_put_strz(request, TCA_KIND, "noqueue");
        return rtnl_call(rtnl, request, NULL, NULL);
}

int link_disable_ipv6(const char *name) {
        char path[64 + IF_NAMESIZE];
        int fd, r = 0;

        (void) snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;

        if (write(fd, "1", 1) < 0)
                r = -errno;

        (void) close(fd);
        return r;
}

static int link_delete_one(Rtnl *rtnl, int ifindex) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];

        return rtnl_call(rtnl, link_begin(buffer, RTM_DELLINK, 0, ifindex), NULL, NULL);
}

static int link_set_group(Rtnl *rtnl, int ifindex, uint32_t group) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = link_begin(buffer, RTM_NEWLINK, 0, ifindex);

        mnl_attr_put_u32(request, IFLA_GROUP, group);
        return rtnl_call(rtnl, request, NULL, NULL);
}

int link_delete(Rtnl *rtnl, const int *ifindexes, size_t n_ifindexes) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request;
        uint32_t group;
        size_t grouped = 0;

        if (n_ifindexes == 1)
                return link_delete_one(rtnl, ifindexes[0]);

        /* Everything in the group dies, and everybody sees it: it is random and as short-lived as can be. */
        if (getrandom(&group, sizeof(group), 0) != sizeof(group))
                return -errno;
        group |= UINT32_C(1) << 31;

        for (size_t i = 0; i < n_ifindexes; i++) {
                int r = link_set_group(rtnl, ifindexes[i], group);

                if (r < 0 && r != -ENODEV)
                        return r;
                grouped += r == 0;
        }
        if (grouped == 0)
                return -ENODEV;

        request = link_begin(buffer, RTM_DELLINK, 0, 0);
        mnl_attr_put_u32(request, IFLA_GROUP, group);
        return rtnl_call(rtnl, request, NULL, NULL);
}

static void statistics_on_reply(const struct nlmsghdr *message, void *userdata) {
        LinkStatistics *statistics = userdata;
        struct rtnl_link_stats64 counters = {};
        const struct nlattr *attribute;

        mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg)) {
                size_t size = mnl_attr_get_payload_len(attribute);

                /* It grows with the kernel; and only its beginning is aligned. */
                if (mnl_attr_get_type(attribute) == IFLA_STATS64)
                        memcpy(&counters, mnl_attr_get_payload(attribute),
                               size < sizeof(counters) ? size : sizeof(counters));
        }

        *statistics = (LinkStatistics){
                .rx_packets = counters.rx_packets,
                .tx_packets = counters.tx_packets,
                .rx_bytes = counters.rx_bytes,
                .tx_bytes = counters.tx_bytes,
                .rx_errors = counters.rx_errors,
                .tx_errors = counters.tx_errors,
                .rx_dropped = counters.rx_dropped,
                .tx_dropped = counters.tx_dropped,
        };
}

int link_get_statistics(Rtnl *rtnl, int ifindex, LinkStatistics *ret) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];

        return rtnl_call(rtnl, link_begin(buffer, RTM_GETLINK, 0, ifindex), statistics_on_reply, ret);
}

const char *link_operational_state_name(uint8_t state) {
        static const char *const names[] = { "unknown", "not-present", "down", "lower-layer-down",
                                             "testing", "dormant",     "up" };

        return state < sizeof(names) / sizeof(names[0]) ? names[state] : names[0];
}
