"""The other end of a link, in software."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from zlib import crc32

from interlock.model.log import Entry
from interlock.model.parameters import Mode
from interlock.model.records import (
    HEADER,
    MAX_LENGTH,
    Record,
    RecordType,
    decode_prefix,
    decode_record,
    encode_prefix,
    encode_tail,
)
from interlock.wires import Level, Node, RawBeat, Segment


def entry(
    session_id: int, flops: int = 0, *, mode: int = Mode.EVENTS, weight_table: int = 1, flags: int = 1
) -> Entry:
    """What a node may know of a source."""
    return Entry(session_id.to_bytes(16), flops, mode, weight_table, flags)


def reseal(record: bytes) -> bytes:
    """A record with the tag that fits its header and body: in the CLEAR profile anybody can make it."""
    length = HEADER.unpack(record)["length"]
    end = HEADER.size + length
    return record[:end] + encode_tail(crc32(record[:end]), length)


def with_field(record: bytes, name: str, value: int) -> bytes:
    """A record with another value in its header, resealed as far as its length allows."""
    field = HEADER.fields[name]
    changed = record[: field.offset] + value.to_bytes(field.size) + record[field.offset + field.size :]
    return changed if name == "length" else reseal(changed)


def with_seq(record: bytes, seq: int) -> bytes:
    """A record of another place in its epoch."""
    return with_field(record, "seq", seq)


class Peer:
    """Keeps every rule of *Epochs of a CLEAR link* for its end, and says what a test wants it to say.

    Parameters
    ----------
    node : Node
    slot : int
        Which link of ``node``.
    session_id : int
        Who it is.
    beat_bytes : int

    Attributes
    ----------
    wants_up : bool
        It opens the link again whenever it may.
    own, seen : Level
        The levels of the two directions: its own, and the node's.
    seq : int
        Of the next record that it makes.
    records : list of bytes
        What the node has sent in this epoch, whole records.
    """

    def __init__(self, node: Node, slot: int, *, session_id: int, beat_bytes: int = 16) -> None:
        self.beat_bytes = beat_bytes
        self._node = node
        self._slot = slot
        self.session_id = session_id
        self.wants_up = True
        self.own = self.seen = Level(up=False, heard=False)
        self._begin()

    def _begin(self) -> None:
        self.seq = 0
        self.records: list[bytes] = []
        self._partial = b""

    @property
    def is_open(self) -> bool:
        """The epoch is open, as far as this end knows."""
        return self.own.up and self.seen.up and self.seen.heard

    def look(self) -> None:
        """Takes what the node has sent, and answers its levels."""
        for item in self._node.pop_link(self._slot):
            if isinstance(item, Level):
                self._answer(item)
            else:
                self._partial += item.data
                if item.last:
                    self.records.append(self._partial)
                    self._partial = b""
        self._answer(self.seen)

    def _answer(self, seen: Level) -> None:
        was_open = self.is_open
        self.seen = seen
        up = self.own.up
        if was_open and not self.is_open:
            up = False
        elif not up:
            up = self.wants_up and not seen.heard
        self.show(Level(up=up, heard=seen.up))
        if self.is_open and not was_open:
            self._begin()

    def show(self, level: Level) -> None:
        """Changes its levels, whether it may or not."""
        if level != self.own:
            self.own = level
            self._node.push_link(self._slot, [level])

    def fall(self) -> None:
        """Ends the epoch, and lets it open again."""
        self.show(replace(self.own, up=False))

    def entry(self, flops: int = 0, **fields: int) -> Entry:
        """Its own entry."""
        return entry(self.session_id, flops, **fields)

    def message(self, payload: bytes, *entries: Entry) -> list[bytes]:
        """The records of a message; without ``entries`` its own one, of 0 FLOPs."""
        return [
            self.prefix(*(entries or (self.entry(),)), eom=not payload),
            *(
                self.record(
                    RecordType.PAYLOAD, payload[at : at + MAX_LENGTH], eom=at + MAX_LENGTH >= len(payload)
                )
                for at in range(0, len(payload), MAX_LENGTH)
            ),
        ]

    def prefix(self, *entries: Entry, som: bool = True, eom: bool = False) -> bytes:
        """The next record, with a FULL prefix."""
        return self.record(RecordType.PREFIX, encode_prefix(entries), som=som, eom=eom)

    def record(self, type: RecordType, body: bytes, *, som: bool = False, eom: bool = False) -> bytes:
        """The next record."""
        self.seq += 1
        return Record(type, som, eom, self.seq - 1, body).encode()

    def send(self, records: Iterable[bytes]) -> None:
        """Sends whole records, or what looks like them."""
        self.push([Segment(record, True, True) for record in records])

    def push(self, items: Iterable[Segment | RawBeat]) -> None:
        """Sends anything."""
        self._node.push_link(self._slot, items)

    @property
    def prefixes(self) -> list[list[Entry]]:
        """The entries of every prefix in ``records``."""
        records = [decode_record(data, seq=number) for number, data in enumerate(self.records)]
        return [decode_prefix(record.body) for record in records if record.type is RecordType.PREFIX]

    @property
    def payloads(self) -> list[bytes]:
        """The payloads of whole messages in ``records``."""
        payloads, payload = [], b""
        for number, data in enumerate(self.records):
            record = decode_record(data, seq=number)
            payload = b"" if record.type is RecordType.PREFIX else payload + record.body
            if record.eom:
                payloads.append(payload)
        return payloads


def run(node: Node, peers: Sequence[Peer], cycles: int, *, step: int = 20) -> None:
    """Runs a node and the ends of its links."""
    for begin in range(0, cycles, step):
        node.run(min(step, cycles - begin))
        for peer in peers:
            peer.look()
