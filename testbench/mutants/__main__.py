"""``make mutants``: every mutation against its test.  Exits with 1 if any survives."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mutants.mutation import ROOT, Mutation, Outcome, Verdict, run_test
from mutants.mutations import MUTATIONS

BUILD = ROOT / "build" / "mutants"


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
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        healthy = progress.add_task("tests without mutation", total=len({m.test for m in chosen}))
        broken = {}
        for test in sorted({m.test for m in chosen}):
            verdict = run_test(test, overlay=None, results=BUILD / "healthy.xml")
            if verdict.outcome is not Outcome.PASSED:
                broken[test] = verdict
            progress.advance(healthy)
        if broken:
            for test, verdict in broken.items():
                console.print(f"[red]{test} does not pass without a mutation: {verdict.reason}")
            return 1
        task = progress.add_task("mutations", total=len(chosen))
        verdicts = []
        for number, mutation in enumerate(chosen):
            progress.update(task, description=mutation.name)
            overlay = mutation.overlay(BUILD / f"hdl-{number}")
            verdicts.append(run_test(mutation.test, overlay=overlay, results=BUILD / f"{number}.xml"))
            progress.advance(task)

    _show(chosen, verdicts)
    _write(arguments.json, chosen, verdicts)
    survivors = [m for m, v in zip(chosen, verdicts, strict=True) if v.outcome is not Outcome.ASSERTION]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutations killed")
    return 1 if survivors else 0


def _show(mutations: list[Mutation], verdicts: list[Verdict]) -> None:
    table = Table("mutation", "killed by", "because")
    for mutation, verdict in zip(mutations, verdicts, strict=True):
        if verdict.outcome is Outcome.ASSERTION:
            table.add_row(mutation.name, mutation.test, verdict.reason)
        else:
            table.add_row(
                f"[red]{mutation.name}",
                f"[red]SURVIVED {mutation.test}",
                f"{verdict.outcome.value} {verdict.reason}",
            )
    Console().print(table)


def _write(path: Path, mutations: list[Mutation], verdicts: list[Verdict]) -> None:
    rows = [
        {"mutation": m.name, "file": m.file, "test": m.test, "outcome": v.outcome.value, "reason": v.reason}
        for m, v in zip(mutations, verdicts, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=2) + "\n")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
