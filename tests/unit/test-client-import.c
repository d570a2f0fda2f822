/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "errors.h"
#include "options.h"
#include "scratch.h"
#include "shell-words.h"
#include "verbs.h"
#include "vlan-set.h"

/* A host that is a folder, and what tapctl said of it. */
typedef struct Image {
        Scratch *scratch;
        int status;
        char *out, *err;
} Image;

static void image_init(Image *image) {
        *image = (Image){ .scratch = scratch_new() };
}

static void image_done(Image *image) {
        scratch_free(image->scratch);
        g_free(image->out);
        g_free(image->err);
}

static char *image_path(const Image *image, const char *path) {
        return g_strconcat(image->scratch->path, path, NULL);
}

static void image_put(const Image *image, const char *path, const char *text) {
        g_autofree char *whole = image_path(image, path);

        put_text(whole, text);
}

static char *image_get(const Image *image, const char *path) {
        g_autofree char *whole = image_path(image, path);
        char *text = NULL;

        g_file_get_contents(whole, &text, NULL, NULL);
        return text;
}

/* "tapctl import" and these words, NULL at the end. */
static void import_words(Image *image, const char *const *words) {
        Capture out, err;
        Options options;

        g_clear_pointer(&image->out, g_free);
        g_clear_pointer(&image->err, g_free);

        capture_begin(&out, stdout);
        capture_begin(&err, stderr);
        /* glibc: 0 begins anew. */
        optind = 0;
        image->status = options_parse(&options, (int) g_strv_length((char **) words), (char **) words);
        if (image->status == 0)
                image->status = verb_import(&options);
        options_done(&options);
        image->err = capture_end(&err);
        image->out = capture_end(&out);
}

static void import(Image *image, const char *more, const char *yet_more) {
        const char *words[] = { "tapctl", "--root", image->scratch->path, more, yet_more, NULL };

        import_words(image, words);
}

static void check_has(const char *text, const char *part) {
        if (!strstr(text, part))
                g_error("\"%s\" is not in:\n%s", part, text);
}

static void check_lacks(const char *text, const char *part) {
        if (strstr(text, part))
                g_error("\"%s\" is in:\n%s", part, text);
}

#define INTERFACES "/etc/network/interfaces"

/* Text of one file, what is to come of it, and a line that is said. */
typedef struct Case {
        const char *text;
        const char *out;
        const char *said; /* NULL: no matter; part of standard error */
        int status;
} Case;

static void check_cases(const char *path, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                Image image;

                image_init(&image);
                image_put(&image, path, cases[i].text);
                import(&image, NULL, NULL);
                g_assert_cmpstr(image.out, ==, cases[i].out);
                if (cases[i].said)
                        check_has(image.err, cases[i].said);
                if (image.status != cases[i].status)
                        g_error("exit status %d, for:\n%s\n%s", image.status, cases[i].text, image.err);
                image_done(&image);
        }
}

/* The words of a line. */

static void test_words(void) {
        static const struct {
                const char *text;
                const char *words; /* "|" between words, "/" between commands */
        } cases[] = {
                { "ip link set tap1 up", "ip|link|set|tap1|up" },
                { "  a\tb  ", "a|b" },
                { "a 'b c' \"d e\"f", "a|b c|d ef" },
                { "a '' \"\"", "a||" },
                { "a b\\ c \\\"", "a|b c|\"" },
                { "a \"\\$x\\y\\\"\"", "a|$x\\y\"" },
                { "a '$x' '`'", "a|$x|`" },
                { "a $IFACE ${IFACE}x \"$IFACE\" '$IFACE'", "a|tap7|tap7x|tap7|$IFACE" },
                { "a && b;c ; d", "a/b/c/d" },
                { "a;", "a" },
                { "a # b", "a" },
                { "a b#c", "a|b#c" },
                { "a || true", "a" },
                { "a || : && b", "a/b" },
                { "a >/dev/null 2>&1", "a" },
                { "a 2> /dev/null || true; b &>/dev/null", "a/b" },
                { "a trunks=[1,2]", "a|trunks=[1,2]" },
                { "/x=y/b c=d", "/x=y/b|c=d" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GString) joined = g_string_new(NULL);
                const char *reason = NULL;
                ShellLine line;

                g_assert_cmpint(shell_split(&line, cases[i].text, "tap7", &reason), ==, 0);
                for (size_t j = 0; j < line.n_commands; j++)
                        for (size_t k = 0; k < line.commands[j].n_words; k++)
                                g_string_append_printf(joined, "%s%s",
                                                       k > 0   ? "|"
                                                       : j > 0 ? "/"
                                                               : "",
                                                       line.commands[j].words[k]);
                g_assert_cmpstr(joined->str, ==, cases[i].words);
                shell_line_done(&line);
        }
}

static void test_words_refused(void) {
        static const struct {
                const char *text, *reason;
        } cases[] = {
                { "a $(b)", "a command in a command" },
                { "a `b`", "a command in a command" },
                { "a \"$(b)\"", "a command in a command" },
                { "a \"`b`\"", "a command in a command" },
                { "a $X", "a variable" },
                { "a $IFACES", "a variable" },
                { "a ${IFACE%x}", "a variable" },
                { "a $", "a variable" },
                { "a 'b", "a quote without its end" },
                { "a \"b", "a quote without its end" },
                { "a \"b\\", "a quote without its end" },
                { "a \\", "a backslash at the end" },
                { "a *", "a pattern of file names" },
                { "a tap?", "a pattern of file names" },
                { "a | b", "a pipe" },
                { "a || b", "a condition" },
                { "a || trueish", "a condition" },
                { "a &", "a command in the background" },
                { "a > b", "a redirection" },
                { "a >/dev/nullx", "a redirection" },
                { "a < b", "a redirection" },
                { "(a)", "a shell in a shell" },
                { "for i in 1 2; do a; done", "a loop" },
                { "if a; then b; fi", "more of a shell than one command after the other" },
                { "! a", "more of a shell than one command after the other" },
                { "X=1 a", "a variable is set" },
                { "", "an empty command" },
                { "a && ", "an empty command" },
                { "a ;; b", "an empty command" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const char *reason = NULL;
                ShellLine line;

                g_assert_cmpint(shell_split(&line, cases[i].text, "tap7", &reason), ==, -EINVAL);
                g_assert_cmpstr(reason, ==, cases[i].reason);
                g_assert_cmpuint(line.n_commands, ==, 0);
        }
}

static void test_words_no_interface(void) {
        const char *reason = NULL;
        ShellLine line;

        g_assert_cmpint(shell_split(&line, "a $IFACE", NULL, &reason), ==, -EINVAL);
        g_assert_cmpstr(reason, ==, "a variable");
}

static void test_vlans(void) {
        static const struct {
                const char *words; /* separated by blanks */
                const char *text;
        } cases[] = {
                { "10", "10" },           { "1-4094", "1-4094" },           { "20 10 11", "10-11 20" },
                { "5-7 6-9 1", "1 5-9" }, { "4094 4093 1", "1 4093-4094" }, { "", "" },
        };
        static const char *const bad[] = {
                "0", "4095", "9-5", "-", "1-", "-1", "x", "01", "1,2", "100000000", "1-2-3"
        };
        char text[TRUNK_TEXT_SIZE];
        VlanSet many = {};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = g_strsplit(cases[i].words, " ", 0);
                VlanSet set = {};

                for (char **word = words; *word; word++)
                        g_assert_cmpint(vlan_set_add(&set, *word), ==, 0);
                g_assert_cmpint(vlan_set_format(&set, text), ==, 0);
                g_assert_cmpstr(text, ==, cases[i].text);
                g_assert_cmpint(vlan_set_is_empty(&set), ==, !*cases[i].text);
        }

        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                VlanSet set = {};

                g_assert_cmpint(vlan_set_add(&set, bad[i]), ==, -EINVAL);
                g_assert_true(vlan_set_is_empty(&set));
        }

        /* As many ranges as a trunk may have, and one more. */
        for (unsigned vlan = 1; vlan < 2 * TRUNK_RANGES_MAX; vlan += 2)
                many.has[vlan] = true;
        g_assert_cmpint(vlan_set_format(&many, text), ==, 0);
        g_assert_true(g_str_has_prefix(text, "1 3 5 "));
        g_assert_true(g_str_has_suffix(text, " 125 127"));
        many.has[4094] = true;
        g_assert_cmpint(vlan_set_format(&many, text), ==, -E2BIG);
}

/* interfaces(5). */

/* What administrators of lab hosts have, line by line as they have it. */
#define SEED                                                                                                           \
        "auto tap1\n"                                                                                                  \
        "iface tap1 inet manual\n"                                                                                     \
        "        up ip tuntap add mode tap dev $IFACE group kvm multi_queue\n"                                         \
        "        up ip link set dev $IFACE up\n"                                                                       \
        "        down ip link set dev $IFACE down\n"                                                                   \
        "        down ip tuntap del mode tap dev $IFACE\n"

#define PLUG_NOTE                                                                                                      \
        "what was plugged in with sudo \"tapctl plug\" plugs in, where a grant of tapd.conf(5) has Switches= and "     \
        "VLANs=\n"

static void test_seed(void) {
        Image image;

        image_init(&image);
        image_put(&image, INTERFACES, SEED);
        image_put(&image, "/etc/sudoers",
                  "root ALL=(ALL:ALL) ALL\n"
                  "%kvm ALL=(ALL) NOPASSWD: /usr/bin/ovs-vsctl, /sbin/ip, /usr/sbin/iotop\n");
        import(&image, NULL, NULL);

        g_assert_cmpint(image.status, ==, 0);
        g_assert_cmpstr(image.out, ==,
                        "# /etc/tapd/taps.d/tap1.tap\n"
                        "[Tap]\n"
                        "Name=tap1\n"
                        "Group=kvm\n");
        g_assert_cmpstr(image.err, ==,
                        PLUG_NOTE
                        "Lines you may delete now, once tapd has the files:\n"
                        "/etc/network/interfaces:1: auto tap1\n"
                        "/etc/network/interfaces:2: iface tap1 inet manual\n"
                        "/etc/network/interfaces:3: up ip tuntap add mode tap dev $IFACE group kvm multi_queue\n"
                        "/etc/network/interfaces:4: up ip link set dev $IFACE up\n"
                        "/etc/network/interfaces:5: down ip link set dev $IFACE down\n"
                        "/etc/network/interfaces:6: down ip tuntap del mode tap dev $IFACE\n"
                        "/etc/sudoers:2: only \"/usr/bin/ovs-vsctl, /sbin/ip\" of: "
                        "%kvm ALL=(ALL) NOPASSWD: /usr/bin/ovs-vsctl, /sbin/ip, /usr/sbin/iotop\n");
        image_done(&image);
}

#define TAP(name, lines) "# /etc/tapd/taps.d/" name ".tap\n[Tap]\nName=" name "\n" lines
#define IFACE(lines) "auto tap1\niface tap1 inet manual\n" lines
/* A single-queue one for kvm, up because it is there before ifupdown brings its interface up. */
#define MADE "pre-up ip tuntap add dev tap1 mode tap group kvm\n"
#define MADE_TAP(lines) TAP("tap1", "Group=kvm\nMultiQueue=no\n" lines)

static void test_interfaces(void) {
        static const Case cases[] = {
                /* ip tuntap */
                { IFACE(MADE), MADE_TAP(""), NULL, 0 },
                { IFACE("pre-up /sbin/ip tuntap add tap1 mode tun user alice pi vnet_hdr one_queue\n"),
                  TAP("tap1", "Kind=tun\nUser=alice\nGroup=\nMultiQueue=no\nVNetHeader=yes\nPacketInfo=yes\n"), NULL,
                  0 },
                { IFACE("post-up sudo -n ip -d tap add name tap1 mode tap user 1000 group 104 multi_queue\n"),
                  TAP("tap1", "User=1000\nGroup=104\nUp=no\n"), NULL, 0 },
                { IFACE("up ip tuntap add mode \"tap\" \\\n  dev ${IFACE} group 'kvm'\n"), MADE_TAP("Up=no\n"), NULL,
                  0 },
                { IFACE("pre-up ip tuntap add dev tap1 mode tap multi_queue\n"), TAP("tap1", "Group=kvm\n"),
                  "interfaces:3: tap1 has neither user nor group, so that every user may open it; tapd makes none like "
                  "that: Group=kvm\n",
                  0 },
                /* the others that make them */
                { IFACE("pre-up tunctl -t tap1 -u alice\n"), TAP("tap1", "User=alice\nGroup=\nMultiQueue=no\n"), NULL,
                  0 },
                { IFACE("pre-up tunctl -b -g kvm -t $IFACE\n"), MADE_TAP(""), NULL, 0 },
                { IFACE("pre-up tunctl -t tap1\n"), TAP("tap1", "User=root\nGroup=\nMultiQueue=no\n"), NULL, 0 },
                { IFACE("pre-up openvpn --mktun --dev tap1 --group kvm\n"), MADE_TAP(""), NULL, 0 },
                { IFACE("pre-up openvpn --mktun --dev tap1 --dev-type tun --user alice --group kvm\n"),
                  TAP("tap1", "Kind=tun\nUser=alice\nGroup=kvm\nMultiQueue=no\n"), NULL, 0 },
                { IFACE("tunctl_user alice\n"), TAP("tap1", "User=alice\nGroup=\nMultiQueue=no\n"), NULL, 0 },
                { IFACE("tunctl-user alice\n"), TAP("tap1", "User=alice\nGroup=\nMultiQueue=no\n"), NULL, 0 },
                /* what becomes of them */
                { IFACE(MADE "up ip link set dev tap1 mtu 9000 address 52:54:00:AB:00:01 txqueuelen 77 up\n"),
                  MADE_TAP("MACAddress=52:54:00:ab:00:01\nMTUBytes=9000\nTransmitQueueLength=77\n"), NULL, 0 },
                { IFACE(MADE "up ip l set tap1 down alias 'port 4'\n"), MADE_TAP("Up=no\nDescription=port 4\n"), NULL,
                  0 },
                { IFACE(MADE "mtu 9000\nhwaddress ether 52:54:00:00:00:01\ndescription port 4\n"),
                  MADE_TAP("Description=port 4\nMACAddress=52:54:00:00:00:01\nMTUBytes=9000\n"), NULL, 0 },
                { IFACE(MADE "hwaddress 52:54:00:00:00:01\nmtu 1500\n"), MADE_TAP("MACAddress=52:54:00:00:00:01\n"),
                  NULL, 0 },
                { IFACE("up ip tuntap add dev tap1 mode tap group kvm && ifconfig tap1 0.0.0.0 mtu 1400\n"),
                  MADE_TAP("MTUBytes=1400\n"), NULL, 0 },
                { IFACE(MADE "up ip link set tap1 mtu 1400; ip link set tap1 mtu 1300\n"), MADE_TAP("MTUBytes=1300\n"),
                  NULL, 0 },
                { IFACE(MADE "down ip link set tap1 down nomaster\npost-down ip link del tap1 || true\n"), MADE_TAP(""),
                  NULL, 0 },
                { IFACE(MADE "down tunctl -d tap1\ndown openvpn --rmtun --dev tap1 2>/dev/null\n"), MADE_TAP(""), NULL,
                  0 },
                /* bridges */
                { IFACE(MADE "up ip link set $IFACE master br0\n"), MADE_TAP("[Port]\nSwitch=br0\n"), NULL, 0 },
                { IFACE(MADE "up brctl addif br0 tap1\ndown brctl delif br0 tap1\n"), MADE_TAP("[Port]\nSwitch=br0\n"),
                  NULL, 0 },
                { "iface br0 inet static\naddress 10.0.0.1/24\nbridge-ports eth0 tap1\n" IFACE(
                          "up ip tuntap add dev tap1 mode tap group kvm\n"),
                  MADE_TAP("[Port]\nSwitch=br0\n"), "interfaces:3: only \"tap1\" of: bridge-ports eth0 tap1\n", 0 },
                { "iface br0 inet static\naddress 10.0.0.1/24\n" MADE "up brctl addif br0 tap1 eth0\n",
                  MADE_TAP("Up=no\n[Port]\nSwitch=br0\n"),
                  "interfaces:4: only \"tap1\" of: up brctl addif br0 tap1 eth0\n", 0 },
                { IFACE(MADE "up ip link set tap1 master br0\nup bridge link set dev tap1 isolated on\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nIsolated=yes\n"), NULL, 0 },
                { IFACE(MADE "up ip link set tap1 master br0 && ip link set tap1 type bridge_slave isolated on\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nIsolated=yes\n"), NULL, 0 },
                { IFACE(MADE "up ip link set tap1 master br0\nup bridge link set dev tap1 isolated off\n"),
                  MADE_TAP("[Port]\nSwitch=br0\n"), NULL, 0 },
                { IFACE(MADE "up ip link set tap1 master br0\nup bridge vlan add dev tap1 vid 20 pvid untagged master\n"
                             "up bridge vlan del dev tap1 vid 1\ndown bridge vlan del dev tap1 vid 20\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=20\n"), NULL, 0 },
                { IFACE(MADE "up ip link set tap1 master br0\n") "iface eth0 inet manual\nup bridge vlan add dev eth0 "
                                                                 "vid 20\n",
                  MADE_TAP("[Port]\nSwitch=br0\n"), NULL, 0 },
                /* Open vSwitch */
                { IFACE(MADE "up ovs-vsctl --may-exist add-port br0 tap1 tag=20\ndown ovs-vsctl --if-exists del-port "
                             "tap1\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=20\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl -t 5 -- add-port br0 tap1 -- set port tap1 tag=20\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=20\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 trunks=20-29,10\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nTrunk=10 20-29\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 tag=5 trunks=[10]\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=5\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 tag=5 trunks=10 vlan_mode=trunk\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nTrunk=10\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 tag=5 vlan_mode=native-untagged\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=5\nTrunk=1-4 6-4094\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 tag=5 trunks=4-6,9 vlan_mode=native-untagged\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=5\nTrunk=4 6 9\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 tag=5 trunks=5 vlan_mode=native-untagged\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=5\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1 TAG=5 vlan-mode=access protected=true\n"),
                  MADE_TAP("[Port]\nSwitch=br0\nVLAN=5\nIsolated=yes\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br-int tap1 -- set Interface tap1 external-ids:iface-id=lab-1\n"),
                  MADE_TAP("[Port]\nSwitch=br-int\nInterfaceID=lab-1\n"), NULL, 0 },
                { IFACE(MADE "up ovs-vsctl add-port br0 tap1\n"), MADE_TAP("[Port]\nSwitch=br0\n"),
                  "interfaces:4: tap1: on Open vSwitch a port without tag and trunks carries every VLAN; say which "
                  "with "
                  "VLAN= or Trunk=\n",
                  0 },
                { "auto tap1\nallow-dsw tap1\niface tap1 inet manual\novs_type OVSPort\novs_bridge dsw\n"
                  "ovs_options tag=20 vlan_mode=native-untagged \\\n trunks=30\novs_extra set port ${IFACE} "
                  "tag=21\n" MADE,
                  MADE_TAP("[Port]\nSwitch=dsw\nVLAN=21\nTrunk=30\n"), NULL, 0 },
                { "allow-ovs dsw\niface dsw inet manual\novs_type OVSBridge\novs_ports tap1 eth0\n" IFACE(MADE),
                  MADE_TAP(""), "interfaces:4: only \"tap1\" of: ovs_ports tap1 eth0\n", 0 },
                /* the rest of the syntax */
                { "# auto tap1\niface tap1 inet manual\n" MADE, MADE_TAP(""),
                  "interfaces:2: tap1 is not \"auto\": it was made by ifup; tapd makes it when it starts\n", 0 },
                { "auto lo tap1\niface lo inet loopback\niface tap1 inet manual\n" MADE, MADE_TAP(""),
                  "interfaces:1: only \"tap1\" of: auto lo tap1\n", 0 },
                { IFACE(MADE) "iface tap1 inet6 manual\n", MADE_TAP(""), "interfaces:4: iface tap1 inet6 manual\n", 0 },
                { "auto tap1\r\niface tap1 inet manual\r\n   pre-up ip tuntap add dev tap1 mode tap \\\r\n group "
                  "kvm\r\n",
                  MADE_TAP(""), NULL, 0 },
                { "mapping tap1\n  script x\n  map y\niface eth0 inet dhcp\n  up ip link set eth0 mtu 9000 | cat\n", "",
                  "Nothing to import.\n", 0 },
                { "iface eth0 inet static\n  address 10.0.0.1/24\n  up ip route add 10.1.0.0/16 via 10.0.0.2\n", "",
                  "Nothing to import.\n", 0 },
                { "iface eth0 inet manual\n" MADE IFACE(""), MADE_TAP(""), NULL, 0 },
                /* made in the stanza of another interface; no final newline */
                { "iface eth0 inet manual\npre-up ip tuntap add dev tap1 mode tap group kvm && echo x\nup ip link set "
                  "tap1 up",
                  MADE_TAP(""), "interfaces:2: only \"ip tuntap add dev tap1 mode tap group kvm\" of: pre-up ip tuntap",
                  0 },
        };

        check_cases(INTERFACES, cases, G_N_ELEMENTS(cases));
}

static void test_several(void) {
        Image image;

        image_init(&image);
        image_put(&image, INTERFACES,
                  "auto tap1 tap2\n"
                  "iface tap1 inet manual\n"
                  "  pre-up tunctl -t tap1 -u alice\n"
                  "iface tap2 inet manual\n"
                  "  pre-up tunctl -t tap2 -u bob\n");
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.out, ==,
                        TAP("tap1", "User=alice\nGroup=\nMultiQueue=no\n") "\n" TAP(
                                "tap2", "User=bob\nGroup=\nMultiQueue=no\n"));
        check_has(image.err, "interfaces:1: auto tap1 tap2\n");
        image_done(&image);
}

#define KNOWN_OF_OVS                                                                                                   \
        "tapd knows tag, trunks, vlan_mode and protected of a port of Open vSwitch, and external_ids:iface-id of its " \
        "interface"

/* What cannot be translated, each reason: it stands in line 4 of a stanza whose TAP is made all the same. */
static void test_refused(void) {
        static const struct {
                const char *line, *shown, *reason;
        } cases[] = {
                { "address 10.0.0.1/24", NULL, "tapd gives no addresses" },
                { "dns-nameservers 10.0.0.1", NULL, "tapd gives no addresses" },
                { "wireless-essid x", NULL, "unknown option" },
                { "ovs_extra emer-reset", NULL, "unknown option" },
                { "up /usr/local/sbin/script tap1", "/usr/local/sbin/script tap1", "tapd runs no commands" },
                { "up ip addr add 10.0.0.1/24 dev tap1", "ip addr add 10.0.0.1/24 dev tap1",
                  "tapd gives no addresses" },
                { "up ip route add default dev tap1", "ip route add default dev tap1", "tapd sets no routes" },
                { "up ip link set tap1 promisc on", "ip link set tap1 promisc on",
                  "\"promisc\" is no setting of tapd" },
                { "up ifconfig tap1 10.0.0.1 up", "ifconfig tap1 10.0.0.1 up", "\"10.0.0.1\" is no setting of tapd" },
                { "up ip link set tap1 mtu 67", "ip link set tap1 mtu 67", "MTUBytes=: 67, not in 68..65521" },
                { "up ip link set tap1 mtu 1e3", "ip link set tap1 mtu 1e3", "MTUBytes=: not a decimal number" },
                { "up ip link set tap1 address 01:00:5e:00:00:01", "ip link set tap1 address 01:00:5e:00:00:01",
                  "MACAddress=: 01:00:5e:00:00:01 is a multicast address" },
                { "up ip link set tap1 alias 'x '", "ip link set tap1 alias 'x '",
                  "Description=: begins or ends with a blank or a backslash" },
                { "up ip link set tap1 master 0123456789abcdef", "ip link set tap1 master 0123456789abcdef",
                  "Switch=: 16 bytes, not in 1..15" },
                { "up ip link set tap1 master a/b", "ip link set tap1 master a/b",
                  "Switch=: \"a/b\", illegal character at byte 2" },
                { "up ip link set tap1 type bond_slave", "ip link set tap1 type bond_slave",
                  "\"type\" is no setting of tapd" },
                { "up bridge link set dev tap1 learning off", "bridge link set dev tap1 learning off",
                  "\"learning\" is no setting of tapd" },
                { "up bridge link set dev tap1 isolated maybe", "bridge link set dev tap1 isolated maybe",
                  "Isolated=: not yes or no" },
                { "up bridge link set dev tap1 isolated on", "up bridge link set dev tap1 isolated on",
                  "no switch is named" },
                { "up bridge vlan add dev tap1 vid 10-12", "bridge vlan add dev tap1 vid 10-12",
                  "only \"vid N pvid untagged\" is understood; say with VLAN= and Trunk= what it gets" },
                { "up bridge vlan add dev tap1 vid 20 pvid", "bridge vlan add dev tap1 vid 20 pvid",
                  "only \"vid N pvid untagged\" is understood; say with VLAN= and Trunk= what it gets" },
                { "up bridge vlan del dev tap1 vid 1", "bridge vlan del dev tap1 vid 1",
                  "only \"vid N pvid untagged\" is understood; say with VLAN= and Trunk= what it gets" },
                { "up bridge vlan add dev tap1 vid 4095 pvid untagged",
                  "bridge vlan add dev tap1 vid 4095 pvid untagged", "VLAN=: 4095, not in 1..4094" },
                { "down bridge vlan add dev tap1 vid 20 pvid untagged", "bridge vlan add dev tap1 vid 20 pvid untagged",
                  "it changes the TAP when the interface goes" },
                { "up bridge fdb add 52:54:00:00:00:01 dev tap1", "bridge fdb add 52:54:00:00:00:01 dev tap1",
                  "tapd runs no commands" },
                { "down ip link set tap1 mtu 1400", "ip link set tap1 mtu 1400",
                  "it changes the TAP when the interface goes" },
                { "down ip tuntap add dev tap9 mode tap", "ip tuntap add dev tap9 mode tap",
                  "it makes a TAP when the interface goes" },
                { "up ip link del tap1", "ip link del tap1", "it takes away what was made" },
                { "up brctl delif br0 tap1", "brctl delif br0 tap1", "it moves a port" },
                { "up ip tuntap add mode tap", "ip tuntap add mode tap", "the kernel chooses the name" },
                { "up ip tuntap add dev tap9", "ip tuntap add dev tap9",
                  "ip tuntap makes it only with \"mode tap\" or \"mode tun\"" },
                { "up ip tuntap add dev tap9 mode tap speed", "ip tuntap add dev tap9 mode tap speed",
                  "unknown option \"speed\" of ip tuntap" },
                { "up tunctl -t tap9 -x", "tunctl -t tap9 -x", "unknown option \"-x\" of tunctl" },
                { "up openvpn --mktun --dev tap9 --verb 3", "openvpn --mktun --dev tap9 --verb 3",
                  "unknown option \"--verb\" of openvpn --mktun" },
                { "up openvpn --mktun --dev tap", "openvpn --mktun --dev tap", "the kernel chooses the name" },
                { "up ip tuntap add dev vnet0 mode tap", "ip tuntap add dev vnet0 mode tap",
                  "Name=: \"vnet0\" belongs to others (vnet*); take another name" },
                { "up ip tuntap add dev vt-1 mode tap", "ip tuntap add dev vt-1 mode tap",
                  "Name=: \"vt-1\" belongs to others (vt-*); take another name" },
                { "up ip tuntap add dev 0123456789abcdef mode tap", "ip tuntap add dev 0123456789abcdef mode tap",
                  "Name=: 16 bytes, at most 15" },
                { "up ip tuntap add dev tap.1 mode tap", "ip tuntap add dev tap.1 mode tap",
                  "Name=: \"tap.1\", illegal character at byte 4" },
                { "up ip tuntap add dev 1tap mode tap", "ip tuntap add dev 1tap mode tap",
                  "Name=: \"1tap\", a numeric name; it must start with a letter" },
                { "up ip tuntap add dev tap%d mode tap", "ip tuntap add dev tap%d mode tap",
                  "Name=: \"tap%d\", illegal character at byte 4" },
                { "up ip tuntap add dev tap9 mode tap user 'a b'", "ip tuntap add dev tap9 mode tap user 'a b'",
                  "User=: not the name of a user or group" },
                { "up ovs-vsctl add-port br0 tap1 tag=4095", "ovs-vsctl add-port br0 tap1 tag=4095",
                  "VLAN=: 4095, not in 1..4094" },
                { "up ip link set tap1 mtu 1400 master br0 address x", "ip link set tap1 mtu 1400 master br0 address x",
                  "MACAddress=: \"x\", not of the form aa:bb:cc:dd:ee:ff" },
                { "ovs_options vlan_mode=access tag=x", NULL, "VLAN=: not a VLAN of 1..4094" },
                { "ovs_options protected=maybe", NULL, "protected: neither true nor false" },
                { "up ovs-vsctl set port tap1 trunks=0", "ovs-vsctl set port tap1 trunks=0",
                  "trunks: not a list of VLANs from 1 to 4094" },
                { "up ovs-vsctl set port tap1 vlan_mode=dot1q-tunnel", "ovs-vsctl set port tap1 vlan_mode=dot1q-tunnel",
                  "vlan_mode: tapd has access, trunk and native-untagged ports" },
                { "up ovs-vsctl set port tap1 qos=x", "ovs-vsctl set port tap1 qos=x", "\"qos=x\": " KNOWN_OF_OVS },
                { "up ovs-vsctl set port tap1 ta=5", "ovs-vsctl set port tap1 ta=5", "\"ta=5\": " KNOWN_OF_OVS },
                { "up ovs-vsctl set port tap1 tags=5", "ovs-vsctl set port tap1 tags=5", "\"tags=5\": " KNOWN_OF_OVS },
                { "up ovs-vsctl set bridge tap1 protocols=x", "ovs-vsctl set bridge tap1 protocols=x", KNOWN_OF_OVS },
                { "up ovs-vsctl set interface tap1 mtu_request=1400", "ovs-vsctl set interface tap1 mtu_request=1400",
                  "\"mtu_request=1400\": " KNOWN_OF_OVS },
                { "up ovs-vsctl set interface tap1 external_ids:iface-id=",
                  "ovs-vsctl set interface tap1 external_ids:iface-id=", "InterfaceID=: 0 bytes, not in 1..63" },
                { "up ovs-vsctl set port tap1 tag=20", "up ovs-vsctl set port tap1 tag=20", "no switch is named" },
                { "ovs_options trunks=20", NULL, "no switch is named" },
                { "up ovs-vsctl set interface tap1 external_ids:iface-id=x",
                  "up ovs-vsctl set interface tap1 external_ids:iface-id=x", "no switch is named" },
                { "up tunctl -t tap9 -n", "tunctl -t tap9 -n", "unknown option \"-n\" of tunctl" },
                { "ovs_type OVSIntPort", NULL, "ovs_type: tapd makes an OVSPort only" },
                { "tunctl_user", NULL, "tunctl_user: names no user, or more than one" },
                { "mtu", NULL, "mtu: one value is wanted" },
                { "hwaddress random", NULL, "MACAddress=: \"random\", not of the form aa:bb:cc:dd:ee:ff" },
                { "up for i in 1 2; do ip tuntap add dev tap$i mode tap; done",
                  "for i in 1 2; do ip tuntap add dev tap$i mode tap; done", "a loop" },
                { "up ip link set tap1 mtu $(cat x)", "ip link set tap1 mtu $(cat x)", "a command in a command" },
                { "up ip link set tap1 up | logger", "ip link set tap1 up | logger", "a pipe" },
                { "source /x/$Y", NULL, "more of a shell than * ? and []" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const char *shown = cases[i].shown ? cases[i].shown : cases[i].line;
                g_autofree char *text = g_strdup_printf(IFACE(MADE) "  %s\n", cases[i].line);
                g_autofree char *said =
                        g_strdup_printf("/etc/network/interfaces:4: not translated: %s: %s\n", shown, cases[i].reason);
                const Case one = { text, MADE_TAP(""), said, 1 };

                check_cases(INTERFACES, &one, 1);
        }
}

/* What stays in a stanza keeps its head, but not the lines that were translated. */
static void test_unclean(void) {
        Image image;

        image_init(&image);
        image_put(&image, INTERFACES, "auto tap1\niface tap1 inet static\naddress 10.0.0.1/24\n" MADE);
        import(&image, NULL, NULL);
        g_assert_cmpint(image.status, ==, 1);
        check_has(image.err, "interfaces:2: not translated: iface tap1 inet static: tapd gives no addresses\n");
        check_has(image.err, "the files:\n/etc/network/interfaces:4: pre-up ip tuntap add");
        check_lacks(image.err, "auto tap1");
        image_done(&image);
}

static void test_templates(void) {
        static const Case cases[] = {
                { "iface tpl inet manual\n  pre-up ip tuntap add dev $IFACE mode tap\niface tap1 inherits tpl\n", "",
                  "interfaces:2: not translated: ip tuntap add dev $IFACE mode tap: other stanzas inherit it\n", 1 },
                { "auto tap1\niface tap1 inet manual inherits tpl\n" MADE, MADE_TAP(""),
                  "interfaces:2: not translated: iface tap1 inet manual inherits tpl: what it inherits is not "
                  "followed\n",
                  1 },
        };

        check_cases(INTERFACES, cases, G_N_ELEMENTS(cases));
}

static void test_includes(void) {
        Image image;

        image_init(&image);
        image_put(&image, INTERFACES,
                  "source interfaces.d/*.cfg\n"
                  "source-directory /etc/network/more\n"
                  "source /etc/network/interfaces /nothing/*\n");
        image_put(&image, "/etc/network/interfaces.d/a.cfg",
                  "auto a\niface a inet manual\n pre-up tunctl -t a -u alice\n");
        image_put(&image, "/etc/network/interfaces.d/b.bak", "iface b inet manual\n pre-up tunctl -t b\n");
        image_put(&image, "/etc/network/more/c-1",
                  "source ../interfaces\nauto c\niface c inet manual\n"
                  " pre-up tunctl -t c -u alice\n");
        image_put(&image, "/etc/network/more/d~", "iface d inet manual\n pre-up tunctl -t d\n");
        import(&image, NULL, NULL);
        g_assert_cmpstr(
                image.out, ==,
                TAP("a", "User=alice\nGroup=\nMultiQueue=no\n") "\n" TAP("c", "User=alice\nGroup=\nMultiQueue=no\n"));
        check_has(image.err, "/etc/network/interfaces.d/a.cfg:1: auto a\n");
        check_has(image.err, "/etc/network/more/c-1:2: auto c\n");
        image_done(&image);
}

/* The folder of an image may have any name. */
static void test_root(void) {
        g_autofree char *root = NULL, *path = NULL;
        Image image;

        image_init(&image);
        root = image_path(&image, "/a [b]*");
        path = g_strconcat(root, INTERFACES, NULL);
        put_text(path, "source interfaces.d/*\n");
        g_clear_pointer(&path, g_free);
        path = g_strconcat(root, "/etc/network/interfaces.d/a", NULL);
        put_text(path, "auto a\niface a inet manual\n pre-up tunctl -t a -u alice\n");
        import_words(&image, (const char *[]){ "tapctl", "--root", root, NULL });
        g_assert_cmpint(image.status, ==, 0);
        check_has(image.err, "\n/etc/network/interfaces.d/a:1: auto a\n");
        image_done(&image);
}

/* systemd-networkd. */

#define NETDEV "/etc/systemd/network/10-tap.netdev"
#define NETWORK "/etc/systemd/network/20-tap.network"

static void test_netdev(void) {
        static const Case cases[] = {
                { "[NetDev]\nName=tap1\nKind=tap\n[Tap]\nGroup=kvm\nMultiQueue=yes\n",
                  TAP("tap1", "Group=kvm\nUp=no\n"),
                  "Lines you may delete now, once tapd has the files:\n" NETDEV ": the whole file\n", 0 },
                { "[NetDev]\nName=tap1\nKind=tun\nDescription=a tunnel\nMTUBytes=1400\n[Tun]\nUser=alice\nGroup=kvm\n"
                  "PacketInfo=yes\nVNetHeader=true\nKeepCarrier=no\n",
                  TAP("tap1", "Kind=tun\nUser=alice\nGroup=kvm\nMultiQueue=no\nVNetHeader=yes\nPacketInfo=yes\nUp=no\n"
                              "Description=a tunnel\nMTUBytes=1400\n"),
                  NULL, 0 },
                { "[NetDev]\nName=tap1\nKind=tap\nMACAddress=52:54:00:AA:00:01\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\n"
                              "Up=no\nMACAddress=52:54:00:"
                              "aa:00:01\n"),
                  NETDEV ":2: tap1 has neither user nor group", 0 },
                { "[NetDev]\nName=br0\nKind=bridge\n", "", "Nothing to import.\n", 0 },
                { "[NetDev]\nName=tap1\nKind=tap\n[Tap]\nGroup=kvm\nKeepCarrier=yes\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"),
                  NETDEV
                  ":6: not translated: KeepCarrier=yes: tapd holds no queue: there is a carrier while a program has "
                  "it open\n",
                  1 },
                { "[NetDev]\nName=tap1\nKind=tap\nMTUBytes=9K\n[Tap]\nGroup=kvm\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"),
                  NETDEV ":4: not translated: MTUBytes=9K: MTUBytes=: not a decimal number\n", 1 },
                { "[Match]\nHost=x\n[NetDev]\nName=tap1\nKind=tap\nColour=red\n[Tap]\nGroup=kvm\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"),
                  NETDEV ":2: not translated: Host=x: tapd has no "
                         "conditions\n",
                  1 },
                { "[NetDev]\nName=tap1\nKind=tap\nColour=red\n[Tap]\nGroup=kvm\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"), NETDEV ":4: not translated: Colour=red: unknown\n",
                  1 },
                { "[NetDev]\nName=vnet1\nKind=tap\n", "",
                  NETDEV
                  ":2: not translated: Name=vnet1: Name=: \"vnet1\" belongs to others (vnet*); take another name\n"
                  "Nothing could be imported.\n",
                  1 },
                { "[NetDev]\nName=tap1\nKind=tap\n[Tap]\nMultiQueue=maybe\n", "",
                  NETDEV ":5: not translated: MultiQueue=maybe: not yes or no\n", 1 },
        };

        check_cases(NETDEV, cases, G_N_ELEMENTS(cases));
}

static void test_network(void) {
        static const Case cases[] = {
                { "[Match]\nName=tap1\n[Link]\nMTUBytes=9000\n[Network]\nBridge=br0\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\nMTUBytes=9000\n[Port]\nSwitch=br0\n"),
                  "\n" NETWORK ": the whole file\n", 0 },
                { "[Match]\nName=tap1\n[Network]\nBridge=br0\n[BridgeVLAN]\nPVID=20\nEgressUntagged=20\n[BridgeVLAN]\n"
                  "VLAN=10-12\n[BridgeVLAN]\nVLAN=30\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\n[Port]\nSwitch=br0\nVLAN=20\nTrunk=10-12 30\n"), NULL, 0 },
                { "[Match]\nName=tap1\n[Link]\nActivationPolicy=manual\n[Network]\nDHCP=no\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"), NULL, 0 },
                { "[Match]\nName=eth0\n[Network]\nDHCP=yes\n", TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"), NULL,
                  0 },
                { "[Match]\nName=tap1\n[Network]\nAddress=10.0.0.1/24\n", TAP("tap1", "Group=kvm\nMultiQueue=no\n"),
                  NETWORK ":4: not translated: Address=10.0.0.1/24: tapd gives no addresses\n", 1 },
                { "[Match]\nName=tap1\n[Bridge]\nCost=4\n", TAP("tap1", "Group=kvm\nMultiQueue=no\n"),
                  NETWORK ":4: not translated: Cost=4: unknown\n", 1 },
                { "[Match]\nName=tap*\n[Network]\nBridge=br0\n", TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"),
                  NETWORK ":2: not translated: Name=tap*: a pattern\n", 1 },
                { "[Match]\nName=tap1 tap2\n[Network]\nBridge=br0\n", TAP("tap1", "Group=kvm\nMultiQueue=no\nUp=no\n"),
                  NETWORK ":2: not translated: Name=tap1 tap2: it is about more than one device\n", 1 },
                { "[Match]\nName=tap1\n[Network]\nBridge=br0\n[BridgeVLAN]\nPVID=20\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\n[Port]\nSwitch=br0\n"),
                  NETWORK ":6: not translated: PVID=20: tapd wants PVID= and EgressUntagged= to be one VLAN\n", 1 },
                { "[Match]\nName=tap1\n[Network]\nBridge=br0\n[BridgeVLAN]\nVLAN=5000\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\n[Port]\nSwitch=br0\n"),
                  NETWORK ":6: not translated: VLAN=5000: not a VLAN from 1 to 4094, nor a range of them\n", 1 },
                { "[Match]\nName=tap1\n[Bridge]\nIsolated=true\n[Network]\nBridge=br0\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\n[Port]\nSwitch=br0\nIsolated=yes\n"),
                  "\n" NETWORK ": the whole file\n", 0 },
                { "[Match]\nName=tap1\n[Bridge]\nIsolated=perhaps\n[Network]\nBridge=br0\n",
                  TAP("tap1", "Group=kvm\nMultiQueue=no\n[Port]\nSwitch=br0\n"),
                  NETWORK ":4: not translated: Isolated=perhaps: not yes or no\n", 1 },
                { "[Match]\nName=tap1\n[Bridge]\nIsolated=yes\n", TAP("tap1", "Group=kvm\nMultiQueue=no\n"),
                  NETWORK ":4: not translated: Isolated=yes: no switch is named\n", 1 },
                { "[Match]\nName=tap1\n[BridgeVLAN]\nVLAN=10\n", TAP("tap1", "Group=kvm\nMultiQueue=no\n"),
                  NETWORK ":4: not translated: VLAN=10: no switch is named\n", 1 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Image image;

                image_init(&image);
                image_put(&image, NETDEV, "[NetDev]\nName=tap1\nKind=tap\n[Tap]\nGroup=kvm\n");
                image_put(&image, NETWORK, cases[i].text);
                import(&image, NULL, NULL);
                g_assert_cmpstr(image.out, ==, cases[i].out);
                if (cases[i].said)
                        check_has(image.err, cases[i].said);
                g_assert_cmpint(image.status, ==, cases[i].status);
                image_done(&image);
        }
}

static void test_netdev_folders(void) {
        g_autofree char *masked = NULL;
        Image image;

        image_init(&image);
        masked = image_path(&image, "/etc/systemd/network/b.netdev");
        image_put(&image, "/usr/lib/systemd/network/a.netdev", "[NetDev]\nName=low\nKind=tap\n[Tap]\nGroup=kvm\n");
        image_put(&image, "/run/systemd/network/a.netdev", "[NetDev]\nName=high\nKind=tap\n[Tap]\nGroup=kvm\n");
        image_put(&image, "/usr/lib/systemd/network/b.netdev", "[NetDev]\nName=masked\nKind=tap\n[Tap]\nGroup=kvm\n");
        put_link("/dev/null", masked);
        image_put(&image, "/run/systemd/network/a.netdev.d/x.conf", "[NetDev]\nMTUBytes=9000\n");
        image_put(&image, "/run/systemd/network/z.netdev", "[NetDev]\nName=high\nKind=tap\n");
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.out, ==, TAP("high", "Group=kvm\nMultiQueue=no\nUp=no\n"));
        check_has(image.err,
                  "/run/systemd/network/a.netdev.d/x.conf: not translated: the file: drop-ins are not followed\n");
        check_has(image.err, "/run/systemd/network/z.netdev:2: not translated: Name=high: another file makes it\n");
        check_lacks(image.err, "the whole file");
        image_done(&image);
}

/* Devices. */

/* A device as sysfs shows it; words: ATTRIBUTE=VALUE. */
static void put_device(const Image *image, const char *name, const char *const *words) {
        for (; *words; words++) {
                g_auto(GStrv) pair = g_strsplit(*words, "=", 2);
                g_autofree char *path = g_strdup_printf("/sys/class/net/%s/%s", name, pair[0]);
                g_autofree char *text = g_strconcat(pair[1], "\n", NULL);

                image_put(image, path, text);
        }
}

/* linux/if_tun.h: IFF_TAP 2, IFF_TUN 1, IFF_MULTI_QUEUE 0x100, IFF_PERSIST 0x800, IFF_NO_PI 0x1000, IFF_VNET_HDR
 * 0x4000. linux/if.h: IFF_UP 1, IFF_BROADCAST 2, IFF_MULTICAST 0x1000. */
#define DEVICE(flags, owner, group)                                                                                    \
        "tun_flags=" flags, "owner=" owner, "group=" group, "mtu=1500", "flags=0x1003", "addr_assign_type=1",          \
                "address=fe:00:00:00:00:01", "tx_queue_len=1000", "ifalias="

static void test_live(void) {
        static const struct {
                const char *const words[16];
                const char *out, *said;
                int status;
        } cases[] = {
                { { DEVICE("0x1902", "-1", "4242") },
                  TAP("tap1", "Group=4242\n"),
                  "\"tapctl adopt tap1\" takes over what is there, with its queues untouched.\n",
                  0 },
                { { DEVICE("0x1802", "4343", "-1") }, TAP("tap1", "User=4343\nGroup=\nMultiQueue=no\n"), NULL, 0 },
                { { DEVICE("0x5902", "-1", "0"), "flags=0x1002", "mtu=9000", "tx_queue_len=77", "ifalias=port 4" },
                  TAP("tap1", "Group=root\nVNetHeader=yes\nUp=no\nDescription=port 4\nMTUBytes=9000\n"
                              "TransmitQueueLength=77\n"),
                  NULL,
                  0 },
                { { DEVICE("0x0901", "-1", "4242"), "tx_queue_len=500", "addr_assign_type=3", "address=" },
                  TAP("tap1", "Kind=tun\nGroup=4242\nPacketInfo=yes\n"),
                  NULL,
                  0 },
                { { DEVICE("0x1902", "-1", "4242"), "addr_assign_type=3", "address=52:54:00:00:00:01" },
                  TAP("tap1", "Group=4242\nMACAddress=52:54:00:00:00:01\n"),
                  NULL,
                  0 },
                { { DEVICE("0x1902", "-1", "-1") },
                  TAP("tap1", "Group=kvm\n"),
                  "/sys/class/net/tap1: tap1 has neither user nor group",
                  0 },
                { { DEVICE("0x1102", "-1", "4242") },
                  "",
                  "/sys/class/net/tap1: not translated: tap1: it belongs to a program that runs, and goes with it\n"
                  "Nothing could be imported.\n",
                  1 },
                { { DEVICE("0x1902", "-1", "4242"), "ifalias=tapd:0123" }, "", "Nothing to import.\n", 0 },
                { { "mtu=1500", "flags=0x1003", "address=52:54:00:00:00:01" }, "", "Nothing to import.\n", 0 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Image image;

                image_init(&image);
                put_device(&image, "tap1", cases[i].words);
                image_put(&image, "/sys/class/net/bonding_masters", "\n");
                import(&image, NULL, NULL);
                g_assert_cmpstr(image.out, ==, cases[i].out);
                if (cases[i].said)
                        check_has(image.err, cases[i].said);
                g_assert_cmpint(image.status, ==, cases[i].status);
                image_done(&image);
        }
}

static void test_live_names(void) {
        static const char *const words[] = { DEVICE("0x1902", "-1", "4242"), NULL };
        Image image;

        image_init(&image);
        put_device(&image, "vnet0", words);
        put_device(&image, "tap10", words);
        put_device(&image, "tap2", words);
        put_device(&image, "\033[31mx", words);
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.out, ==, TAP("tap2", "Group=4242\n") "\n" TAP("tap10", "Group=4242\n"));
        check_has(image.err, "/sys/class/net/vnet0: not translated: vnet0: Name=: \"vnet0\" belongs to others");
        check_has(image.err, "/sys/class/net/\\x1b[31mx: not translated: \\x1b[31mx: Name=: ");
        check_lacks(image.err, "\033");
        g_assert_cmpint(image.status, ==, 1);
        image_done(&image);
}

#define PORT(name, lines) TAP(name, "Group=4242\n[Port]\n" lines)

static void test_live_ports(void) {
        static const char *const words[] = { DEVICE("0x1902", "-1", "4242"), NULL };
        g_autofree char *bridged = NULL, *switched = NULL, *bonded = NULL, *filtered = NULL, *known = NULL, *odd = NULL;
        Image image;

        image_init(&image);
        image_put(&image, "/sys/class/net/br0/bridge/vlan_filtering", "0\n");
        image_put(&image, "/sys/class/net/br1/bridge/vlan_filtering", "1\n");
        image_put(&image, "/sys/class/net/ovs-system/mtu", "1500\n");
        image_put(&image, "/sys/class/net/bond0/mtu", "1500\n");
        put_device(&image, "tap1", words);
        put_device(&image, "tap2", words);
        put_device(&image, "tap3", words);
        put_device(&image, "tap4", words);
        put_device(&image, "tap6", words);
        image_put(&image, "/sys/class/net/br*/bridge/vlan_filtering", "1\n");
        image_put(&image, "/sys/class/net/tap6/brport/isolated", "1\n");
        odd = image_path(&image, "/sys/class/net/tap6/master");
        put_link("../br*", odd);
        put_device(&image, "tap5", words);
        image_put(&image, "/sys/class/net/tap1/brport/isolated", "0\n");
        image_put(&image, "/sys/class/net/tap4/brport/isolated", "1\n");
        image_put(&image, INTERFACES,
                  "auto tap5\niface tap5 inet manual\npre-up ip tuntap add dev tap5 mode tap group 4242 multi_queue\n"
                  "up ip link set tap5 master br1\nup bridge vlan add dev tap5 vid 20 pvid untagged\n");
        filtered = image_path(&image, "/sys/class/net/tap4/master");
        put_link("../br1", filtered);
        known = image_path(&image, "/sys/class/net/tap5/master");
        put_link("../br1", known);
        bridged = image_path(&image, "/sys/class/net/tap1/master");
        put_link("../br0", bridged);
        switched = image_path(&image, "/sys/class/net/tap2/master");
        put_link("../ovs-system", switched);
        bonded = image_path(&image, "/sys/class/net/tap3/master");
        put_link("../bond0", bonded);
        import(&image, NULL, NULL);
        /* A blank line between the files; none has more than this. */
        check_has(image.out, PORT("tap5", "Switch=br1\nVLAN=20\n") "\n");
        check_has(image.out, PORT("tap1", "Switch=br0\n") "\n");
        check_has(image.out, TAP("tap2", "Group=4242\n") "\n");
        check_has(image.out, TAP("tap3", "Group=4242\n") "\n");
        check_has(image.out, PORT("tap4", "Switch=br1\nIsolated=yes\n") "\n");
        g_assert_true(g_str_has_suffix(image.out, TAP("tap6", "Group=4242\n")));
        check_has(image.err, "net/tap2: not translated: tap2: it is a port of Open vSwitch; ");
        check_has(image.err, "net/tap4: not translated: tap4: its bridge filters VLANs; ");
        check_lacks(image.err, "net/tap5");
        check_has(image.err, "net/tap6: not translated: tap6: Switch=: \"br*\", illegal character at byte 3\n");
        check_has(image.err, "net/tap3: not translated: tap3: what it belongs to is no bridge\n");
        image_done(&image);
}

/* A file's word counts, what it does not say comes from the device, and that they differ is said. */
static void test_merged(void) {
        static const char *const words[] = { DEVICE("0x1802", "-1", "4242"), "mtu=9000", "addr_assign_type=3", NULL };
        Image image;

        image_init(&image);
        put_device(&image, "tap1", words);
        image_put(&image, INTERFACES,
                  "auto tap1\niface tap1 inet manual\n"
                  "pre-up ip tuntap add dev tap1 mode tap group 4242 multi_queue\n");
        image_put(&image, NETDEV, "[NetDev]\nName=tap1\nKind=tap\n[Tap]\nGroup=kvm\nMultiQueue=yes\n");
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.out, ==, TAP("tap1", "Group=4242\nMTUBytes=9000\n"));
        check_has(image.err, NETDEV ":2: tap1: Group=: kvm here, 4242 in " INTERFACES ", which counts\n");
        check_has(image.err, "/sys/class/net/tap1: tap1: MultiQueue=: no here, yes in " INTERFACES ", which counts\n");
        check_lacks(image.err, "PacketInfo");
        check_has(image.err, "\"tapctl adopt tap1\"");
        g_assert_cmpint(image.status, ==, 0);
        image_done(&image);
}

/* sudoers(5). */

static void test_sudoers(void) {
        static const struct {
                const char *text, *said; /* NULL: nothing to say */
        } cases[] = {
                { "%kvm ALL=(ALL) NOPASSWD: /sbin/ip\n", "/etc/sudoers:1: %kvm ALL=(ALL) NOPASSWD: /sbin/ip\n" },
                { "alice ALL = /usr/sbin/tunctl -t tap1, \\\n  /sbin/ip\n", "/etc/sudoers:1: alice ALL = " },
                { "\n#1000 ALL=/usr/sbin/brctl\n", "/etc/sudoers:2: #1000 ALL=/usr/sbin/brctl\n" },
                { "bob h=(root) /bin/ls, NOPASSWD: NOEXEC: /usr/sbin/openvpn --mktun *\n",
                  "/etc/sudoers:1: only \"/usr/sbin/openvpn --mktun *\" of: bob h=" },
                { "bob a=/sbin/ip : b=/bin/ls, /usr/bin/ovs-vsctl\n",
                  "/etc/sudoers:1: only \"/sbin/ip, /usr/bin/ovs-vsctl\" of: bob a=" },
                { "Cmnd_Alias NET = /sbin/ip, /usr/sbin/brctl\n",
                  "/etc/sudoers:1: only \"/sbin/ip, /usr/sbin/brctl\" of: Cmnd_Alias NET = " },
                { "root ALL=(ALL:ALL) ALL\n", NULL },
                { "# bob ALL=/sbin/ip\n", NULL },
                { "Defaults secure_path=\"/sbin/ip\"\n", NULL },
                { "bob ALL=/sbin/ipset, /usr/bin/zip, ip\n", NULL },
                { "bob ALL=!/sbin/ip\n", NULL },
                { "User_Alias X = /sbin/ip\n", NULL },
                { "@includedir /etc/sudoers.d\n", NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Image image;

                image_init(&image);
                image_put(&image, "/etc/sudoers", cases[i].text);
                import(&image, NULL, NULL);
                g_assert_cmpstr(image.out, ==, "");
                if (cases[i].said)
                        check_has(image.err, cases[i].said);
                else
                        g_assert_cmpstr(image.err, ==, "Nothing to import.\n");
                g_assert_cmpint(image.status, ==, 0);
                image_done(&image);
        }
}

static void test_sudoers_folder(void) {
        Image image;

        image_init(&image);
        image_put(&image, "/etc/sudoers", "@include /etc/other\n#includedir /etc/sudoers.d\n");
        image_put(&image, "/etc/sudoers.d/lab", "bob ALL=/sbin/ip\n");
        image_put(&image, "/etc/sudoers.d/lab.bak", "bob ALL=/sbin/ip\n");
        image_put(&image, "/etc/sudoers.d/lab~", "bob ALL=/sbin/ip\n");
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.err, ==,
                        "/etc/sudoers:1: not translated: @include /etc/other: not followed; name the file with --from\n"
                        "Lines you may delete now:\n"
                        "/etc/sudoers.d/lab:1: bob ALL=/sbin/ip\n");
        g_assert_cmpint(image.status, ==, 1);
        image_done(&image);
}

/* Which files. */

static void test_from(void) {
        g_autofree char *interfaces = NULL, *netdev = NULL, *network = NULL, *sudoers = NULL, *line = NULL;
        Image image;

        image_init(&image);
        interfaces = image_path(&image, "/x/mine");
        netdev = image_path(&image, "/x/a.netdev");
        network = image_path(&image, "/x/a.network");
        sudoers = image_path(&image, "/x/sudoers.d/lab");
        image_put(&image, INTERFACES, SEED);
        image_put(&image, "/x/mine", "source *.cfg\nauto a\niface a inet manual\n pre-up tunctl -t a -g kvm\n");
        image_put(&image, "/x/more.cfg", "auto b\niface b inet manual\n pre-up tunctl -t b -g kvm\n");
        image_put(&image, "/x/a.netdev", "[NetDev]\nName=c\nKind=tap\n[Tap]\nGroup=kvm\n");
        image_put(&image, "/x/a.network", "[Match]\nName=c\n");
        image_put(&image, "/x/sudoers.d/lab", "bob ALL=/sbin/ip\n");

        import_words(&image, (const char *[]){ "tapctl", "--from", interfaces, "--from", netdev, "--from", network,
                                               "--from", sudoers, "--root", "/nonexistent", NULL });
        g_assert_cmpint(image.status, ==, 0);
        g_assert_cmpstr(image.out, ==,
                        TAP("a", "Group=kvm\nMultiQueue=no\n") "\n" TAP("b", "Group=kvm\nMultiQueue=no\n") "\n" TAP(
                                "c", "Group=kvm\nMultiQueue=no\n"));
        line = g_strdup_printf("%s:1: bob ALL=/sbin/ip\n", sudoers);
        check_has(image.err, line);
        image_done(&image);
}

static void test_stdin(void) {
        FILE *input = tmpfile();
        int before = dup(STDIN_FILENO);
        Image image;

        g_assert_true(input && before >= 0);
        fputs("source x\n" SEED, input);
        rewind(input);
        g_assert_cmpint(dup2(fileno(input), STDIN_FILENO), ==, STDIN_FILENO);

        image_init(&image);
        import_words(&image, (const char *[]){ "tapctl", "--from=-", NULL });
        g_assert_cmpstr(image.out, ==, TAP("tap1", "Group=kvm\n"));
        check_has(image.err, "-:1: not translated: source x: nobody knows which folder it starts from\n");
        g_assert_cmpint(image.status, ==, 1);

        g_assert_cmpint(dup2(before, STDIN_FILENO), ==, STDIN_FILENO);
        (void) close(before);
        (void) fclose(input);
        image_done(&image);
}

/* What is no file, or none that can be read. */
static void test_unreadable(void) {
        g_autofree char *path = NULL, *line = NULL;
        Image image;

        image_init(&image);
        path = image_path(&image, INTERFACES);

        /* None of the files is one that has to be there, but one that is named is. */
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.err, ==, "Nothing to import.\n");
        g_assert_cmpint(image.status, ==, 0);
        import_words(&image, (const char *[]){ "tapctl", "--from", path, NULL });
        line = g_strdup_printf("%s: not translated: the file: No such file or directory\n", path);
        check_has(image.err, line);
        g_assert_cmpint(image.status, ==, 1);

        put_folder(path);
        import(&image, NULL, NULL);
        check_has(image.err, INTERFACES ": not translated: the file: not a regular file\n");
        g_assert_cmpint(image.status, ==, 1);

        g_assert_cmpint(g_rmdir(path), ==, 0);
        g_assert_cmpint(mkfifo(path, 0600), ==, 0);
        import(&image, NULL, NULL);
        check_has(image.err, INTERFACES ": not translated: the file: not a regular file\n");
        g_assert_cmpint(image.status, ==, 1);
        image_done(&image);
}

static void test_forbidden(void) {
        g_autofree char *sudoers = NULL, *folder = NULL;
        Image image;

        if (geteuid() != 0) {
                g_test_skip("needs root, which becomes somebody else");
                return;
        }

        image_init(&image);
        image_put(&image, "/etc/sudoers", "bob ALL=/sbin/ip\n");
        image_put(&image, "/etc/sudoers.d/lab", "bob ALL=/sbin/ip\n");
        sudoers = image_path(&image, "/etc/sudoers");
        folder = image_path(&image, "/etc/sudoers.d");
        g_assert_cmpint(g_chmod(sudoers, 0400), ==, 0);
        g_assert_cmpint(g_chmod(folder, 0700), ==, 0);
        if (setresuid(SCRATCH_ALICE, SCRATCH_ALICE, 0) < 0) {
                g_test_skip("needs a second user: this user namespace has one");
                image_done(&image);
                return;
        }

        import(&image, NULL, NULL);
        g_assert_cmpint(setresuid(0, 0, 0), ==, 0);
        check_has(image.err, "/etc/sudoers: not translated: the file: it cannot be read by you; root can\n");
        check_has(image.err, "/etc/sudoers.d: not translated: the folder: it cannot be read by you; root can\n");
        g_assert_cmpint(image.status, ==, 1);
        image_done(&image);
}

/* Bytes that nobody writes by hand. */
static void test_bytes(void) {
        static const char nul[] = "auto tap1\niface tap1 inet manual\n\0pre-up tunctl -t tap1\n";
        g_autofree char *path = NULL, *long_word = repeat("x", 900 * 1024), *text = NULL, *blanks = NULL;
        Image image;

        image_init(&image);
        path = image_path(&image, INTERFACES);
        put_bytes(path, nul, sizeof(nul) - 1);
        import(&image, NULL, NULL);
        check_has(image.err, INTERFACES ": not translated: the file: it has a NUL in it\n");
        g_assert_cmpstr(image.out, ==, "");

        image_put(&image, INTERFACES, IFACE(MADE "up \033[31mred\xff\n description \033]0;x\007\n"));
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.out, ==, MADE_TAP(""));
        check_has(image.err, "interfaces:4: not translated: \\x1b[31mred\\xff: tapd runs no commands\n");
        check_has(image.err, "interfaces:5: not translated: description \\x1b]0;x\\x07: Description=: ");
        check_lacks(image.err, "\033");

        text = g_strconcat(IFACE(MADE "up "), long_word, "\n", NULL);
        image_put(&image, INTERFACES, text);
        import(&image, NULL, NULL);
        g_assert_cmpstr(image.out, ==, MADE_TAP(""));
        check_has(image.err, "xxx...: tapd runs no commands\n");
        g_assert_cmpuint(strlen(image.err), <, 2000);

        g_clear_pointer(&text, g_free);
        text = g_strconcat("iface ", long_word, " inet manual\n up tunctl -t $IFACE$IFACE$IFACE\n", NULL);
        image_put(&image, INTERFACES, text);
        import(&image, NULL, NULL);
        check_has(image.err, "interfaces:2: not translated: tunctl -t $IFACE$IFACE$IFACE: a variable\n");

        blanks = repeat("\n", 1024 * 1024 + 1);
        image_put(&image, INTERFACES, blanks);
        import(&image, NULL, NULL);
        check_has(image.err, INTERFACES ": not translated: the file: larger than 1 MiB\n");

        g_clear_pointer(&text, g_free);
        text = g_strdup_printf("[NetDev]\nName=tap1\nKind=tap\nDescription=%.5000s\n", long_word);
        image_put(&image, INTERFACES, "");
        image_put(&image, NETDEV, text);
        import(&image, NULL, NULL);
        check_has(image.err, NETDEV ":4: not translated: the file: a line of more than 4096 bytes\n");
        g_assert_cmpstr(image.out, ==, "");
        image_done(&image);
}

/* --write. */

#define FILE_1 "/etc/tapd/taps.d/tap1.tap"

static void check_mode(const Image *image, const char *path, mode_t mode) {
        g_autofree char *whole = image_path(image, path);
        struct stat st;

        g_assert_cmpint(stat(whole, &st), ==, 0);
        g_assert_cmpuint(st.st_mode & 07777, ==, mode);
        g_assert_cmpuint(st.st_uid, ==, geteuid());
}

static void check_file(const Image *image, const char *path, const char *text) {
        g_autofree char *found = image_get(image, path);

        g_assert_cmpstr(found, ==, text);
}

static void test_write(void) {
        mode_t before = umask(0077);
        Image image;

        image_init(&image);
        (void) umask(0077);
        image_put(&image, INTERFACES, SEED);
        import(&image, "--write", NULL);
        (void) umask(before);
        g_assert_cmpint(image.status, ==, 0);
        g_assert_cmpstr(image.out, ==, TAP("tap1", "Group=kvm\n"));
        check_has(image.err, FILE_1 ": written\n");
        check_has(image.err, "Lines you may delete now:\n");
        check_has(image.err, "Next: \"tapctl verify\", then \"tapctl reload\".\n");
        check_file(&image, FILE_1, "[Tap]\nName=tap1\nGroup=kvm\n");
        check_mode(&image, FILE_1, 0644);
        check_mode(&image, "/etc/tapd/taps.d", 0755);
        check_mode(&image, "/etc/tapd", 0755);
        check_file(&image, INTERFACES, SEED);

        import(&image, "--write", NULL);
        g_assert_cmpint(image.status, ==, 0);
        check_has(image.err, FILE_1 ": already there\n");
        image_done(&image);
}

/* None is written where one would be overwritten. */
static void test_write_refused(void) {
        g_autofree char *folder = NULL;
        const char *name;
        size_t n = 0;
        GDir *dir;
        Image image;

        image_init(&image);
        image_put(&image, INTERFACES, "iface x inet manual\n pre-up tunctl -t tap0 -g kvm; tunctl -t tap1 -g kvm\n");
        image_put(&image, FILE_1, "[Tap]\nName=tap1\nMTUBytes=9000\n");
        import(&image, "--write", NULL);
        g_assert_cmpint(image.status, ==, TAPCTL_EXIT_FAILED);
        check_has(image.err, "tapctl: " FILE_1 " is there and says something else\n"
                             "Hint: nothing was written; --force overwrites.\n");
        check_file(&image, FILE_1, "[Tap]\nName=tap1\nMTUBytes=9000\n");
        check_file(&image, "/etc/tapd/taps.d/tap0.tap", NULL);

        import(&image, "--write", "--force");
        g_assert_cmpint(image.status, ==, 0);
        check_file(&image, FILE_1, "[Tap]\nName=tap1\nGroup=kvm\nMultiQueue=no\nUp=no\n");
        check_mode(&image, FILE_1, 0644);

        folder = image_path(&image, "/etc/tapd/taps.d");
        dir = g_dir_open(folder, 0, NULL);
        g_assert_nonnull(dir);
        while ((name = g_dir_read_name(dir))) {
                g_assert_true(g_str_has_suffix(name, ".tap") && *name != '.');
                n++;
        }
        g_assert_cmpuint(n, ==, 2);
        g_dir_close(dir);
        image_done(&image);
}

/* A folder, a link to somewhere else: neither is followed, and both are in the way. */
static void test_write_odd(void) {
        g_autofree char *link = NULL, *folder = NULL, *in_the_way = NULL;
        Image image;

        image_init(&image);
        image_put(&image, INTERFACES, SEED);
        image_put(&image, "/elsewhere", "[Tap]\nName=tap1\nGroup=kvm\n");
        link = image_path(&image, FILE_1);
        folder = image_path(&image, "/elsewhere");
        put_link(folder, link);
        import(&image, "--write", NULL);
        g_assert_cmpint(image.status, ==, TAPCTL_EXIT_FAILED);
        import(&image, "--write", "--force");
        g_assert_cmpint(image.status, ==, 0);
        g_assert_false(g_file_test(link, G_FILE_TEST_IS_SYMLINK));

        g_assert_cmpint(g_unlink(link), ==, 0);
        put_folder(link);
        import(&image, "--write", "--force");
        g_assert_cmpint(image.status, ==, TAPCTL_EXIT_FAILED);
        check_has(image.err, "tapctl: cannot write " FILE_1 ": Is a directory\n");

        g_assert_cmpint(g_rmdir(link), ==, 0);
        in_the_way = image_path(&image, "/etc/tapd/taps.d");
        g_assert_cmpint(g_rmdir(in_the_way), ==, 0);
        image_put(&image, "/etc/tapd/taps.d", "");
        import(&image, "--write", NULL);
        g_assert_cmpint(image.status, ==, TAPCTL_EXIT_FAILED);
        check_has(image.err, "tapctl: cannot write to /etc/tapd/taps.d: Not a directory\n");
        image_done(&image);
}

static void test_usage(void) {
        static const char *const lines[] = { "tapctl --force", "tapctl --root", "tapctl --root a --root b",
                                             "tapctl --from", "tapctl --write=yes" };
        Image image;

        image_init(&image);
        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                g_auto(GStrv) words = g_strsplit(lines[i], " ", 0);

                import_words(&image, (const char *const *) words);
                g_assert_cmpint(image.status, ==, TAPCTL_EXIT_USAGE);
                g_assert_cmpstr(image.out, ==, "");
        }
        image_done(&image);
}

/* A lab's worth of them, and more. */
static void test_many(void) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_auto(GStrv) lines = NULL;
        size_t n = 0;
        Image image;

        for (unsigned i = 0; i < 5000; i++)
                g_string_append_printf(text, "auto t%u\niface t%u inet manual\n pre-up tunctl -t t%u -g kvm\n", i, i,
                                       i);
        image_init(&image);
        image_put(&image, INTERFACES, text->str);
        import(&image, NULL, NULL);
        g_assert_cmpint(image.status, ==, 0);
        lines = g_strsplit(image.out, "\n", 0);
        for (char **line = lines; *line; line++)
                n += strcmp(*line, "[Tap]") == 0;
        g_assert_cmpuint(n, ==, 5000);
        image_done(&image);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* As which it reports. */
        program_invocation_short_name = (char *) "tapctl";

        g_test_add_func("/client/import/words", test_words);
        g_test_add_func("/client/import/words-refused", test_words_refused);
        g_test_add_func("/client/import/words-no-interface", test_words_no_interface);
        g_test_add_func("/client/import/vlans", test_vlans);
        g_test_add_func("/client/import/seed", test_seed);
        g_test_add_func("/client/import/interfaces", test_interfaces);
        g_test_add_func("/client/import/several", test_several);
        g_test_add_func("/client/import/refused", test_refused);
        g_test_add_func("/client/import/unclean", test_unclean);
        g_test_add_func("/client/import/templates", test_templates);
        g_test_add_func("/client/import/includes", test_includes);
        g_test_add_func("/client/import/root", test_root);
        g_test_add_func("/client/import/netdev", test_netdev);
        g_test_add_func("/client/import/network", test_network);
        g_test_add_func("/client/import/netdev-folders", test_netdev_folders);
        g_test_add_func("/client/import/live", test_live);
        g_test_add_func("/client/import/live-names", test_live_names);
        g_test_add_func("/client/import/live-ports", test_live_ports);
        g_test_add_func("/client/import/merged", test_merged);
        g_test_add_func("/client/import/sudoers", test_sudoers);
        g_test_add_func("/client/import/sudoers-folder", test_sudoers_folder);
        g_test_add_func("/client/import/from", test_from);
        g_test_add_func("/client/import/stdin", test_stdin);
        g_test_add_func("/client/import/unreadable", test_unreadable);
        g_test_add_func("/client/import/forbidden", test_forbidden);
        g_test_add_func("/client/import/bytes", test_bytes);
        g_test_add_func("/client/import/write", test_write);
        g_test_add_func("/client/import/write-refused", test_write_refused);
        g_test_add_func("/client/import/write-odd", test_write_odd);
        g_test_add_func("/client/import/usage", test_usage);
        g_test_add_func("/client/import/many", test_many);

        return g_test_run();
}
