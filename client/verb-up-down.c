/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "call.h"
#include "verbs.h"

static int up_one(Caller *caller, const char *name, void *userdata) {
        return call_tap(caller, name, "Up");
}

static int down_one(Caller *caller, const char *name, void *userdata) {
        return call_tap(caller, name, "Down");
}

static int set_all(const Options *options, CallEach each) {
        Caller caller;
        int status;

        status = call_open(&caller, !(options->given & OPTION_NO_ASK_PASSWORD));
        if (status == 0)
                status = call_each(&caller, options->arguments, options->n_arguments, each, NULL);

        call_close(&caller);
        return status;
}

int verb_up(const Options *options) {
        return set_all(options, up_one);
}

int verb_down(const Options *options) {
        return set_all(options, down_one);
}
