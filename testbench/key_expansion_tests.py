"""Runs in the simulator: one KeyExpansion, beside FIPS 197's text."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.crypto.aes_round import round_key_layout
from interlock_hdl.crypto.key_expansion import KeyExpansion, key_layout
from lib.aes import number_of, odd_blocks, round_key_fields
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import StreamSink, StreamSource, cycles, start, unpack
from lib.timing import Times


class Bench:
    """Sends keys and checks what comes of them."""

    def __init__(self, dut, *, gaps: str = "none", stalls: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        self.slots = parameters()["slots"]
        self.source = StreamSource(dut, "i", key_layout(self.slots), pattern=gaps, random=self.random)
        self.sink = StreamSink(dut, "o", round_key_layout(self.slots), pattern=stalls, random=self.random)
        self.times = Times(dut, "i", "o")
        halves = odd_blocks(self.random)
        self.keys = [one + other for one, other in zip(halves, reversed(halves), strict=True)]
        self.keys += [self.random.randbytes(32) for _ in range(20)]

    async def expand(self, keys: list[bytes]) -> None:
        sent = [(self.random.randrange(self.slots), key) for key in keys]
        self.source.send(*({"slot": slot, "key": number_of(key)} for slot, key in sent))
        for slot, key in sent:
            for fields in round_key_fields(slot, key):
                assert await self.sink.receive() == fields


async def bench(dut, **patterns) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(gaps=PATTERNS, stalls=PATTERNS)
async def round_keys_are_those_of_the_standard(dut, gaps, stalls):
    test = await bench(dut, gaps=gaps, stalls=stalls)
    await test.expand(test.keys)
    await cycles(dut, 2 * KeyExpansion.interval)
    assert not test.sink.received


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_key_takes_its_interval_and_each_round_key_its_latency(dut):
    """Whatever the keys are: odd ones, and a thousand that are random."""
    test = await bench(dut)
    keys = test.keys + [test.random.randbytes(32) for _ in range(1000)]
    await test.expand(keys)
    begin = test.times.taken["i"][0]
    assert test.times.taken["i"] == [begin + KeyExpansion.interval * n for n in range(len(keys))]
    assert test.times.taken["o"] == [
        at + KeyExpansion.latency * (n + 1) for at in test.times.taken["i"] for n in range(15)
    ]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def nothing_of_a_key_is_left(dut):
    """In the registers that hold keys, from when its last round key was taken."""
    test = await bench(dut, stalls="half")
    for key in test.keys[:6]:
        await test.expand([key])
        await RisingEdge(dut.clk)
        older = unpack(round_key_layout(test.slots), int(dut.o__payload.value))["key"]
        assert older == int(dut.newer.value) == 0
