/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <linux/if_ether.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "rtnl.h"

/* IFALIASZ of <linux/if.h>, which cannot be included beside <net/if.h>: the alias and its NUL. */
#define LINK_ALIAS_SIZE 256

/* The longest kind that is shown, and its NUL. */
#define LINK_KIND_SIZE 16

/* What the kernel says about one network interface (RTM_NEWLINK, <linux/if_link.h>). */
typedef struct Link {
        int ifindex;
        char name[IF_NAMESIZE];
        char alias[LINK_ALIAS_SIZE];
        uint8_t mac[ETH_ALEN];
        bool has_mac;
        unsigned short type; /* ARPHRD_* of <linux/if_arp.h> */
        bool is_up;          /* IFF_UP */
        bool has_carrier;
        uint8_t operational_state; /* IF_OPER_* of <linux/if.h> */
        uint32_t mtu;
        uint32_t transmit_queue_length;
        char kind[LINK_KIND_SIZE]; /* IFLA_INFO_KIND: "tun", "bridge", "veth"; "" of most hardware */
        int master;                /* ifindex of the switch that it is a port of; 0: of none */
        bool is_bridge;            /* a Linux bridge */
        bool filters_vlans;        /* of a bridge: IFLA_BR_VLAN_FILTERING */
        uint16_t default_vlan;     /* of a bridge: IFLA_BR_VLAN_DEFAULT_PVID; 0: none */
        bool is_isolated;          /* of a bridge's port: IFLA_BRPORT_ISOLATED */

        /* The rest counts only where is_tun is true (IFLA_INFO_KIND "tun" and its IFLA_TUN_*). */
        bool is_tun;
        bool is_ip; /* IFF_TUN rather than IFF_TAP */
        bool packet_info, vnet_header, multi_queue, persistent;
        uint32_t user, group; /* TAPD_ID_UNSET where not set */
        uint32_t queues, queues_detached;
} Link;

/* Reads a link message: 1 of a link that is there (RTM_NEWLINK), 0 of one that is gone (RTM_DELLINK), -EBADMSG where it
 * is neither. */
int link_parse(const struct nlmsghdr *message, Link *ret);

/* Reads what a bridge tells of a port (RTM_NEWLINK of AF_BRIDGE). -EBADMSG where it tells nothing of what a Link has.
 */
int link_parse_port(const struct nlmsghdr *message, int *ret_ifindex, bool *ret_isolated);

/* Asks the kernel for one link. -ENODEV where there is none. */
int link_get(Rtnl *rtnl, int ifindex, Link *ret);

/* The same by name; altnames count as names. */
int link_get_by_name(Rtnl *rtnl, const char *name, Link *ret);

/* Whether somebody gave a link its address: 1; 0: it was born with it, or a bridge has that of a port. Negative errno
 * where the kernel does not tell: it does by /sys alone, which may be that of another network namespace, or of none. */
int link_address_is_given(const Link *link);

/* Calls @callback for each tun device of this network namespace, or more than once. -EINTR: links came and went all the
 * while, and one that was there may not have been met. */
int link_dump(Rtnl *rtnl, void (*callback)(const Link *link, void *userdata), void *userdata);

/* The same for the ports of a bridge, of whatever kind they are. */
int link_dump_ports(Rtnl *rtnl, int master, void (*callback)(const Link *link, void *userdata), void *userdata);

/* What is to change of a link; what is NULL, LINK_UNSET or false stays. */
#define LINK_UNSET UINT32_MAX
typedef struct LinkChange {
        const char *name; /* of a link that is down */
        const char *alias;
        const uint8_t *mac;
        uint32_t mtu;
        uint32_t transmit_queue_length;
        bool raise_carrier;
} LinkChange;

/* Changes a link, by one request. */
int link_change(Rtnl *rtnl, int ifindex, const LinkChange *change);

/* Sets or clears IFF_UP. Negative errno, -ENODEV where it is gone. */
int link_set_up(Rtnl *rtnl, int ifindex, bool up);

/* Makes a link a port of the bridge @master; where it is one of another it is moved. 0: of none. -EXFULL: the bridge
 * has 1,023 ports. */
int link_set_master(Rtnl *rtnl, int ifindex, int master);

/* Of a bridge's port: whether no frames pass between it and other isolated ones. */
int link_set_isolated(Rtnl *rtnl, int ifindex, bool isolated);

/* Gives a link that is down no queueing discipline, before the kernel attaches one for each of its queues. */
int link_set_noqueue(Rtnl *rtnl, int ifindex);

/* Keeps IPv6 off: a guest's Router Advertisement would give the host an address and a route. No error where the kernel
 * has no IPv6. */
int link_disable_ipv6(const char *name);

/* Deletes links at once: the kernel waits for an RCU grace period of about 16 ms, whatever their number. */
int link_delete(Rtnl *rtnl, const int *ifindexes, size_t n_ifindexes);

/* The counters of a link (struct rtnl_link_stats64 of <linux/if_link.h>), as seen from the host. */
typedef struct LinkStatistics {
        uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped;
} LinkStatistics;

/* Negative errno, -ENODEV where it is gone. */
int link_get_statistics(Rtnl *rtnl, int ifindex, LinkStatistics *ret);

/* RFC 2863's name of the operational state, as the bus spells it. */
const char *link_operational_state_name(uint8_t state);
