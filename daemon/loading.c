/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loading.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct Loading {
        char *root, *state_path;
        LoadingResult result;
        int ready_fd; /* an eventfd */
        sd_event_source *source;
        loading_done_t done;
        void *userdata;
        pthread_mutex_t lock; /* for the next two */
        bool is_ready;
        bool is_forgotten;
};

static void result_done(LoadingResult *result) {
        for (size_t i = 0; i < result->n_complaints; i++) {
                free(result->complaints[i].path);
                free(result->complaints[i].text);
        }

        free(result->complaints);
        config_done(&result->config);
}

static void loading_free(Loading *loading) {
        sd_event_source_disable_unref(loading->source);
        if (loading->ready_fd >= 0)
                (void) close(loading->ready_fd);
        result_done(&loading->result);
        (void) pthread_mutex_destroy(&loading->lock);
        free(loading->root);
        free(loading->state_path);
        free(loading);
}

static void loading_on_complaint(const char *path, unsigned line, const char *text, void *userdata) {
        LoadingResult *result = &((Loading *) userdata)->result;
        LoadingComplaint *grown = reallocarray(result->complaints, result->n_complaints + 1, sizeof(*grown));
        LoadingComplaint *complaint;

        if (!grown)
                return;

        result->complaints = grown;
        complaint = &grown[result->n_complaints];
        *complaint = (LoadingComplaint){ .path = strdup(path), .line = line, .text = strdup(text) };
        if (complaint->path && complaint->text) {
                result->n_complaints++;
                return;
        }

        free(complaint->path);
        free(complaint->text);
}

/* Whether it is this side's to free: the one that comes last does. */
static bool loading_meet(Loading *loading, bool *mine, const bool *other) {
        bool is_last;

        (void) pthread_mutex_lock(&loading->lock);
        *mine = true;
        is_last = *other;
        (void) pthread_mutex_unlock(&loading->lock);
        return is_last;
}

static void *loading_run(void *userdata) {
        Loading *loading = userdata;

        loading->result.r =
                config_load(loading->root, loading->state_path, loading_on_complaint, loading, &loading->result.config);
        /* Before the other side may be done with it. */
        (void) eventfd_write(loading->ready_fd, 1);
        if (loading_meet(loading, &loading->is_ready, &loading->is_forgotten))
                loading_free(loading);

        return NULL;
}

static int loading_on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Loading *loading = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        loading->done(&loading->result, loading->userdata);
        loading_forget(loading);
        return 0;
}

void loading_forget(Loading *loading) {
        if (!loading)
                return;

        loading->source = sd_event_source_disable_unref(loading->source);
        if (loading_meet(loading, &loading->is_forgotten, &loading->is_ready))
                loading_free(loading);
}

/* Nobody joins it: a directory server that does not answer must not keep tapd from ending. */
static int start_thread(Loading *loading) {
        pthread_attr_t attributes;
        pthread_t thread;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;

        r = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (r == 0)
                r = pthread_create(&thread, &attributes, loading_run, loading);

        (void) pthread_attr_destroy(&attributes);
        /* EAGAIN is what pthread_create(3) says for the want of memory, and above the limit of threads. */
        return r == EAGAIN ? -ENOMEM : -r;
}

int loading_begin(sd_event *event, const char *root, const char *state_path, loading_done_t done, void *userdata,
                  Loading **ret) {
        Loading *loading;
        int r;

        loading = calloc(1, sizeof(*loading));
        if (!loading)
                return -ENOMEM;

        *loading = (Loading){ .ready_fd = -1, .done = done, .userdata = userdata };
        (void) pthread_mutex_init(&loading->lock, NULL);
        loading->root = strdup(root);
        loading->state_path = strdup(state_path);
        loading->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (!loading->root || !loading->state_path)
                r = -ENOMEM;
        else if (loading->ready_fd < 0)
                r = -errno;
        else
                r = sd_event_add_io(event, &loading->source, loading->ready_fd, EPOLLIN, loading_on_ready, loading);
        if (r >= 0)
                r = start_thread(loading);
        if (r < 0) {
                loading_free(loading);
                return r;
        }

        *ret = loading;
        return 0;
}
