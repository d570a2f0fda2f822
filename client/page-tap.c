/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advice.h"
#include "guest-address.h"
#include "names.h"
#include "opening.h"
#include "page.h"
#include "port-words.h"
#include "text.h"

static const char *const counter_names[_COUNTER_MAX] = {
        [COUNTER_RECEIVED_PACKETS] = "ReceivedPackets",       [COUNTER_RECEIVED_BYTES] = "ReceivedBytes",
        [COUNTER_RECEIVE_ERRORS] = "ReceiveErrors",           [COUNTER_RECEIVE_DROPPED] = "ReceiveDropped",
        [COUNTER_TRANSMITTED_PACKETS] = "TransmittedPackets", [COUNTER_TRANSMITTED_BYTES] = "TransmittedBytes",
        [COUNTER_TRANSMIT_ERRORS] = "TransmitErrors",         [COUNTER_TRANSMIT_DROPPED] = "TransmitDropped",
};

int statistics_read(Statistics *statistics, sd_bus_message *message) {
        const char *key;
        uint64_t value;
        int r;

        *statistics = (Statistics){};
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "{st}");
        while (r >= 0 && (r = sd_bus_message_read(message, "{st}", &key, &value)) > 0)
                for (Counter i = 0; i < _COUNTER_MAX; i++)
                        if (strcmp(counter_names[i], key) == 0)
                                statistics->counters[i] = value;

        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static bool is(const char *text, const char *word) {
        return text && strcmp(text, word) == 0;
}

/* Who may open it by name, for people; to be freed. The kernel wants what is set of user and group, and both where both
 * are (drivers/net/tun.c, tun_not_capable()). NULL where memory ran out. */
static char *describe_user(const TapInfo *info, Page *page) {
        char *user = NULL, *group = NULL, *text = NULL;
        int r;

        r = tap_info_format(info, FIELD_USER, &page->names, &user);
        if (r >= 0)
                r = tap_info_format(info, FIELD_GROUP, &page->names, &group);
        if (r < 0)
                text = NULL;
        else if (is(info->lifetime, "ephemeral"))
                text = strdup("nobody by its name: its queues were handed over");
        else if (info->user == TAPD_ID_UNSET && info->group == TAPD_ID_UNSET)
                text = strdup("anybody on this host");
        else if (info->user == TAPD_ID_UNSET)
                r = asprintf(&text, "any member of %s (shared)", group);
        else if (info->group == TAPD_ID_UNSET)
                text = strdup(user);
        else
                r = asprintf(&text, "%s, and only as a member of %s", user, group);

        free(group);
        free(user);
        return r < 0 ? NULL : text;
}

static void print_state(const Page *page, const TapInfo *info) {
        Colour colour = output_state_colour(info->state);
        char *reason = NULL;

        if (!info->state)
                return;

        if (info->state_reason && *info->state_reason && text_make_safe(info->state_reason, &reason) < 0)
                reason = NULL;

        page_key("State", "%s%s%s%s%s%s", output_colour(colour, page->colours), info->state,
                 output_colour(colour == COLOUR_NONE ? colour : COLOUR_OFF, page->colours), reason ? " (" : "",
                 reason ? reason : "", reason ? ")" : "");
        free(reason);
}

static void print_kind(const TapInfo *info) {
        const char *frames = info->kind && strcmp(info->kind, "tun") == 0 ? "IP packets" : "Ethernet frames";

        page_key("Kind", "%s (%s%s%s), %s", info->kind ? info->kind : "", frames,
                 info->vnet_header ? " with virtio-net header" : "", info->packet_info ? " with protocol number" : "",
                 info->multi_queue ? "multi-queue" : "single-queue");
}

static void print_lifetime(const TapInfo *info) {
        const char *meaning = "";

        if (is(info->lifetime, "runtime"))
                meaning = ", until it is deleted or the host reboots";
        else if (is(info->lifetime, "ephemeral"))
                meaning = ", as long as a program has a queue open";
        else if (is(info->lifetime, "declared"))
                meaning = ", whenever tapd runs";

        if (info->lifetime)
                page_key("Lifetime", "%s%s", info->lifetime, meaning);
}

static void print_link(const TapInfo *info) {
        page_key("Link", "administratively %s, operationally %s, %s",
                 info->administrative_state ? info->administrative_state : "unknown",
                 info->operational_state ? info->operational_state : "unknown",
                 info->carrier ? "carrier" : "no carrier");
}

static void print_switch(const TapInfo *info) {
        char *name = NULL;

        if (!info->switch_name || text_make_safe(info->switch_name, &name) < 0)
                return;

        page_key("Switch", "%s%s", name,
                 is(info->switch_kind, "openvswitch") ? " (Open vSwitch)"
                 : is(info->switch_kind, "bridge")    ? " (Linux bridge)"
                                                      : "");
        free(name);
}

/* Which VLANs it gets; nothing of a bridge's port that has none of its own. A port of Open vSwitch with neither tag nor
 * trunks carries all of them (ovs-vswitchd.conf.db(5)). */
static int print_vlans(const TapInfo *info, Page *page) {
        bool has_any = info->vlan > 0 || info->trunk.n_ranges > 0 || info->trunk_is_long;
        char *vlan = NULL, *trunk = NULL;
        PortWords words = {};
        int r;

        r = tap_info_format(info, FIELD_VLAN, &page->names, &vlan);
        if (r >= 0)
                r = tap_info_format(info, FIELD_TRUNK, &page->names, &trunk);
        if (r >= 0)
                r = port_words_init(&words, /* switch_name= */ NULL, vlan, trunk);
        if (r >= 0 && (has_any || is(info->switch_kind, "openvswitch")))
                page_key("VLAN", "%s", has_any ? words.vlans : "all, tagged");

        port_words_done(&words);
        free(trunk);
        free(vlan);
        return r;
}

/* Nothing where it is plugged into none. */
static int print_port(const TapInfo *info, Page *page) {
        int r;

        if (!info->switch_name || !*info->switch_name)
                return 0;

        print_switch(info);
        r = print_vlans(info, page);
        if (info->isolated)
                page_key("Isolated", "from other isolated ports");
        page_escaped("Interface ID", info->interface_id);
        return r;
}

static void print_queues(const TapInfo *info, Page *page) {
        char attached[48], detached[48] = "", *idle = NULL;

        if (info->queues_attached == 0)
                snprintf(attached, sizeof(attached), "no queue attached");
        else
                snprintf(attached, sizeof(attached), "%" PRIu32 " %s attached", info->queues_attached,
                         info->queues_attached == 1 ? "queue" : "queues");
        if (info->queues_detached > 0)
                snprintf(detached, sizeof(detached), ", %" PRIu32 " switched off", info->queues_detached);
        if (info->idle_since_usec > 0 && tap_info_format(info, FIELD_IDLE_SINCE_USEC, &page->names, &idle) < 0)
                idle = NULL;

        page_key("Queues", "%s%s%s%s", attached, detached, idle ? ", idle for " : "", idle ? idle : "");
        free(idle);
}

static void print_holder(const Holder *holder, bool first) {
        char *command = NULL, queues[32] = "";

        if (holder->n_queues > 1)
                snprintf(queues, sizeof(queues), ", %u queues", holder->n_queues);
        if (text_make_safe(holder->command, &command) < 0)
                return;

        page_key(first ? "Held by" : "", "%s (pid %d)%s%s", command, (int) holder->pid, queues,
                 holder->elsewhere ? ", or one of this name in its network namespace" : "");
        free(command);
}

static void look_for_holders(Page *page) {
        /* What cannot be seen is told as what is not seen. */
        if (!page->looked)
                (void) holders_find(&page->holders);
        page->looked = true;
}

/* Somebody in another network namespace may hold it as well, but only what nobody here does. */
static bool holds(const Holder *holder, const TapInfo *info, const Page *page) {
        uint32_t n_here = 0;

        if (!is(info->name, holder->tap))
                return false;
        if (!holder->elsewhere)
                return true;

        for (size_t i = 0; i < page->holders.n; i++) {
                const Holder *other = &page->holders.holders[i];

                if (!other->elsewhere && is(info->name, other->tap))
                        n_here += other->n_queues;
        }

        return n_here < tap_info_count_queues(info);
}

static void print_holders(const TapInfo *info, Page *page) {
        uint32_t n_queues = tap_info_count_queues(info), n_seen = 0;

        if (n_queues == 0)
                return;

        look_for_holders(page);
        for (size_t i = 0; i < page->holders.n; i++) {
                const Holder *holder = &page->holders.holders[i];

                if (!holds(holder, info, page))
                        continue;
                print_holder(holder, n_seen == 0);
                n_seen += holder->n_queues;
        }

        if (n_seen < n_queues)
                page_key(n_seen == 0 ? "Held by" : "", "%s",
                         geteuid() == 0 ? "a program that is not to be seen from here"
                                        : "programs of others; root sees which");
}

static int print_creator(const TapInfo *info, Page *page) {
        char *creator = NULL;
        int r;

        r = tap_info_format(info, FIELD_CREATOR_UID, &page->names, &creator);
        if (r >= 0)
                page_key("Creator", "%s", creator);

        free(creator);
        return r;
}

static void print_created(const TapInfo *info) {
        time_t created = (time_t) (info->created_usec / 1000000), now = time(NULL);
        char date[64], age[32] = "";
        struct tm local;

        if (created == 0 || !localtime_r(&created, &local))
                return;

        strftime(date, sizeof(date), "%a %Y-%m-%d %H:%M:%S %Z", &local);
        /* A clock that was set back makes it younger than nothing. */
        if (now >= created)
                text_format_age((uint64_t) (now - created), age, sizeof(age));

        page_key("Created", "%s%s%s", date, *age ? "; " : "", age);
}

static void print_counters(const char *key, const uint64_t *counters) {
        char errors[40] = "", dropped[40] = "";

        if (counters[2] > 0)
                snprintf(errors, sizeof(errors), ", %" PRIu64 " errors", counters[2]);
        if (counters[3] > 0)
                snprintf(dropped, sizeof(dropped), ", %" PRIu64 " dropped", counters[3]);

        page_key(key, "%" PRIu64 " %s, %" PRIu64 " bytes%s%s", counters[0], counters[0] == 1 ? "packet" : "packets",
                 counters[1], errors, dropped);
}

/* Such a note is for who sees the page. */
static OpeningWho who_looks(const TapInfo *info) {
        return (OpeningWho){
                .uid = geteuid(),
                .in_group = info->group == getegid() || group_member(info->group),
                .joins_group = advice_joins_group(info->group),
        };
}

static void print_arguments(const Opening *opening) {
        bool fits = page_fits("-netdev ", opening->netdev);

        if (!fits)
                page_key("Open with", "QEMU:");
        page_command(fits ? "Open with" : "", "-netdev ", opening->netdev);
        page_command("", "-device ", opening->device);
}

static int print_opening(const TapInfo *info, Page *page) {
        OpeningWho who = who_looks(info);
        Opening opening;
        int r;

        r = opening_init(&opening, info, &page->names, &who);
        if (r >= 0 && opening.netdev)
                print_arguments(&opening);
        for (size_t i = 0; i < opening.n_notes && r >= 0; i++)
                page_escaped(i == 0 && !opening.netdev ? "Open with" : "", opening.notes[i]);

        opening_done(&opening);
        return r;
}

/* An absent one has no device that could be opened. */
static int print_people(const TapInfo *info, Page *page, const char *user) {
        int r = 0;

        page_key("User", "%s", user);
        if (!tap_info_is_absent(info))
                r = print_opening(info, page);

        return r < 0 ? r : print_creator(info, page);
}

static void print_guest(const TapInfo *info) {
        char address[INET6_ADDRSTRLEN];

        page_escaped("For the guest", info->guest_mac_address);
        if (info->guest_mac_address && guest_link_local(info->guest_mac_address, address) >= 0)
                page_key("", "%s (link-local, by EUI-64)", address);
}

static void print_device(const TapInfo *info) {
        page_escaped("MAC address", info->mac_address);
        print_guest(info);
        page_key("MTU", "%" PRIu32 " bytes", info->mtu_bytes);
        page_key("Transmit queue", "%" PRIu32 " packets", info->transmit_queue_length);
        page_key("Ifindex", "%" PRId32, info->ifindex);
}

static void print_source(const TapInfo *info) {
        if (is(info->source, "unit"))
                page_key("Source", "a unit (tap@.service)");
        else if (info->source && *info->source == '/')
                page_escaped("Source", info->source);
}

static int print_tap(const TapInfo *info, const Statistics *statistics, Page *page, const char *name,
                     const char *user) {
        bool is_absent = tap_info_is_absent(info);
        int r = 0;

        page_headline(page, output_state_colour(info->state), name);
        page_escaped("Description", info->description);
        print_state(page, info);
        print_source(info);
        if (!is_absent) {
                print_link(info);
                r = print_port(info, page);
                print_queues(info, page);
                print_holders(info, page);
        }
        if (r >= 0)
                r = print_people(info, page, user);
        if (!is_absent)
                print_created(info);
        print_lifetime(info);
        print_kind(info);
        if (is_absent)
                return r;

        print_device(info);
        print_counters("Received", statistics->counters + COUNTER_RECEIVED_PACKETS);
        print_counters("Transmitted", statistics->counters + COUNTER_TRANSMITTED_PACKETS);
        return r;
}

static int print_tap_page(const TapInfo *info, const Statistics *statistics, Page *page) {
        char *name = NULL, *user;
        int r;

        user = describe_user(info, page);
        r = user ? tap_info_format(info, FIELD_NAME, &page->names, &name) : -ENOMEM;
        if (r >= 0)
                r = print_tap(info, statistics, page, name, user);

        free(name);
        free(user);
        return r;
}

static void write_statistics_json(const Statistics *statistics, Json *json) {
        json_key(json, "Statistics");
        json_begin_object(json);
        for (Counter i = 0; i < _COUNTER_MAX; i++) {
                json_key(json, counter_names[i]);
                json_unsigned(json, statistics->counters[i]);
        }
        json_end_object(json);
}

static void write_holders_json(const TapInfo *info, Page *page) {
        Json *json = page->json;

        if (tap_info_count_queues(info) > 0)
                look_for_holders(page);

        json_key(json, "Holders");
        json_begin_array(json);
        for (size_t i = 0; i < page->holders.n; i++) {
                const Holder *holder = &page->holders.holders[i];

                if (!holds(holder, info, page))
                        continue;
                json_begin_object(json);
                json_key(json, "PID");
                json_signed(json, holder->pid);
                json_key(json, "Command");
                json_string(json, holder->command);
                json_key(json, "Queues");
                json_unsigned(json, holder->n_queues);
                json_end_object(json);
        }
        json_end_array(json);
}

static void write_link_local_json(const TapInfo *info, Json *json) {
        char address[INET6_ADDRSTRLEN];

        json_key(json, "GuestLinkLocalAddress");
        if (!tap_info_is_absent(info) && info->guest_mac_address &&
            guest_link_local(info->guest_mac_address, address) >= 0)
                json_string(json, address);
        else
                json_null(json);
}

static int write_opening_json(const TapInfo *info, Page *page) {
        OpeningWho who = who_looks(info);
        Json *json = page->json;
        Opening opening = {};
        int r = 0;

        if (!tap_info_is_absent(info))
                r = opening_init(&opening, info, &page->names, &who);

        json_key(json, "OpenWith");
        if (r >= 0 && opening.netdev) {
                json_begin_array(json);
                json_string(json, "-netdev");
                json_string(json, opening.netdev);
                json_string(json, "-device");
                json_string(json, opening.device);
                json_end_array(json);
        } else
                json_null(json);

        opening_done(&opening);
        return r;
}

static int write_tap_json(const TapInfo *info, const Statistics *statistics, Page *page) {
        int r;

        json_begin_object(page->json);
        for (FieldId id = 0; id < _FIELD_MAX; id++)
                tap_info_write_json(info, id, page->json);
        write_link_local_json(info, page->json);
        r = write_opening_json(info, page);
        write_statistics_json(statistics, page->json);
        write_holders_json(info, page);
        json_end_object(page->json);
        return r;
}

int page_show_tap(Page *page, const TapInfo *info, const Statistics *statistics) {
        if (!page->json)
                return print_tap_page(info, statistics, page);

        return write_tap_json(info, statistics, page);
}
