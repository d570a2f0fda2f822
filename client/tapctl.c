/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "errors.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "streams.h"
#include "text.h"
#include "verbs.h"

typedef struct Verb {
        const char *name;
        int (*run)(const Options *options); /* NULL: main does it */
        size_t min, max;                    /* arguments */
        unsigned options;                   /* those of its own */
        const char *arguments;
        const char *summary;
        const char *help;
} Verb;

static const Verb verb_table[] = {
        { "list", verb_list, 0, SIZE_MAX, OPTION_JSON | OPTION_OUTPUT | OPTION_NO_HEADINGS | OPTIONS_FILTERS,
          "[NAME|PATTERN...]", "List TAPs (the default)",
          "Lists the TAPs of tapd: all, or those that have one of the names or match one of the shell patterns." },
        { "status", verb_status, 0, SIZE_MAX, OPTION_JSON, "[NAME...]", "Show all about TAPs, or about tapd itself",
          "Shows all that is known about TAPs; without a name, how tapd itself is." },
        { "create", verb_create, 0, SIZE_MAX, OPTIONS_SETTINGS | OPTIONS_PLUGGED | OPTION_FOR_UNIT, "[NAME...]",
          "Create TAPs",
          "Creates TAPs, all that are named or none, and prints their names. Without a name the lowest free one of "
          "tap0, tap1, ... is taken." },
        { "delete", verb_delete, 0, SIZE_MAX, OPTION_FORCE | OPTION_FOR_UNIT | OPTIONS_FILTERS, "NAME|PATTERN...",
          "Delete TAPs",
          "Deletes TAPs: all that are named or match one of the shell patterns, or none of them where one cannot be "
          "deleted. With --mine, --user or --idle only those of them; without a name, all of those." },
        { "up", verb_up, 1, SIZE_MAX, 0, "NAME...", "Bring TAPs up", "Brings TAPs up." },
        { "down", verb_down, 1, SIZE_MAX, 0, "NAME...", "Take TAPs down", "Takes TAPs down." },
        { "set", verb_set, 1, SIZE_MAX, OPTIONS_SETTINGS, "NAME...", "Change settings of TAPs",
          "Changes settings of TAPs that exist." },
        { "plug", verb_plug, 1, SIZE_MAX, OPTION_PORT, "TAP... SWITCH", "Plug TAPs into a switch",
          "Makes TAPs ports of a switch, a Linux bridge or one of Open vSwitch; the last name is the switch's. One "
          "that "
          "is plugged in already is plugged anew: it moves, or its VLANs change while it runs. What is not given is "
          "not "
          "kept." },
        { "unplug", verb_unplug, 1, SIZE_MAX, 0, "NAME...", "Take TAPs off their switches",
          "Takes TAPs off their switches. One that is on none stays as it is." },
        { "run", verb_run, 0, SIZE_MAX, OPTION_SETTINGS | OPTIONS_PLUGGED | OPTION_QUEUES, "[NAME] -- COMMAND...",
          "Run a command with a TAP of its own",
          "Creates a TAP that lives as long as a queue of it is open and runs COMMAND with its queues as open "
          "descriptors. In its arguments {name} becomes the TAP's name, {fds} the numbers of the descriptors "
          "(3:4:...), "
          "{fd} that of the only one, and {mac} the address for the guest." },
        { "declare", verb_declare, 1, SIZE_MAX, OPTIONS_SETTINGS | OPTIONS_PLUGGED, "NAME...",
          "Declare TAPs: they are there always",
          "Declares TAPs: they are there whenever tapd runs, also after a reboot. One that is declared already gets "
          "the "
          "new settings; one that was created before is taken over." },
        { "undeclare", verb_undeclare, 1, SIZE_MAX, 0, "NAME...", "Take declarations back",
          "Takes back what \"tapctl declare\" declared. The TAPs are deleted, those that a program has open when it "
          "closes them." },
        { "adopt", verb_adopt, 1, SIZE_MAX, 0, "NAME...", "Take over TAPs that others made",
          "Takes over TAPs that somebody else made, with \"ip tuntap add\" for one. Programs that have them open go "
          "on." },
        { "reload", verb_reload, 0, 0, OPTION_RECREATE, "", "Read the configuration again",
          "Has tapd read its configuration again, and returns when it is done. Declared TAPs that are not as their "
          "file "
          "says are named with the reason." },
        { "verify", verb_verify, 0, SIZE_MAX, OPTION_ROOT, "[FILE...]", "Look for mistakes in the configuration",
          "Reads the configuration, or these files, as tapd would, and says what is wrong there." },
        { "cat", verb_cat, 1, SIZE_MAX, OPTION_ROOT, "NAME...", "Show what declares a TAP",
          "Shows the files that declare a TAP. NAME is a TAP's or that of a .tap file." },
        { "monitor", verb_monitor, 0, SIZE_MAX, OPTION_JSON, "[NAME|PATTERN...]", "Show what happens to TAPs",
          "Shows what happens to TAPs, a line each, until it is interrupted." },
        { "import", verb_import, 0, 0, OPTION_FROM | OPTION_ROOT | OPTION_WRITE | OPTION_FORCE, "",
          "Turn what makes TAPs today into .tap files",
          "Reads what makes TAPs on this host today: interfaces(5), systemd.netdev(5), devices that are there; and "
          "who "
          "may do that with sudo. Prints .tap files that say the same, and what they cannot say. Nothing is changed "
          "without --write, and none of the files that were read ever." },
        { "help", NULL, 0, 1, 0, "[COMMAND]", "Show help", "Shows help, about a command where one is named." },
};

#define N_VERBS (sizeof(verb_table) / sizeof(verb_table[0]))

static const Verb *verb_find(const char *name) {
        if (strcmp(name, "ls") == 0)
                name = "list";

        for (size_t i = 0; i < N_VERBS; i++)
                if (strcmp(verb_table[i].name, name) == 0)
                        return &verb_table[i];

        return NULL;
}

static int report_unknown_verb(const char *word) {
        const char *nearest = NULL;
        unsigned distance = UINT_MAX;

        for (size_t i = 0; i < N_VERBS; i++)
                if (text_is_nearer(word, verb_table[i].name, &distance))
                        nearest = verb_table[i].name;

        report(NULL, "unknown command \"%s\"", word);
        if (!nearest)
                return report_usage(NULL);

        report_hint("did you mean \"tapctl %s\"?", nearest);
        return TAPCTL_EXIT_USAGE;
}

static void print_help(void) {
        printf("Usage: tapctl [OPTION...] [COMMAND [NAME...]]\n"
               "\n"
               "Create, list and delete TAP network interfaces.\n"
               "\n"
               "Commands:\n");
        for (size_t i = 0; i < N_VERBS; i++)
                printf("  %-9s %-20s %s\n", verb_table[i].name, verb_table[i].arguments, verb_table[i].summary);

        printf("\n"
               "Options:\n");
        options_print(OPTIONS_GLOBAL | OPTION_JSON | OPTION_OUTPUT | OPTION_NO_HEADINGS);
        printf("\n"
               "\"tapctl COMMAND --help\" shows the options of a command; tapctl(1) says more.\n");
}

/* One paragraph, in lines of a terminal's 80 columns. */
static void print_paragraph(const char *text) {
        size_t column = 0;

        while (*text) {
                size_t length = strcspn(text, " ");

                if (column > 0 && column + 1 + length > 80) {
                        putchar('\n');
                        column = 0;
                }
                column += (size_t) printf("%s%.*s", column > 0 ? " " : "", (int) length, text);
                text += length;
                text += strspn(text, " ");
        }

        putchar('\n');
}

static void print_verb_help(const Verb *verb) {
        printf("Usage: tapctl %s%s%s%s\n\n", verb->name, verb->options ? " [OPTION...]" : "",
               *verb->arguments ? " " : "", verb->arguments);
        print_paragraph(verb->help);

        printf("\nOptions:\n");
        options_print(verb->options | OPTIONS_GLOBAL);
}

static int show_help(const Verb *verb, const Options *options) {
        if (verb && !verb->run && options->n_arguments > 0) {
                verb = verb_find(options->arguments[0]);
                if (!verb)
                        return report_unknown_verb(options->arguments[0]);
        }

        if (verb && verb->run)
                print_verb_help(verb);
        else
                print_help();

        return 0;
}

static int check_arguments(const Verb *verb, const Options *options) {
        if (options->n_arguments >= verb->min && options->n_arguments <= verb->max)
                return 0;

        if (options->n_arguments < verb->min)
                report(NULL, "\"%s\" needs the name of a TAP", verb->name);
        else
                report(NULL, "\"%s\" is one argument too many", options->arguments[verb->max]);
        return report_usage(verb->name);
}

/* So that a script can tell what went wrong here from what went wrong in the command. */
static int exit_status(const char *verb, int status) {
        if (strcmp(verb, "run") != 0 || status == 0)
                return status;

        return status < COMMAND_EXIT_FAILED ? COMMAND_EXIT_FAILED : status;
}

static int run_verb(const Verb *verb, const Options *options) {
        int status;

        if (!verb->run || options->given & OPTION_HELP)
                return show_help(verb, options);

        status = options_check(options, verb->options | OPTIONS_GLOBAL, verb->name);
        if (status == 0)
                status = check_arguments(verb, options);
        if (status == 0)
                status = verb->run(options);

        return status;
}

static int run(const Options *options) {
        Options rest = *options;
        const Verb *verb;

        if (options->given & OPTION_VERSION) {
                printf("tapctl %s\n", TAPD_VERSION);
                return 0;
        }

        if (options->n_arguments == 0 && options->given & OPTION_HELP)
                return show_help(NULL, options);

        verb = verb_find(options->n_arguments > 0 ? options->arguments[0] : "list");
        if (!verb)
                return report_unknown_verb(options->arguments[0]);

        if (rest.n_arguments > 0) {
                rest.arguments++;
                rest.n_arguments--;
                if (rest.n_before_dashes > 0)
                        rest.n_before_dashes--;
        }

        return run_verb(verb, &rest);
}

int main(int argc, char **argv) {
        Options options;
        int status;

        streams_fill();

        status = options_parse(&options, argc, argv);
        if (status == 0)
                status = run(&options);
        if (options.n_arguments > 0)
                status = exit_status(options.arguments[0], status);

        options_done(&options);
        return output_finish(status);
}
