"""Runs in the simulator: one Open and right records, beside ``cryptography``; pace, room, keys."""

from itertools import pairwise

import cocotb
from interlock.model.gcm import BLOCK_BYTES
from interlock.model.records import record_bytes
from lib.beats import beats_of
from lib.parameters import parameters
from lib.patterns import crossings
from lib.recorder import cycle_number
from lib.streams import cycles, idle
from open_bench import LARGEST, Bench, start_bench

LENGTHS = (0, *range(1, 36), 8, 0, 63, 64, 65, 255, 256, 257)


def blocks(length: int) -> int:
    """Of a whole record."""
    return record_bytes(length) // BLOCK_BYTES


async def last_beat(test: Bench, slot: int) -> int:
    """The cycle in which the last beat is taken of all that was sent."""
    await test.sources[slot].drained()
    return cycle_number()


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(patterns=crossings(3))
async def records_of_all_slots_are_those_that_were_sealed(dut, patterns):
    link, headers, bodies = patterns
    test = await start_bench(dut, link=link, headers=headers, bodies=bodies)
    slots = range(test.links)
    await test.begin(*slots)
    count = min(12, 1 << test.stop_bits)
    records = {n: [test.sealers[n].record(test.random.choice(LENGTHS)) for _ in range(count)] for n in slots}
    await test.opens(records, size=8000)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def every_length_is_opened(dut):
    test = await start_bench(dut)
    slots = range(test.links)
    await test.begin(*slots)
    lengths = [LARGEST, *LENGTHS, LARGEST - 1]
    sent = {n: [test.sealers[n].record(length) for length in lengths[n :: test.links]] for n in slots}
    await test.opens(sent, size=3 * LARGEST)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def latency_is_exact_and_headers_come_first(dut):
    """To the cycle; where a block may enter but now and then, the phase is what one record tells of all."""
    test = await start_bench(dut)
    await test.begin(0)
    phases = set()
    for length in (1, 16, 0, 17, 8, 100):
        test.send(0, test.sealers[0].record(length))
        taken = await last_beat(test, 0)
        await test.settle(0, size=200)
        header = test.headers[0].taken[-1][0]
        waited = header - taken - test.latency(length)
        assert 0 <= waited < test.interval
        phases.add((header - test.latency(length) + test.latency(0)) % test.interval)
        bodies = [cycle for cycle, _ in test.bodies[0].taken if cycle > taken]
        if length:
            assert bodies[0] == header + 3
            # The first beat of a body, once it was committed, is followed by the others without a gap.
            assert bodies == list(range(bodies[0], bodies[0] + -(-length // test.beat_bytes)))
    assert len(phases) == 1, phases


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(length=[64, 256, 1024, 4096, 8], alone=[True, False])
async def records_follow_one_another_without_a_gap(dut, length, alone):
    """A block enters every ``interval`` cycles, or as a link's beats come, and no body is late."""
    test = await start_bench(dut)
    slots = [test.links - 1] if alone else range(test.links)
    await test.begin(*slots)
    count = max(5, min(24, 3000 // length))
    records = {slot: [test.sealers[slot].record(length) for _ in range(count)] for slot in slots}
    for slot in slots:
        test.send(slot, *records[slot])
    beats = count * record_bytes(length) // test.beat_bytes
    if alone and test.interval * test.beat_bytes <= BLOCK_BYTES:
        while not test.sources[slots[0]].taken:
            await cycles(dut, 1)
        await cycles(dut, beats - 1)
        assert test.sources[slots[0]].taken == beats, "the link had to wait"
    await test.settle(*slots, size=count * len(slots) * record_bytes(length))
    for slot in slots:
        test.expect(slot, *records[slot])

    headers = sorted(cycle for slot in slots for cycle, _ in test.headers[slot].taken)
    period = blocks(length) * test.pace
    assert {after - before for before, after in pairwise(headers)} == {period}
    bodies = sorted(cycle for slot in slots for cycle, _ in test.bodies[slot].taken)
    assert bodies[-1] == headers[-1] + 3 + -(-length // test.beat_bytes) - 1
    print(f"{length / period:.3f} bytes of payload a cycle")


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(stalled=["headers", "bodies"])
async def a_reader_that_stops_holds_up_its_own_link_alone(dut, stalled):
    test = await start_bench(dut)
    await test.begin(0, 1)
    stopped = (test.headers if stalled == "headers" else test.bodies)[0]
    stopped.stalled = True
    stored, length, count = parameters()["stored_records"], 0, 40
    if stalled == "bodies":
        length, count = LARGEST, stored + 3
    held = [test.sealers[0].record(length) for _ in range(count)]
    test.send(0, *held)
    await idle(count * blocks(length) * test.pace + 1000)
    taken = test.sources[0].taken
    if stalled == "bodies":  # as many as are stored, and those that wait for their turn; no more
        assert taken == stored * record_bytes(LARGEST) // test.beat_bytes + parameters()["inbox_beats"]

    others = [test.sealers[1].record(100) for _ in range(6)]
    test.send(1, *others)
    await test.settle(1, size=6 * 132)
    test.expect(1, *others)
    times = [cycle for cycle, _ in test.headers[1].taken]
    assert {after - before for before, after in pairwise(times)} == {blocks(100) * test.pace}

    stopped.stalled = False
    await test.settle(0, size=count * record_bytes(length))
    test.expect(0, *held)
    assert not dut.fault.value


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_link_that_stops_in_a_record_holds_up_nobody(dut):
    """Wherever it stops; what it began is opened when the rest has come."""
    test = await start_bench(dut)
    await test.begin(0, 1)
    sent = [[], []]
    for cut in range(1, record_bytes(33) // test.beat_bytes):
        if len(sent[0]) == 1 << test.stop_bits:
            break
        record = test.sealers[0].record(33)
        beats = beats_of(record.data, test.beat_bytes)
        test.sources[0].send_beats(beats[:cut])
        await test.sources[0].drained()
        other = test.sealers[1].record(20)
        test.send(1, other)
        taken = await last_beat(test, 1)
        await test.settle(1)
        assert test.headers[1].taken[-1][0] - taken - test.latency(20) in range(test.interval)
        test.sources[0].send_beats(beats[cut:])
        await test.settle(0)
        sent[0].append(record)
        sent[1].append(other)
    for slot in (0, 1):
        test.expect(slot, *sent[slot])
    assert not dut.fault.value


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def keys_are_installed_amid_traffic_of_others(dut):
    """Epochs of one slot, one after another, each with another key, while the others never pause."""
    test = await start_bench(dut)
    slots = range(test.links)
    await test.begin(*slots)
    others = slots[1:]
    sent = {slot: [test.sealers[slot].record(48) for _ in range(1 << test.stop_bits)] for slot in others}
    for slot in others:
        test.send(slot, *sent[slot])
    for _ in range(3):
        await test.begin(0)
        records = [test.sealers[0].record(length) for length in (40, 0, 8)]
        test.send(0, *records)
        await test.settle(0, size=len(others) * 500)
        test.expect(0, *records)
    await test.settle(*others, size=sum(map(len, sent.values())) * record_bytes(48))
    for slot in others:
        test.expect(slot, *sent[slot])
    assert not dut.fault.value


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(length=[0, 1, 40], last=[0, 600])
async def the_key_that_follows_opens_what_follows(dut, length, last):
    """Records of all slots run into changes of keys, back to back; ``last``: the length before a change."""
    test = await start_bench(dut)
    slots = range(test.links)
    await test.begin(*slots)
    changes = 2
    lengths = ([length] * ((1 << test.rekey_bits) - 1) + [last]) * changes
    sent = [[test.sealers[n].record(each) for each in lengths[:-1]] for n in slots]
    for slot in slots:
        test.send(slot, *sent[slot])
    await test.settle(*slots, size=test.links * sum(map(record_bytes, lengths)))
    await idle(changes * test.links * 500)  # for the keys
    for slot in slots:
        test.expect(slot, *sent[slot])
    assert not dut.fault.value


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_key_may_come_after_its_epoch_has_begun(dut):
    test = await start_bench(dut)
    await test.begin(1)
    test.set_open(0, True)
    await idle(test.clear_cycles)
    await cycles(dut, 1)
    test.offer_key(0)
    await test.keyed(0)
    await test.opens({0: [test.sealers[0].record(length) for length in (20, 0)]})


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def timing_does_not_depend_on_keys_and_texts(dut):
    test = await start_bench(dut)
    seen = set()
    for n in range(8):
        sealer = test.sealer()
        if n == 0:
            sealer.key = bytes(32)
        await test.begin(0, sealer=sealer)
        text = bytes(50) if n < 2 else test.random.randbytes(50)
        while cycle_number() % test.interval:  # a block may enter but now and then
            await cycles(dut, 1)
        began = cycle_number()
        record = test.sealers[0].record(body=text)
        test.send(0, record)
        await test.settle(0)
        test.expect(0, record)
        taken = [*test.headers[0].taken, *test.bodies[0].taken]
        seen.add(tuple(cycle - began for cycle, _ in taken if cycle > began))
    assert len(seen) == 1, seen
