"""Runs in the simulator: one OpenedStore; what it offers, when it has room, and what is left in it."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.beat import Beat
from interlock_hdl.opened_records import OpenedHeader, OpenedRow
from interlock_hdl.record import RecordHeader
from lib.beats import BeatValue, messages_of
from lib.parameters import generator, parameters
from lib.recorder import Recorder, cycle_number
from lib.streams import cycles, pack, start, unpack

INPUTS = ("open", "begins", "blocks", "left", "stale", "write", "commit", "channel", "wipe")
LARGEST_BLOCKS = 256
CHANNEL = 0xC4A7


class Bench:
    def __init__(self, dut) -> None:
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.depth = parameters()["beat_bytes"], parameters()["depth"]
        self.block_beats = 16 // self.beat_bytes
        for name in INPUTS:
            getattr(dut, name).value = 0
        dut.channel.value = CHANNEL
        common = {"random": self.random, "unless": lambda: not dut.open.value or dut.wipe.value}
        self.headers = Recorder(dut, "header", RecordHeader, **common)
        self.bodies = Recorder(dut, "body", Beat(self.beat_bytes), **common)

    async def pulse(self, **values: int) -> None:
        """Inputs that have these values for a cycle."""
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await RisingEdge(self.dut.clk)
        for name in values:
            getattr(self.dut, name).value = 0

    async def store(self, body: bytes) -> None:
        """A record up to its verdict."""
        await self.pulse(begins=1, blocks=-(-len(body) // 16))
        for at in range(0, len(body), self.beat_bytes):
            data = body[at : at + self.beat_bytes]
            last = at + self.beat_bytes >= len(body)
            row = {
                "data": int.from_bytes(data, "little"),
                "last": last,
                "count": len(body) % self.beat_bytes,
            }
            bits = pack(OpenedRow(self.beat_bytes), row)
            ends_block = last or not (at + self.beat_bytes) % 16
            await self.pulse(write=1, row=bits, left=int(ends_block))

    async def commit(self, length: int) -> None:
        header = pack(OpenedHeader, {"type": 3, "flags": 2, "length": length})
        await self.pulse(commit=1, header_in=header)

    async def open(self) -> None:
        """Waits for room."""
        self.dut.open.value = 1
        while not self.dut.room.value:
            await cycles(self.dut, 1)

    def memory(self) -> list[int]:
        return [int(word.value) for word in self.dut.buffer.memory]


async def begin(dut) -> Bench:
    test = Bench(dut)
    await start(dut)
    await test.open()
    return test


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_record_is_offered_once_it_is_committed(dut):
    """Its header first; numbered from 0, on the channel that there is."""
    test = await begin(dut)
    sent = [test.random.randbytes(length) for length in (1, 16, 0, 33, 4, 100)]
    for body in sent:
        offered = len(test.headers.taken), len(test.bodies.taken)
        await test.store(body)
        await cycles(dut, 12)
        assert (len(test.headers.taken), len(test.bodies.taken)) == offered
        await test.commit(len(body))
        committed = cycle_number()
        await cycles(dut, 40)
        assert test.headers.taken[-1][0] == committed + parameters()["header_latency"]
        if body:
            first, _ = test.bodies.taken[offered[1]]
            assert first == committed + parameters()["body_latency"]
    beats = [BeatValue.of(fields, test.beat_bytes) for fields in test.bodies.payloads]
    assert messages_of(beats, test.beat_bytes) == [body for body in sent if body]
    common = {"version": 1, "type": 3, "flags": 2, "reserved": 0, "channel": CHANNEL}
    assert test.headers.payloads == [
        common | {"length": len(body), "seq": seq} for seq, body in enumerate(sent)
    ]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def there_is_room_for_the_largest_record_or_for_none(dut):
    """What was begun takes room at once, dropped or not; and a header has a place of its own."""
    test = await begin(dut)
    blocks = test.depth // test.block_beats
    await test.pulse(begins=1, blocks=blocks - LARGEST_BLOCKS)
    await cycles(dut, 3)
    assert dut.room.value
    await test.pulse(begins=1, blocks=1)
    await cycles(dut, 2)
    assert not dut.room.value
    await test.pulse(left=1, stale=1)
    await cycles(dut, 2)
    assert dut.room.value
    for _ in range(parameters()["headers"] - 3):
        await test.pulse(begins=1)
        await test.pulse(begins=1, stale=1)
    await cycles(dut, 2)
    assert dut.room.value
    await test.pulse(begins=1)
    await cycles(dut, 1)
    assert not dut.room.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def what_was_wrong_or_not_read_is_overwritten_when_the_epoch_ends(dut):
    """And before that is complete, there is no room for another one's."""
    test = await begin(dut)
    test.headers.stalled = test.bodies.stalled = True
    await cycles(dut, 2)
    right, wrong = (bytes([0xA5] * length) for length in (100, 300))
    await test.store(right)
    await test.commit(len(right))
    await test.store(wrong)
    await cycles(dut, 10)
    assert sum(map(bool, test.memory())) == -(-100 // test.beat_bytes) + -(-300 // test.beat_bytes)
    assert dut.body__valid.value
    assert dut.header__valid.value
    await test.pulse()
    dut.open.value = 0
    await cycles(dut, 1)
    dut.open.value = 1
    test.headers.stalled = test.bodies.stalled = False
    for cycle in range(test.depth + 2):
        await cycles(dut, 1)
        assert not dut.body__valid.value
        assert not dut.header__valid.value
        assert not (cycle and dut.room.value)
    assert not any(test.memory())
    assert unpack(Beat(test.beat_bytes), int(dut.body__payload.value))["data"] == 0
    await cycles(dut, 1)
    assert dut.room.value
    test.headers.taken.clear()
    test.bodies.taken.clear()
    await test.store(right)
    await test.commit(len(right))
    await cycles(dut, 40)
    assert test.headers.payloads[0]["seq"] == 0
    beats = (BeatValue.of(fields, test.beat_bytes) for fields in test.bodies.payloads)
    assert b"".join(beat.kept for beat in beats) == right


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(is_open=[False, True])
async def a_wipe_leaves_zeros(dut, is_open):
    test = await begin(dut)
    test.headers.stalled = test.bodies.stalled = True
    await cycles(dut, 2)
    await test.store(bytes([0xA5] * 200))
    await test.commit(200)
    await test.store(bytes([0x5A] * 50))
    await cycles(dut, 10)
    dut.wipe.value = 1
    dut.open.value = is_open
    for cycle in range(test.depth + 1):
        await cycles(dut, 1)
        assert not (cycle and dut.body__valid.value)
        assert not (cycle and dut.header__valid.value)
        assert bool(dut.wiped.value) == (cycle == test.depth)
    assert not any(test.memory())
    assert not any(int(word.value) for word in dut.queue.memory)
    dut.wipe.value = 0
    dut.open.value = 1
    while not dut.room.value:
        await cycles(dut, 1)
    await cycles(dut, 2)
    assert not dut.wiped.value
