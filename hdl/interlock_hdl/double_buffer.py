"""Two words between what decides late and what it decides on."""

from amaranth.hdl import Array, Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class DoubleBuffer(wiring.Component):
    """A first-in first-out queue of two words, each of which stays where it was written.

    Whoever takes a word turns one bit over, and enables no register of a word: so that may be decided late in
    a cycle.  In return words come through a multiplexer.

    Latency: ``latency`` cycles from ``i`` to ``o``.  Throughput: one word a cycle.

    Parameters
    ----------
    shape : ShapeLike
        What a word is.

    Members
    -------
    i, o : stream of ``shape``
        Both handshakes depend on registers only.
    """

    latency = 1

    def __init__(self, *, shape: ShapeLike) -> None:
        self.places = [Signal(shape, name=f"place_{n}") for n in range(2)]
        self.filled = Signal(2)
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform) -> Module:
        m = Module()
        write, read = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~self.filled.bit_select(write, 1)),
            self.o.valid.eq(self.filled.bit_select(read, 1)),
            self.o.payload.eq(Array(self.places)[read]),
        ]
        # A place that is not filled takes whatever stands at `i`: whether that is a word may come late, too.
        for n, place in enumerate(self.places):
            with m.If(~self.filled[n]):
                m.d.sync += place.eq(self.i.payload)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [self.filled.bit_select(write, 1).eq(1), write.eq(~write)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.filled.bit_select(read, 1).eq(0), read.eq(~read)]
        return m
