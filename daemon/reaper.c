/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reaper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "link.h"

typedef struct Failure {
        int ifindex;
        int error;
} Failure;

struct Reaper {
        Rtnl *rtnl; /* the worker's alone */
        sd_event_source *source;
        reaper_failed_t failed;
        void *userdata;
        pthread_t thread;
        bool has_thread;
        int eventfd;

        /* Under the lock: */
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool stop;
        int *queue;
        size_t n_queue;
        Failure *failures;
        size_t n_failures;
};

static void reaper_report(Reaper *reaper, const int *ifindexes, size_t n, int error) {
        Failure *grown;

        pthread_mutex_lock(&reaper->lock);
        grown = reallocarray(reaper->failures, reaper->n_failures + n, sizeof(*grown));
        if (grown) {
                reaper->failures = grown;
                for (size_t i = 0; i < n; i++)
                        grown[reaper->n_failures++] = (Failure){ .ifindex = ifindexes[i], .error = error };
        }
        pthread_mutex_unlock(&reaper->lock);

        (void) eventfd_write(reaper->eventfd, 1);
}

static void *reaper_work(void *userdata) {
        Reaper *reaper = userdata;

        pthread_mutex_lock(&reaper->lock);
        for (;;) {
                size_t n = reaper->n_queue;
                int *taken = reaper->queue, r;

                if (reaper->stop)
                        break;
                if (n == 0) {
                        pthread_cond_wait(&reaper->wake, &reaper->lock);
                        continue;
                }

                reaper->queue = NULL;
                reaper->n_queue = 0;
                pthread_mutex_unlock(&reaper->lock);

                r = link_delete(reaper->rtnl, taken, n);
                if (r < 0)
                        reaper_report(reaper, taken, n, r);
                free(taken);

                pthread_mutex_lock(&reaper->lock);
        }
        pthread_mutex_unlock(&reaper->lock);

        return NULL;
}

static int reaper_on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Reaper *reaper = userdata;
        Failure *failures;
        eventfd_t count;
        size_t n;

        (void) eventfd_read(fd, &count);

        pthread_mutex_lock(&reaper->lock);
        failures = reaper->failures;
        n = reaper->n_failures;
        reaper->failures = NULL;
        reaper->n_failures = 0;
        pthread_mutex_unlock(&reaper->lock);

        for (size_t i = 0; i < n; i++)
                reaper->failed(failures[i].ifindex, failures[i].error, reaper->userdata);

        free(failures);
        return 0;
}

/* Signals are the loop's: it reads them with a signalfd, which needs them blocked in every thread. */
static int reaper_start(Reaper *reaper) {
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&reaper->thread, NULL, reaper_work, reaper);
        pthread_sigmask(SIG_SETMASK, &before, NULL);

        reaper->has_thread = r == 0;
        return -r;
}

int reaper_new(sd_event *event, reaper_failed_t failed, void *userdata, Reaper **ret) {
        Reaper *reaper;
        int r;

        reaper = calloc(1, sizeof(*reaper));
        if (!reaper)
                return -ENOMEM;

        reaper->failed = failed;
        reaper->userdata = userdata;
        pthread_mutex_init(&reaper->lock, NULL);
        pthread_cond_init(&reaper->wake, NULL);

        reaper->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = reaper->eventfd < 0 ? -errno : rtnl_new(NULL, NULL, NULL, &reaper->rtnl);
        if (r == 0)
                r = sd_event_add_io(event, &reaper->source, reaper->eventfd, EPOLLIN, reaper_on_event, reaper);
        if (r >= 0)
                r = reaper_start(reaper);
        if (r < 0) {
                reaper_free(reaper);
                return r;
        }

        *ret = reaper;
        return 0;
}

Reaper *reaper_free(Reaper *reaper) {
        if (!reaper)
                return NULL;

        if (reaper->has_thread) {
                pthread_mutex_lock(&reaper->lock);
                reaper->stop = true;
                pthread_cond_signal(&reaper->wake);
                pthread_mutex_unlock(&reaper->lock);
                pthread_join(reaper->thread, NULL);
        }

        sd_event_source_disable_unref(reaper->source);
        if (reaper->eventfd >= 0)
                (void) close(reaper->eventfd);
        rtnl_free(reaper->rtnl);
        pthread_cond_destroy(&reaper->wake);
        pthread_mutex_destroy(&reaper->lock);
        free(reaper->queue);
        free(reaper->failures);
        free(reaper);
        return NULL;
}

int reaper_add(Reaper *reaper, const int *ifindexes, size_t n_ifindexes) {
        int *grown, r = -ENOMEM;

        pthread_mutex_lock(&reaper->lock);
        grown = reallocarray(reaper->queue, reaper->n_queue + n_ifindexes, sizeof(*grown));
        if (grown) {
                memcpy(grown + reaper->n_queue, ifindexes, n_ifindexes * sizeof(*grown));
                reaper->queue = grown;
                reaper->n_queue += n_ifindexes;
                pthread_cond_signal(&reaper->wake);
                r = 0;
        }
        pthread_mutex_unlock(&reaper->lock);

        return r;
}
