/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "text.h"

/* The keys stand right-aligned in this many columns. */
#define KEY_WIDTH 14

void page_init(Page *page, Json *json) {
        *page = (Page){ .json = json };
        if (json)
                return;

        page->utf8 = text_locale_is_utf8();
        page->colours = output_has_colours();
}

void page_done(Page *page) {
        holders_done(&page->holders);
        id_names_done(&page->names);
        *page = (Page){};
}

void page_key(const char *key, const char *format, ...) {
        va_list arguments;

        printf("%*s%s ", KEY_WIDTH, key, *key ? ":" : " ");
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
}

void page_escaped(const char *key, const char *text) {
        char *shown = NULL;

        if (text && *text && text_make_safe(text, &shown) >= 0)
                page_key(key, "%s", shown);
        free(shown);
}

void page_headline(Page *page, Colour colour, const char *text) {
        printf("%s%s%s%s %s\n", page->follows ? "\n" : "", output_colour(colour, page->colours), page->utf8 ? "●" : "*",
               output_colour(colour == COLOUR_NONE ? colour : COLOUR_OFF, page->colours), text);
        page->follows = true;
}
