/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump of the links that is not the whole truth: none of tapd's TAPs is given up for it. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "lab.h"
#include "manager.h"
#include "reconcile.h"

/* What recvmsg() makes of what the kernel says. */
typedef struct Lies {
        int hidden;             /* the ifindex of a link that dumps leave out */
        unsigned n_interrupted; /* how many dumps more links came and went in; the hidden one is missing from these */
        bool hides_always;      /* it is missing from all of them */
        bool hides_events;      /* and nothing else is told of it either */
        int done_error;         /* how the next dump ends */
        bool overrun;           /* the next word is that words were lost */
        unsigned n_dumps;
} Lies;

static Lies *lies(void) {
        static Lies the;

        return &the;
}

static void lie(struct nlmsghdr *message) {
        const struct ifinfomsg *info = NLMSG_DATA(message);
        bool is_dump = message->nlmsg_flags & NLM_F_MULTI, is_link;
        Lies *all = lies();

        is_link = (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK) &&
                  info->ifi_index == all->hidden;
        if (is_dump && all->n_interrupted > 0)
                message->nlmsg_flags |= NLM_F_DUMP_INTR;
        if (is_link && (is_dump ? all->hides_always || all->n_interrupted > 0 : all->hides_events))
                message->nlmsg_type = NLMSG_NOOP;

        if (message->nlmsg_type == NLMSG_DONE) {
                all->n_dumps++;
                all->n_interrupted -= all->n_interrupted > 0;
                memcpy(NLMSG_DATA(message), &all->done_error, sizeof(int));
                all->done_error = 0;
        }
}

ssize_t recvmsg(int fd, struct msghdr *header, int flags) {
        ssize_t (*real)(int fd, struct msghdr *header, int flags) = dlsym(RTLD_NEXT, "recvmsg");
        const struct sockaddr *sender = header->msg_name;
        struct nlmsghdr *message = header->msg_iov[0].iov_base;
        ssize_t n = real(fd, header, flags);
        size_t left = n > 0 ? (size_t) n : 0;

        if (n <= 0 || !sender || sender->sa_family != AF_NETLINK)
                return n;
        if (lies()->overrun) {
                lies()->overrun = false;
                errno = ENOBUFS;
                return -1;
        }

        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
                lie(message);
        return n;
}

/* A device, and a socket to ask for it. */
static Rtnl *prepare(void) {
        Rtnl *rtnl = NULL;

        g_free(lab_run("ip tuntap add dev tap1 mode tap"));
        *lies() = (Lies){ .hidden = (int) if_nametoindex("tap1") };
        g_assert_cmpint(lies()->hidden, >, 0);
        lab_ok(rtnl_new(/* event= */ NULL, /* handlers= */ NULL, /* userdata= */ NULL, &rtnl));
        return rtnl;
}

static void finish(Rtnl *rtnl) {
        *lies() = (Lies){};
        rtnl_free(rtnl);
        g_free(lab_run("ip link del tap1"));
}

static void on_link(const Link *link, void *userdata) {
        bool *met = userdata;

        *met |= link->ifindex == lies()->hidden;
}

static void test_interrupted(void) {
        Rtnl *rtnl = prepare();
        bool met = false;

        /* The kernel says that it may have skipped one: it is asked again. */
        lies()->n_interrupted = 2;
        g_assert_cmpint(link_dump(rtnl, on_link, &met), ==, 0);
        g_assert_true(met);
        g_assert_cmpuint(lies()->n_dumps, ==, 3);
        finish(rtnl);
}

static void test_always_interrupted(void) {
        Rtnl *rtnl = prepare();
        bool met = false;

        /* But not for ever. */
        lies()->n_interrupted = 1000;
        g_assert_cmpint(link_dump(rtnl, on_link, &met), ==, -EINTR);
        g_assert_cmpuint(lies()->n_dumps, <, 100);
        finish(rtnl);
}

static void test_error(void) {
        Rtnl *rtnl = prepare();
        bool met = false;

        lies()->done_error = -EMSGSIZE;
        g_assert_cmpint(link_dump(rtnl, on_link, &met), ==, -EMSGSIZE);
        finish(rtnl);
}

/* tapd's own manager, in this process. */
typedef struct Stage {
        sd_event *event;
        Manager *manager;
        char *path;
        unsigned n_removed;
} Stage;

static void stage_on_tap(Tap *tap, void *userdata) {
}

static void stage_on_removed(Tap *tap, void *userdata) {
        Stage *stage = userdata;

        stage->n_removed++;
}

static void stage_on_bits(Tap *tap, unsigned bits, void *userdata) {
}

static void stage_on_degraded(void *userdata) {
}

static const ManagerHandlers stage_handlers = {
        .on_added = stage_on_tap,
        .on_changed = stage_on_bits,
        .on_removed = stage_on_removed,
        .on_tampered = stage_on_bits,
        .on_degraded = stage_on_degraded,
};

static void stage_start(Stage *stage) {
        const ManagerPaths paths = { .runtime = stage->path, .state = stage->path, .ovs = "", .ovs_server = "" };

        lab_ok(manager_new(stage->event, &paths, &stage->manager));
        manager_set_handlers(stage->manager, &stage_handlers, stage);
        lab_ok(manager_start(stage->manager));
}

static Stage *stage_new(void) {
        const ManagerOrder order = {
                .name = "tap1",
                .spec = &(const TapSpec){ .mode.multi_queue = true,
                                          .user = 0,
                                          .group = 0,
                                          .mtu = SPEC_UNSET,
                                          .transmit_queue_length = SPEC_UNSET,
                                          .up = true },
                .lifetime = LIFETIME_RUNTIME,
        };
        Stage *stage = g_new0(Stage, 1);
        Making *making;
        Tap *tap;

        stage->path = g_dir_make_tmp("tapd-XXXXXX", NULL);
        lab_ok(sd_event_new(&stage->event));
        stage_start(stage);
        g_assert_cmpint(manager_create(stage->manager, &order, /* queues= */ NULL, /* done= */ NULL,
                                       /* userdata= */ NULL, &making, &tap, /* fault= */ NULL),
                        ==, 1);
        *lies() = (Lies){ .hidden = tap->record.ifindex };
        return stage;
}

static void stage_free(Stage *stage) {
        *lies() = (Lies){};
        manager_free(stage->manager);
        sd_event_unref(stage->event);
        g_free(lab_run("rm -r %s", stage->path));
        g_free(stage->path);
        g_free(stage);
}

/* Until nothing is left to be done at once. */
static void stage_run(Stage *stage) {
        while (sd_event_run(stage->event, 0) > 0)
                ;
}

static void lose_events(Stage *stage) {
        stage_run(stage);
        lies()->overrun = true;
        g_free(lab_run("ip link add foreign1 type bridge"));
        g_free(lab_run("ip link del foreign1"));
}

static void test_start(void) {
        Stage *stage = stage_new();
        Tap *tap;

        /* A start believes no dump that one of its TAPs is missing from. */
        stage->manager = manager_free(stage->manager);
        lies()->hides_always = true;
        stage_start(stage);
        tap = manager_find(stage->manager, "tap1");
        g_assert_nonnull(tap);
        g_assert_cmpint(tap->record.ifindex, ==, lies()->hidden);
        stage_free(stage);
        g_free(lab_run("ip link del tap1"));
}

static void test_skipped(void) {
        Stage *stage = stage_new();

        /* Nor does one that has lost events. */
        lies()->hides_always = true;
        lose_events(stage);
        stage_run(stage);
        g_assert_cmpuint(lies()->n_dumps, >, 0);
        g_assert_cmpuint(stage->n_removed, ==, 0);
        g_assert_nonnull(manager_find(stage->manager, "tap1"));
        stage_free(stage);
        g_free(lab_run("ip link del tap1"));
}

static void test_failed(void) {
        Stage *stage = stage_new();

        /* A dump that failed is made again, though nothing else happens. */
        stage_run(stage);
        lies()->hides_events = true;
        g_free(lab_run("ip link del tap1"));
        stage_run(stage);
        g_assert_cmpuint(stage->n_removed, ==, 0);
        lies()->done_error = -EMSGSIZE;
        lose_events(stage);
        stage_run(stage);
        g_assert_cmpuint(lies()->n_dumps, ==, 1);
        g_assert_cmpuint(stage->n_removed, ==, 0);
        while (stage->n_removed == 0)
                lab_ok(sd_event_run(stage->event, UINT64_MAX));
        g_assert_null(manager_find(stage->manager, "tap1"));
        stage_free(stage);
}

int main(int argc, char **argv) {
        lab_init(&argc, &argv);

        g_test_add_func("/dump/interrupted", test_interrupted);
        g_test_add_func("/dump/always-interrupted", test_always_interrupted);
        g_test_add_func("/dump/error", test_error);
        g_test_add_func("/dump/start", test_start);
        g_test_add_func("/dump/skipped", test_skipped);
        g_test_add_func("/dump/failed", test_failed);
        return g_test_run();
}
