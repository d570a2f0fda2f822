# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAPs in switches: who may plug where, what passes between them, and what becomes of them when a switch is away."""

import json
import re

import switches
from frames import ETHERTYPE, TAGGED, frame, pass_frame, tagged
from host import (DENIED, DONE, FAILED, IN_USE, OBJECT, TAP, Failure, check, check_equal, restarts, wait_until)
from test_declared import declare, put, reload
from test_ipv6 import addresses_and_routes, router_advertisement

HOST = switches.HOST

OPEN = '''[Grant lab]
Users=@kvm
Names=tap*
Switches=dsw-* br0 br1
VLANs=all
Trunk=yes
TapsPerUser=64
'''
STUDENTS = '''[Grant lab]
Users=@students
Names=tap* lab*
Switches=dsw-host
VLANs=400-449
Trunk=yes
TapsPerUser=8
[Grant play]
Users=@students
Names=vm*
Switches=dsw-play
VLANs=all
'''


def configure(host, text=OPEN):
    put(host, '/etc/tapd/tapd.conf', '[Defaults]\nGroup=kvm\n' + text)
    reload(host)


def port(host, name: str) -> dict | None:
    """The row of a TAP's port on dsw-host."""
    return switches.ovs_ports(host, 'dsw-host').get(name)


def check_port(host, name: str, **columns):
    found = port(host, name) or {}
    check_equal({key: found.get(key) for key in columns}, columns, f'the port of {name}')


def own_rows(host) -> list[str]:
    """The names of the rows that are marked as tapd's, on any bridge or none."""
    found = []
    for table in ('Port', 'Interface'):
        shown = json.loads(switches.vsctl(host, '--format=json', '--columns=name,external_ids', 'list', table))
        found += [name for name, ids in shown['data'] if any(key == 'tapd-id' for key, _ in ids[1])]
    return sorted(found)


def queues(host, *names: str):
    found = [host.queue('alice', name) for name in names]
    for queue in found:
        check_equal(queue.error, '', 'opening a queue')
    return found


def nothing_passes(sender, receiver, sent: bytes, then, proof: bytes):
    """A frame that is not to arrive, and one after it that does, by another way or after a change."""
    sender.send(sent)
    then()
    check_equal(receiver.receive(ETHERTYPE), proof, 'the first frame that arrives')


# What passes

def test_bridge(host):
    """Two TAPs on one bridge exchange frames; isolated from each other they do not, live"""
    configure(host)
    switches.add_bridge(host)
    host.tapctl('alice', 'create', 'tap1', 'tap2', 'tap3', '--switch', 'br0')
    one, two, three = queues(host, 'tap1', 'tap2', 'tap3')
    host.wait_forwarding('tap1', 'tap2', 'tap3')
    pass_frame(one, two, frame(1, 'there'), 'from tap1 to tap2')
    pass_frame(two, one, frame(2, 'and back'), 'from tap2 to tap1')
    check_equal(three.receive(ETHERTYPE), frame(1, 'there'), 'tap3 hears the broadcast')
    check_equal(three.receive(ETHERTYPE), frame(2, 'and back'), 'tap3 hears the broadcast')

    before = host.link('tap1')['ifindex']
    for name in ('tap1', 'tap2'):
        host.tapctl('alice', 'plug', name, 'br0', '--isolated')
        check_equal(host.tap(name, 'Isolated'), 'true', f'{name}: Isolated')
    check_equal(host.link('tap1')['ifindex'], before, 'the device')
    one.send(frame(1, 'isolated'))
    check_equal(three.receive(ETHERTYPE), frame(1, 'isolated'), 'tap3 is not isolated')
    pass_frame(three, two, frame(3, 'to all'), 'the first that tap2 hears after that')


def test_ovs(host):
    """On Open vSwitch: the same VLAN yes, another no, a trunk with tags; re-tagged live, without losing the device"""
    configure(host)
    switches.add_ovs_bridge(host)
    for name, options in (('tap1', ['--vlan', '10']), ('tap2', ['--vlan', '10']), ('tap3', ['--vlan', '20']),
                          ('tap4', ['--trunk', '10,20-29']), ('tap5', ['--vlan', '10', '--trunk', '20'])):
        check_equal(host.tapctl('alice', 'create', name, '--switch', 'dsw-host', *options).out, name + '\n', 'made')
    check_port(host, 'tap1', tag=10, trunks=[], vlan_mode='access')
    check_port(host, 'tap4', tag=None, trunks=[10, *range(20, 30)], vlan_mode='trunk')
    check_port(host, 'tap5', tag=10, trunks=[20], vlan_mode='native-untagged')
    check_equal(host.tap('tap4', 'Trunk').replace('uint16 ', ''), '[(10, 10), (20, 29)]', 'Trunk of tap4')
    check_equal([host.tap('tap1', key) for key in ('Switch', 'SwitchKind', 'VLAN')],
                ["'dsw-host'", "'openvswitch'", '10'], 'properties of tap1')

    one, two, three, trunk, native = queues(host, 'tap1', 'tap2', 'tap3', 'tap4', 'tap5')
    sent = frame(1, 'VLAN 10')
    pass_frame(one, two, sent, 'from tap1 to tap2')
    check_equal(trunk.receive(TAGGED), tagged(sent, 10), 'what the trunk sees of it')
    check_equal(native.receive(ETHERTYPE), sent, 'what the native VLAN sees of it')
    trunk.send(tagged(frame(4, 'VLAN 20'), 20))
    check_equal(three.receive(ETHERTYPE), frame(4, 'VLAN 20'), 'the first that tap3 hears')
    check_equal(native.receive(TAGGED), tagged(frame(4, 'VLAN 20'), 20), 'and tap5, tagged')

    before = (host.link('tap2')['ifindex'], switches.interfaces(host)['tap2']['ofport'])
    host.tapctl('alice', 'plug', 'tap2', 'dsw-host', '--vlan', '20')
    check_port(host, 'tap2', tag=20, trunks=[], vlan_mode='access')
    check_equal((host.link('tap2')['ifindex'], switches.interfaces(host)['tap2']['ofport']), before, 'device and port')
    one.send(frame(1, 'no more'))
    pass_frame(three, two, frame(3, 'VLAN 20 now'), 'the first that tap2 hears after it')
    host.tapctl('alice', 'unplug', 'tap2')
    check_equal((port(host, 'tap2'), host.tap('tap2', 'Switch')), (None, "''"), 'tap2 after it was unplugged')
    check('UP' in host.link('tap2')['flags'], 'tap2 is down')
    two.close()
    host.tapctl('alice', 'delete', 'tap2')
    host.tapctl('alice', 'delete', '--force', 'tap1', 'tap3', 'tap4', 'tap5')
    check_equal(own_rows(host), [], 'rows of TAPs that are gone')


def test_ephemeral(host):
    """The port of an ephemeral TAP goes with it, however its program ends"""
    configure(host)
    switches.add_ovs_bridge(host)
    for how in ('exit 3', 'kill -9 $$'):
        host.run(['tapctl', 'run', '--switch', 'dsw-host', '--vlan', '10', '--', 'sh', '-c',
                  f'tapctl list --noheadings -o NAME,SWITCH,VLAN; {how}'], user='alice')
        wait_until('the row to go', lambda: own_rows(host) == [] and host.taps() == [])


# Who may

def student(host):
    host.run('getent group students || groupadd students; id dave 2>&- ||'
             ' useradd --create-home --shell /bin/bash --groups students dave', check=True)


def refused(host, *arguments: str, words: str, user='dave'):
    before = switches.ovs_ports(host, 'dsw-host')
    said = host.tapctl(user, '--no-ask-password', *arguments, status=DENIED).err
    check(re.search(words, said), f'{arguments}: it does not say {words!r}:\n{said}')
    check_equal(switches.ovs_ports(host, 'dsw-host'), before, f'{arguments}: ports')


def test_grants(host):
    """A student with VLANs 400 to 449 of one switch: those, and nothing beside them; with a password all"""
    student(host)
    configure(host, STUDENTS)
    for name in ('dsw-host', 'dsw-play'):
        switches.add_ovs_bridge(host, name)
    for vlan in ('400', '449'):
        host.tapctl('dave', 'create', 'tap1', '--switch', 'dsw-host', '--vlan', vlan)
        check_port(host, 'tap1', tag=int(vlan))
        host.tapctl('dave', 'delete', 'tap1')

    on = ['create', 'tap1', '--switch', 'dsw-host']
    refused(host, *on, '--vlan', '399', words='VLAN=: 399 is not in VLANs= of grant lab')
    refused(host, *on, '--vlan', '450', words='VLAN=: 450 is not in VLANs= of grant lab')
    refused(host, *on, '--trunk', '440-450', words='Trunk=: 450 is not in VLANs= of grant lab')
    refused(host, *on, words='VLAN=: one of those in VLANs= of grant lab is needed')
    refused(host, 'create', 'tap1', '--switch', 'dsw-play', '--vlan', '400', words='"dsw-play" is not in Switches=')
    refused(host, 'create', 'vm1', '--switch', 'dsw-host', '--vlan', '400', words='"dsw-host" is not in Switches=')
    # Of two grants that know the name the one for that switch says why.
    configure(host, STUDENTS.replace('Names=vm*', 'Names=vm* tap*'))
    refused(host, *on, '--vlan', '450', words='VLAN=: 450 is not in VLANs= of grant lab')
    configure(host, STUDENTS)
    check_equal(host.taps(), [], 'TAPs')

    host.tapctl(None, 'create', 'tap2', 'tap3', '--switch', 'dsw-host', '--vlan', '7')
    refused(host, 'plug', 'tap2', 'dsw-host', '--vlan', '400', words='belongs to')
    host.tapctl('dave', 'create', 'tap1')
    refused(host, 'plug', 'tap1', 'dsw-host', '--vlan', '450', words='VLAN=: 450')
    host.tapctl('dave', 'plug', 'tap1', 'dsw-host', '--vlan', '401')
    check_port(host, 'tap1', tag=401)

    terminal = host.terminal(['tapctl', 'plug', 'tap1', 'dsw-host', '--vlan', '450'], user='dave')
    terminal.expect('Password: ')
    check_port(host, 'tap1', tag=401)
    terminal.type_password('carol')
    check_equal(terminal.finish().status, DONE, 'exit status with a password')
    check_port(host, 'tap1', tag=450)


def test_managers(host):
    """Whom a file names in Managers= re-tags that TAP, and no other; it stays so over a restart"""
    student(host)
    configure(host, STUDENTS)
    switches.add_ovs_bridge(host)
    for name, more in (('tap56', 'Managers=@students\n'), ('tap57', '')):
        declare(host, f'[Tap]\nName={name}\n{more}[Port]\nSwitch=dsw-host\nVLAN=420\n', name)
    reload(host)
    for name in ('tap56', 'tap57'):
        wait_until(f'{name} to be ready', lambda: host.tap(name, 'State') == "'ready'")
        check_port(host, name, tag=420)
    host.tapctl('dave', 'plug', 'tap56', 'dsw-host', '--vlan', '421')
    refused(host, 'plug', 'tap57', 'dsw-host', '--vlan', '421', words='belongs to')
    reload(host)
    check_port(host, 'tap56', tag=421)
    check_port(host, 'tap57', tag=420)
    check_equal(host.tap('tap56', 'State'), "'ready'", 'State of tap56')


# What is somebody else's

def test_stale_rows(host):
    """Neither a stale row of another tenant's nor one of a TAP that is gone ever gets a new TAP"""
    configure(host)
    switches.add_ovs_bridge(host)
    switches.vsctl(host, '--no-wait', 'add-port', 'dsw-host', 'tap1', 'tag=30')
    said = host.tapctl('alice', 'create', 'tap1', status=IN_USE).err
    check('Open vSwitch has a port of this name' in said, said)
    host.tapctl('alice', 'create', 'tap1', '--switch', 'dsw-host', '--vlan', '10', status=IN_USE)
    check_equal(host.link('tap1'), None, 'tap1')
    # The lowest free number is another one.
    check_equal(host.tapctl('alice', 'create').out, 'tap0\n', 'the name that is chosen')

    # One that another life of the host left: marked as ours, and of no TAP.
    switches.vsctl(host, '--no-wait', 'add-port', 'dsw-host', 'tap5', 'tag=30', '--', 'set', 'Port', 'tap5',
                   'external_ids:tapd-id=0123456789abcdef0123456789abcdef', '--', 'set', 'Interface', 'tap5',
                   'external_ids:tapd-id=0123456789abcdef0123456789abcdef')
    host.tapctl('alice', 'create', 'tap5')
    wait_until('the left-over to go', lambda: port(host, 'tap5') is None)


@restarts
def test_unseen_rows(host):
    """A TAP that was made while Open vSwitch could not say what ports it has never gets what one of its name has"""
    configure(host)
    switches.add_ovs_bridge(host)
    switches.vsctl(host, '--no-wait', 'add-port', 'dsw-host', 'tap9', 'tag=30')
    host.tapctl('alice', 'create', 'tap1', '--switch', 'dsw-host', '--vlan', '30')
    thirty, = queues(host, 'tap1')
    with switches.stopped(host):
        host.run(['systemctl', 'restart', 'tapd.service'], check=True)
        host.tapctl('alice', 'create', 'tap7', 'tap8', 'tap9')
        host.run(['ip', 'link', 'set', 'dev', 'tap7', 'down'], check=True)
        host.run(['systemctl', 'restart', 'tapd.service'], check=True)
    wait_until('tap9 to be blocked', lambda: host.tap('tap9', 'State') == "'blocked'")
    check('UP' not in host.link('tap9')['flags'], 'tap9 is up')
    check('UP' not in host.link('tap7')['flags'], 'tap7 is up, and somebody took it down')
    said = host.tapctl('alice', 'up', 'tap9', status=IN_USE).err
    check('Open vSwitch has a port of its name' in said, said)
    check_equal((host.tap('tap8', 'State'), 'UP' in host.link('tap8')['flags']), ("'ready'", True), 'tap8')
    switches.vsctl(host, 'del-port', 'tap9')
    wait_until('tap9 to be up', lambda: 'UP' in host.link('tap9')['flags'])
    check_equal(host.tap('tap9', 'State'), "'ready'", 'State of tap9')
    # Nothing of it ever was in VLAN 30.
    check_equal(thirty.receive(ETHERTYPE, 0.1), None, 'what VLAN 30 heard')


def test_foreign_bridge(host):
    """A port that somebody else moved is put back where a file declares it, and told of elsewhere"""
    configure(host)
    switches.add_ovs_bridge(host)
    declare(host, '[Tap]\nName=tap7\n[Port]\nSwitch=dsw-host\nVLAN=420\n', 'tap7')
    reload(host)
    host.tapctl('alice', 'create', 'tap1', '--switch', 'dsw-host', '--vlan', '10')
    for name in ('tap1', 'tap7'):
        switches.vsctl(host, 'set', 'Port', name, 'tag=30')
    wait_until('tap7 to be put back', lambda: (port(host, 'tap7') or {}).get('tag') == 420)
    wait_until('VLAN of tap1 to be told', lambda: host.tap('tap1', 'VLAN') == '30')
    check_port(host, 'tap1', tag=30)
    for name in ('tap1', 'tap7'):
        switches.vsctl(host, 'del-port', name)
    wait_until('tap7 to be put back', lambda: (port(host, 'tap7') or {}).get('tag') == 420)
    wait_until('Switch of tap1 to be told', lambda: host.tap('tap1', 'Switch') == "''")


# When it is away

def unavailable(host, *arguments: str):
    """Within 5 s, which is for the kernel's clock to say: the request itself waits no longer than that."""
    said = host.tapctl('alice', *arguments, status=FAILED).err
    check('Open vSwitch' in said or 'dsw-host' in said, said)


def with_two(host):
    configure(host)
    switches.add_ovs_bridge(host)
    switches.add_bridge(host)
    declare(host, '[Tap]\nName=tap7\n[Port]\nSwitch=dsw-host\nVLAN=10\n', 'tap7')
    reload(host)
    host.tapctl('alice', 'create', 'tap1', 'tap2', '--switch', 'dsw-host', '--vlan', '10')
    wait_until('tap7 to be ready', lambda: host.tap('tap7', 'State') == "'ready'")
    return queues(host, 'tap1', 'tap2')


def bridges_go_on(host):
    host.tapctl('alice', 'create', 'tap3', '--switch', 'br0')
    host.tapctl('alice', 'unplug', 'tap3')
    host.tapctl('alice', 'plug', 'tap3', 'br0')
    host.tapctl('alice', 'delete', 'tap3')


def as_wanted(host) -> bool:
    return own_rows(host) == sorted(['tap1', 'tap2', 'tap7'] * 2) and host.tap('tap7', 'State') == "'ready'"


def away(host):
    """What is asked while it is away."""
    unavailable(host, 'create', 'tap9', '--switch', 'dsw-host', '--vlan', '10')
    unavailable(host, 'plug', 'tap1', 'dsw-host', '--vlan', '20')
    bridges_go_on(host)
    check_equal(host.link('tap9'), None, 'tap9')
    # What is deleted meanwhile loses its row later.
    host.tapctl('alice', 'create', 'tap8')
    host.tapctl('alice', 'delete', 'tap8')


def test_frozen_database(host):
    """ovsdb-server hangs: bridges are unaffected, ports go on, what is asked is refused, and nothing of it is left"""
    one, two = with_two(host)
    with switches.frozen(host, switches.DATABASE):
        pass_frame(one, two, frame(1, 'meanwhile'), 'frames go on')
        away(host)
    wait_until('everything to be as wanted', lambda: as_wanted(host))
    check_port(host, 'tap1', tag=10)
    host.tapctl('alice', 'plug', 'tap1', 'dsw-host', '--vlan', '20')
    check_port(host, 'tap1', tag=20)


def test_stopped_database(host):
    """ovsdb-server ends and is started again, with a new socket"""
    # No frame passes meanwhile: with its datapath in user space ovs-vswitchd of OVS 3.1 waits for its database.
    with_two(host)
    with switches.stopped(host, switches.DATABASE):
        away(host)
    wait_until('everything to be as wanted', lambda: as_wanted(host))
    switches.kill(host, switches.DATABASE)
    wait_until('everything to be as wanted', lambda: as_wanted(host))
    host.tapctl('alice', 'plug', 'tap1', 'dsw-host', '--vlan', '20')
    check_port(host, 'tap1', tag=20)


def test_restart_of_ovs(host):
    """All of Open vSwitch is started again; a TAP that was deleted meanwhile leaves no row"""
    one, two = with_two(host)
    switches.restart(host)
    wait_until('everything to be as wanted', lambda: as_wanted(host))
    two.close()
    one.close()
    with switches.stopped(host):
        host.tapctl('alice', 'delete', 'tap2')
    wait_until('the row of tap2 to go', lambda: own_rows(host) == sorted(['tap1', 'tap7'] * 2))


def test_forwarding_killed(host):
    """ovs-vswitchd is killed, and comes back; hung, it takes no port: the row is withdrawn"""
    with_two(host)
    switches.kill(host, switches.FORWARDING)
    wait_until('everything to be as wanted', lambda: as_wanted(host))
    with switches.frozen(host, switches.FORWARDING):
        unavailable(host, 'create', 'tap9', '--switch', 'dsw-host', '--vlan', '10')
        unavailable(host, 'plug', 'tap1', 'dsw-host', '--vlan', '20')
        check_port(host, 'tap1', tag=10)
        bridges_go_on(host)
    check_equal((host.link('tap9'), port(host, 'tap9')), (None, None), 'tap9')
    wait_until('everything to be as wanted', lambda: as_wanted(host))


@restarts
def test_tapd_away(host):
    """tapd is killed and stopped: plugged ports go on; what went meanwhile loses its row"""
    one, two = with_two(host)
    before = switches.ovs_ports(host, 'dsw-host')
    pid = host.daemon_pid()
    host.run(['kill', '-KILL', str(pid)], check=True)
    pass_frame(one, two, frame(1, 'without tapd'), 'frames go on')
    host.daemon_ready(other_than=pid)
    check_equal(switches.ovs_ports(host, 'dsw-host'), before, 'the ports')
    two.close()
    host.run(['systemctl', 'stop', 'tapd.service'], check=True)
    host.run(['ip', 'link', 'del', 'dev', 'tap2'], check=True)
    host.run(['systemctl', 'start', 'tapd.service'], check=True)
    wait_until('the row of tap2 to go', lambda: own_rows(host) == sorted(['tap1', 'tap7'] * 2))


@restarts
def test_reboot(host):
    """After a reboot the rows of the TAPs that were are gone, and those of declared ones are there"""
    with_two(host)
    host.stop_started()
    host.reboot()
    host.daemon_ready()
    wait_until('the rows to be those of what is there', lambda: own_rows(host) == ['tap7', 'tap7'])
    wait_until('tap7 to be ready', lambda: host.tap('tap7', 'State') == "'ready'")


# What a guest sends

def dhcp_offer() -> bytes:
    """A server's offer of an address and itself as the router, to everybody (RFC 2131)."""
    options = (bytes.fromhex('63825363') + bytes([53, 1, 2, 54, 4, 10, 66, 0, 1, 51, 4, 0, 1, 0, 0, 1, 4, 255, 255, 255, 0,
                                                  3, 4, 10, 66, 0, 1, 255]))
    body = bytes([2, 1, 6, 0]) + b'tapd' + bytes(8) + bytes([10, 66, 0, 99, 10, 66, 0, 1]) + bytes(4) + bytes(208) + options
    udp = (67).to_bytes(2, 'big') + (68).to_bytes(2, 'big') + (8 + len(body)).to_bytes(2, 'big') + bytes(2) + body
    header = bytearray(bytes([0x45, 0]) + (20 + len(udp)).to_bytes(2, 'big') + bytes(4) + bytes([64, 17, 0, 0]) +
                       bytes([10, 66, 0, 1]) + b'\xff' * 4)
    total = sum(int.from_bytes(header[i:i + 2], 'big') for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    header[10:12] = (~total & 0xffff).to_bytes(2, 'big')
    return b'\xff' * 6 + bytes([2, 0, 0, 0, 0, 1]) + bytes.fromhex('0800') + bytes(header) + udp


def test_guest_as_router(host):
    """A Router Advertisement and a DHCP offer from a guest leave addresses and routes as they are, on either switch"""
    configure(host)
    switches.add_bridge(host)
    switches.add_ovs_bridge(host)
    host.tapctl('alice', 'create', 'tap1', '--switch', 'br0')
    host.tapctl('alice', 'create', 'tap2', '--switch', 'dsw-host', '--vlan', '10')
    host.tapctl('alice', 'create', 'tap3', '--switch', 'br0')
    host.tapctl('alice', 'create', 'tap4', '--switch', 'dsw-host', '--vlan', '10')
    senders, receivers = queues(host, 'tap1', 'tap2'), queues(host, 'tap3', 'tap4')
    host.wait_forwarding('tap1', 'tap3')
    before = addresses_and_routes(host)
    for sender, receiver in zip(senders, receivers):
        for kind, sent in ((0x86dd, router_advertisement(bytes.fromhex('20010db800010000'))), (0x0800, dhcp_offer())):
            sender.send(sent)
            check_equal(receiver.receive(kind), sent, 'another guest hears it')
    check_equal(addresses_and_routes(host), before, 'addresses and routes')


def test_no_rights(host):
    """tapd itself has no way to the database but its socket, and is as confined as it was"""
    pid = host.daemon_pid()
    shown = host.run(['nsenter', '-t', str(pid), '-m', '--', 'setpriv', '--reuid=tapd', '--regid=tapd', '--clear-groups',
                      'sh', '-c', 'test -w /run/openvswitch/db.sock'])
    check(shown.status != DONE, 'tapd may write to the socket of ovsdb-server')
    for unit in ('tapd.service', 'tapd-ovs.service'):
        shown = host.run(['systemd-analyze', 'security', '--threshold=13', '--no-pager', unit])
        check_equal(shown.status, DONE, str(shown)[-500:])
