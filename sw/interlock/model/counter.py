"""The counter: op events become FLOPs."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.model.log import MAX_FLOPS
from interlock.model.parameters import Bin, Mode, NodeParameters


@dataclass(frozen=True, slots=True)
class Count:
    """What a sample holds: FLOPs in all, and by bin."""

    total: int
    bins: tuple[int, ...]


class Counter:
    """Adds up the events of every issue port, from runs of equal ones.

    The accelerator's events are put in as they become known, which may be long before the gateware counts
    them; a sample says how many of them it covers.

    Attributes
    ----------
    made : list of int
        Events that each port is known to have made.
    sampled : list of int
        Events (of an OPAQUE port: cycles) of each port that the last sample covered.
    over_peak, saturated : bool
        Whether an event that is known broke its port's peak, and whether the total no longer holds them all.
    """

    def __init__(self, parameters: NodeParameters) -> None:
        self.parameters = parameters
        ports = parameters.issue_ports
        self.made = [0] * len(ports)
        self.sampled = [0] * len(ports)
        self.over_peak = False
        self._known = 0  # FLOPs of all events that are known
        self._bins = [0] * len(Bin)  # exact sums of what was sampled
        self._runs: list[deque[tuple[int, int, Bin]]] = [deque() for _ in ports]

    def flops(self, op_class: int, count: int) -> int:
        """FLOPs of one event."""
        return count * self.parameters.weights[op_class].flops

    def put(self, port: int, op_class: int, count: int, repeat: int) -> None:
        """``repeat`` further events of ``port``, all alike.  An OPAQUE port's events are not looked at."""
        if self.parameters.issue_ports[port].mode is Mode.OPAQUE:
            return
        flops = self.flops(op_class, count)
        self.over_peak |= flops > self.parameters.issue_ports[port].peak
        self.made[port] += repeat
        self._known += repeat * flops
        self._runs[port].append((self.made[port], flops, self.parameters.weights[op_class].bin))

    @property
    def saturated(self) -> bool:
        """Whether 96 bits no longer hold all that is known."""
        return self._known > MAX_FLOPS

    def sample(self, positions: Sequence[int]) -> Count:
        """Count of the events before ``positions``, none of which may be below the last sample's."""
        for number, (port, position) in enumerate(zip(self.parameters.issue_ports, positions, strict=True)):
            if position < self.sampled[number]:
                raise ValueError("a count never falls")
            if port.mode is Mode.OPAQUE:
                self._bins[Bin.OTHER] += port.peak * (position - self.sampled[number])
            else:
                self._take(number, position)
            self.sampled[number] = position
        return Count(min(sum(self._bins), MAX_FLOPS), tuple(min(flops, MAX_FLOPS) for flops in self._bins))

    def _take(self, port: int, position: int) -> None:
        """Adds the events of an EVENTS port up to ``position``."""
        if position > self.made[port]:
            raise ValueError("an event is counted once it was made")
        runs, at = self._runs[port], self.sampled[port]
        while at < position:
            end, flops, bin = runs[0]
            until = min(end, position)
            self._bins[bin] += flops * (until - at)
            if until == end:
                runs.popleft()
            at = until
