/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A terminal of its machine for somebody who is not on it: says the name of the side for programs, a line, and is the
 * other side from then on: what programs write there comes out, what comes in is typed. It ends with its input.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void check(int good, const char *what) {
        if (good)
                return;

        perror(what);
        exit(1);
}

/* 0 at the end. */
static ssize_t copy(int from, int to) {
        char data[4096];
        ssize_t n;

        n = read(from, data, sizeof(data));
        if (n > 0)
                check(write(to, data, (size_t) n) == n, "write");

        return n;
}

int main(void) {
        struct winsize size = { .ws_row = 40, .ws_col = 120 };
        struct pollfd ready[2];
        int master, held;

        master = posix_openpt(O_RDWR | O_NOCTTY);
        check(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0, "posix_openpt");
        check(ioctl(master, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
        /* Where no program has it open, reading fails: this one always does. */
        held = open(ptsname(master), O_RDWR | O_NOCTTY);
        check(held >= 0, "open");
        check(dprintf(STDOUT_FILENO, "%s\n", ptsname(master)) > 0, "write");

        for (;;) {
                ready[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
                ready[1] = (struct pollfd){ .fd = master, .events = POLLIN };
                check(poll(ready, 2, -1) > 0, "poll");
                if (ready[1].revents && copy(master, STDOUT_FILENO) <= 0)
                        return 1;
                if (ready[0].revents && copy(STDIN_FILENO, master) <= 0)
                        return 0;
        }
}
