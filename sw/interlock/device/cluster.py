"""Nodes joined by links, of any engine and in any topology, run reproducibly."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from interlock.device.joins import End, Join
from interlock.device.key_exchange import KeyExchange
from interlock.wires import HostItem, Level, LinkItem, Node, RawBeat, Rolled, Segment

Item = LinkItem | HostItem | Rolled


class Cluster:
    """Runs nodes in quanta: what leaves a node in one arrives at the start of the next, in fixed order.

    So what happens depends on the quantum, but not on threads, nor on how fast anything is.

    Parameters
    ----------
    nodes : sequence of Node
    joins : iterable of Join
    quantum : int
        Cycles; also the least latency of a link.
    threads : int
        How many nodes run at the same time.
    seed : int
        Of the keys of sealed links.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        joins: Iterable[Join],
        *,
        quantum: int,
        threads: int = 1,
        seed: int = 0,
    ) -> None:
        joins = list(joins)
        self.nodes = nodes
        self.quantum = quantum
        self.cycles = 0
        self._other: dict[End, End] = {}
        self._key_exchange = KeyExchange(joins, seed=seed)
        for one, other in joins:
            for end, far in ((one, other), (other, one)):
                if end in self._other:
                    raise ValueError(f"slot {end.slot} of node {end.node} is joined twice")
                self._other[end] = far
        self._on_links: dict[End, Sequence[Segment | Level]] = {}  # by where they leave
        self._from_host: list[list[HostItem]] = [[] for _ in nodes]
        self._to_host: list[list[Segment | Rolled]] = [[] for _ in nodes]
        self._digests = [_WireDigest() for _ in nodes]
        self._pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def push_host(self, node: int, items: Iterable[HostItem]) -> None:
        """The host of ``node`` sends ``items``, from the next quantum on."""
        self._from_host[node] += items

    def pop_host(self, node: int) -> Sequence[Segment | Rolled]:
        """What ``node`` sent to its host."""
        items, self._to_host[node] = self._to_host[node], []
        return items

    def run(self, quanta: int = 1) -> None:
        """Runs every node for so many quanta."""
        for _ in range(quanta):
            self._exchange()
            list(self._pool.map(lambda node: node.run(self.quantum), self.nodes))
            self._collect()
            self.cycles += self.quantum

    def digest(self, node: int) -> str:
        """SHA-256 over everything that went over every wire of ``node``, in hexadecimal."""
        return self._digests[node].value()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on any wire."""
        return not any(self._on_links.values()) and not any(self._from_host)

    def _exchange(self) -> None:
        for number, node in enumerate(self.nodes):
            items, self._from_host[number] = self._from_host[number], []
            node.push_host(items)
            self._digests[number].add("host_in", items)
        for end, far in self._other.items():
            link_items = self._on_links.pop(far, ())
            self.nodes[end.node].push_link(end.slot, link_items)
            self._digests[end.node].add(f"link{end.slot}.rx", link_items)
        for end, keys in self._key_exchange.serve(self.nodes):
            self.nodes[end.node].push_keys(keys)
            self._digests[end.node].add("keys", keys)

    def _collect(self) -> None:
        for number, node in enumerate(self.nodes):
            items = node.pop_host()
            self._to_host[number] += items
            self._digests[number].add("host_out", items)
        for end in self._other:
            link_items = self.nodes[end.node].pop_link(end.slot)
            self._on_links[end] = link_items
            self._digests[end.node].add(f"link{end.slot}.tx", link_items)


class _WireDigest:
    """A running hash for each wire of a node, over its items with their framing."""

    def __init__(self) -> None:
        self._hashes: dict[str, hashlib._Hash] = {}

    def add(self, wire: str, items: Iterable[Item]) -> None:
        running = self._hashes.setdefault(wire, hashlib.sha256())
        for item in items:
            match item:
                case Segment(data, first, last):
                    running.update(b"segment%d%d" % (first, last) + len(data).to_bytes(8) + data)
                case RawBeat(data, keep, first, last):
                    running.update(b"raw%d%d" % (first, last) + keep.to_bytes(2) + data)
                case Level(up, heard):
                    running.update(b"level%d%d" % (up, heard))
                case Rolled():
                    running.update(b"rolled")

    def value(self) -> str:
        whole = hashlib.sha256()
        for wire, running in sorted(self._hashes.items()):
            whole.update(wire.encode() + running.digest())
        return whole.hexdigest()
