"""Around one StreamCutter: a software intake, counter and sender."""

from dataclasses import dataclass

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.records import MAX_LENGTH
from interlock_hdl.intake import StreamProgress
from interlock_hdl.stream_cutter import BLOCK_BYTES, Cut
from lib.parameters import generator, parameters
from lib.recorder import Recorder, cycle_number
from lib.streams import cycles, pack, start


@dataclass
class Made:
    """A cut, as the block made it.  ``total`` is what was spent by the end of its cycle."""

    cycle: int
    length: int
    last: bool
    total: int


class Bench:
    """``beats`` is put in at most a beat a cycle; ``spend`` says what each cycle costs."""

    def __init__(self, dut, *, cuts: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.depth = settings["beat_bytes"], settings["depth"]
        self.sample_latency, self.latency = settings["sample_latency"], settings["latency"]
        self.shape = StreamProgress(self.beat_bytes)
        dut.progress.value = dut.finish.value = dut.active.value = dut.hold.value = 0
        dut.done.value = dut.count.value = 0
        dut.announced.value = 2**96 - 1
        self.taken = Recorder(
            dut,
            "cuts",
            Cut,
            pattern=cuts,
            random=self.random,
            unless=lambda: dut.finish.value,
        )
        self.queue: list[dict[str, int]] = []
        self.given: list[int] = []  # cycles in which a beat was told of
        self.pace = 1.0
        self.total = 0
        self.spend = 0  # in every cycle
        self.events: dict[int, int] = {}  # by cycle, what is spent in it beside that
        self.made: list[Made] = []
        cocotb.start_soon(self._intake())
        cocotb.start_soon(self._counter())
        cocotb.start_soon(self._watch())

    def put(self, length: int, *, ends: bool = True) -> None:
        """Queues so many bytes of payload."""
        beats = -(-length // self.beat_bytes)
        for n in range(beats):
            last = int(ends and n == beats - 1)
            self.queue.append(
                {"beat": 1, "last": last, "kept": last * (length % self.beat_bytes), "broken": 0}
            )

    def put_break(self) -> None:
        self.queue.append({"beat": 0, "last": 0, "kept": 0, "broken": 1})

    async def _intake(self) -> None:
        while True:
            self.dut.progress.value = 0
            if self.queue and self.random.random() < self.pace:
                self.dut.progress.value = pack(self.shape, self.queue.pop(0))
                self.given.append(cycle_number() + 1)
            await RisingEdge(self.dut.clk)

    async def _counter(self) -> None:
        """Answers each sample after ``sample_latency`` cycles with what was spent up to its own."""
        dut = self.dut
        owed: list[tuple[int, int]] = []
        while True:
            await RisingEdge(dut.clk)
            self.total += self.spend + self.events.pop(cycle_number(), 0)
            if dut.sample.value and not dut.rst.value:
                owed.append((cycle_number() + self.sample_latency, self.total))
            dut.done.value = 0
            if owed and owed[0][0] == cycle_number() + 1:
                dut.count.value = owed.pop(0)[1]
                dut.done.value = 1

    async def _watch(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value:
                continue
            assert bool(dut.cut.value) == bool(dut.sample.value), "a cut is sampled in its own cycle"
            if dut.cut.value:
                assert dut.active.value
                assert not dut.hold.value
                assert not dut.failed.value
                self.made.append(
                    Made(cycle_number(), int(dut.cut_length.value), bool(dut.cut_last.value), self.total)
                )

    def spend_once(self, amount: int) -> int:
        """An event in the next cycle; returns its number."""
        self.events[cycle_number() + 1] = amount
        return cycle_number() + 1

    def lengths(self) -> list[int]:
        return [cut["length"] for cut in self.taken.payloads]

    def is_complete(self) -> bool:
        """The stream's last cut was taken."""
        return bool(self.taken.taken) and bool(self.taken.payloads[-1]["last"])

    def check_cuts(self, length: int) -> None:
        """Legal ones, that make up a stream of so many bytes."""
        cuts = self.taken.payloads
        assert sum(self.lengths()) == length
        assert [cut["last"] for cut in cuts] == [0] * (len(cuts) - 1) + [1]
        assert all(0 < cut["length"] <= MAX_LENGTH for cut in cuts)
        assert all(cut["length"] % BLOCK_BYTES == 0 for cut in cuts[:-1])
        assert [(cut["length"], bool(cut["last"])) for cut in cuts] == [(m.length, m.last) for m in self.made]

    async def finish(self) -> None:
        self.dut.finish.value = 1
        await cycles(self.dut, 1)
        self.dut.finish.value = self.dut.active.value = 0
        await cycles(self.dut, 1)
        self.taken.taken.clear()
        self.made.clear()
        self.given.clear()


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test
