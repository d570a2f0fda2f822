/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * One rtnetlink socket (rtnetlink(7)) for requests and for RTMGRP_LINK events. The kernel carries a request out inside
 * sendmsg(2), so that a call never waits for a peer; events that lie before its answer are handed on first, and what
 * the kernel said is known in its order. The handlers are called from inside calls too, and make no call themselves.
 */
typedef struct Rtnl Rtnl;

typedef struct RtnlHandlers {
        /* RTM_NEWLINK and RTM_DELLINK of family AF_UNSPEC that nobody asked for */
        void (*on_link)(const struct nlmsghdr *message, void *userdata);
        /* RTM_NEWLINK of family AF_BRIDGE: a bridge tells of a port; may be NULL */
        void (*on_port)(const struct nlmsghdr *message, void *userdata);
        /* events were lost (ENOBUFS): only a full dump is right now */
        void (*on_overrun)(void *userdata);
} RtnlHandlers;

/* Largest request that rtnl_call() sends, in bytes. */
#define RTNL_REQUEST_SIZE 2048

typedef void (*rtnl_reply_t)(const struct nlmsghdr *message, void *userdata);

/* @handlers are called on the event loop and during calls; NULL: a socket for requests alone, on no loop. */
int rtnl_new(sd_event *event, const RtnlHandlers *handlers, void *userdata, Rtnl **ret);
Rtnl *rtnl_free(Rtnl *rtnl);

/* Starts a request in @buffer: nlmsg_flags get NLM_F_REQUEST, and NLM_F_ACK unless @flags have NLM_F_DUMP. */
struct nlmsghdr *rtnl_begin(void *buffer, uint16_t type, uint16_t flags);

/* Sends a request and hands each message of its answer to @reply, which may be NULL. 0, or the kernel's negative errno.
 * A request must be one that may be made twice: it is, where its answer was lost, and a dump where links came and went
 * meanwhile: @reply meets links again, and the last it hears of one counts. -EINTR: they did all the time, and what was
 * dumped may lack some. */
int rtnl_call(Rtnl *rtnl, struct nlmsghdr *request, rtnl_reply_t reply, void *userdata);

/* The kernel's own words about the last failure of rtnl_call(), or "". Valid until the next call. */
const char *rtnl_error_text(const Rtnl *rtnl);
