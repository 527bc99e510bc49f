"""How far the records of one link are on their way through Open, and which of them still count."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.packet_buffer import PacketBuffer

FAULT_DELAY = PacketBuffer.latency - 2
"""What a commit before the wrong record takes to show, less the two cycles that the wrong one is behind."""
COUNT_BITS = 12
"""More records than an inbox and an engine hold."""


class OpenProgress(wiring.Component):
    """Decides for one link when its next record may be opened, and what becomes of each that was.

    Records are judged in the order in which they came.  Nothing is committed from the first on that is wrong:
    one whose tag is, when that is known; one that is ``malformed``, once all before it were committed.
    ``fault`` rises some cycles later, when these had the time to be offered.

    Where an epoch ends while records of it are being opened, the slot is ``stale`` until none is left: they
    are dropped as they leave the engine, and none of the next epoch is opened before.

    A cycle with ``open`` low ends an epoch, however soon it rises again.

    Members
    -------
    open, keyed : In(1)
        The epoch is open; there is a key.
    complete, malformed : In(1)
        From the inbox: strobe, a record is there; level, the one behind all these is wrong.
    room : In(1)
        There is place for what a record holds.
    asking, chosen : Out(1), In(1)
        A record may be opened; strobe: it is going to be.
    renews : In(1)
        Strobe: the record that was chosen is the last one under its key.
    due, followed : Out(1), In(1)
        No further record is opened before there is the key that follows; strobe: there is.
    busy : In(1)
        A record that was chosen was not judged yet.
    judged, right : In(1)
        Strobe: a record has left the engine; its tag was right.
    stale : Out(1)
        What leaves the engine is dropped.
    commit : Out(1)
        Strobe: a record is right in everything, and all before it were.
    wrong, fault : Out(1)
        Nothing of what comes is of any use; the same, as it is told.  Latched until ``open`` falls.
    wipe : In(1)
        Holds the block in reset.
    """

    open: In(1)
    keyed: In(1)
    complete: In(1)
    malformed: In(1)
    room: In(1)
    asking: Out(1)
    chosen: In(1)
    renews: In(1)
    due: Out(1)
    followed: In(1)
    busy: In(1)
    judged: In(1)
    right: In(1)
    stale: Out(1, init=1)
    commit: Out(1)
    wrong: Out(1)
    fault: Out(1)
    wipe: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        epoch = Module()  # everything that an epoch begins anew
        m.submodules.epoch = ResetInserter(~self.open | self.wipe)(epoch)

        waiting, unjudged = Signal(COUNT_BITS), Signal(COUNT_BITS)
        some = Signal()
        delay = Signal(FAULT_DELAY)  # a shift register
        counts = self.judged & ~self.stale & ~self.wrong
        epoch.d.sync += [
            waiting.eq(waiting + self.complete - self.chosen),
            unjudged.eq(unjudged + self.complete - counts),
            some.eq(waiting != 0),
            self.wrong.eq(self.wrong | (counts & ~self.right) | (self.malformed & (unjudged == 0))),
            delay.eq(Cat(self.wrong, delay)),
            self.due.eq((self.due | self.renews) & ~self.followed & self.keyed),
        ]
        m.d.comb += [
            self.commit.eq(counts & self.right),
            self.fault.eq(delay[-1]),
            self.asking.eq(some & self.room & self.keyed & ~self.due & ~self.stale & ~self.wrong),
        ]

        with m.If(~self.open):
            m.d.sync += self.stale.eq(1)
        with m.Elif(~self.busy):
            m.d.sync += self.stale.eq(0)
        return m
