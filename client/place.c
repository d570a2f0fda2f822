/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "confdir.h"
#include "errors.h"
#include "names.h"
#include "report.h"

static int report_root(const char *root, int error) {
        report(root, "%s", strerror(error));
        return TAPCTL_EXIT_FAILED;
}

/* Below another root the users may be others than here, and whoever builds it owns it. */
static uid_t choose_own(const Place *place) {
        const struct passwd *entry;

        if (*place->root)
                return FILE_ANYBODY;

        entry = getpwnam(TAPD_USER);
        return entry ? entry->pw_uid : FILE_NOBODY_ELSE;
}

int place_init(Place *place, const Options *options) {
        const char *root = options->root ? options->root : "";
        size_t length = strlen(root);
        struct stat st;

        while (length > 0 && root[length - 1] == '/')
                length--;
        if (length + sizeof(CONFDIR_STATE) > PATH_MAX)
                return report_root(root, ENAMETOOLONG);

        if (*root && stat(root, &st) < 0)
                return report_root(root, errno);
        if (*root && !S_ISDIR(st.st_mode))
                return report_root(root, ENOTDIR);

        *place = (Place){};
        memcpy(place->root, root, length);
        (void) stpcpy(stpcpy(place->state, place->root), CONFDIR_STATE);
        place->own = choose_own(place);
        return 0;
}
