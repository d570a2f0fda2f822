/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "errors.h"

#define STANDARD "org.freedesktop.DBus.Error."
#define OWN "org.tapd1.Error."

typedef struct ErrorCase {
        TapdError error;
        const char *name;
        int exit_status;
} ErrorCase;

static const ErrorCase cases[] = {
        { TAPD_ERROR_FAILED, STANDARD "Failed", 1 },
        { TAPD_ERROR_INVALID_ARGS, STANDARD "InvalidArgs", 2 },
        { TAPD_ERROR_ACCESS_DENIED, STANDARD "AccessDenied", 4 },
        { TAPD_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, STANDARD "InteractiveAuthorizationRequired", 4 },
        { TAPD_ERROR_LIMITS_EXCEEDED, STANDARD "LimitsExceeded", 6 },
        { TAPD_ERROR_NOT_SUPPORTED, STANDARD "NotSupported", 2 },
        { TAPD_ERROR_NO_MEMORY, STANDARD "NoMemory", 1 },
        { TAPD_ERROR_TIMEOUT, STANDARD "Timeout", 1 },
        { TAPD_ERROR_NO_SUCH_TAP, OWN "NoSuchTap", 3 },
        { TAPD_ERROR_NAME_IN_USE, OWN "NameInUse", 5 },
        { TAPD_ERROR_NAME_NOT_ALLOWED, OWN "NameNotAllowed", 4 },
        { TAPD_ERROR_CONFLICT, OWN "Conflict", 5 },
        { TAPD_ERROR_IN_USE, OWN "InUse", 5 },
        { TAPD_ERROR_DEGRADED, OWN "Degraded", 1 },
        { TAPD_ERROR_STALE, OWN "Stale", 5 },
        { TAPD_ERROR_NO_SUCH_SWITCH, OWN "NoSuchSwitch", 1 },
        { TAPD_ERROR_SWITCH_UNAVAILABLE, OWN "SwitchUnavailable", 1 },
};
/* All but TAPD_ERROR_NONE. */
G_STATIC_ASSERT(G_N_ELEMENTS(cases) == _TAPD_ERROR_MAX - 1);

static void test_names(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpstr(tapd_error_name(cases[i].error), ==, cases[i].name);

        g_assert_null(tapd_error_name(TAPD_ERROR_NONE));
}

static void test_namespace(void) {
        g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

        for (int error = TAPD_ERROR_NONE + 1; error < _TAPD_ERROR_MAX; error++) {
                const char *name = tapd_error_name((TapdError) error);

                g_assert_nonnull(name);
                g_assert_false(g_str_has_prefix(name, "System.Error"));
                g_assert_true(g_str_has_prefix(name, STANDARD) || g_str_has_prefix(name, OWN));
                g_assert_true(g_hash_table_add(names, (char *) name));
        }
}

static void test_exit_status(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(tapd_error_exit_status(cases[i].name), ==, cases[i].exit_status);
}

/* 7 no bus or service: what the bus says of a tapd that is absent, not activatable or masked. */
static void test_exit_status_of_others(void) {
        static const ErrorCase others[] = {
                { .name = STANDARD "ServiceUnknown", .exit_status = 7 },
                { .name = STANDARD "NameHasNoOwner", .exit_status = 7 },
                { .name = STANDARD "Disconnected", .exit_status = 7 },
                { .name = "org.freedesktop.systemd1.UnitMasked", .exit_status = 7 },
                { .name = "org.example.Error.Unknown", .exit_status = 1 },
                { .name = "", .exit_status = 1 },
                { .name = "InvalidArgs", .exit_status = 1 },
                { .name = OWN "InvalidArgs", .exit_status = 1 },
                { .name = OWN "NoSuchTap2", .exit_status = 1 },
                { .name = "System.Error.EBUSY", .exit_status = 1 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                g_assert_cmpint(tapd_error_exit_status(others[i].name), ==, others[i].exit_status);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/errors/names", test_names);
        g_test_add_func("/errors/namespace", test_namespace);
        g_test_add_func("/errors/exit-status", test_exit_status);
        g_test_add_func("/errors/exit-status-of-others", test_exit_status_of_others);

        return g_test_run();
}
