/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * uthash with errors instead of exit(3) when there is no memory: an element that could not be added has a hash
 * handle whose tbl is NULL (https://troydhanson.github.io/uthash/userguide.html, "Out of memory").
 */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>
