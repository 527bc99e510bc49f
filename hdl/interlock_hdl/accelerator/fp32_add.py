"""fp32 addition."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.floats import INFINITY, NAN, Fp32, rounded

ALIGN = 31
"""Farthest that the smaller operand is shifted: it then lies wholly below the guard bit."""


class Fp32Add(wiring.Component):
    """``result = a + b``, rounded to nearest even (docs/accelerator.md, *Arithmetic*).  Combinational.

    The smaller operand is shifted to the exponent of the larger and added or subtracted; one normaliser takes
    care of carry and cancellation alike.

    Members
    -------
    a, b : In(32)
    result : Out(32)
    """

    a: In(32)
    b: In(32)
    result: Out(32)

    def elaborate(self, platform) -> Module:
        m = Module()
        larger, smaller = Signal(Fp32), Signal(Fp32)
        swap = self.a[:31] < self.b[:31]
        m.d.comb += [
            larger.eq(Mux(swap, self.b, self.a)),
            smaller.eq(Mux(swap, self.a, self.b)),
        ]

        # 24 bits, guard, round, sticky: three bits below the last are enough for an exact rounding.
        distance = Signal(8)
        aligned = Signal(24 + 32)
        addend = Signal(27)
        total = Signal(28)
        subtract = larger.sign ^ smaller.sign
        m.d.comb += [
            distance.eq(larger.exponent - smaller.exponent),
            aligned.eq(Cat(Const(0, 32), smaller.significand) >> Mux(distance > ALIGN, ALIGN, distance[:5])),
            addend.eq(Cat(aligned[:30].any(), aligned[30:])),
            total.eq(Cat(Const(0, 3), larger.significand) + Mux(subtract, -addend, addend)),
        ]

        normal = total
        exponent = larger.exponent + 1
        for shift in (16, 8, 4, 2, 1):
            low = Signal(name=f"low_{shift}")
            shifted = Signal(28, name=f"shifted_{shift}")
            m.d.comb += [
                low.eq(normal[28 - shift :] == 0),
                shifted.eq(Mux(low, normal << shift, normal)),
            ]
            normal = shifted
            exponent = exponent - Mux(low, shift, 0)
        result_exponent = Signal(signed(10))
        m.d.comb += result_exponent.eq(exponent)

        magnitude = rounded(
            exponent=result_exponent,
            fraction=normal[4:27],
            guard=normal[3],
            sticky=normal[:3].any(),
        )
        a, b = Fp32(self.a), Fp32(self.b)
        with m.If(a.is_nan | b.is_nan | (a.is_infinity & b.is_infinity & subtract)):
            m.d.comb += self.result.eq(NAN)
        with m.Elif(larger.is_infinity):
            m.d.comb += self.result.eq(Cat(Const(INFINITY, 31), larger.sign))
        with m.Elif(total == 0):
            # Only two negative zeros sum to one.
            m.d.comb += self.result.eq(Cat(Const(0, 31), a.sign & b.sign))
        with m.Else():
            m.d.comb += self.result.eq(Cat(magnitude, larger.sign))
        return m
