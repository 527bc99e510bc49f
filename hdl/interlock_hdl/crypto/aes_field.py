"""The field of AES (FIPS 197, 4) and its S-box (5.1.1): as a table, and as arithmetic on half bytes.

A byte is an element of GF(2^8), which is a plane over GF(2^4): ``x = a Y' + s`` with two half bytes and a
constant Y', whose conjugate is Y.  Then ``d = x^17`` lies in GF(2^4), and the inverse of x is ``x^16 / d``,
which is ``(a / d) Y + s / d``.  So all it takes is an inverse of four bits, and two products of four bits.

Any Y will do, and any basis of the half bytes.  Those below were found by trying all towers of quadratic
extensions: no bit on the way in or out is a sum of more than four, which is one LUT.
"""

from collections.abc import Callable, Sequence

_POLYNOMIAL = 0x11B
_CONSTANT = 0x63
_Y = 195
_NIBBLE_BASIS = (188, 189, 237, 224)


def multiply(first: int, second: int) -> int:
    """The product of two bytes (4.2)."""
    product = 0
    while second:
        product ^= first * (second & 1)
        first = first << 1 ^ (first >> 7) * _POLYNOMIAL
        second >>= 1
    return product


def power(base: int, exponent: int) -> int:
    """A byte times itself."""
    result = 1
    for _ in range(exponent):
        result = multiply(result, base)
    return result


def _linear(byte: int) -> int:
    """The affine map of the S-box, without its constant."""
    doubled = byte * 0x101
    return (byte ^ doubled >> 4 ^ doubled >> 5 ^ doubled >> 6 ^ doubled >> 7) & 0xFF


SBOX = tuple(_linear(power(byte, 254)) ^ _CONSTANT for byte in range(256))
"""The S-box as a table."""

SBOX_CONSTANT = _CONSTANT
"""What the S-box makes of zero."""


def _combination(vectors: Sequence[int], mask: int) -> int:
    """The sum of those vectors whose bit is in ``mask``."""
    result = 0
    for n, vector in enumerate(vectors):
        result ^= vector * (mask >> n & 1)
    return result


def _transposed(columns: Sequence[int]) -> tuple[int, ...]:
    return tuple(sum((column >> row & 1) << n for n, column in enumerate(columns)) for row in range(8))


_conjugate = power(_Y, 16)
_IN_BASIS = (*_NIBBLE_BASIS, *(multiply(_conjugate, element) for element in _NIBBLE_BASIS))
_OUT_BASIS = (*_NIBBLE_BASIS, *(multiply(_Y, element) for element in _NIBBLE_BASIS))
_BYTE_OF = [_combination(_IN_BASIS, mask) for mask in range(256)]
_COORDINATES = {byte: mask for mask, byte in enumerate(_BYTE_OF)}

IN_ROWS = _transposed([_COORDINATES[1 << n] for n in range(8)])
"""For each bit of s, then of a: which bits of the byte it is the sum of."""
OUT_ROWS = _transposed([_linear(element) for element in _OUT_BASIS])
"""For each bit of the S-box without its constant: which bits of s / d, then of a / d, it is the sum of."""

Form = dict[tuple[int, ...], int]
"""A function of bits as a sum of products: for each product, the bits of the result that it is in."""


def _form(function: Callable[[int], int], bits: int) -> Form:
    """The form of a function that makes zero of zero."""
    values = [function(mask) for mask in range(1 << bits)]
    for n in range(bits):  # each without what products of fewer bits make of it
        for mask in range(1 << bits):
            if mask >> n & 1:
                values[mask] ^= values[mask ^ 1 << n]
    return {_bits(mask): value for mask, value in enumerate(values) if value}


def _bits(mask: int) -> tuple[int, ...]:
    return tuple(n for n in range(mask.bit_length()) if mask >> n & 1)


NORM = _form(lambda mask: _COORDINATES[power(_BYTE_OF[mask], 17)], 8)
"""d, of the bits of s, then of a: products of two bits at most."""
PRODUCT = _form(lambda mask: _COORDINATES[multiply(_BYTE_OF[mask & 15], _BYTE_OF[mask >> 4])], 8)
"""The product of two half bytes: products of two bits."""
INVERSE = _form(lambda mask: _COORDINATES[power(_BYTE_OF[mask], 14)], 4)
"""The inverse of a half byte."""
