/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "repair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "names.h"

#define ACCESS_FIELDS (TAP_TAMPERED_USER | TAP_TAMPERED_GROUP | TAP_TAMPERED_PERSISTENCE)
#define LINK_FIELDS (TAP_TAMPERED_MAC_ADDRESS | TAP_TAMPERED_CARRIER)

#define MINUTE_USEC (UINT64_C(60) * 1000000)

uint64_t repair_now(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* Whether there is something left of it, and takes it. */
static bool budget_take(TapBudget *budget, unsigned limit) {
        uint64_t now = repair_now();

        if (budget->began_usec == 0 || now - budget->began_usec >= MINUTE_USEC)
                *budget = (TapBudget){ .began_usec = now };
        if (budget->n >= limit)
                return false;

        budget->n++;
        return true;
}

static void describe_id(char *text, size_t size, const char *what, uint32_t is, uint32_t was) {
        if (was == TAPD_ID_UNSET)
                (void) snprintf(text, size, "%s is now %u (was not set)", what, is);
        else
                (void) snprintf(text, size, "%s is now %u (was %u)", what, is, was);
}

/* What happened, in words for who has to decide what to do about it. */
static void describe(const Tap *tap, unsigned fields, char *text, size_t size) {
        const TapSpec *spec = &tap->record.spec;
        char part[96], mac[SPEC_MAC_SIZE];
        size_t length = 0;

        for (unsigned field = 1; field <= TAP_TAMPERED_CARRIER; field <<= 1) {
                switch (fields & field) {
                case TAP_TAMPERED_USER:
                        describe_id(part, sizeof(part), "the user who may open it", tap->link.user, spec->user);
                        break;
                case TAP_TAMPERED_GROUP:
                        describe_id(part, sizeof(part), "the group that may open it", tap->link.group, spec->group);
                        break;
                case TAP_TAMPERED_PERSISTENCE:
                        (void) snprintf(part, sizeof(part), "%s",
                                        tap->link.persistent ? "it was made to outlive its queues"
                                                             : "it goes when its last queue is closed");
                        break;
                case TAP_TAMPERED_MAC_ADDRESS:
                        (void) snprintf(part, sizeof(part), "its address is now %s",
                                        spec_mac_format(tap->link.mac, mac));
                        break;
                case TAP_TAMPERED_CARRIER:
                        (void) snprintf(part, sizeof(part), "its carrier was taken away");
                        break;
                default:
                        continue;
                }

                if (length < size)
                        length += (size_t) snprintf(text + length, size - length, "%s%s", length ? "; " : "", part);
        }
}

static void report(const Tap *tap, unsigned fields) {
        const char *names[6];
        char list[96] = "TAPD_FIELDS=", user[32], group[32], text[480] = "";

        tap_tamper_names(fields, names);
        for (size_t i = 0; names[i]; i++) {
                strcat(list, i > 0 ? " " : "");
                strcat(list, names[i]);
        }
        (void) snprintf(user, sizeof(user), "TAPD_USER=%u", tap->link.user);
        (void) snprintf(group, sizeof(group), "TAPD_GROUP=%u", tap->link.group);
        describe(tap, fields, text, sizeof(text));

        log_tap_event(LOG_WARNING, REPAIR_MESSAGE_ID, tap->record.name, (const char *[]){ list, user, group, NULL },
                      "a program that holds a queue tampered with it: %s", text);
}

/* Each group of fields has a budget of its own: who uses up the one keeps nothing of the other from being put right.
 * What there is no budget left for is tried again when there is. */
static bool may_repair(Tap *tap, TapBudget *budget) {
        uint64_t retry_usec = budget->began_usec + MINUTE_USEC;

        if (budget_take(budget, REPAIRS_A_MINUTE))
                return true;

        if (tap->retry_usec == 0 || retry_usec < tap->retry_usec)
                tap->retry_usec = retry_usec;
        return false;
}

static int repair_access(TapWorkshop *workshop, Tap *tap) {
        Fault fault = {};
        int r;

        if (tap_is_used(tap) || tap_is_beyond_repair(tap) || !may_repair(tap, &tap->access_repairs))
                return -EAGAIN;

        r = tap_restore_access(workshop, tap, &fault);
        if (r < 0)
                log_tap(LOG_WARNING, tap->record.name, "cannot put it right: %s, ignoring", fault.text);

        return r;
}

static int repair_link(TapWorkshop *workshop, Tap *tap, unsigned fields) {
        const LinkChange change = {
                .mac = fields & TAP_TAMPERED_MAC_ADDRESS ? tap->record.spec.mac : NULL,
                .raise_carrier = fields & TAP_TAMPERED_CARRIER,
                .mtu = LINK_UNSET,
                .transmit_queue_length = LINK_UNSET,
        };
        int r;

        if (!may_repair(tap, &tap->link_repairs))
                return -EAGAIN;

        r = link_change(workshop->rtnl, tap->record.ifindex, &change);
        if (r < 0)
                log_tap(LOG_WARNING, tap->record.name, "cannot put it right: %s, ignoring", strerror(-r));

        return r;
}

/* Whether something was put right. */
static bool repair_fields(TapWorkshop *workshop, Tap *tap) {
        unsigned on_link = tap->tampered & LINK_FIELDS, on_access = tap->tampered & ACCESS_FIELDS;
        bool repaired = false;

        tap->retry_usec = 0;
        if (on_link)
                repaired |= repair_link(workshop, tap, on_link) == 0;
        if (on_access)
                repaired |= repair_access(workshop, tap) == 0;

        return repaired;
}

unsigned repair_tap(TapWorkshop *workshop, Tap *tap) {
        unsigned news = tap->tampered & ~tap->reported;
        Link link;

        if (news && budget_take(&tap->reports, REPORTS_A_MINUTE))
                report(tap, news);
        else
                news = 0;

        if (repair_fields(workshop, tap) && link_get(workshop->rtnl, tap->record.ifindex, &link) == 0 &&
            tap_owns(&tap->record, &link)) {
                tap_update(tap, &link);
                tap_judge(tap);
                log_tap(LOG_NOTICE, tap->record.name, "%s", tap->tampered ? "was put right in part" : "was put right");
        }

        tap->reported = tap->tampered;
        return news;
}
