"""Runs in the simulator: one WatchedSeal whose epochs end at any moment: nothing of them leaves later."""

from collections import Counter

import cocotb
from interlock.model.records import record_bytes
from lib.parameters import parameters
from lib.recorder import cycle_number
from lib.streams import cycles
from seal_bench import USED, begin

LENGTH = 40


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(
    (("stalled", "goes_on", "coarser"), [(False, True, 1), (True, True, 5), (False, False, 3)])
)
async def flush_in_every_cycle_leaves_nothing_of_the_epoch(dut, stalled, goes_on, coarser):
    """In each cycle of a record's way: what leaves later is of the new key; other links do not notice.

    ``goes_on``: the rest of the record comes, nevertheless.
    """
    test = await begin(dut)
    other = test.slots[-1]
    way = test.latency + test.interval * (record_bytes(LENGTH) // 16 + 4) + 16
    where: Counter[str] = Counter()
    header_beats = 16 // test.beat_bytes
    for cut in (*range(header_beats + 4), *range(header_beats + 4, way, coarser * parameters()["step"])):
        if other:
            await test.renew(other)
            test.send(other, 7)
        test.send(0, 3)
        await test.settle()
        if other:
            test.send(other, 0)
        came, left = len(test.inputs), len(test.links[0].taken)
        late = test.beats(0, LENGTH)
        test.source.send(*late)
        if other and goes_on:
            test.send(other, 33)
        if stalled:
            test.stall(0)
        await cycles(dut, cut + 1)
        await test.flush(0)
        if not goes_on:
            test.source.withdraw()
        came, left = len(test.inputs) - came - header_beats, len(test.links[0].taken) - left
        where["before" if came <= 0 else "leaving" if left else "inside"] += 1
        test.stall()
        await test.key(0)
        test.send(0, 18)
        await test.settle()
        assert test.model.current[0].seq == 1
    assert where["inside"] > 2
    assert where["before"] > 0
    assert stalled or where["leaving"] > 2
    await test.end()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def flush_while_a_key_follows_leaves_neither_of_them(dut):
    test = await begin(dut)
    every, other = test.model.rekey_every, test.slots[-1]
    where: Counter[str] = Counter()
    first, last, step = parameters()["rekey_steps"]
    for cut in range(first, last, step):
        if other:
            await test.renew(other)
        test.send(0, *([0] * every), 20)
        if other:
            test.send(other, 20)
        given = test.engine[0]
        await cycles(dut, cut)
        await test.flush(0)
        begun = (test.engine[0], every) in USED
        where["before" if test.engine[0] == given else "after" if begun else "amid"] += 1
        await test.key(0)
        test.send(0, 18)
        await test.settle()
        assert test.model.current[0].seq == 1
    assert where["before"] > 0
    assert where["amid"] > 5
    assert where["after"] > 0
    await test.end()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_key_takes_the_place_of_the_one_before(dut):
    """As if there had been a flush when it is taken."""
    test = await begin(dut)
    for cut in range(0, 90, 9):
        test.send(0, 20, 40)
        await cycles(dut, cut * test.interval + 1)
        test.send_key(0)
        await test.keys.drained()
        await cycles(dut, 1)
        assert not int(dut.keyed.value) & 1
        await test.source.drained()
        while not int(dut.keyed.value) & 1:
            await cycles(dut, 1)
        test.send(0, 18)
        await test.settle()
        assert test.model.current[0].seq == 1
    await test.end()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def while_flush_is_high_records_and_keys_are_taken_and_dropped(dut):
    test = await begin(dut)
    dut.flush.value = 1
    test.send(0, 4, 40, 16)
    test.send_key(0)
    await test.source.drained()
    await test.wait(800)
    assert not int(dut.keyed.value) & 1
    dut.flush.value = 0
    await cycles(dut, 1)
    assert not test.links[0].taken
    await test.key(0)
    test.send(0, 12)
    await test.end()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def flush_frees_a_seal_that_a_dead_link_holds_up(dut):
    """Also where it cuts a record that is far from complete: the engine gets the rest of it as zeros."""
    test = await begin(dut)
    other = test.slots[-1]
    test.stall(0)
    test.send(0, 4096)
    if other:
        test.send(other, 50)
    await test.wait(400 + 130 * test.interval)
    assert not dut.i__ready.value
    await test.flush(0)
    if other:
        begun = cycle_number()
        while not test.links[other].taken:
            await cycles(dut, 1)
            assert cycle_number() - begun < test.latency + 300 * test.interval
    test.send_key(0)
    test.stall()
    while not int(dut.keyed.value) & 1:
        await cycles(dut, 1)
    test.send(0, 40)
    await test.end()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_wipe_at_random_moments_leaves_nothing(dut):
    test = await begin(dut)
    for n in range(8):
        for slot in test.slots:
            test.send(slot, test.random.randrange(1, 90), 0)
        if n % 3 == 0:
            test.send_key(0)
        await cycles(dut, test.random.randrange(1, 100 * min(test.interval, 5)))
        dut.wipe.value = 1
        for _ in range(500):
            await cycles(dut, 1)
            if dut.wiped.value:
                break
        assert dut.wiped.value
        dut.wipe.value = 0
        await cycles(dut, 1)
        assert dut.keyed.value == dut.exhausted.value == 0
        wiped = cycle_number()
        # What egress still offers is the rest of a record, and whole ones; and there may be a key on offer.
        await test.source.drained()
        await test.wait(20)
        assert not any(cycle > wiped for link in test.links for cycle, _ in link.taken)
        await test.flush(*test.slots)
        await test.key(*test.slots)
        for slot in test.slots:
            test.send(slot, 20)
        await test.settle()
    await test.end()
