"""Runs in the simulator: Egress and epochs that end, and wipes, in every cycle of a message.

The bench fails where a record is inside another, or cut short though its epoch goes on.
"""

import cocotb
from cocotb.triggers import RisingEdge
from egress_bench import Bench, begin
from egress_records import Scanned, Sent, chunks, expected
from interlock.model.messages import Kind
from interlock.model.records import RecordType, encode_credit
from lib.parameters import parameters
from lib.recorder import cycle_number
from lib.streams import cycles


def send(test: Bench, kind: str, slot: int, length: int) -> Sent:
    payload = test.random.randbytes(length)
    if kind == "stream":
        return test.send_stream(slot, payload, maximum=length + 7)
    return test.send(slot, payload)


def check_whole(test: Bench, sent: Sent, scan: Scanned, since: int) -> None:
    """All of the message's records have left, in order, among those since that cycle."""
    records = [r for r in test.of_messages() if r.slot == sent.message.peer and r.cycle >= since]
    assert all(record.whole for record in records)
    payloads = [record.body for record in records if record.type == RecordType.PAYLOAD]
    assert b"".join(payloads) == sent.message.payload
    bodies = payloads if sent.message.is_stream else chunks(sent.message.payload)
    assert [record.data for record in records] == expected(scan, bodies)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(
    (("pattern", "kind"), [("none", "buffered"), ("half", "stream")]), behind=["buffered", "stream"]
)
async def an_epoch_that_ends_in_any_cycle_takes_its_message_along(dut, pattern, kind, behind):
    """And nothing else: the one behind it, to another slot, comes out whole."""
    test = await begin(dut, pattern=pattern)
    for delay in range(90):
        test.set_log(3)
        scans, since = len(test.scans), cycle_number()
        send(test, kind, 0, 200)
        kept = send(test, behind, 1, 40)
        await cycles(dut, delay)
        await test.end(0)
        ended = cycle_number()
        await cycles(dut, test.random.randrange(6))
        await test.open(0)
        await test.credit(0, 2**40)  # a message that had not begun is sent in the new epoch
        await test.settled(scans + 2)
        check_whole(test, kept, test.scans[-1], since)
        later = [record for record in test.of_messages() if record.cycle > ended]
        assert all(record.whole for record in later)
        begun = any(scan.slot == 0 and scan.cycle < test.ends[-1][0] for scan in test.scans[scans:])
        assert not (begun and any(record.slot == 0 for record in later)), "begun, and sent in the next epoch"


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize((("pattern", "kind"), [("none", "stream"), ("half", "buffered"), ("long", "stream")]))
async def an_epoch_that_ends_leaves_messages_of_others_alone(dut, pattern, kind):
    """In every cycle of a message to another slot, and while its last record waits for the seal."""
    test = await begin(dut, pattern=pattern)
    for delay in range(90):
        scans, since = len(test.scans), cycle_number()
        kept = send(test, kind, 0, test.random.randint(1, 40))
        send(test, "buffered", 1, 200)
        await cycles(dut, delay)
        await test.end(1)
        await cycles(dut, 3)
        await test.open(1)
        await test.credit(1, 2**40)
        await test.settled(scans + 2)
        check_whole(test, kept, test.scans[scans], since)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def an_epoch_that_ends_disturbs_no_export(dut):
    test = await begin(dut)
    for delay in range(60):
        payload = test.random.randbytes(30)
        test.send(0, payload, kind=Kind.EXPORT)
        await cycles(dut, delay)
        await test.end(*range(test.links))
        parts = [await test.host.receive_message() for _ in range(3)]
        assert parts[2] == test.sent[-1].message.encode()
        assert len(parts[0]) == 16 + 32 * len(test.scans[-1].prefix.sessions)
        await test.open(*range(test.links))
        await cycles(dut, 3)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(pattern=["none", "half"])
async def notices_stand_between_records_and_never_inside_one(dut, pattern):
    """Space is freed in any cycle of a long message: each CREDIT is whole, and says what the model says."""
    test = await begin(dut, pattern=pattern)
    await cycles(dut, 60)
    granted = [parameters()["staging_bytes"]] * test.links
    count = 0
    for _ in range(12):
        scans, since = len(test.scans), cycle_number()
        test.set_log(40)
        kept = send(test, test.random.choice(("buffered", "stream")), 0, 3000)
        for _ in range(20):
            await cycles(dut, test.random.randrange(40))
            slot, amount = test.random.randrange(test.links), 16 * test.random.randint(1, 8)
            granted[slot] += amount
            await test.strobe(freed=1, freed_slot=slot, freed_bytes=amount)
            if test.random.random() < 0.1:
                await test.strobe(request_full=1 << test.random.randrange(test.links))
        await test.settled(scans + 1)
        check_whole(test, kept, test.scans[-1], since)
    await cycles(dut, 300)
    for slot in range(test.links):
        credits = [r.body for r in test.seen() if r.slot == slot and r.type == RecordType.CREDIT]
        count += len(credits)
        assert credits[-1] == encode_credit(granted[slot])
        assert credits == sorted(set(credits))
    assert count > 20


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(kind=["buffered", "stream", "export"])
async def a_wipe_in_any_cycle_is_a_fresh_start(dut, kind):
    """Nothing of before is offered, asked for or answered; the next message has a sample of its own."""
    test = await begin(dut, pattern="half")
    for delay in range(100):
        if kind == "export":
            test.send(0, test.random.randbytes(60), kind=Kind.EXPORT)
        else:
            send(test, kind, 0, 60)
        await cycles(dut, delay)
        # A wipe is for all blocks: what surrounds this one forgets, too.
        test.forget()
        dut.open.value = 0
        dut.wipe.value = 1
        await cycles(dut, 1)
        wiped = cycle_number()
        for _ in range(8):
            await RisingEdge(dut.clk)
            assert not dut.records__valid.value
            assert not dut.host__valid.value
            assert not dut.scan__valid.value
            assert not dut.window.value
            test.forget()
        dut.wipe.value = 0
        await cycles(dut, 2)
        test.forget()
        await test.open(*range(test.links))
        for slot in range(test.links):
            await test.credit(slot, 2**40)
        message = send(test, test.random.choice(("buffered", "stream")), 1, 50)
        await test.settled(1)
        check_whole(test, message, test.scans[-1], wiped + 1)
        assert not test.drops
