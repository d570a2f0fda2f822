/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <inttypes.h>

#include "text.h"

void json_init(Json *json, FILE *out) {
        *json = (Json){ .out = out };
}

/* The comma before an element, and the line break before each element of the outermost array. */
static void begin_value(Json *json, bool container) {
        if (json->after_key) {
                json->after_key = false;
                return;
        }

        if (json->follows)
                fputc_unlocked(',', json->out);
        if (json->depth == 1 && container)
                fputc_unlocked('\n', json->out);
        json->follows = true;
}

static void begin_container(Json *json, char bracket) {
        begin_value(json, true);
        fputc_unlocked(bracket, json->out);
        json->depth++;
        json->follows = false;
}

static void end_container(Json *json, char bracket) {
        json->depth--;
        if (json->depth == 0 && bracket == ']' && json->follows)
                fputc_unlocked('\n', json->out);
        fputc_unlocked(bracket, json->out);
        json->follows = true;
}

void json_begin_array(Json *json) {
        begin_container(json, '[');
}

void json_end_array(Json *json) {
        end_container(json, ']');
}

void json_begin_object(Json *json) {
        begin_container(json, '{');
}

void json_end_object(Json *json) {
        end_container(json, '}');
}

static void write_escaped(Json *json, uint32_t code) {
        switch (code) {
        case '"':
                fputs_unlocked("\\\"", json->out);
                break;
        case '\\':
                fputs_unlocked("\\\\", json->out);
                break;
        case '\n':
                fputs_unlocked("\\n", json->out);
                break;
        case '\t':
                fputs_unlocked("\\t", json->out);
                break;
        default:
                fprintf(json->out, "\\u%04" PRIx32, code);
        }
}

static bool byte_is_plain(char byte) {
        return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static bool code_needs_escape(uint32_t code) {
        /* JSON asks for the first three; DEL and C1 are there because the reader may be a terminal. */
        return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7f && code < 0xa0);
}

static void write_string(Json *json, const char *value) {
        const char *start = value;

        fputc_unlocked('"', json->out);
        while (*value) {
                uint32_t code;
                size_t length;

                if (byte_is_plain(*value)) {
                        value++;
                        continue;
                }

                length = text_decode(value, &code);
                if (length > 0 && !code_needs_escape(code)) {
                        value += length;
                        continue;
                }

                fwrite_unlocked(start, 1, (size_t) (value - start), json->out);
                write_escaped(json, length > 0 ? code : 0xfffd);
                value += length > 0 ? length : 1;
                start = value;
        }
        fwrite_unlocked(start, 1, (size_t) (value - start), json->out);
        fputc_unlocked('"', json->out);
}

void json_key(Json *json, const char *key) {
        begin_value(json, false);
        fputc_unlocked('"', json->out);
        fputs_unlocked(key, json->out);
        fputs_unlocked("\":", json->out);
        json->after_key = true;
}

void json_string(Json *json, const char *value) {
        begin_value(json, false);
        if (value)
                write_string(json, value);
        else
                fputs_unlocked("null", json->out);
}

void json_unsigned(Json *json, uint64_t value) {
        char digits[20], *p = digits + sizeof(digits);

        begin_value(json, false);
        /* A list of thousands is mostly numbers, and printf takes five times as long. */
        do
                *--p = (char) ('0' + value % 10);
        while (value /= 10);
        fwrite_unlocked(p, 1, (size_t) (digits + sizeof(digits) - p), json->out);
}

void json_signed(Json *json, int64_t value) {
        begin_value(json, false);
        fprintf(json->out, "%" PRId64, value);
}

void json_boolean(Json *json, bool value) {
        begin_value(json, false);
        fputs_unlocked(value ? "true" : "false", json->out);
}

void json_null(Json *json) {
        json_string(json, NULL);
}

void json_finish(Json *json) {
        fputc_unlocked('\n', json->out);
}
