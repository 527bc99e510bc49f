"""Runs in the simulator: one StreamCutter between a software intake, counter and sender."""

from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.records import MAX_LENGTH
from interlock_hdl.stream_cutter import BLOCK_BYTES
from lib.patterns import PATTERNS
from lib.streams import PATIENCE, cycles, until
from stream_cutter_bench import begin

EDGES = (1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 4080, 4095, 4096, 4097, 4111, 4112, 4113, 8191, 8192, 8193)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def what_is_there_is_cut_as_the_specification_says(dut):
    """A stream that is in the buffer as a whole: largest records, and what is left."""
    test = await begin(dut)
    for length in EDGES:
        test.put(length)
        await until(dut, lambda: not test.queue)
        await cycles(dut, 2)
        dut.active.value = 1
        await until(dut, test.is_complete)
        test.check_cuts(length)
        whole, rest = divmod(length, MAX_LENGTH)
        assert test.lengths() == [MAX_LENGTH] * whole + ([rest] if rest else [])
        await cycles(dut, 30)
        assert not dut.cuts__valid.value
        await test.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(cuts=PATTERNS, pace=[0.05, 0.5, 1.0], hold=[False, True])
async def streams_at_any_pace_are_cut_into_legal_records(dut, cuts, pace, hold):
    """Each sample is taken after the last byte of its cut was told of: it has every event before that."""
    test = await begin(dut, cuts=cuts)
    test.pace, test.spend = pace, 1
    for length in test.random.choices(EDGES[: 13 if pace == 1.0 else 10], k=5):
        dut.active.value = int(test.random.random() < 0.5)
        test.put(length)
        waited = 0
        while not test.is_complete():
            waited += 1
            assert waited < PATIENCE, "stands still"
            dut.hold.value = int(hold and test.random.random() < 0.5)
            dut.active.value = int(dut.active.value) or int(test.random.random() < 0.1)
            await RisingEdge(dut.clk)
        test.check_cuts(length)
        covered = 0
        for made in test.made:
            covered += made.length
            last_beat = test.given[-(-covered // test.beat_bytes) - 1]
            assert last_beat < made.cycle
        await test.finish()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_is_exact(dut):
    """From the cycle in which a block is whole to the cycle in which its cut is offered."""
    test = await begin(dut)
    dut.active.value = 1
    for length, ends in ((BLOCK_BYTES, False), (2 * BLOCK_BYTES, False), (5, True)):
        made = len(test.made)
        test.put(length, ends=ends)
        await until(dut, lambda made=made: len(test.taken.taken) > made)
        behind = max(length - BLOCK_BYTES, 0) // test.beat_bytes  # beats after the first block
        whole = test.given[-1 - behind]
        assert test.made[made].cycle == whole + 2
        assert test.taken.taken[made][0] == whole + test.latency
        await cycles(dut, 40)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def throughput_is_exact(dut):
    """While payload comes and cuts are taken at once there is a cut every ``latency - 1`` cycles."""
    test = await begin(dut)
    dut.active.value = 1
    test.put(200 * test.beat_bytes)
    await until(dut, test.is_complete)
    when = [cycle for cycle, _ in test.taken.taken]
    assert len(when) > 10
    assert {later - earlier for earlier, later in pairwise(when)} == {test.latency - 1}


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(excess=[-1, 0, 1, 2**95])
async def an_overrun_is_found_at_the_first_cut_above_the_announcement(dut, excess):
    """Exactly what was announced may be spent.  A cut that is above is not offered; none is made after it."""
    test = await begin(dut)
    for good in range(3):
        test.total = 0
        dut.announced.value = 100
        dut.active.value = 1
        for _ in range(good):
            test.put(BLOCK_BYTES, ends=False)
            await cycles(dut, 20)
        assert len(test.taken.taken) == good
        test.spend_once(100 + excess)
        await cycles(dut, 2)
        test.put(BLOCK_BYTES, ends=False)
        await cycles(dut, 40)
        overrun = excess > 0
        assert bool(dut.failed.value) == overrun
        assert len(test.taken.taken) == good + (not overrun)
        assert len(test.made) == good + 1
        test.put(4 * BLOCK_BYTES)
        await cycles(dut, 60)
        assert bool(dut.failed.value) == overrun, "latched"
        assert len(test.made) == good + 1 if overrun else test.taken.payloads[-1]["last"]
        await test.finish()
        assert not dut.failed.value
        await cycles(dut, 20)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_cut_covers_what_is_spent_in_every_cycle_up_to_its_own(dut):
    """One event above the announcement, in each cycle around a cut: found at that cut if it came in its cycle
    or before, else at the one after it."""
    test = await begin(dut)
    outcomes = set()
    for delay in range(12):
        dut.announced.value = test.total + 10
        dut.active.value = 1
        test.put(BLOCK_BYTES, ends=False)
        await cycles(dut, delay)
        spent = test.spend_once(11)
        await cycles(dut, 40)
        assert len(test.made) == 1
        included = test.made[0].cycle >= spent
        assert bool(dut.failed.value) == included == (not test.taken.taken)
        outcomes.add(included)
        if not included:
            test.put(BLOCK_BYTES)
            await cycles(dut, 40)
            assert dut.failed.value
            assert len(test.taken.taken) == 1
        await test.finish()
        await cycles(dut, 20)
    assert outcomes == {False, True}


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_broken_stream_fails_and_no_further_cut_is_made(dut):
    """In each cycle around a cut: at most that one is offered, which was covered."""
    test = await begin(dut)
    for delay in range(30):
        dut.active.value = 1
        test.put(BLOCK_BYTES, ends=False)
        test.put(BLOCK_BYTES, ends=False)
        await cycles(dut, delay)
        test.queue.clear()
        test.put_break()
        await cycles(dut, 3)
        assert dut.failed.value
        made = len(test.made)
        test.put(4 * BLOCK_BYTES)
        await cycles(dut, 40)
        assert dut.failed.value
        assert len(test.made) == made
        assert len(test.taken.taken) <= made
        await test.finish()
        await cycles(dut, 20)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def finish_in_every_cycle_leaves_nothing_behind(dut):
    """A sample that is in flight is not the next stream's: that one is cut, and sampled, by itself."""
    test = await begin(dut, cuts="half")
    for delay in range(50):
        test.taken.stalled = delay % 2 == 0
        dut.active.value = 1
        test.put(3 * BLOCK_BYTES + 1)
        await cycles(dut, delay)
        dut.finish.value = 1
        test.queue.clear()
        await cycles(dut, 1)
        dut.finish.value = dut.active.value = 0
        dut.hold.value = 1  # as long as a sample is in flight
        test.taken.stalled = False
        await cycles(dut, 1)
        for container in (test.taken.taken, test.made, test.given):
            container.clear()
        dut.active.value = 1
        test.put(2 * BLOCK_BYTES + 3)
        for _ in range(test.sample_latency + 2):
            await RisingEdge(dut.clk)
            assert not dut.cuts__valid.value
            assert not dut.failed.value
            assert not dut.sampling.value
        dut.hold.value = 0
        await until(dut, test.is_complete)
        test.check_cuts(2 * BLOCK_BYTES + 3)
        await test.finish()
        await cycles(dut, 2)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def nothing_is_cut_while_the_stream_is_not_sent(dut):
    """A stream waits for its prefix with as much in the buffer as there is room for."""
    test = await begin(dut)
    test.put(test.depth * test.beat_bytes)
    await until(dut, lambda: not test.queue)
    await cycles(dut, 100)
    assert not test.made
    dut.active.value = 1
    await until(dut, test.is_complete)
    test.check_cuts(test.depth * test.beat_bytes)
