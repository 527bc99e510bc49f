"""``make mutants``: every mutation against its test.  Exits with 1 if any survives."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mutants.mutation import ROOT, Mutation, Outcome, Verdict, run_test
from mutants.mutations import MUTATIONS

BUILD = ROOT / "build" / "mutants"
CONSOLE = Console(stderr=True)
T = TypeVar("T", str, Mutation)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", help="only mutations whose name contains TEXT")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, default=BUILD / "report.json", help="where to write the results"
    )
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if not arguments.only or arguments.only in m.name]
    if not chosen:
        parser.error(f"no mutation's name contains {arguments.only!r}")

    for mutation in chosen:
        mutation.check()
    if broken := _broken(sorted({mutation.test for mutation in chosen})):
        for test, verdict in broken.items():
            CONSOLE.print(f"[red]{test} does not pass without a mutation: {verdict.reason}")
        return 1

    def judge(mutation: Mutation) -> Verdict:
        folder = _folder(mutation.name)
        overlay = mutation.overlay(folder / "hdl")
        return run_test(mutation.test, overlay=overlay, results=folder / "results.xml")

    verdicts: dict[Mutation, Verdict] = {}
    try:
        for mutation, verdict in _each(judge, chosen, "mutations"):
            verdicts[mutation] = verdict
            _write(arguments.json, verdicts)  # at once, so that nothing is lost if somebody interrupts
    finally:
        _show(verdicts)
    killed = sum(verdict.outcome is Outcome.ASSERTION for verdict in verdicts.values())
    print(f"{killed} of {len(chosen)} mutations killed")
    return 0 if killed == len(chosen) else 1


def _broken(tests: list[str]) -> dict[str, Verdict]:
    """The tests that do not even pass without a mutation."""

    def judge(test: str) -> Verdict:
        return run_test(test, overlay=None, results=_folder(test) / "results.xml")

    verdicts = dict(_each(judge, tests, "tests without mutation"))
    return {test: verdict for test, verdict in verdicts.items() if verdict.outcome is not Outcome.PASSED}


def _folder(of: str) -> Path:
    return BUILD / re.sub(r"\W+", "-", of)


def _each(judge: Callable[[T], Verdict], subjects: list[T], title: str) -> Iterator[tuple[T, Verdict]]:
    """Verdicts as they come, one job for each core, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        jobs = {pool.submit(judge, subject): subject for subject in subjects}
        with Progress(*columns, console=CONSOLE) as progress:
            for job in progress.track(as_completed(jobs), total=len(jobs), description=title):
                yield jobs[job], job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _show(verdicts: dict[Mutation, Verdict]) -> None:
    table = Table("mutation", "killed by", "because")
    for mutation, verdict in verdicts.items():
        if verdict.outcome is Outcome.ASSERTION:
            table.add_row(mutation.name, mutation.test, verdict.reason)
        else:
            table.add_row(
                f"[red]{mutation.name}",
                f"[red]SURVIVED {mutation.test}",
                f"{verdict.outcome.value} {verdict.reason}",
            )
    Console().print(table)


def _write(path: Path, verdicts: dict[Mutation, Verdict]) -> None:
    rows = [
        {"mutation": m.name, "file": m.file, "test": m.test, "outcome": v.outcome.value, "reason": v.reason}
        for m, v in verdicts.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=2) + "\n")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
