# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest does not configure its host."""

from host import check, check_equal, wait_until


def checksum(data: bytes) -> int:
    total = sum(int.from_bytes(data[i:i + 2], 'big') for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def router_advertisement(prefix: bytes) -> bytes:
    """A frame that makes its receiver, where it listens, take an address of the prefix and a default route
    (RFC 4861, 4.2 and 4.6.2)."""
    mac = bytes([2, 0, 0, 0, 0, 1])
    source = bytes.fromhex('fe80') + bytes(6) + bytes.fromhex('000000fffe000001')
    target = bytes.fromhex('ff02') + bytes(13) + b'\x01'
    option_prefix = bytes([3, 4, 64, 0xc0]) + (86400).to_bytes(4, 'big') * 2 + bytes(4) + prefix + bytes(8)
    option_mac = bytes([1, 1]) + mac
    body = bytes([64, 0]) + (1800).to_bytes(2, 'big') + bytes(8) + option_mac + option_prefix
    pseudo = source + target + (len(body) + 4).to_bytes(4, 'big') + bytes([0, 0, 0, 58])
    message = bytes([134, 0]) + bytes(2) + body
    message = message[:2] + checksum(pseudo + message).to_bytes(2, 'big') + message[4:]
    header = bytes([0x60, 0, 0, 0]) + len(message).to_bytes(2, 'big') + bytes([58, 255]) + source + target
    return bytes.fromhex('333300000001') + mac + bytes.fromhex('86dd') + header + message


def addresses_and_routes(host) -> str:
    return host.run('ip address; ip -4 route show table all; ip -6 route show table all; ip rule; ip -6 rule;'
                    ' ip -6 neighbour', check=True).out


def test_router_advertisement(host):
    """A Router Advertisement from the holder of an UP TAP changes no address and no route of the host"""
    host.tapctl('alice', 'create', 'tap1')
    queue = host.queue('alice', 'tap1')
    check('LOWER_UP' in host.link('tap1')['flags'], 'tap1 has no carrier')
    before = addresses_and_routes(host)
    queue.send(router_advertisement(bytes.fromhex('20010db800010000')))

    # A TAP as ip tuntap makes it takes the same frame for gospel: the frame is right, and by the time that its effect
    # is there, any effect of the one before would be.
    host.run('ip tuntap add mode tap dev naive user alice multi_queue && ip link set dev naive up', check=True)
    naive = host.queue('alice', 'naive')
    wait_until('the naive TAP to have a link-local address',
               lambda: 'fe80' in host.run(['ip', '-6', 'address', 'show', 'dev', 'naive']).out)
    naive.send(router_advertisement(bytes.fromhex('20010db800020000')))
    wait_until('the naive TAP to obey', lambda: '2001:db8:2:' in host.run(['ip', '-6', 'address']).out)
    check('default' in host.run(['ip', '-6', 'route']).out, 'the naive TAP has no default route')

    naive.close()
    host.run(['ip', 'link', 'del', 'dev', 'naive'], check=True)
    check_equal(addresses_and_routes(host), before, 'addresses and routes')
    check('inet6' not in host.run(['ip', 'address', 'show', 'dev', 'tap1'], check=True).out, 'tap1 has an IPv6 address')


def test_down_up(host):
    """Nor after its creator took it down and up again"""
    host.tapctl('alice', 'create', 'tap1')
    queue = host.queue('alice', 'tap1')
    host.tapctl('alice', 'down', 'tap1')
    host.tapctl('alice', 'up', 'tap1')
    queue.send(router_advertisement(bytes.fromhex('20010db800010000')))
    check('inet6' not in host.run(['ip', 'address', 'show', 'dev', 'tap1'], check=True).out, 'tap1 has an IPv6 address')
    check_equal(host.run('ip -6 route show dev tap1', check=True).out, '', 'IPv6 routes through tap1')
