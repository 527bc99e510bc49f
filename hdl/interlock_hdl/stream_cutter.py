"""Cuts a stream's payload into records as it comes, each covered by a sample of its own."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.message import StreamProgress
from interlock_hdl.record import BLOCK_BYTES, RECORD_MAX_LENGTH

Cut = data.StructLayout({"length": range(RECORD_MAX_LENGTH + 1), "last": 1})
"""Bytes of the next record, and whether they are the stream's last."""


class StreamCutter(wiring.Component):
    """Says how long the next record of a stream is, once it is known that its bytes are covered.

    What is there is cut: whole blocks of 16 bytes, up to a largest record, or all that is left when the
    stream has ended.  Then the counter is sampled, so that every event before the last of these bytes is in
    the count; if that is above what the prefix announced, the stream has failed, as it has when a beat of it
    was wrong.  So nothing leaves that the announcement does not cover, and how long the counter's pipeline is
    does not matter.

    **Latency**: ``latency`` cycles more than the counter's, from the word that a block is whole to its cut.
    **Throughput**: a cut in one cycle less, if each is taken at once.

    Parameters
    ----------
    beat_bytes : int
    depth : int
        Beats of a stream that may wait to be cut.

    Members
    -------
    progress : In(StreamProgress)
        Of the one stream that there is.
    finish : In(1)
        Strobe: it is done with; what follows is another one.
    active, announced : In(1), In(96)
        It is being sent; the count that its prefix shows.
    sample, done, count : Out(1), In(1), In(96)
        See :class:`FlopCounter`; ``done`` is its ``sampled``.
    hold : In(1)
        No sample can be taken.
    sampling : Out(1)
        A sample is on its way, and still wanted.
    cuts : Out(stream of Cut)
    failed : Out(1)
        It has overrun, or is broken: no further cut is offered.
    cut, cut_length, cut_last : Out
        Strobe: a cut is made, so long.
    """

    latency = 5

    def __init__(self, *, beat_bytes: int, depth: int) -> None:
        self.beat_bytes = beat_bytes
        self.depth = depth
        self.waiting = Signal(range(depth + 2 * BLOCK_BYTES // beat_bytes))  # beats that are not cut
        self.ended = Signal()  # the last beat is there
        self.there = Signal()  # something to cut; see `cut_length`, `cut_last`
        self.was_cut = Signal()  # in the cycle before
        self.pending = Signal()  # a cut is made, and not taken
        self.awaiting = Signal()  # its sample is on its way
        self.checked = Signal()  # in this cycle the counter shows that sample
        self.judged = Signal()  # it was compared, half by half
        self.above = Signal()  # and is more than was announced
        self.overrun = Signal()
        super().__init__(
            {
                "progress": In(StreamProgress(beat_bytes)),
                "finish": In(1),
                "active": In(1),
                "announced": In(96),
                "sample": Out(1),
                "done": In(1),
                "count": In(96),
                "hold": In(1),
                "sampling": Out(1),
                "cuts": Out(stream.Signature(Cut)),
                "failed": Out(1),
                "cut": Out(1),
                "cut_length": Out(16),
                "cut_last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat_bytes = self.beat_bytes
        block_beats = BLOCK_BYTES // beat_bytes
        record_beats = RECORD_MAX_LENGTH // beat_bytes

        waiting, ended, pending, overrun = self.waiting, self.ended, self.pending, self.overrun
        awaiting, checked, judged = self.awaiting, self.checked, self.judged
        kept = Signal(range(beat_bytes))  # bytes of the last beat, 0 for all
        compared = Signal()
        broken = Signal()

        # What a cut would be of what waits, as of the cycle before.  One is taken off in the cycle after it;
        # the next one waits for its sample, so it is never chosen of beats that are cut already.
        whole_blocks = (waiting >> exact_log2(block_beats)) << exact_log2(block_beats)
        ends = ended & (waiting <= record_beats)
        there, was_cut = self.there, self.was_cut
        m.d.sync += [
            there.eq(Mux(ended, waiting, whole_blocks) != 0),
            self.cut_last.eq(ends),
            self.cut_length.eq(Mux(waiting < record_beats, whole_blocks, record_beats) * beat_bytes),
            was_cut.eq(self.cut),
        ]
        with m.If(ends):
            m.d.sync += self.cut_length.eq(waiting * beat_bytes - Mux(kept == 0, 0, beat_bytes - kept))
        m.d.comb += [
            self.cut.eq(self.active & there & ~pending & ~self.hold & ~self.failed),
            self.sample.eq(self.cut),
            self.failed.eq(broken | overrun),
            self.cuts.valid.eq(compared),
            self.sampling.eq(awaiting & self.active & ~self.failed),
        ]

        taken = Signal.like(waiting)
        cut = self.cuts.payload
        m.d.comb += taken.eq(Mux(cut.last, waiting, cut.length >> exact_log2(beat_bytes)))
        m.d.sync += waiting.eq(waiting + self.progress.beat - Mux(was_cut, taken, 0))
        with m.If(self.progress.last):
            m.d.sync += [ended.eq(1), kept.eq(self.progress.kept)]
        with m.If(self.progress.broken):
            m.d.sync += broken.eq(1)
        with m.If(self.cut):
            m.d.sync += [
                cut.length.eq(self.cut_length),
                cut.last.eq(self.cut_last),
                pending.eq(1),
                awaiting.eq(1),
            ]
        m.d.sync += checked.eq(awaiting & self.done)
        with m.If(awaiting & self.done):
            m.d.sync += awaiting.eq(0)
        # What the counter shows is compared with what was announced in halves, and those are put together in
        # the next cycle.
        half = len(self.count) // 2
        upper, lower = slice(half, None), slice(half)
        upper_above, upper_below, lower_above = Signal(), Signal(), Signal()
        m.d.comb += self.above.eq(upper_above | (~upper_below & lower_above))
        m.d.sync += [
            upper_above.eq(self.count[upper] > self.announced[upper]),
            upper_below.eq(self.count[upper] < self.announced[upper]),
            lower_above.eq(self.count[lower] > self.announced[lower]),
            judged.eq(checked),
        ]
        with m.If(judged):
            m.d.sync += [overrun.eq(self.above), compared.eq(~self.above)]
        with m.If(self.cuts.valid & self.cuts.ready):
            m.d.sync += [compared.eq(0), pending.eq(0)]
        return ResetInserter(self.finish)(m)
