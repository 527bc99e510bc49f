"""What of the inside may be seen from outside, and how often (docs/threat-model.md)."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

STATUS_PERIOD_LOG2 = 24
"""Of builds that do not say otherwise: 12 changes a second at 200 MHz."""


class StatusLimiter(wiring.Component):
    """Shows a status at most once every ``2**period_log2`` cycles.

    An accelerator may change its status at will, by an alarm or by silence; whoever reads it learns at most
    its width in bits a period.  The moments are fixed by a counter that runs from reset on and that nothing
    influences, so *when* the shown value changes says no more than the value itself.

    **Latency**: 1 to ``2**period_log2`` cycles.

    Parameters
    ----------
    shape : ShapeLike
        Of the status.
    period_log2 : int
        1 … 40.

    Members
    -------
    i, o : In, Out (shape)
    """

    def __init__(self, *, shape: ShapeLike, period_log2: int) -> None:
        if not 1 <= period_log2 <= 40:
            raise ValueError(f"period_log2 must be 1 … 40, not {period_log2}")
        self.period_log2 = period_log2
        super().__init__({"i": In(shape), "o": Out(shape)})
        self.cycle = Signal(period_log2)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.sync += self.cycle.eq(self.cycle + 1)
        with m.If(self.cycle.all()):
            m.d.sync += self.o.eq(self.i)
        return m
