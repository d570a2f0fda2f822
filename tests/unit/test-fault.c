/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "fault.h"
#include "scratch.h"

/* A fault that a lower floor has filled goes up as it is, whatever is made of its errno on the way. */
static void test_round_trip(void) {
        for (int error = TAPD_ERROR_NONE + 1; error < _TAPD_ERROR_MAX; error++) {
                Fault fault = {};
                int r = fault_set(&fault, (TapdError) error, "Name=: \"%s\", %d", "tap1", 7);

                g_assert_cmpint(r, <, 0);
                g_assert_cmpint(fault.error, ==, error);
                g_assert_cmpstr(fault.text, ==, "Name=: \"tap1\", 7");

                g_assert_cmpint(fault_set_errno(&fault, r, "request"), ==, r);
                g_assert_cmpint(fault.error, ==, error);
                g_assert_cmpstr(fault.text, ==, "Name=: \"tap1\", 7");
        }
}

/* Where only the errno went up: what it becomes again ends tapctl in the same way. */
static void test_errno_alone(void) {
        for (int error = TAPD_ERROR_NONE + 1; error < _TAPD_ERROR_MAX; error++) {
                Fault fault = {};
                int r = fault_set(/* fault= */ NULL, (TapdError) error, "nobody reads this");

                g_assert_cmpint(r, <, 0);
                g_assert_cmpint(fault_set_errno(&fault, r, "request"), ==, r);
                g_assert_cmpint(tapd_error_exit_status(tapd_error_name(fault.error)), ==,
                                tapd_error_exit_status(tapd_error_name((TapdError) error)));
        }
}

typedef struct ErrnoCase {
        int errno_value;
        TapdError error;
} ErrnoCase;

static void test_errno_names(void) {
        static const ErrnoCase cases[] = {
                { EINVAL, TAPD_ERROR_INVALID_ARGS },
                { EACCES, TAPD_ERROR_ACCESS_DENIED },
                { EPERM, TAPD_ERROR_ACCESS_DENIED },
                { ENOMEM, TAPD_ERROR_NO_MEMORY },
                { EMFILE, TAPD_ERROR_LIMITS_EXCEEDED },
                { ENFILE, TAPD_ERROR_LIMITS_EXCEEDED },
                { ENOSPC, TAPD_ERROR_DEGRADED },
                { EROFS, TAPD_ERROR_DEGRADED },
                { EOPNOTSUPP, TAPD_ERROR_NOT_SUPPORTED },
                { ETIMEDOUT, TAPD_ERROR_TIMEOUT },
                { EBUSY, TAPD_ERROR_IN_USE },
                { EEXIST, TAPD_ERROR_NAME_IN_USE },
                { ENODEV, TAPD_ERROR_NO_SUCH_TAP },
                { ESTALE, TAPD_ERROR_STALE },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                for (int sign = -1; sign <= 1; sign += 2) {
                        Fault fault = {};

                        g_assert_cmpint(fault_set_errno(&fault, sign * cases[i].errno_value, "tap1"), ==,
                                        -cases[i].errno_value);
                        g_assert_cmpint(fault.error, ==, cases[i].error);
                        g_assert_true(g_str_has_prefix(fault.text, "tap1"));
                }
}

/* Every errno has a name on the bus, and none is System.Error.*. */
static void test_errno_all(void) {
        for (int number = 1; number < 4096; number++) {
                Fault fault = {};

                g_assert_cmpint(fault_set_errno(&fault, -number, "tap1"), ==, -number);
                g_assert_cmpint(fault.error, >, TAPD_ERROR_NONE);
                g_assert_cmpint(fault.error, <, _TAPD_ERROR_MAX);
                g_assert_false(g_str_has_prefix(tapd_error_name(fault.error), "System."));
                g_assert_cmpuint(strlen(fault.text), >, strlen("tap1"));
        }
}

static void test_without_fault(void) {
        g_assert_cmpint(fault_set_errno(/* fault= */ NULL, -EBUSY, "tap1"), ==, -EBUSY);
        g_assert_cmpint(fault_set_errno(/* fault= */ NULL, EBUSY, "tap1"), ==, -EBUSY);
}

static void test_long_text(void) {
        g_autofree char *text = repeat("x", 5000);
        Fault fault = {};

        (void) fault_set(&fault, TAPD_ERROR_CONFLICT, "%s", text);
        g_assert_cmpuint(strnlen(fault.text, sizeof(fault.text)), <, sizeof(fault.text));

        fault = (Fault){};
        (void) fault_set_errno(&fault, -EBUSY, text);
        g_assert_cmpuint(strnlen(fault.text, sizeof(fault.text)), <, sizeof(fault.text));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/fault/round-trip", test_round_trip);
        g_test_add_func("/fault/errno-alone", test_errno_alone);
        g_test_add_func("/fault/errno-names", test_errno_names);
        g_test_add_func("/fault/errno-all", test_errno_all);
        g_test_add_func("/fault/without-fault", test_without_fault);
        g_test_add_func("/fault/long-text", test_long_text);

        return g_test_run();
}
