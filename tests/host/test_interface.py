# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface on the bus: it is what dbus/ says, and whoever may nothing can do nothing."""

import pathlib
import xml.etree.ElementTree as ElementTree

from host import BUS_NAME, MANAGER, OBJECT, OWN_ERROR, STANDARD_ERROR, TAP, check, check_equal

CONTRACT = pathlib.Path(__file__).resolve().parents[2] / 'dbus'
TAP_OBJECT = OBJECT + '/tap/tap1'
EMITS = 'org.freedesktop.DBus.Property.EmitsChangedSignal'

# Everything else writes.
READERS = {MANAGER + '.GetTap', MANAGER + '.ListTaps', TAP + '.GetStatistics',
           'org.freedesktop.DBus.Introspectable.Introspect', 'org.freedesktop.DBus.ObjectManager.GetManagedObjects',
           'org.freedesktop.DBus.Properties.Get', 'org.freedesktop.DBus.Properties.GetAll',
           'org.freedesktop.DBus.Peer.Ping', 'org.freedesktop.DBus.Peer.GetMachineId'}

REFUSALS = {STANDARD_ERROR + 'AccessDenied', STANDARD_ERROR + 'InteractiveAuthorizationRequired',
            STANDARD_ERROR + 'PropertyReadOnly'}

# An argument that would be right, for each name or else each type.
ARGUMENTS = {'name': '"tap1"', 'switch': '"br0"', 'names': '["tap1"]', 'as': '["tap1"]', 'b': 'true', 's': '"tap1"',
             'u': 'uint32 1', 'a{sv}': '@a{sv} {}', 'a(sa{sv})': '[("tap2", @a{sv} {})]', 'v': '<"tap1">',
             'o': f'objectpath "{TAP_OBJECT}"'}


def introspect(host, path: str, user=None) -> dict[str, ElementTree.Element]:
    text = host.run(['gdbus', 'introspect', '--system', '--xml', '--dest', BUS_NAME, '--object-path', path], user=user,
                    check=True).out
    return {node.get('name'): node for node in ElementTree.fromstring(text[text.index('<node'):]).iter('interface')}


def annotations(node: ElementTree.Element) -> set:
    return {(a.get('name'), a.get('value')) for a in node.findall('annotation')} - {(EMITS, 'true')}


def described(interface: ElementTree.Element) -> set:
    """An interface as a set of facts, with the defaults of the format filled in."""
    facts = set()
    for member in interface:
        if member.tag in ('method', 'signal'):
            standard = 'in' if member.tag == 'method' else 'out'
            arguments = tuple((a.get('type'), a.get('name'), a.get('direction', standard))
                              for a in member.findall('arg'))
            facts.add((member.tag, member.get('name'), arguments, frozenset(annotations(member))))
        elif member.tag == 'property':
            facts.add(('property', member.get('name'), member.get('type'), member.get('access'),
                       frozenset(annotations(member))))
    return facts | {('annotation', *a) for a in annotations(interface)}


def test_introspection(host):
    """The live introspection equals the XML of the contract"""
    host.tapctl('alice', 'create', 'tap1')
    for path, name in ((OBJECT, MANAGER), (TAP_OBJECT, TAP)):
        live = introspect(host, path)[name]
        written = ElementTree.parse(CONTRACT / f'{name}.xml').getroot().find('interface')
        check_equal(written.get('name'), name, 'the interface of the file')
        missing, excess = described(written) - described(live), described(live) - described(written)
        check(not missing and not excess, f'{name}: only in dbus/: {missing}; only on the bus: {excess}')
        own = {i for i in introspect(host, path) if i.startswith(BUS_NAME)}
        check_equal(own, {name}, f'interfaces of {path}')


def calls(host):
    """Each method of each object that is there: path, name, its ingoing arguments."""
    for path in (OBJECT, TAP_OBJECT):
        for name, interface in introspect(host, path).items():
            for method in interface.findall('method'):
                yield (path, f'{name}.{method.get("name")}',
                       [a for a in method.findall('arg') if a.get('direction', 'in') == 'in'])


def test_nobody(host):
    """Every method that writes is refused to nobody"""
    host.tapctl('alice', 'create', 'tap1')
    host.run(['ip', 'link', 'add', 'br0', 'type', 'bridge'], check=True)
    before = host.dump('tap1')
    refused = 0
    for path, name, arguments in calls(host):
        if name in READERS or name.endswith('Properties.Set'):
            continue
        values = [ARGUMENTS.get(a.get('name')) or ARGUMENTS[a.get('type')] for a in arguments]
        if name in (MANAGER + '.CreateTap', MANAGER + '.CreateEphemeral', MANAGER + '.CreateForUnit'):
            values[0] = '"tap2"'
        for interactive in (False, True):
            reply = host.call('nobody', path, name, *values, interactive=interactive)
            check(reply.error in REFUSALS, f'{name} is not refused, or otherwise:\n{reply}')
            refused += 1
    check(refused > 0, 'no method was found')

    for interface, path in ((MANAGER, OBJECT), (TAP, TAP_OBJECT)):
        for node in introspect(host, path)[interface].findall('property'):
            check_equal(node.get('access'), 'read', f'access of {node.get("name")}')
            reply = host.call('nobody', path, 'org.freedesktop.DBus.Properties.Set', f'"{interface}"',
                              f'"{node.get("name")}"', '<"x">')
            check(reply.error in REFUSALS, f'Set {node.get("name")}:\n{reply}')

    check_equal(host.dump('tap1'), before, 'the dump of tap1')
    check_equal(host.links(), ['lo', 'tap1', 'br0'], 'devices')


def test_readers(host):
    """Reading is open to everybody"""
    host.tapctl('alice', 'create', 'tap1')
    for path, interface in ((OBJECT, MANAGER), (TAP_OBJECT, TAP)):
        check_equal(host.call('nobody', path, 'org.freedesktop.DBus.Properties.GetAll', f'"{interface}"').error, '',
                    f'GetAll of {interface}')
    for method, arguments in ((MANAGER + '.GetTap', ['"tap1"']), (MANAGER + '.ListTaps', []),
                              ('org.freedesktop.DBus.ObjectManager.GetManagedObjects', [])):
        reply = host.call('nobody', OBJECT, method, *arguments)
        check(not reply.error and 'tap1' in reply.text, f'{method}:\n{reply}')
    host.tapctl('nobody', 'list')
    host.tapctl('nobody', 'status', 'tap1')


def test_wrong_calls(host):
    """Wrong arguments and wrong objects get errors with names of the contract"""
    host.tapctl('alice', 'create', 'tap1')
    for user in ('alice', 'nobody', None):
        for path, name, arguments in calls(host):
            if not name.startswith(BUS_NAME):
                continue
            # A type that no method takes.
            reply = host.send(user, path, name, *['uint64:7'] * max(1, len(arguments)))
            check_equal(reply.error, STANDARD_ERROR + 'InvalidArgs', f'{name} with wrong arguments')
    for path in (OBJECT + '/tap/tap2', OBJECT + '/tap', OBJECT + '/tap/tap1/x', '/'):
        reply = host.call(None, path, TAP + '.Down')
        check(reply.error.startswith(STANDARD_ERROR + 'Unknown') or reply.error == OWN_ERROR + 'NoSuchTap', str(reply))
    for settings in ('{"User": <"alice">}', '{"Up": <1>}', '{"Kind": <"tup">}', '{"Description": <"a\\nb">}',
                     '{"Shared": <true>, "Shared": <true>}'):
        reply = host.create('alice', 'tap2', settings)
        check_equal(reply.error, STANDARD_ERROR + 'InvalidArgs', f'settings {settings}')
    check_equal(host.links(), ['lo', 'tap1'], 'devices')
