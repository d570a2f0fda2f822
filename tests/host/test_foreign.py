# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is not tapd's stays as it is."""

from host import IN_USE, NO_SUCH_TAP, OBJECT, OWN_ERROR, MANAGER, check_equal, restarts, wait_until


def check_left_alone(host, name: str, device: str):
    """Nobody gets the name, and no verb reaches the device behind it."""
    before = host.dump(device)
    for user in ('alice', None):
        host.tapctl(user, 'create', name, status=IN_USE)
        check_equal(host.create(user, name).error, OWN_ERROR + 'NameInUse', f'{user or "root"} creates {name}')
        for verb in ('up', 'down', 'delete', 'status'):
            host.tapctl(user, verb, name, status=NO_SUCH_TAP)
        for force in ('false', 'true'):
            check_equal(host.call(user, OBJECT, MANAGER + '.DeleteTaps', f'["{name}"]', force).error,
                        OWN_ERROR + 'NoSuchTap', 'DeleteTaps')
    check_equal(host.taps(), [], 'TAPs')
    check_equal(host.dump(device), before, f'the dump of {device}')


def test_tuntap(host):
    """A TAP made with ip tuntap, open to all as it is, open to kvm, or single-queue"""
    for options in ('multi_queue', 'group kvm multi_queue', 'user alice'):
        host.run(f'ip tuntap add mode tap dev tap5 {options} && ip link set dev tap5 up', check=True)
        check_left_alone(host, 'tap5', 'tap5')
        host.run('ip link del dev tap5', check=True)


def test_altname(host):
    """An altname of another device"""
    host.run('ip link property add dev lo altname tap5', check=True)
    check_left_alone(host, 'tap5', 'lo')
    host.run('ip tuntap add mode tap dev hers multi_queue && ip link property add dev hers altname tap6', check=True)
    check_left_alone(host, 'tap6', 'hers')


def test_other_kinds(host):
    """Devices of other kinds that have a granted name"""
    for kind in ('veth peer name other', 'bridge', 'vxlan id 7 dstport 4789', 'ifb'):
        made = host.run(f'ip link add tap5 type {kind}')
        if made.status != 0 and kind not in ('veth peer name other', 'bridge'):
            print(f'# this kernel has no {kind.split()[0]}')
            continue
        check_equal(made.status, 0, str(made))
        check_left_alone(host, 'tap5', 'tap5')
        host.run('ip link del dev tap5', check=True)


@restarts
def test_restart(host):
    """Neither a restart of tapd nor an alias that looks like its mark makes a device its own"""
    host.run('ip tuntap add mode tap dev tap5 multi_queue &&'
             ' ip link set dev tap5 alias tapd:0123456789abcdef0123456789abcdef', check=True)
    before = host.dump('tap5')
    host.run('systemctl restart tapd.service', check=True)
    check_equal(host.dump('tap5'), before, 'the dump of tap5 after the restart')
    check_left_alone(host, 'tap5', 'tap5')


@restarts
def test_changeling(host):
    """A foreign TAP under a name that was tapd's, even with its mark, also when tapd was away at the change"""
    for stop, start in (('true', 'true'), ('systemctl stop tapd', 'systemctl start tapd')):
        host.tapctl('alice', 'create', 'tap5')
        mark = host.link('tap5')['ifalias']
        host.run(f'{stop} && ip link del dev tap5 && ip tuntap add mode tap dev tap5 multi_queue &&'
                 f' ip link set dev tap5 alias {mark} && {start}', check=True)
        check_left_alone(host, 'tap5', 'tap5')
        host.run('ip link del dev tap5', check=True)


@restarts
def test_mark_taken_away(host):
    """A TAP whose mark root took away is root's from then on"""
    host.tapctl('alice', 'create', 'tap5')
    host.run('ip link set dev tap5 alias mine', check=True)
    wait_until('tapd to see it', lambda: host.taps() == [])
    check_left_alone(host, 'tap5', 'tap5')
    before = host.dump('tap5')
    host.run('systemctl restart tapd.service', check=True)
    check_left_alone(host, 'tap5', 'tap5')
    check_equal(host.dump('tap5'), before, 'the dump of tap5 after the restart')
