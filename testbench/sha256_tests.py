"""Runs in the simulator: one Sha256, beside ``hashlib``; every cycle of its handshake is predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.crypto.sha256 import INITIAL, Sha256
from lib.parameters import generator
from lib.patterns import PATTERNS, pauses
from lib.sha256 import compress, padded, words_of
from lib.streams import start
from lib.vectors import hashes

LENGTHS = (0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 200)
MASK = (1 << 32) - 1


@dataclass(frozen=True)
class Block:
    """One block to compress, and the digest that is wanted after it, if any."""

    words: Sequence[int]
    first: bool = False
    digest: int | None = None
    chain: int = INITIAL


def blocks_of(message: bytes) -> list[Block]:
    """The blocks of a message."""
    blocks = padded(message)
    digest = int.from_bytes(sha256(message).digest())
    last = len(blocks) - 1
    return [Block(words_of(b), n == 0, digest if n == last else None) for n, b in enumerate(blocks)]


class Bench:
    """Gives a core its blocks at any pace, and junk wherever it must not look."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.random = generator()
        self.cycle = 0
        self.started: list[int] = []
        self.due: dict[int, int] = {}  # cycle of `done`: the digest
        self.seen = 0
        self.words: dict[int, int] = {}
        self.chains: dict[int, int] = {}
        self.handshake: list[tuple[bool, bool]] = []
        dut.start__valid.value = dut.shift.value = 0

    async def step(self, block: Block | None = None) -> bool:
        """One cycle, in which ``block`` is offered; whether it was taken.  Checks ``ready`` and ``done``."""
        dut, random, now = self.dut, self.random, self.cycle
        dut.start__valid.value = block is not None
        dut.start__payload.value = (
            random.getrandbits(2) if block is None else block.first | (block.digest is not None) << 1
        )
        # What was begun in this cycle is only known at its end; its chain is needed from the next one on.
        dut.word.value = self.words.pop(now, random.getrandbits(32))
        dut.chain.value = self.chains.pop(now, random.getrandbits(256))
        await RisingEdge(dut.clk)
        ready, done = bool(dut.start__ready.value), bool(dut.done.value)
        since = now - self.started[-1] if self.started else Sha256.latency
        assert ready == (since == Sha256.interval or since >= Sha256.interval + 4), f"{since} cycles after"
        assert done == (now in self.due)
        if done:
            assert int(dut.digest.value) == self.due.pop(now)
            self.seen += 1
        self.handshake.append((ready, done))
        self.cycle += 1
        if block is None or not ready:
            return False
        self.started.append(now)
        for n, word in enumerate(block.words):
            self.words[now + Sha256.word_delay + n] = word
        for n in range(1, 7):
            self.chains[now + n] = block.chain
        if block.digest is not None:
            self.due[now + Sha256.latency] = block.digest
        return True

    async def send(self, blocks: Sequence[Block]) -> None:
        """Block after block, each as soon as it is taken."""
        for block in blocks:
            while not await self.step(block):
                pass

    async def idle(self, cycles: int = Sha256.latency + 1) -> None:
        for _ in range(cycles):
            await self.step()


async def bench(dut) -> Bench:
    result = Bench(dut)
    await start(dut)
    return result


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(gaps=PATTERNS)
async def digests_are_those_of_hashlib(dut, gaps):
    test = await bench(dut)
    gap = pauses(gaps, test.random)
    messages = [test.random.randbytes(length) for length in LENGTHS * 2]
    test.random.shuffle(messages)
    for message in messages:
        for block in blocks_of(message):
            while next(gap):
                await test.step()
            await test.send([block])
    await test.idle()
    assert test.seen == len(messages)
    assert not test.due


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_block_takes_its_interval_and_no_cycle_more(dut):
    """Within a message and between messages."""
    test = await bench(dut)
    blocks = [block for length in LENGTHS for block in blocks_of(test.random.randbytes(length))]
    await test.send(blocks)
    first = test.started[0]
    assert test.started == [first + Sha256.interval * n for n in range(len(blocks))]
    await test.idle()
    assert test.seen == len(LENGTHS)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_block_may_begin_any_time_after_another(dut):
    test = await bench(dut)
    for pause in range(Sha256.latency + 5):
        one, two = (blocks_of(test.random.randbytes(length)) for length in (3, 70))
        await test.send(one)
        await test.idle(pause)
        await test.send(two)
    await test.idle()
    assert test.seen == 2 * (Sha256.latency + 5)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_hash_goes_on_from_any_value(dut):
    """What two cores could do in turn: each part of a message begins with what the one before it gave."""
    test = await bench(dut)
    message = test.random.randbytes(64 * 6 + 10)
    whole = [block.words for block in blocks_of(message)]
    value = INITIAL
    for words in whole:
        other = blocks_of(test.random.randbytes(80))
        await test.send(other)
        before, value = value, compress(value, words)
        await test.send([Block(words, first=True, digest=value, chain=before)])
    assert value == int.from_bytes(sha256(message).digest())
    await test.idle()
    assert test.seen == 2 * len(whole)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_chaining_value_can_be_had(dut):
    test = await bench(dut)
    message = test.random.randbytes(64 * 5)
    value = test.random.getrandbits(256)
    for n, words in enumerate([block.words for block in blocks_of(message)]):
        before, value = value, compress(value, words)
        await test.send([Block(words, first=n == 0, digest=value, chain=before)])
    await test.idle()
    assert test.seen == 6


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_digest_is_read_word_by_word(dut):
    test = await bench(dut)
    (block,) = blocks_of(b"abc")
    await test.send([block])
    await test.idle()
    for n in range(8):
        assert int(dut.digest.value) & MASK == block.digest >> 32 * n & MASK
        dut.shift.value = 1
        await test.step()
        dut.shift.value = 0
        await test.step()
    await test.send([block])
    await test.idle()
    assert test.seen == 2


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def timing_does_not_depend_on_data(dut):
    test = await bench(dut)
    runs = []
    for fill in (bytes(150), b"\xff" * 150, test.random.randbytes(150)):
        test.handshake = []
        await test.send(blocks_of(fill))
        await test.idle()
        runs.append(test.handshake)
    assert runs[0] == runs[1] == runs[2]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_spread_of_published_vectors(dut):
    test = await bench(dut)
    cases = hashes("SHA256ShortMsg.rsp")[::9] + hashes("SHA256LongMsg.rsp")[:8:3]
    for message, digest in cases:
        blocks = blocks_of(message)
        assert blocks[-1].digest == int.from_bytes(digest)
        await test.send(blocks)
    await test.idle()
    assert test.seen == len(cases) > 8
