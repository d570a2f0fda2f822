/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conffile.h"
#include "config.h"
#include "names.h"
#include "scratch.h"
#include "text.h"

/* A reader that waits for a FIFO's other end would take longer. */
#define BLOCKED_SECONDS 5

/* One reading of the files below the root directory of the test. */
typedef struct Loaded {
        Config config;
        GPtrArray *complaints; /* "/etc/tapd/tapd.conf:3: what is wrong" */
} Loaded;

static void on_complaint(const char *path, unsigned line, const char *text, void *userdata) {
        g_ptr_array_add(userdata, g_strdup_printf("%s:%u: %s", path, line, text));
}

static Loaded load(void) {
        Loaded loaded = { .complaints = g_ptr_array_new_with_free_func(g_free) };

        (void) alarm(BLOCKED_SECONDS);
        g_assert_cmpint(config_load("", NULL, on_complaint, loaded.complaints, &loaded.config), ==, 0);
        (void) alarm(0);
        return loaded;
}

static void loaded_done(Loaded *loaded) {
        g_ptr_array_unref(loaded->complaints);
        config_done(&loaded->config);
}

static void append_ids(GString *string, const char *what, const char *prefix, const IdList *list) {
        for (size_t i = 0; i < list->n_ids; i++)
                g_string_append_printf(string, " %s=%s%u", what, prefix, list->ids[i]);
}

static void append_patterns(GString *string, const char *what, char **patterns) {
        for (; patterns && *patterns; patterns++)
                g_string_append_printf(string, " %s=%s", what, *patterns);
}

static void append_vlans(GString *string, const Grant *grant) {
        if (grant->vlans == GRANT_VLANS_ALL)
                g_string_append(string, " vlan=all");
        for (size_t i = 0; grant->vlans == GRANT_VLANS_LISTED && i < grant->vlan_ranges.n_ranges; i++)
                g_string_append_printf(string, " vlan=%u-%u", grant->vlan_ranges.ranges[i].first,
                                       grant->vlan_ranges.ranges[i].last);
        if (grant->trunk)
                g_string_append(string, " trunk");
}

static void append_grant(GString *string, const Grant *grant) {
        g_string_append_printf(string, "%s%s:", string->len > 0 ? "; " : "", grant->name);
        if (grant->is_off) {
                g_string_append(string, " off");
                return;
        }

        append_ids(string, "user", "", &grant->users);
        append_ids(string, "user", "@", &grant->user_groups);
        append_patterns(string, "name", grant->names);
        append_ids(string, "group", "", &grant->groups);
        append_patterns(string, "switch", grant->switches);
        append_vlans(string, grant);
        append_patterns(string, "interface", grant->interface_ids);
        g_string_append_printf(string, " taps=%u%s", grant->taps_per_user, grant->shared ? " shared" : "");
}

/* The grants in one line. */
static char *describe(const Config *config) {
        GString *string = g_string_new(NULL);

        for (size_t i = 0; i < config->n_grants; i++)
                append_grant(string, &config->grants[i]);

        return g_string_free(string, FALSE);
}

/* The first complaint must contain @expected; NULL: there is none. */
static void check_complaint(const Loaded *loaded, const char *expected) {
        const char *first = loaded->complaints->len > 0 ? loaded->complaints->pdata[0] : NULL;

        if (!expected) {
                g_assert_cmpstr(first, ==, NULL);
        } else if (!first || !strstr(first, expected)) {
                g_test_message("complaint \"%s\" must say \"%s\"", first ? first : "(none)", expected);
                g_test_fail();
        }

        for (size_t i = 0; i < loaded->complaints->len; i++)
                g_assert_true(text_is_printable(loaded->complaints->pdata[i]));
}

static void check_grants(const Config *config, const char *expected) {
        g_autofree char *grants = describe(config);

        g_assert_cmpstr(grants, ==, expected);
}

static void check_loaded(const char *grants, const char *complaint) {
        Loaded loaded = load();

        check_grants(&loaded.config, grants);
        check_complaint(&loaded, complaint);
        loaded_done(&loaded);
}

#define ETC "/etc/tapd/tapd.conf"
#define RUN "/run/tapd/tapd.conf"
#define LIB "/usr/lib/tapd/tapd.conf"

/* Lines below a grant of alice's, in the same file as another that is in order. */
typedef struct GrantCase {
        const char *label, *lines;
        const char *grant;     /* what has become of it */
        const char *complaint; /* about its fourth line, with what in it; NULL: none */
} GrantCase;

#define LAB "[Grant lab]\nUsers=alice\nNames=lab*\n"
#define OTHER "[Grant other]\nUsers=bob\nNames=vm*\nTapsPerUser=1\n"
#define OTHER_IS "other: user=1001 name=vm* taps=1"
#define LAB_IS "lab: user=1000 name=lab* "
#define OFF "lab: off"

static const GrantCase grant_cases[] = {
        { "nothing", "", LAB_IS "taps=0", NULL },
        { "taps", "TapsPerUser=8\n", LAB_IS "taps=8", NULL },
        { "taps-none", "TapsPerUser=0\n", LAB_IS "taps=0", NULL },
        { "taps-most", "TapsPerUser=10000\n", LAB_IS "taps=10000", NULL },
        { "shared", "Shared=yes\n", LAB_IS "taps=0 shared", NULL },
        { "not-shared", "Shared=off\n", LAB_IS "taps=0", NULL },
        { "groups", "Groups=students 0\n", LAB_IS "group=1500 group=0 taps=0", NULL },
        { "comment", "# VLAN=20\n; TapsPerUser=8\n", LAB_IS "taps=0", NULL },

        /* A line that is not understood may be one that was to narrow the grant. */
        { "unknown-key", "VLAN=20\n", OFF, "VLAN" },
        { "unknown-key-first", "Foo=1\nTapsPerUser=8\n", OFF, "Foo" },
        { "key-of-other-section", "MultiQueue=yes\n", OFF, "MultiQueue" },
        { "key-with-other-case", "tapsperuser=1\n", OFF, "tapsperuser" },
        { "repeated-key", "Names=x*\n", OFF, "Names" },
        { "repeated-key-same-value", "Names=lab*\n", OFF, "Names" },
        { "stray-line", "TapsPerUser 8\n", OFF, "" },
        { "stray-no-key", "=8\n", OFF, "" },
        { "taps-float", "TapsPerUser=1e3\n", OFF, "TapsPerUser=: \"1e3\"" },
        { "taps-negative", "TapsPerUser=-1\n", OFF, "TapsPerUser=: \"-1\"" },
        { "taps-plus", "TapsPerUser=+1\n", OFF, "TapsPerUser=: \"+1\"" },
        { "taps-empty", "TapsPerUser=\n", OFF, "TapsPerUser=: \"\"" },
        { "taps-too-many", "TapsPerUser=10001\n", OFF, "TapsPerUser=: \"10001\"" },
        { "taps-overflow", "TapsPerUser=4294967297\n", OFF, "TapsPerUser=: \"4294967297\"" },
        { "taps-comment-behind", "TapsPerUser=8 # a few\n", OFF, "TapsPerUser=: \"8 # a few\"" },
        { "shared-word", "Shared=maybe\n", OFF, "Shared=: \"maybe\"" },
        { "shared-escape", "Shared=\033[2J\n", OFF, "Shared=: \"\\x1b[2J\"" },
        { "groups-65535", "Groups=65535\n", OFF, "Groups=: \"65535\"" },
        { "groups-overflow", "Groups=4294967296\n", OFF, "Groups=: \"4294967296\"" },
        { "groups-number-and-letter", "Groups=104x\n", OFF, "Groups=: \"104x\"" },

        /* It may come with a directory. */
        { "groups-unknown", "Groups=nosuch students\n", LAB_IS "group=1500 taps=0", "Groups=: \"nosuch\"" },
};

static void test_grant(const void *data) {
        const GrantCase *row = data;
        g_autofree char *text = g_strconcat(LAB, row->lines, OTHER, NULL);
        g_autofree char *grants = g_strconcat(row->grant, "; " OTHER_IS, NULL);
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_text(ETC, text);
        loaded = load();
        check_grants(&loaded.config, grants);
        check_complaint(&loaded, row->complaint ? ETC ":4: " : NULL);
        if (row->complaint)
                check_complaint(&loaded, row->complaint);
        loaded_done(&loaded);
        scratch_free(scratch);
}

/* One key alone in a grant. */
static void test_line(const void *data) {
        const GrantCase *row = data;
        g_autofree char *text = g_strconcat("[Grant lab]\n", row->lines, NULL);
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text(ETC, text);
        check_loaded(row->grant, row->complaint);
        scratch_free(scratch);
}

static const GrantCase users_cases[] = {
        { "user", "Users=alice\n", "lab: user=1000 taps=0", NULL },
        { "number", "Users=1001\n", "lab: user=1001 taps=0", NULL },
        { "group", "Users=@kvm\n", "lab: user=@104 taps=0", NULL },
        { "group-number", "Users=@1500\n", "lab: user=@1500 taps=0", NULL },
        { "root", "Users=root\n", "lab: user=0 taps=0", NULL },
        { "several", "Users=alice  @students\t1001\n", "lab: user=1000 user=1001 user=@1500 taps=0", NULL },
        { "nobody", "Users=\n", "lab: taps=0", NULL },
        { "unknown", "Users=nosuch\n", "lab: taps=0", ETC ":2: Users=: \"nosuch\"" },
        { "unknown-first", "Users=nosuch alice\n", "lab: user=1000 taps=0", ETC ":2: Users=: \"nosuch\"" },
        { "unknown-last", "Users=alice nosuch\n", "lab: user=1000 taps=0", ETC ":2: Users=: \"nosuch\"" },
        { "unknown-group", "Users=@nosuch bob\n", "lab: user=1001 taps=0", ETC ":2: Users=: \"@nosuch\"" },
        { "user-is-no-group", "Users=@alice\n", "lab: taps=0", ETC ":2: Users=: \"@alice\"" },
        { "group-is-no-user", "Users=students\n", "lab: taps=0", ETC ":2: Users=: \"students\"" },
        { "star", "Users=*\n", "lab: taps=0", ETC ":2: Users=: \"*\"" },
        { "65535", "Users=alice 65535\n", OFF, ETC ":2: Users=: \"65535\"" },
        { "4294967295", "Users=4294967295\n", OFF, ETC ":2: Users=: \"4294967295\"" },
        { "overflow-to-root", "Users=4294967296\n", OFF, ETC ":2: Users=: \"4294967296\"" },
        { "overflow", "Users=99999999999999999999 alice\n", OFF, ETC ":2: Users=: \"99999999999999999999\"" },
        { "number-and-letter", "Users=65536x\n", OFF, ETC ":2: Users=: \"65536x\"" },
        { "leading-zero", "Users=01000\n", OFF, ETC ":2: Users=: \"01000\"" },
        { "no-group", "Users=@ alice\n", OFF, ETC ":2: Users=: \"@\"" },
        { "group-65535", "Users=@65535\n", OFF, ETC ":2: Users=: \"@65535\"" },
        { "group-overflow", "Users=@4294967296\n", OFF, ETC ":2: Users=: \"@4294967296\"" },
        { "continued", "Users=alice \\\n  bob\n", "lab: user=1000 user=1001 taps=0", NULL },
        { "commented-out", "Users=alice \\\n# bob \\\n  @students\n", "lab: user=1000 user=@1500 taps=0", NULL },
};

static const GrantCase names_cases[] = {
        { "one", "Names=tap1\n", "lab: name=tap1 taps=0", NULL },
        { "several", "Names=tap* vm-1\tLab_2*\n", "lab: name=tap* name=vm-1 name=Lab_2* taps=0", NULL },
        { "all", "Names=*\n", "lab: name=* taps=0", NULL },
        { "none", "Names=\n", "lab: taps=0", NULL },
        { "star-first", "Names=*tap\n", OFF, ETC ":2: Names=: \"*tap\"" },
        { "star-inside", "Names=t*p\n", OFF, ETC ":2: Names=: \"t*p\"" },
        { "star-twice", "Names=tap**\n", OFF, ETC ":2: Names=: \"tap**\"" },
        { "question-mark", "Names=tap?\n", OFF, ETC ":2: Names=: \"tap?\"" },
        { "set", "Names=[a-z]*\n", OFF, ETC ":2: Names=: \"[a-z]*\"" },
        { "not-set", "Names=!tap*\n", OFF, ETC ":2: Names=: \"!tap*\"" },
        { "backslash", "Names=tap\\a\n", OFF, ETC ":2: Names=: \"tap\\x5ca\"" },
        { "comma", "Names=tap*,vm*\n", OFF, ETC ":2: Names=: \"tap*,vm*\"" },
        { "one-of-two-wrong", "Names=tap* v?\n", OFF, ETC ":2: Names=: \"v?\"" },
        { "template", "Names=tap%d\n", OFF, ETC ":2: Names=: \"tap%d\"" },
        { "no-ascii", "Names=tap\xc3\xa9*\n", OFF, ETC ":2: Names=: \"tap\\xc3\\xa9*\"" },
};

/* Where its TAPs may be plugged in. */
static const GrantCase ports_cases[] = {
        { "switch", "Switches=dsw-host\n", "lab: switch=dsw-host taps=0", NULL },
        { "switches", "Switches=dsw-host br*\tvmbr0.10\n", "lab: switch=dsw-host switch=br* switch=vmbr0.10 taps=0",
          NULL },
        { "switch-all", "Switches=*\n", "lab: switch=* taps=0", NULL },
        { "switch-none", "Switches=\n", "lab: taps=0", NULL },
        { "switch-star-first", "Switches=*-host\n", OFF, ETC ":2: Switches=: \"*-host\"" },
        { "switch-star-inside", "Switches=dsw*host\n", OFF, ETC ":2: Switches=: \"dsw*host\"" },
        { "switch-star-twice", "Switches=br**\n", OFF, ETC ":2: Switches=: \"br**\"" },
        { "switch-question-mark", "Switches=br?\n", OFF, ETC ":2: Switches=: \"br?\"" },
        { "switch-set", "Switches=br[0-9]\n", OFF, ETC ":2: Switches=: \"br[0-9]\"" },
        { "switch-comma", "Switches=br0,br1\n", OFF, ETC ":2: Switches=: \"br0,br1\"" },
        { "switch-slash", "Switches=br/0\n", OFF, ETC ":2: Switches=: \"br/0\"" },
        { "switch-one-of-two-wrong", "Switches=br0 br?\n", OFF, ETC ":2: Switches=: \"br?\"" },
        { "switch-twice", "Switches=br0\nSwitches=br1\n", OFF, ETC ":3: \"Switches\" stands here twice" },
        { "switch-singular", "Switch=br0\n", OFF, ETC ":2: unknown key \"Switch\"" },

        { "vlan", "VLANs=20\n", "lab: vlan=20-20 taps=0", NULL },
        { "vlan-range", "VLANs=400-449\n", "lab: vlan=400-449 taps=0", NULL },
        { "vlan-many", "VLANs=1 20-29,400-449\t4094\n", "lab: vlan=1-1 vlan=20-29 vlan=400-449 vlan=4094-4094 taps=0",
          NULL },
        { "vlan-all", "VLANs=all\n", "lab: vlan=all taps=0", NULL },
        { "vlan-whole", "VLANs=1-4094\n", "lab: vlan=1-4094 taps=0", NULL },
        { "vlan-none", "VLANs=\n", OFF, ETC ":2: VLANs=: \"\"" },
        { "vlan-zero", "VLANs=0\n", OFF, ETC ":2: VLANs=: \"0\"" },
        { "vlan-zero-range", "VLANs=0-10\n", OFF, ETC ":2: VLANs=: \"0-10\"" },
        { "vlan-4095", "VLANs=4095\n", OFF, ETC ":2: VLANs=: \"4095\"" },
        { "vlan-to-4095", "VLANs=20 400-4095\n", OFF, ETC ":2: VLANs=: \"20 400-4095\"" },
        { "vlan-reversed", "VLANs=449-400\n", OFF, ETC ":2: VLANs=: \"449-400\"" },
        { "vlan-overflow", "VLANs=65556\n", OFF, ETC ":2: VLANs=: \"65556\"" },
        { "vlan-leading-zero", "VLANs=020\n", OFF, ETC ":2: VLANs=: \"020\"" },
        { "vlan-plus", "VLANs=+20\n", OFF, ETC ":2: VLANs=: \"+20\"" },
        { "vlan-open", "VLANs=400-\n", OFF, ETC ":2: VLANs=: \"400-\"" },
        { "vlan-open-first", "VLANs=-449\n", OFF, ETC ":2: VLANs=: \"-449\"" },
        { "vlan-colon", "VLANs=400:449\n", OFF, ETC ":2: VLANs=: \"400:449\"" },
        { "vlan-star", "VLANs=*\n", OFF, ETC ":2: VLANs=: \"*\"" },
        { "vlan-word", "VLANs=any\n", OFF, ETC ":2: VLANs=: \"any\"" },
        { "vlan-all-case", "VLANs=ALL\n", OFF, ETC ":2: VLANs=: \"ALL\"" },
        { "vlan-all-and-more", "VLANs=all 20\n", OFF, ETC ":2: VLANs=: \"all 20\"" },
        { "vlan-singular", "VLAN=20\n", OFF, ETC ":2: unknown key \"VLAN\"" },
        { "vlan-twice", "VLANs=20\nVLANs=30\n", OFF, ETC ":3: \"VLANs\" stands here twice" },

        { "trunk", "Trunk=yes\n", "lab: trunk taps=0", NULL },
        { "trunk-no", "Trunk=no\n", "lab: taps=0", NULL },
        { "trunk-empty", "Trunk=\n", OFF, ETC ":2: Trunk=: \"\"" },
        { "trunk-vlans", "Trunk=20-29\n", OFF, ETC ":2: Trunk=: \"20-29\"" },

        { "interface", "InterfaceIDs=vm-1 ovn-*\n", "lab: interface=vm-1 interface=ovn-* taps=0", NULL },
        { "interface-all", "InterfaceIDs=*\n", "lab: interface=* taps=0", NULL },
        { "interface-star-inside", "InterfaceIDs=ovn*web\n", OFF, ETC ":2: InterfaceIDs=: \"ovn*web\"" },
        { "interface-set", "InterfaceIDs=[a-z]*\n", OFF, ETC ":2: InterfaceIDs=: \"[a-z]*\"" },
        { "interface-singular", "InterfaceID=vm-1\n", OFF, ETC ":2: unknown key \"InterfaceID\"" },

        { "together", "Switches=dsw-host\nVLANs=400-449\nTrunk=yes\nInterfaceIDs=vm*\n",
          "lab: switch=dsw-host vlan=400-449 trunk interface=vm* taps=0", NULL },
};

/* More ranges than a grant holds are not cut. */
static void test_many_vlans(void) {
        g_autoptr(GString) lines = g_string_new("[Grant lab]\nVLANs="), is = g_string_new("lab:");
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        for (unsigned i = 1; i <= TRUNK_RANGES_MAX; i++) {
                g_string_append_printf(lines, "%u ", 10 * i);
                g_string_append_printf(is, " vlan=%u-%u", 10 * i, 10 * i);
        }
        g_string_append(is, " taps=0");
        put_text(ETC, lines->str);
        check_loaded(is->str, NULL);

        g_string_append(lines, "4000");
        put_text(ETC, lines->str);
        check_loaded(OFF, ETC ":2: VLANs=");
        scratch_free(scratch);
}

/* A later file narrows, widens, or spoils what an earlier one said. */
static void test_ports_merged(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text(ETC, "[Grant lab]\nSwitches=br0 br1\nVLANs=all\nTrunk=yes\nInterfaceIDs=*\n");
        put_text(ETC ".d/10.conf", "[Grant lab]\nSwitches=br2\nVLANs=20\nTrunk=no\nInterfaceIDs=vm-1\n");
        check_loaded("lab: switch=br2 vlan=20-20 interface=vm-1 taps=0", NULL);
        put_text(ETC ".d/20.conf", "[Grant lab]\nVLANs=all\n");
        check_loaded("lab: switch=br2 vlan=all interface=vm-1 taps=0", NULL);
        put_text(ETC ".d/30.conf", "[Grant lab]\nVLANs=30-\n");
        check_loaded(OFF, "VLANs=: \"30-\"");
        scratch_free(scratch);
}

/* Whole files: what is wrong outside a grant is a warning, and the grants stand; but for a key that only a grant has:
 * its head is mistyped, and nobody knows which one it was to narrow. */
static const GrantCase elsewhere_cases[] = {
        { "nothing", "", "", NULL },
        { "unknown-section", "[Grants]\nUsers=alice\n" OTHER, "other: off", ETC ":1: " },
        { "unknown-section-last", OTHER "[Foo]\nBar=1\n", OTHER_IS, ETC ":5: " },
        { "section-without-name", "[Grant]\nUsers=alice\n" OTHER, "other: off", ETC ":1: " },
        { "unknown-default", "[Defaults]\nFoo=1\n" OTHER, OTHER_IS, ETC ":2: " },
        { "repeated-default", "[Defaults]\nGroup=kvm\nGroup=students\n" OTHER, OTHER_IS, ETC ":3: " },
        { "bad-default", "[Defaults]\nMultiQueue=maybe\n" OTHER, OTHER_IS, ETC ":2: MultiQueue=: \"maybe\"" },
        { "unknown-group-default", "[Defaults]\nGroup=nosuch\n" OTHER, OTHER_IS, ETC ":2: Group=: \"nosuch\"" },
        { "stray-default", "[Defaults]\nhello\n" OTHER, OTHER_IS, ETC ":2: " },
        { "key-before-section", "Users=alice\n" OTHER, "other: off", ETC ":1: " },
        { "switches-in-no-grant", "[Defaults]\nSwitches=br0\n" OTHER, "other: off",
          ETC ":2: \"Switches\" stands in no grant" },
        { "vlans-in-no-grant", "[Foo]\nVLANs=20\n" OTHER, "other: off", ETC ":1: " },
        { "trunk-in-no-grant", "Trunk=no\n" OTHER, "other: off", ETC ":1: \"Trunk\" stands in no grant" },
        { "interface-ids-in-no-grant", "[Defaults]\nInterfaceIDs=vm-1\n" OTHER, "other: off",
          ETC ":2: \"InterfaceIDs\" stands in no grant" },
        { "stray-before-section", "hello\n" OTHER, OTHER_IS, ETC ":1: " },
        { "byte-order-mark", "\xef\xbb\xbf" OTHER, OTHER_IS, NULL },
        { "windows", "[Grant other]\r\nUsers=bob\r\nNames=vm*\r\nTapsPerUser=1\r\n", OTHER_IS, NULL },
        { "no-final-newline", "[Grant other]\nUsers=bob\nNames=vm*\nTapsPerUser=1", OTHER_IS, NULL },
};

static void test_elsewhere(const void *data) {
        const GrantCase *row = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text(ETC, row->lines);
        check_loaded(row->grant, row->complaint);
        scratch_free(scratch);
}

static void check_defaults(const char *text, gid_t group, bool multi_queue) {
        Loaded loaded;

        put_text(ETC, text);
        loaded = load();
        g_assert_cmpuint(loaded.config.defaults.group, ==, group);
        g_assert_cmpint(loaded.config.defaults.multi_queue, ==, multi_queue);
        loaded_done(&loaded);
}

static void test_defaults(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        check_defaults("# nothing\n", TAPD_ID_UNSET, true);
        check_defaults("[Defaults]\nGroup=kvm\nMultiQueue=no\n", SCRATCH_KVM, false);
        check_defaults("[Defaults]\nGroup=1500\nMultiQueue=on\n", SCRATCH_STUDENTS, true);
        check_defaults("[Defaults]\nGroup=nosuch\nMultiQueue=maybe\n", TAPD_ID_UNSET, true);
        check_defaults("[Defaults]\nGroup=65535\n", TAPD_ID_UNSET, true);
        scratch_free(scratch);
}

/* A value of a later file that says nothing leaves the earlier one. */
static void test_defaults_kept(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text(LIB ".d/10.conf", "[Defaults]\nGroup=nosuch\nMultiQueue=maybe\n");
        check_defaults("[Defaults]\nGroup=kvm\nMultiQueue=no\n", SCRATCH_KVM, false);
        scratch_free(scratch);
}

static void test_no_files(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        check_loaded("", NULL);
        put_folder("/etc/tapd/tapd.conf.d");
        check_loaded("", NULL);
        scratch_free(scratch);
}

/* What no one listens to is read all the same, and the paths of another root are as short. */
static void test_root(void) {
        Scratch *scratch = scratch_enter();
        Config config;

        if (!scratch)
                return;

        put_text("/srv/host" ETC, LAB "Foo=1\n");
        put_text("/srv/host" ETC ".d/10.conf", OTHER);
        put_text(ETC, LAB);
        g_assert_cmpint(config_load("/srv/host", NULL, NULL, NULL, &config), ==, 0);
        check_grants(&config, OFF "; " OTHER_IS);
        config_done(&config);
        scratch_free(scratch);
}

typedef struct File {
        const char *path, *text; /* NULL: a link to /dev/null */
} File;

typedef struct FilesCase {
        const char *label;
        File files[6];
        const char *grants;
        const char *complaint;
} FilesCase;

#define TAPS(number) "[Grant lab]\nTapsPerUser=" number "\n"

static const FilesCase files_cases[] = {
        /* The main file is the first of three. */
        { "main-lib", { { LIB, TAPS("1") } }, "lab: taps=1", NULL },
        { "main-run", { { LIB, TAPS("1") }, { RUN, TAPS("2") } }, "lab: taps=2", NULL },
        { "main-etc", { { LIB, TAPS("1") }, { RUN, TAPS("2") }, { ETC, TAPS("3") } }, "lab: taps=3", NULL },
        { "main-is-not-merged", { { LIB, LAB }, { ETC, TAPS("3") } }, "lab: taps=3", NULL },
        { "main-masked", { { LIB, TAPS("1") }, { ETC, NULL } }, "", NULL },
        { "main-empty", { { LIB, TAPS("1") }, { ETC, "" } }, "", NULL },

        /* Drop-ins come after it, in the order of their names, wherever they are. */
        { "drop-in", { { LIB, TAPS("1") }, { LIB ".d/10.conf", TAPS("2") } }, "lab: taps=2", NULL },
        { "drop-in-alone", { { RUN ".d/10.conf", TAPS("2") } }, "lab: taps=2", NULL },
        { "drop-in-lib-after-main-etc", { { ETC, TAPS("1") }, { LIB ".d/10.conf", TAPS("2") } }, "lab: taps=2", NULL },
        { "drop-in-order",
          { { LIB ".d/20.conf", TAPS("20") }, { ETC ".d/15.conf", TAPS("15") }, { RUN ".d/10.conf", TAPS("10") } },
          "lab: taps=20",
          NULL },
        { "drop-in-order-etc-last",
          { { ETC ".d/30.conf", TAPS("30") }, { LIB ".d/20.conf", TAPS("20") }, { RUN ".d/10.conf", TAPS("10") } },
          "lab: taps=30",
          NULL },
        { "drop-in-order-is-of-bytes",
          { { ETC ".d/9.conf", TAPS("9") }, { ETC ".d/10.conf", TAPS("10") } },
          "lab: taps=9",
          NULL },
        { "drop-in-etc-hides-run",
          { { ETC ".d/10.conf", TAPS("3") }, { RUN ".d/10.conf", LAB } },
          "lab: taps=3",
          NULL },
        { "drop-in-run-hides-lib",
          { { RUN ".d/10.conf", TAPS("3") }, { LIB ".d/10.conf", LAB } },
          "lab: taps=3",
          NULL },
        { "drop-in-etc-hides-both",
          { { LIB ".d/10.conf", LAB }, { RUN ".d/10.conf", LAB }, { ETC ".d/10.conf", TAPS("3") } },
          "lab: taps=3",
          NULL },
        { "drop-in-masked-by-link",
          { { LIB, TAPS("1") }, { LIB ".d/10.conf", TAPS("2") }, { ETC ".d/10.conf", NULL } },
          "lab: taps=1",
          NULL },
        { "drop-in-masked-in-run", { { LIB ".d/10.conf", TAPS("2") }, { RUN ".d/10.conf", NULL } }, "", NULL },
        { "drop-in-masked-by-empty", { { LIB ".d/10.conf", TAPS("2") }, { ETC ".d/10.conf", "" } }, "", NULL },
        { "drop-in-mask-below-hides-nothing",
          { { ETC ".d/10.conf", TAPS("2") }, { LIB ".d/10.conf", NULL } },
          "lab: taps=2",
          NULL },
        { "drop-in-other-suffix",
          { { ETC ".d/10.conf.bak", LAB },
            { ETC ".d/10", LAB },
            { ETC ".d/10.conf~", LAB },
            { ETC ".d/10conf", LAB },
            { ETC ".d/README", "hello" } },
          "",
          NULL },

        /* Keys are merged into the section of the same name; a later file's value takes the place of an earlier one's.
         */
        { "merged-keys", { { ETC, LAB }, { ETC ".d/10.conf", TAPS("8") } }, LAB_IS "taps=8", NULL },
        { "merged-grants", { { ETC, LAB }, { ETC ".d/10.conf", OTHER } }, LAB_IS "taps=0; " OTHER_IS, NULL },
        { "replaced-lists",
          { { ETC, LAB }, { ETC ".d/10.conf", "[Grant lab]\nUsers=@students\nNames=x* y*\n" } },
          "lab: user=@1500 name=x* name=y* taps=0",
          NULL },
        { "emptied-lists",
          { { ETC, LAB }, { ETC ".d/10.conf", "[Grant lab]\nUsers=\nNames=\n" } },
          "lab: taps=0",
          NULL },
        { "replaced-groups",
          { { ETC, LAB "Groups=kvm students\n" }, { ETC ".d/10.conf", "[Grant lab]\nGroups=1\n" } },
          LAB_IS "group=1 taps=0",
          NULL },
        { "shared-taken-back",
          { { ETC, LAB "Shared=yes\n" }, { ETC ".d/10.conf", "[Grant lab]\nShared=no\n" } },
          LAB_IS "taps=0",
          NULL },

        /* What was to narrow a grant and cannot be understood turns it off; nothing turns it on again. */
        { "mistyped-drop-in",
          { { ETC, LAB }, { ETC ".d/10.conf", "[Grant lab]\nName=x*\n" } },
          OFF,
          ETC ".d/10.conf:2: " },
        { "mended-too-late", { { ETC, LAB "Foo=1\n" }, { ETC ".d/10.conf", TAPS("8") } }, OFF, ETC ":4: " },
        { "off-alone",
          { { ETC, OTHER }, { ETC ".d/10.conf", LAB "hello\n" } },
          OTHER_IS "; " OFF,
          ETC ".d/10.conf:4: " },
};

static void put_file(const File *file) {
        if (file->text)
                put_text(file->path, file->text);
        else
                put_link("/dev/null", file->path);
}

static void test_files(const void *data) {
        const FilesCase *row = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        for (size_t i = 0; i < G_N_ELEMENTS(row->files) && row->files[i].path; i++)
                put_file(&row->files[i]);
        check_loaded(row->grants, row->complaint);
        scratch_free(scratch);
}

#define SPOILT ETC ".d/50.conf"
/* What it says where it is read after all. */
#define NARROW "[Grant lab]\nUsers=\n"

static void world_writable(void) {
        put_text(SPOILT, NARROW);
        g_assert_cmpint(g_chmod(SPOILT, 0646), ==, 0);
}

static void group_writable(void) {
        put_text(SPOILT, NARROW);
        g_assert_cmpint(g_chmod(SPOILT, 0664), ==, 0);
}

static void fifo(void) {
        put_folder(ETC ".d");
        g_assert_cmpint(mkfifo(SPOILT, 0644), ==, 0);
}

static void folder(void) {
        put_folder(SPOILT);
}

static void link_to_home(void) {
        put_text("/home/alice/50.conf", NARROW);
        g_assert_cmpint(g_chmod("/home/alice", 0777), ==, 0);
        put_link("/home/alice/50.conf", SPOILT);
}

static void link_to_mask_at_home(void) {
        put_link("/dev/null", "/home/alice/50.conf");
        g_assert_cmpint(g_chmod("/home/alice", 0777), ==, 0);
        put_link("/home/alice/50.conf", SPOILT);
}

static void dangling_link(void) {
        put_link("/absent", SPOILT);
}

static void nul(void) {
        static const char bytes[] = "[Grant lab]\nUsers=\0alice\n";

        put_bytes(SPOILT, bytes, sizeof(bytes) - 1);
}

static void long_line(void) {
        g_autofree char *text = repeat("#", CONF_LINE_MAX + 1);

        put_text(SPOILT, text);
}

static void large(void) {
        g_autofree char *text = repeat("\n", CONF_FILE_MAX + 1);

        put_text(SPOILT, text);
}

/* Who may write the folder can mask a file in it, or take it away. */
static void writable_folder(void) {
        put_text(SPOILT, NARROW);
        g_assert_cmpint(g_chmod(ETC ".d", 0777), ==, 0);
}

static void folder_loop(void) {
        put_link("tapd.conf.d", ETC ".d");
}

static void folder_is_file(void) {
        put_text(ETC ".d", NARROW);
}

typedef struct SpoilCase {
        const char *label;
        void (*spoil)(void);
        const char *complaint;
} SpoilCase;

static const SpoilCase spoil_cases[] = {
        { "world-writable", world_writable, SPOILT },
        { "group-writable", group_writable, SPOILT },
        { "fifo", fifo, SPOILT },
        { "folder", folder, SPOILT },
        { "link-to-home", link_to_home, SPOILT },
        { "link-to-mask-at-home", link_to_mask_at_home, SPOILT },
        { "dangling-link", dangling_link, SPOILT },
        { "nul", nul, SPOILT ":2: " },
        { "long-line", long_line, SPOILT ":1: " },
        { "large", large, SPOILT },
        { "writable-folder", writable_folder, ETC ".d" },
        { "folder-loop", folder_loop, ETC ".d" },
        { "folder-is-file", folder_is_file, ETC ".d" },
};

/* Nobody knows which grant the file was to narrow: none is left. All else of the others is loaded. */
static void check_spoilt(const char *complaint) {
        Loaded loaded = load();

        check_grants(&loaded.config, OFF "; other: off");
        check_complaint(&loaded, complaint);
        g_assert_cmpuint(loaded.config.defaults.group, ==, SCRATCH_KVM);
        loaded_done(&loaded);
}

static void put_spoilt_neighbours(void) {
        put_text(LIB, LAB);
        put_text(LIB ".d/90.conf", "[Defaults]\nGroup=kvm\n" OTHER);
}

static void test_spoilt(const void *data) {
        const SpoilCase *row = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_spoilt_neighbours();
        row->spoil();
        check_spoilt(row->complaint);
        scratch_free(scratch);
}

/* The first complaint is about the spoilt file; it hides a file of the same name below it, as it would unspoilt. */
static void test_spoilt_hides(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_spoilt_neighbours();
        put_text(LIB ".d/50.conf", "[Grant third]\nUsers=alice\n");
        world_writable();
        check_spoilt(SPOILT);
        scratch_free(scratch);
}

static void test_spoilt_main(void) {
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_text(LIB, LAB);
        put_text(ETC, OTHER);
        g_assert_cmpint(g_chmod(ETC, 0666), ==, 0);
        put_text(ETC ".d/10.conf", TAPS("8"));
        check_loaded(OFF, ETC);
        scratch_free(scratch);
}

static void test_spoilt_owner(const void *data) {
        const char *alices = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_spoilt_neighbours();
        put_text(SPOILT, NARROW);
        if (give_away(alices))
                check_spoilt(ETC ".d");
        scratch_free(scratch);
}

/* tapd is not root: what only root may read is there for all that. */
static void test_unreadable(const void *data) {
        const char *path = data;
        Scratch *scratch = scratch_enter();

        if (!scratch)
                return;

        put_spoilt_neighbours();
        put_text(SPOILT, NARROW);
        g_assert_cmpint(chmod(path, g_file_test(path, G_FILE_TEST_IS_DIR) ? 0700 : 0600), ==, 0);
        if (seteuid(SCRATCH_BOB) == 0) {
                check_spoilt("/etc/tapd");
                g_assert_cmpint(seteuid(0), ==, 0);
        } else {
                g_test_skip("needs a second user: this user namespace has one");
        }
        scratch_free(scratch);
}

/* Messages and polkit rules know a grant by its name: what cannot be shown is no name. */
static void test_strange_names(void) {
        static const char *const names[] = { "\xff", "a\033[2J", "a\xc2\x9b", "a\xe2\x80\xae" };

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *text =
                        g_strdup_printf("[Grant %s]\nUsers=alice\n[Grant %sx]\nFoo=1\n", names[i], names[i]);
                Scratch *scratch = scratch_enter();
                Loaded loaded;

                if (!scratch)
                        return;

                put_text(ETC, text);
                loaded = load();
                check_complaint(&loaded, ETC);
                for (size_t k = 0; k < loaded.config.n_grants; k++)
                        g_assert_true(loaded.config.grants[k].is_off ||
                                      text_is_printable(loaded.config.grants[k].name));
                loaded_done(&loaded);
                scratch_free(scratch);
        }
}

/* An unterminated section: what stands below it goes to no grant. */
static void test_unterminated(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_text(ETC, "[Grant other\nUsers=bob\n" OTHER "[Grant lab\nUsers=alice\nNames=lab*\n");
        loaded = load();
        check_complaint(&loaded, ETC ":1: ");
        for (size_t i = 0; i < loaded.config.n_grants; i++)
                for (size_t k = 0; k < loaded.config.grants[i].users.n_ids; k++)
                        g_assert_cmpuint(loaded.config.grants[i].users.ids[k], ==, SCRATCH_BOB);
        loaded_done(&loaded);
        scratch_free(scratch);
}

/* Two sections of one name in a file, as two stanzas of one Name=: an error that names the line, and nothing is wider
 * than the first. */
static void test_repeated_section(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_text(ETC, LAB "[Grant lab]\nUsers=bob\nShared=yes\n");
        loaded = load();
        check_complaint(&loaded, ETC ":4: ");
        g_assert_cmpuint(loaded.config.n_grants, ==, 1);
        g_assert_true(loaded.config.grants[0].is_off || !loaded.config.grants[0].shared);
        loaded_done(&loaded);
        scratch_free(scratch);
}

static void test_many(void) {
        Scratch *scratch = scratch_enter();
        GString *text = g_string_new(NULL);
        gint64 begun;
        Loaded loaded;

        for (unsigned i = 0; i < 50000; i++)
                g_string_append_printf(text, "[Grant g%u]\n", i);

        if (scratch) {
                put_text(ETC, text->str);
                begun = g_get_monotonic_time();
                loaded = load();
                g_assert_cmpint(g_get_monotonic_time() - begun, <, 3 * G_USEC_PER_SEC);
                loaded_done(&loaded);
                scratch_free(scratch);
        }

        g_string_free(text, TRUE);
}

/* The file of the package: exactly the grant of the design, and nothing to complain of. */
static void test_shipped(void) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "systemd", "tapd.conf", NULL), *text = NULL;
        Scratch *scratch;
        Loaded loaded;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        scratch = text ? scratch_enter() : NULL;
        if (!scratch)
                return;

        put_text(LIB, text);
        loaded = load();
        check_grants(&loaded.config, "kvm: user=@104 name=tap* name=vm* name=lab* taps=32 shared");
        check_complaint(&loaded, NULL);
        g_assert_cmpuint(loaded.config.defaults.group, ==, SCRATCH_KVM);
        g_assert_true(loaded.config.defaults.multi_queue);
        loaded_done(&loaded);
        scratch_free(scratch);
}

static void add_grants(const char *prefix, const GrantCase *cases, size_t n_cases, GTestDataFunc test) {
        for (size_t i = 0; i < n_cases; i++) {
                g_autofree char *path = g_strconcat(prefix, cases[i].label, NULL);

                g_test_add_data_func(path, &cases[i], test);
        }
}

static void add_files(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(files_cases); i++) {
                g_autofree char *path = g_strconcat("/config/files/", files_cases[i].label, NULL);

                g_test_add_data_func(path, &files_cases[i], test_files);
        }

        for (size_t i = 0; i < G_N_ELEMENTS(spoil_cases); i++) {
                g_autofree char *path = g_strconcat("/config/spoilt/", spoil_cases[i].label, NULL);

                g_test_add_data_func(path, &spoil_cases[i], test_spoilt);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        add_grants("/config/grant/", grant_cases, G_N_ELEMENTS(grant_cases), test_grant);
        add_grants("/config/users/", users_cases, G_N_ELEMENTS(users_cases), test_line);
        add_grants("/config/names/", names_cases, G_N_ELEMENTS(names_cases), test_line);
        add_grants("/config/ports/", ports_cases, G_N_ELEMENTS(ports_cases), test_line);
        add_grants("/config/elsewhere/", elsewhere_cases, G_N_ELEMENTS(elsewhere_cases), test_elsewhere);
        add_files();
        g_test_add_func("/config/spoilt-hides", test_spoilt_hides);
        g_test_add_func("/config/spoilt-main", test_spoilt_main);
        g_test_add_data_func("/config/owner/file", SPOILT, test_spoilt_owner);
        g_test_add_data_func("/config/owner/folder", ETC ".d", test_spoilt_owner);
        g_test_add_data_func("/config/unreadable/file", SPOILT, test_unreadable);
        g_test_add_data_func("/config/unreadable/folder", ETC ".d", test_unreadable);
        g_test_add_data_func("/config/unreadable/main-folder", "/etc/tapd", test_unreadable);
        g_test_add_func("/config/defaults", test_defaults);
        g_test_add_func("/config/defaults-kept", test_defaults_kept);
        g_test_add_func("/config/no-files", test_no_files);
        g_test_add_func("/config/root", test_root);
        g_test_add_func("/config/many-vlans", test_many_vlans);
        g_test_add_func("/config/ports-merged", test_ports_merged);
        g_test_add_func("/config/strange-names", test_strange_names);
        g_test_add_func("/config/unterminated", test_unterminated);
        g_test_add_func("/config/repeated-section", test_repeated_section);
        g_test_add_func("/config/many", test_many);
        g_test_add_func("/config/shipped", test_shipped);

        return g_test_run();
}
