"""AES-256 encryption (FIPS 197) for small FPGAs: a column of four bytes a cycle."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes import cipher_block_layout
from interlock_hdl.crypto.aes_round import ROUNDS, mix_columns, round_key_layout
from interlock_hdl.crypto.aes_sbox import SBoxStyle, SubBytes
from interlock_hdl.crypto.slot_memory import SlotMemory

_COLUMN_BITS = 32
_COLUMNS = 4
_STEPS = 2 * _COLUMNS - 1
_WRITE = _STEPS - _COLUMNS  # the step from which new columns come
_DELAY = _WRITE - 1  # from a column that is read to the new one


class SerialAes256(wiring.Component):
    """Encrypts blocks, one at a time, each under the key of its slot; to the user an ``Aes256``.

    The state is a ring of four columns.  In a round it turns in steps 0 to 2, while its four taps, one a row,
    stand where ShiftRows has them; in steps 3 to 6 the new columns are shifted in.  The round keys are in
    block RAM, a word an address.

    No timing depends on blocks or keys.  A slot's round keys may be written at any time but while a block of
    that slot is inside.

    Latency: ``latency`` cycles from ``i`` to ``o``.  Throughput: a block every ``interval`` cycles while
    ``o`` is taken at once.

    Parameters, members
        Those of ``Aes256``, but for ``interval``; a round key is taken every four cycles.
    """

    latency = _STEPS * (ROUNDS + 1) + 1
    interval = latency + 1

    def __init__(self, *, slots: int = 8, label_bits: int = 1, s_boxes: SBoxStyle = SBoxStyle.LOGIC) -> None:
        if slots < 2:
            raise ValueError(f"there must be at least 2 slots, not {slots}")
        self.slots = slots
        self.label_bits = label_bits
        self.s_boxes = s_boxes
        layout = cipher_block_layout(slots=slots, label_bits=label_bits)
        super().__init__(
            {
                "keys": In(stream.Signature(round_key_layout(slots))),
                "i": In(stream.Signature(layout)),
                "o": Out(stream.Signature(layout)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # A word's address: its column, its round, its slot.
        Address = data.StructLayout({"column": 2, "number": range(ROUNDS + 1), "slot": range(self.slots)})
        m.submodules.keys = words = SlotMemory(width=_COLUMN_BITS, depth=1 << Address.size, block_ram=True)
        m.submodules.sub_bytes = sub_bytes = SubBytes(count=_COLUMNS, style=self.s_boxes)
        control = Module()  # everything that a wipe resets
        m.submodules.control = ResetInserter(self.wipe)(control)

        # A round key comes in word by word.
        column = Signal(2)
        writes = self.keys.valid & ~self.wipe
        with control.If(writes):
            control.d.sync += column.eq(column + 1)
        write_address = Signal(Address)
        m.d.comb += [
            self.keys.ready.eq((column == _COLUMNS - 1) & ~self.wipe),
            words.write.eq(writes),
            write_address.column.eq(column),
            write_address.number.eq(self.keys.p.number),
            write_address.slot.eq(self.keys.p.slot),
            words.write_address.eq(Value.cast(write_address)),
            words.write_data.eq(Mux(self.wipe, 0, self.keys.p.key.word_select(column, _COLUMN_BITS))),
            words.wipe.eq(self.wipe),
        ]

        state = Signal(data.ArrayLayout(_COLUMN_BITS, _COLUMNS))
        column_next = Signal(_COLUMN_BITS)
        busy, offered = Signal(), Signal()
        step = Signal(range(_STEPS))
        number = Signal(range(ROUNDS + 1))  # of the round
        is_first, is_last = number == 0, number == ROUNDS
        slot = Signal(range(self.slots))
        label = Signal(self.label_bits)
        m.d.comb += [
            self.i.ready.eq(~busy & ~offered & ~self.wipe),
            self.o.valid.eq(offered & ~self.wipe),
            self.o.p.slot.eq(slot),
            self.o.p.label.eq(label),
            self.o.p.block.eq(Value.cast(state)),
            # The word of the column that is read in this step, two cycles later.
            words.address.eq(Cat(step[:2], number, slot)),
            sub_bytes.en.eq(1),
            sub_bytes.i.eq(Cat(state[n].word_select(n, 8) for n in range(_COLUMNS))),
        ]
        substituted = Mux(is_last, sub_bytes.o, mix_columns(sub_bytes.o))
        # Before the first round there is nothing but a key to add, and the ring turns when it does elsewhere.
        turns = Mux(is_first, step >= _DELAY, 1)
        with control.If(self.i.valid & self.i.ready):
            control.d.sync += [
                busy.eq(1),
                Value.cast(state).eq(self.i.p.block),
                slot.eq(self.i.p.slot),
                label.eq(self.i.p.label),
            ]
        with control.Elif(busy):
            control.d.sync += [
                column_next.eq(Mux(is_first, state[0], substituted) ^ words.data),
                step.eq(step + 1),
            ]
            with control.If(turns):
                control.d.sync += Value.cast(state).eq(
                    Cat(Value.cast(state)[_COLUMN_BITS:], Mux(step >= _WRITE, column_next, state[0]))
                )
            with control.If(step == _STEPS - 1):
                control.d.sync += [step.eq(0), number.eq(number + 1)]
                with control.If(is_last):
                    control.d.sync += [number.eq(0), busy.eq(0), offered.eq(1)]
        with control.Elif(self.o.ready):
            control.d.sync += offered.eq(0)

        # Behind the memory, three stages hold what it gave.
        flushing = Signal(2)
        with m.If(~(words.wiped & self.wipe)):
            m.d.sync += flushing.eq(0)
        with m.Elif(flushing != 3):
            m.d.sync += flushing.eq(flushing + 1)
        m.d.comb += self.wiped.eq(flushing == 3)
        return m
