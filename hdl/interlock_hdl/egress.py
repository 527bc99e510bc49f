"""Egress: a message, a count and the log become records, or an export (docs/specification.md)."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import Bin, InterlockConfig
from interlock_hdl.intake import MessageInfo
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.ports import EntryStream, RecordBeat, ScanStream
from interlock_hdl.record import (
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    RECORD_MAX_LENGTH,
    RECORD_VERSION,
    PrefixFlag,
    PrefixHeader,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.sampler import Sampler
from interlock_hdl.summary import Summary
from interlock_hdl.wire import network

MAX_BEATS = 64
"""More than the beats of any header, entry or summary."""


class State(enum.Enum):
    """What is being sent."""

    IDLE = 0
    RECORD_HEADER = 1
    PREFIX_HEADER = 2
    ENTRIES = 3
    PAYLOAD = 4
    MESSAGE_HEADER = 5
    SUMMARY = 6
    COPY = 7
    ABANDON = 8


class Egress(wiring.Component):
    """Sends each message behind the log that covers it.

    One message at a time, in order: wait until its channel is open; take the count sampled after its last
    beat; scan the log; send the scan as the prefix (or as LOG and SUMMARY), then the payload.  There is
    no other way out, so no payload beat leaves but behind a prefix sampled after it was complete.  The
    sample of the next message is taken while this one is sent.

    **Latency**: ``latency`` cycles from a message's offer by the intake to the first beat of its record
    header.
    **Throughput**: one beat a cycle while a message is in flight; ``gap`` idle cycles between messages.

    Parameters
    ----------
    config : InterlockConfig
    sample_latency : int
        Of the counter.

    Members
    -------
    messages, payload : In(stream)
        Whole messages from their intake: what they are, and their beats, header first.
    sample, sampled, count, bins : Out(1), In(1), In(96), In(96) array
        See :class:`FlopCounter`.
    scan, scan_size, entries : Out(ScanStream), In, In(EntryStream)
        See :class:`RegisterLog`.
    open, ended : In(links)
        The epochs, and strobes of their ends: the message being sent to that slot is dropped.
    session_id, ticks : In(128), In(64)
    records : Out(stream of RecordBeat)
        Records without seq and tag.
    host : Out(stream of Beat)
        LOG, SUMMARY and EXPORT messages.
    wipe : In(1)
    scan_started, scan_slot : Out(1), Out(8)
        Strobe: a scan was accepted, for this slot; ``links`` stands for an export.
    record_started, slot, record_type, record_length : Out(1), Out(8), Out(8), Out(16)
        Strobe: the header of a record leaves for ``slot``.
    """

    gap = 1

    def __init__(self, *, config: InterlockConfig, sample_latency: int) -> None:
        self.config = config
        self.latency = sample_latency + 3
        links, beat_bytes = config.links, config.beat_bytes
        super().__init__(
            {
                "messages": In(stream.Signature(MessageInfo(config.message_bytes))),
                "payload": In(beat_stream(beat_bytes)),
                "sample": Out(1),
                "sampled": In(1),
                "count": In(96),
                "bins": In(96).array(len(Bin)),
                "scan": Out(ScanStream),
                "scan_size": In(range(config.log_entries + 1)),
                "entries": In(EntryStream),
                "open": In(links),
                "ended": In(links),
                "session_id": In(128),
                "ticks": In(64),
                "records": Out(stream.Signature(RecordBeat(beat_bytes, links))),
                "host": Out(beat_stream(beat_bytes)),
                "wipe": In(1),
                "scan_started": Out(1),
                "scan_slot": Out(8),
                "record_started": Out(1),
                "slot": Out(8),
                "record_type": Out(8),
                "record_length": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        links, beat_bytes = config.links, config.beat_bytes

        # The oldest message, when its count has been sampled.
        m.submodules.sampler = sampler = Sampler(message_bytes=config.message_bytes)
        wiring.connect(m, wiring.flipped(self.messages), sampler.messages)
        bins_in_use = Signal()
        m.d.comb += [
            sampler.hold.eq(bins_in_use),
            sampler.sampled.eq(self.sampled),
            self.sample.eq(sampler.sample),
        ]
        info = sampler.ready.payload

        # The message at hand.
        is_export = Signal()
        length = Signal.like(info.length)
        unannounced = Signal.like(info.length)  # bytes of payload that no record header has announced yet
        header_left = Signal(range(MESSAGE_HEADER_BYTES // beat_bytes + 1))  # beats of a PEER header to skip
        message_left = Signal()  # its last beat is still in the intake
        scan_left = Signal()  # the last entry is still to come

        slot_open = Signal()
        cut = Signal()
        for i in range(links):
            with m.If(info.slot == i):
                m.d.comb += slot_open.eq(self.open[i])
            with m.If(self.slot == i):
                m.d.comb += cut.eq(self.ended[i])

        # One beat on its way out: the FSM below puts beats, this register holds them until they are taken.
        out = Signal(RecordBeat(beat_bytes, links))
        out_valid = Signal()
        out_to_host = Signal()
        put = Signal()
        beat = Signal.like(out)
        took = Signal()
        emit = Signal()
        m.d.comb += [
            took.eq((self.records.valid & self.records.ready) | (self.host.valid & self.host.ready)),
            emit.eq(put & (~out_valid | took)),
            beat.slot.eq(self.slot),
            self.records.payload.eq(out),
            self.records.valid.eq(out_valid & ~out_to_host),
            self.host.valid.eq(out_valid & out_to_host),
        ]
        m.d.comb += [self.host.payload[field].eq(out[field]) for field in ("data", "keep", "first", "last")]
        with m.If(emit):
            m.d.sync += [out.eq(beat), out_valid.eq(1), out_to_host.eq(is_export)]
        with m.Elif(took):
            m.d.sync += out_valid.eq(0)

        index = Signal(range(MAX_BEATS))  # of the beat within a header, an entry or the summary
        is_last_beat = Signal()  # of that
        with m.If(emit):
            m.d.sync += index.eq(Mux(is_last_beat, 0, index + 1))

        def put_word(word, octets: int) -> None:
            """Puts ``word``, a big-endian integer of ``octets`` bytes, beat by beat."""
            m.d.comb += [
                put.eq(1),
                beat.data.eq(
                    network(word).word_select(index[: (octets // beat_bytes).bit_length()], 8 * beat_bytes)
                ),
                beat.keep.eq(-1),
                is_last_beat.eq(index == octets // beat_bytes - 1),
            ]

        is_prefix = Signal()
        record = Signal(RecordHeader)
        chunk = Signal(range(RECORD_MAX_LENGTH + 1))
        record_beats = Signal(range(RECORD_MAX_LENGTH // beat_bytes + 1))  # of payload, still to put
        is_final = Signal()
        m.d.comb += [
            is_final.eq(unannounced <= RECORD_MAX_LENGTH),
            chunk.eq(Mux(is_final, unannounced, RECORD_MAX_LENGTH)),
            record.version.eq(RECORD_VERSION),
        ]
        with m.If(is_prefix):
            m.d.comb += [
                record.type.eq(RecordType.PREFIX),
                record.length.eq(PREFIX_HEADER_BYTES + ENTRY_BYTES * self.scan_size),
                record.flags.eq(Mux(length == 0, RecordFlag.SOM | RecordFlag.EOM, RecordFlag.SOM)),
            ]
        with m.Else():
            m.d.comb += [
                record.type.eq(RecordType.PAYLOAD),
                record.length.eq(chunk),
                record.flags.eq(Mux(is_final, RecordFlag.EOM, 0)),
            ]
        prefix = Signal(PrefixHeader)
        m.d.comb += [prefix.n_sessions.eq(self.scan_size), prefix.flags.eq(PrefixFlag.FULL)]

        m.submodules.summary = summary = Summary(beat_bytes=beat_bytes)
        m.d.comb += [
            summary.begin.eq(self.scan_started & (info.kind == Kind.EXPORT)),
            summary.ticks.eq(self.ticks),
            summary.session_id.eq(self.session_id),
            summary.payload_length.eq(length),
            summary.n_sessions.eq(self.scan_size),
            *(to.eq(bin) for to, bin in zip(summary.bins, self.bins, strict=True)),
            summary.add.eq(self.entries.valid & self.entries.ready),
            summary.entry.eq(self.entries.payload.entry),
            summary.index.eq(index),
        ]
        is_summary = Signal()
        header = Signal(MessageHeader)
        m.d.comb += header.kind.eq(Mux(is_summary, Kind.SUMMARY, Kind.LOG))

        with m.If((header_left != 0) & self.payload.valid):
            m.d.comb += self.payload.ready.eq(1)
            m.d.sync += header_left.eq(header_left - 1)
        with m.If(self.payload.valid & self.payload.ready & self.payload.payload.last):
            m.d.sync += message_left.eq(0)
        with m.If(self.entries.valid & self.entries.ready & self.entries.payload.last):
            m.d.sync += scan_left.eq(0)

        state = Signal(State)
        with m.Switch(state):
            with m.Case(State.IDLE):
                has_way = (info.kind == Kind.EXPORT) | slot_open
                may_begin = sampler.ready.valid & ~message_left & has_way
                m.d.comb += [
                    self.scan_slot.eq(Mux(info.kind == Kind.EXPORT, links, info.slot)),
                    self.scan.valid.eq(may_begin),
                    self.scan.payload.eq(self.count),
                    sampler.ready.ready.eq(self.scan_started),
                    self.scan_started.eq(may_begin & self.scan.ready),
                ]
                with m.If(self.scan_started):
                    m.d.sync += [
                        length.eq(info.length),
                        unannounced.eq(info.length),
                        message_left.eq(1),
                        scan_left.eq(1),
                        index.eq(0),
                    ]
                    with m.If(info.kind == Kind.EXPORT):
                        m.d.sync += [
                            is_export.eq(1),
                            bins_in_use.eq(1),
                            is_summary.eq(0),
                            self.slot.eq(links),
                        ]
                        m.d.sync += state.eq(State.MESSAGE_HEADER)
                    with m.Else():
                        m.d.sync += [
                            is_export.eq(0),
                            is_prefix.eq(1),
                            self.slot.eq(info.slot),
                            header_left.eq(MESSAGE_HEADER_BYTES // beat_bytes),
                        ]
                        m.d.sync += state.eq(State.RECORD_HEADER)

            with m.Case(State.RECORD_HEADER):
                put_word(record, RECORD_HEADER_BYTES)
                m.d.comb += [
                    beat.first.eq(index == 0),
                    self.record_started.eq(emit & beat.first & ~cut),
                ]
                with m.If(emit & is_last_beat):
                    m.d.sync += state.eq(State.PREFIX_HEADER)
                    with m.If(~is_prefix):
                        m.d.sync += [
                            unannounced.eq(unannounced - chunk),
                            record_beats.eq((chunk + beat_bytes - 1) // beat_bytes),
                        ]
                        m.d.sync += state.eq(State.PAYLOAD)

            with m.Case(State.PREFIX_HEADER):
                put_word(prefix, PREFIX_HEADER_BYTES)
                with m.If(emit & is_last_beat):
                    m.d.sync += state.eq(State.ENTRIES)

            with m.Case(State.ENTRIES):
                put_word(self.entries.payload.entry, ENTRY_BYTES)
                m.d.comb += [
                    put.eq(self.entries.valid),
                    beat.last.eq(is_last_beat & self.entries.payload.last),
                    self.entries.ready.eq(emit & is_last_beat),
                ]
                with m.If(emit & beat.last):
                    m.d.sync += [is_prefix.eq(0), is_summary.eq(1)]
                    with m.If(is_export):
                        m.d.sync += state.eq(State.MESSAGE_HEADER)
                    with m.Elif(length == 0):
                        m.d.sync += state.eq(State.IDLE)
                    with m.Else():
                        m.d.sync += state.eq(State.RECORD_HEADER)

            with m.Case(State.PAYLOAD):
                m.d.comb += [
                    put.eq(self.payload.valid & (header_left == 0)),
                    beat.data.eq(self.payload.payload.data),
                    beat.keep.eq(self.payload.payload.keep),
                    beat.last.eq(record_beats == 1),
                    is_last_beat.eq(1),
                ]
                with m.If(header_left == 0):
                    m.d.comb += self.payload.ready.eq(emit)
                with m.If(emit):
                    m.d.sync += record_beats.eq(record_beats - 1)
                    with m.If(beat.last):
                        m.d.sync += state.eq(State.RECORD_HEADER)
                        with m.If(self.payload.payload.last):
                            m.d.sync += state.eq(State.IDLE)

            with m.Case(State.MESSAGE_HEADER):
                put_word(header, MESSAGE_HEADER_BYTES)
                m.d.comb += beat.first.eq(index == 0)
                with m.If(emit & is_last_beat):
                    m.d.sync += state.eq(State.ENTRIES)
                    with m.If(is_summary):
                        m.d.sync += state.eq(State.SUMMARY)

            with m.Case(State.SUMMARY):
                m.d.comb += [
                    put.eq(1),
                    beat.data.eq(summary.data),
                    beat.keep.eq(Mux(is_last_beat, summary.last_keep, -1)),
                    beat.last.eq(is_last_beat),
                    is_last_beat.eq(index == summary.beats - 1),
                ]
                with m.If(emit & is_last_beat):
                    m.d.sync += bins_in_use.eq(0)
                    m.d.sync += state.eq(State.COPY)

            with m.Case(State.COPY):
                # The EXPORT message leaves as the accelerator sent it, header and all.
                m.d.comb += [
                    put.eq(self.payload.valid),
                    is_last_beat.eq(1),
                    self.payload.ready.eq(emit),
                    *(
                        beat[field].eq(self.payload.payload[field])
                        for field in ("data", "keep", "first", "last")
                    ),
                ]
                with m.If(emit & beat.last):
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.ABANDON):
                m.d.comb += self.entries.ready.eq(1)
                with m.If(message_left):
                    m.d.comb += self.payload.ready.eq(1)
                with m.If(~message_left & ~scan_left):
                    m.d.sync += state.eq(State.IDLE)

        with m.If(cut & (state != State.IDLE)):
            m.d.sync += [header_left.eq(0), state.eq(State.ABANDON)]

        # Nothing of an ended epoch stays in the output register, nor gets into it in this cycle; the register
        # may still hold the end of a message before, to another slot.
        for i in range(links):
            with m.If(self.ended[i] & ~emit & ~out_to_host & (out.slot == i)):
                m.d.sync += out_valid.eq(0)
        with m.If(cut & emit):
            m.d.sync += out_valid.eq(0)

        m.d.comb += [self.record_type.eq(record.type), self.record_length.eq(record.length)]
        return ResetInserter(self.wipe)(m)
