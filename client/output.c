/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "report.h"

static void columns_add(Columns *columns, FieldId id) {
        for (size_t i = 0; i < columns->n; i++)
                if (columns->ids[i] == id)
                        return;

        columns->ids[columns->n++] = id;
}

static void columns_add_default(Columns *columns) {
        static const FieldId ids[] = { FIELD_NAME,
                                       FIELD_STATE,
                                       FIELD_ADMINISTRATIVE_STATE,
                                       FIELD_OPERATIONAL_STATE,
                                       FIELD_QUEUES_ATTACHED,
                                       FIELD_CREATOR_UID,
                                       FIELD_USER,
                                       FIELD_SWITCH,
                                       FIELD_VLAN };

        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
                columns_add(columns, ids[i]);
}

static int columns_add_named(Columns *columns, const char *name, size_t length) {
        FieldId id = field_find_column(name, length);

        if (id == _FIELD_MAX) {
                report(NULL, "--output: no such column \"%.*s\"", (int) length, name);
                report_hint("\"tapctl list --output=help\" lists the columns.");
                return TAPCTL_EXIT_USAGE;
        }

        columns_add(columns, id);
        return 0;
}

int columns_parse(Columns *columns, const char *text) {
        *columns = (Columns){};

        if (!text || *text == '+')
                columns_add_default(columns);
        if (!text)
                return 0;
        if (*text == '+')
                text++;

        for (;;) {
                size_t length = strcspn(text, ",");
                int status = columns_add_named(columns, text, length);

                if (status != 0 || !text[length])
                        return status;
                text += length + 1;
        }
}

void columns_print_help(void) {
        for (FieldId id = 0; id < _FIELD_LISTED; id++)
                printf("%-12s %s\n", field_table[id].column, field_table[id].help);
}

bool output_has_colours(void) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

const char *output_colour(Colour colour, bool has_colours) {
        static const char *const sequences[] = {
                [COLOUR_NONE] = "",          [COLOUR_GOOD] = "\033[32m", [COLOUR_WARNING] = "\033[33m",
                [COLOUR_BAD] = "\033[1;31m", [COLOUR_OFF] = "\033[0m",
        };

        return has_colours ? sequences[colour] : "";
}

Colour output_state_colour(const char *state) {
        if (!state)
                return COLOUR_NONE;
        if (strcmp(state, "ready") == 0)
                return COLOUR_GOOD;
        if (strcmp(state, "leaving") == 0 || strcmp(state, "waiting") == 0 || strcmp(state, "drifted") == 0)
                return COLOUR_WARNING;

        return COLOUR_BAD;
}

static Colour cell_colour(const TapInfo *info, FieldId id) {
        if (id == FIELD_STATE)
                return output_state_colour(info->state);
        if (id == FIELD_OPERATIONAL_STATE && info->operational_state && strcmp(info->operational_state, "up") == 0)
                return COLOUR_GOOD;

        return COLOUR_NONE;
}

static bool form_is_number(FieldForm form) {
        return form == FIELD_FORM_SIGNED || form == FIELD_FORM_UNSIGNED || form == FIELD_FORM_LONG;
}

/* Only what tells nothing apart may be cut where the terminal is too narrow: never a name. */
static int column_flags(FieldId id) {
        if (form_is_number(field_table[id].form))
                return SCOLS_FL_RIGHT;

        return id == FIELD_DESCRIPTION ? SCOLS_FL_TRUNC : 0;
}

/* The text of a cell, to be freed. */
static int format_cell(const TapInfo *info, FieldId id, IdNames *names, char **ret) {
        char vlans[VLANS_SHOWN_SIZE];

        if (id != FIELD_VLAN)
                return tap_info_format(info, id, names, ret);

        tap_info_format_vlans(info, vlans);
        *ret = strdup(vlans);
        return *ret ? 0 : -ENOMEM;
}

static int add_columns(struct libscols_table *table, const Columns *columns) {
        for (size_t i = 0; i < columns->n; i++) {
                FieldId id = columns->ids[i];

                if (!scols_table_new_column(table, field_table[id].column, 0, column_flags(id)))
                        return -ENOMEM;
        }

        return 0;
}

static int add_line(struct libscols_table *table, const TapInfo *info, const Columns *columns, IdNames *names,
                    bool has_colours) {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        if (!line)
                return -ENOMEM;

        for (size_t i = 0; i < columns->n; i++) {
                FieldId id = columns->ids[i];
                Colour colour = has_colours ? cell_colour(info, id) : COLOUR_NONE;
                char *text = NULL;
                int r;

                r = format_cell(info, id, names, &text);
                if (r >= 0)
                        r = scols_line_refer_data(line, i, text);
                if (r < 0) {
                        free(text);
                        return r;
                }

                if (colour != COLOUR_NONE)
                        scols_cell_set_color(scols_line_get_cell(line, i), output_colour(colour, true));
        }

        return 0;
}

static int fill_table(struct libscols_table *table, const TapInfo *taps, size_t n, const Columns *columns,
                      bool headings) {
        bool has_colours = output_has_colours();
        IdNames names = {};
        int r;

        scols_table_enable_colors(table, has_colours);
        scols_table_enable_noheadings(table, !headings);
        scols_table_enable_minout(table, 1);
        /* Cells are escaped already; it would escape the escapes. */
        scols_table_enable_noencoding(table, 1);

        r = add_columns(table, columns);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = add_line(table, &taps[i], columns, &names, has_colours);

        id_names_done(&names);
        return r;
}

int output_table(const TapInfo *taps, size_t n, const Columns *columns, bool headings) {
        struct libscols_table *table = scols_new_table();
        int r = -ENOMEM;

        if (table)
                r = fill_table(table, taps, n, columns, headings);
        if (r >= 0)
                r = scols_print_table(table);

        scols_unref_table(table);
        if (r >= 0)
                return 0;

        report(NULL, "cannot print the table: %s", strerror(-r));
        return TAPCTL_EXIT_FAILED;
}

int output_finish(int status) {
        int error = 0;

        if (ferror(stdout))
                error = EIO;
        if (fclose(stdout) != 0)
                error = errno;
        if (error == 0)
                return status;

        if (error != EPIPE)
                report(NULL, "cannot write to standard output: %s", strerror(error));
        return status != 0 ? status : TAPCTL_EXIT_FAILED;
}
