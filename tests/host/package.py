# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package that a host runs, built from the tree as it is now: what is not committed is in it, too.

It is kept under what it was made of, so that each state of the sources is built once.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import root

SOURCE = pathlib.Path(__file__).resolve().parents[2]

# No part of the package, and left out of what it is built from: a change of a test builds no new one.
BESIDE = {'.ci', 'README.md', 'tests', 'tools'}

BUILD = ['dpkg-buildpackage', '--no-sign', '--build=binary']
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'}


def sources() -> list[pathlib.Path]:
    """The files of the tree, by their names in it."""
    listed = subprocess.run(['git', '-c', 'safe.directory=*', '-C', str(SOURCE), 'ls-files', '-z', '--cached',
                             '--others', '--exclude-standard'], capture_output=True, text=True) \
        if shutil.which('git') and (SOURCE / '.git').exists() else None
    if listed and listed.returncode == 0:
        names = map(pathlib.Path, filter(None, listed.stdout.split('\0')))
    else:
        # No checkout: what is there was unpacked, and at worst something else lies about in it.
        names = (path.relative_to(SOURCE) for path in SOURCE.rglob('*'))

    # git also lists what was deleted and not committed.
    return sorted(name for name in names if name.parts[0] not in BESIDE and (SOURCE / name).is_file())


def export(target: pathlib.Path) -> str:
    """Copies the sources; gives what they are, in short. Of the copy: the tree may change while this goes on."""
    summary = []
    for name in sources():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SOURCE / name, copy)
        executable = os.access(SOURCE / name, os.X_OK)
        copy.chmod(0o755 if executable else 0o644)
        summary.append(f'{name} {executable} {root.file_digest(copy)}')
    return root.digest(*summary)


def build(source: pathlib.Path, target: pathlib.Path):
    """Builds the package of an exported tree, and puts it into the folder target."""
    done = subprocess.run(BUILD, cwd=source, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace')
    if done.returncode != 0:
        last = '\n'.join(done.stdout.strip().splitlines()[-60:])
        raise RuntimeError(f'{" ".join(BUILD)} failed:\n{last}')
    for deb in source.parent.glob('tapd_*.deb'):
        shutil.copyfile(deb, target / deb.name)


def deb() -> pathlib.Path:
    """The package."""
    root.demand('dpkg-buildpackage', 'dpkg-deb')
    with tempfile.TemporaryDirectory(prefix='tapd-package-') as folder:
        source = pathlib.Path(folder) / 'source'
        state = export(source)

        def fill(work: pathlib.Path):
            print('# building the Debian package', file=sys.stderr, flush=True)
            build(source, work)

        # What compiles it, and against what, is in the list of this machine's packages.
        tools = root.file_digest(pathlib.Path('/var/lib/dpkg/status'))
        kept = root.kept('package', root.digest(state, tools, *BUILD, *ENVIRONMENT.values()), fill)
    return next(kept.glob('tapd_*.deb'))


def with_version(package: pathlib.Path, version: str, folder: pathlib.Path) -> pathlib.Path:
    """The same with another version, in that folder."""
    target = folder / f'tapd_{version}.deb'
    with tempfile.TemporaryDirectory(dir=folder) as tree:
        subprocess.run(['dpkg-deb', '--raw-extract', str(package), tree], check=True)
        control = pathlib.Path(tree, 'DEBIAN/control')
        lines = control.read_text().splitlines(keepends=True)
        control.write_text(''.join(f'Version: {version}\n' if line.startswith('Version:') else line
                                   for line in lines))
        subprocess.run(['dpkg-deb', '--root-owner-group', '-Zgzip', '-z1', '--build', tree, str(target)], check=True,
                       stdout=subprocess.DEVNULL)
    return target
