"""Runs in the simulator: Egress and streams: cuts, covers, aborts, windows, credit, and whose a sample is."""

import cocotb
from cocotb.triggers import RisingEdge
from egress_bench import Bench, begin
from egress_records import Seen, Sent, expected
from interlock.model.credit import cost
from interlock.model.records import RecordType
from lib.patterns import PATTERNS
from lib.recorder import cycle_number
from lib.streams import cycles

TOO_MANY = 2**96 - 1


def check_stream(test: Bench, sent: Sent, records: list[Seen], *, aborts: bool = False) -> None:
    """Of the stream that was scanned last: legally cut, each PAYLOAD sampled for after its last beat."""
    scan = test.scans[-1]
    payloads = [record.body for record in records if record.type == RecordType.PAYLOAD]
    legal = [(scan.slot, data) for data in expected(scan, payloads, aborts=aborts)]
    assert [(record.slot, record.data) for record in records] == legal
    sent_bytes = b"".join(payloads)
    assert sent.message.payload.startswith(sent_bytes)
    assert aborts or sent_bytes == sent.message.payload
    assert all(len(body) % 16 == 0 for body in (payloads if aborts else payloads[:-1]))
    announced = scan.count + scan.bound
    end = 0
    for record in records:
        if record.type == RecordType.PAYLOAD:
            end += len(record.body)
            last_beat = sent.given[-(-end // test.beat_bytes) - 1]
            assert any(
                asked > last_beat and answered < record.cycle and count <= announced
                for asked, answered, count in test.samples
            ), "a record left before its last byte was covered"


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize((("pattern", "pace"), list(zip(PATTERNS, (1.0, 0.1, 1.0, 1.0), strict=True))))
async def streams_leave_as_they_come_behind_their_prefix(dut, pattern, pace):
    test = await begin(dut, pattern=pattern)
    lengths = (1, 15, 16, 17, 33, 4095, 4096, 4097) if pace == 1.0 else (1, 16, 17, 200, 600)
    for number, length in enumerate(lengths):
        before = len(test.of_messages())
        test.set_log(test.random.randint(1, 4), number % 2, is_delta=number % 3 == 0)
        payload = test.random.randbytes(length)
        maximum = length + test.random.choice((0, 0, 1, 1000))
        sent = test.send_stream(number % test.links, payload, pace=pace, maximum=maximum)
        await test.settled(2 * number + 1)
        check_stream(test, sent, test.of_messages()[before:])
        between = test.send(0, b"between them")
        await test.settled(2 * number + 2)
        assert [record.body for record in test.of_messages()[-1:]] == [between.message.payload]
    assert len(test.finishes) == len(lengths)
    assert not test.drops


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_empty_stream_is_its_prefix(dut):
    test = await begin(dut)
    for number in range(3):
        test.set_log(1 + number)
        sent = test.send_stream(0, b"", maximum=100 * number)
        await test.settled(number + 1)
        check_stream(test, sent, test.of_messages()[-1:])
        assert len(test.finishes) == number + 1


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("pattern", "pace"), [("none", 0.05), ("half", 1.0)]))
async def a_stream_that_outruns_its_bound_is_aborted(dut, pattern, pace):
    """A FLOP a cycle is spent: what left was covered; then one ABORT, and FULL is due."""
    test = await begin(dut, pattern=pattern)
    full_due = []

    async def watch() -> None:
        while True:
            await RisingEdge(dut.clk)
            if int(dut.require_full.value):
                full_due.append(int(dut.require_full.value))

    cocotb.start_soon(watch())
    for number, bound in enumerate((0, 1, 20, 40, 60, 80, 120, 200)):
        before = len(test.of_messages())
        sent = test.send_stream(number % test.links, bytes(8000), bound=bound, pace=pace)
        await test.settled(2 * number + 1)
        check_stream(test, sent, test.of_messages()[before:], aborts=True)
        assert full_due == [1 << n % test.links for n in range(number + 1)]
        assert len(test.finishes) == number + 1
        after = test.send(0, b"after it")
        await test.settled(2 * number + 2)
        assert test.of_messages()[-1].body == after.message.payload


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pattern=["none", "half"])
async def a_stream_that_breaks_anywhere_is_aborted(dut, pattern):
    test = await begin(dut, pattern=pattern)
    for beats in range(24):
        before = len(test.of_messages())
        sent = test.send_stream(0, test.random.randbytes(2000), breaks_after=beats)
        await test.settled(2 * beats + 1)
        check_stream(test, sent, test.of_messages()[before:], aborts=True)
        after = test.send(0, b"after it")
        await test.settled(2 * beats + 2)
        assert test.of_messages()[-1].body == after.message.payload


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_stream_that_would_announce_too_much_is_dropped(dut):
    """2**96 - 1 is for ever out of reach: one less can be announced."""
    test = await begin(dut)
    for number, bound in enumerate((TOO_MANY, TOO_MANY - 1)):
        sent = test.send_stream(0, bytes(40), bound=bound)
        await test.settled(number + 1)
        assert test.drops[-1][1] == 0
        assert len(test.drops) == number + 1
        assert sent.offered is not None
    test.frozen = 10**20
    test.send_stream(0, bytes(40), bound=TOO_MANY - test.frozen)
    await test.settled(3)
    assert len(test.drops) == 3
    sent = test.send_stream(0, bytes(40), bound=TOO_MANY - test.frozen - 1)
    await test.settled(4)
    assert len(test.drops) == 3
    check_stream(test, sent, test.of_messages())


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def the_window_is_open_from_the_scan_to_the_last_record(dut, pattern):
    """And never for a buffered message."""
    test = await begin(dut, pattern=pattern)
    window = []

    async def watch() -> None:
        while True:
            await RisingEdge(dut.clk)
            if dut.window.value:
                window.append(cycle_number())

    cocotb.start_soon(watch())
    test.send(0, bytes(1000))
    await test.settled(1)
    assert not window
    streams = [(300, {}), (300, {"breaks_after": 5}), (300, {"pace": 0.1}), *[(5, {})] * 10]
    for number, (length, how) in enumerate(streams):
        window.clear()
        before = len(test.of_messages())
        test.send_stream(0, bytes(length), **how)
        await test.settled(number + 2)
        last = test.of_messages()[-1]
        assert len(test.of_messages()) > before + 1
        assert window[0] == test.scans[-1].cycle
        assert window[-1] >= last.cycle
        assert window == list(range(window[0], window[-1] + 1)), "without a gap"


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(fate=["whole", "broken", "overrun", "empty"])
async def a_stream_costs_its_maximum_while_it_is_sent_and_then_what_it_was(dut, fate):
    test = await begin(dut, credit=None)
    granted, length = 2000, 0 if fate == "empty" else 35
    await test.credit(0, granted)
    test.send_stream(
        0,
        test.random.randbytes(length),
        maximum=1900,
        bound=0 if fate == "overrun" else 2**64,
        breaks_after=1 if fate == "broken" else None,
    )
    await test.settled(1)
    left = granted - (0 if fate in ("broken", "overrun") else cost(length))
    missing = 16 if left < granted else 0
    test.send(0, bytes(left + missing - 16))
    if missing:
        await cycles(dut, 100)
        assert len(test.scans) == 1
        await test.credit(0, missing)
    await test.settled(2)
    test.send(0, b"")
    await cycles(dut, 100)
    assert len(test.scans) == 2, "all is spent"
    assert not test.drops


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(fate=["broken", "ended"], behind=["buffered", "stream", "hopeless"])
async def a_sample_of_a_stream_never_serves_the_next_message(dut, fate, behind):
    """The stream goes in any cycle, its sample in flight, and the next message comes soon after, or two do
    and the first is dropped: the bench wants a count of after the message was whole."""
    test = await begin(dut, credit=2000)
    in_flight = done = 0
    for delay in range(60):
        finishes = len(test.finishes)
        payload, breaks = test.random.randbytes(1500), delay if fate == "broken" else None
        test.send_stream(0, payload, breaks_after=breaks, pace=0.4)
        await test.until(lambda done=done: len(test.scans) + len(test.drops) > done)
        if fate == "ended":
            await cycles(dut, delay)
            await test.end(0)
        await test.until(lambda finishes=finishes: len(test.finishes) > finishes)
        in_flight += test.samples[-1][1] > cycle_number()
        await cycles(dut, delay % 2 * 3)
        if behind == "hopeless":
            test.send(1, bytes(2000))
            done += 1
        if behind == "stream":
            test.send_stream(1, b"")
        else:
            test.send(1, b"next")
        done += 2
        await test.settled(done)
        await test.credit(1, cost(4))
        if fate == "ended":
            await test.open(0)
            await test.credit(0, 2000)
    assert in_flight
    assert len(test.drops) == (60 if behind == "hopeless" else 0)
