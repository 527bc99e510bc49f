"""Whose sealed record is opened next, and its way into the engine, block by block."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.crypto.gcm import BLOCK_BYTES, MAX_BODY_BLOCKS, GcmBlock, RecordPart
from interlock_hdl.record import RECORD_MAX_LENGTH
from interlock_hdl.record_parser import LENGTH_OFFSET
from interlock_hdl.sealed_inbox import SealedRow
from interlock_hdl.turns import Turns
from interlock_hdl.wire import network


class OpenTurns(wiring.Component):
    """Reads whole records from where they wait, links in turn, and gives their blocks to a ``Gcm``.

    A record that was begun is brought to its end, for the engine knows nothing else: where the rest of it was
    flushed, zeros take its place.

    Latency: from ``chosen``, a cycle until a row is taken, and from a block's last row, one to ``o``.
    Throughput: one row a cycle, records of any links one after another.

    Parameters
    ----------
    beat_bytes, links : int
    slots : int
        Of the ``Gcm``.

    Members
    -------
    asking : In(links)
        There is a whole record which may be opened.
    chosen : Out(links)
        Strobe: that record is next; two cycles later ``asking`` must be about the one behind it.
    rows : In(stream of SealedRow) array of ``links``
    cut : In(links)
        What ``rows`` had of the slot is gone: from the cycle after the last one in which it was there, for as
        long as the slot is ``working``.
    begins : Out(links)
        Strobe: the header was read.
    blocks, renews : Out(range(MAX_BODY_BLOCKS + 1)), Out(1)
        Of a record that ``begins``: how long its body is, and whether it is the last one under its key.
    working : Out(links)
        A record of the slot is being read, or what was read of it is on its way to ``o``.
    o : Out(stream of GcmBlock)
    wipe : In(1)
        Holds the block in reset.
    """

    def __init__(self, *, beat_bytes: int, links: int, slots: int) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        self.slots = slots
        super().__init__(
            {
                "asking": In(links),
                "chosen": Out(links),
                "rows": In(stream.Signature(SealedRow(beat_bytes))).array(links),
                "cut": In(links),
                "begins": Out(links),
                "blocks": Out(range(MAX_BODY_BLOCKS + 1)),
                "renews": Out(1),
                "working": Out(links),
                "o": Out(stream.Signature(GcmBlock(slots))),
                "wipe": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        beat_bytes = self.beat_bytes
        m.submodules.turns = turns = Turns(count=self.links)
        running = Signal()
        slot = Signal(range(self.slots))
        m.d.comb += [turns.asking.eq(self.asking), turns.last.eq(slot)]

        # The row at hand, if the register behind can take it.
        row = Signal(SealedRow(beat_bytes))
        there = Signal()
        accepts = ~self.o.valid | self.o.ready
        is_cut = self.cut.bit_select(slot, 1)
        goes = running & (there | is_cut) & accepts
        for number, port in enumerate(self.rows):
            with m.If(slot == number):
                m.d.comb += [row.eq(port.payload), there.eq(port.valid)]
                m.d.comb += port.ready.eq(running & ~is_cut & accepts)
        row_data = Mux(is_cut, 0, row.data)

        position = Signal(range(BLOCK_BYTES // beat_bytes))  # of the row in its block
        block_ends = position == BLOCK_BYTES // beat_bytes - 1
        with m.If(goes):
            m.d.sync += position.eq(position + 1)

        # What it is part of.  The length is no more than it may be: that was checked.
        part = Signal(RecordPart)
        left = Signal(range(RECORD_MAX_LENGTH + 1))  # bytes of body, from this block on
        length_beat, length_byte = divmod(LENGTH_OFFSET, beat_bytes)
        length = Signal.like(left)
        m.d.comb += length.eq(left)
        with m.If(position == length_beat):
            m.d.comb += length.eq(network(row_data[8 * length_byte :][:16]))
        ends = Signal()  # this is a record's last row
        block_bits = exact_log2(BLOCK_BYTES)
        m.d.comb += [
            self.blocks.eq((length >> block_bits) + length[:block_bits].any()),
            self.renews.eq(row.renews & ~is_cut),
        ]
        with m.If(goes):
            with m.Switch(part):
                with m.Case(RecordPart.HEADER):
                    m.d.sync += left.eq(length)
                    with m.If(block_ends):
                        m.d.sync += part.eq(Mux(length == 0, RecordPart.TAG, RecordPart.BODY))
                        m.d.comb += [self.begins[n].eq(slot == n) for n in range(self.links)]
                with m.Case(RecordPart.BODY):
                    with m.If(block_ends):
                        m.d.sync += left.eq(left - BLOCK_BYTES)
                        with m.If(left <= BLOCK_BYTES):
                            m.d.sync += part.eq(RecordPart.TAG)
                with m.Case(RecordPart.TAG):
                    with m.If(block_ends):
                        m.d.sync += part.eq(RecordPart.HEADER)
                        m.d.comb += ends.eq(1)

        # The next one is chosen while the last row of this one is read.
        with m.If(~running | ends):
            m.d.sync += running.eq(turns.any)
            with m.If(turns.any):
                m.d.sync += slot.eq(turns.next)
                m.d.comb += [self.chosen[n].eq(turns.next == n) for n in range(self.links)]

        block = self.o.p
        with m.If(accepts):
            m.d.sync += self.o.valid.eq(goes & block_ends)
        with m.If(goes):
            m.d.sync += [
                block.slot.eq(slot),
                block.first.eq(part == RecordPart.HEADER),
                block.last.eq(part == RecordPart.TAG),
                block.bytes.eq(Mux(left <= BLOCK_BYTES, left[:block_bits] - 1, BLOCK_BYTES - 1)),
                block.block.eq(Cat(block.block, row_data)[8 * beat_bytes :]),
            ]
        m.d.comb += block.opens.eq(1)
        m.d.comb += [
            self.working[n].eq((running & (slot == n)) | (self.o.valid & (block.slot == n)))
            for n in range(self.links)
        ]
        return ResetInserter(self.wipe)(m)
