/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel fills dumps in pieces of at most 32 KiB (net/netlink/af_netlink.c, netlink_dump). */
#define RECEIVE_SIZE (32 * 1024)
/* What systemd-networkd takes as well: 10,000 links changed at once. It is a limit, not memory in use. */
#define RECEIVE_BUFFER (128 * 1024 * 1024)
/* How often a request is made whose answer was lost, or a dump during which links came and went. */
#define ATTEMPTS 5

struct Rtnl {
        struct mnl_socket *socket;
        sd_event_source *source;
        const RtnlHandlers *handlers;
        void *userdata;
        uint32_t sequence;
        char error_text[256];
        _Alignas(struct nlmsghdr) char buffer[RECEIVE_SIZE];
};

/* One answer that is being waited for. */
typedef struct Call {
        uint32_t sequence;
        bool is_get;
        bool done;
        bool is_interrupted; /* links came or went while they were dumped, and one of the others may be missing */
        int result;
        rtnl_reply_t reply;
        void *userdata;
} Call;

static void rtnl_note_error(Rtnl *rtnl, const struct nlmsghdr *message) {
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
        size_t skip = sizeof(*error);
        const struct nlattr *attribute;

        rtnl->error_text[0] = '\0';
        if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
                return;

        /* Without NLM_F_CAPPED the request stands between the error and the attributes. */
        if (!(message->nlmsg_flags & NLM_F_CAPPED))
                skip += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);

        mnl_attr_for_each(attribute, message, skip) {
                if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
                    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
                        (void) snprintf(rtnl->error_text, sizeof(rtnl->error_text), "%s", mnl_attr_get_str(attribute));
        }
}

/* What ended a dump: its end, or an error in the middle of it. */
static int done_result(const struct nlmsghdr *message) {
        const int *result = mnl_nlmsg_get_payload(message);

        return mnl_nlmsg_get_payload_len(message) >= sizeof(*result) && *result < 0 ? *result : 0;
}

static void rtnl_handle_answer(Rtnl *rtnl, const struct nlmsghdr *message, Call *call) {
        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                call->is_interrupted = true;

        if (message->nlmsg_type == NLMSG_DONE) {
                call->done = true;
                call->result = done_result(message);
        } else if (message->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

                call->done = true;
                call->result = error->error;
                if (error->error < 0)
                        rtnl_note_error(rtnl, message);
        } else if (call->reply) {
                call->reply(message, call->userdata);
        }
}

static void rtnl_handle_event(Rtnl *rtnl, const struct nlmsghdr *message) {
        const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

        if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
                return;
        if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) || !rtnl->handlers)
                return;

        /* Bridges report their ports in a family of their own, with RTM_DELLINK for one that only left. */
        if (info->ifi_family == AF_UNSPEC)
                rtnl->handlers->on_link(message, rtnl->userdata);
        else if (info->ifi_family == AF_BRIDGE && message->nlmsg_type == RTM_NEWLINK && rtnl->handlers->on_port)
                rtnl->handlers->on_port(message, rtnl->userdata);
}

/* New kernels stamp the events of a request with its port and number: only a get is answered by a link message. */
static bool is_answer(const Rtnl *rtnl, const struct nlmsghdr *message, const Call *call) {
        if (!call || message->nlmsg_seq != call->sequence || message->nlmsg_pid != mnl_socket_get_portid(rtnl->socket))
                return false;

        return call->is_get || message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE;
}

/* Receives one datagram. 1 when there was one, 0 when there is none, negative errno otherwise. */
static int rtnl_receive(Rtnl *rtnl, Call *call) {
        struct sockaddr_nl sender = {};
        struct iovec iov = { .iov_base = rtnl->buffer, .iov_len = sizeof(rtnl->buffer) };
        struct msghdr header = { .msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &iov, .msg_iovlen = 1 };
        const struct nlmsghdr *message = (const struct nlmsghdr *) rtnl->buffer;
        ssize_t n;
        int left;

        n = recvmsg(mnl_socket_get_fd(rtnl->socket), &header, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;

        /* Root may send to any port; only the kernel is believed. */
        if (sender.nl_pid != 0)
                return 1;
        if (header.msg_flags & MSG_TRUNC)
                return -ENOBUFS;

        left = (int) n;
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
                if (is_answer(rtnl, message, call))
                        rtnl_handle_answer(rtnl, message, call);
                else
                        rtnl_handle_event(rtnl, message);

        return 1;
}

static int rtnl_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Rtnl *rtnl = userdata;
        int r;

        do
                r = rtnl_receive(rtnl, NULL);
        while (r > 0);

        /* Without memory a message was lost as well; an error would have the loop listen no more. */
        if ((r == -ENOBUFS || r == -ENOMEM) && rtnl->handlers) {
                rtnl->handlers->on_overrun(rtnl->userdata);
                return 0;
        }

        return r;
}

static int rtnl_open(Rtnl *rtnl) {
        int on = 1, size = RECEIVE_BUFFER, fd;

        rtnl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (!rtnl->socket)
                return -errno;

        fd = mnl_socket_get_fd(rtnl->socket);
        if (mnl_socket_bind(rtnl->socket, rtnl->handlers ? RTMGRP_LINK : 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;

        /* Old kernels lack the one, an unprivileged test the other: both only make things better. */
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
        if (rtnl->handlers && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));

        return 0;
}

int rtnl_new(sd_event *event, const RtnlHandlers *handlers, void *userdata, Rtnl **ret) {
        Rtnl *rtnl;
        int r;

        rtnl = calloc(1, sizeof(*rtnl));
        if (!rtnl)
                return -ENOMEM;

        rtnl->handlers = handlers;
        rtnl->userdata = userdata;

        r = rtnl_open(rtnl);
        if (r == 0 && event)
                r = sd_event_add_io(event, &rtnl->source, mnl_socket_get_fd(rtnl->socket), EPOLLIN, rtnl_on_io, rtnl);
        if (r < 0) {
                rtnl_free(rtnl);
                return r;
        }

        *ret = rtnl;
        return 0;
}

Rtnl *rtnl_free(Rtnl *rtnl) {
        if (!rtnl)
                return NULL;

        sd_event_source_disable_unref(rtnl->source);
        if (rtnl->socket)
                (void) mnl_socket_close(rtnl->socket);
        free(rtnl);
        return NULL;
}

struct nlmsghdr *rtnl_begin(void *buffer, uint16_t type, uint16_t flags) {
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

        request->nlmsg_type = type;
        request->nlmsg_flags = NLM_F_REQUEST | flags;
        if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
                request->nlmsg_flags |= NLM_F_ACK;

        return request;
}

static int rtnl_attempt(Rtnl *rtnl, struct nlmsghdr *request, Call *call) {
        int r;

        request->nlmsg_seq = call->sequence = ++rtnl->sequence;
        rtnl->error_text[0] = '\0';

        if (mnl_socket_sendto(rtnl->socket, request, request->nlmsg_len) < 0)
                return -errno;

        while (!call->done) {
                r = rtnl_receive(rtnl, call);
                if (r == 0)
                        /* The kernel has answered before sendmsg() returned: nothing here means that it is lost. */
                        return -ENOBUFS;
                if (r == -ENOBUFS && rtnl->handlers)
                        rtnl->handlers->on_overrun(rtnl->userdata);
                else if (r < 0)
                        return r;
        }

        return call->result == 0 && call->is_interrupted ? -EINTR : call->result;
}

int rtnl_call(Rtnl *rtnl, struct nlmsghdr *request, rtnl_reply_t reply, void *userdata) {
        int r = -ENOBUFS;

        for (unsigned i = 0; i < ATTEMPTS && (r == -ENOBUFS || r == -EINTR); i++) {
                Call call = { .is_get = request->nlmsg_type == RTM_GETLINK, .reply = reply, .userdata = userdata };

                r = rtnl_attempt(rtnl, request, &call);
        }

        return r;
}

const char *rtnl_error_text(const Rtnl *rtnl) {
        return rtnl->error_text;
}
