/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Creations: one TAP, many, or one that lives by its queues. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "names.h"
#include "table.h"

/* Reads a name and its settings, and judges what can be judged without knowing who asks. */
static int read_order(Bus *bus, const Job *job, const char **ret_wish, TapSpec *ret_spec, Fault *fault) {
        const SpecDefaults *defaults = &manager_config(bus->manager)->defaults;
        const SpecOwner owner = { .uid = job->caller->uid,
                                  .in_default_group = caller_in_group(job->caller, defaults->group) };
        TapSpec spec = SPEC_INIT;
        int r;

        r = sd_bus_message_read_basic(job->message, 's', ret_wish);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = name_check_wish(*ret_wish, fault);
        if (r == 0)
                r = bus_read_settings(job->message, &spec, fault);
        if (r == 0)
                r = spec_complete(&spec, defaults, &owner, fault);
        if (r == 0)
                *ret_spec = spec;

        return r;
}

/* A TAP of tapd's has the name: it is the caller's own, as he wants it, or he cannot have it. */
static int check_existing(const Job *job, const Tap *tap, const TapSpec *spec, Fault *fault) {
        const char *name = tap->record.name;
        const Setting *difference;

        if (tap->is_undeclared)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" goes with its last queue", name);
        if (tap->record.lifetime == LIFETIME_DECLARED)
                return fault_set(fault, TAPD_ERROR_CONFLICT,
                                 "Name=: \"%s\" is declared in %s; it is used as it is, or changed there", name,
                                 tap->record.source);
        if (tap->record.creator != job->caller->uid)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" belongs to uid %u", name,
                                 tap->record.creator);
        if (tap->state == TAP_DELETING)
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" is being deleted", name);
        if (tap->record.lifetime != LIFETIME_RUNTIME)
                return fault_set(fault, TAPD_ERROR_CONFLICT, "Name=: \"%s\" exists and goes with its last queue", name);

        difference = spec_compare(&tap->record.spec, spec);
        if (difference)
                return fault_set(fault, TAPD_ERROR_CONFLICT,
                                 "%s=: \"%s\" exists with another value; delete it, or leave the setting as it is",
                                 difference->key, name);

        return 0;
}

static void answer_created(Job *job, const char *name, bool created) {
        char *path;

        if (bus_tap_path(name, &path) < 0) {
                job_answer_fault(job, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });
                return;
        }

        job_answer(job, "sob", name, path, (int) created);
        free(path);
}

/* Judges a creation and asks for it: 1 when it may be done. */
static int authorize_one(Bus *bus, Job *job, const char *name, const TapSpec *spec, Fault *fault) {
        AuthzTarget target = { .names = name, .creator = job->caller->uid };
        char vlans[PORT_VLANS_SIZE];
        GateVerdict verdict;
        Switch where;
        int r;

        r = bus_find_switch(bus, name, spec, &where, fault);
        if (r < 0)
                return r;

        if (r > 0) {
                target.switch_name = spec->port.switch_name;
                target.vlans = port_format_vlans(&spec->port, vlans);
        }
        r = gate_create(manager_config(bus->manager), job->caller, name, spec,
                        r > 0 ? &(const GateSwitch){ where.filters_vlans } : NULL,
                        manager_count_of(bus->manager, job->caller->uid), &verdict, fault);
        if (r < 0)
                return r;

        return authz_require_verdict(&bus->authz, job, TAPD_ACTION_CREATE, &target, &verdict, fault);
}

static void answer_made(Job *job, const Tap *tap, TapQueues *queues) {
        const char *name = tap->record.name;
        char *path;

        if (tap->record.lifetime != LIFETIME_EPHEMERAL) {
                answer_created(job, name, true);
        } else if (bus_tap_path(name, &path) < 0) {
                tap_queues_close(queues);
                job_answer_fault(job, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });
        } else {
                bus_answer_queues(job, queues, "so", name, path);
                free(path);
        }
}

/* One that had to wait for Open vSwitch. */
static void bus_on_made(int r, const Fault *fault, Tap *tap, TapQueues *queues, const char *name, void *userdata) {
        Job *job = userdata;

        job->making = NULL;
        if (r < 0)
                job_answer_fault(job, fault);
        else
                answer_made(job, tap, queues);
        job_free(job);
}

/* Makes it and answers, now or later. */
static int make(Bus *bus, Job *job, const ManagerOrder *order, TapQueues *queues, Fault *fault) {
        TapQueues none = {};
        Tap *tap;
        int r;

        r = manager_create(bus->manager, order, queues, bus_on_made, job, &job->making, &tap, fault);
        if (r > 0)
                answer_made(job, tap, queues ? queues : &none);

        return r < 0 ? r : 0;
}

/* One that does not exist yet: asks for it, and makes it. */
static int make_runtime(Bus *bus, Job *job, const char *name, const TapSpec *spec, const char *source, Fault *fault) {
        int r;

        r = authorize_one(bus, job, name, spec, fault);
        if (r <= 0)
                return r;

        return make(bus, job,
                    &(const ManagerOrder){
                            .name = name,
                            .spec = spec,
                            .creator = job->caller->uid,
                            .lifetime = LIFETIME_RUNTIME,
                            .source = source,
                    },
                    /* queues= */ NULL, fault);
}

int bus_create_tap(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        char name[NAME_SIZE];
        const char *wish;
        TapSpec spec;
        Tap *tap;
        int r;

        r = read_order(bus, job, &wish, &spec, fault);
        if (r == 0)
                r = manager_choose_name(bus->manager, wish, name, fault);
        if (r < 0)
                return r;

        tap = manager_find(bus->manager, name);
        if (tap) {
                r = check_existing(job, tap, &spec, fault);
                if (r == 0)
                        answer_created(job, name, false);
                return r;
        }

        return make_runtime(bus, job, name, &spec, RECORD_SOURCE_BUS, fault);
}

int bus_create_for_unit(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        const SpecDefaults *defaults = &manager_config(bus->manager)->defaults;
        TapSpec spec = SPEC_INIT;
        const char *name;
        Tap *tap;
        int r;

        r = sd_bus_message_read_basic(job->message, 's', &name);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = name_check(name, fault);
        if (r == 0)
                r = spec_complete(
                        &spec, defaults,
                        &(const SpecOwner){ .uid = job->caller->uid,
                                            .in_default_group = caller_in_group(job->caller, defaults->group) },
                        fault);
        if (r < 0)
                return r;

        /* A unit needs the TAP; how it is made is for its file to say. */
        tap = manager_find(bus->manager, name);
        if (tap) {
                r = tap->record.lifetime == LIFETIME_DECLARED ? 0 : check_existing(job, tap, &spec, fault);
                if (r == 0)
                        answer_created(job, name, false);
                return r;
        }

        return make_runtime(bus, job, name, &spec, RECORD_SOURCE_UNIT, fault);
}

/* The items of a request while they are read; the names are in a table too, for each may be there once. */
typedef struct ItemName {
        char name[NAME_SIZE];
        UT_hash_handle hh;
} ItemName;

typedef struct Items {
        CreationItem *items;
        size_t n_items;
        size_t n_new;
        ItemName *names;
} Items;

static void items_done(Items *items) {
        ItemName *name, *next;

        HASH_ITER(hh, items->names, name, next) {
                HASH_DEL(items->names, name);
                free(name);
        }
        free(items->items);
}

static int items_add_name(Items *items, const char *name, Fault *fault) {
        ItemName *entry;

        HASH_FIND_STR(items->names, name, entry);
        if (entry)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "Name=: \"%s\" is named twice", name);

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return fault_set_errno(fault, -ENOMEM, "request");

        strcpy(entry->name, name);
        HASH_ADD_STR(items->names, name, entry);
        if (!entry->hh.tbl) {
                free(entry);
                return fault_set_errno(fault, -ENOMEM, "request");
        }

        return 0;
}

static bool items_have_name(const char *name, void *userdata) {
        const Items *items = userdata;
        ItemName *entry;

        HASH_FIND_STR(items->names, name, entry);
        return entry;
}

static int items_add(Items *items, Bus *bus, const Job *job, const char *wish, const TapSpec *spec, Fault *fault) {
        CreationItem *item = &items->items[items->n_items];
        Tap *tap;
        int r;

        *item = (CreationItem){ .spec = *spec };
        r = manager_choose_name_besides(bus->manager, wish, items_have_name, items, item->name, fault);
        if (r == 0)
                r = items_add_name(items, item->name, fault);
        if (r < 0)
                return r;

        tap = manager_find(bus->manager, item->name);
        if (tap) {
                r = check_existing(job, tap, spec, fault);
                if (r < 0)
                        return r;
                item->exists = true;
        }

        items->n_items++;
        items->n_new += !item->exists;
        return 0;
}

static int read_items(Bus *bus, const Job *job, Items *items, Fault *fault) {
        int r;

        r = sd_bus_message_enter_container(job->message, 'a', "(sa{sv})");
        while (r >= 0 && (r = sd_bus_message_enter_container(job->message, 'r', "sa{sv}")) > 0) {
                const char *wish;
                TapSpec spec;

                if (items->n_items >= BUS_NAMES_MAX)
                        return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "more than %d TAPs", BUS_NAMES_MAX);

                /* Doubled at each power of two. */
                if ((items->n_items & (items->n_items - 1)) == 0) {
                        size_t room = items->n_items ? items->n_items * 2 : 1;
                        CreationItem *grown = reallocarray(items->items, room, sizeof(*grown));

                        if (!grown)
                                return fault_set_errno(fault, -ENOMEM, "request");
                        items->items = grown;
                }

                r = read_order(bus, job, &wish, &spec, fault);
                if (r == 0)
                        r = items_add(items, bus, job, wish, &spec, fault);
                if (r < 0)
                        return r;

                r = sd_bus_message_exit_container(job->message);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(job->message);
        if (r < 0)
                return bus_bad_message(fault, r);

        return items->n_items > 0 ? 0 : fault_set(fault, TAPD_ERROR_INVALID_ARGS, "no TAP");
}

static char *join_items(const Items *items) {
        char **names, *joined;

        names = reallocarray(NULL, items->n_items, sizeof(*names));
        if (!names)
                return NULL;

        for (size_t i = 0; i < items->n_items; i++)
                names[i] = items->items[i].name;

        joined = bus_join_names(names, items->n_items);
        free(names);
        return joined;
}

/* What a rule or a prompt is told of the switches of many: where they differ, that they do. */
static void name_switch(AuthzTarget *target, const PortSpec *port, char vlans[static PORT_VLANS_SIZE]) {
        char text[PORT_VLANS_SIZE];

        (void) port_format_vlans(port, text);
        if (!target->switch_name) {
                target->switch_name = port->switch_name;
                target->vlans = strcpy(vlans, text);
                return;
        }

        if (strcmp(target->switch_name, port->switch_name) != 0)
                target->switch_name = "*";
        if (strcmp(vlans, text) != 0)
                strcpy(vlans, "*");
}

/* One question for all that are new. */
static int authorize_items(Bus *bus, Job *job, const Items *items, unsigned *ret_quota, Fault *fault) {
        AuthzTarget target = { .creator = job->caller->uid };
        size_t n_taps = manager_count_of(bus->manager, job->caller->uid);
        GateVerdict all = { .quota = GATE_NO_QUOTA };
        char *joined, vlans[PORT_VLANS_SIZE];
        Switch where;
        int r;

        *ret_quota = GATE_NO_QUOTA;
        if (items->n_new == 0)
                return 1;

        for (size_t i = 0; i < items->n_items; i++) {
                const CreationItem *item = &items->items[i];
                GateVerdict verdict;

                if (item->exists)
                        continue;

                r = bus_find_switch(bus, item->name, &item->spec, &where, fault);
                if (r < 0)
                        return r;
                if (r > 0)
                        name_switch(&target, &item->spec.port, vlans);

                r = gate_create(manager_config(bus->manager), job->caller, item->name, &item->spec,
                                r > 0 ? &(const GateSwitch){ where.filters_vlans } : NULL, n_taps++, &verdict, fault);
                if (r < 0)
                        return r;
                gate_join(&all, &verdict);
        }

        joined = join_items(items);
        if (!joined)
                return fault_set_errno(fault, -ENOMEM, "request");

        target.names = joined;
        r = authz_require_verdict(&bus->authz, job, TAPD_ACTION_CREATE, &target, &all, fault);
        free(joined);
        *ret_quota = all.quota;
        return r;
}

static int append_items(sd_bus_message *reply, const CreationItem *items, size_t n_items) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sob)");
        for (size_t i = 0; i < n_items && r >= 0; i++) {
                char *path;

                r = bus_tap_path(items[i].name, &path);
                if (r < 0)
                        break;
                r = sd_bus_message_append(reply, "(sob)", items[i].name, path, (int) !items[i].exists);
                free(path);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r;
}

static void bus_on_created(int result, const Fault *fault, const CreationItem *items, size_t n_items, void *userdata) {
        sd_bus_message *reply = NULL;
        Job *job = userdata;
        int r;

        job->creation = NULL;
        if (result < 0) {
                job_answer_fault(job, fault);
        } else {
                r = sd_bus_message_new_method_return(job->message, &reply);
                if (r >= 0)
                        r = append_items(reply, items, n_items);
                if (r >= 0)
                        job_answer_message(job, reply);
                else
                        job_answer_fault(job, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });
                sd_bus_message_unref(reply);
        }

        job_free(job);
}

int bus_create_taps(Job *job, void *userdata, Fault *fault) {
        Bus *bus = userdata;
        unsigned quota = 0;
        Items items = {};
        int r;

        r = read_items(bus, job, &items, fault);
        if (r == 0)
                r = authorize_items(bus, job, &items, &quota, fault);
        if (r > 0) {
                CreationItem *taken = items.items;

                items.items = NULL;
                r = creation_begin(bus->event, bus->manager, taken, items.n_items, job->caller->uid, quota,
                                   bus_on_created, job, &job->creation);
                if (r < 0)
                        r = fault_set_errno(fault, r, "request");
        }

        items_done(&items);
        return r;
}

int bus_create_ephemeral(Job *job, void *userdata, Fault *fault) {
        TapQueues queues = {};
        Bus *bus = userdata;
        char name[NAME_SIZE];
        const char *wish;
        uint32_t n_queues;
        TapSpec spec;
        int r;

        r = read_order(bus, job, &wish, &spec, fault);
        if (r < 0)
                return r;

        r = sd_bus_message_read_basic(job->message, 'u', &n_queues);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = bus_check_queues(n_queues, fault);
        if (r == 0)
                r = spec_complete_ephemeral(&spec, n_queues, fault);
        if (r == 0)
                r = manager_choose_name(bus->manager, wish, name, fault);
        if (r < 0)
                return r;

        /* Never repeated silently: the queues of the first are somebody's. */
        if (manager_find(bus->manager, name))
                return fault_set(fault, TAPD_ERROR_NAME_IN_USE, "Name=: \"%s\" exists", name);

        r = authorize_one(bus, job, name, &spec, fault);
        if (r <= 0)
                return r;

        queues.n_fds = n_queues;
        return make(bus, job,
                    &(const ManagerOrder){
                            .name = name,
                            .spec = &spec,
                            .creator = job->caller->uid,
                            .lifetime = LIFETIME_EPHEMERAL,
                    },
                    &queues, fault);
}
