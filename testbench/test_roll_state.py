"""After a roll, whatever was under way, nothing in a node tells of the time before."""

from interlock_hdl.config import InterlockConfig
from lib.parameters import generator
from lib.roll_bench import MOMENTS, NODE, SECOND, RollBench, compared

SMALL = InterlockConfig(beat_bytes=16, links=2, message_bytes=4608, log_entries=12)
ROUNDS = 3
"""Rolls for each of ``MOMENTS``."""


def test_after_a_roll_every_register_and_every_word_is_as_after_a_reset():
    """Whenever it rolls, and always after the same time.  Nothing is left out of the comparison."""
    random = generator()
    bench = RollBench(SMALL, random)
    cells = [cell for cell in bench.fresh[0].cells if cell.name.startswith(NODE)]
    memories = [cell for cell in cells if cell.words > 1]
    print(f"{len(cells) - len(memories)} registers, {sum(cell.words for cell in memories)} words of memories")
    assert compared(*bench.fresh), "with other random words it is another session"

    moments = list(MOMENTS) * ROUNDS
    random.shuffle(moments)
    cycles = set()
    for number, (moment, roll) in enumerate(zip(moments, bench.rolls(moments), strict=True)):
        print(f"roll {number}: {roll.when}")
        assert not roll.different, f"roll {number}, {roll.when}: {'; '.join(map(str, roll.different[:20]))}"
        if moment not in SECOND:
            cycles.add(roll.cycles)
    assert len(cycles) == 1, "how long it takes would tell of the time before"

    print(bench.under_way)
    assert min(bench.under_way.values()) > 0
    assert [memory.name for memory in memories if not bench.used[memory.name]] == []
    assert sum(cell.name in bench.used for cell in cells) > 0.75 * len(cells), "they held something else"
