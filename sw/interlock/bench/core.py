"""How fast the Interlock block is, alone: in beats and cycles of its clock, so the same on every machine.

Two models of the gateware stand for the two ends of a link.  The first sends; every beat is taken at once.
What it sent is then offered to the second one without a pause, which is at least as fast as it came.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock

from interlock.bench import traffic
from interlock.device.rtl import Rtl
from interlock.errors import InterlockError
from interlock.wires import Level, Segment

MESSAGES = 24
"""Messages back to back; rates are over all but the last of them."""
LINK_TX = f"links__{traffic.SLOT}__tx"
LINK_RX = f"links__{traffic.SLOT}__rx"
MAKER = 0xBE9C0001
_PATIENCE = 20_000
"""Cycles in which anything that was asked for has happened, or never will."""


class BenchFailed(InterlockError):
    """What was to be measured did not do what it should."""


@dataclass(frozen=True, kw_only=True)
class CoreFigures:
    """What was measured of one build.

    Attributes
    ----------
    beat_bytes : int
        Of the build.
    wire_beats_per_cycle : float
        Beats on the link in the cycles from a message's first beat to its last one, of the slowest message.
    payload_beats_per_cycle : float
        Beats of payload on the link, in all cycles from the start of the first message to that of the last.
    received_payload_beats_per_cycle : float
        The same where a second Interlock releases them to its accelerator.
    egress_latency_cycles : int
        From a message's last beat into ``tx`` to its first beat on the link, with nothing before it.
    ingress_latency_cycles : int
        From a message's last beat on the link to its first beat out of ``rx``, with nothing before it.  Most
        of it is the last record's length, for a record is checked whole before any of it is staged.
    ingress_latency_one_beat_cycles : int
        The same for a payload of one beat.
    """

    beat_bytes: int
    wire_beats_per_cycle: float
    payload_beats_per_cycle: float
    received_payload_beats_per_cycle: float
    egress_latency_cycles: int
    ingress_latency_cycles: int
    ingress_latency_one_beat_cycles: int


class BareInterlock:
    """An Interlock without an accelerator, in an open session, one of its links open.

    Parameters
    ----------
    gateware : Interlock
    serial : int
        Who it is.
    """

    def __init__(self, gateware: Interlock, *, serial: int) -> None:
        self.config = gateware.config
        self.rtl = rtl = Rtl(gateware)
        rtl.set("maker", MAKER)
        rtl.set("serial", serial)
        rtl.push("random", [serial, serial])
        rtl.set("clear_done", 1)
        self.wait("clear_request", 0)
        rtl.set("clear_done", 0)
        self.wait("is_open", 1)
        rtl.push(LINK_RX, [Level(up=True, heard=False), Level(up=True, heard=True)])
        self.wait("link_open", 1 << traffic.SLOT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.rtl.close()

    def wait(self, output: str, value: int) -> None:
        """Runs until a plain output has this value."""
        for _ in range(_PATIENCE):
            if self.rtl.get(output) == value:
                return
            self.rtl.run(1)
        raise BenchFailed(f"{output} did not become {value} in {_PATIENCE} cycles")

    def greet(self) -> None:
        """Fills the log."""
        self.carry(
            LINK_RX, [traffic.greeting()], to="rx", beats=traffic.HEADER_BYTES // self.config.beat_bytes
        )
        self.pop("rx")
        self.pop(LINK_TX)

    def pop(self, stream: str) -> list[Segment]:
        """The messages or records that an output carried."""
        return [item for item in self.rtl.pop(stream) if isinstance(item, Segment)]

    def carry(
        self, stream: str, segments: Sequence[Segment], *, to: str, beats: int
    ) -> tuple[list[int], list[int]]:
        """Sends ``segments`` until so many beats have come out of ``to``.

        Returns the cycles in which beats went in, and those in which they came out.
        """
        rtl = self.rtl
        rtl.push(stream, segments)
        went_in: list[int] = []
        came_out: list[int] = []
        bytes_in, bytes_out = rtl.byte_count(stream), rtl.byte_count(to)
        for cycle in range(_PATIENCE + 2 * beats):
            rtl.run(1)
            if (now := rtl.byte_count(stream)) != bytes_in:
                bytes_in = now
                went_in.append(cycle)
            if (now := rtl.byte_count(to)) != bytes_out:
                bytes_out = now
                came_out.append(cycle)
                if len(came_out) == beats:
                    return went_in, came_out
        raise BenchFailed(f"{len(came_out)} of {beats} beats came out of {to} by cycle {rtl.cycles}")


def measure(config: InterlockConfig) -> CoreFigures:
    """Everything about one build.

    Raises
    ------
    BenchFailed
        If a byte is lost or changed on the way, or does not come.
    """
    beat_bytes = config.beat_bytes
    sent = [traffic.message(number) for number in range(MESSAGES)]
    probes = [
        traffic.message(number, size) for number, size in enumerate((beat_bytes, traffic.MESSAGE_BYTES))
    ]
    payload = traffic.MESSAGE_BYTES // beat_bytes
    gateware = Interlock(config=config)
    with BareInterlock(gateware, serial=1) as sender, BareInterlock(gateware, serial=2) as receiver:
        sender.greet()

        # One message at a time, far apart.
        egress, ingress = [], []
        for probe in probes:
            into, onto = sender.carry(
                "tx", [probe], to=LINK_TX, beats=traffic.link_beats([probe], beat_bytes)
            )
            egress.append(onto[0] - into[-1])
            records = sender.pop(LINK_TX)
            onto, out_of = receiver.carry(LINK_RX, records, to="rx", beats=traffic.beats([probe], beat_bytes))
            ingress.append(out_of[0] - onto[-1])
            _check(receiver.pop("rx"), [probe])

        # Back to back.
        on_link = traffic.link_beats(sent[:1], beat_bytes)
        _, leaving = sender.carry("tx", sent, to=LINK_TX, beats=MESSAGES * on_link)
        records = sender.pop(LINK_TX)
        released = traffic.beats(sent[:1], beat_bytes)
        _, arriving = receiver.carry(LINK_RX, records, to="rx", beats=MESSAGES * released)
        _check(receiver.pop("rx"), sent)

    if egress[0] != egress[1]:
        raise BenchFailed(f"the latency of egress depends on the length of the message: {egress} cycles")
    messages = [leaving[start : start + on_link] for start in range(0, len(leaving), on_link)]
    return CoreFigures(
        beat_bytes=beat_bytes,
        wire_beats_per_cycle=min(on_link / (message[-1] - message[0] + 1) for message in messages),
        payload_beats_per_cycle=_rate(leaving[::on_link], payload),
        received_payload_beats_per_cycle=_rate(arriving[::released], payload),
        egress_latency_cycles=egress[0],
        ingress_latency_cycles=ingress[1],
        ingress_latency_one_beat_cycles=ingress[0],
    )


def _rate(starts: Sequence[int], beats: int) -> float:
    """Beats a cycle where each message takes until the next one starts."""
    return beats * (len(starts) - 1) / (starts[-1] - starts[0])


def _check(released: Sequence[Segment], sent: Sequence[Segment]) -> None:
    if list(released) != list(sent):
        raise BenchFailed(
            f"of {len(sent)} messages sent, {len(released)} were released, or not as they were sent"
        )
