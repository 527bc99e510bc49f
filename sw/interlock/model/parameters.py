"""What the golden model must know of a build: the choices that change a byte on a wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Any


class Mode(IntFlag):
    """Counting mode: which kinds of issue port a session has."""

    EVENTS = 1 << 0
    OPAQUE = 1 << 1


class Bin(IntEnum):
    """Precision classes into which FLOPs are sorted."""

    FP64 = 0
    FP32 = 1
    FP16 = 2
    FP8 = 3
    INTEGER = 4
    OTHER = 5


@dataclass(frozen=True, kw_only=True)
class OpClass:
    """What one operation of a class costs, and its bin."""

    flops: int
    bin: Bin


@dataclass(frozen=True, kw_only=True)
class WeightTable:
    """FLOPs of one operation of each class; a class that is not listed costs the largest weight, in OTHER."""

    number: int
    classes: Mapping[int, OpClass]

    def __getitem__(self, op_class: int) -> OpClass:
        row = self.classes.get(op_class)
        return row or OpClass(flops=max(row.flops for row in self.classes.values()), bin=Bin.OTHER)


STANDARD_WEIGHTS = WeightTable(
    number=1,
    classes=MappingProxyType(
        {
            precision << 4 | operation: OpClass(flops=flops, bin=bin)
            for precision, bin in enumerate((Bin.FP64, Bin.FP32, Bin.FP16, Bin.FP8, Bin.INTEGER))
            for operation, flops in ((1, 2), (2, 1))
        }
    ),
)
"""Table 1: precision in the upper digit, 1 = multiply-add (2 FLOPs), 2 = one-FLOP element operation."""


@dataclass(frozen=True, kw_only=True)
class IssuePort:
    """One issue port of the accelerator: how it is counted, and the most FLOPs that it can do in a cycle."""

    mode: Mode = Mode.EVENTS
    peak: int


@dataclass(frozen=True, kw_only=True)
class NodeParameters:
    """The build choices of an Interlock that its wires depend on.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.  Bytes on the wires do not depend on it, but a whole segment is a multiple of it.
    links : int
        Link ports; slot i is port i.
    issue_ports : tuple of IssuePort
    weights : WeightTable
    log_entries : int
        Sources, the node itself among them, and external digests that the log holds together.
    message_bytes : int
        Largest payload of a buffered message.
    staging_bytes : int
        What a node grants before anything was released.
    digest_lanes : int
        0 where there is no digest core: external data is marked UNLOGGED then.
    key_words : int
        Random words that a session draws beyond the two of its id: 0 or 4.
    is_sealed : bool
        Links are sealed, or else CLEAR.
    rekey_bits, stop_bits : int
        Of sealed links, see :class:`~interlock.model.channel.SealedChannel`.
    """

    beat_bytes: int = 16
    links: int = 2
    issue_ports: tuple[IssuePort, ...] = (IssuePort(peak=32), IssuePort(peak=4))
    weights: WeightTable = field(default=STANDARD_WEIGHTS, hash=False)
    log_entries: int = 16
    message_bytes: int = 8192
    staging_bytes: int = 16384
    digest_lanes: int = 1
    key_words: int = 0
    is_sealed: bool = True
    rekey_bits: int = 24
    stop_bits: int = 48

    @classmethod
    def of(cls, config: Any) -> "NodeParameters":
        """The parameters of any object with the attributes of the gateware's ``InterlockConfig``."""
        classes = config.weights.classes.items()
        return cls(
            beat_bytes=config.beat_bytes,
            links=config.links,
            issue_ports=tuple(
                IssuePort(mode=Mode(int(port.mode)), peak=port.peak) for port in config.issue_ports
            ),
            weights=WeightTable(
                number=config.weights.number,
                classes={number: OpClass(flops=row.flops, bin=Bin(int(row.bin))) for number, row in classes},
            ),
            log_entries=config.log_entries,
            message_bytes=config.message_bytes,
            staging_bytes=config.staging_bytes,
            digest_lanes=config.digest_lanes,
            key_words=config.key_words,
            is_sealed=config.is_sealed,
            rekey_bits=config.rekey_bits,
            stop_bits=config.stop_bits,
        )

    @property
    def mode(self) -> Mode:
        """Counting mode of the whole accelerator, as it stands in ``provenance``."""
        mode = Mode(0)
        for port in self.issue_ports:
            mode |= port.mode
        return mode
