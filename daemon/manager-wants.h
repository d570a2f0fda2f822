/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What manager-wants.c (the names that files declare), manager-declared.c (one of them made true) and manager-plug.c
 * (its switch) share.
 */
#include "manager-internal.h"

/* What the files say of a name now; NULL: nothing. */
const Declaration *manager_find_declaration(Manager *manager, const char *name);

/* The name's own; manager_need_want() makes it where there is none yet, NULL: no memory. */
Want *manager_find_want(Manager *manager, const char *name);
Want *manager_need_want(Manager *manager, const char *name);

/* Forgets a name that nothing is left of. */
void want_free(Manager *manager, Want *want);

/* Has a name looked at in the next turn of the loop, or when its delay is over (want->retry_usec). */
void manager_want(Manager *manager, Want *want);
void manager_want_later(Manager *manager, Want *want);

/* Deletes a TAP for the files' sake; a reload waits for it. */
int manager_want_delete(Manager *manager, Tap *tap, Fault *fault);

/* For the reload under way, if one is: something could not be done as the files say. */
void manager_note_failure(Manager *manager);

/* Makes one name true, as far as it can be; the fault is for who asked for this one. */
int want_step(Manager *manager, Want *want, Fault *fault);

/* Judges a TAP by what is known of it, and has that told: who reloads is answered before it is. */
void want_judge(Manager *manager, Tap *tap);

/* Plugs a live TAP in as it was asked last, or notes what it waits for. */
void want_plug(Manager *manager, Want *want, Tap *tap);

/* Has the reload under way, if one is, wait for one more TAP to be plugged in; and has it wait for one less. */
bool manager_await_plug(Manager *manager);
void manager_note_plugged(Manager *manager);
