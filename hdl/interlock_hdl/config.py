"""The whole design as one value: every build choice, checked once (D2, D5, D6)."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from interlock_hdl.beat import BEAT_BYTES
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm_engine import INTERVALS
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.record import RECORD_MAX_LENGTH, Mode, ProvenanceFlag

MAX_LINKS = 16
MAX_REGISTER_LOG = 64
MIN_HASH_LOG, MAX_HASH_LOG = 64, 16384
MAX_DIGEST_LANES = 16
KEY_WORDS = 4


class LogStore(Enum):
    """What a log is made of."""

    REGISTERS = "registers"
    """Every entry compared at once; few sources."""
    HASH = "hash"
    """Block RAM behind a keyed hash; many sources."""


class LinkProfile(Enum):
    """How records leave a node."""

    SEALED = "sealed"
    """Encrypted and authenticated, under keys of each epoch."""
    CLEAR = "clear"
    """For wiring that nobody can reach, proofs and teaching: a CRC, which anybody can compute."""


class Bin(IntEnum):
    """Precision classes into which FLOPs are sorted, so that a policy can weight them later (D5)."""

    FP64 = 0
    FP32 = 1
    FP16 = 2  # every 16-bit format
    FP8 = 3  # every 8-bit format
    INTEGER = 4
    OTHER = 5


@dataclass(frozen=True, kw_only=True)
class OpClass:
    """One row of a weight table: what one operation of this class costs, and its bin."""

    flops: int
    bin: Bin


@dataclass(frozen=True, kw_only=True)
class WeightTable:
    """FLOPs of one operation of each class.  One that is not listed costs the largest weight, in OTHER.

    Parameters
    ----------
    number : int
        The table's id in ``provenance``, 0 … 255.
    classes : dict
        ``op_class`` number to :class:`OpClass`.
    """

    number: int
    classes: dict[int, OpClass]

    def validate(self) -> None:
        if not 0 <= self.number <= 255:
            raise ValueError(f"weight table number must fit one byte, not {self.number}")
        if not self.classes:
            raise ValueError("a weight table needs at least one class")
        if any(not 0 <= number <= 255 for number in self.classes):
            raise ValueError("op_class numbers must fit one byte")

    @property
    def largest(self) -> int:
        """FLOPs of the most expensive class."""
        return max(row.flops for row in self.classes.values())


STANDARD_WEIGHTS = WeightTable(
    number=1,
    classes={
        0x01: OpClass(flops=2, bin=Bin.FP64),  # multiply-add
        0x02: OpClass(flops=1, bin=Bin.FP64),  # add, sub, mul, scale, compare-select
        0x11: OpClass(flops=2, bin=Bin.FP32),
        0x12: OpClass(flops=1, bin=Bin.FP32),
        0x21: OpClass(flops=2, bin=Bin.FP16),
        0x22: OpClass(flops=1, bin=Bin.FP16),
        0x31: OpClass(flops=2, bin=Bin.FP8),
        0x32: OpClass(flops=1, bin=Bin.FP8),
        0x41: OpClass(flops=2, bin=Bin.INTEGER),
        0x42: OpClass(flops=1, bin=Bin.INTEGER),
    },
)
"""Table 1: precision in the upper digit, 1 = multiply-add (2 FLOPs), 2 = one-FLOP element operation."""


@dataclass(frozen=True, kw_only=True)
class IssuePort:
    """One issue port of the accelerator (D5).

    Parameters
    ----------
    mode : Mode
        ``EVENTS``: the execution unit reports its work.  ``OPAQUE``: it reports nothing, and its peak is
        counted in every cycle.
    peak : int
        Most FLOPs that the unit can do in a cycle.  An event above it is an alarm.
    """

    mode: Mode = Mode.EVENTS
    peak: int

    def validate(self) -> None:
        if self.mode not in (Mode.EVENTS, Mode.OPAQUE):
            raise ValueError("an issue port is either EVENTS or OPAQUE")
        if not 0 < self.peak < 1 << 24:
            raise ValueError(f"peak must be 1 … 2**24 - 1 FLOPs a cycle, not {self.peak}")


@dataclass(frozen=True, kw_only=True)
class InterlockConfig:
    """Every build choice of an Interlock.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat: 4 or 16.
    links : int
        Link ports, 1 … 16.  Slot i is port i.
    issue_ports : tuple of IssuePort
        The accelerator's issue ports.
    weights : WeightTable
        FLOPs of each operation class.
    log_entries : int
        Sources and external digests that the log holds: 2 … 64 in registers, 64 … 16 384 hashed.
    log_store : LogStore
        What the log is made of; ``REGISTERS`` holds up to 64 sources.
    message_bytes : int
        Largest payload of a buffered message, a multiple of 16.
    staging_messages : int
        So many of the largest buffered messages find room in a channel's staging, but for their headers; one
        always does with its header.  With 4 a CLEAR link is never idle while its receiver releases what
        came, and where the message is a power of two so is the memory; a sealed link at a block a cycle needs
        6, for a record is there whole three times on its way.  A stream may be as long as all of it.
    digest_lanes : int
        SHA-256 cores of the digest core; with 0 there is none, and external data is marked UNLOGGED.
    profile : LinkProfile
        Of all links.
    cipher_interval : int
        Of sealed links: cycles that a block of 16 bytes takes, one of ``INTERVALS``, both ways.
    s_boxes : SBoxStyle
        What their S-boxes are made of.
    rekey_bits, stop_bits : int
        Of sealed links, see :class:`Seal`; other than 24 and 48 for tests.
    """

    beat_bytes: int = 16
    links: int = 2
    issue_ports: tuple[IssuePort, ...] = (IssuePort(peak=32), IssuePort(peak=4))
    weights: WeightTable = field(default=STANDARD_WEIGHTS, hash=False)
    log_entries: int = 16
    log_store: LogStore = LogStore.REGISTERS
    message_bytes: int = 8192
    staging_messages: int = 4
    digest_lanes: int = 1
    profile: LinkProfile = LinkProfile.SEALED
    cipher_interval: int = 14
    s_boxes: SBoxStyle = SBoxStyle.BLOCK_RAM
    rekey_bits: int = 24
    stop_bits: int = 48

    def validate(self) -> None:
        """Raises ``ValueError`` with what is wrong and what would be right."""
        if self.beat_bytes not in BEAT_BYTES:
            raise ValueError(f"beat_bytes must be one of {BEAT_BYTES}, not {self.beat_bytes}")
        if not 1 <= self.links <= MAX_LINKS:
            raise ValueError(f"links must be 1 … {MAX_LINKS}, not {self.links}")
        if not self.issue_ports:
            raise ValueError("at least one issue port: uncounted work is what an Interlock exists to prevent")
        for port in self.issue_ports:
            port.validate()
        self.weights.validate()
        least, most = {
            LogStore.REGISTERS: (2, MAX_REGISTER_LOG),
            LogStore.HASH: (MIN_HASH_LOG, MAX_HASH_LOG),
        }[self.log_store]
        if not least <= self.log_entries <= most:
            raise ValueError(f"log_entries must be {least} … {most}, not {self.log_entries}")
        if self.message_bytes < 16 or self.message_bytes % 16:
            raise ValueError(f"message_bytes must be a positive multiple of 16, not {self.message_bytes}")
        if self.staging_messages < 1:
            raise ValueError(f"staging_messages must be at least 1, not {self.staging_messages}")
        if not 0 <= self.digest_lanes <= MAX_DIGEST_LANES:
            raise ValueError(f"digest_lanes must be 0 … {MAX_DIGEST_LANES}, not {self.digest_lanes}")
        if self.cipher_interval not in INTERVALS:
            raise ValueError(f"cipher_interval must be one of {INTERVALS}, not {self.cipher_interval}")

    @property
    def is_sealed(self) -> bool:
        """Whether links need keys."""
        return self.profile is LinkProfile.SEALED

    @property
    def own_flags(self) -> ProvenanceFlag:
        """What is known against a session of this build from its beginning."""
        return ProvenanceFlag(0) if self.is_sealed else ProvenanceFlag.CLEAR

    @property
    def staging_bytes(self) -> int:
        """Bytes that a channel's staging holds: what a node grants at first."""
        return max(self.staging_messages * self.message_bytes, MESSAGE_HEADER_BYTES + self.message_bytes)

    @property
    def key_words(self) -> int:
        """Random words that a session draws for its log."""
        return KEY_WORDS if self.log_store is LogStore.HASH else 0

    @property
    def largest_record(self) -> int:
        """Bytes of payload in the largest record that a message has."""
        return min(RECORD_MAX_LENGTH, self.message_bytes)

    @property
    def mode(self) -> Mode:
        """Counting mode of the whole accelerator, as it stands in ``provenance``."""
        mode = Mode(0)
        for port in self.issue_ports:
            mode |= port.mode
        return mode
