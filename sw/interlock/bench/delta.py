"""How much DELTA prefixes save: their bytes to those that FULL ones in their place would have had."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interlock.device.cluster import Cluster
from interlock.device.golden import GoldenEngine
from interlock.device.joins import ring
from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.log import Entry, ProvenanceFlag
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import Mode, NodeParameters
from interlock.model.records import Descriptor
from interlock.model.scheduler import PlainScheduler
from interlock.model.session import State
from interlock.wires import Event

NODES = 16
SOURCES = 1024
MESSAGES = 4
"""In which a chunk of the vector goes to the next node."""
PAYLOAD = 1024
BEFORE, NEXT = 0, 1
"""The slots of a ring."""
QUANTUM = 64
PATIENCE = 200_000
_ADD = 0x12
_MAKER = 1


class AllReducer:
    """A node's part in all-reduces without end: for 2(n - 1) steps it gets a chunk, and sends one on.

    In the first half of the steps it adds what it got to its own; in the second one it hands on sums.  The
    first chunk of each round needs nobody's.

    Parameters
    ----------
    nodes : int
    messages : int
        Of a chunk.

    Attributes
    ----------
    steps : int
        How many chunks it has sent.
    """

    def __init__(self, *, nodes: int, messages: int) -> None:
        self.nodes = nodes
        self.messages = messages
        self.clear()

    def clear(self) -> None:
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self.steps = 0
        self._received = 0
        self._added = 0

    def receive(self, message: bytes) -> None:
        if message[0] == Kind.PEER:
            self._received += 1

    def advance(self) -> bool:
        """Sends the next chunk, when the one before has come."""
        if self._received < self.steps * self.messages:
            return False
        step = self.steps % (2 * (self.nodes - 1))
        if 0 < step < self.nodes:
            self.events.append(EventRun(1, _ADD, 4, PAYLOAD // 16))
            self._added += PAYLOAD // 16
        chunk = Message(Kind.PEER, NEXT, bytes(PAYLOAD)).encode()
        self.sent.extend(SentMessage(chunk, (0, self._added)) for _ in range(self.messages))
        self.steps += 1
        return True


@dataclass
class Tally:
    """Bytes of the DELTA prefixes that were begun, and of FULL ones in their place."""

    prefixes: int = 0
    delta: int = 0
    full: int = 0

    def clear(self) -> None:
        self.prefixes = self.delta = self.full = 0


class TalliedNode(GoldenNode):
    """Notes how long each prefix is, and how long it could be."""

    def __init__(
        self, *, tally: Tally, parameters: NodeParameters, accelerator: AllReducer, serial: int
    ) -> None:
        self.tally = tally
        super().__init__(parameters=parameters, accelerator=accelerator, maker=_MAKER, serial=serial)

    def apply(self, event: Event) -> None:
        super().apply(event)
        scan = self.egress.scan
        if event.name == "scan" and scan is not None and scan.is_delta:
            log = self.known
            self.tally.prefixes += 1
            self.tally.delta += Descriptor(scan.n_sessions, scan.n_externals).size
            self.tally.full += Descriptor(len(log.entries), len(log.externals)).size


def all_reduce(*, nodes: int = NODES, sources: int = 0, rounds: int = 2) -> dict[str, float | int]:
    """Rounds of all-reduce in a ring of golden nodes, after a first one that is not looked at.

    Parameters
    ----------
    nodes : int
        All of them live.
    sources : int
        How many every log has at least: the rest is known from before, and does nothing.
    rounds : int

    Returns
    -------
    ``nodes``, ``sources``, ``rounds``, ``prefixes`` (how many were DELTA), ``delta_bytes``, ``full_bytes``
    (of FULL prefixes in their place) and ``delta_bytes_ratio``.
    """
    sources = max(sources, nodes)
    tally = Tally()
    parameters = NodeParameters(log_entries=sources, message_bytes=PAYLOAD, digest_lanes=0)
    accelerators = [AllReducer(nodes=nodes, messages=MESSAGES) for _ in range(nodes)]
    golden = [
        TalliedNode(tally=tally, parameters=parameters, accelerator=accelerator, serial=serial)
        for serial, accelerator in enumerate(accelerators)
    ]
    engines = [GoldenEngine(node, PlainScheduler()) for node in golden]
    with Cluster(engines, ring(nodes), quantum=QUANTUM) as cluster:
        _open(golden, cluster, dead=sources - nodes)
        per_round = 2 * (nodes - 1)
        _run(cluster, lambda: all(accelerator.steps > per_round for accelerator in accelerators))
        tally.clear()
        wanted = per_round * (1 + rounds)
        _run(cluster, lambda: all(accelerator.steps > wanted for accelerator in accelerators))
    return {
        "nodes": nodes,
        "sources": sources,
        "rounds": rounds,
        "prefixes": tally.prefixes,
        "delta_bytes": tally.delta,
        "full_bytes": tally.full,
        "delta_bytes_ratio": tally.delta / tally.full,
    }


def delta_bytes_ratios(*, nodes: int = NODES, sources: int = SOURCES) -> dict[str, dict[str, float | int]]:
    """Of a ring whose nodes know of each other alone, and of one whose logs are long and mostly at rest."""
    return {
        "ring": all_reduce(nodes=nodes),
        "long_log": all_reduce(nodes=nodes, sources=sources),
    }


def _open(nodes: Sequence[GoldenNode], cluster: Cluster, *, dead: int) -> None:
    """Opens the gates, and lets every log know of sources that do nothing any more."""
    for serial, node in enumerate(nodes):
        node.push_random([serial, serial])
    _run(cluster, lambda: all(node.session.state is State.OPEN for node in nodes))
    for node in nodes:
        for number in range(dead):
            node.known.merge(Entry(number.to_bytes(16), 1 + number, Mode.EVENTS, 1, ProvenanceFlag.CLEAR))


def _run(cluster: Cluster, is_done: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        if is_done():
            return
        cluster.run()
    raise RuntimeError(f"the ring came to rest, or is slow: not done after {cluster.cycles} cycles")
