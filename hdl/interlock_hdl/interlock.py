"""The Interlock: all blocks, joined (docs/architecture.md)."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.counter import FlopCounter
from interlock_hdl.egress import Egress
from interlock_hdl.events import OpEvent
from interlock_hdl.external import External
from interlock_hdl.ingress import MAX_OUTSTANDING, Ingress
from interlock_hdl.intake import Intake
from interlock_hdl.link_keys import WORD_BYTES
from interlock_hdl.links import Links
from interlock_hdl.log.log import Log
from interlock_hdl.message import Kind
from interlock_hdl.ports import LinkPort
from interlock_hdl.session import Alarm, Session
from interlock_hdl.trace import TraceSignature


class Interlock(wiring.Component):
    """Sits between an accelerator and everything else; counts, and makes the count causal.

    Nothing reaches the accelerator but through ``rx``, nothing leaves it but through ``tx``; every
    message that leaves carries a log that covers everything that can have influenced it, and every log
    that arrives is merged before its data is released.  Doubt closes the gates.

    Parameters
    ----------
    config : InterlockConfig

    Attributes
    ----------
    counter_latency : int
        Cycles from a sample's request to its ``trace.sample`` strobe.

    Members
    -------
    events : In(OpEvent) array
        One for each issue port.
    tx, rx : In, Out (stream of Beat)
        The accelerator's messages.
    clear_request, clear_done : Out(1), In(1)
        See docs/specification.md, *Session*.
    host_in, host_out : In, Out (stream of Beat)
    links : Out(LinkPort) array
    keys : In(stream of Beat of 4 bytes)
        Keys of sealed links, one message an epoch (docs/specification.md, *Keys*).
    keys_wanted : Out(links)
        Links that wait for keys.
    random : In(stream of 32)
        Entropy for the session id, and for a hashed log's key.
    maker, serial : In(32)
        Who this device is.
    roll : In(1)
        Strobe: end this session, start another.
    reopen : In(links)
        Strobe: open a closed channel again.
    request_full : In(links)
        Strobe: ask the peer for a FULL prefix.
    session_id : Out(128)
        Of the session whose gates are open.
    is_open, alarm, link_open : Out
        Gates, alarm causes (bits as :class:`Alarm`), epochs.
    counting : Out(1)
        OPAQUE issue ports are counted in this cycle.
    trace : Out(TraceSignature)
        Simulation only; leave it open in hardware and it costs nothing.
    """

    def __init__(self, *, config: InterlockConfig) -> None:
        config.validate()
        self.config = config
        self.counter = FlopCounter(issue_ports=config.issue_ports, weights=config.weights)
        self.counter_latency = self.counter.latency
        beat_bytes, links = config.beat_bytes, config.links
        super().__init__(
            {
                "events": In(OpEvent).array(len(config.issue_ports)),
                "tx": In(beat_stream(beat_bytes)),
                "rx": Out(beat_stream(beat_bytes)),
                "clear_request": Out(1),
                "clear_done": In(1),
                "host_in": In(beat_stream(beat_bytes)),
                "host_out": Out(beat_stream(beat_bytes)),
                "links": Out(LinkPort(beat_bytes)).array(links),
                "keys": In(beat_stream(WORD_BYTES)),
                "keys_wanted": Out(links),
                "random": In(stream.Signature(32)),
                "maker": In(32),
                "serial": In(32),
                "roll": In(1),
                "reopen": In(links),
                "request_full": In(links),
                "session_id": Out(128),
                "is_open": Out(1),
                "alarm": Out(len(Alarm)),
                "link_open": Out(links),
                "counting": Out(1),
                "trace": Out(TraceSignature(links)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        beat_bytes, links = config.beat_bytes, config.links

        m.submodules.session = session = Session(key_words=config.key_words)
        m.submodules.counter = counter = self.counter
        m.submodules.log = log = Log(config)
        assert log.merge_latency < 2 * MAX_OUTSTANDING
        m.submodules.tx_intake = tx_intake = Intake(
            beat_bytes=beat_bytes,
            kinds=(Kind.PEER, Kind.EXPORT),
            slots=links,
            message_bytes=config.message_bytes,
            streams=True,
            drain=True,
        )
        m.submodules.host_intake = host_intake = Intake(
            beat_bytes=beat_bytes,
            kinds=(Kind.EXTERNAL,),
            slots=links,
            message_bytes=config.message_bytes,
            drain=False,
        )
        m.submodules.external = external = External(config=config)
        m.submodules.egress = egress = Egress(
            config=config, sample_latency=counter.latency, depth=tx_intake.depth
        )
        m.submodules.ingress = ingress = Ingress(config=config)
        m.submodules.link_side = link_side = Links(config=config)

        # Session
        with_memory = [tx_intake, host_intake, external, log, ingress, link_side]
        for block in (*with_memory, counter, egress):
            m.d.comb += block.wipe.eq(session.wipe)
        wiring.connect(m, wiring.flipped(self.random), session.random)
        m.d.comb += [
            session.roll.eq(self.roll),
            session.maker.eq(self.maker),
            session.serial.eq(self.serial),
            session.clear_done.eq(self.clear_done),
            session.wiped.eq(Cat(block.wiped for block in with_memory).all()),
            session.own_ready.eq(log.own_ready),
            session.event_seen.eq(Cat(event.valid for event in self.events).any()),
            session.beat_seen.eq(self.tx.valid),
            session.alarms[Alarm.COUNTER_MISMATCH].eq(counter.alarm.mismatch),
            session.alarms[Alarm.SATURATED].eq(counter.alarm.saturated),
            session.alarms[Alarm.OVER_PEAK].eq(counter.alarm.over_peak),
            session.alarms[Alarm.NO_FIRST].eq(tx_intake.not_first),
            session.alarms[Alarm.LOG_FAULT].eq(log.fault),
            session.alarms[Alarm.OWN_AHEAD].eq(log.own_ahead),
            self.clear_request.eq(session.clear_request),
            self.is_open.eq(session.open),
            self.alarm.eq(session.alarm),
        ]

        m.d.sync += self.session_id.eq(session.session_id)

        # Counter
        m.d.comb += [
            counter_event.eq(event) for counter_event, event in zip(counter.events, self.events, strict=True)
        ]
        m.d.comb += [
            counter.counting.eq(session.counting),
            self.counting.eq(session.counting),
            counter.sample.eq(egress.sample),
            egress.sampled.eq(counter.sampled),
            egress.count.eq(counter.count),
            *(to.eq(bin) for to, bin in zip(egress.bins, counter.bins, strict=True)),
        ]

        # Log
        wiring.connect(m, egress.scan, log.scan)
        wiring.connect(m, log.entries, egress.entries)
        wiring.connect(m, ingress.merge, log.merge)
        m.d.comb += [
            log.key.eq(session.key),
            log.require_full.eq(link_side.opened | egress.require_full | ingress.require_full),
            ingress.merged.eq(log.merged),
            ingress.answer.eq(log.answer),
            *(
                egress_input.eq(log_output)
                for egress_input, log_output in (
                    (egress.described, log.described),
                    (egress.full, log.full),
                    (egress.n_sessions, log.n_sessions),
                    (egress.n_externals, log.n_externals),
                )
            ),
        ]

        # Out: accelerator → egress → seal → links, or host
        wiring.connect(m, wiring.flipped(self.tx), tx_intake.i)
        wiring.connect(m, tx_intake.messages, egress.messages)
        wiring.connect(m, tx_intake.o, egress.payload)
        wiring.connect(m, egress.records, link_side.i)
        self._gate(m, session, egress.host, self.host_out)
        m.d.comb += [
            tx_intake.enable.eq(session.taking),
            tx_intake.finish.eq(egress.finish),
            egress.progress.eq(tx_intake.progress),
            egress.session_id.eq(session.session_id),
            egress.ticks.eq(session.ticks),
            egress.request_full.eq(self.request_full),
        ]

        # In: links → open → ingress → accelerator, and host
        wiring.connect(m, wiring.flipped(self.host_in), host_intake.i)
        wiring.connect(m, host_intake.messages, external.messages)
        wiring.connect(m, host_intake.o, external.i)
        wiring.connect(m, external.merge, ingress.local)
        wiring.connect(m, external.o, ingress.host)
        self._gate(m, session, ingress.rx, self.rx)
        m.d.comb += [
            host_intake.enable.eq(session.taking),
            external.enter.eq(session.enter),
            external.session_id.eq(session.session_id),
            external.merged.eq(ingress.local_merged),
            external.answer.eq(log.answer),
            ingress.session_id.eq(session.session_id),
        ]

        # Credit, in both directions, and what holds releases back.
        m.d.comb += [
            egress.credit.eq(ingress.credit),
            egress.credit_slot.eq(ingress.credit_slot),
            egress.credit_bytes.eq(ingress.credit_bytes),
            egress.freed.eq(ingress.freed),
            egress.freed_slot.eq(ingress.source),
            egress.freed_bytes.eq(ingress.freed_bytes),
            ingress.granted.eq(egress.granted),
            ingress.granted_slot.eq(egress.granted_slot),
            ingress.granted_bytes.eq(egress.granted_bytes),
            ingress.window.eq(egress.window),
        ]

        # Links
        for port, inner in zip(self.links, link_side.ports, strict=True):
            wiring.connect(m, inner, wiring.flipped(port))
        for received, records in zip(link_side.o, ingress.records, strict=True):
            wiring.connect(m, received, records)
        wiring.connect(m, wiring.flipped(self.keys), link_side.keys)
        m.d.comb += [
            link_side.session_open.eq(session.open),
            link_side.taking.eq(session.taking),
            link_side.close.eq(ingress.close),
            link_side.reopen.eq(self.reopen),
            link_side.clean.eq(ingress.clean),
            ingress.introduced.eq(link_side.introduced),
            ingress.peer_id.eq(link_side.peer_id),
            *(block.open.eq(link_side.open) for block in (egress, ingress)),
            *(block.ended.eq(link_side.ended) for block in (egress, ingress)),
            egress.opened.eq(link_side.opened),
            self.link_open.eq(link_side.open),
            self.keys_wanted.eq(link_side.wanted),
            self.trace.key.eq(link_side.key_taken),
            self.trace.up.eq(link_side.raised),
            self.trace.open.eq(link_side.opened),
            self.trace.end.eq(link_side.ended),
            self.trace.close.eq(link_side.closed),
        ]

        m.d.comb += [
            self.trace.roll.eq(session.rolled),
            self.trace.alarm.eq(session.alarmed),
            self.trace.alarm_bits.eq(session.alarm),
            self.trace.draw.eq(session.random.valid & session.random.ready),
            self.trace.opened.eq(session.opened),
            self.trace.tx_accept.eq(tx_intake.accepted),
            self.trace.tx_refuse.eq(tx_intake.refused),
            self.trace.host_accept.eq(host_intake.accepted),
            self.trace.host_refuse.eq(host_intake.refused),
            self.trace.drop.eq(egress.dropped),
            self.trace.drop_slot.eq(egress.head_slot),
            self.trace.take.eq(ingress.taken),
            self.trace.take_slot.eq(ingress.slot),
            self.trace.release.eq(ingress.released),
            self.trace.release_slot.eq(ingress.source),
            self.trace.sample.eq(egress.covered),
            self.trace.scan.eq(egress.scan_started),
            self.trace.scan_slot.eq(egress.scan_slot),
            self.trace.ticks.eq(egress.scan_started & (egress.scan_slot == links)),
            self.trace.ticks_value.eq(session.ticks),
            self.trace.cut.eq(egress.cut),
            self.trace.cut_length.eq(egress.cut_length),
            self.trace.cut_last.eq(egress.cut_last),
            self.trace.read.eq(log.read),
            self.trace.read_external.eq(log.read_external),
            self.trace.read_index.eq(log.read_index),
            self.trace.record.eq(egress.record),
            self.trace.record_slot.eq(egress.slot),
            self.trace.record_type.eq(egress.record_type),
            self.trace.record_length.eq(egress.record_length),
            self.trace.abort.eq(egress.aborted),
            self.trace.abort_slot.eq(egress.slot),
            self.trace.grant.eq(egress.granted),
            self.trace.grant_slot.eq(egress.granted_slot),
            self.trace.grant_bytes.eq(egress.granted_total),
            self.trace.full_request.eq(egress.full_requested),
            self.trace.full_request_slot.eq(egress.granted_slot),
            self.trace.merge.eq(ingress.entry_merged),
            self.trace.merge_slot.eq(ingress.merging),
        ]
        return m

    @staticmethod
    def _gate(m, session, source, sink) -> None:
        """Lets a stream out only while the gates are open."""
        m.d.comb += [
            sink.payload.eq(source.payload),
            sink.valid.eq(source.valid & session.open),
            source.ready.eq(sink.ready & session.taking),
        ]
