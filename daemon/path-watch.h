/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

/*
 * Tells when a file comes, goes or is replaced by another one, also while the folders that it is to be in are not there
 * yet (inotify(7)). It wakes up for nothing that happens beside the path.
 */
typedef struct PathWatch PathWatch;

/* Something happened to the file, or on the way to it: look. @path is absolute. */
typedef void (*path_watch_changed_t)(void *userdata);

/* -ENOSPC, -EMFILE: the kernel lets nobody watch any more. -EACCES: a folder may not be looked into. */
int path_watch_new(sd_event *event, const char *path, path_watch_changed_t changed, void *userdata, PathWatch **ret);
PathWatch *path_watch_free(PathWatch *watch);

/* False where it could not be set anew when a folder on the way came or went: nothing will be told. */
bool path_watch_is_set(const PathWatch *watch);
