#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs tests on a real systemd host and says what came of it in the Test Anything Protocol.

    run.py [MODULE[.TEST]...]       as "session" or "session.second_member"; without any: all
    run.py --on MACHINE ...         on that kind of machine only, whatever the modules say
    run.py --list                   the modules, each with the kinds of machines it is for, a line for each of them

A test module is test_MODULE.py, a test a function test_* that takes the host, its name the first line of its
documentation. The tests of a module share one host, which the runner cleans between them; HOST in a module are the
arguments of that Host, and MACHINES the kinds of machines that its tests run on, of those in host.py: a 'container',
which is quick, has the kernel of this machine, and is what a module without MACHINES runs on; a 'guest' has Debian's.
The hosts run the Debian package of the tree (package.py); the programs that play the guests are of the meson build
folder that TAPD_BUILD names.
"""

import importlib
import os
import pathlib
import signal
import sys
import traceback

FOLDER = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER))

import host as host_module  # noqa: E402
import root  # noqa: E402


def modules() -> list[str]:
    return sorted(path.stem.removeprefix('test_') for path in FOLDER.glob('test_*.py'))


def machines(module: str) -> tuple[str, ...]:
    return getattr(importlib.import_module('test_' + module), 'MACHINES', ('container',))


def select(arguments: list[str]) -> dict[str, list]:
    """The modules and their tests that were asked for."""
    chosen = {}
    for argument in arguments or modules():
        name, _, test = argument.partition('.')
        if name not in modules():
            sys.exit(f'no test module "{name}"; there are: {", ".join(modules())}')
        module = importlib.import_module('test_' + name)
        tests = [f for key, f in vars(module).items()
                 if key.startswith('test_') and callable(f) and f.__module__ == module.__name__]
        if test:
            tests = [f for f in tests if f.__name__ == 'test_' + test]
            if not tests:
                sys.exit(f'no test "{test}" in {name}')
        chosen.setdefault(name, []).extend(tests)

    return chosen


def find_missing(kinds: set[str]) -> dict[str, str]:
    """Why there is none of a kind of machines on this one, for those that there are not."""
    missing = {}
    for kind in sorted(kinds):
        try:
            host_module.MACHINES[kind].provide()
        except root.Unavailable as reason:
            comment(str(reason))
            missing[kind] = str(reason).splitlines()[0]
    return missing


def title(test) -> str:
    return (test.__doc__ or test.__name__.removeprefix('test_').replace('_', ' ')).strip().splitlines()[0].rstrip('.')


def comment(text: str):
    for line in text.rstrip('\n').splitlines():
        print('# ' + line)


class Report:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def line(self, good: bool, name: str, directive=''):
        self.number += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.number} - {name.replace("#", "no.")}{directive}', flush=True)


def diagnose(host, error: BaseException, since: str):
    """What a person wants to see who was not there."""
    if isinstance(error, host_module.Failure):
        where = [frame for frame in traceback.extract_tb(error.__traceback__) if 'test_' in frame.filename]
        comment(''.join(f'{pathlib.Path(f.filename).name}:{f.lineno}: {f.line}\n' for f in where) + str(error))
    else:
        comment(''.join(traceback.format_exception(error)))

    comment('--- commands of this test')
    for result in host.log[-30:]:
        text = str(result)
        comment(text if len(text) < 2000 else text[:2000] + ' …')
    if host.running:
        comment('--- journal')
        comment(host.journal(f'--since={since}', '-u', 'tapd', '-u', 'polkit', '-u', 'dbus', lines=40))
        comment('--- devices')
        comment(host.run(['ip', '-details', 'link']).out)


def run_test(host, test):
    """Runs one; in the end the host is clean, and tapd is the one that was there before, if the test does not say
    that it restarts it: Restart= would hide a crash."""
    host.sync()
    starts = host.daemon_starts()
    test(host)
    if not getattr(test, 'restarts', False):
        host_module.check_equal(host.daemon_starts(), starts, 'tapd was started again in this test')
    host.reset()


def run_module(report: Report, name: str, tests: list, kind: str):
    module = importlib.import_module('test_' + name)
    label = name if kind == 'container' else f'{name} [{kind}]'
    done = 0
    try:
        with host_module.MACHINES[kind](**getattr(module, 'HOST', {})) as host:
            host.boot()
            for test in tests:
                since = host.run(['date', '+%F %T'], check=True).out.strip()
                host.log.clear()
                done += 1
                try:
                    run_test(host, test)
                except host_module.Skip as reason:
                    report.line(True, f'{label}: {title(test)}', f' # SKIP {reason}')
                    host.reset()
                except Exception as error:
                    report.line(False, f'{label}: {title(test)}')
                    diagnose(host, error, since)
                    host.renew()
                    host.reset()
                else:
                    report.line(True, f'{label}: {title(test)}')
    except Exception as error:
        comment(''.join(traceback.format_exception(error)))
        report.failed += 1
        for test in tests[done:]:
            report.line(False, f'{label}: {title(test)} (no host)')


def stop(number, frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    arguments = sys.argv[1:]
    if arguments == ['--list']:
        print(*(f'{name} {kind}' for name in modules() for kind in machines(name)), sep='\n')
        return 0
    only = None
    if arguments[:1] == ['--on'] and arguments[1:2] and arguments[1] in host_module.MACHINES:
        only, arguments = arguments[1], arguments[2:]
    if any(a.startswith('-') for a in arguments):
        print(__doc__)
        return 0 if arguments == ['--help'] or arguments == ['-h'] else 2

    if not os.environ.get('TAPD_BUILD'):
        sys.exit('TAPD_BUILD does not name a meson build folder')
    runs = [(name, tests, kind) for name, tests in select(arguments).items()
            for kind in ((only,) if only else machines(name))]
    report = Report()
    # What a host is made of: where it cannot be had, no test ran, and that is said before the plan.
    missing = find_missing({kind for _, _, kind in runs})
    if all(kind in missing for _, _, kind in runs):
        print(f'1..0 # SKIP no test host: {next(iter(missing.values()))}')
        return 0

    print(f'1..{sum(len(tests) for _, tests, _ in runs)}', flush=True)
    for name, tests, kind in runs:
        if kind in missing:
            for test in tests:
                report.line(True, f'{name} [{kind}]: {title(test)}', f' # SKIP no test host: {missing[kind]}')
        else:
            run_module(report, name, tests, kind)

    return 1 if report.failed else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt as interrupt:
        print(f'Bail out! {interrupt}', flush=True)
        os._exit(1)
