"""What is proved of Ingress: which messages become whole, and which of those are released, and when."""

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.beat import Beat
from interlock_hdl.config import InterlockConfig
from interlock_hdl.ingress import Ingress
from interlock_hdl.log.answer import Answer
from interlock_hdl.record import RecordFlag, RecordHeader, RecordType
from interlock_hdl.release import Release
from interlock_hdl.staging import Staging

from formal.past import ago

CONFIG = InterlockConfig(beat_bytes=16, links=1, message_bytes=64, staging_messages=1)
LONGEST = 128
"""Bytes of a record's body: a descriptor and three entries."""
OWED_BITS = 8


class ReleaseProof(wiring.Component):
    """Nothing is granted while ``hold`` is up, nothing stale ever, and what is granted is completed.

    Whatever the sources offer, withdraw and change, and whenever their epochs end.
    """

    def __init__(self, *, sources: int) -> None:
        self.n_sources = sources
        super().__init__(
            {
                "beat": In(Beat(16)),
                "valid": In(sources),
                "hold": In(1),
                "stale": In(sources),
                "ready": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = Release(beat_bytes=16, sources=self.n_sources)
        m.d.comb += [dut.hold.eq(self.hold), dut.stale.eq(self.stale), dut.rx.ready.eq(self.ready)]
        for i, source in enumerate(dut.sources):
            m.d.comb += [source.payload.eq(self.beat), source.valid.eq(self.valid[i])]

        chosen = dut.source[: max(1, (self.n_sources - 1).bit_length())]
        out = Signal()  # a message is on its way
        passes = dut.rx.valid & dut.rx.ready
        with m.If(passes & dut.rx.payload.last):
            m.d.sync += out.eq(0)
        with m.Elif(dut.released):
            m.d.sync += out.eq(1)
        stale = Signal(self.n_sources)  # since the source was last flushed
        m.d.sync += stale.eq((stale | self.stale) & ~dut.flush)
        offered = ago(m, self.valid & ~self.stale & ~stale)
        m.d.comb += [
            Assert(dut.source < self.n_sources),
            Assert(~dut.released | ~ago(m, self.hold)),
            Assert(~dut.released | offered.bit_select(chosen, 1)),
            Assert(~(dut.released & out)),
            Assert(dut.granted == (dut.released | out)),
            Assert(dut.in_progress == (dut.granted << chosen)),
            Assert(~dut.rx.valid | dut.released | out),
            Assert(~(dut.released | out) | ~dut.flush.bit_select(chosen, 1)),
            Assert(~ago(m, out) | ~out | (dut.source == ago(m, dut.source))),
            Assert((stale & dut.clean) == 0),
            Cover(out & stale.any()),
            Cover(dut.released & ago(m, ago(m, self.hold))),
            *(Cover(passes & dut.rx.payload.last & (chosen == i)) for i in range(self.n_sources)),
        ]
        return m


class FreeStaging(wiring.Component):
    """In place of the buffers: takes beats or loses them when it pleases, and may or may not be clean."""

    def __init__(self) -> None:
        members = Staging(config=CONFIG).signature.members
        super().__init__({**members, "ready": In(1), "loses": In(CONFIG.links), "tidy": In(1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += [
            self.write.ready.eq(self.ready),
            self.overrun.eq(self.loses),
            self.clean.eq(self.tidy),
        ]
        return m


class CommitProof(wiring.Component):
    """A message is called whole only when all of it is there, and the log has all that came before it.

    That is: its EOM was seen, the body of that record was read to the last beat, and the log has answered OK
    for every entry that the lengths of its PREFIX records have room for; in this epoch, each of them.  And
    where a beat of it was lost, its channel closes.

    Assumed: headers are legal, held until they are taken, and bodies as long as they say, which the link has
    checked, and an epoch ends a cycle after ``close``; the log answers what it was asked, in order.
    """

    header: In(RecordHeader)
    header_valid: In(1)
    body: In(Beat(CONFIG.beat_bytes))
    body_valid: In(1)
    is_open: In(1)
    merge_ready: In(1)
    merged: In(1)
    answer: In(Answer)
    granted: In(1)
    granted_bytes: In(range(CONFIG.staging_bytes + 1))
    ready: In(1)
    loses: In(CONFIG.links)
    tidy: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = Ingress(config=CONFIG)
        dut.staging = staging = FreeStaging()
        port, header = dut.records[0], self.header
        ended = ago(m, self.is_open) & ~self.is_open
        m.d.comb += [
            port.header.payload.eq(header),
            port.header.valid.eq(self.header_valid),
            port.body.payload.eq(self.body),
            port.body.valid.eq(self.body_valid),
            dut.open.eq(self.is_open),
            dut.ended.eq(ended),
            dut.merge.ready.eq(self.merge_ready),
            dut.merged.eq(self.merged),
            dut.answer.eq(self.answer),
            dut.granted.eq(self.granted),
            dut.granted_bytes.eq(self.granted_bytes),
            staging.ready.eq(self.ready),
            staging.loses.eq(self.loses),
            staging.tidy.eq(self.tidy),
        ]

        # What the link and the log promise.
        begins = port.header.valid & port.header.ready
        waits, bits = port.header.valid & ~port.header.ready, header.as_value()
        left = Signal(range(LONGEST // CONFIG.beat_bytes + 1))  # beats of the body that are to come
        read = port.body.valid & port.body.ready
        som, eom = header.flags[0], header.flags[1]
        is_prefix = header.type == RecordType.PREFIX
        of_message = is_prefix | (header.type == RecordType.PAYLOAD)
        asked = Signal(OWED_BITS)
        asks = dut.merge.valid & dut.merge.ready
        m.d.sync += asked.eq(asked + asks - self.merged)
        m.d.comb += [
            Assume((header.type >= RecordType.PREFIX) & (header.type <= RecordType.FULL_REQUEST)),
            Assume(header.flags >> 2 << 2 == RecordFlag.CLEAR),
            Assume(of_message | (header.flags == RecordFlag.CLEAR)),
            Assume(~of_message | ((header.length != 0) & (header.length <= LONGEST))),
            Assume((header.type != RecordType.CREDIT) | (header.length == 8)),
            Assume((header.type <= RecordType.CREDIT) | (header.length == 0)),
            Assume(~self.header_valid | self.is_open),
            Assume(~ago(m, waits) | ~self.is_open | (self.header_valid & (bits == ago(m, bits)))),
            Assume(~self.body_valid | (self.is_open & (left != 0))),
            Assume(self.body.last == (left == 1)),
            Assume(~ago(m, dut.close) | ~self.is_open),
            Assume(~self.is_open | ago(m, self.is_open) | ago(m, dut.clean)),
            Assume(~self.merged | (asked != 0)),
        ]
        with m.If(~self.is_open):
            m.d.sync += left.eq(0)
        with m.Elif(begins):
            m.d.sync += left.eq((header.length + 15) >> 4)
        with m.Elif(read):
            m.d.sync += left.eq(left - 1)

        # The message that is being read.
        owed = Signal(OWED_BITS)  # entries of its prefix that the log has not taken
        refused, is_last = Signal(), Signal()
        with m.If(ended):
            m.d.sync += [is_last.eq(0), owed.eq(-1)]
        with m.Elif(begins):
            m.d.sync += is_last.eq(of_message & eom)
        entries = Mux(begins & is_prefix, (header.length >> 5) - som, 0)
        takes = self.merged & ~dut.local_merged & (self.answer == Answer.OK)
        with m.If(begins & is_prefix & som):
            m.d.sync += [owed.eq(entries), refused.eq(0)]
        with m.Elif(~ended):
            m.d.sync += owed.eq(owed + entries - takes)
            with m.If(self.merged & (self.answer != Answer.OK)):
                m.d.sync += refused.eq(1)
        all_read = (left == 0) | ((left == 1) & read)
        m.d.comb += [
            Assert(~staging.commit | ended | (is_last & all_read & (owed == 0) & ~refused)),
            Assert((self.loses & ~dut.close) == 0),
            Cover(staging.commit & ago(m, read)),
            Cover(staging.commit & (dut.records[0].header.payload.length == 16) & ~read),
        ]
        return m
