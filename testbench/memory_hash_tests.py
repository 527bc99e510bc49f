"""Runs in the simulator: one MemoryHash and a memory that answers two cycles later."""

from hashlib import sha256
from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.crypto.memory_hash import DIGEST_WORDS, MemoryHash
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS, pauses
from lib.streams import start

SIZES = (0, 1, 2, 3, 4, 5, 53, 54, 55, 56, 62, 63, 64, 65, 117, 118, 119, 128)


class Bench:
    """Offers jobs, plays the memory, and compares digests."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.random = generator()
        self.cycle = 0
        self.jobs: list[bytes] = []
        self.expected: list[bytes] = []
        self.addresses = [0, 0]
        self.words: list[int] = []
        self.first_words: list[int] = []  # cycles in which a digest was offered first
        self.is_offered = False
        dut.job__valid.value = dut.o__ready.value = 0

    async def step(self, *, offer: bool = True, ready: bool = True) -> None:
        """One cycle.  What stands behind a job's last byte, or is not asked for, is junk."""
        dut, random = self.dut, self.random
        data = self.jobs[0] if self.jobs else b""
        present = bool(self.jobs) and offer
        dut.job__valid.value = present
        dut.job__payload.value = len(data) if present else random.randrange(129)
        at = 4 * self.addresses.pop(0)
        dut.data.value = int.from_bytes((data[at : at + 4] + random.randbytes(4))[:4])
        dut.o__ready.value = ready
        await RisingEdge(dut.clk)
        self.addresses.append(int(dut.address.value))
        if present and dut.job__ready.value:
            self.expected.append(self.jobs.pop(0))
        if dut.o__valid.value:
            if not self.is_offered:
                self.first_words.append(self.cycle)
            self.is_offered = True
            if ready:
                self._take(int(dut.o__payload.value))
        self.cycle += 1

    def _take(self, payload: int) -> None:
        self.words.append(payload & 0xFFFFFFFF)
        assert payload >> 32 == (len(self.words) == DIGEST_WORDS)
        if len(self.words) == DIGEST_WORDS:
            job = self.expected.pop(0)
            prefix = bytes([parameters()["prefix"]]) if job else b""
            digest = b"".join(word.to_bytes(4) for word in reversed(self.words))
            assert digest == sha256(prefix + job).digest(), f"{len(job)} bytes"
            self.words, self.is_offered = [], False


async def bench(dut) -> Bench:
    result = Bench(dut)
    await start(dut)
    return result


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(takes=PATTERNS)
async def digests_are_those_of_hashlib(dut, takes):
    test = await bench(dut)
    pause = pauses(takes, test.random)
    test.jobs = [test.random.randbytes(size) for size in SIZES]
    test.random.shuffle(test.jobs)
    while test.jobs or test.expected:
        await test.step(ready=not next(pause))


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def latency_is_exact(dut):
    test = await bench(dut)
    for size in SIZES:
        begin = test.cycle
        test.first_words = []
        test.jobs = [test.random.randbytes(size)]
        while test.jobs or test.expected:
            await test.step()
        assert test.first_words[0] - begin == MemoryHash.latency(size), f"{size} bytes"
        await test.step()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def jobs_follow_one_another_as_fast_as_the_core(dut):
    """Whatever is longer than a block hides the time in which the digest moves out."""
    test = await bench(dut)
    for size, interval in ((3, MemoryHash.short_interval), (64, 2 * 68), (128, 3 * 68)):
        test.first_words = []
        test.jobs = [test.random.randbytes(size) for _ in range(6)]
        while test.jobs or test.expected:
            await test.step()
        gaps = {after - before for before, after in pairwise(test.first_words)}
        assert gaps == {interval}, f"{size} bytes"
        await test.step()
