"""An Interlock's registers, as a host program wants them (docs/registers.md)."""

from dataclasses import dataclass
from typing import Protocol

from interlock.device.register_map import (
    Address,
    Alarm,
    Build,
    Control,
    Links,
    LogEntries,
    Magic,
    Maker,
    MessageBytes,
    Reopen,
    Serial,
    Status,
    StatusPeriod,
    Version,
)
from interlock.errors import InterlockError
from interlock.model.parameters import Mode

MAGIC = int.from_bytes(b"ILCK")
MAJOR = 1
"""The version of the register map that this module knows."""


class NoInterlock(InterlockError):
    """Something else answers at the address, or an Interlock that this program does not know."""


class Bus(Protocol):
    """Whatever carries words to and from the registers: memory-mapped, a debug bridge, a simulator."""

    def read(self, address: int) -> int:
        """The 32-bit word at a byte address."""

    def write(self, address: int, value: int) -> None:
        """Writes a 32-bit word."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device is: constant as long as it has power.

    Attributes
    ----------
    maker, serial : int
        The upper half of its session ids.
    links, beat_bytes, log_entries, message_bytes, weight_table : int
        Choices of the build, as in ``InterlockConfig``.
    mode : Mode
        Kinds of issue port.
    status_period : int
        Cycles between changes of :class:`State`.
    """

    maker: int
    serial: int
    links: int
    beat_bytes: int
    log_entries: int
    message_bytes: int
    mode: Mode
    weight_table: int
    status_period: int


@dataclass(frozen=True, slots=True)
class State:
    """What may be known of a session, as of the last status period.

    Attributes
    ----------
    is_open : bool
        The gates are open.
    is_clearing : bool
        The accelerator is being cleared.
    alarms : tuple of str
        Causes, as :class:`~interlock.device.register_map.Alarm` names them; empty without an alarm.
    open_links : tuple of int
        Slots with an open epoch.
    """

    is_open: bool
    is_clearing: bool
    alarms: tuple[str, ...]
    open_links: tuple[int, ...]


class Registers:
    """Typed access over any :class:`Bus`.

    Parameters
    ----------
    bus : Bus
    base : int
        Byte address of the first register.
    """

    def __init__(self, bus: Bus, *, base: int = 0) -> None:
        self._bus, self._base = bus, base

    def _read(self, address: Address) -> int:
        return self._bus.read(self._base + address)

    def _write(self, address: Address, value: int) -> None:
        self._bus.write(self._base + address, value)

    def check(self) -> None:
        """Raises :class:`NoInterlock` unless this is an Interlock with registers of a version known here."""
        magic = Magic.decode(self._read(Address.MAGIC)).value
        if magic != MAGIC:
            raise NoInterlock(f"no Interlock at 0x{self._base:x}: it says 0x{magic:08x}, not 0x{MAGIC:08x}")
        version = Version.decode(self._read(Address.VERSION))
        if version.major != MAJOR:
            raise NoInterlock(
                f"the Interlock at 0x{self._base:x} has registers of version {version.major}."
                f"{version.minor}, this program knows {MAJOR}: take the interlock package of its build"
            )

    def identity(self) -> Identity:
        """What the device is."""
        build = Build.decode(self._read(Address.BUILD))
        return Identity(
            maker=Maker.decode(self._read(Address.MAKER)).value,
            serial=Serial.decode(self._read(Address.SERIAL)).value,
            links=build.links,
            beat_bytes=build.beat_bytes,
            log_entries=LogEntries.decode(self._read(Address.LOG_ENTRIES)).value,
            message_bytes=MessageBytes.decode(self._read(Address.MESSAGE_BYTES)).value,
            mode=Mode(build.counting_mode),
            weight_table=build.weight_table,
            status_period=1 << StatusPeriod.decode(self._read(Address.STATUS_PERIOD)).log2,
        )

    def state(self) -> State:
        """What may be known of the session.

        Three words are read one after the other, so they may be of two periods, if one ends in between.
        """
        status = Status.decode(self._read(Address.STATUS))
        causes = Alarm.decode(self._read(Address.ALARM))
        links = Links.decode(self._read(Address.LINKS)).open
        return State(
            is_open=status.open,
            is_clearing=status.clearing,
            alarms=tuple(name for name in Alarm.__slots__ if getattr(causes, name)),
            open_links=tuple(slot for slot in range(links.bit_length()) if links >> slot & 1),
        )

    def roll(self) -> None:
        """Asks for a new session: the accelerator and every buffer are cleared."""
        self._write(Address.CONTROL, Control.ROLL)

    def reopen(self, *slots: int) -> None:
        """Lets closed channels open again; slots that the build does not have are ignored by it.

        Raises ``ValueError`` for a slot that no build has.
        """
        if any(not 0 <= slot < len(Reopen) for slot in slots):
            raise ValueError(f"slots are 0 … {len(Reopen) - 1}, not {slots}")
        self._write(Address.REOPEN, sum(1 << slot for slot in slots))
