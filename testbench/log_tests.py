"""Runs in the simulator: Log beside the naive log, compared in every cycle."""

from collections import Counter, defaultdict, deque
from itertools import product
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.scan import ScanRequest
from interlock_hdl.log.store import MergeRequest
from interlock_hdl.ports import ScannedEntry
from lib.naive_log import OWN, NaiveChanges, NaiveStore, entry
from lib.parameters import generator, parameters
from lib.streams import StreamSink, StreamSource, cycles, start, unpack

OWN_ID = 0xA5 << 120 | 7
LARGEST = 2**96 - 2
MET = [(1, 3), (2, 3), (77, 3)]  # what a merge that meets a scan makes of an entry


class Bench:
    """Drives the log, and keeps the naive one in step: in each cycle full, scan, read, merge, in order."""

    def __init__(self, dut, random: Random, *, patterns: tuple[str, str, str] = ("none",) * 3) -> None:
        self.dut, self.random, self.patterns = dut, random, patterns
        known = parameters()
        self.slots, self.capacity, self.latency = known["links"], known["entries"], known["latency"]
        self._forget()
        self.seen: Counter[str] = Counter()
        self.left_at: list[int] = []

    def _forget(self) -> None:
        self.store, self.changes = NaiveStore(self.capacity), NaiveChanges(self.slots)
        self.full_due = [True] * self.slots
        self.count = 0
        self.to_read: deque = deque()
        self.reading: deque = deque()
        self.described: tuple[bool, int, int] | None = None
        self.announced = [(-100, 0)]
        self.scan_at: int | None = None
        self.said = 0

    async def start(self) -> None:
        dut, random = self.dut, self.random
        merge, scan, entries = self.patterns
        for port in (dut.wipe, dut.require_full, dut.entries__ready):
            port.value = 0
        dut.key.value = random.getrandbits(128)
        self.merge = StreamSource(dut, "merge", MergeRequest, pattern=merge, random=random)
        self.scan = StreamSource(dut, "scan", ScanRequest, pattern=scan, random=random)
        await start(dut)
        self.sink = StreamSink(
            dut, "entries", ScannedEntry, pattern=entries, random=random, unless=lambda: bool(dut.wipe.value)
        )
        await self.wipe()  # memories keep what the test before this one left there
        cocotb.start_soon(self._check())

    def own(self, entry: dict) -> None:
        self.merge.send({"own": 1, "external": 0, "entry": entry})

    def peer(self, *entries: dict, external: bool = False) -> None:
        self.merge.send(*({"own": 0, "external": int(external), "entry": entry} for entry in entries))

    def request(self, slot: int, more: int = 1, bound: int = 0) -> None:
        """Asks for a scan with a count that has grown; slot ``links`` is an export."""
        self.count = min(self.count + more, LARGEST)
        self.scan.send({"slot": slot, "count": self.count, "bound": min(bound, LARGEST - self.count)})

    async def enter(self) -> None:
        """Makes entry 0."""
        self.own(entry(OWN_ID))
        await self.settle()

    async def settle(self) -> None:
        await self.merge.drained()
        await self.scan.drained()
        await cycles(self.dut, self.latency["merge"] + 6)
        while not self.dut.scan__ready.value:
            await cycles(self.dut, 1)
        assert not self.to_read
        assert not self.reading

    async def scan_all(self) -> None:
        """Empties every slot's set, once all merges are in them."""
        await self.settle()
        for slot in range(self.slots):
            self.request(slot)
        await self.settle()

    async def strobe_full(self, slots: int) -> None:
        self.dut.require_full.value = slots
        await cycles(self.dut, 1)
        self.dut.require_full.value = 0

    async def wipe(self) -> None:
        self.merge.withdraw()
        self.scan.withdraw()
        self.dut.wipe.value = 1
        while not self.dut.wiped.value:
            await cycles(self.dut, 1)
        self.dut.wipe.value = 0
        await cycles(self.dut, 2)

    def some_entry(self) -> dict:
        random = self.random
        source = random.choice([OWN_ID, *range(2 + min(self.capacity, 20))])
        held = [one["flops"] for one in self.store.sessions if one["session_id"] == source] or [0]
        more = min(held[0] + random.randint(0, 3), 2**96 - 1)
        return entry(
            source,
            random.choice([0, more, more, random.randrange(1000), random.getrandbits(96)]),
            mode=random.choice([1] * 8 + [3]),
            flags=random.choice([0, 1, 4, 8, 9, 13, 16]),
        )

    async def _check(self) -> None:
        dut = self.dut
        merging: deque[dict] = deque()
        now = idle = 0
        while True:
            await RisingEdge(dut.clk)
            now += 1
            store = self.store
            assert int(dut.n_stored_sessions.value) == len(store.sessions)
            assert int(dut.n_stored_externals.value) == len(store.externals)
            assert dut.own_ready.value == bool(store.sessions)
            assert not dut.fault.value
            if dut.wipe.value:
                self._forget()
                merging.clear()
                continue
            self._leave(now)
            self._describe(now)
            for slot in range(self.slots):
                if int(dut.require_full.value) >> slot & 1:
                    self.full_due[slot] = True
            idle = 0 if self.to_read or self.reading or not store.sessions else idle + 1
            assert dut.scan__ready.value or idle < 2 * self.capacity + 20, "waits for ever"
            if dut.scan__valid.value and dut.scan__ready.value:
                self._begin(now, unpack(ScanRequest, int(dut.scan__payload.value)))
            if dut.read.value:
                self._read(now)
            if dut.merged.value:
                self._merged(now, merging.popleft())
            if dut.merge__valid.value and dut.merge__ready.value:
                merging.append(unpack(MergeRequest, int(dut.merge__payload.value)))

    def _leave(self, now: int) -> None:
        dut = self.dut
        ready = bool(self.reading) and now - self.reading[0][0] >= self.latency["read"]
        assert dut.entries__valid.value == ready, "an entry comes after its read, at once"
        if self.scan_at is not None:
            due = now - self.scan_at == self.latency["first_entry"]
            assert dut.entries__valid.value == due
            if due:
                self.scan_at = None
        if ready:
            assert unpack(ScannedEntry, int(dut.entries__payload.value)) == self.reading[0][1]
            if dut.entries__ready.value:
                self.reading.popleft()
                self.left_at.append(now)

    def _describe(self, now: int) -> None:
        dut = self.dut
        early = self.scan_at is not None and now - self.scan_at < self.latency["described"]
        assert dut.described.value == (self.described is not None and not early)
        if dut.described.value:
            described = (bool(dut.full.value), int(dut.n_sessions.value), int(dut.n_externals.value))
            assert described == self.described

    def _begin(self, now: int, request: dict) -> None:
        """Fixes the set."""
        assert not self.to_read
        assert not self.reading
        slot = request["slot"]
        full = slot >= self.slots or self.full_due[slot]
        changed = [] if slot >= self.slots else self.changes.flip(slot)
        if slot < self.slots:
            self.full_due[slot] = False
        addresses = self.store.addresses() if full else [OWN, *changed]
        externals = sum(external for external, _ in addresses)
        self.described = full, len(addresses) - externals, externals
        self.to_read.extend(addresses)
        self.store.announce(request["count"])
        self.said = request["count"] + request["bound"]
        self.announced.append((now, self.said))
        self.scan_at = now
        self.seen.update(full=full, delta=not full, changed=len(changed), export=slot >= self.slots)

    def _read(self, now: int) -> None:
        """Notes what the entry is in this cycle."""
        dut = self.dut
        assert self.to_read, "read too much"
        address = self.to_read.popleft()
        assert (int(dut.read_external.value), int(dut.read_index.value)) == address
        shown = self.store.read(address)
        if address == OWN:
            shown["flops"] = self.said
        self.reading.append((now, {"entry": shown, "external": address[0], "last": int(not self.to_read)}))

    def _merged(self, now: int, request: dict) -> None:
        dut, asked, sessions = self.dut, request["entry"], self.store.sessions
        known = max(said for when, said in self.announced if when <= now - self.latency["ahead"])
        of_own = bool(sessions) and not request["own"] and not request["external"]
        of_own = of_own and asked["session_id"] == sessions[0]["session_id"]
        answer, changed = self.store.merge(request)
        assert Answer(int(dut.answer.value)) == Answer[answer]
        assert dut.own_ahead.value == (of_own and asked["flops"] > known)
        if changed is not None:
            self.changes.change(changed)


@cocotb.test()
async def merges_and_scans_agree_with_the_naive_log(dut):
    """Random requests against random scans of every kind, under one set of stall patterns; wiped often."""
    bench = Bench(dut, generator(), patterns=parameters()["patterns"])
    await bench.start()
    random = bench.random
    for _ in range(5):
        await bench.enter()
        for _ in range(60):
            for _ in range(random.choice([0, 0, 1, 3, 8])):
                if random.random() < 0.1:
                    bench.own(entry(OWN_ID, flags=random.choice([1, 4, 8, 13])))
                elif random.random() < 0.2:
                    bench.peer(entry(random.randrange(6), 1), external=True)
                else:
                    bench.peer(bench.some_entry())
            if random.random() < 0.7:
                more = random.choice([0, 1, random.randrange(1000), random.getrandbits(80)])
                bound = random.choice([0, 0, 7, random.getrandbits(88)])
                bench.request(random.randrange(bench.slots + 1), more, bound)
            if random.random() < 0.1:
                await bench.strobe_full(random.randrange(1 << bench.slots))
            if random.random() < 0.3:
                await bench.scan.drained()
            await cycles(dut, random.randrange(6))
        if random.random() < 0.5:
            await bench.settle()
        await bench.wipe()
    assert min(bench.seen[kind] for kind in ("full", "delta", "changed", "export")) > 10, bench.seen


@cocotb.test()
async def a_full_scan_emits_an_entry_a_cycle(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.peer(*(entry(n, n) for n in range(1, bench.capacity - 1)))
    bench.peer(entry(1), external=True)
    await bench.settle()
    for slot in (bench.slots, 0):
        bench.left_at.clear()
        bench.request(slot)
        await bench.settle()
        assert bench.left_at == list(range(bench.left_at[0], bench.left_at[0] + bench.capacity))


@cocotb.test()
async def a_merge_meets_a_scan_in_every_cycle(dut):
    """One change of each kind moved past a DELTA scan, cycle by cycle: it is in that scan or in the next."""
    bench = Bench(dut, generator(), patterns=("none", "none", parameters()["sink"]))
    await bench.start()
    meeting = {
        "known": lambda: bench.peer(entry(2, 3)),
        "being read": lambda: bench.peer(entry(1, 3)),
        "new": lambda: bench.peer(entry(77, 3)),
        "external": lambda: bench.peer(entry(77, 3), external=True),
        "mark": lambda: bench.own(entry(OWN_ID, flags=8)),
    }
    places = defaultdict(set)
    merged_with = -bench.latency["merge"]  # where `merged` and the request meet in one cycle
    for (kind, merge), offset in product(meeting.items(), range(merged_with - 2, merged_with + 18)):
        await bench.wipe()
        await bench.enter()
        bench.peer(*(entry(n, 1) for n in range(1, 4)))
        await bench.scan_all()
        bench.peer(entry(1, 2))
        await bench.settle()
        bench.sink.take()
        if offset < 0:  # the merge is asked for first
            merge()
            await cycles(dut, -offset)
            bench.request(0, bound=5)
        else:
            bench.request(0, bound=5)
            await cycles(dut, offset)
            merge()
        await bench.settle()
        bench.request(0)
        await bench.settle()
        shown = bench.sink.take()
        ends = [n for n, item in enumerate(shown) if item["last"]]
        assert len(ends) == 2
        if kind == "mark":
            has_it = [item["entry"]["provenance"]["flags"] == 9 for item in shown]
            assert has_it[ends[0] + 1]
        else:
            has_it = [(item["entry"]["session_id"], item["entry"]["flops"]) in MET for item in shown]
        in_scans = any(has_it[: ends[0] + 1]), any(has_it[ends[0] + 1 :])
        places[kind].add(in_scans)
    either = {(True, False), (False, True)}
    assert places["known"] == places["new"] == places["external"] == either
    assert places["being read"] == either | {(True, True)}  # read as it is, and told of as a change
    assert places["mark"] == {(True, True), (False, True)}  # entry 0 is in every scan


@cocotb.test()
async def full_in_the_cycle_of_the_request_counts_for_it(dut):
    """The strobe moved past a request, cycle by cycle: this scan is FULL or the next one is, never both."""
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.peer(entry(1), entry(2))
    await bench.scan_all()
    fulls = []
    for offset in range(8):
        before = bench.seen["full"]
        cocotb.start_soon(_later(dut, 4, lambda: bench.request(0)))
        await cycles(dut, offset)
        await bench.strobe_full(1)
        await cycles(dut, 8)
        await bench.settle()
        fulls.append(bench.seen["full"] - before)
        bench.request(0)
        await bench.settle()
        assert bench.seen["full"] - before == 1
    assert fulls[0] == 1
    assert fulls[-1] == 0
    assert fulls == sorted(fulls, reverse=True)


async def _later(dut, count: int, what) -> None:
    await cycles(dut, count)
    what()


@cocotb.test()
async def an_export_leaves_every_set_as_it_is(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    await bench.scan_all()
    bench.peer(entry(1), entry(2))
    bench.peer(entry(2), external=True)
    await bench.settle()
    bench.request(bench.slots)
    await bench.settle()
    for slot in range(bench.slots):
        bench.request(slot)
        await bench.settle()
        assert (int(dut.n_sessions.value), int(dut.n_externals.value)) == (3, 1)
        bench.request(slot)
        await bench.settle()
        assert (int(dut.n_sessions.value), int(dut.n_externals.value)) == (1, 0)


@cocotb.test()
async def carries_run_through_the_whole_sum(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    for count, bound in ((2**32 - 1, 1), (2**64 - 1, 1), (2**64, 2**64 - 1), (2**95 - 1, 1), (2**96 - 2, 0)):
        bench.count = count
        bench.request(0, 0, bound)
        await bench.settle()
        assert bench.sink.take()[0]["entry"]["flops"] == count + bound
