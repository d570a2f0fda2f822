/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "conffile.h"
#include "scratch.h"

/* conffile_parse() takes its text over: a copy, with nothing readable behind its NUL. */
static int parse(ConfFile *file, const char *text, size_t size, unsigned *ret_line) {
        char *copy = malloc(size + 1);

        g_assert_nonnull(copy);
        memcpy(copy, text, size);
        copy[size] = '\0';
        return conffile_parse(file, copy, size, ret_line);
}

/* Appends @text with each run of blanks as one: how many a continuation leaves is nobody's business. */
static void append_squeezed(GString *string, const char *text) {
        for (const char *p = text; *p; p++)
                if (*p != ' ' || p[1] != ' ')
                        g_string_append_c(string, *p);
}

static void append_line(GString *string, const ConfLine *line) {
        g_string_append_printf(string, "%s%u", string->len > 0 ? "; " : "", line->number);

        switch (line->type) {
        case CONF_SECTION:
                g_string_append_printf(string, " [%s]", line->section);
                break;
        case CONF_ASSIGNMENT:
                g_string_append_printf(string, " %s.%s=", line->section, line->key);
                append_squeezed(string, line->value);
                break;
        case CONF_STRAY:
                g_string_append(string, " stray");
                g_assert_cmpuint(strlen(line->value), >, 0);
                break;
        }

        if (line->is_repeated)
                g_string_append(string, " again");
}

/* What was read, in one line. */
static char *describe(const ConfFile *file) {
        GString *string = g_string_new(NULL);

        for (size_t i = 0; i < file->n_lines; i++)
                append_line(string, &file->lines[i]);

        return g_string_free(string, FALSE);
}

typedef struct ParseCase {
        const char *label, *text, *expected;
} ParseCase;

static const ParseCase parse_cases[] = {
        { "empty", "", "" },
        { "empty-lines", "\n\n\n", "" },
        { "section", "[A]\n", "1 [A]" },
        { "section-with-blank", "[Grant lab]\n", "1 [Grant lab]" },
        { "assignment", "[A]\nk=v\n", "1 [A]; 2 A.k=v" },
        { "before-a-section", "k=v\n[A]\n", "1 .k=v; 2 [A]" },
        { "blanks-around-equals", "[A]\nk =\t v w\n", "1 [A]; 2 A.k=v w" },
        { "no-value", "[A]\nk=\n", "1 [A]; 2 A.k=" },
        { "equals-in-value", "[A]\nk=a=b==c\n", "1 [A]; 2 A.k=a=b==c" },
        { "quotes-stay", "[A]\nk=\"a b\" 'c'\n", "1 [A]; 2 A.k=\"a b\" 'c'" },
        { "two-sections", "[A]\nk=1\n[B]\nk=2\n", "1 [A]; 2 A.k=1; 3 [B]; 4 B.k=2" },
        { "case-counts", "[A]\nk=1\nK=2\n", "1 [A]; 2 A.k=1; 3 A.K=2" },

        { "comments", "# a\n; b\n#\n;\n[A]\n#k=v\nk=v\n", "5 [A]; 7 A.k=v" },
        { "no-comment-behind", "[A]\nk=v # w\nl=a;b\n", "1 [A]; 2 A.k=v # w; 3 A.l=a;b" },

        { "no-final-newline", "[A]\nk=v", "1 [A]; 2 A.k=v" },
        { "no-final-newline-section", "[A]", "1 [A]" },
        { "no-final-newline-comment", "[A]\n# b", "1 [A]" },
        { "crlf", "[A]\r\nk=v w\r\n\r\n# c\r\n", "1 [A]; 2 A.k=v w" },
        { "byte-order-mark", "\xef\xbb\xbf[A]\nk=v\n", "1 [A]; 2 A.k=v" },
        { "byte-order-mark-comment", "\xef\xbb\xbf# b\n[A]\n", "2 [A]" },
        { "byte-order-mark-alone", "\xef\xbb\xbf", "" },

        { "stray", "[A]\nhello\nk=v\n", "1 [A]; 2 stray; 3 A.k=v" },
        { "stray-no-final-newline", "[A]\nk=v\nhello", "1 [A]; 2 A.k=v; 3 stray" },
        { "stray-no-key", "[A]\n=v\n", "1 [A]; 2 stray" },
        { "stray-equals", "=", "1 stray" },
        { "stray-twice", "[A]\nhello\nhello\n", "1 [A]; 2 stray; 3 stray" },

        { "key-again", "[A]\nk=1\nk=2\n", "1 [A]; 2 A.k=1; 3 A.k=2 again" },
        { "key-three-times", "[A]\nk=\nk=\nk=\n", "1 [A]; 2 A.k=; 3 A.k= again; 4 A.k= again" },
        { "key-in-two-sections", "[A]\nk=1\n[B]\nk=1\n", "1 [A]; 2 A.k=1; 3 [B]; 4 B.k=1" },
        { "section-again", "[A]\nk=1\n[A]\nl=2\n", "1 [A]; 2 A.k=1; 3 [A] again; 4 A.l=2" },
        { "key-in-section-again", "[A]\nk=1\n[B]\n[A]\nk=2\n", "1 [A]; 2 A.k=1; 3 [B]; 4 [A] again; 5 A.k=2 again" },
        { "key-like-section", "[A]\nA=1\n[k]\nk=1\n", "1 [A]; 2 A.A=1; 3 [k]; 4 k.k=1" },
        { "key-runs-into-section", "[A]\nBk=1\n[AB]\nk=1\n", "1 [A]; 2 A.Bk=1; 3 [AB]; 4 AB.k=1" },

        { "continued", "[A]\nk=a \\\n   b\nl=c\n", "1 [A]; 2 A.k=a b; 4 A.l=c" },
        { "continued-replaced-by-blank", "[A]\nk=a\\\nb\n", "1 [A]; 2 A.k=a b" },
        { "continued-twice", "[A]\nk=a\\\nb\\\nc\nl=d\n", "1 [A]; 2 A.k=a b c; 5 A.l=d" },
        { "continued-crlf", "[A]\r\nk=a\\\r\nb\r\nl=c\r\n", "1 [A]; 2 A.k=a b; 4 A.l=c" },
        { "continued-like-assignment", "[A]\nk=a\\\nl=b\n", "1 [A]; 2 A.k=a l=b" },
        { "continued-like-section", "[A]\nk=a\\\n[B]\nl=c\n", "1 [A]; 2 A.k=a [B]; 4 A.l=c" },
        { "continued-by-nothing", "[A]\nk=a\\\n\nl=b\n", "1 [A]; 2 A.k=a; 4 A.l=b" },
        { "continued-at-the-end", "[A]\nk=a\\\n", "1 [A]; 2 A.k=a" },
        { "backslash-inside", "[A]\nk=a\\b\n", "1 [A]; 2 A.k=a\\b" },
        { "comment-is-not-continued", "[A]\n# b \\\nk=v\n", "1 [A]; 3 A.k=v" },
        { "comment-in-continuation", "[A]\nk=a\\\n# b\nc\nl=d\n", "1 [A]; 2 A.k=a c; 5 A.l=d" },
        { "comments-in-continuation", "[A]\nk=a\\\n# b\n; c\nd\n", "1 [A]; 2 A.k=a d" },
        { "comment-with-backslash-in-continuation", "[A]\nk=a\\\n# b\\\nc\nl=d\n", "1 [A]; 2 A.k=a c; 5 A.l=d" },
        { "comment-ends-continuation", "[A]\nk=a\\\n# b\n", "1 [A]; 2 A.k=a" },
};

static void test_parse(const void *data) {
        const ParseCase *row = data;
        ConfFile file;
        unsigned line;

        g_assert_cmpint(parse(&file, row->text, strlen(row->text), &line), ==, 0);
        {
                g_autofree char *shown = describe(&file);

                g_assert_cmpstr(shown, ==, row->expected);
        }
        conffile_done(&file);
}

/* The examples of systemd.syntax(7). */
static void test_manual(void) {
        static const char text[] = "[Section A]\n"
                                   "KeyOne=value 1\n"
                                   "KeyTwo=value 2\n"
                                   "\n"
                                   "# a comment\n"
                                   "\n"
                                   "[Section B]\n"
                                   "Setting=\"something\" \"some thing\" \"...\"\n"
                                   "KeyTwo=value 2 \\\n"
                                   "       value 2 continued\n"
                                   "\n"
                                   "[Section C]\n"
                                   "KeyThree=value 3\\\n"
                                   "# this line is ignored\n"
                                   "; this line is ignored too\n"
                                   "       value 3 continued\n";
        const ParseCase row = { .text = text,
                                .expected = "1 [Section A]; 2 Section A.KeyOne=value 1; 3 Section A.KeyTwo=value 2; "
                                            "7 [Section B]; "
                                            "8 Section B.Setting=\"something\" \"some thing\" \"...\"; "
                                            "9 Section B.KeyTwo=value 2 value 2 continued; 12 [Section C]; "
                                            "13 Section C.KeyThree=value 3 value 3 continued" };

        test_parse(&row);
}

/* Keys below a section that cannot be read belong to none, least of all to the one before. */
static void test_unterminated(void) {
        static const char *const texts[] = { "[A]\n[B\nk=v\n", "[A]\n[\nk=v\n", "[A]\n[B] # c\nk=v\n",
                                             "[A]\n[B]x\nk=v\n" };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                ConfFile file;
                unsigned line;

                g_assert_cmpint(parse(&file, texts[i], strlen(texts[i]), &line), ==, 0);
                g_assert_cmpuint(file.n_lines, ==, 3);
                g_assert_cmpint(file.lines[1].type, ==, CONF_STRAY);
                g_assert_cmpuint(file.lines[1].number, ==, 2);
                g_assert_cmpstr(file.lines[2].section, !=, "A");
                g_assert_cmpstr(file.lines[2].section, !=, "B");
                conffile_done(&file);
        }
}

typedef struct BytesCase {
        const char *text;
        size_t size;
        unsigned line;
} BytesCase;

#define BYTES(text) (text), sizeof(text) - 1

/* A NUL: somewhere something else would read another file than this one. */
static void test_nul(void) {
        static const BytesCase cases[] = {
                { BYTES("\0"), 1 },
                { BYTES("[A]\nk=v\0\n"), 2 },
                { BYTES("[A]\nk=v\n\0"), 3 },
                { BYTES("[A]\0\nk=v\n"), 1 },
                { BYTES("[A]\n# comment\0\nk=v\n"), 2 },
                { BYTES("[A]\nk=v\nl=\0"), 3 },
                { BYTES("\xef\xbb\xbf\0"), 1 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                unsigned line = 0;
                ConfFile file;

                g_assert_cmpint(parse(&file, cases[i].text, cases[i].size, &line), ==, -EBADMSG);
                g_assert_cmpuint(line, ==, cases[i].line);
                conffile_done(&file);
        }
}

/* A line of @length bytes behind two short ones. */
static int parse_long(const char *start, size_t length, const char *end, unsigned *line) {
        g_autofree char *filling = repeat("x", length - strlen(start));
        g_autofree char *text = g_strconcat("[A]\nk=v\n", start, filling, end, NULL);
        ConfFile file;
        int r = parse(&file, text, strlen(text), line);

        conffile_done(&file);
        return r;
}

static void test_long_line(void) {
        static const char *const starts[] = { "", "l=", "# ", "[" }, *const ends[] = { "", "\n", "\nm=v\n" };

        for (size_t i = 0; i < G_N_ELEMENTS(starts); i++)
                for (size_t k = 0; k < G_N_ELEMENTS(ends); k++) {
                        unsigned line = 0;

                        g_assert_cmpint(parse_long(starts[i], CONF_LINE_MAX, ends[k], &line), ==, 0);
                        g_assert_cmpint(parse_long(starts[i], CONF_LINE_MAX + 1, ends[k], &line), ==, -EBADMSG);
                        g_assert_cmpuint(line, ==, 3);
                        g_assert_cmpint(parse_long(starts[i], 1000000, ends[k], &line), ==, -EBADMSG);
                        g_assert_cmpuint(line, ==, 3);
                }
}

/* Whatever a file is cut at, its beginning reads as before. */
static void test_cut(void) {
        static const char text[] = "\xef\xbb\xbf[A]\r\nk=v\\\n w\n#\nstray\n[B\nk=w\n[A]\nk=v\n\\\n\\";

        for (size_t size = 0; size < sizeof(text); size++) {
                ConfFile file;
                unsigned line;

                g_assert_cmpint(parse(&file, text, size, &line), ==, 0);
                for (size_t i = 0; i < file.n_lines; i++) {
                        g_assert_cmpuint(file.lines[i].number, >=, i + 1);
                        g_assert_nonnull(file.lines[i].section);
                }
                conffile_done(&file);
        }
}

/* Any bytes: a defined answer, and lines in their order. */
static void test_garbage(void) {
        static const char alphabet[] = "[]=\\\n\n\r#; \tab\xef\xbb\xbf\xff";
        GRand *random = g_rand_new_with_seed(252);

        for (unsigned i = 0; i < 20000; i++) {
                char text[48];
                unsigned line, before = 0;
                ConfFile file;

                for (size_t k = 0; k < sizeof(text); k++)
                        text[k] = alphabet[g_rand_int_range(random, 0, sizeof(alphabet))]; /* its NUL, too */
                if (parse(&file, text, sizeof(text), &line) == 0)
                        g_assert_null(memchr(text, '\0', sizeof(text)));
                for (size_t k = 0; k < file.n_lines; before = file.lines[k++].number)
                        g_assert_cmpuint(file.lines[k].number, >, before);
                conffile_done(&file);
        }

        g_rand_free(random);
}

typedef struct ManyCase {
        const char *label, *start, *end; /* around the number of the line; end NULL: without number */
        unsigned n_lines;
        bool is_told; /* a line of the file is one of the result */
} ManyCase;

static const ManyCase many_cases[] = {
        { "empty", "\n", NULL, 100000, false },
        { "blank", " \n", NULL, 100000, false },
        { "comments", "# ", "\n", 100000, false },
        { "comments-continued", "#", "\\\n", 100000, false },
        { "keys", "k", "=\n", 100000, true },
        { "same-key", "k=", "\n", 100000, true },
        { "sections", "[s", "]\n", 100000, true },
        { "stray", "x", "\n", 100000, true },
        { "continued", "\\\n", "", 100000, false },
        { "continued-nothing", "\\\n", NULL, 50000, false },
        { "continued-comments", "\\\n#", "\n", 50000, false },
};

/* A reader that is quadratic anywhere takes seconds for one of these, a good one some milliseconds. */
static void test_many(const void *data) {
        const ManyCase *row = data;
        GString *text = g_string_new(NULL);
        gint64 begun;
        ConfFile file;
        unsigned line;
        int r;

        for (unsigned i = 0; i < row->n_lines; i++)
                if (row->end)
                        g_string_append_printf(text, "%s%u%s", row->start, i, row->end);
                else
                        g_string_append(text, row->start);

        begun = g_get_monotonic_time();
        r = parse(&file, text->str, text->len, &line);
        g_assert_cmpint(g_get_monotonic_time() - begun, <, G_USEC_PER_SEC);

        if (r == 0)
                g_assert_cmpuint(file.n_lines, ==, row->is_told ? row->n_lines : 0);
        else
                g_assert_true(r == -EBADMSG && strchr(row->start, '\\')); /* lines that are one may be too long */

        conffile_done(&file);
        g_string_free(text, TRUE);
}

typedef struct SizeCase {
        size_t size;
        int r;
} SizeCase;

static void test_read(void) {
        static const SizeCase cases[] = { { CONF_FILE_MAX, 0 }, { CONF_FILE_MAX + 1, -EFBIG }, { 0, -ENODATA } };
        g_autofree char *text = repeat("\n", CONF_FILE_MAX + 1);
        Scratch *scratch = scratch_enter();
        ConfFile file;
        unsigned line;

        if (!scratch)
                return;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                put_bytes("/etc/a.conf", text, cases[i].size);
                g_assert_cmpint(conffile_read(&file, "/etc/a.conf", false, &line), ==, cases[i].r);
                conffile_done(&file);
        }

        put_text("/etc/a.conf", "[A]\nk=v\n");
        g_assert_cmpint(conffile_read(&file, "/etc/a.conf", false, &line), ==, 0);
        g_assert_cmpuint(file.n_lines, ==, 2);
        conffile_done(&file);

        g_assert_cmpint(conffile_read(&file, "/etc/absent.conf", false, &line), ==, -ENOENT);
        conffile_done(&file);
        scratch_free(scratch);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_set_nonfatal_assertions();

        for (size_t i = 0; i < G_N_ELEMENTS(parse_cases); i++) {
                g_autofree char *path = g_strconcat("/conffile/parse/", parse_cases[i].label, NULL);

                g_test_add_data_func(path, &parse_cases[i], test_parse);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(many_cases); i++) {
                g_autofree char *path = g_strconcat("/conffile/many/", many_cases[i].label, NULL);

                g_test_add_data_func(path, &many_cases[i], test_many);
        }
        g_test_add_func("/conffile/manual", test_manual);
        g_test_add_func("/conffile/unterminated", test_unterminated);
        g_test_add_func("/conffile/nul", test_nul);
        g_test_add_func("/conffile/long-line", test_long_line);
        g_test_add_func("/conffile/cut", test_cut);
        g_test_add_func("/conffile/garbage", test_garbage);
        g_test_add_func("/conffile/read", test_read);

        return g_test_run();
}
