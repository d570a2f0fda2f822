# SPDX-License-Identifier: LGPL-2.1-or-later
"""`tapctl run`: a command with a TAP of its own, and nothing left when it ends, however it ends."""

import signal

from host import Failure, check, check_equal, restarts, wait_until

# Shows what a virtual machine's program would get.
SHOW = r'''echo "$1 $2 $3 $TAPD_NAME $TAPD_FDS $TAPD_MAC"
for fd in ${2//:/ }; do grep -H '^iff:' /proc/self/fdinfo/$fd; done'''


def nothing_left(host, what: str):
    def gone():
        return (host.links() == ['lo'] and not host.taps() and
                host.run('ls -A /run/tapd/taps', check=True).out.strip() == '')
    wait_until(f'nothing to be left after {what}', gone)


def test_tokens(host):
    """The command sees its name, its descriptors and the guest's address, in its arguments and its environment"""
    for queues in (1, 2, 8, 16, 32):
        shown = host.run(['tapctl', 'run', f'--queues={queues}', 'tap1', '--', 'bash', '-c', SHOW, 'show', '{name}', '{fds}',
                          '{mac}'], user='alice', check=True).out.splitlines()
        name, fds, mac, *environment = shown[0].split()
        check_equal([name, fds, mac], environment, 'arguments and environment')
        check_equal(name, 'tap1', 'the name')
        check_equal(len(set(fds.split(':'))), queues, f'descriptors of {queues} queues: {fds}')
        check_equal(len([line for line in shown[1:] if line.endswith('iff:\ttap1')]), queues, f'queues: {shown}')
        check(mac.startswith('52:'), f'the address for the guest: {mac}')
        nothing_left(host, f'a command with {queues} queues')


def test_ends(host):
    """Nothing is left behind: an end, a failure, Ctrl-C, SIGTERM, SIGKILL, a command that is not there"""
    check_equal(host.run(['tapctl', 'run', '--', 'sh', '-c', 'exit 42'], user='alice').status, 42, 'its exit status')
    nothing_left(host, 'a normal end')
    check_equal(host.run(['tapctl', 'run', '--', '/nonexistent'], user='alice').status, 127, 'no such command')
    nothing_left(host, 'no such command')
    check_equal(host.run(['tapctl', 'run', '--mtu=5', '--', 'true'], user='alice').status, 125, 'bad setting')
    check_equal(host.run(['tapctl', 'run', 'eth0', '--', 'true'], user='alice').status, 125, 'a name outside of the grants')
    nothing_left(host, 'refusals')
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        program = host.start(['tapctl', 'run', '--queues=2', 'tap1', '--', 'bash', '-c', 'echo $$; exec sleep 1000'],
                             user='alice')
        pid = program.line()
        check_equal(host.tap('tap1', 'QueuesAttached'), '2', 'queues')
        host.run(['kill', f'-{int(number)}', pid], check=True)
        nothing_left(host, number.name)


@restarts
def test_killed(host):
    """Holder and tapd killed in any order, 100 times: the device and its record are gone when tapd is back"""
    orders = (('holder', ), ('tapd', ), ('holder', 'tapd'), ('tapd', 'holder'))
    for i in range(100):
        program = host.start(['tapctl', 'run', '--queues=2', 'tap1', '--', 'bash', '-c', 'echo $$; exec sleep 1000'],
                             user='alice')
        pid, daemon = program.line(), host.daemon_pid()
        order = orders[i % len(orders)]
        for victim in order:
            host.run(['kill', '-9', pid if victim == 'holder' else str(daemon)], check=True)
        if 'tapd' in order:
            host.daemon_ready(other_than=daemon)
        if 'holder' not in order:
            check_equal(host.tap('tap1', 'Lifetime'), "'ephemeral'", 'what lives on')
            host.run(['kill', '-9', pid], check=True)
        try:
            nothing_left(host, f'{" and ".join(order)} were killed, the {i + 1}. time')
        finally:
            program.finish()
