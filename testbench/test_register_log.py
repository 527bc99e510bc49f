"""RegisterLog: merges and reads as the naive log has them, exact latencies, and who sees what when."""

import pytest
from interlock_hdl.log.register_log import RegisterLog
from lib.patterns import crossings
from lib.run import run

RANDOM = "merges_and_reads_agree_with_the_naive_log"
MEETING = "a_merge_meets_a_read_in_every_cycle"
DIRECTED = [
    "a_merge_takes_two_cycles_whatever_it_does",
    "an_entry_is_read_in_every_cycle",
    "nothing_but_entry_0_can_be_first",
    "zeros_are_an_id_and_a_digest_like_any_other",
    "a_digest_is_no_session_and_a_session_no_digest",
    "a_count_below_the_last_is_a_fault_before_an_entry_leaves",
]


@pytest.mark.parametrize("entries", [2, 3, 16])
def test_agrees_with_the_naive_log(entries):
    for patterns in crossings(4):
        parameters = {"entries": entries, "patterns": patterns}
        run(RegisterLog(entries=entries), "register_log_tests", parameters=parameters, testcase=RANDOM)


@pytest.mark.parametrize("sink", ["none", "half"])
def test_a_merge_meets_a_read(sink):
    parameters = {"entries": 5, "sink": sink}
    run(RegisterLog(entries=5), "register_log_tests", parameters=parameters, testcase=MEETING)


@pytest.mark.parametrize("entries", [5, 16])
def test_latencies_and_corner_cases(entries):
    passed = run(
        RegisterLog(entries=entries), "register_log_tests", parameters={"entries": entries}, testcase=DIRECTED
    )
    assert passed == DIRECTED


def test_latencies_are_as_documented():
    assert (RegisterLog.merge_latency, RegisterLog.read_latency) == (2, 1)


@pytest.mark.parametrize("entries", [0, 1, 65])
def test_refuses_a_size_that_it_cannot_have(entries):
    with pytest.raises(ValueError, match="entries must be 2 … 64"):
        RegisterLog(entries=entries)
