"""Runs in the simulator: Accounts against accounts that are kept the naive way."""

import cocotb
from cocotb.triggers import RisingEdge
from lib.beats import beats_of
from lib.parameters import generator, parameters
from lib.streams import beat_layout, cycles, pack, start

CREDITED = 2
"""Cycles from a CREDIT's last beat to the strobe."""


async def begin(dut) -> None:
    for name in ("slot", "use", "first", "amount", "abort", "granted", "granted_bytes"):
        getattr(dut, name).value = 0
    dut.ended.value = dut.beats__valid.value = 0
    await start(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def room_is_what_was_granted_less_what_is_used(dut):
    """Any strobes in any cycle: grants with uses and aborts, and with the end of the epoch."""
    random = generator()
    links, staging = parameters()["links"], parameters()["staging_bytes"]
    await begin(dut)
    room, used, out, is_open = [0] * links, [0] * links, [0] * links, [False] * links
    seen = set()
    for _ in range(6000):
        slot, granted_slot = random.randrange(links), random.randrange(links)
        granted = random.random() < 0.3
        free = staging - room[granted_slot] - out[granted_slot]
        grant = random.choice((free, random.randint(0, free), 0))
        use = random.random() < 0.5
        amount = random.choice((room[slot], random.randint(0, room[slot]), 0))
        first = not is_open[slot] or random.random() < 0.3
        abort = not use and is_open[slot] and random.random() < 0.5
        ended = [random.random() < 0.02 for _ in range(links)]
        dut.slot.value, dut.use.value, dut.amount.value = slot, use << slot, amount
        dut.first.value, dut.abort.value = first, abort << slot
        dut.granted.value, dut.granted_bytes.value = granted << granted_slot, grant
        dut.ended.value = sum(bit << i for i, bit in enumerate(ended))
        await RisingEdge(dut.clk)
        assert int(dut.room.value) == room[slot]
        seen.add((granted and granted_slot == slot, use, abort, ended[slot]))
        if granted:
            room[granted_slot] += grant
        if use:
            room[slot] -= amount
            used[slot] = amount if first else used[slot] + amount
            out[slot] += amount
            is_open[slot] = True
        if abort:
            room[slot] += used[slot]
            out[slot] -= used[slot]
            used[slot] = 0
            is_open[slot] = False
        if random.random() < 0.2:  # something is released
            out[slot] = used[slot]
        for each in range(links):
            if ended[each]:
                room[each] = used[each] = out[each] = 0
                is_open[each] = False
    assert len(seen) == 12, "grants meet uses, aborts and ends in every way"


class Credits:
    """Sends bodies of CREDIT records, with the beats of another record directly behind each."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.beat_bytes = parameters()["beat_bytes"]

    def offer(self, data: bytes) -> None:
        (beat,) = beats_of(data, self.beat_bytes)
        self.dut.beats__payload.value = pack(beat_layout(self.beat_bytes), beat.fields() | {"last": 1})
        self.dut.beats__valid.value = 1

    async def send(self, slot: int, amount: int, *, end_at: int | None = None) -> int | None:
        """The increase that was told of, negative where it fell, or nothing where the epoch ended first."""
        dut = self.dut
        beats = beats_of(amount.to_bytes(8), self.beat_bytes)
        dut.slot.value = slot
        for cycle in range(len(beats) + CREDITED):
            if cycle < len(beats):
                dut.beats__payload.value = pack(beat_layout(self.beat_bytes), beats[cycle].fields())
                dut.beats__valid.value = 1
            else:
                self.offer(b"next")
            dut.ended.value = (cycle == end_at) << slot
            await RisingEdge(dut.clk)
            told = bool(dut.credit.value), bool(dut.fell.value)
            is_last = cycle == len(beats) + CREDITED - 1
            if end_at is None or cycle < end_at:
                assert sum(told) == is_last, f"cycle {cycle}"
                assert bool(dut.beats__ready.value) == (cycle < len(beats)), "a beat of the record behind it"
            if cycle == end_at:
                dut.ended.value = dut.beats__valid.value = 0
                await RisingEdge(dut.clk)
                assert not (dut.credit.value)
                assert not (dut.fell.value)
                await cycles(dut, 1)
                return None
        increase = int(dut.credit_bytes.value)
        return increase if told[0] else increase - (1 << 64)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_credit_is_told_of_as_an_increase(dut):
    """Equal, higher, as high as can be; lower is a fault.  One directly behind another, channels mixed."""
    random = generator()
    await begin(dut)
    credits = Credits(dut)
    top = (1 << 64) - 1
    now = [0] * parameters()["links"]
    amounts = [0, 0, 1, 1 << 32, 1 << 32, (1 << 32) - 1, 0, (1 << 63) + 5, 1 << 63, top - 1, top, top, 0, 1]
    history = [(slot, amount) for amount in amounts for slot in range(len(now))]
    history += [(random.randrange(len(now)), random.getrandbits(64)) for _ in range(60)]
    for slot, amount in history:
        told = await credits.send(slot, amount)
        if amount >= now[slot]:
            assert told == amount - now[slot]
            now[slot] = amount
        else:
            assert told < 0
            if random.random() < 0.7:  # the channel closes
                dut.beats__valid.value = 0
                dut.ended.value = 1 << slot
                await cycles(dut, 1)
                dut.ended.value = 0
                now[slot] = 0


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_epoch_that_ends_in_any_cycle_of_a_credit_voids_it(dut):
    await begin(dut)
    credits = Credits(dut)
    beats = -(-8 // credits.beat_bytes)
    for before in (False, True):
        for cycle in range(beats + CREDITED):
            if before:
                assert await credits.send(1, 1 << 40) == 1 << 40
            assert await credits.send(1, 1 << 50, end_at=cycle) is None
            assert await credits.send(1, 7) == 7, f"ended in cycle {cycle}"
            dut.beats__valid.value = 0
            dut.ended.value = 2
            await cycles(dut, 1)
            dut.ended.value = 0
