# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine in systemd-nspawn, on the kernel of this one.

What it is made of: the trees of root.py as read-only layers with a writable one over them, a mount namespace that holds
all its mounts, a cgroup of its own, a network namespace, and a node of its own for /dev/net/tun (its udev would
otherwise change the owner of this machine's). All of it goes when the program that started it goes.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import termios
import time

import root
from machine import ENVIRONMENT, HANG, Failure, Machine, Program, Terminal, wait_until

# Runs in a new mount namespace: $1 lower layers, $2 the host's folder, $3 its cgroup; the rest starts nspawn. The pure
# cgroup2 tree is what a real Debian 12 has; with the machine's own one, which may be another, PID 1 comes up hybrid.
# "volatile" spares the many fsyncs of a boot.
START = '''
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,volatile" overlay "$2/root"
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$3"
echo $$ >"/sys/fs/cgroup/$3/cgroup.procs"
shift 3
exec "$@"
'''

# <asm-generic/ioctls.h>
TIOCGPTN = 0x80045430
TIOCSPTLCK = 0x40045431


class EnteredProgram(Program):
    """A program that nsenter started."""

    def __init__(self, command: str, argv: list[str]):
        super().__init__(command)
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=ENVIRONMENT, start_new_session=True)

    def inner(self) -> int | None:
        """The process that nsenter forked for the pid namespace; all that follows is one exec after the other."""
        with contextlib.suppress(OSError):
            children = pathlib.Path(f'/proc/{self.popen.pid}/task/{self.popen.pid}/children').read_text().split()
            return int(children[0]) if children else None

    def running(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: int):
        os.kill(wait_until(f'{self.command} to start', self.inner), number)

    def write(self, data: bytes):
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def read(self, timeout: float) -> bytes | None:
        descriptor = self.popen.stdout.fileno()
        return os.read(descriptor, 65536) if select.select([descriptor], [], [], timeout)[0] else None

    def complete(self, data: bytes, timeout: float) -> tuple[int, bytes, bytes] | None:
        try:
            out, err = self.popen.communicate(data, timeout)
        except subprocess.TimeoutExpired:
            return None
        return self.popen.returncode, out, err

    def close(self):
        if self.running():
            # The inner process first: orphaned, it would wait for this machine's init, and the host's pid namespace
            # for it.
            inner = self.inner()
            with contextlib.suppress(ProcessLookupError):
                os.kill(inner, signal.SIGKILL) if inner else self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            with contextlib.suppress(OSError):
                stream.close()


class LocalTerminal(Terminal):
    """A terminal of the container's devpts, of which this machine has the other side."""

    def __init__(self, process: Program, master: int):
        super().__init__(process)
        self.master = master

    def read(self, timeout: float) -> bytes | None:
        if not select.select([self.master], [], [], timeout)[0]:
            return None
        try:
            return os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other side open
            time.sleep(min(timeout, 0.01))
            return None

    def write(self, data: bytes):
        os.write(self.master, data)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def hang_up(self):
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


class Container(Machine):
    """udev: run it, and let the container write to /sys."""

    STATUS = {'poweroff': 0, 'reboot': 133}

    def __init__(self, layers: list[pathlib.Path], udev: bool):
        super().__init__(layers, udev)
        self.leader = None
        self.leader_handle = -1

    def prepare(self):
        root.demand('systemd-nspawn', 'unshare', 'nsenter', 'setpriv')
        self.upper = self.folder / 'upper'
        for name in ('upper', 'work', 'root'):
            (self.folder / name).mkdir()
        os.mknod(self.folder / 'tun', stat.S_IFCHR | 0o666, os.makedev(10, 200))
        (self.folder / 'tun').chmod(0o666)

    def path(self, inside: str) -> pathlib.Path:
        return pathlib.Path(f'/proc/{self.leader}/root') / inside.lstrip('/')

    def boot(self):
        super().boot()
        if self.udev:
            # PID 1 misses udev's socket when it starts in a container; without it there are no .device units.
            self.run(['systemctl', 'daemon-reexec'], check=True)

    def power_on(self):
        # overlayfs marks a volatile layer as not to be used again after a crash of the machine.
        shutil.rmtree(self.folder / 'work' / 'work' / 'incompat', ignore_errors=True)
        if self.udev:
            # /sys is writable then: these would set the sysctls of the machine and trigger events of its devices.
            self.mask('systemd-sysctl.service')
            self.mask('systemd-udev-trigger.service')

        address = self.folder / 'notify'
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news, open(self.folder / 'console', 'ab') as console:
            news.bind(str(address))
            environment = {'PATH': os.environ.get('PATH', ENVIRONMENT['PATH']), 'NOTIFY_SOCKET': str(address)}
            if self.udev:
                environment['SYSTEMD_NSPAWN_API_VFS_WRITABLE'] = '1'
            self.process = subprocess.Popen(self._start_command(), stdin=subprocess.DEVNULL, stdout=console,
                                            stderr=console, env=environment, start_new_session=True)
            self._wait_for_boot(news)

    def _start_command(self) -> list[str]:
        return ['setpriv', '--pdeathsig', 'KILL',
                'unshare', '--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child', '--mount-proc',
                'sh', '-euc', START, 'sh', ':'.join(map(str, self.layers)), str(self.folder), root.cgroup(self.folder),
                'systemd-nspawn', '--quiet', '--boot', '--notify-ready=yes', '--machine=' + self.folder.name,
                '--directory=' + str(self.folder / 'root'), '--private-network', '--capability=all',
                '--system-call-filter=bpf @keyring perf_event_open', f'--bind={self.folder}/tun:/dev/net/tun',
                '--resolv-conf=off', '--timezone=off', '--link-journal=no', '--register=no', '--keep-unit']

    def mask(self, unit: str):
        units = self.upper / 'etc/systemd/system'
        units.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (units / unit).symlink_to('/dev/null')

    def _wait_for_boot(self, news: socket.socket):
        end = time.monotonic() + HANG
        news.settimeout(0.2)
        while time.monotonic() < end:
            try:
                message = news.recv(65536).decode()
            except TimeoutError:
                if self.process.poll() is not None:
                    break
                continue
            for line in message.splitlines():
                key, _, value = line.partition('=')
                if key == 'X_NSPAWN_LEADER_PID':
                    self.leader = self._find_leader(value)
                    self.leader_handle = os.pidfd_open(self.leader)
                elif key == 'READY':
                    return

        raise Failure('the host did not boot')

    def _find_leader(self, number: str) -> int:
        """The host's PID 1, of which nspawn tells the number in its own pid namespace."""
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            with contextlib.suppress(FileNotFoundError):
                status = pathlib.Path(f'/proc/{pid}/status').read_text()
                if re.search(rf'^NSpid:.*\t{number}\t1$', status, re.MULTILINE):
                    return pid
                todo += map(int, pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split())
        raise Failure('nspawn started a host that is not there')

    def end(self) -> int:
        self.stop_started()
        status = self.process.wait()
        if self.leader_handle >= 0:
            # It dies with nspawn; this waits for it.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.leader_handle, signal.SIGKILL)
            select.select([self.leader_handle], [], [], 10)
            os.close(self.leader_handle)
        self.process, self.leader, self.leader_handle = None, None, -1
        root.end_cgroup(self.folder)
        return status

    def kill(self):
        self.process.kill()
        self.end()

    # Programs in it

    def launch(self, shown: str, argv: list[str]) -> EnteredProgram:
        return EnteredProgram(shown, ['nsenter', '--target', str(self.leader), '--all', '--',
                                      'setpriv', '--pdeathsig', 'KILL', '--', *argv])

    def launch_on_terminal(self, shown: str, command) -> LocalTerminal:
        # The pair of the host's own devpts: a program finds its terminal by the name it has there.
        master = os.open(self.path('/dev/pts/ptmx'), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        number = int.from_bytes(fcntl.ioctl(master, TIOCGPTN, bytes(4)), 'little')
        fcntl.ioctl(master, TIOCSPTLCK, bytes(4))
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('4H', 40, 120, 0, 0))
        return LocalTerminal(self.launch(shown, command(f'/dev/pts/{number}')), master)
