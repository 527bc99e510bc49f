"""Runs in the simulator: the bench library on a FIFO that loses nothing, and on one that misbehaves."""

import cocotb
from cocotb.triggers import RisingEdge, Timer
from lib.parameters import generator, parameters
from lib.streams import BeatSink, BeatSource, cycles, start


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def messages_pass_unharmed(dut):
    random = generator()
    case = parameters()
    width = case["beat_bytes"]
    messages = [random.randbytes(random.randint(1, 5 * width)) for _ in range(60)]
    await start(dut)
    source = BeatSource(dut, "i", width, pattern=case["idle"], random=random)
    sink = BeatSink(dut, "o", width, pattern=case["stall"], random=random)
    for message in messages:
        source.send_message(message)
    assert [await sink.receive_message() for _ in messages] == messages
    await source.drained()
    await cycles(dut, 20)
    assert not sink.received
    assert source.taken == sum(-(-len(message) // width) for message in messages)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_beat_a_cycle_without_pauses(dut):
    random = generator()
    width = parameters()["beat_bytes"]
    await start(dut)
    source = BeatSource(dut, "i", width, random=random)
    BeatSink(dut, "o", width, random=random)
    await RisingEdge(dut.clk)
    source.send_message(bytes(100 * width))
    await cycles(dut, 102)
    assert source.taken == 100


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reads_and_deposits_inside(dut):
    """With ``public`` only: a flipped flip-flop of the FIFO is seen at its output."""
    await start(dut)
    dut.spare.value = 5
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    assert dut.kept.value == 5
    dut.inner.kept.value = 7
    await Timer(1, "ns")
    assert dut.kept.value == 7


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def fails_on_purpose(dut):
    await start(dut)
    raise AssertionError("the reason why")


@cocotb.test(timeout_time=1, timeout_unit="us")
async def waits_for_ever(dut):
    await start(dut)
    while True:
        await RisingEdge(dut.clk)


@cocotb.test()
async def never_yields(dut):
    while True:
        pass
