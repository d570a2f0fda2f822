# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts whose virtual machines share networks: OVN over a wire between them, with geneve in user space."""

import contextlib
import subprocess

import root
import switches
from host import Host
from machine import Failure

# RFC 5737: for documentation. The last byte is the host's number.
UNDERLAY = '192.0.2.'
SOUTHBOUND = 6642


def address(number: int) -> str:
    return f'02:00:00:00:ff:{number:02x}'


class Overlay:
    """Two hosts, .one with OVN's databases and .two. Who leaves it ends both."""

    def __init__(self):
        self.one = Host(packages=root.SWITCHES)
        self.two = Host(packages=root.SWITCHES, masked=('ovn-central.service', ))
        self.exits = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as exits:
            for host in self.one, self.two:
                exits.enter_context(host)
                host.boot()
            self._join()
            self.exits = exits.pop_all()
        return self

    def __exit__(self, kind, *_):
        if kind and issubclass(kind, Exception):
            self._tell()
        self.exits.close()

    def _tell(self):
        """What a person wants to see of it who was not there."""
        for command, host in (('ovn-nbctl --timeout=5 show; ovn-sbctl --timeout=5 show', self.one),
                              ('ovs-vsctl --timeout=5 show', self.one), ('ovs-vsctl --timeout=5 show', self.two)):
            print(*(f'# {line}' for line in str(host.run(command)).splitlines()), sep='\n')

    def _join(self):
        ends = [['wire', 'netns', str(host.leader)] for host in (self.one, self.two)]
        subprocess.run(['ip', 'link', 'add', *ends[0], 'type', 'veth', 'peer', 'name', *ends[1]], check=True)
        self.one.run(['ovn-sbctl', 'set-connection', f'ptcp:{SOUTHBOUND}:0.0.0.0'], check=True)
        for number, host, remote in ((1, self.one, 'unix:/run/ovn/ovnsb_db.sock'),
                                     (2, self.two, f'tcp:{UNDERLAY}1:{SOUTHBOUND}')):
            self._underlay(host, number)
            # Last, for what cannot be reached yet is tried again a second later.
            switches.vsctl(host, 'set', 'Open_vSwitch', '.', 'external_ids:ovn-bridge-datapath-type=netdev',
                           'external_ids:ovn-encap-type=geneve', f'external_ids:ovn-encap-ip={UNDERLAY}{number}',
                           f'external_ids:ovn-remote={remote}')

    def _underlay(self, host: Host, number: int):
        other = 3 - number
        switches.add_ovs_bridge(host, 'br-phy', f'other_config:hwaddr="{address(number)}"')
        switches.add_ovs_port(host, 'br-phy', 'wire')
        # The other's address is told: the first frame into a tunnel would be lost to asking for it.
        host.run(f'ip address add {UNDERLAY}{number}/24 dev br-phy && ip link set br-phy up && ip link set wire up &&'
                 f' ovs-appctl tnl/neigh/set br-phy {UNDERLAY}{other} {address(other)}', check=True)

    def add_network(self, name: str, *ports: str):
        """A logical switch with these ports; a TAP becomes one by an InterfaceID of the same name."""
        rows = [['ls-add', name]]
        for port in ports:
            rows += [['lsp-add', name, port], ['lsp-set-addresses', port, 'unknown']]
        self.one.run(['ovn-nbctl', *(word for row in rows for word in ('--', *row))], check=True)

    def wait_bound(self, host: Host, *names: str):
        """Returns when OVN has made all that it makes of these TAPs of a host, and everywhere: frames pass then."""
        for name in names:
            switches.vsctl(host, '--timeout=120', 'wait-until', 'Interface', name, 'external_ids:ovn-installed=true')
        self.one.run(['ovn-nbctl', '--wait=hv', '--timeout=120', 'sync'], check=True)

    def where(self, port: str) -> Host | None:
        """The host on which a port is, as OVN tells; None where it is on none."""
        row = self.one.run(['ovn-sbctl', '--bare', '--columns=chassis', 'find', 'Port_Binding', f'logical_port={port}'],
                           check=True).out.strip()
        if not row:
            return None
        name = self.one.run(['ovn-sbctl', 'get', 'Chassis', row, 'name'], check=True).out.strip().strip('"')
        for host in self.one, self.two:
            if switches.vsctl(host, 'get', 'Open_vSwitch', '.', 'external_ids:system-id').strip().strip('"') == name:
                return host
        raise Failure(f'{port} is on {name}, which is no host of this overlay')
