/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <stdio.h>
#include <string.h>

const char *text_escape(const char *text, char buffer[static TEXT_ESCAPED_SIZE]) {
        size_t shown = strnlen(text, 64);
        char *p = buffer;

        for (size_t i = 0; i < shown; i++) {
                unsigned char c = (unsigned char) text[i];

                if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
                        p += sprintf(p, "\\x%02x", c);
                else
                        *p++ = (char) c;
        }

        strcpy(p, text[shown] ? "..." : "");
        return buffer;
}

static bool character_is_printable(uint32_t c) {
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
                return false;
        /* Marks, embeddings, overrides and isolates; also the line and paragraph separators beside them. */
        if (c == 0x061c || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e))
                return false;
        if (c >= 0x2066 && c <= 0x2069)
                return false;

        return true;
}

/* Decodes one character; returns its length in bytes, 0 where it is no UTF-8. */
static size_t decode(const unsigned char *p, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t length = *p < 0x80 ? 1 : *p >= 0xf0 && *p < 0xf8 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 0;
        uint32_t c;

        if (length == 0 || *p >= 0xf8)
                return 0;

        c = length == 1 ? *p : *p & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }

        if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;

        *ret = c;
        return length;
}

bool text_is_printable(const char *text) {
        const unsigned char *p = (const unsigned char *) text;

        while (*p) {
                uint32_t c;
                size_t length = decode(p, &c);

                if (length == 0 || !character_is_printable(c))
                        return false;

                p += length;
        }

        return true;
}

uint64_t text_hash(uint64_t hash, const void *data, size_t size) {
        const unsigned char *p = data;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);

        return hash;
}
