"""Scratch memory of the reference accelerator, and what its units do to it (``docs/accelerator.md``).

A word is n fp32 lanes, or two steps of n bf16 lanes.  Addresses count words, modulo the size.  Every unit
works in small pieces, each read whole before it is written, and written before the next is read.  So
overlapping operands have a meaning, too; here pieces are taken together wherever nothing overlaps.
"""

import numpy as np
import numpy.typing as npt

from interlock.model import floats
from interlock.model.command import Command, Opcode, Option

Addresses = npt.NDArray[np.intp]

UNARY = (Opcode.COPY, Opcode.SCALE, Opcode.RELU)


class Scratch:
    """``size`` words of ``lanes`` fp32 lanes, all zero at first.

    The methods named after commands take the command and its operands' addresses.
    """

    def __init__(self, *, size: int, lanes: int) -> None:
        self.size = size
        self.lanes = lanes
        self.word_bytes = 4 * lanes
        self.words = np.zeros((size, lanes), np.uint32)

    def words_of(self, length: int) -> int:
        """Words that ``length`` bytes fill."""
        return -(-length // self.word_bytes)

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes from word ``address``."""
        words = self.words[self._range(address, self.words_of(length))]
        return words.astype(">u4").tobytes()[:length]

    def write(self, address: int, data: bytes) -> None:
        """Writes ``data`` from word ``address``, its last word filled up with zeros."""
        padded = data.ljust(self.words_of(len(data)) * self.word_bytes, b"\0")
        values = np.frombuffer(padded, ">u4").reshape(-1, self.lanes)
        # More than the memory holds wraps around, and what comes later stays.
        for start in range(0, len(values), self.size):
            part = values[start : start + self.size]
            self.words[self._range(address + start, len(part))] = part

    def matmul(self, command: Command, y: int, a: int, b: int) -> None:
        """Tile (i, j) of y = panel i of a times panel j of b.  A piece is a tile."""
        rows, columns, length, n = command.rows, command.columns, command.length, self.lanes
        if not rows * columns * length:
            return
        left = self._range(a, rows * length).reshape(rows, length)
        right = self._range(b, columns * length).reshape(columns, length)
        tiles = self._tiles(y, command)
        if self._overlap(tiles, left) or self._overlap(tiles, right):
            for i in range(rows):
                for j in range(columns):
                    self.words[tiles[i, j]] = floats.matmul(self._steps(left[i]), self._steps(right[j]))
        else:
            result = floats.matmul(self._steps(left), self._steps(right))
            self.words[tiles] = result.reshape(rows, n, columns, n).transpose(0, 2, 1, 3)

    def convert(self, command: Command, y: int, a: int, _b: int) -> None:
        """Tiles of a, fp32, to steps at y, bf16, one after the other.  A piece is a tile."""
        half = self.lanes // 2
        source = self._tiles(a, command).reshape(-1, self.lanes)
        target = self._range(y, len(source) * half).reshape(-1, half)
        apart = target.size <= self.size and not self._overlap(target, source)
        together = max(len(source), 1) if apart else 1
        for start in range(0, len(source), together):
            tiles = floats.to_bf16(self.words[source[start : start + together]])
            if command.option & Option.TRANSPOSE:
                tiles = tiles.transpose(0, 2, 1)
            steps = np.ascontiguousarray(tiles.astype(">u2"))
            self.words[target[start : start + together]] = steps.view(">u4").reshape(-1, half, self.lanes)

    def elementwise(self, command: Command, y: int, a: int, b: int) -> None:
        """y = f(a, b), COPY … MASK.  A piece is a word."""
        length = command.length
        if command.opcode in UNARY:
            b = a
        broadcast = command.opcode not in UNARY and bool(command.option & Option.BROADCAST)
        # As many words are done together as read nothing that an earlier one of them writes.
        together = min((y - a) % self.size or self.size, (y - b) % self.size or self.size)
        if broadcast and (b - y) % self.size < length:
            together = 1
        for start in range(0, length, together):
            words = min(together, length - start)
            left = self.words[self._range(a + start, words)]
            right = self.words[self._range(b, 1) if broadcast else self._range(b + start, words)]
            self.words[self._range(y + start, words)] = _apply(command, left, right)

    def _range(self, address: int, words: int) -> Addresses:
        return np.arange(address, address + words) % self.size

    def _tiles(self, address: int, command: Command) -> Addresses:
        """Addresses of the words of tiles, which may lie anywhere: shape (rows, columns, lanes)."""
        down = np.arange(command.rows)[:, None, None] * command.row_stride
        across = np.arange(command.columns)[None, :, None] * command.column_stride
        return (address + down + across + np.arange(self.lanes)) % self.size

    def _overlap(self, some: Addresses, others: Addresses) -> bool:
        marked = np.zeros(self.size, bool)
        marked[some] = True
        return bool(marked[others].any())

    def _steps(self, panels: Addresses) -> floats.Bits16:
        """bf16 steps of panels, from shape (panels, words) or (words,) to shape (k, panels * lanes)."""
        panels = np.atleast_2d(panels)
        halves = self.words[panels].astype(">u4").view(">u2").astype(np.uint16)
        steps = halves.reshape(len(panels), -1, self.lanes).transpose(1, 0, 2)
        return steps.reshape(len(steps), -1)


def _apply(command: Command, a: floats.Bits32, b: floats.Bits32) -> floats.Bits32:
    match command.opcode:
        case Opcode.ADD:
            return floats.add(a, b)
        case Opcode.SUB:
            return floats.subtract(a, b)
        case Opcode.MUL:
            return floats.multiply(a, b)
        case Opcode.SCALE:
            return floats.multiply(a, np.full_like(a, command.scalar))
        case Opcode.RELU:
            return floats.mask(a, a)
        case Opcode.MASK:
            return floats.mask(a, b)
    return a  # COPY
