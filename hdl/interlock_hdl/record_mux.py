"""Joins records of messages and notices, a whole record at a time."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.ports import RecordBeat


class RecordMux(wiring.Component):
    """Lets records of two sources pass, notices first, and never one inside another.

    Combinational but for its memory of whose record is under way: one is as soon as it was offered, so that
    what is offered holds still.  A record that is cut, because its epoch ended, has no last beat: ``ended``
    stands for it.

    Parameters
    ----------
    beat_bytes, links : int

    Members
    -------
    messages, notices : In(stream of RecordBeat)
        From registers.
    ended : In(links)
        Strobes: the epoch ended.
    o : Out(stream of RecordBeat)
    message_leaves, notice_leaves : Out(1)
        Strobe: the first beat of a record passes.
    """

    def __init__(self, *, beat_bytes: int, links: int) -> None:
        records = stream.Signature(RecordBeat(beat_bytes, links))
        super().__init__(
            {
                "messages": In(records),
                "notices": In(records),
                "ended": In(links),
                "o": Out(records),
                "message_leaves": Out(1),
                "notice_leaves": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        under_way = Signal()  # a record is
        is_notice = Signal()  # that one, or the last
        slot = Signal.like(self.o.payload.slot)

        chooses_notice = Signal()
        m.d.comb += chooses_notice.eq(is_notice)
        with m.If(~under_way):
            m.d.comb += chooses_notice.eq(self.notices.valid)
        for is_chosen, source in ((chooses_notice, self.notices), (~chooses_notice, self.messages)):
            with m.If(is_chosen):
                m.d.comb += [
                    self.o.payload.eq(source.payload),
                    self.o.valid.eq(source.valid),
                    source.ready.eq(self.o.ready),
                ]

        def begins(source: stream.Interface) -> Value:
            """The first beat of a record whose epoch goes on; of each by itself, as the choice comes late."""
            cut = self.ended.bit_select(source.payload.slot, 1)
            return source.valid & source.payload.first & ~cut

        cut = self.ended.bit_select(self.o.payload.slot, 1)
        m.d.comb += [
            self.message_leaves.eq(begins(self.messages) & self.o.ready & ~chooses_notice),
            self.notice_leaves.eq(begins(self.notices) & self.o.ready & chooses_notice),
        ]
        with m.If(self.o.valid):
            m.d.sync += [
                under_way.eq(~(self.o.ready & self.o.payload.last) & ~cut),
                is_notice.eq(chooses_notice),
                slot.eq(self.o.payload.slot),
            ]
        with m.Elif(self.ended.bit_select(slot, 1)):
            m.d.sync += under_way.eq(0)
        return m
