# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may have a TAP, and who is refused."""

from host import (DENIED, IN_USE, LIMITS, MANAGER, OBJECT, OWN_ERROR, STANDARD_ERROR, TAP, UNSET, USAGE, check,
                  check_equal, restarts, wait_until)

REFUSED = STANDARD_ERROR + 'AccessDenied'
WOULD_ASK = STANDARD_ERROR + 'InteractiveAuthorizationRequired'


def records(host) -> str:
    return host.run('find /run/tapd -printf "%p %s %T@\\n" | sort', check=True).out


def check_one_line(result):
    check_equal(result.out, '', 'standard output of a refusal')
    check_equal(len(result.err.splitlines()), 1, f'lines on standard error, which says\n{result.err}')


def test_outsider(host):
    """An outsider is refused: exit 4, one line, nothing created"""
    before = records(host)
    refusal = host.tapctl('mallory', 'create', 'tap1', status=DENIED)
    check_one_line(refusal)
    check('tap1' in refusal.err, f'the line does not name the TAP: {refusal.err}')
    check_equal(host.create('mallory', 'tap1').error, WOULD_ASK, 'without the interactive flag')
    check_equal(host.create('mallory', 'tap1', interactive=True).error, REFUSED, 'with it, and no agent to ask')
    check_equal(host.links(), ['lo'], 'devices')
    check_equal(host.taps(), [], 'TAPs')
    check_equal(records(host), before, 'the records')


def test_order(host):
    """A request that is wrong is called wrong before anybody is asked"""
    for name in ('no good', 'a' * 16, '1tap', 'tap1\x1b'):
        error = host.call('mallory', OBJECT, MANAGER + '.CreateTap', f'"{name}"', '@a{sv} {}').error
        check_equal(error, STANDARD_ERROR + 'InvalidArgs', f'name {name!r}')
    check_equal(host.create('mallory', 'tap1', '{"Color": <"red">}').error, STANDARD_ERROR + 'InvalidArgs',
                'an unknown setting')
    host.tapctl('mallory', 'create', 'no good', status=USAGE)


def test_names(host):
    """Names that belong to others, and names that no grant covers"""
    check_equal(host.create('alice', 'vnet7').error, OWN_ERROR + 'NameNotAllowed', 'vnet7')
    check_equal(host.create('alice', 'vt-x').error, OWN_ERROR + 'NameNotAllowed', 'vt-x')
    check_equal(host.create(None, 'vnet7').error, OWN_ERROR + 'NameNotAllowed', 'vnet7, by root')
    check_equal(host.create('alice', 'printer').error, WOULD_ASK, 'a name outside of the grant')
    host.tapctl('alice', 'create', 'vnet7', status=DENIED)
    check_one_line(host.tapctl('alice', 'create', 'printer', status=DENIED))
    check_equal(host.links(), ['lo'], 'devices')


def test_second_member(host):
    """A second member cannot delete or change the TAP of the first"""
    host.tapctl('alice', 'create', 'tap1')
    before = host.dump('tap1'), records(host)
    for verb in ('delete', 'down', 'up'):
        check_one_line(host.tapctl('bob', verb, 'tap1', status=DENIED))
    path = f'{OBJECT}/tap/tap1'
    for method, arguments in ((TAP + '.Up', []), (TAP + '.Down', []), (TAP + '.Delete', ['false']),
                              (TAP + '.Delete', ['true'])):
        check_equal(host.call('bob', path, method, *arguments).error, WOULD_ASK, f'{method} {arguments}')
    for force in ('false', 'true'):
        check_equal(host.call('bob', OBJECT, MANAGER + '.DeleteTaps', '["tap1"]', force).error, WOULD_ASK,
                    f'DeleteTaps, force={force}')
    host.tapctl('bob', 'create', 'tap1', status=IN_USE)
    check_equal((host.dump('tap1'), records(host)), before, 'the device and its record')


def test_mixed_delete(host):
    """One TAP of another among several to delete: none of them is deleted"""
    host.tapctl('alice', 'create', 'tap1')
    host.tapctl('bob', 'create', 'tap2')
    host.tapctl('bob', 'delete', 'tap2', 'tap1', status=DENIED)
    check_equal(host.taps(), ['tap1', 'tap2'], 'TAPs')


def test_system_account(host):
    """libvirt-qemu is refused although it is a member of kvm, and no password would help"""
    check('kvm' in host.run(['id', '-Gn', 'libvirt-qemu']).out.split(), 'it is not in kvm here')
    check_one_line(host.tapctl('libvirt-qemu', 'create', 'tap1', status=DENIED))
    for interactive in (False, True):
        check_equal(host.create('libvirt-qemu', 'tap1', interactive=interactive).error, REFUSED,
                    f'interactive={interactive}')
    check_equal(host.links(), ['lo'], 'devices')


def test_password(host):
    """A member of sudo is asked for the password by the text agent, and succeeds"""
    for session in ('ssh', 'seat'):
        terminal = host.terminal(['tapctl', 'create', 'tap1'], user='carol', session=session)
        terminal.expect('tap1')
        terminal.expect('Password: ')
        check_equal(host.links(), ['lo'], 'devices while it asks')
        terminal.type_password('carol')
        done = terminal.finish()
        check_equal(done.status, 0, f'{done}\nexit status')
        check(done.out.rstrip().endswith('tap1'), f'the name is not the last that it prints:\n{done.out}')

        status = host.status('tap1')
        check_equal(int(host.tap('tap1', 'CreatorUID')), host.uid('carol'), f'{status}\nits creator')
        check_equal(int(host.tap('tap1', 'User')), host.uid('carol'), f'{status}\nits user')
        check_equal(int(host.tap('tap1', 'Group')), UNSET, 'Group for one who is not in the default group')
        check_equal(host.queue('carol', 'tap1').error, '', 'opening it')
        host.stop_started()
        host.tapctl(None, 'delete', '--force', 'tap1')


def test_wrong_password(host):
    """The wrong password, and none at all"""
    terminal = host.terminal(['tapctl', 'create', 'tap1'], user='carol')
    terminal.expect('Password: ')
    terminal.type_password('wrong')
    done = terminal.finish()
    check_equal(done.status, DENIED, f'{done}\nexit status')

    terminal = host.terminal(['tapctl', '--no-ask-password', 'create', 'tap1'], user='carol')
    done = terminal.finish()
    check_equal(done.status, DENIED, f'{done}\nexit status with --no-ask-password')
    check('assword:' not in done.out, f'it asks all the same:\n{done.out}')
    check_equal(host.links(), ['lo'], 'devices')


def test_administrator(host):
    """A member of sudo deletes the TAP of another, with the password"""
    host.tapctl('alice', 'create', 'tap1')
    terminal = host.terminal(['tapctl', 'delete', 'tap1'], user='carol')
    terminal.expect('Password: ')
    check(host.link('tap1'), 'deleted while it asks')
    terminal.type_password('carol')
    check_equal(terminal.finish().status, 0, 'exit status')
    check_equal(host.links(), ['lo'], 'devices')


def test_impatient(host):
    """Who leaves while the password is asked for gets nothing, and holds up nobody"""
    terminal = host.terminal(['tapctl', 'create', 'tap1'], user='carol')
    terminal.expect('Password: ')
    host.tapctl('alice', 'create', 'tap2')
    terminal.close()
    check_equal(host.tapctl('alice', 'create', 'tap1').out, 'tap1\n', 'the name is not taken')
    check_equal(int(host.tap('tap1', 'CreatorUID')), host.uid('alice'), 'the creator of tap1')


def test_quota(host):
    """TapsPerUser of the grant as shipped: 32, and the next is one too many"""
    names = [f'tap{i}' for i in range(1, 33)]
    host.tapctl('alice', 'create', *names)
    refusal = host.tapctl('alice', 'create', 'tap33', status=LIMITS)
    check_one_line(refusal)
    check_equal(host.create('alice', 'tap33').error, STANDARD_ERROR + 'LimitsExceeded', 'on the bus')
    host.tapctl('bob', 'create', 'tap33')
    host.tapctl('alice', 'delete', 'tap7')
    host.tapctl('alice', 'create', 'vm1')
    check_equal(len(host.taps()), 33, 'TAPs')


@restarts
def test_grant(host):
    """A grant in a drop-in, for somebody who is not in kvm; without its file it is over"""
    host.run('mkdir -p /etc/tapd/tapd.conf.d &&'
             ' printf "%s\\n" "[Grant guests]" Users=mallory "Names=guest*" TapsPerUser=1'
             ' >/etc/tapd/tapd.conf.d/guests.conf && systemctl restart tapd.service', check=True)
    host.tapctl('mallory', 'create', 'guest1')
    host.tapctl('mallory', 'create', 'guest2', status=LIMITS)
    host.tapctl('mallory', 'create', 'tap1', status=DENIED)
    check_equal(host.queue('mallory', 'guest1').error, '', 'opening it')
    host.run('rm /etc/tapd/tapd.conf.d/guests.conf && systemctl restart tapd.service', check=True)
    host.tapctl('mallory', 'create', 'guest2', status=DENIED)


def connections(host) -> int:
    """How many connections tapd has to the bus."""
    pid = host.daemon_pid()
    rows = host.run(['busctl', 'list', '--unique', '--no-legend'], check=True).out.splitlines()
    return len([row for row in rows if row.split()[1] == str(pid)])


def test_many_at_once(host):
    """64 requests that wait for a slow polkit, more than go over one connection: all of them are answered"""
    host.tapctl('alice', 'create', 'tap1')
    pid = host.run(['systemctl', 'show', '--value', '--property=MainPID', 'polkit.service'], check=True).out.strip()
    call = f'busctl call org.tapd1 {OBJECT}/tap/tap1 {TAP} Up'
    host.run(['kill', '-STOP', pid], check=True)
    try:
        crowd = host.start(f'for i in $(seq 64); do {call} && echo yes & done; wait', user='alice')
        wait_until('tapd to open another connection', lambda: connections(host) > 1)
    finally:
        host.run(['kill', '-CONT', pid], check=True)
    check_equal(crowd.finish().out.split(), ['yes'] * 64, 'the answers')


def test_without_polkit(host):
    """No polkit: root goes on, everybody else is refused"""
    host.run('systemctl mask --runtime --now polkit.service', check=True)
    try:
        host.tapctl(None, 'create', 'tap1')
        host.tapctl('alice', 'create', 'tap2', status=DENIED)
        check_equal(host.create('alice', 'tap2').error, REFUSED, 'on the bus')
        check_equal(host.taps(), ['tap1'], 'TAPs')
    finally:
        host.run('systemctl unmask --runtime polkit.service', check=True)
    wait_until('polkit to be back', lambda: host.run(['tapctl', 'create', 'tap2'], user='alice').status == 0)
