/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

/* "/dev/net/tun", wherever a process has it. */
#define NODE "/tun"

/* Reads a small file of /proc. 0 or -errno; *buffer is a string then. */
static int read_file(int dir, const char *path, char *buffer, size_t size) {
        ssize_t n;
        int fd;

        fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        n = read(fd, buffer, size - 1);
        buffer[n > 0 ? n : 0] = '\0';
        close(fd);
        return n < 0 ? -errno : 0;
}

int holders_parse_fdinfo(const char *text, char *ret) {
        const char *line = strstr(text, "iff:\t");
        size_t length;

        if (!line || (line != text && line[-1] != '\n'))
                return -ENOENT;

        line += strlen("iff:\t");
        length = strcspn(line, "\n");
        if (length == 0 || length >= sizeof(((Holder *) NULL)->tap))
                return -ENOENT;

        memcpy(ret, line, length);
        ret[length] = '\0';
        return 0;
}

static bool is_node(int fds, const char *fd) {
        char target[256];
        ssize_t n = readlinkat(fds, fd, target, sizeof(target) - 1);

        if (n < (ssize_t) strlen(NODE))
                return false;

        target[n] = '\0';
        return strcmp(target + n - strlen(NODE), NODE) == 0;
}

static bool is_elsewhere(int process) {
        struct stat theirs, ours;

        return fstatat(process, "ns/net", &theirs, 0) >= 0 && stat("/proc/self/ns/net", &ours) >= 0 &&
               (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
}

static void describe(Holder *holder, int process) {
        char command[64];

        holder->elsewhere = is_elsewhere(process);
        if (read_file(process, "comm", command, sizeof(command)) >= 0)
                snprintf(holder->command, sizeof(holder->command), "%.*s", (int) strcspn(command, "\n"), command);
}

static Holder *find_or_add(Holders *holders, const char *tap, pid_t pid) {
        Holder *grown;

        /* The queues of a process come one after the other. */
        for (size_t i = holders->n; i > 0 && holders->holders[i - 1].pid == pid; i--)
                if (strcmp(holders->holders[i - 1].tap, tap) == 0)
                        return &holders->holders[i - 1];

        grown = reallocarray(holders->holders, holders->n + 1, sizeof(*grown));
        if (!grown)
                return NULL;

        holders->holders = grown;
        grown[holders->n] = (Holder){ .pid = pid };
        strcpy(grown[holders->n].tap, tap);
        return &grown[holders->n++];
}

static int add_queue(Holders *holders, int process, pid_t pid, const char *fd) {
        char path[64], text[1024], tap[sizeof(((Holder *) NULL)->tap)];
        Holder *holder;

        snprintf(path, sizeof(path), "fdinfo/%.20s", fd);
        if (read_file(process, path, text, sizeof(text)) < 0 || holders_parse_fdinfo(text, tap) < 0)
                return 0;

        holder = find_or_add(holders, tap, pid);
        if (!holder)
                return -ENOMEM;

        if (holder->n_queues++ == 0)
                describe(holder, process);

        return 0;
}

/* A process that ends meanwhile, or that is not ours to look at, has nothing. */
static DIR *open_directory(int dir, const char *path) {
        int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;

        if (!opened && fd >= 0)
                close(fd);

        return opened;
}

static int look_at_process(Holders *holders, int proc, const char *name, pid_t pid) {
        int process, r = 0;
        DIR *fds = NULL;

        process = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0)
                fds = open_directory(process, "fd");
        if (fds) {
                struct dirent *entry;

                while (r >= 0 && (entry = readdir(fds)))
                        if (is_node(dirfd(fds), entry->d_name))
                                r = add_queue(holders, process, pid, entry->d_name);
                closedir(fds);
        }

        if (process >= 0)
                close(process);
        return r;
}

int holders_find(Holders *holders) {
        struct dirent *entry;
        uint64_t pid;
        int r = 0;
        DIR *proc;

        *holders = (Holders){};
        proc = opendir("/proc");
        if (!proc)
                return -errno;

        while (r >= 0 && (entry = readdir(proc)))
                if (parse_decimal(entry->d_name, INT32_MAX, &pid) >= 0)
                        r = look_at_process(holders, dirfd(proc), entry->d_name, (pid_t) pid);

        closedir(proc);
        return r;
}

void holders_done(Holders *holders) {
        free(holders->holders);
        *holders = (Holders){};
}
