/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any value that text_escape() shows: 64 bytes, four characters each, an ellipsis and the NUL. */
#define TEXT_ESCAPED_SIZE (64 * 4 + 4)

/* Writes @text so that it can stand in a message or the journal: control characters, bytes that are not ASCII, quotes
 * and backslashes as \xNN, cut after 64 bytes. Returns @buffer. */
const char *text_escape(const char *text, char buffer[static TEXT_ESCAPED_SIZE]);

/* Whether @text is UTF-8 (RFC 3629) that shows as one line: no control characters (C0, DEL, C1), and none of the
 * characters that turn the direction of what follows (Unicode UAX #9, explicit formatting). */
bool text_is_printable(const char *text);

/* FNV-1a, 64 bits (RFC 9923): to recognise damage and to spread names over numbers; no defence against an attacker. */
#define TEXT_HASH_INIT UINT64_C(0xcbf29ce484222325)
uint64_t text_hash(uint64_t hash, const void *data, size_t size);
