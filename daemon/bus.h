/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "authz.h"
#include "callers.h"
#include "manager.h"

/* The edge: the objects of org.tapd1 on the bus. Only files of this floor read messages. */
typedef struct BusReload BusReload;

typedef struct Bus {
        sd_event *event;
        sd_bus *bus;
        Manager *manager;
        Jobs *jobs;
        Callers *callers;
        Authz authz;
        BusReload *reload;
} Bus;

/* What main was told on its command line. */
typedef struct BusOptions {
        const char *root, *state_path; /* of the configuration, see config_load() */
        bool always_ask;               /* polkit, for root's requests too */
} BusOptions;

/* Connects to the system bus, and exports what @manager has and will have. The name is taken by bus_publish(). */
int bus_new(sd_event *event, Manager *manager, const BusOptions *options, Bus **ret);
Bus *bus_free(Bus *bus);

/* Takes the name org.tapd1: from here on calls come in. */
int bus_publish(Bus *bus);

/* Begins a request: finds out who asks, then has @run called until it has answered. For vtables: never fails. */
int bus_begin(Bus *bus, sd_bus_message *message, job_run_t run);

/* The object of a TAP. @ret is the caller's to free. */
int bus_tap_path(const char *name, char **ret);

/* The address of the host's side, or "". Returns @mac. */
const char *bus_tap_mac(const Tap *tap, char mac[static SPEC_MAC_SIZE]);

/* What the gate looks at; valid for this turn of the loop. */
GateTap bus_gate_tap(Bus *bus, const Tap *tap);

/* Deletes TAPs by name and answers with nothing: DeleteTaps, and Delete of one. */
int bus_delete(Bus *bus, Job *job, char *const *names, size_t n_names, bool force, Fault *fault);

/* The steps of CreateTap, CreateTaps and CreateEphemeral. */
int bus_create_tap(Job *job, void *userdata, Fault *fault);
int bus_create_taps(Job *job, void *userdata, Fault *fault);
int bus_create_ephemeral(Job *job, void *userdata, Fault *fault);

/* CreateForUnit. */
int bus_create_for_unit(Job *job, void *userdata, Fault *fault);

/* The switch that a TAP is to be plugged into, and what it would not take: 1 where @spec names one, 0 where none. */
int bus_find_switch(Bus *bus, const char *name, const TapSpec *spec, Switch *ret, Fault *fault);

/* The steps of Plug and Unplug. */
int bus_plug(Job *job, void *userdata, Fault *fault);
int bus_unplug(Job *job, void *userdata, Fault *fault);

/* The TAP that a message was sent to: looked up by its path at each step, it may be gone by now. NoSuchTap. */
int bus_find_subject(Bus *bus, const Job *job, Tap **ret, Fault *fault);

/* The steps of Reload, Declare, Undeclare and Adopt. */
int bus_reload_config(Job *job, void *userdata, Fault *fault);
int bus_declare(Job *job, void *userdata, Fault *fault);
int bus_undeclare(Job *job, void *userdata, Fault *fault);
int bus_adopt(Job *job, void *userdata, Fault *fault);

/* Has the configuration read again; asked many times it is read once, and once more where one is under way. */
void bus_reload(Bus *bus);
int bus_reload_new(Bus *bus, const char *root, const char *state_path, BusReload **ret);
BusReload *bus_reload_free(BusReload *reload);

/* Reads a{sv} of settings. */
int bus_read_settings(sd_bus_message *message, TapSpec *spec, Fault *fault);

/* Appends descriptors as ah to an answer that begins with @types, and sends it; closes them in any case. */
void bus_answer_queues(Job *job, TapQueues *queues, const char *types, ...);

/* How many queues may be asked for at once: dbus-daemon drops who sends more descriptors than that in a message. */
int bus_check_queues(uint32_t n_queues, Fault *fault);

/* Adds a TAP to the number that stands for all that a request is about. */
uint64_t bus_identity(uint64_t before, const Tap *tap);

/* Names as one detail for polkit, which has no lists; NULL: no memory. The caller frees it. */
char *bus_join_names(char *const *names, size_t n_names);

/* Most names of one request. */
#define BUS_NAMES_MAX 10000

/* What a message carried that sd-bus could not read, as a fault. */
int bus_bad_message(Fault *fault, int r);

/* NoSuchTap. */
int bus_no_such_tap(const char *name, Fault *fault);

extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_tap_vtable[];

/* The properties of TapChange bits, NULL-terminated, into @names with room for 33. */
void bus_tap_changed_names(unsigned changes, const char **names);
