"""Messages given to an Egress, scans made for them, and the records that came out."""

from dataclasses import dataclass, field

from interlock.model.messages import Message
from interlock.model.records import HEADER, MAX_LENGTH, VERSION, Prefix, RecordFlag, RecordType, cut_prefix

OF_MESSAGES = (RecordType.PREFIX, RecordType.PAYLOAD, RecordType.ABORT)
Beats = list[tuple[int, dict[str, int]]]
"""With the cycle in which each was taken."""


@dataclass
class Scanned:
    """A scan: when and for whom, what it was asked, and what it had."""

    cycle: int
    slot: int
    count: int
    bound: int
    prefix: Prefix


@dataclass
class Seen:
    """A record as it went to the seal: from header to the end of its body, or as far as it came."""

    slot: int
    cycle: int
    data: bytes = b""
    whole: bool = False

    @property
    def type(self) -> int:
        return self.data[1]

    @property
    def body(self) -> bytes:
        return self.data[HEADER.size :]


@dataclass
class Sent:
    """A message that the software intake gave, and the cycle in which it was taken as the oldest."""

    message: Message
    pace: float = 1.0
    breaks_after: int | None = None  # beats of payload
    offered: int | None = None
    given: list[int] = field(default_factory=list)  # cycles in which beats of a stream were told of


def records_of(beats: Beats, ends: list[tuple[int, int]], *, beat_bytes: int, now: int) -> list[Seen]:
    """All records, whole or cut.

    Fails where one is inside another, or cut though no epoch of its slot ended (``ends``: cycle and slot).
    """

    def check_cut(record: Seen, until: int) -> None:
        assert any(record.cycle <= cycle < until and slot == record.slot for cycle, slot in ends), (
            "a record is cut short although its epoch goes on"
        )

    records: list[Seen] = []
    for cycle, beat in beats:
        if beat["first"]:
            if records and not records[-1].whole:
                check_cut(records[-1], cycle)
            records.append(Seen(beat["slot"], cycle))
        record = records[-1]
        assert not record.whole, "a beat after the end of a record"
        assert beat["slot"] == record.slot, "a record inside another"
        octets = beat["data"].to_bytes(beat_bytes, "little")
        assert beat["keep"] in [(1 << n + 1) - 1 for n in range(beat_bytes)]
        assert beat["last"] or beat["keep"] == (1 << beat_bytes) - 1
        record.data += octets[: beat["keep"].bit_count()]
        record.whole = bool(beat["last"])
    for record in records:
        assert not record.whole or int.from_bytes(record.data[6:8]) == len(record.body)
    if records and not records[-1].whole:
        check_cut(records[-1], now + 1)
    return records


def expected(scan: Scanned, payloads: list[bytes], *, aborts: bool = False) -> list[bytes]:
    """Records of a message as they go to the seal: no number, no CLEAR flag, no padding, no tag."""
    bodies = [(RecordType.PREFIX, body) for body in cut_prefix(scan.prefix.encode())]
    bodies += [(RecordType.PAYLOAD, payload) for payload in payloads]
    bodies += [(RecordType.ABORT, b"")] if aborts else []
    records = []
    for n, (type, body) in enumerate(bodies):
        ends = n == len(bodies) - 1 and not aborts
        flags = RecordFlag.SOM * (n == 0) | RecordFlag.EOM * ends
        header = HEADER.pack(version=VERSION, type=type, flags=flags, length=len(body))
        records.append(header + body)
    return records


def chunks(payload: bytes) -> list[bytes]:
    """The payload of a buffered message in records."""
    return [payload[at : at + MAX_LENGTH] for at in range(0, len(payload), MAX_LENGTH)]
