"""Runs in the simulator: one Notices between a software release, host and record mux."""

import cocotb
from cocotb.triggers import ReadWrite, RisingEdge
from interlock.model.records import CREDIT, HEADER, VERSION, RecordType, encode_credit
from interlock_hdl.ports import RecordBeat
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.recorder import Recorder, cycle_number
from lib.streams import cycles, start, unpack


def notice(granted: int | None) -> bytes:
    """A CREDIT as it goes to the seal, or a FULL_REQUEST."""
    type, body = RecordType.FULL_REQUEST, b""
    if granted is not None:
        type, body = RecordType.CREDIT, encode_credit(granted)
    return HEADER.pack(version=VERSION, type=type, length=len(body)) + body


class Bench:
    def __init__(self, dut, *, pattern: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.links = settings["beat_bytes"], settings["links"]
        self.staging = settings["staging_bytes"]
        for name in (
            "open",
            "opened",
            "ended",
            "freed",
            "freed_slot",
            "freed_bytes",
            "request_full",
            "leaves",
        ):
            getattr(dut, name).value = 0
        self.shape = RecordBeat(self.beat_bytes, self.links)
        self.beats = Recorder(
            dut, "records", self.shape, pattern=pattern, random=self.random, unless=lambda: dut.ended.value
        )
        self.owed = [0] * self.links  # granted or to be: staging, and what was freed since
        self.granted = [0] * self.links
        self.epochs: list[list[bytes]] = [[] for _ in range(self.links)]  # records of the epoch that goes on
        self.full_requests = [0] * self.links
        cocotb.start_soon(self._leave())
        cocotb.start_soon(self._watch())

    async def _leave(self) -> None:
        """As the record mux: combinational, in the cycle in which a first beat passes."""
        dut = self.dut
        while True:
            await ReadWrite()
            beat = unpack(self.shape, int(dut.records__payload.value))
            passes = dut.records__valid.value and dut.records__ready.value and beat["first"]
            dut.leaves.value = int(bool(passes) and not int(dut.ended.value) >> beat["slot"] & 1)
            await RisingEdge(dut.clk)

    async def _watch(self) -> None:
        """No grant is above what there is, none is below the one before, all are told of exactly."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            slot = int(dut.slot.value)
            if dut.granted.value:
                total, more = int(dut.granted_total.value), int(dut.granted_bytes.value)
                assert total == self.granted[slot] + more
                assert self.granted[slot] <= total <= self.owed[slot]
                self.granted[slot] = total
            if dut.full_requested.value:
                self.full_requests[slot] += 1

    def records(self, slot: int, since: int = 0) -> list[bytes]:
        """The records to a slot since that cycle; fails where one is not whole."""
        records: list[bytes] = []
        whole = True
        for beat in self.beats.since(since):
            if beat["slot"] != slot:
                continue
            assert bool(beat["first"]) == whole
            records += [b""] if whole else []
            octets = beat["data"].to_bytes(self.beat_bytes, "little")
            records[-1] += octets[: beat["keep"].bit_count()]
            whole = bool(beat["last"])
        assert whole
        return records

    async def strobe(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await RisingEdge(self.dut.clk)
        for name in {"opened", "ended", "freed", "request_full"} & set(values):
            getattr(self.dut, name).value = 0

    async def open(self, slot: int) -> None:
        self.owed[slot], self.granted[slot] = self.staging, 0
        await self.strobe(open=int(self.dut.open.value) | 1 << slot, opened=1 << slot)

    async def end(self, slot: int) -> None:
        await self.strobe(open=int(self.dut.open.value) & ~(1 << slot), ended=1 << slot)

    async def free(self, slot: int, amount: int) -> None:
        self.owed[slot] += amount
        await self.strobe(freed=1, freed_slot=slot, freed_bytes=amount)


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_epoch_begins_with_all_of_the_staging(dut):
    test = await begin(dut)
    for slot in range(test.links):
        since = cycle_number()
        await test.open(slot)
        await cycles(dut, 30)
        assert test.records(slot, since) == [notice(test.staging)]
        assert test.granted == test.owed


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_is_exact(dut):
    """From the cycle in which something was freed to the first beat of its CREDIT."""
    test = await begin(dut)
    await test.open(0)
    await cycles(dut, 30)
    since = cycle_number()
    await test.free(0, 48)
    freed = cycle_number()
    await cycles(dut, 30)
    assert test.records(0, since) == [notice(test.staging + 48)]
    first = next(cycle for cycle, _ in test.beats.taken if cycle > since)
    assert first == freed + parameters()["latency"]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pattern=["none", "half", "long"])
async def what_is_freed_in_any_cycle_of_a_credit_is_in_the_next_one(dut, pattern):
    """Or in that one, and never lost: of the same slot, or of another, or a wish for a FULL prefix."""
    test = await begin(dut, pattern=pattern)
    for slot in range(test.links):
        await test.open(slot)
    await cycles(dut, 400)
    for slot in range(test.links):
        for delay in range(20):
            since = cycle_number()
            before = test.granted[0]
            await test.free(0, 16)
            await cycles(dut, delay)
            await test.free(slot, 32)
            await cycles(dut, {"none": 30, "half": 90, "long": 700}[pattern])
            assert test.granted == test.owed
            totals = [before + 16, before + 48] if slot == 0 else [before + 16]
            assert test.records(0, since) in ([notice(t) for t in totals], [notice(totals[-1])])
            assert slot == 0 or test.records(slot, since) == [notice(test.owed[slot])]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pattern=["none", "half"])
async def an_epoch_that_ends_in_any_cycle_takes_its_notice_along(dut, pattern):
    """The next one grants the staging from the beginning; another slot's notice is whole."""
    test = await begin(dut, pattern=pattern)
    for delay in range(25):
        since = cycle_number()
        await test.open(1)
        await test.open(0)
        await test.free(0, 64)
        await test.strobe(request_full=1)
        await cycles(dut, delay)
        await test.end(0)
        ended = cycle_number()
        await cycles(dut, test.random.randrange(4))
        await test.open(0)
        await cycles(dut, 60)
        assert test.records(0, ended + 1) == [notice(test.staging)]
        assert test.records(1, since) == [notice(test.staging)]
        await test.end(0)
        await test.end(1)
        await cycles(dut, 4)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_full_request_is_passed_on_once(dut):
    test = await begin(dut)
    for slot in range(test.links):
        await test.open(slot)
    await cycles(dut, 60)
    for slot in range(test.links):
        for delay in range(12):
            since = cycle_number()
            await test.free(0, 16)
            await cycles(dut, delay)
            before = test.full_requests[slot]
            await test.strobe(request_full=1 << slot)
            await cycles(dut, 60)
            assert test.full_requests[slot] == before + 1
            assert test.records(slot, since).count(notice(None)) == 1
            assert test.granted == test.owed


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def random_histories_never_grant_too_much_and_end_exact(dut, pattern):
    """Slots are opened, ended, freed, asked at any time; ``_watch`` judges each grant."""
    test = await begin(dut, pattern=pattern)
    is_open = [False] * test.links
    since = [0] * test.links
    for _ in range(1500):
        slot = test.random.randrange(test.links)
        choice = test.random.random()
        if not is_open[slot]:
            since[slot] = cycle_number()
            await test.open(slot)
            is_open[slot] = True
        elif choice < 0.03:
            await test.end(slot)
            is_open[slot] = False
            await cycles(dut, 2)
        elif choice < 0.5 and test.owed[slot] - test.granted[slot] < test.staging // 2:
            await test.free(slot, 16 * test.random.randint(1, 4))
        elif choice < 0.55:
            await test.strobe(request_full=1 << slot)
        else:
            await cycles(dut, test.random.randrange(6))
    await cycles(dut, 3000)
    for slot in range(test.links):
        if is_open[slot]:
            assert test.granted[slot] == test.owed[slot]
            credits = [record for record in test.records(slot, since[slot]) if record != notice(None)]
            assert len(credits[0]) == HEADER.size + CREDIT.size
            assert credits[-1] == notice(test.owed[slot])
            assert credits == sorted(set(credits))
