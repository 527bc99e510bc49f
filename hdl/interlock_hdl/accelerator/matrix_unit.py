"""The matrix unit: n x n multiply-adds a cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.fp32_add import Fp32Add
from interlock_hdl.accelerator.fp32_multiply import Fp32Multiply
from interlock_hdl.accelerator.lanes import LaneRead, LaneWrite, halves
from interlock_hdl.accelerator.tile_walk import TileWalk
from interlock_hdl.events import OpEvent

MULTIPLY_ADD_16 = 0x21


class ProcessingElement(wiring.Component):
    """Multiplies two bf16 numbers in one cycle and adds the product to an fp32 sum in the next.

    The sum is fed back in a single cycle, for terms must be added strictly in order.

    Latency: 2 cycles from operands to ``total``.  Throughput: a multiply-add a cycle.

    Members
    -------
    a, b : In(16)
        Operands; the product is taken in every cycle.
    accumulate : In(1)
        Adds the product of the last cycle's operands.
    first : In(1)
        Adds it to +0 instead of to the sum so far.
    total : Out(32)
    """

    a: In(16)
    b: In(16)
    accumulate: In(1)
    first: In(1)
    total: Out(32)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.multiply = multiply = Fp32Multiply(fraction_bits=7)
        m.submodules.add = add = Fp32Add()
        product = Signal(32)
        m.d.comb += [
            multiply.a.eq(self.a << 16),
            multiply.b.eq(self.b << 16),
            add.a.eq(Mux(self.first, 0, self.total)),
            add.b.eq(product),
        ]
        m.d.sync += product.eq(multiply.result)
        with m.If(self.accumulate):
            m.d.sync += self.total.eq(add.result)
        return m


class MatrixUnit(wiring.Component):
    """MATMUL: each tile of C is a panel of A times a panel of B (docs/accelerator.md).

    Words of A and of B are read in turn; each brings two steps, so the array works in every cycle.  A tile is
    written after its last step and before the next one's first word is read.

    Latency: ``rows * columns * (2 * length + 3 + n)`` cycles from ``start`` to ``done``, one if there is
    nothing to do.  Throughput: one step, n x n multiply-adds, a cycle within a tile.

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
    y, a, b : In(range(words))
        Addresses of the first tile of C, panel of A, panel of B.
    rows, columns : In(16)
        Tiles of C: panels of A, panels of B.
    length : In(16)
        Words of a panel.
    row_stride, column_stride : In(16)
        From a tile of C to the one below, and to the one beside it.
    done : Out(1)
        Strobe in the last cycle.
    read : Out(LaneRead)
    write : Out(LaneWrite)
    event : Out(OpEvent)
        In the cycle in which a step's products are added.
    """

    def __init__(self, *, array_size: int, words: int) -> None:
        self.array_size = array_size
        self.words = words
        super().__init__(
            {
                "start": In(1),
                "y": In(range(words)),
                "a": In(range(words)),
                "b": In(range(words)),
                "rows": In(16),
                "columns": In(16),
                "length": In(16),
                "row_stride": In(16),
                "column_stride": In(16),
                "done": Out(1),
                "read": Out(LaneRead(words=words, lanes=array_size)),
                "write": Out(LaneWrite(words=words, lanes=array_size)),
                "event": Out(OpEvent),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        n = self.array_size

        m.submodules.tiles = tiles = TileWalk(words=self.words)
        m.d.comb += [
            tiles.base.eq(self.y),
            tiles.row_stride.eq(self.row_stride),
            tiles.column_stride.eq(self.column_stride),
            tiles.rows.eq(self.rows),
            tiles.columns.eq(self.columns),
        ]

        # Reading: a word of A, a word of B, …
        a_panel, a_address, b_address = (Signal(range(self.words)) for _ in range(3))
        word = Signal(16)
        reads_b = Signal()
        row = Signal(range(n))
        # Adding: step 0 of a pair of words when B arrives, step 1 a cycle later, sums one cycle after that.
        step_0, step_1, accumulate, first_step, first = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            step_0.eq(0),
            step_1.eq(step_0),
            accumulate.eq(step_0 | step_1),
            first.eq(step_0 & first_step),
        ]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += tiles.start.eq(self.start)
                m.d.sync += [a_panel.eq(self.a), a_address.eq(self.a), b_address.eq(self.b)]
                with m.If(self.start):
                    with m.If((self.rows != 0) & (self.columns != 0) & (self.length != 0)):
                        m.next = "READ"
                    with m.Else():
                        m.next = "DONE"
            with m.State("READ"):
                m.d.comb += [
                    self.read.enable.eq(1),
                    self.read.address.eq(Mux(reads_b, b_address, a_address)),
                ]
                m.d.sync += reads_b.eq(~reads_b)
                with m.If(reads_b):
                    m.d.sync += [
                        step_0.eq(1),
                        first_step.eq(word == 0),
                        a_address.eq(a_address + 1),
                        b_address.eq(b_address + 1),
                        word.eq(word + 1),
                    ]
                    with m.If(word == self.length - 1):
                        m.d.sync += word.eq(0)
                        m.next = "ADD"
            with m.State("ADD"):
                with m.If(accumulate & ~step_0 & ~step_1):
                    m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [self.write.enable.eq(1), self.write.address.eq(tiles.address + row)]
                m.d.sync += row.eq(row + 1)
                with m.If(row == n - 1):
                    m.d.comb += tiles.next.eq(1)
                    with m.If(tiles.row_ends):
                        m.d.sync += [a_panel.eq(a_address), b_address.eq(self.b)]
                    with m.Else():
                        m.d.sync += a_address.eq(a_panel)
                    with m.If(tiles.ends):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "READ"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

        # Operands: a word of A waits for B's, and the second step of B's waits a cycle.
        a_word = [Signal(32, name=f"a_{i}") for i in range(n)]
        b_word = [Signal(32, name=f"b_{i}") for i in range(n)]
        a_arrives = Signal()
        m.d.sync += a_arrives.eq(self.read.enable & ~reads_b)
        for lane, a_lane, b_lane in zip(self.read.lanes, a_word, b_word, strict=True):
            with m.If(a_arrives):
                m.d.sync += a_lane.eq(lane)
            with m.If(step_0):
                m.d.sync += b_lane.eq(lane)
        a_steps, b_steps, b_arriving = halves(a_word), halves(b_word), halves(self.read.lanes)
        a_step = [Mux(step_1, a_steps[n + i], a_steps[i]) for i in range(n)]
        b_step = [Mux(step_1, b_steps[n + i], b_arriving[i]) for i in range(n)]

        elements = [[ProcessingElement() for _ in range(n)] for _ in range(n)]
        for i in range(n):
            for j, element in enumerate(elements[i]):
                m.submodules[f"element_{i}_{j}"] = element
                m.d.comb += [
                    element.a.eq(a_step[i]),
                    element.b.eq(b_step[j]),
                    element.accumulate.eq(accumulate),
                    element.first.eq(first),
                ]
            with m.If(row == i):
                m.d.comb += [
                    lane.eq(element.total)
                    for lane, element in zip(self.write.lanes, elements[i], strict=True)
                ]

        m.d.comb += [
            self.event.valid.eq(accumulate),
            self.event.op_class.eq(MULTIPLY_ADD_16),
            self.event.count.eq(n * n),
        ]
        return m
