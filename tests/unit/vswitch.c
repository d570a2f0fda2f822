/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vswitch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A hang guard, not a measure. */
#define PATIENCE_USEC (60 * G_USEC_PER_SEC)

#define SCHEMAS "/usr/share/openvswitch/"

/* ---- the place ---- */

static void skip_all(const char *why) {
        g_print("1..0 # SKIP %s\n", why);
        exit(77);
}

/* One's own where there are the privileges for it, else in a user namespace that has them. */
static bool enter_namespace(void) {
        g_autofree char *uid_map = g_strdup_printf("0 %u 1", (unsigned) geteuid());
        bool is_root = geteuid() == 0;
        int fd;

        if (unshare(CLONE_NEWNET | (is_root ? 0 : CLONE_NEWUSER)) < 0)
                return false;
        if (is_root)
                return true;

        fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, uid_map, strlen(uid_map)) < 0)
                return false;

        close(fd);
        return true;
}

static bool is_installed(const char *program) {
        g_autofree char *path = g_find_program_in_path(program);

        return path;
}

/* A queue of the TAP, which is made where it is absent; -1 where that is not allowed. */
static int tap_open(const char *name) {
        struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE };
        int fd;

        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return -1;

        g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
        if (ioctl(fd, TUNSETIFF, &request) < 0) {
                close(fd);
                return -1;
        }

        return fd;
}

static bool tap_set(const char *name, bool is_persistent) {
        int fd = tap_open(name);
        bool is_done;

        if (fd < 0)
                return false;

        is_done = ioctl(fd, TUNSETPERSIST, is_persistent) == 0;
        close(fd);
        return is_done;
}

void vswitch_init(int *argc, char ***argv) {
        static const char *const programs[] = { "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl" };
        g_autofree char *path = g_strdup_printf("%s:/usr/sbin:/sbin", g_getenv("PATH"));

        g_test_init(argc, argv, NULL);
        g_setenv("PATH", path, true);
        for (size_t i = 0; i < G_N_ELEMENTS(programs); i++)
                if (!is_installed(programs[i]))
                        skip_all("Open vSwitch is not installed (openvswitch-switch)");
        if (!enter_namespace())
                skip_all("no network namespace");
        if (!tap_set("tap0", false))
                skip_all("no TAP: /dev/net/tun");
}

void vswitch_add_tap(const char *name) {
        struct ifreq request = { .ifr_flags = IFF_UP };
        int fd;

        g_assert_true(tap_set(name, true));
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(fd, >=, 0);
        g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
        g_assert_cmpint(ioctl(fd, SIOCSIFFLAGS, &request), ==, 0);
        close(fd);
}

void vswitch_delete_tap(const char *name) {
        g_assert_true(tap_set(name, false));
}

/* ---- frames ---- */

/* To everybody, of an EtherType for experiments (IEEE Std 802): what the kernel sends by itself is none of these. */
static const unsigned char frame[64] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x09, 0x88, 0xb5,
};

static bool tap_has_frame(int fd) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        unsigned char buffer[2048];
        ssize_t n;

        while (poll(&poll_fd, 1, 50) > 0 && (n = read(fd, buffer, sizeof(buffer))) > 0)
                if (n == sizeof(frame) && memcmp(buffer, frame, sizeof(frame)) == 0)
                        return true;

        return false;
}

void vswitch_expect_frames(const char *from, const char *to) {
        gint64 end = g_get_monotonic_time() + PATIENCE_USEC;
        int from_fd = tap_open(from), to_fd = tap_open(to);

        g_assert_cmpint(from_fd, >=, 0);
        g_assert_cmpint(to_fd, >=, 0);
        do {
                if (g_get_monotonic_time() > end)
                        g_error("no frame from %s comes out of %s", from, to);
                g_assert_cmpint(write(from_fd, frame, sizeof(frame)), ==, sizeof(frame));
        } while (!tap_has_frame(to_fd));

        close(from_fd);
        close(to_fd);
}

/* ---- processes ---- */

static char *run(char **arguments) {
        g_autofree char *err = NULL;
        g_autoptr(GError) error = NULL;
        char *out = NULL;
        int status;

        if (!g_spawn_sync(NULL, arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error) ||
            !g_spawn_check_wait_status(status, &error))
                g_error("%s: %s: %s", arguments[0], error->message, err ? err : "");

        return g_strchomp(out);
}

/* A test that fails aborts: what it started must not stay. */
static void die_with_parent(gpointer data) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid spawn(char **arguments) {
        g_autoptr(GError) error = NULL;
        GPid pid;

        if (!g_spawn_async(NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, die_with_parent,
                           NULL, &pid, &error))
                g_error("%s", error->message);

        return pid;
}

static void stop(GPid *pid, int signal_number) {
        g_assert_cmpint(kill(*pid, signal_number), ==, 0);
        g_assert_cmpint(waitpid(*pid, NULL, 0), ==, *pid);
        *pid = 0;
}

static char *path_of(const Vswitch *vswitch, const char *name) {
        return g_build_filename(vswitch->folder, name, NULL);
}

static void make_database(const Vswitch *vswitch, const char *schema) {
        g_autofree char *path = path_of(vswitch, "conf.db"), *schema_path = g_strconcat(SCHEMAS, schema, NULL);
        char *arguments[] = { "ovsdb-tool", "create", path, schema_path, NULL };

        (void) unlink(path);
        g_free(run(arguments));
}

void vswitch_make_database(Vswitch *vswitch) {
        g_autofree char *path = path_of(vswitch, "conf.db");
        char *insert[] = { "ovsdb-tool", "transact", path,
                           "[\"Open_vSwitch\",{\"op\":\"insert\",\"table\":\"Open_vSwitch\",\"row\":{}}]", NULL };

        make_database(vswitch, "vswitch.ovsschema");
        g_free(run(insert));
}

void vswitch_make_other_database(Vswitch *vswitch) {
        make_database(vswitch, "local-config.ovsschema");
}

Vswitch *vswitch_new(void) {
        static const char *const variables[] = { "OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR" };
        Vswitch *vswitch = g_new0(Vswitch, 1);

        vswitch->folder = g_dir_make_tmp("tapd-ovs-XXXXXX", NULL);
        g_assert_nonnull(vswitch->folder);
        vswitch->socket_path = path_of(vswitch, "db.sock");
        for (size_t i = 0; i < G_N_ELEMENTS(variables); i++)
                g_setenv(variables[i], vswitch->folder, true);
        vswitch_make_database(vswitch);
        return vswitch;
}

void vswitch_free(Vswitch *vswitch) {
        char *remove[] = { "rm", "-rf", vswitch->folder, NULL };

        if (vswitch->switch_pid > 0)
                stop(&vswitch->switch_pid, SIGKILL);
        if (vswitch->server_pid > 0)
                stop(&vswitch->server_pid, SIGKILL);
        g_free(run(remove));
        g_free(vswitch->socket_path);
        g_free(vswitch->folder);
        g_free(vswitch);
}

static bool can_connect(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        bool is_done;
        int fd;

        g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(fd, >=, 0);
        is_done = connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
        close(fd);
        return is_done;
}

void vswitch_start_server(Vswitch *vswitch) {
        g_autofree char *path = path_of(vswitch, "conf.db"),
                        *remote = g_strdup_printf("--remote=punix:%s", vswitch->socket_path);
        char *arguments[] = { "ovsdb-server", path, remote, "-vconsole:off", "-vsyslog:off", NULL };

        vswitch->server_pid = spawn(arguments);
        /* It says nothing when it listens. */
        while (!can_connect(vswitch->socket_path)) {
                g_assert_cmpint(waitpid(vswitch->server_pid, NULL, WNOHANG), ==, 0);
                g_usleep(1000);
        }
}

void vswitch_start_switch(Vswitch *vswitch) {
        g_autofree char *database = g_strdup_printf("unix:%s", vswitch->socket_path);
        char *arguments[] = { "ovs-vswitchd", database, "--disable-system", "-vconsole:off", "-vsyslog:off", NULL };

        vswitch->switch_pid = spawn(arguments);
}

void vswitch_stop_server(Vswitch *vswitch, int signal_number) {
        stop(&vswitch->server_pid, signal_number);
}

void vswitch_stop_switch(Vswitch *vswitch, int signal_number) {
        stop(&vswitch->switch_pid, signal_number);
}

GPid vswitch_abandon_server(Vswitch *vswitch) {
        g_autofree char *lock_path = path_of(vswitch, ".conf.db.~lock~");
        GPid pid = vswitch->server_pid;

        g_assert_cmpint(unlink(vswitch->socket_path), ==, 0);
        g_assert_cmpint(unlink(lock_path), ==, 0);
        vswitch->server_pid = 0;
        return pid;
}

/* ---- ovs-vsctl ---- */

char *vswitch_ctl(Vswitch *vswitch, const char *format, ...) {
        g_autofree char *words = NULL, *command = NULL;
        g_auto(GStrv) arguments = NULL;
        va_list list;

        va_start(list, format);
        words = g_strdup_vprintf(format, list);
        va_end(list);

        command = g_strdup_printf("ovs-vsctl --db=unix:%s --timeout=100 %s", vswitch->socket_path, words);
        g_assert_true(g_shell_parse_argv(command, NULL, &arguments, NULL));
        return run(arguments);
}

void vswitch_expect(Vswitch *vswitch, const char *table, const char *row, const char *column, const char *value) {
        g_autofree char *actual = vswitch_ctl(vswitch, "get %s %s %s", table, row, column);

        if (!g_str_equal(actual, value))
                g_error("%s of %s %s is %s and not %s", column, table, row, actual, value);
}

bool vswitch_has(Vswitch *vswitch, const char *table, const char *name) {
        g_autofree char *rows = vswitch_ctl(vswitch, "--columns=_uuid find %s name=%s", table, name);

        return *rows;
}
