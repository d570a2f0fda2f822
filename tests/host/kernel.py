# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's own kernel for guests (guest.py), and the disks that they boot from.

A guest has the trees of root.py as disks that it cannot write to, one each, so that a new package of tapd costs a disk
of its own few files and no more. Its first process, of an initrd that has little else, lays them over one another.
"""

import pathlib
import platform
import shutil
import subprocess
import tempfile

import root

PACKAGES = ['linux-image-cloud-amd64', 'busybox-static']

# What the first process needs to find the disks and to lay them over one another, and the port of agent.c; the guest's
# udev loads what else there is for.
DRIVERS = ['virtio_pci', 'virtio_blk', 'overlay', 'virtio_console']

# The disks are in the order in which they lie over one another; the last is the guest's own, for all the others.
INIT = '''#!/bin/sh -e
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in /modules/*; do insmod $module; done
own=
for disk in /dev/vd?; do
    lower=$lower${lower:+:}$own
    own=/disks/${disk#/dev/}
    mkdir -p $own
    mount -t ext4 -o ro $disk $own
done
mount -o remount,rw $own
mount -t overlay -o lowerdir=$lower,upperdir=$own/upper,workdir=$own/work overlay /root
mount --move /dev /root/dev
mount --move /proc /root/proc
exec switch_root /root /sbin/init
'''
APPLETS = ['sh', 'mount', 'insmod', 'mkdir', 'switch_root']


def demand():
    """What a guest needs of this machine, or root.Unavailable."""
    if platform.machine() != 'x86_64':
        raise root.Unavailable(f'the guests have a kernel for x86_64, and this machine is {platform.machine()}')
    root.demand('qemu-system-x86_64', 'mke2fs', 'setpriv')


def call(*argv: str, cwd=None, stdout=subprocess.DEVNULL):
    done = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
                          errors='replace')
    if done.returncode != 0:
        raise RuntimeError(f'{argv[0]}: {done.stderr.strip()}')


def order(modules: pathlib.Path, names: list[str]) -> list[pathlib.Path]:
    """The files of these modules and of all that they need, the needed first."""
    needs = {}
    for line in (modules / 'modules.dep').read_text().splitlines():
        path, _, needed = line.partition(':')
        needs[pathlib.Path(path).stem] = [*reversed(needed.split()), path]
    return [modules / path for path in dict.fromkeys(path for name in names for path in needs[name])]


def make_initrd(target: pathlib.Path, modules: pathlib.Path, busybox: pathlib.Path, drivers: list[str], init: str,
                applets: list[str]):
    """Packs busybox as these applets, these modules with all that they need, in the order of loading, and init."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work = pathlib.Path(folder)
        for name in ('bin', 'dev', 'disks', 'modules', 'proc', 'root', 'sys'):
            (work / name).mkdir()
        shutil.copy(busybox, work / 'bin/busybox')
        for applet in applets:
            (work / 'bin' / applet).symlink_to('busybox')
        for number, module in enumerate(order(modules, drivers)):
            shutil.copy(module, work / f'modules/{number:02}-{module.name}')
        (work / 'init').write_text(init)
        (work / 'init').chmod(0o755)
        with open(target, 'wb') as archive:
            call('sh', '-euc', 'find . | bin/busybox cpio -o -H newc', cwd=work, stdout=archive)


def fill(work: pathlib.Path):
    extracted = work / 'extracted'
    root.debootstrap(extracted, 'extract', PACKAGES)
    modules, = extracted.glob('lib/modules/*')
    call('chroot', str(extracted), 'depmod', modules.name)
    shutil.copy(extracted / 'bin/busybox', work / 'busybox')
    make_initrd(work / 'initrd', modules, work / 'busybox', DRIVERS, INIT, APPLETS)
    shutil.move(extracted / f'boot/vmlinuz-{modules.name}', work / 'vmlinuz')

    # Laid under Debian, where /lib and /sbin are links into /usr.
    tree = work / 'tree'
    for old, new in ((f'lib/modules/{modules.name}', 'usr/lib/modules'), ('bin/kmod', 'usr/bin')):
        (tree / new).mkdir(parents=True)
        shutil.move(extracted / old, tree / new)
    (tree / 'usr/sbin').mkdir()
    for command in ('depmod', 'insmod', 'modprobe', 'rmmod'):
        (tree / 'usr/sbin' / command).symlink_to('../bin/kmod')

    shutil.rmtree(extracted)


def recipe() -> str:
    return root.digest(pathlib.Path(__file__).read_text())


def kernel() -> pathlib.Path:
    """The folder of the kernel: vmlinuz, initrd, a static busybox, and the tree with its modules."""
    demand()
    return root.weekly('kernel', "Debian's own kernel for guests", recipe(), fill)


def modules() -> pathlib.Path:
    """The folder of its modules."""
    found, = (kernel() / 'tree/usr/lib/modules').iterdir()
    return found


def make_disk(target: pathlib.Path, tree: pathlib.Path, *options: str):
    """Makes an ext4 file system of a folder, with room for more; the file is sparse."""
    used = subprocess.run(['du', '--summarize', '--block-size=1M', str(tree)], capture_output=True, text=True,
                          check=True).stdout.split()[0]
    call('mke2fs', '-q', '-t', 'ext4', '-d', str(tree), '-m', '0', *options, str(target), f'{2 * int(used) + 2048}M')


def disk(tree: pathlib.Path) -> pathlib.Path:
    """The disk of a tree of root.py, for reading only."""
    name = tree.relative_to(root.cache())
    kept = root.kept(f'{name.parts[0]}-disk', root.digest(str(name), recipe()),
                     lambda work: make_disk(work / 'disk', tree, '-O', '^has_journal'))
    return kept / 'disk'
