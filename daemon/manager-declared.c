/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes one name that files declare true: its TAP made, changed, deleted, or why that cannot be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "making.h"
#include "manager-wants.h"
#include "plugging.h"

/* How often one that no file declares any more, and that was in use, is looked at. */
#define UNDECLARED_PAUSE_USEC UINT64_C(5000000)

/* While a file cannot be read it is not known what is declared: it may be half of a change, and the other half was
 * read. What exists is neither changed nor taken away; what is new is made. */
static bool manager_is_unsure(const Manager *manager, const char *source) {
        size_t length = strlen(manager->state_path);

        /* What was declared over the bus stands in no other file. */
        if (strncmp(source, manager->state_path, length) == 0 && source[length] == '/')
                return false;

        return manager->config.declared.n_bad > 0 || manager->config.declared.is_unreadable;
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

/* What failed is tried again, later each time, and the reload tells. */
static void want_fail(Manager *manager, Want *want) {
        uint64_t now = want_now();

        want_set_back(want, now);
        /* What was lost comes back at once; what failed would fail again. */
        if (want->retry_usec < now + WANT_DELAY_USEC)
                want->retry_usec = now + WANT_DELAY_USEC;
        manager_want_later(manager, want);
        manager_note_failure(manager);
}

/* One that had to wait for Open vSwitch. */
static void want_on_made(int r, const Fault *fault, Tap *tap, TapQueues *queues, const char *name, void *userdata) {
        Manager *manager = userdata;
        Want *want = manager_find_want(manager, name);

        if (r < 0)
                log_tap(LOG_ERR, name, "cannot be made as it is declared: %s", fault->text);
        if (r < 0 && want)
                want_fail(manager, want);
        else if (want)
                manager_want(manager, want);
}

/* 1: it is made; 0: it will be. */
static int order_declared(Manager *manager, const Declaration *declaration, Tap **ret, Fault *fault) {
        Making *making;
        const ManagerOrder order = {
                .name = declaration->name,
                .spec = &declaration->spec,
                .creator = 0,
                .lifetime = LIFETIME_DECLARED,
                .declaration = declaration,
        };

        return manager_create(manager, &order, /* queues= */ NULL, want_on_made, manager, &making, ret, fault);
}

/* Its state is true at once: who reloads, or waits for it, is answered before it is told to all. */
void want_judge(Manager *manager, Tap *tap) {
        tap_judge(tap);
        manager_touch(manager, tap);
}

/* Makes the TAP, or shows why not. The fault is for who asked for this one; it was logged. */
static int want_make(Manager *manager, Want *want, const Declaration *declaration, Fault *fault) {
        uint64_t now = want_now();
        OvsPort row;
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

                /* It may be its own device, on its way into the table. */
                if (making_has_name(manager, want->name))
                        return 0;

                want->retry_usec = 0;
                manager_show_absent(manager, want, declaration, TAP_BLOCKED, reason);
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\", %s", want->name, reason);
        }

        if (ovs_find_port(manager->ovs, want->name, &row) && !row.is_own) {
                static const char reason[] = "Open vSwitch has a port of its name that is not tapd's";

                want->retry_usec = 0;
                manager_show_absent(manager, want, declaration, TAP_BLOCKED, reason);
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\", %s", want->name, reason);
        }

        r = order_declared(manager, declaration, &tap, fault);
        if (r < 0) {
                log_tap(LOG_ERR, want->name, "cannot be made as %s declares it: %s", declaration->file->path,
                        fault->text);
                manager_show_absent(manager, want, declaration, TAP_BROKEN, fault->text);
                want_fail(manager, want);
                return r;
        }

        want->retry_usec = 0;
        want->made_usec = now;
        if (r > 0)
                want_plug(manager, want, tap);
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

        want_judge(manager, tap);
}

/* Its file names no switch any more. */
static void want_unplug(Manager *manager, Tap *tap) {
        Fault fault = {};

        if (plugging_begin(manager, tap, /* spec= */ NULL, /* where= */ NULL, /* done= */ NULL, /* userdata= */ NULL,
                           /* ret= */ NULL, &fault) < 0)
                log_tap(LOG_WARNING, tap->record.name, "cannot be unplugged: %s, ignoring", fault.text);
}

/* Its file changed: the live device follows as far as the kernel lets it. */
static int want_apply(Manager *manager, Tap *tap, const Declaration *declaration, Fault *fault) {
        char pending[TAP_REASON_SIZE];
        TapSpec spec = declaration->spec;
        uint64_t before = tap->record.declared_hash;
        bool is_fixed;
        int r;

        /* First of all: what else changes may be nothing for the switch. */
        if (*tap->record.spec.port.switch_name && !*spec.port.switch_name)
                want_unplug(manager, tap);

        is_fixed = keep_fixed(tap, &spec, pending);
        if (!spec.has_mac && tap->record.spec.has_mac)
                tap_default_mac(&manager->workshop, tap->record.name, &spec);
        else if (!spec.has_mac)
                memcpy(spec.mac, tap->record.spec.mac, sizeof(spec.mac));
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

/* Deletes a TAP for the files' sake; a reload waits for it. @why is for the journal. */
static int want_take_away(Manager *manager, Want *want, const char *why) {
        char name[NAME_SIZE], pending[TAP_REASON_SIZE];
        Tap *tap = want->tap;
        Fault fault = {};
        int r;

        (void) snprintf(name, sizeof(name), "%s", tap->record.name);
        r = manager_want_delete(manager, tap, &fault);
        if (r < 0) {
                (void) snprintf(pending, sizeof(pending), "cannot be deleted: %.200s", fault.text);
                want_set_pending(manager, tap, pending);
                want_fail(manager, want);
                return r;
        }

        want->retry_usec = 0;
        log_tap(LOG_NOTICE, name, "%s", why);
        return 0;
}

/* What the file says of the device itself. */
static int want_follow(Manager *manager, Want *want, const Declaration *declaration, Fault *fault) {
        char pending[TAP_REASON_SIZE];
        TapSpec spec = declaration->spec;
        Tap *tap = want->tap;
        bool needs_recreation;

        if (tap->state == TAP_DELETING)
                return 0;

        manager_refresh_tap(manager, tap);
        tap->is_undeclared = false;

        if (manager_is_unsure(manager, declaration->file->path) && tap->record.declared_hash != declaration->hash) {
                want_set_pending(manager, tap, "its file changed; that counts when all files can be read");
                return 0;
        }

        if (strcmp(tap->record.source, declaration->file->path) != 0) {
                (void) snprintf(tap->record.source, sizeof(tap->record.source), "%s", declaration->file->path);
                tap->changes |= TAP_CHANGED_SOURCE;
                (void) manager_note_write(manager, record_store_save(manager->records, &tap->record));
        }

        needs_recreation = keep_fixed(tap, &spec, pending);
        if (needs_recreation && manager->recreate && tap_probe(tap) == 0)
                return want_take_away(manager, want, "deleting it, to make it anew as its file says");

        if (tap->record.declared_hash != declaration->hash) {
                int r = want_apply(manager, tap, declaration, fault);

                if (r < 0)
                        want_fail(manager, want);
                else
                        want->retry_usec = 0;
                return r;
        }

        /* Applied already: what a live device cannot become is still to be told. */
        want_set_pending(manager, tap, needs_recreation ? pending : "");
        return 0;
}

/* A live TAP and its declaration. */
static int want_adjust(Manager *manager, Want *want, const Declaration *declaration, Fault *fault) {
        int r;

        r = want_follow(manager, want, declaration, fault);
        if (want->tap->state != TAP_DELETING)
                want_plug(manager, want, want->tap);

        return r;
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

        if (manager_is_unsure(manager, tap->record.source)) {
                want_set_pending(manager, tap,
                                 declarations_why_bad(&manager->config.declared, tap->record.source)
                                         ? "its file cannot be read; it stays as it is until that is mended"
                                         : "no file declares it any more; that counts when all files can be read");
                return;
        }

        manager_refresh_tap(manager, tap);
        tap->pending[0] = '\0';
        if (tap_probe(tap) != 0) {
                if (!tap->is_undeclared)
                        log_tap(LOG_NOTICE, tap->record.name,
                                "no file declares it any more; it goes when the last of its queues is closed");
                tap->is_undeclared = true;
                manager_touch(manager, tap);
                /* The kernel tells nothing of the queues of a device that is down or has no carrier. */
                want->retry_usec = want_now() + UNDECLARED_PAUSE_USEC;
                manager_want_later(manager, want);
                return;
        }

        (void) want_take_away(manager, want, "deleting it: no file declares it any more");
}

/* Makes one name true. */
int want_step(Manager *manager, Want *want, Fault *fault) {
        const Declaration *declaration = manager_find_declaration(manager, want->name);
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

int manager_declare(Manager *manager, const char *name, const TapSpec *spec, char note[static TAP_REASON_SIZE],
                    Fault *fault) {
        const Declaration *before = manager_find_declaration(manager, name);
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
        (void) snprintf(note, TAP_REASON_SIZE, "%s", want->tap ? want->tap->reason : "");
        return 0;
}

int manager_undeclare(Manager *manager, const char *name, Fault *fault) {
        const Declaration *declaration = manager_find_declaration(manager, name);
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
