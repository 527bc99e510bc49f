"""Interlock registers: addresses and fields.

Made from interlock.rdl by ``python -m interlock_hdl.registers.publish``: do not edit.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Self


class Address(IntEnum):
    """Byte addresses of the registers."""

    MAGIC = 0x00
    VERSION = 0x04
    BUILD = 0x08
    LOG_ENTRIES = 0x0C
    MESSAGE_BYTES = 0x10
    MAKER = 0x14
    SERIAL = 0x18
    STATUS_PERIOD = 0x1C
    STATUS = 0x20
    ALARM = 0x24
    LINKS = 0x28
    CONTROL = 0x40
    REOPEN = 0x44


@dataclass(frozen=True, slots=True)
class Magic:
    """Tells that this is an Interlock."""

    value: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            value=word & 0xFFFFFFFF,
        )


@dataclass(frozen=True, slots=True)
class Version:
    """Of this register map. A new minor version only adds."""

    minor: int
    major: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            minor=word & 0xFFFF,
            major=word >> 16 & 0xFFFF,
        )


@dataclass(frozen=True, slots=True)
class Build:
    """Choices of this build."""

    links: int
    beat_bytes: int
    counting_mode: int
    weight_table: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            links=word & 0xFF,
            beat_bytes=word >> 8 & 0xFF,
            counting_mode=word >> 16 & 0xFF,
            weight_table=word >> 24 & 0xFF,
        )


@dataclass(frozen=True, slots=True)
class LogEntries:
    """Sources that the log holds, this node among them."""

    value: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            value=word & 0xFFFFFFFF,
        )


@dataclass(frozen=True, slots=True)
class MessageBytes:
    """Largest payload of a buffered message."""

    value: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            value=word & 0xFFFFFFFF,
        )


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made the device: bits 127:96 of every session id."""

    value: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            value=word & 0xFFFFFFFF,
        )


@dataclass(frozen=True, slots=True)
class Serial:
    """The device's number: bits 95:64 of every session id."""

    value: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            value=word & 0xFFFFFFFF,
        )


@dataclass(frozen=True, slots=True)
class StatusPeriod:
    """STATUS, ALARM and LINKS change at most once in this many cycles, all at once."""

    log2: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            log2=word & 0xFF,
        )


@dataclass(frozen=True, slots=True)
class Status:
    """State of the session, as of the last period. Neither bit: gates are about to open, or an alarm has
    closed them.
    """

    open: bool
    clearing: bool
    alarm: bool

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            open=bool(word & 0x1),
            clearing=bool(word >> 1 & 0x1),
            alarm=bool(word >> 2 & 0x1),
        )


@dataclass(frozen=True, slots=True)
class Alarm:
    """Causes of the alarm, as of the last period."""

    counter_mismatch: bool
    saturated: bool
    over_peak: bool
    early_event: bool
    early_beat: bool
    no_first: bool
    log_fault: bool
    own_ahead: bool
    session_fault: bool

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            counter_mismatch=bool(word & 0x1),
            saturated=bool(word >> 1 & 0x1),
            over_peak=bool(word >> 2 & 0x1),
            early_event=bool(word >> 3 & 0x1),
            early_beat=bool(word >> 4 & 0x1),
            no_first=bool(word >> 5 & 0x1),
            log_fault=bool(word >> 6 & 0x1),
            own_ahead=bool(word >> 7 & 0x1),
            session_fault=bool(word >> 8 & 0x1),
        )


@dataclass(frozen=True, slots=True)
class Links:
    """Links with an open epoch, as of the last period."""

    open: int

    @classmethod
    def decode(cls, word: int) -> Self:
        """From the word at its address."""
        return cls(
            open=word & 0xFFFF,
        )


class Control(IntFlag):
    """Requests."""

    ROLL = 1 << 0


class Reopen(IntFlag):
    """Requests, one for each slot."""

    SLOT0 = 1 << 0
    SLOT1 = 1 << 1
    SLOT2 = 1 << 2
    SLOT3 = 1 << 3
    SLOT4 = 1 << 4
    SLOT5 = 1 << 5
    SLOT6 = 1 << 6
    SLOT7 = 1 << 7
    SLOT8 = 1 << 8
    SLOT9 = 1 << 9
    SLOT10 = 1 << 10
    SLOT11 = 1 << 11
    SLOT12 = 1 << 12
    SLOT13 = 1 << 13
    SLOT14 = 1 << 14
    SLOT15 = 1 << 15
