/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "health.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

static size_t health_find(const Health *health, const char *topic) {
        size_t i = 0;

        while (i < health->n_sentences && strcmp(health->topics[i], topic) != 0)
                i++;

        return i;
}

static void health_tell(Health *health) {
        if (health->on_changed)
                health->on_changed(health->userdata);
}

void health_raise(Health *health, const char *topic, const char *sentence) {
        size_t n = health->n_sentences;
        char **topics, **sentences, *topic_copy, *sentence_copy;

        if (health_find(health, topic) < n)
                return;

        log_message(LOG_ERR, "degraded: %s", sentence);

        topics = reallocarray(health->topics, n + 1, sizeof(*topics));
        if (!topics)
                return;
        health->topics = topics;

        sentences = reallocarray(health->sentences, n + 2, sizeof(*sentences));
        if (!sentences)
                return;
        health->sentences = sentences;

        topic_copy = strdup(topic);
        sentence_copy = strdup(sentence);
        if (!topic_copy || !sentence_copy) {
                free(topic_copy);
                free(sentence_copy);
                sentences[n] = NULL;
                return;
        }

        topics[n] = topic_copy;
        sentences[n] = sentence_copy;
        sentences[n + 1] = NULL;
        health->n_sentences++;
        health_tell(health);
}

void health_clear(Health *health, const char *topic) {
        size_t i = health_find(health, topic), last = health->n_sentences - 1;

        if (i == health->n_sentences)
                return;

        log_message(LOG_NOTICE, "no longer degraded: %s", health->sentences[i]);

        free(health->topics[i]);
        free(health->sentences[i]);
        health->topics[i] = health->topics[last];
        health->sentences[i] = health->sentences[last];
        health->sentences[last] = NULL;
        health->n_sentences--;
        health_tell(health);
}

char **health_sentences(Health *health) {
        static char *const nothing[] = { NULL };

        return health->sentences ? health->sentences : (char **) nothing;
}

void health_done(Health *health) {
        for (size_t i = 0; i < health->n_sentences; i++) {
                free(health->topics[i]);
                free(health->sentences[i]);
        }

        free(health->topics);
        free(health->sentences);
        *health = (Health){};
}
