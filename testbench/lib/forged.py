"""Records with right numbers and tags that no node sends: long prefixes, and records beside messages.

In the CLEAR profile anybody on the wire can make them.
"""

from collections.abc import Callable

from interlock.model.log import Entry
from interlock.model.records import MAX_LENGTH, Descriptor, RecordType, encode_prefix

from lib.peer import Peer, entry, renumbered

OTHER = 0xC0
"""A source that both peers have heard of."""
Forgery = Callable[[Peer], list]
"""What a forger makes of a peer that has sent one good message; it may use the peer's next numbers."""
MANY = 300
"""Entries of a prefix of three records; all but the first are one source's, for a log holds but few."""

ABORT, CREDIT, FULL_REQUEST = RecordType.ABORT, RecordType.CREDIT, RecordType.FULL_REQUEST
PAYLOAD, PREFIX = RecordType.PAYLOAD, RecordType.PREFIX


def many(peer: Peer) -> list[Entry]:
    """So many that their prefix is three records long, the last one a short one."""
    return [peer.entry(6), *(entry(OTHER, 1000 + i) for i in range(MANY - 1))]


def long(peer: Peer) -> list[bytes]:
    """A message with a prefix of three records, and a payload."""
    return peer.message(b"long", *many(peer))


def ordered(*places: int) -> Forgery:
    """A long message of which these records come, in this order, with numbers that are right."""

    def forge(peer: Peer) -> list[bytes]:
        begin = peer.seq
        records = long(peer)
        return renumbered([records[place] for place in places], begin)

    return forge


def torn(*sizes: int, body: int | None = None) -> Forgery:
    """A long prefix that is cut into records of other sizes than it must be, up to so many bytes."""

    def forge(peer: Peer) -> list[bytes]:
        data = encode_prefix(many(peer))[:body]
        records, at = [], 0
        for size in (*sizes, *[MAX_LENGTH] * 3):
            records += [peer.record(PREFIX, data[at : at + size], som=not at)] if data[at:] else []
            at += size
        return [*records, peer.record(PAYLOAD, b"torn", eom=True)]

    return forge


def stretched(peer: Peer, extra: int) -> list[bytes]:
    """More entries than the counts say, in a last record that is longer or in one of its own."""
    data = encode_prefix(many(peer)) + entry(OTHER, 1).encode() * extra
    parts = [data[at : at + MAX_LENGTH] for at in range(0, len(data), MAX_LENGTH)]
    return [peer.record(PREFIX, part, som=not number) for number, part in enumerate(parts)]


def counted(peer: Peer, n_sessions: int, n_externals: int = 0) -> list[bytes]:
    """A prefix of two entries that says that it has others."""
    body = Descriptor(n_sessions, n_externals).encode() + peer.entry(6).encode() + entry(OTHER, 1).encode()
    return [peer.record(PREFIX, body, som=True, eom=True)]


def endless(peer: Peer) -> list[bytes]:
    """A prefix of billions of entries, and then something else."""
    body = Descriptor((1 << 32) - 1, (1 << 32) - 1).encode() + encode_prefix(many(peer))[32:MAX_LENGTH]
    return [peer.record(PREFIX, body, som=True), *peer.message(b"else")]


def between(peer: Peer, type: RecordType, body: bytes = b"", **flags: bool) -> list[bytes]:
    """Another record after the first one of a long prefix."""
    begin = peer.seq
    first, *rest = long(peer)
    return renumbered([first, peer.record(type, body, **flags), *rest], begin)


LONG_PREFIXES: dict[str, Forgery] = {
    "last_record_missing": ordered(0, 1, 3),
    "middle_record_missing": ordered(0, 2, 3),
    "first_record_missing": ordered(1, 2, 3),
    "last_record_twice": ordered(0, 1, 2, 2),
    "middle_record_twice": ordered(0, 1, 1, 2),
    "first_record_twice": ordered(0, 0),
    "first_and_second_exchanged": ordered(1, 0, 2, 3),
    "second_and_third_exchanged": ordered(0, 2, 1, 3),
    "payload_too_early": ordered(0, 3),
    "another_message_in_it": lambda peer: between(peer, PREFIX, encode_prefix([peer.entry()]), som=True),
    "payload_in_it": lambda peer: between(peer, PAYLOAD, bytes(16)),
    "end_in_it": lambda peer: [
        peer.record(PREFIX, encode_prefix(many(peer))[:MAX_LENGTH], som=True, eom=True)
    ],
    "first_record_short": torn(MAX_LENGTH - 32),
    "second_record_short": torn(MAX_LENGTH, 32),
    "entry_missing": torn(MAX_LENGTH, MAX_LENGTH, body=-32),
    "half_an_entry": torn(MAX_LENGTH, MAX_LENGTH, body=-16),
    "stretched_by_an_entry": lambda peer: stretched(peer, 1),
    "stretched_by_a_record": lambda peer: stretched(peer, 128),
    "endless": endless,
    "sessions_wrap_32_bits_of_bytes": lambda peer: counted(peer, 2 + (1 << 27)),
    "sessions_wrap_31_bits_of_bytes": lambda peer: counted(peer, 2 + (1 << 26)),
    "sessions_wrap_16_bits": lambda peer: counted(peer, 2 + (1 << 16)),
    "externals_wrap_32_bits_of_bytes": lambda peer: counted(peer, 2, 1 << 27),
    "sum_wraps_32_bits": lambda peer: counted(peer, 3, (1 << 32) - 1),
}


def twice(peer: Peer) -> list[bytes]:
    return [peer.prefix(peer.entry()), peer.record(ABORT, b""), peer.record(ABORT, b"")]


NOTICES: dict[str, Forgery] = {
    "credit_falls": lambda peer: [peer.grant(peer.credit - 1)],
    "credit_falls_to_nothing": lambda peer: [peer.grant(0)],
    "credit_falls_in_a_message": lambda peer: [peer.prefix(peer.entry()), peer.grant(peer.credit - 1)],
    "credit_of_7_bytes": lambda peer: [peer.record(CREDIT, bytes(7))],
    "credit_of_9_bytes": lambda peer: [peer.record(CREDIT, bytes(9))],
    "credit_with_som": lambda peer: [peer.record(CREDIT, b"\xff" * 8, som=True)],
    "credit_with_eom": lambda peer: [peer.record(CREDIT, b"\xff" * 8, eom=True)],
    "abort_of_nothing": lambda peer: [peer.record(ABORT, b"")],
    "abort_twice": twice,
    "abort_with_a_body": lambda peer: [peer.prefix(peer.entry()), peer.record(ABORT, b"body")],
    "abort_with_eom": lambda peer: [peer.prefix(peer.entry()), peer.record(ABORT, b"", eom=True)],
    "payload_after_an_abort": lambda peer: [*twice(peer)[:2], peer.record(PAYLOAD, b"late", eom=True)],
    "request_with_a_body": lambda peer: [peer.record(FULL_REQUEST, bytes(8))],
    "request_with_som": lambda peer: [peer.record(FULL_REQUEST, b"", som=True)],
}
