/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* What keeps tapd from doing all of its work, in sentences for Manager.Degraded; each stands under a topic of which
 * there is one sentence at most. */
typedef struct Health {
        char **topics;
        char **sentences; /* NULL-terminated once there was one */
        size_t n_sentences;
        void (*on_changed)(void *userdata);
        void *userdata;
} Health;

/* Sets a topic's sentence and logs it; nothing where it has one. No memory: only the log has it. */
void health_raise(Health *health, const char *topic, const char *sentence);

/* Removes a topic's sentence and logs that it is over; nothing where it has none. */
void health_clear(Health *health, const char *topic);

/* All sentences, NULL-terminated. Borrowed. */
char **health_sentences(Health *health);

/* Frees all sentences, and tells nobody. */
void health_done(Health *health);
