# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines take their cord: QEMU as an ordinary member of kvm starts it, by each way in."""

import re
import signal
import time

import package
import root
import switches
from host import MANAGER, OBJECT, Failure, check, check_equal, restarts, wait_until
from test_package import install
from test_plug import configure
from vm import Vm, boot, wait_answer

HOST = {'packages': root.CONSUMERS}

# What alice has of the switches.
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


def helper(host) -> str:
    """Where the package has it."""
    files = host.run(['dpkg', '--listfiles', 'tapd'], check=True).out.split()
    found = [path for path in files if re.fullmatch(r'/usr/libexec/(.*/)?[a-z-]*bridge-helper', path)]
    check(len(found) == 1, f'the package has one bridge helper, not {found}')
    return found[0]


def test_helper(host):
    """By the bridge helper, in three ways, and into a VLAN: who is in the same answers, who is in another does not"""
    path = helper(host)
    configure(host, GRANTS)
    add_bridge(host, 1, 2, 3)
    switches.add_ovs_bridge(host)
    add_vlan(host, 60)
    before = traces(host)
    one = Vm(host, 'one', [
        '-netdev', f'bridge,id=bridge,br=br0,helper={path}', *device('bridge', mac(1)),
        '-netdev', f'tap,id=tap,br=br0,helper={path}', *device('tap', mac(2)),
        '-nic', f'bridge,br=br0,helper={path},model=virtio-net-pci,mac={mac(3)}',
        '-netdev', f'bridge,id=vlan,br=dsw-host:60,helper={path}', *device('vlan', mac(4))],
        ['10.0.1.2/24', '10.0.2.2/24', '10.0.3.2/24', '10.0.60.2/24'])
    two = Vm(host, 'two', [*by_descriptors(1),
                           '-netdev', f'bridge,id=vlan,br=dsw-host:60,helper={path}', *device('vlan', mac(5))],
             ['10.0.61.3/24', '10.0.60.3/24'], run_with('tap9', 1, '--switch=dsw-host', '--vlan=61'))
    boot(one, two)
    wait_answer(host, '10.0.1.2', '10.0.2.2', '10.0.3.2', '10.0.60.2', '10.0.60.3')
    one.ping('10.0.60.3', 'eth3')

    one.run('ip address add 10.0.61.2/24 dev eth3')
    check(not any(one.hears('10.0.61.3', 'eth3') for _ in range(2)), 'a guest in VLAN 61 answers one in VLAN 60')
    host.tapctl('alice', 'plug', 'tap9', 'dsw-host', '--vlan', '60')
    one.ping('10.0.61.3', 'eth3')

    one.kill()
    two.quit()
    check_gone(host, before, 'what is left of two that ended')


# It attaches, and goes no further: no machine, no device, no processor.
ATTACH = ['qemu-system-x86_64', '-S', '-M', 'none', '-nodefaults', '-display', 'none', '-monitor', 'stdio', '-netdev']


def said(host, user: str, switch: str, vlan=0) -> str:
    """What tapd itself answers to the same request."""
    more = f", 'VLAN': <uint16 {vlan}>" if vlan else ''
    reply = host.call(user, OBJECT, MANAGER + '.CreateEphemeral', '""', f"@a{{sv}} {{'Switch': <'{switch}'>{more}}}",
                      'uint32 1')
    check(reply.error, f'it is not refused:\n{reply}')
    return reply.text


def check_refused(host, user: str, bridge: str, words: list[str], path: str):
    """Somebody's QEMU asks the helper in vain; he reads the reason, which has these words, and nothing changed."""
    before = traces(host)
    switch, _, vlan = bridge.partition(':')
    reason = said(host, user, switch, int(vlan or 0))
    check(all(word in reason for word in words), f'the reason for {user} at {bridge}, without one of {words}: {reason}')
    result = host.run([*ATTACH, f'bridge,id=n0,br={bridge},helper={path}'], user=user)
    check(result.status != 0, f'{result}\nit was not refused')
    # It calls people by their names.
    reason = reason.replace(f'uid {host.uid(user)};', f'{user};')
    check(reason in result.err, f'QEMU for {user} at {bridge} does not tell:\n{reason}\nbut\n{result.err}')
    check_equal(traces(host), before, 'what there is on the host')


def test_refused(host):
    """Who is refused reads why on QEMU's own standard error: no grant, foreign switch, VLAN, quota, no such switch"""
    path = helper(host)
    configure(host, GRANTS.replace('TapsPerUser=16', 'TapsPerUser=1'))
    add_bridge(host)
    switches.add_bridge(host, 'br9')
    switches.add_ovs_bridge(host)
    for user, bridge, words in (('mallory', 'br0', [str(host.uid('mallory'))]), ('alice', 'br9', ['br9']),
                                ('alice', 'dsw-host:70', ['70', 'vlans'])):
        check_refused(host, user, bridge, words, path)
    host.tapctl('alice', 'create', 'tap1')
    check_refused(host, 'alice', 'br0', ['TapsPerUser'], path)
    host.run('tapctl delete tap1; ip link del dev br0', check=True)
    check_refused(host, 'alice', 'br0', ['br0'], path)


@restarts
def test_without_tapd(host):
    """Where tapd does not run, and is not to be started, QEMU's user reads that"""
    path = helper(host)
    configure(host, GRANTS)
    add_bridge(host)
    host.run('systemctl mask --runtime --quiet tapd.service && systemctl stop tapd.service', check=True)
    try:
        result = host.run([*ATTACH, f'bridge,id=n0,br=br0,helper={path}'], user='alice')
        check(result.status != 0, f'{result}\nit was not refused')
        reasons = [re.sub(r'^\S*bridge-helper: ', '', line) for line in result.err.splitlines()
                   if not line.startswith('qemu-system')]
        check(any('tapd' in reason for reason in reasons), f'no reason in\n{result.err}')
    finally:
        host.run('systemctl unmask --runtime --quiet tapd.service && systemctl start tapd.service', check=True)


class Flood:
    """A ping a hundredth of a second, of which each answer is written down."""

    def __init__(self, host, address: str):
        self.host = host
        self.program = host.start(f'exec ping -n -i 0.01 {address} >/run/flood')

    def answered(self) -> set[int]:
        return set(map(int, re.findall(r'icmp_seq=(\d+) ttl', self.host.path('/run/flood').read_text())))

    def lost(self) -> set[int]:
        """The numbers that were never answered, but for those on their way in the end."""
        count = len(self.answered())
        wait_until('more pings to be answered', lambda: len(self.answered()) > count)
        self.program.signal(signal.SIGINT)
        self.program.finish()
        answered = self.answered()
        return set(range(1, max(answered))) - answered


def kill(host):
    host.run(['kill', '-KILL', str(host.daemon_pid())], check=True)


def restart(host):
    host.run(['systemctl', 'restart', 'tapd.service'], check=True)


def upgrade(host):
    install(host, package.deb())


@restarts
def test_restarts(host):
    """tapd is killed, restarted and upgraded 100 times: no ping is lost, and the guest never sees its link go"""
    configure(host, GRANTS)
    add_bridge(host, 1)
    guest = Vm(host, 'guest', by_descriptors(1), ['10.0.1.2/24'], run_with('tap1', 1, '--switch=br0')).wait_booted()
    wait_answer(host, '10.0.1.2')

    def seen() -> tuple:
        return (host.link('tap1')['ifindex'], guest.carrier_changes(),
                host.run(['cat', '/sys/class/net/tap1/carrier_changes'], check=True).out, host.tap('tap1', 'State'))

    before, begin = seen(), time.monotonic()
    flood = Flood(host, '10.0.1.2')
    starts = set()
    for i in range(100):
        pid = host.daemon_pid()
        (upgrade if i % 25 == 24 else kill if i % 2 else restart)(host)
        host.daemon_ready(other_than=pid)
        starts.add(host.daemon_starts())
    lost, seconds = flood.lost(), time.monotonic() - begin
    check_equal(len(starts), 100, 'starts of tapd')
    check_equal(seen(), before, 'ifindex, carrier changes in the guest and on the host, and State')
    if lost:
        # A machine that is too busy for this loses as many without it.
        control = Flood(host, '10.0.1.2')
        time.sleep(seconds)
        check(len(lost) <= len(control.lost()), f'lost pings: {sorted(lost)}')

    guest.quit()
    wait_until('the TAP to go', lambda: host.taps() == [])
