"""A node of Verilated gateware, behind the protocol of every engine."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from amaranth.lib import wiring

from interlock.device.rtl import Rtl
from interlock.errors import Malformed
from interlock.wires import Event, HostItem, Level, LinkItem, OpRun, Rolled, Segment

Mark = TypeVar("Mark", Level, Rolled)


class RtlNode:
    """A :class:`~interlock.wires.TracedNode` that is gateware, cycle by cycle.

    Parameters
    ----------
    node : wiring.Component
        An ``interlock_hdl.node.Node``, or whatever has its ports.
    maker, serial : int
        Who this device is, 32 bits each.
    waves, state, runs_long : bool
        As of :class:`Rtl`.

    Attributes
    ----------
    rtl : Rtl
        The model itself, for what the protocol does not cover: pauses, events to stop at, single ports.
    """

    def __init__(
        self,
        node: wiring.Component,
        *,
        maker: int,
        serial: int,
        name: str | None = None,
        waves: bool = False,
        state: bool = False,
        runs_long: bool = False,
    ) -> None:
        self.rtl = Rtl(node, name=name, waves=waves, state=state, runs_long=runs_long)
        self.rtl.set("maker", maker)
        self.rtl.set("serial", serial)
        self._asked = {"reopen": 0, "request_full": 0}  # in the next cycle, one bit a slot
        self._rolls_at = -1  # the cycle after which it does

    def push_link(self, slot: int, items: Iterable[LinkItem]) -> None:
        """The other end of link ``slot`` sends ``items``."""
        self.rtl.push(f"links__{slot}__rx", items)

    def push_host(self, items: Iterable[HostItem]) -> None:
        """The host sends ``items`` to host in."""
        self.rtl.push("host_in", items)

    def push_random(self, words: Iterable[int]) -> None:
        """Words of 32 random bits, as many as a session draws for its id and its log's key."""
        self.rtl.push("random", words)

    def push_keys(self, items: Iterable[Segment]) -> None:
        """Keys for links come, a message for each."""
        self.rtl.push("keys", items)

    def wants_keys(self, slot: int) -> bool:
        """Whether link ``slot`` waits for keys, and none are on their way to this node."""
        is_wanted = self.session_id is not None and bool(self.rtl.get("keys_wanted") >> slot & 1)
        return is_wanted and not self.rtl.waiting("keys")

    @property
    def session_id(self) -> bytes | None:
        """Of the session whose gates are open, and that no roll is about to end."""
        is_there = self.is_open and self._rolls_at != self.cycles
        return self.rtl.get("session_id").to_bytes(16) if is_there else None

    def roll(self) -> None:
        """The host asks for a new session, in the next cycle that runs.  Keys on their way are lost."""
        self.rtl.withdraw("keys")
        self.rtl.pulse("roll")
        self._rolls_at = self.cycles

    def reopen(self, slot: int) -> None:
        """The host wants a closed channel back, in the next cycle that runs."""
        self._ask("reopen", slot)

    def request_full(self, slot: int) -> None:
        """The host wants the peer to send a FULL prefix next."""
        self._ask("request_full", slot)

    def _ask(self, what: str, slot: int) -> None:
        self._asked[what] |= 1 << slot
        self.rtl.pulse(what, self._asked[what])

    def run(self, cycles: int) -> None:
        """Runs for ``cycles`` clock cycles."""
        self.rtl.run(cycles)
        if cycles:
            self._asked = dict.fromkeys(self._asked, 0)

    def pop_link(self, slot: int) -> Sequence[Segment | Level]:
        """What link ``slot`` sent."""
        return self._pop(f"links__{slot}__tx", Level)

    def pop_host(self) -> Sequence[Segment | Rolled]:
        """What host out sent."""
        return self._pop("host_out", Rolled)

    def pop_tx(self) -> Sequence[Segment | Rolled]:
        """What the accelerator sent."""
        return self._pop("monitor__tx", Rolled)

    def pop_rx(self) -> Sequence[Segment | Rolled]:
        """What was released to the accelerator."""
        return self._pop("monitor__rx", Rolled)

    def pop_operations(self, port: int) -> Sequence[OpRun | Rolled]:
        """The op events of issue port ``port``, in runs."""
        return self.rtl.pop_operations(port)

    def pop_schedule(self) -> Sequence[Event]:
        """What timing decided, in order."""
        return self.rtl.pop_schedule()

    @property
    def cycles(self) -> int:
        """Clock cycles since reset."""
        return self.rtl.cycles

    @property
    def is_open(self) -> bool:
        """The gates are open."""
        return bool(self.rtl.get("is_open"))

    @property
    def alarm(self) -> int:
        """Causes of the alarm, one bit each, 0 for none."""
        return self.rtl.get("alarm")

    def link_is_open(self, slot: int) -> bool:
        """An epoch of link ``slot`` is open."""
        return bool(self.rtl.get("link_open") >> slot & 1)

    def byte_counts(self) -> dict[str, int]:
        """Bytes that each port and each wire of the accelerator has carried since reset."""
        return self.rtl.byte_counts()

    def open_waves(self, path: Path | str) -> None:
        """Writes all signals, from now on, to an FST file."""
        self.rtl.open_waves(path)

    def _pop(self, name: str, mark: type[Mark]) -> list[Segment | Mark]:
        """What a port carried; a beat that breaks the rules of its stream is an error."""
        items: list[Segment | Mark] = []
        for item in self.rtl.pop(name):
            if not isinstance(item, Segment | mark):
                raise Malformed(f"{name} carried {item}, which no port of a node may")
            items.append(item)
        return items
