/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stdlib.h>

#include "json.h"
#include "names.h"
#include "tap-info.h"

typedef struct Sink {
        Json json;
        FILE *out;
        char *text;
        size_t size;
} Sink;

static void sink_open(Sink *sink) {
        *sink = (Sink){};
        sink->out = open_memstream(&sink->text, &sink->size);
        g_assert_nonnull(sink->out);
        json_init(&sink->json, sink->out);
}

static void sink_check(Sink *sink, const char *expected) {
        fclose(sink->out);
        g_assert_cmpstr(sink->text, ==, expected);
        free(sink->text);
}

static void test_strings(void) {
        static const struct {
                const char *value, *json;
        } cases[] = {
                { NULL, "null" },
                { "", "\"\"" },
                { "tap1", "\"tap1\"" },
                { "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
                { "\n\t\r\001\033", "\"\\n\\t\\u000d\\u0001\\u001b\"" },
                { "\177\xc2\x9b", "\"\\u007f\\u009b\"" },
                { "b\xc3\xb6se \xf0\x9f\x90\xa7", "\"b\xc3\xb6se \xf0\x9f\x90\xa7\"" },
                { "\xff", "\"\\ufffd\"" },
                { "a\xe2\x82", "\"a\\ufffd\\ufffd\"" },
                { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Sink sink;

                sink_open(&sink);
                json_string(&sink.json, cases[i].value);
                sink_check(&sink, cases[i].json);
        }
}

static void test_structure(void) {
        Sink sink;

        sink_open(&sink);
        json_begin_array(&sink.json);
        json_begin_object(&sink.json);
        json_key(&sink.json, "u");
        json_unsigned(&sink.json, UINT64_MAX);
        json_key(&sink.json, "i");
        json_signed(&sink.json, INT64_MIN);
        json_key(&sink.json, "b");
        json_boolean(&sink.json, false);
        json_key(&sink.json, "a");
        json_begin_array(&sink.json);
        json_string(&sink.json, "x");
        json_string(&sink.json, "y");
        json_end_array(&sink.json);
        json_key(&sink.json, "e");
        json_begin_array(&sink.json);
        json_end_array(&sink.json);
        json_end_object(&sink.json);
        json_begin_object(&sink.json);
        json_end_object(&sink.json);
        json_end_array(&sink.json);
        json_finish(&sink.json);
        sink_check(&sink, "[\n{\"u\":18446744073709551615,\"i\":-9223372036854775808,\"b\":false,\"a\":[\"x\",\"y\"],"
                          "\"e\":[]},\n{}\n]\n");
}

static void test_empty(void) {
        Sink sink;

        sink_open(&sink);
        json_begin_array(&sink.json);
        json_end_array(&sink.json);
        json_finish(&sink.json);
        sink_check(&sink, "[]\n");
}

static void test_fields(void) {
        TapInfo info = { .name = "tap1", .mac_address = "", .creator_uid = 1000, .user = TAPD_ID_UNSET };
        Sink sink;

        sink_open(&sink);
        json_begin_object(&sink.json);
        tap_info_write_json(&info, FIELD_NAME, &sink.json);
        tap_info_write_json(&info, FIELD_KIND, &sink.json); /* was not told */
        tap_info_write_json(&info, FIELD_CREATOR_UID, &sink.json);
        tap_info_write_json(&info, FIELD_USER, &sink.json);
        tap_info_write_json(&info, FIELD_GROUP, &sink.json); /* 0 is a group */
        tap_info_write_json(&info, FIELD_SHARED, &sink.json);
        tap_info_write_json(&info, FIELD_MAC_ADDRESS, &sink.json);
        json_end_object(&sink.json);
        sink_check(&sink,
                   "{\"Name\":\"tap1\",\"Kind\":null,\"CreatorUID\":1000,\"User\":null,\"Group\":0,\"Shared\":false,"
                   "\"MACAddress\":null}");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/client/json/strings", test_strings);
        g_test_add_func("/client/json/structure", test_structure);
        g_test_add_func("/client/json/empty", test_empty);
        g_test_add_func("/client/json/fields", test_fields);

        return g_test_run();
}
