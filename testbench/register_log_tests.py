"""Runs in the simulator: RegisterLog beside the naive log, compared in every cycle."""

from collections import Counter, deque
from itertools import product
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.log.store import Announcement, EntryAddress, MergeRequest, ReadEntry
from lib.naive_log import Address, NaiveStore, address_fields, entry
from lib.parameters import generator, parameters
from lib.streams import StreamSink, StreamSource, cycles, start, unpack

OWN_ID = 0xA5 << 120 | 7
LARGEST = 2**96 - 1
AHEAD_LAG = 4  # cycles from an announcement's acceptance to the first answer that knows of it


class Bench:
    """Drives the store, and keeps the naive one in step: in each cycle read, announce, merge, in order."""

    def __init__(self, dut, random: Random, *, patterns: tuple[str, str, str, str] = ("none",) * 4) -> None:
        self.dut, self.random = dut, random
        self.capacity = parameters()["entries"]
        self.store = NaiveStore(self.capacity)
        self.answers: Counter[Answer] = Counter()
        self.seen: Counter[str] = Counter()
        self.merged_at: list[int] = []
        self.count = 0
        self.patterns = patterns
        self.faults_expected = False

    async def start(self) -> None:
        dut, random = self.dut, self.random
        merge, announce, read, entries = self.patterns
        dut.wipe.value = 0
        dut.entries__ready.value = 0
        self.merge = StreamSource(dut, "merge", MergeRequest, pattern=merge, random=random)
        self.announce = StreamSource(dut, "announce", Announcement, pattern=announce, random=random)
        self.reads = StreamSource(dut, "read", EntryAddress, pattern=read, random=random)
        await start(dut)
        self.sink = StreamSink(
            dut, "entries", ReadEntry, pattern=entries, random=random, unless=self.is_wiped
        )
        cocotb.start_soon(self._check())

    def is_wiped(self) -> bool:
        return bool(self.dut.wipe.value)

    def own(self, entry: dict) -> None:
        self.merge.send({"own": 1, "external": 0, "entry": entry})

    def peer(self, *entries: dict, external: bool = False) -> None:
        self.merge.send(*({"own": 0, "external": int(external), "entry": entry} for entry in entries))

    def sample(self, more: int = 1, bound: int = 0) -> None:
        """Announces a count that has grown."""
        self.count = min(self.count + more, LARGEST)
        self.announce.send({"count": self.count, "announced": min(self.count + bound, LARGEST)})

    def read(self, *addresses: Address) -> None:
        self.reads.send(*(address_fields(address) for address in addresses))

    async def enter(self) -> None:
        """Makes entry 0."""
        self.own(entry(OWN_ID))
        await self.settle()

    async def settle(self) -> None:
        for source in (self.merge, self.announce, self.reads):
            await source.drained()
        await cycles(self.dut, 5)
        while self.reading:
            await cycles(self.dut, 1)

    async def wipe(self) -> None:
        for source in (self.announce, self.reads):
            source.withdraw()
        self.dut.wipe.value = 1
        await cycles(self.dut, self.random.randint(2, 4))
        assert self.dut.wiped.value
        self.dut.wipe.value = 0
        self.count = 0
        await cycles(self.dut, 2)
        assert not self.dut.wiped.value

    def some_entry(self) -> dict:
        """Of few ids, so that all kinds of meeting happen; mostly well-formed."""
        random = self.random
        return entry(
            random.choice([OWN_ID, *range(self.capacity + 2)]),
            random.choice([0, 1, random.randrange(1000), random.getrandbits(96), LARGEST]),
            mode=random.choice([1, 1, 1, 1, 3]),
            weight_table=random.choice([1] * 8 + [2]),
            flags=random.choice([0, 1, 4, 5, 8, 9, 13, 1 << random.randrange(16)]),
        )

    def some_digest(self) -> dict:
        """Of few values, which differ in one bit, some of them a session entry's."""
        random = self.random
        flops = random.choice([0, 1, 1 << 47, 1 << 48, 1 << 95])
        return entry(random.choice([OWN_ID, 1, 2]), flops, flags=random.choice([1, 0x8001]))

    async def _check(self) -> None:
        dut, store = self.dut, self.store
        merging: deque[tuple[int, dict]] = deque()
        self.reading: deque[tuple[int, dict]] = deque()
        announced: list[tuple[int, int]] = [(0, 0)]  # when accepted, and what
        accepted_merge = accepted_announce = False
        now, quiet = 0, 2
        while True:
            await RisingEdge(dut.clk)  # what is read here is what the cycle before this edge showed
            now += 1
            store = self.store
            assert int(dut.n_sessions.value) == len(store.sessions)
            assert int(dut.n_externals.value) == len(store.externals)
            assert dut.own_ready.value == bool(store.sessions)
            assert self.faults_expected or not dut.fault.value
            if dut.wipe.value:
                self.store = NaiveStore(self.capacity)
                merging.clear()
                self.reading.clear()
                announced = [(0, 0)]
                accepted_merge = accepted_announce = False
                quiet = 2
                continue

            # An entry is offered from `read_latency` cycles after its read until it is taken.
            due = bool(self.reading) and now - self.reading[0][0] >= RegisterLog.read_latency
            assert dut.entries__valid.value == due
            if due:
                assert unpack(ReadEntry, int(dut.entries__payload.value)) == self.reading[0][1]
                if dut.entries__ready.value:
                    self.reading.popleft()

            # Read, announce, merge: each sees what was before its cycle.
            assert dut.read__ready.value == (not due or dut.entries__ready.value)
            if dut.read__valid.value and dut.read__ready.value:
                at = unpack(EntryAddress, int(dut.read__payload.value))
                shown = {"entry": store.read((at["external"], at["index"])), "address": at}
                self.reading.append((now, shown))
                self.seen["read"] += 1
            assert dut.announce__ready.value == (bool(store.sessions) and not accepted_announce)
            accepted_announce = bool(dut.announce__valid.value and dut.announce__ready.value)
            said = unpack(Announcement, int(dut.announce__payload.value))
            if dut.merged.value:
                asked_at, request = merging.popleft()
                assert now - asked_at == RegisterLog.merge_latency
                self._merged(request, max(flops for when, flops in announced if when <= now - AHEAD_LAG))
                self.merged_at.append(now)
            else:
                assert not dut.own_ahead.value
                assert not dut.changed.value
                assert not merging or now - merging[0][0] < RegisterLog.merge_latency
            if accepted_announce:
                store.announce(said["count"])
                announced.append((now, said["announced"]))

            # Takes a request every second cycle, whatever it is.
            if quiet:
                quiet -= 1
            else:
                assert dut.merge__ready.value == (not accepted_merge)
            accepted_merge = bool(dut.merge__valid.value and dut.merge__ready.value)
            if accepted_merge:
                merging.append((now, unpack(MergeRequest, int(dut.merge__payload.value))))

    def _merged(self, request: dict, announced: int) -> None:
        """Compares what became of a request."""
        dut, asked = self.dut, request["entry"]
        sessions = self.store.sessions
        of_own = not request["own"] and not request["external"] and bool(sessions)
        ahead = of_own and asked["session_id"] == sessions[0]["session_id"] and asked["flops"] > announced
        answer, changed = self.store.merge(request)
        assert Answer(int(dut.answer.value)) == Answer[answer], request
        assert dut.own_ahead.value == ahead
        assert dut.changed.value == (changed is not None)
        if changed is not None:
            assert unpack(EntryAddress, int(dut.changed_at.value)) == address_fields(changed)
        self.answers[Answer[answer]] += 1
        self.seen.update(ahead=ahead, changed=changed is not None, external=request["external"])
        self.seen["external kept"] += changed is not None and request["external"]
        self.seen["unchanged"] += answer == "OK" and changed is None


@cocotb.test()
async def merges_and_reads_agree_with_the_naive_log(dut):
    """Random requests, announcements and reads, under one set of stall patterns; wiped now and then."""
    bench = Bench(dut, generator(), patterns=parameters()["patterns"])
    await bench.start()
    random = bench.random
    for epoch in range(16):
        await bench.enter()
        if epoch % 2:
            # Ahead of the sessions, which would leave it no room in the smallest log.
            bench.peer(bench.some_digest(), external=True)
        for _ in range(20):
            for _ in range(random.randrange(8)):
                chance = random.random()
                if chance < 0.15:
                    bench.own(entry(OWN_ID, flags=random.choice([0, 1, 4, 8, 13, 2])))
                elif chance < 0.3:
                    bench.peer(bench.some_digest(), external=True)
                else:
                    bench.peer(bench.some_entry())
            if random.random() < 0.5:
                more = random.choice([0, 1, random.randrange(1000), random.getrandbits(90)])
                bench.sample(more, bound=random.choice([0, 0, 5, random.getrandbits(95)]))
            if random.random() < 0.7:
                bench.read(*random.choices(bench.store.addresses(), k=random.randrange(10)))
            if random.random() < 0.3:
                await bench.merge.drained()
                await bench.reads.drained()
        if random.random() < 0.5:
            await bench.settle()
        bench.merge.withdraw()
        await bench.wipe()
    assert min(bench.answers[answer] for answer in Answer) > 10, bench.answers
    assert min(bench.seen[kind] for kind in ("read", "ahead", "changed", "external", "unchanged")) > 5
    assert bench.seen["external kept"]


@cocotb.test()
async def a_merge_takes_two_cycles_whatever_it_does(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.merged_at.clear()
    for _ in range(25):
        bench.peer(bench.some_entry())
        bench.peer(bench.some_digest(), external=True)
    await bench.settle()
    assert [b - a for a, b in zip(bench.merged_at, bench.merged_at[1:], strict=False)] == [2] * 49


@cocotb.test()
async def an_entry_is_read_in_every_cycle(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.peer(*(entry(n, n) for n in range(1, bench.capacity - 1)))
    bench.peer(entry(1, 1), external=True)
    await bench.settle()
    everything = bench.store.addresses()
    assert len(everything) == bench.capacity
    bench.read(*everything * 3)
    await cycles(dut, 2)
    for _ in range(3 * bench.capacity - 1):
        assert dut.read__valid.value
        assert dut.read__ready.value
        await cycles(dut, 1)
    await bench.settle()
    assert bench.seen["read"] == 3 * bench.capacity


@cocotb.test()
async def a_merge_meets_a_read_in_every_cycle(dut):
    """A merge of each entry, a new one and a mark, moved past a read of each, cycle by cycle."""
    bench = Bench(dut, generator(), patterns=("none", "none", "none", parameters()["sink"]))
    await bench.start()
    for target, offset in product(range(1, bench.capacity), range(12)):
        await bench.wipe()
        await bench.enter()
        bench.peer(*(entry(n, 1) for n in range(1, bench.capacity - 1)))
        await bench.settle()
        present = bench.store.addresses()
        bench.read(*present * 3)
        await cycles(dut, offset)
        bench.peer(entry(target, 2))
        bench.own(entry(OWN_ID, flags=8))
        bench.sample()
        await bench.settle()
        bench.read((0, target), (0, 0))
        await bench.settle()
        after, own = bench.sink.received[-2:]
        assert after["entry"]["flops"] == 2, "a read after it shows the merge"
        assert own["entry"]["provenance"]["flags"] == 9, "a read after it shows the mark"
        assert own["entry"]["flops"] == bench.count


@cocotb.test()
async def nothing_but_entry_0_can_be_first(dut):
    bench = Bench(dut, generator())
    await bench.start()
    bench.peer(entry(1), entry(OWN_ID), entry(0))
    bench.peer(entry(1), entry(0, flags=0), external=True)
    bench.own(entry(OWN_ID, flags=2))
    await bench.merge.drained()
    await cycles(dut, 5)
    assert bench.answers == {Answer.CONFLICT: 6}
    bench.announce.send({"count": 0, "announced": 0})
    await cycles(dut, 10)
    assert bench.announce.taken == 0, "announced what is not there"
    await bench.enter()
    assert bench.announce.taken == 1


@cocotb.test()
async def zeros_are_an_id_and_a_digest_like_any_other(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    nothing = entry(0, 0, mode=0, weight_table=0, flags=0)
    bench.peer(nothing, nothing, external=True)
    bench.peer(entry(0, 5), entry(0, 3))
    await bench.settle()
    assert int(dut.n_sessions.value) == 2
    assert int(dut.n_externals.value) == 1


@cocotb.test()
async def a_digest_is_no_session_and_a_session_no_digest(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.peer(entry(1, 5))
    bench.peer(entry(1, 5), entry(1, 5, flags=0), entry(1, 6), external=True)
    bench.peer(entry(1, 7))
    await bench.settle()
    assert (int(dut.n_sessions.value), int(dut.n_externals.value)) == (2, 3)


@cocotb.test()
async def a_count_below_the_last_is_a_fault_before_an_entry_leaves(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.announce.send({"count": 1000, "announced": 1000})
    await bench.settle()
    bench.faults_expected = True
    dut.entries__ready.value = 0
    bench.announce.send({"count": 999, "announced": 5000})
    bench.read((0, 0))
    await cycles(dut, 3)
    dut.entries__ready.value = 1
    await bench.settle()
    await cycles(dut, 20)
    assert dut.fault.value, "latched"
    await bench.wipe()
    assert not dut.fault.value
