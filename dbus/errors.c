/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "errors.h"

#include <stddef.h>
#include <string.h>

#define STANDARD "org.freedesktop.DBus.Error."
#define OWN "org.tapd1.Error."

typedef struct ErrorEntry {
        const char *name;
        int exit_status;
} ErrorEntry;

static const ErrorEntry error_table[_TAPD_ERROR_MAX] = {
        [TAPD_ERROR_FAILED] = { STANDARD "Failed", TAPCTL_EXIT_FAILED },
        [TAPD_ERROR_INVALID_ARGS] = { STANDARD "InvalidArgs", TAPCTL_EXIT_USAGE },
        [TAPD_ERROR_ACCESS_DENIED] = { STANDARD "AccessDenied", TAPCTL_EXIT_DENIED },
        [TAPD_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED] = { STANDARD "InteractiveAuthorizationRequired",
                                                            TAPCTL_EXIT_DENIED },
        [TAPD_ERROR_LIMITS_EXCEEDED] = { STANDARD "LimitsExceeded", TAPCTL_EXIT_LIMITS },
        [TAPD_ERROR_NOT_SUPPORTED] = { STANDARD "NotSupported", TAPCTL_EXIT_USAGE },
        [TAPD_ERROR_NO_MEMORY] = { STANDARD "NoMemory", TAPCTL_EXIT_FAILED },
        [TAPD_ERROR_TIMEOUT] = { STANDARD "Timeout", TAPCTL_EXIT_FAILED },
        [TAPD_ERROR_NO_SUCH_TAP] = { OWN "NoSuchTap", TAPCTL_EXIT_NO_SUCH_TAP },
        [TAPD_ERROR_NAME_IN_USE] = { OWN "NameInUse", TAPCTL_EXIT_IN_USE },
        [TAPD_ERROR_NAME_NOT_ALLOWED] = { OWN "NameNotAllowed", TAPCTL_EXIT_DENIED },
        [TAPD_ERROR_CONFLICT] = { OWN "Conflict", TAPCTL_EXIT_IN_USE },
        [TAPD_ERROR_IN_USE] = { OWN "InUse", TAPCTL_EXIT_IN_USE },
        [TAPD_ERROR_DEGRADED] = { OWN "Degraded", TAPCTL_EXIT_FAILED },
        [TAPD_ERROR_STALE] = { OWN "Stale", TAPCTL_EXIT_IN_USE },
        [TAPD_ERROR_NO_SUCH_SWITCH] = { OWN "NoSuchSwitch", TAPCTL_EXIT_FAILED },
        [TAPD_ERROR_SWITCH_UNAVAILABLE] = { OWN "SwitchUnavailable", TAPCTL_EXIT_FAILED },
};

/* What the bus itself answers when there is no tapd to ask. */
static const char *const no_service_names[] = {
        STANDARD "ServiceUnknown",
        STANDARD "NameHasNoOwner",
        STANDARD "NoServer",
        STANDARD "Disconnected",
        STANDARD "Spawn.ServiceNotFound",
        STANDARD "Spawn.ExecFailed",
        STANDARD "Spawn.ChildExited",
        STANDARD "Spawn.ChildSignaled",
        STANDARD "Spawn.Failed",
        STANDARD "TimedOut", /* the bus waited in vain for the unit to start; tapd's own is Timeout */
        "org.freedesktop.systemd1.NoSuchUnit",
        "org.freedesktop.systemd1.UnitMasked",
        "org.freedesktop.systemd1.LoadFailed",
        "org.freedesktop.systemd1.BadUnitSetting",
        "org.freedesktop.systemd1.ShuttingDown",
};

const char *tapd_error_name(TapdError error) {
        if (error <= TAPD_ERROR_NONE || error >= _TAPD_ERROR_MAX)
                return NULL;

        return error_table[error].name;
}

int tapd_error_exit_status(const char *name) {
        if (!name)
                return TAPCTL_EXIT_FAILED;

        for (size_t i = 0; i < sizeof(error_table) / sizeof(error_table[0]); i++)
                if (error_table[i].name && strcmp(error_table[i].name, name) == 0)
                        return error_table[i].exit_status;

        for (size_t i = 0; i < sizeof(no_service_names) / sizeof(no_service_names[0]); i++)
                if (strcmp(no_service_names[i], name) == 0)
                        return TAPCTL_EXIT_NO_SERVICE;

        return TAPCTL_EXIT_FAILED;
}
