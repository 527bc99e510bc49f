"""Runs in the simulator: bits of a HashLog flipped, one at a time, and what becomes of it.

Of all registers a few bits, of those that decide all, and bits of all memories.
"""

from collections import Counter
from random import Random

import cocotb
from amaranth.lib import wiring
from flips_tests import DETECTION, SMALL, Single
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.hash_log import HashLog
from interlock_hdl.log.index_shape import IndexShape
from interlock_hdl.log.store import Announcement, EntryAddress, MergeRequest, ReadEntry
from interlock_hdl.record import Entry
from lib.flips import Cycle, FlipFlop, Inside, MemoryBit, Replay, difference, flip_flops, memories
from lib.parameters import generator, parameters
from lib.streams import pack, unpack

ENTRIES = 16
SHAPE = IndexShape(address_bits=4, bucket_bits=2, slots=2, fingerprint_bits=8, stash=2)
OWN_ID = 99
BITS = 3  # of a wide register
MEMORY_BITS = 150

INPUTS = [
    *("wipe", "merge__payload", "merge__valid", "announce__payload", "announce__valid", "read__payload"),
    *("read__valid", "entries__ready", "key"),
]
OUTPUTS = [
    *("wiped", "merge__ready", "merged", "answer", "own_ahead", "changed", "changed_at", "announce__ready"),
    *("read__ready", "entries__payload", "entries__valid", "n_sessions", "n_externals", "own_ready", "fault"),
]
QUALIFIED = {
    "entries__payload": "entries__valid",
    "answer": "merged",
    "own_ahead": "merged",
    "changed": "merged",
    "changed_at": "changed",
}
WIPE, BUSY, SETTLED, END = 18, 74, 118, 168
"""A wipe until then, for memories keep what the run before left there; merges; all answered; all read."""


class UntwinnedLog(HashLog):
    """A log whose control registers are held once: the campaign must find it out."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.control = Single(self.control.value.shape(), init={"odd": 1})


def component(name: str) -> wiring.Component:
    return Inside({"hash_log": HashLog, "untwinned": UntwinnedLog}[name](entries=ENTRIES, shape=SHAPE))


def traffic(random: Random) -> list[Cycle]:
    """Merges of few keys, a count that is announced, and reads; at the end everything is read."""
    ids, digests = [random.getrandbits(128) for _ in range(5)], [random.getrandbits(256) for _ in range(3)]
    key, count, steps = random.getrandbits(128), 0, []

    def request(first: bool) -> int:
        own = first or random.random() < 0.1
        external = not own and random.random() < 0.3
        entry = {
            "session_id": OWN_ID if own else random.choice([*ids, OWN_ID]),
            "flops": 0 if first else random.getrandbits(random.choice([4, 96])),
            "provenance": {"mode": 1, "weight_table": 1, "flags": random.choice([1, 5, 9])},
        }
        entry = unpack(Entry, random.choice(digests)) if external else entry
        return pack(MergeRequest, {"entry": entry, "external": external, "own": own})

    everything = [{"external": external, "index": n} for external in (0, 1) for n in range(ENTRIES)]
    for cycle in range(END):
        step = dict.fromkeys(INPUTS, 0) | {"key": key, "entries__ready": 1, "wipe": cycle < WIPE}
        if WIPE < cycle < BUSY:
            # Requests are taken in every second cycle, from the second one on.
            first = cycle == WIPE + 1
            offered = (cycle - WIPE) % 2 and (first or random.random() < 0.8)
            step |= {"merge__valid": offered, "merge__payload": request(first) if offered else 0}
        if SETTLED - 8 > cycle > WIPE + 40:
            step["entries__ready"] = random.random() < 0.7
            if cycle % 2 and random.random() < 0.3:
                count += random.randrange(1000)
                announcement = {"count": count, "announced": count + 5}
                step |= {"announce__valid": 1, "announce__payload": pack(Announcement, announcement)}
            if random.random() < 0.5:
                step |= {"read__valid": 1, "read__payload": 0}
        if SETTLED <= cycle < SETTLED + len(everything):
            address = pack(EntryAddress, everything[cycle - SETTLED])
            step |= {"read__valid": 1, "read__payload": address}
        steps.append(step)
    return steps


def shown(cycle: Cycle) -> Cycle:
    """What means something in this cycle."""
    return {n: v for n, v in cycle.items() if n != "fault" and cycle.get(QUALIFIED.get(n, ""), 1)}


def check_nothing_is_lost(applied: list[Cycle], seen: list[Cycle]) -> None:
    """Every merge that was answered OK is in what is read at the end."""
    asked = [
        a["merge__payload"]
        for a, s in zip(applied, seen, strict=True)
        if a["merge__valid"] and s["merge__ready"]
    ]
    answers = [Answer(cycle["answer"]) for cycle in seen if cycle["merged"]]
    assert len(answers) == len(asked), "a request without an answer"
    held = (seen[-1]["n_sessions"], seen[-1]["n_externals"])
    flops: Counter[int] = Counter()
    flags: Counter[int] = Counter()
    digests = set()
    for cycle in seen[SETTLED:]:
        if not cycle["entries__valid"]:
            continue
        read = unpack(ReadEntry, cycle["entries__payload"])
        address, entry = read["address"], read["entry"]
        if address["index"] >= held[address["external"]]:
            continue
        if address["external"]:
            digests.add(pack(Entry, entry))
        else:
            session = entry["session_id"]
            flops[session] = max(flops[session], entry["flops"])
            flags[session] |= entry["provenance"]["flags"]
    counts = [
        unpack(Announcement, a["announce__payload"])["count"]
        for a, s in zip(applied, seen, strict=True)
        if a["announce__valid"] and s["announce__ready"]
    ]
    assert flops[OWN_ID] >= max(counts, default=0), "the node's own count"
    for bits, answer in zip(asked, answers, strict=True):
        request = unpack(MergeRequest, bits)
        entry = request["entry"]
        if answer != Answer.OK:
            continue
        if request["external"]:
            assert pack(Entry, entry) in digests, "a digest is lost"
        elif request["own"]:
            assert not entry["provenance"]["flags"] & ~flags[OWN_ID], "a mark is lost"
        elif entry["session_id"] != OWN_ID:
            assert entry["flops"] <= flops[entry["session_id"]], "too few FLOPs"
            assert not entry["provenance"]["flags"] & ~flags[entry["session_id"]], "a flag is lost"


def judge(clean: list[Cycle], applied: list[Cycle], seen: list[Cycle], *, protected: bool) -> bool:
    """Whether there was a fault; fails where something is lost, or wrong and no fault in time."""
    for now, (right, one) in enumerate(zip(clean, seen, strict=True)):
        if wrong := difference(shown(right), shown(one)):
            if any(cycle["fault"] for cycle in seen[: now + DETECTION + 1]):
                break
            assert not protected, f"cycle {now}: {wrong}, and no fault"
    if not seen[-1]["fault"]:
        check_nothing_is_lost(applied, seen)
    return bool(seen[-1]["fault"])


def targets(random: Random, block: wiring.Component) -> list[FlipFlop | MemoryBit]:
    """What is flipped."""
    registers: dict[tuple[str, ...], list[FlipFlop | MemoryBit]] = {}
    for flip_flop in flip_flops(block, memories=True):
        registers.setdefault(flip_flop.path, []).append(flip_flop)
    chosen = []
    for path, bits in registers.items():
        every = len(bits) <= 2 * SMALL or path[-1] in ("value", "inverse")
        chosen += bits if every else random.sample(bits, BITS)
    for memory in memories(block):
        for _ in range(MEMORY_BITS):
            bit = MemoryBit(memory.path, random.randrange(memory.depth), random.randrange(memory.width))
            chosen.append(bit)
    random.shuffle(chosen)
    return chosen


@cocotb.test()
async def every_flip_is_safe(dut):
    """In a random cycle each, small registers in several; the traffic is drawn anew for every few flips."""
    random = generator()
    replay = Replay(dut, inputs=INPUTS, outputs=OUTPUTS)
    block = component(parameters()["component"])
    results: Counter[tuple[str, bool]] = Counter()
    chosen = targets(random, block)
    for number, target in enumerate(chosen):
        if number % 25 == 0:
            stimulus = traffic(random)
            applied, clean = await replay.run(stimulus)
            assert not any(cycle["fault"] for cycle in clean)
            check_nothing_is_lost(applied, clean)
        flip_at = random.randrange(WIPE + 1, END - 12)
        applied, seen = await replay.run(stimulus, flip_flop=target, flip_at=flip_at, clean=clean)
        protected = not {"hash", "index"} & set(target.path)
        try:
            noticed = judge(clean, applied, seen, protected=protected)
        except AssertionError as error:
            raise AssertionError(f"{target} flipped in cycle {flip_at}: {error}") from None
        results[".".join(target.path[1:3]), noticed] += 1
    print(f"{len(chosen)} flips, {sum(n for (_, seen), n in results.items() if seen)} faults, all safe")
    for part in sorted({part for part, _ in results}):
        print(f"  {part}: {results[part, True]} noticed, {results[part, False]} not")
