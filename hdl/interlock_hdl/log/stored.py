"""An entry as a store with memories keeps it: of either section, with parity."""

from amaranth.hdl import Cat, Value
from amaranth.lib import data

from interlock_hdl.record import Entry

StoredParity = data.StructLayout({"session_id": 1, "flops": 1, "provenance": 1})

StoredEntry = data.StructLayout({"entry": Entry, "external": 1, "held": 1, "parity": StoredParity})
"""An entry, and even parity of each field; that of ``session_id`` is over ``external`` and ``held``, too.

``held`` tells an entry, of an id of zeros for one, from an empty word.
Parity is made where an entry comes in, before any register, and goes with it from then on.
"""


def parity_of(entry: data.View, external: Value) -> Value:
    """Even parity of each field of an entry that is held, as a ``StoredParity``."""
    return Cat(entry.session_id.xor() ^ external ^ 1, entry.flops.xor(), entry.provenance.as_value().xor())


def is_damaged(stored: data.View) -> Value:
    """True if one bit, of the entry or of its parity, is not what was stored."""
    return stored.as_value().xor()
