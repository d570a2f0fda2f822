/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "errors.h"
#include "known.h"
#include "names.h"
#include "port-words.h"
#include "report.h"
#include "selection.h"
#include "text.h"
#include "verbs.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER_INTERFACE "org.freedesktop.DBus.ObjectManager"

typedef struct Monitor {
        Caller caller;
        sd_event *event;
        Selection selection;
        Known known;
        IdNames names;
        char *owner; /* the unique name of tapd on the bus; NULL: it is not running */
        bool json, utf8;
        bool silent; /* what there is at the start is no news */
} Monitor;

/* ---- lines ---- */

static void end_line(Monitor *monitor) {
        /* Why is told when the output is closed. */
        if (fflush(stdout) != 0)
                (void) sd_event_exit(monitor->event, 0);
}

static void print_line(Monitor *monitor, const char *name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void print_line(Monitor *monitor, const char *name, const char *format, ...) {
        time_t now = time(NULL);
        char date[32] = "";
        struct tm local;
        va_list arguments;

        if (localtime_r(&now, &local))
                strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &local);

        printf("%s %s ", date, name);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        end_line(monitor);
}

static void json_begin_event(Json *json, const char *event, const char *name) {
        json_init(json, stdout);
        json_begin_object(json);
        json_key(json, "TimeUSec");
        json_unsigned(json, text_now_usec());
        json_key(json, "Event");
        json_string(json, event);
        if (name) {
                json_key(json, "Name");
                json_string(json, name);
        }
}

static void json_end_event(Monitor *monitor, Json *json) {
        json_end_object(json);
        json_finish(json);
        end_line(monitor);
}

static void tell_service(Monitor *monitor, const char *event, const char *sentence) {
        Json json;

        if (!monitor->json) {
                print_line(monitor, "tapd", "%s", sentence);
                return;
        }

        json_begin_event(&json, event, NULL);
        json_end_event(monitor, &json);
}

static void tell_event(Monitor *monitor, const char *event, const char *name, const TapInfo *info, FieldSet fields) {
        Json json;

        json_begin_event(&json, event, name);
        if (info) {
                json_key(&json, "Properties");
                json_begin_object(&json);
                for (FieldId id = 0; id < _FIELD_MAX; id++)
                        if (fields & FIELD_BIT(id))
                                tap_info_write_json(info, id, &json);
                json_end_object(&json);
        }
        json_end_event(monitor, &json);
}

static void tell_presence(Monitor *monitor, const char *event, const char *name, const TapInfo *info) {
        if (monitor->silent)
                return;

        if (monitor->json)
                tell_event(monitor, event, name, info, info ? info->told : 0);
        else
                print_line(monitor, name, "%s", event);
}

static void tell_change(Monitor *monitor, const KnownTap *tap, FieldId id, const char *before) {
        char word[32] = "";
        const char *now = tap->texts[id];

        for (size_t i = 0; field_table[id].column[i] && i < sizeof(word) - 1; i++)
                word[i] = (char) tolower((unsigned char) field_table[id].column[i]);

        if (before)
                print_line(monitor, tap->name, "%s %s %s %s", word, *before ? before : "\"\"",
                           monitor->utf8 ? "→" : "->", *now ? now : "\"\"");
        else
                print_line(monitor, tap->name, "%s %s", word, *now ? now : "\"\"");
}

/* One line for what may have changed several properties. */
static int tell_plugging(Monitor *monitor, const char *name, const PortWords *before, const PortWords *now) {
        char *sentence = port_words_compare(before, now, monitor->utf8 ? "→" : "->");

        if (!sentence)
                return -ENOMEM;

        if (*sentence)
                print_line(monitor, name, "%s", sentence);
        free(sentence);
        return 0;
}

static void tell_tampering(Monitor *monitor, const char *name, char **fields) {
        Json json;

        if (!monitor->json) {
                for (char **field = fields; *field; field++)
                        print_line(monitor, name, "tampered: %s", *field);
                return;
        }

        json_begin_event(&json, "tampered", name);
        json_key(&json, "Fields");
        json_begin_array(&json);
        for (char **field = fields; *field; field++)
                json_string(&json, *field);
        json_end_array(&json);
        json_end_event(monitor, &json);
}

/* ---- what is known ---- */

/* What is told together, by tell_plugging(). */
static bool is_of_plugging(FieldId id) {
        return id == FIELD_SWITCH || id == FIELD_SWITCH_KIND || id == FIELD_VLAN || id == FIELD_TRUNK;
}

/* Whether it is worth a line: idle times say since when, the queues say whether; and that a reason is over the state
 * says. */
static bool deserves_line(const TapInfo *info, FieldId id) {
        if (id == FIELD_STATE_REASON)
                return info->state_reason && *info->state_reason;

        return id != FIELD_IDLE_SINCE_USEC && !is_of_plugging(id);
}

/* Takes over one field. Whether it is news: 1 or 0, or -ENOMEM. */
static int take_field(Monitor *monitor, KnownTap *tap, const TapInfo *info, FieldId id, bool told) {
        char *text, *before;
        bool changed;
        int r;

        r = tap_info_format(info, id, &monitor->names, &text);
        if (r < 0)
                return r;

        before = known_exchange(tap, id, text);
        changed = !before || strcmp(before, text) != 0;
        if (told && changed && !monitor->json && deserves_line(info, id))
                tell_change(monitor, tap, id, before);

        free(before);
        return changed;
}

/* Takes over all that was told of a TAP. */
static int take_fields(Monitor *monitor, KnownTap *tap, const TapInfo *info, bool told, FieldSet *ret_changed) {
        FieldSet changed = 0;

        for (FieldId id = 0; id < _FIELD_MAX; id++) {
                int r = 0;

                if (info->told & FIELD_BIT(id))
                        r = take_field(monitor, tap, info, id, told);
                if (r < 0)
                        return r;
                if (r > 0)
                        changed |= FIELD_BIT(id);
        }

        *ret_changed = changed;
        return 0;
}

static int read_port(const KnownTap *tap, PortWords *ret) {
        return port_words_init(ret, tap->texts[FIELD_SWITCH], tap->texts[FIELD_VLAN], tap->texts[FIELD_TRUNK]);
}

/* Takes over what was told of a TAP that is known; @quiet: without a word about it. */
static int update(Monitor *monitor, KnownTap *tap, const TapInfo *info, bool quiet) {
        PortWords before = {}, now = {};
        FieldSet changed = 0;
        int r;

        r = read_port(tap, &before);
        if (r >= 0)
                r = take_fields(monitor, tap, info, !quiet, &changed);
        if (r >= 0)
                r = read_port(tap, &now);

        if (r >= 0 && !quiet && monitor->json && changed)
                tell_event(monitor, "changed", tap->name, info, changed);
        else if (r >= 0 && !quiet && !monitor->json)
                r = tell_plugging(monitor, tap->name, &before, &now);

        port_words_done(&before);
        port_words_done(&now);
        return r;
}

/* All that tells of a TAP ends here: the list, its coming, and its changes. */
static int take(Monitor *monitor, const TapInfo *info) {
        KnownTap *tap = known_find(&monitor->known, info->name);
        bool is_new = !tap;
        int r;

        if (is_new) {
                if (!selection_has(&monitor->selection, info))
                        return 0;

                r = known_add(&monitor->known, info->name, &tap);
                if (r < 0)
                        return r;
                tell_presence(monitor, "added", info->name, info);
        }

        tap->seen = true;
        return update(monitor, tap, info, is_new || monitor->silent);
}

static void drop(Monitor *monitor, KnownTap *tap) {
        tell_presence(monitor, "removed", tap->name, NULL);
        known_remove(&monitor->known, tap);
}

static int take_list(Monitor *monitor, sd_bus_message *reply) {
        TapInfo info;
        int r;

        for (size_t i = 0; i < monitor->known.n; i++)
                monitor->known.taps[i]->seen = false;

        r = tap_info_enter_list(reply);
        while (r >= 0 && (r = tap_info_read_listed(&info, reply)) > 0)
                r = take(monitor, &info);
        if (r < 0)
                return r;

        for (size_t i = monitor->known.n; i > 0; i--)
                if (!monitor->known.taps[i - 1]->seen)
                        drop(monitor, monitor->known.taps[i - 1]);

        return 0;
}

/* ---- signals ---- */

/* Anybody may send a signal to this connection alone; what counts is what tapd says. */
static bool is_from_tapd(const Monitor *monitor, sd_bus_message *signal) {
        const char *sender = sd_bus_message_get_sender(signal);

        return sender && monitor->owner && strcmp(sender, monitor->owner) == 0;
}

static KnownTap *find_by_path(Monitor *monitor, const char *path) {
        KnownTap *tap = NULL;
        char *name = NULL;

        if (sd_bus_path_decode(path, TAPD_TAP_PREFIX, &name) > 0)
                tap = known_find(&monitor->known, name);

        free(name);
        return tap;
}

static int monitor_on_added(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        Monitor *monitor = userdata;
        const char *path, *interface;
        TapInfo info;
        int r;

        if (!is_from_tapd(monitor, signal))
                return 0;

        r = sd_bus_message_read(signal, "o", &path);
        if (r >= 0)
                r = sd_bus_message_enter_container(signal, SD_BUS_TYPE_ARRAY, "{sa{sv}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(signal, SD_BUS_TYPE_DICT_ENTRY, "sa{sv}")) > 0) {
                r = sd_bus_message_read(signal, "s", &interface);
                if (r >= 0 && strcmp(interface, TAPD_TAP_INTERFACE) != 0)
                        r = sd_bus_message_skip(signal, "a{sv}");
                else if (r >= 0) {
                        r = tap_info_read_all(&info, signal);
                        if (r >= 0 && info.name)
                                r = take(monitor, &info);
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(signal);
        }

        return r;
}

static int monitor_on_removed(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        Monitor *monitor = userdata;
        const char *path;
        KnownTap *tap;
        int r;

        if (!is_from_tapd(monitor, signal))
                return 0;

        r = sd_bus_message_read(signal, "o", &path);
        if (r < 0)
                return r;

        tap = find_by_path(monitor, path);
        if (tap)
                drop(monitor, tap);

        return 0;
}

static int monitor_on_changed(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        Monitor *monitor = userdata;
        const char *interface;
        KnownTap *tap;
        TapInfo info;
        int r;

        tap = find_by_path(monitor, sd_bus_message_get_path(signal));
        if (!tap || !is_from_tapd(monitor, signal))
                return 0;

        r = sd_bus_message_read(signal, "s", &interface);
        if (r >= 0 && strcmp(interface, TAPD_TAP_INTERFACE) == 0)
                r = tap_info_read_all(&info, signal);
        else
                return r;
        if (r < 0)
                return r;

        info.name = tap->name;
        return take(monitor, &info);
}

static int monitor_on_tampered(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        Monitor *monitor = userdata;
        char **fields = NULL;
        KnownTap *tap;
        int r;

        tap = find_by_path(monitor, sd_bus_message_get_path(signal));
        if (!tap || !is_from_tapd(monitor, signal))
                return 0;

        r = sd_bus_message_read_strv(signal, &fields);
        if (r > 0)
                tell_tampering(monitor, tap->name, fields);

        for (char **field = fields; field && *field; field++)
                free(*field);
        free(fields);
        return r;
}

/* ---- tapd itself ---- */

static int monitor_on_list(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Monitor *monitor = userdata;

        /* It left again; what there is will be told when it is back. */
        if (sd_bus_message_is_method_error(reply, NULL))
                return 0;

        return take_list(monitor, reply);
}

static int list_again(Monitor *monitor) {
        return sd_bus_call_method_async(monitor->caller.bus, NULL, TAPD_BUS_NAME, TAPD_OBJECT_PATH,
                                        TAPD_MANAGER_INTERFACE, "ListTaps", monitor_on_list, monitor, NULL);
}

static int monitor_on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        const char *name, *before, *now;
        Monitor *monitor = userdata;
        int r;

        r = sd_bus_message_read(signal, "sss", &name, &before, &now);
        if (r < 0 || strcmp(name, TAPD_BUS_NAME) != 0)
                return r;

        /* The list that came last may have been its doing. */
        if (monitor->owner && strcmp(monitor->owner, now) == 0)
                return 0;

        if (monitor->owner)
                tell_service(monitor, "service-left", "left: the TAPs stay, what happens to them is not to be seen");
        free(monitor->owner);
        monitor->owner = *now ? strdup(now) : NULL;
        if (!monitor->owner)
                return 0;

        tell_service(monitor, "service-came", "is back");
        return list_again(monitor);
}

/* ---- set-up ---- */

static int add_matches(Monitor *monitor) {
        const struct {
                const char *path, *interface, *member;
                sd_bus_message_handler_t handler;
        } signals[] = {
                { TAPD_OBJECT_PATH, OBJECT_MANAGER_INTERFACE, "InterfacesAdded", monitor_on_added },
                { TAPD_OBJECT_PATH, OBJECT_MANAGER_INTERFACE, "InterfacesRemoved", monitor_on_removed },
                { NULL, PROPERTIES_INTERFACE, "PropertiesChanged", monitor_on_changed },
                { NULL, TAPD_TAP_INTERFACE, "Tampered", monitor_on_tampered },
        };
        sd_bus *bus = monitor->caller.bus;
        int r;

        r = sd_bus_add_match(bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" TAPD_BUS_NAME "'",
                             monitor_on_owner, monitor);
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) && r >= 0; i++)
                r = sd_bus_match_signal(bus, NULL, TAPD_BUS_NAME, signals[i].path, signals[i].interface,
                                        signals[i].member, signals[i].handler, monitor);

        return r;
}

/* Who answered the list is whose signals count. */
static int take_first_list(Monitor *monitor, sd_bus_message *reply) {
        int r;

        monitor->owner = strdup(sd_bus_message_get_sender(reply));
        if (!monitor->owner)
                return report_no_memory();

        monitor->silent = true;
        r = take_list(monitor, reply);
        monitor->silent = false;
        return r < 0 ? call_report_reply(r) : 0;
}

static int read_first_list(Monitor *monitor) {
        sd_bus_message *call = NULL, *reply = NULL;
        int status;

        status = call_new_manager(&monitor->caller, TAPD_MANAGER_INTERFACE, "ListTaps", &call);
        if (status == 0)
                status = call_perform(&monitor->caller, NULL, call, &reply);
        if (status == 0)
                status = take_first_list(monitor, reply);

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

/* Ends when it is told to, when nobody reads any more, and with the bus. */
static int set_up_loop(Monitor *monitor) {
        int r;

        r = sd_event_new(&monitor->event);
        if (r >= 0)
                r = sd_event_add_signal(monitor->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(monitor->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_io(monitor->event, NULL, STDOUT_FILENO, 0, NULL, NULL);
        /* A file has readers always. */
        if (r >= 0 || r == -EPERM)
                r = sd_bus_set_exit_on_disconnect(monitor->caller.bus, true);
        if (r >= 0)
                r = sd_bus_attach_event(monitor->caller.bus, monitor->event, SD_EVENT_PRIORITY_NORMAL);

        return r;
}

static int loop(Monitor *monitor) {
        int r;

        r = set_up_loop(monitor);
        if (r >= 0)
                r = sd_event_loop(monitor->event);
        if (r == 0)
                return 0;

        report(NULL, "the connection to the system bus broke%s%s", r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
        return TAPCTL_EXIT_NO_SERVICE;
}

static int monitor_run(Monitor *monitor) {
        int r, status;

        r = add_matches(monitor);
        if (r < 0)
                return call_report_build(r);

        status = read_first_list(monitor);
        return status == 0 ? loop(monitor) : status;
}

int verb_monitor(const Options *options) {
        Monitor monitor = { .json = options->given & OPTION_JSON };
        int status;

        monitor.utf8 = !monitor.json && text_locale_is_utf8();
        status = selection_init(&monitor.selection, options, text_now_usec(), "monitor");
        if (status == 0)
                status = call_open(&monitor.caller, /* may_ask= */ false);
        if (status == 0)
                status = monitor_run(&monitor);

        call_close(&monitor.caller);
        sd_event_unref(monitor.event);
        known_done(&monitor.known);
        id_names_done(&monitor.names);
        free(monitor.owner);
        return status;
}
