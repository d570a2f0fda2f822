/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * One session with an OVSDB server (RFC 7047: JSON-RPC 1.0 over a UNIX socket) on the event loop. Nothing here waits:
 * neither connecting, nor a write that the peer does not take, nor an answer. A session that ends, or whose peer talks
 * nonsense, is dropped and taken up again, soon at first, then later each time, and at once when the server's socket
 * comes. A host without that socket is not woken up for it.
 */
typedef struct Ovsdb Ovsdb;

/* A call that was sent and is not answered. */
typedef struct OvsdbRequest OvsdbRequest;

/* Called from the loop. None of them may free the session. */
typedef struct OvsdbHandlers {
        /* Something took the connection: time to say what is wanted. It may be closed again before it said a word.
         * Negative: nothing could be said, and it is tried again later. */
        int (*on_open)(void *userdata);
        /* The connection is gone. Requests that were not answered get -ECONNRESET after this. */
        void (*on_closed)(void *userdata);
        /* A notification. Negative: the session is to be dropped, and taken up again much later. -EBADMSG where it
         * makes no sense; -EPROTO where that has been logged. */
        int (*on_notification)(const char *method, const json_t *params, void *userdata);
        /* A request was not answered by its deadline, and nothing else came; or something came again after that. */
        void (*on_silent)(bool is_silent, void *userdata);
} OvsdbHandlers;

/* What became of a request, once: 0 with its result, -EREMOTEIO with the server's error object, -ETIMEDOUT, or
 * -ECONNRESET where it may or may not have been carried out. Negative: as of on_notification. */
typedef int (*ovsdb_reply_t)(int r, const json_t *answer, void *userdata);

/* Connects to @socket_path from the loop. @server_path is where the server itself listens, which may be the same:
 * another one may be somebody's who passes everything on and takes connections while there is no server. */
int ovsdb_new(sd_event *event, const char *socket_path, const char *server_path, const OvsdbHandlers *handlers,
              void *userdata, Ovsdb **ret);
Ovsdb *ovsdb_free(Ovsdb *ovsdb);

/* Sends a request; @params is taken over, also on failure. @timeout_usec UINT64_MAX: no deadline. @ret may be NULL.
 * -ENOTCONN, -ENOBUFS where the peer takes nothing, -ENOMEM (also for @params NULL). */
int ovsdb_call(Ovsdb *ovsdb, const char *method, json_t *params, uint64_t timeout_usec, ovsdb_reply_t reply,
               void *userdata, OvsdbRequest **ret);

/* Nobody waits for the answer any more. NULL is fine. */
void ovsdb_request_forget(OvsdbRequest *request);

/* Whether the folder of the server's socket is there, which Open vSwitch makes when it starts. */
bool ovsdb_is_expected(const Ovsdb *ovsdb);

/* Whether it is worth waiting a moment for a session: it was lost, or the server's socket came, no longer than this
 * ago, and no request has been left unanswered. */
#define OVSDB_PROMISE_USEC (UINT64_C(4) * 1000000)
bool ovsdb_is_promising(const Ovsdb *ovsdb);

/* How long after the @n-th failure in a row (0: after one that had worked) the next try is made. Pure. */
uint64_t ovsdb_retry_usec(unsigned n);

/* A message may be so long, and so much may wait to be taken by the peer. */
#define OVSDB_MESSAGE_MAX (64 * 1024 * 1024)
