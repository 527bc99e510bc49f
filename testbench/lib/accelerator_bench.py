"""An accelerator with what a bench wants to see of it, for the batch engine."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.beat import beat_stream
from interlock_hdl.monitor import MonitorSignature


class AcceleratorBench(wiring.Component):
    """An accelerator, its op events, and checks of its streams in every cycle.

    Parameters
    ----------
    accelerator : wiring.Component
        With the ports of an ``interlock_hdl.accelerator.accelerator.Accelerator``, and two issue ports.

    Members
    -------
    rx, tx, clear_request, clear_done, busy :
        The accelerator's.
    monitor : Out(MonitorSignature)
    moments : Out(stream of 64)
        For each beat of ``tx``: how many events of port 0 (low half) and of port 1 there were until then,
        those of its cycle included.
    fault : Out(3)
        Latched: ``rx`` was not ready, ``tx`` withdrew or changed a beat, a byte beyond ``keep`` was not 0.
    """

    def __init__(self, accelerator):
        self.accelerator = accelerator
        beat_bytes = self.accelerator.beat_bytes
        super().__init__(
            {
                "rx": In(beat_stream(beat_bytes)),
                "tx": Out(beat_stream(beat_bytes)),
                "clear_request": In(1),
                "clear_done": Out(1),
                "busy": Out(1),
                "monitor": Out(MonitorSignature(beat_bytes, 2)),
                "moments": Out(stream.Signature(64)),
                "fault": Out(3),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = accelerator = self.accelerator
        wiring.connect(m, wiring.flipped(self.rx), accelerator.rx)
        wiring.connect(m, accelerator.tx, wiring.flipped(self.tx))
        m.d.comb += [
            accelerator.clear_request.eq(self.clear_request),
            self.clear_done.eq(accelerator.clear_done),
            self.busy.eq(accelerator.busy),
            self.monitor.counting.eq(1),
            self.monitor.clear.eq(self.clear_request | self.clear_done),
        ]

        counts = []
        for shown, event in zip(self.monitor.events, accelerator.events, strict=True):
            before, now = Signal(32), Signal(32)
            m.d.comb += [shown.eq(event), now.eq(before + event.valid)]
            m.d.sync += before.eq(now)
            with m.If(self.monitor.clear):
                m.d.sync += before.eq(0)
            counts.append(now)
        for name in ("tx", "rx"):
            wire, shown = getattr(accelerator, name), getattr(self.monitor, name)
            m.d.comb += [shown.payload.eq(wire.payload), shown.fire.eq(wire.valid & wire.ready)]
        beat, fire = accelerator.tx.p, self.monitor.tx.fire
        m.d.comb += [
            self.moments.payload.eq(Cat(counts)),
            self.moments.valid.eq(fire & ~self.monitor.clear),
        ]

        held, waits = Signal.like(beat), Signal()
        m.d.sync += [held.eq(beat), waits.eq(accelerator.tx.valid & ~accelerator.tx.ready)]
        with m.If(~accelerator.rx.ready):
            m.d.sync += self.fault[0].eq(1)
        with m.If(
            waits & ~self.monitor.clear & (~accelerator.tx.valid | (held.as_value() != beat.as_value()))
        ):
            m.d.sync += self.fault[1].eq(1)
        with m.If(accelerator.tx.valid & (beat.data & ~Cat(keep.replicate(8) for keep in beat.keep)).any()):
            m.d.sync += self.fault[2].eq(1)
        return m
