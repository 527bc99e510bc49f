"""Round robin: whose turn is next."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Turns(wiring.Component):
    """Chooses, of all who ask, the first after ``last`` in cyclic order.  Combinational.

    Parameters
    ----------
    count : int
        How many may ask.

    Members
    -------
    asking : In(count)
    last : In(8)
        Who had the last turn.
    any : Out(1)
        Somebody asks.
    next : Out(8)
        Whose turn it is, where ``any``.
    """

    def __init__(self, *, count: int) -> None:
        self.count = count
        super().__init__({"asking": In(count), "last": In(8), "any": Out(1), "next": Out(8)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.any.eq(self.asking.any())
        # The last assignment that holds wins, so the nearest successor comes last.
        for distance in reversed(range(1, self.count + 1)):
            for last in range(self.count):
                candidate = (last + distance) % self.count
                with m.If((self.last == last) & self.asking[candidate]):
                    m.d.comb += self.next.eq(candidate)
        return m
