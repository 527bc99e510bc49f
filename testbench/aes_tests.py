"""Runs in the simulator: one Aes256 or SerialAes256, beside ``cryptography``; latencies are exact."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.gcm import encrypt_block
from interlock_hdl.crypto.aes import cipher_block_layout
from interlock_hdl.crypto.aes_round import round_key_layout
from lib.aes import encrypt, number_of, odd_blocks, round_key_fields
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import StreamSink, StreamSource, cycles, pack, start
from lib.timing import Times
from lib.vectors import aes_cases

LABEL_BITS = 2


class Bench:
    """Fills slots and encrypts, and knows what must come out."""

    def __init__(self, dut, *, gaps: str = "none", stalls: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        known = parameters()
        self.interval, self.slots, self.latency = known["interval"], known["slots"], known["latency"]
        self.is_serial = self.interval > self.latency
        self.layout = cipher_block_layout(slots=self.slots, label_bits=LABEL_BITS)
        self.key_source = StreamSource(dut, "keys", round_key_layout(self.slots), random=self.random)
        self.source = StreamSource(dut, "i", self.layout, pattern=gaps, random=self.random)
        self.sink = StreamSink(
            dut, "o", self.layout, pattern=stalls, random=self.random, unless=lambda: bool(dut.wipe.value)
        )
        self.times = Times(dut, "keys", "i", "o")
        self.keys: dict[int, bytes] = {}
        self.expected: list[dict[str, int]] = []
        dut.wipe.value = 0

    def load(self, slot: int, key: bytes) -> None:
        self.keys[slot] = key
        self.key_source.send(*round_key_fields(slot, key))

    async def loaded(self) -> None:
        await self.key_source.drained()
        await cycles(self.dut, 1)

    async def fill(self) -> None:
        """A random key for every slot."""
        for slot in range(self.slots):
            self.load(slot, self.random.randbytes(32))
        await self.loaded()

    def send(self, slot: int, block: bytes, cipher: bytes | None = None) -> None:
        cipher = encrypt_block(self.keys[slot], block) if cipher is None else cipher
        label = self.random.getrandbits(LABEL_BITS)
        self.source.send({"slot": slot, "label": label, "block": number_of(block)})
        self.expected.append({"slot": slot, "label": label, "block": number_of(cipher)})

    async def check(self) -> int:
        """Waits for everything that was sent, and returns how much that was."""
        expected, self.expected = self.expected, []
        for one in expected:
            assert await self.sink.receive() == one
        return len(expected)


async def bench(dut, **patterns) -> Bench:
    dut.wipe.value = 0
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def published_vectors(dut):
    test = await bench(dut)
    done = 0
    for name in ("ECBGFSbox256", "ECBKeySbox256", "ECBVarKey256", "ECBVarTxt256"):
        cases = aes_cases(f"{name}.rsp")
        for at in range(0, len(cases), test.slots):
            some = cases[at : at + test.slots]
            for slot, (key, _, _) in enumerate(some):
                test.load(slot, key)
            await test.loaded()
            for slot, (_, block, cipher) in enumerate(some):
                test.send(slot, block, cipher)
            done += await test.check()
    assert done == 5 + 16 + 256 + 128


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(gaps=PATTERNS, stalls=PATTERNS)
async def blocks_of_all_slots_at_any_pace(dut, gaps, stalls):
    test = await bench(dut, gaps=gaps, stalls=stalls)
    await test.fill()
    for block in odd_blocks(test.random):
        test.send(test.random.randrange(test.slots), block)
    for _ in range(20 if test.is_serial else 300):
        test.send(test.random.randrange(test.slots), test.random.randbytes(16))
    await test.check()
    await cycles(dut, 2 * test.latency)
    assert not test.sink.received


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def blocks_follow_one_another_without_a_gap(dut):
    """Of one slot, and of slots in any order; each has its latency."""
    test = await bench(dut)
    await test.fill()
    count = 8 + 4 * test.latency // test.interval
    for slot in [0] * count + [test.random.randrange(test.slots) for _ in range(count)]:
        test.send(slot, test.random.randbytes(16))
    await test.check()
    begin = test.times.taken["i"][0]
    assert test.times.taken["i"] == [begin + test.interval * n for n in range(2 * count)]
    assert test.times.offered["o"] == [at + test.latency for at in test.times.taken["i"]]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_block_may_come_in_any_cycle(dut):
    """After another one, which meets it nowhere; it is taken in the next cycle that is a block's."""
    test = await bench(dut)
    await test.fill()
    for pause in range(test.latency + 20):
        test.times.clear()
        for slot in range(2):
            test.send(slot, test.random.randbytes(16))
            await test.source.drained()
            await cycles(dut, pause)
        await test.check()
        first, second = test.times.taken["i"]
        if test.is_serial:
            assert second - first <= max(pause + 2, test.interval)
        else:
            assert (second - first) % test.interval == 0
            assert second - first <= pause + 1 + test.interval
        assert test.times.offered["o"] == [first + test.latency, second + test.latency]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def what_is_inside_finds_room_though_nothing_is_taken(dut):
    test = await bench(dut, stalls="long")
    await test.fill()
    for _ in range(20 if test.is_serial else 600):
        test.send(test.random.randrange(test.slots), test.random.randbytes(16))
    await test.check()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_key_is_in_use_from_the_next_cycle_on(dut):
    """Whichever round key came last, and however long the old one was in use."""
    test = await bench(dut)
    await test.fill()
    soonest = 99
    for number in [*range(15)] * 2:
        slot = test.random.randrange(test.slots)
        key = test.random.randbytes(32)
        test.keys[slot] = key
        fields = round_key_fields(slot, key)
        fields.append(fields.pop(number))
        await cycles(dut, test.random.randint(1, 14))
        test.times.clear()
        test.key_source.send(*fields)
        await test.key_source.drained()
        block = test.random.randbytes(16)
        dut.i__payload.value = pack(test.layout, {"slot": slot, "label": 0, "block": number_of(block)})
        dut.i__valid.value = 1
        await RisingEdge(dut.clk)
        while not dut.i__ready.value:
            await RisingEdge(dut.clk)
        dut.i__valid.value = 0
        assert (await test.sink.receive())["block"] == number_of(encrypt_block(key, block))
        soonest = min(soonest, test.times.taken["i"][0] - test.times.taken["keys"][-1])
    assert soonest == 1


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def keys_change_amid_traffic_of_other_slots(dut):
    """Which loses no cycle; and a slot's own key may change as soon as its last block is offered."""
    test = await bench(dut)
    await test.fill()
    victim = 0
    for _ in range(6):
        test.times.clear()
        test.send(victim, test.random.randbytes(16))
        for _ in range(2 + 2 * test.latency // test.interval):
            test.send(test.random.randrange(1, test.slots), test.random.randbytes(16))
        while not test.times.offered["o"]:
            await RisingEdge(dut.clk)
        test.load(victim, test.random.randbytes(32))
        await test.loaded()
        test.send(victim, test.random.randbytes(16))
        await test.check()
        begin = test.times.taken["i"][0]
        assert test.times.taken["i"][:-1] == [
            begin + test.interval * n for n in range(len(test.times.taken["i"]) - 1)
        ]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def timing_does_not_depend_on_keys_or_blocks(dut):
    test = await bench(dut)
    odd = odd_blocks(test.random)
    cases = [(one + other, block) for one, other, block in zip(odd, reversed(odd), odd, strict=True)]
    cases += [(test.random.randbytes(32), test.random.randbytes(16)) for _ in range(1000)]
    seen = set()
    for key, block in cases:
        test.times.clear()
        test.load(1, key)
        await test.loaded()
        test.send(1, block)
        await test.check()
        (taken,), (offered,) = test.times.taken["i"], test.times.offered["o"]
        seen.add(offered - taken)
    assert seen == {test.latency}


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_wipe_at_any_moment_leaves_neither_keys_nor_blocks(dut):
    test = await bench(dut, stalls="half")
    for pause in [0, 1, 2, 3, *(test.random.randrange(150) for _ in range(12))]:
        await test.fill()
        for _ in range(60):
            test.source.send(
                {
                    "slot": test.random.randrange(test.slots),
                    "label": 0,
                    "block": test.random.getrandbits(128),
                }
            )
        await cycles(dut, pause)
        dut.wipe.value = 1
        waited = 0
        await RisingEdge(dut.clk)
        while not dut.wiped.value:
            assert not any(port.value for port in (dut.o__valid, dut.keys__ready))
            assert not (dut.i__ready.value and waited)
            await RisingEdge(dut.clk)
            test.source.withdraw()  # a block that was taken first is lost, too
            waited += 1
            assert waited < 1000
        dut.wipe.value = 0
        test.sink.take()
        test.expected.clear()
        # All keys are zero now.
        for slot in range(test.slots):
            block = test.random.randbytes(16)
            test.send(slot, block, encrypt([bytes(16)] * 15, block))
        await test.check()
