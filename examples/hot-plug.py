#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gives a running QEMU another network card, with python3-dbus and QMP's getfd.

    qemu-system-x86_64 ... -qmp unix:qmp.sock,server=on,wait=off
    hot-plug.py qmp.sock [SWITCH [VLAN]]

It prints the name of the TAP, which is that of netdev and device as well. The TAP goes with QEMU, or when the card is
taken out again: device_del, and then netdev_del.
"""

import json
import os
import socket
import sys

import dbus


class Monitor:
    """QMP: one line of JSON for a command, one for its answer, and events in between."""

    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile('r', encoding='utf-8')
        self.lines.readline()  # the greeting
        self.execute('qmp_capabilities')

    def execute(self, command: str, descriptors=(), **arguments):
        line = json.dumps({'execute': command, 'arguments': arguments}) + '\n'
        socket.send_fds(self.socket, [line.encode()], descriptors)
        for line in self.lines:
            answer = json.loads(line)
            if 'error' in answer:
                raise RuntimeError(f'{command}: {answer["error"]["desc"]}')
            if 'return' in answer:
                return answer['return']
        raise RuntimeError(f'{command}: QEMU has ended')


def create(switch: str, vlan: str):
    """A TAP with one queue: its name, its descriptor, the address for the guest."""
    settings = {'MultiQueue': False}
    if switch:
        settings['Switch'] = switch
    if vlan:
        settings['VLAN'] = dbus.UInt16(int(vlan))
    bus = dbus.SystemBus()
    manager = bus.get_object('org.tapd1', '/org/tapd1', introspect=False)
    name, path, descriptors = manager.CreateEphemeral('', dbus.Dictionary(settings, signature='sv'), dbus.UInt32(1),
                                                      dbus_interface='org.tapd1.Manager')
    tap = bus.get_object('org.tapd1', path, introspect=False)
    address = tap.Get('org.tapd1.Tap', 'GuestMACAddress', dbus_interface=dbus.PROPERTIES_IFACE)
    return str(name), descriptors[0].take(), str(address)


def main(path: str, switch='', vlan='') -> int:
    try:
        monitor = Monitor(path)
        name, queue, address = create(switch, vlan)
        # QEMU keeps a duplicate under this name; from here on the TAP lives as long as that.
        monitor.execute('getfd', [queue], fdname=name)
        os.close(queue)
        monitor.execute('netdev_add', type='tap', id=name, fd=name)
        monitor.execute('device_add', driver='virtio-net-pci', id=f'nic-{name}', netdev=name, mac=address)
    except dbus.DBusException as error:
        print(error.get_dbus_message(), file=sys.stderr)
        return 1
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1

    print(name)
    return 0


if __name__ == '__main__':
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(f'usage: {sys.argv[0]} QMP-SOCKET [SWITCH [VLAN]]')
    sys.exit(main(*sys.argv[1:]))
