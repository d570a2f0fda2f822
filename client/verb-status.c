/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "errors.h"
#include "names.h"
#include "output.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* The keys stand right-aligned in this many columns. */
#define KEY_WIDTH 14

/* What the pages have in common. */
typedef struct Page {
        Json *json; /* NULL: for people */
        IdNames names;
        bool utf8, colours, follows;
} Page;

/* What tapd says about itself. */
typedef struct Service {
        const char *version;
        char **degraded; /* list of sentences, ended by NULL; may be NULL */
        uint32_t tap_count;
        uint64_t intrusion_count;
} Service;

static void print_key(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print_key(const char *key, const char *format, ...) {
        va_list arguments;

        printf("%*s%s ", KEY_WIDTH, key, *key ? ":" : " ");
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
}

static void print_escaped(const char *key, const char *text) {
        char *shown = NULL;

        if (text && *text && text_escape(text, &shown) >= 0)
                print_key(key, "%s", shown);
        free(shown);
}

static void print_headline(Page *page, Colour colour, const char *text) {
        printf("%s%s%s%s %s\n", page->follows ? "\n" : "", output_colour(colour, page->colours), page->utf8 ? "●" : "*",
               output_colour(colour == COLOUR_NONE ? colour : COLOUR_OFF, page->colours), text);
        page->follows = true;
}

static void print_state(const Page *page, const TapInfo *info) {
        Colour colour = output_state_colour(info->state);
        const char *meaning = "";

        if (!info->state)
                return;

        if (strcmp(info->state, "tampered") == 0)
                meaning = " (a program that has it open changed who may open it, or that it stays)";
        else if (strcmp(info->state, "leaving") == 0)
                meaning = " (it is being deleted)";

        print_key("State", "%s%s%s%s", output_colour(colour, page->colours), info->state,
                  output_colour(colour == COLOUR_NONE ? colour : COLOUR_OFF, page->colours), meaning);
}

static void print_kind(const TapInfo *info) {
        const char *frames = info->kind && strcmp(info->kind, "tun") == 0 ? "IP packets" : "Ethernet frames";

        print_key("Kind", "%s (%s%s%s), %s", info->kind ? info->kind : "", frames,
                  info->vnet_header ? ", each after a virtio-net header" : "",
                  info->packet_info ? ", each after its protocol number" : "",
                  info->multi_queue ? "multi-queue" : "single-queue");
}

static void print_lifetime(const TapInfo *info) {
        if (!info->lifetime)
                return;

        print_key("Lifetime", "%s%s", info->lifetime,
                  strcmp(info->lifetime, "runtime") == 0 ? ", until it is deleted or the host reboots" : "");
}

static void print_link(const TapInfo *info) {
        print_key("Link", "administratively %s, operationally %s, %s",
                  info->administrative_state ? info->administrative_state : "unknown",
                  info->operational_state ? info->operational_state : "unknown",
                  info->carrier ? "carrier" : "no carrier");
}

static void print_queues(const TapInfo *info) {
        char attached[48], detached[48] = "";

        if (info->queues_attached == 0)
                snprintf(attached, sizeof(attached), "no queue attached");
        else
                snprintf(attached, sizeof(attached), "%" PRIu32 " %s attached", info->queues_attached,
                         info->queues_attached == 1 ? "queue" : "queues");
        if (info->queues_detached > 0)
                snprintf(detached, sizeof(detached), ", %" PRIu32 " switched off", info->queues_detached);

        print_key("Queues", "%s%s", attached, detached);
}

/* The kernel wants what is set of the two, and both where both are (drivers/net/tun.c, tun_not_capable()). */
static int print_user(const TapInfo *info, Page *page) {
        char *user = NULL, *group = NULL;
        int r;

        r = tap_info_format(info, FIELD_USER, &page->names, &user);
        if (r >= 0)
                r = tap_info_format(info, FIELD_GROUP, &page->names, &group);
        if (r >= 0) {
                if (info->user == TAPD_ID_UNSET && info->group == TAPD_ID_UNSET)
                        print_key("User", "anybody on this host");
                else if (info->user == TAPD_ID_UNSET)
                        print_key("User", "any member of %s (shared)", group);
                else if (info->group == TAPD_ID_UNSET)
                        print_key("User", "%s", user);
                else
                        print_key("User", "%s, and only as a member of %s", user, group);
        }

        free(group);
        free(user);
        return r;
}

static int print_creator(const TapInfo *info, Page *page) {
        char *creator = NULL;
        int r;

        r = tap_info_format(info, FIELD_CREATOR_UID, &page->names, &creator);
        if (r >= 0)
                print_key("Creator", "%s", creator);

        free(creator);
        return r;
}

static void print_created(const TapInfo *info) {
        time_t created = (time_t) (info->created_usec / 1000000), now = time(NULL);
        char date[64], age[32] = "";
        struct tm local;

        if (created == 0 || !localtime_r(&created, &local))
                return;

        strftime(date, sizeof(date), "%a %Y-%m-%d %H:%M:%S %Z", &local);
        /* A clock that was set back makes it younger than nothing. */
        if (now >= created)
                text_format_age((uint64_t) (now - created), age, sizeof(age));

        print_key("Created", "%s%s%s", date, *age ? "; " : "", age);
}

static int print_tap_page(const TapInfo *info, Page *page) {
        char *name = NULL;
        int r;

        r = tap_info_format(info, FIELD_NAME, &page->names, &name);
        if (r < 0)
                return r;

        print_headline(page, output_state_colour(info->state), name);
        free(name);
        print_escaped("Description", info->description);
        print_state(page, info);
        print_link(info);
        print_queues(info);
        r = print_user(info, page);
        if (r >= 0)
                r = print_creator(info, page);
        print_created(info);
        print_lifetime(info);
        print_kind(info);
        print_escaped("MAC address", info->mac_address);
        print_key("MTU", "%" PRIu32 " bytes", info->mtu_bytes);
        print_key("Transmit queue", "%" PRIu32 " packets", info->transmit_queue_length);
        print_key("Ifindex", "%" PRId32, info->ifindex);
        return r;
}

static void write_tap_json(const TapInfo *info, Json *json) {
        json_begin_object(json);
        for (FieldId id = 0; id < _FIELD_MAX; id++)
                tap_info_write_json(info, id, json);
        json_end_object(json);
}

static int show_reply(sd_bus_message *reply, Page *page) {
        TapInfo info;
        int r;

        r = tap_info_read_all(&info, reply);
        if (r < 0)
                return call_report_reply(r);

        if (page->json)
                write_tap_json(&info, page->json);
        else if (print_tap_page(&info, page) < 0)
                return report_no_memory();

        return 0;
}

static int get_all(Caller *caller, const char *name, sd_bus_message **ret) {
        const char *interface = name ? TAPD_TAP_INTERFACE : TAPD_MANAGER_INTERFACE;
        sd_bus_message *call = NULL;
        int r, status;

        if (name)
                status = call_new_tap(caller, name, PROPERTIES_INTERFACE, "GetAll", &call);
        else
                status = call_new_manager(caller, PROPERTIES_INTERFACE, "GetAll", &call);
        if (status == 0) {
                r = sd_bus_message_append(call, "s", interface);
                status = r < 0 ? call_report_build(r) : call_perform(caller, name, call, ret);
        }

        sd_bus_message_unref(call);
        return status;
}

static int show_tap(Caller *caller, const char *name, void *userdata) {
        sd_bus_message *reply = NULL;
        int status;

        status = get_all(caller, name, &reply);
        if (status == 0)
                status = show_reply(reply, userdata);

        sd_bus_message_unref(reply);
        return status;
}

static int show_taps(Caller *caller, const Options *options, Page *page) {
        int status;

        if (page->json)
                json_begin_array(page->json);
        status = call_each(caller, options->arguments, options->n_arguments, show_tap, page);
        if (page->json)
                json_end_array(page->json);

        return status;
}

static int read_service_property(Service *service, sd_bus_message *reply) {
        const char *key;
        int r;

        r = sd_bus_message_read(reply, "s", &key);
        if (r < 0)
                return r;

        if (strcmp(key, "Version") == 0)
                return sd_bus_message_read(reply, "v", "s", &service->version);
        if (strcmp(key, "TapCount") == 0)
                return sd_bus_message_read(reply, "v", "u", &service->tap_count);
        if (strcmp(key, "IntrusionCount") == 0)
                return sd_bus_message_read(reply, "v", "t", &service->intrusion_count);
        if (strcmp(key, "Degraded") != 0)
                return sd_bus_message_skip(reply, "v");

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_VARIANT, "as");
        if (r >= 0)
                r = sd_bus_message_read_strv(reply, &service->degraded);
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);

        return r;
}

static int service_read(Service *service, sd_bus_message *reply) {
        int r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_service_property(service, reply);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }

        return r;
}

static void service_done(Service *service) {
        for (char **sentence = service->degraded; sentence && *sentence; sentence++)
                free(*sentence);
        free(service->degraded);
        *service = (Service){};
}

static void write_service_json(const Service *service, Json *json) {
        json_begin_object(json);
        json_key(json, "Version");
        json_string(json, service->version);
        json_key(json, "Degraded");
        json_begin_array(json);
        for (char **sentence = service->degraded; sentence && *sentence; sentence++)
                json_string(json, *sentence);
        json_end_array(json);
        json_key(json, "TapCount");
        json_unsigned(json, service->tap_count);
        json_key(json, "IntrusionCount");
        json_unsigned(json, service->intrusion_count);
        json_end_object(json);
}

static void print_service_page(const Service *service, Page *page) {
        bool degraded = service->degraded && *service->degraded;
        Colour colour = degraded ? COLOUR_BAD : COLOUR_GOOD;

        print_headline(page, colour, "tapd");
        print_escaped("Version", service->version);
        print_key("State", "%s%s%s", output_colour(colour, page->colours),
                  degraded ? "degraded: it changes nothing, reading goes on" : "running",
                  output_colour(COLOUR_OFF, page->colours));
        for (char **sentence = service->degraded; sentence && *sentence; sentence++)
                print_escaped("", *sentence);
        print_key("TAPs", "%" PRIu32, service->tap_count);
        print_key("Intrusions", "%" PRIu64 "%s", service->intrusion_count,
                  service->intrusion_count > 0 ? " (another program got into a new device, which was thrown away)"
                                               : "");
}

static int show_service(Caller *caller, Page *page) {
        sd_bus_message *reply = NULL;
        Service service = {};
        int r, status;

        status = get_all(caller, NULL, &reply);
        if (status == 0) {
                r = service_read(&service, reply);
                if (r < 0)
                        status = call_report_reply(r);
                else if (page->json)
                        write_service_json(&service, page->json);
                else
                        print_service_page(&service, page);
        }

        service_done(&service);
        sd_bus_message_unref(reply);
        return status;
}

static int show_all(Caller *caller, const Options *options) {
        Page page = {};
        Json json;
        int status;

        if (options->given & OPTION_JSON) {
                json_init(&json, stdout);
                page.json = &json;
        } else {
                page.utf8 = text_locale_is_utf8();
                page.colours = output_has_colours();
        }

        status = options->n_arguments > 0 ? show_taps(caller, options, &page) : show_service(caller, &page);
        if (page.json)
                json_finish(&json);

        id_names_done(&page.names);
        return status;
}

int verb_status(const Options *options) {
        Caller caller = {};
        int status;

        status = call_open(&caller, /* may_ask= */ false);
        if (status == 0)
                status = show_all(&caller, options);

        call_close(&caller);
        return status;
}
