"""A recorded schedule with every kind of event in it, and ways to forge it."""

from collections.abc import Callable
from dataclasses import replace

from interlock.model.accelerator import EventRun
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.scheduler import SeededScheduler
from interlock.wires import Event, Segment

from lib.golden_bench import MAKER, SERIAL, GoldenBench, Step, peer_entry
from lib.scripted import external

OWN_ID = (
    MAKER.to_bytes(4, "big") + SERIAL.to_bytes(4, "big") + (7).to_bytes(4, "big") + (8).to_bytes(4, "big")
)
Forge = Callable[["Forgery"], None]


def record(seed: int, **parameters: object) -> GoldenBench:
    """Two sessions of a node with two links, as a seeded scheduler lets them happen."""
    bench = GoldenBench(SeededScheduler(seed), **parameters)
    bench.open()
    bench.connect(0)
    bench.connect(1)

    # Messages of every kind, legal and not, in all directions.
    bench.compute(0, 16, 100)
    bench.compute(1, 4, 10, op_class=0x12)
    bench.send(Message(Kind.PEER, 0, bytes(5000)), Message(Kind.PEER, 2, b"no such slot"))
    bench.compute(0, 16, 50)
    bench.send(Message(Kind.EXPORT, 0, b"export"))
    bench.compute(0, 16, 100)
    bench.send(Message(Kind.PEER, 1, b""))
    bench.push_host(external(b"one"), Segment(bytes(16), True, True), external(b"two"))
    second = Entry(b"a second source.", 5, 1, 1, 1)
    bench.push_link(0, bench.peers[0].message([peer_entry(), second], bytes(5000)))
    bench.push_link(0, bench.peers[0].message([peer_entry(), second]))
    bench.run(2000)

    # A fault closes channel 0, and the host reopens it.
    bench.push_link(0, [Segment(bytes(48), True, True)])
    bench.run()
    bench.push_link(0, bench.peers[0].fall())
    bench.run()
    bench.reopen(0)
    bench.run()
    bench.connect(0)

    # Another one, that only the log sees; there the peer is behind by a record that is not wrong.
    bench.push_link(0, bench.peers[0].message([peer_entry(mode=2)], b"x"))
    bench.run()
    bench.push_link(0, bench.peers[0].fall())
    bench.reopen(0)
    bench.run()
    bench.connect(0)

    # The peer of channel 1 goes down, while messages wait for it, and comes back with little room: for the
    # first one never, for the second one at once, and for the third one later.
    down, out = bench.peers[1].fall()
    bench.push_link(1, [down])
    bench.run()
    bench.send(Message(Kind.PEER, 1, bytes(49)), Message(Kind.PEER, 1, b""), Message(Kind.PEER, 1, bytes(48)))
    bench.run()
    bench.push_link(1, [out])
    bench.run()
    bench.connect(1, credit=64)
    bench.run()
    bench.push_link(1, [bench.peers[1].credit(200)])
    bench.request_full(1)
    bench.run()

    # Two streams, the first of which is longer than it may be; the host sends something in the window of the
    # second one.
    part = bytes(5000)
    bench.stream(0, part, EventRun(0, 0x21, 16, 5), part, bound=1000, maximum=6000)
    bench.stream(0, part, EventRun(0, 0x21, 16, 5), part, bound=100_000)
    while not bench.node.egress.is_window_open or bench.node.egress.stream.message.is_broken:
        bench.run(1)
    bench.push_host(external(b"three"))
    bench.choose("host_accept")
    bench.choose("merge", 2)
    bench.choose("merge", 2)
    bench.run(1000)

    # A new session, from the middle of a host's message; and in it an alarm.
    bench.push_host(Segment(external(bytes(32)).data[:32], True, False))
    bench.roll()
    bench.open(7, 8)
    for slot in (0, 1):
        bench.push_link(slot, bench.peers[slot].fall())
    bench.run()
    bench.connect(0)
    bench.push_link(0, bench.peers[0].message([peer_entry(), Entry(OWN_ID, 1, 1, 1, 1)]))
    bench.run()
    bench.roll()
    bench.open(9, 10)
    bench.push_link(0, bench.peers[0].fall())
    bench.run()
    return bench


class Forgery:
    """A recording that can be changed.

    Attributes
    ----------
    at : int
        Where the first change was made.
    """

    def __init__(self, steps: list[Step]) -> None:
        self.steps = list(steps)
        self.at = len(self.steps)

    def find(
        self, name: str, *arguments: int | None, nth: int = 0, after: int = 0, last: bool = False
    ) -> int:
        """Index of the ``nth`` event of this name with these first arguments, ``None`` for any."""
        found = [
            index
            for index, step in enumerate(self.steps)
            if index >= after
            and isinstance(step, Event)
            and step.name == name
            and all(want in (None, got) for want, got in zip(arguments, step.arguments, strict=False))
        ]
        return found[-1] if last else found[nth]

    def drop(self, index: int) -> Step:
        self._change(index)
        return self.steps.pop(index)

    def insert(self, index: int, name: str, *arguments: int) -> None:
        """A further event before the one at ``index``, in the cycle of the event before it."""
        self._change(index)
        before = next((step.cycle for step in reversed(self.steps[:index]) if isinstance(step, Event)), 0)
        self.steps.insert(index, Event(before, name, arguments))

    def insert_after(self, index: int, name: str, *arguments: int) -> None:
        self.insert(index + 1, name, *arguments)

    def repeat(self, index: int) -> None:
        """The same event once more."""
        event = self.event(index)
        self.insert_after(index, event.name, *event.arguments)

    def change(self, index: int, **fields: object) -> None:
        """Another cycle, name or arguments."""
        self._change(index)
        self.steps[index] = replace(self.event(index), **fields)

    def add(self, index: int, *amounts: int) -> None:
        """Other arguments: larger by ``amounts``."""
        arguments = self.event(index).arguments
        self.change(index, arguments=tuple(a + b for a, b in zip(arguments, amounts, strict=True)))

    def move(self, index: int, to: int) -> None:
        """To an earlier place."""
        event = self.event(index)
        self.drop(index)
        self.insert(to, event.name, *event.arguments)

    def event(self, index: int) -> Event:
        step = self.steps[index]
        assert isinstance(step, Event)
        return step

    def _change(self, index: int) -> None:
        self.at = min(self.at, index)
