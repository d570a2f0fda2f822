/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "holders.h"
#include "output.h"

/*
 * The pages of "tapctl status".
 */
typedef struct Page {
        Json *json; /* NULL: for people */
        IdNames names;
        Holders holders;
        bool looked; /* for the holders */
        bool utf8, colours, follows;
} Page;

typedef enum Counter {
        COUNTER_RECEIVED_PACKETS,
        COUNTER_RECEIVED_BYTES,
        COUNTER_RECEIVE_ERRORS,
        COUNTER_RECEIVE_DROPPED,
        COUNTER_TRANSMITTED_PACKETS,
        COUNTER_TRANSMITTED_BYTES,
        COUNTER_TRANSMIT_ERRORS,
        COUNTER_TRANSMIT_DROPPED,
        _COUNTER_MAX,
} Counter;

/* What GetStatistics tells; what it does not tell is 0. */
typedef struct Statistics {
        uint64_t counters[_COUNTER_MAX];
} Statistics;

/* @json is NULL for a page that people read. */
void page_init(Page *page, Json *json);
void page_done(Page *page);

/* A line "KEY: TEXT"; without a key it goes on with the line before. */
void page_key(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with text of others, and without it nothing. */
void page_escaped(const char *key, const char *text);

/* The same with something to be copied, an option and its argument: it is one line in a terminal of 80 columns, if need
 * be further to the left than other text. */
void page_command(const char *key, const char *option, const char *argument);

/* Whether that needs no more room than other text has. */
bool page_fits(const char *option, const char *argument);

void page_headline(Page *page, Colour colour, const char *text);

/* Reads the a{st} that GetStatistics returns; counters unknown here are skipped. 0 or -errno. */
int statistics_read(Statistics *statistics, sd_bus_message *message);

/* All about a TAP. 0 or -ENOMEM. */
int page_show_tap(Page *page, const TapInfo *info, const Statistics *statistics);
