/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What nobody should send, and the answer it gets; and after every one of them nothing has changed. */
#include <signal.h>
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
                { "MACAddress", "", "aa:bb:cc:dd:ee:ff" },
                { "MACAddress", "xx:00:00:00:00:00", "aa:bb:cc:dd:ee:ff" },
                { "MACAddress", "52:54:00:00:01", "aa:bb:cc:dd:ee:ff" },
                { "MACAddress", "52:54:00:00:00:01:02", "aa:bb:cc:dd:ee:ff" },
                { "MACAddress", "5254.0000.0001", "aa:bb:cc:dd:ee:ff" },
                { "MACAddress", "00:00:00:00:00:00", "zero" },
                { "MACAddress", "ff:ff:ff:ff:ff:ff", "multicast" },
                { "MACAddress", "01:00:5e:00:00:01", "multicast" },
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
                { "User", "u", UINT32_MAX, "User=" },
                { "User", "u", 65535, "User=" },
                { "Group", "u", 65535, "Group=" },
                { "Group", "u", UINT32_MAX, "open to every user" },
                { "MTUBytes", "u", 0, "MTUBytes=: 0, not in 68..65521" },
                { "MTUBytes", "u", 67, "MTUBytes=: 67, not in 68..65521" },
                { "MTUBytes", "u", 65522, "MTUBytes=: 65522, not in 68..65521" },
                { "MTUBytes", "u", UINT32_MAX, "not in 68..65521" },
                { "TransmitQueueLength", "u", 10001, "not in 0..10000" },
                { "TransmitQueueLength", "u", INT32_MAX, "not in 0..10000" },
                { "TransmitQueueLength", "u", UINT32_MAX, "not in 0..10000" },
                { "User", "i", 0, "expected u, got i" },
                { "Up", "u", 1, "Up=: expected b, got u" },
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

static void test_accepted(Lab *lab) {
        /* Looks odd and is none of tapd's business: an address of a manufacturer, a name in capitals. */
        lab_expect(lab_call(lab, lab->root, MANAGER, "CreateTap", "sa{sv}", "TAP0", 1, "MACAddress", "s",
                            "00:1b:21:00:00:01"),
                   NULL, NULL);
        lab_expect_property(lab, "TAP0", "MACAddress", "00:1b:21:00:00:01");
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

/* A million of them, which the bus lets through. */
#define TOO_MANY 1000000

static sd_bus_message *new_call(Lab *lab, const char *member) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(lab->alice, &call, TAPD_BUS_NAME, MANAGER, member));
        return call;
}

static void expect_answer(Lab *lab, sd_bus_message *call, const char *error, const char *text) {
        LabReply reply = {};

        lab_send_message(lab, lab->alice, &reply, call);
        sd_bus_message_unref(call);
        lab_wait_reply(lab, &reply);
        lab_expect(reply, error, text);
        expect_nothing();
}

static void test_too_many_names(Lab *lab) {
        static const unsigned counts[] = { 10001, TOO_MANY };

        for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
                sd_bus_message *call = new_call(lab, "DeleteTaps");

                lab_ok(sd_bus_message_open_container(call, 'a', "s"));
                for (unsigned j = 0; j < counts[i]; j++)
                        lab_ok(sd_bus_message_append_basic(call, 's', "tap1"));
                lab_ok(sd_bus_message_close_container(call));
                lab_ok(sd_bus_message_append(call, "b", 0));
                expect_answer(lab, call, STANDARD_ERROR("LimitsExceeded"), "more than 10000 names");
        }
}

static void test_too_many_taps(Lab *lab) {
        sd_bus_message *call = new_call(lab, "CreateTaps");

        lab_ok(sd_bus_message_open_container(call, 'a', "(sa{sv})"));
        for (unsigned i = 0; i < 20000; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                lab_ok(sd_bus_message_append(call, "(sa{sv})", name, 0));
        }
        lab_ok(sd_bus_message_close_container(call));
        expect_answer(lab, call, STANDARD_ERROR("LimitsExceeded"), "more than 10000 TAPs");
}

static void test_too_many_settings(Lab *lab) {
        sd_bus_message *call = new_call(lab, "CreateTap");

        lab_ok(sd_bus_message_append(call, "s", "tap1"));
        lab_ok(sd_bus_message_open_container(call, 'a', "{sv}"));
        for (unsigned i = 0; i < TOO_MANY; i++)
                lab_ok(sd_bus_message_append(call, "{sv}", "Up", "b", 1));
        lab_ok(sd_bus_message_close_container(call));
        expect_answer(lab, call, INVALID, "given twice");
}

static void test_deep_variant(Lab *lab) {
        sd_bus_message *call = new_call(lab, "CreateTap");
        /* As deep as a message may be, behind the array and the entry that hold it. */
        const unsigned depth = 60;

        lab_ok(sd_bus_message_append(call, "s", "tap1"));
        lab_ok(sd_bus_message_open_container(call, 'a', "{sv}"));
        lab_ok(sd_bus_message_open_container(call, 'e', "sv"));
        lab_ok(sd_bus_message_append(call, "s", "Up"));
        for (unsigned i = 0; i < depth; i++)
                lab_ok(sd_bus_message_open_container(call, 'v', i + 1 < depth ? "v" : "b"));
        lab_ok(sd_bus_message_append(call, "b", 1));
        for (unsigned i = 0; i < depth + 2; i++)
                lab_ok(sd_bus_message_close_container(call));
        expect_answer(lab, call, INVALID, "expected b, got v");
}

static unsigned count_descriptors(Lab *lab) {
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", lab->tapd_pid);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        unsigned n = 0;

        g_assert_nonnull(folder);
        while (g_dir_read_name(folder))
                n++;

        return n;
}

static void append_descriptors(sd_bus_message *call, const char *types) {
        for (; *types; types++)
                if (*types == 'h')
                        lab_ok(sd_bus_message_append(call, "h", STDIN_FILENO));
                else if (*types == 's')
                        lab_ok(sd_bus_message_append(call, "s", "tap1"));
                else
                        lab_ok(sd_bus_message_append(call, "a{sv}", 1, "Up", "h", STDIN_FILENO));
}

static void test_descriptors(Lab *lab) {
        /* d: settings with a descriptor as the value of one. */
        static const struct {
                const char *member, *types, *text;
        } rows[] = {
                { "CreateTap", "sd", "expected b, got h" },
                { "CreateTap", "sdh", NULL },
                { "CreateEphemeral", "sdh", NULL },
                { "CreateTaps", "hhhhhhhhhhhhhhhh", NULL },
                { "DeleteTaps", "hhhh", NULL },
                { "GetTap", "h", NULL },
                { "GetTap", "sh", NULL },
                { "ListTaps", "h", NULL },
        };
        unsigned before;

        /* Descriptors that no method takes are closed, however many come. */
        lab_settle(lab);
        before = count_descriptors(lab);
        for (size_t i = 0; i < 50 * G_N_ELEMENTS(rows); i++) {
                sd_bus_message *call = new_call(lab, rows[i % G_N_ELEMENTS(rows)].member);

                append_descriptors(call, rows[i % G_N_ELEMENTS(rows)].types);
                expect_answer(lab, call, INVALID, rows[i % G_N_ELEMENTS(rows)].text);
        }
        lab_settle(lab);
        g_assert_cmpuint(count_descriptors(lab), ==, before);
        g_assert_cmpuint(lab->polkit->questions->len, ==, 0);
}

static void test_no_interface(Lab *lab) {
        sd_bus_message *call = NULL;

        lab_ok(sd_bus_message_new_method_call(lab->alice, &call, TAPD_BUS_NAME, TAPD_OBJECT_PATH, NULL, "CreateTap"));
        lab_ok(sd_bus_message_append(call, "sa{sv}", "tap1", 0));
        /* sd-bus finds no object that has a method without an interface. */
        expect_answer(lab, call, STANDARD_ERROR("UnknownObject"), NULL);
}

static void test_leaving(Lab *lab) {
        static const struct {
                const char *member, *types;
        } rows[] = { { "OpenQueues", "u" }, { "Up", NULL }, { "Down", NULL }, { "Delete", "b" } };
        g_autofree char *path = lab_path("tap1");

        /* Both lie before it when it goes on: one deletes the TAP, the other one wants something of it. */
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                LabReply deletion, reply;

                lab_create(lab, lab->root, "tap1", NULL);
                g_assert_cmpint(kill(lab->tapd_pid, SIGSTOP), ==, 0);
                lab_send(lab, lab->root, &deletion, MANAGER, "DeleteTaps", "asb", 1, "tap1", 0);
                lab_send(lab, lab->root, &reply, path, TAPD_TAP_INTERFACE, rows[i].member, rows[i].types, 1);
                lab_ok(sd_bus_flush(lab->root));
                g_assert_cmpint(kill(lab->tapd_pid, SIGCONT), ==, 0);
                lab_wait_reply(lab, &reply);
                lab_wait_reply(lab, &deletion);
                lab_expect(deletion, NULL, NULL);
                /* Where the kernel was the faster one the object is gone. */
                g_assert_true(g_strcmp0(reply.error, OWN_ERROR("NoSuchTap")) == 0 ||
                              g_strcmp0(reply.error, STANDARD_ERROR("UnknownObject")) == 0);
                lab_reply_done(&reply);
                expect_nothing();
        }
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        lab_add_test("/bad-input/names", test_names);
        lab_add_test("/bad-input/long-name", test_long_name);
        lab_add_test("/bad-input/strings", test_strings);
        lab_add_test("/bad-input/numbers", test_numbers);
        lab_add_test("/bad-input/combinations", test_combinations);
        lab_add_test("/bad-input/accepted", test_accepted);
        g_test_add_func("/bad-input/open-to-everybody", test_open_to_everybody);
        lab_add_test("/bad-input/wrong-calls", test_wrong_calls);
        lab_add_test("/bad-input/too-many/names", test_too_many_names);
        lab_add_test("/bad-input/too-many/taps", test_too_many_taps);
        lab_add_test("/bad-input/too-many/settings", test_too_many_settings);
        lab_add_test("/bad-input/deep-variant", test_deep_variant);
        lab_add_test("/bad-input/no-interface", test_no_interface);
        lab_add_test("/bad-input/leaving", test_leaving);
        lab_add_test("/bad-input/descriptors", test_descriptors);
        return g_test_run();
}
