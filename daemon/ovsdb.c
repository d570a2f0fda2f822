/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovsdb.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "json-frames.h"
#include "log.h"
#include "path-watch.h"
#include "table.h"

#define RECEIVE_SIZE (32 * 1024)

#define RETRY_FIRST_USEC UINT64_C(100000)
#define RETRY_SOON_USEC UINT64_C(1000000)
#define RETRY_LATE_USEC UINT64_C(10000000)
/* So many tries are made soon: an ovsdb-server that is restarted is back in a few seconds. */
#define RETRIES_SOON 10
/* After so many the longest time is reached. */
#define RETRIES_LATE 16

/* What has arrived is read before a deadline is held against the peer, however late the loop is. */
#define DEADLINE_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct OvsdbRequest {
        Ovsdb *ovsdb;
        json_int_t id;
        ovsdb_reply_t reply; /* NULL: nobody waits */
        void *userdata;
        sd_event_source *deadline;
        UT_hash_handle hh;
};

struct Ovsdb {
        sd_event *event;
        struct sockaddr_un address;
        char *server_path;
        PathWatch *watch; /* NULL: none could be had */
        const OvsdbHandlers *handlers;
        void *userdata;

        sd_event_source *retry_timer;
        unsigned n_failures; /* in a row */
        bool has_complained; /* of what keeps it from connecting */
        uint64_t promise_usec;

        int fd; /* -1: none */
        sd_event_source *io;
        struct stat server; /* the server's socket at that time */
        bool has_answered;
        bool is_silent;
        JsonFrames in;
        char *out;
        size_t n_out, n_sent; /* bytes there, and how many of them the peer has taken */

        OvsdbRequest *requests;
        json_int_t last_id;
};

uint64_t ovsdb_retry_usec(unsigned n) {
        uint64_t limit = n < RETRIES_SOON ? RETRY_SOON_USEC : RETRY_LATE_USEC;
        uint64_t usec = n < RETRIES_SOON ? RETRY_FIRST_USEC : 2 * RETRY_SOON_USEC;

        for (unsigned i = n < RETRIES_SOON ? 0 : RETRIES_SOON; i < n && usec < limit; i++)
                usec *= 2;

        return usec < limit ? usec : limit;
}

/* ---- what goes out ---- */

static void ovsdb_want_write(Ovsdb *ovsdb, bool wanted) {
        (void) sd_event_source_set_io_events(ovsdb->io, EPOLLIN | (wanted ? (uint32_t) EPOLLOUT : 0));
}

static void ovsdb_flush(Ovsdb *ovsdb) {
        ssize_t n = 0;

        while (ovsdb->n_sent < ovsdb->n_out) {
                n = send(ovsdb->fd, ovsdb->out + ovsdb->n_sent, ovsdb->n_out - ovsdb->n_sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n >= 0)
                        ovsdb->n_sent += (size_t) n;
                else if (errno != EINTR)
                        break;
        }

        /* A peer that is gone shows at the next read, outside of any call. */
        if (n < 0 && errno != EAGAIN) {
                (void) shutdown(ovsdb->fd, SHUT_RDWR);
                ovsdb->n_sent = ovsdb->n_out;
        }

        if (ovsdb->n_sent == ovsdb->n_out) {
                free(ovsdb->out);
                ovsdb->out = NULL;
                ovsdb->n_out = ovsdb->n_sent = 0;
        }
        ovsdb_want_write(ovsdb, ovsdb->out);
}

static int ovsdb_send(Ovsdb *ovsdb, const json_t *message) {
        char *text, *grown;
        size_t length;

        text = json_dumps(message, JSON_COMPACT);
        if (!text)
                return -ENOMEM;

        length = strlen(text);
        if (ovsdb->n_out + length > OVSDB_MESSAGE_MAX) {
                free(text);
                return -ENOBUFS;
        }

        grown = realloc(ovsdb->out, ovsdb->n_out + length);
        if (!grown) {
                free(text);
                return -ENOMEM;
        }

        memcpy(grown + ovsdb->n_out, text, length);
        free(text);
        ovsdb->out = grown;
        ovsdb->n_out += length;
        ovsdb_flush(ovsdb);
        return 0;
}

/* ---- requests ---- */

/* Takes it out of the table and tells who waits. */
static int request_end(OvsdbRequest *request, int r, const json_t *answer) {
        ovsdb_reply_t reply = request->reply;
        void *userdata = request->userdata;

        sd_event_source_disable_unref(request->deadline);
        HASH_DEL(request->ovsdb->requests, request);
        free(request);
        return reply ? reply(r, answer, userdata) : 0;
}

static void ovsdb_set_silent(Ovsdb *ovsdb, bool is_silent) {
        if (ovsdb->is_silent == is_silent)
                return;

        ovsdb->is_silent = is_silent;
        ovsdb->handlers->on_silent(is_silent, ovsdb->userdata);
}

/* Has a peer that fell silent say something when it can, in case that the answer is lost for good. What it says is an
 * answer to none of the requests. */
static void ovsdb_probe(Ovsdb *ovsdb) {
        json_t *probe = json_pack("{s:s, s:[], s:s}", "method", "echo", "params", "id", "echo");

        if (!ovsdb->is_silent && probe)
                (void) ovsdb_send(ovsdb, probe);
        json_decref(probe);
}

static int request_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        OvsdbRequest *request = userdata;

        ovsdb_probe(request->ovsdb);
        ovsdb_set_silent(request->ovsdb, true);
        (void) request_end(request, -ETIMEDOUT, NULL);
        return 0;
}

static int request_set_deadline(OvsdbRequest *request, uint64_t timeout_usec) {
        int r;

        if (timeout_usec == UINT64_MAX)
                return 0;

        r = sd_event_add_time_relative(request->ovsdb->event, &request->deadline, CLOCK_MONOTONIC, timeout_usec,
                                       CLOCK_ACCURACY_USEC, request_on_deadline, request);
        return r < 0 ? r : sd_event_source_set_priority(request->deadline, DEADLINE_PRIORITY);
}

static int request_new(Ovsdb *ovsdb, uint64_t timeout_usec, ovsdb_reply_t reply, void *userdata, OvsdbRequest **ret) {
        OvsdbRequest *request;
        int r;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;

        *request = (OvsdbRequest){ .ovsdb = ovsdb, .id = ++ovsdb->last_id, .reply = reply, .userdata = userdata };
        r = request_set_deadline(request, timeout_usec);
        if (r >= 0) {
                HASH_ADD(hh, ovsdb->requests, id, sizeof(request->id), request);
                r = request->hh.tbl ? 0 : -ENOMEM;
        }
        if (r < 0) {
                sd_event_source_disable_unref(request->deadline);
                free(request);
                return r;
        }

        *ret = request;
        return 0;
}

int ovsdb_call(Ovsdb *ovsdb, const char *method, json_t *params, uint64_t timeout_usec, ovsdb_reply_t reply,
               void *userdata, OvsdbRequest **ret) {
        OvsdbRequest *request;
        json_t *message;
        int r;

        if (!params || ovsdb->fd < 0) {
                json_decref(params);
                return params ? -ENOTCONN : -ENOMEM;
        }

        r = request_new(ovsdb, timeout_usec, reply, userdata, &request);
        if (r < 0) {
                json_decref(params);
                return r;
        }

        message = json_pack("{s:s, s:o, s:I}", "method", method, "params", params, "id", request->id);
        r = message ? ovsdb_send(ovsdb, message) : -ENOMEM;
        json_decref(message);
        if (r < 0) {
                ovsdb_request_forget(request);
                (void) request_end(request, r, NULL);
                return r;
        }

        if (ret)
                *ret = request;
        return 0;
}

void ovsdb_request_forget(OvsdbRequest *request) {
        if (request)
                request->reply = NULL;
}

/* ---- what comes in ---- */

/* The peer asks whether we are alive (RFC 7047, 4.1.11); nothing else is ours to answer. */
static int ovsdb_on_request(Ovsdb *ovsdb, const char *method, json_t *params, json_t *id) {
        bool is_echo = strcmp(method, "echo") == 0;
        json_t *reply;
        int r;

        reply = is_echo ? json_pack("{s:O, s:n, s:O}", "result", params, "error", "id", id)
                        : json_pack("{s:n, s:s, s:O}", "result", "error", "unknown method", "id", id);
        r = reply ? ovsdb_send(ovsdb, reply) : -ENOMEM;
        json_decref(reply);
        return r;
}

/* An answer to none of our requests is one that came too late. */
static int ovsdb_on_reply(Ovsdb *ovsdb, const json_t *result, const json_t *error, const json_t *id) {
        json_int_t number = json_integer_value(id);
        OvsdbRequest *request;

        HASH_FIND(hh, ovsdb->requests, &number, sizeof(number), request);
        if (!json_is_integer(id) || !request)
                return 0;

        ovsdb->has_answered = true;
        ovsdb->n_failures = 0;
        ovsdb->has_complained = false;
        if (error && !json_is_null(error))
                return request_end(request, -EREMOTEIO, error);

        return request_end(request, 0, result);
}

static int ovsdb_on_message(Ovsdb *ovsdb, json_t *message) {
        const char *method = json_string_value(json_object_get(message, "method"));
        json_t *params = json_object_get(message, "params"), *id = json_object_get(message, "id");
        const json_t *result = json_object_get(message, "result"), *error = json_object_get(message, "error");

        if (method && !json_is_array(params))
                return -EBADMSG;
        if (method && id && !json_is_null(id))
                return ovsdb_on_request(ovsdb, method, params, id);
        if (method)
                return ovsdb->handlers->on_notification(method, params, ovsdb->userdata);
        if (id && (result || error))
                return ovsdb_on_reply(ovsdb, result, error, id);

        return -EBADMSG;
}

static int ovsdb_on_text(Ovsdb *ovsdb, const char *text, size_t size) {
        json_t *message;
        int r;

        message = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (!message)
                return -EBADMSG;

        r = ovsdb_on_message(ovsdb, message);
        json_decref(message);
        if (r >= 0)
                ovsdb_set_silent(ovsdb, false);
        return r;
}

/* One read a turn of the loop, and the messages that it completes: a peer that floods is not the only one to be served.
 */
static int ovsdb_receive(Ovsdb *ovsdb) {
        const char *text;
        char *room;
        size_t size;
        ssize_t n;
        int r;

        r = json_frames_reserve(&ovsdb->in, RECEIVE_SIZE, &room);
        if (r < 0)
                return r;

        n = recv(ovsdb->fd, room, RECEIVE_SIZE, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return -ECONNRESET;

        json_frames_fill(&ovsdb->in, (size_t) n);
        while ((r = json_frames_next(&ovsdb->in, &text, &size)) > 0) {
                r = ovsdb_on_text(ovsdb, text, size);
                if (r < 0)
                        return r;
        }

        return r;
}

/* ---- the connection ---- */

static bool ovsdb_look(const Ovsdb *ovsdb, struct stat *ret) {
        if (stat(ovsdb->server_path, ret) == 0 && S_ISSOCK(ret->st_mode))
                return true;

        *ret = (struct stat){};
        return false;
}

/* Whether it is another socket; a number can be given to the next file at once. */
static bool server_differs(const struct stat *a, const struct stat *b) {
        return a->st_dev != b->st_dev || a->st_ino != b->st_ino || a->st_ctim.tv_sec != b->st_ctim.tv_sec ||
               a->st_ctim.tv_nsec != b->st_ctim.tv_nsec;
}

static void ovsdb_arm(Ovsdb *ovsdb, uint64_t usec) {
        (void) sd_event_source_set_time_relative(ovsdb->retry_timer, usec);
        (void) sd_event_source_set_enabled(ovsdb->retry_timer, SD_EVENT_ONESHOT);
}

/* Has it tried again later; not where there is nobody to find, and word will come of it. */
static void ovsdb_retry(Ovsdb *ovsdb) {
        struct stat server;

        if (ovsdb_look(ovsdb, &server) || !path_watch_is_set(ovsdb->watch))
                ovsdb_arm(ovsdb, ovsdb_retry_usec(ovsdb->n_failures++));
        else
                (void) sd_event_source_set_enabled(ovsdb->retry_timer, SD_EVENT_OFF);
}

static void ovsdb_disconnect(Ovsdb *ovsdb) {
        ovsdb->io = sd_event_source_disable_unref(ovsdb->io);
        if (ovsdb->fd >= 0)
                (void) close(ovsdb->fd);
        ovsdb->fd = -1;
        json_frames_done(&ovsdb->in);
        json_frames_init(&ovsdb->in, OVSDB_MESSAGE_MAX);
        free(ovsdb->out);
        ovsdb->out = NULL;
        ovsdb->n_out = ovsdb->n_sent = 0;
}

/* The session is over; whatever is told of that finds it closed. */
static void ovsdb_drop(Ovsdb *ovsdb) {
        OvsdbRequest *request, *next;

        if (ovsdb->has_answered)
                ovsdb->promise_usec = clock_now_usec() + OVSDB_PROMISE_USEC;
        ovsdb->has_answered = ovsdb->is_silent = false;
        ovsdb_disconnect(ovsdb);
        ovsdb_retry(ovsdb);
        ovsdb->handlers->on_closed(ovsdb->userdata);

        /* Who hears of it can make no other one. */
        HASH_ITER(hh, ovsdb->requests, request, next)
        (void) request_end(request, -ECONNRESET, NULL);
}

/* Who says what cannot be used will say it again. */
static void ovsdb_note_nonsense(Ovsdb *ovsdb, int r) {
        if (r == -ECONNRESET)
                return;

        ovsdb->n_failures = RETRIES_LATE;
        if (r != -EPROTO)
                log_message(LOG_WARNING, "%s: %s, trying again later", ovsdb->address.sun_path,
                            r == -EMSGSIZE  ? "a message that is too long"
                            : r == -EBADMSG ? "no answer of an OVSDB server"
                                            : strerror(-r));
}

static int ovsdb_on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Ovsdb *ovsdb = userdata;
        int r = 0;

        if (events & EPOLLOUT)
                ovsdb_flush(ovsdb);
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                r = ovsdb_receive(ovsdb);
        if (r < 0) {
                ovsdb_note_nonsense(ovsdb, r);
                ovsdb_drop(ovsdb);
        }

        return 0;
}

static int ovsdb_connect(Ovsdb *ovsdb) {
        int r;

        (void) ovsdb_look(ovsdb, &ovsdb->server);
        ovsdb->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (ovsdb->fd < 0)
                return -errno;

        /* This one connects at once or not at all: EAGAIN is a queue that is full, there is no EINPROGRESS. */
        if (connect(ovsdb->fd, (const struct sockaddr *) &ovsdb->address, sizeof(ovsdb->address)) < 0)
                return -errno;

        r = sd_event_add_io(ovsdb->event, &ovsdb->io, ovsdb->fd, EPOLLIN, ovsdb_on_io, ovsdb);
        return r < 0 ? r : 0;
}

static void ovsdb_try(Ovsdb *ovsdb) {
        int r;

        r = ovsdb_connect(ovsdb);
        if (r == 0) {
                if (ovsdb->handlers->on_open(ovsdb->userdata) < 0)
                        ovsdb_drop(ovsdb);
                return;
        }

        /* Nobody there is what is to be expected of a server that starts. */
        if (r != -ENOENT && r != -ECONNREFUSED && r != -EAGAIN && !ovsdb->has_complained) {
                log_message(LOG_WARNING, "%s: cannot connect: %s, trying again", ovsdb->address.sun_path, strerror(-r));
                ovsdb->has_complained = true;
        }
        ovsdb_disconnect(ovsdb);
        ovsdb_retry(ovsdb);
}

static int ovsdb_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        ovsdb_try(userdata);
        return 0;
}

/* The server's socket came, went, or is another one than before. */
static void ovsdb_on_path(void *userdata) {
        Ovsdb *ovsdb = userdata;
        struct stat server;
        bool is_there = ovsdb_look(ovsdb, &server);

        /* It may have gone while its server serves on; and where a new one has come, the old one is history, even if it
         * hangs and did not close a thing. */
        if (ovsdb->fd >= 0 && (!is_there || !server_differs(&server, &ovsdb->server)))
                return;
        if (ovsdb->fd >= 0)
                ovsdb_drop(ovsdb);

        ovsdb->n_failures = 0;
        if (!is_there) {
                ovsdb_retry(ovsdb);
                return;
        }

        ovsdb->promise_usec = clock_now_usec() + OVSDB_PROMISE_USEC;
        ovsdb_arm(ovsdb, 0);
}

static int ovsdb_init(Ovsdb *ovsdb, const char *socket_path, const char *server_path) {
        struct stat server;
        int r;

        if (strlen(socket_path) >= sizeof(ovsdb->address.sun_path))
                return -ENAMETOOLONG;

        ovsdb->address.sun_family = AF_UNIX;
        strcpy(ovsdb->address.sun_path, socket_path);
        ovsdb->server_path = strdup(server_path);
        if (!ovsdb->server_path)
                return -ENOMEM;

        r = sd_event_add_time_relative(ovsdb->event, &ovsdb->retry_timer, CLOCK_MONOTONIC, 0, CLOCK_ACCURACY_USEC,
                                       ovsdb_on_retry, ovsdb);
        if (r < 0)
                return r;

        r = path_watch_new(ovsdb->event, server_path, ovsdb_on_path, ovsdb, &ovsdb->watch);
        if (r < 0)
                log_message(LOG_WARNING, "%s: cannot be watched: %s, looking for it from time to time", server_path,
                            strerror(-r));

        if (ovsdb_look(ovsdb, &server))
                ovsdb->promise_usec = clock_now_usec() + OVSDB_PROMISE_USEC;
        else
                ovsdb_retry(ovsdb);
        return 0;
}

int ovsdb_new(sd_event *event, const char *socket_path, const char *server_path, const OvsdbHandlers *handlers,
              void *userdata, Ovsdb **ret) {
        Ovsdb *ovsdb;
        int r;

        ovsdb = calloc(1, sizeof(*ovsdb));
        if (!ovsdb)
                return -ENOMEM;

        *ovsdb = (Ovsdb){ .fd = -1, .handlers = handlers, .userdata = userdata };
        ovsdb->event = sd_event_ref(event);
        json_frames_init(&ovsdb->in, OVSDB_MESSAGE_MAX);
        r = ovsdb_init(ovsdb, socket_path, server_path);
        if (r < 0) {
                ovsdb_free(ovsdb);
                return r;
        }

        *ret = ovsdb;
        return 0;
}

Ovsdb *ovsdb_free(Ovsdb *ovsdb) {
        OvsdbRequest *request, *next;

        if (!ovsdb)
                return NULL;

        HASH_ITER(hh, ovsdb->requests, request, next) {
                ovsdb_request_forget(request);
                (void) request_end(request, -ECONNRESET, NULL);
        }

        ovsdb_disconnect(ovsdb);
        path_watch_free(ovsdb->watch);
        sd_event_source_disable_unref(ovsdb->retry_timer);
        sd_event_unref(ovsdb->event);
        free(ovsdb->server_path);
        free(ovsdb);
        return NULL;
}

bool ovsdb_is_expected(const Ovsdb *ovsdb) {
        char *path = strdup(ovsdb->server_path);
        bool is_there = path && access(dirname(path), F_OK) == 0;

        free(path);
        return is_there;
}

bool ovsdb_is_promising(const Ovsdb *ovsdb) {
        return !ovsdb->is_silent && clock_now_usec() < ovsdb->promise_usec;
}
