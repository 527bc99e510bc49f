"""``make mutants``: every mutation against its test.  Exits with 1 if any survives."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mutants.mutation import ROOT, Mutation, Outcome, Verdict, run_test
from mutants.mutations import MUTATIONS
from mutants.report import Report

BUILD = ROOT / "build" / "mutants"
CONSOLE = Console(stderr=True)
T = TypeVar("T", str, Mutation)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", help="only mutations whose name contains TEXT")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, default=BUILD / "report.json", help="where to write the results"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what FILE has, as long as no source has changed"
    )
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if not arguments.only or arguments.only in m.name]
    if not chosen:
        parser.error(f"no mutation's name contains {arguments.only!r}")

    for mutation in chosen:
        mutation.check()
    report = Report(arguments.json, resume=arguments.resume)
    left = [mutation for mutation in chosen if not report.killed(mutation)]
    if len(left) < len(chosen):
        CONSOLE.print(f"{len(chosen) - len(left)} mutations were killed before")
    try:
        if broken := _broken(sorted({mutation.test for mutation in left} - set(report.passing)), report):
            for test, verdict in broken.items():
                CONSOLE.print(f"[red]{escape(f'{test} does not pass without a mutation: {verdict.reason}')}")
            return 1
        for mutation, verdict in _each(_judge, left, "mutations"):
            report.judged(mutation, verdict)
    finally:
        _show(chosen, report)
    killed = sum(map(report.killed, chosen))
    print(f"{killed} of {len(chosen)} mutations killed")
    return 0 if killed == len(chosen) else 1


def _broken(tests: list[str], report: Report) -> dict[str, Verdict]:
    """The tests that do not even pass without a mutation."""

    def judge(test: str) -> Verdict:
        return run_test(test, overlay=None, results=_folder(test) / "results.xml")

    broken = {}
    for test, verdict in _each(judge, tests, "tests without mutation"):
        if verdict.outcome is Outcome.PASSED:
            report.passes(test)
        else:
            broken[test] = verdict
    return broken


def _judge(mutation: Mutation) -> Verdict:
    folder = _folder(mutation.name)
    return run_test(mutation.test, overlay=mutation.overlay(folder / "hdl"), results=folder / "results.xml")


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


def _show(mutations: list[Mutation], report: Report) -> None:
    table = Table("mutation", "killed by", "because")
    for row in (report.verdicts[m.name] for m in mutations if m.name in report.verdicts):
        survived = row["outcome"] != Outcome.ASSERTION.value
        how = f"{row['outcome']} {row['reason']}" if survived else row["reason"]
        table.add_row(
            escape(row["mutation"]),
            escape(f"SURVIVED {row['test']}" if survived else row["test"]),
            escape(how),
            style="red" if survived else None,
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
