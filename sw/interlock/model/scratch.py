"""Scratch memory of the reference accelerator, and what its units do to it (``docs/accelerator.md``).

A word is n fp32 lanes, or two steps of n bf16 lanes.  Addresses count words, modulo the size.  Every unit
works in small pieces, each read whole before it is written, and written before the next is read.  So
overlapping operands have a meaning, too; here pieces are taken together wherever nothing overlaps.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from interlock.model import floats
from interlock.model.command import Command, Opcode, Option

Addresses = npt.NDArray[np.intp]

PART = 1 << 16
"""Words of all tiles together that a command may treat at once."""
UNARY = (Opcode.COPY, Opcode.SCALE, Opcode.RELU)


class Scratch:
    """``size`` words of ``lanes`` fp32 lanes, all zero at first.

    The methods named after commands take the command and the addresses of its operands, and work while they
    are iterated over, for a command can be far longer than anybody wants to wait.
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

    def matmul(self, command: Command, y: int, a: int, b: int) -> Iterator[int]:
        """Tile (i, j) of y = panel i of a times panel j of b.  A piece is a tile.

        Yields the number of steps after each part.
        """
        length, n = command.length, self.lanes
        for rows, columns in _parts(command, length):
            left = self._panels(a, rows, length)
            right = self._panels(b, columns, length)
            tiles = self._tiles(y, command, rows, columns)
            if self._overlap(tiles, left) or self._overlap(tiles, right):
                for i, left_panel in enumerate(left):
                    for j, right_panel in enumerate(right):
                        product = floats.matmul(self._steps(left_panel), self._steps(right_panel))
                        self.words[tiles[i, j]] = product
            else:
                product = floats.matmul(self._steps(left), self._steps(right))
                self.words[tiles] = product.reshape(len(left), n, len(right), n).transpose(0, 2, 1, 3)
            yield len(left) * len(right) * 2 * length

    def convert(self, command: Command, y: int, a: int, _b: int) -> Iterator[int]:
        """Tiles of a, fp32, to steps at y, bf16, one after the other.  A piece is a tile.

        Yields 0 after each part, for this is no operation.
        """
        half = self.lanes // 2
        for rows, columns in _parts(command, self.lanes):
            source = self._tiles(a, command, rows, columns).reshape(-1, self.lanes)
            target = self._range(y, len(source) * half).reshape(-1, half)
            y += len(source) * half
            apart = target.size <= self.size and not self._overlap(target, source)
            together = len(source) if apart else 1
            for start in range(0, len(source), together):
                tiles = floats.to_bf16(self.words[source[start : start + together]])
                if command.option & Option.TRANSPOSE:
                    tiles = tiles.transpose(0, 2, 1)
                steps = np.ascontiguousarray(tiles.astype(">u2")).view(">u4")
                self.words[target[start : start + together]] = steps.reshape(-1, half, self.lanes)
            yield 0

    def elementwise(self, command: Command, y: int, a: int, b: int) -> Iterator[int]:
        """y = f(a, b), COPY … MASK.  A piece is a word.

        Yields the number of words that were operated on: none by COPY.
        """
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
        yield 0 if command.opcode == Opcode.COPY else length

    def _range(self, address: int, words: int) -> Addresses:
        return np.arange(address, address + words) % self.size

    def _panels(self, address: int, which: range, length: int) -> Addresses:
        """Addresses of the words of some panels: shape (panels, length)."""
        return self._range(address + which.start * length, len(which) * length).reshape(-1, length)

    def _tiles(self, address: int, command: Command, rows: range, columns: range) -> Addresses:
        """Addresses of the words of some tiles: shape (rows, columns, lanes)."""
        down = np.array(rows)[:, None, None] * command.row_stride
        across = np.array(columns)[None, :, None] * command.column_stride
        words: Addresses = (address + down + across + np.arange(self.lanes)) % self.size
        return words

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


def _parts(command: Command, words: int) -> Iterator[tuple[range, range]]:
    """Rows and columns of tiles of ``words`` words, cut into parts that a computer's memory can hold."""
    if not words * command.columns:
        return
    most = max(PART // words, 1)
    height, width = max(most // command.columns, 1), min(most, command.columns)
    for row in range(0, command.rows, height):
        for column in range(0, command.columns, width):
            rows = range(row, min(row + height, command.rows))
            yield rows, range(column, min(column + width, command.columns))


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
