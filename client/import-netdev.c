/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "conffile.h"
#include "import.h"
#include "text.h"
#include "vlan-set.h"

/* One file of systemd-networkd. */
typedef struct Unit {
        ImportPlan *plan;
        const char *path;
        ConfFile file;
        bool is_unclean; /* something in it has to stay */
} Unit;

static ImportPlace line_place(const Unit *unit, const ConfLine *line) {
        return (ImportPlace){ .path = unit->path, .line = line->number };
}

static void refuse(Unit *unit, const ConfLine *line, const char *reason) {
        ImportPlace place = line_place(unit, line);
        char *text;
        int n;

        if (line->type == CONF_ASSIGNMENT)
                n = asprintf(&text, "%s=%s", line->key, line->value);
        else
                n = asprintf(&text, "[%s]", line->section);

        unit->is_unclean = true;
        if (n < 0) {
                unit->plan->is_broken = true;
                return;
        }

        import_plan_refuse(unit->plan, &place, text, reason);
        free(text);
}

static void unit_done(Unit *unit) {
        conffile_done(&unit->file);
}

static bool unit_read(Unit *unit, ImportPlan *plan, const char *root, const char *path) {
        ImportPlace place = { .path = import_plan_keep(plan, path) };
        unsigned line = 0;
        char *text;
        size_t size;
        int r;

        *unit = (Unit){ .plan = plan, .path = place.path };
        if (!import_file_open(plan, root, path, /* must_exist= */ true, &text, &size))
                return false;

        r = conffile_parse(&unit->file, text, size, &line);
        if (r == 0)
                return true;

        place.line = line;
        plan->is_broken |= r == -ENOMEM;
        import_plan_refuse(plan, &place, "the file", "a line of more than 4096 bytes");
        unit_done(unit);
        return false;
}

/* The last value of a key, as systemd counts them; NULL where it is not said. */
static const ConfLine *unit_find(const Unit *unit, const char *section, const char *key) {
        for (size_t i = unit->file.n_lines; i-- > 0;) {
                const ConfLine *line = &unit->file.lines[i];

                if (line->type == CONF_ASSIGNMENT && text_is(line->section, section) && text_is(line->key, key))
                        return line;
        }

        return NULL;
}

static const char *unit_value(const Unit *unit, const char *section, const char *key) {
        const ConfLine *line = unit_find(unit, section, key);

        return line ? line->value : "";
}

/* What systemd takes for a boolean (systemd.syntax(7)), for what is not in the way of anything where it is none. */
static bool unit_says_yes(const Unit *unit, const char *section, const char *key) {
        bool value;

        return parse_boolean(unit_value(unit, section, key), &value) == 0 && value;
}

/* Which section of a .netdev says how it is made. */
static const char *unit_own_section(const Unit *unit) {
        return text_is(unit_value(unit, "NetDev", "Kind"), "tun") ? "Tun" : "Tap";
}

static bool is_listed(const char *key, const char *const *list) {
        while (*list && !text_is(*list, key))
                list++;

        return *list;
}

static int set(const Unit *unit, ImportTap *tap, unsigned id, const char *text, const ConfLine *line, Fault *fault) {
        return import_tap_set(unit->plan, tap, id, text, IMPORT_NETDEV, line_place(unit, line), fault);
}

/* An assignment that is said to tapd in the same words. */
static void take_setting(Unit *unit, ImportTap *tap, SettingId id, const ConfLine *line) {
        Fault fault = {};

        if (*line->value && set(unit, tap, id, line->value, line, &fault) < 0)
                refuse(unit, line, fault.text);
}

static void take_netdev_line(Unit *unit, ImportTap *tap, const ConfLine *line) {
        static const char *const made_of[] = { "Name",       "Kind",       "User",       "Group",
                                               "MultiQueue", "VNetHeader", "PacketInfo", NULL };
        const char *own = unit_own_section(unit);
        bool keep;

        if (line->type == CONF_SECTION)
                return;
        if (line->type == CONF_STRAY) {
                refuse(unit, line, line->value);
                return;
        }

        if (text_is(line->section, "NetDev") && text_is(line->key, "Description"))
                take_setting(unit, tap, SETTING_DESCRIPTION, line);
        else if (text_is(line->section, "NetDev") && text_is(line->key, "MTUBytes"))
                take_setting(unit, tap, SETTING_MTU_BYTES, line);
        else if (text_is(line->section, "NetDev") && text_is(line->key, "MACAddress") && !text_is(line->value, "none"))
                take_setting(unit, tap, SETTING_MAC_ADDRESS, line);
        else if (text_is(line->section, "Match"))
                refuse(unit, line, "tapd has no conditions");
        else if (text_is(line->section, own) && text_is(line->key, "KeepCarrier")) {
                if (parse_boolean(line->value, &keep) < 0 || keep)
                        refuse(unit, line, "tapd holds no queue: there is a carrier while a program has it open");
        } else if ((!text_is(line->section, "NetDev") && !text_is(line->section, own)) ||
                   (!is_listed(line->key, made_of) && !text_is(line->key, "MACAddress")))
                refuse(unit, line, "unknown");
}

/* How it is made: false, said, where a value is none. */
static bool read_switch(Unit *unit, const char *key, bool *ret) {
        const ConfLine *line = unit_find(unit, unit_own_section(unit), key);

        *ret = false;
        if (!line || !*line->value)
                return true;
        if (parse_boolean(line->value, ret) == 0)
                return true;

        refuse(unit, line, "not yes or no");
        return false;
}

static bool read_making(Unit *unit, ImportMaking *making) {
        const char *own = unit_own_section(unit);

        *making = (ImportMaking){
                .tun = text_is(own, "Tun"),
                .user = unit_value(unit, own, "User"),
                .group = unit_value(unit, own, "Group"),
        };

        return read_switch(unit, "MultiQueue", &making->multi_queue) &&
               read_switch(unit, "VNetHeader", &making->vnet_header) &&
               read_switch(unit, "PacketInfo", &making->packet_info);
}

/* Which files go with a unit's file besides: PATH.d of any of the folders. */
static void refuse_drop_ins(Unit *unit, const char *root) {
        ImportPlace place = { .path = unit->path };
        ImportPaths found = {};
        char *pattern;

        if (asprintf(&pattern, "%s.d/*.conf", unit->path) < 0) {
                unit->plan->is_broken = true;
                return;
        }

        if (import_paths_glob(&found, root, pattern) < 0)
                unit->plan->is_broken = true;
        for (size_t i = 0; i < found.n; i++) {
                place.path = import_plan_keep(unit->plan, found.items[i]);
                import_plan_refuse(unit->plan, &place, "the file", "drop-ins are not followed");
                unit->is_unclean = true;
        }

        import_paths_done(&found);
        free(pattern);
}

static bool is_second(const ImportPlan *plan, const char *name, ImportSource source) {
        const ImportTap *tap = import_plan_find(plan, name);

        return tap && tap->source == source;
}

static void remove_file(const Unit *unit) {
        ImportPlace place = { .path = unit->path };

        if (!unit->is_unclean)
                import_plan_remove(unit->plan, &place, "the whole file", NULL);
}

static void read_netdev(Unit *unit, const char *root) {
        const ConfLine *name = unit_find(unit, "NetDev", "Name");
        const char *kind = unit_value(unit, "NetDev", "Kind");
        ImportMaking making;
        Fault fault = {};
        ImportTap *tap;

        if (!name || (!text_is(kind, "tap") && !text_is(kind, "tun")))
                return;
        if (is_second(unit->plan, name->value, IMPORT_NETDEV)) {
                refuse(unit, name, "another file makes it");
                return;
        }
        if (!read_making(unit, &making))
                return;
        if (import_plan_make(unit->plan, name->value, IMPORT_NETDEV, line_place(unit, name), &making, &fault) < 0) {
                refuse(unit, name, fault.text);
                return;
        }

        tap = import_plan_find(unit->plan, name->value);
        if (!tap)
                return;

        /* networkd brings up what a .network file matches, and nothing else. */
        (void) set(unit, tap, SETTING_UP, "no", name, &fault);
        for (size_t i = 0; i < unit->file.n_lines; i++)
                take_netdev_line(unit, tap, &unit->file.lines[i]);
        refuse_drop_ins(unit, root);
        remove_file(unit);
}

/* .network files. */

/* What is true of every device that tapd makes, or means nothing where there are no addresses. */
static bool is_harmless(const ConfLine *line) {
        static const struct {
                const char *section, *key, *value; /* NULL: any */
        } known[] = {
                { "Match", "Name", NULL },
                { "Link", "RequiredForOnline", NULL },
                { "Link", "RequiredFamilyForOnline", NULL },
                { "Link", "ActivationPolicy", NULL },
                { "Network", "Description", NULL },
                { "Network", "DHCP", "no" },
                { "Network", "LinkLocalAddressing", "no" },
                { "Network", "IPv6AcceptRA", "no" },
                { "Network", "ConfigureWithoutCarrier", NULL },
                { "Network", "IgnoreCarrierLoss", NULL },
                { "Network", "LLDP", "no" },
                { "Network", "EmitLLDP", "no" },
        };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (text_is(known[i].section, line->section) && text_is(known[i].key, line->key))
                        return !known[i].value || text_is(known[i].value, line->value);

        return false;
}

static const char *explain_line(const ConfLine *line) {
        static const char *const sections[] = {
                "Address",           "Route",      "DHCPv4", "DHCPv6", "DHCPServer", "IPv6AcceptRA", "Neighbor",
                "RoutingPolicyRule", "IPv6SendRA", NULL
        };
        static const char *const keys[] = { "Address",      "DHCP",       "Gateway",
                                            "DNS",          "Domains",    "LinkLocalAddressing",
                                            "IPv6AcceptRA", "DHCPServer", "NTP",
                                            "IPMasquerade", "IPForward",  NULL };

        if (is_listed(line->section, sections) || (text_is(line->section, "Network") && is_listed(line->key, keys)))
                return "tapd gives no addresses";

        return "unknown";
}

/* Which comes to be read when the switch is known. */
static bool is_isolation(const ConfLine *line) {
        return text_is(line->section, "Bridge") && text_is(line->key, "Isolated");
}

static void take_network_line(Unit *unit, ImportTap *tap, const ConfLine *line) {
        Fault fault = {};

        if (line->type == CONF_SECTION)
                return;

        if (line->type == CONF_STRAY)
                refuse(unit, line, line->value);
        else if (text_is(line->section, "Network") && text_is(line->key, "Bridge")) {
                if (*line->value && set(unit, tap, SETTING_SWITCH, line->value, line, &fault) < 0)
                        refuse(unit, line, fault.text);
        } else if (text_is(line->section, "Link") && text_is(line->key, "MTUBytes"))
                take_setting(unit, tap, SETTING_MTU_BYTES, line);
        else if (text_is(line->section, "Link") && text_is(line->key, "MACAddress"))
                take_setting(unit, tap, SETTING_MAC_ADDRESS, line);
        else if (text_is(line->section, "Match") && !text_is(line->key, "Name"))
                refuse(unit, line, "tapd has no conditions");
        else if (!text_is(line->section, "BridgeVLAN") && !is_isolation(line) && !is_harmless(line))
                refuse(unit, line, explain_line(line));
}

/* [BridgeVLAN], of which there may be several. */
typedef struct PortVlans {
        VlanSet members, untagged;
        const ConfLine *pvid;
        const ConfLine *any; /* where to say something of the sum of it */
} PortVlans;

static void read_vlan_line(Unit *unit, PortVlans *vlans, const ConfLine *line) {
        VlanSet pvid = {};
        bool is_untagged;
        int r = 0;

        if (line->type != CONF_ASSIGNMENT || !text_is(line->section, "BridgeVLAN"))
                return;

        vlans->any = line;
        is_untagged = text_is(line->key, "EgressUntagged");
        if (text_is(line->key, "PVID")) {
                r = strchr(line->value, '-') ? -EINVAL : vlan_set_add(&pvid, line->value);
                vlans->pvid = r == 0 ? line : vlans->pvid;
        } else if (text_is(line->key, "VLAN") || is_untagged) {
                r = vlan_set_add(is_untagged ? &vlans->untagged : &vlans->members, line->value);
        } else {
                refuse(unit, line, "unknown");
        }

        if (r < 0)
                refuse(unit, line, "not a VLAN from 1 to 4094, nor a range of them");
}

/* Takes what goes to the guest untagged out of the set of what goes there tagged. tapd has one such VLAN, that which
 * untagged frames of the guest come into. */
static bool take_untagged(Unit *unit, PortVlans *vlans) {
        unsigned pvid = vlans->pvid ? (unsigned) atoi(vlans->pvid->value) : 0;

        for (unsigned vlan = VLAN_MIN; vlan <= VLAN_MAX; vlan++)
                if (vlans->untagged.has[vlan] != (vlan == pvid)) {
                        refuse(unit, vlans->any, "tapd wants PVID= and EgressUntagged= to be one VLAN");
                        return false;
                }

        vlans->members.has[pvid] = false;
        return true;
}

static void take_vlans(Unit *unit, ImportTap *tap) {
        PortVlans vlans = {};
        Fault fault = {};
        char trunk[TRUNK_TEXT_SIZE];
        int r = 0;

        for (size_t i = 0; i < unit->file.n_lines; i++)
                read_vlan_line(unit, &vlans, &unit->file.lines[i]);
        if (!vlans.any || !take_untagged(unit, &vlans))
                return;
        if (!tap->values[SETTING_SWITCH].text) {
                refuse(unit, vlans.any, "no switch is named");
                return;
        }

        if (vlans.pvid)
                r = set(unit, tap, SETTING_VLAN, vlans.pvid->value, vlans.pvid, &fault);
        if (r == 0 && !vlan_set_is_empty(&vlans.members)) {
                r = vlan_set_format(&vlans.members, trunk);
                if (r == 0)
                        r = set(unit, tap, SETTING_TRUNK, trunk, vlans.any, &fault);
                else
                        (void) fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "too many ranges of VLANs for one trunk");
        }

        if (r < 0)
                refuse(unit, vlans.any, fault.text);
}

static void take_isolation(Unit *unit, ImportTap *tap) {
        const ConfLine *line = unit_find(unit, "Bridge", "Isolated");
        Fault fault = {};
        bool isolated;

        if (!line || !*line->value)
                return;

        if (parse_boolean(line->value, &isolated) < 0)
                refuse(unit, line, "not yes or no");
        else if (!tap->values[SETTING_SWITCH].text)
                refuse(unit, line, "no switch is named");
        else if (set(unit, tap, SETTING_ISOLATED, isolated ? "yes" : "no", line, &fault) < 0)
                refuse(unit, line, fault.text);
}

static void take_network(Unit *unit, ImportTap *tap) {
        static const char *const down[] = { "manual", "down", "always-down", NULL };
        const ConfLine *name = unit_find(unit, "Match", "Name");
        bool is_up = !is_listed(unit_value(unit, "Link", "ActivationPolicy"), down);
        Fault fault = {};

        (void) set(unit, tap, SETTING_UP, is_up ? "yes" : "no", name, &fault);
        for (size_t i = 0; i < unit->file.n_lines; i++)
                take_network_line(unit, tap, &unit->file.lines[i]);
        take_isolation(unit, tap);
        take_vlans(unit, tap);
}

/* How a .network file's Name= goes with the plan: the TAPs that it names, and whether it names others, or names them
 * by a pattern. */
typedef struct Match {
        ImportTap *tap; /* the one, or the first of several */
        size_t n_taps, n_words;
        bool has_pattern;
} Match;

static void match_word(const Unit *unit, const char *word, Match *match) {
        ImportTap *tap = import_plan_find(unit->plan, word), *next;

        match->n_words++;
        if (tap) {
                match->tap = match->tap ? match->tap : tap;
                match->n_taps++;
                return;
        }

        if (!strpbrk(word, "*?[!"))
                return;
        HASH_ITER(hh, unit->plan->taps, tap, next)
        match->has_pattern |= fnmatch(word, tap->name, 0) == 0;
}

static Match match_names(const Unit *unit, const ConfLine *name) {
        char *copy = strdup(name->value), *rest = copy, *word;
        Match match = {};

        unit->plan->is_broken |= !copy;
        while (copy && (word = strsep(&rest, " \t")))
                if (*word)
                        match_word(unit, word, &match);

        free(copy);
        return match;
}

static void read_network(Unit *unit, const char *root) {
        const ConfLine *name = unit_find(unit, "Match", "Name");
        Match match;

        if (!name)
                return;

        match = match_names(unit, name);
        if (match.has_pattern)
                refuse(unit, name, "a pattern");
        if (match.n_taps == 0 || unit_says_yes(unit, "Link", "Unmanaged"))
                return;
        if (match.n_words > 1) {
                refuse(unit, name, "it is about more than one device");
                return;
        }

        take_network(unit, match.tap);
        refuse_drop_ins(unit, root);
        remove_file(unit);
}

static bool is_hidden(const ImportPaths *paths, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (text_is(basename(paths->items[i]), basename(paths->items[n])))
                        return true;

        return false;
}

static void read_all(ImportPlan *plan, const char *root, const ImportPaths *paths, const char *suffix,
                     void (*read)(Unit *unit, const char *root)) {
        for (size_t i = 0; i < paths->n; i++) {
                Unit unit;

                if (!text_ends_with(paths->items[i], suffix) || is_hidden(paths, i) ||
                    !unit_read(&unit, plan, root, paths->items[i]))
                        continue;

                read(&unit, root);
                unit_done(&unit);
        }
}

void import_netdev(ImportPlan *plan, const char *root, const ImportPaths *paths) {
        read_all(plan, root, paths, ".netdev", read_netdev);
        read_all(plan, root, paths, ".network", read_network);
}
