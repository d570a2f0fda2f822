# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian host with its own systemd, in systemd-nspawn, for as long as a test needs it.

What a host is made of: the trees of root.py as read-only layers with a writable one over them, a mount namespace
that holds all its mounts, a cgroup of its own, a network namespace, and a node of its own for /dev/net/tun (a host's
udev would otherwise change the owner of this machine's). All of it goes when the program that started it goes.
"""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import socket
import stat
import struct
import subprocess
import termios
import time

import root

# A limit on waiting is there to end a hung test: none of them is a performance that is expected.
HANG = 120

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

ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8',
               'TERM': 'dumb'}


class Failure(Exception):
    """What a test expected did not come."""


@dataclasses.dataclass
class Result:
    command: str
    status: int
    out: str
    err: str

    def __str__(self):
        text = f'{self.command}\n' + self.out + self.err
        return text.rstrip('\n') + (f'\n(exit status {self.status})' if self.status else '')


def wait_until(what, claim, timeout=HANG):
    """Waits for claim() to be true and gives what it answered; what says it in an error."""
    end = time.monotonic() + timeout
    pause = 0.005
    while True:
        answer = claim()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure(f'waited {timeout} s in vain for: {what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def kill_entered(popen: subprocess.Popen):
    """Ends what enter() started, the inner process first: orphaned, it would wait for this machine's init, and the
    host's pid namespace for it."""
    if popen.poll() is None:
        inner = entered(popen)
        with contextlib.suppress(ProcessLookupError):
            os.kill(inner, signal.SIGKILL) if inner else popen.kill()
    popen.wait()


def entered(popen: subprocess.Popen) -> int | None:
    """The process that nsenter forked for the pid namespace; all that follows is one exec after the other."""
    with contextlib.suppress(OSError):
        children = pathlib.Path(f'/proc/{popen.pid}/task/{popen.pid}/children').read_text().split()
        return int(children[0]) if children else None


class Process:
    """A program on a host, with its three streams as pipes of text."""

    def __init__(self, command: str, argv: list[str]):
        self.command = command
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=ENVIRONMENT, start_new_session=True)
        self.buffer = b''

    @property
    def pid(self) -> int:
        """The program's pid as this machine counts, which is not as the host counts."""
        return wait_until(f'{self.command} to start', lambda: entered(self.popen))

    def send(self, line: str):
        self.popen.stdin.write(line.encode() + b'\n')
        self.popen.stdin.flush()

    def line(self, timeout=HANG) -> str:
        """Its next line; '' at the end."""
        end = time.monotonic() + timeout
        descriptor = self.popen.stdout.fileno()
        while b'\n' not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise Failure(f'{self.command} said nothing for {timeout} s')
            more = os.read(descriptor, 65536)
            if not more:
                rest, self.buffer = self.buffer, b''
                return rest.decode(errors='replace')
            self.buffer += more

        line, self.buffer = self.buffer.split(b'\n', 1)
        return line.decode(errors='replace')

    def finish(self, timeout=HANG) -> Result:
        """Closes its input and waits for its end."""
        try:
            out, err = self.popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.close()
            raise Failure(f'{self.command} did not end in {timeout} s') from None
        out, self.buffer = self.buffer + out, b''
        return Result(self.command, self.popen.returncode, out.decode(errors='replace'), err.decode(errors='replace'))

    def close(self):
        kill_entered(self.popen)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            with contextlib.suppress(OSError):
                stream.close()


class Terminal:
    """A program on a terminal of a host; what it writes collects in .text, without colours and carriage returns."""

    def __init__(self, command: str, master: int, process: subprocess.Popen):
        self.command = command
        self.master = master
        self.process = process
        self.raw = b''
        self.text = ''
        self.seen = 0

    def _read(self, timeout: float) -> bool:
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            more = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other side open
            time.sleep(min(timeout, 0.01))
            return False
        self.raw += more
        self.text = re.sub(r'\r|\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)', '', self.raw.decode(errors='replace'))
        return True

    def expect(self, pattern: str, timeout=HANG) -> re.Match:
        """Waits for a pattern in what came since the last match."""
        end = time.monotonic() + timeout
        while True:
            match = re.compile(pattern).search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            if not self._read(0.1) and (time.monotonic() > end or self.process.poll() is not None):
                while self._read(0):
                    pass
                if re.compile(pattern).search(self.text, self.seen):
                    continue
                raise Failure(f'{self.command}: no {pattern!r} on its terminal, which shows:\n{self.text}')

    def type(self, text: str):
        os.write(self.master, text.encode() + b'\n')

    def type_password(self, password: str):
        """Types when the program has switched the echo off: what is typed before that is thrown away."""
        wait_until('the terminal to stop its echo', lambda: not termios.tcgetattr(self.master)[3] & termios.ECHO)
        self.type(password)

    def finish(self, timeout=HANG) -> Result:
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.close()
                raise Failure(f'{self.command} did not end in {timeout} s; its terminal shows:\n{self.text}')
            self._read(0.05)
        while self._read(0):
            pass
        self.close()
        return Result(self.command, self.process.returncode, self.text, '')

    def close(self):
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
        kill_entered(self.process)
        self.process.stderr.close()


class Machine:
    """One host. layers: the trees under its own, the uppermost first. udev: run it, and let the host write to /sys."""

    def __init__(self, layers: list[pathlib.Path], udev=False):
        self.layers = layers
        self.udev = udev
        self.process = None
        self.leader = None
        self.leader_handle = -1
        self.started = []
        self.log = []
        self.locks = contextlib.ExitStack()
        self.folder = None

    # Its life

    def __enter__(self):
        root.demand('systemd-nspawn', 'unshare', 'nsenter', 'setpriv')
        # SIGTERM or ^C from here to the end of the "with" leaves nothing behind: __exit__ follows or this does.
        try:
            self.folder = root.new_host(self.locks)
            for layer in self.layers:
                self.locks.enter_context(root.locked(layer.with_name(layer.name + '.lock'), fcntl.LOCK_SH))
            for name in ('upper', 'work', 'root'):
                (self.folder / name).mkdir()
            os.mknod(self.folder / 'tun', stat.S_IFCHR | 0o666, os.makedev(10, 200))
            (self.folder / 'tun').chmod(0o666)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        blocked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        try:
            if self.process:
                self.kill()
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)
            self.locks.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def path(self, inside: str) -> pathlib.Path:
        """Where a file of the running host is on this machine."""
        return pathlib.Path(f'/proc/{self.leader}/root') / inside.lstrip('/')

    def copy(self, source: pathlib.Path, inside: str, mode=0o755):
        """Puts a file into the host, before its boot or after."""
        target = self.path(inside) if self.leader else self.folder / 'upper' / inside.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode)

    def boot(self):
        """Starts the host and returns when systemd says that all of it runs and nothing failed."""
        # overlayfs marks a volatile layer as not to be used again after a crash of the machine.
        shutil.rmtree(self.folder / 'work' / 'work' / 'incompat', ignore_errors=True)
        if self.udev:
            # /sys is writable then: these would set the sysctls of the machine and trigger events of its devices.
            self._mask('systemd-sysctl.service')
            self._mask('systemd-udev-trigger.service')

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

        state = self.run(['systemctl', 'is-system-running', '--wait'])
        if state.out.strip() != 'running':
            failed = self.run(['systemctl', '--failed', '--no-legend']).out
            raise Failure(f'the host is {state.out.strip()}; failed units:\n{failed}{self.journal(lines=40)}')
        if self.udev:
            # PID 1 misses udev's socket when it starts in a container; without it there are no .device units.
            self.run(['systemctl', 'daemon-reexec'], check=True)

    def _start_command(self) -> list[str]:
        return ['setpriv', '--pdeathsig', 'KILL',
                'unshare', '--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child', '--mount-proc',
                'sh', '-euc', START, 'sh', ':'.join(map(str, self.layers)), str(self.folder), root.cgroup(self.folder),
                'systemd-nspawn', '--quiet', '--boot', '--notify-ready=yes', '--machine=' + self.folder.name,
                '--directory=' + str(self.folder / 'root'), '--private-network', '--capability=all',
                '--system-call-filter=bpf @keyring perf_event_open', f'--bind={self.folder}/tun:/dev/net/tun',
                '--resolv-conf=off', '--timezone=off', '--link-journal=no', '--register=no', '--keep-unit']

    def _mask(self, unit: str):
        units = self.folder / 'upper/etc/systemd/system'
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

        console = (self.folder / 'console').read_text(errors='replace')[-4000:]
        raise Failure(f'the host did not boot; its console:\n{console}')

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

    def _end(self) -> int:
        """What is to be done when nspawn ends, or to make it end."""
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
        """Pulls the plug. The disk is what it was: boot() goes on from it."""
        self.process.kill()
        self._end()

    def _leave(self, verb: str, expected: int):
        # systemd-shutdown stops them with the host, and they would wait for it.
        self.stop_started()
        self.run(['systemctl', '--no-block', verb], check=True)
        try:
            self.process.wait(HANG)
        except subprocess.TimeoutExpired:
            raise Failure(f'the host did not {verb}') from None
        status = self._end()
        if status != expected:
            raise Failure(f'the host ended with status {status} on {verb}')

    def poweroff(self):
        self._leave('poweroff', 0)

    def reboot(self):
        """Shuts down and boots again from the same disk; /run and the network are new."""
        self._leave('reboot', 133)
        self.boot()

    # Programs on it

    def enter(self, *argv: str) -> list[str]:
        """The command line that runs a program as root on the host; the program dies with its starter."""
        return ['nsenter', '--target', str(self.leader), '--all', '--', 'setpriv', '--pdeathsig', 'KILL', '--', *argv]

    def command(self, argv: list[str] | str, user=None, session=None, extra=()) -> list[str]:
        """user: who runs it. session: None (no login session, as in cron), 'ssh' (a login from elsewhere) or 'seat'
        (a person in front of the machine)."""
        argv = ['sh', '-c', argv] if isinstance(argv, str) else list(map(str, argv))
        if session is None:
            if user is None:
                return self.enter(*argv)
            return ['nsenter', '--target', str(self.leader), '--all', '--', 'setpriv', '--reuid', user, '--regid',
                    self.group_of(user), '--init-groups', '--reset-env', '--pdeathsig', 'KILL', '--',
                    'env', 'LANG=C.UTF-8', *argv]

        options = ['-E', 'XDG_SEAT=seat0', '-E', 'XDG_SESSION_CLASS=user'] if session == 'seat' else []
        # PID 1 expands variables in the arguments.
        return self.enter('systemd-run', '--quiet', '--wait', '--collect', '--uid=' + (user or 'root'),
                          '-p', 'PAMName=login', '-p', 'WorkingDirectory=~', '-E', 'LANG=C.UTF-8', *options, *extra,
                          '--', *(a.replace('%', '%%').replace('$', '$$') for a in argv))

    def group_of(self, user: str) -> str:
        for line in self.path('/etc/passwd').read_text().splitlines():
            fields = line.split(':')
            if fields[0] == user:
                return fields[3]
        raise Failure(f'the host has no user {user}')

    def _shown(self, argv, user) -> str:
        shown = argv if isinstance(argv, str) else shlex.join(map(str, argv))
        return f'{user or "root"}{"$" if user else "#"} {shown}'

    def run(self, argv: list[str] | str, user=None, session=None, input='', check=False, timeout=HANG) -> Result:
        """Runs a program to its end. check: its failure is an error here."""
        extra = ['--pipe'] if session else []
        shown = self._shown(argv, user)
        try:
            done = subprocess.run(self.command(argv, user, session, extra), input=input.encode(), capture_output=True,
                                  env=ENVIRONMENT, start_new_session=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f'{shown}\ndid not end in {timeout} s') from None
        result = Result(shown, done.returncode, done.stdout.decode(errors='replace'),
                        done.stderr.decode(errors='replace'))
        self.log.append(result)
        if check and result.status != 0:
            raise Failure(str(result))
        return result

    def start(self, argv: list[str] | str, user=None) -> Process:
        """Starts a program and leaves it running."""
        process = Process(self._shown(argv, user), self.command(argv, user))
        self.started.append(process)
        return process

    def terminal(self, argv: list[str] | str, user=None, session='ssh') -> Terminal:
        """Starts a program on a terminal of a login session."""
        # The pair of the host's own devpts: a program finds its terminal by the name it has there.
        master = os.open(self.path('/dev/pts/ptmx'), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        number = int.from_bytes(fcntl.ioctl(master, TIOCGPTN, bytes(4)), 'little')
        fcntl.ioctl(master, TIOCSPTLCK, bytes(4))
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('4H', 40, 120, 0, 0))
        name = f'/dev/pts/{number}'
        extra = ['-E', 'TERM=xterm', '-p', 'StandardInput=tty', '-p', 'StandardOutput=inherit', '-p',
                 'StandardError=inherit', '-p', 'TTYPath=' + name]
        process = subprocess.Popen(self.command(argv, user, session, extra), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT,
                                   start_new_session=True)
        terminal = Terminal(self._shown(argv, user), master, process)
        self.started.append(terminal)
        return terminal

    def stop_started(self):
        for program in self.started:
            program.close()
        self.started.clear()

    def journal(self, *options: str, lines=None) -> str:
        more = [f'--lines={lines}'] if lines else []
        done = subprocess.run(self.enter('journalctl', '--quiet', '--no-pager', '-o', 'short-monotonic', *more,
                                         *options), stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT)
        return done.stdout.decode(errors='replace')
