"""Egress: a message, a count and the log become records, or an export (docs/specification.md)."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import Bin, InterlockConfig
from interlock_hdl.credits import GRANT_BITS, Credits, cost_of
from interlock_hdl.exporter import Exporter
from interlock_hdl.log.scan import ScanRequest
from interlock_hdl.message import Kind, MessageInfo, StreamProgress
from interlock_hdl.notices import Notices
from interlock_hdl.ports import EntryStream, RecordBeat
from interlock_hdl.record_mux import RecordMux
from interlock_hdl.sampler import Sampler
from interlock_hdl.sender import Sender
from interlock_hdl.stream_cutter import StreamCutter

TOO_MANY = (1 << 96) - 1
"""FLOPs that no stream may announce."""


class Egress(wiring.Component):
    """Sends each message behind the log that covers it.

    One message at a time, in order: wait until its channel is open and has room for all of it; take the count
    sampled after its last beat, or when a stream starts; scan the log; send the scan as the prefix (or as LOG
    and SUMMARY), then the payload.  There is no other way out, so no payload beat leaves but behind a prefix
    that covers it.

    **Latency**: ``latency`` cycles from a buffered message's offer by the intake to its scan.
    **Throughput**: one beat a cycle while a message is in flight.

    Parameters
    ----------
    config : InterlockConfig
    sample_latency : int
        Of the counter.
    depth : int
        Beats that the intake's buffer holds.

    Members
    -------
    messages, payload, progress, finish : In(stream), In(stream), In(StreamProgress), Out(1)
        Messages from their intake, see :class:`Intake`.
    sample, sampled, count, bins : Out(1), In(1), In(96), In(96) array
        See :class:`FlopCounter`.
    covered : Out(1)
        With ``sampled``: somebody still wants this sample.
    scan, described, full, n_sessions, n_externals, entries : Out, In
        See :class:`Scan`.
    open, opened, ended : In(links)
        The epochs, and strobes of their first cycles and their ends: the message being sent to that slot is
        dropped.
    credit, credit_slot, credit_bytes : In
        See :class:`Credits`.
    freed, freed_slot, freed_bytes, request_full : In
        See :class:`Notices`.
    session_id, ticks : In(128), In(64)
    records : Out(stream of RecordBeat)
        Records without seq and tag.
    host : Out(stream of Beat)
        LOG, SUMMARY and EXPORT messages.
    window : Out(1)
        Nothing may be released to the accelerator.
    require_full : Out(links)
        Strobes: an ABORT was sent.
    granted, granted_slot, granted_bytes : Out
        Strobe: so much more was granted to the peer of this slot.
    wipe : In(1)
    scan_started, scan_slot : Out(1), Out(8)
        Strobe: a scan was accepted, for this slot; ``links`` stands for an export.
    dropped, head_slot : Out(1), Out(8)
        Strobe: a message for this slot was dropped, for it never could leave.
    cut, cut_length, cut_last : Out
        See :class:`StreamCutter`.
    record, aborted, slot, record_type, record_length : Out(1), Out(1), Out(8), Out(8), Out(16)
        Strobes: the header of a record of a message, of an ABORT, leaves for ``slot``.
    granted_total, full_requested : Out(64), Out(1)
        See :class:`Notices`; for ``granted_slot``.
    """

    def __init__(self, *, config: InterlockConfig, sample_latency: int, depth: int) -> None:
        self.config = config
        self.depth = depth
        self.latency = sample_latency + Sampler.latency + 1
        links, beats = config.links, beat_stream(config.beat_bytes)
        entries, staging = range(config.log_entries + 1), range(config.staging_bytes + 1)
        super().__init__(
            {
                "messages": In(stream.Signature(MessageInfo(config.message_bytes))),
                "payload": In(beats),
                "progress": In(StreamProgress(config.beat_bytes)),
                "finish": Out(1),
                "sample": Out(1),
                "sampled": In(1),
                "count": In(96),
                "covered": Out(1),
                "bins": In(96).array(len(Bin)),
                "scan": Out(stream.Signature(ScanRequest)),
                "described": In(1),
                "full": In(1),
                "n_sessions": In(entries),
                "n_externals": In(entries),
                "entries": In(EntryStream),
                "open": In(links),
                "opened": In(links),
                "ended": In(links),
                "credit": In(1),
                "credit_slot": In(8),
                "credit_bytes": In(GRANT_BITS),
                "freed": In(1),
                "freed_slot": In(8),
                "freed_bytes": In(staging),
                "request_full": In(links),
                "session_id": In(128),
                "ticks": In(64),
                "records": Out(stream.Signature(RecordBeat(config.beat_bytes, links))),
                "host": Out(beats),
                "window": Out(1),
                "require_full": Out(links),
                "granted": Out(1),
                "granted_slot": Out(8),
                "granted_bytes": Out(staging),
                "wipe": In(1),
                "scan_started": Out(1),
                "scan_slot": Out(8),
                "dropped": Out(1),
                "head_slot": Out(8),
                "cut": Out(1),
                "cut_length": Out(16),
                "cut_last": Out(1),
                "record": Out(1),
                "aborted": Out(1),
                "slot": Out(8),
                "record_type": Out(8),
                "record_length": Out(16),
                "granted_total": Out(GRANT_BITS),
                "full_requested": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        links = config.links
        m.submodules.sampler = sampler = Sampler(message_bytes=config.message_bytes)
        m.submodules.credits = credits = Credits(links=links)
        m.submodules.cutter = cutter = StreamCutter(beat_bytes=config.beat_bytes, depth=self.depth)
        m.submodules.sender = sender = Sender(config=config)
        m.submodules.exporter = exporter = Exporter(config=config)
        m.submodules.notices = notices = Notices(config=config)
        m.submodules.mux = mux = RecordMux(beat_bytes=config.beat_bytes, links=links)

        # The intake lets no slot pass but those that there are: so the low bits name it.
        wiring.connect(m, wiring.flipped(self.messages), sampler.messages)
        m.d.comb += sampler.messages.payload.slot.eq(self.messages.payload.slot[: bits_for(links - 1)])
        wiring.connect(m, sender.records, mux.messages)
        wiring.connect(m, notices.records, mux.notices)
        wiring.connect(m, mux.o, wiring.flipped(self.records))
        wiring.connect(m, exporter.host, wiring.flipped(self.host))
        wiring.connect(m, cutter.cuts, sender.cuts)
        m.d.comb += [
            mux.ended.eq(self.ended),
            sender.leaves.eq(mux.message_leaves),
            notices.leaves.eq(mux.notice_leaves),
        ]
        m.d.comb += [credits.ended.eq(self.ended), sender.ended.eq(self.ended)]

        # The oldest message: what it costs, and whether it may be sent now, or never.
        head = sampler.head
        is_export = Signal()  # a cycle late, and so before its sample is there
        in_flight = Signal()  # a sample that was asked for
        draining = Signal()  # what is left of a buffered message that was dropped
        started = Signal()  # its scan was accepted in the cycle before
        idle = ~sender.busy & ~exporter.busy & ~draining & ~started
        # As of a cycle ago: whatever has begun since takes a message that is sampled already.
        was_idle = Signal()
        m.d.sync += was_idle.eq(idle)
        # What the slot says of it, one cycle late: so nothing leaves in a cycle in which an epoch ends, and
        # what was said of the message before is forgotten.
        slot_open = Signal()
        may_leave = Signal()  # a peer may grant little, and more later: what is dropped is never sent
        hopeless = Signal()
        ending = self.ended.any()
        holds = slot_open & ~credits.ask & ~ending
        cost = Signal.like(credits.cost)
        announced = Signal(97)
        too_much = Signal()
        summed = Signal(2)  # for how long the count has been added up with the bound
        m.d.sync += [
            is_export.eq(head.kind == Kind.EXPORT),
            slot_open.eq(self.open.bit_select(head.slot, 1)),
            may_leave.eq(holds & credits.affordable & ~credits.hopeless),
            hopeless.eq(holds & credits.hopeless),
            cost.eq(cost_of(Mux(head.is_stream, head.maximum, head.length))),
            announced.eq(self.count + head.bound),
            too_much.eq(announced >= TOO_MANY),
            summed.eq(Mux(sampler.take, 0, Cat(sampler.sampled, summed[0] & sampler.sampled))),
        ]
        ready = sampler.waiting & idle & Mux(head.is_stream, summed[1], sampler.sampled)
        over_bound = head.is_stream & too_much
        requesting = Signal()  # a scan for it
        accepts = (
            requesting & self.scan.ready
        )  # if no epoch ends, which comes late; else it is asked for again
        dropping = Signal()
        m.d.sync += [
            started.eq(self.scan_started),
            requesting.eq(ready & (is_export | (may_leave & ~ending)) & ~over_bound & ~accepts),
            dropping.eq(
                sampler.waiting
                & idle
                & ~(in_flight | sampler.sample)  # or the next message would get this one's sample
                & ~is_export
                & slot_open
                & ~(ending | requesting | dropping)
                & (hopeless | (ready & over_bound))
            ),
        ]
        m.d.comb += [
            credits.slot.eq(head.slot),
            credits.cost.eq(cost),
            credits.ask.eq(sampler.messages.valid & sampler.messages.ready),
            sampler.start.eq(was_idle & may_leave),
            self.scan.valid.eq(requesting & ~ending),
            self.scan.payload.slot.eq(self.scan_slot),
            self.scan.payload.count.eq(self.count),
            self.scan.payload.bound.eq(head.bound),
            self.scan_slot.eq(Mux(is_export, links, head.slot)),
            self.scan_started.eq(self.scan.valid & self.scan.ready),
            self.dropped.eq(dropping & ~ending),
            self.head_slot.eq(head.slot),
            sampler.take.eq(started | self.dropped),
        ]

        # One sample at a time: what comes of it is for whoever asked.
        with m.If(self.sample | self.sampled):
            m.d.sync += in_flight.eq(self.sample)
        m.d.comb += [
            self.sample.eq(sampler.sample | cutter.sample),
            sampler.hold.eq(exporter.needs_bins | in_flight | dropping),
            cutter.hold.eq(in_flight),
            sampler.done.eq(self.sampled),
            cutter.done.eq(self.sampled),
            cutter.count.eq(self.count),
            self.covered.eq(self.sampled & (sampler.sampling | cutter.sampling)),
        ]

        # A stream that is being sent, or was dropped.
        stream_dropped = Signal()
        m.d.sync += stream_dropped.eq(self.dropped & head.is_stream)
        with m.If(self.scan_started):
            m.d.sync += cutter.announced.eq(announced)
        m.d.comb += [
            cutter.progress.eq(self.progress),
            cutter.active.eq(sender.streaming),
            sender.failed.eq(cutter.failed),
            self.finish.eq(sender.finish | stream_dropped),
            cutter.finish.eq(self.finish),
            self.window.eq(sender.window | ((requesting | started) & head.is_stream)),
            self.require_full.eq(sender.aborted << sender.slot),
        ]

        # Whose the entries and the payload are.  That the scan was accepted comes late, so it begins a cycle
        # after that; the export tells of the ticks of the scan.
        outgoing = sender.message
        m.d.sync += exporter.ticks.eq(self.ticks)
        m.d.comb += [
            sender.begin.eq(started & ~is_export),
            *(outgoing[name].eq(head[name]) for name in ("slot", "length", "is_stream", "bound", "empty")),
            outgoing.cost.eq(cost),
            sender.described.eq(self.described),
            sender.full.eq(self.full),
            exporter.begin.eq(started & is_export),
            exporter.length.eq(head.length),
            exporter.session_id.eq(self.session_id),
            *(to.eq(bin) for to, bin in zip(exporter.bins, self.bins, strict=True)),
        ]
        for user in (sender, exporter):
            m.d.comb += [
                user.n_sessions.eq(self.n_sessions),
                user.n_externals.eq(self.n_externals),
                user.entries.payload.eq(self.entries.payload),
                user.payload.payload.eq(self.payload.payload),
            ]
            with m.If(exporter.busy if user is exporter else ~exporter.busy):
                m.d.comb += [
                    user.entries.valid.eq(self.entries.valid),
                    self.entries.ready.eq(user.entries.ready),
                    user.payload.valid.eq(self.payload.valid),
                    self.payload.ready.eq(user.payload.ready),
                ]
        with m.If(draining):
            m.d.comb += self.payload.ready.eq(1)
            with m.If(self.payload.valid & self.payload.payload.last):
                m.d.sync += draining.eq(0)
        with m.If(self.dropped & ~head.is_stream):
            m.d.sync += draining.eq(1)

        # Credit, in both directions.
        m.d.comb += [
            credits.credit.eq(self.credit),
            credits.credit_slot.eq(self.credit_slot),
            credits.credit_bytes.eq(self.credit_bytes),
            credits.spend.eq(sender.begin),
            credits.refund.eq(sender.finish),
            credits.refund_slot.eq(sender.slot),
            credits.refund_bytes.eq(sender.refund),
            notices.open.eq(self.open),
            notices.opened.eq(self.opened),
            notices.ended.eq(self.ended),
            notices.freed.eq(self.freed),
            notices.freed_slot.eq(self.freed_slot),
            notices.freed_bytes.eq(self.freed_bytes),
            notices.request_full.eq(self.request_full),
            self.granted.eq(notices.granted),
            self.granted_slot.eq(notices.slot),
            self.granted_bytes.eq(notices.granted_bytes),
        ]

        m.d.comb += [
            self.cut.eq(cutter.cut),
            self.cut_length.eq(cutter.cut_length),
            self.cut_last.eq(cutter.cut_last),
            self.record.eq(sender.record),
            self.aborted.eq(sender.aborted),
            self.slot.eq(sender.slot),
            self.record_type.eq(sender.type),
            self.record_length.eq(sender.length),
            self.granted_total.eq(notices.granted_total),
            self.full_requested.eq(notices.full_requested),
        ]
        return ResetInserter(self.wipe)(m)
