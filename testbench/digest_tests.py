"""Runs in the simulator: one TreeDigest, beside the golden model."""

from itertools import pairwise

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from digest_bench import bench
from interlock_hdl.digest import TreeDigest
from interlock_hdl.leaf_lane import LEAF_BYTES
from lib.parameters import parameters
from lib.patterns import PATTERNS
from lib.streams import cycles

LEAF_BORDERS = (0, 1, 55, 56, 63, 64, 119, 1023, 1024)
TREE_BORDERS = (1025, 2047, 2048, 2049, 3 * LEAF_BYTES, 4 * LEAF_BYTES + 1)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(sends=PATTERNS, digests=PATTERNS)
async def digests_are_those_of_the_model(dut, sends, digests):
    """At every pace, messages of every kind of length, back to back and in any order."""
    test = await bench(dut, sends=sends, digests=digests)
    lengths = [*LEAF_BORDERS, *test.random.sample(TREE_BORDERS, 2), *test.random.sample(range(2000), 3)]
    test.random.shuffle(lengths)
    await test.digest(*(test.random.randbytes(length) for length in lengths))
    await cycles(dut, 200)
    assert not test.sink.received


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def trees_of_every_shape(dut):
    test = await bench(dut)
    await test.digest(*(test.random.randbytes(length) for length in TREE_BORDERS))
    most = parameters()["leaves"]
    await test.digest(*(test.random.randbytes(LEAF_BYTES * n - 1000) for n in range(1, most + 1)))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def latency_of_a_leaf_is_exact(dut):
    test = await bench(dut)
    digest = TreeDigest(beat_bytes=test.beat_bytes, lanes=parameters()["lanes"])
    digest.alone = 0 if parameters()["grouped"] else digest.lanes
    for length in LEAF_BORDERS:
        await test.digest(test.random.randbytes(length))
        assert test.offers[-1] - test.arrivals[-1] == digest.latency(length), f"{length} bytes"


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def trees_take_exact_cycles(dut):
    """From a message's first beat to its digest, nothing else being there."""
    test = await bench(dut)
    found = {}
    for length in parameters()["cycles"]:
        await test.digest(test.random.randbytes(int(length)))
        found[length] = test.offers[-1] - test.begins[-1]
    assert found == parameters()["cycles"]


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def timing_does_not_depend_on_data(dut):
    test = await bench(dut)
    lengths = (5, 1024, 1500, 0, 2048)
    runs = []
    for fill in (lambda n: bytes(n), lambda n: b"\xff" * n, test.random.randbytes):
        await cycles(dut, 20)
        # Lanes take turns: every run begins with the same one.
        dut.wipe.value = 1
        while not dut.wiped.value:
            await RisingEdge(dut.clk)
        dut.wipe.value = 0
        await cycles(dut, 4)
        await test.digest(*(fill(length) for length in lengths))
        runs.append(test.handshake[test.begins[-len(lengths)] : test.offers[-1] + 1])
    assert len(runs[0]) > 1000
    assert runs[0] == runs[1] == runs[2]


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def back_pressure_reaches_the_source_and_loses_nothing(dut):
    test = await bench(dut, digests="long")
    dut.digest__ready.value = 0
    messages = [test.random.randbytes(n % 3) for n in range(60)]
    await test.digest(*messages)
    assert (False, False) in test.handshake or (False, True) in test.handshake
    assert all(after >= before for before, after in pairwise(test.offers))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_short_wipe_is_a_reset(dut):
    """Even when it ends before the memories are overwritten nothing old has an influence."""
    test = await bench(dut)
    for pause in (1, 30, 70, 100, 1300, 2600):
        for message in (test.random.randbytes(2500), test.random.randbytes(700)):
            test.send(message)
        await cycles(dut, pause)
        await FallingEdge(dut.clk)
        test.source.withdraw()
        dut.wipe.value = 1
        await cycles(dut, 1)
        dut.wipe.value = 0
        while test.sink.received:
            await test.sink.receive()
        await cycles(dut, 3)
        await test.digest(test.random.randbytes(50), test.random.randbytes(1025))
        await cycles(dut, 100)
        assert not test.sink.received
