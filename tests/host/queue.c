/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Opens a queue of a TAP by its name, as a virtual machine monitor does, says "open" or "error NAME", and then obeys
 * its standard input, a command a line, with one line of answer each:
 *
 *      send HEX                frame out of the guest        "sent" or "error NAME"
 *      receive TYPE MS         next frame of an EtherType    "frame HEX" or "nothing"
 *      flags                   TUNGETIFF                     "flags NAME HEX" or "error NAME"
 *
 * The end of its input closes the queue.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define ETHERNET_HEADER 14

static void say_error(void) {
        printf("error %s\n", strerrorname_np(errno));
}

static size_t parse_hex(const char *text, unsigned char *bytes) {
        unsigned value;
        size_t n = 0;

        while (n < FRAME_MAX && sscanf(text + 2 * n, "%2x", &value) == 1)
                bytes[n++] = (unsigned char) value;

        return n;
}

static void print_hex(const unsigned char *bytes, size_t n) {
        for (size_t i = 0; i < n; i++)
                printf("%02x", bytes[i]);
}

static void send_frame(int fd, const char *hex) {
        static unsigned char frame[FRAME_MAX];

        if (write(fd, frame, parse_hex(hex, frame)) < 0)
                say_error();
        else
                puts("sent");
}

static long now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The next frame of that type before the time @end; its length, or 0 without one. */
static size_t wait_for_frame(int fd, unsigned type, long end, unsigned char *frame) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };

        for (;;) {
                long left = end - now_ms();
                ssize_t n;

                if (left <= 0 || poll(&ready, 1, (int) left) <= 0)
                        return 0;

                n = read(fd, frame, FRAME_MAX);
                if (n < 0)
                        return 0;
                if (n >= ETHERNET_HEADER && (unsigned) (frame[12] << 8 | frame[13]) == type)
                        return (size_t) n;
        }
}

static void receive_frame(int fd, const char *arguments) {
        static unsigned char frame[FRAME_MAX];
        unsigned type;
        long ms;
        size_t n;

        if (sscanf(arguments, "%x %ld", &type, &ms) != 2) {
                puts("nothing");
                return;
        }

        n = wait_for_frame(fd, type, now_ms() + ms, frame);
        if (n == 0) {
                puts("nothing");
                return;
        }

        printf("frame ");
        print_hex(frame, n);
        printf("\n");
}

static void show_flags(int fd) {
        struct ifreq request = {};

        if (ioctl(fd, TUNGETIFF, &request) < 0)
                say_error();
        else
                printf("flags %s %04x\n", request.ifr_name, (unsigned short) request.ifr_flags);
}

static void obey(int fd, const char *line) {
        if (strncmp(line, "send ", 5) == 0)
                send_frame(fd, line + 5);
        else if (strncmp(line, "receive ", 8) == 0)
                receive_frame(fd, line + 8);
        else if (strcmp(line, "flags\n") == 0)
                show_flags(fd);
        else
                puts("error EINVAL");
}

static int open_queue(const char *name, short flags) {
        struct ifreq request = { .ifr_flags = flags };
        int fd;

        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return -1;

        strncpy(request.ifr_name, name, IFNAMSIZ - 1);
        if (ioctl(fd, TUNSETIFF, &request) < 0)
                return -1;

        return fd;
}

int main(int argc, char **argv) {
        short flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
        static char line[2 * FRAME_MAX + 64];
        int fd;

        if (argc < 2) {
                fprintf(stderr, "usage: %s NAME [single]\n", argv[0]);
                return 2;
        }
        if (argc > 2 && strcmp(argv[2], "single") == 0)
                flags &= ~IFF_MULTI_QUEUE;

        setvbuf(stdout, NULL, _IOLBF, 0);
        fd = open_queue(argv[1], flags);
        if (fd < 0) {
                say_error();
                return 1;
        }
        puts("open");

        while (fgets(line, sizeof(line), stdin))
                obey(fd, line);

        return 0;
}
