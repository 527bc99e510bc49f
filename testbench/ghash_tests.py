"""Runs in the simulator: one Ghash or SerialGhash, beside the text of SP 800-38D; latencies are exact."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.crypto.gf128 import BITS
from interlock_hdl.crypto.ghash import hash_block_layout, hash_key_layout
from lib.aes import number_of, odd_blocks
from lib.gcm import ghash
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import StreamSink, StreamSource, cycles, start
from lib.timing import Times


class Bench:
    """Loads hash keys and hashes strings, and knows what must come out."""

    def __init__(self, dut, *, gaps: str = "none", stalls: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        known = parameters()
        self.interval, self.slots, self.lanes = known["interval"], known["slots"], known["lanes"]
        self.latency, self.load_latency = known["latency"], known["load_latency"]
        self.max_blocks = known["max_blocks"]
        self.string_cost = known["string_cost"]  # cycles of a string, beside those of its blocks
        self.span = max(4, self.lanes)
        self.moderate = min(30, self.max_blocks)  # blocks of a string
        self.key_layout = hash_key_layout(self.slots)
        self.layout = hash_block_layout(slots=self.slots, max_blocks=self.max_blocks)
        self.key_source = StreamSource(dut, "keys", self.key_layout, random=self.random)
        self.source = StreamSource(dut, "i", self.layout, pattern=gaps, random=self.random)
        self.sink = StreamSink(
            dut, "o", BITS, pattern=stalls, random=self.random, unless=lambda: bool(dut.wipe.value)
        )
        self.times = Times(dut, "keys", "i", "o")
        self.keys: dict[int, bytes] = {}
        self.expected: list[int] = []
        self.lasts: list[int] = []  # of the blocks that were sent, which are the last of their string
        self.sent = 0
        dut.wipe.value = 0

    async def load(self, slot: int, key: bytes) -> None:
        self.keys[slot] = key
        self.key_source.send({"slot": slot, "key": number_of(key)})
        await self.key_source.drained()

    async def fill(self) -> None:
        for slot in range(self.slots):
            await self.load(slot, self.random.randbytes(16))

    def send(self, slot: int, blocks: list[bytes]) -> None:
        """A string; what does not matter is junk."""
        for n, block in enumerate(blocks):
            junk = {
                "following": self.random.randrange(self.max_blocks),
                "slot": self.random.randrange(self.slots),
            }
            first = {"following": len(blocks) - 1, "slot": slot}
            self.source.send({**(junk if n else first), "first": n == 0, "block": number_of(block)})
        self.sent += len(blocks)
        self.lasts.append(self.sent - 1)
        self.expected.append(number_of(ghash(self.keys[slot], blocks)))

    def send_random(self, length: int, slot: int | None = None) -> None:
        slot = self.random.randrange(self.slots) if slot is None else slot
        self.send(slot, [self.random.randbytes(16) for _ in range(length)])

    async def check(self) -> None:
        """Waits for everything that was sent."""
        expected, self.expected = self.expected, []
        for one in expected:
            assert await self.sink.receive() == one

    def cycles_before(self, block: int) -> int:
        """What the blocks before one take."""
        return self.interval * block + self.string_cost * sum(last < block for last in self.lasts)

    def clear(self) -> None:
        """Begins a measurement."""
        self.times.clear()
        self.lasts, self.sent = [], 0


async def bench(dut, **patterns) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(gaps=PATTERNS, stalls=PATTERNS)
async def strings_of_all_slots_at_any_pace(dut, gaps, stalls):
    test = await bench(dut, gaps=gaps, stalls=stalls)
    await test.fill()
    lengths = [*range(1, 2 * test.span + 4)] * 2 + [1] * 40
    test.random.shuffle(lengths)
    for length in lengths:
        test.send_random(length)
    await test.check()
    await cycles(dut, 2 * test.latency)
    assert not test.sink.received


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def keys_and_blocks_that_are_odd(dut):
    test = await bench(dut)
    for key in odd_blocks(test.random):
        await test.load(1, key)
        test.send(1, odd_blocks(test.random))
        await test.check()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def strings_follow_one_another_without_a_gap(dut):
    """Of records of any length, up to the longest; each hash has its latency."""
    test = await bench(dut)
    await test.fill()
    lengths = [test.max_blocks, 2, 3, 2, 2, *range(2, 2 * test.span + 2), test.max_blocks, 5]
    for length in lengths:
        test.send_random(length)
    await test.check()
    begin = test.times.taken["i"][0]
    assert test.times.taken["i"] == [begin + test.cycles_before(n) for n in range(sum(lengths))]
    assert test.times.offered["o"] == [test.times.taken["i"][last] + test.latency for last in test.lasts]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_pause_may_be_anywhere(dut):
    """Of any length, within a string or between two."""
    test = await bench(dut)
    await test.fill()
    for pause in (1, 2, test.span - 1, test.span, test.span + 1, test.latency + 1):
        for place in range(1, 2 * test.span + 1):
            blocks = [test.random.randbytes(16) for _ in range(2 * test.span + 1)]
            test.send(0, blocks)
            already = test.source.taken
            while test.source.taken < already + place:
                await RisingEdge(dut.clk)
            test.source.pause(pause)
            await test.check()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_key_is_loaded_in_its_time(dut):
    """And in use at once."""
    test = await bench(dut)
    for slot in range(test.slots):
        test.clear()
        await test.load(slot, test.random.randbytes(16))
        assert test.times.taken["keys"] == [test.times.offered["keys"][0] + test.load_latency]
        test.send_random(2 * test.span + 1, slot)
        await test.check()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_key_that_is_loaded_costs_others_a_turn_for_each_power(dut):
    test = await bench(dut)
    await test.fill()
    for _ in range(10):
        test.clear()
        for _ in range(12):
            test.send_random(test.random.randint(1, test.moderate), test.random.randrange(1, test.slots))
        await cycles(dut, test.random.randint(1, 30))
        await test.load(0, test.random.randbytes(16))
        waited = test.times.taken["keys"][0] - test.times.offered["keys"][0]
        assert test.load_latency <= waited <= test.load_latency + (test.lanes - 1) * (test.interval - 1)
        test.send_random(2 * test.span + 1, 0)
        await test.check()
        taken = test.times.taken["i"]
        busy = taken[test.lasts[-2]] - taken[0]
        assert busy == test.cycles_before(test.lasts[-2]) + (test.lanes - 1) * test.interval


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def timing_does_not_depend_on_keys_or_blocks(dut):
    test = await bench(dut)
    odd = odd_blocks(test.random)
    cases = [(key, [block] * 3) for key, block in zip(odd, reversed(odd), strict=True)]
    cases += [(test.random.randbytes(16), [test.random.randbytes(16) for _ in range(3)]) for _ in range(1000)]
    seen = set()
    for key, blocks in cases:
        test.clear()
        await test.load(1, key)
        test.send(1, blocks)
        await test.check()
        loading = test.times.taken["keys"][0] - test.times.offered["keys"][0]
        hashing = test.times.offered["o"][0] - test.times.taken["i"][-1]
        seen.add((loading, hashing))
    assert seen == {(test.load_latency, test.latency)}


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_wipe_at_any_moment_leaves_neither_keys_nor_sums(dut):
    test = await bench(dut, stalls="half")
    for pause in [0, 1, 2, 3, *(test.random.randrange(100) for _ in range(12))]:
        await test.fill()
        for _ in range(6):
            test.send_random(test.random.randint(1, test.moderate))
        if pause % 2:
            test.key_source.send({"slot": 0, "key": test.random.getrandbits(128)})
        await cycles(dut, pause)
        dut.wipe.value = 1
        test.source.withdraw()
        test.key_source.withdraw()
        waited = 0
        await RisingEdge(dut.clk)
        while not dut.wiped.value:
            assert not any(port.value for port in (dut.o__valid, dut.i__ready, dut.keys__ready))
            await RisingEdge(dut.clk)
            waited += 1
            assert waited < 300
        dut.wipe.value = 0
        test.sink.take()
        test.expected.clear()
        # All keys are zero now, and so is every hash; a key of one slot is not found in another one.
        loaded = test.random.randrange(test.slots)
        test.keys = dict.fromkeys(range(test.slots), bytes(16))
        await test.load(loaded, test.random.randbytes(16))
        for slot in range(test.slots):
            test.send_random(2 * test.span + 1, slot)
        await test.check()
