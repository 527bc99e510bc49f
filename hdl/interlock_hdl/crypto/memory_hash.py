"""SHA-256 of what stands in a memory, behind a prefix of one byte: the hash of a leaf, or of a node."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.sha256 import BLOCK_WORDS, DIGEST_BITS, WORD_BITS, Sha256
from interlock_hdl.wire import network

DIGEST_WORDS = DIGEST_BITS // WORD_BITS
_WORD_BYTES = WORD_BITS // 8
_BLOCK_BYTES = BLOCK_WORDS * _WORD_BYTES
_MARK = 0x80
_TRAILER_BYTES = 9  # the mark and the length


class MemoryHash(wiring.Component):
    """Hashes ``prefix``, then ``size`` bytes of a memory; a ``size`` of 0 is the hash of nothing at all.

    The core below takes a word in every cycle, so whatever is asked for at ``address`` must be at ``data``
    two cycles later.

    Latency: ``latency(size)`` cycles from ``job`` to the first word at ``o``.  Throughput: a block every
    ``Sha256.interval`` cycles while ``o`` is taken at once; a job of one block, every ``short_interval``.

    Parameters
    ----------
    prefix : int
        The byte before the data.
    max_size : int
        The largest size of a job, a multiple of 4.

    Members
    -------
    job : In(stream of size)
        Begins to be worked on where it is offered, and is taken once the last word has been read: until
        then the memory must hold what is to be hashed.  Ready depends on registers only.
    address : Out(range(max_size / 4))
        Word of the memory, counted from the job's beginning.
    data : In(32)
        It, two cycles later; the first byte is the most significant one.  What stands behind the last byte
        does not matter.
    o : Out(stream of {"word": 32, "end": 1})
        The digest, from its last word to its first one, which has ``end``.
    """

    short_interval = Sha256.latency + DIGEST_WORDS + 1

    @staticmethod
    def blocks(size: int) -> int:
        """Blocks of SHA-256 in a job."""
        return -(-(bool(size) + size + _TRAILER_BYTES) // _BLOCK_BYTES)

    @classmethod
    def latency(cls, size: int) -> int:
        """Cycles from ``job`` to the first word at ``o``."""
        return 2 + (cls.blocks(size) - 1) * Sha256.interval + Sha256.latency

    def __init__(self, *, prefix: int, max_size: int) -> None:
        if not 0 <= prefix < 256:
            raise ValueError(f"the prefix is a byte, not {prefix}")
        if max_size < _WORD_BYTES or max_size % _WORD_BYTES:
            raise ValueError(f"max_size must be a multiple of {_WORD_BYTES} bytes, not {max_size}")
        self.prefix = prefix
        self.max_size = max_size
        super().__init__(
            {
                "job": In(stream.Signature(range(max_size + 1))),
                "address": Out(range(max_size // _WORD_BYTES)),
                "data": In(WORD_BITS),
                "o": Out(stream.Signature(data.StructLayout({"word": WORD_BITS, "end": 1}))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.core = core = Sha256()

        loaded = Signal()  # the job is known, and not yet read to its end
        is_first = Signal()
        blocks_left = Signal(range(self.blocks(self.max_size) + 1))
        byte_count = Signal(range(self.max_size + 2))  # of the whole message, the prefix too
        step = Signal(range(BLOCK_WORDS))
        is_last = blocks_left == 1
        pending = Signal()  # there is a block to start
        outstanding = Signal()  # the digest before was not yet taken, or is not yet there
        begin = core.start.valid & core.start.ready
        reading = begin | (step != 0)

        # A job: blocks one after the other.  The last one waits until its digest will have a place.
        size = self.job.payload
        m.d.comb += [
            core.start.valid.eq(pending & ~(is_last & outstanding)),
            core.start.p.first.eq(is_first),
            core.start.p.last.eq(is_last),
        ]
        m.d.sync += step.eq(step + reading)
        with m.If(begin):
            m.d.sync += [pending.eq(0), is_first.eq(0)]
        position = Signal.like(self.address)
        m.d.comb += self.address.eq(position)
        m.d.sync += position.eq(position + reading)
        with m.If(step == BLOCK_WORDS - 1):
            m.d.sync += [blocks_left.eq(blocks_left - 1), pending.eq(~is_last)]

        # 1: while the word is fetched, which of its bytes are data is found out.
        fetching = Signal()
        is_length = Signal()
        left = Signal.like(byte_count)  # bytes of the message from this word on
        marked = Signal()  # the message has ended before this word, mark and all
        m.d.sync += [fetching.eq(reading), is_length.eq((step == BLOCK_WORDS - 1) & is_last)]
        fetched = Signal()
        is_data = Signal(_WORD_BYTES)
        is_mark = Signal(_WORD_BYTES)
        length_is_next = Signal()
        m.d.sync += [
            fetched.eq(fetching),
            is_data.eq(Cat(left > n for n in range(_WORD_BYTES))),
            is_mark.eq(Cat((left == n) & ~marked for n in range(_WORD_BYTES))),
            length_is_next.eq(is_length),
        ]
        with m.If(fetching):
            ends = left < _WORD_BYTES
            m.d.sync += [left.eq(Mux(ends, 0, left - _WORD_BYTES)), marked.eq(marked | ends)]

        # 2: the word of the block is made, from the last byte of the word before it on.
        carried = Signal(8)
        word = Signal(WORD_BITS)
        shifted = network(Cat(self.data[8:], carried))  # its first byte is bits 7:0
        filled = network(
            Cat(
                Mux(is_data[n], shifted.word_select(n, 8), Mux(is_mark[n], _MARK, 0))
                for n in range(_WORD_BYTES)
            )
        )
        m.d.sync += word.eq(Mux(length_is_next, byte_count << 3, filled))
        with m.If(fetched):
            m.d.sync += carried.eq(self.data[:8])
        m.d.comb += core.word.eq(word)

        done_reading = Signal()
        m.d.sync += done_reading.eq(is_length & loaded)
        m.d.comb += self.job.ready.eq(done_reading)
        with m.If(is_length):
            m.d.sync += loaded.eq(0)
        with m.If(self.job.valid & ~loaded & ~is_length & ~done_reading):
            m.d.sync += [
                loaded.eq(1),
                pending.eq(1),
                is_first.eq(1),
                blocks_left.eq((size + (1 + _TRAILER_BYTES + _BLOCK_BYTES - 1)) // _BLOCK_BYTES),
                byte_count.eq(Mux(size == 0, 0, size + 1)),
                left.eq(Mux(size == 0, 0, size + 1)),
                marked.eq(0),
                position.eq(0),
                carried.eq(self.prefix),
            ]

        # The digest moves out, word by word.
        held = Signal()
        count = Signal(range(DIGEST_WORDS))
        moves = self.o.valid & self.o.ready
        m.d.comb += [
            self.o.valid.eq(held),
            self.o.p.word.eq(core.digest[:WORD_BITS]),
            self.o.p.end.eq(count == DIGEST_WORDS - 1),
            core.shift.eq(moves),
        ]
        m.d.sync += count.eq(count + moves)
        with m.If(core.done):
            m.d.sync += held.eq(1)
        with m.If(moves & self.o.p.end):
            m.d.sync += [held.eq(0), outstanding.eq(0)]
        with m.If(begin & is_last):
            m.d.sync += outstanding.eq(1)
        return m
