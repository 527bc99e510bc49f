"""fp32 multiplication."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.floats import BIAS, INFINITY, NAN, Fp32, rounded


class Fp32Multiply(wiring.Component):
    """``result = a * b``, rounded to nearest even (docs/accelerator.md, *Arithmetic*).  Combinational.

    With operands of ``fraction_bits`` = 7 it multiplies two bf16 numbers, whose product needs no rounding.

    Parameters
    ----------
    fraction_bits : int
        Fraction bits of the operands that can be set: 23 for fp32, 7 for bf16.  The others are not looked at.

    Members
    -------
    a, b : In(32)
    result : Out(32)
    """

    def __init__(self, *, fraction_bits: int = 23) -> None:
        if fraction_bits not in (7, 23):
            raise ValueError(f"fraction_bits must be 7 (bf16) or 23 (fp32), not {fraction_bits}")
        self.fraction_bits = fraction_bits
        super().__init__({"a": In(32), "b": In(32), "result": Out(32)})

    def elaborate(self, platform) -> Module:
        m = Module()
        a, b = Fp32(self.a), Fp32(self.b)
        ignored = 23 - self.fraction_bits
        width = self.fraction_bits + 1

        # The product lies in [1, 4): its leading one is the highest bit or the one below.
        product = Signal(2 * width)
        high = product[-1]
        normal = Signal(48)
        exponent = Signal(signed(10))
        m.d.comb += [
            product.eq(a.significand[ignored:] * b.significand[ignored:]),
            normal.eq(Cat(Const(0, 48 - 2 * width), Mux(high, product, product << 1)[: 2 * width])),
            exponent.eq(a.exponent + b.exponent - BIAS + high),
        ]
        magnitude = rounded(
            exponent=exponent,
            fraction=normal[24:47],
            guard=normal[23],
            sticky=normal[:23].any(),
        )

        sign = a.sign ^ b.sign
        zero = a.is_zero | b.is_zero
        infinity = a.is_infinity | b.is_infinity
        with m.If(a.is_nan | b.is_nan | (zero & infinity)):
            m.d.comb += self.result.eq(NAN)
        with m.Elif(infinity):
            m.d.comb += self.result.eq(Cat(Const(INFINITY, 31), sign))
        with m.Elif(zero):
            m.d.comb += self.result.eq(Cat(Const(0, 31), sign))
        with m.Else():
            m.d.comb += self.result.eq(Cat(magnitude, sign))
        return m
