/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "reconcile.h"
#include "text.h"

/* What the addresses of this host's TAPs are derived from, with sd_id128_get_machine_app_specific(3). */
#define APPLICATION_ID SD_ID128_MAKE(5d, 1c, 0b, 0f, 1f, 5a, 4c, 0d, 9a, 2c, 1b, 6e, 77, 0a, 61, 09)

/* Numbers that are tried for a name; no host has more links. */
#define NUMBERS_MAX 65536

#define TOPIC_RECORDS "records"

struct Manager {
        Rtnl *rtnl;
        RecordStore *records;
        Deletions *deletions;
        TapWorkshop workshop;
        Health health;
        sd_event_source *flush_source;
        const ManagerHandlers *handlers;
        void *userdata;

        Tap *taps;            /* by name */
        Tap *taps_by_ifindex; /* the same */
        Tap *touched;         /* those with something to tell, or gone */
        bool lost_events;
};

/* What is to be told is told once a turn of the loop. */
static void manager_wake(Manager *manager) {
        (void) sd_event_source_set_enabled(manager->flush_source, SD_EVENT_ONESHOT);
}

static void manager_touch(Manager *manager, Tap *tap) {
        if (!tap->prev)
                DL_APPEND(manager->touched, tap);

        manager_wake(manager);
}

/* Keeps Degraded true to what became of a write. Returns @r. */
static int manager_note_write(Manager *manager, int r) {
        char sentence[256];

        if (r >= 0) {
                health_clear(&manager->health, TOPIC_RECORDS);
                return r;
        }

        (void) snprintf(sentence, sizeof(sentence), "cannot write records: %s", strerror(-r));
        health_raise(&manager->health, TOPIC_RECORDS, sentence);
        return r;
}

/* The same for a fault of a floor below. */
static int manager_note_fault(Manager *manager, int r, const Fault *fault) {
        if (fault->error == TAPD_ERROR_DEGRADED)
                health_raise(&manager->health, TOPIC_RECORDS, fault->text);

        return r;
}

static void manager_drop_record(Manager *manager, const char *name) {
        if (manager_note_write(manager, record_store_remove(manager->records, name)) < 0)
                log_tap(LOG_WARNING, name, "its record stays behind, ignoring");
}

static int manager_add(Manager *manager, Tap *tap) {
        HASH_ADD_STR(manager->taps, record.name, tap);
        if (!tap->hh.tbl)
                return -ENOMEM;

        HASH_ADD(hh_ifindex, manager->taps_by_ifindex, link.ifindex, sizeof(int), tap);
        if (!tap->hh_ifindex.tbl) {
                HASH_DEL(manager->taps, tap);
                return -ENOMEM;
        }

        if (manager->handlers)
                manager->handlers->on_added(tap, manager->userdata);
        return 0;
}

/* The device is gone, or somebody else's: the TAP goes, and its record. */
static void manager_remove(Manager *manager, Tap *tap) {
        int ifindex = tap->record.ifindex;

        if (tap->state != TAP_LEAVING)
                log_tap(LOG_NOTICE, tap->record.name, "somebody else deleted, moved or took over the device");

        /* To be found by its path for the last time: the signal is made of what stands there. */
        tap->is_gone = false;
        if (manager->handlers)
                manager->handlers->on_removed(tap, manager->userdata);

        manager_drop_record(manager, tap->record.name);
        HASH_DEL(manager->taps, tap);
        HASH_DELETE(hh_ifindex, manager->taps_by_ifindex, tap);
        if (tap->prev)
                DL_DELETE(manager->touched, tap);
        tap_free(tap);

        deletions_note_gone(manager->deletions, ifindex);
}

static Tap *manager_find_ifindex(Manager *manager, int ifindex) {
        Tap *tap;

        HASH_FIND(hh_ifindex, manager->taps_by_ifindex, &ifindex, sizeof(ifindex), tap);
        return tap;
}

Tap *manager_find(Manager *manager, const char *name) {
        Tap *tap;

        HASH_FIND_STR(manager->taps, name, tap);
        return tap && !tap->is_gone ? tap : NULL;
}

size_t manager_count(Manager *manager) {
        return HASH_COUNT(manager->taps);
}

size_t manager_count_of(Manager *manager, uid_t creator) {
        size_t n = 0;

        for (const Tap *tap = manager->taps; tap; tap = tap->hh.next)
                n += tap->record.creator == creator;

        return n;
}

static int compare_names(const Tap *a, const Tap *b) {
        return strverscmp(a->record.name, b->record.name);
}

Tap *manager_next(Manager *manager, Tap *tap) {
        if (tap)
                return tap->hh.next;

        HASH_SRT(hh, manager->taps, compare_names);
        return manager->taps;
}

uint64_t manager_intrusion_count(Manager *manager) {
        return manager->workshop.n_intrusions;
}

Health *manager_health(Manager *manager) {
        return &manager->health;
}

static void manager_log_tampering(const Tap *tap) {
        if (tap->state == TAP_TAMPERED)
                log_tap(LOG_WARNING, tap->record.name,
                        "a program that holds a queue changed who may open it: user %u, group %u, %s", tap->link.user,
                        tap->link.group, tap->link.persistent ? "persistent" : "not persistent");
        else if (tap->state == TAP_READY)
                log_tap(LOG_NOTICE, tap->record.name, "is as it was asked for again");
}

/* The one place where what the kernel says meets what tapd knows: events, dumps and answers all come here. */
static void manager_note_link(Manager *manager, const Link *link, bool exists) {
        Tap *tap = manager_find_ifindex(manager, link->ifindex);

        if (!tap) {
                if (!exists)
                        deletions_note_gone(manager->deletions, link->ifindex);
                return;
        }

        /* Who took the mark away took the device over: ownership is record, kind, mark and ifindex together, and what
         * is not tapd's is not touched. */
        if (!exists || !tap_owns(&tap->record, link))
                tap->is_gone = true;
        else
                tap_update(tap, link);

        if (tap->is_gone || tap->changes || strcmp(tap->record.name, link->name) != 0)
                manager_touch(manager, tap);
}

static void manager_on_link(const struct nlmsghdr *message, void *userdata) {
        Link link;
        int r;

        r = link_parse(message, &link);
        if (r >= 0)
                manager_note_link(userdata, &link, /* exists= */ r > 0);
}

static void manager_on_overrun(void *userdata) {
        Manager *manager = userdata;

        manager->lost_events = true;
        manager_wake(manager);
}

static const RtnlHandlers manager_rtnl_handlers = {
        .on_link = manager_on_link,
        .on_overrun = manager_on_overrun,
};

static void manager_on_delete_failed(int ifindex, void *userdata) {
        Manager *manager = userdata;
        Tap *tap = manager_find_ifindex(manager, ifindex);
        Link link;

        if (!tap)
                return;

        /* Out of leaving, and then whatever the device says. */
        tap_set_state(tap, TAP_READY);
        link = tap->link;
        tap_update(tap, &link);
        (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        manager_touch(manager, tap);
}

static void manager_discard(int ifindex, void *userdata) {
        Manager *manager = userdata;
        int r;

        r = deletions_begin(manager->deletions, &ifindex, 1, /* done= */ NULL, /* userdata= */ NULL, /* ret= */ NULL);
        if (r < 0)
                log_message(LOG_ERR, "cannot delete link %d: %s, ignoring", ifindex, strerror(-r));
}

static void manager_on_dump(const Link *link, void *userdata) {
        Tap *tap = manager_find_ifindex(userdata, link->ifindex);

        if (tap)
                tap->was_seen = true;
        manager_note_link(userdata, link, true);
}

/* Reads the kernel anew after events were lost: a link that a TAP had and that is not there any more is gone. */
static int manager_resync(Manager *manager) {
        int r;

        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                tap->was_seen = false;

        r = link_dump(manager->rtnl, manager_on_dump, manager);
        if (r < 0) {
                log_message(LOG_ERR, "cannot read the links again: %s", strerror(-r));
                return r;
        }

        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                if (!tap->was_seen) {
                        tap->is_gone = true;
                        manager_touch(manager, tap);
                }

        return 0;
}

/* Root gave the device another name: the TAP follows, unless the name is none that a TAP may have. */
static void manager_rename(Manager *manager, Tap *tap) {
        Record record = tap->record;
        char old[NAME_SIZE];

        (void) snprintf(record.name, sizeof(record.name), "%s", tap->link.name);
        if (name_check(record.name, NULL) < 0 || manager_find(manager, record.name) ||
            manager_note_write(manager, record_store_save(manager->records, &record)) < 0) {
                manager_remove(manager, tap);
                return;
        }

        log_tap(LOG_NOTICE, tap->record.name, "was renamed to %s", record.name);
        if (manager->handlers)
                manager->handlers->on_removed(tap, manager->userdata);

        strcpy(old, tap->record.name);
        HASH_DEL(manager->taps, tap);
        HASH_DELETE(hh_ifindex, manager->taps_by_ifindex, tap);
        tap->record = record;
        if (manager_add(manager, tap) < 0) {
                log_tap(LOG_ERR, record.name, "no memory to keep it, ignoring");
                tap_free(tap);
        }

        manager_drop_record(manager, old);
}

static void manager_settle(Manager *manager, Tap *tap) {
        unsigned changes = tap->changes;

        DL_DELETE(manager->touched, tap);
        tap->prev = tap->next = NULL;
        tap->changes = 0;

        if (tap->is_gone) {
                manager_remove(manager, tap);
                return;
        }

        if (strcmp(tap->record.name, tap->link.name) != 0) {
                manager_rename(manager, tap);
                return;
        }

        if (changes & TAP_CHANGED_STATE)
                manager_log_tampering(tap);
        if (changes && manager->handlers)
                manager->handlers->on_changed(tap, changes, manager->userdata);
}

static int manager_on_flush(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        Tap *tap, *next;

        if (manager->lost_events && manager_resync(manager) >= 0)
                manager->lost_events = false;

        /* Those that are gone first: another one may have been given their name. */
        DL_FOREACH_SAFE(manager->touched, tap, next) {
                if (tap->is_gone)
                        manager_settle(manager, tap);
        }

        while (manager->touched)
                manager_settle(manager, manager->touched);

        return 0;
}

static uint64_t make_mac_key(void) {
        sd_id128_t id = {};

        /* A host without a machine id has the same addresses as every other one: they stay on the host. */
        (void) sd_id128_get_machine_app_specific(APPLICATION_ID, &id);
        return id.qwords[0] ^ id.qwords[1];
}

static void manager_on_health(void *userdata) {
        Manager *manager = userdata;

        if (manager->handlers)
                manager->handlers->on_degraded(manager->userdata);
}

static int manager_init(Manager *manager, sd_event *event, const char *runtime_path) {
        int r;

        r = record_store_new(runtime_path, &manager->records);
        if (r < 0)
                return r;

        r = rtnl_new(event, &manager_rtnl_handlers, manager, &manager->rtnl);
        if (r < 0)
                return r;

        r = deletions_new(event, manager_on_delete_failed, manager, &manager->deletions);
        if (r < 0)
                return r;

        r = sd_event_add_defer(event, &manager->flush_source, manager_on_flush, manager);
        if (r < 0)
                return r;

        manager->health = (Health){ .on_changed = manager_on_health, .userdata = manager };
        manager->workshop = (TapWorkshop){
                .rtnl = manager->rtnl,
                .records = manager->records,
                .discard = manager_discard,
                .userdata = manager,
                .mac_key = make_mac_key(),
        };
        return 0;
}

int manager_new(sd_event *event, const char *runtime_path, Manager **ret) {
        Manager *manager;
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;

        r = manager_init(manager, event, runtime_path);
        if (r < 0) {
                manager_free(manager);
                return r;
        }

        *ret = manager;
        return 0;
}

Manager *manager_free(Manager *manager) {
        Tap *tap, *next;

        if (!manager)
                return NULL;

        HASH_CLEAR(hh_ifindex, manager->taps_by_ifindex);
        HASH_ITER(hh, manager->taps, tap, next) {
                HASH_DEL(manager->taps, tap);
                tap_free(tap);
        }

        sd_event_source_disable_unref(manager->flush_source);
        deletions_free(manager->deletions);
        rtnl_free(manager->rtnl);
        record_store_free(manager->records);
        health_done(&manager->health);
        free(manager);
        return NULL;
}

void manager_set_handlers(Manager *manager, const ManagerHandlers *handlers, void *userdata) {
        manager->handlers = handlers;
        manager->userdata = userdata;
}

static void manager_on_take(const Record *record, const Link *link, bool is_finished, void *userdata) {
        Manager *manager = userdata;
        Tap *tap;

        if (is_finished)
                (void) manager_note_write(manager, record_store_save(manager->records, record));

        if (tap_new(record, link, &tap) < 0 || manager_add(manager, tap) < 0) {
                log_tap(LOG_ERR, record->name, "no memory to take it over, ignoring");
                tap_free(tap);
                return;
        }

        /* It may have been renamed while nobody looked. */
        manager_touch(manager, tap);
}

static void manager_on_drop(const char *name, bool was_complete, void *userdata) {
        if (was_complete)
                log_tap(LOG_NOTICE, name, "its device is gone, or somebody else's now");

        manager_drop_record(userdata, name);
}

static void manager_on_broken(const char *name, void *userdata) {
        Manager *manager = userdata;
        char topic[64], sentence[256], shown[TEXT_ESCAPED_SIZE];

        (void) text_escape(name, shown);
        (void) snprintf(topic, sizeof(topic), "record %.32s", name);
        (void) snprintf(sentence, sizeof(sentence),
                        "the record of %.64s cannot be read and was put aside as .corrupt: its device is left alone",
                        shown);
        health_raise(&manager->health, topic, sentence);
}

static const ReconcileHandlers manager_reconcile_handlers = {
        .take = manager_on_take,
        .discard = manager_discard,
        .drop = manager_on_drop,
        .broken = manager_on_broken,
};

int manager_start(Manager *manager) {
        int r;

        r = reconcile(manager->records, manager->rtnl, &manager_reconcile_handlers, manager);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                char sentence[256];

                /* Nothing is torn down because it cannot be read: tapd says so, and goes on without. */
                (void) snprintf(sentence, sizeof(sentence), "cannot read records or links: %s", strerror(-r));
                health_raise(&manager->health, TOPIC_RECORDS, sentence);
        }

        return 0;
}

/* Whether no link at all has the name, as name or altname. */
static bool manager_name_is_free(Manager *manager, const char *name) {
        Link link;

        return !manager_find(manager, name) && link_get_by_name(manager->rtnl, name, &link) == -ENODEV;
}

static int manager_choose_number(Manager *manager, const char *wish, char name[static NAME_SIZE], Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        for (unsigned number = 0; number < NUMBERS_MAX && name_expand(wish, number, name) >= 0; number++)
                if (name_check(name, NULL) >= 0 && manager_name_is_free(manager, name))
                        return 0;

        return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "Name=: no number is free for \"%s\"",
                         text_escape(wish, shown));
}

int manager_choose_name(Manager *manager, const char *wish, char name[static NAME_SIZE], Fault *fault) {
        Link link;

        if (name_is_template(wish))
                return manager_choose_number(manager, wish, name, fault);

        (void) snprintf(name, NAME_SIZE, "%s", wish);
        if (!manager_find(manager, name) && link_get_by_name(manager->rtnl, name, &link) >= 0)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", a network interface that is not tapd's has it", name);

        return 0;
}

int manager_create(Manager *manager, const char *name, const TapSpec *spec, uid_t creator, Tap **ret, Fault *fault) {
        Record record = { .creator = creator, .spec = *spec };
        uint64_t n_intrusions = manager->workshop.n_intrusions;
        Tap *tap;
        int r;

        (void) snprintf(record.name, sizeof(record.name), "%s", name);
        r = tap_create(&manager->workshop, &record, &tap, fault);

        n_intrusions = manager->workshop.n_intrusions - n_intrusions;
        if (n_intrusions > 0)
                log_tap(LOG_WARNING, name,
                        "another program got into %" PRIu64
                        " of the new devices before their owner was set; thrown away",
                        n_intrusions);
        if (r < 0)
                return manager_note_fault(manager, r, fault);

        r = manager_add(manager, tap);
        if (r < 0) {
                manager_discard(tap->link.ifindex, manager);
                manager_drop_record(manager, tap->record.name);
                tap_free(tap);
                return fault_set_errno(fault, r, name);
        }

        (void) manager_note_write(manager, 0);
        log_tap(LOG_INFO, name, "created for uid %u", creator);
        *ret = tap;
        return 0;
}

/* That the device is still the record's is looked up afresh: what was known may be a loop's turn old. */
static int manager_check_device(Manager *manager, Tap *tap, Fault *fault) {
        Link link;
        int r;

        r = link_get(manager->rtnl, tap->record.ifindex, &link);
        manager_note_link(manager, r < 0 ? &tap->link : &link, r >= 0);
        if (r < 0 || tap->is_gone)
                return fault_set(fault, TAPD_ERROR_STALE, "%s: the device is no longer tapd's", tap->record.name);

        return 0;
}

int manager_set_up(Manager *manager, Tap *tap, bool up, Fault *fault) {
        Record record = tap->record;
        int r;

        r = manager_check_device(manager, tap, fault);
        if (r < 0)
                return r;

        /* The record first: what cannot be recorded is not done. */
        record.spec.up = up;
        r = manager_note_write(manager, record_store_save(manager->records, &record));
        if (r < 0)
                return fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write records: %s", strerror(-r));

        tap->record.spec.up = up;
        r = link_set_up(manager->rtnl, tap->record.ifindex, up);
        if (r < 0)
                return fault_set_errno(fault, r, tap->record.name);

        return manager_check_device(manager, tap, fault);
}

int manager_check_delete(const Tap *tap, bool force, Fault *fault) {
        uint32_t queues = tap->link.queues + tap->link.queues_detached;

        if (tap->is_gone || tap->state == TAP_LEAVING)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "%s: is being deleted", tap->record.name);
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

int manager_delete(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata, Deletion **ret,
                   Fault *fault) {
        int *ifindexes, r;

        ifindexes = reallocarray(NULL, n_taps, sizeof(*ifindexes));
        if (!ifindexes)
                return fault_set_errno(fault, -ENOMEM, "deleting");

        for (size_t i = 0; i < n_taps; i++)
                ifindexes[i] = taps[i]->record.ifindex;

        r = manager_record_deletion(manager, taps, n_taps, RECORD_DELETING);
        if (r < 0)
                (void) fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write records: %s", strerror(-r));
        else
                r = deletions_begin(manager->deletions, ifindexes, n_taps, done, userdata, ret);
        free(ifindexes);
        if (r < 0) {
                (void) manager_record_deletion(manager, taps, n_taps, RECORD_COMPLETE);
                return fault_set_errno(fault, r, "deleting");
        }

        for (size_t i = 0; i < n_taps; i++) {
                tap_set_state(taps[i], TAP_LEAVING);
                manager_touch(manager, taps[i]);
        }

        return 0;
}
