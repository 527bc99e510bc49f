"""Runs in the simulator: messages between two tops whose links are joined."""

import cocotb
from cocotb.triggers import gather
from interlock.model.messages import Kind, Message
from lib.patterns import PATTERNS
from lib.top_bench import BEAT_BYTES, MESSAGE_BYTES, begin, exchange
from lib.top_side import Side

LENGTHS = (0, 1, BEAT_BYTES, BEAT_BYTES + 1, MESSAGE_BYTES)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def messages_pass_and_every_flop_is_counted(dut, pattern):
    bench = await begin(dut, pattern)
    await exchange(bench, bench.a, bench.b, LENGTHS)
    await exchange(bench, bench.b, bench.a, LENGTHS[-2:])
    assert not any(rules.marks for rules in bench.rules)
    if pattern != "none":
        assert all(rules.stalls for rules in (*(s.rx_rules for s in bench.sides), bench.a.host_rules))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def two_sides_talk_at_once(dut):
    bench = await begin(dut, "bursts")
    payloads = [[bench.random.randbytes(bench.random.randint(1, 200)) for _ in range(30)] for _ in "ab"]

    async def listen(side: Side, expected) -> None:
        for payload in expected:
            assert await side.receive() == Message(Kind.PEER, 0, payload).encode()

    for side, own in zip(bench.sides, payloads, strict=True):
        for payload in own:
            side.send(Kind.PEER, payload)
    listeners = [listen(s, p) for s, p in zip(bench.sides, reversed(payloads), strict=True)]
    await gather(*listeners)
