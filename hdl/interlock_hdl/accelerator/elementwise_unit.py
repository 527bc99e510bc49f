"""The vector unit's arithmetic: n fp32 operations at a time."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.command import Opcode
from interlock_hdl.accelerator.floats import Fp32
from interlock_hdl.accelerator.fp32_add import Fp32Add
from interlock_hdl.accelerator.fp32_multiply import Fp32Multiply
from interlock_hdl.accelerator.lanes import LaneRead, LaneWrite
from interlock_hdl.events import OpEvent

ELEMENT_FP32 = 0x12


class ElementwiseLane(wiring.Component):
    """One element of COPY … MASK.  Combinational.

    Members
    -------
    opcode : In(8)
    a, b : In(32)
    result : Out(32)
    """

    opcode: In(8)
    a: In(32)
    b: In(32)
    result: Out(32)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.add = add = Fp32Add()
        m.submodules.multiply = multiply = Fp32Multiply()
        # A number comes out of an addition of -0 as the units read it: subnormals zero, NaN canonical.
        negative_zero = 1 << 31
        selects = (self.opcode == Opcode.RELU) | (self.opcode == Opcode.MASK)
        condition = Fp32(Mux(self.opcode == Opcode.RELU, self.a, self.b))
        positive = ~condition.sign & ~condition.is_zero & ~condition.is_nan
        m.d.comb += [
            add.a.eq(self.a),
            add.b.eq(Mux(selects, negative_zero, self.b ^ ((self.opcode == Opcode.SUB) << 31))),
            multiply.a.eq(self.a),
            multiply.b.eq(self.b),
        ]
        with m.Switch(self.opcode):
            with m.Case(Opcode.COPY):
                m.d.comb += self.result.eq(self.a)
            with m.Case(Opcode.MUL, Opcode.SCALE):
                m.d.comb += self.result.eq(multiply.result)
            with m.Case(Opcode.ADD, Opcode.SUB):
                m.d.comb += self.result.eq(add.result)
            with m.Default():
                m.d.comb += self.result.eq(Mux(positive, add.result, 0))
        return m


class ElementwiseUnit(wiring.Component):
    """COPY … MASK: y = f(a, b), word by word (docs/accelerator.md).

    A word is written before the next one is read.

    Latency: ``3 * length`` cycles from ``start`` to ``done``, one if there is nothing to do.  Throughput: a
    word, n elements, in three cycles.

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
    opcode : In(8)
        COPY … MASK.
    y, a, b : In(range(words))
        Addresses.
    broadcast : In(1)
        Every word meets the word at ``b``.
    length : In(16)
        Words.
    scalar : In(32)
        The factor of SCALE.
    done : Out(1)
        Strobe in the last cycle.
    read : Out(LaneRead)
    write : Out(LaneWrite)
    event : Out(OpEvent)
        In the cycle in which a word is computed and written.  A COPY is no operation.
    """

    def __init__(self, *, array_size: int, words: int) -> None:
        self.array_size = array_size
        self.words = words
        super().__init__(
            {
                "start": In(1),
                "opcode": In(8),
                "y": In(range(words)),
                "a": In(range(words)),
                "b": In(range(words)),
                "broadcast": In(1),
                "length": In(16),
                "scalar": In(32),
                "done": Out(1),
                "read": Out(LaneRead(words=words, lanes=array_size)),
                "write": Out(LaneWrite(words=words, lanes=array_size)),
                "event": Out(OpEvent),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        word = Signal(16)
        a_word = [Signal(32, name=f"a_{i}") for i in range(self.array_size)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += word.eq(0)
                with m.If(self.start):
                    m.next = "READ_A"
                    with m.If(self.length == 0):
                        m.next = "DONE"
            with m.State("READ_A"):
                m.d.comb += [self.read.enable.eq(1), self.read.address.eq(self.a + word)]
                m.next = "READ_B"
            with m.State("READ_B"):
                m.d.comb += [
                    self.read.enable.eq(1),
                    self.read.address.eq(self.b + Mux(self.broadcast, 0, word)),
                ]
                m.d.sync += [kept.eq(lane) for kept, lane in zip(a_word, self.read.lanes, strict=True)]
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [
                    self.write.enable.eq(1),
                    self.write.address.eq(self.y + word),
                    self.event.valid.eq(self.opcode != Opcode.COPY),
                    self.event.op_class.eq(ELEMENT_FP32),
                    self.event.count.eq(self.array_size),
                ]
                m.d.sync += word.eq(word + 1)
                m.next = "READ_A"
                with m.If(word == self.length - 1):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

        for i in range(self.array_size):
            m.submodules[f"lane_{i}"] = lane = ElementwiseLane()
            m.d.comb += [
                lane.opcode.eq(self.opcode),
                lane.a.eq(a_word[i]),
                lane.b.eq(Mux(self.opcode == Opcode.SCALE, self.scalar, self.read.lanes[i])),
                self.write.lanes[i].eq(lane.result),
            ]
        return m
