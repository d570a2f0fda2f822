# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ethernet frames that guests send each other."""

from host import check_equal

# For experiments in a local network (IEEE 802): nothing else on a host sends it.
ETHERTYPE = 0x88b5
# IEEE 802.1Q
TAGGED = 0x8100


def frame(source: int, text: str) -> bytes:
    """A broadcast from a guest."""
    header = b'\xff' * 6 + bytes([2, 0, 0, 0, 0, source]) + ETHERTYPE.to_bytes(2, 'big')
    return (header + text.encode()).ljust(60, b'\0')


def tagged(untagged: bytes, vlan: int) -> bytes:
    """The same as a guest sees it that does VLANs itself."""
    return untagged[:12] + TAGGED.to_bytes(2, 'big') + vlan.to_bytes(2, 'big') + untagged[12:]


def pass_frame(sender, receiver, sent: bytes, what: str, arrives: bytes | None = None):
    """Sends a frame into a queue. It is to come out of another as the next of its kind, as it was or as said."""
    expected = arrives or sent
    sender.send(sent)
    check_equal(receiver.receive(int.from_bytes(expected[12:14], 'big')), expected, what)
