"""A gateware node that a test can ask what it did, while something else compares it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from interlock.device.rtl_node import RtlNode
from interlock.model.keys import LinkKeys
from interlock.model.messages import STREAM
from interlock.model.records import HEADER, RecordType
from interlock.model.tap import Tap
from interlock.wires import Event, Level, Rolled, Segment

DELTA_BYTE, DELTA = 27, 2
"""Where in a record a prefix says of what kind it is: the lowest byte of its flags."""


class WatchedNode(RtlNode):
    """Notes what it shows to its caller, and that no number comes twice under a key on any of its links.

    Attributes
    ----------
    choices : Counter
        How often each event of the schedule happened.
    messages, streams, deltas : int
        Messages that the accelerator began, those of them with flag STREAM, and DELTA prefixes that left.
    nonces : set of (bytes, int)
        Under which key which number has left.
    schedule : list of Event
        Those that happened since :meth:`forget`.
    released, sent : list
        What went through ``rx`` and ``tx`` since then, whole messages and ``Rolled``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.choices: Counter[str] = Counter()
        self.messages = self.streams = self.deltas = 0
        self.nonces: set[tuple[bytes, int]] = set()
        self._taps: defaultdict[int, Tap] = defaultdict(Tap)
        self._heads: dict[int, bytes] = {}  # of the record that a slot is sending
        self.forget()

    def forget(self) -> None:
        """Begins to note anew."""
        self.schedule: list[Event] = []
        self._rx: list[Segment | Rolled] = []
        self._tx: list[Segment | Rolled] = []

    @property
    def released(self) -> list[bytes | Rolled]:
        return whole(self._rx)

    @property
    def sent(self) -> list[bytes | Rolled]:
        return whole(self._tx)

    def count(self, name: str) -> int:
        """How often an event happened since :meth:`forget`."""
        return sum(event.name == name for event in self.schedule)

    def pop_schedule(self) -> Sequence[Event]:
        events = super().pop_schedule()
        self.schedule += events
        self.choices.update(event.name for event in events)
        return events

    def pop_rx(self) -> Sequence[Segment | Rolled]:
        items = super().pop_rx()
        self._rx += items
        return items

    def pop_tx(self) -> Sequence[Segment | Rolled]:
        items = super().pop_tx()
        self._tx += items
        for item in items:
            if isinstance(item, Segment) and item.first:
                self.messages += 1
                self.streams += bool(item.data[1:] and item.data[1] & STREAM)
        return items

    def push_keys(self, items: Iterable[Segment]) -> None:
        items = list(items)
        super().push_keys(items)
        for item in items:
            if keys := LinkKeys.decode(item.data):
                self._taps[keys.slot].tell(keys.send, keys.channel)

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        items = super().pop_link(slot)
        for item in items:
            if isinstance(item, Segment):
                self._note_record(slot, item)
            else:
                self._taps[slot].see(item)
        return items

    def _note_record(self, slot: int, item: Segment) -> None:
        """Notes the number of a record, and whether it begins a DELTA prefix, as soon as each shows."""
        before = b"" if item.first else self._heads.get(slot, b"")
        if len(before) > DELTA_BYTE:
            return
        head = self._heads[slot] = before + item.data[: DELTA_BYTE + 1]
        tap, header = self._taps[slot], HEADER.unpack(head)
        if len(before) < HEADER.size <= len(head) and tap.key is not None:
            used = tap.key, header["seq"]
            assert used not in self.nonces, f"link {slot} sends number {header['seq']} twice under a key"
            self.nonces.add(used)
        if len(head) <= DELTA_BYTE or header["type"] != RecordType.PREFIX or not header["flags"] & 1:
            return
        body, _ = tap.channel.uncover(header["seq"], head[: HEADER.size], head[HEADER.size :])
        self.deltas += bool(body[DELTA_BYTE - HEADER.size] & DELTA)


def whole(items: Sequence[Segment | Rolled]) -> list[bytes | Rolled]:
    """Messages, the last of which may lack its end, and new sessions."""
    messages: list[bytes | Rolled] = []
    for item in items:
        if isinstance(item, Rolled):
            messages.append(item)
        elif item.first:
            messages.append(item.data)
        else:
            messages[-1] += item.data
    return messages
