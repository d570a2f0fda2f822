/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "report.h"
#include "text.h"

/* What getopt_long(3) returns for a long option: its index in option_table or settings_table plus one of these. */
#define CODE_OPTION 0x100
#define CODE_SETTING 0x200

typedef struct Option {
        OptionFlag flag;
        char letter;
        const char *name;
        const char *argument; /* NULL: takes none */
        size_t offset;        /* in Options, of where the argument goes; that of from: once more for each */
        const char *help;
} Option;

static const Option option_table[] = {
        { OPTION_USER, 0, "user", "USER", offsetof(Options, settings[SETTING_USER]),
          "Only TAPs that this user created" },
        { OPTION_MINE, 0, "mine", NULL, 0, "Only TAPs that you created" },
        { OPTION_IDLE, 0, "idle", "TIME", offsetof(Options, idle), "Only TAPs that no program had open for so long" },
        { OPTION_QUEUES, 0, "queues", "NUMBER", offsetof(Options, queues), "Hand over so many queues, 1 to 256" },
        { OPTION_FOR_UNIT, 0, "for-unit", NULL, 0, "As tap@.service does it for a unit" },
        { OPTION_RECREATE, 0, "recreate", NULL, 0, "Make anew what cannot change while it lives" },
        { OPTION_ROOT, 0, "root", "PATH", offsetof(Options, root), "Read the configuration below PATH" },
        { OPTION_JSON, 0, "json", NULL, 0, "Print JSON" },
        { OPTION_OUTPUT, 'o', "output", "COLUMN,...", offsetof(Options, columns),
          "Columns to show; \"help\" lists them, +COLUMN adds one" },
        { OPTION_NO_HEADINGS, 'n', "noheadings", NULL, 0, "Do not print the line of headings" },
        { OPTION_FROM, 0, "from", "FILE", offsetof(Options, from), "Read only this file; may be given several times" },
        { OPTION_ROOT, 0, "root", "FOLDER", offsetof(Options, root), "Look for everything else below this folder" },
        { OPTION_WRITE, 0, "write", NULL, 0, "Write the files" },
        { OPTION_FORCE, 0, "force", NULL, 0, "Even where it is open, or a file differs" },
        { OPTION_NO_ASK_PASSWORD, 0, "no-ask-password", NULL, 0, "Do not ask for a password" },
        { OPTION_HELP, 'h', "help", NULL, 0, "Show this help" },
        { OPTION_VERSION, 0, "version", NULL, 0, "Show the version" },
};

#define N_OPTIONS (sizeof(option_table) / sizeof(option_table[0]))

static unsigned setting_flag(size_t i) {
        switch (i) {
        case SETTING_USER:
                return OPTION_USER;
        case SETTING_GROUP:
        case SETTING_SHARED:
                return OPTION_ACCESS;
        case SETTING_SWITCH:
                return OPTION_SWITCH;
        default:
                return i < SETTING_PORT_FIRST ? OPTION_SETTINGS : OPTION_PORT;
        }
}

static void fill_long_options(struct option *list) {
        for (size_t i = 0; i < N_OPTIONS; i++)
                list[i] = (struct option){
                        .name = option_table[i].name,
                        .has_arg = option_table[i].argument ? required_argument : no_argument,
                        .val = CODE_OPTION + (int) i,
                };

        list += N_OPTIONS;
        for (size_t i = 0; i < _SETTING_MAX; i++)
                /* --user is there already. */
                if (i != SETTING_USER)
                        *list++ = (struct option){
                                .name = settings_table[i].option,
                                .has_arg = settings_table[i].form == SETTING_FORM_BOOL ? optional_argument
                                                                                       : required_argument,
                                .val = CODE_SETTING + (int) i,
                        };

        *list = (struct option){};
}

static const Option *option_find(int code) {
        if (code >= CODE_OPTION && code < CODE_SETTING)
                return &option_table[code - CODE_OPTION];

        for (size_t i = 0; i < N_OPTIONS; i++)
                if (option_table[i].letter && option_table[i].letter == code)
                        return &option_table[i];

        return NULL;
}

static int take_setting(Options *options, size_t i, const char *text) {
        if (options->settings[i]) {
                report(NULL, "--%s is given twice", settings_table[i].option);
                return TAPCTL_EXIT_USAGE;
        }

        options->given |= setting_flag(i);
        options->settings[i] = text ? text : "yes";
        return 0;
}

static int take_option(Options *options, const Option *option, const char *text) {
        if (option->flag == OPTION_FROM) {
                options->from[options->n_from++] = text;
        } else if (option->argument) {
                const char **place = (const char **) ((char *) options + option->offset);

                if (*place) {
                        report(NULL, "--%s is given twice", option->name);
                        return TAPCTL_EXIT_USAGE;
                }
                *place = text;
        }

        options->given |= option->flag;
        return 0;
}

static const char *nearest_option(const char *word) {
        const char *nearest = NULL;
        unsigned distance = UINT_MAX;

        for (size_t i = 0; i < N_OPTIONS + _SETTING_MAX; i++) {
                const char *name = i < N_OPTIONS ? option_table[i].name : settings_table[i - N_OPTIONS].option;

                if (text_is_nearer(word, name, &distance))
                        nearest = name;
        }

        return nearest;
}

static int report_unknown(const char *text) {
        const char *nearest = NULL, *dashes = strncmp(text, "--", 2) == 0 ? text + 2 : NULL;
        char word[32];

        report(NULL, "unknown option \"%s\"", text);
        if (dashes) {
                snprintf(word, sizeof(word), "%.*s", (int) strcspn(dashes, "="), dashes);
                nearest = nearest_option(word);
        }
        if (!nearest)
                return report_usage(NULL);

        report_hint("did you mean \"--%s\"?", nearest);
        return TAPCTL_EXIT_USAGE;
}

/* @code is what getopt_long(3) left in optopt, @text the word of the command line it stopped at. */
static int report_mistake(int mistake, int code, const char *text) {
        const Option *option = option_find(code);
        char letter[] = { '-', (char) code, 0 };

        if (mistake == ':') {
                report(NULL, "--%s needs an argument",
                       option ? option->name : settings_table[code - CODE_SETTING].option);
                return report_usage(NULL);
        }

        if (option) {
                report(NULL, "--%s takes no argument", option->name);
                return report_usage(NULL);
        }

        /* Only a short option has a code; @text may then be the word before it. */
        return report_unknown(code == 0 ? text : letter);
}

static int take_code(Options *options, int code, char **argv) {
        if (code == 1) {
                options->arguments[options->n_arguments++] = optarg;
                return 0;
        }

        if (code == '?' || code == ':')
                return report_mistake(code, optopt, argv[optind - 1]);
        if (code >= CODE_SETTING)
                return take_setting(options, (size_t) (code - CODE_SETTING), optarg);

        return take_option(options, option_find(code), optarg);
}

int options_parse(Options *options, int argc, char **argv) {
        struct option list[N_OPTIONS + _SETTING_MAX + 1];
        int code;

        *options = (Options){};
        options->arguments = calloc((size_t) argc + 1, sizeof(*options->arguments));
        options->from = calloc((size_t) argc + 1, sizeof(*options->from));
        if (!options->arguments || !options->from)
                return report_no_memory();

        fill_long_options(list);
        opterr = 0;
        /* "-": arguments come in order as code 1, whatever POSIXLY_CORRECT says; ":": a missing argument is ':'. */
        while ((code = getopt_long(argc, argv, "-:hno:", list, NULL)) >= 0) {
                int status = take_code(options, code, argv);

                if (status != 0)
                        return status;
        }

        /* With "-" nothing but "--" ends the options. */
        options->n_before_dashes = options->n_arguments;
        while (optind < argc)
                options->arguments[options->n_arguments++] = argv[optind++];

        return 0;
}

void options_done(Options *options) {
        free(options->arguments);
        free(options->from);
        *options = (Options){};
}

int options_check(const Options *options, unsigned accepted, const char *verb) {
        unsigned excess = options->given & ~accepted;
        const char *name = NULL;

        if (excess == 0)
                return 0;

        for (size_t i = 0; i < N_OPTIONS && !name; i++)
                if (excess & option_table[i].flag)
                        name = option_table[i].name;
        for (size_t i = 0; i < _SETTING_MAX && !name; i++)
                if (options->settings[i] && excess & setting_flag(i))
                        name = settings_table[i].option;

        report(NULL, "\"%s\" takes no option --%s", verb, name);
        if (!(excess & OPTIONS_PLUGGED))
                return report_usage(verb);

        report_hint("\"tapctl plug TAP... SWITCH\" plugs TAPs into a switch.");
        return TAPCTL_EXIT_USAGE;
}

static void print_option(char letter, const char *name, const char *opening, const char *argument, const char *closing,
                         const char *help) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s%s", name, opening, argument, closing);
        printf(" %c%c %-23s %s\n", letter ? '-' : ' ', letter ? letter : ' ', left, help);
}

static void print_settings(size_t first, size_t end, unsigned flags) {
        for (size_t i = first; i < end; i++) {
                const Setting *setting = &settings_table[i];
                bool optional = setting->form == SETTING_FORM_BOOL;

                if (flags & setting_flag(i))
                        print_option(0, setting->option, optional ? "[=" : "=", setting->argument, optional ? "]" : "",
                                     setting->help);
        }
}

void options_print(unsigned flags) {
        if (flags & OPTION_SETTINGS)
                print_settings(0, SETTING_PORT_FIRST, flags);
        if (flags & OPTION_PORT && !(flags & OPTION_SWITCH))
                print_settings(SETTING_PORT_FIRST, _SETTING_MAX, flags);

        for (size_t i = 0; i < N_OPTIONS; i++) {
                const Option *option = &option_table[i];

                /* Where it is a setting it has been printed as one. */
                if (flags & option->flag && !(option->flag == OPTION_USER && flags & OPTION_SETTINGS))
                        print_option(option->letter, option->name, option->argument ? "=" : "",
                                     option->argument ? option->argument : "", "", option->help);
        }

        if (flags & OPTION_SWITCH) {
                puts("\nWhere it is plugged in:");
                print_settings(SETTING_PORT_FIRST, _SETTING_MAX, flags);
        }
}
