/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* .tap files: what they declare, and that what is wrong in one disables that one and is said with file and line. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "names.h"
#include "scratch.h"
#include "text.h"
#include "want.h"

/* A reader that waits for a FIFO's other end would take longer. */
#define BLOCKED_SECONDS 5

#define STATE "/var/lib/tapd"

typedef struct Loaded {
        Config config;
        GPtrArray *complaints; /* "/etc/tapd/taps.d/a.tap:3: what is wrong" */
} Loaded;

static void on_complaint(const char *path, unsigned line, const char *text, void *userdata) {
        g_assert_true(text_is_printable(text));
        g_ptr_array_add(userdata, g_strdup_printf("%s:%u: %s", path, line, text));
}

static Loaded load(void) {
        Loaded loaded = { .complaints = g_ptr_array_new_with_free_func(g_free) };

        (void) alarm(BLOCKED_SECONDS);
        g_assert_cmpint(config_load("", STATE, on_complaint, loaded.complaints, &loaded.config), ==, 0);
        (void) alarm(0);
        return loaded;
}

static void loaded_done(Loaded *loaded) {
        g_ptr_array_unref(loaded->complaints);
        config_done(&loaded->config);
}

static const Declaration *find(const Loaded *loaded, const char *name) {
        return declarations_find(&loaded->config.declared, name);
}

static bool has_complaint(const Loaded *loaded, const char *part) {
        for (guint i = 0; i < loaded->complaints->len; i++)
                if (strstr(loaded->complaints->pdata[i], part))
                        return true;

        for (guint i = 0; i < loaded->complaints->len; i++)
                g_test_message("%s", (char *) loaded->complaints->pdata[i]);
        return false;
}

static void put_defaults(void) {
        put_text("/etc/tapd/tapd.conf", "[Defaults]\nGroup=kvm\n");
}

#define A "/etc/tapd/taps.d/a.tap"
#define GOOD "/etc/tapd/taps.d/z.tap"

/* ---- one line each ---- */

typedef struct LineCase {
        const char *text;
        unsigned line;
        const char *complaint; /* at that line; NULL: it declares tap5 */
} LineCase;

#define TAP "[Tap]\nName=tap5\n"

static const LineCase line_cases[] = {
        { TAP, 0, NULL },
        { "[Tap]\nName=tap5", 0, NULL },
        { "\xef\xbb\xbf" TAP, 0, NULL },
        { "[Tap]\r\nName=tap5\r\nMTUBytes=1400\r\n", 0, NULL },
        { "# word\n; word\n\n" TAP, 0, NULL },
        { TAP "Kind=tun\nUser=alice\nGroup=students\nMultiQueue=off\nVNetHeader=1\nPacketInfo=true\nUp=no\n"
              "Description=a b\nMTUBytes=68\nTransmitQueueLength=0\nManagers=alice @students\n",
          0, NULL },
        { TAP "MACAddress=02:00:00:00:00:05\nShared=yes\n[Port]\nSwitch=br0\nVLAN=4094\nTrunk=1 2-9 400-449\n"
              "Isolated=yes\nInterfaceID=vm-1\n",
          0, NULL },

        /* Each key with a value that is none of its own. */
        { "[Tap]\nName=\n", 2, "Name=" },
        { "[Tap]\nName=tap 5\n", 2, "Name=" },
        { "[Tap]\nName=5\n", 2, "Name=" },
        { "[Tap]\nName=averyveryverylongname\n", 2, "Name=" },
        { "[Tap]\nName=vnet1\n", 2, "Name=" },
        { "[Tap]\nName=tap%s\n", 2, "Name=" },
        { "[Tap]\nName=tap%d%d\n", 2, "Name=" },
        { "[Tap]\nName=tap\x1b[31m\n", 2, "Name=" },
        { "[Tap]\nMTUBytes=1500\n", 0, "Name=: is missing" },
        { "", 0, NULL }, /* masked: see below */
        { TAP "Kind=macvtap\n", 3, "Kind=" },
        { TAP "Kind=\n", 3, "Kind=" },
        { TAP "User=nobody-of-that-name\n", 3, "User=" },
        { TAP "User=\n", 3, "User=" },
        { TAP "User=65535\n", 3, "User=" },
        { TAP "User=4294967295\n", 3, "User=" },
        { TAP "User=-1\n", 3, "User=" },
        { TAP "Group=nobody-of-that-name\n", 3, "Group=" },
        { TAP "Group=65535\n", 3, "Group=" },
        { TAP "Group=\n", 2, "open to every user" },
        { TAP "Shared=perhaps\n", 3, "Shared=" },
        { TAP "Shared=yes\nUser=alice\n", 2, "Shared=" },
        { TAP "MultiQueue=2\n", 3, "MultiQueue=" },
        { TAP "VNetHeader=\n", 3, "VNetHeader=" },
        { TAP "PacketInfo=y e s\n", 3, "PacketInfo=" },
        { TAP "Up=si\n", 3, "Up=" },
        { TAP "Description=a\x01\n", 3, "Description=" },
        { TAP "MACAddress=02:00:00:00:00\n", 3, "MACAddress=" },
        { TAP "MACAddress=01:00:5e:00:00:01\n", 3, "MACAddress=" },
        { TAP "MACAddress=00:00:00:00:00:00\n", 3, "MACAddress=" },
        { TAP "Kind=tun\nMACAddress=02:00:00:00:00:05\n", 2, "MACAddress=" },
        { TAP "MTUBytes=67\n", 3, "MTUBytes=" },
        { TAP "MTUBytes=65522\n", 3, "MTUBytes=" },
        { TAP "MTUBytes=1e3\n", 3, "MTUBytes=" },
        { TAP "MTUBytes=+1500\n", 3, "MTUBytes=" },
        { TAP "MTUBytes=01500\n", 3, "MTUBytes=" },
        { TAP "MTUBytes=99999999999999999999\n", 3, "MTUBytes=" },
        { TAP "TransmitQueueLength=10001\n", 3, "TransmitQueueLength=" },
        { TAP "Managers=5x\n", 3, "Managers=" },
        { TAP "Managers=65535\n", 3, "Managers=" },
        { TAP "Count=4\n", 2, "Count=" },
        { TAP "First=4\n", 2, "First=" },
        { "[Tap]\nName=tap%d\n", 2, "Count=" },
        { "[Tap]\nName=tap%d\nCount=0\n", 3, "Count=" },
        { "[Tap]\nName=tap%d\nCount=10001\n", 3, "Count=" },
        { "[Tap]\nName=tap%d\nCount=many\n", 3, "Count=" },
        { "[Tap]\nName=tap%d\nCount=2\nFirst=-1\n", 4, "First=" },
        { "[Tap]\nName=tap%d\nCount=2\nFirst=65536\n", 4, "First=" },
        { "[Tap]\nName=averylongname%d\nCount=200\n", 2, "too long" },
        { "[Tap]\nName=tap%d\nCount=2\nMACAddress=02:00:00:00:00:05\n", 2, "MACAddress=" },
        { TAP "[Port]\nSwitch=\n", 4, "Switch=" },
        { TAP "[Port]\nSwitch=averyverylongname\n", 4, "Switch=" },
        { TAP "[Port]\nSwitch=a/b\n", 4, "Switch=" },
        { TAP "[Port]\nSwitch=..\n", 4, "Switch=" },
        { TAP "[Port]\nSwitch=*\n", 4, "Switch=" },
        { TAP "[Port]\nVLAN=20\n", 2, "Switch=: is missing" },
        { TAP "[Port]\nSwitch=br0\nVLAN=0\n", 5, "VLAN=" },
        { TAP "[Port]\nSwitch=br0\nVLAN=4095\n", 5, "VLAN=" },
        { TAP "[Port]\nSwitch=br0\nVLAN=65536\n", 5, "VLAN=" },
        { TAP "[Port]\nSwitch=br0\nVLAN=20 30\n", 5, "VLAN=" },
        { TAP "[Port]\nSwitch=br0\nVLAN=\n", 5, "VLAN=" },
        { TAP "[Port]\nSwitch=br0\nTrunk=\n", 5, "Trunk=" },
        { TAP "[Port]\nSwitch=br0\nTrunk=29-20\n", 5, "Trunk=" },
        { TAP "[Port]\nSwitch=br0\nTrunk=20-\n", 5, "Trunk=" },
        { TAP "[Port]\nSwitch=br0\nTrunk=20,30\n", 0, NULL },
        { TAP "[Port]\nSwitch=br0\nTrunk=0-4095\n", 5, "Trunk=" },
        { TAP "[Port]\nSwitch=br0\nTrunk=20-29 25\n", 5, "twice" },
        { TAP "[Port]\nSwitch=br0\nTrunk=25 20-29\n", 5, "twice" },
        { TAP "[Port]\nSwitch=br0\nTrunk=20-29\nVLAN=20\n", 2, "VLAN= as well" },
        { TAP "[Port]\nSwitch=br0\nIsolated=yess\n", 5, "Isolated=" },
        { TAP "[Port]\nSwitch=br0\nInterfaceID=\n", 5, "InterfaceID=" },
        { TAP "Kind=tun\n[Port]\nSwitch=br0\n", 2, "Kind=tap" },

        /* What is not in the syntax, or not in the file's. */
        { TAP "MTUByte=1500\n", 3, "unknown key \"MTUByte\"" },
        { TAP "mtubytes=1500\n", 3, "unknown key" },
        { TAP "VLAN=20\n", 3, "unknown key \"VLAN\"" },
        { TAP "[Port]\nSwitch=br0\nIsolate=yes\n", 5, "unknown key \"Isolate\"" },
        { TAP "MTUBytes=1500\nMTUBytes=1500\n", 4, "twice" },
        { TAP "[Tap]\nUp=no\n", 3, "twice" },
        { TAP "[Switch]\nName=br0\n", 3, "unknown section [Switch]" },
        { "Name=tap5\n[Tap]\n", 1, "before the first section" },
        { TAP "yes\n", 3, "neither" },
        { TAP "[Port\nSwitch=br0\n", 3, "without its ]" },
        { TAP "=5\n", 3, "neither" },
};

static void test_line(const void *data) {
        const LineCase *row = data;
        g_autofree char *expected = NULL, *why = NULL;
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text(A, row->text);
        put_text(GOOD, "[Tap]\nName=tap99\n");
        loaded = load();

        /* Whatever is wrong with one, the other is declared. */
        g_assert_nonnull(find(&loaded, "tap99"));
        if (row->complaint) {
                g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 1);
                g_assert_cmpuint(loaded.config.declared.n_bad, ==, 1);
                expected = g_strdup_printf("%s:%u: ", A, row->line);
                g_assert_true(has_complaint(&loaded, expected));
                g_assert_true(has_complaint(&loaded, row->complaint));
                why = g_strdup_printf(row->line > 0 ? "%s:%u: " : "%s: ", A, row->line);
                g_assert_true(g_str_has_prefix(declarations_why_bad(&loaded.config.declared, A), why));
                g_assert_null(declarations_why_bad(&loaded.config.declared, GOOD));
        } else {
                g_assert_cmpuint(loaded.complaints->len, ==, 0);
                g_assert_cmpuint(loaded.config.declared.n_bad, ==, 0);
                g_assert_true(!find(&loaded, "tap5") == !*row->text);
        }

        loaded_done(&loaded);
        scratch_free(scratch);
}

/* ---- one file each ---- */

static void spoil_owner(void) {
        g_assert_cmpint(chown(A, SCRATCH_ALICE, 0), ==, 0);
}

static void spoil_mode(void) {
        g_assert_cmpint(chmod(A, 0666), ==, 0);
}

static void spoil_group_mode(void) {
        g_assert_cmpint(chmod(A, 0664), ==, 0);
}

static void spoil_link(void) {
        g_assert_cmpint(unlink(A), ==, 0);
        put_text("/home/alice/mine.tap", TAP);
        g_assert_cmpint(chown("/home/alice", SCRATCH_ALICE, 0), ==, 0);
        put_link("/home/alice/mine.tap", A);
}

/* Root's, and all the same out of the daemon's sight. */
static void spoil_link_home(void) {
        g_assert_cmpint(unlink(A), ==, 0);
        put_text("/root/mine.tap", TAP);
        put_link("/root/mine.tap", A);
}

static void spoil_fifo(void) {
        g_assert_cmpint(unlink(A), ==, 0);
        g_assert_cmpint(mkfifo(A, 0644), ==, 0);
}

static void spoil_folder(void) {
        g_assert_cmpint(unlink(A), ==, 0);
        put_folder(A);
}

static void spoil_nul(void) {
        put_bytes(A, TAP "Up=no\0Shared=no\n", sizeof(TAP "Up=no\0Shared=no\n") - 1);
}

static void spoil_long_line(void) {
        g_autofree char *long_text = repeat("x", 1024 * 1024 - 64),
                        *text = g_strconcat(TAP "Description=", long_text, "\n", NULL);

        put_text(A, text);
}

static void spoil_size(void) {
        g_autofree char *comments = repeat("# a word about it\n", 70000), *text = g_strconcat(TAP, comments, NULL);

        put_text(A, text);
}

static void spoil_loop(void) {
        g_assert_cmpint(unlink(A), ==, 0);
        put_link("a.tap", A);
}

static const struct {
        const char *label;
        void (*spoil)(void);
        const char *complaint;
} file_cases[] = {
        { "owner", spoil_owner, "not root's alone" },
        { "mode", spoil_mode, "not root's alone" },
        { "group-mode", spoil_group_mode, "not root's alone" },
        { "link-out", spoil_link, "not root's alone" },
        { "link-root", spoil_link_home, "not root's alone" },
        { "fifo", spoil_fifo, "not a regular file" },
        { "folder", spoil_folder, "not a regular file" },
        { "nul", spoil_nul, "NUL" },
        { "long-line", spoil_long_line, "4096 bytes" },
        { "size", spoil_size, "1 MiB" },
        { "loop", spoil_loop, "symbolic links" },
};

static void test_file(const void *data) {
        size_t i = GPOINTER_TO_SIZE(data);
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text(A, TAP);
        put_text(GOOD, "[Tap]\nName=tap99\n");
        file_cases[i].spoil();
        loaded = load();
        g_assert_nonnull(find(&loaded, "tap99"));
        g_assert_null(find(&loaded, "tap5"));
        g_assert_true(has_complaint(&loaded, A));
        g_assert_true(has_complaint(&loaded, file_cases[i].complaint));
        g_assert_nonnull(declarations_why_bad(&loaded.config.declared, A));
        loaded_done(&loaded);
        scratch_free(scratch);
}

/* ---- which files count ---- */

static void test_folders(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        /* Of one name the higher one's; a mask hides what is below. */
        put_text("/usr/lib/tapd/taps.d/one.tap", "[Tap]\nName=lib1\n");
        put_text("/etc/tapd/taps.d/one.tap", "[Tap]\nName=etc1\n");
        put_text("/usr/lib/tapd/taps.d/two.tap", "[Tap]\nName=lib2\n");
        put_link("/dev/null", "/run/tapd/taps.d/two.tap");
        put_text("/usr/lib/tapd/taps.d/three.tap", "[Tap]\nName=lib3\n");
        put_text("/etc/tapd/taps.d/three.tap", "");
        put_text("/run/tapd/taps.d/four.tap", "[Tap]\nName=run4\n");
        put_text(STATE "/taps.d/tap5.tap", "[Tap]\nName=tap5\n");
        put_text(STATE "/taps.d/one.tap", "[Tap]\nName=state1\n");
        put_text("/etc/tapd/taps.d/.hidden.tap", "[Tap]\nName=hidden1\n");
        put_text("/etc/tapd/taps.d/backup.tap~", "[Tap]\nName=backup1\n");
        /* tapd's own folder holds tapd's own files. */
        g_assert_cmpint(chown(STATE "/taps.d/tap5.tap", geteuid(), 0), ==, 0);
        loaded = load();
        g_assert_cmpuint(loaded.complaints->len, ==, 0);
        g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 3);
        g_assert_nonnull(find(&loaded, "etc1"));
        g_assert_nonnull(find(&loaded, "run4"));
        g_assert_nonnull(find(&loaded, "tap5"));
        g_assert_true(find(&loaded, "tap5")->file->is_state);
        g_assert_false(find(&loaded, "run4")->file->is_state);
        loaded_done(&loaded);
        scratch_free(scratch);
}

static void test_drop_ins(void) {
        Scratch *scratch = scratch_enter();
        const Declaration *declaration;
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text("/usr/lib/tapd/taps.d/a.tap", TAP "MTUBytes=1400\nDescription=lib\nManagers=bob\n");
        put_text("/etc/tapd/taps.d/a.tap.d/10-mtu.conf", "[Tap]\nMTUBytes=1300\n");
        put_text("/run/tapd/taps.d/a.tap.d/20-more.conf", "[Tap]\nTransmitQueueLength=5\nManagers=alice\n");
        put_text("/usr/lib/tapd/taps.d/a.tap.d/10-mtu.conf", "[Tap]\nMTUBytes=68\n");
        put_text("/etc/tapd/taps.d/b.tap.d/10-mtu.conf", "[Tap]\nName=tap6\n");
        loaded = load();
        g_assert_cmpuint(loaded.complaints->len, ==, 0);
        g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 1);
        declaration = find(&loaded, "tap5");
        g_assert_cmpuint(declaration->spec.mtu, ==, 1300);
        g_assert_cmpuint(declaration->spec.transmit_queue_length, ==, 5);
        g_assert_cmpstr(declaration->spec.description, ==, "lib");
        g_assert_cmpuint(declaration->file->managers.n_ids, ==, 1);
        g_assert_cmpuint(declaration->file->managers.ids[0], ==, SCRATCH_ALICE);
        loaded_done(&loaded);

        /* What is wrong in a drop-in is the file's. */
        put_text("/etc/tapd/taps.d/a.tap.d/10-mtu.conf", "[Tap]\n\nMTUBytes=none\n");
        loaded = load();
        g_assert_null(find(&loaded, "tap5"));
        g_assert_true(has_complaint(&loaded, "/etc/tapd/taps.d/a.tap.d/10-mtu.conf:3: MTUBytes="));
        loaded_done(&loaded);

        put_text("/etc/tapd/taps.d/a.tap.d/10-mtu.conf", "[Tap]\n");
        g_assert_cmpint(chmod("/etc/tapd/taps.d/a.tap.d", 0777), ==, 0);
        loaded = load();
        g_assert_null(find(&loaded, "tap5"));
        g_assert_true(has_complaint(&loaded, "not root's alone"));
        loaded_done(&loaded);
        scratch_free(scratch);
}

static void test_unreadable_folder(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text(A, TAP);
        g_assert_cmpint(chmod("/etc/tapd/taps.d", 0777), ==, 0);
        loaded = load();
        g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 0);
        g_assert_true(loaded.config.declared.is_unreadable);
        g_assert_nonnull(declarations_why_bad(&loaded.config.declared, NULL));
        loaded_done(&loaded);
        scratch_free(scratch);
}

/* ---- many, and twice ---- */

static void test_count(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text(A, "[Tap]\nName=tap%d\nFirst=1\nCount=400\nManagers=@students\n");
        loaded = load();
        g_assert_cmpuint(loaded.complaints->len, ==, 0);
        g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 400);
        g_assert_null(find(&loaded, "tap0"));
        g_assert_nonnull(find(&loaded, "tap1"));
        g_assert_nonnull(find(&loaded, "tap400"));
        g_assert_null(find(&loaded, "tap401"));
        g_assert_cmpuint(find(&loaded, "tap7")->file->manager_groups.ids[0], ==, SCRATCH_STUDENTS);
        loaded_done(&loaded);

        put_text("/etc/tapd/taps.d/b.tap", "[Tap]\nName=vm%d\nCount=9601\n");
        loaded = load();
        g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 400);
        g_assert_true(has_complaint(&loaded, "more than 10000"));
        loaded_done(&loaded);
        scratch_free(scratch);
}

static void test_same_name(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text(A, "[Tap]\nName=tap5\nMTUBytes=1400\n");
        put_text("/usr/lib/tapd/taps.d/b.tap", "[Tap]\nMTUBytes=1300\nName=tap5\n");
        put_text("/etc/tapd/taps.d/c.tap", "[Tap]\nName=tap%d\nFirst=4\nCount=3\n");
        loaded = load();
        g_assert_cmpuint(HASH_COUNT(loaded.config.declared.table), ==, 1);
        g_assert_cmpuint(find(&loaded, "tap5")->spec.mtu, ==, 1400);
        g_assert_true(
                has_complaint(&loaded, "/usr/lib/tapd/taps.d/b.tap:3: Name=: \"tap5\" is declared already, in " A));
        g_assert_true(has_complaint(&loaded, "/etc/tapd/taps.d/c.tap:2: Name=: \"tap5\" is declared already, in " A));
        loaded_done(&loaded);
        scratch_free(scratch);
}

/* A user who does not exist yet manages nothing, and the rest of the line counts. */
static void test_unknown_manager(void) {
        Scratch *scratch = scratch_enter();
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_text(A, TAP "Managers=alice notyet @students @notyet\n");
        loaded = load();
        g_assert_nonnull(find(&loaded, "tap5"));
        g_assert_cmpuint(find(&loaded, "tap5")->file->managers.n_ids, ==, 1);
        g_assert_cmpuint(find(&loaded, "tap5")->file->manager_groups.n_ids, ==, 1);
        g_assert_true(has_complaint(&loaded, A ":3: Managers=: \"notyet\""));
        loaded_done(&loaded);
        scratch_free(scratch);
}

/* ---- what is the same, and what is another declaration ---- */

static uint64_t hash_of(const char *text) {
        Loaded loaded;
        uint64_t hash;

        put_text(A, text);
        loaded = load();
        g_assert_nonnull(find(&loaded, "tap5"));
        hash = find(&loaded, "tap5")->hash;
        loaded_done(&loaded);
        return hash;
}

static void test_hash(void) {
        static const char *const others[] = {
                TAP "Kind=tun\n",
                TAP "User=alice\n",
                TAP "Group=students\n",
                TAP "MultiQueue=no\n",
                TAP "VNetHeader=yes\n",
                TAP "PacketInfo=yes\n",
                TAP "Up=no\n",
                TAP "Description=x\n",
                TAP "MTUBytes=1500\n",
                TAP "TransmitQueueLength=1000\n",
                TAP "MACAddress=02:00:00:00:00:05\n",
                TAP "[Port]\nSwitch=br0\n",
                TAP "[Port]\nSwitch=br1\n",
                TAP "[Port]\nSwitch=br0\nVLAN=1\n",
                TAP "[Port]\nSwitch=br0\nTrunk=1\n",
                TAP "[Port]\nSwitch=br0\nTrunk=1-2\n",
                TAP "[Port]\nSwitch=br0\nIsolated=yes\n",
                TAP "[Port]\nSwitch=br0\nInterfaceID=1\n",
        };
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        Scratch *scratch = scratch_enter();
        uint64_t plain;

        if (!scratch)
                return;

        put_defaults();
        plain = hash_of(TAP);
        g_assert_cmpuint(hash_of("# a word\n[Tap]\nKind=tap\nName=tap5\nGroup=104\nManagers=bob\n"), ==, plain);
        g_assert_true(g_hash_table_add(seen, g_memdup2(&plain, sizeof(plain))));
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
                uint64_t hash = hash_of(others[i]);

                if (!g_hash_table_add(seen, g_memdup2(&hash, sizeof(hash))))
                        g_error("a hash twice: %s", others[i]);
        }

        scratch_free(scratch);
}

/* What is declared over the bus is read back as it was. */
static void test_written(void) {
        Scratch *scratch = scratch_enter();
        const Declaration *declaration;
        TapSpec spec = SPEC_INIT;
        Declarations put = {};
        Fault fault = {};
        Loaded loaded;

        if (!scratch)
                return;

        put_defaults();
        put_folder(STATE);
        loaded = load();
        g_assert_cmpint(spec_set(&spec, &settings_table[SETTING_USER], &(SettingValue){ .number = SCRATCH_BOB }, NULL),
                        ==, 0);
        g_assert_cmpint(spec_set(&spec, &settings_table[SETTING_MAC_ADDRESS],
                                 &(SettingValue){ .string = "02:00:00:00:00:05" }, NULL),
                        ==, 0);
        g_assert_cmpint(spec_set(&spec, &settings_table[SETTING_DESCRIPTION],
                                 &(SettingValue){ .string = "[Tap] # x = \"y\"; \\ z" }, NULL),
                        ==, 0);
        g_assert_cmpint(spec_set(&spec, &settings_table[SETTING_UP], &(SettingValue){ .boolean = false }, NULL), ==, 0);
        g_assert_cmpint(spec_set(&spec, &settings_table[SETTING_MTU_BYTES], &(SettingValue){ .number = 1400 }, NULL),
                        ==, 0);
        g_assert_cmpint(declaration_write(STATE, "tap5", &spec, &fault), ==, 0);
        g_assert_cmpint(declarations_put(&put, &loaded.config.defaults, STATE, "tap5", &spec, &fault), ==, 0);
        loaded_done(&loaded);

        loaded = load();
        declaration = find(&loaded, "tap5");
        g_assert_nonnull(declaration);
        g_assert_cmpuint(loaded.complaints->len, ==, 0);
        g_assert_null(spec_compare(&declaration->spec, &declarations_find(&put, "tap5")->spec));
        g_assert_cmpuint(declaration->hash, ==, declarations_find(&put, "tap5")->hash);
        g_assert_cmpstr(declaration->file->path, ==, declarations_find(&put, "tap5")->file->path);
        loaded_done(&loaded);
        declarations_take(&put, "tap5");
        g_assert_null(declarations_find(&put, "tap5"));
        declarations_done(&put);

        g_assert_cmpint(declaration_remove(STATE, "tap5", &fault), ==, 0);
        g_assert_cmpint(access(STATE "/taps.d/tap5.tap", F_OK), <, 0);

        for (size_t i = 0; i < 3; i++) {
                static const char *const bad[] = { " x", "x\t", "x\\" };

                (void) snprintf(spec.description, sizeof(spec.description), "%s", bad[i]);
                g_assert_cmpint(declaration_write(STATE, "tap5", &spec, &fault), <, 0);
                g_assert_cmpint(access(STATE "/taps.d/tap5.tap", F_OK), <, 0);
        }

        scratch_free(scratch);
}

/* ---- how soon what was lost is made again ---- */

static void test_set_back(void) {
        uint64_t now = UINT64_C(1000) * 1000000, last = 0;
        Want want = { .made_usec = now - 1 };

        /* At once the first time. */
        want_set_back(&want, now);
        g_assert_cmpuint(want.retry_usec, ==, now);

        /* Then later each time, and never later than a minute. */
        for (unsigned i = 0; i < 40; i++) {
                want.made_usec = now - 1;
                want_set_back(&want, now);
                g_assert_cmpuint(want.retry_usec - now, >=, last);
                g_assert_cmpuint(want.retry_usec, >, now);
                last = want.retry_usec - now;
                g_assert_cmpuint(last, <=, WANT_DELAY_MAX_USEC);
                if (i == 0)
                        g_assert_cmpuint(last, <=, 1000000);
        }
        g_assert_cmpuint(last, ==, WANT_DELAY_MAX_USEC);

        /* One that lasted is no loss in a row. */
        want.made_usec = now;
        want_set_back(&want, now + WANT_STABLE_USEC + 1);
        g_assert_cmpuint(want.retry_usec, ==, now + WANT_STABLE_USEC + 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        for (size_t i = 0; i < G_N_ELEMENTS(line_cases); i++) {
                g_autofree char *path = g_strdup_printf("/declaration/line/%zu", i);

                g_test_add_data_func(path, &line_cases[i], test_line);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(file_cases); i++) {
                g_autofree char *path = g_strdup_printf("/declaration/file/%s", file_cases[i].label);

                g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_file);
        }
        g_test_add_func("/declaration/folders", test_folders);
        g_test_add_func("/declaration/drop-ins", test_drop_ins);
        g_test_add_func("/declaration/unreadable-folder", test_unreadable_folder);
        g_test_add_func("/declaration/count", test_count);
        g_test_add_func("/declaration/same-name", test_same_name);
        g_test_add_func("/declaration/unknown-manager", test_unknown_manager);
        g_test_add_func("/declaration/hash", test_hash);
        g_test_add_func("/declaration/written", test_written);
        g_test_add_func("/declaration/set-back", test_set_back);

        return g_test_run();
}
