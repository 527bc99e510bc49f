"""What the benches send: messages as large as they may be, behind a log of a few entries."""

from collections.abc import Sequence

from interlock.model.channel import CLEAR, Channel
from interlock.model.log import ENTRY_BYTES, Entry, ProvenanceFlag
from interlock.model.messages import HEADER, STREAM, STREAM_HEADER, Kind, Message
from interlock.model.parameters import Mode
from interlock.model.records import (
    MAX_LENGTH,
    PREFIX_HEADER,
    Record,
    RecordType,
    encode_prefix,
    record_bytes,
)
from interlock.wires import Segment

MESSAGE_BYTES = 8192
LOG_ENTRIES = 4
"""Entries in a log: its own, the other end's, and two that a third party tells of."""
SLOT = 0
"""The link that everything goes over."""
OTHER_SLOT = 1
"""That of the third party."""
GRANT = 1 << 40
HEADER_BYTES = HEADER.size
_PEER_MAKER = 0xBE9C


def _source(number: int) -> bytes:
    """Session id of a source that a third party tells of."""
    return _PEER_MAKER.to_bytes(4) + number.to_bytes(12)


THIRD_PARTY = _source(1)
"""Session id of whoever greets."""


def message(number: int, payload_bytes: int = MESSAGE_BYTES) -> Segment:
    """PEER message ``number``; the bytes of its payload tell it from others."""
    payload = bytes((number + i * i) & 0xFF for i in range(payload_bytes))
    return Segment(Message(Kind.PEER, SLOT, payload).encode(), first=True, last=True)


def stream(number: int, payload_bytes: int = MESSAGE_BYTES) -> Segment:
    """The same as a STREAM without FLOPs, as the accelerator sends it."""
    header = HEADER.pack(kind=Kind.PEER, flags=STREAM, peer=SLOT)
    descriptor = STREAM_HEADER.pack(maximum=payload_bytes)
    whole = message(number, payload_bytes).data
    return Segment(header + descriptor + whole[HEADER_BYTES:], first=True, last=True)


def greeting(channel: Channel = CLEAR) -> list[Segment]:
    """What a peer says first: a large grant, and an empty message that tells of another source."""
    entries = [
        Entry(_source(number), 1000 * number, Mode.EVENTS, 1, ProvenanceFlag.CLEAR)
        for number in range(1, LOG_ENTRIES - 1)
    ]
    records = [
        Record(RecordType.CREDIT, som=False, eom=False, seq=0, body=GRANT.to_bytes(8)),
        Record(RecordType.PREFIX, som=True, eom=True, seq=1, body=encode_prefix(entries)),
    ]
    return [Segment(record.encode(channel), first=True, last=True) for record in records]


def beats(segments: Sequence[Segment], beat_bytes: int) -> int:
    """How many beats that is."""
    return sum(-(-len(segment.data) // beat_bytes) for segment in segments)


def link_beats(messages: Sequence[Segment], beat_bytes: int) -> int:
    """Beats of messages on the link, behind DELTA prefixes in which nothing but the sender's count is new."""
    bodies: list[int] = []
    for message in messages:
        whole, rest = divmod(len(message.data) - HEADER_BYTES, MAX_LENGTH)
        bodies += [
            PREFIX_HEADER.size + ENTRY_BYTES,
            *[MAX_LENGTH] * whole,
            *[rest] * (rest > 0),
        ]
    return sum(map(record_bytes, bodies)) // beat_bytes
