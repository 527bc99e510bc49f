"""An accelerator that does what a test tells it, and a peer that a test plays by hand."""

from collections import deque
from collections.abc import Sequence

from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import MAX_LENGTH, Record, RecordType, encode_prefix
from interlock.wires import Level, Segment


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
        self._todo: deque[EventRun | bytes] = deque()
        self._positions = [0] * self.ports

    def compute(self, port: int, count: int, repeat: int = 1, op_class: int = 0x21) -> None:
        """Later: ``repeat`` op events."""
        self._todo.append(EventRun(port, op_class, count, repeat))

    def send(self, message: Message | bytes) -> None:
        """Later: a message."""
        self._todo.append(message if isinstance(message, bytes) else message.encode())

    def receive(self, message: bytes) -> None:
        self.received.append(message)

    def advance(self) -> bool:
        if not self._todo:
            return False
        doing = self._todo.popleft()
        if isinstance(doing, bytes):
            self.sent.append(SentMessage(doing, tuple(self._positions)))
        else:
            self.events.append(doing)
            self._positions[doing.port] += doing.repeat
        return True


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

    def message(self, entries: Sequence[Entry], payload: bytes = b"") -> list[Segment]:
        """The records of a message."""
        parts = [payload[i : i + MAX_LENGTH] for i in range(0, len(payload), MAX_LENGTH)]
        return [
            self.record(RecordType.PREFIX, encode_prefix(entries), som=True, eom=not parts),
            *(
                self.record(RecordType.PAYLOAD, part, eom=number == len(parts))
                for number, part in enumerate(parts, 1)
            ),
        ]

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
