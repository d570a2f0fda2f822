/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Names of users and groups by number, each looked up once: a lookup may ask a directory server. */
typedef struct IdName {
        uint32_t id;
        char *name;
} IdName;

typedef struct IdNames {
        IdName *users, *groups;
        size_t n_users, n_groups;
} IdNames;

void id_names_done(IdNames *names);

/* The name, the number where nobody has it, "-" for TAPD_ID_UNSET; NULL where memory ran out. Lives as long as
 * @names. */
const char *id_names_user(IdNames *names, uint32_t uid);
const char *id_names_group(IdNames *names, uint32_t gid);

/* A message of tapd's, which knows numbers only, with the names of users for "uid 1000"; to be freed. NULL where memory
 * ran out. */
char *id_names_in_message(const char *message);
