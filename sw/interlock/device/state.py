"""What a Verilated model remembers: every register and every word of its memories, by name."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interlock.errors import BuildFailed

KEPT = "/*verilator public_flat_rd*/"
"""Behind the name of a register or memory that the model must keep."""

_MODULE = re.compile(r"^module .*?^endmodule", re.MULTILINE | re.DOTALL)
_WRITTEN = re.compile(r"^ {4,}(\\\S+ |\w+)(?:\[.*\])? ?<= ", re.MULTILINE)
_DECLARED = re.compile(
    r"^  (?:output )?reg (?:\[\d+:0\] )?(\\\S+ |\w+)(?: \[\d+:0\])?(?=;| = )", re.MULTILINE
)


def keep(verilog: str) -> str:
    """Verilog, as Yosys writes it, in which all that is written at clock edges is marked :data:`KEPT`."""
    return _MODULE.sub(lambda module: _keep(module[0]), verilog)


def _keep(module: str) -> str:
    written = {name.strip() for name in _WRITTEN.findall(module)}
    declared = set()

    def mark(match: re.Match[str]) -> str:
        if match[1].strip() not in written:
            return match[0]
        declared.add(match[1].strip())
        return f"{match[0]} {KEPT}"

    marked = _DECLARED.sub(mark, module)
    if missing := written - declared:
        raise BuildFailed(f"no declaration of {', '.join(sorted(missing))} was found in the Verilog")
    return marked


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A register, or a memory.

    Parameters
    ----------
    name : str
        Path of its module's instance and its name, joined by dots.
    bits : int
        Of a register, or of a word.
    words : int
        1 for a register.
    begin, end : int
        Where its bytes are among those of all cells.
    """

    name: str
    bits: int
    words: int
    begin: int
    end: int


def cells_of(names: str, verilog: str) -> list[Cell]:
    """The cells that a model tells of (``harness_state.h``): all that are marked in its Verilog.

    Of a module there must be one instance only, as in what Amaranth writes.
    """
    cells: list[Cell] = []
    for line in names.splitlines():
        path, words, bits, size, name = line.split(maxsplit=4)
        begin = cells[-1].end if cells else 0
        cells.append(
            Cell(
                name=".".join((path, name.strip().removeprefix("\\"))),
                bits=int(bits),
                words=int(words),
                begin=begin,
                end=begin + int(size),
            )
        )
    if len(cells) != (marked := verilog.count(KEPT)):
        raise BuildFailed(f"of {marked} registers and memories the model shows {len(cells)}")
    return cells


@dataclass(frozen=True)
class Difference:
    """A register, or word of a memory, that is not the same in two states."""

    cell: Cell
    word: int
    before: int
    after: int

    def __str__(self) -> str:
        place = f"[{self.word}]" if self.cell.words > 1 else ""
        return f"{self.cell.name}{place}: {self.before:#x}, {self.after:#x}"


class State:
    """All that a model remembered at one moment.

    Parameters
    ----------
    cells : list of Cell
    data : array of bytes
    """

    def __init__(self, cells: list[Cell], data: npt.NDArray[np.uint8]) -> None:
        self.cells = cells
        self.data = data

    def word(self, cell: Cell, word: int = 0) -> int:
        """The value of a register, or of a memory's word."""
        size = (cell.end - cell.begin) // cell.words
        begin = cell.begin + word * size
        return int.from_bytes(self.data[begin : begin + size].tobytes(), "little")

    def changed(self, other: "State") -> list[Cell]:
        """The registers and memories that hold something else in ``other``."""
        if other.cells != self.cells:
            raise ValueError("these are states of different models")
        begins = [cell.begin for cell in self.cells]
        unequal = np.logical_or.reduceat(self.data != other.data, begins)
        return [self.cells[number] for number in np.flatnonzero(unequal)]

    def differences(self, other: "State") -> list[Difference]:
        """What is not the same in ``other``."""
        return [
            Difference(cell, word, before, after)
            for cell in self.changed(other)
            for word in range(cell.words)
            if (before := self.word(cell, word)) != (after := other.word(cell, word))
        ]
