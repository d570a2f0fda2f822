#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gives a running QEMU more network devices, as a virtualization manager does: receives a queue over D-Bus, hands it
to QEMU by its control port (QMP), and keeps nothing of it. hotplug.py SOCKET obeys its standard input, a command a
line, with one line of answer each:

    plug ID SWITCH VLAN     a TAP in that VLAN for a device ID      "plugged TAP" or "error TEXT"
    unplug ID               it goes, and the TAP with it            "unplugged"
"""

import array
import itertools
import json
import socket
import sys

import dbus


class Monitor:
    def __init__(self, path: str):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(path)
        self.stream = self.connection.makefile('r')
        self.answers = map(json.loads, self.stream)
        self.ids = itertools.count(1)
        self.events = []
        next(self.answers)
        self.ask('qmp_capabilities')

    def ask(self, command: str, descriptors=(), **arguments):
        number = next(self.ids)
        text = json.dumps({'execute': command, 'arguments': arguments, 'id': number}) + '\n'
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', descriptors))] if descriptors else []
        self.connection.sendmsg([text.encode()], rights)
        for answer in self.answers:
            if answer.get('id') == number:
                if 'error' in answer:
                    raise RuntimeError(f'{command}: {answer["error"]["desc"]}')
                return
            self.events.append(answer)
        raise RuntimeError(f'{command}: QEMU is gone')

    def await_event(self, name: str, **data):
        for event in itertools.chain(self.events, self.answers):
            if event['event'] == name and data.items() <= event['data'].items():
                self.events.clear()
                return


def plug(monitor: Monitor, device: str, switch: str, vlan: str) -> str:
    manager = dbus.SystemBus().get_object('org.tapd1', '/org/tapd1', introspect=False)
    settings = dbus.Dictionary({'Switch': switch, 'VLAN': dbus.UInt16(int(vlan))}, signature='sv')
    name, path, queues = manager.CreateEphemeral('', settings, dbus.UInt32(1), dbus_interface='org.tapd1.Manager')
    tap = dbus.SystemBus().get_object('org.tapd1', path, introspect=False)
    mac = tap.Get('org.tapd1.Tap', 'GuestMACAddress', dbus_interface='org.freedesktop.DBus.Properties')
    queue = queues[0].take()
    with open(queue, 'wb', closefd=True):
        monitor.ask('getfd', [queue], fdname=device)
    monitor.ask('netdev_add', type='tap', id=device, fd=device)
    monitor.ask('device_add', driver='virtio-net-pci', id=f'{device}-card', netdev=device, mac=str(mac))
    return f'plugged {name}'


def unplug(monitor: Monitor, device: str) -> str:
    monitor.ask('device_del', id=f'{device}-card')
    # The guest has to let go of it.
    monitor.await_event('DEVICE_DELETED', device=f'{device}-card')
    monitor.ask('netdev_del', id=device)
    return 'unplugged'


def main():
    monitor = Monitor(sys.argv[1])
    print('ready', flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = {'plug': plug, 'unplug': unplug}[name](monitor, *arguments)
        except (dbus.DBusException, RuntimeError) as error:
            answer = f'error {error}'
        print(answer, flush=True)


main()
