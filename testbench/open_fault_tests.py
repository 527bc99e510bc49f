"""Runs in the simulator: one Open and wrong records, each breaking one rule of the specification."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise

import cocotb
from interlock.model.channel import following
from interlock.model.records import HEADER, TAG_BYTES, Record, RecordType, record_bytes
from lib.beats import BeatValue, beats_of
from lib.parameters import parameters
from lib.recorder import cycle_number
from lib.streams import cycles, idle
from open_bench import LARGEST, Bench, Sealer, start_bench

ILLEGAL_FIELDS = [
    *[("version", value) for value in (0, 2, 3, 0x81)],
    *[("type", value) for value in (0, 1, 4, 5, 6, 7, 8, 0x12, 0x82, 0xFF)],
    *[("flags", 1 << bit) for bit in range(2, 8)],
    ("flags", 0x83),
    *[("reserved", 1 << bit) for bit in range(8)],
    *[("seq", value) for value in (0, 2, 1 << 32, 1 | 1 << 32, 1 | 1 << 63)],
]
LENGTHS_THAT_LIE = (0, 1, 30, 34, 48, 49, 4096, 4097, 4098, 8192, 0x8000 | 33, 65535)
SIZE = 33
"""Bytes of body of records that are made wrong; they have number 1."""
Wrong = tuple[str, list[BeatValue]]


def flipped(data: bytes, bit: int) -> bytes:
    """Bits count from the first byte's least significant one."""
    return (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(len(data), "little")


def wrong_records(sealer: Sealer) -> dict[str, bytes]:
    """By name: records that break one rule each; tags are right for what is there, but where they are not."""
    body = sealer.random.randbytes(SIZE)

    def record(body: bytes = body, by: Sealer = sealer, **fields: int) -> bytes:
        return by.record(body=body, **({"type": RecordType.PAYLOAD, "flags": 1, "seq": 1} | fields)).data

    data = record()
    header, tag = data[: HEADER.size], len(data) - TAG_BYTES
    wrong = {f"{name}={value:#x}": record(**{name: value}) for name, value in ILLEGAL_FIELDS}
    wrong |= {f"channel bit {bit}": record(channel=sealer.channel ^ 1 << bit) for bit in range(16)}
    wrong |= {f"length={length}": record(length=length) for length in LENGTHS_THAT_LIE}
    stranger, later = copy(sealer), copy(sealer)
    stranger.key = sealer.random.randbytes(32)
    later.key = following(sealer.key)
    wrong |= {
        "no body": record(b""),
        "4097 bytes of body": record(bytes(LARGEST + 1)),
        "in clear": Record(RecordType.PAYLOAD, True, False, 1, body).encode(),
        "another key": record(by=stranger),
        "the key that follows": record(by=later),
        "nonce of another number": sealer.sealed(header, body, seq=2),
        "tag of another number": data[:tag] + sealer.sealed(header, body, seq=2)[tag:],
        "tag without the header": data[:tag] + sealer.sealed(b"", body, seq=1)[-TAG_BYTES:],
        "tag of zeros": data[:tag] + bytes(TAG_BYTES),
        "tag turned round": data[:tag] + data[tag:][::-1],
        "half of the tag": data[: tag + 8] + bytes(8),
        "blocks of the body swapped": data[:16] + data[32:48] + data[16:32] + data[48:],
        "padding that is sealed, too": header + record(body + bytes(15))[HEADER.size :],
        "plaintext": header + body + data[HEADER.size + SIZE :],
        "cut by a block": data[:-16],
        "longer by a block": data + bytes(16),
    }
    for offset in range(HEADER.size + SIZE, tag):
        wrong[f"padding at {offset}"] = flipped(data, 8 * offset)
    return wrong


def wrong_framings(good: bytes, beat_bytes: int) -> dict[str, list[BeatValue]]:
    """By name: the right bytes in beats that are not as they must be."""
    beats = beats_of(good, beat_bytes)
    wrong = {"first missing": [replace(beats[0], first=False), *beats[1:]]}
    wrong["last missing"] = [*beats[:-1], replace(beats[-1], last=False)]
    for n in range(len(beats)):
        changes = {f"byte {hole} not kept": {"keep": beats[n].keep ^ 1 << hole} for hole in range(beat_bytes)}
        if n:
            changes["first"] = {"first": True}
        if n < len(beats) - 1:
            changes["last"] = {"last": True}
        for name, change in changes.items():
            wrong[f"{name} at beat {n}"] = [*beats[:n], replace(beats[n], **change), *beats[n + 1 :]]
    return wrong


async def check_faults(test: Bench, wrongs: Sequence[Wrong], sealer: Sealer) -> None:
    """A right record, a wrong one, one that would be right: the first alone comes out, before the fault.

    As many wrong ones at a time as there are links, in epochs of their own, which have one key.
    """
    for at in range(0, len(wrongs), test.links):
        some = wrongs[at : at + test.links]
        slots = range(len(some))
        await test.begin(*slots, sealer=sealer)
        assert not any(test.level("fault", slot) for slot in slots)
        before = sealer.record(test.random.randrange(1, 40), seq=0)
        after = sealer.record(20, seq=2)
        body_beats = -(-len(before.body) // test.beat_bytes)
        for slot, (_, beats) in zip(slots, some, strict=True):
            test.send(slot, before)
            test.sources[slot].send_beats(beats)
            test.send(slot, after)
        await test.settle(*slots, size=test.links * 256)
        for slot, (name, _) in zip(slots, some, strict=True):
            assert test.level("fault", slot), f"{name}: no fault"
            headers, bodies = test.found(slot)
            assert headers == [before.header], name
            assert bodies == [before.body], name
            assert test.headers[slot].taken[-1][0] <= test.fault_cycles[slot], name
            assert test.bodies[slot].taken[-body_beats][0] <= test.fault_cycles[slot], name


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_broken_rule_of_bytes_is_a_fault(dut):
    test = await start_bench(dut)
    sealer = test.sealer()
    wrongs = [(name, beats_of(data, test.beat_bytes)) for name, data in wrong_records(sealer).items()]
    await check_faults(test, wrongs, sealer)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(length=[0, 21])
async def every_broken_rule_of_framing_is_a_fault(dut, length):
    test = await start_bench(dut)
    sealer = test.sealer()
    good = sealer.record(length, seq=1).data
    await check_faults(test, [*wrong_framings(good, test.beat_bytes).items()], sealer)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def every_flipped_bit_is_a_fault(dut):
    test = await start_bench(dut)
    sealer = test.sealer()
    data = sealer.record(8, seq=1).data
    bits = range(0, 8 * len(data), parameters()["flip_step"])
    wrongs = [(f"bit {bit}", beats_of(flipped(data, bit), test.beat_bytes)) for bit in bits]
    await check_faults(test, wrongs, sealer)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_type_has_its_lengths_and_flags_and_no_others(dut):
    test = await start_bench(dut)
    sealer = test.sealer()
    rights, wrongs = [], []
    await test.begin(0)
    for type in RecordType:
        for length in (0, 1, 7, 8, 9, 16, 4096):
            for flags in range(4):
                least, most = type.lengths
                fields = {"type": type, "flags": flags}
                if least <= length <= most and (type.is_of_a_message or not flags):
                    rights.append(test.sealers[0].record(length, **fields))
                else:
                    beats = beats_of(sealer.record(length, seq=1, **fields).data, test.beat_bytes)
                    wrongs.append((f"{type.name} of {length} bytes, flags {flags}", beats))
    assert (len(rights), len(wrongs)) == (2 * 6 * 4 + 3, 2 * 4 + 6 * 4 + 3 + 2 * (6 * 4 + 3))
    test.send(0, *rights)
    await test.settle(0, size=5 * LARGEST)
    test.expect(0, *rights)
    assert not dut.fault.value
    await check_faults(test, wrongs, sealer)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def records_in_any_other_order_are_a_fault(dut):
    """Replayed, left out, swapped, sent twice; of another link, another epoch, another direction's key."""
    test = await start_bench(dut)
    old = [test.sealer() for _ in range(2)]
    for sealer in old:  # of an epoch before, on the same channel
        sealer.channel = 77
    orders = {
        "replayed": (0, 1, 0),
        "left out": (0, 2),
        "swapped": (0, 2, 1),
        "sent twice": (0, 1, 1),
        "an old one again": (0, 1, 2, 1),
        "begun late": (1, 2),
        "of another link": (0, "other"),
        "of an old epoch": (0, "old"),
        "under the number that it has here": (0, 1, "other"),
    }
    for name, order in orders.items():
        sealer, other = test.sealer(), test.sealer()
        sealer.channel = other.channel = old[0].channel
        await test.begin(0, sealer=sealer)
        await test.begin(1, sealer=other)
        records = [sealer.record(20 + n) for n in range(3)]
        strange = {"old": old[0], "other": other}
        right = next((n for n, which in enumerate(order) if which != n), len(order))
        for which in order:
            if isinstance(which, int):
                test.send(0, records[which])
            else:
                test.send(0, strange[which].record(20, seq=right))
        test.send(1, *(innocent := [other.record(30) for _ in range(3)]))
        await test.settle(0, 1, size=500)
        assert test.level("fault", 0), name
        test.expect(0, *records[:right])
        assert not test.level("fault", 1), name
        test.expect(1, *innocent)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(early=[False, True])
async def a_change_of_keys_at_another_time_is_a_fault(dut, early):
    test = await start_bench(dut)
    sealer = test.sealer()
    if early:
        sealer.rekey_bits -= 1
        right = 1 << sealer.rekey_bits
    else:
        right = 1 << sealer.rekey_bits
        sealer.rekey_bits += 1
    await test.begin(0, sealer=sealer)
    records = [sealer.record(8) for _ in range(right + 2)]
    test.send(0, *records)
    await test.settle(0, size=len(records) * record_bytes(8))
    await idle(1000)
    assert test.level("fault", 0)
    test.expect(0, *records[:right])


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def the_last_number_is_the_end(dut):
    test = await start_bench(dut)
    await test.begin(0)
    records = [test.sealers[0].record(8) for _ in range((1 << test.stop_bits) + 1)]
    test.send(0, *records)
    await test.settle(0, size=len(records) * record_bytes(8))
    await idle((1 << test.stop_bits - test.rekey_bits) * 500)  # for the keys
    assert test.level("fault", 0)
    test.expect(0, *records[:-1])


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(low=[1, 2, 20])
async def a_key_is_for_one_epoch(dut, low):
    """When the next one begins it is gone, for what comes at once and for what comes later."""
    test = await start_bench(dut)
    for wait in (0, 1, 400):
        await test.begin(0)
        record = test.sealers[0].record(20)
        test.send(0, record)
        await test.settle(0)
        test.expect(0, record)
        test.set_open(0, False)
        await cycles(dut, low)
        test.set_open(0, True)
        test.since[0] = cycle_number() + 1
        await idle(wait)
        await cycles(dut, 1)
        assert not test.level("fault", 0)
        test.send(0, test.sealers[0].record(20, seq=0))
        await idle(test.clear_cycles)
        await test.settle(0)
        assert test.level("fault", 0)
        test.expect(0)
        assert not test.level("keyed", 0)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def what_comes_before_a_key_is_a_fault(dut):
    """A single beat; and a key that comes after it does not help."""
    test = await start_bench(dut)
    await test.begin(1)
    sealer = test.sealers[0] = test.sealer()
    test.set_open(0, True)
    await cycles(dut, 3)
    record, rest = sealer.record(20), test.sealers[1].record(50)
    beats = beats_of(record.data, test.beat_bytes)
    test.sources[0].send_beats(beats[:1])
    test.send(1, rest)
    await test.sources[0].drained()
    await cycles(dut, 12)
    assert test.level("fault", 0)
    test.offer_key(0)
    await test.keyed(0)
    test.sources[0].send_beats(beats[1:])
    test.send(0, record)
    await test.settle(0, 1)
    assert test.level("fault", 0)
    test.expect(0)
    assert not test.level("fault", 1)
    test.expect(1, rest)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(wrong=["malformed", "tag"])
async def a_fault_waits_for_what_was_right_and_harms_nobody_else(dut, wrong):
    """However much of it is still to be opened; other links keep their pace meanwhile."""
    test = await start_bench(dut)
    others = range(1, test.links)
    await test.begin(*range(test.links))
    records = [test.sealers[0].record(length) for length in (LARGEST, 1, 0, 300)]
    bad = test.sealers[0].record(40)
    test.send(0, *records)
    test.sources[0].send_message(flipped(bad.data, 30 if wrong == "malformed" else 8 * len(bad.data) - 1))
    test.send(0, *[test.sealers[0].record(100) for _ in range(4)])
    count = min(30, 1 << test.stop_bits)
    sent = {slot: [test.sealers[slot].record(240) for _ in range(count)] for slot in others}
    for slot in others:
        test.send(slot, *sent[slot])
    await test.settle(0, size=test.links * 2 * LARGEST)
    assert test.level("fault", 0)
    test.expect(0, *records)
    assert test.headers[0].taken[-1][0] <= test.fault_cycles[0]
    await test.settle(*others, size=len(others) * count * record_bytes(240))
    for slot in others:
        test.expect(slot, *sent[slot])
        assert not test.level("fault", slot)
    times = sorted(cycle for slot in others for cycle, _ in test.headers[slot].taken)
    alone = test.fault_cycles[0] + 300 * test.pace
    steps = {after - before for before, after in pairwise(times) if before > alone}
    assert steps == {record_bytes(240) // 16 * test.pace}


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_fault_stays_until_open_falls_and_holds_up_nothing(dut):
    test = await start_bench(dut)
    await test.begin(0)
    test.headers[0].stalled = test.bodies[0].stalled = True
    right = test.sealers[0].record(30)
    bad = test.sealers[0].record(20)
    test.send(0, right)
    test.sources[0].send_message(flipped(bad.data, 200))
    await test.settle(0)
    assert test.level("fault", 0)
    taken = test.sources[0].taken
    test.send(0, *[test.sealers[0].record(LARGEST) for _ in range(6)])
    beats = 6 * record_bytes(LARGEST) // test.beat_bytes
    await cycles(dut, beats + 2)
    assert test.sources[0].taken - taken == beats, "the link waits although all is discarded"
    assert test.level("fault", 0)
    test.set_open(0, False)
    await cycles(dut, 2)
    assert not test.level("fault", 0)
    await test.begin(0)
    test.headers[0].stalled = test.bodies[0].stalled = False
    record = test.sealers[0].record(20)
    test.send(0, record)
    await test.settle(0)
    test.expect(0, record)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def timing_does_not_depend_on_where_a_tag_is_wrong(dut):
    test = await start_bench(dut)
    sealer = test.sealer()
    data = sealer.record(40, seq=0).data
    wrong = [8 * 16 + 3, 8 * 30, *range(8 * (len(data) - TAG_BYTES), 8 * len(data), 13)]
    seen = set()
    for bit in wrong:
        await test.begin(0, sealer=sealer)
        while cycle_number() % test.interval:  # a block may enter but now and then
            await cycles(dut, 1)
        began = cycle_number()
        test.sources[0].send_message(flipped(data, bit))
        await test.settle(0)
        assert test.level("fault", 0)
        seen.add(test.fault_cycles[0] - began)
    assert len(seen) == 1, seen
