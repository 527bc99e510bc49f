"""What is proved of the session: no way to open gates but through a clear that was completed."""

from amaranth.hdl import Assert, Cat, Cover, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.session import Alarm, Session

from formal.past import ago

OWN = Alarm.EARLY_EVENT, Alarm.EARLY_BEAT, Alarm.SESSION_FAULT
"""Bits of ``alarms`` that the session ignores, for it finds these causes by itself."""


class SessionProof(wiring.Component):
    """After an alarm, a roll or a reset no gate is open until everything was wiped.

    Whatever the host, the accelerator and the other blocks do, at any time.
    """

    roll: In(1)
    clear_done: In(1)
    wiped: In(1)
    random: In(32)
    random_valid: In(1)
    maker: In(32)
    serial: In(32)
    own_ready: In(1)
    event_seen: In(1)
    beat_seen: In(1)
    alarms: In(len(Alarm))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = Session(key_words=0)
        for name in self.signature.members:
            if not name.startswith("random"):
                m.d.comb += getattr(dut, name).eq(getattr(self, name))
        m.d.comb += [dut.random.payload.eq(self.random), dut.random.valid.eq(self.random_valid)]

        early = dut.clear_request & ~dut.wipe & (self.event_seen | self.beat_seen)
        others = Cat(self.alarms[bit] for bit in Alarm if bit not in OWN)
        cause = early | (~dut.wipe & others.any())
        cleared = Signal()  # all memories, since the last cause, roll or reset
        released = Signal()  # the accelerator was seen to leave its reset since then
        with m.If(cause | self.roll):
            m.d.sync += cleared.eq(0)
        with m.Elif(dut.wipe):
            m.d.sync += [cleared.eq(self.clear_done & self.wiped), released.eq(0)]
        with m.If(~dut.wipe & dut.counting & ~self.clear_done):
            m.d.sync += released.eq(1)

        drawing, entering, running = dut.random.ready, dut.enter, dut.counting
        was_open = ago(m, dut.open)
        m.d.comb += [
            Assert(~(drawing | entering | running) | cleared),
            Assert(~(drawing | entering | running) | (dut.alarm == 0)),
            Assert(~dut.open | (released & running & ~dut.wipe & ~dut.clear_request)),
            Assert(~was_open | ~ago(m, cause | self.roll) | ~dut.open),
            Assert(~(was_open & dut.open) | (dut.session_id[:64] == ago(m, dut.session_id[:64]))),
            Cover(dut.open & was_open),
            Cover(dut.alarm[Alarm.EARLY_BEAT]),
            Cover(dut.alarmed & dut.alarm[Alarm.SATURATED]),
        ]
        reopened = Signal()
        with m.If(dut.alarmed):
            m.d.sync += reopened.eq(1)
        m.d.comb += Cover(dut.open & reopened)
        return m
