/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>

/* The link-local address of IPv6 that a guest with this MAC address, "52:aa:bb:cc:dd:ee", makes of it: a modified
 * EUI-64 (RFC 4291, 2.5.6 and appendix A). 0, or -EINVAL where @mac is none. */
int guest_link_local(const char *mac, char text[static INET6_ADDRSTRLEN]);
