/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deletions: DeleteTaps, and Delete of one TAP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "log.h"
#include "names.h"

static void bus_on_deleted(int r, const Fault *fault, void *userdata) {
        Job *job = userdata;

        job->deletion = NULL;
        if (r < 0)
                job_answer_fault(job, fault);
        else
                job_answer(job, NULL);
        job_free(job);
}

/* A deletion while it is judged: what one of its TAPs needs, all need. */
typedef struct DeletionRequest {
        char *const *names;
        size_t n_names;
        bool force;
        Tap **taps;
        GateVerdict verdict;
        AuthzTarget target; /* creator: the first other one's, else the caller's */
} DeletionRequest;

static int bus_judge_deletion(Bus *bus, const Job *job, DeletionRequest *request, Fault *fault) {
        request->target.creator = job->caller->uid;

        for (size_t i = 0; i < request->n_names; i++) {
                Tap *tap = manager_find(bus->manager, request->names[i]);
                GateVerdict verdict;
                GateTap subject;
                int r;

                if (!tap)
                        return bus_no_such_tap(request->names[i], fault);

                /* Where its file is to be changed, nobody is asked for a password first. */
                subject = bus_gate_tap(bus, tap);
                r = manager_check_declared(bus->manager, tap, fault);
                if (r == 0)
                        r = gate_use(manager_config(bus->manager), job->caller, GATE_DELETE, &subject, &verdict, fault);
                if (r == 0)
                        r = manager_check_delete(bus->manager, tap, request->force, fault);
                if (r < 0)
                        return r;

                if (verdict.needs_manage_others && !request->verdict.needs_manage_others)
                        request->target.creator = tap->record.creator;
                request->target.identity = bus_identity(request->target.identity, tap);
                gate_join(&request->verdict, &verdict);
                request->taps[i] = tap;
        }

        return 0;
}

static int bus_authorize_deletion(Bus *bus, Job *job, DeletionRequest *request, Fault *fault) {
        char *joined;
        int r;

        joined = bus_join_names(request->names, request->n_names);
        if (!joined)
                return fault_set_errno(fault, -ENOMEM, "request");

        request->target.names = joined;
        r = authz_require_verdict(&bus->authz, job, TAPD_ACTION_DELETE, &request->target, &request->verdict, fault);
        free(joined);
        return r;
}

static int bus_begin_deletion(Bus *bus, Job *job, const DeletionRequest *request, Fault *fault) {
        int r;

        r = manager_delete(bus->manager, request->taps, request->n_names, bus_on_deleted, job, &job->deletion, fault);
        if (r < 0)
                return r;

        for (size_t i = 0; i < request->n_names; i++)
                log_tap(LOG_INFO, request->names[i], "deleted by uid %u", job->caller->uid);

        return 0;
}

int bus_delete(Bus *bus, Job *job, char *const *names, size_t n_names, bool force, Fault *fault) {
        DeletionRequest request = { .names = names, .n_names = n_names, .force = force };
        int r;

        request.taps = calloc(n_names, sizeof(*request.taps));
        if (!request.taps)
                return fault_set_errno(fault, -ENOMEM, "request");

        r = bus_judge_deletion(bus, job, &request, fault);
        if (r == 0)
                r = bus_authorize_deletion(bus, job, &request, fault);
        if (r > 0)
                r = bus_begin_deletion(bus, job, &request, fault);

        free(request.taps);
        return r;
}
