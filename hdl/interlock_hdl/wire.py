"""Network order: how integers inside the gateware become bytes on a wire (D4).

On every wire the first byte of a field is its most significant one, and a beat's byte 0 is its bits 7:0.
Inside the gateware a header is one big-endian integer, so that its first field is the most significant.
"""

from amaranth.hdl import Cat, Value, ValueLike
from amaranth.lib import data


def network(value: ValueLike) -> Value:
    """The bytes of ``value`` in the opposite order: big-endian integer to beat data, and back."""
    value = Value.cast(value)
    if len(value) % 8:
        raise ValueError(f"only whole bytes have a network order, not {len(value)} bits")
    return Cat(reversed([value.word_select(i, 8) for i in range(len(value) // 8)]))


def wire_layout(**fields: data.Layout | int) -> data.StructLayout:
    """A struct whose fields are named as they travel: the first is the most significant."""
    return data.StructLayout(dict(reversed(fields.items())))
