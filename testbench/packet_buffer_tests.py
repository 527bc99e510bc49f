"""Runs in the simulator: one PacketBuffer, every cycle of it compared with a naive queue."""

from collections import deque

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.beat import Beat
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS, pauses
from lib.streams import cycles, start

STROBES = ("commit", "discard", "flush")


class Bench:
    """Drives every input and, at each edge, checks every output of the cycle that ends."""

    def __init__(self, dut) -> None:
        settings = parameters()
        self.dut = dut
        self.random = generator()
        self.depth, self.latency = settings["depth"], settings["latency"]
        self.registers = settings["registers"]
        self.width = Beat(settings["beat_bytes"]).size
        self.committed: deque[int] = deque()
        self.pending: list[int] = []
        self.written = 0
        self.read: list[int] = []
        self.held: int | None = None  # offered at o, and must stay
        for name in ("i__valid", "o__ready", "wipe", *STROBES):
            getattr(dut, name).value = 0

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._check())

    async def step(self, *strobes: str, write: int | None = None) -> bool:
        """One cycle; returns whether the beat was taken."""
        dut = self.dut
        dut.i__valid.value = write is not None
        dut.i__payload.value = self.beat() if write is None else write
        for name in STROBES:
            getattr(dut, name).value = name in strobes
        await RisingEdge(dut.clk)
        taken = write is not None and bool(dut.i__ready.value)
        dut.i__valid.value = 0
        for name in STROBES:
            getattr(dut, name).value = 0
        return taken

    def beat(self) -> int:
        return self.random.getrandbits(self.width)

    async def fill(self, count: int) -> list[int]:
        """Writes beats one a cycle; each must be taken at once."""
        beats = [self.beat() for _ in range(count)]
        for beat in beats:
            assert await self.step(write=beat)
        return beats

    async def _check(self) -> None:
        dut = self.dut
        held_before = 0
        wipe = False
        while True:
            await RisingEdge(dut.clk)
            offered = bool(dut.o__valid.value)
            payload = int(dut.o__payload.value)
            free = int(dut.free.value)
            was_wiped, wipe = wipe, bool(dut.wipe.value)

            if wipe:
                assert not (offered and was_wiped), "offers while it is wiped"
                assert not dut.i__ready.value, "takes while it is wiped"
            else:
                assert bool(dut.i__ready.value) == (free > 0)
                # Some committed beats stand in registers behind the memory; places come back late.
                held = len(self.pending) + len(self.committed)
                behind = min(self.registers, len(self.committed))
                assert self.depth - max(held, held_before) <= free <= self.depth - held + behind
                held_before = held
                if self.held is not None:
                    assert offered, "withdrew a beat"
                if offered:
                    assert self.committed, "offers a beat that was not committed"
                    assert payload == self.committed[0]
            if offered and dut.o__ready.value:
                self.read.append(self.committed.popleft())
                self.held = None
            else:
                self.held = payload if offered else None

            if dut.i__valid.value and dut.i__ready.value:
                self.pending.append(int(dut.i__payload.value))
                self.written += 1
                # One that is discarded as it is written takes its place for a cycle all the same.
                held_before = max(held_before, len(self.pending) + len(self.committed))
            if dut.discard.value:
                self.pending.clear()
            elif dut.commit.value:
                self.committed.extend(self.pending)
                self.pending.clear()
            if dut.flush.value or wipe:
                self.pending.clear()
                self.committed.clear()
                self.held = None
                held_before = 0


async def bench(dut) -> Bench:
    result = Bench(dut)
    await result.begin()
    return result


async def cycles_until_valid(dut) -> int:
    """Cycles after the current one until ``o.valid``."""
    for count in range(1, 20):
        await RisingEdge(dut.clk)
        if dut.o__valid.value:
            return count
    raise AssertionError("nothing is offered")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_from_commit_is_exact(dut):
    test = await bench(dut)
    beat = test.beat()
    assert await test.step("commit", write=beat)
    assert await cycles_until_valid(dut) == test.latency
    dut.o__ready.value = 1
    await cycles(dut, 3)
    assert test.read == [beat]
    # A commit on its own is as fast.
    beats = await test.fill(2)
    await test.step()
    await test.step("commit")
    assert await cycles_until_valid(dut) == test.latency
    await cycles(dut, 4)
    assert test.read == [beat, *beats]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def nothing_is_offered_before_it_is_committed(dut):
    test = await bench(dut)
    dut.o__ready.value = 1
    beats = await test.fill(test.depth)
    assert not await test.step(write=test.beat()), "took more beats than the memory has"
    await cycles(dut, 10)
    assert not test.read
    await test.step("commit")
    await cycles(dut, test.depth + test.latency + 1)
    assert test.read == beats


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_beat_a_cycle(dut):
    """Written at one beat a cycle and committed in packets, it is read at one beat a cycle."""
    test = await bench(dut)
    dut.o__ready.value = 1
    for packet in range(1, test.depth - 2):
        before = len(test.read)
        for beat in range(100 * packet):
            assert await test.step(*(["commit"] if beat % packet == packet - 1 else []), write=test.beat())
        await cycles(dut, test.latency + packet)
        assert len(test.read) - before == 100 * packet


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def discard_includes_the_beat_of_its_cycle(dut):
    test = await bench(dut)
    dut.o__ready.value = 1
    kept = await test.fill(1)
    await test.step("commit")
    await test.fill(test.depth - 1)
    await test.step("discard", write=test.beat())
    await cycles(dut, 2)
    assert int(dut.free.value) == test.depth
    kept += await test.fill(1)
    await test.step("commit")
    await cycles(dut, test.depth + test.latency + 1)
    assert test.read == kept


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def discard_wins_over_commit(dut):
    test = await bench(dut)
    dut.o__ready.value = 1
    await test.fill(1)
    await test.step("commit", "discard", write=test.beat())
    kept = await test.fill(1)
    await test.step("commit")
    await cycles(dut, 10)
    assert test.read == kept


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def flush_drops_what_is_offered(dut):
    test = await bench(dut)
    await test.fill(test.depth)
    await test.step("commit")
    await cycles(dut, test.latency + 1)
    assert dut.o__valid.value
    await test.step("flush", "commit", write=test.beat())
    await cycles(dut, 1)
    assert not dut.o__valid.value
    assert int(dut.free.value) == test.depth
    dut.o__ready.value = 1
    kept = await test.fill(1)
    await test.step("commit")
    await cycles(dut, 10)
    assert test.read == kept


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def while_flush_is_high_beats_are_taken_and_dropped(dut):
    test = await bench(dut)
    dut.o__ready.value = 1
    await test.fill(1)
    await test.step("commit", "flush")
    for _ in range(2 * test.depth):
        assert await test.step("flush", "commit", write=test.beat())
    await cycles(dut, 10)
    assert not test.read


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(writes=PATTERNS, reads=PATTERNS)
async def agrees_with_a_naive_queue(dut, writes, reads):
    """Random packets, commits, discards and flushes; ``_check`` compares every cycle."""
    test = await bench(dut)
    random = test.random
    rest, busy = pauses(writes, random), pauses(reads, random)
    beat: int | None = None
    flushes = 0
    for _ in range(1500):
        if beat is None and not next(rest):
            beat = test.beat()
        dut.o__ready.value = not next(busy)
        strobes = []
        if random.random() < 0.2 or len(test.pending) >= test.depth - 1:
            strobes.append(random.choice(("commit", "commit", "discard")))
        if random.random() < 0.01:
            strobes.append("flush")
            flushes += 1
        if await test.step(*strobes, write=beat):
            beat = None
    dut.o__ready.value = 1
    await test.step("commit")
    await cycles(dut, test.depth + test.latency + 2)
    assert not test.committed
    assert int(dut.free.value) == test.depth
    assert flushes
    assert len(test.read) > 50


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def wipe_leaves_zeros_and_a_fresh_buffer(dut):
    test = await bench(dut)
    random = test.random
    for _ in range(40):
        read_before = len(test.read)
        for _ in range(random.randrange(4 * test.depth)):
            dut.o__ready.value = random.random() < 0.4
            strobe = ["commit"] if random.random() < 0.4 else []
            await test.step(*strobe, write=test.beat())
        dut.wipe.value = 1
        for cycle in range(test.depth + 1):
            dut.i__valid.value = dut.commit.value = random.getrandbits(1)
            dut.o__ready.value = random.getrandbits(1)
            await RisingEdge(dut.clk)
            assert bool(dut.wiped.value) == (cycle == test.depth)
        await cycles(dut, random.randrange(3))
        assert dut.wiped.value
        assert not any(int(word.value) for word in dut.memory)
        assert int(dut.o__payload.value) == 0
        assert not test.committed
        dut.wipe.value = dut.i__valid.value = dut.commit.value = 0
        await cycles(dut, 2)
        assert not dut.wiped.value
        assert not dut.o__valid.value
        assert int(dut.free.value) == test.depth
        # As good as new.
        dut.o__ready.value = 1
        beats = await test.fill(test.depth)
        await test.step("commit")
        await cycles(dut, test.depth + test.latency + 1)
        assert test.read[-test.depth :] == beats
        assert len(test.read) >= read_before + test.depth


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_short_wipe_is_a_reset(dut):
    """Even when it ends before the memory is overwritten nothing old is offered."""
    test = await bench(dut)
    await test.fill(test.depth)
    await test.step("commit")
    dut.wipe.value = 1
    await cycles(dut, 1)
    dut.wipe.value = 0
    dut.o__ready.value = 1
    await cycles(dut, test.depth + 10)
    assert not test.read
    assert not dut.wiped.value
