"""The first step of sealing: beats become blocks, of which is known whether they are as their header says."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.beat import keep_count, keep_is_legal
from interlock_hdl.crypto.gcm import BLOCK_BYTES, MAX_BODY_BLOCKS
from interlock_hdl.double_buffer import DoubleBuffer
from interlock_hdl.ones import one_at
from interlock_hdl.ports import RecordBeat
from interlock_hdl.record import RECORD_MAX_LENGTH, RecordHeader
from interlock_hdl.register_queue import RegisterQueue
from interlock_hdl.wire import network


class BlockFacts(data.StructLayout):
    """What is known of a block, all that decides what becomes of it.

    Members
    -------
    links : a one for its link, zeros for the others
    first, last : the header; the end of the record
    right : a header: of a record that was admitted, its length allowed and, where that is 0, its end.
        Others: no byte is missing but at the end of the last one
    tail : bytes of a last block, less one: of the one that a header announces, or of this one
    blocks : of a header: of body, less one
    """

    def __init__(self, links: int) -> None:
        super().__init__(
            {
                "links": links,
                "first": 1,
                "last": 1,
                "right": 1,
                "tail": range(BLOCK_BYTES),
                "blocks": range(MAX_BODY_BLOCKS),
            }
        )


class FramedBlock(data.StructLayout):
    """A block of a record that is to be sealed.

    Members
    -------
    facts : what is known of it
    block : byte 0 is bits 7:0
    """

    def __init__(self, links: int) -> None:
        super().__init__({"facts": BlockFacts(links), "block": 8 * BLOCK_BYTES})


class SealFramer(wiring.Component):
    """Makes blocks of beats, and looks at everything about a block that needs no other one.

    A record is admitted if its slot has a key when its first beat is taken.  A header that ends early is
    dropped, and so is what belongs to no record; a block of body that another record's ``first`` cuts is
    not completed.

    Latency: ``latency`` cycles from the beat that completes a block to ``o``.  Throughput: a beat a cycle.

    Parameters
    ----------
    beat_bytes, links : int
    buffered : bool
        Two blocks may wait behind the one that is made.  Without, nothing is taken from when a block is
        complete until it leaves: enough before an engine that takes far longer.

    Members
    -------
    i : In(stream of RecordBeat)
        Ready depends on registers alone.
    flush, keyed : In(links)
        See :class:`SealEntry`.
    inside : Out(links)
        The header of a record that was admitted is here.
    o : Out(stream of ``FramedBlock``)
        Valid depends on registers alone.
    """

    def __init__(self, *, beat_bytes: int, links: int, buffered: bool = True) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        self.buffered = buffered
        self.latency = 1 + (DoubleBuffer.latency if buffered else 0)
        super().__init__(
            {
                "i": In(stream.Signature(RecordBeat(beat_bytes, links))),
                "flush": In(links),
                "keyed": In(links),
                "inside": Out(links),
                "o": Out(stream.Signature(FramedBlock(links))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        beat_bytes, beat = self.beat_bytes, self.i.p
        block_beats = BLOCK_BYTES // beat_bytes
        # A block, of which some beats or all came.
        within, header = Signal(), Signal()  # a record has begun; its header is not complete
        admitted = Signal()
        position = Signal(range(block_beats))  # of the next beat
        complete, first, last = Signal(), Signal(), Signal()
        full, legal = Signal(init=1), Signal()  # every beat but the last one was; that one may be as it is
        end = Signal(range(block_beats))  # its position
        keep = Signal(beat_bytes)
        links = Signal(self.links)  # of the record: only its first beat tells
        arriving_links = one_at(beat.slot, self.links)
        words = Signal(data.ArrayLayout(8 * beat_bytes, block_beats))

        taken = self.i.valid & self.i.ready
        here = Mux(beat.first, 0, position)
        is_header = beat.first | header
        completes = (beat.first | within) & ((here == block_beats - 1) | (beat.last & ~is_header))
        made = Signal(self.o.p.shape())
        if self.buffered:
            # Facts are always read in the same registers, for much comes of them; of the block nothing does.
            m.submodules.facts = facts = RegisterQueue(shape=BlockFacts(self.links), depth=2)
            m.submodules.blocks = blocks = DoubleBuffer(shape=8 * BLOCK_BYTES)
            waiting = [(facts.level > n, word) for n, word in enumerate(facts.words)]
            ready = facts.i.ready
            m.d.comb += [
                self.i.ready.eq(~complete | ready),
                facts.i.valid.eq(complete),
                blocks.i.valid.eq(complete),
                facts.i.payload.eq(made.facts),
                blocks.i.payload.eq(made.block),
                self.o.valid.eq(facts.o.valid),
                self.o.p.facts.eq(facts.o.payload),
                self.o.p.block.eq(blocks.o.payload),
                facts.o.ready.eq(self.o.ready),
                blocks.o.ready.eq(self.o.ready),
            ]
        else:
            waiting = ()
            ready = self.o.ready
            m.d.comb += [
                self.i.ready.eq(~complete),
                self.o.valid.eq(complete),
                self.o.payload.eq(made),
            ]
        with m.If(ready):
            m.d.sync += complete.eq(0)
        with m.If(taken):
            m.d.sync += [
                within.eq((beat.first | within) & ~beat.last),
                header.eq(is_header & (here != block_beats - 1) & ~beat.last),
                position.eq(Mux(completes, 0, here + 1)),
                complete.eq(completes),
                first.eq(is_header),
                last.eq(beat.last),
                full.eq(Mux(here == 0, 1, full & keep.all())),
                legal.eq(keep_is_legal(beat)),
                end.eq(here),
                keep.eq(beat.keep),
                words[here].eq(beat.data),
            ]
        # Of a header that a flush cuts the rest need not come: nothing may wait for it.
        with m.If(~(self.keyed & links).any()):
            m.d.sync += admitted.eq(0)
        with m.If(taken & beat.first):
            m.d.sync += [
                links.eq(arriving_links),
                admitted.eq((self.keyed & ~self.flush & arriving_links).any()),
            ]

        # What is known of it.
        known = made.facts
        length = RecordHeader(network(words)).length
        allowed = (length <= RECORD_MAX_LENGTH) & (last == (length == 0))
        m.d.comb += [
            made.block.eq(words),
            known.links.eq(links),
            known.first.eq(first),
            known.last.eq(last),
            known.blocks.eq((length - 1) >> exact_log2(BLOCK_BYTES)),
        ]
        with m.If(first):
            m.d.comb += [known.right.eq(admitted & full & keep.all() & allowed), known.tail.eq(length - 1)]
        with m.Else():
            m.d.comb += [known.right.eq(full & legal), known.tail.eq(end * beat_bytes + keep_count(keep) - 1)]

        m.d.comb += self.inside.eq(
            reduce(
                or_,
                (Mux(is_there & word.first & word.right, word.links, 0) for is_there, word in waiting),
                Mux((header | (complete & first)) & admitted, links, 0),
            )
        )
        return m
