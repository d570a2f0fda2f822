# SPDX-License-Identifier: LGPL-2.1-or-later
"""From sudo and ifupdown to declared TAPs: imported, and there after a reboot, or taken over while frames pass."""

import contextlib

import package
import switches
from frames import frame, pass_frame
from host import FAILED, check, check_equal, restarts, wait_until
from test_declared import NEEDS, put, reload, show
from test_import import INTERFACES, SEED
from test_package import install

TWO = SEED + SEED.replace('tap1', 'tap2')


class Transfer:
    """Two guests on a bridge that the host's administrator made, on tap1 and tap2."""

    def __init__(self, host, user='alice'):
        switches.add_bridge(host, ports=('tap1', 'tap2'))
        self.host = host
        self.one, self.two = host.queue(user, 'tap1'), host.queue(user, 'tap2')
        host.wait_forwarding('tap1', 'tap2')
        self.sent = 0

    def goes_on(self):
        self.sent += 1
        for sender, receiver, source in ((self.one, self.two, 1), (self.two, self.one, 2)):
            pass_frame(sender, receiver, frame(source, f'number {self.sent}'), f'frame {self.sent}')

    def close(self):
        self.one.close()
        self.two.close()


@contextlib.contextmanager
def interfaces(host, text: str):
    before = host.path(INTERFACES).read_text()
    put(host, INTERFACES, before + text)
    try:
        yield before
    finally:
        put(host, INTERFACES, before)


@restarts
def test_import_and_reboot(host):
    """The stanza of /etc/network/interfaces is imported; after a reboot the TAP is there before the unit that needs it"""
    with interfaces(host, SEED) as before:
        host.tapctl(None, 'import', '--write')
        # What it said may go, goes.
        put(host, INTERFACES, before)
        host.tapctl(None, 'verify')
        put(host, '/etc/systemd/system/needs.service', NEEDS)
        host.run(['systemctl', 'enable', '--quiet', 'needs.service'], check=True)
        try:
            host.reboot()
            link = host.link('tap1')
            check('UP' in link['flags'], f'tap1 is not up: {link}')
            check_equal({key: link['linkinfo']['info_data'].get(key) for key in ('type', 'group', 'multi_queue', 'user')},
                        {'type': 'tap', 'group': 'kvm', 'multi_queue': True, 'user': None}, 'tap1')
            there = int(show(host, 'tap@tap1.service', 'ActiveEnterTimestampMonotonic'))
            begun = int(show(host, 'needs.service', 'ExecMainStartTimestampMonotonic'))
            check(0 < there <= begun, f'tap@tap1 was active at {there}, needs.service began at {begun}')
            host.queue('alice', 'tap1').close()
        finally:
            host.run('systemctl disable --quiet --now needs.service; systemctl stop "tap@*.service";'
                     ' rm /etc/systemd/system/needs.service; systemctl daemon-reload')


@restarts
def test_import_and_adopt(host):
    """The same without a reboot: the live devices are taken over while their queues pass frames"""
    with interfaces(host, TWO) as before:
        for name in 'tap1', 'tap2':
            host.run(f'ip tuntap add mode tap dev {name} group kvm multi_queue && ip link set dev {name} up', check=True)
        transfer = Transfer(host)
        transfer.goes_on()
        indexes = [host.link(name)['ifindex'] for name in ('tap1', 'tap2')]

        host.tapctl(None, 'import', '--write')
        put(host, INTERFACES, before)
        host.tapctl(None, 'reload')
        check_equal([host.status(name)['State'] for name in ('tap1', 'tap2')], ['blocked'] * 2, 'before')
        transfer.goes_on()
        host.tapctl('mallory', 'adopt', 'tap1', status=4)
        host.tapctl(None, 'adopt', 'tap1', 'tap2')
        transfer.goes_on()
        for name, index in zip(('tap1', 'tap2'), indexes):
            status = host.status(name)
            check_equal((status['State'], status['Lifetime'], status['QueuesAttached'], status['Ifindex']),
                        ('ready', 'declared', 1, index), name)
        host.run(['systemctl', 'restart', 'tapd.service'], check=True)
        transfer.goes_on()
        transfer.close()


@restarts
def test_removed_in_use(host):
    """Where its file goes a TAP in use stays, its frames pass, and it goes when its queue is closed"""
    for name in 'tap1', 'tap2':
        put(host, f'/etc/tapd/taps.d/{name}.tap', f'[Tap]\nName={name}\n')
    reload(host)
    transfer = Transfer(host)
    transfer.goes_on()
    host.run('rm /etc/tapd/taps.d/tap1.tap', check=True)
    reload(host)
    transfer.goes_on()
    check_equal(host.status('tap1')['State'], 'leaving', 'State')
    host.run(['systemctl', 'restart', 'tapd.service'], check=True)
    transfer.goes_on()
    transfer.one.close()
    wait_until('tap1 to go', lambda: not host.link('tap1'))
    check(host.link('tap2'), 'tap2 went too')
    transfer.two.close()


def test_deleted_ten_times(host):
    """ip link del brings it back at once; ten times in a row it is back later each time, and tells why"""
    put(host, '/etc/tapd/taps.d/tap1.tap', '[Tap]\nName=tap1\n')
    reload(host)
    waited = False
    for _ in range(10):
        index = host.link('tap1')['ifindex']
        host.run(['ip', 'link', 'del', 'tap1'], check=True)

        def back():
            nonlocal waited
            status = host.status('tap1')
            waited = waited or (status['State'] == 'broken' and 'in a row' in status['StateReason'])
            link = host.link('tap1')
            return link and link['ifindex'] != index
        wait_until('tap1 to be back', back)

    check(waited, 'its state never told that it waits')
    journal = host.run(['journalctl', '--unit=tapd.service', '--output=cat', '--grep=tap1'], check=True).out
    check(journal.count('somebody else deleted the device') >= 10, journal)
    check_equal(host.status('tap1')['State'], 'ready', 'State')


@restarts
def test_upgrade_keeps_set(host):
    """What was set through tapctl outlasts restart and upgrade; another file takes its place"""
    put(host, '/etc/tapd/taps.d/tap1.tap', '[Tap]\nName=tap1\nMTUBytes=1400\n')
    reload(host)
    host.tapctl(None, 'set', '--mtu=1300', '--description=by hand', 'tap1')
    index = host.link('tap1')['ifindex']
    host.run(['systemctl', 'restart', 'tapd.service'], check=True)
    # The upgrade's own way: the package is unpacked and configured again.
    install(host, package.deb())
    reload(host)
    status = host.status('tap1')
    check_equal((status['MTUBytes'], status['Description'], status['State'], status['Ifindex']),
                (1300, 'by hand', 'ready', index), 'tap1')
    put(host, '/etc/tapd/taps.d/tap1.tap', '[Tap]\nName=tap1\nMTUBytes=1450\n')
    reload(host)
    status = host.status('tap1')
    check_equal((status['MTUBytes'], status['Description'], status['Ifindex']), (1450, '', index), 'tap1')


def test_no_polkit(host):
    """Without polkit nobody but root reloads, nothing changes by the attempt, and systemd waits for nothing"""
    put(host, '/etc/tapd/taps.d/tap1.tap', '[Tap]\nName=tap1\n')
    reload(host)
    put(host, '/etc/tapd/taps.d/tap1.tap', '[Tap]\nName=tap1\nMTUBytes=1400\n')
    host.run('systemctl stop polkit.service && systemctl mask --runtime --quiet polkit.service', check=True)
    try:
        host.tapctl('alice', 'reload', status=4)
        check_equal(host.link('tap1')['mtu'], 1500, 'MTU')
        check_equal(show(host, 'tapd.service', 'SubState'), 'running', 'what systemd takes tapd for')
        reload(host)
        check_equal(host.link('tap1')['mtu'], 1400, 'MTU')
    finally:
        host.run('systemctl unmask --runtime --quiet polkit.service; systemctl start polkit.service', check=True)

    put(host, '/etc/tapd/taps.d/tap1.tap', '[Tap]\nName=tap1\nMTUBytes=none\n')
    reload(host, FAILED)
    check_equal((show(host, 'tapd.service', 'SubState'), host.link('tap1')['mtu']), ('running', 1400), 'after a bad file')
