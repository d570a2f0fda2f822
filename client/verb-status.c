/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "errors.h"
#include "names.h"
#include "output.h"
#include "page.h"
#include "report.h"
#include "verbs.h"

/* What tapd says about itself. */
typedef struct Service {
        const char *version;
        char **degraded; /* list of sentences, ended by NULL; may be NULL */
        uint32_t tap_count;
        uint64_t intrusion_count;
} Service;

static int get_statistics(Caller *caller, const char *name, Statistics *statistics) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r, status;

        status = call_new_tap(caller, name, TAPD_TAP_INTERFACE, "GetStatistics", &call);
        if (status == 0)
                status = call_perform(caller, name, call, &reply);
        if (status == 0) {
                r = statistics_read(statistics, reply);
                status = r < 0 ? call_report_reply(r) : 0;
        }

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static int show_tap(Caller *caller, const char *name, void *userdata) {
        Statistics statistics = {};
        sd_bus_message *reply = NULL;
        TapInfo info;
        int r, status;

        status = call_get_all(caller, name, &reply);
        if (status == 0) {
                r = tap_info_read_all(&info, reply);
                status = r < 0 ? call_report_reply(r) : 0;
        }
        if (status == 0 && !tap_info_is_absent(&info))
                status = get_statistics(caller, name, &statistics);
        if (status == 0 && page_show_tap(userdata, &info, &statistics) < 0)
                status = report_no_memory();

        sd_bus_message_unref(reply);
        return status;
}

/* QEMU, which may not make one, says nothing of that it would have to. */
static void hint_at_absence(const char *name) {
        if (if_nametoindex(name) > 0)
                report_hint(
                        "a network interface that is not tapd's has this name; \"tapctl adopt %s\" takes over a TAP.",
                        name);
        else
                report_hint("\"tapctl create %s\" makes it; to QEMU its absence is \"Operation not permitted\".", name);
}

static int show_taps(Caller *caller, const Options *options, Page *page) {
        int status;

        if (page->json)
                json_begin_array(page->json);
        status = call_each(caller, options->arguments, options->n_arguments, show_tap, page);
        if (page->json)
                json_end_array(page->json);
        if (status == TAPCTL_EXIT_NO_SUCH_TAP && options->n_arguments == 1)
                hint_at_absence(options->arguments[0]);

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

        page_headline(page, colour, "tapd");
        page_escaped("Version", service->version);
        page_key("State", "%s%s%s", output_colour(colour, page->colours), degraded ? "degraded" : "running",
                 output_colour(COLOUR_OFF, page->colours));
        for (char **sentence = service->degraded; sentence && *sentence; sentence++)
                page_escaped("", *sentence);
        page_key("TAPs", "%" PRIu32, service->tap_count);
        page_key("Intrusions", "%" PRIu64 "%s", service->intrusion_count,
                 service->intrusion_count > 0 ? " (another program got into a new device, which was thrown away)" : "");
}

static int show_service(Caller *caller, Page *page) {
        sd_bus_message *reply = NULL;
        Service service = {};
        int r, status;

        status = call_get_all(caller, NULL, &reply);
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
        bool wants_json = options->given & OPTION_JSON;
        Page page;
        Json json;
        int status;

        json_init(&json, stdout);
        page_init(&page, wants_json ? &json : NULL);
        status = options->n_arguments > 0 ? show_taps(caller, options, &page) : show_service(caller, &page);
        if (wants_json)
                json_finish(&json);

        page_done(&page);
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
