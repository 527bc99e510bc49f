"""Around one Ingress: links, host, log and accelerator in software, and the golden model that judges it.

Every choice that the block makes — which record is next, when an entry is answered, what is released, what
closes — is repeated on the golden model in the cycle in which it is seen, and must be legal there.
"""

from collections import Counter, deque
from collections.abc import Sequence

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.credit import Credit
from interlock.model.ingress import Ingress
from interlock.model.log import Answer as ModelAnswer
from interlock.model.log import Entry, Log
from interlock.model.messages import Kind, Message
from interlock.model.records import Prefix, Record, RecordType, cut_prefix, encode_credit
from interlock_hdl.log.answer import Answer
from interlock_hdl.ports import MergeRequest
from interlock_hdl.record import RecordHeader
from interlock_hdl.release import PART_BYTES
from lib.beats import BeatValue, message_of
from lib.parameters import generator, parameters
from lib.patterns import pauses
from lib.streams import BeatSource, StreamSource, beat_layout, cycles, pack, start, unpack, watch

OWN = bytes(range(16))
CLEAR = 1
ANSWERS = {ModelAnswer.FULL: Answer.FULL, ModelAnswer.CONFLICT: Answer.CONFLICT}
LOG_LATENCY = 4
"""Cycles from a merge to its answer; merges follow each other without waiting for it."""


def entry_of(bits: dict) -> Entry:
    p = bits["provenance"]
    return Entry(bits["session_id"].to_bytes(16), bits["flops"], p["mode"], p["weight_table"], p["flags"])


class Bench:
    """Drives the block and repeats on the golden model what it does.

    Attributes
    ----------
    models : list of Ingress
        The golden model's channels.
    seen : Counter
        What has happened, by name: for tests that must not pass with nothing in them.
    times : list of (int, str, int)
        Cycle, event and slot of every take, release and close.
    grants_back : bool
        What was released is granted again.
    """

    def __init__(self, dut, pattern: str = "none", *, rx: str | None = None, log: float = 1.0) -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.links = settings["beat_bytes"], settings["links"]
        self.staging, self.capacity = settings["staging_bytes"], settings["entries"]
        common = {"pattern": pattern, "random": self.random}
        self.headers = [
            StreamSource(dut, f"records__{i}__header", RecordHeader, **common) for i in range(self.links)
        ]
        self.bodies = [
            BeatSource(dut, f"records__{i}__body", self.beat_bytes, **common) for i in range(self.links)
        ]
        self.host = BeatSource(dut, "host", self.beat_bytes, **common)
        self.local = StreamSource(dut, "local", MergeRequest, **common)
        self.stopped = False  # the accelerator takes nothing
        watch(dut, "rx", unless=lambda: bool(dut.wipe.value))
        self._rx_pauses = pauses(rx or pattern, self.random)
        self.log_speed = log
        for name in ("ended", "window", "merged", "answer", "wipe", "merge__ready", "granted"):
            getattr(dut, name).value = 0
        dut.granted_slot.value = dut.granted_bytes.value = 0
        dut.session_id.value = int.from_bytes(OWN)
        self.open = (1 << self.links) - 1
        dut.open.value = self.open
        self.wishes: deque[int] = deque()  # epochs that are to end, as bits of slots
        self.reopens = True
        self.grants_back = True
        self._grants: deque[tuple[int, int]] = deque()
        self._window_was = False
        self.forget()

    def forget(self) -> None:
        """As after reset or wipe."""
        self.log = Log(own=Entry(OWN, 1 << 80, 1, 1, CLEAR), capacity=self.capacity, slots=self.links)
        self.models = [Ingress(i, credit=Credit(self.staging)) for i in range(self.links)]
        self.records: list[deque[Record]] = [deque() for _ in range(self.links)]
        self.externals: deque[bytes] = deque()
        self.merges: deque[tuple[int, dict]] = deque()  # when each is answered, and what it is
        self.credited = [0] * self.links
        self.leaving: deque[tuple[int, bytes]] = deque()  # released, and not yet out
        self.freed: deque[tuple[int, int]] = deque()
        self._left = 0  # bytes that have left at rx since it was last said how many
        self.out: list[bytes] = []
        self.seen: Counter[str] = Counter()
        self.times: list[tuple[int, str, int]] = []
        self.cycle = 0
        self._beats: list[BeatValue] = []
        self.created = False
        self._grants.clear()
        self._granting: tuple[int, int] | None = None

    async def begin(self, *, grant: bool = True) -> None:
        await start(self.dut)
        cocotb.start_soon(self._run())
        self.create()
        if grant:
            self.grant_all()
        while not self.created or self._grants:
            await RisingEdge(self.dut.clk)
        await cycles(self.dut, 3)

    def create(self) -> None:
        """Entry 0 of the log."""
        self.local.send({"entry": _bits(Entry(OWN, 0, 1, 1, CLEAR)), "external": 0, "own": 1})

    def grant(self, slot: int, amount: int) -> None:
        """A CREDIT leaves, some cycles later."""
        self._grants.append((slot, amount))

    def grant_all(self) -> None:
        for slot in range(self.links):
            self.grant(slot, self.staging)

    # What comes in

    def send(self, slot: int, *records: Record) -> None:
        for record in records:
            self.records[slot].append(record)
            self.headers[slot].send(
                {
                    "version": 1,
                    "type": record.type,
                    "flags": 0x80 | record.som | record.eom << 1,
                    "reserved": 0,
                    "channel": 0,
                    "length": len(record.body),
                    "seq": 0,
                }
            )
            if record.body:
                self.bodies[slot].send_message(record.body)

    def message(self, slot: int, payload: bytes, *entries: Entry, **prefix) -> bytes:
        """Sends a message; returns what the accelerator is to see."""
        self.send(slot, *message_records(payload, *(entries or (self.peer(slot),)), **prefix))
        return Message(Kind.PEER, slot, payload).encode()

    def external(self, payload: bytes) -> bytes:
        message = Message(Kind.EXTERNAL, 0, payload).encode()
        self.externals.append(message)
        self.host.send_message(message)
        return message

    def peer(self, slot: int, flops: int = 5) -> Entry:
        return Entry(bytes([0xA0 + slot]) * 16, flops, 1, 1, CLEAR)

    def other(self) -> Entry:
        return Entry(bytes([self.random.randrange(4)]) * 16, self.random.getrandbits(80), 1, 1, CLEAR)

    def end(self, slots: int) -> None:
        """The epochs of these slots end in the next cycle."""
        self.wishes.append(slots)

    # What happens

    @property
    def is_idle(self) -> bool:
        """Nothing is left to be done, but what waits for the accelerator."""
        return not (any(self.records) or self.merges or any(model.to_merge for model in self.models))

    async def settle(self, *, limit: int = 20_000) -> None:
        """Waits until everything that was sent has come out or was dropped."""
        for _ in range(limit):
            waiting = self.leaving or self.externals or self._grants
            if self.is_idle and not (waiting or any(model.complete for model in self.models)):
                await cycles(self.dut, 10)
                for slot, model in enumerate(self.models):
                    assert model.fault is None, f"channel {slot} should be closed: {model.fault}"
                return
            await cycles(self.dut, 1)
        raise AssertionError(f"not finished after {limit} cycles: {self.records} {self.leaving}")

    async def _run(self) -> None:
        dut = self.dut
        while True:
            self._drive_log()
            dut.rx__ready.value = not (self.stopped or next(self._rx_pauses))
            await RisingEdge(dut.clk)
            if dut.wipe.value:
                continue
            self.cycle += 1
            self._takes()
            self._releases()
            self._merges()
            if self._granting is not None:  # after what is taken in the same cycle
                slot, amount = self._granting
                credit = self.models[slot].credit
                credit.granted = (credit.granted or 0) + amount
            self._ends(self._closes())
            self._drive_grant()
            self._window_was = bool(dut.window.value)

    def _note(self, name: str, slot: int) -> None:
        self.seen[name] += 1
        self.times.append((self.cycle, name, slot))

    def _takes(self) -> None:
        dut = self.dut
        full = 0
        if dut.taken.value:
            slot = int(dut.slot.value)
            model = self.models[slot]
            assert self.open >> slot & 1, "a record of a closed epoch was taken"
            assert model.fault is None, f"a record was taken behind a fault: {model.fault}"
            assert not model.to_merge, (
                "a record was taken before the entries of the one before it were merged"
            )
            record = self.records[slot].popleft()
            model.take(record, self.log)
            self._note("take", slot)
            self.seen[record.type.name] += 1
            if record.type is RecordType.FULL_REQUEST:
                full = 1 << slot
        assert int(dut.require_full.value) == full
        if dut.credit.value:
            slot = int(dut.credit_slot.value)
            self.credited[slot] += int(dut.credit_bytes.value)
            assert self.credited[slot] == self.models[slot].credit.allowed
            assert self.models[slot].fault is None
            self._note("credit", slot)

    def _releases(self) -> None:
        dut = self.dut
        if dut.released.value:
            source = int(dut.source.value)
            assert not self._window_was, "released inside a window"
            if source == self.links:
                self.leaving.append((source, self.externals.popleft()))
            else:
                assert self.models[source].complete, f"released what is not whole and merged, of {source}"
                message = self.models[source].complete.popleft()
                self.leaving.append((source, message.encode()))
            self._note("release", source)
        assert bool(dut.freed.value) == bool(self.freed)
        if self.freed:
            source, amount = self.freed.popleft()
            assert (int(dut.source.value), int(dut.freed_bytes.value)) == (source, amount)
            if self.grants_back and source < self.links and self.open >> source & 1:
                self.grant(source, amount)
        if dut.rx__valid.value and dut.rx__ready.value:
            assert self.leaving, "a beat at rx that nobody released"
            beat = unpack(beat_layout(self.beat_bytes), int(dut.rx__payload.value))
            self._beats.append(BeatValue.of(beat, self.beat_bytes))
            self._left += self.beat_bytes
            if self._beats[-1].last or self._left == PART_BYTES:
                self.freed.append((self.leaving[0][0], -(-self._left // 16) * 16))
                self._left = 0
            if self._beats[-1].last:
                source, expected = self.leaving.popleft()
                message = message_of(self._beats, self.beat_bytes)
                assert message == expected
                self._beats.clear()
                self.out.append(message)

    def _merges(self) -> None:
        """The log answers; the entry must be the next one of the model."""
        dut = self.dut
        if dut.merge__valid.value and dut.merge__ready.value:
            request = unpack(MergeRequest, int(dut.merge__payload.value))
            self.merges.append((self.cycle + LOG_LATENCY, request))
        if dut.merged.value:
            _, request = self.merges.popleft()
            if request["own"]:
                assert dut.local_merged.value
                assert bool(dut.entry_merged.value) == self.created
                self.created = True
                return
            assert dut.entry_merged.value
            assert not dut.local_merged.value
            slot = int(dut.merging.value)
            assert self.models[slot].to_merge, f"an entry that may not be: {self.models[slot].fault}"
            expected = self.models[slot].to_merge[0]
            bits = pack(MergeRequest["entry"].shape, request["entry"]).to_bytes(32)
            assert request["external"] == isinstance(expected, bytes)
            assert bits == (expected if isinstance(expected, bytes) else expected.encode())
            assert self.models[slot].merge(self.log).closes == bool(dut.answer.value)
            self.seen["merge"] += 1
        else:
            assert not (dut.entry_merged.value)
            assert not (dut.local_merged.value)

    def _drive_log(self) -> None:
        dut = self.dut
        dut.merge__ready.value = self.random.random() < self.log_speed
        due = bool(self.merges) and self.merges[0][0] <= self.cycle + 1
        dut.merged.value = due
        dut.answer.value = Answer.OK.value
        if due and not self.merges[0][1]["own"]:
            dut.answer.value = ANSWERS.get(self._answer(self.merges[0][1]), Answer.OK).value

    def _answer(self, request: dict) -> ModelAnswer:
        """What the golden log will say, without being changed by it."""
        log = self.log
        if request["external"]:
            digest = pack(MergeRequest["entry"].shape, request["entry"]).to_bytes(32)
            is_new = digest not in log.externals
            return ModelAnswer.FULL if is_new and log.size == log.capacity else ModelAnswer.OK
        entry = entry_of(request["entry"])
        trial = Log(own=log.entries[0], capacity=log.capacity - len(log.externals))
        for known in log.entries[1:]:
            trial.merge(known)
        return trial.merge(entry)

    def _closes(self) -> int:
        closes = int(self.dut.close.value)
        for slot in range(self.links):
            if closes >> slot & 1:
                assert self.models[slot].fault is not None, f"channel {slot} closed without a reason"
                self._note("close", slot)
        return closes

    def _ends(self, closes: int) -> None:
        """Epochs end in the cycle after a close, or when a test wishes, and open again when all is clean."""
        dut = self.dut
        wish = self.wishes.popleft() if self.wishes else 0
        ending = (closes | wish) & self.open
        ended = int(dut.ended.value)
        for slot in range(self.links):
            if ending >> slot & 1:
                self.headers[slot].withdraw()
                self.bodies[slot].withdraw()
            if ended >> slot & 1:
                self.models[slot].end_epoch()
                self.models[slot].credit.end_epoch()
                self.records[slot].clear()
                self.credited[slot] = 0
                self._note("end", slot)
            elif (
                self.reopens
                and not self.open >> slot & 1
                and int(dut.clean.value) >> slot & 1
                and self.random.random() < 0.2
            ):
                self.models[slot].begin_epoch()
                self.open |= 1 << slot
                self.grant(slot, self.staging)
                self._note("open", slot)
        self.open &= ~ending
        self._grants = deque(grant for grant in self._grants if self.open >> grant[0] & 1)
        dut.ended.value = ending
        dut.open.value = self.open

    def _drive_grant(self) -> None:
        dut = self.dut
        dut.granted.value = bool(self._grants)
        self._granting = self._grants.popleft() if self._grants else None
        if self._granting is not None:
            dut.granted_slot.value, dut.granted_bytes.value = self._granting


def message_records(
    payload: bytes,
    *entries: Entry,
    externals: Sequence[bytes] = (),
    is_delta: bool = False,
    chunk: int = 4096,
) -> list[Record]:
    """The records of a message."""
    *parts, last = cut_prefix(Prefix(tuple(entries), tuple(externals), is_delta).encode())
    chunks = [payload[at : at + chunk] for at in range(0, len(payload), chunk)]
    return [
        *(Record(RecordType.PREFIX, not number, False, 0, part) for number, part in enumerate(parts)),
        Record(RecordType.PREFIX, not parts, not chunks, 0, last),
        *(
            Record(RecordType.PAYLOAD, False, number == len(chunks) - 1, 0, part)
            for number, part in enumerate(chunks)
        ),
    ]


def credit_record(granted: int) -> Record:
    return Record(RecordType.CREDIT, False, False, 0, encode_credit(granted))


def notice(kind: RecordType) -> Record:
    """An ABORT or a FULL_REQUEST."""
    return Record(kind, False, False, 0, b"")


def _bits(entry: Entry) -> dict:
    return {
        "session_id": int.from_bytes(entry.session_id),
        "flops": entry.flops,
        "provenance": {
            "mode": entry.mode,
            "weight_table": entry.weight_table,
            "flags": entry.flags,
        },
    }
