"""One mutation, and what its test makes of it."""

import enum
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
ASSERTIONS = ("AssertionError", "interlock.device.compare.Mismatch")
"""Exceptions of a failed check, as pytest prints them.  Nothing else kills: no crash, no time-out."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A fault, as a change of source text.

    Parameters
    ----------
    name : str
        What the faulty gateware does.
    file : str
        Below ``hdl/interlock_hdl``.
    old, new : str
        ``old`` stands in the file exactly once.
    test : str
        Pytest node id, below ``testbench``, of the test that must notice.
    """

    name: str
    file: str
    old: str
    new: str
    test: str

    @property
    def source(self) -> Path:
        return ROOT / "hdl" / "interlock_hdl" / self.file

    def check(self) -> None:
        """Raises ``ValueError`` unless the mutation still fits the source."""
        count = self.source.read_text().count(self.old)
        if count != 1:
            raise ValueError(f"{self.name}: its text stands {count} times in {self.file}, not once")

    def overlay(self, folder: Path) -> Path:
        """A copy of the gateware with the fault in it; the folder to put before all others on the path."""
        self.check()
        shutil.rmtree(folder, ignore_errors=True)
        package = folder / "interlock_hdl"
        shutil.copytree(ROOT / "hdl" / "interlock_hdl", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / self.file).write_text(self.source.read_text().replace(self.old, self.new))
        return folder


class Outcome(enum.Enum):
    """What became of a test."""

    PASSED = "passed"
    ASSERTION = "assertion failed"
    OTHER = "failed otherwise"


@dataclass(frozen=True)
class Verdict:
    """An outcome, and the first line of its reason."""

    outcome: Outcome
    reason: str = ""


def run_test(test: str, *, overlay: Path | None, results: Path) -> Verdict:
    """Runs one test, on the gateware as it is or on an overlay."""
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    environment = dict(os.environ)
    if overlay is not None:
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{overlay}{os.pathsep}{before}" if before else str(overlay)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        f"--junitxml={results}",
        test,
    ]
    output = subprocess.run(
        command, cwd=ROOT / "testbench", env=environment, capture_output=True, text=True, check=False
    )
    if not results.is_file():
        return Verdict(Outcome.OTHER, (output.stdout + output.stderr).strip().splitlines()[-1])
    return judge(ElementTree.parse(results).getroot())


def judge(results: ElementTree.Element) -> Verdict:
    """The verdict in a JUnit file of one test, or of the cases of one parametrised test."""
    cases = list(results.iter("testcase"))
    if not cases:
        return Verdict(Outcome.OTHER, "no test ran")
    for case in cases:
        if (failure := case.find("failure")) is not None:
            return _judge_failure(failure.get("message") or "", failure.text or "")
        for kind in ("error", "skipped"):
            if (problem := case.find(kind)) is not None:
                return Verdict(Outcome.OTHER, f"{kind}: {problem.get('message')}")
    return Verdict(Outcome.PASSED)


def _judge_failure(message: str, report: str) -> Verdict:
    """A failure counts as an assertion only if an assertion is what failed, in the simulator too.

    Pytest cuts long messages; the report beside them has every line.
    """
    kind, _, text = message.partition(": ")
    if kind not in ASSERTIONS and not message.startswith("assert "):
        return Verdict(Outcome.OTHER, message.splitlines()[0])
    lines = text.splitlines()
    if lines and lines[0] == "failed in simulation:":
        told = lines[1:] + [line[1:].strip() for line in report.splitlines() if line.startswith("E ")]
        failed = [line for line in told if re.match(r"\S+: AssertionError\b", line)]
        if not failed:
            return Verdict(Outcome.OTHER, lines[1])
        return Verdict(Outcome.ASSERTION, failed[0])
    return Verdict(Outcome.ASSERTION, message.splitlines()[0])
