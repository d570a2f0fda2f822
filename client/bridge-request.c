/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bridge-request.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "report.h"
#include "text.h"

/* Its options that take a value, as they were given. */
typedef struct Given {
        const char *br, *fd, *timeout;
} Given;

static void set(Settings *settings, SettingId id, SettingValue value) {
        settings->values[id] = value;
        settings->given[id] = true;
}

/* Empty: none is named, the trunk behind it is all. */
static int read_vlan(Settings *settings, const char *br, const char *text) {
        uint64_t vlan;

        if (!*text)
                return 0;

        if (parse_decimal(text, VLAN_MAX, &vlan) < 0 || vlan < VLAN_MIN) {
                report("--br", "\"%s\": \"%s\" is not a VLAN, %d to %d", br, text, VLAN_MIN, VLAN_MAX);
                return TAPCTL_EXIT_USAGE;
        }

        set(settings, SETTING_VLAN, (SettingValue){ .number = (uint32_t) vlan });
        return 0;
}

static bool is_dotted_list(const char *text) {
        size_t length = strlen(text);

        return length > 0 && strspn(text, "0123456789-.") == length && text[0] != '.' && text[length - 1] != '.' &&
               !strstr(text, "..");
}

/* @text is overwritten. */
static int read_trunk(Settings *settings, const char *br, char *text) {
        SettingValue value = {};
        int r = -EINVAL;

        if (is_dotted_list(text)) {
                for (char *dot = strchr(text, '.'); dot; dot = strchr(dot, '.'))
                        *dot = ',';
                r = parse_trunk(text, &value.trunk);
        }

        if (r == -E2BIG)
                report("--br", "more than %d VLANs and ranges of them", TRUNK_RANGES_MAX);
        else if (r < 0)
                report("--br", "\"%s\": the trunk is not a list of VLANs, like 20.21.30-39", br);
        else
                set(settings, SETTING_TRUNK, value);

        return r < 0 ? TAPCTL_EXIT_USAGE : 0;
}

static int read_switch(BridgeRequest *request, const char *br, const char *name) {
        if (!*name) {
                report("--br", "\"%s\" names no switch", br);
                return TAPCTL_EXIT_USAGE;
        }
        if (strlen(name) > TAPD_NAME_MAX) {
                report("--br", "\"%s\": a switch's name has at most %d bytes", br, TAPD_NAME_MAX);
                return TAPCTL_EXIT_USAGE;
        }

        (void) strcpy(request->switch_name, name);
        set(&request->settings, SETTING_SWITCH, (SettingValue){ .string = request->switch_name });
        return 0;
}

/* No network interface has a colon in its name (dev_valid_name() of net/core/dev.c). */
static int read_words(BridgeRequest *request, const char *br, char *words) {
        char *name = strsep(&words, ":"), *vlan = strsep(&words, ":"), *trunk = words;
        int status;

        if (vlan && !*vlan && !trunk) {
                report("--br", "\"%s\": a VLAN is missing behind the colon", br);
                return TAPCTL_EXIT_USAGE;
        }

        status = read_switch(request, br, name);
        if (status == 0 && vlan)
                status = read_vlan(&request->settings, br, vlan);
        if (status == 0 && trunk)
                status = read_trunk(&request->settings, br, trunk);

        return status;
}

static int read_br(BridgeRequest *request, const char *br) {
        char *words;
        int status;

        if (!br) {
                report(NULL, "--br=SWITCH is missing");
                return TAPCTL_EXIT_USAGE;
        }
        if (!text_is_utf8(br)) {
                report("--br", "\"%s\" is not UTF-8", br);
                return TAPCTL_EXIT_USAGE;
        }

        words = strdup(br);
        status = words ? read_words(request, br, words) : report_no_memory();
        free(words);
        return status;
}

static int read_fd(BridgeRequest *request, const char *text) {
        uint64_t fd;

        if (!text) {
                report(NULL, "--fd=NUMBER is missing; QEMU and libvirt run this program");
                return TAPCTL_EXIT_USAGE;
        }
        if (parse_decimal(text, INT_MAX, &fd) < 0) {
                report("--fd", "\"%s\" is not the number of a descriptor", text);
                return TAPCTL_EXIT_USAGE;
        }

        request->fd = (int) fd;
        return 0;
}

static int read_timeout(BridgeRequest *request, const char *text) {
        uint64_t seconds = BRIDGE_REQUEST_TIMEOUT;

        if (text && (parse_decimal(text, BRIDGE_REQUEST_TIMEOUT_MAX, &seconds) < 0 || seconds == 0)) {
                report("--timeout", "\"%s\" is not a number of seconds, 1 to %d", text, BRIDGE_REQUEST_TIMEOUT_MAX);
                return TAPCTL_EXIT_USAGE;
        }

        request->timeout = (unsigned) seconds;
        return 0;
}

/* Takes "OPTION=VALUE", or "OPTION" and the argument behind it, at *@index, which then is the last that was taken. 1, 0
 * where another stands there, or -EINVAL after it was reported. */
static int take_value(const char *option, int argc, char **argv, int *index, const char **ret) {
        const char *argument = argv[*index];
        size_t length = strlen(option);

        if (strncmp(argument, option, length) != 0 || (argument[length] != '\0' && argument[length] != '='))
                return 0;

        if (argument[length] == '\0' && *index + 1 == argc) {
                report(NULL, "%s needs an argument", option);
                return -EINVAL;
        }
        if (*ret) {
                report(NULL, "%s is given twice", option);
                return -EINVAL;
        }

        *ret = argument[length] == '=' ? argument + length + 1 : argv[++*index];
        return 1;
}

/* At *@index; the same results. */
static int take_argument(BridgeRequest *request, Given *given, int argc, char **argv, int *index) {
        const struct {
                const char *option;
                const char **value;
        } options[] = { { "--br", &given->br }, { "--fd", &given->fd }, { "--timeout", &given->timeout } };
        int r = 0;

        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && r == 0; i++)
                r = take_value(options[i].option, argc, argv, index, options[i].value);
        if (r != 0)
                return r;

        if (text_is(argv[*index], "--use-vnet"))
                request->settings.values[SETTING_VNET_HEADER].boolean = true;
        else if (text_is(argv[*index], "--help"))
                request->wants_help = true;
        else if (text_is(argv[*index], "--version"))
                request->wants_version = true;
        else
                return 0;

        return 1;
}

int bridge_request_parse(BridgeRequest *request, int argc, char **argv) {
        Given given = {};
        int status;

        *request = (BridgeRequest){ .fd = -1 };
        /* Said also where it is as tapd would have it: a queue has the header unless told otherwise. A program that
         * takes one descriptor has one queue, and the interface is one for it, as that of every other helper is. */
        request->settings.given[SETTING_VNET_HEADER] = true;
        set(&request->settings, SETTING_MULTI_QUEUE, (SettingValue){ .boolean = false });

        for (int i = 1; i < argc; i++) {
                int r = take_argument(request, &given, argc, argv, &i);

                if (r == 0)
                        report(NULL, "unknown argument \"%s\"", argv[i]);
                if (r <= 0)
                        return TAPCTL_EXIT_USAGE;
        }
        if (request->wants_help || request->wants_version)
                return 0;

        status = read_br(request, given.br);
        if (status == 0)
                status = read_fd(request, given.fd);
        if (status == 0)
                status = read_timeout(request, given.timeout);

        return status;
}
