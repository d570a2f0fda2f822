/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "names.h"

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

int tun_create(int fd, const char *name, const TunMode *mode) {
        struct ifreq request = {};

        request.ifr_flags =
                (short) (IFF_TUN_EXCL | (mode->tun ? IFF_TUN : IFF_TAP) | (mode->multi_queue ? IFF_MULTI_QUEUE : 0) |
                         (mode->vnet_header ? IFF_VNET_HDR : 0) | (mode->packet_info ? 0 : IFF_NO_PI));
        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);

        if (ioctl(fd, TUNSETIFF, &request) < 0)
                /* The driver has EBUSY for a name that is taken, not EEXIST. */
                return errno == EBUSY ? -EEXIST : -errno;

        return 0;
}

int tun_set_access(int fd, uid_t user, gid_t group) {
        if (user != TAPD_ID_UNSET && ioctl(fd, TUNSETOWNER, (unsigned long) user) < 0)
                return -errno;
        if (group != TAPD_ID_UNSET && ioctl(fd, TUNSETGROUP, (unsigned long) group) < 0)
                return -errno;

        return 0;
}

void tun_reset(int fd) {
        int none = -1, header = sizeof(struct virtio_net_hdr), buffer = INT_MAX;

        /* A tun device has no filter, an old kernel no steering: what cannot be put back was not there. */
        (void) ioctl(fd, TUNDETACHFILTER, NULL);
        (void) ioctl(fd, TUNSETSTEERINGEBPF, &none);
        (void) ioctl(fd, TUNSETFILTEREBPF, &none);
        (void) ioctl(fd, TUNSETVNETHDRSZ, &header);
        (void) ioctl(fd, TUNSETOFFLOAD, 0UL);
        (void) ioctl(fd, TUNSETSNDBUF, &buffer);
}

int tun_set_persistent(int fd) {
        return ioctl(fd, TUNSETPERSIST, 1UL) < 0 ? -errno : 0;
}
