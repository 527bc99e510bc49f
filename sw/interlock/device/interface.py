"""What a component offers to an engine, found in its signature, so that it is written down only once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import stream, wiring
from interlock_hdl.beat import Beat
from interlock_hdl.events import OpEvent
from interlock_hdl.monitor import MonitorSignature
from interlock_hdl.ports import LinkPort
from interlock_hdl.record import Mode
from interlock_hdl.trace import EVENTS, TraceSignature

BENCH_EVENTS = {"level": 1, "reopen": 1}
"""Events that the bench adds to the schedule, after the gateware's, and how many arguments they have."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A stream, a direction of a link, or a monitored wire: something that goes in or comes out in order.

    Parameters
    ----------
    name : str
        Path of the member in the component's signature, joined by ``__``, as in its Verilog.
    number : int
        By which the harness knows it.
    beat_bytes : int
        0 where the payload is a plain word.
    width : int
        Bits of the payload.
    is_input : bool
    slot : int, optional
        Of a link port: it carries levels too, ``name`` plus ``_levels``.
    is_monitor : bool
        Looked at, not driven.
    """

    name: str
    number: int
    beat_bytes: int
    width: int
    is_input: bool
    slot: int | None = None
    is_monitor: bool = False

    @property
    def levels(self) -> str:
        """Where a link's levels of the same direction are."""
        return f"{self.name}_levels"


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A plain input or output."""

    name: str
    number: int
    width: int
    is_input: bool


@dataclass(frozen=True, kw_only=True)
class IssuePort:
    """One issue port of a monitored accelerator."""

    number: int
    is_opaque: bool


@dataclass(kw_only=True)
class Interface:
    """Everything that the harness connects to a component.

    Attributes
    ----------
    queues, signals, issue_ports : list
    links : int, optional
        Number of link ports as the ``trace`` counts them; ``None`` without a trace.
    counter_latency : int
        Cycles from a sample to its strobe.
    """

    queues: list[Queue] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    issue_ports: list[IssuePort] = field(default_factory=list)
    links: int | None = None
    counter_latency: int = 0

    @property
    def events(self) -> dict[str, int]:
        """Every event of the schedule, and how many arguments it has."""
        own = {"roll": 1, "sample": len(self.issue_ports)}
        traced = {name: own.get(name, len(arguments)) for name, arguments in EVENTS.items()}
        return {} if self.links is None else traced | BENCH_EVENTS

    @classmethod
    def of(cls, component: wiring.Component) -> "Interface":
        """Reads a component's signature."""
        found = cls(counter_latency=getattr(component, "counter_latency", 0))
        found._read(component.signature, ())
        if found.issue_ports and (config := getattr(component, "config", None)):
            found.issue_ports = [
                IssuePort(number=i, is_opaque=port.mode == Mode.OPAQUE)
                for i, port in enumerate(config.issue_ports)
            ]
        return found

    def _read(self, signature: Any, path: tuple[str | int, ...]) -> None:
        for member_path, member in _members(signature, path):
            name = "__".join(map(str, member_path))
            if member.is_port:
                self._signal(name, member)
                continue
            is_input = isinstance(member.signature, wiring.FlippedSignature)
            match member.signature.flip() if is_input else member.signature:
                case stream.Signature() as found:
                    self._queue(name, found.members["payload"].shape, is_input)
                case LinkPort() as found if not is_input:
                    payload = found.members["tx"].signature.members["payload"].shape
                    slot = sum(queue.slot is not None for queue in self.queues) // 2
                    self._queue(f"{name}__rx", payload, True, slot=slot)
                    self._queue(f"{name}__tx", payload, False, slot=slot)
                case TraceSignature() as found:
                    self.links = Shape.cast(found.members["up"].shape).width
                case MonitorSignature() as found:
                    for wire in ("tx", "rx"):
                        payload = found.members[wire].signature.members["payload"].shape
                        self._queue(f"{name}__{wire}", payload, False, is_monitor=True)
                    (ports,) = found.members["events"].dimensions
                    self.issue_ports = [IssuePort(number=i, is_opaque=False) for i in range(ports)]
                case _:
                    self._read(member.signature, member_path)

    def _queue(
        self, name: str, payload: Any, is_input: bool, *, slot: int | None = None, is_monitor: bool = False
    ) -> None:
        beat_bytes = payload.beat_bytes if isinstance(payload, Beat) else 0
        width = Shape.cast(payload).width
        if not beat_bytes and width > 64:
            raise ValueError(f"{name}: a payload is a Beat or at most 64 bits wide")
        number = len(self.queues)
        self.queues.append(
            Queue(
                name=name,
                number=number,
                beat_bytes=beat_bytes,
                width=width,
                is_input=is_input,
                slot=slot,
                is_monitor=is_monitor,
            )
        )

    def _signal(self, name: str, member: Any) -> None:
        width = Shape.cast(member.shape).width
        is_input = member.flow is wiring.In
        self.signals.append(Signal(name=name, number=len(self.signals), width=width, is_input=is_input))


def beat_fields(beat_bytes: int) -> dict[str, int]:
    """Where the fields of a beat begin in its payload."""
    return {name: field.offset for name, field in Beat(beat_bytes)}


def op_event_fields() -> dict[str, tuple[int, int]]:
    """Where the fields of an op event begin, and how wide they are."""
    return {name: (field.offset, field.width) for name, field in OpEvent}


def _members(signature: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Members with their path, those of arrays one by one."""
    for name, member in signature.members.items():
        for index in product(*map(range, member.dimensions)):
            yield (*path, name, *index), member
