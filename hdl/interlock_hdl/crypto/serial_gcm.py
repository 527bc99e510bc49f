"""AES-256-GCM over records, one block at a time: for parts with few thousand LUTs."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, wiring

from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm import (
    BLOCK_BYTES,
    COUNTER_BITS,
    MAX_BLOCKS,
    body_blocks,
    counter_block,
    gcm_ports,
    sizes_block,
)
from interlock_hdl.crypto.gcm_keys import GcmKeys
from interlock_hdl.crypto.serial_aes import SerialAes256
from interlock_hdl.crypto.serial_ghash import SerialGhash
from interlock_hdl.record import RECORD_MAX_LENGTH, RecordHeader
from interlock_hdl.wire import network

TAG_COUNTER = 1
"""Of a record's counter blocks, the one that masks its tag; those of its body follow (7.1)."""


_Record = data.StructLayout(
    {"seq": 64, "length": range(RECORD_MAX_LENGTH + 1), "counter": range(TAG_COUNTER + MAX_BLOCKS)}
)
"""What is kept of a record: from its header, and the counter of its next block."""


class SerialGcm(wiring.Component):
    """Seals and opens records, as a :class:`Gcm` does to its user, and has one block at a time.

    A block stands in one register from when it is taken until it leaves, and the key stream in the cipher's
    own: there are no queues.  A header passes by the cipher; the tag's block goes through it for its mask.
    The hash of a block is made while the next one is in the cipher.

    No timing depends on keys or texts.

    **Throughput**: while ``o`` is taken at once, a header takes ``header_interval`` cycles, a block of body
    ``interval``, a tag ``tag_interval``.
    **Latency**: ``latency`` cycles for a block of body; a cycle for a header; for a tag that enters right
    behind the rest ``tag_latency``, that of two hashes.

    Parameters
    ----------
    slots : int
        How many keys are held.
    s_boxes : SBoxStyle
    interleaved : bool
        Records of two slots go on side by side, block by block in any order; there are no more slots then.

    Members
    -------
    Those of ``Gcm``.
    """

    interval = SerialAes256.interval
    latency = SerialAes256.latency
    header_interval = 2

    def __init__(
        self, *, slots: int, s_boxes: SBoxStyle = SBoxStyle.LOGIC, interleaved: bool = False
    ) -> None:
        self.interleaved = interleaved
        self.slots = slots
        self.cipher = SerialAes256(slots=slots, label_bits=1, s_boxes=s_boxes)
        # The slowest hash, and smallest, that is ready for a block when the next one leaves the cipher.
        self.hasher = SerialGhash(digit_bits=2, slots=slots, max_blocks=MAX_BLOCKS, interleaved=interleaved)
        self.loader = GcmKeys(slots=slots, s_boxes=s_boxes)
        self.tag_latency = 2 * self.hasher.latency
        self.tag_interval = self.tag_latency + 1
        super().__init__(gcm_ports(slots))

    def record_cycles(self, blocks: int, *, beats: int) -> int:
        """See :class:`Gcm`."""
        return max(self.header_interval, beats) + blocks * self.interval + self.tag_interval

    def record_latency(self, blocks: int, *, beats: int) -> int:
        """See :class:`Gcm`."""
        return self.record_cycles(blocks, beats=beats) - 1

    def elaborate(self, platform) -> Module:
        m = Module()
        control = Module()  # everything that a wipe resets
        m.submodules.control = ResetInserter(self.wipe)(control)
        m.submodules.cipher = cipher = self.cipher
        m.submodules.hasher = hasher = self.hasher
        m.submodules.loader = loader = self.loader
        m.d.comb += [part.wipe.eq(self.wipe) for part in (cipher, hasher, loader)]
        m.d.comb += self.wiped.eq(cipher.wiped & hasher.wiped)

        # Keys have their blocks encrypted between those of records.
        wiring.connect(m, wiring.flipped(self.keys), loader.i)
        wiring.connect(m, loader.round_keys, cipher.keys)
        wiring.connect(m, loader.hash_key, hasher.keys)
        m.d.comb += [
            self.loaded.eq(loader.done),
            self.loaded_slot.eq(loader.slot),
            loader.block.ready.eq(cipher.i.ready),
            loader.encrypted.eq(cipher.o.p.block),
            loader.encrypted_valid.eq(cipher.o.valid & cipher.o.p.label),
        ]

        # In: a block stands here until it leaves, and meanwhile its counter block is encrypted.
        coming = self.i.p
        header = RecordHeader(network(coming.block))
        here, occupied = Signal(coming.shape()), Signal()
        records = [Signal(_Record, name=f"record_{n}") for n in range(2 if self.interleaved else 1)]
        record, record_here = (
            Array(records)[slot if self.interleaved else 0] for slot in (coming.slot, here.slot)
        )
        counter = Signal(COUNTER_BITS)
        taken, leaves = self.i.valid & self.i.ready, self.o.valid & self.o.ready
        m.d.comb += [
            self.i.ready.eq(~occupied & ~loader.block.valid & cipher.i.ready),
            counter.eq(Mux(coming.last, TAG_COUNTER, record.counter)),
            cipher.i.valid.eq(loader.block.valid | (taken & ~coming.first)),
            cipher.i.p.label.eq(loader.block.valid),
            cipher.i.p.slot.eq(Mux(loader.block.valid, loader.slot, coming.slot)),
            cipher.i.p.block.eq(
                Mux(loader.block.valid, loader.block.payload, counter_block(record.seq, counter)),
            ),
        ]
        with control.If(taken):
            control.d.sync += [here.eq(coming), occupied.eq(1), record.counter.eq(record.counter + 1)]
            with control.If(coming.first):
                control.d.sync += [
                    record.seq.eq(header.seq),
                    record.length.eq(header.length),
                    record.counter.eq(TAG_COUNTER + 1),
                ]
        with control.If(leaves):
            control.d.sync += occupied.eq(0)

        # Into the hash: each block as it leaves, and instead of the tag, before it does, the sizes.
        sized, summed = Signal(), Signal()  # it has the sizes; what came of them was added to the tag
        is_tag = occupied & here.last
        kept = Cat((here.first | here.last | (n <= here.bytes)).replicate(8) for n in range(BLOCK_BYTES))
        m.d.comb += [
            hasher.i.valid.eq(Mux(is_tag, ~sized, leaves)),
            hasher.i.p.first.eq(here.first),
            hasher.i.p.following.eq(body_blocks(record_here.length) + 1),
            hasher.i.p.slot.eq(here.slot),
            hasher.i.p.block.eq(
                Mux(
                    here.last,
                    sizes_block(record_here.length),
                    Mux(here.opens, here.block & kept, self.o.p.block),
                )
            ),
            hasher.o.ready.eq(1),
        ]
        with control.If(is_tag & hasher.i.ready):
            control.d.sync += sized.eq(1)
        with control.If(hasher.o.valid):
            control.d.sync += [here.block.eq(here.block ^ hasher.o.payload), summed.eq(1)]
        with control.If(leaves):
            control.d.sync += [sized.eq(0), summed.eq(0)]

        # Out: text under the key stream, which is the cipher's state until then.
        m.d.comb += [
            cipher.o.ready.eq(cipher.o.p.label | leaves),
            self.o.p.eq(here),
            self.o.p.block.eq((here.block ^ Mux(here.first, 0, cipher.o.p.block)) & kept),
        ]
        with m.If(here.first):
            m.d.comb += self.o.valid.eq(occupied & hasher.i.ready)
        with m.Elif(here.last):
            m.d.comb += self.o.valid.eq(occupied & summed & cipher.o.valid)
        with m.Else():
            m.d.comb += self.o.valid.eq(occupied & hasher.i.ready & cipher.o.valid)

        # A header that is taken, and a tag that leaves, are never in the same cycle.
        with control.If(taken & coming.first):
            control.d.sync += self.inside.bit_select(coming.slot, 1).eq(1)
        with control.If(leaves & here.last):
            control.d.sync += self.inside.bit_select(here.slot, 1).eq(0)
        return m
