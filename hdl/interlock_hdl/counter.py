"""The counter: events of the execution units become FLOPs, and FLOPs a total that only grows (D5)."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.config import Bin, IssuePort, WeightTable
from interlock_hdl.events import OpEvent
from interlock_hdl.record import Mode

TOTAL_BITS = 96
MAX_COUNT = 2**16 - 1
"""Most operations that one event can report."""

CounterAlarm = data.StructLayout({"mismatch": 1, "saturated": 1, "over_peak": 1})
"""What is wrong with a count.  Each is latched until ``wipe``."""


class FlopCounter(wiring.Component):
    """Counts the FLOPs of one accelerator: never down, never late, never fewer than were reported.

    A sample covers every event presented in or before the cycle of its request: the request travels through
    the same pipeline as the events, never ahead of one.  Samples may be asked for in every cycle.

    Everything that the total depends on is held twice, from the input registers on, the second time inverted,
    and ``count`` is the *or* of both.  Whichever one flip-flop flips, at whatever time, one of the two is
    right, and the *or* is not smaller than it: an under-count never leaves, alarm or no alarm.  The copies
    of the accumulator, and of the held sample, are compared in every cycle, and ``mismatch`` is up 2 cycles
    after they first differ: at most 1 cycle after the ``sampled`` of a count that the flip made too large.
    ``sampled`` rises only where both copies of the request agree.

    The bins are for information, and are held once.  They add up to ``count`` until one of them is saturated.

    **Latency**: ``latency`` cycles from ``sample`` to ``sampled``.  ``saturated`` and ``over_peak`` are up no
    later than the first ``sampled`` that covers their cause.
    **Throughput**: an event on every port, and a sample, in every cycle.

    Parameters
    ----------
    issue_ports : tuple of IssuePort
        At least one.  An OPAQUE port's events are ignored: it counts its peak.
    weights : WeightTable
        FLOPs and bin of one operation of each class.

    Members
    -------
    events : In(OpEvent) array, one an issue port
    counting : In(1)
        OPAQUE ports add their peak in every cycle in which it is high.  EVENTS ports count always.
    wipe : In(1)
        Everything back to zero: totals, alarms, samples on their way.
    sample, sampled : In(1), Out(1)
        Request, and the strobe of its answer.
    count : Out(96)
        Total as of that sample, held until the next ``sampled``.  Saturates at 2**96 - 1.
    bins : Out(96) array, one a Bin
        The same by precision.
    alarm : Out(CounterAlarm)
    """

    def __init__(self, *, issue_ports: tuple[IssuePort, ...], weights: WeightTable) -> None:
        if not issue_ports:
            raise ValueError("at least one issue port: uncounted work is what a counter exists to prevent")
        for port in issue_ports:
            port.validate()
        weights.validate()
        self.issue_ports = issue_ports
        self.weights = weights
        self.plain = Lane(issue_ports, weights, inverted=False)
        self.inverted = Lane(issue_ports, weights, inverted=True)
        super().__init__(
            {
                "events": In(OpEvent).array(len(issue_ports)),
                "counting": In(1),
                "wipe": In(1),
                "sample": In(1),
                "sampled": Out(1),
                "count": Out(TOTAL_BITS),
                "bins": Out(TOTAL_BITS).array(len(Bin)),
                "alarm": Out(CounterAlarm),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from ``sample`` to ``sampled``."""
        return self.plain.latency

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.plain = plain = self.plain
        m.submodules.inverted = inverted = self.inverted
        for lane in (plain, inverted):
            m.d.comb += [lane.counting.eq(self.counting), lane.sample.eq(self.sample)]
            m.d.comb += [inner.eq(outer) for inner, outer in zip(lane.events, self.events, strict=True)]

        # Some 200 bits are compared, in parts, so that it takes no longer than anything else here.
        differences = Cat(plain.state, plain.count, plain.sampled) ^ Cat(
            inverted.state, inverted.count, inverted.sampled
        )
        differ = Signal(4)
        mismatch = Signal()
        m.d.sync += [part.eq(differences[n :: len(differ)].any()) for n, part in enumerate(differ)]
        m.d.sync += mismatch.eq(mismatch | differ.any())

        m.d.comb += [
            self.sampled.eq(plain.sampled & inverted.sampled),
            self.count.eq(plain.count | inverted.count),
            self.alarm.mismatch.eq(mismatch),
            self.alarm.saturated.eq(plain.saturated | inverted.saturated),
            self.alarm.over_peak.eq(plain.over_peak | inverted.over_peak),
        ]
        m.d.comb += [outer.eq(inner) for outer, inner in zip(self.bins, plain.bins, strict=True)]
        return ResetInserter(self.wipe)(m)


class Lane(wiring.Component):
    """One of the two copies of the pipeline: take in, look up, multiply; add the ports up; accumulate; hold.

    Members as of :class:`FlopCounter`, and ``addend``, what is added in this cycle, ``total``, all that was
    added before, and ``state``, the registers that the total is made of.  The inverted lane has no bins.
    """

    def __init__(self, issue_ports: tuple[IssuePort, ...], weights: WeightTable, *, inverted: bool) -> None:
        self.issue_ports = issue_ports
        self.weights = weights
        self.inverted = inverted
        self.binned = () if inverted else tuple(Bin)
        self.reporting = [n for n, port in enumerate(issue_ports) if port.mode == Mode.EVENTS]
        self.opaque_peak = sum(port.peak for port in issue_ports if port.mode == Mode.OPAQUE)
        self.levels = (len(self.reporting) + bool(self.opaque_peak) - 1).bit_length()
        self.latency = 3 + self.levels + 2
        most = len(self.reporting) * MAX_COUNT * weights.largest + self.opaque_peak
        members = {
            "events": In(OpEvent).array(len(issue_ports)),
            "counting": In(1),
            "sample": In(1),
            "sampled": Out(1),
            "addend": Out(range(most + 1)),
            "state": Out(TOTAL_BITS + 2),
            "total": Out(TOTAL_BITS),
            "count": Out(TOTAL_BITS),
            "saturated": Out(1),
            "over_peak": Out(1),
        }
        if self.binned:
            members["bins"] = Out(TOTAL_BITS).array(len(Bin))
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        registers = _Registers(m, inverted=self.inverted)

        addends: list[Value] = []
        binned: dict[Bin, list[Value]] = {row: [] for row in self.binned}
        over = []
        for number in self.reporting:
            flops, by_bin = self._weigh(m, registers, number)
            addends.append(flops)
            over.append(flops > self.issue_ports[number].peak)
            for row in self.binned:
                binned[row].append(by_bin[row])
        if self.opaque_peak:
            counting = registers.delay(self.counting, 2, name="counting")
            flops = registers.hold(Mux(counting, self.opaque_peak, 0), name="opaque")
            addends.append(flops)
            if self.binned:
                binned[Bin.OTHER].append(flops)
        m.d.comb += self.over_peak.eq(registers.latch(Cat(over).any(), name="over_peak"))

        take = registers.delay(self.sample, self.latency - 1, name="sample")
        m.d.comb += self.sampled.eq(registers.hold(take, name="sampled"))

        m.d.comb += self.addend.eq(registers.sum(addends, self.levels, name="sum"))
        low, wrapped, full = registers.accumulate(self.addend, name="total")
        m.d.comb += [
            self.state.eq(Cat(low, wrapped, full)),
            self.saturated.eq(wrapped | full),
            self.total.eq(low | self.saturated.replicate(TOTAL_BITS)),
            self.count.eq(registers.hold(self.total, enable=take, name="count")),
        ]
        for row in self.binned:
            name = row.name.lower()
            addend = registers.sum(binned[row], self.levels, name=f"{name}_sum")
            low, wrapped, full = registers.accumulate(addend, name=f"{name}_total")
            total = low | (wrapped | full).replicate(TOTAL_BITS)
            m.d.comb += self.bins[row].eq(registers.hold(total, enable=take, name=f"{name}_count"))
        return m

    def _weigh(self, m: Module, registers: "_Registers", number: int) -> tuple[Value, dict[Bin, Value]]:
        """FLOPs of a port's event, and the same by bin, 3 cycles later."""
        name = f"port{number}"
        event = data.View(OpEvent, registers.hold(self.events[number], name=f"{name}_event"))

        # First which of the few different weights it is, then the product: a long table costs no speed.
        weights = sorted({op_class.flops for op_class in self.weights.classes.values()})
        choice = Signal(range(max(2, len(weights))))
        row = Signal(range(len(Bin)))
        with m.Switch(event.op_class):
            for op_class, known in self.weights.classes.items():
                with m.Case(op_class):
                    m.d.comb += [choice.eq(weights.index(known.flops)), row.eq(known.bin)]
            with m.Default():
                m.d.comb += [choice.eq(weights.index(self.weights.largest)), row.eq(Bin.OTHER)]
        choice = registers.hold(choice, name=f"{name}_weight")
        count = registers.hold(Mux(event.valid, event.count, 0), name=f"{name}_count")

        flops = Signal(range(MAX_COUNT * self.weights.largest + 1))
        with m.Switch(choice):
            for index, weight in enumerate(weights):
                with m.Case(index):
                    m.d.comb += flops.eq(count * weight)
        by_bin = {}
        if self.binned:
            row = registers.hold(row, name=f"{name}_bin")
        for b in self.binned:
            by_bin[b] = registers.hold(Mux(row == b, flops, 0), name=f"{name}_{b.name.lower()}")
        return registers.hold(flops, name=f"{name}_flops"), by_bin


class _Registers:
    """Makes the flip-flops of a lane: all plain, or all holding the inverse of what they stand for."""

    def __init__(self, m: Module, *, inverted: bool) -> None:
        self.m = m
        self.inverted = inverted

    def hold(self, value, *, name: str, enable=None) -> Value:
        """``value`` as it was one cycle ago; with ``enable``, as it was when that was last high."""
        value = Value.cast(value).as_unsigned()
        register = Signal(
            len(value), name=f"{name}_register", init=(1 << len(value)) - 1 if self.inverted else 0
        )
        with self.m.If(1 if enable is None else enable):
            self.m.d.sync += register.eq(~value if self.inverted else value)
        return (~register).as_unsigned() if self.inverted else register

    def delay(self, value, cycles: int, *, name: str) -> Value:
        """``value`` as it was ``cycles`` ago."""
        for cycle in range(cycles):
            value = self.hold(value, name=f"{name}_{cycle}")
        return value

    def latch(self, cause, *, name: str) -> Value:
        """Whether ``cause`` has been high in any earlier cycle."""
        following = Signal(name=f"{name}_following")
        ever = self.hold(following, name=name)
        self.m.d.comb += following.eq(ever | cause)
        return ever

    def sum(self, addends: list[Value], levels: int, *, name: str) -> Value:
        """Sum of ``addends`` as they were ``levels`` cycles ago: a register after every adder."""
        for level in range(levels):
            pairs = [addends[at : at + 2] for at in range(0, len(addends), 2)]
            addends = [
                self.hold(pair[0] + pair[1] if len(pair) == 2 else pair[0], name=f"{name}_{level}_{at}")
                for at, pair in enumerate(pairs)
            ]
        return addends[0] if addends else Const(0)

    def accumulate(self, addend: Value, *, name: str) -> tuple[Value, Value, Value]:
        """All that was ever added, modulo 2**96; whether that wrapped round just now; whether it did before.

        What has wrapped is for the reader to mask: so the carry drives one flip-flop and not 96.
        """
        mask = (1 << TOTAL_BITS) - 1
        register = Signal(TOTAL_BITS, name=f"{name}_register", init=mask if self.inverted else 0)
        if self.inverted:
            # The inverse of a sum is a difference, a - b = a + ~b + 1.  The ones below the first bit are the
            # carry in: this leaves no inverter before or behind the carry chain, the longest path of all.
            subtrahend = addend | Const(0, TOTAL_BITS)
            following = (Cat(Const(1), register) + Cat(Const(1), ~subtrahend))[1:]
            wraps = ~following[TOTAL_BITS]
        else:
            following = register + addend
            wraps = following[TOTAL_BITS]
        self.m.d.sync += register.eq(following)
        low = (~register).as_unsigned() if self.inverted else register
        wrapped = self.hold(wraps, name=f"{name}_wrapped")
        return low, wrapped, self.latch(wrapped, name=f"{name}_full")
