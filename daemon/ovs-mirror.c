/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovs-mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define DATABASE "Open_vSwitch"

/* IEEE 802.1Q, with those that are no VLAN of a TAP. */
#define VLANS 4096

typedef enum OvsTable {
        OVS_TABLE_BRIDGE,
        OVS_TABLE_PORT,
        OVS_TABLE_INTERFACE,
        OVS_TABLE_ROOT,
        _OVS_TABLE_MAX,
} OvsTable;

typedef struct VlanBits {
        uint64_t words[VLANS / 64];
} VlanBits;

typedef struct Name Name;

/* A row, and of one of ours its columns; what is empty in the database is NULL or 0. */
typedef struct Row {
        sd_id128_t uuid;
        Name *name;
        OvsTable table;
        UT_hash_handle hh;
} Row;

typedef struct OwnPort {
        Row row;
        char *id, *switch_name, *vlan_mode;
        int64_t tag;
        bool has_tag, is_protected;
        VlanBits *trunks;
} OwnPort;

typedef struct OwnInterface {
        Row row;
        char *interface_id, *error;
        int64_t ofport, ifindex;
        bool has_ofport, has_ifindex;
} OwnInterface;

/* All rows of one name, in whatever table. */
struct Name {
        size_t n_bridges;
        size_t n_others; /* Port and Interface rows that are not ours */
        OwnPort *port;
        OwnPort *stray; /* a Port that has a TAP's id and not the mark: of an older tapd, or written by hand */
        OwnInterface *interface;
        bool bridge_changed, port_changed;
        Name *prev, *next; /* in the list of those that changed */
        UT_hash_handle hh;
        char text[];
};

struct OvsMirror {
        /* A row that gets or loses the mark is for a moment in both, or in none: each monitor has its own message. */
        Row *rows[_OVS_MONITOR_MAX];
        Name *names;
        Name *changed;
        size_t n_bridges;
        int64_t applied;
};

/* ---- values (RFC 7047, 5.1) ---- */

/* The elements of a set, one of a single element written as such. NULL where it is none. */
static const json_t *set_elements(const json_t *value) {
        const char *kind = json_string_value(json_array_get(value, 0));
        const json_t *elements = json_array_get(value, 1);

        return kind && strcmp(kind, "set") == 0 && json_is_array(elements) ? elements : NULL;
}

/* The value of an optional column, or *ret NULL where it is empty. */
static int optional_value(const json_t *value, const json_t **ret) {
        const json_t *elements = set_elements(value);

        if (elements && json_array_size(elements) > 1)
                return -EBADMSG;

        *ret = elements ? json_array_get(elements, 0) : value;
        return 0;
}

static int take_integer(const json_t *value, int64_t *ret, bool *ret_has) {
        int r;

        r = optional_value(value, &value);
        if (r < 0)
                return r;
        if (value && !json_is_integer(value))
                return -EBADMSG;

        *ret_has = value;
        *ret = json_integer_value(value);
        return 0;
}

static int replace_text(char **text, const char *value) {
        char *copy = value ? strdup(value) : NULL;

        if (value && !copy)
                return -ENOMEM;

        free(*text);
        *text = copy;
        return 0;
}

static int take_string(const json_t *value, char **ret) {
        int r;

        r = optional_value(value, &value);
        if (r < 0)
                return r;
        if (value && !json_is_string(value))
                return -EBADMSG;

        return replace_text(ret, json_string_value(value));
}

static int toggle_bit(VlanBits *bits, const json_t *vlan) {
        json_int_t number = json_integer_value(vlan);

        if (!json_is_integer(vlan) || number < 0 || number >= VLANS)
                return -EBADMSG;

        bits->words[number / 64] ^= UINT64_C(1) << (number % 64);
        return 0;
}

/* The difference between two sets is what is in one of them alone. */
static int take_trunks(const json_t *value, VlanBits **trunks) {
        const json_t *elements = set_elements(value);
        int r = 0;

        if (!*trunks)
                *trunks = calloc(1, sizeof(**trunks));
        if (!*trunks)
                return -ENOMEM;
        if (!elements)
                return toggle_bit(*trunks, value);

        for (size_t i = 0; i < json_array_size(elements) && r == 0; i++)
                r = toggle_bit(*trunks, json_array_get(elements, i));

        return r;
}

/* The difference between two maps is what is in one of them alone, and the new value of what is in both. */
static int take_key(const json_t *pairs, const char *key, char **text) {
        for (size_t i = 0; i < json_array_size(pairs); i++) {
                const json_t *pair = json_array_get(pairs, i);
                const char *name = json_string_value(json_array_get(pair, 0));
                const char *value = json_string_value(json_array_get(pair, 1));

                if (!name || !value)
                        return -EBADMSG;
                if (strcmp(name, key) == 0)
                        return replace_text(text, *text && strcmp(*text, value) == 0 ? NULL : value);
        }

        return 0;
}

static const json_t *map_pairs(const json_t *value) {
        const char *kind = json_string_value(json_array_get(value, 0));
        const json_t *pairs = json_array_get(value, 1);

        return kind && strcmp(kind, "map") == 0 && json_is_array(pairs) ? pairs : NULL;
}

/* ---- columns ---- */

static int port_take_keys(OwnPort *port, const json_t *pairs) {
        int r;

        if (!pairs)
                return -EBADMSG;

        r = take_key(pairs, OVS_KEY_ID, &port->id);
        return r < 0 ? r : take_key(pairs, OVS_KEY_SWITCH, &port->switch_name);
}

static int port_take(OwnPort *port, const char *column, const json_t *value) {
        if (strcmp(column, "external_ids") == 0)
                return port_take_keys(port, map_pairs(value));
        if (strcmp(column, "vlan_mode") == 0)
                return take_string(value, &port->vlan_mode);
        if (strcmp(column, "tag") == 0)
                return take_integer(value, &port->tag, &port->has_tag);
        if (strcmp(column, "trunks") == 0)
                return take_trunks(value, &port->trunks);
        if (strcmp(column, "protected") == 0 && !json_is_boolean(value))
                return -EBADMSG;
        if (strcmp(column, "protected") == 0)
                port->is_protected = json_is_true(value);

        return 0;
}

static int interface_take(OwnInterface *interface, const char *column, const json_t *value) {
        if (strcmp(column, "external_ids") == 0) {
                const json_t *pairs = map_pairs(value);

                return pairs ? take_key(pairs, OVS_KEY_INTERFACE_ID, &interface->interface_id) : -EBADMSG;
        }
        if (strcmp(column, "error") == 0)
                return take_string(value, &interface->error);
        if (strcmp(column, "ofport") == 0)
                return take_integer(value, &interface->ofport, &interface->has_ofport);
        if (strcmp(column, "ifindex") == 0)
                return take_integer(value, &interface->ifindex, &interface->has_ifindex);

        return 0;
}

/* Takes over what an update has of a row of ours; in a new row everything is empty before. */
static int row_take(Row *row, OvsMonitor monitor, json_t *columns) {
        const char *column;
        json_t *value;
        int r = 0;

        json_object_foreach(columns, column, value) {
                if (monitor == OVS_MONITOR_OTHERS && row->table != OVS_TABLE_PORT)
                        continue;
                if (row->table == OVS_TABLE_PORT)
                        r = port_take((OwnPort *) row, column, value);
                else
                        r = interface_take((OwnInterface *) row, column, value);
                if (r < 0)
                        break;
        }

        return r;
}

static void row_free(Row *row, OvsMonitor monitor) {
        if (row->table == OVS_TABLE_PORT) {
                OwnPort *port = (OwnPort *) row;

                free(port->id);
                free(port->switch_name);
                free(port->vlan_mode);
                free(port->trunks);
        } else if (monitor == OVS_MONITOR_OWN) {
                OwnInterface *interface = (OwnInterface *) row;

                free(interface->interface_id);
                free(interface->error);
        }

        free(row);
}

/* ---- names ---- */

static Name *mirror_find(const OvsMirror *mirror, const char *text) {
        Name *name;

        HASH_FIND_STR(mirror->names, text, name);
        return name;
}

static int mirror_get_name(OvsMirror *mirror, const char *text, Name **ret) {
        Name *name = mirror_find(mirror, text);
        size_t length = strlen(text);

        if (!name) {
                name = calloc(1, sizeof(*name) + length + 1);
                if (!name)
                        return -ENOMEM;

                memcpy(name->text, text, length + 1);
                HASH_ADD_STR(mirror->names, text, name);
                if (!name->hh.tbl) {
                        free(name);
                        return -ENOMEM;
                }
        }

        *ret = name;
        return 0;
}

static bool name_is_used(const Name *name) {
        return name->n_bridges > 0 || name->n_others > 0 || name->port || name->interface;
}

static void name_free(OvsMirror *mirror, Name *name) {
        HASH_DEL(mirror->names, name);
        free(name);
}

static void mirror_touch(OvsMirror *mirror, Name *name, OvsTable table) {
        if (!name->bridge_changed && !name->port_changed)
                DL_APPEND(mirror->changed, name);
        if (table == OVS_TABLE_BRIDGE)
                name->bridge_changed = true;
        else
                name->port_changed = true;
}

/* ---- rows ---- */

static void row_note_stray(Row *row) {
        OwnPort *port = (OwnPort *) row;

        if (row->table == OVS_TABLE_PORT && port->id)
                row->name->stray = port;
        else if (row->name->stray && &row->name->stray->row == row)
                row->name->stray = NULL;
}

/* Counts a row among those of its name; -EBADMSG where there is one already, because names are unique. */
static int row_enter(OvsMirror *mirror, OvsMonitor monitor, Row *row) {
        Name *name = row->name;

        if (row->table == OVS_TABLE_BRIDGE) {
                name->n_bridges++;
                mirror->n_bridges++;
        } else if (monitor == OVS_MONITOR_OTHERS) {
                name->n_others++;
                row_note_stray(row);
        } else if (row->table == OVS_TABLE_PORT && !name->port) {
                name->port = (OwnPort *) row;
        } else if (row->table == OVS_TABLE_INTERFACE && !name->interface) {
                name->interface = (OwnInterface *) row;
        } else {
                return -EBADMSG;
        }

        mirror_touch(mirror, name, row->table);
        return 0;
}

static void row_leave(OvsMirror *mirror, OvsMonitor monitor, Row *row) {
        Name *name = row->name;

        if (row->table == OVS_TABLE_BRIDGE) {
                name->n_bridges--;
                mirror->n_bridges--;
        } else if (monitor == OVS_MONITOR_OTHERS) {
                name->n_others--;
                if (name->stray && &name->stray->row == row)
                        name->stray = NULL;
        } else if (row->table == OVS_TABLE_PORT) {
                name->port = NULL;
        } else {
                name->interface = NULL;
        }

        mirror_touch(mirror, name, row->table);
}

static size_t row_size(OvsMonitor monitor, OvsTable table) {
        if (table == OVS_TABLE_PORT)
                return sizeof(OwnPort);

        return monitor == OVS_MONITOR_OTHERS ? sizeof(Row) : sizeof(OwnInterface);
}

static Row *mirror_find_row(const OvsMirror *mirror, OvsMonitor monitor, sd_id128_t uuid) {
        Row *row;

        HASH_FIND(hh, mirror->rows[monitor], &uuid, sizeof(uuid), row);
        return row;
}

/* Empty columns are not sent, and so a row without a name has an empty one. */
static const char *columns_name(const json_t *columns) {
        const json_t *name = json_object_get(columns, "name");

        return name ? json_string_value(name) : "";
}

static int mirror_insert(OvsMirror *mirror, OvsMonitor monitor, OvsTable table, sd_id128_t uuid, json_t *columns) {
        const char *text = columns_name(columns);
        Name *name;
        Row *row;
        int r;

        if (!text || !json_is_object(columns) || mirror_find_row(mirror, monitor, uuid))
                return -EBADMSG;

        r = mirror_get_name(mirror, text, &name);
        if (r < 0)
                return r;

        row = calloc(1, row_size(monitor, table));
        if (!row)
                return -ENOMEM;

        row->uuid = uuid;
        row->table = table;
        row->name = name;
        r = row_take(row, monitor, columns);
        if (r == 0)
                r = row_enter(mirror, monitor, row);
        if (r < 0) {
                row_free(row, monitor);
                return r;
        }

        HASH_ADD(hh, mirror->rows[monitor], uuid, sizeof(row->uuid), row);
        if (!row->hh.tbl) {
                row_leave(mirror, monitor, row);
                row_free(row, monitor);
                return -ENOMEM;
        }

        return 0;
}

static void mirror_remove(OvsMirror *mirror, OvsMonitor monitor, Row *row) {
        row_leave(mirror, monitor, row);
        HASH_DEL(mirror->rows[monitor], row);
        row_free(row, monitor);
}

/* A change of somebody else's Interface is of a column that nobody asked for, and empty. */
static int mirror_modify(OvsMirror *mirror, OvsMonitor monitor, Row *row, json_t *columns) {
        const OwnPort *stray = row->name->stray;
        int r;

        if (monitor == OVS_MONITOR_OTHERS && row->table != OVS_TABLE_PORT)
                return 0;

        r = row_take(row, monitor, columns);
        if (monitor == OVS_MONITOR_OTHERS)
                row_note_stray(row);
        /* What else somebody writes into his own row is his affair. */
        if (monitor == OVS_MONITOR_OWN || stray || row->name->stray)
                mirror_touch(mirror, row->name, row->table);

        return r;
}

/* The one row of Open_vSwitch. */
static int mirror_take_root(OvsMirror *mirror, const json_t *columns) {
        const json_t *value = json_object_get(columns, "cur_cfg");

        if (value && !json_is_integer(value))
                return -EBADMSG;
        if (value)
                mirror->applied = json_integer_value(value);
        return 0;
}

/* Names are handed on within one update: those that go make room first. */
typedef enum Pass {
        PASS_DELETE,
        PASS_OTHER,
} Pass;

static int mirror_apply_row(OvsMirror *mirror, OvsMonitor monitor, OvsTable table, const char *key, json_t *update,
                            Pass pass) {
        json_t *initial = json_object_get(update, "initial"), *insert = json_object_get(update, "insert");
        json_t *modify = json_object_get(update, "modify");
        bool is_delete = json_object_get(update, "delete");
        sd_id128_t uuid;
        Row *row;

        if (json_object_size(update) != 1 || sd_id128_from_string(key, &uuid) < 0)
                return -EBADMSG;
        if (is_delete != (pass == PASS_DELETE))
                return 0;
        if (table == OVS_TABLE_ROOT)
                return mirror_take_root(mirror, initial ? initial : insert ? insert : modify);
        if (initial || insert)
                return mirror_insert(mirror, monitor, table, uuid, initial ? initial : insert);

        row = mirror_find_row(mirror, monitor, uuid);
        if (!row || row->table != table || (!modify && !is_delete))
                return -EBADMSG;
        if (modify)
                return mirror_modify(mirror, monitor, row, modify);

        mirror_remove(mirror, monitor, row);
        return 0;
}

static const char *const table_names[_OVS_TABLE_MAX] = {
        [OVS_TABLE_BRIDGE] = "Bridge",
        [OVS_TABLE_PORT] = "Port",
        [OVS_TABLE_INTERFACE] = "Interface",
        [OVS_TABLE_ROOT] = "Open_vSwitch",
};

static OvsTable table_of(const char *name) {
        int table = 0;

        while (table < _OVS_TABLE_MAX && strcmp(table_names[table], name) != 0)
                table++;

        return (OvsTable) table;
}

static int mirror_apply_pass(OvsMirror *mirror, OvsMonitor monitor, json_t *updates, Pass pass) {
        const char *name, *key;
        json_t *rows, *update;
        int r;

        json_object_foreach(updates, name, rows) {
                OvsTable table = table_of(name);

                bool is_marked = table == OVS_TABLE_PORT || table == OVS_TABLE_INTERFACE;

                if (table == _OVS_TABLE_MAX || (monitor == OVS_MONITOR_OWN && !is_marked) || !json_is_object(rows))
                        return -EBADMSG;
                json_object_foreach(rows, key, update) {
                        r = mirror_apply_row(mirror, monitor, table, key, update, pass);
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

int ovs_mirror_apply(OvsMirror *mirror, OvsMonitor monitor, const json_t *updates) {
        int r;

        if (!json_is_object(updates))
                return -EBADMSG;

        /* jansson iterates over an object only where it could change it. */
        r = mirror_apply_pass(mirror, monitor, (json_t *) updates, PASS_DELETE);
        return r < 0 ? r : mirror_apply_pass(mirror, monitor, (json_t *) updates, PASS_OTHER);
}

/* ---- monitors ---- */

static const char *const monitor_names[_OVS_MONITOR_MAX] = {
        [OVS_MONITOR_OTHERS] = "others",
        [OVS_MONITOR_OWN] = "own",
};

OvsMonitor ovs_monitor_of(const json_t *id) {
        const char *name = json_string_value(id);
        int monitor = 0;

        while (monitor < _OVS_MONITOR_MAX && (!name || strcmp(monitor_names[monitor], name) != 0))
                monitor++;

        return (OvsMonitor) monitor;
}

/* [<monitor-cond-request>] for the rows that have the mark, or that have it not. @columns is taken over. */
static json_t *monitor_rows(const char *function, json_t *columns) {
        return json_pack("[{s:o, s:[[s, s, [s, [[s, s]]]]]}]", "columns", columns, "where", "external_ids", function,
                         "map", OVS_KEY_MARK, OVS_VALUE_MARK);
}

json_t *ovs_monitor_request(OvsMonitor monitor) {
        const char *id = monitor_names[monitor];

        if (monitor == OVS_MONITOR_OTHERS)
                return json_pack("[s, s, {s:[{s:[s]}], s:[{s:[s]}], s:o, s:o}]", DATABASE, id, "Open_vSwitch",
                                 "columns", "cur_cfg", "Bridge", "columns", "name", "Port",
                                 monitor_rows("excludes", json_pack("[s, s]", "name", "external_ids")), "Interface",
                                 monitor_rows("excludes", json_pack("[s]", "name")));

        return json_pack("[s, s, {s:o, s:o}]", DATABASE, id, "Port",
                         monitor_rows("includes", json_pack("[s, s, s, s, s, s]", "name", "external_ids", "vlan_mode",
                                                            "tag", "trunks", "protected")),
                         "Interface",
                         monitor_rows("includes", json_pack("[s, s, s, s, s]", "name", "external_ids", "ofport",
                                                            "ifindex", "error")));
}

/* ---- what others ask ---- */

static bool bits_get(const VlanBits *bits, unsigned vlan) {
        return bits->words[vlan / 64] >> (vlan % 64) & 1;
}

/* False where the set holds what no Trunk can say: VLAN 0 or 4095, or too many ranges. */
static bool bits_to_trunk(const VlanBits *bits, Trunk *ret) {
        *ret = (Trunk){};
        for (unsigned vlan = 0; bits && vlan < VLANS; vlan++) {
                if (!bits_get(bits, vlan))
                        continue;
                if (vlan < VLAN_MIN || vlan > VLAN_MAX)
                        return false;
                if (ret->n_ranges > 0 && ret->ranges[ret->n_ranges - 1].last == vlan - 1)
                        ret->ranges[ret->n_ranges - 1].last++;
                else if (ret->n_ranges == TRUNK_RANGES_MAX)
                        return false;
                else
                        ret->ranges[ret->n_ranges++] = (VlanRange){ (uint16_t) vlan, (uint16_t) vlan };
        }

        return true;
}

static void bits_from_trunk(const Trunk *trunk, VlanBits *ret) {
        *ret = (VlanBits){};
        for (size_t i = 0; i < trunk->n_ranges; i++)
                for (unsigned vlan = trunk->ranges[i].first; vlan <= trunk->ranges[i].last; vlan++)
                        ret->words[vlan / 64] |= UINT64_C(1) << (vlan % 64);
}

static bool copy_text(const char *text, char *buffer, size_t size) {
        if (!text || strlen(text) >= size)
                return false;

        strcpy(buffer, text);
        return true;
}

/* Whether the mode says what the VLANs alone would say: access with a tag, trunk without one, and both only where the
 * tag is the native VLAN. */
static bool mode_is_exact(const OwnPort *port, const PortSpec *spec) {
        const char *mode = port->vlan_mode ? port->vlan_mode : "";

        if (!port->has_tag)
                return strcmp(mode, "trunk") == 0;
        if (port->tag < VLAN_MIN || port->tag > VLAN_MAX)
                return false;

        return strcmp(mode, spec->trunk.n_ranges > 0 ? "native-untagged" : "access") == 0;
}

static void port_read_row(const OwnPort *own, OvsPort *port) {
        port->is_exact = copy_text(own->switch_name, port->spec.switch_name, sizeof(port->spec.switch_name));
        if (!bits_to_trunk(own->trunks, &port->spec.trunk) || !mode_is_exact(own, &port->spec))
                port->is_exact = false;
        if (own->has_tag && own->tag >= VLAN_MIN && own->tag <= VLAN_MAX)
                port->spec.vlan = (uint16_t) own->tag;
        port->spec.isolated = own->is_protected;
}

static void port_read_interface(const OwnInterface *own, OvsPort *port) {
        char *id = port->spec.interface_id;

        port->interface_row = own->row.uuid;
        if (own->interface_id && !copy_text(own->interface_id, id, sizeof(port->spec.interface_id)))
                port->is_exact = false;
        if (own->has_ofport)
                port->ofport = own->ofport > 0 && own->ofport <= INT32_MAX ? (int) own->ofport : -1;
        if (own->has_ifindex)
                port->ifindex = own->ifindex > 0 && own->ifindex <= INT32_MAX ? (int) own->ifindex : 0;
        if (own->error)
                (void) text_escape(own->error, port->error);
}

static void name_read_port(const Name *name, OvsPort *ret) {
        const OwnPort *port = name->port ? name->port : name->stray;

        *ret = (OvsPort){ .ifindex = -1 };
        if (!copy_text(name->text, ret->name, sizeof(ret->name)) || !port || !port->id ||
            sd_id128_from_string(port->id, &ret->id) < 0 || sd_id128_is_null(ret->id))
                return;

        ret->is_own = true;
        ret->row = port->row.uuid;
        port_read_row(port, ret);
        if (name->interface)
                port_read_interface(name->interface, ret);
        else
                ret->is_exact = false;
}

bool ovs_port_is_plugged(const OvsPort *port) {
        return port->is_own && port->ofport > 0 && !*port->error;
}

bool ovs_port_matches(const OvsPort *port, const PortSpec *spec) {
        PortSpec a = port->spec, b = *spec;
        VlanBits trunk_a, trunk_b;

        bits_from_trunk(&a.trunk, &trunk_a);
        bits_from_trunk(&b.trunk, &trunk_b);
        a.trunk = b.trunk = (Trunk){};
        return port->is_own && port->is_exact && portspec_equals(&a, &b) &&
               memcmp(&trunk_a, &trunk_b, sizeof(trunk_a)) == 0;
}

bool ovs_mirror_has_bridge(const OvsMirror *mirror, const char *name) {
        const Name *found = mirror_find(mirror, name);

        return found && found->n_bridges > 0;
}

bool ovs_mirror_find_port(const OvsMirror *mirror, const char *name, OvsPort *ret) {
        const Name *found = mirror_find(mirror, name);

        if (!found || (found->n_others == 0 && !found->port && !found->interface))
                return false;

        name_read_port(found, ret);
        return true;
}

void ovs_mirror_each_port(const OvsMirror *mirror, void (*callback)(const OvsPort *port, void *userdata),
                          void *userdata) {
        for (OvsMonitor monitor = 0; monitor < _OVS_MONITOR_MAX; monitor++)
                for (const Row *row = mirror->rows[monitor]; row; row = row->hh.next) {
                        OvsPort port;

                        if (row->table != OVS_TABLE_PORT || !((const OwnPort *) row)->id)
                                continue;
                        name_read_port(row->name, &port);
                        if (port.is_own)
                                callback(&port, userdata);
                }
}

void ovs_mirror_tell(OvsMirror *mirror, ovs_name_t on_bridge, ovs_name_t on_port, void *userdata) {
        while (mirror->changed) {
                Name *name = mirror->changed;
                bool bridge_changed = name->bridge_changed, port_changed = name->port_changed;

                DL_DELETE(mirror->changed, name);
                name->bridge_changed = name->port_changed = false;
                if (bridge_changed && on_bridge)
                        on_bridge(name->text, userdata);
                if (port_changed && on_port)
                        on_port(name->text, userdata);
                if (!name_is_used(name))
                        name_free(mirror, name);
        }
}

int64_t ovs_mirror_applied(const OvsMirror *mirror) {
        return mirror->applied;
}

size_t ovs_mirror_count_bridges(const OvsMirror *mirror) {
        return mirror->n_bridges;
}

size_t ovs_mirror_count_rows(const OvsMirror *mirror) {
        return HASH_COUNT(mirror->rows[OVS_MONITOR_OTHERS]) + HASH_COUNT(mirror->rows[OVS_MONITOR_OWN]);
}

int ovs_mirror_new(OvsMirror **ret) {
        OvsMirror *mirror;

        mirror = calloc(1, sizeof(*mirror));
        if (!mirror)
                return -ENOMEM;

        *ret = mirror;
        return 0;
}

OvsMirror *ovs_mirror_free(OvsMirror *mirror) {
        Name *name, *next_name;
        Row *row, *next_row;

        if (!mirror)
                return NULL;

        for (int monitor = 0; monitor < _OVS_MONITOR_MAX; monitor++)
                HASH_ITER(hh, mirror->rows[monitor], row, next_row) {
                        HASH_DEL(mirror->rows[monitor], row);
                        row_free(row, (OvsMonitor) monitor);
                }
        HASH_ITER(hh, mirror->names, name, next_name) {
                name_free(mirror, name);
        }

        free(mirror);
        return NULL;
}
