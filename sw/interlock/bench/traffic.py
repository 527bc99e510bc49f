"""What the benches send: messages as large as they may be, behind a log of a few entries."""

from collections.abc import Sequence

from interlock.model.log import ENTRY_BYTES, Entry, ProvenanceFlag
from interlock.model.messages import HEADER, Kind, Message
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
"""Entries in the sender's log, its own included."""
SLOT = 0
"""The link that everything goes over."""
HEADER_BYTES = HEADER.size
_PEER_MAKER = 0xBE9C


def message(number: int, payload_bytes: int = MESSAGE_BYTES) -> Segment:
    """PEER message ``number``; the bytes of its payload tell it from others."""
    payload = bytes((number + i * i) & 0xFF for i in range(payload_bytes))
    return Segment(Message(Kind.PEER, SLOT, payload).encode(), first=True, last=True)


def greeting() -> Segment:
    """The one record of an empty message, from a peer that has heard of two others."""
    entries = [
        Entry(
            _PEER_MAKER.to_bytes(4) + number.to_bytes(12), 1000 * number, Mode.EVENTS, 1, ProvenanceFlag.CLEAR
        )
        for number in range(1, LOG_ENTRIES)
    ]
    record = Record(RecordType.PREFIX, som=True, eom=True, seq=0, body=encode_prefix(entries))
    return Segment(record.encode(), first=True, last=True)


def beats(segments: Sequence[Segment], beat_bytes: int) -> int:
    """How many beats that is."""
    return sum(-(-len(segment.data) // beat_bytes) for segment in segments)


def link_beats(messages: Sequence[Segment], beat_bytes: int) -> int:
    """Beats of messages on the link, their prefixes included."""
    bodies: list[int] = []
    for message in messages:
        whole, rest = divmod(len(message.data) - HEADER_BYTES, MAX_LENGTH)
        bodies += [
            PREFIX_HEADER.size + LOG_ENTRIES * ENTRY_BYTES,
            *[MAX_LENGTH] * whole,
            *[rest] * (rest > 0),
        ]
    return sum(map(record_bytes, bodies)) // beat_bytes
