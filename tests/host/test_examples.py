# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of virtualization managers, as they stand in examples/: in Python as they are, in C as meson built them.
"""

import pathlib
import signal

import root
from host import DONE, check, check_equal, wait_until

HOST = {'packages': root.CONSUMERS}

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'


def install(host, path: pathlib.Path) -> str:
    inside = f'/usr/local/bin/{path.name}'
    host.copy(path, inside)
    return inside


def nothing_is_left(host) -> bool:
    return host.taps() == [] and host.links() == ['lo']


def check_manager(host, path: pathlib.Path):
    """It makes two TAPs, adds to one, hears when that is deleted, and gives the other back."""
    program = host.start([install(host, path)], user='alice')
    said = [program.line() for _ in range(3)]
    names = list(dict.fromkeys(line.split(':')[0] for line in said))
    check_equal(host.taps(), names, f'TAPs after {said}')
    check_equal([host.status(name)['QueuesAttached'] for name in names], [4, 1], 'queues')
    host.tapctl(None, 'delete', '--force', names[0])
    check_equal(program.line(), f'{names[0]}: gone', 'what it hears')
    program.signal(signal.SIGTERM)
    check_equal(program.finish().status, DONE, f'the exit status of {path.name}')
    wait_until('all of it to go', lambda: nothing_is_left(host))


def test_manager(host):
    """A manager in C and one in Python, run by an ordinary member of kvm"""
    found = [*EXAMPLES.glob('manager.py'), *(host.build / 'examples' / path.stem for path in EXAMPLES.glob('*.c'))]
    check_equal(sorted(path.suffix for path in found), ['', '.py'], 'examples')
    for path in found:
        check_manager(host, path)


def test_hot_plug(host):
    """A card for a QEMU that runs; it goes with it"""
    monitor = '/home/alice/qmp.sock'
    qemu = host.start(['qemu-system-x86_64', '-S', '-M', 'pc,accel=tcg', '-nodefaults', '-display', 'none',
                       '-qmp', f'unix:{monitor},server=on,wait=off'], user='alice')
    wait_until('QEMU to listen', lambda: host.path(monitor).exists())
    done = host.run([install(host, EXAMPLES / 'hot-plug.py'), monitor], user='alice', check=True)
    check_equal(host.taps(), done.out.split(), 'the TAP')
    check(host.status(done.out.strip())['QueuesAttached'] > 0, 'nobody has it open')
    qemu.signal(signal.SIGTERM)
    qemu.finish()
    wait_until('all of it to go', lambda: nothing_is_left(host))
