# SPDX-License-Identifier: LGPL-2.1-or-later
"""VLANs on a Linux bridge: where the kernel filters them what is asked for passes and nothing else, elsewhere it is
refused."""

import json

from frames import ETHERTYPE, TAGGED, frame, pass_frame, tagged
from host import DENIED, FAILED, Skip, check, check_equal, restarts, wait_until
from test_plug import configure, queues

MACHINES = ('container', 'guest')

GRANT = '''[Grant open]
Users=alice
Names=tap*
Switches=br0 br1
VLANs=all
Trunk=yes
TapsPerUser=64
[Grant some]
Users=bob
Names=tap*
Switches=br0
VLANs=400-449
Trunk=yes
TapsPerUser=64
'''


def add_bridges(host) -> bool:
    """br0, which filters VLANs where this kernel can, and br1, which does not. Whether br0 does."""
    configure(host, GRANT)
    host.run('''for name in br0 br1; do
                    ip link add $name type bridge mcast_snooping 0 forward_delay 0
                    echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6
                    ip link set $name up
                done''', check=True)
    return host.run('ip link set br0 type bridge vlan_filtering 1').status == 0


def need_filtering(host):
    if not add_bridges(host):
        raise Skip('this kernel filters no VLANs (CONFIG_BRIDGE_VLAN_FILTERING); the guest runs it')


def vlans(host, name: str) -> list[tuple]:
    """What `bridge vlan` shows of a port: VLAN, and its flags."""
    shown = json.loads(host.run(['bridge', '-json', '-compressvlans', 'vlan', 'show', 'dev', name], check=True).out)
    return [(entry['vlan'], entry.get('vlanEnd', entry['vlan']), *sorted(entry.get('flags', [])))
            for port in shown for entry in port['vlans']]


ACCESS = ('Egress Untagged', 'PVID')


def test_refused(host):
    """A bridge that filters no VLANs, by its kernel or by itself: VLANNotSupported, and nothing changes"""
    filters = add_bridges(host)
    host.tapctl('alice', 'create', 'tap1')
    wait_until('the kernel to say that it has no carrier', lambda: 'NO-CARRIER' in host.link('tap1')['flags'])
    before = host.dump('tap1')
    for bridge in ('br1',) if filters else ('br0', 'br1'):
        for settings in ("{'Switch': <'%s'>, 'VLAN': <uint16 20>}", "{'Switch': <'%s'>, 'Trunk': <[(uint16 10, uint16 20)]>}"):
            check_equal(host.create('alice', 'tap2', settings % bridge).error, 'org.tapd1.Error.VLANNotSupported', bridge)
        said = host.tapctl('alice', 'plug', 'tap1', bridge, '--vlan', '20', status=FAILED).err
        check('filters no VLANs' in said, said)
        # A grant for some VLANs is none for a switch that keeps none of them apart.
        host.tapctl('bob', '--no-ask-password', 'create', 'tap3', '--switch', 'br0' if not filters else 'br1',
                    status=DENIED)
    check_equal((host.dump('tap1'), host.links()[-1]), (before, 'tap1'), 'tap1, and no other')


def test_frames(host):
    """The same VLAN yes, another no, a trunk with tags, a native VLAN beside it; re-tagged live"""
    need_filtering(host)
    for name, options in (('tap1', ['--vlan', '10']), ('tap2', ['--vlan', '10']), ('tap3', ['--vlan', '20']),
                          ('tap4', ['--trunk', '10,20-29']), ('tap5', ['--vlan', '10', '--trunk', '20'])):
        host.tapctl('alice', 'create', name, '--switch', 'br0', *options)
    check_equal(vlans(host, 'tap1'), [(10, 10, *ACCESS)], 'VLANs of tap1')
    check_equal(vlans(host, 'tap4'), [(10, 10), (20, 29)], 'VLANs of tap4: not the bridge\'s own besides')
    check_equal(vlans(host, 'tap5'), [(10, 10, *ACCESS), (20, 20)], 'VLANs of tap5')

    one, two, three, trunk, native = queues(host, 'tap1', 'tap2', 'tap3', 'tap4', 'tap5')
    host.wait_forwarding('tap1', 'tap2', 'tap3', 'tap4', 'tap5')
    sent = frame(1, 'VLAN 10')
    pass_frame(one, two, sent, 'from tap1 to tap2')
    check_equal(trunk.receive(TAGGED), tagged(sent, 10), 'what the trunk sees of it')
    check_equal(native.receive(ETHERTYPE), sent, 'what the native VLAN sees of it')
    # Without a tag nothing of a trunk belongs anywhere.
    trunk.send(frame(4, 'in no VLAN'))
    trunk.send(tagged(frame(4, 'VLAN 20'), 20))
    check_equal(three.receive(ETHERTYPE), frame(4, 'VLAN 20'), 'the first that tap3 hears')
    check_equal(native.receive(TAGGED), tagged(frame(4, 'VLAN 20'), 20), 'and tap5, tagged')

    before = host.link('tap2')['ifindex']
    host.tapctl('alice', 'plug', 'tap2', 'br0', '--vlan', '20')
    check_equal(vlans(host, 'tap2'), [(20, 20, *ACCESS)], 'VLANs of tap2 after it was re-tagged')
    check_equal(host.link('tap2')['ifindex'], before, 'the device')
    one.send(frame(1, 'no more'))
    pass_frame(three, two, frame(3, 'VLAN 20 now'), 'the first that tap2 hears after it')


def test_own_vlan(host):
    """Without VLAN= a port is in the bridge's own; who is granted some VLANs names one of them"""
    need_filtering(host)
    host.tapctl('alice', 'create', 'tap1', '--switch', 'br0')
    check_equal(vlans(host, 'tap1'), [(1, 1, *ACCESS)], 'VLANs of tap1')
    host.tapctl('alice', 'plug', 'tap1', 'br0', '--vlan', '30')
    host.tapctl('alice', 'plug', 'tap1', 'br0')
    check_equal(vlans(host, 'tap1'), [(1, 1, *ACCESS)], 'VLANs of tap1 when it is back in it')
    for options in ([], ['--vlan', '399'], ['--trunk', '440-450'], ['--vlan', '1']):
        host.tapctl('bob', '--no-ask-password', 'create', 'tap2', '--switch', 'br0', *options, status=DENIED)
    host.tapctl('bob', 'create', 'tap2', '--switch', 'br0', '--trunk', '400-410')
    check_equal(vlans(host, 'tap2'), [(400, 410)], 'VLANs of tap2')


def test_move(host):
    """From a bridge without VLANs into one with them while frames flow: never in the VLAN of the bridge itself"""
    need_filtering(host)
    host.tapctl('alice', 'create', 'tap1', '--switch', 'br1')
    host.tapctl('alice', 'create', 'tap2', '--switch', 'br0')
    host.tapctl('alice', 'create', 'tap3', '--switch', 'br0', '--vlan', '30')
    mover, own, thirty = queues(host, 'tap1', 'tap2', 'tap3')
    host.wait_forwarding('tap2', 'tap3')
    host.tapctl('alice', 'plug', 'tap1', 'br0', '--vlan', '30')
    host.wait_forwarding('tap1')
    check_equal(vlans(host, 'tap1'), [(30, 30, *ACCESS)], 'VLANs of tap1')
    pass_frame(mover, thirty, frame(1, 'VLAN 30'), 'from tap1 to tap3')
    pass_frame(thirty, mover, frame(3, 'and back'), 'from tap3 to tap1')
    own.send(frame(2, 'the bridge\'s own'))
    pass_frame(thirty, mover, frame(3, 'again'), 'the first that tap1 hears after it')


@restarts
def test_restart(host):
    """A restart of tapd changes no VLAN, and it knows them all"""
    need_filtering(host)
    host.tapctl('alice', 'create', 'tap1', '--switch', 'br0', '--vlan', '10')
    host.tapctl('alice', 'create', 'tap2', '--switch', 'br0', '--trunk', '20-29')
    pid = host.daemon_pid()
    host.run(['kill', '-KILL', str(pid)], check=True)
    host.daemon_ready(other_than=pid)
    check_equal((vlans(host, 'tap1'), vlans(host, 'tap2')), ([(10, 10, *ACCESS)], [(20, 29)]), 'VLANs')
    check_equal([host.tap(name, key) for name, key in (('tap1', 'VLAN'), ('tap2', 'Switch'))], ['10', "'br0'"],
                'what tapd says of them')
