"""The ones in a word: which there are, and what stands where there is one."""

from collections.abc import Iterable
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Value


def one_of(which: Iterable[Value], values: Iterable[Value]) -> Value:
    """The value that has a one in ``which``; zero where none has.

    At most one of them, or several that are equal.
    """
    # By AND and OR: of multiplexers with zeros Yosys makes more LUTs.
    chosen = (one.replicate(len(value)) & value for one, value in zip(which, values, strict=True))
    return reduce(or_, chosen)


def one_at(place: Value, width: int) -> Value:
    """``width`` bits, of which the one at ``place`` is set; zeros where there is none."""
    return Cat(place == n for n in range(width))


def place_of_one(word: Value) -> Value:
    """Number of the only one in ``word``; 0 where there is none."""
    width = max(1, (len(word) - 1).bit_length())
    return Cat(Cat(word[n] for n in range(len(word)) if n >> bit & 1).any() for bit in range(width))


def lowest_one(word: Value) -> Value:
    """Number of the lowest one in ``word``; 0 where there is none."""
    word = Value.cast(word)
    return place_of_one((word & ~(word - 1))[: len(word)])


def without_lowest_one(word: Value) -> Value:
    """``word`` with its lowest one cleared."""
    word = Value.cast(word)
    return (word & (word - 1))[: len(word)]
