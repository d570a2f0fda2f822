# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine in QEMU, on Debian's own kernel: what this machine's kernel lacks is there, and modules can be loaded.

What it is made of: the disks of kernel.py with a writable one over them, and a serial port on which agent.c runs
programs. It has no network device. All of it goes when the program that started it goes.

The processor is emulated: a boot takes ten seconds or more, a command a tenth of one. So a guest does not boot when it
is new: one made of the same did once, and was stopped and kept; the guest is that one from there on, on a disk of its
own. /dev/kvm is left alone: on a machine that is virtual itself it may be there and not work.

Its plug is a real one: what was not synced when kill() pulls it is lost.
"""

import itertools
import json
import os
import pathlib
import select
import shlex
import signal
import socket
import struct
import subprocess
import time

import kernel
import root
from machine import ENVIRONMENT, HANG, PROGRAMS, Failure, Machine, Program, Terminal

QEMU = ['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
        '-machine', 'q35', '-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'qemu64,+rdrand', '-smp', '2',
        '-m', '1024']

# A panic ends it. The kernel keeps no secrets from its programs, which spares time, and nobody logs in on the console.
COMMAND_LINE = ['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'systemd.show_status=no',
                'systemd.mask=getty@tty1.service', 'systemd.mask=serial-getty@ttyS0.service']

# From early on to the very end: it is to tell what keeps the machine from booting.
UNIT = f'''[Unit]
DefaultDependencies=no
[Service]
ExecStart=env -i {' '.join(f'{key}={value}' for key, value in ENVIRONMENT.items())} {PROGRAMS}/agent
'''

# agent.c
HELLO, START, INPUT, SIGNAL, FORGET, OUTPUT, ERROR, EXIT = range(1, 9)
MESSAGE = struct.Struct('=III')
DATA_MAX = 65536


class Port:
    """This end of the serial port of a guest. Nothing is read from it but while somebody waits for something."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.connection.setblocking(False)
        self.incoming = bytearray()
        self.ids = itertools.count(1)
        self.programs = {}
        self.ready = False

    def _dispatch(self, kind: int, number: int, data: bytes):
        program = self.programs.get(number)
        if kind == HELLO:
            self.ready = True
        elif kind == OUTPUT:
            program.out += data
        elif kind == ERROR:
            program.err += data
        elif kind == EXIT:
            program.status, = struct.unpack('=i', data)
            del self.programs[number]

    def _receive(self):
        more = self.connection.recv(DATA_MAX)
        if not more:
            raise Failure('the guest is gone')
        self.incoming += more
        while len(self.incoming) >= MESSAGE.size:
            kind, number, length = MESSAGE.unpack_from(self.incoming)
            end = MESSAGE.size + length
            if len(self.incoming) < end:
                break
            data = bytes(self.incoming[MESSAGE.size:end])
            del self.incoming[:end]
            self._dispatch(kind, number, data)

    def wait(self, timeout: float) -> bool:
        """Takes what comes, and returns when something came."""
        came = bool(select.select([self.connection], [], [], timeout)[0])
        if came:
            self._receive()
        return came

    def say(self, kind: int, number: int, data=b''):
        rest = MESSAGE.pack(kind, number, len(data)) + data
        while rest:
            # The agent may take this only when it has got rid of what it has to say itself.
            readable, writable, _ = select.select([self.connection], [self.connection], [])
            if readable:
                self._receive()
            if writable:
                rest = rest[self.connection.send(rest):]

    def close(self):
        self.connection.close()
        for program in self.programs.values():
            program.status = -signal.SIGKILL
        self.programs.clear()


class Monitor:
    """QEMU's own control port (QMP)."""

    def __init__(self, connection: socket.socket):
        connection.settimeout(HANG)
        self.connection = connection
        self.stream = connection.makefile('rwb')
        self.events = []
        self.ask('qmp_capabilities')

    def _read(self) -> dict:
        try:
            line = self.stream.readline()
        except TimeoutError:
            raise Failure(f'QEMU said nothing for {HANG} s') from None
        if not line:
            raise Failure('QEMU is gone')
        return json.loads(line)

    def ask(self, command: str, **arguments):
        self.stream.write(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        self.stream.flush()
        while True:
            answer = self._read()
            if 'event' in answer:
                self.events.append(answer)
            elif 'error' in answer:
                raise Failure(f'{command}: {answer["error"]["desc"]}')
            elif 'return' in answer:
                return

    def await_event(self, name: str, **data):
        """Waits for an event with this in its data."""
        while True:
            event = self.events.pop(0) if self.events else self._read()
            if event.get('event') == name and data.items() <= event.get('data', {}).items():
                return

    def close(self):
        self.stream.close()
        self.connection.close()


class RemoteProgram(Program):
    """A program that the agent started."""

    def __init__(self, command: str, port: Port, argv: list[str]):
        super().__init__(command)
        self.port = port
        self.number = next(port.ids)
        self.out = bytearray()
        self.err = bytearray()
        self.status = None
        port.programs[self.number] = self
        port.say(START, self.number, b''.join(argument.encode() + b'\0' for argument in argv))

    def _wait(self, claim, timeout: float) -> bool:
        end = time.monotonic() + timeout
        while not claim():
            left = end - time.monotonic()
            if left < 0:
                return False
            self.port.wait(left)
        return True

    def _ended(self) -> bool:
        return self.status is not None

    def running(self) -> bool:
        while not self._ended() and self.port.wait(0):
            pass
        return not self._ended()

    def signal(self, number: int):
        self.port.say(SIGNAL, self.number, bytes([number]))

    def write(self, data: bytes):
        for i in range(0, len(data), DATA_MAX):
            self.port.say(INPUT, self.number, data[i:i + DATA_MAX])

    def read(self, timeout: float) -> bytes | None:
        if not self._wait(lambda: self.out or self._ended(), timeout):
            return None
        out, self.out = bytes(self.out), bytearray()
        return out

    def complete(self, data: bytes, timeout: float) -> tuple[int, bytes, bytes] | None:
        self.write(data)
        self.port.say(INPUT, self.number)
        return (self.status, bytes(self.out), bytes(self.err)) if self._wait(self._ended, timeout) else None

    def close(self):
        if not self._ended():
            self.port.say(FORGET, self.number)
            if not self._wait(self._ended, HANG):
                raise Failure(f'{self.command} cannot be killed')


class RemoteTerminal(Terminal):
    """A terminal of the guest, with terminal.c on the other side."""

    def __init__(self, process: Program, typist: Program, name: str):
        super().__init__(process)
        self.typist = typist
        self.name = name

    def read(self, timeout: float) -> bytes | None:
        # What came with the line that says the name.
        early, self.typist.buffer = self.typist.buffer, b''
        return early or self.typist.read(timeout) or None

    def write(self, data: bytes):
        self.typist.write(data)

    def echoes(self) -> bool:
        stty = RemoteProgram('stty', self.typist.port, ['stty', '-a', '-F', self.name]).finish()
        return '-echo' not in stty.out.split()

    def hang_up(self):
        self.typist.close()


class RemotePath:
    """A file of a guest, in the manner of pathlib.Path."""

    def __init__(self, guest: 'Guest', path: pathlib.PurePosixPath):
        self.guest = guest
        self.path = path

    def __str__(self):
        return str(self.path)

    def __truediv__(self, name: str) -> 'RemotePath':
        return RemotePath(self.guest, self.path / name)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> 'RemotePath':
        return RemotePath(self.guest, self.path.parent)

    def _call(self, *argv: str, input=b'') -> tuple[int, bytes, bytes]:
        return self.guest.launch(argv[0], [*argv, str(self.path)]).outcome(input)

    def _do(self, *argv: str, input=b'') -> bytes:
        status, out, err = self._call(*argv, input=input)
        if status != 0:
            raise (OSError if self.exists() else FileNotFoundError)(err.decode(errors='replace').strip())
        return out

    def exists(self) -> bool:
        return self._call('test', '-e')[0] == 0

    def is_file(self) -> bool:
        return self._call('test', '-f')[0] == 0

    def is_dir(self) -> bool:
        return self._call('test', '-d')[0] == 0

    def read_bytes(self) -> bytes:
        return self._do('cat')

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, data: bytes):
        self._do('sh', '-c', 'cat >"$1"', 'sh', input=data)

    def write_text(self, text: str):
        self.write_bytes(text.encode())

    def mkdir(self, parents=False, exist_ok=False):
        if not (exist_ok and self.is_dir()):
            self._do('mkdir', *(['-p'] if parents else []))

    def chmod(self, mode: int):
        self._do('chmod', f'{mode:o}')

    def unlink(self, missing_ok=False):
        self._do('rm', *(['-f'] if missing_ok else []))


class Guest(Machine):
    """Its udev runs in any case."""

    # With -no-reboot QEMU ends where a machine would start again.
    STATUS = {'poweroff': 0, 'reboot': 0}
    # A kernel with virtual terminals has him on one of them, and this is the one that is shown.
    SEAT = Machine.SEAT | {'XDG_VTNR': '1'}

    def __init__(self, layers: list[pathlib.Path], udev: bool):
        super().__init__(layers, udev)
        self.port = None
        self.monitor = None

    def prepare(self):
        self.kernel = kernel.kernel()
        self.hold(self.kernel)
        self.disks = [kernel.disk(tree) for tree in (*self.layers, self.kernel / 'tree')]
        for disk in self.disks:
            self.hold(disk.parent)

        self.upper = self.folder / 'tree/upper'
        (self.folder / 'tree/work').mkdir(parents=True)
        units = self.upper / 'etc/systemd/system'
        (units / 'sysinit.target.wants').mkdir(parents=True)
        (units / 'tapd-test-agent.service').write_text(UNIT)
        (units / 'sysinit.target.wants/tapd-test-agent.service').symlink_to('../tapd-test-agent.service')
        for program in ('agent', 'terminal'):
            self.install(program)

    def path(self, inside: str) -> RemotePath:
        return RemotePath(self, pathlib.PurePosixPath(inside))

    # Its life

    def power_on(self):
        """The first time it goes on from where another one, made of the same, had booted."""
        if self.upper:
            self.saved = root.kept('guest', self._digest(), self._save)
            self.hold(self.saved)
            # What is put onto it from now on has to be put there while it runs.
            self.upper = None
            self._resume()
        else:
            self._start([])
            self._wait_for_agent()

    def renew(self):
        if self.running:
            self.kill()
        self._resume()

    def sync(self):
        self.run(['sync'], check=True)

    def _resume(self):
        self._copy_disk(self.saved / 'disk', self.folder / 'disk')
        self._start(['-incoming', 'defer'])
        self._migrate('migrate-incoming', f'exec:cat {shlex.quote(str(self.saved / "memory"))}')
        self.monitor.ask('cont')
        self.run(['date', '--set', f'@{time.time():.3f}'], check=True)

    def _digest(self) -> str:
        """Of all that a booted guest depends on."""
        tree = self.folder / 'tree'
        files = [f'{path.relative_to(tree)} {path.lstat().st_mode:o} ' +
                 (os.readlink(path) if path.is_symlink() else root.file_digest(path))
                 for path in sorted(tree.rglob('*')) if path.is_symlink() or path.is_file()]
        version = subprocess.run([QEMU[0], '--version'], capture_output=True, text=True, check=True).stdout
        return root.digest(str(self.kernel), *map(str, self.disks), *files, version, *QEMU, *COMMAND_LINE)

    def _save(self, work: pathlib.Path):
        """Boots and leaves in a folder what the machine is then."""
        kernel.make_disk(self.folder / 'disk', self.folder / 'tree')
        self._start([])
        self._wait_for_agent()
        self.await_running()
        # An emulated processor that runs changes memory behind the back of who saves it.
        self.monitor.ask('stop')
        self._migrate('migrate', f'exec:cat >{shlex.quote(str(work / "memory"))}')
        self.kill()
        self._copy_disk(self.folder / 'disk', work / 'disk')

    def _migrate(self, command: str, uri: str):
        self.monitor.ask('migrate-set-capabilities', capabilities=[{'capability': 'events', 'state': True}])
        self.monitor.ask(command, uri=uri)
        self.monitor.await_event('MIGRATION', status='completed')

    @staticmethod
    def _copy_disk(source: pathlib.Path, target: pathlib.Path):
        subprocess.run(['cp', '--sparse=always', str(source), str(target)], check=True)

    def _start(self, options: list[str]):
        """Starts QEMU."""
        ends = [socket.socketpair() for _ in range(2)]
        theirs = [end.fileno() for _, end in ends]
        self.port = Port(ends[0][0])
        with ends[0][1], ends[1][1], open(self.folder / 'console', 'ab') as console:
            self.process = subprocess.Popen(self._start_command(*theirs) + options, stdin=subprocess.DEVNULL,
                                            stdout=console, stderr=console, pass_fds=theirs, start_new_session=True)
        self.monitor = Monitor(ends[1][0])

    def _start_command(self, port: int, monitor: int) -> list[str]:
        disks = [(disk, 'on') for disk in self.disks] + [(self.folder / 'disk', 'off')]
        drives = (['-drive', f'if=none,id=disk{i},file={disk},format=raw,cache=unsafe,readonly={readonly}',
                   '-device', f'virtio-blk-pci,drive=disk{i}'] for i, (disk, readonly) in enumerate(disks))
        return ['setpriv', '--pdeathsig', 'KILL', '--', *QEMU,
                '-kernel', str(self.kernel / 'vmlinuz'), '-initrd', str(self.kernel / 'initrd'),
                '-append', ' '.join(COMMAND_LINE), *itertools.chain(*drives),
                '-chardev', f'socket,id=monitor,fd={monitor}', '-mon', 'chardev=monitor,mode=control',
                '-chardev', f'file,id=console,path={self.folder}/console,append=on', '-serial', 'chardev:console',
                '-device', 'virtio-serial-pci',
                '-chardev', f'socket,id=agent,fd={port}', '-device', 'virtserialport,chardev=agent']

    def _wait_for_agent(self):
        end = time.monotonic() + HANG
        while not self.port.ready:
            if not self.port.wait(max(0, end - time.monotonic())):
                raise Failure('the guest did not boot')

    def end(self) -> int:
        # The agent is gone, or about to be.
        self.port.close()
        self.stop_started()
        status = self.process.wait()
        if self.monitor:
            self.monitor.close()
        self.process, self.port, self.monitor = None, None, None
        return status

    def kill(self):
        self.process.kill()
        self.end()

    # Programs on it

    def launch(self, shown: str, argv: list[str]) -> RemoteProgram:
        return RemoteProgram(shown, self.port, argv)

    def launch_on_terminal(self, shown: str, command) -> RemoteTerminal:
        typist = self.launch('terminal', [f'{PROGRAMS}/terminal'])
        name = typist.line()
        return RemoteTerminal(self.launch(shown, command(name)), typist, name)
