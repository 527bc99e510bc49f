"""Scan: exact with a store that stalls it anywhere; exact latencies with one that does not."""

import pytest
from interlock_hdl.log.scan import Scan
from lib.patterns import PATTERNS
from lib.run import run

RANDOM = "scans_of_a_slow_store_are_exact"
DIRECTED = ["latencies_are_exact"]
SIZE = {"links": 2, "entries": 20}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_scans_of_a_slow_store(pattern):
    """Each pattern on each of the five streams, the others with and without pauses."""
    for place in range(5):
        patterns = ["none", "half", "none", "half", "bursts"]
        patterns[place] = pattern
        run(Scan(**SIZE), "scan_tests", parameters={**SIZE, "patterns": patterns}, testcase=RANDOM)


def test_latencies():
    assert run(Scan(**SIZE), "scan_tests", parameters=SIZE, testcase=DIRECTED) == DIRECTED
    assert (Scan.described_latency, Scan.read_latency) == (3, 5)
