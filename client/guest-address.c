/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <string.h>

#define MAC_LENGTH (sizeof("aa:bb:cc:dd:ee:ff") - 1)

int guest_link_local(const char *mac, char text[static INET6_ADDRSTRLEN]) {
        struct in6_addr address = { .s6_addr = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };
        struct ether_addr octets;

        /* ether_aton(3) takes "2:0:0:0:0:1" and more. */
        if (strlen(mac) != MAC_LENGTH || strspn(mac, "0123456789abcdefABCDEF:") != MAC_LENGTH ||
            !ether_aton_r(mac, &octets))
                return -EINVAL;

        memcpy(address.s6_addr + 8, octets.ether_addr_octet, 3);
        memcpy(address.s6_addr + 13, octets.ether_addr_octet + 3, 3);
        /* "Universal" is 1 there, 0 in a MAC address. */
        address.s6_addr[8] ^= 0x02;
        return inet_ntop(AF_INET6, &address, text, INET6_ADDRSTRLEN) ? 0 : -EINVAL;
}
