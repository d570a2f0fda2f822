/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "advice.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The group that the shipped configuration and polkit rule speak of. */
#define SHIPPED_GROUP "kvm"

static bool is_member(const struct passwd *user, const struct group *group) {
        for (char **member = group->gr_mem; *member; member++)
                if (strcmp(*member, user->pw_name) == 0)
                        return true;

        return user->pw_gid == group->gr_gid;
}

/* Most who are refused are people who are not in the group that may. */
char *advice_on_group(void) {
        struct group *group = getgrnam(SHIPPED_GROUP);
        struct passwd *user = getpwuid(geteuid());
        char *advice = NULL;
        int n;

        /* Accounts of services are refused also as members of it. */
        if (geteuid() < 1000 || !group || !user || group_member(group->gr_gid))
                return NULL;

        if (is_member(user, group))
                n = asprintf(&advice, "you became a member of %s after you logged in: log in again", SHIPPED_GROUP);
        else
                n = asprintf(&advice, "members of %s may: an administrator adds you with \"usermod -aG %s %s\"",
                             SHIPPED_GROUP, SHIPPED_GROUP, user->pw_name);

        return n < 0 ? NULL : advice;
}
