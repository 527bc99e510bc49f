"""Runs in the simulator: FlopCounter beside the golden counter, compared in every cycle."""

from collections import deque
from itertools import product
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.counter import Counter
from interlock.model.parameters import Bin, NodeParameters
from interlock_hdl.config import STANDARD_WEIGHTS, InterlockConfig, IssuePort, OpClass, WeightTable
from interlock_hdl.config import Bin as HdlBin
from interlock_hdl.counter import CounterAlarm, FlopCounter
from interlock_hdl.events import OpEvent
from interlock_hdl.record import Mode
from lib.parameters import generator, parameters
from lib.patterns import pauses
from lib.streams import cycles, pack, start, unpack

HEAVY_WEIGHTS = WeightTable(
    number=7,
    classes={
        0x00: OpClass(flops=0, bin=HdlBin.INTEGER),
        0x80: OpClass(flops=1000, bin=HdlBin.FP32),
        0xFF: OpClass(flops=37, bin=HdlBin.FP8),
    },
)
ONE_CLASS = WeightTable(number=8, classes={0x11: OpClass(flops=3, bin=HdlBin.FP32)})
EVENTS, OPAQUE = Mode.EVENTS, Mode.OPAQUE

CASES = {
    "one_port": ([IssuePort(peak=32)], STANDARD_WEIGHTS),
    "two_ports": ([IssuePort(peak=32), IssuePort(peak=4)], STANDARD_WEIGHTS),
    "three_ports": ([IssuePort(peak=32), IssuePort(peak=4), IssuePort(peak=131070)], STANDARD_WEIGHTS),
    "opaque_only": ([IssuePort(mode=OPAQUE, peak=2**24 - 1)], STANDARD_WEIGHTS),
    "both_modes": (
        [IssuePort(mode=OPAQUE, peak=100), IssuePort(peak=32), IssuePort(mode=OPAQUE, peak=7)],
        STANDARD_WEIGHTS,
    ),
    "heavy_weights": ([IssuePort(peak=2**24 - 1), IssuePort(peak=5000)], HEAVY_WEIGHTS),
    "one_class": ([IssuePort(peak=9)], ONE_CLASS),
}
FULL = 2**96 - 1


def component(case: str) -> FlopCounter:
    ports, weights = CASES[case]
    return FlopCounter(issue_ports=tuple(ports), weights=weights)


class Expected:
    """The golden counter, sampled in every cycle, on top of what the totals were set to."""

    def __init__(self, case: str) -> None:
        ports, weights = CASES[case]
        self.build = NodeParameters.of(InterlockConfig(issue_ports=tuple(ports), weights=weights))
        self.wipe()

    def wipe(self) -> None:
        self.golden = Counter(self.build)
        self.positions = [0] * len(self.build.issue_ports)
        self.preset = 0
        self.saturated = False

    def cycle(self, events: list[dict], counting: bool) -> None:
        for number, (port, event) in enumerate(zip(self.build.issue_ports, events, strict=True)):
            if port.mode == OPAQUE:
                self.positions[number] += counting
            elif event["valid"]:
                self.golden.put(number, event["op_class"], event["count"], 1)
                self.positions[number] += 1
        count = self.golden.sample(self.positions)
        self.saturated |= self.preset + count.total > FULL
        self.total = min(self.preset + count.total, FULL)
        self.bins = [min(self.preset + flops, FULL) for flops in count.bins]


class Bench:
    """Drives the counter, and checks everything that it shows in every cycle."""

    def __init__(self, dut, case: str, random: Random) -> None:
        self.dut, self.random = dut, random
        self.expected = Expected(case)
        self.latency = component(case).latency
        self.events = [getattr(dut, f"events__{n}") for n in range(len(CASES[case][0]))]
        self.classes = sorted(CASES[case][1].classes)
        self.answers = 0

    async def start(self) -> None:
        for port in [self.dut.sample, self.dut.counting, self.dut.wipe, *self.events]:
            port.value = 0
        await start(self.dut)
        cocotb.start_soon(self._check())

    async def wipe(self) -> None:
        self.idle()
        self.dut.wipe.value = 1
        await cycles(self.dut, self.random.randint(1, 3))
        self.dut.wipe.value = 0

    def idle(self) -> None:
        for port in [self.dut.sample, self.dut.counting, *self.events]:
            port.value = 0

    def event(self, port: int, op_class: int, count: int) -> None:
        self.events[port].value = pack(OpEvent, {"valid": 1, "op_class": op_class, "count": count})

    def random_events(self) -> None:
        """On every port: known classes and unknown, small counts and large, now and then none at all."""
        for port in self.events:
            classes = [*self.classes, self.random.randrange(256)]
            event = {
                "valid": self.random.random() < 0.9,
                "op_class": self.random.choice(classes),
                "count": self.random.choice([1, 2, 16, 0xFFFF, self.random.randrange(1 << 16)]),
            }
            port.value = pack(OpEvent, event)

    async def settle(self) -> None:
        """Asks for a last sample, and waits for it."""
        self.idle()
        self.dut.sample.value = 1
        await cycles(self.dut, 1)
        self.dut.sample.value = 0
        await cycles(self.dut, self.latency + 1)

    async def _check(self) -> None:
        dut, expected = self.dut, self.expected
        due: deque = deque()
        held = (0, [0] * len(Bin))
        now = 0
        while True:
            await RisingEdge(dut.clk)  # what is read here is what the cycle before this edge showed
            now += 1
            alarm = unpack(CounterAlarm, int(dut.alarm.value))
            if due and due[0][0] == now:
                _, held, saturated, over_peak = due.popleft()
                assert dut.sampled.value == 1, f"no answer {self.latency} cycles after the sample"
                assert alarm["saturated"] >= saturated, "saturated only after a sample that covers it"
                assert alarm["over_peak"] >= over_peak, "over peak only after a sample that covers it"
                self.answers += 1
            else:
                assert dut.sampled.value == 0, "an answer to nothing"
            assert int(dut.count.value) == held[0]
            assert [int(getattr(dut, f"bins__{b}").value) for b in Bin] == held[1]
            assert alarm["saturated"] <= expected.saturated
            assert alarm["over_peak"] <= expected.golden.over_peak
            assert not alarm["mismatch"]

            if dut.wipe.value:
                expected.wipe()
                due.clear()
                held = (0, [0] * len(Bin))
                continue
            events = [unpack(OpEvent, int(port.value)) for port in self.events]
            expected.cycle(events, bool(dut.counting.value))
            if dut.sample.value:
                state = (expected.total, list(expected.bins))
                due.append((now + self.latency, state, expected.saturated, expected.golden.over_peak))


async def begin(dut) -> Bench:
    bench = Bench(dut, parameters()["case"], generator())
    await bench.start()
    return bench


@cocotb.test()
async def every_event_is_in_the_sample_of_its_cycle(dut):
    """Every pair of patterns of events and samples, OPAQUE ports switched at random."""
    bench = await begin(dut)
    random = bench.random
    for event_pattern, sample_pattern in product(("none", "half", "bursts"), repeat=2):
        before = bench.answers
        no_event, no_sample = pauses(event_pattern, random), pauses(sample_pattern, random)
        for _ in range(150):
            bench.idle()
            if not next(no_event):
                bench.random_events()
                dut.counting.value = random.random() < 0.7
            dut.sample.value = not next(no_sample)
            await cycles(dut, 1)
        await bench.settle()
        assert bench.answers > before
        if random.random() < 0.5:
            await bench.wipe()
    if sample_pattern == "none":
        assert bench.answers >= 150


@cocotb.test()
async def a_lone_event_is_covered_in_its_own_cycle_and_not_one_earlier(dut):
    bench = await begin(dut)
    for offset in range(-2, 3):
        await bench.wipe()
        for cycle in range(6):
            bench.idle()
            if cycle == 3:
                bench.random_events()
                dut.counting.value = 1
            dut.sample.value = cycle == 3 + offset
            await cycles(dut, 1)
        await bench.settle()


@cocotb.test()
async def every_op_class_has_its_weight(dut):
    """All 256 classes, on each port alone."""
    bench = await begin(dut)
    dut.sample.value = 1
    for port in range(len(bench.events)):
        for op_class in range(256):
            bench.event(port, op_class, 1 + op_class)
            await cycles(dut, 1)
        bench.idle()
        dut.sample.value = 1
    await bench.settle()


@cocotb.test()
async def over_peak_is_an_alarm_until_wiped_and_is_counted(dut):
    """One FLOP above the peak raises it, the peak itself does not."""
    bench = await begin(dut)
    for number, port in enumerate(bench.expected.build.issue_ports):
        for op_class in bench.classes:
            weight = bench.expected.build.weights[op_class].flops
            if port.mode == OPAQUE:
                cases = [(0xFFFF, 0)]  # its events mean nothing
            elif weight and port.peak // weight < 0xFFFF:
                cases = [(port.peak // weight, 0), (port.peak // weight + 1, 1)]
            else:
                cases = [(0xFFFF, 0)]  # no event can be above this peak
            for count, alarm in cases:
                await bench.wipe()
                bench.event(number, op_class, count)
                await cycles(dut, 1)
                await bench.settle()
                assert unpack(CounterAlarm, int(dut.alarm.value))["over_peak"] == alarm
                assert int(dut.count.value) == (count * weight if port.mode == EVENTS else 0)
                await cycles(dut, 20)
                assert unpack(CounterAlarm, int(dut.alarm.value))["over_peak"] == alarm, "not latched"


@cocotb.test()
async def a_wipe_leaves_nothing_behind_and_drops_samples_on_their_way(dut):
    bench = await begin(dut)
    for cycle in range(2 * bench.latency):
        await bench.wipe()
        for _ in range(cycle):
            bench.random_events()
            dut.counting.value = 1
            dut.sample.value = 1
            await cycles(dut, 1)
    await bench.wipe()
    await bench.settle()
    assert int(dut.count.value) == 0
    assert int(dut.alarm.value) == 0


@cocotb.test()
async def a_full_total_saturates_raises_the_alarm_and_stays(dut):
    """Totals and bins are set to just below full, in both copies: a state that no bench can wait for."""
    bench = await begin(dut)
    expected, op_class = bench.expected, bench.classes[0]
    weight = expected.build.weights[op_class].flops
    for room in (0, 1, weight, 50_000):
        await bench.wipe()
        await cycles(dut, bench.latency)
        near = FULL - room
        dut.plain.total_register.value = near
        dut.inverted.total_register.value = FULL & ~near
        for b in Bin:
            getattr(dut.plain, f"{b.name.lower()}_total_register").value = near
        expected.preset = near

        for count in (room // weight, room % weight, 0, 0x1234, 0xFFFF):
            bench.event(0, op_class, count)
            await cycles(dut, 1)
            await bench.settle()
        assert expected.saturated
        assert unpack(CounterAlarm, int(dut.alarm.value))["saturated"] == 1
        for _ in range(20):
            bench.random_events()
            dut.sample.value = 1
            await cycles(dut, 1)
        await bench.settle()
        assert int(dut.count.value) == FULL
