/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What nobody should send, and the answer it gets; and after every one of them nothing has changed. */
#include <string.h>
#include <unistd.h>

#include "lab.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE
#define INVALID STANDARD_ERROR("InvalidArgs")
#define NOT_ALLOWED OWN_ERROR("NameNotAllowed")

static void expect_nothing(void) {
        g_autofree char *links = lab_run("ip -o link show");

        /* The loopback's line alone. */
        g_assert_true(strchr(links, '\n') == links + strlen(links) - 1);
}

static void test_names(Lab *lab) {
        static const struct {
                const char *name, *error, *text;
        } rows[] = {
                { "sixteen-bytes-xx", INVALID, "Name=: 16 bytes, at most 15" },
                { "a b", INVALID, "byte 2" },
                { "a\tb", INVALID, "byte 2" },
                { "tap1\n", INVALID, "byte 5" },
                { "a/b", INVALID, "byte 2" },
                { "..", INVALID, NULL },
                { ".", INVALID, NULL },
                { "%d", INVALID, NULL },
                { "x%s", INVALID, NULL },
                { "tap%d%d", INVALID, NULL },
                { "%d%d", INVALID, NULL },
                { "tap%", INVALID, NULL },
                { "\x01tap", INVALID, "\\x01tap" },
                { "\x1b[31mtap", INVALID, "\\x1b[31mtap" },
                { "tap\x7f", INVALID, "\\x7f" },
                { "tap\xc3\xa9", INVALID, "ASCII only" },
                { "-rf", INVALID, "start with a letter" },
                { "--help", INVALID, "start with a letter" },
                { "123", INVALID, "numeric" },
                { "0x1", INVALID, "numeric" },
                { "all", NOT_ALLOWED, "all" },
                { "default", NOT_ALLOWED, NULL },
                { "bonding_masters", NOT_ALLOWED, NULL },
                { "lo", NOT_ALLOWED, NULL },
                { "vnet3", NOT_ALLOWED, NULL },
                { "vt-1", NOT_ALLOWED, NULL },
                { "vnet%d", NOT_ALLOWED, NULL },
                { "a.100", INVALID, NULL },
                { "a:1", INVALID, NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", rows[i].name, 0), rows[i].error,
                           rows[i].text);
                expect_nothing();
        }

        /* Nobody was asked for a password for something that is wrong. */
        lab_expect(lab_call(lab, lab->mallory, MANAGER, "CreateTap", "sa{sv}", "a b", 0), INVALID, NULL);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
}

static void test_long_name(Lab *lab) {
        g_autofree char *name = g_strnfill(1000000, 'a');

        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", name, 0), INVALID, "1000000 bytes");
        expect_nothing();
}

static void test_strings(Lab *lab) {
        g_autofree char *long_text = g_strnfill(10 * 1024 * 1024, 'a'), *just_too_long = g_strnfill(256, 'a');
        const struct {
                const char *key, *value, *text;
        } rows[] = {
                { "Kind", "macvtap", "Kind=: \"macvtap\", tap or tun" },
                { "Kind", "", "Kind=" },
                { "Kind", "TAP", "Kind=" },
                { "Description", long_text, "at most 255" },
                { "Description", just_too_long, "256 bytes" },
                { "Description", "a\nb", "control" },
                { "Description", "a\x1b[31m", "\\x1b" },
                { "Description",
                  "a\xe2\x80\xae"
                  "b",
                  "Description=" }, /* U+202E, right-to-left override */
                { "Nonsense", "x", "unknown option \"Nonsense\"" },
                { "kind", "tap", "unknown option \"kind\"" },
                { "", "x", "unknown option \"\"" },
                { "MultiQueue", "yes", "MultiQueue=: expected b, got s" },
                { "User", "root", "User=: expected u, got s" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, rows[i].key, "s",
                                    rows[i].value),
                           INVALID, rows[i].text);
                expect_nothing();
        }
}

static void test_numbers(Lab *lab) {
        static const struct {
                const char *key, *type;
                uint32_t value;
                const char *text;
        } rows[] = {
                { "User", "u", UINT32_MAX, "User=" },    { "User", "u", 65535, "User=" },
                { "Group", "u", 65535, "Group=" },       { "Group", "u", UINT32_MAX, "open to every user" },
                { "User", "i", 0, "expected u, got i" }, { "Up", "u", 1, "Up=: expected b, got u" },
                { "Kind", "u", 1, "expected s, got u" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, rows[i].key,
                                    rows[i].type, rows[i].value),
                           INVALID, rows[i].text);
                expect_nothing();
        }
}

static void test_combinations(Lab *lab) {
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 2, "Up", "b", 1, "Up", "b", 1),
                   INVALID, "Up=: given twice");
        lab_expect(
                lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 2, "User", "u", 5, "Shared", "b", 1),
                INVALID, "Shared=");
        /* A deep variant is another type than any setting has. */
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, "Up", "v", "v", "b", 1), INVALID,
                   "expected b, got v");
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 1, "Up", "ab", 1, 1), INVALID,
                   "expected b, got ab");
        expect_nothing();
}

static void test_open_to_everybody(void) {
        Lab *lab = lab_new("[Defaults]\nMultiQueue=yes\n");

        /* No group is configured: root's would have neither user nor group. */
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "tap1", 0), INVALID, "open to every user");
        expect_nothing();
        lab_free(lab);
}

static void test_wrong_calls(Lab *lab) {
        g_autofree char *path = lab_path("tap1"), *nowhere = lab_path("tap9");

        lab_create(lab, lab->root, "tap1", NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "Nonsense", NULL), STANDARD_ERROR("UnknownMethod"), NULL);
        lab_expect(lab_call(lab, lab->root, TAPD_OBJECT_PATH, "org.nowhere.Nothing", "CreateTap", NULL),
                   STANDARD_ERROR("UnknownMethod"), NULL);
        lab_expect(lab_call(lab, lab->root, nowhere, TAPD_TAP_INTERFACE, "Up", NULL), STANDARD_ERROR("UnknownObject"),
                   NULL);
        lab_expect(lab_call(lab, lab->root, "/org/tapd1/tap", TAPD_TAP_INTERFACE, "Up", NULL),
                   STANDARD_ERROR("UnknownMethod"), NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "s", "tap2"), INVALID, NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sas", "tap2", 0), INVALID, NULL);
        lab_expect(lab_call(lab, lab->root, MANAGER, "DeleteTaps", "as", 1, "tap1"), INVALID, NULL);
        lab_expect(lab_call(lab, lab->root, path, TAPD_TAP_INTERFACE, "Delete", NULL), INVALID, NULL);
        lab_expect(lab_call(lab, lab->root, path, "org.freedesktop.DBus.Properties", "Set", "ssv", TAPD_TAP_INTERFACE,
                            "User", "u", 5),
                   STANDARD_ERROR("PropertyReadOnly"), NULL);
        lab_expect(lab_call(lab, lab->root, path, "org.freedesktop.DBus.Properties", "Get", "ss", TAPD_TAP_INTERFACE,
                            "Nonsense"),
                   STANDARD_ERROR("UnknownProperty"), NULL);
        lab_expect(lab_call(lab, lab->mallory, MANAGER, "GetTap", "s", "tap9"), OWN_ERROR("NoSuchTap"), "tap9");
        lab_expect(lab_call(lab, lab->mallory, MANAGER, "GetTap", "s", "\x1b[31m"), OWN_ERROR("NoSuchTap"), "\\x1b");
        g_assert_true(lab_link_exists("tap1"));
        lab_delete(lab, lab->root, "tap1", false, NULL);
        expect_nothing();
}

static void test_too_many(Lab *lab) {
        sd_bus_message *call = NULL;
        LabReply reply = {};

        /* More names than one request may have. */
        lab_ok(sd_bus_message_new_method_call(lab->root, &call, TAPD_BUS_NAME, MANAGER, "DeleteTaps"));
        lab_ok(sd_bus_message_open_container(call, 'a', "s"));
        for (unsigned i = 0; i < 10001; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_ok(sd_bus_message_append(call, "s", name));
        }
        lab_ok(sd_bus_message_close_container(call));
        lab_ok(sd_bus_message_append(call, "b", 0));
        lab_send_message(lab, lab->root, &reply, call);
        sd_bus_message_unref(call);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, STANDARD_ERROR("LimitsExceeded"), "10001 names");
}

static void test_descriptors(Lab *lab) {
        sd_bus_message *call = NULL;
        LabReply reply = {};

        /* Descriptors that no method takes are closed, and the next call is served. */
        lab_ok(sd_bus_message_new_method_call(lab->root, &call, TAPD_BUS_NAME, MANAGER, "CreateTap"));
        lab_ok(sd_bus_message_append(call, "sa{sv}", "tap1", 1, "Up", "h", STDIN_FILENO));
        lab_send_message(lab, lab->root, &reply, call);
        sd_bus_message_unref(call);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, INVALID, "expected b, got h");
        expect_nothing();
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/bad-input/names", test_names);
        lab_add_test("/bad-input/long-name", test_long_name);
        lab_add_test("/bad-input/strings", test_strings);
        lab_add_test("/bad-input/numbers", test_numbers);
        lab_add_test("/bad-input/combinations", test_combinations);
        g_test_add_func("/bad-input/open-to-everybody", test_open_to_everybody);
        lab_add_test("/bad-input/wrong-calls", test_wrong_calls);
        lab_add_test("/bad-input/too-many", test_too_many);
        lab_add_test("/bad-input/descriptors", test_descriptors);
        return g_test_run();
}
