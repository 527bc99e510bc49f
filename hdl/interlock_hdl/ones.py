"""The ones in a word, from the lowest one up."""

from amaranth.hdl import Cat, Value


def lowest_one(word: Value) -> Value:
    """Number of the lowest one in ``word``; 0 where there is none."""
    word = Value.cast(word)
    alone = (word & ~(word - 1))[: len(word)]
    width = (len(word) - 1).bit_length()
    return Cat(Cat(alone[n] for n in range(len(word)) if n >> bit & 1).any() for bit in range(width))


def without_lowest_one(word: Value) -> Value:
    """``word`` with its lowest one cleared."""
    word = Value.cast(word)
    return (word & (word - 1))[: len(word)]
