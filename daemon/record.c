/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "text.h"

#define HEADER "tapd-record 1\n"
#define SUM "sum="
/* A record has less than 2 KiB: what is larger is none. */
#define RECORD_SIZE_MAX 4096

static const char *const stage_names[_RECORD_STAGE_MAX] = {
        [RECORD_INTENT] = "intent",
        [RECORD_COMPLETE] = "complete",
        [RECORD_DELETING] = "deleting",
};

static const char *const lifetime_names[_LIFETIME_MAX] = {
        [LIFETIME_RUNTIME] = "runtime",
        [LIFETIME_EPHEMERAL] = "ephemeral",
        [LIFETIME_DECLARED] = "declared",
};

struct RecordStore {
        char *path;
        int fd; /* of the folder; -1 while it cannot be had */
};

const char *lifetime_name(Lifetime lifetime) {
        return lifetime_names[lifetime];
}

const char *record_mark(const Record *record, char mark[static RECORD_MARK_SIZE]) {
        char id[SD_ID128_STRING_MAX];

        (void) snprintf(mark, RECORD_MARK_SIZE, RECORD_MARK_PREFIX "%s", sd_id128_to_string(record->id, id));
        return mark;
}

int record_format(const Record *record, char **ret) {
        const TapSpec *spec = &record->spec;
        char id[SD_ID128_STRING_MAX], mac[SPEC_MAC_SIZE], guest_mac[SPEC_MAC_SIZE];
        char trunk[TRUNK_TEXT_SIZE], *body, *text;

        if (asprintf(&body,
                     HEADER "name=%s\nid=%s\nstage=%s\nlifetime=%s\nifindex=%d\ncreator=%u\nsource=%s\ndeclared=%s\n"
                            "declared-hash=%" PRIu64 "\ncreated=%" PRIu64 "\n"
                            "idle=%" PRIu64
                            "\nplugged=%d\nunchecked=%d\nkind=%s\nuser=%u\ngroup=%u\nshared=%d\nmulti-queue=%d\n"
                            "vnet-header=%d\npacket-info=%d\nup=%d\nmac-asked=%d\nmac=%s\nguest-mac=%s\nmtu=%u\n"
                            "transmit-queue-length=%u\ndescription=%s\nswitch=%s\nvlan=%u\ntrunk=%s\n"
                            "isolated=%d\ninterface-id=%s\n",
                     record->name, sd_id128_to_string(record->id, id), stage_names[record->stage],
                     lifetime_names[record->lifetime], record->ifindex, record->creator, record->source,
                     record->declared, record->declared_hash, record->created_usec, record->idle_usec,
                     record->is_plugged, record->is_unchecked, spec_kind_name(spec), spec->user, spec->group,
                     spec->shared, spec->mode.multi_queue, spec->mode.vnet_header, spec->mode.packet_info, spec->up,
                     spec->has_mac, spec_mac_format(spec->mac, mac), spec_mac_format(record->guest_mac, guest_mac),
                     spec->mtu, spec->transmit_queue_length, spec->description, spec->port.switch_name, spec->port.vlan,
                     trunk_format(&spec->port.trunk, ' ', trunk), spec->port.isolated, spec->port.interface_id) < 0)
                return -ENOMEM;

        if (asprintf(&text, "%s" SUM "%016" PRIx64 "\n", body, text_hash(TEXT_HASH_INIT, body, strlen(body))) < 0)
                text = NULL;

        free(body);
        if (!text)
                return -ENOMEM;

        *ret = text;
        return 0;
}

/* Reads a record line by line: the order is fixed, and each line must be there. */
typedef struct Reader {
        const char *position;
        char value[RECORD_SIZE_MAX + 1];
        int r;
} Reader;

static const char *read_value(Reader *reader, const char *key) {
        size_t key_length = strlen(key), length;
        const char *value = reader->position + key_length + 1;

        if (reader->r == 0 && (strncmp(reader->position, key, key_length) != 0 || reader->position[key_length] != '='))
                reader->r = -EBADMSG;
        if (reader->r < 0)
                return "";

        length = strcspn(value, "\n");
        memcpy(reader->value, value, length);
        reader->value[length] = '\0';
        reader->position = value + length + (value[length] == '\n');
        return reader->value;
}

/* Whether the next line is this one: records of a tapd that plugged nothing in have none about ports. */
static bool has_line(const Reader *reader, const char *key) {
        size_t length = strlen(key);

        return reader->r == 0 && strncmp(reader->position, key, length) == 0 && reader->position[length] == '=';
}

static uint64_t read_number(Reader *reader, const char *key, uint64_t max) {
        uint64_t number = 0;

        if (parse_decimal(read_value(reader, key), max, &number) < 0)
                reader->r = -EBADMSG;

        return number;
}

static bool read_flag(Reader *reader, const char *key) {
        return read_number(reader, key, 1) == 1;
}

/* Which of @names it is. */
static int read_choice(Reader *reader, const char *key, const char *const *names, int n_names) {
        const char *name = read_value(reader, key);

        for (int i = 0; i < n_names; i++)
                if (strcmp(names[i], name) == 0)
                        return i;

        reader->r = -EBADMSG;
        return 0;
}

static void read_text(Reader *reader, const char *key, char *text, size_t size) {
        const char *value = read_value(reader, key);

        if (strlen(value) >= size || !text_is_printable(value))
                reader->r = -EBADMSG;
        else
                strcpy(text, value);
}

static void read_port(Reader *reader, PortSpec *port) {
        const char *trunk;

        read_text(reader, "switch", port->switch_name, sizeof(port->switch_name));
        port->vlan = (uint16_t) read_number(reader, "vlan", VLAN_MAX);
        trunk = read_value(reader, "trunk");
        if (*trunk && parse_trunk(trunk, &port->trunk) < 0)
                reader->r = -EBADMSG;
        port->isolated = read_flag(reader, "isolated");
        read_text(reader, "interface-id", port->interface_id, sizeof(port->interface_id));
}

static void read_spec(Reader *reader, Record *record) {
        TapSpec *spec = &record->spec;
        const char *kind = read_value(reader, "kind");

        spec->mode.tun = strcmp(kind, "tun") == 0;
        if (!spec->mode.tun && strcmp(kind, "tap") != 0)
                reader->r = -EBADMSG;

        spec->user = (uid_t) read_number(reader, "user", TAPD_ID_UNSET);
        spec->group = (gid_t) read_number(reader, "group", TAPD_ID_UNSET);
        spec->shared = read_flag(reader, "shared");
        spec->mode.multi_queue = read_flag(reader, "multi-queue");
        spec->mode.vnet_header = read_flag(reader, "vnet-header");
        spec->mode.packet_info = read_flag(reader, "packet-info");
        spec->up = read_flag(reader, "up");
        spec->has_mac = read_flag(reader, "mac-asked");
        if (spec_mac_parse(read_value(reader, "mac"), spec->mac) < 0)
                reader->r = -EBADMSG;
        if (spec_mac_parse(read_value(reader, "guest-mac"), record->guest_mac) < 0)
                reader->r = -EBADMSG;
        spec->mtu = (uint32_t) read_number(reader, "mtu", UINT32_MAX);
        spec->transmit_queue_length = (uint32_t) read_number(reader, "transmit-queue-length", UINT32_MAX);
        read_text(reader, "description", spec->description, sizeof(spec->description));
        if (has_line(reader, "switch"))
                read_port(reader, &spec->port);
}

/* The last line is the sum of all before it. */
static int check_sum(const char *text, size_t size) {
        static const size_t sum_length = sizeof(SUM) - 1 + 16 + 1;
        char expected[sizeof(SUM) + 17];
        size_t body;

        if (size < sizeof(HEADER) + sum_length || size > RECORD_SIZE_MAX || memchr(text, '\0', size) ||
            strncmp(text, HEADER, sizeof(HEADER) - 1) != 0)
                return -EBADMSG;

        body = size - sum_length;
        (void) snprintf(expected, sizeof(expected), SUM "%016" PRIx64 "\n", text_hash(TEXT_HASH_INIT, text, body));
        return memcmp(text + body, expected, sum_length) == 0 ? 0 : -EBADMSG;
}

int record_parse(const char *name, const char *text, size_t size, Record *ret) {
        Record record = {};
        Reader reader = { .position = text + sizeof(HEADER) - 1 };

        if (check_sum(text, size) < 0 || name_check(name, NULL) < 0)
                return -EBADMSG;

        if (strcmp(read_value(&reader, "name"), name) != 0)
                return -EBADMSG;
        strcpy(record.name, name);

        if (sd_id128_from_string(read_value(&reader, "id"), &record.id) < 0)
                return -EBADMSG;

        record.stage = (RecordStage) read_choice(&reader, "stage", stage_names, _RECORD_STAGE_MAX);
        record.lifetime = (Lifetime) read_choice(&reader, "lifetime", lifetime_names, _LIFETIME_MAX);
        record.ifindex = (int) read_number(&reader, "ifindex", INT_MAX);
        record.creator = (uid_t) read_number(&reader, "creator", TAPD_ID_UNSET);
        read_text(&reader, "source", record.source, sizeof(record.source));
        read_text(&reader, "declared", record.declared, sizeof(record.declared));
        if (*record.declared && name_check(record.declared, NULL) < 0)
                return -EBADMSG;
        record.declared_hash = read_number(&reader, "declared-hash", UINT64_MAX);
        record.created_usec = read_number(&reader, "created", UINT64_MAX);
        record.idle_usec = read_number(&reader, "idle", UINT64_MAX);
        record.is_plugged = has_line(&reader, "plugged") && read_flag(&reader, "plugged");
        record.is_unchecked = has_line(&reader, "unchecked") && read_flag(&reader, "unchecked");
        read_spec(&reader, &record);
        if (reader.r < 0 || strncmp(reader.position, SUM, strlen(SUM)) != 0)
                return -EBADMSG;

        *ret = record;
        return 0;
}

/* The folder that @path names is systemd's to make (RuntimeDirectory=); below it tapd's. */
static int record_store_open(RecordStore *store) {
        int parent, r = 0;

        if (store->fd >= 0)
                return 0;

        parent = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                return -errno;

        if (mkdirat(parent, "taps", 0700) < 0 && errno != EEXIST)
                r = -errno;
        else
                store->fd = openat(parent, "taps", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (r == 0 && store->fd < 0)
                r = -errno;

        (void) close(parent);
        return r;
}

int record_store_new(const char *path, RecordStore **ret) {
        RecordStore *store;

        store = calloc(1, sizeof(*store));
        if (!store)
                return -ENOMEM;

        store->fd = -1;
        store->path = strdup(path);
        if (!store->path) {
                record_store_free(store);
                return -ENOMEM;
        }

        *ret = store;
        return 0;
}

RecordStore *record_store_free(RecordStore *store) {
        if (!store)
                return NULL;

        if (store->fd >= 0)
                (void) close(store->fd);
        free(store->path);
        free(store);
        return NULL;
}

int record_store_save(RecordStore *store, const Record *record) {
        char *text;
        int r;

        r = record_store_open(store);
        if (r < 0)
                return r;

        r = record_format(record, &text);
        if (r < 0)
                return r;

        r = file_write(store->fd, record->name, 0600, text, strlen(text));
        free(text);
        return r;
}

int record_write_fault(int r, Fault *fault) {
        if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
                return fault_set_errno(fault, r, "record");

        return fault_set(fault, TAPD_ERROR_DEGRADED, "cannot write records: %s", strerror(-r));
}

int record_store_remove(RecordStore *store, const char *name) {
        int r;

        r = record_store_open(store);
        if (r < 0)
                return r;

        return file_remove(store->fd, name);
}

static int record_read(RecordStore *store, const char *name, Record *ret) {
        char *text;
        size_t size;
        int r;

        r = file_read(store->fd, name, RECORD_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;

        r = record_parse(name, text, size, ret);
        free(text);
        return r;
}

/* Whether it is the record that is wrong, and not the moment: too many files are open, or there is no memory. */
static bool is_damage(int r) {
        return r == -EBADMSG || r == -EFBIG || r == -ENOTTY || r == -ELOOP || r == -EACCES || r == -EPERM || r == -EIO;
}

static void record_quarantine(RecordStore *store, const char *name) {
        char away[NAME_MAX + 1];

        if (snprintf(away, sizeof(away), "%s.corrupt", name) < (int) sizeof(away))
                (void) renameat(store->fd, name, store->fd, away);
}

static bool is_unfinished(const char *name) {
        size_t length = strlen(name);

        return name[0] == '.' && length > strlen(FILE_UNFINISHED) &&
               strcmp(name + length - strlen(FILE_UNFINISHED), FILE_UNFINISHED) == 0;
}

int record_store_load(RecordStore *store, void (*loaded)(const Record *record, void *userdata),
                      void (*broken)(const char *name, void *userdata), void *userdata) {
        struct dirent *entry;
        DIR *dir;
        int r, fd;

        r = record_store_open(store);
        if (r < 0)
                return r;

        fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                (void) close(fd);
                return r;
        }

        while ((entry = readdir(dir))) {
                Record record;

                /* A name of a TAP has no dot: those that were put aside have one, and what a death left half written.
                 */
                if (is_unfinished(entry->d_name))
                        (void) unlinkat(store->fd, entry->d_name, 0);
                if (strchr(entry->d_name, '.'))
                        continue;

                r = record_read(store, entry->d_name, &record);
                if (r >= 0) {
                        loaded(&record, userdata);
                } else if (is_damage(r)) {
                        record_quarantine(store, entry->d_name);
                        broken(entry->d_name, userdata);
                } else {
                        break;
                }
                r = 0;
        }

        (void) closedir(dir);
        return r;
}
