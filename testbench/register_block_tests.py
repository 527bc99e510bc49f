"""Runs in the simulator: RegisterBlock, on a bus that stalls, against the map that it was made from."""

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiResp
from interlock_hdl.registers.block import RegisterBlock
from interlock_hdl.registers.map import Kind, read
from lib.axi import registers
from lib.parameters import generator
from lib.patterns import PATTERNS
from lib.streams import cycles, start

MAP = read()
BYTES = 1 << MAP.address_width
AT = {register.address: register for register in MAP.registers}


class Bench:
    """A block with random values to show, and counts of what it was asked for."""

    def __init__(self, dut, pattern: str) -> None:
        self.dut = dut
        self.random = generator()
        self.bus = registers(dut, "bus", pattern=pattern, random=self.random)
        self.shown: dict[tuple[int, str], int] = {}
        self.asked: dict[str, int] = {}
        self._requests = []
        for register in MAP.registers:
            for field in register.fields:
                port = register.port(field)
                if field.kind is Kind.SHOWN:
                    value = self.random.getrandbits(field.width)
                    getattr(dut, port).value = value
                    self.shown[register.address, field.name] = value
                elif field.kind is Kind.REQUEST:
                    self.asked[port] = 0
                    self._requests.append((port, getattr(dut, port)))
        cocotb.start_soon(self._count())

    async def _count(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            for port, handle in self._requests:
                self.asked[port] += bool(handle.value)

    def word(self, address: int) -> int:
        """What a readable register shows."""
        word = 0
        for field in AT[address].fields:
            value = field.value if field.kind is Kind.CONSTANT else self.shown[address, field.name]
            word |= value << field.low
        return word


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def random_traffic_is_answered_as_the_map_says(dut, pattern):
    bench = Bench(dut, pattern)
    random = bench.random
    await start(dut)
    expected = dict.fromkeys(bench.asked, 0)

    async def write() -> None:
        address = random.choice([*AT, random.randrange(0, BYTES, 4)])
        skipped = random.randint(0, 3)
        data = random.randbytes(random.randint(1, 4 - skipped))
        register = AT.get(address)
        word = int.from_bytes(data, "little") << 8 * skipped
        if register and register.is_request:
            for field in register.fields:
                expected[register.port(field)] += word >> field.low & 1
        answer = await bench.bus.write(address + skipped, data)
        right = AxiResp.OKAY if register and register.is_request else AxiResp.SLVERR
        assert answer.resp == (right if register else AxiResp.DECERR)

    async def look() -> None:
        address = random.choice([*AT, random.randrange(0, BYTES, 4)])
        register = AT.get(address)
        answer = await bench.bus.read(address, 4)
        if register and not register.is_request:
            assert answer.resp == AxiResp.OKAY
            assert int.from_bytes(answer.data, "little") == bench.word(address)
        else:
            assert answer.resp == (AxiResp.SLVERR if register else AxiResp.DECERR)
            assert answer.data == bytes(4)

    for _ in range(100):
        running = [cocotb.start_soon(random.choice((write, look))()) for _ in range(random.randint(1, 6))]
        for task in running:
            await task
    await cycles(dut, 4)
    assert bench.asked == expected
    assert sum(expected.values()) > 20


async def start_quietly(dut) -> None:
    """A bus on which nobody says anything, for a test that drives it by hand."""
    for name in ("awvalid", "wvalid", "arvalid", "bready", "rready"):
        getattr(dut, f"bus__{name}").value = 0
    await start(dut)


async def put(dut, address: int, word: int, strobes: int) -> None:
    """One write, whose answer is not taken."""
    dut.bus__awaddr.value, dut.bus__wdata.value, dut.bus__wstrb.value = address, word, strobes
    dut.bus__awvalid.value = dut.bus__wvalid.value = 1
    await RisingEdge(dut.clk)
    assert dut.bus__awready.value
    assert dut.bus__wready.value
    dut.bus__awvalid.value = dut.bus__wvalid.value = 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bytes_without_strobe_ask_for_nothing(dut):
    await start_quietly(dut)
    dut.bus__bready.value = 1
    register = MAP["REOPEN"]
    for strobes in range(16):
        await put(dut, register.address, 0xFFFFFFFF, strobes)
        await RisingEdge(dut.clk)
        for field in register.fields:
            assert getattr(dut, register.port(field)).value == strobes >> field.low // 8 & 1
        await cycles(dut, 3)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def an_answer_waits_for_the_host_and_the_next_for_it(dut):
    await start_quietly(dut)
    await put(dut, BYTES - 4, 0, 15)
    await cycles(dut, 1)
    await put(dut, MAP["CONTROL"].address, 1, 15)
    for _ in range(10):
        await RisingEdge(dut.clk)
        assert not dut.control_roll.value, "asked before the answer can be given"
        assert (dut.bus__bvalid.value, dut.bus__bresp.value) == (1, AxiResp.DECERR)
    dut.bus__bready.value = 1
    answers, asked = [], 0
    for _ in range(10):
        await RisingEdge(dut.clk)
        asked += int(dut.control_roll.value)
        if dut.bus__bvalid.value:
            answers.append(int(dut.bus__bresp.value))
    assert answers == [AxiResp.DECERR, AxiResp.OKAY]
    assert asked == 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(first=["address", "word", "both"])
async def latency_is_exact_in_any_order(dut, first):
    """From whichever comes last; the request one cycle before the answer, once, and held by no stall."""
    await start_quietly(dut)
    dut.bus__awaddr.value, dut.bus__wdata.value, dut.bus__wstrb.value = MAP["CONTROL"].address, 1, 1
    order = {"address": ("aw", "w"), "word": ("w", "aw"), "both": ("aw w",)}[first]
    for channels in order:
        for channel in channels.split():
            getattr(dut, f"bus__{channel}valid").value = 1
        await RisingEdge(dut.clk)
        for channel in channels.split():
            assert getattr(dut, f"bus__{channel}ready").value
            getattr(dut, f"bus__{channel}valid").value = 0
        if channels is not order[-1]:
            await cycles(dut, 5)
            assert not dut.bus__bvalid.value
    seen = []
    for _ in range(8):
        await RisingEdge(dut.clk)
        seen.append((int(dut.control_roll.value), int(dut.bus__bvalid.value)))
    latency = RegisterBlock.latency
    assert seen == [(1, 0), *[(0, 1)] * 7][: latency - 1 + 7]
    dut.bus__bready.value = 1
    await cycles(dut, 1)
    await cycles(dut, 1)
    assert not dut.bus__bvalid.value
