/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The address and the MTU of a bridge are the host's: no TAP that comes, goes, or lies about its own changes them. */
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "ports.h"

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

/* Whoever has the lowest address has the bridge's, where nobody gave it one (br_stp_recalculate_bridge_id()). */
static const uint8_t lowest[6] = { 0, 0, 0, 0, 0, 1 }, second_lowest[6] = { 0, 0, 0, 0, 0, 2 };

#define UPLINK "02:00:00:00:00:77"

/* ---- a bridge that is watched ---- */

typedef struct Watched {
        PortLink link;
        int events;
} Watched;

static Watched watch(const char *name) {
        return (Watched){ .link = port_link(name), .events = port_events_open(name) };
}

/* It is as it was, and was nothing else for a moment. */
static void expect_unchanged(const Watched *watched) {
        g_autoptr(GArray) heard = port_events_read(watched->events);
        PortLink now = port_link(watched->link.name);

        g_array_append_val(heard, now);
        for (guint i = 0; i < heard->len; i++) {
                const PortLink *link = &g_array_index(heard, PortLink, i);

                g_assert_cmpint(link->ifindex, ==, watched->link.ifindex);
                g_assert_cmpmem(link->mac, 6, watched->link.mac, 6);
                g_assert_cmpuint(link->mtu, ==, watched->link.mtu);
        }
}

static void unwatch(Watched *watched) {
        expect_unchanged(watched);
        close(watched->events);
}

static void expect_mac(const char *name, const char *expected) {
        g_autofree char *mac = port_mac(name);

        g_assert_cmpstr(mac, ==, expected);
}

typedef struct Expected {
        const char *name, *mac;
} Expected;

static bool has_mac(Lab *lab, void *userdata) {
        const Expected *expected = userdata;
        g_autofree char *mac = port_mac(expected->name);

        return g_str_equal(mac, expected->mac);
}

static void wait_mac(Lab *lab, const char *name, const char *mac) {
        lab_run_until(lab, has_mac, &(Expected){ name, mac });
}

static void create_with_mac(Lab *lab, const char *name, const char *bridge, const char *mac) {
        lab_expect(lab_call(lab, lab->alice, MANAGER, "CreateTap", "sa{sv}", name, 2, "Switch", "s", bridge,
                            "MACAddress", "s", mac),
                   NULL, NULL);
}

/* ---- at random ---- */

#define N_TAPS 4
#define N_STEPS 1000

typedef struct Play {
        Lab *lab;
        Watched bridges[2];
        /* Of each TAP: whether it is there, and on which bridge; and a queue of it, -1: none. */
        bool exists[N_TAPS];
        int place[N_TAPS]; /* -1: on none */
        int queues[N_TAPS];
        unsigned counts[7];
} Play;

static const char *const tap_names[N_TAPS] = { "tap1", "tap2", "tap3", "tap4" };
static const char *const bridge_names[3] = { "br0", "br1", "" };

static void play_create(Play *play, unsigned i) {
        int place = g_test_rand_int_range(0, 2);

        if (play->exists[i])
                return;

        lab_expect(port_create(play->lab, play->lab->alice, tap_names[i], bridge_names[place], g_test_rand_bit()), NULL,
                   NULL);
        play->exists[i] = true;
        play->place[i] = place;
}

static void play_delete(Play *play, unsigned i) {
        if (!play->exists[i])
                return;

        lab_delete(play->lab, play->lab->alice, tap_names[i], true, NULL);
        if (play->queues[i] >= 0)
                close(play->queues[i]);
        play->exists[i] = false;
        play->queues[i] = play->place[i] = -1;
}

static void play_plug(Play *play, unsigned i) {
        int place = g_test_rand_int_range(0, 2);

        if (!play->exists[i])
                return;

        lab_expect(port_plug(play->lab, play->lab->alice, tap_names[i], bridge_names[place], g_test_rand_bit()), NULL,
                   NULL);
        play->place[i] = place;
}

static void play_unplug(Play *play, unsigned i) {
        if (!play->exists[i])
                return;

        lab_expect(port_unplug(play->lab, play->lab->alice, tap_names[i]), NULL, NULL);
        play->place[i] = -1;
}

static void play_lie(Play *play, unsigned i) {
        if (!play->exists[i])
                return;

        if (play->queues[i] < 0)
                play->queues[i] = port_open_queue(tap_names[i]);
        port_set_mac(play->queues[i], tap_names[i], g_test_rand_bit() ? lowest : second_lowest);
}

static void play_close(Play *play, unsigned i) {
        if (play->queues[i] >= 0)
                close(play->queues[i]);
        play->queues[i] = -1;
}

static void play_restart(Play *play, unsigned i) {
        /* As often as each of the others would be too long. */
        if (g_test_rand_int_range(0, 4) == 0)
                lab_restart_tapd(play->lab, SIGKILL);
}

static void play_check(Play *play) {
        for (unsigned i = 0; i < N_TAPS; i++)
                if (play->exists[i]) {
                        g_autofree char *bridge = port_switch(tap_names[i]);

                        g_assert_cmpstr(bridge, ==, bridge_names[play->place[i] < 0 ? 2 : play->place[i]]);
                }

        for (unsigned i = 0; i < 2; i++)
                expect_unchanged(&play->bridges[i]);
}

static void play_begin(Play *play) {
        port_add_bridge("br0");
        port_add_bridge("br1");
        port_add_uplink("up0", UPLINK);
        port_add_uplink("up1", "02:00:00:00:00:78");
        /* A new TAP is smaller than the one and larger than the other. */
        g_free(lab_run("ip link set up0 mtu 9000"));
        g_free(lab_run("ip link set up1 mtu 1400"));
        for (unsigned i = 0; i < 2; i++) {
                g_free(lab_run("ip link set up%u master br%u", i, i));
                play->bridges[i] = watch(bridge_names[i]);
        }
        for (unsigned i = 0; i < N_TAPS; i++)
                play->place[i] = play->queues[i] = -1;
}

static void test_random(Lab *lab) {
        static void (*const moves[])(Play * play, unsigned i) = {
                play_create, play_delete, play_plug, play_unplug, play_lie, play_close, play_restart,
        };
        Play play = { .lab = lab };

        play_begin(&play);
        for (unsigned step = 0; step < N_STEPS; step++) {
                unsigned move = (unsigned) g_test_rand_int_range(0, G_N_ELEMENTS(moves));
                unsigned i = (unsigned) g_test_rand_int_range(0, N_TAPS);

                /* Twice as often as they go. */
                if (!play.exists[i] && g_test_rand_bit())
                        move = 0;
                play.counts[move]++;
                moves[move](&play, i);
                play_check(&play);
        }

        for (unsigned i = 0; i < G_N_ELEMENTS(moves); i++)
                g_assert_cmpuint(play.counts[i], >, 0);
        for (unsigned i = 0; i < N_TAPS; i++)
                play_delete(&play, i);
        play_check(&play);
        for (unsigned i = 0; i < 2; i++)
                unwatch(&play.bridges[i]);
}

/* ---- who lies about his address ---- */

/* A holder of a queue that never stops. */
static pid_t start_lying(int queue, const char *name) {
        pid_t pid = fork();

        g_assert_cmpint(pid, >=, 0);
        if (pid > 0)
                return pid;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
                port_set_mac(queue, name, lowest);
                port_set_mac(queue, name, second_lowest);
        }
}

static void stop_lying(pid_t pid) {
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static void test_liar(Lab *lab) {
        Watched bridge;
        pid_t liar;
        int queue;

        port_add_bridge("br0");
        port_add_uplink("up0", UPLINK);
        g_free(lab_run("ip link set up0 master br0"));
        expect_mac("br0", UPLINK);
        bridge = watch("br0");

        /* Before it is plugged, while it is, and after. */
        lab_create(lab, lab->alice, "tap1", NULL);
        queue = port_open_queue("tap1");
        port_set_mac(queue, "tap1", lowest);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        expect_unchanged(&bridge);
        lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        liar = start_lying(queue, "tap1");
        for (unsigned i = 0; i < 20; i++) {
                lab_expect(port_plug(lab, lab->alice, "tap1", "br0", i % 2), NULL, NULL);
                lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        }
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        lab_settle(lab);
        lab_restart_tapd(lab, SIGKILL);
        stop_lying(liar);
        expect_unchanged(&bridge);
        port_set_mac(queue, "tap1", lowest);
        expect_unchanged(&bridge);

        /* Also where he is at it while no tapd is there. */
        lab_stop_tapd(lab, SIGKILL);
        port_set_mac(queue, "tap1", second_lowest);
        lab_start_tapd(lab);
        unwatch(&bridge);
        close(queue);
}

/* An address that was asked for is as good as any other, and as little the bridge's. */
static void test_low_address(Lab *lab) {
        Watched bridge;

        port_add_bridge("br0");
        port_add_uplink("up0", UPLINK);
        g_free(lab_run("ip link set up0 master br0"));
        bridge = watch("br0");
        create_with_mac(lab, "tap1", "br0", "00:00:00:00:00:01");
        expect_mac("tap1", "00:00:00:00:00:01");
        unwatch(&bridge);
}

/* ---- uplinks ---- */

/* Without one there is nobody to keep it for: pinned, it would keep a TAP's when the uplink comes. */
static void test_no_uplink(Lab *lab) {
        port_add_bridge("br0");
        create_with_mac(lab, "tap1", "br0", "02:00:00:00:00:20");
        expect_mac("br0", "02:00:00:00:00:20");
        create_with_mac(lab, "tap2", "br0", "02:00:00:00:00:10");
        expect_mac("br0", "02:00:00:00:00:10");
        lab_expect(port_unplug(lab, lab->alice, "tap2"), NULL, NULL);
        expect_mac("br0", "02:00:00:00:00:20");
        lab_restart_tapd(lab, SIGKILL);
        lab_expect(port_plug(lab, lab->alice, "tap2", "br0", false), NULL, NULL);
        expect_mac("br0", "02:00:00:00:00:10");
        g_free(lab_run("ip link set tap2 nomaster"));
        expect_mac("br0", "02:00:00:00:00:20");
}

/* From here on the bridge keeps what it has, whatever becomes of its TAPs. */
static void expect_pinned(Lab *lab) {
        Watched bridge = watch("br0");
        int queue = port_open_queue("tap1");

        create_with_mac(lab, "tap3", "br0", "00:00:00:00:00:05");
        port_set_mac(queue, "tap1", lowest);
        lab_settle(lab);
        expect_unchanged(&bridge);
        lab_restart_tapd(lab, SIGKILL);
        port_set_mac(queue, "tap1", second_lowest);
        lab_expect(port_unplug(lab, lab->alice, "tap3"), NULL, NULL);
        lab_expect(port_plug(lab, lab->alice, "tap3", "br0", true), NULL, NULL);
        lab_delete(lab, lab->alice, "tap3", false, NULL);
        lab_settle(lab);
        unwatch(&bridge);
        close(queue);
}

typedef struct LateCase {
        const char *uplink;
        bool while_dead; /* tapd is not there when the uplink comes */
        bool lies;       /* and a holder has the lowest address by then */
} LateCase;

static void test_late_uplink(const void *data) {
        const LateCase *row = data;
        Lab *lab = lab_new(NULL);
        int queue;

        port_add_bridge("br0");
        port_add_uplink("up0", row->uplink);
        create_with_mac(lab, "tap1", "br0", "02:00:00:00:00:10");
        create_with_mac(lab, "tap2", "br0", "02:00:00:00:00:20");
        expect_mac("br0", "02:00:00:00:00:10");
        queue = port_open_queue("tap2");
        lab_settle(lab);

        if (row->while_dead)
                lab_stop_tapd(lab, SIGKILL);
        if (row->lies)
                port_set_mac(queue, "tap2", lowest);
        g_free(lab_run("ip link set up0 master br0"));
        if (row->while_dead)
                lab_start_tapd(lab);

        wait_mac(lab, "br0", row->uplink);
        lab_settle(lab);
        expect_pinned(lab);
        expect_mac("br0", row->uplink);
        close(queue);
        lab_free(lab);
}

/* It comes while somebody does nothing but change his address. */
static void test_late_uplink_liar(Lab *lab) {
        pid_t liar;
        int queue;

        port_add_bridge("br0");
        port_add_uplink("up0", UPLINK);
        create_with_mac(lab, "tap1", "br0", "02:00:00:00:00:10");
        queue = port_open_queue("tap1");
        liar = start_lying(queue, "tap1");
        g_free(lab_run("ip link set up0 master br0"));
        wait_mac(lab, "br0", UPLINK);
        lab_settle(lab);
        expect_mac("br0", UPLINK);
        stop_lying(liar);
        expect_pinned(lab);
        close(queue);
}

/* The first one's it is: it does not go from one card to another, and stays when the card is taken out. */
static void test_second_uplink(Lab *lab) {
        Watched bridge;

        port_add_bridge("br0");
        port_add_uplink("up0", UPLINK);
        port_add_uplink("up1", "02:00:00:00:00:01");
        g_free(lab_run("ip link set up0 master br0"));
        lab_expect(port_create(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        bridge = watch("br0");
        g_free(lab_run("ip link set up1 master br0"));
        lab_settle(lab);
        lab_restart_tapd(lab, SIGKILL);
        lab_expect(port_unplug(lab, lab->alice, "tap1"), NULL, NULL);
        lab_expect(port_plug(lab, lab->alice, "tap1", "br0", false), NULL, NULL);
        g_free(lab_run("ip link set up0 nomaster"));
        lab_settle(lab);
        unwatch(&bridge);
        expect_mac("br0", UPLINK);
}

/* ---- the administrator's word ---- */

#define OWN "02:00:00:00:00:0a"

typedef struct OwnCase {
        const char *label;
        bool set_late;    /* after TAPs are on it */
        bool uplink_late; /* after that */
        bool while_dead;
        bool lies; /* a holder gives himself the bridge's address, which is then that of its lowest port */
} OwnCase;

static const OwnCase own_cases[] = {
        { "first", false, false, false, false },
        { "first/uplink-late", false, true, false, false },
        { "late", true, false, false, false },
        { "late/uplink-late", true, true, false, false },
        { "first/while-dead", false, true, true, false },
        { "late/while-dead", true, true, true, false },
        { "first/liar", false, true, false, true },
        { "late/liar", true, true, false, true },
        { "late/while-dead/liar", true, true, true, true },
};

static void set_own(void) {
        g_free(lab_run("ip link set br0 address " OWN));
}

static void test_own_address(const void *data) {
        static const uint8_t own[6] = { 2, 0, 0, 0, 0, 0xa };
        const OwnCase *row = data;
        Lab *lab = lab_new(NULL);
        Watched bridge;
        int queue;

        port_add_bridge("br0");
        port_add_uplink("up0", UPLINK);
        if (!row->set_late)
                set_own();
        if (!row->uplink_late)
                g_free(lab_run("ip link set up0 master br0"));
        create_with_mac(lab, "tap1", "br0", "02:00:00:00:00:10");
        queue = port_open_queue("tap1");
        if (row->set_late)
                set_own();
        lab_settle(lab);
        bridge = watch("br0");
        expect_mac("br0", OWN);

        if (row->while_dead)
                lab_stop_tapd(lab, SIGKILL);
        if (row->lies)
                port_set_mac(queue, "tap1", own);
        if (row->uplink_late)
                g_free(lab_run("ip link set up0 master br0"));
        if (row->while_dead)
                lab_start_tapd(lab);
        lab_settle(lab);
        expect_unchanged(&bridge);
        expect_pinned(lab);
        unwatch(&bridge);
        close(queue);
        lab_free(lab);
}

int main(int argc, char **argv) {
        static const LateCase late_cases[] = {
                { UPLINK, false, false },
                { UPLINK, false, true },
                { UPLINK, true, false },
                { UPLINK, true, true },
                { "02:00:00:00:00:01", false, false },
                { "02:00:00:00:00:01", true, true },
        };

        lab_init(&argc, &argv);

        lab_add_test("/bridge/random", test_random);
        lab_add_test("/bridge/liar", test_liar);
        lab_add_test("/bridge/low-address", test_low_address);
        lab_add_test("/bridge/no-uplink", test_no_uplink);
        for (size_t i = 0; i < G_N_ELEMENTS(late_cases); i++) {
                const LateCase *row = &late_cases[i];
                g_autofree char *path = g_strdup_printf("/bridge/late-uplink/%s%s%s", row->uplink,
                                                        row->while_dead ? "/while-dead" : "", row->lies ? "/liar" : "");

                g_test_add_data_func(path, row, test_late_uplink);
        }
        lab_add_test("/bridge/late-uplink/liar", test_late_uplink_liar);
        lab_add_test("/bridge/second-uplink", test_second_uplink);
        for (size_t i = 0; i < G_N_ELEMENTS(own_cases); i++) {
                g_autofree char *path = g_strconcat("/bridge/own-address/", own_cases[i].label, NULL);

                g_test_add_data_func(path, &own_cases[i], test_own_address);
        }
        return g_test_run();
}
