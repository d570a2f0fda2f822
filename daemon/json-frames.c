/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What stays allocated while nothing is there: a read of everything takes megabytes, once. */
#define SIZE_KEPT (64 * 1024)

void json_frames_init(JsonFrames *frames, size_t limit) {
        *frames = (JsonFrames){ .limit = limit };
}

void json_frames_done(JsonFrames *frames) {
        free(frames->data);
        json_frames_init(frames, frames->limit);
}

/* Moves what is there to the front. */
static void frames_pack(JsonFrames *frames) {
        if (frames->begin == 0)
                return;

        memmove(frames->data, frames->data + frames->begin, frames->end - frames->begin);
        frames->scanned -= frames->begin;
        frames->end -= frames->begin;
        frames->begin = 0;
}

int json_frames_reserve(JsonFrames *frames, size_t size, char **ret) {
        size_t wanted;
        char *grown;

        frames_pack(frames);

        wanted = frames->end + size;
        if (wanted > frames->size) {
                if (wanted < 2 * frames->size)
                        wanted = 2 * frames->size;
                grown = realloc(frames->data, wanted);
                if (!grown)
                        return -ENOMEM;
                frames->data = grown;
                frames->size = wanted;
        }

        *ret = frames->data + frames->end;
        return 0;
}

void json_frames_fill(JsonFrames *frames, size_t size) {
        frames->end += size;
}

/* Takes one byte of an object into account; true where it is its last. */
static bool frames_scan(JsonFrames *frames, char c) {
        if (frames->is_escaped)
                frames->is_escaped = false;
        else if (frames->in_string && c == '\\')
                frames->is_escaped = true;
        else if (c == '"')
                frames->in_string = !frames->in_string;
        else if (!frames->in_string && c == '{')
                frames->depth++;
        else if (!frames->in_string && c == '}')
                return --frames->depth == 0;

        return false;
}

/* What JSON takes for white space (RFC 8259, 2) may stand between objects. */
static void frames_skip_blanks(JsonFrames *frames) {
        while (frames->begin < frames->end && strchr(" \t\r\n", frames->data[frames->begin]) &&
               frames->data[frames->begin])
                frames->begin++;
        frames->scanned = frames->begin;
}

int json_frames_next(JsonFrames *frames, const char **ret, size_t *ret_size) {
        bool is_whole = false;

        if (frames->begin == frames->end && frames->size > SIZE_KEPT)
                json_frames_done(frames);
        if (frames->depth == 0)
                frames_skip_blanks(frames);
        if (frames->depth == 0 && frames->begin < frames->end && frames->data[frames->begin] != '{')
                return -EBADMSG;

        while (!is_whole && frames->scanned < frames->end)
                is_whole = frames_scan(frames, frames->data[frames->scanned++]);
        if (frames->scanned - frames->begin > frames->limit)
                return -EMSGSIZE;
        if (!is_whole)
                return 0;

        *ret = frames->data + frames->begin;
        *ret_size = frames->scanned - frames->begin;
        frames->begin = frames->scanned;
        return 1;
}
