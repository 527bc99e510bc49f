"""Runs in the simulator: one Open for few resources, whose records are short and opened one at a time."""

from itertools import pairwise

import cocotb
from lib.parameters import parameters
from lib.recorder import cycle_number
from open_bench import start_bench


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_record_may_be_as_long_as_the_build_says_and_no_longer(dut):
    """One byte more is a fault, whatever its tag; what came before it is opened."""
    largest = parameters()["record_bytes"]
    test = await start_bench(dut)
    for longer in (largest + 1, largest + 16, 4096):
        await test.begin(0)
        records = [test.sealers[0].record(length) for length in (largest, largest - 1, 1, largest)]
        test.send(0, *records)
        test.send(0, test.sealers[0].record(longer), test.sealers[0].record(20))
        await test.settle(0, size=5 * largest)
        assert test.level("fault", 0)
        test.expect(0, *records)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def records_follow_one_another_in_the_time_of_their_parts(dut):
    test = await start_bench(dut)
    await test.begin(0)
    records = [test.sealers[0].record(160) for _ in range(6)]
    test.send(0, records[0])
    await test.sources[0].drained()
    taken = cycle_number()
    await test.settle(0, size=160)
    first = test.headers[0].taken[-1][0]
    assert first - taken == test.latency(160)
    test.send(0, *records[1:])
    await test.settle(0, size=6 * 192)
    test.expect(0, *records)
    headers = [cycle for cycle, _ in test.headers[0].taken[1:]]
    assert {after - before for before, after in pairwise(headers)} == {parameters()["record_of_10"]}
