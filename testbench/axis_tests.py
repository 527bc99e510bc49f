"""Runs in the simulator: AxisOutput, against what its contract says of a list of beats."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.beat import Beat
from lib.axi import Rules, content, sink
from lib.beats import beats_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS, pauses
from lib.streams import StreamSource, cycles, start

BEAT_BYTES = parameters().get("beat_bytes", 4)


class Bench:
    """A stage, and what it takes: messages, of which ``cut`` are those in progress when ``enable`` falls."""

    def __init__(self, dut, *, source: str, sink_pattern: str) -> None:
        self.dut = dut
        self.random = generator()
        dut.enable.value = dut.may_end.value = 1
        self.source = StreamSource(dut, "i", Beat(BEAT_BYTES), pattern=source, random=self.random)
        self.sink = sink(dut, "o", pattern=sink_pattern, random=self.random)
        self.rules = Rules(dut, "o")
        self.taken: list[bytes | None] = []  # messages that were taken whole; None for each that was cut
        self._message = b""
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        dut, layout = self.dut, Beat(BEAT_BYTES)
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value:
                continue
            if not dut.enable.value:
                if self._message:
                    self.taken.append(None)
                self._message = b""
            if dut.i__valid.value and dut.i__ready.value:
                assert dut.enable.value, "took a beat while it was not enabled"
                bits = int(dut.i__payload.value)
                data, keep = bits & (1 << 8 * BEAT_BYTES) - 1, bits >> layout["keep"].offset
                octets = (keep & (1 << BEAT_BYTES) - 1).bit_count()
                self._message += data.to_bytes(BEAT_BYTES, "little")[:octets]
                if bits >> layout["last"].offset & 1:
                    self.taken.append(self._message)
                    self._message = b""

    def send(self, message: bytes) -> None:
        self.source.send(*(beat.fields() for beat in beats_of(message, BEAT_BYTES)))

    async def drained(self) -> None:
        """Returns when everything that was sent has been taken; fails where that takes for ever."""
        task = cocotb.start_soon(self.source.drained())
        for _ in range(6000):
            if task.done():
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError("a beat is not taken")

    async def received(self) -> list[bytes | None]:
        """Everything that has come out, once nothing more comes."""
        await self.drained()
        await cycles(self.dut, 2)
        for _ in range(1000):
            if self.dut.empty.value:
                break
            await RisingEdge(self.dut.clk)
        assert self.dut.empty.value, "something is due that does not come"
        await cycles(self.dut, 2)
        frames = []
        while not self.sink.empty():
            frames.append(content(self.sink.recv_nowait(compact=False), BEAT_BYTES))
        return frames


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(source=PATTERNS, sink=PATTERNS)
async def cut_messages_end_with_a_mark_and_others_pass(dut, source, sink):
    bench = Bench(dut, source=source, sink_pattern=sink)
    await start(dut)
    for _ in range(60):
        bench.send(bench.random.randbytes(bench.random.randint(1, 6 * BEAT_BYTES)))

    async def gates() -> None:
        closing = pauses("bursts", bench.random)
        ending = pauses("half", bench.random)
        while True:
            dut.enable.value, dut.may_end.value = not next(closing), not next(ending)
            await RisingEdge(dut.clk)

    opens_and_closes = cocotb.start_soon(gates())
    await bench.drained()
    opens_and_closes.cancel()
    dut.enable.value = dut.may_end.value = 1
    whole = await bench.received()
    cut = [i for i, message in enumerate(bench.taken) if message is None]
    assert whole == bench.taken
    assert bench.rules.marks == len(cut) > 3
    if sink != "none":
        assert bench.rules.stalls > 5


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_is_one_cycle_and_throughput_one_beat(dut):
    bench = Bench(dut, source="none", sink_pattern="none")
    await start(dut)
    message = bench.random.randbytes(64 * BEAT_BYTES)
    bench.send(message)
    while not dut.i__valid.value:
        await RisingEdge(dut.clk)
    assert not dut.o__tvalid.value
    await RisingEdge(dut.clk)
    for beat in range(64):
        assert dut.o__tvalid.value, f"no beat {beat}"
        await RisingEdge(dut.clk)
    assert not dut.o__tvalid.value
    assert await bench.received() == [message]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_mark_waits_until_it_may_end(dut):
    bench = Bench(dut, source="none", sink_pattern="none")
    await start(dut)
    bench.send(bytes(8 * BEAT_BYTES))
    await cycles(dut, 5)
    dut.enable.value = dut.may_end.value = 0
    await cycles(dut, 20)
    assert bench.rules.marks == 0
    assert not dut.empty.value
    dut.may_end.value = 1
    await cycles(dut, 4)
    assert bench.rules.marks == 1
    assert dut.empty.value
