# SPDX-License-Identifier: LGPL-2.1-or-later
"""A new TAP is open to everybody until its owner is set; nobody is inside of one that was handed out."""

from host import IN_USE, Failure, check, check_equal, wait_until

BATCH = 100


def create_batch(host, prefix: str):
    """Makes PREFIX0 to PREFIX99. Where the racer got into each of 20 new devices of a name, tapd gives up on it and
    says InUse: that is asked for again."""
    missing = [f'{prefix}{i}' for i in range(BATCH)]
    for _ in range(50):
        # One command each: many by one command would be all or none.
        result = host.run('for name in %s; do tapctl create "$name" || [ $? = %d ] || exit; done' %
                          (' '.join(missing), IN_USE))
        if result.status != 0:
            raise Failure(str(result))
        there = set(host.taps())
        missing = [name for name in missing if name not in there]
        if not missing:
            return
    raise Failure(f'{len(missing)} of {BATCH} TAPs could not be made')


def race_batch(host, prefix: str, habit: str) -> int:
    """How often the racer got in; it must not have seen any harm."""
    racer = host.start(['/usr/local/lib/tapd-tests/racer', prefix, str(BATCH), habit], user='nobody')
    check_equal(racer.line(), 'racing', 'the racer')
    create_batch(host, prefix)

    # It ends by itself when it has seen the last of them UP and is out of every device; before that it tells of harm.
    words = racer.line().split()
    check_equal((words[0], words[-2:]), ('intrusions', ['harm', '0']), f'what the racer saw: {" ".join(words)}')

    # Where it left a device behind, nobody sees but who counts them. What was thrown away goes in the background.
    wait_until('only what tapd lists to be there', lambda: sorted(host.links()) == sorted(['lo', *host.taps()]))
    for name, link in host.all_links().items():
        if name == 'lo':
            continue
        data = link['linkinfo']['info_data']
        check_equal((data['numqueues'], data['numdisabled'], data['persist'], data['group']), (0, 0, True, 'kvm'),
                    f'queues, detached queues, persistence and group of {name}')
    host.tapctl(None, 'delete', *host.taps())
    return int(words[1])


def race(host, creations: int, habit: str) -> tuple[int, int]:
    """How often the racer got in, and how often tapd found that somebody had."""
    before = int(host.manager('IntrusionCount'))
    intrusions = sum(race_batch(host, f'race{batch}-', habit) for batch in range(creations // BATCH))
    found = int(host.manager('IntrusionCount')) - before
    print(f'# {creations} creations: the racer got in {intrusions} times, tapd found {found} intrusions')
    check(intrusions > 0, 'the racer was never fast enough, so this showed nothing')
    return intrusions, found


def test_stay(host):
    """A nobody that races 1,000 creations is in no TAP that was handed out"""
    intrusions, found = race(host, 1000, 'stay')
    check_equal(found, intrusions, 'intrusions that tapd found')


def test_leave(host):
    """A nobody that gets in, makes the device persistent and leaves: it is thrown away, too"""
    intrusions, found = race(host, 300, 'leave')
    check(0 < found <= intrusions, f'found {found} of {intrusions}')
