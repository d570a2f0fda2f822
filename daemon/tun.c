/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "names.h"

/* Too new for <net/if_arp.h>; <linux/if_arp.h> cannot stand beside it. */
#ifndef ARPHRD_NONE
#define ARPHRD_NONE 0xFFFE
#endif

unsigned short tun_link_type(const TunMode *mode) {
        return mode->tun ? ARPHRD_NONE : ARPHRD_ETHER;
}

int tun_open(int *ret_fd) {
        int fd;

        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0) {
                *ret_fd = fd;
                return 0;
        }

        switch (errno) {
        case ENOENT:
        case ENODEV:
        case ENXIO:
        case EACCES:
        case EPERM:
                return -EOPNOTSUPP;
        default:
                return -errno;
        }
}

static int set_interface(int fd, const char *name, const TunMode *mode, int more_flags) {
        struct ifreq request = {};

        request.ifr_flags =
                (short) (more_flags | (mode->tun ? IFF_TUN : IFF_TAP) | (mode->multi_queue ? IFF_MULTI_QUEUE : 0) |
                         (mode->vnet_header ? IFF_VNET_HDR : 0) | (mode->packet_info ? 0 : IFF_NO_PI));
        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);

        return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
}

int tun_create(int fd, const char *name, const TunMode *mode) {
        int r = set_interface(fd, name, mode, IFF_TUN_EXCL);

        /* The driver has EBUSY for a name that is taken, not EEXIST. */
        return r == -EBUSY ? -EEXIST : r;
}

int tun_attach(int fd, const char *name, const TunMode *mode) {
        return set_interface(fd, name, mode, 0);
}

int tun_get_name(int fd, char name[static 16]) {
        struct ifreq request = {};

        if (ioctl(fd, TUNGETIFF, &request) < 0)
                return -errno;

        memcpy(name, request.ifr_name, 16);
        name[15] = '\0';
        return 0;
}

int tun_set_access(int fd, uid_t user, gid_t group) {
        if (user != TAPD_ID_UNSET && ioctl(fd, TUNSETOWNER, (unsigned long) user) < 0)
                return -errno;
        if (group != TAPD_ID_UNSET && ioctl(fd, TUNSETGROUP, (unsigned long) group) < 0)
                return -errno;

        return 0;
}

void tun_reset(int fd, const TunMode *mode) {
        int none = -1, header = sizeof(struct virtio_net_hdr), buffer = INT_MAX, on = 1, off = 0;
        struct tun_filter everything = {};

        /* A tun device has no filters, an old kernel no steering, a device that is up keeps its type: what cannot be
         * put back was not there. */
        (void) ioctl(fd, TUNDETACHFILTER, NULL);
        (void) ioctl(fd, TUNSETTXFILTER, &everything);
        (void) ioctl(fd, TUNSETSTEERINGEBPF, &none);
        (void) ioctl(fd, TUNSETFILTEREBPF, &none);
        (void) ioctl(fd, TUNSETVNETHDRSZ, &header);
        (void) ioctl(fd, TUNSETVNETLE, &off);
        (void) ioctl(fd, TUNSETVNETBE, &off);
        (void) ioctl(fd, TUNSETOFFLOAD, 0UL);
        (void) ioctl(fd, TUNSETSNDBUF, &buffer);
        (void) ioctl(fd, TUNSETLINK, (unsigned long) tun_link_type(mode));
        (void) ioctl(fd, TUNSETCARRIER, &on);
}

int tun_set_persistent(int fd, bool persistent) {
        return ioctl(fd, TUNSETPERSIST, (unsigned long) persistent) < 0 ? -errno : 0;
}
