"""Runs in the simulator: Egress and buffered messages, to links and to the host, against the model."""

import cocotb
from cocotb.triggers import RisingEdge
from egress_bench import Bench, begin
from egress_records import chunks, expected
from interlock.model.credit import cost
from interlock.model.messages import Kind, Message
from interlock.model.summary import Summary
from lib.parameters import parameters
from lib.patterns import PATTERNS
from lib.recorder import cycle_number
from lib.streams import cycles

LENGTHS = (0, 1, 15, 16, 17, 64, 4095, 4096, 4097, 8191, 8192, 0, 31)


def check(test: Bench) -> None:
    """Each message left as the model says, with the log of its scan, and nothing else did."""
    legal = []
    for sent, scan in zip(test.taken, test.scans, strict=True):
        if sent.message.kind is Kind.PEER:
            records = expected(scan, chunks(sent.message.payload))
            legal += [(sent.message.peer, record) for record in records]
    assert [(record.slot, record.data) for record in test.of_messages()] == legal


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(
    (("pattern", "offers"), list(zip(PATTERNS, ("none", "half", "none", "half"), strict=True)))
)
async def messages_leave_behind_a_fresh_prefix(dut, pattern, offers):
    """FULL or DELTA, with and without digests; the bench wants a sample of after the message for each."""
    test = await begin(dut, pattern=pattern, offers=offers)
    for number, length in enumerate(LENGTHS):
        sessions, externals = test.random.randint(1, 5), test.random.choice((0, 0, 1, 4))
        test.set_log(sessions, externals, is_delta=bool(test.random.getrandbits(1)))
        test.send(test.random.randrange(test.links), test.random.randbytes(length))
        if number % 3:
            await test.settled(number + 1)
        else:
            await test.until(lambda number=number: len(test.scans) > number)
            await cycles(dut, 20)
    await test.settled(len(LENGTHS))
    check(test)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("pattern", "payload"), [("none", 0), ("half", 5)]))
async def a_long_prefix_is_cut_into_records(dut, pattern, payload):
    """127 entries fill the first record, 128 each that follows; EOM is on the last of the message alone."""
    test = await begin(dut, pattern=pattern)
    counts = [(127, 0), (126, 1), (128, 0), (1, 127), (255, 0), (200, 55), (256, 0), (1, 300)]
    for number, (sessions, externals) in enumerate(counts):
        test.set_log(sessions, externals, is_delta=number % 2 == 1)
        test.send(number % test.links, test.random.randbytes(payload))
        await test.settled(number + 1)
    check(test)
    prefixes = [len(expected(scan, [])) for scan in test.scans]
    assert prefixes == [1, 1, 2, 2, 2, 2, 3, 3]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def an_export_is_log_summary_payload(dut, pattern):
    test = await begin(dut, pattern=pattern)
    for number, length in enumerate((0, 5, 16, 4097)):
        test.set_log(test.random.randint(1, 6), number)
        payload = test.random.randbytes(length)
        dut.ticks.value = ticks = test.random.getrandbits(40)
        test.send(0, payload, kind=Kind.EXPORT)
        test.send(0, b"behind it")
        log, summary = await test.host.receive_message(), await test.host.receive_message()
        scan = test.scans[2 * number]
        raw = b"".join(entry.encode() for entry in scan.prefix.sessions)
        assert log == Message(Kind.LOG, 0, raw + b"".join(scan.prefix.externals)).encode()
        said = Summary.over(
            scan.prefix.sessions,
            n_externals=number,
            export_counter=number,
            payload_length=length,
            bins=tuple(test.bins(scan.count)),
            ticks=ticks,
        )
        assert summary == Message(Kind.SUMMARY, 0, said.encode()).encode()
        assert await test.host.receive_message() == Message(Kind.EXPORT, 0, payload).encode()
        await test.settled(2 * number + 2)
    check(test)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_message_waits_for_its_channel_and_is_sampled_meanwhile(dut):
    test = await begin(dut)
    await test.end(0)
    test.send(0, b"late")
    await cycles(dut, 100)
    assert len(test.samples) == 1
    assert not test.scans
    await test.open(0)
    await cycles(dut, 100)
    assert not test.scans, "nothing was granted in this epoch"
    await test.credit(0, 32)
    await test.settled(1)
    assert len(test.samples) == 1
    check(test)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_message_starts_with_the_last_byte_that_it_costs(dut):
    test = await begin(dut, credit=None)
    await test.credit(0, 8208)
    granted, spent = 8208, 0
    for number, length in enumerate((0, 1, 16, 17, 100, 8192)):
        message = test.send(0, test.random.randbytes(length)).message
        spent += cost(message.size)
        if spent > granted:
            await test.credit(0, spent - granted - 1)
            await cycles(dut, 60)
            assert len(test.scans) == number, "a byte is missing"
            await test.credit(0, 1)
            granted = spent
        await test.settled(number + 1)
        assert len(test.scans) == number + 1
    test.send(0, b"")
    await cycles(dut, 100)
    assert len(test.scans) == 6, "all is spent"


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(is_stream=[False, True], grants=[1, 2])
async def what_costs_more_than_the_first_grant_is_dropped_and_never_sent(dut, is_stream, grants):
    """Even if the peer grants more later, and whenever: the next message leaves, with a sample of its own."""
    test = await begin(dut, credit=None)
    limit = 1000
    for delay in range(40):
        before, dropped = len(test.scans), len(test.drops)
        await test.credit(0, limit)
        if grants > 1:
            await test.credit(0, 2**40)
        if is_stream:
            test.send_stream(0, test.random.randbytes(40), maximum=limit - 15)
        else:
            test.send(0, test.random.randbytes(limit - 15))
        await cycles(dut, delay)
        for length in (3, limit - 40):
            test.send(0, test.random.randbytes(length))
            await cycles(dut, test.random.randrange(4))
            if grants == 1:
                await test.credit(0, limit)
        await test.settled(before + dropped + 3)
        assert len(test.drops) == dropped + 1
        await test.end(0)
        await test.open(0)
    legal = []
    peers = [sent for sent in test.taken if len(sent.message.payload) in (3, limit - 40)]
    for sent, scan in zip(peers, test.scans, strict=True):
        legal += expected(scan, chunks(sent.message.payload))
    assert [record.data for record in test.of_messages()] == legal


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_is_exact(dut):
    """From a message's offer to its scan, from what that says to the first record, from a scan to LOG."""
    test = await begin(dut)
    await cycles(dut, 60)
    for number in range(3):
        test.send(0, b"five!")
        await test.settled(number + 1)
        assert test.scans[-1].cycle == test.taken[-1].offered + parameters()["latency"]
        assert test.of_messages()[-2].cycle == test.described + parameters()["sender_latency"]
    test.send(0, b"out", kind=Kind.EXPORT)
    while not dut.host__valid.value:
        await RisingEdge(dut.clk)
    assert test.scans[-1].cycle == test.taken[-1].offered + parameters()["latency"]
    assert (
        cycle_number() == test.scans[-1].cycle + 1 + parameters()["exporter_latency"]
    )  # begun a cycle later


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def one_beat_a_cycle_while_a_message_is_in_flight(dut):
    """Prefix and payload: no idle cycle at ``records`` but one between two, in which a tag is made."""
    test = await begin(dut)
    await cycles(dut, 100)
    for number, (entries, length) in enumerate(((1, 0), (5, 100), (300, 8192))):
        test.set_log(entries)
        before = len(test.records.taken)
        test.send(0, test.random.randbytes(length))
        await test.settled(number + 1)
        when = [cycle for cycle, _ in test.records.taken[before:]]
        records = expected(test.scans[-1], chunks(bytes(length)))
        assert len(when) == sum(-(-len(record) // test.beat_bytes) for record in records)
        assert when[-1] - when[0] + 1 == len(when) + len(records) - 1
