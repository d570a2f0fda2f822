/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server may answer to a transaction (RFC 7047, 4.1.3); what it does with one is tested with a real server. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "ovs-transaction.h"

static const sd_id128_t id = { .bytes = { 1 } };
static const PortSpec spec = { .switch_name = "br0", .vlan = 10, .interface_id = "vm1" };

/* A transaction, and the parameters that go to the server. */
static json_t *make(OvsTransaction *transaction, const OvsPort *old) {
        json_t *params;

        ovs_transaction_make(transaction, "tap1", id, &spec, old);
        params = ovs_transaction_take(transaction);
        g_assert_nonnull(params);
        return params;
}

/* The answer has one element for each operation, the parameters one more for the database. */
static size_t count_operations(const json_t *params) {
        return json_array_size(params) - 1;
}

/* Results of operations that all went well, as many as asked for. */
static json_t *results_of(size_t n) {
        json_t *results = json_array();

        while (json_array_size(results) < n)
                g_assert_cmpint(json_array_append_new(results, json_object()), ==, 0);

        return results;
}

static int check(const OvsTransaction *transaction, json_t *results, OvsStep *ret_step, char *text) {
        int r;

        r = ovs_transaction_check(transaction, results, ret_step, text);
        json_decref(results);
        return r;
}

/* Which operation is a condition, and which one. */
static OvsStep step_of(const json_t *operation) {
        const char *op = json_string_value(json_object_get(operation, "op"));
        const char *table = json_string_value(json_object_get(operation, "table"));

        if (!g_str_equal(op, "wait"))
                return OVS_STEP_WRITE;
        /* Nothing is waited for: it is so, or it fails. */
        g_assert_true(json_is_integer(json_object_get(operation, "timeout")));
        g_assert_cmpint(json_integer_value(json_object_get(operation, "timeout")), ==, 0);
        if (g_str_equal(table, "Bridge"))
                return OVS_STEP_BRIDGE;

        return json_array_size(json_object_get(operation, "rows")) == 0 ? OVS_STEP_FREE : OVS_STEP_OURS;
}

/* Each operation in turn fails, and those after it are not carried out. */
static void expect_steps(const OvsTransaction *transaction, const json_t *params) {
        size_t n = count_operations(params);

        for (size_t i = 0; i < n; i++) {
                json_t *results = results_of(i);
                char text[TEXT_ESCAPED_SIZE];
                OvsStep step;

                json_array_append_new(results,
                                      json_pack("{s:s, s:s}", "error", "timed out", "details", "no \x1b luck"));
                while (json_array_size(results) < n)
                        json_array_append_new(results, json_null());
                g_assert_cmpint(check(transaction, results, &step, text), ==, -EREMOTEIO);
                g_assert_cmpint(step, ==, step_of(json_array_get(params, i + 1)));
                g_assert_cmpstr(text, ==, "no \\x1b luck");
        }
}

static void test_steps(void) {
        const OvsPort old = { .name = "tap1", .is_own = true, .id = id, .row = id, .interface_row = id, .spec = spec };
        OvsTransaction transaction;
        json_t *params;

        params = make(&transaction, NULL);
        expect_steps(&transaction, params);
        json_decref(params);

        params = make(&transaction, &old);
        expect_steps(&transaction, params);
        json_decref(params);

        ovs_transaction_change(&transaction, &old, &spec);
        params = ovs_transaction_take(&transaction);
        expect_steps(&transaction, params);
        json_decref(params);

        ovs_transaction_remove(&transaction, &old, "br0");
        params = ovs_transaction_take(&transaction);
        expect_steps(&transaction, params);
        json_decref(params);
}

/* A constraint is looked at in the end, and has an element of its own. */
static void test_end(void) {
        OvsTransaction transaction;
        json_t *params = make(&transaction, NULL), *results = results_of(count_operations(params));
        char text[TEXT_ESCAPED_SIZE];
        OvsStep step;

        json_array_append_new(results, json_pack("{s:s}", "error", "constraint violation"));
        g_assert_cmpint(check(&transaction, results, &step, text), ==, -EREMOTEIO);
        g_assert_cmpint(step, ==, OVS_STEP_WRITE);
        g_assert_cmpstr(text, ==, "constraint violation");

        g_assert_cmpint(check(&transaction, results_of(count_operations(params)), &step, text), ==, 0);
        json_decref(params);
}

static void test_nonsense(void) {
        OvsTransaction transaction;
        json_t *params = make(&transaction, NULL);
        size_t n = count_operations(params);
        char text[TEXT_ESCAPED_SIZE];
        OvsStep step;

        g_assert_cmpint(check(&transaction, json_null(), &step, text), ==, -EBADMSG);
        g_assert_cmpint(check(&transaction, json_object(), &step, text), ==, -EBADMSG);
        g_assert_cmpint(check(&transaction, results_of(0), &step, text), ==, -EBADMSG);
        g_assert_cmpint(check(&transaction, results_of(n - 1), &step, text), ==, -EBADMSG);
        g_assert_cmpint(check(&transaction, results_of(n + 1), &step, text), ==, -EBADMSG);
        g_assert_cmpint(ovs_transaction_check(&transaction, NULL, &step, text), ==, -EBADMSG);
        json_decref(params);
}

/* A removal says when ovs-vswitchd has seen it. */
static void test_number(void) {
        static const struct {
                const char *last;
                int r;
                int64_t number;
        } rows[] = {
                { "{\"rows\":[{\"next_cfg\":17}]}", 0, 17 }, { "{\"rows\":[]}", 0, 0 },
                { "{\"rows\":[{}]}", -EBADMSG, -1 },         { "{\"rows\":[{\"next_cfg\":\"17\"}]}", -EBADMSG, -1 },
                { "{\"count\":1}", -EBADMSG, -1 },           { "{}", -EBADMSG, -1 },
        };
        const OvsPort old = { .name = "tap1", .is_own = true, .id = id, .row = id, .interface_row = id, .spec = spec };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                OvsTransaction transaction;
                json_t *params, *results;
                int64_t number = -1;

                ovs_transaction_remove(&transaction, &old, /* bridge= */ NULL);
                params = ovs_transaction_take(&transaction);
                results = results_of(count_operations(params) - 1);
                json_array_append_new(results, json_loads(rows[i].last, 0, NULL));
                g_assert_cmpint(ovs_transaction_number(&transaction, results, &number), ==, rows[i].r);
                g_assert_cmpint(number, ==, rows[i].number);
                json_decref(params);
                json_decref(results);
        }
}

static void test_error_text(void) {
        g_autofree char *many = g_strnfill(5000, '"');
        char text[TEXT_ESCAPED_SIZE];
        json_t *error;

        error = json_pack("{s:s, s:s}", "error", "unknown database", "details", many);
        g_assert_cmpuint(strlen(ovs_error_text(error, text)), <, sizeof(text));
        json_decref(error);
        error = json_pack("{s:i}", "error", 7);
        g_assert_cmpuint(strlen(ovs_error_text(error, text)), >, 0);
        json_decref(error);
        g_assert_cmpuint(strlen(ovs_error_text(NULL, text)), >, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/ovs-transaction/steps", test_steps);
        g_test_add_func("/ovs-transaction/end", test_end);
        g_test_add_func("/ovs-transaction/nonsense", test_nonsense);
        g_test_add_func("/ovs-transaction/number", test_number);
        g_test_add_func("/ovs-transaction/error-text", test_error_text);

        return g_test_run();
}
