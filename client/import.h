/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "import-file.h"
#include "import-plan.h"

/*
 * The readers of "tapctl import": each adds to the plan what it finds, and says what it could not translate. Paths are
 * read below @root; "" reads them as they are.
 */

/* interfaces(5) and what it includes; IMPORT_STDIN is one of the paths that it may be given. */
void import_interfaces(ImportPlan *plan, const char *root, const ImportPaths *paths, bool must_exist);

/* systemd.netdev(5), and systemd.network(5) for what it makes. A file of the first paths hides one of the same name in
 * the paths behind it. */
void import_netdev(ImportPlan *plan, const char *root, const ImportPaths *paths);

/* The TUN/TAP devices that the kernel has now and that are not tapd's (sysfs below plan->root). */
void import_live(ImportPlan *plan);

/* What sudoers(5) lets people do to TAPs. */
void import_sudoers(ImportPlan *plan, const char *root, const ImportPaths *paths, bool must_exist);
