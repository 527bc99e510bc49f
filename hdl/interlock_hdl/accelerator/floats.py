"""Numbers of the reference accelerator (docs/accelerator.md, *Arithmetic*): fp32 without subnormals."""

from amaranth.hdl import Cat, Const, Mux, Value
from amaranth.lib import data

BIAS = 127
INFINITY = 0x7F80_0000
NAN = 0x7FC0_0000
"""The one NaN that a unit gives out."""


class Fp32(data.Struct):
    """An fp32 number, and how the units read it: what IEEE 754 calls subnormal is a zero of its sign."""

    fraction: 23
    exponent: 8
    sign: 1

    @property
    def is_zero(self) -> Value:
        return self.exponent == 0

    @property
    def is_infinity(self) -> Value:
        return (self.exponent == 255) & (self.fraction == 0)

    @property
    def is_nan(self) -> Value:
        return (self.exponent == 255) & (self.fraction != 0)

    @property
    def significand(self) -> Value:
        """24 bits with the leading one; 0 for a zero."""
        return Mux(self.is_zero, 0, Cat(self.fraction, Const(1, 1)))


def rounded(*, exponent: Value, fraction: Value, guard: Value, sticky: Value) -> Value:
    """Magnitude (31 bits) of a finite result, rounded to nearest, ties to even.

    ``fraction`` holds the 23 bits after the leading one, ``guard`` the next bit, ``sticky`` whether anything
    follows.  Without subnormals a result whose exponent is not positive is zero, before it is rounded; the
    carry of rounding runs into the exponent, and 255 is infinity.
    """
    magnitude = Cat(fraction, exponent[:8]) + (guard & (sticky | fraction[0]))
    overflow = (exponent >= 255) | (magnitude[23:] >= 255)
    return Mux(exponent <= 0, 0, Mux(overflow, INFINITY, magnitude))[:31]
