"""The way into a seal: records are numbered, and become blocks."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.beat import keep_for
from interlock_hdl.channel_keys import CHANNEL_BITS, engine_slots
from interlock_hdl.crypto.gcm import BLOCK_BYTES, MAX_BODY_BLOCKS, GcmBlock, RecordPart
from interlock_hdl.ports import RecordBeat
from interlock_hdl.record import RECORD_MAX_LENGTH, RecordFlag, RecordHeader
from interlock_hdl.wire import network

MAX_STOP_BITS = 63  # the last number of 64 bits is that of REKEY


class SealEntry(wiring.Component):
    """Makes blocks for a ``Gcm`` of the records for all links, one after another, and numbers those of a key.

    What goes in has channel and number filled in, whatever stood there.  Before a record whose number is a
    multiple of ``2**rekey_bits``, but 0, it has the key followed; instead of one whose number would be
    ``2**stop_bits`` it raises ``exhausted``.  A record is of the key that its slot has in the cycle in which
    its first beat is taken, and a record of none is dropped.  So is one whose header is not followed by as
    many bytes as it says, or ends with another one's ``first``.

    An engine must get as many blocks as a header said.  Where the rest of a record that began does not come,
    it gets blocks of zeros, which like all that follows of the record are marked by ``opens``: they must not
    leave.

    Latency: ``latency`` cycles from the beat that completes a block to ``o``.  Throughput: a beat a cycle at
    ``i``, a block a cycle at ``o``; ``i`` waits while the tag's block is made.

    Parameters
    ----------
    beat_bytes, links : int
    rekey_bits, stop_bits : int

    Members
    -------
    i : In(stream of RecordBeat)
        Ready depends on registers alone.
    flush : In(links)
        Ends the epoch, and with the next cycle ``keyed``.
    keyed, channel : In(links), In(16) array
        See :class:`ChannelKeys`.
    busy : In(links)
        A record of the slot is in the engine.
    follow, follow_slot, following : Out(1), Out, In(1)
        See :class:`ChannelKeys`.
    inside : Out(links)
        A record for which ``keyed`` was looked at is on its way to the engine.
    exhausted : Out(links)
        From the first record that was dropped for its number, until ``flush``.
    o : Out(stream of ``GcmBlock``)
    """

    latency = 2

    def __init__(self, *, beat_bytes: int, links: int, rekey_bits: int, stop_bits: int) -> None:
        if not 1 <= rekey_bits < stop_bits <= MAX_STOP_BITS:
            raise ValueError(
                f"1 ≤ rekey_bits < stop_bits ≤ {MAX_STOP_BITS} is not so for {rekey_bits} and {stop_bits}"
            )
        self.beat_bytes = beat_bytes
        self.links = links
        self.slots = engine_slots(links)
        self.rekey_bits = rekey_bits
        self.stop_bits = stop_bits
        self.state = Signal(RecordPart)  # of the block that comes next
        self.slot = Signal(range(self.slots))  # of the record at hand
        self.seqs = [Signal(stop_bits, name=f"seq_{n}") for n in range(links)]  # of the next record
        self.due = Signal(links)  # before that, the key has to be followed
        self.spent = Signal(links)  # there is none
        self.numbered = Signal()  # in the cycle before, a header got a number
        super().__init__(
            {
                "i": In(stream.Signature(RecordBeat(beat_bytes, links))),
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
        beat_bytes = self.beat_bytes
        block_beats = BLOCK_BYTES // beat_bytes
        position_bits = exact_log2(beat_bytes)

        # A register for a beat, and a second one for that which is under way when the first is not free.
        Word = data.StructLayout({"valid": 1, "admitted": 1, "beat": self.i.p.shape()})
        arriving, head, skid = Signal(Word), Signal(Word), Signal(Word)
        take = Signal()
        m.d.comb += [
            self.i.ready.eq(~skid.valid),
            arriving.valid.eq(self.i.valid & self.i.ready),
            arriving.admitted.eq(self.i.p.first & (self.keyed & ~self.flush).bit_select(self.i.p.slot, 1)),
            arriving.beat.eq(self.i.p),
        ]
        with m.If(take | ~head.valid):
            m.d.sync += [head.eq(Mux(skid.valid, skid, arriving)), skid.valid.eq(0)]
        with m.Elif(arriving.valid):
            m.d.sync += skid.eq(arriving)
        beat = head.beat

        # The record at hand.
        state, slot = self.state, self.slot
        within = Signal()  # its header, of which some beats came
        admitted = Signal()
        position = Signal(range(block_beats))  # of the next beat in its block
        blocks = Signal(range(MAX_BODY_BLOCKS))  # of body, behind the one at hand
        tail = Signal(range(BLOCK_BYTES))  # bytes of its last block, less one
        cut = Signal()
        gathered = Signal(8 * BLOCK_BYTES)  # earlier beats of the block
        here = Signal.like(position)
        block = Signal(8 * BLOCK_BYTES)
        m.d.comb += [
            here.eq(Mux(beat.first, 0, position)),
            block.eq(
                Cat(
                    Mux(here == n, beat.data, gathered.word_select(n, 8 * beat_bytes))
                    for n in range(block_beats)
                )
            ),
        ]

        # Out: a register.
        held = Signal(self.o.p.shape())
        put = Signal(self.o.p.shape())
        puts, free = Signal(), Signal()
        m.d.comb += [
            self.o.payload.eq(held),
            free.eq(~self.o.valid | self.o.ready),
            put.slot.eq(slot),
            put.opens.eq(cut),
        ]
        with m.If(free):
            m.d.sync += [self.o.valid.eq(puts), held.eq(put)]

        # Numbers: what a header got is added to in the next cycle, when no other one can need it.
        seqs, due, spent, numbered = self.seqs, self.due, self.spent, self.numbered
        last_seq = RecordHeader(network(held.block)).seq
        seq_next = last_seq[: self.stop_bits] + 1
        m.d.sync += numbered.eq(0)
        for n, seq in enumerate(seqs):
            with m.If(numbered & (slot == n)):
                m.d.sync += [
                    seq.eq(seq_next),
                    spent[n].eq(seq_next[self.stop_bits]),
                    due[n].eq(last_seq[: self.rekey_bits].all()),
                ]

        header = RecordHeader(network(block))
        header_slot = Mux(beat.first, beat.slot, slot)
        filled = Signal(RecordHeader)
        m.d.comb += [
            filled.eq(header),
            filled.seq.eq(Array(seqs)[header_slot]),
            filled.channel.eq(Array(self.channel)[header_slot]),
            filled.flags.eq(header.flags & (0xFF ^ RecordFlag.CLEAR)),
            self.follow_slot.eq(header_slot),
        ]
        is_right = Signal()
        m.d.comb += is_right.eq(
            Mux(beat.first, head.admitted, admitted)
            & self.keyed.bit_select(header_slot, 1)
            & (header.length <= RECORD_MAX_LENGTH)
            & (beat.last == (header.length == 0))
            & beat.keep.all()
        )

        # Of a beat of the body is known what it must be.
        last_block = blocks == 0
        last_beat = last_block & (position == tail >> position_bits)
        keep = Mux(last_beat, keep_for(tail + 1, beat_bytes), ~0)[:beat_bytes]
        is_wrong = beat.first | (beat.last != last_beat) | (beat.keep != keep)

        # Of a header that is cut by a flush the rest need not come: nothing may wait for it.
        with m.If(~self.keyed.bit_select(slot, 1)):
            m.d.sync += admitted.eq(0)

        with m.Switch(state):
            with m.Case(RecordPart.HEADER):
                m.d.comb += [put.slot.eq(header_slot), put.first.eq(1), put.opens.eq(0)]
                m.d.comb += put.block.eq(network(filled))
                with m.If(head.valid):
                    m.d.sync += cut.eq(0)
                    with m.If(~(beat.first | within) | (here != block_beats - 1)):
                        m.d.comb += take.eq(1)
                        m.d.sync += [
                            within.eq((beat.first | within) & ~beat.last),
                            position.eq(here + 1),
                            slot.eq(header_slot),
                            gathered.word_select(here, 8 * beat_bytes).eq(beat.data),
                        ]
                        with m.If(beat.first):
                            m.d.sync += admitted.eq(head.admitted)
                    with m.Elif(~is_right):
                        m.d.comb += take.eq(1)
                        m.d.sync += within.eq(0)
                    with m.Elif(spent.bit_select(header_slot, 1)):
                        m.d.comb += take.eq(1)
                        m.d.sync += [within.eq(0), self.exhausted.bit_select(header_slot, 1).eq(1)]
                    with m.Elif(self.following):
                        pass
                    with m.Elif(due.bit_select(header_slot, 1)):
                        with m.If(~self.busy.bit_select(header_slot, 1)):
                            m.d.comb += self.follow.eq(1)
                            m.d.sync += due.bit_select(header_slot, 1).eq(0)
                    with m.Elif(free):
                        m.d.comb += [take.eq(1), puts.eq(1)]
                        m.d.sync += [
                            within.eq(0),
                            slot.eq(header_slot),
                            position.eq(0),
                            blocks.eq((header.length - 1) >> exact_log2(BLOCK_BYTES)),
                            tail.eq(header.length - 1),
                            numbered.eq(1),
                            state.eq(Mux(header.length == 0, RecordPart.TAG, RecordPart.BODY)),
                        ]
            with m.Case(RecordPart.BODY):
                m.d.comb += put.bytes.eq(Mux(last_block, tail, BLOCK_BYTES - 1))
                with m.If(cut):  # and meanwhile the rest of the record is dropped
                    m.d.comb += [puts.eq(free), take.eq(head.valid & ~beat.first)]
                with m.Elif((head.valid & is_wrong) | ~self.keyed.bit_select(slot, 1)):
                    m.d.sync += cut.eq(1)
                with m.Elif(head.valid & ~last_beat & (position != block_beats - 1)):
                    m.d.comb += take.eq(1)
                    m.d.sync += [
                        position.eq(position + 1),
                        gathered.word_select(position, 8 * beat_bytes).eq(beat.data),
                    ]
                with m.Elif(head.valid):
                    m.d.comb += [take.eq(free), puts.eq(free), put.block.eq(block)]
                with m.If(puts):
                    m.d.sync += [position.eq(0), blocks.eq(blocks - 1)]
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
            m.d.comb += self.inside[n].eq(
                Cat(
                    *(word.valid & word.admitted & (word.beat.slot == n) for word in (head, skid)),
                    within & admitted & (slot == n),
                    self.o.valid & held.first & (held.slot == n),
                ).any()
            )
        return m
