# SPDX-License-Identifier: LGPL-2.1-or-later
"""tapd on a host whose udev runs, which most have."""

from host import check, check_equal, wait_until

HOST = {'udev': True}


def test_address(host):
    """udev leaves the MAC address as tapd set it"""
    created = host.create('alice', 'tap1')
    check_equal(created.error, '', str(created))
    told = host.tap('tap1', 'MACAddress')
    host.run(['udevadm', 'settle'], check=True)
    check_equal(f"'{host.link('tap1')['address']}'", told, 'the address after udev is done')
    # NET_ADDR_SET: somebody chose it, and udev's MACAddressPolicy= is for the others.
    check_equal(host.run(['cat', '/sys/class/net/tap1/addr_assign_type'], check=True).out, '3\n', 'addr_assign_type')


def test_device_unit(host):
    """systemd has a unit for the device for as long as it is there"""
    unit = 'sys-subsystem-net-devices-tap1.device'

    def state() -> str:
        return host.run(['systemctl', 'is-active', unit]).out.strip()

    host.tapctl('alice', 'create', 'tap1')
    wait_until(f'{unit} to be active', lambda: state() == 'active')
    host.tapctl('alice', 'delete', 'tap1')
    wait_until(f'{unit} to be gone', lambda: state() == 'inactive')


def test_declared_device_unit(host):
    """So has a declared TAP, and what is bound to it stops when the device is taken away"""
    unit = 'sys-subsystem-net-devices-tap1.device'
    host.run(f"""mkdir -p /etc/tapd/taps.d; printf '[Tap]\\nName=tap1\\n' >/etc/tapd/taps.d/tap1.tap
                 printf '[Unit]\\nBindsTo={unit}\\nAfter={unit}\\n[Service]\\nExecStart=sleep infinity\\n' \\
                     >/run/systemd/system/bound.service
                 systemctl daemon-reload; systemctl reload tapd.service""", check=True)
    host.run(['systemctl', 'start', 'bound.service'], check=True)
    check_equal(host.run(['systemctl', 'is-active', unit]).out, 'active\n', unit)
    host.run('rm /etc/tapd/taps.d/tap1.tap; systemctl reload tapd.service', check=True)
    wait_until('the unit to stop', lambda: host.run(['systemctl', 'is-active', 'bound.service']).out == 'inactive\n')
    check(host.link('tap1') is None, 'tap1 is still there')
    host.run('rm /run/systemd/system/bound.service; systemctl daemon-reload', check=True)
