"""A schedule without gateware: what may happen next, and somebody who chooses."""

import random
from collections.abc import Iterator
from typing import Protocol

from interlock.model.egress import Exporting, Sending
from interlock.model.messages import HOST_KINDS, TX_KINDS, Kind
from interlock.model.node import GoldenNode
from interlock.model.parameters import Mode
from interlock.model.session import State

Choice = tuple[str, tuple[int, ...]]
"""Name and arguments of an event."""

STAGED = 2
"""Messages that wait in one place, at most."""


class Scheduler(Protocol):
    """Decides what a golden node does next."""

    def choose(self, node: GoldenNode, cycle: int) -> Choice | None:
        """One of :func:`choices`, or nothing in this cycle."""

    def keep(self, size: int) -> int:
        """How many of ``size`` bytes, on their way out when it ends, still leave."""


class PlainScheduler:
    """Always the first of all choices: ends before beginnings, and what was begun before anything new."""

    def choose(self, node: GoldenNode, cycle: int) -> Choice | None:
        while not node.sent and node.compute():
            pass
        return next(choices(node, cycle), None)

    def keep(self, size: int) -> int:
        return size


class SeededScheduler:
    """Any choice, at random, and the same ones again for the same seed.

    Each seed is slow at some kinds of event, so that queues fill up, now here, now there.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._hastes: dict[str, float] = {}

    def choose(self, node: GoldenNode, cycle: int) -> Choice | None:
        if self._random.random() < 0.5:
            node.compute()
        options = list(choices(node, cycle))
        if not options:
            node.compute()
            return None
        name, arguments = self._random.choice(options)
        if self._random.random() > self._haste(name):
            return None
        if name == "sample":
            return name, self._positions(node, arguments)
        if name == "roll":
            return name, (self._taken(node),)
        return name, arguments

    def keep(self, size: int) -> int:
        return self._random.randint(0, size // 16) * 16

    def _haste(self, name: str) -> float:
        """Probability with which an event is not put off once more."""
        if name not in self._hastes:
            self._hastes[name] = self._random.choice([1.0, 1.0, 1.0, 0.1])
        return self._hastes[name]

    def _positions(self, node: GoldenNode, latest: tuple[int, ...]) -> tuple[int, ...]:
        """Anywhere between the events that must be covered and all that were made."""
        outgoing = node.egress.unsampled
        assert outgoing is not None
        return tuple(
            position
            if port.mode is Mode.OPAQUE
            else self._random.randint(
                max(outgoing.events_before[number], node.counter.sampled[number]), position
            )
            for number, (port, position) in enumerate(zip(node.parameters.issue_ports, latest, strict=True))
        )

    def _taken(self, node: GoldenNode) -> int:
        """Some beats of the host's next message, but not its last one."""
        if not node.host_in.queue:
            return 0
        return self._random.randint(0, node.host_in.queue[0].beats - 1)


def choices(node: GoldenNode, cycle: int) -> Iterator[Choice]:
    """What may happen in ``node`` next: only what is legal, and what keeps its queues short."""
    yield from _endings(node)
    if node.session.state in (State.CLEAR, State.DRAW):
        if len(node.session.drawn) == 2:
            if not any(link.open for link in node.links):
                yield "opened", ()
        elif node.random:
            yield "draw", ()
    if node.session.state is State.OPEN:
        yield from _inward(node)
    yield from _levels(node)
    if node.session.state is State.OPEN:
        yield from _outward(node, cycle)


def _endings(node: GoldenNode) -> Iterator[Choice]:
    is_open = node.session.state is State.OPEN
    for slot, link in enumerate(node.links):
        if link.open and (link.lost or link.closed or not is_open):
            yield "end", (slot,)
        elif link.open and node.fault(slot) is not None:
            yield "close", (slot,)
    if node.alarms and node.session.state in (State.DRAW, State.OPEN):
        yield "alarm", (node.alarms,)
    if node.roll_asked:
        yield "roll", (0,)


def _levels(node: GoldenNode) -> Iterator[Choice]:
    for slot, link in enumerate(node.links):
        if node.reopen_asked[slot]:
            yield "reopen", (slot,)
        if node.session.state is State.OPEN:
            if link.can_open:
                yield "open", (slot,)
            elif not (link.up or link.closed or link.peer.heard):
                yield "up", (slot,)
        if link.level_is_next:
            yield "level", (slot,)


def _inward(node: GoldenNode) -> Iterator[Choice]:
    host = node.parameters.links
    for slot, (link, ingress) in enumerate(zip(node.links, node.ingress, strict=True)):
        if ingress.to_merge:
            yield "merge", (slot,)
        elif (
            link.open
            and not link.closed
            and link.record_is_whole
            and node.fault(slot) is None
            and len(ingress.complete) < STAGED
        ):
            yield "take", (slot,)
        if ingress.complete:
            yield "release", (slot,)
    if node.marked < len(node.external):
        yield "merge", (host,)
    if node.marked:
        yield "release", (host,)
    if node.host_in.queue and node.host_in.queue[0].complete and len(node.external) < STAGED:
        frame = node.host_in.queue[0]
        is_legal = not frame.fault and node.judge(bytes(frame.data), HOST_KINDS) is not None
        yield ("host_accept" if is_legal else "host_refuse"), ()


def _outward(node: GoldenNode, cycle: int) -> Iterator[Choice]:
    egress, host = node.egress, node.parameters.links
    sending = egress.sending
    if isinstance(sending, Exporting) and sending.ticks is None:
        yield "ticks", (cycle - node.session.opened_at,)
    elif egress.scan is not None:
        yield "read", (len(egress.scan.entries),)
    if isinstance(sending, Sending) and sending.next_record is not None:
        type, length = sending.next_record
        if not sending.has_begun or sending.scan.is_complete:
            yield "record", (sending.message.peer, type, length)
    if sending is None and egress.scan is None and egress.accepted and egress.accepted[0].count is not None:
        message = egress.accepted[0].message
        if message.kind is Kind.EXPORT:
            yield "scan", (host,)
        elif node.links[message.peer].open:
            yield "scan", (message.peer,)
    if egress.unsampled is not None:
        yield (
            "sample",
            tuple(
                cycle - node.session.opened_at + 1 if port.mode is Mode.OPAQUE else made
                for port, made in zip(node.parameters.issue_ports, node.counter.made, strict=True)
            ),
        )
    if node.sent and len(egress.accepted) < STAGED:
        yield ("tx_refuse" if node.judge(node.sent[0].data, TX_KINDS) is None else "tx_accept"), ()
