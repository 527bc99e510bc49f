"""Runs in the simulator: one Gcm or SerialGcm, beside ``cryptography``; records of several channels."""

from itertools import pairwise

import cocotb
from interlock.model.channel import following, nonce
from interlock.model.gcm import BLOCK_BYTES, seal
from interlock_hdl.crypto.gcm import GcmBlock
from interlock_hdl.crypto.gcm_keys import KeySource, key_request_layout
from lib.aes import encrypt, number_of
from lib.gcm import blocks_of, counter_blocks, xored
from lib.parameters import generator, parameters
from lib.streams import StreamSink, StreamSource, cycles, start
from lib.timing import Times

HEADER_BYTES = 16
MAX_LENGTH = 4096


def header_seq(header: bytes) -> int:
    return int.from_bytes(header[8:])


class Bench:
    """Loads keys, sends records, and knows what must come out."""

    def __init__(self, dut, *, gaps: str = "none", stalls: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        self.slots, self.interval = parameters()["slots"], parameters()["interval"]
        self.keys = {}
        self.loader = StreamSource(dut, "keys", key_request_layout(self.slots), random=self.random)
        blocks = GcmBlock(self.slots)
        self.source = StreamSource(dut, "i", blocks, pattern=gaps, random=self.random)
        self.sink = StreamSink(
            dut, "o", blocks, pattern=stalls, random=self.random, unless=lambda: bool(dut.wipe.value)
        )
        self.times = Times(dut, "keys", "i", "o")
        self.expected = []
        dut.wipe.value = 0

    async def load(self, slot: int, key: bytes | None) -> None:
        """A key, or without one that which follows, and waits until it is in use."""
        source = KeySource.GIVEN if key else KeySource.FOLLOWS
        self.keys[slot] = key or following(self.keys[slot])
        self.loader.send({"slot": slot, "source": source.value, "key": number_of(key or bytes(32))})
        while not self.dut.loaded.value:
            await cycles(self.dut, 1)
        assert int(self.dut.loaded_slot.value) == slot
        await cycles(self.dut, 1)

    def send(self, slot: int, length: int, *, opens: bool, damage: int | None = None) -> None:
        """A record; ``damage``: of its tag, so much is different."""
        seq = self.random.getrandbits(64)
        header = self.random.randbytes(6) + length.to_bytes(2) + seq.to_bytes(8)
        text = self.random.randbytes(length)
        sealed = seal(self.keys[slot], nonce(seq), text, header)
        cipher, tag = sealed[:-BLOCK_BYTES], sealed[-BLOCK_BYTES:]
        difference = (damage or 0).to_bytes(BLOCK_BYTES)
        if opens:
            wrong = bytes(a ^ b for a, b in zip(tag, difference, strict=True))
            self.put(self.source.send, slot, True, header, cipher, wrong)
            self.put(self.expected.append, slot, True, header, text, difference)
        else:
            self.put(self.source.send, slot, False, header, text, bytes(BLOCK_BYTES))
            self.put(self.expected.append, slot, False, header, cipher, tag)

    def put(self, take, slot, opens, header, body, tag) -> None:
        all_blocks = [header, *blocks_of(body), tag]
        for n, block in enumerate(all_blocks):
            is_body = 0 < n < len(all_blocks) - 1
            left = len(body) - BLOCK_BYTES * (n - 1)
            take(
                {
                    "slot": slot,
                    "opens": opens,
                    "first": n == 0,
                    "last": n == len(all_blocks) - 1,
                    "bytes": min(left, BLOCK_BYTES) - 1 if is_body else 0,
                    "block": number_of(block),
                }
            )

    async def check(self) -> None:
        """Waits for everything that was sent."""
        expected, self.expected = self.expected, []
        for one in expected:
            assert await self.sink.receive() == one
        await cycles(self.dut, 2)
        assert self.dut.inside.value == 0


async def bench(dut, **patterns) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    for slot in range(test.slots):
        await test.load(slot, test.random.randbytes(32))
    return test


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def random_records_agree_with_cryptography(dut):
    test = await bench(dut, gaps=parameters()["gaps"], stalls=parameters()["stalls"])
    random = test.random
    for _ in range(6):
        for _ in range(25):
            length = random.choice([0, 1, 15, 16, 17, random.randrange(100), random.randrange(400)])
            damage = random.choice([None, None, 1, 1 << 127, random.getrandbits(128)])
            test.send(random.randrange(test.slots), length, opens=random.random() < 0.5, damage=damage)
        await test.check()
        await test.load(random.randrange(test.slots), random.choice([None, random.randbytes(32)]))
    test.send(0, MAX_LENGTH, opens=False)
    test.send(1, MAX_LENGTH, opens=True)
    test.send(1, MAX_LENGTH - 1, opens=False)
    await test.check()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_block_enters_every_interval_and_latency_is_exact(dut):
    test = await bench(dut)
    top = test.dut
    for length in (0, 16, 64, 250):
        for n in range(8):
            test.send(n % test.slots, length, opens=n % 3 == 0)
    held = [block["first"] or block["last"] for block in test.expected]
    count = len(held)
    test.times.clear()
    await test.check()
    ins, outs = test.times.taken["i"], test.times.offered["o"]
    assert len(ins) == count
    # Two blocks wait at the entrance, and the first of all until one may enter.
    assert [b - a for a, b in pairwise(ins[2:])] == [test.interval] * (count - 3)
    late = outs[0] - ins[0] - parameters()["latency"]
    assert late in range(test.interval)
    for n, (after, is_held) in enumerate(zip(outs, held, strict=True)):
        due = outs[0] + n * test.interval
        assert after == due if is_held or test.interval == 1 else after <= due
    assert not top.o__valid.value


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def each_part_of_a_record_takes_its_time(dut):
    """Of an engine that has one block at a time: a header a cycle, a body the cipher's, a tag two hashes'."""
    test = await bench(dut)
    for length in (0, 16, 64, 160, 160, 250):
        for n in range(4):
            test.send(n % test.slots, length, opens=n % 3 == 0)
    parts = list(test.expected)
    test.times.clear()
    await test.check()
    ins, outs = test.times.taken["i"], test.times.offered["o"]
    body, tag = parameters()["latency"], parameters()["tag_latency"]
    assert body + 1 == test.interval
    latencies = [1 if part["first"] else tag if part["last"] else body for part in parts]
    assert [out - into for into, out in zip(ins, outs, strict=True)] == latencies
    assert [b - a for a, b in pairwise(ins)] == [latency + 1 for latency in latencies[:-1]]
    headers = [into for into, part in zip(ins, parts, strict=True) if part["first"]]
    assert parameters()["record_of_10"] == headers[13] - headers[12]
    assert not dut.o__valid.value


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def keys_are_loaded_between_blocks_of_others(dut):
    """While one slot gets a key, records of the others go on, and none of them is harmed."""
    test = await bench(dut, stalls=parameters()["stalls"])
    for _ in range(4):
        for n in range(1, 12):
            test.send(1 + n % (test.slots - 1), 200, opens=n % 2 == 0)
        await test.load(0, test.random.randbytes(32))
        await test.load(0, None)
        await test.check()
        test.send(0, 40, opens=False)
        await test.check()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def timing_does_not_depend_on_keys_and_texts(dut):
    test = await bench(dut)
    seen = set()
    for n in range(parameters()["repeats"]):
        await test.load(n % test.slots, test.random.randbytes(32) if n else bytes(32))
        test.times.clear()
        test.send(n % test.slots, 48, opens=n % 2 == 0, damage=n % 3)
        await test.check()
        outs = test.times.taken["o"]
        seen.add(tuple(time - test.times.taken["i"][0] for time in outs))
    assert len(seen) == 1, seen


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_wipe_in_the_middle_leaves_no_key(dut):
    """Afterwards records go under round keys and hash keys of zeros, until new ones are loaded."""
    test = await bench(dut)
    for n in range(6):
        test.send(n % test.slots, 100, opens=False)
    await cycles(dut, 30)
    dut.wipe.value = 1
    test.source.withdraw()
    while not dut.wiped.value:
        assert not dut.o__valid.value
        await cycles(dut, 1)
    dut.wipe.value = 0
    test.expected.clear()
    test.sink.take()  # a header may have left before
    await cycles(dut, 200)
    assert not test.sink.take()

    zeros = [bytes(BLOCK_BYTES)] * 15
    for slot in range(test.slots):
        text = test.random.randbytes(40)
        header = bytes(6) + len(text).to_bytes(2) + bytes([slot] * 8)
        mask, *stream = (encrypt(zeros, block) for block in counter_blocks(nonce(header_seq(header)), text))
        test.put(test.source.send, slot, False, header, text, bytes(BLOCK_BYTES))
        test.put(test.expected.append, slot, False, header, xored(text, b"".join(stream)), mask)
    await test.check()

    for slot in range(test.slots):
        await test.load(slot, test.random.randbytes(32))
        test.send(slot, 33, opens=bool(slot % 2))
    await test.check()
