"""What goes over a node's wires, and a node as every engine offers it.

The golden model, the Verilated gateware and a board are the same object to a cluster, a demo or a campaign:
bytes and levels go in, the node runs for a while, bytes and levels come out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive bytes of one message or record: whole beats, but for the one with ``last``.

    ``first`` and ``last`` say whether the first byte is the first of its message or record, and the last one
    its last.  How a message is cut into segments means nothing.
    """

    data: bytes
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class RawBeat:
    """One beat whose ``keep`` need not be legal: what only a test sends."""

    data: bytes
    keep: int
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Level:
    """The levels of one direction of a link change here, between the bytes before and those after.

    A change is alone in its cycle: gateware needs one to open its end.
    """

    up: bool
    heard: bool


@dataclass(frozen=True, slots=True)
class Rolled:
    """A new session began here: in what the node sent to its host, its accelerator, or counted."""


@dataclass(frozen=True, slots=True)
class OpRun:
    """``repeat`` consecutive op events of one issue port, all alike."""

    op_class: int
    count: int
    repeat: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the schedule (``docs/specification.md``, *Schedule*), with its arguments as listed there.

    The bench adds to what the gateware's trace says: ``level`` and ``reopen``, after all other events of
    the cycle in which it drives them (nothing sees them before the next one); the positions of ``sample``;
    and the argument of ``roll``.
    """

    cycle: int
    name: str
    arguments: tuple[int, ...] = ()


LinkItem = Segment | RawBeat | Level
HostItem = Segment | RawBeat


class Node(Protocol):
    """One accelerator behind its Interlock.

    Everything pushed waits until the node takes it; ``run`` runs; everything popped is what came out since
    the last pop, in order.  A link starts with both levels low in either direction; a ``Level`` stands for a
    change.
    """

    def push_link(self, slot: int, items: Iterable[LinkItem]) -> None:
        """The other end of link ``slot`` sends ``items``."""

    def push_host(self, items: Iterable[HostItem]) -> None:
        """The host sends ``items`` to host in."""

    def push_random(self, words: Iterable[int]) -> None:
        """Words of 32 random bits: two a session for its id, and four more where its log is hashed."""

    def push_keys(self, items: Iterable[Segment]) -> None:
        """Keys for links come, a message for each (``docs/specification.md``, *Keys*)."""

    def wants_keys(self, slot: int) -> bool:
        """Whether link ``slot`` waits for keys, and none are on their way to this node."""

    @property
    def session_id(self) -> bytes | None:
        """Of the session whose gates are open, and that no roll is about to end."""

    def roll(self) -> None:
        """The host asks for a new session, in the next cycle that runs.  Keys on their way are lost."""

    def reopen(self, slot: int) -> None:
        """The host wants a closed channel back, in the next cycle that runs."""

    def request_full(self, slot: int) -> None:
        """The host wants the other end of an open link to send its whole log next."""

    def run(self, cycles: int) -> None:
        """Runs for ``cycles`` clock cycles; engines without a clock make about as many choices."""

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        """What link ``slot`` sent."""

    def pop_host(self) -> Sequence[Segment | Rolled]:
        """What host out sent."""


class TracedNode(Node, Protocol):
    """A node that can be checked from outside: it also shows its schedule and the accelerator's ports.

    What the accelerator does while the session is in CLEAR (``tx`` drained, events ignored) is not shown.
    """

    def pop_schedule(self) -> Sequence[Event]:
        """What timing decided, in order."""

    def pop_tx(self) -> Sequence[Segment | Rolled]:
        """What the accelerator sent."""

    def pop_rx(self) -> Sequence[Segment | Rolled]:
        """What was released to the accelerator."""

    def pop_operations(self, port: int) -> Sequence[OpRun | Rolled]:
        """The op events of issue port ``port``, in runs."""
