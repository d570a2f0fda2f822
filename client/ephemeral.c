/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ephemeral.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"

/* As many as one message may carry. */
#define CALL_QUEUES_MAX 16

void ephemeral_done(Ephemeral *tap) {
        for (size_t i = 0; i < tap->n_fds; i++)
                close(tap->fds[i]);
        free(tap->mac);
        free(tap->name);
        *tap = (Ephemeral){};
}

/* Those in a message are closed with it. */
static int take_fds(Ephemeral *tap, sd_bus_message *reply) {
        int fd, r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "h");
        while (r >= 0 && (r = sd_bus_message_read_basic(reply, SD_BUS_TYPE_UNIX_FD, &fd)) > 0) {
                if (tap->n_fds == EPHEMERAL_QUEUES_MAX)
                        return -EMSGSIZE;

                fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                if (fd < 0)
                        return -errno;
                tap->fds[tap->n_fds++] = fd;
        }

        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int take_tap(Ephemeral *tap, sd_bus_message *reply) {
        const char *name, *path;
        int r;

        r = sd_bus_message_read(reply, "so", &name, &path);
        if (r < 0)
                return r;

        tap->name = strdup(name);
        r = tap->name ? take_fds(tap, reply) : -ENOMEM;
        return r >= 0 && tap->n_fds == 0 ? -EBADMSG : r;
}

static int create(Ephemeral *tap, Caller *caller, const char *name, const Settings *settings, size_t n_queues) {
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

static int open_queues(Ephemeral *tap, Caller *caller, size_t n_queues) {
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

int ephemeral_get_mac(Ephemeral *tap, Caller *caller) {
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

int ephemeral_create(Ephemeral *tap, Caller *caller, const char *name, const Settings *settings, size_t n_queues) {
        int status;

        status = create(tap, caller, name, settings, smaller(n_queues, CALL_QUEUES_MAX));
        while (status == 0 && tap->n_fds < n_queues) {
                size_t n = tap->n_fds;

                status = open_queues(tap, caller, smaller(n_queues - n, CALL_QUEUES_MAX));
                if (status == 0 && tap->n_fds == n)
                        status = call_report_reply(-EBADMSG);
        }

        return status;
}
