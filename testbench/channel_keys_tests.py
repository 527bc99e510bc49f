"""Runs in the simulator: one ChannelKeys between a software controller and a software engine."""

from collections import Counter
from dataclasses import dataclass

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.channel_keys import ChannelKey
from interlock_hdl.crypto.gcm_keys import KeySource, key_request_layout
from lib.parameters import generator, parameters
from lib.patterns import crossings, pauses
from lib.recorder import cycle_number
from lib.streams import StreamSource, cycles, start, unpack, watch

LONGEST_LOAD = 12
FOLLOWED = 1 << 255
"""Stands for REKEY: each time, the upper half of a key is one higher."""


@dataclass
class Epoch:
    """A key that was taken, and what has become of it."""

    slot: int
    channel: int
    key: int
    follows: int = 0
    forgotten: bool = False
    was_keyed: bool = False


class Bench:
    """Everything around the block, and in every cycle what must be true."""

    def __init__(self, dut, *, keys: str = "none", engine: str = "none") -> None:
        self.dut, self.random = dut, generator()
        self.links = parameters()["links"]
        slots = max(self.links, 2)
        self.shape, self.request_shape = ChannelKey(self.links), key_request_layout(slots)
        self.source = StreamSource(dut, "i", self.shape, pattern=keys, random=self.random)
        watch(dut, "requests", unless=lambda: bool(dut.wipe.value))
        self.pause = pauses(engine, self.random)
        self.engine = [0] * slots
        self.epochs: list[Epoch | None] = [None] * self.links  # the newest of each slot
        self.channels = iter(range(1, 1 << 16))
        self.uses = False  # records come and go by themselves
        self.happened: Counter[str] = Counter()
        self.loads: list[tuple[int, int]] = []  # cycles of a request that was taken, and of `loaded`
        self.offers: list[int] = []
        self.keyed_at: list[int] = []
        self.active = 0  # the cycle in which the engine was last asked for anything
        for name in ("forget", "follow", "follow_slot", "inside", "loaded", "loaded_slot", "wipe"):
            getattr(dut, name).value = 0
        dut.requests__ready.value = 0
        cocotb.start_soon(self._serve())
        cocotb.start_soon(self._observe())
        cocotb.start_soon(self._use())

    def send(self, slot: int) -> None:
        self.source.send({"slot": slot, "channel": next(self.channels), "key": self.random.getrandbits(250)})

    async def forget(self, slots: int, count: int = 1) -> None:
        self.dut.forget.value = slots
        await cycles(self.dut, count)
        self.dut.forget.value = 0

    async def settle(self) -> None:
        """Waits until everything is done, and checks what is left."""
        await self.source.drained()
        self.active = cycle_number()
        while cycle_number() - self.active < LONGEST_LOAD + 4:
            await cycles(self.dut, 1)
        for slot, epoch in enumerate(self.epochs):
            lives = epoch is not None and not epoch.forgotten
            assert (int(self.dut.keyed.value) >> slot & 1) == lives
            assert bool(self.engine[slot]) == lives, "a key that was forgotten is left"
        assert not self.dut.following.value
        assert self.dut.key.value == 0, "a key is left in the block"

    async def _serve(self) -> None:
        """The engine: takes requests, and reports each some time later."""
        dut, random = self.dut, self.random
        clock = RisingEdge(dut.clk)
        while True:
            dut.loaded.value = 0
            ready = not next(self.pause)
            dut.requests__ready.value = ready
            await clock
            if not (ready and dut.requests__valid.value) or dut.wipe.value or dut.rst.value:
                continue
            request = unpack(self.request_shape, int(dut.requests__payload.value))
            slot, begin = request["slot"], cycle_number()
            dut.requests__ready.value = 0
            assert not int(dut.inside.value) >> slot & 1, "a record of the slot is inside"
            if request["source"] == KeySource.FOLLOWS.value:
                assert request["key"] == 0
                request["key"] = self.engine[slot] + FOLLOWED
            for _ in range(random.randrange(2, LONGEST_LOAD)):
                await clock
                assert not int(dut.inside.value) >> slot & 1, "a record of the slot is inside"
                assert not dut.requests__valid.value, "a second request before the first one is loaded"
            dut.loaded.value, dut.loaded_slot.value = 1, slot
            self.engine[slot] = request["key"]
            await clock
            self.loads.append((begin, cycle_number()))
            self.active = cycle_number()

    async def _observe(self) -> None:
        """Follows every port, and holds ``keyed`` against what was taken and forgotten."""
        dut = self.dut
        keyed_before = following_before = ended = 0
        offered_before = vacant_before = False
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value or dut.wipe.value:
                assert not (dut.wipe.value and dut.i__ready.value), "takes while it is wiped"
                self.epochs = [None] * self.links
                keyed_before = ended = 0
                vacant_before = False
                continue
            keyed, forget = int(dut.keyed.value), int(dut.forget.value)
            if vacant_before and dut.i__ready.value:
                assert dut.key.value == 0, "a key is left in the block"
            vacant_before = dut.i__ready.value and not dut.i__valid.value
            assert not keyed & ended, "keyed in the cycle after it was forgotten"
            for slot, epoch in enumerate(self.epochs):
                if not keyed >> slot & 1:
                    continue
                assert epoch is not None
                assert not epoch.forgotten, "a forgotten key became keyed"
                assert int(getattr(dut, f"channel__{slot}").value) == epoch.channel
                if not keyed_before >> slot & 1:
                    assert not epoch.was_keyed, "a key was used for two epochs"
                    epoch.was_keyed = True
                    self.keyed_at.append(cycle_number())
                if not dut.following.value:
                    assert self.engine[slot] == epoch.key + FOLLOWED * epoch.follows
            if dut.requests__valid.value:
                self.active = cycle_number()
                if not offered_before:
                    self.offers.append(cycle_number())
            offered_before = bool(dut.requests__valid.value)
            if following_before:
                self.happened["followed"] += not dut.following.value
            following_before = bool(dut.following.value)
            if dut.follow.value and keyed >> int(dut.follow_slot.value) & 1:
                self.epochs[int(dut.follow_slot.value)].follows += 1
            keyed_before, ended = keyed, forget
            if dut.i__valid.value and dut.i__ready.value:
                fields = unpack(self.shape, int(dut.i__payload.value))
                if fields["slot"] < self.links:
                    self._end(fields["slot"], "replaced")
                    self.epochs[fields["slot"]] = Epoch(**fields)
                    ended |= 1 << fields["slot"]
            for slot in range(self.links):
                if forget >> slot & 1:
                    self._end(slot, "forgotten")

    def _end(self, slot: int, how: str) -> None:
        epoch = self.epochs[slot]
        if epoch is not None and not epoch.forgotten:
            epoch.forgotten = True
            self.happened[how if epoch.was_keyed else f"{how} on the way"] += 1

    async def _use(self) -> None:
        """Records: each begins while its slot is keyed; where none is inside, at times REKEY."""
        dut, random = self.dut, self.random
        inside = 0
        while True:
            await RisingEdge(dut.clk)
            dut.follow.value = 0
            if dut.rst.value or not self.uses:
                continue
            keyed, busy = int(dut.keyed.value), int(dut.following.value) or int(dut.follow.value)
            for slot in range(self.links):
                if inside >> slot & 1:
                    inside &= ~((random.random() < 0.03) << slot)
                elif not keyed >> slot & 1 or (busy and int(dut.follow_slot.value) == slot):
                    continue
                elif random.random() < 0.05:
                    inside |= 1 << slot
                elif not busy and random.random() < 0.02 and not int(dut.forget.value) >> slot & 1:
                    dut.follow.value, dut.follow_slot.value = 1, slot
                    busy = True
            dut.inside.value = inside


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize((("keys", "engine"), crossings(2)))
async def keys_come_and_go_amid_traffic(dut, keys, engine):
    test = await begin(dut, keys=keys, engine=engine)
    test.uses = True
    wanted = ("forgotten", "forgotten on the way", "replaced", "replaced on the way", "followed")
    for n in range(1000):
        if n >= 60 and all(test.happened[what] > 1 for what in wanted):
            break
        for _ in range(test.random.choice((0, 1, 1, 3))):
            test.send(test.random.randrange(4 if test.links == 3 else 2))
        await cycles(dut, test.random.choice((1, 5, 30, 100)))
        if test.random.random() < 0.6:
            await test.forget(test.random.getrandbits(test.links), test.random.choice((1, 1, 1, 7)))
    test.uses = False
    dut.inside.value = 0
    await test.settle()
    for what in wanted:
        assert test.happened[what] > 1, test.happened


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_key_that_is_forgotten_in_any_cycle_is_overwritten_and_never_keyed_again(dut):
    test = await begin(dut)
    for cut in range(LONGEST_LOAD + 8):
        test.send(0)
        await cycles(dut, cut + 1)
        await test.forget(1)
        await test.settle()
    assert 3 < test.happened["forgotten"] < LONGEST_LOAD
    assert test.happened["forgotten on the way"] > 5


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def latency_is_exact(dut):
    test = await begin(dut)
    for n in range(5):
        await cycles(dut, 3)
        test.send(n % test.links)
        while not (dut.i__valid.value and dut.i__ready.value):
            await cycles(dut, 1)
        taken = cycle_number()
        await cycles(dut, 2 * LONGEST_LOAD)
        assert test.offers[0] - taken == 3
        assert [at - loaded for at, (_, loaded) in zip(test.keyed_at, test.loads, strict=True)] == [1]
        await test.forget((1 << test.links) - 1)
        await test.settle()
        test.offers.clear(), test.loads.clear(), test.keyed_at.clear()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_level_of_forget_asks_for_nothing_and_drops_what_comes(dut):
    test = await begin(dut)
    dut.forget.value = 1
    for _ in range(3):
        test.send(0)
    if test.links > 1:
        test.send(1)
    await test.settle()
    assert len(test.loads) == (test.links > 1)
    dut.forget.value = 0
    test.send(0)
    await test.settle()
    assert int(dut.keyed.value) & 1


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def what_is_inside_of_a_slot_holds_up_no_key_that_it_does_not_concern(dut):
    """It waits to be overwritten, and with it the slot's next key; others that came before that do not."""
    test = await begin(dut)
    dut.inside.value = 1
    test.send(0)
    await cycles(dut, 3 * LONGEST_LOAD)
    assert not any(test.engine), "installed while a record is inside"
    dut.inside.value = 0
    await test.settle()
    dut.inside.value = 1
    await test.forget(1)
    if test.links > 1:
        test.send(1)
    await cycles(dut, 3 * LONGEST_LOAD)
    test.send(0)
    await cycles(dut, 3 * LONGEST_LOAD)
    assert int(dut.keyed.value) == (0b10 if test.links > 1 else 0)
    assert test.engine[0], "overwritten while a record is inside"
    dut.inside.value = 0
    await test.settle()
    assert int(dut.keyed.value) == (0b11 if test.links > 1 else 1)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_wipe_at_any_moment_leaves_no_key(dut):
    test = await begin(dut)
    for cut in range(LONGEST_LOAD + 8):
        test.send(0)
        await cycles(dut, cut)
        dut.wipe.value = 1
        test.source.withdraw()
        await cycles(dut, LONGEST_LOAD + 1)
        test.engine = [0] * len(test.engine)
        assert dut.key.value == 0
        assert dut.keyed.value == 0
        dut.wipe.value = 0
        await cycles(dut, 2 * LONGEST_LOAD)
        assert dut.keyed.value == 0
        test.send(test.links - 1)
        await test.settle()
        assert int(dut.keyed.value) == 1 << test.links - 1
        await test.forget(1 << test.links - 1)
        await test.settle()
