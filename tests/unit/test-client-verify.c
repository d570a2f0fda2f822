/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tapctl verify and cat: they read files and nothing else. */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "scratch.h"
#include "verbs.h"

/* What a verb printed on both streams, and how it ended. */
typedef struct Outcome {
        int status;
        char *text;
} Outcome;

static void outcome_done(Outcome *outcome) {
        g_free(outcome->text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_done)

static void become(int (*verb)(const Options *options), const Options *options, int fd) {
        int status;

        (void) dup2(fd, STDOUT_FILENO);
        (void) dup2(fd, STDERR_FILENO);
        status = verb(options);
        (void) fflush(stdout);
        _exit(status);
}

/* Arguments are separated by blanks. */
static Outcome run(int (*verb)(const Options *options), const char *root, const char *arguments) {
        g_auto(GStrv) words = g_strsplit(arguments, " ", 0);
        const Options options = {
                .root = root,
                .arguments = (const char **) words,
                .n_arguments = *arguments ? g_strv_length(words) : 0,
        };
        int fd = memfd_create("output", MFD_CLOEXEC), status;
        Outcome outcome = {};
        char buffer[8192];
        ssize_t n;
        pid_t pid;

        g_assert_cmpint(fd, >=, 0);
        (void) fflush(NULL);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0)
                become(verb, &options, fd);

        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        n = pread(fd, buffer, sizeof(buffer) - 1, 0);
        g_assert_cmpint(n, >=, 0);
        (void) close(fd);

        outcome.status = WEXITSTATUS(status);
        outcome.text = g_strndup(buffer, (gsize) n);
        return outcome;
}

#define TAP "[Tap]\nName=tap1\n"
#define PORT "[Port]\nSwitch=dsw-host\n"
#define GRANT                                                                                                          \
        "[Grant lab]\nUsers=@students\nNames=tap*\nTapsPerUser=8\nSwitches=dsw-host br*\nVLANs=400-449\nTrunk=yes\n"   \
        "InterfaceIDs=lab-*\n"
#define BAD "[Tap]\nMTUBytes=67\n"
#define COMPLAINT ":2: MTUBytes=: 67, not in 68..65521\n"
#define DISABLED ": it declares nothing until this is mended\n"

typedef struct FileCase {
        const char *name;
        const char *paths[3], *texts[3]; /* that exist besides a good tapd.conf */
        const char *arguments;
        int status;
        const char *said;
} FileCase;

static const FileCase verify_cases[] = {
        { "nothing", {}, {}, "", 0, "" },
        { "good", { "/etc/tapd/taps.d/a.tap" }, { TAP }, "", 0, "" },
        { "bad",
          { "/usr/lib/tapd/taps.d/a.tap" },
          { TAP "X=1\n" },
          "",
          1,
          "/usr/lib/tapd/taps.d/a.tap:3: unknown key \"X\" in [Tap]\n/usr/lib/tapd/taps.d/a.tap" DISABLED },
        { "state",
          { "/var/lib/tapd/taps.d/a.tap" },
          { TAP "X=1\n" },
          "",
          1,
          "/var/lib/tapd/taps.d/a.tap:3: unknown key \"X\" in [Tap]\n/var/lib/tapd/taps.d/a.tap" DISABLED },
        { "same-name",
          { "/etc/tapd/taps.d/a.tap", "/etc/tapd/taps.d/b.tap" },
          { TAP, TAP },
          "",
          1,
          "/etc/tapd/taps.d/b.tap:2: Name=: \"tap1\" is declared already, in /etc/tapd/taps.d/a.tap\n"
          "/etc/tapd/taps.d/b.tap" DISABLED },
        { "conf",
          { "/etc/tapd/tapd.conf.d/a.conf" },
          { "[Nonsense]\n" },
          "",
          1,
          "/etc/tapd/tapd.conf.d/a.conf:1: unknown section [Nonsense], ignoring\n" },

        /* Where TAPs are plugged in, and who may. */
        { "port",
          { "/etc/tapd/taps.d/a.tap", "/etc/tapd/taps.d/a.tap.d/1.conf", "/etc/tapd/tapd.conf.d/a.conf" },
          { TAP PORT "VLAN=20\nTrunk=10 30-39,50\nIsolated=yes\nInterfaceID=lab-1\n", "[Port]\nVLAN=21\n", GRANT },
          "",
          0,
          "" },
        { "port-bad",
          { "/home/a.tap" },
          { TAP PORT "VLAN=4095\nTrunk=29-20\nInterfaceID=\n" },
          "/home/a.tap",
          1,
          "/home/a.tap:5: VLAN=: 4095, not in 1..4094\n"
          "/home/a.tap:6: Trunk=: \"29-20\", not VLANs of 1..4094 and FIRST-LAST, at most 64\n"
          "/home/a.tap:7: InterfaceID=: 0 bytes, not in 1..63\n"
          "/home/a.tap" DISABLED },
        { "port-of-none",
          { "/home/a.tap" },
          { TAP "[Port]\nVLAN=20\n" },
          "/home/a.tap",
          1,
          "/home/a.tap:2: Switch=: is missing; VLANs are those of a switch\n/home/a.tap" DISABLED },
        { "port-twice",
          { "/home/a.tap" },
          { TAP PORT "VLAN=5\nTrunk=1-10\n" },
          "/home/a.tap",
          1,
          "/home/a.tap:2: Trunk=: 5 is VLAN= as well\n/home/a.tap" DISABLED },
        { "port-in-tap",
          { "/home/a.tap" },
          { TAP "Switch=br0\n" PORT "MTUBytes=1500\n" },
          "/home/a.tap",
          1,
          "/home/a.tap:3: unknown key \"Switch\" in [Tap]\n/home/a.tap:6: unknown key \"MTUBytes\" in [Port]\n"
          "/home/a.tap" DISABLED },
        { "grant-bad",
          { "/home/a.conf" },
          { "[Grant a]\nVLANs=400-399\n[Grant b]\nVlans=400\n" },
          "/home/a.conf",
          1,
          "/home/a.conf:2: VLANs=: \"400-399\", neither \"all\" nor VLANs of 1..4094 and FIRST-LAST, at most 64\n"
          "/home/a.conf:2: [Grant a] is off until this is mended\n"
          "/home/a.conf:4: unknown key \"Vlans\" in [Grant b]\n"
          "/home/a.conf:4: [Grant b] is off until this is mended\n" },

        /* One of them says nothing of the other. */
        { "one",
          { "/etc/tapd/taps.d/a.tap", "/etc/tapd/taps.d/b.tap" },
          { TAP, BAD },
          "/etc/tapd/taps.d/a.tap",
          0,
          "" },
        { "one-bad",
          { "/etc/tapd/taps.d/b.tap" },
          { TAP "MTUBytes=67\n" },
          "/etc/tapd/taps.d/b.tap",
          1,
          "/etc/tapd/taps.d/b.tap:3: MTUBytes=: 67, not in 68..65521\n/etc/tapd/taps.d/b.tap" DISABLED },
        { "one-conf",
          { "/etc/tapd/tapd.conf.d/a.conf" },
          { "[Nonsense]\n" },
          "/etc/tapd/tapd.conf.d/a.conf",
          1,
          "/etc/tapd/tapd.conf.d/a.conf:1: unknown section [Nonsense], ignoring\n" },
        { "main-conf", {}, {}, "/etc/tapd/tapd.conf", 0, "" },

        /* A file with its drop-ins, wherever they are, and a drop-in with its file. */
        { "drop-in-elsewhere",
          { "/etc/tapd/taps.d/a.tap", "/usr/lib/tapd/taps.d/a.tap.d/1.conf" },
          { TAP, BAD },
          "/etc/tapd/taps.d/a.tap",
          1,
          "/usr/lib/tapd/taps.d/a.tap.d/1.conf" COMPLAINT "/etc/tapd/taps.d/a.tap" DISABLED },
        { "drop-in-of-lower",
          { "/usr/lib/tapd/taps.d/a.tap", "/etc/tapd/taps.d/a.tap.d/1.conf" },
          { "[Tap]\n", TAP },
          "/etc/tapd/taps.d/a.tap.d/1.conf",
          0,
          "" },
        { "drop-in-makes-it-bad",
          { "/etc/tapd/taps.d/a.tap", "/etc/tapd/taps.d/a.tap.d/1.conf" },
          { "[Tap]\nName=tap%d\nCount=2\n", "[Tap]\nMACAddress=02:00:00:00:00:01\n" },
          "/etc/tapd/taps.d/a.tap.d/1.conf",
          1,
          "/etc/tapd/taps.d/a.tap:2: MACAddress=: would be that of all 2 TAPs\n/etc/tapd/taps.d/a.tap" DISABLED },
        { "drop-in-alone",
          { "/etc/tapd/taps.d/a.tap.d/1.conf" },
          { BAD },
          "/etc/tapd/taps.d/a.tap.d/1.conf",
          1,
          "/etc/tapd/taps.d/a.tap.d/1.conf" COMPLAINT },
        { "good-drop-in-alone",
          { "/etc/tapd/taps.d/a.tap.d/1.conf" },
          { "[Tap]\nMTUBytes=68\n" },
          "/etc/tapd/taps.d/a.tap.d/1.conf",
          0,
          "" },

        /* Drafts, with what lies beside them; the configuration's drop-ins are not theirs. */
        { "draft", { "/home/a.tap" }, { TAP }, "/home/a.tap", 0, "" },
        { "draft-not-installed",
          { "/home/a.tap", "/etc/tapd/taps.d/a.tap.d/1.conf" },
          { TAP, BAD },
          "/home/a.tap",
          0,
          "" },
        { "draft-drop-in",
          { "/home/a.tap", "/home/a.tap.d/1.conf" },
          { TAP, BAD },
          "/home/a.tap",
          1,
          "/home/a.tap.d/1.conf" COMPLAINT "/home/a.tap" DISABLED },
        { "draft-by-drop-in",
          { "/home/a.tap", "/home/a.tap.d/1.conf" },
          { TAP, BAD },
          "/home/a.tap.d/1.conf",
          1,
          "/home/a.tap.d/1.conf" COMPLAINT "/home/a.tap" DISABLED },
        { "relative", { "/a.tap" }, { "x\n" }, "a.tap", 1, "a.tap:1: neither a section nor Key=Value\na.tap" DISABLED },
        { "draft-conf",
          { "/home/a.conf" },
          { "[Grant a]\nNames=*x\n" },
          "/home/a.conf",
          1,
          "/home/a.conf:2: Names=: \"*x\", letters, digits, '_', '-' and a '*' at the end\n"
          "/home/a.conf:2: [Grant a] is off until this is mended\n" },

        { "two",
          { "/home/a.tap", "/home/b.tap" },
          { TAP, "[Tap]\n" },
          "/home/a.tap /home/b.tap",
          1,
          "/home/b.tap: Name=: is missing in [Tap]\n/home/b.tap" DISABLED },
        { "absent", {}, {}, "/home/a.tap", 1, "tapctl: /home/a.tap: No such file or directory\n" },
        { "another-kind",
          { "/home/a.txt" },
          { "" },
          "/home/a.txt",
          TAPCTL_EXIT_USAGE,
          "tapctl: /home/a.txt: is neither a .tap file nor a .conf file\nHint: \"tapctl verify --help\" says more.\n" },
};

static const FileCase cat_cases[] = {
        { "tap", { "/etc/tapd/taps.d/a.tap" }, { TAP }, "tap1", 0, "# /etc/tapd/taps.d/a.tap\n" TAP },
        { "file", { "/etc/tapd/taps.d/a.tap" }, { TAP }, "a", 0, "# /etc/tapd/taps.d/a.tap\n" TAP },
        { "file-with-suffix", { "/etc/tapd/taps.d/a.tap" }, { TAP }, "a.tap", 0, "# /etc/tapd/taps.d/a.tap\n" TAP },
        { "template",
          { "/usr/lib/tapd/taps.d/a.tap" },
          { "[Tap]\nName=x%d\nCount=3" },
          "x2",
          0,
          "# /usr/lib/tapd/taps.d/a.tap\n[Tap]\nName=x%d\nCount=3\n" },
        { "drop-in",
          { "/etc/tapd/taps.d/a.tap", "/run/tapd/taps.d/a.tap.d/1.conf" },
          { TAP, "[Tap]\nMTUBytes=68\n" },
          "tap1",
          0,
          "# /etc/tapd/taps.d/a.tap\n" TAP "\n# /run/tapd/taps.d/a.tap.d/1.conf\n[Tap]\nMTUBytes=68\n" },
        { "port",
          { "/etc/tapd/taps.d/a.tap", "/etc/tapd/taps.d/a.tap.d/1.conf" },
          { TAP PORT "VLAN=20\n", "[Port]\nVLAN=21\n" },
          "tap1",
          0,
          "# /etc/tapd/taps.d/a.tap\n" TAP PORT "VLAN=20\n\n# /etc/tapd/taps.d/a.tap.d/1.conf\n[Port]\nVLAN=21\n" },
        { "tap-before-file",
          { "/etc/tapd/taps.d/a.tap", "/etc/tapd/taps.d/tap1.tap" },
          { TAP, "[Tap]\nName=tap2\n" },
          "tap1",
          0,
          "# /etc/tapd/taps.d/a.tap\n" TAP },
        /* By the name of its file, for it declares nothing. */
        { "bad", { "/etc/tapd/taps.d/a.tap" }, { "x" }, "a", 0, "# /etc/tapd/taps.d/a.tap\nx\n" },
        { "absent",
          { "/etc/tapd/taps.d/a.tap" },
          { TAP },
          "tap2",
          TAPCTL_EXIT_NO_SUCH_TAP,
          "tapctl: tap2: no file declares it\n" },
        { "absent-or-bad",
          { "/etc/tapd/taps.d/a.tap" },
          { "x" },
          "tap1",
          TAPCTL_EXIT_NO_SUCH_TAP,
          "tapctl: tap1: no file declares it\nHint: not every file is understood; \"tapctl verify\" says why.\n" },
};

static void check_case(int (*verb)(const Options *options), const FileCase *file) {
        g_auto(Outcome) outcome = {};
        Scratch *scratch;

        scratch = scratch_enter();
        if (!scratch)
                return;

        put_text("/etc/tapd/tapd.conf", "[Defaults]\nGroup=kvm\n");
        for (size_t i = 0; i < G_N_ELEMENTS(file->paths) && file->paths[i]; i++)
                put_text(file->paths[i], file->texts[i]);

        outcome = run(verb, /* root= */ NULL, file->arguments);
        g_assert_cmpstr(outcome.text, ==, file->said);
        g_assert_cmpint(outcome.status, ==, file->status);
        scratch_free(scratch);
}

static void test_verify(const void *data) {
        check_case(verb_verify, data);
}

static void test_cat(const void *data) {
        check_case(verb_cat, data);
}

#define NOT_ROOTS ": it, or a folder on the way to it, is not root's alone"

/* The configuration's files have to be root's, tapd's state tapd's, and a draft is anybody's. */
static void test_owner(void) {
        g_auto(Outcome) all = {}, one = {}, draft = {}, state = {};
        Scratch *scratch;

        scratch = scratch_enter();
        if (!scratch)
                return;

        put_text("/etc/tapd/tapd.conf", "[Defaults]\nGroup=kvm\n");
        put_text("/etc/tapd/taps.d/a.tap", TAP);
        put_text("/home/a.tap", TAP);
        if (give_away("/etc/tapd/taps.d/a.tap") && give_away("/home/a.tap")) {
                all = run(verb_verify, NULL, "");
                g_assert_cmpstr(all.text, ==, "/etc/tapd/taps.d/a.tap" NOT_ROOTS "\n/etc/tapd/taps.d/a.tap" DISABLED);
                one = run(verb_verify, NULL, "/etc/tapd/taps.d/a.tap");
                g_assert_cmpstr(one.text, ==, all.text);
                draft = run(verb_verify, NULL, "/home/a.tap");
                g_assert_cmpstr(draft.text, ==, "");

                g_assert_cmpint(unlink("/etc/tapd/taps.d/a.tap"), ==, 0);
                put_text("/var/lib/tapd/taps.d/a.tap", TAP);
                put_text("/etc/passwd", "root:x:0:0::/:/bin/sh\ntapd:x:1000:1000::/:/bin/sh\n");
                g_assert_true(give_away("/var/lib/tapd/taps.d/a.tap"));
                state = run(verb_verify, NULL, "");
                g_assert_cmpstr(state.text, ==, "");
        }

        scratch_free(scratch);
}

/* Below another root nothing of the host counts, nor whose the files are. */
static void test_root(void) {
        g_auto(Outcome) good = {}, bad = {}, shown = {}, absent = {};
        Scratch *scratch;

        scratch = scratch_enter();
        if (!scratch)
                return;

        put_text("/etc/tapd/taps.d/host.tap", "x\n");
        put_text("/image/etc/tapd/tapd.conf", "[Defaults]\nGroup=kvm\n");
        put_text("/image/etc/tapd/taps.d/a.tap", TAP);
        (void) give_away("/image/etc/tapd/taps.d/a.tap");

        good = run(verb_verify, "/image/", "");
        g_assert_cmpstr(good.text, ==, "");
        g_assert_cmpint(good.status, ==, 0);
        shown = run(verb_cat, "/image", "tap1");
        g_assert_cmpstr(shown.text, ==, "# /image/etc/tapd/taps.d/a.tap\n" TAP);

        put_text("/image/var/lib/tapd/taps.d/b.tap", BAD);
        bad = run(verb_verify, "/image", "");
        g_assert_cmpstr(bad.text, ==,
                        "/image/var/lib/tapd/taps.d/b.tap" COMPLAINT "/image/var/lib/tapd/taps.d/b.tap" DISABLED);
        g_assert_cmpint(bad.status, ==, TAPCTL_EXIT_FAILED);

        absent = run(verb_verify, "/nowhere", "");
        g_assert_cmpstr(absent.text, ==, "tapctl: /nowhere: No such file or directory\n");
        g_assert_cmpint(absent.status, ==, TAPCTL_EXIT_FAILED);
        scratch_free(scratch);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* As which it reports. */
        program_invocation_short_name = (char *) "tapctl";

        for (size_t i = 0; i < G_N_ELEMENTS(verify_cases); i++) {
                g_autofree char *path = g_strconcat("/client/verify/", verify_cases[i].name, NULL);

                g_test_add_data_func(path, &verify_cases[i], test_verify);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(cat_cases); i++) {
                g_autofree char *path = g_strconcat("/client/cat/", cat_cases[i].name, NULL);

                g_test_add_data_func(path, &cat_cases[i], test_cat);
        }
        g_test_add_func("/client/verify/owner", test_owner);
        g_test_add_func("/client/verify/root", test_root);

        return g_test_run();
}
