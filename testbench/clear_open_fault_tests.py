"""Runs in the simulator: one ClearOpen and wrong records, each breaking one rule of the specification."""

import zlib
from dataclasses import replace

import cocotb
from clear_open_bench import Bench, begin, header_fields, random_record
from interlock.model.records import (
    HEADER,
    TAG_BYTES,
    Record,
    RecordError,
    RecordType,
    decode_record,
    record_bytes,
)
from lib.beats import BeatValue, beats_of
from lib.clear import encode_tail
from lib.streams import cycles


def reseal(data: bytes) -> bytes:
    """The same header and body under the tag that is right for them, so that only the change is wrong."""
    end = HEADER.size + int.from_bytes(data[6:8])
    return data[:end] + encode_tail(zlib.crc32(data[:end]), end)


def with_field(data: bytes, name: str, value: int) -> bytes:
    field = HEADER.fields[name]
    return reseal(data[: field.offset] + value.to_bytes(field.size) + data[field.offset + field.size :])


ILLEGAL_FIELDS = [
    *[("version", value) for value in (0, 2, 3, 0x81)],
    *[("type", value) for value in (0, 1, 4, 5, 6, 7, 8, 0x12, 0x82, 0xFF)],
    *[("flags", 0x80 | 1 << bit) for bit in range(2, 7)],
    *[("flags", value) for value in (0, 1, 3)],  # CLEAR missing
    *[("reserved", 1 << bit) for bit in range(8)],
    *[("channel", 1 << bit) for bit in range(16)],
    *[("seq", value) for value in (0, 2, 1 << 32, 1 | 1 << 32, 1 | 1 << 63)],
]
LENGTHS_THAT_LIE = (0, 1, 30, 34, 48, 49, 4096, 4097, 4098, 8192, 0x8000 | 33, 65535)


def wrong_records(good: Record) -> dict[str, bytes]:
    """By name: records that break one rule each.  ``good`` has number 1 and 33 bytes of body."""
    data = good.encode()
    end = HEADER.size + len(good.body)
    tag = len(data) - TAG_BYTES
    wrong = {f"{name}={value:#x}": with_field(data, name, value) for name, value in ILLEGAL_FIELDS}
    for length in LENGTHS_THAT_LIE:
        header = data[:6] + length.to_bytes(2) + data[8:16]
        wrong[f"length={length}"] = (
            header + good.body + encode_tail(zlib.crc32(header + good.body), len(good.body))
        )
    wrong |= {
        "no body": reseal(with_field(data[:16], "length", 0)),
        "4097 bytes of body": reseal(data[:6] + (4097).to_bytes(2) + data[8:16] + bytes(4097)),
        "replay": replace(good, seq=0).encode(),
        "gap": replace(good, seq=2).encode(),
        "zlib's byte order": data[:tag] + data[tag : tag + 4][::-1] + bytes(12),
        "CRC with padding": data[:tag] + zlib.crc32(data[:tag]).to_bytes(4) + bytes(12),
        "CRC of the body alone": data[:tag] + zlib.crc32(data[16:end]).to_bytes(4) + bytes(12),
        "cut by a block": data[:-16],
        "longer by a block": data + bytes(16),
    }
    # Padding that leaves the CRC's state as zeros do: its last four bytes undo what its first one did.
    padding = (zlib.crc32(data[:end] + b"\1") ^ zlib.crc32(data[:end] + b"\0")).to_bytes(4, "little")
    wrong["padding that the CRC does not see"] = (
        data[:end] + (b"\1" + padding).ljust(tag - end, b"\0") + data[tag:]
    )
    for offset in range(end, tag):
        wrong[f"padding at {offset - end}"] = data[:offset] + b"\x01" + data[offset + 1 :]
    for offset in range(tag, len(data)):
        wrong[f"tag at {offset - tag}"] = data[:offset] + bytes([data[offset] ^ 0x80]) + data[offset + 1 :]
    return wrong


def wrong_framings(good: Record, beat_bytes: int) -> dict[str, list[BeatValue]]:
    """By name: the right bytes in beats that are not as they must be."""
    beats = beats_of(good.encode(), beat_bytes)
    wrong = {"first missing": [replace(beats[0], first=False), *beats[1:]]}
    wrong["last missing"] = [*beats[:-1], replace(beats[-1], last=False)]
    for n in range(len(beats)):
        if n:
            wrong[f"first at beat {n}"] = [*beats[:n], replace(beats[n], first=True), *beats[n + 1 :]]
        if n < len(beats) - 1:
            wrong[f"last at beat {n}"] = [*beats[:n], replace(beats[n], last=True), *beats[n + 1 :]]
        for hole in range(beat_bytes):
            keep = beats[n].keep ^ 1 << hole
            wrong[f"byte {hole} of beat {n} not kept"] = [
                *beats[:n],
                replace(beats[n], keep=keep),
                *beats[n + 1 :],
            ]
    return wrong


async def check_fault(test: Bench, name: str, beats: list[BeatValue]) -> None:
    """A right record, a wrong one, one that would be right: the first alone comes out."""
    since = await test.new_epoch()
    assert not test.dut.fault.value
    before = random_record(test.random, test.random.randrange(1, 40), 0)
    after = random_record(test.random, 20, 2)
    test.send(before)
    test.source.send_beats(beats)
    test.send(after)
    await test.settle()
    assert test.dut.fault.value, f"{name}: no fault"
    assert test.headers.since(since) == [header_fields(before)], name
    assert test.bodies(since) == [before.body], name


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def every_broken_rule_of_bytes_is_a_fault(dut):
    test = await begin(dut)
    good = random_record(test.random, 33, 1)
    for name, data in wrong_records(good).items():
        try:
            decode_record(data, seq=1)
        except RecordError:
            await check_fault(test, name, beats_of(data, test.beat_bytes))
        else:
            raise AssertionError(f"the golden model finds nothing wrong with {name}")


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_wrong_header_is_a_fault_before_more_arrives(dut):
    test = await begin(dut)
    good = random_record(test.random, 33, 0).encode()
    wrong = {
        f"{name}={value:#x}": with_field(good, name, value) for name, value in ILLEGAL_FIELDS if name != "seq"
    }
    wrong |= {f"length={length}": with_field(good, "length", length) for length in (0, 4097, 8192, 65535)}
    wrong |= {f"seq={seq:#x}": with_field(good, "seq", seq) for seq in (1, 1 << 32, 1 << 63)}
    for name, data in wrong.items():
        await test.new_epoch()
        test.source.send_beats(beats_of(data, test.beat_bytes)[: HEADER.size // test.beat_bytes])
        await test.source.drained()
        await cycles(dut, test.latency)
        assert dut.fault.value, f"{name}: no fault"


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def every_broken_rule_of_framing_is_a_fault(dut):
    test = await begin(dut)
    for length in (0, 8, 33):
        for name, beats in wrong_framings(random_record(test.random, length, 1), test.beat_bytes).items():
            await check_fault(test, f"{length} bytes, {name}", beats)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def every_type_has_its_lengths_and_flags_and_no_others(dut):
    """Both as the golden model has them: what it takes passes, what it refuses is a fault."""
    test = await begin(dut)
    passed = refused = 0
    for type in RecordType:
        for length in (0, 1, 7, 8, 9, 16, 32, 4096):
            for som, eom in ((False, False), (True, False), (False, True), (True, True)):
                record = Record(type, som, eom, 1, test.random.randbytes(length))
                try:
                    decode_record(record.encode(), seq=1)
                except RecordError:
                    name = f"{type.name} of {length} bytes, SOM {som}, EOM {eom}"
                    await check_fault(test, name, beats_of(record.encode(), test.beat_bytes))
                    refused += 1
                else:
                    since = await test.new_epoch()
                    first = random_record(test.random, 3, 0)
                    test.send(first, record)
                    await test.settle()
                    await cycles(dut, length // test.beat_bytes)
                    test.expect([first, record], since=since)
                    assert not dut.fault.value
                    passed += 1
    assert (passed, refused) == (2 * 7 * 4 + 3, 2 * 4 + 7 * 4 + 3 + 2 * (7 * 4 + 3))


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(length=[0, 1, 8, 21, 32])
async def every_flipped_bit_is_a_fault(dut, length):
    test = await begin(dut)
    data = random_record(test.random, length, 1).encode()
    for bit in range(8 * len(data)):
        flipped = (int.from_bytes(data) ^ 1 << bit).to_bytes(len(data))
        await check_fault(test, f"bit {bit}", beats_of(flipped, test.beat_bytes))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_fault_stays_until_open_falls_and_holds_up_nothing(dut):
    test = await begin(dut)
    test.headers.stalled = test.body_beats.stalled = True
    wrong = random_record(test.random, 20, 5)
    test.send(wrong)
    await test.settle()
    assert dut.fault.value
    taken = test.source.taken
    test.send(*[random_record(test.random, 4096, seq) for seq in range(4)])
    beats = 4 * record_bytes(4096) // test.beat_bytes
    await cycles(dut, beats + 2)
    assert test.source.taken - taken == beats, "the link waits although all is discarded"
    assert dut.fault.value
    dut.open.value = 0
    await cycles(dut, 2)
    assert not dut.fault.value
    dut.open.value = 1
    test.headers.stalled = test.body_beats.stalled = False
    record = random_record(test.random, 20, 0)
    test.send(record)
    await test.settle()
    test.expect([record])
