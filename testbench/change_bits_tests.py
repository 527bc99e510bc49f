"""Runs in the simulator: ChangeBits beside sets of addresses, compared in every cycle."""

from collections import Counter, deque
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.log.change_bits import ChangeBits
from interlock_hdl.log.store import EntryAddress
from lib.naive_log import OWN, Address, NaiveChanges, address_fields
from lib.parameters import generator, parameters
from lib.streams import StreamSink, cycles, pack, start, unpack


class Bench:
    """Strobes changes and flips, and keeps sets in step; in each cycle flip before change."""

    def __init__(self, dut, random: Random, *, pattern: str = "none") -> None:
        self.dut, self.random, self.pattern = dut, random, pattern
        self.slots, self.capacity = parameters()["links"], parameters()["entries"]
        self.changes = NaiveChanges(self.slots)
        self.expected: deque[Address] = deque()
        self.arrived: list[int] = []
        self.seen: Counter[str] = Counter()
        self.flipped_at = -100
        self.now = 0

    async def start(self) -> None:
        dut = self.dut
        for port in (dut.changed, dut.flip, dut.discard, dut.slot, dut.wipe, dut.addresses__ready):
            port.value = 0
        await start(dut)
        StreamSink(
            dut, "addresses", EntryAddress, pattern=self.pattern, random=self.random, unless=self.is_wiped
        )
        cocotb.start_soon(self._check())

    def is_wiped(self) -> bool:
        return bool(self.dut.wipe.value)

    async def change(self, address: Address, *, gap: int = 0) -> None:
        """Strobes one change; takes two cycles, and ``gap`` more."""
        self.dut.changed.value = 1
        self.dut.changed_at.value = pack(EntryAddress, address_fields(address))
        await cycles(self.dut, 1)
        self.dut.changed.value = 0
        await cycles(self.dut, 1 + gap)

    async def flip(self, slot: int, *, discard: bool = False) -> None:
        """Waits until that is allowed, and fixes a set."""
        while self.dut.busy.value:
            await cycles(self.dut, 1)
        self.dut.flip.value, self.dut.slot.value, self.dut.discard.value = 1, slot, int(discard)
        await cycles(self.dut, 1)
        self.dut.flip.value = 0
        await cycles(self.dut, 1)  # only now it is seen whether the block is busy

    async def settle(self) -> None:
        await cycles(self.dut, 2)
        while self.dut.busy.value:
            await cycles(self.dut, 1)
        assert not self.expected

    async def wipe(self) -> None:
        self.dut.wipe.value = 1
        while not self.dut.wiped.value:
            await cycles(self.dut, 1)
        await cycles(self.dut, self.random.randrange(3))
        self.dut.wipe.value = 0
        await cycles(self.dut, 2)
        assert not self.dut.wiped.value

    def some_address(self) -> Address:
        """Mostly of few neighbourhoods, so that a word has many ones and most have none."""
        random = self.random
        index = random.choice(
            [0, 1, random.randrange(self.capacity), self.capacity - 1 - random.randrange(2)]
        )
        return random.randrange(2), index

    async def _check(self) -> None:
        dut = self.dut
        sizes: tuple[int, int] | None = None
        changed_before = False
        while True:
            await RisingEdge(dut.clk)
            self.now += 1
            assert not dut.fault.value
            if dut.wipe.value:
                self.changes = NaiveChanges(self.slots)
                self.expected.clear()
                sizes, self.flipped_at = None, -100
                continue
            if dut.addresses__valid.value:
                assert self.expected, "an address that is not in the set"
                at = unpack(EntryAddress, int(dut.addresses__payload.value))
                assert at == address_fields(self.expected[0])
                if dut.addresses__ready.value:
                    self.expected.popleft()
                    self.arrived.append(self.now)
            assert dut.busy.value or not self.expected, "forgets addresses"
            if sizes is not None and self.now - self.flipped_at >= ChangeBits.fixed_latency:
                assert (int(dut.n_sessions.value), int(dut.n_externals.value)) == sizes
            if dut.flip.value:
                assert not dut.busy.value
                fixed = self.changes.flip(int(dut.slot.value))
                of_sessions = sum(not external for external, _ in fixed)
                sizes = 1 + of_sessions, len(fixed) - of_sessions
                self.flipped_at = self.now
                if not dut.discard.value:
                    self.expected.extend(fixed)
                    self.seen["address"] += len(fixed)
                self.seen["meeting"] += bool(dut.changed.value)
                self.seen["discard"] += bool(dut.discard.value and fixed)
                self.seen["empty"] += not fixed
            if dut.changed.value:
                assert not changed_before
                at = unpack(EntryAddress, int(dut.changed_at.value))
                self.changes.change((at["external"], at["index"]))
                self.seen["change"] += 1
            changed_before = bool(dut.changed.value)


@cocotb.test()
async def sets_agree_with_naive_ones(dut):
    """Random changes against random flips, under one stall pattern; wiped now and then."""
    bench = Bench(dut, generator(), pattern=parameters()["pattern"])
    await bench.start()
    random = bench.random
    for round_number in range(4):
        if round_number:
            await bench.wipe()
        stop = False

        async def flips() -> None:
            while not stop:  # noqa: B023
                await cycles(dut, random.choice([0, 0, random.randrange(100)]))
                await bench.flip(random.randrange(bench.slots), discard=random.random() < 0.2)

        task = cocotb.start_soon(flips())
        for _ in range(40):
            for _ in range(random.randrange(40)):
                await bench.change(bench.some_address(), gap=random.choice([0, 0, 1, 2, 5]))
            await cycles(dut, random.choice([0, 200]))
        if round_number % 2:
            task.cancel()
            dut.flip.value = 0  # wiped in the middle of things
        else:
            stop = True
            await task
            await bench.settle()
            for slot in range(bench.slots):
                await bench.flip(slot)
                await bench.settle()
    assert min(bench.seen[kind] for kind in ("change", "address", "discard", "empty", "meeting")) > 5, (
        bench.seen
    )


@cocotb.test()
async def a_change_meets_a_flip_in_every_cycle(dut):
    """Changes of new and of known entries moved past flips of every slot: each is in one of two sets."""
    bench = Bench(dut, generator())
    await bench.start()
    last = (1, bench.capacity - 1)
    for slot in range(bench.slots):
        for offset in range(-8, 9):
            await bench.change((0, 1))
            await cycles(dut, 6)
            task = cocotb.start_soon(_after(dut, max(0, offset), bench.flip(slot)))
            await cycles(dut, max(0, -offset))
            for address in ((0, 1), last, (0, bench.capacity - 1), last):
                await bench.change(address)
            await task
            await bench.settle()
            for every in range(bench.slots):
                await bench.flip(every)
                await bench.settle()
            assert not any(bench.changes.sets)


async def _after(dut, count: int, what) -> None:
    await cycles(dut, count)
    await what


@cocotb.test()
async def addresses_come_at_once_and_in_every_second_cycle(dut):
    """A dense set, a sparse one and one at both ends; without changes, and with one in every second cycle."""
    bench = Bench(dut, generator())
    await bench.start()
    spread = {(0, n * bench.capacity // 16) for n in range(16)}
    ends = {(0, 1), (1, bench.capacity - 1)}
    dense = {(section, n) for section in (0, 1) for n in range(min(bench.capacity, 64))}
    for addresses in (spread, ends, dense):
        for busy in (False, True):
            for address in addresses:
                await bench.change(address)
            await cycles(dut, 4)
            bench.arrived.clear()
            await bench.flip(0)
            began = bench.flipped_at
            while dut.busy.value:
                if busy:
                    await bench.change(bench.some_address())
                else:
                    await cycles(dut, 1)
            expected = len(addresses - {OWN})
            assert len(bench.arrived) == expected
            if not busy:
                assert bench.arrived[0] - began == ChangeBits.address_latency
            assert bench.arrived[-1] - began <= ChangeBits.address_latency + 2 * expected + 2
            await bench.flip(0, discard=True)
            await bench.settle()


@cocotb.test()
async def a_wipe_takes_one_pass(dut):
    bench = Bench(dut, generator())
    await bench.start()
    for _ in range(20):
        await bench.change(bench.some_address())
    dut.wipe.value = 1
    taken = 0
    while not dut.wiped.value:
        await cycles(dut, 1)
        taken += 1
    assert taken <= parameters()["words"] + 2
    dut.wipe.value = 0
    await cycles(dut, 2)
    for slot in range(bench.slots):
        await bench.flip(slot)
        await bench.settle()
    assert bench.seen["empty"] == bench.slots
