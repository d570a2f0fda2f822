/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "advice.h"

#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "settings.h"
#include "text.h"

/* The group that the shipped configuration and polkit rule speak of. */
#define SHIPPED_GROUP "kvm"

static bool is_member(const struct passwd *user, const struct group *group) {
        for (char **member = group->gr_mem; *member; member++)
                if (strcmp(*member, user->pw_name) == 0)
                        return true;

        return user->pw_gid == group->gr_gid;
}

bool advice_joins_group(gid_t gid) {
        struct group *group = getgrgid(gid);
        struct passwd *user = getpwuid(geteuid());

        return group && user && is_member(user, group);
}

/* Most who are refused are people who are not in the group that may. */
char *advice_on_group(void) {
        struct group *group = getgrnam(SHIPPED_GROUP);
        struct passwd *user = getpwuid(geteuid());
        char *advice = NULL;
        int n;

        /* Accounts of services are refused also as members of it. */
        if (user_is_system(geteuid()) || !group || !user || group_member(group->gr_gid))
                return NULL;

        if (is_member(user, group))
                n = asprintf(&advice, "you became a member of %s after you logged in: log in again", SHIPPED_GROUP);
        else
                n = asprintf(&advice, "members of %s may: an administrator adds you with \"usermod -aG %s %s\"",
                             SHIPPED_GROUP, SHIPPED_GROUP, user->pw_name);

        return n < 0 ? NULL : advice;
}

/* The bridge whose name is nearest, to be freed; NULL where none is near. Those of Open vSwitch are not to be told from
 * other devices. */
static char *find_bridge(const char *name) {
        static const char before[] = "/sys/class/net/", behind[] = "/bridge";
        unsigned distance = UINT_MAX;
        char *nearest = NULL;
        glob_t found;

        if (glob("/sys/class/net/*/bridge", GLOB_NOSORT, NULL, &found) != 0)
                return NULL;

        for (size_t i = 0; i < found.gl_pathc; i++) {
                char *bridge = found.gl_pathv[i] + strlen(before);

                bridge[strlen(bridge) - strlen(behind)] = '\0';
                if (!text_is_nearer(name, bridge, &distance))
                        continue;
                free(nearest);
                nearest = strdup(bridge);
        }

        globfree(&found);
        return nearest;
}

static char *advise_no_such_switch(const char *name) {
        char *bridge = find_bridge(name), *advice;
        int n;

        if (!bridge)
                return strdup("\"ip link show type bridge\" lists the bridges of this host, and for root "
                              "\"ovs-vsctl list-br\" those of Open vSwitch.");

        n = asprintf(&advice, "did you mean \"%s\"?", bridge);
        free(bridge);
        return n < 0 ? NULL : advice;
}

char *advice_on_switch(const char *error, const char *switch_name) {
        char *advice;

        if (text_is(error, tapd_error_name(TAPD_ERROR_NO_SUCH_SWITCH)))
                return advise_no_such_switch(switch_name);
        if (text_is(error, tapd_error_name(TAPD_ERROR_SWITCH_UNAVAILABLE)))
                return strdup("\"systemctl status openvswitch-switch\" says whether Open vSwitch runs.");
        if (!text_is(error, tapd_error_name(TAPD_ERROR_VLAN_NOT_SUPPORTED)))
                return NULL;

        return asprintf(&advice,
                        "an administrator has a bridge filter VLANs with "
                        "\"ip link set dev %s type bridge vlan_filtering 1\".",
                        switch_name) < 0
                       ? NULL
                       : advice;
}
