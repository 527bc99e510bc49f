"""A log store with wires that an engine can drive: short words in, and counters out."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.hash_log import HashLog
from interlock_hdl.log.store import EntryAddress

Request = data.StructLayout({"number": 32, "flops": 24, "external": 1, "own": 1})
"""A merge of source ``number``."""


class Timed(data.StructLayout):  # type: ignore[misc]  # Amaranth has no types
    """How often something happened since ``start``, and in which cycle first and last."""

    def __init__(self) -> None:
        super().__init__({"count": 32, "first": 32, "last": 32})


class LoadedLog(wiring.Component):  # type: ignore[misc]
    """A :class:`HashLog` that is offered requests and reads without a pause, and whose entries are all taken.

    Members
    -------
    requests : In(stream of words)
        Each a ``Request``.
    reads : In(stream of words)
        Each an ``EntryAddress``.
    start : In(1)
        The counters begin anew.
    asked, merged, scanned : Out(Timed)
        Requests taken and answered, and entries.
    refused : Out(32)
        Requests that were answered anything but OK.
    digest : Out(64)
        Of all entries that came, folded: what nobody looks at need not be simulated.
    n_sessions, n_externals, fault : Out
    """

    def __init__(self, *, entries: int) -> None:
        self.log = HashLog(entries=entries)
        super().__init__(
            {
                "requests": In(stream.Signature(len(Signal(Request).as_value()))),
                "reads": In(stream.Signature(len(Signal(EntryAddress).as_value()))),
                "start": In(1),
                "asked": Out(Timed()),
                "merged": Out(Timed()),
                "scanned": Out(Timed()),
                "refused": Out(32),
                "digest": Out(64),
                "n_sessions": Out(32),
                "n_externals": Out(32),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.log = log = self.log
        request = Signal(Request)
        asked = log.merge.payload
        m.d.comb += [
            log.key.eq(0x0F0E0D0C0B0A09080706050403020100),
            request.eq(self.requests.payload),
            log.merge.valid.eq(self.requests.valid),
            self.requests.ready.eq(log.merge.ready),
            asked.own.eq(request.own),
            asked.external.eq(request.external),
            asked.entry.session_id.eq(
                Cat(request.number, ~request.number, request.number, Const(0xA5A5A5A5, 32))
            ),
            asked.entry.flops.eq(request.flops),
            asked.entry.provenance.mode.eq(1),
            asked.entry.provenance.weight_table.eq(1),
            Value.cast(log.read.payload).eq(self.reads.payload),
            log.read.valid.eq(self.reads.valid),
            self.reads.ready.eq(log.read.ready),
            log.entries.ready.eq(1),
            self.n_sessions.eq(log.n_sessions),
            self.n_externals.eq(log.n_externals),
            self.fault.eq(log.fault),
        ]
        clock = Signal(32)
        m.d.sync += clock.eq(clock + 1)
        happens = (
            (self.asked, log.merge.valid & log.merge.ready),
            (self.merged, log.merged),
            (self.scanned, log.entries.valid & log.entries.ready),
        )
        for timed, now in happens:
            with m.If(self.start):
                m.d.sync += timed.count.eq(0)
            with m.Elif(now):
                m.d.sync += [timed.count.eq(timed.count + 1), timed.last.eq(clock)]
                with m.If(timed.count == 0):
                    m.d.sync += timed.first.eq(clock)
        with m.If(self.start):
            m.d.sync += self.refused.eq(0)
        with m.Elif(log.merged & (log.answer != Answer.OK)):
            m.d.sync += self.refused.eq(self.refused + 1)
        with m.If(log.entries.valid):
            bits = log.entries.payload.entry.as_value()
            folded = bits[:64] ^ bits[64:128] ^ bits[128:192] ^ bits[192:]
            m.d.sync += self.digest.eq(self.digest.rotate_left(1) ^ folded)
        return m
