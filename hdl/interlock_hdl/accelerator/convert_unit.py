"""CONVERT: from the tiles that the matrix unit writes to the panels that it reads."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.bf16 import Bf16Round
from interlock_hdl.accelerator.lanes import LaneRead, LaneWrite, lanes_of
from interlock_hdl.accelerator.tile_walk import TileWalk


class ConvertUnit(wiring.Component):
    """CONVERT: fp32 tiles become bf16 steps, straight or transposed (docs/accelerator.md).

    A tile is read whole, then written as n / 2 words behind those of the tile before.  This moves data and
    raises no events.

    Latency: ``rows * columns * (n + 1 + n / 2)`` cycles from ``start`` to ``done``, one if there is nothing
    to do.

    Parameters
    ----------
    array_size : int
        n.
    words : int
        Words of scratch memory.

    Members
    -------
    start : In(1)
        All that follows must hold still from here to ``done``.
    y, a : In(range(words))
        Addresses of the first words of steps and of the first tile.
    rows, columns, row_stride, column_stride : In(16)
        Where the tiles lie.
    transpose : In(1)
        A step is a column of a tile, not a row.
    done : Out(1)
        Strobe in the last cycle.
    read : Out(LaneRead)
    write : Out(LaneWrite)
    """

    def __init__(self, *, array_size: int, words: int) -> None:
        self.array_size = array_size
        self.words = words
        super().__init__(
            {
                "start": In(1),
                "y": In(range(words)),
                "a": In(range(words)),
                "rows": In(16),
                "columns": In(16),
                "row_stride": In(16),
                "column_stride": In(16),
                "transpose": In(1),
                "done": Out(1),
                "read": Out(LaneRead(words=words, lanes=array_size)),
                "write": Out(LaneWrite(words=words, lanes=array_size)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        n = self.array_size

        m.submodules.tiles = tiles = TileWalk(words=self.words)
        m.d.comb += [
            tiles.base.eq(self.a),
            tiles.row_stride.eq(self.row_stride),
            tiles.column_stride.eq(self.column_stride),
            tiles.rows.eq(self.rows),
            tiles.columns.eq(self.columns),
        ]

        row = Signal(range(n))
        arrives, arriving_row = Signal(), Signal(range(n))
        pair = Signal(range(n // 2)) if n > 2 else Signal(1)
        target = Signal(range(self.words))
        m.d.sync += [arrives.eq(self.read.enable), arriving_row.eq(row)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += tiles.start.eq(self.start)
                m.d.sync += target.eq(self.y)
                with m.If(self.start):
                    with m.If((self.rows != 0) & (self.columns != 0)):
                        m.next = "READ"
                    with m.Else():
                        m.next = "DONE"
            with m.State("READ"):
                m.d.comb += [self.read.enable.eq(1), self.read.address.eq(tiles.address + row)]
                m.d.sync += row.eq(row + 1)
                with m.If(row == n - 1):
                    m.next = "ARRIVE"
            with m.State("ARRIVE"):
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [self.write.enable.eq(1), self.write.address.eq(target)]
                m.d.sync += [target.eq(target + 1), pair.eq(pair + 1)]
                with m.If(pair == n // 2 - 1):
                    m.d.comb += [tiles.next.eq(1), self.done.eq(tiles.ends)]
                    m.d.sync += pair.eq(0)
                    m.next = "READ"
                    with m.If(tiles.ends):
                        m.next = "IDLE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

        tile = [[Signal(16, name=f"element_{i}_{j}") for j in range(n)] for i in range(n)]
        for j, lane in enumerate(self.read.lanes):
            m.submodules[f"round_{j}"] = to_bf16 = Bf16Round()
            m.d.comb += to_bf16.i.eq(lane)
            for i in range(n):
                with m.If(arrives & (arriving_row == i)):
                    m.d.sync += tile[i][j].eq(to_bf16.result)

        for k in range(n // 2):
            straight = [tile[2 * k + half][j] for half in range(2) for j in range(n)]
            transposed = [tile[i][2 * k + half] for half in range(2) for i in range(n)]
            chosen = [Mux(self.transpose, t, s) for t, s in zip(transposed, straight, strict=True)]
            with m.If(pair == k):
                m.d.comb += [
                    lane.eq(word) for lane, word in zip(self.write.lanes, lanes_of(chosen), strict=True)
                ]
        return m
