/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The errors of the API: what tapd answers, how it is called on the bus, and how tapctl exits.
 * Nothing else leaves tapd; in particular no System.Error.* (sd_bus_error_set_errno(3) would make those).
 */
typedef enum TapdError {
        TAPD_ERROR_NONE,
        TAPD_ERROR_FAILED,                             /* anything that has no better name */
        TAPD_ERROR_INVALID_ARGS,                       /* the request is wrong whoever asks */
        TAPD_ERROR_ACCESS_DENIED,                      /* the gate or polkit said no */
        TAPD_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, /* polkit would ask, the caller did not allow it */
        TAPD_ERROR_LIMITS_EXCEEDED,
        TAPD_ERROR_NOT_SUPPORTED, /* this kernel or this machine cannot do it */
        TAPD_ERROR_NO_MEMORY,
        TAPD_ERROR_TIMEOUT,
        TAPD_ERROR_NO_SUCH_TAP,
        TAPD_ERROR_NAME_IN_USE,      /* somebody else's device has the name, or the altname */
        TAPD_ERROR_NAME_NOT_ALLOWED, /* a name that belongs to somebody else on every host */
        TAPD_ERROR_CONFLICT,         /* exists with other settings */
        TAPD_ERROR_IN_USE,           /* a program has a queue of it open */
        TAPD_ERROR_DEGRADED,         /* tapd cannot write its records */
        TAPD_ERROR_STALE,            /* the device is no longer the record's */
        TAPD_ERROR_NO_SUCH_SWITCH,
        TAPD_ERROR_SWITCH_UNAVAILABLE, /* Open vSwitch does not answer, or does not take the port */
        _TAPD_ERROR_MAX,
} TapdError;

/* Exit statuses of tapctl. */
enum {
        TAPCTL_EXIT_DONE = 0,
        TAPCTL_EXIT_FAILED = 1,
        TAPCTL_EXIT_USAGE = 2,
        TAPCTL_EXIT_NO_SUCH_TAP = 3,
        TAPCTL_EXIT_DENIED = 4,
        TAPCTL_EXIT_IN_USE = 5,
        TAPCTL_EXIT_LIMITS = 6,
        TAPCTL_EXIT_NO_SERVICE = 7,
};

/* The D-Bus name of an error; NULL for TAPD_ERROR_NONE. */
const char *tapd_error_name(TapdError error);

/* The exit status that goes with a D-Bus error name, our own or the bus's; TAPCTL_EXIT_FAILED for one unknown. */
int tapd_error_exit_status(const char *name);
