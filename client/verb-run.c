/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "advice.h"
#include "arguments.h"
#include "call.h"
#include "command.h"
#include "ephemeral.h"
#include "report.h"
#include "verbs.h"

/* With the bus's closed there are lower numbers again; nobody needs them, but a command line looks better with them. */
static void lower_fds(Ephemeral *tap) {
        for (size_t i = 0; i < tap->n_fds; i++) {
                int fd = fcntl(tap->fds[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

                if (fd < 0)
                        return;

                if (fd < tap->fds[i]) {
                        close(tap->fds[i]);
                        tap->fds[i] = fd;
                } else
                        close(fd);
        }
}

static int become_command(const char *const *words, Ephemeral *tap) {
        char *fds;
        int status;

        lower_fds(tap);
        fds = command_join_fds(tap->fds, tap->n_fds);
        if (!fds)
                return report_no_memory();

        status = command_execute(
                words,
                &(CommandTap){ .name = tap->name, .fds = fds, .fd = tap->n_fds == 1 ? fds : NULL, .mac = tap->mac },
                tap->fds, tap->n_fds);
        free(fds);
        return status;
}

static int check(const Options *options) {
        if (options->n_arguments == options->n_before_dashes) {
                report(NULL, "\"run\" needs a command, behind \"--\"");
                return report_usage("run");
        }

        if (options->n_before_dashes > 1) {
                report(NULL, "\"%s\" is one argument too many; the command stands behind \"--\"",
                       options->arguments[1]);
                return report_usage("run");
        }

        return names_check(options->arguments, options->n_before_dashes, "run");
}

static int read_queues(const Options *options, size_t *ret) {
        uint64_t n = 1;

        if (options->queues && (parse_decimal(options->queues, EPHEMERAL_QUEUES_MAX, &n) < 0 || n == 0)) {
                report("--queues", "\"%s\" is not a number from 1 to %d", options->queues, EPHEMERAL_QUEUES_MAX);
                return report_usage("run");
        }

        /* A guest that reads one queue of several loses what comes in by the others. */
        if (n > 1 && command_has_token(options->arguments + options->n_before_dashes, "{fd}")) {
                report(NULL, "{fd} is one descriptor, and --queues=%s has %s of them: {fds}", options->queues,
                       options->queues);
                return report_usage("run");
        }

        *ret = (size_t) n;
        return 0;
}

/* The descriptors are all that the command gets; the TAP is gone with the last of them. */
int verb_run(const Options *options) {
        const char *name = options->n_before_dashes > 0 ? options->arguments[0] : "";
        Caller caller = {};
        Settings settings;
        Ephemeral tap = {};
        size_t n_queues = 0;
        int status;

        status = check(options);
        if (status == 0)
                status = read_queues(options, &n_queues);
        if (status == 0)
                status = settings_read(&settings, options);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        caller.plugs_into = options->settings[SETTING_SWITCH];
        caller.advise = advice_on_group;
        if (status == 0)
                status = ephemeral_create(&tap, &caller, name, &settings, n_queues);
        if (status == 0)
                status = ephemeral_get_mac(&tap, &caller);

        call_close(&caller);
        if (status == 0)
                status = become_command(options->arguments + options->n_before_dashes, &tap);

        ephemeral_done(&tap);
        return status;
}
