/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Cuts a stream of JSON objects that stand without anything in between, as JSON-RPC 1.0 sends them over a socket. Where
 * one ends is told by its braces, those in strings aside, and each byte is looked at once: trying to parse what is
 * there after each read would take quadratic time. Whether it is JSON is the parser's to say. Pure.
 */
typedef struct JsonFrames {
        char *data;
        size_t size;       /* of the memory */
        size_t begin, end; /* what came and was not handed out */
        size_t scanned;    /* braces are counted up to here */
        size_t limit;
        size_t depth;
        bool in_string, is_escaped;
} JsonFrames;

/* @limit: of one object, in bytes. */
void json_frames_init(JsonFrames *frames, size_t limit);

/* Forgets what came. */
void json_frames_done(JsonFrames *frames);

/* Where to put at least @size bytes that come next, and then how many came. -ENOMEM. */
int json_frames_reserve(JsonFrames *frames, size_t size, char **ret);
void json_frames_fill(JsonFrames *frames, size_t size);

/* 1 and the next object, which is there until the next call of any of these; 0 where the rest of it has not come yet.
 * -EBADMSG: what came is no object. -EMSGSIZE: it is longer than the limit. After an error nothing is right any more.
 */
int json_frames_next(JsonFrames *frames, const char **ret, size_t *ret_size);
