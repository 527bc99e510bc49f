"""Sends one export to the host: LOG, SUMMARY, then the message itself (docs/specification.md, *Export*)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import Bin, InterlockConfig
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.ports import EntryStream
from interlock_hdl.record import ENTRY_BYTES
from interlock_hdl.summary import Summary
from interlock_hdl.writer import Writer


class State(enum.Enum, shape=3):
    """What is being sent.  In all but the first something is put: the two low bits tell what."""

    IDLE = 0
    HEADER = 4
    ENTRIES = 5
    SUMMARY = 6
    COPY = 7


class Exporter(wiring.Component):
    """Lets a message leave to the host behind the log that covers it, and what a summary says of that.

    **Latency**: ``latency`` cycles from ``begin`` to the first beat of LOG.
    **Throughput**: one beat a cycle, as far as entries and payload are there.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    begin, length : In(1), In
        Strobe: the scan of an EXPORT message was accepted, with so many bytes of payload.
    session_id, ticks, bins : In(128), In(64), In(96) array
        For the summary; ``bins`` are held while ``needs_bins``.
    n_sessions, n_externals, entries : In
        See :class:`Scan`.
    payload : In(stream of Beat)
        The message as it came, header first.
    host : Out(stream of Beat)
    busy, needs_bins : Out(1)
    """

    latency = 2

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        entries = range(config.log_entries + 1)
        super().__init__(
            {
                "begin": In(1),
                "length": In(range(config.message_bytes + 1)),
                "session_id": In(128),
                "ticks": In(64),
                "bins": In(96).array(len(Bin)),
                "n_sessions": In(entries),
                "n_externals": In(entries),
                "entries": In(EntryStream),
                "payload": In(beat_stream(config.beat_bytes)),
                "host": Out(beat_stream(config.beat_bytes)),
                "busy": Out(1),
                "needs_bins": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat_bytes = self.config.beat_bytes
        m.submodules.summary = summary = Summary(beat_bytes=beat_bytes)
        longest = max(summary.length, MESSAGE_HEADER_BYTES, ENTRY_BYTES)
        writer = Writer(m, self.host, beat_bytes=beat_bytes, longest=longest)
        beat = writer.beat

        length = Signal.like(self.length)
        is_summary = Signal()
        m.d.comb += [
            summary.begin.eq(self.begin),
            summary.ticks.eq(self.ticks),
            summary.session_id.eq(self.session_id),
            summary.payload_length.eq(length),
            summary.n_sessions.eq(self.n_sessions),
            summary.n_externals.eq(self.n_externals),
            *(to.eq(bin) for to, bin in zip(summary.bins, self.bins, strict=True)),
            summary.add.eq(self.entries.valid & self.entries.ready & ~self.entries.payload.external),
            summary.entry.eq(self.entries.payload.entry),
        ]
        header = Signal(MessageHeader)
        m.d.comb += header.kind.eq(Mux(is_summary, Kind.SUMMARY, Kind.LOG))

        # What is put.  In IDLE nothing is, and `beat` does not matter: so two bits decide what it is.
        header_fits = writer.fits(MESSAGE_HEADER_BYTES)
        entry_fits = writer.fits(ENTRY_BYTES)
        summary_fits = writer.fits(summary.length)
        state = Signal(State)
        puts, what = state.as_value()[2], state.as_value()[:2]
        with m.Switch(what):
            with m.Case(State.HEADER.value & 3):
                writer.word(header, MESSAGE_HEADER_BYTES)
                m.d.comb += [
                    beat.first.eq(writer.begins),
                    summary.following.eq(puts & header_fits & is_summary),
                ]
            with m.Case(State.ENTRIES.value & 3):
                writer.word(self.entries.payload.entry, ENTRY_BYTES)
                m.d.comb += [
                    writer.put.eq(self.entries.valid),
                    beat.last.eq(writer.ends & self.entries.payload.last),
                    self.entries.ready.eq(entry_fits),
                ]
            with m.Case(State.SUMMARY.value & 3):
                m.d.comb += [
                    writer.put.eq(1),
                    beat.data.eq(summary.data),
                    beat.keep.eq(Mux(writer.ends, summary.last_keep, -1)),
                    beat.last.eq(writer.ends),
                    writer.ends.eq(writer.index == summary.beats - 1),
                    summary.following.eq(~writer.held),
                ]
            with m.Case(State.COPY.value & 3):
                # The EXPORT message leaves as the accelerator sent it, header and all.
                writer.copy(self.payload, "data", "keep", "first", "last")
        with m.If(~puts):
            m.d.comb += [writer.put.eq(0), self.entries.ready.eq(0), self.payload.ready.eq(0)]

        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.sync += [length.eq(self.length), is_summary.eq(0)]
                with m.If(self.begin):
                    m.d.sync += [self.busy.eq(1), self.needs_bins.eq(1), state.eq(State.HEADER)]
            with m.Case(State.HEADER):
                with m.If(header_fits):
                    m.d.sync += state.eq(Mux(is_summary, State.SUMMARY, State.ENTRIES))
            with m.Case(State.ENTRIES):
                with m.If(self.entries.valid & entry_fits & self.entries.payload.last):
                    m.d.sync += [is_summary.eq(1), state.eq(State.HEADER)]
            with m.Case(State.SUMMARY):
                with m.If(summary_fits):
                    m.d.sync += [self.needs_bins.eq(0), state.eq(State.COPY)]
            with m.Case(State.COPY):
                with m.If(self.payload.valid & ~writer.held & self.payload.payload.last):
                    m.d.sync += [self.busy.eq(0), state.eq(State.IDLE)]
        return m
