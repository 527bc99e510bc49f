"""Runs in the simulator: HashLog beside a naive store, compared in every cycle."""

from itertools import pairwise, product

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.hash_log import HashLog
from lib.parameters import generator, parameters
from lib.streams import cycles
from store_bench import LARGEST, OWN_ID, Bench, entry


@cocotb.test()
async def merges_and_reads_agree_with_a_naive_store(dut):
    """Random requests, of few keys, against random reads and announcements; wiped now and then."""
    bench = Bench(dut, generator(), patterns=parameters()["patterns"])
    await bench.start()
    random = bench.random
    keys = parameters()["keys"]
    digests = [random.getrandbits(256) for _ in range(keys)] + [random.randrange(keys) << 128]
    for wiped in range(3):
        if wiped:
            bench.peer(bench.some_entry(keys))
            bench.external(digests[0])
            bench.own(flags=2)
        bench.own(flops=random.choice([0, 0, 1000]))
        for _ in range(60):
            for _ in range(random.randrange(8)):
                kind = random.random()
                if kind < 0.1:
                    bench.own(flags=random.choice([0, 1, 4, 8, 13, 2]), mode=random.choice([1] * 9 + [3]))
                elif kind < 0.4:
                    bench.external(random.choice(digests))
                else:
                    bench.peer(*[bench.some_entry(keys)] * random.choice([1, 1, 2]))
            if random.random() < 0.4 and dut.own_ready.value:
                more = random.choice([0, 1, random.randrange(1000), random.getrandbits(90)])
                bench.sample(more, bound=random.choice([0, 10]))
            if random.random() < 0.4:
                bench.read_all()
            if random.random() < 0.3:
                await bench.merge.drained()
            if random.random() < 0.1:
                await bench.settle()
        if wiped % 2:
            await bench.settle()
        await bench.wipe()
    assert min(bench.answers[answer] for answer in Answer) > 5, bench.answers
    assert bench.aheads > 3
    assert bench.reads > 300
    assert bench.changes > 50


async def fill(bench: Bench, count: int) -> list[int]:
    """New keys, every fourth one external; returns the ids of the others."""
    ids = []
    for _ in range(count):
        if bench.random.random() < 0.25:
            bench.external(bench.random.getrandbits(256))
        else:
            ids.append(bench.random.getrandbits(128))
            bench.peer(entry(ids[-1], bench.random.getrandbits(90)))
    await bench.settle()
    return ids


@cocotb.test()
async def a_merge_takes_two_cycles_whatever_it_does(dut):
    """Insertions and updates, into an empty log, one half full, and one almost full: up to the last entry."""
    bench = Bench(dut, generator())
    await bench.start()
    bench.own()
    await bench.settle()
    many = bench.capacity // 4
    ids = []
    for full in (1, bench.capacity // 2, bench.capacity - many):
        ids += await fill(bench, full - int(dut.n_sessions.value) - int(dut.n_externals.value))
        for update in (False, True):
            bench.merged_at.clear()
            if update:
                ids = ids or [0]
                bench.peer(
                    *(entry(bench.random.choice(ids), bench.random.getrandbits(96)) for _ in range(many))
                )
                await bench.settle()
            else:
                ids += await fill(bench, many)
            assert [b - a for a, b in pairwise(bench.merged_at)] == [2] * (many - 1)
    assert int(dut.n_sessions.value) + int(dut.n_externals.value) == bench.capacity
    assert bench.answers == {Answer.OK: bench.answers.total()}


@cocotb.test()
async def an_entry_is_read_every_cycle_beside_merges(dut):
    bench = Bench(dut, generator())
    await bench.start()
    bench.own()
    ids = await fill(bench, bench.capacity - 1)
    bench.read_all()
    bench.read_all()
    bench.peer(
        *(entry(bench.random.choice(ids), bench.random.getrandbits(96)) for _ in range(bench.capacity))
    )
    while not dut.read__valid.value:
        await RisingEdge(dut.clk)
    for _ in range(2 * bench.capacity):
        assert dut.read__ready.value
        await RisingEdge(dut.clk)
    await bench.settle()
    assert bench.reads == 2 * bench.capacity


@cocotb.test()
async def a_full_log_refuses_what_is_new_and_merges_what_it_knows(dut):
    bench = Bench(dut, generator())
    await bench.start()
    bench.own()
    ids = await fill(bench, bench.capacity - 1)
    bench.answers.clear()
    bench.peer(entry(OWN_ID + 1), entry(ids[0], 2**96 - 1), entry(OWN_ID + 1), entry(OWN_ID, 0))
    bench.external(5, 5)
    bench.read_all()
    await bench.settle()
    assert bench.answers == {Answer.FULL: 4, Answer.OK: 2}
    assert bench.reads == bench.capacity


@cocotb.test()
async def a_key_meets_itself_at_every_distance(dut):
    """New, known, external and own keys, again and again, with so many others in between."""
    bench = Bench(dut, generator())
    await bench.start()
    for distance, kind in product(range(6), ("session", "external", "own")):
        await bench.wipe()
        bench.own()
        await bench.settle()
        for repeat in range(4):
            match kind:
                case "session":
                    bench.peer(entry(77, [5, 3, 9, 9][repeat], flags=[1, 8, 1, 4][repeat]))
                case "external":
                    bench.external(77 << 128)
                case "own":
                    bench.own(flags=[1, 4, 1, 8][repeat])
                    bench.peer(entry(OWN_ID, repeat))
            bench.peer(*(entry(1000 + n) for n in range(distance)))
        bench.read_all()
        await bench.settle()
        bench.read_all()
        await bench.settle()
        assert int(dut.n_sessions.value) + int(dut.n_externals.value) == 1 + distance + (kind != "own")


@cocotb.test()
async def a_read_meets_a_merge_and_an_announcement_in_every_cycle(dut):
    """Of entry 0, of one that is written, and of its neighbour, moved past a merge cycle by cycle."""
    bench = Bench(dut, generator())
    await bench.start()
    bench.own()
    bench.peer(entry(1), entry(2))
    await bench.settle()
    flops = 0
    for offset in range(HashLog.merge_latency - 4, HashLog.merge_latency + 8):
        for parity in range(2):
            await cycles(dut, parity)
            flops += 1 + bench.random.getrandbits(80)  # more each time, so that it is a change
            bench.peer(entry(1, flops))
            bench.own(flags=bench.random.choice([1, 5, 9, 13]))
            await cycles(dut, offset)
            bench.read.send(*({"external": 0, "index": n} for n in (0, 1, 0, 2, 1, 0)))
            bench.sample()
            await bench.settle()


@cocotb.test()
async def a_claim_is_held_against_the_most_that_was_ever_announced(dut):
    """A stream's bound, too, although a later announcement has none; and nothing that is said of others."""
    bench = Bench(dut, generator())
    await bench.start()
    bench.own()
    await bench.settle()
    for more, bound in ((100, 50), (1, 0), (2**60, 2**95), (0, 0)):
        bench.sample(more, bound)
        await bench.settle()
        before = bench.aheads
        bench.peer(entry(OWN_ID, bench.most), entry(1, LARGEST), entry(OWN_ID, bench.most + 1, mode=3))
        bench.peer(*[entry(OWN_ID, bench.most + 1, flags=2)] * 3)
        await bench.settle()
        assert bench.aheads == before + 4


@cocotb.test()
async def a_count_below_the_last_is_a_fault(dut):
    bench = Bench(dut, generator())
    await bench.start()
    bench.own()
    await bench.settle()
    bench.sample(1000)
    await bench.settle()
    bench.faults_expected = True
    bench.announce.send({"count": 999, "announced": 999})
    await bench.announce.drained()
    await cycles(dut, 3)
    assert dut.fault.value
    await cycles(dut, 20)
    assert dut.fault.value, "latched"
    await bench.wipe()
    assert not dut.fault.value


@cocotb.test()
async def keys_aimed_at_one_hash_do_no_harm_under_another(dut):
    """As many keys of one bucket in either level as find no room: under the key that they were made for."""
    bench = Bench(dut, generator())
    await bench.start()
    for key in (parameters()["aimed_at"], "00" * 16, "5a" * 16):
        bench.next_key = bytes.fromhex(key)
        await bench.wipe()
        bench.own()
        bench.peer(*(entry(int(number)) for number in parameters()["aimed"]))
        bench.answers.clear()
        await bench.settle()
        aimed = key == parameters()["aimed_at"]
        assert bench.answers[Answer.FULL] == (parameters()["too_many"] if aimed else 0)
        assert bench.answers[Answer.OK] == 1 + len(parameters()["aimed"]) - bench.answers[Answer.FULL]
