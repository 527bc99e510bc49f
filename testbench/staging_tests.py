"""Runs in the simulator: Staging alone, and what no peer can do that is kept to its credit."""

import cocotb
from cocotb.triggers import RisingEdge
from lib.beats import BeatValue, beats_of, message_of
from lib.parameters import generator, parameters
from lib.streams import beat_layout, cycles, pack, start, unpack

TOLD = 2
"""Cycles from a beat that finds no room to ``overrun``."""


class Bench:
    """Writes messages, and keeps those that come out."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.beat_bytes, self.depth = parameters()["beat_bytes"], parameters()["depth"]
        self.released: list[bytes] = []
        for name in ("slot", "commit", "discard", "hold", "ended", "wipe", "write__valid", "host__valid"):
            getattr(dut, name).value = 0
        dut.rx__ready.value = 1

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._collect())

    def message(self, beats: int) -> bytes:
        return generator().randbytes(beats * self.beat_bytes)

    async def write(self, slot: int, message: bytes, *, commit: bool = True) -> list[int]:
        """One beat a cycle; returns ``overrun`` in each cycle, and in those until the last beat's is told."""
        dut = self.dut
        told = []
        dut.slot.value = slot
        for beat in beats_of(message, self.beat_bytes):
            dut.write__payload.value = pack(beat_layout(self.beat_bytes), beat.fields())
            dut.write__valid.value, dut.commit.value = 1, commit and beat.last
            await RisingEdge(dut.clk)
            assert dut.write__ready.value
            told.append(int(dut.overrun.value))
        dut.write__valid.value = dut.commit.value = 0
        for _ in range(TOLD):
            await RisingEdge(dut.clk)
            told.append(int(dut.overrun.value))
        return told

    async def end(self, slot: int) -> None:
        self.dut.ended.value = 1 << slot
        await cycles(self.dut, 1)
        self.dut.ended.value = 0

    async def _collect(self) -> None:
        dut, beats = self.dut, []
        while True:
            await RisingEdge(dut.clk)
            if dut.rx__valid.value and dut.rx__ready.value:
                fields = unpack(beat_layout(self.beat_bytes), int(dut.rx__payload.value))
                beats.append(BeatValue.of(fields, self.beat_bytes))
                if beats[-1].last:
                    self.released.append(message_of(beats, self.beat_bytes))
                    beats = []


async def bench(dut) -> Bench:
    result = Bench(dut)
    await result.begin()
    return result


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_beat_without_room_is_told_of_and_its_message_never_released(dut):
    """One beat more than there is room for, in each slot; the epoch ends in the cycle in which it may."""
    test = await bench(dut)
    links = parameters()["links"]
    for slot in range(links):
        other = (slot + 1) % links
        told = await test.write(slot, test.message(test.depth + 1))
        assert told == [0] * (test.depth + TOLD) + [1 << slot]
        await test.end(slot)
        await cycles(dut, 2 * test.depth)
        assert test.released == []
        # Nobody else has less room for it, and the next epoch has all of it.
        messages = {each: test.message(test.depth) for each in (other, slot)}
        for each, message in messages.items():
            assert not any(await test.write(each, message))
        await cycles(dut, 3 * test.depth + 20)
        assert test.released == list(messages.values())
        test.released.clear()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_beat_that_meets_the_end_of_its_epoch_needs_no_room(dut):
    test = await bench(dut)
    assert not any(await test.write(0, test.message(test.depth), commit=False))
    dut.write__valid.value = 1
    await cycles(dut, 1)
    dut.write__valid.value, dut.ended.value = 0, 1
    await cycles(dut, 1)
    dut.ended.value = 0
    for _ in range(6):
        await RisingEdge(dut.clk)
        assert not dut.overrun.value
    assert test.released == []
