/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "config.h"

/*
 * A reading of the configuration while others are served: on a thread, because names of users and groups may have to
 * wait for a directory server. It shares nothing with the loop but its result.
 */
typedef struct Loading Loading;

/* What config_load() found, all of it at once. */
typedef struct LoadingComplaint {
        char *path;
        unsigned line;
        char *text;
} LoadingComplaint;

typedef struct LoadingResult {
        int r; /* negative errno: nothing was read */
        Config config;
        LoadingComplaint *complaints;
        size_t n_complaints;
} LoadingResult;

/* Called once from the loop, and the loading is gone. What @done leaves in @result->config is freed. */
typedef void (*loading_done_t)(LoadingResult *result, void *userdata);

/* The paths are those of config_load(). -ENOMEM, or what keeps a thread from being made. */
int loading_begin(sd_event *event, const char *root, const char *state_path, loading_done_t done, void *userdata,
                  Loading **ret);

/* Whoever waited is gone; the thread ends by itself. NULL is fine. */
void loading_forget(Loading *loading);
