/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Writes JSON (RFC 8259) as it goes, without building it in memory first. The elements of the outermost array stand
 * on a line each. Write errors stay in the stream for ferror(3).
 */
typedef struct Json {
        FILE *out;
        unsigned depth;
        bool follows;   /* something precedes at this level: a comma is due */
        bool after_key; /* a key was written: its value comes without a comma */
} Json;

void json_init(Json *json, FILE *out);

void json_begin_array(Json *json);
void json_end_array(Json *json);
void json_begin_object(Json *json);
void json_end_object(Json *json);

/* The key of the value that comes next; one of the program's own, that needs no escaping. */
void json_key(Json *json, const char *key);

/* A string; NULL is null. Control characters become \u00NN, each byte that is no UTF-8 becomes \ufffd. */
void json_string(Json *json, const char *value);
void json_unsigned(Json *json, uint64_t value);
void json_signed(Json *json, int64_t value);
void json_boolean(Json *json, bool value);
void json_null(Json *json);

/* Ends the document with a newline. */
void json_finish(Json *json);
