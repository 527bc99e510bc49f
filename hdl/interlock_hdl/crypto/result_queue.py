"""Where results wait behind a pipeline that never stops."""

from amaranth.hdl import Module, Mux, ResetInserter, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.double_buffer import DoubleBuffer


class ResultQueue(wiring.Component):
    """A first-in first-out queue with a place for every result that is still being computed.

    A pipeline with this behind it needs no enable, which would have to reach thousands of registers within a
    cycle: it takes work only while there is ``room``, reserves the result's place in that cycle, and pushes
    the result whenever it is there.

    Latency: ``latency`` cycles from ``push`` to ``o``.  Throughput: one result a cycle.

    Parameters
    ----------
    shape : ShapeLike
        What a result is.
    depth : int
        Places, a power of two.

    Members
    -------
    room : Out(1)
        There is a place that is not reserved.  A register, low in a wipe but for its first cycle.
    reserve : In(1)
        Takes it.
    push, payload : In(1), In(shape)
        A result for which a place was reserved.
    o : Out(stream of ``shape``)
    wipe, wiped : In(1), Out(1)
        While ``wipe`` is high the queue is empty and in reset, and its memory is overwritten.
    """

    latency = 1 + DoubleBuffer.latency

    def __init__(self, *, shape: ShapeLike, depth: int) -> None:
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two, at least 2, not {depth}")
        self.shape = shape
        self.depth = depth
        super().__init__(
            {
                "room": Out(1),
                "reserve": In(1),
                "push": In(1),
                "payload": In(shape),
                "o": Out(stream.Signature(shape)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # No word is ever read in the cycle in which it is written.  A block RAM, whose output comes late,
        # would be what limits the pipeline's clock.
        attributes = {"no_rw_check": 1, "ram_style": "distributed"}
        memory = Memory(shape=self.shape, depth=self.depth, init=[], attrs=attributes)
        m.submodules.memory = memory
        write_port = memory.write_port()
        read_port = memory.read_port(domain="comb")
        control = Module()
        m.submodules.control = ResetInserter(self.wipe)(control)

        free = Signal(range(self.depth + 1), init=self.depth)
        vacant = Signal.like(free)
        stored = Signal(range(self.depth + 1))  # in the memory, and not yet fetched
        write, read = Signal(range(self.depth)), Signal(range(self.depth))
        control.submodules.places = places = DoubleBuffer(shape=self.shape)
        leaving = self.o.valid & self.o.ready
        returned = Signal()
        fetching = places.i.valid & places.i.ready
        m.d.comb += [
            vacant.eq(free + returned),
            places.i.valid.eq(stored != 0),
            places.i.payload.eq(read_port.data),
            places.o.ready.eq(self.o.ready),
            self.o.valid.eq(places.o.valid & ~self.wipe),
            self.o.payload.eq(places.o.payload),
        ]
        control.d.sync += [
            returned.eq(leaving),
            free.eq(vacant - self.reserve),
            self.room.eq(Mux(self.reserve, vacant > 1, vacant > 0)),  # `reserve` comes late
            stored.eq(stored + self.push - fetching),
            write.eq(write + self.push),
            read.eq(read + fetching),
        ]

        # Zeros go to every address.
        wiping = Signal(range(self.depth))
        with m.If(~self.wipe):
            m.d.sync += [wiping.eq(0), self.wiped.eq(0)]
        with m.Elif(wiping == self.depth - 1):
            m.d.sync += self.wiped.eq(1)
        with m.Else():
            m.d.sync += wiping.eq(wiping + 1)
        m.d.comb += [
            write_port.en.eq(self.push | self.wipe),
            write_port.addr.eq(write),
            write_port.data.eq(self.payload),
            read_port.addr.eq(read),
        ]
        with m.If(self.wipe):
            m.d.comb += [write_port.addr.eq(wiping), write_port.data.eq(0)]
        return m
