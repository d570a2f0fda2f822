/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "file.h"
#include "scratch.h"

/* What a test that waits for a FIFO's other end would take. */
#define BLOCKED_SECONDS 5

static char *in(const Scratch *scratch, const char *name) {
        return g_build_filename(scratch->path, name, NULL);
}

/* The whole of a file. */
static void check_content(const Scratch *scratch, const char *name, const char *content, size_t size) {
        g_autofree char *path = in(scratch, name), *found = NULL;
        gsize found_size = 0;

        g_assert_true(g_file_get_contents(path, &found, &found_size, NULL));
        g_assert_cmpmem(found, found_size, content, size);
}

static size_t count_entries(const Scratch *scratch) {
        g_autoptr(GDir) dir = g_dir_open(scratch->path, 0, NULL);
        size_t n = 0;

        g_assert_nonnull(dir);
        while (g_dir_read_name(dir))
                n++;

        return n;
}

typedef struct ReadCase {
        size_t size, limit;
        int r;
} ReadCase;

static void test_read(void) {
        static const ReadCase cases[] = {
                { 0, 0, 0 },
                { 0, 100, 0 },
                { 1, 0, -EFBIG },
                { 99, 100, 0 },
                { 100, 100, 0 },
                { 101, 100, -EFBIG },
                { 100000, 100, -EFBIG },
                { 65536, 65536, 0 },
                { 65537, 65537, 0 },
                { 65537, 65536, -EFBIG },
        };
        Scratch *scratch = scratch_new();
        g_autofree char *path = in(scratch, "a");

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const ReadCase *row = &cases[i];
                g_autofree char *bytes = g_malloc(row->size + 1);
                char *data = NULL;
                size_t size = 0;

                memset(bytes, 0xa5, row->size);
                put_bytes(path, bytes, row->size);
                g_assert_cmpint(file_read(scratch->fd, "a", row->limit, &data, &size), ==, row->r);
                if (row->r == 0) {
                        g_assert_cmpmem(data, size, bytes, row->size);
                        g_assert_cmpint(data[size], ==, '\0');
                }
                free(data);
        }

        scratch_free(scratch);
}

/* Bytes are bytes: a NUL is not the end. */
static void test_read_nul(void) {
        static const char content[] = "a\0b\n\0";
        Scratch *scratch = scratch_new();
        g_autofree char *path = in(scratch, "a");
        char *data = NULL;
        size_t size = 0;

        put_bytes(path, content, sizeof(content));
        g_assert_cmpint(file_read(scratch->fd, "a", 100, &data, &size), ==, 0);
        g_assert_cmpmem(data, size, content, sizeof(content));
        free(data);
        scratch_free(scratch);
}

static void make_fifo(const char *path) {
        g_assert_cmpint(mkfifo(path, 0644), ==, 0);
}

static void make_folder(const char *path) {
        g_assert_cmpint(mkdir(path, 0755), ==, 0);
}

static void make_device_link(const char *path) {
        g_assert_cmpint(symlink("/dev/zero", path), ==, 0);
}

static void make_loop(const char *path) {
        g_assert_cmpint(symlink(path, path), ==, 0);
}

static void make_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof(address.sun_path)), <, sizeof(address.sun_path));
        g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
        (void) close(fd);
}

static void make_nothing(const char *path) {
}

typedef struct OddCase {
        const char *label;
        void (*make)(const char *path);
        int r; /* 0: any error */
} OddCase;

static const OddCase odd_cases[] = {
        { "fifo", make_fifo, -ENOTTY }, { "folder", make_folder, -ENOTTY },
        { "socket", make_socket, 0 },   { "absent", make_nothing, -ENOENT },
        { "loop", make_loop, 0 },       { "link-to-device", make_device_link, 0 },
};

/* Refused at once, with nothing handed out. */
static void test_read_odd(const void *data) {
        const OddCase *row = data;
        Scratch *scratch = scratch_new();
        g_autofree char *path = in(scratch, "a");
        char *content = NULL;
        size_t size = 0;
        int r;

        row->make(path);
        (void) alarm(BLOCKED_SECONDS);
        r = file_read(scratch->fd, "a", 100, &content, &size);
        (void) alarm(0);

        g_assert_cmpint(r, <, 0);
        if (row->r < 0)
                g_assert_cmpint(r, ==, row->r);
        g_assert_null(content);
        scratch_free(scratch);
}

static void test_write(void) {
        static const char first[] = "one\n", second[] = "t\0wo";
        Scratch *scratch = scratch_new();
        g_autofree char *path = in(scratch, "a"), *large = repeat("0123456789abcdef", 100000);
        struct stat st;

        g_assert_cmpint(file_write(scratch->fd, "a", 0600, first, strlen(first)), ==, 0);
        check_content(scratch, "a", first, strlen(first));
        g_assert_cmpint(file_write(scratch->fd, "a", 0600, second, sizeof(second)), ==, 0);
        check_content(scratch, "a", second, sizeof(second));
        g_assert_cmpint(file_write(scratch->fd, "a", 0600, large, strlen(large)), ==, 0);
        check_content(scratch, "a", large, strlen(large));
        g_assert_cmpint(file_write(scratch->fd, "a", 0600, "", 0), ==, 0);
        check_content(scratch, "a", "", 0);

        g_assert_cmpint(stat(path, &st), ==, 0);
        g_assert_cmphex(st.st_mode & 07777, ==, 0600);
        g_assert_cmpuint(count_entries(scratch), ==, 1);
        scratch_free(scratch);
}

/* Who has the old file open reads the old content to its end: it is replaced, not written over. */
static void test_write_replaces(void) {
        Scratch *scratch = scratch_new();
        char before[16] = "";
        int fd;

        g_assert_cmpint(file_write(scratch->fd, "a", 0600, "before", 6), ==, 0);
        fd = openat(scratch->fd, "a", O_RDONLY | O_CLOEXEC);
        g_assert_cmpint(file_write(scratch->fd, "a", 0600, "after!", 6), ==, 0);
        g_assert_cmpint(read(fd, before, sizeof(before)), ==, 6);
        g_assert_cmpmem(before, 6, "before", 6);
        (void) close(fd);
        scratch_free(scratch);
}

/* A link in the folder is replaced like a file; what it leads to is left alone. */
static void test_write_link(void) {
        Scratch *scratch = scratch_new();
        g_autofree char *link = in(scratch, "a"), *target = in(scratch, "target");

        put_text(target, "untouched");
        put_link("target", link);
        g_assert_cmpint(file_write(scratch->fd, "a", 0600, "new", 3), ==, 0);
        check_content(scratch, "a", "new", 3);
        check_content(scratch, "target", "untouched", 9);
        scratch_free(scratch);
}

/* What cannot be written leaves what was there, and nothing beside it. */
static void test_write_fails(void) {
        g_autofree char *long_name = repeat("n", NAME_MAX);
        Scratch *scratch = scratch_new();
        g_autofree char *path = in(scratch, "folder");

        make_folder(path);
        g_assert_cmpint(file_write(scratch->fd, "folder", 0600, "x", 1), <, 0);
        g_assert_cmpint(file_write(scratch->fd, long_name, 0600, "x", 1), <, 0);
        g_assert_cmpint(file_write(scratch->fd, "absent/a", 0600, "x", 1), <, 0);
        g_assert_cmpuint(count_entries(scratch), ==, 1);
        g_assert_true(g_file_test(path, G_FILE_TEST_IS_DIR));
        scratch_free(scratch);
}

/* A folder that went away under the descriptor: as full or read-only as it gets without a file system of one's own. */
static void test_write_no_folder(void) {
        Scratch *scratch = scratch_new();

        g_assert_cmpint(g_rmdir(scratch->path), ==, 0);
        g_assert_cmpint(file_write(scratch->fd, "a", 0600, "x", 1), <, 0);
        scratch_free(scratch);
}

static void test_remove(void) {
        Scratch *scratch = scratch_new();
        g_autofree char *folder = in(scratch, "folder");

        g_assert_cmpint(file_write(scratch->fd, "a", 0600, "x", 1), ==, 0);
        g_assert_cmpint(file_remove(scratch->fd, "a"), ==, 0);
        g_assert_cmpuint(count_entries(scratch), ==, 0);
        g_assert_cmpint(file_remove(scratch->fd, "a"), ==, 0);

        make_folder(folder);
        g_assert_cmpint(file_remove(scratch->fd, "folder"), <, 0);
        scratch_free(scratch);
}

static void trusted_plain(const char *path) {
        put_text(path, "trusted");
}

static void trusted_read_only(const char *path) {
        put_text(path, "trusted");
        g_assert_cmpint(g_chmod(path, 0400), ==, 0);
}

static void trusted_link(const char *path) {
        put_text("/usr/share/a", "trusted");
        put_link("/usr/share/a", path);
}

static void trusted_relative_link(const char *path) {
        put_text("/usr/share/a", "trusted");
        put_link("../usr/share/a", path);
}

static void trusted_links(const char *path) {
        put_text("/usr/share/a", "trusted");
        put_link("/usr/share/a", "/usr/share/b");
        put_link("/usr/share/b", path);
}

static void world_writable(const char *path) {
        put_text(path, "anybody's");
        g_assert_cmpint(g_chmod(path, 0646), ==, 0);
}

static void group_writable(const char *path) {
        put_text(path, "the group's");
        g_assert_cmpint(g_chmod(path, 0664), ==, 0);
}

static void empty(const char *path) {
        put_text(path, "");
}

static void masked(const char *path) {
        put_link("/dev/null", path);
}

static void masked_relative(const char *path) {
        put_link("../dev/null", path);
}

static void too_large(const char *path) {
        g_autofree char *text = repeat("x", 101);

        put_text(path, text);
}

static void dangling(const char *path) {
        put_link("/absent", path);
}

/* A folder in which anybody may put something in the place of what is there. */
static void put_open_folder(const char *path) {
        put_folder(path);
        g_assert_cmpint(g_chmod(path, 0777), ==, 0);
}

static void link_through_open(const char *path) {
        put_open_folder("/open");
        put_text("/open/a", "root's, for now");
        put_link("/open/a", path);
}

static void link_through_sticky(const char *path) {
        put_open_folder("/open");
        g_assert_cmpint(g_chmod("/open", 01777), ==, 0);
        put_text("/open/a", "root's, for now");
        put_link("/open/a", path);
}

static void link_below_open(const char *path) {
        put_open_folder("/open");
        put_text("/open/folder/a", "root's, for now");
        put_link("/open/folder/a", path);
}

static void link_to_link_in_open(const char *path) {
        put_open_folder("/open");
        put_text("/usr/share/a", "root's");
        put_link("/usr/share/a", "/open/a");
        put_link("/open/a", path);
}

static void link_over_folder_link_in_open(const char *path) {
        put_open_folder("/open");
        put_text("/usr/share/a", "root's");
        put_link("/usr/share", "/open/folder");
        put_link("/open/folder/a", path);
}

static void link_to_mask_in_open(const char *path) {
        put_open_folder("/open");
        put_link("/dev/null", "/open/a");
        put_link("/open/a", path);
}

static void link_to_writable(const char *path) {
        world_writable("/usr/share/a");
        put_link("/usr/share/a", path);
}

static void link_to_fifo(const char *path) {
        put_folder("/usr/share");
        make_fifo("/usr/share/a");
        put_link("/usr/share/a", path);
}

/* 0 in r: it is read. */
static const OddCase trusted_cases[] = {
        { "plain", trusted_plain, 0 },
        { "read-only", trusted_read_only, 0 },
        { "link", trusted_link, 0 },
        { "relative-link", trusted_relative_link, 0 },
        { "link-to-link", trusted_links, 0 },
        { "world-writable", world_writable, -EPERM },
        { "group-writable", group_writable, -EPERM },
        { "empty", empty, -ENODATA },
        { "masked", masked, -ENODATA },
        { "masked-relative", masked_relative, -ENODATA },
        { "too-large", too_large, -EFBIG },
        { "fifo", make_fifo, -ENOTTY },
        { "folder", make_folder, -ENOTTY },
        { "absent", make_nothing, -ENOENT },
        { "dangling", dangling, -ENOENT },
        { "loop", make_loop, -ELOOP },
        { "link-through-open-folder", link_through_open, -EPERM },
        { "link-through-sticky-folder", link_through_sticky, -EPERM },
        { "link-below-open-folder", link_below_open, -EPERM },
        { "link-to-link-in-open-folder", link_to_link_in_open, -EPERM },
        { "link-over-folder-link-in-open-folder", link_over_folder_link_in_open, -EPERM },
        { "link-to-mask-in-open-folder", link_to_mask_in_open, -EPERM },
        { "link-to-writable", link_to_writable, -EPERM },
        { "link-to-fifo", link_to_fifo, -ENOTTY },
};

static void check_trusted(int expected) {
        char *data = NULL;
        size_t size = 0;
        int r;

        (void) alarm(BLOCKED_SECONDS);
        r = file_read_trusted("/etc/a", false, 100, &data, &size);
        (void) alarm(0);

        g_assert_cmpint(r, ==, expected);
        if (expected == 0)
                g_assert_cmpmem(data, size, "trusted", 7);
        else
                g_assert_null(data);
        free(data);
}

static void test_trusted(const void *data) {
        const OddCase *row = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_folder("/etc");
        row->make("/etc/a");
        check_trusted(row->r);
        scratch_free(scratch);
}

/* Files and folders of somebody else's: alice could change them, whatever their mode. */
static void test_trusted_owner(const void *data) {
        const char *alices = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text("/etc/mine", "trusted");
        put_text("/home/alice/mine", "trusted");
        if (g_str_equal(alices, "/etc/mine"))
                put_link("mine", "/etc/a");
        else
                put_link("/home/alice/mine", "/etc/a");
        if (give_away(alices))
                check_trusted(-EPERM);
        scratch_free(scratch);
}

static void test_trusted_limit(void) {
        Scratch *scratch = scratch_enter();
        g_autofree char *text = repeat("x", 100);
        char *data = NULL;
        size_t size = 0;

        if (!scratch)
                return;

        put_text("/etc/a", text);
        g_assert_cmpint(file_read_trusted("/etc/a", false, 100, &data, &size), ==, 0);
        g_assert_cmpmem(data, size, text, 100);
        g_assert_cmpint(data[size], ==, '\0');
        free(data);
        g_assert_cmpint(file_read_trusted("/etc/a", false, 99, &data, &size), ==, -EFBIG);
        scratch_free(scratch);
}

static void add_cases(const char *folder, const OddCase *cases, size_t n_cases, GTestDataFunc test) {
        for (size_t i = 0; i < n_cases; i++) {
                g_autofree char *path = g_strconcat(folder, cases[i].label, NULL);

                g_test_add_data_func(path, &cases[i], test);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/file/read", test_read);
        g_test_add_func("/file/read-nul", test_read_nul);
        add_cases("/file/read/", odd_cases, G_N_ELEMENTS(odd_cases), test_read_odd);
        g_test_add_func("/file/write", test_write);
        g_test_add_func("/file/write-replaces", test_write_replaces);
        g_test_add_func("/file/write-link", test_write_link);
        g_test_add_func("/file/write-fails", test_write_fails);
        g_test_add_func("/file/write-no-folder", test_write_no_folder);
        g_test_add_func("/file/remove", test_remove);
        add_cases("/file/trusted/", trusted_cases, G_N_ELEMENTS(trusted_cases), test_trusted);
        g_test_add_data_func("/file/trusted/file-of-alice", "/etc/mine", test_trusted_owner);
        g_test_add_data_func("/file/trusted/folder-of-alice", "/home/alice", test_trusted_owner);
        g_test_add_func("/file/trusted-limit", test_trusted_limit);

        return g_test_run();
}
