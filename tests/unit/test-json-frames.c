/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "json-frames.h"

#define LIMIT 64

static void feed(JsonFrames *frames, const char *bytes, size_t size) {
        char *room;

        if (size == 0)
                return;

        g_assert_cmpint(json_frames_reserve(frames, size, &room), ==, 0);
        memcpy(room, bytes, size);
        json_frames_fill(frames, size);
}

/* The objects that come out, an exclamation mark for an error. */
static void drain(JsonFrames *frames, GString *out) {
        const char *text;
        size_t size;
        int r;

        while ((r = json_frames_next(frames, &text, &size)) > 0) {
                g_string_append_len(out, text, (gssize) size);
                g_string_append_c(out, '|');
        }
        if (r < 0)
                g_string_append_c(out, '!');
}

typedef struct Case {
        const char *stream;
        const char *objects;
} Case;

static const Case cases[] = {
        { "", "" },
        { "{}", "{}|" },
        { "{}{}", "{}|{}|" },
        { " {} \r\n\t{} ", "{}|{}|" },
        { "{\"a\":{\"b\":{}}}{\"c\":[{},{}]}", "{\"a\":{\"b\":{}}}|{\"c\":[{},{}]}|" },
        /* braces, quotes and backslashes in strings */
        { "{\"}\":\"{{{\"}{}", "{\"}\":\"{{{\"}|{}|" },
        { "{\"a\":\"\\\"}\"}{}", "{\"a\":\"\\\"}\"}|{}|" },
        { "{\"a\":\"\\\\\"}{}", "{\"a\":\"\\\\\"}|{}|" },
        { "{\"a\":\"\\\\\\\"}\"}", "{\"a\":\"\\\\\\\"}\"}|" },
        { "{\"\\u007d\":1}", "{\"\\u007d\":1}|" },
        /* not whole yet */
        { "{", "" },
        { "{\"a\":\"}", "" },
        { "{\"a\":\"\\\"}", "" },
        { "{}{\"a\":{}", "{}|" },
        /* what no object begins with */
        { "x", "!" },
        { "}", "!" },
        { "[{}]", "!" },
        { "\"{}\"", "!" },
        { "{}x{}", "{}|!" },
        { "{}}", "{}|!" },
        { "1", "!" },
        /* what is no JSON, and the parser's to refuse */
        { "{]}{}", "{]}|{}|" },
        { "{\\}{}", "{\\}|{}|" },
};

static void test_whole(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GString) out = g_string_new(NULL);
                JsonFrames frames;

                json_frames_init(&frames, LIMIT);
                feed(&frames, cases[i].stream, strlen(cases[i].stream));
                drain(&frames, out);
                g_assert_cmpstr(out->str, ==, cases[i].objects);
                json_frames_done(&frames);
        }
}

static void test_byte_by_byte(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GString) out = g_string_new(NULL);
                JsonFrames frames;

                json_frames_init(&frames, LIMIT);
                for (const char *p = cases[i].stream; *p && !strchr(out->str, '!'); p++) {
                        feed(&frames, p, 1);
                        drain(&frames, out);
                }
                g_assert_cmpstr(out->str, ==, cases[i].objects);
                json_frames_done(&frames);
        }
}

/* Cut at each pair of places. */
static void test_cut(void) {
        static const char stream[] = "{\"a\":\"}\\\"\"} {\"b\":{\"c\":\"\\\\\"}}{}";
        static const char objects[] = "{\"a\":\"}\\\"\"}|{\"b\":{\"c\":\"\\\\\"}}|{}|";
        size_t length = strlen(stream);

        for (size_t first = 0; first <= length; first++)
                for (size_t second = first; second <= length; second++) {
                        g_autoptr(GString) out = g_string_new(NULL);
                        JsonFrames frames;

                        json_frames_init(&frames, LIMIT);
                        feed(&frames, stream, first);
                        drain(&frames, out);
                        feed(&frames, stream + first, second - first);
                        drain(&frames, out);
                        feed(&frames, stream + second, length - second);
                        drain(&frames, out);
                        g_assert_cmpstr(out->str, ==, objects);
                        json_frames_done(&frames);
                }
}

/* An object of @size bytes. */
static char *object_of(size_t size) {
        g_autofree char *filling = g_strnfill(size - strlen("{\"\":1}"), 'x');

        return g_strdup_printf("{\"%s\":1}", filling);
}

static void test_limit(void) {
        g_autofree char *largest = object_of(LIMIT), *larger = object_of(LIMIT + 1);
        const char *text;
        JsonFrames frames;
        size_t size;

        /* As many as there are, as long as none is longer. */
        json_frames_init(&frames, LIMIT);
        for (unsigned i = 0; i < 100; i++)
                feed(&frames, largest, LIMIT);
        for (unsigned i = 0; i < 100; i++) {
                g_assert_cmpint(json_frames_next(&frames, &text, &size), ==, 1);
                g_assert_cmpmem(text, size, largest, LIMIT);
        }
        g_assert_cmpint(json_frames_next(&frames, &text, &size), ==, 0);
        json_frames_done(&frames);

        feed(&frames, larger, LIMIT + 1);
        g_assert_cmpint(json_frames_next(&frames, &text, &size), ==, -EMSGSIZE);
        json_frames_done(&frames);

        /* One that never ends is not waited for any longer than that. */
        for (size_t i = 0; i < LIMIT; i++) {
                feed(&frames, i == 0 ? "{" : "\"", 1);
                g_assert_cmpint(json_frames_next(&frames, &text, &size), ==, 0);
        }
        feed(&frames, "{", 1);
        g_assert_cmpint(json_frames_next(&frames, &text, &size), ==, -EMSGSIZE);
        json_frames_done(&frames);
}

/* What comes out depends on the bytes alone, not on how they came; and all of it came in. */
static void test_random(void) {
        static const char alphabet[] = "{}[]\"\\:,a1 \n\0\xff";

        for (unsigned round = 0; round < 20000; round++) {
                g_autoptr(GString) whole = g_string_new(NULL), pieces = g_string_new(NULL);
                int length = g_test_rand_int_range(0, 40), at = 0;
                JsonFrames frames;
                char stream[40];

                for (int i = 0; i < length; i++)
                        stream[i] = alphabet[g_test_rand_int_range(0, sizeof(alphabet) - 1)];

                json_frames_init(&frames, 16);
                feed(&frames, stream, (size_t) length);
                drain(&frames, whole);
                json_frames_done(&frames);

                while (at < length && !memchr(pieces->str, '!', pieces->len)) {
                        int size = g_test_rand_int_range(1, length - at + 1);

                        feed(&frames, stream + at, (size_t) size);
                        drain(&frames, pieces);
                        at += size;
                }
                json_frames_done(&frames);
                g_assert_cmpmem(whole->str, whole->len, pieces->str, pieces->len);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/json-frames/whole", test_whole);
        g_test_add_func("/json-frames/byte-by-byte", test_byte_by_byte);
        g_test_add_func("/json-frames/cut", test_cut);
        g_test_add_func("/json-frames/limit", test_limit);
        g_test_add_func("/json-frames/random", test_random);

        return g_test_run();
}
