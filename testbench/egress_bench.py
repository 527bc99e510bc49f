"""Around one Egress: a software intake, counter, log, seal and host, and what must hold of every record."""

from collections import deque
from collections.abc import Callable

import cocotb
from cocotb.triggers import RisingEdge
from egress_records import OF_MESSAGES, Scanned, Seen, Sent, records_of
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import Prefix
from interlock_hdl.config import Bin
from interlock_hdl.intake import MessageInfo, StreamProgress
from interlock_hdl.log.scan import ScanRequest
from interlock_hdl.ports import RecordBeat, ScannedEntry
from interlock_hdl.record import Entry as EntryLayout
from lib.beats import beats_of
from lib.parameters import generator, parameters
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSink, BeatSource, StreamSource, cycles, pack, start, unpack, until

PATIENCE = 40_000
"""Cycles after which what has not happened will not."""
SESSION_ID = bytes(range(16))
PLENTY = 2**50
STILL = ("sampled", "count", "described", "full", "n_sessions", "n_externals", "ended", "opened", "open")
MORE = ("credit", "freed", "request_full", "wipe", "ticks", "progress", "scan__ready")


class Bench:
    """One FLOP is spent in every cycle: a count says when it was sampled."""

    def __init__(self, dut, *, pattern: str = "none", offers: str = "none") -> None:
        config = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.links = config["beat_bytes"], config["links"]
        self.sample_latency = config["sample_latency"]
        self.info = MessageInfo(config["message_bytes"])
        for name in (*STILL, *MORE):
            getattr(dut, name).value = 0
        for n in range(len(Bin)):
            getattr(dut, f"bins__{n}").value = 0
        dut.session_id.value = int.from_bytes(SESSION_ID)
        self.messages = StreamSource(dut, "messages", self.info, pattern=offers, random=self.random)
        self.payload = BeatSource(dut, "payload", self.beat_bytes, random=self.random)
        self.entries = StreamSource(dut, "entries", ScannedEntry, pattern=offers, random=self.random)
        self.shape = RecordBeat(self.beat_bytes, self.links)
        self.records = Recorder(
            dut,
            "records",
            self.shape,
            pattern=pattern,
            random=self.random,
            unless=lambda: dut.ended.value or dut.wipe.value,
        )
        self.host = BeatSink(
            dut, "host", self.beat_bytes, pattern=pattern, random=self.random, unless=lambda: dut.wipe.value
        )
        self.queue: deque[Sent] = deque()  # given to the software intake, and not yet offered
        self.sent: list[Sent] = []  # offered
        self.taken: list[Sent] = []  # by the block, as the oldest
        self.samples: list[tuple[int, int, int]] = []  # cycle of request, of answer, count
        self.scans: list[Scanned] = []
        self.drops: list[tuple[int, int]] = []
        self.ends: list[tuple[int, int]] = []  # cycle and slot
        self.finishes: list[int] = []
        self.described = 0  # the cycle in which the last scan was
        self.wipes = 0
        self.forgot = -1  # the cycle of the last time
        self.frozen: int | None = None  # what the counter has, if that is not the number of the cycle
        self.set_log(1)

    async def begin(self, *, credit: int | None = PLENTY) -> None:
        await start(self.dut)
        for coroutine in (self._counter, self._log, self._intake, self._watch):
            cocotb.start_soon(coroutine())
        await self.open(*range(self.links))
        if credit is not None:
            for slot in range(self.links):
                await self.credit(slot, credit)

    # What the bench is told to do.

    def set_log(self, sessions: int, externals: int = 0, *, is_delta: bool = False) -> None:
        """What the next scans have, beside the own count."""
        rng = self.random
        others = [
            Entry(rng.randbytes(16), rng.getrandbits(90), rng.choice((1, 3)), rng.choice((1, 2)), 1)
            for _ in range(sessions - 1)
        ]
        digests = tuple(rng.randbytes(32) for _ in range(externals))
        own = Entry(SESSION_ID, 0, 1, 1, 1)
        self.log = Prefix((own, *others), digests, is_delta)

    def send(self, slot: int, payload: bytes, *, kind: Kind = Kind.PEER) -> Sent:
        """A buffered message."""
        return self._send(Sent(Message(kind, slot, payload)))

    def send_stream(
        self, slot: int, payload: bytes, *, bound: int = 2**64, maximum: int | None = None, **how
    ) -> Sent:
        """A stream; ``pace`` beats a cycle; it may break after some beats."""
        maximum = len(payload) if maximum is None else maximum
        return self._send(Sent(Message(Kind.PEER, slot, payload, bound, maximum), **how))

    def _send(self, sent: Sent) -> Sent:
        self.queue.append(sent)
        return sent

    async def strobe(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await RisingEdge(self.dut.clk)
        for name in {"credit", "freed", "request_full", "opened", "ended", "wipe"} & set(values):
            getattr(self.dut, name).value = 0

    async def credit(self, slot: int, increase: int) -> None:
        await self.strobe(credit=1, credit_slot=slot, credit_bytes=increase)
        await RisingEdge(self.dut.clk)

    async def open(self, *slots: int) -> None:
        """Begins epochs."""
        bits = sum(1 << slot for slot in slots)
        await self.strobe(open=int(self.dut.open.value) | bits, opened=bits)

    async def end(self, *slots: int) -> None:
        """Ends epochs: from the next cycle on they are not open."""
        bits = sum(1 << slot for slot in slots)
        self.ends += [(cycle_number() + 1, slot) for slot in slots]
        await self.strobe(open=int(self.dut.open.value) & ~bits, ended=bits)

    def forget(self) -> None:
        """Everything that is queued, offered or written down: as where all blocks are wiped."""
        for source in (self.messages, self.payload, self.entries):
            source.withdraw()
        containers = (self.queue, self.sent, self.taken, self.samples, self.scans, self.drops, self.finishes)
        for container in (*containers, self.records.taken):
            container.clear()
        self.host.take()
        self.wipes += 1
        self.forgot = cycle_number()

    # What surrounds the block.

    async def _counter(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            now = cycle_number()
            dut.sampled.value = 0
            if dut.sample.value:
                assert not self.samples or self.samples[-1][1] <= now, "asked while a sample is in flight"
                count = now if self.frozen is None else self.frozen
                self.samples.append((now, now + self.sample_latency, count))
            if self.samples and self.samples[-1][1] == now + 1:
                dut.sampled.value = 1
                dut.count.value = self.samples[-1][2]
                for n, value in enumerate(self.bins(self.samples[-1][2])):
                    getattr(dut, f"bins__{n}").value = value

    def bins(self, count: int) -> list[int]:
        return [count // (n + 2) for n in range(len(Bin))]

    async def _log(self) -> None:
        dut = self.dut
        while True:
            dut.scan__ready.value = 1
            await RisingEdge(dut.clk)
            if not dut.scan__valid.value or dut.wipe.value or self.forgot == cycle_number():
                continue
            dut.scan__ready.value = dut.described.value = 0
            asked = unpack(ScanRequest, int(dut.scan__payload.value))
            own = Entry(SESSION_ID, asked["count"] + asked["bound"], 1, 1, 1)
            prefix = Prefix(
                (own, *self.log.sessions[1:]), self.log.externals, self.log.is_delta, asked["bound"]
            )
            self._judge_scan(Scanned(cycle_number(), asked["slot"], asked["count"], asked["bound"], prefix))
            await cycles(dut, 2)
            dut.full.value = int(not prefix.is_delta)
            dut.n_sessions.value, dut.n_externals.value = len(prefix.sessions), len(prefix.externals)
            dut.described.value = 1
            self.described = cycle_number() + 1
            await cycles(dut, 2)
            raw = [entry.encode() for entry in prefix.sessions]
            for n, data in enumerate([*raw, *prefix.externals]):
                last = n == len(raw) + len(prefix.externals) - 1
                entry = unpack(EntryLayout, int.from_bytes(data))
                self.entries.send({"entry": entry, "external": int(n >= len(raw)), "last": int(last)})
            await self.entries.drained()

    def _judge_scan(self, scan: Scanned) -> None:
        """No message leaves with a count that was sampled before it was whole."""
        sent = self.taken[-1]
        assert sent.offered is not None
        is_export = sent.message.kind is Kind.EXPORT
        assert scan.slot == (self.links if is_export else sent.message.peer)
        assert scan.bound == sent.message.bound
        assert self.frozen is not None or scan.count > sent.offered, "a sample of before the message"
        assert scan.count in {count for _, answered, count in self.samples if answered < scan.cycle}
        self.scans.append(scan)

    async def _intake(self) -> None:
        dut = self.dut
        while True:
            while not self.queue:
                await RisingEdge(dut.clk)
            sent = self.queue.popleft()
            message = sent.message
            data = message.encode()
            self.sent.append(sent)
            self.messages.send(
                {
                    "kind": message.kind,
                    "slot": message.peer,
                    "length": 0 if message.is_stream else len(message.payload),
                    "is_stream": int(message.is_stream),
                    "maximum": message.maximum or 0,
                    "bound": message.bound,
                    "empty": int(not message.payload),
                }
            )
            if not message.is_stream:
                self.payload.send_message(data)
                continue
            await self._stream(sent, beats_of(data, self.beat_bytes))

    async def _stream(self, sent: Sent, beats: list) -> None:
        """Payload as it comes, until somebody strobes ``finish``."""
        dut, shape = self.dut, StreamProgress(self.beat_bytes)
        head = sent.message.header_size // self.beat_bytes
        self.payload.send_beats(beats[:head])
        before, wipes = len(self.finishes), self.wipes
        payload = deque(beats[head:])
        while len(self.finishes) == before and wipes == self.wipes:
            word = {"beat": 0, "last": 0, "kept": 0, "broken": 0}
            if len(sent.given) == sent.breaks_after:
                payload.clear()
                sent.breaks_after = None
                word["broken"] = 1
            elif payload and self.random.random() < sent.pace:
                beat = payload.popleft()
                self.payload.send_beats([beat])
                kept = beat.keep.bit_count() % self.beat_bytes
                word |= {"beat": 1, "last": int(beat.last), "kept": kept}
                sent.given.append(cycle_number() + 1)
            dut.progress.value = pack(shape, word)
            await RisingEdge(dut.clk)
            if dut.finish.value and not dut.wipe.value:
                self.finishes.append(cycle_number())
        dut.progress.value = 0
        self.payload.withdraw()

    async def _watch(self) -> None:
        """Which message is the oldest, and what was dropped."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if dut.wipe.value or self.forgot == cycle_number():
                continue
            if dut.messages__valid.value and dut.messages__ready.value:
                sent = self.sent[len(self.taken)]
                sent.offered = cycle_number()
                self.taken.append(sent)
            if dut.dropped.value:
                assert not (dut.scan__valid.value and dut.scan__ready.value), "dropped and sent at once"
                self.drops.append((cycle_number(), int(dut.head_slot.value)))

    # What came out.

    def seen(self) -> list[Seen]:
        """All records, whole or cut short by the end of their epoch."""
        return records_of(self.records.taken, self.ends, beat_bytes=self.beat_bytes, now=cycle_number())

    def of_messages(self) -> list[Seen]:
        return [record for record in self.seen() if record.type in OF_MESSAGES]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what must come."""
        await until(self.dut, condition, patience=PATIENCE)

    async def settled(self, messages: int) -> None:
        """So many messages in all were scanned or dropped, and everything has left."""
        await self.until(lambda: len(self.scans) + len(self.drops) >= messages and not self.queue)
        quiet = waited = 0
        while quiet < 60:
            await RisingEdge(self.dut.clk)
            waited += 1
            assert waited < PATIENCE, "does not come to an end"
            busy = self.dut.records__valid.value or self.dut.entries__valid.value
            quiet = 0 if busy or self.dut.window.value or self.dut.payload__valid.value else quiet + 1


async def begin(dut, *, credit: int | None = PLENTY, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await test.begin(credit=credit)
    return test
