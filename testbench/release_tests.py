"""Runs in the simulator: Release between software buffers, each of which drops what it is told to."""

from collections import deque
from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.release import PART_BYTES
from lib.beats import BeatValue, beats_of, message_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS, pauses
from lib.streams import beat_layout, cycles, pack, start, unpack, watch


class Bench:
    """Sources that offer whole messages, and a sink; both by the cycle."""

    def __init__(self, dut, pattern: str = "none") -> None:
        self.dut, self.random = dut, generator()
        self.sources, self.beat_bytes = parameters()["sources"], parameters()["beat_bytes"]
        self.queues: list[deque[tuple[bytes, int, BeatValue]]] = [deque() for _ in range(self.sources)]
        self.out: list[tuple[int, int, bytes]] = []  # first cycle, source and bytes of each message
        self.cycle = 0
        self.stale = 0
        self.in_progress: int | None = None
        self.offered_since: dict[int, int] = {}
        self._pauses = pauses(pattern, self.random)
        self._beats: list[BeatValue] = []
        self._owed: tuple[int, int] | None = None
        self._left = 0  # bytes of the message since it was last said what has left
        dut.hold.value = dut.stale.value = 0
        watch(dut, "rx")

    async def begin(self) -> None:
        self._offer()
        await start(self.dut)
        cocotb.start_soon(self._run())

    def send(self, source: int, size: int) -> bytes:
        """Queues a message with so many bytes of payload."""
        message = bytes([source]) + self.random.randbytes(15 + size)
        self.queues[source].extend(
            (message, n, beat) for n, beat in enumerate(beats_of(message, self.beat_bytes))
        )
        return message

    def _offer(self) -> None:
        for i, queue in enumerate(self.queues):
            valid, payload = (getattr(self.dut, f"sources__{i}__{part}") for part in ("valid", "payload"))
            valid.value = bool(queue)
            if queue:
                payload.value = pack(beat_layout(self.beat_bytes), queue[0][2].fields())
                self.offered_since.setdefault(i, self.cycle + 1)
            else:
                self.offered_since.pop(i, None)

    async def _run(self) -> None:
        dut = self.dut
        while True:
            dut.rx__ready.value = not next(self._pauses)
            dut.stale.value, self.stale = self.stale, 0
            await RisingEdge(dut.clk)
            self.cycle += 1
            if dut.released.value:
                assert self.in_progress is None
                self.in_progress = int(dut.source.value)
            assert bool(dut.freed.value) == (self._owed is not None)
            if self._owed is not None:
                assert (int(dut.source.value), int(dut.freed_bytes.value)) == self._owed
                self._owed = None
            flush = int(dut.flush.value)
            for i, queue in enumerate(self.queues):
                if getattr(dut, f"sources__{i}__ready").value and queue:
                    assert i == self.in_progress, "took a beat of a source that is not granted"
                    self._passes(i, queue.popleft())
                if flush >> i & 1:
                    queue.clear()
            self._offer()

    def _passes(self, source: int, item: tuple[bytes, int, BeatValue]) -> None:
        dut = self.dut
        beat = BeatValue.of(unpack(beat_layout(self.beat_bytes), int(dut.rx__payload.value)), self.beat_bytes)
        assert beat == item[2]
        if not self._beats:
            self.first = self.cycle
        self._beats.append(beat)
        self._left += self.beat_bytes
        if beat.last or self._left == PART_BYTES:
            self._owed, self._left = (source, -(-self._left // 16) * 16), 0
        if beat.last:
            message = message_of(self._beats, self.beat_bytes)
            assert message == item[0]
            self.out.append((self.first, source, message))
            self._beats.clear()
            self.in_progress = None

    @property
    def busy(self) -> bool:
        return any(self.queues) or bool(self._beats) or self._owed is not None


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS))
async def messages_pass_whole_and_what_they_cost_is_exact(dut, pattern):
    """Of every length around a block, and around parts that are freed by themselves."""
    bench = Bench(dut, pattern)
    await bench.begin()
    sizes = [*range(36), *range(PART_BYTES - 18, PART_BYTES + 2), 2 * PART_BYTES - 16, 10_000]
    expected = [bench.send(n % bench.sources, size) for n, size in enumerate(sizes)]
    while bench.busy:
        await cycles(dut, 1)
    for source in range(bench.sources):
        assert [m for _, s, m in bench.out if s == source] == expected[source :: bench.sources]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def sources_take_turns_with_one_idle_cycle_between(dut):
    bench = Bench(dut)
    await bench.begin()
    begun = bench.cycle
    for _ in range(4):
        for source in range(bench.sources):
            bench.send(source, 16)
    while bench.busy:
        await cycles(dut, 1)
    sources = [source for _, source, _ in bench.out]
    assert all((a + 1) % bench.sources == b for a, b in pairwise(sources)), sources
    firsts = [first for first, _, _ in bench.out]
    # One cycle to offer it here, one from the offer to rx.
    assert firsts[0] == begun + 3
    beats = 32 // bench.beat_bytes
    assert all(b - a == beats + 1 for a, b in pairwise(firsts))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def nothing_is_granted_while_held(dut):
    """A message in progress goes on, no other begins, for as long as it takes."""
    bench = Bench(dut)
    await bench.begin()
    beats = 80 // bench.beat_bytes
    for when in range(beats + 4):
        bench.out.clear()
        for source in range(bench.sources):
            bench.send(source, 64)
        await cycles(dut, when)
        dut.hold.value = 1
        await cycles(dut, 2)
        began = len(bench.out) + (bench.in_progress is not None)
        await cycles(dut, 3 * beats)
        assert len(bench.out) == began
        assert bench.in_progress is None
        dut.hold.value = 0
        while bench.busy:
            await cycles(dut, 1)
        assert len(bench.out) == bench.sources


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def what_is_stale_goes_at_once_or_behind_the_message_in_progress(dut):
    """In every cycle of a message; the others are left alone, and clean is low until all is gone."""
    bench = Bench(dut, "half")
    await bench.begin()
    whole = 0
    for when in range(3 * 80 // bench.beat_bytes + 8):
        bench.out.clear()
        old = [bench.send(0, 64) for _ in range(2)]
        other = bench.send(1, 20)
        await cycles(dut, when)
        bench.stale = 1
        while not dut.stale.value:
            await RisingEdge(dut.clk)
        while not int(dut.clean.value) & 1:
            await cycles(dut, 1)
        assert bench.in_progress != 0 or not bench._beats
        new = bench.send(0, 3)
        while bench.busy:
            await cycles(dut, 1)
        mine = [m for _, s, m in bench.out if s == 0]
        assert mine[-1] == new
        assert mine[:-1] == old[: len(mine) - 1]
        whole += len(mine) == 2
        assert [m for _, s, m in bench.out if s == 1] == [other]
    assert whole > 3
