"""The field of GHASH, GF(2^128) (NIST SP 800-38D, 6.3), as circuits.

The standard numbers the bits of a block from the most significant one of its first byte; bit n is the
coefficient of x^n.  Inside, that is bit n of a vector, so products shift as they do on paper.
"""

from functools import reduce as fold
from operator import xor

from amaranth.hdl import Cat, Const, Value

BITS = 128
LIMB_BITS = 16
LIMB_PRODUCTS = 27
"""Products of 16 bits in one of 128, by Karatsuba's rule: three of the half size, three times over."""

_RESIDUE = 0b10000111  # x^128 = x^7 + x^2 + x + 1


def reflected(block: Value) -> Value:
    """The coefficients of a block whose byte 0 is its bits 7:0; or the block of such coefficients."""
    return Cat(block[n ^ 7] for n in range(BITS))


def _residue(exponent: int) -> int:
    """x^exponent, reduced."""
    value = 1
    for _ in range(exponent):
        value = value << 1 ^ (value >> (BITS - 1)) * (1 << BITS | _RESIDUE)
    return value


def reduced(product: Value) -> Value:
    """A polynomial of any degree, modulo that of the field."""
    residues = [_residue(n) for n in range(len(product))]
    return Cat(
        fold(xor, (product[n] for n, residue in enumerate(residues) if residue >> k & 1)) for k in range(BITS)
    )


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
    return Cat(
        fold(xor, (first[n] & second[k - n] for n in range(len(first)) if 0 <= k - n < len(second)))
        for k in range(len(first) + len(second) - 1)
    )
