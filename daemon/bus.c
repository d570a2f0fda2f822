/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "names.h"
#include "text.h"

int bus_tap_path(const char *name, char **ret) {
        return sd_bus_path_encode(TAPD_TAP_PREFIX, name, ret);
}

int bus_bad_message(Fault *fault, int r) {
        if (r == -ENOMEM)
                return fault_set_errno(fault, r, "request");

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "the arguments are not of the types that the method takes");
}

int bus_no_such_tap(const char *name, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        return fault_set(fault, TAPD_ERROR_NO_SUCH_TAP, "no TAP \"%s\"", text_escape(name, shown));
}

int bus_begin(Bus *bus, sd_bus_message *message, job_run_t run) {
        Fault fault = {};
        Job *job;
        int r;

        r = job_new(bus->jobs, message, run, bus, &job, &fault);
        if (r < 0)
                return reply_fault(message, &fault);

        callers_introduce(bus->callers, job);
        return 1;
}

/* Signals tell what has happened already: one that cannot be sent is no reason to stop. */
static void note_signal(const char *name, int r) {
        if (r < 0)
                log_tap(LOG_WARNING, name, "cannot tell the bus: %s, ignoring", strerror(-r));
}

static void bus_on_added(Tap *tap, void *userdata) {
        Bus *bus = userdata;
        char *path;
        int r;

        r = bus_tap_path(tap->record.name, &path);
        if (r >= 0) {
                r = sd_bus_emit_object_added(bus->bus, path);
                free(path);
        }
        note_signal(tap->record.name, r);
}

static void bus_on_removed(Tap *tap, void *userdata) {
        Bus *bus = userdata;
        char *path;
        int r;

        r = bus_tap_path(tap->record.name, &path);
        if (r >= 0) {
                r = sd_bus_emit_object_removed(bus->bus, path);
                free(path);
        }
        note_signal(tap->record.name, r);
}

static void bus_on_changed(Tap *tap, unsigned changes, void *userdata) {
        const char *names[8 * sizeof(changes) + 1];
        Bus *bus = userdata;
        char *path;
        int r;

        bus_tap_changed_names(changes, names);
        r = bus_tap_path(tap->record.name, &path);
        if (r >= 0) {
                r = sd_bus_emit_properties_changed_strv(bus->bus, path, TAPD_TAP_INTERFACE, (char **) names);
                free(path);
        }
        note_signal(tap->record.name, r);
}

static void bus_on_tampered(Tap *tap, unsigned fields, void *userdata) {
        sd_bus_message *signal = NULL;
        const char *names[6];
        Bus *bus = userdata;
        char *path;
        int r;

        tap_tamper_names(fields, names);
        r = bus_tap_path(tap->record.name, &path);
        if (r >= 0) {
                r = sd_bus_message_new_signal(bus->bus, &signal, path, TAPD_TAP_INTERFACE, "Tampered");
                free(path);
        }
        if (r >= 0)
                r = sd_bus_message_append_strv(signal, (char **) names);
        if (r >= 0)
                r = sd_bus_send(bus->bus, signal, NULL);
        note_signal(tap->record.name, r);
        sd_bus_message_unref(signal);
}

static void bus_on_degraded(void *userdata) {
        Bus *bus = userdata;
        int r;

        r = sd_bus_emit_properties_changed(bus->bus, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "Degraded", NULL);
        if (r < 0)
                log_message(LOG_WARNING, "cannot tell the bus: %s, ignoring", strerror(-r));
}

static const ManagerHandlers bus_handlers = {
        .on_added = bus_on_added,
        .on_changed = bus_on_changed,
        .on_removed = bus_on_removed,
        .on_tampered = bus_on_tampered,
        .on_degraded = bus_on_degraded,
};

static int bus_find_tap(sd_bus *sdbus, const char *path, const char *interface, void *userdata, void **ret_found,
                        sd_bus_error *error) {
        Bus *bus = userdata;
        char *name;
        Tap *tap;
        int r;

        r = sd_bus_path_decode(path, TAPD_TAP_PREFIX, &name);
        if (r <= 0)
                return r;

        tap = manager_find(bus->manager, name);
        free(name);
        if (!tap)
                return 0;

        *ret_found = tap;
        return 1;
}

static int bus_list_taps(sd_bus *sdbus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        Bus *bus = userdata;
        char **nodes;
        size_t n = 0;

        nodes = calloc(manager_count(bus->manager) + 1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;

        for (Tap *tap = manager_next(bus->manager, NULL); tap; tap = manager_next(bus->manager, tap)) {
                int r = bus_tap_path(tap->record.name, &nodes[n]);

                if (r < 0) {
                        while (n > 0)
                                free(nodes[--n]);
                        free(nodes);
                        return r;
                }
                n++;
        }

        *ret_nodes = nodes;
        return 1;
}

static int bus_export(Bus *bus) {
        int r;

        r = sd_bus_add_object_vtable(bus->bus, NULL, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, bus_manager_vtable, bus);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus->bus, NULL, TAPD_TAP_PREFIX, TAPD_TAP_INTERFACE, bus_tap_vtable,
                                               bus_find_tap, bus);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus->bus, NULL, TAPD_TAP_PREFIX, bus_list_taps, bus);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus->bus, NULL, TAPD_OBJECT_PATH);

        return r;
}

static int bus_connect(Bus *bus, sd_event *event) {
        int r;

        r = sd_bus_open_system_with_description(&bus->bus, "tapd");
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(bus->bus, true);
        if (r >= 0)
                r = jobs_new(event, &bus->jobs);
        if (r >= 0)
                r = callers_new(bus->bus, bus->jobs, &bus->callers);
        if (r >= 0)
                r = bus_export(bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus->bus, event, SD_EVENT_PRIORITY_NORMAL);

        return r;
}

int bus_new(sd_event *event, Manager *manager, const BusOptions *options, Bus **ret) {
        Bus *bus;
        int r;

        bus = calloc(1, sizeof(*bus));
        if (!bus)
                return -ENOMEM;

        bus->event = sd_event_ref(event);
        bus->manager = manager;
        r = bus_reload_new(bus, options->root, options->state_path, &bus->reload);
        if (r >= 0)
                r = bus_connect(bus, event);
        if (r < 0) {
                bus_free(bus);
                return r;
        }

        authz_init(&bus->authz, event, bus->bus, options->always_ask);
        manager_set_handlers(manager, &bus_handlers, bus);
        *ret = bus;
        return 0;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;

        if (bus->manager)
                manager_set_handlers(bus->manager, NULL, NULL);
        jobs_free(bus->jobs);
        authz_done(&bus->authz);
        callers_free(bus->callers);
        bus_reload_free(bus->reload);
        sd_bus_flush_close_unref(bus->bus);
        sd_event_unref(bus->event);
        free(bus);
        return NULL;
}

int bus_publish(Bus *bus) {
        int r;

        r = sd_bus_request_name(bus->bus, TAPD_BUS_NAME, 0);
        if (r < 0)
                return r;

        authz_wake(&bus->authz);
        return 0;
}

char *bus_join_names(char *const *names, size_t n_names) {
        char *text, *p;

        text = malloc(n_names * (NAME_SIZE + 1) + 1);
        if (!text)
                return NULL;

        p = text;
        *p = '\0';
        for (size_t i = 0; i < n_names; i++) {
                if (i > 0)
                        *p++ = ' ';
                p = stpcpy(p, names[i]);
        }

        return text;
}

int bus_check_queues(uint32_t n_queues, Fault *fault) {
        if (n_queues < 1 || n_queues > TAP_QUEUES_MAX)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "queues: %u, not in 1..%d in one call", n_queues,
                                 TAP_QUEUES_MAX);

        return 0;
}

static int append_queues(sd_bus_message *reply, const TapQueues *queues) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "h");
        for (size_t i = 0; i < queues->n_fds && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 'h', &queues->fds[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r;
}

void bus_answer_queues(Job *job, TapQueues *queues, const char *types, ...) {
        sd_bus_message *reply = NULL;
        va_list arguments;
        int r;

        r = sd_bus_message_new_method_return(job->message, &reply);
        if (r >= 0 && *types) {
                va_start(arguments, types);
                r = sd_bus_message_appendv(reply, types, arguments);
                va_end(arguments);
        }
        if (r >= 0)
                r = append_queues(reply, queues);
        if (r >= 0)
                job_answer_message(job, reply);
        else
                job_answer_fault(job, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });

        /* The message has its own; where it cannot be delivered they go with it, and an ephemeral TAP with them. */
        sd_bus_message_unref(reply);
        tap_queues_close(queues);
}

GateTap bus_gate_tap(Bus *bus, const Tap *tap) {
        const Declaration *declaration = manager_declaration(bus->manager, tap);

        return (GateTap){ .record = &tap->record, .file = declaration ? declaration->file : NULL };
}

uint64_t bus_identity(uint64_t before, const Tap *tap) {
        return text_hash(before ? before : TEXT_HASH_INIT, &tap->record.id, sizeof(tap->record.id));
}
