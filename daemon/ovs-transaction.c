/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovs-transaction.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define ID_SIZE SD_ID128_STRING_MAX
#define UUID_SIZE SD_ID128_UUID_STRING_MAX

/* ---- operations; each takes over what it is given, and NULL is what any failure of memory ends in ---- */

static void transaction_begin(OvsTransaction *transaction, const char *what, const char *name) {
        *transaction = (OvsTransaction){ .params = json_pack("[s]", "Open_vSwitch") };

        /* For who reads the log of the database (ovsdb-tool show-log). */
        transaction->steps[transaction->n_steps++] = OVS_STEP_WRITE;
        if (json_array_append_new(transaction->params,
                                  json_pack("{s:s, s:s++}", "op", "comment", "comment", "tapd: ", what, name)) < 0) {
                json_decref(transaction->params);
                transaction->params = NULL;
        }
}

static void transaction_add(OvsTransaction *transaction, OvsStep step, json_t *operation) {
        assert(transaction->n_steps < OVS_STEPS_MAX);

        transaction->steps[transaction->n_steps++] = step;
        if (transaction->params && json_array_append_new(transaction->params, operation) < 0) {
                json_decref(transaction->params);
                transaction->params = NULL;
        } else if (!transaction->params) {
                json_decref(operation);
        }
}

static json_t *uuid_value(sd_id128_t uuid) {
        char text[UUID_SIZE];

        return json_pack("[s, s]", "uuid", sd_id128_to_uuid_string(uuid, text));
}

static json_t *where_name(const char *name) {
        return json_pack("[[s, s, s]]", "name", "==", name);
}

/* The row, as long as it is of this TAP. */
static json_t *where_own(const OvsPort *port) {
        char id[ID_SIZE];

        return json_pack("[[s, s, o], [s, s, [s, [[s, s]]]]]", "_uuid", "==", uuid_value(port->row), "external_ids",
                         "includes", "map", OVS_KEY_ID, sd_id128_to_string(port->id, id));
}

/* Its Interface. By number: a name is looked for among all rows. */
static json_t *where_own_interface(const OvsPort *port) {
        return json_pack("[[s, s, o], [s, s, [s, [[s, s]]]]]", "_uuid", "==", uuid_value(port->interface_row),
                         "external_ids", "includes", "map", OVS_KEY_MARK, OVS_VALUE_MARK);
}

/* Fails at once where what is found are not these rows. */
static json_t *operation_wait(const char *table, json_t *where, json_t *rows) {
        return json_pack("{s:s, s:i, s:s, s:o, s:[s], s:s, s:o}", "op", "wait", "timeout", 0, "table", table, "where",
                         where, "columns", "name", "until", "==", "rows", rows);
}

static void add_wait_for_bridge(OvsTransaction *transaction, const char *name) {
        transaction_add(transaction, OVS_STEP_BRIDGE,
                        operation_wait("Bridge", where_name(name), json_pack("[{s:s}]", "name", name)));
}

static void add_wait_for_own(OvsTransaction *transaction, const OvsPort *port) {
        transaction_add(transaction, OVS_STEP_OURS,
                        operation_wait("Port", where_own(port), json_pack("[{s:s}]", "name", port->name)));
}

static void add_wait_for_none(OvsTransaction *transaction, const char *table, const char *name) {
        transaction_add(transaction, OVS_STEP_FREE, operation_wait(table, where_name(name), json_array()));
}

static void add_delete(OvsTransaction *transaction, const char *table, json_t *where) {
        transaction_add(transaction, OVS_STEP_WRITE,
                        json_pack("{s:s, s:s, s:o}", "op", "delete", "table", table, "where", where));
}

/* Adds a port to the bridges found, or takes it away ("insert", "delete"): a mutation does not write the others. */
static void add_mutate_ports(OvsTransaction *transaction, json_t *where, const char *mutator, json_t *port) {
        transaction_add(transaction, OVS_STEP_WRITE,
                        json_pack("{s:s, s:s, s:o, s:[[s, s, o]]}", "op", "mutate", "table", "Bridge", "where", where,
                                  "mutations", "ports", mutator, port));
}

static json_t *where_has_port(sd_id128_t row) {
        return json_pack("[[s, s, o]]", "ports", "includes", uuid_value(row));
}

static json_t *where_has_port_besides(sd_id128_t row, const char *name) {
        return json_pack("[[s, s, o], [s, s, s]]", "ports", "includes", uuid_value(row), "name", "!=", name);
}

/* ---- columns ---- */

static json_t *trunks_value(const Trunk *trunk) {
        json_t *vlans = json_array();

        for (size_t i = 0; i < trunk->n_ranges; i++)
                for (unsigned vlan = trunk->ranges[i].first; vlan <= trunk->ranges[i].last; vlan++)
                        if (json_array_append_new(vlans, json_integer(vlan)) < 0) {
                                json_decref(vlans);
                                return NULL;
                        }

        return json_pack("[s, o]", "set", vlans);
}

static const char *vlan_mode(const PortSpec *spec) {
        if (!spec->vlan)
                return "trunk";

        return spec->trunk.n_ranges > 0 ? "native-untagged" : "access";
}

/* The columns of a Port that say what goes through it. */
static json_t *port_columns(const PortSpec *spec) {
        json_t *tag = spec->vlan ? json_integer(spec->vlan) : json_pack("[s, []]", "set");

        return json_pack("{s:s, s:o, s:o, s:b}", "vlan_mode", vlan_mode(spec), "tag", tag, "trunks",
                         trunks_value(&spec->trunk), "protected", spec->isolated);
}

static json_t *port_row(const char *name, sd_id128_t id, const PortSpec *spec) {
        json_t *row = port_columns(spec);
        char text[ID_SIZE];
        json_t *more;
        int r;

        more = json_pack("{s:s, s:[s, s], s:[s, [[s, s], [s, s], [s, s]]]}", "name", name, "interfaces", "named-uuid",
                         "interface", "external_ids", "map", OVS_KEY_MARK, OVS_VALUE_MARK, OVS_KEY_ID,
                         sd_id128_to_string(id, text), OVS_KEY_SWITCH, spec->switch_name);
        r = json_object_update(row, more);
        json_decref(more);
        if (r < 0) {
                json_decref(row);
                return NULL;
        }

        return row;
}

static json_t *interface_row(const char *name, sd_id128_t id, const PortSpec *spec) {
        char text[ID_SIZE];
        json_t *pairs;

        pairs = json_pack("[[s, s], [s, s]]", OVS_KEY_MARK, OVS_VALUE_MARK, OVS_KEY_ID, sd_id128_to_string(id, text));
        if (*spec->interface_id &&
            json_array_append_new(pairs, json_pack("[s, s]", OVS_KEY_INTERFACE_ID, spec->interface_id)) < 0) {
                json_decref(pairs);
                return NULL;
        }

        return json_pack("{s:s, s:s, s:[s, o]}", "name", name, "type", "system", "external_ids", "map", pairs);
}

static json_t *operation_insert(const char *table, const char *uuid_name, json_t *row) {
        return json_pack("{s:s, s:s, s:s, s:o}", "op", "insert", "table", table, "uuid-name", uuid_name, "row", row);
}

/* What others wrote beside it stays. */
static json_t *interface_id_mutations(const PortSpec *spec) {
        json_t *mutations;

        mutations = json_pack("[[s, s, [s, [s]]]]", "external_ids", "delete", "set", OVS_KEY_INTERFACE_ID);
        if (*spec->interface_id &&
            json_array_append_new(mutations, json_pack("[s, s, [s, [[s, s]]]]", "external_ids", "insert", "map",
                                                       OVS_KEY_INTERFACE_ID, spec->interface_id)) < 0) {
                json_decref(mutations);
                return NULL;
        }

        return mutations;
}

/* ---- transactions ---- */

void ovs_transaction_make(OvsTransaction *transaction, const char *name, sd_id128_t id, const PortSpec *spec,
                          const OvsPort *old) {
        transaction_begin(transaction, "plug ", name);
        add_wait_for_bridge(transaction, spec->switch_name);
        if (old) {
                add_wait_for_own(transaction, old);
                add_mutate_ports(transaction, where_has_port(old->row), "delete", uuid_value(old->row));
                /* Without these their names were taken until the end of the transaction. */
                add_delete(transaction, "Port", where_own(old));
                add_delete(transaction, "Interface", where_own_interface(old));
        }

        add_wait_for_none(transaction, "Port", name);
        add_wait_for_none(transaction, "Interface", name);
        transaction_add(transaction, OVS_STEP_WRITE,
                        operation_insert("Interface", "interface", interface_row(name, id, spec)));
        transaction_add(transaction, OVS_STEP_WRITE, operation_insert("Port", "port", port_row(name, id, spec)));
        add_mutate_ports(transaction, where_name(spec->switch_name), "insert",
                         json_pack("[s, s]", "named-uuid", "port"));
}

/* As ovs-vsctl(8) does to hear when ovs-vswitchd is done; the last operation, so that its result is found. */
static void add_number(OvsTransaction *transaction) {
        transaction_add(transaction, OVS_STEP_WRITE,
                        json_pack("{s:s, s:s, s:[], s:[[s, s, i]]}", "op", "mutate", "table", "Open_vSwitch", "where",
                                  "mutations", "next_cfg", "+=", 1));
        transaction_add(transaction, OVS_STEP_WRITE,
                        json_pack("{s:s, s:s, s:[], s:[s]}", "op", "select", "table", "Open_vSwitch", "where",
                                  "columns", "next_cfg"));
}

void ovs_transaction_change(OvsTransaction *transaction, const OvsPort *port, const PortSpec *spec) {
        transaction_begin(transaction, "change ", port->name);
        add_wait_for_bridge(transaction, spec->switch_name);
        add_wait_for_own(transaction, port);
        transaction_add(transaction, OVS_STEP_WRITE,
                        json_pack("{s:s, s:s, s:o, s:o}", "op", "update", "table", "Port", "where", where_own(port),
                                  "row", port_columns(spec)));
        transaction_add(transaction, OVS_STEP_WRITE,
                        json_pack("{s:s, s:s, s:o, s:o}", "op", "mutate", "table", "Interface", "where",
                                  where_own_interface(port), "mutations", interface_id_mutations(spec)));
        /* No row says which bridge it is on: if somebody moved it by hand it is put back. */
        add_mutate_ports(transaction, where_has_port_besides(port->row, spec->switch_name), "delete",
                         uuid_value(port->row));
        add_mutate_ports(transaction, where_name(spec->switch_name), "insert", uuid_value(port->row));
        add_number(transaction);
}

void ovs_transaction_remove(OvsTransaction *transaction, const OvsPort *port, const char *bridge) {
        transaction_begin(transaction, "unplug ", port->name);
        if (bridge)
                add_wait_for_bridge(transaction, bridge);
        add_wait_for_own(transaction, port);
        add_mutate_ports(transaction, where_has_port(port->row), "delete", uuid_value(port->row));
        add_number(transaction);
}

json_t *ovs_transaction_take(OvsTransaction *transaction) {
        json_t *params = transaction->params;

        transaction->params = NULL;
        return params;
}

/* ---- answers ---- */

const char *ovs_error_text(const json_t *error, char text[static TEXT_ESCAPED_SIZE]) {
        const char *details = json_string_value(json_object_get(error, "details"));
        const char *name = json_string_value(json_object_get(error, "error"));

        return text_escape(details ? details : name ? name : "unknown error", text);
}

int ovs_transaction_check(const OvsTransaction *transaction, const json_t *result, OvsStep *ret_step,
                          char text[static TEXT_ESCAPED_SIZE]) {
        size_t n = json_array_size(result);

        /* What fails at the end of all of it, such as a constraint, is one more than there are operations. */
        for (size_t i = 0; i < n; i++) {
                const json_t *entry = json_array_get(result, i);

                if (!json_object_get(entry, "error"))
                        continue;
                *ret_step = i < transaction->n_steps ? transaction->steps[i] : OVS_STEP_WRITE;
                (void) ovs_error_text(entry, text);
                return -EREMOTEIO;
        }

        return n == transaction->n_steps ? 0 : -EBADMSG;
}

int ovs_transaction_number(const OvsTransaction *transaction, const json_t *result, int64_t *ret) {
        const json_t *rows = json_object_get(json_array_get(result, transaction->n_steps - 1), "rows");
        const json_t *number = json_object_get(json_array_get(rows, 0), "next_cfg");

        /* A database without the row that says so has no ovs-vswitchd. */
        if (!json_is_array(rows) || (json_array_size(rows) > 0 && !json_is_integer(number)))
                return -EBADMSG;

        *ret = json_integer_value(number);
        return 0;
}
