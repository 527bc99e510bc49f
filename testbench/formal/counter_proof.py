"""What is proved of FlopCounter, against a total that is kept the naive way."""

from functools import reduce
from operator import add

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.config import STANDARD_WEIGHTS, IssuePort
from interlock_hdl.counter import TOTAL_BITS, FlopCounter, Lane
from interlock_hdl.events import OpEvent
from interlock_hdl.record import Mode

PORTS = (IssuePort(peak=32), IssuePort(peak=4), IssuePort(mode=Mode.OPAQUE, peak=7))


def ago(m: Module, value: Value, cycles: int) -> Value:
    """``value`` as it was some cycles ago; zero before the beginning."""
    for _ in range(cycles):
        earlier = Signal(len(value))
        m.d.sync += earlier.eq(value)
        value = earlier
    return value


LaneOutputs = data.StructLayout(
    {"sampled": 1, "state": TOTAL_BITS + 2, "count": TOTAL_BITS, "saturated": 1, "over_peak": 1}
)
"""All that the counter takes from a lane for the properties here: everything but the bins."""


class Reference(wiring.Component):
    """The total with no pipeline and no twin: an event is in it in the next cycle."""

    events: In(OpEvent).array(len(PORTS))
    counting: In(1)
    flops: Out(32)
    over: Out(1)
    total: Out(TOTAL_BITS)
    saturated: Out(1)
    over_peak: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        flops, over = [], []
        for port, event in zip(PORTS, self.events, strict=True):
            if port.mode == Mode.OPAQUE:
                flops.append(Mux(self.counting, port.peak, 0))
                continue
            weight = Const(STANDARD_WEIGHTS.largest)
            for number, op_class in STANDARD_WEIGHTS.classes.items():
                weight = Mux(event.op_class == number, op_class.flops, weight)
            flops.append(Mux(event.valid, event.count * weight, 0))
            over.append(flops[-1] > port.peak)
        m.d.comb += [self.flops.eq(reduce(add, flops)), self.over.eq(Cat(over).any())]

        true_total = self.total + self.flops
        too_much = true_total >= 1 << TOTAL_BITS
        m.d.sync += [
            self.total.eq(Mux(too_much, (1 << TOTAL_BITS) - 1, true_total)),
            self.saturated.eq(self.saturated | too_much),
            self.over_peak.eq(self.over_peak | self.over),
        ]
        return m


class _CounterProof(wiring.Component):
    """The counter, and the naive total behind a delay line.

    The reference is given every input ``latency`` - 2 cycles late, the last two being accumulate and hold.

    Members
    -------
    All inputs of the counter, as free variables.
    """

    wipe: In(1)
    events: In(OpEvent).array(len(PORTS))
    counting: In(1)
    sample: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = self.counter()
        naive = Module()  # reset by `wipe`, as the counter should reset itself
        m.submodules.naive = ResetInserter(self.wipe)(naive)
        naive.submodules.reference = reference = Reference()
        m.d.comb += [dut.wipe.eq(self.wipe), dut.counting.eq(self.counting), dut.sample.eq(self.sample)]
        m.d.comb += [ours.eq(free) for ours, free in zip(dut.events, self.events, strict=True)]
        late = dut.latency - 2
        naive.d.comb += reference.counting.eq(ago(naive, self.counting, late))
        for ours, free in zip(reference.events, self.events, strict=True):
            naive.d.comb += Value.cast(ours).eq(ago(naive, Value.cast(free), late))
        self.claim(m, dut, naive, reference)
        return m

    def counter(self) -> FlopCounter:
        """What the proof is about."""
        return FlopCounter(issue_ports=PORTS, weights=STANDARD_WEIGHTS)

    def lemma(self, m: Module, lane: Lane, naive: Module, reference: Reference) -> None:
        """Assumes of a lane what :class:`WeighingProof` proves, and from that, how it accumulates."""
        m.d.comb += [
            Assume(lane.addend == reference.flops),
            Assume(lane.sampled == ago(naive, self.sample, lane.latency)),
            Assert(lane.total == reference.total),
            Assert(lane.saturated == reference.saturated),
            Assert(lane.count <= lane.total),
            Assert(~lane.sampled | (lane.count == ago(naive, reference.total, 1))),
        ]


class WeighingProof(_CounterProof):
    """Each lane adds, in each cycle, exactly the FLOPs that were reported ``latency`` - 2 cycles before.

    A sample is answered after exactly ``latency`` cycles; the alarm of an event over its peak is up by then.
    """

    def claim(self, m: Module, dut: FlopCounter, naive: Module, reference: Reference) -> None:
        for lane in (dut.plain, dut.inverted):
            m.d.comb += [
                Assert(lane.addend == reference.flops),
                Assert(lane.sampled == ago(naive, self.sample, dut.latency)),
            ]
        m.d.comb += Assert(~reference.over_peak | dut.alarm.over_peak)
        m.d.comb += Cover(reference.flops == 1234)


class AccumulatingProof(_CounterProof):
    """A sample is the total of all cycles up to its own.  Nothing falls but by a wipe.  Full is an alarm."""

    def claim(self, m: Module, dut: FlopCounter, naive: Module, reference: Reference) -> None:
        alarms = dut.alarm.as_value()
        m.d.comb += [
            Assert(dut.sampled == ago(naive, self.sample, dut.latency)),
            Assert(~dut.sampled | (dut.count == ago(naive, reference.total, 1))),
            Assert(dut.count >= ago(naive, dut.count, 1)),
            Assert(dut.alarm.saturated == reference.saturated),
            Assert(~dut.alarm.saturated | dut.plain.total.all()),
            Assert((ago(naive, alarms, 1) & ~alarms) == 0),
            Assert(~dut.alarm.mismatch),
            Assert(dut.plain.count == dut.inverted.count),
            Cover(dut.sampled & (dut.count == 1234)),
        ]
        for lane in (dut.plain, dut.inverted):
            self.lemma(m, lane, naive, reference)


class OneLaneProof(_CounterProof):
    """Whatever one of the two lanes does, at any time: no sample is too small, and a wrong one is an alarm.

    The lane that fails is cut out and replaced by free variables: that is every flip of any of its registers,
    in any number, and more.  ``mismatch`` is up 2 cycles after a count that is too large was shown.

    Parameters
    ----------
    failing : str
        ``plain`` or ``inverted``.
    """

    free: In(LaneOutputs)

    def __init__(self, *, failing: str) -> None:
        self.failing = failing
        super().__init__()

    def counter(self) -> FlopCounter:
        dut = super().counter()
        setattr(dut, self.failing, _Cut(getattr(dut, self.failing)))
        return dut

    def claim(self, m: Module, dut: FlopCounter, naive: Module, reference: Reference) -> None:
        failed = getattr(dut, self.failing)
        m.d.comb += [getattr(failed, name).eq(self.free[name]) for name in LaneOutputs.members]
        exact = ago(naive, reference.total, 1)
        wrong = dut.sampled & (dut.count != exact)
        m.d.comb += [
            # Every bit of the exact total is there, so that it is no smaller; solvers see that bit by bit,
            # and a comparison of 96 bits in more than a minute.
            Assert(~dut.sampled | ((exact & ~dut.count) == 0)),
            Assert(~ago(naive, wrong, 2) | dut.alarm.mismatch),
            Assert(~dut.sampled | ago(naive, self.sample, dut.latency)),
            Assert(~reference.saturated | dut.alarm.saturated),
            Cover(wrong),
        ]
        healthy = dut.inverted if self.failing == "plain" else dut.plain
        self.lemma(m, healthy, naive, reference)


class _Cut(wiring.Component):
    """A lane's ports with nothing behind them."""

    def __init__(self, lane: Lane) -> None:
        self.latency = lane.latency
        super().__init__(lane.signature)

    def elaborate(self, platform) -> Module:
        return Module()
