/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port-bridge.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "record.h"

static Bridge *bridges_find(const Bridges *bridges, int ifindex) {
        Bridge *bridge;

        HASH_FIND_INT(bridges->table, &ifindex, bridge);
        return bridge;
}

static Bridge *bridges_add(Bridges *bridges, const Link *link) {
        Bridge *bridge;

        bridge = calloc(1, sizeof(*bridge));
        if (!bridge)
                return NULL;

        bridge->ifindex = link->ifindex;
        strcpy(bridge->name, link->name);
        HASH_ADD_INT(bridges->table, ifindex, bridge);
        if (bridge->hh.tbl)
                return bridge;

        free(bridge);
        return NULL;
}

static void bridges_drop(Bridges *bridges, Bridge *bridge) {
        HASH_DEL(bridges->table, bridge);
        free(bridge);
}

void bridges_done(Bridges *bridges) {
        Bridge *bridge, *next;

        HASH_ITER(hh, bridges->table, bridge, next) {
                bridges_drop(bridges, bridge);
        }
}

bool bridges_note_link(Bridges *bridges, const Link *link, bool exists) {
        Bridge *bridge;

        if (!exists) {
                bridge = bridges_find(bridges, link->ifindex);
                if (bridge)
                        bridges_drop(bridges, bridge);
                return false;
        }

        bridge = link->master != 0 && !link->is_tun ? bridges_find(bridges, link->master) : NULL;
        if (!bridge || bridge->is_pinned)
                return false;

        bridge->has_new_uplink = true;
        bridges->is_waiting = true;
        return true;
}

bool bridges_note_name(Bridges *bridges, const Link *link) {
        Bridge *bridge = link->is_bridge ? bridges_find(bridges, link->ifindex) : NULL;

        if (!bridge || strcmp(bridge->name, link->name) == 0)
                return false;

        strcpy(bridge->name, link->name);
        return true;
}

/* The lowest addresses among the ports of a bridge; all ones where there is none. */
typedef struct Lowest {
        bool has_uplink;
        uint8_t of_uplinks[ETH_ALEN], of_others[ETH_ALEN], of_all[ETH_ALEN]; /* others: than TAPs of ours */
} Lowest;

static void take_lower(uint8_t *lowest, const uint8_t *mac) {
        if (memcmp(mac, lowest, ETH_ALEN) < 0)
                memcpy(lowest, mac, ETH_ALEN);
}

static void lowest_on_port(const Link *link, void *userdata) {
        Lowest *lowest = userdata;

        if (!link->has_mac)
                return;

        take_lower(lowest->of_all, link->mac);
        if (strncmp(link->alias, RECORD_MARK_PREFIX, strlen(RECORD_MARK_PREFIX)) != 0)
                take_lower(lowest->of_others, link->mac);
        if (!link->is_tun) {
                lowest->has_uplink = true;
                take_lower(lowest->of_uplinks, link->mac);
        }
}

static int find_lowest(Rtnl *rtnl, int ifindex, Lowest *ret) {
        int r;

        *ret = (Lowest){};
        memset(ret->of_uplinks, 0xff, sizeof(ret->of_uplinks));
        memset(ret->of_others, 0xff, sizeof(ret->of_others));
        memset(ret->of_all, 0xff, sizeof(ret->of_all));
        r = link_dump_ports(rtnl, ifindex, lowest_on_port, ret);
        /* Links came and went; one of its uplinks was met or will be told of. */
        return r == -EINTR ? 0 : r;
}

static int bridge_pin(Bridge *bridge, Rtnl *rtnl, const uint8_t *mac) {
        const LinkChange change = { .mac = mac, .mtu = LINK_UNSET, .transmit_queue_length = LINK_UNSET };
        int r;

        /* Set explicitly, even to what it is, it stays (NET_ADDR_SET, br_stp_recalculate_bridge_id()). */
        r = link_change(rtnl, bridge->ifindex, &change);
        bridge->is_pinned = r == 0;
        return r;
}

/* Pins a bridge that has an uplink, unless an administrator gave it an address. Where the kernel does not tell, one
 * that is none of its lowest port's was given. */
static int bridge_guard(Bridge *bridge, Rtnl *rtnl, const Link *link, bool is_new_uplink) {
        Lowest lowest;
        int r, is_given;

        r = find_lowest(rtnl, bridge->ifindex, &lowest);
        if (r < 0 || !lowest.has_uplink)
                return r;

        is_given = link_address_is_given(link);
        if (is_given < 0)
                is_given = memcmp(link->mac, lowest.of_all, sizeof(link->mac)) != 0;
        if (is_given) {
                bridge->is_pinned = true;
                return 0;
        }

        /* One that was met with an uplink keeps what it has, but for what it has from a TAP of ours; of one that gets
         * its first, that of another's TAP is no address to stay either. */
        return bridge_pin(bridge, rtnl, is_new_uplink ? lowest.of_uplinks : lowest.of_others);
}

/* An uplink came where there was none. */
static int bridge_take_uplink(Bridge *bridge, Rtnl *rtnl) {
        Link link;
        int r;

        r = link_get(rtnl, bridge->ifindex, &link);
        return r < 0 ? r : bridge_guard(bridge, rtnl, &link, /* is_new_uplink= */ true);
}

void bridges_pin_new(Bridges *bridges, Rtnl *rtnl) {
        if (!bridges->is_waiting)
                return;

        bridges->is_waiting = false;
        for (Bridge *bridge = bridges->table; bridge; bridge = bridge->hh.next) {
                int r;

                if (!bridge->has_new_uplink || bridge->is_pinned)
                        continue;

                bridge->has_new_uplink = false;
                r = bridge_take_uplink(bridge, rtnl);
                if (r < 0)
                        log_message(LOG_WARNING, "cannot pin the address of bridge %d: %s, ignoring", bridge->ifindex,
                                    strerror(-r));
        }
}

int bridges_meet(Bridges *bridges, Rtnl *rtnl, const Link *where) {
        Bridge *bridge = bridges_find(bridges, where->ifindex);
        int r;

        if (bridge)
                return 0;

        bridge = bridges_add(bridges, where);
        if (!bridge)
                return -ENOMEM;

        r = bridge_guard(bridge, rtnl, where, /* is_new_uplink= */ false);
        if (r < 0)
                bridges_drop(bridges, bridge);

        return r;
}

/* The VLANs of a port as the bridge has them; a bit each. */
typedef struct VlanTable {
        uint8_t member[4096 / 8], untagged[4096 / 8];
        uint16_t ingress; /* PVID: what untagged frames of the port become; 0: they are dropped */
} VlanTable;

static void set_bit(uint8_t *bits, unsigned n) {
        bits[n / 8] |= (uint8_t) (1u << n % 8);
}

static void table_add(VlanTable *table, unsigned first, unsigned last, unsigned flags) {
        for (unsigned vlan = first; vlan <= last && vlan <= VLAN_MAX; vlan++) {
                set_bit(table->member, vlan);
                if (flags & BRIDGE_VLAN_INFO_UNTAGGED)
                        set_bit(table->untagged, vlan);
                if (flags & BRIDGE_VLAN_INFO_PVID)
                        table->ingress = (uint16_t) vlan;
        }
}

/* What is asked for; where that is nothing, the bridge's own VLAN. */
static void table_of_spec(const PortSpec *spec, const Link *bridge, VlanTable *ret) {
        uint16_t vlan = spec->vlan;

        if (vlan == 0 && spec->trunk.n_ranges == 0)
                vlan = bridge->default_vlan;

        *ret = (VlanTable){};
        if (vlan != 0)
                table_add(ret, vlan, vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
        for (size_t i = 0; i < spec->trunk.n_ranges; i++)
                table_add(ret, spec->trunk.ranges[i].first, spec->trunk.ranges[i].last, 0);
}

/* BRIDGE_VLANDB_ENTRY of RTM_NEWVLAN. */
static void table_on_entry(const struct nlattr *entry, VlanTable *table) {
        const struct bridge_vlan_info *info = NULL;
        const struct nlattr *attribute;
        unsigned last = 0;

        mnl_attr_for_each_nested(attribute, entry) {
                if (mnl_attr_get_type(attribute) == BRIDGE_VLANDB_ENTRY_INFO &&
                    mnl_attr_get_payload_len(attribute) >= sizeof(*info))
                        info = mnl_attr_get_payload(attribute);
                else if (mnl_attr_get_type(attribute) == BRIDGE_VLANDB_ENTRY_RANGE)
                        last = mnl_attr_get_u16(attribute);
        }

        if (info)
                table_add(table, info->vid, last ? last : info->vid, info->flags);
}

static void table_on_message(const struct nlmsghdr *message, void *userdata) {
        const struct nlattr *attribute;

        if (message->nlmsg_type != RTM_NEWVLAN)
                return;

        mnl_attr_for_each(attribute, message, sizeof(struct br_vlan_msg)) {
                if (mnl_attr_get_type(attribute) == BRIDGE_VLANDB_ENTRY)
                        table_on_entry(attribute, userdata);
        }
}

static int table_read(Rtnl *rtnl, int ifindex, VlanTable *ret) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = rtnl_begin(buffer, RTM_GETVLAN, NLM_F_DUMP);
        struct br_vlan_msg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

        header->family = AF_BRIDGE;
        header->ifindex = (uint32_t) ifindex;
        *ret = (VlanTable){};
        return rtnl_call(rtnl, request, table_on_message, ret);
}

static void put_vlan(struct nlmsghdr *request, unsigned vlan, unsigned flags) {
        const struct bridge_vlan_info info = { .vid = (uint16_t) vlan, .flags = (uint16_t) flags };

        mnl_attr_put(request, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
}

static void put_range(struct nlmsghdr *request, unsigned first, unsigned last) {
        if (first == last) {
                put_vlan(request, first, 0);
                return;
        }

        put_vlan(request, first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
        put_vlan(request, last, BRIDGE_VLAN_INFO_RANGE_END);
}

static struct nlmsghdr *begin_port_request(void *buffer, uint16_t type, int ifindex) {
        struct nlmsghdr *request = rtnl_begin(buffer, type, 0);
        struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

        info->ifi_family = AF_BRIDGE;
        info->ifi_index = ifindex;
        return request;
}

/* Takes all VLANs from a port; that it has few of them is no error. */
static int clear_vlans(Rtnl *rtnl, int ifindex) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = begin_port_request(buffer, RTM_DELLINK, ifindex);
        struct nlattr *nest = mnl_attr_nest_start(request, IFLA_AF_SPEC);

        put_range(request, VLAN_MIN, VLAN_MAX);
        mnl_attr_nest_end(request, nest);
        return rtnl_call(rtnl, request, NULL, NULL);
}

static int add_vlans(Rtnl *rtnl, int ifindex, const PortSpec *spec, const VlanTable *wanted) {
        _Alignas(struct nlmsghdr) char buffer[RTNL_REQUEST_SIZE];
        struct nlmsghdr *request = begin_port_request(buffer, RTM_SETLINK, ifindex);
        struct nlattr *nest = mnl_attr_nest_start(request, IFLA_AF_SPEC);

        if (wanted->ingress != 0)
                put_vlan(request, wanted->ingress, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
        for (size_t i = 0; i < spec->trunk.n_ranges; i++)
                put_range(request, spec->trunk.ranges[i].first, spec->trunk.ranges[i].last);
        mnl_attr_nest_end(request, nest);

        return wanted->ingress == 0 && spec->trunk.n_ranges == 0 ? 0 : rtnl_call(rtnl, request, NULL, NULL);
}

/* The old ones first: in between the port has none, rather than those of two tenants. */
static int set_vlans(Rtnl *rtnl, int ifindex, const Link *bridge, const PortSpec *spec) {
        VlanTable wanted, found;
        int r;

        table_of_spec(spec, bridge, &wanted);
        if (table_read(rtnl, ifindex, &found) == 0 && memcmp(&wanted, &found, sizeof(found)) == 0)
                return 0;

        r = clear_vlans(rtnl, ifindex);
        return r < 0 ? r : add_vlans(rtnl, ifindex, spec, &wanted);
}

int port_bridge_matches(Rtnl *rtnl, const Link *link, const Switch *where, const PortSpec *spec) {
        VlanTable wanted, found;
        int r;

        if (link->master != where->link.ifindex || link->is_isolated != spec->isolated)
                return 0;
        if (!where->filters_vlans)
                return 1;

        table_of_spec(spec, &where->link, &wanted);
        r = table_read(rtnl, link->ifindex, &found);
        return r < 0 ? r : memcmp(&wanted, &found, sizeof(found)) == 0;
}

static int join(Rtnl *rtnl, const Link *link, const Link *bridge, const PortSpec *spec) {
        bool moves = link->master != bridge->ifindex;
        int r = 0;

        if (moves)
                r = link_set_master(rtnl, link->ifindex, bridge->ifindex);
        if (r == 0 && (moves || link->is_isolated != spec->isolated))
                r = link_set_isolated(rtnl, link->ifindex, spec->isolated);
        if (r == 0 && bridge->filters_vlans)
                r = set_vlans(rtnl, link->ifindex, bridge, spec);

        return r;
}

static int explain(Rtnl *rtnl, int r, const Link *link, const Switch *where, Fault *fault) {
        if (r == -EXFULL)
                return fault_set(fault, TAPD_ERROR_SWITCH_FULL, "Switch=: %s has 1,023 ports, the most of a bridge",
                                 where->name);
        if (*rtnl_error_text(rtnl))
                return fault_set(fault, TAPD_ERROR_FAILED, "%s: cannot be plugged into %s: %s", link->name, where->name,
                                 rtnl_error_text(rtnl));

        return fault_set_errno(fault, r, link->name);
}

int port_bridge_plug(Bridges *bridges, Rtnl *rtnl, const Link *link, const Switch *where, const PortSpec *spec,
                     uint32_t mtu, Fault *fault) {
        const Link *bridge = &where->link;
        const LinkChange size = {
                .mtu = mtu == LINK_UNSET ? bridge->mtu : mtu,
                .transmit_queue_length = LINK_UNSET,
        };
        const LinkChange size_before = { .mtu = link->mtu, .transmit_queue_length = LINK_UNSET };
        bool moves = link->master != bridge->ifindex;
        /* A port joins in the bridge's own VLAN, where this one may have no business. */
        bool is_kept_down = moves && bridge->filters_vlans && link->is_up;
        int r;

        r = moves ? bridges_meet(bridges, rtnl, bridge) : 0;
        /* The one that it leaves would become as small as the other. */
        if (r == 0 && moves && link->master != 0 && size.mtu < size_before.mtu)
                r = link_set_master(rtnl, link->ifindex, 0);
        if (r == 0 && size.mtu != size_before.mtu)
                r = link_change(rtnl, link->ifindex, &size);
        if (r == 0 && is_kept_down)
                r = link_set_up(rtnl, link->ifindex, false);
        if (r < 0)
                return explain(rtnl, r, link, where, fault);

        r = join(rtnl, link, bridge, spec);
        if (r < 0) {
                r = explain(rtnl, r, link, where, fault);
                /* Better nowhere than where nobody asked for it. */
                (void) link_set_master(rtnl, link->ifindex, 0);
                /* The events of this call have been taken into the link by now. */
                if (size.mtu != size_before.mtu)
                        (void) link_change(rtnl, link->ifindex, &size_before);
        }
        if (is_kept_down)
                (void) link_set_up(rtnl, link->ifindex, true);

        return r;
}

int port_bridge_unplug(Rtnl *rtnl, const Link *link, Fault *fault) {
        int r;

        r = link_set_master(rtnl, link->ifindex, 0);
        return r < 0 ? fault_set_errno(fault, r, link->name) : 0;
}
