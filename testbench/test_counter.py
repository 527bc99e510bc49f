"""FlopCounter: sums, saturation, alarms, and the exact latency of a sample."""

import pytest
from counter_tests import CASES, component
from interlock_hdl.config import STANDARD_WEIGHTS, IssuePort, WeightTable
from interlock_hdl.counter import FlopCounter
from lib.run import run

SATURATION = "a_full_total_saturates_raises_the_alarm_and_stays"
FROM_THE_PORTS = [
    "every_event_is_in_the_sample_of_its_cycle",
    "a_lone_event_is_covered_in_its_own_cycle_and_not_one_earlier",
    "every_op_class_has_its_weight",
    "over_peak_is_an_alarm_until_wiped_and_is_counted",
    "a_wipe_leaves_nothing_behind_and_drops_samples_on_their_way",
]


@pytest.mark.parametrize("case", CASES)
def test_counts_every_event_and_raises_alarms(case):
    passed = run(component(case), "counter_tests", parameters={"case": case}, testcase=FROM_THE_PORTS)
    assert passed == FROM_THE_PORTS


@pytest.mark.parametrize("case", ["one_class", "two_ports"])
def test_saturates(case):
    run(component(case), "counter_tests", parameters={"case": case}, testcase=SATURATION, public=True)


@pytest.mark.parametrize(
    ("case", "latency"), [("one_port", 5), ("two_ports", 6), ("three_ports", 7), ("opaque_only", 5)]
)
def test_latency_is_three_cycles_of_weighing_one_a_level_of_sums_and_two_of_keeping(case, latency):
    assert component(case).latency == latency


def test_refuses_to_count_nothing():
    with pytest.raises(ValueError, match="at least one issue port"):
        FlopCounter(issue_ports=(), weights=STANDARD_WEIGHTS)


def test_refuses_a_port_without_a_peak():
    with pytest.raises(ValueError, match="peak must be"):
        FlopCounter(issue_ports=(IssuePort(peak=0),), weights=STANDARD_WEIGHTS)


def test_refuses_an_empty_weight_table():
    with pytest.raises(ValueError, match="at least one class"):
        FlopCounter(issue_ports=(IssuePort(peak=1),), weights=WeightTable(number=1, classes={}))
