"""The key schedule of AES-256 (FIPS 197, 5.2): from one key to fifteen round keys."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes_round import BLOCK_BITS, KEY_BITS, ROUNDS, round_key_layout
from interlock_hdl.crypto.aes_sbox import SBoxStyle, SubBytes

_WORD_BITS = 32


def key_layout(slots: int) -> data.StructLayout:
    """A key, and the slot that it is for."""
    return data.StructLayout({"slot": range(slots), "key": KEY_BITS})


class KeyExpansion(wiring.Component):
    """Gives the round keys of a key, from the first one to the last one.

    It keeps two of them, from which the next but one follows, and nothing once the last was taken.  Its
    timing does not depend on keys.

    Latency: ``latency`` cycles from ``i`` to the first round key, and from each that is taken to the next.
    Throughput: a key every ``interval`` cycles while ``o`` is taken at once.

    Parameters
    ----------
    slots : int
        How many slots there are.
    s_boxes : SBoxStyle

    Members
    -------
    i : In(stream of ``key_layout``)
        Byte 0 of a key is its bits 7:0.  Ready depends on registers only.
    o : Out(stream of ``round_key_layout``)
    shift, half : In(1), In(128)
        Strobe, while ``i`` is ready: the upper half of what is kept becomes the lower one, this the upper.
    begin : In(1)
        Strobe, while ``i`` is ready: what is kept is a key, of the slot in ``i``'s payload.
    upper : Out(128)
        The upper half of what is kept.
    """

    latency = SubBytes.latency + 1
    interval = latency * (ROUNDS + 1) + 1

    def __init__(self, *, slots: int = 8, s_boxes: SBoxStyle = SBoxStyle.LOGIC) -> None:
        self.slots = slots
        self.s_boxes = s_boxes
        super().__init__(
            {
                "i": In(stream.Signature(key_layout(slots))),
                "o": Out(stream.Signature(round_key_layout(slots))),
                "shift": In(1),
                "half": In(BLOCK_BITS),
                "begin": In(1),
                "upper": Out(BLOCK_BITS),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        older, newer = Signal(BLOCK_BITS), Signal(BLOCK_BITS)
        slot = Signal(range(self.slots))
        number = Signal(range(ROUNDS + 1))  # of the older one
        busy = Signal()
        age = Signal(range(self.latency))  # of both, until what follows from them is there
        constant = Signal(8, init=1)  # Rcon

        m.submodules.sub_word = sub_word = SubBytes(count=_WORD_BITS // 8, style=self.s_boxes)
        last_word = newer[-_WORD_BITS:]
        is_even = ~number[0]
        m.d.comb += [sub_word.en.eq(1), sub_word.i.eq(Mux(is_even, last_word.rotate_right(8), last_word))]
        words = [sub_word.o ^ Mux(is_even, constant, 0)]
        for n in range(BLOCK_BITS // _WORD_BITS):
            words.append(words[-1] ^ older.word_select(n, _WORD_BITS))
        following = Cat(word[:_WORD_BITS] for word in words[1:])

        taken = self.o.valid & self.o.ready
        m.d.comb += [
            self.i.ready.eq(~busy),
            self.o.valid.eq(busy & (age == self.latency - 1)),
            self.o.p.slot.eq(slot),
            self.o.p.number.eq(number),
            self.o.p.key.eq(older),
            self.upper.eq(newer),
        ]
        with m.If(~busy):
            with m.If(self.i.valid):
                m.d.sync += Cat(older, newer).eq(self.i.p.key)
            with m.Elif(self.shift):
                m.d.sync += Cat(older, newer).eq(Cat(newer, self.half))
            with m.If(self.i.valid | self.begin):
                m.d.sync += [busy.eq(1), slot.eq(self.i.p.slot)]
        with m.Elif(taken):
            m.d.sync += [
                older.eq(newer),
                newer.eq(Mux(number < ROUNDS - 1, following, 0)),
                number.eq(number + 1),
                age.eq(0),
            ]
            with m.If(is_even):
                m.d.sync += constant.eq(constant << 1)
            with m.If(number == ROUNDS):
                m.d.sync += [busy.eq(0), number.eq(0), constant.eq(1)]
        with m.Elif(age != self.latency - 1):
            m.d.sync += age.eq(age + 1)
        return m
