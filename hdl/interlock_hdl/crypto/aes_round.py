"""One round of AES (FIPS 197, 5.1), and the layouts of what passes through a cipher."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes_sbox import SBoxStyle, SubBytes

BLOCK_BITS = 128
KEY_BITS = 256
ROUNDS = 14
"""Rounds of AES-256; there is one round key more (5)."""
_COLUMN_BYTES = 4


def round_key_layout(slots: int) -> data.StructLayout:
    """A round key on its way into a cipher: of which slot, and before which round it is added."""
    return data.StructLayout({"slot": range(slots), "number": range(ROUNDS + 1), "key": BLOCK_BITS})


def shift_rows(state: Value) -> Value:
    """ShiftRows (5.1.2); byte 0 of a state is bits 7:0, and a column is four bytes."""
    return Cat(state.word_select((5 * n) % 16, 8) for n in range(16))


def mix_columns(state: Value) -> Value:
    """MixColumns (5.1.3), of any number of columns; by wide operators, which suit simulators."""
    one, two, three = (_rotated(state, n) for n in (1, 2, 3))
    return _doubled(state ^ one) ^ one ^ two ^ three


def _rotated(state: Value, count: int) -> Value:
    """In the place of each byte, that which follows it in its column after ``count`` bytes."""
    columns = range(0, len(state) // 8, _COLUMN_BYTES)
    return Cat(
        state.word_select(at + (n + count) % _COLUMN_BYTES, 8) for at in columns for n in range(_COLUMN_BYTES)
    )


def _doubled(state: Value) -> Value:
    """Every byte times x, modulo x^8 + x^4 + x^3 + x + 1 (4.2.1)."""
    ones = int.from_bytes(b"\x01" * (len(state) // 8))
    tops = state.shift_right(7) & ones
    return (
        (state & ones * 0x7F).shift_left(1)
        ^ tops
        ^ tops.shift_left(1)
        ^ tops.shift_left(3)
        ^ tops.shift_left(4)
    )


class AesRound(wiring.Component):
    """One round: SubBytes in two stages, then ShiftRows, MixColumns and AddRoundKey in front of whatever
    register the user puts there.

    Latency: ``latency`` cycles, with that register.  Throughput: a state in every cycle.

    Members
    -------
    state : In(128)
    key : In(128)
        The round key, two cycles after the state.
    o : Out(128)
        The state after the round.
    last : Out(128)
        The same for the last round, which has no MixColumns.
    """

    latency = SubBytes.latency + 1

    def __init__(self, *, s_boxes: SBoxStyle) -> None:
        self.s_boxes = s_boxes
        super().__init__(
            {"state": In(BLOCK_BITS), "key": In(BLOCK_BITS), "o": Out(BLOCK_BITS), "last": Out(BLOCK_BITS)}
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.sub_bytes = sub_bytes = SubBytes(count=BLOCK_BITS // 8, style=self.s_boxes)
        shifted = Signal(BLOCK_BITS)
        m.d.comb += [
            sub_bytes.en.eq(1),
            sub_bytes.i.eq(self.state),
            shifted.eq(shift_rows(sub_bytes.o)),
            self.o.eq(mix_columns(shifted) ^ self.key),
            self.last.eq(shifted ^ self.key),
        ]
        return m
