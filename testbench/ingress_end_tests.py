"""Runs in the simulator: epochs and sessions that end in any cycle, and leave nothing behind."""

from collections.abc import Iterator

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from ingress_bench import CLEAR, Bench, credit_record, message_records, notice
from interlock.model.log import Entry
from interlock.model.records import Record, RecordType
from lib.streams import cycles

STRANGER = Entry(b"\x77" * 16, 1, 1, 1, CLEAR)


def history(bench: Bench) -> list[Record]:
    """Records of every type, messages of every shape."""
    me = bench.peer(0)
    return [
        credit_record(1 << 40),
        *message_records(bytes(range(100)), me, bench.other(), externals=[bytes(32)], chunk=48),
        notice(RecordType.FULL_REQUEST),
        *message_records(b"", me, is_delta=True),
        *message_records(bytes(64), me, chunk=32)[:2],
        notice(RecordType.ABORT),
        credit_record(1 << 50),
        *message_records(bytes(40), me, chunk=32),
    ]


async def length_of(bench: Bench) -> int:
    """Cycles that a history takes."""
    bench.send(0, *history(bench))
    begun = bench.cycle
    await bench.settle()
    return bench.cycle - begun


async def works_as_new(bench: Bench, slots: Iterator[int] | range) -> None:
    """Another peer may speak, its prefix must be FULL, credit begins at nothing, all of the room is there."""
    for slot in slots:
        bench.send(slot, credit_record(3))
        records = message_records(bytes(bench.staging - 16), STRANGER, chunk=bench.staging // 2)
        bench.send(slot, *records[:2], notice(RecordType.ABORT), *records)
    await bench.settle()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def an_epoch_that_ends_in_any_cycle_leaves_nothing(dut):
    """A message whose release has begun comes out whole, others not at all; the next epoch is a fresh one."""
    bench = Bench(dut)
    await bench.begin()
    length = await length_of(bench)
    assert length > 60
    completed = 0
    for when in range(length):
        bench.seen.clear()
        bench.send(0, *history(bench))
        bench.message(1, bytes(32))
        await cycles(dut, when)
        bench.end(1)
        before = len(bench.out)
        while not bench.seen["open"] or bench.models[0].credit.granted != bench.staging:
            await cycles(dut, 1)
        completed += len(bench.out) > before
        await works_as_new(bench, [0])
        assert bench.out[-1].endswith(bytes(100)), f"end after {when} cycles"
        assert bench.seen["close"] == 0
        bench.end(1)
        await cycles(dut, 4)
        while bench.open != 3 or not bench.models[0].credit.granted:
            await cycles(dut, 1)
    assert completed


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def an_epoch_that_ends_in_a_long_release_waits_for_it(dut):
    """Nothing of the new epoch can come before the message in progress has left."""
    bench = Bench(dut, rx="half")
    await bench.begin()
    length = bench.staging - 80
    for _ in range(10):
        bench.seen.clear()
        message = bench.message(0, bench.random.randbytes(length))
        bench.message(0, b"dropped")
        while not bench.seen["release"]:
            await cycles(dut, 1)
        await cycles(dut, bench.random.randrange(length // bench.beat_bytes - 5))
        bench.end(1)
        bench.stopped = True
        await cycles(dut, 50)
        assert not int(dut.clean.value) & 1
        bench.stopped = False
        while not bench.seen["open"] or bench.models[0].credit.granted != bench.staging:
            await cycles(dut, 1)
        assert bench.out[-1] == message
        await works_as_new(bench, [0])
        bench.end(1)
        await cycles(dut, 4)
        while bench.open != 3 or not bench.models[0].credit.granted:
            await cycles(dut, 1)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def a_wipe_in_any_cycle_is_a_fresh_start(dut):
    """Nothing is offered in it, nothing of before comes after it, and everything works."""
    bench = Bench(dut)
    await bench.begin()
    length = await length_of(bench)
    for when in range(length):
        bench.send(0, *history(bench))
        bench.message(1, bytes(32))
        bench.external(bytes(20))
        await cycles(dut, when)
        await FallingEdge(dut.clk)
        for source in (*bench.headers, *bench.bodies, bench.host, bench.local):
            source.withdraw()
        dut.wipe.value = 1
        dut.ended.value = dut.merged.value = dut.granted.value = dut.open.value = 0
        bench.forget()
        first = True
        while not dut.wiped.value:
            await RisingEdge(dut.clk)
            for name in ("rx__valid", "merge__valid", "taken", "close", "released", "freed", "credit"):
                assert first or not getattr(dut, name).value, name
            first = False
        dut.wipe.value = 0
        bench.open = 3
        dut.open.value = 3
        bench.create()
        bench.grant_all()
        while not bench.created or bench._grants:
            await cycles(dut, 1)
        await cycles(dut, 3)
        await works_as_new(bench, range(2))
        assert len(bench.out) == 2
        assert bench.seen["close"] == 0
