# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test host with tapd on it, in the words of the tests."""

import json
import re

import kernel
import package
import root
from container import Container
from guest import Guest
from machine import HANG, PROGRAMS, Failure, Machine, Result, wait_until

BUS_NAME = 'org.tapd1'
OBJECT = '/org/tapd1'
MANAGER = 'org.tapd1.Manager'
TAP = 'org.tapd1.Tap'
STANDARD_ERROR = 'org.freedesktop.DBus.Error.'
OWN_ERROR = 'org.tapd1.Error.'

# Exit statuses of tapctl.
DONE, FAILED, USAGE, NO_SUCH_TAP, DENIED, IN_USE, LIMITS, NO_SERVICE = range(8)

UNSET = 4294967295


class Skip(Exception):
    """Raised by a test that cannot run on this machine; the text says why."""


def check(claim, what: str):
    if not claim:
        raise Failure(what)


def check_equal(actual, expected, what: str):
    if actual != expected:
        raise Failure(f'{what}:\nexpected {expected!r}\ngot      {actual!r}')


def restarts(test):
    """Marks a test in which tapd is started again; in any other that is a crash."""
    test.restarts = True
    return test


class Reply:
    """What a bus call gave: .error is '' or the name of the error, .text the values or the message."""

    def __init__(self, result: Result):
        self.result = result
        match = re.search(r'(?:GDBus\.Error:|^Error )([A-Za-z0-9_.]+): (.*)', result.err, re.DOTALL)
        self.error = match.group(1) if match else ''
        self.text = match.group(2).strip() if match else result.out.strip()
        if result.status != 0 and not match:
            raise Failure(str(result))

    def __str__(self):
        return str(self.result)


class Queue:
    """A queue of a TAP that a user's program opened by its name (queue.c)."""

    def __init__(self, host: 'Host', user: str | None, name: str, *options: str):
        self.program = host.start([f'{PROGRAMS}/queue', name, *options], user=user)
        answer = self.program.line()
        self.error = '' if answer == 'open' else answer.removeprefix('error ')
        check(self.error or answer == 'open', f'{self.program.command}: {answer!r}')

    def ask(self, command: str) -> str:
        check(not self.error, f'{self.program.command}: {self.error}')
        self.program.send(command)
        return self.program.line()

    def send(self, frame: bytes):
        check_equal(self.ask(f'send {frame.hex()}'), 'sent', f'{self.program.command}: send')

    def receive(self, ethertype: int, seconds: float = HANG) -> bytes | None:
        answer = self.ask(f'receive {ethertype:x} {int(seconds * 1000)}')
        return None if answer == 'nothing' else bytes.fromhex(answer.removeprefix('frame '))

    def close(self):
        self.program.finish()


class Words(Machine):
    """A machine with tapd's package installed on it; installed=False leaves it as it is before that. programs are those
    of tests/host in the build folder, packages more packages of Debian."""

    @classmethod
    def provide(cls):
        """Builds what takes long and does not change with tapd, or raises root.Unavailable."""
        root.debian()

    def __init__(self, installed=True, udev=False, programs=('queue', 'racer'), packages=()):
        base = root.debian(packages)
        super().__init__([root.installed(base, package.deb()) if installed else root.people(base), base], udev)
        self.programs = programs

    def prepare(self):
        super().prepare()
        for program in self.programs:
            self.install(program)

    # tapctl and the bus

    def tapctl(self, user, *arguments: str, status=DONE, session=None) -> Result:
        """Runs tapctl without a terminal; any other exit status than the named one is an error."""
        result = self.run(['tapctl', *arguments], user=user, session=session)
        if result.status != status:
            raise Failure(f'{result}\nexpected exit status {status}, got {result.status}')
        return result

    def call(self, user, path: str, method: str, *arguments: str, interactive=False) -> Reply:
        """Calls a method; arguments are written as GVariant texts, '"tap1"' or '@a{sv} {}'."""
        flag = ['--interactive'] if interactive else []
        return Reply(self.run(['gdbus', 'call', '--system', '--timeout', '140', *flag, '--dest', BUS_NAME,
                               '--object-path', path, '--method', method, '--', *arguments], user=user))

    def send(self, user, path: str, method: str, *arguments: str) -> Reply:
        """The same with arguments of any type, also of a wrong one; they are written for dbus-send, 'uint64:7'."""
        return Reply(self.run(['dbus-send', '--system', '--print-reply', '--dest=' + BUS_NAME, path, method,
                               *arguments], user=user))

    def create(self, user, name: str, settings='{}', interactive=False) -> Reply:
        return self.call(user, OBJECT, MANAGER + '.CreateTap', f'"{name}"', f'@a{{sv}} {settings}',
                         interactive=interactive)

    def get(self, path: str, interface: str, name: str) -> str:
        """A property, as a GVariant text without its type."""
        reply = self.call(None, path, 'org.freedesktop.DBus.Properties.Get', f'"{interface}"', f'"{name}"')
        check(not reply.error, str(reply))
        return re.fullmatch(r'\(<(?:u?int\d+ |byte |objectpath |@\S+ )?(.*)>,\)', reply.text, re.DOTALL).group(1)

    def tap(self, name: str, key: str) -> str:
        return self.get(f'{OBJECT}/tap/{name}', TAP, key)

    def manager(self, key: str) -> str:
        return self.get(OBJECT, MANAGER, key)

    def status(self, name: str, user=None) -> dict:
        """What `tapctl status NAME --json` says."""
        found = json.loads(self.tapctl(user, 'status', '--json', name).out)
        return found[0] if isinstance(found, list) else found

    def taps(self) -> list[str]:
        return self.tapctl(None, 'list', '--noheadings', '-o', 'NAME').out.split()

    def uid(self, user: str) -> int:
        return int(self.run(['id', '-u', user], check=True).out)

    def gid(self, group: str) -> int:
        return int(self.run(['getent', 'group', group], check=True).out.split(':')[2])

    # The kernel

    def link(self, name: str) -> dict | None:
        """What the kernel says of a device, None where there is none."""
        result = self.run(['ip', '-json', '-details', 'link', 'show', 'dev', name])
        return json.loads(result.out)[0] if result.status == 0 else None

    def all_links(self) -> dict[str, dict]:
        found = json.loads(self.run(['ip', '-json', '-details', 'link'], check=True).out)
        return {link['ifname']: link for link in found}

    def links(self) -> list[str]:
        """The names of all devices, in the order in which they were made."""
        return list(self.all_links())

    def dump(self, name: str) -> str:
        """All that iproute2 tells of a device, for comparing it byte by byte."""
        return self.run(['ip', '-details', 'link', 'show', 'dev', name], check=True).out

    def wait_forwarding(self, *names: str):
        """A bridge hears of the carrier of a port a moment later; frames that come before that are lost."""
        for name in names:
            wait_until(f'the bridge to forward what comes from {name}',
                       lambda: self.link(name)['linkinfo']['info_slave_data']['state'] == 'forwarding')

    def queue(self, user, name: str, *options: str) -> Queue:
        return Queue(self, user, name, *options)

    # The service

    def daemon_pid(self) -> int:
        """0 where it does not run. As the host counts."""
        return int(self.run(['systemctl', 'show', '--value', '--property=MainPID', 'tapd.service'], check=True).out)

    def daemon_starts(self) -> str:
        """Changes with every start of tapd."""
        return self.run(['systemctl', 'show', '--property=NRestarts,InvocationID', 'tapd.service'], check=True).out

    def daemon_ready(self, other_than: int = 0):
        """Waits for tapd to be ready (Type=notify: active is ready), and under another pid than that."""
        def ready():
            shown = self.run(['systemctl', 'show', '--property=MainPID,ActiveState', 'tapd.service'], check=True).out
            return 'ActiveState=active' in shown and f'MainPID={other_than}\n' not in shown
        wait_until('tapd to be ready', ready)

    def reset(self):
        """The host as it was after its boot: no device but lo, no TAP, tapd running."""
        self.stop_started()
        self.run('rm -rf /etc/tapd /run/tapd/taps.d /var/lib/tapd/taps.d /run/systemd/system/tapd.service.d')
        if self.run(['systemctl', 'is-active', '--quiet', 'tapd.service']).status != 0:
            self.run('systemctl reset-failed tapd.service; systemctl start tapd.service', check=True)
        if 'declared' in self.tapctl(None, 'list', '--noheadings', '-o', 'LIFETIME').out.split():
            self.tapctl(None, 'reload')
        taps = self.taps()
        if taps:
            self.tapctl(None, 'delete', '--force', *taps)
        for name in self.link('lo').get('altnames', []):
            self.run(['ip', 'link', 'property', 'del', 'dev', 'lo', 'altname', name])
        for name in self.links():
            if name != 'lo':
                self.run(['ip', 'link', 'del', 'dev', name])
        check_equal(self.links(), ['lo'], 'devices left after the test')


class Host(Words, Container):
    """On the kernel of this machine."""


class GuestHost(Words, Guest):
    """On Debian's own kernel."""

    @classmethod
    def provide(cls):
        super().provide()
        kernel.kernel()


MACHINES = {'container': Host, 'guest': GuestHost}
