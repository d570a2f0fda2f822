# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAPs come to a virtual machine and go while it runs."""

import pathlib

import root
import switches
from host import check, check_equal, wait_until
from test_plug import configure
from test_vm import GRANTS, add_vlan, check_gone, traces
from vm import Vm

HOST = {'packages': root.CONSUMERS}

FOLDER = pathlib.Path(__file__).resolve().parent
MANAGER = '/usr/local/lib/tapd-tests/hotplug.py'


class Manager:
    """A program of alice's that has QEMU's control port (hotplug.py)."""

    def __init__(self, host, guest: Vm):
        host.copy(FOLDER / 'hotplug.py', MANAGER)
        self.program = host.start([MANAGER, guest.socket], user='alice')
        check_equal(self.program.line(), 'ready', 'hotplug.py')

    def ask(self, command: str) -> str:
        self.program.send(command)
        return self.program.line()


def descriptors(host, *pids: int) -> list[int]:
    """How many each of these processes has."""
    return [int(host.run(f'ls /proc/{pid}/fd | wc -l', check=True).out) for pid in pids]


def appears(guest: Vm, device: str):
    wait_until(f'{device} to appear in the guest', lambda: guest.try_to_run(f'ip link show {device}')[0] == 0)


def test_plug_and_unplug(host):
    """50 times: the device answers a ping each time, and no descriptor, device, row or record is left of it"""
    configure(host, GRANTS)
    switches.add_ovs_bridge(host)
    add_vlan(host, 60)
    guest = Vm(host, 'guest', [], []).wait_booted()
    manager = Manager(host, guest)
    pids = [guest.pid(), host.daemon_pid(), int(host.run(['pgrep', '--full', MANAGER], check=True).out)]
    before = traces(host)
    first = None
    for i in range(50):
        answer = manager.ask('plug cord dsw-host 60')
        check(answer.startswith('plugged tap'), answer)
        name = answer.split()[1]
        appears(guest, 'eth0')
        guest.run('ip address add 10.0.60.2/24 dev eth0 && ip link set eth0 up')
        guest.ping('10.0.60.1')
        check_equal(switches.ovs_ports(host, 'dsw-host')[name]['tag'], 60, f'the VLAN of {name}')
        check_equal(manager.ask('unplug cord'), 'unplugged', 'unplug')
        check_gone(host, before, f'what is left of {name}')
        # What each connects to when it is asked for the first time stays.
        first = first or descriptors(host, *pids)
    wait_until(f'QEMU, tapd and the manager to have {first} descriptors', lambda: descriptors(host, *pids) == first)
    # QEMU hears one at a time there.
    manager.program.finish()
    guest.quit()
