#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Receives queues over D-Bus with python3-dbus, as a virtualization manager written in Python does, says what it may
do, and then obeys its standard input, a command a line, with one line of answer each:

    create NAME N           CreateEphemeral               "queues N" or "error NAME TEXT"
    open NAME N             OpenQueues, in addition       the same
    send I HEX              a frame out of the guest      "sent"
    only I                  detaches all other queues     "only"
    receive TYPE            on the one that is left       "frame HEX"
    close                   closes all queues             "closed"
"""

import fcntl
import os
import struct
import sys

import dbus

# <linux/if_tun.h>
TUNSETQUEUE = 0x400454d9
IFF_ATTACH_QUEUE = 0x0200
IFF_DETACH_QUEUE = 0x0400

# The header of virtio-net that queues of tapd have unless told otherwise.
HEADER = bytes(10)

queues = []
attached = []


def capabilities() -> str:
    with open('/proc/self/status', encoding='ascii') as status:
        return next(line.split()[1] for line in status if line.startswith('CapEff:'))


def take(descriptors) -> str:
    for descriptor in descriptors:
        queues.append(descriptor.take())
        attached.append(True)
    return f'queues {len(queues)}'


def call(path: str, interface: str, method: str, *arguments):
    proxy = dbus.SystemBus().get_object('org.tapd1', path, introspect=False)
    return proxy.get_dbus_method(method, dbus_interface=interface)(*arguments)


def create(name: str, count: str) -> str:
    return take(call('/org/tapd1', 'org.tapd1.Manager', 'CreateEphemeral', name,
                     dbus.Dictionary({}, signature='sv'), dbus.UInt32(int(count)))[2])


def open_queues(name: str, count: str) -> str:
    return take(call(f'/org/tapd1/tap/{name}', 'org.tapd1.Tap', 'OpenQueues', dbus.UInt32(int(count))))


def send(index: str, text: str) -> str:
    os.write(queues[int(index)], HEADER + bytes.fromhex(text))
    return 'sent'


def only(index: str) -> str:
    for i, queue in enumerate(queues):
        wanted = i == int(index)
        if wanted != attached[i]:
            flags = IFF_ATTACH_QUEUE if wanted else IFF_DETACH_QUEUE
            fcntl.ioctl(queue, TUNSETQUEUE, struct.pack('16sH22x', b'', flags))
            attached[i] = wanted
    return 'only'


def receive(ethertype: str) -> str:
    queue = queues[attached.index(True)]
    os.set_blocking(queue, True)
    while True:
        frame = os.read(queue, 65536)[len(HEADER):]
        if frame[12:14] == int(ethertype, 16).to_bytes(2, 'big'):
            return f'frame {frame.hex()}'


def close() -> str:
    while queues:
        os.close(queues.pop())
        attached.pop()
    return 'closed'


COMMANDS = {'create': create, 'open': open_queues, 'send': send, 'only': only, 'receive': receive, 'close': close}


def main():
    print(f'capabilities {capabilities()}', flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = COMMANDS[name](*arguments)
        except dbus.DBusException as error:
            answer = f'error {error.get_dbus_name()} {error.get_dbus_message()}'
        print(answer, flush=True)


main()
