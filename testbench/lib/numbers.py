"""fp32 bit patterns that floating-point units get wrong, and exact arithmetic to judge them by."""

from fractions import Fraction

import numpy as np

NAN = 0x7FC00000
INFINITY = 0x7F800000
SIGN = 1 << 31
SMALLEST = Fraction(1, 1 << 126)

SPECIAL = [
    *(0, 1, 0x007FFFFF),  # zero, subnormals
    *(0x00800000, 0x00800001, 0x00FFFFFF, 0x01000000),  # the smallest normal numbers
    *(0x33800000, 0x33FFFFFF, 0x34000000, 0x34000001),  # about half a unit in the last place of 1
    *(0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3F808000, 0x3F818000),  # about 1, ties of bf16
    *(0x4B7FFFFF, 0x4B800000, 0x5F800000),  # 2**24, 2**64
    *(0x7EFFFFFF, 0x7F000000, 0x7F7F8000, 0x7F7FFFFF),  # the largest
    *(INFINITY, INFINITY + 1, NAN, 0x7FFFFFFF),
]
SPECIAL += [number | SIGN for number in SPECIAL]


def numbers(rng: np.random.Generator, count: int) -> np.ndarray:
    """Bit patterns: mostly ordinary numbers, now and then anything at all."""
    ordinary = (rng.integers(0, 2, count) << 31) | (rng.integers(118, 136, count) << 23)
    ordinary |= rng.integers(0, 1 << 23, count)
    anything = rng.integers(0, 1 << 32, count)
    choice = rng.random(count)
    result = np.where(choice < 0.8, ordinary, anything)
    return np.where(choice > 0.95, rng.choice(SPECIAL, count), result).astype(np.uint32)


def pairs(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of special patterns, then random ones: near in exponent for sums, far apart for products."""
    a, b = (grid.ravel() for grid in np.meshgrid(np.array(SPECIAL, np.uint32), np.array(SPECIAL, np.uint32)))
    left, right = (rng.integers(0, 1 << 32, count, dtype=np.uint32) for _ in range(2))
    exponent = (left >> 23 & 0xFF).astype(int)
    near = exponent + rng.integers(-27, 28, count)
    tiny = 127 - exponent + rng.integers(-3, 4, count)  # the product is about the smallest normal number
    huge = 381 - exponent + rng.integers(-3, 4, count)  # or about the largest
    chosen = np.choose(rng.integers(0, 4, count), [near, tiny, huge, rng.integers(0, 256, count)])
    right = right & 0x807FFFFF | (chosen.clip(0, 255) << 23).astype(np.uint32)
    return np.concatenate([a, left]), np.concatenate([b, right])


def value(bits: int) -> Fraction | float:
    """What a unit reads: a fraction, a signed zero, an infinity or NaN."""
    sign = -1 if bits & SIGN else 1
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0:
        return sign * 0.0
    if exponent == 0xFF:
        return float("nan") if fraction else sign * float("inf")
    return sign * Fraction(fraction | 1 << 23) * Fraction(2) ** (exponent - 150)


def rounded(exact: Fraction, places: int = 23) -> int:
    """Bits of the fp32 number with ``places`` bits of fraction that is nearest to ``exact``, ties to even."""
    sign = SIGN if exact < 0 else 0
    exact = abs(exact)
    if exact < SMALLEST:
        return sign
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    exponent -= exact < Fraction(2) ** exponent
    scaled = round(exact / Fraction(2) ** (exponent - places))  # Python rounds ties to even
    bits = (((exponent + 126) << places) + scaled) << (23 - places)  # the leading one adds 1 to the exponent
    return sign | min(bits, INFINITY)


def exact_sum(a: int, b: int) -> int:
    """Bits of a + b."""
    x, y = value(a), value(b)
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return rounded(x + y) if x + y else 0
    if isinstance(x, Fraction):
        return a if y == 0 else _special(y)
    if isinstance(y, Fraction):
        return b if x == 0 else _special(x)
    return _special(x + y)


def exact_product(a: int, b: int) -> int:
    """Bits of a * b."""
    x, y = value(a), value(b)
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return rounded(x * y)
    if isinstance(x, Fraction):
        x = 1.0 if x > 0 else -1.0
    if isinstance(y, Fraction):
        y = 1.0 if y > 0 else -1.0
    return _special(x * y)


def exact_bf16(a: int) -> int:
    """Bits of the bf16 number that is nearest to a."""
    x = value(a)
    return (rounded(x, 7) if isinstance(x, Fraction) else _special(x)) >> 16


def _special(x: Fraction | float) -> int:
    """A zero, an infinity or NaN."""
    if x != x:
        return NAN
    return int(np.float32(x).view(np.uint32))
