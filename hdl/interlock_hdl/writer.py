"""How a block that makes beats of its own puts them out, one a cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream

from interlock_hdl.wire import network


class Writer:
    """Two registers in front of an outgoing stream, and a counter of the beats within a word.

    Not a component: its user's state machine says, in each state, what :attr:`beat` is and that it is *put*;
    the beat is *emitted* as soon as a register is free.  The second one is for the beat that is put in the
    cycle in which the stream stops: so that state machines wait for a register, and not for the stream.

    Parameters
    ----------
    m : Module
    output : stream of Beat, or of a layout with the fields of one
    beat_bytes : int
    longest : int
        Bytes of the longest word.

    Attributes
    ----------
    beat : what is put; fields that nobody sets are 0
    put, emit : 1
        There is a beat; it goes into a register at the end of this cycle.
    index : number of the beat within its word; ``begins`` where it is 0
    ends : 1
        It is the last beat of its word.
    valid, held : 1
        The first register, the second one, holds a beat.
    """

    def __init__(self, m: Module, output: stream.Interface, *, beat_bytes: int, longest: int) -> None:
        self._m = m
        self.beat_bytes = beat_bytes
        self.beat = Signal.like(output.payload, name="beat")
        self.put = Signal(name="put")
        self.emit = Signal(name="emit")
        self.ends = Signal(name="ends")
        self.index = Signal(range(max(2, self.beats(longest))), name="index")
        self.valid = Signal(name="out_valid")
        out = Signal.like(output.payload, name="out")
        self.out = out
        self.held = Signal(name="held")
        self.waiting = Signal.like(output.payload, name="waiting")
        self.moves = Signal(name="moves")
        m.d.comb += [
            self.emit.eq(self.put & ~self.held),
            self.moves.eq(~self.valid | output.ready),
            output.payload.eq(out),
            output.valid.eq(self.valid),
        ]
        with m.If(self.moves):
            m.d.sync += [
                out.eq(Mux(self.held, self.waiting, self.beat)),
                self.valid.eq(self.held | self.put),
                self.held.eq(0),
            ]
        with m.Elif(self.emit):
            m.d.sync += self.held.eq(1)
        with m.If(~self.held):
            m.d.sync += self.waiting.eq(self.beat)
        with m.If(self.emit):
            m.d.sync += self.index.eq(Mux(self.ends, 0, self.index + 1))

    def beats(self, octets: int) -> int:
        """Beats of a word of so many bytes."""
        return -(-octets // self.beat_bytes)

    def fits(self, octets: int) -> Value:
        """The last beat of a word of so many bytes is emitted, if it is there; whatever the state is."""
        return ~self.held & (self.index == self.beats(octets) - 1)

    @property
    def begins(self) -> Value:
        """The beat is the first of its word."""
        return self.index == 0

    @property
    def word_ends(self) -> Value:
        """The last beat of a word is emitted."""
        return self.emit & self.ends

    def word(self, word: Value, octets: int) -> None:
        """Puts ``word``, a big-endian integer of ``octets`` bytes: full beats, or a single one."""
        beats = self.beats(octets)
        padded = Cat(network(word), Const(0, 8 * (beats * self.beat_bytes - octets)))
        self._m.d.comb += [
            self.put.eq(1),
            self.beat.data.eq(padded.word_select(self.index[: beats.bit_length()], 8 * self.beat_bytes)),
            self.beat.keep.eq((1 << min(octets, self.beat_bytes)) - 1),
            self.ends.eq(self.index == beats - 1),
        ]

    def copy(self, beats: stream.Interface, *fields: str) -> None:
        """Puts the ``fields`` of each beat of a stream."""
        self._m.d.comb += [
            self.put.eq(beats.valid),
            *(self.beat[field].eq(beats.payload[field]) for field in fields),
            self.ends.eq(1),
            beats.ready.eq(~self.held),
        ]

    def withdraw(self, slot: Value, ended: Value) -> None:
        """Drops what is in a register for a slot whose epoch ends, and what is put for ``slot`` if it does.

        To be called after everything else: it has the last word.
        """
        m = self._m
        cut = ended.bit_select(slot, 1)
        cut_waiting = Mux(self.held, ended.bit_select(self.waiting.slot, 1), cut)
        with m.If(Mux(self.moves, cut_waiting, ended.bit_select(self.out.slot, 1))):
            m.d.sync += self.valid.eq(0)
        with m.If(cut_waiting):
            m.d.sync += self.held.eq(0)
        with m.If(cut):
            m.d.sync += self.index.eq(0)
