"""Releases whole messages to the accelerator, channels in turn."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.beat import beat_stream
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.record import BLOCK_BYTES, RECORD_MAX_LENGTH
from interlock_hdl.turns import Turns

PART_BYTES = MESSAGE_HEADER_BYTES + RECORD_MAX_LENGTH
"""What is freed at once: a header and a largest record, so that two of these make a message of 8 KiB."""


class Release(wiring.Component):
    """Joins sources of whole messages into the accelerator's only data input, in turn.

    A source offers a beat only when the whole message behind it may be released.  A message is *granted*,
    from then on it is always completed; a source whose epoch ended in the meantime is emptied as soon as
    it is not granted.

    **Latency**: one cycle from an offered first beat to ``rx``, when no other source is granted.
    **Throughput**: one beat a cycle; one idle cycle between messages.

    Parameters
    ----------
    beat_bytes : int
    sources : int

    Members
    -------
    sources : In(stream of Beat) array
        Messages, header first.
    hold : In(1)
        Nobody may be granted.
    stale : In(sources)
        Strobe: nothing that this source holds may be granted any more.
    rx : Out(stream of Beat)
    flush : Out(sources)
        The source's buffer is to drop what it holds, now.
    clean : Out(sources)
        Nothing stale is left.
    released : Out(1)
        Strobe: a message was granted.
    source : Out(8)
        Which source is granted, or was last.
    freed, freed_bytes : Out(1), Out(range(PART_BYTES + 1))
        Strobe: so much of the message of ``source`` has been released: after each ``PART_BYTES`` and at its
        end.  In all that is what it cost (docs/specification.md, *Credit*).
    """

    def __init__(self, *, beat_bytes: int, sources: int) -> None:
        self.beat_bytes = beat_bytes
        self.n_sources = sources
        self.granted = Signal()
        self.in_progress = Signal(sources)  # the source that is granted
        super().__init__(
            {
                "sources": In(beat_stream(beat_bytes)).array(sources),
                "hold": In(1),
                "stale": In(sources),
                "rx": Out(beat_stream(beat_bytes)),
                "flush": Out(sources),
                "clean": Out(sources),
                "released": Out(1),
                "source": Out(8),
                "freed": Out(1),
                "freed_bytes": Out(range(PART_BYTES + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        granted = self.granted
        pending = Signal(self.n_sources)  # stale, waiting for the message in progress to complete

        in_progress = self.in_progress
        m.d.comb += [
            self.flush.eq((pending | self.stale) & ~in_progress),
            self.clean.eq(~(pending | self.stale)),
        ]
        m.d.sync += pending.eq((pending | self.stale) & in_progress)

        m.submodules.turns = turns = Turns(count=self.n_sources)
        m.d.comb += turns.last.eq(self.source)
        for i, source in enumerate(self.sources):
            m.d.comb += turns.asking[i].eq(source.valid & ~self.stale[i] & ~pending[i])

        with m.If(granted):
            # Of each source by itself: what stands at `rx` comes later.
            ends = Cat(source.valid & source.payload.last for source in self.sources) & in_progress
            with m.If(self.rx.ready & ends.any()):
                m.d.sync += [granted.eq(0), in_progress.eq(0)]
        with m.Elif(turns.any & ~self.hold):
            m.d.sync += [granted.eq(1), in_progress.eq(1 << turns.next), self.source.eq(turns.next)]
        m.d.comb += self.rx.valid.eq((in_progress & Cat(source.valid for source in self.sources)).any())
        for i, source in enumerate(self.sources):
            m.d.comb += source.ready.eq(self.rx.ready & in_progress[i])
            with m.If(in_progress[i]):
                m.d.comb += self.rx.payload.eq(source.payload)

        # Beats of a message are whole blocks, but for its last one: so many beats are so many blocks.  Parts
        # are freed as they leave, so that the peer may send on before all of the message has left.
        beats_a_block = BLOCK_BYTES // self.beat_bytes
        beats = Signal(range(PART_BYTES // self.beat_bytes))
        passes = self.rx.valid & self.rx.ready
        part_ends = self.rx.payload.last | (beats == PART_BYTES // self.beat_bytes - 1)
        m.d.sync += self.freed.eq(passes & part_ends)
        with m.If(passes):
            m.d.sync += [
                beats.eq(Mux(part_ends, 0, beats + 1)),
                self.freed_bytes.eq(((beats + beats_a_block) >> exact_log2(beats_a_block)) * BLOCK_BYTES),
            ]

        was_granted = Signal()
        m.d.sync += was_granted.eq(granted)
        m.d.comb += self.released.eq(granted & ~was_granted)
        return m
