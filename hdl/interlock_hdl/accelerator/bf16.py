"""fp32 to bf16."""

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.floats import NAN, Fp32


class Bf16Round(wiring.Component):
    """``result`` = the bf16 number nearest to ``i``, ties to even (docs/accelerator.md, *Arithmetic*).

    Combinational.  bf16 is the upper half of fp32, so a carry out of the fraction is right as it falls, up
    to infinity.

    Members
    -------
    i : In(32)
    result : Out(16)
    """

    i: In(32)
    result: Out(16)

    def elaborate(self, platform) -> Module:
        m = Module()
        number = Fp32(self.i)
        with m.If(number.is_nan):
            m.d.comb += self.result.eq(NAN >> 16)
        with m.Elif(number.is_zero):
            m.d.comb += self.result.eq(Cat(Const(0, 15), number.sign))
        with m.Else():
            up = self.i[15] & (self.i[16] | self.i[:15].any())
            m.d.comb += self.result.eq(self.i[16:] + up)
        return m
