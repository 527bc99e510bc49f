"""The beat: the one unit in which bytes move through an Interlock (D4)."""

from amaranth.hdl import Array, Cat, Const, Value
from amaranth.lib import data, stream

BEAT_BYTES = (4, 16)
"""The widths of a beat, in bytes, that a build may choose."""


class Beat(data.StructLayout):
    """``beat_bytes`` bytes with their framing.

    Members
    -------
    data : byte 0 in bits 7:0
    keep : one bit a byte; all ones but on the beat with ``last``, there a run of ones from byte 0
    first, last : the ends of a message (accelerator and host ports) or a record (links)
    """

    def __init__(self, beat_bytes: int) -> None:
        if beat_bytes not in BEAT_BYTES:
            raise ValueError(f"beat_bytes must be one of {BEAT_BYTES}, not {beat_bytes}")
        self.beat_bytes = beat_bytes
        super().__init__({"data": 8 * beat_bytes, "keep": beat_bytes, "first": 1, "last": 1})


def beat_stream(beat_bytes: int) -> stream.Signature:
    """Signature of a stream of beats."""
    return stream.Signature(Beat(beat_bytes))


def keep_is_legal(beat: data.View) -> Value:
    """True where ``keep`` obeys D4: full, or with ``last`` a non-empty run of ones from byte 0."""
    # Neighbour by neighbour: `keep + 1` would be a carry chain in front of everything that this decides.
    gaps = beat.keep[1:] & ~beat.keep[:-1]
    is_run = beat.keep[0] & ~gaps.any()
    return is_run & (beat.keep.all() | beat.last)


def keep_for(count: Value, beat_bytes: int) -> Value:
    """The ``keep`` of a last beat with ``count`` mod ``beat_bytes`` bytes; 0 stands for a full beat."""
    width = beat_bytes.bit_length() - 1
    table = [(1 << (n or beat_bytes)) - 1 for n in range(beat_bytes)]
    return Array(Const(mask, beat_bytes) for mask in table)[count[:width]]


def keep_count(keep: Value) -> Value:
    """Bytes of a beat with that ``keep``, which must be legal.

    Exactly one byte is followed by none; which one it is takes less time to tell than a sum.
    """
    ends = keep & ~Cat(keep[1:], Const(0))
    bits = range(len(keep).bit_length())
    return Cat(Cat(end for n, end in enumerate(ends, start=1) if n >> bit & 1).any() for bit in bits)
