"""What is proved of egress: no payload leaves before its prefix, and none that is not covered."""

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.config import InterlockConfig
from interlock_hdl.intake import StreamProgress
from interlock_hdl.record import RecordFlag, RecordHeader, RecordType
from interlock_hdl.sender import Outgoing, Sender
from interlock_hdl.stream_cutter import Cut, StreamCutter
from interlock_hdl.wire import network

from formal.past import ago

BEAT_BYTES = 16


class PrefixProof(wiring.Component):
    """No payload beat and no ABORT leaves but behind all of its message's prefix, and nothing behind its end.

    Assumed, of the blocks around: a scan says how many entries it has, once, and none begins in the cycle in
    which its epoch ends; a message of the intake has so
    many beats as its length says; cuts are held until they are taken, and none comes of a stream that has
    failed or is empty.

    Parameters
    ----------
    entries : int
        Most entries of a prefix.

    Members
    -------
    All inputs of the block, free in every cycle.
    """

    def __init__(self, *, entries: int) -> None:
        self.config = InterlockConfig(
            beat_bytes=BEAT_BYTES, links=1, log_entries=entries, message_bytes=2 * BEAT_BYTES
        )
        super().__init__(
            {
                "begin": In(1),
                "message": In(Outgoing(self.config.message_bytes)),
                "described": In(1),
                "n_sessions": In(range(entries + 1)),
                "n_externals": In(range(entries + 1)),
                "entries_valid": In(1),
                "payload_valid": In(1),
                "payload_last": In(1),
                "cut": In(Cut),
                "cut_valid": In(1),
                "failed": In(1),
                "ended": In(1),
                "ready": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = Sender(config=self.config)
        beat = dut.records.payload
        passes = dut.records.valid & dut.records.ready
        total = Signal(range(self.config.log_entries + 2))
        m.d.comb += [
            total.eq(self.n_sessions + self.n_externals),
            dut.begin.eq(self.begin),
            dut.message.eq(self.message),
            dut.described.eq(self.described),
            dut.n_sessions.eq(self.n_sessions),
            dut.n_externals.eq(self.n_externals),
            dut.entries.valid.eq(self.entries_valid),
            dut.payload.valid.eq(self.payload_valid),
            dut.payload.payload.keep.eq(-1),
            dut.cuts.payload.eq(self.cut),
            dut.cuts.valid.eq(self.cut_valid),
            dut.failed.eq(self.failed),
            dut.ended.eq(self.ended),
            dut.records.ready.eq(self.ready),
            dut.leaves.eq(passes & beat.first & ~self.ended),
        ]
        self._surround(m, dut, total)

        # What has left of the message at hand, judged by the beats alone.
        header = Signal(RecordHeader)
        prefix_beats = Signal(range(2 * self.config.log_entries + 4))
        type = Signal(8)
        inside, was_over, was_begun = Signal(), Signal(1, init=1), Signal()
        due = Signal()  # the first record of the message at hand; the last beat before it may still be there
        m.d.comb += header.eq(network(beat.data))
        body = passes & ~beat.first
        leaves = passes & ~self.ended
        starts = due & beat.first
        over, begun = was_over & ~starts, was_begun & ~starts
        whole = ~starts & (prefix_beats == 2 * (1 + total))
        is_prefix = header.type == RecordType.PREFIX
        is_abort = header.type == RecordType.ABORT
        with m.If(leaves):
            m.d.sync += inside.eq(~beat.last)
            with m.If(beat.first):
                ends = (header.flags & RecordFlag.EOM).any() | is_abort
                m.d.sync += [type.eq(header.type), was_begun.eq(1), was_over.eq(over | ends), due.eq(0)]
                with m.If(starts):
                    m.d.sync += prefix_beats.eq(0)
            with m.Elif(type == RecordType.PREFIX):
                m.d.sync += prefix_beats.eq(prefix_beats + 1)
        with m.If(self.ended):
            m.d.sync += [inside.eq(0), was_over.eq(1), due.eq(0)]
        with m.If(self.begin):
            m.d.sync += due.eq(1)
        m.d.comb += [
            Assert(~leaves | (beat.first != inside)),
            Assert(~(leaves & beat.first) | ~over),
            Assert(~(leaves & beat.first) | (is_prefix != whole)),
            Assert(~(body & leaves & (type == RecordType.PAYLOAD)) | whole),
            Assert(~(body & leaves & (type == RecordType.PREFIX)) | ~whole),
            Assert(~(leaves & beat.first) | ((header.flags & RecordFlag.SOM).any() == ~begun)),
            Assert(~(leaves & beat.first & is_abort) | (whole & self.is_stream)),
            Cover(leaves & beat.first & is_abort),
            Cover(leaves & beat.last & (type == RecordType.PAYLOAD) & self.second),
        ]
        return m

    def _surround(self, m: Module, dut: Sender, total: Value) -> None:
        """What scan, intake and cutter promise."""
        constant = Cat(self.n_sessions, self.n_externals)
        running, described = Signal(), Signal()  # a scan runs; it has said what it has
        entries_given = Signal(range(self.config.log_entries + 2))
        beats_left = Signal(range(4))  # of a buffered message
        self.is_stream, is_empty, was_begun = Signal(), Signal(), Signal()
        self.second = Signal()  # the message at hand is not the first
        first_cycle = Signal(init=1)
        m.d.sync += first_cycle.eq(0)
        length = self.message.length
        m.d.comb += [
            Assume(first_cycle | (constant == ago(m, constant))),
            Assume((self.n_sessions != 0) & (total <= self.config.log_entries)),
            Assume(~self.begin | ~(dut.busy | running | self.ended)),
            Assume(self.message.slot == 0),
            Assume(length <= self.config.message_bytes),
            Assume(~self.message.is_stream | (length == 0)),
            Assume(self.message.is_stream | (self.message.empty == (length == 0))),
            Assume(self.described == described),
            Assume(~self.entries_valid | (running & described & (entries_given != total))),
            dut.entries.payload.last.eq(entries_given == total - 1),
            dut.payload.payload.last.eq(Mux(self.is_stream, self.payload_last, beats_left == 1)),
            Assume(~self.payload_valid | self.is_stream | (beats_left != 0)),
            Assume(~self.cut_valid | (self.is_stream & ~is_empty)),
            Assume((self.cut.length != 0) & (self.cut.length <= 2 * BEAT_BYTES)),
        ]
        held = self.cut_valid & ~dut.cuts.ready
        m.d.comb += [
            Assume(~ago(m, held) | ~dut.busy | (self.cut_valid & (self.cut.as_value() == ago(m, self.cut)))),
            Assume(~ago(m, self.failed & dut.busy) | self.failed | ~dut.busy),
        ]
        entries_move = dut.entries.valid & dut.entries.ready
        with m.If(entries_move):
            m.d.sync += entries_given.eq(entries_given + 1)
            with m.If(dut.entries.payload.last):
                m.d.sync += running.eq(0)
        with m.If(dut.payload.valid & dut.payload.ready):
            m.d.sync += beats_left.eq(beats_left - 1)
        settled = Signal(2)
        m.d.sync += settled.eq(Cat(running, settled[0]))
        with m.If(running & settled.all()):
            m.d.sync += described.eq(1)
        with m.If(self.begin):
            m.d.sync += [
                running.eq(1),
                described.eq(0),
                entries_given.eq(0),
                beats_left.eq(1 + ((length + BEAT_BYTES - 1) >> 4)),
                self.is_stream.eq(self.message.is_stream),
                is_empty.eq(self.message.empty),
                was_begun.eq(1),
                self.second.eq(was_begun),
            ]


class CoverProof(wiring.Component):
    """A cut is offered only after a sample of its own cycle or later was found to be no more than announced.

    And it has no byte that was not told of before, so every event before its last byte is in that sample.
    Samples of others, and of a stream that is finished, may be in flight at any time; none of them serves.

    Assumed: ``hold`` while a sample is in flight; the count after an answer is what was spent by the request;
    what is announced does not change while the stream is sent; no more waits than the buffer holds.
    """

    progress: In(StreamProgress(BEAT_BYTES))
    finish: In(1)
    active: In(1)
    announced: In(96)
    spent: In(96)
    count: In(96)
    done: In(1)
    hold: In(1)
    foreign: In(1)
    cuts_ready: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        depth = 300
        m.submodules.dut = dut = StreamCutter(beat_bytes=BEAT_BYTES, depth=depth)
        m.d.comb += [
            dut.progress.eq(self.progress),
            dut.finish.eq(self.finish),
            dut.active.eq(self.active),
            dut.announced.eq(self.announced),
            dut.count.eq(self.count),
            dut.done.eq(self.done),
            dut.hold.eq(self.hold),
            dut.cuts.ready.eq(self.cuts_ready),
        ]
        in_flight, is_own = Signal(), Signal()  # a sample; it was asked for here
        asked_spent, cut_spent = Signal(96), Signal(96)  # by the cycle of the last request, of the last cut
        with m.If(self.done):
            m.d.sync += in_flight.eq(0)
        with m.If(dut.sample | self.foreign):
            m.d.sync += [in_flight.eq(1), is_own.eq(dut.sample), asked_spent.eq(self.spent)]
        with m.If(dut.cut):
            m.d.sync += cut_spent.eq(self.spent)
        was_active = Signal()
        with m.If(self.active):
            m.d.sync += was_active.eq(1)
        with m.If(self.finish):
            m.d.sync += was_active.eq(0)
        answered = ago(m, self.done & is_own)
        m.d.comb += [
            Assume(~self.done | in_flight),
            Assume(~in_flight | self.hold),
            Assume(~self.foreign | ~(in_flight | dut.sample)),
            Assume(~answered | (self.count == ago(m, asked_spent))),
            Assume(~self.active | ago(m, self.active & ~self.finish) | ~was_active),
            Assume(~(self.active & was_active) | (self.announced == ago(m, self.announced))),
        ]

        told = Signal(range(depth + 3))  # beats that were told of and are in no cut
        is_whole = Signal()  # the last one was
        cut_beats = (dut.cut_length + BEAT_BYTES - 1) >> 4
        m.d.sync += told.eq(told + self.progress.beat - Mux(dut.cut, cut_beats, 0))
        with m.If(self.progress.last & self.progress.beat):
            m.d.sync += is_whole.eq(1)
        with m.If(self.finish):
            m.d.sync += [told.eq(0), is_whole.eq(0)]
        m.d.comb += [
            Assume(~self.progress.beat | ((told < depth) & ~is_whole)),
            Assume(~self.progress.last | self.progress.beat),
            Assert(~dut.cuts.valid | (cut_spent <= self.announced) | ~self.active),
            Assert(~dut.cut | ((cut_beats != 0) & (cut_beats <= told) & (dut.cut_length <= 4096))),
            Assert(~dut.cut | dut.cut_last | (dut.cut_length[:4] == 0)),
            Assert(~(dut.cut & dut.cut_last) | (is_whole & (cut_beats == told))),
            Assert(dut.cut == dut.sample),
            Assert(~(dut.cut & dut.failed)),
        ]
        was_taken = Signal()  # a cut of this stream
        with m.If(dut.cuts.valid & dut.cuts.ready):
            m.d.sync += was_taken.eq(1)
        with m.If(self.finish):
            m.d.sync += was_taken.eq(0)
        # What carries the induction.
        one_of = dut.awaiting + dut.checked + dut.judged + dut.cuts.valid + dut.overrun
        made = dut.cuts.payload
        made_beats = (made.length + BEAT_BYTES - 1) >> 4
        was_cut_before = ago(m, dut.was_cut & ~self.finish)
        chosen = dut.there & ~(dut.was_cut | was_cut_before)
        m.d.comb += [
            Assert(dut.waiting == told + Mux(dut.was_cut, made_beats, 0)),
            Assert(~dut.was_cut | made.last | (made.length[:4] == 0)),
            Assert(~(dut.was_cut & made.last) | (is_whole & (told == 0))),
            Assert(~dut.was_cut | dut.awaiting),
            Assert(~was_cut_before | dut.awaiting | dut.checked),
            Assert(~chosen | ((cut_beats != 0) & (cut_beats <= told) & (dut.cut_length <= 4096))),
            Assert(~chosen | dut.cut_last | (dut.cut_length[:4] == 0)),
            Assert(~(chosen & dut.cut_last) | (is_whole & (cut_beats == told))),
            Assert(dut.ended == is_whole),
            Assert(one_of == dut.pending),
            Assert(~dut.awaiting | (in_flight & is_own & (asked_spent == cut_spent))),
            Assert(~dut.checked | (answered & (self.count == cut_spent))),
            Assert(~dut.judged | ~ago(m, self.active) | (dut.above == (cut_spent > ago(m, self.announced)))),
            Assert(~dut.pending | was_active),
            Assert(~dut.cuts.valid | (cut_spent <= ago(m, self.announced)) | ~ago(m, self.active)),
            Cover(dut.overrun & was_taken),
            Cover(dut.cuts.valid & dut.cuts.payload.last & was_taken),
        ]
        return m
