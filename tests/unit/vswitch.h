/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * The real Open vSwitch, in a network namespace of the test program's own and with all its files in a folder that goes
 * with it: ovsdb-server and ovs-vswitchd with the datapath in user space, which needs no kernel module. Neither of them
 * outlives the test.
 */
typedef struct Vswitch {
        char *folder;      /* OVS_RUNDIR and all others */
        char *socket_path; /* db.sock */
        GPid server_pid, switch_pid;
} Vswitch;

/* For main(), before anything else: a network namespace. Skips the test program where Open vSwitch is not installed, or
 * where there can be no namespace or no TAP. */
void vswitch_init(int *argc, char ***argv);

/* An empty database, and nothing that runs. */
Vswitch *vswitch_new(void);
void vswitch_free(Vswitch *vswitch);

/* Another database, empty, instead of the one that is there. */
void vswitch_make_database(Vswitch *vswitch);
/* One that is not Open vSwitch's. */
void vswitch_make_other_database(Vswitch *vswitch);

void vswitch_start_server(Vswitch *vswitch);
void vswitch_start_switch(Vswitch *vswitch);
/* Ends them and waits for that; SIGTERM has ovsdb-server remove its socket, SIGKILL leaves it. */
void vswitch_stop_server(Vswitch *vswitch, int signal_number);
void vswitch_stop_switch(Vswitch *vswitch, int signal_number);

/* Takes the socket and the lock of a server away that hangs and cannot do so itself, so that another one can be
 * started. Returns its pid; ending it is the caller's now. */
GPid vswitch_abandon_server(Vswitch *vswitch);

/* Runs ovs-vsctl and returns what it prints, without the final newline. It waits for ovs-vswitchd, unless told not to.
 */
char *vswitch_ctl(Vswitch *vswitch, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One column of a row as ovs-vsctl prints it, compared with this. */
void vswitch_expect(Vswitch *vswitch, const char *table, const char *row, const char *column, const char *value);
bool vswitch_has(Vswitch *vswitch, const char *table, const char *name);

/* A TAP that is up, which lasts until it is deleted. */
void vswitch_add_tap(const char *name);
void vswitch_delete_tap(const char *name);

/* Sends frames into one TAP, as its guest does, until one of them comes out of another one; fails the test where none
 * ever does. */
void vswitch_expect_frames(const char *from, const char *to);
