"""Runs in the simulator: the registers of a top, while it works."""

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiResp
from interlock.device.registers import Registers
from interlock.model.parameters import Mode
from interlock_hdl.registers.map import Kind, read
from lib.parameters import parameters
from lib.patterns import PATTERNS
from lib.streams import cycles
from lib.top_bench import BEAT_BYTES, MESSAGE_BYTES, OVER_PEAK, begin, exchange
from lib.top_side import ADDRESS, Side

PERIOD = 1 << parameters().get("status_period_log2", 4)
BYTES = 1 << read().address_width
STATUS_PORTS = ("status_open", "status_clearing", "status_alarm", "status_links")
REQUESTS = [register.address for register in read().registers if register.is_request]
READABLE = [register.address for register in read().registers if not register.is_request]


class Words:
    """A bus for the accessors, of words that were read before."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words

    @classmethod
    async def of(cls, side: Side) -> "Words":
        """Everything that can be read."""
        return cls(
            {address: await side.read(name) for name, address in ADDRESS.items() if address in READABLE}
        )

    def read(self, address: int) -> int:
        return self.words[address]

    def write(self, address: int, value: int) -> None:
        raise AssertionError("this bus is only read")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def registers_say_what_is_there(dut):
    bench = await begin(dut, "half")
    registers = Registers(await Words.of(bench.b))
    registers.check()
    identity = registers.identity()
    assert (identity.maker, identity.serial) == (0x1A7E0001, ord("b"))
    assert (identity.links, identity.beat_bytes) == (1, BEAT_BYTES)
    assert (identity.log_entries, identity.message_bytes) == (16, MESSAGE_BYTES)
    assert (identity.mode, identity.weight_table) == (Mode.EVENTS, 1)
    assert identity.status_period == PERIOD
    state = registers.state()
    assert state.is_open
    assert not state.is_clearing
    assert (state.alarms, state.open_links) == ((), (0,))

    await bench.b.compute(OVER_PEAK)
    await cycles(dut, 2 * PERIOD)
    state = Registers(await Words.of(bench.b)).state()
    assert not state.is_open
    assert (state.alarms, state.open_links) == (("over_peak",), ())
    await bench.b.write("CONTROL", 1)
    await cycles(dut, 2 * PERIOD)
    await bench.ready()
    assert Registers(await Words.of(bench.b)).state().alarms == ()


async def disturb(side: Side, *, rolls: bool) -> int:
    """Reads and writes anything anywhere, for ever; returns only by being cancelled."""
    random = side.random
    while True:
        address, length = random.randrange(BYTES), random.randint(1, 12)
        length = min(length, BYTES - address)
        if random.random() < 0.5:
            await side.registers.read(address, length)
            continue
        data = bytearray(random.randbytes(length))
        at = ADDRESS["CONTROL"] - address
        if not rolls and 0 <= at < length:
            data[at] &= ~1
        await side.registers.write(address, bytes(data))


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def whatever_a_host_writes_disturbs_nothing_but_by_rolls(dut, pattern):
    """Reopens, writes to what is read only and to nothing, reads of everything: messages pass as without."""
    bench = await begin(dut, pattern)
    disturbers = [cocotb.start_soon(disturb(side, rolls=False)) for side in bench.sides]
    await exchange(bench, bench.a, bench.b, (40, MESSAGE_BYTES))
    await exchange(bench, bench.b, bench.a, (40,))
    assert [side.clears for side in bench.sides] == [1, 1]

    for disturber in disturbers:
        disturber.cancel()
    disturbers = [cocotb.start_soon(disturb(side, rolls=True)) for side in bench.sides]
    bench.a.send_from_host(bytes(MESSAGE_BYTES))
    while min(side.clears for side in bench.sides) < 4:
        await cycles(dut, 100)
    for disturber in disturbers:
        disturber.cancel()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def status_moves_on_a_grid_that_the_accelerator_does_not_move(dut):
    """Alarms at any moment are seen when a counter that runs from reset on says so, and not before."""
    bench = await begin(dut, "none")
    side, changes = bench.a, 0
    ports = [side.port(name) for name in STATUS_PORTS]
    before = [int(port.value) for port in ports]
    phase: int | None = None

    async def watch() -> None:
        nonlocal before, changes, phase
        cycle = 0
        while True:
            await RisingEdge(dut.clk)
            cycle += 1
            now = [int(port.value) for port in ports]
            if now != before:
                phase = cycle % PERIOD if phase is None else phase
                assert cycle % PERIOD == phase, f"changed {cycle % PERIOD - phase} cycles off the grid"
                changes += 1
            before = now

    cocotb.start_soon(watch())
    for _ in range(12):
        await cycles(dut, bench.random.randint(0, PERIOD))
        await side.compute(OVER_PEAK)
        while not side.port("status_alarm").value:
            await RisingEdge(dut.clk)
        await cycles(dut, bench.random.randint(0, PERIOD))
        await side.write("CONTROL", 1)
        await cycles(dut, 2 * PERIOD)
        await bench.ready()
    assert changes > 24


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def an_answer_takes_as_long_in_every_state(dut):
    """While messages pass, after an alarm, and in a clear: 2 cycles for a read."""
    bench = await begin(dut, "none")
    side = bench.a
    bus = {name: side.port(f"s_axil__{name}") for name in ("arvalid", "arready", "rvalid", "rready")}
    latencies: set[int] = set()

    async def watch() -> None:
        accepted: list[int] = []
        cycle = 0
        while True:
            await RisingEdge(dut.clk)
            cycle += 1
            if bus["rvalid"].value and bus["rready"].value:
                latencies.add(cycle - accepted.pop(0))
            if bus["arvalid"].value and bus["arready"].value:
                accepted.append(cycle)

    cocotb.start_soon(watch())
    for register in read().registers:
        for field in register.fields:
            if field.kind is Kind.SHOWN:
                await side.read(register.name)
    side.send_from_host(bytes(MESSAGE_BYTES))
    for _ in range(40):
        await side.read("STATUS")
    await side.compute(OVER_PEAK)
    for _ in range(20):
        await side.read("ALARM")
    await side.write("CONTROL", 1)
    for _ in range(40):
        await side.read("LINKS")
    assert latencies == {2}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def no_word_tells_of_work_or_traffic(dut):
    """Computing, receiving and sending change no register, as long as the gates stay open."""
    bench = await begin(dut, "none")
    before = [(await Words.of(side)).words for side in bench.sides]
    await exchange(bench, bench.a, bench.b, (40, MESSAGE_BYTES))
    assert bench.a.flops > 0
    assert [(await Words.of(side)).words for side in bench.sides] == before


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def wrong_addresses_are_answered_as_documented(dut):
    bench = await begin(dut, "none")
    for address in range(0, BYTES, 4):
        answer = await bench.a.registers.read(address, 4)
        expected = AxiResp.SLVERR if address in REQUESTS else AxiResp.DECERR
        if address in READABLE:
            assert answer.resp == AxiResp.OKAY
        else:
            assert (answer.resp, answer.data) == (expected, bytes(4))
        written = await bench.a.registers.write(address, bytes(4))
        known = {**dict.fromkeys(READABLE, AxiResp.SLVERR), **dict.fromkeys(REQUESTS, AxiResp.OKAY)}
        assert written.resp == known.get(address, AxiResp.DECERR)
