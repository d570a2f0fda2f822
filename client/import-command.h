/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "import-plan.h"

/*
 * What a command of a stanza does to TAPs: ip, bridge, tunctl, openvpn, brctl, ovs-vsctl and ifconfig are
 * understood.
 */
typedef struct ImportCommand {
        char *const *words;
        size_t n_words;
        ImportPlace place;
        bool is_down; /* it is run when the interface goes */
} ImportCommand;

/* What a command came to; beside these -EINVAL or -EPERM, and why. */
typedef enum ImportVerdict {
        IMPORT_FOREIGN, /* it does nothing to TAPs that the plan has */
        IMPORT_DONE,    /* the plan says all that it says */
        IMPORT_PARTIAL, /* and it does something else besides */
} ImportVerdict;

/* Does what a command says that makes a TAP, and nothing with one that makes none. @ret_name: the TAP's name, borrowed
 * of the words. */
int import_command_make(ImportPlan *plan, const ImportCommand *command, const char **ret_name, Fault *fault);

/* Does what any other command says of the TAPs that the plan has. */
int import_command_apply(ImportPlan *plan, const ImportCommand *command, Fault *fault);

/* Takes the columns of an Open vSwitch port, "tag=20", that follow each other. */
int import_columns_apply(ImportPlan *plan, ImportTap *tap, char *const *words, size_t n, ImportPlace place,
                         Fault *fault);

/* Makes a TAP a port of a bridge of Open vSwitch. */
int import_ovs_port(ImportPlan *plan, ImportTap *tap, const char *bridge, ImportPlace place, Fault *fault);

/* Whether a text names a program that makes TAPs, however little of it can be read. */
bool import_text_makes_taps(const char *text);
