/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* How often folders may come and go while the watch is being set. */
#define ATTEMPTS 16

struct PathWatch {
        sd_event *event;
        sd_event_source *source; /* on the folder */
        sd_event_inotify_handler_t on_event;
        char *path;
        size_t folder_length; /* of the part of the path that is watched: the nearest folder that is there */
        path_watch_changed_t changed;
        void *userdata;
};

/* The length of the folder that this part of the path is in; 0: the root. */
static size_t folder_of(const char *path, size_t length) {
        while (length > 0 && path[length - 1] != '/')
                length--;
        while (length > 0 && path[length - 1] == '/')
                length--;

        return length;
}

/* The name whose coming and going the folder tells of. */
static const char *watch_awaited(const PathWatch *watch, size_t *ret_length) {
        const char *begin = watch->path + watch->folder_length;

        begin += strspn(begin, "/");
        *ret_length = strcspn(begin, "/");
        return begin;
}

/* Whether a folder on the way came between two looks, and nothing tells of what is in it. */
static bool watch_is_outdated(const PathWatch *watch) {
        size_t length;
        const char *begin = watch_awaited(watch, &length);
        char *path;
        bool is_there;

        if (begin[length] == '\0')
                return false;

        path = strndup(watch->path, (size_t) (begin - watch->path) + length);
        is_there = path && access(path, F_OK) == 0;
        free(path);
        return is_there;
}

static int watch_set_on(PathWatch *watch, size_t length) {
        char *folder;
        int r;

        folder = length > 0 ? strndup(watch->path, length) : strdup("/");
        if (!folder)
                return -ENOMEM;

        watch->folder_length = length;
        watch->source = sd_event_source_disable_unref(watch->source);
        r = sd_event_add_inotify(watch->event, &watch->source, folder,
                                 IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                         IN_ONLYDIR,
                                 watch->on_event, watch);
        free(folder);
        return r < 0 ? r : 0;
}

/* Watches the nearest folder that is there. */
static int watch_set(PathWatch *watch) {
        int r = -EAGAIN;

        for (unsigned i = 0; i < ATTEMPTS; i++) {
                size_t length = folder_of(watch->path, strlen(watch->path));

                r = watch_set_on(watch, length);
                while ((r == -ENOENT || r == -ENOTDIR) && length > 0) {
                        length = folder_of(watch->path, length);
                        r = watch_set_on(watch, length);
                }
                if (r < 0 || !watch_is_outdated(watch))
                        break;
        }

        return r;
}

static int watch_on_event(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        PathWatch *watch = userdata;
        size_t length;
        const char *awaited = watch_awaited(watch, &length);
        bool is_last = awaited[length] == '\0';
        bool is_named = event->len > 0 && strlen(event->name) == length && memcmp(event->name, awaited, length) == 0;

        if (event->len > 0 && !is_named)
                return 0;

        /* Without a name it is the folder itself that went, or events were lost. */
        if (!is_named || !is_last)
                (void) watch_set(watch);

        watch->changed(watch->userdata);
        return 0;
}

int path_watch_new(sd_event *event, const char *path, path_watch_changed_t changed, void *userdata, PathWatch **ret) {
        PathWatch *watch;
        int r;

        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return -ENOMEM;

        *watch = (PathWatch){ .on_event = watch_on_event, .changed = changed, .userdata = userdata };
        watch->event = sd_event_ref(event);
        watch->path = strdup(path);
        r = watch->path ? watch_set(watch) : -ENOMEM;
        if (r < 0) {
                path_watch_free(watch);
                return r;
        }

        *ret = watch;
        return 0;
}

PathWatch *path_watch_free(PathWatch *watch) {
        if (!watch)
                return NULL;

        sd_event_source_disable_unref(watch->source);
        sd_event_unref(watch->event);
        free(watch->path);
        free(watch);
        return NULL;
}

bool path_watch_is_set(const PathWatch *watch) {
        return watch && watch->source;
}
