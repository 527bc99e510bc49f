"""A store beside a naive one, compared in every cycle."""

from collections import Counter, deque
from random import Random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.hash_index import IndexSizes
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.hash_log import HashLog
from interlock_hdl.log.store import Announcement, EntryAddress, MergeRequest, ReadEntry
from interlock_hdl.record import Entry
from lib.indexed_store import IndexedStore
from lib.naive_log import address_fields, entry
from lib.parameters import parameters
from lib.streams import StreamSink, StreamSource, cycles, pack, start, unpack

OWN_ID = 0xA5 << 120 | 7
LARGEST = 2**96 - 1
AHEAD = 4  # cycles from what was announced to the `own_ahead` that it decides


def digest(bits: int) -> dict:
    """Fields of an ``Entry`` that is an external one."""
    return unpack(Entry, bits)


class Bench:
    """Drives a store, and keeps the naive one in step: in each cycle read, then merge and announce.

    Parameters
    ----------
    patterns : pauses of ``merge``, ``announce``, ``read`` and ``entries``
    """

    def __init__(self, dut: Any, random: Random, *, patterns: tuple[str, ...] = ("none",) * 4) -> None:
        self.dut, self.random = dut, random
        self.capacity = parameters()["entries"]
        self.sizes = IndexSizes(**parameters()["sizes"])
        self.key = random.randbytes(16)
        self.next_key: bytes | None = None  # from the next wipe on, instead of a random one
        self.patterns = patterns
        self.count = self.most = 0
        self.answers: Counter[Answer] = Counter()
        self.aheads = self.reads = self.changes = 0
        self.merged_at: list[int] = []
        self.faults_expected = False
        self._fresh()

    def _fresh(self) -> None:
        self.store = IndexedStore(self.capacity, self.sizes, self.key)
        self.count = self.most = 0
        self._announced = deque([0] * (AHEAD + 1), maxlen=AHEAD + 1)
        self._merging: deque[tuple[int, dict]] = deque()
        self._reading: deque[tuple[int, dict]] = deque()

    async def start(self) -> None:
        dut = self.dut
        dut.wipe.value = 0
        dut.key.value = int.from_bytes(self.key, "little")
        sources = zip(
            ("merge", "announce", "read"),
            (MergeRequest, Announcement, EntryAddress),
            self.patterns,
            strict=False,
        )
        self.merge, self.announce, self.read = (
            StreamSource(dut, name, shape, pattern=pattern, random=self.random)
            for name, shape, pattern in sources
        )
        dut.entries__ready.value = 0
        await start(dut)
        self.sink = StreamSink(
            dut,
            "entries",
            ReadEntry,
            pattern=self.patterns[3],
            random=self.random,
            unless=lambda: bool(dut.wipe.value),
        )
        await self.wipe()  # memories keep what the test before this one left there
        self._fresh()
        cocotb.start_soon(self._check())

    def peer(self, *entries: dict) -> None:
        self.merge.send(*({"entry": one, "external": 0, "own": 0} for one in entries))

    def external(self, *digests: int) -> None:
        self.merge.send(*({"entry": digest(one), "external": 1, "own": 0} for one in digests))

    def own(self, flags: int = 1, **fields: int) -> None:
        self.merge.send({"entry": entry(OWN_ID, flags=flags, **fields), "external": 0, "own": 1})

    def sample(self, more: int = 1, bound: int = 0) -> None:
        """Announces a count that has grown, and perhaps more than that."""
        self.count = min(self.count + more, LARGEST)
        self.announce.send({"count": self.count, "announced": min(self.count + bound, LARGEST)})

    def read_all(self) -> None:
        """Asks for every entry that may be read now."""
        for external, held in enumerate((self.dut.n_sessions, self.dut.n_externals)):
            self.read.send(*({"external": external, "index": n} for n in range(int(held.value))))

    async def settle(self) -> None:
        """Returns when everything that was sent has been answered."""
        for source in (self.merge, self.announce, self.read):
            await source.drained()
        await cycles(self.dut, HashLog.merge_latency + 4)
        while self._reading:
            await cycles(self.dut, 1)

    async def wipe(self) -> None:
        """At once, whatever is on its way; with a new key."""
        for source in (self.merge, self.announce, self.read):
            source.withdraw()
        self.dut.wipe.value = 1
        await cycles(self.dut, 1)
        assert not self.dut.wiped.value
        self.key = self.next_key or self.random.randbytes(16)
        self.dut.key.value = int.from_bytes(self.key, "little")
        for _ in range(4 * self.capacity + 64):
            await cycles(self.dut, 1)
            if self.dut.wiped.value:
                break
        else:
            raise AssertionError("never wiped")
        self.dut.wipe.value = 0
        await cycles(self.dut, 2)
        assert not self.dut.wiped.value

    def some_entry(self, ids: int) -> dict:
        """Of few ids, so that all kinds of meeting happen; mostly well-formed."""
        random = self.random
        source = OWN_ID if random.random() < 0.1 else random.randrange(ids)
        return entry(
            source,
            random.choice([0, 1, self.most, self.most + 1, random.getrandbits(96), LARGEST]) & LARGEST,
            mode=random.choice([1, 1, 1, 1, 3]),
            weight_table=random.choice([1] * 8 + [2]),
            flags=random.choice([0, 1, 4, 5, 8, 9, 13, 1 << random.randrange(16)]),
        )

    async def _check(self) -> None:
        dut = self.dut
        stalled = False  # an entry has had to wait, so that later ones may come later
        wiping = False
        now = 0
        while True:
            await RisingEdge(dut.clk)  # what is read here is what the cycle before this edge showed
            now += 1
            if dut.wipe.value:
                if wiping:
                    for stream in (
                        dut.merge__ready,
                        dut.announce__ready,
                        dut.read__ready,
                        dut.entries__valid,
                    ):
                        assert not stream.value
                    assert not dut.merged.value
                    assert not dut.own_ready.value
                wiping = True
                self._fresh()
                continue
            wiping = False
            store = self.store
            assert (int(dut.n_sessions.value), int(dut.n_externals.value)) == (
                len(store.sessions),
                len(store.externals),
            )
            assert dut.own_ready.value == bool(store.sessions)
            assert self.faults_expected or not dut.fault.value

            if dut.entries__valid.value:
                assert self._reading, "an entry that nobody asked for"
                asked_at, expected = self._reading[0]
                assert stalled or now - asked_at == HashLog.read_latency
                assert unpack(ReadEntry, int(dut.entries__payload.value)) == expected
                if dut.entries__ready.value:
                    self._reading.popleft()
                    self.reads += 1
                stalled = bool(self._reading) and (stalled or not dut.entries__ready.value)
            else:
                assert not self._reading or now - self._reading[0][0] < HashLog.read_latency
                stalled = False
            if dut.read__valid.value and dut.read__ready.value:
                address = unpack(EntryAddress, int(dut.read__payload.value))
                shown = store.read((address["external"], address["index"]))
                self._reading.append((now, {"entry": shown, "address": address}))

            if dut.announce__valid.value and dut.announce__ready.value:
                announcement = unpack(Announcement, int(dut.announce__payload.value))
                store.announce(announcement["count"])
                self.most = max(self.most, announcement["announced"])
            if dut.merged.value:
                self._merged(now)
            else:
                assert not self._merging or now - self._merging[0][0] < HashLog.merge_latency
                assert not dut.own_ahead.value
                assert not dut.changed.value
            self._announced.append(self.most)
            if dut.merge__valid.value and dut.merge__ready.value:
                self._merging.append((now, unpack(MergeRequest, int(dut.merge__payload.value))))

    def _merged(self, now: int) -> None:
        dut = self.dut
        asked_at, request = self._merging.popleft()
        assert now - asked_at == HashLog.merge_latency
        asked, sessions = request["entry"], self.store.sessions
        first = not sessions
        claims = not first and not request["own"] and not request["external"]
        claims = claims and asked["session_id"] == OWN_ID
        answer, changed = self.store.merge(request)
        assert Answer(int(dut.answer.value)) == Answer[answer], request
        assert dut.own_ahead.value == (claims and asked["flops"] > self._announced[-AHEAD]), request
        assert dut.changed.value == (changed is not None)
        if changed is not None:
            assert int(dut.changed_at.value) == pack(EntryAddress, address_fields(changed))
            self.changes += 1
        if first and sessions:
            self.count = self.most = sessions[0]["flops"]
        self.answers[Answer[answer]] += 1
        self.aheads += bool(dut.own_ahead.value)
        self.merged_at.append(now)
