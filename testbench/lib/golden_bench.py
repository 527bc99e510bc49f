"""One golden node between a scripted accelerator, a host and peers that a test plays by hand."""

import re
from collections.abc import Callable, Iterable

from interlock.device.golden import GoldenEngine
from interlock.model.log import Entry
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.scheduler import PlainScheduler, Scheduler
from interlock.wires import Event, HostItem, LinkItem, Segment

from lib.scripted import PLENTY, HandPeer, ScriptedAccelerator

MAKER, SERIAL = 0x0A0B0C0D, 0x01020304
OWN_ID = MAKER.to_bytes(4, "big") + SERIAL.to_bytes(4, "big") + bytes.fromhex("1111111122222222")
"""Of the session that :meth:`GoldenBench.open` opens."""
PEER_ID = b"the other source"

Step = Event | Callable[[GoldenNode], object]
"""What a recording consists of: choices, and between them what came in."""


class GoldenBench:
    """A node that runs alone, and a recording of everything that it did.

    Parameters
    ----------
    scheduler : Scheduler
    parameters :
        Of :class:`NodeParameters`.

    Attributes
    ----------
    steps : list of Step
        To be played back into a node as :meth:`fresh` makes.
    """

    def __init__(self, scheduler: Scheduler | None = None, **parameters: object) -> None:
        self.parameters = NodeParameters(
            **{"links": 2, "message_bytes": 8192, "is_sealed": False, **parameters}
        )
        self.node = self.fresh()
        self.engine = GoldenEngine(self.node, scheduler or PlainScheduler())
        self.peers = [HandPeer() for _ in range(self.parameters.links)]
        self.steps: list[Step] = []

    def fresh(self) -> GoldenNode:
        """A node that nothing has happened to."""
        accelerator = ScriptedAccelerator(len(self.parameters.issue_ports))
        return GoldenNode(
            parameters=self.parameters, accelerator=accelerator, maker=MAKER, serial=SERIAL, watch=True
        )

    def do(self, action: Callable[[GoldenNode], object]) -> None:
        """Something from outside happens to the node."""
        action(self.node)
        self.steps.append(action)

    def compute(self, port: int, count: int, repeat: int = 1, op_class: int = 0x21) -> None:
        self.do(lambda node: node.accelerator.compute(port, count, repeat, op_class))

    def send(self, *messages: object) -> None:
        for message in messages:
            self.do(lambda node, message=message: node.accelerator.send(message))

    def push_link(self, slot: int, items: Iterable[LinkItem]) -> None:
        items = list(items)
        self.do(lambda node: node.push_link(slot, items))

    def push_host(self, *items: HostItem) -> None:
        self.do(lambda node: node.push_host(items))

    def run(self, cycles: int = 200) -> None:
        """Lets the scheduler choose for so many cycles."""
        self.engine.run(cycles)
        self.steps += self.engine.pop_schedule()

    def choose(self, name: str, *arguments: int) -> None:
        """Makes one choice in the scheduler's place."""
        event = Event(self.engine.cycle, name, arguments)
        self.node.apply(event)
        self.steps.append(event)
        self.engine.cycle += 1

    @property
    def events(self) -> list[Event]:
        """What was chosen so far."""
        return [step for step in self.steps if isinstance(step, Event)]

    def open(self, *words: int) -> None:
        """Brings the node to open gates."""
        self.do(lambda node: node.push_random(words or (0x11111111, 0x22222222)))
        self.run()

    def connect(self, slot: int = 0, *, credit: int | None = PLENTY) -> None:
        """Brings a link up; the peer grants ``credit``."""
        self.push_link(slot, self.peers[slot].rise())
        self.run()
        assert self.node.links[slot].open
        if credit is not None:
            self.push_link(slot, [self.peers[slot].credit(credit)])
            self.run()

    def stream(self, slot: int, *parts: object, bound: int = 0, maximum: int = 1 << 20) -> None:
        self.do(lambda node: node.accelerator.stream(slot, *parts, bound=bound, maximum=maximum))

    def request_full(self, slot: int) -> None:
        self.do(lambda node: node.request_full(slot))

    def roll(self) -> None:
        self.do(lambda node: node.roll())

    def reopen(self, slot: int) -> None:
        self.do(lambda node: node.reopen(slot))


def peer_entry(flops: int = 100, **fields: int) -> Entry:
    """What a peer says of itself."""
    return Entry(PEER_ID, flops, **{"mode": 1, "weight_table": 1, "flags": 1, **fields})


def play(steps: Iterable[Step], node: GoldenNode) -> None:
    """Lets a recording happen to ``node``."""
    for step in steps:
        if isinstance(step, Event):
            node.apply(step)
        else:
            step(node)


def of(text: str) -> bytes:
    """Bytes of a hex dump with remarks behind #."""
    return bytes.fromhex(re.sub(r"#.*", "", text))


def sent_bytes(items: list[object]) -> list[bytes]:
    """The whole messages or records among ``items``."""
    assert all(item.first and item.last for item in items if isinstance(item, Segment))
    return [item.data for item in items if isinstance(item, Segment)]
