/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk) {
        return remove(path);
}

Scratch *scratch_new(void) {
        Scratch *scratch = g_new0(Scratch, 1);

        (void) umask(0022);
        scratch->outside = -1;
        scratch->path = g_dir_make_tmp("tapd-test-XXXXXX", NULL);
        g_assert_nonnull(scratch->path);
        g_assert_cmpint(g_chmod(scratch->path, 0755), ==, 0);
        scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(scratch->fd, >=, 0);
        return scratch;
}

static void scratch_furnish(void) {
        put_text("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
        put_text("/etc/passwd", "root:x:0:0::/:/bin/sh\n"
                                "qemu:x:105:104::/:/bin/sh\n"
                                "alice:x:1000:1000::/:/bin/sh\n"
                                "bob:x:1001:1001::/:/bin/sh\n");
        put_text("/etc/group", "root:x:0:\n"
                               "kvm:x:104:alice,qemu\n"
                               "students:x:1500:bob\n");

        /* A user namespace may not make devices: what counts for a link to it is its name. */
        put_folder("/dev");
        if (mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) < 0)
                put_text("/dev/null", "");
}

Scratch *scratch_enter(void) {
        Scratch *scratch;

        if (geteuid() != 0) {
                g_test_skip("needs root: only files of root's count, and a root directory of its own");
                return NULL;
        }

        scratch = scratch_new();
        scratch->outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(scratch->outside, >=, 0);
        if (chroot(scratch->path) < 0) {
                g_test_skip("needs CAP_SYS_CHROOT: a root directory of its own");
                scratch_free(scratch);
                return NULL;
        }

        g_assert_cmpint(chdir("/"), ==, 0);
        scratch_furnish();
        return scratch;
}

void scratch_free(Scratch *scratch) {
        if (!scratch)
                return;

        if (scratch->outside >= 0) {
                g_assert_cmpint(fchdir(scratch->outside), ==, 0);
                g_assert_cmpint(chroot("."), ==, 0);
                (void) close(scratch->outside);
        }

        (void) close(scratch->fd);
        (void) nftw(scratch->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        g_free(scratch->path);
        g_free(scratch);
}

static void put_parents(const char *path) {
        g_autofree char *folder = g_path_get_dirname(path);

        put_folder(folder);
}

void put_bytes(const char *path, const void *bytes, size_t size) {
        put_parents(path);
        g_assert_true(g_file_set_contents(path, bytes, (gssize) size, NULL));
}

void put_text(const char *path, const char *text) {
        put_bytes(path, text, strlen(text));
}

void put_link(const char *target, const char *path) {
        put_parents(path);
        g_assert_cmpint(symlink(target, path), ==, 0);
}

void put_folder(const char *path) {
        g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
}

char *repeat(const char *text, size_t count) {
        GString *string = g_string_new(NULL);

        for (size_t i = 0; i < count; i++)
                g_string_append(string, text);

        return g_string_free(string, FALSE);
}

bool give_away(const char *path) {
        if (chown(path, SCRATCH_ALICE, (gid_t) -1) == 0)
                return true;

        g_test_skip("needs a second user: this user namespace has one");
        return false;
}
