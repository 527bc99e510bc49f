"""Runs in the simulator: External between a software intake, the golden log, and a sink."""

from collections import deque

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from interlock.model.digest import tree_digest
from interlock.model.log import Answer as ModelAnswer
from interlock.model.log import Entry, Log
from interlock.model.messages import Kind, Message
from interlock_hdl.log.answer import Answer
from interlock_hdl.message import MessageInfo
from interlock_hdl.ports import MergeRequest
from lib.beats import BeatValue, messages_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSource, StreamSource, beat_layout, cycles, fields, pack, start, unpack

OWN = bytes(range(16))
UNADMITTED, UNLOGGED = 4, 8
OWN_FLAGS = parameters()["own_flags"]
ENTRY = MergeRequest["entry"].shape


class Bench:
    """Attributes: ``merged``, the cycle of each answer and what was asked; ``ends``, of each last beat."""

    def __init__(self, dut, pattern: str = "none", *, o: str = "none", log: float = 1.0) -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.message_bytes = settings["beat_bytes"], settings["message_bytes"]
        self.lanes, self.capacity = settings["lanes"], settings["entries"]
        self.source = BeatSource(dut, "i", self.beat_bytes, pattern=pattern, random=self.random)
        info = MessageInfo(self.message_bytes)
        self.infos = StreamSource(dut, "messages", info, pattern=pattern, random=self.random)
        self.info = info
        self.o = Recorder(
            dut,
            "o",
            beat_layout(self.beat_bytes),
            pattern=o,
            random=self.random,
            unless=lambda: bool(dut.wipe.value),
        )
        self.speed = log
        for name in ("enter", "merged", "answer", "wipe", "merge__ready"):
            getattr(dut, name).value = 0
        dut.session_id.value = int.from_bytes(OWN)
        self.forget()

    def forget(self) -> None:
        self.log = Log(own=Entry(OWN, 0, 1, 1, OWN_FLAGS), capacity=self.capacity)
        self.asked: deque[tuple[int, dict]] = deque()
        self.merged: list[tuple[int, dict]] = []
        self.created = False
        self.o.taken = []

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._log())
        await self.enter()

    async def enter(self) -> None:
        self.dut.enter.value = 1
        while not self.created:
            await cycles(self.dut, 1)
        self.dut.enter.value = 0
        request = self.merged[0][1]
        assert request["own"]
        assert pack(ENTRY, request["entry"]).to_bytes(32) == self.log.own.encode()

    async def _log(self) -> None:
        """Answers in the second cycle after a request, or later."""
        dut = self.dut
        while True:
            ready = self.random.random() < self.speed
            dut.merge__ready.value = ready
            due = self.asked[0] if self.asked and self.asked[0][0] < cycle_number() else None
            dut.merged.value = due is not None
            if due is not None:
                dut.answer.value = self._merge(due[1]).value
            await RisingEdge(dut.clk)
            if dut.wipe.value:
                continue
            if due is not None:
                self.merged.append((cycle_number(), self.asked.popleft()[1]))
                self.created = True
            if ready and dut.merge__valid.value:
                assert not self.asked, "asked before the last answer came"
                self.asked.append((cycle_number(), unpack(MergeRequest, int(dut.merge__payload.value))))

    def _merge(self, request: dict) -> Answer:
        data = pack(ENTRY, request["entry"]).to_bytes(32)
        answer = ModelAnswer.OK
        if request["external"]:
            answer = self.log.merge_external(data)
        elif self.created:
            assert Entry.decode(data).session_id == OWN
            self.log.mark(Entry.decode(data).flags)
        return {ModelAnswer.FULL: Answer.FULL}.get(answer, Answer.OK)

    def send(self, size: int) -> bytes:
        message = Message(Kind.EXTERNAL, 0, self.random.randbytes(size)).encode()
        self.source.send_message(message)
        self.infos.send(fields(self.info, kind=Kind.EXTERNAL, length=size))
        return message

    async def settle(self, count: int) -> list[bytes]:
        """Waits until so many answers came, and then until nothing more comes."""
        while len(self.merged) < count:
            await cycles(self.dut, 1)
        before = -1
        while before != len(self.o.taken) or self.source._queue:
            before = len(self.o.taken)
            await cycles(self.dut, 250)
        return messages_of([BeatValue.of(one, self.beat_bytes) for one in self.o.payloads], self.beat_bytes)

    def requests(self, message: bytes) -> list[tuple[bool, bytes]]:
        """What the log is asked for it, unless it is full."""
        mark = UNADMITTED if self.lanes else UNLOGGED
        own = (False, Entry(OWN, 0, 1, 1, OWN_FLAGS | mark).encode())
        return [(True, tree_digest(message[16:])), own] if self.lanes else [own]


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS), o=["none", "long"])
async def digest_then_mark_then_release(dut, pattern, o):
    """Every message, in order; no beat of it before the log has answered all that belongs to it."""
    bench = Bench(dut, pattern, o=o, log=0.5)
    await bench.begin()
    sizes = [0, 1, 15, 16, 17, 300, 1023, 1024, 1025, bench.message_bytes]
    bench.random.shuffle(sizes)
    messages = [bench.send(size) for size in sizes]
    expected = [request for message in messages for request in bench.requests(message)]
    assert await bench.settle(1 + len(expected)) == messages
    asked = [(bool(r["external"]), pack(ENTRY, r["entry"]).to_bytes(32)) for _, r in bench.merged[1:]]
    assert asked == expected
    each = len(expected) // len(messages)
    answers = [cycle for cycle, _ in bench.merged[each::each]]
    firsts = [cycle for cycle, beat in bench.o.taken if beat["first"]]
    assert all(answer < begun for answer, begun in zip(answers, firsts, strict=True))


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def what_the_log_has_no_room_for_is_dropped_whole(dut):
    """It marks nothing, and is not released; a digest that is known needs no room, and passes."""
    bench = Bench(dut, o="half")
    await bench.begin()
    if not bench.lanes:
        return
    bench.log.capacity = 3
    sizes = (40, 1500, 0, 100, 17)
    messages = [bench.send(size) for size in sizes]
    bench.source.send_message(messages[0])
    bench.infos.send(fields(bench.info, kind=Kind.EXTERNAL, length=40))
    out = await bench.settle(1 + 2 + 2 + 1 + 1 + 1 + 2)
    assert out == [messages[0], messages[1], messages[0]]
    assert bench.log.externals == [tree_digest(message[16:]) for message in messages[:2]]
    full = [bool(request["external"]) for _, request in bench.merged[5:8]]
    assert full == [True] * 3, "a message that is dropped marks nothing"


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def latency_is_exact(dut):
    """Of lone messages of one leaf: from the last beat to the first offered one."""
    bench = Bench(dut)
    await bench.begin()
    for size in (0, 1, 16, 100, 700, 1024):
        bench.o.taken = []
        bench.source.send_message(message := Message(Kind.EXTERNAL, 0, bytes(size)).encode())
        while bench.source._queue or not (dut.i__ready.value and dut.i__valid.value):
            await cycles(dut, 1)
            if not bench.lanes:
                break
        ended = cycle_number()
        bench.infos.send(fields(bench.info, kind=Kind.EXTERNAL, length=size))
        while not bench.o.taken:
            await cycles(dut, 1)
        measured = bench.o.taken[0][0] - ended
        print(f"latency lanes={bench.lanes} beats={bench.beat_bytes} size={size}: {measured}")
        if bench.lanes:
            assert measured == parameters()["latency"][str(size)], f"{size} bytes"
        while not bench.o.payloads[-1]["last"]:
            await cycles(dut, 1)
        assert len(message) == 16 + size


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def a_wipe_at_random_moments_is_a_fresh_start(dut):
    """Nothing of before is offered or asked afterwards; the log gets entry 0 again, first of all."""
    bench = Bench(dut, log=0.5)
    await bench.begin()
    for _ in range(12):
        for size in (30, 700, 5):
            bench.send(size)
        await cycles(dut, bench.random.randrange(2500 // bench.beat_bytes + 900))
        await FallingEdge(dut.clk)
        bench.source.withdraw()
        bench.infos.withdraw()
        dut.wipe.value = 1
        dut.merged.value = 0
        bench.forget()
        await cycles(dut, 2)
        while not dut.wiped.value:
            await cycles(dut, 1)
            assert not dut.o__valid.value
            assert not dut.merge__valid.value
        await FallingEdge(dut.clk)
        bench.forget()
        dut.wipe.value = 0
        await cycles(dut, 40)
        assert not bench.merged
        assert not bench.o.taken
        await bench.enter()
        message = bench.send(50)
        assert await bench.settle(1 + len(bench.requests(message))) == [message]
