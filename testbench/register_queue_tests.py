"""Runs in the simulator: one RegisterQueue of 16-bit words."""

import cocotb
from cocotb.triggers import RisingEdge
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import StreamSink, StreamSource, cycles, start


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(writes=PATTERNS, reads=PATTERNS)
async def words_keep_their_order(dut, writes, reads):
    random = generator()
    await start(dut)
    source = StreamSource(dut, "i", 16, pattern=writes, random=random)
    sink = StreamSink(dut, "o", 16, pattern=reads, random=random)
    words = [random.getrandbits(16) for _ in range(200)]
    source.send(*words)
    assert await sink.receive_many(len(words)) == words
    await cycles(dut, 10)
    assert not sink.received


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def holds_as_many_as_it_is_deep(dut):
    depth = parameters()["depth"]
    dut.i__valid.value = dut.o__ready.value = 0
    await start(dut)
    source = StreamSource(dut, "i", 16, random=generator())
    source.send(*range(depth + 1))
    await cycles(dut, depth + 5)
    assert source.taken == depth
    assert not dut.i__ready.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_and_throughput_are_exact(dut):
    """Each word leaves ``latency`` cycles after it came, one in every cycle."""
    dut.i__valid.value = 0
    await start(dut)
    latency = parameters()["latency"]
    dut.i__valid.value = dut.o__ready.value = 1
    for word in range(100):
        dut.i__payload.value = word
        await RisingEdge(dut.clk)
        assert dut.i__ready.value
        assert bool(dut.o__valid.value) == (word >= latency)
        assert word < latency or int(dut.o__payload.value) == word - latency
