# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a member of kvm does with a TAP of his own."""

import switches
from frames import frame, pass_frame
from host import MANAGER, NO_SUCH_TAP, OBJECT, UNSET, check, check_equal, restarts, wait_until


def check_session(host, session):
    made = host.tapctl('alice', 'create', 'tap1', session=session)
    check_equal(made.out, 'tap1\n', 'create prints the name that it made')
    check_equal(made.err, '', 'and nothing else')

    shown = ' '.join(host.dump('tap1').split())
    for wanted in ('tun type tap', 'multi_queue', 'persist on', 'pi off', 'user alice', 'group kvm'):
        check(f' {wanted} ' in shown, f'ip -details link show tap1 does not say "{wanted}": {shown}')
    link = host.link('tap1')
    check('UP' in link['flags'], f'tap1 is not UP: {link["flags"]}')
    check('NO-CARRIER' in link['flags'], f'nobody has tap1 open, and it has a carrier: {link["flags"]}')
    check_equal(link['qdisc'], 'noqueue', 'its qdisc')


def test_cron(host):
    """A member of kvm makes tap1, without any login session."""
    check_session(host, None)


def test_ssh(host):
    """A member of kvm makes tap1 in a login from elsewhere."""
    check_session(host, 'ssh')


def test_seat(host):
    """A member of kvm makes tap1 in front of the machine."""
    check_session(host, 'seat')


def test_repeat(host):
    """A create repeated by its creator changes nothing and succeeds."""
    host.tapctl('alice', 'create', 'tap1')
    before = host.dump('tap1')
    check_equal(host.tapctl('alice', 'create', 'tap1').out, 'tap1\n', 'the name, again')
    reply = host.create('alice', 'tap1')
    check(reply.text.endswith('false)'), f'created is not false: {reply}')
    check_equal(host.dump('tap1'), before, 'the device')


def test_queue(host):
    """A program opens a queue by the TAP's name: carrier, and one queue in the status."""
    host.tapctl('alice', 'create', 'tap1')
    caps = host.run(['grep', 'CapEff', '/proc/self/status'], user='alice').out.split()[1]
    check_equal(int(caps, 16), 0, 'capabilities of a program of the member')
    check_equal(host.status('tap1', user='alice')['QueuesAttached'], 0, 'queues before')

    queue = host.queue('alice', 'tap1')
    check_equal(queue.error, '', 'opening tap1')
    check('LOWER_UP' in host.link('tap1')['flags'], 'no carrier with a queue open')
    wait_until('tapd to see the queue', lambda: host.status('tap1')['QueuesAttached'] == 1)
    shown = host.tapctl('alice', 'status', 'tap1').out
    check('1' in shown and 'attached' in shown.lower(), f'status does not tell of one attached queue:\n{shown}')

    second = host.queue('alice', 'tap1')
    check_equal(second.error, '', 'opening a second queue')
    wait_until('tapd to see both', lambda: host.status('tap1')['QueuesAttached'] == 2)

    second.close()
    queue.close()
    check('LOWER_UP' not in host.link('tap1')['flags'], 'a carrier with no queue open')
    wait_until('tapd to see them close', lambda: host.status('tap1')['QueuesAttached'] == 0)


def test_second_member(host):
    """A second member cannot open it by name; of a shared one he can, an outsider cannot."""
    host.tapctl('alice', 'create', 'tap1')
    host.tapctl('alice', 'create', '--shared', 'tap2')
    check_equal(host.queue('bob', 'tap1').error, 'EPERM', "bob opens alice's tap1")
    check_equal(host.queue('mallory', 'tap1').error, 'EPERM', "an outsider opens alice's tap1")
    check_equal(host.queue('mallory', 'tap2').error, 'EPERM', "an outsider opens alice's shared tap2")
    check_equal(host.queue('bob', 'tap2').error, '', "bob opens alice's shared tap2")
    check_equal(int(host.tap('tap2', 'User')), UNSET, 'User of a shared TAP')


def test_frame(host):
    """A frame written on one TAP arrives on another when root bridges the two."""
    host.tapctl('alice', 'create', 'tap1', 'tap2')
    switches.add_bridge(host, ports=('tap1', 'tap2'))
    one, two = host.queue('alice', 'tap1'), host.queue('alice', 'tap2')
    host.wait_forwarding('tap1', 'tap2')
    for sender, receiver, text in ((one, two, 'there'), (two, one, 'and back')):
        pass_frame(sender, receiver, frame(1 if sender is one else 2, text), f'the frame "{text}"')


def test_up_down(host):
    """Down, up and delete by the creator, and what others see of it."""
    host.tapctl('alice', 'create', 'tap1')
    host.tapctl('alice', 'down', 'tap1')
    check('UP' not in host.link('tap1')['flags'], 'down leaves it UP')
    check_equal(host.status('tap1')['AdministrativeState'], 'down', 'AdministrativeState')
    host.tapctl('alice', 'up', 'tap1')
    check('UP' in host.link('tap1')['flags'], 'up does not bring it up')

    host.run('ip link set dev tap1 down', check=True)
    wait_until('tapd to see what root did', lambda: host.status('tap1')['AdministrativeState'] == 'down')

    host.tapctl('alice', 'delete', 'tap1')
    check_equal(host.links(), ['lo'], 'devices after delete')
    host.tapctl('alice', 'status', 'tap1', status=NO_SUCH_TAP)
    host.tapctl('alice', 'delete', 'tap1', status=NO_SUCH_TAP)


def test_delete_in_use(host):
    """A TAP with an open queue is deleted with --force only."""
    host.tapctl('alice', 'create', 'tap1')
    queue = host.queue('alice', 'tap1')
    host.tapctl('alice', 'delete', 'tap1', status=5)
    check(host.link('tap1'), 'tap1 is gone')
    host.tapctl('alice', 'delete', '--force', 'tap1')
    check_equal(host.link('tap1'), None, 'tap1 after --force')
    check_equal(queue.ask('flags'), 'error EBADFD', 'what its holder sees')


def test_deleted_by_root(host):
    """A TAP that root deletes behind tapd's back is gone from its list."""
    host.tapctl('alice', 'create', 'tap1', 'tap2')
    host.run('ip link del dev tap1', check=True)
    wait_until('tapd to see it', lambda: host.taps() == ['tap2'])
    check_equal(host.create('alice', 'tap1').error, '', 'the name is free again')


def test_lowest_free(host):
    """Without a name it is the lowest free tapN; %d stands for the lowest free number."""
    host.tapctl('alice', 'create', 'tap0', 'tap2')
    check_equal(host.create('alice', '').text.split(',')[0], "('tap1'", 'the lowest free')
    check_equal(host.create('alice', '').text.split(',')[0], "('tap3'", 'the next')
    check_equal(host.tapctl('alice', 'create', 'vm%d').out, 'vm0\n', 'a template')


def test_get(host):
    """The TAP's object and its properties, for any local user."""
    host.tapctl('alice', 'create', 'tap1', '--description=router of lab 3')
    found = host.call('mallory', OBJECT, MANAGER + '.GetTap', '"tap1"')
    check_equal(found.text, f"(objectpath '{OBJECT}/tap/tap1',)", 'GetTap')
    kernel = host.link('tap1')
    for key, expected in (('Name', "'tap1'"), ('Kind', "'tap'"), ('Lifetime', "'runtime'"), ('Source', "'dbus'"),
                          ('CreatorUID', str(host.uid('alice'))), ('User', str(host.uid('alice'))),
                          ('Group', str(host.gid('kvm'))), ('Shared', 'false'), ('MultiQueue', 'true'),
                          ('VNetHeader', 'false'), ('PacketInfo', 'false'), ('QueuesAttached', '0'),
                          ('QueuesDetached', '0'), ('Ifindex', str(kernel['ifindex'])),
                          ('MACAddress', f"'{kernel['address']}'"), ('MTUBytes', str(kernel['mtu'])),
                          ('TransmitQueueLength', str(kernel['txqlen'])), ('Description', "'router of lab 3'"),
                          ('AdministrativeState', "'up'"), ('OperationalState', "'down'"), ('State', "'ready'")):
        check_equal(host.tap('tap1', key), expected, key)


@restarts
def test_reboot(host):
    """A runtime TAP is gone after a reboot; its name, and the quota, are free again."""
    host.tapctl('alice', 'create', 'tap1')
    host.reboot()
    host.daemon_ready()
    check_equal(host.taps(), [], 'TAPs after a reboot')
    check_equal(host.tapctl('bob', 'create', 'tap1').out, 'tap1\n', 'the name, to another member')


@restarts
def test_power_cut(host):
    """The same after a power cut."""
    host.tapctl('alice', 'create', 'tap1')
    host.kill()
    host.boot()
    host.daemon_ready()
    check_equal(host.taps(), [], 'TAPs after a power cut')
    host.tapctl('alice', 'create', 'tap1')
