# SPDX-License-Identifier: LGPL-2.1-or-later
"""tapd on Debian's own kernel, and that this kernel has what the tests want a guest for."""

from frames import ETHERTYPE, TAGGED, frame, tagged
from host import check, check_equal, wait_until

MACHINES = ('guest',)


def test_kernel(host):
    """It is the kernel of Debian's package, and tapd runs on it from its own"""
    release = host.run(['uname', '-r'], check=True).out.strip()
    check(release.endswith('-cloud-amd64'), f'the kernel is {release}')
    check_equal(host.run(['systemd-detect-virt']).out, 'qemu\n', 'what it runs in, and no container in that')
    check_equal(host.run(['systemctl', 'is-active', 'tapd.service']).out, 'active\n', 'tapd.service')
    check_equal(host.run(['dpkg-query', '--show', '--showformat=${db:Status-Status}', 'tapd']).out, 'installed', 'tapd')


def test_create(host):
    """A member of kvm makes a TAP: it is up, multi-queue, and open to its user"""
    host.tapctl('alice', 'create', 'tap1')
    link = host.link('tap1')
    check('UP' in link['flags'], f'tap1 is not UP: {link["flags"]}')
    data = link['linkinfo']['info_data']
    check_equal({key: data.get(key) for key in ('type', 'multi_queue', 'persist', 'pi', 'user', 'group')},
                {'type': 'tap', 'multi_queue': True, 'persist': True, 'pi': False, 'user': 'alice', 'group': 'kvm'},
                'tap1')
    first, second = host.queue('alice', 'tap1'), host.queue('alice', 'tap1')
    check_equal((first.error, second.error), ('', ''), 'opening two queues')
    wait_until('tapd to see both', lambda: host.status('tap1')['QueuesAttached'] == 2)
    check_equal(host.queue('bob', 'tap1').error, 'EPERM', "another member opens alice's")


def test_vlans(host):
    """A Linux bridge with vlan_filtering keeps the VLANs of its TAPs apart"""
    host.tapctl('alice', 'create', 'tap1', 'tap2', 'tap3')
    host.run('''ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0
                ip link set br0 up
                for tap in tap1 tap2 tap3; do ip link set $tap master br0; done
                bridge vlan add dev tap1 vid 10 pvid untagged
                bridge vlan add dev tap2 vid 20 pvid untagged
                bridge vlan add dev tap3 vid 10
                bridge vlan add dev tap3 vid 20''', check=True)
    ten, twenty, trunk = (host.queue('alice', name) for name in ('tap1', 'tap2', 'tap3'))
    host.wait_forwarding('tap1', 'tap2', 'tap3')

    ten.send(frame(1, 'out of ten'))
    twenty.send(frame(2, 'out of twenty'))
    # On the trunk both arrive, each with its tag; by then the bridge has given them to whom it gives them at all.
    check_equal({trunk.receive(TAGGED), trunk.receive(TAGGED)},
                {tagged(frame(1, 'out of ten'), 10), tagged(frame(2, 'out of twenty'), 20)}, 'on the trunk')

    trunk.send(tagged(frame(3, 'into ten'), 10))
    trunk.send(tagged(frame(3, 'into twenty'), 20))
    check_equal(ten.receive(ETHERTYPE), frame(3, 'into ten'), 'the first that arrives in VLAN 10')
    check_equal(twenty.receive(ETHERTYPE), frame(3, 'into twenty'), 'the first that arrives in VLAN 20')


def test_modules(host):
    """What this machine's kernel may lack can be loaded"""
    for module in ('openvswitch', 'vhost_net', '8021q', 'geneve', 'vxlan', 'act_police', 'cls_matchall', 'nf_tables'):
        host.run(['modprobe', module], check=True)
        check(host.path(f'/sys/module/{module}').exists(), f'{module} is not in the kernel')
    check_equal(host.run(['stat', '--format=%F', '/dev/vhost-net']).out, 'character special file\n', '/dev/vhost-net')
