"""Runs in the simulator: one RecordMux between two software sources of records and a software seal."""

from collections import deque

import cocotb
from cocotb.triggers import ReadWrite, RisingEdge
from interlock_hdl.ports import RecordBeat
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS, pauses
from lib.recorder import Recorder, cycle_number
from lib.streams import cycles, pack, start

SOURCES = ("messages", "notices")


class Source:
    """Offers records beat by beat, from a register; drops what is of an epoch that ends, as a Writer does."""

    def __init__(self, test: "Bench", name: str, pattern: str) -> None:
        self.test, self.name = test, name
        self.pauses = pauses(pattern, test.random)
        self.queue: deque[dict[str, int]] = deque()
        self.offered: dict[str, int] | None = None
        self.left: list[tuple[int, int]] = []  # cycle and number of each record whose first beat passed
        self.number = 0
        getattr(test.dut, f"{name}__valid").value = 0
        cocotb.start_soon(self._run())

    def send(self, slot: int, beats: int) -> None:
        """A record; its beats name the source, the record and the place."""
        self.number += 1
        for n in range(beats):
            data = SOURCES.index(self.name) << 24 | self.number << 8 | n
            first, last = int(n == 0), int(n == beats - 1)
            self.queue.append({"data": data, "keep": 0, "first": first, "last": last, "slot": slot})

    def drop(self, slot: int) -> None:
        """All of the record under way, if it is for this slot; later ones are of a new epoch."""
        record = self.offered or (self.queue[0] if self.queue else None)
        if record is None or record["slot"] != slot or (record is not self.offered and record["first"]):
            return
        self.offered = None
        while self.queue and not self.queue[0]["first"]:
            self.queue.popleft()

    async def _run(self) -> None:
        dut, shape = self.test.dut, self.test.shape
        valid, ready = (getattr(dut, f"{self.name}__{part}") for part in ("valid", "ready"))
        payload = getattr(dut, f"{self.name}__payload")
        while True:
            if self.offered is None and self.queue and not next(self.pauses):
                self.offered = self.queue.popleft()
            valid.value = int(self.offered is not None)
            if self.offered is not None:
                payload.value = pack(shape, self.offered)
            await RisingEdge(dut.clk)
            if self.offered is not None and ready.value:
                if self.offered["first"] and not int(dut.ended.value) >> self.offered["slot"] & 1:
                    self.left.append((cycle_number(), self.offered["data"] >> 8 & 0xFFFF))
                taken, self.offered = self.offered, None
                if int(dut.ended.value) >> taken["slot"] & 1:
                    while self.queue and not self.queue[0]["first"]:
                        self.queue.popleft()
            for slot in range(self.test.links):
                if int(dut.ended.value) >> slot & 1:
                    self.drop(slot)


class Bench:
    def __init__(self, dut, *, messages: str, notices: str, seal: str) -> None:
        settings = parameters()
        self.dut, self.random, self.links = dut, generator(), settings["links"]
        self.shape = RecordBeat(settings["beat_bytes"], self.links)
        dut.ended.value = 0
        self.sources = [Source(self, "messages", messages), Source(self, "notices", notices)]
        self.out = Recorder(
            dut, "o", self.shape, pattern=seal, random=self.random, unless=lambda: dut.ended.value
        )
        self.leaves: list[list[int]] = [[], []]
        self.ends: list[tuple[int, int]] = []
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        dut = self.dut
        while True:
            await ReadWrite()
            await RisingEdge(dut.clk)
            for kind, name in enumerate(("message_leaves", "notice_leaves")):
                if getattr(dut, name).value:
                    self.leaves[kind].append(cycle_number())

    async def end(self, slot: int) -> None:
        self.ends.append((cycle_number() + 1, slot))
        self.dut.ended.value = 1 << slot
        await RisingEdge(self.dut.clk)
        self.dut.ended.value = 0

    def check(self) -> None:
        """No record is inside another; each that is cut was cut by the end of its epoch."""
        current = None
        since = 0
        for cycle, beat in self.out.taken:
            record, place = beat["data"] >> 8, beat["data"] & 0xFF
            if place == 0:
                if current is not None:
                    slot = current[2]
                    assert any(since <= at < cycle and slot == end for at, end in self.ends), "cut short"
                current, since = (record, 0, beat["slot"]), cycle
            else:
                assert current == (record, place - 1, beat["slot"]), "a record inside another"
                current = (record, place, beat["slot"])
            if beat["last"]:
                current = None
        for source, leaves in zip(self.sources, self.leaves, strict=True):
            assert leaves == [cycle for cycle, _ in source.left]


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(messages=["none", "half"], notices=PATTERNS, seal=PATTERNS)
async def records_pass_whole_and_none_is_lost(dut, messages, notices, seal):
    """And what is offered holds still, whichever comes meanwhile: the recorder would notice."""
    test = await begin(dut, messages=messages, notices=notices, seal=seal)
    for _ in range(40):
        for source in test.sources:
            source.send(test.random.randrange(test.links), test.random.randint(1, 6))
    while any(source.queue or source.offered for source in test.sources):
        await RisingEdge(dut.clk)
    await cycles(dut, 3)
    test.check()
    assert sum(bool(beat["last"]) for beat in test.out.payloads) == 80
    assert [number for _, number in test.sources[0].left] == list(range(1, 41))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def notices_pass_first(dut):
    """Between two records, whenever one is there; and a beat passes in every cycle."""
    test = await begin(dut, messages="none", notices="none", seal="none")
    for _ in range(10):
        test.sources[0].send(0, 3)
    await cycles(dut, 4)
    test.sources[1].send(0, 2)
    test.sources[1].send(1, 1)
    await cycles(dut, 60)
    order = [beat["data"] >> 24 for beat in test.out.payloads if beat["last"]]
    assert order.index(1) <= 2
    assert order[order.index(1) :][:3] == [1, 1, 0]
    when = [cycle for cycle, _ in test.out.taken]
    assert when[-1] - when[0] + 1 == len(when) == 33


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(messages=["none", "half"], notices=["none", "half"], seal=PATTERNS)
async def a_record_that_is_cut_holds_up_nobody(dut, messages, notices, seal):
    """Epochs end at any moment: what is under way for that slot is gone, all else passes whole."""
    test = await begin(dut, messages=messages, notices=notices, seal=seal)
    for _ in range(300):
        for source in test.sources:
            if len(source.queue) < 10:
                source.send(test.random.randrange(test.links), test.random.randint(1, 6))
        await cycles(dut, test.random.randrange(8))
        if test.random.random() < 0.5:
            await test.end(test.random.randrange(test.links))
    while any(source.queue or source.offered for source in test.sources):
        await RisingEdge(dut.clk)
    await cycles(dut, 3)
    test.check()
    assert sum(bool(beat["last"]) for beat in test.out.payloads) > 40
