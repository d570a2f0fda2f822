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

int file_write(int dirfd, const char *name, mode_t mode, const char *data, size_t size) {
        char temporary[NAME_MAX + 1];
        int fd, r;

        /* A leading dot: readers of the folder pass it over, and one that a crash left is overwritten. */
        if (snprintf(temporary, sizeof(temporary), ".%s" FILE_UNFINISHED, name) >= (int) sizeof(temporary))
                return -ENAMETOOLONG;

        fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        /* One that a crash left may have been made under another umask. */
        r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, data, size);
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

static bool is_trusted(const struct stat *st, uid_t also) {
        if (also == FILE_ANYBODY)
                return true;

        return (st->st_uid == 0 || st->st_uid == also) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int file_check_folder(const char *path, uid_t also) {
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;

        return is_trusted(&st, also) ? 1 : -EPERM;
}

/* How many links a path may lead over, as in the kernel (MAXSYMLINKS). */
#define LINKS_MAX 40

/* A path on its way to be followed: what was walked has no links in it, what is left may have. */
typedef struct Walk {
        char walked[PATH_MAX];
        char left[PATH_MAX];
        unsigned n_links;
        bool is_draft; /* whose the folders are is not asked */
} Walk;

/* Puts the target of a link before what is left. */
static int walk_link(Walk *walk, const char *component) {
        char target[PATH_MAX], left[PATH_MAX];
        ssize_t n;

        if (++walk->n_links > LINKS_MAX)
                return -ELOOP;

        n = readlink(component, target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';

        if (snprintf(left, sizeof(left), "%s/%s", target, walk->left) >= (int) sizeof(left))
                return -ENAMETOOLONG;

        strcpy(walk->left, left);
        if (*target == '/')
                walk->walked[0] = '\0';
        return 0;
}

/* Once a link was met, every folder on the way must be root's alone: who may write one could put anything in its place.
 * The way to the first link is the administrator's business. */
static int walk_check(const Walk *walk) {
        struct stat st;

        if (walk->n_links == 0 || walk->is_draft)
                return 0;
        if (stat(*walk->walked ? walk->walked : "/", &st) < 0)
                return -errno;

        return is_trusted(&st, FILE_NOBODY_ELSE) ? 0 : -EPERM;
}

/* Where links must not lead: other people's, or not to be seen by a service (ProtectHome=, PrivateTmp= of the unit), so
 * that whoever reads a file says the same of it. */
static bool is_out_of_reach(const char *path) {
        static const char *const folders[] = { "/home", "/root", "/run/user", "/tmp", "/var/tmp" };

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
                if (strcmp(path, folders[i]) == 0)
                        return true;

        return false;
}

static int walk_step(Walk *walk, const char *name) {
        char component[PATH_MAX], *slash;
        struct stat st;
        int r;

        if (!*name || strcmp(name, ".") == 0)
                return 0;

        if (strcmp(name, "..") == 0) {
                slash = strrchr(walk->walked, '/');
                if (slash)
                        *slash = '\0';
                return 0;
        }

        r = walk_check(walk);
        if (r < 0)
                return r;

        if (snprintf(component, sizeof(component), "%s/%s", walk->walked, name) >= (int) sizeof(component))
                return -ENAMETOOLONG;
        if (walk->n_links > 0 && !walk->is_draft && is_out_of_reach(component))
                return -EPERM;
        if (lstat(component, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return walk_link(walk, component);

        strcpy(walk->walked, component);
        return 0;
}

/* The first link may stand in a folder that others write: it is in the way to the file, or is the file itself. */
static int walk_start(Walk *walk, const char *path) {
        char *cwd = NULL;
        int n;

        if (*path != '/') {
                cwd = getcwd(NULL, 0);
                if (!cwd)
                        return -errno;
        }

        n = snprintf(walk->left, sizeof(walk->left), "%s/%s", cwd ? cwd : "", path);
        free(cwd);
        return n >= (int) sizeof(walk->left) ? -ENAMETOOLONG : 0;
}

/* Follows links by hand. -EPERM where one leads through a folder that is not root's alone, -ENODATA to /dev/null. */
static int resolve(const char *path, bool is_draft, char resolved[static PATH_MAX]) {
        Walk walk = { .is_draft = is_draft };
        int r;

        r = walk_start(&walk, path);
        while (r == 0 && *walk.left) {
                char name[NAME_MAX + 1];
                size_t length = strcspn(walk.left, "/");

                if (length > NAME_MAX)
                        return -ENAMETOOLONG;
                memcpy(name, walk.left, length);
                name[length] = '\0';
                length += strspn(walk.left + length, "/");
                memmove(walk.left, walk.left + length, strlen(walk.left + length) + 1);

                r = walk_step(&walk, name);
        }
        if (r < 0)
                return r;

        strcpy(resolved, walk.walked);
        return walk.n_links > 0 && strcmp(resolved, "/dev/null") == 0 ? -ENODATA : 0;
}

int file_read_trusted(const char *path, uid_t also, size_t limit, char **ret_data, size_t *ret_size) {
        char resolved[PATH_MAX];
        struct stat st;
        int fd, r;

        r = resolve(path, also == FILE_ANYBODY, resolved);
        if (r < 0)
                return r;

        fd = open(resolved, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;

        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = -ENOTTY;
        else if (!is_trusted(&st, also))
                r = -EPERM;
        else if (st.st_size == 0)
                r = -ENODATA;
        else
                r = read_all(fd, limit, ret_data, ret_size);

        (void) close(fd);
        return r;
}
