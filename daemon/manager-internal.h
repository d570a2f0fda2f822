/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What manager.c (state and events) and manager-orders.c (what is asked of it) share, and nobody else sees. */
#include "idle.h"
#include "manager.h"
#include "port-bridge.h"
#include "port-ovs.h"
#include "want.h"

typedef struct Reload Reload;

struct Manager {
        Rtnl *rtnl;
        RecordStore *records;
        Deletions *deletions;
        Ovs *ovs;
        bool has_ovs; /* it is to be asked for, where it is on this host */
        Bridges bridges;
        Making *makings;            /* creations that wait for Open vSwitch */
        struct Plugging *pluggings; /* TAPs on their way into a switch */
        TapWorkshop workshop;
        Health health;
        sd_event_source *flush_source;
        sd_event_source *repair_timer; /* for what was put right too often */
        sd_event_source *resync_timer; /* after one that failed */
        sd_event_source *down_timer;   /* while an ephemeral one is down */
        const ManagerHandlers *handlers;
        void *userdata;

        Tap *taps;            /* by name */
        Tap *taps_by_ifindex; /* the same */
        Tap *touched;         /* those with something to tell, or gone */
        Idle idle;
        char *state_path;
        Config config;
        Want *wants;                  /* by name; all that is declared, and what was and is still there */
        Want *due;                    /* those to be looked at */
        sd_event_source *want_source; /* looks at them */
        sd_event_source *retry_timer; /* for those that wait */
        Reload *reload;               /* under way */
        bool recreate;                /* what cannot change is made anew */
        bool foreign_changed;         /* a link that is not tapd's came, went or changed */
        bool lost_events;
        bool is_blind; /* the records were not read yet, or could not be: what is there is not known */
};

#define MANAGER_TOPIC_RECORDS "records"

/* Has the TAP looked after, and its changes told, at the end of this turn of the loop. */
void manager_touch(Manager *manager, Tap *tap);

/* Keeps Degraded true to what became of a write. Returns @r. */
int manager_note_write(Manager *manager, int r);

/* The same for a fault of a floor below. */
int manager_note_fault(Manager *manager, int r, const Fault *fault);

/* Degraded while it is not known which TAPs there are; tries to find out first. */
int manager_check_sight(Manager *manager, Fault *fault);

/* A TAP of this name was made anew: its broken record is history. */
void manager_forget_broken(Manager *manager, const char *name);

/* Removes a record; one that stays behind is logged. */
void manager_drop_record(Manager *manager, const char *name);

/* Puts a TAP into the tables, and tells. -ENOMEM. */
int manager_add(Manager *manager, Tap *tap);

/* The one place where what the kernel says meets what tapd knows: events, dumps and answers all come here. */
void manager_note_link(Manager *manager, const Link *link, bool exists);

/* Has a link deleted that nobody waits for. For TapWorkshop, too. */
void manager_discard(int ifindex, void *userdata);

/* The names that are declared: manager-wants.c. */
int manager_wants_init(Manager *manager, sd_event *event);
void manager_wants_done(Manager *manager);
int manager_make_declared(Manager *manager);
void manager_want_note_added(Manager *manager, Tap *tap);
void manager_want_note_removed(Manager *manager, const Tap *tap);
/* The TAP goes, and another takes its place. */
void manager_want_forget(Manager *manager, const Tap *tap);
void manager_want_note_foreign(Manager *manager);
/* Looks at one name at once. */
int manager_make_want(Manager *manager, const char *name, Fault *fault);
/* What kept its TAP from being as declared may be over. */
void manager_want_look_again(Manager *manager, const Tap *tap);

/* That the device is still the record's is looked up afresh: what was known may be a loop's turn old. Stale, NoSuchTap.
 */
int manager_check_device(Manager *manager, Tap *tap, Fault *fault);

/* Asks for the very link of a TAP. 0 also where it is gone, which is then noted. */
int manager_look_at(Manager *manager, Tap *tap);

/* Where a TAP is plugged in is looked up: manager-port.c. */
void manager_find_port(Manager *manager, Tap *tap);

/* Gives a link the MTU of its switch, where none was asked for. */
int manager_fit_mtu(Manager *manager, const Link *link, const Switch *where, uint32_t asked);

/* Takes the port of a TAP that is gone from Open vSwitch. */
void manager_withdraw(Manager *manager, const Tap *tap);

/* Compares what Open vSwitch has with what TAPs there are, where both are known. */
void manager_judge_ports(Manager *manager);

/* One that was kept down goes up, where nothing else keeps it down; and for a moment again, where it does not stay up.
 */
void manager_let_up(Manager *manager, Tap *tap);

/* Plugs in what a death left on its way. */
void manager_finish_plugs(Manager *manager);

/* Has the declared TAPs that have a switch looked at again. */
void manager_want_ports(Manager *manager);

/* Drops what is on its way, at the end. */
void pluggings_done(Manager *manager);

extern const OvsHandlers manager_ovs_handlers;

/* Looks at a device that is down again; see manager_refresh(). */
void manager_refresh_tap(Manager *manager, Tap *tap);
