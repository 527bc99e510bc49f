"""Runs in the simulator: one LinkKeys between whoever brings keys, links in software, and two key stores."""

from collections import Counter

import cocotb
from cocotb.triggers import RisingEdge, SimTimeoutError, with_timeout
from interlock.model.keys import KEYS, WORD_BYTES, LinkKeys
from interlock_hdl.beat import Beat
from interlock_hdl.channel_keys import ChannelKey
from lib.beats import beats_of
from lib.parameters import generator, parameters
from lib.patterns import crossings, pauses
from lib.streams import CLOCK_NS, StreamSource, cycles, start, unpack, watch

LINKS = parameters()["links"]
INSTALLING = 9
"""Most cycles from a key that a store takes to when it is in use."""
PATIENCE = 5000
"""Cycles in which all messages that wait are taken."""


class Store:
    """Seal or Open, as far as it concerns keys."""

    def __init__(self, bench: "Bench", name: str, pattern: str) -> None:
        self.bench, self.name = bench, name
        self.taken: list[dict[str, int]] = []
        self.keyed = [False] * LINKS
        self._pause = pauses(pattern, bench.random)
        watch(bench.dut, name, unless=lambda: not bench.dut.session_open.value)
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut = self.bench.dut
        valid, ready, payload = (
            getattr(dut, f"{self.name}__{part}") for part in ("valid", "ready", "payload")
        )
        keyed = getattr(dut, f"{self.name}_keyed")
        installing: dict[int, int] = {}
        while True:
            keyed.value = sum(is_keyed << slot for slot, is_keyed in enumerate(self.keyed))
            is_ready = not next(self._pause)
            ready.value = is_ready
            await RisingEdge(dut.clk)
            for slot in range(LINKS):
                if slot in installing:
                    installing[slot] -= 1
                    if not installing[slot]:
                        del installing[slot]
                        self.keyed[slot] = True
                if int(dut.forget.value) >> slot & 1:
                    installing.pop(slot, None)
                    self.keyed[slot] = False
            if is_ready and valid.value and not dut.rst.value:
                key = unpack(ChannelKey(LINKS), int(payload.value))
                assert key["slot"] < LINKS
                assert not (self.keyed[key["slot"]] and self.bench.links[key["slot"]].open)
                self.taken.append(key)
                self.keyed[key["slot"]] = False
                installing[key["slot"]] = self.bench.random.randint(1, INSTALLING)


class Link:
    """A LinkEpoch whose peer is always there."""

    def __init__(self) -> None:
        self.up = self.open = self.was_open = False

    def step(self, allowed: bool) -> None:
        self.was_open, self.open, self.up = self.open, allowed and self.up, allowed

    @property
    def ended(self) -> bool:
        return self.was_open and not self.open

    @property
    def down(self) -> bool:
        return not (self.up or self.open or self.was_open)


class Bench:
    """Everything around the block, and in every cycle what must be true."""

    def __init__(self, dut, *, keys: str = "none", stores: str = "none") -> None:
        self.dut, self.random = dut, generator()
        self.source = StreamSource(dut, "i", Beat(WORD_BYTES), pattern=keys, random=self.random)
        self.links = [Link() for _ in range(LINKS)]
        self.sent: dict[tuple[int, int], LinkKeys] = {}  # by slot and channel
        self.taken = 0
        self.opened: Counter[tuple[int, int]] = Counter()
        dut.session_open.value = 1
        dut.drop.value = 0
        self.send_store, self.receive_store = Store(self, "send", stores), Store(self, "receive", stores)
        cocotb.start_soon(self._run_links())

    def make(self, slot: int) -> LinkKeys:
        random = self.random
        keys = LinkKeys(
            slot, random.getrandbits(16), random.randbytes(16), random.randbytes(32), random.randbytes(32)
        )
        self.sent[slot, keys.channel] = keys
        return keys

    def send(self, data: bytes) -> None:
        self.source.send(*(beat.fields() for beat in beats_of(data, WORD_BYTES)))

    async def rest(self) -> None:
        """Until everything was taken and installed."""
        try:
            await with_timeout(self.source.drained(), PATIENCE * CLOCK_NS, "ns")
        except SimTimeoutError:
            raise AssertionError("what was sent is not taken") from None
        await cycles(self.dut, 60 + 2 * INSTALLING)

    async def _run_links(self) -> None:
        dut = self.dut
        current: list[tuple[int, int] | None] = [None] * LINKS
        while True:
            for name in ("down", "ended"):
                bits = sum(bool(getattr(link, name)) << slot for slot, link in enumerate(self.links))
                getattr(dut, name).value = bits
            await RisingEdge(dut.clk)
            if dut.rst.value:
                continue
            is_open, keyed = bool(dut.session_open.value), int(dut.keyed.value)
            self.taken += bool(dut.taken.value)
            for slot, link in enumerate(self.links):
                has_keys = bool(keyed >> slot & 1)
                if int(dut.introduced.value) >> slot & 1:
                    self.introduced = slot, int(dut.peer_id.value).to_bytes(16)
                before = link.open
                link.step(is_open and has_keys)
                if link.open and not before:
                    self._check(slot, current)

    def _check(self, slot: int, current: list[tuple[int, int] | None]) -> None:
        """An epoch opens: both stores use keys of one message, which no epoch had before."""
        assert self.send_store.keyed[slot]
        assert self.receive_store.keyed[slot]
        last = [
            next(key for key in reversed(store.taken) if key["slot"] == slot)
            for store in (self.send_store, self.receive_store)
        ]
        assert last[0]["channel"] == last[1]["channel"]
        keys = self.sent[slot, last[0]["channel"]]
        assert [key["key"].to_bytes(32, "little") for key in last] == [keys.send, keys.receive]
        self.opened[slot, keys.channel] += 1
        assert self.opened[slot, keys.channel] == 1, "an epoch has the keys of one before"


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("keys", "stores"), crossings(2)))
async def every_epoch_has_keys_of_its_own(dut, keys, stores):
    """Messages for any slot at any time, right and wrong ones; keys that are used up; sessions that end."""
    bench = Bench(dut, keys=keys, stores=stores)
    await start(dut)
    random = bench.random
    right = 0
    for _ in range(60):
        keys = bench.make(random.randrange(LINKS))
        data = keys.encode()
        if random.random() < 0.3:
            data = data[: random.randrange(1, 20) * WORD_BYTES] + bytes(random.choice([0, 0, WORD_BYTES]))
        right += len(data) == KEYS.size
        bench.send(data)
        match random.randrange(6):
            case 0:
                await bench.rest()
            case 1:
                await bench.rest()
                dut.drop.value = 1 << random.randrange(LINKS)
                await cycles(dut, 1)
                dut.drop.value = 0
            case 2:
                await cycles(dut, random.randrange(40))
                bench.source.withdraw()
                dut.session_open.value = 0
                await cycles(dut, random.randrange(1, 10))
                dut.session_open.value = 1
    await bench.rest()
    assert right > 30
    assert sum(bench.opened.values()) > 5
    assert bench.taken > 30


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keys_are_where_they_belong(dut):
    """Slot, channel, peer and both keys, byte for byte; and how long that takes."""
    bench = Bench(dut)
    await start(dut)
    for slot in range(LINKS):
        keys = bench.make(slot)
        assert int(dut.wanted.value) >> slot & 1
        bench.send(keys.encode())
        before = bench.taken
        while bench.taken == before:
            await cycles(dut, 1)
        await cycles(dut, 1)
        assert not int(dut.wanted.value) >> slot & 1
        await bench.rest()
        assert bench.introduced == (slot, keys.peer)
        for store, key in ((bench.send_store, keys.send), (bench.receive_store, keys.receive)):
            expected = {"slot": slot, "channel": keys.channel, "key": int.from_bytes(key, "little")}
            assert store.taken[-1] == expected
        assert bench.links[slot].open
    assert dut.keyed.value == (1 << LINKS) - 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def other_keys_end_an_epoch_first(dut):
    """Its keys are void at once; the next ones are given on when the epoch is over."""
    bench = Bench(dut)
    await start(dut)
    first, second = bench.make(0), bench.make(0)
    bench.send(first.encode())
    await bench.rest()
    assert bench.links[0].open
    bench.send(second.encode())
    for _ in range(200):
        if not bench.links[0].open:
            break
        await cycles(dut, 1)
        assert bench.send_store.taken[-1]["channel"] == first.channel
        assert bench.taken == 1
    assert not bench.links[0].open
    while bench.taken == 1:
        await cycles(dut, 1)
    for _ in range(40):
        await cycles(dut, 1)
        assert not int(dut.wanted.value) & 1
    await bench.rest()
    assert bench.links[0].open
    assert bench.opened == {(0, first.channel): 1, (0, second.channel): 1}


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_message_of_another_size_gives_no_keys(dut):
    """Any number of words but the right one, a hole in any, and whatever stands between messages."""
    bench = Bench(dut)
    await start(dut)
    whole = bench.make(0).encode()
    beats = [beat.fields() for beat in beats_of(whole, WORD_BYTES)]
    for number in range(len(beats)):
        for wrong in (
            [*beats[:number], {**beats[number], "last": 1}] if number < len(beats) - 1 else [*beats[:-1]],
            [*beats[:number], {**beats[number], "keep": 0b0111}, *beats[number + 1 :]],
            beats[number + 1 :],
            [{**beat, "last": 0} for beat in beats],
        ):
            bench.source.send(*wrong)
            await bench.source.drained()
            await cycles(dut, 20)
            assert not int(dut.keyed.value) & 1
            assert not bench.receive_store.taken or number
            bench.receive_store.taken.clear()
    good = bench.make(0)
    bench.send(good.encode())
    await bench.rest()
    assert bench.links[0].open
    assert dut.key.value == 0, "a key is left in the block"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_slot_that_there_is_not_gets_nothing(dut):
    bench = Bench(dut)
    await start(dut)
    for slot in (LINKS, 1 << LINKS, 0xFFFF):
        bench.send(bench.make(slot).encode())
    await bench.rest()
    assert bench.taken == 3
    assert not bench.send_store.taken
    assert dut.wanted.value == (1 << LINKS) - 1
    bench.send(bench.make(0).encode())
    await bench.rest()
    assert bench.links[0].open


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def nothing_outlives_the_session(dut):
    """Gates close in any cycle of a message: no keys, nothing left in the block, and the rest is dropped."""
    bench = Bench(dut)
    await start(dut)
    for moment in range(40):
        bench.send(bench.make(0).encode())
        await cycles(dut, moment)
        dut.session_open.value = 0
        await cycles(dut, 4)
        assert dut.key.value == 0
        assert dut.keyed.value == 0
        assert not any(bench.send_store.keyed)
        dut.session_open.value = 1
        await bench.source.drained()
        bench.send(bench.make(0).encode())
        await bench.rest()
        assert bench.links[0].open
