"""Runs in the simulator: one Open whose epochs end, or that is wiped, at every moment."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.records import record_bytes
from lib.beats import BeatValue
from lib.parameters import parameters
from lib.recorder import cycle_number
from lib.streams import cycles, idle
from open_bench import LARGEST, Bench, Sealed, start_bench


async def end(test: Bench, slot: int, low: int) -> int:
    """Ends an epoch, and after ``low`` cycles begins the next one; returns the first that was closed."""
    test.set_open(slot, False)
    test.sources[slot].withdraw()
    await cycles(test.dut, 1)
    closed = cycle_number()
    await cycles(test.dut, low - 1)
    test.set_open(slot, True)
    test.since[slot] = closed + 1
    test.sealers[slot] = test.sealer()
    test.offer_key(slot)
    await cycles(test.dut, 2)  # until it shows that there is no key any more
    return closed


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize((("low", "stalled"), [(1, False), (1, True), (50, True)]))
async def an_epoch_that_ends_in_any_cycle_leaves_nothing(dut, low, stalled):
    """In each cycle of two records' way: after it nothing but the new epoch, and other slots as ever."""
    test = await start_bench(dut)
    await test.begin(0, 1)
    bystanders = []
    way = test.latency(21 + 32) + record_bytes(21 + 32 + 32) // test.beat_bytes
    for cut in range(test.random.randrange(parameters()["cut_step"]), way, parameters()["cut_step"]):
        if len(bystanders) + 2 > 1 << test.stop_bits:
            await test.begin(1)
            bystanders.clear()
        test.headers[0].stalled = test.bodies[0].stalled = stalled
        test.send(0, *(test.sealers[0].record(length) for length in (21, 32)))
        two = [test.sealers[1].record(length) for length in (test.random.randrange(64), 40)]
        test.send(1, *two)
        bystanders += two
        await idle(cut)
        await cycles(dut, 1)
        closed = await end(test, 0, low)
        test.headers[0].stalled = test.bodies[0].stalled = False
        await test.keyed(0)
        record = test.sealers[0].record(test.random.randrange(1, 40))
        test.send(0, record)
        await idle(closed + test.clear_cycles - cycle_number())
        await test.settle(0, 1, size=200)
        test.expect(0, record)
        assert not dut.fault.value, cut
        test.expect(1, *bystanders)


async def storm(test: Bench, slot: int, epochs: int) -> tuple[int, int]:
    """Epoch after epoch with random records, most of which are cut off; what was read is what was sent.

    Returns how many records were read, and how many sent.
    """
    random = test.random
    read = sent = 0
    for _ in range(epochs):
        sealer = test.sealers[slot]
        count = random.randrange(1, min(20, 1 << test.stop_bits))
        records = [sealer.record(random.choice((0, 1, 8, 30, 100, 300))) for _ in range(count)]
        test.send(slot, *records)
        for readers in (test.headers, test.bodies):
            readers[slot].stalled = random.random() < 0.2
        size = sum(record_bytes(len(record.body)) for record in records)
        wait = random.randrange(1, 2 * test.latency(size))
        await idle(wait // 2)
        for readers in (test.headers, test.bodies):
            readers[slot].stalled = False
        await idle(wait - wait // 2)
        await cycles(test.dut, 1)
        assert not test.level("fault", slot)
        began = test.since[slot]
        closed = await end(test, slot, random.choice((1, 2, 50)))
        read += check_prefix(test, slot, records, began, closed)
        sent += count
        await test.keyed(slot)
        if random.random() < 0.5:
            await idle(random.randrange(test.clear_cycles))
        await cycles(test.dut, 1)
    return read, sent


def check_prefix(test: Bench, slot: int, records: list[Sealed], began: int, closed: int) -> int:
    """Of an epoch that was closed, headers and beats are those of the first records; returns of how many."""
    headers, beats = (
        [
            fields
            for (cycle, _), fields in zip(reader.taken, reader.since(0), strict=True)
            if began <= cycle <= closed
        ]
        for reader in (test.headers[slot], test.bodies[slot])
    )
    assert headers == [record.header for record in records[: len(headers)]]
    found = b"".join(BeatValue.of(fields, test.beat_bytes).kept for fields in beats)
    assert b"".join(record.body for record in records).startswith(found)
    return len(headers)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def epochs_of_all_slots_end_at_random_moments(dut):
    test = await start_bench(dut, link="bursts", headers="half", bodies="bursts")
    slots = range(test.links)
    await test.begin(*slots)
    storms = [cocotb.start_soon(storm(test, slot, parameters()["storm_epochs"])) for slot in slots]
    results = [await each for each in storms]
    read, sent = (sum(numbers) for numbers in zip(*results, strict=True))
    print(f"{read} of {sent} records were read")
    assert 0 < read < sent
    for slot in slots:  # and in the last one everything is right
        records = [test.sealers[slot].record(length) for length in (5, 0, 77)]
        test.send(slot, *records)
        await idle(test.clear_cycles)
        await test.settle(slot, size=300 * test.links)
        test.expect(slot, *records)
    assert not dut.fault.value


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(is_open=[False, True])
async def a_wipe_at_random_moments_is_a_fresh_start(dut, is_open):
    test = await start_bench(dut)
    slots = range(test.links)
    outputs = [getattr(dut, f"{name}__{n}__valid") for name in ("header", "body") for n in slots]
    ready = [getattr(dut, f"i__{n}__ready") for n in slots]
    for _ in range(3):
        await test.begin(*slots)
        for slot in slots:
            test.headers[slot].stalled = test.random.random() < 0.3
            test.send(slot, *(test.sealers[slot].record(length) for length in (40, 300, LARGEST, 8)))
        await idle(test.random.randrange(1, test.latency(LARGEST)))
        await cycles(dut, 1)
        dut.wipe.value = 1
        await RisingEdge(dut.clk)
        wiping = 0
        for slot in slots:
            test.set_open(slot, is_open)
        while not dut.wiped.value:
            await RisingEdge(dut.clk)
            wiping += 1
            assert not any(bool(signal.value) for signal in (*ready, *outputs))
        assert wiping == parameters()["wipe_cycles"]
        for slot in slots:
            test.headers[slot].stalled = False
            test.sources[slot].withdraw()
            assert not test.level("keyed", slot)
        wiped = cycle_number()
        dut.wipe.value = 0
        await idle(test.clear_cycles)
        await cycles(dut, 1)
        for slot in slots:
            test.expect(slot, since=wiped)
        await test.begin(*slots)
        records = {slot: [test.sealers[slot].record(50)] for slot in slots}
        await test.opens(records, size=test.links * record_bytes(50))
        assert not dut.wiped.value
