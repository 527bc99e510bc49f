"""The golden model as an engine: a node that needs no gateware."""

from collections.abc import Iterable, Sequence
from typing import Any

from interlock.model.node import GoldenNode
from interlock.model.scheduler import Scheduler
from interlock.wires import Event, HostItem, Level, LinkItem, OpRun, Rolled, Segment


class GoldenEngine:
    """A :class:`~interlock.wires.TracedNode` that is a golden node, led by a scheduler: one choice a cycle.

    Parameters
    ----------
    node : GoldenNode
        With ``watch``, the accelerator's ports and the schedule are shown.
    scheduler : Scheduler

    Attributes
    ----------
    cycle : int
        Cycles that have run.
    """

    def __init__(self, node: GoldenNode, scheduler: Scheduler) -> None:
        self.node = node
        self.scheduler = scheduler
        self.cycle = 0
        self._schedule: list[Event] = []

    def push_link(self, slot: int, items: Iterable[LinkItem]) -> None:
        self.node.push_link(slot, items)

    def push_host(self, items: Iterable[HostItem]) -> None:
        self.node.push_host(items)

    def push_random(self, words: Iterable[int]) -> None:
        self.node.push_random(words)

    def push_keys(self, items: Iterable[Segment]) -> None:
        self.node.push_keys(items)

    def wants_keys(self, slot: int) -> bool:
        return self.node.wants_keys(slot)

    @property
    def session_id(self) -> bytes | None:
        return self.node.session_id

    def roll(self) -> None:
        self.node.roll()

    def reopen(self, slot: int) -> None:
        self.node.reopen(slot)

    def request_full(self, slot: int) -> None:
        self.node.request_full(slot)

    def run(self, cycles: int) -> None:
        for cycle in range(self.cycle, self.cycle + cycles):
            choice = self.scheduler.choose(self.node, cycle)
            if choice is None:
                continue
            event = Event(cycle, *choice)
            # What an ending meets on its way out may leave, or not.
            if event.name == "end":
                self.node.links[event.arguments[0]].sent.cut(self.scheduler.keep)
            elif event.name == "roll":
                self.node.host.cut(self.scheduler.keep)
            self.node.apply(event)
            if self.node.watch:
                self._schedule.append(event)
        self.cycle += cycles

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        return self._pop(self.node.links[slot].sent.take())

    def pop_host(self) -> Sequence[Segment | Rolled]:
        return self._pop(self.node.host.take())

    def pop_schedule(self) -> Sequence[Event]:
        schedule, self._schedule = self._schedule, []
        return schedule

    def pop_tx(self) -> Sequence[Segment | Rolled]:
        return self._pop(self.node.tx.take())

    def pop_rx(self) -> Sequence[Segment | Rolled]:
        return self._pop(self.node.rx.take())

    def pop_operations(self, port: int) -> Sequence[OpRun | Rolled]:
        return self._pop(self.node.operations[port].take())

    @staticmethod
    def _pop(items: list[Any]) -> list[Any]:
        """What an outbox held: each wire has items of its own kinds, which types do not say."""
        return items
