/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "call.h"
#include "errors.h"
#include "report.h"
#include "verbs.h"

/* Both take names of what may be no TAP of tapd's: "no such TAP" would not be what is wrong. */
static int do_one(Caller *caller, const char *member, const char *name, const char *absence) {
        int status;

        caller->expects_absence = true;
        status = call_with_name(caller, name, member, name, NULL);
        if (status == TAPCTL_EXIT_NO_SUCH_TAP)
                report(name, "%s", absence);

        return status;
}

static int undeclare_one(Caller *caller, const char *name, void *userdata) {
        return do_one(caller, "Undeclare", name, "no file declares it");
}

static int adopt_one(Caller *caller, const char *name, void *userdata) {
        return do_one(caller, "Adopt", name, "no such network interface");
}

static int do_all(const Options *options, const char *verb, CallEach each) {
        Caller caller = {};
        int status;

        status = names_check(options->arguments, options->n_arguments, verb);
        if (status == 0)
                status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = call_each(&caller, options->arguments, options->n_arguments, each, NULL);

        call_close(&caller);
        return status;
}

int verb_undeclare(const Options *options) {
        return do_all(options, "undeclare", undeclare_one);
}

int verb_adopt(const Options *options) {
        return do_all(options, "adopt", adopt_one);
}
