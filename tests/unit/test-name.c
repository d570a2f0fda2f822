/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "name.h"
#include "scratch.h"
#include "text.h"

typedef struct NameCase {
        const char *label, *name;
        TapdError error;
        const char *form; /* a part of the message; NULL: any */
} NameCase;

/* What a name may be, whoever asks. */
static const NameCase name_cases[] = {
        { "one-letter", "a", TAPD_ERROR_NONE, NULL },
        { "tap1", "tap1", TAPD_ERROR_NONE, NULL },
        { "upper-case", "TAP0", TAPD_ERROR_NONE, NULL },
        { "all-kinds", "aZ09_-", TAPD_ERROR_NONE, NULL },
        { "15-bytes", "abcdefghijklmno", TAPD_ERROR_NONE, NULL },
        { "dash-last", "tap-", TAPD_ERROR_NONE, NULL },
        { "eth0", "eth0", TAPD_ERROR_NONE, NULL },   /* a matter of grants */
        { "veth1", "veth1", TAPD_ERROR_NONE, NULL }, /* likewise */
        { "virbr0", "virbr0", TAPD_ERROR_NONE, NULL },
        { "vt1", "vt1", TAPD_ERROR_NONE, NULL },   /* no "vt-" */
        { "vne", "vne", TAPD_ERROR_NONE, NULL },   /* no "vnet" */
        { "lo1", "lo1", TAPD_ERROR_NONE, NULL },   /* no "lo" */
        { "all1", "all1", TAPD_ERROR_NONE, NULL }, /* no "all" */
        { "16-bytes", "abcdefghijklmnop", TAPD_ERROR_INVALID_ARGS, "Name=: 16 bytes, at most 15" },
        { "17-bytes", "abcdefghijklmnopq", TAPD_ERROR_INVALID_ARGS, "Name=: 17 bytes, at most 15" },
        { "blank", "a b", TAPD_ERROR_INVALID_ARGS, "illegal character at byte " },
        { "tab", "a\tb", TAPD_ERROR_INVALID_ARGS, "illegal character at byte " },
        { "line-feed", "tap1\n", TAPD_ERROR_INVALID_ARGS, "illegal character at byte " },
        { "slash", "a/b", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "dot", ".", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "dots", "..", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "percent-s", "x%s", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "control", "\x01tap", TAPD_ERROR_INVALID_ARGS, "\\x01tap" },
        { "escape-sequence", "a\033[2J", TAPD_ERROR_INVALID_ARGS, "a\\x1b[2J" },
        { "delete", "tap\x7f", TAPD_ERROR_INVALID_ARGS, "tap\\x7f" },
        { "utf-8", "tap\xc3\xa9", TAPD_ERROR_INVALID_ARGS, "ASCII only" },
        { "no-utf-8", "\xff\xfe", TAPD_ERROR_INVALID_ARGS, "ASCII only" },
        { "option", "-rf", TAPD_ERROR_INVALID_ARGS, "must start with a letter" },
        { "long-option", "--help", TAPD_ERROR_INVALID_ARGS, "must start with a letter" },
        { "underscore-first", "_tap", TAPD_ERROR_INVALID_ARGS, "must start with a letter" },
        { "number", "123", TAPD_ERROR_INVALID_ARGS, "numeric name" },
        { "hexadecimal", "0x1", TAPD_ERROR_INVALID_ARGS, "numeric name" },
        { "all", "all", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "default", "default", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "bonding_masters", "bonding_masters", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "lo", "lo", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "vnet3", "vnet3", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "vnet", "vnet", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "vt-1", "vt-1", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "vlan-device", "a.100", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "ip-alias", "a:1", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "glob", "tap*", TAPD_ERROR_INVALID_ARGS, "Name=: " },
};

/* What goes for a wish and not for a name. */
static const NameCase wish_cases[] = {
        { "empty", "", TAPD_ERROR_NONE, NULL },
        { "template", "tap%d", TAPD_ERROR_NONE, NULL },
        { "template-one-letter", "x%d", TAPD_ERROR_NONE, NULL },
        { "template-inside", "lab%dport", TAPD_ERROR_NONE, NULL },
        { "template-15-bytes", "abcdefghijklmn%d", TAPD_ERROR_NONE, NULL }, /* with one digit */
        { "template-16-bytes", "abcdefghijklmno%d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-17-bytes", "abcdefghijklmnop%d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-alone", "%d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-first", "%dtap", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-twice", "%d%d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-twice-behind", "x%d%d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-and-string", "x%d%s", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-width", "x%3d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-percent", "x%%d", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-unfinished", "x%", TAPD_ERROR_INVALID_ARGS, "Name=: " },
        { "template-dash", "-%d", TAPD_ERROR_INVALID_ARGS, "must start with a letter" },
        { "template-blank", "a b%d", TAPD_ERROR_INVALID_ARGS, "illegal character at byte " },
        { "template-vnet", "vnet%d", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
        { "template-vt", "vt-%d", TAPD_ERROR_NAME_NOT_ALLOWED, "Name=: " },
};

typedef int (*check_t)(const char *name, Fault *fault);

static void check_case(const NameCase *row, check_t check) {
        Fault fault = {};
        int r = check(row->name, &fault);

        g_assert_cmpint(fault.error, ==, row->error);
        if (row->error == TAPD_ERROR_NONE)
                g_assert_cmpint(r, ==, 0);
        else
                g_assert_cmpint(r, <, 0);

        if (row->form && !strstr(fault.text, row->form)) {
                g_test_message("\"%s\" must say \"%s\"", fault.text, row->form);
                g_test_fail();
        }
        g_assert_true(text_is_printable(fault.text));

        /* Who does not want to know why gets the same answer. */
        g_assert_cmpint(check(row->name, /* fault= */ NULL), ==, r);
}

static void test_name(const void *data) {
        check_case(data, name_check);
}

static void test_wish(const void *data) {
        check_case(data, name_check_wish);
}

/* A name is chosen before it is one. */
static void test_name_empty(void) {
        g_assert_cmpint(name_check("", /* fault= */ NULL), <, 0);
        g_assert_cmpint(name_check("tap%d", /* fault= */ NULL), <, 0);
}

static void test_long(void) {
        static const char *const pieces[] = { "a", "%d", "\xff", "\033" };

        for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
                g_autofree char *name = repeat(pieces[i], 1000000);
                NameCase row = { .name = name, .error = TAPD_ERROR_INVALID_ARGS };

                check_case(&row, name_check);
                check_case(&row, name_check_wish);
        }
}

/* Every byte that may not stand in a name, at each end and inside. */
static void test_bytes(void) {
        for (unsigned byte = 1; byte <= 0xff; byte++) {
                const char names[][4] = { { (char) byte, 'a', 'a' },
                                          { 'a', (char) byte, 'a' },
                                          { 'a', 'a', (char) byte } };
                bool inside = g_ascii_isalnum((char) byte) || byte == '_' || byte == '-';

                g_assert_cmpint(name_check(names[0], NULL) == 0, ==, g_ascii_isalpha((char) byte));
                g_assert_cmpint(name_check(names[1], NULL) == 0, ==, inside);
                g_assert_cmpint(name_check(names[2], NULL) == 0, ==, inside);
        }
}

typedef struct TemplateCase {
        const char *wish;
        bool is_template;
} TemplateCase;

static void test_is_template(void) {
        static const TemplateCase cases[] = {
                { "", true }, { "tap%d", true }, { "lab%dport", true }, { "tap1", false }, { "tap", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(name_is_template(cases[i].wish), ==, cases[i].is_template);
}

typedef struct ExpandCase {
        const char *wish;
        unsigned number;
        const char *name; /* NULL: it is none any more */
} ExpandCase;

static void test_expand(void) {
        static const ExpandCase cases[] = {
                { "", 0, "tap0" },
                { "", 4294967295, "tap4294967295" },
                { "tap%d", 0, "tap0" },
                { "tap%d", 41, "tap41" },
                { "lab%dport", 7, "lab7port" },
                { "tap1", 5, "tap1" },
                { "abcdefghijklmn%d", 9, "abcdefghijklmn9" },
                { "abcdefghijklmn%d", 10, NULL },
                { "abcdefghijklm%d", 99, "abcdefghijklm99" },
                { "abcdefghijklm%d", 100, NULL },
                { "abcde%d", 4294967295, "abcde4294967295" },
                { "abcdef%d", 4294967295, NULL },
                { "a%dbcdefghijklmn", 9, "a9bcdefghijklmn" },
                { "a%dbcdefghijklmn", 10, NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                char name[NAME_SIZE];

                if (cases[i].name) {
                        g_assert_cmpint(name_expand(cases[i].wish, cases[i].number, name), ==, 0);
                        g_assert_cmpstr(name, ==, cases[i].name);
                } else {
                        g_assert_cmpint(name_expand(cases[i].wish, cases[i].number, name), ==, -ENAMETOOLONG);
                }
        }
}

#define HOST_KEY UINT64_C(0x0123456789abcdef)

/* IEEE 802: the lowest bit of the first octet is the group's, the next says "locally administered". */
static void test_mac_kind(void) {
        for (unsigned i = 0; i < 10000; i++) {
                uint8_t mac[6], again[6];
                char name[NAME_SIZE];

                g_assert_cmpint(name_expand("", i, name), ==, 0);
                name_to_mac(name, HOST_KEY, mac);
                g_assert_cmphex(mac[0], ==, 0xfe);
                g_assert_cmphex(mac[0] & 0x01, ==, 0);
                g_assert_cmphex(mac[0] & 0x02, ==, 0x02);

                name_to_mac(name, HOST_KEY, again);
                g_assert_cmpmem(mac, sizeof(mac), again, sizeof(again));
        }
}

/* With 40 bits, 10,000 names that are spread like chance have two alike once in 22,000 hosts. */
static void test_mac_differs(void) {
        static const char *const wishes[] = { "tap%d", "vm%d", "lab%d", "x%d-" };
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

        for (unsigned i = 0; i < 10000; i++) {
                char name[NAME_SIZE];
                uint8_t mac[6];
                gint64 *key = g_new0(gint64, 1);

                g_assert_cmpint(name_expand(wishes[i % 4], i / 4, name), ==, 0);
                name_to_mac(name, HOST_KEY, mac);
                memcpy(key, mac, sizeof(mac));
                g_assert_true(g_hash_table_add(seen, key));
        }
}

static gint64 to_number(const uint8_t *mac) {
        gint64 number = 0;

        memcpy(&number, mac, 6);
        return number;
}

/* The guest's side: a unicast address that nobody was assigned, stable, and no other's, on neither side. */
static void test_guest_mac(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

        for (unsigned i = 0; i < 10000; i++) {
                gint64 *guest_key = g_new0(gint64, 1), *host_key = g_new0(gint64, 1);
                uint8_t guest[6], again[6], host[6];
                char name[NAME_SIZE];

                g_assert_cmpint(name_expand(i % 2 ? "tap%d" : "lab%d", i / 2, name), ==, 0);
                name_to_mac(name, HOST_KEY, host);
                name_to_guest_mac(name, HOST_KEY, guest);
                name_to_guest_mac(name, HOST_KEY, again);
                g_assert_cmpmem(guest, sizeof(guest), again, sizeof(again));
                g_assert_cmphex(guest[0] & 0x03, ==, 0x02);

                *guest_key = to_number(guest);
                *host_key = to_number(host);
                g_assert_true(g_hash_table_add(seen, guest_key));
                g_assert_true(g_hash_table_add(seen, host_key));
                /* Told apart by more than the first octet, which somebody may look away from. */
                g_assert_cmpint(memcmp(guest + 1, host + 1, 5), !=, 0);
        }
}

/* The same name on another host: each bit of the key counts. */
static void test_mac_key(void) {
        uint8_t here[6], there[6];

        name_to_mac("tap1", HOST_KEY, here);
        for (unsigned bit = 0; bit < 64; bit++) {
                name_to_mac("tap1", HOST_KEY ^ UINT64_C(1) << bit, there);
                g_assert_cmpint(memcmp(here, there, sizeof(here)), !=, 0);
        }

        name_to_guest_mac("tap1", HOST_KEY, here);
        for (unsigned bit = 0; bit < 64; bit++) {
                name_to_guest_mac("tap1", HOST_KEY ^ UINT64_C(1) << bit, there);
                g_assert_cmpint(memcmp(here, there, sizeof(here)), !=, 0);
        }
}

static void add_cases(const char *folder, const NameCase *cases, size_t n_cases, GTestDataFunc test) {
        for (size_t i = 0; i < n_cases; i++) {
                g_autofree char *path = g_strconcat(folder, cases[i].label, NULL);

                g_test_add_data_func(path, &cases[i], test);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        add_cases("/name/check/", name_cases, G_N_ELEMENTS(name_cases), test_name);
        add_cases("/name/wish/", name_cases, G_N_ELEMENTS(name_cases), test_wish);
        add_cases("/name/wish/", wish_cases, G_N_ELEMENTS(wish_cases), test_wish);
        g_test_add_func("/name/empty", test_name_empty);
        g_test_add_func("/name/long", test_long);
        g_test_add_func("/name/bytes", test_bytes);
        g_test_add_func("/name/is-template", test_is_template);
        g_test_add_func("/name/expand", test_expand);
        g_test_add_func("/name/mac-kind", test_mac_kind);
        g_test_add_func("/name/mac-differs", test_mac_differs);
        g_test_add_func("/name/mac-key", test_mac_key);
        g_test_add_func("/name/guest-mac", test_guest_mac);

        return g_test_run();
}
