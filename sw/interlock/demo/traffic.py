"""What went over the links, seen from outside: what bytes were spent on, and who told whom of whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interlock.model.keys import LinkKeys
from interlock.model.log import Entry
from interlock.model.records import HEADER, Descriptor, Prefix, RecordFlag, RecordType, record_bytes
from interlock.model.tap import Tap
from interlock.wires import Level, Node, Segment


@dataclass(frozen=True)
class Seen:
    """A message on a link: after which cycle it left, by which it had arrived, the sources in its prefix."""

    sent: int
    received: int
    prefix: tuple[Entry, ...]


class LinkMeter:
    """Looks on while one direction of a link carries records.

    Parameters
    ----------
    keep : int
        Messages to remember, from the first one on; the rest are only counted.

    Attributes
    ----------
    messages, prefix_bytes, payload_bytes, framing_bytes : int
    seen : list of Seen
    tap : Tap
        Is to be told the keys of a sealed link.
    """

    def __init__(self, *, keep: int) -> None:
        self.keep = keep
        self.messages = 0
        self.prefix_bytes = 0
        self.payload_bytes = 0
        self.framing_bytes = 0
        self.seen: list[Seen] = []
        self.tap = Tap()
        self._record = bytearray()
        self._sent = 0
        self._prefix: tuple[Entry, ...] = ()
        self._prefix_data = b""

    def feed(self, items: Iterable[Segment | Level], begin: int, end: int) -> None:
        """Takes what left between two cycles; it arrives in the second one."""
        for item in items:
            if isinstance(item, Level):
                self.tap.see(item)
                self._record.clear()
                continue
            self._record += item.data
            if item.last:
                self._take(bytes(self._record), begin, end)
                self._record.clear()

    def _take(self, record: bytes, begin: int, end: int) -> None:
        header = HEADER.unpack(record)
        length = header["length"]
        body = record[HEADER.size : HEADER.size + length]
        self.framing_bytes += record_bytes(length) - length
        match header["type"]:
            case RecordType.PREFIX:
                if len(self.seen) < self.keep:
                    body, _ = self.tap.channel.uncover(header["seq"], record[: HEADER.size], body)
                self._add_prefix(body, begin, is_first=bool(header["flags"] & RecordFlag.SOM))
            case RecordType.PAYLOAD:
                self.payload_bytes += length
            case _:
                self.framing_bytes += length
        if header["flags"] & RecordFlag.EOM:
            self.messages += 1
            if len(self.seen) < self.keep:
                self.seen.append(Seen(self._sent, end, self._prefix))

    def _add_prefix(self, body: bytes, begin: int, *, is_first: bool) -> None:
        self.prefix_bytes += len(body)
        if is_first:
            self._sent = begin
            self._prefix_data = b""
        if len(self.seen) < self.keep:
            self._prefix_data += body
            if len(self._prefix_data) == Descriptor.decode(self._prefix_data).size:
                self._prefix = Prefix.decode(self._prefix_data).sessions


class MeteredNode:
    """A node with a meter on everything that its links send.

    Parameters
    ----------
    node : Node
    links : int
        Its slots.
    keep : int
        Messages that each meter remembers.

    Attributes
    ----------
    meters : list of LinkMeter
    """

    def __init__(self, node: Node, *, links: int, keep: int) -> None:
        self.meters = [LinkMeter(keep=keep) for _ in range(links)]
        self._node = node
        self._run = (0, 0)
        self.push_link = node.push_link
        self.push_host = node.push_host
        self.push_random = node.push_random
        self.wants_keys = node.wants_keys
        self.roll = node.roll
        self.reopen = node.reopen
        self.request_full = node.request_full
        self.pop_host = node.pop_host

    def push_keys(self, items: Iterable[Segment]) -> None:
        items = list(items)
        self._node.push_keys(items)
        for item in items:
            if keys := LinkKeys.decode(item.data):
                self.meters[keys.slot].tap.tell(keys.send, keys.channel)

    @property
    def session_id(self) -> bytes | None:
        return self._node.session_id

    def run(self, cycles: int) -> None:
        self._node.run(cycles)
        self._run = (self._run[1], self._run[1] + cycles)

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        items = self._node.pop_link(slot)
        self.meters[slot].feed(items, *self._run)
        return items
