# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every flag of `ip tuntap add` and every setting of systemd.netdev(5) [Tap] and [Tun], set through tapctl and read back
by iproute2."""

from host import IN_USE, USAGE, check, check_equal


def data(*keys):
    return lambda link: tuple(link['linkinfo']['info_data'].get(key) for key in keys)


def flag(name):
    return lambda link: name in link['flags']


# What tapctl is told, what of `ip -d -j link show` says it, and what it must say.
TABLE = [
    # ip tuntap add: mode, user, group, one_queue is gone, pi, vnet_hdr, multi_queue
    (['--kind=tap'], data('type'), ('tap',)),
    (['--kind=tun'], data('type'), ('tun',)),
    (['--user=bob'], data('user'), ('bob',)),
    (['--user=4242', '--group='], data('user', 'group'), (4242, None)),
    (['--group=kvm'], data('group', 'user'), ('kvm', None)),
    (['--shared'], data('group', 'user'), ('kvm', None)),
    (['--shared=no'], data('group', 'user'), ('kvm', 'root')),
    (['--packet-info'], data('pi'), (True,)),
    (['--packet-info=no'], data('pi'), (False,)),
    (['--vnet-header'], data('vnet_hdr'), (True,)),
    (['--vnet-header=no'], data('vnet_hdr'), (False,)),
    (['--multi-queue'], data('multi_queue'), (True,)),
    (['--multi-queue=no'], data('multi_queue'), (False,)),
    ([], data('persist'), (True,)),
    # [NetDev] and ip link
    (['--mac-address=52:54:00:12:34:56'], lambda link: link['address'], '52:54:00:12:34:56'),
    (['--mtu=1400'], lambda link: link['mtu'], 1400),
    (['--mtu=65521'], lambda link: link['mtu'], 65521),
    (['--mtu=68'], lambda link: link['mtu'], 68),
    (['--transmit-queue-length=77'], lambda link: link['txqlen'], 77),
    (['--up'], flag('UP'), True),
    (['--up=no'], flag('UP'), False),
    (['--description=what it is for'], flag('UP'), True),
]


def test_create(host):
    """Every setting of a creation reads back the same from iproute2"""
    for options, read, expected in TABLE:
        host.tapctl(None, 'create', 'tap1', *options)
        check_equal(read(host.link('tap1')), expected, f'tapctl create tap1 {" ".join(options)}')
        host.tapctl(None, 'delete', 'tap1')


def test_set(host):
    """What changes of a live TAP reads back the same, and its device is the same"""
    host.tapctl('alice', 'create', 'tap1')
    ifindex = host.link('tap1')['ifindex']
    for options, read, expected in TABLE:
        if options and options[0].split('=')[0] in ('--mtu', '--transmit-queue-length', '--mac-address', '--up'):
            host.tapctl('alice', 'set', 'tap1', *options)
            check_equal(read(host.link('tap1')), expected, f'tapctl set tap1 {" ".join(options)}')
    check_equal(host.link('tap1')['ifindex'], ifindex, 'the device')


def test_refused(host):
    """What cannot be read or cannot be changed is refused, and nothing has changed"""
    host.tapctl('alice', 'create', 'tap1')
    before = host.dump('tap1')
    for option in ('--mtu=abc', '--mtu=1e3', '--mtu= 1500', '--mtu=+1500', '--mtu=01500', '--mtu=67', '--mtu=65522',
                   '--mtu=99999999999999999999', '--mtu=', '--transmit-queue-length=-1',
                   '--transmit-queue-length=2147483648', '--mac-address=5254.0000.0001',
                   '--mac-address=01:00:5e:00:00:01', '--user=', '--user=nosuchuser', '--user=65535', '--nonsense'):
        host.tapctl('alice', 'set', 'tap1', option, status=USAGE)
        host.tapctl('alice', 'create', 'tap2', option, status=USAGE)
    check_equal(host.dump('tap1'), before, 'the device')
    check_equal(host.taps(), ['tap1'], 'TAPs')
    host.tapctl('alice', 'set', 'tap1', status=USAGE)
    host.tapctl('alice', 'create', 'tap1', '--mtu=1400', status=IN_USE)
    check(host.dump('tap1') == before, 'a repeated create with another setting changes nothing')
