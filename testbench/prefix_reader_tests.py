"""Runs in the simulator: PrefixReader, record by record, against the descriptor's arithmetic."""

from itertools import pairwise, product

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.records import DELTA, FULL, MAX_LENGTH, PREFIX_HEADER, cut_prefix
from interlock_hdl.prefix_reader import ReadEntry
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSource, cycles, pack, start

OWN = bytes(range(16))
HUGE = (1 << 32) - 1


def prefix_of(sessions: list[bytes], externals: list[bytes] = (), flags: int = FULL) -> bytes:
    fields = {"n_sessions": len(sessions), "n_externals": len(externals), "flags": flags}
    return PREFIX_HEADER.pack(**fields, reserved=0, max_bound=0) + b"".join([*sessions, *externals])


class Bench:
    def __init__(self, dut, body: str = "none", entries: str = "none") -> None:
        self.dut, self.random = dut, generator()
        self.links, self.beat_bytes = parameters()["links"], parameters()["beat_bytes"]
        self.body = BeatSource(dut, "body", self.beat_bytes, pattern=body, random=self.random)
        self.entries = Recorder(
            dut,
            "entries",
            ReadEntry,
            pattern=entries,
            random=self.random,
            unless=lambda: not dut.enable.value,
        )
        for name in (
            "enable",
            "slot",
            "som",
            "eom",
            "length",
            "settle",
            "abort",
            "ended",
            "peer_known",
            "peer_id",
        ):
            getattr(dut, name).value = 0
        dut.session_id.value = int.from_bytes(OWN)
        self.introduced = 0

    async def begin(self) -> None:
        await start(self.dut)

    async def read(
        self, slot: int, body: bytes, *, som: bool, eom: bool = False, length: int | None = None
    ) -> bool:
        """Reads a record; says whether it was faultless.  Only then the prefix is settled, if it ends."""
        dut = self.dut
        dut.slot.value = slot
        await cycles(dut, 1)
        dut.som.value, dut.eom.value = som, eom
        dut.length.value = len(body) if length is None else length
        dut.enable.value = 1
        self.body.send_message(body)
        done = False
        while not done:
            await RisingEdge(dut.clk)
            self.introduced += bool(dut.introduced.value)
            if dut.fault.value:
                break
            done = bool(dut.done.value)
            if done and dut.ends.value:
                dut.settle.value = 1
                await RisingEdge(dut.clk)
        dut.settle.value = 0
        dut.enable.value = 0
        self.body.withdraw()
        await cycles(dut, 2)
        return done

    def taken(self) -> list[tuple[bytes, bool]]:
        """Entries, and whether each is external."""
        payloads, self.entries.taken = self.entries.payloads, []
        shape = ReadEntry["entry"].shape
        return [(pack(shape, one["entry"]).to_bytes(32), bool(one["external"])) for one in payloads]

    async def over(self, slot: int) -> None:
        """The epoch ends."""
        self.dut.ended.value = 1 << slot
        await cycles(self.dut, 1)
        self.dut.ended.value = 0


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(body=list(PATTERNS), entries=["none", "half", "long"])
async def prefixes_of_several_channels_are_read_record_by_record(dut, body, entries):
    """Sections and prefixes that end anywhere in a record, and one of another channel between any two."""
    bench = Bench(dut, body, entries)
    random = bench.random
    await bench.begin()
    counts = iter(
        random.sample(
            [(1, 0), (1, 1), (127, 0), (100, 27), (128, 0), (1, 127), (130, 130), (255, 1), (383, 1)], k=6
        )
    )
    parts: list[list[bytes]] = [[] for _ in range(bench.links)]
    expected: list[list] = [[] for _ in range(bench.links)]
    seen: list[list] = [[] for _ in range(bench.links)]
    begun = 0
    while True:
        slot = random.randrange(bench.links)
        som = not parts[slot]
        if som:
            if (count := next(counts, None)) is None:
                break
            sections = [[random.randbytes(32) for _ in range(n)] for n in count]
            parts[slot] = cut_prefix(prefix_of(*sections))
            expected[slot] += [(e, False) for e in sections[0]] + [(e, True) for e in sections[1]]
            begun += 1
        part = parts[slot].pop(0)
        assert await bench.read(slot, part, som=som, eom=not parts[slot] and random.random() < 0.5)
        seen[slot] += bench.taken()
        assert int(dut.middle.value) == sum(bool(left) << i for i, left in enumerate(parts))
    for slot, left in enumerate(parts):
        for part in left:
            assert await bench.read(slot, part, som=False)
            seen[slot] += bench.taken()
        assert seen[slot] == expected[slot]
    assert bench.introduced == begun == 6


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def an_entry_is_offered_one_cycle_after_its_last_beat(dut):
    """And a record is read at one beat a cycle."""
    bench = Bench(dut)
    await bench.begin()
    beats = 32 // bench.beat_bytes
    for count in (1, 2, 127):
        body = prefix_of([bytes([i]) * 32 for i in range(1, count + 1)])
        begun = cycle_number()
        assert await bench.read(0, body, som=True)
        times = [when for when, _ in bench.entries.taken]
        gaps = {after - before for before, after in pairwise(times)}
        assert gaps <= {beats}
        # The channel is named first, and two cycles later the first beat is there; an entry is offered behind
        # its last one.
        assert times[0] == begun + 3 + 2 * beats
        bench.taken()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_length_that_does_not_fit_is_found_before_any_entry_is_offered(dut):
    """Counts up to the largest, in one section or both, every length at an edge, EOM or not."""
    bench = Bench(dut)
    await bench.begin()
    edges = (1, 2, 126, 127, 128, 129, 255, HUGE - 1, HUGE)
    sections = [(n, 0) for n in edges] + [(1, n - 1) for n in edges if n > 1]
    sections += [(HUGE, 1), (HUGE, 2), (HUGE, HUGE), (1, HUGE), (1 << 31, 1 << 31)]
    lengths = (64, 96, 4064, 4096)
    legal = 0
    for (n_sessions, n_externals), length, eom in product(sections, lengths, (False, True)):
        size = 32 + 32 * (n_sessions + n_externals)
        fits = length == min(size, MAX_LENGTH) and (not eom or length == size)
        descriptor = PREFIX_HEADER.pack(
            n_sessions=n_sessions, n_externals=n_externals, flags=FULL, reserved=0, max_bound=0
        )
        assert await bench.read(0, descriptor + b"\x11" * (length - 32), som=True, eom=eom) == fits
        seen = bench.taken()
        assert len(seen) == (length // 32 - 1 if fits else 0), (n_sessions, n_externals, length, eom)
        legal += fits
        if fits and size > length:  # the second record, of each length
            left = size - length
            for second in (32, 64, 4064, 4096):
                at_edge = second == min(left, MAX_LENGTH)
                if at_edge:
                    continue
                assert not await bench.read(0, b"\x11" * second, som=False)
                assert not bench.taken()
            second = min(left, MAX_LENGTH)
            assert await bench.read(0, b"\x11" * second, som=False, eom=second == left)
            assert len(bench.taken()) == second // 32
        await bench.over(0)
    assert legal > 15


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def full_is_due_until_one_was_merged_and_after_an_abort(dut):
    """A DELTA is refused before that; settling, abort and end count for their own channel alone."""
    bench = Bench(dut)
    await bench.begin()
    entry = b"\x11" * 32
    full, delta = prefix_of([entry]), prefix_of([entry], flags=DELTA)
    long = cut_prefix(prefix_of([entry] * 200))
    for channel in range(bench.links):
        assert not await bench.read(channel, delta, som=True)
        await bench.over(channel)
    for channel in range(bench.links):
        assert await bench.read(channel, full, som=True)
        assert await bench.read(channel, delta, som=True)
        assert await bench.read(channel, delta, som=True)
    for strobe in (dut.abort, dut.ended):
        for channel in range(bench.links):
            strobe.value = 1 << channel
            await cycles(dut, 1)
            strobe.value = 0
            await cycles(dut, 1)
            for other in range(bench.links):
                if other != channel:
                    assert await bench.read(other, delta, som=True)
            assert await bench.read(channel, long[0], som=True)
            strobe.value = 1 << channel  # in the middle of a FULL prefix
            await cycles(dut, 1)
            strobe.value = 0
            await cycles(dut, 1)
            assert not int(dut.middle.value) >> channel & 1
            assert not await bench.read(channel, delta, som=True)
            await bench.over(channel)
            assert await bench.read(channel, full, som=True)
            assert await bench.read(channel, delta, som=True)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def whoever_speaks_must_be_who_spoke_before_and_never_this_node(dut):
    """Every bit of the id is compared; later entries may have any."""
    bench = Bench(dut)
    await bench.begin()
    peer = b"\xa5" * 16
    rest = bytes(16)

    async def speaks(session_id: bytes) -> bool:
        good = await bench.read(0, prefix_of([session_id + rest, OWN + rest, peer + rest]), som=True)
        assert len(bench.taken()) == 3 * good
        await bench.over(0)
        return good

    def flipped(data: bytes, bit: int) -> bytes:
        return (int.from_bytes(data) ^ 1 << bit).to_bytes(16)

    assert await speaks(peer)
    assert not await speaks(OWN)
    for bit in range(128):
        assert await speaks(flipped(OWN, bit))
    dut.peer_known.value, dut.peer_id.value = 1, int.from_bytes(peer)
    assert await speaks(peer)
    assert not await speaks(OWN)
    for bit in range(128):
        assert not await speaks(flipped(peer, bit))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def every_bit_of_the_descriptor_is_judged(dut):
    """Flags must be exactly FULL or DELTA, reserved bits zero; ``max_bound`` may be anything."""
    bench = Bench(dut)
    await bench.begin()
    good = prefix_of([b"\x11" * 32])
    judged = range(8 * 8, 8 * 20)  # flags and reserved
    for bit in range(8 * 8, 8 * 32):
        flipped = (int.from_bytes(good[:32]) ^ 1 << 255 - bit).to_bytes(32) + good[32:]
        assert await bench.read(0, flipped, som=True) == (bit not in judged), f"bit {bit}"
        bench.taken()
        await bench.over(0)
    for flags, legal in ((FULL, True), (DELTA, True), (FULL | DELTA, False), (0, False)):
        assert await bench.read(0, good, som=True)
        assert await bench.read(0, prefix_of([b"\x11" * 32], flags=flags), som=True) == legal
        await bench.over(0)
    assert not await bench.read(
        0,
        PREFIX_HEADER.pack(n_sessions=0, n_externals=1, flags=FULL, reserved=0, max_bound=0) + bytes(32),
        som=True,
    )
