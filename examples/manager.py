#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtualization manager in small, with python3-dbus and python3-gi: has tapd make network cords for a virtual machine,
adds to them while it runs, and hears when one goes. It needs no privilege and no tapctl.

    manager.py [SWITCH [VLAN]]

Ctrl-C ends it. The calls are described in /usr/share/dbus-1/interfaces/org.tapd1.*.xml.
"""

import os
import signal
import sys

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

SERVICE, MANAGER_PATH, MANAGER, TAP = 'org.tapd1', '/org/tapd1', 'org.tapd1.Manager', 'org.tapd1.Tap'


class Cord:
    """A network card of the virtual machine. The TAP behind it lives exactly as long as one of these descriptors is
    open, in this process or another: nothing has to be deleted, also not by who is killed."""

    def __init__(self, bus, settings: dict, queues: int):
        # A name of one's own may be asked for; '' is the lowest free tapN. What is not set has a good default. When
        # the answer is there the TAP is plugged in and up.
        manager = bus.get_object(SERVICE, MANAGER_PATH, introspect=False)
        self.name, self.path, descriptors = manager.CreateEphemeral(
            '', dbus.Dictionary(settings, signature='sv'), dbus.UInt32(queues), dbus_interface=MANAGER)
        self.proxy = bus.get_object(SERVICE, self.path, introspect=False)
        # They are in non-blocking mode, and each frame has a virtio-net header in front, as QEMU wants it.
        self.queues = [descriptor.take() for descriptor in descriptors]
        self.describe()

    def open_queues(self, count: int):
        """More of them for a TAP that is there, at most 16 a call."""
        descriptors = self.proxy.OpenQueues(dbus.UInt32(count), dbus_interface=TAP)
        self.queues += [descriptor.take() for descriptor in descriptors]
        self.describe()

    def describe(self):
        # The guest's side gets the address that tapd recommends: it is the same whenever a TAP has this name.
        address = self.proxy.Get(TAP, 'GuestMACAddress', dbus_interface=dbus.PROPERTIES_IFACE)
        print(f'{self.name}: mac={address} fds={":".join(map(str, self.queues))}', flush=True)

    def close(self):
        while self.queues:
            os.close(self.queues.pop())


def main(switch='', vlan='') -> int:
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    loop = GLib.MainLoop()
    cords = {}

    def on_removed(path, interfaces):
        cord = cords.pop(path, None)
        if cord:
            # Somebody deleted it, or this is what close() brought about.
            print(f'{cord.name}: gone', flush=True)
            cord.close()
        if not cords:
            loop.quit()

    def on_signal():
        for cord in cords.values():
            cord.close()
        return GLib.SOURCE_CONTINUE

    # Before the first TAP is there, so that nothing is missed.
    bus.add_signal_receiver(on_removed, 'InterfacesRemoved', 'org.freedesktop.DBus.ObjectManager', SERVICE, MANAGER_PATH)
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, on_signal)

    try:
        settings = {'Description': 'an example'}
        if switch:
            settings['Switch'] = switch
        if vlan:
            settings['VLAN'] = dbus.UInt16(int(vlan))
        # A card with two queues, of which QEMU is told with -netdev tap,id=n0,fds=7:8.
        first = Cord(bus, settings, 2)
        cords[first.path] = first
        # While it runs: two queues more, and a second card. Both reach a running QEMU with getfd of QMP (hot-plug.py).
        first.open_queues(2)
        second = Cord(bus, settings, 1)
        cords[second.path] = second
    except dbus.DBusException as error:
        # tapd's errors have names to tell them by, and texts for people: "VLAN=: 60 is not in VLANs= of grant lab".
        print(error.get_dbus_message(), file=sys.stderr)
        return 1
    except (ValueError, OverflowError) as error:
        print(error, file=sys.stderr)
        return 1

    loop.run()
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
