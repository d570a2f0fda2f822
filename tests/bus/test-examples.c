/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The examples, run as they stand. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

/* A program under way, and what it wrote so far. */
typedef struct Program {
        GPid pid; /* 0: it has ended */
        int out, err, status;
        GString *said, *complained;
} Program;

static void program_start(Lab *lab, Program *program, uid_t uid, const char *const *words) {
        *program = (Program){ .said = g_string_new(NULL), .complained = g_string_new(NULL) };
        program->pid = lab_spawn_as(lab, uid, words, &program->out, &program->err);
        g_assert_cmpint(fcntl(program->out, F_SETFL, O_NONBLOCK), ==, 0);
        g_assert_cmpint(fcntl(program->err, F_SETFL, O_NONBLOCK), ==, 0);
}

static void read_all(int fd, GString *text) {
        char buffer[1024];
        ssize_t n;

        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                g_string_append_len(text, buffer, n);
}

static bool has_ended(Lab *lab, void *userdata) {
        Program *program = userdata;
        bool ended = waitpid(program->pid, &program->status, WNOHANG) != 0;

        read_all(program->out, program->said);
        read_all(program->err, program->complained);
        return ended;
}

static int program_wait(Lab *lab, Program *program) {
        lab_run_until(lab, has_ended, program);
        g_test_message("%s%s", program->said->str, program->complained->str);
        close(program->out);
        close(program->err);
        g_assert_true(WIFEXITED(program->status));
        return WEXITSTATUS(program->status);
}

static void program_done(Program *program) {
        g_string_free(program->complained, true);
        g_string_free(program->said, true);
}

typedef struct Expected {
        Program *program;
        unsigned lines;
} Expected;

static bool has_lines(Lab *lab, void *userdata) {
        Expected *expected = userdata;
        unsigned n = 0;

        read_all(expected->program->out, expected->program->said);
        for (const char *p = expected->program->said->str; *p; p++)
                n += *p == '\n';

        return n >= expected->lines;
}

/* The line with that number, from 0. */
static char *program_line(Lab *lab, Program *program, unsigned number) {
        Expected expected = { program, number + 1 };
        g_auto(GStrv) lines = NULL;

        lab_run_until(lab, has_lines, &expected);
        lines = g_strsplit(program->said->str, "\n", 0);
        return g_strdup(lines[number]);
}

/* "tap0: mac=52:... fds=7:8", with so many descriptors. */
static void expect_cord(Lab *lab, Program *program, unsigned number, const char *name, unsigned queues) {
        g_autofree char *line = program_line(lab, program, number), *begin = NULL, *address = NULL;
        g_auto(GStrv) fds = NULL;

        address = lab_property(lab, name, "GuestMACAddress");
        begin = g_strdup_printf("%s: mac=%s fds=", name, address);
        g_assert_true(g_str_has_prefix(line, begin));
        fds = g_strsplit(line + strlen(begin), ":", 0);
        g_assert_cmpuint(g_strv_length(fds), ==, queues);
}

static void expect_line(Lab *lab, Program *program, unsigned number, const char *text) {
        g_autofree char *line = program_line(lab, program, number);

        g_assert_cmpstr(line, ==, text);
}

static void check_manager(Lab *lab, const char *const *words) {
        Program program;

        program_start(lab, &program, LAB_ALICE, words);
        expect_cord(lab, &program, 0, "tap0", 2);
        expect_cord(lab, &program, 1, "tap0", 4);
        expect_cord(lab, &program, 2, "tap1", 1);
        lab_settle(lab);
        lab_expect_property(lab, "tap0", "QueuesAttached", "4");
        lab_expect_property(lab, "tap1", "QueuesAttached", "1");
        lab_expect_property(lab, "tap1", "Description", "an example");

        /* One is taken from it, the other it gives back. */
        lab_delete(lab, lab->root, "tap0", true, NULL);
        expect_line(lab, &program, 3, "tap0: gone");
        g_assert_true(lab_link_exists("tap1"));
        g_assert_cmpint(kill(program.pid, SIGTERM), ==, 0);
        expect_line(lab, &program, 4, "tap1: gone");
        g_assert_cmpint(program_wait(lab, &program), ==, 0);
        g_assert_cmpstr(program.complained->str, ==, "");
        g_assert_false(lab_link_exists("tap1"));
        program_done(&program);
}

static void check_refusal(Lab *lab, const char *const *words, const char *text) {
        Program program;

        program_start(lab, &program, 0, words);
        g_assert_cmpint(program_wait(lab, &program), ==, 1);
        g_assert_cmpstr(program.said->str, ==, "");
        lab_assert_contains(program.complained->str, text);
        g_assert_false(lab_link_exists("tap0"));
        program_done(&program);
}

static void check_refusals(Lab *lab, const char *program) {
        g_free(lab_run("ip link add br0 type bridge"));
        check_refusal(lab, (const char *const[]){ program, "br9", NULL }, "br9");
        check_refusal(lab, (const char *const[]){ program, "br0", "60", NULL }, "VLAN=");
}

/* What it is plugged into. */
static void check_plugged(Lab *lab, const char *program_path) {
        Program program;

        program_start(lab, &program, 0, (const char *const[]){ program_path, "br0", NULL });
        expect_cord(lab, &program, 2, "tap1", 1);
        lab_expect_property(lab, "tap0", "Switch", "br0");
        lab_expect_property(lab, "tap1", "Switch", "br0");
        g_assert_cmpint(kill(program.pid, SIGINT), ==, 0);
        g_assert_cmpint(program_wait(lab, &program), ==, 0);
        program_done(&program);
}

static void test_c(Lab *lab) {
        const char *program = g_getenv("EXAMPLE_MANAGER");

        check_manager(lab, (const char *const[]){ program, NULL });
        check_refusals(lab, program);
        check_plugged(lab, program);
}

static bool python_has(const char *modules) {
        g_autofree char *statement = g_strdup_printf("import %s", modules);
        const char *words[] = { "/usr/bin/python3", "-c", statement, NULL };
        int status;

        if (g_spawn_sync(NULL, (char **) words, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status,
                         NULL) &&
            g_spawn_check_wait_status(status, NULL))
                return true;

        g_test_skip("needs python3-dbus and python3-gi");
        return false;
}

static void test_python(Lab *lab) {
        g_autofree char *program = g_test_build_filename(G_TEST_DIST, "examples", "manager.py", NULL);

        if (!python_has("dbus.mainloop.glib, gi"))
                return;

        check_manager(lab, (const char *const[]){ program, NULL });
        check_refusals(lab, program);
        check_plugged(lab, program);
}

/* Whether somebody listens on that socket, not only whether it is bound: __SO_ACCEPTCON of proc(5), net/unix. */
static bool has_listener(Lab *lab, void *userdata) {
        g_autofree char *text = NULL, *pattern = g_strdup_printf(" 00010000 [^\n]* %s\n", (char *) userdata);

        g_assert_true(g_file_get_contents("/proc/net/unix", &text, NULL, NULL));
        return g_regex_match_simple(pattern, text, 0, 0);
}

static bool is_gone(Lab *lab, void *userdata) {
        return !lab_link_exists(userdata);
}

/* Into a QEMU that waits for somebody to start its processor. */
static void test_hot_plug(Lab *lab) {
        g_autofree char *script = g_test_build_filename(G_TEST_DIST, "examples", "hot-plug.py", NULL);
        g_autofree char *monitor = g_build_filename(lab->folder, "qmp.sock", NULL);
        g_autofree char *option = g_strdup_printf("unix:%s,server=on,wait=off", monitor);
        g_autofree char *qemu_path = g_find_program_in_path("qemu-system-x86_64");
        Program qemu, program;

        if (!python_has("dbus"))
                return;
        if (!qemu_path) {
                g_test_skip("needs qemu-system-x86");
                return;
        }

        g_free(lab_run("ip link add br0 type bridge"));
        program_start(lab, &qemu, 0,
                      (const char *const[]){ qemu_path, "-S", "-M", "pc,accel=tcg", "-nodefaults", "-display", "none",
                                             "-qmp", option, NULL });
        lab_run_until(lab, has_listener, monitor);

        for (unsigned i = 0; i < 2; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i), *line = g_strdup_printf("%s\n", name);

                program_start(lab, &program, 0, (const char *const[]){ script, monitor, "br0", NULL });
                g_assert_cmpint(program_wait(lab, &program), ==, 0);
                g_assert_cmpstr(program.said->str, ==, line);
                g_assert_cmpstr(program.complained->str, ==, "");
                lab_expect_property(lab, name, "Switch", "br0");
                lab_expect_property(lab, name, "Carrier", "true");
                program_done(&program);
        }

        /* What is refused leaves QEMU as it is. */
        program_start(lab, &program, 0, (const char *const[]){ script, monitor, "br9", NULL });
        g_assert_cmpint(program_wait(lab, &program), ==, 1);
        lab_assert_contains(program.complained->str, "br9");
        program_done(&program);

        /* They were QEMU's alone. */
        g_assert_true(lab_link_exists("tap0"));
        g_assert_cmpint(kill(qemu.pid, SIGTERM), ==, 0);
        program_wait(lab, &qemu);
        program_done(&qemu);
        lab_run_until(lab, is_gone, (void *) "tap0");
        lab_run_until(lab, is_gone, (void *) "tap1");
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/examples/manager.c", test_c);
        lab_add_test("/examples/manager.py", test_python);
        lab_add_test("/examples/hot-plug.py", test_hot_plug);
        return g_test_run();
}
