/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "making.h"
#include "manager-internal.h"
#include "reconcile.h"
#include "repair.h"
#include "text.h"

/* What the addresses of this host's TAPs are derived from, with sd_id128_get_machine_app_specific(3). */
#define APPLICATION_ID SD_ID128_MAKE(5d, 1c, 0b, 0f, 1f, 5a, 4c, 0d, 9a, 2c, 1b, 6e, 77, 0a, 61, 09)

/* A timer of accuracy 0 would mean 250 ms. */
#define TIMER_ACCURACY_USEC 100000

/* When links that could not be read are read again. */
#define RESYNC_USEC 1000000

/* How often those are looked at of which the kernel tells nothing. */
#define LOOK_DOWN_USEC 1000000

#define TOPIC_START "start"
#define TOPIC_BROKEN "record %.32s"

/* What is to be told is told once a turn of the loop. */
static void manager_wake(Manager *manager) {
        (void) sd_event_source_set_enabled(manager->flush_source, SD_EVENT_ONESHOT);
}

void manager_touch(Manager *manager, Tap *tap) {
        if (!tap->prev)
                DL_APPEND(manager->touched, tap);

        manager_wake(manager);
}

int manager_note_write(Manager *manager, int r) {
        char sentence[256];

        if (r >= 0) {
                health_clear(&manager->health, MANAGER_TOPIC_RECORDS);
                return r;
        }

        (void) snprintf(sentence, sizeof(sentence), "cannot write records: %s", strerror(-r));
        health_raise(&manager->health, MANAGER_TOPIC_RECORDS, sentence);
        return r;
}

int manager_note_fault(Manager *manager, int r, const Fault *fault) {
        if (fault->error == TAPD_ERROR_DEGRADED)
                health_raise(&manager->health, MANAGER_TOPIC_RECORDS, fault->text);

        return r;
}

void manager_drop_record(Manager *manager, const char *name) {
        if (manager_note_write(manager, record_store_remove(manager->records, name)) < 0)
                log_tap(LOG_WARNING, name, "its record stays behind, ignoring");
}

/* An ephemeral one that is down may lose its last queue without a word of the kernel's: who made it persistent would
 * leave it behind. */
static bool manager_watch_down(Manager *manager, const Tap *tap) {
        int enabled = SD_EVENT_OFF;

        if (tap->record.lifetime != LIFETIME_EPHEMERAL || tap->link.is_up || tap->is_gone || tap->state == TAP_DELETING)
                return false;

        (void) sd_event_source_get_enabled(manager->down_timer, &enabled);
        if (enabled == SD_EVENT_OFF) {
                (void) sd_event_source_set_time_relative(manager->down_timer, LOOK_DOWN_USEC);
                (void) sd_event_source_set_enabled(manager->down_timer, SD_EVENT_ONESHOT);
        }

        return true;
}

static int manager_on_down(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;

        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                if (manager_watch_down(manager, tap))
                        manager_refresh_tap(manager, tap);

        return 0;
}

/* Takes a TAP out of the tables, and tells. */
static void manager_take_out(Manager *manager, Tap *tap) {
        /* To be found by its path for the last time: the signal is made of what stands there. */
        tap->is_gone = false;
        if (manager->handlers)
                manager->handlers->on_removed(tap, manager->userdata);

        HASH_DEL(manager->taps, tap);
        if (!tap_is_absent(tap))
                HASH_DELETE(hh_ifindex, manager->taps_by_ifindex, tap);
        if (tap->prev)
                DL_DELETE(manager->touched, tap);
        tap->prev = tap->next = NULL;
}

int manager_add(Manager *manager, Tap *tap) {
        Tap *absent;

        /* Its device came: until now only its name was shown. */
        HASH_FIND_STR(manager->taps, tap->record.name, absent);
        if (absent) {
                manager_take_out(manager, absent);
                manager_want_forget(manager, absent);
                tap_free(absent);
        }

        HASH_ADD_STR(manager->taps, record.name, tap);
        if (!tap->hh.tbl)
                return -ENOMEM;

        if (!tap_is_absent(tap))
                HASH_ADD(hh_ifindex, manager->taps_by_ifindex, link.ifindex, sizeof(int), tap);
        if (!tap_is_absent(tap) && !tap->hh_ifindex.tbl) {
                HASH_DEL(manager->taps, tap);
                return -ENOMEM;
        }

        (void) manager_watch_down(manager, tap);
        manager_want_note_added(manager, tap);
        if (manager->handlers)
                manager->handlers->on_added(tap, manager->userdata);
        return 0;
}

/* The device is gone, or somebody else's: the TAP goes, and its record. */
static void manager_remove(Manager *manager, Tap *tap) {
        int ifindex = tap->record.ifindex;
        bool is_absent = tap_is_absent(tap);

        if (tap->record.lifetime == LIFETIME_EPHEMERAL)
                log_tap(LOG_INFO, tap->record.name, "its last queue is closed");
        else if (tap->state != TAP_DELETING && !is_absent)
                log_tap(LOG_NOTICE, tap->record.name, "%s", tap->why_gone ? tap->why_gone : "its device is gone");

        manager_take_out(manager, tap);
        if (!is_absent)
                manager_withdraw(manager, tap);
        if (!is_absent)
                manager_drop_record(manager, tap->record.name);
        manager_want_note_removed(manager, tap);
        tap_free(tap);
        if (is_absent)
                return;

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
        size_t n = making_count_of(manager, creator);

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

static const char *why_gone(const Tap *tap, bool exists) {
        if (exists)
                return "its alias, the mark of tapd, was changed: it is tapd's no more";
        if (!tap->link.persistent)
                return "a program that held a queue had it go with its last queue, and that is closed";

        return "somebody else deleted the device, or moved it to another network namespace";
}

/* A bridge was renamed: that is the switch of its ports from now on. */
static void manager_note_bridge_name(Manager *manager, const Link *link) {
        for (Tap *tap = manager->taps; tap; tap = tap->hh.next) {
                if (tap->link.master != link->ifindex)
                        continue;

                tap->has_moved = true;
                manager_touch(manager, tap);
                if (*tap->record.declared)
                        manager_want_look_again(manager, tap);
        }
}

void manager_note_link(Manager *manager, const Link *link, bool exists) {
        Tap *tap = manager_find_ifindex(manager, link->ifindex);

        if (!tap) {
                if (bridges_note_link(&manager->bridges, link, exists))
                        manager_wake(manager);
                if (exists && bridges_note_name(&manager->bridges, link))
                        manager_note_bridge_name(manager, link);
                if (!exists)
                        deletions_note_gone(manager->deletions, link->ifindex);
                if (manager->wants)
                        manager_want_note_foreign(manager);
                return;
        }

        /* Who took the mark away took the device over: ownership is record, kind, mark and ifindex together, and what
         * is not tapd's is not touched. */
        if (!exists || !tap_owns(&tap->record, link)) {
                tap->is_gone = true;
                tap->why_gone = why_gone(tap, exists);
        } else {
                tap_update(tap, link);
                if (tap->has_moved && *tap->record.declared)
                        manager_want_look_again(manager, tap);
                (void) manager_watch_down(manager, tap);
        }

        if (tap->is_gone || tap->changes || tap->has_moved || tap->tampered || tap_is_suspicious(tap) ||
            strcmp(tap->record.name, link->name) != 0)
                manager_touch(manager, tap);
}

static void manager_on_link(const struct nlmsghdr *message, void *userdata) {
        Link link;
        int r;

        r = link_parse(message, &link);
        if (r >= 0)
                manager_note_link(userdata, &link, /* exists= */ r > 0);
}

/* Flags that bridge(8) sets are told by the bridge alone. */
static void manager_on_port(const struct nlmsghdr *message, void *userdata) {
        Manager *manager = userdata;
        bool is_isolated;
        int ifindex;
        Link link;
        Tap *tap;

        if (link_parse_port(message, &ifindex, &is_isolated) < 0)
                return;

        tap = manager_find_ifindex(manager, ifindex);
        if (!tap || tap->link.master == 0 || tap->link.is_isolated == is_isolated)
                return;

        link = tap->link;
        link.is_isolated = is_isolated;
        manager_note_link(manager, &link, /* exists= */ true);
}

static void manager_on_overrun(void *userdata) {
        Manager *manager = userdata;

        manager->lost_events = true;
        manager_wake(manager);
}

static const RtnlHandlers manager_rtnl_handlers = {
        .on_link = manager_on_link,
        .on_port = manager_on_port,
        .on_overrun = manager_on_overrun,
};

static void manager_on_delete_failed(int ifindex, void *userdata) {
        Manager *manager = userdata;
        Tap *tap = manager_find_ifindex(manager, ifindex);

        if (!tap)
                return;

        /* Out of leaving, and then whatever the device says. */
        tap_set_state(tap, TAP_READY, /* reason= */ NULL);
        tap_judge(tap);
        (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        manager_touch(manager, tap);
}

void manager_discard(int ifindex, void *userdata) {
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

int manager_look_at(Manager *manager, Tap *tap) {
        Link link;
        int r;

        r = link_get(manager->rtnl, tap->record.ifindex, &link);
        if (r == 0)
                manager_note_link(manager, &link, /* exists= */ true);
        else if (r == -ENODEV)
                manager_note_link(manager, &tap->link, /* exists= */ false);

        return r == -ENODEV ? 0 : r;
}

/* Reads the kernel anew after events were lost: a link that a TAP had and that is not there any more is gone. */
static int manager_resync(Manager *manager) {
        int r;

        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                tap->was_seen = tap_is_absent(tap);

        r = link_dump(manager->rtnl, manager_on_dump, manager);
        if (r == -EINTR)
                r = 0;

        /* Links that come and go make a dump skip others. */
        for (Tap *tap = manager->taps; tap && r == 0; tap = tap->hh.next)
                if (!tap->was_seen)
                        r = manager_look_at(manager, tap);
        if (r < 0)
                log_message(LOG_ERR, "cannot read the links again, and try that later: %s", strerror(-r));

        return r;
}

static void manager_resync_if_lost(Manager *manager) {
        if (!manager->lost_events)
                return;

        manager->lost_events = manager_resync(manager) < 0;
        if (manager->lost_events) {
                (void) sd_event_source_set_time_relative(manager->resync_timer, RESYNC_USEC);
                (void) sd_event_source_set_enabled(manager->resync_timer, SD_EVENT_ONESHOT);
        }
}

static int manager_on_resync(sd_event_source *source, uint64_t usec, void *userdata) {
        manager_wake(userdata);
        return 0;
}

static bool is_renamed(const Tap *tap) {
        return !tap->is_gone && strcmp(tap->record.name, tap->link.name) != 0;
}

/* Takes a TAP out of the tables whose device root gave another name, and remembers the old one. */
static void manager_begin_rename(Manager *manager, Tap *tap, char old[static NAME_SIZE]) {
        (void) snprintf(old, NAME_SIZE, "%s", tap->record.name);
        manager_take_out(manager, tap);
        (void) snprintf(tap->record.name, sizeof(tap->record.name), "%s", tap->link.name);
}

/* The TAP follows, unless the name is none that a TAP may have. */
static void manager_end_rename(Manager *manager, Tap *tap, const char *old) {
        if (name_check(tap->record.name, NULL) < 0) {
                log_tap(LOG_NOTICE, old, "was renamed to what no TAP may be called; it is tapd's no more");
                manager_want_note_removed(manager, tap);
                tap_free(tap);
                return;
        }

        log_tap(LOG_NOTICE, old, "was renamed to %s", tap->record.name);
        if (manager_note_write(manager, record_store_save(manager->records, &tap->record)) < 0 ||
            manager_add(manager, tap) < 0) {
                log_tap(LOG_ERR, tap->record.name, "cannot keep it, ignoring");
                manager_want_note_removed(manager, tap);
                tap_free(tap);
                return;
        }

        manager_touch(manager, tap);
}

typedef struct Rename {
        Tap *tap;
        char old[NAME_SIZE];
} Rename;

/* Follows all renames at once: two TAPs may have changed names, and the name of each is the other's in between. */
static void manager_follow_renames(Manager *manager) {
        Rename *renames = NULL;
        size_t n = 0;
        Tap *tap, *next;

        DL_FOREACH_SAFE(manager->touched, tap, next) {
                Rename *grown = is_renamed(tap) ? reallocarray(renames, n + 1, sizeof(*grown)) : NULL;

                if (!grown)
                        continue;
                renames = grown;
                renames[n].tap = tap;
                manager_begin_rename(manager, tap, renames[n++].old);
        }

        for (size_t i = 0; i < n; i++)
                manager_end_rename(manager, renames[i].tap, renames[i].old);

        for (size_t i = 0; i < n; i++)
                if (!manager_find(manager, renames[i].old))
                        manager_drop_record(manager, renames[i].old);

        free(renames);
}

/* Notes when it fell idle, or that it did not: a start after a death goes on counting from there. */
static void manager_note_use(Manager *manager, Tap *tap) {
        bool is_idle = tap->record.idle_usec > 0;

        if (is_idle != tap_is_used(tap))
                return;

        tap->record.idle_usec = is_idle ? 0 : idle_now();
        tap->changes |= TAP_CHANGED_IDLE_SINCE;
        (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        if (!is_idle) {
                idle_wake(&manager->idle);
                /* What waited for the last queue to be closed. */
                manager_want_look_again(manager, tap);
        }
}

/* The earliest counts. */
static void manager_plan_repair(Manager *manager, const Tap *tap) {
        uint64_t planned = 0;
        int enabled = SD_EVENT_OFF;

        if (tap->retry_usec == 0)
                return;

        (void) sd_event_source_get_enabled(manager->repair_timer, &enabled);
        (void) sd_event_source_get_time(manager->repair_timer, &planned);
        if (enabled != SD_EVENT_OFF && planned <= tap->retry_usec)
                return;

        (void) sd_event_source_set_time(manager->repair_timer, tap->retry_usec);
        (void) sd_event_source_set_enabled(manager->repair_timer, SD_EVENT_ONESHOT);
}

/* The minute of some is over, and nothing may ever happen to them that would have them looked at. */
static int manager_on_repair(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;
        uint64_t now = repair_now();

        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                if (tap->retry_usec != 0 && tap->retry_usec <= now)
                        manager_touch(manager, tap);
                else
                        manager_plan_repair(manager, tap);

        return 0;
}

static void manager_look_after(Manager *manager, Tap *tap) {
        unsigned tampered;
        Link link;

        if (tap->state == TAP_DELETING || tap_is_absent(tap))
                return;

        manager_note_use(manager, tap);
        if (tap->has_moved)
                manager_find_port(manager, tap);
        manager_let_up(manager, tap);

        /* Not by way of the events: one that stays tampered would be looked after for ever. */
        if (tap_is_suspicious(tap) && link_get(manager->rtnl, tap->record.ifindex, &link) == 0 &&
            tap_owns(&tap->record, &link))
                tap_update(tap, &link);
        tap_judge(tap);

        if (tap->tampered) {
                tampered = repair_tap(&manager->workshop, tap);
                manager_plan_repair(manager, tap);
                if (tampered && manager->handlers)
                        manager->handlers->on_tampered(tap, tampered, manager->userdata);
        } else {
                tap->reported = 0;
                tap->retry_usec = 0;
        }

        /* Its last queue is closed and it is still there: a holder made it persistent, and gains nothing by it. */
        if (tap->record.lifetime == LIFETIME_EPHEMERAL && tap->link.persistent && tap_probe(tap) == 0) {
                log_tap(LOG_NOTICE, tap->record.name, "was made to outlive its queues; deleting it");
                (void) manager_delete(manager, &tap, 1, /* done= */ NULL, /* userdata= */ NULL, /* ret= */ NULL,
                                      /* fault= */ NULL);
        }
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

        manager_look_after(manager, tap);
        changes |= tap->changes;
        tap->changes = 0;
        if (tap->is_gone)
                /* Seen while it was looked at: it is on the list again. */
                return;
        if (changes && manager->handlers)
                manager->handlers->on_changed(tap, changes, manager->userdata);
}

static int manager_on_flush(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        Tap *tap, *next;

        manager_resync_if_lost(manager);
        bridges_pin_new(&manager->bridges, manager->rtnl);

        /* Those that are gone first: another one may have been given their name. */
        DL_FOREACH_SAFE(manager->touched, tap, next) {
                if (tap->is_gone)
                        manager_settle(manager, tap);
        }

        manager_follow_renames(manager);
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

void manager_refresh_tap(Manager *manager, Tap *tap) {
        Link link;

        if (!tap->link.is_up && !tap->is_gone && !tap_is_absent(tap) &&
            link_get(manager->rtnl, tap->record.ifindex, &link) == 0)
                manager_note_link(manager, &link, true);
}

void manager_refresh(Manager *manager) {
        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                manager_refresh_tap(manager, tap);
}

/* Whether nobody had it open since then. */
static bool manager_is_due(Manager *manager, Tap *tap, uint64_t limit_usec) {
        if (tap->record.lifetime != LIFETIME_RUNTIME || tap->record.idle_usec == 0 || tap->is_gone ||
            tap->state == TAP_DELETING || tap_is_used(tap))
                return false;

        /* One that only seemed idle is from now on. */
        if (tap->record.idle_usec <= limit_usec && tap_probe(tap) != 0)
                tap->record.idle_usec = idle_now();
        if (tap->record.idle_usec <= limit_usec)
                return true;

        idle_note(&manager->idle, tap->record.idle_usec);
        return false;
}

static void manager_on_idle(uint64_t limit_usec, void *userdata) {
        Manager *manager = userdata;
        Tap **taps;
        size_t n = 0;

        taps = reallocarray(NULL, manager_count(manager) + 1, sizeof(Tap *));
        if (!taps)
                return;

        manager_refresh(manager);
        for (Tap *tap = manager->taps; tap; tap = tap->hh.next)
                if (manager_is_due(manager, tap, limit_usec))
                        taps[n++] = tap;

        for (size_t i = 0; i < n; i++)
                log_tap(LOG_INFO, taps[i]->record.name, "deleting it: nobody had it open for IdleSec=");
        if (n > 0)
                (void) manager_delete(manager, taps, n, /* done= */ NULL, /* userdata= */ NULL, /* ret= */ NULL,
                                      /* fault= */ NULL);
        free(taps);
}

/* One that is set later. */
static int manager_add_timer(sd_event *event, sd_event_time_handler_t handler, Manager *manager,
                             sd_event_source **ret) {
        int r;

        r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, /* usec= */ 0, TIMER_ACCURACY_USEC, handler, manager);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int manager_init(Manager *manager, sd_event *event, const ManagerPaths *paths) {
        int r;

        manager->is_blind = true;
        manager->config = (Config){ .defaults.group = TAPD_ID_UNSET };
        manager->state_path = strdup(paths->state);
        if (!manager->state_path)
                return -ENOMEM;

        r = record_store_new(paths->runtime, &manager->records);
        if (r < 0)
                return r;

        r = manager_wants_init(manager, event);
        if (r < 0)
                return r;

        r = rtnl_new(event, &manager_rtnl_handlers, manager, &manager->rtnl);
        if (r < 0)
                return r;

        manager->has_ovs = *paths->ovs;
        r = ovs_new(event, paths->ovs, paths->ovs_server, &manager_ovs_handlers, manager, &manager->ovs);
        if (r < 0)
                return r;

        r = deletions_new(event, manager_on_delete_failed, manager, &manager->deletions);
        if (r < 0)
                return r;

        r = idle_init(&manager->idle, event, manager_on_idle, manager);
        if (r < 0)
                return r;

        r = sd_event_add_defer(event, &manager->flush_source, manager_on_flush, manager);
        if (r < 0)
                return r;

        r = manager_add_timer(event, manager_on_repair, manager, &manager->repair_timer);
        if (r >= 0)
                r = manager_add_timer(event, manager_on_resync, manager, &manager->resync_timer);
        if (r >= 0)
                r = manager_add_timer(event, manager_on_down, manager, &manager->down_timer);
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

int manager_new(sd_event *event, const ManagerPaths *paths, Manager **ret) {
        Manager *manager;
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;

        r = manager_init(manager, event, paths);
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

        makings_done(manager);
        pluggings_done(manager);
        HASH_CLEAR(hh_ifindex, manager->taps_by_ifindex);
        HASH_ITER(hh, manager->taps, tap, next) {
                HASH_DEL(manager->taps, tap);
                tap_free(tap);
        }

        manager_wants_done(manager);
        sd_event_source_disable_unref(manager->flush_source);
        sd_event_source_disable_unref(manager->repair_timer);
        sd_event_source_disable_unref(manager->resync_timer);
        sd_event_source_disable_unref(manager->down_timer);
        idle_done(&manager->idle);
        deletions_free(manager->deletions);
        ovs_free(manager->ovs);
        bridges_done(&manager->bridges);
        rtnl_free(manager->rtnl);
        record_store_free(manager->records);
        health_done(&manager->health);
        config_done(&manager->config);
        free(manager->state_path);
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
        manager_find_port(manager, tap);

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
        (void) snprintf(topic, sizeof(topic), TOPIC_BROKEN, name);
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
        manager->is_blind = r < 0;
        if (r == 0) {
                health_clear(&manager->health, TOPIC_START);
        } else {
                char sentence[256];

                /* Nothing is torn down because it cannot be read, and nothing is made beside what is not known. */
                (void) snprintf(sentence, sizeof(sentence), "cannot read records or links, so nothing is changed: %s",
                                strerror(-r));
                health_raise(&manager->health, TOPIC_START, sentence);
        }

        if (manager->is_blind)
                return 0;

        manager_judge_ports(manager);
        manager_finish_plugs(manager);
        return manager_make_declared(manager);
}

int manager_check_sight(Manager *manager, Fault *fault) {
        if (manager->is_blind)
                (void) manager_start(manager);
        if (manager->is_blind)
                return fault_set(fault, TAPD_ERROR_DEGRADED, "tapd cannot read its records: systemctl status tapd");

        return 0;
}

void manager_forget_broken(Manager *manager, const char *name) {
        char topic[64];

        (void) snprintf(topic, sizeof(topic), TOPIC_BROKEN, name);
        health_clear(&manager->health, topic);
}
