# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of others that use TAPs as they are: python3-dbus receives queues, QEMU opens them."""

import pathlib
import re

import root
import switches
from frames import ETHERTYPE, frame
from host import STANDARD_ERROR, check, check_equal, wait_until

HOST = {'packages': root.CONSUMERS}

FOLDER = pathlib.Path(__file__).resolve().parent
CATALOG = FOLDER.parents[1] / 'systemd/tapd.catalog'

# It attaches, and goes no further: no machine, no device, no processor.
QEMU = ['qemu-system-x86_64', '-S', '-M', 'none', '-nodefaults', '-display', 'none', '-monitor', 'stdio']

# <linux/if_tun.h>: what a program in alice's name would do to give her TAP to bob.
TAKE_OVER = '''
import fcntl, os, pwd, struct
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"tap1", 0x0002 | 0x1000 | 0x0100))  # TUNSETIFF: tap, no pi, mq
fcntl.ioctl(fd, 0x400454cc, pwd.getpwnam("bob").pw_uid)                                  # TUNSETOWNER
'''


class Receiver:
    """A program of alice's with no capability (receiver.py)."""

    def __init__(self, host):
        path = '/usr/local/lib/tapd-tests/receiver.py'
        host.copy(FOLDER / 'receiver.py', path)
        self.program = host.start([path], user='alice')
        check_equal(int(self.program.line().removeprefix('capabilities '), 16), 0, 'its capabilities')

    def ask(self, command: str) -> str:
        self.program.send(command)
        return self.program.line()


def pass_frames(host, receiver, queue, count: int):
    """A frame out of each of the queues, and one into each."""
    host.wait_forwarding('tap1', 'tap9')
    for i in range(count):
        sent = frame(1, f'out of queue {i}')
        check_equal(receiver.ask(f'send {i} {sent.hex()}'), 'sent', f'queue {i}')
        check_equal(queue.receive(ETHERTYPE), sent, f'the frame out of queue {i}')
    for i in range(count):
        sent = frame(2, f'into queue {i}')
        check_equal(receiver.ask(f'only {i}'), 'only', f'queue {i}')
        queue.send(sent)
        check_equal(receiver.ask(f'receive {ETHERTYPE:x}'), f'frame {sent.hex()}', f'the frame into queue {i}')


def test_python(host):
    """A member of kvm without a capability receives 1, 2, 8, 16 and 32 queues in Python and passes frames on each"""
    host.tapctl('alice', 'create', 'tap9')
    for calls in ((1, ), (2, ), (8, ), (16, ), (16, 16)):
        receiver = Receiver(host)
        check_equal(receiver.ask(f'create tap1 {calls[0]}'), f'queues {calls[0]}', 'CreateEphemeral')
        for more in calls[1:]:
            check_equal(receiver.ask(f'open tap1 {more}'), f'queues {sum(calls)}', 'OpenQueues')
        wait_until('tapd to see the queues', lambda: int(host.tap('tap1', 'QueuesAttached')) == sum(calls))
        switches.add_bridge(host, ports=('tap1', 'tap9'))
        queue = host.queue('alice', 'tap9')
        pass_frames(host, receiver, queue, sum(calls))
        check_equal(receiver.ask('close'), 'closed', 'close')
        wait_until('the TAP to go with its queues', lambda: host.link('tap1') is None and host.taps() == ['tap9'])
        host.stop_started()
        host.run('ip link del dev br0', check=True)


def test_python_open(host):
    """The same of a TAP that is there: OpenQueues alone"""
    host.tapctl('alice', 'create', '--vnet-header', 'tap1')
    host.tapctl('alice', 'create', 'tap9')
    switches.add_bridge(host, ports=('tap1', 'tap9'))
    queue = host.queue('alice', 'tap9')
    for count in (1, 2, 8, 16):
        receiver = Receiver(host)
        check_equal(receiver.ask(f'open tap1 {count}'), f'queues {count}', 'OpenQueues')
        pass_frames(host, receiver, queue, count)
        receiver.program.finish()
        wait_until('tapd to see them close', lambda: host.tap('tap1', 'QueuesAttached') == '0')


def test_too_many(host):
    """17 and 257 queues in one call are refused with a clear error, and tapd stays on the bus"""
    host.tapctl('alice', 'create', 'tap1')
    receiver = Receiver(host)
    for call in ('create tap2', 'open tap1'):
        for count in (0, 17, 257, 4294967295):
            answer = receiver.ask(f'{call} {count}')
            check(answer.startswith(f'error {STANDARD_ERROR}InvalidArgs ') and f'{count}, not in 1..16' in answer,
                  f'{call} {count}: {answer}')
            check_equal(host.taps(), ['tap1'], f'TAPs after {call} {count}')
    check_equal(receiver.ask('open tap1 16'), 'queues 16', 'what may be had')


class Alarm:
    """What the bus and the journal say of tampering."""

    def __init__(self, host):
        self.host = host
        self.id = re.search(r'^-- ([0-9a-f]{32})$', CATALOG.read_text(), re.MULTILINE).group(1)
        self.monitor = host.start(['gdbus', 'monitor', '--system', '--dest', 'org.tapd1'])
        self.since = host.run(['date', '+%s.%N'], check=True).out.strip()
        self.said = ''
        # It says so when it listens.
        self.hear('The name org.tapd1 is owned by')

    def hear(self, text: str) -> str:
        """All that the bus said up to a line with this."""
        heard = ''
        while text not in heard.split('\n')[-2:][0]:
            heard += self.monitor.line() + '\n'
        self.said += heard
        return heard

    def journal(self) -> str:
        return self.host.journal(f'--since=@{self.since}', f'MESSAGE_ID={self.id}')


def check_no_alarm(host, alarm, command: list[str], end: str, queues: int):
    """A program attaches so many queues to tap1 and ends, and nobody is alarmed."""
    program = host.start(command, user='alice')
    heard = alarm.hear(f"'QueuesAttached': <uint32 {queues}>")
    check_equal(host.status('tap1')['State'], 'ready', f'{command}: State while it runs')
    if end == 'quit':
        program.send('quit')
        check_equal(program.finish().status, 0, f'{command}: its end')
    else:
        program.close()
    heard += alarm.hear("'QueuesAttached': <uint32 0>")
    check_equal(host.status('tap1')['State'], 'ready', f'{command}: State when it has ended')
    check('Tampered' not in heard and "'State'" not in heard, f'{command}: an alarm:\n{heard}')
    check_equal(alarm.journal(), '', f'{command}: what the journal says')


def test_qemu(host):
    """QEMU opens a TAP by its name, shared or private, with the header or without, and raises no alarm"""
    for option in ('--shared', '--shared=no'):
        for header in ('--vnet-header', '--vnet-header=no'):
            host.tapctl('alice', 'create', option, header, 'tap1')
            alarm = Alarm(host)
            for vnet in ('', ',vnet_hdr=on', ',vnet_hdr=off'):
                for end in ('quit', 'kill'):
                    netdev = f'tap,id=n0,ifname=tap1,queues=2,script=no,downscript=no{vnet}'
                    check_no_alarm(host, alarm, [*QEMU, '-netdev', netdev], end, 2)
            host.stop_started()
            host.tapctl('alice', 'delete', 'tap1')


def test_qemu_descriptors(host):
    """QEMU with the queues of `tapctl run`, as the README shows it"""
    for count in (1, 2):
        program = host.start(['tapctl', 'run', f'--queues={count}', 'tap1', '--', *QEMU, '-netdev',
                              'tap,id=n0,fds={fds}' if count > 1 else 'tap,id=n0,fd={fds}'], user='alice')
        wait_until('QEMU to have them', lambda: 'QEMU' in program.line())
        check_equal(host.tap('tap1', 'QueuesAttached'), str(count), 'queues')
        check_equal(host.tap('tap1', 'State'), "'ready'", 'State')
        program.send('quit')
        check_equal(program.finish().status, 0, 'its end')
        wait_until('the TAP to go with it', lambda: host.links() == ['lo'] and host.taps() == [])


def test_alarm(host):
    """What a program does that gives the TAP away is heard in the very same way"""
    host.tapctl('alice', 'create', 'tap1')
    alarm = Alarm(host)
    host.run(['python3', '-c', TAKE_OVER], user='alice', check=True)
    alarm.hear('org.tapd1.Tap.Tampered')
    wait_until('the journal to say so', alarm.journal)
