/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of the bridge helper. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "bridge-request.h"
#include "capture.h"
#include "errors.h"

/* Words are separated by blanks; "_" stands for an empty one. */
static int parse(BridgeRequest *request, const char *line) {
        g_auto(GStrv) words = g_strsplit(line, " ", 0);
        int argc = 1;
        char *argv[32] = { "tapd-bridge-helper" };

        for (char **word = words; *word && **word; word++) {
                g_assert_cmpint(argc, <, 31);
                argv[argc++] = strcmp(*word, "_") == 0 ? "" : *word;
        }

        return bridge_request_parse(request, argc, argv);
}

static unsigned vlan_of(const BridgeRequest *request) {
        return request->settings.given[SETTING_VLAN] ? request->settings.values[SETTING_VLAN].number : 0;
}

static const char *trunk_of(const BridgeRequest *request, char text[static TRUNK_TEXT_SIZE]) {
        if (!request->settings.given[SETTING_TRUNK])
                return "";

        return trunk_format(&request->settings.values[SETTING_TRUNK].trunk, ',', text);
}

static void test_switch(void) {
        static const struct {
                const char *br, *switch_name;
                unsigned vlan;
                const char *trunk;
        } cases[] = {
                { "br0", "br0", 0, "" },
                { "dsw-host:60", "dsw-host", 60, "" },
                { "dsw-host:1", "dsw-host", 1, "" },
                { "dsw-host:4094", "dsw-host", 4094, "" },
                { "dsw-host::20.21.30-39", "dsw-host", 0, "20,21,30-39" },
                { "dsw-host:1:20.21", "dsw-host", 1, "20,21" },
                { "dsw-host::1-4094", "dsw-host", 0, "1-4094" },
                { "dsw-host::20", "dsw-host", 0, "20" },
                { "br0.10", "br0.10", 0, "" }, /* a dot is a list's behind the second colon only */
                { "br0.10:7", "br0.10", 7, "" },
                { "a", "a", 0, "" },
                { "fifteen-bytes-x", "fifteen-bytes-x", 0, "" },
                /* What a switch may be called is tapd's business. */
                { "a/b", "a/b", 0, "" },
                { "..", "..", 0, "" },
                { "b\xc3\xbcro", "b\xc3\xbcro", 0, "" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *line = g_strdup_printf("--br=%s --fd=3", cases[i].br);
                char text[TRUNK_TEXT_SIZE];
                BridgeRequest request;

                g_assert_cmpint(parse(&request, line), ==, 0);
                g_assert_cmpstr(request.switch_name, ==, cases[i].switch_name);
                g_assert_true(request.settings.given[SETTING_SWITCH]);
                g_assert_true(request.settings.values[SETTING_SWITCH].string == request.switch_name);
                g_assert_cmpuint(vlan_of(&request), ==, cases[i].vlan);
                g_assert_cmpstr(trunk_of(&request, text), ==, cases[i].trunk);
        }
}

/* As QEMU, libvirt and people write it. */
static void test_forms(void) {
        static const struct {
                const char *line;
                int fd;
                bool header;
                unsigned timeout;
        } cases[] = {
                { "--use-vnet --fd=21 --br=br0:60", 21, true, 30 },
                { "--use-vnet --br=br0:60 --fd=21", 21, true, 30 },
                { "--br=br0:60 --fd=21", 21, false, 30 },
                { "--fd 21 --br br0:60", 21, false, 30 },
                { "--br br0:60 --use-vnet --fd 0", 0, true, 30 },
                { "--fd=2147483647 --br=br0:60 --use-vnet", 2147483647, true, 30 },
                { "--timeout=1 --br=br0:60 --fd=3", 3, false, 1 },
                { "--br=br0:60 --fd=3 --timeout 3600 --use-vnet", 3, true, 3600 },
                /* QEMU adds its own to that of a helper= with blanks. */
                { "--use-vnet --use-vnet --fd=3 --br=br0:60", 3, true, 30 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                BridgeRequest request;

                g_assert_cmpint(parse(&request, cases[i].line), ==, 0);
                g_assert_cmpstr(request.switch_name, ==, "br0");
                g_assert_cmpuint(vlan_of(&request), ==, 60);
                g_assert_cmpint(request.fd, ==, cases[i].fd);
                g_assert_cmpuint(request.timeout, ==, cases[i].timeout);
                g_assert_true(request.settings.given[SETTING_VNET_HEADER]);
                g_assert_cmpint(request.settings.values[SETTING_VNET_HEADER].boolean, ==, cases[i].header);
                g_assert_true(request.settings.given[SETTING_MULTI_QUEUE]);
                g_assert_false(request.settings.values[SETTING_MULTI_QUEUE].boolean);
        }
}

/* What nobody asked for is tapd's to say. */
static void test_nothing_else(void) {
        BridgeRequest request;

        g_assert_cmpint(parse(&request, "--use-vnet --fd=3 --br=br0:1:20"), ==, 0);
        for (SettingId id = 0; id < _SETTING_MAX; id++) {
                bool is_wanted = id == SETTING_SWITCH || id == SETTING_VLAN || id == SETTING_TRUNK ||
                                 id == SETTING_VNET_HEADER || id == SETTING_MULTI_QUEUE;

                g_assert_cmpint(request.settings.given[id], ==, is_wanted);
        }
}

static void test_about(void) {
        BridgeRequest request;

        g_assert_cmpint(parse(&request, "--help"), ==, 0);
        g_assert_true(request.wants_help);
        g_assert_cmpint(parse(&request, "--version"), ==, 0);
        g_assert_true(request.wants_version);
        g_assert_cmpint(parse(&request, "--br=br0 --fd=3"), ==, 0);
        g_assert_false(request.wants_help || request.wants_version);
}

static void expect_refusal(const char *line, const char *text) {
        g_autofree char *said = NULL;
        BridgeRequest request;
        Capture capture;
        int status;

        capture_begin(&capture, stderr);
        status = parse(&request, line);
        said = capture_end(&capture);

        g_assert_cmpint(status, ==, TAPCTL_EXIT_USAGE);
        if (!strstr(said, text))
                g_error("%s: \"%s\" is not in: %s", line, text, said);
        g_assert_true(g_str_has_prefix(said, "tapd-bridge-helper: "));
        /* QEMU's user gets one line. */
        g_assert_true(strchr(said, '\n') == said + strlen(said) - 1);
}

static void test_refusals(void) {
        static const char *const cases[][2] = {
                { "", "--br=SWITCH is missing" },
                { "--fd=3", "--br=SWITCH is missing" },
                { "--br=br0", "--fd=NUMBER is missing" },
                { "--br=br0 --fd", "--fd needs an argument" },
                { "--fd=3 --br", "--br needs an argument" },
                { "--br=br0 --fd=3 --fd=4", "--fd is given twice" },
                { "--br=br0 --fd=3 --br=br0", "--br is given twice" },
                { "--br=br0 --fd=3 --timeout=1 --timeout=1", "--timeout is given twice" },
                { "--br=br0 --fd=3 --nonsense", "unknown argument \"--nonsense\"" },
                { "--br=br0 --fd=3 --use-vnet=yes", "unknown argument \"--use-vnet=yes\"" },
                { "--br=br0 --fd=3 --use", "unknown argument \"--use\"" },
                { "--bridge=br0 --fd=3", "unknown argument \"--bridge=br0\"" },
                { "--br=br0 --fd=3 tap1", "unknown argument \"tap1\"" },
                { "--br=br0 --fd=3 _", "unknown argument \"\"" },
                { "--br=br0 --fd=3 -- x", "unknown argument \"--\"" },
                { "--br=br0 --fd=", "--fd: \"\" is not the number of a descriptor" },
                { "--br=br0 --fd=x", "--fd: \"x\"" },
                { "--br=br0 --fd=-1", "--fd: \"-1\"" },
                { "--br=br0 --fd=+3", "--fd: \"+3\"" },
                { "--br=br0 --fd=03", "--fd: \"03\"" },
                { "--br=br0 --fd=3x", "--fd: \"3x\"" },
                { "--br=br0 --fd=2147483648", "--fd: \"2147483648\"" },
                { "--br=br0 --fd=99999999999999999999", "--fd: \"99999999999999999999\"" },
                { "--br=br0 --fd=3 --timeout=0", "--timeout: \"0\" is not a number of seconds, 1 to 3600" },
                { "--br=br0 --fd=3 --timeout=3601", "--timeout: \"3601\"" },
                { "--br=br0 --fd=3 --timeout=1s", "--timeout: \"1s\"" },
                { "--br= --fd=3", "--br: \"\" names no switch" },
                { "--br _ --fd=3", "--br: \"\" names no switch" },
                { "--br=:60 --fd=3", "--br: \":60\" names no switch" },
                { "--br=sixteen-bytes-xx --fd=3", "at most 15 bytes" },
                { "--br=br0: --fd=3", "a VLAN is missing behind the colon" },
                { "--br=br0:: --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0:60: --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0:0 --fd=3", "\"0\" is not a VLAN, 1 to 4094" },
                { "--br=br0:4095 --fd=3", "\"4095\" is not a VLAN" },
                { "--br=br0:65536 --fd=3", "\"65536\" is not a VLAN" },
                { "--br=br0:-1 --fd=3", "\"-1\" is not a VLAN" },
                { "--br=br0:060 --fd=3", "\"060\" is not a VLAN" },
                { "--br=br0:60x --fd=3", "\"60x\" is not a VLAN" },
                { "--br=br0:20.21 --fd=3", "\"20.21\" is not a VLAN" },
                { "--br=br0:20-29 --fd=3", "\"20-29\" is not a VLAN" },
                { "--br=br0::20,21 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::20+21 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::.20 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::20. --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::20..21 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::20-- --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::29-20 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::0.20 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0::4095 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=br0:1:20:30 --fd=3", "the trunk is not a list of VLANs" },
                { "--br=\xff --fd=3", "is not UTF-8" },
                { "--br=a\033[2Jb:x --fd=3", "a\\x1b[2Jb:x" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                expect_refusal(cases[i][0], cases[i][1]);
}

static void test_long_trunk(void) {
        g_autoptr(GString) line = g_string_new("--fd=3 --br=br0::2");
        char text[TRUNK_TEXT_SIZE];
        BridgeRequest request;

        for (unsigned i = 2; i <= TRUNK_RANGES_MAX; i++)
                g_string_append_printf(line, ".%u", 2 * i);
        g_assert_cmpint(parse(&request, line->str), ==, 0);
        g_assert_true(g_str_has_suffix(trunk_of(&request, text), ",126,128"));

        g_string_append(line, ".200");
        expect_refusal(line->str, "more than 64 VLANs and ranges of them");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* As which it reports. */
        program_invocation_short_name = (char *) "tapd-bridge-helper";

        g_test_add_func("/bridge-request/switch", test_switch);
        g_test_add_func("/bridge-request/forms", test_forms);
        g_test_add_func("/bridge-request/nothing-else", test_nothing_else);
        g_test_add_func("/bridge-request/about", test_about);
        g_test_add_func("/bridge-request/refusals", test_refusals);
        g_test_add_func("/bridge-request/long-trunk", test_long_trunk);

        return g_test_run();
}
