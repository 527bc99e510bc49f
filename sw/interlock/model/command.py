"""Commands of the reference accelerator and how they lie in memory (``docs/accelerator.md``, *Commands*)."""

import enum
import struct
from dataclasses import dataclass, fields
from typing import Self

COMMAND_BYTES = 64
LEVELS = 4
"""Loop levels."""
EXTERNAL = 0xFFFF
"""The source that stands for the host in a RECEIVE."""


class Opcode(enum.IntEnum):
    """The first byte of a command.  Any other value is a HALT."""

    HALT = 0x00
    NEXT = 0x01
    MATMUL = 0x02
    CONVERT = 0x03
    SEND = 0x04
    RECEIVE = 0x05
    COPY = 0x10
    ADD = 0x11
    SUB = 0x12
    MUL = 0x13
    SCALE = 0x14
    RELU = 0x15
    MASK = 0x16


class Option(enum.IntFlag):
    """The second byte of a command: one bit, and what it means to whom."""

    BROADCAST = 1  # COPY … MASK: every word meets the same word of b
    TRANSPOSE = 1  # CONVERT: the steps of a panel are a tile's columns, not its rows


class LoaderOption(enum.IntFlag):
    """The first byte of the loader's header."""

    LOAD = 1
    START = 2


LOADER_HEADER = struct.Struct(">BxHH2x")
"""The loader's header, at the start of a payload's first word: options, load address, start address."""


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A word address: ``base`` + the sum over the loop levels of counter x stride, modulo 2**16."""

    base: int = 0
    strides: tuple[int, ...] = (0,) * LEVELS


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command, each field as wide as it is in memory."""

    opcode: int
    option: int = 0
    kind: int = 0
    flags: int = 0
    peer: int = 0
    level: int = 0
    scalar: int = 0
    length: int = 0
    target: int = 0
    rows: int = 0
    columns: int = 0
    row_stride: int = 0
    column_stride: int = 0
    y: Operand = Operand()
    a: Operand = Operand()
    b: Operand = Operand()

    def encode(self) -> bytes:
        """The 64 bytes of the command; raises ``struct.error`` where a value does not fit its field."""
        operands = (self.y, self.a, self.b)
        values = [value for operand in operands for value in (operand.base, *operand.strides)]
        return _LAYOUT.pack(*(getattr(self, name) for name in _SCALARS), *values)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The command in these 64 bytes; every pattern is one."""
        values = _LAYOUT.unpack(data)
        operands = values[len(_SCALARS) :]
        y, a, b = (
            Operand(base=operands[i], strides=operands[i + 1 : i + 1 + LEVELS])
            for i in range(0, len(operands), 1 + LEVELS)
        )
        return cls(**dict(zip(_SCALARS, values, strict=False)), y=y, a=a, b=b)


_SCALARS = tuple(field.name for field in fields(Command))[:-3]
_LAYOUT = struct.Struct(">4B2HI6H8x15H2x")
assert _LAYOUT.size == COMMAND_BYTES
