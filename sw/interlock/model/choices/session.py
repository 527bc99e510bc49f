"""Choices that begin and end sessions."""

from typing import TYPE_CHECKING

from interlock.model.log import Entry, Log, ProvenanceFlag
from interlock.model.schedule import Rule
from interlock.model.session import Alarm, State
from interlock.wires import Rolled

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode


def reopen(node: "GoldenNode", slot: int) -> None:
    if not node.reopen_asked[slot]:
        raise node.illegal(Rule.REOPEN_ASKED)
    node.reopen_asked[slot] = False
    link = node.links[slot]
    if link.closed_at != node.cycle:  # the host cannot mean a channel that is closing in this very cycle
        link.closed = False


def roll(node: "GoldenNode", host_beats: int) -> None:
    if not node.roll_asked:
        raise node.illegal(Rule.ROLL_ASKED)
    if not node.host_in.lose(host_beats):
        raise node.illegal(Rule.ROLL_BEATS)
    node.roll_asked = node.roll_due = False
    _close_gates(node)
    node.accelerator.clear()
    for outbox in (node.host, node.tx, node.rx, *node.operations):
        outbox.note(Rolled())
    node.begin_session()


def alarm(node: "GoldenNode", bits: int) -> None:
    if node.session.state not in (State.DRAW, State.OPEN):
        raise node.illegal(Rule.ALARM_STATE)
    # Plain integers: `~` of a flag inverts only the bits that it knows.
    while bits & ~int(node.alarms | node.possible_alarms) and node.compute():
        pass
    unknown = bits & ~int(node.alarms | node.possible_alarms)
    if unknown or not bits:
        raise node.illegal(Rule.ALARM_REASON, f"{Alarm(unknown)!r}")
    node.session.state = State.CLOSED
    _close_gates(node)


def draw(node: "GoldenNode") -> None:
    session = node.session
    if session.state not in (State.CLEAR, State.DRAW) or len(session.drawn) == node.words:
        raise node.illegal(Rule.DRAW_STATE)
    if not node.random:
        raise node.illegal(Rule.DRAW_WORD)
    session.state = State.DRAW
    session.drawn.append(node.random.popleft())


def opened(node: "GoldenNode") -> None:
    session = node.session
    if session.state is not State.DRAW or len(session.drawn) != node.words:
        raise node.illegal(Rule.OPENED_DRAWN)
    if any(link.open for link in node.links):
        raise node.illegal(Rule.OPENED_ENDED)
    own = Entry(
        session_id=session.session_id,
        flops=0,
        mode=node.parameters.mode,
        weight_table=node.parameters.weights.number,
        flags=ProvenanceFlag(0) if node.parameters.is_sealed else ProvenanceFlag.CLEAR,
    )
    node.log = Log(own=own, capacity=node.parameters.log_entries, slots=len(node.links))
    session.state = State.OPEN
    session.opened_at = node.cycle


def _close_gates(node: "GoldenNode") -> None:
    """Closed channels are forgotten, and nobody waits for an epoch any more; open ones end by themselves."""
    for link in node.links:
        link.closed = False
        if not link.open:
            link.take_keys(None)
