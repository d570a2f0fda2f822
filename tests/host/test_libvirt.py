# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's own session of an ordinary member of kvm: its virtual machines by the bridge helper, and by a TAP that is
there."""

import root
import switches
import vm
from host import Failure, check, check_equal, wait_until
from test_declared import put
from test_plug import configure
from test_vm import GRANTS, add_bridge, add_vlan, check_gone, helper, mac, said, traces

HOST = {'packages': root.CONSUMERS}

DOMAIN = '''<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <os>
    <type machine='{machine}'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{append}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom'><model>{processor}</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='null'/>
    {interfaces}
  </devices>
</domain>
'''


def bridge(name: str, address: str) -> str:
    return f'''<interface type='bridge'>
      <mac address='{address}'/><source bridge='{name}'/><model type='virtio'/><rom enabled='no'/>
    </interface>'''


def ethernet(tap: str, address: str, queues: int) -> str:
    driver = f"<driver queues='{queues}'/>" if queues > 1 else ''
    return f'''<interface type='ethernet'>
      <mac address='{address}'/><target dev='{tap}' managed='no'/><model type='virtio'/>{driver}<rom enabled='no'/>
    </interface>'''


class Session:
    """libvirt's daemon as alice runs it, without a login."""

    def __init__(self, host, qemu_conf=''):
        vm.install(host)
        self.host = host
        host.run('mkdir -p ~/.config/libvirt && cat >~/.config/libvirt/qemu.conf', user='alice', input=qemu_conf,
                 check=True)
        self.runtime = f'/run/user/{host.uid("alice")}'
        host.run(['loginctl', 'enable-linger', 'alice'], check=True)
        wait_until(f'{self.runtime} to be there', lambda: host.path(self.runtime).exists())
        self.daemon = host.start(['env', f'XDG_RUNTIME_DIR={self.runtime}', '/usr/sbin/libvirtd'], user='alice')
        wait_until('libvirtd to answer', lambda: self.virsh('uri').status == 0)

    def virsh(self, *arguments: str):
        return self.host.run(['env', f'XDG_RUNTIME_DIR={self.runtime}', 'virsh', '--quiet', '--connect',
                              'qemu:///session', *arguments], user='alice')

    def must(self, result):
        if result.status != 0:
            raise Failure(f'{result}\n{self.host.run("cat ~/.cache/libvirt/qemu/log/*", user="alice").out}')

    def try_to_start(self, name: str, addresses: list[str], *interfaces: str):
        """A domain that is gone when it ends."""
        put(self.host, f'/tmp/{name}.xml', DOMAIN.format(
            name=name, memory=vm.MEMORY, machine=vm.MACHINE, processor=vm.PROCESSOR, kernel=vm.KERNEL, initrd=vm.INITRD,
            append=vm.append(addresses), interfaces='\n    '.join(interfaces)))
        return self.virsh('create', f'/tmp/{name}.xml')

    def start(self, name: str, addresses: list[str], *interfaces: str):
        self.must(self.try_to_start(name, addresses, *interfaces))

    def destroy(self, name: str):
        self.must(self.virsh('destroy', name))

    def close(self):
        check_equal(self.virsh('list', '--all', '--name').out.strip(), '', 'domains')
        self.daemon.close()
        self.host.run(['loginctl', 'disable-linger', 'alice'], check=True)


def test_ethernet(host):
    """type='ethernet' on a TAP of `tapctl create`, with one queue and with two: it answers, and keeps nothing"""
    configure(host, GRANTS)
    add_bridge(host, 1, 2)
    host.tapctl('alice', 'create', '--switch', 'br0', '--multi-queue=no', 'tap1')
    host.tapctl('alice', 'create', '--switch', 'br0', 'tap2')
    before = traces(host)
    session = Session(host)
    session.start('one', ['10.0.1.2/24', '10.0.2.2/24'], ethernet('tap1', mac(1), 1), ethernet('tap2', mac(2), 2))
    vm.wait_answer(host, '10.0.1.2', '10.0.2.2')
    check_equal([host.tap(name, 'State') for name in ('tap1', 'tap2')], ["'ready'"] * 2, 'State')
    session.destroy('one')
    check_gone(host, before, 'what is left of it')
    session.close()


def test_bridge(host):
    """type='bridge' by the helper, on a bridge and in a VLAN: both answer, and nothing is left"""
    path = helper(host)
    configure(host, GRANTS)
    add_bridge(host, 1)
    switches.add_ovs_bridge(host)
    add_vlan(host, 60)
    before = traces(host)
    session = Session(host, f'bridge_helper = "{path}"\n')
    session.start('one', ['10.0.1.2/24', '10.0.60.2/24'], bridge('br0', mac(1)), bridge('dsw-host:60', mac(2)))
    vm.wait_answer(host, '10.0.1.2', '10.0.60.2')
    check_equal(len(host.taps()), 2, 'TAPs')
    session.destroy('one')
    check_gone(host, before, 'what is left of it')

    refused = session.try_to_start('two', [], bridge('dsw-host:70', mac(3)))
    reason = said(host, 'alice', 'dsw-host', 70)
    check(refused.status != 0 and reason in refused.err, f'libvirt does not tell {reason!r}:\n{refused}')
    check_gone(host, before, 'what is left of one that did not start')
    session.close()
