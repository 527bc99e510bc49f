"""Runs in the simulator: every flip-flop of a block is flipped, at random cycles of random traffic.

What the block shows with the flip is compared with what it shows without, cycle by cycle.
"""

from collections import Counter
from collections.abc import Callable
from itertools import product
from random import Random

import cocotb
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from interlock_hdl.config import InterlockConfig
from interlock_hdl.counter import CounterAlarm, FlopCounter
from interlock_hdl.events import OpEvent
from interlock_hdl.log.log import Log
from interlock_hdl.log.scan import ScanRequest
from interlock_hdl.log.store import MergeRequest
from interlock_hdl.session import Session
from lib.flips import Cycle, FlipFlop, Inside, MemoryBit, Replay, difference, flip_flops, memories
from lib.parameters import generator, parameters
from lib.streams import pack, unpack

CONFIG = InterlockConfig()
LOG_CONFIG = InterlockConfig(log_entries=3, links=2)
DETECTION = 2  # cycles from a flip to the alarm


class OneLaneCounter(FlopCounter):
    """A counter that believes one lane and compares nothing: the campaign must find it out."""

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.plain = lane = self.plain
        m.d.comb += [lane.counting.eq(self.counting), lane.sample.eq(self.sample)]
        m.d.comb += [inner.eq(outer) for inner, outer in zip(lane.events, self.events, strict=True)]
        m.d.comb += [self.sampled.eq(lane.sampled), self.count.eq(lane.count)]
        return m


class Single(wiring.Component):
    """Looks like a Twin and is only one."""

    def __init__(self, shape, *, init=None) -> None:
        super().__init__({"next": In(shape), "load": In(1), "value": Out(shape, init=init), "fault": Out(1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        with m.If(self.load):
            m.d.sync += Value.cast(self.value).eq(self.next)
        return m


class UntwinnedLog(Log):
    """A log whose store and change bits hold control registers once: the campaign must find out each."""

    def __init__(self, config: InterlockConfig) -> None:
        super().__init__(config)
        for part in (self.store, self.scanner.changes):
            part.control = Single(part.control.value.shape())


def bits_of(block: wiring.Component) -> list[FlipFlop | MemoryBit]:
    """Everything in it that can flip."""
    of_memories = (
        MemoryBit(memory.path, word, bit)
        for memory in memories(block)
        for word, bit in product(range(memory.depth), range(memory.width))
    )
    return [*flip_flops(block, memories=True), *of_memories]


def component(name: str) -> wiring.Component:
    return Inside(_block(name))


def _block(name: str) -> wiring.Component:
    match name:
        case "counter":
            return FlopCounter(issue_ports=CONFIG.issue_ports, weights=CONFIG.weights)
        case "one_lane_counter":
            return OneLaneCounter(issue_ports=CONFIG.issue_ports, weights=CONFIG.weights)
        case "log":
            return Log(LOG_CONFIG)
        case "untwinned_log":
            return UntwinnedLog(LOG_CONFIG)
        case "session":
            return Session(key_words=KEY_WORDS)
    raise ValueError(f"no component {name!r}")


# Counter: an under-count never leaves; whatever differs is an alarm in time.

COUNTER_CYCLES = 40
COUNTER_INPUTS = ["events__0", "events__1", "sample"]
COUNTER_OUTPUTS = ["sampled", "count", "alarm"]


def counter_traffic(random: Random) -> list[Cycle]:
    """Events and samples at random, and a last sample when all is quiet."""

    def event() -> int:
        op_class = random.choice([*CONFIG.weights.classes, 0xEE])
        return pack(OpEvent, {"valid": 1, "op_class": op_class, "count": random.getrandbits(16)})

    steps = []
    for cycle in range(COUNTER_CYCLES):
        busy = cycle < COUNTER_CYCLES - 20
        steps.append(
            {
                "events__0": event() if busy and random.random() < 0.6 else 0,
                "events__1": event() if busy and random.random() < 0.6 else 0,
                "sample": (busy and random.random() < 0.4) or cycle == COUNTER_CYCLES - 12,
            }
        )
    return steps


def judge_counter(
    clean: list[Cycle], flipped: list[Cycle], flip_at: int, flip_flop: FlipFlop | MemoryBit
) -> bool:
    """Whether ``mismatch`` rose; fails where a count was too small, or wrong without an alarm in time."""
    for now, (right, seen) in enumerate(zip(clean, flipped, strict=True)):
        alarm, least = unpack(CounterAlarm, seen["alarm"]), unpack(CounterAlarm, right["alarm"])
        assert alarm["saturated"] >= least["saturated"], f"cycle {now}: SATURATED is lost"
        assert alarm["over_peak"] >= least["over_peak"], f"cycle {now}: OVER_PEAK is lost"
        assert right["sampled"] or not seen["sampled"], f"cycle {now}: an answer to nothing"
        if right["sampled"] and seen["sampled"]:
            assert seen["count"] >= right["count"], f"cycle {now}: too small a count"
        if right["sampled"] and (not seen["sampled"] or seen["count"] != right["count"]):
            in_time = unpack(CounterAlarm, flipped[now + DETECTION]["alarm"])["mismatch"]
            assert in_time, f"cycle {now}: a wrong sample and no alarm"
    return bool(unpack(CounterAlarm, flipped[-1]["alarm"])["mismatch"])


# Log: whatever differs is a fault in time.

LOG_CYCLES = 110
LOG_WIPE = 8  # cycles at the beginning: a memory keeps what the run before left in it
LOG_INPUTS = [
    *("merge__payload", "merge__valid", "scan__payload", "scan__valid", "require_full", "entries__ready"),
    "wipe",
]
LOG_OUTPUTS = [
    *("merge__ready", "merged", "answer", "own_ahead", "n_stored_sessions", "n_stored_externals"),
    *("own_ready", "scan__ready", "described", "full", "n_sessions", "n_externals", "entries__payload"),
    *("entries__valid", "read", "read_external", "read_index", "fault"),
]
LATCHED = 2 * DETECTION  # cycles of a fault
HARMLESS = "wiped"  # matters only while the log is held in reset


def log_traffic(random: Random) -> Callable[[Cycle], Cycle | None]:
    """Merges of few sources, digests, marks and scans of every kind, as legal streams; quiet at the end."""
    inputs = dict.fromkeys(LOG_INPUTS, 0)
    cycle = count = 0
    first = True

    def request() -> int:
        own = first or random.random() < 0.15
        entry = {
            "session_id": 9 if own else random.choice([0, 1, 2, 9]),
            "flops": 0 if first else random.getrandbits(random.choice([4, 96])),
            "provenance": {"mode": 1, "weight_table": 1, "flags": random.choice([1, 5, 9])},
        }
        external = not own and random.random() < 0.2
        return pack(MergeRequest, {"own": own, "external": external, "entry": entry})

    def following(seen: Cycle) -> Cycle | None:
        nonlocal cycle, count, first
        if cycle == LOG_CYCLES:
            return None
        busy = LOG_WIPE < cycle < LOG_CYCLES - 15
        if inputs["merge__valid"] and seen["merge__ready"]:
            inputs["merge__valid"], first = 0, False
        if inputs["scan__valid"] and seen["scan__ready"]:
            inputs["scan__valid"] = 0
        if busy and not inputs["merge__valid"] and random.random() < 0.6:
            inputs["merge__payload"], inputs["merge__valid"] = request(), 1
        if busy and not inputs["scan__valid"] and random.random() < 0.5:
            count += random.randrange(1000)
            slot = random.randrange(LOG_CONFIG.links + 1)
            asked = {"slot": slot, "count": count, "bound": random.getrandbits(random.choice([1, 90]))}
            inputs["scan__payload"], inputs["scan__valid"] = pack(ScanRequest, asked), 1
        inputs["require_full"] = random.choice([0] * 15 + [1, 2])
        inputs["entries__ready"] = random.random() < 0.7
        inputs["wipe"] = cycle < LOG_WIPE
        cycle += 1
        return dict(inputs)

    return following


def shown_by_log(cycle: Cycle) -> Cycle:
    """What means something in this cycle."""
    qualified = {"entries__payload": "entries__valid", "answer": "merged"}
    qualified |= dict.fromkeys(("read_external", "read_index"), "read")
    qualified |= dict.fromkeys(("full", "n_sessions", "n_externals"), "described")
    return {n: v for n, v in cycle.items() if n != "fault" and cycle.get(qualified.get(n, ""), 1)}


def judge_log(
    clean: list[Cycle], flipped: list[Cycle], flip_at: int, flip_flop: FlipFlop | MemoryBit
) -> bool:
    """Whether it was a fault; fails where it shows and is none in time, or is in a register and none in time.

    A bit of a memory may be overwritten before it is read.
    """
    assert not any(cycle["fault"] for cycle in clean)
    for now, (right, seen) in enumerate(zip(clean, flipped, strict=False)):
        if wrong := difference(shown_by_log(right), shown_by_log(seen)):
            assert now >= flip_at
            in_time = flipped[min(now + DETECTION, len(flipped) - 1)]["fault"]
            assert in_time, f"cycle {now}: {wrong}, and no fault"
            break
    if isinstance(flip_flop, FlipFlop) and flip_flop.path[-1] != HARMLESS:
        assert flipped[flip_at + DETECTION]["fault"], "a flip that nothing has seen"
        assert flipped[-1]["fault"], "not latched"
    return bool(flipped[-1]["fault"])


def never(seen: list[Cycle]) -> bool:
    return False


def is_latched(seen: list[Cycle]) -> bool:
    """There was a fault, and has been one for some cycles."""
    return all(cycle["fault"] for cycle in seen[-LATCHED:])


# Session: no flip opens a gate, or changes who the node is while it is open.

KEY_WORDS = 1
SESSION_CYCLES = 70
SESSION_INPUTS = [
    *("roll", "clear_done", "wiped", "random__payload", "random__valid", "own_ready"),
    *("event_seen", "beat_seen", "alarms", "maker", "serial"),
]
SESSION_OUTPUTS = [
    "clear_request",
    "wipe",
    "enter",
    "counting",
    "open",
    "session_id",
    "key",
    "alarm",
    "random__ready",
]


def session_traffic(random: Random) -> Callable[[Cycle], Cycle | None]:
    """A well-behaved accelerator and log, and a host that rolls; now and then another block's alarm."""
    cycle = own_ready = clear_done = 0

    def following(seen: Cycle) -> Cycle | None:
        nonlocal cycle, own_ready, clear_done
        if cycle == SESSION_CYCLES:
            return None
        cycle += 1
        if seen and random.random() < 0.7:
            clear_done = seen["clear_request"]
            own_ready = seen["enter"] | own_ready & ~seen["wipe"]
        return {
            "roll": random.random() < 0.05 and cycle < SESSION_CYCLES - 20,
            "clear_done": clear_done,
            "wiped": random.random() < 0.5,
            "random__payload": random.getrandbits(32),
            "random__valid": random.random() < 0.7,
            "own_ready": own_ready,
            "event_seen": 0,
            "beat_seen": 0,
            "alarms": random.random() < 0.02,
            "maker": 0x01020304,
            "serial": 0x05060708,
        }

    return following


def judge_session(
    clean: list[Cycle], flipped: list[Cycle], flip_at: int, flip_flop: FlipFlop | MemoryBit
) -> bool:
    """Whether the gates closed; fails where they opened, or id or key behind open gates are others.

    What was drawn may be wrong behind open gates in the cycle of the flip, which closes them in the next.
    """
    is_late = flip_flop.path[-2] in ("drawn", "left")
    for now, (right, seen) in enumerate(zip(clean, flipped, strict=True)):
        if seen["open"]:
            assert right["open"], f"cycle {now}: gates are open that should not be"
            for name in ("session_id", "key"):
                same = seen[name] == right[name] or (is_late and now == flip_at)
                assert same, f"cycle {now}: another {name}"
    if flip_flop.path[-1] in ("value", "inverse"):  # of a Twin
        assert not flipped[flip_at + is_late]["open"], "gates are still open"
    return any(right["open"] and not seen["open"] for right, seen in zip(clean, flipped, strict=True))


CAMPAIGNS = {
    "counter": (COUNTER_INPUTS, COUNTER_OUTPUTS, counter_traffic, judge_counter, never, 1),
    "log": (LOG_INPUTS, LOG_OUTPUTS, log_traffic, judge_log, is_latched, LOG_WIPE + 1),
    "session": (SESSION_INPUTS, SESSION_OUTPUTS, session_traffic, judge_session, never, 1),
}
"""Inputs, outputs, traffic, judge, when most runs may end, and the first cycle with a flip."""


SMALL = 4  # bits; such a register decides something, and is flipped in many cycles
MANY = 12


class Toy(wiring.Component):
    """A register of its own, one in a submodule, and if asked for a memory, a register without a name."""

    enable: In(1)
    count: Out(3)

    def __init__(self, *, memory: bool = False, anonymous: bool = False) -> None:
        self.memory, self.anonymous = memory, anonymous
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.inner = inner = Module()
        toggle = Signal()
        inner.d.sync += toggle.eq(~toggle)
        enable = [self.enable]
        if self.anonymous:
            enable.append(Signal())
            m.d.sync += enable[1].eq(enable[0])
        with m.If(enable[-1] & toggle):
            m.d.sync += self.count.eq(self.count + 1)
        if self.memory:
            m.submodules.memory = memory = Memory(shape=8, depth=4, init=[])
            port = memory.write_port()
            m.d.comb += [port.en.eq(1), port.data.eq(self.count)]
        return m


@cocotb.test()
async def a_flip_shows_in_its_cycle_and_stays(dut):
    """Of the toy: a bit of the register that is shown, and the one that decides when that counts."""
    replay = Replay(dut, inputs=["enable"], outputs=["count"])

    async def counts(flip_flop: FlipFlop | None, flip_at: int) -> list[int]:
        _, seen = await replay.run([{"enable": 1}] * 8, flip_flop=flip_flop, flip_at=flip_at)
        return [cycle["count"] for cycle in seen]

    assert await counts(None, 0) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert await counts(FlipFlop(("block", "count"), 2), 3) == [0, 0, 1, 5, 6, 6, 7, 7]
    assert await counts(FlipFlop(("block", "inner", "toggle"), 0), 4) == [0, 0, 1, 1, 2, 3, 3, 4]


@cocotb.test()
async def every_flip_is_safe(dut):
    """Each flip-flop in ``rounds`` random cycles, in traffic drawn anew for every few of them.

    Or ``only`` those with this name in their path.
    """
    random = generator()
    inputs, outputs, traffic, judge, enough, begin = CAMPAIGNS[parameters()["campaign"]]
    replay = Replay(dut, inputs=inputs, outputs=outputs)
    only = parameters()["only"]
    everything = [bit for bit in bits_of(component(parameters()["component"])) if only in (None, *bit.path)]
    widths = Counter(flip_flop.path for flip_flop in everything)
    results: Counter[tuple[str, bool]] = Counter()
    for _ in range(parameters()["rounds"]):
        random.shuffle(everything)
        for number, flip_flop in enumerate(everything):
            if number % 25 == 0:
                stimulus, clean = await replay.run(traffic(random))
            cycles = range(begin, len(stimulus) - 12)
            times = MANY if widths[flip_flop.path] <= SMALL else 1
            for flip_at in random.sample(cycles, min(times, len(cycles))):
                until = enough if random.random() < 0.9 else never
                _, flipped = await replay.run(
                    stimulus, flip_flop=flip_flop, flip_at=flip_at, clean=clean, until=until
                )
                try:
                    alarmed = judge(clean, flipped, flip_at, flip_flop)
                except AssertionError as error:
                    raise AssertionError(f"{flip_flop} flipped in cycle {flip_at}: {error}") from None
                results[".".join(flip_flop.path), alarmed] += 1
    seen = sum(count for (_, alarmed), count in results.items() if alarmed)
    print(f"{len(everything)} flip-flops, {results.total()} flips, {seen} seen by the block, all safe")
    for register in sorted({path for path, _ in results}):
        print(f"  {register}: {results[register, True]} seen, {results[register, False]} not")
