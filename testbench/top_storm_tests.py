"""Runs in the simulator: two tops whose hosts roll, and whose accelerators break promises, at any time."""

import cocotb
from interlock.model.messages import Kind, Message
from lib.patterns import PATTERNS
from lib.streams import cycles
from lib.top_bench import MESSAGE_BYTES, OVER_PEAK, begin, exchange


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def rolls_and_alarms_at_any_time_leave_whole_messages_or_end_marks(dut, pattern):
    """Every frame that arrives was sent, or is marked as cut; and afterwards all is as after a reset."""
    bench = await begin(dut, pattern)
    random = bench.random
    sent: set[bytes] = set()
    received = cut = 0

    def message(kind: Kind) -> bytes:
        payload = random.randbytes(random.randint(16, MESSAGE_BYTES))
        sent.add(Message(kind, 0, payload).encode())
        return payload

    async def listen(receive) -> None:
        nonlocal received, cut
        while True:
            frame = await receive()
            if frame is None:
                cut += 1
                continue
            received += 1
            if frame[0] not in (Kind.LOG, Kind.SUMMARY):
                assert frame in sent, f"nobody sent {frame.hex()}"

    listeners = [cocotb.start_soon(listen(r)) for s in bench.sides for r in (s.receive, s.receive_at_host)]
    for _ in range(40):
        for side in bench.sides:
            if side.tx.count() < 3:
                side.send(Kind.PEER, message(Kind.PEER))
                side.send(Kind.EXPORT, message(Kind.EXPORT))
            if side.host_in.count() < 2:
                side.send_from_host(message(Kind.EXTERNAL))
        side = random.choice(bench.sides)
        await cycles(dut, random.randint(1, 600))
        if random.random() < 0.2:
            await side.compute(OVER_PEAK)
            await cycles(dut, random.randint(1, 50))
        await side.write("CONTROL", 1)
    assert received > 20
    assert sum(rules.marks for rules in bench.rules) > 0
    for listener in listeners:
        listener.cancel()

    for side in bench.sides:  # what is left of it belongs to nobody
        side.tx.clear()
        side.host_in.clear()
        await side.write("CONTROL", 1)
    await cycles(dut, 1000)
    await bench.ready()
    await cycles(dut, 4000)
    for side in bench.sides:
        side.rx.clear()
        side.host_out.clear()
        side.tx.clear()
    await exchange(bench, bench.a, bench.b, (17, MESSAGE_BYTES))
