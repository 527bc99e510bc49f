"""Runs in the simulator: Ingress between software links, host, accelerator, and the golden model's log."""

from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.log import Answer as ModelAnswer
from interlock.model.log import Entry, Log
from interlock.model.records import RecordType, encode_prefix
from interlock_hdl.log.answer import Answer
from interlock_hdl.message import Kind, MessageInfo
from interlock_hdl.ports import MergeRequest
from interlock_hdl.record import RecordHeader
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import BeatSink, BeatSource, StreamSource, cycles, start, unpack

OWN = bytes(range(16))
CLEAR, UNLOGGED = 1, 8
ANSWERS = {ModelAnswer.FULL: Answer.FULL, ModelAnswer.CONFLICT: Answer.CONFLICT}


def entry_of(bits: dict) -> Entry:
    p = bits["provenance"]
    return Entry(bits["session_id"].to_bytes(16), bits["flops"], p["mode"], p["weight_table"], p["flags"])


class Bench:
    """Everything around Ingress.  ``releases`` checks what D1 promises: merged first, then released."""

    def __init__(self, dut, rng: Random, pattern: str = "none") -> None:
        config = parameters()
        self.dut, self.rng = dut, rng
        self.beat_bytes, self.links = config["beat_bytes"], config["links"]
        self.message_bytes = config["message_bytes"]
        self.headers = [
            StreamSource(dut, f"records__{i}__header", RecordHeader, pattern=pattern, random=rng)
            for i in range(self.links)
        ]
        self.bodies = [
            BeatSource(dut, f"records__{i}__body", self.beat_bytes, pattern=pattern, random=rng)
            for i in range(self.links)
        ]
        self.host = BeatSource(dut, "host", self.beat_bytes, random=rng)
        info = MessageInfo(self.message_bytes)
        self.host_messages = StreamSource(dut, "host_messages", info, pattern=pattern, random=rng)
        self.rx = BeatSink(dut, "rx", self.beat_bytes, pattern=pattern, random=rng)
        self.stall_log = pattern != "none"
        self.log = Log(
            own=Entry(OWN, 1 << 80, config["mode"], config["weight_table"], CLEAR), capacity=config["entries"]
        )
        self.entered: Entry | None = None
        self.merged: list[Entry] = []
        self.closed = [0] * self.links
        self.taken = 0
        self.ending = 0  # slots whose epoch is to end in the next cycle
        for name in ("ended", "own_ready", "enter", "merged", "answer", "wipe", "merge__ready"):
            getattr(dut, name).value = 0
        self.open = (1 << self.links) - 1
        dut.open.value = self.open
        dut.session_id.value = int.from_bytes(OWN)

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._log())
        cocotb.start_soon(self._watch())
        self.dut.enter.value = 1
        while self.entered is None:
            await RisingEdge(self.dut.clk)
        self.dut.enter.value = 0

    async def _log(self) -> None:
        """Answers each merge two cycles later, as the golden log does."""
        dut = self.dut
        while True:
            dut.merge__ready.value = not self.stall_log or self.rng.random() < 0.5
            await RisingEdge(dut.clk)
            if not (dut.merge__ready.value and dut.merge__valid.value):
                continue
            request = unpack(MergeRequest, int(dut.merge__payload.value))
            entry = entry_of(request["entry"])
            dut.merge__ready.value = 0
            await RisingEdge(dut.clk)
            answer = ModelAnswer.OK
            if request["own"] and self.entered is None:
                self.entered = entry
                dut.own_ready.value = 1
            elif request["own"]:
                assert entry.session_id == OWN
                assert entry.flops == 0
                self.log.mark(entry.flags)
            else:
                answer = self.log.merge(entry)
                self.merged.append(entry)
            dut.merged.value = 1
            dut.answer.value = ANSWERS.get(answer, Answer.OK).value
            await RisingEdge(dut.clk)
            dut.merged.value = 0

    async def _watch(self) -> None:
        """Counts closes, and plays the link's part in them: the epoch ends a cycle later."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            self.taken += int(dut.taken.value)
            close = int(dut.close.value)
            for i in range(self.links):
                self.closed[i] += close >> i & 1
            ending, self.ending = self.ending | close, 0
            dut.ended.value = ending
            self.open &= ~ending
            dut.open.value = self.open

    def record(self, slot: int, kind: RecordType, flags: int, body: bytes) -> None:
        header = {"version": 1, "type": kind, "flags": flags | 0x80, "reserved": 0, "channel": 0, "seq": 0}
        self.headers[slot].send(header | {"length": len(body)})
        self.bodies[slot].send_message(body)

    def message(self, slot: int, entries: list[Entry], payload: bytes) -> bytes:
        """Queues the records of a message; returns what the accelerator is to see."""
        chunks = [payload[i : i + 4096] for i in range(0, len(payload), 4096)]
        self.record(slot, RecordType.PREFIX, 1 if chunks else 3, encode_prefix(entries))
        for i, chunk in enumerate(chunks):
            self.record(slot, RecordType.PAYLOAD, 2 * (i == len(chunks) - 1), chunk)
        return bytes((1, 0)) + slot.to_bytes(2) + bytes(12) + payload

    def external(self, payload: bytes) -> bytes:
        message = bytes((3,)) + bytes(15) + payload
        self.host.send_message(message)
        self.host_messages.send({"kind": Kind.EXTERNAL, "slot": 0, "length": len(payload)})
        return message

    def peer(self, slot: int, flops: int = 5) -> Entry:
        return Entry(bytes([0xA0 + slot]) * 16, flops, 1, 1, CLEAR)

    def other(self) -> Entry:
        return Entry(bytes([self.rng.randrange(4)]) * 16, self.rng.getrandbits(80), 1, 1, CLEAR)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS))
async def messages_are_merged_then_released_whole_and_in_order(dut, pattern):
    rng = generator()
    bench = Bench(dut, rng, pattern)
    await bench.begin()
    assert bench.entered == Entry(OWN, 0, parameters()["mode"], parameters()["weight_table"], CLEAR)
    expected: dict[int, list[bytes]] = {source: [] for source in range(bench.links + 1)}
    prefixes: dict[bytes, list[Entry]] = {}
    limit = bench.message_bytes
    for number in range(18):
        source = rng.randrange(bench.links + 1)
        payload = number.to_bytes(2) + rng.randbytes(rng.choice((0, 14, 15, 300, 4094, 4095, limit - 2)))
        if source == bench.links:
            expected[source].append(bench.external(payload))
            prefixes[payload[:2]] = []
        else:
            prefix = [bench.peer(source, number), *(bench.other() for _ in range(rng.randint(0, 6)))]
            expected[source].append(bench.message(source, prefix, payload))
            prefixes[payload[:2]] = prefix
    count = sum(map(len, expected.values()))
    for _ in range(count):
        message = await bench.rx.receive_message()
        source = {1: int.from_bytes(message[2:4]), 3: bench.links}[message[0]]
        assert message == expected[source].pop(0)
        for entry in prefixes[message[16:18]]:
            assert entry in bench.merged, "released before its prefix was merged"
        if source == bench.links:
            assert bench.log.own.flags == CLEAR | UNLOGGED, "released before the log said UNLOGGED"
    assert not any(bench.closed)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def channels_take_turns(dut):
    """A channel with a long queue does not hold up the others."""
    rng = generator()
    bench = Bench(dut, rng)
    await bench.begin()
    for _ in range(6):
        bench.message(0, [bench.peer(0)], bytes(2000))
    bench.message(1, [bench.peer(1)], b"short")
    bench.external(b"host")
    order = [(await bench.rx.receive_message())[0:4:3] for _ in range(8)]
    assert order.index(b"\x01\x01") <= 2, order
    assert order.index(b"\x03\x00") <= 2, order


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_empty_message_is_released_after_its_prefix(dut):
    rng = generator()
    bench = Bench(dut, rng)
    await bench.begin()
    expected = bench.message(1, [bench.peer(1, 77)], b"")
    assert await bench.rx.receive_message() == expected
    assert bench.peer(1, 77) in bench.merged


FAULTS = [
    "prefix_in_message",
    "prefix_without_som",
    "payload_without_prefix",
    "payload_with_som",
    "payload_cut_short",
    "payload_after_message",
    "message_too_long",
    "no_entries",
    "ragged_prefix",
    "too_many_sessions",
    "too_few_sessions",
    "huge_count",
    "externals",
    "delta",
    "full_and_delta",
    "reserved_flag",
    "reserved_word",
    "bound",
    "own_id_as_peer",
    "peer_changes_id",
    "reserved_provenance",
    "mode_changes",
    "log_overflow",
]


def faults(bench: Bench) -> dict[str, list[tuple[RecordType, int, bytes]]]:
    """Records of slot 0, the last of which closes the channel."""
    prefix, payload, eom = RecordType.PREFIX, RecordType.PAYLOAD, 2
    good = encode_prefix([bench.peer(0)])

    def with_field(offset: int, value: bytes) -> bytes:
        return good[:offset] + value + good[offset + len(value) :]

    def prefix_of(*entries: Entry) -> list[tuple[RecordType, int, bytes]]:
        return [(prefix, 1, encode_prefix(entries))]

    stranger = Entry(b"\x55" * 16, 1, 1, 1, CLEAR)
    reserved = Entry(b"\x66" * 16, 1, 1, 1, 2)
    other_mode = Entry(b"\x55" * 16, 1, 2, 1, CLEAR)
    crowd = [Entry(bytes([i]) * 16, 1, 1, 1, CLEAR) for i in range(0x10, 0x10 + parameters()["entries"])]
    whole = [(payload, 0, bytes(4096))] * (bench.message_bytes // 4096)
    return {
        "prefix_in_message": [(prefix, 1, good), (prefix, 1, good)],
        "prefix_without_som": [(prefix, 0, good)],
        "payload_without_prefix": [(payload, eom, b"x")],
        "payload_with_som": [(prefix, 1, good), (payload, 1 | eom, b"x")],
        "payload_cut_short": [(prefix, 1, good), (payload, 0, bytes(4095))],
        "payload_after_message": [(prefix, 1, good), (payload, eom, b"x"), (payload, eom, b"x")],
        "message_too_long": [(prefix, 1, good), *whole, (payload, eom, b"x")],
        "no_entries": [(prefix, 1, with_field(3, b"\0")[:32])],
        "ragged_prefix": [(prefix, 1, good + b"\0")],
        "too_many_sessions": [(prefix, 1, with_field(0, (2).to_bytes(4)))],
        "too_few_sessions": [
            (
                prefix,
                1,
                encode_prefix([bench.peer(0)] * 2)[:3] + b"\1" + encode_prefix([bench.peer(0)] * 2)[4:],
            )
        ],
        "huge_count": [(prefix, 1, with_field(0, b"\x80"))],
        "externals": [(prefix, 1, with_field(7, b"\1"))],
        "delta": [(prefix, 1, with_field(11, b"\2"))],
        "full_and_delta": [(prefix, 1, with_field(11, b"\3"))],
        "reserved_flag": [(prefix, 1, with_field(8, b"\1"))],
        "reserved_word": [(prefix, 1, with_field(15, b"\1"))],
        "bound": [(prefix, 1, with_field(31, b"\1"))],
        "own_id_as_peer": prefix_of(Entry(OWN, 1, 1, 1, CLEAR)),
        "peer_changes_id": [*prefix_of(bench.peer(0)), (payload, eom, b"x"), *prefix_of(stranger)],
        "reserved_provenance": prefix_of(bench.peer(0), reserved),
        "mode_changes": prefix_of(bench.peer(0), stranger, other_mode),
        "log_overflow": prefix_of(bench.peer(0), *crowd),
    }


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(fault=FAULTS)
async def anything_out_of_place_closes_the_channel_and_only_that(dut, fault):
    """Closed once; nothing of the faulty message comes out; the other channel goes on."""
    bench = Bench(dut, generator())
    await bench.begin()
    greeting = bench.message(1, [bench.peer(1)], b"hello")  # the log knows both peers
    assert await bench.rx.receive_message() == greeting
    records = faults(bench)[fault]
    complete = sum(1 for _, flags, _ in records[:-1] if flags & 2)
    for kind, flags, body in records:
        bench.record(0, kind, flags, body)
    await cycles(dut, 220 + sum(len(body) for _, _, body in records) // bench.beat_bytes * 2)
    assert bench.closed == [1] + [0] * (bench.links - 1)
    expected = bench.message(1, [bench.peer(1)], b"still here")
    seen = [await bench.rx.receive_message()]
    while seen[-1] != expected:
        seen.append(await bench.rx.receive_message())
    assert len(seen) - 1 <= complete, seen
    assert all(len(message) <= 17 for message in seen[:-1])


ENDS = range(0, 180, 2)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(when=list(ENDS))
async def a_message_of_an_ended_epoch_comes_out_whole_or_not_at_all(dut, when):
    """The epoch ends at every second cycle of a message; the slot becomes clean, and works again."""
    rng = generator()
    bench = Bench(dut, rng)
    await bench.begin()
    old = bench.message(0, [bench.peer(0), bench.other(), bench.other()], rng.randbytes(600))
    await cycles(dut, when)
    bench.ending = 1
    await cycles(dut, 2)
    bench.headers[0].withdraw()
    bench.bodies[0].withdraw()
    await cycles(dut, 60 * 16 // bench.beat_bytes + 20)
    assert int(dut.clean.value) & 1
    bench.open = 3
    await cycles(dut, 2)
    new = bench.message(0, [Entry(b"\x77" * 16, 1, 1, 1, CLEAR)], b"of the new epoch")
    message = await bench.rx.receive_message()
    if message == old:
        # Its release had begun: that takes the prefix and the payload at least.
        assert when > (600 + 160) // bench.beat_bytes
        message = await bench.rx.receive_message()
    assert message == new
    assert not any(bench.closed)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_full_channel_does_not_hold_up_prefixes_of_others(dut):
    """The accelerator takes nothing: slot 0 fills up, and slot 1's prefix is merged all the same."""
    rng = generator()
    bench = Bench(dut, rng)
    await bench.begin()
    bench.rx._pauses = iter(lambda: True, None)
    for _ in range(6):
        bench.message(0, [bench.peer(0)], bytes(bench.message_bytes))
    await cycles(dut, 4 * bench.message_bytes // bench.beat_bytes)
    bench.message(1, [bench.peer(1, 99)], bytes(64))
    await cycles(dut, 100)
    assert bench.peer(1, 99) in bench.merged
