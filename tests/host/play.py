# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plays the session of tools/try on a host of its own: what is typed and what comes back, as on the terminal."""

import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time
import tty

sys.dont_write_bytecode = True

import host as host_module  # noqa: E402
import root  # noqa: E402
from machine import Failure, Terminal  # noqa: E402

PROMPT = r'(\w+)@host:~\$ $'


def say(text: str):
    sys.stdout.write(text)
    sys.stdout.flush()


class Shell:
    """A login shell of a user, on a terminal. A prompt is shown with the command that follows it."""

    def __init__(self, host, user: str):
        self.terminal = host.terminal(['bash', '-l'], user=user)
        self.shown = self.terminal.expect(PROMPT).start()

    def show(self, end: int):
        say(self.terminal.text[self.shown:end])
        self.shown = end

    def type(self, command: str):
        """A command that ends."""
        self.terminal.type(command)
        self.show(self.terminal.expect(PROMPT).start())

    def start(self, command: str, answer: str):
        """A command that stays; answer is the line by which it says that it runs."""
        self.terminal.type(command)
        self.show(self.terminal.expect(f'\n{answer}\n').end())


def note(text: str):
    say(f'\n--- {text}\n\n')


def play(host) -> Shell:
    """The session; its shell goes on."""
    note('alice is a member of kvm and nothing more; she logs in to a host that runs tapd')
    alice = Shell(host, 'alice')
    alice.type('id')
    alice.type('tapctl create tap1')
    alice.type('tapctl list')
    alice.type('tapctl status tap1')
    alice.type('ip -d link show tap1')

    note('in another window a program of hers opens a queue of it by its name, as QEMU does')
    window = Shell(host, 'alice')
    window.start('queue tap1', 'open')
    note('and in the first')
    alice.type('tapctl status tap1')
    alice.type('tapctl delete tap1')
    window.terminal.close()

    note('the program has ended; she takes the TAP down and up again')
    alice.type('tapctl down tap1')
    alice.type('ip link show tap1')
    alice.type('tapctl up tap1')

    note('bob, another member of kvm, cannot touch it; he makes one of his own')
    bob = Shell(host, 'bob')
    bob.type('tapctl --no-ask-password delete tap1')
    bob.type('tapctl create')
    bob.type('tapctl list')
    bob.terminal.close()

    note('alice again')
    alice.type('tapctl create tap2 tap3')
    alice.type('tapctl delete tap2 tap3')
    alice.type('ip -d link show tap1')
    return alice


def check_end(host):
    """What was shown is what is there."""
    link = host.link('tap1')
    host_module.check(link and 'UP' in link['flags'], 'tap1 is not UP')
    host_module.check_equal({key: link['linkinfo']['info_data'].get(key) for key in
                             ('type', 'multi_queue', 'persist', 'user', 'group')},
                            {'type': 'tap', 'multi_queue': True, 'persist': True, 'user': 'alice', 'group': 'kvm'},
                            'tap1')


def copy_size(terminal: Terminal):
    try:
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return
    if struct.unpack('4H', size)[1]:
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, size)


def interact(terminal: Terminal):
    """Connects this terminal with that one until its program ends."""
    def on_resize(number, frame):
        copy_size(terminal)

    before = termios.tcgetattr(0)
    signal.signal(signal.SIGWINCH, on_resize)
    tty.setraw(0)
    try:
        while terminal.process.running():
            ready, _, _ = select.select([0, terminal.master], [], [], 0.1)
            if 0 in ready:
                typed = os.read(0, 65536)
                if not typed:
                    return
                os.write(terminal.master, typed)
            if terminal.master in ready:
                try:
                    os.write(1, os.read(terminal.master, 65536))
                except OSError:  # EIO: the shell has closed its side
                    time.sleep(0.02)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)


def main() -> int:
    def stop(number, frame):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    try:
        with host_module.Host(programs=()) as host:
            host.copy(host.build / 'queue', '/usr/local/bin/queue')
            host.boot()
            alice = play(host)
            check_end(host)
            if os.isatty(0) and os.isatty(1):
                note('the shell is yours; "exit" ends it and the host')
                copy_size(alice.terminal)
                alice.show(len(alice.terminal.text))
                interact(alice.terminal)
    except root.Unavailable as reason:
        print(f'tools/try: no host on this machine: {reason}', file=sys.stderr)
        return 1
    except (Failure, RuntimeError) as failure:
        print(f'\ntools/try: {failure}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say('\n')
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
