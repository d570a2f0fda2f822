/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#define MANAGER TAPD_OBJECT_PATH, TAPD_MANAGER_INTERFACE

char *files_path(Lab *lab, const char *file) {
        return g_build_filename(lab->folder, file, NULL);
}

void files_write(Lab *lab, const char *file, const char *text) {
        g_autofree char *path = files_path(lab, file), *folder = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

void files_remove(Lab *lab, const char *file) {
        g_autofree char *path = files_path(lab, file);

        g_assert_cmpint(unlink(path), ==, 0);
}

LabReply files_reload_as(Lab *lab, sd_bus *as, bool recreate) {
        return lab_call(lab, as, MANAGER, "Reload", "b", (int) recreate);
}

void files_reload(Lab *lab) {
        lab_expect(files_reload_as(lab, lab->root, false), NULL, NULL);
}

void lab_restart_tapd(Lab *lab, int signal_number) {
        lab_stop_tapd(lab, signal_number);
        lab_start_tapd(lab);
}

/* As after a boot: neither records nor devices. */
void lab_reboot(Lab *lab, const char *const *names) {
        g_autofree char *records = files_path(lab, "run/taps");

        lab_stop_tapd(lab, SIGKILL);
        for (; *names; names++)
                if (lab_link_exists(*names))
                        g_free(lab_run("ip link del %s", *names));
        g_free(lab_run("rm -rf %s", records));
        lab_start_tapd(lab);
}

bool lab_tap_exists(Lab *lab, const char *name) {
        LabReply reply = lab_call(lab, lab->root, MANAGER, "GetTap", "s", name);
        bool is_there = !reply.error;

        lab_reply_done(&reply);
        return is_there;
}

typedef struct Expected {
        const char *name, *property, *value;
} Expected;

static bool has_property(Lab *lab, void *userdata) {
        const Expected *expected = userdata;
        g_autofree char *value =
                lab_tap_exists(lab, expected->name) ? lab_property(lab, expected->name, expected->property) : NULL;

        return g_strcmp0(value, expected->value) == 0;
}

void lab_wait_property(Lab *lab, const char *name, const char *property, const char *value) {
        lab_run_until(lab, has_property, &(Expected){ name, property, value });
}

bool lab_tap_is_gone(Lab *lab, void *userdata) {
        return !lab_link_exists(userdata) && !lab_tap_exists(lab, userdata);
}

void lab_expect_reason(Lab *lab, const char *name, const char *part) {
        g_autofree char *reason = lab_property(lab, name, "StateReason");

        lab_assert_contains(reason, part);
}

bool lab_link_is_there(Lab *lab, void *userdata) {
        return lab_link_exists(userdata);
}
