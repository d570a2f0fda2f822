/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for qemu-bridge-helper, which needs to be setuid: this one asks tapd, and has no privilege of its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "advice.h"
#include "bridge-request.h"
#include "call.h"
#include "ephemeral.h"
#include "errors.h"
#include "report.h"
#include "streams.h"

static void print_help(void) {
        puts("Usage: tapd-bridge-helper [--use-vnet] --br=SWITCH[:[VLAN][:TRUNK]] --fd=NUMBER\n"
             "\n"
             "Asks tapd for a TAP that is plugged into SWITCH, and sends its descriptor over\n"
             "the Unix socket NUMBER. QEMU and libvirt run it as their bridge helper.\n"
             "\n"
             "Options:\n"
             "    --br=SWITCH              As a port of SWITCH, which says what VLAN that is\n"
             "    --br=SWITCH:60           The same, in VLAN 60\n"
             "    --br=SWITCH::20.30-39    The same, with VLANs 20 and 30 to 39 tagged\n"
             "    --br=SWITCH:1:20.30-39   The same, and VLAN 1 untagged\n"
             "    --fd=NUMBER              The socket that the descriptor goes to\n"
             "    --use-vnet               Frames have a virtio-net header\n"
             "    --timeout=SECONDS        Give up then; 30 if it is not given\n"
             "    --help                   Show this help\n"
             "    --version                Show the version\n"
             "\n"
             "tapd-bridge-helper(8) says more.");
}

static void print_version(void) {
        puts("tapd-bridge-helper " TAPD_VERSION);
}

/* Before anything is made that would have to go again. */
static int check_socket(int fd) {
        socklen_t size = sizeof(int);
        int domain;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0) {
                report("--fd", "descriptor %d: %s", fd, strerror(errno));
                return TAPCTL_EXIT_USAGE;
        }
        if (domain != AF_UNIX) {
                report("--fd", "descriptor %d is not a Unix socket", fd);
                return TAPCTL_EXIT_USAGE;
        }

        return 0;
}

/* The descriptor comes with one byte, 0. */
static int send_fd(int to, int fd) {
        char byte = 0;
        struct iovec data = { .iov_base = &byte, .iov_len = sizeof(byte) };
        union {
                char buffer[CMSG_SPACE(sizeof(fd))];
                struct cmsghdr align;
        } control = {};
        struct msghdr message = {
                .msg_iov = &data,
                .msg_iovlen = 1,
                .msg_control = control.buffer,
                .msg_controllen = sizeof(control.buffer),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        *header =
                (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd)) };
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));

        /* Nobody waits for a peer that does not read. */
        if (sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                report(NULL, "cannot hand the TAP over: %s", strerror(errno));
                return TAPCTL_EXIT_FAILED;
        }

        return 0;
}

static int serve(const BridgeRequest *request) {
        Ephemeral tap = {};
        Caller caller = {};
        int status;

        status = call_open_unattended(&caller, request->timeout);
        caller.plugs_into = request->switch_name;
        caller.advise = advice_on_group;
        if (status == 0)
                status = ephemeral_create(&tap, &caller, /* name= */ "", &request->settings, /* n_queues= */ 1);
        call_close(&caller);
        if (status == 0)
                status = send_fd(request->fd, tap.fds[0]);

        /* What was sent stays open for who receives it, and the TAP with it. */
        ephemeral_done(&tap);
        return status;
}

int main(int argc, char **argv) {
        BridgeRequest request;
        int status;

        streams_fill();

        status = bridge_request_parse(&request, argc, argv);
        if (status != 0)
                return status;

        if (request.wants_help)
                print_help();
        else if (request.wants_version)
                print_version();
        else
                status = check_socket(request.fd);
        if (status == 0 && request.fd >= 0)
                status = serve(&request);

        return fflush(stdout) == 0 ? status : TAPCTL_EXIT_FAILED;
}
