"""Runs in the simulator: one WatchedSeal whose engine has one block at a time."""

from itertools import pairwise

import cocotb
from lib.parameters import parameters
from lib.recorder import cycle_number
from seal_bench import begin


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def records_take_the_time_of_their_parts(dut):
    """The first block of a body leaves as soon as it is encrypted, and records follow one another."""
    test = await begin(dut)
    begun = cycle_number()
    test.inputs.clear()
    test.links[0].taken.clear()
    test.send(0, *[160] * 6)
    await test.settle()
    beats = 16 // test.beat_bytes
    taken = [cycle for cycle in test.inputs if cycle > begun]
    sent = [(cycle, beat["first"]) for cycle, beat in test.links[0].taken if cycle > begun]
    # A block of a body is not looked at before it is taken.
    assert sent[beats][0] - taken[2 * beats - 1] == test.latency - 1
    headers = [cycle for cycle, first in sent if first]
    assert [b - a for a, b in pairwise(headers)][1:] == [parameters()["record_of_10"]] * 4
