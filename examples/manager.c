/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtualization manager in small: has tapd make network cords for a virtual machine, adds to them while it runs, and
 * hears when one goes. It needs no privilege and no tapctl.
 *
 *      cc -o manager manager.c $(pkg-config --cflags --libs libsystemd)
 *      ./manager [SWITCH [VLAN]]
 *
 * Ctrl-C ends it. The calls are described in /usr/share/dbus-1/interfaces/org.tapd1.*.xml.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define SERVICE "org.tapd1"
#define MANAGER_PATH "/org/tapd1"
#define MANAGER "org.tapd1.Manager"
#define TAP "org.tapd1.Tap"

#define N_CORDS 2
#define N_QUEUES_MAX 16

/* A network card of the virtual machine. The TAP behind it lives exactly as long as one of these descriptors is open,
 * in this process or another: nothing has to be deleted, also not by who is killed. */
typedef struct Cord {
        char name[16], path[256];
        int fds[N_QUEUES_MAX];
        size_t n_fds;
        bool is_gone;
} Cord;

typedef struct VirtualMachine {
        sd_bus *bus;
        const char *switch_name; /* NULL: no switch */
        const char *vlan;        /* NULL: none is named */
        Cord cords[N_CORDS];
        size_t n_cords;
} VirtualMachine;

/* tapd's errors have names to tell them by, and texts for people: "VLAN=: 60 is not in VLANs= of grant lab". */
static int complain(const char *what, const sd_bus_error *error, int r) {
        fprintf(stderr, "%s: %s\n", what, error->message ? error->message : strerror(-r));
        return r;
}

/* The descriptors of a message are closed with it: who wants to keep one takes a duplicate. They are in non-blocking
 * mode, and each frame has a virtio-net header in front, as QEMU wants it. */
static int take_queues(Cord *cord, sd_bus_message *reply) {
        int fd, r;

        r = sd_bus_message_enter_container(reply, 'a', "h");
        while (r >= 0 && (r = sd_bus_message_read(reply, "h", &fd)) > 0 && cord->n_fds < N_QUEUES_MAX) {
                fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (fd < 0)
                        return -errno;
                cord->fds[cord->n_fds++] = fd;
        }

        return r;
}

static void close_queues(Cord *cord) {
        while (cord->n_fds > 0)
                close(cord->fds[--cord->n_fds]);
}

/* The guest's side gets the address that tapd recommends: it is the same whenever a TAP has this name. */
static void describe(VirtualMachine *machine, const Cord *cord) {
        char *address = NULL;

        (void) sd_bus_get_property_string(machine->bus, SERVICE, cord->path, TAP, "GuestMACAddress", NULL, &address);
        printf("%s: mac=%s fds=", cord->name, address ? address : "");
        for (size_t i = 0; i < cord->n_fds; i++)
                printf("%s%d", i > 0 ? ":" : "", cord->fds[i]);
        putchar('\n');
        free(address);
}

/* A name of one's own may be asked for; "" is the lowest free tapN. What is not set has a good default. */
static int append_settings(const VirtualMachine *machine, sd_bus_message *call) {
        int r;

        r = sd_bus_message_open_container(call, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(call, "{sv}", "Description", "s", "an example");
        if (r >= 0 && machine->switch_name)
                r = sd_bus_message_append(call, "{sv}", "Switch", "s", machine->switch_name);
        /* What is none is for tapd to say. */
        if (r >= 0 && machine->vlan)
                r = sd_bus_message_append(call, "{sv}", "VLAN", "q", atoi(machine->vlan));

        return r < 0 ? r : sd_bus_message_close_container(call);
}

/* When the answer is there the TAP is plugged in and up. */
static int create(VirtualMachine *machine, unsigned n_queues) {
        sd_bus_message *call = NULL, *reply = NULL;
        Cord *cord = &machine->cords[machine->n_cords];
        sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *name, *path;
        int r;

        r = sd_bus_message_new_method_call(machine->bus, &call, SERVICE, MANAGER_PATH, MANAGER, "CreateEphemeral");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", "");
        if (r >= 0)
                r = append_settings(machine, call);
        if (r >= 0)
                r = sd_bus_message_append(call, "u", n_queues);
        if (r >= 0)
                r = sd_bus_call(machine->bus, call, 0, &error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "so", &name, &path);
        if (r >= 0) {
                snprintf(cord->name, sizeof(cord->name), "%s", name);
                snprintf(cord->path, sizeof(cord->path), "%s", path);
                machine->n_cords++;
                r = take_queues(cord, reply);
        }

        if (r < 0)
                complain("cannot create a TAP", &error, r);
        else
                describe(machine, cord);
        sd_bus_error_free(&error);
        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return r;
}

/* More of them for a TAP that is there, at most 16 a call. */
static int open_queues(VirtualMachine *machine, Cord *cord, unsigned n_queues) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(machine->bus, SERVICE, cord->path, TAP, "OpenQueues", &error, &reply, "u", n_queues);
        if (r >= 0)
                r = take_queues(cord, reply);

        if (r < 0)
                complain(cord->name, &error, r);
        else
                describe(machine, cord);
        sd_bus_error_free(&error);
        sd_bus_message_unref(reply);
        return r;
}

static int on_removed(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        VirtualMachine *machine = userdata;
        bool all_gone = true;
        const char *path;

        if (sd_bus_message_read(signal, "o", &path) < 0)
                return 0;

        for (size_t i = 0; i < machine->n_cords; i++) {
                Cord *cord = &machine->cords[i];

                if (!cord->is_gone && strcmp(cord->path, path) == 0) {
                        /* Somebody deleted it, or this is what close_queues() brought about. */
                        printf("%s: gone\n", cord->name);
                        close_queues(cord);
                        cord->is_gone = true;
                }
                all_gone = all_gone && cord->is_gone;
        }

        return all_gone ? sd_event_exit(sd_bus_get_event(machine->bus), 0) : 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        VirtualMachine *machine = userdata;

        for (size_t i = 0; i < machine->n_cords; i++)
                close_queues(&machine->cords[i]);

        return 0;
}

static int prepare(VirtualMachine *machine, sd_event **ret) {
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        sigprocmask(SIG_BLOCK, &mask, NULL);

        r = sd_event_default(ret);
        if (r >= 0)
                r = sd_event_add_signal(*ret, NULL, SIGINT, on_signal, machine);
        if (r >= 0)
                r = sd_event_add_signal(*ret, NULL, SIGTERM, on_signal, machine);
        if (r >= 0)
                r = sd_bus_open_system(&machine->bus);
        if (r >= 0)
                r = sd_bus_attach_event(machine->bus, *ret, SD_EVENT_PRIORITY_NORMAL);
        /* Before the first TAP is there, so that nothing is missed. */
        if (r >= 0)
                r = sd_bus_match_signal(machine->bus, NULL, SERVICE, MANAGER_PATH, "org.freedesktop.DBus.ObjectManager",
                                        "InterfacesRemoved", on_removed, machine);

        return r;
}

int main(int argc, char **argv) {
        VirtualMachine machine = {
                .switch_name = argc > 1 ? argv[1] : NULL,
                .vlan = argc > 2 ? argv[2] : NULL,
        };
        sd_event *event = NULL;
        int r;

        setlinebuf(stdout);
        r = prepare(&machine, &event);
        if (r < 0)
                complain("cannot begin", &SD_BUS_ERROR_NULL, r);

        /* A card with two queues, of which QEMU is told with -netdev tap,id=n0,fds=7:8. */
        if (r >= 0)
                r = create(&machine, 2);
        /* While it runs: two queues more, and a second card. Both reach a running QEMU with getfd of QMP. */
        if (r >= 0)
                r = open_queues(&machine, &machine.cords[0], 2);
        if (r >= 0)
                r = create(&machine, 1);
        if (r >= 0)
                r = sd_event_loop(event);

        sd_bus_flush_close_unref(machine.bus);
        sd_event_unref(event);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
