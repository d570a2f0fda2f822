/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager.h"

/*
 * A live TAP on its way into a switch, out of one, or from one into another; it may have to wait for Open vSwitch. What
 * was asked is in the record before anything is done, and that it is done afterwards: a start goes on from there.
 */
typedef struct Plugging Plugging;

/* Called once from the loop, with 0 or a negative errno and what went wrong: the TAP @name is then as it was. */
typedef void (*plugging_done_t)(int r, const Fault *fault, const char *name, void *userdata);

/* Plugs a TAP in as @spec says; NULL and @where NULL: off its switch. 1: it is done; 0: @done will be called; negative
 * errno with @fault filled. @spec was checked by port_check(). InUse while it is on its way already. */
int plugging_begin(Manager *manager, Tap *tap, const PortSpec *spec, const Switch *where, plugging_done_t done,
                   void *userdata, Plugging **ret, Fault *fault);

/* Whoever waited is gone; it goes on. NULL is fine. */
void plugging_forget(Plugging *plugging);
