/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conffile.h"
#include "errors.h"
#include "file.h"
#include "report.h"

/* A .tap file is a few lines; whatever is larger is another file. */
#define TAP_FILE_MAX (64 * 1024)

const char *import_file_explain(int r) {
        switch (r) {
        case -ENOTTY:
                return "not a regular file";
        case -EFBIG:
                return "larger than 1 MiB";
        case -EBADMSG:
                return "it has a NUL in it";
        case -EACCES:
        case -EPERM:
                return "it cannot be read by you; root can";
        case -ENODATA:
                return "empty";
        default:
                return strerror(-r);
        }
}

static int read_stdin(char **ret_data, size_t *ret_size) {
        char *data = malloc(CONF_FILE_MAX + 2);
        size_t size;

        if (!data)
                return -ENOMEM;

        size = fread(data, 1, CONF_FILE_MAX + 1, stdin);
        if (ferror(stdin) || size > CONF_FILE_MAX) {
                free(data);
                return size > CONF_FILE_MAX ? -EFBIG : -EIO;
        }

        data[size] = '\0';
        *ret_data = data;
        *ret_size = size;
        return 0;
}

/* Links are followed, as those follow them whose files these are. */
static int read_path(const char *root, const char *path, char **ret_data, size_t *ret_size) {
        char whole[PATH_MAX], resolved[PATH_MAX];

        if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int) sizeof(whole))
                return -ENAMETOOLONG;
        if (!realpath(whole, resolved))
                return -errno;
        if (strcmp(resolved, "/dev/null") == 0)
                return -ENODATA;

        return file_read(AT_FDCWD, resolved, CONF_FILE_MAX, ret_data, ret_size);
}

static int read_source(const char *root, const char *path, char **ret_data, size_t *ret_size) {
        char *data;
        size_t size;
        int r;

        r = strcmp(path, IMPORT_STDIN) == 0 ? read_stdin(&data, &size) : read_path(root, path, &data, &size);
        if (r < 0)
                return r;

        if (size == 0 || memchr(data, '\0', size)) {
                free(data);
                return size == 0 ? -ENODATA : -EBADMSG;
        }

        *ret_data = data;
        *ret_size = size;
        return 0;
}

bool import_file_open(ImportPlan *plan, const char *root, const char *path, bool must_exist, char **ret_data,
                      size_t *ret_size) {
        ImportPlace place = { .path = import_plan_keep(plan, path) };
        int r;

        r = read_source(root, path, ret_data, ret_size);
        if (r == -ENOMEM)
                plan->is_broken = true;
        else if (r < 0 && r != -ENODATA && (must_exist || r != -ENOENT))
                import_plan_refuse(plan, &place, "the file", import_file_explain(r));

        return r == 0;
}

ImportLines import_lines_of(char *text) {
        return (ImportLines){ .rest = text, .next_number = 1 };
}

/* The backslash that a line ends with, before the carriage return that editors of another system write; NULL where it
 * ends with none. */
static char *find_backslash(char *line, char *end) {
        while (end > line && end[-1] == '\r')
                end--;

        return end > line && end[-1] == '\\' ? end - 1 : NULL;
}

char *import_lines_next(ImportLines *lines) {
        char *line = lines->rest, *end, *backslash;
        bool is_comment;

        if (!*line)
                return NULL;

        lines->number = lines->next_number++;
        line += strspn(line, IMPORT_BLANKS);
        is_comment = *line == '#';
        end = strchrnul(line, '\n');
        while (*end && !is_comment && (backslash = find_backslash(line, end))) {
                char *more = end + 1;

                memset(backslash, ' ', (size_t) (more - backslash));
                end = strchrnul(more, '\n');
                lines->next_number++;
        }

        lines->rest = *end ? end + 1 : end;
        while (end > line && strchr(IMPORT_BLANKS, end[-1]))
                end--;
        *end = '\0';

        return line;
}

int import_paths_add(ImportPaths *paths, const char *path) {
        char *copy = strdup(path), **grown = reallocarray(paths->items, paths->n + 1, sizeof(*grown));

        if (grown)
                paths->items = grown;
        if (!copy || !grown) {
                free(copy);
                return -ENOMEM;
        }

        grown[paths->n++] = copy;
        return 0;
}

void import_paths_done(ImportPaths *paths) {
        for (size_t i = 0; i < paths->n; i++)
                free(paths->items[i]);
        free(paths->items);
        *paths = (ImportPaths){};
}

/* @root as a pattern that matches only itself, and @pattern behind it. */
static char *pattern_below(const char *root, const char *pattern) {
        char *text = malloc(2 * strlen(root) + strlen(pattern) + 1), *end = text;

        if (!text)
                return NULL;

        for (; *root; root++) {
                if (strchr("*?[]\\", *root))
                        *end++ = '\\';
                *end++ = *root;
        }

        (void) strcpy(end, pattern);
        return text;
}

int import_paths_glob(ImportPaths *paths, const char *root, const char *pattern) {
        char *below = pattern_below(root, pattern);
        glob_t found;
        int r;

        if (!below)
                return -ENOMEM;

        r = glob(below, 0, NULL, &found);
        free(below);
        if (r != 0)
                return r == GLOB_NOSPACE ? -ENOMEM : 0;

        for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
                r = import_paths_add(paths, found.gl_pathv[i] + strlen(root));

        globfree(&found);
        return r;
}

static void name_file(const ImportTap *tap, char name[static NAME_MAX + 1]) {
        (void) snprintf(name, NAME_MAX + 1, "%s.tap", tap->name);
}

typedef enum Presence {
        PRESENCE_NONE,
        PRESENCE_SAME,
        PRESENCE_OTHER,
} Presence;

/* What is there under a name. What cannot be read, whatever it is, is another file. */
static Presence look(int folder, const char *name, const char *text) {
        Presence presence = PRESENCE_OTHER;
        char *data;
        size_t size;
        int r;

        r = file_read(folder, name, TAP_FILE_MAX, &data, &size);
        if (r < 0)
                return r == -ENOENT ? PRESENCE_NONE : PRESENCE_OTHER;

        if (size == strlen(text) && memcmp(data, text, size) == 0)
                presence = PRESENCE_SAME;
        free(data);
        return presence;
}

/* Makes a folder that others may read, whatever the umask. */
static int make_folder(const char *path) {
        if (mkdir(path, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;

        return chmod(path, 0755) < 0 ? -errno : 0;
}

static int open_folder(const char *root, bool make, int *ret) {
        static const char *const steps[] = { "/etc", "/etc/tapd", IMPORT_FOLDER };
        char path[PATH_MAX];
        int fd, r;

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                if (snprintf(path, sizeof(path), "%s%s", root, steps[i]) >= (int) sizeof(path))
                        return -ENAMETOOLONG;
                r = make ? make_folder(path) : 0;
                if (r < 0)
                        return r;
        }

        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret = fd;
        return 0;
}

/* Whether nothing would be overwritten; reports each that would. */
static int check_all(const ImportPlan *plan, int folder) {
        ImportTap *tap, *next;
        int status = 0;

        HASH_ITER(hh, plan->taps, tap, next) {
                char name[NAME_MAX + 1], *text = import_tap_format(tap);

                if (!text)
                        return report_no_memory();

                name_file(tap, name);
                if (look(folder, name, text) == PRESENCE_OTHER) {
                        report(NULL, "%s/%s is there and says something else", IMPORT_FOLDER, name);
                        status = TAPCTL_EXIT_FAILED;
                }
                free(text);
        }

        if (status != 0)
                report_hint("nothing was written; --force overwrites.");
        return status;
}

static int write_tap(int folder, const ImportTap *tap) {
        char name[NAME_MAX + 1], *text = import_tap_format(tap);
        int r = 0;

        if (!text)
                return report_no_memory();

        name_file(tap, name);
        if (look(folder, name, text) == PRESENCE_SAME)
                report_note("%s/%s: already there", IMPORT_FOLDER, name);
        else {
                r = file_write(folder, name, 0644, text, strlen(text));
                if (r == 0)
                        report_note("%s/%s: written", IMPORT_FOLDER, name);
                else
                        report(NULL, "cannot write %s/%s: %s", IMPORT_FOLDER, name, strerror(-r));
        }

        free(text);
        return r < 0 ? TAPCTL_EXIT_FAILED : 0;
}

static int report_folder(int r) {
        report(NULL, "cannot write to %s: %s", IMPORT_FOLDER, strerror(-r));
        return TAPCTL_EXIT_FAILED;
}

int import_plan_write(const ImportPlan *plan, bool force) {
        ImportTap *tap, *next;
        int folder = -1, status = 0, r;

        r = open_folder(plan->root, /* make= */ false, &folder);
        if (r == 0 && !force)
                status = check_all(plan, folder);
        else if (r == -ENOENT)
                r = open_folder(plan->root, /* make= */ true, &folder);
        if (r < 0)
                return report_folder(r);

        HASH_ITER(hh, plan->taps, tap, next)
        if (status == 0)
                status = write_tap(folder, tap);

        (void) close(folder);
        return status;
}
