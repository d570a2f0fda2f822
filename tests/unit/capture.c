/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capture.h"

#include <glib.h>
#include <unistd.h>

void capture_begin(Capture *capture, FILE *stream) {
        *capture = (Capture){ .stream = stream, .file = tmpfile() };
        g_assert_nonnull(capture->file);

        (void) fflush(stream);
        capture->before = dup(fileno(stream));
        g_assert_cmpint(capture->before, >=, 0);
        g_assert_cmpint(dup2(fileno(capture->file), fileno(stream)), >=, 0);
}

char *capture_end(Capture *capture) {
        char *text;
        long size;

        (void) fflush(capture->stream);
        g_assert_cmpint(dup2(capture->before, fileno(capture->stream)), >=, 0);
        (void) close(capture->before);

        g_assert_cmpint(fseek(capture->file, 0, SEEK_END), ==, 0);
        size = ftell(capture->file);
        rewind(capture->file);
        text = g_malloc0((size_t) size + 1);
        g_assert_cmpuint(fread(text, 1, (size_t) size, capture->file), ==, (size_t) size);
        (void) fclose(capture->file);
        return text;
}
