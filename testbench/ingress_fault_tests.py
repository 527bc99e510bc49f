"""Runs in the simulator: every rule of *What closes a channel* that is Ingress's to keep."""

import cocotb
from ingress_bench import CLEAR, OWN, Bench, credit_record, message_records, notice
from interlock.model.log import Entry
from interlock.model.records import DELTA, FULL, PREFIX_HEADER, Prefix, Record, RecordType
from lib.streams import cycles

ME, OTHER = Entry(b"\xa0" * 16, 5, 1, 1, CLEAR), Entry(b"\x55" * 16, 1, 1, 1, CLEAR)
DIGEST = bytes(range(32))
LONG = 200  # entries of a prefix of two records


def prefix(body: bytes, *, som: bool = True, eom: bool = False) -> Record:
    return Record(RecordType.PREFIX, som, eom, 0, body)


def payload(body: bytes, *, som: bool = False, eom: bool = True) -> Record:
    return Record(RecordType.PAYLOAD, som, eom, 0, body)


def described(entries: int = 1, **fields: int) -> bytes:
    """A prefix with so many entries, and a descriptor that says what it likes."""
    honest = {"n_sessions": entries, "n_externals": 0, "flags": FULL, "reserved": 0, "max_bound": 0}
    return PREFIX_HEADER.pack(**honest | fields) + ME.encode() * entries


def said(*entries: Entry, externals: tuple[bytes, ...] = (), is_delta: bool = False) -> list[Record]:
    """A whole message."""
    return message_records(b"x", *entries, externals=externals, is_delta=is_delta)


def crowd(count: int) -> list[Entry]:
    return [Entry(bytes([i]) * 16, 1, 1, 1, CLEAR) for i in range(0x10, 0x10 + count)]


def faults(room: int, places: int) -> dict[str, list[Record]]:
    """Records of a channel, of which the last one, and nothing before it, is out of place."""
    one = described()
    good = prefix(one)
    abort, request = notice(RecordType.ABORT), notice(RecordType.FULL_REQUEST)
    long = described(LONG)
    first, second = prefix(long[:4096]), long[4096:]
    whole = said(ME)
    cases = {
        # Order
        "prefix in an open message": [good, good],
        "prefix in a payload": [good, payload(bytes(16), eom=False), good],
        "prefix in a prefix": [first, good],
        "prefix without SOM": [prefix(one, som=False)],
        "prefix without SOM behind a whole one": [good, prefix(one[32:], som=False)],
        "payload without a message": [payload(b"x")],
        "payload with SOM": [good, payload(b"x", som=True)],
        "payload in a prefix": [first, payload(b"x")],
        "payload behind its message": [*whole, payload(b"x")],
        "payload behind an empty message": [prefix(one, eom=True), payload(b"x")],
        "payload behind an aborted message": [good, abort, payload(b"x")],
        "prefix goes on behind an abort": [first, abort, prefix(second, som=False)],
        "payload that is no whole blocks": [good, payload(bytes(17), eom=False)],
        "payload of 4095 bytes that goes on": [good, payload(bytes(4095), eom=False)],
        "abort without a message": [abort],
        "abort behind a message": [*whole, abort],
        "second abort": [good, abort, abort],
        # Lengths
        "descriptor alone": [prefix(one[:32])],
        "one byte": [prefix(one[:1])],
        "entry 0 cut short": [prefix(one[:63])],
        "a byte more": [prefix(one + b"\0")],
        "an entry less": [prefix(described(2)[:-32])],
        "an entry more": [prefix(described(2, n_sessions=1))],
        "an external less": [prefix(described(n_externals=1))],
        "an external more": [prefix(one + DIGEST)],
        "long prefix cut short": [prefix(long[:4064])],
        "long prefix cut very short": [prefix(long[:64])],
        "second record cut short": [first, prefix(second[:-32], som=False)],
        "second record too long": [first, prefix(second + DIGEST, som=False)],
        "second record ragged": [first, prefix(second[:-1], som=False)],
        "second record of a byte": [first, prefix(second[:1], som=False)],
        "EOM on the first of two": [prefix(long[:4096], eom=True)],
        "EOM on the second of three": [
            prefix(described(LONG, n_externals=100)[:4096]),
            prefix(bytes(4096), som=False, eom=True),
        ],
        "counts beyond any prefix": [prefix(described(n_sessions=(1 << 32) - 1, n_externals=(1 << 32) - 1))],
        "counts whose sum wraps": [prefix(described(n_sessions=(1 << 32) - 1, n_externals=2))],
        "counts of which one wraps": [prefix(described(n_sessions=1, n_externals=1 << 31))],
        # Descriptor
        "no entries": [prefix(described(n_sessions=0))],
        "no sessions": [prefix(described(n_sessions=0, n_externals=1))],
        "no flag": [prefix(described(flags=0))],
        "both flags": [prefix(described(flags=FULL | DELTA))],
        "DELTA first": [prefix(described(flags=DELTA))],
        "DELTA behind an abort": [*whole, good, abort, prefix(described(flags=DELTA))],
        "DELTA behind a prefix that was not finished": [first, abort, prefix(described(flags=DELTA))],
        # Who speaks
        "own id": [prefix(Prefix((Entry(OWN, 1, 1, 1, CLEAR),)).encode())],
        "own id in a later message": [*whole, prefix(Prefix((Entry(OWN, 1, 1, 1, CLEAR),)).encode())],
        "another speaker": [*whole, prefix(Prefix((OTHER,)).encode())],
        "another speaker behind an abort": [good, abort, prefix(Prefix((OTHER,)).encode())],
        "another speaker in a delta": [*whole, prefix(Prefix((OTHER,), is_delta=True).encode())],
        # Credit
        "a block more than granted": [
            good,
            *[payload(bytes(2048), eom=False)] * ((room - 16) // 2048),
            payload(bytes((room - 16) % 2048 + 16)),
        ],
        "a message more than granted": [prefix(one, eom=True)] * (room // 16 + 1),
        "credit falls by one": [credit_record(5), credit_record(4)],
        "credit falls to nothing": [credit_record((1 << 64) - 1), credit_record(0)],
        "credit falls from its top bit": [credit_record(1 << 63), credit_record((1 << 63) - 1)],
        "credit falls in a message": [credit_record(5), good, credit_record(4)],
        "credit falls behind other records": [credit_record(5), request, *whole, credit_record(4)],
        # The log's answers
        "reserved provenance": said(ME, Entry(b"\x66" * 16, 1, 1, 1, 2))[:1],
        "other mode": [*said(ME, OTHER), prefix(Prefix((ME, Entry(b"\x55" * 16, 1, 2, 1, 1))).encode())],
        "other weight table": [
            *said(ME, OTHER),
            prefix(Prefix((ME, Entry(b"\x55" * 16, 1, 1, 2, 1))).encode()),
        ],
        "more sources than places": [prefix(Prefix((ME, *crowd(places))).encode())],
        "more digests than places": [
            prefix(Prefix((ME,), tuple(bytes([i]) * 32 for i in range(places))).encode())
        ],
        "refused in a second record": [
            first,
            prefix(second[:-32] + Entry(b"\xa0" * 16, 1, 2, 1, CLEAR).encode(), som=False),
        ],
    }
    for bit in range(2, 32):
        cases[f"reserved flag {bit}"] = [prefix(described(flags=FULL | 1 << bit))]
    for bit in range(0, 64, 7):
        cases[f"reserved bit {bit}"] = [prefix(described(reserved=1 << bit))]
    return cases


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_broken_rule_closes_the_channel_and_only_that(dut):
    """Closed at the record that breaks the rule; what is behind that is not read; the others go on."""
    bench = Bench(dut)
    await bench.begin()
    bench.grants_back = False
    for number, (name, records) in enumerate(faults(bench.staging, bench.capacity - 2).items()):
        slot = number % bench.links
        for each in range(bench.links):  # everybody's epoch begins afresh
            bench.end(1 << each)
        await cycles(dut, 5)
        await bench.settle()
        while bench.open != (1 << bench.links) - 1 or not all(m.credit.granted for m in bench.models):
            await cycles(dut, 1)
        bench.log = type(bench.log)(own=bench.log.own, capacity=bench.capacity, slots=bench.links)
        bench.log.merge(ME)
        bench.log.merge(bench.peer(1))
        bench.seen.clear()
        bench.times.clear()
        bench.out.clear()
        behind = notice(RecordType.FULL_REQUEST)
        bench.send(slot, *records, behind)
        other = (slot + 1) % bench.links
        expected = bench.message(other, b"still here")
        for _ in range(40_000):
            if bench.seen["open"]:
                break
            await cycles(dut, 1)
        events = [event for _, event, where in bench.times if where == slot and event in ("take", "close")]
        assert events == ["take"] * len(records) + ["close"], f"{name}: {events}"
        assert bench.seen["close"] == 1, name
        await bench.settle()
        assert expected in bench.out, name


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def what_is_at_the_edge_of_a_rule_is_legal(dut):
    """Messages that look like the broken ones, and are not."""
    bench = Bench(dut)
    await bench.begin()
    abort = notice(RecordType.ABORT)
    long = described(LONG)
    huge = described(127, n_sessions=(1 << 32) - 1, n_externals=(1 << 32) - 1)
    bench.send(0, *said(ME), *said(ME, is_delta=True), *said(ME, OTHER, externals=(DIGEST,), is_delta=True))
    bench.send(0, prefix(long[:4096]), prefix(long[4096:], som=False, eom=True))
    bench.send(0, prefix(described(max_bound=(1 << 96) - 1), eom=True))
    # A prefix without end, of which only the beginning ever comes.
    bench.send(0, prefix(huge), prefix(ME.encode() * 128, som=False), abort)
    bench.send(0, prefix(described()), payload(bytes(16), eom=False), abort, *said(ME))
    # The first of the sections, and of the records, that end exactly where a record does.
    for sessions, externals in ((127, 0), (1, 126), (126, 1), (127, 128), (128, 127), (255, 0), (1, 254)):
        bench.send(0, *message_records(b"", *[ME] * sessions, externals=[DIGEST] * externals))
    for amount in (0, 0, 5, 5, 1 << 63, (1 << 64) - 1, (1 << 64) - 1):
        bench.send(0, credit_record(amount))
    await bench.settle(limit=60_000)
    assert bench.seen["close"] == 0
    assert len(bench.out) == 3 + 2 + 1 + 7
    assert bench.seen["merge"] > 1000
