/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>

/*
 * The one thread beside the loop: it deletes links, because the kernel keeps the caller of RTM_DELLINK waiting for an
 * RCU grace period of about 16 ms long after everybody has seen RTM_DELLINK. What has queued up while it waited goes as
 * one request. The two threads share nothing but the queue. That a link is gone is told by its RTM_DELLINK; only
 * failures are reported from here.
 */
typedef struct Reaper Reaper;

/* Called on the loop for a link that could not be deleted; @error is a negative errno. */
typedef void (*reaper_failed_t)(int ifindex, int error, void *userdata);

int reaper_new(sd_event *event, reaper_failed_t failed, void *userdata, Reaper **ret);

/* Waits for the deletion under way, and drops what has not begun. */
Reaper *reaper_free(Reaper *reaper);

/* Has links deleted, all by one request. 0, or -ENOMEM, and then none of them is. */
int reaper_add(Reaper *reaper, const int *ifindexes, size_t n_ifindexes);
