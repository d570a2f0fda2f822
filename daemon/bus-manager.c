/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "names.h"
#include "text.h"

static int method_create_tap(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_create_tap);
}

static int method_create_taps(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_create_taps);
}

static int method_create_ephemeral(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_create_ephemeral);
}

static int method_create_for_unit(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_create_for_unit);
}

static int method_declare(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_declare);
}

static int method_undeclare(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_undeclare);
}

static int method_adopt(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_adopt);
}

static int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, bus_reload_config);
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Not sd_bus_message_read_strv(): it looks through what it has for each further one, and a million of them, which the
 * bus lets through, keep it busy for minutes. The names are borrowed from the message. */
static int read_names(sd_bus_message *message, char *names[static BUS_NAMES_MAX], size_t *ret_n, Fault *fault) {
        char *name;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &name)) > 0) {
                if (n == BUS_NAMES_MAX)
                        return fault_set(fault, TAPD_ERROR_LIMITS_EXCEEDED, "more than %d names", BUS_NAMES_MAX);
                names[n++] = name;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0)
                return bus_bad_message(fault, r);

        *ret_n = n;
        return 0;
}

/* Sorts the names and refuses none, and one named twice. */
static int check_names(char **names, size_t n, Fault *fault) {
        char shown[TEXT_ESCAPED_SIZE];

        if (n == 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "no name");

        qsort(names, n, sizeof(*names), compare_strings);
        for (size_t i = 1; i < n; i++)
                if (strcmp(names[i - 1], names[i]) == 0)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "\"%s\" is named twice",
                                         text_escape(names[i], shown));

        return 0;
}

static int delete_taps(Job *job, void *userdata, Fault *fault) {
        char **names;
        size_t n = 0;
        int force, r;

        names = reallocarray(NULL, BUS_NAMES_MAX, sizeof(*names));
        if (!names)
                return fault_set_errno(fault, -ENOMEM, "request");

        r = read_names(job->message, names, &n, fault);
        if (r == 0) {
                r = sd_bus_message_read_basic(job->message, 'b', &force);
                r = r < 0 ? bus_bad_message(fault, r) : check_names(names, n, fault);
        }
        if (r == 0)
                r = bus_delete(userdata, job, names, n, force, fault);

        free(names);
        return r;
}

static int method_delete_taps(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(userdata, message, delete_taps);
}

static int append_string(sd_bus_message *reply, const char *string) {
        return sd_bus_message_append_basic(reply, 's', string);
}

/* One row of ListTaps. append_basic: a format string costs twice the time, and there may be thousands. */
static int append_row(sd_bus_message *reply, const Tap *tap) {
        const uint32_t ids[] = { tap->record.creator, tap->link.user, tap->link.group };
        const int flags[] = { tap->link.user == TAPD_ID_UNSET, tap->link.multi_queue };
        const uint32_t queues[] = { tap->link.queues, tap->link.queues_detached };
        char mac[SPEC_MAC_SIZE], trunk[TRUNK_TEXT_SIZE];
        int r;

        r = sd_bus_message_open_container(reply, 'r', "sssuuubbuusussssitsqs");
        if (r >= 0)
                r = append_string(reply, tap->record.name);
        if (r >= 0)
                r = append_string(reply, spec_kind_name(&tap->record.spec));
        if (r >= 0)
                r = append_string(reply, lifetime_name(tap->record.lifetime));
        for (size_t i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 'u', &ids[i]);
        for (size_t i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 'b', &flags[i]);
        for (size_t i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 'u', &queues[i]);
        if (r >= 0)
                r = append_string(reply, bus_tap_mac(tap, mac));
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 'u', &tap->link.mtu);
        if (r >= 0)
                r = append_string(reply, tap->link.is_up ? "up" : "down");
        if (r >= 0)
                r = append_string(reply, link_operational_state_name(tap->link.operational_state));
        if (r >= 0)
                r = append_string(reply, tap_state_name(tap->state));
        if (r >= 0)
                r = append_string(reply, tap->record.spec.description);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 'i', &tap->record.ifindex);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 't', &tap->record.idle_usec);
        if (r >= 0)
                r = append_string(reply, tap->port.spec.switch_name);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 'q', &tap->port.spec.vlan);
        if (r >= 0)
                r = append_string(reply, trunk_format(&tap->port.spec.trunk, ',', trunk));
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r;
}

static int method_list_taps(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        Bus *bus = userdata;
        int r;

        manager_refresh(bus->manager);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sssuuubbuusussssitsqs)");
        for (Tap *tap = manager_next(bus->manager, NULL); tap && r >= 0; tap = manager_next(bus->manager, tap))
                r = append_row(reply, tap);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        else
                r = reply_fault(message, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });

        sd_bus_message_unref(reply);
        return r;
}

static int method_get_tap(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        Fault fault = {};
        const char *name;
        char *path;
        int r;

        r = sd_bus_message_read_basic(message, 's', &name);
        if (r < 0)
                (void) bus_bad_message(&fault, r);
        else if (!manager_find(bus->manager, name))
                (void) bus_no_such_tap(name, &fault);
        else if (bus_tap_path(name, &path) < 0)
                (void) fault_set_errno(&fault, -ENOMEM, "answer");

        if (fault.error != TAPD_ERROR_NONE)
                return reply_fault(message, &fault);

        r = sd_bus_reply_method_return(message, "o", path);
        free(path);
        return r;
}

static int property_get_version(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append_basic(reply, 's', TAPD_VERSION);
}

static int property_get_degraded(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                 sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;

        return sd_bus_message_append_strv(reply, health_sentences(manager_health(bus->manager)));
}

static int property_get_tap_count(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                  sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        uint32_t count = (uint32_t) manager_count(bus->manager);

        return sd_bus_message_append_basic(reply, 'u', &count);
}

static int property_get_intrusion_count(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        uint64_t count = manager_intrusion_count(bus->manager);

        return sd_bus_message_append_basic(reply, 't', &count);
}

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD_WITH_ARGS("CreateTap", SD_BUS_ARGS("s", name, "a{sv}", settings),
                                SD_BUS_RESULT("s", name_made, "o", tap, "b", created), method_create_tap,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateTaps", SD_BUS_ARGS("a(sa{sv})", taps), SD_BUS_RESULT("a(sob)", taps_made),
                                method_create_taps, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateEphemeral", SD_BUS_ARGS("s", name, "a{sv}", settings, "u", queues),
                                SD_BUS_RESULT("s", name_made, "o", tap, "ah", descriptors), method_create_ephemeral,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateForUnit", SD_BUS_ARGS("s", name),
                                SD_BUS_RESULT("s", name_made, "o", tap, "b", created), method_create_for_unit,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("DeleteTaps", SD_BUS_ARGS("as", names, "b", force), SD_BUS_NO_RESULT,
                                method_delete_taps, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListTaps", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sssuuubbuusussssitsqs)", taps),
                                method_list_taps, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetTap", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", tap), method_get_tap,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Declare", SD_BUS_ARGS("s", name, "a{sv}", settings), SD_BUS_RESULT("s", note),
                                method_declare, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Undeclare", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_undeclare,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Adopt", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_adopt,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("b", recreate), SD_BUS_RESULT("a(ss)", notes), method_reload,
                                SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_PROPERTY("Version", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Degraded", "as", property_get_degraded, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TapCount", "u", property_get_tap_count, 0, 0),
        SD_BUS_PROPERTY("IntrusionCount", "t", property_get_intrusion_count, 0, 0),

        SD_BUS_VTABLE_END,
};
