/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that files declare: which there are, when they are looked at, and the reload that waits for it. */
#include "manager-wants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* How many are looked at in one turn of the loop: about 10 ms where all are to be made. */
#define PIECE 32

/* A reload that waits for what it began. */
struct Reload {
        manager_reloaded_t done;
        void *userdata;
        size_t n_deletions; /* under way */
        size_t n_plugs;     /* the same */
        size_t n_failures;  /* what could not be made, changed or deleted */
};

const Declaration *manager_find_declaration(Manager *manager, const char *name) {
        return declarations_find(&manager->config.declared, name);
}

const Declaration *manager_declaration(Manager *manager, const Tap *tap) {
        return *tap->record.declared ? manager_find_declaration(manager, tap->record.declared) : NULL;
}

Want *manager_find_want(Manager *manager, const char *name) {
        Want *want;

        HASH_FIND_STR(manager->wants, name, want);
        return want;
}

Want *manager_need_want(Manager *manager, const char *name) {
        Want *want = manager_find_want(manager, name);

        if (want)
                return want;

        want = calloc(1, sizeof(*want));
        if (!want)
                return NULL;

        (void) snprintf(want->name, sizeof(want->name), "%s", name);
        HASH_ADD_STR(manager->wants, name, want);
        if (want->hh.tbl)
                return want;

        free(want);
        return NULL;
}

void want_free(Manager *manager, Want *want) {
        if (want->is_due)
                DL_DELETE(manager->due, want);
        HASH_DEL(manager->wants, want);
        free(want);
}

/* A timer that is due at once takes turns with everybody else; a deferred source stays first in the line. */
static void manager_wake_wants(Manager *manager) {
        (void) sd_event_source_set_time(manager->want_source, 0);
        (void) sd_event_source_set_enabled(manager->want_source, SD_EVENT_ONESHOT);
}

/* Has a name looked at in the next turn of the loop. */
void manager_want(Manager *manager, Want *want) {
        if (!want->is_due) {
                want->is_due = true;
                DL_APPEND(manager->due, want);
        }

        manager_wake_wants(manager);
}

static int manager_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;
        uint64_t now = want_now(), next = UINT64_MAX;

        for (Want *want = manager->wants; want; want = want->hh.next) {
                if (want->retry_usec == 0)
                        continue;
                if (want->retry_usec <= now)
                        manager_want(manager, want);
                else if (want->retry_usec < next)
                        next = want->retry_usec;
        }

        if (next != UINT64_MAX) {
                (void) sd_event_source_set_time_relative(source, next - now);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }

        return 0;
}

/* Tries again when the delay is over. */
void manager_want_later(Manager *manager, Want *want) {
        uint64_t now = want_now(), due;
        int enabled;

        if (want->retry_usec <= now) {
                manager_want(manager, want);
                return;
        }

        /* The timer goes off for whichever is due first, and then sets itself. */
        if (sd_event_source_get_enabled(manager->retry_timer, &enabled) >= 0 && enabled != SD_EVENT_OFF &&
            sd_event_source_get_time(manager->retry_timer, &due) >= 0 && due <= want->retry_usec)
                return;

        (void) sd_event_source_set_time_relative(manager->retry_timer, want->retry_usec - now);
        (void) sd_event_source_set_enabled(manager->retry_timer, SD_EVENT_ONESHOT);
}

/* A link that was in the way may have gone, or got another name. */
static void manager_want_blocked(Manager *manager) {
        manager->foreign_changed = false;
        for (Want *want = manager->wants; want; want = want->hh.next)
                if (want->tap && (want->tap->state == TAP_BLOCKED || want->tap->state == TAP_WAITING))
                        manager_want(manager, want);
}

static void reload_finish(Manager *manager) {
        Reload *reload = manager->reload;

        if (!reload || manager->due || reload->n_deletions > 0 || reload->n_plugs > 0)
                return;

        manager->reload = NULL;
        manager->recreate = false;
        reload->done(reload->n_failures, reload->userdata);
        free(reload);
}

static void manager_on_reload_deleted(int r, const Fault *fault, void *userdata) {
        Manager *manager = userdata;

        /* One that is to be made anew is looked at when it is gone from the table, after this. */
        if (manager->reload)
                manager->reload->n_deletions--;
        manager_wake_wants(manager);
}

bool manager_await_plug(Manager *manager) {
        if (manager->reload)
                manager->reload->n_plugs++;

        return manager->reload;
}

void manager_note_plugged(Manager *manager) {
        if (manager->reload && manager->reload->n_plugs > 0)
                manager->reload->n_plugs--;
        manager_wake_wants(manager);
}

void manager_want_ports(Manager *manager) {
        for (Want *want = manager->wants; want; want = want->hh.next)
                if (want->tap && (*want->tap->record.spec.port.switch_name || want->tap->state == TAP_BLOCKED))
                        manager_want(manager, want);
}

void manager_note_failure(Manager *manager) {
        if (manager->reload)
                manager->reload->n_failures++;
}

int manager_want_delete(Manager *manager, Tap *tap, Fault *fault) {
        bool is_awaited = manager->reload;
        int r;

        r = manager_delete(manager, &tap, 1, is_awaited ? manager_on_reload_deleted : NULL, manager, /* ret= */ NULL,
                           fault);
        if (r == 0 && is_awaited)
                manager->reload->n_deletions++;

        return r;
}

/* Looks at some of those that are due. */
static void manager_step_wants(Manager *manager) {
        if (manager->foreign_changed)
                manager_want_blocked(manager);

        for (unsigned i = 0; i < PIECE && manager->due; i++) {
                Want *want = manager->due;
                Fault fault = {};

                DL_DELETE(manager->due, want);
                want->is_due = false;
                (void) want_step(manager, want, &fault);
        }
}

static int manager_on_want(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;

        manager_step_wants(manager);
        if (manager->due)
                manager_wake_wants(manager);
        else
                reload_finish(manager);

        return 0;
}

int manager_wants_init(Manager *manager, sd_event *event) {
        int r;

        r = sd_event_add_time(event, &manager->want_source, CLOCK_MONOTONIC, 0, /* accuracy= */ 1, manager_on_want,
                              manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->want_source, SD_EVENT_OFF);
        if (r >= 0)
                /* After the events: what was lost is known before it is looked at. */
                r = sd_event_source_set_priority(manager->want_source, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r >= 0)
                r = sd_event_add_time(event, &manager->retry_timer, CLOCK_MONOTONIC, 0, /* accuracy= */ 10000,
                                      manager_on_retry, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->retry_timer, SD_EVENT_OFF);

        return r;
}

void manager_wants_done(Manager *manager) {
        Want *want, *next;

        HASH_ITER(hh, manager->wants, want, next) {
                want_free(manager, want);
        }

        free(manager->reload);
        manager->want_source = sd_event_source_disable_unref(manager->want_source);
        manager->retry_timer = sd_event_source_disable_unref(manager->retry_timer);
}

void manager_want_note_added(Manager *manager, Tap *tap) {
        Want *want = *tap->record.declared ? manager_need_want(manager, tap->record.declared) : NULL;

        if (want)
                want->tap = tap;
}

void manager_want_forget(Manager *manager, const Tap *tap) {
        Want *want = manager_find_want(manager, tap->record.declared);

        if (want && want->tap == tap)
                want->tap = NULL;
}

void manager_want_note_removed(Manager *manager, const Tap *tap) {
        Want *want = manager_find_want(manager, *tap->record.declared ? tap->record.declared : tap->record.name);

        if (!want || (want->tap && want->tap != tap))
                return;

        /* What tapd itself deleted was not lost, and what never was there neither. */
        if (want->tap && !tap_is_absent(tap) && tap->state != TAP_DELETING &&
            manager_find_declaration(manager, want->name))
                want_set_back(want, want_now());

        want->tap = NULL;
        manager_want(manager, want);
}

void manager_want_look_again(Manager *manager, const Tap *tap) {
        Want *want = manager_find_want(manager, tap->record.declared);

        if (want)
                manager_want(manager, want);
}

void manager_want_note_foreign(Manager *manager) {
        manager->foreign_changed = true;
        manager_wake_wants(manager);
}

/* Has room for all names of a configuration, before it counts. */
static int manager_need_wants(Manager *manager, const Config *config) {
        for (const Declaration *declaration = config->declared.table; declaration; declaration = declaration->hh.next)
                if (!manager_need_want(manager, declaration->name))
                        return -ENOMEM;

        return 0;
}

/* Has all names looked at, those that are declared and those that were. */
static void manager_want_all(Manager *manager) {
        for (Want *want = manager->wants; want; want = want->hh.next)
                manager_want(manager, want);
}

int manager_make_declared(Manager *manager) {
        int r;

        r = manager_need_wants(manager, &manager->config);
        if (r < 0)
                return r;

        manager_want_all(manager);
        while (manager->due)
                manager_step_wants(manager);

        return 0;
}

const Config *manager_config(const Manager *manager) {
        return &manager->config;
}

void manager_set_config(Manager *manager, Config *config) {
        config_done(&manager->config);
        manager->config = *config;
        *config = (Config){};
        idle_set(&manager->idle, manager->config.idle_usec);
}

int manager_reload(Manager *manager, Config *config, bool recreate, manager_reloaded_t done, void *userdata) {
        Reload *reload;
        int r;

        r = manager_need_wants(manager, config);
        reload = r < 0 ? NULL : calloc(1, sizeof(*reload));
        if (!reload)
                return -ENOMEM;

        *reload = (Reload){ .done = done, .userdata = userdata };
        manager_set_config(manager, config);
        manager->reload = reload;
        manager->recreate = recreate;
        /* Who reloads has mended something, or wants to see. */
        for (Want *want = manager->wants; want; want = want->hh.next) {
                want->retry_usec = 0;
                want->n_setbacks = 0;
        }

        manager_want_all(manager);
        manager_wake_wants(manager);
        return 0;
}

int manager_make_want(Manager *manager, const char *name, Fault *fault) {
        Want *want = manager_need_want(manager, name);

        if (!want)
                return fault_set_errno(fault, -ENOMEM, name);

        want->retry_usec = 0;
        return want_step(manager, want, fault);
}
