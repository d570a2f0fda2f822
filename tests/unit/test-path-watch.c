/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "loop.h"
#include "path-watch.h"
#include "scratch.h"

typedef struct Fixture {
        Scratch *scratch;
        sd_event *event;
        PathWatch *watch;
        unsigned n_changes;
} Fixture;

static void on_changed(void *userdata) {
        ((Fixture *) userdata)->n_changes++;
}

static char *path_of(const Fixture *fixture, const char *name) {
        return g_build_filename(fixture->scratch->path, name, NULL);
}

static void fixture_watch(Fixture *fixture, const char *name) {
        g_autofree char *path = path_of(fixture, name);

        g_assert_cmpint(path_watch_new(fixture->event, path, on_changed, fixture, &fixture->watch), ==, 0);
        g_assert_true(path_watch_is_set(fixture->watch));
}

static void fixture_begin(Fixture *fixture) {
        *fixture = (Fixture){ .scratch = scratch_new() };
        g_assert_cmpint(sd_event_new(&fixture->event), ==, 0);
}

static void fixture_end(Fixture *fixture) {
        fixture->watch = path_watch_free(fixture->watch);
        sd_event_unref(fixture->event);
        scratch_free(fixture->scratch);
}

static void make(const Fixture *fixture, const char *name) {
        g_autofree char *path = path_of(fixture, name);

        put_text(path, "");
}

static void make_folder(const Fixture *fixture, const char *name) {
        g_autofree char *path = path_of(fixture, name);

        g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
}

static void take_away(const Fixture *fixture, const char *name) {
        g_autofree char *path = path_of(fixture, name);

        g_assert_cmpint(g_remove(path), ==, 0);
}

static void move(const Fixture *fixture, const char *from, const char *to) {
        g_autofree char *from_path = path_of(fixture, from), *to_path = path_of(fixture, to);

        g_assert_cmpint(g_rename(from_path, to_path), ==, 0);
}

/* Whether something was told since this was asked last. */
static bool was_told(Fixture *fixture) {
        bool told;

        loop_settle(fixture->event);
        told = fixture->n_changes > 0;
        fixture->n_changes = 0;
        return told;
}

static void test_file(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        fixture_watch(&fixture, "db.sock");
        g_assert_false(was_told(&fixture));

        make(&fixture, "db.sock");
        g_assert_true(was_told(&fixture));
        take_away(&fixture, "db.sock");
        g_assert_true(was_told(&fixture));

        make(&fixture, "new");
        g_assert_false(was_told(&fixture));
        move(&fixture, "new", "db.sock");
        g_assert_true(was_told(&fixture));
        move(&fixture, "db.sock", "old");
        g_assert_true(was_told(&fixture));
        fixture_end(&fixture);
}

static void test_beside(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        make_folder(&fixture, "run");
        fixture_watch(&fixture, "run/db.sock");
        make(&fixture, "run/db.sock2");
        make(&fixture, "run/db.soc");
        make(&fixture, "run/conf.db");
        take_away(&fixture, "run/conf.db");
        make(&fixture, "db.sock");
        g_assert_false(was_told(&fixture));
        fixture_end(&fixture);
}

/* The folders come one by one, go, and come again. */
static void test_folders(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        fixture_watch(&fixture, "run/vswitch/db.sock");
        make_folder(&fixture, "ran");
        g_assert_false(was_told(&fixture));

        for (unsigned i = 0; i < 3; i++) {
                make_folder(&fixture, "run");
                (void) was_told(&fixture);
                make_folder(&fixture, "run/vswitch");
                (void) was_told(&fixture);
                make(&fixture, "run/vswitch/db.sock");
                g_assert_true(was_told(&fixture));
                g_assert_true(path_watch_is_set(fixture.watch));

                take_away(&fixture, "run/vswitch/db.sock");
                take_away(&fixture, "run/vswitch");
                take_away(&fixture, "run");
                g_assert_true(was_told(&fixture));
        }
        fixture_end(&fixture);
}

/* All at once, before anybody could look. */
static void test_folders_at_once(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        fixture_watch(&fixture, "run/vswitch/db.sock");
        make_folder(&fixture, "run");
        make_folder(&fixture, "run/vswitch");
        g_assert_true(was_told(&fixture));
        make(&fixture, "run/vswitch/db.sock");
        g_assert_true(was_told(&fixture));

        /* A folder that is moved away is another one from then on. */
        move(&fixture, "run/vswitch", "run/other");
        g_assert_true(was_told(&fixture));
        take_away(&fixture, "run/other/db.sock");
        g_assert_false(was_told(&fixture));
        make_folder(&fixture, "run/vswitch");
        (void) was_told(&fixture);
        make(&fixture, "run/vswitch/db.sock");
        g_assert_true(was_told(&fixture));
        fixture_end(&fixture);
}

/* Where a folder should be there is a file. */
static void test_no_folder(void) {
        Fixture fixture;

        fixture_begin(&fixture);
        make(&fixture, "run");
        fixture_watch(&fixture, "run/db.sock");
        take_away(&fixture, "run");
        g_assert_true(was_told(&fixture));
        make_folder(&fixture, "run");
        make(&fixture, "run/db.sock");
        g_assert_true(was_told(&fixture));
        fixture_end(&fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/path-watch/file", test_file);
        g_test_add_func("/path-watch/beside", test_beside);
        g_test_add_func("/path-watch/folders", test_folders);
        g_test_add_func("/path-watch/folders-at-once", test_folders_at_once);
        g_test_add_func("/path-watch/no-folder", test_no_folder);

        return g_test_run();
}
