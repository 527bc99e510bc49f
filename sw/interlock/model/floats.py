"""Arithmetic of the reference accelerator, bit for bit (``docs/accelerator.md``, *Arithmetic*).

Rounding is to nearest, ties to even.  Subnormals do not exist: an operand that is one is read as a zero of
its sign, and a result whose exact value lies below the smallest normal number becomes a zero of its sign,
before any rounding.  Infinities and signed zeros are those of IEEE 754; every NaN that comes out is the
canonical one.

fp32 values travel as ``uint32`` bit patterns, bf16 values as ``uint16``; arrays may have any shape.
"""

import numpy as np
import numpy.typing as npt

Bits32 = npt.NDArray[np.uint32]
Bits16 = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]

NAN32 = 0x7FC00000
NAN16 = 0x7FC0
SMALLEST_NORMAL = np.float32(2.0**-126)


def _flush(values: Floats) -> Floats:
    """``values`` with a zero of the same sign for everything below the smallest normal number; in place."""
    with np.errstate(all="ignore"):
        values *= ~(np.abs(values) < SMALLEST_NORMAL)
    return values


def from_bits(bits: Bits32) -> Floats:
    """The values as the units read them: subnormals flushed."""
    return _flush(bits.astype(np.uint32).view(np.float32))


def from_bf16(bits: Bits16) -> Floats:
    """The same for bf16, whose values all are fp32 values."""
    return from_bits(bits.astype(np.uint32) << np.uint32(16))


def to_bits(values: Floats) -> Bits32:
    """Bit patterns of results, every NaN canonical."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return np.where(np.isnan(values), np.uint32(NAN32), bits)


def add(a: Bits32, b: Bits32) -> Bits32:
    """a + b.  A sum below the smallest normal number is exact, so it was not rounded before it is flushed."""
    with np.errstate(all="ignore"):
        return to_bits(_flush(from_bits(a) + from_bits(b)))


def subtract(a: Bits32, b: Bits32) -> Bits32:
    """a - b."""
    return add(a, b ^ np.uint32(1 << 31))


def multiply(a: Bits32, b: Bits32) -> Bits32:
    """a * b.  float64 holds the exact product, so that what is tiny is seen before it is rounded."""
    with np.errstate(all="ignore"):
        exact = from_bits(a).astype(np.float64) * from_bits(b)
        exact *= ~(np.abs(exact) < SMALLEST_NORMAL)
        return to_bits(exact.astype(np.float32))


def mask(a: Bits32, b: Bits32) -> Bits32:
    """a where b > 0, else +0; a NaN is not above 0."""
    with np.errstate(all="ignore"):
        return np.where(from_bits(b) > 0, to_bits(from_bits(a)), np.uint32(0))


def to_bf16(bits: Bits32) -> Bits16:
    """fp32 to bf16."""
    flushed = to_bits(from_bits(bits))
    rounded = (flushed + np.uint32(0x7FFF) + (flushed >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
    return rounded.astype(np.uint16)


def matmul(a: Bits16, b: Bits16) -> Bits32:
    """Products of bf16 summed in fp32, strictly in the order of k, from +0.

    ``a`` has shape (k, m) and ``b`` shape (k, n): step k adds the outer product of ``a[k]`` and ``b[k]``.
    The result has shape (m, n).
    """
    left, right = from_bf16(a), from_bf16(b)
    total = np.zeros((left.shape[1], right.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for column, row in zip(left, right, strict=True):
            total += _flush(np.multiply.outer(column, row))
            _flush(total)
    return to_bits(total)
