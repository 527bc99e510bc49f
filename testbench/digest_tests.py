"""Runs in the simulator: one TreeDigest, beside the golden model."""

from functools import reduce
from itertools import pairwise

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from interlock.model.digest import tree_digest
from interlock_hdl.digest import Digest, TreeDigest
from interlock_hdl.leaf_lane import LEAF_BYTES
from lib.beats import BeatValue
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import BeatSource, StreamSink, cycles, start

LEAF_BORDERS = (0, 1, 55, 56, 63, 64, 119, 1023, 1024)
TREE_BORDERS = (1025, 2047, 2048, 2049, 3 * LEAF_BYTES, 4 * LEAF_BYTES + 1)


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


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(sends=PATTERNS, digests=PATTERNS)
async def digests_are_those_of_the_model(dut, sends, digests):
    """At every pace, messages of every kind of length, back to back and in any order."""
    test = await bench(dut, sends=sends, digests=digests)
    lengths = [*LEAF_BORDERS, *test.random.sample(TREE_BORDERS, 2), *test.random.sample(range(2000), 3)]
    test.random.shuffle(lengths)
    await test.digest(*(test.random.randbytes(length) for length in lengths))
    await cycles(dut, 200)
    assert not test.sink.received


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def trees_of_every_shape(dut):
    test = await bench(dut)
    await test.digest(*(test.random.randbytes(length) for length in TREE_BORDERS))
    most = parameters()["leaves"]
    await test.digest(*(test.random.randbytes(LEAF_BYTES * n - 1000) for n in range(1, most + 1)))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def latency_of_a_leaf_is_exact(dut):
    test = await bench(dut)
    for length in LEAF_BORDERS:
        await test.digest(test.random.randbytes(length))
        assert test.offers[-1] - test.arrivals[-1] == TreeDigest.latency(length), f"{length} bytes"


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def trees_take_exact_cycles(dut):
    """From a message's first beat to its digest, nothing else being there."""
    test = await bench(dut)
    found = {}
    for length in parameters()["cycles"]:
        await test.digest(test.random.randbytes(int(length)))
        found[length] = test.offers[-1] - test.begins[-1]
    assert found == parameters()["cycles"]


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def timing_does_not_depend_on_data(dut):
    test = await bench(dut)
    lengths = (5, 1024, 1500, 0, 2048)
    runs = []
    for fill in (lambda n: bytes(n), lambda n: b"\xff" * n, test.random.randbytes):
        await cycles(dut, 20)
        # Lanes take turns: every run begins with the same one.
        dut.wipe.value = 1
        while not dut.wiped.value:
            await RisingEdge(dut.clk)
        dut.wipe.value = 0
        await cycles(dut, 4)
        test.handshake = []
        await test.digest(*(fill(length) for length in lengths))
        runs.append(test.handshake)
    assert len(runs[0]) > 1000
    assert runs[0] == runs[1] == runs[2]


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def back_pressure_reaches_the_source_and_loses_nothing(dut):
    test = await bench(dut, digests="long")
    dut.digest__ready.value = 0
    messages = [test.random.randbytes(n % 3) for n in range(60)]
    await test.digest(*messages)
    assert (False, False) in test.handshake or (False, True) in test.handshake
    assert all(after >= before for before, after in pairwise(test.offers))


async def wiped(dut, test: Bench, wipe_cycles: int) -> None:
    """Wipes, and checks that it takes as long as it must, with nothing taken or offered."""
    await FallingEdge(dut.clk)
    test.source.withdraw()
    dut.wipe.value = 1
    for cycle in range(wipe_cycles + 1):
        dut.i__valid.value = test.random.getrandbits(1)
        await RisingEdge(dut.clk)
        assert not dut.i__ready.value
        assert not dut.digest__valid.value
        assert bool(dut.wiped.value) == (cycle == wipe_cycles), f"{cycle} cycles"
    dut.i__valid.value = 0


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def wipe_at_random_moments_leaves_zeros_and_a_fresh_block(dut):
    """Every register and memory is afterwards as it was when nothing had yet come in."""
    test = await bench(dut)
    random = test.random
    wipe_cycles = parameters()["wipe_cycles"]
    registers = [reduce(getattr, path, dut) for path in parameters()["registers"]]
    memories = [getattr(dut, name).memory for name in parameters()["with_memory"]]

    def everything() -> list[int]:
        return [int(register.value) for register in registers]

    await wiped(dut, test, wipe_cycles)
    fresh = everything()
    for round_number in range(8):
        dut.wipe.value = 0
        await cycles(dut, 3)
        assert not test.sink.received
        for length in (1024, random.randrange(3000), 2500, 100):
            test.send(random.randbytes(length))
        # Now and then until something is on its way through the nodes.
        await cycles(dut, random.randrange(20, 6000))
        while test.sink.received:
            await test.sink.receive()
        await wiped(dut, test, wipe_cycles)
        await cycles(dut, 3)
        assert dut.wiped.value
        assert everything() == fresh, f"round {round_number}"
        for memory in memories:
            assert not any(int(word.value) for word in memory)
        dut.wipe.value = 0
        await cycles(dut, 2)
        assert not dut.wiped.value
        await test.digest(random.randbytes(random.randrange(2100)), b"")


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_short_wipe_is_a_reset(dut):
    """Even when it ends before the memories are overwritten nothing old has an influence."""
    test = await bench(dut)
    for pause in (1, 30, 70, 100, 1300, 2600):
        for message in (test.random.randbytes(2500), test.random.randbytes(700)):
            test.send(message)
        await cycles(dut, pause)
        await FallingEdge(dut.clk)
        test.source.withdraw()
        dut.wipe.value = 1
        await cycles(dut, 1)
        dut.wipe.value = 0
        while test.sink.received:
            await test.sink.receive()
        await cycles(dut, 3)
        await test.digest(test.random.randbytes(50), test.random.randbytes(1025))
        await cycles(dut, 100)
        assert not test.sink.received
