"""Runs in the simulator: one Intake and streams that are finished, or wiped, in whatever cycle."""

import cocotb
from cocotb.triggers import RisingEdge
from intake_bench import HEAD_BYTES, begin
from intake_stream_tests import chunks
from lib.recorder import cycle_number
from lib.streams import cycles


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(
    (("port", "stalled"), [("none", False), ("half", True)]), shape=[(45, 45), (45, 100), (45, 20), (0, 0)]
)
async def finish_in_every_cycle_leaves_nothing_of_a_stream(dut, port, stalled, shape):
    """From the cycle after its descriptor on, past its last beat: from the next cycle on nothing of it comes
    out or is told of, and the message behind it is taken as if there had been none."""
    test = await begin(dut, port=port)
    length, maximum = shape
    for delay in range(2 * (HEAD_BYTES + length) // test.beat_bytes + 8):
        data, after = test.stream(length, maximum), test.message()
        verdicts, since = len(test.verdicts), cycle_number()
        test.beats.stalled = stalled
        test.source.send_message(data)
        test.source.send_message(after)
        while test.judge.stream is None:
            await RisingEdge(dut.clk)
        await cycles(dut, delay)
        test.beats.stalled = False
        await test.strobe_finish()
        finished = cycle_number()
        await test.settle()
        assert test.verdicts[verdicts:] == [True, True], delay
        assert chunks(test, finished + 1) == [after], delay
        assert [info["is_stream"] for info in test.told(since)] == [1, 0], delay
        assert data.startswith(b"".join(chunks(test, since)[:-1])), delay


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(length=[0, 1, 16, 40])
async def nothing_is_taken_behind_a_stream_until_it_is_finished(dut, length):
    """However long that takes; then the next beat is taken in the next cycle."""
    test = await begin(dut)
    data, after = test.stream(length), test.message()
    test.source.send_message(data)
    test.source.send_message(after)
    while not test.judge.is_whole:
        await RisingEdge(dut.clk)
    for _ in range(200):
        await RisingEdge(dut.clk)
        assert dut.i__valid.value
        assert not dut.i__ready.value
    await test.strobe_finish()
    await RisingEdge(dut.clk)
    assert dut.i__ready.value
    await test.settle()
    test.expect([data, after])


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(port=["none", "half"])
async def wipe_at_random_moments_leaves_nothing_of_a_stream(dut, port):
    """What was taken, told of or broken is forgotten; the rest of it is a message without a beginning."""
    test = await begin(dut, port=port)
    for _ in range(60):
        test.beats.stalled = bool(test.random.getrandbits(1))
        test.source.send_message(test.stream(test.random.randrange(100), test.random.randrange(100)))
        await cycles(dut, test.random.randrange(1, 40))
        dut.wipe.value = 1
        await RisingEdge(dut.clk)
        test.source.withdraw()
        await cycles(dut, 60)
        assert dut.wiped.value
        assert not any(int(word.value) for word in dut.buffer.memory)
        assert int(dut.o__payload.value) == 0
        assert int(dut.messages__payload.value) == 0
        test.beats.stalled = False
        dut.wipe.value = 0
        await cycles(dut, 2)
        since = cycle_number()
        messages = [test.message(), test.stream(30)]
        for data in messages:
            test.source.send_message(data)
        await test.settle()
        test.expect(messages, since=since)
        await test.strobe_finish()
        await cycles(dut, 2)
