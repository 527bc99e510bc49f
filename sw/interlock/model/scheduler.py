"""A schedule without gateware: what may happen next, and somebody who chooses."""

import random
from collections.abc import Iterator
from typing import Protocol

from interlock.model.egress import Cut, Exporting, Sending
from interlock.model.messages import HOST_KINDS, Kind
from interlock.model.node import GoldenNode
from interlock.model.parameters import Mode
from interlock.model.records import RecordType
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
    """Always the first of all choices: ends before beginnings, and what was begun before anything new.

    Cuts are as long as they can be, and no sample covers more than it must.
    """

    def choose(self, node: GoldenNode, cycle: int) -> Choice | None:
        while not node.sent and node.compute():
            pass
        choice = next(choices(node, cycle), None)
        if choice is not None and choice[0] == "sample":
            return "sample", earliest(node, choice[1])
        return choice

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
        return name, self._vary(node, name, arguments)

    def keep(self, size: int) -> int:
        return self._random.randint(0, size // 16) * 16

    def _haste(self, name: str) -> float:
        """Probability with which an event is not put off once more."""
        if name not in self._hastes:
            self._hastes[name] = self._random.choice([1.0, 1.0, 1.0, 0.1])
        return self._hastes[name]

    def _vary(self, node: GoldenNode, name: str, arguments: tuple[int, ...]) -> tuple[int, ...]:
        """Other arguments, as far as timing decides them."""
        match name:
            case "sample":
                return self._positions(node, arguments)
            case "roll":
                return (self._taken(node),)
            case "cut":
                return self._cut(node, arguments[0])
            case "grant":
                granted = node.credit(arguments[0]).granted
                return (
                    arguments
                    if granted is None
                    else (arguments[0], self._random.randint(granted, arguments[1]))
                )
        return arguments

    def _positions(self, node: GoldenNode, latest: tuple[int, ...]) -> tuple[int, ...]:
        """Anywhere between the events that must be covered and all that were made."""
        least = earliest(node, latest)
        unsampled = node.egress.unsampled
        is_of_stream = isinstance(unsampled, Cut) or (unsampled is not None and unsampled.message.is_stream)
        if is_of_stream and self._random.random() < 0.8:
            return least  # most of what is made later is no part of the stream
        return tuple(self._random.randint(*between) for between in zip(least, latest, strict=True))

    def _cut(self, node: GoldenNode, largest: int) -> tuple[int, ...]:
        """All that may be cut, or fewer whole words."""
        stream = node.egress.stream
        assert stream is not None
        length = largest
        if largest > 16 and self._random.random() < 0.7:
            length = self._random.randint(1, (largest - 1) // 16) * 16
        return length, int(stream.is_last_cut(length))

    def _taken(self, node: GoldenNode) -> int:
        """Some beats of the host's next message, but not its last one."""
        if not node.host_in.queue:
            return 0
        return self._random.randint(0, node.host_in.queue[0].beats - 1)


def earliest(node: GoldenNode, latest: tuple[int, ...]) -> tuple[int, ...]:
    """The least that the next sample may cover, of which ``latest`` is the most."""
    before = node.egress.events_to_cover
    return tuple(
        position if port.mode is Mode.OPAQUE else max(before[number], node.counter.sampled[number])
        for number, (port, position) in enumerate(zip(node.parameters.issue_ports, latest, strict=True))
    )


def choices(node: GoldenNode, cycle: int) -> Iterator[Choice]:
    """What may happen in ``node`` next: only what is legal, and what keeps its queues short."""
    yield from _endings(node)
    if node.session.state in (State.CLEAR, State.DRAW):
        if len(node.session.drawn) == node.words:
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
    for slot, link in enumerate(node.links):
        if link.open and (node.must_end(slot) or slot == node.next_keys_slot):
            yield "end", (slot,)
        elif link.open and node.fault(slot) is not None:
            yield "close", (slot,)
    if node.alarms and node.session.state in (State.DRAW, State.OPEN):
        yield "alarm", (node.alarms,)
    if node.roll_asked:
        yield "roll", (0,)


def _levels(node: GoldenNode) -> Iterator[Choice]:
    keys_for = node.next_keys_slot
    is_open = keys_for is not None and any(link.open for link in node.links[keys_for : keys_for + 1])
    if keys_for is not None and not is_open and node.session.state is State.OPEN:
        yield "key", ()
    for slot, link in enumerate(node.links):
        if node.reopen_asked[slot]:
            yield "reopen", (slot,)
        if node.session.state is State.OPEN:
            if link.can_open:
                yield "open", (slot,)
            elif not (link.up or link.closed or link.peer.heard or link.lacks_keys):
                yield "up", (slot,)
        if link.level_is_next:
            yield "level", (slot,)


def _inward(node: GoldenNode) -> Iterator[Choice]:
    host = node.parameters.links
    for slot, (link, ingress) in enumerate(zip(node.links, node.ingress, strict=True)):
        if ingress.to_merge:
            yield "merge", (slot,)
        elif link.open and not link.closed and link.record_is_whole and node.fault(slot) is None:
            yield "take", (slot,)
        if ingress.complete and not node.egress.is_window_open:
            yield "release", (slot,)
    if node.unmerged is not None:
        yield "merge", (host,)
    if node.external and node.external[0].is_logged and not node.egress.is_window_open:
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
    elif egress.scan is not None and egress.scan.next_item is not None:
        yield "read", egress.scan.next_item
    if isinstance(sending, Sending):
        yield from _records(sending)
    yield from _credit(node)
    if egress.accepted:
        oldest = egress.accepted[0]
        if node.must_drop(oldest):
            yield "drop", (oldest.message.peer,)
        is_alone = sending is None and egress.scan is None
        if is_alone and oldest.count is not None and node.may_start(oldest):
            yield "scan", (host if oldest.message.kind is Kind.EXPORT else oldest.message.peer,)
    if egress.unsampled is not None:
        yield (
            "sample",
            tuple(
                cycle - node.session.opened_at + 1 if port.mode is Mode.OPAQUE else made
                for port, made in zip(node.parameters.issue_ports, node.counter.made, strict=True)
            ),
        )
    if node.sent and len(egress.accepted) < STAGED:
        yield ("tx_refuse" if node.judge_sent(node.sent[0]) is None else "tx_accept"), ()


def _records(sending: Sending) -> Iterator[Choice]:
    """What the message being sent has to send next."""
    slot = sending.message.peer
    if sending.largest_cut:
        yield "cut", (sending.largest_cut, int(sending.is_last_cut(sending.largest_cut)))
    if sending.is_inside_record:
        return
    if sending.may_abort and sending.is_prefix_sent:
        yield "abort", (slot,)
    if sending.next_record is not None:
        type, length = sending.next_record
        if type is RecordType.PREFIX or sending.is_cut_covered:
            yield "record", (slot, type, length)


def _credit(node: GoldenNode) -> Iterator[Choice]:
    """Records that may stand between any two others."""
    for slot, link in enumerate(node.links):
        if not link.open or node.is_inside_record(slot):
            continue
        credit = node.credit(slot)
        if credit.is_owed:
            yield "grant", (slot, credit.grantable)
        if node.full_asked[slot]:
            yield "full_request", (slot,)
