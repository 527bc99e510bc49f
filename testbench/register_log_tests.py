"""Runs in the simulator: RegisterLog beside the golden log, compared in every cycle."""

from collections import Counter, deque
from itertools import product
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.log import Answer, Entry, Log, ProvenanceFlag
from interlock_hdl.log.answer import Answer as HdlAnswer
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.ports import MergeRequest, ScannedEntry
from lib.parameters import generator, parameters
from lib.streams import StreamSink, StreamSource, cycles, start, unpack, watch

MERGE_LATENCY = 2
OWN_ID = 0xA5 << 120 | 7
LARGEST = 2**96 - 1


def fields(entry: Entry) -> dict:
    """As the gateware's ``Entry``."""
    return {
        "session_id": int.from_bytes(entry.session_id),
        "flops": entry.flops,
        "provenance": {"mode": entry.mode, "weight_table": entry.weight_table, "flags": entry.flags},
    }


def entry_of(fields: dict) -> Entry:
    return Entry(fields["session_id"].to_bytes(16), fields["flops"], **fields["provenance"])


def entry(session_id: int, flops: int = 0, *, mode: int = 1, weight_table: int = 1, flags: int = 1) -> Entry:
    return Entry(session_id.to_bytes(16), flops, mode, weight_table, flags)


class Bench:
    """Drives the log, and keeps the golden one in step: in each cycle scan, read, merge, in this order."""

    def __init__(self, dut, random: Random, *, patterns: tuple[str, str, str] = ("none",) * 3) -> None:
        self.dut, self.random = dut, random
        self.capacity = parameters()["entries"]
        self.log: Log | None = None
        self.answers: Counter[HdlAnswer] = Counter()
        self.aheads = self.scans = self.reads = 0
        self.merged_at: list[int] = []
        self.count = 0
        self.patterns = patterns
        self.faults_expected = False

    async def start(self) -> None:
        dut, random = self.dut, self.random
        merge, scan, entries = self.patterns
        dut.wipe.value = 0
        dut.entries__ready.value = 0
        self.merge = StreamSource(dut, "merge", MergeRequest, pattern=merge, random=random)
        self.scan = StreamSource(dut, "scan", 96, pattern=scan, random=random)
        await start(dut)
        self.sink = StreamSink(dut, "entries", ScannedEntry, pattern=entries, random=random)
        watch(dut, "entries", unless=lambda: bool(dut.wipe.value))
        cocotb.start_soon(self._check())

    def own(self, entry: Entry) -> None:
        self.merge.send({"own": 1, "entry": fields(entry)})

    def peer(self, *entries: Entry) -> None:
        self.merge.send(*({"own": 0, "entry": fields(entry)} for entry in entries))

    def sample(self, more: int = 1) -> None:
        """Asks for a scan with a count that has grown."""
        self.count = min(self.count + more, LARGEST)
        self.scan.send(self.count)

    async def enter(self) -> None:
        """Makes entry 0."""
        self.own(entry(OWN_ID))
        await self.settle()

    async def settle(self) -> None:
        await self.merge.drained()
        await self.scan.drained()
        await cycles(self.dut, 5)
        while self.running:
            await cycles(self.dut, 1)

    async def wipe(self) -> None:
        self.dut.wipe.value = 1
        await cycles(self.dut, self.random.randint(1, 3))
        self.dut.wipe.value = 0
        self.count = 0
        await cycles(self.dut, 2)

    def some_entry(self) -> Entry:
        """Of few ids, so that all kinds of meeting happen; mostly well-formed."""
        random = self.random
        return entry(
            random.choice([OWN_ID, *range(self.capacity + 2)]),
            random.choice([0, 1, random.randrange(1000), random.getrandbits(96), LARGEST]),
            mode=random.choice([1, 1, 1, 1, 3]),
            weight_table=random.choice([1] * 8 + [2]),
            flags=random.choice([0, 1, 4, 5, 8, 9, 13, 1 << random.randrange(16)]),
        )

    def _apply(self, request: dict, own_before: int) -> tuple[HdlAnswer, bool]:
        """What the golden log answers, and whether a peer was ahead of the own count."""
        asked = entry_of(request["entry"])
        reserved = asked.flags & ~sum(ProvenanceFlag)
        if not request["own"]:
            if self.log is None:
                return HdlAnswer.CONFLICT, False
            answer = self.log.merge(asked)
            if answer in (Answer.OWN, Answer.OWN_AHEAD):
                return HdlAnswer.OK, asked.flops > own_before
            return HdlAnswer[answer.name], False
        if reserved:
            return HdlAnswer.CONFLICT, False
        if self.log is None:
            self.log = Log(own=asked, capacity=self.capacity)
            return HdlAnswer.OK, False
        own = self.log.own
        if (own.mode, own.weight_table) != (asked.mode, asked.weight_table):
            return HdlAnswer.CONFLICT, False
        self.log.mark(ProvenanceFlag(asked.flags))
        return HdlAnswer.OK, False

    async def _check(self) -> None:
        dut = self.dut
        merging: deque[tuple[int, dict]] = deque()
        reading: deque[dict] = deque()
        self.running = 0  # entries of the running scan that have not left
        unread = index = 0
        own_history = deque([0] * 4, maxlen=4)
        scan_at = scan_size = None
        previous_accept, quiet = False, 2
        now = 0
        while True:
            await RisingEdge(dut.clk)  # what is read here is what the cycle before this edge showed
            now += 1
            held = len(self.log.entries) if self.log else 0
            assert int(dut.size.value) == held
            assert dut.own_ready.value == (held > 0)
            assert self.faults_expected or not dut.fault.value
            if scan_size is not None:
                assert int(dut.scan_size.value) == scan_size
            if dut.wipe.value:
                self.log, self.running, scan_at, scan_size, unread = None, 0, None, None, 0
                previous_accept, quiet = False, 2
                merging.clear()
                reading.clear()
                own_history.extend([0] * 4)
                continue

            # Entries leave.
            if dut.entries__valid.value:
                if scan_at is not None:
                    assert now - scan_at == RegisterLog.scan_latency
                    scan_at = None
                assert reading, "an entry that was not read"
                assert unpack(ScannedEntry, int(dut.entries__payload.value)) == reading[0]
                if dut.entries__ready.value:
                    reading.popleft()
                    self.running -= 1
            elif scan_at is not None:
                assert now - scan_at < RegisterLog.scan_latency

            # Scan, read, merge: as events of one cycle are ordered.
            if dut.scan__valid.value and dut.scan__ready.value:
                assert self.log is not None
                assert not reading, "a scan while one runs"
                self.log.announce(int(dut.scan__payload.value))
                self.running = unread = scan_size = held
                index, scan_at = 0, now
                self.scans += 1
            if dut.read.value:
                assert unread, "read too much"
                assert int(dut.read_index.value) == index
                unread -= 1
                reading.append({"entry": fields(self.log.entries[index]), "last": int(unread == 0)})
                index += 1
                self.reads += 1
            if dut.merged.value:
                asked_at, request = merging.popleft()
                assert now - asked_at == MERGE_LATENCY
                answer, ahead = self._apply(request, own_history[1])
                assert HdlAnswer(int(dut.answer.value)) == answer, request
                assert dut.own_ahead.value == ahead
                self.answers[answer] += 1
                self.aheads += ahead
                self.merged_at.append(now)
            else:
                assert not dut.own_ahead.value
                assert not merging or now - merging[0][0] < MERGE_LATENCY
            own_history.append(self.log.own.flops if self.log else 0)

            # Takes a request every second cycle, whatever it is.
            accept = bool(dut.merge__valid.value and dut.merge__ready.value)
            if quiet:
                quiet -= 1
            else:
                assert dut.merge__ready.value == (not previous_accept)
            if accept:
                merging.append((now, unpack(MergeRequest, int(dut.merge__payload.value))))
            previous_accept = accept


@cocotb.test()
async def merges_and_scans_agree_with_the_golden_log(dut):
    """Random requests against random scans, under one set of stall patterns; wiped now and then."""
    bench = Bench(dut, generator(), patterns=parameters()["patterns"])
    await bench.start()
    random = bench.random
    for _ in range(6):
        await bench.enter()
        for _ in range(40):
            for _ in range(random.randrange(8)):
                if random.random() < 0.15:
                    bench.own(entry(OWN_ID, flags=random.choice([0, 1, 4, 8, 13, 2])))
                else:
                    bench.peer(bench.some_entry())
            if random.random() < 0.5:
                bench.sample(random.choice([0, 1, random.randrange(1000), random.getrandbits(90)]))
            if random.random() < 0.3:
                await bench.merge.drained()
        await bench.settle()
        await bench.wipe()
    assert min(bench.answers[answer] for answer in HdlAnswer) > 10, bench.answers
    assert bench.scans > 50
    assert bench.aheads > 5
    assert bench.reads > 100


@cocotb.test()
async def a_merge_takes_two_cycles_whatever_it_does(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.merged_at.clear()
    bench.peer(*(bench.some_entry() for _ in range(50)))
    await bench.settle()
    assert [b - a for a, b in zip(bench.merged_at, bench.merged_at[1:], strict=False)] == [2] * 49


@cocotb.test()
async def a_scan_emits_an_entry_a_cycle(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.peer(*(entry(n, n) for n in range(1, bench.capacity)))
    await bench.settle()
    for _ in range(3):
        bench.sample()
        while not (dut.scan__valid.value and dut.scan__ready.value):
            await cycles(dut, 1)
        await cycles(dut, RegisterLog.scan_latency + bench.capacity - 1)
        assert dut.entries__valid.value
        assert unpack(ScannedEntry, int(dut.entries__payload.value))["last"]
        await bench.settle()
    assert bench.reads == 3 * bench.capacity


async def move_a_merge_past_a_scan(dut, pattern: str) -> None:
    """One merge, of an entry in each place and of a new one, and a mark, moved past a scan cycle by cycle."""
    bench = Bench(dut, generator(), patterns=("none", "none", pattern))
    await bench.start()
    for target, offset in product(range(1, bench.capacity), range(2 * bench.capacity + 8)):
        await bench.wipe()
        await bench.enter()
        bench.peer(*(entry(n, 1) for n in range(1, bench.capacity - 1)))
        await bench.settle()
        bench.sample()
        await cycles(dut, offset)
        bench.peer(entry(target, 2))
        bench.own(entry(OWN_ID, flags=8))
        await bench.settle()
        bench.sample()
        await bench.settle()
        shown = bench.sink.received[-int(dut.size.value) :]
        assert shown[target]["entry"]["flops"] == 2, "the scan after it shows the merge"
        assert shown[0]["entry"]["provenance"]["flags"] == 9, "the scan after it shows the mark"


@cocotb.test()
async def a_merge_meets_a_scan_in_every_cycle(dut):
    await move_a_merge_past_a_scan(dut, "none")


@cocotb.test()
async def a_merge_meets_a_stalled_scan_in_every_cycle(dut):
    await move_a_merge_past_a_scan(dut, "half")


@cocotb.test()
async def nothing_but_entry_0_can_be_first(dut):
    bench = Bench(dut, generator())
    await bench.start()
    bench.peer(entry(1), entry(OWN_ID), entry(0))
    bench.own(entry(OWN_ID, flags=2))
    await bench.settle()
    assert bench.answers == {HdlAnswer.CONFLICT: 4}
    bench.scan.send(0)
    await cycles(dut, 10)
    assert bench.scans == 0, "a scan of an empty log has no last entry"
    await bench.enter()
    assert bench.scans == 1


@cocotb.test()
async def an_id_of_zeros_is_an_id_like_any_other(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.peer(entry(0, 5), entry(0, 3))
    bench.sample()
    await bench.settle()
    assert int(dut.size.value) == 2


@cocotb.test()
async def a_sample_below_the_last_is_a_fault_before_an_entry_leaves(dut):
    bench = Bench(dut, generator())
    await bench.start()
    await bench.enter()
    bench.scan.send(1000)
    await bench.settle()
    bench.faults_expected = True
    bench.log.announce = lambda flops: None  # the golden log would refuse
    dut.entries__ready.value = 0
    bench.log.entries[0] = entry(OWN_ID, 999)
    bench.scan.send(999)
    while not dut.entries__valid.value:
        assert not dut.fault.value or bench.running
        await cycles(dut, 1)
    assert dut.fault.value
    await bench.settle()
    await cycles(dut, 20)
    assert dut.fault.value, "latched"
    await bench.wipe()
    assert not dut.fault.value
