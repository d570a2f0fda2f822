/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How often a new device may be broken into before its creation is given up. */
#define ATTEMPTS 20

/* A device whose creation is under way: it lives by the descriptor. */
typedef struct Draft {
        int fd;
        Link link;
} Draft;

static int explain_open(int r, Fault *fault) {
        if (r == -EOPNOTSUPP)
                return fault_set(fault, TAPD_ERROR_NOT_SUPPORTED,
                                 "TUN/TAP not available: /dev/net/tun is missing or closed (modprobe tun?)");

        return fault_set_errno(fault, r, "/dev/net/tun");
}

static int explain_create(int r, const char *name, Fault *fault) {
        if (r == -EEXIST)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\", another network interface has it",
                                 name);
        if (r == -EPERM)
                return fault_set(fault, TAPD_ERROR_NOT_SUPPORTED,
                                 "the kernel refuses to create network interfaces: tapd lacks CAP_NET_ADMIN");

        return fault_set_errno(fault, r, name);
}

/* Whether it is as it was made, and nobody but us has a queue of it. */
static bool is_untouched(const Link *link, const TapSpec *spec) {
        return link->queues + link->queues_detached == 1 && !link->persistent && !link->is_up &&
               link->user == spec->user && link->group == spec->group && link->multi_queue == spec->mode.multi_queue &&
               link->vnet_header == spec->mode.vnet_header && link->packet_info == spec->mode.packet_info;
}

/* Throws a device away that somebody holds a queue of: closing ours would leave it to him. The name is wanted again at
 * once, and deleting takes its time. */
static int draft_discard(Draft *draft, TapWorkshop *workshop) {
        char name[IF_NAMESIZE];
        int r;

        workshop->n_intrusions++;

        /* Not a name that a person may have (a dot), and new each time. */
        (void) snprintf(name, sizeof(name), "x.%d", draft->link.ifindex);
        r = link_rename(workshop->rtnl, draft->link.ifindex, name, TAP_DISCARD_MARK);
        (void) close(draft->fd);
        workshop->discard(draft->link.ifindex, workshop->userdata);
        return r;
}

/*
 * Makes the device and closes it to everybody but whom the spec names. The kernel takes the owner only after it has
 * made the device, and until then it is open to every local user; each ioctl takes the RTNL lock by itself. Once owner
 * and group are set nobody can get in any more, so whoever did is still in, or has left: then what he left is seen or
 * put back. 1 when it is made, 0 when somebody had got in and it was thrown away.
 */
static int draft_attempt(Draft *draft, TapWorkshop *workshop, const Record *record, Fault *fault) {
        const TapSpec *spec = &record->spec;
        int r;

        r = tun_open(&draft->fd);
        if (r < 0)
                return explain_open(r, fault);

        r = tun_create(draft->fd, record->name, &spec->mode);
        if (r < 0) {
                (void) close(draft->fd);
                return explain_create(r, record->name, fault);
        }

        r = tun_set_access(draft->fd, spec->user, spec->group);
        if (r == 0)
                r = link_get_by_name(workshop->rtnl, record->name, &draft->link);
        if (r < 0) {
                (void) close(draft->fd);
                return fault_set_errno(fault, r, record->name);
        }

        if (is_untouched(&draft->link, spec)) {
                tun_reset(draft->fd);
                return 1;
        }

        r = draft_discard(draft, workshop);
        return r < 0 ? fault_set_errno(fault, r, record->name) : 0;
}

static int draft_make(Draft *draft, TapWorkshop *workshop, const Record *record, Fault *fault) {
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                int r = draft_attempt(draft, workshop, record, fault);

                if (r != 0)
                        return r < 0 ? r : 0;
        }

        return fault_set(fault, TAPD_ERROR_IN_USE,
                         "Name=: \"%s\", another program got into each of %d new devices before they were closed to it",
                         record->name, ATTEMPTS);
}

/* All that is to be so before a guest may see it, in an order that leaves nothing half made: it becomes persistent
 * last, and until then it goes with the descriptor, however tapd ends. */
static int draft_configure(Draft *draft, TapWorkshop *workshop, const Record *record) {
        char mark[RECORD_MARK_SIZE];
        int ifindex = draft->link.ifindex, r;
        uint8_t mac[6];

        /* An address that was set is one that udev leaves alone. */
        name_to_mac(record->name, workshop->mac_key, mac);
        r = link_mark(workshop->rtnl, ifindex, record_mark(record, mark), record->spec.mode.tun ? NULL : mac);
        if (r == 0)
                r = link_disable_ipv6(record->name);
        if (r == 0)
                /* Before it goes up: it would get a queueing discipline of 25 KiB for each of 256 queues. */
                r = link_set_noqueue(workshop->rtnl, ifindex);
        if (r == 0 && record->spec.up)
                r = link_set_up(workshop->rtnl, ifindex, true);
        if (r == 0)
                r = tun_set_persistent(draft->fd);

        return r;
}

static int draft_finish(Draft *draft, TapWorkshop *workshop, Record *record, Tap **ret, Fault *fault) {
        int r;

        r = draft_configure(draft, workshop, record);
        if (r < 0) {
                const char *words = rtnl_error_text(workshop->rtnl);

                (void) close(draft->fd);
                return *words ? fault_set(fault, TAPD_ERROR_FAILED, "%s: %s", record->name, words)
                              : fault_set_errno(fault, r, record->name);
        }

        (void) close(draft->fd);

        r = link_get(workshop->rtnl, draft->link.ifindex, &draft->link);
        if (r < 0)
                return fault_set_errno(fault, r, record->name);

        record->ifindex = draft->link.ifindex;
        record->stage = RECORD_COMPLETE;
        r = record_store_save(workshop->records, record);
        if (r >= 0)
                r = tap_new(record, &draft->link, ret);
        if (r < 0)
                /* Persistent by now: it has to be deleted, and a start would do it by its intent. */
                workshop->discard(draft->link.ifindex, workshop->userdata);

        return r < 0 ? fault_set_errno(fault, r, "record") : 0;
}

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

int tap_create(TapWorkshop *workshop, const Record *wanted, Tap **ret, Fault *fault) {
        Record record = *wanted;
        Draft draft = { .fd = -1 };
        int r;

        r = sd_id128_randomize(&record.id);
        if (r < 0)
                return fault_set_errno(fault, r, "random id");

        record.stage = RECORD_INTENT;
        record.ifindex = 0;
        record.created_usec = now_usec();
        r = record_store_save(workshop->records, &record);
        if (r < 0)
                return fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write records: %s", strerror(-r));

        r = draft_make(&draft, workshop, &record, fault);
        if (r == 0)
                r = draft_finish(&draft, workshop, &record, ret, fault);
        if (r < 0)
                (void) record_store_remove(workshop->records, record.name);

        return r;
}

int tap_new(const Record *record, const Link *link, Tap **ret) {
        Tap *tap;

        tap = calloc(1, sizeof(*tap));
        if (!tap)
                return -ENOMEM;

        tap->record = *record;
        tap->state = TAP_READY;
        tap_update(tap, link);
        tap->changes = 0;

        *ret = tap;
        return 0;
}

Tap *tap_free(Tap *tap) {
        free(tap);
        return NULL;
}

bool tap_owns(const Record *record, const Link *link) {
        char mark[RECORD_MARK_SIZE];

        return link->is_tun && strcmp(link->alias, record_mark(record, mark)) == 0 &&
               (record->ifindex == 0 || record->ifindex == link->ifindex);
}

void tap_set_state(Tap *tap, TapState state) {
        if (tap->state == state)
                return;

        tap->state = state;
        tap->changes |= TAP_CHANGED_STATE;
}

static bool is_tampered(const Tap *tap, const Link *link) {
        return link->user != tap->record.spec.user || link->group != tap->record.spec.group || !link->persistent;
}

static unsigned compare(const Link *a, const Link *b) {
        unsigned changes = 0;

        changes |= a->user != b->user ? TAP_CHANGED_USER : 0;
        changes |= (a->user == UINT32_MAX) != (b->user == UINT32_MAX) ? TAP_CHANGED_SHARED : 0;
        changes |= a->group != b->group ? TAP_CHANGED_GROUP : 0;
        changes |= a->vnet_header != b->vnet_header ? TAP_CHANGED_VNET_HEADER : 0;
        changes |= a->packet_info != b->packet_info ? TAP_CHANGED_PACKET_INFO : 0;
        changes |= a->queues != b->queues ? TAP_CHANGED_QUEUES_ATTACHED : 0;
        changes |= a->queues_detached != b->queues_detached ? TAP_CHANGED_QUEUES_DETACHED : 0;
        changes |= memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 ? TAP_CHANGED_MAC_ADDRESS : 0;
        changes |= a->mtu != b->mtu ? TAP_CHANGED_MTU : 0;
        changes |= a->transmit_queue_length != b->transmit_queue_length ? TAP_CHANGED_TRANSMIT_QUEUE_LENGTH : 0;
        changes |= a->is_up != b->is_up ? TAP_CHANGED_ADMINISTRATIVE_STATE : 0;
        changes |= a->operational_state != b->operational_state ? TAP_CHANGED_OPERATIONAL_STATE : 0;
        changes |= a->has_carrier != b->has_carrier ? TAP_CHANGED_CARRIER : 0;
        return changes;
}

void tap_update(Tap *tap, const Link *link) {
        tap->changes |= compare(&tap->link, link);
        tap->link = *link;

        if (tap->state != TAP_LEAVING)
                tap_set_state(tap, is_tampered(tap, link) ? TAP_TAMPERED : TAP_READY);
}

const char *tap_state_name(TapState state) {
        static const char *const names[_TAP_STATE_MAX] = {
                [TAP_READY] = "ready",
                [TAP_TAMPERED] = "tampered",
                [TAP_LEAVING] = "leaving",
        };

        return names[state];
}
