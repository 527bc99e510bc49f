"""Runs in the simulator: one ClearOpen between a software link and a software ingress."""

import zlib
from dataclasses import replace
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.records import (
    HEADER,
    TAG_BYTES,
    Record,
    RecordError,
    RecordType,
    decode_record,
    encode_header,
    encode_tail,
    record_bytes,
)
from interlock_hdl.beat import Beat
from interlock_hdl.record import RecordHeader
from lib.beats import BeatValue, beats_of, messages_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSource, cycles, start, unpack

LENGTHS = (*range(1, 40), 255, 256, 257)
DEPTH_IN_RECORDS = 2


def random_record(random: Random, length: int, seq: int) -> Record:
    som, eom = random.choice((False, True)), random.choice((False, True))
    return Record(random.choice(list(RecordType)), som, eom, seq, random.randbytes(length))


def header_fields(record: Record) -> dict[str, int]:
    data = encode_header(record.type, som=record.som, eom=record.eom, length=len(record.body), seq=record.seq)
    return HEADER.unpack(data)


def reseal(data: bytes) -> bytes:
    """The same header and body under the tag that is right for them, so that only the change is wrong."""
    end = HEADER.size + int.from_bytes(data[6:8])
    return data[:end] + encode_tail(zlib.crc32(data[:end]), end)


def with_field(data: bytes, name: str, value: int) -> bytes:
    field = HEADER.fields[name]
    return reseal(data[: field.offset] + value.to_bytes(field.size) + data[field.offset + field.size :])


class Bench:
    def __init__(self, dut, *, link: str = "none", headers: str = "none", bodies: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.latency = settings["beat_bytes"], settings["latency"]
        dut.open.value = 1
        dut.wipe.value = 0
        common = {"random": self.random, "unless": lambda: not dut.open.value or dut.wipe.value}
        self.source = BeatSource(dut, "i", self.beat_bytes, pattern=link, random=self.random)
        self.headers = Recorder(dut, "header", RecordHeader, pattern=headers, **common)
        self.body_beats = Recorder(dut, "body", Beat(self.beat_bytes), pattern=bodies, **common)

    def send(self, *records: Record) -> None:
        for record in records:
            self.source.send_message(record.encode())

    def is_last_beat(self) -> bool:
        """Of what the link offers."""
        return bool(unpack(Beat(self.beat_bytes), int(self.dut.i__payload.value))["last"])

    def bodies(self, since: int = 0) -> list[bytes]:
        """The bodies taken since that cycle; fails unless all of them are whole."""
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in self.body_beats.since(since)]
        return messages_of(beats, self.beat_bytes)

    def expect(self, records: list[Record], since: int = 0) -> None:
        assert self.headers.since(since) == [header_fields(record) for record in records]
        assert self.bodies(since) == [record.body for record in records]

    async def settle(self) -> None:
        await self.source.drained()
        await cycles(self.dut, 40)

    async def new_epoch(self) -> int:
        """Closes until all that was sent is gone; returns the number of the last closed cycle."""
        self.dut.open.value = 0
        await self.source.drained()
        await cycles(self.dut, 2)
        self.dut.open.value = 1
        return cycle_number()


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


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
    for seq, length in enumerate((1, 16, 17, 100)):
        test.send(random_record(test.random, length, seq))
        while not (dut.i__valid.value and dut.i__ready.value and test.is_last_beat()):
            await RisingEdge(dut.clk)
        taken = cycle_number()
        await test.settle()
        header_cycle, _ = test.headers.taken[-1]
        body_cycle = min(cycle for cycle, beat in test.body_beats.taken if cycle > taken and beat["first"])
        assert header_cycle == taken + test.latency
        assert body_cycle == header_cycle + 2


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(lengths=[[4096] * 4, [1] * 40, [16] * 40, list(range(1, 40))])
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


ILLEGAL_FIELDS = [
    *[("version", value) for value in (0, 2, 3, 0x81)],
    *[("type", value) for value in (0, 1, 4, 5, 6, 7, 0x12, 0x82)],
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
    for name, beats in wrong_framings(random_record(test.random, 33, 1), test.beat_bytes).items():
        await check_fault(test, name, beats)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(length=[1, 21, 32])
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
    for _ in range(3):
        await test.new_epoch()
        test.headers.stalled = bool(test.random.getrandbits(1))
        test.send(*[random_record(test.random, 4096, seq) for seq in range(3)])
        await cycles(dut, test.random.randrange(1, 2 * depth))
        dut.wipe.value = 1
        for cycle in range(depth + 1):
            await RisingEdge(dut.clk)
            assert not dut.i__ready.value, "takes while it is wiped"
            assert not dut.body__valid.value, "offers while it is wiped"
            assert not dut.header__valid.value, "offers while it is wiped"
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
