/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "complaint.h"
#include "conffile.h"

/* Users and groups that a configuration names. */
typedef struct IdList {
        uint32_t *ids;
        size_t n_ids;
} IdList;

/* Whether a uid or gid is among them. */
bool idlist_has(const IdList *list, uint32_t id);
void idlist_done(IdList *list);

/* Reads a line's value: users, and groups with a "@" before them; where @users is NULL, groups without one. A user or
 * group that does not exist is complained of and names nobody: the rest of the line counts (it may come later, with a
 * directory). Names are looked up with NSS, which may wait for a directory server. -EINVAL where a word is neither name
 * nor number, -ENOMEM. */
int idlist_read(const Complaints *complaints, const ConfLine *line, IdList *users, IdList *groups);

/* What parse_user() and parse_group() found wrong, in words. */
const char *idlist_explain(int r);
