"""Records forged in every way, sent to a whole node in lockstep: they close their channel and do no more.

In the CLEAR profile a forger can give any record the right number and tag: most of these have them.
"""

import pytest
from interlock.model.records import HEADER, MAX_LENGTH, PREFIX_HEADER, RecordFlag, RecordType, encode_prefix
from interlock.wires import RawBeat, Segment
from lib.attacked import Attacked
from lib.forged import LONG_PREFIXES, NOTICES, OTHER, Forgery
from lib.nodes import small_config
from lib.peer import Peer, entry, renumbered, with_field

MESSAGE_BYTES = 4608
GRANTED = small_config().staging_bytes
NEXT = 2
"""Number of a peer's next record, where a grant was 0 and a good message of one record 1."""

PAYLOAD, PREFIX = RecordType.PAYLOAD, RecordType.PREFIX


def items(peer: Peer, record: bytes) -> list[Segment]:
    return [Segment(record, True, True)]


def reordered(peer: Peer) -> list[bytes]:
    return list(reversed(peer.message(b"reordered")))


def extended(peer: Peer, length: int) -> list[bytes]:
    """A message whose payload is longer than what was granted for it, or not."""
    return peer.message(bytes(length))


def second(peer: Peer) -> list[bytes]:
    """Another message than the one before, in the middle of it."""
    return [peer.prefix(peer.entry()), *peer.message(b"second")]


MESSAGES: dict[str, Forgery] = {
    "prefix_stripped": lambda peer: [peer.record(PAYLOAD, b"stripped", eom=True)],
    "prefix_of_another_source": lambda peer: peer.message(b"swapped", entry(OTHER), peer.entry()),
    "prefix_of_nobody": lambda peer: peer.message(b"swapped", entry(0)),
    "replayed": lambda peer: [with_field(peer.message(b"")[0], "seq", NEXT - 1)],
    "reordered": reordered,
    "reordered_and_renumbered": lambda peer: renumbered(reordered(peer), NEXT),
    "record_lost": lambda peer: [(m := peer.message(bytes(MESSAGE_BYTES)))[0], m[2]],
    "end_lost": lambda peer: [*peer.message(bytes(MESSAGE_BYTES))[:2], peer.message(b"next")[0]],
    "middle_of_a_message_is_no_whole_blocks": lambda peer: [
        peer.prefix(peer.entry()),
        peer.record(PAYLOAD, bytes(MAX_LENGTH - 8)),
        peer.record(PAYLOAD, bytes(16), eom=True),
    ],
    "longer_than_granted_by_a_byte": lambda peer: extended(peer, GRANTED - 16 + 1),
    "longer_than_granted_by_a_record": lambda peer: extended(peer, GRANTED - 16 + MAX_LENGTH),
    "prefix_duplicated": lambda peer: [peer.prefix(peer.entry()), *peer.message(b"twice")],
    "spliced_into_another": second,
    "prefix_without_som": lambda peer: [peer.prefix(peer.entry(), som=False, eom=True)],
    "payload_with_som": lambda peer: [
        peer.prefix(peer.entry()),
        peer.record(PAYLOAD, b"payload", som=True, eom=True),
    ],
}


def cut(peer: Peer, size: int) -> list[Segment]:
    record = peer.message(b"")[0]
    return [Segment(record[:-size] if size > 0 else record + bytes(-size), True, True)]


def beats(peer: Peer, **changed: object) -> list[Segment | RawBeat]:
    """A record of which one beat, the second or the last, is not framed as it must be."""
    record, size = peer.message(b"")[0], peer.beat_bytes
    full = (1 << size) - 1
    at = len(record) - size if "last" in changed else size
    odd = {"keep": full, "first": False, "last": at + size == len(record), **changed}
    after = [Segment(record[at + size :], False, True)] if at + size < len(record) else []
    return [Segment(record[:at], True, False), RawBeat(record[at : at + size], **odd), *after]


def without_first(peer: Peer) -> list[Segment]:
    return [Segment(peer.message(b"")[0], False, True)]


FRAMES: dict[str, Forgery] = {
    "cut_by_a_beat": lambda peer: cut(peer, 16),
    "cut_after_its_header": lambda peer: cut(peer, 80),
    "longer_by_a_beat": lambda peer: cut(peer, -16),
    "without_first": without_first,
    "first_again": lambda peer: beats(peer, first=True),
    "without_last": lambda peer: [*beats(peer, last=False), *items(peer, peer.message(b"")[0])],
    "a_hole_in_keep": lambda peer: beats(peer, keep=0b1101),
    "keep_of_nothing": lambda peer: beats(peer, keep=0),
    "half_a_beat_at_the_end": lambda peer: beats(peer, keep=0b0011, last=True),
}


def headers() -> dict[str, Forgery]:
    """Every field of a record's header, with values that are not legal there; tags are right."""
    wrong = {
        "version": (0, 2, 0xFF),
        "type": (0, 1, 4, 5, 6, 7, 0x12, 0xFF),
        "flags": (0, *(RecordFlag.CLEAR | RecordFlag.SOM | RecordFlag.EOM | 1 << bit for bit in range(2, 7))),
        "reserved": (1, 0x80),
        "channel": (1, 0x8000),
        "length": (0, 1, 16, MAX_LENGTH + 1, 0xFFFF),
        "seq": (0, NEXT - 1, NEXT + 1, 1 << 63),
    }
    assert wrong.keys() == HEADER.fields.keys()

    def forgery(name: str, value: int) -> Forgery:
        return lambda peer: [with_field(peer.message(b"")[0], name, value)]

    return {f"{name}={value:#x}": forgery(name, value) for name, values in wrong.items() for value in values}


def prefixes() -> dict[str, Forgery]:
    """Every field of a prefix, with values that are not legal there; tags are right."""
    wrong = {
        "n_sessions": (0, 1, 3, 1 << 31, (1 << 32) - 1),
        "n_externals": (1, 1 << 31, (1 << 32) - 1),
        "flags": (0, 3, 4, 5, 6, 1 << 31),
        "reserved": (1, 1 << 63),
    }
    assert wrong.keys() | {"max_bound"} == PREFIX_HEADER.fields.keys()

    def forgery(name: str, value: int) -> Forgery:
        field = PREFIX_HEADER.fields[name]

        def forge(peer: Peer) -> list[bytes]:
            body = bytearray(encode_prefix([peer.entry(), entry(OTHER)]))
            body[field.offset : field.offset + field.size] = value.to_bytes(field.size)
            return [peer.record(PREFIX, bytes(body), som=True, eom=True)]

        return forge

    lengths = {
        f"length_{length}": lambda peer, length=length: [
            peer.record(PREFIX, encode_prefix([peer.entry()] * 2)[:length], som=True, eom=True)
        ]
        for length in (1, 31, 32, 63, 64, 65, 80, 95)
    }
    fields = {
        f"{name}={value:#x}": forgery(name, value) for name, values in wrong.items() for value in values
    }
    return fields | lengths


def entries() -> dict[str, Forgery]:
    """What the log refuses: other ways of counting, and flags that mean nothing."""
    wrong = {
        "mode_changed": {"mode": 2},
        "weight_table_changed": {"weight_table": 2},
        **{f"flag_{bit}": {"flags": 1 << bit} for bit in (1, *range(4, 16))},
    }

    def forgery(fields: dict[str, int]) -> Forgery:
        return lambda peer: peer.message(b"", peer.entry(), entry(OTHER, 1 << 40, **fields))

    return {name: forgery(fields) for name, fields in wrong.items()}


def bits() -> dict[str, Forgery]:
    """A bit flipped on the wire, in every part of a record; nobody repairs the tag."""

    def forgery(at: int) -> Forgery:
        def forge(peer: Peer) -> list[bytes]:
            record = bytearray(peer.record(PREFIX, encode_prefix([peer.entry()]), som=True))
            payload = bytearray(peer.record(PAYLOAD, b"12345", eom=True))
            whole = record + payload
            whole[at] ^= 4
            return [bytes(whole[: len(record)]), bytes(whole[len(record) :])]

        return forge

    names = {
        "id": 50,
        "flops": 75,
        "prefix_tag": 81,
        "tag_zeros": 90,
        "payload": 113,
        "padding": 120,
        "tag": 130,
    }
    return {name: forgery(at) for name, at in names.items()}


CASES = {
    f"{group}-{name}": forgery
    for group, cases in (
        ("message", MESSAGES),
        ("frame", FRAMES),
        ("header", headers()),
        ("prefix", prefixes()),
        ("entry", entries()),
        ("long", LONG_PREFIXES),
        ("notice", NOTICES),
        ("bit", bits()),
    )
    for name, forgery in cases.items()
}
WIDTH_MATTERS = ("frame", "header", "bit")


@pytest.mark.parametrize(
    ("beat_bytes", "name"),
    [(16, name) for name in CASES] + [(4, name) for name in CASES if name.startswith(WIDTH_MATTERS)],
)
def test_a_forged_message_closes_its_channel_and_nothing_else(beat_bytes, name):
    bench = Attacked(beat_bytes=beat_bytes)
    peer, other = bench.peers
    peer.send(peer.message(b"", peer.entry(5), entry(OTHER, 1000)))
    bench.settle()
    before = bench.log()
    released = bench.released
    assert released == [(0, b"")]

    forged = CASES[name](peer)
    peer.push([item if isinstance(item, Segment | RawBeat) else Segment(item, True, True) for item in forged])
    bench.settle()
    assert not bench.gateware.link_is_open(0)
    assert not peer.seen.up, "the channel is closed"
    assert bench.released == released, "nothing of it reached the accelerator"
    assert (bench.is_open, bench.alarm) == (True, 0)
    after = bench.log()
    assert all(after[source] >= count for source, count in before.items())
    bench.run(2000)
    assert not peer.seen.up, "it stays closed"

    other.send(other.message(b"other"))
    bench.node.reopen(0)
    bench.settle()
    peer.send(peer.message(b"again"))
    bench.settle()
    assert sorted(bench.released[1:]) == [(0, b"again"), (1, b"other")]
    assert bench.log()[OTHER] >= 1000
