/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A value of several words, as configuration files write it. */

/* Splits @text at blanks into strings of their own, NULL-terminated. -ENOMEM. */
int words_split(const char *text, char ***ret);

/* Frees strings and array; NULL is fine. */
void words_free(char **words);
