# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines on a test host, in a container: QEMU as a user of the host starts it, Debian's kernel, and a shell.

They are small, and their processor is emulated: the first ping is answered some four seconds after the start. A network
device of theirs is eth0, eth1 and so on, in the order of QEMU's arguments, and has the addresses that its guest was
started with. Each answers for its own addresses alone, so that a ping proves the way to this very device.
"""

import pathlib
import socket

import kernel
import root
from guest import Monitor
from host import Skip
from machine import PROGRAMS, Failure, Program, wait_until

KERNEL, INITRD = f'{PROGRAMS}/vmlinuz', f'{PROGRAMS}/initrd'

DRIVERS = ['virtio_pci', 'virtio_net']
APPLETS = ['sh', 'cat', 'insmod', 'ip', 'mount', 'ping', 'poweroff', 'stty']

# A command a line; what it prints, and a line with its exit status. Whoever has no serial port has no commands.
INIT = '''#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in /modules/*; do insmod $module; done
echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
for word in $(cat /proc/cmdline); do
    case $word in
        eth*=*) ip address add ${word#*=} dev ${word%%=*} && ip link set ${word%%=*} up ;;
    esac
done
stty -F /dev/ttyS0 raw -echo
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo = 0
while read -r line; do
    (eval "$line")
    echo = $?
done
exec sleep 1000000
'''

# What is no error stays out of the answers; a panic ends it.
COMMAND_LINE = 'console=ttyS0 quiet panic=-1 mitigations=off rdinit=/init'
MACHINE, PROCESSOR, MEMORY = 'pc', 'qemu64', '128'


def initrd() -> pathlib.Path:
    modules, busybox = kernel.modules(), kernel.kernel() / 'busybox'
    recipe = root.digest(str(modules), kernel.recipe(), INIT, *DRIVERS, *APPLETS)
    kept = root.kept('vm', recipe, lambda work: kernel.make_initrd(work / 'initrd', modules, busybox, DRIVERS, INIT,
                                                                   APPLETS))
    return kept / 'initrd'


def install(host):
    """Puts onto a host what virtual machines boot from."""
    try:
        kernel.demand()
    except root.Unavailable as reason:
        raise Skip(str(reason)) from None
    if not host.path(INITRD).exists():
        host.copy(kernel.kernel() / 'vmlinuz', KERNEL, 0o644)
        host.copy(initrd(), INITRD, 0o644)


def append(addresses: list[str]) -> str:
    """The command line of a kernel; the addresses of eth0, eth1 and so on, with the lengths of their prefixes."""
    return ' '.join([COMMAND_LINE, *(f'eth{i}={address}' for i, address in enumerate(addresses))])


class Vm:
    """A virtual machine that was started, as soon as its shell answers. network: QEMU's arguments for its network
    devices; before: words in front of QEMU's own, 'tapctl run ... --'."""

    def __init__(self, host, name: str, network: list[str], addresses: list[str], before=(), cpus=1, user='alice'):
        install(host)
        self.host = host
        self.name = name
        self.socket = f'/tmp/{name}.qmp'
        self.monitor = None
        self.program: Program = host.start([
            *before, 'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
            '-machine', MACHINE, '-accel', 'tcg,thread=multi,tb-size=64', '-cpu', PROCESSOR, '-smp', str(cpus),
            '-m', MEMORY, '-kernel', KERNEL, '-initrd', INITRD, '-append', append(addresses),
            # The ROM to boot from the network, which is in a package of its own.
            '-global', 'virtio-net-pci.romfile=', '-serial', 'stdio',
            '-qmp', f'unix:{self.socket},server=on,wait=off', *network], user=user)

    def wait_booted(self) -> 'Vm':
        self._answer()
        return self

    def _answer(self) -> tuple[int, list[str]]:
        lines = []
        while True:
            line = self.program.line()
            if not line and not self.program.running():
                raise Failure(f'{self.name} ended: {lines} {self.program.finish()}')
            if line.startswith('= '):
                return int(line[2:]), lines
            lines.append(line.strip())

    def run(self, line: str) -> list[str]:
        """What a command of its shell prints; its failure is an error here."""
        status, lines = self.try_to_run(line)
        if status != 0:
            raise Failure(f'{self.name}# {line}\n' + '\n'.join(lines))
        return lines

    def try_to_run(self, line: str) -> tuple[int, list[str]]:
        self.program.send(line)
        return self._answer()

    def carrier_changes(self, device='eth0') -> int:
        """How often it saw the link of a device come or go."""
        return int(self.run(f'cat /sys/class/net/{device}/carrier_changes')[-1])

    def hears(self, address: str, device='eth0') -> bool:
        """Whether it gets an answer from there, asking once."""
        return self.try_to_run(f'ping -c 1 -W 1 -I {device} {address}')[0] == 0

    def ping(self, address: str, device='eth0'):
        """The first may be lost to asking for the address of the other."""
        wait_until(f'{address} to answer {self.name}', lambda: self.hears(address, device))

    def pid(self) -> int:
        """Of QEMU, as the host counts."""
        return int(self.host.run(['pgrep', '--full', f'unix:{self.socket}'], check=True).out)

    def ask(self, command: str, **arguments):
        """Of QEMU's control port."""
        if not self.monitor:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self.host.path(self.socket)))
            self.monitor = Monitor(connection)
        self.monitor.ask(command, **arguments)

    # Its ends

    def quit(self):
        self.ask('quit')
        self._gone()

    def power_off(self):
        self.program.send('poweroff -f')
        self._gone()

    def kill(self):
        self.program.close()

    def _gone(self):
        result = self.program.finish()
        if result.status != 0:
            raise Failure(str(result))


def boot(*machines: Vm):
    """Waits for all of them, which boot at the same time."""
    for machine in machines:
        machine.wait_booted()


def answers(host, address: str) -> bool:
    return host.run(['ping', '-n', '-c', '1', '-W', '1', address]).status == 0


def wait_answer(host, *addresses: str):
    for address in addresses:
        wait_until(f'{address} to answer a ping', lambda: answers(host, address))
