"""What a campaign did."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from interlock.device.lockstep import LockstepNode
from lib.watched import WatchedNode


@dataclass
class Tally:
    """Sums over histories.

    Attributes
    ----------
    bytes : int
        Bytes of wires that were compared.
    altered : int
        Pieces that an attacker altered.
    messages, streams, deltas : int
        Messages that accelerators began, those of them with flag STREAM, and DELTA prefixes that left.
    choices : Counter
        Events of the schedule that were checked.
    """

    histories: int = 0
    cycles: int = 0
    bytes: int = 0
    altered: int = 0
    messages: int = 0
    streams: int = 0
    deltas: int = 0
    choices: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, nodes: Iterable[LockstepNode], *, altered: int = 0) -> Self:
        """One history of ``nodes``."""
        tally = cls(histories=1, altered=altered)
        for node in nodes:
            assert isinstance(node.node, WatchedNode)
            tally.cycles += node.cycles
            tally.bytes += sum(node.bytes_compared.values())
            tally.messages += node.node.messages
            tally.streams += node.node.streams
            tally.deltas += node.node.deltas
            tally.choices += node.node.choices
        return tally

    def add(self, other: "Tally") -> None:
        self.histories += other.histories
        self.cycles += other.cycles
        self.bytes += other.bytes
        self.altered += other.altered
        self.messages += other.messages
        self.streams += other.streams
        self.deltas += other.deltas
        self.choices += other.choices

    def __str__(self) -> str:
        choices = ", ".join(f"{count} {name}" for name, count in sorted(self.choices.items()))
        return (
            f"{self.histories} histories, {self.cycles} cycles, {self.bytes} bytes compared, "
            f"{self.altered} pieces altered, {self.messages} messages, {self.streams} streams, "
            f"{self.choices['abort']} aborts, {self.deltas} deltas; {choices}"
        )
