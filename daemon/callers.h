/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "job.h"

/*
 * Who the connections of the bus are: uid and groups, as the bus itself says (GetConnectionCredentials). Asked once a
 * connection, without waiting; forgotten when it leaves. NSS is not asked: it may wait for a directory server.
 */
typedef struct Callers Callers;

/* Watches who leaves the bus. Negative errno. @jobs is borrowed and outlives it. */
int callers_new(sd_bus *bus, Jobs *jobs, Callers **ret);
Callers *callers_free(Callers *callers);

/* Finds out whose job it is, and has it run: at once where the connection is known. The job may be gone afterwards.
 * LimitsExceeded, as an answer, where the user has JOBS_MAX_PER_USER in flight. */
void callers_introduce(Callers *callers, Job *job);
