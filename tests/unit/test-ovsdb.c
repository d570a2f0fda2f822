/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The session with a server that the test is itself: what the real one says only when it is ill, or never. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop.h"
#include "ovsdb.h"
#include "scratch.h"

/* Longer than any test takes, where what it is about is not a deadline. */
#define LONG_USEC (UINT64_C(600) * 1000000)

/* One socket that is listened on, and the connection that was taken last. */
typedef struct Server {
        sd_event *event;
        sd_event_source *source;
        char *path;
        int listen_fd;
        int fd;            /* -1: none */
        bool hangs_up;     /* at once, as one does that cannot reach its own server */
        unsigned n_taken;  /* connections */
        gint64 first_usec; /* when the first of them was */
        GString *heard;
} Server;

typedef struct Fixture {
        Scratch *scratch;
        sd_event *event;
        Server *server;
        Ovsdb *ovsdb;
        unsigned n_open, n_closed, n_silent, n_voice;
        int verdict; /* on notifications, and answers */
        GString *notifications;

        unsigned n_answers;
        int r; /* of the last answer */
        char *answer;
} Fixture;

/* ---- the server ---- */

static void server_hang_up(Server *server) {
        if (server->fd >= 0)
                close(server->fd);
        server->fd = -1;
}

static int server_on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Server *server = userdata;

        server_hang_up(server);
        server->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        g_assert_cmpint(server->fd, >=, 0);
        g_string_truncate(server->heard, 0);
        if (server->n_taken++ == 0)
                server->first_usec = g_get_monotonic_time();
        if (server->hangs_up)
                server_hang_up(server);
        return 0;
}

static int listen_at(const char *path, int backlog) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd;

        g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(fd, backlog), ==, 0);
        return fd;
}

static Server *server_new(sd_event *event, const char *path) {
        Server *server = g_new0(Server, 1);

        *server = (Server){ .event = event, .path = g_strdup(path), .fd = -1, .heard = g_string_new(NULL) };
        server->listen_fd = listen_at(path, 16);
        g_assert_cmpint(
                sd_event_add_io(event, &server->source, server->listen_fd, EPOLLIN, server_on_connection, server), >=,
                0);
        return server;
}

/* Leaves its socket in the file system, as one that was killed does. */
static void server_kill(Server *server) {
        server_hang_up(server);
        sd_event_source_disable_unref(server->source);
        close(server->listen_fd);
        g_string_free(server->heard, true);
        g_free(server->path);
        g_free(server);
}

static void server_say(Server *server, const char *text) {
        size_t length = strlen(text);

        g_assert_cmpint(send(server->fd, text, length, MSG_NOSIGNAL), ==, (ssize_t) length);
}

/* Reads what has come; whether it is a whole message by now. */
static bool server_has_message(void *userdata) {
        Server *server = userdata;
        json_t *message;
        char buffer[65536];
        ssize_t n;

        while (server->fd >= 0 && (n = recv(server->fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
                g_string_append_len(server->heard, buffer, n);

        /* Each byte of megabytes is not to be looked at again and again. */
        if (!g_str_has_suffix(server->heard->str, "}"))
                return false;

        message = json_loadb(server->heard->str, server->heard->len, JSON_DISABLE_EOF_CHECK, NULL);
        json_decref(message);
        return message;
}

/* The next message that the session sends. */
static json_t *server_hear(Server *server) {
        json_error_t error;
        json_t *message;

        loop_until(server->event, server_has_message, server);
        message = json_loadb(server->heard->str, server->heard->len, JSON_DISABLE_EOF_CHECK, &error);
        g_string_erase(server->heard, 0, error.position);
        return message;
}

static void assert_json(const json_t *value, const char *text) {
        json_t *expected = json_loads(text, JSON_DECODE_ANY, NULL);

        g_assert_nonnull(expected);
        if (!json_equal(value, expected))
                g_error("%s, and not %s", json_dumps(value, JSON_ENCODE_ANY), text);
        json_decref(expected);
}

/* Hears a request, and returns its id. */
static json_int_t server_hear_request(Server *server, const char *method, const char *params) {
        json_t *message = server_hear(server);
        json_int_t id = json_integer_value(json_object_get(message, "id"));

        g_assert_true(json_is_integer(json_object_get(message, "id")));
        g_assert_cmpstr(json_string_value(json_object_get(message, "method")), ==, method);
        assert_json(json_object_get(message, "params"), params);
        json_decref(message);
        return id;
}

static void server_answer(Server *server, json_int_t id, const char *result) {
        g_autofree char *text = g_strdup_printf("{\"id\":%lld,\"result\":%s,\"error\":null}", (long long) id, result);

        server_say(server, text);
}

/* ---- the session ---- */

static int on_open(void *userdata) {
        ((Fixture *) userdata)->n_open++;
        return 0;
}

static void on_closed(void *userdata) {
        ((Fixture *) userdata)->n_closed++;
}

static int on_notification(const char *method, const json_t *params, void *userdata) {
        Fixture *fixture = userdata;
        char *text = json_dumps(params, JSON_COMPACT);

        g_string_append_printf(fixture->notifications, "%s%s", method, text);
        free(text);
        return fixture->verdict;
}

static void on_silent(bool is_silent, void *userdata) {
        Fixture *fixture = userdata;

        if (is_silent)
                fixture->n_silent++;
        else
                fixture->n_voice++;
}

static const OvsdbHandlers handlers = {
        .on_open = on_open,
        .on_closed = on_closed,
        .on_notification = on_notification,
        .on_silent = on_silent,
};

static int on_answer(int r, const json_t *answer, void *userdata) {
        Fixture *fixture = userdata;

        fixture->n_answers++;
        fixture->r = r;
        free(fixture->answer);
        fixture->answer = answer ? json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        return fixture->verdict;
}

static int call(Fixture *fixture, uint64_t timeout_usec, OvsdbRequest **ret) {
        return ovsdb_call(fixture->ovsdb, "transact", json_pack("[s]", "x"), timeout_usec, on_answer, fixture, ret);
}

/* Makes a call that the server hears; the request's id. */
static json_int_t call_heard(Fixture *fixture, uint64_t timeout_usec) {
        g_assert_cmpint(call(fixture, timeout_usec, NULL), ==, 0);
        return server_hear_request(fixture->server, "transact", "[\"x\"]");
}

typedef struct Count {
        const unsigned *counter;
        unsigned at_least;
} Count;

static bool count_is_reached(void *userdata) {
        const Count *count = userdata;

        return *count->counter >= count->at_least;
}

static void wait_for(Fixture *fixture, const unsigned *counter, unsigned at_least) {
        Count count = { counter, at_least };

        loop_until(fixture->event, count_is_reached, &count);
}

static void expect_answer(Fixture *fixture, int r, const char *answer) {
        wait_for(fixture, &fixture->n_answers, 1);
        g_assert_cmpuint(fixture->n_answers, ==, 1);
        g_assert_cmpint(fixture->r, ==, r);
        g_assert_cmpstr(fixture->answer, ==, answer);
        fixture->n_answers = 0;
}

static char *path_of(const Fixture *fixture, const char *name) {
        return g_build_filename(fixture->scratch->path, name, NULL);
}

static void fixture_init(Fixture *fixture) {
        *fixture = (Fixture){ .scratch = scratch_new(), .notifications = g_string_new(NULL) };
        g_assert_cmpint(sd_event_new(&fixture->event), ==, 0);
}

static void fixture_serve(Fixture *fixture, const char *name) {
        g_autofree char *path = path_of(fixture, name);

        fixture->server = server_new(fixture->event, path);
}

static void fixture_connect(Fixture *fixture, const char *socket_name, const char *server_name) {
        g_autofree char *socket_path = path_of(fixture, socket_name), *server_path = path_of(fixture, server_name);

        g_assert_cmpint(ovsdb_new(fixture->event, socket_path, server_path, &handlers, fixture, &fixture->ovsdb), ==,
                        0);
}

/* Waits for the n-th connection, from both sides. */
static void wait_for_connection(Fixture *fixture, unsigned n_open) {
        wait_for(fixture, &fixture->n_open, n_open);
        wait_for(fixture, &fixture->server->n_taken, 1);
}

/* A server and a session with it. */
static void fixture_begin(Fixture *fixture) {
        fixture_init(fixture);
        fixture_serve(fixture, "db.sock");
        fixture_connect(fixture, "db.sock", "db.sock");
        wait_for_connection(fixture, 1);
}

static void fixture_end(Fixture *fixture) {
        ovsdb_free(fixture->ovsdb);
        if (fixture->server)
                server_kill(fixture->server);
        sd_event_unref(fixture->event);
        scratch_free(fixture->scratch);
        g_string_free(fixture->notifications, true);
        free(fixture->answer);
}

static void take_away(const Fixture *fixture, const char *name) {
        g_autofree char *path = path_of(fixture, name);

        g_assert_cmpint(g_remove(path), ==, 0);
}

/* ---- messages ---- */

static void test_call(void) {
        json_int_t first, second;
        Fixture fixture;

        fixture_begin(&fixture);
        first = call_heard(&fixture, LONG_USEC);
        second = call_heard(&fixture, LONG_USEC);
        g_assert_cmpint(first, !=, second);

        /* In whatever order. */
        server_answer(fixture.server, second, "[2]");
        expect_answer(&fixture, 0, "[2]");
        server_answer(fixture.server, first, "{\"one\":1}");
        expect_answer(&fixture, 0, "{\"one\":1}");
        fixture_end(&fixture);
}

static void test_error(void) {
        g_autofree char *text = NULL;
        Fixture fixture;

        fixture_begin(&fixture);
        text = g_strdup_printf("{\"id\":%lld,\"result\":null,\"error\":{\"error\":\"unknown database\"}}",
                               (long long) call_heard(&fixture, LONG_USEC));
        server_say(fixture.server, text);
        expect_answer(&fixture, -EREMOTEIO, "{\"error\":\"unknown database\"}");
        g_assert_cmpuint(fixture.n_closed, ==, 0);
        fixture_end(&fixture);
}

/* RFC 7047, 4.1.11: the same parameters and the same id come back. */
static void test_echo(void) {
        json_t *reply;
        Fixture fixture;

        fixture_begin(&fixture);
        server_say(fixture.server, "{\"method\":\"echo\",\"params\":[1,{\"a\":\"}\\\"\"}],\"id\":\"probe\"}");
        reply = server_hear(fixture.server);
        assert_json(reply, "{\"result\":[1,{\"a\":\"}\\\"\"}],\"error\":null,\"id\":\"probe\"}");
        json_decref(reply);

        server_say(fixture.server, "{\"method\":\"steal\",\"params\":[],\"id\":7}");
        reply = server_hear(fixture.server);
        g_assert_true(json_is_null(json_object_get(reply, "result")));
        g_assert_true(json_is_string(json_object_get(reply, "error")));
        assert_json(json_object_get(reply, "id"), "7");
        json_decref(reply);
        fixture_end(&fixture);
}

static void test_notification(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        server_say(fixture.server, "{\"method\":\"update2\",\"params\":[\"own\",{}],\"id\":null}"
                                   "{\"method\":\"locked\",\"params\":[]}");
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[]");
        expect_answer(&fixture, 0, "[]");
        g_assert_cmpstr(fixture.notifications->str, ==, "update2[\"own\",{}]locked[]");
        fixture_end(&fixture);
}

/* Answers to nothing that was asked are passed over. */
static void test_unknown_ids(void) {
        json_int_t id;
        Fixture fixture;

        fixture_begin(&fixture);
        id = call_heard(&fixture, LONG_USEC);
        server_say(fixture.server, "{\"id\":\"1\",\"result\":[],\"error\":null}"
                                   "{\"id\":null,\"result\":null,\"error\":\"what?\"}"
                                   "{\"id\":{\"a\":[]},\"result\":[],\"error\":null}"
                                   "{\"id\":1.0,\"result\":[],\"error\":null}");
        server_answer(fixture.server, id + 1000, "[]");
        server_answer(fixture.server, -id, "[]");
        server_answer(fixture.server, id, "[3]");
        server_answer(fixture.server, id, "[4]");
        expect_answer(&fixture, 0, "[3]");
        loop_settle(fixture.event);
        g_assert_cmpuint(fixture.n_answers, ==, 0);
        g_assert_cmpuint(fixture.n_closed, ==, 0);
        fixture_end(&fixture);
}

/* However it is cut. */
static void test_byte_by_byte(void) {
        g_autofree char *text = NULL;
        Fixture fixture;

        fixture_begin(&fixture);
        text = g_strdup_printf("{\"id\":%lld,\"error\":null,\"result\":[\"}{\\\"\\\\\",{\"\\u007b\":[{}]}]}",
                               (long long) call_heard(&fixture, LONG_USEC));
        for (const char *p = text; *p; p++) {
                const char byte[] = { *p, '\0' };

                g_assert_cmpuint(fixture.n_answers, ==, 0);
                server_say(fixture.server, byte);
                loop_settle(fixture.event);
        }
        expect_answer(&fixture, 0, "[\"}{\\\"\\\\\",{\"{\":[{}]}]");
        fixture_end(&fixture);
}

/* What no OVSDB server says ends the session; who waits is told, and it is taken up again. */
static void test_nonsense(void) {
        static const char *const rows[] = {
                "HTTP/1.1 400 Bad Request\r\n\r\n",
                "[]",
                "{}",
                "{]}",
                "{\"id\":1}",
                "{\"method\":\"update2\"}",
                "{\"method\":\"update2\",\"params\":{}}",
                "{\"method\":\"echo\",\"id\":1}",
                "{\"method\":7,\"params\":[]}",
                "{\"id\":1,\"id\":1,\"result\":[],\"error\":null}",
                "{\"id\":1,\"result\":\"\xff\xfe\",\"error\":null}",
                "{\"id\":1,\"result\":99999999999999999999,\"error\":null}",
                "\x16\x03\x01\x02",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                Fixture fixture;

                fixture_begin(&fixture);
                (void) call_heard(&fixture, LONG_USEC);
                server_say(fixture.server, rows[i]);
                expect_answer(&fixture, -ECONNRESET, NULL);
                g_assert_cmpuint(fixture.n_closed, ==, 1);
                g_assert_cmpint(call(&fixture, LONG_USEC, NULL), ==, -ENOTCONN);

                /* Another server is another chance. */
                take_away(&fixture, "db.sock");
                server_kill(fixture.server);
                fixture_serve(&fixture, "db.sock");
                wait_for_connection(&fixture, 2);
                fixture_end(&fixture);
        }
}

/* The same for what only who asked can tell. */
static void test_verdict(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        fixture.verdict = -EBADMSG;
        server_say(fixture.server, "{\"method\":\"update2\",\"params\":[],\"id\":null}");
        wait_for(&fixture, &fixture.n_closed, 1);
        fixture_end(&fixture);

        fixture_begin(&fixture);
        fixture.verdict = -EPROTO;
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[]");
        wait_for(&fixture, &fixture.n_closed, 1);
        expect_answer(&fixture, 0, "[]");
        fixture_end(&fixture);
}

/* A message without end is not kept for ever. */
static void test_endless(void) {
        g_autofree char *piece = g_strnfill(64 * 1024, 'x');
        size_t said = 0;
        Fixture fixture;

        fixture_begin(&fixture);
        server_say(fixture.server, "{\"");
        while (fixture.n_closed == 0) {
                ssize_t n = send(fixture.server->fd, piece, strlen(piece), MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n > 0)
                        said += (size_t) n;
                g_assert_cmpuint(said, <, 2 * (size_t) OVSDB_MESSAGE_MAX);
                g_assert_cmpint(sd_event_run(fixture.event, 0), >=, 0);
        }
        g_assert_cmpuint(said, >=, OVSDB_MESSAGE_MAX);
        fixture_end(&fixture);
}

/* A peer that takes nothing for a while gets all of it in the end, and nobody has waited. */
static void test_partial_write(void) {
        g_autofree char *text = g_strnfill(4 * 1024 * 1024, 'x');
        json_t *message;
        Fixture fixture;

        fixture_begin(&fixture);
        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpint(ovsdb_call(fixture.ovsdb, "transact", json_pack("[s, i]", text, i), LONG_USEC,
                                           on_answer, &fixture, NULL),
                                ==, 0);
        loop_settle(fixture.event);
        for (unsigned i = 0; i < 3; i++) {
                message = server_hear(fixture.server);
                g_assert_cmpstr(json_string_value(json_array_get(json_object_get(message, "params"), 0)), ==, text);
                g_assert_cmpint(json_integer_value(json_array_get(json_object_get(message, "params"), 1)), ==, i);
                json_decref(message);
        }

        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[]");
        expect_answer(&fixture, 0, "[]");
        fixture_end(&fixture);
}

/* It does not pile up without end either. */
static void test_no_room(void) {
        g_autofree char *text = g_strnfill(8 * 1024 * 1024, 'x');
        unsigned n = 0;
        Fixture fixture;
        int r;

        fixture_begin(&fixture);
        do
                r = ovsdb_call(fixture.ovsdb, "transact", json_pack("[s]", text), LONG_USEC, on_answer, &fixture, NULL);
        while (r == 0 && ++n < 20);
        g_assert_cmpint(r, ==, -ENOBUFS);
        g_assert_cmpuint(n, >, 0);
        g_assert_cmpuint(fixture.n_answers, ==, 0);

        /* Those that were taken end with the session. */
        server_hang_up(fixture.server);
        wait_for(&fixture, &fixture.n_answers, n);
        g_assert_cmpuint(fixture.n_answers, ==, n);
        g_assert_cmpint(fixture.r, ==, -ECONNRESET);
        fixture_end(&fixture);
}

/* ---- deadlines ---- */

static void test_deadline(void) {
        json_t *probe;
        json_int_t id;
        Fixture fixture;

        fixture_begin(&fixture);
        id = call_heard(&fixture, /* timeout_usec= */ 1000);
        expect_answer(&fixture, -ETIMEDOUT, NULL);
        g_assert_cmpuint(fixture.n_silent, ==, 1);
        g_assert_cmpuint(fixture.n_voice, ==, 0);
        g_assert_false(ovsdb_is_promising(fixture.ovsdb));

        /* It is asked for a sign of life; once more is no news. */
        probe = server_hear(fixture.server);
        g_assert_cmpstr(json_string_value(json_object_get(probe, "method")), ==, "echo");
        assert_json(json_object_get(probe, "params"), "[]");
        g_assert_true(json_is_string(json_object_get(probe, "id")));
        json_decref(probe);
        (void) call_heard(&fixture, /* timeout_usec= */ 1000);
        expect_answer(&fixture, -ETIMEDOUT, NULL);
        g_assert_cmpuint(fixture.n_silent, ==, 1);

        /* What comes too late shows that it lives, and nothing else. */
        server_answer(fixture.server, id, "[1]");
        wait_for(&fixture, &fixture.n_voice, 1);
        loop_settle(fixture.event);
        g_assert_cmpuint(fixture.n_answers, ==, 0);

        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[2]");
        expect_answer(&fixture, 0, "[2]");
        g_assert_cmpuint(fixture.n_closed, ==, 0);
        g_assert_cmpuint(fixture.server->n_taken, ==, 1);
        fixture_end(&fixture);
}

/* The answer is lost, and the one to the sign of life is what shows that it lives. */
static void test_sign_of_life(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        (void) call_heard(&fixture, /* timeout_usec= */ 1000);
        expect_answer(&fixture, -ETIMEDOUT, NULL);
        json_decref(server_hear(fixture.server));
        server_say(fixture.server, "{\"id\":\"echo\",\"result\":[],\"error\":null}");
        wait_for(&fixture, &fixture.n_voice, 1);
        g_assert_cmpuint(fixture.n_closed, ==, 0);
        fixture_end(&fixture);
}

/* What has come before the deadline counts, however long the loop was busy with something else. */
static void test_deadline_of_a_late_loop(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        server_answer(fixture.server, call_heard(&fixture, /* timeout_usec= */ 50000), "[1]");
        g_usleep(200000);
        expect_answer(&fixture, 0, "[1]");
        g_assert_cmpuint(fixture.n_silent, ==, 0);
        fixture_end(&fixture);
}

static void test_forget(void) {
        OvsdbRequest *request;
        json_int_t id;
        Fixture fixture;

        fixture_begin(&fixture);
        g_assert_cmpint(call(&fixture, LONG_USEC, &request), ==, 0);
        id = server_hear_request(fixture.server, "transact", "[\"x\"]");
        ovsdb_request_forget(request);
        ovsdb_request_forget(NULL);
        server_answer(fixture.server, id, "[1]");
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[2]");
        expect_answer(&fixture, 0, "[2]");

        /* And with those that nobody answers it ends without a word. */
        g_assert_cmpint(call(&fixture, LONG_USEC, NULL), ==, 0);
        fixture.ovsdb = ovsdb_free(fixture.ovsdb);
        g_assert_cmpuint(fixture.n_answers, ==, 0);
        fixture_end(&fixture);
}

/* ---- the connection ---- */

static void test_closed(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[1]");
        expect_answer(&fixture, 0, "[1]");
        (void) call_heard(&fixture, LONG_USEC);
        server_hang_up(fixture.server);
        expect_answer(&fixture, -ECONNRESET, NULL);
        g_assert_cmpuint(fixture.n_closed, ==, 1);
        g_assert_true(ovsdb_is_promising(fixture.ovsdb));

        wait_for_connection(&fixture, 2);
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[2]");
        expect_answer(&fixture, 0, "[2]");

        /* In the middle of a message. */
        server_say(fixture.server, "{\"method\":\"upd");
        server_hang_up(fixture.server);
        wait_for_connection(&fixture, 3);
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[3]");
        expect_answer(&fixture, 0, "[3]");
        fixture_end(&fixture);
}

/* Nobody is woken up for a server that is not installed, even where something takes connections in its place. */
static void test_absent(void) {
        g_autofree char *folder = NULL;
        Fixture fixture;
        Server *proxy;

        fixture_init(&fixture);
        folder = path_of(&fixture, "vswitch");
        fixture_serve(&fixture, "proxy.sock");
        proxy = fixture.server;
        fixture_connect(&fixture, "proxy.sock", "vswitch/db.sock");
        g_assert_false(loop_has_timer(fixture.event));
        g_assert_false(ovsdb_is_promising(fixture.ovsdb));
        g_assert_cmpuint(proxy->n_taken, ==, 0);
        g_assert_false(ovsdb_is_expected(fixture.ovsdb));

        /* It comes, and with it the connection. */
        put_folder(folder);
        g_assert_true(ovsdb_is_expected(fixture.ovsdb));
        g_assert_false(loop_has_timer(fixture.event));
        g_assert_cmpuint(proxy->n_taken, ==, 0);
        fixture_serve(&fixture, "vswitch/db.sock");
        wait_for(&fixture, &proxy->n_taken, 1);
        g_assert_true(ovsdb_is_promising(fixture.ovsdb));

        /* It goes, and the connection is not tried for any more. */
        take_away(&fixture, "vswitch/db.sock");
        server_hang_up(proxy);
        wait_for(&fixture, &fixture.n_closed, 1);
        g_assert_false(loop_has_timer(fixture.event));
        g_assert_cmpuint(proxy->n_taken, ==, 1);

        server_kill(proxy);
        fixture_end(&fixture);
}

/* Something else than a socket is no server. */
static void test_no_socket(void) {
        g_autofree char *path = NULL;
        Fixture fixture;

        fixture_init(&fixture);
        path = path_of(&fixture, "db.sock");
        put_text(path, "");
        fixture_connect(&fixture, "db.sock", "db.sock");
        g_assert_false(loop_has_timer(fixture.event));
        g_assert_cmpuint(fixture.n_open, ==, 0);
        fixture_end(&fixture);
}

/* One that is taken and closed again is a failure like any other, and the next try is later each time. */
static void test_hung_up(void) {
        gint64 least_usec = 0;
        Fixture fixture;

        fixture_init(&fixture);
        fixture_serve(&fixture, "db.sock");
        fixture.server->hangs_up = true;
        fixture_connect(&fixture, "db.sock", "db.sock");
        wait_for(&fixture, &fixture.server->n_taken, 5);
        for (unsigned i = 0; i < 4; i++)
                least_usec += (gint64) ovsdb_retry_usec(i);
        g_assert_cmpint(g_get_monotonic_time() - fixture.server->first_usec, >=, least_usec);

        fixture.server->hangs_up = false;
        fixture.server->n_taken = fixture.n_open = 0;
        wait_for_connection(&fixture, 1);
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[1]");
        expect_answer(&fixture, 0, "[1]");
        fixture_end(&fixture);
}

/* The socket of one that was killed is there, and nobody behind it. */
static void test_killed(void) {
        Fixture fixture;

        fixture_init(&fixture);
        fixture_serve(&fixture, "db.sock");
        server_kill(fixture.server);
        fixture.server = NULL;
        fixture_connect(&fixture, "db.sock", "db.sock");
        g_assert_true(loop_has_timer(fixture.event));
        g_assert_cmpuint(fixture.n_open, ==, 0);
        g_assert_true(ovsdb_is_promising(fixture.ovsdb));

        take_away(&fixture, "db.sock");
        fixture_serve(&fixture, "db.sock");
        wait_for_connection(&fixture, 1);
        fixture_end(&fixture);
}

/* A new server is the right one, even while the old one hangs and closes nothing. */
static void test_replaced(void) {
        g_autofree char *new_path = NULL, *path = NULL;
        Fixture fixture;
        Server *old;

        fixture_begin(&fixture);
        old = fixture.server;
        (void) call_heard(&fixture, LONG_USEC);
        new_path = path_of(&fixture, "new.sock");
        path = path_of(&fixture, "db.sock");
        fixture.server = server_new(fixture.event, new_path);
        g_assert_cmpint(g_rename(new_path, path), ==, 0);
        expect_answer(&fixture, -ECONNRESET, NULL);
        wait_for_connection(&fixture, 2);
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[1]");
        expect_answer(&fixture, 0, "[1]");

        /* One that only lost its name goes on. */
        take_away(&fixture, "db.sock");
        loop_settle(fixture.event);
        server_answer(fixture.server, call_heard(&fixture, LONG_USEC), "[2]");
        expect_answer(&fixture, 0, "[2]");
        g_assert_cmpuint(fixture.n_closed, ==, 1);
        server_kill(old);
        fixture_end(&fixture);
}

/* One that hangs may have a queue that is full: connect(2) then answers EAGAIN. */
static void test_full(void) {
        g_autofree char *path = NULL;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int listen_fd, fds[16], taken, n = 0;
        Fixture fixture;

        fixture_init(&fixture);
        path = path_of(&fixture, "db.sock");
        g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
        listen_fd = listen_at(path, 1);
        do {
                fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                g_assert_cmpint(fds[n], >=, 0);
        } while (connect(fds[n++], (struct sockaddr *) &address, sizeof(address)) == 0 && n < 16);
        g_assert_cmpint(errno, ==, EAGAIN);

        fixture_connect(&fixture, "db.sock", "db.sock");
        g_assert_true(loop_has_timer(fixture.event));
        g_assert_cmpuint(fixture.n_open, ==, 0);
        while ((taken = accept(listen_fd, NULL, NULL)) >= 0)
                close(taken);
        wait_for(&fixture, &fixture.n_open, 1);

        while (n > 0)
                close(fds[--n]);
        close(listen_fd);
        fixture_end(&fixture);
}

static void test_long_path(void) {
        g_autofree char *name = g_strnfill(200, 'x'), *path = g_strconcat("/", name, NULL);
        Fixture fixture;

        fixture_init(&fixture);
        g_assert_cmpint(ovsdb_new(fixture.event, path, path, &handlers, &fixture, &fixture.ovsdb), ==, -ENAMETOOLONG);
        g_assert_null(fixture.ovsdb);
        fixture_end(&fixture);
}

/* Soon at first, at most a second for some tries, at most ten after that. */
static void test_retries(void) {
        uint64_t before = 0, usec = 0;

        g_assert_cmpuint(ovsdb_retry_usec(0), ==, 100000);
        for (unsigned n = 0; n < 100; n++) {
                usec = ovsdb_retry_usec(n);
                g_assert_cmpuint(usec, >=, before);
                g_assert_cmpuint(usec, <=, n < 5 ? 1000000 : 10000000);
                before = usec;
        }
        g_assert_cmpuint(usec, ==, 10000000);
        g_assert_cmpuint(ovsdb_retry_usec(UINT_MAX), ==, 10000000);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/ovsdb/call", test_call);
        g_test_add_func("/ovsdb/error", test_error);
        g_test_add_func("/ovsdb/echo", test_echo);
        g_test_add_func("/ovsdb/notification", test_notification);
        g_test_add_func("/ovsdb/unknown-ids", test_unknown_ids);
        g_test_add_func("/ovsdb/byte-by-byte", test_byte_by_byte);
        g_test_add_func("/ovsdb/nonsense", test_nonsense);
        g_test_add_func("/ovsdb/verdict", test_verdict);
        g_test_add_func("/ovsdb/endless", test_endless);
        g_test_add_func("/ovsdb/partial-write", test_partial_write);
        g_test_add_func("/ovsdb/no-room", test_no_room);
        g_test_add_func("/ovsdb/deadline", test_deadline);
        g_test_add_func("/ovsdb/sign-of-life", test_sign_of_life);
        g_test_add_func("/ovsdb/deadline-of-a-late-loop", test_deadline_of_a_late_loop);
        g_test_add_func("/ovsdb/forget", test_forget);
        g_test_add_func("/ovsdb/closed", test_closed);
        g_test_add_func("/ovsdb/absent", test_absent);
        g_test_add_func("/ovsdb/no-socket", test_no_socket);
        g_test_add_func("/ovsdb/hung-up", test_hung_up);
        g_test_add_func("/ovsdb/killed", test_killed);
        g_test_add_func("/ovsdb/replaced", test_replaced);
        g_test_add_func("/ovsdb/full", test_full);
        g_test_add_func("/ovsdb/long-path", test_long_path);
        g_test_add_func("/ovsdb/retries", test_retries);

        return g_test_run();
}
