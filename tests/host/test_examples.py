# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of virtualization managers, as they stand in examples/: in Python as they are, in C as meson built them.
"""

import pathlib
import signal

import root
from host import DONE, check, check_equal, wait_until

HOST = {'packages': root.CONSUMERS}

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'


def programs(host) -> list[pathlib.Path]:
    return [*sorted(EXAMPLES.glob('*.py')),
            *(host.build / 'examples' / source.stem for source in sorted(EXAMPLES.glob('*.c')))]


def test_examples(host):
    """Each runs as an ordinary member of kvm, to its end and without an error, and leaves nothing behind"""
    found = programs(host)
    monitor = '/home/alice/qmp.sock'
    check({path.suffix for path in found} == {'.py', ''}, f'one in Python and one in C, not {found}')
    for path in found:
        inside = f'/usr/local/bin/{path.name}'
        host.copy(path, inside)
        arguments = [inside]
        if path.name == 'hot-plug.py':
            # Into a QEMU whose processor nobody has started.
            arguments += [monitor]
            qemu = host.start(['qemu-system-x86_64', '-S', '-M', 'pc,accel=tcg', '-nodefaults', '-display', 'none',
                               '-qmp', f'unix:{monitor},server=on,wait=off'], user='alice')
            wait_until('QEMU to listen', lambda: host.path(monitor).exists())
        result = host.run(arguments, user='alice')
        check_equal(result.status, DONE, f'the exit status of {path.name}:\n{result}')
        check(result.out, f'{path.name} says nothing')
        if path.name == 'hot-plug.py':
            check_equal(host.taps(), result.out.split(), 'the TAP in QEMU')
            qemu.signal(signal.SIGTERM)
        wait_until(f'what {path.name} made to go', lambda: host.taps() == [] and host.links() == ['lo'])
