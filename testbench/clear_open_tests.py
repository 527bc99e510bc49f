"""Runs in the simulator: one ClearOpen and right records; pace, room, closing, wiping."""

import cocotb
from clear_open_bench import begin, random_record
from cocotb.triggers import RisingEdge
from interlock.model.records import (
    record_bytes,
)
from lib.beats import beats_of
from lib.patterns import PATTERNS
from lib.recorder import cycle_number
from lib.streams import cycles

LENGTHS = (0, *range(1, 40), 8, 0, 255, 256, 257)
DEPTH_IN_RECORDS = 2


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(link=PATTERNS, headers=["none", "bursts", "long"], bodies=PATTERNS)
async def records_come_out_as_the_golden_model_sends_them(dut, link, headers, bodies):
    test = await begin(dut, link=link, headers=headers, bodies=bodies)
    lengths = test.random.sample(LENGTHS, 12)
    records = [random_record(test.random, length, seq) for seq, length in enumerate(lengths)]
    test.send(*records)
    await test.source.drained()
    await cycles(dut, 1500)
    test.expect(records)
    assert not dut.fault.value


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_length_is_taken(dut):
    test = await begin(dut)
    lengths = (*LENGTHS, 4095, 4096)
    records = [random_record(test.random, length, seq) for seq, length in enumerate(lengths)]
    test.send(*records)
    await test.settle()
    await cycles(dut, 4096 // test.beat_bytes)
    test.expect(records)
    assert not dut.fault.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_is_exact_and_headers_come_first(dut):
    test = await begin(dut)
    for seq, length in enumerate((1, 16, 0, 17, 8, 100)):
        test.send(random_record(test.random, length, seq))
        while not (dut.i__valid.value and dut.i__ready.value and test.is_last_beat()):
            await RisingEdge(dut.clk)
        taken = cycle_number()
        await test.settle()
        header_cycle, _ = test.headers.taken[-1]
        bodies = [cycle for cycle, beat in test.body_beats.taken if cycle > taken and beat["first"]]
        assert header_cycle == taken + test.latency
        assert bodies == ([header_cycle + 4] if length else [])


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(lengths=[[4096] * 4, [0] * 40, [8] * 40, [1] * 40, [16] * 40, list(range(40))])
async def one_beat_a_cycle_from_the_wire(dut, lengths):
    """Back to back: the link never waits, and the body of a long record leaves at one beat a cycle."""
    test = await begin(dut)
    records = [random_record(test.random, length, seq) for seq, length in enumerate(lengths)]
    test.send(*records)
    while not dut.i__valid.value:
        await RisingEdge(dut.clk)
    beats = sum(record_bytes(length) for length in lengths) // test.beat_bytes
    for _ in range(beats):
        assert dut.i__valid.value
        assert dut.i__ready.value
        await RisingEdge(dut.clk)
    await cycles(dut, test.latency + 4096 // test.beat_bytes + 4)
    test.expect(records)
    if lengths[0] == 4096:
        when = [cycle for cycle, beat in test.body_beats.taken]
        body_beats = 4096 // test.beat_bytes
        assert when[body_beats - 1] - when[0] == body_beats - 1


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def holds_two_of_the_largest_records(dut):
    test = await begin(dut)
    test.headers.stalled = test.body_beats.stalled = True
    records = [random_record(test.random, 4096, seq) for seq in range(4)]
    test.send(*records[:DEPTH_IN_RECORDS])
    await cycles(dut, DEPTH_IN_RECORDS * record_bytes(4096) // test.beat_bytes + 20)
    assert test.source.taken == DEPTH_IN_RECORDS * record_bytes(4096) // test.beat_bytes
    assert dut.header__valid.value
    assert dut.body__valid.value
    test.send(*records[DEPTH_IN_RECORDS:])
    await cycles(dut, 2 * record_bytes(4096) // test.beat_bytes)
    assert not dut.i__ready.value, "takes a third record though nothing was released"
    test.headers.stalled = test.body_beats.stalled = False
    await test.settle()
    await cycles(dut, 2 * 4096 // test.beat_bytes)
    test.expect(records)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stalled=["header", "body"])
async def a_stalled_consumer_holds_up_the_link_and_loses_nothing(dut, stalled):
    test = await begin(dut)
    stopped = test.headers if stalled == "header" else test.body_beats
    stopped.stalled = True
    records = [random_record(test.random, 40, seq) for seq in range(400)]
    test.send(*records)
    await cycles(dut, 8000)
    assert not dut.i__ready.value
    stopped.stalled = False
    await test.settle()
    await cycles(dut, 500)
    test.expect(records)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_record_that_does_not_end_is_not_offered(dut):
    test = await begin(dut)
    record = random_record(test.random, 100, 0)
    test.source.send_beats(beats_of(record.encode(), test.beat_bytes)[:-1])
    await test.settle()
    assert not dut.fault.value
    test.expect([])


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def while_closed_everything_is_taken_and_discarded(dut):
    test = await begin(dut)
    test.headers.stalled = test.body_beats.stalled = True
    test.send(*[random_record(test.random, 4096, seq) for seq in range(3)])
    await cycles(dut, 4 * 4096 // test.beat_bytes)
    assert not dut.i__ready.value
    dut.open.value = 0
    await cycles(dut, 2)
    for _ in range(1000 // test.beat_bytes):
        assert dut.i__ready.value
        await RisingEdge(dut.clk)
    await test.source.drained()
    dut.open.value = 1
    test.headers.stalled = test.body_beats.stalled = False
    records = [random_record(test.random, 50, seq) for seq in range(2)]
    test.send(*records)
    await test.settle()
    test.expect(records)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(stalled=[False, True], link=["none", "half"])
async def closing_in_any_cycle_leaves_nothing_old(dut, stalled, link):
    """In each cycle of two records' way: after it, nothing but the new epoch, which starts from number 0."""
    test = await begin(dut, link=link)
    for cut in range(test.latency + 3 * record_bytes(21 + 32) // test.beat_bytes):
        await test.new_epoch()
        test.headers.stalled = test.body_beats.stalled = stalled
        test.send(random_record(test.random, 21, 0), random_record(test.random, 32, 1))
        await cycles(dut, cut)
        dut.open.value = 0
        await cycles(dut, 1)
        closed = cycle_number()
        test.headers.stalled = test.body_beats.stalled = False
        await test.new_epoch()
        record = random_record(test.random, test.random.randrange(1, 40), 0)
        test.send(record)
        await test.settle()
        test.expect([record], since=closed + 1)
        assert not dut.fault.value


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(headers=["none", "long"], bodies=["none", "long"])
async def wipe_at_random_moments_leaves_zeros(dut, headers, bodies):
    test = await begin(dut, headers=headers, bodies=bodies)
    depth = DEPTH_IN_RECORDS * 4096 // test.beat_bytes
    for _ in range(2):
        await test.new_epoch()
        test.headers.stalled = bool(test.random.getrandbits(1))
        test.send(*[random_record(test.random, 4096, seq) for seq in range(3)])
        await cycles(dut, test.random.randrange(1, 2 * depth))
        dut.wipe.value = 1
        for cycle in range(depth + 1):
            await RisingEdge(dut.clk)
            assert not dut.i__ready.value, "takes while it is wiped"
            assert not (cycle and dut.body__valid.value), "offers while it is wiped"
            assert not (cycle and dut.header__valid.value), "offers while it is wiped"
            assert bool(dut.wiped.value) == (cycle == depth)
        assert not any(int(word.value) for word in dut.buffer.memory)
        assert int(dut.body__payload.value) == 0
        assert int(dut.header__payload.value) == 0
        wiped = cycle_number()
        dut.wipe.value = 0
        test.headers.stalled = False
        await test.new_epoch()
        record = random_record(test.random, 4096, 0)
        test.send(record)
        await test.settle()
        await cycles(dut, 8 * depth)
        test.expect([record], since=wiped + 1)
        assert not dut.wiped.value
