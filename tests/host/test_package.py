# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package: it comes, is replaced and goes on a running host, and the TAPs do not notice."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import package
import root
from frames import frame
from host import Host, check, check_equal, restarts
from test_crash import Patchwork

PACKAGE = '/root/tapd.deb'

# For each thing that the package is to bring.
CONTENTS = {
    '/usr/libexec/tapd', '/usr/libexec/tapd-bridge-helper', '/usr/bin/tapctl', '/usr/lib/tapd/tapd.conf', '/etc/tapd',
    '/usr/share/dbus-1/system.d/org.tapd1.conf', '/usr/share/dbus-1/system-services/org.tapd1.service',
    '/usr/share/dbus-1/interfaces/org.tapd1.Manager.xml', '/usr/share/dbus-1/interfaces/org.tapd1.Tap.xml',
    '/usr/share/polkit-1/actions/org.tapd1.policy', '/usr/share/polkit-1/rules.d/60-tapd.rules',
    '/lib/systemd/system/tapd.service', '/lib/systemd/system/tapd-ovs.service', '/lib/systemd/system/tapd-ovs.socket',
    '/usr/lib/sysusers.d/tapd.conf', '/usr/lib/systemd/catalog/tapd.catalog',
    '/usr/share/man/man1/tapctl.1.gz', '/usr/share/man/man5/tapd.conf.5.gz', '/usr/share/man/man5/tapd.tap.5.gz',
    '/usr/share/man/man8/tapd.8.gz', '/usr/share/man/man8/tapd-bridge-helper.8.gz',
    '/usr/share/bash-completion/completions/tapctl',
    '/usr/share/doc/tapd/changelog.gz', '/usr/share/doc/tapd/copyright',
    *(f'/usr/share/doc/tapd/examples/{name}' for name in ('hot-plug.py', 'manager.c', 'manager.py')),
}

# What dpkg, systemd and logins write in any case, and nothing of it is tapd's.
OTHERS = ('/dev', '/proc', '/sys', '/run', '/tmp', '/var/tmp', '/var/cache', '/var/log', '/var/lib/dpkg',
          '/var/lib/systemd/catalog', '/etc/passwd-', '/etc/group-', '/etc/shadow-', '/etc/gshadow-', '/etc/.pwd.lock')

# In the place of systemctl, where nothing may be started; what it does with --root it does to files.
STUB = '''
mkdir /stub
cat >/stub/systemctl <<"END"
#!/bin/sh
case "$1" in --root=*) exec /usr/bin/systemctl "$@" ;; esac
echo "$@" >>/called
END
chmod 755 /stub/systemctl
export PATH=/stub:$PATH
'''


@contextlib.contextmanager
def plain_host():
    """A running host that never had tapd, and the package on its disk."""
    with Host(installed=False) as host:
        host.copy(package.deb(), PACKAGE, 0o644)
        host.boot()
        yield host


@contextlib.contextmanager
def newer(host, version: str):
    """A package of a later version on the host's disk; in the end the host has the one it had before."""
    with tempfile.TemporaryDirectory(prefix='tapd-package-') as folder:
        host.copy(package.with_version(package.deb(), version, pathlib.Path(folder)), PACKAGE, 0o644)
    try:
        yield
    finally:
        host.run('systemctl unmask --quiet tapd.service; systemctl enable --quiet tapd.service', check=True)
        install(host, package.deb())


def install(host, deb: pathlib.Path):
    host.copy(deb, PACKAGE, 0o644)
    host.run(['dpkg', '--install', PACKAGE], check=True)


def installed_version(host) -> str:
    return host.run(['dpkg-query', '--show', '--showformat=${Version}', 'tapd'], check=True).out


def unit(host, key: str) -> str:
    return host.run(['systemctl', 'show', '--value', f'--property={key}', 'tapd.service'], check=True).out.strip()


def records(host) -> str:
    return host.run('find /run/tapd -type f -exec sha256sum {} + | sort', check=True).out


def files(host) -> set[str]:
    """All that is on the host's disk, but for what others write."""
    found = host.run(['find', '/', '-xdev'], check=True).out.splitlines()
    return {path for path in found if not any(path == other or path.startswith(other + '/') for other in OTHERS)}


def test_contents(host):
    """The package brings the daemon, the client, and all that the bus, polkit, systemd and a person need of them"""
    with tempfile.TemporaryDirectory(prefix='tapd-package-') as folder:
        subprocess.run(['dpkg-deb', '--extract', str(package.deb()), folder], check=True)
        found = {'/' + str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob('*')}
        check_equal(CONTENTS - found, set(), 'not in the package')
        for path in pathlib.Path(folder).rglob('*'):
            status = path.lstat()
            check_equal((status.st_uid, status.st_gid, status.st_mode & 0o7022), (0, 0, 0), f'owner and mode of {path}')


def test_version(host):
    """The version of the package is that of the programs"""
    check_equal(host.tapctl(None, '--version').out.split(), ['tapctl', installed_version(host)], 'tapctl --version')
    check_equal(host.manager('Version'), f"'{installed_version(host)}'", 'Version on the bus')


def test_install(host):
    """Installing it on a running host: it runs at once, and a member of kvm creates a TAP"""
    with plain_host() as plain:
        # polkit is there already, and has to see the new rule.
        plain.run(['systemctl', 'start', 'polkit.service'], check=True)
        check_equal(plain.run(['getent', 'passwd', 'tapd']).out, '', 'the user tapd before')
        plain.run(['apt-get', '--quiet=2', '--yes', 'install', PACKAGE], check=True)
        check_equal(plain.tapctl('alice', '--no-ask-password', 'create', 'tap1').out, 'tap1\n', 'create')
        check_equal((unit(plain, 'ActiveState'), unit(plain, 'UnitFileState')), ('active', 'enabled'), 'tapd.service')
        # Where the bus did not know the user yet, tapd could not have its name, and had to be started again.
        check_equal(unit(plain, 'NRestarts'), '0', 'starts that failed')
        check_equal(plain.run('stat -c "%U:%G %a" /etc/tapd', check=True).out, 'root:root 755\n', '/etc/tapd')
        check_equal(plain.run('find /etc/systemd -name "tap@*"', check=True).out, '', 'instances of a template')
        check_equal(plain.run(['systemctl', 'is-system-running']).out, 'running\n', 'the host')


@restarts
def test_upgrade(host):
    """A new version while guests pass frames: same devices, same creator, same quota"""
    patchwork = Patchwork(host)
    before, pid = records(host), host.daemon_pid()
    with newer(host, '99.1'):
        upgrade = host.start(['dpkg', '--install', PACKAGE])
        while upgrade.running():
            patchwork.pass_frames()
        check_equal(upgrade.finish().status, 0, 'the exit status of dpkg')
        check_equal(installed_version(host), '99.1', 'the version that is installed')
        host.daemon_ready(other_than=pid)
        patchwork.pass_frames()
        patchwork.check_known()
        check_equal(host.status('tap1')['State'], 'ready', 'State')
        check_equal(records(host), before, 'the records')
    patchwork.check_untouched()


@restarts
def test_again(host):
    """The same version once more: the same"""
    patchwork = Patchwork(host)
    before, pid = records(host), host.daemon_pid()
    install(host, package.deb())
    host.daemon_ready(other_than=pid)
    patchwork.pass_frames()
    patchwork.check_known()
    patchwork.check_untouched()
    check_equal(records(host), before, 'the records')


@restarts
def test_remove(host):
    """Without the package the TAPs stay and pass frames; installed again, it knows them"""
    patchwork = Patchwork(host)
    before, status = records(host), host.status('tap2')
    try:
        host.run(['dpkg', '--remove', 'tapd'], check=True)
        patchwork.pass_frames()
        check(host.run(['sh', '-c', 'command -v tapctl']).status != 0, 'tapctl is still there')
        check_equal(host.daemon_pid(), 0, 'the pid of tapd')
        check(not host.path('/usr/lib/tapd').exists(), '/usr/lib/tapd is still there')
        check_equal(records(host), before, 'the records')
    finally:
        install(host, package.deb())
    check_equal((unit(host, 'ActiveState'), unit(host, 'UnitFileState')), ('active', 'enabled'), 'tapd.service')
    patchwork.pass_frames()
    patchwork.check_known()
    patchwork.check_untouched()
    check_equal(records(host), before, 'the records')
    for key in ('CreatorUID', 'CreatedUSec', 'State', 'Ifindex'):
        check_equal(host.status('tap2')[key], status[key], key)


@restarts
def test_called_on_removal(host):
    """Called after it was stopped for its removal, it does not stay"""
    script = host.path('/var/lib/dpkg/info/tapd.prerm')
    script.write_text(script.read_text() + '\ntapctl list\nsystemctl is-active tapd.service >/var/tmp/called\n')
    try:
        host.run(['dpkg', '--remove', 'tapd'], check=True)
        check_equal(host.path('/var/tmp/called').read_text(), 'active\n', 'tapd.service after that call')
        check_equal(host.daemon_pid(), 0, 'the pid of tapd')
        check(not host.path('/run/tapd-ovs/db.sock').exists(), 'its way to Open vSwitch stays')
    finally:
        install(host, package.deb())


def test_purge(host):
    """Purged, it leaves nothing but its user, the TAPs, and what an administrator wrote"""
    with plain_host() as plain:
        before = files(plain)
        plain.run(['dpkg', '--install', PACKAGE], check=True)
        plain.run('echo "[Defaults]" >/etc/tapd/tapd.conf', check=True)
        plain.tapctl('alice', 'create', 'tap1')
        queue = plain.queue('alice', 'tap1')
        plain.run(['dpkg', '--purge', 'tapd'], check=True)
        queue.send(frame(1, 'after the purge'))
        check_equal(files(plain) - before, {'/etc/tapd', '/etc/tapd/tapd.conf'}, 'left behind')
        for path in ('/run/tapd', '/run/tapd-ovs', '/var/lib/tapd', '/usr/lib/tapd'):
            check(not plain.path(path).exists(), f'{path} is still there')

        plain.run(['dpkg', '--install', PACKAGE], check=True)
        plain.run(['rm', '/etc/tapd/tapd.conf'], check=True)
        plain.run(['dpkg', '--purge', 'tapd'], check=True)
        check_equal(files(plain) - before, set(), 'left behind without a file of an administrator')
        check_equal(before - files(plain), set(), 'taken away')
        check(plain.run(['id', 'tapd']).status == 0, 'its user is gone')


@restarts
def test_masked(host):
    """Who masked or disabled and stopped tapd still has it so after an upgrade"""
    with newer(host, '99.2'):
        for verb, state in (('mask', 'masked'), ('disable', 'disabled')):
            host.run(['systemctl', verb, '--quiet', '--now', 'tapd.service'], check=True)
            host.run(['dpkg', '--install', PACKAGE], check=True)
            check_equal((unit(host, 'ActiveState'), unit(host, 'UnitFileState')), ('inactive', state), verb)
            host.run(['systemctl', 'unmask', '--quiet', 'tapd.service'], check=True)
        check_equal(installed_version(host), '99.2', 'the version that is installed')
    check_equal(unit(host, 'ActiveState'), 'active', 'tapd.service in the end')


def test_chroot(host):
    """Into a system that does not run, it is installed and enabled, and nothing is started"""
    with tempfile.TemporaryDirectory(prefix='.package-', dir=root.cache()) as folder:
        layer = pathlib.Path(folder) / 'layer'
        layer.mkdir()
        shutil.copy(package.deb(), layer / 'tapd.deb')
        root.in_overlay(root.debian(), layer, STUB + 'dpkg --install /tapd.deb')
        check(not (layer / 'called').exists(), 'systemctl was called')
        check('\ntapd:' in (layer / 'etc/passwd').read_text(), 'no user tapd')
        check('\nkvm:' in (layer / 'etc/group').read_text(), 'no group kvm')
        wanted = layer / 'etc/systemd/system/multi-user.target.wants/tapd.service'
        check_equal(os.readlink(wanted), '/lib/systemd/system/tapd.service', 'what the boot starts')


def test_reproducible(host):
    """Built again, in another folder and for somebody with another umask, it is the same to the byte"""
    with tempfile.TemporaryDirectory(prefix='tapd-package-') as folder:
        source = pathlib.Path(folder) / 'another' / 'tree'
        before = os.umask(0o077)
        try:
            package.export(source)
            package.build(source, pathlib.Path(folder))
        finally:
            os.umask(before)
        again = next(pathlib.Path(folder).glob('tapd_*.deb'))
        check_equal(root.file_digest(again), root.file_digest(package.deb()), 'the digest of the package')
