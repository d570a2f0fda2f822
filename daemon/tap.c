/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "names.h"
#include "text.h"

/* How often a new device may be broken into before its creation is given up. */
#define ATTEMPTS 20

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
               link->type == tun_link_type(&spec->mode) && link->user == spec->user && link->group == spec->group &&
               link->multi_queue == spec->mode.multi_queue && link->vnet_header == spec->mode.vnet_header &&
               link->packet_info == spec->mode.packet_info;
}

/* Throws a device away that somebody holds a queue of: closing ours would leave it to him. The name is wanted again at
 * once, and deleting takes its time. */
static int draft_discard(TapDraft *draft) {
        TapWorkshop *workshop = draft->workshop;
        char name[IF_NAMESIZE];
        int r;

        workshop->n_intrusions++;

        /* Not a name that a person may have (a dot), and new each time. */
        (void) snprintf(name, sizeof(name), "x.%d", draft->link.ifindex);
        r = link_change(workshop->rtnl, draft->link.ifindex,
                        &(const LinkChange){ .name = name,
                                             .alias = TAP_DISCARD_MARK,
                                             .mtu = LINK_UNSET,
                                             .transmit_queue_length = LINK_UNSET });
        (void) close(draft->fd);
        draft->fd = -1;
        workshop->discard(draft->link.ifindex, workshop->userdata);
        return r;
}

/*
 * Makes the device and closes it to everybody but whom the spec names. The kernel takes the owner only after it has
 * made the device, and until then it is open to every local user; each ioctl takes the RTNL lock by itself. Once owner
 * and group are set nobody can get in any more, so whoever did is still in, or has left: then what he left is seen or
 * put back. 1 when it is made, 0 when somebody had got in and it was thrown away.
 */
static int draft_attempt(TapDraft *draft, Fault *fault) {
        const Record *record = &draft->record;
        const TapSpec *spec = &record->spec;
        int r;

        r = tun_open(&draft->fd);
        if (r < 0)
                return explain_open(r, fault);

        r = tun_create(draft->fd, record->name, &spec->mode);
        if (r < 0)
                return explain_create(r, record->name, fault);

        r = tun_set_access(draft->fd, spec->user, spec->group);
        if (r == 0)
                r = link_get_by_name(draft->workshop->rtnl, record->name, &draft->link);
        if (r == -ENODEV)
                return fault_set(fault, TAPD_ERROR_STALE, "%s: somebody took it away while it was made", record->name);
        if (r < 0)
                return fault_set_errno(fault, r, record->name);

        if (is_untouched(&draft->link, spec)) {
                tun_reset(draft->fd, &spec->mode);
                return 1;
        }

        r = draft_discard(draft);
        return r < 0 ? fault_set_errno(fault, r, record->name) : 0;
}

static int draft_make(TapDraft *draft, Fault *fault) {
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                int r = draft_attempt(draft, fault);

                if (r != 0)
                        return r < 0 ? r : 0;
        }

        return fault_set(fault, TAPD_ERROR_IN_USE,
                         "Name=: \"%s\", another program got into each of %d new devices before they were closed to it",
                         draft->record.name, ATTEMPTS);
}

/* The record's mark, address and sizes, by one request. */
static int draft_dress(const TapDraft *draft) {
        const Record *record = &draft->record;
        char mark[RECORD_MARK_SIZE];
        const LinkChange change = {
                .alias = record_mark(record, mark),
                /* An address that was set is one that udev leaves alone. */
                .mac = record->spec.mode.tun ? NULL : record->spec.mac,
                .mtu = record->spec.mtu,
                .transmit_queue_length = record->spec.transmit_queue_length,
        };

        return link_change(draft->workshop->rtnl, draft->link.ifindex, &change);
}

/* All that is to be so before anything can see it. */
static int draft_configure(TapDraft *draft) {
        Rtnl *rtnl = draft->workshop->rtnl;
        int r;

        r = draft_dress(draft);
        if (r == 0)
                r = link_disable_ipv6(draft->record.name);
        if (r == 0)
                /* Before it goes up: it would get a queueing discipline of 25 KiB for each of 256 queues. */
                r = link_set_noqueue(rtnl, draft->link.ifindex);

        return r;
}

/* Persistent last: until then it goes with the descriptor, however tapd ends, and nothing half made is left. */
static int draft_raise(TapDraft *draft, bool up) {
        int r = 0;

        if (up)
                r = link_set_up(draft->workshop->rtnl, draft->link.ifindex, true);
        if (r == 0 && draft->record.lifetime != LIFETIME_EPHEMERAL)
                r = tun_set_persistent(draft->fd, true);

        return r;
}

static int draft_explain(const TapDraft *draft, int r, Fault *fault) {
        const char *words = rtnl_error_text(draft->workshop->rtnl);

        return *words ? fault_set(fault, TAPD_ERROR_FAILED, "%s: %s", draft->record.name, words)
                      : fault_set_errno(fault, r, draft->record.name);
}

/* Whether this is the queue of the record's device, and not of one that took its name or had it as altname. */
static int check_queue(TapWorkshop *workshop, const Record *record, int fd, Link *ret_link) {
        char name[IF_NAMESIZE];
        int r;

        r = link_get(workshop->rtnl, record->ifindex, ret_link);
        if (r < 0)
                return r;

        /* After the link: the name was the device's while the device was the record's. */
        r = tun_get_name(fd, name);
        if (r < 0)
                return r;

        return tap_owns(record, ret_link) && strcmp(name, ret_link->name) == 0 ? 0 : -ESTALE;
}

static int explain_attach(int r, const Record *record, Fault *fault) {
        switch (r) {
        case -EBUSY:
                return fault_set(fault, TAPD_ERROR_IN_USE, "%s: a program has its only queue open", record->name);
        case -EINVAL:
                return fault_set(fault, TAPD_ERROR_CONFLICT, "MultiQueue=: the device %s has another mode",
                                 record->name);
        case -E2BIG:
                return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "%s: 256 queues are open", record->name);
        case -ENODEV:
        case -EBADFD:
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "%s: is being deleted", record->name);
        case -ESTALE:
                return fault_set(fault, TAPD_ERROR_STALE, "%s: the device is no longer tapd's", record->name);
        default:
                return fault_set_errno(fault, r, record->name);
        }
}

/* Opens one more queue. An accident, a device made anew by its name, ends with the descriptor. */
static int open_queue(TapWorkshop *workshop, const Record *record, int *ret_fd, Link *ret_link, Fault *fault) {
        int fd, r;

        r = tun_open(&fd);
        if (r < 0)
                return explain_open(r, fault);

        r = tun_attach(fd, record->name, &record->spec.mode);
        if (r == 0)
                r = check_queue(workshop, record, fd, ret_link);
        if (r < 0) {
                (void) close(fd);
                return explain_attach(r, record, fault);
        }

        *ret_fd = fd;
        return 0;
}

void tap_queues_close(TapQueues *queues) {
        while (queues->n_fds > 0)
                (void) close(queues->fds[--queues->n_fds]);
}

/* Opens queues until there are @n; on failure the new ones are closed. */
static int open_queues(TapWorkshop *workshop, const Record *record, TapQueues *queues, size_t n, Fault *fault) {
        size_t before = queues->n_fds;
        Link link;
        int r = 0;

        while (r == 0 && queues->n_fds < n) {
                r = open_queue(workshop, record, &queues->fds[queues->n_fds], &link, fault);
                queues->n_fds += r == 0;
        }

        while (r < 0 && queues->n_fds > before)
                (void) close(queues->fds[--queues->n_fds]);

        return r;
}

/* Keeps the first queue and opens the others, or gives it back: the device is persistent by now. */
static int draft_hand_out(TapDraft *draft, TapQueues *queues, Fault *fault) {
        int fd = draft->fd, r;
        size_t n;

        draft->fd = -1;
        if (!queues) {
                (void) close(fd);
                return 0;
        }

        n = queues->n_fds;
        *queues = (TapQueues){ .n_fds = 1, .fds = { fd } };
        r = open_queues(draft->workshop, &draft->record, queues, n, fault);
        if (r < 0)
                tap_queues_close(queues);

        return r;
}

static int draft_record(TapDraft *draft, Tap **ret) {
        Record *record = &draft->record;
        int r;

        record->stage = RECORD_COMPLETE;
        r = link_get(draft->workshop->rtnl, record->ifindex, &draft->link);
        if (r == 0)
                r = record_store_save(draft->workshop->records, record);

        return r < 0 ? r : tap_new(record, &draft->link, ret);
}

static int draft_finish(TapDraft *draft, bool up, TapQueues *queues, Tap **ret, Fault *fault) {
        TapWorkshop *workshop = draft->workshop;
        int r;

        r = draft_raise(draft, up);
        if (r < 0)
                return draft_explain(draft, r, fault);

        draft->record.ifindex = draft->link.ifindex;
        r = draft_hand_out(draft, queues, fault);
        if (r < 0)
                return r;

        r = draft_record(draft, ret);
        if (r < 0) {
                /* A persistent one has to be deleted, and a start would do it by its intent. */
                if (queues)
                        tap_queues_close(queues);
                workshop->discard(draft->link.ifindex, workshop->userdata);
                return fault_set_errno(fault, r, "record");
        }

        return 0;
}

int tap_draft_finish(TapDraft *draft, bool up, TapQueues *queues, Tap **ret, Fault *fault) {
        int r;

        r = draft_finish(draft, up, queues, ret, fault);
        if (r == 0)
                free(draft);
        else
                tap_draft_free(draft);

        return r;
}

TapDraft *tap_draft_free(TapDraft *draft) {
        if (!draft)
                return NULL;

        if (draft->fd >= 0)
                (void) close(draft->fd);
        (void) record_store_remove(draft->workshop->records, draft->record.name);
        free(draft);
        return NULL;
}

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

void tap_default_mac(const TapWorkshop *workshop, const char *name, TapSpec *spec) {
        if (!spec->mode.tun)
                name_to_mac(name, workshop->mac_key, spec->mac);
}

/* What a record says besides what was asked for. */
static int prepare_record(const TapWorkshop *workshop, Record *record) {
        record->stage = RECORD_INTENT;
        record->ifindex = 0;
        record->created_usec = now_usec();
        record->idle_usec = record->lifetime == LIFETIME_EPHEMERAL ? 0 : record->created_usec;

        if (!record->spec.has_mac)
                tap_default_mac(workshop, record->name, &record->spec);

        if (!record->spec.mode.tun)
                name_to_guest_mac(record->name, workshop->mac_key, record->guest_mac);

        /* Nobody opens by name what is handed over as descriptors. */
        if (record->lifetime == LIFETIME_EPHEMERAL) {
                record->spec.user = geteuid();
                record->spec.group = getegid();
        }

        return sd_id128_randomize(&record->id);
}

int tap_draft_new(TapWorkshop *workshop, const Record *wanted, TapDraft **ret, Fault *fault) {
        TapDraft *draft;
        int r;

        draft = calloc(1, sizeof(*draft));
        if (!draft)
                return fault_set_errno(fault, -ENOMEM, wanted->name);

        *draft = (TapDraft){ .workshop = workshop, .record = *wanted, .fd = -1 };
        r = prepare_record(workshop, &draft->record);
        if (r < 0)
                r = fault_set_errno(fault, r, "random id");
        if (r == 0) {
                r = record_store_save(workshop->records, &draft->record);
                if (r < 0)
                        r = record_write_fault(r, fault);
        }
        if (r < 0) {
                free(draft);
                return r;
        }

        r = draft_make(draft, fault);
        if (r == 0) {
                r = draft_configure(draft);
                if (r < 0)
                        r = draft_explain(draft, r, fault);
        }
        if (r < 0) {
                tap_draft_free(draft);
                return r;
        }

        *ret = draft;
        return 0;
}

/* Most queues of a device (MAX_TAP_QUEUES of drivers/net/tun.c). */
#define DEVICE_QUEUES_MAX 256

int tap_open_queues(TapWorkshop *workshop, const Tap *tap, TapQueues *queues, Fault *fault) {
        size_t n = queues->n_fds, open = tap->link.queues + tap->link.queues_detached;
        int r;

        queues->n_fds = 0;
        if (!tap->link.multi_queue && n > 1)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "MultiQueue=: %s takes one queue", tap->record.name);
        if (open + n > DEVICE_QUEUES_MAX)
                return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "%s: %zu of %d queues are open", tap->record.name,
                                 open, DEVICE_QUEUES_MAX);

        r = open_queues(workshop, &tap->record, queues, n, fault);
        if (r < 0)
                return r;

        /* A filter, or a header of another size, is inherited from whoever was there before. */
        if (open == 0)
                tun_reset(queues->fds[0], &tap->record.spec.mode);

        return 0;
}

int tap_restore_access(TapWorkshop *workshop, const Tap *tap, Fault *fault) {
        const Record *record = &tap->record;
        Link link;
        int fd, r;

        if (tap_is_used(tap))
                return fault_set(fault, TAPD_ERROR_IN_USE, "%s: a program has a queue of it open", record->name);

        r = open_queue(workshop, record, &fd, &link, fault);
        if (r < 0)
                return r;

        r = tun_set_access(fd, record->spec.user, record->spec.group);
        if (r == 0)
                r = tun_set_persistent(fd, record->lifetime != LIFETIME_EPHEMERAL);

        (void) close(fd);
        return r < 0 ? fault_set_errno(fault, r, record->name) : 0;
}

int tap_probe(const Tap *tap) {
        int fd, r;

        if (tap_is_used(tap))
                return 1;
        if (tap_is_absent(tap) || tap->link.multi_queue)
                return 0;

        r = tun_open(&fd);
        if (r < 0)
                return r;

        /* A second queue it does not get. */
        r = tun_attach(fd, tap->link.name, &tap->record.spec.mode);
        (void) close(fd);
        return r == -EBUSY ? 1 : r;
}

bool tap_is_used(const Tap *tap) {
        return tap->link.queues + tap->link.queues_detached > 0;
}

int tap_new(const Record *record, const Link *link, Tap **ret) {
        Tap *tap;

        tap = calloc(1, sizeof(*tap));
        if (!tap)
                return -ENOMEM;

        tap->record = *record;
        tap->state = TAP_READY;
        tap_update(tap, link);
        tap_judge(tap);
        tap->changes = 0;

        *ret = tap;
        return 0;
}

int tap_new_absent(const Record *record, TapState state, const char *reason, Tap **ret) {
        const TapSpec *spec = &record->spec;
        Tap *tap;

        tap = calloc(1, sizeof(*tap));
        if (!tap)
                return -ENOMEM;

        tap->record = *record;
        tap->record.ifindex = 0;
        /* What it is to be is shown, as far as it is asked for. */
        tap->link = (Link){
                .user = spec->user,
                .group = spec->group,
                .multi_queue = spec->mode.multi_queue,
                .vnet_header = spec->mode.vnet_header,
                .packet_info = spec->mode.packet_info,
        };
        (void) snprintf(tap->link.name, sizeof(tap->link.name), "%s", record->name);
        tap_set_state(tap, state, reason);
        tap->changes = 0;

        *ret = tap;
        return 0;
}

bool tap_is_absent(const Tap *tap) {
        return tap->record.ifindex == 0;
}

int tap_adopt_record(const TapWorkshop *workshop, const Link *link, uid_t creator, Record *ret) {
        Record record = {
                .stage = RECORD_COMPLETE,
                .lifetime = LIFETIME_RUNTIME,
                .ifindex = link->ifindex,
                .creator = creator,
                .source = RECORD_SOURCE_BUS,
                .created_usec = now_usec(),
                .spec = SPEC_INIT,
        };
        TapSpec *spec = &record.spec;
        int r;

        (void) snprintf(record.name, sizeof(record.name), "%s", link->name);
        spec->mode = (TunMode){
                .tun = link->is_ip,
                .multi_queue = link->multi_queue,
                .vnet_header = link->vnet_header,
                .packet_info = link->packet_info,
        };
        spec->user = link->user;
        spec->group = link->group;
        spec->shared = link->user == TAPD_ID_UNSET;
        spec->up = link->is_up;
        memcpy(spec->mac, link->mac, sizeof(spec->mac));
        /* Its administrator's words about it, unless they are the mark of a tapd that is gone. */
        if (strncmp(link->alias, RECORD_MARK_PREFIX, strlen(RECORD_MARK_PREFIX)) != 0 && text_is_printable(link->alias))
                (void) snprintf(spec->description, sizeof(spec->description), "%s", link->alias);

        if (!spec->mode.tun)
                name_to_guest_mac(record.name, workshop->mac_key, record.guest_mac);
        record.idle_usec = link->queues + link->queues_detached > 0 ? 0 : record.created_usec;

        r = sd_id128_randomize(&record.id);
        if (r < 0)
                return r;

        *ret = record;
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

void tap_set_state(Tap *tap, TapState state, const char *reason) {
        if (tap->state != state)
                tap->changes |= TAP_CHANGED_STATE;
        if (strcmp(tap->reason, reason ? reason : "") != 0)
                tap->changes |= TAP_CHANGED_STATE_REASON;

        tap->state = state;
        (void) snprintf(tap->reason, sizeof(tap->reason), "%s", reason ? reason : "");
}

/* What is not as it should be, of what a holder of a queue can change. */
static unsigned find_tampering(const Record *record, const Link *link) {
        bool persistent = record->lifetime != LIFETIME_EPHEMERAL;
        unsigned tampered = 0;

        tampered |= link->user != record->spec.user ? TAP_TAMPERED_USER : 0;
        tampered |= link->group != record->spec.group ? TAP_TAMPERED_GROUP : 0;
        tampered |= link->persistent != persistent ? TAP_TAMPERED_PERSISTENCE : 0;
        if (link->has_mac && memcmp(link->mac, record->spec.mac, sizeof(link->mac)) != 0)
                tampered |= TAP_TAMPERED_MAC_ADDRESS;
        /* The one queue of a single-queue device shows by the carrier alone. */
        if (link->multi_queue && link->queues > 0 && !link->has_carrier)
                tampered |= TAP_TAMPERED_CARRIER;

        return tampered;
}

void tap_tamper_names(unsigned tampered, const char **names) {
        static const char *const all[] = { "User", "Group", "Persistence", "MACAddress", "Carrier" };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (tampered & 1u << i)
                        *names++ = all[i];

        *names = NULL;
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

/* Says what only root can have changed of what was asked last; of what nobody asked for nothing is known. */
static bool find_drift(const Tap *tap, char reason[static TAP_REASON_SIZE]) {
        const TapSpec *spec = &tap->record.spec;
        const Link *link = &tap->link;

        if (strcmp(tap->record.declared, link->name) != 0)
                (void) snprintf(reason, TAP_REASON_SIZE, "it was renamed; it is declared as %s", tap->record.declared);
        else if (link->is_up != spec->up)
                (void) snprintf(reason, TAP_REASON_SIZE, "somebody took it %s", link->is_up ? "up" : "down");
        else if (spec->mtu != SPEC_UNSET && link->mtu != spec->mtu)
                (void) snprintf(reason, TAP_REASON_SIZE, "somebody set its MTU to %u (was %u)", link->mtu, spec->mtu);
        else if (spec->transmit_queue_length != SPEC_UNSET &&
                 link->transmit_queue_length != spec->transmit_queue_length)
                (void) snprintf(reason, TAP_REASON_SIZE, "somebody set its transmit queue length to %u (was %u)",
                                link->transmit_queue_length, spec->transmit_queue_length);
        else
                return false;

        return true;
}

bool tap_is_beyond_repair(const Tap *tap) {
        const TapSpec *spec = &tap->record.spec;

        return ((tap->tampered & TAP_TAMPERED_USER) && spec->user == TAPD_ID_UNSET) ||
               ((tap->tampered & TAP_TAMPERED_GROUP) && spec->group == TAPD_ID_UNSET);
}

/* What becomes of what was tampered with, for who sees it. */
static const char *tampering_outlook(const Tap *tap) {
        if (tap_is_beyond_repair(tap))
                return "nothing can unset it: delete the TAP and create it anew";
        if ((tap->tampered & TAP_TAMPERED_PERSISTENCE) && !tap->link.persistent)
                return "it is deleted when its last queue is closed";
        if (tap->tampered & (TAP_TAMPERED_USER | TAP_TAMPERED_GROUP | TAP_TAMPERED_PERSISTENCE))
                return "put right once no program has it open";

        return "put right, but not more than three times a minute";
}

/* The state of one that has a device and is to keep it; the worst first. */
static TapState judge(const Tap *tap, char reason[static TAP_REASON_SIZE]) {
        const char *names[6];
        size_t length;

        if (tap->tampered) {
                tap_tamper_names(tap->tampered, names);
                length = (size_t) snprintf(reason, TAP_REASON_SIZE, "a program that holds a queue changed");
                for (const char **name = names; *name; name++)
                        length += (size_t) snprintf(reason + length, TAP_REASON_SIZE - length, " %s", *name);
                (void) snprintf(reason + length, TAP_REASON_SIZE - length, "; %s", tampering_outlook(tap));
                return TAP_TAMPERED;
        }

        if (tap->is_undeclared) {
                (void) snprintf(reason, TAP_REASON_SIZE, "no file declares it any more; it goes with its last queue");
                return TAP_LEAVING;
        }

        if (tap->is_intruded) {
                (void) snprintf(reason, TAP_REASON_SIZE,
                                "Open vSwitch has a port of its name that is not its own, and it is down until that is "
                                "gone (ovs-vsctl del-port %s)",
                                tap->record.name);
                return TAP_BLOCKED;
        }

        if (*tap->waiting) {
                (void) snprintf(reason, TAP_REASON_SIZE, "%s", tap->waiting);
                return TAP_WAITING;
        }

        if (*tap->pending) {
                (void) snprintf(reason, TAP_REASON_SIZE, "%s", tap->pending);
                return TAP_DRIFTED;
        }

        return tap->record.lifetime == LIFETIME_DECLARED && find_drift(tap, reason) ? TAP_DRIFTED : TAP_READY;
}

void tap_judge(Tap *tap) {
        char reason[TAP_REASON_SIZE] = "";

        if (tap_is_absent(tap))
                return;

        tap->tampered = find_tampering(&tap->record, &tap->link);
        if (tap->state != TAP_DELETING)
                tap_set_state(tap, judge(tap, reason), reason);
}

bool tap_is_suspicious(const Tap *tap) {
        return !tap_is_absent(tap) && find_tampering(&tap->record, &tap->link) != 0;
}

void tap_update(Tap *tap, const Link *link) {
        tap->changes |= compare(&tap->link, link);
        tap->has_moved |= tap->link.master != link->master || tap->link.is_isolated != link->is_isolated;
        tap->link = *link;
}

void tap_set_port(Tap *tap, const Port *port) {
        const PortSpec *before = &tap->port.spec, *after = &port->spec;

        tap->has_moved = false;
        tap->changes |= strcmp(before->switch_name, after->switch_name) != 0 ? TAP_CHANGED_SWITCH : 0;
        tap->changes |= tap->port.kind != port->kind ? TAP_CHANGED_SWITCH_KIND : 0;
        tap->changes |= before->vlan != after->vlan ? TAP_CHANGED_VLAN : 0;
        tap->changes |= !trunk_equals(&before->trunk, &after->trunk) ? TAP_CHANGED_TRUNK : 0;
        tap->changes |= before->isolated != after->isolated ? TAP_CHANGED_ISOLATED : 0;
        tap->changes |= strcmp(before->interface_id, after->interface_id) != 0 ? TAP_CHANGED_INTERFACE_ID : 0;
        tap->port = *port;
}

bool tap_is_held(const Tap *tap) {
        if (tap->is_intruded)
                return true;

        return tap->record.lifetime == LIFETIME_DECLARED && *tap->record.spec.port.switch_name &&
               !tap->record.is_plugged && tap->port.kind == SWITCH_NONE;
}

bool tap_is_in_place(const Tap *tap) {
        return tap->port.is_exact && portspec_equals(&tap->port.spec, &tap->record.spec.port);
}

const char *tap_state_name(TapState state) {
        static const char *const names[_TAP_STATE_MAX] = {
                [TAP_READY] = "ready",      [TAP_WAITING] = "waiting",   [TAP_BLOCKED] = "blocked",
                [TAP_DRIFTED] = "drifted",  [TAP_TAMPERED] = "tampered", [TAP_LEAVING] = "leaving",
                [TAP_DELETING] = "leaving", [TAP_BROKEN] = "broken",
        };

        return names[state];
}
