/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void words_free(char **words) {
        for (char **word = words; word && *word; word++)
                free(*word);
        free(words);
}

int words_split(const char *text, char ***ret) {
        char **words = NULL;
        size_t n = 0;

        do {
                size_t length;
                char **grown;

                text += strspn(text, " \t");
                length = strcspn(text, " \t");

                grown = reallocarray(words, n + 1, sizeof(*words));
                if (!grown) {
                        words_free(words);
                        return -ENOMEM;
                }
                words = grown;
                words[n] = length > 0 ? strndup(text, length) : NULL;
                if (length > 0 && !words[n]) {
                        words_free(words);
                        return -ENOMEM;
                }

                text += length;
        } while (words[n++]);

        *ret = words;
        return 0;
}
