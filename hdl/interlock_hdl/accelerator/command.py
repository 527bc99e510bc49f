"""Commands of the reference accelerator and how they lie in memory (docs/accelerator.md, *Commands*)."""

import enum

from amaranth.hdl import Value

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


ELEMENTWISE = range(Opcode.COPY, Opcode.MASK + 1)

FIELDS = {
    # name: (offset, bytes); none crosses a lane
    "opcode": (0, 1),
    "option": (1, 1),
    "kind": (2, 1),
    "flags": (3, 1),
    "peer": (4, 2),
    "level": (6, 2),
    "scalar": (8, 4),
    "length": (12, 2),
    "target": (14, 2),
    "rows": (16, 2),
    "columns": (18, 2),
    "row_stride": (20, 2),
    "column_stride": (22, 2),
}

OPERANDS = {"y": 32, "a": 42, "b": 52}
"""Offsets of the operands: the base, then a stride for each loop level."""


class CommandView:
    """The fields of a command that lies in ``COMMAND_BYTES / 4`` lanes."""

    def __init__(self, lanes: list[Value]) -> None:
        self._lanes = lanes
        for name, (offset, size) in FIELDS.items():
            setattr(self, name, self._field(offset, size))

    def base(self, operand: str) -> Value:
        """Base address of ``y``, ``a`` or ``b``."""
        return self._field(OPERANDS[operand], 2)

    def strides(self, operand: str) -> list[Value]:
        """The operand's stride for each loop level."""
        return [self._field(OPERANDS[operand] + 2 + 2 * level, 2) for level in range(LEVELS)]

    def _field(self, offset: int, size: int) -> Value:
        end = 8 * (4 - offset % 4)
        return self._lanes[offset // 4][end - 8 * size : end]
