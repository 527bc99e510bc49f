"""One lane of the tree digest: keeps two leaves, and hashes one of them while the other arrives."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.crypto.memory_hash import MemoryHash
from interlock_hdl.crypto.sha256 import WORD_BITS, Sha256
from interlock_hdl.wire import network

LEAF_BYTES = 1024
LEAF_PREFIX = 0x00
_WORD_BYTES = WORD_BITS // 8

Root = data.StructLayout({"word": WORD_BITS, "end": 1, "last": 1})
"""A word of a subtree's hash; words come from the last to the first one, which has ``end``.  ``last``: the
subtree is the last one of its message."""


class LeafLane(wiring.Component):
    """Hashes leaves of up to 1024 bytes: SHA-256 of a zero byte and the leaf (RFC 9162, 2.1.1).

    A leaf ends with beat 1024 / ``beat_bytes``, or where its message does.  Hashing begins when a leaf is
    complete, so no pause of the source ever stops the core.

    Latency: ``latency(size)`` cycles from a leaf's last beat to the first word of its hash.  Throughput: a
    beat a cycle until both places are taken; a full leaf every ``interval`` cycles.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.

    Members
    -------
    i : In(beat stream)
        An empty message is a lone beat with ``first``, ``last`` and no ``keep``; its hash is that of
        nothing.  Ready depends on registers and ``wipe`` only.
    o : Out(stream of Root)
        The hashes, in the order of the leaves.
    size : Out(range(1025))
        Bytes of the leaf at ``o``.
    wipe : In(1)
        Holds the block in reset and overwrites its memory with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    interval = MemoryHash.blocks(LEAF_BYTES) * Sha256.interval

    @staticmethod
    def latency(size: int) -> int:
        """Cycles from the last beat of a leaf of ``size`` bytes to the first word of its hash."""
        return 1 + MemoryHash.latency(size)

    def __init__(self, *, beat_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "o": Out(stream.Signature(Root)),
                "size": Out(range(LEAF_BYTES + 1)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        leaf_beats = LEAF_BYTES // self.beat_bytes
        beat_words = self.beat_bytes // _WORD_BYTES
        word_bits = beat_words.bit_length() - 1
        depth = 2 * leaf_beats
        # As in PacketBuffer: no beat is read while it is written, and the block RAM's register stands apart.
        memory = Memory(shape=8 * self.beat_bytes, depth=depth, init=[], attrs={"no_rw_check": 1})
        m.submodules.memory = memory
        write_port = memory.write_port()
        read_port = memory.read_port(domain="comb")
        control = Module()
        m.submodules.control = ResetInserter(self.wipe)(control)
        hasher = MemoryHash(prefix=LEAF_PREFIX, max_size=LEAF_BYTES)
        m.submodules.hasher = ResetInserter(self.wipe)(hasher)

        # Writing: into one half, then the other.
        leaf = data.StructLayout({"size": range(LEAF_BYTES + 1), "last": 1})
        leaves = [Signal(leaf, name=f"leaf_{half}") for half in range(2)]
        full = Signal(2)
        half = Signal()
        number = Signal(range(leaf_beats))
        beat = self.i.p
        written = self.i.valid & self.i.ready
        ends = written & (beat.last | (number == leaf_beats - 1))
        m.d.comb += self.i.ready.eq(~full.bit_select(half, 1) & ~self.wipe)
        kept = sum((bit for bit in beat.keep), Const(0, Shape.cast(range(self.beat_bytes + 1))))
        with control.If(written):
            control.d.sync += number.eq(number + 1)
        with control.If(ends):
            control.d.sync += [number.eq(0), half.eq(~half), full.bit_select(half, 1).eq(1)]
        for at, description in enumerate(leaves):
            with control.If(ends & (half == at)):
                control.d.sync += [
                    description.size.eq(number * self.beat_bytes + kept),
                    description.last.eq(beat.last),
                ]

        # Reading: a register that is the block RAM's own, then one in fabric, of one word.
        reading = Signal()
        current = data.View(leaf, Mux(reading, leaves[1].as_value(), leaves[0].as_value()))
        fetch = Signal(8 * self.beat_bytes, reset_less=True)
        word = Signal(WORD_BITS)
        m.d.sync += fetch.eq(read_port.data)
        if beat_words == 1:
            control.d.sync += word.eq(network(fetch))
        else:
            choice = Signal(word_bits)
            control.d.sync += [
                choice.eq(hasher.address[:word_bits]),
                word.eq(network(fetch.word_select(choice, WORD_BITS))),
            ]
        m.d.comb += [
            hasher.job.valid.eq(full.bit_select(reading, 1)),
            hasher.job.payload.eq(current.size),
            hasher.data.eq(word),
        ]
        is_last = Signal()
        with control.If(hasher.job.valid & hasher.job.ready):
            control.d.sync += [
                full.bit_select(reading, 1).eq(0),
                reading.eq(~reading),
                self.size.eq(current.size),
                is_last.eq(current.last),
            ]
        m.d.comb += [
            self.o.valid.eq(hasher.o.valid & ~self.wipe),
            self.o.p.word.eq(hasher.o.p.word),
            self.o.p.end.eq(hasher.o.p.end),
            self.o.p.last.eq(is_last),
            hasher.o.ready.eq(self.o.ready),
        ]

        # Wiping: zeros go to every address, and by way of address 0 into the register behind the memory.
        wipe_address = Signal(range(depth))
        with m.If(~self.wipe):
            m.d.sync += [wipe_address.eq(0), self.wiped.eq(0)]
        with m.Elif(wipe_address == depth - 1):
            m.d.sync += self.wiped.eq(1)
        with m.Else():
            m.d.sync += wipe_address.eq(wipe_address + 1)
        m.d.comb += [
            write_port.en.eq(written | self.wipe),
            write_port.addr.eq(Mux(self.wipe, wipe_address, Cat(number, half))),
            write_port.data.eq(Mux(self.wipe, 0, beat.data)),
            read_port.addr.eq(Cat(hasher.address[word_bits:], reading)),
        ]
        return m
