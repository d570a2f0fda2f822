# SPDX-License-Identifier: LGPL-2.1-or-later
"""What makes TAPs on a host today, as .tap files."""

from host import FAILED, USAGE, check, check_equal

SEED = '''auto tap1
iface tap1 inet manual
        up ip tuntap add mode tap dev $IFACE group kvm multi_queue
        up ip link set dev $IFACE up
        down ip link set dev $IFACE down
        down ip tuntap del mode tap dev $IFACE
'''
SEED_FILE = '[Tap]\nName=tap1\nGroup=kvm\n'
SUDOERS = '%kvm ALL=(ALL) NOPASSWD: /usr/bin/ovs-vsctl, /sbin/ip, /usr/sbin/iotop\n'

INTERFACES = '/etc/network/interfaces'
NETDEV = '/etc/systemd/network/tap1.netdev'
FOLDER = '/etc/tapd/taps.d'


def put(host, path: str, text: str, mode=0o644):
    target = host.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def clear(host):
    """What the host's reset knows nothing of."""
    host.run(['rm', '-rf', INTERFACES, '/etc/network/interfaces.d', NETDEV, '/etc/sudoers', '/etc/sudoers.d',
              '/root/x'], check=True)


def snapshot(host) -> str:
    return host.run('find /etc /run/systemd/network -type f -exec sha256sum {} + | sort', check=True).out


def test_nothing(host):
    """A host without TAPs has nothing to import"""
    clear(host)
    result = host.tapctl(None, 'import')
    check_equal((result.out, result.err), ('', 'Nothing to import.\n'), 'tapctl import')
    result = host.tapctl(None, 'import', '--write')
    check_equal((result.out, result.err), ('', 'Nothing to import.\n'), 'tapctl import --write')
    check(not host.path(FOLDER).exists(), f'{FOLDER} was made for nothing')


def test_seed(host):
    """The stanza and the line of sudoers that labs have, and nothing on the host is changed by it"""
    clear(host)
    put(host, INTERFACES, SEED)
    put(host, '/etc/sudoers', SUDOERS, 0o440)
    before = snapshot(host)
    result = host.tapctl(None, 'import')
    check_equal(result.out, f'# {FOLDER}/tap1.tap\n' + SEED_FILE, 'the file')
    for number, line in enumerate(SEED.splitlines(), 1):
        check(f'{INTERFACES}:{number}: {line.strip()}\n' in result.err, f'line {number} may go, but:\n{result.err}')
    check(f'/etc/sudoers:1: only "/usr/bin/ovs-vsctl, /sbin/ip" of: {SUDOERS}' in result.err, result.err)
    check_equal(snapshot(host), before, 'the files of the host')
    check_equal(host.links(), ['lo'], 'devices')


def test_write(host):
    """--write writes files that tapd may read, finds them the second time, and overwrites none of another's"""
    clear(host)
    put(host, INTERFACES, SEED)
    result = host.run('umask 077; tapctl import --write', check=True)
    check_equal(result.out, f'# {FOLDER}/tap1.tap\n' + SEED_FILE, 'what is printed')
    check(f'{FOLDER}/tap1.tap: written\n' in result.err, result.err)
    check('tapctl verify' in result.err and 'tapctl reload' in result.err, f'what to type next:\n{result.err}')
    check_equal(host.path(FOLDER + '/tap1.tap').read_text(), SEED_FILE, 'the file')
    check_equal(host.run(['stat', '-c', '%U:%G %a', FOLDER, FOLDER + '/tap1.tap'], check=True).out,
                'root:root 755\nroot:root 644\n', 'owner and mode')
    check_equal(host.run(['cat', FOLDER + '/tap1.tap'], user='tapd').out, SEED_FILE, 'what tapd reads')

    result = host.tapctl(None, 'import', '--write')
    check(f'{FOLDER}/tap1.tap: already there\n' in result.err, result.err)

    put(host, FOLDER + '/tap1.tap', '[Tap]\nName=tap1\nMTUBytes=9000\n')
    put(host, INTERFACES, SEED + SEED.replace('tap1', 'tap2'))
    result = host.tapctl(None, 'import', '--write', status=FAILED)
    check(f'{FOLDER}/tap1.tap is there and says something else' in result.err, result.err)
    check_equal(host.run(['ls', '-A', FOLDER], check=True).out, 'tap1.tap\n', 'files')
    host.tapctl(None, 'import', '--write', '--force')
    check_equal(host.path(FOLDER + '/tap1.tap').read_text(), SEED_FILE, 'the file that was overwritten')
    check_equal(host.path(FOLDER + '/tap2.tap').read_text(), SEED_FILE.replace('tap1', 'tap2'), 'the other one')


def test_live(host):
    """Devices of others, as the kernel says they are; neither tapd's nor one that goes with its program"""
    clear(host)
    host.run('ip link add br0 type bridge &&'
             ' ip tuntap add dev tap1 mode tap group kvm multi_queue && ip link set dev tap1 up &&'
             ' ip tuntap add dev tap2 mode tap user alice vnet_hdr && ip link set dev tap2 mtu 1400 &&'
             ' ip link set dev tap2 alias "port 2" address 52:54:00:00:00:02 master br0 &&'
             ' ip tuntap add dev tun3 mode tun group kvm pi && ip link set dev tun3 up', check=True)
    host.tapctl('alice', 'create', 'tap4')
    before = {name: host.dump(name) for name in host.links()}
    result = host.tapctl(None, 'import')
    check_equal(result.out, '\n'.join((
        f'# {FOLDER}/tap1.tap\n[Tap]\nName=tap1\nGroup=kvm\n',
        f'# {FOLDER}/tap2.tap\n[Tap]\nName=tap2\nUser=alice\nGroup=\nMultiQueue=no\nVNetHeader=yes\nUp=no\n'
        'Description=port 2\nMACAddress=52:54:00:00:00:02\nMTUBytes=1400\n[Port]\nSwitch=br0\n',
        f'# {FOLDER}/tun3.tap\n[Tap]\nName=tun3\nKind=tun\nGroup=kvm\nMultiQueue=no\nPacketInfo=yes\n')), 'the files')
    check('tapctl adopt tap1 tap2 tun3' in result.err, result.err)
    check('tap4' not in result.err, result.err)
    check_equal({name: host.dump(name) for name in host.links()}, before, 'the devices')


def test_program(host):
    """A device that lives as long as its program is named and left out"""
    clear(host)
    program = host.queue(None, 'held')
    result = host.tapctl(None, 'import', status=FAILED)
    check_equal((result.out, result.err), (
        '', '/sys/class/net/held: not translated: held: it belongs to a program that runs, and goes with it\n'
        'Nothing could be imported.\n'), 'tapctl import')
    program.close()


def test_networkd(host):
    """A .netdev of systemd-networkd and the .network that goes with it"""
    clear(host)
    put(host, NETDEV, '[NetDev]\nName=tap1\nKind=tap\n[Tap]\nMultiQueue=yes\nUser=alice\nGroup=kvm\n')
    result = host.tapctl(None, 'import')
    check_equal(result.out, f'# {FOLDER}/tap1.tap\n[Tap]\nName=tap1\nUser=alice\nGroup=kvm\nUp=no\n', 'the file')
    check(f'{NETDEV}: the whole file\n' in result.err, result.err)


def test_untranslated(host):
    """What cannot be said in a .tap file is said line by line, and no command of the file is executed"""
    clear(host)
    put(host, INTERFACES, SEED + '    up ip addr add 10.0.0.1/24 dev tap1\n    up touch /root/x $(touch /root/x)\n')
    result = host.tapctl(None, 'import', status=FAILED)
    check_equal(result.out, f'# {FOLDER}/tap1.tap\n' + SEED_FILE, 'the file')
    check(f'{INTERFACES}:7: not translated: ip addr add 10.0.0.1/24 dev tap1: tapd gives no addresses\n' in result.err,
          result.err)
    check(f'{INTERFACES}:8: not translated: touch /root/x $(touch /root/x): a command in a command\n' in result.err,
          result.err)
    check(not host.path('/root/x').exists(), 'a command was executed')


def test_member(host):
    """An ordinary user sees what he may read, is told what he may not, and writes nothing"""
    clear(host)
    put(host, INTERFACES, SEED)
    put(host, '/etc/sudoers', SUDOERS, 0o440)
    result = host.tapctl('alice', 'import', status=FAILED)
    check_equal(result.out, f'# {FOLDER}/tap1.tap\n' + SEED_FILE, 'the file')
    check('/etc/sudoers: not translated: the file: it cannot be read by you; root can\n' in result.err, result.err)
    result = host.tapctl('alice', 'import', '--write', status=FAILED)
    check(f'tapctl: cannot write to {FOLDER}: Permission denied\n' in result.err, result.err)
    check(not host.path(FOLDER).exists(), FOLDER)


def test_from(host):
    """One file, standard input, another root, and what is no use of the command"""
    clear(host)
    put(host, INTERFACES, SEED)
    result = host.run(['tapctl', 'import', '--from', '-'], input=SEED.replace('tap1', 'vm7'), check=True)
    check_equal(result.out, f'# {FOLDER}/vm7.tap\n' + SEED_FILE.replace('tap1', 'vm7'), 'from standard input')
    put(host, '/root/x/etc/network/interfaces', SEED.replace('tap1', 'vm8'))
    result = host.tapctl(None, 'import', '--root=/root/x', '--write')
    check_equal(host.path('/root/x' + FOLDER + '/vm8.tap').read_text(), SEED_FILE.replace('tap1', 'vm8'), 'the file')
    check(not host.path(FOLDER).exists(), FOLDER)
    host.tapctl(None, 'import', 'tap1', status=USAGE)
    host.tapctl(None, 'import', '--force', status=USAGE)
    host.tapctl(None, 'import', '--from', '/nonexistent', status=FAILED)
    host.tapctl(None, 'list', '--write', status=USAGE)
