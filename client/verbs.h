/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "options.h"

/*
 * The verbs of tapctl, one file each. They take the command line without the verb, of which the table in tapctl.c
 * has checked which options it may have and how many arguments, and return the exit status.
 */
int verb_create(const Options *options);
int verb_delete(const Options *options);

/* What create and delete do with --for-unit. */
int create_for_unit(const Options *options);
int delete_for_unit(const Options *options);

int verb_list(const Options *options);
int verb_status(const Options *options);
int verb_up(const Options *options);
int verb_down(const Options *options);
int verb_set(const Options *options);
int verb_plug(const Options *options);
int verb_unplug(const Options *options);
int verb_run(const Options *options);
int verb_declare(const Options *options);
int verb_undeclare(const Options *options);
int verb_adopt(const Options *options);
int verb_reload(const Options *options);
int verb_verify(const Options *options);
int verb_cat(const Options *options);
int verb_monitor(const Options *options);
int verb_import(const Options *options);
