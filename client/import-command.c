/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import-command.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"
#include "vlan-set.h"

/* The words of a command behind the program's name, one after the other. */
typedef struct Words {
        char *const *items;
        size_t n;
} Words;

static const char *words_peek(const Words *words) {
        return words->n > 0 ? words->items[0] : "";
}

/* "" at the end, which is no word that any of the programs knows. */
static const char *words_take(Words *words) {
        const char *word = words_peek(words);

        if (words->n > 0) {
                words->items++;
                words->n--;
        }

        return word;
}

static int refuse(Fault *fault, const char *reason) {
        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s", reason);
}

/* The program, without sudo in front of it. */
static const char *take_program(const ImportCommand *command, Words *words) {
        const char *program;

        *words = (Words){ .items = command->words, .n = command->n_words };
        program = basename(words_take(words));
        if (!text_is(program, "sudo"))
                return program;

        while (text_is(words_peek(words), "-n") || text_is(words_peek(words), "-E"))
                (void) words_take(words);

        return basename(words_take(words));
}

static int set(ImportPlan *plan, ImportTap *tap, unsigned id, const char *text, ImportPlace place, Fault *fault) {
        return import_tap_set(plan, tap, id, text, IMPORT_INTERFACES, place, fault);
}

/* What makes a TAP. */

static int make(ImportPlan *plan, const ImportCommand *command, const char *name, const ImportMaking *making,
                const char **ret_name, Fault *fault) {
        int r;

        if (command->is_down)
                return refuse(fault, "it makes a TAP when the interface goes");
        if (!*name)
                return refuse(fault, "the kernel chooses the name");

        r = import_plan_make(plan, name, IMPORT_INTERFACES, command->place, making, fault);
        if (r < 0)
                return r;

        *ret_name = name;
        return IMPORT_DONE;
}

/* ip [OPTION...] OBJECT; those without an argument that change nothing here. */
static const char *ip_take_object(Words *words) {
        static const char *const options[] = { "-4", "-6", "-0", "-s", "-d", "-o", "-br", "-c", "-force" };
        size_t i = 0;

        while (i < sizeof(options) / sizeof(options[0]))
                i = text_is(words_peek(words), options[i]) ? (void) words_take(words), 0 : i + 1;

        return words_take(words);
}

static bool is_tuntap(const char *object) {
        return text_is(object, "tuntap") || text_is(object, "tap");
}

/* ip-tuntap(8). Without "pi" frames have no packet information. */
static int make_by_ip(ImportPlan *plan, const ImportCommand *command, Words words, const char **ret_name,
                      Fault *fault) {
        ImportMaking making = { .user = "", .group = "" };
        const char *name = "", *mode = "";

        while (words.n > 0) {
                const char *word = words_take(&words);

                if (text_is(word, "dev") || text_is(word, "name"))
                        name = words_take(&words);
                else if (text_is(word, "mode"))
                        mode = words_take(&words);
                else if (text_is(word, "user"))
                        making.user = words_take(&words);
                else if (text_is(word, "group"))
                        making.group = words_take(&words);
                else if (text_is(word, "pi"))
                        making.packet_info = true;
                else if (text_is(word, "vnet_hdr"))
                        making.vnet_header = true;
                else if (text_is(word, "multi_queue"))
                        making.multi_queue = true;
                else if (!*name && *word != '-' && !text_is(word, "one_queue"))
                        name = word;
                else if (!text_is(word, "one_queue"))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown option \"%s\" of ip tuntap", word);
        }

        making.tun = text_is(mode, "tun");
        if (!making.tun && !text_is(mode, "tap"))
                return refuse(fault, "ip tuntap makes it only with \"mode tap\" or \"mode tun\"");

        return make(plan, command, name, &making, ret_name, fault);
}

/* tunctl(8): taps without packet information; where neither -u nor -g is given it is for who runs it, who is root. */
static int make_by_tunctl(ImportPlan *plan, const ImportCommand *command, Words words, const char **ret_name,
                          Fault *fault) {
        ImportMaking making = { .user = "", .group = "" };
        const char *name = "";

        while (words.n > 0) {
                const char *word = words_take(&words);

                if (text_is(word, "-t"))
                        name = words_take(&words);
                else if (text_is(word, "-u"))
                        making.user = words_take(&words);
                else if (text_is(word, "-g"))
                        making.group = words_take(&words);
                else if (text_is(word, "-f"))
                        (void) words_take(&words);
                else if (!text_is(word, "-b"))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown option \"%s\" of tunctl", word);
        }

        if (!*making.user && !*making.group)
                making.user = "root";

        return make(plan, command, name, &making, ret_name, fault);
}

/* openvpn(8), --mktun: without packet information, for all where nobody is named. */
static int make_by_openvpn(ImportPlan *plan, const ImportCommand *command, Words words, const char **ret_name,
                           Fault *fault) {
        ImportMaking making = { .user = "", .group = "" };
        const char *name = "", *type = "";

        while (words.n > 0) {
                const char *word = words_take(&words);

                if (text_is(word, "--dev"))
                        name = words_take(&words);
                else if (text_is(word, "--dev-type"))
                        type = words_take(&words);
                else if (text_is(word, "--user"))
                        making.user = words_take(&words);
                else if (text_is(word, "--group"))
                        making.group = words_take(&words);
                else if (text_is(word, "--dev-node"))
                        (void) words_take(&words);
                else if (!text_is(word, "--mktun"))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown option \"%s\" of openvpn --mktun",
                                         word);
        }

        /* "tap" and "tun" alone are names that it gives a number. */
        if (text_is(name, "tap") || text_is(name, "tun"))
                name = "";
        if (!*type)
                type = strncmp(name, "tun", strlen("tun")) == 0 ? "tun" : "tap";

        making.tun = text_is(type, "tun");
        return make(plan, command, name, &making, ret_name, fault);
}

static bool words_have(Words words, const char *word) {
        for (size_t i = 0; i < words.n; i++)
                if (text_is(words.items[i], word))
                        return true;

        return false;
}

int import_command_make(ImportPlan *plan, const ImportCommand *command, const char **ret_name, Fault *fault) {
        Words words;
        const char *program = take_program(command, &words), *verb;

        if (text_is(program, "tunctl") && !words_have(words, "-d"))
                return make_by_tunctl(plan, command, words, ret_name, fault);
        if (text_is(program, "openvpn") && words_have(words, "--mktun"))
                return make_by_openvpn(plan, command, words, ret_name, fault);
        if (!text_is(program, "ip") || !is_tuntap(ip_take_object(&words)))
                return IMPORT_FOREIGN;

        verb = words_take(&words);
        if (text_is(verb, "add") || text_is(verb, "a"))
                return make_by_ip(plan, command, words, ret_name, fault);

        return IMPORT_FOREIGN;
}

bool import_text_makes_taps(const char *text) {
        return strstr(text, "tuntap") || strstr(text, "tunctl") || strstr(text, "--mktun");
}

/* What becomes of a TAP. */

/* "ip link set" and "ifconfig", read: what they set. */
typedef struct LinkChange {
        const char *name;
        struct {
                SettingId id;
                const char *text;
        } values[8];
        size_t n;
        const char *bridge;
        const char *unknown; /* the first word that is none of tapd's settings */
} LinkChange;

static void change_add(LinkChange *change, SettingId id, const char *text) {
        if (change->n >= sizeof(change->values) / sizeof(change->values[0])) {
                change->unknown = text;
                return;
        }

        change->values[change->n].id = id;
        change->values[change->n++].text = text;
}

static int change_apply(ImportPlan *plan, const ImportCommand *command, const LinkChange *change, Fault *fault) {
        ImportTap *tap = import_plan_find(plan, change->name);
        int r = 0;

        if (!tap)
                return IMPORT_FOREIGN;
        if (change->unknown)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "\"%.64s\" is no setting of tapd", change->unknown);

        for (size_t i = 0; i < change->n && r == 0; i++) {
                bool takes_down = change->values[i].id == SETTING_UP && strcmp(change->values[i].text, "no") == 0;

                if (!command->is_down)
                        r = set(plan, tap, change->values[i].id, change->values[i].text, command->place, fault);
                else if (!takes_down)
                        r = refuse(fault, "it changes the TAP when the interface goes");
        }

        if (r == 0 && change->bridge && !command->is_down)
                r = set(plan, tap, SETTING_SWITCH, change->bridge, command->place, fault);

        return r < 0 ? r : IMPORT_DONE;
}

/* What ip(8) and bridge(8) say, as tapd says it. */
static const char *isolation(const char *word) {
        if (text_is(word, "on"))
                return "yes";

        return text_is(word, "off") ? "no" : word;
}

static void read_link_word(LinkChange *change, Words *words, bool is_down) {
        const char *word = words_take(words);

        if (text_is(word, "dev"))
                change->name = words_take(words);
        else if (text_is(word, "up") || text_is(word, "down"))
                change_add(change, SETTING_UP, text_is(word, "up") ? "yes" : "no");
        else if (text_is(word, "mtu"))
                change_add(change, SETTING_MTU_BYTES, words_take(words));
        else if (text_is(word, "address"))
                change_add(change, SETTING_MAC_ADDRESS, words_take(words));
        else if (text_is(word, "txqueuelen") || text_is(word, "txqlen") || text_is(word, "qlen"))
                change_add(change, SETTING_TRANSMIT_QUEUE_LENGTH, words_take(words));
        else if (text_is(word, "alias"))
                change_add(change, SETTING_DESCRIPTION, words_take(words));
        else if (text_is(word, "master"))
                change->bridge = words_take(words);
        else if (text_is(word, "type") && text_is(words_peek(words), "bridge_slave"))
                (void) words_take(words);
        else if (text_is(word, "isolated"))
                change_add(change, SETTING_ISOLATED, isolation(words_take(words)));
        else if (!*change->name && !text_is(word, "nomaster"))
                change->name = word;
        else if (!text_is(word, "nomaster") || !is_down)
                change->unknown = change->unknown ? change->unknown : word;
}

/* ip-link(8), "set". */
static int apply_link_set(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        LinkChange change = { .name = "" };

        while (words.n > 0)
                read_link_word(&change, &words, command->is_down);

        return change_apply(plan, command, &change, fault);
}

/* What takes a TAP away again: tapd does that by itself. */
static int apply_removal(const ImportPlan *plan, const ImportCommand *command, const char *name, Fault *fault) {
        if (!import_plan_find(plan, name))
                return IMPORT_FOREIGN;

        return command->is_down ? IMPORT_DONE : refuse(fault, "it takes away what was made");
}

/* The name behind @key, or the first word that is no option and not behind one. */
static const char *find_name(Words words, const char *key) {
        for (size_t i = 0; i + 1 < words.n; i++)
                if (text_is(words.items[i], key))
                        return words.items[i + 1];

        return words_peek(&words);
}

static const char *find_named(Words words) {
        return find_name(words, words_have(words, "name") ? "name" : "dev");
}

static bool is_abbreviation(const char *word, const char *whole) {
        return *word && strncmp(word, whole, strlen(word)) == 0;
}

/* ip link and ip tuntap; of the rest only what is about a TAP, to say why it is not translated. */
static int apply_ip(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *object = ip_take_object(&words), *verb = words_take(&words);
        bool deletes = text_is(verb, "del") || text_is(verb, "delete");

        if (is_tuntap(object) && deletes)
                return apply_removal(plan, command, find_named(words), fault);
        if (is_abbreviation(object, "link") && deletes)
                return apply_removal(plan, command, find_named(words), fault);
        if (is_abbreviation(object, "link") && is_abbreviation(verb, "set"))
                return apply_link_set(plan, command, words, fault);

        if (!import_plan_find(plan, find_name(words, "dev")))
                return IMPORT_FOREIGN;
        if (is_abbreviation(object, "address"))
                return refuse(fault, "tapd gives no addresses");
        if (is_abbreviation(object, "route"))
                return refuse(fault, "tapd sets no routes");

        return IMPORT_FOREIGN;
}

static int apply_ifconfig(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        LinkChange change = { .name = words_take(&words) };

        /* An address of zeros is none, and brings the device up. */
        if (text_is(words_peek(&words), "0.0.0.0") || text_is(words_peek(&words), "0")) {
                (void) words_take(&words);
                change_add(&change, SETTING_UP, "yes");
        }

        while (words.n > 0) {
                const char *word = words_take(&words);

                if (text_is(word, "up") || text_is(word, "down"))
                        change_add(&change, SETTING_UP, text_is(word, "up") ? "yes" : "no");
                else if (text_is(word, "mtu"))
                        change_add(&change, SETTING_MTU_BYTES, words_take(&words));
                else if (text_is(word, "txqueuelen"))
                        change_add(&change, SETTING_TRANSMIT_QUEUE_LENGTH, words_take(&words));
                else if (text_is(word, "hw") && text_is(words_peek(&words), "ether")) {
                        (void) words_take(&words);
                        change_add(&change, SETTING_MAC_ADDRESS, words_take(&words));
                } else
                        change.unknown = change.unknown ? change.unknown : word;
        }

        return change_apply(plan, command, &change, fault);
}

/* brctl(8): several ports may be named. */
static int apply_brctl(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *verb = words_take(&words), *bridge = words_take(&words);
        bool adds = text_is(verb, "addif") && !command->is_down, removes = text_is(verb, "delif") && command->is_down;
        size_t ours = 0, all = words.n;
        int r = 0;

        while (words.n > 0 && r == 0) {
                ImportTap *tap = import_plan_find(plan, words_take(&words));

                if (!tap)
                        continue;
                if (!adds && !removes)
                        return refuse(fault, "it moves a port");

                ours++;
                if (adds)
                        r = set(plan, tap, SETTING_SWITCH, bridge, command->place, fault);
        }

        if (r < 0)
                return r;
        if (ours == 0)
                return IMPORT_FOREIGN;

        return ours == all ? IMPORT_DONE : IMPORT_PARTIAL;
}

/* "vid N pvid untagged", in any order, is an access port; what else of a bridge's port may have several VLANs, or keep
 * the one that the bridge gave it, is said with "vlan add" more than once. */
static const char *find_access_vlan(Words words) {
        const char *vlan = NULL;
        bool is_pvid = false, is_untagged = false;

        while (words.n > 0) {
                const char *word = words_take(&words);

                is_pvid |= text_is(word, "pvid");
                is_untagged |= text_is(word, "untagged");
                if (text_is(word, "vid"))
                        vlan = words_take(&words);
        }

        return is_pvid && is_untagged ? vlan : NULL;
}

static int apply_vlan(ImportPlan *plan, const ImportCommand *command, ImportTap *tap, const char *verb, Words words,
                      Fault *fault) {
        const char *vlan = find_access_vlan(words);
        bool deletes = is_abbreviation(verb, "delete");
        int r;

        /* An access port is taken out of VLAN 1, which bridges begin with, by tapd. */
        if (deletes && (command->is_down || (tap->values[SETTING_VLAN].text && text_is(find_name(words, "vid"), "1"))))
                return IMPORT_DONE;
        if (command->is_down)
                return refuse(fault, "it changes the TAP when the interface goes");
        if (!is_abbreviation(verb, "add") || !vlan)
                return refuse(fault,
                              "only \"vid N pvid untagged\" is understood; say with VLAN= and Trunk= what it gets");

        r = set(plan, tap, SETTING_VLAN, vlan, command->place, fault);
        return r < 0 ? r : IMPORT_DONE;
}

/* bridge(8) of iproute2. */
static int apply_bridge(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *object = ip_take_object(&words), *verb = words_take(&words);
        ImportTap *tap = import_plan_find(plan, find_name(words, "dev"));

        if (!tap)
                return IMPORT_FOREIGN;
        if (is_abbreviation(object, "vlan"))
                return apply_vlan(plan, command, tap, verb, words, fault);
        if (is_abbreviation(object, "link") && is_abbreviation(verb, "set"))
                return apply_link_set(plan, command, words, fault);

        return IMPORT_FOREIGN;
}

/* Open vSwitch. */

int import_ovs_port(ImportPlan *plan, ImportTap *tap, const char *bridge, ImportPlace place, Fault *fault) {
        int r;

        r = set(plan, tap, SETTING_SWITCH, bridge, place, fault);
        if (r == 0 && !tap->values[IMPORT_VLAN_MODE].text)
                r = set(plan, tap, IMPORT_VLAN_MODE, "", place, fault);

        return r;
}

/* "10,20-29", also in the brackets of a set. */
static int set_trunks(ImportPlan *plan, ImportTap *tap, const char *text, ImportPlace place, Fault *fault) {
        char *copy = strdup(text), *rest = copy, *word, trunk[TRUNK_TEXT_SIZE];
        VlanSet set_of_vlans = {};
        int r = 0;

        while (copy && r == 0 && (word = strsep(&rest, "[], ")))
                r = *word ? vlan_set_add(&set_of_vlans, word) : 0;

        plan->is_broken |= !copy;
        free(copy);
        if (r < 0)
                return refuse(fault, "trunks: not a list of VLANs from 1 to 4094");
        if (vlan_set_format(&set_of_vlans, trunk) < 0)
                return refuse(fault, "trunks: too many ranges of VLANs for one trunk");

        return set(plan, tap, SETTING_TRUNK, trunk, place, fault);
}

/* A column's name as ovs-vsctl(8) takes it: case does not count, and '-' is '_'. */
static bool is_column(const char *text, size_t length, const char *name) {
        size_t i = 0;

        while (i < length && name[i] &&
               (tolower((unsigned char) text[i]) == name[i] || (text[i] == '-' && name[i] == '_')))
                i++;

        return i == length && !name[i];
}

#define KNOWN_OF_OVS                                                                                                   \
        "tapd knows tag, trunks, vlan_mode and protected of a port of Open vSwitch, and external_ids:iface-id of its " \
        "interface"

static int set_protected(ImportPlan *plan, ImportTap *tap, const char *text, ImportPlace place, Fault *fault) {
        if (!text_is(text, "true") && !text_is(text, "false"))
                return refuse(fault, "protected: neither true nor false");

        return set(plan, tap, SETTING_ISOLATED, text_is(text, "true") ? "yes" : "no", place, fault);
}

static int apply_column(ImportPlan *plan, ImportTap *tap, const char *text, ImportPlace place, Fault *fault) {
        size_t length = strcspn(text, "=");
        const char *value = text + length + 1;

        if (text[length] && is_column(text, length, "tag"))
                return set(plan, tap, SETTING_VLAN, value, place, fault);
        if (text[length] && is_column(text, length, "trunks"))
                return set_trunks(plan, tap, value, place, fault);
        if (text[length] && is_column(text, length, "vlan_mode"))
                return *value ? set(plan, tap, IMPORT_VLAN_MODE, value, place, fault)
                              : refuse(fault, "vlan_mode: empty");
        if (text[length] && is_column(text, length, "protected"))
                return set_protected(plan, tap, value, place, fault);

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "\"%.64s\": " KNOWN_OF_OVS, text);
}

static int apply_columns(ImportPlan *plan, ImportTap *tap, Words words, ImportPlace place, Fault *fault) {
        int r = 0;

        while (words.n > 0 && r == 0)
                r = apply_column(plan, tap, words_take(&words), place, fault);

        return r;
}

int import_columns_apply(ImportPlan *plan, ImportTap *tap, char *const *words, size_t n, ImportPlace place,
                         Fault *fault) {
        const Words columns = { .items = words, .n = n };
        int r;

        plan->is_trial = true;
        r = apply_columns(plan, tap, columns, place, fault);
        plan->is_trial = false;

        return r < 0 ? r : apply_columns(plan, tap, columns, place, fault);
}

static int apply_add_port(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *bridge = words_take(&words);
        ImportTap *tap = import_plan_find(plan, words_take(&words));
        int r;

        if (!tap)
                return IMPORT_FOREIGN;
        if (command->is_down)
                return refuse(fault, "it changes the TAP when the interface goes");

        r = import_ovs_port(plan, tap, bridge, command->place, fault);
        if (r == 0)
                r = apply_columns(plan, tap, words, command->place, fault);

        return r < 0 ? r : IMPORT_DONE;
}

/* A port has one interface, of its name. */
static int apply_interface(ImportPlan *plan, ImportTap *tap, Words words, ImportPlace place, Fault *fault) {
        int r = 0;

        while (words.n > 0 && r == 0) {
                const char *text = words_take(&words);
                size_t length = strcspn(text, "=");

                if (!text[length] || !is_column(text, length, "external_ids:iface-id"))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "\"%.64s\": " KNOWN_OF_OVS, text);
                r = set(plan, tap, SETTING_INTERFACE_ID, text + length + 1, place, fault);
        }

        return r;
}

static int apply_set_row(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *table = words_take(&words);
        ImportTap *tap = import_plan_find(plan, words_take(&words));
        int r;

        if (!tap)
                return IMPORT_FOREIGN;
        if (command->is_down)
                return refuse(fault, "it changes the TAP when the interface goes");

        if (strcasecmp(table, "port") == 0)
                r = apply_columns(plan, tap, words, command->place, fault);
        else if (strcasecmp(table, "interface") == 0)
                r = apply_interface(plan, tap, words, command->place, fault);
        else
                return refuse(fault, KNOWN_OF_OVS);

        return r < 0 ? r : IMPORT_DONE;
}

static int apply_del_port(const ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *first = words_take(&words), *second = words_take(&words);

        return apply_removal(plan, command, *second ? second : first, fault);
}

/* One command of the several that "--" separates. */
static int apply_ovs_command(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        const char *verb;

        while (*words_peek(&words) == '-')
                (void) words_take(&words);

        verb = words_take(&words);
        if (text_is(verb, "add-port"))
                return apply_add_port(plan, command, words, fault);
        if (text_is(verb, "set"))
                return apply_set_row(plan, command, words, fault);
        if (text_is(verb, "del-port"))
                return apply_del_port(plan, command, words, fault);

        return IMPORT_FOREIGN;
}

static int apply_ovs(ImportPlan *plan, const ImportCommand *command, Words words, Fault *fault) {
        size_t ours = 0, all = 0;

        /* Options; two of them may have their argument as a word of its own. */
        while (*words_peek(&words) == '-' && !text_is(words_peek(&words), "--")) {
                const char *option = words_take(&words);

                if (text_is(option, "-t") || text_is(option, "--db"))
                        (void) words_take(&words);
        }

        while (words.n > 0) {
                Words one = { .items = words.items };
                int r;

                while (words.n > 0 && !text_is(words_peek(&words), "--")) {
                        (void) words_take(&words);
                        one.n++;
                }
                (void) words_take(&words);
                if (one.n == 0)
                        continue;

                r = apply_ovs_command(plan, command, one, fault);
                if (r < 0)
                        return r;
                all++;
                ours += r != IMPORT_FOREIGN;
        }

        if (ours == 0)
                return IMPORT_FOREIGN;

        return ours == all ? IMPORT_DONE : IMPORT_PARTIAL;
}

static int apply(ImportPlan *plan, const ImportCommand *command, Fault *fault) {
        Words words;
        const char *program = take_program(command, &words);

        if (text_is(program, "ip"))
                return apply_ip(plan, command, words, fault);
        if (text_is(program, "ifconfig"))
                return apply_ifconfig(plan, command, words, fault);
        if (text_is(program, "brctl"))
                return apply_brctl(plan, command, words, fault);
        if (text_is(program, "bridge"))
                return apply_bridge(plan, command, words, fault);
        if (text_is(program, "ovs-vsctl"))
                return apply_ovs(plan, command, words, fault);
        if (text_is(program, "tunctl"))
                return apply_removal(plan, command, find_name(words, "-d"), fault);
        if (text_is(program, "openvpn") && words_have(words, "--rmtun"))
                return apply_removal(plan, command, find_name(words, "--dev"), fault);

        return IMPORT_FOREIGN;
}

int import_command_apply(ImportPlan *plan, const ImportCommand *command, Fault *fault) {
        int r;

        /* Of a command that is refused nothing is to be taken. */
        plan->is_trial = true;
        r = apply(plan, command, fault);
        plan->is_trial = false;

        return r < 0 ? r : apply(plan, command, fault);
}
