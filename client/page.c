/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* The keys stand right-aligned in this many columns. */
#define KEY_WIDTH 14

/* A terminal's. */
#define COLUMNS 80

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

bool page_fits(const char *option, const char *argument) {
        return KEY_WIDTH + strlen(": ") + strlen(option) + strlen(argument) <= COLUMNS;
}

void page_command(const char *key, const char *option, const char *argument) {
        size_t length = strlen(option) + strlen(argument);

        if (page_fits(option, argument))
                page_key(key, "%s%s", option, argument);
        else
                printf("%*s%s%s\n", length < COLUMNS ? (int) (COLUMNS - length) : 0, "", option, argument);
}

void page_headline(Page *page, Colour colour, const char *text) {
        printf("%s%s%s%s %s\n", page->follows ? "\n" : "", output_colour(colour, page->colours), page->utf8 ? "●" : "*",
               output_colour(colour == COLOUR_NONE ? colour : COLOUR_OFF, page->colours), text);
        page->follows = true;
}
