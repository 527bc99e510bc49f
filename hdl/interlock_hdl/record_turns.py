"""Whose record is read next, of all links."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.record import RecordHeader
from interlock_hdl.turns import Turns


class RecordPort(wiring.Signature):
    """Verified records of one link: a header, then its body."""

    def __init__(self, beat_bytes: int) -> None:
        super().__init__(
            {"header": Out(stream.Signature(RecordHeader)), "body": Out(beat_stream(beat_bytes))}
        )


class RecordTurns(wiring.Component):
    """Gives records one at a time, links in turn, and of open links alone.

    The next record is chosen in the last cycle of the one before it, and is at hand in the cycle after that.

    **Latency**: one cycle from ``take`` to ``begins``.  **Throughput**: a record without a body each cycle.

    Parameters
    ----------
    beat_bytes, links : int

    Members
    -------
    records : In(RecordPort) array of ``links``
    open : In(links)
        Whose records may be read.
    any : Out(1)
        There is a next record.
    take : In(1)
        It is taken, if there is one.
    begins : Out(1)
        The record at hand is in its first cycle.
    slot : Out(8)
        Of the record at hand, or of the last one.
    first_header, header : Out(RecordHeader)
        Of the record at hand: in its first cycle, and after that.
    body : Out(stream of Beat)
        Its body; what stands there of another record is not to be taken.
    """

    def __init__(self, *, beat_bytes: int, links: int) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(
            {
                "records": In(RecordPort(beat_bytes)).array(links),
                "open": In(links),
                "any": Out(1),
                "take": In(1),
                "begins": Out(1),
                "slot": Out(8),
                "first_header": Out(RecordHeader),
                "header": Out(RecordHeader),
                "body": Out(beat_stream(beat_bytes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.turns = turns = Turns(count=len(self.records))
        m.d.comb += [turns.last.eq(self.slot), self.any.eq(turns.any)]
        m.d.sync += self.begins.eq(self.take & turns.any)
        with m.If(self.begins):
            m.d.sync += self.header.eq(self.first_header)
        with m.If(self.take & turns.any):
            m.d.sync += self.slot.eq(turns.next)
        for i, port in enumerate(self.records):
            m.d.comb += turns.asking[i].eq(port.header.valid & self.open[i])
            # Taken from its link a cycle after it was chosen, for that comes late.
            m.d.comb += port.header.ready.eq(self.begins & (self.slot == i))
            with m.If(self.slot == i):
                m.d.comb += [
                    self.first_header.eq(port.header.payload),
                    self.body.payload.eq(port.body.payload),
                    self.body.valid.eq(port.body.valid),
                    port.body.ready.eq(self.body.ready),
                ]
        return m
