"""Mutations fit the source; the judge tells a failed assertion from other failures."""

from xml.etree import ElementTree

import pytest
from mutants.mutation import ROOT, Outcome, judge
from mutants.mutations import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name.replace(" ", "_"))
def test_mutation_fits_the_source_and_names_a_test(mutation):
    mutation.check()
    assert mutation.new != mutation.old
    assert (ROOT / "testbench" / mutation.test.partition("::")[0]).is_file()


def test_names_are_unique():
    assert len({m.name for m in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("", Outcome.PASSED),
        ('<failure message="AssertionError: wrong"/>', Outcome.ASSERTION),
        ('<failure message="assert 1 == 2"/>', Outcome.ASSERTION),
        ('<failure message="interlock.device.compare.Mismatch: node0.tx"/>', Outcome.ASSERTION),
        (
            '<failure message="AssertionError: failed in simulation:&#10;a: AssertionError: x"/>',
            Outcome.ASSERTION,
        ),
        (
            '<failure message="AssertionError: failed in simulation:&#10;[+1 more line]">'
            "E       AssertionError: failed in simulation:&#10;E       a: AssertionError: x</failure>",
            Outcome.ASSERTION,
        ),
        (
            '<failure message="AssertionError: failed in simulation:&#10;a: SimTimeoutError: "/>',
            Outcome.OTHER,
        ),
        ('<failure message="Failed: Timeout &gt;900s"/>', Outcome.OTHER),
        ('<failure message="lib.run.SimulationBroke: no cocotb test ran"/>', Outcome.OTHER),
        ('<error message="collection failure"/>', Outcome.OTHER),
        ('<skipped message="no"/>', Outcome.OTHER),
    ],
    ids=[
        "passed",
        "assertion",
        "bare",
        "mismatch",
        "in_simulation",
        "cut_short",
        "sim_timeout",
        "timeout",
        "broke",
        "error",
        "skipped",
    ],
)
def test_only_failed_assertions_kill(problem, expected):
    results = ElementTree.fromstring(
        f"<testsuites><testsuite><testcase>{problem}</testcase></testsuite></testsuites>"
    )
    assert judge(results).outcome is expected


def test_no_test_is_no_kill():
    assert judge(ElementTree.fromstring("<testsuites/>")).outcome is Outcome.OTHER
