"""Runs in the simulator: Scan against a store in Python that takes its time, and sometimes none."""

from collections import Counter, deque
from copy import deepcopy
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.log.scan import Scan, ScanRequest
from interlock_hdl.log.store import Announcement, EntryAddress, ReadEntry
from interlock_hdl.ports import ScannedEntry
from lib.naive_log import OWN, NaiveChanges, NaiveStore, address_fields, entry
from lib.parameters import generator, parameters
from lib.patterns import pauses
from lib.streams import StreamSink, StreamSource, cycles, pack, start, unpack


class Bench:
    """The store, the sets, and who asks; in each cycle full, scan, read, announcement, merge, in order."""

    def __init__(self, dut, random: Random, *, patterns: tuple[str, ...] = ("none",) * 5) -> None:
        self.dut, self.random, self.patterns = dut, random, patterns
        self.slots, self.capacity = parameters()["links"], parameters()["entries"]
        self.store, self.changes = NaiveStore(self.capacity), NaiveChanges(self.slots)
        self.merges: deque[dict] = deque()
        self.full_due = [True] * self.slots
        self.count = 0
        self.to_read: deque = deque()
        self.reading: deque = deque()
        self.seen: Counter[str] = Counter()
        self.accepted_at = self.first_read_at = self.described_at = 0

    async def start(self) -> None:
        dut, random = self.dut, self.random
        request, announce, read, stored, entries = self.patterns
        for port in (dut.wipe, dut.require_full, dut.changed, dut.own_ready, dut.entries__ready):
            port.value = 0
        for port in (dut.announce__ready, dut.read__ready, dut.stored_sessions, dut.stored_externals):
            port.value = 0
        self.announce_pauses, self.read_pauses = pauses(announce, random), pauses(read, random)
        self.scan = StreamSource(dut, "request", ScanRequest, pattern=request, random=random)
        self.stored = StreamSource(dut, "stored", ReadEntry, pattern=stored, random=random)
        await start(dut)
        StreamSink(dut, "entries", ScannedEntry, pattern=entries, random=random)
        cocotb.start_soon(self._run())

    def merge(self, entry: dict, *, external: bool = False, own: bool = False) -> None:
        self.merges.append({"own": int(own), "external": int(external), "entry": entry})

    def request(self, slot: int, more: int = 1, bound: int = 0) -> None:
        self.count += more
        self.scan.send({"slot": slot, "count": self.count, "bound": bound})

    async def settle(self) -> None:
        await self.scan.drained()
        await cycles(self.dut, 8)
        while self.merges or not self.dut.request__ready.value:
            await cycles(self.dut, 1)
        assert not self.to_read
        assert not self.reading

    async def _run(self) -> None:
        dut = self.dut
        merged: NaiveStore | None = None
        changed = None
        now = 0
        waiting: dict | None = None  # what is to be announced before anything is read
        while True:
            await RisingEdge(dut.clk)
            now += 1
            assert not dut.fault.value
            if dut.entries__valid.value:
                assert unpack(ScannedEntry, int(dut.entries__payload.value)) == self.reading[0]
                if dut.entries__ready.value:
                    self.reading.popleft()
            for slot in range(self.slots):
                self.full_due[slot] |= bool(int(dut.require_full.value) >> slot & 1)
            if dut.described.value and self.described_at <= self.accepted_at:
                self.described_at = now
                shown = bool(dut.full.value), int(dut.n_sessions.value), int(dut.n_externals.value)
                assert shown == self.described
            if dut.request__valid.value and dut.request__ready.value:
                assert not self.to_read
                assert not self.reading
                waiting = unpack(ScanRequest, int(dut.request__payload.value))
                self._begin(waiting["slot"])
                self.accepted_at = now
            if dut.read__valid.value and dut.read__ready.value:
                self._read(now)
            if dut.announce__valid.value and dut.announce__ready.value:
                assert waiting is not None
                said = unpack(Announcement, int(dut.announce__payload.value))
                assert said == {"count": waiting["count"], "announced": waiting["count"] + waiting["bound"]}
                self.announced, self.said, waiting = True, said["announced"], None
                for store in (self.store, merged or self.store):
                    store.announce(said["count"])
            if merged is not None:
                self.store = merged
                if changed is not None:
                    self.changes.change(changed)

            # The next cycle.
            merged, changed = None, None
            if self.merges and not dut.changed.value and self.random.random() < 0.7:
                merged = deepcopy(self.store)
                _, changed = merged.merge(self.merges.popleft())
            dut.changed.value = changed is not None
            dut.changed_at.value = pack(EntryAddress, address_fields(changed or OWN))
            dut.own_ready.value = bool(self.store.sessions)
            dut.stored_sessions.value = len(self.store.sessions)
            dut.stored_externals.value = len(self.store.externals)
            dut.announce__ready.value = not next(self.announce_pauses)
            dut.read__ready.value = not next(self.read_pauses)

    def _begin(self, slot: int) -> None:
        of_slot = slot < self.slots
        full = not of_slot or self.full_due[slot]
        changed = self.changes.flip(slot) if of_slot else []
        if of_slot:
            self.full_due[slot] = False
        addresses = self.store.addresses() if full else [OWN, *changed]
        externals = sum(external for external, _ in addresses)
        self.described = full, len(addresses) - externals, externals
        self.to_read.extend(addresses)
        self.announced = False
        self.seen.update(full=full, delta=not full, changed=len(changed))

    def _read(self, now: int) -> None:
        dut = self.dut
        assert self.announced, "reads before it has announced"
        assert self.to_read, "reads too much"
        address = self.to_read.popleft()
        assert unpack(EntryAddress, int(dut.read__payload.value)) == address_fields(address)
        assert dut.read_accepted.value
        assert (int(dut.read_external.value), int(dut.read_index.value)) == address
        shown = self.store.read(address)
        self.stored.send({"entry": shown, "address": address_fields(address)})
        if address == OWN:
            self.first_read_at = now
            shown = {**shown, "flops": self.said}
        self.reading.append({"entry": shown, "external": address[0], "last": int(not self.to_read)})
        self.seen["read"] += 1


@cocotb.test()
async def scans_of_a_slow_store_are_exact(dut):
    bench = Bench(dut, generator(), patterns=parameters()["patterns"])
    await bench.start()
    random = bench.random
    bench.merge(entry(9), own=True)
    for _ in range(120):
        for _ in range(random.choice([0, 1, 1, 4])):
            bench.merge(entry(random.randrange(12), random.randrange(500)), external=random.random() < 0.3)
        bench.request(random.randrange(bench.slots + 1), random.randrange(99), random.choice([0, 2**80]))
        if random.random() < 0.2:
            await bench.scan.drained()
            await cycles(dut, random.randrange(12))
            dut.require_full.value = random.randrange(1 << bench.slots)
            await cycles(dut, 1)
            dut.require_full.value = 0
    await bench.settle()
    assert min(bench.seen[kind] for kind in ("full", "delta", "changed")) > 10, bench.seen


@cocotb.test()
async def latencies_are_exact(dut):
    bench = Bench(dut, generator())
    await bench.start()
    bench.merge(entry(9), own=True)
    for _ in range(5):
        for slot in range(bench.slots + 1):
            bench.request(slot)
            await bench.settle()
            assert bench.described_at - bench.accepted_at == Scan.described_latency
            assert bench.first_read_at - bench.accepted_at == Scan.read_latency
            bench.merge(entry(bench.random.randrange(5), bench.count))
            await bench.settle()
