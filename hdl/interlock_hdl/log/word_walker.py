"""From words of bits to the places of the ones in them."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.ones import lowest_one, without_lowest_one
from interlock_hdl.twin import Twin


class WordWalker(wiring.Component):
    """Takes words that a memory gives, and offers the places of their ones, lowest first.

    Holds two words, so that one can be fetched while another is walked.  Words carry parity.

    **Latency**: 2 cycles from ``fetch`` to ``o``, 3 if ``late``.  **Throughput**: one place a cycle; with one
    word fetched in every second cycle, a word with a single one in every second cycle.

    Parameters
    ----------
    bits : int
        Of a word.
    prefix_bits : int
        Of the word's own place.
    late : bool
        A register stands before ``o``: for a user that does much with a place in the cycle in which it comes.

    Members
    -------
    fetch : In(1)
        Strobe: a word is given in the next cycle.  Only with ``room``.
    room : Out(1)
        From registers.
    prefix, word, parity : In(prefix_bits), In(bits), In(1)
        The cycle after ``fetch``: the word, which is not 0; and even parity of both.
    o : Out(stream)
        Place of a one: its number in the word, and above that the prefix.
    idle : Out(1)
        Holds no word, and waits for none.
    fault : Out(1)
        Something that it holds is damaged.  Combinational from registers, not latched.
    """

    def __init__(self, *, bits: int, prefix_bits: int, late: bool = False) -> None:
        self.bits = bits
        self.late = late
        self.prefix_bits = prefix_bits
        super().__init__(
            {
                "fetch": In(1),
                "room": Out(1),
                "prefix": In(prefix_bits),
                "word": In(bits),
                "parity": In(1),
                "o": Out(stream.Signature((bits - 1).bit_length() + prefix_bits)),
                "idle": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        Held = data.StructLayout({"word": self.bits, "prefix": self.prefix_bits, "parity": 1})
        Control = data.StructLayout({"coming": 1, "walking": 1, "waiting": 1})
        m.submodules.control = control = Twin(Control)
        now, following = control.value, control.next
        walked, waiting, given = (Signal(Held, name=name) for name in ("walked", "waiting", "given"))

        left = without_lowest_one(walked.word)
        place = Cat(lowest_one(walked.word), walked.prefix)
        damage = [control.fault, walked.as_value().xor(), waiting.as_value().xor()]
        if self.late:
            m.submodules.found = found = Twin(data.StructLayout({"valid": 1, "place": len(place)}))
            is_offered, damage = found.value.valid, [*damage, found.fault]
            taken = now.walking & (~is_offered | self.o.ready)
            m.d.comb += [
                found.load.eq(taken | self.o.ready),
                found.next.valid.eq(taken),
                found.next.place.eq(place),
                self.o.payload.eq(found.value.place),
            ]
        else:
            is_offered = now.walking
            taken = is_offered & self.o.ready
            m.d.comb += self.o.payload.eq(place)
        moves = ~now.walking | (taken & (left == 0))
        m.d.comb += [
            control.load.eq(1),
            given.word.eq(self.word),
            given.prefix.eq(self.prefix),
            given.parity.eq(self.parity),
            following.coming.eq(self.fetch),
            # Of the two places, as many as are free and not promised.
            self.room.eq(~now.waiting & ~(now.walking & now.coming)),
            self.idle.eq(~now.as_value().any() & ~is_offered),
            self.o.valid.eq(is_offered),
            self.fault.eq(Cat(damage).any()),
        ]
        with m.If(moves):
            m.d.comb += [
                following.walking.eq(now.waiting | now.coming),
                following.waiting.eq(now.waiting & now.coming),
            ]
            with m.If(now.waiting):
                m.d.sync += walked.eq(waiting)
            with m.Elif(now.coming):
                m.d.sync += walked.eq(given)
        with m.Else():
            m.d.comb += [following.walking.eq(1), following.waiting.eq(now.waiting | now.coming)]
            with m.If(taken):
                m.d.sync += [walked.word.eq(left), walked.parity.eq(~walked.parity)]
        with m.If(now.coming & (now.waiting | ~moves)):
            m.d.sync += waiting.eq(given)
        return m
