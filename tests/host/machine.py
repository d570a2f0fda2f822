# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian machine with its own systemd, for as long as a test needs it, and programs on it.

What is the same for the two kinds there are: container.py, which is quick and on which most tests run, and guest.py,
which has a kernel of its own.
"""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time

import root

# A limit on waiting is there to end a hung test: none of them is a performance that is expected.
HANG = 120

# Where the programs of the tests are on it.
PROGRAMS = '/usr/local/lib/tapd-tests'

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


class Program:
    """A program on a machine, with its three streams as pipes of text. What differs between machines:

    write(data)             to its standard input
    read(timeout)           what it wrote to its standard output, b'' at the end, None where nothing came in that time
    running()               it has not ended
    signal(number)
    complete(data, timeout) writes this and closes its input, waits for its end, gives status, output and errors; None
                            where it did not end in that time
    close()                 ends it, if it has not ended
    """

    def __init__(self, command: str):
        self.command = command
        self.buffer = b''

    def send(self, line: str):
        self.write(line.encode() + b'\n')

    def line(self, timeout=HANG) -> str:
        """Its next line; '' at the end."""
        end = time.monotonic() + timeout
        while b'\n' not in self.buffer:
            more = self.read(max(0, end - time.monotonic()))
            if more is None:
                raise Failure(f'{self.command} said nothing for {timeout} s')
            if not more:
                rest, self.buffer = self.buffer, b''
                return rest.decode(errors='replace')
            self.buffer += more

        line, self.buffer = self.buffer.split(b'\n', 1)
        return line.decode(errors='replace')

    def outcome(self, input=b'', timeout=HANG) -> tuple[int, bytes, bytes]:
        """Closes its input and waits for its end; its status, and what is left of what it wrote."""
        try:
            done = self.complete(input, timeout)
            if done is None:
                raise Failure(f'{self.command}\ndid not end in {timeout} s')
        finally:
            self.close()
        status, out, err = done
        out, self.buffer = self.buffer + out, b''
        return status, out, err

    def finish(self, input=b'', timeout=HANG) -> Result:
        """The same, as text."""
        status, out, err = self.outcome(input, timeout)
        return Result(self.command, status, out.decode(errors='replace'), err.decode(errors='replace'))


class Terminal:
    """A program on a terminal of a machine; what it writes collects in .text, without colours and carriage returns.
    What differs between machines:

    read(timeout)       what was written there, None where nothing was in that time
    write(data)         types it
    echoes()            what is typed is shown
    hang_up()           leaves the terminal
    """

    def __init__(self, process: Program):
        self.command = process.command
        self.process = process
        self.raw = b''
        self.text = ''
        self.seen = 0

    def _collect(self, timeout: float) -> bool:
        more = self.read(timeout)
        if more is None:
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
            if not self._collect(0.1) and (time.monotonic() > end or not self.process.running()):
                while self._collect(0):
                    pass
                if re.compile(pattern).search(self.text, self.seen):
                    continue
                raise Failure(f'{self.command}: no {pattern!r} on its terminal, which shows:\n{self.text}')

    def type(self, text: str):
        self.write(text.encode() + b'\n')

    def type_password(self, password: str):
        """Types when the program has switched the echo off: what is typed before that is thrown away."""
        wait_until('the terminal to stop its echo', lambda: not self.echoes())
        self.type(password)

    def finish(self, timeout=HANG) -> Result:
        end = time.monotonic() + timeout
        while self.process.running():
            if time.monotonic() > end:
                self.close()
                raise Failure(f'{self.command} did not end in {timeout} s; its terminal shows:\n{self.text}')
            self._collect(0.05)
        while self._collect(0):
            pass
        self.hang_up()
        return Result(self.command, self.process.finish().status, self.text, '')

    def close(self):
        self.hang_up()
        self.process.close()


class Machine:
    """One machine. layers: the trees under its own, the uppermost first. udev: it is to run, if the machine has a
    choice. What differs between the kinds:

    prepare()               makes what it needs in .folder, with .upper for the tree that lies over the layers
    power_on()              starts it as .process, and returns when programs run on it
    kill()                  pulls the plug; boot() goes on from the same disk
    end()                   waits for the end of .process, clears up after it, gives its exit status
    STATUS                  which is this one, by the verb of systemctl that made the machine end
    path(inside)            a file of the running machine; it has what pathlib.Path has
    launch(shown, argv)     a Program that root runs, and that dies with its starter
    launch_on_terminal(shown, command)      a Terminal; command(name) is what runs on the terminal of that name
    """

    # What a person in front of the machine has in the environment of his login, for pam_systemd.
    SEAT = {'XDG_SEAT': 'seat0', 'XDG_SESSION_CLASS': 'user'}

    def __init__(self, layers: list[pathlib.Path], udev: bool):
        self.build = pathlib.Path(os.environ['TAPD_BUILD']).absolute()
        self.layers = layers
        self.udev = udev
        self.process = None
        self.started = []
        self.log = []
        self.locks = contextlib.ExitStack()
        self.folder = None
        self.upper = None

    # Its life

    @property
    def running(self) -> bool:
        return self.process is not None

    def __enter__(self):
        # SIGTERM or ^C from here to the end of the "with" leaves nothing behind: __exit__ follows or this does.
        try:
            self.folder = root.new_host(self.locks)
            for layer in self.layers:
                self.hold(layer)
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        blocked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        try:
            if self.running:
                self.kill()
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)
            self.locks.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def hold(self, tree: pathlib.Path):
        """Keeps a tree of root.py for as long as the machine lives."""
        self.locks.enter_context(root.locked(tree.with_name(tree.name + '.lock'), fcntl.LOCK_SH))

    def copy(self, source: pathlib.Path, inside: str, mode=0o755):
        """Puts a file of this machine onto it, before its first boot or while it runs."""
        target = self.path(inside) if self.running else self.upper / inside.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(mode)

    def install(self, program: str):
        """Puts one of the programs of tests/host onto it."""
        self.copy(self.build / 'tests/host' / program, f'{PROGRAMS}/{program}')

    def boot(self):
        """Starts the machine and returns when systemd says that all of it runs and nothing failed."""
        try:
            self.power_on()
        except Failure as failure:
            raise Failure(f'{failure}; its console:\n{self.console()}') from None
        self.await_running()

    def await_running(self):
        state = self.run(['systemctl', 'is-system-running', '--wait'])
        if state.out.strip() != 'running':
            failed = self.run(['systemctl', '--failed', '--no-legend']).out
            raise Failure(f'the host is {state.out.strip()}; failed units:\n{failed}{self.journal(lines=40)}')

    def _leave(self, verb: str):
        # systemd-shutdown stops them with the host, and they would wait for it.
        self.stop_started()
        self.run(['systemctl', '--no-block', verb], check=True)
        try:
            self.process.wait(HANG)
        except subprocess.TimeoutExpired:
            raise Failure(f'the host did not {verb}') from None
        status = self.end()
        if status != self.STATUS[verb]:
            raise Failure(f'the host ended with status {status} on {verb}')

    def console(self) -> str:
        """The end of what it wrote there."""
        return (self.folder / 'console').read_text(errors='replace')[-4000:]

    def poweroff(self):
        self._leave('poweroff')

    def reboot(self):
        """Shuts down and boots again from the same disk; /run and the network are new."""
        self._leave('reboot')
        self.boot()

    def renew(self):
        """A new one for the tests that follow a failure: theirs are to be failures of their own."""
        if self.running:
            self.kill()
        self.boot()

    def sync(self):
        """What was done until now outlasts kill()."""

    # Programs on it

    def command(self, argv: list[str] | str, user=None, session=None, extra=()) -> list[str]:
        """user: who runs it. session: None (no login session, as in cron), 'ssh' (a login from elsewhere) or 'seat'
        (a person in front of the machine)."""
        argv = ['sh', '-c', argv] if isinstance(argv, str) else list(map(str, argv))
        if session is None:
            # What launch() says of its starter's death does not outlast a change of user.
            return argv if user is None else [
                'setpriv', '--reuid', user, '--regid', self.group_of(user), '--init-groups', '--reset-env',
                '--pdeathsig', 'KILL', '--', 'env', 'LANG=C.UTF-8', *argv]

        seat = self.SEAT if session == 'seat' else {}
        # PID 1 expands variables in the arguments.
        return ['systemd-run', '--quiet', '--wait', '--collect', '--uid=' + (user or 'root'),
                '-p', 'PAMName=login', '-p', 'WorkingDirectory=~', '-E', 'LANG=C.UTF-8',
                *(f'--setenv={key}={value}' for key, value in seat.items()), *extra,
                '--', *(a.replace('%', '%%').replace('$', '$$') for a in argv)]

    def group_of(self, user: str) -> str:
        for line in self.path('/etc/passwd').read_text().splitlines():
            fields = line.split(':')
            if fields[0] == user:
                return fields[3]
        raise Failure(f'the host has no user {user}')

    @staticmethod
    def shown(argv, user) -> str:
        shown = argv if isinstance(argv, str) else shlex.join(map(str, argv))
        return f'{user or "root"}{"$" if user else "#"} {shown}'

    def run(self, argv: list[str] | str, user=None, session=None, input='', check=False, timeout=HANG) -> Result:
        """Runs a program to its end. check: its failure is an error here."""
        extra = ['--pipe'] if session else []
        result = self.launch(self.shown(argv, user), self.command(argv, user, session, extra)) \
            .finish(input.encode(), timeout)
        self.log.append(result)
        if check and result.status != 0:
            raise Failure(str(result))
        return result

    def start(self, argv: list[str] | str, user=None) -> Program:
        """Starts a program and leaves it running."""
        program = self.launch(self.shown(argv, user), self.command(argv, user))
        self.started.append(program)
        return program

    def terminal(self, argv: list[str] | str, user=None, session='ssh') -> Terminal:
        """Starts a program on a terminal of a login session."""
        def command(name: str) -> list[str]:
            return self.command(argv, user, session,
                                ['-E', 'TERM=xterm', '-p', 'StandardInput=tty', '-p', 'StandardOutput=inherit', '-p',
                                 'StandardError=inherit', '-p', 'TTYPath=' + name])

        terminal = self.launch_on_terminal(self.shown(argv, user), command)
        self.started.append(terminal)
        return terminal

    def stop_started(self):
        for program in self.started:
            program.close()
        self.started.clear()

    def journal(self, *options: str, lines=None) -> str:
        more = [f'--lines={lines}'] if lines else []
        return self.launch('journalctl', ['journalctl', '--quiet', '--no-pager', '-o', 'short-monotonic', *more,
                                          *options]).finish().out
