"""The field of GHASH, GF(2^128) (NIST SP 800-38D, 6.3), as circuits.

A polynomial is a vector whose top bit is the coefficient of x^0, as the standard writes it: the first bit of
a block is the most significant one of its first byte.  A product of two vectors is the same whichever end is
the first one.  Operators are as wide as they can be: simulators work on words.
"""

from functools import reduce as fold
from operator import xor

from amaranth.hdl import Cat, Const, Value

BITS = 128
LIMB_BITS = 16
LIMB_PRODUCTS = 27
"""Products of 16 bits in one of 128, by Karatsuba's rule: three of the half size, three times over."""

_RESIDUE = (0, 1, 2, 7)
"""Exponents: x^128 = x^7 + x^2 + x + 1."""
_BYTES = BITS // 8


def polynomial(block: Value) -> Value:
    """That of a block whose byte 0 is its bits 7:0; or the block of such a polynomial."""
    return Cat(block.word_select(_BYTES - 1 - n, 8) for n in range(_BYTES))


def reduced(product: Value) -> Value:
    """A polynomial of at most 256 coefficients, modulo that of the field."""
    overflow = product[:-BITS]  # the coefficients of x^128 and above, of which that of x^128 is on top
    if not len(overflow):
        return product
    # x^128 and above become x^0 to x^7 and above, and the last of them may be too high again.
    space = max(0, len(overflow) + max(_RESIDUE) - BITS)
    aligned = Cat(Const(0, BITS + space - len(overflow)), overflow)
    return product[-BITS:] ^ reduced(fold(xor, (aligned.shift_right(n) for n in _RESIDUE)))


def limbs(operand: Value) -> list[Value]:
    """What one operand gives to each of the small products."""
    if len(operand) == LIMB_BITS:
        return [operand]
    half = len(operand) // 2
    low, high = operand[:half], operand[half:]
    return [*limbs(low), *limbs(high), *limbs(low ^ high)]


def joined(products: list[Value]) -> Value:
    """The whole product, of the small ones."""
    if len(products) == 1:
        return products[0]
    third = len(products) // 3
    low, high, both = (joined(products[n * third : (n + 1) * third]) for n in range(3))
    half = (len(low) + 1) // 2
    middle = both ^ low ^ high
    return low ^ Cat(Const(0, half), middle) ^ Cat(Const(0, 2 * half), high)


def carryless(first: Value, second: Value) -> Value:
    """The product of two polynomials, by the schoolbook."""
    return fold(xor, ((second & bit.replicate(len(second))).shift_left(n) for n, bit in enumerate(first)))
