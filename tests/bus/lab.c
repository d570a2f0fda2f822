/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* A hang guard, not a measure: longer than the minute that tapd itself waits for at most. */
#define PATIENCE_USEC (120 * G_USEC_PER_SEC)

static const char default_config[] = "[Defaults]\n"
                                     "Group=12100\n"
                                     "[Grant lab]\n"
                                     "Users=@12100\n"
                                     "Names=tap* vm* lab*\n"
                                     "TapsPerUser=4\n"
                                     "Shared=yes\n";

void lab_ok_at(const char *file, int line, int r) {
        if (r < 0)
                g_error("%s:%d: %s", file, line, strerror(-r));
}

static void skip_all(const char *what) {
        g_print("1..0 # SKIP %s: %s\n", what, strerror(errno));
        exit(77);
}

/* dbus-daemon turns away who is in no passwd: those who ask get an entry, in this mount namespace alone. */
static void add_entries(const char *path, const char *entries) {
        g_autofree char *content = NULL, *copy = NULL;
        g_autoptr(GError) error = NULL;
        int fd;

        if (!g_file_get_contents(path, &content, NULL, &error))
                g_error("%s", error->message);

        fd = g_file_open_tmp("tapd-lab-XXXXXX", &copy, &error);
        if (fd < 0)
                g_error("%s", error->message);
        g_assert_cmpint(fchmod(fd, 0644), ==, 0);
        g_assert_cmpint(dprintf(fd, "%s%s", content, entries), >, 0);
        close(fd);
        g_assert_cmpint(mount(copy, path, NULL, MS_BIND, NULL), ==, 0);
        unlink(copy);
}

static void add_people(void) {
        g_autoptr(GString) users = g_string_new("lab-alice:x:12001:12001::/:/bin/false\n"
                                                "lab-bob:x:12002:12002::/:/bin/false\n"
                                                "lab-mallory:x:12003:12003::/:/bin/false\n"
                                                "lab-daemon:x:998:998::/:/bin/false\n");

        for (unsigned uid = LAB_GUEST; uid < LAB_GUEST + LAB_GUESTS; uid++)
                g_string_append_printf(users, "lab-guest-%u:x:%u:%u::/:/bin/false\n", uid, uid, uid);

        add_entries("/etc/group", "lab-group:x:12100:lab-alice,lab-bob,lab-daemon\n");
        add_entries("/etc/passwd", users->str);
}

void lab_init(int *argc, char ***argv) {
        g_test_init(argc, argv, NULL);

        /* Several users at once need several uids: a user namespace has one. */
        if (geteuid() != 0)
                skip_all("needs root, for several users");
        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                skip_all("no namespaces");

        /* On a host udev opens the node to everybody; here nobody may have. */
        if (mkdir("/dev/net", 0755) < 0 && errno != EEXIST)
                skip_all("/dev/net");
        if (mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=0755") < 0 ||
            mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200)) < 0 || chmod("/dev/net/tun", 0666) < 0)
                skip_all("/dev/net/tun");

        /* That of this network. */
        if (mount("sysfs", "/sys", "sysfs", MS_RDONLY, NULL) < 0)
                skip_all("/sys");

        add_people();
        g_free(lab_run("ip link set lo up"));
}

/* ---- processes ---- */

/* A test that fails aborts: what it started must not stay. */
static void die_with_parent(gpointer data) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid spawn(char **arguments, char **environment, int *ret_stdout) {
        g_autoptr(GError) error = NULL;
        GPid pid;

        if (!g_spawn_async_with_pipes(NULL, arguments, environment, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                                      die_with_parent, NULL, &pid, NULL, ret_stdout, NULL, &error))
                g_error("%s", error->message);

        return pid;
}

static int reap(GPid pid, int signal_number) {
        int status;

        if (signal_number > 0)
                g_assert_cmpint(kill(pid, signal_number), ==, 0);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_spawn_close_pid(pid);
        return status;
}

char *lab_run(const char *format, ...) {
        g_autoptr(GError) error = NULL;
        g_autofree char *command = NULL, *err = NULL;
        char *out = NULL;
        va_list arguments;
        int status;

        va_start(arguments, format);
        command = g_strdup_vprintf(format, arguments);
        va_end(arguments);

        if (!g_spawn_command_line_sync(command, &out, &err, &status, &error) ||
            !g_spawn_check_wait_status(status, &error))
                g_error("%s: %s: %s", command, error->message, err ? err : "");

        return out;
}

GPid lab_spawn_as(Lab *lab, uid_t uid, const char *const *words, int *ret_out, int *ret_err) {
        g_autofree char *user = g_strdup_printf("%u", uid);
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        g_auto(GStrv) environment = g_get_environ(), arguments = NULL;
        g_autoptr(GError) error = NULL;
        GPid pid;

        g_strv_builder_add_many(builder, "setpriv", "--reuid", user, "--regid", user, NULL);
        if (uid == LAB_ALICE || uid == LAB_BOB || uid == LAB_DAEMON)
                g_strv_builder_add_many(builder, "--groups", G_STRINGIFY(LAB_GROUP), "--", NULL);
        else
                g_strv_builder_add_many(builder, "--clear-groups", "--", NULL);
        g_strv_builder_addv(builder, (const char **) words);
        arguments = g_strv_builder_end(builder);
        environment = g_environ_setenv(environment, "DBUS_SYSTEM_BUS_ADDRESS", lab->address, true);

        if (!g_spawn_async_with_pipes(NULL, arguments, environment,
                                      G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                                      NULL, NULL, &pid, NULL, ret_out, ret_err, &error))
                g_error("%s", error->message);

        return pid;
}

void lab_fill(const char *path) {
        static const char zeros[4096];
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        g_assert_cmpint(fd, >=, 0);
        while (write(fd, zeros, sizeof(zeros)) > 0)
                ;
        g_assert_cmpint(errno, ==, ENOSPC);
        close(fd);
}

bool lab_link_exists(const char *name) {
        return if_nametoindex(name) > 0;
}

static void lab_start_bus(Lab *lab) {
        g_autofree char *config_path = g_build_filename(lab->folder, "bus.conf", NULL);
        g_autofree char *config =
                g_strdup_printf("<busconfig><type>system</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
                                "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
                                "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>",
                                lab->folder);
        g_autofree char *config_option = g_strdup_printf("--config-file=%s", config_path);
        char *arguments[] = { "dbus-daemon", config_option, "--nofork", "--print-address=1", NULL };
        char line[256] = "";
        int out;

        g_assert_true(g_file_set_contents(config_path, config, -1, NULL));
        lab->bus_pid = spawn(arguments, NULL, &out);

        /* It prints its address when it listens. */
        g_assert_cmpint(read(out, line, sizeof(line) - 1), >, 0);
        close(out);
        lab->address = g_strdup(g_strstrip(line));
}

static bool tapd_is_there(Lab *lab, void *userdata) {
        sd_bus_message *reply = NULL;
        int has_owner = 0;

        lab_ok(sd_bus_call_method(lab->root, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", NULL,
                                  &reply, "s", TAPD_BUS_NAME));
        lab_ok(sd_bus_message_read(reply, "b", &has_owner));
        sd_bus_message_unref(reply);
        return has_owner;
}

static bool tapd_is_gone(Lab *lab, void *userdata) {
        return !tapd_is_there(lab, userdata);
}

void lab_start_tapd(Lab *lab) {
        g_autoptr(GPtrArray) arguments = g_ptr_array_new();
        g_autofree char *root = g_strdup_printf("--root=%s", lab->folder);
        g_autofree char *runtime = g_build_filename(lab->folder, "run", NULL);
        g_autofree char *state = g_build_filename(lab->folder, "state", NULL);
        g_auto(GStrv) environment = g_get_environ();

        environment = g_environ_setenv(environment, "RUNTIME_DIRECTORY", runtime, true);
        environment = g_environ_setenv(environment, "STATE_DIRECTORY", state, true);
        environment = g_environ_setenv(environment, "DBUS_SYSTEM_BUS_ADDRESS", lab->address, true);
        for (char **word = lab->tapd_wrapper; word && *word; word++)
                g_ptr_array_add(arguments, *word);
        g_ptr_array_add(arguments, (char *) g_getenv("TAPD"));
        g_ptr_array_add(arguments, root);
        /* Not the machine's own Open vSwitch. */
        g_ptr_array_add(arguments, "--ovsdb=");
        for (char **argument = lab->tapd_arguments; argument && *argument; argument++)
                g_ptr_array_add(arguments, *argument);
        g_ptr_array_add(arguments, NULL);

        lab->tapd_pid = spawn((char **) arguments->pdata, environment, NULL);
        lab_run_until(lab, tapd_is_there, NULL);
}

int lab_stop_tapd(Lab *lab, int signal_number) {
        int status = reap(lab->tapd_pid, signal_number);

        lab->tapd_pid = 0;
        /* The next one must not be taken for this one. */
        lab_run_until(lab, tapd_is_gone, NULL);
        return status;
}

void lab_restart_with(Lab *lab, const char *argument) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        int status = lab_stop_tapd(lab, SIGTERM);

        g_assert_cmpint(status, ==, 0);
        if (lab->tapd_arguments)
                g_strv_builder_addv(builder, (const char **) lab->tapd_arguments);
        g_strv_builder_add(builder, argument);
        g_strfreev(lab->tapd_arguments);
        lab->tapd_arguments = g_strv_builder_end(builder);
        lab_start_tapd(lab);
}

/* ---- the lab ---- */

sd_bus *lab_open_bus(const char *address, sd_event *event) {
        sd_bus *bus = NULL;

        lab_ok(sd_bus_new(&bus));
        lab_ok(sd_bus_set_address(bus, address));
        lab_ok(sd_bus_set_bus_client(bus, true));
        lab_ok(sd_bus_start(bus));
        lab_ok(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL));
        return bus;
}

sd_bus *lab_connect(Lab *lab, uid_t uid, const gid_t *groups, size_t n_groups) {
        sd_bus *bus;

        /* The kernel notes who connects at connect(2), and the bus asks the kernel (SO_PEERCRED, SO_PEERGROUPS). */
        g_assert_cmpint(setgroups(n_groups, groups), ==, 0);
        g_assert_cmpint(setegid(uid), ==, 0);
        g_assert_cmpint(seteuid(uid), ==, 0);
        bus = lab_open_bus(lab->address, lab->event);
        g_assert_cmpint(seteuid(0), ==, 0);
        g_assert_cmpint(setegid(0), ==, 0);
        g_assert_cmpint(setgroups(0, NULL), ==, 0);
        return bus;
}

Lab *lab_new(const char *config) {
        static const gid_t group = LAB_GROUP;
        Lab *lab = g_new0(Lab, 1);
        g_autofree char *etc = NULL, *run = NULL, *state = NULL, *path = NULL;

        lab->folder = g_dir_make_tmp("tapd-lab-XXXXXX", NULL);
        g_assert_nonnull(lab->folder);
        g_assert_cmpint(chmod(lab->folder, 0755), ==, 0);
        etc = g_build_filename(lab->folder, "etc/tapd", NULL);
        run = g_build_filename(lab->folder, "run", NULL);
        path = g_build_filename(etc, "tapd.conf", NULL);
        g_assert_cmpint(g_mkdir_with_parents(etc, 0755), ==, 0);
        g_assert_cmpint(g_mkdir_with_parents(run, 0755), ==, 0);
        state = g_build_filename(lab->folder, "state", NULL);
        g_assert_cmpint(g_mkdir_with_parents(state, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, config ? config : default_config, -1, NULL));

        lab->signals = g_ptr_array_new_with_free_func(g_free);
        lab_ok(sd_event_new(&lab->event));
        lab_start_bus(lab);
        lab->root = lab_connect(lab, 0, NULL, 0);
        lab->alice = lab_connect(lab, LAB_ALICE, &group, 1);
        lab->bob = lab_connect(lab, LAB_BOB, &group, 1);
        lab->mallory = lab_connect(lab, LAB_MALLORY, NULL, 0);
        lab->daemon = lab_connect(lab, LAB_DAEMON, &group, 1);
        lab->polkit = polkit_new(lab->address, lab->event);
        lab_start_tapd(lab);
        return lab;
}

static void delete_all_links(void) {
        g_autofree char *out = lab_run("ip -o link show");
        g_auto(GStrv) lines = g_strsplit(out, "\n", -1);

        for (char **line = lines; *line && **line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, ": ", 3);
                char *at = strchr(words[1], '@');

                if (at)
                        *at = '\0';
                if (!g_str_equal(words[1], "lo") && lab_link_exists(words[1]))
                        g_free(lab_run("ip link del %s", words[1]));
        }
}

void lab_free(Lab *lab) {
        sd_bus **buses[] = { &lab->root, &lab->alice, &lab->bob, &lab->mallory, &lab->daemon };

        if (lab->tapd_pid > 0) {
                int status = lab_stop_tapd(lab, SIGTERM);

                g_assert_true(WIFEXITED(status));
                g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        }

        polkit_free(lab->polkit);
        for (size_t i = 0; i < G_N_ELEMENTS(buses); i++)
                *buses[i] = sd_bus_flush_close_unref(*buses[i]);
        reap(lab->bus_pid, SIGTERM);
        delete_all_links();
        g_free(lab_run("rm -rf %s", lab->folder));

        sd_event_unref(lab->event);
        g_ptr_array_unref(lab->signals);
        g_strfreev(lab->tapd_arguments);
        g_strfreev(lab->tapd_wrapper);
        g_free(lab->address);
        g_free(lab->folder);
        g_free(lab);
}

static void run_test(gconstpointer data) {
        void (*test)(Lab *) = (void (*)(Lab *)) data;
        Lab *lab = lab_new(NULL);

        test(lab);
        lab_free(lab);
}

void lab_add_test(const char *path, void (*test)(Lab *lab)) {
        g_test_add_data_func(path, (gconstpointer) test, run_test);
}

/* ---- the loop ---- */

void lab_run_until(Lab *lab, bool (*done)(Lab *lab, void *userdata), void *userdata) {
        gint64 end = g_get_monotonic_time() + PATIENCE_USEC;

        while (!done(lab, userdata)) {
                lab_ok(sd_event_run(lab->event, 20000));
                if (g_get_monotonic_time() > end)
                        g_error("waited in vain");
        }
}

static bool has_reply(Lab *lab, void *userdata) {
        return lab_has_reply(userdata);
}

bool lab_has_reply(const LabReply *reply) {
        return reply->message;
}

void lab_wait_reply(Lab *lab, LabReply *reply) {
        lab_run_until(lab, has_reply, reply);
}

void lab_reply_done(LabReply *reply) {
        sd_bus_message_unref(reply->message);
        g_free(reply->error);
        g_free(reply->text);
        *reply = (LabReply){};
}

/* ---- calls ---- */

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(message);
        LabReply *reply = userdata;

        reply->message = sd_bus_message_ref(message);
        if (error) {
                reply->error = g_strdup(error->name);
                reply->text = g_strdup(error->message);
                /* Whatever a test is about: these never leave tapd. */
                g_assert_false(g_str_has_prefix(error->name, "System.Error."));
        }

        return 0;
}

void lab_send_message(Lab *lab, sd_bus *as, LabReply *ret, sd_bus_message *call) {
        *ret = (LabReply){};
        lab_ok(sd_bus_call_async(as, NULL, call, on_reply, ret, PATIENCE_USEC));
}

static void send_call(sd_bus *as, LabReply *ret, bool interactive, const char *path, const char *interface,
                      const char *member, const char *types, va_list arguments) {
        sd_bus_message *call = NULL;

        *ret = (LabReply){};
        lab_ok(sd_bus_message_new_method_call(as, &call, TAPD_BUS_NAME, path, interface, member));
        lab_ok(sd_bus_message_set_allow_interactive_authorization(call, interactive));
        if (types)
                lab_ok(sd_bus_message_appendv(call, types, arguments));
        lab_ok(sd_bus_call_async(as, NULL, call, on_reply, ret, PATIENCE_USEC));
        sd_bus_message_unref(call);
}

void lab_send(Lab *lab, sd_bus *as, LabReply *ret, const char *path, const char *interface, const char *member,
              const char *types, ...) {
        va_list arguments;

        va_start(arguments, types);
        send_call(as, ret, false, path, interface, member, types, arguments);
        va_end(arguments);
}

LabReply lab_call(Lab *lab, sd_bus *as, const char *path, const char *interface, const char *member, const char *types,
                  ...) {
        va_list arguments;
        LabReply reply;

        va_start(arguments, types);
        send_call(as, &reply, false, path, interface, member, types, arguments);
        va_end(arguments);
        lab_wait_reply(lab, &reply);
        return reply;
}

LabReply lab_call_interactive(Lab *lab, sd_bus *as, const char *path, const char *interface, const char *member,
                              const char *types, ...) {
        va_list arguments;
        LabReply reply;

        va_start(arguments, types);
        send_call(as, &reply, true, path, interface, member, types, arguments);
        va_end(arguments);
        lab_wait_reply(lab, &reply);
        return reply;
}

void lab_expect(LabReply reply, const char *error, const char *text) {
        if (g_strcmp0(reply.error, error) != 0)
                g_error("expected %s, got %s: %s", error ? error : "no error", reply.error ? reply.error : "no error",
                        reply.text ? reply.text : "");
        if (text && !strstr(reply.text, text))
                g_error("expected \"%s\" in: %s", text, reply.text);

        lab_reply_done(&reply);
}

void lab_settle(Lab *lab) {
        /* Twice: what tapd sends because of the first answer comes before the second. */
        for (unsigned i = 0; i < 2; i++) {
                LabReply reply = lab_call(lab, lab->root, TAPD_OBJECT_PATH, "org.freedesktop.DBus.Peer", "Ping", NULL);

                lab_expect(reply, NULL, NULL);
        }
}

void lab_create(Lab *lab, sd_bus *as, const char *name, const char *error) {
        lab_expect(lab_call(lab, as, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "CreateTap", "sa{sv}", name, 0), error,
                   NULL);
}

void lab_delete(Lab *lab, sd_bus *as, const char *name, bool force, const char *error) {
        lab_expect(
                lab_call(lab, as, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE, "DeleteTaps", "asb", 1, name, (int) force),
                error, NULL);
}

sd_bus_message *lab_begin_create_taps(sd_bus *as) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(as, &call, TAPD_BUS_NAME, TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE,
                                              "CreateTaps"));
        lab_ok(sd_bus_message_open_container(call, 'a', "(sa{sv})"));
        return call;
}

void lab_send_create_taps(Lab *lab, sd_bus *as, sd_bus_message *call, LabReply *ret) {
        lab_ok(sd_bus_message_close_container(call));
        lab_send_message(lab, as, ret, call);
        sd_bus_message_unref(call);
}

char *lab_path(const char *name) {
        char *path, *copy;

        lab_ok(sd_bus_path_encode(TAPD_TAP_PREFIX, name, &path));
        copy = g_strdup(path);
        free(path);
        return copy;
}

/* Ranges of VLANs as files write them. */
static char *read_ranges(sd_bus_message *message) {
        GString *text = g_string_new(NULL);
        uint16_t first, last;

        lab_ok(sd_bus_message_enter_container(message, 'v', "a(qq)"));
        lab_ok(sd_bus_message_enter_container(message, 'a', "(qq)"));
        while (sd_bus_message_read(message, "(qq)", &first, &last) > 0)
                g_string_append_printf(text, "%s%u-%u", text->len > 0 ? " " : "", first, last);
        lab_ok(sd_bus_message_exit_container(message));
        lab_ok(sd_bus_message_exit_container(message));
        return g_string_free(text, false);
}

/* A value of a basic type, or an array of ranges, as text. */
static char *read_text(sd_bus_message *message) {
        const char *contents, *s;
        uint64_t t;
        uint32_t u;
        uint16_t q;
        int i;

        lab_ok(sd_bus_message_peek_type(message, NULL, &contents));
        switch (*contents) {
        case 's':
                lab_ok(sd_bus_message_read(message, "v", "s", &s));
                return g_strdup(s);
        case 'b':
                lab_ok(sd_bus_message_read(message, "v", "b", &i));
                return g_strdup(i ? "true" : "false");
        case 'u':
                lab_ok(sd_bus_message_read(message, "v", "u", &u));
                return g_strdup_printf("%u", u);
        case 'i':
                lab_ok(sd_bus_message_read(message, "v", "i", &i));
                return g_strdup_printf("%d", i);
        case 't':
                lab_ok(sd_bus_message_read(message, "v", "t", &t));
                return g_strdup_printf("%" G_GUINT64_FORMAT, t);
        case 'q':
                lab_ok(sd_bus_message_read(message, "v", "q", &q));
                return g_strdup_printf("%u", q);
        default:
                if (g_str_equal(contents, "a(qq)"))
                        return read_ranges(message);
                lab_ok(sd_bus_message_skip(message, "v"));
                return g_strdup(contents);
        }
}

char *lab_property(Lab *lab, const char *name, const char *property) {
        g_autofree char *path = lab_path(name);
        LabReply reply = lab_call(lab, lab->root, path, "org.freedesktop.DBus.Properties", "Get", "ss",
                                  TAPD_TAP_INTERFACE, property);
        char *text;

        if (reply.error)
                g_error("%s of %s: %s", property, name, reply.text);
        text = read_text(reply.message);
        lab_reply_done(&reply);
        return text;
}

void lab_expect_property(Lab *lab, const char *name, const char *property, const char *value) {
        g_autofree char *text = lab_property(lab, name, property);

        if (!g_str_equal(text, value))
                g_error("%s of %s: expected %s, got %s", property, name, value, text);
}

/* Whether the main thread of tapd sleeps: one whose loop always finds something to do never does. */
static bool tapd_sleeps(Lab *lab) {
        g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/stat", lab->tapd_pid, lab->tapd_pid), *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        return g_str_has_prefix(strrchr(text, ')'), ") S");
}

void lab_expect_rest(Lab *lab) {
        gint64 end = g_get_monotonic_time() + PATIENCE_USEC;
        unsigned n = 0;

        for (lab_settle(lab); n < 10; n = tapd_sleeps(lab) ? n + 1 : 0) {
                lab_ok(sd_event_run(lab->event, 2000));
                if (g_get_monotonic_time() > end)
                        g_error("tapd never rests");
        }
}

/* ---- signals ---- */

static char *name_of(const char *path) {
        char *name, *copy;

        if (sd_bus_path_decode(path, TAPD_TAP_PREFIX, &name) <= 0)
                return g_strdup(path);

        copy = g_strdup(name);
        free(name);
        return copy;
}

static void note_changes(Lab *lab, sd_bus_message *message) {
        g_autofree char *name = name_of(sd_bus_message_get_path(message));
        const char *interface, *key;

        lab_ok(sd_bus_message_read(message, "s", &interface));
        lab_ok(sd_bus_message_enter_container(message, 'a', "{sv}"));
        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
                g_autofree char *value = NULL;

                lab_ok(sd_bus_message_read(message, "s", &key));
                value = read_text(message);
                g_ptr_array_add(lab->signals, g_strdup_printf("changed %s %s=%s", name, key, value));
                lab_ok(sd_bus_message_exit_container(message));
        }
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Lab *lab = userdata;
        g_autofree char *name = NULL;
        const char *path;

        if (sd_bus_message_is_signal(message, NULL, "PropertiesChanged")) {
                note_changes(lab, message);
                return 0;
        }

        lab_ok(sd_bus_message_read(message, "o", &path));
        name = name_of(path);
        g_ptr_array_add(
                lab->signals,
                g_strdup_printf("%s %s",
                                sd_bus_message_is_signal(message, NULL, "InterfacesAdded") ? "added" : "removed",
                                name));
        return 0;
}

void lab_watch(Lab *lab) {
        lab_ok(sd_bus_add_match(lab->root, NULL,
                                "type='signal',interface='org.freedesktop.DBus.ObjectManager',path='/org/tapd1'",
                                on_signal, lab));
        lab_ok(sd_bus_add_match(lab->root, NULL,
                                "type='signal',interface='org.freedesktop.DBus.Properties',path_namespace='/org/tapd1'",
                                on_signal, lab));
}

static bool has_signal(Lab *lab, void *userdata) {
        return g_ptr_array_find_with_equal_func(lab->signals, userdata, g_str_equal, NULL);
}

void lab_wait_signal(Lab *lab, const char *line) {
        gint64 end = g_get_monotonic_time() + PATIENCE_USEC;

        while (!has_signal(lab, (void *) line)) {
                lab_ok(sd_event_run(lab->event, 20000));
                if (g_get_monotonic_time() > end) {
                        for (guint i = 0; i < lab->signals->len; i++)
                                g_test_message("%s", (char *) lab->signals->pdata[i]);
                        g_error("never heard \"%s\"", line);
                }
        }
}

/* ---- queues ---- */

int lab_open_queue(const char *name, short flags, uid_t uid, gid_t group) {
        struct ifreq request = { .ifr_flags = (short) (IFF_TAP | IFF_NO_PI | flags) };
        int fd, r = 0;

        /* A change of the effective uid from 0 drops the effective capabilities (capabilities(7)). */
        g_assert_cmpint(setgroups(group != 0, &group), ==, 0);
        g_assert_cmpint(setegid(uid), ==, 0);
        g_assert_cmpint(seteuid(uid), ==, 0);

        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
        g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
        if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
                r = -errno;

        g_assert_cmpint(seteuid(0), ==, 0);
        g_assert_cmpint(setegid(0), ==, 0);
        g_assert_cmpint(setgroups(0, NULL), ==, 0);

        if (r < 0 && fd >= 0)
                close(fd);
        return r < 0 ? r : fd;
}
