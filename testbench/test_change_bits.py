"""ChangeBits: sets as naive ones have them, exact latencies, and no stall however few bits are set."""

from itertools import product

import pytest
from interlock_hdl.log.change_bits import ChangeBits
from lib.patterns import PATTERNS
from lib.run import run

RANDOM = "sets_agree_with_naive_ones"
DIRECTED = [
    "a_change_meets_a_flip_in_every_cycle",
    "addresses_come_at_once_and_in_every_second_cycle",
    "a_wipe_takes_one_pass",
]
BUILDS = {"smallest": (1, 2), "registers": (2, 16), "odd": (3, 50), "hash": (2, 1024), "largest": (1, 16384)}


def on(build: str, testcase: str | list[str], **parameters) -> list[str]:
    links, entries = BUILDS[build]
    block = ChangeBits(links=links, entries=entries)
    parameters |= {"links": links, "entries": entries, "words": block.words[0].words}
    return run(
        block, "change_bits_tests", parameters=parameters, testcase=testcase, name=f"ChangeBits_{build}"
    )


@pytest.mark.parametrize(
    ("build", "pattern"),
    [*product(["registers", "hash"], PATTERNS), ("smallest", "bursts"), ("odd", "long"), ("largest", "half")],
)
def test_agrees_with_naive_sets(build, pattern):
    on(build, RANDOM, pattern=pattern)


@pytest.mark.parametrize("build", ["registers", "hash", "largest"])
def test_latencies_and_corner_cases(build):
    assert on(build, DIRECTED) == DIRECTED


def test_latencies_are_as_documented():
    assert (ChangeBits.fixed_latency, ChangeBits.address_latency) == (3, 8)


@pytest.mark.parametrize(("links", "entries"), [(0, 16), (1, 1)])
def test_refuses_a_size_that_it_cannot_have(links, entries):
    with pytest.raises(ValueError, match="at least"):
        ChangeBits(links=links, entries=entries)
