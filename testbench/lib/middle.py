"""Two nodes in lockstep on sealed links, and somebody between them who sees and changes whole records."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from interlock.device.cluster import Cluster
from interlock.device.joins import End
from interlock.device.lockstep import LockstepNode
from interlock.model.keys import LinkKeys
from interlock.model.records import HEADER
from interlock.wires import Level, Segment
from interlock_hdl.config import InterlockConfig

from lib.nodes import puppet_node
from lib.script import WORD_BYTES, Script, payload_of
from lib.settle import outstanding
from lib.watched import WatchedNode

QUANTUM = 50
PATIENCE = 4000
"""Quanta in which whatever was begun has come to its end."""

_SEQ = HEADER.fields["seq"]
NUMBER = slice(_SEQ.offset, _SEQ.offset + _SEQ.size)
"""Where ``seq`` is in a record."""

Act = Callable[[bytes], Sequence[bytes]]
"""What becomes of a record."""


class Wiretap:
    """A node whose links somebody sits on: what it sends goes on by whole records.

    Attributes
    ----------
    seen : list of (int, bytes)
        Slot and bytes of every record that came by.
    said : dict of dict
        Of each slot, the records of its epoch, by their numbers as they stand there.
    act : Act, optional
        What becomes of the next ones.
    """

    def __init__(self, node: LockstepNode) -> None:
        self.node = node
        self.seen: list[tuple[int, bytes]] = []
        self.act: Act | None = None
        self.peer: bytes | None = None  # whom keys are said to have come from, where that is not who they did
        self.said: dict[int, dict[bytes, bytes]] = {}
        self._partial: dict[int, bytes] = {}

    def __getattr__(self, name: str):
        return getattr(self.node, name)

    def push_keys(self, items: Sequence[Segment]) -> None:
        if self.peer is not None:
            keys = [LinkKeys.decode(item.data) for item in items]
            items = [Segment(replace(one, peer=self.peer).encode(), True, True) for one in keys if one]
        self.node.push_keys(items)

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        items: list[Segment | Level] = []
        for item in self.node.pop_link(slot):
            if isinstance(item, Level):
                items += self._rest(slot)
                items.append(item)
                if not item.up:
                    self.said[slot] = {}
                continue
            record = self._partial.pop(slot, b"") + item.data
            if not item.last:
                self._partial[slot] = record
                continue
            self.seen.append((slot, record))
            self.said.setdefault(slot, {})[record[NUMBER]] = record
            records = self.act(record) if self.act else [record]
            items += [Segment(one, first=True, last=True) for one in records if one]
        return items

    def _rest(self, slot: int) -> list[Segment]:
        """Of a record that its epoch's end has cut."""
        rest = self._partial.pop(slot, b"")
        return [Segment(rest, first=True, last=False)] if rest else []


class Middle:
    """Two nodes with two links between them; whatever happens on a link is done to node 0's records.

    Attributes
    ----------
    taps : list of Wiretap
    """

    def __init__(self, config: InterlockConfig) -> None:
        self.config = config
        self.taps = [Wiretap(puppet_node(config, serial=number)) for number in range(2)]
        joins = [(End(0, slot), End(1, slot)) for slot in range(2)]
        self.cluster = Cluster(self.taps, joins, quantum=QUANTUM)
        for number, tap in enumerate(self.taps):
            tap.push_random(range(1000 * number, 1000 * number + 200))
        self.until(self.is_open)

    def close(self) -> None:
        for tap in self.taps:
            tap.node.node.rtl.close()

    def gateware(self, number: int) -> WatchedNode:
        node = self.taps[number].node.node
        assert isinstance(node, WatchedNode)
        return node

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(PATIENCE):
            if done():
                return
            self.cluster.run()
        raise AssertionError("what had to happen did not")

    def is_open(self, slot: int | None = None) -> bool:
        """Whether both ends of a link, or of both, have an open epoch."""
        slots = range(2) if slot is None else (slot,)
        return all(self.gateware(n).link_is_open(at) for n in range(2) for at in slots)

    def rest(self) -> None:
        """Until nothing is on its way, and nothing is left to do."""
        self.until(lambda: self.cluster.is_quiet and not any(outstanding(tap.node) for tap in self.taps))

    def send(self, slot: int, length: int, *, seed: int, number: int = 0) -> bytes:
        """Has the puppet of a node send a message; its payload."""
        return self.send_all(slot, [length], seed=seed, number=number)[0]

    def send_all(self, slot: int, lengths: Sequence[int], *, seed: int, number: int = 0) -> list[bytes]:
        """The same of several, by one script: each other one takes a place in the log."""
        script = Script()
        for length in lengths:
            script.peer(slot, length, seed=seed)
        messages = script.messages(self.config.message_bytes)
        self.cluster.push_host(number, [Segment(message, True, True) for message in messages])
        return [payload_of(seed, -(-length // WORD_BYTES))[:length] for length in lengths]

    def released(self, number: int = 1) -> list[bytes]:
        """Payloads of PEER messages that a node released since the last :meth:`forget`."""
        gateware = self.gateware(number)
        return [item[16:] for item in gateware.released if isinstance(item, bytes) and item[0] == 1]

    def forget(self) -> None:
        for number in range(2):
            self.gateware(number).forget()
            self.taps[number].seen.clear()
