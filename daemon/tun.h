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

/* The type that a link of this mode has (ARPHRD_* of <linux/if_arp.h>). */
unsigned short tun_link_type(const TunMode *mode);

/* Opens the node. -EOPNOTSUPP where there is none, or no driver behind it, or it may not be used. */
int tun_open(int *ret_fd);

/* Makes the device @name, down, not persistent, open to everybody, with @fd as its one queue (IFF_TUN_EXCL).
 * -EEXIST where a device has the name, or the altname. */
int tun_create(int fd, const char *name, const TunMode *mode);

/* Who may open it by name; both set means both must hold. TAPD_ID_UNSET leaves that one as it is: unset on a new
 * device (an id that was set once cannot be unset). */
int tun_set_access(int fd, uid_t user, gid_t group);

/* Puts back what every program with a queue can change unseen: filters, steering, header size and byte order, offloads,
 * send buffer, carrier, and, of a device that is down, the link type. */
void tun_reset(int fd, const TunMode *mode);

/* Attaches one more queue to the device @name. It has to be looked at afterwards: the name may have been an altname,
 * and one that vanished is made anew (by who has CAP_NET_ADMIN). -EBUSY: a single-queue device in use; -EINVAL: it has
 * another mode; -E2BIG: 256 queues are attached; -EBADFD: it is being deleted. */
int tun_attach(int fd, const char *name, const TunMode *mode);

/* The name of the device that @fd is a queue of. */
int tun_get_name(int fd, char name[static 16]);

/* Whether the device outlives its queues. */
int tun_set_persistent(int fd, bool persistent);
