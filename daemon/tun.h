/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* The ioctls of /dev/net/tun (<linux/if_tun.h>, Documentation/networking/tuntap.rst). */

typedef struct TunMode {
        bool tun; /* IP packets instead of Ethernet frames */
        bool multi_queue;
        bool vnet_header;
        bool packet_info;
} TunMode;

/* Opens the node. -EOPNOTSUPP where there is none, or no driver behind it, or it may not be used. */
int tun_open(int *ret_fd);

/* Makes the device @name, down, not persistent, open to everybody, with @fd as its one queue (IFF_TUN_EXCL).
 * -EEXIST where a device has the name, or the altname. */
int tun_create(int fd, const char *name, const TunMode *mode);

/* Who may open it by name; both set means both must hold. TAPD_ID_UNSET leaves that one as it is: unset on a new
 * device (an id that was set once cannot be unset). */
int tun_set_access(int fd, uid_t user, gid_t group);

/* Puts back what every program with a queue can change unseen: filter, steering, header size, offloads, send buffer. */
void tun_reset(int fd);

/* Makes the device outlive its queues. */
int tun_set_persistent(int fd);
