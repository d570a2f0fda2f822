/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of the manager: names, creations, changes, queues, deletions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-internal.h"
#include "text.h"

/* Numbers that are tried for a name; no host has more links. */
#define NUMBERS_MAX 65536

/* Whether no link at all has the name, as name or altname. */
static bool manager_name_is_free(Manager *manager, const char *name) {
        Link link;

        return !manager_find(manager, name) && link_get_by_name(manager->rtnl, name, &link) == -ENODEV;
}

static int manager_choose_number(Manager *manager, const char *wish, bool (*taken)(const char *name, void *userdata),
                                 void *userdata, char name[static NAME_SIZE], Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        for (unsigned number = 0; number < NUMBERS_MAX && name_expand(wish, number, name) >= 0; number++)
                if (name_check(name, NULL) >= 0 && !(taken && taken(name, userdata)) &&
                    manager_name_is_free(manager, name))
                        return 0;

        return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "Name=: no number is free for \"%s\"",
                         text_escape(wish, shown));
}

int manager_choose_name(Manager *manager, const char *wish, char name[static NAME_SIZE], Fault *fault) {
        return manager_choose_name_besides(manager, wish, /* taken= */ NULL, /* userdata= */ NULL, name, fault);
}

int manager_choose_name_besides(Manager *manager, const char *wish, bool (*taken)(const char *name, void *userdata),
                                void *userdata, char name[static NAME_SIZE], Fault *fault) {
        Link link;

        if (name_is_template(wish))
                return manager_choose_number(manager, wish, taken, userdata, name, fault);

        (void) snprintf(name, NAME_SIZE, "%s", wish);
        if (!manager_find(manager, name) && link_get_by_name(manager->rtnl, name, &link) >= 0)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", a network interface that is not tapd's has it", name);

        return 0;
}

/* Two of one address on a switch cut each other off. */
static int manager_check_mac(Manager *manager, const TapSpec *spec, const char *name, Fault *fault) {
        char mac[SPEC_MAC_SIZE];

        for (const Tap *tap = spec->has_mac ? manager->taps : NULL; tap; tap = tap->hh.next)
                if (tap->link.has_mac && memcmp(tap->record.spec.mac, spec->mac, sizeof(spec->mac)) == 0 &&
                    strcmp(tap->record.name, name) != 0)
                        return fault_set(fault, TAPD_ERROR_CONFLICT, "MACAddress=: %s is that of %s",
                                         spec_mac_format(spec->mac, mac), tap->record.name);

        return 0;
}

static void manager_log_intrusions(const Manager *manager, const char *name, uint64_t before) {
        uint64_t n = manager->workshop.n_intrusions - before;

        if (n > 0)
                log_tap(LOG_WARNING, name,
                        "another program got into %" PRIu64
                        " of the new devices before their owner was set; thrown away",
                        n);
}

int manager_create(Manager *manager, const ManagerOrder *order, TapQueues *queues, Tap **ret, Fault *fault) {
        Record record = { .creator = order->creator, .lifetime = order->lifetime, .spec = *order->spec };
        uint64_t n_intrusions = manager->workshop.n_intrusions;
        Tap *tap;
        int r;

        r = manager_check_sight(manager, fault);
        if (r == 0)
                r = manager_check_mac(manager, order->spec, order->name, fault);
        if (r < 0)
                return r;

        (void) snprintf(record.name, sizeof(record.name), "%s", order->name);
        (void) snprintf(record.source, sizeof(record.source), "%s", order->source ? order->source : RECORD_SOURCE_BUS);
        if (order->declaration) {
                (void) snprintf(record.source, sizeof(record.source), "%s", order->declaration->file->path);
                (void) snprintf(record.declared, sizeof(record.declared), "%s", order->declaration->name);
                record.declared_hash = order->declaration->hash;
        }
        r = tap_create(&manager->workshop, &record, queues, &tap, fault);
        manager_log_intrusions(manager, order->name, n_intrusions);
        if (r < 0)
                return manager_note_fault(manager, r, fault);

        r = manager_add(manager, tap);
        if (r < 0) {
                if (queues)
                        tap_queues_close(queues);
                manager_discard(tap->link.ifindex, manager);
                manager_drop_record(manager, tap->record.name);
                tap_free(tap);
                return fault_set_errno(fault, r, order->name);
        }

        (void) manager_note_write(manager, 0);
        manager_forget_broken(manager, order->name);
        idle_wake(&manager->idle);
        if (order->declaration)
                log_tap(LOG_INFO, order->name, "created as %s declares it", record.source);
        else
                log_tap(LOG_INFO, order->name, "created for uid %u", order->creator);
        *ret = tap;
        return 0;
}

/* That the device is still the record's is looked up afresh: what was known may be a loop's turn old. */
static int manager_check_device(Manager *manager, Tap *tap, Fault *fault) {
        Link link;
        int r;

        if (tap->state == TAP_DELETING)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "%s: is being deleted", tap->record.name);
        if (tap_is_absent(tap))
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s: has no device: %s", tap->record.name, tap->reason);

        r = link_get(manager->rtnl, tap->record.ifindex, &link);
        manager_note_link(manager, r < 0 ? &tap->link : &link, r >= 0);
        if (r < 0 || tap->is_gone)
                return fault_set(fault, TAPD_ERROR_STALE, "%s: the device is no longer tapd's", tap->record.name);

        return 0;
}

/* What a new device has (ether_setup() of net/ethernet/eth.c; tun_net_initialize() of drivers/net/tun.c). */
#define MTU_DEFAULT 1500
#define TAP_QUEUE_LENGTH_DEFAULT 1000
#define TUN_QUEUE_LENGTH_DEFAULT 500

/* What a number is to become: nobody asks for it any more, so it is the kernel's own again. */
static uint32_t choose_number(uint32_t before, uint32_t after, uint32_t kernels) {
        if (before == after)
                return LINK_UNSET;

        return after == SPEC_UNSET ? kernels : after;
}

/* Applies the difference of two specs to the device. */
static int manager_apply(Manager *manager, Tap *tap, const TapSpec *before, const TapSpec *after, Fault *fault) {
        const LinkChange change = {
                .mac = memcmp(before->mac, after->mac, sizeof(after->mac)) != 0 ? after->mac : NULL,
                .mtu = choose_number(before->mtu, after->mtu, MTU_DEFAULT),
                .transmit_queue_length =
                        choose_number(before->transmit_queue_length, after->transmit_queue_length,
                                      after->mode.tun ? TUN_QUEUE_LENGTH_DEFAULT : TAP_QUEUE_LENGTH_DEFAULT),
        };
        int r = 0;

        if (before->user != after->user || before->group != after->group)
                r = tap_restore_access(&manager->workshop, tap, fault);
        if (r == 0)
                r = link_change(manager->rtnl, tap->record.ifindex, &change);
        if (r == 0 && tap->link.is_up != after->up)
                r = link_set_up(manager->rtnl, tap->record.ifindex, after->up);
        if (r < 0 && *rtnl_error_text(manager->rtnl))
                return fault_set(fault, TAPD_ERROR_FAILED, "%s: %s", tap->record.name, rtnl_error_text(manager->rtnl));

        return r < 0 ? fault_set_errno(fault, r, tap->record.name) : 0;
}

int manager_set(Manager *manager, Tap *tap, const TapSpec *spec, Fault *fault) {
        Record before = tap->record;
        int r;

        r = manager_check_device(manager, tap, fault);
        if (r == 0)
                r = manager_check_mac(manager, spec, tap->record.name, fault);
        if (r < 0)
                return r;

        /* The record first: what cannot be recorded is not done. */
        tap->record.spec = *spec;
        r = manager_note_write(manager, record_store_save(manager->records, &tap->record));
        if (r < 0) {
                tap->record = before;
                return record_write_fault(r, fault);
        }

        r = manager_apply(manager, tap, &before.spec, spec, fault);
        if (r < 0) {
                tap->record = before;
                (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
                return r;
        }

        if (strcmp(before.spec.description, spec->description) != 0) {
                tap->changes |= TAP_CHANGED_DESCRIPTION;
                manager_touch(manager, tap);
        }

        return manager_check_device(manager, tap, fault);
}

int manager_open_queues(Manager *manager, Tap *tap, TapQueues *queues, Fault *fault) {
        size_t n = queues->n_fds;
        int r;

        queues->n_fds = 0;
        r = manager_check_device(manager, tap, fault);
        if (r < 0)
                return r;

        queues->n_fds = n;
        return tap_open_queues(&manager->workshop, tap, queues, fault);
}

int manager_get_statistics(Manager *manager, Tap *tap, LinkStatistics *ret, Fault *fault) {
        int r;

        /* Who looks sees it as it is: of a device that is down the kernel tells nothing by itself. */
        r = manager_check_device(manager, tap, fault);
        if (r < 0)
                return r;
        if (tap_is_suspicious(tap))
                manager_touch(manager, tap);

        r = link_get_statistics(manager->rtnl, tap->record.ifindex, ret);
        return r < 0 ? fault_set_errno(fault, r, tap->record.name) : 0;
}

int manager_check_declared(Manager *manager, const Tap *tap, Fault *fault) {
        const Declaration *declaration = manager_declaration(manager, tap);

        if (!declaration)
                return 0;

        return fault_set(
                fault, TAPD_ERROR_CONFLICT, "%s: is declared in %s; %s", tap->record.name, declaration->file->path,
                declaration->file->is_state ? "tapctl undeclare takes it back" : "take it out there, and reload");
}

int manager_check_delete(Manager *manager, Tap *tap, bool force, Fault *fault) {
        uint32_t queues;

        manager_refresh_tap(manager, tap);
        queues = tap->link.queues + tap->link.queues_detached;

        if (tap->is_gone || tap->state == TAP_DELETING)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "%s: is being deleted", tap->record.name);
        /* Where it cannot be found out, a TAP that nobody needs can still be got rid of. */
        if (!force && queues == 0 && tap_probe(tap) > 0)
                queues = 1;
        if (queues > 0 && !force)
                return fault_set(fault, TAPD_ERROR_IN_USE,
                                 "%s: %u %s open; end the program that has it, or force the deletion (--force)",
                                 tap->record.name, queues, queues == 1 ? "queue is" : "queues are");

        return 0;
}

/* Says in each record that its device is to go: a start after a death goes on from here. */
static int manager_record_deletion(Manager *manager, Tap **taps, size_t n_taps, RecordStage stage) {
        int r = 0;

        for (size_t i = 0; i < n_taps && r >= 0; i++) {
                Record record = taps[i]->record;

                record.stage = stage;
                r = manager_note_write(manager, record_store_save(manager->records, &record));
        }

        return r;
}

static int manager_begin_deletion(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata,
                                  Deletion **ret) {
        int *ifindexes, r;

        ifindexes = reallocarray(NULL, n_taps, sizeof(*ifindexes));
        if (!ifindexes)
                return -ENOMEM;

        for (size_t i = 0; i < n_taps; i++)
                ifindexes[i] = taps[i]->record.ifindex;

        r = deletions_begin(manager->deletions, ifindexes, n_taps, done, userdata, ret);
        free(ifindexes);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_taps; i++) {
                tap_set_state(taps[i], TAP_DELETING, "it is being deleted");
                manager_touch(manager, taps[i]);
        }

        return 0;
}

int manager_delete(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata, Deletion **ret,
                   Fault *fault) {
        int r;

        r = manager_record_deletion(manager, taps, n_taps, RECORD_DELETING);
        if (r < 0)
                r = record_write_fault(r, fault);
        else
                r = manager_begin_deletion(manager, taps, n_taps, done, userdata, ret);
        if (r < 0) {
                (void) manager_record_deletion(manager, taps, n_taps, RECORD_COMPLETE);
                return fault_set_errno(fault, r, "deleting");
        }

        return 0;
}

int manager_take_back(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata) {
        (void) manager_record_deletion(manager, taps, n_taps, RECORD_DELETING);
        return manager_begin_deletion(manager, taps, n_taps, done, userdata, /* ret= */ NULL);
}

/* What of a device keeps it from being taken over. */
static int check_adoption(const Link *link, const char *name, gid_t group, Fault *fault) {
        if (strcmp(link->name, name) != 0)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "no TAP \"%s\": it is another name of %s", name,
                                 link->name);
        if (!link->is_tun)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s is neither a TAP nor a tun device", name);
        if (!link->persistent)
                return fault_set(fault, TAPD_ERROR_CONFLICT,
                                 "%s is not persistent: it belongs to the program that has it open, and goes with it",
                                 name);
        if (link->user != TAPD_ID_UNSET || link->group != TAPD_ID_UNSET)
                return 0;

        /* It is closed to strangers by a queue of our own, which would draw frames away from the one that is open. */
        if (link->queues + link->queues_detached > 0)
                return fault_set(fault, TAPD_ERROR_IN_USE,
                                 "%s has neither user nor group, so that every user may open it; end the program that "
                                 "has it open, so that this can be put right",
                                 name);
        if (group == TAPD_ID_UNSET)
                return fault_set(fault, TAPD_ERROR_CONFLICT,
                                 "%s has neither user nor group, and tapd.conf has no Group= to give it", name);

        return 0;
}

/* The mark goes onto the device last: without it a record without a device is all that a death leaves behind. */
static int adopt_link(Manager *manager, Record *record, Tap **ret, Fault *fault) {
        char mark[RECORD_MARK_SIZE];
        const LinkChange change = {
                .alias = record_mark(record, mark),
                .mtu = LINK_UNSET,
                .transmit_queue_length = LINK_UNSET,
        };
        Link link;
        int r;

        r = manager_note_write(manager, record_store_save(manager->records, record));
        if (r < 0)
                return fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write records: %s", strerror(-r));

        r = link_change(manager->rtnl, record->ifindex, &change);
        if (r == 0)
                r = link_get(manager->rtnl, record->ifindex, &link);
        if (r == 0)
                r = tap_new(record, &link, ret);
        if (r == 0)
                r = manager_add(manager, *ret);
        if (r < 0) {
                manager_drop_record(manager, record->name);
                return fault_set_errno(fault, r, record->name);
        }

        return 0;
}

int manager_adopt(Manager *manager, const char *name, uid_t creator, Tap **ret, Fault *fault) {
        gid_t group = manager->config.defaults.group;
        Record record;
        Link link;
        Tap *tap;
        int r;

        r = name_check(name, fault);
        if (r == 0)
                r = manager_check_sight(manager, fault);
        if (r < 0)
                return r;

        tap = manager_find(manager, name);
        if (tap && !tap_is_absent(tap))
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s is tapd's already", name);

        r = link_get_by_name(manager->rtnl, name, &link);
        if (r < 0)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "no network interface \"%s\"", name);

        r = check_adoption(&link, name, group, fault);
        if (r < 0)
                return r;

        r = tap_adopt_record(&manager->workshop, &link, creator, &record);
        if (r < 0)
                return fault_set_errno(fault, r, name);
        if (link.user == TAPD_ID_UNSET && link.group == TAPD_ID_UNSET)
                record.spec.group = group;

        r = adopt_link(manager, &record, &tap, fault);
        if (r == 0 && record.spec.group != link.group)
                r = tap_restore_access(&manager->workshop, tap, fault);
        if (r < 0)
                return r;

        log_tap(LOG_NOTICE, name, "taken over for uid %u", creator);
        manager_touch(manager, tap);
        *ret = tap;

        /* Where a file declares it, it is the file's; what it cannot become its state tells. */
        if (declarations_find(&manager->config.declared, name))
                (void) manager_make_want(manager, name, &(Fault){});
        return 0;
}
