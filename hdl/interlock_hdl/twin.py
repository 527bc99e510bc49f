"""A register held twice, once inverted, so that a flipped flip-flop shows (D5, D13)."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Twin(wiring.Component):
    """A register of any shape and, beside it, the inverse of what was loaded.

    A flip-flop of either copy that changes by itself raises ``fault`` from that cycle until the next load,
    for at least one cycle: a caller that latches ``fault`` misses nothing.  The second copy is the inverse
    so that a glitch that drives both the same way shows too, and so that synthesis does not see two equal
    registers and keep one.

    Latency: 1 cycle from ``next`` to ``value``.  Throughput: one load a cycle.

    Parameters
    ----------
    shape : ShapeLike
        Shape of the value; layouts are welcome.
    init : what the shape takes as a constant
        Value after reset; zeros unless given.

    Members
    -------
    next : In(shape)
    load : In(1)
        ``next`` is taken at the end of this cycle.
    value : Out(shape)
        The plain copy.
    fault : Out(1)
        The copies disagree.  Combinational from the two registers, not latched.
    """

    def __init__(self, shape, *, init=None) -> None:
        super().__init__({"next": In(shape), "load": In(1), "value": Out(shape, init=init), "fault": Out(1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        value, following = Value.cast(self.value), Value.cast(self.next)
        inverse = Signal(len(value), init=~value.init & ((1 << len(value)) - 1))

        with m.If(self.load):
            m.d.sync += [value.eq(following), inverse.eq(~following)]
        m.d.comb += self.fault.eq(value.as_unsigned() != ~inverse)
        return m
