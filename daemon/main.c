/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "bus.h"
#include "log.h"
#include "settings.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* tapd-ovs.socket, through which alone the database is reached; and where the database itself listens. */
#define OVSDB_SOCKET "/run/tapd-ovs/db.sock"
#define OVSDB_SERVER_SOCKET "/run/openvswitch/db.sock"

typedef struct Options {
        const char *root; /* what stands before the paths of the configuration */
        bool always_ask;
        const char *ovsdb;        /* the socket by which Open vSwitch's database is reached */
        const char *ovsdb_server; /* that of the database itself */
        uint64_t pending_usec;    /* 0: as built */
} Options;

static int print_help(void) {
        puts("tapd [OPTIONS...]\n"
             "\n"
             "Owns TAP network interfaces and offers them on the system bus as org.tapd1; see tapd(8).\n"
             "It is started by systemd; tapctl(1) talks to it.\n"
             "\n"
             "  -h --help        Show this help\n"
             "     --version     Show the version\n"
             "     --root=PATH   Read the configuration below PATH\n"
             "     --always-ask  Ask polkit for root's requests as well (for tests)\n"
             "     --pending-sec=SECONDS\n"
             "                   Give up a request after so long without an answer of polkit (for tests)\n"
             "     --ovsdb=SOCKET, --ovsdb-server=SOCKET\n"
             "                   Reach the database of Open vSwitch by another socket, none where it is empty, and\n"
             "                   expect its own to be another one\n"
             "     --debug       Log more");
        return 0;
}

/* No more than the deadline that tapd is built with. */
static int parse_pending(const char *text, uint64_t *ret_usec) {
        uint64_t seconds;

        if (parse_decimal(text, JOB_DEADLINE_USEC / USEC_PER_SEC, &seconds) < 0 || seconds == 0)
                return -EINVAL;

        *ret_usec = seconds * USEC_PER_SEC;
        return 0;
}

/* 1: go on; else the program ends with *ret_status. */
static int parse_arguments(int argc, char **argv, Options *options, int *ret_status) {
        enum {
                OPTION_VERSION = 256,
                OPTION_ROOT,
                OPTION_ALWAYS_ASK,
                OPTION_PENDING,
                OPTION_OVSDB,
                OPTION_OVSDB_SERVER,
                OPTION_DEBUG
        };
        static const struct option table[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "root", required_argument, NULL, OPTION_ROOT },
                { "always-ask", no_argument, NULL, OPTION_ALWAYS_ASK },
                { "pending-sec", required_argument, NULL, OPTION_PENDING },
                { "ovsdb", required_argument, NULL, OPTION_OVSDB },
                { "ovsdb-server", required_argument, NULL, OPTION_OVSDB_SERVER },
                { "debug", no_argument, NULL, OPTION_DEBUG },
                {},
        };

        for (int option; (option = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
                switch (option) {
                case 'h':
                        *ret_status = print_help();
                        return 0;
                case OPTION_VERSION:
                        *ret_status = puts("tapd " TAPD_VERSION) < 0;
                        return 0;
                case OPTION_ROOT:
                        options->root = optarg;
                        break;
                case OPTION_ALWAYS_ASK:
                        options->always_ask = true;
                        break;
                case OPTION_PENDING:
                        if (parse_pending(optarg, &options->pending_usec) >= 0)
                                break;
                        (void) fprintf(stderr, "tapd: --pending-sec=%s is not a number of seconds from 1 to 120\n",
                                       optarg);
                        *ret_status = EX_USAGE;
                        return 0;
                case OPTION_OVSDB:
                        options->ovsdb = optarg;
                        break;
                case OPTION_OVSDB_SERVER:
                        options->ovsdb_server = optarg;
                        break;
                case OPTION_DEBUG:
                        log_set_level(LOG_DEBUG);
                        break;
                default:
                        *ret_status = EX_USAGE;
                        return 0;
                }
        }

        if (optind < argc) {
                (void) fprintf(stderr, "tapd: takes no arguments\n");
                *ret_status = EX_USAGE;
                return 0;
        }

        return 1;
}

/* Without it nothing can be done, and a restart would not bring it. */
static bool has_net_admin(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

        if (syscall(SYS_capget, &header, data) < 0)
                return false;

        return data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN);
}

/* RuntimeDirectory= of the unit (systemd.exec(5)). */
static const char *runtime_path(void) {
        const char *path = getenv("RUNTIME_DIRECTORY");

        return path && *path == '/' && !strchr(path, ':') ? path : "/run/tapd";
}

/* StateDirectory= of the unit. */
static const char *state_path(void) {
        const char *path = getenv("STATE_DIRECTORY");

        return path && *path == '/' && !strchr(path, ':') ? path : CONFDIR_STATE;
}

static int set_up_event(sd_event **ret) {
        sd_event *event = NULL;
        sigset_t signals;
        int r;

        /* Blocked before the first thread is made. */
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;

        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0) {
                sd_event_unref(event);
                return r;
        }

        *ret = event;
        return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        bus_reload(userdata);
        return 0;
}

static int serve(sd_event *event, Manager *manager, const Options *options) {
        Bus *bus;
        int r;

        r = bus_new(event, manager,
                    &(const BusOptions){
                            .root = options->root, .state_path = state_path(), .always_ask = options->always_ask },
                    &bus);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, bus);
        if (r < 0) {
                log_message(LOG_ERR, "cannot connect to the system bus: %s", strerror(-r));
                return r;
        }

        if (options->pending_usec > 0)
                jobs_set_deadline(bus->jobs, options->pending_usec);

        manager_await_ports(manager, event);
        r = manager_start(manager);
        if (r >= 0)
                r = bus_publish(bus);
        if (r < 0) {
                log_message(LOG_ERR, "cannot offer org.tapd1: %s", strerror(-r));
        } else {
                (void) sd_notify(0, "READY=1");
                r = sd_event_loop(event);
                (void) sd_notify(0, "STOPPING=1");
        }

        bus_free(bus);
        return r;
}

static int run(const Options *options) {
        const ManagerPaths paths = {
                .runtime = runtime_path(),
                .state = state_path(),
                .ovs = options->ovsdb,
                .ovs_server = options->ovsdb_server,
        };
        Manager *manager = NULL;
        sd_event *event = NULL;
        Config config = {};
        int r;

        r = set_up_event(&event);
        if (r >= 0)
                r = config_load(options->root, state_path(), complaint_log, NULL, &config);
        if (r >= 0)
                r = manager_new(event, &paths, &manager);
        if (r >= 0)
                manager_set_config(manager, &config);
        if (r < 0)
                log_message(LOG_ERR, "cannot start: %s", strerror(-r));
        else
                r = serve(event, manager, options);

        manager_free(manager);
        config_done(&config);
        sd_event_unref(event);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        Options options = { .root = "", .ovsdb = OVSDB_SOCKET, .ovsdb_server = OVSDB_SERVER_SOCKET };
        int status;

        if (parse_arguments(argc, argv, &options, &status) == 0)
                return status;

        if (!has_net_admin()) {
                log_message(LOG_ERR, "CAP_NET_ADMIN is missing: look for a drop-in of tapd.service that takes it");
                return EX_CONFIG;
        }

        /* One large answer would stay in the heap for good. */
        (void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);
        (void) mallopt(M_TRIM_THRESHOLD, 128 * 1024);

        return run(&options);
}
