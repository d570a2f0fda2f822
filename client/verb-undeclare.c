/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "call.h"
#include "verbs.h"

/* "No such TAP" would not be what is wrong: tapd says it in its own words, with the name. */
static int undeclare_one(Caller *caller, const char *name, void *userdata) {
        return call_with_name(caller, /* subject= */ NULL, "Undeclare", name, NULL);
}

static int adopt_one(Caller *caller, const char *name, void *userdata) {
        return call_with_name(caller, /* subject= */ NULL, "Adopt", name, NULL);
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
