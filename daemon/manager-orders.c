/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of the manager: names, creations, changes, queues, deletions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "making.h"
#include "manager-internal.h"
#include "text.h"

/* Numbers that are tried for a name; no host has more links. */
#define NUMBERS_MAX 65536

/* Whether no link at all has the name, as name or altname. */
static bool manager_name_is_free(Manager *manager, const char *name) {
        OvsPort row;
        Link link;

        return !manager_find(manager, name) && !making_has_name(manager, name) &&
               !ovs_find_port(manager->ovs, name, &row) && link_get_by_name(manager->rtnl, name, &link) == -ENODEV;
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
        OvsPort row;
        Link link;

        if (name_is_template(wish))
                return manager_choose_number(manager, wish, taken, userdata, name, fault);

        (void) snprintf(name, NAME_SIZE, "%s", wish);
        if (making_has_name(manager, name))
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" is just being made", name);
        if (!manager_find(manager, name) && ovs_find_port(manager->ovs, name, &row) && !row.is_own)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", Open vSwitch has a port of this name that is not tapd's "
                                 "(ovs-vsctl del-port %s)",
                                 name, name);
        if (!manager_find(manager, name) && link_get_by_name(manager->rtnl, name, &link) >= 0)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", a network interface that is not tapd's has it", name);

        return 0;
}

static bool has_mac_of(const Tap *tap, const TapSpec *spec) {
        return spec->has_mac && tap->link.has_mac && memcmp(tap->record.spec.mac, spec->mac, sizeof(spec->mac)) == 0;
}

static bool has_guest_mac_of(const Tap *tap, const TapSpec *spec) {
        return spec->has_mac && memcmp(tap->record.guest_mac, spec->mac, sizeof(spec->mac)) == 0;
}

static bool has_interface_id_of(const Tap *tap, const TapSpec *spec) {
        return *spec->port.interface_id && !tap_is_absent(tap) &&
               strcmp(tap->record.spec.port.interface_id, spec->port.interface_id) == 0;
}

static int refuse_guest_mac(const TapSpec *spec, const char *name, Fault *fault) {
        char mac[SPEC_MAC_SIZE];

        return fault_set(fault, TAPD_ERROR_CONFLICT, "MACAddress=: %s is for the guest of %s",
                         spec_mac_format(spec->mac, mac), name);
}

int manager_check_unique(Manager *manager, const TapSpec *spec, const char *name, Fault *fault) {
        bool is_needed = spec->has_mac || *spec->port.interface_id;
        uint8_t guest_mac[sizeof(spec->mac)];
        char mac[SPEC_MAC_SIZE];

        for (const Tap *tap = is_needed ? manager->taps : NULL; tap; tap = tap->hh.next) {
                if (has_guest_mac_of(tap, spec))
                        return refuse_guest_mac(spec, tap->record.name, fault);
                if (strcmp(tap->record.name, name) == 0)
                        continue;
                if (has_mac_of(tap, spec))
                        return fault_set(fault, TAPD_ERROR_CONFLICT, "MACAddress=: %s is that of %s",
                                         spec_mac_format(spec->mac, mac), tap->record.name);
                if (has_interface_id_of(tap, spec))
                        return fault_set(fault, TAPD_ERROR_CONFLICT, "InterfaceID=: %s is that of %s",
                                         spec->port.interface_id, tap->record.name);
        }

        if (!spec->has_mac)
                return 0;

        /* One that is yet to be made. */
        name_to_guest_mac(name, manager->workshop.mac_key, guest_mac);
        return memcmp(guest_mac, spec->mac, sizeof(guest_mac)) == 0 ? refuse_guest_mac(spec, name, fault) : 0;
}

/* A bridge that nobody gave an address has that of its lowest port, which may be this one. */
static bool lends_address(const Tap *tap, const uint8_t *mac, const Switch *where) {
        return tap && where->link.ifindex != 0 && tap->link.master == where->link.ifindex &&
               memcmp(tap->link.mac, mac, sizeof(tap->link.mac)) == 0;
}

int manager_check_port(Manager *manager, const char *name, const TapSpec *spec, const Switch *where, Fault *fault) {
        TapSpec complete = *spec;
        PortGuest guest = { .mac = complete.mac, .mtu = spec->mtu };

        if (!spec->has_mac)
                tap_default_mac(&manager->workshop, name, &complete);
        if (lends_address(manager_find(manager, name), complete.mac, where))
                guest.mac = NULL;

        return port_check(where, &spec->port, &guest, fault);
}

int manager_check_device(Manager *manager, Tap *tap, Fault *fault) {
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
static int manager_apply(Manager *manager, Tap *tap, const TapSpec *before, const TapSpec *after, uint32_t default_mtu,
                         Fault *fault) {
        bool up = after->up && !tap_is_held(tap);
        /* Its switch would become as small: it has the new one when it is on another. */
        bool moves = tap->port.kind != SWITCH_NONE && strcmp(before->port.switch_name, after->port.switch_name) != 0;
        const LinkChange change = {
                .mac = memcmp(before->mac, after->mac, sizeof(after->mac)) != 0 ? after->mac : NULL,
                .mtu = moves ? LINK_UNSET : choose_number(before->mtu, after->mtu, default_mtu),
                .transmit_queue_length =
                        choose_number(before->transmit_queue_length, after->transmit_queue_length,
                                      after->mode.tun ? TUN_QUEUE_LENGTH_DEFAULT : TAP_QUEUE_LENGTH_DEFAULT),
        };
        int r = 0;

        if (before->user != after->user || before->group != after->group)
                r = tap_restore_access(&manager->workshop, tap, fault);
        if (r == 0)
                r = link_change(manager->rtnl, tap->record.ifindex, &change);
        if (r == 0 && tap->link.is_up != up)
                r = link_set_up(manager->rtnl, tap->record.ifindex, up);
        if (r < 0 && *rtnl_error_text(manager->rtnl))
                return fault_set(fault, TAPD_ERROR_FAILED, "%s: %s", tap->record.name, rtnl_error_text(manager->rtnl));

        return r < 0 ? fault_set_errno(fault, r, tap->record.name) : 0;
}

/* What its switch takes of it, and which MTU it has there where nobody asks for one. */
static int manager_check_change(Manager *manager, const Tap *tap, const TapSpec *spec, uint32_t *ret_mtu,
                                Fault *fault) {
        TapSpec here = *spec;
        Switch where;

        *ret_mtu = MTU_DEFAULT;
        /* Where it is on its way elsewhere that is asked when it is plugged in there. */
        if (tap->port.kind == SWITCH_NONE || !*tap->port.spec.switch_name ||
            strcmp(spec->port.switch_name, tap->record.spec.port.switch_name) != 0 ||
            manager_find_switch(manager, tap->port.spec.switch_name, &where, fault) < 0)
                return 0;
        if (where.link.ifindex != 0)
                *ret_mtu = where.link.mtu;

        /* Its VLANs are another matter. */
        here.port = (PortSpec){};
        return manager_check_port(manager, tap->record.name, &here, &where, fault);
}

int manager_set(Manager *manager, Tap *tap, const TapSpec *spec, Fault *fault) {
        Record before = tap->record;
        uint32_t default_mtu = MTU_DEFAULT;
        int r;

        r = manager_check_device(manager, tap, fault);
        if (r == 0)
                r = manager_check_unique(manager, spec, tap->record.name, fault);
        if (r == 0)
                r = manager_check_change(manager, tap, spec, &default_mtu, fault);
        if (r < 0)
                return r;

        /* The record first: what cannot be recorded is not done. */
        tap->record.spec = *spec;
        r = manager_note_write(manager, record_store_save(manager->records, &tap->record));
        if (r < 0) {
                tap->record = before;
                return record_write_fault(r, fault);
        }

        r = manager_apply(manager, tap, &before.spec, spec, default_mtu, fault);
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

/* TAPs whose ports are taken from Open vSwitch before their devices go: a row outlives its device, and the next one of
 * that name would get its VLANs. */
typedef struct Withdrawal {
        Manager *manager;
        size_t n_left;
        size_t n_ifindexes;
        int ifindexes[];
} Withdrawal;

static void withdrawal_count_down(Withdrawal *withdrawal) {
        if (--withdrawal->n_left > 0)
                return;

        deletions_go(withdrawal->manager->deletions, withdrawal->ifindexes, withdrawal->n_ifindexes);
        free(withdrawal);
}

static void withdrawal_on_ovs(int r, const Fault *fault, void *userdata) {
        /* Its database is away: what is left there is found when it is back. */
        if (r < 0)
                log_message(LOG_WARNING, "a port stays behind in Open vSwitch for now: %s", fault->text);

        withdrawal_count_down(userdata);
}

static bool has_row(const Tap *tap) {
        return tap->port.kind == SWITCH_OPENVSWITCH || tap->is_plugging;
}

static int manager_begin_withdrawal(Manager *manager, Tap **taps, size_t n_taps, const int *ifindexes,
                                    deletion_done_t done, void *userdata, Deletion **ret) {
        Withdrawal *withdrawal;
        int r;

        withdrawal = calloc(1, sizeof(*withdrawal) + n_taps * sizeof(withdrawal->ifindexes[0]));
        if (!withdrawal)
                return -ENOMEM;

        r = deletions_prepare(manager->deletions, ifindexes, n_taps, done, userdata, ret);
        if (r < 0) {
                free(withdrawal);
                return r;
        }

        *withdrawal = (Withdrawal){ .manager = manager, .n_left = 1, .n_ifindexes = n_taps };
        memcpy(withdrawal->ifindexes, ifindexes, n_taps * sizeof(*ifindexes));
        for (size_t i = 0; i < n_taps; i++)
                if (has_row(taps[i]) && ovs_unplug(manager->ovs, taps[i]->record.name, taps[i]->record.id,
                                                   withdrawal_on_ovs, withdrawal, /* ret= */ NULL) >= 0)
                        withdrawal->n_left++;

        withdrawal_count_down(withdrawal);
        return 0;
}

static int manager_begin_deletion(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata,
                                  Deletion **ret) {
        bool any_row = false;
        int *ifindexes, r;

        ifindexes = reallocarray(NULL, n_taps, sizeof(*ifindexes));
        if (!ifindexes)
                return -ENOMEM;

        for (size_t i = 0; i < n_taps; i++) {
                ifindexes[i] = taps[i]->record.ifindex;
                any_row |= has_row(taps[i]);
        }

        if (any_row)
                r = manager_begin_withdrawal(manager, taps, n_taps, ifindexes, done, userdata, ret);
        else
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
        manager_find_port(manager, tap);
        manager_touch(manager, tap);
        *ret = tap;

        /* Where a file declares it, it is the file's; what it cannot become its state tells. */
        if (declarations_find(&manager->config.declared, name))
                (void) manager_make_want(manager, name, &(Fault){});
        return 0;
}
