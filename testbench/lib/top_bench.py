"""Two joined tops, and both of their surroundings: what the benches of ``InterlockTop`` begin with."""

from collections.abc import Iterable
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles
from interlock.model.keys import LinkKeys
from interlock.model.messages import Kind, Message

from lib.axi import Rules
from lib.parameters import generator, parameters
from lib.streams import start
from lib.top_side import Side

BEAT_BYTES = parameters().get("beat_bytes", 4)
MESSAGE_BYTES = parameters().get("message_bytes", 256)
OVER_PEAK = 1000
"""More operations than the issue port can do in a cycle."""


class Bench:
    """Both sides, and the link between them."""

    def __init__(self, dut: Any, pattern: str) -> None:
        self.dut = dut
        self.random = generator()
        self.a, self.b = (
            Side(dut, name, beat_bytes=BEAT_BYTES, pattern=pattern, random=self.random) for name in "ab"
        )
        self.sides = (self.a, self.b)
        self.wires = [Rules(dut, name) for name in ("a_to_b", "b_to_a")]
        if parameters()["sealed"]:
            cocotb.start_soon(self._exchange_keys())
        self.rules = [*self.wires, *(r for s in self.sides for r in (s.rx_rules, s.host_rules))]

    async def _exchange_keys(self) -> None:
        """In the place of a handshake."""
        while True:
            await ClockCycles(self.dut.clk, 50)
            if not any(side.wants_keys for side in self.sides):
                continue
            if not all(side.port("status_open").value for side in self.sides):
                continue
            there, back = self.random.randbytes(32), self.random.randbytes(32)
            ids = [int(side.port("session_id").value).to_bytes(16) for side in self.sides]
            self.a.keys.send_nowait(LinkKeys(0, 9, ids[1], there, back).encode())
            self.b.keys.send_nowait(LinkKeys(0, 9, ids[0], back, there).encode())

    async def ready(self) -> None:
        for side in self.sides:
            await side.ready()


async def begin(dut: Any, pattern: str) -> Bench:
    """A bench with open gates and an open link."""
    bench = Bench(dut, pattern)
    await start(dut)
    await bench.ready()
    return bench


async def exchange(bench: Bench, sender: Side, receiver: Side, lengths: Iterable[int]) -> None:
    """Each payload comes in at the sender's host and goes out at the receiver's, with all that it cost."""
    for length in lengths:
        payload = bench.random.randbytes(length)
        sender.send_from_host(payload)
        assert await sender.receive() == Message(Kind.EXTERNAL, 0, payload).encode()
        await sender.compute(bench.random.randint(1, 16))
        sender.send(Kind.PEER, payload)
        spent = sender.flops
        assert await receiver.receive() == Message(Kind.PEER, 0, payload).encode()
        await receiver.compute(bench.random.randint(1, 16))
        receiver.send(Kind.EXPORT, payload)
        entries, _, exported = await receiver.receive_export()
        assert exported == payload
        assert entries[0].flops == receiver.flops
        serials = [int.from_bytes(entry.session_id[4:8]) for entry in entries]
        assert serials[0] == ord(receiver.name)
        of_sender = [
            e.flops for e, serial in zip(entries, serials, strict=True) if serial == ord(sender.name)
        ]
        assert of_sender[-1] == spent  # behind those of its earlier sessions
