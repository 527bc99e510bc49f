"""An accelerator that does what a test tells it, and a peer that a test plays by hand."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import MAX_LENGTH, Prefix, Record, RecordType, cut_prefix, encode_credit
from interlock.wires import Level, Segment

PLENTY = 1 << 40
"""More credit than any test needs."""


class ScriptedAccelerator:
    """Computes and sends in the order in which it is told to, one thing for each :meth:`advance`.

    Parameters
    ----------
    ports : int
        Issue ports.
    """

    def __init__(self, ports: int = 2) -> None:
        self.ports = ports
        self.received: list[bytes] = []
        self.clear()

    def clear(self) -> None:
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self._todo: deque[EventRun | bytes | Made] = deque()
        self._positions = [0] * self.ports

    def compute(self, port: int, count: int, repeat: int = 1, op_class: int = 0x21) -> None:
        """Later: ``repeat`` op events."""
        self._todo.append(EventRun(port, op_class, count, repeat))

    def send(self, message: Message | bytes) -> None:
        """Later: a message."""
        self._todo.append(message if isinstance(message, bytes) else message.encode())

    def stream(self, slot: int, *parts: "bytes | EventRun", bound: int, maximum: int) -> None:
        """Later, and before anything that is told later: a STREAM, and what is computed while it is made."""
        self._todo.append(Made(Message(Kind.PEER, slot, b"", bound, maximum), parts))

    def receive(self, message: bytes) -> None:
        self.received.append(message)

    def advance(self) -> bool:
        if not self._todo:
            return False
        doing = self._todo.popleft()
        match doing:
            case bytes():
                self.sent.append(SentMessage(doing, tuple(self._positions)))
            case Made():
                self._stream(doing)
            case _:
                self._raise(doing)
        return True

    def _raise(self, run: EventRun) -> None:
        self.events.append(run)
        self._positions[run.port] += run.repeat

    def _stream(self, stream: "Made") -> None:
        data, pieces = stream.message.encode(), []
        for part in stream.parts:
            if isinstance(part, bytes):
                data += part
            else:
                pieces.append((len(data), tuple(self._positions)))
                self._raise(part)
        self.sent.append(SentMessage(data, tuple(self._positions), tuple(pieces)))


@dataclass(frozen=True)
class Made:
    """A STREAM, without its payload, and the parts of which that is made, with what happens between them."""

    message: Message
    parts: tuple[bytes | EventRun, ...]


class HandPeer:
    """The other end of a link, as bytes and levels: what it sends is right unless a test wants otherwise."""

    def __init__(self) -> None:
        self.seq = 0

    def record(
        self, type: RecordType, body: bytes, *, som: bool = False, eom: bool = False, seq: int | None = None
    ) -> Segment:
        """The next record; with ``seq`` another one."""
        if seq is None:
            seq = self.seq
            self.seq += 1
        return Segment(Record(type, som, eom, seq, body).encode(), first=True, last=True)

    def message(
        self,
        entries: Sequence[Entry],
        payload: bytes = b"",
        *,
        externals: Sequence[bytes] = (),
        is_delta: bool = False,
        max_bound: int = 0,
    ) -> list[Segment]:
        """The records of a message."""
        prefix = cut_prefix(Prefix(tuple(entries), tuple(externals), is_delta, max_bound).encode())
        parts = [payload[i : i + MAX_LENGTH] for i in range(0, len(payload), MAX_LENGTH)]
        last = len(prefix) + len(parts) - 1
        return [
            self.record(
                RecordType.PREFIX if number < len(prefix) else RecordType.PAYLOAD,
                part,
                som=not number,
                eom=number == last,
            )
            for number, part in enumerate([*prefix, *parts])
        ]

    def credit(self, granted: int = PLENTY) -> Segment:
        """A grant."""
        return self.record(RecordType.CREDIT, encode_credit(granted))

    def abort(self) -> Segment:
        return self.record(RecordType.ABORT, b"")

    def full_request(self) -> Segment:
        return self.record(RecordType.FULL_REQUEST, b"")

    def skip(self) -> None:
        """One record is lost."""
        self.seq += 1

    def rise(self) -> list[Level]:
        """What a link says that comes up, to an end that is up: its epoch opens."""
        self.seq = 0
        return [Level(up=True, heard=False), Level(up=True, heard=True)]

    def fall(self) -> list[Level]:
        """What it says when it goes down, and then sees the other end go down."""
        return [Level(up=False, heard=True), Level(up=False, heard=False)]


def external(payload: bytes) -> Segment:
    """A whole EXTERNAL message."""
    return Segment(Message(Kind.EXTERNAL, 0, payload).encode(), first=True, last=True)
