"""A memory of bits, which are set one by one and taken by the word."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

FEW_WORDS = 256


class BitMemory(wiring.Component):
    """Words with parity, in memory; a word that was read is written back with a bit more, or as zeros.

    What to do with a word is said in the cycle after its ``read``.  A word is read again no sooner than two
    cycles after the read before.

    **Latency**: 1 cycle from ``read`` to ``word``.

    Parameters
    ----------
    words, bits : int
        Of the memory, and of a word.

    Members
    -------
    read, at : In(1), In(range(words))
        Reads a word.
    word, parity : Out(bits), Out(1)
        In the cycle after ``read``, and until the next: what was read.
    back : In(range(words))
        Where the word was read, in the cycle after ``read``.
    set, bit : In(1), In(range(bits))
        Writes the word back with this bit set.
    is_set : Out(1)
        The bit was set before.
    take : In(1)
        Writes zeros back.
    wipe, wipe_at : In(1), In(range(words))
        Writes zeros here, whatever else is asked.
    fault : Out(1)
        ``word`` is damaged.  Combinational from registers, not latched.
    """

    def __init__(self, *, words: int, bits: int) -> None:
        self.words = words
        self.bits = bits
        super().__init__(
            {
                "read": In(1),
                "at": In(range(words)),
                "word": Out(bits),
                "parity": Out(1),
                "back": In(range(words)),
                "set": In(1),
                "bit": In(range(bits)),
                "is_set": Out(1),
                "take": In(1),
                "wipe": In(1),
                "wipe_at": In(range(words)),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        Checked = data.StructLayout({"word": self.bits, "parity": 1})
        # As in PacketBuffer: no word is read in the cycle in which it is written, and the read port's
        # register stands apart, so that synthesis uses block RAM as it is.  Block RAM is late, and much is
        # made of a word within a cycle: so memories that are not large are made of LUTs.
        attrs = {"no_rw_check": 1} | ({"ram_style": "distributed"} if self.words <= FEW_WORDS else {})
        memory = Memory(shape=Checked, depth=self.words, init=[], attrs=attrs)
        m.submodules.memory = memory
        write_port = memory.write_port()
        read_port = memory.read_port(domain="comb")
        fetched = Signal(Checked, reset_less=True)
        with m.If(self.read | self.wipe):
            m.d.sync += fetched.eq(read_port.data)

        more = Signal(Checked)
        m.d.comb += [
            read_port.addr.eq(self.at),
            self.word.eq(fetched.word),
            self.parity.eq(fetched.parity),
            self.is_set.eq(fetched.word.bit_select(self.bit, 1)),
            # From the parity that came with the word, so that damage stays damage.
            more.word.eq(fetched.word | (1 << self.bit)),
            more.parity.eq(fetched.parity ^ ~self.is_set),
            self.fault.eq(fetched.as_value().xor()),
            write_port.en.eq(self.set | self.take | self.wipe),
            write_port.addr.eq(Mux(self.wipe, self.wipe_at, self.back)),
            write_port.data.eq(Mux(self.set & ~self.wipe, more, 0)),
        ]
        return m
