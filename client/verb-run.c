/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "arguments.h"
#include "call.h"
#include "command.h"
#include "errors.h"
#include "names.h"
#include "report.h"
#include "verbs.h"

#define QUEUES_MAX 256

/* As many as one message may carry. */
#define CALL_QUEUES_MAX 16

/* The TAP that the command gets. */
typedef struct RunTap {
        char *name, *mac;
        int fds[QUEUES_MAX];
        size_t n_fds;
} RunTap;

static void run_tap_done(RunTap *tap) {
        for (size_t i = 0; i < tap->n_fds; i++)
                close(tap->fds[i]);
        free(tap->mac);
        free(tap->name);
        *tap = (RunTap){};
}

/* Those in a message are closed with it. */
static int take_fds(RunTap *tap, sd_bus_message *reply) {
        int fd, r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "h");
        while (r >= 0 && (r = sd_bus_message_read_basic(reply, SD_BUS_TYPE_UNIX_FD, &fd)) > 0) {
                if (tap->n_fds == QUEUES_MAX)
                        return -EMSGSIZE;

                fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                if (fd < 0)
                        return -errno;
                tap->fds[tap->n_fds++] = fd;
        }

        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int take_tap(RunTap *tap, sd_bus_message *reply) {
        const char *name, *path;
        int r;

        r = sd_bus_message_read(reply, "so", &name, &path);
        if (r < 0)
                return r;

        tap->name = strdup(name);
        return tap->name ? take_fds(tap, reply) : -ENOMEM;
}

static int create(Caller *caller, const char *name, const Settings *settings, size_t n_queues, RunTap *tap) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r, status;

        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, "CreateEphemeral", &call);
        if (status == 0) {
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, name);
                if (r >= 0)
                        r = settings_append(settings, call);
                if (r >= 0)
                        r = sd_bus_message_append(call, "u", (uint32_t) n_queues);
                status = r < 0 ? call_report_build(r) : call_perform(caller, *name ? name : NULL, call, &reply);
        }
        if (status == 0) {
                r = take_tap(tap, reply);
                status = r < 0 ? call_report_reply(r) : 0;
        }

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static int open_queues(Caller *caller, size_t n_queues, RunTap *tap) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r, status;

        status = call_new_tap(caller, tap->name, TAPD_TAP_INTERFACE, "OpenQueues", &call);
        if (status == 0) {
                r = sd_bus_message_append(call, "u", (uint32_t) n_queues);
                status = r < 0 ? call_report_build(r) : call_perform(caller, tap->name, call, &reply);
        }
        if (status == 0) {
                r = take_fds(tap, reply);
                status = r < 0 ? call_report_reply(r) : 0;
        }

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static int get_mac(Caller *caller, RunTap *tap) {
        sd_bus_message *call = NULL, *reply = NULL;
        const char *mac;
        int r, status;

        status = call_new_tap(caller, tap->name, "org.freedesktop.DBus.Properties", "Get", &call);
        if (status == 0) {
                r = sd_bus_message_append(call, "ss", TAPD_TAP_INTERFACE, "GuestMACAddress");
                status = r < 0 ? call_report_build(r) : call_perform(caller, tap->name, call, &reply);
        }
        if (status == 0) {
                r = sd_bus_message_read(reply, "v", "s", &mac);
                if (r >= 0 && !(tap->mac = strdup(mac)))
                        r = -ENOMEM;
                status = r < 0 ? call_report_reply(r) : 0;
        }

        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return status;
}

static size_t smaller(size_t a, size_t b) {
        return a < b ? a : b;
}

static int get_tap(Caller *caller, const char *name, const Settings *settings, size_t n_queues, RunTap *tap) {
        int status;

        status = create(caller, name, settings, smaller(n_queues, CALL_QUEUES_MAX), tap);
        while (status == 0 && tap->n_fds < n_queues) {
                size_t n = tap->n_fds;

                status = open_queues(caller, smaller(n_queues - n, CALL_QUEUES_MAX), tap);
                if (status == 0 && tap->n_fds == n)
                        status = call_report_reply(-EBADMSG);
        }
        if (status == 0)
                status = get_mac(caller, tap);

        return status;
}

/* With the bus's closed there are lower numbers again; nobody needs them, but a command line looks better with them. */
static void lower_fds(RunTap *tap) {
        for (size_t i = 0; i < tap->n_fds; i++) {
                int fd = fcntl(tap->fds[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

                if (fd < 0)
                        return;

                if (fd < tap->fds[i]) {
                        close(tap->fds[i]);
                        tap->fds[i] = fd;
                } else
                        close(fd);
        }
}

static int become_command(const char *const *words, RunTap *tap) {
        char *fds;
        int status;

        lower_fds(tap);
        fds = command_join_fds(tap->fds, tap->n_fds);
        if (!fds)
                return report_no_memory();

        status = command_execute(words, &(CommandTap){ tap->name, fds, tap->mac }, tap->fds, tap->n_fds);
        free(fds);
        return status;
}

static int check(const Options *options) {
        if (options->n_arguments == options->n_before_dashes) {
                report(NULL, "\"run\" needs a command, behind \"--\"");
                return report_usage("run");
        }

        if (options->n_before_dashes > 1) {
                report(NULL, "\"%s\" is one argument too many; the command stands behind \"--\"",
                       options->arguments[1]);
                return report_usage("run");
        }

        return names_check(options->arguments, options->n_before_dashes, "run");
}

static int read_queues(const Options *options, size_t *ret) {
        uint64_t n = 1;

        if (options->queues && (parse_decimal(options->queues, QUEUES_MAX, &n) < 0 || n == 0)) {
                report("--queues", "\"%s\" is not a number from 1 to %d", options->queues, QUEUES_MAX);
                return report_usage("run");
        }

        *ret = (size_t) n;
        return 0;
}

/* The descriptors are all that the command gets; the TAP is gone with the last of them. */
int verb_run(const Options *options) {
        const char *name = options->n_before_dashes > 0 ? options->arguments[0] : "";
        Caller caller = {};
        Settings settings;
        RunTap tap = {};
        size_t n_queues = 0;
        int status;

        status = check(options);
        if (status == 0)
                status = read_queues(options, &n_queues);
        if (status == 0)
                status = settings_read(&settings, options);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        caller.plugs_into = options->settings[SETTING_SWITCH];
        caller.advise = advice_on_group;
        if (status == 0)
                status = get_tap(&caller, name, &settings, n_queues, &tap);

        call_close(&caller);
        if (status == 0)
                status = become_command(options->arguments + options->n_before_dashes, &tap);

        run_tap_done(&tap);
        return status;
}
