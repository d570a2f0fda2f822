/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "log.h"
#include "names.h"

const char *bus_tap_mac(const Tap *tap, char mac[static SPEC_MAC_SIZE]) {
        if (tap->link.has_mac)
                return spec_mac_format(tap->link.mac, mac);

        mac[0] = '\0';
        return mac;
}

int bus_find_subject(Bus *bus, const Job *job, Tap **ret, Fault *fault) {
        const char *path = sd_bus_message_get_path(job->message);
        char *name;
        int r;

        r = sd_bus_path_decode(path, TAPD_TAP_PREFIX, &name);
        if (r <= 0)
                return r < 0 ? fault_set_errno(fault, r, "request") : bus_no_such_tap(path, fault);

        *ret = manager_find(bus->manager, name);
        r = *ret ? 0 : bus_no_such_tap(name, fault);
        free(name);
        return r;
}

static int authorize(Bus *bus, Job *job, const char *action, const Tap *tap, const GateVerdict *verdict, Fault *fault) {
        const AuthzTarget target = {
                .names = tap->record.name,
                .creator = tap->record.creator,
                .identity = bus_identity(0, tap),
        };

        return authz_require_verdict(&bus->authz, job, action, &target, verdict, fault);
}

/* Changes a TAP into what @spec says; Up, Down and Set end here. */
static int change(Bus *bus, Job *job, Tap *tap, const TapSpec *spec, Fault *fault) {
        const GateTap subject = bus_gate_tap(bus, tap);
        GateVerdict verdict;
        int r;

        r = gate_change(manager_config(bus->manager), job->caller, &subject, spec, &verdict, fault);
        if (r == 0)
                r = authorize(bus, job, TAPD_ACTION_CONFIGURE, tap, &verdict, fault);
        if (r <= 0)
                return r;

        r = manager_set(bus->manager, tap, spec, fault);
        if (r < 0)
                return r;

        log_tap(LOG_INFO, tap->record.name, "changed by uid %u", job->caller->uid);
        job_answer(job, NULL);
        return 0;
}

static int set_up(Job *job, Bus *bus, bool up, Fault *fault) {
        TapSpec spec;
        Tap *tap;
        int r;

        r = bus_find_subject(bus, job, &tap, fault);
        if (r < 0)
                return r;

        if (up && tap_is_held(tap))
                return fault_set(fault, TAPD_ERROR_CONFLICT, "%s: %s%s", tap->record.name,
                                 *tap->waiting ? tap->waiting : tap->reason,
                                 tap->is_intruded ? "" : "; it goes up when it is plugged in");

        spec = tap->record.spec;
        spec.up = up;
        return change(bus, job, tap, &spec, fault);
}

static int tap_set(Job *job, void *userdata, Fault *fault) {
        TapSpec wanted = SPEC_INIT, spec;
        Tap *tap;
        int r;

        r = bus_read_settings(job->message, &wanted, fault);
        if (r == 0)
                r = bus_find_subject(userdata, job, &tap, fault);
        if (r < 0)
                return r;

        spec = tap->record.spec;
        r = spec_change(&spec, &wanted, tap->record.lifetime == LIFETIME_EPHEMERAL, fault);
        if (r < 0)
                return r;

        return change(userdata, job, tap, &spec, fault);
}

static int tap_open_queues_for(Job *job, void *userdata, Fault *fault) {
        TapQueues queues = {};
        GateVerdict verdict;
        Bus *bus = userdata;
        GateTap subject;
        uint32_t count;
        Tap *tap;
        int r;

        r = sd_bus_message_read_basic(job->message, 'u', &count);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = bus_check_queues(count, fault);
        if (r == 0)
                r = bus_find_subject(bus, job, &tap, fault);
        if (r < 0)
                return r;

        subject = bus_gate_tap(bus, tap);
        r = gate_use(manager_config(bus->manager), job->caller, GATE_OPEN, &subject, &verdict, fault);
        if (r == 0)
                r = authorize(bus, job, TAPD_ACTION_OPEN, tap, &verdict, fault);
        if (r <= 0)
                return r;

        queues.n_fds = count;
        r = manager_open_queues(bus->manager, tap, &queues, fault);
        if (r < 0)
                return r;

        bus_answer_queues(job, &queues, "");
        return 0;
}

static int tap_up(Job *job, void *userdata, Fault *fault) {
        return set_up(job, userdata, true, fault);
}

static int tap_down(Job *job, void *userdata, Fault *fault) {
        return set_up(job, userdata, false, fault);
}

static int tap_delete(Job *job, void *userdata, Fault *fault) {
        char name[NAME_SIZE];
        int force, r;
        Tap *tap;

        r = sd_bus_message_read_basic(job->message, 'b', &force);
        if (r < 0)
                return bus_bad_message(fault, r);

        r = bus_find_subject(userdata, job, &tap, fault);
        if (r < 0)
                return r;

        (void) snprintf(name, sizeof(name), "%s", tap->record.name);
        return bus_delete(userdata, job, &(char *){ name }, 1, force, fault);
}

/* Where the methods of a TAP find the rest: their userdata is the TAP, which may be gone when they go on. */
static Bus *bus_of(sd_bus_message *message) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(message)));
}

static int method_up(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, tap_up);
}

static int method_down(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, tap_down);
}

static int method_set(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, tap_set);
}

static int method_plug(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, bus_plug);
}

static int method_unplug(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, bus_unplug);
}

static int method_open_queues(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, tap_open_queues_for);
}

static int append_counter(sd_bus_message *reply, const char *name, uint64_t value) {
        return sd_bus_message_append(reply, "{st}", name, value);
}

static int append_statistics(sd_bus_message *reply, const LinkStatistics *statistics) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{st}");
        if (r >= 0)
                r = append_counter(reply, "ReceivedPackets", statistics->rx_packets);
        if (r >= 0)
                r = append_counter(reply, "ReceivedBytes", statistics->rx_bytes);
        if (r >= 0)
                r = append_counter(reply, "ReceiveErrors", statistics->rx_errors);
        if (r >= 0)
                r = append_counter(reply, "ReceiveDropped", statistics->rx_dropped);
        if (r >= 0)
                r = append_counter(reply, "TransmittedPackets", statistics->tx_packets);
        if (r >= 0)
                r = append_counter(reply, "TransmittedBytes", statistics->tx_bytes);
        if (r >= 0)
                r = append_counter(reply, "TransmitErrors", statistics->tx_errors);
        if (r >= 0)
                r = append_counter(reply, "TransmitDropped", statistics->tx_dropped);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r;
}

static int method_get_statistics(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        LinkStatistics statistics;
        Fault fault = {};
        int r;

        r = manager_get_statistics(bus_of(message)->manager, userdata, &statistics, &fault);
        if (r < 0)
                return reply_fault(message, &fault);

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = append_statistics(reply, &statistics);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        else
                r = reply_fault(message, &(const Fault){ .error = TAPD_ERROR_NO_MEMORY, .text = "answer" });

        sd_bus_message_unref(reply);
        return r;
}

static int method_delete(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_begin(bus_of(message), message, tap_delete);
}

/* The getters get the address of the field whose offset stands in the vtable. */

static int property_get_text(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append_basic(reply, 's', userdata);
}

static int property_get_flag(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const bool *flag = userdata;

        return sd_bus_message_append_basic(reply, 'b', &(int){ *flag });
}

static int property_get_kind(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append_basic(reply, 's', spec_kind_name(userdata));
}

static int property_get_lifetime(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                 sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Lifetime *lifetime = userdata;

        return sd_bus_message_append_basic(reply, 's', lifetime_name(*lifetime));
}

static int property_get_shared(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const uint32_t *user = userdata;

        return sd_bus_message_append_basic(reply, 'b', &(int){ *user == TAPD_ID_UNSET });
}

static int property_get_mac(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        char mac[SPEC_MAC_SIZE];

        return sd_bus_message_append_basic(reply, 's', bus_tap_mac(userdata, mac));
}

static int property_get_guest_mac(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                  sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Record *record = userdata;
        char mac[SPEC_MAC_SIZE];

        return sd_bus_message_append_basic(reply, 's',
                                           record->spec.mode.tun ? "" : spec_mac_format(record->guest_mac, mac));
}

static int property_get_administrative_state(sd_bus *sdbus, const char *path, const char *interface,
                                             const char *property, sd_bus_message *reply, void *userdata,
                                             sd_bus_error *error) {
        const bool *is_up = userdata;

        return sd_bus_message_append_basic(reply, 's', *is_up ? "up" : "down");
}

static int property_get_operational_state(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                          sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const uint8_t *state = userdata;

        return sd_bus_message_append_basic(reply, 's', link_operational_state_name(*state));
}

static int property_get_state(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const TapState *state = userdata;

        return sd_bus_message_append_basic(reply, 's', tap_state_name(*state));
}

static int property_get_switch_kind(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const SwitchKind *kind = userdata;

        return sd_bus_message_append_basic(reply, 's', switch_kind_name(*kind));
}

static int property_get_trunk(sd_bus *sdbus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Trunk *trunk = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(qq)");
        for (size_t i = 0; i < trunk->n_ranges && r >= 0; i++)
                r = sd_bus_message_append(reply, "(qq)", (int) trunk->ranges[i].first, (int) trunk->ranges[i].last);

        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* In the order of the bits of TapChange. */
static const char *const change_names[] = {
        "User",
        "Group",
        "Shared",
        "VNetHeader",
        "PacketInfo",
        "QueuesAttached",
        "QueuesDetached",
        "MACAddress",
        "MTUBytes",
        "TransmitQueueLength",
        "AdministrativeState",
        "OperationalState",
        "Carrier",
        "State",
        "Description",
        "IdleSinceUSec",
        "StateReason",
        "Lifetime",
        "Source",
        "Switch",
        "SwitchKind",
        "VLAN",
        "Trunk",
        "Isolated",
        "InterfaceID",
};

void bus_tap_changed_names(unsigned changes, const char **names) {
        for (size_t i = 0; i < sizeof(change_names) / sizeof(change_names[0]); i++)
                if (changes & 1u << i)
                        *names++ = change_names[i];

        *names = NULL;
}

#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define METHOD SD_BUS_VTABLE_UNPRIVILEGED
#define AT(field) offsetof(Tap, field)

const sd_bus_vtable bus_tap_vtable[] = {
        SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD_WITH_ARGS("Up", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_up, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Down", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_down, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Delete", SD_BUS_ARGS("b", force), SD_BUS_NO_RESULT, method_delete, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Set", SD_BUS_ARGS("a{sv}", settings), SD_BUS_NO_RESULT, method_set, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Plug", SD_BUS_ARGS("s", switch, "a{sv}", port), SD_BUS_NO_RESULT, method_plug, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Unplug", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_unplug, METHOD),
        SD_BUS_METHOD_WITH_ARGS("OpenQueues", SD_BUS_ARGS("u", count), SD_BUS_RESULT("ah", descriptors),
                                method_open_queues, METHOD),
        SD_BUS_METHOD_WITH_ARGS("GetStatistics", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{st}", counters),
                                method_get_statistics, METHOD),

        SD_BUS_SIGNAL_WITH_ARGS("Tampered", SD_BUS_ARGS("as", fields), 0),

        SD_BUS_PROPERTY("Name", "s", property_get_text, AT(record.name), CONSTANT),
        SD_BUS_PROPERTY("Ifindex", "i", NULL, AT(record.ifindex), CONSTANT),
        SD_BUS_PROPERTY("Kind", "s", property_get_kind, AT(record.spec), CONSTANT),
        SD_BUS_PROPERTY("Lifetime", "s", property_get_lifetime, AT(record.lifetime), CHANGES),
        SD_BUS_PROPERTY("CreatorUID", "u", NULL, AT(record.creator), CONSTANT),
        SD_BUS_PROPERTY("User", "u", NULL, AT(link.user), CHANGES),
        SD_BUS_PROPERTY("Group", "u", NULL, AT(link.group), CHANGES),
        SD_BUS_PROPERTY("Shared", "b", property_get_shared, AT(link.user), CHANGES),
        SD_BUS_PROPERTY("MultiQueue", "b", property_get_flag, AT(link.multi_queue), CONSTANT),
        SD_BUS_PROPERTY("VNetHeader", "b", property_get_flag, AT(link.vnet_header), CHANGES),
        SD_BUS_PROPERTY("PacketInfo", "b", property_get_flag, AT(link.packet_info), CHANGES),
        SD_BUS_PROPERTY("QueuesAttached", "u", NULL, AT(link.queues), CHANGES),
        SD_BUS_PROPERTY("QueuesDetached", "u", NULL, AT(link.queues_detached), CHANGES),
        SD_BUS_PROPERTY("MACAddress", "s", property_get_mac, 0, CHANGES),
        SD_BUS_PROPERTY("GuestMACAddress", "s", property_get_guest_mac, AT(record), CONSTANT),
        SD_BUS_PROPERTY("MTUBytes", "u", NULL, AT(link.mtu), CHANGES),
        SD_BUS_PROPERTY("TransmitQueueLength", "u", NULL, AT(link.transmit_queue_length), CHANGES),
        SD_BUS_PROPERTY("Description", "s", property_get_text, AT(record.spec.description), CHANGES),
        SD_BUS_PROPERTY("AdministrativeState", "s", property_get_administrative_state, AT(link.is_up), CHANGES),
        SD_BUS_PROPERTY("OperationalState", "s", property_get_operational_state, AT(link.operational_state), CHANGES),
        SD_BUS_PROPERTY("Carrier", "b", property_get_flag, AT(link.has_carrier), CHANGES),
        SD_BUS_PROPERTY("State", "s", property_get_state, AT(state), CHANGES),
        SD_BUS_PROPERTY("StateReason", "s", property_get_text, AT(reason), CHANGES),
        SD_BUS_PROPERTY("Switch", "s", property_get_text, AT(port.spec.switch_name), CHANGES),
        SD_BUS_PROPERTY("SwitchKind", "s", property_get_switch_kind, AT(port.kind), CHANGES),
        SD_BUS_PROPERTY("VLAN", "q", NULL, AT(port.spec.vlan), CHANGES),
        SD_BUS_PROPERTY("Trunk", "a(qq)", property_get_trunk, AT(port.spec.trunk), CHANGES),
        SD_BUS_PROPERTY("Isolated", "b", property_get_flag, AT(port.spec.isolated), CHANGES),
        SD_BUS_PROPERTY("InterfaceID", "s", property_get_text, AT(port.spec.interface_id), CHANGES),
        SD_BUS_PROPERTY("Source", "s", property_get_text, AT(record.source), CHANGES),
        SD_BUS_PROPERTY("CreatedUSec", "t", NULL, AT(record.created_usec), CONSTANT),
        SD_BUS_PROPERTY("IdleSinceUSec", "t", NULL, AT(record.idle_usec), CHANGES),

        SD_BUS_VTABLE_END,
};
