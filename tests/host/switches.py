# SPDX-License-Identifier: LGPL-2.1-or-later
"""The switches of a test host: Linux bridges, and Open vSwitch, whose datapath is in user space here."""

import contextlib
import json
import re

import root
from machine import Failure, wait_until

# The arguments of a Host with Open vSwitch, and nobody but the tests who has it do something.
HOST = {'packages': root.SWITCHES, 'masked': ('ovn-host.service', 'ovn-central.service')}

DATABASE, FORWARDING = 'ovsdb-server', 'ovs-vswitchd'
# In the order in which they start.
UNITS = (f'{DATABASE}.service', f'{FORWARDING}.service', 'openvswitch-switch.service')


# Linux bridges

def add_bridge(host, name='br0', ports=()):
    """A bridge that sends nothing of its own, and forwards at once, with these ports."""
    host.run(f'ip link add {name} type bridge mcast_snooping 0 forward_delay 0 &&'
             f' echo 1 >/proc/sys/net/ipv6/conf/{name}/disable_ipv6 && ip link set {name} up', check=True)
    for port in ports:
        host.run(['ip', 'link', 'set', 'dev', port, 'master', name], check=True)


def add_uplink(host, bridge: str, name='uplink0') -> str:
    """A port of a Linux bridge that is no TAP; gives the device at the other end of the wire."""
    host.run(f'ip link add {name} type veth peer name {name}p && ip link set {name} master {bridge} &&'
             f' ip link set {name} up && ip link set {name}p up', check=True)
    return name + 'p'


# Open vSwitch

def has_ovs(host) -> bool:
    return host.path('/usr/bin/ovs-vsctl').exists()


def vsctl(host, *arguments: str) -> str:
    """What ovs-vsctl prints. It returns when what was written is done by ovs-vswitchd, too, which has to run."""
    return host.run(['ovs-vsctl', *arguments], check=True).out


def add_ovs_bridge(host, name='dsw-host', *settings: str):
    """A bridge of Open vSwitch; settings are columns of its row, 'fail_mode=secure'."""
    vsctl(host, 'add-br', name, '--', 'set', 'Bridge', name, 'datapath_type=netdev', *settings)
    problem = interfaces(host)[name]['error']
    if problem:
        raise Failure(f'{name}: {problem}')


def add_ovs_port(host, bridge: str, name: str, *settings: str, interface=()):
    """Plugs a device in by hand; settings are columns of the port's row, 'tag=10', interface those of its interface."""
    more = ['--', 'set', 'Interface', name, *interface] if interface else []
    vsctl(host, 'add-port', bridge, name, *settings, *more)


def _value(written):
    """A value of the JSON of ovs-vsctl (RFC 7047, 5.1): sets are lists, unless of one element, and maps are dicts."""
    if not isinstance(written, list):
        return written
    kind, content = written
    if kind == 'map':
        return {key: _value(value) for key, value in content}
    return [_value(value) for value in content] if kind == 'set' else content


def _table(host, table: str, *columns: str) -> list[dict]:
    shown = json.loads(vsctl(host, '--format=json', '--columns=' + ','.join(columns), 'list', table))
    return [dict(zip(shown['headings'], map(_value, row))) for row in shown['data']]


def _list(value) -> list:
    return value if isinstance(value, list) else [value]


def interfaces(host) -> dict[str, dict]:
    """All rows of the table Interface by their names: type, error, ofport (absent ones are []), external_ids."""
    rows = _table(host, 'Interface', 'name', 'type', 'error', 'ofport', 'external_ids')
    return {row.pop('name'): row for row in rows}


def ovs_ports(host, bridge: str) -> dict[str, dict]:
    """The rows of a bridge's ports by their names: tag and vlan_mode (None where there is none), trunks (a list),
    external_ids. The port of the bridge itself is left out."""
    wanted = next(_list(row['ports']) for row in _table(host, 'Bridge', 'name', 'ports') if row['name'] == bridge)
    found = {}
    for row in _table(host, 'Port', '_uuid', 'name', 'tag', 'trunks', 'vlan_mode', 'external_ids'):
        name = row.pop('name')
        if row.pop('_uuid') in wanted and name != bridge:
            found[name] = {'tag': row['tag'] if row['tag'] != [] else None,
                           'trunks': sorted(_list(row['trunks'])),
                           'vlan_mode': row['vlan_mode'] if row['vlan_mode'] != [] else None,
                           'external_ids': row['external_ids']}
    return found


def ovs_bridges(host) -> list[str]:
    return vsctl(host, 'list-br').split()


def pid(host, daemon: str) -> int:
    """As the host counts."""
    return int(host.path(f'/run/openvswitch/{daemon}.pid').read_text())


@contextlib.contextmanager
def frozen(host, daemon: str):
    """A daemon of Open vSwitch that is there and does nothing."""
    number = str(pid(host, daemon))
    host.run(['kill', '-STOP', number], check=True)
    try:
        yield
    finally:
        host.run(['kill', '-CONT', number])


def kill(host, daemon: str):
    """Ends it as a crash would; returns when systemd has started it again."""
    before = pid(host, daemon)
    _forgive(host)
    host.run(['kill', '-KILL', str(before)], check=True)
    wait_until(f'{daemon} to be back', lambda: _main_pid(host, daemon) not in (0, before) and _settled(host))


def restart(host):
    """What an upgrade of Open vSwitch does."""
    _forgive(host)
    host.run(['systemctl', 'restart', *UNITS], check=True)


def start(host):
    _forgive(host)
    host.run(['systemctl', 'start', *UNITS], check=True)


@contextlib.contextmanager
def stopped(host, daemon=''):
    """Without Open vSwitch for a while, or without that daemon alone. No frame passes meanwhile: without its database
    the datapath in user space holds on to them until that is back."""
    if daemon:
        # Debian's units know no such thing: stopping one stops the other.
        host.run(['ovs-appctl', '-t', daemon, 'exit'], check=True)
        wait_until(f'{daemon} to end', lambda: _main_pid(host, daemon) == 0)
    else:
        host.run(['systemctl', 'stop', *UNITS], check=True)
    try:
        yield
    finally:
        start(host)


def _forgive(host):
    """No test is to hit Debian's limits on how often they start."""
    host.run(['systemctl', 'reset-failed', *UNITS])


def _main_pid(host, daemon: str) -> int:
    return int(host.run(['systemctl', 'show', '--value', '--property=MainPID', daemon], check=True).out)


def _settled(host) -> bool:
    """Whether all of them run, and none is about to be started."""
    shown = host.run(['systemctl', 'show', '--property=ActiveState,Job', *UNITS], check=True).out
    return shown.count('ActiveState=active') == len(UNITS) and not re.search(r'^Job=\d', shown, re.MULTILINE)


def clean(host):
    """Open vSwitch as it was after the boot: it runs, and has no bridge. Nothing where there is none; not for a host
    where OVN runs, which would make its bridge again."""
    if not has_ovs(host):
        return
    for daemon in (DATABASE, FORWARDING):
        with contextlib.suppress(FileNotFoundError):
            host.run(['kill', '-CONT', str(pid(host, daemon))])
    start(host)
    for name in ovs_bridges(host):
        vsctl(host, 'del-br', name)
    wait_until('the devices of Open vSwitch to go', lambda: host.link('ovs-netdev') is None)
