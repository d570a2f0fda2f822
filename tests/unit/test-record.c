/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "names.h"
#include "record.h"
#include "scratch.h"
#include "text.h"

#define ID SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, fe, dc, ba, 98, 76, 54, 32, 10)

static Record record_of(const char *name) {
        Record record = {
                .id = ID,
                .stage = RECORD_COMPLETE,
                .ifindex = 14,
                .creator = 1000,
                .created_usec = UINT64_C(1700000000000000),
                .spec = { .mode.multi_queue = true, .user = 1000, .group = 104, .up = true },
        };

        g_strlcpy(record.name, name, sizeof(record.name));
        return record;
}

static char *format(const Record *record) {
        char *text = NULL;

        g_assert_cmpint(record_format(record, &text), ==, 0);
        g_assert_nonnull(text);
        return text;
}

/* Reads @size bytes, with nothing readable behind them but a NUL. */
static int parse(const char *name, const char *text, size_t size, Record *ret) {
        char *copy = g_malloc(size + 1);
        int r;

        memcpy(copy, text, size);
        copy[size] = '\0';
        r = record_parse(name, copy, size, ret);
        g_free(copy);
        return r;
}

static void check_equal(const Record *a, const Record *b) {
        g_assert_cmpstr(a->name, ==, b->name);
        g_assert_true(sd_id128_equal(a->id, b->id));
        g_assert_cmpint(a->stage, ==, b->stage);
        g_assert_cmpint(a->ifindex, ==, b->ifindex);
        g_assert_cmpuint(a->creator, ==, b->creator);
        g_assert_cmpuint(a->created_usec, ==, b->created_usec);
        g_assert_cmpint(a->is_plugged, ==, b->is_plugged);
        g_assert_null(spec_compare(&a->spec, &b->spec));
}

static void check_round_trip(const Record *record) {
        g_autofree char *text = format(record);
        Record read = {};

        g_assert_cmpint(parse(record->name, text, strlen(text), &read), ==, 0);
        check_equal(&read, record);
}

/* Each field at its limits, one after the other and all together. */
static void test_fields(void) {
        Record record = record_of("tap1");

        check_round_trip(&record);
        g_strlcpy(record.name, "abcdefghijklmno", sizeof(record.name));
        check_round_trip(&record);
        record.id = SD_ID128_NULL;
        check_round_trip(&record);
        record.id = SD_ID128_ALLF;
        check_round_trip(&record);
        record.ifindex = 0;
        check_round_trip(&record);
        record.ifindex = INT_MAX;
        check_round_trip(&record);
        record.creator = 0;
        check_round_trip(&record);
        record.creator = TAPD_ID_UNSET - 1;
        check_round_trip(&record);
        record.created_usec = 0;
        check_round_trip(&record);
        record.created_usec = UINT64_MAX;
        check_round_trip(&record);

        for (RecordStage stage = RECORD_INTENT; stage < _RECORD_STAGE_MAX; stage++) {
                record.stage = stage;
                check_round_trip(&record);
        }
}

static void test_spec(void) {
        Record record = record_of("tap1");
        TapSpec *spec = &record.spec;

        /* Every combination of what is yes or no. */
        for (unsigned bits = 0; bits < 1 << 6; bits++) {
                spec->mode.tun = bits & 1 << 0;
                spec->mode.multi_queue = bits & 1 << 1;
                spec->mode.vnet_header = bits & 1 << 2;
                spec->mode.packet_info = bits & 1 << 3;
                spec->shared = bits & 1 << 4;
                spec->up = bits & 1 << 5;
                check_round_trip(&record);
        }

        spec->user = spec->group = TAPD_ID_UNSET;
        check_round_trip(&record);
        spec->user = spec->group = 0;
        check_round_trip(&record);
}

static void test_description(void) {
        static const char *const texts[] = { "",
                                             " ",
                                             "port 4 of the lab",
                                             "a=b",
                                             "sum=0",
                                             "#",
                                             "\\n",
                                             "%s%n",
                                             "\xc3\xa9 \xf0\x9f\x94\x8c",
                                             " blanks at both ends " };
        g_autofree char *longest = repeat("x", SPEC_DESCRIPTION_MAX), *euros = repeat("\xe2\x82\xac", 85);
        Record record = record_of("tap1");

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                strcpy(record.spec.description, texts[i]);
                check_round_trip(&record);
        }

        strcpy(record.spec.description, longest);
        check_round_trip(&record);
        strcpy(record.spec.description, euros);
        check_round_trip(&record);
}

/* Where it is plugged in, at the limits of what may be said of that. */
static void test_port(void) {
        g_autofree char *longest = repeat("x", SPEC_DESCRIPTION_MAX), *id = repeat("i", PORT_INTERFACE_ID_MAX);
        Record record = record_of("abcdefghijklmno");
        PortSpec *port = &record.spec.port;

        record.is_plugged = true;
        check_round_trip(&record);
        strcpy(port->switch_name, "fifteen-letters");
        check_round_trip(&record);
        record.is_plugged = false;
        check_round_trip(&record);
        port->vlan = 4094;
        check_round_trip(&record);
        port->isolated = true;
        check_round_trip(&record);
        strcpy(port->interface_id, id);
        strcpy(record.spec.description, longest);
        check_round_trip(&record);

        for (uint16_t i = 0; i < TRUNK_RANGES_MAX; i++) {
                port->trunk.ranges[i] = (VlanRange){ (uint16_t) (1000 + 10 * i), (uint16_t) (1009 + 10 * i) };
                port->trunk.n_ranges = i + 1u;
                check_round_trip(&record);
        }
}

static void test_mark(void) {
        const Record record = record_of("tap1");
        char mark[RECORD_MARK_SIZE];

        g_assert_true(record_mark(&record, mark) == mark);
        g_assert_cmpstr(mark, ==, "tapd:0123456789abcdeffedcba9876543210");
}

/* A record that is not read leaves the output as it was. */
static void check_damaged(const char *name, const char *text, size_t size) {
        Record read = { .ifindex = 77 };

        g_assert_cmpint(parse(name, text, size, &read), ==, -EBADMSG);
        g_assert_cmpint(read.ifindex, ==, 77);
}

static Record full_record(void) {
        Record record = record_of("tap1");

        strcpy(record.spec.description, "port 4 of the lab, caf\xc3\xa9");
        return record;
}

/* Each byte turned into each other one. */
static void test_flipped(void) {
        const Record record = full_record();
        g_autofree char *text = format(&record);
        size_t size = strlen(text);

        for (size_t i = 0; i < size; i++) {
                char was = text[i];

                for (unsigned flip = 1; flip <= 0xff; flip++) {
                        text[i] = (char) (was ^ flip);
                        check_damaged("tap1", text, size);
                }
                text[i] = was;
        }

        check_round_trip(&record);
}

static void test_truncated(void) {
        const Record record = full_record();
        g_autofree char *text = format(&record);

        for (size_t size = 0; size < strlen(text); size++)
                check_damaged("tap1", text, size);
}

/* Pieces that are missing, doubled or too much. */
static void test_spliced(void) {
        const Record record = full_record();
        g_autofree char *text = format(&record), *twice = g_strconcat(text, text, NULL),
                        *behind = g_strconcat(text, "\n", NULL), *before = g_strconcat("\n", text, NULL),
                        *huge = repeat(text, 10000);

        check_damaged("tap1", twice, strlen(twice));
        check_damaged("tap1", behind, strlen(behind));
        check_damaged("tap1", before, strlen(before));
        check_damaged("tap1", huge, strlen(huge));
        check_damaged("tap1", text, strlen(text) + 1); /* with its NUL */

        for (size_t i = 0; i < strlen(text); i++) {
                g_autofree char *without = g_strdup_printf("%.*s%s", (int) i, text, text + i + 1);
                check_damaged("tap1", without, strlen(without));
        }
}

static void test_name(void) {
        static const char *const others[] = { "tap2", "tap", "tap11", "TAP1", "", "tap1\n", "../tap1", "lo" };
        const Record record = record_of("tap1");
        g_autofree char *text = format(&record);

        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                check_damaged(others[i], text, strlen(text));
}

/* Gives a record without its last line the one that is right. */
static void seal(GString *record) {
        g_string_append_printf(record, "sum=%016" G_GINT64_MODIFIER "x\n",
                               text_hash(TEXT_HASH_INIT, record->str, record->len));
}

/* A record with other lines, and a sum that is right: a newer tapd's, or somebody's who knows how. */
static char *forge(const char *from, const char *to) {
        const Record record = full_record();
        g_autofree char *text = format(&record);
        const char *sum = strstr(text, "\nsum="), *found = strstr(text, from);
        GString *forged = g_string_new(NULL);

        g_assert_nonnull(sum);
        g_assert_nonnull(found);
        if (sum && found) {
                g_string_append_len(forged, text, found - text);
                g_string_append(forged, to);
                g_string_append_len(forged, found + strlen(from), sum + 1 - (found + strlen(from)));
                seal(forged);
        }

        return g_string_free(forged, FALSE);
}

typedef struct ForgeCase {
        const char *label, *from, *to;
} ForgeCase;

static const ForgeCase forge_cases[] = {
        { "newer-version", "tapd-record 1\n", "tapd-record 2\n" },
        { "newer-version-11", "tapd-record 1\n", "tapd-record 11\n" },
        { "no-version", "tapd-record 1\n", "" },
        { "name", "name=tap1\n", "name=tap2\n" },
        { "name-missing", "name=tap1\n", "" },
        { "id-short", "id=01", "id=" },
        { "id-no-hex", "id=01", "id=0x" },
        { "stage", "stage=complete\n", "stage=finished\n" },
        { "stage-empty", "stage=complete\n", "stage=\n" },
        { "ifindex-negative", "ifindex=14\n", "ifindex=-1\n" },
        { "ifindex-overflow", "ifindex=14\n", "ifindex=2147483648\n" },
        { "ifindex-empty", "ifindex=14\n", "ifindex=\n" },
        { "creator-overflow", "creator=1000\n", "creator=4294967296\n" },
        { "creator-name", "creator=1000\n", "creator=alice\n" },
        { "created-overflow", "created=1700000000000000\n", "created=18446744073709551616\n" },
        { "kind", "kind=tap\n", "kind=macvtap\n" },
        { "kind-empty", "kind=tap\n", "kind=\n" },
        { "user-overflow", "user=1000\n", "user=4294967296\n" },
        { "user-blank", "user=1000\n", "user= 1000\n" },
        { "group-missing", "group=104\n", "" },
        { "plugged", "plugged=0\n", "plugged=2\n" },
        { "switch-long", "switch=\n", "switch=sixteen--letters\n" },
        { "switch-escape", "switch=\n", "switch=br\x1b[2J\n" },
        { "vlan", "vlan=0\n", "vlan=4095\n" },
        { "vlan-overflow", "vlan=0\n", "vlan=65556\n" },
        { "trunk-reversed", "trunk=\n", "trunk=29-20\n" },
        { "trunk-zero", "trunk=\n", "trunk=0-5\n" },
        { "isolated", "isolated=0\n", "isolated=yes\n" },
        { "interface-id-missing", "interface-id=\n", "" },
        { "shared-two", "shared=0\n", "shared=2\n" },
        { "shared-word", "shared=0\n", "shared=no\n" },
        { "order", "shared=0\nmulti-queue=1\n", "multi-queue=1\nshared=0\n" },
        { "twice", "up=1\n", "up=1\nup=1\n" },
        { "unknown", "up=1\n", "up=1\nvlan=20\n" },
        { "unknown-last", "lab, caf\xc3\xa9\n", "lab, caf\xc3\xa9\nvlan=20\n" },
        { "description-control", "lab, caf\xc3\xa9\n", "\033[2J\n" },
        { "description-no-utf-8", "lab, caf\xc3\xa9\n", "\xff\n" },
        { "description-missing", "description=port 4 of the lab, caf\xc3\xa9\n", "" },
};

static void test_forged(const void *data) {
        const ForgeCase *row = data;
        g_autofree char *text = forge(row->from, row->to);

        check_damaged("tap1", text, strlen(text));
}

/* The forger forges well: what it leaves as it was is read. */
static void test_forger(void) {
        const Record record = full_record();
        g_autofree char *text = forge("ifindex=14\n", "ifindex=14\n"), *other = forge("ifindex=14\n", "ifindex=15\n");
        Record read = {};

        g_assert_cmpint(parse("tap1", text, strlen(text), &read), ==, 0);
        check_equal(&read, &record);
        g_assert_cmpint(parse("tap1", other, strlen(other), &read), ==, 0);
        g_assert_cmpint(read.ifindex, ==, 15);
}

/* Longer than a description, and than any buffer. */
static void test_forged_length(void) {
        static const size_t lengths[] = { SPEC_DESCRIPTION_MAX + 1, 4095, 4096, 4097, 1000000 };

        for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
                g_autofree char *filling = repeat("x", lengths[i]), *id = g_strconcat("id=", filling, NULL),
                                *description = forge("port 4 of the lab, caf\xc3\xa9", filling),
                                *line = forge("id=", id);

                check_damaged("tap1", description, strlen(description));
                check_damaged("tap1", line, strlen(line));
        }
}

/* A NUL anywhere: what is behind it would be in the sum and in nothing else. */
static void test_forged_nul(void) {
        const Record record = full_record();
        g_autofree char *text = format(&record);
        size_t body = (size_t) (strstr(text, "\nsum=") + 1 - text);

        for (size_t i = 0; i < body; i++) {
                GString *forged = g_string_new_len(text, (gssize) body);

                g_string_insert_c(forged, (gssize) i, '\0');
                seal(forged);
                check_damaged("tap1", forged->str, forged->len);
                g_string_free(forged, TRUE);
        }
}

/* What record_store_load() told of, in the order of the names. */
typedef struct Told {
        GPtrArray *loaded, *broken;
        Record last;
} Told;

static void on_loaded(const Record *record, void *userdata) {
        Told *told = userdata;

        told->last = *record;
        g_ptr_array_add(told->loaded, g_strdup(record->name));
}

static void on_broken(const char *name, void *userdata) {
        Told *told = userdata;

        g_ptr_array_add(told->broken, g_strdup(name));
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void check_names(GPtrArray *names, const char *expected) {
        g_autofree char *joined = NULL;

        g_ptr_array_sort(names, compare_names);
        g_ptr_array_add(names, NULL);
        joined = g_strjoinv(" ", (char **) names->pdata);
        g_assert_cmpstr(joined, ==, expected);
        g_ptr_array_unref(names);
}

/* Returns the last one loaded. */
static Record check_load(RecordStore *store, const char *loaded, const char *broken) {
        Told told = { .loaded = g_ptr_array_new_with_free_func(g_free),
                      .broken = g_ptr_array_new_with_free_func(g_free) };

        g_assert_cmpint(record_store_load(store, on_loaded, on_broken, &told), ==, 0);
        check_names(told.loaded, loaded);
        check_names(told.broken, broken);
        return told.last;
}

static RecordStore *open_store(const Scratch *scratch) {
        RecordStore *store = NULL;

        g_assert_cmpint(record_store_new(scratch->path, &store), ==, 0);
        g_assert_nonnull(store);
        return store;
}

static void save(RecordStore *store, const char *name) {
        const Record record = record_of(name);

        g_assert_cmpint(record_store_save(store, &record), ==, 0);
}

static char *in(const Scratch *scratch, const char *name) {
        return g_build_filename(scratch->path, "taps", name, NULL);
}

static void test_store(void) {
        Scratch *scratch = scratch_new();
        RecordStore *store = open_store(scratch);
        Record record = full_record(), read;

        (void) check_load(store, "", "");
        g_assert_cmpint(record_store_save(store, &record), ==, 0);
        read = check_load(store, "tap1", "");
        check_equal(&read, &record);

        /* The next state of the same TAP takes the place of the last. */
        record.stage = RECORD_DELETING;
        g_assert_cmpint(record_store_save(store, &record), ==, 0);
        read = check_load(store, "tap1", "");
        check_equal(&read, &record);

        save(store, "tap2");
        save(store, "abcdefghijklmno");
        (void) check_load(store, "abcdefghijklmno tap1 tap2", "");

        g_assert_cmpint(record_store_remove(store, "tap1"), ==, 0);
        (void) check_load(store, "abcdefghijklmno tap2", "");
        g_assert_cmpint(record_store_remove(store, "tap1"), ==, 0);
        g_assert_null(record_store_free(store));
        g_assert_null(record_store_free(NULL));
        scratch_free(scratch);
}

/* The next tapd finds what the last one wrote. */
static void test_store_again(void) {
        Scratch *scratch = scratch_new();
        RecordStore *store = open_store(scratch);

        save(store, "tap1");
        record_store_free(store);
        store = open_store(scratch);
        (void) check_load(store, "tap1", "");
        save(store, "tap2");
        (void) check_load(store, "tap1 tap2", "");
        record_store_free(store);
        scratch_free(scratch);
}

/* Nobody but tapd reads or writes a record. */
static void test_store_modes(void) {
        Scratch *scratch = scratch_new();
        RecordStore *store = open_store(scratch);
        g_autofree char *path = in(scratch, "tap1");
        struct stat st = {};

        save(store, "tap1");
        g_assert_cmpint(stat(path, &st), ==, 0);
        g_assert_cmphex(st.st_mode & 07777, ==, 0600);
        record_store_free(store);
        scratch_free(scratch);
}

static void spoil_empty(const char *path) {
        put_text(path, "");
}

static void spoil_garbage(const char *path) {
        put_text(path, "garbage\n");
}

static void spoil_large(const char *path) {
        g_autofree char *text = repeat("x", 1000000);

        put_text(path, text);
}

static void spoil_newer(const char *path) {
        g_autofree char *text = forge("tapd-record 1\n", "tapd-record 2\n");

        put_text(path, text);
}

static void spoil_foreign(const char *path) {
        const Record record = record_of("tap9");
        g_autofree char *text = format(&record);

        put_text(path, text);
}

static void spoil_byte(const char *path) {
        const Record record = record_of("tap1");
        g_autofree char *text = format(&record);

        text[strlen(text) / 2] ^= 1;
        put_text(path, text);
}

static void spoil_fifo(const char *path) {
        g_assert_cmpint(g_unlink(path), ==, 0);
        g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

static void spoil_folder(const char *path) {
        g_assert_cmpint(g_unlink(path), ==, 0);
        put_folder(path);
}

typedef struct SpoilCase {
        const char *label;
        void (*spoil)(const char *path);
} SpoilCase;

static const SpoilCase spoil_cases[] = {
        { "empty", spoil_empty }, { "garbage", spoil_garbage }, { "large", spoil_large },
        { "newer", spoil_newer }, { "foreign", spoil_foreign }, { "byte", spoil_byte },
        { "fifo", spoil_fifo },   { "folder", spoil_folder },
};

/* One that cannot be read is told of and put aside, under a name that no TAP has; the others are as they were. */
static void test_store_spoilt(const void *data) {
        const SpoilCase *row = data;
        Scratch *scratch = scratch_new();
        RecordStore *store = open_store(scratch);
        g_autofree char *path = in(scratch, "tap1"), *corrupt = in(scratch, "tap1.corrupt");

        save(store, "tap0");
        save(store, "tap1");
        save(store, "tap2");
        row->spoil(path);
        (void) check_load(store, "tap0 tap2", "tap1");
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        g_assert_true(g_file_test(corrupt, G_FILE_TEST_EXISTS));

        /* Once: the next start does not complain again, and the name is free. */
        (void) check_load(store, "tap0 tap2", "");
        save(store, "tap1");
        (void) check_load(store, "tap0 tap1 tap2", "");
        record_store_free(store);
        scratch_free(scratch);
}

/* A file whose name is no TAP's is not a record. */
static void test_store_strangers(void) {
        Scratch *scratch = scratch_new();
        RecordStore *store = open_store(scratch);
        const Record record = record_of("tap1");
        g_autofree char *text = format(&record), *temporary = in(scratch, ".tap1.new"), *strange = in(scratch, "1tap"),
                        *strange_away = in(scratch, "1tap.corrupt");

        save(store, "tap1");
        put_text(temporary, "half a rec");
        put_text(strange, text);
        (void) check_load(store, "tap1", "1tap");
        g_assert_true(g_file_test(strange_away, G_FILE_TEST_EXISTS));

        /* What a crash left in the middle of a write is in nobody's way. */
        save(store, "tap1");
        (void) check_load(store, "tap1", "");
        record_store_free(store);
        scratch_free(scratch);
}

/* Without its folder nothing can be written, and nothing is read; once it is there, each write tries again. */
static void test_store_late(void) {
        Scratch *scratch = scratch_new();
        g_autofree char *path = g_build_filename(scratch->path, "run", NULL);
        RecordStore *store = NULL;
        const Record record = record_of("tap1");
        Told told = {};

        g_assert_cmpint(record_store_new(path, &store), ==, 0);
        g_assert_cmpint(record_store_save(store, &record), <, 0);
        g_assert_cmpint(record_store_remove(store, "tap1"), <, 0);
        g_assert_cmpint(record_store_load(store, on_loaded, on_broken, &told), <, 0);

        put_folder(path);
        g_assert_cmpint(record_store_save(store, &record), ==, 0);
        (void) check_load(store, "tap1", "");
        record_store_free(store);
        scratch_free(scratch);
}

static void test_store_many(void) {
        Scratch *scratch = scratch_new();
        RecordStore *store = open_store(scratch);
        GString *expected = g_string_new(NULL);

        for (unsigned i = 100; i < 400; i++) {
                g_autofree char *name = g_strdup_printf("tap%u", i);

                save(store, name);
                g_string_append_printf(expected, "%s%s", expected->len > 0 ? " " : "", name);
        }

        (void) check_load(store, expected->str, "");
        g_string_free(expected, TRUE);
        record_store_free(store);
        scratch_free(scratch);
}

static void add_cases(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(forge_cases); i++) {
                g_autofree char *path = g_strconcat("/record/forged/", forge_cases[i].label, NULL);

                g_test_add_data_func(path, &forge_cases[i], test_forged);
        }

        for (size_t i = 0; i < G_N_ELEMENTS(spoil_cases); i++) {
                g_autofree char *path = g_strconcat("/record/store-spoilt/", spoil_cases[i].label, NULL);

                g_test_add_data_func(path, &spoil_cases[i], test_store_spoilt);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        g_test_add_func("/record/fields", test_fields);
        g_test_add_func("/record/spec", test_spec);
        g_test_add_func("/record/description", test_description);
        g_test_add_func("/record/port", test_port);
        g_test_add_func("/record/mark", test_mark);
        g_test_add_func("/record/flipped", test_flipped);
        g_test_add_func("/record/truncated", test_truncated);
        g_test_add_func("/record/spliced", test_spliced);
        g_test_add_func("/record/name", test_name);
        g_test_add_func("/record/forger", test_forger);
        g_test_add_func("/record/forged-length", test_forged_length);
        g_test_add_func("/record/forged-nul", test_forged_nul);
        add_cases();
        g_test_add_func("/record/store", test_store);
        g_test_add_func("/record/store-again", test_store_again);
        g_test_add_func("/record/store-modes", test_store_modes);
        g_test_add_func("/record/store-strangers", test_store_strangers);
        g_test_add_func("/record/store-late", test_store_late);
        g_test_add_func("/record/store-many", test_store_many);

        return g_test_run();
}
