/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

/*
 * A stand-in for polkitd: org.freedesktop.PolicyKit1 on the test's private bus, inside the test's own process and loop.
 * It says what the real one cannot be made to say at will, and remembers what it was asked.
 */
typedef enum PolkitMode {
        POLKIT_YES,
        POLKIT_NO,
        POLKIT_CHALLENGE, /* yes where interaction is allowed and polkit_password is right, else "challenge" */
        POLKIT_HOLD,      /* no answer until polkit_answer() */
        POLKIT_FAIL,      /* an error */
        POLKIT_NONSENSE,  /* an answer of another type */
} PolkitMode;

typedef struct PolkitQuestion {
        char *subject; /* the bus name asked about */
        char *action;
        char *cancellation_id;
        GHashTable *details; /* char* → char* */
        uint32_t flags;
        bool is_cancelled;
        sd_bus_message *call; /* while it is held */
} PolkitQuestion;

typedef struct Polkit {
        sd_bus *bus;
        PolkitMode mode;
        bool password_is_right;
        const char *yes_to;   /* with another mode: says yes to this action all the same */
        GPtrArray *questions; /* PolkitQuestion */
} Polkit;

Polkit *polkit_new(const char *address, sd_event *event);
void polkit_free(Polkit *polkit);

/* Answers the held questions. */
void polkit_answer(Polkit *polkit, bool yes);

/* Answers this one, if it is held. */
void polkit_answer_question(PolkitQuestion *question, bool yes);

void polkit_forget(Polkit *polkit);
PolkitQuestion *polkit_last(Polkit *polkit);
const char *polkit_detail(const PolkitQuestion *question, const char *key);
