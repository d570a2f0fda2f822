/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "names.h"
#include "polkit.h"

/*
 * A lab: the real tapd on a private bus, in a network namespace of the test program's own, with real TAPs. The bus is
 * dbus-daemon with a configuration that lets every uid in (GTestDBus lets only one in), so that a test is root, two
 * members of a group and an outsider at once; none of them needs an entry in /etc/passwd.
 */

/* Those who ask. */
#define LAB_ALICE 12001
#define LAB_BOB 12002
#define LAB_MALLORY 12003
#define LAB_DAEMON 998  /* a system account that is a member of the group */
#define LAB_GUEST 12010 /* the first of as many users as a test needs */
#define LAB_GUESTS 8
/* The group that the lab's configuration gives TAPs to. */
#define LAB_GROUP 12100

typedef struct Lab {
        sd_event *event;
        char *folder;
        char *address;
        GPid bus_pid;
        GPid tapd_pid;
        Polkit *polkit;
        char **tapd_wrapper;   /* a command line that tapd's is appended to, and that becomes tapd */
        char **tapd_arguments; /* what a test adds to tapd's */

        sd_bus *root, *alice, *bob, *mallory, *daemon;
        GPtrArray *signals; /* char*, what lab_watch() saw */
} Lab;

/* What a call got: a reply, or an error. */
typedef struct LabReply {
        sd_bus_message *message;
        char *error; /* its D-Bus name; NULL: none */
        char *text;
} LabReply;

/* For main(): a network and a mount namespace of one's own, with a /dev/net/tun for everybody. Exits 77 where that is
 * not allowed. */
void lab_init(int *argc, char ***argv);

/* Bus, polkit, tapd, connections. @config is its tapd.conf; NULL: the group with names tap* vm* lab*, 4 TAPs each. */
Lab *lab_new(const char *config);
void lab_free(Lab *lab);

/* Registers a test that gets a fresh lab with the default configuration. */
void lab_add_test(const char *path, void (*test)(Lab *lab));

void lab_start_tapd(Lab *lab);
/* Ends tapd and starts it with one more argument. */
void lab_restart_with(Lab *lab, const char *argument);
/* Ends tapd and waits for it; returns its wait status. */
int lab_stop_tapd(Lab *lab, int signal);

/* A connection as somebody; close with sd_bus_flush_close_unref(). */
sd_bus *lab_connect(Lab *lab, uid_t uid, const gid_t *groups, size_t n_groups);
sd_bus *lab_open_bus(const char *address, sd_event *event);

/* Calls tapd and runs the loop until the answer is there. @types and what follows as for sd_bus_message_append(3). */
LabReply lab_call(Lab *lab, sd_bus *as, const char *path, const char *interface, const char *member, const char *types,
                  ...);
/* The same with the flag that allows polkit to ask for a password. */
LabReply lab_call_interactive(Lab *lab, sd_bus *as, const char *path, const char *interface, const char *member,
                              const char *types, ...);
/* The same without waiting; the answer is put into *ret when it comes. */
void lab_send(Lab *lab, sd_bus *as, LabReply *ret, const char *path, const char *interface, const char *member,
              const char *types, ...);
/* The same with a message that is ready. */
void lab_send_message(Lab *lab, sd_bus *as, LabReply *ret, sd_bus_message *call);
bool lab_has_reply(const LabReply *reply);
void lab_wait_reply(Lab *lab, LabReply *reply);
void lab_reply_done(LabReply *reply);

/* Runs the loop until @done says so; fails the test where that never comes. */
void lab_run_until(Lab *lab, bool (*done)(Lab *lab, void *userdata), void *userdata);
/* Lets everything that is under way arrive: a round trip to tapd for each connection. */
void lab_settle(Lab *lab);

/* Fails the test where tapd does not come to rest. */
void lab_expect_rest(Lab *lab);

/* CreateTap without settings; the error's name or NULL is compared with @error. */
void lab_create(Lab *lab, sd_bus *as, const char *name, const char *error);
void lab_delete(Lab *lab, sd_bus *as, const char *name, bool force, const char *error);
/* CreateTaps: a call that each (sa{sv}) is appended to, and its way to tapd. */
sd_bus_message *lab_begin_create_taps(sd_bus *as);
void lab_send_create_taps(Lab *lab, sd_bus *as, sd_bus_message *call, LabReply *ret);
/* The answer must be this error, and its text contain this. NULL: no error. */
void lab_expect(LabReply reply, const char *error, const char *text);

/* A property of a TAP as text: "true", "5", "up", "10-10 20-29". */
char *lab_property(Lab *lab, const char *name, const char *property);
void lab_expect_property(Lab *lab, const char *name, const char *property, const char *value);
char *lab_path(const char *name);

/* Writes what the bus tells of tapd's objects into lab->signals: "added NAME", "removed NAME", "changed NAME
 * Property=value". */
void lab_watch(Lab *lab);
/* Waits for a line of that. */
void lab_wait_signal(Lab *lab, const char *line);

/* Starts a program as somebody of the lab, in his groups and on its bus. Descriptors that are not closed on exec stay
 * open in it. To be waited for. @ret_out and @ret_err may be NULL: as the test's. */
GPid lab_spawn_as(Lab *lab, uid_t uid, const char *const *words, int *ret_out, int *ret_err);
/* Runs a command and returns its output; fails the test where it fails. */
char *lab_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Makes a file that takes all the room that its file system has. */
void lab_fill(const char *path);
bool lab_link_exists(const char *name);
/* Opens a queue of a TAP by name, as this user with these groups and without capabilities. Negative errno. */
int lab_open_queue(const char *name, short flags, uid_t uid, gid_t group);

/* Fails the test where a call of libsystemd's failed. */
void lab_ok_at(const char *file, int line, int r);
#define lab_ok(expression) lab_ok_at(__FILE__, __LINE__, expression)

#define lab_assert_contains(haystack, needle)                                                                          \
        do {                                                                                                           \
                if (!strstr(haystack, needle))                                                                         \
                        g_error("%s:%d: \"%s\" is not in: %s", __FILE__, __LINE__, needle, haystack);                  \
        } while (0)

#define STANDARD_ERROR(name) "org.freedesktop.DBus.Error." name
#define OWN_ERROR(name) "org.tapd1.Error." name
