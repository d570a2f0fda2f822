# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hundreds of TAPs by one command, and what they cost."""

import re

from host import USAGE, check, check_equal, restarts, wait_until

NAMES = [f'tap{i}' for i in range(1, 401)]
GRANT = '[Grant many]\nUsers=alice\nNames=tap*\nTapsPerUser=1000\n'


def allow(host):
    host.run(f"mkdir -p /etc/tapd/tapd.conf.d; printf '{GRANT}' >/etc/tapd/tapd.conf.d/many.conf; "
             'systemctl restart tapd.service', check=True)


def trace(host, action):
    """The messages that tapd sends to the kernel while something is done."""
    tracer = host.start(['strace', '-f', '-qq', '-s', '300', '-e', 'trace=sendto,sendmsg', '-o', '/tmp/trace', '-p',
                         str(host.daemon_pid())])
    wait_until('strace to be attached', lambda: host.run(
        f'grep -q "^TracerPid:.[1-9]" /proc/{host.daemon_pid()}/status').status == 0)
    action()
    host.run('pkill -INT strace')
    tracer.finish()
    return host.run('cat /tmp/trace', check=True).out


@restarts
def test_400(host):
    """400 names are created by one call and deleted by one request, with one question each"""
    allow(host)
    made = []
    created = trace(host, lambda: made.append(host.tapctl('alice', 'create', *NAMES)))
    check_equal(made[0].out.split(), NAMES, 'names')
    check_equal(len(re.findall('CheckAuthorization', created)), 1, 'questions to polkit for 400 creations')
    check_equal(len(host.taps()), 400, 'TAPs')

    deleted = trace(host, lambda: host.tapctl('alice', 'delete', *NAMES))
    check_equal(len(re.findall('CheckAuthorization', deleted)), 1, 'questions to polkit for 400 deletions')
    check_equal(len(re.findall('RTM_DELLINK', deleted)), 1, 'requests to the kernel that delete')
    check_equal(host.links(), ['lo'], 'devices')


@restarts
def test_one_is_bad(host):
    """One bad name among them: nothing is created, and the error names it"""
    allow(host)
    refused = host.tapctl('alice', 'create', *NAMES[:50], 'bad.name', *NAMES[50:], status=USAGE)
    check('bad.name' in refused.err, refused.err)
    check_equal(host.links(), ['lo'], 'devices')


def kernel_memory(host) -> int:
    """KiB that the kernel has given out for itself. What MemFree lacks comes back late, and less is lacking the next
    time: of that nothing could be said in both orders."""
    text = host.run('echo 2 >/proc/sys/vm/drop_caches; cat /proc/meminfo', check=True).out
    field = {line.split(':')[0]: int(line.split()[1]) for line in text.splitlines()}
    return field['SUnreclaim'] + field['Percpu'] + field['VmallocUsed']


def cost(host, make, unmake) -> int:
    before = kernel_memory(host)
    make()
    after = kernel_memory(host)
    unmake()
    wait_until('the devices to be gone', lambda: host.links() == ['lo'])
    return after - before


@restarts
def test_memory(host):
    """100 multi-queue TAPs that are up cost a twentieth of what they cost when ip makes them, in either order"""
    allow(host)
    names = NAMES[:100]
    script = '; '.join(f'ip tuntap add mode tap dev {n} group kvm multi_queue; ip link set {n} up' for n in names)

    def ours():
        return cost(host, lambda: host.tapctl('alice', 'create', *names), lambda: host.tapctl('alice', 'delete', *names))

    def theirs():
        return cost(host, lambda: host.run(script, check=True),
                    lambda: host.run('; '.join(f'ip link del {n}' for n in names), check=True))

    figures = [ours(), theirs(), theirs(), ours()]
    print(f'# KiB of kernel memory for 100 TAPs: tapd {figures[0]}, ip {figures[1]}, ip {figures[2]}, tapd {figures[3]}')
    # What else the machine does can only add to a figure.
    check(min(figures[1:3]) > 20 * min(figures[0], figures[3]), f'KiB: tapd, ip, ip, tapd: {figures}')


@restarts
def test_storm(host):
    """500 foreign links that come and go: the list is the kernel's afterwards"""
    allow(host)
    host.tapctl('alice', 'create', *NAMES[:20])
    host.run('for i in $(seq 250); do ip link add v$i type veth peer name w$i; done; '
             'for i in $(seq 10); do ip link del tap$i; done; '
             'for i in $(seq 250); do ip link del v$i; done', check=True)
    wait_until('the list to be the kernel\'s',
               lambda: sorted(host.taps()) == sorted(n for n in host.links() if n != 'lo') and len(host.taps()) == 10)
