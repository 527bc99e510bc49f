"""The other end of a link, in software."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from zlib import crc32

from interlock.model.log import Entry
from interlock.model.parameters import Mode
from interlock.model.records import (
    HEADER,
    MAX_LENGTH,
    Descriptor,
    Prefix,
    Record,
    RecordType,
    cut_prefix,
    decode_record,
    encode_credit,
    encode_prefix,
)
from interlock.wires import Level, Node, RawBeat, Segment

from lib.clear import encode_tail
from lib.peer_keys import PeerKeys


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


def renumbered(records: Iterable[bytes], begin: int) -> list[bytes]:
    """Records as if they were said in this order, from ``begin`` on."""
    return [with_field(record, "seq", begin + number) for number, record in enumerate(records)]


def with_seq(record: bytes, seq: int) -> bytes:
    """A record of another place in its epoch."""
    return with_field(record, "seq", seq)


PLENTY = 1 << 40
"""More credit than any test needs."""


class Peer:
    """Keeps every rule of *Epochs* for its end, and says what a test wants it to say.

    Parameters
    ----------
    node : Node
    slot : int
        Which link of ``node``.
    session_id : int
        Who it is.
    beat_bytes : int
    credit : int, optional
        What it grants at the start of each epoch, if anything.
    limits : mapping, optional
        See :class:`PeerKeys`.

    Attributes
    ----------
    wants_up : bool
        It opens the link again whenever it may.
    own, seen : Level
        The levels of the two directions: its own, and the node's.
    seq : int
        Of the next record that it makes.
    records : list of bytes
        What the node has sent in this epoch, whole records, as they would be on a CLEAR link.
    """

    def __init__(
        self,
        node: Node,
        slot: int,
        *,
        session_id: int,
        beat_bytes: int = 16,
        credit: int | None = PLENTY,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self.beat_bytes = beat_bytes
        self.credit = credit
        self._node = node
        self.slot = slot
        self.session_id = session_id
        self._keys = PeerKeys(node, slot, session_id, limits or {})
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
        self._keys.agree()
        for item in self._node.pop_link(self.slot):
            if isinstance(item, Level):
                self._keys.see(item)
                self._answer(item)
            else:
                self._partial += item.data
                if item.last:
                    self.records.append(self._keys.open(self._partial))
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
            if self.credit is not None:
                self.send([self.grant(self.credit)])

    def show(self, level: Level) -> None:
        """Changes its levels, whether it may or not."""
        if level != self.own:
            self.own = level
            self._node.push_link(self.slot, [level])

    def fall(self) -> None:
        """Ends the epoch, and lets it open again."""
        self.show(replace(self.own, up=False))

    def entry(self, flops: int = 0, **fields: int) -> Entry:
        """Its own entry."""
        return entry(self.session_id, flops, **fields)

    def message(
        self, payload: bytes, *entries: Entry, externals: Sequence[bytes] = (), is_delta: bool = False
    ) -> list[bytes]:
        """The records of a message; without ``entries`` its own one, of 0 FLOPs."""
        prefix = Prefix(entries or (self.entry(),), tuple(externals), is_delta)
        *parts, last = cut_prefix(prefix.encode())
        return [
            *(self.record(RecordType.PREFIX, part, som=not number) for number, part in enumerate(parts)),
            self.record(RecordType.PREFIX, last, som=not parts, eom=not payload),
            *(
                self.record(
                    RecordType.PAYLOAD, payload[at : at + MAX_LENGTH], eom=at + MAX_LENGTH >= len(payload)
                )
                for at in range(0, len(payload), MAX_LENGTH)
            ),
        ]

    def prefix(self, *entries: Entry, som: bool = True, eom: bool = False) -> bytes:
        """The next record, with a short FULL prefix."""
        return self.record(RecordType.PREFIX, encode_prefix(entries), som=som, eom=eom)

    def grant(self, granted: int) -> bytes:
        """The next record, with a grant of so many bytes in all."""
        return self.record(RecordType.CREDIT, encode_credit(granted))

    def record(self, type: RecordType, body: bytes, *, som: bool = False, eom: bool = False) -> bytes:
        """The next record."""
        self.seq += 1
        return Record(type, som, eom, self.seq - 1, body).encode()

    def send(self, records: Iterable[bytes]) -> None:
        """Sends whole records, or what looks like them."""
        self.push([Segment(record, True, True) for record in records])

    def push(self, items: Iterable[Segment | RawBeat]) -> None:
        """Sends anything; of a sealed link, whole records sealed."""
        self._node.push_link(self.slot, [self._on_the_wire(item) for item in items])

    def _on_the_wire(self, item: Segment | RawBeat) -> Segment | RawBeat:
        is_whole = isinstance(item, Segment) and item.first and item.last
        return replace(item, data=self._keys.seal(item.data)) if is_whole else item

    @property
    def decoded(self) -> list[Record]:
        """What ``records`` say."""
        return [decode_record(data, seq=number) for number, data in enumerate(self.records)]

    @property
    def whole_prefixes(self) -> list[Prefix]:
        """Every prefix in ``records`` to its end."""
        prefixes, data = [], b""
        for record in self.decoded:
            if record.type is not RecordType.PREFIX:
                continue
            data = record.body if record.som else data + record.body
            if Descriptor.decode(data).size == len(data):
                prefixes.append(Prefix.decode(data))
        return prefixes

    @property
    def prefixes(self) -> list[list[Entry]]:
        """The session entries of every prefix in ``records``, as far as it names them."""
        return [list(prefix.sessions) for prefix in self.whole_prefixes]

    @property
    def payloads(self) -> list[bytes]:
        """The payloads of whole messages in ``records``."""
        payloads, payload = [], b""
        for record in self.decoded:
            if record.som or record.type is RecordType.ABORT:
                payload = b""
            if record.type is RecordType.PAYLOAD:
                payload += record.body
            if record.eom:
                payloads.append(payload)
        return payloads

    @property
    def granted(self) -> int | None:
        """What the node has granted by now."""
        grants = [record.body for record in self.decoded if record.type is RecordType.CREDIT]
        return int.from_bytes(grants[-1]) if grants else None


def run(node: Node, peers: Sequence[Peer], cycles: int, *, step: int = 20) -> None:
    """Runs a node and the ends of its links."""
    for begin in range(0, cycles, step):
        node.run(min(step, cycles - begin))
        for peer in peers:
            peer.look()
