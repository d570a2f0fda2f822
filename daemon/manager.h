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

/* Folders and sockets; runtime: holds the records' folder; state: holds what is declared over the bus. */
typedef struct ManagerPaths {
        const char *runtime, *state;
        const char *ovs;        /* the socket by which OVSDB is reached, "": it is not */
        const char *ovs_server; /* the socket of OVSDB itself, which comes and goes with it */
} ManagerPaths;

/* Reads and changes nothing yet. Negative errno; the paths are copied. */
int manager_new(sd_event *event, const ManagerPaths *paths, Manager **ret);
Manager *manager_free(Manager *manager);

/* Who hears of what happens; @handlers are borrowed for good. */
void manager_set_handlers(Manager *manager, const ManagerHandlers *handlers, void *userdata);

/* Takes the configuration over, at start; what it declares is made by manager_start(). */
void manager_set_config(Manager *manager, Config *config);
/* The one that counts now. Another may by the next turn of the loop. */
const Config *manager_config(const Manager *manager);

/* Waits a moment for Open vSwitch, where it runs, to say what ports it has; once, before manager_start(): what is made
 * under the name of one of them would be in its VLANs. */
void manager_await_ports(Manager *manager, sd_event *event);

/* Reads the records and finishes or rolls back what a death left half done, then makes what files declare and is not
 * there; once, at start. */
int manager_start(Manager *manager);

/* Takes another configuration over: its grants and defaults count at once, and @done is called from the loop when what
 * it declares is there and what it no longer declares is gone, as far as that can be; see each TAP's state for what
 * could not. @recreate: what a live device cannot become is made anew where no program has it open. One at a time.
 * -ENOMEM: nothing has changed, and @config is still the caller's. */
typedef void (*manager_reloaded_t)(size_t n_failures, void *userdata);
int manager_reload(Manager *manager, Config *config, bool recreate, manager_reloaded_t done, void *userdata);

/* What a file says of a TAP; NULL where none does. */
const Declaration *manager_declaration(Manager *manager, const Tap *tap);

/* Declares a TAP beside the files, by @text in the folder of tapd's state, and makes it. Conflict where a file declares
 * it, NameInUse where another device has its name; where it cannot be made it is not declared. @note: why it is not as
 * it is declared, "". */
int manager_declare(Manager *manager, const char *name, const TapSpec *spec, char note[static TAP_REASON_SIZE],
                    Fault *fault);

/* Takes that back. Conflict where a file of the administrator's declares it; NoSuchTap. A TAP that a program has open
 * stays until it is closed. */
int manager_undeclare(Manager *manager, const char *name, Fault *fault);

/* Takes over a device that is not tapd's: a persistent TAP with this name, whose queues go on. */
int manager_adopt(Manager *manager, const char *name, uid_t creator, Tap **ret, Fault *fault);

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
        const char *source;             /* RECORD_SOURCE_*; NULL: the bus */
        const Declaration *declaration; /* of a declared one */
} ManagerOrder;

/* A creation that waits for Open vSwitch: making.h. */
typedef struct Making Making;

/* Called once from the loop: 0 with the TAP, and its queues if it is ephemeral, which stay open if they are taken out
 * of
 * @queues; or a negative errno and what went wrong, and nothing is left. */
typedef void (*manager_made_t)(int r, const Fault *fault, Tap *tap, TapQueues *queues, const char *name,
                               void *userdata);

/* Makes a TAP, complete, plugged in and up; a declared one is plugged in when it is there. An ephemeral one fills
 * @queues with queues->n_fds of them, for others it is NULL. 1: *ret is it; 0: @done will be called, and *ret_making
 * lives until then; negative errno with @fault filled. Conflict where its address is another TAP's, and what
 * port_check() and manager_find_switch() say. */
int manager_create(Manager *manager, const ManagerOrder *order, TapQueues *queues, manager_made_t done, void *userdata,
                   Making **ret_making, Tap **ret, Fault *fault);

/* The switch of this name. NoSuchSwitch, and SwitchUnavailable where it is, or may be, of Open vSwitch and that does
 * not answer. */
int manager_find_switch(Manager *manager, const char *name, Switch *ret, Fault *fault);

/* Conflict where another TAP has the address or the InterfaceID that is asked for, or a guest is to have the address:
 * two of one cut each other off. */
int manager_check_unique(Manager *manager, const TapSpec *spec, const char *name, Fault *fault);

/* What a switch would not take of a TAP that is as @spec says (port_check()). */
int manager_check_port(Manager *manager, const char *name, const TapSpec *spec, const Switch *where, Fault *fault);

/* Opens more queues (tap_open_queues()). */
int manager_open_queues(Manager *manager, Tap *tap, TapQueues *queues, Fault *fault);

/* Changes a live TAP into @spec, which spec_change() made of its own; what was asked is kept in the record. InUse where
 * user or group are to change and a program has a queue open; Stale where the device is no longer the record's. */
int manager_set(Manager *manager, Tap *tap, const TapSpec *spec, Fault *fault);

/* The counters of a TAP; what else changed meanwhile is told as well. */
int manager_get_statistics(Manager *manager, Tap *tap, LinkStatistics *ret, Fault *fault);

/* Sets IFF_UP; what was asked is kept in the record. Stale where the device is no longer the record's. */
int manager_set_up(Manager *manager, Tap *tap, bool up, Fault *fault);

/* Conflict where a file declares it: it would be back at once. */
int manager_check_declared(Manager *manager, const Tap *tap, Fault *fault);

/* InUse where a program has a queue open and it is not forced, NoSuchTap where it is being deleted. Changes nothing. */
int manager_check_delete(Manager *manager, Tap *tap, bool force, Fault *fault);

/* Looks at the devices that are down: the kernel tells nothing of them by itself, not even that a queue was opened
 * (netdev_state_change() of net/core/dev.c). For who is about to show or to judge them. */
void manager_refresh(Manager *manager);

/* Begins the deletion of TAPs, all of them checked, by one request of the kernel; @done is called from the loop. */
int manager_delete(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata, Deletion **ret,
                   Fault *fault);

/* The same for TAPs that were made for a request which failed: they go even where no record can be written, which is
 * what such a request may have failed for. */
int manager_take_back(Manager *manager, Tap **taps, size_t n_taps, deletion_done_t done, void *userdata);
