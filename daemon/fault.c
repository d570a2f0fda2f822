/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int errno_of(TapdError error) {
        switch (error) {
        case TAPD_ERROR_NONE:
                return 0;
        case TAPD_ERROR_FAILED:
                return EIO;
        case TAPD_ERROR_INVALID_ARGS:
                return EINVAL;
        case TAPD_ERROR_ACCESS_DENIED:
        case TAPD_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED:
                return EACCES;
        case TAPD_ERROR_LIMITS_EXCEEDED:
                return EDQUOT;
        case TAPD_ERROR_NOT_SUPPORTED:
                return EOPNOTSUPP;
        case TAPD_ERROR_NO_MEMORY:
                return ENOMEM;
        case TAPD_ERROR_TIMEOUT:
                return ETIMEDOUT;
        case TAPD_ERROR_NO_SUCH_TAP:
                return ENODEV;
        case TAPD_ERROR_NAME_IN_USE:
        case TAPD_ERROR_CONFLICT:
                return EEXIST;
        case TAPD_ERROR_NAME_NOT_ALLOWED:
                return EPERM;
        case TAPD_ERROR_IN_USE:
                return EBUSY;
        case TAPD_ERROR_DEGRADED:
                return EROFS;
        case TAPD_ERROR_STALE:
                return ESTALE;
        case TAPD_ERROR_NO_SUCH_SWITCH:
                return ENXIO;
        case TAPD_ERROR_SWITCH_UNAVAILABLE:
                return EHOSTDOWN;
        case _TAPD_ERROR_MAX:
                break;
        }

        return EIO;
}

static TapdError error_of(int error_number) {
        switch (error_number) {
        case EINVAL:
                return TAPD_ERROR_INVALID_ARGS;
        case EACCES:
        case EPERM:
                return TAPD_ERROR_ACCESS_DENIED;
        case ENOMEM:
        case ENOBUFS:
                return TAPD_ERROR_NO_MEMORY;
        case EMFILE:
        case ENFILE:
        case EDQUOT:
                return TAPD_ERROR_LIMITS_EXCEEDED;
        case EOPNOTSUPP:
                return TAPD_ERROR_NOT_SUPPORTED;
        case ETIMEDOUT:
                return TAPD_ERROR_TIMEOUT;
        case ENODEV:
                return TAPD_ERROR_NO_SUCH_TAP;
        case EEXIST:
                return TAPD_ERROR_NAME_IN_USE;
        case EBUSY:
                return TAPD_ERROR_IN_USE;
        case EROFS:
        case ENOSPC:
                return TAPD_ERROR_DEGRADED;
        case ESTALE:
                return TAPD_ERROR_STALE;
        default:
                return TAPD_ERROR_FAILED;
        }
}

int fault_set(Fault *fault, TapdError error, const char *format, ...) {
        va_list arguments;

        if (fault) {
                fault->error = error;
                va_start(arguments, format);
                (void) vsnprintf(fault->text, sizeof(fault->text), format, arguments);
                va_end(arguments);
        }

        return -errno_of(error);
}

int fault_set_errno(Fault *fault, int r, const char *what) {
        r = abs(r);

        if (fault && fault->error == TAPD_ERROR_NONE) {
                fault->error = error_of(r);
                (void) snprintf(fault->text, sizeof(fault->text), "%s: %s", what, strerror(r));
        }

        return -r;
}
