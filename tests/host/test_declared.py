# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAPs that files declare: from the file to the unit that needs its TAP, over reloads and reboots."""

import contextlib
import re
import signal
import time

from host import (DENIED, DONE, FAILED, IN_USE, NO_SUCH_TAP, OBJECT, TAP, check, check_equal, restarts, wait_until)

LAB = '[Tap]\nName=tap%d\nFirst=1\nCount=3\n'
NEEDS = '''[Unit]
Requires=tap@tap1.service
After=tap@tap1.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip link show dev tap1
[Install]
WantedBy=multi-user.target
'''
# As the README has them.
STANZA = '''auto tap1
iface tap1 inet manual
    pre-up tapctl create $IFACE
    post-down tapctl delete $IFACE
'''
WRITES = re.compile(r'nlmsg_type=(?:RTM_(?:NEW|SET|DEL)LINK|RTM_(?:NEW|DEL)QDISC)\b.*|ioctl\(.*TUNSET.*')


def put(host, path: str, text: str):
    target = host.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def declare(host, text=LAB, name='lab'):
    put(host, f'/etc/tapd/taps.d/{name}.tap', text)


def reload(host, status=DONE):
    check_equal(host.run(['systemctl', 'reload', 'tapd.service']).status, status, 'exit status of systemctl reload')


def show(host, unit: str, key: str) -> str:
    return host.run(['systemctl', 'show', '--value', '--property=' + key, unit], check=True).out.strip()


def monotonic_usec() -> int:
    """The clock of systemd's *TimestampMonotonic: one for the machine and its hosts."""
    return int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)


@contextlib.contextmanager
def unit(host, name: str, text: str):
    put(host, f'/run/systemd/system/{name}', text)
    host.run(['systemctl', 'daemon-reload'], check=True)
    try:
        yield
    finally:
        host.run(f'systemctl stop {name} "tap@*.service"; rm -f /run/systemd/system/{name}; systemctl daemon-reload;'
                 ' systemctl reset-failed')


def test_reload(host):
    """A file is there after systemctl reload, and gone after the next where it is gone"""
    declare(host)
    reload(host)
    check_equal(host.taps(), ['tap1', 'tap2', 'tap3'], 'TAPs')
    rows = host.tapctl('alice', 'list', '-n', '-o', 'NAME,STATE,LIFETIME,GROUP').out.split('\n')
    check_equal(rows[0].split(), ['tap1', 'ready', 'declared', 'kvm'], 'the first')
    check('UP' in host.link('tap3')['flags'], 'tap3 is not up')

    shown = host.tapctl('alice', 'status', 'tap2').out
    check(re.search(r'^ +Source: /etc/tapd/taps\.d/lab\.tap$', shown, re.MULTILINE), shown)
    refused = host.tapctl('alice', 'create', 'tap2', status=IN_USE)
    check('/etc/tapd/taps.d/lab.tap' in refused.err, f'no word of the file: {refused.err}')
    refused = host.tapctl(None, 'delete', 'tap2', status=IN_USE)
    check('/etc/tapd/taps.d/lab.tap' in refused.err, f'no word of the file: {refused.err}')

    host.run('rm /etc/tapd/taps.d/lab.tap', check=True)
    reload(host)
    check_equal(host.links(), ['lo'], 'devices')


def test_hangup(host):
    """SIGHUP does the same"""
    declare(host)
    host.run(['systemctl', 'kill', '--signal=HUP', 'tapd.service'], check=True)
    wait_until('the TAPs to be there', lambda: host.taps() == ['tap1', 'tap2', 'tap3'])


def test_bad_file(host):
    """With a bad file systemctl reload fails and returns; tapd runs on and the TAPs stay as they are"""
    declare(host)
    reload(host)
    before = host.dump('tap1')
    declare(host, LAB.replace('Count=3', 'Count=2') + 'MTUBytse=9000\n')
    reload(host, status=FAILED)
    check_equal((show(host, 'tapd.service', 'ActiveState'), show(host, 'tapd.service', 'SubState')),
                ('active', 'running'), 'tapd')
    check_equal(host.taps(), ['tap1', 'tap2', 'tap3'], 'TAPs')
    check_equal(host.dump('tap1'), before, 'tap1')
    answer = host.tapctl(None, 'reload', status=FAILED)
    check('/etc/tapd/taps.d/lab.tap:5: unknown key "MTUBytse" in [Tap]' in answer.err, answer.err)


@restarts
def test_restart(host):
    """What is declared is there when tapd has started, and a restart changes nothing of it"""
    declare(host)
    host.run(['systemctl', 'restart', 'tapd.service'], check=True)
    check_equal(host.taps(), ['tap1', 'tap2', 'tap3'], 'TAPs')
    before = host.all_links()
    host.run(['systemctl', 'restart', 'tapd.service'], check=True)
    check_equal(host.all_links(), before, 'devices')


def test_over_the_bus(host):
    """tapctl declare and undeclare, by who may"""
    refused = host.tapctl('alice', '--no-ask-password', 'declare', 'tap5', status=DENIED)
    check_equal(refused.out, '', 'names of what was refused')
    check_equal(host.tapctl(None, 'declare', 'tap5', 'tap6', '--mtu=9000').out, 'tap5\ntap6\n', 'names')
    check_equal(host.link('tap5')['mtu'], 9000, 'its MTU')
    check_equal(host.status('tap5')['Source'], '/var/lib/tapd/taps.d/tap5.tap', 'Source')
    check('MTUBytes=9000' in host.tapctl('alice', 'cat', 'tap6').out.split('\n'), 'cat does not show the MTU')
    host.tapctl(None, 'undeclare', 'tap5', 'tap6')
    wait_until('the devices to be gone', lambda: host.links() == ['lo'])
    host.tapctl(None, 'undeclare', 'tap5', status=NO_SUCH_TAP)


def test_notes(host):
    """A reload names what cannot become as its file says, as it is now; --recreate makes it anew"""
    declare(host)
    host.tapctl(None, 'reload')
    host.run('ip link set tap1 down', check=True)
    wait_until('tapd to see it', lambda: host.status('tap1')['State'] == 'drifted')

    declare(host, LAB + 'MultiQueue=no\n')
    queue = host.queue('alice', 'tap3')
    notes = host.tapctl(None, 'reload').err.splitlines()
    check_equal([note.split(' ')[:2] for note in notes], [[f'tap{i}:', 'MultiQueue='] for i in (1, 2, 3)], 'notes')

    before = host.all_links()
    notes = host.tapctl(None, 'reload', '--recreate').err.splitlines()
    check_equal([note.split(' ')[:2] for note in notes], [['tap3:', 'MultiQueue=']], 'notes of --recreate')
    after = host.all_links()
    check_equal([after[name]['linkinfo']['info_data']['multi_queue'] for name in ('tap1', 'tap2', 'tap3')],
                [False, False, True], 'multi_queue')
    check_equal(after['tap3']['ifindex'], before['tap3']['ifindex'], 'the one in use')
    queue.close()


def test_adopt(host):
    """tapctl adopt takes over a TAP of ip, whose file was blocked by it"""
    host.run('ip tuntap add mode tap dev tap2 group kvm multi_queue', check=True)
    declare(host)
    answer = host.tapctl(None, 'reload')
    check(answer.err.startswith('tap2: ') and 'adopt' in answer.err, f'notes of the reload: {answer.err!r}')
    check_equal(host.status('tap2')['State'], 'blocked', 'State')
    check_equal(host.status('tap2')['Ifindex'], None, 'Ifindex')
    row = host.tapctl('alice', 'list', '-n', '-o', 'NAME,STATE,ADMIN,OPER,MTU,IFINDEX,IDLE', 'tap2').out
    check_equal(row.split(), ['tap2', 'blocked', '-', '-', '-', '-', '-'], 'what is told of it')
    shown = host.tapctl('alice', 'status', 'tap2').out
    check(re.search(r'^ +State: blocked \(.*adopt.*\)$', shown, re.MULTILINE), shown)

    index = host.link('tap2')['ifindex']
    host.tapctl(None, 'adopt', 'tap2')
    check_equal((host.status('tap2')['State'], host.link('tap2')['ifindex']), ('ready', index), 'tap2')


def test_verify(host):
    """Any user has the configuration, or a draft, judged without tapd; the words are the journal's"""
    declare(host)
    check_equal(str(host.tapctl('alice', 'verify')), 'alice$ tapctl verify', 'what verify says of what is right')
    terminal = host.terminal(['tapctl', 'verify'], user='alice')
    # tapd.conf, lab.tap.
    check(terminal.expect(r'2 files, 3 TAPs declared: no complaint'), 'the line on a terminal')
    terminal.finish()

    put(host, '/etc/tapd/taps.d/lab.tap.d/10-mtu.conf', '[Tap]\nMTUBytes=67\n')
    words = '/etc/tapd/taps.d/lab.tap.d/10-mtu.conf:2: MTUBytes=: 67, not in 68..65521\n'
    bad = host.tapctl('alice', 'verify', status=FAILED)
    check(bad.err.startswith(words), bad.err)
    reload(host, status=FAILED)
    check(words in host.run('journalctl -o cat -u tapd', check=True).out, 'the journal has other words')
    one = host.tapctl('alice', 'verify', '/etc/tapd/taps.d/lab.tap.d/10-mtu.conf', status=FAILED)
    check_equal(one.err, bad.err, 'what it says of the drop-in alone')

    host.run("printf '[Tap]\\nName=tap9\\n' >~/draft.tap; printf '[Grant x]\\nNames=*x\\n' >~/x.conf", user='alice')
    check_equal(host.run('tapctl verify ~/draft.tap', user='alice').status, DONE, 'a good draft of a user')
    done = host.run('cd; tapctl verify draft.tap x.conf', user='alice')
    check_equal(done.status, FAILED, 'exit status for a bad draft')
    check(done.err.startswith('x.conf:2: Names=: "*x"'), done.err)


def test_verify_ownership(host):
    """Whose a file is counts in the folders of the configuration"""
    declare(host)
    host.run('chown alice /etc/tapd/taps.d/lab.tap', check=True)
    for arguments in ([], ['/etc/tapd/taps.d/lab.tap']):
        bad = host.tapctl('alice', 'verify', *arguments, status=FAILED)
        check("/etc/tapd/taps.d/lab.tap: it, or a folder on the way to it, is not root's alone" in bad.err, bad.err)


# What is wrong with a file as such, and what both say of it: bad-input as a person makes it.
SPOILT = {
    'unknown-section': ("printf '[Tap]\\nName=tap9\\n[Switch]\\n' >$F", ':3: unknown section [Switch]'),
    'doubled-section': ("printf '[Tap]\\nName=tap9\\n[Tap]\\nUp=no\\n' >$F", ':3: "Tap" stands here twice'),
    'stray': ("printf '[Tap]\\nName=tap9\\nyes\\n' >$F", ':3: neither a section nor Key=Value'),
    'isolated': ("printf '[Tap]\\nName=tap9\\n[Port]\\nSwitch=br0\\nIsolated=yess\\n' >$F", ':5: Isolated=: "yess"'),
    'nul': ("printf '[Tap]\\nName=tap9\\n\\0' >$F", ': a NUL, or a line of more than 4096 bytes'),
    'long-line': ("{ printf '[Tap]\\nName=tap9\\n#'; head -c 1048000 /dev/zero | tr '\\0' x; } >$F",
                  ': a NUL, or a line of more than 4096 bytes'),
    'owner': ("printf '[Tap]\\nName=tap9\\n' >$F; chown alice $F", "is not root's alone"),
    'mode': ("printf '[Tap]\\nName=tap9\\n' >$F; chmod 666 $F", "is not root's alone"),
    'link-alice': ("printf '[Tap]\\nName=tap9\\n' >/home/alice/x; ln -s /home/alice/x $F", "is not root's alone"),
    'link-root': ("printf '[Tap]\\nName=tap9\\n' >/root/x; ln -s /root/x $F", "is not root's alone"),
    'link-nowhere': ('ln -s nowhere $F', 'No such file or directory'),
    'fifo': ('mkfifo $F', 'not a regular file'),
    'folder': ('mkdir $F', 'not a regular file'),
}


def test_spoilt(host):
    """Each spoilt file is complained of in the same words by verify and the journal, and all other TAPs are up"""
    file = '/etc/tapd/taps.d/spoilt.tap'
    declare(host)
    reload(host)
    for kind, (spoil, words) in SPOILT.items():
        host.run(f'F={file}; {spoil}', check=True)
        try:
            said = host.tapctl(None, 'verify', status=FAILED).err
            check(file in said and words in said, f'{kind}: {said}')
            cursor = host.run('journalctl -u tapd -n 0 --show-cursor', check=True).out.split('cursor: ')[1].strip()
            reload(host, status=FAILED)
            journal = host.run(['journalctl', '-o', 'cat', '-u', 'tapd', '--after-cursor', cursor], check=True).out
            for line in said.splitlines():
                check(line in journal, f'{kind}: the journal has not "{line}" but:\n{journal}')
            check_equal(host.taps(), ['tap1', 'tap2', 'tap3'], f'{kind}: TAPs')
        finally:
            host.run(['rm', '-rf', file], check=True)
    reload(host)


# In a grant a mistake takes the grant away, and widens nothing.
MISTYPED = ['VLANs=20 thirty', 'VLAN=20', 'Users=@kvm alice,bob', 'Users=@kvm\nUsers=@kvm', 'Isolated=yes', 'Names=*']


def test_mistyped_grant(host):
    """A mistyped line of a grant takes that grant away, with the same words from verify and the journal"""
    conf = '/etc/tapd/tapd.conf'
    for line in MISTYPED:
        put(host, conf, '[Defaults]\nGroup=kvm\n[Grant kvm]\nUsers=@kvm\nNames=tap*\nTapsPerUser=4\n'
            '[Grant lab]\nNames=lab*\nTapsPerUser=4\n'
            + ('' if line.startswith('Users') else 'Users=@kvm\n') + line + '\n')
        try:
            said = host.tapctl('alice', 'verify', status=FAILED).err
            check('[Grant lab] is off until this is mended' in said or 'Users=' in said, f'{line}: {said}')
            cursor = host.run('journalctl -u tapd -n 0 --show-cursor', check=True).out.split('cursor: ')[1].strip()
            reload(host)
            journal = host.run(['journalctl', '-o', 'cat', '-u', 'tapd', '--after-cursor', cursor], check=True).out
            for complaint in said.splitlines():
                check(complaint in journal, f'{line}: the journal has not "{complaint}" but:\n{journal}')
            host.tapctl('alice', 'create', 'tap1')
            host.tapctl('alice', 'delete', 'tap1')
            if 'is off' in said:
                host.tapctl('alice', '--no-ask-password', 'create', 'lab1', status=4)
        finally:
            host.run(['rm', conf], check=True)
    reload(host)


def test_cat(host):
    """tapctl cat shows the files of a TAP, by its name or theirs, as any user and without tapd"""
    declare(host)
    put(host, '/usr/lib/tapd/taps.d/lab.tap.d/20.conf', '[Tap]\nMTUBytes=1400')
    try:
        wanted = (f'# /etc/tapd/taps.d/lab.tap\n{LAB}\n'
                  '# /usr/lib/tapd/taps.d/lab.tap.d/20.conf\n[Tap]\nMTUBytes=1400\n')
        for name in ('tap3', 'lab', 'lab.tap'):
            check_equal(host.tapctl('alice', 'cat', name).out, wanted, f'tapctl cat {name}')
        check_equal(host.tapctl('alice', 'cat', 'tap4', status=NO_SUCH_TAP).out, '', 'tapctl cat tap4')
    finally:
        host.run('rm -r /usr/lib/tapd/taps.d', check=True)


def test_managers(host):
    """Who is named in Managers= sets and opens that TAP and no other"""
    host.run('groupadd students && gpasswd --add bob students', check=True)
    try:
        declare(host, '[Tap]\nName=tap56\nManagers=@students\n', 'tap56')
        declare(host, '[Tap]\nName=tap57\n', 'tap57')
        reload(host)
        host.tapctl('bob', 'set', 'tap56', '--description=mine')
        host.tapctl('bob', '--no-ask-password', 'set', 'tap57', '--description=mine', status=DENIED)
        host.tapctl('alice', '--no-ask-password', 'set', 'tap56', '--description=mine', status=DENIED)
        check_equal([host.status(name)['Description'] for name in ('tap56', 'tap57')], ['mine', ''], 'descriptions')
        opened = host.call('bob', f'{OBJECT}/tap/tap56', TAP + '.OpenQueues', 'uint32 1')
        check_equal(opened.error, '', f'{opened}')
        refused = host.call('bob', f'{OBJECT}/tap/tap57', TAP + '.OpenQueues', 'uint32 1')
        check(refused.error, f'bob opened tap57: {refused}')
    finally:
        host.run('groupdel students')


def test_unit(host):
    """A unit that requires tap@tap1 starts when its TAP is there; what that made, its stop deletes"""
    with unit(host, 'needs.service', NEEDS):
        host.run(['systemctl', 'start', 'needs.service'], check=True)
        check_equal(host.status('tap1')['Source'], 'unit', 'Source')
        there = int(show(host, 'tap@tap1.service', 'ActiveEnterTimestampMonotonic'))
        begun = int(show(host, 'needs.service', 'ExecMainStartTimestampMonotonic'))
        check(0 < there <= begun, f'tap@tap1 was active at {there}, needs.service began at {begun}')

        host.run(['systemctl', 'stop', 'tap@tap1.service'], check=True)
        check_equal(show(host, 'needs.service', 'ActiveState'), 'inactive', 'the unit that needs it')
        check_equal(host.links(), ['lo'], 'devices')


def test_unit_deletes_its_own(host):
    """Stopping tap@X leaves what a file or a person made"""
    declare(host)
    reload(host)
    host.tapctl(None, 'create', 'vm-1')
    with unit(host, 'needs.service', NEEDS):
        host.run(['systemctl', 'start', 'tap@tap1.service', 'tap@vm-1.service', 'tap@vm-2.service'], check=True)
        host.run(['systemctl', 'stop', 'tap@tap1.service', 'tap@vm-1.service', 'tap@vm-2.service'], check=True)
        check_equal(host.taps(), ['tap1', 'tap2', 'tap3', 'vm-1'], 'TAPs')
        host.run('systemctl start tap@vm-2.service && tapctl delete vm-2 && systemctl stop tap@vm-2.service',
                 check=True)
        check_equal(show(host, 'tap@vm-2.service', 'Result'), 'success', 'the stop of a unit whose TAP is gone')


def test_unit_waits(host):
    """tap@X is active when its TAP can be used, and not before"""
    host.run('ip link add tap2 type veth peer name other', check=True)
    declare(host)
    reload(host)
    with unit(host, 'needs.service', NEEDS):
        host.run(['systemctl', 'start', '--no-block', 'tap@tap2.service'], check=True)
        wait_until('it to start', lambda: show(host, 'tap@tap2.service', 'ActiveState') != 'inactive')
        before = monotonic_usec()
        host.run('ip link del tap2', check=True)
        wait_until('it to be active', lambda: show(host, 'tap@tap2.service', 'ActiveState') == 'active')
        there = int(show(host, 'tap@tap2.service', 'ActiveEnterTimestampMonotonic'))
        check(there > before, 'it was active while a foreign device had the name')
        check_equal(host.status('tap2')['State'], 'ready', 'State')


def test_unit_fails(host):
    """It fails with the reason where the TAP cannot be had in a minute"""
    host.run('ip link add tap2 type veth peer name other', check=True)
    declare(host)
    declare(host, '[Tap]\nName=tap9\n[Port]\nSwitch=nosuch\n', 'tap9')
    reload(host)
    names = ('tap2', 'tap9')
    reasons = ('is blocked after 60 s: a network interface', 'is waiting after 60 s: its switch')
    waiting = [host.start(['tapctl', 'create', '--for-unit', name]) for name in names]
    for process, said in zip(waiting, reasons):
        done = process.finish()
        check_equal(done.status, FAILED, f'exit status of {done}')
        check(said in done.err and 'tapctl: tap' in done.err, done.err)


@restarts
def test_boot(host):
    """After a reboot the declared TAPs are there before the unit that needs one"""
    declare(host)
    host.tapctl(None, 'declare', 'tap9')
    put(host, '/etc/systemd/system/needs.service', NEEDS)
    host.run(['systemctl', 'enable', '--quiet', 'needs.service'], check=True)
    try:
        host.reboot()
        check_equal(host.taps(), ['tap1', 'tap2', 'tap3', 'tap9'], 'TAPs')
        check_equal(host.status('tap1')['State'], 'ready', 'State')
        there = int(show(host, 'tap@tap1.service', 'ActiveEnterTimestampMonotonic'))
        begun = int(show(host, 'needs.service', 'ExecMainStartTimestampMonotonic'))
        check(0 < there <= begun, f'tap@tap1 was active at {there}, needs.service began at {begun}')
    finally:
        host.run('systemctl disable --quiet --now needs.service; systemctl stop "tap@*.service"')
        host.run('rm /etc/systemd/system/needs.service; systemctl daemon-reload')


@restarts
def test_ifupdown(host):
    """The stanza of the README makes and deletes the TAP, by hand and at boot"""
    before = host.path('/etc/network/interfaces').read_text()
    put(host, '/etc/network/interfaces', before + STANZA)
    try:
        for _ in range(2):
            host.run(['ifup', 'tap1'], check=True)
            check('UP' in host.link('tap1')['flags'], 'tap1 is not up')
            host.run(['ifup', '--force', 'tap1'], check=True)
            host.run(['ifdown', 'tap1'], check=True)
            check_equal((host.links(), host.taps()), (['lo'], []), 'what ifdown leaves')

        # It checks that no unit failed.
        host.reboot()
        check_equal(host.taps(), ['tap1'], 'TAPs after the boot')
        host.run(['systemctl', 'stop', 'networking.service'], check=True)
        check_equal((host.links(), host.taps()), (['lo'], []), 'what the stop of networking.service leaves')
        host.run(['systemctl', 'start', 'networking.service'], check=True)
        check_equal(host.taps(), ['tap1'], 'TAPs after its start')
    finally:
        put(host, '/etc/network/interfaces', before)


def trace(host, action) -> list[str]:
    """What tapd asks the kernel to change while something is done."""
    tracer = host.start(['strace', '-f', '-qq', '-s', '300', '-e', 'trace=sendto,sendmsg,ioctl', '-o', '/tmp/trace',
                         '-p', str(host.daemon_pid())])
    wait_until('strace to be attached', lambda: host.run(
        f'grep -q "^TracerPid:.[1-9]" /proc/{host.daemon_pid()}/status').status == 0)
    action()
    tracer.signal(signal.SIGINT)
    tracer.finish()
    traced = host.run('cat /tmp/trace', check=True).out
    check('READY=1' in traced, f'the trace has no reload in it:\n{traced[:2000]}')
    return WRITES.findall(traced)


@restarts
def test_1000(host):
    """1,000 declared TAPs are complete when tapd has started; a reload writes for what changed and nothing else"""
    declare(host, LAB.replace('Count=3', 'Count=1000'))
    declare(host, '[Tap]\nName=lab1\n', 'other')
    host.run('systemctl stop tapd.service && systemctl start tapd.service', check=True)
    names = [f'tap{i}' for i in range(1, 1001)] + ['lab1']
    links = host.all_links()
    check_equal(sorted(links), sorted([*names, 'lo']), 'devices')
    check(all('UP' in links[name]['flags'] and links[name]['qdisc'] == 'noqueue' for name in names), 'not all are up')
    states = host.tapctl(None, 'list', '-n', '-o', 'STATE').out.split()
    check_equal((len(states), set(states)), (1001, {'ready'}), 'states')

    check_equal(trace(host, lambda: reload(host)), [], 'writes of a reload where nothing changed')
    declare(host, '[Tap]\nName=lab1\nMTUBytes=9000\n', 'other')
    writes = trace(host, lambda: reload(host))
    check(writes, 'nothing was written for the TAP that changed')
    check(all('"lab1"' in line for line in writes), f'writes for one change: {writes}')
    check_equal(host.all_links()['lab1']['mtu'], 9000, 'its MTU')
    check_equal({name: link['ifindex'] for name, link in host.all_links().items()},
                {name: link['ifindex'] for name, link in links.items()}, 'devices')
