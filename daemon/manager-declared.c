/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What files declare against what there is: one diff for start, reload and drift. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "manager-internal.h"

/* How many are looked at in one turn of the loop: about 10 ms where all are to be made. */
#define PIECE 32

/* A reload that waits for what it began. */
struct Reload {
        manager_reloaded_t done;
        void *userdata;
        size_t n_deletions; /* under way */
};

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

static const Declaration *find_declaration(Manager *manager, const char *name) {
        return declarations_find(&manager->config.declared, name);
}

const Declaration *manager_declaration(Manager *manager, const Tap *tap) {
        return *tap->record.declared ? find_declaration(manager, tap->record.declared) : NULL;
}

/* While a file cannot be read it is not known what is declared: it may be half of a change, and the other half was
 * read. What exists is neither changed nor taken away; what is new is made. */
static bool manager_is_unsure(const Manager *manager) {
        return manager->config.declared.n_bad > 0 || manager->config.declared.is_unreadable;
}

static Want *manager_find_want(Manager *manager, const char *name) {
        Want *want;

        HASH_FIND_STR(manager->wants, name, want);
        return want;
}

static Want *manager_need_want(Manager *manager, const char *name) {
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

static void want_free(Manager *manager, Want *want) {
        if (want->is_due)
                DL_DELETE(manager->due, want);
        HASH_DEL(manager->wants, want);
        free(want);
}

/* Has a name looked at in the next turn of the loop. */
static void manager_want(Manager *manager, Want *want) {
        if (!want->is_due) {
                want->is_due = true;
                DL_APPEND(manager->due, want);
        }

        (void) sd_event_source_set_enabled(manager->want_source, SD_EVENT_ON);
}

static int manager_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;
        uint64_t now = now_usec(), next = UINT64_MAX;

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
static void manager_want_later(Manager *manager, Want *want) {
        uint64_t now = now_usec(), due;
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

/* Shows a declared TAP that has no device, and why; or says the new reason. */
static void manager_show_absent(Manager *manager, Want *want, const Declaration *declaration, TapState state,
                                const char *reason) {
        Record record = {
                .lifetime = LIFETIME_DECLARED,
                .spec = declaration->spec,
        };

        if (want->tap) {
                tap_set_state(want->tap, state, reason);
                if (want->tap->changes)
                        manager_touch(manager, want->tap);
                return;
        }

        (void) snprintf(record.name, sizeof(record.name), "%s", want->name);
        (void) snprintf(record.declared, sizeof(record.declared), "%s", want->name);
        (void) snprintf(record.source, sizeof(record.source), "%s", declaration->file->path);
        if (tap_new_absent(&record, state, reason, &want->tap) < 0)
                return;

        if (manager_add(manager, want->tap) < 0)
                want->tap = tap_free(want->tap);
}

static int order_declared(Manager *manager, const Declaration *declaration, Tap **ret, Fault *fault) {
        TapSpec spec = declaration->spec;
        ManagerOrder order = {
                .name = declaration->name,
                .spec = &spec,
                .creator = 0,
                .lifetime = LIFETIME_DECLARED,
                .declaration = declaration,
        };

        /* It goes up when it is plugged in: a guest sees no link before the path is ready. */
        if (*declaration->spec.port.switch_name)
                spec.up = false;

        return manager_create(manager, &order, /* queues= */ NULL, ret, fault);
}

/* One that is declared with a switch stays down until it is plugged in. */
static void want_note_switch(Manager *manager, Tap *tap, const Declaration *declaration) {
        const char *name = declaration->spec.port.switch_name;
        Link link;

        if (!*name)
                tap->waiting[0] = '\0';
        else if (link_get_by_name(manager->rtnl, name, &link) < 0)
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "its switch %s is absent", name);
        else
                (void) snprintf(tap->waiting, sizeof(tap->waiting), "this version plugs nothing into a switch (%s)",
                                name);

        manager_touch(manager, tap);
}

/* Makes the TAP, or shows why not. The fault is for who asked for this one; it was logged. */
static int want_make(Manager *manager, Want *want, const Declaration *declaration, Fault *fault) {
        uint64_t now = now_usec();
        Link link;
        Tap *tap;
        int r;

        if (want->retry_usec > now) {
                char reason[TAP_REASON_SIZE];

                (void) snprintf(reason, sizeof(reason), "was lost %u times in a row; it is made again in %.1f s",
                                want->n_setbacks, (double) (want->retry_usec - now) / 1e6);
                manager_show_absent(manager, want, declaration, TAP_BROKEN, reason);
                manager_want_later(manager, want);
                return fault_set(fault, TAPD_ERROR_FAILED, "%s: %s", want->name, reason);
        }

        if (link_get_by_name(manager->rtnl, want->name, &link) >= 0) {
                static const char reason[] = "a network interface that is not tapd's has its name; "
                                             "tapctl adopt takes a TAP over";

                want->retry_usec = 0;
                manager_show_absent(manager, want, declaration, TAP_BLOCKED, reason);
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\", %s", want->name, reason);
        }

        r = order_declared(manager, declaration, &tap, fault);
        if (r < 0) {
                want_set_back(want, now);
                log_tap(LOG_ERR, want->name, "cannot be made as %s declares it: %s", declaration->file->path,
                        fault->text);
                manager_show_absent(manager, want, declaration, TAP_BROKEN, fault->text);
                manager_want_later(manager, want);
                return r;
        }

        want->retry_usec = 0;
        want->made_usec = now;
        want_note_switch(manager, tap, declaration);
        return 0;
}

/* A TAP of this name that somebody had made before a file declared it: from now on it is the file's. */
static int want_take_over(Manager *manager, Want *want, Tap *tap, const Declaration *declaration, Fault *fault) {
        Record before = tap->record;
        int r;

        tap->record.lifetime = LIFETIME_DECLARED;
        (void) snprintf(tap->record.declared, sizeof(tap->record.declared), "%s", want->name);
        (void) snprintf(tap->record.source, sizeof(tap->record.source), "%s", declaration->file->path);
        tap->record.declared_hash = ~declaration->hash;
        tap->record.creator = 0;
        r = manager_note_write(manager, record_store_save(manager->records, &tap->record));
        if (r < 0) {
                tap->record = before;
                return fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write records: %s", strerror(-r));
        }

        want->tap = tap;
        tap->changes |= TAP_CHANGED_LIFETIME | TAP_CHANGED_SOURCE;
        manager_touch(manager, tap);
        log_tap(LOG_NOTICE, want->name, "belongs to %s from now on (was made for uid %u)", declaration->file->path,
                before.creator);
        return 0;
}

/* What of @wanted a live device cannot become: kept as it is in @spec, and told in @pending. True where some of it
 * could be had by making the device anew. */
static bool keep_fixed(const Tap *tap, TapSpec *spec, char pending[static TAP_REASON_SIZE]) {
        const TapSpec *is = &tap->record.spec;
        const char *fixed = NULL, *busy = NULL;

        if (spec->mode.tun != is->mode.tun)
                fixed = "Kind";
        else if (spec->mode.multi_queue != is->mode.multi_queue)
                fixed = "MultiQueue";
        else if (spec->mode.vnet_header != is->mode.vnet_header)
                fixed = "VNetHeader";
        else if (spec->mode.packet_info != is->mode.packet_info)
                fixed = "PacketInfo";
        else if (spec->user == TAPD_ID_UNSET && is->user != TAPD_ID_UNSET)
                fixed = "Shared";
        else if (spec->group == TAPD_ID_UNSET && is->group != TAPD_ID_UNSET)
                fixed = "Group";
        else if (tap_is_used(tap) && (spec->user != is->user || spec->group != is->group))
                busy = spec->user != is->user ? "User" : "Group";

        spec->mode = is->mode;
        if (fixed || busy) {
                spec->user = is->user;
                spec->group = is->group;
                spec->shared = is->shared;
        }

        if (fixed)
                (void) snprintf(pending, TAP_REASON_SIZE,
                                "%s= differs from its file and cannot change while it lives; "
                                "tapctl reload --recreate makes it anew",
                                fixed);
        else if (busy)
                (void) snprintf(pending, TAP_REASON_SIZE,
                                "%s= differs from its file and changes when no program has it open", busy);
        else
                *pending = '\0';

        return fixed;
}

static void want_set_pending(Manager *manager, Tap *tap, const char *pending) {
        if (strcmp(tap->pending, pending) != 0) {
                if (*pending)
                        log_tap(LOG_WARNING, tap->record.name, "%s", pending);
                (void) snprintf(tap->pending, sizeof(tap->pending), "%s", pending);
        }

        manager_touch(manager, tap);
}

/* Its file changed: the live device follows as far as the kernel lets it. */
static int want_apply(Manager *manager, Tap *tap, const Declaration *declaration, Fault *fault) {
        char pending[TAP_REASON_SIZE];
        TapSpec spec = declaration->spec;
        uint64_t before = tap->record.declared_hash;
        bool is_fixed;
        int r;

        is_fixed = keep_fixed(tap, &spec, pending);
        if (!spec.has_mac && tap->record.spec.has_mac)
                tap_default_mac(&manager->workshop, tap->record.name, &spec);
        else if (!spec.has_mac)
                memcpy(spec.mac, tap->record.spec.mac, sizeof(spec.mac));
        if (*declaration->spec.port.switch_name)
                spec.up = tap->record.spec.up;

        /* What only waits for a program to end is not done yet: it is gone on with then, or by the next start. */
        if (is_fixed || !*pending)
                tap->record.declared_hash = declaration->hash;
        r = manager_set(manager, tap, &spec, fault);
        if (r < 0) {
                tap->record.declared_hash = before;
                (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
                (void) snprintf(pending, sizeof(pending), "cannot become what its file says: %.200s", fault->text);
        } else {
                log_tap(LOG_INFO, tap->record.name, "changed as %s says", declaration->file->path);
        }

        want_set_pending(manager, tap, pending);
        return r;
}

static void manager_on_reload_deleted(int r, const Fault *fault, void *userdata);

/* Deletes a TAP for the files' sake; a reload waits for it. */
static int manager_take_away(Manager *manager, Tap *tap) {
        bool is_awaited = manager->reload;
        int r;

        r = manager_delete(manager, &tap, 1, is_awaited ? manager_on_reload_deleted : NULL, manager, /* ret= */ NULL,
                           /* fault= */ NULL);
        if (r == 0 && is_awaited)
                manager->reload->n_deletions++;

        return r;
}

/* A live TAP and its declaration. */
static int want_adjust(Manager *manager, Want *want, const Declaration *declaration, Fault *fault) {
        char pending[TAP_REASON_SIZE];
        TapSpec spec = declaration->spec;
        Tap *tap = want->tap;
        bool needs_recreation;

        if (tap->state == TAP_DELETING)
                return 0;

        manager_refresh_tap(manager, tap);
        tap->is_undeclared = false;
        want_note_switch(manager, tap, declaration);

        if (manager_is_unsure(manager) && tap->record.declared_hash != declaration->hash) {
                want_set_pending(manager, tap, "its file changed; that counts when all files can be read");
                return 0;
        }

        if (strcmp(tap->record.source, declaration->file->path) != 0) {
                (void) snprintf(tap->record.source, sizeof(tap->record.source), "%s", declaration->file->path);
                tap->changes |= TAP_CHANGED_SOURCE;
                (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        }

        needs_recreation = keep_fixed(tap, &spec, pending);
        if (needs_recreation && manager->recreate && !tap_is_used(tap)) {
                log_tap(LOG_NOTICE, want->name, "is made anew as %s says", declaration->file->path);
                return manager_take_away(manager, tap);
        }

        if (tap->record.declared_hash != declaration->hash)
                return want_apply(manager, tap, declaration, fault);

        /* Applied already: what a live device cannot become is still to be told. */
        want_set_pending(manager, tap, needs_recreation ? pending : "");
        return 0;
}

/* No file declares it any more. */
static void want_end(Manager *manager, Want *want) {
        Tap *tap = want->tap;

        if (!tap) {
                want_free(manager, want);
                return;
        }

        if (tap_is_absent(tap)) {
                tap->is_gone = true;
                manager_touch(manager, tap);
                return;
        }

        if (tap->state == TAP_DELETING)
                return;

        if (manager_is_unsure(manager)) {
                want_set_pending(manager, tap,
                                 declarations_why_bad(&manager->config.declared, tap->record.source)
                                         ? "its file cannot be read; it stays as it is until that is mended"
                                         : "no file declares it any more; that counts when all files can be read");
                return;
        }

        manager_refresh_tap(manager, tap);
        tap->pending[0] = '\0';
        if (tap_is_used(tap)) {
                if (!tap->is_undeclared)
                        log_tap(LOG_NOTICE, tap->record.name,
                                "no file declares it any more; it goes when the last of its queues is closed");
                tap->is_undeclared = true;
                manager_touch(manager, tap);
                return;
        }

        log_tap(LOG_NOTICE, tap->record.name, "deleting it: no file declares it any more");
        (void) manager_take_away(manager, tap);
}

/* Makes one name true. */
static int want_step(Manager *manager, Want *want, Fault *fault) {
        const Declaration *declaration = find_declaration(manager, want->name);
        Tap *other;
        int r;

        /* What there is is not known: nothing is made beside it. */
        if (manager->is_blind)
                return fault_set(fault, TAPD_ERROR_DEGRADED, "tapd cannot read its records: systemctl status tapd");

        if (!declaration) {
                want_end(manager, want);
                return 0;
        }

        if (want->tap && !tap_is_absent(want->tap))
                return want_adjust(manager, want, declaration, fault);

        other = manager_find(manager, want->name);
        if (!other || other == want->tap)
                return want_make(manager, want, declaration, fault);

        /* One that goes by itself is waited for: its removal has this looked at again. */
        if (other->record.lifetime != LIFETIME_RUNTIME || other->state == TAP_DELETING)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\", a TAP that is to go has it",
                                 want->name);

        r = want_take_over(manager, want, other, declaration, fault);
        return r < 0 ? r : want_adjust(manager, want, declaration, fault);
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

        if (!reload || manager->due || reload->n_deletions > 0)
                return;

        manager->reload = NULL;
        manager->recreate = false;
        reload->done(reload->userdata);
        free(reload);
}

static void manager_on_reload_deleted(int r, const Fault *fault, void *userdata) {
        Manager *manager = userdata;

        /* One that is to be made anew is looked at when it is gone from the table, after this. */
        if (manager->reload)
                manager->reload->n_deletions--;
        (void) sd_event_source_set_enabled(manager->want_source, SD_EVENT_ON);
}

static int manager_on_want(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;

        if (manager->foreign_changed)
                manager_want_blocked(manager);

        for (unsigned i = 0; i < PIECE && manager->due; i++) {
                Want *want = manager->due;
                Fault fault = {};

                DL_DELETE(manager->due, want);
                want->is_due = false;
                (void) want_step(manager, want, &fault);
        }

        if (!manager->due) {
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
                reload_finish(manager);
        }

        return 0;
}

int manager_wants_init(Manager *manager, sd_event *event) {
        int r;

        r = sd_event_add_defer(event, &manager->want_source, manager_on_want, manager);
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
        if (want->tap && !tap_is_absent(tap) && tap->state != TAP_DELETING && find_declaration(manager, want->name))
                want_set_back(want, now_usec());

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
        (void) sd_event_source_set_enabled(manager->want_source, SD_EVENT_ON);
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
                (void) manager_on_want(manager->want_source, manager);

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
        (void) sd_event_source_set_enabled(manager->want_source, SD_EVENT_ON);
        return 0;
}

int manager_make_want(Manager *manager, const char *name, Fault *fault) {
        Want *want = manager_need_want(manager, name);

        if (!want)
                return fault_set_errno(fault, -ENOMEM, name);

        want->retry_usec = 0;
        return want_step(manager, want, fault);
}

int manager_declare(Manager *manager, const char *name, const TapSpec *spec, Fault *fault) {
        const Declaration *before = find_declaration(manager, name);
        Declarations *declared = &manager->config.declared;
        bool is_new = !before;
        TapSpec complete = *spec;
        Want *want;
        Link link;
        Tap *tap;
        int r;

        r = manager_check_sight(manager, fault);
        if (r < 0)
                return r;
        if (before && !before->file->is_state)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s: is declared in %s; change it there", name,
                                 before->file->path);

        tap = manager_find(manager, name);
        if (tap && tap->record.lifetime == LIFETIME_EPHEMERAL)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" goes with its last queue", name);
        if (!tap && link_get_by_name(manager->rtnl, name, &link) >= 0)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE,
                                 "Name=: \"%s\", a network interface that is not tapd's has it", name);

        /* Before anything is written. */
        r = spec_complete(&complete, &manager->config.defaults, &(const SpecOwner){ .in_default_group = true }, fault);
        if (r < 0)
                return r;

        want = manager_need_want(manager, name);
        if (!want)
                return fault_set_errno(fault, -ENOMEM, name);

        r = declaration_write(manager->state_path, name, spec, fault);
        if (r < 0)
                return r;

        r = declarations_put(declared, &manager->config.defaults, manager->state_path, name, spec, fault);
        if (r == 0) {
                want->retry_usec = 0;
                r = want_step(manager, want, fault);
        }
        if (r < 0 && is_new && (!want->tap || tap_is_absent(want->tap))) {
                /* What cannot be made is not declared: it would be tried for ever. */
                declarations_take(declared, name);
                (void) declaration_remove(manager->state_path, name, NULL);
                manager_want(manager, want);
                return r;
        }

        log_tap(LOG_INFO, name, "declared over the bus");
        return 0;
}

int manager_undeclare(Manager *manager, const char *name, Fault *fault) {
        const Declaration *declaration = find_declaration(manager, name);
        Want *want = manager_find_want(manager, name);
        int r;

        if (!declaration)
                return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "no file declares a TAP \"%.64s\"", name);
        if (!declaration->file->is_state)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s: is declared in %s; take it out there and reload",
                                 name, declaration->file->path);

        r = declaration_remove(manager->state_path, name, fault);
        if (r < 0)
                return r;

        log_tap(LOG_INFO, name, "undeclared over the bus");
        declarations_take(&manager->config.declared, name);
        if (want)
                manager_want(manager, want);
        return 0;
}
