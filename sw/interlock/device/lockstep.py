"""Two engines as one node: gateware, and the golden model that follows its schedule."""

from collections.abc import Iterable, Sequence

from interlock.device.compare import LinkWire, Mismatch, OperationWire, Wire
from interlock.model.node import GoldenNode
from interlock.model.parameters import Mode
from interlock.model.schedule import IllegalChoice
from interlock.model.session import State
from interlock.wires import HostItem, Level, LinkItem, Rolled, Segment, TracedNode

_IDLE_STEPS = 100_000
"""Steps that an accelerator may take without anything coming of them."""


class LockstepNode:
    """A node whose every byte, and every choice, is checked while it runs.

    What is pushed goes to both, what is popped comes from the node under test.  Any difference is raised by
    :meth:`run`, or by :meth:`finish`, as a :class:`Mismatch`.

    Parameters
    ----------
    node : TracedNode
        The node under test.
    golden : GoldenNode
        Of the same parameters and device, with ``watch``.
    name : str
        Begins the names of its wires in messages.
    """

    def __init__(self, node: TracedNode, golden: GoldenNode, *, name: str = "node") -> None:
        if not golden.watch:
            raise ValueError("lockstep needs a golden node with watch=True")
        self.node = node
        self.golden = golden
        self.name = name
        self.cycles = 0
        self._links = [LinkWire(f"{name}.link{slot}.tx", link.sent) for slot, link in enumerate(golden.links)]
        self._host = Wire(f"{name}.host_out", golden.host)
        self._tx = Wire(f"{name}.accelerator.tx", golden.tx)
        self._rx = Wire(f"{name}.accelerator.rx", golden.rx)
        # What an OPAQUE port does is not reported, by either.
        self._operations = {
            port: OperationWire(f"{name}.accelerator.port{port}", outbox)
            for port, outbox in enumerate(golden.operations)
            if golden.parameters.issue_ports[port].mode is Mode.EVENTS
        }
        self._link_items: list[list[Segment | Level]] = [[] for _ in golden.links]
        self._host_items: list[Segment | Rolled] = []

    def push_link(self, slot: int, items: Iterable[LinkItem]) -> None:
        items = list(items)
        self.node.push_link(slot, items)
        self.golden.push_link(slot, items)

    def push_host(self, items: Iterable[HostItem]) -> None:
        items = list(items)
        self.node.push_host(items)
        self.golden.push_host(items)

    def push_random(self, words: Iterable[int]) -> None:
        words = list(words)
        self.node.push_random(words)
        self.golden.push_random(words)

    def push_keys(self, items: Iterable[Segment]) -> None:
        items = list(items)
        self.node.push_keys(items)
        self.golden.push_keys(items)

    def wants_keys(self, slot: int) -> bool:
        return self.node.wants_keys(slot)

    @property
    def session_id(self) -> bytes | None:
        return self.node.session_id

    def roll(self) -> None:
        self.node.roll()
        self.golden.roll()

    def reopen(self, slot: int) -> None:
        self.node.reopen(slot)
        self.golden.reopen(slot)

    def request_full(self, slot: int) -> None:
        self.node.request_full(slot)
        self.golden.request_full(slot)

    def run(self, cycles: int) -> None:
        """Runs the node under test, and then the golden one through the same choices."""
        self.node.run(cycles)
        self.cycles += cycles
        try:
            self._compare()
        except Mismatch as mismatch:
            mismatch.before(self.cycles)
            raise

    def _compare(self) -> None:
        """Follows the node under test through what it did since the last time."""
        self._collect()
        for event in self.node.pop_schedule():
            if event.name == "roll":
                self._follow_accelerator()  # for it is about to forget what it did
            try:
                self.golden.apply(event)
            except IllegalChoice as illegal:
                raise Mismatch(f"{self.name}.schedule", str(illegal)) from illegal
        self._follow_accelerator()
        for wire in self._wires:
            wire.compare()
            if wire.is_ahead:
                raise Mismatch(wire.name, "there is more than there should be")

    def outstanding(self) -> list[str]:
        """What has still to happen before everything that was sent has had its consequences."""
        wires: list[Wire | OperationWire] = list(self._links)
        busy = False
        if self.golden.session.state is not State.CLOSED:  # closed gates hold back whatever was on its way
            wires += [self._host, self._rx]
            if not self.golden.egress.accepted:  # a message that cannot leave holds up its accelerator
                wires += [self._tx, *self._operations.values()]
                busy = self._accelerator_runs_on()
        return [
            *self.golden.outstanding(),
            *(f"{wire.name} is incomplete" for wire in wires if wire.is_behind),
            *(["the accelerator still runs"] if busy else []),
        ]

    def finish(self) -> None:
        """Ends the run: nothing may be outstanding, in either node, nor left to compare."""
        self.run(0)
        left = self.outstanding()
        if left:
            raise Mismatch(self.name, f"outstanding: {'; '.join(left)}").before(self.cycles)

    @property
    def bytes_compared(self) -> dict[str, int]:
        """How many bytes of each wire were compared, each once."""
        return {
            **{f"link{slot}.tx": wire.bytes_compared for slot, wire in enumerate(self._links)},
            "host_out": self._host.bytes_compared,
            "accelerator.tx": self._tx.bytes_compared,
            "accelerator.rx": self._rx.bytes_compared,
        }

    @property
    def events_compared(self) -> dict[int, int]:
        """How many op events of each EVENTS port were compared."""
        return {port: wire.events_compared for port, wire in self._operations.items()}

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        items, self._link_items[slot] = self._link_items[slot], []
        return items

    def pop_host(self) -> Sequence[Segment | Rolled]:
        items, self._host_items = self._host_items, []
        return items

    @property
    def _wires(self) -> Sequence[Wire | OperationWire]:
        return (*self._links, self._host, self._tx, self._rx, *self._operations.values())

    def _collect(self) -> None:
        """Takes from the node under test what it has sent."""
        for slot, wire in enumerate(self._links):
            link_items = self.node.pop_link(slot)
            self._link_items[slot] += link_items
            wire.put(link_items)
        host_items = self.node.pop_host()
        self._host_items += host_items
        self._host.put(host_items)
        self._tx.put(self.node.pop_tx())
        self._rx.put(self.node.pop_rx())
        for port, operations in self._operations.items():
            operations.put(self.node.pop_operations(port))

    def _follow_accelerator(self) -> None:
        """Lets the golden accelerator compute as far as the other has come, and compares what both did."""
        wires: list[Wire | OperationWire] = [self._tx, *self._operations.values()]
        for wire in wires:
            wire.compare()
            while wire.is_ahead_in_session and self.golden.compute():
                wire.compare()

    def _accelerator_runs_on(self) -> bool:
        """Lets the golden accelerator compute until it waits or something comes of it; if neither happens."""
        wires: list[Wire | OperationWire] = [self._tx, *self._operations.values()]
        for _ in range(_IDLE_STEPS):
            if not self.golden.compute():
                return False
            for wire in wires:
                wire.compare()
                if wire.is_behind:
                    return False
        return True
