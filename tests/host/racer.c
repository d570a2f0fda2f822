/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tries to get into new multi-queue TAPs before they are closed to it: any user may attach to a device between its
 * TUNSETIFF and its TUNSETOWNER or TUNSETGROUP. It is told the names in order, PREFIX0 to PREFIX(COUNT-1), and tries
 * each until that device is UP, which is how a device looks that was handed over.
 *
 * What it does inside: "stay" keeps the queue until the device is gone, and looks for what must never be seen from
 * there: the device UP, persistent, or in a switch. "leave" makes the device persistent, so that it would outlive its
 * maker, and closes the queue at once; then it may get into the same device again, which counts again.
 *
 * It says "racing" when it does. After the last name, when it is out of every device, or at the end of its input, it
 * prints "intrusions N harm N", and before that a line for each harm.
 */

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUES_MAX 512

typedef struct Queue {
        int fd;
        char name[IFNAMSIZ]; /* of its device when it last looked */
        bool seen_harm;
} Queue;

typedef struct Racer {
        const char *prefix;
        bool leaves;
        int socket_fd; /* for SIOCGIFFLAGS */
        int next_fd;   /* for the next attempt, -1: to be opened */
        Queue queues[QUEUES_MAX];
        unsigned n_queues;
        unsigned intrusions, harm;
} Racer;

static struct ifreq racer_request(const Racer *racer, unsigned i, short flags) {
        struct ifreq request = { .ifr_flags = flags };

        snprintf(request.ifr_name, IFNAMSIZ, "%s%u", racer->prefix, i);
        return request;
}

static bool device_is_up(const Racer *racer, const char *name) {
        struct ifreq request = {};

        memcpy(request.ifr_name, name, IFNAMSIZ);
        return ioctl(racer->socket_fd, SIOCGIFFLAGS, &request) >= 0 && (request.ifr_flags & IFF_UP);
}

static bool device_is_plugged(const char *name) {
        char path[64];
        struct stat status;

        snprintf(path, sizeof(path), "/sys/class/net/%s/master", name);
        return lstat(path, &status) >= 0;
}

/* Looks around from inside; false where the device is gone. */
static bool racer_look(Racer *racer, Queue *queue) {
        bool persistent, up, plugged;
        struct ifreq device = {};

        /* EBADFD: the device was deleted under the queue. */
        if (ioctl(queue->fd, TUNGETIFF, &device) < 0)
                return false;

        memcpy(queue->name, device.ifr_name, IFNAMSIZ);
        persistent = device.ifr_flags & IFF_PERSIST;
        up = device_is_up(racer, device.ifr_name);
        plugged = device_is_plugged(device.ifr_name);
        if (queue->seen_harm || !(persistent || up || plugged))
                return true;

        /* Its name may have gone to the next device meanwhile: the queue must still be in it. */
        if (ioctl(queue->fd, TUNGETIFF, &device) < 0)
                return false;
        if (strncmp(device.ifr_name, queue->name, IFNAMSIZ) != 0)
                return true;

        printf("inside of %s, which is%s%s%s\n", device.ifr_name, persistent ? " persistent" : "", up ? " up" : "",
               plugged ? " plugged" : "");
        queue->seen_harm = true;
        racer->harm++;
        return true;
}

static void racer_look_around(Racer *racer) {
        for (unsigned i = 0; i < racer->n_queues;) {
                Queue *queue = &racer->queues[i];

                if (racer_look(racer, queue)) {
                        i++;
                        continue;
                }

                close(queue->fd);
                *queue = racer->queues[--racer->n_queues];
        }
}

static void racer_get_in(Racer *racer) {
        racer->intrusions++;

        if (racer->leaves) {
                ioctl(racer->next_fd, TUNSETPERSIST, 1);
                close(racer->next_fd);
        } else
                racer->queues[racer->n_queues++] = (Queue){ .fd = racer->next_fd, .name = "?" };

        racer->next_fd = -1;
}

/* Whether it is in the device of that name already, as far as it knows: each device counts once. */
static bool racer_is_inside(const Racer *racer, const char *name) {
        for (unsigned i = 0; i < racer->n_queues; i++)
                if (strncmp(racer->queues[i].name, name, IFNAMSIZ) == 0)
                        return true;

        return false;
}

static void racer_attempt(Racer *racer, unsigned i) {
        struct ifreq request = racer_request(racer, i, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);

        if (racer_is_inside(racer, request.ifr_name))
                return;

        if (racer->next_fd < 0)
                racer->next_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        /* EPERM both where there is no such device, which only CAP_NET_ADMIN could make, and where it is closed. */
        if (racer->n_queues < QUEUES_MAX && ioctl(racer->next_fd, TUNSETIFF, &request) >= 0)
                racer_get_in(racer);
}

static bool input_ended(void) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

        return poll(&input, 1, 0) > 0;
}

static void racer_run(Racer *racer, unsigned count) {
        unsigned i = 0;

        while ((i < count || racer->n_queues > 0) && !input_ended()) {
                struct ifreq request = racer_request(racer, i, 0);

                racer_look_around(racer);
                if (i < count)
                        racer_attempt(racer, i);
                if (i < count && device_is_up(racer, request.ifr_name))
                        i++;
        }
}

int main(int argc, char **argv) {
        static Racer racer = { .next_fd = -1 };

        if (argc != 4) {
                fprintf(stderr, "usage: %s PREFIX COUNT stay|leave\n", argv[0]);
                return 2;
        }

        racer.prefix = argv[1];
        racer.leaves = strcmp(argv[3], "leave") == 0;
        racer.socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        setvbuf(stdout, NULL, _IOLBF, 0);
        puts("racing");

        racer_run(&racer, (unsigned) atoi(argv[2]));
        printf("intrusions %u harm %u\n", racer.intrusions, racer.harm);
        return racer.harm > 0;
}
