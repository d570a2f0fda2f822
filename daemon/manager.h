/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "config.h"
#include "deletion.h"
#include "health.h"
#include "tap.h"

/*
 * The conductor: all TAPs, what is wanted against what the kernel has. It knows neither the bus nor who may do what;
 * the edge asks it after the gate and polkit, and hears of what happens through the handlers.
 */
typedef struct Manager Manager;

typedef struct ManagerHandlers {
        void (*on_added)(Tap *tap, void *userdata);
        void (*on_changed)(Tap *tap, unsigned changes, void *userdata); /* TapChange */
        void (*on_removed)(Tap *tap, void *userdata);                   /* whole, for the last time */
        void (*on_tampered)(Tap *tap, unsigned fields, void *userdata); /* TapTamper */
        void (*on_degraded)(void *userdata);
} ManagerHandlers;

/* @runtime_path: the folder that holds the records' folder. */
int manager_new(sd_event *event, const char *runtime_path, Manager **ret);
Manager *manager_free(Manager *manager);

void manager_set_handlers(Manager *manager, const ManagerHandlers *handlers, void *userdata);

/* Reads the records and finishes or rolls back what a death left half done; once, at start. */
int manager_start(Manager *manager);

Tap *manager_find(Manager *manager, const char *name);
size_t manager_count(Manager *manager);
size_t manager_count_of(Manager *manager, uid_t creator);
/* The one after @tap in the order of names (tap2 before tap10), NULL: the first. Nothing may change in between. */
Tap *manager_next(Manager *manager, Tap *tap);

uint64_t manager_intrusion_count(Manager *manager);
Health *manager_health(Manager *manager);

/* The name that a wish stands for now: itself, or that of the lowest free number. NameInUse where a link that is not
 * tapd's has it, LimitsExceeded where no number is free. A TAP of tapd's with the name itself is no error: what that
 * means is for the caller to judge. */
int manager_choose_name(Manager *manager, const char *wish, char name[static NAME_SIZE], Fault *fault);

/* The same, where a number is not free either for which @taken is true. */
int manager_choose_name_besides(Manager *manager, const char *wish, bool (*taken)(const char *name, void *userdata),
                                void *userdata, char name[static NAME_SIZE], Fault *fault);

/* A TAP to be made; the name is chosen, the spec complete. */
typedef struct ManagerOrder {
        const char *name;
        const TapSpec *spec;
        uid_t creator;
        Lifetime lifetime;
} ManagerOrder;

/* Makes a TAP. An ephemeral one fills @queues (tap_create()), for others it is NULL. Conflict where its address is
 * another TAP's. */
int manager_create(Manager *manager, const ManagerOrder *order, TapQueues *queues, Tap **ret, Fault *fault);

/* Opens more queues (tap_open_queues()). */
int manager_open_queues(Manager *manager, Tap *tap, TapQueues *queues, Fault *fault);

/* Changes a live TAP into @spec, which spec_change() made of its own; what was asked is kept in the record. InUse where
 * user or group are to change and a program has a queue open; Stale where the device is no longer the record's. */
int manager_set(Manager *manager, Tap *tap, const TapSpec *spec, Fault *fault);

/* The counters of a TAP; what else changed meanwhile is told as well. */
int manager_get_statistics(Manager *manager, Tap *tap, LinkStatistics *ret, Fault *fault);

/* Has runtime TAPs deleted that nobody had open for so long, in microseconds; 0: never. */
void manager_set_idle(Manager *manager, uint64_t usec);

/* Sets IFF_UP; what was asked is kept in the record. Stale where the device is no longer the record's. */
int manager_set_up(Manager *manager, Tap *tap, bool up, Fault *fault);

/* InUse where a program has a queue open and it is not forced, NoSuchTap where it is being deleted. Changes nothing. */
int manager_check_delete(Manager *manager, Tap *tap, bool force, Fault *fault);

/* Looks at the devices that are down: the kernel tells nothing of them by itself, not even that a queue was opened
 * (netdev_state_change() of net/core/dev.c). For who is about to show or to judge them. */
void manager_refresh(Manager *manager);

/* Begins the deletion of TAPs, all of them checked, by one request of the kernel; @done is called from the loop. */
int manager_delete(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata, Deletion **ret,
                   Fault *fault);
