"""Runs in the simulator: one ClearSeal between a software egress and software links."""

from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.records import HEADER, VERSION, Record, RecordFlag, RecordType, record_bytes
from interlock_hdl.ports import RecordBeat
from lib.beats import BeatValue, beats_of, messages_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.recorder import Recorder, cycle_number
from lib.streams import StreamSource, beat_layout, cycles, start, unpack

LENGTHS = (0, *range(1, 40), 8, 0, 255, 256, 257)


def random_record(random: Random, length: int, seq: int = 0) -> Record:
    """Of any type that may be as long as that."""
    type = random.choice([type for type in RecordType if type.lengths[0] <= length <= type.lengths[1]])
    som, eom = (type.is_of_a_message and random.choice((False, True)) for _ in range(2))
    return Record(type, som, eom, seq, random.randbytes(length))


class Bench:
    def __init__(self, dut, *, egress: str = "none", links: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.latency = settings["beat_bytes"], settings["latency"]
        self.slots = range(settings["links"])
        self.shape = RecordBeat(self.beat_bytes, len(self.slots))
        dut.flush.value = dut.wipe.value = 0
        self.source = StreamSource(dut, "i", self.shape, pattern=egress, random=self.random)
        self.inputs: list[tuple[int, int]] = []  # cycle and slot of every beat taken
        cocotb.start_soon(self._note_inputs())
        self.links = [
            Recorder(
                dut,
                f"o__{slot}",
                beat_layout(self.beat_bytes),
                pattern=links,
                random=self.random,
                unless=lambda slot=slot: int(dut.flush.value) >> slot & 1 or dut.wipe.value,
            )
            for slot in self.slots
        ]

    async def _note_inputs(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if dut.i__valid.value and dut.i__ready.value and not dut.rst.value:
                self.inputs.append((cycle_number(), unpack(self.shape, int(dut.i__payload.value))["slot"]))

    def draft(self, slot: int, record: Record) -> list[dict[str, int]]:
        """The record as egress sends it: no number, no CLEAR, anything at all in bytes that are not kept."""
        flags = (RecordFlag.SOM if record.som else 0) | (RecordFlag.EOM if record.eom else 0)
        header = HEADER.pack(version=VERSION, type=record.type, flags=flags, length=len(record.body))
        beats = []
        for beat in beats_of(header + record.body, self.beat_bytes):
            unkept = self.random.getrandbits(8 * self.beat_bytes) << 8 * beat.keep.bit_count()
            fields = beat.fields() | {"slot": slot}
            fields["data"] |= unkept & (1 << 8 * self.beat_bytes) - 1
            beats.append(fields)
        return beats

    def send(self, slot: int, length: int, seq: int) -> bytes:
        """Queues a record; returns its bytes on the link."""
        record = random_record(self.random, length, seq)
        self.source.send(*self.draft(slot, record))
        return record.encode()

    def records(self, slot: int, since: int = 0) -> list[bytes]:
        """The records whose beats the link took since that cycle; fails unless all of them are whole."""
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in self.links[slot].since(since)]
        assert all(beat.keep == (1 << self.beat_bytes) - 1 for beat in beats)
        return messages_of(beats, self.beat_bytes)

    async def settle(self) -> None:
        """Waits until everything sent has left."""
        await self.source.drained()
        await cycles(self.dut, 60)


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(egress=PATTERNS, links=PATTERNS)
async def records_are_those_of_the_golden_model(dut, egress, links):
    test = await begin(dut, egress=egress, links=links)
    expected: list[list[bytes]] = [[] for _ in test.slots]
    for length in test.random.sample(LENGTHS, 20):
        slot = test.random.choice(test.slots)
        expected[slot].append(test.send(slot, length, seq=len(expected[slot])))
    await test.source.drained()
    await cycles(dut, 500)
    assert [test.records(slot) for slot in test.slots] == expected


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_length_is_padded(dut):
    test = await begin(dut)
    expected = [test.send(0, length, seq) for seq, length in enumerate((*LENGTHS, 4095, 4096))]
    await test.settle()
    assert test.records(0) == expected


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_is_exact(dut):
    test = await begin(dut)
    await cycles(dut, 5)
    test.send(0, 40, seq=0)
    while not (dut.i__valid.value and dut.i__ready.value):
        await RisingEdge(dut.clk)
    taken = cycle_number()
    await test.settle()
    assert test.links[0].taken[0][0] == taken + test.latency


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(lengths=[[4096] * 3, [0] * 20, [8] * 20, [1] * 20, [16] * 20, list(range(40))])
async def one_beat_a_cycle_on_the_wire(dut, lengths):
    """Back to back: a beat in every cycle from first to last; ``i`` waits for padding and tag only."""
    test = await begin(dut)
    beats = sum(record_bytes(length) for length in lengths) // test.beat_bytes
    for seq, length in enumerate(lengths):
        test.send(0, length, seq)
    while not dut.i__valid.value:
        await RisingEdge(dut.clk)
    waits = offers = 0
    while dut.i__valid.value:
        offers += 1
        waits += not dut.i__ready.value
        await RisingEdge(dut.clk)
    await test.settle()
    taken = test.links[0].taken
    assert len(taken) == beats
    assert taken[-1][0] - taken[0][0] + 1 == beats
    tail = -(-(16 + lengths[-1]) // 16) * 16 + 16 - (16 + lengths[-1])
    assert offers == beats - tail // test.beat_bytes
    assert waits == offers - test.source.taken


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def each_link_has_its_own_numbers(dut):
    test = await begin(dut)
    expected = [[test.send(slot, 5 + seq, seq) for seq in range(3)] for slot in test.slots]
    expected[0] += [test.send(0, 9, 3 + n) for n in range(2)]
    await test.settle()
    assert [test.records(slot) for slot in test.slots] == expected


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(
    (
        ("stalled", "egress", "links"),
        [
            (False, "none", "none"),
            (False, "half", "none"),
            (False, "none", "half"),
            (True, "none", "none"),
            (True, "half", "none"),
        ],
    ),
    length=[0, 21, 32],
)
async def flush_at_every_cycle_leaves_nothing_old(dut, stalled, egress, links, length):
    """In each cycle of a record's way: later beats are of the new epoch alone; other links do not notice."""
    test = await begin(dut, egress=egress, links=links)
    other = test.slots[-1]
    expected_of_other: list[bytes] = []
    cut_before = cut_inside = 0

    def send_other(length: int) -> None:
        if other:
            expected_of_other.append(test.send(other, length, len(expected_of_other)))

    for cut in range(test.latency + 3 * record_bytes(length) // test.beat_bytes):
        send_other(7)
        test.send(0, 3, seq=0)  # so that the number is not 0 anyway
        await test.settle()
        dut.flush.value = 1
        await cycles(dut, 1)
        dut.flush.value = 0
        send_other(7)
        already_taken = len(test.inputs)
        late = test.send(0, length, seq=0)
        send_other(33)
        test.links[0].stalled = stalled
        await cycles(dut, cut)
        dut.flush.value = 1
        await cycles(dut, 1)
        flushed = cycle_number()
        dut.flush.value = 0
        test.links[0].stalled = False
        await test.settle()
        begun = any(cycle <= flushed and slot == 0 for cycle, slot in test.inputs[already_taken:])
        expected = [] if begun else [late]
        expected.append(test.send(0, 18, seq=len(expected)))
        await test.settle()
        assert test.records(0, since=flushed + 1) == expected, f"flush {cut} cycles later"
        cut_before += not begun
        cut_inside += begun
        dut.flush.value = 1
        await cycles(dut, 1)
        dut.flush.value = 0
    assert cut_before
    assert cut_inside >= record_bytes(length) // test.beat_bytes
    if other:
        assert test.records(other) == expected_of_other


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def while_flush_is_high_records_are_taken_and_dropped(dut):
    test = await begin(dut)
    dut.flush.value = 1
    for length in (4, 40, 16):
        test.send(0, length, seq=0)
    await test.settle()
    dut.flush.value = 0
    expected = test.send(0, 12, seq=0)
    await test.settle()
    assert test.records(0) == [expected]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def flush_frees_a_seal_that_a_dead_link_holds_up(dut):
    test = await begin(dut)
    other = test.slots[-1]
    test.links[0].stalled = True
    test.send(0, 400, seq=0)
    await cycles(dut, 60)
    assert not dut.i__ready.value
    dut.flush.value = 1
    await cycles(dut, 1)
    dut.flush.value = 0
    flushed = cycle_number()
    await test.source.drained()
    if other:
        expected = test.send(other, 40, seq=0)
        await test.settle()
        assert test.records(other) == [expected]
    test.links[0].stalled = False
    expected = test.send(0, 40, seq=0)
    await test.settle()
    assert test.records(0, since=flushed) == [expected]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_record_without_first_is_dropped(dut):
    test = await begin(dut)
    headless = [fields | {"first": 0} for fields in test.draft(0, random_record(test.random, 30))]
    test.source.send(*headless)
    expected = test.send(0, 30, seq=0)
    await test.settle()
    assert test.records(0) == [expected]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(links=["none", "half"])
async def wipe_at_random_moments_is_a_fresh_start(dut, links):
    test = await begin(dut, links=links)
    for _ in range(60):
        for slot in test.slots:
            test.send(slot, test.random.randrange(1, 60), seq=0)
        await cycles(dut, test.random.randrange(1, 80))
        dut.wipe.value = 1
        for _ in range(test.random.randrange(1, 4)):
            await RisingEdge(dut.clk)
            assert not dut.i__ready.value, "takes while it is wiped"
            assert not any(getattr(dut, f"o__{slot}__valid").value for slot in test.slots)
        wiped = cycle_number()
        dut.wipe.value = 0
        await RisingEdge(dut.clk)
        assert not any(getattr(dut, f"o__{slot}__valid").value for slot in test.slots)
        # What egress still offers is the rest of a record, and whole ones: these get the first numbers.
        await test.settle()
        for slot in test.slots:
            records = test.records(slot, since=wiped)
            expected = test.send(slot, 20, seq=len(records))
            await test.settle()
            assert test.records(slot, since=wiped) == [*records, expected]
            assert [int.from_bytes(record[8:16]) for record in records] == list(range(len(records)))
