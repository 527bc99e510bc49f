"""Runs in the simulator: Ingress and the golden model, by random histories, and by cases of its own."""

from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge
from ingress_bench import CLEAR, LOG_LATENCY, Bench, credit_record, message_records, notice
from interlock.model.credit import cost
from interlock.model.log import Entry
from interlock.model.records import Record, RecordType
from lib.parameters import parameters
from lib.patterns import PATTERNS
from lib.streams import cycles


class Peer:
    """One end of a link that keeps to the rules, but for now and then."""

    def __init__(self, bench: Bench, slot: int) -> None:
        self.bench, self.slot = bench, slot
        self.begin()

    def begin(self) -> None:
        self.spent = self.granted = 0
        self.needs_full = True

    def say(self) -> None:
        """A message, perhaps an aborted one, with other records between its own; or something wrong."""
        bench, random = self.bench, self.bench.random
        size = random.choice((0, 1, 15, 16, 17, random.randrange(300), random.choice((100, 3000, 4097))))
        room = (bench.models[self.slot].credit.granted or 0) - self.spent
        if room < cost(size):
            return
        count = random.choice((0, 1, 2, 3, 6, random.choice((0, 1, 5, 126, 127, 140))))
        others = [bench.other() for _ in range(count)]
        externals = [bytes([random.randrange(3)]) * 32 for _ in range(random.choice((0, 0, 0, 1, 2)))]
        is_delta = not self.needs_full and random.random() < 0.5
        chunk = random.choice((16, 1024, 4096)) if size < 2000 else 4096
        records = message_records(
            random.randbytes(size),
            bench.peer(self.slot, random.getrandbits(20)),
            *others,
            externals=externals,
            is_delta=is_delta,
            chunk=chunk,
        )
        aborted = random.random() < 0.25
        if aborted:
            records = records[: random.randrange(1, len(records) + 1)]
            if records[-1].eom:
                records.pop()
            if records:
                records.append(notice(RecordType.ABORT))
                self.needs_full = True
        else:
            self.spent += cost(size)
            self.needs_full &= is_delta
        for record in records:
            if random.random() < 0.2:
                self.granted += random.choice((0, 1, 1 << 20, 1 << 50))
                bench.send(self.slot, credit_record(self.granted))
            if random.random() < 0.1:
                bench.send(self.slot, notice(RecordType.FULL_REQUEST))
            bench.send(self.slot, self.spoilt(record) if random.random() < 0.1 else record)

    def spoilt(self, record: Record) -> Record:
        random = self.bench.random
        match random.randrange(4):
            case 0 if record.type in (RecordType.PREFIX, RecordType.PAYLOAD):
                return Record(record.type, not record.som, record.eom, 0, record.body)
            case 1 if record.type in (RecordType.PREFIX, RecordType.PAYLOAD):
                return Record(record.type, record.som, not record.eom, 0, record.body)
            case 2 if record.body:
                body = bytearray(record.body)
                body[random.randrange(min(len(body), 96))] ^= 1 << random.randrange(8)
                return Record(record.type, record.som, record.eom, 0, bytes(body))
        return notice(RecordType.ABORT)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS))
async def random_histories_agree_with_the_golden_model(dut, pattern):
    """Messages, aborts, credit, faults, ends of epochs and windows, in any order."""
    bench = Bench(dut, pattern, log=0.7)
    random = bench.random
    await bench.begin()
    peers = [Peer(bench, slot) for slot in range(bench.links)]
    was_open = bench.open
    for _ in range(parameters()["cycles"]):
        await RisingEdge(dut.clk)
        for slot, peer in enumerate(peers):
            if not bench.open >> slot & 1:
                peer.begin()
            elif was_open >> slot & 1 and len(bench.records[slot]) < 2:
                peer.say()
        was_open = bench.open
        if random.random() < 0.002 and len(bench.externals) < 2:
            bench.external(random.randbytes(random.randrange(60)))
        if random.random() < 0.001:
            bench.end(1 << random.randrange(bench.links))
        if random.random() < (0.02 if dut.window.value else 0.004):
            dut.window.value = not dut.window.value
    dut.window.value = 0
    await cycles(dut, 20)
    await bench.settle()
    print(dict(bench.seen))
    names = ["PREFIX", "PAYLOAD", "release", "end"]
    if pattern != "long":  # where little gets done
        names += ["CREDIT", "ABORT", "FULL_REQUEST", "credit", "close"]
    for name in names:
        assert bench.seen[name], f"{name} was not tried: {bench.seen}"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def channels_take_turns_by_record(dut):
    """A channel with a long queue does not hold up the others, nor the host."""
    bench = Bench(dut)
    await bench.begin()
    for slot in range(bench.links):
        for _ in range(3):
            bench.message(slot, bytes(2000), chunk=400)
    bench.external(b"host")
    await bench.settle()
    takes = [slot for _, name, slot in bench.times if name == "take"]
    first, last = takes.index(1), len(takes) - 1 - takes[::-1].index(0)
    both = takes[max(0, first - 1) : last]
    assert len(both) > 20
    assert all(one != other for one, other in pairwise(both)), takes
    releases = [slot for _, name, slot in bench.times if name == "release"]
    assert releases.index(bench.links) <= 1


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_and_throughput_are_exact(dut):
    """From one record's first cycle to the next one's, and from the last beat to the release."""
    bench = Bench(dut)
    await bench.begin()
    beats = lambda length: -(-length // bench.beat_bytes)  # noqa: E731
    header = beats(16)

    async def durations(*records: Record) -> list[int]:
        """Cycles of each record; behind them comes one that ends the last."""
        bench.times.clear()
        bench.send(0, *records, notice(RecordType.FULL_REQUEST))
        await bench.settle()
        takes = [cycle for cycle, name, _ in bench.times if name == "take"]
        return [after - before for before, after in pairwise(takes)]

    # Each record is judged first.  Entries are merged one behind the other, the last one two cycles after its
    # last beat.
    prefix = 3 + LOG_LATENCY
    for count in (1, 2, 7, 127, 128, 300):
        records = message_records(bytes(64), *[bench.peer(0)] * count, chunk=32)
        expected = [beats(len(record.body)) + prefix for record in records[:-2]]
        assert await durations(*records) == [*expected, 1 + header + beats(32), 1 + beats(32)]
    (empty,) = message_records(b"", bench.peer(0))
    assert await durations(empty) == [beats(64) + prefix + header]
    assert await durations(credit_record(1), credit_record(2)) == [beats(8) + 3] * 2
    # What could end while it is judged does so a cycle later.
    short = message_records(bytes(32), bench.peer(0), chunk=16)
    assert (await durations(*short))[1:] == [1 + header + beats(16), 1 + max(2, beats(16))]
    assert await durations(*[notice(RecordType.FULL_REQUEST)] * 2) == [3, 3]
    aborted = message_records(bytes(64), bench.peer(0), chunk=32)[:2]
    assert (await durations(*aborted, notice(RecordType.ABORT)))[2] == 3

    # Payload is released Staging.latency cycles after its last beat.
    bench.times.clear()
    bench.message(0, bytes(160))
    await bench.settle()
    (_, _, begun), (taken, _, _), (released, _, _) = bench.times[:3]
    assert begun == 0
    assert released - taken == header + beats(160) - 1 + parameters()["release_latency"]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def what_was_granted_finds_room_though_the_accelerator_takes_nothing(dut):
    """Each channel sends exactly what it was granted, as one message or several; then nothing is held up."""
    bench = Bench(dut)
    await bench.begin()
    bench.stopped = True
    bench.message(0, bytes(bench.staging - 16))
    sizes = [0, 1, 16, 100]
    rest = bench.staging - sum(map(cost, sizes))
    for size in [*sizes, rest - 16]:
        bench.message(1, bytes([size & 255]) * size)
    while not bench.is_idle:
        await cycles(dut, 1)
    await cycles(dut, 4096 // bench.beat_bytes + 20)  # the last record of all
    assert not bench.out
    assert bench.seen["close"] == 0
    bench.send(0, credit_record(77), notice(RecordType.FULL_REQUEST))
    await cycles(dut, 30)
    assert bench.is_idle
    bench.stopped = False
    await bench.settle()
    assert sorted(map(len, bench.out)) == sorted(
        16 + size for size in [*sizes, rest - 16, bench.staging - 16]
    )
    # What was released was granted again.
    bench.message(0, bytes(bench.staging - 16))
    await bench.settle()
    assert bench.seen["close"] == 0


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def one_byte_more_than_granted_closes_the_channel(dut):
    """In one message, in a second one's header, in the last byte of a payload."""
    bench = Bench(dut, rx="long")
    await bench.begin()
    for sizes in (
        [bench.staging - 15],
        [bench.staging - 16, 0],
        [bench.staging - 32, 0, 0],
        [100, bench.staging],
    ):
        bench.stopped = True
        before = bench.seen["close"]
        for size in sizes:
            bench.message(0, bytes(size))
        while bench.seen["close"] == before:
            await cycles(dut, 1)
        bench.stopped = False
        await bench.settle()
        while bench.seen["open"] == before or not bench.models[0].credit.granted:
            await cycles(dut, 1)
        assert bench.seen["close"] == before + 1
    # Nor anything at all that was not granted yet.
    bench.grants_back = False
    bench.message(1, bytes(bench.staging - 32))
    await bench.settle()
    bench.message(1, b"")
    await bench.settle()
    before = bench.seen["close"]
    bench.message(1, b"")
    await bench.settle()
    assert bench.seen["close"] == before + 1


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_abort_gives_the_room_back_and_keeps_the_entries(dut):
    bench = Bench(dut)
    await bench.begin()
    stranger = Entry(b"\x99" * 16, 7, 1, 1, CLEAR)
    for _ in range(3):
        records = message_records(bytes(bench.staging - 16), bench.peer(0), stranger)
        for kept in range(1, len(records)):
            bench.send(0, *records[:kept], notice(RecordType.ABORT))
        bench.message(0, bytes(bench.staging - 16))
        await bench.settle()
    assert len(bench.out) == 3
    assert stranger in bench.log.entries
    assert bench.seen["close"] == 0


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_credit_takes_no_beat_of_what_is_behind_it(dut):
    """A CREDIT, and directly behind it each other type of record of the same channel."""
    bench = Bench(dut)
    await bench.begin()
    total = 0
    for size in (0, 40):
        for record in (*message_records(bytes(size), bench.peer(0)), notice(RecordType.FULL_REQUEST)):
            total += 1 << 40
            bench.send(0, credit_record(total), record, credit_record(total), credit_record(total))
    await bench.settle()
    assert bench.credited[0] == total
    assert bench.seen["release"] == 2


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def nothing_is_released_inside_a_window(dut):
    """Prefixes are merged and payloads staged meanwhile; a message in progress goes on."""
    bench = Bench(dut)
    await bench.begin()
    bench.message(0, bytes(400))
    while not bench.leaving:
        await cycles(dut, 1)
    dut.window.value = 1
    bench.message(0, b"one")
    bench.message(1, b"two", bench.peer(1), bench.other())
    bench.external(b"three")
    await cycles(dut, 300)
    assert len(bench.out) == 1, "the message in progress"
    assert bench.is_idle
    assert bench.seen["release"] == 1
    dut.window.value = 0
    await bench.settle()
    assert len(bench.out) == 4
