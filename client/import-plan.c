/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import-plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "spec.h"
#include "vlan-set.h"

/* How much of a line is shown: one that is longer is known by its number. */
#define SHOWN_MAX 200

/* The shipped Group=; what no user and no group has is closed to all but its members. */
#define SHIPPED_GROUP "kvm"

void import_plan_init(ImportPlan *plan, const char *root) {
        *plan = (ImportPlan){ .root = root };
}

static void notes_done(ImportNotes *notes) {
        for (size_t i = 0; i < notes->n; i++)
                free(notes->items[i].text);
        free(notes->items);
}

static void tap_free(ImportTap *tap) {
        for (unsigned id = 0; id < _IMPORT_MAX; id++)
                free(tap->values[id].text);
        free(tap->name);
        free(tap);
}

void import_plan_done(ImportPlan *plan) {
        ImportTap *tap, *next;

        HASH_ITER(hh, plan->taps, tap, next) {
                HASH_DELETE(hh, plan->taps, tap);
                tap_free(tap);
        }

        for (size_t i = 0; i < plan->n_paths; i++)
                free(plan->paths[i]);
        free(plan->paths);
        notes_done(&plan->notes);
        notes_done(&plan->removable);
        *plan = (ImportPlan){};
}

bool import_plan_is_whole(const ImportPlan *plan) {
        return !plan->is_broken;
}

const char *import_plan_keep(ImportPlan *plan, const char *path) {
        char *copy = strdup(path), **grown = reallocarray(plan->paths, plan->n_paths + 1, sizeof(*grown));

        if (grown)
                plan->paths = grown;
        if (!copy || !grown) {
                plan->is_broken = true;
                free(copy);
                return "";
        }

        grown[plan->n_paths++] = copy;
        return copy;
}

static void add_note(ImportPlan *plan, ImportNotes *notes, char *text, bool is_failure) {
        ImportNote *grown = NULL;

        /* Doubled at each power of two. */
        if ((notes->n & (notes->n - 1)) == 0) {
                grown = text ? reallocarray(notes->items, notes->n ? notes->n * 2 : 1, sizeof(*grown)) : NULL;
                if (grown)
                        notes->items = grown;
        } else
                grown = notes->items;

        if (!text || !grown) {
                plan->is_broken = true;
                free(text);
                return;
        }

        notes->items[notes->n++] = (ImportNote){ .text = text, .is_failure = is_failure };
}

/* "FILE:LINE: ", "FILE: " or nothing, and @rest, which is freed. */
static char *locate(const ImportPlace *place, char *rest) {
        char *text;
        int n;

        if (!rest || !place)
                return rest;

        if (place->line > 0)
                n = asprintf(&text, "%s:%u: %s", place->path, place->line, rest);
        else
                n = asprintf(&text, "%s: %s", place->path, rest);

        free(rest);
        return n < 0 ? NULL : text;
}

void import_plan_note(ImportPlan *plan, const ImportPlace *place, const char *format, ...) {
        char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);

        add_note(plan, &plan->notes, locate(place, text), /* is_failure= */ false);
}

static const char *ellipsis(const char *text) {
        return strnlen(text, SHOWN_MAX + 1) > SHOWN_MAX ? "..." : "";
}

void import_plan_refuse(ImportPlan *plan, const ImportPlace *place, const char *text, const char *reason) {
        char *note = NULL;

        if (asprintf(&note, "not translated: %.*s%s: %s", SHOWN_MAX, text, ellipsis(text), reason) < 0)
                note = NULL;

        add_note(plan, &plan->notes, locate(place, note), /* is_failure= */ true);
}

void import_plan_remove(ImportPlan *plan, const ImportPlace *place, const char *text, const char *part) {
        char *note = NULL;
        int n;

        if (part)
                n = asprintf(&note, "only \"%.*s%s\" of: %.*s%s", SHOWN_MAX, part, ellipsis(part), SHOWN_MAX, text,
                             ellipsis(text));
        else
                n = asprintf(&note, "%.*s%s", SHOWN_MAX, text, ellipsis(text));

        add_note(plan, &plan->removable, locate(place, n < 0 ? NULL : note), /* is_failure= */ false);
}

bool import_plan_has_failures(const ImportPlan *plan) {
        for (size_t i = 0; i < plan->notes.n; i++)
                if (plan->notes.items[i].is_failure)
                        return true;

        return false;
}

static const char *key_name(unsigned id) {
        return id < _SETTING_MAX ? settings_table[id].key : "vlan_mode";
}

/* A name goes into the file as it is, and the reader there strips blanks. */
static int check_id(const char *key, const char *text, Fault *fault) {
        for (const char *p = text; *p; p++)
                if (!isgraph((unsigned char) *p) || strchr("\\\"'#;,:/", *p))
                        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: not the name of a user or group", key);

        return 0;
}

static int check_vlan_mode(const char *text, Fault *fault) {
        static const char *const modes[] = { "", "access", "trunk", "native-untagged" };

        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(text, modes[i]) == 0)
                        return 0;

        return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "vlan_mode: tapd has access, trunk and native-untagged ports");
}

static const char *form_words(SettingForm form) {
        switch (form) {
        case SETTING_FORM_BOOL:
                return "not yes or no";
        case SETTING_FORM_VLAN:
                return "not a VLAN of 1..4094";
        case SETTING_FORM_TRUNK:
                return "not VLANs of 1..4094 and FIRST-LAST, at most 64";
        case SETTING_FORM_STRING:
        case SETTING_FORM_NUMBER:
        case SETTING_FORM_USER:
        case SETTING_FORM_GROUP:
                break;
        }

        return "not a decimal number";
}

/* tapd's own check of a value, so that no file is proposed that it would refuse. Users and groups are looked up by
 * tapd, on the host that has the file. */
static int check_setting(SettingId id, const char *text, Fault *fault) {
        const Setting *setting = &settings_table[id];
        TapSpec spec = SPEC_INIT;
        SettingValue value;
        size_t length = strlen(text);

        if (setting->form == SETTING_FORM_USER || setting->form == SETTING_FORM_GROUP)
                return check_id(setting->key, text, fault);
        if (setting_parse(setting, text, &value) < 0)
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: %s", setting->key, form_words(setting->form));
        /* systemd.syntax(7): blanks around a value are stripped, and a backslash continues the line. */
        if (length > 0 && (isspace((unsigned char) text[0]) || strchr(" \t\\", text[length - 1])))
                return fault_set(fault, TAPD_ERROR_INVALID_ARGS, "%s=: begins or ends with a blank or a backslash",
                                 setting->key);

        return spec_set(&spec, setting, &value, fault);
}

static const char *shown_value(const char *text) {
        return *text ? text : "none";
}

static void note_difference(ImportPlan *plan, const ImportTap *tap, unsigned id, const char *text, ImportPlace place) {
        const ImportValue *value = &tap->values[id];

        import_plan_note(plan, &place, "%s: %s=: %s here, %s in %s, which counts", tap->name, key_name(id),
                         shown_value(text), shown_value(value->text), value->place.path);
}

int import_tap_set(ImportPlan *plan, ImportTap *tap, unsigned id, const char *text, ImportSource source,
                   ImportPlace place, Fault *fault) {
        ImportValue *value = &tap->values[id];
        char *copy;
        int r;

        r = id < _SETTING_MAX ? check_setting((SettingId) id, text, fault) : check_vlan_mode(text, fault);
        if (r < 0 || plan->is_trial)
                return r;

        copy = strdup(text);
        if (!copy) {
                plan->is_broken = true;
                return 0;
        }

        /* Both cases of an address are one. */
        for (char *p = copy; id == SETTING_MAC_ADDRESS && *p; p++)
                *p = (char) tolower((unsigned char) *p);

        if (value->text && value->source != source) {
                if (strcmp(value->text, copy) != 0)
                        note_difference(plan, tap, id, copy, place);
                free(copy);
                return 0;
        }

        free(value->text);
        *value = (ImportValue){ .text = copy, .source = source, .place = place };
        return 0;
}

void import_tap_unset(ImportTap *tap, unsigned id) {
        free(tap->values[id].text);
        tap->values[id] = (ImportValue){};
}

ImportTap *import_plan_find(const ImportPlan *plan, const char *name) {
        ImportTap *tap;

        HASH_FIND_STR(plan->taps, name, tap);
        return tap;
}

static ImportTap *add_tap(ImportPlan *plan, const char *name, ImportSource source, ImportPlace place) {
        ImportTap *tap = calloc(1, sizeof(*tap));
        char *copy = strdup(name);

        if (tap && copy) {
                *tap = (ImportTap){ .name = copy, .source = source, .place = place };
                HASH_ADD_KEYPTR(hh, plan->taps, copy, strlen(copy), tap);
                if (tap->hh.tbl)
                        return tap;
        }

        plan->is_broken = true;
        free(copy);
        free(tap);
        return NULL;
}

static const char *yes_or_no(bool value) {
        return value ? "yes" : "no";
}

int import_plan_make(ImportPlan *plan, const char *name, ImportSource source, ImportPlace place,
                     const ImportMaking *making, Fault *fault) {
        const struct {
                SettingId id;
                const char *text;
        } said[] = {
                { SETTING_KIND, making->tun ? "tun" : "tap" },
                { SETTING_USER, making->user },
                { SETTING_GROUP, making->group },
                { SETTING_MULTI_QUEUE, yes_or_no(making->multi_queue) },
                { SETTING_VNET_HEADER, yes_or_no(making->vnet_header) },
                { SETTING_PACKET_INFO, yes_or_no(making->packet_info) },
        };
        ImportTap *tap = import_plan_find(plan, name);
        int r;

        r = name_check(name, fault);
        for (size_t i = 0; i < sizeof(said) / sizeof(said[0]) && r == 0; i++)
                r = check_setting(said[i].id, said[i].text, fault);
        if (r < 0)
                return r;

        if (!tap)
                tap = add_tap(plan, name, source, place);
        for (size_t i = 0; i < sizeof(said) / sizeof(said[0]) && r == 0 && tap; i++)
                r = import_tap_set(plan, tap, said[i].id, said[i].text, source, place, fault);

        return r;
}

static bool says(const ImportTap *tap, unsigned id, const char *text) {
        return tap->values[id].text && strcmp(tap->values[id].text, text) == 0;
}

static bool is_said(const ImportTap *tap, unsigned id) {
        return tap->values[id].text && *tap->values[id].text;
}

/* What a tun cannot have. */
static void finish_tun(ImportPlan *plan, ImportTap *tap) {
        if (!says(tap, SETTING_KIND, "tun"))
                return;

        for (unsigned id = 0; id < _SETTING_MAX; id++)
                if (is_said(tap, id) && (id == SETTING_MAC_ADDRESS || id >= SETTING_PORT_FIRST)) {
                        import_plan_refuse(plan, &tap->values[id].place, tap->name,
                                           "a tun has no address and is no port of a switch");
                        import_tap_unset(tap, id);
                }
}

static void finish_access(ImportPlan *plan, ImportTap *tap) {
        if (is_said(tap, SETTING_USER) || is_said(tap, SETTING_GROUP))
                return;

        import_plan_note(plan, &tap->place,
                         "%s has neither user nor group, so that every user may open it; tapd makes none like that: "
                         "Group=%s",
                         tap->name, SHIPPED_GROUP);
        import_tap_unset(tap, SETTING_GROUP);
        tap->values[SETTING_GROUP].text = strdup(SHIPPED_GROUP);
        plan->is_broken |= !tap->values[SETTING_GROUP].text;
}

/* Takes the place of what was said of the trunk. */
static void replace_trunk(ImportPlan *plan, ImportTap *tap, const char *text) {
        char *copy = strdup(text);

        plan->is_broken |= !copy;
        free(tap->values[SETTING_TRUNK].text);
        tap->values[SETTING_TRUNK].text = copy;
}

/* Open vSwitch lets a native VLAN be among the trunks; a .tap file names each once. */
static void take_native_out(ImportPlan *plan, ImportTap *tap) {
        const ImportPlace place = tap->values[SETTING_TRUNK].place;
        char text[TRUNK_TEXT_SIZE];
        VlanSet set = {};
        VlanRange native;
        Trunk trunk;

        if (!is_said(tap, SETTING_VLAN) || !is_said(tap, SETTING_TRUNK) ||
            parse_vlan_range(tap->values[SETTING_VLAN].text, &native) < 0 ||
            parse_trunk(tap->values[SETTING_TRUNK].text, &trunk) < 0)
                return;

        for (size_t i = 0; i < trunk.n_ranges; i++)
                for (unsigned vlan = trunk.ranges[i].first; vlan <= trunk.ranges[i].last; vlan++)
                        set.has[vlan] = vlan != native.first;
        if (vlan_set_is_empty(&set))
                import_tap_unset(tap, SETTING_TRUNK);
        else if (vlan_set_format(&set, text) == 0)
                replace_trunk(plan, tap, text);
        else {
                import_plan_refuse(plan, &place, tap->name, "too many ranges of VLANs for one trunk");
                import_tap_unset(tap, SETTING_TRUNK);
        }
}

/* ovs-vswitchd.conf.db(5), vlan_mode: without one a port with a tag is an access port, another a trunk. A native port
 * without trunks carries every VLAN. */
static void finish_vlan_mode(ImportPlan *plan, ImportTap *tap) {
        if (says(tap, IMPORT_VLAN_MODE, "trunk"))
                import_tap_unset(tap, SETTING_VLAN);
        if (says(tap, IMPORT_VLAN_MODE, "access") || (says(tap, IMPORT_VLAN_MODE, "") && is_said(tap, SETTING_VLAN)))
                import_tap_unset(tap, SETTING_TRUNK);
        if (says(tap, IMPORT_VLAN_MODE, "native-untagged") && !is_said(tap, SETTING_TRUNK))
                replace_trunk(plan, tap, "1-4094");
}

static void finish_vlans(ImportPlan *plan, ImportTap *tap) {
        finish_vlan_mode(plan, tap);
        take_native_out(plan, tap);
        if (tap->values[IMPORT_VLAN_MODE].text && is_said(tap, SETTING_SWITCH) && !is_said(tap, SETTING_VLAN) &&
            !is_said(tap, SETTING_TRUNK))
                import_plan_note(plan, &tap->values[SETTING_SWITCH].place,
                                 "%s: on Open vSwitch a port without tag and trunks carries every VLAN; say which with "
                                 "VLAN= or Trunk=",
                                 tap->name);
}

void import_plan_finish(ImportPlan *plan) {
        ImportTap *tap, *next;

        HASH_ITER(hh, plan->taps, tap, next) {
                finish_tun(plan, tap);
                finish_access(plan, tap);
                finish_vlans(plan, tap);
        }
}

/* Whether the file says the same without it. */
static bool is_default(const ImportTap *tap, unsigned id) {
        static const char *const defaults[_IMPORT_MAX] = {
                [SETTING_KIND] = "tap",       [SETTING_USER] = "",          [SETTING_MULTI_QUEUE] = "yes",
                [SETTING_VNET_HEADER] = "no", [SETTING_PACKET_INFO] = "no", [SETTING_UP] = "yes",
                [SETTING_DESCRIPTION] = "",   [SETTING_MTU_BYTES] = "1500", [SETTING_ISOLATED] = "no",
        };

        if (!tap->values[id].text || id == IMPORT_VLAN_MODE)
                return true;

        return defaults[id] && strcmp(tap->values[id].text, defaults[id]) == 0;
}

char *import_tap_format(const ImportTap *tap) {
        char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                return NULL;

        fprintf(out, "[Tap]\nName=%s\n", tap->name);
        for (unsigned id = 0; id < _IMPORT_MAX; id++) {
                if (is_default(tap, id))
                        continue;
                if (id == SETTING_PORT_FIRST)
                        fputs("[Port]\n", out);
                /* "Group=" with a user: only the user counts, as it was; without the line it would be the default. */
                fprintf(out, "%s=%s\n", key_name(id), tap->values[id].text);
        }

        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }

        return text;
}
