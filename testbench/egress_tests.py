"""Runs in the simulator: Egress between a software intake, counter, log, seal and host, against the model."""

from random import Random

import cbor2
import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.log import Entry as ModelEntry
from interlock.model.records import RecordType, encode_prefix
from interlock_hdl.config import Bin
from interlock_hdl.message import Kind, MessageInfo
from interlock_hdl.ports import RecordBeat, ScannedEntry
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import BeatSink, BeatSource, StreamSink, StreamSource, cycles, start

BINS = len(Bin)
SESSION_ID = bytes(range(16))


def message(kind: Kind, slot: int, payload: bytes) -> bytes:
    return bytes((kind, 0)) + slot.to_bytes(2) + bytes(12) + payload


def random_entries(rng: Random, count: int) -> list[ModelEntry]:
    own = ModelEntry(SESSION_ID, 0, 1, 1, 1)
    others = [
        ModelEntry(
            rng.randbytes(16),
            rng.getrandbits(90),
            rng.choice((1, 3)),
            rng.choice((1, 1, 2)),
            rng.choice((1, 9)),
        )
        for _ in range(count - 1)
    ]
    return [own, *others]


class Bench:
    """Everything around Egress.  ``counts`` and ``entries`` say what counter and log answer, one by one."""

    def __init__(self, dut, rng: Random, pattern: str) -> None:
        config = parameters()
        self.dut, self.rng = dut, rng
        self.beat_bytes, self.links = config["beat_bytes"], config["links"]
        self.latency = config["sample_latency"]
        info = MessageInfo(config["message_bytes"])
        self.messages = StreamSource(dut, "messages", info, pattern=pattern, random=rng)
        self.payload = BeatSource(
            dut, "payload", self.beat_bytes, random=rng
        )  # a buffered message never pauses
        self.entries = StreamSource(dut, "entries", ScannedEntry, pattern=pattern, random=rng)
        record_beat = RecordBeat(self.beat_bytes, self.links)
        self.records = StreamSink(
            dut, "records", record_beat, pattern=pattern, random=rng, unless=lambda: dut.ended.value
        )
        self.host = BeatSink(dut, "host", self.beat_bytes, pattern=pattern, random=rng)
        self.samples: list[int] = []  # counts given out
        self.scans: list[tuple[int, list[ModelEntry]]] = []  # (count, entries) of every scan
        self.log = random_entries(rng, 1)
        self.total = 0
        dut.scan__ready.value = 0
        dut.sampled.value = dut.count.value = dut.scan_size.value = dut.wipe.value = 0
        dut.ended.value = 0
        dut.open.value = (1 << self.links) - 1
        dut.ticks.value = 0
        dut.session_id.value = int.from_bytes(SESSION_ID)
        for i in range(BINS):
            getattr(dut, f"bins__{i}").value = 0

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._counter())
        cocotb.start_soon(self._log())

    def bins(self, count: int) -> list[int]:
        return [count // (i + 2) for i in range(BINS)]

    async def _counter(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            dut.sampled.value = 0
            if not dut.sample.value:
                continue
            await cycles(dut, self.latency - 1)
            self.total += self.rng.randrange(1 << 60)
            self.samples.append(self.total)
            dut.sampled.value = 1
            dut.count.value = self.total
            for i, value in enumerate(self.bins(self.total)):
                getattr(dut, f"bins__{i}").value = value

    async def _log(self) -> None:
        dut = self.dut
        while True:
            dut.scan__ready.value = 1
            await RisingEdge(dut.clk)
            while not dut.scan__valid.value:
                await RisingEdge(dut.clk)
            count = int(dut.scan__payload.value)
            dut.scan__ready.value = 0
            entries = [ModelEntry(SESSION_ID, count, 1, 1, 1), *self.log[1:]]
            self.scans.append((count, entries))
            dut.scan_size.value = len(entries)
            for i, entry in enumerate(entries):
                fields = {
                    "session_id": int.from_bytes(entry.session_id),
                    "flops": entry.flops,
                    "provenance": {
                        "mode": entry.mode,
                        "weight_table": entry.weight_table,
                        "flags": entry.flags,
                    },
                }
                self.entries.send({"entry": fields, "last": i == len(entries) - 1})
            await self.entries.drained()

    def send(self, kind: Kind, slot: int, payload: bytes) -> None:
        self.payload.send_message(message(kind, slot, payload))
        self.messages.send({"kind": kind, "slot": slot, "length": len(payload)})

    async def record(self) -> tuple[int, bytes]:
        """Slot and bytes of the next record."""
        slot, data = None, b""
        while True:
            beat = await self.records.receive()
            assert bool(beat["first"]) == (slot is None)
            slot = beat["slot"] if slot is None else slot
            assert beat["slot"] == slot
            octets = beat["data"].to_bytes(self.beat_bytes, "little")
            keep = beat["keep"]
            assert keep & (keep + 1) == 0
            assert beat["last"] or keep == (1 << self.beat_bytes) - 1
            data += octets[: keep.bit_count()]
            if beat["last"]:
                return slot, data

    def expected_records(self, payload: bytes, entries: list[ModelEntry]) -> list[bytes]:
        """Records as they go to the seal: no seq, no CLEAR flag, no padding, no tag."""

        def bare(kind: RecordType, flags: int, body: bytes) -> bytes:
            return bytes((1, kind, flags, 0, 0, 0)) + len(body).to_bytes(2) + bytes(8) + body

        chunks = [payload[i : i + 4096] for i in range(0, len(payload), 4096)]
        prefix = bare(RecordType.PREFIX, 1 if chunks else 3, encode_prefix(entries))
        ends = [2 * (i == len(chunks) - 1) for i in range(len(chunks))]
        return [
            prefix,
            *(bare(RecordType.PAYLOAD, end, chunk) for end, chunk in zip(ends, chunks, strict=True)),
        ]


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS))
async def messages_leave_behind_a_fresh_prefix(dut, pattern):
    rng = generator()
    bench = Bench(dut, rng, pattern)
    await bench.begin()
    limit = parameters()["message_bytes"]
    for number, length in enumerate((0, 1, 15, 16, 17, 64, 4095, 4096, 4097, limit - 1, limit, 0, 31)):
        bench.log = random_entries(rng, rng.randint(1, parameters()["entries"]))
        slot, payload = rng.randrange(bench.links), rng.randbytes(length)
        bench.send(Kind.PEER, slot, payload)
        first_slot, first = await bench.record()
        count, entries = bench.scans[-1]
        assert count == bench.samples[number], "the count is the sample taken for this message"
        assert len(bench.scans) == number + 1
        expected = bench.expected_records(payload, entries)
        assert first == expected[0]
        assert first_slot == slot
        for record in expected[1:]:
            assert await bench.record() == (slot, record)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS))
async def an_export_is_log_summary_payload(dut, pattern):
    rng = generator()
    bench = Bench(dut, rng, pattern)
    await bench.begin()
    for number, length in enumerate((0, 5, 16, 4097)):
        bench.log = random_entries(rng, rng.randint(1, parameters()["entries"]))
        payload = rng.randbytes(length)
        dut.ticks.value = ticks = rng.getrandbits(40)
        bench.send(Kind.EXPORT, 0, payload)
        log, summary = await bench.host.receive_message(), await bench.host.receive_message()
        count, entries = bench.scans[-1]
        assert log == message(Kind.LOG, 0, b"".join(entry.encode() for entry in entries))
        assert summary[:16] == message(Kind.SUMMARY, 0, b"")
        tables = {entry.weight_table for entry in entries}
        modes = flags = 0
        for entry in entries:
            modes, flags = modes | entry.mode, flags | entry.flags
        expected = {
            0: "interlock unsigned summary v1",
            1: SESSION_ID,
            2: number.to_bytes(8),
            3: length.to_bytes(8),
            4: sum(entry.flops for entry in entries).to_bytes(16),
            5: len(entries).to_bytes(4),
            6: bytes(4),
            7: bytes((modes,)),
            8: bytes((1, tables != {1})),
            9: flags.to_bytes(2),
            10: b"".join(value.to_bytes(12) for value in bench.bins(count)),
            11: ticks.to_bytes(8),
        }
        assert summary[16:] == cbor2.dumps(expected)
        assert await bench.host.receive_message() == message(Kind.EXPORT, 0, payload)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_message_waits_for_its_channel_and_is_sampled_meanwhile(dut):
    rng = generator()
    bench = Bench(dut, rng, "none")
    await bench.begin()
    dut.open.value = 0
    bench.send(Kind.PEER, 0, b"late")
    await cycles(dut, 100)
    assert bench.samples
    assert not bench.scans
    assert not bench.records.received
    dut.open.value = 1
    slot, record = await bench.record()
    assert record == bench.expected_records(b"late", bench.scans[-1][1])[0]
    assert slot == 0


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_and_throughput_are_exact(dut):
    """From offer to header, from message to message, and no bubble within a message."""
    rng = generator()
    bench = Bench(dut, rng, "none")
    bench.log = random_entries(rng, 4)
    await bench.begin()
    await cycles(dut, 5)
    fires: list[tuple[int, bool]] = []
    offered = None

    async def observe() -> None:
        nonlocal offered
        cycle = 0
        while True:
            await RisingEdge(dut.clk)
            if offered is None and dut.messages__valid.value:
                offered = cycle
            if dut.records__valid.value and dut.records__ready.value:
                fires.append((cycle, bool(int(dut.record_started.value))))
            cycle += 1

    cocotb.start_soon(observe())
    payload = rng.randbytes(parameters()["message_bytes"])
    for _ in range(3):
        bench.send(Kind.PEER, 0, payload)
    sizes = []
    for _ in range(3):
        for expected in range(1 + -(-len(payload) // 4096)):
            _, record = await bench.record()
            sizes.append((expected == 0, -(-len(record) // bench.beat_bytes)))
    assert fires[0][0] - offered == parameters()["latency"]
    beats_a_message = sum(beats for _, beats in sizes) // 3
    times = [cycle for cycle, _ in fires]
    for i in range(3):
        own = times[i * beats_a_message : (i + 1) * beats_a_message]
        assert own[-1] - own[0] == beats_a_message - 1, "one beat a cycle while the message is in flight"
        if i:
            gap = own[0] - times[i * beats_a_message - 1] - 1
            assert gap == parameters()["gap"], gap


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_cut_message_leaves_nothing_behind(dut):
    """The epoch ends at every cycle of a message: the next one, to another slot, comes out whole."""
    rng = generator()
    bench = Bench(dut, rng, "none")
    await bench.begin()
    bench.log = random_entries(rng, 3)
    for cut_after in range(60):
        bench.send(Kind.PEER, 0, rng.randbytes(200))
        payload = rng.randbytes(40)
        bench.send(Kind.PEER, 1, payload)
        await cycles(dut, cut_after)
        dut.open.value = 2
        dut.ended.value = 1
        await cycles(dut, 1)
        dut.ended.value = 0
        await cycles(dut, 3)
        dut.open.value = 3  # a message that had not begun is sent in the new epoch
        taken: list[tuple[int, bytes]] = []
        while True:
            beat = await bench.records.receive()
            if beat["first"]:
                current: list[dict] = []
                taken.append((beat["slot"], current))
            taken[-1][1].append(beat)
            if beat["slot"] == 1 and beat["last"] and len([s for s, _ in taken if s == 1]) == 2:
                break
        octets = [
            b"".join(b["data"].to_bytes(bench.beat_bytes, "little")[: b["keep"].bit_count()] for b in beats)
            for slot, beats in taken
            if slot == 1
        ]
        assert octets == bench.expected_records(payload, bench.scans[-1][1])


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_cut_message_leaves_others_alone(dut):
    """An epoch ends at every cycle of a message, while the one before, to another slot, waits for its seal:
    that one comes out whole, and so does the next."""
    rng = generator()
    bench = Bench(dut, rng, "half")
    await bench.begin()
    for cut_after in range(100):
        before = len(bench.scans)
        payloads = [rng.randbytes(rng.randint(1, 40)) for _ in range(2)]
        bench.send(Kind.PEER, 0, payloads[0])
        bench.send(Kind.PEER, 1, rng.randbytes(200))
        await cycles(dut, cut_after)
        dut.open.value = 1
        dut.ended.value = 2
        await cycles(dut, 1)
        dut.ended.value = 0
        await cycles(dut, 3)
        dut.open.value = 3
        bench.send(Kind.PEER, 0, payloads[1])
        records: list[bytes] = []
        current = b""
        while len(records) < 4:
            beat = await bench.records.receive()
            if beat["slot"] == 0:
                assert bool(beat["first"]) == (not current)
                current += beat["data"].to_bytes(bench.beat_bytes, "little")[: beat["keep"].bit_count()]
                if beat["last"]:
                    records.append(current)
                    current = b""
        first, last = bench.scans[before], bench.scans[-1]
        assert records[:2] == bench.expected_records(payloads[0], first[1])
        assert records[2:] == bench.expected_records(payloads[1], last[1])
