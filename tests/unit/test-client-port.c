/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How TAPs are plugged into switches, as the command line says it and as people read it. */
#include <errno.h>
#include <getopt.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "advice.h"
#include "arguments.h"
#include "capture.h"
#include "errors.h"
#include "names.h"
#include "options.h"
#include "output.h"
#include "page.h"
#include "port-words.h"
#include "scratch.h"
#include "verbs.h"

/* A connection on which nothing is ever sent: messages are made for one. */
static sd_bus *open_nowhere(void) {
        int fds[2];
        sd_bus *bus;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
        g_assert_cmpint(sd_bus_new(&bus), >=, 0);
        /* Both ends are the connection's to close. */
        g_assert_cmpint(sd_bus_set_fd(bus, fds[0], fds[1]), >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);
        return bus;
}

static sd_bus_message *message_new(sd_bus *bus) {
        sd_bus_message *message;

        g_assert_cmpint(sd_bus_message_new_method_call(bus, &message, "org.example", "/", "org.example", "X"), >=, 0);
        return message;
}

/* Makes what was written readable. */
static void message_turn(sd_bus_message *message) {
        g_assert_cmpint(sd_bus_message_seal(message, /* cookie= */ 1, /* timeout_usec= */ 0), >=, 0);
        g_assert_cmpint(sd_bus_message_rewind(message, /* complete= */ true), >=, 0);
}

static Trunk trunk_of(const char *text) {
        Trunk trunk = {};

        if (*text)
                g_assert_cmpint(parse_trunk(text, &trunk), ==, 0);
        return trunk;
}

/* "2,4,6..." */
static char *scattered(unsigned n) {
        GString *text = g_string_new("2");

        for (unsigned i = 2; i <= n; i++)
                g_string_append_printf(text, ",%u", 2 * i);

        return g_string_free(text, FALSE);
}

static void test_shown(void) {
        static const struct {
                uint16_t vlan;
                const char *trunk;
                const char *shown;
        } cases[] = {
                { 0, "", "-" },
                { 20, "", "20" },
                { 4094, "", "4094" },
                { 0, "10", "+10" },
                { 0, "10,20-29", "+10,20-29" },
                { 1, "10,20-29", "1+10,20-29" },
                { 0, "1-4094", "+1-4094" },
                /* 20 characters, and 21. */
                { 4000, "10,20,30,40,50,60-65", "4000+10,20,30,40,50,60-65" },
                { 4000, "10,20,30,40,50,60-650", "4000+10,20,30,40,50,..." },
                { 0, "1000-1001,2000-2001,3000", "+1000-1001,..." },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                TapInfo info = { .vlan = cases[i].vlan, .trunk = trunk_of(cases[i].trunk) };
                char shown[VLANS_SHOWN_SIZE];

                tap_info_format_vlans(&info, shown);
                g_assert_cmpstr(shown, ==, cases[i].shown);

                /* Without a device there is nothing to tell. */
                info.told = FIELD_BIT(FIELD_IFINDEX);
                tap_info_format_vlans(&info, shown);
                g_assert_cmpstr(shown, ==, "-");
        }
}

static void test_fields(void) {
        static const struct {
                FieldId id;
                const char *text, *json;      /* as it is plugged in below */
                const char *none, *none_json; /* plugged in nowhere */
                const char *absent_json;      /* there is no device */
        } cases[] = {
                { FIELD_SWITCH, "dsw-host", "{\"Switch\":\"dsw-host\"}", "-", "{\"Switch\":null}",
                  "{\"Switch\":null}" },
                { FIELD_SWITCH_KIND, "openvswitch", "{\"SwitchKind\":\"openvswitch\"}", "-", "{\"SwitchKind\":null}",
                  "{\"SwitchKind\":null}" },
                { FIELD_VLAN, "1", "{\"VLAN\":1}", "-", "{\"VLAN\":null}", "{\"VLAN\":null}" },
                { FIELD_TRUNK, "10,20-29", "{\"Trunk\":[[10,10],[20,29]]}", "-", "{\"Trunk\":[]}", "{\"Trunk\":null}" },
                { FIELD_ISOLATED, "yes", "{\"Isolated\":true}", "no", "{\"Isolated\":false}", "{\"Isolated\":null}" },
                { FIELD_INTERFACE_ID, "lab-1", "{\"InterfaceID\":\"lab-1\"}", "-", "{\"InterfaceID\":null}",
                  "{\"InterfaceID\":null}" },
        };
        const TapInfo plugged = {
                .switch_name = "dsw-host",
                .switch_kind = "openvswitch",
                .vlan = 1,
                .trunk = trunk_of("10,20-29"),
                .isolated = true,
                .interface_id = "lab-1",
        };
        const TapInfo none = { .switch_name = "", .switch_kind = "", .interface_id = "" };
        const TapInfo absent = { .told = FIELD_BIT(FIELD_IFINDEX) };
        IdNames names = {};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const struct {
                        const TapInfo *info;
                        const char *text, *json;
                } states[] = {
                        { &plugged, cases[i].text, cases[i].json },
                        { &none, cases[i].none, cases[i].none_json },
                        { &absent, "-", cases[i].absent_json },
                };

                for (size_t j = 0; j < G_N_ELEMENTS(states); j++) {
                        char *text = NULL, *json_text = NULL;
                        size_t size;
                        FILE *out = open_memstream(&json_text, &size);
                        Json json;

                        g_assert_nonnull(out);
                        g_assert_cmpint(tap_info_format(states[j].info, cases[i].id, &names, &text), ==, 0);
                        g_assert_cmpstr(text, ==, states[j].text);
                        json_init(&json, out);
                        json_begin_object(&json);
                        tap_info_write_json(states[j].info, cases[i].id, &json);
                        json_end_object(&json);
                        (void) fclose(out);
                        g_assert_cmpstr(json_text, ==, states[j].json);
                        free(json_text);
                        free(text);
                }
        }
        id_names_done(&names);
}

/* One row of ListTaps, told of its place. */
static int read_row(sd_bus *bus, const char *switch_name, uint16_t vlan, const char *trunk, TapInfo *info) {
        sd_bus_message *message = message_new(bus);
        int r;

        r = sd_bus_message_append(message, "a(sssuuubbuusussssitsqs)", 1, "tap1", "tap", "runtime", UINT32_C(0),
                                  UINT32_C(0), UINT32_C(0), 0, 1, UINT32_C(0), UINT32_C(0), "", UINT32_C(1500), "up",
                                  "up", "ready", "", INT32_C(7), UINT64_C(0), switch_name, (int) vlan, trunk);
        g_assert_cmpint(r, >=, 0);
        message_turn(message);

        g_assert_cmpint(tap_info_enter_list(message), ==, 0);
        r = tap_info_read_listed(info, message);
        if (r > 0) {
                g_assert_cmpstr(info->switch_name, ==, switch_name);
                g_assert_cmpint(info->ifindex, ==, 7);
        }

        sd_bus_message_unref(message);
        return r;
}

static void test_listed(void) {
        static const char *const bad[] = { "x", "0", "29-20", "4095", "," };
        g_autofree char *most = scattered(TRUNK_RANGES_MAX), *more = scattered(TRUNK_RANGES_MAX + 1);
        char text[TRUNK_TEXT_SIZE], shown[VLANS_SHOWN_SIZE];
        sd_bus *bus = open_nowhere();
        TapInfo info;

        g_assert_cmpint(read_row(bus, "", 0, "", &info), ==, 1);
        g_assert_cmpuint(info.trunk.n_ranges, ==, 0);
        g_assert_cmpuint(info.told & FIELD_BIT(FIELD_TRUNK), !=, 0);

        g_assert_cmpint(read_row(bus, "dsw-host", 4094, "10,20-29", &info), ==, 1);
        g_assert_cmpuint(info.vlan, ==, 4094);
        g_assert_cmpuint(info.trunk.n_ranges, ==, 2);
        g_assert_cmpuint(info.trunk.ranges[1].first, ==, 20);
        g_assert_cmpuint(info.trunk.ranges[1].last, ==, 29);

        /* What somebody else plugged in may have any number of them; that is no reason to list nothing. */
        g_assert_cmpint(read_row(bus, "dsw-host", 0, most, &info), ==, 1);
        g_assert_cmpstr(trunk_format(&info.trunk, ',', text), ==, most);
        g_assert_cmpint(read_row(bus, "dsw-host", 0, more, &info), ==, 1);
        tap_info_format_vlans(&info, shown);
        g_assert_cmpstr(shown, ==, "+...");

        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
                g_assert_cmpint(read_row(bus, "dsw-host", 0, bad[i], &info), ==, -EBADMSG);
        sd_bus_close_unref(bus);
}

static int read_trunk_property(sd_bus *bus, const VlanRange *ranges, size_t n, TapInfo *info) {
        sd_bus_message *message = message_new(bus);
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(message, "{sv}{sv}{sv}", "Switch", "s", "dsw-host", "VLAN", "q", 1,
                                          "Isolated", "b", 1);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", "Trunk");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "a(qq)");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(qq)");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append(message, "(qq)", (int) ranges[i].first, (int) ranges[i].last);
        for (int i = 0; i < 4 && r >= 0; i++)
                r = sd_bus_message_close_container(message);
        g_assert_cmpint(r, >=, 0);
        message_turn(message);

        r = tap_info_read_all(info, message);
        sd_bus_message_unref(message);
        return r;
}

static void test_properties(void) {
        static const VlanRange two[] = { { 10, 10 }, { 20, 29 } }, bad[] = { { 0, 5 } }, high[] = { { 4094, 4095 } };
        VlanRange many[TRUNK_RANGES_MAX + 1];
        char shown[VLANS_SHOWN_SIZE];
        sd_bus *bus = open_nowhere();
        TapInfo info;

        g_assert_cmpint(read_trunk_property(bus, two, G_N_ELEMENTS(two), &info), >=, 0);
        g_assert_cmpuint(info.told, ==,
                         FIELD_BIT(FIELD_SWITCH) | FIELD_BIT(FIELD_VLAN) | FIELD_BIT(FIELD_ISOLATED) |
                                 FIELD_BIT(FIELD_TRUNK));
        g_assert_cmpint(info.isolated, ==, 1);
        tap_info_format_vlans(&info, shown);
        g_assert_cmpstr(shown, ==, "1+10,20-29");

        g_assert_cmpint(read_trunk_property(bus, NULL, 0, &info), >=, 0);
        tap_info_format_vlans(&info, shown);
        g_assert_cmpstr(shown, ==, "1");

        for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
                many[i] = (VlanRange){ (uint16_t) (2 * i + 1), (uint16_t) (2 * i + 1) };
        g_assert_cmpint(read_trunk_property(bus, many, G_N_ELEMENTS(many), &info), >=, 0);
        tap_info_format_vlans(&info, shown);
        g_assert_cmpstr(shown, ==, "1+...");

        g_assert_cmpint(read_trunk_property(bus, bad, 1, &info), ==, -EBADMSG);
        g_assert_cmpint(read_trunk_property(bus, high, 1, &info), ==, -EBADMSG);
        sd_bus_close_unref(bus);
}

static void test_words(void) {
        typedef struct Where {
                const char *switch_name, *vlan, *trunk;
        } Where;
        static const struct {
                Where before, now;
                const char *said;
        } cases[] = {
                { { "-", "-", "-" }, { "dsw-host", "20", "-" }, "plugged into dsw-host, VLAN 20" },
                { { "-", "-", "-" }, { "br0", "-", "-" }, "plugged into br0" },
                { { NULL, NULL, NULL }, { "br0", "-", "10,20-29" }, "plugged into br0, VLAN 10,20-29 tagged" },
                { { "-", "-", "-" }, { "br0", "1", "10" }, "plugged into br0, VLAN 1, and 10 tagged" },
                { { "br0", "1", "10" }, { "-", "-", "-" }, "unplugged from br0" },
                { { "br0", "1", "-" }, { "dsw-host", "20", "-" }, "moved from br0 to dsw-host, VLAN 20" },
                { { "br0", "1", "-" }, { "br1", "-", "-" }, "moved from br0 to br1" },
                { { "br0", "20", "-" }, { "br0", "21", "-" }, "vlan 20 => 21" },
                { { "br0", "20", "-" }, { "br0", "-", "-" }, "vlan 20 => none" },
                { { "br0", "20", "-" }, { "br0", "20", "5" }, "vlan 20 => 20, and 5 tagged" },
                { { "br0", "20", "5" }, { "br0", "20", "5" }, "" },
                { { NULL, NULL, NULL }, { "-", "-", "-" }, "" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                PortWords before, now;
                char *said;

                g_assert_cmpint(port_words_init(&before, cases[i].before.switch_name, cases[i].before.vlan,
                                                cases[i].before.trunk),
                                ==, 0);
                g_assert_cmpint(port_words_init(&now, cases[i].now.switch_name, cases[i].now.vlan, cases[i].now.trunk),
                                ==, 0);
                said = port_words_compare(&before, &now, "=>");
                g_assert_cmpstr(said, ==, cases[i].said);
                free(said);
                port_words_done(&before);
                port_words_done(&now);
        }
}

/* The lines of a status page that are about its place, joined by '|'. */
static char *show_port(const TapInfo *info) {
        static const char *const keys[] = { "Switch: ", "VLAN: ", "Isolated: ", "Interface ID: " };
        const Statistics statistics = {};
        g_autoptr(GString) found = g_string_new(NULL);
        g_auto(GStrv) lines = NULL;
        g_autofree char *text = NULL;
        Capture capture;
        Page page;

        capture_begin(&capture, stdout);
        page_init(&page, /* json= */ NULL);
        g_assert_cmpint(page_show_tap(&page, info, &statistics), ==, 0);
        page_done(&page);
        text = capture_end(&capture);

        lines = g_strsplit(text, "\n", 0);
        for (char **line = lines; *line; line++)
                for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
                        if (g_str_has_prefix(g_strchug(*line), keys[i]))
                                g_string_append_printf(found, "%s|", *line);

        return g_strdup(found->str);
}

static void test_page(void) {
        static const struct {
                const char *switch_name, *kind;
                uint16_t vlan;
                const char *trunk;
                int isolated;
                const char *interface_id, *lines;
        } cases[] = {
                { "", "", 0, "", 0, "", "" },
                { "br0", "bridge", 0, "", 0, "", "Switch: br0 (Linux bridge)|" },
                { "dsw-host", "openvswitch", 20, "", 0, "", "Switch: dsw-host (Open vSwitch)|VLAN: 20|" },
                { "dsw-host", "openvswitch", 0, "", 0, "lab-1",
                  "Switch: dsw-host (Open vSwitch)|VLAN: all, tagged|Interface ID: lab-1|" },
                { "dsw-host", "openvswitch", 0, "10,20-29", 0, "",
                  "Switch: dsw-host (Open vSwitch)|VLAN: 10,20-29 tagged|" },
                { "br0", "bridge", 1, "10", 1, "",
                  "Switch: br0 (Linux bridge)|VLAN: 1, and 10 tagged|Isolated: from other isolated ports|" },
                /* Of another's making. */
                { "br\033[0m", "bridge", 0, "", 0, "", "Switch: br\\x1b[0m (Linux bridge)|" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                TapInfo info = {
                        .name = "tap1",
                        .state = "ready",
                        .user = TAPD_ID_UNSET,
                        .group = TAPD_ID_UNSET,
                        .creator_uid = TAPD_ID_UNSET,
                        .ifindex = 7,
                        .switch_name = cases[i].switch_name,
                        .switch_kind = cases[i].kind,
                        .vlan = cases[i].vlan,
                        .trunk = trunk_of(cases[i].trunk),
                        .isolated = cases[i].isolated,
                        .interface_id = cases[i].interface_id,
                };
                g_autofree char *lines = show_port(&info);

                g_assert_cmpstr(lines, ==, cases[i].lines);
        }
}

/* What an administrator sees of a lab: where each is plugged in, in lines of 80 columns. */
static void test_table(void) {
        const TapInfo taps[] = {
                { .name = "lab-alice-00001",
                  .state = "ready",
                  .administrative_state = "up",
                  .operational_state = "up",
                  .creator_uid = 60001234,
                  .user = 60001234,
                  .switch_name = "dsw-host",
                  .vlan = 1,
                  .trunk = trunk_of("10,20-29") },
                { .name = "tap400",
                  .state = "waiting",
                  .administrative_state = "down",
                  .operational_state = "down",
                  .creator_uid = 0,
                  .user = TAPD_ID_UNSET,
                  .switch_name = "" },
        };
        g_auto(GStrv) lines = NULL;
        g_autofree char *text = NULL;
        Capture capture;
        Columns columns;

        g_assert_cmpint(columns_parse(&columns, NULL), ==, 0);
        capture_begin(&capture, stdout);
        g_assert_cmpint(output_table(taps, G_N_ELEMENTS(taps), &columns, /* headings= */ true), ==, 0);
        text = capture_end(&capture);

        lines = g_strsplit(text, "\n", 0);
        g_assert_cmpuint(g_strv_length(lines), ==, 4); /* headings, and what is behind the last newline */
        g_assert_nonnull(strstr(lines[0], " SWITCH "));
        g_assert_true(g_str_has_suffix(lines[0], " VLAN"));
        g_assert_true(g_str_has_suffix(lines[1], " dsw-host 1+10,20-29"));
        for (char **line = lines; *line; line++)
                g_assert_cmpuint(strlen(*line), <=, 80);
}

/* Words are separated by blanks; "_" stands for an empty one. */
static int parse(Options *options, const char *line, char ***ret_words) {
        char **words = g_strsplit(line, " ", 0);

        for (char **word = words; *word; word++)
                if (strcmp(*word, "_") == 0)
                        **word = 0;

        /* glibc: 0 begins anew. */
        optind = 0;
        *ret_words = words;
        return options_parse(options, (int) g_strv_length(words), words);
}

/* In the order of the table; the trunk as it was written, to be put in order by tapd. */
static void check_settings(sd_bus_message *message) {
        const char *keys[4], *id;
        uint16_t vlan, first[2], last[2];
        int isolated, r;

        g_assert_cmpint(sd_bus_message_enter_container(message, 'a', "{sv}"), >, 0);
        r = sd_bus_message_read(message, "{sv}{sv}{sv}{sv}", &keys[0], "q", &vlan, &keys[1], "a(qq)", 2, &first[0],
                                &last[0], &first[1], &last[1], &keys[2], "b", &isolated, &keys[3], "s", &id);
        g_assert_cmpint(r, >, 0);
        g_assert_cmpint(sd_bus_message_at_end(message, /* complete= */ false), >, 0);

        g_assert_cmpstr(keys[0], ==, "VLAN");
        g_assert_cmpuint(vlan, ==, 1);
        g_assert_cmpstr(keys[1], ==, "Trunk");
        g_assert_cmpuint(first[0], ==, 20);
        g_assert_cmpuint(last[0], ==, 29);
        g_assert_cmpuint(first[1], ==, 10);
        g_assert_cmpuint(last[1], ==, 10);
        g_assert_cmpstr(keys[2], ==, "Isolated");
        g_assert_cmpint(isolated, ==, 1);
        g_assert_cmpstr(keys[3], ==, "InterfaceID");
        g_assert_cmpstr(id, ==, "x");
}

static void test_settings(void) {
        g_auto(GStrv) words = NULL;
        sd_bus *bus = open_nowhere();
        sd_bus_message *message = message_new(bus);
        Settings settings;
        Options options;

        g_assert_cmpint(parse(&options, "tapctl --vlan 1 --trunk=20-29,10 --isolated --interface-id=x", &words), ==, 0);
        g_assert_cmpuint(options.given, ==, OPTION_PORT);
        g_assert_cmpint(settings_read(&settings, &options), ==, 0);
        g_assert_cmpint(settings_append(&settings, message), ==, 0);
        message_turn(message);
        check_settings(message);

        options_done(&options);
        sd_bus_message_unref(message);
        sd_bus_close_unref(bus);
}

/* Whether a verb takes options, as the table of verbs has it. */
static void test_accepted(void) {
        static const struct {
                const char *line;
                unsigned accepted;
                const char *said; /* NULL: they are taken */
        } cases[] = {
                { "tapctl --switch=x --vlan=1 --trunk=2 --isolated --interface-id=x", OPTIONS_PLUGGED, NULL },
                { "tapctl --vlan=1", OPTION_PORT, NULL },
                { "tapctl --switch=x", OPTION_PORT,
                  "tapctl: \"x\" takes no option --switch\n"
                  "Hint: \"tapctl plug TAP... SWITCH\" plugs TAPs into a switch.\n" },
                { "tapctl --mtu=1500 --vlan=1", OPTIONS_SETTINGS,
                  "tapctl: \"x\" takes no option --vlan\n"
                  "Hint: \"tapctl plug TAP... SWITCH\" plugs TAPs into a switch.\n" },
                { "tapctl --mtu=1500", OPTIONS_PLUGGED,
                  "tapctl: \"x\" takes no option --mtu\nHint: \"tapctl x --help\" says more.\n" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = NULL;
                g_autofree char *said = NULL;
                Capture capture;
                Options options;
                int status;

                g_assert_cmpint(parse(&options, cases[i].line, &words), ==, 0);
                capture_begin(&capture, stderr);
                status = options_check(&options, cases[i].accepted, "x");
                said = capture_end(&capture);
                g_assert_cmpint(status, ==, cases[i].said ? TAPCTL_EXIT_USAGE : 0);
                g_assert_cmpstr(said, ==, cases[i].said ? cases[i].said : "");
                options_done(&options);
        }
}

/* Command lines that are wrong whatever tapd would say: it is not asked. */
static void test_mistakes(void) {
        static const struct {
                const char *line, *said; /* the end of the first line */
        } cases[] = {
                { "tapctl tap1", "\"plug\" needs a switch behind the TAPs: \"tapctl plug tap1 SWITCH\"\n" },
                { "tapctl tap1 _", "\"\" is not a name for a switch\n" },
                { "tapctl tap1 \xff", "\"\\xff\" is not a name for a switch\n" },
                { "tapctl _ br0", "\"\" is not a name for a TAP\n" },
                { "tapctl tap1 br0 --vlan=0", "--vlan: \"0\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=4095", "--vlan: \"4095\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=65535", "--vlan: \"65535\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=65556", "--vlan: \"65556\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=abc", "--vlan: \"abc\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=01", "--vlan: \"01\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=+1", "--vlan: \"+1\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=1,2", "--vlan: \"1,2\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --vlan=_", "--vlan: \"_\" is not a VLAN, 1 to 4094\n" },
                { "tapctl tap1 br0 --trunk=29-20", "\"29-20\" is not a list of VLANs (10,20-29), 1 to 4094\n" },
                { "tapctl tap1 br0 --trunk=1-4095", "\"1-4095\" is not a list of VLANs (10,20-29), 1 to 4094\n" },
                { "tapctl tap1 br0 --trunk=0", "\"0\" is not a list of VLANs (10,20-29), 1 to 4094\n" },
                { "tapctl tap1 br0 --trunk=,", "\",\" is not a list of VLANs (10,20-29), 1 to 4094\n" },
                { "tapctl tap1 br0 --trunk _", "\"\" is not a list of VLANs (10,20-29), 1 to 4094\n" },
                { "tapctl tap1 br0 --isolated=x", "--isolated: \"x\" is not a boolean (yes or no)\n" },
                { "tapctl tap1 tap2 br0 --interface-id=x",
                  "--interface-id: a logical port is one TAP's, and 2 are named\n" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = NULL;
                g_autofree char *said = NULL, *first = NULL;
                Capture capture;
                Options options;
                int status;

                g_assert_cmpint(parse(&options, cases[i].line, &words), ==, 0);
                capture_begin(&capture, stderr);
                status = verb_plug(&options);
                said = capture_end(&capture);
                first = g_strndup(said, strcspn(said, "\n") + 1);
                g_assert_cmpint(status, ==, TAPCTL_EXIT_USAGE);
                if (!g_str_has_suffix(first, cases[i].said))
                        g_error("\"%s\" does not end with \"%s\"", first, cases[i].said);
                options_done(&options);
        }
}

static void test_too_many_ranges(void) {
        g_autofree char *most = scattered(TRUNK_RANGES_MAX), *more = scattered(TRUNK_RANGES_MAX + 1), *said = NULL;
        Options options = { .settings = { [SETTING_TRUNK] = most } };
        Settings settings;
        Capture capture;

        g_assert_cmpint(settings_read(&settings, &options), ==, 0);
        options.settings[SETTING_TRUNK] = more;
        capture_begin(&capture, stderr);
        g_assert_cmpint(settings_read(&settings, &options), ==, TAPCTL_EXIT_USAGE);
        said = capture_end(&capture);
        g_assert_cmpstr(said, ==, "tapctl: --trunk: more than 64 VLANs and ranges of them\n");
}

/* One logical port for several TAPs, wherever they are named. */
static void test_one_interface(void) {
        const Settings with = { .given = { [SETTING_INTERFACE_ID] = true } }, without = {};
        Capture capture;

        g_assert_cmpint(settings_check_one(&with, 0, "create"), ==, 0);
        g_assert_cmpint(settings_check_one(&with, 1, "create"), ==, 0);
        g_assert_cmpint(settings_check_one(&without, 2, "create"), ==, 0);
        capture_begin(&capture, stderr);
        g_assert_cmpint(settings_check_one(&with, 2, "create"), ==, TAPCTL_EXIT_USAGE);
        g_free(capture_end(&capture));
}

static char *options_help(unsigned flags) {
        Capture capture;

        capture_begin(&capture, stdout);
        options_print(flags);
        return capture_end(&capture);
}

static void test_help(void) {
        g_autofree char *create = options_help(OPTIONS_SETTINGS | OPTIONS_PLUGGED), *plug = options_help(OPTION_PORT),
                        *set = options_help(OPTIONS_SETTINGS);
        const char *group = strstr(create, "\nWhere it is plugged in:\n    --switch=SWITCH ");

        g_assert_nonnull(group);
        g_assert_nonnull(strstr(group, "\n    --interface-id=ID "));
        g_assert_null(strstr(group, "--mtu"));
        g_assert_true(g_str_has_prefix(plug, "    --vlan=VLAN "));
        g_assert_null(strstr(plug, "--switch"));
        g_assert_null(strstr(set, "--vlan"));
}

static void check_advice(const char *error, const char *switch_name, const char *advice) {
        char *given = advice_on_switch(error, switch_name);

        g_assert_cmpstr(given, ==, advice);
        free(given);
}

#define OWN "org.tapd1.Error."
#define LISTS                                                                                                          \
        "\"ip link show type bridge\" lists the bridges of this host, and for root \"ovs-vsctl list-br\" those of "    \
        "Open vSwitch."

static void test_advice(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text("/sys/class/net/dsw-hosts/mtu", "1500\n");
        put_text("/sys/class/net/br0/bridge/stp_state", "0\n");
        put_text("/sys/class/net/virbr10/bridge/stp_state", "0\n");
        check_advice(OWN "NoSuchSwitch", "virbr01", "did you mean \"virbr10\"?");
        check_advice(OWN "NoSuchSwitch", "bro", "did you mean \"br0\"?");
        check_advice(OWN "NoSuchSwitch", "dsw-host", LISTS);
        check_advice(OWN "VLANNotSupported", "br0",
                     "an administrator has a bridge filter VLANs with \"ip link set dev br0 type bridge "
                     "vlan_filtering 1\".");
        check_advice(OWN "SwitchUnavailable", "dsw-host",
                     "\"systemctl status openvswitch-switch\" says whether Open vSwitch runs.");
        check_advice(OWN "SwitchFull", "br0", NULL);
        check_advice(OWN "NoSuchTap", "br0", NULL);
        check_advice("org.freedesktop.DBus.Error.InvalidArgs", "br0", NULL);
        scratch_free(scratch);
}

/* bash's programmable completion of a command line that ends in the word to be completed. */
#define COMPLETE                                                                                                       \
        ". /usr/share/bash-completion/bash_completion && . \"$0\" || exit 1\n"                                         \
        "tapctl() {\n"                                                                                                 \
        "    case $* in\n"                                                                                             \
        "        *NAME,SWITCH*) printf '%s\\n' 'tap1 dsw-host' 'tap2 -' ;;\n"                                          \
        "        *SWITCH*) printf '%s\\n' dsw-host - ;;\n"                                                             \
        "        *) printf '%s\\n' tap1 tap2 ;;\n"                                                                     \
        "    esac\n"                                                                                                   \
        "}\n"                                                                                                          \
        "COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(${1//=/ = })\n"                                                     \
        "[[ $1 == *[\\ =] ]] && COMP_WORDS+=('')\n"                                                                    \
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"                                                                      \
        "_tapctl 2>/dev/null\n"                                                                                        \
        "printf '%s\\n' \"${COMPREPLY[@]}\"\n"

static char **complete(const char *line) {
        g_autofree char *script = g_test_build_filename(G_TEST_DIST, "client", "tapctl.bash-completion", NULL);
        const char *words[] = { "bash", "--norc", "-c", COMPLETE, script, line, NULL };
        g_autofree char *out = NULL, *err = NULL;
        g_autoptr(GError) error = NULL;
        int status;

        g_spawn_sync(NULL, (char **) words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
        g_assert_no_error(error);
        if (!g_spawn_check_wait_status(status, NULL))
                g_error("%s: %s", line, err);

        return g_strsplit(g_strchomp(out), "\n", 0);
}

static void test_completion(void) {
        static const struct {
                const char *line, *has, *lacks;
        } cases[] = {
                { "tapctl pl", "plug", "unplug" },
                { "tapctl unpl", "unplug", NULL },
                { "tapctl plug ", "tap2", "dsw-host" },
                { "tapctl plug --vlan 20 ", "tap1", "dsw-host" },
                { "tapctl plug tap1 ", "dsw-host", "-" },
                { "tapctl plug tap1 ", "tap2", NULL },
                { "tapctl plug tap1 d", "dsw-host", "tap2" },
                { "tapctl plug tap1 dsw-host --", "--trunk=", "--switch=" },
                { "tapctl unplug ", "tap1", "tap2" },
                { "tapctl create --sw", "--switch=", NULL },
                { "tapctl create --switch=d", "dsw-host", "-" },
                { "tapctl run --switch d", "dsw-host", "-" },
                { "tapctl declare --v", "--vlan=", NULL },
                { "tapctl set tap1 --", "--mtu=", "--vlan=" },
        };

        if (!g_file_test("/usr/share/bash-completion/bash_completion", G_FILE_TEST_EXISTS)) {
                g_test_skip("needs bash-completion");
                return;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = complete(cases[i].line);

                if (!g_strv_contains((const char *const *) words, cases[i].has))
                        g_error("\"%s\" is not completed to \"%s\"", cases[i].line, cases[i].has);
                if (cases[i].lacks && g_strv_contains((const char *const *) words, cases[i].lacks))
                        g_error("\"%s\" is completed to \"%s\"", cases[i].line, cases[i].lacks);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* As which it reports. */
        program_invocation_short_name = (char *) "tapctl";

        g_test_add_func("/client/port/shown", test_shown);
        g_test_add_func("/client/port/fields", test_fields);
        g_test_add_func("/client/port/listed", test_listed);
        g_test_add_func("/client/port/properties", test_properties);
        g_test_add_func("/client/port/words", test_words);
        g_test_add_func("/client/port/page", test_page);
        g_test_add_func("/client/port/table", test_table);
        g_test_add_func("/client/port/settings", test_settings);
        g_test_add_func("/client/port/accepted", test_accepted);
        g_test_add_func("/client/port/mistakes", test_mistakes);
        g_test_add_func("/client/port/too-many-ranges", test_too_many_ranges);
        g_test_add_func("/client/port/one-interface", test_one_interface);
        g_test_add_func("/client/port/help", test_help);
        g_test_add_func("/client/port/advice", test_advice);
        g_test_add_func("/client/port/completion", test_completion);

        return g_test_run();
}
