/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "id-names.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

static void list_done(IdName *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(list[i].name);
        free(list);
}

void id_names_done(IdNames *names) {
        list_done(names->users, names->n_users);
        list_done(names->groups, names->n_groups);
        *names = (IdNames){};
}

static char *number_text(uint32_t id) {
        char *text;

        return asprintf(&text, "%" PRIu32, id) < 0 ? NULL : text;
}

static char *user_text(uint32_t uid) {
        struct passwd *entry = getpwuid(uid);

        return entry ? strdup(entry->pw_name) : number_text(uid);
}

static char *group_text(uint32_t gid) {
        struct group *entry = getgrgid(gid);

        return entry ? strdup(entry->gr_name) : number_text(gid);
}

static const char *lookup(IdName **list, size_t *n, uint32_t id, char *(*text)(uint32_t)) {
        IdName *grown;

        if (id == TAPD_ID_UNSET)
                return "-";

        for (size_t i = 0; i < *n; i++)
                if ((*list)[i].id == id)
                        return (*list)[i].name;

        grown = reallocarray(*list, *n + 1, sizeof(**list));
        if (!grown)
                return NULL;
        *list = grown;

        grown[*n] = (IdName){ .id = id, .name = text(id) };
        return grown[*n].name ? grown[(*n)++].name : NULL;
}

const char *id_names_user(IdNames *names, uint32_t uid) {
        return lookup(&names->users, &names->n_users, uid, user_text);
}

const char *id_names_group(IdNames *names, uint32_t gid) {
        return lookup(&names->groups, &names->n_groups, gid, group_text);
}

/* A number that nobody has stays as it is. */
static const char *print_user(FILE *stream, const char *number) {
        uint64_t uid = strtoull(number, NULL, 10);
        struct passwd *entry = uid < TAPD_ID_UNSET ? getpwuid((uid_t) uid) : NULL;
        size_t length = strspn(number, "0123456789");

        if (entry)
                (void) fputs(entry->pw_name, stream);
        else
                (void) fprintf(stream, "uid %.*s", (int) length, number);

        return number + length;
}

char *id_names_in_message(const char *message) {
        size_t size;
        char *text = NULL;
        FILE *stream;

        stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;

        for (const char *p = message; *p;)
                if (strncmp(p, "uid ", 4) == 0 && p[4] >= '0' && p[4] <= '9' && (p == message || p[-1] == ' '))
                        p = print_user(stream, p + 4);
                else
                        (void) fputc(*p++, stream);

        if (fclose(stream) == 0)
                return text;

        free(text);
        return NULL;
}
