# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines take their cord: QEMU as an ordinary member of kvm starts it, by each way in."""

import re

import package
import root
import switches
from host import OBJECT, MANAGER, HANG, Failure, check, check_equal, restarts, wait_until
from test_package import install
from test_plug import configure
from vm import Vm, boot, wait_answer

HOST = {'packages': root.CONSUMERS}

# All of it is refused without a line of it: alice has bridges, and some VLANs of a switch.
GRANTS = '''[Grant bridges]
Users=@kvm
Names=tap*
Switches=br0
TapsPerUser=16
[Grant vlans]
Users=@kvm
Names=tap*
Switches=dsw-host
VLANs=60-69
TapsPerUser=16
'''


def mac(number: int) -> str:
    return f'52:54:00:00:00:{number:02x}'


def run_with(name: str, queues: int, *options: str) -> list[str]:
    return ['tapctl', 'run', name, f'--queues={queues}', *options, '--']


def device(netdev: str, address='{mac}', multi_queue=False) -> list[str]:
    return ['-device', f'virtio-net-pci,netdev={netdev},mac={address}' + (',mq=on' if multi_queue else '')]


def by_descriptors(queues: int) -> list[str]:
    return ['-netdev', 'tap,id=fds,fds={fds}', *device('fds', multi_queue=queues > 1)]


def by_name(name: str, queues: int, address: str) -> list[str]:
    return ['-netdev', f'tap,id={name},ifname={name},queues={queues},script=no,downscript=no',
            *device(name, address, multi_queue=queues > 1)]


def add_bridge(host, *networks: int):
    """br0, on which the host is number 1 of these networks."""
    switches.add_bridge(host)
    for network in networks:
        host.run(['ip', 'address', 'add', f'10.0.{network}.1/24', 'dev', 'br0'], check=True)


def add_vlan(host, vlan: int):
    """A device of the host in a VLAN of dsw-host, with number 1 of the network of that number."""
    name = f'host{vlan}'
    switches.add_ovs_port(host, 'dsw-host', name, f'tag={vlan}', interface=['type=internal'])
    wait_until(f'Open vSwitch to make {name}', lambda: host.link(name))
    host.run(f'ip address add 10.0.{vlan}.1/24 dev {name} && ip link set {name} up', check=True)


def traces(host) -> dict:
    """All that TAPs leave on a host while they are there."""
    records = host.run('cd /run/tapd && find . -type f | sort', check=True).out.split()
    return {'devices': sorted(host.links()), 'TAPs': host.taps(), 'records': records,
            'rows': sorted(switches.interfaces(host)), 'bridge ports': host.run(['bridge', 'link'], check=True).out}


def check_gone(host, before: dict, what: str):
    try:
        wait_until(what, lambda: traces(host) == before)
    except Failure:
        check_equal(traces(host), before, what)


def test_descriptors_and_name(host):
    """With 1, 2 and 4 queues of `tapctl run`, and by name: all answer the host and each other, and leave nothing"""
    configure(host, GRANTS)
    add_bridge(host, 1, 2, 4, 9)
    host.tapctl('alice', 'create', '--switch', 'br0', 'tap9')
    before = traces(host)
    one = Vm(host, 'one', by_descriptors(1) + by_name('tap9', 2, mac(9)), ['10.0.1.2/24', '10.0.9.2/24'],
             run_with('tap1', 1, '--switch=br0'))
    two = Vm(host, 'two', by_descriptors(2), ['10.0.2.2/24'], run_with('tap2', 2, '--switch=br0'), cpus=2)
    four = Vm(host, 'four', by_descriptors(4), ['10.0.4.2/24'], run_with('tap4', 4, '--switch=br0'), cpus=4)
    boot(one, two, four)
    two.run('ip address add 10.0.9.3/24 dev eth0')
    four.run('ip address add 10.0.2.3/24 dev eth0')
    two.run('ip address add 10.0.1.3/24 dev eth0')
    wait_answer(host, '10.0.1.2', '10.0.9.2', '10.0.2.2', '10.0.4.2')
    one.ping('10.0.9.3', 'eth1')
    one.ping('10.0.1.3')
    two.ping('10.0.2.3')
    for name, machine, queues in (('tap1', one, 1), ('tap2', two, 2), ('tap4', four, 4)):
        check_equal((host.tap(name, 'QueuesAttached'), host.tap(name, 'QueuesDetached'), host.tap(name, 'State')),
                    (str(queues), '0', "'ready'"), name)
        check_equal("'" + machine.run('cat /sys/class/net/eth0/address')[-1] + "'", host.tap(name, 'GuestMACAddress'),
                    f'the address of the guest on {name}')

    one.quit()
    two.power_off()
    four.kill()
    check_gone(host, before, 'what is left of three that ended')
