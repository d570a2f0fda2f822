/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opening.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "names.h"
#include "text.h"

/* MAX_TAP_QUEUES of drivers/net/tun.c. */
#define QUEUES_MAX 256

__attribute__((format(printf, 2, 3))) static int add_note(Opening *opening, const char *format, ...) {
        va_list arguments;
        char *note;
        int n;

        va_start(arguments, format);
        n = vasprintf(&note, format, arguments);
        va_end(arguments);
        if (n < 0)
                return -ENOMEM;

        opening->notes[opening->n_notes++] = note;
        return 0;
}

/* QEMU's default scripts would plug it in somewhere, and fail without root. */
static int make_arguments(Opening *opening, const TapInfo *info) {
        const char *mac = info->guest_mac_address ? info->guest_mac_address : "";

        if (asprintf(&opening->netdev, "tap,id=n0,ifname=%s%s,script=no,downscript=no", info->name,
                     info->multi_queue ? ",queues=2" : "") < 0)
                opening->netdev = NULL;
        if (asprintf(&opening->device, "virtio-net-pci,netdev=n0%s%s%s", *mac ? ",mac=" : "", mac,
                     info->multi_queue ? ",mq=on" : "") < 0)
                opening->device = NULL;

        return opening->netdev && opening->device ? 0 : -ENOMEM;
}

/* The flag has to be the same at every TUNSETIFF (tun_set_iff() of drivers/net/tun.c). */
static int note_queues(Opening *opening, const TapInfo *info) {
        uint32_t n = tap_info_count_queues(info);
        int r;

        if (info->multi_queue)
                r = add_note(opening, "queues=2 or more, for it is multi-queue; else \"Invalid argument\"");
        else
                r = add_note(opening, "without queues=, for it is single-queue; else \"Invalid argument\"");
        if (r >= 0 && !info->multi_queue && n > 0)
                r = add_note(opening, "its only queue is open, see above: \"Device or resource busy\"");
        else if (r >= 0 && n >= QUEUES_MAX)
                r = add_note(opening, "its %d queues are open: \"Argument list too long\"", QUEUES_MAX);

        return r;
}

/* What tun_not_capable() of drivers/net/tun.c finds. */
static int note_access(Opening *opening, const TapInfo *info, IdNames *names, const OpeningWho *who) {
        bool is_user = info->user == TAPD_ID_UNSET || info->user == who->uid;
        bool in_group = info->group == TAPD_ID_UNSET || who->in_group;
        const char *name;

        if (who->uid == 0 || (is_user && in_group))
                return 0;

        name = is_user ? id_names_group(names, info->group) : id_names_user(names, info->user);
        if (!name)
                return -ENOMEM;

        if (!is_user)
                return add_note(opening, "not by you, who are not %s: \"Operation not permitted\"", name);
        if (who->joins_group)
                return add_note(opening, "you are in %s at your next login: \"Operation not permitted\"", name);

        return add_note(opening, "not by you, who are not in %s: \"Operation not permitted\"", name);
}

int opening_init(Opening *opening, const TapInfo *info, IdNames *names, const OpeningWho *who) {
        int r;

        *opening = (Opening){};
        /* Its queues were handed over. */
        if (!info->name || (info->lifetime && text_is(info->lifetime, "ephemeral")))
                return 0;
        if (info->kind && text_is(info->kind, "tun"))
                return add_note(opening, "QEMU opens no tun: \"Invalid argument\"");

        r = make_arguments(opening, info);
        if (r >= 0)
                r = note_queues(opening, info);
        if (r >= 0)
                r = note_access(opening, info, names, who);

        return r;
}

void opening_done(Opening *opening) {
        for (size_t i = 0; i < opening->n_notes; i++)
                free(opening->notes[i]);
        free(opening->device);
        free(opening->netdev);
        *opening = (Opening){};
}
