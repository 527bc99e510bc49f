"""A bench for one TreeDigest, beside the golden model."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.digest import tree_digest
from interlock_hdl.digest import Digest
from lib.beats import BeatValue
from lib.parameters import generator, parameters
from lib.streams import BeatSource, StreamSink, start


class Bench:
    """Sends messages and compares what comes out."""

    def __init__(self, dut, *, sends: str = "none", digests: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        self.beat_bytes = parameters()["beat_bytes"]
        self.cycle = 0
        self.arrivals: list[int] = []  # cycles in which a message's last beat was taken
        self.begins: list[int] = []
        self.offers: list[int] = []  # cycles in which a digest was offered first
        self.handshake: list[tuple[bool, bool]] = []
        self.sent = 0
        dut.wipe.value = 0
        self.source = BeatSource(dut, "i", self.beat_bytes, pattern=sends, random=self.random)
        self.sink = StreamSink(
            dut, "digest", Digest, pattern=digests, random=self.random, unless=lambda: bool(dut.wipe.value)
        )

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        dut = self.dut
        first_bit, last_bit = 9 * self.beat_bytes, 9 * self.beat_bytes + 1
        is_new = True
        while True:
            await RisingEdge(dut.clk)
            valid, ready = bool(dut.digest__valid.value), bool(dut.digest__ready.value)
            self.handshake.append((bool(dut.i__ready.value), valid))
            if dut.i__valid.value and dut.i__ready.value:
                payload = int(dut.i__payload.value)
                if payload >> first_bit & 1:
                    self.begins.append(self.cycle)
                if payload >> last_bit & 1:
                    self.arrivals.append(self.cycle)
            if valid and is_new:
                self.offers.append(self.cycle)
            is_new = not valid or ready
            self.cycle += 1

    def send(self, message: bytes) -> None:
        if message:
            self.source.send_message(message)
        else:
            self.source.send_beats([BeatValue(bytes(self.beat_bytes), 0, True, True)])

    async def expect(self, message: bytes) -> None:
        received = await self.sink.receive()
        assert received["length"] == len(message)
        assert received["digest"].to_bytes(32) == tree_digest(message), f"{len(message)} bytes"

    async def digest(self, *messages: bytes) -> None:
        """Messages back to back."""
        for message in messages:
            self.send(message)
        for message in messages:
            await self.expect(message)


async def bench(dut, **patterns: str) -> Bench:
    result = Bench(dut, **patterns)
    await result.begin()
    return result
