# SPDX-License-Identifier: LGPL-2.1-or-later
"""The file trees that a test host boots from, made once and kept.

debian() is a plain Debian 12 with what a small server has, and, for the tests that ask for them, with programs of
others that use TAPs, or with switches; installed() is a layer that lies over it: tapd, installed from its package, and
the people of the tests. Both are read only from then on: each host has a layer of its own on top of them (container.py,
guest.py).

TAPD_HOST_CACHE names the folder that keeps them; the default is ${XDG_CACHE_HOME:-/var/cache}/tapd-hosts.
"""

import contextlib
import datetime
import fcntl
import hashlib
import os
import pathlib
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile

SUITE = 'bookworm'
MIRROR = [('http://deb.debian.org/debian', SUITE),
          ('http://deb.debian.org/debian', f'{SUITE}-updates'),
          ('http://deb.debian.org/debian-security', f'{SUITE}-security')]

PACKAGES = [
    'systemd', 'systemd-sysv', 'udev', 'dbus', 'polkitd', 'libpam-systemd', 'sudo', 'passwd',
    'libmnl0', 'libsmartcols1', 'libsystemd0', 'libjansson4',
    'iproute2', 'iputils-ping', 'procps', 'strace', 'less', 'ncurses-bin', 'bash-completion',
    'ifupdown',
    'libglib2.0-bin',  # gdbus: the one bus client that prints the names of errors
]

# Programs of others that use TAPs, and a switch with VLANs for them; a root of its own, for they are as large as all
# the rest. Without libvirt's system daemon: it is the users' own that is used.
CONSUMERS = ('python3-dbus', 'python3-gi', 'qemu-system-x86', 'libvirt-daemon', 'libvirt-clients', 'openvswitch-switch')

# Open vSwitch, and OVN on top of it; another one.
SWITCHES = ('openvswitch-switch', 'ovn-central', 'ovn-host')

# How many trees of a kind are kept: for each root above this week's and an earlier one, and some for other checkouts.
KEEP = 8

# udev's package makes the group kvm; a minimal Debian has none. Without it here, every host proves that installing
# tapd makes it. What an interactive server does by the clock is not for a host that lives for seconds, and a machine
# id of its own keeps systemd from treating each boot as the first one.
FINISH = '''
groupdel kvm
systemd-machine-id-setup >/dev/null 2>&1
echo host >/etc/hostname
printf '127.0.0.1 localhost host\\n::1 localhost\\n' >/etc/hosts
rm -f /etc/resolv.conf /etc/apt/apt.conf.d/99mmdebstrap
systemctl mask --quiet console-getty.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \\
    e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-firstboot.service
printf 'PS1="\\\\u@\\\\h:\\\\w\\\\$ "\\n' >/etc/profile.d/prompt.sh
'''

# The people of the tests. carol's password is her name.
PEOPLE = '''
for name in alice bob; do useradd --create-home --shell /bin/bash --groups kvm $name; done
useradd --create-home --shell /bin/bash mallory
useradd --create-home --shell /bin/bash --groups sudo carol
echo carol:carol | chpasswd
useradd --system --no-create-home --home-dir /var/lib/libvirt --shell /usr/sbin/nologin --groups kvm libvirt-qemu
'''

# As with `apt install` while a system is made that has not booted yet.
INSTALL = '''
dpkg --force-unsafe-io --install /tapd.deb
rm /tapd.deb
'''

# $1: a cgroup, whose processes are to end.
END_CGROUP = '''
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd "/sys/fs/cgroup/$1" 2>/dev/null || exit 0
echo 1 >cgroup.kill 2>/dev/null || :
cd ..
for try in 1 2 3 4 5 6 7 8 9 10; do
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null && exit 0
    sleep 0.1
done
'''


class Unavailable(Exception):
    """This machine cannot have a test host; the text says why."""


def cache() -> pathlib.Path:
    configured = os.environ.get('TAPD_HOST_CACHE')
    folder = (pathlib.Path(configured) if configured
              else pathlib.Path(os.environ.get('XDG_CACHE_HOME') or '/var/cache') / 'tapd-hosts').absolute()
    if any(c in str(folder) for c in ':,\\'):
        raise Unavailable(f'overlayfs cannot take {folder}: a colon, comma or backslash in its name')
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(*parts: str) -> str:
    return hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:12]


def demand(*programs: str):
    """Root and programs, or Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable('it needs root')
    for program in programs:
        if not shutil.which(program):
            raise Unavailable(f'there is no {program} on this machine (tools/deps installs it)')


def file_digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def locked(path: pathlib.Path, operation=fcntl.LOCK_EX):
    """Holds a lock on a file, which need not exist; gives None where LOCK_NB was asked for and another holds it."""
    with open(path, 'a') as file:
        try:
            fcntl.flock(file, operation)
        except BlockingIOError:
            yield None
        else:
            yield file


def sources() -> str:
    """sources.list lines of the Debian mirror that this machine itself uses."""
    def ask():
        answer = subprocess.run(
            ['apt-get', 'indextargets', '--format', '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)',
             'Created-By: Packages'], capture_output=True, text=True)
        rows = [line.split('|') for line in answer.stdout.splitlines()]
        return sorted({(uri, release) for origin, uri, release, component in rows
                       if origin == 'Debian' and component == 'main'
                       and release in (SUITE, f'{SUITE}-updates', f'{SUITE}-security')})

    found = []
    if shutil.which('apt-get'):
        found = ask()
        if not found:
            # apt knows an archive's origin once it has its lists.
            subprocess.run(['apt-get', '--quiet=2', 'update'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            found = ask()
    if not any(release == SUITE for _, release in found):
        found = MIRROR

    return ''.join(f'deb {uri} {release} main\n' for uri, release in found)


def apt_options() -> list[str]:
    """How this machine's apt reaches its mirror: proxies, certificates, and whether it accepts an old archive."""
    wanted = ('proxy', 'verify-peer', 'verify-host', 'cainfo', 'check-valid-until', 'check-date', 'timeout')
    dump = subprocess.run(['apt-config', 'dump', 'Acquire'], capture_output=True, text=True).stdout
    return [f'--aptopt={line}' for line in dump.splitlines()
            if not line.endswith(' "";') and any(word in line.split()[0].lower() for word in wanted)]


def make(target: pathlib.Path, fill):
    """Makes target with fill(folder), at once or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix='.new-', dir=target.parent))
    try:
        work.chmod(0o755)
        fill(work)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def sweep(folder: pathlib.Path):
    """Removes what a killed run left half-made, and the trees that were not used for longest and that no host runs
    from. Under the lock of who makes them."""
    for left in folder.glob('.*'):
        shutil.rmtree(left, ignore_errors=True)

    trees = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in trees[KEEP:]:
        lock = old.with_name(old.name + '.lock')
        with locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as held:
            if held:
                shutil.rmtree(old, ignore_errors=True)
                lock.unlink(missing_ok=True)


def probe():
    """Unavailable where this machine does not let a host have what it needs."""
    demand('mmdebstrap', 'systemd-nspawn', 'unshare', 'nsenter', 'setpriv')
    script = 'umount -R /sys/fs/cgroup 2>/dev/null || :; mount -t cgroup2 cgroup2 /sys/fs/cgroup'
    done = subprocess.run(['unshare', '--mount', '--propagation', 'slave', '--net', 'sh', '-euc', script],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f'no namespaces or no cgroup2 for it: {done.stderr.strip()}')

    with tempfile.TemporaryDirectory(prefix='.probe-', dir=cache()) as folder:
        node = f'{folder}/tun'
        try:
            os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(10, 200))
            os.close(os.open(node, os.O_RDWR))
        except OSError as error:
            raise Unavailable(f'no TAPs on this machine: {error.strerror}') from None
        for name in ('lower', 'upper', 'work', 'root'):
            os.mkdir(f'{folder}/{name}')
        script = 'mount -t overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work,volatile" overlay "$1/root"'
        done = subprocess.run(['unshare', '--mount', '--propagation', 'private', 'sh', '-euc', script, 'sh', folder],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f'no overlayfs in {cache()} (TAPD_HOST_CACHE names another folder): '
                              f'{done.stderr.strip()}')


def cgroup(host: pathlib.Path) -> str:
    """The cgroup of a host, by its folder."""
    return f'tapd-{host.name}'


def end_cgroup(host: pathlib.Path):
    subprocess.run(['unshare', '--mount', '--propagation', 'slave', 'sh', '-euc', END_CGROUP, 'sh', cgroup(host)],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def new_host(locks: contextlib.ExitStack) -> pathlib.Path:
    """A folder for a host, locked for as long as it lives; those of runs that were killed are removed."""
    hosts = cache() / 'hosts'
    hosts.mkdir(exist_ok=True)
    with locked(cache() / 'hosts.lock'):
        for left in hosts.iterdir():
            with locked(left / 'lock', fcntl.LOCK_EX | fcntl.LOCK_NB) as held:
                if held:
                    end_cgroup(left)
                    shutil.rmtree(left, ignore_errors=True)

        folder = hosts / f'host-{secrets.token_hex(4)}'
        folder.mkdir()
        locks.enter_context(locked(folder / 'lock'))
        return folder


def debootstrap(target: pathlib.Path, variant: str, packages: list[str], *options: str):
    # In namespaces of its own: whatever happens to it, no process and no mount of it stays behind.
    command = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc',
               'mmdebstrap', '--quiet', '--mode=root', '--format=directory', '--variant=' + variant,
               '--include=' + ','.join(packages), *apt_options(), *options, SUITE]
    build = subprocess.run([*command, str(target), '-'], input=sources(), capture_output=True, text=True)
    if build.returncode != 0:
        last = '\n'.join(build.stderr.strip().splitlines()[-20:])
        raise Unavailable(f'mmdebstrap could not build Debian {SUITE} from the mirror:\n{last}')


def quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


def debian(more: tuple[str, ...] = ()) -> pathlib.Path:
    """The plain Debian, with more packages where they are named."""
    probe()
    packages = [*PACKAGES, *more]

    def fill(work: pathlib.Path):
        debootstrap(work, 'minbase', packages,
                    '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*',
                    '--dpkgopt=path-exclude=/usr/share/locale/*',
                    '--customize-hook=' + f'chroot "$1" sh -euc {quoted(FINISH)}')

    return weekly('debian', f'a Debian {SUITE} root', digest(SUITE, *packages, FINISH), fill)


def weekly(kind: str, what: str, recipe: str, fill) -> pathlib.Path:
    """The tree of that kind and recipe, built anew each week, so that the machines follow Debian's updates; where the
    mirror cannot be had, the last one that was."""
    folder = cache() / kind
    folder.mkdir(exist_ok=True)
    year, week, _ = datetime.date.today().isocalendar()
    target = folder / f'{SUITE}-{recipe}-{year}w{week:02}'

    with locked(cache() / f'{kind}.lock'):
        if not target.exists():
            print(f'# building {what} in {folder}, once a week', file=sys.stderr, flush=True)
            try:
                make(target, fill)
            except Unavailable as error:
                earlier = sorted(folder.glob(f'{SUITE}-{recipe}-????w??'))
                if not earlier:
                    raise
                print(f'# {error}\n# taking the one of {earlier[-1].name[-7:]} instead', file=sys.stderr, flush=True)
                target = earlier[-1]
            else:
                sweep(folder)
        os.utime(target)

    return target


def in_overlay(lower: pathlib.Path, layer: pathlib.Path, script: str):
    """Runs a shell script in a chroot of lower with layer over it; what it writes goes into layer."""
    with tempfile.TemporaryDirectory(prefix='.chroot-', dir=layer.parent) as work:
        for name in ('work', 'root'):
            os.mkdir(f'{work}/{name}')
        mount = 'mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3/work" overlay "$3/root"'
        done = subprocess.run(
            ['unshare', '--mount', '--propagation', 'private', 'sh', '-euc', f'{mount}\nchroot "$3/root" sh -euc "$4"',
             'sh', str(lower), str(layer), work, script],
            env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'},
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f'in a chroot of {lower.name}: {done.stderr.strip()}')


def meson_install(build: pathlib.Path, target: pathlib.Path):
    before = os.umask(0o022)
    try:
        done = subprocess.run(['meson', 'install', '-C', str(build), '--no-rebuild', '--quiet',
                               '--destdir', str(target)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    finally:
        os.umask(before)
    if done.returncode != 0:
        raise RuntimeError(f'meson install from {build}: {(done.stderr or done.stdout).strip()}')


def people(base: pathlib.Path) -> pathlib.Path:
    """The layer of a host where tapd was never installed: the group kvm and its people are there."""
    return layer('people', base, digest(PEOPLE), lambda folder: None, 'groupadd --system kvm\n' + PEOPLE)


def installed(base: pathlib.Path, deb: pathlib.Path) -> pathlib.Path:
    """The layer of a host where a package of tapd is installed."""
    probe()
    return layer('installed', base, digest(file_digest(deb), INSTALL, PEOPLE),
                 lambda folder: shutil.copy(deb, folder / 'tapd.deb'), INSTALL + PEOPLE)


def layer(kind: str, base: pathlib.Path, content: str, fill, script: str) -> pathlib.Path:

    def build(work: pathlib.Path):
        fill(work)
        in_overlay(base, work, script)

    return kept(kind, digest(base.name, content), build)


def kept(kind: str, name: str, fill) -> pathlib.Path:
    """The tree of that kind and name; fill(folder) makes it where it is not there yet."""
    folder = cache() / kind
    target = folder / name

    folder.mkdir(exist_ok=True)
    with locked(cache() / f'{kind}.lock'):
        if target.exists():
            os.utime(target)
        else:
            make(target, fill)
            sweep(folder)

    return target
