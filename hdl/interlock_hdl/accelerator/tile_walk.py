"""Walks over tiles in rows and columns."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class TileWalk(wiring.Component):
    """Address of one tile after the other: all columns of a row, then the next row.

    Tile (i, j) lies at ``base + i * row_stride + j * column_stride``, modulo the number of words.

    Latency: the address stands in the cycle after ``start`` or ``next``.

    Parameters
    ----------
    words : int
        Size of the memory, a power of two.

    Members
    -------
    base, row_stride, column_stride : In(range(words))
    rows, columns : In(16)
        At least one each, or nothing must be started.
    start : In(1)
        Goes to tile (0, 0).
    next : In(1)
        Goes to the next tile.
    address : Out(range(words))
    row_ends : Out(1)
        This tile is the last of its row.
    ends : Out(1)
        This tile is the last one.
    """

    def __init__(self, *, words: int) -> None:
        self.words = words
        super().__init__(
            {
                "base": In(range(words)),
                "row_stride": In(range(words)),
                "column_stride": In(range(words)),
                "rows": In(16),
                "columns": In(16),
                "start": In(1),
                "next": In(1),
                "address": Out(range(words)),
                "row_ends": Out(1),
                "ends": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        row, column = Signal(16), Signal(16)
        row_address = Signal(range(self.words))
        next_row_address = row_address + self.row_stride
        m.d.comb += [
            self.row_ends.eq(column == self.columns - 1),
            self.ends.eq(self.row_ends & (row == self.rows - 1)),
        ]
        with m.If(self.start):
            m.d.sync += [row.eq(0), column.eq(0), row_address.eq(self.base), self.address.eq(self.base)]
        with m.Elif(self.next & self.row_ends):
            m.d.sync += [
                row.eq(row + 1),
                column.eq(0),
                row_address.eq(next_row_address),
                self.address.eq(next_row_address),
            ]
        with m.Elif(self.next):
            m.d.sync += [column.eq(column + 1), self.address.eq(self.address + self.column_stride)]
        return m
