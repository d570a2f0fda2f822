/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, size_t limit, char **ret_data, size_t *ret_size) {
        char *data;
        size_t size = 0;

        /* One byte more than allowed, to see that there is more, and the NUL. */
        data = malloc(limit + 2);
        if (!data)
                return -ENOMEM;

        for (;;) {
                ssize_t n = read(fd, data + size, limit + 1 - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || size + (size_t) n > limit) {
                        int r = n < 0 ? -errno : -EFBIG;

                        free(data);
                        return r;
                }
                if (n == 0)
                        break;

                size += (size_t) n;
        }

        data[size] = '\0';
        *ret_data = data;
        *ret_size = size;
        return 0;
}

int file_read(int dirfd, const char *name, size_t limit, char **ret_data, size_t *ret_size) {
        struct stat st;
        int fd, r;

        fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;

        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = -ENOTTY;
        else
                r = read_all(fd, limit, ret_data, ret_size);

        (void) close(fd);
        return r;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                data += n;
                size -= (size_t) n;
        }

        return fsync(fd) < 0 ? -errno : 0;
}

int file_write(int dirfd, const char *name, const char *data, size_t size) {
        char temporary[NAME_MAX + 1];
        int fd, r;

        /* A leading dot: readers of the folder pass it over, and one that a crash left is overwritten. */
        if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= (int) sizeof(temporary))
                return -ENAMETOOLONG;

        fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        r = write_all(fd, data, size);
        if (close(fd) < 0 && r == 0)
                r = -errno;
        if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dirfd, temporary, 0);
                return r;
        }

        return fsync(dirfd) < 0 ? -errno : 0;
}

int file_remove(int dirfd, const char *name) {
        if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
                return -errno;

        return fsync(dirfd) < 0 ? -errno : 0;
}

static bool is_trusted(const struct stat *st) {
        return st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whether every folder above @path, which has no links in it, is root's alone. */
static int check_folders(const char *path) {
        char folder[PATH_MAX];
        struct stat st;

        (void) snprintf(folder, sizeof(folder), "%s", path);

        for (char *slash; (slash = strrchr(folder, '/'));) {
                *slash = '\0';
                if (stat(slash == folder ? "/" : folder, &st) < 0)
                        return -errno;
                if (!is_trusted(&st))
                        return -EPERM;
        }

        return 0;
}

/* Follows a link by hand: who may write a folder on its way could put anything in its place. */
static int resolve(const char *path, char resolved[static PATH_MAX]) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return -errno;

        if (!S_ISLNK(st.st_mode)) {
                (void) snprintf(resolved, PATH_MAX, "%s", path);
                return 0;
        }

        if (!realpath(path, resolved))
                return -errno;
        if (strcmp(resolved, "/dev/null") == 0)
                return -ENODATA;

        return check_folders(resolved);
}

int file_read_trusted(const char *path, size_t limit, char **ret_data, size_t *ret_size) {
        char resolved[PATH_MAX];
        struct stat st;
        int fd, r;

        r = resolve(path, resolved);
        if (r < 0)
                return r;

        fd = open(resolved, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;

        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = -ENOTTY;
        else if (!is_trusted(&st))
                r = -EPERM;
        else if (st.st_size == 0)
                r = -ENODATA;
        else
                r = read_all(fd, limit, ret_data, ret_size);

        (void) close(fd);
        return r;
}
