/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "interfaces-file.h"
#include "names.h"
#include "text.h"

/* The TAP that a stanza is about, NULL where it is about another interface. */
static ImportTap *tap_of(const Interfaces *interfaces, const StanzaLine *line) {
        const Stanza *stanza = interfaces_stanza(interfaces, line);

        return stanza->is_template ? NULL : import_plan_find(interfaces->plan, stanza->name);
}

static int set(Interfaces *interfaces, ImportTap *tap, unsigned id, const char *text, ImportPlace place, Fault *fault) {
        return import_tap_set(interfaces->plan, tap, id, text, IMPORT_INTERFACES, place, fault);
}

/* A stanza brings its interface up once "pre-up" is through (ifupdown, inet.defn), and so there is a TAP by then. */
static void take_up(Interfaces *interfaces, const StanzaLine *line, const char *name) {
        const Stanza *stanza = interfaces_stanza(interfaces, line);
        ImportTap *tap = import_plan_find(interfaces->plan, name);
        bool goes_up = text_is(name, stanza->name) && (line->is_pre_up || !line->is_command);
        Fault fault = {};

        if (tap && (goes_up || !tap->values[SETTING_UP].text))
                (void) set(interfaces, tap, SETTING_UP, goes_up ? "yes" : "no", line->place, &fault);
}

/* Environment variables have no hyphen, so that to the scripts of other packages "bridge-ports" is "bridge_ports". */
static bool is_option(const char *word, const char *option) {
        while (*word && (*word == *option || (*word == '-' && *option == '_'))) {
                word++;
                option++;
        }

        return *word == *option;
}

/* uml-utilities: "tunctl -u USER -t $IFACE" before the interface goes up. */
static int make_by_option(Interfaces *interfaces, const StanzaLine *line, const StanzaPiece *piece,
                          const char **ret_name, Fault *fault) {
        ImportMaking making = { .user = piece->n_words == 2 ? piece->words[1] : "", .group = "" };
        int r;

        if (!is_option(piece->words[0], "tunctl_user"))
                return IMPORT_FOREIGN;
        if (!*making.user)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "tunctl_user: names no user, or more than one");

        *ret_name = interfaces_stanza(interfaces, line)->name;
        r = import_plan_make(interfaces->plan, *ret_name, IMPORT_INTERFACES, line->place, &making, fault);
        return r < 0 ? r : IMPORT_DONE;
}

static ImportCommand piece_command(const StanzaLine *line, const StanzaPiece *piece) {
        return (ImportCommand){
                .words = piece->words,
                .n_words = piece->n_words,
                .place = line->place,
                .is_down = line->is_down,
        };
}

static void make_piece(Interfaces *interfaces, const StanzaLine *line, StanzaPiece *piece) {
        ImportCommand command = piece_command(line, piece);
        const char *name = "";
        Fault fault = {};
        int r;

        /* What others inherit would be a TAP of each of those. */
        if (interfaces_stanza(interfaces, line)->is_template && import_text_makes_taps(piece->text)) {
                piece_refuse(interfaces, piece, "other stanzas inherit it");
                return;
        }

        if (line->is_command)
                r = import_command_make(interfaces->plan, &command, &name, &fault);
        else
                r = make_by_option(interfaces, line, piece, &name, &fault);

        if (r < 0) {
                piece_refuse(interfaces, piece, fault.text);
                return;
        }

        piece->verdict = (ImportVerdict) r;
        piece->is_made = r == IMPORT_DONE;
        if (piece->is_made)
                take_up(interfaces, line, name);
}

static int set_link_option(Interfaces *interfaces, ImportTap *tap, const StanzaLine *line, const StanzaPiece *piece,
                           SettingId id, Fault *fault) {
        size_t skip = 1 + (id == SETTING_MAC_ADDRESS && piece->n_words > 2 && text_is(piece->words[1], "ether"));
        const char *value = line->text + strlen(piece->words[0]);

        if (id == SETTING_DESCRIPTION)
                return set(interfaces, tap, id, value + strspn(value, IMPORT_BLANKS), line->place, fault);
        if (piece->n_words != skip + 1)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s: one value is wanted", piece->words[0]);

        return set(interfaces, tap, id, piece->words[skip], line->place, fault);
}

/* openvswitch-switch: a port is plugged in, and brought up, before the interface is configured. */
static int set_ovs_option(Interfaces *interfaces, ImportTap *tap, const StanzaLine *line, const StanzaPiece *piece,
                          Fault *fault) {
        const char *option = piece->words[0], *value = piece->n_words > 1 ? piece->words[1] : "";

        if (is_option(option, "ovs_bridge"))
                return import_ovs_port(interfaces->plan, tap, value, line->place, fault);
        if (is_option(option, "ovs_options"))
                return import_columns_apply(interfaces->plan, tap, piece->words + 1, piece->n_words - 1, line->place,
                                            fault);
        if (text_is(value, "OVSPort"))
                return set(interfaces, tap, SETTING_UP, "yes", line->place, fault);

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "ovs_type: tapd makes an OVSPort only");
}

/* More commands of ovs-vsctl. */
static int apply_ovs_extra(Interfaces *interfaces, const StanzaLine *line, const StanzaPiece *piece, Fault *fault) {
        ImportCommand command = piece_command(line, piece);
        char **words = calloc(piece->n_words + 1, sizeof(*words));
        char program[] = "ovs-vsctl", dashes[] = "--";
        int r;

        if (!words) {
                interfaces->plan->is_broken = true;
                return -ENOMEM;
        }

        words[0] = program;
        words[1] = dashes;
        /* Its script gives the line to a shell once more. */
        for (size_t i = 1; i < piece->n_words; i++)
                words[i + 1] = text_is(piece->words[i], "$IFACE") || text_is(piece->words[i], "${IFACE}")
                                       ? (char *) interfaces_stanza(interfaces, line)->name
                                       : piece->words[i];

        command.words = words;
        command.n_words++;
        r = import_command_apply(interfaces->plan, &command, fault);
        free(words);
        return r;
}

/* An option of a stanza that is a TAP's. */
static int apply_own_option(Interfaces *interfaces, ImportTap *tap, const StanzaLine *line, const StanzaPiece *piece,
                            Fault *fault) {
        static const struct {
                const char *option;
                SettingId id;
        } links[] = {
                { "mtu", SETTING_MTU_BYTES },
                { "hwaddress", SETTING_MAC_ADDRESS },
                { "description", SETTING_DESCRIPTION },
        };
        static const char *const ovs[] = { "ovs_type", "ovs_bridge", "ovs_options" };
        static const char *const addresses[] = { "address", "netmask", "broadcast", "gateway", "pointopoint",
                                                 "scope",   "metric",  "dns-*",     "dns_*" };
        const char *option = piece->words[0];

        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
                if (text_is(option, links[i].option))
                        return set_link_option(interfaces, tap, line, piece, links[i].id, fault);
        for (size_t i = 0; i < sizeof(ovs) / sizeof(ovs[0]); i++)
                if (is_option(option, ovs[i]))
                        return set_ovs_option(interfaces, tap, line, piece, fault);
        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
                if (fnmatch(addresses[i], option, 0) == 0)
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "tapd gives no addresses");

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "unknown option");
}

/* Adds a name to those that may go from a list. */
static void add_part(Interfaces *interfaces, StanzaPiece *piece, const char *name) {
        char *part;

        if (asprintf(&part, "%s%s%s", piece->part ? piece->part : "", piece->part ? " " : "", name) < 0) {
                interfaces->plan->is_broken = true;
                return;
        }

        free(piece->part);
        piece->part = part;
}

/* A bridge's list of ports: bridge-utils plugs each in and brings it up, openvswitch-switch calls ifup for each. */
static int apply_ports(Interfaces *interfaces, const StanzaLine *line, StanzaPiece *piece, bool plugs, Fault *fault) {
        const char *bridge = interfaces_stanza(interfaces, line)->name;
        int r = 0;

        for (size_t i = 1; i < piece->n_words && r == 0; i++) {
                ImportTap *tap = import_plan_find(interfaces->plan, piece->words[i]);

                if (!tap)
                        continue;
                if (plugs)
                        r = set(interfaces, tap, SETTING_SWITCH, bridge, line->place, fault);
                if (plugs && r == 0)
                        r = set(interfaces, tap, SETTING_UP, "yes", line->place, fault);
                add_part(interfaces, piece, tap->name);
        }

        if (r < 0)
                return r;

        return piece->part ? IMPORT_PARTIAL : IMPORT_FOREIGN;
}

static int apply_option(Interfaces *interfaces, const StanzaLine *line, StanzaPiece *piece, Fault *fault) {
        ImportTap *tap = tap_of(interfaces, line);
        int r;

        if (is_option(piece->words[0], "ovs_extra"))
                return apply_ovs_extra(interfaces, line, piece, fault);
        if (!tap && (is_option(piece->words[0], "bridge_ports") || is_option(piece->words[0], "ovs_ports")))
                return apply_ports(interfaces, line, piece, is_option(piece->words[0], "bridge_ports"), fault);
        if (!tap)
                return IMPORT_FOREIGN;

        r = apply_own_option(interfaces, tap, line, piece, fault);
        return r < 0 ? r : IMPORT_DONE;
}

/* Whether the name of one of the plan's TAPs stands as a word in a text. */
static bool text_mentions(const Interfaces *interfaces, const char *text) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

        while (*text) {
                size_t length = strspn(text, letters);
                char name[TAPD_NAME_MAX + 1];

                if (length > 0 && length <= TAPD_NAME_MAX) {
                        memcpy(name, text, length);
                        name[length] = '\0';
                        if (import_plan_find(interfaces->plan, name))
                                return true;
                }

                text += length;
                text += strcspn(text, letters);
        }

        return false;
}

/* Whether it is anything to us that a command was not understood. */
static bool concerns(const Interfaces *interfaces, const StanzaLine *line, const StanzaPiece *piece) {
        return tap_of(interfaces, line) || text_mentions(interfaces, piece->text) ||
               (!piece->words && import_text_makes_taps(piece->text));
}

static void apply_piece(Interfaces *interfaces, const StanzaLine *line, StanzaPiece *piece) {
        ImportCommand command = piece_command(line, piece);
        Fault fault = {};
        int r;

        if (line->is_command)
                r = import_command_apply(interfaces->plan, &command, &fault);
        else
                r = apply_option(interfaces, line, piece, &fault);

        if (r == IMPORT_FOREIGN && line->is_command && concerns(interfaces, line, piece))
                r = fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "tapd runs no commands");
        if (r == IMPORT_FOREIGN && tap_of(interfaces, line))
                r = fault_set(&fault, TAPD_ERROR_INVALID_ARGS, "unknown option");
        if (r < 0)
                piece_refuse(interfaces, piece, fault.text);
        else
                piece->verdict = (ImportVerdict) r;
}

/* What is said of it. */

/* What a command does to TAPs and to others as well is about those of its words that name TAPs. */
static void name_parts(Interfaces *interfaces, StanzaPiece *piece) {
        for (size_t i = 0; i < piece->n_words; i++)
                if (import_plan_find(interfaces->plan, piece->words[i]))
                        add_part(interfaces, piece, piece->words[i]);
}

static void settle_piece(Interfaces *interfaces, const StanzaLine *line, StanzaPiece *piece) {
        if (piece->words && !piece->is_made && !piece->reason)
                apply_piece(interfaces, line, piece);
        if (!piece->words && !concerns(interfaces, line, piece)) {
                free(piece->reason);
                piece->reason = NULL;
        }

        if (piece->verdict == IMPORT_PARTIAL && line->is_command)
                name_parts(interfaces, piece);
        if (piece->reason)
                import_plan_refuse(interfaces->plan, &line->place, piece->text, piece->reason);
        if (piece->reason || piece->verdict == IMPORT_PARTIAL)
                interfaces_stanza(interfaces, line)->is_unclean = true;
}

/* Whether a stanza makes a TAP; @i: its head's index. */
static bool stanza_makes(const Interfaces *interfaces, size_t i) {
        const size_t stanza = interfaces->lines[i].stanza;

        for (i++; i < interfaces->n_lines && interfaces->lines[i].stanza == stanza; i++)
                for (size_t j = 0; j < interfaces->lines[i].n_pieces; j++)
                        if (interfaces->lines[i].pieces[j].is_made)
                                return true;

        return false;
}

static void settle_head(Interfaces *interfaces, size_t i) {
        const StanzaLine *line = &interfaces->lines[i];
        Stanza *stanza = interfaces_stanza(interfaces, line);
        ImportTap *tap = tap_of(interfaces, line);
        const char *reason = NULL;
        Fault fault = {};

        if (!tap)
                return;

        /* What another stanza made this one brings up, as any. */
        if (!stanza_makes(interfaces, i))
                (void) set(interfaces, tap, SETTING_UP, "yes", line->place, &fault);

        if (*stanza->parent)
                reason = "what it inherits is not followed";
        else if (*stanza->method && !text_is(stanza->method, "manual"))
                reason = "tapd gives no addresses";
        if (!reason)
                return;

        stanza->is_unclean = true;
        import_plan_refuse(interfaces->plan, &line->place, line->text, reason);
}

/* What is said of a port whose switch is named nowhere: its line has to stay. */
static void settle_port_setting(Interfaces *interfaces, ImportTap *tap, unsigned id) {
        const ImportPlace place = tap->values[id].place;

        if (!tap->values[id].text || tap->values[SETTING_SWITCH].text)
                return;

        for (size_t i = 0; i < interfaces->n_lines; i++) {
                StanzaLine *line = &interfaces->lines[i];

                /* Its tag and its trunks may stand in one. */
                if (line->place.path != place.path || line->place.line != place.line || line->pieces[0].reason)
                        continue;
                interfaces_stanza(interfaces, line)->is_unclean = true;
                import_plan_refuse(interfaces->plan, &place, line->text, "no switch is named");
                for (size_t j = 0; j < line->n_pieces; j++)
                        piece_refuse(interfaces, &line->pieces[j], "");
        }

        import_tap_unset(tap, id);
}

static void settle_ports(Interfaces *interfaces) {
        ImportTap *tap, *next;

        HASH_ITER(hh, interfaces->plan->taps, tap, next) {
                for (unsigned id = SETTING_PORT_FIRST; id < _SETTING_MAX; id++)
                        settle_port_setting(interfaces, tap, id);
        }
}

static void settle(Interfaces *interfaces) {
        for (size_t i = 0; i < interfaces->n_lines; i++) {
                StanzaLine *line = &interfaces->lines[i];

                if (line->type == STANZA_LINE_IFACE)
                        settle_head(interfaces, i);
                for (size_t j = 0; j < line->n_pieces; j++)
                        settle_piece(interfaces, line, &line->pieces[j]);
        }
}

/* Whether all stanzas of a TAP may go. */
static bool is_clean(const Interfaces *interfaces, const char *name) {
        const ImportTap *tap = import_plan_find(interfaces->plan, name);

        return tap && tap->has_stanza && !tap->is_unclean;
}

/* What all stanzas and all "auto" say together of a TAP. */
static void mark_taps(Interfaces *interfaces) {
        for (size_t i = 0; i < interfaces->n_lines; i++) {
                const StanzaLine *line = &interfaces->lines[i];
                ImportTap *tap;

                if (line->type == STANZA_LINE_IFACE && (tap = tap_of(interfaces, line))) {
                        tap->has_stanza = true;
                        tap->is_unclean |= interfaces_stanza(interfaces, line)->is_unclean;
                }
                if (line->type != STANZA_LINE_AUTO ||
                    (!text_is(line_word(line, 0), "auto") && !text_is(line_word(line, 0), "allow-auto")))
                        continue;
                for (size_t j = 1; j < line->shell.commands->n_words; j++)
                        if ((tap = import_plan_find(interfaces->plan, line_word(line, j))))
                                tap->is_auto = true;
        }
}

static void remove_auto(Interfaces *interfaces, const StanzaLine *line) {
        StanzaPiece names = {};
        size_t n = 0;

        for (size_t i = 1; i < line->shell.commands->n_words; i++)
                if (is_clean(interfaces, line_word(line, i))) {
                        add_part(interfaces, &names, line_word(line, i));
                        n++;
                }

        if (n > 0)
                import_plan_remove(interfaces->plan, &line->place, line->text,
                                   n == line->shell.commands->n_words - 1 ? NULL : names.part);
        free(names.part);
}

static void remove_option(Interfaces *interfaces, const StanzaLine *line) {
        bool all = true;

        for (size_t i = 0; i < line->n_pieces; i++)
                all &= !line->pieces[i].reason && line->pieces[i].verdict == IMPORT_DONE;
        if (all && line->n_pieces > 0) {
                import_plan_remove(interfaces->plan, &line->place, line->text, NULL);
                return;
        }

        for (size_t i = 0; i < line->n_pieces; i++) {
                const StanzaPiece *piece = &line->pieces[i];

                if (!piece->reason && piece->verdict == IMPORT_PARTIAL && piece->part)
                        import_plan_remove(interfaces->plan, &line->place, line->text, piece->part);
                else if (!piece->reason && piece->verdict == IMPORT_DONE)
                        import_plan_remove(interfaces->plan, &line->place, line->text, piece->text);
        }
}

static void remove_head(Interfaces *interfaces, const StanzaLine *line) {
        ImportTap *tap = tap_of(interfaces, line);

        if (!tap)
                return;

        if (is_clean(interfaces, tap->name))
                import_plan_remove(interfaces->plan, &line->place, line->text, NULL);
        if (!tap->is_auto)
                import_plan_note(interfaces->plan, &line->place,
                                 "%s is not \"auto\": it was made by ifup; tapd makes it when it starts", tap->name);
        /* One word on it, whatever the number of its stanzas. */
        tap->is_auto = true;
}

static void remove_lines(Interfaces *interfaces) {
        mark_taps(interfaces);
        for (size_t i = 0; i < interfaces->n_lines; i++) {
                const StanzaLine *line = &interfaces->lines[i];

                switch (line->type) {
                case STANZA_LINE_AUTO:
                        remove_auto(interfaces, line);
                        break;
                case STANZA_LINE_IFACE:
                        remove_head(interfaces, line);
                        break;
                case STANZA_LINE_OPTION:
                        remove_option(interfaces, line);
                        break;
                }
        }
}

static void mark_templates(Interfaces *interfaces) {
        for (size_t i = 0; i < interfaces->n_stanzas; i++)
                for (size_t j = 0; *interfaces->stanzas[i].parent && j < interfaces->n_stanzas; j++)
                        if (text_is(interfaces->stanzas[j].name, interfaces->stanzas[i].parent))
                                interfaces->stanzas[j].is_template = true;
}

/* All TAPs are made before anything is said of one: a bridge may name its ports before they have stanzas. */
static void make_all(Interfaces *interfaces) {
        for (size_t i = 0; i < interfaces->n_lines; i++) {
                StanzaLine *line = &interfaces->lines[i];

                for (size_t j = 0; j < line->n_pieces; j++)
                        if (line->pieces[j].words)
                                make_piece(interfaces, line, &line->pieces[j]);
        }
}

void import_interfaces(ImportPlan *plan, const char *root, const ImportPaths *paths, bool must_exist) {
        Interfaces interfaces;

        interfaces_read(&interfaces, plan, root, paths, must_exist);
        if (import_plan_is_whole(plan)) {
                mark_templates(&interfaces);
                make_all(&interfaces);
                settle(&interfaces);
                settle_ports(&interfaces);
        }
        if (import_plan_is_whole(plan))
                remove_lines(&interfaces);

        interfaces_done(&interfaces);
}
