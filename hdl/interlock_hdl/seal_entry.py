"""The way into a seal: records get their numbers, or are cut."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.channel_keys import CHANNEL_BITS, engine_slots
from interlock_hdl.crypto.gcm import BLOCK_BYTES, MAX_BODY_BLOCKS, GcmBlock, RecordPart
from interlock_hdl.ones import one_of, place_of_one
from interlock_hdl.record import RecordFlag, RecordHeader
from interlock_hdl.seal_framer import FramedBlock
from interlock_hdl.wire import network

MAX_STOP_BITS = 63  # the last number of 64 bits is that of REKEY


class SealEntry(wiring.Component):
    """Gives the records for all links, one after another, the numbers of their keys.

    What goes in has channel and number filled in, whatever stood there.  Before a record whose number is a
    multiple of ``2**rekey_bits``, but 0, it has the key followed; instead of one whose number would be
    ``2**stop_bits`` it raises ``exhausted``.  A record that was not admitted, or is not right, is dropped.
    So is one whose header is not followed by as many bytes as it says, or ends with another one's ``first``.

    An engine must get as many blocks as a header said.  Where the rest of a record that began does not come,
    it gets blocks of zeros, which like all that follows of the record are marked by ``opens``: they must not
    leave.

    Latency: ``latency`` cycles from a block at ``i`` to ``o``, one less for blocks of a body.  Throughput: a
    block a cycle; ``i`` waits while the tag's block is made, and a cycle behind a record without a body.

    Parameters
    ----------
    links : int
    rekey_bits, stop_bits : int

    Members
    -------
    i : In(stream of ``FramedBlock``)
    flush : In(links)
        Ends the epoch, and with the next cycle ``keyed``.
    keyed, channel : In(links), In(16) array
        See :class:`ChannelKeys`.
    busy : In(links)
        A record of the slot is in the engine.
    follow, follow_slot, following : Out(1), Out, In(1)
        See :class:`ChannelKeys`.
    inside : Out(links)
        The header of a record stands at ``o``.
    exhausted : Out(links)
        From the first record that was dropped for its number, until ``flush``.
    o : Out(stream of ``GcmBlock``)
        A register.
    """

    latency = 2

    def __init__(self, *, links: int, rekey_bits: int, stop_bits: int) -> None:
        if not 1 <= rekey_bits < stop_bits <= MAX_STOP_BITS:
            raise ValueError(
                f"1 ≤ rekey_bits < stop_bits ≤ {MAX_STOP_BITS} is not so for {rekey_bits} and {stop_bits}"
            )
        self.links = links
        self.slots = engine_slots(links)
        self.rekey_bits = rekey_bits
        self.stop_bits = stop_bits
        self.state = Signal(RecordPart)  # of the block that comes next
        self.link = Signal(links)  # of the record at hand, a one in its place
        self.seqs = [Signal(stop_bits, name=f"seq_{n}") for n in range(links)]  # of the next record
        self.due = Signal(links)  # before that, the key has to be followed
        self.spent = Signal(links)  # there is none
        self.numbered = Signal()  # in the cycle before, a header got a number
        # Of the block that stands at ``i``, what was found in the cycle before, if it stood there.
        self.looked = Signal()
        self.admitted = Signal()  # it is a header with a key
        self.is_spent = Signal()  # without a number
        self.goes = Signal()  # its key is the one of its number
        super().__init__(
            {
                "i": In(stream.Signature(FramedBlock(links))),
                "flush": In(links),
                "keyed": In(links),
                "channel": In(CHANNEL_BITS).array(links),
                "busy": In(links),
                "follow": Out(1),
                "follow_slot": Out(range(self.slots)),
                "following": In(1),
                "inside": Out(links),
                "exhausted": Out(links),
                "o": Out(stream.Signature(GcmBlock(self.slots))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        here, block = self.i.p.facts, self.i.p.block
        slot = place_of_one(here.links)
        take = Signal()
        m.d.comb += self.i.ready.eq(take)

        # The record at hand.
        state, link = self.state, self.link
        blocks = Signal(range(MAX_BODY_BLOCKS))  # of body, behind the one that comes next
        last_block = Signal()  # there is none: in a register, for to compare would come late
        tail = Signal.like(here.tail)
        cut = Signal()
        lost = Signal()  # its key, in the cycle before

        # Out: a register.
        put = Signal(self.o.p.shape())
        puts, free = Signal(), Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            put.slot.eq(place_of_one(link)),
            put.opens.eq(cut),
        ]
        with m.If(free):
            m.d.sync += [self.o.valid.eq(puts), self.o.p.eq(put)]

        # Numbers: what a header got is added to in the next cycle, when no other one can need it.
        seqs, due, spent, numbered = self.seqs, self.due, self.spent, self.numbered
        last_seq = RecordHeader(network(self.o.p.block)).seq
        seq_next = last_seq[: self.stop_bits] + 1
        m.d.sync += numbered.eq(0)
        for n, seq in enumerate(seqs):
            with m.If(numbered & link[n]):
                m.d.sync += [
                    seq.eq(seq_next),
                    spent[n].eq(seq_next[self.stop_bits]),
                    due[n].eq(last_seq[: self.rekey_bits].all()),
                ]

        header = RecordHeader(network(block))
        filled = Signal(RecordHeader)
        m.d.comb += [
            filled.eq(header),
            filled.seq.eq(one_of(here.links, seqs)),
            filled.channel.eq(one_of(here.links, self.channel)),
            filled.flags.eq(header.flags & (0xFF ^ RecordFlag.CLEAR)),
        ]

        # A header is looked at in the cycle before it is taken, behind another record that of the tag.  Where
        # the key is forgotten in that cycle, it goes in all the same, but not out: it was inside already.
        looks = self.i.valid & ~take & (state != RecordPart.BODY) & ~numbered
        admitted = here.first & here.right & (self.keyed & here.links).any()
        is_due = (due & here.links).any()
        is_busy = (self.busy & here.links).any() | (state == RecordPart.TAG)
        settled = ~self.following & ~self.follow
        m.d.sync += [
            self.looked.eq(looks),
            self.admitted.eq(admitted),
            self.is_spent.eq((spent & here.links).any()),
            self.goes.eq(settled & ~is_due),
            self.follow.eq(looks & admitted & settled & is_due & ~is_busy),
            self.follow_slot.eq(slot),
        ]
        with m.If(self.follow):
            m.d.sync += due.eq(due & ~here.links)

        # Of a block of the body is known what it must be.
        size = Mux(last_block, tail, BLOCK_BYTES - 1)
        is_wrong = here.first | ~here.right | (here.last != last_block) | (here.tail != size)

        m.d.sync += lost.eq(~(self.keyed & link).any())
        with m.Switch(state):
            with m.Case(RecordPart.HEADER):
                m.d.comb += [put.slot.eq(slot), put.first.eq(1), put.opens.eq(0)]
                m.d.comb += put.block.eq(network(filled))
                with m.If(self.looked):
                    with m.If(~self.admitted):
                        m.d.comb += take.eq(1)
                    with m.Elif(self.is_spent):
                        m.d.comb += take.eq(1)
                        m.d.sync += self.exhausted.eq(self.exhausted | here.links)
                    with m.Elif(self.goes & free):
                        m.d.comb += [take.eq(1), puts.eq(1)]
                        m.d.sync += [
                            cut.eq(0),
                            lost.eq(0),
                            link.eq(here.links),
                            blocks.eq(here.blocks),
                            last_block.eq(here.blocks == 0),
                            tail.eq(here.tail),
                            numbered.eq(1),
                            state.eq(Mux(here.last, RecordPart.TAG, RecordPart.BODY)),
                        ]
            with m.Case(RecordPart.BODY):
                m.d.comb += [put.bytes.eq(size), put.block.eq(Mux(cut, 0, block))]
                with m.If(cut):  # and meanwhile the rest of the record is dropped
                    m.d.comb += [puts.eq(free), take.eq(~here.first)]
                with m.Elif((self.i.valid & is_wrong) | lost):
                    m.d.sync += cut.eq(1)
                with m.Elif(self.i.valid):
                    m.d.comb += [take.eq(free), puts.eq(free)]
                with m.If(puts):
                    m.d.sync += [blocks.eq(blocks - 1), last_block.eq(blocks == 1)]
                    with m.If(last_block):
                        m.d.sync += state.eq(RecordPart.TAG)
            with m.Case(RecordPart.TAG):
                m.d.comb += [puts.eq(free), put.last.eq(1)]
                with m.If(free):
                    m.d.sync += state.eq(RecordPart.HEADER)

        for n, seq in enumerate(seqs):
            with m.If(~self.keyed[n]):
                m.d.sync += [seq.eq(0), due[n].eq(0), spent[n].eq(0)]
            with m.If(~self.keyed[n] | self.flush[n]):
                m.d.sync += self.exhausted[n].eq(0)
            m.d.comb += self.inside[n].eq(self.o.valid & self.o.p.first & (self.o.p.slot == n))
        return m
