"""Runs in the simulator: Session, driven as an accelerator, a host and the other blocks would."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from interlock_hdl.session import Alarm
from lib.parameters import generator, parameters

INPUTS = (
    "roll",
    "clear_done",
    "wiped",
    "random__payload",
    "random__valid",
    "maker",
    "serial",
    "own_ready",
    "event_seen",
    "beat_seen",
    "alarms",
)


class Bench:
    """Drives inputs on falling edges, and keeps what must hold in every cycle."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.key_words = parameters()["key_words"]

    async def start(self) -> None:
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        self.dut.rst.value = 1
        cocotb.start_soon(Clock(self.dut.clk, 10, unit="ns").start())
        await self.cycles(3)
        self.dut.rst.value = 0
        await self.cycles(1)

    async def cycles(self, count: int = 1) -> None:
        for _ in range(count):
            await FallingEdge(self.dut.clk)

    async def strobe(self, name: str, value: int = 1) -> None:
        getattr(self.dut, name).value = value
        await self.cycles()
        getattr(self.dut, name).value = 0

    def outputs(self) -> tuple[int, int, int, int]:
        """clear_request, wipe, counting, open."""
        dut = self.dut
        return tuple(int(getattr(dut, n).value) for n in ("clear_request", "wipe", "counting", "open"))

    async def clear(self) -> None:
        """From CLEAR to DRAW."""
        self.dut.clear_done.value = self.dut.wiped.value = 1
        await self.cycles()
        self.dut.wiped.value = 0

    async def draw(self, high: int, low: int, *, key: int = 0) -> None:
        words = [key >> 32 * n & 0xFFFFFFFF for n in reversed(range(self.key_words))]
        for word in (high, low, *words):
            self.dut.random__payload.value = word
            self.dut.random__valid.value = 1
            assert int(self.dut.random__ready.value) == 1
            await self.cycles()
        self.dut.random__valid.value = 0

    async def open(self, high: int = 0x01234567, low: int = 0x89ABCDEF) -> None:
        """From CLEAR to OPEN."""
        await self.clear()
        await self.draw(high, low)
        await self.strobe("own_ready")
        self.dut.clear_done.value = 0
        await self.cycles()
        assert self.outputs() == (0, 0, 1, 1)


CLEAR = (1, 1, 0, 0)
HELD = (1, 0, 0, 0)  # DRAW, ENTER
RELEASE = (0, 0, 1, 0)
OPEN = (0, 0, 1, 1)
CLOSED = (0, 0, 0, 0)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_session_opens_step_by_step(dut):
    bench = Bench(dut)
    await bench.start()
    dut.maker.value, dut.serial.value = 0xAABBCCDD, 0x11223344
    assert bench.outputs() == CLEAR
    dut.clear_done.value = 1
    await bench.cycles(3)
    assert bench.outputs() == CLEAR, "buffers are not wiped yet"
    dut.clear_done.value, dut.wiped.value = 0, 1
    await bench.cycles(3)
    assert bench.outputs() == CLEAR, "the accelerator is not wiped yet"
    assert int(dut.random__ready.value) == 0, "nothing is drawn before DRAW"
    await bench.clear()
    assert bench.outputs() == HELD
    await bench.cycles(3)
    assert bench.outputs() == HELD, "no entropy yet"
    key = generator().getrandbits(128)
    await bench.draw(0x01234567, 0x89ABCDEF, key=key)
    assert bench.outputs() == HELD
    assert int(dut.random__ready.value) == 0, "a word too many is taken"
    if bench.key_words:
        assert int(dut.key.value) == key
    assert int(dut.enter.value) == 1
    assert int(dut.session_id.value) == 0xAABBCCDD_11223344_01234567_89ABCDEF
    await bench.cycles(3)
    assert bench.outputs() == HELD, "the log has no entry 0 yet"
    dut.clear_done.value = 0
    dut.own_ready.value = 1
    await bench.cycles(3)
    assert bench.outputs() == HELD, "a second clear of the accelerator is running"
    dut.clear_done.value = 1
    await bench.cycles()
    assert bench.outputs() == RELEASE
    await bench.cycles(3)
    assert bench.outputs() == RELEASE, "clear_done has not fallen"
    dut.clear_done.value = 0
    assert int(dut.opened.value) == 0
    await bench.cycles()
    assert bench.outputs() == OPEN
    assert int(dut.opened.value) == 1
    assert int(dut.ticks.value) == 0
    await bench.cycles(5)
    assert int(dut.opened.value) == 0
    assert int(dut.ticks.value) == 5


async def _to_state(bench: Bench, state: str) -> None:
    await bench.start()
    if state == "CLEAR":
        return
    await bench.clear()
    if state == "DRAW":
        return
    await bench.draw(1, 2)
    if state == "ENTER":
        return
    await bench.strobe("own_ready")
    if state == "RELEASE":
        return
    bench.dut.clear_done.value = 0
    await bench.cycles()
    if state == "CLOSED":
        await bench.strobe("alarms", 1 << Alarm.LOG_FAULT)


EXPECTED = {"CLEAR": CLEAR, "DRAW": HELD, "ENTER": HELD, "RELEASE": RELEASE, "OPEN": OPEN, "CLOSED": CLOSED}


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(state=list(EXPECTED))
async def roll_leads_to_clear_from_every_state(dut, state):
    bench = Bench(dut)
    await _to_state(bench, state)
    assert bench.outputs() == EXPECTED[state]
    dut.clear_done.value = 0
    await bench.strobe("roll")
    assert bench.outputs() == CLEAR
    await bench.cycles(2)
    assert int(dut.alarm.value) == 0, "a new session starts without alarms"
    await bench.open(3, 4)
    assert int(dut.session_id.value) == 0x00000003_00000004


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(
    cause=[
        Alarm.COUNTER_MISMATCH,
        Alarm.SATURATED,
        Alarm.OVER_PEAK,
        Alarm.NO_FIRST,
        Alarm.LOG_FAULT,
        Alarm.OWN_AHEAD,
    ],
    state=["DRAW", "ENTER", "RELEASE", "OPEN"],
)
async def an_alarm_closes_every_gate_until_a_roll(dut, cause, state):
    bench = Bench(dut)
    await _to_state(bench, state)
    await bench.strobe("alarms", 1 << cause)
    assert bench.outputs() == CLOSED
    assert int(dut.alarm.value) == 1 << cause
    dut.own_ready.value = dut.wiped.value = dut.random__valid.value = 1
    for clear_done in (0, 1, 0, 1):
        dut.clear_done.value = clear_done
        await bench.cycles(5)
        assert bench.outputs() == CLOSED, "there is no way out but a roll"
        assert int(dut.alarm.value) == 1 << cause, "latched"


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(state=list(EXPECTED))
async def early_events_and_beats_are_alarms_only_between_clear_done_and_its_fall(dut, state):
    for signal, bit in (("event_seen", Alarm.EARLY_EVENT), ("beat_seen", Alarm.EARLY_BEAT)):
        bench = Bench(dut)
        await _to_state(bench, state)
        before = int(dut.alarm.value)
        if state == "RELEASE":
            dut.clear_done.value = 1
        await bench.strobe(signal)
        if state in ("DRAW", "ENTER"):
            assert bench.outputs() == CLOSED
            assert int(dut.alarm.value) == 1 << bit
        else:
            assert bench.outputs() == EXPECTED[state]
            assert int(dut.alarm.value) == before


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def random_histories_never_open_a_gate_without_a_clear(dut):
    """Any inputs in any order: gates open only after a wiped CLEAR and exactly its fresh words."""
    rng = generator()
    bench = Bench(dut)
    await bench.start()
    wiped = drawn = 0
    opened = 0
    for _ in range(20000):
        for name, probability in (
            ("roll", 0.01),
            ("clear_done", 0.5),
            ("wiped", 0.5),
            ("random__valid", 0.5),
            ("own_ready", 0.5),
            ("event_seen", 0.02),
            ("beat_seen", 0.02),
        ):
            getattr(dut, name).value = rng.random() < probability
        dut.alarms.value = rng.choice((0,) * 40 + tuple(1 << a for a in range(3)))
        dut.random__payload.value = rng.getrandbits(32)
        ready = int(dut.random__ready.value)
        await bench.cycles()
        request, wipe, _, is_open = bench.outputs()
        if wipe:
            wiped, drawn = 1, 0
        drawn += ready and int(dut.random__valid.value)
        if is_open:
            assert wiped, "gates opened without a clear"
            assert drawn == 2 + bench.key_words, f"gates opened after {drawn} random words"
            assert not request
            opened += int(dut.opened.value)
        if int(dut.alarm.value) or int(dut.rolled.value):
            assert not is_open
            wiped = wiped if wipe else 0
    assert opened > 20, opened
