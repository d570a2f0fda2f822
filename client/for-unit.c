/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tap@.service does: a TAP for a unit that needs one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "call.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "tap-info.h"
#include "verbs.h"

/* A switch that comes up with the network at boot is there by then. */
#define PATIENCE_USEC (UINT64_C(60) * 1000000)

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER_INTERFACE "org.freedesktop.DBus.ObjectManager"

/* A TAP that is waited for. */
typedef struct Wait {
        Caller *caller;
        const char *name;
        uint64_t until_usec;
        bool has_news;
        char state[32], reason[256]; /* the last that was told */
} Wait;

static uint64_t now_usec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

static int wait_on_news(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        Wait *wait = userdata;

        wait->has_news = true;
        return 0;
}

/* The rule ends with what @last is to be. */
static int add_match(Wait *wait, const char *rule_head, const char *last) {
        char *rule = NULL;
        int r;

        r = asprintf(&rule, "%s='%s'", rule_head, last) < 0 ? -ENOMEM : 0;
        if (r == 0)
                r = sd_bus_add_match(wait->caller->bus, NULL, rule, wait_on_news, wait);

        free(rule);
        return r;
}

/* Of this TAP alone: at boot hundreds may wait, each for its own. */
static int subscribe(Wait *wait) {
        char *path = NULL;
        int r;

        r = sd_bus_path_encode(TAPD_TAP_PREFIX, wait->name, &path);
        if (r >= 0)
                r = add_match(wait,
                              "type='signal',sender='" TAPD_BUS_NAME "',interface='" PROPERTIES_INTERFACE
                              "',member='PropertiesChanged',path",
                              path);
        if (r >= 0)
                r = add_match(wait,
                              "type='signal',sender='" TAPD_BUS_NAME "',interface='" OBJECT_MANAGER_INTERFACE
                              "',arg0path",
                              path);
        /* A tapd that was started again tells of nothing that it finds. */
        if (r >= 0)
                r = add_match(wait,
                              "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                              "member='NameOwnerChanged',arg0",
                              TAPD_BUS_NAME);

        free(path);
        return r < 0 ? call_report_build(r) : 0;
}

/* Whether a unit can use it; a TAP that was changed is still one. */
static bool is_usable(const TapInfo *info) {
        static const char *const unusable[] = { "waiting", "blocked", "broken", "leaving" };

        for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
                if (!info->state || strcmp(info->state, unusable[i]) == 0)
                        return false;

        return true;
}

/* Asks how it is now. 1 where it can be used, 0 where not; else, negative, an exit status. */
static int look(Wait *wait) {
        sd_bus_message *reply = NULL;
        TapInfo info;
        int r, status;

        wait->has_news = false;
        status = call_get_all(wait->caller, wait->name, &reply);
        if (status == TAPCTL_EXIT_NO_SUCH_TAP) {
                /* Between an object without a device and the one with it. */
                snprintf(wait->state, sizeof(wait->state), "absent");
                return 0;
        }
        if (status != 0)
                return -status;

        r = tap_info_read_all(&info, reply);
        if (r < 0) {
                r = -call_report_reply(r);
        } else {
                r = is_usable(&info);
                snprintf(wait->state, sizeof(wait->state), "%s", info.state ? info.state : "");
                snprintf(wait->reason, sizeof(wait->reason), "%s", info.state_reason ? info.state_reason : "");
        }

        sd_bus_message_unref(reply);
        return r;
}

/* 1 when something was heard of it, 0 where there is no more time. */
static int wait_for_news(Wait *wait) {
        while (!wait->has_news) {
                uint64_t now = now_usec();
                int r;

                r = sd_bus_process(wait->caller->bus, NULL);
                if (r == 0 && now >= wait->until_usec)
                        return 0;
                if (r == 0)
                        r = sd_bus_wait(wait->caller->bus, wait->until_usec - now);
                if (r < 0 && r != -EINTR)
                        return r;
        }

        return 1;
}

static int report_wait(const Wait *wait, int r) {
        if (r < 0) {
                report(wait->name, "cannot wait for it: %s", strerror(-r));
                return TAPCTL_EXIT_FAILED;
        }

        report(wait->name, "is %s after %u s%s%s", wait->state, (unsigned) (PATIENCE_USEC / 1000000),
               *wait->reason ? ": " : "", wait->reason);
        return TAPCTL_EXIT_FAILED;
}

static int wait_until_usable(Caller *caller, const char *name) {
        Wait wait = { .caller = caller, .name = name, .until_usec = now_usec() + PATIENCE_USEC };
        int r, status;

        r = look(&wait);
        if (r != 0)
                return r < 0 ? -r : 0;

        status = subscribe(&wait);
        if (status != 0)
                return status;

        /* What happened before the bus knew of the subscription is seen by looking again. */
        while ((r = look(&wait)) == 0) {
                r = wait_for_news(&wait);
                if (r <= 0)
                        return report_wait(&wait, r);
        }

        return r < 0 ? -r : 0;
}

static int create_one(Caller *caller, const char *name, void *userdata) {
        int status;

        status = call_with_name(caller, name, "CreateForUnit", name, NULL);
        caller->expects_absence = true;
        return status == 0 ? wait_until_usable(caller, name) : status;
}

/* What the unit found, or what its administrator made, stays. */
static int is_of_unit(Caller *caller, const char *name, bool *ret) {
        sd_bus_message *reply = NULL;
        TapInfo info;
        int r, status;

        status = call_get_all(caller, name, &reply);
        if (status == 0) {
                r = tap_info_read_all(&info, reply);
                if (r < 0)
                        status = call_report_reply(r);
                else
                        *ret = info.source && strcmp(info.source, "unit") == 0;
        }

        sd_bus_message_unref(reply);
        return status;
}

static int delete_one(Caller *caller, const char *name, void *userdata) {
        sd_bus_message *call = NULL;
        bool is_units = false;
        int r, status;

        caller->expects_absence = true;
        status = is_of_unit(caller, name, &is_units);
        if (status == 0 && is_units) {
                status = call_new_tap(caller, name, TAPD_TAP_INTERFACE, "Delete", &call);
                if (status == 0) {
                        r = sd_bus_message_append(call, "b", (int) /* force= */ false);
                        status = r < 0 ? call_report_build(r) : call_perform(caller, name, call, NULL);
                }
        }

        sd_bus_message_unref(call);
        return status == TAPCTL_EXIT_NO_SUCH_TAP ? 0 : status;
}

static int do_all(const Options *options, const char *verb, unsigned excluded, CallEach each) {
        Caller caller = {};
        int status = 0;

        if (options->n_arguments == 0) {
                report(NULL, "\"%s --for-unit\" needs the name of a TAP", verb);
                return report_usage(verb);
        }
        if (options->given & excluded) {
                report(NULL, "--for-unit goes with no other option: how a TAP is made is for its .tap file to say");
                return report_usage(verb);
        }

        status = names_check(options->arguments, options->n_arguments, verb);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = call_each(&caller, options->arguments, options->n_arguments, each, NULL);

        call_close(&caller);
        return status;
}

int create_for_unit(const Options *options) {
        return do_all(options, "create", OPTIONS_SETTINGS | OPTIONS_PLUGGED, create_one);
}

int delete_for_unit(const Options *options) {
        return do_all(options, "delete", OPTION_FORCE | OPTIONS_FILTERS, delete_one);
}
