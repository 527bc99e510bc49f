"""SHA-256 taken apart, which ``hashlib`` is not: padding, and one compression; and blocks for the engine."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.crypto.sha256 import BLOCK_WORDS, ROUND_CONSTANTS, WORD_BITS, Sha256

MASK = (1 << WORD_BITS) - 1


def padded(message: bytes) -> list[bytes]:
    """Blocks of a message (FIPS 180-4, 5.1.1)."""
    text = message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8)
    return [text[at : at + 64] for at in range(0, len(text), 64)]


def words_of(block: bytes) -> list[int]:
    """The words of a block, or of a digest."""
    return [int.from_bytes(block[at : at + 4]) for at in range(0, len(block), 4)]


def _rotated(word: int, by: int) -> int:
    return (word >> by | word << WORD_BITS - by) & MASK


def compress(value: int, words: Sequence[int]) -> int:
    """The compression function, as FIPS 180-4, 6.2.2 has it."""
    schedule = list(words)
    for _ in range(48):
        w2, w15 = schedule[-2], schedule[-15]
        s0 = _rotated(w15, 7) ^ _rotated(w15, 18) ^ w15 >> 3
        s1 = _rotated(w2, 17) ^ _rotated(w2, 19) ^ w2 >> 10
        schedule.append((s1 + schedule[-7] + s0 + schedule[-16]) & MASK)
    before = words_of(value.to_bytes(32))
    a, b, c, d, e, f, g, h = before
    for k, w in zip(ROUND_CONSTANTS, schedule, strict=True):
        t1 = h + (_rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)) + (e & f ^ ~e & g) + k + w
        t2 = (_rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
    after = [(x + y) & MASK for x, y in zip(before, (a, b, c, d, e, f, g, h), strict=True)]
    return int.from_bytes(b"".join(word.to_bytes(4) for word in after))


class Sha256Blocks(wiring.Component):
    """A Sha256 for the batch engine: blocks come as words, at any pace, and digests leave as words.

    Members
    -------
    i : In(stream of 34 bits)
        A word of a block; above it, whether the block is the first and the last one of its message.
    o : Out(stream of 32 bits)
        The words of each digest, from the last to the first one.
    """

    i: In(stream.Signature(WORD_BITS + 2))
    o: Out(stream.Signature(WORD_BITS))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.core = core = Sha256()
        words = [Signal(WORD_BITS, name=f"word_{n}") for n in range(BLOCK_WORDS)]
        marks = Signal(2)
        held = Signal(range(BLOCK_WORDS + 1))
        waiting = Signal(range(core.word_delay))
        giving = Signal()
        unread = Signal(range(9))
        expected = Signal()

        m.d.comb += [
            self.i.ready.eq((held != BLOCK_WORDS) & ~giving & (waiting == 0)),
            core.start.valid.eq((held == BLOCK_WORDS) & ~giving & (waiting == 0) & ~expected & (unread == 0)),
            core.start.payload.eq(marks),
            core.word.eq(words[0]),
            core.shift.eq(self.o.valid & self.o.ready),
            self.o.valid.eq(unread != 0),
            self.o.payload.eq(core.digest[:WORD_BITS]),
        ]
        moves = giving | (self.i.valid & self.i.ready)
        with m.If(moves):
            m.d.sync += Cat(words).eq(Cat(*words[1:], self.i.payload[:WORD_BITS]))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [held.eq(held + 1), marks.eq(self.i.payload[WORD_BITS:])]
        with m.If(core.start.valid & core.start.ready):
            m.d.sync += [waiting.eq(core.word_delay - 1), expected.eq(marks[1])]
        with m.Elif(waiting != 0):
            m.d.sync += [waiting.eq(waiting - 1), giving.eq(waiting == 1)]
        with m.If(giving):
            m.d.sync += held.eq(held - 1)
            with m.If(held == 1):
                m.d.sync += giving.eq(0)
        with m.If(core.done):
            m.d.sync += [unread.eq(8), expected.eq(0)]
        with m.Elif(core.shift):
            m.d.sync += unread.eq(unread - 1)
        return m
