/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tapctl status says to who wants to open a TAP by its name, and of the guest's addresses. */
#include <errno.h>
#include <glib.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "guest-address.h"
#include "names.h"
#include "opening.h"
#include "page.h"

/* Nobody has these in any user database. */
#define ALICE UINT32_C(4000000001)
#define BOB UINT32_C(4000000002)
#define LAB UINT32_C(4000000100)

#define MULTI "queues=2 or more, for it is multi-queue; else \"Invalid argument\""
#define SINGLE "without queues=, for it is single-queue; else \"Invalid argument\""
#define BUSY "its only queue is open, see above: \"Device or resource busy\""
#define FULL "its 256 queues are open: \"Argument list too long\""
#define NOT_ALICE "not by you, who are not 4000000001: \"Operation not permitted\""
#define NOT_IN_LAB "not by you, who are not in 4000000100: \"Operation not permitted\""
#define LATER "you are in 4000000100 at your next login: \"Operation not permitted\""

static TapInfo tap_of(bool multi_queue) {
        return (TapInfo){
                .name = "tap1",
                .kind = "tap",
                .lifetime = "runtime",
                .state = "ready",
                .user = TAPD_ID_UNSET,
                .group = LAB,
                .creator_uid = ALICE,
                .ifindex = 7,
                .multi_queue = multi_queue,
                .guest_mac_address = "52:aa:bb:cc:dd:ee",
                .mac_address = "fe:aa:bb:cc:dd:ee",
                .told = FIELD_BIT(FIELD_IFINDEX),
        };
}

/* The notes joined by '|'. */
static char *notes_of(const TapInfo *info, const OpeningWho *who) {
        g_autoptr(GString) joined = g_string_new(NULL);
        IdNames names = {};
        Opening opening;

        g_assert_cmpint(opening_init(&opening, info, &names, who), ==, 0);
        for (size_t i = 0; i < opening.n_notes; i++)
                g_string_append_printf(joined, "%s%s", i > 0 ? "|" : "", opening.notes[i]);
        opening_done(&opening);
        id_names_done(&names);
        return g_strdup(joined->str);
}

static void test_arguments(void) {
        static const OpeningWho who = { .in_group = true };
        static const struct {
                const char *name, *mac;
                bool multi_queue;
                const char *netdev, *device;
        } cases[] = {
                { "tap1", "52:aa:bb:cc:dd:ee", true, "tap,id=n0,ifname=tap1,queues=2,script=no,downscript=no",
                  "virtio-net-pci,netdev=n0,mac=52:aa:bb:cc:dd:ee,mq=on" },
                { "tap1", "52:aa:bb:cc:dd:ee", false, "tap,id=n0,ifname=tap1,script=no,downscript=no",
                  "virtio-net-pci,netdev=n0,mac=52:aa:bb:cc:dd:ee" },
                { "lab-alice-00001", NULL, false, "tap,id=n0,ifname=lab-alice-00001,script=no,downscript=no",
                  "virtio-net-pci,netdev=n0" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                TapInfo info = tap_of(cases[i].multi_queue);
                IdNames names = {};
                Opening opening;

                info.name = cases[i].name;
                info.guest_mac_address = cases[i].mac;
                g_assert_cmpint(opening_init(&opening, &info, &names, &who), ==, 0);
                g_assert_cmpstr(opening.netdev, ==, cases[i].netdev);
                g_assert_cmpstr(opening.device, ==, cases[i].device);
                opening_done(&opening);
                id_names_done(&names);
        }
}

static void test_who(void) {
        static const struct {
                uint32_t user, group;
                OpeningWho who;
                const char *notes;
        } cases[] = {
                { TAPD_ID_UNSET, LAB, { .uid = BOB, .in_group = true }, MULTI },
                { TAPD_ID_UNSET, LAB, { .uid = BOB }, MULTI "|" NOT_IN_LAB },
                { TAPD_ID_UNSET, LAB, { .uid = BOB, .joins_group = true }, MULTI "|" LATER },
                { ALICE, TAPD_ID_UNSET, { .uid = ALICE }, MULTI },
                { ALICE, TAPD_ID_UNSET, { .uid = BOB, .in_group = true }, MULTI "|" NOT_ALICE },
                /* The kernel wants both. */
                { ALICE, LAB, { .uid = ALICE, .in_group = true }, MULTI },
                { ALICE, LAB, { .uid = ALICE }, MULTI "|" NOT_IN_LAB },
                { ALICE, LAB, { .uid = BOB, .in_group = true }, MULTI "|" NOT_ALICE },
                { ALICE, LAB, { .uid = BOB }, MULTI "|" NOT_ALICE },
                { TAPD_ID_UNSET, TAPD_ID_UNSET, { .uid = BOB }, MULTI },
                { ALICE, LAB, { .uid = 0 }, MULTI },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                TapInfo info = tap_of(true);
                g_autofree char *notes = NULL;

                info.user = cases[i].user;
                info.group = cases[i].group;
                notes = notes_of(&info, &cases[i].who);
                g_assert_cmpstr(notes, ==, cases[i].notes);
        }
}

static void test_queues(void) {
        static const OpeningWho who = { .uid = BOB, .in_group = true };
        static const struct {
                bool multi_queue;
                uint32_t attached, detached;
                bool carrier;
                const char *notes;
        } cases[] = {
                { true, 0, 0, false, MULTI },
                { true, 255, 0, true, MULTI },
                { true, 256, 0, true, MULTI "|" FULL },
                { true, 200, 56, true, MULTI "|" FULL },
                { false, 0, 0, false, SINGLE },
                { false, 1, 0, true, SINGLE "|" BUSY },
                { false, 0, 1, false, SINGLE "|" BUSY },
                /* The kernel does not count it. */
                { false, 0, 0, true, SINGLE "|" BUSY },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                TapInfo info = tap_of(cases[i].multi_queue);
                g_autofree char *notes = NULL;

                info.queues_attached = cases[i].attached;
                info.queues_detached = cases[i].detached;
                info.carrier = cases[i].carrier;
                notes = notes_of(&info, &who);
                g_assert_cmpstr(notes, ==, cases[i].notes);
        }
}

/* The lines from "User:" up to "Creator:", without what is in front, joined by '|'. */
static char *shown_opening(const TapInfo *info) {
        const Statistics statistics = {};
        g_autoptr(GString) found = g_string_new(NULL);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;
        bool inside = false;
        Capture capture;
        Page page;

        capture_begin(&capture, stdout);
        page_init(&page, /* json= */ NULL);
        g_assert_cmpint(page_show_tap(&page, info, &statistics), ==, 0);
        page_done(&page);
        text = capture_end(&capture);

        lines = g_strsplit(text, "\n", 0);
        for (char **line = lines; *line; line++) {
                g_assert_cmpuint(g_utf8_strlen(*line, -1), <=, 80);
                g_strchug(*line);
                inside = g_str_has_prefix(*line, "User: ") || (inside && !g_str_has_prefix(*line, "Creator: "));
                if (inside)
                        g_string_append_printf(found, "%s|", *line);
        }

        return g_strdup(found->str);
}

static void test_page(void) {
        TapInfo info = tap_of(true);
        g_autofree char *multi = NULL, *tun = NULL, *ephemeral = NULL, *longest = NULL, *absent = NULL;

        info.group = getegid();
        info.user = geteuid();
        multi = shown_opening(&info);
        g_assert_nonnull(strstr(multi, "|Open with: -netdev tap,id=n0,ifname=tap1,queues=2,script=no,downscript=no|"
                                       "-device virtio-net-pci,netdev=n0,mac=52:aa:bb:cc:dd:ee,mq=on|" MULTI "|"));
        g_assert_null(strstr(multi, "not permitted"));

        info.vnet_header = true;
        info.name = "lab-alice-00001";
        longest = shown_opening(&info);
        g_assert_nonnull(strstr(longest, "|Open with: QEMU:|"
                                         "-netdev tap,id=n0,ifname=lab-alice-00001,queues=2,script=no,downscript=no|"
                                         "-device "));

        info.lifetime = "ephemeral";
        ephemeral = shown_opening(&info);
        g_assert_cmpstr(ephemeral, ==, "User: nobody by its name: its queues were handed over|");

        info.lifetime = "runtime";
        info.kind = "tun";
        info.mac_address = info.guest_mac_address = "";
        tun = shown_opening(&info);
        g_assert_nonnull(strstr(tun, "|Open with: QEMU opens no tun: \"Invalid argument\"|"));

        /* One that has no device. */
        info.kind = "tap";
        info.ifindex = 0;
        absent = shown_opening(&info);
        g_assert_null(strstr(absent, "Open with"));
}

static char *json_of(const TapInfo *info) {
        const Statistics statistics = {};
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        Json json;
        Page page;

        json_init(&json, out);
        page_init(&page, &json);
        g_assert_cmpint(page_show_tap(&page, info, &statistics), ==, 0);
        page_done(&page);
        fclose(out);
        return text;
}

static void test_json(void) {
        TapInfo info = tap_of(false);
        char *text = json_of(&info);

        g_assert_nonnull(strstr(text, "\"OpenWith\":[\"-netdev\",\"tap,id=n0,ifname=tap1,script=no,downscript=no\","
                                      "\"-device\",\"virtio-net-pci,netdev=n0,mac=52:aa:bb:cc:dd:ee\"]"));
        g_assert_nonnull(strstr(text, "\"GuestLinkLocalAddress\":\"fe80::50aa:bbff:fecc:ddee\""));
        free(text);

        info.lifetime = "ephemeral";
        text = json_of(&info);
        g_assert_nonnull(strstr(text, "\"OpenWith\":null"));
        free(text);

        info.ifindex = 0;
        info.lifetime = "declared";
        text = json_of(&info);
        g_assert_nonnull(strstr(text, "\"OpenWith\":null"));
        g_assert_nonnull(strstr(text, "\"GuestLinkLocalAddress\":null"));
        free(text);
}

static void test_link_local(void) {
        static const struct {
                const char *mac, *address; /* NULL: -EINVAL */
        } cases[] = {
                /* The example of RFC 2464, 4. */
                { "34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde" },
                { "34:56:78:9A:BC:DE", "fe80::3656:78ff:fe9a:bcde" },
                { "52:00:00:00:00:01", "fe80::5000:ff:fe00:1" },
                { "02:00:00:00:00:00", "fe80::ff:fe00:0" },
                { "", NULL },
                { "52:00:00:00:00", NULL },
                { "52:00:00:00:00:01:02", NULL },
                { "52:0:0:0:0:1", NULL },
                { "52-00-00-00-00-01", NULL },
                { "52:00:00:00:00:0g", NULL },
                { " 2:00:00:00:00:01", NULL },
                { "521:0:00:00:00:01", NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                char text[INET6_ADDRSTRLEN] = "";

                g_assert_cmpint(guest_link_local(cases[i].mac, text), ==, cases[i].address ? 0 : -EINVAL);
                g_assert_cmpstr(text, ==, cases[i].address ? cases[i].address : "");
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        setlocale(LC_CTYPE, "C");

        g_test_add_func("/client/opening/arguments", test_arguments);
        g_test_add_func("/client/opening/who", test_who);
        g_test_add_func("/client/opening/queues", test_queues);
        g_test_add_func("/client/opening/page", test_page);
        g_test_add_func("/client/opening/json", test_json);
        g_test_add_func("/client/guest-address/link-local", test_link_local);

        return g_test_run();
}
