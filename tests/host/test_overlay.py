# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAPs on two hosts in the networks of OVN."""

import re

import switches
from frames import ETHERTYPE, frame, pass_frame
from host import DENIED, check, check_equal
from overlay import Overlay
from test_plug import configure


GRANT = '''[Grant lab]
Users=alice
Names=tap*
Switches=br-int
VLANs=all
InterfaceIDs=lab-* office-*
TapsPerUser=8
'''


def plug(host, name: str, interface_id: str):
    """Makes a TAP of alice the port that OVN knows by that name."""
    host.tapctl('alice', 'create', name, '--switch', 'br-int', '--interface-id', interface_id)
    check_equal(host.tap(name, 'InterfaceID'), f"'{interface_id}'", f'InterfaceID of {name}')


def tunnelled(host) -> int:
    """How many frames came to a host through geneve."""
    tunnels = [name for name, row in switches.interfaces(host).items() if row['type'] == 'geneve']
    check_equal(len(tunnels), 1, f'tunnels: {tunnels}')
    # The database has figures of some seconds ago.
    counted = host.run(['ovs-ofctl', 'dump-ports', 'br-int', tunnels[0]], check=True).out
    return int(re.search(r'rx pkts=(\d+)', counted).group(1))


def test_networks(_):
    """A frame goes from host to host within its network, and into no other"""
    with Overlay() as overlay:
        one, two = overlay.one, overlay.two
        overlay.add_network('lab', 'lab-1', 'lab-2')
        overlay.add_network('office', 'office-1', 'office-2')
        for number, host in ((1, one), (2, two)):
            configure(host, GRANT)
            host.tapctl('alice', 'create', 'tap3', '--switch', 'br-int', '--interface-id', 'mine', status=DENIED)
            plug(host, 'tap1', f'lab-{number}')
            plug(host, 'tap2', f'office-{number}')
        for host in one, two:
            overlay.wait_bound(host, 'tap1', 'tap2')
        check(overlay.where('lab-1') is one and overlay.where('lab-2') is two, 'OVN has them elsewhere')

        before = tunnelled(one), tunnelled(two)
        lab = [host.queue('alice', 'tap1') for host in (one, two)]
        office = [host.queue('alice', 'tap2') for host in (one, two)]
        pass_frame(*lab, frame(1, 'to the lab over there'), 'within the lab')
        # In the tunnel it comes after that one: being the first that arrives proves that the other did not.
        pass_frame(*office, frame(2, 'to the office over there'), 'within the office')
        pass_frame(*reversed(office), frame(3, 'back to the office'), 'back within the office')
        pass_frame(*reversed(lab), frame(4, 'back to the lab'), 'back within the lab')
        check(tunnelled(one) >= before[0] + 2 and tunnelled(two) >= before[1] + 2, 'they went another way than geneve')
