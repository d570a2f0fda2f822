/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "idlist.h"

#include <errno.h>
#include <stdlib.h>

#include "settings.h"
#include "text.h"
#include "words.h"

bool idlist_has(const IdList *list, uint32_t id) {
        for (size_t i = 0; i < list->n_ids; i++)
                if (list->ids[i] == id)
                        return true;

        return false;
}

static int idlist_add(IdList *list, uint32_t id) {
        uint32_t *grown = reallocarray(list->ids, list->n_ids + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;

        list->ids = grown;
        list->ids[list->n_ids++] = id;
        return 0;
}

void idlist_done(IdList *list) {
        free(list->ids);
        *list = (IdList){};
}

const char *idlist_explain(int r) {
        return r == -ESRCH ? "no such user or group" : "not the name or number of a user or group";
}

int idlist_read(const Complaints *complaints, const ConfLine *line, IdList *users, IdList *groups) {
        char **words, shown[TEXT_ESCAPED_SIZE];
        int r;

        r = words_split(line->value, &words);
        if (r < 0)
                return r;

        for (char **word = words; *word && r != -ENOMEM && r != -EINVAL; word++) {
                bool is_group = !users || **word == '@';
                uint32_t id;

                r = is_group ? parse_group(*word + (users ? 1 : 0), &id) : parse_user(*word, &id);
                if (r >= 0)
                        r = idlist_add(is_group ? groups : users, id);
                else
                        complain(complaints, line->number, "%s=: \"%s\", %s", line->key, text_escape(*word, shown),
                                 idlist_explain(r));
        }

        words_free(words);
        return r == -EINVAL || r == -ENOMEM ? r : 0;
}
