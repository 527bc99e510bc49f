"""RegisterLog: merge and scan as the golden log has them, exact latencies, and who sees what when."""

import pytest
from interlock_hdl.log.register_log import RegisterLog
from lib.patterns import PATTERNS
from lib.run import run

RANDOM = "merges_and_scans_agree_with_the_golden_log"
DIRECTED = [
    "a_merge_takes_two_cycles_whatever_it_does",
    "a_scan_emits_an_entry_a_cycle",
    "a_merge_meets_a_scan_in_every_cycle",
    "a_merge_meets_a_stalled_scan_in_every_cycle",
    "nothing_but_entry_0_can_be_first",
    "an_id_of_zeros_is_an_id_like_any_other",
    "a_sample_below_the_last_is_a_fault_before_an_entry_leaves",
]


@pytest.mark.parametrize("entries", [2, 3, 16])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_agrees_with_the_golden_log(entries, pattern):
    """Each pattern on each of the three streams, the other two without and with pauses."""
    for patterns in [(pattern, "none", "half"), ("none", pattern, "bursts"), ("half", "none", pattern)]:
        parameters = {"entries": entries, "patterns": patterns}
        run(RegisterLog(entries=entries), "register_log_tests", parameters=parameters, testcase=RANDOM)


@pytest.mark.parametrize("entries", [2, 5])
def test_latencies_and_corner_cases(entries):
    passed = run(
        RegisterLog(entries=entries), "register_log_tests", parameters={"entries": entries}, testcase=DIRECTED
    )
    assert passed == DIRECTED


def test_scan_latency_is_three():
    assert RegisterLog.scan_latency == 3


@pytest.mark.parametrize("entries", [0, 1, 65])
def test_refuses_a_size_that_it_cannot_have(entries):
    with pytest.raises(ValueError, match="entries must be 2 … 64"):
        RegisterLog(entries=entries)
