"""A short queue in registers, for the few words that travel beside a packet buffer."""

from itertools import pairwise

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class RegisterQueue(wiring.Component):
    """A first-in first-out queue of ``depth`` words in a shift register.

    The word at the output always stands in the same register, and both handshakes depend on registers only.
    While there is none, ``o.payload`` follows ``i.payload``.
    Being made of registers it is cleared by its reset (``ResetInserter``), which a memory would not be.

    Latency: ``latency`` cycles from ``i`` to ``o``.  Throughput: one word a cycle.

    Parameters
    ----------
    shape : ShapeLike
        What a word is.
    depth : int
        Words that it holds, at least 2: with one, a full queue would halve the throughput.

    Attributes
    ----------
    words : list of ``shape``
        The oldest one first.
    level : range(depth + 1)
        How many of them there are.

    Members
    -------
    i, o : stream of ``shape``
    """

    latency = 1

    def __init__(self, *, shape: ShapeLike, depth: int) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth}")
        self.shape = shape
        self.depth = depth
        self.words = [Signal(shape, name=f"word_{n}") for n in range(depth)]
        self.level = Signal(range(depth + 1))
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform) -> Module:
        m = Module()
        words, level = self.words, self.level

        push = self.i.valid & self.i.ready
        pop = self.o.valid & self.o.ready
        m.d.comb += [
            self.i.ready.eq(level != self.depth),
            self.o.valid.eq(level != 0),
            self.o.payload.eq(words[0]),
        ]
        m.d.sync += level.eq(level + push - pop)
        # A place that is vacant takes whatever stands at `i`: whether that is a word comes late, and then
        # decides on the level alone.  Nothing enters while the last place becomes vacant.
        for n, (word, above) in enumerate(pairwise(words)):
            with m.If(level <= Mux(pop, n + 1, n)):
                m.d.sync += word.eq(self.i.payload)
            with m.Elif(pop):
                m.d.sync += word.eq(above)
        with m.If(level < self.depth):
            m.d.sync += words[-1].eq(self.i.payload)
        return m
