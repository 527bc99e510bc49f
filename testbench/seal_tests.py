"""Runs in the simulator: one WatchedSeal; whatever leaves is what ``cryptography`` makes of what came."""

from itertools import pairwise

import cocotb
from interlock.model.records import HEADER, RecordFlag, record_bytes
from lib.parameters import parameters
from lib.patterns import crossings
from lib.recorder import cycle_number
from lib.streams import cycles
from seal_bench import Bench, begin

LENGTHS = (0, *range(1, 34), 8, 0, 63, 64, 65, 200)
PHASES = 14


def odd(test: Bench, beats: list[dict[str, int]]) -> list[dict[str, int]]:
    """A record that is not as its header says: cut by the next one, too long, too short, without a first."""
    match test.random.randrange(4):
        case 0:
            return beats[: test.random.randrange(len(beats))]
        case 1:
            return [*beats[:-1], beats[-1] | {"last": 0}, *(beat | {"first": 0} for beat in beats)]
        case 2:
            end = test.random.randrange(len(beats))
            return [*beats[:end], beats[end] | {"last": 1}]
        case _:
            return [beat | {"first": 0} for beat in beats]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("egress", "links"), crossings(2)))
async def records_of_all_slots_at_any_pace(dut, egress, links):
    """Records of any size, whole or not, while keys come and epochs end."""
    test = await begin(dut, egress=egress, links=links)
    random, happened = test.random, test.model.happened
    wanted = ("whole", "cut", "no key", "ended amid a record", "wrong header")
    for n in range(1000):
        if n >= 25 and all(happened[what] > 1 for what in wanted):
            break
        for slot in random.choices(test.slots, k=4):
            beats = test.beats(slot, random.choice(LENGTHS))
            if random.random() < 0.25:
                beats = odd(test, beats)
            test.source.send(*beats)
        await test.wait(random.randrange(1, 15 * test.interval + 10))
        slot = random.choice(test.slots)
        if random.random() < 0.5:
            await test.flush(slot, count=random.choice((1, 1, 5)))
        await test.source.drained()
        if test.model.current[slot] is None or random.random() < 0.1:
            test.send_key(slot)
            await test.wait(random.choice((1, 400, 400, 800)))
    test.send(0, 5)  # so that it is seen where the last one is cut
    await test.end()
    for what in wanted:
        assert happened[what] > 1, happened


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_length_is_sealed_and_padded(dut):
    test = await begin(dut)
    lengths = [*range(34), 4095, 4096]
    for n, length in enumerate(lengths):
        slot = n % len(test.slots)
        await test.renew(slot)
        test.send(slot, length)
        if n % 6 == 5:
            await test.source.drained()
    await test.end()
    assert test.model.happened["whole"] == len(lengths)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def keys_follow_and_the_hard_stop_holds(dut):
    """The stop drops what comes after it, for its slot alone, until there is another key."""
    test = await begin(dut)
    stop, last, happened = test.model.stop, test.slots[-1], test.model.happened
    test.send(0, *(n % 3 for n in range(stop + 3)))
    if last:
        test.send(last, 5, 6)
    await test.settle()
    every = test.model.rekey_every
    assert +happened == {"whole": stop + 2 * (last > 0), "followed": stop // every - 1, "exhausted": 3}
    assert int(dut.exhausted.value) == 1
    await test.flush(0)
    await cycles(dut, 1)
    assert not dut.exhausted.value
    await test.key(0)
    test.send(0, 7)
    test.send(last, 8)
    await test.end()
    assert test.model.epochs[-1].seq == 1 if last else 2


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def what_egress_puts_in_place_of_a_number_does_not_count(dut):
    """Nor the channel, nor the flag CLEAR: what a nonce is made of is the seal's alone."""
    test = await begin(dut)
    for slot in test.slots:
        header = HEADER.pack(
            version=1,
            type=3,
            flags=RecordFlag.CLEAR | 1,
            channel=0xFFFF,
            length=20,
            seq=test.random.getrandbits(64),
        )
        test.source.send(*test.beats(slot, 20, header=header))
    await test.end()
    for slot in test.slots:
        first = b"".join(
            beat["data"].to_bytes(test.beat_bytes, "little") for _, beat in test.links[slot].taken
        )
        fields = HEADER.unpack(first[: HEADER.size])
        assert (fields["flags"], fields["seq"]) == (1, 0)
        assert fields["channel"] == test.model.epochs[slot].channel


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_record_that_is_cut_anywhere_never_gets_a_tag(dut):
    """Its blocks may have left, its number is lost, and the next record is whole."""
    test = await begin(dut)
    for slot in (0, test.slots[-1]):
        whole = test.beats(slot, 34)
        for end in range(1, len(whole)):
            await test.renew(slot)
            test.source.send(*whole[:end])
            test.send(slot, 3)
            await test.source.drained()
    await test.end()
    assert test.model.happened["cut"] >= 4


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def without_a_key_nothing_leaves(dut):
    """Not in clear, and not when the key comes while the record does, or waits."""
    test = await begin(dut, keyed=False)
    test.stall()
    for slot in test.slots:
        test.send(slot, 0, 30)
    await test.source.drained()
    test.send_key(*test.slots)
    while not int(dut.keyed.value) & 1:
        test.send(0, 40)
        await test.source.drained()
    await test.end()
    assert test.model.happened["no key"] > 10
    for came in range(1, 16 // test.beat_bytes + 1):  # beats of a record, before its key
        late = test.beats(0, 40)
        test.source.send(*late[:came])
        await test.key(0)
        test.source.send(*late[came:])
        await test.end()
    test.send(0, 40)
    await test.source.drained()
    await test.wait(300)
    test.check()
    assert test.model.current[0] is None


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_is_exact(dut):
    """Of a header, and of the tag of a record without a body; the engine has phases."""
    test = await begin(dut)
    beats = 16 // test.beat_bytes
    latencies, tag_latencies = [], []
    for phase in range(test.interval):
        if phase % 7 == 0:
            await test.flush(0)
            await test.key(0)
        while cycle_number() % test.interval != phase:
            await cycles(dut, 1)
        test.inputs.clear(), test.links[0].taken.clear()
        test.send(0, 0)
        await test.wait(test.latency + 10 * test.interval + 20)
        taken, sent = test.inputs[-1], [cycle for cycle, _ in test.links[0].taken]
        assert len(sent) == 2 * beats
        latencies.append(sent[0] - taken)
        tag_latencies.append(sent[beats] - taken)
    assert sorted(latencies) == [test.latency + n for n in range(test.interval)]
    pace = max(beats, test.interval)
    assert sorted(tag_latencies) == [test.latency + pace + n for n in range(test.interval)]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def records_follow_one_another_without_a_gap(dut):
    """A beat a cycle at the links, or a block every ``interval`` cycles; 16 bytes of a record each."""
    test = await begin(dut)
    for length in parameters()["lengths"]:
        await test.flush(*test.slots)
        await test.key(*test.slots)
        begun = cycle_number()
        count = min(test.model.rekey_every, 2 + 4096 // length)
        for _ in range(count):
            for slot in test.slots:
                test.send(slot, length)
        await test.settle()
        sent = sorted(
            (cycle, beat["first"]) for link in test.links for cycle, beat in link.taken if cycle > begun
        )
        headers = [cycle for cycle, first in sent if first]
        blocks = record_bytes(length) // 16
        period = blocks * max(test.interval, 16 // test.beat_bytes)
        assert [b - a for a, b in pairwise(headers)][1:] == [period] * (len(headers) - 2)
        rate = length / period
        assert rate >= 0.95 * (16 / max(test.interval, 16 // test.beat_bytes)) * (blocks - 2) / blocks
        print(f"{length} bytes: {rate:.3f} bytes a cycle")
        taken = [cycle for cycle in test.inputs if cycle > begun]
        assert taken[-1] - taken[0] < period * len(headers)
        if test.interval * test.beat_bytes == 16:  # only for the tag's block is there a wait
            assert taken[-1] - taken[0] in range(period * len(headers) - 4, period * len(headers))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def timing_does_not_depend_on_keys_or_data(dut):
    test = await begin(dut, keyed=False)
    seen = set()
    for n in range(4):
        while cycle_number() % PHASES:
            await cycles(dut, 1)
        begun = cycle_number()
        test.inputs.clear()
        test.send_key(*test.slots)
        await test.wait(500 * len(test.slots))
        data = test.random.randbytes if n else bytes
        for length in (20, 0, 33, 1, 16, 0, 8, 9, 12, 3):
            for slot in test.slots:
                test.source.send(*test.beats(slot, length, body=data(length)))
        await test.settle()
        outs = [cycle - begun for link in test.links for cycle, _ in link.taken if cycle > begun]
        seen.add((tuple(outs), tuple(cycle - begun for cycle in test.inputs)))
        await test.end()
    assert len(seen) == 1
    assert test.model.happened["followed"] == 4 * len(test.slots)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def keys_change_amid_traffic_of_other_slots(dut):
    """Which go on, but for a few blocks."""
    test = await begin(dut)
    busy = test.slots[-1]
    test.send(busy, *[4096 // test.interval] * (test.model.rekey_every - 1))
    sending = cocotb.start_soon(test.source.drained())
    loads = 0
    while not sending.done():
        await test.flush(0)
        await test.key(0)
        loads += 1
    assert loads > 3
    await test.settle()
    sent = [cycle for cycle, _ in test.links[busy].taken]
    assert max(b - a for a, b in pairwise(sent)) < 15 + 3 * test.interval
    await test.end()
