# SPDX-License-Identifier: LGPL-2.1-or-later
"""Open vSwitch beside tapd: the way to its database, who may go it, and that its ports keep VLANs apart."""

import contextlib

import package
import switches
from frames import ETHERTYPE, TAGGED, frame, pass_frame, tagged
from host import DONE, check, check_equal, restarts, wait_until
from test_package import install

HOST = switches.HOST

WAY = '/run/tapd-ovs/db.sock'
SERVER = '/run/openvswitch/db.sock'
SOCKET = 'tapd-ovs.socket'
PROXY = 'tapd-ovs.service'


def list_databases(host, user, path=WAY):
    return host.run(['ovsdb-client', 'list-dbs', f'unix:{path}'], user=user)


def check_way(host, what: str):
    """tapd's user reaches the database."""
    shown = list_databases(host, 'tapd')
    check_equal((shown.status, shown.out.split()[:1]), (DONE, ['Open_vSwitch']), f'{shown}\n{what}')


def show(host, unit: str, key: str) -> str:
    return host.run(['systemctl', 'show', '--value', '--property=' + key, unit], check=True).out.strip()


def check_no_failure(host):
    check_equal(host.run(['systemctl', '--failed', '--no-legend'], check=True).out, '', 'failed units')
    check_equal(show(host, SOCKET, 'ActiveState'), 'active', 'the socket')


def test_way(host):
    """tapd's user reaches the database through the socket that is his, and not otherwise; nobody else does"""
    check_way(host, 'the way of tapd')
    check_equal(list_databases(host, None).status, DONE, 'root, who needs no way')
    for user, path in (('alice', WAY), ('mallory', WAY), ('libvirt-qemu', WAY), ('alice', SERVER),
                       ('tapd', SERVER)):
        refused = list_databases(host, user, path)
        check('Permission denied' in refused.err, f'{user} is not refused at {path}: {refused}')
        check_equal((refused.status != DONE, refused.out), (True, ''), f'{user} at {path}: {refused}')
    check_equal(host.run(f'stat -c "%U:%G %a %F" {WAY} /run/tapd-ovs', check=True).out,
                'tapd:tapd 600 socket\nroot:root 755 directory\n', 'the socket and its folder')


def test_proxy(host):
    """Who stands between has no capability, sees no network and no file of the host but /run, and writes nowhere"""
    check_way(host, 'the way of tapd')
    process = f'/proc/{show(host, PROXY, "MainPID")}'
    status = dict(line.split(':\t', 1) for line in
                  host.run(['cat', f'{process}/status'], check=True).out.splitlines() if ':\t' in line)
    check_equal({key: int(status[key], 16) for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')},
                dict.fromkeys(('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'), 0), 'its capabilities')
    check_equal((status['NoNewPrivs'], status['Seccomp']), ('1', '2'), 'NoNewPrivs and Seccomp')
    devices = host.run(['cat', f'{process}/net/dev'], check=True).out.splitlines()[2:]
    check_equal([line.split(':')[0].strip() for line in devices], ['lo'], 'devices that it sees')
    check_equal(host.run(['ls', f'{process}/root'], check=True).out.split(),
                ['dev', 'lib', 'lib64', 'proc', 'run', 'sys', 'tmp', 'usr', 'var'], 'what it has for a root')
    for folder in ('usr', 'var'):
        found = host.run(['ls', '-A', f'{process}/root/{folder}'], check=True).out.split()
        check(set(found) <= {'lib', 'lib64', 'tmp'}, f'/{folder} for it: {found}')
    for folder in ('', '/lib', '/usr/lib', '/run', '/run/openvswitch', '/var'):
        check(host.run(['touch', f'{process}/root{folder}/here']).status != DONE, f'{folder}/ is writable for it')


def monitored(host):
    """A program of tapd's user that stays connected; it ends when the connection does."""
    program = host.start(['ovsdb-client', 'monitor', f'unix:{WAY}', 'Open_vSwitch', 'Open_vSwitch', 'ovs_version'],
                         user='tapd')
    wait_until('it to be connected', lambda: program.line().startswith('row'))
    return program


def socket_inode(host) -> int:
    return host.path(SERVER).stat().st_ino


def test_restarts(host):
    """Open vSwitch may be started again and its server may crash: who was connected is told, and connects again"""
    for what in (switches.restart, lambda host: switches.kill(host, switches.DATABASE)):
        program, proxy, before = monitored(host), show(host, PROXY, 'MainPID'), socket_inode(host)
        what(host)
        program.finish()
        check(socket_inode(host) != before, 'the server has its old socket')
        check_way(host, 'the way to the new socket')
        check_equal(show(host, PROXY, 'MainPID'), proxy, 'the pid of the proxy')
        check_no_failure(host)


def test_frozen(host):
    """A server that hangs: who asks waits, and is answered when it goes on"""
    with switches.frozen(host, switches.DATABASE):
        asking = host.start(['ovsdb-client', 'list-dbs', f'unix:{WAY}'], user='tapd')
        wait_until('it to be connected', lambda: WAY in host.run(['ss', '-xH', 'state', 'established'], check=True).out)
        check_equal(asking.popen.poll(), None, 'the exit status of who asks')
    check_equal(asking.finish().status, DONE, 'the exit status in the end')


def test_killed(host):
    """Where the proxy is killed the way is open again, and nothing counts as failed"""
    check_way(host, 'before')
    proxy = show(host, PROXY, 'MainPID')
    host.run(['kill', '-KILL', proxy], check=True)
    wait_until('systemd to see it', lambda: show(host, PROXY, 'MainPID') != proxy)
    check_no_failure(host)
    check_way(host, 'afterwards')


@contextlib.contextmanager
def drop_in(host, unit: str, text: str):
    """More settings of a unit, for a while."""
    folder = f'/run/systemd/system/{unit}.d'
    host.path(folder).mkdir(parents=True)
    host.path(f'{folder}/test.conf').write_text(text)
    host.run(['systemctl', 'daemon-reload'], check=True)
    try:
        yield
    finally:
        host.run(f'rm -r {folder}; systemctl daemon-reload')


def test_broken_proxy(host):
    """A proxy that cannot run is tried more often than units may be started, at a pace that does not cost the socket"""
    host.run(['systemctl', 'stop', PROXY], check=True)
    with drop_in(host, PROXY, '[Service]\nExecStart=\nExecStart=/usr/lib/systemd/systemd-socket-proxyd --no-such\n'):
        asking = host.start(['ovsdb-client', 'list-dbs', f'unix:{WAY}'], user='tapd')
        wait_until('it to be tried again', lambda: int(show(host, PROXY, 'NRestarts')) >= 6)
        check_no_failure(host)
    check_equal(asking.finish().status, DONE, 'the exit status of who asked meanwhile, when it is mended')


@restarts
def test_with_tapd(host):
    """The way is there as long as tapd is; where it is masked tapd runs all the same"""
    host.run(['systemctl', 'stop', 'tapd.service'], check=True)
    wait_until('the socket to go', lambda: show(host, SOCKET, 'ActiveState') == 'inactive')
    check(not host.path(WAY).exists(), f'{WAY} is still there')
    host.run(f'systemctl mask --runtime --quiet {SOCKET} && systemctl start tapd.service', check=True)
    check(not host.path(WAY).exists(), f'{WAY} is there although it is masked')
    host.tapctl('alice', 'create', 'tap1')
    host.run(f'systemctl unmask --runtime --quiet {SOCKET} && systemctl restart tapd.service', check=True)
    check_way(host, 'the way when tapd is back')


@restarts
def test_package(host):
    """An upgrade while somebody is connected opens the way anew, and a removal closes it"""
    program, proxy = monitored(host), show(host, PROXY, 'MainPID')
    install(host, package.deb())
    program.finish()
    check_way(host, 'the way after the upgrade')
    check(show(host, PROXY, 'MainPID') != proxy, 'the proxy is still the one of before')
    check_no_failure(host)

    program = monitored(host)
    try:
        host.run(['dpkg', '--remove', 'tapd'], check=True)
        program.finish()
        check(not host.path(WAY).exists(), f'{WAY} is still there')
        check_equal([show(host, name, 'ActiveState') for name in (SOCKET, PROXY)], ['inactive'] * 2, 'socket and proxy')
        check_equal(switches.ovs_bridges(host), [], 'bridges, as Open vSwitch tells them')
    finally:
        install(host, package.deb())
    check_way(host, 'the way when it is installed again')


@contextlib.contextmanager
def plugged(host, **ports: tuple[str, ...]):
    """TAPs of alice on dsw-host, plugged in by hand with these columns of their rows; gives a queue of each."""
    switches.add_ovs_bridge(host, 'dsw-host')
    host.tapctl('alice', 'create', *ports)
    for name, columns in ports.items():
        switches.add_ovs_port(host, 'dsw-host', name, *columns)
    yield [host.queue('alice', name) for name in ports]


def test_vlans(host):
    """Frames of an access port reach its VLAN and no other; a trunk sees their tags, and only of its VLANs"""
    with plugged(host, tap1=('tag=10', ), tap2=('tag=10', ), tap3=('tag=20', ), tap4=('tag=20', ),
                 tap5=('vlan_mode=trunk', 'trunks=10,30')) as (one, two, three, four, trunk):
        sent = frame(1, 'VLAN 10')
        pass_frame(one, two, sent, 'from tap1 to tap2')
        check_equal(trunk.receive(TAGGED), tagged(sent, 10), 'what the trunk sees of it')
        # The switch has carried one out when it takes the other up: what comes second proves that nothing came first.
        pass_frame(four, three, frame(4, 'VLAN 20'), 'from tap4 to tap3')
        sent = frame(5, 'from the trunk')
        trunk.send(tagged(frame(5, 'in a VLAN that is not its own'), 20))
        pass_frame(trunk, one, tagged(sent, 10), 'from tap5 to tap1', arrives=sent)
        check_equal(two.receive(ETHERTYPE), sent, 'the same frame at tap2')
        pass_frame(three, four, frame(3, 'VLAN 20'), 'from tap3 to tap4')
        sent = frame(2, 'VLAN 10')
        pass_frame(two, one, sent, 'from tap2 to tap1')
        check_equal(trunk.receive(TAGGED), tagged(sent, 10), 'the next that the trunk sees')


def test_rows(host):
    """What the helpers of these tests tell of ports is what was written"""
    with plugged(host, tap1=('tag=10', ), tap2=('vlan_mode=native-untagged', 'tag=5', 'trunks=10,11,20'),
                 tap3=('external_ids:who=me', 'external_ids:why="to see"')):
        switches.add_ovs_bridge(host, 'other')
        check_equal(switches.ovs_bridges(host), ['dsw-host', 'other'], 'bridges')
        check_equal(switches.ovs_ports(host, 'other'), {}, 'ports of the other')
        nothing = {'tag': None, 'trunks': [], 'vlan_mode': None, 'external_ids': {}}
        check_equal(switches.ovs_ports(host, 'dsw-host'), {
            'tap1': {**nothing, 'tag': 10},
            'tap2': {**nothing, 'tag': 5, 'trunks': [10, 11, 20], 'vlan_mode': 'native-untagged'},
            'tap3': {**nothing, 'external_ids': {'who': 'me', 'why': 'to see'}},
        }, 'ports')
        switches.vsctl(host, 'set', 'Interface', 'tap1', 'external_ids:iface-id=one')
        check_equal(switches.interfaces(host)['tap1']['external_ids'], {'iface-id': 'one'}, 'of its interface')


def test_switch_restarts(host):
    """A port that was plugged in passes frames again after each kind of end of Open vSwitch"""
    with plugged(host, tap1=('tag=10', ), tap2=('tag=10', )) as (one, two):
        pass_frame(one, two, frame(1, 'before'), 'a frame before')
        for what in (switches.restart, lambda host: switches.kill(host, switches.FORWARDING),
                     lambda host: switches.kill(host, switches.DATABASE)):
            what(host)
            pass_frame(one, two, frame(1, 'after'), 'a frame after that')
        with switches.stopped(host):
            check(host.run(['ovs-vsctl', 'show']).status != DONE, 'Open vSwitch answers although it was stopped')
        with switches.stopped(host, switches.FORWARDING):
            check_way(host, 'the way to the database without the other daemon')
        with switches.stopped(host, switches.DATABASE):
            check(list_databases(host, 'tapd').status != DONE, 'the database answers although it was stopped')
        with switches.frozen(host, switches.FORWARDING):
            check_way(host, 'the way to the database while the other daemon hangs')
        pass_frame(two, one, frame(2, 'back'), 'a frame back')


def test_bridge(host):
    """A Linux bridge next to it, with an uplink"""
    host.tapctl('alice', 'create', 'tap1', 'tap2')
    switches.add_bridge(host, 'br0', ('tap1', 'tap2'))
    end = switches.add_uplink(host, 'br0')
    one, two = host.queue('alice', 'tap1'), host.queue('alice', 'tap2')
    host.wait_forwarding('tap1', 'tap2', 'uplink0')
    received = int(host.run(['cat', f'/sys/class/net/{end}/statistics/rx_packets'], check=True).out)
    pass_frame(one, two, frame(1, 'over the bridge'), 'a frame between TAPs')
    wait_until('the same at the end of the wire', lambda: int(host.run(
        ['cat', f'/sys/class/net/{end}/statistics/rx_packets'], check=True).out) > received)
