"""Mutations fit the source; the judge tells a failed assertion from other failures."""

from xml.etree import ElementTree

import pytest
from mutants import report as reports
from mutants.mutation import ROOT, Outcome, Verdict, judge
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


def test_a_report_is_gone_on_with_until_a_source_changes(tmp_path, monkeypatch):
    file = tmp_path / "report.json"
    first = reports.Report(file, resume=True)
    first.passes("test_a.py")
    first.judged(MUTATIONS[0], Verdict(Outcome.ASSERTION, "AssertionError: 1"))
    first.judged(MUTATIONS[1], Verdict(Outcome.PASSED))

    again = reports.Report(file, resume=True)
    assert again.passing == ["test_a.py"]
    assert [again.killed(mutation) for mutation in MUTATIONS[:3]] == [True, False, False]
    assert not reports.Report(file, resume=False).killed(MUTATIONS[0])
    monkeypatch.setattr(reports, "fingerprint", lambda: "others")
    assert not reports.Report(file, resume=True).killed(MUTATIONS[0])


def test_the_fingerprint_is_of_gateware_tests_and_software(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "ROOT", tmp_path)
    seen = [reports.fingerprint()]
    for name in ("hdl/a.py", "sw/b.py", "testbench/c.py", "hdl/d.rdl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        for text in ("", "1"):
            (tmp_path / name).write_text(text)
            seen.append(reports.fingerprint())
    assert len(set(seen)) == len(seen)
