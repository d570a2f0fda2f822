# SPDX-License-Identifier: LGPL-2.1-or-later
"""The installed service: its user, its one capability, its sandbox, its libraries."""

import re
import subprocess

import root
from host import DONE, NO_SERVICE, Host, check, check_equal, restarts

CAP_NET_ADMIN = 1 << 12
LIBRARIES = {'tapd': {'libsystemd.so.0', 'libmnl.so.0', 'libjansson.so.4', 'libc.so.6'},
             'tapctl': {'libsystemd.so.0', 'libsmartcols.so.1', 'libc.so.6'}}
# The dynamic loader may be named by what uses thread-local storage.
LOADER = re.compile(r'ld-linux[-\w]*\.so\.\d+')


# Connects, says nothing, and tells how it went; perl is on every Debian.
CONNECT = '''
use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or print("$!\\n"), exit;
print(sysread($socket, my $answer, 1) ? "answered\\n" : "closed\\n");
'''


def test_exposure(host):
    """systemd-analyze security finds next to nothing to say of the units, as files and as they run"""
    for name in ('tapd.service', 'tapd-ovs.service'):
        for unit in (['--offline=yes', f'/usr/lib/systemd/system/{name}'], [name]):
            done = host.run(['systemd-analyze', 'security', '--threshold=13', '--no-pager', *unit])
            check_equal(done.status, 0, f'{done}\nexit status')
            print('# ' + done.out.strip().splitlines()[-1])


def test_verified(host):
    """systemd-analyze verify finds nothing wrong with them"""
    done = host.run(['systemd-analyze', 'verify', '--man=no', 'tapd.service', 'tapd-ovs.socket', 'tapd-ovs.service'])
    check_equal((done.status, done.err), (0, ''), str(done))


def test_no_switch(host):
    """Where there is no Open vSwitch, its way ends at once, each time, and nothing fails or is tried for ever"""
    check(not host.path('/run/openvswitch').exists(), 'Open vSwitch is here')
    for user, answer in (('tapd', 'closed\n'), ('alice', 'Permission denied\n'), ('tapd', 'closed\n')):
        got = host.run(['perl', '-e', CONNECT, '/run/tapd-ovs/db.sock'], user=user, check=True)
        check_equal(got.out, answer, f'{user} at the way')
    check_equal(host.run(['systemctl', 'is-system-running']).out, 'running\n', 'the host')
    shown = host.run(['systemctl', 'show', '--property=NRestarts,Result', 'tapd-ovs.service'], check=True).out
    check_equal(sorted(shown.split()), ['NRestarts=0', 'Result=success'], 'what stands in the way')
    host.tapctl('alice', 'create', 'tap1')


def test_process(host):
    """tapd runs as the user tapd, with CAP_NET_ADMIN and no other capability"""
    status = dict(line.split(':\t', 1) for line in
                  host.run(['cat', f'/proc/{host.daemon_pid()}/status'], check=True).out.splitlines() if ':\t' in line)
    uid = str(host.uid('tapd'))
    check_equal(status['Uid'].split(), [uid] * 4, 'its user ids')
    check_equal(status['Gid'].split(), [str(host.gid('tapd'))] * 4, 'its group ids')
    check_equal(status['Groups'].split(), [str(host.gid('tapd'))] if status['Groups'].strip() else [], 'other groups')
    for key in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb'):
        check_equal(int(status[key], 16), CAP_NET_ADMIN, key)
    check_equal(status['NoNewPrivs'].strip(), '1', 'NoNewPrivs')
    check_equal(status['Seccomp'].strip(), '2', 'Seccomp')


def needed(file) -> set[str]:
    """The libraries that a file asks for itself."""
    done = subprocess.run(['readelf', '--dynamic', '--wide', str(file)], capture_output=True, text=True, check=True)
    return set(re.findall(r'\(NEEDED\)\s+Shared library: \[(.*?)\]', done.stdout))


def closure(host, libraries: set[str]) -> set[str]:
    """These and what they ask for in turn, by their names in the file system."""
    folders = ['/usr/lib', *(f'/usr/lib/{path.name}' for path in host.path('/usr/lib').glob('*-linux-gnu*'))]
    found, todo = set(), set(libraries)
    while todo:
        name = todo.pop()
        if name in found or LOADER.fullmatch(name):
            continue
        found.add(name)
        path = next(host.path(f'{folder}/{name}') for folder in folders if host.path(f'{folder}/{name}').exists())
        found.add(path.resolve().name)
        todo |= needed(path)
    return found


def test_libraries(host):
    """tapd and tapctl ask for the libraries of the design, and nothing else is mapped"""
    for program, path in (('tapd', '/usr/libexec/tapd'), ('tapctl', '/usr/bin/tapctl')):
        asked = {name for name in needed(host.path(path)) if not LOADER.fullmatch(name)}
        check(asked <= LIBRARIES[program], f'{program} asks for {asked - LIBRARIES[program]}, too')

    maps = host.run(['cat', f'/proc/{host.daemon_pid()}/maps'], check=True).out
    mapped = {line.split('/')[-1] for line in maps.splitlines() if '.so' in line}
    check(mapped, 'nothing is mapped')
    excess = {name for name in mapped - closure(host, LIBRARIES['tapd']) if not LOADER.fullmatch(name)}
    check_equal(excess, set(), 'other libraries in its memory')


def test_sandbox(host):
    """The running service can write to its own folders and see no other process"""
    # Its mounts decide what a write through its root folder does, whoever writes. To start a program there would not
    # do: tapd's is the only one that may be executed.
    inside = f'/proc/{host.daemon_pid()}/root'
    for folder in ('/usr', '/etc', '/var/lib', '/root'):
        check(host.run(['touch', f'{inside}{folder}/tapd-was-here']).status != DONE, f'{folder} is writable for it')
    host.run(['touch', f'{inside}/run/tapd/test', f'{inside}/var/lib/tapd/test'], check=True)
    host.run(['rm', f'{inside}/run/tapd/test', f'{inside}/var/lib/tapd/test'], check=True)
    check_equal(host.run(['ls', f'{inside}/dev/net']).out, 'tun\n', 'its devices of the network')
    check_equal(host.run(['ls', f'{inside}/home']).out, '', 'what it sees of /home')
    check(host.run([f'{inside}/usr/bin/true']).status != DONE, 'it may execute another program')


def test_configuration(host):
    """tapd.conf is in /usr, nothing in /etc has to exist, and its folders are its own"""
    check(host.path('/usr/lib/tapd/tapd.conf').is_file(), 'no /usr/lib/tapd/tapd.conf')
    check_equal(host.run('stat -c "%U %a" /run/tapd /var/lib/tapd', check=True).out, 'tapd 711\ntapd 755\n',
                'owner and mode of /run/tapd and /var/lib/tapd')


@restarts
def test_masked(host):
    """Where the administrator has masked tapd, tapctl says so in a line and a hint: exit 7"""
    host.tapctl('alice', 'create', 'tap1')
    host.run('systemctl mask --runtime --now tapd.service', check=True)
    try:
        for arguments in (['list'], ['create', 'tap2'], ['delete', 'tap1'], ['status', 'tap1']):
            refusal = host.tapctl('alice', *arguments, status=NO_SERVICE)
            check_equal(refusal.out, '', 'standard output')
            check('systemctl status tapd' in refusal.err, f'no hint: {refusal.err}')
            check(len(refusal.err.splitlines()) <= 2, f'more than a line and a hint: {refusal.err}')
        check_equal(host.links(), ['lo', 'tap1'], 'devices')
    finally:
        host.run('systemctl unmask --runtime tapd.service', check=True)
    check_equal(host.taps(), ['tap1'], 'TAPs when it is back')


def test_install(host):
    """Installing it without the package on a running host as the README says, with no reboot"""
    with Host(installed=False) as plain:
        plain.boot()
        check_equal(plain.run(['getent', 'passwd', 'tapd']).out, '', 'the user tapd before')
        root.meson_install(plain.build, plain.path('/'))
        plain.run('systemd-sysusers && systemctl daemon-reload && systemctl reload dbus.service &&'
                  ' systemctl enable --quiet --now tapd.service', check=True)
        check_equal(plain.tapctl('alice', 'create', 'tap1').out, 'tap1\n', 'create')
        check_equal(plain.run(['systemctl', 'is-system-running']).out, 'running\n', 'the host')
