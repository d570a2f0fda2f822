#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keeps the floors of the code, and says what it found in the Test Anything Protocol.

    floors.py SOURCE

The daemon's sources stand on the floors that the comments "# floor N" of daemon/meson.build give them; includes point
to the same floor or down. The client knows nothing of the daemon but its values and, where it reads the configuration,
the readers; dbus knows nothing of either. Only those who talk to the kernel know its headers, only the edge reads
messages, and no file of the daemon has state but the log level.
"""

import pathlib
import re
import sys

# Where a file has to be, as far as it exists.
FLOORS = {
    'clock': 0, 'file': 0, 'json-frames': 0, 'log': 0, 'path-watch': 0, 'text': 0,
    'ovsdb': 1, 'rtnl': 1, 'spec': 1, 'tun': 1,
    'config': 2, 'link': 2, 'ovs-mirror': 2, 'ovs-transaction': 2, 'port': 2, 'port-bridge': 2, 'port-ovs': 2,
    'record': 2, 'tap': 2,
    'gate': 3, 'job': 3, 'manager': 3,
    'authz': 4, 'bus': 4, 'bus-manager': 4, 'bus-tap': 4, 'main': 4,
}
EDGE = 4

# netlink and ioctls: who includes these, and who may. The reaper and tap reach them through link.h.
KERNEL_HEADERS = re.compile(r'linux/(netlink|rtnetlink|if_link|if_tun|if_bridge|neighbour|pkt_sched|sockios)\.h$'
                            r'|libmnl/|sys/ioctl\.h$|net/if_arp\.h$')
KERNEL_FILES = {'link', 'port-bridge', 'rtnl', 'tun'}

# Taking a message apart; holding one, or answering it, is something else.
MESSAGE_READING = re.compile(
    r'\bsd_bus_message_(read\w*|enter_container|exit_container|peek_type|skip|at_end|verify_type|has_signature)\s*\(')

# Who may not know whom, whatever the floors.
STRANGERS = [
    ('port', 'tap'), ('port-bridge', 'tap'), ('port-ovs', 'tap'),
    ('tap', 'job'), ('tap', 'bus'),
]

# Who of the client reads the configuration, and with which headers of the daemon; none above the domain.
CONFIG_READERS = {'place.c', 'verb-cat.c', 'verb-verify.c'}
CONFIG_HEADERS = {'complaint.h', 'confdir.h', 'config.h', 'declaration.h'}
DOMAIN = 2

STATE = {('log.c', 'log_level')}

# What a name or a setting may be, and how a file is read; who writes what tapd is to read asks the same.
CONFIG_WRITERS = re.compile(r'(verb-)?import[\w-]*\.[ch]$|interfaces-file\.[ch]$')
VALUES = {'conffile.h', 'fault.h', 'file.h', 'name.h', 'spec.h', 'table.h'}

failures = 0
n_tests = 0


def report(name, complaints):
    """One test; it has failed where there is something to complain of."""
    global failures, n_tests
    n_tests += 1
    failures += bool(complaints)
    print(f'{"not ok" if complaints else "ok"} {n_tests} {name}')
    for complaint in complaints:
        print(f'# {complaint}')


def blank(match):
    """Blanks in the place of a comment or the contents of a string; the lines stay."""
    text = match.group()
    return '""' if text[0] in '"\'' else re.sub(r'[^\n]', ' ', text)


def strip(text):
    """A source without comments, strings and preprocessor lines."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.DOTALL)
    return re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', '', text, flags=re.MULTILINE)


def includes(path):
    """Pairs of line number and header, the latter with its quotes or angle brackets."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(<[^>]+>|"[^"]+")', line)
        if match:
            yield number, match.group(1)


def sources(folder):
    return sorted([*folder.glob('*.c'), *folder.glob('*.h')])


def listed_floors(build):
    """From the sources that meson.build lists: file name to floor, and complaints."""
    floors, complaints, floor = {}, [], None
    for number, line in enumerate(build.read_text().splitlines(), 1):
        comment = re.match(r'\s*#\s*floor (\d+)\b', line)
        if comment:
            floor = int(comment.group(1))
            continue
        for name in re.findall(r"'([\w-]+\.c)'", line):
            if name in floors:
                complaints.append(f'daemon/meson.build:{number}: {name} is listed twice')
            if floor is None:
                complaints.append(f'daemon/meson.build:{number}: {name} is on no floor')
            else:
                floors[name] = floor
        if ')' in line.split('#')[0]:
            # main.c, which stands alone, is the edge's.
            floor = EDGE
    return floors, complaints


def floors_of_all(daemon, listed):
    """File name to floor: a header is where its source is; one without a source where what it includes is."""
    floors = dict(listed)
    for path in daemon.glob('*.h'):
        floors[path.name] = floors.get(path.stem + '.c')

    for path in daemon.glob('*.h'):
        if floors[path.name] is None:
            below = [floors.get(header.strip('"')) for _, header in includes(path) if header[0] == '"']
            floors[path.name] = max([floor for floor in below if floor is not None], default=0)
    return floors


def check_listing(daemon, listed):
    present = {path.name for path in daemon.glob('*.c')}
    yield from (f'daemon/{name} is not in daemon/meson.build' for name in sorted(present - set(listed)))
    yield from (f'daemon/{name} is in daemon/meson.build alone' for name in sorted(set(listed) - present))


def check_design(listed):
    for name, floor in sorted(listed.items()):
        wanted = FLOORS.get(pathlib.PurePath(name).stem, floor)
        if floor != wanted:
            yield f'daemon/{name} is on floor {floor}, its place is floor {wanted}'


def check_includes_down(daemon, floors, contract):
    for path in sources(daemon):
        for number, header in includes(path):
            name = header.strip('"<>')
            if header[0] == '<' or name in contract:
                continue
            if name not in floors:
                yield f'daemon/{path.name}:{number}: {name} is neither the daemon\'s nor the contract\'s'
            elif floors[name] > floors[path.name]:
                yield (f'daemon/{path.name}:{number}: floor {floors[path.name]} includes {name} of floor '
                       f'{floors[name]}')


def check_includes_own(source, folder, others, more=lambda name: set()):
    """Whether @folder includes nothing but its own headers, those of @others, and for each file what @more says."""
    allowed = {path.name for other in (folder, *others) for path in (source / other).glob('*.h')}
    for path in sources(source / folder):
        for number, header in includes(path):
            if header[0] == '"' and header.strip('"') not in allowed | more(path.name):
                yield f'{folder}/{path.name}:{number}: {header} is neither its own nor of {", ".join(others) or "-"}'


def config_headers(name):
    if CONFIG_WRITERS.match(name):
        return VALUES
    return CONFIG_HEADERS if name in CONFIG_READERS else set()


def check_config_headers(daemon, floors):
    """That reading the configuration needs nothing of what runs a daemon."""
    for header in sorted(CONFIG_HEADERS):
        for name in sorted({header} | reachable(daemon, header)):
            if floors.get(name, 0) > DOMAIN:
                yield f'daemon/{header} needs {name} of floor {floors[name]}'


def check_values(floors):
    for name in sorted(VALUES):
        if floors.get(name, EDGE) > 1:
            yield f'daemon/{name} is on floor {floors.get(name)}, which is above the values'


def check_shadows(source, folders):
    """A header of one name in two folders that see each other: which one is meant hangs on the order of -I."""
    for folder in folders:
        for path in sorted((source / folder).glob('*.h')):
            if (source / 'dbus' / path.name).exists():
                yield f'{folder}/{path.name} hides dbus/{path.name}'


def check_kernel_headers(daemon):
    for path in sources(daemon):
        for number, header in includes(path):
            if KERNEL_HEADERS.match(header.strip('"<>')) and path.stem not in KERNEL_FILES:
                yield f'daemon/{path.name}:{number}: {header} is for {", ".join(sorted(KERNEL_FILES))} alone'


def find_lines(path, pattern):
    for number, line in enumerate(strip(path.read_text()).splitlines(), 1):
        match = pattern.search(line)
        if match:
            yield number, match.group().rstrip('( ')


def check_messages(daemon, floors):
    for path in sources(daemon):
        if floors[path.name] < EDGE:
            for number, call in find_lines(path, MESSAGE_READING):
                yield f'daemon/{path.name}:{number}: {call} below the edge'


def reachable(daemon, name):
    """The daemon's headers that a file includes, and those that they include."""
    seen, todo = set(), [name]
    while todo:
        path = daemon / todo.pop()
        if path.exists():
            found = {header.strip('"') for _, header in includes(path) if header[0] == '"'} - seen
            seen |= found
            todo += found
    return seen


def check_strangers(daemon):
    for who, whom in STRANGERS:
        for suffix in ('.c', '.h'):
            if whom + '.h' in reachable(daemon, who + suffix):
                yield f'daemon/{who}{suffix} sees {whom}.h'


def split_file(text):
    """Pairs of offset and declaration at file scope, without what is in braces; and pairs of offset and body of each
    function."""
    declared, bodies, depth, piece, start = [], [], 0, '', 0
    for offset, character in enumerate(text):
        if character == '{':
            if depth == 0:
                opened = offset + 1
            depth += 1
        elif character == '}':
            depth -= 1
            if depth == 0 and '=' not in piece and piece.rstrip().endswith(')'):
                bodies.append((opened, text[opened:offset]))
                piece = ''
        elif depth == 0 and character == ';':
            declared.append((start, piece))
            piece = ''
        elif depth == 0:
            if not piece.strip():
                piece, start = '', offset
            piece += character
    return declared, bodies


def static_locals(bodies):
    for begin, body in bodies:
        for match in re.finditer(r'(?:^|[;{}:])\s*(static\b[^;{}]*)', body):
            yield begin + match.start(1), match.group(1)


def variables(path):
    """Triples of line number, name and whether it is constant."""
    text = strip(path.read_text())
    declared, bodies = split_file(text)
    for offset, piece in [*declared, *static_locals(bodies)]:
        words = re.sub(r'__attribute__\s*\(\(.*\)\)|\[[^]]*\]', ' ', piece.split('=')[0], flags=re.DOTALL).strip()
        if not words or re.match(r'(typedef|extern)\b|(struct|union|enum)(\s+\w+)?$', words):
            continue
        # A function, unless it is a pointer to one.
        before, parenthesis, behind = words.partition('(')
        if parenthesis and not behind.lstrip().startswith('*'):
            continue
        declarator = (behind.split(')')[0] if parenthesis else words).split('*')[-1]
        yield text.count('\n', 0, offset) + 1, re.findall(r'\w+', declarator)[-1], bool(
            re.search(r'\bconst\b', declarator))


def check_state(daemon):
    for path in sources(daemon):
        for number, name, is_constant in variables(path):
            if not is_constant and (path.name, name) not in STATE:
                yield f'daemon/{path.name}:{number}: "{name}" is state of the file'


def check_state_is_seen(daemon):
    """That the search for state finds what there is to find."""
    found = {(path.name, name) for path in sources(daemon) for _, name, is_constant in variables(path)
             if not is_constant}
    yield from (f'{file}: {name} was not found' for file, name in sorted(STATE - found))


def main():
    source = pathlib.Path(sys.argv[1])
    daemon = source / 'daemon'
    contract = {path.name for path in (source / 'dbus').glob('*.h')}
    listed, complaints = listed_floors(daemon / 'meson.build')
    floors = floors_of_all(daemon, listed)

    report('each source of the daemon is on one floor', [*complaints, *check_listing(daemon, listed)])
    if complaints or any(path.name not in floors for path in sources(daemon)):
        print('Bail out! without floors there is nothing to keep')
        sys.exit(1)

    report('the floors are those of the design', [*check_design(listed)])
    report('includes of the daemon point down', [*check_includes_down(daemon, floors, contract)])
    report('the daemon includes nothing of the client', [*check_includes_own(source, 'daemon', ['dbus'])])
    report('the client includes nothing of the daemon, but for who reads or writes the configuration',
           [*check_includes_own(source, 'client', ['dbus'], config_headers), *check_config_headers(daemon, floors)])
    report('the values of the daemon stand low', [*check_values(floors)])
    report('dbus includes nothing of either', [*check_includes_own(source, 'dbus', [])])
    report('no header hides one of the contract', [*check_shadows(source, ['daemon', 'client'])])
    report('only those who talk to the kernel know its headers', [*check_kernel_headers(daemon)])
    report('only the edge reads messages', [*check_messages(daemon, floors)])
    report('strangers stay strangers', [*check_strangers(daemon)])
    report('no state but the log level', [*check_state(daemon), *check_state_is_seen(daemon)])
    print(f'1..{n_tests}')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
