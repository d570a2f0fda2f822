# SPDX-License-Identifier: LGPL-2.1-or-later
"""tapd dies, stops, starts: the TAPs and the guests on them do not notice."""

import contextlib

from host import LIMITS, Failure, check_equal, restarts, wait_until
from test_session import ETHERTYPE, frame

TAPS = [f'tap{i}' for i in range(1, 33)]


class Patchwork:
    """Two guests of alice on a bridge that pass frames, as many TAPs as she may have, and an `ip monitor`."""

    def __init__(self, host):
        self.host = host
        host.tapctl('alice', 'create', *TAPS)
        # Without IPv6 a bridge has nothing to announce, and without a delay it does not say again after 15 s that a
        # port forwards: ip monitor has nothing to show but what tapd does.
        host.run('ip link add br0 type bridge mcast_snooping 0 forward_delay 0 &&'
                 ' echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6 && ip link set br0 up &&'
                 ' ip link set tap1 master br0 && ip link set tap2 master br0', check=True)
        self.one, self.two = host.queue('alice', 'tap1'), host.queue('alice', 'tap2')
        host.wait_forwarding('tap1', 'tap2')
        self.sent = 0
        self.pass_frames()
        self.links = {name: self.link(name) for name in TAPS}
        self.monitor = host.start(['ip', 'monitor'])
        self.mtu = 50000
        self.mark()

    def link(self, name: str) -> dict:
        link = self.host.link(name)
        # The bridge's timers of the port.
        link['linkinfo'].pop('info_slave_data', None)
        return link

    def pass_frames(self):
        self.sent += 1
        for sender, receiver, source in ((self.one, self.two, 1), (self.two, self.one, 2)):
            sent = frame(source, f'number {self.sent}')
            sender.send(sent)
            check_equal(receiver.receive(ETHERTYPE), sent, f'frame {self.sent}')

    def mark(self) -> list[str]:
        """What ip monitor said until now. Its answer to a change of our own, the MTU of lo, shows that it has told
        everything before; it may come too early for the first answer, so the change is repeated."""
        lines = []

        def answered():
            self.mtu += 1
            self.host.run(['ip', 'link', 'set', 'dev', 'lo', 'mtu', str(self.mtu)], check=True)
            lines.extend(self.drain())
            return any(f' mtu {self.mtu} ' in line for line in lines)

        wait_until('ip monitor to answer', answered)
        return lines

    def drain(self) -> list[str]:
        lines = []
        with contextlib.suppress(Failure):
            while line := self.monitor.line(timeout=0.2):
                lines.append(line)
        return lines

    def check_untouched(self):
        said = self.mark()
        about_lo = [i for i, line in enumerate(said) if ' lo: ' in line]
        changes = [line for i, line in enumerate(said) if i not in about_lo and i - 1 not in about_lo]
        check_equal(changes, [], 'what ip monitor saw')
        for name in TAPS:
            check_equal(self.link(name), self.links[name], name)

    def check_known(self):
        """tapd knows them as before, and counts them."""
        check_equal(sorted(self.host.taps()), sorted(TAPS), 'TAPs')
        check_equal(int(self.host.tap('tap1', 'Ifindex')), self.links['tap1']['ifindex'], 'Ifindex')
        check_equal(int(self.host.tap('tap1', 'CreatorUID')), self.host.uid('alice'), 'CreatorUID')
        check_equal(int(self.host.tap('tap1', 'QueuesAttached')), 1, 'QueuesAttached')
        self.host.tapctl('alice', 'create', 'tap33', status=LIMITS)


@restarts
def test_killed(host):
    """kill -9 ten times: same devices, same creator, same quota, and the frames go on"""
    patchwork = Patchwork(host)
    for _ in range(10):
        pid = host.daemon_pid()
        host.run(['kill', '-KILL', str(pid)], check=True)
        patchwork.pass_frames()
        host.daemon_ready(other_than=pid)
        patchwork.pass_frames()
        patchwork.check_known()
    patchwork.check_untouched()


@restarts
def test_stopped(host):
    """Stop, then start: the same"""
    patchwork = Patchwork(host)
    for verb in ('stop', 'start', 'restart'):
        host.run(['systemctl', verb, 'tapd.service'], check=True)
        patchwork.pass_frames()
    patchwork.check_known()
    patchwork.check_untouched()


@restarts
def test_activated(host):
    """A call starts tapd where it was stopped"""
    host.tapctl('alice', 'create', 'tap1')
    host.run(['systemctl', 'stop', 'tapd.service'], check=True)
    check_equal(host.tapctl('alice', 'list', '--noheadings', '-o', 'NAME').out.split(), ['tap1'], 'the list')
    check_equal(host.run(['systemctl', 'is-active', 'tapd.service']).out, 'active\n', 'tapd')


@restarts
def test_changed_meanwhile(host):
    """What happened to the devices while tapd was away, it knows when it is back"""
    host.tapctl('alice', 'create', 'tap1', 'tap2', 'tap3')
    host.run('systemctl stop tapd.service && ip link del dev tap1 && ip link set dev tap2 down &&'
             ' systemctl start tapd.service', check=True)
    check_equal(host.taps(), ['tap2', 'tap3'], 'TAPs')
    check_equal(host.status('tap2')['AdministrativeState'], 'down', 'tap2')
    check_equal(host.tapctl('bob', 'create', 'tap1').out, 'tap1\n', 'the name is free')
